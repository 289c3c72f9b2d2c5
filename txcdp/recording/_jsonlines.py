"""JSON lines on disk: compressed, rotated, synchronised, and finished by an atomic rename."""

from __future__ import annotations

import os
import re
import secrets
import time
from pathlib import Path

from twisted.internet.defer import Deferred, succeed
from twisted.logger import Logger

from txcdp._logs import LogThrottle
from txcdp.recording._compression import Compression, codec
from txcdp.recording._entries import FORMAT, VERSION, NoteLine, note_line
from txcdp.recording._files import RecordingFile, recover
from txcdp.recording._sinks import PACE, Host, Sync

log = Logger()


class JsonLines:
    """Stores a recording as files of JSON lines.

    The files are named ``NAME-20270131T235959Z-3f9c2a-00001.jsonl``, plus ``.gz`` or ``.zst``; the name of the file
    being written ends in ``.partial``. When a recorder starts, it finishes the files that processes which no longer run
    have left behind in the same directory.

    :param directory: created if it is missing; only their owner can read the files in it.
    :param name: what the file names begin with.
    :param compression: ``"none"``, ``"gzip"`` or ``"zstd"`` (Python 3.14, or ``txcdp[zstd]``).
    :param rotate_size: bytes of a file after which the next one is begun; None: no limit. A file may get larger by what
        is written at once: 1 MB, before compression.
    :param rotate_age: seconds after which the next file is begun, unless nothing has happened; None: no limit.
    :param sync: seconds within which written data is on the disk (``fsync``); ``"always"``: at each write, five times a
        second; ``"never"``: when the operating system decides, so that a power failure may come first.
    :raises ValueError: for invalid arguments.
    :raises MissingLibrary: for zstd, if it is not available.
    :ivar files: the number of files begun.
    :ivar recovered: the files of former processes that were finished at the start.
    """

    def __init__(
        self,
        directory: str | os.PathLike[str],
        name: str = "recording",
        *,
        compression: Compression = "none",
        rotate_size: int | None = 256 * 1024 * 1024,
        rotate_age: float | None = None,
        sync: Sync = 1.0,
    ) -> None:
        if not re.fullmatch(r"[\w.+@-]+", name):
            raise ValueError(f"name={name!r}: use letters, digits and . _ + @ -: it becomes part of file names")
        if isinstance(sync, str) and sync not in ("always", "never"):
            raise ValueError(f'sync={sync!r}: use a number of seconds, "always" or "never"')
        for what, number in (("rotate_size", rotate_size), ("rotate_age", rotate_age), ("sync", sync)):
            if isinstance(number, int | float) and number <= 0:
                raise ValueError(f"{what}={number}: must be more than 0")
        self.directory = Path(directory)
        self.name = name
        self.files = 0
        self.recovered: list[Path] = []
        self._codec = codec(compression)
        self._rotate_size = rotate_size
        self._rotate_age = rotate_age
        self._sync = sync
        self._file: RecordingFile | None = None
        self._events = 0
        self._opened = self._synced = 0.0
        self._unsynced = False
        self._id = ""

    def __repr__(self) -> str:
        return f"<JsonLines {self.directory / self.name}*{self._codec.suffix}>"

    def open(self, host: Host) -> Deferred[None]:
        """Create the directory, finish the files that were left behind in it, and begin the first file."""
        self._host = host
        self._may_log = LogThrottle(host.clock)
        now = host.wall()
        self._id = f"{time.strftime('%Y%m%dT%H%M%SZ', time.gmtime(now))}-{secrets.token_hex(3)}"
        return self._host.in_thread(self._open, now, self._beginning())

    def write(self, lines: list[bytes]) -> Deferred[None]:
        """Write lines, beginning the next file and synchronising to the disk if those are due."""
        now = self._host.clock.seconds()
        rotate = self._events > 0 and self._is_full(now)
        if not lines and not rotate and not self._unsynced:
            return succeed(None)
        sync = self._sync == "always" or (self._seconds is not None and _passed(now - self._synced, self._seconds))
        if lines and self._file is not None and self._file.removed:
            path = self._file.path
            log.error("{path} was removed while it was being written; the recording continues in a new file", path=path)
            lines = [note_line(self._host.wall(), "removed", path=str(path)), *lines]
            self._file.abandon()
            self._file = None
        begin = self._beginning() if rotate or self._file is None else None
        writing = self._host.in_thread(self._write, lines, begin, sync, self._host.wall())
        return writing.addCallback(self._wrote, now, begin is not None, sync, len(lines))

    def due(self) -> float | None:
        """Return the seconds until the next synchronisation, or the next file, is due."""
        now = self._host.clock.seconds()
        times = []
        if self._unsynced and self._seconds is not None:
            times.append(self._synced + self._seconds - now)
        if self._rotate_age is not None and self._events:
            times.append(self._opened + self._rotate_age - now)
        return max(0.0, min(times)) if times else None

    def close(self, reason: str, dropped: int) -> Deferred[None]:
        """Finish the last file."""
        return self._host.in_thread(self._close, self._host.wall(), reason, dropped)

    @property
    def _seconds(self) -> float | None:
        """The longest time without synchronising; a line has already waited for :data:`PACE` when it is written."""
        return None if isinstance(self._sync, str) else max(0.0, self._sync - PACE)

    def _is_full(self, now: float) -> bool:
        size = self._file.size if self._file is not None else 0
        if self._rotate_size is not None and size >= self._rotate_size:
            return True
        return self._rotate_age is not None and _passed(now - self._opened, self._rotate_age)

    def _beginning(self) -> NoteLine:
        about = {"format": FORMAT, "version": VERSION, "recording": self._id, "file": self.files + 1}
        return note_line(self._host.wall(), "begin", **about, **self._host.describe())

    def _wrote(self, failed: OSError | None, now: float, began: bool, synced: bool, lines: int) -> None:
        if began:
            self._events = 0
            self._opened = now
        self._events += lines
        self._unsynced = self._sync != "never" and (not synced or failed is not None)
        if synced:
            self._synced = now
        if failed is not None and self._may_log():
            log.error("{what} could not be synchronised to disk: {error}", what=self, error=failed)

    # In a thread, one at a time:

    def _open(self, now: float, begin: bytes) -> None:
        self.directory.mkdir(parents=True, exist_ok=True)
        self.recovered = recover(self.directory, self.name, now)
        self._begin(begin)
        self._opened = self._synced = self._host.clock.seconds()

    def _begin(self, begin: bytes) -> None:
        path = self.directory / f"{self.name}-{self._id}-{self.files + 1:05}{self._codec.suffix}"
        file = RecordingFile(path, self._codec)
        try:
            file.write(begin)
        except BaseException:
            file.discard()
            raise
        self._file, self.files = file, self.files + 1

    def _write(self, lines: list[bytes], begin: bytes | None, sync: bool, wall: float) -> OSError | None:
        """Write lines; if only synchronising them fails, return the error, so that they are not written again."""
        if begin is not None:
            self._finish(wall, "rotated", 0)
            self._begin(begin)
        assert self._file is not None
        if lines:
            self._file.write(b"".join(lines))
        try:
            if sync:
                self._file.sync()
        except OSError as error:
            return error
        return None

    def _close(self, wall: float, reason: str, dropped: int) -> None:
        try:
            self._finish(wall, reason, dropped)
        finally:
            if self._file is not None:
                self._file.abandon()

    def _finish(self, wall: float, reason: str, dropped: int) -> None:
        if self._file is not None:
            last = note_line(wall, "end", reason=reason, entries=self._events, dropped=dropped)
            self._file.finish(last, durable=self._sync != "never")
            self._file = None


def _passed(since: float, seconds: float) -> bool:
    """Return whether a time is over; a clock that was set back counts as unknown."""
    return not 0 <= since < seconds
