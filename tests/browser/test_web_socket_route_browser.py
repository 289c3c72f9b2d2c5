"""WebSockets of real pages and workers that are mocked, watched and changed; and requests that no page makes."""

from __future__ import annotations

from typing import Any, cast

from autobahn.twisted.websocket import WebSocketServerFactory, WebSocketServerProtocol
from twisted.cred.credentials import DigestCredentialFactory
from twisted.internet.defer import Deferred, DeferredQueue
from twisted.internet.error import ConnectionDone, ConnectionLost
from twisted.web.server import NOT_DONE_YET

from tests.browser.support import SharedBrowserTestCase, listen
from txcdp import WebSocketRoute
from txcdp.errors import NetworkError
from txcdp.network import Route
from txcdp.page import Page

#: Opens a socket, sends messages of each kind, closes after the last answer, and returns what has happened.
TALK = """([url, protocols, last]) => new Promise(done => {
    const log = [], socket = new WebSocket(url, protocols);
    socket.binaryType = 'arraybuffer';
    socket.onopen = () => {
        log.push(`open ${socket.protocol}`);
        for (const each of ['a', new Uint8Array([0, 255]), new Blob(['blob']), 'z']) socket.send(each);
    };
    socket.onmessage = ({data}) => {
        log.push(typeof data === 'string' ? data : [...new Uint8Array(data)]);
        if (data === last) socket.close(3001, 'enough');
    };
    socket.onerror = () => log.push('error');
    socket.onclose = ({code, reason, wasClean}) => { log.push([code, reason, wasClean]); done(log); };
})"""

ECHOED = ["open chat", "echo a", [101, 99, 104, 111, 32, 0, 255], [*b"echo blob"], "echo z", [3001, "enough", True]]


class _Echo(WebSocketServerProtocol):
    closed: DeferredQueue[object]

    def onConnect(self, request: Any) -> str | None:
        return request.protocols[0] if request.protocols else None

    def onMessage(self, payload: bytes, isBinary: bool) -> None:
        self.sendMessage(b"echo " + payload, isBinary)

    def onClose(self, wasClean: bool, code: int | None, reason: str | None) -> None:
        self.closed.put((code, reason))


