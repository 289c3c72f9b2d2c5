"""Requests of real pages that are stopped, answered, changed and let go on, and what the server sees of them."""

from __future__ import annotations

import gzip
import re
from typing import Any

from twisted.internet.defer import Deferred
from twisted.python.filepath import FilePath
from twisted.web.http import Request as ServerRequest
from twisted.web.server import NOT_DONE_YET

import txcdp
from tests.browser.support import Server, SharedBrowserTestCase, wait_for_what_was_sent
from tests.support import PATIENCE
from txcdp import Route
from txcdp.domains import fetch
from txcdp.errors import AlreadyHandled, BodyOfRedirect, BodyTooLarge, DeadlineError, NetworkError, NoBody
from txcdp.network import Request
from txcdp.page import Page
from txcdp.streams import first, queue

#: Asks for something, and returns the status, the text and the headers, or the error.
ASK = """([url, options]) => fetch(url, options).then(
    async answer => [answer.status, await answer.text(), Object.fromEntries(answer.headers)], String)"""

FAILED = "TypeError: Failed to fetch"


class _Seen:
    """Answers by its path, and keeps what it was asked."""

    def __init__(self) -> None:
        self.seen: list[tuple[str, str, dict[str, str], bytes]] = []

    def render(self, request: Any) -> Any:
        path = request.path.decode()
        headers = {
            name.decode().lower(): values[0].decode("utf-8", "replace")
            for name, values in request.requestHeaders.getAllRawHeaders()
        }
        if path != "/favicon.ico":
            self.seen.append((request.method.decode(), request.uri.decode(), headers, request.content.read()))
        request.setHeader("content-type", "text/html; charset=utf-8")
        answer = getattr(self, f"answer_{path.strip('/').partition('/')[0].replace('.', '_')}", None)
        return answer(request, headers) if answer is not None else f"server: {path}".encode()

    def paths(self, word: str = "") -> list[str]:
        return [path for _, path, _, _ in self.seen if word in path]

    def answer_redirect(self, request: ServerRequest, headers: dict[str, str]) -> bytes:
        request.redirect(request.path.replace(b"redirect/", b"", 1))
        return b"leads on"

    def answer_elsewhere(self, request: ServerRequest, headers: dict[str, str]) -> bytes:
        request.redirect(request.args[b"to"][0])
        return b""

    def answer_allowed(self, request: ServerRequest, headers: dict[str, str]) -> bytes:
        request.setHeader("access-control-allow-origin", headers["origin"])
        request.setHeader("access-control-allow-methods", "PUT")
        return b"allowed"

    def answer_zipped(self, request: ServerRequest, headers: dict[str, str]) -> bytes:
        request.setHeader("content-encoding", "gzip")
        return gzip.compress(b"zipped " * 100)

    def answer_secret(self, request: ServerRequest, headers: dict[str, str]) -> bytes:
        if headers.get("authorization") == "Basic bWU6c2VjcmV0":
            return b"welcome"
        request.setResponseCode(401)
        request.setHeader("www-authenticate", 'Basic realm="here"')
        return b"who are you?"

    def answer_stream(self, request: Any, headers: dict[str, str]) -> object:
        request.setHeader("content-type", "text/event-stream")
        request.write(b"data: one\n\n")
        self.stream = request
        return NOT_DONE_YET

    def answer_worker_js(self, request: ServerRequest, headers: dict[str, str]) -> bytes:
        request.setHeader("content-type", "text/javascript")
        return b"fetch('/api/worker').then(answer => answer.text()).then(postMessage)"

    def answer_shared_js(self, request: ServerRequest, headers: dict[str, str]) -> bytes:
        request.setHeader("content-type", "text/javascript")
        return b"""onconnect = ({ports}) =>
            fetch('/api/shared').then(answer => answer.text()).then(text => ports[0].postMessage(text))"""

    def answer_service_js(self, request: ServerRequest, headers: dict[str, str]) -> bytes:
        request.setHeader("content-type", "text/javascript")
        return b"""let got = '';
            oninstall = event => event.waitUntil(fetch('/api/service').then(a => a.text()).then(text => got = text));
            onactivate = event => event.waitUntil(clients.claim());
            onmessage = event => event.source.postMessage(got)"""

    def answer_cached(self, request: ServerRequest, headers: dict[str, str]) -> bytes:
        request.setHeader("cache-control", "max-age=1000")
        return b"cached"


class RouteTestCase(SharedBrowserTestCase):
    def setUp(self) -> None:
        super().setUp()
        wait_for_what_was_sent(self)
        self.resource = _Seen()
        self.server._pages.render = self.resource.render  # type: ignore[method-assign]
        self.here, self.there = self.server.url(""), self.server.url("", "localhost")

    async def at(self, path: str = "/", **options: Any) -> Page:
        """Open a page that is somewhere."""
        page = await (await self.context(**options)).new_page(f"{self.here}{path}")
        self.resource.seen.clear()
        return page

    async def ask(self, page: Page, path: str, **options: Any) -> Any:
        url = path if "://" in path else f"{self.here}{path}"
        return await page.evaluate(ASK, [url, options])

    async def text(self, page: Page, path: str, **options: Any) -> Any:
        answer = await self.ask(page, path, **options)
        return answer[1] if isinstance(answer, list) else answer


