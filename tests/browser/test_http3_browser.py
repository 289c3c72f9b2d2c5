"""HTTP/3: what is told of it, stopped, changed and recorded, from a server that speaks nothing else."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from twisted.internet.defer import DeferredQueue

from tests.browser.support import BrowserTestCase, got, wait_for_what_was_sent
from tests.browser.support_http3 import Answer3, Asked, Server3, Streaming
from tests.browser.test_har_browser import read
from tests.browser.test_network_browser import FETCH
from txcdp import Route
from txcdp.errors import NetworkError
from txcdp.network import Exchange
from txcdp.page import Page
from txcdp.streams import queue

#: It asks for no icon.
PAGE = "<link rel=icon href='data:,'><p>here"

#: Opens a session, sends a datagram, and closes the session when it has come back.
TRANSPORT = """async url => {
    const transport = new WebTransport(url);
    await transport.ready;
    const writer = transport.datagrams.writable.getWriter(), reader = transport.datagrams.readable.getReader();
    await writer.write(new TextEncoder().encode('hello'));
    const {value} = await reader.read();
    transport.close();
    return new TextDecoder().decode(value);
}"""


class HTTP3Tests(BrowserTestCase):
    def setUp(self) -> None:
        super().setUp()
        wait_for_what_was_sent(self)
        self.http3 = Server3(self)
        self.put("/page", PAGE, "text/html")
        self.url = self.put("/data", "told")

    def put(self, path: str, body: str, content_type: str = "text/plain", status: int = 200, **headers: str) -> str:
        """Put an answer there, and return its URL."""
        named = {name.replace("_", "-"): value for name, value in headers.items()}
        answer = Answer3(body.encode(), status, {"content-type": content_type, **named})
        self.http3.answers[path] = lambda asked, stream: answer
        return self.http3.url(path)

    def flowing(self, path: str, content_type: str) -> list[Streaming]:
        """Have a path answered by hand, and return where the streams of its requests are put."""
        streams: list[Streaming] = []

        def answer(asked: Asked, stream: Streaming) -> Answer3:
            streams.append(stream)
            return Answer3(b"", 200, {"content-type": content_type}, ends=False)

        self.http3.answers[path] = answer
        return streams

    async def opened(self) -> Page:
        """Return a page of the server, in a browser that asks it by HTTP/3 alone."""
        tab = await self.page(args=self.http3.options)
        await tab.goto(self.http3.url("/page"))
        return tab

    def asked(self, path: str) -> list[Asked]:
        return [each for each in self.http3.asked if each.path.partition("?")[0] == path]

    async def fetched(self, tab: Page, url: str, **options: Any) -> Exchange:
        """Have a page fetch something, and return the exchange at its end."""
        waiting = tab.wait_for_exchange(lambda each: each.url == url and each.finished)
        await tab.evaluate(f"given => ({FETCH})(given).catch(() => 0)", [url, options])
        return await waiting

    async def test_requests_are_told_as_those_of_any_version(self):
        tab = await self.page(args=self.http3.options)
        response = got(await tab.goto(self.http3.url("/page")))
        self.assertEqual((response.status, await response.text()), (200, PAGE))
        self.assertEqual((await response.http_version(), response.request.exchange.protocol), ("HTTP/3.0", "h3"))
        self.assertEqual(await response.server_addr(), {"ipAddress": "127.0.0.1", "port": self.http3.port})
        details = await response.security_details()
        assert details is not None
        self.assertEqual((details["protocol"], details["subjectName"]), ("QUIC", "127.0.0.1"))
        timing = response.request.timing
        marks = [
            timing["connect_start"],
            timing["secure_connection_start"],
            timing["connect_end"],
            timing["request_start"],
            timing["response_start"],
            timing["response_end"],
        ]
        self.assertNotIn(None, marks)
        self.assertEqual(marks, sorted(marks, key=lambda mark: mark or 0.0))
        number = 100
        begun: list[Exchange] = []
        ended: list[Any] = []
        for stream, items in ((tab.exchanges, begun), (tab.requests_finished, ended)):
            self.addCleanup(stream.subscribe(items.append).dispose)
        script = f"Promise.all([...Array({number}).keys()].map(n => fetch('/data?' + n).then(a => a.text())))"
        self.assertEqual(await tab.evaluate(script), ["told"] * number)
        await tab.network_idle(idle=0.05)
        self.assertEqual((len(begun), len({each.url for each in begun}), len(ended)), (number,) * 3)
        self.assertEqual({each.protocol for each in begun}, {"h3"})
        exchange = await self.fetched(tab, self.url, method="POST", body="x" * 100_000, headers={"X-Ours": "yes"})
        self.assertEqual(await exchange.body(), b"told")
        came = self.asked("/data")[-1]
        self.assertEqual((came.method, len(came.body), came.headers["x-ours"]), ("POST", 100_000, "yes"))
        self.assertEqual(await exchange.request.all_headers(), came.headers)
        sizes = await exchange.request.sizes()
        self.assertEqual((sizes["requestBodySize"], sizes["responseBodySize"] in range(4, 40)), (100_000, True))
        self.assertEqual([name for name in exchange.as_treq()["headers"] if name.startswith(":")], [])
        self.assertNotIn("':", exchange.as_curl())
        self.put("/from", "", status=302, location="/data")
        response = got(await tab.goto(self.http3.url("/from")))
        before = response.request.redirected_from
        assert before is not None
        self.assertEqual((before.url, before.exchange.protocol), (self.http3.url("/from"), "h3"))

    async def test_bodies_as_they_come_and_break_off(self):
        tab = await self.opened()
        streams = self.flowing("/flow", "text/plain")
        flow = self.http3.url("/flow")
        pieces: DeferredQueue[bytes] = DeferredQueue()
        streamed: list[Any] = []

        def begun(exchange: Exchange) -> None:
            if exchange.url == flow:
                streamed.append(exchange.chunks.subscribe(pieces.put, streamed.append, lambda: streamed.append("end")))

        subscribed = tab.exchanges.subscribe(begun)
        responded = tab.wait_for_exchange(lambda each: each.url == flow and each.response is not None)
        reading = tab.evaluate(FETCH, [flow])
        exchange = await responded
        subscribed.dispose()
        for piece in (b"one", b"two"):
            streams[0].send(piece)
            self.assertEqual(await pieces.get(), piece)  # it does not wait for the end
        streams[0].send(b"three", ends=True)
        self.assertEqual(await reading, "onetwothree")
        await exchange.when_finished()
        self.assertEqual((await pieces.get(), streamed[1:]), (b"three", ["end"]))
        responded = tab.wait_for_exchange(lambda each: each.url == flow and each.response is not None)
        reading = tab.evaluate(f"given => ({FETCH})(given).catch(error => error.name)", [flow])
        exchange = await responded
        streams[1].send(b"half")
        streams[1].break_off()
        self.assertEqual(await reading, "TypeError")
        await exchange.when_finished()
        self.assertEqual(exchange.failure, "net::ERR_QUIC_PROTOCOL_ERROR")
        await self.fails(exchange.body(), NetworkError)
        streams = self.flowing("/events", "text/event-stream")
        said: DeferredQueue[Any] = DeferredQueue()
        subscribed = tab.exchanges.subscribe(lambda each: each.server_sent_events.subscribe(said.put))
        self.addCleanup(subscribed.dispose)
        responded = tab.wait_for_exchange(lambda each: "/events" in each.url and each.response is not None)
        heard = tab.evaluate("new Promise(done => new EventSource('/events').onmessage = event => done(event.data))")
        await responded
        streams[0].send(b"data: first\n\n")
        self.assertEqual((await heard, (await said.get()).data), ("first", "first"))

    async def test_requests_are_stopped_and_changed(self):
        tab = await self.opened()

        async def change(route: Route) -> None:
            await route.continue_(headers={**await route.request.all_headers(), "x-ours": "yes"}, post_data=b"changed")

        await tab.route("**/data?request", change)
        self.assertEqual(await tab.evaluate(FETCH, [f"{self.url}?request", {"method": "POST", "body": "abc"}]), "told")
        came = self.asked("/data")[-1]
        self.assertEqual((came.headers["x-ours"], came.body), ("yes", b"changed"))

        async def answer(route: Route) -> None:
            await route.fulfill(body=(await route.body()).upper(), headers={"x-by": "us"})

        await tab.route("**/data?response", answer, stage="response")
        self.assertEqual(await tab.evaluate(FETCH, [f"{self.url}?response"]), "TOLD")

        async def head(route: Route) -> None:
            await route.continue_(status=201, headers={"x-by": "us"})

        await tab.route("**/data?head", head, stage="response")
        script = "url => fetch(url).then(async a => [a.status, a.headers.get('x-by'), await a.text()])"
        self.assertEqual(await tab.evaluate(script, f"{self.url}?head"), [201, "us", "told"])
        large = self.put("/large", "0123456789" * 100_000)
        pieces: list[int] = []

        async def read_it(route: Route) -> None:
            pieces.extend([len(piece) async for piece in queue(route.body_chunks(), maxsize=2)])
            await route.fulfill(body=str(sum(pieces)))

        await tab.route("**/large", read_it, stage="response")
        self.assertEqual(await tab.evaluate(FETCH, [large]), "1000000")
        self.assertGreater(len(pieces), 1)
        number = len(self.http3.asked)
        await tab.route("**/data?none", lambda route: route.abort())
        await tab.route("**/data?here", lambda route: route.fulfill(body="from here"))
        self.assertEqual(await tab.evaluate(FETCH, [f"{self.url}?here"]), "from here")
        self.assertEqual((await self.fetched(tab, f"{self.url}?none")).failure, "net::ERR_FAILED")
        self.assertEqual(self.http3.asked[number:], [])

    async def test_what_is_recorded_and_played(self):
        har = Path(self.mktemp())
        tab = await self.page(args=self.http3.options)
        async with await tab.record_har(har):
            await tab.goto(self.http3.url("/page"))
            await tab.evaluate(FETCH, [f"{self.url}?1", {"method": "POST", "body": "abc"}])
        entries = read(har)["entries"]
        self.assertEqual([each["request"]["httpVersion"] for each in entries], ["HTTP/3.0"] * 2)
        self.assertEqual([each["response"]["httpVersion"] for each in entries], ["HTTP/3.0"] * 2)
        self.assertGreaterEqual(entries[0]["timings"]["ssl"], 0)
        self.assertEqual(entries[1]["request"]["postData"]["text"], "abc")
        other = await (await self.browser.new_context()).new_page()
        await other.route_from_har(har)
        number = len(self.http3.asked)
        response = got(await other.goto(self.http3.url("/page")))
        self.assertEqual((await response.text(), response.status), (PAGE, 200))
        self.assertEqual(self.http3.asked[number:], [])

    async def test_sessions_of_web_transport(self):
        tab = await self.opened()
        begun: list[Exchange] = []
        self.addCleanup(tab.exchanges.subscribe(begun.append).dispose)
        url = self.http3.url("/transport")
        self.assertEqual(await tab.evaluate(TRANSPORT, url), "hello")
        exchange = next(each for each in begun if each.url == url)
        await exchange.when_finished()
        self.assertEqual((exchange.request.resource_type, exchange.request.method), ("webtransport", "CONNECT"))
        self.assertEqual((exchange.failure, exchange.sizes["responseBodySize"]), (None, 0))
