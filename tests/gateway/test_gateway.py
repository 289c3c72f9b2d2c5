"""The gateway in memory: HTTP, WebSockets, limits, and the exclusive mode's meaning of Chromium's endpoints."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from twisted.internet.defer import Deferred, fail, succeed
from twisted.logger import globalLogPublisher

from tests.gateway.support import Caller, GatewayCase, masked
from tests.support import Opening, client_frames, server_frame
from txcdp.chrome import discovery
from txcdp.chrome._descriptions import TargetDescription
from txcdp.errors import ConnectError, TxcdpError
from txcdp.gateway import AccessOptions, BrowserLimits, ClientLimits, Gateway, GatewayOptions, Policy, PoolOptions
from txcdp.gateway._http.refusals import Refusal
from txcdp.gateway._http.requests import Answer, RoutedRequest
from txcdp.gateway._proxy import forwarding

TOKEN = "0123456789abcdef-one"
OTHER = "0123456789abcdef-two"
#: Never in a log, nor in an answer that was not asked for.
BEARER = f"Authorization: Bearer {TOKEN}"


class Pages:
    """Stands for the browsers' HTTP endpoints: which pages there are at which address."""

    def __init__(self) -> None:
        self.there: dict[str, list[str]] = {}
        self.done: list[tuple[str, str, str]] = []
        self.error: Exception | None = None

    def patch(self, case: GatewayCase) -> None:
        for name in ("list_targets", "new_target", "activate", "close", "protocol"):
            case.patch(discovery, name, getattr(self, name))

    def list_targets(self, reactor: Any, netloc: str) -> Deferred[list[TargetDescription]]:
        if self.error is not None:
            return fail(self.error)
        return succeed([self.describe(netloc, each) for each in self.there.setdefault(netloc, [f"FIRST-{netloc}"])])

    def new_target(self, reactor: Any, netloc: str, page: str = "about:blank") -> Deferred[TargetDescription]:
        if self.error is not None:
            return fail(self.error)
        self.there.setdefault(netloc, []).append(f"NEW-{netloc}")
        self.done.append(("new", netloc, page))
        return succeed(self.describe(netloc, f"NEW-{netloc}"))

    def activate(self, reactor: Any, netloc: str, target: str) -> Deferred[None]:
        self.done.append(("activate", netloc, target))
        return succeed(None)

    def close(self, reactor: Any, netloc: str, target: str) -> Deferred[None]:
        if self.error is not None:
            return fail(self.error)
        self.done.append(("close", netloc, target))
        return succeed(None)

    def protocol(self, reactor: Any, netloc: str) -> Deferred[dict[str, Any]]:
        return fail(self.error) if self.error is not None else succeed({"domains": [netloc]})

    def describe(self, netloc: str, name: str) -> TargetDescription:
        path = f"{netloc}/devtools/page/{name}"
        frontend = f"https://frontend.example/inspector.html?ws={path}"
        return TargetDescription(
            id=name, type="page", web_socket_debugger_url=f"ws://{path}", devtools_frontend_url=frontend
        )


