"""Frames that no browser sends, and too many of those that it does."""

from __future__ import annotations

from typing import Any

import pytest
from twisted.internet.task import LoopingCall

from tests.lab.hostile.server import BINARY, CLOSE, PING, PONG, TEXT, HostileCase, HostileServer, Peer, reactor, within
from tests.support import Watcher, data_received, event, handshake_reply, reply_to, server_frame
from txcdp._core.connection import Connection
from txcdp._transports.websocket import WebSocketOptions, open_websocket
from txcdp.domains import network
from txcdp.errors import CommandTimeout, ConnectionLost
from txcdp.streams import queue

LIMIT = 100_000


def pieces(data: bytes, size: int, opcode: int = TEXT) -> list[bytes]:
    """Return a message in fragments."""
    parts = [data[at : at + size] for at in range(0, len(data), size)]
    last = len(parts) - 1
    return [server_frame(part, opcode if number == 0 else 0, fin=number == last) for number, part in enumerate(parts)]


class UnusualFramesTests(HostileCase):
    """What the protocol allows, though no browser does it."""

    async def test_binary_frames(self):
        connection, peer = await self.pair()
        peer.answering = False
        watcher = Watcher(connection.session.events_raw("A.b"))
        deferred = connection.session.execute_raw("A.c")
        reply = reply_to(await peer.command("A.c"), {"x": 1})
        peer.raw(server_frame(event("A.b", {"x": 2}), BINARY) + server_frame(reply, BINARY))
        peer.raw(server_frame(b"\xff\x00\x80", BINARY) + server_frame(b"", BINARY))
        self.assertEqual(await deferred, {"x": 1})
        await self.alive(connection, peer)
        self.assertEqual((watcher.items, connection.stats.malformed), ([{"x": 2}], 2))

    async def test_fragments_with_pings_between(self):
        connection, peer = await self.pair()
        watcher = Watcher(connection.session.events_raw("A.b"))
        message = event("A.b", {"text": "\u00fc" * 50})
        for size in (1, 2, 7, len(message) - 1):
            peer.raw(server_frame(b"?", PING).join(pieces(message, size)) + server_frame(data_received(1)))
        await self.alive(connection, peer)
        self.assertEqual(watcher.items, [{"text": "\u00fc" * 50}] * 4)

    async def test_twenty_thousand_fragments(self):
        connection, peer = await self.pair()
        watcher = Watcher(connection.session.events_raw("A.b"))
        message = event("A.b", {"text": "x" * 20_000})
        peer.raw(b"".join(pieces(message, 1)))
        empty = [server_frame(message, fin=False), *[server_frame(b"", 0, fin=False)] * 20_000, server_frame(b"", 0)]
        peer.raw(b"".join(empty))
        await self.alive(connection, peer)
        self.assertEqual([len(each["text"]) for each in watcher.items], [20_000] * 2)

    async def test_invalid_utf8_in_every_kind_of_frame(self):
        # Half of a surrogate pair is no UTF-8, yet JavaScript has such strings: it is read. Nothing else is.
        for text, heard in ((b"\xff\xfe", []), (b"\xc3", []), (b"\xed\xa0\x80", [{"x": "\ud800"}] * 3)):
            connection, peer = await self.pair()
            bad = b'{"method":"A.b","params":{"x":"%b"}}' % text
            watcher = Watcher(connection.session.events_raw("A.b"))
            peer.say(bad)
            peer.raw(b"".join(pieces(bad, 10)))
            peer.raw(server_frame(bad, BINARY))
            await self.alive(connection, peer)
            self.assertEqual((watcher.items, connection.stats.malformed), (heard, 3 - len(heard)), text)

    async def test_lengths_longer_than_need_be(self):
        # Autobahn refuses them, as the RFC wants it; what matters is that it ends, typed.
        for form in (16, 64):
            connection, peer = await self.pair(close_timeout=1.0)
            peer.raw(server_frame(event("A.b"), form=form))
            self.assertIsInstance(await within(connection.when_closed(), "the end"), ConnectionLost)
            self.assertEqual((await peer.close_frame())[:2], (1002).to_bytes(2, "big"))

    async def test_pongs_that_nobody_asked_for(self):
        connection, peer = await self.pair()
        peer.raw(server_frame(b"hello", PONG) * 1000)
        await self.alive(connection, peer)


