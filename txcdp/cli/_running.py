"""Runs one command in the reactor, and returns its exit code; a signal ends it cleanly."""

from __future__ import annotations

import io
import os
import signal
import sys
from collections.abc import Callable, Coroutine
from types import FrameType
from typing import Any

from twisted.internet.defer import CancelledError, Deferred
from twisted.python.failure import Failure

from txcdp._reactor import AnyReactor, whole
from txcdp.cli._output import OutputGone, complain
from txcdp.cli._text import clean
from txcdp.errors import LaunchError, TxcdpError

#: Exit codes; a command that a signal has ended exits with 128 and the signal's number, as shells have it.
GOOD, BAD, MISUSE, SIGNALLED = 0, 1, 2, 128
#: What a shell shows for a program whose reader has gone away.
NO_READER = SIGNALLED + 13

_SIGNALS = ("SIGINT", "SIGTERM", "SIGHUP", "SIGBREAK")


class Misuse(Exception):
    """The arguments are invalid; the message says why."""


class Runner:
    """Runs a command and ends it.

    :param reactor: the reactor, not running yet.
    :ivar signalled: the number of the first signal that came, or None.
    """

    def __init__(self, reactor: AnyReactor) -> None:
        self.signalled: int | None = None
        self._reactor = whole(reactor)
        self._running: Deferred[int] | None = None
        self._code = BAD
        self._before: dict[int, Any] = {}

    def run(self, command: Callable[[Any], Coroutine[Deferred[Any], Any, int]]) -> int:
        """Run until the command has returned, and whatever it started has ended.

        The first signal cancels the command, which then cleans up; a second one ends the process at once.

        :param command: called with the reactor, a coroutine function; returns the exit code.
        :returns: the exit code.
        """
        self._reactor.callWhenRunning(self._start, command)
        try:
            self._reactor.run()
        finally:
            for number, handler in self._before.items():
                signal.signal(number, handler)
        return self._code

    def _start(self, command: Callable[[Any], Coroutine[Deferred[Any], Any, int]]) -> None:
        for name in _SIGNALS:
            number = getattr(signal, name, None)
            if number is not None and signal.getsignal(number) is not signal.SIG_IGN:
                self._before[number] = signal.signal(number, self._signal)
        self._running = Deferred.fromCoroutine(command(self._reactor))
        self._running.addBoth(self._finished)

    def _signal(self, number: int, frame: FrameType | None) -> None:
        if self.signalled is not None:
            os._exit(SIGNALLED + number)  # the browser ends when we do
        self.signalled = number
        self._reactor.callFromThread(self._cancel)

    def _cancel(self) -> None:
        if self._running is not None:
            self._running.cancel()

    def _finished(self, result: int | Failure) -> None:
        self._code = self._verdict(result) if isinstance(result, Failure) else result
        if self.signalled is not None:
            self._code = SIGNALLED + self.signalled
        self._running = None
        self._reactor.stop()

    def _verdict(self, failure: Failure) -> int:
        error = failure.value
        if isinstance(error, OutputGone):
            if not str(error):
                return NO_READER
            complain(str(error))
            return BAD
        if isinstance(error, CancelledError) and self.signalled is not None:
            return SIGNALLED + self.signalled
        if isinstance(error, Misuse):
            complain(str(error))
            return MISUSE
        if isinstance(error, TxcdpError | OSError):
            complain(one_line(error))
            return BAD
        told = io.StringIO()
        failure.printTraceback(told)
        (sys.stderr or io.StringIO()).write("\n".join(map(clean, told.getvalue().split("\n"))))
        return BAD


def one_line(error: BaseException) -> str:
    """Return an error's message in one clean line; of a browser that did not start, with its own last words."""
    text = str(error) or type(error).__name__
    if isinstance(error, LaunchError):
        words = [each.strip() for each in error.stderr.splitlines() if each.strip()]
        return clean(" ".join([error.message, *words[-1:]]))
    return clean(" ".join(line.strip() for line in text.split("\n")))
