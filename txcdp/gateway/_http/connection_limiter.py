"""Limits the connections that are not WebSockets: idle ones make room for new ones.

A connection costs memory and a file descriptor before it is known who opened it. So only a limited number may be
without a request in progress: silent, sending an endless head, or kept open for another request. Beyond that, the one
that has been so for the longest is closed, which is never the newest one. Connections with a request in progress have
been authorized; they are counted separately, and beyond the limit new requests are refused.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Protocol

from twisted.logger import Logger

from txcdp._logs import LogThrottle
from txcdp._reactor import Clock
from txcdp.gateway._http.refusals import busy

log = Logger()


class LimitedConnection(Protocol):
    """A connection."""

    def cut(self) -> None:
        """Drop the connection at once."""


class ConnectionLimiter:
    """The connections of a gateway that are not WebSockets (yet).

    :param clock: the reactor.
    :param most: the limit for those without a request in progress, and for those with one.
    :param count: called with a word for each connection that is dropped.
    """

    def __init__(self, clock: Clock, most: int, count: Callable[[str], None]) -> None:
        self._most = most
        self._count = count
        self._waiting: dict[LimitedConnection, None] = {}  # the one that has waited for the longest comes first
        self._busy: set[LimitedConnection] = set()
        self._log_throttle = LogThrottle(clock)
        self._untold = 0

    @property
    def waiting(self) -> int:
        """How many connections have no request in progress."""
        return len(self._waiting)

    @property
    def busy(self) -> int:
        """How many connections have a request in progress."""
        return len(self._busy)

    def add(self, member: LimitedConnection) -> None:
        """Count a connection as one without a request in progress, and make room for it."""
        self._waiting[member] = None
        if len(self._waiting) > self._most:
            longest = next(iter(self._waiting))
            del self._waiting[longest]
            self._cut(longest)

    def begin(self, member: LimitedConnection) -> None:
        """Count a connection's request as in progress; does nothing if it is already counted.

        :raises Refusal: too many requests are in progress.
        """
        if member in self._busy:
            return
        if len(self._busy) >= self._most:
            raise busy(503, "The gateway has reached its limit of requests in progress.", "connections", 5)
        self._waiting.pop(member, None)
        self._busy.add(member)

    def end(self, member: LimitedConnection) -> None:
        """Count a connection's request as answered; does nothing if there was none."""
        if member in self._busy:
            self._busy.remove(member)
            self.add(member)

    def remove(self, member: LimitedConnection) -> None:
        """Remove a connection, which has closed or become a WebSocket."""
        self._waiting.pop(member, None)
        self._busy.discard(member)

    def _cut(self, member: LimitedConnection) -> None:
        self._count("silent")
        self._untold += 1
        if self._log_throttle():
            log.warn(
                "{number} connections were closed because more than {most} had no request in progress",
                number=self._untold,
                most=self._most,
            )
            self._untold = 0
        member.cut()