@pytest.mark.no_cover
class TooMuchTests(HostileCase):
    async def test_a_hundred_thousand_events_in_one_go(self):
        connection, peer = await self.pair()
        seen: list[int] = []
        connection.session.events(network.DataReceived).subscribe(lambda item: seen.append(item.data_length))
        peer.say(*(data_received(each) for each in range(100_000)))
        await self.alive(connection, peer)
        self.assertEqual(seen, list(range(100_000)))
        self.assertEqual(connection.stats.events, 100_000)

    async def test_a_flood_that_nobody_listens_to(self):
        connection, peer = await self.pair()
        peer.say(*(data_received(each) for each in range(100_000)))
        await self.alive(connection, peer)
        self.assertEqual((connection.stats.ignored, connection.stats.events), (100_000, 0))

    async def test_a_flood_into_queues(self):
        connection, peer = await self.pair()
        queues = [
            queue(connection.session.events_raw("A.b"), 100, overflow=each)
            for each in ("drop_oldest", "drop_newest", "latest", "error")
        ]
        peer.say(*(event("A.b", {"n": each}) for each in range(10_000)))
        await self.alive(connection, peer)
        self.assertEqual([len(each) for each in queues], [100, 100, 1, 100])
        self.assertEqual(connection.stats.dropped, 9_900 * 2 + 9_999)
        self.assertEqual([each.get_nowait()["n"] for each in queues], [9_900, 0, 9_999, 0])

    async def test_a_flood_against_a_consumer_that_pauses(self):
        connection, peer = await self.pair()
        items = queue(connection.session.events_raw("A.b"), 50)
        peer.say(*(event("A.b", {"n": each, "fill": "x" * 500}) for each in range(20_000)))
        for number in range(20_000):
            self.assertEqual((await items.get())["n"], number)
        items.close()
        await self.alive(connection, peer)
        self.assertEqual(connection.stats.dropped, 0)

    async def test_a_flood_of_pings(self):
        connection, peer = await self.pair()
        peer.raw(server_frame(b"are you there?", PING) * 20_000)
        await self.alive(connection, peer)
        await self.alive(connection, peer)  # sent after the last of the pongs
        self.assertEqual(peer.pongs, 20_000)

    async def test_a_flood_of_nonsense(self):
        connection, peer = await self.pair()
        peer.say(*[b"nonsense"] * 20_000)
        await self.alive(connection, peer)
        self.assertEqual(connection.stats.malformed, 20_000)

    async def test_as_large_as_allowed(self):
        connection, peer = await self.pair(max_message_size=LIMIT)
        watcher = Watcher(connection.session.events_raw("A.b"))
        empty = len(event("A.b", {"x": ""}))
        message = event("A.b", {"x": "x" * (LIMIT - empty)})
        self.assertEqual(len(message), LIMIT)
        peer.say(message)
        peer.raw(b"".join(pieces(message, 30_000)))
        await self.alive(connection, peer)
        self.assertEqual(len(watcher.items), 2)

    async def test_larger_than_allowed(self):
        head = b"\x81\x7f"
        for name, told in {
            "whole": server_frame(b" " * (LIMIT + 1)),
            "fragments": b"".join(pieces(b" " * (LIMIT + 1), 30_000)),
            "only the announcement": head + (LIMIT + 1).to_bytes(8, "big"),
            "as much as can be said": head + (2**63 - 1).to_bytes(8, "big"),
        }.items():
            for answers in (True, False):
                connection, peer = await self.pair(max_message_size=LIMIT, close_timeout=0.2)
                peer.answering, peer.closing = False, answers
                pending = connection.session.execute_raw("A.c", timeout=None)
                watcher = Watcher(connection.session.events_raw("A.b"))
                await peer.command("A.c")
                peer.raw(server_frame(event("A.b")) + told)
                error = await self.fails(within(pending, name), ConnectionLost)
                self.assertFalse(error.clean)
                await connection.when_closed()
                self.assertEqual((len(watcher.items), watcher.errors), (1, [connection.lost]))
                self.assertEqual((await peer.close_frame())[:2], (1009).to_bytes(2, "big"), name)

    async def test_more_than_can_be_said(self):
        connection, peer = await self.pair(close_timeout=0.2)
        peer.raw(b"\x81\x7f" + b"\xff" * 8 + b"x" * 1000)
        self.assertFalse((await within(connection.when_closed(), "the end")).clean)