class RequestStageTests(RouteTestCase):
    async def test_only_what_matches_is_stopped(self):
        page = await self.at()
        seen: list[tuple[Route, Request]] = []
        events: list[str] = []
        page.session.events(fetch.RequestPaused).subscribe(lambda event: events.append(event.request.url))

        def handler(route: Route, request: Request) -> object:
            seen.append((route, request))
            return route.fulfill(status=418, body="tea", headers={"X-Pot": "1"}, content_type="text/plain")

        await page.route("**/api/*", handler)
        status, text, headers = await self.ask(page, "/api/one")
        self.assertEqual((status, text), (418, "tea"))
        self.assertEqual(headers, {"content-length": "3", "content-type": "text/plain", "x-pot": "1"})
        self.assertEqual(await self.text(page, "/other"), "server: /other")
        self.assertEqual(await self.text(page, "/api/deep/er"), "server: /api/deep/er")
        self.assertEqual(self.resource.paths(), ["/other", "/api/deep/er"])
        self.assertNotIn(f"{self.here}/other", events)
        ((route, request),) = seen
        self.assertEqual((request.url, request.method, request.resource_type), (f"{self.here}/api/one", "GET", "fetch"))
        self.assertIs(request.frame, page.main_frame)
        self.assertIs(route.request, request)
        self.assertEqual((route.stage, route.response), ("request", None))
        await self.fails(route.continue_(), AlreadyHandled)

    async def test_the_request_is_the_one_that_the_page_tells_of(self):
        page = await self.at()
        told: list[Request] = []
        page.requests.subscribe(told.append)
        routed: list[Request] = []

        def handler(route: Route) -> object:
            routed.append(route.request)
            return route.continue_()

        await page.route("**/api/*", handler)
        await self.ask(page, "/api/one")
        self.assertIs(told[0], routed[0])
        response = await routed[0].response()
        assert response is not None
        self.assertEqual(response.status, 200)

    async def test_all_headers_are_known_as_far_as_they_can_be(self):
        page = await self.at()
        known: list[dict[str, str]] = []

        async def handler(route: Route) -> None:
            known.append(await route.request.all_headers())
            assert await route.request.header_value("X-Own") == "1"
            await route.continue_()

        # No headers are told of what a cache has answered.
        for stage in ("request", "response"):
            for path, seconds in (("/cached", 0.5), ("/cached", 0.5), ("/x", PATIENCE)):
                wait_for_what_was_sent(self, seconds)
                async with await page.route(f"**{path}", handler, stage=stage):
                    self.assertIn(path[1:], await self.text(page, path, headers={"X-Own": "1"}))
        self.assertEqual({each["x-own"] for each in known}, {"1"})
        self.assertEqual(len(known), 6)
        self.assertIn("host", known[-1])

    async def test_kinds_of_patterns(self):
        page = await self.at()

        class Pattern:
            def test(self, url: str) -> bool:
                return url.endswith("/pattern")

        for pattern, path in (
            (re.compile(r"/num\d+$"), "/num12"),
            (lambda url: "func" in url, "/func"),
            (Pattern(), "/pattern"),
            ("**/{a,b}.txt", "/b.txt"),
            (f"{self.here}/whole?x=1", "/whole?x=1"),
        ):
            registration = await page.route(pattern, lambda route: route.fulfill(body="mine"))
            self.assertEqual(await self.text(page, path), "mine")
            self.assertEqual(await self.text(page, "/else"), "server: /else")
            await registration.close()
            self.assertEqual(await self.text(page, path), f"server: {path.partition('?')[0]}")

    async def test_resource_types(self):
        page = await self.at()
        await page.route("**/*", lambda route: route.abort(), resource_types=["image", "xhr"])
        self.assertEqual(await self.text(page, "/a"), "server: /a")
        script = """new Promise(done => {
            const asked = new XMLHttpRequest(); asked.open('GET', '/b');
            asked.onload = () => done('loaded'); asked.onerror = () => done('failed'); asked.send() })"""
        self.assertEqual(await page.evaluate(script), "failed")
        image = "new Promise(done => { const i = new Image(); i.onerror = () => done('failed'); i.src = '/c.png' })"
        self.assertEqual(await page.evaluate(image), "failed")
        self.assertEqual(self.resource.paths(), ["/a"])

    async def test_what_scripts_ask_for_is_told_apart(self):
        page = await self.at()
        types: dict[str, str] = {}

        def handler(route: Route) -> object:
            types[route.request.url.removeprefix(f"{self.here}/kind/")] = route.request.resource_type
            return route.fulfill(content_type="text/event-stream", body="data: x\n\n")

        await page.route("**/kind/*", handler)
        for _ in range(3):
            await page.evaluate("""async () => {
                await fetch('/kind/fetch');
                await new Promise(done => {
                    const asked = new XMLHttpRequest();
                    asked.onload = done; asked.open('GET', '/kind/xhr'); asked.send();
                });
                await new Promise(done => {
                    const source = new EventSource('/kind/eventsource');
                    source.onmessage = () => { source.close(); done(); };
                });
            }""")
            self.assertEqual(types, {each: each for each in ("fetch", "xhr", "eventsource")})
            types.clear()

    async def test_handlers_ask_for_all_headers_of_what_was_not_sent(self):
        page = await self.at()
        await page.context.add_cookies([{"name": "jar", "value": "1", "url": self.here}])
        asked: list[Any] = []

        async def changes(route: Route) -> None:
            headers = await route.request.all_headers()
            asked.append(headers["x-gone"])
            await route.fallback(headers={**headers, "X-Own": "1", "x-gone": None})

        async def looks(route: Route) -> None:
            request = route.request
            asked.extend([await request.header_value("X-OWN"), "x-gone" in await request.all_headers()])
            asked.extend(each["value"] for each in await request.headers_array() if each["name"] == "x-own")
            await route.continue_()

        await page.route("**/x", looks)
        await page.route("**/x", changes)
        async with page.requests.expect("**/x") as told:
            await self.ask(page, "/x", headers={"x-gone": "0"})
        self.assertEqual(asked, ["0", "1", False, "1"])
        sent = await (await told.value).all_headers()
        self.assertEqual((sent["cookie"], sent["x-own"], "x-gone" in sent), ("jar=1", "1", False))

    async def test_the_last_registered_comes_first_and_falls_back(self):
        page = await self.at()
        order: list[str] = []

        def named(name: str, decide: Any) -> Any:
            def handler(route: Route) -> object:
                order.append(f"{name} {route.request.method} {route.request.post_data}")
                return decide(route)

            return handler

        await page.context.route("**/x", named("context", lambda route: route.continue_()))
        await page.route("**/x", named("first", lambda route: route.fallback(method="PUT", headers={"x-own": "1"})))
        await page.route("**/x", named("second", lambda route: route.fallback(post_data="changed")))
        await page.route("**/x", named("third", lambda route: route.fallback()))
        await self.ask(page, "/x", method="POST", body="as it was")
        self.assertEqual(
            order,
            ["third POST as it was", "second POST as it was", "first POST changed", "context PUT changed"],
        )
        ((method, _, headers, body),) = self.resource.seen
        self.assertEqual((method, body, headers.get("x-own")), ("PUT", b"changed", "1"))

    async def test_what_a_request_is_changed_into(self):
        page = await self.at()

        async def handler(route: Route) -> None:
            headers = {**route.request.headers, "x-set": "yes"}
            headers.pop("accept", None)
            await route.continue_(url=f"{self.here}/new?q=1", method="PATCH", headers=headers, post_data={"a": [1]})

        await page.route("**/old", handler)
        status, text, _ = await self.ask(page, "/old")
        self.assertEqual((status, text), (200, "server: /new"))
        self.assertEqual(await page.evaluate("fetch('/old').then(answer => answer.url)"), f"{self.here}/old")
        method, path, headers, body = self.resource.seen[0]
        self.assertEqual((method, path, body), ("PATCH", "/new?q=1", b'{"a": [1]}'))
        self.assertEqual((headers["x-set"], headers["content-type"]), ("yes", "application/json"))

    async def test_headers_of_a_request_that_is_stopped(self):
        page = await self.at()
        seen: dict[str, dict[str, str]] = {}

        def handler(route: Route) -> object:
            seen[route.request.url.removeprefix(self.here)] = route.request.headers
            return route.continue_(headers={**route.request.headers, "x-seen": "1"})

        await page.route("**/*?headers", handler)
        await self.ask(page, "/asked?headers", method="POST", body="text")
        await page.evaluate("""new Promise(done => {
            const picture = new Image();
            picture.onerror = () => done();
            picture.src = '/picture?headers';
        })""")
        await page.goto(f"{self.here}/document?headers")
        asked = seen["/asked?headers"]
        self.assertEqual((asked["accept"], asked["origin"]), ("*/*", self.here))
        self.assertIn("image/", seen["/picture?headers"]["accept"])
        self.assertIn("text/html", seen["/document?headers"]["accept"])
        sent = {path: headers["accept"] for _, path, headers, _ in self.resource.seen if path.endswith("?headers")}
        self.assertEqual(sent, {path: headers["accept"] for path, headers in seen.items()})

    async def test_a_header_that_is_none_is_left_out(self):
        page = await self.at()

        def changed(route: Route) -> dict[str, str | None]:
            return {**route.request.headers, "x-old": None, "x-other": None, "x-new": "1"}

        async def fetched(route: Route) -> None:
            await route.fulfill(response=await route.fetch(headers=changed(route)))

        await page.route("**/continued", lambda route: route.continue_(headers=changed(route)))
        await page.route("**/left", lambda route: route.fallback(headers=changed(route)))
        await page.route("**/fetched", fetched)
        for path in ("/continued", "/left", "/fetched"):
            await self.ask(page, path, headers={"x-old": "1", "x-kept": "1"})
        for _, path, headers, _ in self.resource.seen:
            named = sorted(name for name in headers if name.startswith("x-"))
            self.assertEqual(named, ["x-kept", "x-new"], path)

    async def test_headers_that_the_browser_alone_says_stay(self):
        page = await self.at()

        def handler(route: Route) -> object:
            own = {"Host": "other.example", "Content-Length": "1", "Transfer-Encoding": "x", "X-Own": "1"}
            return route.continue_(headers={**route.request.headers, **own})

        await page.route("**/own", handler)
        await self.ask(page, "/own", method="POST", body="text")
        ((_, _, headers, body),) = self.resource.seen
        self.assertEqual((headers["host"], headers["x-own"], body), (self.here.partition("//")[2], "1", b"text"))

    async def test_a_body_that_is_not_changed_goes_as_it_was(self):
        page = await self.at()
        bodies: list[bytes | None] = []

        def handler(route: Route) -> object:
            bodies.append(route.request.post_data_buffer)
            return route.continue_(headers={**route.request.headers, "x-seen": "1"})

        await page.route("**/upload", handler)
        script = """async many => {
            const form = new FormData();
            for (let at = 0; at < many; at++) {
                form.append(`file${at}`, new File([new Uint8Array(256).map((_, each) => each)], `${at}.bin`));
            }
            const type = new Response(form).headers.get('content-type');
            await fetch('/upload', {method: 'POST', body: form});
            await fetch('/upload', {method: 'POST', body: new Uint8Array([0, 255, 13, 10])});
        }"""
        await page.evaluate(script, 3)
        (_, _, headers, form), (_, _, _, raw) = self.resource.seen
        self.assertEqual((form.count(bytes(range(256))), form.count(b"filename=")), (3, 3))
        self.assertEqual(len(form), int(headers["content-length"]))
        self.assertEqual(raw, b"\x00\xff\r\n")
        self.assertEqual(bodies[1], raw)
        self.assertEqual(headers["x-seen"], "1")

    async def test_cookies_are_replaced_where_that_is_said(self):
        page = await self.at()
        await page.context.add_cookies([{"name": "jar", "value": "1", "url": self.here}])
        for given, seen in ((None, "jar=1"), ("own=2", "own=2")):
            more = {} if given is None else {"cookie": given}
            await page.route("**/x", lambda route, more=more: route.continue_(headers={"x-a": "1", **more}), times=1)
            await self.ask(page, "/x")
            self.assertEqual(self.resource.seen[-1][2]["cookie"], seen)

    async def test_how_requests_fail(self):
        page = await self.at()
        failures: list[str | None] = []
        page.requests_failed.subscribe(lambda request: failures.append(request.failure))
        for code, text in (("failed", "net::ERR_FAILED"), ("timedout", "net::ERR_TIMED_OUT")):
            await page.route("**/x", lambda route, code=code: route.abort(code), times=1)
            failed = first(page.requests_failed, timeout=PATIENCE)
            self.assertEqual(await self.ask(page, "/x"), FAILED)
            self.assertEqual((await failed).failure, text)
        self.assertEqual(await self.text(page, "/x"), "server: /x")  # each was for one request

    async def test_documents(self):
        page = await self.at()
        await page.route("**/made", lambda route: route.fulfill(body="<title>made</title>", content_type="text/html"))
        response = await page.goto(f"{self.here}/made")
        assert response is not None
        self.assertEqual((response.status, await page.title()), (200, "made"))
        self.assertEqual(await response.text(), "<title>made</title>")
        await page.route("**/not", lambda route: route.abort("connectionrefused"))
        error = await self.fails(page.goto(f"{self.here}/not"), txcdp.NavigationError)
        self.assertIn("ERR_CONNECTION_REFUSED", str(error))

    async def test_a_url_that_says_http_is_asked_for_so(self):
        page = await self.at()
        asked: list[str] = []

        def handler(route: Route) -> object:
            asked.append(route.request.url)
            return route.fulfill(body="plain")

        await page.route(re.compile(r"//plain\.example/"), handler)
        response = await page.goto("http://plain.example/a")
        assert response is not None
        self.assertIsNone(response.request.redirected_from)
        self.assertEqual({page.url, response.url, asked[0]}, {"http://plain.example/a"})

    async def test_a_document_that_was_made_asks_this_machine_where_that_is_permitted(self):
        page = await self.at(permissions=["local-network-access"])
        await page.route("https://made.example/", lambda route: route.fulfill(body="made", content_type="text/html"))
        await page.goto("https://made.example/")
        await self.ask(page, "/api/here", mode="no-cors")
        self.assertEqual(self.resource.paths("api"), ["/api/here"])

    async def test_redirects_are_given_to_handlers_once_and_keep_what_was_set(self):
        page = await self.at()
        asked: list[str] = []

        def handler(route: Route) -> object:
            asked.append(route.request.url)
            return route.continue_(headers={**route.request.headers, "x-own": "1", "authorization": "Basic eDp5"})

        registration = await page.route("**/redirect/**", handler)
        self.assertEqual(await self.text(page, "/redirect/redirect/end"), "server: /end")
        self.assertEqual(asked, [f"{self.here}/redirect/redirect/end"])
        self.assertEqual([headers.get("x-own") for _, _, headers, _ in self.resource.seen], ["1"] * 3)
        await registration.close()
        self.resource.seen.clear()
        await page.route("**/elsewhere**", handler)
        await page.goto(f"{self.here}/elsewhere?to={self.there}/end")
        given = [(headers.get("x-own"), headers.get("authorization")) for _, path, headers, _ in self.resource.seen]
        self.assertEqual(given[:2], [("1", "Basic eDp5"), ("1", None)])

    async def test_redirects_have_no_headers_that_were_removed_and_their_own_cookies(self):
        page = await self.at()
        await page.context.add_cookies([{"name": "jar", "value": "1", "url": self.here}])
        changes = {"x-gone": None, "x-own": "1", "cookie": "own=2"}
        await page.route("**/redirect/**", lambda route: route.continue_(headers={**route.request.headers, **changes}))
        async with page.requests.expect(f"{self.here}/end") as told:
            self.assertEqual(
                await self.text(page, "/redirect/redirect/end", headers={"x-gone": "0", "x-kept": "3"}), "server: /end"
            )
        names = ("x-gone", "x-kept", "x-own", "cookie")
        given = [tuple(map(headers.get, names)) for _, _, headers, _ in self.resource.seen]
        self.assertEqual(given, [(None, "3", "1", "own=2"), (None, "3", "1", "jar=1"), (None, "3", "1", "jar=1")])
        request = await told.value
        self.assertEqual(tuple(map(request.headers.get, names[:3])), (None, "3", "1"))
        self.assertEqual(tuple(map((await request.all_headers()).get, names)), (None, "3", "1", "jar=1"))

    async def test_a_body_of_any_size_is_there_when_it_is_stopped(self):
        page = await self.at()
        sizes: list[int] = []

        def handler(route: Route) -> object:
            sizes.append(len(route.request.post_data or ""))
            return route.fulfill(body="")

        await page.route("**/x", handler)
        await page.evaluate("fetch('/x', {method: 'POST', body: 'x'.repeat(2_000_000)}).then(() => 1)")
        self.assertEqual(sizes, [2_000_000])

    async def test_preflights_of_what_is_handled_are_answered(self):
        page = await self.at()
        await page.route("**/api/*", lambda route: route.fulfill(json={"made": True}))
        status, text, _ = await self.ask(page, f"{self.there}/api/x", method="PUT", headers={"x-own": "1"})
        self.assertEqual((status, text), (200, '{"made": true}'))
        self.assertEqual(self.resource.seen, [])
        self.assertEqual(await self.ask(page, f"{self.there}/other", method="PUT"), FAILED)
        self.assertEqual([method for method, *_ in self.resource.seen], ["OPTIONS"])

    async def test_what_another_origin_allows_beforehand_follows_a_redirect_to_it(self):
        page = await self.at()
        await page.route(re.compile("/elsewhere"), lambda route: route.continue_())
        answer = await self.ask(page, f"/elsewhere?to={self.there}/allowed", method="PUT", body="a")
        self.assertEqual(answer[:2], [200, "allowed"])
        self.assertEqual([method for method, *_ in self.resource.seen], ["PUT", "OPTIONS", "PUT"])

    async def test_what_a_response_is_made_of(self):
        page = await self.at()
        path = self.mktemp() + ".json"
        FilePath(path).setContent(b"[1]")
        made: list[tuple[dict[str, Any], tuple[int, str, str | None]]] = [
            ({}, (200, "", None)),
            (
                {"body": b"\xc3\xa4", "content_type": "text/plain; charset=utf-8"},
                (200, "ä", "text/plain; charset=utf-8"),
            ),
            ({"json": [None], "status": 404}, (404, "[null]", "application/json")),
            ({"path": path}, (200, "[1]", "application/json")),
            ({"json": 1, "headers": {"content-type": "text/x"}}, (200, "1", "text/x")),
        ]
        for given, expected in made:
            await page.route("**/x", lambda route, given=given: route.fulfill(**given), times=1)
            status, text, headers = await self.ask(page, "/x")
            self.assertEqual((status, text, headers.get("content-type")), expected)
        await page.route("**/x", lambda route: route.fulfill(headers={"Set-Cookie": "a=1\nb=2"}), times=1)
        await self.ask(page, "/x")
        self.assertEqual({each["name"] for each in await page.context.cookies()}, {"a", "b"})

    async def test_what_cannot_be_decides_nothing(self):
        page = await self.at()
        errors: list[BaseException] = []

        async def handler(route: Route) -> None:
            wrong: list[Any] = [
                lambda: route.continue_(url="ftp://x/"),
                lambda: route.continue_(method="NO NO"),
                lambda: route.continue_(headers={"a b": "c"}),
                lambda: route.continue_(headers={"a": "\ud800"}),
                lambda: route.continue_(status=200),
                lambda: route.fulfill(body="x", json=1),
                lambda: route.fulfill(body="x", content_type="a\nb"),
                lambda: route.fulfill(body="x", headers={"a": "\ud800"}),
                lambda: route.fulfill(status="200"),  # type: ignore[arg-type]
                lambda: route.fulfill(path="/nowhere/at/all"),
                lambda: route.fulfill(response={"status": 200}),  # type: ignore[arg-type]
                lambda: route.abort("because"),
                lambda: route.body(),
            ]
            for each in wrong:
                try:
                    await each()
                except Exception as error:
                    errors.append(error)
            await route.fulfill(body="at last")

        await page.route("**/x", handler)
        self.assertEqual(await self.text(page, "/x"), "at last")
        kinds: list[type[Exception]] = [*[ValueError] * 5, TypeError, ValueError, ValueError]
        kinds += [TypeError, OSError, TypeError, ValueError, NoBody]
        self.assertEqual([isinstance(error, kind) for error, kind in zip(errors, kinds, strict=True)], [True] * 13)

    async def test_a_handler_that_raises_or_does_not_decide_hangs_nothing(self):
        page = await self.at()

        async def raises(route: Route) -> None:
            raise ZeroDivisionError

        await page.route("**/x", raises)
        self.assertEqual(await self.text(page, "/x"), "server: /x")
        self.assertEqual(len(self.flushLoggedErrors(ZeroDivisionError)), 1)
        late: list[Route] = []
        await page.route("**/x", late.append, timeout=0.05)
        self.assertEqual(await self.text(page, "/x"), "server: /x")
        self.assertEqual(len(self.flushLoggedErrors(ZeroDivisionError)), 1)  # the next one was asked
        await self.fails(late[0].fulfill(), AlreadyHandled)

    async def test_what_a_page_has_cancelled_is_no_failure(self):
        page = await self.at()
        paused = first(page.requests_paused("**/x"), timeout=PATIENCE)
        await page.evaluate("control = new AbortController(); void fetch('/x', {signal: control.signal}).catch(String)")
        route = await paused
        self.assertEqual(await page.evaluate("control.abort(); 1"), 1)
        await route.continue_()  # whether the browser knows by now that nobody waits for it: it does not fail

    async def test_as_a_stream(self):
        page = await self.at()
        stream = page.requests_paused("**/x")
        decided: list[Any] = []
        subscription = stream.subscribe(lambda route: decided.append(route.fulfill(body="by a stream")))
        self.assertEqual(await self.text(page, "/x"), "by a stream")
        subscription.dispose()
        self.assertEqual(await self.text(page, "/x"), "server: /x")
        self.assertEqual(len(decided), 1)

    async def test_routes_are_removed(self):
        page = await self.at()
        mine = lambda route: route.fulfill(body="mine")  # noqa: E731
        other = lambda route: route.fulfill(body="other")  # noqa: E731
        await page.route("**/x", mine)
        await page.route("**/x", other)
        await page.unroute("**/x", other)
        self.assertEqual(await self.text(page, "/x"), "mine")
        await page.route("**/x", other)
        await page.unroute("**/x")
        self.assertEqual(await self.text(page, "/x"), "server: /x")
        waits: Deferred[None] = Deferred()
        begun: Deferred[None] = Deferred()

        async def slow(route: Route) -> None:
            begun.callback(None)
            await waits
            await route.fulfill(body="slow")

        await page.route("**/x", slow)
        asking = page.evaluate(ASK, [f"{self.here}/x", {}])
        await begun
        removing = page.unroute_all("wait")
        self.assertNoResult(removing)
        waits.callback(None)
        await removing
        self.assertEqual((await asking)[1], "slow")
        self.assertEqual(await self.text(page, "/x"), "server: /x")

    async def test_the_cache_stays_on(self):
        page = await self.at()
        asked: list[str] = []

        def handler(route: Route) -> object:
            asked.append(route.request.url)
            return route.continue_()

        await page.route("**/*", handler)
        for _ in range(3):
            self.assertEqual(await self.text(page, "/cached"), "cached")
        self.assertEqual(asked.count(f"{self.here}/cached"), 3)
        self.assertEqual(self.resource.paths(), ["/cached"])

    async def test_a_response_that_was_fetched_from_here(self):
        page = await self.at()
        await page.context.add_cookies([{"name": "jar", "value": "1", "url": self.here}])

        async def handler(route: Route) -> None:
            response = await route.fetch(headers={**route.request.headers, "x-from": "here"})
            assert response.headers["content-type"] == "text/html; charset=utf-8"
            body = await response.text()
            await route.fulfill(response=response, body=body[:6] + "!", headers={**response.headers, "x-more": "1"})

        await page.route("**/zipped", handler)
        status, text, headers = await self.ask(page, "/zipped")
        self.assertEqual((status, text), (200, "zipped!"))
        self.assertEqual((headers["x-more"], headers["content-length"]), ("1", "7"))
        self.assertNotIn("content-encoding", headers)
        ((_, _, sent, _),) = self.resource.seen
        self.assertEqual((sent["x-from"], sent["cookie"]), ("here", "jar=1"))
        await page.unroute_all()

        async def as_it_is(route: Route) -> None:
            await route.fulfill(response=await route.fetch())

        await page.route("**/zipped", as_it_is)
        self.assertEqual(await self.text(page, "/zipped"), "zipped " * 100)

    async def test_a_server_that_breaks_off_is_asked_again_where_that_is_said(self):
        page = await self.at()
        broken: list[ServerRequest] = []

        def breaks(request: Any, headers: dict[str, str]) -> object:
            if len(broken) % 2:
                broken.clear()
                return b"at last"
            broken.append(request)
            request.channel.transport.abortConnection()
            return NOT_DONE_YET

        self.resource.answer_broken = breaks  # type: ignore[attr-defined]
        errors: list[NetworkError] = []

        async def handler(route: Route) -> None:
            try:
                await route.fetch()
            except NetworkError as error:
                errors.append(error)
            broken.clear()
            await route.fulfill(response=await route.fetch(max_retries=1))

        await page.route("**/broken", handler)
        self.assertEqual(await self.text(page, "/broken"), "at last")
        self.assertEqual([each.url for each in errors], [f"{self.here}/broken"])
        self.assertNotIn("Failure", str(errors[0]))

    async def test_a_server_that_says_nothing_is_not_asked_again_after_the_deadline(self):
        page = await self.at()
        self.resource.answer_silent = lambda request, headers: NOT_DONE_YET  # type: ignore[attr-defined]
        errors: list[Exception] = []

        async def handler(route: Route) -> None:
            try:
                await route.fetch(timeout=0.5, max_retries=5)
            except DeadlineError as error:
                errors.append(error)
            await route.fulfill(body="too late")

        await page.route("**/silent", handler)
        self.assertEqual(await self.text(page, "/silent"), "too late")
        self.assertEqual(len(errors), 1)
        self.assertLessEqual(len(self.resource.paths("silent")), 1)

    async def test_a_response_of_the_contexts_client(self):
        page = await self.at()
        zipped = await page.context.request.get(f"{self.here}/zipped")

        async def handler(route: Route) -> None:
            await route.fulfill(response=zipped, headers={"x-more": "1"}, status=202)

        await page.route("**/x", handler)
        status, text, headers = await self.ask(page, "/x")
        self.assertEqual((status, text, headers["x-more"]), (202, "zipped " * 100, "1"))
        await page.route("**/x", lambda route: route.fulfill(response=zipped))
        status, text, headers = await self.ask(page, "/x")
        self.assertEqual((status, text), (200, "zipped " * 100))
        self.assertEqual((headers["content-type"], "content-encoding" in headers), ("text/html; charset=utf-8", False))

    async def test_the_contexts_client_sends_a_pages_request_once_more(self):
        page = await self.at()
        async with page.requests.expect("**/echo") as asked:
            await self.ask(page, "/echo", method="POST", body="sent", headers={"x-mine": "1"})
        request = await asked.value
        client = page.context.request
        await client.fetch(request)
        await client.fetch(request, method="PUT", headers={"X-Mine": "2"}, data=b"other")
        await client.fetch(f"{self.here}/echo")
        sent = [(method, headers.get("x-mine"), body) for method, _, headers, body in self.resource.seen]
        self.assertEqual(sent, [("POST", "1", b"sent")] * 2 + [("PUT", "2", b"other"), ("GET", None, b"")])
        await page.context.add_cookies([{"name": "a", "value": "b", "url": self.here}])
        (cookie,) = await client.cookies(self.here)
        self.assertEqual((cookie["name"], cookie["value"]), ("a", "b"))
        self.assertEqual([each["name"] for each in (await client.storage_state())["cookies"]], ["a"])


