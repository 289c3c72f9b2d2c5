"""The short path for the server's end of a WebSocket: masked frames in, unmasked ones out.

As for the client's end, in :mod:`txcdp._transports.frames`: whole texts are cut out of the received bytes, and
everything rare is left to Autobahn.
"""

from __future__ import annotations

from autobahn.twisted.websocket import WebSocketServerProtocol
from autobahn.websocket.xormasker import create_xor_masker

from txcdp._transports.short_path import LARGEST, ONES, OPEN, TEXT, XOR_AS_INTEGER, ShortPath, is_utf8

_MASKED = 0x80

#: The first two bytes of an unmasked text frame, by its size.
_SHORT_HEADS = [bytes((TEXT, size)) for size in range(126)]


class ServerShortPath(ShortPath, WebSocketServerProtocol):  # type: ignore[misc]
    """Autobahn's WebSocket server protocol with the short path added.

    Subclasses override ``onConnect``, ``onOpen``, ``onMessage`` and ``onClose`` as with Autobahn, and send with
    :meth:`send`.

    :ivar frame: while a text that arrived in one piece is delivered: its frame as received, which a client of ours
        could send unchanged; otherwise empty.
    """

    frame = b""

    def __init__(self) -> None:
        super().__init__()
        self._key = b""  # of the text that is still incomplete

    def _cut(self) -> None:
        """Deliver the whole texts that the buffer begins with."""
        data, self.data = self.data, b""
        size, at = len(data), 0
        limit = self.maxMessagePayloadSize or LARGEST
        validate = self.utf8validateIncoming
        deliver = self.deliver
        while size - at >= 6 and data[at] == TEXT:
            length = data[at + 1] - _MASKED
            start = at + 6
            if length < 0:
                break  # not masked
            if length < 126:
                shortest = 0
            elif length == 126 and size - at >= 8:
                start = at + 8
                length = data[at + 2] << 8 | data[at + 3]
                shortest = 126
            elif length == 127 and size - at >= 14:
                start = at + 14
                length = int.from_bytes(data[at + 2 : at + 10], "big")
                shortest = 65536
            else:
                break  # a header that is incomplete
            end = start + length
            if length > limit or length < shortest:
                break
            key = data[start - 4 : start]
            if end > size:
                if validate:
                    break
                self._key = key
                self._chunks.append(data[start:])
                self._missing = end - size
                return
            payload = unmasked(data[start:end], key)
            if validate and not is_utf8(payload):
                break
            self.frame = data[at:end]
            at = end
            deliver(payload)
            if self.state != OPEN:
                break
        self.frame = b""
        self.data = data[at:]

    def _forget_message(self) -> None:
        super()._forget_message()
        self.frame = b""

    def _whole(self, payload: bytes) -> bytes:
        return unmasked(payload, self._key)

    def _frame(self, payload: bytes) -> bytes:
        size = len(payload)
        if size < 126:
            return _SHORT_HEADS[size] + payload
        if size < 65536:
            return b"\x81\x7e" + size.to_bytes(2, "big") + payload
        return b"".join((b"\x81\x7f", size.to_bytes(8, "big"), payload))


def unmasked(payload: bytes, key: bytes) -> bytes:
    """Return a payload without its mask."""
    size = len(payload)
    if size > XOR_AS_INTEGER:
        plain: bytes = create_xor_masker(key, size).process(payload)
        return plain
    words = size + 3 >> 2
    mask = int.from_bytes(key, "little") * ONES[words]
    return (int.from_bytes(payload, "little") ^ mask).to_bytes(words << 2, "little")[:size]
