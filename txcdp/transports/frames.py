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

from autobahn.twisted.websocket import WebSocketClientProtocol
from autobahn.websocket.xormasker import create_xor_masker

from txcdp.transports.short_path import (
    FRAGMENT_SIZE,
    LARGEST,
    ONES,
    OPEN,
    TEXT,
    XOR_AS_INTEGER,
    ShortPath,
    is_plain,
    is_utf8,
)

__all__ = ["FRAGMENT_SIZE", "ShortPathProtocol", "is_plain"]

#: The first two bytes of a masked text frame, by its size.
_SHORT_HEADS = [bytes((TEXT, 0x80 | size)) for size in range(126)]


class ShortPathProtocol(ShortPath, WebSocketClientProtocol):  # type: ignore[misc]
    """A WebSocket client protocol that is Autobahn's own but for the short path.

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

    def _frame(self, payload: bytes) -> bytes:
        return _client_frame(payload)


def _client_frame(payload: bytes) -> bytes:
    """Return the one masked frame of a text message."""
    size = len(payload)
    if size < 126:
        head = _SHORT_HEADS[size]
    elif size < 65536:
        head = b"\x81\xfe" + size.to_bytes(2, "big")
    else:
        head = b"\x81\xff" + size.to_bytes(8, "big")
    key = random.getrandbits(32)
    if size > XOR_AS_INTEGER:
        mask = key.to_bytes(4, "little")
        return b"".join((head, mask, create_xor_masker(mask, size).process(payload)))
    # The mask goes before the payload it masks: that is what masking four zero bytes before it gives.
    words = size + 7 >> 2
    masked = (int.from_bytes(payload, "little") << 32) ^ key * ONES[words]
    return head + masked.to_bytes(words << 2, "little")[: size + 4]
