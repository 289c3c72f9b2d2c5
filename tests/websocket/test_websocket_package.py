"""txcdp.websocket: two ends in memory, each with the bytes of the other."""

from __future__ import annotations

from typing import Any

from twisted.internet.defer import Deferred
from twisted.internet.testing import MemoryReactorClock
from twisted.trial.unittest import SynchronousTestCase

from tests.support import TCP, Watcher, client_frames, handshake_reply, server_frame
from txcdp import websocket
from txcdp.errors import ConnectionLost, HandshakeFailed
from txcdp.streams import queue
from txcdp.websocket import Closed, ServerOptions, WebSocket, WebSocketOptions


class End(TCP):
    """One end's TCP connection, of which the bytes wait until the test lets them pass."""

    reading = True
    producer: Any = None

    def registerProducer(self, producer: Any, streaming: bool) -> None:
        self.producer = producer

    def pauseProducing(self) -> None:
        self.reading = False

    def resumeProducing(self) -> None:
        self.reading = True

    def loseConnection(self) -> None:
        self.end()


class Pair:
    """A client and a server of ours, and a line between them."""

    def __init__(self, handler: Any = lambda line: None, **options: Any) -> None:
        self.reactor = MemoryReactorClock()
        offered = options.pop("offered", ())
        server = {name: options.pop(name) for name in list(options) if name in ServerOptions.__dataclass_fields__}
        self.served: list[WebSocket] = []

        def handle(line: WebSocket) -> Any:
            self.served.append(line)
            return handler(line)

        client = {name: server[name] for name in ("ping_interval",) if name in server}
        self.factory = websocket.server_factory(self.reactor, handle, options=ServerOptions(**server))
        mine = WebSocketOptions(**client, **options, subprotocols=offered)
        self.connecting: Deferred[WebSocket] = websocket.connect(
            self.reactor,
            "ws://127.0.0.1:9000/chat?room=1",
            options=mine,
        )
        self.client_tcp, self.server_tcp = End(), End()
        self.client_tcp.protocol = self.reactor.tcpClients[-1][2].buildProtocol(None)
        self.server_tcp.protocol = self.factory.buildProtocol(None)
        for end in (self.server_tcp, self.client_tcp):
            end.protocol.makeConnection(end)
        self.pump()

    def pump(self) -> None:
        """Let bytes pass until no more come."""
        while self.client_tcp.writes or self.server_tcp.writes:
            for one, other in ((self.client_tcp, self.server_tcp), (self.server_tcp, self.client_tcp)):
                data = b"".join(one.writes)
                one.writes.clear()
                if data and not other.lost:
                    other.protocol.dataReceived(data)
        for one, other in ((self.client_tcp, self.server_tcp), (self.server_tcp, self.client_tcp)):
            if one.lost and not other.lost:
                other.end()

    @property
    def client(self) -> WebSocket:
        """The client's WebSocket."""
        line: Any = self.connecting.result
        assert isinstance(line, WebSocket), line
        return line

    @property
    def server(self) -> WebSocket:
        """The server's WebSocket."""
        return self.served[0]


class PairCase(SynchronousTestCase):
    def pair(self, handler: Any = lambda line: None, **options: Any) -> Pair:
        pair = Pair(handler, **{"ping_interval": None, **options})
        self.addCleanup(self.check, pair)
        return pair

    def check(self, pair: Pair) -> None:
        for end in (pair.client_tcp, pair.server_tcp):
            end.end()
        self.assertEqual(pair.reactor.getDelayedCalls(), [], "nothing is left behind")
        self.assertEqual(pair.factory.ends, set())


