"""Networks that split, hold, damage and cut what a browser says, and what it is told."""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Coroutine, Iterable
from typing import Any, ClassVar

from twisted.internet.defer import Deferred, gatherResults
from twisted.internet.task import LoopingCall

from tests.lab.hostile.proxy import Corrupt, Cut, Fault, FaultProxy, Hold, Split
from tests.lab.hostile.server import ROOM, HostileCase, HostileServer, Peer, accept, reactor, within
from tests.support import Opening, Watcher, attached, data_received, event, handshake_reply, server_frame
from txcdp._core.connection import Connection
from txcdp._transports.interface import Transport
from txcdp._transports.websocket import WebSocketOptions, open_websocket
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
    """Complete the handshake, and say all that with it."""
    accept(peer)
    peer.raw(conversation())


def length_of_handshake() -> int:
    return len(handshake_reply(b"Sec-WebSocket-Key: AAAAAAAAAAAAAAAAAAAAAA==\r\n"))


class NetworkTests(HostileCase):
    """Both sides talk, over a network that does what it should not in one direction: here, towards the client."""

    way: ClassVar[str] = "down"

    def length_of_handshake(self, port: int) -> int:
        """Return how many bytes go in the direction before the first frame."""
        if self.way == "down":
            return length_of_handshake()
        return len(Opening(HostileServer.url_at(port)).connect())

    def proxy(self, server: HostileServer, fault: Fault | Callable[[int], Fault]) -> FaultProxy:
        """Start a proxy that ends with the test, with a fault or what makes it of the handshake's length."""
        proxy = FaultProxy(server.port)
        made = fault if isinstance(fault, Fault) else fault(self.length_of_handshake(proxy.port))
        setattr(proxy, self.way, made)
        self.addCleanup(lambda: Deferred.fromCoroutine(proxy.stop()))
        return proxy

    async def through(self, fault: Fault | Callable[[int], Fault], **options: Any) -> tuple[Connection, Peer]:
        """Connect through a fault."""
        server = self.serve()
        return await self.open(server, self.proxy(server, fault).port, **options)

    async def hold(self, **options: Any) -> tuple[Hold, Connection, Peer]:
        """Connect through what keeps back all but the handshake."""
        holds: list[Hold] = []

        def make(length: int) -> Hold:
            holds.append(Hold(length))
            return holds[0]

        connection, peer = await self.through(make, **options)
        return holds[0], connection, peer

    def until(self, condition: Callable[[], bool], what: str) -> Deferred[None]:
        """Return a Deferred that fires in the first turn of the reactor in which something is so."""
        done: Deferred[None] = Deferred()

        def look() -> None:
            if not done.called:
                if condition():
                    done.callback(None)
                else:
                    reactor.callLater(0, look)

        look()
        return within(done, what)

    def read(self, connection: Connection, peer: Peer, data: bytes) -> Deferred[None]:
        """Let the server say something, and wait until it has come."""
        count = connection.stats.bytes_received + len(data)
        peer.raw(data)
        return self.until(lambda: connection.stats.bytes_received >= count, f"{len(data)} bytes")

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
            texts = ["", "x", "\u00fc" * 20, "\u00fc" * 100]
            replies = [connection.session.execute_raw("A.b", {"x": each}) for each in texts]
            self.assertEqual(await gatherResults(replies), [{}] * len(texts))
            await self.alive(connection, peer)
            self.assertEqual([each.method for each in watcher.items], NAMES * 2)
            self.assertEqual([each["params"]["x"] for each in peer.heard[: len(texts)]], texts)
            self.assertEqual((peer.pongs, peer.refused, connection.stats.malformed), (2, 0, 0))

    async def test_a_megabyte_in_small_pieces(self):
        connection, peer = await self.through(Split(4000))
        watcher = Watcher(connection.session.events_raw("A.b"))
        large = {"x": "x" * 1_000_000}
        peer.raw(server_frame(event("A.b", large)) + server_frame(event("A.b", {"x": ""})))
        self.assertEqual(await connection.session.execute_raw("A.b", large), {})
        await self.alive(connection, peer)
        self.assertEqual(peer.heard[0]["params"], large)
        self.assertEqual([len(each["x"]) for each in watcher.items], [1_000_000, 0])

    async def test_cut_in_two_at_every_byte(self):
        connection, peer = await self.pair()
        watcher = Watcher(connection.events_raw())
        told = conversation()
        for cut in range(1, len(told)):
            for part in (told[:cut], told[cut:]):
                await self.read(connection, peer, part)
            self.assertEqual([each.method for each in watcher.items], NAMES, cut)
            watcher.items.clear()
        await self.alive(connection, peer)

    async def test_a_delay_during_the_handshake(self):
        hold = Hold(after=20)
        server = self.serve()
        options = WebSocketOptions(open_timeout=ROOM, ping_interval=None)
        opening = open_websocket(reactor, server.url_at(self.proxy(server, hold).port), options)
        await self.until(lambda: hold.held > 0, "the rest of the handshake")
        self.assertNoResult(opening)
        hold.release()
        connection = Connection(await opening, reactor)
        self.addCleanup(self.finish, connection)
        await self.alive(connection, await within(server.connected.get(), "the client"))

    async def test_a_delay_later(self):
        hold, connection, peer = await self.hold(ping_interval=0.2, ping_timeout=ROOM)
        slow = connection.session.execute_raw("A.b", timeout=0.3)
        patient = connection.session.execute_raw("A.b")
        await self.fails(slow, CommandTimeout)
        await self.until(lambda: hold.held > 0, "what is held back")
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
        _, connection, _ = await self.hold(ping_interval=0.2, ping_timeout=0.3)
        pending = connection.session.execute_raw("A.b", timeout=None)
        watcher = Watcher(connection.session.events(network.DataReceived))
        lost = await self.fails(pending, ConnectionLost)
        self.assertIn("ping", str(lost))
        self.assertEqual(lost.cause, "unresponsive")  # the proxy's kernel acknowledges everything
        await connection.when_closed()
        self.assertEqual(watcher.errors, [connection.lost])

    async def test_closing_into_a_black_hole(self):
        _, connection, _ = await self.hold(close_timeout=0.3)
        pending = connection.session.execute_raw("A.b", timeout=None)
        lost = await within(connection.close(), "closing", 10)
        self.assertEqual((lost.cause, lost.clean), ("close_timeout", True))
        await self.fails(pending, ConnectionLost)

    async def test_the_end_after_a_delay(self):
        hold, connection, peer = await self.hold()
        pending = connection.session.execute_raw("A.b", timeout=None)
        await self.until(lambda: hold.held > 0, "what is held back")
        peer.transport.loseConnection()
        await within(peer.gone, "the server's end")
        self.assertEqual((connection.lost, pending.called), (None, False))
        hold.release()
        self.assertEqual(await pending, {})  # what was said before the end comes before it
        self.assertFalse((await within(connection.when_closed(), "the end")).clean)

    async def test_damaged(self):
        # Every byte of it: test_every_byte.py, in memory.
        server = self.serve(greet)
        await self.several(
            self.damaged(server, place, (0xFF, 0x01, 0x80)[place % 3])
            for place in (*range(-110, 0, 7), *range(12), *range(12, len(conversation()), 13))
        )
        self.assertEqual(self.flushLoggedErrors(), [])

    async def damaged(self, server: HostileServer, place: int, bits: int) -> None:
        """Talk over a line that damages a byte so far behind the handshake: each thing ends, one way or another."""
        proxy = self.proxy(server, lambda start: Corrupt(start + place, bits))
        options = WebSocketOptions(open_timeout=1.0, close_timeout=0.2, ping_interval=None)
        try:
            line: Transport = await open_websocket(reactor, server.url_at(proxy.port), options)
        except ConnectError:
            return
        connection = Connection(line, reactor, timeout=0.5)
        watchers = [Watcher(connection.events_raw()), Watcher(connection.session.events(network.DataReceived))]
        with contextlib.suppress(CommandTimeout, ConnectionLost, MalformedMessage, CommandError):
            await within(connection.session.execute_raw("A.b", {"x": "\u00fc" * 200}), "the command")
        await within(connection.close(), "closing")
        self.assertTrue(all(each.ended for each in watchers))

    async def test_cut_off(self):
        server = self.serve(greet)
        await self.several(
            self.cut_off(server, place, how)
            for place in (*range(-100, -2, 11), *range(-2, 12), *range(12, len(conversation()), 41))
            for how in ("reset", "close", "half")
        )
        self.assertEqual(self.flushLoggedErrors(), [])

    async def cut_off(self, server: HostileServer, place: int, how: str) -> None:
        """Talk over a line that is cut so many bytes after the handshake."""
        proxy = self.proxy(server, lambda start: Cut(start + place, how))
        options = WebSocketOptions(open_timeout=ROOM, close_timeout=0.2, ping_interval=None)
        try:
            line: Transport = await open_websocket(reactor, server.url_at(proxy.port), options)
        except HandshakeFailed:
            # A reset may overtake what was sent before it, and an end towards the server what it would answer.
            self.assertTrue(place < 0 or how == "reset" or (place == 0 and self.way == "up"), (place, how))
            return
        self.assertGreaterEqual(place, 0)
        connection = Connection(line, reactor, timeout=None)
        watchers = [Watcher(connection.attached), Watcher(connection.session.events(network.DataReceived))]
        pending = connection.session.execute_raw("A.b", {"x": "\u00fc" * 400}, timeout=None)
        lost = await within(connection.when_closed(), f"{how} after {place}")
        self.assertFalse(lost.clean)
        self.assertTrue(all(each.errors for each in watchers))
        await self.fails(pending, ConnectionLost)
        await self.fails(connection.session.execute_raw("A.b"), ConnectionLost)


