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
from tests.transports.support_frames import SamePathCase
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
class SamePathTests(SamePathCase):
    def recording(self, ours: bool, validate: bool) -> Any:
        return recording(ServerShortPath if ours else WebSocketServerProtocol, validate)

    def frame(self, dice: random.Random, payload: bytes, opcode: int = 1, **form: Any) -> bytes:
        if form.pop("mask", b""):  # where the rules are to be broken
            return server_frame(payload, opcode, **form)
        key = dice.randbytes(4)
        return server_frame(create_xor_masker(key, len(payload)).process(payload), opcode, mask=key, **form)

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
