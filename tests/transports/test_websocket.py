"""The WebSocket transport without a socket: opening, the short path for frames, sending, closing, the heartbeat."""

from __future__ import annotations

import random
from typing import Any
from unittest.mock import patch

import pytest
from autobahn.twisted.websocket import WebSocketClientFactory, WebSocketClientProtocol
from twisted.internet.defer import CancelledError, Deferred
from twisted.internet.error import ConnectionRefusedError as Refused
from twisted.internet.error import DNSLookupError, TimeoutError
from twisted.internet.testing import MemoryReactorClock
from twisted.python.failure import Failure
from twisted.trial.unittest import SynchronousTestCase

from tests.support import TCP, Opening, client_frames, handshake_reply, server_frame
from tests.transports.support_frames import SamePathCase
from txcdp._core.connection import Connection
from txcdp._transports import short_path
from txcdp._transports.frames import ShortPathProtocol
from txcdp._transports.heartbeat import Heartbeat
from txcdp._transports.websocket import open_websocket
from txcdp.errors import ConnectError, ConnectionLost, ConnectTimeout, HandshakeFailed, InvalidURL


class Receiver:
    """Keeps what it hears."""

    def __init__(self, act: Any = None) -> None:
        self.messages: list[bytes] = []
        self.closed: list[ConnectionLost] = []
        self._act = act

    def message_received(self, message: bytes) -> None:
        self.messages.append(bytes(message))
        if self._act is not None:
            self._act(message)

    def transport_closed(self, reason: ConnectionLost) -> None:
        self.closed.append(reason)


def _give(_: object, opening: Opening, receiver: Receiver) -> None:
    opening.transport.receiver = receiver


class OpenCase(SynchronousTestCase):
    """A test on an open transport."""

    def setUp(self) -> None:
        self.open()

    def open(self, extra: str = "", **options: Any) -> None:
        self.opening = Opening(**{"ping_interval": None, **options})
        self.opening.connect()
        self.opening.answer(extra)
        self.tcp, self.reactor, self.transport = self.opening.tcp, self.opening.reactor, self.opening.transport
        self.receiver = Receiver()
        self.transport.receiver = self.receiver

    def tearDown(self) -> None:
        self.tcp.end()
        self.assertEqual(self.reactor.getDelayedCalls(), [])

    def feed(self, *data: bytes) -> None:
        self.tcp.protocol.dataReceived(b"".join(data))

    def sent(self) -> list[Any]:
        return list(client_frames(b"".join(self.tcp.writes)))

    def texts(self) -> list[bytes]:
        return [frame.payload for frame in self.sent() if frame.opcode == 1]

    @property
    def lost(self) -> ConnectionLost:
        (lost,) = self.receiver.closed
        return lost


