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

import random
from typing import Any

from autobahn.twisted.websocket import WebSocketClientProtocol
from autobahn.websocket.xormasker import create_xor_masker

_TEXT = 0x81  # FIN and the opcode of a text, no RSV bit
_OPEN = WebSocketClientProtocol.STATE_OPEN

#: Up to here one big-integer XOR masks faster than Autobahn's native masker, which costs more to set up.
_XOR_AS_INTEGER = 1024

#: Messages longer than this are sent in fragments; Chromium drops the connection at frames of 100 MB.
FRAGMENT_SIZE = 32 * 1024 * 1024


class _Silence:
    """Takes the place of Autobahn's logger: what it has to say is said by typed errors, once."""

    def _ignore(self, *args: Any, **kwargs: Any) -> None:
        """Say nothing."""

    trace = debug = info = warn = error = failure = critical = _ignore


class ShortPathProtocol(WebSocketClientProtocol):
    """A WebSocket client protocol that is Autobahn's own but for the short path.

    Subclasses override ``onOpen``, ``onMessage`` and ``onClose`` as with Autobahn, and send with
    :meth:`send_text`.

    :ivar bytes_received: bytes from the network, the handshake's included.
    :ivar bytes_sent: bytes to the network.
    """

    log = _Silence()
    bytes_received = 0
    bytes_sent = 0

    def __init__(self) -> None:
        super().__init__()
        self._chunks: list[bytes] = []  # the beginning of a frame that is still incomplete
        self._have = 0
        self._need = 0
        self._corked: list[bytes] | None = None

    # In:

    def dataReceived(self, data: bytes) -> None:
        """Take bytes from the network; what is sent meanwhile leaves in one write at the end."""
        self.bytes_received += len(data)
        self._corked = []
        try:
            if self._chunks:
                self._go_on(data)
            elif self._may_cut:
                self._cut(data)
            else:
                self._dataReceived(data)
        finally:
            self._uncork()

    def consumeData(self) -> None:
        """Parse what is in Autobahn's buffer; it calls this for what came together with the handshake, too."""
        if self._may_cut:
            data, self.data = self.data, b""
            self._cut(data)
        else:
            super().consumeData()

    @property
    def _may_cut(self) -> bool:
        """Whether the next byte is the first of a frame that Autobahn has not begun to read."""
        return bool(self.state == _OPEN and self.current_frame is None and not self.inside_message)

    def _cut(self, data: bytes) -> None:
        size, at = len(data), 0
        limit = self.maxMessagePayloadSize or size
        validate = self.utf8validateIncoming
        deliver = self.onMessage
        while size - at >= 2:
            if data[at] != _TEXT:
                return self._leave_to_autobahn(data[at:])
            length = data[at + 1]
            start = at + 2
            if length == 126:
                start = at + 4
                if size < start:
                    return self._keep(data[at:], 4)
                length = data[at + 2] << 8 | data[at + 3]
                if length < 126:
                    return self._leave_to_autobahn(data[at:])
            elif length == 127:
                start = at + 10
                if size < start:
                    return self._keep(data[at:], 10)
                length = int.from_bytes(data[at + 2 : start], "big")
                if length < 65536:
                    return self._leave_to_autobahn(data[at:])
            elif length > 127:
                return self._leave_to_autobahn(data[at:])
            end = start + length
            if end > size:
                if length > (self.maxMessagePayloadSize or length):
                    return self._leave_to_autobahn(data[at:])
                return self._keep(data[at:], end - at)
            if length > limit:
                return self._leave_to_autobahn(data[at:])
            payload = data[start:end]
            if validate and not _is_utf8(payload):
                return self._leave_to_autobahn(data[at:])
            at = end
            deliver(payload, False)
            if self.state != _OPEN:
                return self._leave_to_autobahn(data[at:])
        if at < size:
            self._keep(data[at:], 2)

    def _leave_to_autobahn(self, data: bytes) -> None:
        self.data = data
        super().consumeData()
        if self.data and self._may_cut:
            # A frame's header that is still incomplete; the short path may be able to read the whole.
            data, self.data = self.data, b""
            self._keep(data, len(data) + 1)

    def _keep(self, data: bytes, need: int) -> None:
        """Hold the beginning of a frame until ``need`` bytes of it are there."""
        if self.utf8validateIncoming:
            self.data = data
            super().consumeData()
        else:
            self._chunks.append(data)
            self._have, self._need = len(data), need

    def _go_on(self, data: bytes) -> None:
        self._chunks.append(data)
        self._have += len(data)
        if self._have >= self._need:
            whole = b"".join(self._chunks)
            self._chunks.clear()
            self.data = whole
            self.consumeData()

    # Out:

    def send_text(self, payload: bytes) -> None:
        """Send one text message; while data is being received, at the end of that."""
        if self._perMessageCompress is not None or len(payload) > FRAGMENT_SIZE:
            self.sendMessage(payload, False, FRAGMENT_SIZE)
        else:
            self.sendData(_client_frame(payload))

    def sendData(self, data: bytes, sync: bool = False, chopsize: int | None = None) -> None:
        """Send raw bytes in order with all others; Autobahn calls this for what it sends itself."""
        self.bytes_sent += len(data)
        if self._corked is None:
            self.transport.write(data)
        else:
            self._corked.append(data)

    def _uncork(self) -> None:
        corked, self._corked = self._corked, None
        if corked:
            _write_now(self.transport, b"".join(corked))


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
    key = random.getrandbits(32).to_bytes(4, "big")
    if size < 126:
        head = bytes((_TEXT, 0x80 | size))
    elif size < 65536:
        head = b"\x81\xfe" + size.to_bytes(2, "big")
    else:
        head = b"\x81\xff" + size.to_bytes(8, "big")
    if size <= _XOR_AS_INTEGER:
        mask = int.from_bytes((key * (size // 4 + 1))[:size], "little")
        masked = (int.from_bytes(payload, "little") ^ mask).to_bytes(size, "little")
    else:
        masked = create_xor_masker(key, size).process(payload)
    return b"".join((head, key, masked))


def _write_now(transport: Any, data: bytes) -> None:
    """Write to the socket at once if nothing waits before it: that saves the reactor a turn."""
    if not getattr(transport, "_tempDataBuffer", True) and not transport.dataBuffer and not transport.disconnecting:
        written = transport.writeSomeData(data)
        if isinstance(written, int) and written > 0:
            data = data[written:]
    if data:
        transport.write(data)