#: Frames that break the rules.
BREACHES: dict[str, bytes] = {
    "masked": server_frame(b"{}", mask=b"1234"),
    "RSV1": server_frame(b"{}", rsv=4),
    "RSV2 and 3": server_frame(b"{}", rsv=3),
    "a data opcode of the future": server_frame(b"{}", 3),
    "a control opcode of the future": server_frame(b"", 11),
    "a fragmented ping": server_frame(b"", PING, fin=False),
    "a long ping": server_frame(b"x" * 126, PING),
    "a fragment of nothing": server_frame(b"{}", 0),
    "a text within a text": server_frame(b"{", fin=False) + server_frame(b"{}"),
    "a close code that must not be sent": server_frame((1005).to_bytes(2, "big"), CLOSE),
    "a close code of nobody": server_frame((99).to_bytes(2, "big"), CLOSE),
    "half a close code": server_frame(b"\x03", CLOSE),
    "a close reason that is no text": server_frame(b"\x03\xe8\xff\xff", CLOSE),
}


class BreachesTests(HostileCase):
    """What breaks the rules ends the connection: typed, in time, also where the server does not play along."""

    async def test_each(self):
        for name, told in BREACHES.items():
            for plays_along in (True, False):
                connection, peer = await self.pair(close_timeout=0.2)
                peer.answering, peer.closing = False, plays_along
                pending = connection.session.execute_raw("A.c", timeout=None)
                watcher = Watcher(connection.session.events_raw("A.b"))
                await peer.command("A.c")
                peer.raw(server_frame(event("A.b", {"n": 1})) + told + server_frame(event("A.b", {"n": 2})) * 3)
                lost = await self.fails(within(pending, name), ConnectionLost)
                self.assertTrue(str(lost), name)
                await connection.when_closed()
                self.assertEqual(watcher.items[0], {"n": 1}, name)
                self.assertTrue(watcher.ended, name)
                await self.fails(connection.session.execute_raw("A.d"), ConnectionLost)
                self.assertEqual(self.flushLoggedErrors(), [], name)

    async def test_a_server_that_goes_on_talking(self):
        # It answers nothing, ends nothing, and is never quiet: only a deadline of our own ends that.
        connection, peer = await self.pair(close_timeout=0.3, ping_interval=0.1, ping_timeout=5)
        peer.closing = False
        talk = LoopingCall(peer.say, data_received(1))
        peer.raw(server_frame(b"{}", 3))
        talked = talk.start(0.01)
        lost = await within(connection.when_closed(), "the end")
        talk.stop()
        await talked
        self.assertFalse(lost.clean)


