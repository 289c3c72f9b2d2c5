"""Ways to connect to a server: to a host and port, through an HTTP proxy, with TLS, or by the user's own endpoint."""

from __future__ import annotations

from typing import Any, Final

from twisted.internet.defer import Deferred
from twisted.internet.endpoints import HostnameEndpoint, clientFromString, wrapClientTLS
from twisted.internet.interfaces import (
    IOpenSSLClientConnectionCreator,
    IProtocol,
    IProtocolFactory,
    IStreamClientEndpoint,
    IStreamClientEndpointStringParserWithReactor,
)
from twisted.internet.protocol import Factory, Protocol, connectionDone
from twisted.internet.ssl import optionsForClientTLS
from twisted.plugin import getPlugins
from twisted.python.failure import Failure
from zope.interface import implementer

from txcdp._privacy import printable
from txcdp._reactor import AnyReactor
from txcdp.errors import HandshakeFailed, InvalidURL

#: Endpoint types that Twisted can parse without a plugin.
_BUILT_IN: Final = frozenset({"tcp", "ssl", "unix"})

_CONNECTING: Final = 30.0

#: The longest valid response to CONNECT; if it is longer, the peer is not an HTTP proxy.
_LONGEST_ANSWER: Final = 64 * 1024
_BEGIN: Final = b"HTTP/1."


def is_description(text: str) -> bool:
    """Return whether a text describes a client endpoint, such as ``unix:/run/browser.sock``, not a URL or address."""
    prefix, colon, rest = text.partition(":")
    if not colon or rest.startswith("//") or rest.isdigit():
        return False
    plugins = getPlugins(IStreamClientEndpointStringParserWithReactor)
    return prefix.lower() in _BUILT_IN or any(prefix == plugin.prefix for plugin in plugins)


def from_description(reactor: AnyReactor, description: str) -> IStreamClientEndpoint:
    """Return the endpoint that a text describes.

    :raises InvalidURL: it cannot be parsed.
    """
    try:
        endpoint: IStreamClientEndpoint = clientFromString(reactor, description)
    except Exception as error:  # whatever a parser raises for what it does not know
        raise InvalidURL(f"{description!r} is not a client endpoint: {type(error).__name__}: {error}") from error
    return endpoint


def endpoint_to(
    reactor: AnyReactor,
    host: str,
    port: int,
    *,
    timeout: float | None,
    tls: IOpenSSLClientConnectionCreator | None,
    proxy: tuple[str, int] | None,
    through: IStreamClientEndpoint | str | None,
) -> IStreamClientEndpoint:
    """Return the endpoint to connect to a server.

    :param timeout: seconds for connecting over TCP; None: Twisted's 30.
    :param tls: the TLS configuration; None: no TLS.
    :param proxy: host and port of an HTTP proxy to connect through, with CONNECT.
    :param through: an endpoint to use instead of the host and port, or its description.
    :raises InvalidURL: the description of an endpoint cannot be parsed.
    """
    seconds = _CONNECTING if timeout is None else timeout
    if isinstance(through, str):
        endpoint = from_description(reactor, through)
    elif through is not None:
        endpoint = through
    elif proxy is not None:
        name = "{}:{}".format(*proxy)
        endpoint = TunnelEndpoint(HostnameEndpoint(reactor, *proxy, timeout=seconds), host, port, name)
    else:
        endpoint = HostnameEndpoint(reactor, host, port, timeout=seconds)
    return endpoint if tls is None else wrapClientTLS(tls, endpoint)


def tls_for(host: str, tls: IOpenSSLClientConnectionCreator | None) -> IOpenSSLClientConnectionCreator:
    """Return the TLS configuration for a host: the user's, or one that trusts what the platform trusts."""
    chosen: IOpenSSLClientConnectionCreator = tls or optionsForClientTLS(host)
    return chosen


@implementer(IStreamClientEndpoint)
class TunnelEndpoint:
    """Connects to a host through an HTTP proxy, with CONNECT.

    :param proxy: the endpoint of the proxy.
    :param host: the host's name or address, which the proxy resolves.
    :param port: the host's port.
    :param name: the proxy's name, for errors.
    """

    def __init__(self, proxy: IStreamClientEndpoint, host: str, port: int, name: str) -> None:
        self._proxy = proxy
        self._name = name
        self._target = f"[{host}]:{port}" if ":" in host else f"{host}:{port}"

    def connect(self, protocolFactory: IProtocolFactory) -> Deferred[IProtocol]:
        """Connect, and hand the connection over once the proxy has.

        :returns: a Deferred that fires with the protocol; it fails with :exc:`HandshakeFailed` if the proxy refuses.
        """
        asking = Factory.forProtocol(lambda: _Connect(self._target, self._name, protocolFactory))
        asking.noisy = False
        connecting: Deferred[Any] = self._proxy.connect(asking)
        connecting.addCallback(_established)
        return connecting


def _established(asked: _Connect) -> Deferred[IProtocol]:
    return asked.established


class _Connect(Protocol):
    """Asks a proxy to connect to a host, and hands the connection to the protocol for that host."""

    def __init__(self, target: str, name: str, factory: IProtocolFactory) -> None:
        self._target = target
        self._name = name
        self._factory = factory
        self._answer = b""
        self.established: Deferred[IProtocol] = Deferred(lambda _: self._line().abortConnection())

    def connectionMade(self) -> None:
        """Send the request."""
        self._line().write(f"CONNECT {self._target} HTTP/1.1\r\nHost: {self._target}\r\n\r\n".encode("ascii"))

    def dataReceived(self, data: bytes) -> None:
        """Process the response; what follows it is for the other protocol."""
        self._answer += data
        head, end, rest = self._answer.partition(b"\r\n\r\n")
        if not end and len(self._answer) <= _LONGEST_ANSWER and _BEGIN.startswith(head[: len(_BEGIN)]):
            return
        status = head.split(b"\r\n", 1)[0].split(b" ", 2)
        if not end or len(status) < 2 or not status[0].startswith(_BEGIN):
            self._fail("what listens there is not an HTTP proxy")
        elif not status[1].startswith(b"2"):
            said = b" ".join(status[1:]).decode("latin-1")
            self._fail(f"the proxy refused: {printable(said)}")
        else:
            self._hand_over(rest)

    def connectionLost(self, reason: Failure = connectionDone) -> None:
        """Fail because the connection closed before the proxy answered."""
        if not self.established.called:
            self._fail(f"the proxy ended the connection ({reason.getErrorMessage()})")

    def _hand_over(self, rest: bytes) -> None:
        line = self._line()
        protocol = self._factory.buildProtocol(line.getPeer())
        if protocol is None:
            self._fail("the connection is no longer needed")
            return
        line.protocol = protocol
        protocol.makeConnection(line)
        if rest:
            protocol.dataReceived(rest)
        self.established.callback(protocol)

    def _fail(self, why: str) -> None:
        if not self.established.called:
            self.established.errback(HandshakeFailed(f"{self._target} through the proxy {self._name}: {why}"))
        self._line().abortConnection()

    def _line(self) -> Any:
        return self.transport