class MessageTests(PairCase):
    def test_texts_and_bytes_of_all_sizes_both_ways(self):
        pair = self.pair()
        for one, other in ((pair.client, pair.server), (pair.server, pair.client)):
            heard = Watcher(other.messages)
            sent: list[str | bytes] = [
                b"\x00" * 300,
                "",
                b"",
                "h\u00e4\U0001f600\x00",
                b"\xff\x00",
                "x" * 126,
                "y" * 70_000,
            ]
            for message in sent:
                self.assertIsNone(self.successResultOf(one.send(message)))
            pair.pump()
            self.assertEqual(heard.items, sent)

    def test_what_is_no_message(self):
        pair = self.pair()
        wrong: Any
        for wrong in ({}, None, 5, bytearray(b"x")):
            with self.assertRaisesRegex(TypeError, "a str or bytes"):
                pair.client.send(wrong)

    def test_what_comes_with_the_handshake_is_heard(self):
        reactor = MemoryReactorClock()
        heard: list[object] = []
        connecting = websocket.connect(reactor, "ws://127.0.0.1:9000/", options=WebSocketOptions(ping_interval=None))
        connecting.addCallback(lambda line: line.messages.subscribe(heard.append))
        tcp = End()
        tcp.protocol = reactor.tcpClients[-1][2].buildProtocol(None)
        tcp.protocol.makeConnection(tcp)
        tcp.protocol.dataReceived(
            handshake_reply(b"".join(tcp.writes)) + server_frame(b"early") + server_frame(b"x", 2)
        )
        self.assertEqual(heard, ["early", b"x"])
        tcp.end()

    def test_frames_of_the_client_are_masked(self):
        pair = self.pair()
        pair.client.send("text")
        pair.client.send(b"bytes")
        frames = list(client_frames(b"".join(pair.client_tcp.writes)))
        seen = [(each.opcode, each.payload, each.mask is None) for each in frames]
        self.assertEqual(seen, [(1, b"text", False), (2, b"bytes", False)])

    def test_a_slow_peer_is_waited_for(self):
        pair = self.pair()
        pair.client_tcp.producer.pauseProducing()
        waiting = pair.client.send("x")
        self.assertNoResult(waiting)
        pair.client_tcp.producer.resumeProducing()
        self.assertIsNone(self.successResultOf(waiting))
        pair.client_tcp.producer.pauseProducing()
        waiting = pair.client.send("y")
        pair.client_tcp.end()
        self.failureResultOf(waiting, ConnectionLost)
        self.failureResultOf(pair.client.send("z"), ConnectionLost)

    def test_a_slow_consumer_stops_reading(self):
        pair = self.pair()
        messages = queue(pair.server.messages, maxsize=2, overflow="pause")
        for text in "abc":
            pair.client.send(text)
            pair.pump()
        self.assertFalse(pair.server_tcp.reading)
        taken = [self.successResultOf(messages.get()) for _ in range(3)]
        self.assertEqual((taken, pair.server_tcp.reading), ([*"abc"], True))
        messages.close()

    def test_text_that_is_no_utf_8_ends_it(self):
        pair = self.pair()
        ended = pair.server.when_closed()
        pair.client._end.send(b"\xff\xfe")
        pair.pump()
        self.assertEqual(self.successResultOf(pair.client.when_closed()).code, 1007)
        self.assertEqual(self.successResultOf(ended).code, 1007)

    def test_a_message_that_is_too_long(self):
        pair = self.pair(max_message_size=10)
        heard = Watcher(pair.server.messages)
        pair.client.send("x" * 11)
        pair.pump()
        self.assertEqual(self.successResultOf(pair.client.when_closed()).code, 1009)
        self.assertEqual([type(error) for error in heard.errors], [ConnectionLost])