class OpeningTests(SynchronousTestCase):
    def check_failure(self, opening: Opening, kind: type[Exception], *words: str) -> None:
        error = opening.failure
        self.assertIsInstance(error, kind)
        for word in words:
            self.assertIn(word, str(error))
        if opening.tcp.protocol is not None:
            opening.tcp.end()
        self.assertEqual(opening.reactor.getDelayedCalls(), [])

    def test_the_request(self):
        opening = Opening(headers={"Authorization": "Bearer t"})
        request = opening.connect()
        self.assertTrue(request.startswith(b"GET /devtools/browser/x HTTP/1.1\r\n"))
        self.assertIn(b"Host: 127.0.0.1:9222", request)
        self.assertIn(b"Authorization: Bearer t", request)
        self.assertNotIn(b"Origin", request)
        self.assertNotIn(b"Extensions", request)
        opening.answer()
        self.assertEqual(opening.transport.describe()["transport"], "websocket")
        self.assertEqual(opening.transport.bytes_sent, len(request))
        opening.tcp.end()
        self.assertEqual(opening.reactor.getDelayedCalls(), [])

    def test_an_address_of_six(self):
        opening = Opening("ws://[::1]:9222/devtools/browser/x")
        self.assertIn(b"\r\nHost: [::1]:9222\r\n", opening.connect())
        opening.tcp.end()
        self.check_failure(opening, HandshakeFailed, "[::1]:9222")

    def test_the_answer_in_pieces(self):
        opening = Opening(ping_interval=None)
        answer = handshake_reply(opening.connect())
        for index in range(len(answer)):
            opening.tcp.protocol.dataReceived(answer[index : index + 1])
        self.assertIsNotNone(opening.transport)
        opening.tcp.end()

    def test_early_frames(self):
        for more in (b"", server_frame(b"three")[:3]):
            opening = Opening(ping_interval=None)
            receiver = Receiver()
            opening.deferred.addCallback(_give, opening, receiver)
            opening.connect()
            opening.answer(early=server_frame(b"one") + server_frame(b"two") + more)
            self.assertEqual(receiver.messages, [b"one", b"two"])
            opening.tcp.end()

    def test_urls_that_are_none(self):
        for url in ("http://x/", "nonsense", "ws://", "", "ws://x:port/", "ws://x/#fragment"):
            with self.subTest(url):
                failed = open_websocket(MemoryReactorClock(), url)
                self.assertTrue(failed.called, url)
                self.assertIsInstance(self.failureResultOf(failed, InvalidURL).value, ValueError)

    def test_noise_in_place_of_an_answer(self):
        for noise in (
            b"SSH-2.0-OpenSSH_9.2\r\n",
            b"\x00\x01\x02",
            b"220 smtp ready\r\n",
            b"\xff" * 100,
            b"HTTP/2 101\r\n\r\n",
        ):
            opening = Opening()
            opening.connect()
            opening.tcp.protocol.dataReceived(noise)
            opening.tcp.end()
            self.check_failure(opening, HandshakeFailed, "127.0.0.1:9222")

    def test_other_answers(self):
        for status, words in (
            ("200 OK", ["200"]),
            ("401 Unauthorized", ["401", "Bearer TOKEN"]),
            ("403 Forbidden", ["403", "Origin"]),
            ("404 Not Found", ["404", "/json/version"]),
            ("500 Internal Server Error", ["500", "localhost"]),
            ("101 Switching Protocols", []),
        ):
            opening = Opening()
            opening.connect()
            opening.tcp.protocol.dataReceived(f"HTTP/1.1 {status}\r\nContent-Length: 0\r\n\r\n".encode())
            opening.tcp.end()
            self.check_failure(opening, HandshakeFailed, *words)

    def test_a_wrong_accept(self):
        opening = Opening()
        request = opening.connect()
        opening.tcp.protocol.dataReceived(handshake_reply(request.replace(b"Key: ", b"Key: A")))
        opening.tcp.end()
        self.check_failure(opening, HandshakeFailed)

    def test_an_answer_that_does_not_end(self):
        opening = Opening()
        opening.connect()
        opening.tcp.protocol.dataReceived(b"HTTP/1.1 101 Switching Protocols\r\n")
        for _ in range(100):
            if not opening.opened:
                opening.tcp.protocol.dataReceived(b"X: " + b"y" * 1000 + b"\r\n")
        self.check_failure(opening, HandshakeFailed, "is too long")

    def test_half_an_answer_and_the_end(self):
        opening = Opening()
        opening.connect()
        opening.tcp.protocol.dataReceived(b"HTTP/1.1 101 Switching")
        opening.tcp.end()
        self.check_failure(opening, HandshakeFailed)

    def test_no_answer_and_the_end(self):
        opening = Opening()
        opening.connect()
        opening.tcp.end()
        self.check_failure(opening, HandshakeFailed)

    def test_silence(self):
        opening = Opening(open_timeout=3)
        opening.connect()
        opening.reactor.advance(2.9)
        self.assertEqual(opening.opened, [])
        opening.reactor.advance(0.2)
        self.check_failure(opening, ConnectTimeout, "3 s", "127.0.0.1:9222")
        self.assertTrue(opening.tcp.aborted)

    def test_nothing_listens(self):
        for reason, words in (
            (Refused(), ["9222", "--remote-debugging-port=9222"]),
            (TimeoutError(), ["127.0.0.1:9222"]),
        ):
            opening = Opening()
            factory: Any = opening.reactor.tcpClients[-1][2]
            factory.clientConnectionFailed(None, Failure(reason))
            opening.reactor.advance(1)
            self.check_failure(opening, ConnectError, *words)

    def test_cancelling(self):
        opening = Opening()
        opening.connect()
        opening.deferred.cancel()
        self.assertTrue(opening.tcp.aborted)
        self.assertEqual(len(opening.opened), 1)
        self.assertEqual(opening.reactor.getDelayedCalls(), [])

    def test_cancelling_while_the_name_is_looked_up(self):
        looking: Deferred[Any] = Deferred(lambda waiting: waiting.errback(DNSLookupError("not found")))
        with patch("txcdp._transports.endpoints.HostnameEndpoint") as endpoint:
            endpoint.return_value.connect.return_value = looking
            opening = open_websocket(MemoryReactorClock(), "ws://127.0.0.1:9222/devtools/browser/x")
            opening.cancel()
        self.failureResultOf(opening, CancelledError)

    def test_a_proxy(self):
        opening = Opening(proxy=("127.0.0.2", 3128), ping_interval=None)
        self.assertEqual(opening.reactor.tcpClients[-1][1], 3128)
        request = opening.connect()
        self.assertTrue(request.startswith(b"CONNECT 127.0.0.1:9222 HTTP/1.1\r\n"), request)
        opening.tcp.writes.clear()
        opening.tcp.protocol.dataReceived(b"HTTP/1.1 200 Connection established\r\n\r\n")
        self.assertIn(b"GET /devtools/browser/x HTTP/1.1", b"".join(opening.tcp.writes))
        opening.answer()
        self.assertIsNotNone(opening.transport)
        opening.tcp.end()

    def test_a_proxy_that_refuses(self):
        opening = Opening(proxy=("127.0.0.2", 3128))
        opening.connect()
        opening.tcp.protocol.dataReceived(b"HTTP/1.1 407 Proxy Authentication Required\r\n\r\n")
        opening.tcp.end()
        self.check_failure(opening, HandshakeFailed, "proxy", "407")

    def test_tls_is_asked_for(self):
        opening = Opening("wss://127.0.0.1:9223/x")
        self.assertEqual(opening.reactor.tcpClients[-1][:2], ("127.0.0.1", 9223))
        opening.deferred.cancel()
        self.assertEqual(len(opening.opened), 1)


