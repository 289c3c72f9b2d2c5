"""A hostile CDP server: the end of a WebSocket that says what a test tells it to, byte by byte."""

from __future__ import annotations

import json
import re
from collections import deque
from collections.abc import Callable
from typing import Any, TypeVar

from twisted.internet import reactor as _reactor
from twisted.internet.defer import Deferred, DeferredQueue
from twisted.internet.protocol import Factory, Protocol, connectionDone
from twisted.python.failure import Failure
from twisted.trial.unittest import TestCase

from tests.support import PATIENCE, handshake_reply, reply_to, server_frame, to_bytes
from txcdp._core.connection import Connection
from txcdp._transports.websocket import WebSocketOptions, open_websocket

T = TypeVar("T")

reactor: Any = _reactor

CONTINUED, TEXT, BINARY, CLOSE, PING, PONG = 0, 1, 2, 8, 9, 10

#: Of a frame that is as large as this or larger, Chromium reads nothing.
TOO_LARGE = 100_000_000

#: Seconds that anything may take that should take none: the machine may be busy.
ROOM = PATIENCE


def within(deferred: Deferred[T], what: str, seconds: float = ROOM) -> Deferred[T]:
    """Fail with what was waited for, if it does not come."""

    def late(value: T | Failure, limit: float) -> T | Failure:
        raise AssertionError(f"{what}: not within {limit:g} s")

    return deferred.addTimeout(seconds, reactor, onTimeoutCancel=late)


class Peer(Protocol):
    """The server's end of one TCP connection.

    What it cannot read it treats as Chromium does: it refuses a command, and ends the line without a word for a frame.

    :ivar received: how many bytes came.
    :ivar heard: the commands that came, in order.
    :ivar refused: how many messages came that are no commands.
    :ivar closes: the payloads of the close frames that came.
    :ivar pongs: how many pongs came.
    :ivar answering: whether each command is answered, with an empty result, as it comes.
    :ivar closing: whether a close frame is answered, and the line ended.
    """

    transport: Any

    def __init__(self, server: Greeter) -> None:
        self.server = server
        self.received = 0
        self.heard: list[dict[str, Any]] = []
        self.refused = 0
        self.closes: list[bytes] = []
        self.pongs = 0
        self.request = b""
        self.answering = True
        self.closing = True
        self.gone: Deferred[None] = Deferred()
        self._data = b""
        self._begun: bytes | None = None
        self._unclaimed: deque[dict[str, Any]] = deque()
        self._wanting: deque[tuple[str, Deferred[dict[str, Any]]]] = deque()
        self._close_wanted: list[Deferred[bytes]] = []
        self._closed = False

    # What a test calls:

    def say(self, *messages: bytes | str | dict[str, Any]) -> None:
        """Send messages, each a text frame, in one write."""
        self.raw(b"".join(server_frame(to_bytes(each)) for each in messages))

    def raw(self, data: bytes) -> None:
        """Send bytes."""
        self.transport.write(data)

    def command(self, method: str = "") -> Deferred[dict[str, Any]]:
        """Return a Deferred of the next command, or the next of a method, that nobody has taken yet."""
        for each in self._unclaimed:
            if method in ("", each["method"]):
                self._unclaimed.remove(each)
                taken: Deferred[dict[str, Any]] = Deferred()
                taken.callback(each)
                return within(taken, method)
        wanted: Deferred[dict[str, Any]] = Deferred(
            lambda gone: self._wanting.remove(next(each for each in self._wanting if each[1] is gone))
        )
        self._wanting.append((method, wanted))
        return within(wanted, f"the command {method}")

    def close_frame(self) -> Deferred[bytes]:
        """Return a Deferred of the payload of the client's close frame."""
        wanted: Deferred[bytes] = Deferred(self._close_wanted.remove)
        if self.closes:
            wanted.callback(self.closes[0])
        else:
            self._close_wanted.append(wanted)
        return within(wanted, "a close frame")

    def close(self, code: int, reason: str = "") -> None:
        """Send a close frame."""
        self._closed = True
        self.raw(server_frame(code.to_bytes(2, "big") + reason.encode(), CLOSE))

    # Twisted:

    def connectionMade(self) -> None:
        self.transport.setTcpNoDelay(True)
        self.server.peers.append(self)

    def dataReceived(self, data: bytes) -> None:
        self.received += len(data)
        self._data += data
        if not self.request:
            head, end, rest = self._data.partition(b"\r\n\r\n")
            if not end:
                return
            self.request, self._data = head + end, rest
            self.server.greet(self)
            self.server.connected.put(self)
        self._frames()

    def connectionLost(self, reason: Failure = connectionDone) -> None:
        self.gone.callback(None)

    def _frames(self) -> None:
        while (taken := _client_frame(self._data)) is not None:
            first, payload, size = taken
            self._data = self._data[size:]
            if payload is None or not self._frame(first, payload):
                self._data = b""
                self.transport.loseConnection()
                return

    def _frame(self, first: int, payload: bytes) -> bool:
        """Take a frame; return whether it is one that Chromium takes."""
        opcode = first & 15
        if opcode in (TEXT, CONTINUED) and (opcode == TEXT) == (self._begun is None):
            message = (self._begun or b"") + payload
            self._begun = None if first & 0x80 else message
            if first & 0x80:
                self._message(message)
        elif opcode == PING:
            self.raw(server_frame(payload, PONG))
        elif opcode == PONG:
            self.pongs += 1
        elif opcode == CLOSE:
            self._close(payload)
        else:
            return False
        return True

    def _close(self, payload: bytes) -> None:
        self.closes.append(payload)
        waiting, self._close_wanted = self._close_wanted, []
        for each in waiting:
            each.callback(payload)
        if self.closing:
            if not self._closed:
                self.raw(server_frame(payload[:2], CLOSE))
            self.transport.loseConnection()

    def _message(self, message: bytes) -> None:
        try:
            command = json.loads(message)
        except ValueError:
            return self._refuse(-32700, "JSON: invalid token at position 0")
        if not isinstance(command, dict) or not isinstance(command.get("id"), int):
            return self._refuse(-32600, "Message must have integer 'id' property")
        if not isinstance(command.get("method"), str):
            return self._refuse(-32600, "Message must have string 'method' property", id=command["id"])
        return self._command(command)

    def _refuse(self, code: int, message: str, **head: int) -> None:
        self.refused += 1
        self.say({**head, "error": {"code": code, "message": message}})

    def _command(self, command: dict[str, Any]) -> None:
        self.heard.append(command)
        if self.answering:
            self.say(reply_to(command))
        for wanted in self._wanting:
            if wanted[0] in ("", command["method"]):
                self._wanting.remove(wanted)
                wanted[1].callback(command)
                return
        self._unclaimed.append(command)


