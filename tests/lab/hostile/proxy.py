"""A TCP proxy that does to the bytes what bad networks do."""

from __future__ import annotations

from typing import Any

from twisted.internet import reactor as _reactor
from twisted.internet.defer import Deferred
from twisted.internet.endpoints import TCP4ClientEndpoint, connectProtocol
from twisted.internet.interfaces import IHalfCloseableProtocol
from twisted.internet.protocol import Factory, Protocol, connectionDone
from twisted.python.failure import Failure
from zope.interface import implementer

from tests.lab.hostile.server import within

reactor: Any = _reactor


class Fault:
    """What becomes of the bytes of one direction; this one lets them pass.

    :ivar way: the direction, of one connection, that it works on.
    :ivar holding: whether nothing is told in this direction, the end of the connection neither.
    """

    way: Way
    holding = False

    def take(self, data: bytes) -> None:
        """Take bytes that are on their way."""
        self.way.send(data)

    def stop(self) -> None:
        """Leave nothing behind."""


class Split(Fault):
    """Each byte comes alone, in a reactor's turn of its own."""

    def __init__(self, size: int = 1) -> None:
        self._size = size
        self._waiting = b""
        self._call: Any = None

    def take(self, data: bytes) -> None:
        self._waiting += data
        self.holding = True
        if self._call is None:
            self._drip()

    def _drip(self) -> None:
        self._call = None
        piece, self._waiting = self._waiting[: self._size], self._waiting[self._size :]
        self.way.send(piece)
        if self._waiting:
            self._call = reactor.callLater(0, self._drip)
        else:
            self.holding = False
            self.way.go_on()

    def stop(self) -> None:
        if self._call is not None:
            self._call.cancel()
            self._call = None


class Hold(Fault):
    """Keeps all back until it is let go: a delay, or a black hole.

    :ivar held: how many bytes it keeps back.
    """

    def __init__(self, after: int = 0) -> None:
        self._waiting: list[bytes] = []
        self.again(after)

    def again(self, after: int = 0) -> None:
        """Keep back all that comes from now on, but for so many bytes."""
        self._pass = after
        self.holding = True

    @property
    def held(self) -> int:
        return sum(map(len, self._waiting))

    def take(self, data: bytes) -> None:
        if not self.holding:
            self.way.send(data)
            return
        now, later = data[: self._pass], data[self._pass :]
        self._pass -= len(now)
        if now:
            self.way.send(now)
        if later:
            self._waiting.append(later)

    def release(self) -> None:
        """Let everything pass, the end of the connection, too."""
        self.holding = False
        waiting, self._waiting = b"".join(self._waiting), []
        if waiting:
            self.way.send(waiting)
        self.way.go_on()


class Corrupt(Fault):
    """Turns bits of one byte, counted from the first byte of its direction."""

    def __init__(self, place: int, bits: int = 0xFF) -> None:
        self._place = place
        self._bits = bits

    def take(self, data: bytes) -> None:
        if 0 <= self._place < len(data):
            place = self._place
            data = data[:place] + bytes([data[place] ^ self._bits]) + data[place + 1 :]
        self._place -= len(data)
        self.way.send(data)


class Cut(Fault):
    """After so many bytes of its direction the connection ends: ``how`` is reset, close or half."""

    def __init__(self, after: int, how: str) -> None:
        self._left = after
        self._how = how

    def take(self, data: bytes) -> None:
        if self._left < 0:
            return
        self.way.send(data[: self._left])
        self._left -= len(data)
        if self._left <= 0:
            self._left = -1
            self.way.end(self._how)