class ReceivingTests(OpenCase):
    def test_many_frames_in_one_read(self):
        self.feed(*(server_frame(b"%d" % number) for number in range(1000)))
        self.assertEqual(self.receiver.messages, [b"%d" % number for number in range(1000)])

    def test_every_length(self):
        for size in (0, 1, 125, 126, 127, 65535, 65536, 70000):
            payload = b"x" * size
            self.receiver.messages.clear()
            self.feed(server_frame(payload), server_frame(b"next"))
            self.assertEqual(self.receiver.messages, [payload, b"next"])

    def test_binary_is_taken_as_text(self):
        self.feed(server_frame(b"one", 2), server_frame(b"two"))
        self.assertEqual(self.receiver.messages, [b"one", b"two"])

    def test_fragments_with_a_ping_between(self):
        self.feed(
            server_frame(b"on", fin=False), server_frame(b"!", 9), server_frame(b"e", 0, fin=False),
            server_frame(b"", 0), server_frame(b"two"),
        )  # fmt: skip
        self.assertEqual(self.receiver.messages, [b"one", b"two"])
        self.assertEqual([(frame.opcode, frame.payload) for frame in self.sent()], [(10, b"!")])

    def test_invalid_utf8_is_left_to_the_decoder(self):
        self.feed(server_frame(b"\xff\xfe"), server_frame(b"next"))
        self.assertEqual(self.receiver.messages, [b"\xff\xfe", b"next"])

    def test_what_breaks_the_rules_ends_it(self):
        for bad in (
            server_frame(b"x", rsv=4),
            server_frame(b"x", 3),
            server_frame(b"x", 11),
            server_frame(b"x", mask=b"\0\0\0\0"),
            server_frame(b"x", 0),
            server_frame(b"x", 9, fin=False),
            server_frame(b"x" * 126, 9),
            server_frame(b"x", form=16),
            server_frame(b"x" * 300, form=64),
            b"\x81\x7f" + b"\xff" * 8,
            server_frame(b"a", fin=False) + server_frame(b"b"),
            server_frame(b"\x03", 8),
        ):
            for cut in (len(bad), 1, 2):
                self.open()
                self.feed(server_frame(b"before"), bad[:cut])
                self.feed(bad[cut:])
                self.assertEqual(self.receiver.messages, [b"before"])
                self.assertEqual(self.sent()[-1].opcode, 8, bad)
                self.feed(server_frame(b"after"))
                self.assertEqual(self.receiver.messages, [b"before"])
                self.reactor.advance(10)
                self.assertFalse(self.lost.clean)

    def test_too_large(self):
        for payload, cut in ((b"x" * 101, 200), (b"x" * 101, 50), (b"x" * 70_000, 11), (b"x" * 101, 1)):
            self.open(max_message_size=100)
            data = server_frame(b"y" * 100) + server_frame(payload)
            self.feed(data[: 102 + cut])
            self.feed(data[102 + cut :])
            self.assertEqual(self.receiver.messages, [b"y" * 100])
            self.assertEqual(self.sent()[-1].payload[:2], (1009).to_bytes(2, "big"))
            self.reactor.advance(10)
            self.assertFalse(self.lost.clean)

    def test_too_large_in_fragments(self):
        self.open(max_message_size=100)
        self.feed(server_frame(b"x" * 60, fin=False), server_frame(b"x" * 60, 0))
        self.assertEqual((self.receiver.messages, self.sent()[-1].payload[:2]), ([], (1009).to_bytes(2, "big")))
        self.reactor.advance(10)

    def test_bytes_are_counted(self):
        before = self.transport.bytes_received
        self.feed(server_frame(b"abc"), server_frame(b"x" * 200)[:7])
        self.assertEqual(self.transport.bytes_received - before, 12)

    def test_nobody_to_receive(self):
        self.transport.receiver = None
        self.feed(server_frame(b"lost"), server_frame(b"lost", 2))
        self.transport.receiver = self.receiver
        self.feed(server_frame(b"found"))
        self.assertEqual(self.receiver.messages, [b"found"])
        self.assertIs(self.transport.receiver, self.receiver)

    def test_pausing(self):
        self.transport.pause()
        self.assertEqual(self.tcp.producerState, "paused")
        self.transport.resume()
        self.transport.resume()
        self.assertEqual(self.tcp.producerState, "producing")


