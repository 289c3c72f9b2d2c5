"""What the tests of the core share: a connection over either transport, in memory, with the browser's end in hand."""

from __future__ import annotations

import base64
import contextlib
import hashlib
import json
import os
import re
from abc import ABC, abstractmethod
from collections.abc import Iterator
from typing import Any, ClassVar, TypeVar

from twisted.internet.defer import Deferred
from twisted.internet.error import ConnectionAborted, ConnectionDone
from twisted.internet.testing import MemoryReactorClock, StringTransport
from twisted.python.failure import Failure
from twisted.trial.unittest import SynchronousTestCase

from txcdp._core.connection import Connection
from txcdp._core.sessions import Session
from txcdp._transports.pipe import PipeTransport
from txcdp._transports.websocket import WebSocketOptions, WebSocketTransport, open_websocket

T = TypeVar("T")

GUID = b"258EAFA5-E914-47DA-95CA-C5AB0DC85B11"
#: Seconds after which a test that waits is given up: nothing takes that long, however busy the machine is.
PATIENCE = 240.0

SESSION_ID = "5E550000000000000000000000000001"
TARGET_ID = "7A260000000000000000000000000001"


def to_bytes(message: bytes | str | dict[str, Any]) -> bytes:
    """Write a message as the browser does."""
    if isinstance(message, dict):
        return json.dumps(message, separators=(",", ":")).encode()
    return message.encode() if isinstance(message, str) else message


def event(method: str, params: dict[str, Any] | None = None, session: str | None = None) -> bytes:
    """Return an event's message."""
    message: dict[str, Any] = {"method": method, "params": params or {}}
    if session is not None:
        message["sessionId"] = session
    return to_bytes(message)


def target_info(target_id: str = TARGET_ID, kind: str = "page") -> dict[str, Any]:
    """Return a TargetInfo as the browser writes it."""
    return {
        "targetId": target_id,
        "type": kind,
        "title": "",
        "url": "about:blank",
        "attached": True,
        "canAccessOpener": False,
    }


def attached(
    session: str = SESSION_ID,
    target: str = TARGET_ID,
    kind: str = "page",
    *,
    waiting: bool = False,
    parent: str | None = None,
) -> bytes:
    """Return the event of a new session."""
    params = {"sessionId": session, "targetInfo": target_info(target, kind), "waitingForDebugger": waiting}
    return event("Target.attachedToTarget", params, parent)


def detached(session: str = SESSION_ID, parent: str | None = None) -> bytes:
    """Return the event of a session's end."""
    return event("Target.detachedFromTarget", {"sessionId": session}, parent)


def data_received(number: int, session: str | None = None) -> bytes:
    """Return a small event with a number in it."""
    params = {"requestId": str(number), "timestamp": 1.5, "dataLength": number, "encodedDataLength": 0}
    return event("Network.dataReceived", params, session)


class TCP(StringTransport):
    """A TCP connection that remembers each write apart, and ends when it is told to."""

    def __init__(self) -> None:
        super().__init__()
        self.writes: list[bytes] = []
        self.protocol: Any = None
        self.lost = False
        self.aborted = False

    def write(self, data: bytes) -> None:
        self.writes.append(bytes(data))

    def setTcpNoDelay(self, enabled: bool) -> None:
        """Be a TCP transport."""

    def setTcpKeepAlive(self, enabled: bool) -> None:
        """Be a TCP transport."""

    def unregisterProducer(self) -> None:
        """Be a TCP transport: without a producer this does nothing."""

    def abortConnection(self) -> None:
        self.aborted = True
        self.end(ConnectionAborted())

    def end(self, reason: Exception | None = None) -> None:
        """Let the connection end."""
        if not self.lost:
            self.lost = True
            self.protocol.connectionLost(Failure(reason or ConnectionDone()))


def server_frame(
    payload: bytes, opcode: int = 1, *, fin: bool = True, rsv: int = 0, mask: bytes = b"", form: int | None = None
) -> bytes:
    """Return a frame as a server sends it.

    :param form: 7, 16 or 64: with so many bits of length, though fewer would do.
    """
    size = len(payload)
    form = form or (7 if size < 126 else 16 if size < 65536 else 64)
    flag = 0x80 if mask else 0
    head = bytes([(0x80 if fin else 0) | rsv << 4 | opcode])
    if form == 7:
        head += bytes([flag | size])
    elif form == 16:
        head += bytes([flag | 126]) + size.to_bytes(2, "big")
    else:
        head += bytes([flag | 127]) + size.to_bytes(8, "big")
    return head + mask + payload


class ClientFrame:
    """A frame that a client has sent."""

    def __init__(self, first: int, mask: bytes | None, payload: bytes) -> None:
        self.fin = bool(first & 0x80)
        self.rsv = first >> 4 & 7
        self.opcode = first & 15
        self.mask = mask
        self.payload = payload


