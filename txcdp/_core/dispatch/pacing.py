"""Limits on sending: the number of commands in flight, and per second."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable
from typing import Any, TypeVar

from twisted.internet.defer import Deferred, succeed

from txcdp._deferreds import Timer, Waiters
from txcdp._reactor import Clock

T = TypeVar("T")


class Pacer:
    """Holds messages back, in order, until the limits allow them to be sent.

    A command that ends while it is held (cancelled, timed out, detached) is never sent.

    :param clock: a reactor or a ``task.Clock``.
    :param send: sends a message.
    :param max_in_flight: the maximum number of commands in flight; None: no limit.
    :param commands_per_second: the maximum number sent within any one second; None: no limit.
    :ivar held_bytes: the total size of the messages held back.
    """

    def __init__(
        self,
        clock: Clock,
        send: Callable[[bytes], None],
        max_in_flight: int | None = None,
        commands_per_second: int | None = None,
    ) -> None:
        for name, value in (("max_in_flight", max_in_flight), ("commands_per_second", commands_per_second)):
            if value is not None and value < 1:
                raise ValueError(f"{name}={value}: must be at least 1 command")
        self._clock = clock
        self._send = send
        self._max_in_flight = max_in_flight
        self._per_second = commands_per_second
        self._in_flight = 0
        self._sent_at: deque[float] = deque(maxlen=commands_per_second)
        self.held_bytes = 0
        self._held: deque[tuple[bytes, Deferred[Any]]] = deque()
        self._emptied: Waiters[None] = Waiters()
        self._timer = Timer(clock, self._go_on)

    def submit(self, message: bytes, deferred: Deferred[Any]) -> None:
        """Send a command's message as soon as the limits allow, unless its Deferred has fired by then."""
        self._held.append((message, deferred))
        self.held_bytes += len(message)
        self._go_on()

    def stop(self) -> None:
        """Send nothing more, and leave no DelayedCall behind."""
        self._held.clear()
        self._empty()
        self._timer.stop()

    def take_back(self) -> list[Deferred[Any]]:
        """Discard the commands that were held back, and so never sent; return their Deferreds."""
        held = [deferred for _, deferred in self._held if not deferred.called]
        self._held.clear()
        self._empty()
        return held

    def when_empty(self) -> Deferred[None]:
        """Return a Deferred that fires when nothing is held back; it may be cancelled."""
        return self._emptied.wait() if self._held else succeed(None)

    def _go_on(self) -> None:
        while self._held:
            message, deferred = self._held[0]
            if deferred.called:
                self._take()
                continue
            if self._max_in_flight is not None and self._in_flight >= self._max_in_flight:
                return
            if not self._rate_allows():
                return
            self._take()
            self._in_flight += 1
            deferred.addBoth(self._done)
            self._send(message)
        self._empty()

    def _take(self) -> None:
        self.held_bytes -= len(self._held.popleft()[0])

    def _empty(self) -> None:
        self.held_bytes = 0
        self._emptied.notify(None)

    def _rate_allows(self) -> bool:
        if self._per_second is None:
            return True
        now = self._clock.seconds()
        if len(self._sent_at) == self._per_second:
            wait = self._sent_at[0] + 1.0 - now
            if wait > 0:
                self._timer.set(wait)
                return False
        self._sent_at.append(now)
        return True

    def _done(self, result: T) -> T:
        self._in_flight -= 1
        self._go_on()
        return result
