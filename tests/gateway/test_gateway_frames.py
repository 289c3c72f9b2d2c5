"""The short path of a server's end of a WebSocket, against Autobahn's own parser; and what is written, and when."""

from __future__ import annotations

import base64
import random
from typing import Any

import pytest
from autobahn.twisted.websocket import WebSocketServerFactory, WebSocketServerProtocol
from autobahn.websocket.xormasker import create_xor_masker
from twisted.internet.testing import MemoryReactorClock
from twisted.trial.unittest import SynchronousTestCase

from tests.gateway.support import ServerTCP, masked
from tests.support import client_frames, server_frame
from tests.transports import test_websocket
from txcdp._transports.server_frames import ServerShortPath

HANDSHAKE = (
    b"GET / HTTP/1.1\r\nHost: localhost\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
    b"Sec-WebSocket-Key: %b\r\nSec-WebSocket-Version: 13\r\n\r\n" % base64.b64encode(b"0123456789abcdef")
)


def recording(base: Any, validate: bool = True, early: bytes = b"") -> Any:
    """Return an open protocol that writes down what it hears."""

    class Recording(base):  # type: ignore[misc]
        heard: list[Any]

        def onMessage(self, payload, isBinary):
            self.heard.append(("message", bytes(payload), isBinary))

        def onPing(self, payload):
            self.heard.append(("ping", bytes(payload)))
            super().onPing(payload)

        def onClose(self, wasClean, code, reason):
            self.heard.append(("close", wasClean, code, reason))

    factory: Any = WebSocketServerFactory(reactor=MemoryReactorClock())
    factory.noisy = False
    factory.protocol = Recording
    factory.setProtocolOptions(
        utf8validateIncoming=validate,
        maxMessagePayloadSize=100_000,
        failByDrop=False,
        openHandshakeTimeout=0,
        closeHandshakeTimeout=0,
    )
    protocol: Any = factory.buildProtocol(None)
    protocol.heard = []
    tcp = ServerTCP()
    tcp.protocol = protocol
    protocol.makeConnection(tcp)
    protocol.dataReceived(HANDSHAKE + early)
    assert tcp.writes[0].startswith(b"HTTP/1.1 101")
    return protocol


@pytest.mark.no_cover
class SamePathTests(SynchronousTestCase):
    def setUp(self):
        self.dice = random.Random(0)

        def frame(payload: bytes, opcode: int = 1, *, mask: bytes = b"", **form: Any) -> bytes:
            if mask:  # where the rules are to be broken
                return server_frame(payload, opcode, **form)
            key = self.dice.randbytes(4)
            hidden = create_xor_masker(key, len(payload)).process(payload)
            return server_frame(hidden, opcode, mask=key, **form)

        self.patch(test_websocket, "server_frame", frame)

    def compare(self, seed: int, damage: bool) -> None:
        self.dice = dice = random.Random(seed)
        validate = dice.random() < 0.5
        data = test_websocket.mixture(dice, damage)
        theirs, ours = recording(WebSocketServerProtocol, validate), recording(ServerShortPath, validate)
        sizes = dice.choice(((1, 2, 3, 5, 7), (1, 100, 1000, 4096), (65536, 262144), (5000, 9000, 14)))
        at = 0
        while at < len(data):
            size = dice.choice(sizes) * (200 if len(data) > 50_000 and sizes[0] == 1 else 1)
            for protocol in (theirs, ours):
                if not protocol.transport.lost:
                    protocol.dataReceived(data[at : at + size])
            at += size
        for protocol in (theirs, ours):
            protocol.transport.end()
        self.assertEqual(ours.heard, theirs.heard, seed)
        self.assertEqual((ours.state, ours.wasClean), (theirs.state, theirs.wasClean), seed)
        answers = [
            [(each.opcode, each.payload) for each in client_frames(b"".join(protocol.transport.writes[1:]))]
            for protocol in (ours, theirs)
        ]
        self.assertEqual(answers[0], answers[1], seed)

    def test_good_frames(self):
        for seed in range(100):
            self.compare(seed, damage=False)

    def test_bad_frames_among_them(self):
        for seed in range(1000, 1200):
            self.compare(seed, damage=True)


class ServerFramesTests(SynchronousTestCase):
    def setUp(self):
        self.protocol = recording(ServerShortPath, validate=False)
        self.tcp = self.protocol.transport
        self.tcp.writes.clear()
        self.addCleanup(self.tcp.end)

    def test_frames_are_not_masked(self):
        for size in (0, 1, 125, 126, 65535, 65536):
            self.tcp.writes.clear()
            self.protocol.send(b"x" * size)
            self.assertEqual(b"".join(self.tcp.writes), server_frame(b"x" * size))

    def test_what_comes_with_the_handshake(self):
        protocol = recording(ServerShortPath, early=masked(b"early") + masked(b"bird"))
        self.assertEqual([each[1] for each in protocol.heard], [b"early", b"bird"])
        protocol.transport.end()

    def test_one_write_for_one_read_over_both_lines(self):
        other = recording(ServerShortPath, validate=False)
        other.transport.writes.clear()
        self.protocol.batched_with = other

        def answer(message: bytes) -> None:
            other.send(b"to the other: " + message)
            self.protocol.send(b"back: " + message)

        self.protocol.deliver = answer
        self.protocol.dataReceived(masked(b"1") + masked(b"2"))
        for protocol, words in ((other, b"to the other: "), (self.protocol, b"back: ")):
            (write,) = protocol.transport.writes
            self.assertEqual([each.payload for each in client_frames(write)], [words + b"1", words + b"2"])
        other.transport.end()

    def test_nothing_is_lost_where_both_read_at_once(self):
        other = recording(ServerShortPath, validate=False)
        other.transport.writes.clear()
        self.protocol.batched_with, other.batched_with = other, self.protocol
        self.protocol.deliver = lambda message: other.dataReceived(masked(b"meanwhile"))
        other.deliver = lambda message: (other.send(b"a"), self.protocol.send(b"b"))
        self.protocol.dataReceived(masked(b"1"))
        self.protocol.dataReceived(masked(b"2"))
        for protocol, word in ((other, b"a"), (self.protocol, b"b")):
            frames = client_frames(b"".join(protocol.transport.writes))
            self.assertEqual([each.payload for each in frames], [word, word])
        other.transport.end()

    def test_the_frame_that_a_text_came_in(self):
        frames: list[bytes] = []
        self.protocol.deliver = lambda _: frames.append(self.protocol.frame)
        whole, pieces = [masked(b"x" * size) for size in (1, 200, 70_000)], masked(b"pieces")
        self.protocol.dataReceived(b"".join(whole))
        self.assertEqual(frames, whole)
        self.protocol.dataReceived(pieces[:7])
        self.protocol.dataReceived(pieces[7:])
        self.assertEqual((frames[3:], self.protocol.frame), ([b""], b""))

    def test_frames_are_passed_on_in_their_turn(self):
        frame = masked(b"as it came")
        before = self.protocol.bytes_sent
        self.protocol.pass_on(frame)
        self.protocol.cork()
        self.protocol.send(b"1")
        self.protocol.pass_on(frame)
        self.protocol.uncork()
        self.assertEqual(self.tcp.writes, [frame, server_frame(b"1") + frame])
        self.assertEqual(self.protocol.bytes_sent - before, sum(map(len, self.tcp.writes)))
        self.protocol.sendClose()
        self.tcp.writes.clear()
        self.protocol.pass_on(frame)
        self.assertEqual(self.tcp.writes, [])
