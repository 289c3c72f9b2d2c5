"""Networks that split, hold, damage and cut what a browser says."""

from __future__ import annotations

import contextlib
from collections.abc import Coroutine, Iterable
from typing import Any

from twisted.internet.defer import Deferred, gatherResults

from tests.hostile.proxy import Corrupt, Cut, Fault, FaultProxy, Hold, Split
from tests.hostile.server import HostileCase, HostileServer, Peer, reactor, within
from tests.support import Watcher, attached, data_received, event, handshake_reply, server_frame
from txcdp.connection import Connection
from txcdp.domains import network
from txcdp.errors import (
    CommandError,
    CommandTimeout,
    ConnectError,
    ConnectionLost,
    ConnectTimeout,
    HandshakeFailed,
    MalformedMessage,
)
from txcdp.transports.interface import Transport
from txcdp.transports.websocket import WebSocketOptions, open_websocket

#: How many connections are tried at the same time.
AT_ONCE = 25

NAMES = ["Target.attachedToTarget", "Network.dataReceived", "A.b", "Network.dataReceived"]


def conversation() -> bytes:
    """Return frames of several kinds and lengths."""
    return b"".join(
        (
            server_frame(attached()),
            server_frame(data_received(1)),
            server_frame(event("A.b", {"x": "\u00fc" * 40}), fin=False),
            server_frame(b"?", 9),
            server_frame(b"", 0),
            server_frame(data_received(2)),
        )
    )


def greet(peer: Peer) -> None:
    """Complete the handshake, and say all that in the same segment."""
    peer.raw(handshake_reply(peer.request) + conversation())


def length_of_handshake() -> int:
    return len(handshake_reply(b"Sec-WebSocket-Key: AAAAAAAAAAAAAAAAAAAAAA==\r\n"))