class Way:
    """One direction of a connection through the proxy; what comes before the far end is reached waits for it.

    :ivar fault: what is done to the bytes.
    """

    fault: Fault

    def __init__(self, link: Link, fault: Fault) -> None:
        self._link = link
        self._far: Any = None
        self._early = b""
        self._half = False
        self._over = False
        self.put(fault)

    def put(self, fault: Fault) -> None:
        """Do this to the bytes from now on."""
        self.fault = fault
        fault.way = self

    def joined(self, far: Any) -> None:
        """Set the transport that the bytes go to."""
        self._far = far
        self.send(b"")
        if self._half:
            far.loseWriteConnection()

    def send(self, data: bytes) -> None:
        """Pass bytes on, without any fault."""
        data, self._early = self._early + data, b""
        if self._far is None:
            self._early = data
        elif data:
            self._far.write(data)

    def end(self, how: str) -> None:
        """End the connection: reset it or close it, at both ends, or let the far end hear that no more will come."""
        if how != "half":
            self._link.end("abortConnection" if how == "reset" else "loseConnection")
        elif self._far is None:
            self._half = True
        elif not self._far.disconnected:
            self._far.loseWriteConnection()

    def near_end_is_gone(self) -> None:
        """Close the far end, too, when it has had all that it is to have."""
        self._over = True
        self.go_on()

    def go_on(self) -> None:
        """Report the end, unless nothing is reported now."""
        if self._over and not self.fault.holding and self._far is not None:
            self._far.loseConnection()


class Link:
    """One client's connection through the proxy.

    :ivar down: the way to the client.
    :ivar up: the way to the server.
    """

    def __init__(self, client: _Client, down: Fault, up: Fault) -> None:
        self.client = client
        self.server: _Server | None = None
        self.down = Way(self, down)
        self.up = Way(self, up)
        self.down.joined(client.transport)

    def joined(self, server: _Server) -> None:
        """Connect the two sides: the server is reached."""
        self.server = server
        self.up.joined(server.transport)
        if self.client.gone.called:
            server.transport.abortConnection()

    def end(self, how: str) -> None:
        """End both ends, by the name of a transport's method."""
        getattr(self.client.transport, how)()
        if self.server is not None:
            getattr(self.server.transport, how)()


@implementer(IHalfCloseableProtocol)
class _Client(Protocol):
    transport: Any

    def __init__(self, proxy: FaultProxy) -> None:
        self.proxy = proxy
        self.gone: Deferred[None] = Deferred()

    def connectionMade(self) -> None:
        self.transport.setTcpNoDelay(True)
        self.link = Link(self, *self.proxy.faults())
        self.proxy.links.append(self.link)
        endpoint = TCP4ClientEndpoint(reactor, "127.0.0.1", self.proxy.target)
        connectProtocol(endpoint, _Server(self.link)).addErrback(lambda _: self.transport.abortConnection())

    def dataReceived(self, data: bytes) -> None:
        self.link.up.fault.take(data)

    def readConnectionLost(self) -> None:
        self.transport.loseConnection()

    def writeConnectionLost(self) -> None:
        """We have closed that half ourselves."""

    def connectionLost(self, reason: Failure = connectionDone) -> None:
        self.gone.callback(None)
        self.link.down.fault.stop()
        self.link.up.near_end_is_gone()


class _Server(Protocol):
    transport: Any

    def __init__(self, link: Link) -> None:
        self.link = link
        self.gone: Deferred[None] = Deferred()

    def connectionMade(self) -> None:
        self.transport.setTcpNoDelay(True)
        self.link.joined(self)

    def dataReceived(self, data: bytes) -> None:
        self.link.down.fault.take(data)

    def connectionLost(self, reason: Failure = connectionDone) -> None:
        self.gone.callback(None)
        self.link.up.fault.stop()
        self.link.down.near_end_is_gone()


class FaultProxy(Factory):
    """Listens on this machine and passes on to a server there.

    :param down: what is done to the next connection's bytes from the server; None: nothing.
    :param up: what is done to those from the client.
    :ivar links: every connection so far.
    """

    noisy = False

    def __init__(self, target: int, down: Fault | None = None, up: Fault | None = None) -> None:
        self.target = target
        self.down = down
        self.up = up
        self.links: list[Link] = []
        self._port = reactor.listenTCP(0, self, interface="127.0.0.1")
        self.port: int = self._port.getHost().port

    def faults(self) -> tuple[Fault, Fault]:
        """Return what is done to the next connection, once: a fault works on one direction of one connection."""
        down, up = self.down or Fault(), self.up or Fault()
        self.down = self.up = None
        return down, up

    def buildProtocol(self, address: object) -> _Client:
        return _Client(self)

    async def stop(self) -> None:
        """Listen no more, and end all connections."""
        await self._port.stopListening()
        for link in self.links:
            link.client.transport.abortConnection()
            await within(link.client.gone, "the proxy's end towards the client")
            if link.server is not None:
                link.server.transport.abortConnection()
                await within(link.server.gone, "the proxy's end towards the server")
