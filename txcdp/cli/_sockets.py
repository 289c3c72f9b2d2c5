"""WebSockets as lines: opened, each message in either direction, closed."""

from __future__ import annotations

from dataclasses import dataclass

from txcdp.cli._lines import Line
from txcdp.cli._text import clean, seconds, size
from txcdp.domains import network

_TEXT, _CLOSE, _PING, _PONG = 1, 8, 9, 10
_NAMES = {2: "binary", _CLOSE: "close", _PING: "ping", _PONG: "pong"}

#: Characters of a message that are shown; the rest would scroll everything else away.
_SHOWN = 2000


@dataclass
class _Socket:
    """An open WebSocket; times on the browser's monotonic clock."""

    url: str
    asked: float | None = None
    opened: float | None = None


class Sockets:
    """The WebSockets of a page; every method returns what is to be told, or None.

    :ivar opened: how many have been opened.
    :ivar messages: how many messages went either way.
    """

    def __init__(self) -> None:
        self._open: dict[str, _Socket] = {}
        self.opened = 0
        self.messages = 0

    def created(self, event: network.WebSocketCreated) -> None:
        """Take that a page made one."""
        self._open[event.request_id] = _Socket(clean(event.url))

    def asked(self, event: network.WebSocketWillSendHandshakeRequest) -> None:
        """Take that the handshake began."""
        if socket := self._open.get(event.request_id):
            socket.asked = event.timestamp

    def answered(self, event: network.WebSocketHandshakeResponseReceived) -> Line | None:
        """Take the answer to the handshake."""
        socket = self._open.get(event.request_id)
        if socket is None:
            return None
        good = event.response.status == 101
        self.opened += good
        socket.opened = event.timestamp
        took = seconds(event.timestamp - socket.asked) if socket.asked is not None else ""
        mark, mood = (f"{event.response.status} open", "good") if good else (f"{event.response.status}", "bad")
        return Line("socket", mark, socket.url, took=took, mood="good" if mood == "good" else "bad", is_url=True)

    def sent(self, event: network.WebSocketFrameSent) -> Line:
        """Take a message to the server."""
        return self._frame("send →", event.request_id, event.response)

    def received(self, event: network.WebSocketFrameReceived) -> Line:
        """Take a message from the server."""
        return self._frame("← receive", event.request_id, event.response)

    def failed(self, event: network.WebSocketFrameError) -> Line:
        """Take an error, also that no connection was made."""
        url = self._open[event.request_id].url if event.request_id in self._open else ""
        return Line("socket", "ERR", url, note=clean(event.error_message), mood="bad", is_url=True)

    def closed(self, event: network.WebSocketClosed) -> Line | None:
        """Take the end of one."""
        socket = self._open.pop(event.request_id, None)
        if socket is None or socket.opened is None:
            return None
        return Line(
            "socket", "closed", socket.url, took=seconds(event.timestamp - socket.opened), mood="quiet", is_url=True
        )

    def _frame(self, mark: str, request_id: str, frame: network.WebSocketFrame) -> Line:
        self.messages += 1
        data = frame.payload_data or ""
        opcode = int(frame.opcode or 0)
        if opcode == _TEXT:
            length = len(data.encode("utf-8", "surrogatepass"))
            text = clean(data[:_SHOWN]) + ("…" if len(data) > _SHOWN else "")
        else:
            length = len(data) * 3 // 4 - data[-2:].count("=")
            text = _NAMES.get(opcode, f"opcode {opcode}")
        return Line("socket", mark, text, size=size(length), took=" " * 9)