def recording(base: type[Any], validate: bool) -> Any:
    """Return an open protocol that keeps what it hears."""

    class Recording(base):  # type: ignore[misc]
        def onMessage(self, payload: bytes, isBinary: bool) -> None:
            self.heard.append((isBinary, bytes(payload)))

        def onPing(self, payload: bytes) -> None:
            self.heard.append(("ping", bytes(payload)))

        def onPong(self, payload: bytes) -> None:
            self.heard.append(("pong", bytes(payload)))

        def onClose(self, wasClean: bool, code: Any, reason: Any) -> None:
            self.heard.append(("closed", wasClean, code))

    factory = WebSocketClientFactory("ws://127.0.0.1/", reactor=MemoryReactorClock())
    factory.noisy = False
    factory.protocol = Recording
    factory.setProtocolOptions(utf8validateIncoming=validate, maxMessagePayloadSize=100_000, failByDrop=False)
    protocol: Any = factory.buildProtocol(None)
    protocol.heard = []
    tcp = TCP()
    tcp.protocol = protocol
    protocol.makeConnection(tcp)
    protocol.dataReceived(handshake_reply(b"".join(tcp.writes)))
    assert protocol.state == protocol.STATE_OPEN
    return protocol


@pytest.mark.no_cover
class SamePathTests(SamePathCase):
    """The short path against Autobahn's own parser."""

    def recording(self, ours: bool, validate: bool) -> Any:
        return recording(ShortPathProtocol if ours else WebSocketClientProtocol, validate)

    def frame(self, dice: random.Random, payload: bytes, opcode: int = 1, **form: Any) -> bytes:
        return server_frame(payload, opcode, **form)

    def test_good_frames(self):
        for seed in range(150):
            self.compare(seed, damage=False)

    def test_bad_frames_among_them(self):
        for seed in range(1000, 1250):
            self.compare(seed, damage=True)

    def test_a_text_is_refused_at_the_first_wrong_byte(self):
        protocol = recording(ShortPathProtocol, validate=True)
        frame = server_frame(b"ok \xff" + b"x" * 50)
        protocol.dataReceived(frame[:6])
        self.assertNotEqual(protocol.state, protocol.STATE_OPEN)
        protocol.transport.end()


