"""What goes over the network, in a real browser: exchanges, requests, responses, bodies, sockets, waits."""

from __future__ import annotations

import gzip
import json
import shlex
import subprocess
from typing import Any

import treq
from autobahn.twisted.websocket import WebSocketServerFactory, WebSocketServerProtocol
from twisted.internet.defer import Deferred, gatherResults
from twisted.internet.protocol import connectionDone
from twisted.internet.threads import deferToThread
from twisted.python.failure import Failure
from twisted.web.http import Request as ServerRequest
from twisted.web.server import NOT_DONE_YET

from tests.browser.support import Answer, SharedBrowserTestCase, got, reactor, wait_for_what_was_sent
from txcdp.errors import (
    ActionTimeout,
    BodyEvicted,
    BodyOfRedirect,
    NavigationError,
    NetworkError,
    NoBody,
    SessionDetached,
)
from txcdp.network import Exchange, Request, WebSocket
from txcdp.page import Page
from txcdp.streams import first

#: Fetches a URL and reads all of the answer.
FETCH = "([url, options]) => fetch(url, options || {}).then(answer => answer.text())"


class Told(Answer):
    """An answer that keeps what it was asked with.

    :ivar bodies: of the requests.
    :ivar headers_asked: of the requests, by name in small letters.
    """

    def __init__(self, body: bytes = b"told", status: int = 200, **headers: str) -> None:
        named = {name.replace("_", "-"): value for name, value in headers.items()}
        super().__init__(body, status, {"content-type": "text/plain", **named})
        self.bodies: list[bytes] = []
        self.headers_asked: list[dict[str, str]] = []

    def give(self, request: ServerRequest) -> object:
        assert request.content is not None
        self.bodies.append(request.content.read())
        sent = request.requestHeaders.getAllRawHeaders()
        self.headers_asked.append({name.decode().lower(): b", ".join(values).decode() for name, values in sent})
        return super().give(request)


class Pieces(Answer):
    """An answer that is sent piece by piece, the next one when it is asked for.

    :ivar begun: fires when it is asked for.
    """

    def __init__(self, content_type: str) -> None:
        super().__init__(b"", 200, {"content-type": content_type})
        self.begun: Deferred[None] = Deferred()
        self._request: Any = None

    def give(self, request: ServerRequest) -> object:
        self.begin(request)
        self._request = request
        request.notifyFinish().addErrback(lambda _: None)
        request.write(b"")
        self.begun.callback(None)
        return NOT_DONE_YET

    def send(self, data: bytes) -> None:
        self._request.write(data)

    def end(self) -> None:
        self._request.finish()

    def break_off(self) -> None:
        self._request.transport.abortConnection()


class NetworkTestCase(SharedBrowserTestCase):
    """A test with streams of a shared browser: what it subscribes to is left at its end."""

    def setUp(self) -> None:
        super().setUp()
        wait_for_what_was_sent(self)
        self.tabs: list[Page] = []

    def collected(self, stream: Any) -> list[Any]:
        """Return a list that the items of a stream are put into, from now on."""
        items: list[Any] = []
        self.addCleanup(stream.subscribe(items.append).dispose)
        return items

    def put(self, path: str, answer: Answer) -> str:
        """Put an answer on the server, and return its URL."""
        self.server._pages.answers[path] = answer
        return self.server.url(path)

    async def opened(self, body: str = "<p>here") -> Page:
        """Return a page that is on the server."""
        tab = await self.page()
        self.tabs.append(tab)
        await tab.goto(self.server.page("/", body))
        return tab

    async def fetched(self, tab: Page, url: str, **options: Any) -> Exchange:
        """Have a page fetch something, and return the exchange at its end."""
        waiting = tab.wait_for_exchange(
            lambda each: each.url == url and each.finished and each.request.method != "OPTIONS"
        )
        await tab.evaluate(FETCH, [url, options])
        return await waiting

    def preflight(self, tab: Page, url: str) -> Deferred[Exchange]:
        """Wait for the preflight of what is fetched next, which the browser may tell of later than of that itself."""
        return tab.wait_for_exchange(lambda each: each.url == url and each.request.resource_type == "preflight")


