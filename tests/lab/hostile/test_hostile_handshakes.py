"""Whatever answers at the other end: connecting ends, in time, with a typed error that says what was wrong."""

from __future__ import annotations

import socket
from collections.abc import Callable
from typing import Any

from twisted.internet.defer import CancelledError
from twisted.internet.task import LoopingCall

from tests.lab.hostile.server import ROOM, HostileCase, HostileServer, Peer, reactor, within
from tests.support import handshake_reply
from txcdp._transports.websocket import WebSocketOptions, open_websocket
from txcdp.errors import ConnectError, ConnectTimeout, HandshakeFailed, InvalidURL

OPEN = 0.5

#: What is said in place of the handshake, and a part of what is made of it.
ANSWERS: dict[str, tuple[bytes, str]] = {
    "noise": (b"\xff\xfe\x00\x01" * 20 + b"\r\n\r\n", "does not speak"),
    "another protocol": (b"SSH-2.0-OpenSSH_9.2\r\n", "HTTP"),
    "TLS": (b"\x15\x03\x01\x00\x02\x02\x28", "HTTP"),
    "not found": (b"HTTP/1.1 404 Not Found\r\nContent-Length: 0\r\n\r\n", "404"),
    "refused": (b"HTTP/1.1 403 Forbidden\r\nContent-Length: 3\r\n\r\nno!", "Origin"),
    "an error": (b"HTTP/1.1 500 Internal Server Error\r\n\r\nNo such target id: x", "target"),
    "a page": (b"HTTP/1.1 200 OK\r\nContent-Type: text/html\r\n\r\n<html>", "200"),
    "elsewhere": (b"HTTP/1.1 302 Found\r\nLocation: http://127.0.0.1:1/\r\n\r\n", "302"),
    "HTTP of old": (b"HTTP/1.0 101 Switching Protocols\r\n\r\n", "HTTP"),
    "an odd status": (b"HTTP/1.1 abc Switching\r\n\r\n", ""),
    "no status": (b"HTTP/1.1 \r\n\r\n", ""),
    "no headers": (b"HTTP/1.1 101 Switching Protocols\r\n\r\n", "Upgrade"),
    "headers that are none": (b"HTTP/1.1 101 Switching Protocols\r\nUpgrade\r\n:\r\n\xff: \xfe\r\n\r\n", ""),
    "another's key": (
        b"HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
        b"Sec-WebSocket-Accept: AAAAAAAAAAAAAAAAAAAAAAAAAAA=\r\n\r\n",
        "Accept",
    ),
}


def says(told: bytes) -> Callable[[Peer], None]:
    return lambda peer: peer.raw(told)


class HandshakeTests(HostileCase):
    async def refused(self, server: HostileServer, kind: type[ConnectError], **options: Any) -> ConnectError:
        """Connect in vain; see that nothing stays."""
        chosen = WebSocketOptions(**{"open_timeout": OPEN, "close_timeout": 0.2, **options})
        error: ConnectError = await self.fails(open_websocket(reactor, server.url, chosen), kind)
        self.assertIn(str(server.port), str(error))
        for peer in server.peers:
            await within(peer.gone, "the server's end")
        self.assertEqual(self.flushLoggedErrors(), [])
        return error

    async def test_wrong_answers(self):
        for name, (told, part) in ANSWERS.items():
            error = await self.refused(self.serve(says(told)), HandshakeFailed, open_timeout=ROOM)
            self.assertIn(part, str(error), name)

    async def test_extensions_and_subprotocols_that_were_not_asked_for(self):
        for header in ("Sec-WebSocket-Extensions: permessage-deflate\r\n", "Sec-WebSocket-Protocol: chat\r\n"):

            def greet(peer: Peer, header: str = header) -> None:
                peer.raw(handshake_reply(peer.request, header))

            await self.refused(self.serve(greet), HandshakeFailed, open_timeout=ROOM)

    async def test_silence(self):
        error = await self.refused(self.serve(lambda _: None), ConnectTimeout)
        self.assertIn(f"{OPEN:g} s", str(error))
        self.assertIsInstance(error, TimeoutError)

    async def test_half_an_answer_and_silence(self):
        whole = b"HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\n"
        for told in (whole, whole[:9], whole[:3]):
            await self.refused(self.serve(says(told)), ConnectTimeout)

    async def test_half_an_answer_and_the_end(self):
        whole = b"HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\n"
        for told in (b"", whole, whole[:9], whole[:3]):
            for how in ("loseConnection", "abortConnection"):

                def greet(peer: Peer, told: bytes = told, how: str = how) -> None:
                    peer.raw(told)
                    getattr(peer.transport, how)()

                await self.refused(self.serve(greet), HandshakeFailed, open_timeout=ROOM)

    async def test_headers_without_end(self):
        def greet(peer: Peer) -> None:
            peer.raw(b"HTTP/1.1 101 Switching Protocols\r\n" + b"X-Header: x\r\n" * 100_000)

        error = await self.refused(self.serve(greet), HandshakeFailed, open_timeout=ROOM)
        self.assertIn("is too long", str(error))

    async def test_headers_that_drip(self):
        def greet(peer: Peer) -> None:
            peer.raw(b"HTTP/1.1 101 Switching Protocols\r\n")
            drip = LoopingCall(peer.raw, b"X: x\r\n")
            drip.start(0.01)
            self.addCleanup(drip.stop)

        await self.refused(self.serve(greet), ConnectTimeout)

    async def test_cancelling(self):
        server = self.serve(lambda _: None)
        opening = open_websocket(reactor, server.url, WebSocketOptions())
        peer = await within(server.connected.get(), "the client")
        opening.cancel()
        await self.fails(opening, CancelledError)
        await within(peer.gone, "the server's end")

    async def test_nobody_listens(self):
        with socket.socket() as probe:
            probe.bind(("127.0.0.1", 0))
            port = probe.getsockname()[1]
        error = await self.fails(open_websocket(reactor, f"ws://127.0.0.1:{port}/x"), ConnectError)
        self.assertIn(str(port), str(error))

    async def test_a_port_that_accepts_nothing(self):
        # A backlog that is full: our SYN is dropped, as by a firewall.
        listening = socket.socket()
        self.addCleanup(listening.close)
        listening.bind(("127.0.0.1", 0))
        listening.listen(0)
        waiting = [socket.socket() for _ in range(4)]
        for each in waiting:
            self.addCleanup(each.close)
            each.setblocking(False)
            each.connect_ex(listening.getsockname())
        url = HostileServer.url_at(listening.getsockname()[1])
        opening = open_websocket(reactor, url, WebSocketOptions(open_timeout=OPEN))
        await self.fails(opening, ConnectTimeout)

    async def test_what_is_no_address(self):
        for url in ("", "x", "http://127.0.0.1/", "ws://", "ws://127.0.0.1:99999/", "ws://127.0.0.1:x/", "ws://[::1/"):
            await self.fails(open_websocket(reactor, url), InvalidURL)
