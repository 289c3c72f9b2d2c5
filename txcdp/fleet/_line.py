"""A session at a WAMP router that is joined again when it is lost."""

from __future__ import annotations

import random
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from typing import Any, Final
from urllib.parse import urlsplit

from autobahn.exception import Disconnected, PayloadExceededError
from autobahn.twisted.wamp import ApplicationSession
from autobahn.twisted.websocket import WampWebSocketClientFactory, WampWebSocketClientProtocol
from autobahn.wamp.exception import ApplicationError, TransportLost
from autobahn.wamp.serializer import CBORSerializer, JsonSerializer, MsgPackSerializer
from autobahn.wamp.types import ComponentConfig
from service_identity import VerificationError
from twisted.application.internet import ClientService, backoffPolicy
from twisted.internet.defer import CancelledError, Deferred
from twisted.internet.endpoints import HostnameEndpoint, wrapClientTLS
from twisted.internet.error import ConnectError as TwistedConnectError
from twisted.internet.error import ConnectionDone, DNSLookupError
from twisted.internet.interfaces import IStreamClientEndpoint
from twisted.internet.protocol import Factory, Protocol
from twisted.internet.ssl import Certificate, PrivateCertificate, optionsForClientTLS, trustRootFromCertificates
from twisted.internet.task import deferLater
from twisted.logger import Logger
from twisted.python.failure import Failure
from zope.interface import implementer

from txcdp._deferreds import OneShot, Timer, returns_deferred
from txcdp._limits import about_open_files
from txcdp._logs import LogThrottle
from txcdp._privacy import shortened, shown_url
from txcdp._reactor import AnyReactor, whole
from txcdp.errors import ConnectError
from txcdp.fleet._messages import LARGEST
from txcdp.fleet._options import RouterOptions

log = Logger()

#: The largest incoming message that is accepted, in bytes; routers accept at most 1 MB unless configured otherwise.
_LARGEST: Final = 16 * 1024 * 1024

#: Seconds for closing a connection.
_GOODBYE: Final = 3.0

#: What Autobahn raises when something is sent after the connection was lost; the last where it does not check first.
NO_LINE: Final = (TransportLost, Disconnected, AttributeError)

_CERTIFICATES: Final = b"-----END CERTIFICATE-----"


class RouterSession(ApplicationSession):
    """A session that joins as its connection says, and reports its state to that."""

    def __init__(self, line: RouterLine) -> None:
        super().__init__(ComponentConfig(line.options.realm))
        self._line = line
        self.ended = False

    def onConnect(self) -> None:
        """Join the realm."""
        options = self._line.options
        if options.ticket is not None:
            self.join(options.realm, ["ticket"], options.authid)
        else:
            self.join(options.realm, ["tls", "anonymous"] if options.certificate else None, options.authid)

    def onChallenge(self, challenge: Any) -> str:
        """Send the ticket."""
        ticket = self._line.options.ticket
        if challenge.method != "ticket" or ticket is None:
            raise RuntimeError(f"the router asks for {challenge.method!r:.40}, but only tickets are supported")
        return ticket

    def onJoin(self, details: Any) -> None:
        """Handle having joined."""
        protocol: Any = self._transport
        protocol.joining.callback(self)

    def onLeave(self, details: Any) -> Any:
        """Handle the end of the session, or a failed attempt to join."""
        self._gone(ConnectError(shortened(f"the router ended the session: {details.reason} {details.message}")))
        self.log = _SILENT
        return super().onLeave(details)

    def onDisconnect(self) -> None:
        """Handle the loss of the connection."""
        self._gone(ConnectError("the connection to the router was lost"))
        self.log = _SILENT
        super().onDisconnect()

    def _gone(self, why: Exception) -> None:
        ended, self.ended = self.ended, True
        if not ended:
            self._line.session_ended(self, why)

    def onUserError(self, fail: Failure, msg: str) -> None:
        """Log only bugs, not errors that are sent to the other end."""
        if not fail.check(ApplicationError, CancelledError):
            log.failure("A message of the router", failure=fail)