class ResponseStageTests(RouteTestCase):
    async def test_what_was_sent(self):
        page = await self.at()
        await page.context.add_cookies([{"name": "jar", "value": "1", "url": self.here}])
        sent: list[dict[str, str]] = []

        async def handler(route: Route) -> None:
            sent.append(await route.request.all_headers())
            await route.continue_()

        await page.route("**/x", handler, stage="response")
        self.assertEqual(await self.text(page, "/x"), "server: /x")
        self.assertEqual([each["cookie"] for each in sent], ["jar=1"])

    async def test_the_head_is_changed_while_the_body_flows(self):
        page = await self.at()

        def handler(route: Route) -> object:
            response = route.response
            assert response is not None
            return route.continue_(status=202, headers={**response.headers, "x-own": response.status_text})

        await page.route("**/x", handler, stage="response")
        status, text, headers = await self.ask(page, "/x")
        self.assertEqual((status, text, headers["x-own"]), (202, "server: /x", "OK"))

    async def test_an_event_stream_comes_as_it_is_sent(self):
        page = await self.at()
        await page.route("**/stream", lambda route: route.continue_(), stage="response")
        await page.evaluate(
            "got = []; source = new EventSource('/stream'); source.onmessage = e => got.push(e.data); 0"
        )
        await page.wait_for_function("got.length === 1")
        self.resource.stream.write(b"data: two\n\n")
        await page.wait_for_function("got.length === 2")
        self.assertEqual(await page.evaluate("source.close(), got"), ["one", "two"])

    async def test_a_body_is_read_and_replaced(self):
        page = await self.at()

        async def handler(route: Route) -> None:
            body = await route.body()
            await route.fulfill(body=body.upper())

        await page.route("**/zipped", handler, stage="response")
        status, text, headers = await self.ask(page, "/zipped")
        self.assertEqual((status, text), (200, "ZIPPED " * 100))
        self.assertEqual((headers["content-length"], "content-encoding" in headers), ("700", False))

    async def test_a_body_that_was_only_read_goes_on(self):
        page = await self.at()
        read: list[bytes] = []

        async def handler(route: Route) -> None:
            read.append(await route.body())
            await route.continue_()

        await page.route("**/x", handler, stage="response")
        self.assertEqual(await self.text(page, "/x"), "server: /x")
        await page.unroute_all()
        await page.route("**/x", lambda route: route.fallback(), stage="response")

        async def reads(route: Route) -> None:
            read.append(await route.body())
            await route.fallback()

        await page.route("**/x", reads, stage="response")
        self.assertEqual(await self.text(page, "/x"), "server: /x")
        self.assertEqual(read, [b"server: /x"] * 2)

    async def test_a_body_in_pieces(self):
        page = await self.at()

        async def handler(route: Route) -> None:
            pieces = [piece async for piece in queue(route.body_chunks(), maxsize=2)]
            await route.fulfill(body=b"".join(pieces) + b", in pieces")

        await page.route("**/x", handler, stage="response")
        self.assertEqual(await self.text(page, "/x"), "server: /x, in pieces")

    async def test_pieces_are_bytes_whatever_they_say(self):
        """The browser tells what is UTF-8 as text, and all else as base64."""
        page = await self.at()
        bodies = {"world": "e \xe9 \u20ac \u4e2d \U0001f6a2".encode(), "latin": b"caf\xe9", "binary": b"\0\xff\x80"}
        read: dict[str, bytes] = {}

        async def handler(route: Route) -> None:
            name = route.request.url.rpartition("/")[2]
            pieces = [piece async for piece in queue(route.body_chunks(), maxsize=2)]
            read[name] = b"".join(pieces)
            await route.fulfill(body=b"read")

        for name, body in bodies.items():
            setattr(self.resource, f"answer_{name}", lambda request, headers, body=body: body)
        await page.route(lambda url: url.rpartition("/")[2] in bodies, handler, stage="response")
        for name in bodies:
            self.assertEqual(await self.text(page, f"/{name}"), "read")
        self.assertEqual(read, bodies)

    async def test_a_body_that_is_too_large_or_not_there(self):
        page = await self.at()
        errors: list[Exception] = []

        async def handler(route: Route) -> None:
            try:
                await route.body(max_size=5)
            except (BodyTooLarge, BodyOfRedirect) as error:
                errors.append(error)
            if route.request.url.endswith("/x"):
                await route.fulfill(body="too large")
            else:
                await route.continue_()

        await page.route("**/x", handler, stage="response")
        self.assertEqual(await self.text(page, "/x"), "too large")
        await page.route("**/redirect/*", handler, stage="response")
        self.assertEqual(await self.text(page, "/redirect/y"), "server: /y")
        self.assertEqual([type(each) for each in errors], [BodyTooLarge, BodyOfRedirect])


