"""Formats WebSockets as lines: opened, each message in either direction, closed. The data come from the model."""

from __future__ import annotations

from txcdp.cli._lines import Line
from txcdp.cli._text import clean, seconds, size
from txcdp.domains import network
from txcdp.model import Exchange, ExchangeState

_TEXT, _CLOSE, _PING, _PONG = 1, 8, 9, 10
_NAMES = {2: "binary", _CLOSE: "close", _PING: "ping", _PONG: "pong"}

#: Characters of a message that are shown; the rest would scroll everything else away.
_SHOWN = 2000

#: The ends that are told; of the others the page, or its process, is gone.
_TOLD = (ExchangeState.CLOSED, ExchangeState.FAILED)


def is_socket(exchange: Exchange) -> bool:
    """Return whether it is a WebSocket's."""
    return exchange.type == "WebSocket" and exchange.request is None


def answered(socket: Exchange) -> Line | None:
    """Return the line of the answer to the handshake, where there is one."""
    if socket.handshake is None or socket.responded is None:
        return None
    good = socket.handshake.status == 101
    took = "" if socket.handshake_request is None else seconds(socket.responded - socket.started)
    mark = f"{socket.handshake.status} open" if good else f"{socket.handshake.status}"
    return Line("socket", mark, clean(socket.url), took=took, mood="good" if good else "bad", is_url=True)


def failed(socket: Exchange) -> Line:
    """Return the line of an error, also that no connection was made."""
    return Line("socket", "ERR", clean(socket.url), note=clean(socket.error_text), mood="bad", is_url=True)


def closed(socket: Exchange) -> Line | None:
    """Return the line of the end of one that had an answer."""
    if socket.responded is None or socket.ended is None or socket.state not in _TOLD:
        return None
    took = seconds(socket.ended - socket.responded)
    return Line("socket", "closed", clean(socket.url), took=took, mood="quiet", is_url=True)


def message(frame: network.WebSocketFrame, sent: bool) -> Line:
    """Return the line of a message, to the server or from it."""
    data = frame.payload_data or ""
    opcode = int(frame.opcode or 0)
    if opcode == _TEXT:
        length = len(data.encode("utf-8", "surrogatepass"))
        text = clean(data[:_SHOWN]) + ("…" if len(data) > _SHOWN else "")
    else:
        length = len(data) * 3 // 4 - data[-2:].count("=")
        text = _NAMES.get(opcode, f"opcode {opcode}")
    return Line("socket", "send →" if sent else "← receive", text, size=size(length), took=" " * 9)