class HttpTests(GatewayCase):
    def setUp(self):
        super().setUp()
        self.pages = Pages()
        self.pages.patch(self)
        self.logged: list[str] = []

        def observe(event: Any) -> None:
            from twisted.logger import formatEvent

            self.logged.append(formatEvent(event))

        observer: Any = observe
        globalLogPublisher.addObserver(observer)
        self.addCleanup(globalLogPublisher.removeObserver, observer)

    def guarded(self, **options: Any) -> None:
        path = Path(self.mktemp())
        path.write_text(f'[one]\ntoken = "{TOKEN}"\nclients = 2\n[two]\ntoken = "{OTHER}"\n')
        self.make(access=AccessOptions(tokens=str(path)), **options)

    def json(self, target: str, *headers: str, verb: str = "GET") -> Any:
        caller = self.get(target, *headers, verb=verb)
        self.assertEqual(caller.status, 200, caller.written)
        self.assertIn("Content-Type: application/json; charset=UTF-8", caller.head)
        return json.loads(caller.body)

    def test_version_reserves_nothing(self):
        gateway = self.make()
        first, second = self.json("/json/version"), self.json("/json/version/")
        self.assertEqual(first["Browser"], "Fake/1.0")
        self.assertNotEqual(first["webSocketDebuggerUrl"], second["webSocketDebuggerUrl"])
        self.assertRegex(
            first["webSocketDebuggerUrl"],
            r"^ws://127\.0\.0\.1:9222/devtools/browser/[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$",
        )
        self.assertEqual((gateway.pool.leased, self.lines, len(self.starter.browsers)), (set(), [], 2))

    def test_version_without_a_warm_browser(self):
        self.make(pool=PoolOptions(warm=0))
        self.assertEqual(self.json("/json/version")["Browser"], "Fake/1.0")
        self.assertEqual(self.json("/json/version")["Browser"], "Fake/1.0")
        self.assertEqual(len(self.starter.browsers), 1)

    def test_urls_are_the_clients_own(self):
        self.guarded()
        url = self.json(f"/json/version?token={TOKEN}")["webSocketDebuggerUrl"]
        self.assertTrue(url.endswith(f"?token={TOKEN}"), url)
        url = self.json("/json/version", BEARER)["webSocketDebuggerUrl"]
        self.assertNotIn("?", url)
        caller = self.caller()
        caller.ask("GET", "/json/version", BEARER, host="localhost:1")
        self.assertIn(b"ws://localhost:1/devtools/", caller.body)

    def test_a_public_url(self):
        self.make(access=AccessOptions(public_url="https://cdp.example/some/"))
        caller = self.caller()
        caller.ask("GET", "/json/version", "Origin: https://cdp.example", host="cdp.example")
        self.assertIn(b'"wss://cdp.example/some/devtools/browser/', caller.body)

    def test_a_public_url_with_an_address(self):
        self.make(access=AccessOptions(public_url="http://[2001:db8::1]:80"))
        caller = self.caller()
        caller.ask("GET", "/json/version", host="[2001:db8::1]")
        self.assertIn(b'"ws://[2001:db8::1]:80/devtools/browser/', caller.body)

    def test_every_path_is_authorized(self):
        self.guarded()
        for target, *headers in (
            ["/json/version"],
            ["/json/version", "Authorization: Bearer nonsense"],
            ["/json/version", "Authorization: Basic " + TOKEN],
            [f"/json/version?token={TOKEN}", "Authorization: Bearer nonsense"],
            ["/nowhere"],
            ["/metrics"],
        ):
            caller = self.get(target, *headers)
            self.assertEqual(caller.status, 401, target)
            self.assertIn("WWW-Authenticate: Bearer", caller.head)
        for target in ("/healthz", "/readyz"):
            self.assertEqual(self.get(target).body, b"ok")
        caller = self.caller()
        caller.upgrade("/devtools/browser")
        self.assertEqual(caller.status, 401)
        caller = self.caller()
        caller.upgrade("/devtools/browser", BEARER, "Origin: http://evil.example")
        self.assertEqual(caller.status, 403)
        self.assertEqual(self.gateway.counters.refused, {"token": 7, "origin": 1})

    def test_no_secret_is_logged(self):
        self.guarded()
        self.client(f"/devtools/browser?token={TOKEN}").leave()
        self.get(f"/json/version?token={TOKEN}")
        self.get(f"/nope?token={TOKEN}")
        self.get(f"/json/new?https://a.example/?q=hidden&token={TOKEN}")
        self.get("/json?token=hidden")
        self.get("/json/%0Aforged", BEARER)
        self.get("/json/\x1b[31mred", BEARER)
        for target in (
            f"/json/version;token={TOKEN}",
            f"/json/close/A;token={TOKEN}",
            f"/{TOKEN}",
            f"/json/version%3Ftoken={TOKEN}",
            f"/json/version&token={TOKEN}",
            f"//user:{TOKEN}@a.example/json",
            f"http://a.example/json/version?token={TOKEN}",
        ):
            for verb in ("GET", "PUT", TOKEN, f"get-{TOKEN}"):
                self.get(target, verb=verb)
                self.get(target, BEARER, verb=verb)
        for name in ("Host", "Origin", "Content-Length", "Transfer-Encoding", "Authorization", TOKEN):
            header = f"{name}: {TOKEN}"
            self.get("/json/version", header)
            self.get("/json/version", header, BEARER)
        for header in (
            f"Sec-WebSocket-Protocol: {TOKEN}, {TOKEN}",
            f"Sec-WebSocket-Extensions: {TOKEN}; =; x={TOKEN}",
            f"Sec-WebSocket-Extensions: permessage-deflate; {TOKEN}; {TOKEN}",
            f"Sec-WebSocket-Version: {TOKEN}",
            f"Sec-WebSocket-Key: {TOKEN}",
        ):
            for target in (
                "/devtools/browser",
                f"/devtools/browser#{TOKEN}",
                f"/devtools/browser?token={TOKEN}#{TOKEN}",
            ):
                caller = self.caller()
                caller.upgrade(target, BEARER, header)
                self.assertNotIn(TOKEN, caller.head)
                caller.leave()
        self.gateway.tokens.reload()  # type: ignore[union-attr]
        text = "\n".join(self.logged)
        self.assertIn("Refused - 192.168.1.1 GET nowhere: 404 path", text)
        self.assertIn("Refused - 192.168.1.1 GET /json/close/: 405 verb", text)
        self.assertIn("Refused - 192.168.1.1 ? /json/close/: 405 verb", text)
        self.assertIn("(one) from", text)
        for secret in (TOKEN, "hidden", "\x1b", "a.example"):
            self.assertNotIn(secret, text)

    def test_the_case_of_a_verb_does_not_matter(self):
        gateway = self.make()
        for verb in ("get", "GeT", "head"):
            caller = self.get("/json/version", verb=verb)
            self.assertEqual((caller.status, bool(caller.body)), (200, verb != "head"))
        self.assertEqual(self.get("/json/new?about:blank", verb="put").status, 200)
        self.assertEqual(self.get("/json/new?about:blank", "Content-Length: 0", verb="Post").status, 200)
        self.assertEqual(self.get("/json/new?about:blank", "Content-Length: 70000", verb="put").status, 413)
        self.assertEqual(self.get("/json/new?about:blank", verb="get").status, 405)
        self.assertEqual(self.get("/json/version", verb="gat").status, 405)
        caller = self.caller()
        caller.upgrade("/devtools/browser", verb="get")
        self.assertEqual(caller.status, 101)
        caller.leave()
        self.assertEqual(gateway.counters.refused["verb"], 2)

    def test_what_changes_state_wants_its_verb(self):
        self.make()
        for path in ("/json/new?about:blank", "/json/activate/A", "/json/close/A"):
            caller = self.get(path)
            self.assertEqual(caller.status, 405)
            self.assertIn("Allow: PUT, POST", caller.head)
        self.assertEqual(self.pages.done, [])

    def test_head_and_odd_requests(self):
        self.make()
        caller = self.get("/json/version", verb="HEAD")
        self.assertEqual((caller.status, caller.body), (200, b""))
        for header in ("Cache-Control: no-store", "X-Content-Type-Options: nosniff"):
            self.assertIn(header, caller.head)
        self.assertEqual(self.get("/devtools/browser").status, 426)
        self.assertIn("Upgrade: websocket", self.get("/devtools/browser").head)

    def test_no_websocket_without_a_proper_handshake(self):
        self.make()
        lines = ["Upgrade: websocket", "Connection: keep-alive, Upgrade", "Sec-WebSocket-Version: 13"]
        for more, status in (
            (["Sec-WebSocket-Key: x"], 400),
            ([], 400),
            (["Sec-WebSocket-Key: MDEyMzQ1Njc4OWFiY2RlZg=="], 101),
        ):
            self.assertEqual(self.get("/devtools/browser", *lines, *more).status, status, more)
        self.assertEqual(self.get("/devtools/browser", *lines[:2], "Sec-WebSocket-Version: 8").status, 426)

    def test_a_websocket_where_there_is_none(self):
        self.make()
        self.gateway.add("/", ("GET",), lambda request: Answer(b"a page"), free=True)
        for path in ("/", "/json/version", "/json/", "/nowhere", "/devtools"):
            caller = self.caller()
            caller.upgrade(path)
            self.assertEqual((caller.status, b"/devtools/browser" in caller.body), (404, True), path)
        self.assertEqual(self.get("/").body, b"a page")
        self.assertIn(b"connect with ws://", self.get("/devtools/browser").body)

    def path(self, target: dict[str, str]) -> str:
        """Return the path of a target's WebSocket."""
        return target["webSocketDebuggerUrl"].removeprefix("ws://127.0.0.1:9222")

    def test_list_offers_a_page(self):
        gateway = self.make()
        (offered,) = self.json("/json/list")
        self.assertEqual((offered["type"], offered["id"]), ("page", "FIRST-127.0.0.1:1000"))
        self.assertEqual((gateway.pool.leased, len(gateway.pool.reserved)), (set(), 1))
        self.reactor.advance(gateway._options.hold - 1)
        path = self.path(offered)
        caller = self.client(path)
        self.assertEqual(gateway.pool.reserved, set())
        self.reactor.advance(2)
        self.assertEqual(self.lines[0].url, "ws://127.0.0.1:1000/devtools/page/FIRST-127.0.0.1:1000")
        second = self.client(path)
        self.assertEqual(len(gateway.pool.leased), 1)
        self.assertEqual(self.get(path.replace("/devtools/page", "/json/activate"), verb="PUT").status, 200)
        self.assertEqual(self.pages.done, [("activate", "127.0.0.1:1000", "FIRST-127.0.0.1:1000")])
        again = self.json("/json")
        self.assertEqual([each["id"] for each in again], ["FIRST-127.0.0.1:1001", offered["id"]])
        self.client()
        self.assertEqual(len(self.json("/json")), 2)  # those of other WebSockets are told to nobody
        caller.leave()
        second.leave()
        self.assertEqual(self.caller_status(path), 404)

    def test_two_who_were_offered_the_same_page(self):
        gateway = self.make(pool=PoolOptions(size=3, warm=1))
        (offered,), (again,) = self.json("/json/list"), self.json("/json/list")
        self.assertEqual(offered, again)
        first, second = self.client(self.path(offered)), self.client(self.path(offered))
        self.assertEqual(len(gateway.pool.leased), 2)
        self.client(self.path(offered))
        self.assertEqual(len(gateway.pool.leased), 2, "a third one comes to a page that there is")
        self.assertEqual([each["id"] for each in self.json("/json")][1:], [offered["id"]] * 2)
        for each in (first, second):
            each.leave()

    def test_who_was_offered_a_page_comes_when_another_one_has_left(self):
        self.make(pool=PoolOptions(size=3, warm=1))
        (offered,) = self.json("/json/list")
        self.json("/json/list")
        self.client(self.path(offered)).leave()
        self.client(self.path(offered)).leave()
        self.assertEqual(self.caller_status(self.path(offered)), 404)

    def test_a_page_is_offered_where_no_browser_is_idle(self):
        gateway = self.make(pool=PoolOptions(size=1, warm=0))
        (offered,) = self.json("/json/list")
        self.assertEqual(self.json("/json/list"), [offered])
        self.assertRegex(self.path(offered), "^/devtools/page/[0-9A-F]{32}$")
        self.assertEqual((offered["title"], offered["url"]), ("about:blank", "about:blank"))
        self.reactor.advance(3600)
        caller = self.client(self.path(offered))
        self.assertEqual(self.lines[0].url, "ws://127.0.0.1:1000/devtools/page/FIRST-127.0.0.1:1000")
        self.assertIn(offered["id"], [each["id"] for each in self.json("/json")][1:])
        caller.leave()
        self.assertEqual(len(gateway.pool.leased), 0)

    def test_a_page_of_a_browser_that_is_on_its_way(self):
        self.starter.at_once = False
        self.make(pool=PoolOptions(size=2, warm=1))
        asking, gone, failed = self.get("/json/list"), self.get("/json/list"), self.get("/json/list")
        self.assertEqual([each.status for each in (asking, gone)], [0, 0])
        gone.leave()
        self.starter.come_up()
        said = [json.loads(each.body)[0]["id"] for each in (asking, failed, self.get("/json/list"))]
        self.assertEqual(said, ["FIRST-127.0.0.1:1000"] * 3)

    def test_a_page_of_a_browser_that_does_not_come_up(self):
        self.starter.at_once = False
        self.make(pool=PoolOptions(size=2, warm=1))
        asking = self.get("/json/list")
        self.starter.fail()
        self.assertRegex(json.loads(asking.body)[0]["id"], "^[0-9A-F]{32}$")
        gateway = self.gateway
        self.assertTrue(gateway.pool.counts.failed)

    def test_a_page_that_is_offered_is_not_kept_from_those_who_wait(self):
        gateway = self.make(pool=PoolOptions(size=2, warm=1))
        (offered,) = self.json("/json/list")
        kept = next(iter(gateway.pool.reserved))
        self.client()
        self.assertNotIn(kept, gateway.pool.leased)
        self.assertEqual(self.json("/json"), [offered])
        self.client()
        self.assertIn(kept, gateway.pool.leased, "there is no other one")
        self.assertEqual(gateway.pool.reserved, set())
        self.assertNotEqual(self.json("/json"), [offered])

    def test_a_page_is_offered_for_a_while(self):
        gateway = self.make(hold=5)
        (offered,) = self.json("/json/list")
        self.reactor.advance(4)
        self.json("/json/list")
        self.reactor.advance(4)
        self.assertEqual(len(gateway.pool.reserved), 1)
        self.reactor.advance(2)
        self.assertEqual(gateway.pool.reserved, set())
        self.client(self.path(offered))

    def test_who_comes_again_at_once(self):
        gateway = self.make(linger=2.0, pool=PoolOptions(size=1, warm=1))
        path = self.path(self.json("/json/version"))
        for _ in range(3):
            self.client(path).leave()
            self.reactor.advance(1)
        self.assertEqual({each.url for each in self.lines}, {"ws://127.0.0.1:1000/devtools/browser/real-1000"})
        self.assertEqual(len(gateway.pool.leased), 1)
        self.reactor.advance(1.1)
        self.assertEqual((len(gateway.pool.leased), self.caller_status(path)), (0, 404))

    def test_nobody_waits_for_one_who_might_come_again(self):
        gateway = self.make(linger=2.0, pool=PoolOptions(size=1, warm=1))
        self.client().leave()
        self.assertEqual(len(gateway.pool.leased), 1)
        second = self.client()
        waiting = self.caller()
        waiting.upgrade("/devtools/browser")
        self.assertEqual(waiting.status, 0)
        second.leave()
        self.assertEqual(waiting.status, 101)
        self.assertEqual(len(self.starter.browsers), 3)
        gateway.stop()
        waiting.leave()
        self.assertEqual(len(gateway.pool.leased), 0)

    def test_a_browser_that_has_ended_is_not_kept(self):
        gateway = self.make(linger=2.0, pool=PoolOptions(size=2, warm=1))
        client = self.client()
        self.starter.browsers[0].gone.callback(None)
        client.leave()
        mode: Any = gateway.mode
        self.assertEqual(mode.leases, [])
        self.client().leave()
        self.assertEqual(len(mode.leases), 1)
        self.starter.browsers[1].gone.callback(None)
        self.assertEqual(mode.leases, [])

    def caller_status(self, path: str, *headers: str) -> int:
        caller = self.caller()
        caller.upgrade(path, *headers)
        return caller.status

    def test_an_offered_page_where_there_is_none_yet(self):
        self.make()
        self.pages.there["127.0.0.1:1000"] = []
        path = self.json("/json")[0]["webSocketDebuggerUrl"].removeprefix("ws://127.0.0.1:9222")
        self.client(path)
        self.assertEqual(self.lines[0].url, "ws://127.0.0.1:1000/devtools/page/NEW-127.0.0.1:1000")

    def test_an_offered_page_that_cannot_be_had(self):
        gateway = self.make()
        path = self.json("/json")[0]["webSocketDebuggerUrl"].removeprefix("ws://127.0.0.1:9222")
        self.pages.there["127.0.0.1:1000"] = []
        self.patch(discovery, "new_target", lambda *_: fail(RuntimeError("a mistake")))
        self.assertEqual(self.caller_status(path), 500)
        self.assertEqual((len(gateway.pool.leased), gateway.clients.taken), (0, 0))
        self.assertEqual(len(self.flushLoggedErrors(RuntimeError)), 1)

    def test_new(self):
        gateway = self.make(hold=10)
        found = self.json("/json/new?https://a.example/%3Fb&c", verb="PUT")
        self.assertEqual(self.pages.done, [("new", "127.0.0.1:1000", "https://a.example/?b&c")])
        url = "ws://127.0.0.1:9222/devtools/page/NEW-127.0.0.1:1000"
        self.assertEqual(found["webSocketDebuggerUrl"], url)
        frontend = "https://frontend.example/inspector.html?ws=127.0.0.1:9222/devtools/page/NEW-127.0.0.1:1000"
        self.assertEqual(found["devtoolsFrontendUrl"], frontend)
        listed = self.json("/json")
        self.assertEqual([each["id"] for each in listed[1:]], ["NEW-127.0.0.1:1000"])
        self.reactor.advance(9)
        client = self.client("/devtools/page/NEW-127.0.0.1:1000")
        self.reactor.advance(9)
        self.assertEqual(len(gateway.pool.leased), 1)
        self.assertEqual(self.get("/json/close/NEW-127.0.0.1:1000", verb="POST").body, b"Target is closing")
        client.leave()
        self.assertEqual(len(gateway.pool.leased), 0)
        self.assertEqual(self.get("/json/close/NEW-127.0.0.1:1000", verb="PUT").status, 404)

    def test_new_for_which_nobody_comes(self):
        gateway = self.make(hold=10)
        self.json("/json/new", verb="POST")
        self.assertEqual(self.pages.done, [("new", "127.0.0.1:1000", "about:blank")])
        self.reactor.advance(10)
        self.assertEqual(len(gateway.pool.leased), 0)

    def test_new_that_fails(self):
        gateway = self.make()
        self.pages.error = ConnectError("nothing there")
        caller = self.get("/json/new", verb="PUT")
        self.assertEqual((caller.status, len(gateway.pool.leased)), (502, 0))
        self.assertEqual(self.get("/json/protocol").status, 502)

    def test_each_new_page_is_in_a_browser_of_its_own(self):
        gateway = self.make()
        self.json("/json/new", verb="PUT")
        self.json("/json/new", verb="PUT")
        self.assertEqual(len(gateway.pool.leased), 2)
        self.pages.error = TxcdpError("gone")
        self.assertEqual(len(self.json("/json")), 1)

    def test_new_of_a_forbidden_url(self):
        self.make(policy=Policy(schemes=("file",)))
        self.assertEqual(self.get("/json/new?file:///etc/passwd", verb="PUT").status, 403)
        self.assertEqual(self.pages.done, [])

    def test_protocol(self):
        self.make(pool=PoolOptions(warm=0))
        self.assertEqual(self.json("/json/protocol"), {"domains": ["127.0.0.1:1000"]})
        self.pages.error = TxcdpError("asked once")
        self.assertEqual(self.json("/json/protocol"), {"domains": ["127.0.0.1:1000"]})
        self.assertEqual(self.starter.browsers[0].closed, 0)  # it was only asked

    def test_pages_of_other_tokens_are_not_there(self):
        self.guarded()
        name = self.json("/json/new", BEARER, verb="PUT")["id"]
        other = f"Authorization: Bearer {OTHER}"
        self.assertEqual(len(self.json("/json", BEARER)), 2)
        self.assertEqual(len(self.json("/json", other)), 1)
        for path in ("/json/close/", "/json/activate/"):
            self.assertEqual(self.get(path + name, other, verb="PUT").status, 404)
        self.assertEqual(self.caller_status(f"/devtools/page/{name}", other), 404)
        url = self.json("/json/version", BEARER)["webSocketDebuggerUrl"].removeprefix("ws://127.0.0.1:9222")
        self.assertEqual(self.caller_status(url, other), 404)
        self.assertEqual(self.caller_status(url, BEARER), 101)
        self.assertEqual(self.caller_status(url, other), 404)
        offered = self.json("/json", BEARER)[0]["webSocketDebuggerUrl"].removeprefix("ws://127.0.0.1:9222")
        self.assertEqual(self.caller_status(offered, other), 404)

    def test_quotas(self):
        self.guarded(pool=PoolOptions(size=5))
        self.client("/devtools/browser", BEARER)
        second = self.client("/devtools/browser", BEARER)
        caller = self.caller()
        caller.upgrade("/devtools/browser", BEARER)
        self.assertEqual(caller.status, 429)
        self.assertIn("Retry-After: 5", caller.head)
        self.client("/devtools/browser", f"Authorization: Bearer {OTHER}")
        second.leave()
        self.client("/devtools/browser", BEARER)

    def test_more_endpoints(self):
        gateway = self.make()

        def echo(request: RoutedRequest) -> Answer | Deferred[Answer]:
            body = request.http.content.read()
            if body == b"wait":
                return Deferred()
            if body == b"no":
                raise Refusal(422, "That cannot be.", "render")
            if not body:
                raise ZeroDivisionError
            return Answer(body, "text/x")

        gateway.add("/echo", ("POST",), echo)
        gateway.add("/open", ("GET",), lambda request: Answer(b"to all"), free=True)
        self.assertEqual(self.get("/open").body, b"to all")
        for body, status in ((b"hello", 200), (b"no", 422), (b"", 500)):
            caller = self.caller()
            caller.feed(b"POST /echo HTTP/1.1\r\nHost: localhost\r\nContent-Length: %d\r\n\r\n%b" % (len(body), body))
            self.assertEqual(caller.status, status)
        self.assertEqual(len(self.flushLoggedErrors(ZeroDivisionError)), 1)
        caller = self.caller()
        caller.feed(b"POST /echo HTTP/1.1\r\nHost: localhost\r\nContent-Length: 4\r\n\r\nwait")
        caller.leave()
        self.assertEqual(caller.written, b"")