class AgreementTests(PairCase):
    def test_the_servers_best_subprotocol(self):
        for offered, spoken, agreed in (
            ((), (), None),
            (("a", "b"), (), None),
            ((), ("a",), None),
            (("a", "b"), ("b", "a"), "b"),
            (("c",), ("a", "b"), None),
        ):
            pair = Pair(ping_interval=None, offered=offered, subprotocols=spoken)
            self.assertEqual((pair.client.subprotocol, pair.server.subprotocol), (agreed, agreed))
            self.check(pair)

    def test_what_is_known_of_the_other(self):
        pair = self.pair(headers={"X-Test": "1"})
        self.assertEqual((pair.server.path, pair.client.path), ("/chat?room=1", "/chat?room=1"))
        self.assertEqual(pair.server.headers["x-test"], "1")
        self.assertEqual(pair.client.headers["server"], "txcdp")
        self.assertEqual(repr(pair.client), "<WebSocket 127.0.0.1:9000 open>")

    def test_origins(self):
        ours = "https://ours.example"
        for origin, welcome in ((None, True), (ours, True), ("https://evil.example", False), ("null", False)):
            headers = {} if origin is None else {"Origin": origin}
            pair = Pair(ping_interval=None, origins=[ours], headers=headers)
            if welcome:
                self.assertTrue(pair.client.is_open)
            else:
                self.assertIn("403", str(self.failureResultOf(pair.connecting, HandshakeFailed).value))
                self.assertEqual(pair.served, [])
            self.check(pair)

    def test_a_refusal_is_all_that_is_told_of_it(self):
        """The connection ends after the answer, in a later turn, as it does with a real reactor."""
        reactor = MemoryReactorClock()
        connecting = websocket.connect(reactor, "ws://127.0.0.1:9000/", options=WebSocketOptions(ping_interval=None))
        tcp = End()
        tcp.abortConnection = tcp.loseConnection = lambda: None  # type: ignore[method-assign]
        tcp.protocol = reactor.tcpClients[-1][2].buildProtocol(None)
        tcp.protocol.makeConnection(tcp)
        tcp.protocol.dataReceived(b"HTTP/1.1 404 Not Found\r\nContent-Length: 0\r\n\r\n")
        tcp.end()
        self.assertIn("404", str(self.failureResultOf(connecting, HandshakeFailed).value))

    def test_a_client_that_does_not_complete_the_handshake(self):
        reactor = MemoryReactorClock()
        factory = websocket.server_factory(reactor, print, options=ServerOptions(open_timeout=3))
        tcp = End()
        tcp.protocol = factory.buildProtocol(None)
        tcp.protocol.makeConnection(tcp)
        reactor.advance(3)
        self.assertTrue(tcp.lost)


class PingTests(PairCase):
    def test_a_pong_has_its_delay(self):
        pair = self.pair()
        for one in (pair.client, pair.server):
            waiting = one.ping()
            pair.reactor.advance(0.25)
            self.assertNoResult(waiting)
            pair.pump()
            self.assertEqual(self.successResultOf(waiting), 0.25)

    def test_a_pong_answers_those_before_and_no_others(self):
        pair = self.pair()
        first, second, third = (pair.client.ping(each) for each in (b"1", b"2", b"3"))
        pair.client_tcp.protocol.dataReceived(server_frame(b"unasked", 10) + server_frame(b"2", 10))
        for waiting in (first, second):
            self.successResultOf(waiting)
        self.assertNoResult(third)
        third.cancel()
        self.failureResultOf(third)
        pair.client_tcp.protocol.dataReceived(server_frame(b"3", 10))

    def test_payloads_that_cannot_be(self):
        pair = self.pair()
        waiting = pair.client.ping(b"x" * 125)
        self.assertRaises(ValueError, pair.client.ping, b"x" * 126)
        self.assertRaises(ValueError, pair.client.ping, b"x" * 125)
        pair.client_tcp.end()
        self.failureResultOf(waiting, ConnectionLost)
        self.failureResultOf(pair.client.ping(), ConnectionLost)

    def test_a_client_that_has_gone_silent_is_cut_off(self):
        pair = self.pair(ping_interval=20.0)
        ended = pair.server.when_closed()
        pair.reactor.advance(20)
        pair.pump()
        pair.reactor.advance(20)
        self.assertNoResult(ended)
        pair.reactor.advance(20)
        pair.reactor.advance(20)
        closed = self.successResultOf(ended)
        self.assertEqual((closed.code, closed.clean, closed.reason), (1006, False, "it does not respond to pings"))


