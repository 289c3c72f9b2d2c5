"""The short path for WebSocket frames, on top of Autobahn.

Autobahn parses any frame in any state, one Python step at a time. Nearly everything that a browser sends is a whole,
unmasked, unfragmented, uncompressed text frame, and one TCP read contains many of them. So while the connection is open
and Autobahn holds no part of a frame, :class:`ShortPathProtocol` cuts such frames out of the received bytes itself. The
handshake, the closing, control frames, fragments, compressed frames, other opcodes and all protocol violations go to
Autobahn untouched, which takes over at that byte and hands back at the next frame boundary.

With ``utf8validateIncoming`` (Autobahn's option, enabled by default) a text is validated as the RFC requires, along
with its bytes. Without, validation is left to whatever decodes the message.
"""

from __future__ import annotations

from random import getrandbits

from autobahn.twisted.websocket import WebSocketClientProtocol
from autobahn.websocket.xormasker import create_xor_masker

from txcdp._transports.short_path import (
    FRAGMENT_SIZE,
    LARGEST,
    OPEN,
    TEXT,
    XOR_AS_INTEGER,
    ShortPath,
    is_plain,
    is_utf8,
)

__all__ = ["FRAGMENT_SIZE", "ShortPathProtocol", "is_plain"]

#: By the size of a payload: the header of its frame with an empty mask, the factor that repeats 32 bits over mask and
#: payload, and all bits of the frame. Made when a size is first needed.
_shapes: dict[int, tuple[bytes, int, int]] = {}


def _client_frame(payload: bytes) -> bytes:
    """Return the one masked frame of a text message."""
    size = len(payload)
    if size > XOR_AS_INTEGER:
        mask = getrandbits(32).to_bytes(4, "little")
        return b"".join((_header(size), mask, create_xor_masker(mask, size).process(payload)))
    header, repeat, whole = _shapes.get(size) or _shape(size)
    # An empty mask before the payload becomes the mask, when it is masked with it.
    frame = int.from_bytes(header + payload, "little") ^ (getrandbits(32) * repeat & whole)
    return frame.to_bytes(len(header) + size, "little")


def _header(size: int) -> bytes:
    """Return the first bytes of a masked text frame, up to its mask."""
    if size < 126:
        return bytes((TEXT, 0x80 | size))
    return b"\x81\xfe" + size.to_bytes(2, "big") if size < 65536 else b"\x81\xff" + size.to_bytes(8, "big")


def _shape(size: int) -> tuple[bytes, int, int]:
    header = _header(size)
    at = 8 * len(header)
    repeat = int.from_bytes(b"\1\0\0\0" * (size + 7 >> 2), "little") << at
    shape = _shapes[size] = (header + bytes(4), repeat, (1 << at + 32 + 8 * size) - 1)
    return shape


class ShortPathProtocol(ShortPath, WebSocketClientProtocol):  # type: ignore[misc]
    """Autobahn's WebSocket client protocol with the short path added.

    Subclasses override ``onOpen``, ``onMessage`` and ``onClose`` as with Autobahn, and send with
    :meth:`send`.
    """

    def _cut(self) -> None:
        """Deliver the whole texts that the buffer begins with."""
        data, self.data = self.data, b""
        size, at = len(data), 0
        limit = self.maxMessagePayloadSize or LARGEST
        validate = self.utf8validateIncoming
        deliver = self.deliver
        while size - at >= 2 and data[at] == TEXT:
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
            if validate and not is_utf8(payload):
                break
            at = end
            deliver(payload)
            if self.state != OPEN:
                break
        self.data = data[at:]

    _frame = staticmethod(_client_frame)