class ClosingTests(HostileCase):
    async def test_a_close_frame_and_an_open_line(self):
        for code in (1000, 1001, 4321):
            connection, peer = await self.pair(close_timeout=0.2)
            peer.answering = False
            pending = connection.session.execute_raw("A.b", timeout=None)
            await peer.command()
            peer.closing = False
            peer.close(code, "go away")
            lost = await self.fails(pending, ConnectionLost)
            self.assertEqual((lost.cause, lost.clean), ("close_timeout", False))
            facts = connection.transport.describe()
            self.assertEqual((facts["close_code"], facts["close_reason"]), (code, "go away"))

    async def test_a_close_frame_and_the_end(self):
        for code, clean in ((1000, True), (1001, True), (1011, False), (4321, False)):
            connection, peer = await self.pair()
            watcher = Watcher(connection.session.events_raw("A.b"))
            peer.close(code, "tsch\u00fcss")
            await peer.close_frame()
            lost = await within(connection.when_closed(), "the end")
            self.assertEqual((lost.code, lost.clean, bool(watcher.completed)), (code, clean, clean))
            self.assertEqual(connection.transport.describe()["close_reason"], "tsch\u00fcss")

    async def test_commands_between_the_close_frame_and_the_end(self):
        connection, peer = await self.pair(close_timeout=0.2, timeout=None)
        peer.closing = False
        peer.raw(server_frame(b"\x03\xe8", CLOSE))
        await peer.close_frame()
        late = connection.session.execute_raw("Too.late")
        await self.fails(late, ConnectionLost)
        self.assertEqual(peer.heard, [])

    async def test_frames_behind_the_close_frame(self):
        connection, peer = await self.pair(close_timeout=0.2)
        watcher = Watcher(connection.session.events_raw("A.b"))
        told = server_frame(event("A.b", {"n": 1})) + server_frame(b"\x03\xe8", CLOSE)
        peer.raw(told + server_frame(event("A.b", {"n": 2})) * 100 + server_frame(b"", PING) * 100)
        lost = await within(connection.when_closed(), "the end")
        self.assertEqual((watcher.items[0], lost.code, watcher.ended), ({"n": 1}, 1000, True))

    async def test_closing_a_server_that_does_not_answer(self):
        for told in (b"", server_frame(data_received(1)) * 1000, server_frame(b"x", PING) * 100, b"\x81\x7e\xff"):
            connection, peer = await self.pair(close_timeout=0.2)
            peer.answering = peer.closing = False
            pending = connection.session.execute_raw("A.b", timeout=None)
            await peer.command()
            closed = connection.close()
            await peer.close_frame()
            if told:
                peer.raw(told)
            self.assertTrue((await within(closed, "closing", 10)).clean)
            await self.fails(pending, ConnectionLost)

    async def test_the_end_without_a_close_frame(self):
        for how in ("loseConnection", "abortConnection", "loseWriteConnection"):
            connection, peer = await self.pair(close_timeout=0.2)
            peer.answering = False
            pending = connection.session.execute_raw("A.b", timeout=None)
            watcher = Watcher(connection.session.events(network.DataReceived))
            await peer.command("A.b")
            peer.say(data_received(1))
            getattr(peer.transport, how)()
            lost = await self.fails(within(pending, how), ConnectionLost)
            self.assertFalse(lost.clean)
            await connection.when_closed()
            self.assertEqual(watcher.errors, [connection.lost])

    async def test_the_end_in_the_middle_of_a_message(self):
        for told in (
            b"\x81",
            b"\x81\x7e",
            b"\x81\x7f\0\0\0",
            server_frame(b"x" * 200)[:-1],
            server_frame(b"x" * 100_000)[:50_000],
            server_frame(b"{", fin=False),
            server_frame(b"xx", PING)[:-1],
            server_frame(b"\x03\xe8", CLOSE)[:-1],
        ):
            connection, peer = await self.pair()
            peer.raw(told)
            peer.transport.loseConnection()
            self.assertFalse((await within(connection.when_closed(), "the end")).clean)

    async def test_a_server_that_says_nothing_more(self):
        connection, peer = await self.pair(ping_interval=0.1, ping_timeout=0.2)
        peer.transport.pauseProducing()
        pending = connection.session.execute_raw("A.b", timeout=None)
        lost = await self.fails(pending, ConnectionLost)
        self.assertIn("ping", str(lost))
        self.assertEqual((lost.cause, lost.clean), ("unresponsive", False))
        peer.transport.resumeProducing()

    async def test_commands_that_are_not_answered(self):
        connection, peer = await self.pair()
        peer.answering = False
        deferreds = [connection.session.execute_raw("A.b", timeout=0.1 + each / 1000) for each in range(100)]
        for deferred in deferreds:
            await self.fails(deferred, CommandTimeout)
        peer.say(*(reply_to(each) for each in peer.heard))
        await self.alive(connection, peer)
        self.assertEqual((connection.stats.timeouts, connection.stats.late), (100, 100))


class EarlyTests(HostileCase):
    """What comes in the handshake's own segment."""

    def early(self, told: bytes) -> HostileServer:
        def greet(peer: Peer) -> None:
            peer.raw(handshake_reply(peer.request) + told)

        return self.serve(greet)

    async def connect(self, server: HostileServer) -> tuple[Connection, Watcher]:
        options = WebSocketOptions(close_timeout=0.2, ping_interval=None)
        connection = Connection(await open_websocket(reactor, server.url, options), reactor)
        watcher = Watcher(connection.events_raw())
        self.addCleanup(self.finish, connection)
        return connection, watcher

    async def test_messages(self):
        told = b"".join(server_frame(event("A.b", {"n": each})) for each in range(1000))
        server = self.early(told + server_frame(b"", PING))
        connection, watcher = await self.connect(server)
        peer = await server.connected.get()
        await self.alive(connection, peer)
        self.assertEqual([each.params["n"] for each in watcher.items], list(range(1000)))
        self.assertEqual(peer.pongs, 1)

    async def test_half_a_message(self):
        message = server_frame(event("A.b", {"n": "x" * 300}))
        for cut in (1, 2, 3, 4, 50, len(message) - 1):
            server = self.early(message[:cut])
            connection, watcher = await self.connect(server)
            peer = await server.connected.get()
            peer.raw(message[cut:])
            await self.alive(connection, peer)
            self.assertEqual(len(watcher.items), 1)

    async def test_a_close_frame(self):
        server = self.early(server_frame(event("A.b")) + server_frame(b"\x03\xe8bye", CLOSE))
        connection, watcher = await self.connect(server)
        lost: Any = await within(connection.when_closed(), "the end")
        self.assertEqual((len(watcher.items), lost.code), (1, 1000))

    async def test_a_breach(self):
        connection, _ = await self.connect(self.early(server_frame(b"", 3)))
        self.assertFalse((await within(connection.when_closed(), "the end")).clean)
