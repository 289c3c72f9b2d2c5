"""Standard output: whole lines, written immediately, whatever is at the other end."""

from __future__ import annotations

import contextlib
import errno
import os
import select
import shutil
import sys
from collections.abc import Callable, Mapping
from typing import Any

from txcdp.cli._lines import Style
from txcdp.cli._text import clean, clean_json

#: The number of bytes that a pipe takes without blocking, once it is ready.
_ATOMIC = getattr(select, "PIPE_BUF", 512)
_POSIX = os.name == "posix"


class OutputGone(Exception):
    """Nothing can be written any more; the message says why, and is empty if the reader has gone."""


class Output:
    """Writes lines to a stream immediately.

    It bypasses Python's buffer, which loses text when the reader is slow and the stream is non-blocking.

    :param stream: such as ``sys.stdout``; None (as in Python) if it is closed.
    :ivar given_up: called while it waits for a slow reader; if it returns True, :exc:`OutputGone` is raised.
    :ivar gone: whether the reader is gone.
    """

    def __init__(self, stream: Any) -> None:
        self._stream = stream
        self.given_up: Callable[[], bool] = lambda: False
        self.gone = False

    def print(self, text: str = "") -> None:
        """Write a line.

        :raises OutputGone: if nobody reads it any more; after that, nothing is written.
        """
        encoding = getattr(self._stream, "encoding", None) or "utf-8"
        self.write((text + "\n").encode(encoding, "backslashreplace"))

    def write(self, data: bytes) -> None:
        """Write bytes; fails like :meth:`print`."""
        if self.gone:
            raise OutputGone
        try:
            self._write(data)
        except (BrokenPipeError, ConnectionResetError) as error:
            self.gone = True
            raise OutputGone from error
        except OSError as error:
            self.gone = True
            if error.errno in (errno.EIO, errno.EINVAL):  # the terminal was closed; on Windows, the pipe
                raise OutputGone from error
            raise OutputGone(f"standard output cannot be written: {error.strerror}") from error
        except OutputGone:
            self.gone = True
            raise

    def write_json(self, data: bytes) -> None:
        """Write JSON; characters that a terminal would interpret or hide are escaped; fails like :meth:`print`."""
        self.write(clean_json(data))

    def write_row(self, data: bytes) -> None:
        """Write a CSV row, escaped like JSON if it goes to a terminal; fails like :meth:`print`."""
        if self._stream is not None and self._stream.isatty():
            self.print(clean(data.decode("utf-8", "replace").removesuffix("\r\n")))
        else:
            self.write(data)

    def _write(self, data: bytes) -> None:
        if self._stream is None:
            raise OSError(errno.EBADF, os.strerror(errno.EBADF))
        try:
            descriptor = self._stream.fileno()
        except (AttributeError, OSError, ValueError):
            self._stream.write(data.decode("utf-8", "replace"))
            return
        self._stream.flush()
        view = memoryview(data)
        while view:
            if _POSIX:
                self._wait(descriptor)
            with contextlib.suppress(BlockingIOError):
                view = view[os.write(descriptor, view[:_ATOMIC] if _POSIX else view) :]

    def _wait(self, descriptor: int) -> None:
        while not select.select([], [descriptor], [], 0.2)[1]:
            if self.given_up():
                raise OutputGone


def style(stream: Any, colour: bool | None, environ: Mapping[str, str] = os.environ) -> Style:
    """Return the style for a stream: on a terminal with colours and truncated, elsewhere plain and complete.

    :param colour: None: as ``NO_COLOR``, ``FORCE_COLOR`` and ``TERM`` determine, and only on a terminal.
    """
    terminal = stream is not None and bool(stream.isatty())
    columns = shutil.get_terminal_size((100, 24)).columns if terminal else None
    if colour is None:
        wanted = terminal and environ.get("TERM") != "dumb"
        colour = not environ.get("NO_COLOR") and (wanted or bool(environ.get("FORCE_COLOR")))
    return Style(columns, colour)


def complain(text: str) -> None:
    """Write an error to standard error, in one line; characters that a terminal would interpret or hide are escaped."""
    stream: Any = sys.stderr
    if stream is None:  # closed: there is nobody to tell
        return
    with contextlib.suppress(OSError, ValueError):
        stream.write(f"txcdp: {clean(text)}\n")
        stream.flush()