class PlacesTests(RouteTestCase):
    """Routes hold in each process of a page, and in what it opens, from the first request on."""

    def count(self, route: Route) -> object:
        self.routed.append(route.request.url.rpartition("/")[2])
        return route.fulfill(body="mine", content_type="text/html", headers={"access-control-allow-origin": "*"})

    def setUp(self) -> None:
        super().setUp()
        self.routed: list[str] = []

    async def test_frames_in_other_processes(self):
        page = await self.at()
        await page.route("**/api/*", self.count)
        script = "url => { const f = document.createElement('iframe'); f.src = url; document.body.append(f) }"
        attached = first(page.frame_attached, timeout=PATIENCE)
        await page.evaluate(script, f"{self.there}/frame")
        frame = await attached
        await frame.wait_for_load_state()
        await frame.wait_for_url("**/frame")
        self.assertEqual((await frame.evaluate(ASK, ["/api/x", {}]))[1], "mine")
        await frame.goto(f"{self.there}/api/document")
        self.assertEqual(await frame.evaluate("document.body.textContent"), "mine")
        await page.goto(f"{self.there}/swapped")
        self.assertEqual((await page.evaluate(ASK, ["/api/x", {}]))[1], "mine")
        self.assertEqual(self.routed, ["x", "document", "x"])
        self.assertEqual(self.resource.paths("api"), [])

    async def test_workers(self):
        page = await self.at()
        await page.context.route("**/api/*", self.count)
        await page.context.route(
            "**/shared.js", lambda route: route.continue_()
        )  # keeps it until the worker is heard of
        worker = "new Promise(done => new Worker('/worker.js').onmessage = event => done(event.data))"
        self.assertEqual(await page.evaluate(worker), "mine")
        shared = "new Promise(done => new SharedWorker('/shared.js').port.onmessage = event => done(event.data))"
        self.assertEqual(await page.evaluate(shared), "mine")
        service = """navigator.serviceWorker.register('/service.js').then(() => navigator.serviceWorker.ready).then(
            ({active}) => new Promise(done => {
                navigator.serviceWorker.onmessage = event => done(event.data); active.postMessage('') }))"""
        self.assertEqual(await page.evaluate(service), "mine")
        self.assertEqual(self.routed, ["worker", "shared", "service"])
        self.assertEqual(self.resource.paths("api"), [])

    async def test_popups_from_their_first_request_on(self):
        page = await self.at()
        await page.context.route("**/api/*", self.count)
        async with page.popups.expect(timeout=PATIENCE) as expected:
            await page.evaluate("void open('/api/popup')")
        popup = await expected.value
        await popup.wait_for_url("**/api/popup")
        self.assertEqual(await popup.evaluate("document.body.textContent"), "mine")
        self.assertEqual((self.routed, self.resource.paths("api")), (["popup"], []))
        later = await page.context.new_page(f"{self.here}/api/later")
        self.assertEqual(await later.content(), "<html><head></head><body>mine</body></html>")

    async def test_a_page_that_has_crashed(self):
        page = await self.at()
        await page.route("**/api/*", self.count)
        crashed = first(page.crashes, timeout=PATIENCE)
        page.session.execute_raw("Page.crash").addErrback(lambda _: None)
        await crashed
        await page.goto(f"{self.here}/api/again")
        self.assertEqual(await page.evaluate("document.body.textContent"), "mine")
        self.assertEqual(self.routed, ["again"])

    async def test_beside_what_the_program_pauses_by_itself(self):
        page = await self.at()
        raw: list[str] = []

        def take(event: fetch.RequestPaused) -> None:
            if "/raw" not in event.request.url:
                return  # it is for others
            raw.append(event.request.url.rpartition("/")[2])
            page.session.execute(fetch.continue_request(request_id=event.request_id)).addErrback(lambda _: None)

        page.session.events(fetch.RequestPaused).subscribe(take)
        pattern = fetch.RequestPattern(url_pattern="*/raw*")
        await page.session.execute(fetch.enable(patterns=[pattern]))
        registration = await page.route("**/api/*", self.count)
        for path in ("/api/x", "/raw1"):
            await self.ask(page, path)
        await registration.close()
        for path in ("/api/y", "/raw2"):
            await self.ask(page, path)
        self.assertEqual(self.resource.paths(), ["/raw1", "/api/y", "/raw2"])
        self.assertEqual(self.routed, ["x"])
        self.assertEqual(raw, ["raw1", "raw2"])