class ExchangeTests(NetworkTestCase):
    async def test_a_document_and_what_it_asks_for(self):
        tab = await self.page()
        self.server.page("/style.css", "p {}", content_type="text/css")
        self.server.page("/code.js", "fetch('/data')", content_type="text/javascript")
        self.put("/data", Told())
        url = self.server.page("/", "<link rel=stylesheet href=/style.css><script src=/code.js></script>")
        streams = {name: self.collected(getattr(tab, name)) for name in ("requests", "responses", "requests_finished")}
        exchanges, failed = self.collected(tab.exchanges), self.collected(tab.requests_failed)
        data = tab.wait_for_exchange(lambda each: each.url.endswith("/data") and each.finished)
        response = got(await tab.goto(url + "#part"))
        await data
        paths = ["/", "/style.css", "/code.js", "/data"]
        for name, items in streams.items():
            found = [each.url.removeprefix(url[:-1]) for each in items]
            self.assertEqual(sorted(found), sorted(paths), name)
        self.assertEqual(failed, [])
        by_path = {each.url.removeprefix(url[:-1]): each for each in exchanges}
        self.assertEqual(
            {path: by_path[path].request.resource_type for path in paths},
            {"/": "document", "/style.css": "stylesheet", "/code.js": "script", "/data": "fetch"},
        )
        document = by_path["/"]
        self.assertIs(response, document.response)
        self.assertIs(response.exchange, document)
        self.assertIs(streams["requests"][0], document.request)
        self.assertTrue(document.request.is_navigation_request())
        self.assertFalse(by_path["/data"].request.is_navigation_request())
        self.assertTrue(all(each.frame is tab.main_frame and each.page is tab for each in by_path.values()))
        self.assertTrue(all(by_path[path].finished and by_path[path].failure is None for path in paths))
        self.assertIs(await document.request.response(), response)
        assert by_path["/data"].initiator is not None
        self.assertEqual(by_path["/data"].initiator.type, "script")
        self.assertIn(document.priority, ("VeryHigh", "High"))

    async def test_each_begins_once_and_ends_once(self):
        tab = await self.page()
        self.put("/data", Told())
        number = 200
        script = f"Promise.all([...Array({number}).keys()].map(n => fetch('/data?' + n).then(a => a.text())))"
        url = self.server.page("/", "<p>here")
        requests, finished, failed = (
            self.collected(each) for each in (tab.requests, tab.requests_finished, tab.requests_failed)
        )
        await tab.goto(url)
        await tab.evaluate(script)
        await tab.network_idle(idle=0.1)
        self.assertEqual(len({each.url for each in requests}), number + 1)
        self.assertEqual(len(requests), number + 1)
        self.assertEqual(len({*finished}), number + 1)
        self.assertEqual(len(finished), number + 1)
        self.assertEqual(failed, [])
        live = tab._tree.network._live.values()
        self.assertEqual([each.url for each in live if not each.url.endswith("/favicon.ico")], [])

    async def test_redirects(self):
        tab = await self.page()
        self.server.page("/1", status=301, location="/2", set_cookie="first=1")
        self.server.page("/2", status=302, location="/3")
        end = self.server.page("/3", "there", x_hop="3")
        exchanges = self.collected(tab.exchanges)
        response = got(await tab.goto(self.server.url("/1")))
        self.assertEqual(response.url, end)
        hops = [each for each in exchanges if "favicon" not in each.url]
        self.assertEqual([each.response.status for each in hops], [301, 302, 200])
        self.assertEqual([each.url[-2:] for each in hops], ["/1", "/2", "/3"])
        self.assertIs(hops[0].redirected_to, hops[1])
        self.assertIs(hops[2].redirected_from, hops[1])
        last = response.request
        self.assertEqual([last.redirected_from, last.redirected_to], [hops[1].request, None])
        self.assertIsNone(hops[0].redirected_from)
        self.assertIn("first=1", (await hops[0].response.all_headers())["set-cookie"])
        self.assertEqual(await response.header_value("X-Hop"), "3")
        self.assertIsNone(await response.header_value("set-cookie"))
        self.assertEqual((await hops[1].request.all_headers())["cookie"], "first=1")
        await self.fails(hops[0].body(), BodyOfRedirect)
        self.assertEqual(await hops[2].body(), b"there")

    async def test_redirects_where_nobody_listens(self):
        tab = await self.page()
        self.server.page("/1", status=302, location="/2", set_cookie="a=b")
        self.server.page("/2", "there")
        response = got(await tab.goto(self.server.url("/1")))
        before = response.request.redirected_from
        assert before is not None
        self.assertEqual(before.url, self.server.url("/1"))
        first_response = await before.response()
        assert first_response is not None
        self.assertEqual(first_response.status, 302)
        self.assertEqual(await first_response.header_values("set-cookie"), ["a=b"])
        self.assertEqual((await response.request.all_headers())["cookie"], "a=b")

    async def test_headers_as_they_were_sent(self):
        tab = await self.opened()
        told = Told(b"told", x_two="a", set_cookie="c=d; HttpOnly")
        url = self.put("/data", told)
        await tab.context.add_cookies([{"name": "e", "value": "f", "url": url}])
        exchange = await self.fetched(tab, url, headers={"X-Ours": "yes"})
        request, response = exchange.request, await exchange.when_response()
        self.assertEqual(request.headers["x-ours"], "yes")
        self.assertNotIn("cookie", request.headers)
        sent = await request.all_headers()
        self.assertEqual({name: sent[name] for name in told.headers_asked[0]}, told.headers_asked[0])
        self.assertEqual(await request.header_value("Cookie"), "e=f")
        self.assertIn("X-Ours", [each["name"].title() for each in await request.headers_array()])
        self.assertNotIn("set-cookie", response.headers)
        self.assertEqual((await response.all_headers())["set-cookie"], "c=d; HttpOnly")
        self.assertEqual(response.headers["x-two"], "a")
        self.assertEqual((response.status, response.status_text, response.ok), (200, "OK", True))
        self.assertEqual(await response.http_version(), "HTTP/1.1")
        self.assertEqual(await response.server_addr(), {"ipAddress": "127.0.0.1", "port": self.server.port})

    async def test_a_header_that_came_twice(self):
        class Twice(Told):
            def give(self, request: ServerRequest) -> object:
                for value in (b"a=1", b"b=2"):
                    request.responseHeaders.addRawHeader(b"set-cookie", value)
                    request.responseHeaders.addRawHeader(b"x-twice", value)
                return super().give(request)

        tab = await self.opened()
        response = await (await self.fetched(tab, self.put("/data", Twice()))).when_response()
        self.assertEqual(await response.header_values("Set-Cookie"), ["a=1", "b=2"])
        self.assertEqual(await response.header_value("set-cookie"), "a=1\nb=2")
        self.assertEqual(await response.header_value("x-twice"), "a=1, b=2")
        self.assertEqual(len([each for each in await response.headers_array() if each["name"].lower() == "x-twice"]), 2)

    async def test_failures(self):
        tab = await self.opened()
        failed = self.collected(tab.requests_failed)
        url = "http://127.0.0.1:9/"  # nobody listens there
        waiting = tab.wait_for_exchange(lambda each: each.url == url and each.finished)
        await tab.evaluate("url => fetch(url).catch(() => null)", url)
        exchange = await waiting
        self.assertEqual([each.failure for each in failed], [exchange.request.failure])
        self.assertRegex(exchange.failure or "", r"^net::ERR_(CONNECTION_REFUSED|UNSAFE_PORT)$")
        self.assertIsNone(await exchange.request.response())
        error = await self.fails(exchange.when_response(), NetworkError)
        self.assertIn("net::ERR_", str(error))
        await self.fails(exchange.body(), NetworkError)
        self.assertIs(await exchange.when_finished(), exchange)

    async def test_a_request_that_is_given_up(self):
        tab = await self.opened()
        held = self.server.held("/held", "begins")
        begun = tab.requests.expect("**/held")
        async with begun:
            await tab.evaluate(
                "() => { stop = new AbortController(); fetch('/held', {signal: stop.signal}).catch(() => 0) }"
            )
        request = await begun.value
        await request.exchange.when_response()
        async with tab.requests_failed.expect("**/held") as failed:
            await tab.evaluate("() => stop.abort()")
        self.assertIs(await failed.value, request)
        self.assertEqual(request.failure, "net::ERR_ABORTED")
        held.release()

    async def test_what_ends_with_its_document_and_with_the_page(self):
        tab = await self.opened()
        self.server.held("/held")
        async with tab.exchanges.expect("**/held") as begun:
            await tab.goto(self.server.page("/asks", "<script>fetch('/held')</script>"))
        left = await begun.value
        async with tab.exchanges.expect("**/held") as begun:
            await tab.reload()
        await left.when_finished()
        self.assertIsNotNone(left.failure)
        self.assertEqual(left.request.failure, "net::ERR_ABORTED")
        last = await begun.value
        failing = Deferred.fromCoroutine(self.fails(last.when_response(), NetworkError))
        waiting = [last.when_finished(), failing, last.request.response()]
        hanging = Deferred.fromCoroutine(self.fails(tab.wait_for_exchange("**/nothing", timeout=None), SessionDetached))
        await tab.close()
        self.assertIs((await gatherResults(waiting))[0], last)
        await hanging
        await self.fails(tab.network_idle(), SessionDetached)

    async def test_what_a_page_has_asked_for_before_it_went_anywhere(self):
        tab = await self.page()
        self.tabs.append(tab)
        self.server.held("/held")
        async with tab.exchanges.expect("**/held") as begun:
            await tab.evaluate("url => { fetch(url).catch(() => 0) }", self.server.url("/held"))
        left = await begun.value
        await tab.goto(self.server.page("/", "<p>here"))
        await left.when_finished()
        self.assertEqual(left.request.failure, "net::ERR_ABORTED")

    async def test_times_and_sizes(self):
        tab = await self.opened()
        body = b"x" * 5000
        url = self.put("/data", Told(gzip.compress(body), content_encoding="gzip"))
        exchange = await self.fetched(tab, url, method="POST", body="abc")
        sizes = await exchange.request.sizes()
        self.assertEqual(sizes["requestBodySize"], 3)
        self.assertEqual(sizes["responseBodySize"], len(gzip.compress(body)))
        self.assertGreater(sizes["requestHeadersSize"], 100)
        self.assertGreater(sizes["responseHeadersSize"], 50)
        timing = exchange.request.timing
        times = [timing[name] for name in ("request_start", "response_start", "response_end")]
        self.assertEqual(times, sorted(times))
        self.assertLess(abs(timing["start_time"] - reactor.seconds()), 240)
        self.assertIsNone(timing["secure_connection_start"])
        self.assertEqual(await exchange.body(), body)

    async def test_caches(self):
        tab = await self.opened()
        cached = self.put("/cached", Told(b"kept", cache_control="max-age=1000"))

        class Validated(Told):
            def give(self, request: ServerRequest) -> object:
                if request.getHeader("if-none-match") == '"1"':
                    request.setResponseCode(304)
                    return b""
                return super().give(request)

        etag = self.put("/etag", Validated(b"etag", etag='"1"', cache_control="no-cache"))
        outcomes = []
        for url in (cached, cached, etag, etag):
            exchange = await self.fetched(tab, url)
            response = await exchange.when_response()
            await response.all_headers()
            outcomes.append((response.status, response.from_cache, await response.text()))
        self.assertEqual(outcomes[:2], [(200, False, "kept"), (200, True, "kept")])
        self.assertEqual([(each[0], each[2]) for each in outcomes[2:]], [(200, "etag"), (304, "etag")])

    async def test_what_programs_do_not_mean_by_requests(self):
        tab = await self.opened()
        exchanges, requests = self.collected(tab.exchanges), self.collected(tab.requests)
        other = self.put("/cors", Told(access_control_allow_origin="*", access_control_allow_headers="x-a"))
        other = other.replace("127.0.0.1", "localhost")
        preflight = self.preflight(tab, other)
        exchange = await self.fetched(tab, other, headers={"x-a": "1"})
        await preflight
        await tab.evaluate(FETCH, ["data:text/plain,here"])
        await tab.evaluate("fetch(URL.createObjectURL(new Blob(['blob']))).then(answer => answer.text())")
        self.assertEqual(await exchange.body(), b"told")
        kinds = [each.request.resource_type for each in exchanges if each.url == other]
        self.assertEqual(sorted(kinds), ["fetch", "preflight"])
        self.assertEqual(
            [each.url.partition(":")[0] for each in requests if "favicon" not in each.url], ["http", "blob"]
        )
        for scheme, body in (("blob:", b"blob"), ("data:", b"here")):  # the page's icon may come in between
            self.assertEqual(await next(each for each in exchanges if each.url.startswith(scheme)).body(), body)

    async def test_beacons_and_event_sources(self):
        tab = await self.opened()
        told = Told()
        self.put("/beacon", told)
        pieces = Pieces("text/event-stream")
        self.put("/events", pieces)
        sent = tab.wait_for_exchange(lambda each: each.url.endswith("/beacon") and each.finished)
        await tab.evaluate("navigator.sendBeacon('/beacon', 'abc')")
        beacon = await sent
        self.assertEqual(
            (beacon.request.resource_type, beacon.request.post_data, beacon.failure), ("ping", "abc", None)
        )
        async with tab.exchanges.expect("**/events") as begun:
            await tab.evaluate("() => { source = new EventSource('/events') }")
        source = await begun.value
        events = self.collected(source.server_sent_events)
        ended = []
        source.server_sent_events.subscribe(on_completed=lambda: ended.append(True))
        await source.when_response()
        coming = first(source.server_sent_events.skip(1))
        pieces.send(b"id: 7\nevent: news\ndata: one\ndata: two\n\ndata: three\n\n")
        await coming
        self.assertEqual([(each.name, each.data, each.id) for each in events], [
            ("news", "one\ntwo", "7"), ("message", "three", "7"),
        ])  # fmt: skip
        self.assertEqual(source.request.resource_type, "eventsource")
        await tab.evaluate("() => source.close()")
        await source.when_finished()
        self.assertEqual(ended, [True])

    async def test_workers_and_frames_in_other_processes(self):
        tab = await self.page()
        self.put("/asked", Told(b"told"))
        self.server.page(
            "/worker.js", "fetch('/asked?worker').then(a => a.text()).then(postMessage)", content_type="text/javascript"
        )
        self.server.page("/inner", "<script>fetch('/asked?inner')</script>")
        inner = self.server.url("/inner", "localhost")
        self.server.page("/", f"<iframe src={inner}></iframe><script>new Worker('/worker.js')</script>")
        exchanges = self.collected(tab.exchanges)
        of_worker: list[Exchange] = []
        tab.worker_started.each(lambda worker: worker.exchanges.subscribe(of_worker.append))
        asked = [
            tab.wait_for_exchange(lambda each: each.url.endswith("/asked?worker") and each.finished),
            tab.wait_for_exchange(lambda each: each.url.endswith("/asked?inner") and each.finished),
        ]
        await tab.goto(self.server.url("/"))
        by_worker, by_frame = [await each for each in asked]
        self.assertIs(by_worker.worker, tab.workers[0])
        self.assertIn(by_worker, of_worker)
        self.assertIs(by_worker.frame, tab.main_frame)
        self.assertEqual(await by_worker.body(), b"told")
        self.assertEqual((by_frame.worker, by_frame.frame), (None, tab.frames[1]))
        self.assertEqual(await by_frame.body(), b"told")
        documents = [each for each in exchanges if each.request.resource_type == "document"]
        self.assertEqual([each.frame for each in documents], tab.frames)
        self.assertEqual(len({each.url for each in exchanges}), len(exchanges))
        self.assertTrue(all(each.page is tab for each in exchanges))

    async def test_contexts_and_the_browser(self):
        tab = await self.opened()
        context = self.collected(tab.context.requests)
        browser = self.collected(tab.browser.exchanges)
        other = await tab.context.new_page()
        await self.fetched(tab, self.put("/data", Told()))
        await other.goto(self.server.page("/other", "other"))
        await tab.close()
        await other.reload()
        expected = ["/data", "/other", "/other"]
        for items in (context, browser):
            paths = [each.url.removeprefix(self.server.url("")) for each in items]
            self.assertEqual([each for each in paths if each != "/favicon.ico"], expected)

    async def test_service_workers_and_popups_of_a_context(self):
        told = Told(b"from the server")
        self.put("/asked", told)
        script = (
            "onactivate = event => event.waitUntil(clients.claim());"
            "onfetch = event => { if (event.request.url.includes('answered'))"
            " event.respondWith(fetch('/asked?worker')) }"
        )
        self.server.page("/service.js", script, content_type="text/javascript")
        begin = "navigator.serviceWorker.register('/service.js').then(() => navigator.serviceWorker.ready)"
        self.server.page("/", f"<script>ready = {begin}</script>")
        self.server.page("/popup", "<script>fetch('/asked?popup')</script>")
        context = await self.context()
        exchanges, requests = self.collected(context.exchanges), self.collected(context.requests)
        tab = await context.new_page()
        await tab.goto(self.server.url("/"))
        await tab.evaluate("ready.then(() => 1)")
        await tab.reload()
        asked = first(context.exchanges, lambda each: each.url.endswith("/asked?worker"))
        answered = await self.fetched(tab, self.server.url("/answered"))
        by_worker = await asked
        await by_worker.when_finished()
        self.assertEqual((answered.from_service_worker, await answered.body()), (True, b"from the server"))
        self.assertIs(by_worker.worker, context.service_workers[0])
        self.assertEqual((by_worker.page, by_worker.frame), (None, None))
        self.assertEqual((await by_worker.when_response()).status, 200)
        self.assertEqual([each for each in exchanges if each.url.endswith("worker")], [by_worker])
        self.assertIn(by_worker.request, requests)
        async with context.requests_finished.expect("**/asked?popup"):
            await tab.evaluate("() => { open('/popup') }")
        self.assertEqual(len([each for each in requests if each.url.endswith("/popup")]), 1)

    async def test_nothing_is_held_for_who_does_not_listen(self):
        tab = await self.opened()
        network = tab._tree.network
        listening = tab.requests.subscribe(lambda _: None)
        await self.fetched(tab, self.put("/data", Told()))
        listening.dispose()
        self.assertFalse(network.sessions.listening)
        self.server.held("/held")
        await tab.evaluate("() => { fetch('/held') }")
        await tab.evaluate(FETCH, ["/data"])
        self.assertEqual([each.url for each in network.rows() if not each.url.endswith("/favicon.ico")], [])
        self.assertTrue(all(each.url.endswith("/favicon.ico") for each in network._live.values()))
        self.assertGreaterEqual(len(network.sessions.unfollowed._kept), 1)
        await tab.goto("about:blank")
        self.assertEqual([each for each in network._live.values() if not each.url.endswith("/favicon.ico")], [])