class SocketTests(SharedBrowserTestCase):
    def setUp(self) -> None:
        super().setUp()
        factory = WebSocketServerFactory("ws://127.0.0.1:9000")
        self.closed: DeferredQueue[object] = DeferredQueue()
        factory.protocol = cast("Any", type("_Told", (_Echo,), {"closed": self.closed}))
        self.ws = f"ws://127.0.0.1:{listen(self, factory)}/"
        self.server.page("/", "<title>here</title>")

    async def at(self) -> Page:
        return await (await self.context()).new_page(self.server.url("/"))

    async def talk(self, page: Page, url: str, last: str = "echo z") -> Any:
        return await page.evaluate(TALK, [url, ["chat", "other"], last])

    async def test_a_mocked_one(self):
        page = await self.at()
        told: list[object] = []

        def mock(socket: WebSocketRoute) -> None:
            told.extend((socket.url, socket.protocols))

            def message(data: str | bytes) -> None:
                told.append(data)
                socket.send(data)

            def close(code: int | None, reason: str | None) -> Deferred[None]:
                told.append((code, reason))
                return socket.close(4000, "mine")

            socket.on_message(message)
            socket.on_close(close)

        await page.route_web_socket("ws://mock.test/**", mock)
        log = await self.talk(page, "ws://mock.test/x?y", "z")
        self.assertEqual(log, ["open chat", "a", [0, 255], [*b"blob"], "z", [4000, "mine", True]])
        sent = ["a", b"\x00\xff", b"blob", "z"]
        self.assertEqual(told, ["ws://mock.test/x?y", ["chat", "other"], *sent, (3001, "enough")])

    async def test_others_are_as_they_were(self):
        page = await self.at()
        before = await self.talk(page, self.ws)
        await page.route_web_socket("ws://mock.test/**", lambda socket: None)
        self.assertEqual(await self.talk(page, self.ws), before)
        self.assertEqual(before[:-1], ECHOED[:-1])
        refused = "try { new WebSocket('%s'%s) } catch (error) { error.name }"
        for given in (("ftp://x/", ""), ("ws://x/", ", ['a', 'a']"), ("ws://[", "")):
            self.assertEqual(await page.evaluate(refused % given), "SyntaxError")
        self.assertEqual(
            await page.evaluate("[WebSocket.OPEN, String(new WebSocket('ws://mock.test/'))]"), [1, "[object WebSocket]"]
        )

    async def test_between_the_two(self):
        page = await self.at()
        seen: list[tuple[str, str | bytes]] = []

        def between(socket: WebSocketRoute) -> None:
            server = socket.connect_to_server()

            def out(data: str | bytes) -> None:
                seen.append(("out", data))
                server.send(data)

            def back(data: str | bytes) -> None:
                seen.append(("back", data))
                socket.send(data)

            socket.on_message(out)
            server.messages.subscribe(back)

        await page.route_web_socket(f"{self.ws}**", between)
        log = await self.talk(page, self.ws)
        self.assertEqual(log[:-1], ECHOED[:-1])
        self.assertEqual([data for way, data in seen if way == "out"], ["a", b"\x00\xff", b"blob", "z"])
        self.assertEqual([data for way, data in seen if way == "back"][-1], "echo z")

    async def test_messages_go_through_where_nobody_handles_them(self):
        page = await self.at()

        async def watch(socket: WebSocketRoute) -> None:
            socket.connect_to_server()

        await page.context.route_web_socket(f"{self.ws}**", watch)
        log = await self.talk(page, self.ws)
        self.assertEqual(log[:-1], ECHOED[:-1])

    async def test_a_handler_that_fails_leaves_it_connected(self):
        page = await self.at()

        def fails(socket: WebSocketRoute) -> None:
            raise ZeroDivisionError

        await page.route_web_socket(f"{self.ws}**", fails)
        log = await self.talk(page, self.ws)
        self.assertEqual(log[:-1], ECHOED[:-1])
        self.assertEqual(len(self.flushLoggedErrors(ZeroDivisionError)), 1)

    async def test_what_is_sent_before_the_server_is_there_comes_when_it_is(self):
        page = await self.at()

        def early(socket: WebSocketRoute) -> None:
            socket.connect_to_server()
            socket.send("early")
            socket.send(b"\x01")

        await page.route_web_socket("**/*", early)
        log = await self.talk(page, self.ws)
        self.assertEqual(log[:-1], ["open chat", "early", [1], *ECHOED[1:-1]])

    async def test_closing_the_pages_side_closes_the_servers(self):
        page = await self.at()
        sockets: list[WebSocketRoute] = []

        def connected(socket: WebSocketRoute) -> None:
            socket.connect_to_server()
            sockets.append(socket)

        await page.route_web_socket("**/*", connected)
        closed = page.evaluate(
            """url => new Promise(done => {
                window.opened = new Promise(open => {
                    const socket = new WebSocket(url);
                    socket.onopen = () => open(1);
                    socket.onclose = ({code, reason, wasClean}) => done([code, reason, wasClean]);
                });
            })""",
            self.ws,
        )
        await page.wait_for_function("window.opened")
        await sockets[0].close(3009, "oops")
        self.assertEqual(await closed, [3009, "oops", True])
        self.assertEqual(await self.closed.get(), (3009, "oops"))

    async def test_a_document_that_is_left_closes_its_sockets(self):
        page = await self.at()
        gone: DeferredQueue[object] = DeferredQueue()

        def mock(socket: WebSocketRoute) -> None:
            socket.on_close(lambda code, reason: gone.put((socket.url[-1:], code, reason)))
            socket.messages.subscribe(lambda _: None, on_completed=lambda: gone.put(f"{socket.url[-1:]} ended"))

        await page.route_web_socket("ws://mock.test/*", mock)
        opened = "n => new Promise(done => { new WebSocket(`ws://mock.test/${n}`).onopen = () => done() })"
        await page.evaluate(opened, 1)
        await page.goto(self.server.url("/"))
        self.assertEqual([await gone.get(), await gone.get()], ["1 ended", ("1", 1001, None)])
        await page.set_content("<iframe src='/'></iframe>")
        await page.frames[1].evaluate(opened, 2)
        await page.evaluate("document.querySelector('iframe').remove()")
        self.assertEqual([await gone.get(), await gone.get()], ["2 ended", ("2", 1001, None)])
        await page.evaluate(opened, 3)
        await page.close()
        self.assertEqual([await gone.get(), await gone.get()], ["3 ended", ("3", 1001, None)])

    async def test_later_pages_documents_frames_and_workers(self):
        context = await self.context()
        await context.route_web_socket(
            "**/mock", lambda socket: socket.on_message(lambda data: socket.send(f"got {len(data)}"))
        )
        ask = """url => new Promise(done => {
            const socket = new WebSocket(url);
            socket.onopen = () => socket.send('1');
            socket.onmessage = ({data}) => done(data);
        })"""
        page = await context.new_page(self.server.url("/"))
        self.assertEqual(await page.evaluate(ask, "ws://a.test/mock"), "got 1")
        await page.goto(self.server.url("/", "localhost"))
        self.assertEqual(await page.evaluate(ask, "ws://a.test/mock"), "got 1")
        frame = f"const f = document.createElement('iframe'); f.src = '{self.server.url('/')}'; document.body.append(f)"
        async with page.frame_navigated.expect():
            await page.evaluate(f"{frame}; 0")
        await page.frames[1].wait_for_load_state()
        self.assertEqual(await page.frames[1].evaluate(ask, "ws://a.test/mock"), "got 1")
        worker = f"({ask})('ws://a.test/mock').then(postMessage)"
        script = """text => new Promise(done => {
            const worker = new Worker(`data:text/javascript,${encodeURIComponent(text)}`);
            worker.onmessage = event => done(event.data);
        })"""
        self.assertEqual(await page.evaluate(script, worker), "got 1")