class CredentialsTests(RouteTestCase):
    ME = txcdp.ContextOptions(http_credentials={"username": "me", "password": "secret"})

    async def test_a_server_that_asks(self):
        page = await self.at("/secret", **self.ME)
        self.assertEqual(await page.evaluate("document.body.textContent"), "welcome")
        self.assertEqual(await self.text(page, "/secret"), "welcome")

    async def test_wrong_ones_are_not_given_twice(self):
        page = await self.at(http_credentials={"username": "me", "password": "wrong"})
        status, text, _ = await self.ask(page, "/secret")
        self.assertEqual((status, text), (401, "who are you?"))
        self.assertEqual(len(self.resource.seen), 2)
        await page.context.set_http_credentials({"username": "me", "password": "secret"})
        self.assertEqual(await self.text(page, "/secret"), "welcome")

    async def test_for_one_origin(self):
        page = await self.at(http_credentials={"username": "me", "password": "secret", "origin": self.here})
        paused: list[str] = []
        page.session.events(fetch.RequestPaused).subscribe(lambda event: paused.append(event.request.url))
        self.assertEqual(await self.text(page, "/secret"), "welcome")
        await page.goto(f"{self.there}/other")
        self.assertEqual([each for each in paused if each.startswith(self.there)], [])

    async def test_beside_routes(self):
        page = await self.at(**self.ME)
        await page.route("**/x", lambda route: route.fulfill(body="mine"))
        await page.route("**/secret", lambda route: route.continue_(headers={**route.request.headers, "x-own": "1"}))
        self.assertEqual(await self.text(page, "/x"), "mine")
        self.assertEqual(await self.text(page, "/secret"), "welcome")
        self.assertEqual({headers.get("x-own") for _, _, headers, _ in self.resource.seen}, {"1"})