class PostDataTests(NetworkTestCase):
    async def test_bodies_of_requests(self):
        tab = await self.opened()
        told = Told()
        url = self.put("/data", told)
        for body, data in (
            ("'a=b'", b"a=b"),
            ("new Uint8Array([0, 255, 1])", b"\x00\xff\x01"),
            ("'h\\u00e9'", "h\u00e9".encode()),
        ):
            waiting = tab.wait_for_exchange(lambda each: each.url == url and each.finished)
            await tab.evaluate(f"fetch('/data', {{method: 'POST', body: {body}}}).then(answer => answer.text())")
            request = (await waiting).request
            self.assertEqual((request.method, request.has_post_data), ("POST", True))
            self.assertEqual(request.post_data_buffer, data)
            self.assertEqual(await request.fetch_post_data(), data)
            self.assertEqual(told.bodies[-1], data)

    async def test_json_and_forms(self):
        tab = await self.opened()
        url = self.put("/data", Told())
        exchange = await self.fetched(tab, url, method="POST", body=json.dumps({"a": [1, None]}))
        self.assertEqual(exchange.request.post_data_json, {"a": [1, None]})
        form = {"content-type": "application/x-www-form-urlencoded; charset=utf-8"}
        exchange = await self.fetched(tab, url, method="POST", body="a=1&b=%26&c=", headers=form)
        self.assertEqual(exchange.request.post_data_json, {"a": "1", "b": "&", "c": ""})
        exchange = await self.fetched(tab, url)
        self.assertEqual(
            (exchange.request.post_data, exchange.request.post_data_json, exchange.request.has_post_data),
            (None, None, False),
        )
        await self.fails(exchange.request.fetch_post_data(), NoBody)

    async def test_large_ones(self):
        tab = await self.opened()
        url = self.put("/data", Told())
        text = "0123456789" * 10_000
        exchange = await self.fetched(tab, url, method="POST", body=text)
        self.assertEqual((exchange.request.post_data, exchange.request.has_post_data), (text, True))
        text *= 12
        exchange = await self.fetched(tab, url, method="POST", body=text)
        self.assertEqual((exchange.request.post_data, exchange.request.has_post_data), (None, True))
        self.assertEqual(await exchange.request.fetch_post_data(), text.encode())