class SocketTests(GatewayCase):
    def test_bytes_both_ways(self):
        gateway = self.make()
        client = self.client()
        (line,) = self.lines
        self.assertEqual(line.url, "ws://127.0.0.1:1000/devtools/browser/real-1000")
        message = b'{"id":1,"method":"Browser.getVersion"}'
        client.say(message, b'{"id":2,"method":"Nope.nope"}', b"nonsense \xff")
        self.assertEqual(line.sent, [message, b'{"id":2,"method":"Nope.nope"}', b"nonsense \xff"])
        answers = [b'{"id":1,"result":{}}', b'{"id":2,"error":{"code":1}}', b'{"method":"A.b","params":{}}', b"odd"]
        answers += [b"x" * 200, b"y" * 70_000, b'{"id":99,"result":{}}', b'{"id":x']
        for each in answers:
            line.receiver.message_received(each)
        self.assertEqual([each.payload for each in client.frames()], answers)
        counters = gateway.counters
        self.assertEqual(counters.domains["Browser"].outcomes["ok"], 1)
        self.assertEqual(counters.domains["other"].outcomes, {"ok": 0, "error": 1, "denied": 0, "lost": 0})
        self.assertEqual((counters.events, counters.bytes_in), (4, sum(map(len, line.sent))))
        state = gateway.state()
        self.assertEqual((state["clients"][0]["commands"], state["clients"][0]["name"]), (3, "local"))
        self.assertEqual([each["state"] for each in state["browsers"]], ["idle", "idle", "leased"])

    def test_frames_to_a_browser_as_they_came(self):
        line = Opening()
        line.connect()
        line.answer()
        line.tcp.writes.clear()
        self.make(clients=ClientLimits(commands_per_second=1, burst=2))
        self.patch(self.gateway.mode, "_open_line", lambda *_: succeed(line.transport))
        client = self.client()
        command = b'{"id":1,"method":"Page.enable"}'
        whole, pieces, late = masked(command), masked(command), masked(command)
        client.feed(whole)
        client.feed(pieces[:9])
        client.feed(pieces[9:])
        client.feed(late)
        self.assertEqual(line.tcp.writes[0], whole)
        self.reactor.advance(1)
        self.assertEqual([each.payload for each in client_frames(b"".join(line.tcp.writes))], [command] * 3)
        line.tcp.protocol.dataReceived(server_frame(b'{"id":1,"result":{}}') * 2)
        self.assertEqual(client.body, server_frame(b'{"id":1,"result":{}}') * 2)
        client.leave()
        self.assertTrue(line.tcp.aborted)

    def test_replies_do_not_all_wait_for_the_last(self):
        line = Opening()
        line.connect()
        line.answer()
        self.make()
        self.patch(self.gateway.mode, "_open_line", lambda *_: succeed(line.transport))
        client = self.client()
        client.tcp.writes.clear()
        replies = [server_frame(b'{"id":%d,"result":{}}' % number) for number in range(70)]
        line.tcp.protocol.dataReceived(b"".join(replies))
        self.assertEqual(client.tcp.writes, [b"".join(replies[at : at + 32]) for at in (0, 32, 64)])
        events = [server_frame(b'{"method":"A.b","params":{}}')] * 70
        client.tcp.writes.clear()
        line.tcp.protocol.dataReceived(b"".join(events))
        self.assertEqual(client.tcp.writes, [b"".join(events)])

    def test_when_the_client_leaves(self):
        gateway = self.make()
        client = self.client()
        client.say({"id": 1, "method": "Page.enable"})
        client.leave()
        self.assertEqual(self.lines[0].aborted, "the client has left")
        self.assertEqual((gateway.state()["clients"], gateway.clients.taken), ([], 0))
        self.assertEqual(self.starter.browsers[0].closed, 1)
        self.assertEqual(gateway.counters.domains["Page"].outcomes["lost"], 1)
        self.assertEqual(gateway.counters.ended, {"lost": 1})

    def test_when_it_closes_in_good_order(self):
        gateway = self.make()
        client = self.client()
        client.feed(masked(b"\x03\xe8", 8))
        self.assertEqual(client.closed_with()[0], 1000)
        self.assertTrue(client.tcp.lost)
        self.assertEqual(gateway.counters.ended, {"left": 1})

    def test_when_the_browser_dies(self):
        gateway = self.make()
        client = self.client()
        self.lines[0].lose()
        self.assertEqual(client.closed_with(), (1011, "the browser is gone: its process has ended"))
        client.feed(masked(b"\x03\xf3", 8))
        self.assertEqual(gateway.counters.ended, {"browser": 1})
        self.assertEqual(gateway.clients.relays, {})

    def test_a_client_that_does_not_complete_the_closing(self):
        gateway = self.make()
        client = self.client()
        self.lines[0].lose()
        self.reactor.advance(2)
        self.assertTrue(client.tcp.aborted)
        self.assertEqual(gateway.clients.relays, {})

    def test_when_the_client_closes_the_browser(self):
        gateway = self.make()
        client = self.client()
        client.say({"id": 1, "method": "Browser.close"})
        self.starter.browsers[0].gone.callback(None)
        self.lines[0].lose()
        self.assertEqual(client.closed_with()[0], 1000)
        self.assertEqual((gateway.pool.counts.died, gateway.pool.counts.recycled), (0, 1))
        client.leave()

    def test_when_the_pool_ends_the_browser(self):
        gateway = self.make(pool=PoolOptions(browser=BrowserLimits(memory=1)))
        client = self.client()
        (pooled,) = gateway.pool.leased
        gateway.pool.discard(pooled, "its memory has passed 1 bytes")
        self.lines[0].lose()
        self.assertEqual(client.closed_with(), (1011, "the browser is gone: its memory has passed 1 bytes"))
        client.leave()

    def test_when_a_page_is_closed(self):
        self.make()
        pages = Pages()
        pages.patch(self)
        caller = self.get("/json/new", verb="PUT")
        client = self.client("/devtools/page/" + json.loads(caller.body)["id"])
        self.lines[0].lose()
        self.assertEqual(client.closed_with(), (1000, "the browser, or the page, has closed"))
        client.leave()

    def test_one_browser_by_its_name(self):
        gateway = self.make()
        url = json.loads(self.get("/json/version").body)["webSocketDebuggerUrl"].removeprefix("ws://127.0.0.1:9222")
        first = self.client(url)
        second = self.client(url)
        self.assertEqual((len(gateway.pool.leased), len(self.lines)), (1, 2))
        first.leave()
        self.assertEqual(len(gateway.pool.leased), 1)
        second.leave()
        self.assertEqual(len(gateway.pool.leased), 0)
        caller = self.caller()
        caller.upgrade(url)
        self.assertEqual((caller.status, caller.body), (404, b"No such browser; /json/version names one."))

    def test_ids_that_were_not_given_out(self):
        self.make()
        for name in ("x", "0" * 32, "00000000-0000-0000-0000-000000000000", "%C3%A9" * 32):
            for kind in ("browser", "page"):
                caller = self.caller()
                caller.upgrade(f"/devtools/{kind}/{name}")
                self.assertEqual(caller.status, 404, name)

    def test_waiting_for_a_browser(self):
        self.starter.at_once = False
        gateway = self.make(pool=PoolOptions(size=1, warm=1, queue=1, queue_deadline=5))
        url = "/devtools/browser"
        first, second, third = self.caller(), self.caller(), self.caller()
        for each in (first, second):
            each.upgrade(url)
            self.assertEqual(each.status, 0)
        third.upgrade(url)
        self.assertEqual(third.status, 503)
        self.assertIn("Retry-After", third.head)
        self.starter.come_up()
        self.assertEqual((first.status, gateway.clients.taken), (101, 2))
        second.leave()
        self.assertEqual((gateway.clients.taken, gateway.pool.waiting), (1, 0))
        late = self.caller()
        late.upgrade(url)
        self.reactor.advance(5)
        self.assertEqual(late.status, 503)

    def test_two_with_the_same_name_while_it_is_on_its_way(self):
        self.starter.at_once = False
        gateway = self.make(pool=PoolOptions(size=1, warm=0))
        mode: Any = gateway.mode
        mode._versions._version = {"Browser": "x"}
        url = json.loads(self.get("/json/version").body)["webSocketDebuggerUrl"].removeprefix("ws://127.0.0.1:9222")
        first, second = self.caller(), self.caller()
        first.upgrade(url)
        second.upgrade(url)
        self.starter.come_up()
        self.assertEqual((first.status, second.status, len(gateway.pool.leased)), (101, 101, 1))

    def test_two_with_the_same_name_that_gets_none(self):
        self.starter.at_once = False
        gateway = self.make(pool=PoolOptions(size=1, warm=0, queue_deadline=3))
        mode: Any = gateway.mode
        mode._versions._version = {"Browser": "x"}
        url = json.loads(self.get("/json/version").body)["webSocketDebuggerUrl"].removeprefix("ws://127.0.0.1:9222")
        first, second = self.caller(), self.caller()
        first.upgrade(url)
        second.upgrade(url)
        self.reactor.advance(3)
        self.assertEqual((first.status, second.status, gateway.clients.taken), (503, 503, 0))

    def test_a_line_that_cannot_be_opened(self):
        gateway = self.make()
        mode: Any = gateway.mode
        mode._open_line = lambda *_: fail(ConnectError("refused"))
        caller = self.caller()
        caller.upgrade("/devtools/browser")
        self.assertEqual((caller.status, len(gateway.pool.leased), gateway.clients.taken), (404, 0, 0))

    def test_a_browser_that_dies_while_its_line_is_opened(self):
        gateway = self.make()
        mode: Any = gateway.mode
        mode._open_line = lambda *_: Deferred()
        caller = self.caller()
        caller.upgrade("/devtools/browser")
        self.assertEqual(caller.status, 0)
        self.starter.browsers[0].gone.callback(None)
        caller.leave()
        self.assertEqual((gateway.clients.taken, mode.leases), (0, []))


