"""What both ends of a WebSocket share on the short path: whole small frames, and one write for many.

:class:`ShortPath` precedes one of Autobahn's protocol classes in the bases. Client and server differ in how a frame is
cut out of the received bytes, and how a frame is written: :meth:`ShortPath._cut` and :meth:`ShortPath._frame`.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Final

from autobahn.websocket.protocol import WebSocketProtocol
from twisted.internet.abstract import FileDescriptor
from twisted.internet.protocol import connectionDone
from twisted.python.failure import Failure

from txcdp._transports.interface import WriteBatching

TEXT: Final = 0x81  # FIN and the opcode of a text, no RSV bit
OPEN: Final = WebSocketProtocol.STATE_OPEN
CLOSING: Final = WebSocketProtocol.STATE_CLOSING
CLOSED: Final = WebSocketProtocol.STATE_CLOSED
LARGEST: Final = 2**63 - 1

#: Up to this size, one XOR of big integers masks faster than Autobahn's native masker, which costs more to set up.
XOR_AS_INTEGER: Final = 1024

#: By the number of 32-bit words: the factor that repeats one word that many times.
ONES: Final = [sum(1 << 32 * word for word in range(words)) for words in range(XOR_AS_INTEGER // 4 + 2)]

#: The last long text of up to this size is kept until the next one arrives: while its memory is in use, C's allocator
#: does not return the memory above it, so that consecutive large messages do not each pay for fresh pages. Measured
#: with 1 MB replies: 2,200 a second instead of 710.
KEEP: Final = 8 * 1024 * 1024

#: Longer messages are sent in fragments; Chromium drops the connection at frames of 100 MB.
FRAGMENT_SIZE: Final = 32 * 1024 * 1024

#: The most bytes that are collected for one write; beyond that, they go to the transport, which applies back-pressure.
_CORKED = 256 * 1024


class SilentLogger:
    """Replaces Autobahn's logger: what it would log is reported by typed errors, once."""

    def _ignore(self, *args: Any, **kwargs: Any) -> None:
        """Log nothing."""

    trace = debug = info = warn = error = failure = critical = _ignore