class BodyTests(NetworkTestCase):
    async def test_text_by_its_charset(self):
        tab = await self.opened()
        cases = (
            ("\u00e4".encode("cp1252"), "text/plain; charset=ISO-8859-1", "\u00e4"),
            ("\u20ac".encode("cp1252"), "text/plain; charset=latin1", "\u20ac"),
            ("\u4e2d".encode("gb18030"), 'text/plain; charset="GB2312"', "\u4e2d"),
            ("\u00e4".encode(), "text/plain", "\u00e4"),
            ("\ufeff\u00e4".encode("utf-16-le"), "text/plain; charset=utf-8", "\u00e4"),
            ("\ufeff\u00e4".encode(), "application/json", "\u00e4"),
            (b"\xff", "text/plain", "\ufffd"),
            ("\u00e4".encode(), "text/plain; charset=nonsense", "\u00e4"),
        )
        for number, (body, content_type, text) in enumerate(cases):
            url = self.put(f"/{number}", Told(body, content_type=content_type))
            response = await (await self.fetched(tab, url)).when_response()
            self.assertEqual((await response.text(), await response.body()), (text, body), content_type)

    async def test_bodies_that_are_none(self):
        tab = await self.opened()
        url = self.put("/none", Told(b"", 204))
        exchange = await self.fetched(tab, url)
        self.assertIsNone(exchange.failure)
        await self.fails(exchange.body(), NoBody)
        self.assertEqual(await (await exchange.when_response()).text(), "")
        head = await self.fetched(tab, self.put("/head", Told()), method="HEAD")
        self.assertIsNone(head.failure)
        await self.fails(head.body(), NoBody)
        empty = await self.fetched(tab, self.put("/empty", Told(b"")))
        self.assertEqual(await empty.body(), b"")

    async def test_a_body_that_is_gone(self):
        tab = await self.opened()
        exchange = await self.fetched(tab, self.put("/data", Told()))
        other = await self.fetched(tab, self.server.url("/data"))
        self.assertEqual(await other.body(), b"told")
        await tab.goto(self.server.url("/data"))
        await tab.goto("about:blank")
        error = await self.fails(exchange.body(), BodyEvicted)
        self.assertIn("read bodies as soon as they are complete", str(error))
        self.assertEqual(await other.body(), b"told")  # it was read before

    async def test_a_body_that_the_browser_does_not_tell(self):
        tab = await self.opened()
        url = self.put("/data", Told())
        waiting = tab.wait_for_exchange(lambda each: each.url == url and each.finished)
        await tab.evaluate("fetch('/data').then(answer => answer.blob()).then(blob => blob.size)")
        self.assertIn("Blob", str(await self.fails((await waiting).body(), NoBody)))

    async def test_json(self):
        tab = await self.opened()
        response = await (await self.fetched(tab, self.put("/data", Told(b'{"a": [1]}')))).when_response()
        self.assertEqual(await response.json(), {"a": [1]})
        await response.finished()

    async def test_chunks_as_they_come(self):
        tab = await self.opened()
        pieces = Pieces("text/plain")
        self.put("/pieces", pieces)
        chunks: list[bytes] = []
        ended: list[Any] = []
        coming: list[Deferred[None]] = []

        def take(chunk: bytes) -> None:
            chunks.append(chunk)
            coming.pop().callback(None)

        def begun(exchange: Exchange) -> None:
            if exchange.url.endswith("/pieces"):
                exchange.chunks.subscribe(take, ended.append, lambda: ended.append(None))

        self.addCleanup(tab.exchanges.subscribe(begun).dispose)
        await tab.evaluate("() => { done = fetch('/pieces').then(answer => answer.text()) }")
        await pieces.begun
        for piece in (b"one" * 1000, b"two" * 2000, b"three"):
            received: Deferred[None] = Deferred()
            coming.append(received)
            pieces.send(piece)
            await received
        pieces.end()
        self.assertEqual(await tab.evaluate("done"), "one" * 1000 + "two" * 2000 + "three")
        while not ended:  # it is told of by another event than what the page has awaited
            await tab.wait_for_timeout(0.02)
        self.assertEqual((chunks, ended), ([b"one" * 1000, b"two" * 2000, b"three"], [None]))

    async def test_chunks_that_break_off_and_of_what_has_ended(self):
        tab = await self.opened()
        pieces = Pieces("text/plain")
        self.put("/pieces", pieces)
        async with tab.exchanges.expect("**/pieces") as begun:
            await tab.evaluate("() => { fetch('/pieces').then(answer => answer.text()).catch(() => 0) }")
        exchange = await begun.value
        failing = first(exchange.chunks.skip(1))
        came = first(exchange.data)
        await pieces.begun
        pieces.send(b"x" * 100)
        self.assertEqual((await came).data_length, 100)
        pieces.break_off()
        error = await self.fails(failing, NetworkError)
        self.assertIn("net::ERR_", str(error))
        whole = await self.fetched(tab, self.put("/data", Told(gzip.compress(b"abc"), content_encoding="gzip")))
        self.assertEqual(await first(whole.chunks), b"abc")

    async def test_many_bodies_at_a_time_as_chunks(self):
        tab = await self.opened()
        bodies = {f"/{number}": bytes([number % 256]) * (number * 997) for number in range(1, 150)}
        for path, body in bodies.items():
            self.put(path, Told(body))
        received: dict[str, bytes] = {}
        ended: list[Deferred[Any]] = []

        def begun(exchange: Exchange) -> None:
            path = exchange.url.removeprefix(self.server.url(""))
            if path in bodies:
                received[path] = b""

                def take(chunk: bytes) -> None:
                    received[path] += chunk

                done: Deferred[None] = Deferred()
                ended.append(done)
                exchange.chunks.subscribe(take, done.errback, lambda: done.callback(None))

        self.addCleanup(tab.exchanges.subscribe(begun).dispose)
        script = (
            "paths => Promise.all(paths.map(path => fetch(path).then(a => a.arrayBuffer()))).then(all => all.length)"
        )
        self.assertEqual(await tab.evaluate(script, list(bodies)), len(bodies))
        await gatherResults(ended)
        self.assertEqual(received, bodies)


