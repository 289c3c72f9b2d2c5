"""The way to a server: what describes an endpoint, and a tunnel through a proxy."""

from __future__ import annotations

from typing import Any

from twisted.internet.defer import Deferred
from twisted.internet.endpoints import UNIXClientEndpoint
from twisted.internet.protocol import Factory, Protocol, connectionDone
from twisted.internet.testing import MemoryReactorClock, StringTransport
from twisted.python.failure import Failure
from twisted.trial.unittest import SynchronousTestCase

from txcdp._transports.endpoints import TunnelEndpoint, endpoint_to, from_description, is_description
from txcdp.errors import HandshakeFailed, InvalidURL


class DescriptionTests(SynchronousTestCase):
    def test_what_is_one(self):
        for text in (
            "unix:/run/browser.sock",
            "tcp:127.0.0.1:9222",
            "tcp:host=h:port=1",
            "tls:h:1",
            "ssl:h:1",
            "UNIX:/x",
        ):
            self.assertTrue(is_description(text), text)
        for text in (
            "http://h:1",
            "ws://h:1/x",
            "h:9222",
            "9222",
            "unix:9222",
            "tcp:9222",
            "",
            "[::1]:9222",
            "unknown:x",
        ):
            self.assertFalse(is_description(text), text)

    def test_one_that_cannot_be(self):
        self.assertIsInstance(from_description(MemoryReactorClock(), "unix:/run/x"), UNIXClientEndpoint)
        for text in ("tcp:host=h", "tcp:h:x", "unknown:x"):
            with self.assertRaisesRegex(InvalidURL, "is not a client endpoint"):
                from_description(MemoryReactorClock(), text)


class Recording(Protocol):
    def __init__(self) -> None:
        self.received = b""
        self.lost: Failure | None = None

    def dataReceived(self, data: bytes) -> None:
        self.received += data

    def connectionLost(self, reason: Failure = connectionDone) -> None:
        self.lost = reason


class Line(StringTransport):
    aborted = False
    protocol: Any = None

    def abortConnection(self) -> None:
        self.aborted = True


class Proxy:
    """An endpoint that leads to a fake proxy."""

    def __init__(self) -> None:
        self.line = Line()

    def connect(self, factory: Any) -> Deferred[Any]:
        protocol = factory.buildProtocol(None)
        self.line.protocol = protocol
        protocol.makeConnection(self.line)
        connected: Deferred[Any] = Deferred()
        connected.callback(protocol)
        return connected

    def say(self, data: bytes) -> None:
        self.line.protocol.dataReceived(data)


class TunnelTests(SynchronousTestCase):
    def setUp(self):
        self.proxy = Proxy()

    def connect(self, host: str = "browser.example", factory: Any = None) -> Deferred[Any]:
        tunnel = TunnelEndpoint(self.proxy, host, 9222, "p:1")  # type: ignore[arg-type]
        return tunnel.connect(factory or Factory.forProtocol(Recording))

    def test_the_line_is_handed_over_with_what_came_behind_the_answer(self):
        connecting = self.connect()
        self.assertEqual(
            self.proxy.line.value(), b"CONNECT browser.example:9222 HTTP/1.1\r\nHost: browser.example:9222\r\n\r\n"
        )
        for part in (b"HTTP/1.1 200 Connection est", b"ablished\r\nVia: x\r\n\r", b"\nhello"):
            self.assertNoResult(connecting)
            self.proxy.say(part)
        protocol = self.successResultOf(connecting)
        self.proxy.say(b" you")
        self.assertEqual(protocol.received, b"hello you")
        self.assertIs(self.proxy.line.protocol, protocol)

    def test_ipv6(self):
        self.connect("::1")
        self.assertIn(b"CONNECT [::1]:9222 HTTP/1.1", self.proxy.line.value())

    def test_refusals(self):
        for said, words in (
            (
                b"HTTP/1.1 407 Proxy\x1b Authentication Required\r\n\r\n",
                r"the proxy refused: 407 Proxy.* Authentication",
            ),
            (b"HTTP/1.1 101 Switching\r\n\r\n", "the proxy refused: 101"),
            (b"SSH-2.0-x\r\n\r\n", "not an HTTP proxy"),
            (b"HTTP/1.1\r\n\r\n", "not an HTTP proxy"),
            (b"x" * 70_000, "not an HTTP proxy"),
        ):
            self.proxy = Proxy()
            connecting = self.connect()
            self.proxy.say(said)
            error = self.failureResultOf(connecting, HandshakeFailed).value
            self.assertRegex(str(error), f"browser.example:9222 through the proxy p:1: .*{words}")
            self.assertNotIn("\x1b", str(error))
            self.assertTrue(self.proxy.line.aborted)
            self.proxy.line.protocol.connectionLost(Failure(connectionDone.value))

    def test_a_proxy_that_says_nothing(self):
        connecting = self.connect()
        self.proxy.line.protocol.connectionLost(Failure(connectionDone.value))
        self.failureResultOf(connecting, HandshakeFailed)

    def test_cancelling(self):
        connecting = self.connect()
        connecting.cancel()
        self.failureResultOf(connecting)
        self.assertTrue(self.proxy.line.aborted)

    def test_a_line_that_nobody_wants_any_more(self):
        factory = Factory()
        factory.buildProtocol = lambda _: None  # type: ignore[method-assign, assignment]
        connecting = self.connect(factory=factory)
        self.proxy.say(b"HTTP/1.1 200 OK\r\n\r\n")
        self.failureResultOf(connecting, HandshakeFailed)
        self.assertTrue(self.proxy.line.aborted)


class WayTests(SynchronousTestCase):
    def test_an_endpoint_of_the_users_goes_before_host_and_proxy(self):
        reactor = MemoryReactorClock()
        mine = UNIXClientEndpoint(reactor, "/run/x")
        way = endpoint_to(reactor, "h", 1, timeout=None, tls=None, proxy=("p", 2), through=mine)
        self.assertIs(way, mine)
