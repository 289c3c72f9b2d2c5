"""The files of a recording on disk; everything here blocks, and is called in a thread.

The name of a file that is being written ends in ``.partial``. The file is locked as long as its writer lives, however
that ends, so that the next writer in the same directory knows what was left behind: it cuts off the truncated end, adds
a note, and gives the file its name. On systems without such locks (Windows), no other process's files are finished.
"""

from __future__ import annotations

import contextlib
import os
import sys
from pathlib import Path
from typing import Final

from txcdp.recording._compression import Codec, Decoder, MissingLibrary, codec_of
from txcdp.recording._entries import note_line

#: The end of a file's name while it is being written, and before it is locked.
PARTIAL: Final = ".partial"
NEWBORN: Final = ".newborn"

_CHUNK = 1 << 20
#: More than any piece that is written at once.
_LARGEST_PIECE = 64 << 20


class RecordingFile:
    """One file that is being written.

    :param path: the file's name once it is finished.
    :ivar size: the bytes of whole pieces in it.
    """

    def __init__(self, path: Path, codec: Codec) -> None:
        self.path = path
        self.size = 0
        self._codec = codec
        self._ended = False
        self._partial = path.with_name(path.name + PARTIAL)
        newborn = path.with_name(path.name + NEWBORN)
        self._descriptor = os.open(newborn, os.O_RDWR | os.O_CREAT | os.O_EXCL | getattr(os, "O_CLOEXEC", 0), 0o600)
        try:
            _lock(self._descriptor)
            os.rename(newborn, self._partial)  # only now may others take it for left behind
            _sync_directory(path.parent)
        except BaseException:
            with contextlib.suppress(OSError):
                os.unlink(newborn)  # or the next attempt would find it there
            os.close(self._descriptor)
            raise

    @property
    def removed(self) -> bool:
        """Whether somebody has deleted it, so that nobody will ever read what is written to it."""
        return os.fstat(self._descriptor).st_nlink == 0

    def write(self, lines: bytes) -> None:
        """Write all of the lines or, if that fails, none."""
        data = self._codec.encode(lines)
        view = memoryview(data)
        try:
            while view:
                view = view[os.write(self._descriptor, view) :]
        except BaseException:
            with contextlib.suppress(OSError):
                os.ftruncate(self._descriptor, self.size)
                os.lseek(self._descriptor, self.size, os.SEEK_SET)
            raise
        self.size += len(data)

    def sync(self) -> None:
        """Synchronise the file to the disk."""
        os.fsync(self._descriptor)

    def finish(self, last: bytes, durable: bool = True) -> None:
        """Write the last line, and give the file its name; can be tried again if it fails.

        :param durable: whether to synchronise it to the disk.
        """
        if not self._ended:
            self.write(last)
            self._ended = True
        if durable:
            self.sync()
        if self._partial.exists():
            os.rename(self._partial, self.path)
        if durable:
            _sync_directory(self.path.parent)
        self.abandon()

    def discard(self) -> None:
        """Remove the file, which is empty."""
        with contextlib.suppress(OSError):
            os.unlink(self._partial)
        self.abandon()

    def abandon(self) -> None:
        """Close it as it is."""
        descriptor, self._descriptor = self._descriptor, -1
        if descriptor >= 0:
            os.close(descriptor)


def recover(directory: Path, name: str, now: float) -> list[Path]:
    """Finish the files of writers that are no longer running.

    :param name: what the names of the recording's files begin with.
    :param now: the time, in seconds since 1970.
    :returns: the files that were finished.
    """
    if sys.platform == "win32":
        return []
    found = []
    for partial in sorted(directory.glob(f"{_escaped(name)}-*{PARTIAL}")):
        try:
            finished = _recover_one(partial, now)
        except (FileNotFoundError, BlockingIOError, PermissionError, MissingLibrary):
            continue  # its writer lives, or somebody else was quicker, or it is not ours to read
        if finished is not None:
            found.append(finished)
    for newborn in directory.glob(f"{_escaped(name)}-*{NEWBORN}"):
        with contextlib.suppress(OSError):  # killed before it could write anything
            if now - newborn.stat().st_mtime > 60 and newborn.stat().st_size == 0:
                newborn.unlink()
    return found


def _recover_one(partial: Path, now: float) -> Path | None:
    descriptor = os.open(partial, os.O_RDWR | getattr(os, "O_CLOEXEC", 0))
    try:
        _lock(descriptor)
        if os.fstat(descriptor).st_ino != partial.stat().st_ino:
            raise FileNotFoundError(partial)
        codec, whole, rest = _survey(descriptor)
        if not whole and not rest:
            partial.unlink()
            return None
        os.ftruncate(descriptor, whole)
        os.lseek(descriptor, whole, os.SEEK_SET)
        view = memoryview(codec.encode(rest + note_line(now, "end", reason="recovered")))
        while view:
            view = view[os.write(descriptor, view) :]
        os.fsync(descriptor)
        path = partial.with_name(partial.name.removesuffix(PARTIAL))
        os.rename(partial, path)
        _sync_directory(path.parent)
        return path
    finally:
        os.close(descriptor)


def _survey(descriptor: int) -> tuple[Codec, int, bytes]:
    """Return a file's codec, how many bytes of it are whole, and the whole lines of the truncated piece after them."""
    decoder, size = Decoder(), 0
    codec = codec_of(os.pread(descriptor, 4, 0))
    if codec.compresses:
        while data := os.pread(descriptor, _CHUNK, size):
            size += len(data)
            decoder.feed(data)
        torn = Decoder().feed(os.pread(descriptor, _LARGEST_PIECE, decoder.whole))
        return codec, decoder.whole, torn[: torn.rfind(b"\n") + 1]
    size = os.fstat(descriptor).st_size
    while size > 0:
        start = max(0, size - _CHUNK)
        found = os.pread(descriptor, size - start, start).rfind(b"\n")
        if found >= 0:
            return codec, start + found + 1, b""
        size = start
    return codec, 0, b""


def _escaped(name: str) -> str:
    return "".join(f"[{each}]" if each in "*?[" else each for each in name)


def _lock(descriptor: int) -> None:
    if sys.platform != "win32":
        import fcntl

        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)


def _sync_directory(directory: Path) -> None:
    if sys.platform != "win32":
        descriptor = os.open(directory, os.O_RDONLY)
        try:
            os.fsync(descriptor)
        finally:
            os.close(descriptor)