class CallTests(NetworkTestCase):
    async def test_curl_and_treq(self):
        tab = await self.opened()
        told = Told()
        url = self.put("/data?a=b'c", told) and self.server.url("/data?a=b'c")
        self.put("/data", told)
        await tab.context.add_cookies([{"name": "e", "value": "f", "url": url}])
        for body in (["text", "it's"], ["json", '{"a": "h\u00e9\\n"}'], ["binary", [0, 39, 255]]):
            waiting = tab.wait_for_exchange(lambda each: "/data" in each.url and each.finished)
            script = (
                "([url, body]) => fetch(url, {method: 'PUT', headers: {'X-Ours': \"a'b\"},"
                " body: typeof body == 'string' ? body : new Uint8Array(body)}).then(a => a.text())"
            )
            await tab.evaluate(script, [url, body[1]])
            exchange = await waiting
            line = exchange.as_curl()
            self.assertIn("curl", shlex.split(line))
            ran = await deferToThread(
                subprocess.run, ["bash", "-c", f"{line} --silent"], capture_output=True, timeout=60
            )
            self.assertEqual(ran.stdout, b"told")
            answer = await treq.request(**exchange.as_treq(), persistent=False)
            self.assertEqual(await answer.text(), "told")
            self.assertEqual(told.bodies, told.bodies[:1] * 3)
            names = ("cookie", "x-ours", "user-agent", "origin", "referer", "content-type")
            sent = [{name: each.get(name) for name in names} for each in told.headers_asked]
            self.assertEqual(sent[1:], sent[:1] * 2)
            told.bodies.clear()
            told.headers_asked.clear()


