"""Files that are written in chunks, and appear under their names only when they are complete."""

from __future__ import annotations

import os
import secrets
from pathlib import Path
from types import TracebackType
from typing import IO, Self


class NewFile:
    """A file that gets its name, and replaces an existing file, once it is completely written.

    Until then, and if the block in which it is written raises an exception, an existing file of that name is unchanged.

    :param path: the final path; missing folders are created.
    """

    def __init__(self, path: str | os.PathLike[str]) -> None:
        self.path = Path(path)
        self._part = self.path.with_name(f".{self.path.name}.{secrets.token_hex(4)}.part")
        self._file: IO[bytes] | None = None

    def __enter__(self) -> Self:
        self.path.parent.mkdir(parents=True, exist_ok=True)
        self._file = self._part.open("wb")
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        assert self._file is not None
        try:
            self._file.close()
            if error is None:
                self._part.replace(self.path)
        finally:
            self._part.unlink(missing_ok=True)

    def write(self, data: bytes) -> None:
        """Write a chunk, in the reactor's thread: it goes to the system's cache."""
        assert self._file is not None
        self._file.write(data)
