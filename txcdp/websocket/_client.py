"""The client's end of a WebSocket."""

from __future__ import annotations

from typing import Any

from txcdp._deferreds import returns_deferred
from txcdp._reactor import AnyReactor
from txcdp._transports.websocket import open_protocol
from txcdp._transports.websocket_protocol import WebSocketOptions, WebSocketTransport
from txcdp.errors import ConnectionLost
from txcdp.websocket._socket import Closed, WebSocket


@returns_deferred
async def connect(reactor: AnyReactor, url: str, *, options: WebSocketOptions | None = None) -> WebSocket:
    """Open a WebSocket to a server.

    :param reactor: the reactor.
    :param url: ``ws://...`` or ``wss://...``.
    :param options: headers, subprotocols, TLS, a proxy or any endpoint, limits and timeouts.
    :returns: a Deferred that fires with the open :class:`WebSocket`. It fails, within ``open_timeout``, with
        :exc:`InvalidURL`, :exc:`ConnectError`, :exc:`HandshakeFailed` or :exc:`ConnectTimeout`.
    """
    end = await open_protocol(reactor, url, options or WebSocketOptions(), _ClientEnd)
    assert end.line is not None  # it is made before it is open
    return end.line


class _ClientEnd(WebSocketTransport):
    """Passes the messages to its WebSocket, and reports how it has ended."""

    validates = True
    line: WebSocket | None = None

    def onConnect(self, response: Any) -> None:
        """Make the WebSocket from the server's handshake; its first message may be in the same read."""
        line = self.line = WebSocket(
            self._reactor,
            self,
            subprotocol=response.protocol,
            path=self.factory.resource,
            headers=dict(response.headers),
            peer=f"{self.factory.host}:{self.factory.port}",
        )
        self.deliver = line._received_text

    def onMessage(self, payload: bytes, isBinary: bool) -> None:
        """Deliver a message that was read by Autobahn."""
        assert self.line is not None
        self.line._received(payload if isBinary else payload.decode("utf-8"))

    def _advice(self, why: str) -> str:
        return why

    def _tell(self, lost: ConnectionLost) -> None:
        super()._tell(lost)
        if self.line is not None:
            self.line._has_ended(Closed.of(self, lost), lost)
