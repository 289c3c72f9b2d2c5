"""Opens a WebSocket to a browser: names, proxies, TLS, the handshake, and the errors of each."""

from __future__ import annotations

from typing import Any, TypeVar

from autobahn.twisted.websocket import WebSocketClientFactory
from autobahn.websocket.compress import (
    PerMessageDeflateOffer,
    PerMessageDeflateResponse,
    PerMessageDeflateResponseAccept,
)
from twisted.internet.defer import CancelledError, Deferred
from twisted.internet.error import ConnectError as TwistedConnectError
from twisted.internet.error import ConnectionRefusedError, DNSLookupError

from txcdp._deferreds import returns_deferred, with_deadline
from txcdp._limits import about_open_files
from txcdp._privacy import shown_url
from txcdp._reactor import AnyReactor
from txcdp._transports.endpoints import endpoint_to, tls_for
from txcdp._transports.websocket_protocol import WebSocketOptions, WebSocketTransport
from txcdp.errors import ConnectError, ConnectTimeout, InvalidURL

W = TypeVar("W", bound=WebSocketTransport)

__all__ = ["WebSocketOptions", "WebSocketTransport", "open_protocol", "open_websocket"]


@returns_deferred
async def open_websocket(reactor: AnyReactor, url: str, options: WebSocketOptions | None = None) -> WebSocketTransport:
    """Open a WebSocket to a browser.

    No Origin header is sent: Chromium refuses origins that it does not know.

    :param reactor: the reactor.
    :param url: ``ws://...`` or ``wss://...``.
    :param options: see :class:`WebSocketOptions`.
    :returns: a Deferred that fires with the open transport. It fails, within ``open_timeout``, with :exc:`InvalidURL`,
        :exc:`ConnectError`, :exc:`HandshakeFailed` or :exc:`ConnectTimeout`.
    """
    return await open_protocol(reactor, url, options or WebSocketOptions(), WebSocketTransport)


async def open_protocol(reactor: AnyReactor, url: str, options: WebSocketOptions, protocol: type[W]) -> W:
    """Open a WebSocket with a protocol of your own.

    :param protocol: called with the reactor and the options to make the protocol.
    :returns: a Deferred that fires with the open transport. It fails, within ``open_timeout``, with :exc:`InvalidURL`,
        :exc:`ConnectError`, :exc:`HandshakeFailed` or :exc:`ConnectTimeout`.
    """
    factory = _factory(reactor, url, options, protocol)
    name = factory.host
    if ":" in name:
        factory.host = f"[{name}]"  # as it belongs into the Host header, into which Autobahn puts it
    where = f"{factory.host}:{factory.port}"
    host, port = options.proxy or (name, factory.port)
    endpoint = endpoint_to(
        reactor,
        name,
        factory.port,
        timeout=options.open_timeout,
        tls=tls_for(name, options.tls) if factory.isSecure else None,
        proxy=options.proxy,
        through=options.endpoint,
    )
    deadline = with_deadline(
        reactor,
        Deferred.fromCoroutine(_open(endpoint, factory)),
        options.open_timeout,
        lambda: ConnectTimeout(
            f"{where} did not complete the WebSocket handshake within {options.open_timeout:g} s; "
            "is it a browser's DevTools port, and is the browser not stopped?"
        ),
    )
    try:
        opened: W = await deadline
        return opened
    except (TwistedConnectError, DNSLookupError) as error:
        raise _not_connected(error, host, port, options) from None


def _not_connected(error: Exception, host: str, port: int, options: WebSocketOptions) -> ConnectError:
    if options.endpoint is not None:
        return ConnectError(f"no connection through {options.endpoint}: {error}{about_open_files(error)}")
    if isinstance(error, ConnectionRefusedError):
        return ConnectError(
            f"nothing listens at {host}:{port}; start a browser there with --remote-debugging-port={port}"
        )
    if isinstance(error, DNSLookupError):
        return ConnectError(f"unknown host {host!r}: {error}")
    return ConnectError(f"no connection to {host}:{port}: {error}{about_open_files(error)}")


async def _open(endpoint: Any, factory: Any) -> Any:
    transport = await _connected(endpoint.connect(factory))
    try:
        await transport.opened
    except BaseException:
        transport.abort()
        raise
    return transport


async def _connected(connecting: Deferred[Any]) -> Any:
    """Wait for TCP; if cancelled, fail with CancelledError, where Twisted may report that the name was not found."""
    cancelled = False

    def cancel(_: object) -> None:
        nonlocal cancelled
        cancelled = True
        connecting.cancel()

    waiting: Deferred[Any] = Deferred(cancel)
    connecting.chainDeferred(waiting)
    try:
        return await waiting
    except Exception:
        if cancelled:
            raise CancelledError from None
        raise


def _factory(reactor: AnyReactor, url: str, options: WebSocketOptions, protocol: type[WebSocketTransport]) -> Any:
    if not url:  # Autobahn would take localhost
        raise InvalidURL("an empty URL")
    try:
        factory = WebSocketClientFactory(
            url,
            protocols=list(options.subprotocols),
            useragent="txcdp",
            headers=dict(options.headers),
            reactor=reactor,
        )
    except Exception:  # Autobahn's bare ones for what is no WebSocket URL repeat parts of it, which may be secret
        raise InvalidURL(f"{shown_url(url)!r} is not a WebSocket URL such as ws://host:port/devtools/...") from None
    factory.noisy = False
    factory.protocol = lambda: protocol(reactor, options)  # type: ignore[assignment]
    factory.setProtocolOptions(
        utf8validateIncoming=protocol.validates,
        maxMessagePayloadSize=options.max_message_size,
        failByDrop=False,
        echoCloseCodeReason=True,
        openHandshakeTimeout=0,  # these deadlines are kept here, on the given reactor
        closeHandshakeTimeout=0,
        serverConnectionDropTimeout=0,
    )
    if options.compress:
        factory.setProtocolOptions(
            perMessageCompressionOffers=[PerMessageDeflateOffer()], perMessageCompressionAccept=_accept_deflate
        )
    return factory


def _accept_deflate(response: object) -> object:
    if isinstance(response, PerMessageDeflateResponse):
        return PerMessageDeflateResponseAccept(response)
    return None