class _SilentLogger:
    """A logger for what is reported by other means."""

    def __getattr__(self, name: str) -> Callable[..., None]:
        return lambda *args, **more: None


_SILENT: Final = _SilentLogger()


class RouterProtocol(WampWebSocketClientProtocol):
    """A WebSocket to a router.

    :ivar joining: fires with the session that has joined over this connection, or fails.
    :ivar lost: fires when the connection is closed.
    """

    def __init__(self) -> None:
        super().__init__()
        self.joining: Deferred[RouterSession] = Deferred()
        self.lost: OneShot[None] = OneShot()

    def sendMessage(self, payload: bytes, *how: Any, **more: Any) -> None:
        """Send a message, unless a router would close the connection because of it.

        :raises PayloadExceededError: a router would.
        """
        if len(payload) > LARGEST:
            raise PayloadExceededError(f"a message of {len(payload):,} bytes, but routers accept {LARGEST:,}")
        super().sendMessage(payload, *how, **more)

    def connectionLost(self, reason: Any = None) -> None:
        """Handle the end of the connection, even if it was never established."""
        super().connectionLost(reason)
        if not self.joining.called:
            self.joining.errback(ConnectError(shortened(f"no WAMP router responds: {self._why(reason)}")))
        self.lost.fire(None)

    def _why(self, reason: Any) -> str:
        """Return why there is no connection, in words."""
        error = getattr(reason, "value", None)
        if isinstance(error, VerificationError):
            host = urlsplit(self.factory.url).hostname
            return f"its certificate is not for {host}: give the URL the name that the certificate has ({error})"
        return str(self.wasNotCleanReason or reason)


@implementer(IStreamClientEndpoint)
class _Joining:
    """An endpoint whose connections are sessions that have joined: one that does not join counts as a failed attempt.

    :param endpoint: the router's endpoint.
    :param factory: makes the WebSockets.
    :param joined: called with each session.
    """

    def __init__(
        self, endpoint: IStreamClientEndpoint, factory: Any, joined: Callable[[RouterSession], object]
    ) -> None:
        self._endpoint = endpoint
        self._factory = factory
        self._joined = joined

    @returns_deferred
    async def connect(self, protocolFactory: Any) -> Any:
        """Connect, and join.

        :returns: fires with a protocol that holds the session's connection; fails with :exc:`ConnectError`.
        """
        try:
            line: Any = await self._endpoint.connect(self._factory)
        except (TwistedConnectError, DNSLookupError) as error:
            url = shown_url(self._factory.url)
            raise ConnectError(f"no connection to the router at {url}: {error}{about_open_files(error)}") from error
        try:
            session = await line.joining
        except BaseException:
            line.transport.abortConnection()
            raise
        self._joined(session)
        if line.lost.fired:
            raise ConnectError("the connection to the router was lost")
        outer = protocolFactory.buildProtocol(None)
        outer.makeConnection(line.transport)
        line.lost.wait().addCallback(lambda _: outer.connectionLost(Failure(ConnectionDone())))
        return outer


