"""Pings, which distinguish a dead connection from an idle one."""

from __future__ import annotations

from collections.abc import Callable

from twisted.internet.interfaces import IDelayedCall

from txcdp._reactor import Clock


class Heartbeat:
    """Sends a ping after each idle interval, and reports when nothing at all arrived in time after one.

    :param clock: a reactor or a ``task.Clock``.
    :param ping: sends a ping.
    :param dead: called when nothing arrived within ``timeout`` of a ping.
    :param interval: seconds between pings; None: no pings.
    :param timeout: seconds to wait after a ping.
    """

    def __init__(
        self,
        clock: Clock,
        ping: Callable[[], None],
        dead: Callable[[], None],
        interval: float | None,
        timeout: float,
    ) -> None:
        self._clock = clock
        self._ping = ping
        self._dead = dead
        self._interval = interval
        self._timeout = timeout
        self._heard = False
        self._call: IDelayedCall | None = None

    def start(self) -> None:
        """Start pinging."""
        if self._interval is not None:
            self._call = self._clock.callLater(self._interval, self._beat)

    def stop(self) -> None:
        """Stop pinging, and leave no DelayedCall behind."""
        call, self._call = self._call, None
        if call is not None:
            call.cancel()

    def heard(self) -> None:
        """Note that the peer is alive: something arrived from it."""
        self._heard = True

    def _beat(self) -> None:
        self._heard = False
        self._call = self._clock.callLater(self._timeout, self._check)
        self._ping()

    def _check(self) -> None:
        self._call = None
        if not self._heard:
            self._dead()
        if self._heard:
            rest = max(0.0, (self._interval or 0.0) - self._timeout)
            self._call = self._clock.callLater(rest, self._beat)
