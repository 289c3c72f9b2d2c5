"""Splits the bytes of ``--remote-debugging-pipe`` into messages, each terminated by a NUL. No Twisted here."""

from __future__ import annotations

#: Larger messages from the browser end the connection, unless configured otherwise.
MAX_INCOMING = 512 * 1024 * 1024


class MessageSplitter:
    """Splits chunks of any size into whole messages; each byte is copied at most twice.

    :param max_message_size: bytes; a longer message sets ``overflow``, and no more messages are returned.
    """

    __slots__ = ("_chunks", "_size", "max_message_size", "overflow")

    def __init__(self, max_message_size: int = MAX_INCOMING) -> None:
        self.max_message_size = max_message_size
        self.overflow = False
        self._chunks: list[bytes] = []
        self._size = 0

    @property
    def pending(self) -> int:
        """The number of bytes of a message whose end has not arrived yet."""
        return self._size

    def feed(self, data: bytes) -> list[bytes]:
        """Accept the next bytes and return the messages that they complete."""
        if self.overflow:
            return []
        pieces = data.split(b"\0")
        rest = pieces.pop()
        if pieces and self._chunks:
            if self._size + len(pieces[0]) > self.max_message_size:
                self._drop()
                return []
            self._chunks.append(pieces[0])
            pieces[0] = b"".join(self._chunks)
            self._chunks = []
            self._size = 0
        messages = [piece for piece in pieces if piece]
        for index, message in enumerate(messages):
            if len(message) > self.max_message_size:
                self._drop()
                return messages[:index]
        if rest:
            self._chunks.append(rest)
            self._size += len(rest)
            if self._size > self.max_message_size:
                self._drop()
        return messages

    def forget(self) -> None:
        """Drop the beginning of a message whose end will not arrive."""
        self._chunks = []
        self._size = 0

    def _drop(self) -> None:
        self.overflow = True
        self.forget()