class ClientTests(SharedBrowserTestCase):
    async def test_what_it_shares_with_pages(self):
        context = await self.context(
            user_agent="Mine/1", extra_http_headers={"X-Own": "1"}, base_url=self.server.url("/")
        )
        seen: list[dict[str, str]] = []

        def render(request: Any) -> bytes:
            headers = request.requestHeaders.getAllRawHeaders()
            if request.path != b"/favicon.ico":
                seen.append({name.decode().lower(): values[0].decode() for name, values in headers})
            if request.path == b"/login":
                request.addCookie(b"session", b"1", httpOnly=True)
            if request.path == b"/stay":
                request.addCookie(b"session", b"1", httpOnly=True, max_age=b"3600")
            if request.path == b"/logout":
                request.addCookie(b"session", b"", max_age=b"0")
            if request.path == b"/moved":
                request.redirect(b"/login")
            body: bytes = request.content.read()
            return body or b"empty"

        self.server._pages.render = render  # type: ignore[method-assign]
        response = await context.request.post("/login", json={"a": 1})
        self.assertEqual((response.code, await response.json()), (200, {"a": 1}))
        self.assertEqual((seen[-1]["user-agent"], seen[-1]["x-own"]), ("Mine/1", "1"))
        self.assertEqual([each["httpOnly"] for each in await context.cookies()], [True])
        page = await context.new_page("/page")
        self.assertIn(
            {"session": "1"}, [{"session": each["cookie"].partition("=")[2]} for each in seen if "cookie" in each]
        )
        await page.evaluate("document.cookie = 'own=2'")
        await context.request.get("/again")
        self.assertEqual(set(seen[-1]["cookie"].split("; ")), {"session=1", "own=2"})
        await context.clear_cookies()
        await context.request.get("/moved")
        self.assertEqual([each["name"] for each in await context.cookies()], ["session"])
        await context.request.get("/stay")  # it has the same value
        self.assertEqual([each["expires"] > 0 for each in await context.cookies()], [True])
        await context.add_cookies([{"name": "other", "value": "1", "url": self.server.url("/")}])
        await context.request.get("/logout")
        self.assertEqual([each["name"] for each in await context.cookies()], ["other"])

    async def test_cookies_of_a_host_without_a_dot(self):
        context = await self.context(proxy={"server": f"127.0.0.1:{self.server.port}"})
        seen: list[str | None] = []

        def render(request: Any) -> bytes:
            if not request.uri.endswith(b"favicon.ico"):
                seen.append(request.getHeader("cookie"))
            if request.uri.endswith(b"/login"):
                request.addCookie(b"session", b"1")
            if request.uri.endswith(b"/logout"):
                request.addCookie(b"session", b"", max_age=b"0")
            return b""

        self.server._pages.render = render  # type: ignore[method-assign]
        await context.request.get("http://web/login")
        self.assertEqual([each["domain"] for each in await context.cookies()], ["web"])
        await (await context.new_page()).goto("http://web/page")
        await context.request.get("http://web/logout")
        self.assertEqual((seen, await context.cookies()), ([None, "session=1", "session=1"], []))

    async def test_cookies_that_are_in_no_ascii_or_that_the_browser_refuses(self):
        context = await self.context(base_url=self.server.url("/"))
        seen: list[str] = []
        odd = [
            "good=1",
            "caf\u00e9=\u00fc",
            "__Host-a=1",
            "a=b\x01c",
            f"long={'x' * 9000}",
            "",
            "a=1; Path=x; Domain=b",
        ]

        def render(request: Any) -> bytes:
            if request.path != b"/favicon.ico":
                seen.append((request.getHeader(b"cookie") or b"").decode())
            if request.path == b"/login":
                request.responseHeaders.setRawHeaders(b"set-cookie", [each.encode() for each in [*odd, "last=1"]])
            return b""

        self.server._pages.render = render  # type: ignore[method-assign]
        await context.request.get("/login")
        had = {each["name"]: each["value"] for each in await context.cookies()}
        self.assertEqual(had, {"good": "1", "caf\u00e9": "\u00fc", "last": "1"})
        page = await context.new_page("/page")
        await page.evaluate("document.cookie = '\u00e4=\u00f6'")
        await context.request.get("/again")
        had["\u00e4"] = "\u00f6"
        self.assertEqual(set(seen[-1].split("; ")), {f"{name}={value}" for name, value in had.items()})

    async def test_a_challenge_that_does_not_end(self):
        left: list[Any] = []

        def render(request: Any) -> Any:
            if request.getHeader("authorization"):
                return b"welcome"
            request.setResponseCode(401)
            request.responseHeaders.setRawHeaders("www-authenticate", ['Basic realm="here"'])
            request.write(b"who are ")
            left.append(request.notifyFinish())
            return NOT_DONE_YET

        self.server._pages.render = render  # type: ignore[method-assign]
        context = await self.context(http_credentials={"username": "me", "password": "secret"})
        response = await context.request.get(self.server.url("/data"))
        self.assertEqual(await response.text(), "welcome")
        await self.assertFailure(left[0], ConnectionDone, ConnectionLost)

    async def test_a_redirect_that_leads_nowhere(self):
        places = ["http://[", "//a]b/", "http://a:99999/", "file:///etc/passwd", f"http://{'a' * 300}/"]

        def render(request: Any) -> bytes:
            if request.path == b"/to":
                request.redirect(places[int(request.args[b"n"][0])].encode())
            return b""

        self.server._pages.render = render  # type: ignore[method-assign]
        page = await (await self.context()).new_page(self.server.url("/"))
        errors: list[Exception] = []

        async def handle(route: Route) -> None:
            errors.append(await self.fails(route.fetch(), NetworkError))
            await route.abort()

        await page.route("**/to?*", handle)
        for number in range(len(places)):
            await page.evaluate(f"fetch('/to?n={number}').catch(() => null)")
        self.assertEqual(["redirects to" in str(each) for each in errors], [True] * len(places))

    async def test_servers_that_ask_for_a_digest(self):
        factory = DigestCredentialFactory(b"md5", b"here")
        asked: list[tuple[str, bytes, str]] = []

        def render(request: Any) -> bytes:
            told = request.getHeader("authorization") or ""
            body: bytes = request.content.read()
            if request.path != b"/favicon.ico":
                asked.append((request.method.decode(), request.path, told.partition(" ")[0]))
            if request.path == b"/moved":
                request.redirect(b"/data?a=1")
                return b""
            if told.startswith("Digest "):
                given = factory.decode(told.removeprefix("Digest ").encode(), request.method, "127.0.0.1")
                if given.username == b"me" and given.checkPassword(b"secret"):
                    return b"welcome " + body
            challenge = factory.getChallenge("127.0.0.1")
            said = ", ".join(f'{name}="{value.decode()}"' for name, value in challenge.items())
            request.setResponseCode(401)
            request.responseHeaders.setRawHeaders("www-authenticate", ['Basic realm="here"', f"Digest {said}"])
            return b"who are you?"

        self.server._pages.render = render  # type: ignore[method-assign]
        me = {"username": "me", "password": "secret", "origin": self.server.url("")}
        for send in ("unauthorized", "always"):
            with self.subTest(send=send):
                asked.clear()
                context = await self.context(http_credentials={**me, "send": send}, base_url=self.server.url("/"))
                response = await context.request.post("/data", data=b"all of it")
                self.assertEqual((response.code, await response.text()), (200, "welcome all of it"))
                first = "Basic" if send == "always" else ""
                self.assertEqual(asked, [("POST", b"/data", first), ("POST", b"/data", "Digest")])
                response = await context.request.post("/moved", data=b"all of it")
                self.assertEqual((response.code, await response.text()), (200, "welcome "))
                self.assertEqual(asked[-1], ("GET", b"/data", "Digest"))
                page = await context.new_page("/data")  # as the browser does
                self.assertEqual(await page.evaluate("document.body.textContent"), "welcome ")
        asked.clear()
        context = await self.context(http_credentials={**me, "password": "wrong"}, base_url=self.server.url("/"))
        self.assertEqual((await context.request.get("/data")).code, 401)
        self.assertEqual([told for _, _, told in asked], ["", "Digest"])
        response = await context.request.get(self.server.url("/data", "localhost"))  # another origin
        self.assertEqual((response.code, asked[-1][-1]), (401, ""))