class Echoing(WebSocketServerProtocol):
    """A server that sends back what it gets."""

    def onConnect(self, request: object) -> None:
        self.factory.gone.append(Deferred())
        self._gone = self.factory.gone[-1]

    def connectionLost(self, reason: Failure = connectionDone) -> None:
        super().connectionLost(reason)
        self._gone.callback(None)

    def onMessage(self, payload: bytes, isBinary: bool) -> None:
        self.sendMessage(payload, isBinary)


class WebSocketTestCase(NetworkTestCase):
    """A test with a WebSocket server."""

    def echoing(self) -> str:
        """Return the URL of a WebSocket server."""
        factory: Any = WebSocketServerFactory()
        factory.protocol = Echoing
        factory.gone = []
        port = reactor.listenTCP(0, factory, interface="127.0.0.1")

        async def stop() -> None:
            for each in self.tabs:
                await each.close()
            await gatherResults(factory.gone)
            await port.stopListening()

        self.addCleanup(lambda: Deferred.fromCoroutine(stop()))
        return f"ws://127.0.0.1:{port.getHost().port}/echo"


class WebSocketTests(WebSocketTestCase):
    async def test_frames(self):
        tab = await self.opened()
        sent: list[Any] = []
        received: list[Any] = []
        sockets: list[WebSocket] = []

        def opened(socket: WebSocket) -> None:
            sockets.append(socket)
            socket.frames_sent.subscribe(sent.append)
            socket.frames_received.subscribe(received.append)

        self.addCleanup(tab.web_sockets.subscribe(opened).dispose)
        exchanges, requests = self.collected(tab.exchanges), self.collected(tab.requests)
        url = self.echoing()
        script = (
            "url => new Promise(done => { const socket = new WebSocket(url); socket.onclose = done;"
            "socket.onmessage = event => { if (event.data === 'bye') socket.close() };"
            "socket.onopen = () => { socket.send('h\u00e9'); socket.send(new Uint8Array([1, 255]));"
            " socket.send('bye') } })"
            ".then(() => 1)"
        )
        await tab.evaluate(script, url)
        self.assertIsNone(await sockets[0].when_closed())
        self.assertEqual(sent, ["h\u00e9", b"\x01\xff", "bye"])
        self.assertEqual(received, sent)
        socket = sockets[0]
        self.assertEqual((socket.url, socket.is_closed(), socket.page, len(sockets)), (url, True, tab, 1))
        self.assertEqual([each for each in exchanges if each.web_socket is not None], [socket.exchange])
        self.assertIs(socket.exchange.web_socket, socket)
        self.assertEqual(requests, [])
        self.assertEqual(socket.exchange.request.resource_type, "websocket")
        self.assertEqual(socket.exchange.request.headers["upgrade"], "websocket")
        response = await socket.exchange.when_response()
        self.assertEqual(response.status, 101)
        await self.fails(socket.exchange.body(), NoBody)

    async def test_one_that_is_refused_and_one_that_is_left(self):
        tab = await self.opened()
        async with tab.web_sockets.expect("ws://**/refused") as expected:
            await tab.evaluate("url => { new WebSocket(url) }", self.server.url("/refused").replace("http", "ws"))
        refused = await expected.value
        self.assertIn("404", await refused.when_closed() or "")
        async with tab.web_sockets.expect() as expected:
            await tab.evaluate(
                "url => new Promise(done => { new WebSocket(url).onopen = () => done(1) })", self.echoing()
            )
        socket = await expected.value
        await socket.exchange.when_response()
        self.assertFalse(socket.is_closed())
        ended: list[int] = []
        socket.frames_received.subscribe(on_completed=lambda: ended.append(1))
        await tab.goto("about:blank")
        await socket.when_closed()
        self.assertEqual((socket.is_closed(), ended), (True, [1]))