class LimitTests(GatewayCase):
    def limited(self, **limits: Any) -> Caller:
        self.make(clients=ClientLimits(**limits))
        client = self.client()
        self.line = self.lines[0]
        return client

    def say(self, client: Caller, *numbers: int) -> None:
        client.say(*({"id": each, "method": "Page.enable"} for each in numbers))

    def ids(self) -> list[int]:
        return [each["id"] for each in self.line.commands()]

    def test_message_size(self):
        client = self.limited(message_size=1000)
        client.say(b"x" * 1000)
        client.say(b"x" * 1001)
        self.assertEqual(client.closed_with()[0], 1009)
        self.assertEqual(len(self.line.sent), 1)
        client.leave()

    def test_a_message_in_many_reads_and_in_fragments(self):
        client = self.limited()
        message = json.dumps({"id": 1, "method": "Page.enable", "params": {"x": "y" * 5000}}).encode()
        whole = masked(message)
        for at in range(0, len(whole), 700):
            client.feed(whole[at : at + 700])
        client.feed(masked(message[:9], 1, fin=False) + masked(message[9:], 0))
        self.assertEqual(self.line.sent, [message, message])

    def test_binary_messages(self):
        client = self.limited()
        client.feed(masked(b"{}", 2))
        self.assertEqual(client.closed_with(), (1003, "the DevTools protocol has no binary messages"))
        client.leave()

    def test_an_unmasked_frame(self):
        client = self.limited()
        client.feed(b"\x81\x02{}")
        self.assertEqual(client.closed_with()[0], 1002)
        client.leave()
        self.assertEqual(self.line.sent, [])

    def test_session_time(self):
        client = self.limited(session_time=10)
        self.reactor.pump([1] * 9)
        self.say(client, 1)
        self.assertEqual(client.frames(), [])
        self.reactor.advance(1)
        self.assertEqual(client.closed_with(), (1008, "a session may last at most 10 s"))
        client.leave()
        self.assertEqual(self.gateway.counters.ended, {"session_time": 1})

    def test_idle_time(self):
        client = self.limited(idle_time=5)
        self.reactor.pump([1] * 4)
        self.say(client, 1)
        self.reactor.pump([1] * 4)
        self.assertEqual(client.frames(), [])
        self.reactor.pump([1] * 3)
        self.assertEqual(client.closed_with(), (1008, "you have sent nothing for 5 s"))

    def test_commands_per_second(self):
        client = self.limited(commands_per_second=10, burst=3)
        self.say(client, *range(6))
        self.assertEqual((self.ids(), client.tcp.producerState), ([0, 1, 2], "paused"))
        self.reactor.pump([0.1] * 2)
        self.assertEqual((self.ids(), client.tcp.producerState), ([0, 1, 2, 3, 4], "paused"))
        self.reactor.advance(0.1)
        self.assertEqual((self.ids(), client.tcp.producerState), ([0, 1, 2, 3, 4, 5], "producing"))
        self.reactor.advance(0.25)
        self.say(client, 6, 7, 8)
        self.assertEqual(self.ids()[6:], [6, 7])
        client.leave()  # while one is held

    def test_a_quota_of_commands(self):
        path = Path(self.mktemp())
        path.write_text(f'[one]\ntoken = "{TOKEN}"\ncommands_per_second = 1\n')
        self.make(access=AccessOptions(tokens=str(path)), clients=ClientLimits(commands_per_second=50, burst=1))
        client = self.client("/devtools/browser", BEARER)
        self.line = self.lines[0]
        self.say(client, 1, 2)
        self.reactor.advance(0.9)
        self.assertEqual(self.ids(), [1])
        self.reactor.advance(0.1)
        self.assertEqual(self.ids(), [1, 2])

    def test_how_many_clients(self):
        self.make(clients=ClientLimits(clients=1))
        first = self.client()
        caller = self.caller()
        caller.upgrade("/devtools/browser")
        self.assertEqual((caller.status, caller.body), (503, b"All places for clients are taken."))
        first.leave()
        self.client()

    def test_a_client_that_does_not_read(self):
        client = self.limited(slow_time=4)
        producer: Any = client.tcp.producer
        producer.pauseProducing()
        self.assertTrue(self.line.paused)
        self.reactor.advance(3)
        producer.resumeProducing()
        self.assertFalse(self.line.paused)
        self.reactor.advance(3)
        producer.pauseProducing()
        producer.pauseProducing()
        self.reactor.advance(4)
        self.assertEqual(client.closed_with(), (1008, "you have not read what was sent for 4 s"))
        self.reactor.advance(2)
        self.assertTrue(client.tcp.aborted)
        self.assertEqual(self.gateway.counters.ended, {"slow": 1})
        self.assertEqual(self.line.aborted, "the client has left")

    def test_a_browser_that_does_not_read(self):
        client = self.limited()
        self.line.congested = True
        self.say(client, 1, 2)
        self.assertEqual((len(self.line.sent), client.tcp.producerState), (2, "paused"))
        self.line.congested = False
        self.line.drained.callback(None)
        self.assertEqual(client.tcp.producerState, "producing")
        self.line.congested = True
        self.say(client, 3)
        client.leave()

    def test_a_browser_that_does_not_read_and_too_many_commands(self):
        client = self.limited(commands_per_second=10, burst=1)
        self.line.congested = True
        self.say(client, 1, 2)
        self.line.drained.callback(None)
        self.assertEqual(client.tcp.producerState, "paused")
        self.reactor.advance(0.1)
        self.assertEqual((self.ids(), client.tcp.producerState), ([1, 2], "producing"))

    def test_pings(self):
        client = self.limited(ping_interval=20, ping_timeout=5)
        self.reactor.advance(20)
        (ping,) = client.frames()
        self.assertEqual(ping.opcode, 9)
        client.feed(masked(ping.payload, 10))
        self.reactor.advance(5)
        self.assertFalse(client.tcp.aborted)
        self.reactor.advance(15)
        self.reactor.advance(5)
        self.assertTrue(client.tcp.aborted)

    def test_no_pong_is_expected_of_one_that_is_not_read(self):
        client = self.limited(ping_interval=20, ping_timeout=5)
        self.line.congested = True
        self.say(client, 1)
        self.reactor.advance(20)
        self.reactor.advance(5)
        self.assertFalse(client.tcp.aborted)

    def test_what_is_forbidden(self):
        self.make(policy=Policy(methods=("Browser.crash",)))
        client = self.client()
        client.say({"id": 5, "method": "Browser.crash", "sessionId": "S"}, {"id": 6, "method": "Browser.close"})
        (said,) = client.heard()
        self.assertEqual((said["id"], said["sessionId"], said["error"]["code"]), (5, "S", -32000))
        self.assertEqual([each["id"] for each in self.lines[0].commands()], [6])
        self.assertEqual(self.gateway.counters.domains["Browser"].outcomes["denied"], 1)

    def test_commands_that_are_never_answered(self):
        self.patch(forwarding, "_WAITED_FOR", 2)
        client = self.limited()
        self.say(client, 1, 2, 3)
        self.assertEqual(self.gateway.counters.domains["Page"].outcomes["lost"], 1)
        self.line.receiver.message_received(b'{"id":1,"result":{}}')
        self.assertEqual(self.gateway.counters.domains["Page"].outcomes["ok"], 0)

    def test_the_operator_ends_a_session(self):
        client = self.limited()
        self.gateway.clients.end(1)
        self.assertEqual(client.closed_with()[0], 1008)
        self.gateway.clients.end(1)
        client.leave()
        self.assertRaises(Refusal, self.gateway.clients.end, 1)