class NetworkTests(HostileCase):
    def proxy(self, server: HostileServer, fault: Fault | None = None) -> FaultProxy:
        """Start a proxy that ends with the test."""
        proxy = FaultProxy(server.port, fault)
        self.addCleanup(lambda: Deferred.fromCoroutine(proxy.stop()))
        return proxy

    async def through(self, fault: Fault, **options: Any) -> tuple[Connection, Peer]:
        """Connect through a fault."""
        server = self.serve()
        return await self.open(server, self.proxy(server, fault).port, **options)

    def until_received(self, connection: Connection, count: int) -> Deferred[None]:
        """Return a Deferred that fires in the first turn of the reactor in which so many bytes have come."""
        done: Deferred[None] = Deferred()

        def look() -> None:
            if not done.called:
                if connection.stats.bytes_received >= count:
                    done.callback(None)
                else:
                    reactor.callLater(0, look)

        look()
        return within(done, f"{count} bytes")

    async def several(self, jobs: Iterable[Coroutine[Any, Any, None]]) -> None:
        """Do many things, some of them at a time."""
        waiting = list(jobs)
        while waiting:
            now, waiting = waiting[:AT_ONCE], waiting[AT_ONCE:]
            await gatherResults([Deferred.fromCoroutine(each) for each in now], consumeErrors=True)

    async def test_a_few_bytes_at_a_time(self):
        for size in (1, 2, 3, 7):
            connection, peer = await self.through(Split(size))
            watcher = Watcher(connection.events_raw())
            peer.raw(conversation() * 2)
            await self.alive(connection, peer)
            self.assertEqual([each.method for each in watcher.items], NAMES * 2)
            self.assertEqual(peer.pongs, 2)
            self.assertEqual(connection.stats.malformed, 0)

    async def test_a_megabyte_in_small_pieces(self):
        connection, peer = await self.through(Split(4000))
        watcher = Watcher(connection.session.events_raw("A.b"))
        peer.raw(server_frame(event("A.b", {"x": "x" * 1_000_000})) + server_frame(event("A.b", {"x": ""})))
        await self.alive(connection, peer)
        self.assertEqual([len(each["x"]) for each in watcher.items], [1_000_000, 0])

    async def test_cut_in_two_at_every_byte(self):
        connection, peer = await self.pair()
        watcher = Watcher(connection.events_raw())
        told = conversation()
        for cut in range(1, len(told)):
            for part in (told[:cut], told[cut:]):
                count = connection.stats.bytes_received + len(part)
                peer.raw(part)
                await self.until_received(connection, count)
            self.assertEqual([each.method for each in watcher.items], NAMES, cut)
            watcher.items.clear()
        await self.alive(connection, peer)

    async def test_a_delay_during_the_handshake(self):
        hold = Hold(after=20)
        server = self.serve()
        options = WebSocketOptions(open_timeout=20, ping_interval=None)
        opening = open_websocket(reactor, server.url_at(self.proxy(server, hold).port), options)
        peer = await within(server.connected.get(), "the client")
        hold.release()
        connection = Connection(await opening, reactor)
        self.addCleanup(self.finish, connection)
        await self.alive(connection, peer)

    async def test_a_delay_later(self):
        hold = Hold(after=length_of_handshake())
        connection, peer = await self.through(hold, ping_interval=0.2, ping_timeout=20)
        slow = connection.session.execute_raw("A.b", timeout=0.3)
        patient = connection.session.execute_raw("A.b")
        await self.fails(slow, CommandTimeout)
        hold.release()
        self.assertEqual(await patient, {})
        await self.alive(connection, peer)
        self.assertEqual((connection.stats.timeouts, connection.stats.late), (1, 1))

    async def test_a_black_hole_from_the_beginning(self):
        server = self.serve()
        url = server.url_at(self.proxy(server, Hold()).port)
        opening = open_websocket(reactor, url, WebSocketOptions(open_timeout=0.5))
        await self.fails(opening, ConnectTimeout)

    async def test_a_black_hole_later(self):
        connection, _ = await self.through(Hold(length_of_handshake()), ping_interval=0.2, ping_timeout=0.3)
        pending = connection.session.execute_raw("A.b", timeout=None)
        watcher = Watcher(connection.session.events(network.DataReceived))
        lost = await self.fails(pending, ConnectionLost)
        self.assertIn("ping", str(lost))
        self.assertEqual(lost.cause, "unresponsive")  # the proxy's kernel acknowledges everything
        await connection.when_closed()
        self.assertEqual(watcher.errors, [connection.lost])

    async def test_closing_into_a_black_hole(self):
        connection, _ = await self.through(Hold(length_of_handshake()), close_timeout=0.3)
        pending = connection.session.execute_raw("A.b", timeout=None)
        lost = await within(connection.close(), "closing", 10)
        self.assertEqual((lost.cause, lost.clean), ("close_timeout", True))
        await self.fails(pending, ConnectionLost)

    async def test_every_byte_damaged(self):
        start = length_of_handshake()
        end = start + len(conversation())
        places = [*range(0, start, 5), *range(start, start + 12), *range(start + 12, end, 9), *range(end, end + 8)]
        server = self.serve(greet)
        await self.several(
            self.damaged(server, Corrupt(place, bits)) for place in places for bits in (0xFF, 0x01, 0x80)
        )
        self.assertEqual(self.flushLoggedErrors(), [])

    async def damaged(self, server: HostileServer, fault: Fault) -> None:
        """Talk over a line that damages a byte: each thing ends, one way or another."""
        proxy = self.proxy(server, fault)
        options = WebSocketOptions(open_timeout=1.0, close_timeout=0.2, ping_interval=None)
        try:
            line: Transport = await open_websocket(reactor, server.url_at(proxy.port), options)
        except ConnectError:
            return
        connection = Connection(line, reactor, timeout=0.5)
        watchers = [Watcher(connection.events_raw()), Watcher(connection.session.events(network.DataReceived))]
        with contextlib.suppress(CommandTimeout, ConnectionLost, MalformedMessage, CommandError):
            await within(connection.session.execute_raw("A.b"), "the command")
        await within(connection.close(), "closing")
        self.assertTrue(all(each.ended for each in watchers))

    async def test_cut_off_after_every_byte(self):
        start = length_of_handshake()
        places = [
            *range(1, start, 5),
            *range(start - 2, start + 12),
            *range(start + 12, start + len(conversation()), 11),
        ]
        server = self.serve(greet)
        await self.several(self.cut_off(server, place, how) for place in places for how in ("reset", "close", "half"))
        self.assertEqual(self.flushLoggedErrors(), [])

    async def cut_off(self, server: HostileServer, place: int, how: str) -> None:
        """Talk over a line that is cut after so many bytes."""
        proxy = self.proxy(server, Cut(place, how))
        options = WebSocketOptions(open_timeout=20, close_timeout=0.2, ping_interval=None)
        try:
            line: Transport = await open_websocket(reactor, server.url_at(proxy.port), options)
        except HandshakeFailed:
            # A reset may overtake what was sent before it.
            self.assertTrue(place < length_of_handshake() or how == "reset", (place, how))
            return
        self.assertGreaterEqual(place, length_of_handshake())
        connection = Connection(line, reactor, timeout=None)
        watchers = [Watcher(connection.attached), Watcher(connection.session.events(network.DataReceived))]
        lost = await within(connection.when_closed(), f"{how} after {place}")
        self.assertFalse(lost.clean)
        self.assertTrue(all(each.errors for each in watchers))
        await self.fails(connection.session.execute_raw("A.b"), ConnectionLost)