def client_frames(data: bytes) -> Iterator[ClientFrame]:
    """Parse what a client has sent; whole frames only."""
    at = 0
    while at < len(data):
        first, length = data[at], data[at + 1]
        masked, size = length & 0x80, length & 0x7F
        at += 2
        if size > 125:
            more = 2 if size == 126 else 8
            size = int.from_bytes(data[at : at + more], "big")
            at += more
        mask = None
        if masked:
            mask = data[at : at + 4]
            at += 4
        payload = data[at : at + size]
        assert len(payload) == size, "half a frame"
        at += size
        if mask is not None:
            payload = bytes(byte ^ mask[index % 4] for index, byte in enumerate(payload))
        yield ClientFrame(first, mask, payload)


def handshake_reply(request: bytes, extra: str = "") -> bytes:
    """Return the server's part of the opening handshake."""
    found = re.search(rb"Sec-WebSocket-Key: (\S+)", request)
    assert found is not None, request
    accept = base64.b64encode(hashlib.sha1(found[1] + GUID).digest()).decode()
    return (
        "HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
        f"Sec-WebSocket-Accept: {accept}\r\n{extra}\r\n"
    ).encode()


class Opening:
    """A WebSocket that is being opened, with the server's end of the TCP connection in hand."""

    def __init__(self, url: str = "ws://127.0.0.1:9222/devtools/browser/x", **options: Any) -> None:
        self.reactor = MemoryReactorClock()
        self.opened: list[WebSocketTransport | Failure] = []
        self.deferred: Deferred[Any] = open_websocket(self.reactor, url, WebSocketOptions(**options))
        self.deferred.addBoth(self.opened.append)
        self.tcp = TCP()

    def connect(self) -> bytes:
        """Let TCP be connected; return what the client says."""
        factory = self.reactor.tcpClients[-1][2]
        self.tcp.protocol = factory.buildProtocol(None)
        self.tcp.protocol.makeConnection(self.tcp)
        return b"".join(self.tcp.writes)

    def answer(self, extra: str = "", early: bytes = b"") -> None:
        """Complete the handshake."""
        request = b"".join(self.tcp.writes)
        self.tcp.writes.clear()
        self.tcp.protocol.dataReceived(handshake_reply(request, extra) + early)

    @property
    def transport(self) -> WebSocketTransport:
        """The open transport."""
        (opened,) = self.opened
        assert isinstance(opened, WebSocketTransport), opened
        return opened

    @property
    def failure(self) -> BaseException:
        """Why it could not be opened."""
        (opened,) = self.opened
        assert isinstance(opened, Failure), opened
        assert opened.value is not None
        return opened.value


class Wire(ABC):
    """A connection, the line below it, and the browser's end of that."""

    reactor: MemoryReactorClock
    transport: Any

    def __init__(self, **options: Any) -> None:
        self.open_transport()
        self.connection = Connection(self.transport, self.reactor, **options)

    @abstractmethod
    def open_transport(self) -> None:
        """Make the reactor and the transport."""

    @abstractmethod
    def frame(self, message: bytes) -> bytes:
        """Return a message as bytes on the line."""

    @abstractmethod
    def feed(self, data: bytes) -> None:
        """Let the client read bytes, all at once."""

    @abstractmethod
    def writes(self) -> list[list[Any]]:
        """Return what the client has written, as the messages of each write."""

    @abstractmethod
    def lose(self) -> None:
        """Let the browser vanish."""

    @abstractmethod
    def finish_close(self) -> None:
        """Do the browser's part of a closing that the client began."""

    @property
    @abstractmethod
    def reading(self) -> bool:
        """Whether the client reads."""

    def say(self, *messages: bytes | str | dict[str, Any]) -> None:
        """Send messages so that they come in one read."""
        self.feed(b"".join(self.frame(to_bytes(message)) for message in messages))

    def reply(self, command: dict[str, Any], result: Any = None, **more: Any) -> None:
        """Answer a command."""
        self.say(reply_to(command, result, **more))

    def heard(self) -> list[Any]:
        """Return all commands that the client has written."""
        return [message for write in self.writes() for message in write]

    def last(self, method: str = "") -> Any:
        """Return the command that was written last, or the last of a method."""
        return [each for each in self.heard() if method in ("", each["method"])][-1]

    def answer_all(self) -> None:
        """Answer every command with an empty result."""
        self.say(*(reply_to(command, {}) for command in self.heard()))

    def attach(self, session: str = SESSION_ID, target: str = TARGET_ID, kind: str = "page") -> Session:
        """Attach a session from the browser's side."""
        self.say(attached(session, target, kind))
        return next(each for each in self.connection.sessions if each.id == session)

    def close(self) -> None:
        """Leave nothing behind."""
        if self.connection.lost is None:
            self.connection.transport.abort()
            self.reactor.advance(0)


def reply_to(command: dict[str, Any], result: Any = None, **more: Any) -> bytes:
    """Return the message that answers a command: ``error=`` makes it a refusal."""
    message: dict[str, Any] = {"id": command["id"]}
    message.update(more if "error" in more else {"result": result or {}, **more})
    if "sessionId" in command and "sessionId" not in message:
        message["sessionId"] = command["sessionId"]
    return to_bytes(message)