class RouterLine:
    """Keeps a session at a router, and joins again if it is lost.

    :param reactor: the reactor.
    :param options: the router and the identity.
    :param joined: called with each session that has joined.
    :param left: called with each of these that is lost, and the reason.
    """

    def __init__(
        self,
        reactor: AnyReactor,
        options: RouterOptions,
        joined: Callable[[RouterSession], object] = lambda session: None,
        left: Callable[[RouterSession, Exception], object] = lambda session, why: None,
    ) -> None:
        self.options = options
        self._reactor = whole(reactor)
        self._joined = joined
        self._left = left
        self._session: RouterSession | None = None
        self._may_log = LogThrottle(self._reactor)
        least, most = options.retry_least, options.retry_most
        self._service = ClientService(
            _Joining(_endpoint(self._reactor, options), self._factory(), self._has_joined),
            Factory.forProtocol(Protocol),
            retryPolicy=backoffPolicy(least, most, 1.5, random.random),
            clock=self._reactor,
        )

    def __repr__(self) -> str:
        return f"<Line to {shown_url(self.options.url)}, realm {self.options.realm}>"

    @property
    def session(self) -> RouterSession | None:
        """The current session; None if there is none."""
        return self._session

    def start(self) -> None:
        """Start joining."""
        self._service.startService()

    @returns_deferred
    async def when_joined(self, fail_after: int | None = None) -> RouterSession:
        """Wait for a session.

        :param fail_after: the number of consecutive failed attempts after which this fails, too; None: never.
        :returns: fires with the session; fails with :exc:`ConnectError`, or with
            :exc:`~twisted.internet.defer.CancelledError` if this is stopped.
        """
        while self._session is None:
            try:
                await self._service.whenConnected(fail_after)
            finally:
                await deferLater(self._reactor, 0)  # the service bears no call of its own within this one
        return self._session

    @returns_deferred
    async def stop(self) -> None:
        """Leave, and do not join again.

        :returns: fires once the connection is closed.
        """
        session = self._session
        if session is None or session._transport is None:
            await self._service.stopService()
            return
        transport = session._transport
        with suppress(*NO_LINE):
            session.leave()
        stopping = self._service.stopService()  # closes the line behind the goodbye
        cutting = Timer(self._reactor, transport.abort)
        cutting.set(_GOODBYE)
        try:
            await stopping
        finally:
            cutting.stop()

    def session_ended(self, session: RouterSession, why: Exception) -> None:
        """Handle the end of a session."""
        protocol: Any = session._transport
        if self._session is session:
            self._session = None
            if self._service.running:
                log.warn("{line}: {why}", line=self, why=why)
            self._left(session, why)
        else:
            if self._may_log():
                log.warn("{line}: {why}", line=self, why=why)
            if protocol is not None and not protocol.joining.called:
                protocol.joining.errback(why)

    def _has_joined(self, session: RouterSession) -> None:
        self._session = session
        log.info("{line}: joined", line=self)
        self._joined(session)

    def _factory(self) -> Any:
        options = self.options
        serializers = [CBORSerializer(), MsgPackSerializer(), JsonSerializer()]
        factory = WampWebSocketClientFactory(
            lambda: RouterSession(self), url=options.url, serializers=serializers, reactor=self._reactor
        )
        factory.protocol = RouterProtocol
        factory.setProtocolOptions(
            openHandshakeTimeout=options.open_timeout,
            closeHandshakeTimeout=_GOODBYE,
            autoPingInterval=options.ping_interval,
            autoPingTimeout=options.ping_timeout,
            maxMessagePayloadSize=_LARGEST,
            maxFramePayloadSize=_LARGEST,
            tcpNoDelay=True,
        )
        return factory


def _endpoint(reactor: Any, options: RouterOptions) -> IStreamClientEndpoint:
    parts = urlsplit(options.url)
    secure = parts.scheme == "wss"
    host = parts.hostname or ""
    endpoint = HostnameEndpoint(reactor, host, parts.port or (443 if secure else 80), timeout=options.open_timeout)
    if not secure:
        return endpoint
    trusted = None if options.authority is None else trustRootFromCertificates(_certificates(options.authority))
    own = None
    if options.certificate is not None:
        own = PrivateCertificate.loadPEM(Path(options.certificate).read_text())
    made: IStreamClientEndpoint = wrapClientTLS(optionsForClientTLS(host, trusted, own), endpoint)
    return made


def _certificates(path: str) -> list[Certificate]:
    parts = Path(path).read_bytes().split(_CERTIFICATES)[:-1]
    if not parts:
        raise ValueError(f"{path}: contains no certificate (PEM)")
    return [Certificate.loadPEM(each + _CERTIFICATES) for each in parts]
