"""The gateway's end of a client's WebSocket: Autobahn's server with a fast path, backpressure and a heartbeat."""

from __future__ import annotations

from typing import Any, Protocol

from autobahn.twisted.websocket import WebSocketServerFactory
from twisted.internet.protocol import connectionDone
from twisted.python.failure import Failure

from txcdp._reactor import AnyReactor
from txcdp._transports.backpressure import Backpressure
from txcdp._transports.line_end import LineEnd
from txcdp._transports.server_frames import ServerShortPath
from txcdp.gateway._options import ClientLimits

#: Seconds for a client to complete the closing handshake and to read what is left; then its connection is dropped.
_CLOSING = 2.0


class ClientListener(Protocol):
    """Interface of the object that receives a client's messages."""

    def client_opened(self) -> None:
        """Start relaying: the handshake is done."""

    def client_said(self, message: bytes) -> None:
        """Take one message."""

    def client_full(self) -> None:
        """Stop sending, because the client reads too slowly."""

    def client_empty(self) -> None:
        """Resume sending, because the client has read everything."""

    def client_gone(self, why: str, clean: bool) -> None:
        """Release what the client held; called once, when its connection has closed."""


class Client(LineEnd, ServerShortPath):  # type: ignore[misc]
    """One client's WebSocket.

    :param reactor: the reactor.
    :param limits: see :class:`~txcdp.gateway.ClientLimits`.
    :param listener: receives its messages.
    :ivar paused: whether reading from it is paused.
    :ivar congested: whether more data is buffered for it than a single write can send.
    """

    def __init__(self, reactor: AnyReactor, limits: ClientLimits, listener: ClientListener) -> None:
        super().__init__(
            reactor, close_timeout=_CLOSING, ping_interval=limits.ping_interval, ping_timeout=limits.ping_timeout
        )
        self._listener = listener
        self._backpressure = _ClientBackpressure(self, listener)
        self.deliver = listener.client_said

    def end(self, code: int = 1000, reason: str = "") -> None:
        """Close it with a closing handshake; if the client does not complete that in time, drop the connection."""
        self._why = self._why or reason
        super().end(code, reason)

    # Autobahn's names:

    def onOpen(self) -> None:
        """Take over the transport from the HTTP server, and report that the handshake is done."""
        self.transport.unregisterProducer()  # the HTTP server was one
        self._opened()
        self._listener.client_opened()

    def onMessage(self, payload: bytes, isBinary: bool) -> None:
        """Handle a message that did not take the fast path; the protocol has no binary ones."""
        if isBinary:
            self.end(1003, "the DevTools protocol has no binary messages")
        else:
            self._listener.client_said(payload)

    def failHandshake(self, reason: str, code: int = 400, responseHeaders: Any = None) -> None:
        """Refuse a handshake without Autobahn's reason, which repeats parts of the request and would be logged."""
        self.wasNotCleanReason = self._why = "invalid WebSocket request"
        self.sendHttpErrorResponse(code, self._why, responseHeaders)
        self.dropConnection(abort=False)

    def onClose(self, wasClean: bool, code: Any, reason: Any) -> None:
        """Report the end of the connection to the listener."""
        self._stop()
        why = self._why or ("the client has left" if wasClean else "the client's line is lost")
        self._listener.client_gone(why, bool(wasClean))

    def connectionLost(self, reason: Failure = connectionDone) -> None:
        """Unregister the producer, because the connection has closed."""
        if self.transport is not None:
            self.transport.unregisterProducer()
        super().connectionLost(reason)

    def _no_pong(self) -> None:
        if self.congested:  # so may be the ping
            self._heartbeat.heard()
        else:
            super()._no_pong()


class _ClientBackpressure(Backpressure):
    """Backpressure that is also reported to the listener."""

    def __init__(self, client: Client, listener: ClientListener) -> None:
        super().__init__(client)
        self._listener = listener

    def pauseProducing(self) -> None:
        """Report that the transport's buffer is full."""
        self.full()
        self._listener.client_full()

    def resumeProducing(self) -> None:
        """Report that the transport's buffer is empty."""
        self.empty()
        self._listener.client_empty()


def client_factory(reactor: AnyReactor, limits: ClientLimits) -> Any:
    """Return the Autobahn factory from which the clients take their settings."""
    factory: Any = WebSocketServerFactory(reactor=reactor, server="txcdp")
    factory.noisy = False
    factory.setProtocolOptions(
        webStatus=False,
        utf8validateIncoming=False,  # the browser does it
        maxMessagePayloadSize=limits.message_size,
        failByDrop=False,
        allowNullOrigin=True,  # the authorizer has looked at it
        openHandshakeTimeout=0,  # these deadlines are kept here, on the given reactor
        closeHandshakeTimeout=0,
    )
    return factory