class WaitTests(NetworkTestCase):
    async def test_an_exchange(self):
        tab = await self.opened()
        url = self.put("/data", Told(b"", 418))
        seen: list[tuple[bool, bool]] = []

        def is_it(exchange: Exchange) -> bool:
            if exchange.url == url:
                seen.append((exchange.response is not None, exchange.finished))
            return exchange.url == url and exchange.finished

        waiting = tab.wait_for_exchange(is_it)
        by_glob, by_status = (
            tab.wait_for_exchange("**/data"),
            tab.wait_for_exchange(lambda each: each.response is not None and each.response.status == 418),
        )
        await tab.evaluate(FETCH, [url])
        exchange = await waiting
        self.assertEqual(seen, [(False, False), (True, False), (True, True)])
        self.assertIs(await by_glob, exchange)
        self.assertIs(await by_status, exchange)
        self.assertFalse(tab._tree.network.sessions.listening)

    async def test_it_fails_and_is_cancelled(self):
        tab = await self.opened()
        error = await self.fails(tab.wait_for_exchange("**/never", timeout=0.05), ActionTimeout)
        self.assertIn("**/never", str(error))
        waiting = tab.wait_for_exchange(lambda _: 1 / 0)
        await tab.reload()
        await self.fails(waiting, ZeroDivisionError)
        cancelled = tab.wait_for_exchange("**")
        cancelled.addErrback(lambda _: None)
        cancelled.cancel()
        self.assertEqual((tab._tree.network.waits._waits, tab._tree.network.sessions.listening), ({}, False))

    async def test_patterns_that_are_relative_to_the_base_url(self):
        browser = await self.borrowed()
        context = await browser.new_context(base_url=self.server.url("/app/"))
        self.addCleanup(context.close)
        tab = await context.new_page()
        self.server.page("/app/page", "here")
        waiting = tab.wait_for_exchange("page")
        async with (
            tab.requests.expect("/app/page") as request,
            tab.responses.expect("page") as response,
            context.requests_finished.expect("./page") as finished,
        ):
            await tab.goto("page")
        self.assertIs((await request.value).exchange, await waiting)
        self.assertIs(await response.value, (await waiting).response)
        self.assertIs(await finished.value, await request.value)

    async def test_an_idle_network(self):
        tab = await self.opened()
        held, other = self.server.held("/held"), self.server.held("/other")
        await tab.evaluate("() => { fetch('/held').then(a => a.text()) }")
        await held.asked  # it began before anybody listened
        error = await self.fails(tab.network_idle(idle=0.01, timeout=0.1), ActionTimeout)
        self.assertIn("1 under way", str(error))
        self.assertIn("/held", str(error))
        await tab.network_idle(idle=0.01, in_flight=1)
        wrong: Any
        for wrong in ({"idle": -1}, {"idle": float("inf")}, {"idle": float("nan")}, {"in_flight": -1}):
            await self.fails(tab.network_idle(**wrong), ValueError)
        for wrong in ({"idle": "1"}, {"idle": None}, {"in_flight": 0.5}):
            await self.fails(tab.network_idle(**wrong), TypeError)
        idle = tab.network_idle(idle=0.01)
        async with tab.requests.expect("**/other"):
            await tab.evaluate("() => { fetch('/other').then(a => a.text()) }")
        ended: list[str] = []
        tab.requests_finished.subscribe(lambda request: ended.append(request.url[-5:]))
        idle.addCallback(lambda _: ended.append("idle"))
        held.release()
        await tab.wait_for_exchange(lambda each: each.url.endswith("/held") and each.finished)
        self.assertEqual(ended, ["/held"])
        other.release()
        await idle
        self.assertEqual(ended, ["/held", "other", "idle"])

    async def test_what_does_not_keep_a_network_busy(self):
        tab = await self.opened()
        self.put("/events", Pieces("text/event-stream"))
        self.server.held("/beacon")
        self.server.held("/gone")
        async with tab.exchanges.expect("**/gone"):
            await tab.evaluate("() => { fetch('/gone') }")
        await tab.reload()  # which has no end of its own
        async with tab.exchanges.expect("**/events"), tab.exchanges.expect("**/beacon"):
            await tab.evaluate("() => { new EventSource('/events'); navigator.sendBeacon('/beacon') }")
        await tab.network_idle(idle=0.01)

    async def test_requests_of_workers_count(self):
        tab = await self.page()
        held = self.server.held("/held")
        self.server.page("/worker.js", "fetch('/held').then(a => a.text())", content_type="text/javascript")
        await tab.goto(self.server.page("/", "<script>new Worker('/worker.js')</script>"))
        await held.asked
        await tab.workers[0].evaluate("1")  # so that all is told that was before
        await self.fails(tab.network_idle(idle=0.01, timeout=0.1), ActionTimeout)
        held.release()
        await tab.network_idle(idle=0.01)

    async def test_the_script_of_a_shared_worker_does_not(self):
        tab = await self.page()
        self.server.page("/shared.js", "onconnect = e => e.ports[0].postMessage(1)", content_type="text/javascript")
        await tab.goto(self.server.page("/", "<p>"))
        async with tab.exchanges.expect("**/shared.js") as expected:
            await tab.evaluate("""new Promise(done => {
                window.kept = new SharedWorker('/shared.js#part'); kept.port.onmessage = () => done() })""")
        await tab.network_idle(idle=0.01)  # though nobody tells of its end
        self.assertTrue((await expected.value)._row.is_untold_script)