class SendingTests(OpenCase):
    def test_every_frame_is_masked_and_differently(self):
        sizes = (0, 1, 2, 3, 4, 5, 100, 125, 126, 127, 500, 1023, 1024, 1025, 65535, 65536, 200_000)
        payloads = [bytes(index % 251 for index in range(size)) for size in sizes]
        for payload in payloads:
            self.transport.send(payload)
        self.reactor.advance(0)
        self.assertEqual(self.texts(), payloads)
        masks = [frame.mask for frame in self.sent()]
        self.assertNotIn(None, masks)
        self.assertEqual(len(set(masks)), len(masks))

    def test_one_write_for_one_read(self):
        self.receiver._act = lambda message: self.transport.send(b"re: " + message)
        self.feed(*(server_frame(b"%d" % number) for number in range(5)), server_frame(b"ping", 9))
        (write,) = self.tcp.writes
        self.assertEqual(
            [frame.payload for frame in client_frames(write)],
            [b"re: 0", b"re: 1", b"re: 2", b"re: 3", b"re: 4", b"ping"],
        )

    def test_bytes_are_counted(self):
        before = self.transport.bytes_sent
        self.transport.send(b"abc")
        self.assertEqual(self.transport.bytes_sent - before, 9)

    def test_a_long_message_goes_in_fragments(self):
        self.patch(short_path, "FRAGMENT_SIZE", 100)
        self.transport.send(b"x" * 100)
        self.transport.send(b"y" * 250)
        self.transport.send(b"z")
        self.reactor.advance(0)
        sent = [(frame.opcode, frame.fin, len(frame.payload)) for frame in self.sent()]
        self.assertEqual(sent, [(1, True, 100), (1, False, 100), (0, False, 100), (0, True, 50), (1, True, 1)])
        self.assertEqual(b"".join(frame.payload for frame in self.sent()), b"x" * 100 + b"y" * 250 + b"z")

    def test_nothing_after_the_end(self):
        self.transport.close()
        self.transport.send(b"late")
        self.tcp.end()
        self.transport.send(b"later")
        self.assertEqual(self.texts(), [])

    def test_straight_to_the_socket(self):
        written: list[bytes] = []

        class Socket(TCP):
            _tempDataBuffer: list[bytes] = []
            dataBuffer = b""
            takes = 1000

            def writeSomeData(self, data: bytes) -> int:
                written.append(data[: self.takes])
                return len(written[-1])

        socket = Socket()
        self.transport.transport = socket
        self.receiver._act = lambda message: self.transport.send(b"x" * 20)
        self.feed(server_frame(b"1"))
        self.assertEqual((len(written[0]), socket.writes), (26, []))
        socket.takes = 10
        self.feed(server_frame(b"1"))
        self.assertEqual((len(written[1]), len(b"".join(socket.writes))), (10, 16))
        socket.dataBuffer = b"waiting"
        self.feed(server_frame(b"1"))
        self.assertEqual((len(written), self.transport.unsent), (2, 7))
        socket.dataBuffer, socket.takes = b"", -1
        socket.writes.clear()
        self.transport.transport = self.tcp


