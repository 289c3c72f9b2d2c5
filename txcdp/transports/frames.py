"""The short path for WebSocket frames, on top of Autobahn.

Autobahn parses any frame in any state, a Python step at a time. Nearly all that a browser sends is a
whole, unmasked, unfragmented, uncompressed text frame, and many of them to a TCP read. So while the
connection is open and Autobahn holds no half of anything, :class:`ShortPathProtocol` cuts such frames
out of the received bytes itself. The handshake, the closing, control frames, fragments, compressed
frames, other opcodes and whatever breaks the rules go to Autobahn untouched, which takes over at that
byte and gives back at the next frame boundary.

With ``utf8validateIncoming`` (Autobahn's option, and its default) a text is checked as the RFC wants it:
in step with its bytes. Without, the check is left to whoever decodes the message.
"""

from __future__ import annotations

from collections.abc import Callable
from random import getrandbits
from typing import Any

from autobahn.twisted.websocket import WebSocketClientProtocol
from autobahn.websocket.xormasker import create_xor_masker

_TEXT = 0x81  # FIN and the opcode of a text, no RSV bit
_OPEN = WebSocketClientProtocol.STATE_OPEN
_CLOSING = WebSocketClientProtocol.STATE_CLOSING
_CLOSED = WebSocketClientProtocol.STATE_CLOSED
_LARGEST = 2**63 - 1

#: Up to here one big-integer XOR masks faster than Autobahn's native masker, which costs more to set up.
_XOR_AS_INTEGER = 1024

#: The last long text is kept until the next one comes, if it is no longer than this: as long as its
#: memory is in use, C's allocator does not give back what lies above it, and large messages in a row do
#: not pay each for fresh pages. Measured with 1 MB replies: 2,200 a second in place of 710.
_KEEP = 8 * 1024 * 1024

#: Messages longer than this are sent in fragments; Chromium drops the connection at frames of 100 MB.
FRAGMENT_SIZE = 32 * 1024 * 1024


#: So many bytes are kept together for one write; a flood is given to the transport, which knows when it is too much.
_CORKED = 256 * 1024

#: By the size of a payload: the header of its frame with an empty mask, the factor that repeats 32 bits over mask and
#: payload, and all bits of the frame. Made when a size is first needed.
_shapes: dict[int, tuple[bytes, int, int]] = {}


class _Silence:
    """Takes the place of Autobahn's logger: what it has to say is said by typed errors, once."""

    def _ignore(self, *args: Any, **kwargs: Any) -> None:
        """Say nothing."""

    trace = debug = info = warn = error = failure = critical = _ignore