class ClosingTests(PairCase):
    def test_code_and_reason_reach_the_other_end(self):
        for mine, other in (("client", "server"), ("server", "client")):
            pair = self.pair()
            one, two = getattr(pair, mine), getattr(pair, other)
            ended = Watcher(two.messages)
            closing = one.close(4001, "enough")
            self.assertNoResult(closing)
            pair.pump()
            self.assertEqual(self.successResultOf(two.when_closed()), Closed(4001, "enough"))
            self.assertEqual(self.successResultOf(closing).code, 4001)
            self.assertEqual([type(error) for error in ended.errors], [ConnectionLost])
            self.assertFalse(one.is_open or two.is_open)
            self.assertEqual(self.successResultOf(one.close()).code, 4001)

    def test_a_good_end_completes_the_messages(self):
        for code in (1000, 1001):
            pair = self.pair()
            ended = Watcher(pair.server.messages)
            pair.client.close(code)
            pair.pump()
            self.assertEqual((ended.completed, ended.errors), (1, []))

    def test_a_reason_that_is_too_long_is_cut_at_a_character(self):
        pair = self.pair()
        pair.client.close(1000, "\u00e4" * 100)
        pair.pump()
        self.assertEqual(self.successResultOf(pair.server.when_closed()).reason, "\u00e4" * 61)

    def test_a_peer_that_does_not_close(self):
        pair = self.pair(close_timeout=2.0)
        for one in (pair.client, pair.server):
            closing = one.close()
            pair.client_tcp.writes.clear()
            pair.server_tcp.writes.clear()
            pair.reactor.advance(2)
            self.assertEqual(self.successResultOf(closing).code, 1006)

    def test_a_line_that_breaks(self):
        pair = self.pair()
        ended = Watcher(pair.client.messages)
        pair.client_tcp.end()
        closed = self.successResultOf(pair.client.when_closed())
        self.assertEqual((closed.code, closed.clean), (1006, False))
        self.assertTrue(closed.reason)
        self.assertEqual([type(error) for error in ended.errors], [ConnectionLost])

    def test_async_with_closes(self):
        async def use(line: WebSocket) -> None:
            async with line:
                await line.send("x")

        pair = self.pair()
        using = Deferred.fromCoroutine(use(pair.client))
        self.assertNoResult(using)
        pair.pump()
        self.successResultOf(using)
        self.assertEqual(self.successResultOf(pair.server.when_closed()).code, 1000)


class HandlerTests(PairCase):
    def test_a_coroutine_is_the_connections_life(self):
        going_on: Deferred[None] = Deferred()

        async def handle(line: WebSocket) -> None:
            await going_on

        pair = self.pair(handle)
        self.assertTrue(pair.client.is_open)
        going_on.callback(None)
        pair.pump()
        self.assertEqual(self.successResultOf(pair.client.when_closed()), Closed(1000))

    def test_a_function_that_returns_leaves_it_open(self):
        self.assertTrue(self.pair(lambda line: None).client.is_open)

    def test_a_coroutine_that_ends_at_once(self):
        async def handle(line: WebSocket) -> None:
            line.send("bye")

        pair = self.pair(handle)
        self.assertEqual(self.successResultOf(pair.client.when_closed()).code, 1000)

    def test_what_fails_is_logged_and_told(self):
        async def late(line: WebSocket) -> None:
            raise LookupError("late")

        def early(line: WebSocket) -> None:
            raise LookupError("early")

        for handler in (early, late):
            pair = self.pair(handler)
            self.assertEqual(self.successResultOf(pair.client.when_closed()).code, 1011)
            self.assertEqual(len(self.flushLoggedErrors(LookupError)), 1)

    def test_that_the_client_has_gone_is_no_failure_of_the_handlers(self):
        async def handle(line: WebSocket) -> None:
            async with queue(line.messages, overflow="pause") as messages:
                async for message in messages:
                    await line.send(message)

        pair = self.pair(handle)
        pair.client_tcp.end()
        pair.pump()
        self.assertEqual(self.flushLoggedErrors(), [])

    def test_a_server_that_ends(self):
        async def main() -> websocket.WebSocketServer:
            return await websocket.listen(pair.reactor, "tcp:9000:interface=127.0.0.1", print)

        pair = self.pair()
        server = self.successResultOf(Deferred.fromCoroutine(main()))
        self.assertEqual(pair.reactor.tcpServers[-1][0], 9000)
        server._factory = pair.factory
        self.assertEqual(server.connections, [pair.server])
        closing = server.close()
        self.assertNoResult(closing)
        pair.pump()
        self.successResultOf(closing)
        self.assertEqual(self.successResultOf(pair.client.when_closed()).code, 1001)