def _client_frame(data: bytes) -> tuple[int, bytes | None, int] | None:
    """Return first byte, payload and size of the first frame: None where it is incomplete, no payload for a breach."""
    if len(data) < 6:
        return None
    length, at = data[1] & 0x7F, 2
    if length > 125:
        at += 2 if length == 126 else 8
        length = int.from_bytes(data[2:at], "big")
    if data[0] & 0x70 or not data[1] & 0x80 or (len(data) >= at and length >= TOO_LARGE):
        return data[0], None, 0
    mask, payload = data[at : at + 4], data[at + 4 : at + 4 + length]
    if len(payload) < length or len(mask) < 4:
        return None
    key = int.from_bytes((mask * (length // 4 + 1))[:length], "big")
    return data[0], (int.from_bytes(payload, "big") ^ key).to_bytes(length, "big"), at + 4 + length


def accept(peer: Peer) -> None:
    """Complete the handshake, where that is what the client began."""
    if re.search(rb"Sec-WebSocket-Key: \S", peer.request):
        peer.raw(handshake_reply(peer.request))
    else:
        peer.raw(b"HTTP/1.1 400 Bad Request\r\nContent-Length: 0\r\n\r\n")
        peer.transport.loseConnection()


class Greeter:
    """What all :class:`Peer` objects of a server have in common.

    :ivar greet: called with each one when the client's handshake has come; completes it by default.
    :ivar connected: gives each peer after that.
    :ivar peers: every peer, also those that have said nothing.
    """

    def __init__(self, greet: Callable[[Peer], None] = accept) -> None:
        self.greet = greet
        self.connected: DeferredQueue[Peer] = DeferredQueue()
        self.peers: list[Peer] = []


class HostileServer(Greeter, Factory):
    """Listens on this machine."""

    noisy = False

    def __init__(self, greet: Callable[[Peer], None] = accept) -> None:
        super().__init__(greet)
        self._port = reactor.listenTCP(0, self, interface="127.0.0.1")
        self.port: int = self._port.getHost().port

    @property
    def url(self) -> str:
        return self.url_at(self.port)

    @staticmethod
    def url_at(port: int) -> str:
        """Return the URL for whoever goes through another port."""
        return f"ws://127.0.0.1:{port}/devtools/browser/x"

    def buildProtocol(self, address: object) -> Peer:
        return Peer(self)

    async def stop(self) -> None:
        """Listen no more, and end all connections."""
        await self._port.stopListening()
        for peer in self.peers:
            peer.transport.abortConnection()
            await within(peer.gone, "the server's end")


class HostileCase(TestCase):
    """A test with a hostile server, and a client that must take no harm."""

    timeout = 240

    def serve(self, greet: Callable[[Peer], None] = accept) -> HostileServer:
        """Start a server that ends with the test."""
        server = HostileServer(greet)
        self.addCleanup(lambda: Deferred.fromCoroutine(server.stop()))
        return server

    async def open(
        self, server: HostileServer, port: int | None = None, *, timeout: float | None = ROOM, **options: Any
    ) -> tuple[Connection, Peer]:
        """Connect; the connection is closed at the test's end."""
        options = {"ping_interval": None, **options}
        url = server.url if port is None else server.url_at(port)
        line = await within(open_websocket(reactor, url, WebSocketOptions(**options)), "the handshake")
        connection = Connection(line, reactor, timeout=timeout)
        self.addCleanup(self.finish, connection)
        return connection, await within(server.connected.get(), "the server's end")

    async def pair(self, *, timeout: float | None = ROOM, **options: Any) -> tuple[Connection, Peer]:
        """Start a server, and connect."""
        return await self.open(self.serve(), timeout=timeout, **options)

    def fails(self, deferred: Deferred[Any], *kinds: type[BaseException]) -> Deferred[Any]:
        """Return a Deferred of the failure, of one of the kinds, that is to come."""
        return within(self.assertFailure(deferred, *kinds), "the failure")

    def finish(self, connection: Connection) -> Deferred[Any]:
        """Close, which ends within its deadline whatever the server does."""
        return within(connection.close(), "closing")

    async def alive(self, connection: Connection, peer: Peer) -> None:
        """See that all that was sent before has been handled, and that the connection goes on."""
        peer.answering = True
        self.assertEqual(await connection.session.execute_raw("Still.there"), {})
        self.assertIsNone(connection.lost)
        self.assertEqual(self.flushLoggedErrors(), [])
