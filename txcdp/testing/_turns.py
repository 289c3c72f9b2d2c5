"""Turns: when a FakeChrome does something, and how a test controls it."""

from __future__ import annotations

import math
from collections.abc import Coroutine
from typing import Any, TypeVar

from twisted.internet import task
from twisted.internet.defer import Deferred
from twisted.python.failure import Failure

from txcdp._deferreds import Timer
from txcdp._reactor import Clock
from txcdp.testing._script import UnexpectedCommand

T = TypeVar("T")

#: Turns after which a flush is taken to go on for ever.
_ENDLESS = 100_000


class Turns:
    """Runs turns: each one is what a real browser and client would do between two looks at the network.

    :param clock: a :class:`~twisted.internet.task.Clock`, which is made by default, or a reactor.
    """

    def __init__(self, clock: Clock | None = None) -> None:
        self.clock: Any = task.Clock() if clock is None else clock
        self._unexpected: list[str] = []
        self._stalled = False
        self._flushing = False
        self._turn = Timer(self.clock, self.flush)

    def flush(self) -> None:
        """Take turns until there is nothing left to do.

        :raises UnexpectedCommand: there was one, and ``strict`` is true.
        """
        if self._flushing:
            return
        self._flushing = True
        try:
            for _ in range(_ENDLESS):
                if not self._take_turn():
                    break
            else:
                raise AssertionError("the client and the script answer each other endlessly")
        finally:
            self._flushing = False
        if self._unexpected:
            said, self._unexpected = self._unexpected, []
            raise UnexpectedCommand("\n".join(said))

    def advance(self, seconds: float = 0.0) -> None:
        """Take turns while time passes on the clock: whatever falls due happens at its own time, in order.

        :param seconds: how much time passes, in seconds.
        """
        self.flush()
        until = self.clock.seconds() + seconds
        while True:
            due = self._next_due()
            self.clock.advance(max(0.0, min(due, until) - self.clock.seconds()))
            self.flush()
            if due > until:
                break

    def _next_due(self) -> float:
        """Return when the next call on the clock is due; what is called then may schedule others before the rest."""
        return min((call.getTime() for call in self.clock.getDelayedCalls()), default=math.inf)

    def run(self, awaitable: Coroutine[Any, Any, T] | Deferred[T], seconds: float = 0.0) -> T:
        """Drive a coroutine or a Deferred to its end.

        :param seconds: how much time may pass on the clock meanwhile, from one timer to the next.
        :returns: its result; its exception is raised.
        :raises AssertionError: it does not end; the message says which commands have no answer.
        """
        deferred = awaitable if isinstance(awaitable, Deferred) else Deferred.fromCoroutine(awaitable)
        ended: list[T | Failure] = []
        deferred.addBoth(ended.append)
        self.flush()
        until = self.clock.seconds() + seconds
        while not ended:
            due = self._next_due()
            if due > until:
                break
            self.advance(max(0.0, due - self.clock.seconds()))
        if not ended:
            waiting = ", ".join(self._waited_for()) or "no command"
            deferred.addErrback(lambda _: None)
            raise AssertionError(f"still waiting after {seconds:g} s; not answered: {waiting}")
        if isinstance(ended[0], Failure):
            ended[0].raiseException()
        return ended[0]

    def _wake(self) -> None:
        if not self._flushing:
            self._turn.set(0)

    def _take_turn(self) -> bool:
        """Return whether anything happened."""
        self._turn.stop()
        return not self._stalled and self._do_turn()

    def _do_turn(self) -> bool:
        """Do what there is to do; return whether there was anything."""
        raise NotImplementedError

    def _waited_for(self) -> list[str]:
        """Name the commands without an answer."""
        raise NotImplementedError
