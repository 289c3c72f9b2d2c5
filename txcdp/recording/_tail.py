"""Reads recordings while they are being written: what is there, and then whatever is added."""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

from txcdp.recording._entries import Entry
from txcdp.recording._files import PARTIAL
from txcdp.recording._reading import Reader, in_order, open_reader


class Tail:
    """Follows recordings.

    :param paths: files; and directories, whose files are followed, including those that are added.
    :raises OSError: one of them does not exist.
    """

    def __init__(self, *paths: str | os.PathLike[str]) -> None:
        self._paths = [Path(each) for each in paths]
        self._readers: dict[Path, Reader] = {}
        self._done: set[Path] = set()
        self._endless = any(each.is_dir() for each in self._paths)
        self._open()

    @property
    def ended(self) -> bool:
        """Whether nothing more can come: the files have ended, and no directory is followed."""
        return not self._endless and not self._readers

    def poll(self) -> Iterator[Entry]:
        """Return the entries that have been added since the last call, and the damage in files that have ended."""
        self._open()
        for path, reader in list(self._readers.items()):
            yield from reader.poll()
            if reader.ended:
                yield from self._close(path)

    def finish(self) -> Iterator[Entry]:
        """Close all files, and report truncated ends."""
        for path in list(self._readers):
            yield from self._close(path)

    def _close(self, path: Path) -> Iterator[Entry]:
        self._done.add(path)
        with closing(self._readers.pop(path)) as reader:
            yield from reader.finish()

    def _open(self) -> None:
        paths = self._paths if self._endless or not (self._readers or self._done) else []
        for path in in_order(*paths):
            key = path.with_name(path.name.removesuffix(PARTIAL))
            if key not in self._done and key not in self._readers:
                self._readers[key] = open_reader(path)
