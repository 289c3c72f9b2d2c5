"""Two connections coupled: what comes in at one goes out at the other, as fast as that is read and no faster.

A half that is closed on one side is closed on the other, when all before it has been sent; a connection that breaks
breaks the other one, so that a body without a length that was cut off does not look complete.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Final

from twisted.internet.error import ConnectionDone
from twisted.internet.interfaces import IDelayedCall, IHalfCloseableProtocol
from twisted.internet.protocol import Protocol, connectionDone
from twisted.python.failure import Failure
from zope.interface import implementer

from txcdp._reactor import Clock

#: Seconds that a tunnel may last, without a byte, of which one half is closed.
_HALF: Final = 60.0


@implementer(IHalfCloseableProtocol)
class Side(Protocol):
    """One of a tunnel's two connections.

    :ivar other: the other one; None before they are coupled, and when this one is gone.
    """

    other: Side | None = None
    tunnel: Tunnel | None = None
    #: Whether all that it will ever say has come.
    _ended = False

    def dataReceived(self, data: bytes) -> None:
        """Pass it on."""
        other, tunnel = self.other, self.tunnel
        if other is not None and tunnel is not None:
            tunnel.moved = True
            transport: Any = other.transport
            transport.write(data)

    def readConnectionLost(self) -> None:
        """Pass on that there is no more to come."""
        self._ended = True
        if self.tunnel is not None and self.other is not None:
            self.tunnel.half_closed()
            mine: Any = self.transport
            transport: Any = self.other.transport
            transport.unregisterProducer()
            if self.other._ended:
                transport.loseConnection()  # when all is sent
                mine.loseConnection()
            else:
                transport.loseWriteConnection()

    def writeConnectionLost(self) -> None:
        """Nothing is left to be sent, which the other side has said before."""

    def connectionLost(self, reason: Failure = connectionDone) -> None:
        """Let the other one end in the same way."""
        other, self.other = self.other, None
        if other is not None:
            other.other = None
            transport: Any = other.transport
            transport.unregisterProducer()
            if reason.check(ConnectionDone) is None:
                transport.abortConnection()
            else:
                transport.loseConnection()
        if self.tunnel is not None:
            self.tunnel.side_lost()


class Tunnel:
    """Couples two connections, both of which are there.

    :param clock: the reactor.
    :param idle_time: seconds without a byte after which it is cut.
    :param closed: called once, when both connections are gone.
    :ivar moved: whether bytes have come since it was last looked at.
    """

    def __init__(self, clock: Clock, left: Side, right: Side, idle_time: float, closed: Callable[[], None]) -> None:
        self._clock = clock
        self._sides = (left, right)
        self._idle_time = idle_time
        self._closed = closed
        self._half = False
        self._left = 2
        self.moved = False
        self._look: IDelayedCall | None = clock.callLater(idle_time, self._looked)
        for one, another in ((left, right), (right, left)):
            one.tunnel, one.other = self, another
        for one, another in ((left, right), (right, left)):
            transport: Any = one.transport
            transport.registerProducer(another.transport, True)

    def half_closed(self) -> None:
        """Limit the time of the other side, from its last byte on, because one side has sent all."""
        if not self._half and self._look is not None:
            self._half = True
            self.moved = False
            self._idle_time = min(self._idle_time, _HALF)
            self._look.reset(self._idle_time)

    def side_lost(self) -> None:
        """Note that one connection has closed; the other one may still have something to send."""
        self._left -= 1
        self.half_closed()
        if not self._left and self._look is not None:
            self._look.cancel()
            self._look = None
            self._closed()

    def abort(self) -> None:
        """Cut both connections."""
        for side in self._sides:
            transport: Any = side.transport
            transport.abortConnection()

    def _looked(self) -> None:
        self._look = self._clock.callLater(self._idle_time, self._looked)
        if self.moved:
            self.moved = False
        else:
            self.abort()
