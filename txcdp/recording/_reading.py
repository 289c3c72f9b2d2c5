"""Reads recordings: in any of the formats, the files of one recording in their order, with damage reported."""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path
from typing import Final, NamedTuple, Protocol

from txcdp.errors import MalformedMessage
from txcdp.recording._compression import Decoder
from txcdp.recording._entries import Damage, Entry, NoteEntry, parse
from txcdp.recording._files import PARTIAL
from txcdp.recording._har_reader import HarReader, first_time, looks_like_har

_CHUNK = 1 << 18
_SQLITE = b"SQLite format 3\0"
#: Bytes that are looked at to recognize a file.
_HEAD = 1024
#: Bytes in which the first line of a file is searched for.
_FIRST = 1 << 16
#: Bytes that are read for that from a compressed file.
_LONGEST_FIRST: Final = 1 << 24
#: The longest line that is read, in bytes; a browser sends no longer message. A line that is cut off there is invalid.
_LONGEST: Final = 1 << 28
_SUFFIXES = (".jsonl", ".jsonl.gz", ".jsonl.zst", ".sqlite")


class Reader(Protocol):
    """One file, read as far as possible.

    :ivar ended: whether the end of the recording has been read, or of its file.
    """

    ended: bool

    def poll(self) -> Iterator[Entry]:
        """Return the entries that have been added since the last call."""

    def lines(self) -> Iterator[bytes]:
        """Return the same as lines that are not decoded yet."""

    def finish(self) -> Iterator[Entry]:
        """Report the rest that is not an entry."""

    def close(self) -> None:
        """Close the file."""


class LinesReader:
    """A file of JSON lines, even while it is being written.

    :ivar ended: whether its last line has been read.
    """

    def __init__(self, path: Path) -> None:
        self.path = path
        self.ended = False
        self._file = path.open("rb")
        self._decoder = Decoder()
        #: The parts of a line whose end has not been read yet.
        self._begun: list[bytes] = []
        self._length = 0
        self._time = 0.0

    def poll(self) -> Iterator[Entry]:
        """Return the entries of whole lines that were not returned before."""
        return map(self._parse, self.lines())

    def lines(self) -> Iterator[bytes]:
        """Return the whole lines that were not returned before."""
        while data := self._file.read(_CHUNK):
            for piece in self._decoder.pieces(data):
                first, *others = piece.split(b"\n")
                self._add(first)
                for each in others:
                    yield self._take()
                    self._add(each)

    def _add(self, part: bytes) -> None:
        if part and self._length < _LONGEST:
            self._begun.append(part)
            self._length += len(part)

    def _take(self) -> bytes:
        line, self._begun, self._length = b"".join(self._begun), [], 0
        return line

    def finish(self) -> Iterator[Entry]:
        """Report a truncated end."""
        if self._decoder.error is not None:
            yield self._damage(b"", f"broken after {self._decoder.whole:,} bytes: {self._decoder.error}")
        elif self._begun:
            rest = self._take()
            yield self._damage(rest, f"it ends in the middle of a line, after {len(rest):,} bytes of it")
        elif self._decoder.torn:
            yield self._damage(b"", f"it ends in the middle of a block, after {self._decoder.whole:,} bytes")

    def close(self) -> None:
        """Close the file."""
        self._file.close()

    def _parse(self, line: bytes) -> Entry:
        try:
            entry = parse(line)
        except MalformedMessage as error:
            return self._damage(line, str(error))
        self._time = entry.time
        if isinstance(entry, NoteEntry) and entry.kind == "end":
            self.ended = True
        return entry

    def _damage(self, line: bytes, reason: str) -> Damage:
        return Damage(self._time, line, str(self.path), reason)


class _First(NamedTuple):
    recording: str
    number: int
    time: float


def read(*paths: str | os.PathLike[str]) -> Iterator[Entry]:
    """Read recordings.

    :param paths: files, or directories of them; plain, gzip, zstd, SQLite and HAR files are recognized by their
        contents. The files of one recording are read in their order, whatever the order of the arguments.
    :returns: the entries; for a truncated or damaged file, the entries that can be read and then a :class:`Damage`.
    :raises OSError: a file cannot be opened.
    :raises NoHar: a file that is named as HAR, or begins like HAR, is not valid HAR.
    :raises MissingLibrary: a file is compressed with zstd, which is not available.
    """
    for path in in_order(*paths):
        with closing(open_reader(path)) as reader:
            yield from reader.poll()
            yield from reader.finish()


def is_har(path: Path) -> bool:
    """Return whether a file is read as HAR."""
    return looks_like_har(path, _head(path))


def open_reader(path: Path) -> Reader:
    """Open a file with the reader for its format."""
    start = _head(path)
    if start.startswith(_SQLITE):
        from txcdp.recording._sqlite import SQLiteReader

        return SQLiteReader(path)
    if looks_like_har(path, start):
        return HarReader(path)
    return LinesReader(path)


def _head(path: Path) -> bytes:
    with path.open("rb") as file:
        return file.read(_HEAD)


def in_order(*paths: str | os.PathLike[str]) -> list[Path]:
    """Return all files of these paths, those of one recording one after the other.

    :param paths: files, and directories, in which the files are used that are named like recordings.
    """
    found: list[Path] = []
    for each in map(Path, paths):
        found += _within(each) if each.is_dir() else [each]
    firsts = {path: _first(path) for path in found}
    begun: dict[str, float] = {}
    for first in firsts.values():
        begun[first.recording] = min(first.time, begun.get(first.recording, first.time))

    def key(path: Path) -> tuple[float, str, int, str]:
        first = firsts[path]
        return begun[first.recording], first.recording, first.number, path.name

    return sorted(found, key=key)


def _within(directory: Path) -> list[Path]:
    names = sorted(directory.iterdir())
    wanted = [each for each in names if each.name.removesuffix(PARTIAL).endswith(_SUFFIXES)]
    return [each for each in wanted if each.is_file()]  # a pipe would be waited for


def _first(path: Path) -> _First:
    """Read which recording a file belongs to, and its position among the files."""
    with path.open("rb") as file:
        start = file.read(_FIRST)
    if looks_like_har(path, start):
        return _First(str(path), 0, first_time(start) or path.stat().st_mtime)
    if not start.startswith(_SQLITE):
        line = b""
        for piece in Decoder().pieces(start):
            line += piece
            if b"\n" in piece or len(line) > _LONGEST_FIRST:
                break
        try:
            entry = parse(line.partition(b"\n")[0])
        except MalformedMessage:
            return _First(str(path), 0, path.stat().st_mtime)
        if isinstance(entry, NoteEntry) and entry.kind == "begin":
            return _First(str(entry.data.get("recording")), int(entry.data.get("file") or 0), entry.time)
    return _First(str(path), 0, path.stat().st_mtime)