class CompressionTests(OpenCase):
    def test_offered_and_used(self):
        self.opening = Opening(ping_interval=None, compress=True)
        request = self.opening.connect()
        self.assertIn(b"permessage-deflate", request)
        self.opening.answer("Sec-WebSocket-Extensions: permessage-deflate\r\n")
        self.tcp, self.reactor, self.transport = self.opening.tcp, self.opening.reactor, self.opening.transport
        self.transport.receiver = self.receiver = Receiver()
        self.transport.send(b"x" * 500)
        self.reactor.advance(0)
        (frame,) = self.sent()
        self.assertEqual(frame.rsv, 4)
        self.assertLess(len(frame.payload), 100)
        self.feed(server_frame(frame.payload, rsv=4), server_frame(b"plain"))
        self.assertEqual(self.receiver.messages, [b"x" * 500, b"plain"])
        self.assertEqual(len(self.transport.describe()["extensions"]), 1)  # type: ignore[arg-type]

    def test_offered_and_not_taken(self):
        self.open(compress=True)
        self.transport.send(b"x" * 500)
        self.reactor.advance(0)
        self.assertEqual(self.texts(), [b"x" * 500])

    def test_not_offered(self):
        opening = Opening()
        opening.connect()
        opening.answer("Sec-WebSocket-Extensions: permessage-deflate\r\n")
        opening.tcp.end()
        self.assertIsInstance(opening.failure, HandshakeFailed)


class ClosingTests(OpenCase):
    def test_ours(self):
        self.transport.close()
        self.assertEqual([(frame.opcode, frame.payload) for frame in self.sent()], [(8, b"\x03\xe8")])
        self.feed(server_frame(b"\x03\xe8", 8))
        self.tcp.end()
        self.assertEqual((self.lost.clean, self.lost.code), (True, 1000))

    def test_before_anybody_listens(self):
        opening = Opening(ping_interval=None)
        opening.connect()
        opening.answer()
        opening.tcp.end()
        connection = Connection(opening.transport, opening.reactor)
        pending = connection.session.execute_raw("A.b", timeout=None)
        ended = connection.when_closed()
        self.assertNoResult(ended)
        opening.reactor.advance(0)
        lost = self.successResultOf(ended)
        self.assertEqual((lost.clean, lost.cause, connection.lost), (False, "ended", lost))
        self.failureResultOf(pending, ConnectionLost)
        self.assertEqual(opening.reactor.getDelayedCalls(), [])
        opening.transport.receiver = self.receiver
        opening.reactor.advance(1)
        self.assertEqual(self.receiver.closed, [])  # it is told once

    def test_ours_while_frames_still_come(self):
        self.transport.close()
        self.feed(server_frame(b"late"), server_frame(b"\x03\xe8", 8))
        self.tcp.end()
        self.assertEqual(self.receiver.messages, [b"late"])
        self.assertTrue(self.lost.clean)

    def test_ours_unanswered(self):
        self.transport.close()
        self.transport.close()
        self.reactor.advance(1.9)
        self.assertEqual(self.receiver.closed, [])
        self.reactor.advance(0.2)
        self.assertTrue(self.tcp.aborted)
        self.assertIn("2 s", self.lost.reason)

    def test_ours_answered_but_tcp_is_kept_open(self):
        self.transport.close()
        self.feed(server_frame(b"\x03\xe8", 8))
        self.reactor.advance(3)
        self.assertEqual(len(self.receiver.closed), 1)

    def test_theirs(self):
        self.feed(server_frame(b"\x03\xe9going", 8))
        self.assertEqual(self.sent()[-1].opcode, 8)
        self.tcp.end()
        self.assertEqual((self.lost.clean, self.lost.code), (True, 1001))
        self.assertIn("going", self.lost.reason)

    def test_theirs_and_tcp_is_kept_open(self):
        self.feed(server_frame(b"\x03\xe8", 8))
        self.reactor.advance(2)
        self.assertTrue(self.tcp.aborted)
        self.assertEqual(len(self.receiver.closed), 1)

    def test_theirs_with_an_error(self):
        self.feed(server_frame(b"\x03\xf3broken", 8))
        self.tcp.end()
        self.assertEqual((self.lost.clean, self.lost.code), (False, 1011))

    def test_no_closing_at_all(self):
        self.tcp.end()
        self.assertEqual((self.lost.clean, self.lost.code), (False, 1006))
        self.assertEqual(self.lost.reason, "the browser disconnected without a closing handshake")

    def test_aborting(self):
        self.transport.abort()
        self.assertFalse(self.lost.clean)
        self.transport.abort()

    def test_closing_while_paused(self):
        self.transport.pause()
        self.transport.close()
        self.assertEqual(self.tcp.producerState, "producing")

    def test_closing_after_the_end(self):
        self.tcp.end()
        self.transport.close()
        self.assertEqual(self.reactor.getDelayedCalls(), [])

    def test_closing_from_within_a_message(self):
        self.receiver._act = lambda _: self.transport.close()
        self.feed(server_frame(b"1"), server_frame(b"2"))
        self.assertEqual(self.receiver.messages[0], b"1")
        self.feed(server_frame(b"\x03\xe8", 8))
        self.tcp.end()
        self.assertTrue(self.lost.clean)

    def test_aborting_from_within_a_message(self):
        self.receiver._act = lambda _: self.transport.abort()
        self.feed(server_frame(b"1"), server_frame(b"2"))
        self.assertEqual((self.receiver.messages, len(self.receiver.closed)), ([b"1"], 1))

    def test_nobody_to_tell(self):
        self.transport.receiver = None
        self.tcp.end()
        self.assertEqual(self.receiver.closed, [])


