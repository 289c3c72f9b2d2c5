"""A gateway with thousands of connections that say nothing, or hardly anything: who wants something of it has it."""

from __future__ import annotations

from typing import Any

from twisted.internet.defer import Deferred, DeferredList, succeed
from twisted.internet.endpoints import TCP4ClientEndpoint
from twisted.internet.protocol import Factory, Protocol, connectionDone
from twisted.internet.task import LoopingCall, deferLater
from twisted.python.failure import Failure
from twisted.trial.unittest import TestCase

from tests.gateway.support import FakeTransport, Starter
from tests.lab.hostile.server import reactor, within
from txcdp._transports.websocket import WebSocketOptions, open_websocket
from txcdp.chrome.discovery import version
from txcdp.gateway import ClientLimits, Gateway, GatewayOptions
from txcdp.gateway._proxy.exclusive_mode import Exclusive

SILENT = 2000
DRIPPING = 200
CONNECTIONS = 256

#: How many come at once; more than a socket's backlog holds would not even be seen by the gateway.
BATCH = 50

#: Seconds in which a client has each thing that it wants, on a machine that is busy otherwise.
SOON = 5.0


class Attacker(Protocol):
    """Holds a connection."""

    transport: Any

    def __init__(self, attackers: Attackers) -> None:
        self.attackers = attackers

    def connectionMade(self) -> None:
        self.attackers.there.add(self)
        self.attackers.came += 1

    def connectionLost(self, reason: Failure = connectionDone) -> None:
        self.attackers.there.discard(self)
        if self.attackers.returning:
            self.attackers.come()


class Attackers(Factory):
    """Come, and hold on.

    :param port: where.
    :param returning: whether one that is cut off comes again.
    :ivar came: how many have come.
    """

    noisy = False

    def __init__(self, port: int, returning: bool = False) -> None:
        self.returning = returning
        self.there: set[Attacker] = set()
        self.came = 0
        self._endpoint = TCP4ClientEndpoint(reactor, "127.0.0.1", port)
        self._coming: set[Deferred[Any]] = set()

    def buildProtocol(self, address: object) -> Attacker:
        return Attacker(self)

    def come(self) -> Deferred[Any]:
        """Connect."""
        coming: Deferred[Any] = self._endpoint.connect(self)
        self._coming.add(coming)
        return coming.addErrback(lambda _: None).addBoth(lambda _: self._coming.discard(coming))

    def drip(self) -> None:
        """Say one byte each."""
        for each in self.there:
            each.transport.write(b"X")

    async def leave(self) -> None:
        """Be gone."""
        self.returning = False
        for coming in list(self._coming):
            coming.cancel()
        for each in list(self.there):
            each.transport.abortConnection()
        while self.there:
            await deferLater(reactor, 0.01)


class Line(FakeTransport):
    """A browser's line that answers every command alike."""

    def send(self, message: bytes) -> None:
        super().send(message)
        reactor.callLater(0, self.receiver.message_received, b'{"id":1,"result":{}}')


class Receiver:
    """Hears what comes over a WebSocket."""

    def __init__(self) -> None:
        self.heard: Deferred[bytes] = Deferred()

    def message_received(self, message: bytes) -> None:
        self.heard.callback(bytes(message))

    def transport_closed(self, reason: object) -> None:
        """Note the end of the connection."""


class ManyClientsTests(TestCase):
    timeout = 240

    async def start(self) -> int:
        """Start a gateway, and return its port."""

        def open_line(_: Any, url: str) -> Deferred[Any]:
            return succeed(Line(url))

        options = GatewayOptions(
            endpoint="tcp:0:interface=127.0.0.1", clients=ClientLimits(connections=CONNECTIONS), drain=0
        )
        self.gateway = Gateway(reactor, options, Starter(at_once=True), lambda r, p, o: Exclusive(r, p, o, open_line))
        await self.gateway.start()
        self.addCleanup(self.gateway.stop)
        assert self.gateway.port is not None
        host: Any = self.gateway.port.getHost()
        return int(host.port)

    async def use(self, port: int) -> None:
        """Be a client that wants what all want."""
        told = await within(version(reactor, f"http://127.0.0.1:{port}"), "/json/version", SOON)
        url = str(told.web_socket_debugger_url)
        line = await within(open_websocket(reactor, url, WebSocketOptions(ping_interval=None)), "a WebSocket", SOON)
        receiver: Any = Receiver()
        line.receiver = receiver
        line.send(b'{"id":1,"method":"Browser.getVersion"}')
        self.assertEqual(await within(receiver.heard, "an answer", SOON), b'{"id":1,"result":{}}')
        line.close()

    async def test_silent_ones_lock_nobody_out(self) -> None:
        port = await self.start()
        silent, dripping, returning = Attackers(port), Attackers(port), Attackers(port, returning=True)
        every = (silent, dripping, returning)
        limiter = self.gateway.site.limiter
        drip = LoopingCall(dripping.drip)
        drip.start(0.05)
        try:
            for attackers in (returning, *[dripping] * (DRIPPING // BATCH), *[silent] * (SILENT // BATCH)):
                coming = [attackers.come() for _ in range(BATCH)]
                await self.use(port)
                await within(DeferredList(coming), "the attackers")
                self.assertLessEqual(limiter.waiting, CONNECTIONS)
            for _ in range(10):
                await self.use(port)
        finally:
            drip.stop()
            for attackers in every:
                await attackers.leave()
        self.assertEqual((silent.came, dripping.came), (SILENT, DRIPPING))
        self.assertGreaterEqual(self.gateway.counters.refused["silent"], SILENT + DRIPPING + BATCH - CONNECTIONS)
        self.assertGreater(returning.came, BATCH)
        while limiter.waiting + limiter.busy or self.gateway.clients.relays:
            await deferLater(reactor, 0.01)
        self.assertEqual(self.flushLoggedErrors(), [])