class ShortPath:
    """Reads and writes without Autobahn's parser where the result is the same; a mixin.

    :ivar deliver: called with each text message that was read without Autobahn; calls ``onMessage`` unless replaced.
    :ivar batched_with: a transport that is corked while this one is read; see ``Transport``.
    :ivar bytes_received: bytes from the network, including the handshake.
    :ivar bytes_sent: bytes to the network.
    """

    log = SilentLogger()
    transport: Any
    state: int
    data: bytes
    current_frame: Any
    inside_message: bool
    message_data: list[bytes] | None
    frame_data: list[bytes] | None
    websocket_extensions_in_use: list[Any]
    _perMessageCompress: Any
    maxMessagePayloadSize: int
    utf8validateIncoming: bool
    bytes_received = 0
    bytes_sent = 0

    def __init__(self) -> None:
        super().__init__()
        self._chunks: list[bytes] = []  # of a text that is still incomplete
        self._missing = 0  # bytes of that text that are still to come
        self._kept = b""
        self._corked: list[bytes] | None = None
        self._cork_until = 0
        self._plain: bool | None = None
        self.batched_with: WriteBatching | None = None
        self.deliver: Callable[[bytes], None] = self._deliver

    # In:

    def dataReceived(self, data: bytes) -> None:
        """Process bytes from the network; messages that are sent meanwhile leave in one write at the end."""
        self.bytes_received += len(data)
        batched_with = self.batched_with
        self.cork()
        if batched_with is not None:
            batched_with.cork()
        try:
            if self._missing:
                self._go_on(data)
            elif self.state != CLOSED:
                self.data = self.data + data if self.data else data
                self.consumeData()
        finally:
            self.uncork()
            if batched_with is not None:
                batched_with.uncork()
            if self.state == CLOSED:
                self.data = b""

    def consumeData(self) -> None:
        """Parse the contents of the buffer; Autobahn also calls this for data that arrived with the handshake."""
        if self.state not in (OPEN, CLOSING):
            super().consumeData()  # type: ignore[misc]
            return
        more = True
        while more and self.state != CLOSED:
            if self.state == OPEN and self.current_frame is None and not self.inside_message:
                self._cut()
            # A frame that Autobahn has begun may be complete without a byte more: an empty one.
            more = (len(self.data) > 0 or self.current_frame is not None) and self.processData()  # type: ignore[attr-defined]

    def _cut(self) -> None:
        """Deliver the whole texts that the buffer begins with."""
        raise NotImplementedError

    def _whole(self, payload: bytes) -> bytes:
        """Return a text all parts of which have arrived."""
        return payload

    def _go_on(self, data: bytes) -> None:
        """Process more of an incomplete text."""
        missing = self._missing
        if len(data) < missing:
            self._chunks.append(data)
            self._missing = missing - len(data)
            return
        self._chunks.append(data[:missing])
        payload = self._whole(b"".join(self._chunks))
        self._chunks.clear()
        if len(payload) <= KEEP:
            self._kept = payload
        self._missing = 0
        self.deliver(payload)
        del payload  # an error that is kept keeps this frame
        self.data = data[missing:]
        self.consumeData()

    def _deliver(self, payload: bytes) -> None:
        self.onMessage(payload, False)  # type: ignore[attr-defined]

    # The end. A protocol is part of reference cycles (its timers, its Deferreds, its transport), and so lives on
    # until the garbage collector comes by: what it holds of the conversation, up to hundreds of megabytes, must not.

    def _fail_connection(self, *args: Any, **kwargs: Any) -> None:
        """Fail the connection as Autobahn does, and discard a message that was read in part."""
        super()._fail_connection(*args, **kwargs)  # type: ignore[misc]
        self._forget_message()

    def dropConnection(self, abort: bool = False) -> None:
        """Drop the connection as Autobahn does, and discard a message that was read in part."""
        super().dropConnection(abort)  # type: ignore[misc]
        self._forget_message()

    def connectionLost(self, reason: Failure = connectionDone) -> None:
        """Release the buffers, because the connection has closed."""
        try:
            super().connectionLost(reason)  # type: ignore[misc]
        finally:
            self._forget_message()
            if self._corked is None:  # else it is being parsed, and goes after that
                self.data = b""
            self._perMessageCompress = None  # its inflater keeps what it has not inflated
            self.websocket_extensions_in_use = [str(each) for each in getattr(self, "websocket_extensions_in_use", ())]
            _forget_unsent(self.transport)

    def _forget_message(self) -> None:
        """Discard what Autobahn, or this class, has of a message."""
        self.message_data, self.frame_data = [], []
        self._chunks.clear()
        self._missing = 0
        self._kept = b""

    # Out:

    def send(self, payload: bytes) -> None:
        """Send one text message; during a read, at the end of that read. Does nothing if the WebSocket is not open."""
        if self.state != OPEN:
            return
        if self._perMessageCompress is not None or len(payload) > FRAGMENT_SIZE:
            self.send_message(payload, False)
            return
        frame = self._frame(payload)
        if self._corked is None:
            self.sendData(frame)
        else:
            self.bytes_sent += len(frame)
            self._corked.append(frame)
            if self.bytes_sent > self._cork_until:
                self.flush()

    def send_message(self, payload: bytes, binary: bool) -> None:
        """Send one message of any kind and size through Autobahn; does nothing if the WebSocket is not open."""
        if self.state != OPEN:
            return
        # Autobahn applies the limit on what comes in to what goes out, too, and raises.
        limit, self.maxMessagePayloadSize = self.maxMessagePayloadSize, 0
        try:
            self.sendMessage(payload, binary, FRAGMENT_SIZE)  # type: ignore[attr-defined]
        finally:
            self.maxMessagePayloadSize = limit

    def pass_on(self, frame: bytes) -> None:
        """Send a text in the frame that it arrived in on another connection, mask included; nothing if not open."""
        if self.state == OPEN:
            self.sendData(frame)

    def _frame(self, payload: bytes) -> bytes:
        """Return the one frame of a text message."""
        raise NotImplementedError

    def sendData(self, data: bytes, sync: bool = False, chopsize: int | None = None) -> None:
        """Send raw bytes in order with all others; Autobahn calls this for what it sends itself."""
        self.bytes_sent += len(data)
        if self._corked is None:
            self.transport.write(data)
        else:
            self._corked.append(data)

    @property
    def unsent(self) -> int:
        """The number of bytes that wait in this process to be written."""
        corked = 0 if self._corked is None else sum(map(len, self._corked))
        tcp = self.transport  # TLS on top of it looks these up there
        waiting: int = len(getattr(tcp, "dataBuffer", b"")) - getattr(tcp, "offset", 0)
        return corked + waiting + sum(map(len, getattr(tcp, "_tempDataBuffer", ())))

    def cork(self) -> None:
        """Collect the messages that are sent, until :meth:`uncork`."""
        if self._corked is None:
            self._corked = []
            self._cork_until = self.bytes_sent + _CORKED

    def flush(self) -> None:
        """Write what was collected so far."""
        if self._corked:
            self.uncork()
            self.cork()

    def uncork(self) -> None:
        """Write what was collected."""
        corked, self._corked = self._corked, None
        if corked:
            data = corked[0] if len(corked) == 1 else b"".join(corked)
            if self._plain is None:
                self._plain = is_plain(self.transport)
            if self._plain:
                data = _write_now(self.transport, data)
            if data:
                self.transport.write(data)


def is_utf8(payload: bytes) -> bool:
    """Return whether bytes are valid UTF-8."""
    if payload.isascii():
        return True
    try:
        payload.decode("utf-8")
    except UnicodeDecodeError:
        return False
    return True


def _write_now(transport: Any, data: bytes) -> bytes:
    """Write to the socket at once if nothing is queued before it, which saves a reactor turn; return what is left."""
    waits = transport._tempDataBuffer or transport.dataBuffer
    if transport.connected and not (waits or transport.disconnecting):
        written = transport.writeSomeData(data)
        if isinstance(written, int) and written > 0:
            return data[written:]
    return data


def is_plain(transport: Any) -> bool:
    """Return whether the peer reads exactly what is written to the socket: beneath TLS, writing to it would violate
    TLS.

    A TLS transport also looks up attributes in the TCP connection that it wraps, so only its type can tell.
    """
    return hasattr(type(transport), "writeSomeData") and not getattr(transport, "TLS", False)


def _forget_unsent(transport: Any) -> None:
    """Drop what Twisted could not write: it keeps that as long as the transport is referred to."""
    while transport is not None:
        if hasattr(transport, "_appSendBuffer"):  # of TLS, which wraps the TCP connection
            transport._appSendBuffer = []
        if isinstance(transport, FileDescriptor):
            transport.dataBuffer, transport.offset = b"", 0
            transport._tempDataBuffer, transport._tempDataLen = [], 0
        transport = getattr(transport, "__dict__", {}).get("transport")