class ProxyTests(RouteTestCase):
    def setUp(self) -> None:
        super().setUp()
        self.asked: list[str | None] = []
        proxy = Server()
        proxy._pages.render = self.render  # type: ignore[method-assign]
        self.addCleanup(lambda: Deferred.fromCoroutine(proxy.stop()))
        self.proxy: Any = {"server": f"127.0.0.1:{proxy.port}", "username": "of", "password": "proxy"}

    def render(self, request: Any) -> bytes:
        """Ask for a name and a password, and answer as if it came from there."""
        self.asked.append(request.getHeader("proxy-authorization"))
        if self.asked[-1] == "Basic b2Y6cHJveHk=":
            request.setHeader("content-type", "text/html")
            url: bytes = request.uri
            return b"proxy: " + url
        request.setResponseCode(407)
        request.setHeader("proxy-authenticate", 'Basic realm="proxy"')
        return b""

    async def test_a_proxy_that_asks(self):
        page = await self.at("/page", proxy=self.proxy)
        self.assertEqual(await page.evaluate("document.body.textContent"), f"proxy: {self.here}/page")
        response = await page.context.request.get(f"{self.here}/client")
        self.assertEqual(await response.text(), f"proxy: {self.here}/client")
        self.assertEqual(self.asked[-1], "Basic b2Y6cHJveHk=")
        other = await self.context(proxy={**self.proxy, "bypass": "127.0.0.1", "password": "wrong"})
        response = await other.request.get(f"{self.here}/direct")
        self.assertEqual(await response.text(), "server: /direct")