class EndTests(GatewayCase):
    def test_drain(self):
        gateway = self.make(drain=30)
        client = self.client()
        stopped = gateway.stop()
        self.assertNoResult(stopped)
        for target in ("/devtools/browser", "/readyz"):
            caller = self.caller()
            caller.upgrade(target)
            self.assertEqual(caller.status, 503, target)
        self.assertEqual(self.get("/healthz").status, 200)
        client.say({"id": 1, "method": "Page.enable"})
        self.assertEqual(len(self.lines[0].sent), 1)
        client.leave()
        self.successResultOf(stopped)
        self.successResultOf(gateway.stop())

    def test_the_deadline(self):
        gateway = self.make(drain=30)
        client = self.client()
        stopped = gateway.stop()
        self.reactor.advance(30)
        self.assertEqual(client.closed_with(), (1001, "the gateway is stopping"))
        self.reactor.advance(2)
        self.assertTrue(client.tcp.aborted)
        self.successResultOf(stopped)

    def test_drain_at_once(self):
        gateway = self.make(drain=0)
        self.get("/json/version")
        self.successResultOf(gateway.stop())

    def test_start_listens(self):
        gateway = Gateway(self.reactor, GatewayOptions(endpoint="tcp6:8765:interface=\\:\\:1"), self.starter)
        self.gateway = gateway
        self.successResultOf(gateway.start())
        self.assertEqual(self.reactor.tcpServers[0][0], 8765)
        assert gateway.port is not None
        self.finish()

    def test_no_listening_to_the_world_without_tokens(self):
        gateway = Gateway(self.reactor, GatewayOptions(endpoint="tcp:8765"), self.starter)
        error = self.failureResultOf(gateway.start(), ValueError).value
        self.assertIn("file of tokens", str(error))
        self.assertEqual((self.starter.browsers, self.reactor.tcpServers), ([], []))
        path = Path(self.mktemp())
        path.write_text(f'[one]\ntoken = "{TOKEN}"\n')
        options = GatewayOptions(endpoint="tcp:8765", access=AccessOptions(tokens=str(path)))
        self.gateway = Gateway(self.reactor, options, self.starter)
        self.successResultOf(self.gateway.start())
        self.finish()

    def test_a_browser_for_the_program_itself(self):
        gateway = self.make()

        async def use() -> None:
            async with gateway.browser():
                raise AssertionError

        self.failureResultOf(Deferred.fromCoroutine(use()), TypeError)
        self.assertEqual(len(gateway.pool.leased), 0)

    def test_something_goes_wrong_at_the_end(self):
        gateway = self.make()
        self.patch(gateway.mode, "stop", lambda: 1 / 0)
        self.successResultOf(gateway.stop())
        self.assertEqual(len(self.flushLoggedErrors(ZeroDivisionError)), 1)
        self.successResultOf(gateway.pool.stop())