class TowardsTheServerTests(NetworkTests):
    """The same for what the client says."""

    way = "up"

    async def test_cut_in_two_at_every_byte(self):
        hold, connection, peer = await self.hold()
        place, whole = 0, 1
        while place < whole:
            place += 1
            whole = await self.cut_in_two(hold, connection, peer, place)
        self.assertGreater(place, 200)
        await self.alive(connection, peer)

    async def cut_in_two(self, hold: Hold, connection: Connection, peer: Peer, place: int) -> int:
        """Send commands of which so many bytes come first, then the rest; return how many bytes they are."""
        hold.release()
        hold.again(place)
        peer.heard.clear()
        received, sent = peer.received, connection.stats.bytes_sent
        texts = ["", "\u00fc" * 60]
        replies = [connection.session.execute_raw("A.b", {"x": each}) for each in texts]
        await self.until(lambda: connection.stats.bytes_sent > sent, "the writing")
        whole = connection.stats.bytes_sent - sent
        first, rest = received + place, whole - place
        await self.until(lambda: (peer.received, hold.held) == (first, rest), f"{place} bytes")
        hold.release()
        self.assertEqual(await gatherResults(replies), [{}, {}])
        self.assertEqual([each["params"]["x"] for each in peer.heard], texts)
        return whole

    async def test_the_end_after_a_delay(self):
        hold, connection, peer = await self.hold()
        pending = connection.session.execute_raw("A.b", timeout=None)
        await self.until(lambda: hold.held > 0, "what is held back")
        connection.transport.abort()
        await self.fails(pending, ConnectionLost)
        self.assertEqual((peer.gone.called, peer.heard), (False, []))
        hold.release()
        await within(peer.gone, "the server's end")
        self.assertEqual([each["method"] for each in peer.heard], ["A.b"])

    async def test_a_server_that_talks_and_does_not_hear(self):
        # What it says shows that it lives; that it hears nothing shows in our commands alone.
        hold, connection, peer = await self.hold(ping_interval=0.1, ping_timeout=0.2)
        watcher = Watcher(connection.events_raw())
        talk = LoopingCall(peer.say, data_received(1))
        talked = talk.start(0.02)
        for _ in range(2):
            await self.fails(connection.session.execute_raw("A.b", timeout=0.3), CommandTimeout)
        self.assertIsNone(connection.lost)
        self.assertGreater(len(watcher.items), 5)
        hold.release()
        await self.alive(connection, peer)
        self.assertEqual((len(peer.heard), connection.stats.late), (3, 2))
        talk.stop()
        await talked