class BlockTests(RouteTestCase):
    async def test_what_is_blocked(self):
        page = await self.at()
        await page.context.block(["*/blocked*"])
        self.assertEqual(await self.ask(page, "/blocked"), FAILED)
        self.assertEqual(await self.text(page, "/free"), "server: /free")
        await self.fails(page.goto(f"{self.here}/blocked"), txcdp.NavigationError)
        other = await page.context.new_page(f"{self.here}/")
        self.assertEqual(await self.ask(other, "/blocked"), FAILED)
        await page.context.block([])
        self.assertEqual(await self.text(other, "/blocked"), "server: /blocked")
        await self.fails(page.context.block("*"), TypeError)

    async def test_patterns_match_documents_as_they_match_others(self):
        page = await self.at()
        for pattern in ("/blo*ed", "*blocked", "d?q", "127.0.0.1*blocked"):
            await page.context.block([pattern])
            self.assertEqual(await self.ask(page, "/blocked?q"), FAILED, pattern)
            await self.fails(page.goto(f"{self.here}/blocked?q"), txcdp.NavigationError)
            await page.goto(f"{self.here}/")
            self.assertEqual(await self.text(page, "/free"), "server: /free")

    async def test_a_long_list(self):
        context = await self.context()
        await context.block([f"*://ads{number}.example/*" for number in range(60_000)] + ["/api/", "/service.js"])
        page = await context.new_page(f"{self.here}/")
        self.assertEqual(await self.ask(page, "/api/x"), FAILED)
        self.assertEqual(await self.text(page, "/free"), "server: /free")
        await self.fails(page.goto(f"{self.here}/api/y"), txcdp.NavigationError)
        await page.goto(f"{self.here}/")
        failed = first(page.requests_failed, timeout=PATIENCE)
        await page.evaluate("void new Worker('/worker.js')")
        self.assertIn("/api/worker", (await failed).url)
        refused = await page.evaluate("navigator.serviceWorker.register('/service.js').then(() => '', String)")
        self.assertIn("TypeError", refused)
        await context.block([])
        self.assertEqual(await self.text(page, "/api/x"), "server: /api/x")
        self.assertEqual(self.resource.paths("api"), ["/api/x"])

    async def test_workers_and_frames(self):
        page = await self.at()
        await page.context.block(["*/api/*", "*/service.js"])
        failed = first(page.requests_failed, timeout=PATIENCE)
        await page.evaluate("void new Worker('/worker.js')")
        self.assertIn("/api/worker", (await failed).url)
        refused = await page.evaluate("navigator.serviceWorker.register('/service.js').then(() => '', String)")
        self.assertIn("TypeError", refused)
        script = "url => { const f = document.createElement('iframe'); f.src = url; document.body.append(f) }"
        attached = first(page.frame_attached, timeout=PATIENCE)
        await page.evaluate(script, f"{self.there}/frame")
        frame = await attached
        await frame.wait_for_url("**/frame")
        self.assertEqual(await frame.evaluate(ASK, ["/api/x", {}]), FAILED)
        self.assertEqual(self.resource.paths("api"), [])
        self.assertEqual(self.resource.paths("service"), [])

    async def test_without_the_cache(self):
        page = await self.at()
        await page.set_cache_enabled(False)
        for _ in range(2):
            await self.ask(page, "/cached")
        await page.set_cache_enabled(True)
        await self.ask(page, "/cached")
        self.assertEqual(self.resource.paths(), ["/cached"] * 2)