class PingTests(OpenCase):
    def pings(self) -> int:
        return sum(frame.opcode == 9 for frame in self.sent())

    def test_theirs_is_answered(self):
        self.feed(server_frame(b"hello", 9))
        self.assertEqual([(frame.opcode, frame.payload) for frame in self.sent()], [(10, b"hello")])

    def test_ours(self):
        self.open(ping_interval=20.0, ping_timeout=10.0)
        for count in range(1, 4):
            self.reactor.advance(20)
            self.assertEqual(self.pings(), count)
            self.feed(server_frame(self.sent()[-1].payload, 10))
            self.reactor.advance(0)
            if count < 3:
                self.reactor.advance(10)
                self.reactor.advance(-10)
        self.assertEqual(self.receiver.closed, [])

    def test_ours_unanswered(self):
        self.open(ping_interval=20.0, ping_timeout=10.0)
        self.reactor.advance(20)
        self.reactor.advance(10)
        self.assertTrue(self.tcp.aborted)
        self.assertIn("ping within 10 s", self.lost.reason)
        self.assertFalse(self.lost.clean)

    def test_anything_counts_as_an_answer(self):
        self.open(ping_interval=20.0, ping_timeout=10.0)
        self.reactor.advance(20)
        self.feed(server_frame(b"x"))
        self.reactor.advance(10)
        self.assertEqual(self.receiver.closed, [])

    def test_a_paused_line_is_not_taken_as_dead(self):
        self.open(ping_interval=20.0, ping_timeout=10.0)
        self.transport.pause()
        self.reactor.pump([5.0] * 20)
        self.assertEqual(self.receiver.closed, [])
        self.transport.resume()
        self.reactor.pump([5.0] * 10)
        self.assertEqual(len(self.receiver.closed), 1)


class HeartbeatTests(SynchronousTestCase):
    def test_its_rhythm(self):
        clock = MemoryReactorClock()
        pinged: list[float] = []
        dead: list[float] = []
        heart = Heartbeat(
            clock, lambda: pinged.append(clock.seconds()), lambda: dead.append(clock.seconds()), 20.0, 5.0
        )
        heart.start()
        for _ in range(60):
            clock.advance(1)
            heart.heard()
        self.assertEqual((pinged, dead), ([20, 40, 60], []))
        clock.advance(4)
        clock.advance(1)
        self.assertEqual(dead, [])
        clock.pump([1.0] * 15)
        clock.pump([1.0] * 5)
        self.assertEqual(dead, [85])
        heart.stop()
        self.assertEqual(clock.getDelayedCalls(), [])

    def test_none(self):
        clock = MemoryReactorClock()
        heart = Heartbeat(clock, lambda: None, lambda: None, None, 5.0)
        heart.start()
        heart.stop()
        self.assertEqual(clock.getDelayedCalls(), [])
