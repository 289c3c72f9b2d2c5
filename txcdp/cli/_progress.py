"""Shows what a command is currently doing, in one line on a terminal."""

from __future__ import annotations

import contextlib
import shutil
from collections.abc import Callable
from types import TracebackType
from typing import Any, Self

from twisted.internet.task import LoopingCall

from txcdp._reactor import Clock, whole
from txcdp.cli._text import clean, cut

#: Seconds before a command's progress is shown, and between two updates.
_PATIENCE, _OFTEN = 0.7, 0.2


class Progress:
    """Shows progress on standard error, if that is a terminal; a context manager.

    The line appears after a moment, so that fast commands do not show it, and is erased at the end.

    :param clock: the reactor.
    :param stream: such as ``sys.stderr``; None (as in Python) if it is closed.
    """

    def __init__(self, clock: Clock, stream: Any) -> None:
        self._clock = whole(clock)
        self._stream = stream
        self._what: Callable[[], str] = lambda: ""
        self._shown = False
        self._began = 0.0
        self._looking = LoopingCall(self._show)
        self._looking.clock = whole(clock)
        self.active = stream is not None and bool(stream.isatty())

    def say(self, what: str | Callable[[], str]) -> None:
        """Set the current activity: a text, or a function that is called repeatedly for one."""
        self._what = what if callable(what) else lambda: what

    def clear(self) -> None:
        """Erase the line, so that another one can be written."""
        if self._shown:
            self._shown = False
            self._write("\r\x1b[K")

    def __enter__(self) -> Self:
        if self.active:
            self._began = self._clock.seconds()
            self._looking.start(_OFTEN, now=False)
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        if self._looking.running:
            self._looking.stop()
        self.clear()

    def _show(self) -> None:
        passed = self._clock.seconds() - self._began
        if passed >= _PATIENCE:
            text = f"{passed:3.0f} s  {clean(self._what())}"
            self._shown = True
            self._write("\r" + cut(text, shutil.get_terminal_size((100, 24)).columns - 1) + "\x1b[K")

    def _write(self, text: str) -> None:
        with contextlib.suppress(OSError, ValueError):  # the terminal is gone: there is nobody to tell
            self._stream.write(text)
            self._stream.flush()