class WebSocketWire(Wire):
    """Over a WebSocket on TCP."""

    def open_transport(self) -> None:
        opening = Opening(ping_interval=None)
        opening.connect()
        opening.answer()
        self.reactor, self.tcp, self.transport = opening.reactor, opening.tcp, opening.transport

    def frame(self, message: bytes) -> bytes:
        return server_frame(message)

    def feed(self, data: bytes) -> None:
        self.tcp.protocol.dataReceived(data)
        self.reactor.advance(0)

    def writes(self) -> list[list[Any]]:
        self.reactor.advance(0)
        frames = [[frame for frame in client_frames(write) if frame.opcode == 1] for write in self.tcp.writes]
        return [[json.loads(frame.payload) for frame in write] for write in frames if write]

    def lose(self) -> None:
        self.tcp.end()

    def finish_close(self) -> None:
        self.feed(server_frame(b"\x03\xe8", 8))
        self.tcp.end()

    @property
    def reading(self) -> bool:
        return self.tcp.producerState == "producing"


class PipeWire(Wire):
    """Over two pipes."""

    def open_transport(self) -> None:
        self.reactor = MemoryReactorClock()
        read_fd, self.browser_writes = os.pipe()
        self.browser_reads, write_fd = os.pipe()
        self.transport = PipeTransport(self.reactor, read_fd, write_fd)
        self._written: list[bytes] = []
        self._rest = b""
        self._open = True

    def frame(self, message: bytes) -> bytes:
        return message + b"\0"

    def feed(self, data: bytes) -> None:
        while data and self._open:
            os.write(self.browser_writes, data[:60000])
            data = data[60000:]
            self._turn()
        self._turn()

    def _turn(self) -> None:
        for reader in list(self.reactor.getReaders()):
            reader.doRead()
            self._collect()
        self._drain()

    def _drain(self) -> None:
        for _ in range(1000):
            writers = list(self.reactor.getWriters())
            if not writers:
                break
            for writer in writers:
                writer.doWrite()
                self._collect()
        self.reactor.advance(0)

    def _collect(self) -> None:
        """Take what was written, which is one write unless it was larger than a pipe."""
        if self._open:
            os.set_blocking(self.browser_reads, False)
            with contextlib.suppress(BlockingIOError):
                if data := os.read(self.browser_reads, 1 << 20):
                    self._written.append(data)

    def writes(self) -> list[list[Any]]:
        self._drain()
        return [[json.loads(each) for each in write.split(b"\0")[:-1]] for write in self._written]

    def lose(self) -> None:
        self._close_ends()
        self._turn()

    def finish_close(self) -> None:
        self._drain()
        self._close_ends()
        self._turn()

    def _close_ends(self) -> None:
        if self._open:
            self._open = False
            os.close(self.browser_writes)
            os.close(self.browser_reads)

    @property
    def reading(self) -> bool:
        return bool(self.reactor.getReaders())

    def close(self) -> None:
        super().close()
        self._close_ends()


class WireCase(SynchronousTestCase):
    """A test on a connection over a WebSocket; :func:`over_pipe` makes the same one over pipes."""

    wire_class: ClassVar[type[Wire]] = WebSocketWire
    options: ClassVar[dict[str, Any]] = {}

    def setUp(self) -> None:
        self.open()

    def open(self, **options: Any) -> None:
        """Open a connection, instead of the one that is open."""
        self.wire = self.wire_class(**{**self.options, **options})
        self.connection = self.wire.connection
        self.addCleanup(self.nothing_left, self.wire)

    def nothing_left(self, wire: Wire) -> None:
        """Close, and see that no call is left."""
        wire.close()
        self.assertEqual(wire.reactor.getDelayedCalls(), [])
        self.assertEqual(wire.reactor.getReaders(), [])
        self.assertEqual(wire.reactor.getWriters(), [])

    def failure(self, deferred: Deferred[Any], kind: type[T]) -> T:
        """Return the exception that a Deferred has failed with."""
        failure = self.failureResultOf(deferred)
        assert isinstance(failure.value, kind), failure
        return failure.value

    def logged(self, count: int) -> list[Failure]:
        """See that so many errors were logged, and forget them."""
        errors: list[Failure] = self.flushLoggedErrors()
        self.assertEqual(len(errors), count, errors)
        return errors


def over_pipe(case: type[WireCase]) -> type[WireCase]:
    """Return the same tests over pipes."""
    name = case.__name__.removesuffix("Tests") + "OverPipeTests"
    return type(name, (case,), {"wire_class": PipeWire, "__module__": case.__module__})


class Watcher:
    """Subscribes to an observable and keeps all that it hears."""

    def __init__(self, source: Any = None) -> None:
        self.items: list[Any] = []
        self.errors: list[Exception] = []
        self.completed = 0
        self.subscription: Any = None
        if source is not None:
            self.subscription = source.subscribe(self.items.append, self.errors.append, self._complete)

    def _complete(self) -> None:
        self.completed += 1

    def leave(self) -> None:
        """Unsubscribe."""
        self.subscription.dispose()

    @property
    def ended(self) -> bool:
        """Whether the stream has ended."""
        return bool(self.completed or self.errors)
