"""The server's end: who may connect, what is negotiated, and what a handler does with each connection."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from inspect import iscoroutine
from typing import Any, Final, TypeAlias

from autobahn.twisted.websocket import WebSocketServerFactory
from autobahn.websocket.types import ConnectionDeny
from twisted.internet.defer import Deferred, gatherResults, maybeDeferred
from twisted.internet.endpoints import serverFromString
from twisted.internet.interfaces import IListeningPort, IStreamServerEndpoint
from twisted.internet.protocol import connectionDone
from twisted.logger import Logger
from twisted.python.failure import Failure

from txcdp._arguments import refuse_bare_string
from txcdp._deferreds import EndedByBlock, Timer, returns_deferred
from txcdp._privacy import printable
from txcdp._reactor import AnyReactor
from txcdp._transports.line_end import LineEnd
from txcdp._transports.server_frames import ServerShortPath
from txcdp.errors import ConnectionLost, StreamEnded
from txcdp.websocket._socket import Closed, WebSocket

#: Handles a connection. If it returns a Deferred or a coroutine, the connection lasts as long as that: it is closed at
#: the end, with 1011 if that is an error. If it returns anything else, the handler has to close the connection.
Handler: TypeAlias = Callable[[WebSocket], object]

_INTERNAL_ERROR: Final = 1011
_GOING_AWAY: Final = 1001

log = Logger()


@dataclass(frozen=True, kw_only=True)
class ServerOptions:
    """Options of a WebSocket server; times in seconds, sizes in bytes.

    :ivar subprotocols: the subprotocols that the server speaks, in order of preference; the first of them that the
        client offers is chosen.
    :ivar origins: the origins of web pages that may connect, such as ``"https://example.com"``; None: any. Programs
        send no Origin header and may always connect.
    :ivar max_message_size: a longer message ends the connection with 1009.
    :ivar open_timeout: for the client's part of the opening handshake.
    :ivar close_timeout: for the client's part of the closing handshake; after that, the connection is dropped.
    :ivar ping_interval: between pings; None: no pings.
    :ivar ping_timeout: for anything to arrive after a ping; after that, the connection is dropped.
    """

    subprotocols: Sequence[str] = ()
    origins: Sequence[str] | None = None
    max_message_size: int = 16 * 1024 * 1024
    open_timeout: float = 10.0
    close_timeout: float = 2.0
    ping_interval: float | None = 20.0
    ping_timeout: float = 20.0

    def __post_init__(self) -> None:
        refuse_bare_string("subprotocols", self.subprotocols)
        refuse_bare_string("origins", self.origins)


@returns_deferred
async def listen(
    reactor: AnyReactor,
    endpoint: str | IStreamServerEndpoint,
    handler: Handler,
    *,
    options: ServerOptions | None = None,
) -> WebSocketServer:
    """Serve WebSockets.

    :param reactor: the reactor.
    :param endpoint: a Twisted server endpoint, or its description, such as ``"tcp:9000:interface=127.0.0.1"``.
    :param handler: called with each :class:`WebSocket`; a function, or a coroutine function, after which the WebSocket
        is closed.
    :param options: see :class:`ServerOptions`.
    :returns: a Deferred that fires with the :class:`WebSocketServer`; it fails as the endpoint does.
    """
    factory = server_factory(reactor, handler, options=options)
    where: Any = serverFromString(reactor, endpoint) if isinstance(endpoint, str) else endpoint
    return WebSocketServer(await where.listen(factory), factory)


def server_factory(reactor: AnyReactor, handler: Handler, *, options: ServerOptions | None = None) -> Any:
    """Return a Twisted protocol factory that serves WebSockets, for ``StreamServerEndpointService`` and the like.

    Its ``close(code=1001)`` closes the open WebSockets, and returns a Deferred that fires once all have ended. The
    parameters are those of :func:`listen`.
    """
    return _ServerFactory(reactor, handler, options or ServerOptions())


class WebSocketServer(EndedByBlock):
    """A listening server, made by :func:`listen`; ``async with`` closes it.

    :ivar port: the listening port; ``port.getHost()`` is its address.
    """

    def __init__(self, port: IListeningPort, factory: _ServerFactory) -> None:
        self.port = port
        self._factory = factory

    @property
    def connections(self) -> list[WebSocket]:
        """The open WebSockets."""
        return [end.line for end in self._factory.ends]

    @returns_deferred
    async def close(self, code: int = _GOING_AWAY) -> None:
        """Stop listening, and close all connections; fires once they have ended.

        :param code: the close code for the WebSockets.
        """
        await maybeDeferred(self.port.stopListening)
        await self._factory.close(code)


class _ServerFactory(WebSocketServerFactory):
    """Makes a server's end for each client."""

    noisy = False

    def __init__(self, reactor: AnyReactor, handler: Handler, options: ServerOptions) -> None:
        super().__init__(reactor=reactor, server="txcdp")
        self.handler = handler
        self.options = options
        self.ends: set[_ServerEnd] = set()
        self.protocol = lambda: _ServerEnd(reactor, options)  # type: ignore[assignment]
        self.setProtocolOptions(
            webStatus=False,
            maxMessagePayloadSize=options.max_message_size,
            failByDrop=False,
            echoCloseCodeReason=True,
            allowNullOrigin=True,  # origins are judged in onConnect
            openHandshakeTimeout=0,  # these deadlines are kept here, on the given reactor
            closeHandshakeTimeout=0,
        )

    def close(self, code: int = _GOING_AWAY) -> Deferred[Any]:
        """Close the open WebSockets."""
        return gatherResults([end.line.close(code) for end in list(self.ends)])


