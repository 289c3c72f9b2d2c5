"""The destination of a command's result: a file that is replaced only as a whole, or standard output."""

from __future__ import annotations

import contextlib
import os
import secrets
import stat
from collections.abc import Iterator
from pathlib import Path

from txcdp.cli._output import Output
from txcdp.errors import TxcdpError


class NotWritten(TxcdpError):
    """The result could not be written; the message says where and why."""


class Destination:
    """A file or standard output, to which a result is written.

    :param path: the file; None: standard output.
    :param output: standard output.
    :ivar written: the number of bytes written.
    """

    def __init__(self, path: Path | None, output: Output) -> None:
        self.path = path
        self.written = 0
        self._output = output

    @contextlib.contextmanager
    def whole(self) -> Iterator[None]:
        """Replace the file by what is written in the block when that ends; if it fails, leave the file unchanged.

        Standard output keeps what was written by then. A symbolic link keeps its target; anything but a regular file,
        such as a pipe or a device, is written to directly.

        :raises NotWritten: if it cannot be written there.
        """
        if self.path is None:
            yield
            return
        with _reported(self.path):
            where = self.path.resolve()
            mode = where.stat().st_mode if where.exists() else None
            direct = mode is not None and not stat.S_ISREG(mode)
            beside = where if direct else beside_of(where)
            # As open() makes them: what the user's mask leaves of these rights.
            flags = os.O_WRONLY | getattr(os, "O_BINARY", 0) | (0 if direct else os.O_CREAT | os.O_EXCL)
            self._file = os.fdopen(os.open(beside, flags, 0o666), "wb")
        try:
            yield
            with _reported(self.path):
                self._file.flush()
                if not direct:
                    os.fsync(self._file.fileno())
                self._file.close()
                if not direct:
                    if mode is not None:
                        os.chmod(beside, stat.S_IMODE(mode))
                    os.replace(beside, where)
        except BaseException:
            with contextlib.suppress(OSError):
                self._file.close()
            if not direct:
                beside.unlink(missing_ok=True)
            raise

    def write(self, data: bytes) -> None:
        """Write a chunk, in the block of :meth:`whole`.

        :raises NotWritten: if it could not be written to the file.
        :raises OutputGone: if nobody reads standard output any more.
        """
        if self.path is None:
            self._output.write(data)
        else:
            with _reported(self.path):
                self._file.write(data)
        self.written += len(data)


def beside_of(path: Path) -> Path:
    """Return the path of a temporary file that will replace another one: hidden, in the same folder."""
    return path.with_name(f".{path.name[:100]}.{secrets.token_hex(4)}.part")


@contextlib.contextmanager
def _reported(path: Path) -> Iterator[None]:
    """Name the file in an error, because it may have a temporary name at that time."""
    try:
        yield
    except OSError as error:
        raise NotWritten(f"{path} cannot be written: {error.strerror or error}") from error
