"""Couples two connections: what arrives on one is sent on the other, no faster than that is read.

When one side closes its half, the other side's is closed once everything before it has been sent; when one connection
breaks, the other is broken as well, so that a truncated body without a length does not look complete.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Final

from twisted.internet.error import ConnectionDone
from twisted.internet.interfaces import IHalfCloseableProtocol
from twisted.internet.protocol import Protocol, connectionDone
from twisted.python.failure import Failure
from zope.interface import implementer

from txcdp._deferreds import Timer
from txcdp._reactor import Clock

#: Seconds that a tunnel may last, without a byte, of which one half is closed.
_HALF: Final = 60.0


@implementer(IHalfCloseableProtocol)
class Side(Protocol):
    """One of a tunnel's two connections.

    :ivar other: the other one; None before they are coupled, and once this one is gone.
    """

    transport: Any
    other: Side | None = None
    tunnel: Tunnel | None = None
    #: Whether all that it will ever say has come.
    _ended = False

    def dataReceived(self, data: bytes) -> None:
        """Pass bytes on."""
        other, tunnel = self.other, self.tunnel
        if other is not None and tunnel is not None:
            tunnel.moved = True
            other.transport.write(data)

    def readConnectionLost(self) -> None:
        """Pass on that no more bytes follow."""
        self._ended = True
        if self.tunnel is not None and self.other is not None:
            self.tunnel.half_closed()
            there = self.other.transport
            there.unregisterProducer()
            if self.other._ended:
                there.loseConnection()  # when all is sent
                self.transport.loseConnection()
            else:
                there.loseWriteConnection()

    def writeConnectionLost(self) -> None:
        """Do nothing: everything was sent, and the other side has already ended its half."""

    def connectionLost(self, reason: Failure = connectionDone) -> None:
        """End the other connection in the same way."""
        other, self.other = self.other, None
        if other is not None:
            other.other = None
            other.transport.unregisterProducer()
            if reason.check(ConnectionDone) is None:
                other.transport.abortConnection()
            else:
                other.transport.loseConnection()
        if self.tunnel is not None:
            self.tunnel.side_lost()


class Tunnel:
    """Couples two open connections.

    :param clock: the reactor.
    :param idle_time: seconds without a byte after which both are dropped.
    :param closed: called once, when both connections are gone.
    :ivar moved: whether bytes have arrived since the last check.
    """

    def __init__(self, clock: Clock, left: Side, right: Side, idle_time: float, closed: Callable[[], None]) -> None:
        self._sides = (left, right)
        self._idle_time = idle_time
        self._closed = closed
        self._half = False
        self._left = 2
        self.moved = False
        self._timer = Timer(clock, self._look)
        self._timer.set(idle_time)
        for one, another in ((left, right), (right, left)):
            one.tunnel, one.other = self, another
        for one, another in ((left, right), (right, left)):
            one.transport.registerProducer(another.transport, True)

    def half_closed(self) -> None:
        """Limit the time of the other side, from its last byte on, because one side has sent all."""
        if not self._half:
            self._half = True
            self.moved = False
            self._idle_time = min(self._idle_time, _HALF)
            self._timer.restart(self._idle_time)

    def side_lost(self) -> None:
        """Note that one connection has closed; the other one may still have something to send."""
        self._left -= 1
        self.half_closed()
        if not self._left:
            self._timer.stop()
            self._closed()

    def abort(self) -> None:
        """Drop both connections."""
        for side in self._sides:
            side.transport.abortConnection()

    def _look(self) -> None:
        self._timer.set(self._idle_time)
        if self.moved:
            self.moved = False
        else:
            self.abort()