class MetricsTests(GatewayCase):
    def test_all_numbers(self):
        self.make(policy=Policy(methods=("Browser.crash",)))
        client = self.client()
        client.say({"id": 1, "method": "Page.enable"}, {"id": 2, "method": "Browser.crash"})
        self.reactor.advance(0.003)
        self.lines[0].receiver.message_received(b'{"id":1,"result":{}}')
        self.lines[0].receiver.message_received(b'{"method":"Page.loaded","params":{}}')
        self.get("/nope")
        caller = self.get("/metrics")
        self.assertIn("Content-Type: text/plain", caller.head)
        text = caller.body.decode()
        for line in (
            'txcdp_gateway_browsers{state="idle"} 2.0',
            'txcdp_gateway_browsers{state="leased"} 1.0',
            'txcdp_gateway_clients{name="local"} 1.0',
            'txcdp_gateway_clients_opened_total{name="local"} 1.0',
            'txcdp_gateway_requests_refused_total{why="path"} 1.0',
            'txcdp_gateway_commands_total{domain="Page",outcome="ok"} 1.0',
            'txcdp_gateway_commands_total{domain="Browser",outcome="denied"} 1.0',
            'txcdp_gateway_command_seconds_bucket{domain="Page",le="0.0025"} 0.0',
            'txcdp_gateway_command_seconds_bucket{domain="Page",le="0.005"} 1.0',
            'txcdp_gateway_command_seconds_count{domain="Page"} 1.0',
            "txcdp_gateway_events_total 1.0",
            "txcdp_gateway_browsers_started_total 3.0",
            'txcdp_gateway_browsers_ended_total{why="died"} 0.0',
            "txcdp_gateway_queue 0.0",
            "txcdp_gateway_dropped_bytes_total 0.0",
            "txcdp_gateway_browser_memory_bytes_max 0.0",
        ):
            self.assertIn(line, text.splitlines())

    def test_ready(self):
        self.starter.at_once = False
        self.make(pool=PoolOptions(size=1, warm=1))
        self.assertEqual(self.get("/readyz").status, 200)  # one is on its way
        self.starter.fail()
        self.assertEqual(self.get("/readyz").status, 503)
