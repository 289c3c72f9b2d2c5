"""What stands between a client and its browser in the tests of lines: TLS, proxies, and ears for what passes."""

from __future__ import annotations

import datetime as dt
import ipaddress
from typing import Any

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID
from OpenSSL import SSL
from twisted.internet import reactor as _reactor
from twisted.internet.defer import Deferred, gatherResults
from twisted.internet.endpoints import (
    SSL4ServerEndpoint,
    TCP4ClientEndpoint,
    TCP4ServerEndpoint,
    connectProtocol,
)
from twisted.internet.interfaces import IOpenSSLContextFactory
from twisted.internet.protocol import Factory, Protocol, connectionDone
from twisted.internet.ssl import Certificate, trustRootFromCertificates
from twisted.internet.task import deferLater
from twisted.python.failure import Failure
from twisted.trial.unittest import TestCase
from zope.interface import implementer

from tests.browser.support import WithSharedBrowser
from tests.support import PATIENCE
from txcdp._core.connection import Connection
from txcdp._transports.interface import Transport
from txcdp._transports.websocket import WebSocketOptions, open_websocket
from txcdp.chrome import BrowserProcess, start_browser

reactor: Any = _reactor


class Authority:
    """A certificate authority that is thrown away.

    :ivar trust: what a client needs to trust it.
    """

    def __init__(self) -> None:
        self._key = ec.generate_private_key(ec.SECP256R1())
        self._name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "a throw-away authority")])
        self._certificate = self._sign(self._name, self._key, x509.BasicConstraints(ca=True, path_length=0))
        self.trust = trustRootFromCertificates([Certificate.loadPEM(_pem(self._certificate))])

    @property
    def pem(self) -> bytes:
        """Its certificate, as a file has it."""
        return _pem(self._certificate)

    def server(self, *names: str, expired: bool = False) -> Any:
        """Return the TLS options of a server of those names and addresses."""
        return _ServerTLS(*self._issue(names, expired))

    def server_pem(self, *names: str) -> tuple[bytes, bytes]:
        """Return the key and the certificate of a server of those names and addresses, as files have them."""
        key, certificate = self._issue(names)
        form, plain = serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
        return key.private_bytes(serialization.Encoding.PEM, form, plain), _pem(certificate)

    def _issue(self, names: tuple[str, ...], expired: bool = False) -> tuple[Any, x509.Certificate]:
        key = ec.generate_private_key(ec.SECP256R1())
        name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, names[0])])
        return key, self._sign(name, key, x509.SubjectAlternativeName([_general(each) for each in names]), expired)

    def _sign(self, name: x509.Name, key: Any, extension: Any, expired: bool = False) -> x509.Certificate:
        now = dt.datetime.now(dt.UTC)
        return (
            x509.CertificateBuilder()
            .subject_name(name)
            .issuer_name(self._name)
            .public_key(key.public_key())
            .serial_number(x509.random_serial_number())
            .not_valid_before(now - dt.timedelta(days=2))
            .not_valid_after(now + dt.timedelta(days=-1 if expired else 1))
            .add_extension(extension, critical=False)
            .sign(self._key, hashes.SHA256())
        )


@implementer(IOpenSSLContextFactory)
class _ServerTLS:
    """The TLS options of a server, without the deprecated part of pyOpenSSL that Twisted's own make use of."""

    def __init__(self, key: Any, certificate: x509.Certificate) -> None:
        self._context = SSL.Context(SSL.TLS_SERVER_METHOD)
        self._context.use_privatekey(key)
        self._context.use_certificate(certificate)

    def getContext(self) -> SSL.Context:
        return self._context


def _pem(certificate: x509.Certificate) -> bytes:
    return certificate.public_bytes(serialization.Encoding.PEM)


def _general(name: str) -> x509.GeneralName:
    try:
        return x509.IPAddress(ipaddress.ip_address(name))
    except ValueError:
        return x509.DNSName(name)


class Side(Protocol):
    """One end of a connection that passes through; what comes before the other end is there waits."""

    transport: Any

    def __init__(self) -> None:
        self.other: Side | None = None
        self.gone: Deferred[None] = Deferred()
        self._early = b""

    def join(self, other: Side) -> None:
        """Pass everything on to the other end from now on, and back."""
        self.other, other.other = other, self
        early, self._early = self._early, b""
        if early:
            other.transport.write(early)

    def dataReceived(self, data: bytes) -> None:
        if self.other is None:
            self._early += data
        else:
            self.other.transport.write(data)

    def connectionLost(self, reason: Failure = connectionDone) -> None:
        self.gone.callback(None)
        if self.other is not None:
            self.other.transport.loseConnection()


