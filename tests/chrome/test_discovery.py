"""Discovery against fake servers, and addresses in all their forms."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any

from treq.client import HTTPClient
from treq.testing import RequestTraversalAgent
from twisted.internet import error
from twisted.internet.defer import CancelledError, Deferred, fail
from twisted.internet.task import Clock
from twisted.python.failure import Failure
from twisted.trial.unittest import SynchronousTestCase
from twisted.web.client import Agent as TwistedAgent
from twisted.web.client import ResponseFailed
from twisted.web.http_headers import Headers
from twisted.web.resource import Resource

from txcdp.chrome import _fetching as fetching
from txcdp.chrome import discovery
from txcdp.chrome._addresses import Address
from txcdp.errors import ConnectError, ConnectTimeout, HandshakeFailed, InvalidURL, TxcdpError

BROWSER = "ws://127.0.0.1:9222/devtools/browser/abc"
VERSION = {"Browser": "Chrome/1", "Protocol-Version": "1.3", "V8-Version": 7, "webSocketDebuggerUrl": BROWSER}
TARGET = {"id": "T1", "type": "page", "url": "about:blank", "webSocketDebuggerUrl": "ws://localhost:1/devtools/page/T1"}


class Server(Resource):
    """Answers everything with what it was told to, and keeps what was asked."""

    isLeaf = True

    def __init__(self) -> None:
        super().__init__()
        self.answers: dict[str, tuple[int, bytes]] = {}
        self.asked: list[str] = []

    def render(self, request: Any) -> bytes:
        self.asked.append(f"{request.method.decode()} {request.uri.decode()}")
        code, body = self.answers.get(request.path.decode(), (404, b"Unknown command"))
        request.setResponseCode(code)
        return body

    def answer(self, path: str, value: object, code: int = 200) -> None:
        self.answers[path] = (code, value if isinstance(value, bytes) else json.dumps(value).encode())


class DiscoveryTests(SynchronousTestCase):
    def setUp(self):
        self.server = Server()
        self.clock = Clock()
        self.use(RequestTraversalAgent(self.server))

    def use(self, agent: Any) -> None:
        self.patch(TwistedAgent, "usingEndpointFactory", lambda *args: agent)

    def ask(self, function: Callable[..., Deferred[Any]], *args: Any, **kwargs: Any) -> Any:
        return self.successResultOf(function(self.clock, "127.0.0.1:9222", *args, **kwargs))

    def refusal(self, kind: type[Exception], function: Callable[..., Deferred[Any]], *args: Any) -> str:
        return str(self.failureResultOf(function(self.clock, "127.0.0.1:9222", *args), kind).value)

    def tearDown(self):
        self.assertEqual(self.clock.getDelayedCalls(), [])

    def test_version(self):
        self.server.answer("/json/version", VERSION)
        info = self.ask(discovery.version)
        self.assertEqual((info.browser, info.protocol_version), ("Chrome/1", "1.3"))
        self.assertIsNone(info.user_agent)  # missing
        self.assertIsNone(info.v8_version)  # of another type
        self.assertEqual(info.web_socket_debugger_url, BROWSER)

    def test_list(self):
        self.server.answer("/json/list", [TARGET, {}])
        first, second = self.ask(discovery.list_targets)
        self.assertEqual((first.id, first.type, first.parent_id, second.id), ("T1", "page", None, None))

    def test_new_is_a_put_and_quotes(self):
        self.server.answer("/json/new", TARGET)
        self.assertEqual(self.ask(discovery.new_target, "https://a.example/?x=1&y=ä#z").id, "T1")
        self.assertEqual(self.server.asked, ["PUT /json/new?https%3A%2F%2Fa.example%2F%3Fx%3D1%26y%3D%C3%A4%23z"])

    def test_activate_and_close(self):
        self.server.answer("/json/activate/T1", b"Target activated")
        self.server.answer("/json/close/T1", b"Target is closing")
        self.assertIsNone(self.ask(discovery.activate, "T1"))
        self.assertIsNone(self.ask(discovery.close, "T1"))
        self.assertEqual(self.server.asked, ["PUT /json/activate/T1", "PUT /json/close/T1"])  # a GET changes nothing

    def test_unknown_target(self):
        self.server.answer("/json/close/nope", b"No such target id: nope", 404)
        self.assertIn("No such target id: nope", self.refusal(TxcdpError, discovery.close, "nope"))

    def test_a_request_that_is_cancelled_is_cancelled(self):
        class Silent:
            def __init__(self, reason: Exception) -> None:
                self.reason = reason

            def request(self, *args: Any, **kwargs: Any) -> Deferred[Any]:
                return Deferred(lambda waiting: waiting.errback(self.reason))

        for reason in (
            CancelledError(),
            error.ConnectingCancelledError("127.0.0.1:9222"),
            ResponseFailed([Failure(CancelledError())]),
        ):
            self.use(Silent(reason))
            asked = discovery.version(self.clock, "127.0.0.1:9222")
            self.assertNoResult(asked)
            asked.cancel()
            self.failureResultOf(asked, CancelledError)

    def test_protocol(self):
        self.server.answer("/json/protocol", {"version": {}, "domains": []})
        self.assertEqual(self.ask(discovery.protocol), {"version": {}, "domains": []})

    def test_something_else_listens(self):
        for body, code in ((b"<html>", 200), (b"\xff\xfe", 200), (b"", 200), (b"7", 200), (b"nope", 404), (b"", 302)):
            self.server.answer("/json/version", body, code)
            self.assertIn("something other than a browser", self.refusal(HandshakeFailed, discovery.version))
        self.server.answer("/json/list", {})
        self.refusal(HandshakeFailed, discovery.list_targets)
        self.server.answer("/json/list", [1])
        self.refusal(HandshakeFailed, discovery.list_targets)
        self.server.answer("/json/protocol", [])
        self.refusal(HandshakeFailed, discovery.protocol)
        self.server.answer("/json/version", b"[" * 100_000)
        self.refusal(HandshakeFailed, discovery.version)

    def test_what_stands_before_browsers_says_why_there_is_none(self):
        for code, meant in (
            (401, "requires authentication"),
            (403, "forbids access"),
            (429, "too many requests"),
            (503, "no browser available"),
        ):
            for body, said in ((b"A token is required.", "A token is required."), (b"", "it says no more")):
                self.server.answer("/json/version", body, code)
                text = self.refusal(HandshakeFailed, discovery.version)
                self.assertEqual([part in text for part in (str(code), meant, said)], [True] * 3, text)

    def test_the_host_is_refused(self):
        text = b"Host header is specified and is not an IP address or localhost."
        self.server.answer("/json/version", text, 500)
        self.assertIn("use its IP address, or localhost", self.refusal(HandshakeFailed, discovery.version))

    def test_too_long_an_answer(self):
        self.patch(fetching, "MAX_ANSWER", 10)
        self.server.answer("/json/version", VERSION)
        self.assertIn("larger than 10 bytes", self.refusal(HandshakeFailed, discovery.version))

    def test_no_connection(self):
        class Agent:
            def __init__(self, reason: Exception) -> None:
                self.reason = reason

            def request(self, *args: Any, **kwargs: Any) -> Deferred[Any]:
                return fail(self.reason)

        for reason, kind, words in (
            (error.ConnectionRefusedError(), ConnectError, "--remote-debugging-port=9222"),
            (error.NoRouteError(), ConnectError, "127.0.0.1:9222"),
            (error.DNSLookupError("x"), ConnectError, "unknown host"),
            (error.TimeoutError(), ConnectTimeout, "did not answer"),
            (ResponseFailed([Failure(error.ConnectionDone())]), HandshakeFailed, "ConnectionDone"),
            (ValueError("odd"), HandshakeFailed, "ValueError: odd"),
        ):
            self.use(Agent(reason))
            self.assertIn(words, self.refusal(kind, discovery.version))

    def test_silence(self):
        class Agent:
            def request(self, *args: Any, **kwargs: Any) -> Deferred[Any]:
                return Deferred()

        self.use(Agent())
        result = discovery.version(self.clock, "9222", timeout=2.0)
        self.clock.advance(2.0)
        self.assertIn("within 2 s", str(self.failureResultOf(result, ConnectTimeout).value))

    def test_silence_in_the_middle_of_the_body(self):
        aborted: list[bool] = []

        class Transport:
            def abortConnection(self) -> None:
                aborted.append(True)

        class Response:
            code = 200
            headers = Headers()
            request = None

            def deliverBody(self, protocol: Any) -> None:
                protocol.makeConnection(Transport())
                protocol.dataReceived(b"{")
                self.protocol = protocol

        class Agent:
            def request(self, *args: Any, **kwargs: Any) -> Deferred[Any]:
                deferred: Deferred[Any] = Deferred()
                deferred.callback(Response())
                return deferred

        self.patch(HTTPClient, "request", lambda *args, **kwargs: Agent().request())
        result = discovery.version(self.clock, "9222", timeout=2.0)
        self.clock.advance(2.0)
        self.failureResultOf(result, ConnectTimeout)
        self.assertEqual(aborted, [True])

    def test_resolve(self):
        self.server.answer("/json/version", VERSION)
        for given, expected in (
            ("ws://x:1/devtools/browser/abc", "ws://x:1/devtools/browser/abc"),
            (" wss://x/y ", "wss://x/y"),
            ("9222", "ws://127.0.0.1:9222/devtools/browser/abc"),
            ("localhost:9000", "ws://localhost:9000/devtools/browser/abc"),
            ("[::1]:9000", "ws://[::1]:9000/devtools/browser/abc"),
            ("http://10.0.0.1:9222/", "ws://10.0.0.1:9222/devtools/browser/abc"),
            ("http://10.0.0.1:9222/json/version", "ws://10.0.0.1:9222/devtools/browser/abc"),
            ("https://proxy.example", "wss://proxy.example/devtools/browser/abc"),
            ("https://proxy.example/?token=s", "wss://proxy.example/devtools/browser/abc?token=s"),
        ):
            self.assertEqual(self.successResultOf(discovery.resolve(self.clock, given)), expected)
        self.assertIn("GET /json/version?token=s", self.server.asked)

    def test_resolve_behind_a_path(self):
        self.server.answer("/chrome/json/version", VERSION)
        self.assertEqual(
            self.successResultOf(discovery.resolve(self.clock, "http://proxy.example/chrome/")),
            "ws://proxy.example/chrome/devtools/browser/abc",
        )

    def test_resolve_node(self):
        self.server.answer("/json/version", {"Browser": "node.js/v20", "Protocol-Version": "1.1"})
        self.server.answer("/json/list", [{"id": "1"}, {"webSocketDebuggerUrl": "ws://127.0.0.1:9229/uuid"}])
        self.assertEqual(self.ask(discovery.resolve), "ws://127.0.0.1:9222/uuid")

    def test_resolve_finds_nothing(self):
        self.server.answer("/json/version", {"Browser": "odd"})
        self.server.answer("/json/list", [])
        self.assertIn("webSocketDebuggerUrl", self.refusal(HandshakeFailed, discovery.resolve))
        self.server.answer("/json/version", {"webSocketDebuggerUrl": "http://evil.example/?token=x"})
        self.assertNotIn("token", self.refusal(InvalidURL, discovery.resolve))

    def test_a_websocket_is_no_http_server(self):
        result = discovery.version(self.clock, "ws://x:1/y")
        self.assertIn("http://x:1", str(self.failureResultOf(result, InvalidURL).value))


class AddressTests(SynchronousTestCase):
    def test_wrong_ones_say_what_is_right(self):
        for url in (
            "",
            "chrome",
            "ftp://x",
            "http://",
            "http://x:99999",
            "http://x:0",
            "http://x:y",
            "x y:1",
            "bücher:1",
            "http://[x",
        ):
            problem = self.assertRaises(InvalidURL, Address.parse, url)
            self.assertIn("host:port", str(problem))

    def test_secrets_are_not_shown(self):
        for url in ("http://me:secret@host:1", "ftp://me:secret@host:1/?token=secret"):
            self.assertNotIn("secret", str(self.assertRaises(InvalidURL, Address.parse, url)))

    def test_ports(self):
        self.assertEqual(Address.parse("http://x").port, 80)
        self.assertEqual(Address.parse("https://x").port, 443)
        self.assertEqual(Address.parse("9222").netloc, "127.0.0.1:9222")