class NavigationTests(NetworkTestCase):
    async def test_the_response_of_goto(self):
        tab = await self.page()
        held = self.server.held("/", "<p>begins")
        going = tab.goto(self.server.url("/"), "commit")
        await held.asked
        response = got(await going)
        whole = response.finished()
        self.assertFalse(whole.called)
        held.release(b"<p>ends")
        await whole
        self.assertEqual(await response.body(), b"<p>begins<p>ends")
        self.assertEqual(
            response.exchange.sizes["responseBodySize"], len(b"<p>begins<p>ends") + len("9\r\n\r\n7\r\n\r\n0\r\n\r\n")
        )

    async def test_a_document_that_another_one_replaces(self):
        tab = await self.page()
        self.server.held("/", "<p>begins")
        response = got(await tab.goto(self.server.url("/"), "commit"))
        whole = response.finished()
        await tab.goto("about:blank")
        await self.fails(whole, NavigationError)

    async def test_a_navigation_that_fails(self):
        tab = await self.page()
        failed = self.collected(tab.requests_failed)
        self.put("/none", Told(b"", 204))
        await self.fails(tab.goto(self.server.url("/none")), NavigationError)
        self.assertEqual(
            [(each.failure, each.is_navigation_request()) for each in failed], [("net::ERR_ABORTED", True)]
        )
        request: Request = failed[0]
        answer = await request.response()
        assert answer is not None
        self.assertEqual(answer.status, 204)