class _ServerEnd(LineEnd, ServerShortPath):  # type: ignore[misc]
    """Passes the messages to its WebSocket, and reports how it has ended."""

    line: WebSocket

    def __init__(self, reactor: AnyReactor, options: ServerOptions) -> None:
        super().__init__(
            reactor,
            close_timeout=options.close_timeout,
            ping_interval=options.ping_interval,
            ping_timeout=options.ping_timeout,
        )
        self._options = options
        self._handshake = Timer(reactor, lambda: self._hang_up("it did not complete the handshake"))

    # Autobahn's names:

    def connectionMade(self) -> None:
        """Limit the time for the handshake."""
        super().connectionMade()
        self._handshake.set(self._options.open_timeout)

    def onConnect(self, request: Any) -> Any:
        """Check a client's request and make its WebSocket; what it sends next may be in the same read."""
        origins, origin = self._options.origins, request.headers.get("origin")
        if origins is not None and origin is not None and origin not in origins:
            raise ConnectionDeny(ConnectionDeny.FORBIDDEN, "pages of this origin may not connect here")
        agreed = next((each for each in self._options.subprotocols if each in request.protocols), None)
        self.line = WebSocket(
            self._reactor,
            self,
            subprotocol=agreed,
            path=self.http_request_uri,
            headers=dict(request.headers),
            peer=str(request.peer),
        )
        self.deliver = self.line._received_text
        return agreed

    def onOpen(self) -> None:
        """Call the handler with the WebSocket: the handshake is complete."""
        self._handshake.stop()
        self._opened()
        self.factory.ends.add(self)
        try:
            outcome = self.factory.handler(self.line)
        except Exception:
            self._failed(Failure())
            return
        if iscoroutine(outcome):
            outcome = Deferred.fromCoroutine(outcome)
        if isinstance(outcome, Deferred):
            outcome.addCallbacks(self._handled, self._failed)

    def onMessage(self, payload: bytes, isBinary: bool) -> None:
        """Deliver a message that was read by Autobahn."""
        self.line._received(payload if isBinary else payload.decode("utf-8"))

    def onClose(self, wasClean: bool, code: Any, reason: Any) -> None:
        """End the WebSocket, with what Autobahn knows about the end."""
        self._stop()
        lost = ConnectionLost(self._why or str(reason or "closed"), code, bool(wasClean), "ended")
        self._tell(lost)
        if self in self.factory.ends:
            self.factory.ends.discard(self)
            self.line._has_ended(Closed.of(self, lost), lost)

    def connectionLost(self, reason: Failure = connectionDone) -> None:
        """Release the resources of the connection."""
        self._handshake.stop()
        self.transport.unregisterProducer()
        super().connectionLost(reason)

    def _handled(self, _: object) -> None:
        self.line.close()

    def _failed(self, failure: Failure) -> None:
        if self.line.is_open or not failure.check(ConnectionLost, StreamEnded):
            log.failure("A WebSocket handler failed; {peer} is notified", failure, peer=printable(self.line.peer))
        self.line.close(_INTERNAL_ERROR)