class ShortPathProtocol(WebSocketClientProtocol):
    """A WebSocket client protocol that is Autobahn's own but for the short path.

    Subclasses override ``onOpen``, ``onMessage`` and ``onClose`` as with Autobahn, and send with
    :meth:`send`.

    :ivar deliver: takes each text that came the short path; calls ``onMessage`` unless it is replaced.
    :ivar bytes_received: bytes from the network, the handshake's included.
    :ivar bytes_sent: bytes to the network.
    """

    log = _Silence()
    transport: Any
    state: int
    current_frame: Any
    inside_message: bool
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
        self.deliver: Callable[[bytes], None] = self._deliver

    # In:

    def dataReceived(self, data: bytes) -> None:
        """Take bytes from the network; what is sent meanwhile leaves in one write at the end."""
        self.bytes_received += len(data)
        self._cork()
        try:
            if self._missing:
                self._go_on(data)
            elif self.state != _CLOSED:
                self.data = self.data + data if self.data else data
                self.consumeData()
        finally:
            self._uncork()

    def consumeData(self) -> None:
        """Parse what is in the buffer; Autobahn calls this for what came together with the handshake, too."""
        if self.state not in (_OPEN, _CLOSING):
            super().consumeData()
            return
        more = True
        while more and self.state != _CLOSED:
            self._cut()
            # A frame that Autobahn has begun may be complete without a byte more: an empty one.
            more = (len(self.data) > 0 or self.current_frame is not None) and self.processData()

    def _cut(self) -> None:
        """Deliver the whole texts that the buffer begins with, unless Autobahn has begun to read a frame."""
        if self.state != _OPEN or self.current_frame is not None or self.inside_message:
            return
        data, self.data = self.data, b""
        size, at = len(data), 0
        limit = self.maxMessagePayloadSize or _LARGEST
        validate = self.utf8validateIncoming
        deliver = self.deliver
        while size - at >= 2 and data[at] == _TEXT:
            length = data[at + 1]
            start = at + 2
            if length < 126:
                shortest = 0
            elif length == 126 and size - at >= 4:
                start = at + 4
                length = data[at + 2] << 8 | data[at + 3]
                shortest = 126
            elif length == 127 and size - at >= 10:
                start = at + 10
                length = int.from_bytes(data[at + 2 : start], "big")
                shortest = 65536
            else:
                break  # masked, or a header that is incomplete
            end = start + length
            if length > limit or length < shortest:
                break
            if end > size:
                if validate:
                    break
                self._chunks.append(data[start:])
                self._missing = end - size
                return
            payload = data[start:end]
            if validate and not _is_utf8(payload):
                break
            at = end
            deliver(payload)
            if self.state != _OPEN:
                break
        self.data = data[at:]

    def _go_on(self, data: bytes) -> None:
        """Take more of an incomplete text."""
        missing = self._missing
        if len(data) < missing:
            self._chunks.append(data)
            self._missing = missing - len(data)
            return
        self._chunks.append(data[:missing])
        payload = b"".join(self._chunks)
        self._chunks.clear()
        if len(payload) <= _KEEP:
            self._kept = payload
        self._missing = 0
        self.deliver(payload)
        self.data = data[missing:]
        self.consumeData()

    def _deliver(self, payload: bytes) -> None:
        self.onMessage(payload, False)

    # Out:

    def send(self, payload: bytes) -> None:
        """Send one text message, while data is being received at the end of that; nothing when not open."""
        if self.state != _OPEN:
            return
        if self._perMessageCompress is not None or len(payload) > FRAGMENT_SIZE:
            # Autobahn applies the limit on what comes in to what goes out, too, and raises.
            limit, self.maxMessagePayloadSize = self.maxMessagePayloadSize, 0
            try:
                self.sendMessage(payload, False, FRAGMENT_SIZE)
            finally:
                self.maxMessagePayloadSize = limit
            return
        frame = _client_frame(payload)
        if self._corked is None:
            self.sendData(frame)
        else:
            self.bytes_sent += len(frame)
            self._corked.append(frame)
            if self.bytes_sent > self._cork_until:
                self._uncork()
                self._cork()

    def sendData(self, data: bytes, sync: bool = False, chopsize: int | None = None) -> None:
        """Send raw bytes in order with all others; Autobahn calls this for what it sends itself."""
        self.bytes_sent += len(data)
        if self._corked is None:
            self.transport.write(data)
        else:
            self._corked.append(data)

    def _cork(self) -> None:
        self._corked = []
        self._cork_until = self.bytes_sent + _CORKED

    def _uncork(self) -> None:
        corked, self._corked = self._corked, None
        if corked:
            data = corked[0] if len(corked) == 1 else b"".join(corked)
            if self._plain is None:
                self._plain = is_plain(self.transport)
            if self._plain:
                data = _write_now(self.transport, data)
            if data:
                self.transport.write(data)


def _is_utf8(payload: bytes) -> bool:
    if payload.isascii():
        return True
    try:
        payload.decode("utf-8")
    except UnicodeDecodeError:
        return False
    return True


def _client_frame(payload: bytes) -> bytes:
    """Return the one masked frame of a text message."""
    size = len(payload)
    if size > _XOR_AS_INTEGER:
        mask = getrandbits(32).to_bytes(4, "little")
        return b"".join((_header(size), mask, create_xor_masker(mask, size).process(payload)))
    header, repeat, whole = _shapes.get(size) or _shape(size)
    # An empty mask before the payload becomes the mask, when it is masked with it.
    frame = int.from_bytes(header + payload, "little") ^ (getrandbits(32) * repeat & whole)
    return frame.to_bytes(len(header) + size, "little")


def _header(size: int) -> bytes:
    """Return the first bytes of a masked text frame, up to its mask."""
    if size < 126:
        return bytes((_TEXT, 0x80 | size))
    return b"\x81\xfe" + size.to_bytes(2, "big") if size < 65536 else b"\x81\xff" + size.to_bytes(8, "big")


def _shape(size: int) -> tuple[bytes, int, int]:
    header = _header(size)
    at = 8 * len(header)
    repeat = sum(1 << 32 * word for word in range(size + 7 >> 2)) << at
    shape = _shapes[size] = (header + bytes(4), repeat, (1 << at + 32 + 8 * size) - 1)
    return shape


def _write_now(transport: Any, data: bytes) -> bytes:
    """Write to the socket at once if nothing waits before it, which saves the reactor a turn; return what is left."""
    if not (transport._tempDataBuffer or transport.dataBuffer or transport.disconnecting):
        written = transport.writeSomeData(data)
        if isinstance(written, int) and written > 0:
            return data[written:]
    return data


def is_plain(transport: Any) -> bool:
    """Whether what is written to the socket is what the peer reads: beneath TLS it would be a breach of it.

    A TLS transport looks up attributes in the TCP connection that it wraps, too: only the type tells.
    """
    return hasattr(type(transport), "writeSomeData") and not getattr(transport, "TLS", False)
