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

from tests.hostile.server import within

reactor: Any = _reactor


class Fault:
    """What becomes of the bytes from the server; this one lets them pass.

    :ivar link: the connection it works on.
    """

    link: Link

    def take(self, data: bytes) -> None:
        """Take bytes from the server."""
        self.link.to_client(data)

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
        if self._call is None:
            self._drip()

    def _drip(self) -> None:
        self._call = None
        piece, self._waiting = self._waiting[: self._size], self._waiting[self._size :]
        self.link.to_client(piece)
        if self._waiting:
            self._call = reactor.callLater(0, self._drip)

    def stop(self) -> None:
        if self._call is not None:
            self._call.cancel()
            self._call = None


class Hold(Fault):
    """Keeps all back until it is let go: a delay, or a black hole."""

    def __init__(self, after: int = 0) -> None:
        self._pass = after
        self._waiting: list[bytes] = []
        self.open = False

    def take(self, data: bytes) -> None:
        if self.open:
            self.link.to_client(data)
            return
        now, later = data[: self._pass], data[self._pass :]
        self._pass -= len(now)
        if now:
            self.link.to_client(now)
        if later:
            self._waiting.append(later)

    def release(self) -> None:
        """Let everything pass."""
        self.open = True
        waiting, self._waiting = b"".join(self._waiting), []
        if waiting:
            self.link.to_client(waiting)


class Corrupt(Fault):
    """Turns bits of one byte, counted from the first byte that the server sends."""

    def __init__(self, place: int, bits: int = 0xFF) -> None:
        self._place = place
        self._bits = bits

    def take(self, data: bytes) -> None:
        if 0 <= self._place < len(data):
            place = self._place
            data = data[:place] + bytes([data[place] ^ self._bits]) + data[place + 1 :]
        self._place -= len(data)
        self.link.to_client(data)


class Cut(Fault):
    """After so many bytes from the server the client's connection ends: ``how`` is reset, close or half."""

    def __init__(self, after: int, how: str) -> None:
        self._left = after
        self._how = how

    def take(self, data: bytes) -> None:
        if self._left < 0:
            return
        self.link.to_client(data[: self._left])
        self._left -= len(data)
        if self._left <= 0:
            self._left = -1
            end = {"reset": "abortConnection", "close": "loseConnection", "half": "loseWriteConnection"}[self._how]
            getattr(self.link.client.transport, end)()


class Link:
    """One client's connection through the proxy."""

    def __init__(self, client: _Client, fault: Fault) -> None:
        self.client = client
        self.fault = fault
        self.server: _Server | None = None
        self._early = b""
        fault.link = self

    def to_client(self, data: bytes) -> None:
        """Send to the client."""
        if data and not self.client.gone.called:
            self.client.transport.write(data)

    def to_server(self, data: bytes) -> None:
        """Send to the server, when there is one."""
        if self.server is None:
            self._early += data
        else:
            self.server.transport.write(data)

    def joined(self, server: _Server) -> None:
        """Hear that the server is reached."""
        self.server = server
        self.to_server(self._early)
        if self.client.gone.called:
            server.transport.abortConnection()


@implementer(IHalfCloseableProtocol)
class _Client(Protocol):
    transport: Any

    def __init__(self, proxy: FaultProxy) -> None:
        self.proxy = proxy
        self.gone: Deferred[None] = Deferred()

    def connectionMade(self) -> None:
        self.transport.setTcpNoDelay(True)
        self.link = Link(self, self.proxy.fault)
        self.proxy.links.append(self.link)
        endpoint = TCP4ClientEndpoint(reactor, "127.0.0.1", self.proxy.target)
        connectProtocol(endpoint, _Server(self.link)).addErrback(lambda _: self.transport.abortConnection())

    def dataReceived(self, data: bytes) -> None:
        self.link.to_server(data)

    def readConnectionLost(self) -> None:
        self.transport.loseConnection()

    def writeConnectionLost(self) -> None:
        """We have closed that half ourselves."""

    def connectionLost(self, reason: Failure = connectionDone) -> None:
        self.link.fault.stop()
        self.gone.callback(None)
        if self.link.server is not None:
            self.link.server.transport.loseConnection()


class _Server(Protocol):
    transport: Any

    def __init__(self, link: Link) -> None:
        self.link = link
        self.gone: Deferred[None] = Deferred()

    def connectionMade(self) -> None:
        self.transport.setTcpNoDelay(True)
        self.link.joined(self)

    def dataReceived(self, data: bytes) -> None:
        self.link.fault.take(data)

    def connectionLost(self, reason: Failure = connectionDone) -> None:
        self.gone.callback(None)
        if not isinstance(self.link.fault, Hold) or self.link.fault.open:
            self.link.client.transport.loseConnection()


class FaultProxy(Factory):
    """Listens on this machine and passes on to a server there.

    :ivar fault: what is done to the next connection.
    :ivar links: every connection so far.
    """

    noisy = False

    def __init__(self, target: int, fault: Fault | None = None) -> None:
        self.target = target
        self.fault = fault or Fault()
        self.links: list[Link] = []
        self._port = reactor.listenTCP(0, self, interface="127.0.0.1")
        self.port: int = self._port.getHost().port

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
