"""HTTP requests with a context's proxy, and with its policy on certificates."""

from __future__ import annotations

import ipaddress
from base64 import b64encode
from collections.abc import Mapping
from fnmatch import fnmatchcase
from typing import Any
from urllib.parse import urlsplit

from OpenSSL.SSL import Connection
from twisted.internet.abstract import isIPAddress, isIPv6Address
from twisted.internet.defer import Deferred
from twisted.internet.endpoints import HostnameEndpoint, wrapClientTLS
from twisted.internet.interfaces import IOpenSSLClientConnectionCreator, IProtocolFactory, IStreamClientEndpoint
from twisted.internet.protocol import Factory, Protocol, connectionDone
from twisted.internet.ssl import CertificateOptions
from twisted.python.failure import Failure
from twisted.web.client import URI, Agent, HTTPConnectionPool
from twisted.web.client import ProxyAgent as PlainProxyAgent
from twisted.web.http_headers import Headers
from twisted.web.iweb import IAgent, IAgentEndpointFactory, IPolicyForHTTPS
from zope.interface import implementer

from txcdp.errors import ConnectError

#: The maximum number of bytes read of a proxy's response.
_MOST_OF_HEAD = 65536


@implementer(IPolicyForHTTPS)
class TrustingPolicy:
    """Accepts invalid certificates, too."""

    def creatorForNetloc(self, hostname: bytes, port: int) -> Any:
        """Return the object that makes TLS connections."""
        return _TrustingTLS(hostname)


@implementer(IOpenSSLClientConnectionCreator)
class _TrustingTLS:
    """Makes TLS connections to one host, whatever its certificate."""

    def __init__(self, hostname: bytes) -> None:
        self._hostname = hostname

    def clientConnectionForTLS(self, tlsProtocol: Any) -> Connection:
        """Return a connection."""
        connection = Connection(CertificateOptions(verify=False).getContext(), None)
        if not isIPAddress(self._hostname.decode("ascii")) and not isIPv6Address(self._hostname.decode("ascii")):
            connection.set_tlsext_host_name(self._hostname)
        return connection


@implementer(IAgent)
class ProxyAgent:
    """Sends requests through an HTTP proxy, or directly to hosts that are excluded from it.

    :param reactor: the reactor.
    :param proxy: the proxy, as the option of a context.
    :param policy: the TLS policy.
    :param pool: the connection pool; it must not keep connections open.
    :raises ValueError: if it is not an HTTP proxy.
    """

    def __init__(
        self, reactor: Any, proxy: Mapping[str, Any], policy: IPolicyForHTTPS, pool: HTTPConnectionPool
    ) -> None:
        server = proxy["server"] if "://" in proxy["server"] else f"http://{proxy['server']}"
        parts = urlsplit(server)
        if parts.scheme not in ("http", "https") or not parts.hostname:
            raise ValueError(f"{server}: context.request supports only HTTP proxies")
        port = parts.port or {"http": 80, "https": 443}[parts.scheme]
        endpoint: Any = HostnameEndpoint(reactor, parts.hostname, port)
        if parts.scheme == "https":
            endpoint = wrapClientTLS(policy.creatorForNetloc(parts.hostname.encode(), port), endpoint)
        self._authorization = b""
        if "username" in proxy:
            name = f"{proxy['username']}:{proxy['password']}".encode()
            self._authorization = b"Basic " + b64encode(name)
        self._bypass = [each.strip().lower() for each in proxy.get("bypass", "").split(",") if each.strip()]
        self._plain = PlainProxyAgent(endpoint, reactor, pool)
        self._direct = Agent(reactor, policy, pool=pool)
        tunnels = _Tunnels(endpoint, policy, self._authorization)
        self._tunnelled = Agent.usingEndpointFactory(reactor, tunnels, pool)

    def request(self, method: bytes, uri: bytes, headers: Headers | None = None, bodyProducer: Any = None) -> Any:
        """Send a request; see :class:`twisted.web.iweb.IAgent`."""
        parts = urlsplit(uri.decode("ascii"))
        if self._is_direct(parts.hostname or "", parts.port):
            return self._direct.request(method, uri, headers, bodyProducer)
        if parts.scheme == "https":
            return self._tunnelled.request(method, uri, headers, bodyProducer)
        headers = Headers() if headers is None else headers.copy()
        if self._authorization:
            headers.setRawHeaders(b"Proxy-Authorization", [self._authorization])
        return self._plain.request(method, uri, headers, bodyProducer)

    def _is_direct(self, host: str, port: int | None) -> bool:
        """Whether the proxy is not used for a host, by the rules of a context's option."""
        host = host.lower()
        for rule in self._bypass:
            if "/" in rule:
                try:
                    if ipaddress.ip_address(host) in ipaddress.ip_network(rule, strict=False):
                        return True
                except ValueError:
                    continue
            elif fnmatchcase(host, f"*{rule}" if rule.startswith(".") else rule) or rule == f"{host}:{port}":
                return True
        return False


