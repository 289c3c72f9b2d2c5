"""A HAR 1.2 file that grows: it is complete after each entry, whatever happens next.

The entries come first, followed by a footer that closes the file. Each new entry overwrites the footer, in one write
together with the new footer. So if the program is killed, the file is complete, and no entry is held in memory. Only a
kill in the middle of that write truncates it, because the kernel may stop a write between two memory pages. So each
entry is a single line, and all whole lines of a truncated file can be read.
"""

from __future__ import annotations

import contextlib
import os
import shutil
import tempfile
import zipfile
from collections.abc import Iterable
from pathlib import Path
from typing import Any, Final

from txcdp._deferreds import Timer
from txcdp._reactor import Clock
from txcdp.errors import MalformedMessage
from txcdp.protocol import from_json, to_json

#: The maximum size in bytes of a footer, with its pages, that is rewritten for each entry; a larger one is rewritten
#: for several at once.
_SMALL: Final = 16384

#: Seconds for which entries are queued then, and the number of queued bytes that are written at once.
_TOGETHER: Final = 0.25
_MOST_WAITING: Final = 1 << 20

_ENTRIES: Final = b'"entries":['


def without_cut_entry(data: bytes) -> bytes | None:
    """Return a file whose program was killed during a write, without the truncated entry, and without pages.

    :param data: the contents of the file.
    :returns: valid HAR; None if the file was not written by this library, with one entry per line.
    """
    head, begin, lines = data.partition(_ENTRIES + b"\n")
    if not begin:
        return None
    whole = []
    for line in lines.split(b"\n"):
        entry = line.removeprefix(b",")
        try:
            from_json(entry)
        except MalformedMessage:
            break
        whole.append(entry)
    return head + _ENTRIES + b"\n,".join(whole) + b"]}}"


class HarFile:
    """A HAR 1.2 file that is being written, readable only by its owner.

    An entry that cannot be written is left out, along with those queued with it: the file stays complete.

    :param path: the path; an existing file is replaced.
    :param head: the members of the log besides entries and pages.
    :param clock: the reactor.
    :ivar pages: its pages; call :meth:`changed` after changing one.
    :ivar error: why queued entries are missing.
    :raises OSError: if it cannot be written.
    """

    def __init__(self, path: Path, head: dict[str, Any], clock: Clock) -> None:
        self.path = path
        self.pages: list[dict[str, Any]] = []
        self.entries = 0
        self.error: OSError | None = None
        self._file = os.open(path, os.O_RDWR | os.O_CREAT | os.O_TRUNC | getattr(os, "O_CLOEXEC", 0), 0o600)
        os.chmod(path, 0o600)
        self._waiting: list[bytes] = []
        self._size = 0
        self._timer = Timer(clock, self._flush_late)
        self._closing = self._closed_by = b""
        self._dirty = True
        self._closed = False
        begin = b'{"log":' + to_json(head)[:-1] + b"," + _ENTRIES
        #: Where the next entry begins; and where what closes the file does now, after how many entries.
        self._end = len(begin)
        self._whole = self._end, 0
        try:
            self._write(begin, 0)
            self.flush()
        except OSError:
            os.close(self._file)
            raise

    def add(self, parts: Iterable[bytes]) -> None:
        """Write an entry, in chunks if it is large.

        :raises OSError: it cannot be written.
        """
        if self._closed:
            return
        try:
            self._add(parts)
        except OSError:
            self._fall_back()
            raise

    def _add(self, parts: Iterable[bytes]) -> None:
        first = b"\n," if self.entries else b"\n"
        self.entries += 1
        open_ended = False
        self._waiting.append(first)
        self._size += len(first)
        for each in parts:
            self._waiting.append(each)
            self._size += len(each)
            if self._size > _MOST_WAITING:
                self._write_waiting()
                open_ended = True  # what closed the file is overwritten
        if open_ended or len(self._closing) <= _SMALL:
            self.flush()
        else:
            self._timer.set(_TOGETHER)

    def changed(self) -> None:
        """Note that a page has changed."""
        self._dirty = True

    def flush(self) -> None:
        """Write the queued entries and the footer."""
        self._timer.stop()
        if self._closed:
            return
        if self._dirty:
            self._dirty = False
            self._closing = b'\n],"pages":' + to_json(self.pages) + b"}}\n"
        data, self._waiting, self._size = b"".join(self._waiting), [], 0
        self._write(data + self._closing, self._end)
        self._end += len(data)
        os.ftruncate(self._file, self._end + len(self._closing))
        self._whole, self._closed_by = (self._end, self.entries), self._closing

    def close(self) -> None:
        """Write everything, and close it.

        :raises OSError: if not everything could be written.
        """
        if not self._closed:
            self._dirty = True
            try:
                self.flush()
            except OSError:
                self._fall_back()
                raise
            finally:
                self._closed = True
                os.close(self._file)

    def _flush_late(self) -> None:
        try:
            self.flush()
        except OSError as error:
            self._fall_back()
            self.error = self.error or error

    def _fall_back(self) -> None:
        """Restore the footer in its former place, without what could not be written."""
        self._waiting, self._size, self._dirty = [], 0, True
        self._end, self.entries = self._whole
        with contextlib.suppress(OSError):
            self._write(self._closed_by, self._end)
            os.ftruncate(self._file, self._end + len(self._closed_by))

    def _write_waiting(self) -> None:
        data, self._waiting, self._size = b"".join(self._waiting), [], 0
        self._write(data, self._end)
        self._end += len(data)

    def _write(self, data: bytes, at: int) -> None:
        view = memoryview(data)
        while view:
            written = os.pwrite(self._file, view, at)
            view, at = view[written:], at + written


class HarArchive:
    """A recording with its additional files, which becomes a single zip file once it is complete.

    Until then it is in a folder beside the zip file, which remains if the program dies.

    :param path: of the zip file.
    :raises OSError: if the folder cannot be created.
    :ivar har: the path of the recording.
    """

    def __init__(self, path: Path) -> None:
        self._path = path
        self._folder = Path(tempfile.mkdtemp(prefix=f".{path.name}.", dir=path.parent))
        self.har = self._folder / "har.har"

    def pack(self) -> None:
        """Make the zip file, which may take long, and remove the folder.

        :raises OSError: if it cannot be written; then the folder remains.
        """
        partial = self._folder / ".zip.part"
        names = sorted(each.name for each in self._folder.iterdir() if not each.name.startswith("."))
        with zipfile.ZipFile(partial, "w", zipfile.ZIP_DEFLATED, strict_timestamps=False) as archive:
            for name in names:
                archive.write(self._folder / name, name)
        os.chmod(partial, 0o600)
        os.replace(partial, self._path)
        shutil.rmtree(self._folder, ignore_errors=True)


def file_beside(har: Path, name: str) -> bytes:
    """Return the contents of a file that belongs to a HAR file, such as a body.

    :raises ValueError: if it is not below the HAR file's folder: an untrusted HAR file may name any file of this
        machine.
    :raises OSError: if it cannot be read.
    """
    folder = har.resolve().parent
    there = (folder / name).resolve()
    if folder not in there.parents:
        raise ValueError(f"{name!r} is not in the HAR file's directory")
    return there.read_bytes()