class HarTests(RouteTestCase):
    async def test_what_was_recorded_comes_from_the_file(self):
        path = self.mktemp() + ".har"
        page = await self.at()
        recording = await page.route_from_har(path, update=True)  # in as few words as it takes
        await page.goto(f"{self.here}/redirect/page")
        await self.ask(page, "/zipped")
        form = "const form = new FormData(); form.append('a', 'b'); fetch('/form', {method: 'POST', body: form})"
        send = f"(() => {{ {form.replace('fetch', 'return fetch')}.then(answer => answer.text()) }})()"
        self.assertEqual(await page.evaluate(send), "server: /form")
        await recording.close()
        other = await self.at()
        await other.route_from_har(path)
        response = await other.goto(f"{self.here}/redirect/page")
        assert response is not None
        self.assertEqual((response.url, await response.text()), (f"{self.here}/page", "server: /page"))
        self.assertEqual(await self.text(other, "/zipped"), "zipped " * 100)
        self.assertEqual(await other.evaluate(send), "server: /form")
        self.assertEqual(await self.ask(other, "/not-there"), FAILED)
        self.assertEqual(self.resource.seen, [])
        await other.unroute_all()
        await other.context.route_from_har(path, url="**/zipped", not_found="fallback")
        self.assertEqual(await self.text(other, "/not-there"), "server: /not-there")
        await self.fails(other.route_from_har(path, not_found="x"), ValueError)  # type: ignore[arg-type]
        await other.unroute_all()
        recording = await other.context.route_from_har(path, update=True, update_content="omit")
        self.assertEqual(await self.text(other, "/zipped"), "zipped " * 100)
        await recording.close()
        self.assertNotIn(b"zipped zipped", FilePath(path).getContent())
        self.assertNotIn(b"pageref", FilePath(path).getContent())
        recording = await other.route_from_har(path, update=True, update_mode="full")
        self.assertEqual(await self.text(other, "/zipped"), "zipped " * 100)
        await recording.close()
        self.assertIn(b"pageref", FilePath(path).getContent())