@implementer(IAgentEndpointFactory)
class _Tunnels:
    """Makes connections to servers through a proxy, with end-to-end TLS."""

    def __init__(self, proxy: Any, policy: IPolicyForHTTPS, authorization: bytes) -> None:
        self._proxy = proxy
        self._policy = policy
        self._authorization = authorization

    def endpointForURI(self, uri: URI) -> Any:
        """Return an endpoint."""
        creator = self._policy.creatorForNetloc(uri.host, uri.port)
        return wrapClientTLS(creator, _Tunnel(self._proxy, uri, self._authorization))


@implementer(IStreamClientEndpoint)
class _Tunnel:
    def __init__(self, proxy: Any, uri: URI, authorization: bytes) -> None:
        self._proxy = proxy
        self._uri = uri
        self._authorization = authorization

    def connect(self, factory: IProtocolFactory) -> Deferred[Any]:
        """Connect to the proxy, and make it connect to the server."""
        host = b"%b:%d" % (self._uri.netloc.rpartition(b":")[0] or self._uri.host, self._uri.port)
        done: Deferred[Any] = Deferred()
        connecting = self._proxy.connect(Factory.forProtocol(lambda: _Asking(host, self._authorization, factory, done)))
        connecting.addErrback(lambda failure: None if done.called else done.errback(failure))
        return done


class _Asking(Protocol):
    """Requests a tunnel from a proxy; what follows the response is passed to another protocol."""

    def __init__(self, host: bytes, authorization: bytes, factory: Any, done: Deferred[Any]) -> None:
        self._host = host
        self._authorization = authorization
        self._factory = factory
        self._done = done
        self._inner: Any = None
        self._head = b""

    def connectionMade(self) -> None:
        """Send the request."""
        head = b"CONNECT %b HTTP/1.1\r\nHost: %b\r\n" % (self._host, self._host)
        if self._authorization:
            head += b"Proxy-Authorization: %b\r\n" % self._authorization
        assert self.transport is not None
        self.transport.write(head + b"\r\n")

    def dataReceived(self, data: bytes) -> None:
        """Handle the response, or pass on what follows it."""
        if self._inner is not None:
            self._inner.dataReceived(data)
            return
        self._head += data
        head, end, rest = self._head.partition(b"\r\n\r\n")
        if not end:
            if len(self._head) > _MOST_OF_HEAD:
                self._fail("its response is too long")
            return
        line = head.partition(b"\r\n")[0].decode("latin-1")
        if line.split(" ")[1:2] != ["200"]:
            self._fail(line)
            return
        assert self.transport is not None
        self._inner = self._factory.buildProtocol(self.transport.getPeer())
        self._inner.makeConnection(self.transport)
        if not self._done.called:
            self._done.callback(self._inner)
        if rest:
            self._inner.dataReceived(rest)

    def connectionLost(self, reason: Failure = connectionDone) -> None:
        """Fail, or report the end to the other protocol."""
        if self._inner is not None:
            self._inner.connectionLost(reason)
        elif not self._done.called:
            self._done.errback(reason)

    def _fail(self, text: str) -> None:
        if not self._done.called:
            self._done.errback(ConnectError(f"the proxy did not connect to {self._host.decode('latin-1')}: {text}"))
        assert self.transport is not None
        self.transport.loseConnection()
