"""A single HTTP request over a connection of its own, with a limit on the size of the response."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any
from urllib.parse import urlsplit, urlunsplit

from treq.client import HTTPClient
from twisted.internet.defer import Deferred
from twisted.internet.interfaces import IProtocol, IStreamClientEndpoint
from twisted.internet.protocol import Protocol, connectionDone
from twisted.python.failure import Failure
from twisted.web.client import URI, Agent, HTTPConnectionPool, ResponseDone
from twisted.web.http import PotentialDataLoss
from twisted.web.http_headers import Headers
from twisted.web.iweb import IAgent, IAgentEndpointFactory, IBodyProducer, IResponse
from zope.interface import implementer

from txcdp._reactor import AnyReactor
from txcdp._transports.endpoints import endpoint_to, tls_for
from txcdp._transports.websocket_protocol import WebSocketOptions
from txcdp.chrome._addresses import Address

#: Bytes; a longer answer is refused. The protocol's description, the longest, has 1.6 MB.
MAX_ANSWER = 64 * 1024 * 1024


async def fetch(
    reactor: AnyReactor, method: str, address: Address, path: str, timeout: float | None, options: WebSocketOptions
) -> tuple[int, bytes]:
    """Make one request; errors are Twisted's.

    :param method: such as ``GET``.
    :param address: of the server.
    :param path: of the endpoint, below ``/json/``.
    :param timeout: in seconds, for connecting alone.
    :param options: the way there, and the headers of the request.
    :returns: the status, and the body.
    """
    url = address.endpoint(path, _FixedHostAgent.STAND_IN)
    response = await _request(reactor, method, address.netloc, url, timeout, options)
    return await _collected(response)


async def transfer(
    reactor: AnyReactor,
    method: str,
    url: str,
    timeout: float | None,
    options: WebSocketOptions,
    write: Callable[[bytes], object],
) -> int:
    """Make one request for an answer of any size; errors are Twisted's.

    :param url: of what is asked for.
    :param timeout: in seconds, for connecting alone.
    :param options: the way there, and the headers of the request.
    :param write: called with each piece of the body of an answer with status 200; other bodies are not read.
    :returns: the status, when the body is whole.
    """
    parts = urlsplit(url)
    stand_in = urlunsplit(parts._replace(netloc=_FixedHostAgent.STAND_IN))
    response = await _request(reactor, method, parts.netloc, stand_in, timeout, options)
    if response.code == 200:
        done: Deferred[None] = Deferred(lambda _: receiver.stop())
        receiver = _Receiver(done, write)
        response.deliverBody(receiver)
        await done
    else:
        await _collected(response)
    return int(response.code)


async def _collected(response: Any) -> tuple[int, bytes]:
    """Return the status, and the body."""
    body: Deferred[bytes] = Deferred(lambda _: collector.stop())
    collector = _Collector(body)
    response.deliverBody(collector)
    return response.code, await body


async def _request(
    reactor: AnyReactor, method: str, netloc: str, url: str, timeout: float | None, options: WebSocketOptions
) -> Any:
    """Make one request, and return the response without its body.

    :param netloc: of the server; in the URL something stands for it.
    """
    pool = HTTPConnectionPool(reactor, persistent=False)
    endpoints = _Endpoints(reactor, timeout, options)
    client = HTTPClient(_FixedHostAgent(Agent.usingEndpointFactory(reactor, endpoints, pool), netloc))
    headers = Headers({name: [value] for name, value in options.headers.items()})
    return await client.request(method, url, headers=headers, allow_redirects=False, unbuffered=True)


@implementer(IAgentEndpointFactory)
class _Endpoints:
    """Connects to the server of a URL, without log messages from Twisted."""

    def __init__(self, reactor: AnyReactor, timeout: float | None, options: WebSocketOptions) -> None:
        self._reactor = reactor
        self._timeout = timeout
        self._options = options

    def endpointForURI(self, uri: URI) -> IStreamClientEndpoint:
        """Return the endpoint."""
        host = uri.host.decode("ascii")
        endpoint = endpoint_to(
            self._reactor,
            host,
            uri.port,
            timeout=self._timeout,
            tls=tls_for(host, self._options.tls) if uri.scheme == b"https" else None,
            proxy=self._options.proxy,
            through=self._options.endpoint,
        )
        return _QuietEndpoint(endpoint)


@implementer(IStreamClientEndpoint)
class _QuietEndpoint:
    """An endpoint whose factory does not log when it starts and stops."""

    def __init__(self, endpoint: IStreamClientEndpoint) -> None:
        self._endpoint = endpoint

    def connect(self, protocolFactory: Any) -> Deferred[IProtocol]:
        """Connect."""
        protocolFactory.noisy = False
        return self._endpoint.connect(protocolFactory)


@implementer(IAgent)
class _FixedHostAgent:
    """An agent that sends each request to one of our hosts: treq refuses IPv6 addresses, as hyperlink does."""

    STAND_IN = "browser.invalid"

    def __init__(self, agent: Any, netloc: str) -> None:
        self._agent = agent
        self._netloc = netloc.encode("ascii")

    def request(
        self, method: bytes, uri: bytes, headers: Headers | None = None, bodyProducer: IBodyProducer | None = None
    ) -> Deferred[IResponse]:
        """Make a request as ``IAgent`` does."""
        uri = uri.replace(self.STAND_IN.encode("ascii"), self._netloc, 1)
        response: Deferred[IResponse] = self._agent.request(method, uri, headers, bodyProducer)
        return response


class _Receiver(Protocol):
    """Passes on a body of any size, chunk by chunk."""

    def __init__(self, done: Deferred[Any], write: Callable[[bytes], object]) -> None:
        self._done = done
        self._write = write

    def dataReceived(self, data: bytes) -> None:
        """Pass on another chunk."""
        if self._done.called:
            return
        try:
            self._write(data)
        except Exception as error:  # the disk is full
            self._done.errback(error)
            self.stop()

    def connectionLost(self, reason: Failure = connectionDone) -> None:
        """Fire when the body is complete, or fail if it was truncated."""
        if self._done.called:
            return
        if reason.check(ResponseDone):
            self._done.callback(None)
        else:
            self._done.errback(reason)

    def stop(self) -> None:
        """Cut the connection."""
        _cut(self.transport)


class _Collector(Protocol):
    """Collects a body of limited size."""

    def __init__(self, done: Deferred[bytes]) -> None:
        self._done = done
        self._body: list[bytes] = []
        self._size = 0

    def dataReceived(self, data: bytes) -> None:
        """Add another chunk, unless the limit is exceeded."""
        if self._done.called:
            return
        self._body.append(data)
        self._size += len(data)
        if self._size > MAX_ANSWER and not self._done.called:
            self._done.errback(ValueError(f"its response is larger than {MAX_ANSWER:,} bytes"))
            self.stop()

    def connectionLost(self, reason: Failure = connectionDone) -> None:
        """Fire with the complete body, or fail if it was truncated."""
        body, self._body = self._body, []  # Twisted's response, which keeps this, is part of a reference cycle
        if self._done.called:
            return
        if reason.check(ResponseDone, PotentialDataLoss):
            self._done.callback(b"".join(body))
        else:
            self._done.errback(reason)

    def stop(self) -> None:
        """Cut the connection."""
        self._body = []
        _cut(self.transport)


def _cut(transport: Any) -> None:
    abort = getattr(transport, "abortConnection", None) or getattr(transport, "loseConnection", None)
    if abort is not None:
        abort()
