"""The WebSocket transport: Autobahn's client with the short path, timeouts of its own, and a heartbeat."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from twisted.internet.defer import Deferred
from twisted.internet.error import ConnectionDone
from twisted.internet.interfaces import IOpenSSLClientConnectionCreator, IStreamClientEndpoint
from twisted.internet.protocol import connectionDone
from twisted.python.failure import Failure

from txcdp._arguments import check_header, refuse_bare_string
from txcdp._privacy import printable
from txcdp._reactor import AnyReactor
from txcdp._transports.eager import EagerReader
from txcdp._transports.frames import ShortPathProtocol, is_plain
from txcdp._transports.interface import Receiver
from txcdp._transports.line_end import LineEnd
from txcdp._transports.unacknowledged import is_acknowledging
from txcdp.errors import ConnectionLost, HandshakeFailed, LossCause

#: The close codes by which a peer objects to what we have sent, or how.
_OUR_FAULT = (1002, 1003, 1007, 1009, 1010)

#: The longest valid response to the handshake; if it is longer, the peer is not a WebSocket server.
_LONGEST_HANDSHAKE = 64 * 1024


@dataclass(frozen=True, kw_only=True)
class WebSocketOptions:
    """Options of a WebSocket to a browser; times in seconds, sizes in bytes.

    :ivar headers: extra headers for the handshake, such as ``{"Authorization": "Bearer ..."}``.
    :ivar tls: for ``wss://``: a Twisted TLS configuration, such as
        ``twisted.internet.ssl.optionsForClientTLS(host, trustRoot=...)``; None: the platform's trusted certificates.
    :ivar proxy: ``(host, port)`` of an HTTP proxy to connect through, with CONNECT.
    :ivar endpoint: a Twisted client endpoint to connect to instead of the URL's host and port, or its description, such
        as ``"unix:/run/browser.sock"``.
    :ivar subprotocols: offered as ``Sec-WebSocket-Protocol``, in order of preference; browsers know none, but a server
        in front of one may.
    :ivar compress: whether to offer permessage-deflate. On one machine it costs more than it saves.
    :ivar max_message_size: a longer message ends the connection. Chromium sends no messages of 256 MB or more.
    :ivar open_timeout: for connecting, TLS and the handshakes together.
    :ivar close_timeout: for the peer's part of the closing handshake; after that, the connection is dropped.
    :ivar ping_interval: between pings; None: no pings. A browser answers pings even while its pages hang.
    :ivar ping_timeout: for the answer to a ping; after that, the connection is considered dead and dropped.
    """

    headers: Mapping[str, str] = field(default_factory=dict, repr=False)
    tls: IOpenSSLClientConnectionCreator | None = None
    proxy: tuple[str, int] | None = None
    endpoint: IStreamClientEndpoint | str | None = None
    subprotocols: Sequence[str] = ()
    compress: bool = False
    max_message_size: int = 256 * 1024 * 1024
    open_timeout: float = 10.0
    close_timeout: float = 2.0
    ping_interval: float | None = 20.0
    ping_timeout: float = 20.0

    def __post_init__(self) -> None:
        for header, value in self.headers.items():
            check_header("headers", header, value)
        refuse_bare_string("subprotocols", self.subprotocols)
        if isinstance(self.proxy, str | bytes):
            raise TypeError('proxy: expected a host and a port, such as ("proxy.example.com", 3128)')


class WebSocketTransport(LineEnd, ShortPathProtocol):  # type: ignore[misc]
    """An open WebSocket to a browser; see :class:`txcdp.transports.Transport`.

    :ivar opened: fires with the transport once the handshake is complete.
    :ivar paused: whether reading is stopped.
    :cvar validates: whether text messages are checked for valid UTF-8 here: for a browser's, the JSON decoder does
        that.
    """

    validates = False

    def __init__(self, reactor: AnyReactor, options: WebSocketOptions) -> None:
        super().__init__(
            reactor,
            close_timeout=options.close_timeout,
            ping_interval=options.ping_interval,
            ping_timeout=options.ping_timeout,
        )
        self._options = options
        self._receiver: Receiver | None = None
        self._lost: ConnectionLost | None = None
        self.opened: Deferred[WebSocketTransport] = Deferred()
        self._cause: LossCause | None = None
        self._local = self._remote = ""

    # Transport:

    @property
    def receiver(self) -> Receiver | None:
        """The receiver of the messages."""
        return self._receiver

    @receiver.setter
    def receiver(self, receiver: Receiver | None) -> None:
        self._receiver = receiver
        self.deliver = self._deliver if receiver is None else receiver.message_received
        if receiver is not None and self._lost is not None:  # before there was one
            lost, self._lost = self._lost, None
            self._reactor.callLater(0, receiver.transport_closed, lost)

    def close(self) -> None:
        """Begin the closing handshake; the connection is dropped if the peer does not complete it in time."""
        self.end()

    def abort(self, why: str = "aborted", cause: LossCause = "aborted") -> None:
        """Drop the connection now."""
        self._fail(why, cause)

    def describe(self) -> dict[str, object]:
        """Return what is known about the connection: addresses, extensions, and how it was closed."""
        return {
            "transport": "websocket",
            "local": self._local,
            "peer": self._remote,
            "secure": bool(self.factory.isSecure),
            "extensions": [str(each) for each in getattr(self, "websocket_extensions_in_use", [])],
            "close_code": self.remoteCloseCode,
            "close_reason": printable(self.remoteCloseReason or ""),
        }

    # Autobahn:

    def connectionMade(self) -> None:
        """Remember the addresses, which cannot be read once the connection has closed, and start the handshake."""
        self._local, self._remote = str(self.transport.getHost()), str(self.transport.getPeer())
        super().connectionMade()

    def dataReceived(self, data: bytes) -> None:
        """Process bytes from the network; anything but a handshake at the start ends the connection."""
        try:
            super().dataReceived(data)
        except Exception as error:
            self._fail(f"the peer does not speak WebSocket ({type(error).__name__}: {error})", "protocol")
        if self.state == self.STATE_CONNECTING:
            self._check_handshake()

    def onOpen(self) -> None:
        """Fire ``opened``: the handshake is complete."""
        self._opened()
        if is_plain(self.transport):
            self.transport.doRead = EagerReader(self, self.transport)
        self.opened.callback(self)

    def onMessage(self, payload: bytes, isBinary: bool) -> None:
        """Deliver a message; it makes no difference whether its frame was a text or a binary one."""
        if self._receiver is not None:
            self._receiver.message_received(payload)

    def sendCloseFrame(self, code: int | None = None, reasonUtf8: bytes | None = None, isReply: bool = False) -> None:
        """Send the close frame, and remember a protocol violation as the cause."""
        if reasonUtf8 and not isReply:
            self._cause = self._cause or "protocol"
        super().sendCloseFrame(code, reasonUtf8, isReply)

    def onClose(self, wasClean: bool, code: Any, reason: Any) -> None:
        """Report the end of the connection, with what Autobahn knows about it."""
        why = self._why or str(reason or "closed")
        clean = bool(wasClean) and code in (1000, 1001, 1005, None)
        closed: LossCause = "protocol" if code in _OUR_FAULT else "closed" if wasClean else "ended"
        lost = ConnectionLost(why, code, clean, self._cause or closed)
        self._stop()
        if not self.opened.called:
            self.opened.errback(HandshakeFailed(f"{self.factory.host}:{self.factory.port}: {self._advice(why)}"))
        elif self._receiver is None:
            self._lost = lost
        else:
            self._receiver.transport_closed(lost)
        self._tell(lost)

    def connectionLost(self, reason: Failure = connectionDone) -> None:
        """Describe the end of a connection that was lost without a closing handshake."""
        if not self._why and not self.wasNotCleanReason and not self.wasClean:
            if self.opened.called:
                # Of the plain end that every browser leaves Twisted says "closed cleanly", which is TCP's affair.
                detail = "" if reason.check(ConnectionDone) else f" ({reason.getErrorMessage()})"
                self._why = f"the browser disconnected without a closing handshake{detail}"
            else:
                self._why = _why_not_opened(reason, self.factory.host.strip("[]"))
        super().connectionLost(reason)

    def failHandshake(self, reason: str) -> None:
        """Remember why the handshake failed."""
        self._why = self._why or reason
        super().failHandshake(reason)

    def _advice(self, why: str) -> str:
        """Return advice about a failed handshake."""
        return _advice(why)

    def _check_handshake(self) -> None:
        if not b"HTTP/1.1 ".startswith(self.data[:9]):
            self._fail(f"it does not speak HTTP; it sent {self.data[:40]!r}", "protocol")
        elif len(self.data) > _LONGEST_HANDSHAKE:
            self._fail("its response to the handshake is too long", "protocol")

    def _unanswered(self) -> None:
        self._fail(f"no answer to a ping within {self._options.ping_timeout:g} s", "unresponsive")

    def _close_expired(self) -> None:
        self._fail(f"the peer did not complete the closing within {self._options.close_timeout:g} s", "close_timeout")

    def _fail(self, why: str, cause: LossCause) -> None:
        if cause == "unresponsive" and not is_acknowledging(self.transport):
            why, cause = f"{why}, and its machine does not acknowledge what was sent", "half_open"
        self._why = self._why or why
        self._cause = self._cause or cause
        self.wasClean = False
        self.transport.abortConnection()


def _why_not_opened(reason: Failure, host: str) -> str:
    """Return why the connection ended before the handshake was complete: with TLS, mostly due to the certificate."""
    from OpenSSL.SSL import Error

    error = reason.value
    if isinstance(error, Error):
        said = ", ".join(str(each[-1]) for each in error.args[0]) if error.args else "no reason given"
        if "certificate" in said:
            return (
                f"its TLS certificate is not trusted ({said}); if its authority is your own, "
                f"use WebSocketOptions(tls=optionsForClientTLS({host!r}, trustRoot=...))"
            )
        return f"TLS could not be established ({said})"
    if type(error).__name__ == "VerificationError":  # service_identity's
        return f"its TLS certificate is not for the name {host!r} ({error})"
    return f"the connection ended before the handshake completed ({reason.getErrorMessage()})"


def _advice(why: str) -> str:
    """Return advice about the refusals of Chromium, and of proxies in front of it."""
    if "[401]" in why:
        return f"{why}. It requires authentication: WebSocketOptions(headers={{'Authorization': 'Bearer TOKEN'}})"
    if "[403]" in why:
        return f"{why}. The browser refuses the Origin; txcdp sends none, so look at the extra headers or the proxy"
    if "[404]" in why or "No such target" in why:
        return f"{why}. There is no such browser or target (any more); ask http://host:port/json/version for the URL"
    if "[500]" in why:
        return f"{why}. Is the target gone? Does the URL name the host by an IP address or localhost?"
    return why