class Forwarder(Factory):
    """A server that clients come through on their way to another port of this machine.

    :ivar heads: the request of each client that has said one, as text.
    """

    noisy = False

    def __init__(self, target: int = 0) -> None:
        self.target = target
        self.heads: list[str] = []
        self.sides: list[Side] = []
        self.port = 0
        self._listening: Any = None

    async def open(self, tls: Any = None, endpoint: Any = None) -> None:
        """Listen."""
        local = {"interface": "127.0.0.1"}
        if endpoint is None and tls is None:
            endpoint = TCP4ServerEndpoint(reactor, 0, **local)
        elif endpoint is None:
            endpoint = SSL4ServerEndpoint(reactor, 0, tls, **local)
        self._listening = await endpoint.listen(self)
        self.port = getattr(self._listening.getHost(), "port", 0)

    async def close(self) -> None:
        """Listen no more, and end all connections."""
        await self._listening.stopListening()
        for side in self.sides:
            if not side.gone.called:
                side.transport.abortConnection()
        await gatherResults([side.gone for side in self.sides])

    def buildProtocol(self, address: object) -> Side:
        side = self.side()
        self.sides.append(side)
        return side

    def side(self) -> Side:
        """Return the protocol of a client's end."""
        return Passing(self)

    def connect(self, client: Side, port: int) -> Deferred[Any]:
        """Connect a client's end with a port."""
        server = Side()

        def joined(server: Side) -> None:
            self.sides.append(server)
            client.join(server)

        connected: Deferred[Any] = connectProtocol(TCP4ClientEndpoint(reactor, "127.0.0.1", port), server)
        return connected.addCallbacks(joined, lambda _: client.transport.loseConnection())


class Passing(Side):
    """A client's end of a forwarder that passes everything on, and remembers the request that it began with."""

    def __init__(self, forwarder: Forwarder) -> None:
        super().__init__()
        self._forwarder = forwarder
        self._head: bytes | None = b""

    def connectionMade(self) -> None:
        self._forwarder.connect(self, self._forwarder.target)

    def dataReceived(self, data: bytes) -> None:
        if self._head is not None:
            self._head += data
            head, end, _ = self._head.partition(b"\r\n\r\n")
            if end:
                self._forwarder.heads.append(head.decode())
                self._head = None
        super().dataReceived(data)


class Proxy(Forwarder):
    """An HTTP proxy that knows CONNECT and nothing else; every name is a name of this machine to it.

    :param answer: what it says in place of "connected": a refusal, noise; nothing where it is None.
    """

    def __init__(self, answer: bytes | None = b"HTTP/1.1 200 Connection established\r\n\r\n") -> None:
        super().__init__()
        self.answer = answer

    def side(self) -> Side:
        return Connecting(self)


class Connecting(Side):
    """A client's end of a proxy."""

    def __init__(self, proxy: Proxy) -> None:
        super().__init__()
        self._proxy = proxy
        self._head: bytes | None = b""

    def dataReceived(self, data: bytes) -> None:
        if self._head is None:
            super().dataReceived(data)
            return
        self._head += data
        head, end, rest = self._head.partition(b"\r\n\r\n")
        if end:
            self._proxy.heads.append(head.decode())
            self._head = None
            if rest:
                super().dataReceived(rest)
            self._asked(head.decode())

    def _asked(self, head: str) -> None:
        answer = self._proxy.answer
        if answer is None:
            return
        if not answer.startswith((b"HTTP/1.1 200", b"HTTP/1.0 200")):
            self.transport.write(answer)
            self.transport.loseConnection()
            return
        port = int(head.split()[1].rpartition(":")[2])
        self._proxy.connect(self, port).addCallback(lambda _: self.transport.write(answer))


class LinesTestCase(TestCase):
    """A test with browsers, forwarders in front of them, and connections; all of it is gone at its end."""

    timeout = 240

    async def browser(self, **options: Any) -> BrowserProcess:
        """Start a browser."""
        browser = await start_browser(reactor, **options)
        self.addCleanup(browser.close)
        return browser

    async def forwarder(self, forwarder: Forwarder, tls: Any = None, endpoint: Any = None) -> Any:
        """Open a forwarder."""
        await forwarder.open(tls, endpoint)
        self.addCleanup(lambda: Deferred.fromCoroutine(forwarder.close()))
        return forwarder

    async def connect(self, url: str, **options: Any) -> Connection:
        """Connect through a WebSocket."""
        chosen = WebSocketOptions(**{"open_timeout": PATIENCE, **options})
        return self.on(await open_websocket(reactor, url, chosen))

    def on(self, line: Transport | None, **options: Any) -> Connection:
        """Return the connection on a line."""
        assert line is not None
        connection = Connection(line, reactor, **{"timeout": PATIENCE, **options})
        self.addCleanup(connection.close)
        return connection

    async def no_calls_left(self) -> None:
        """See that the reactor waits for nothing but what trial itself does, a turn from now."""
        await deferLater(reactor, 0)
        calls = [call for call in reactor.getDelayedCalls() if "TestCase._run" not in str(call)]
        self.assertEqual(calls, [])


class SharedLinesTestCase(WithSharedBrowser, LinesTestCase):
    """A test with lines to a browser that others have used before it, and that it neither ends nor stops."""

    async def browser(self, **options: Any) -> BrowserProcess:
        """Return the browser's process; with options, that of another one."""
        if options:
            return await super().browser(**options)
        process = (await self.borrowed()).process
        assert isinstance(process, BrowserProcess)
        return process


def port_of(browser: BrowserProcess) -> int:
    """Return the port of a browser's WebSocket."""
    return int(browser.ws_url.split(":")[2].partition("/")[0])


def through(browser: BrowserProcess, port: int, scheme: str = "ws", host: str = "127.0.0.1") -> str:
    """Return a browser's URL at another port."""
    return f"{scheme}://{host}:{port}/{browser.ws_url.split('/', 3)[3]}"
