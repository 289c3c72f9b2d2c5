"""Bodies of all kinds that servers send: compressed, in parts, broken off; and large ones that pages send."""

from __future__ import annotations

import gzip
import hashlib
import zlib
from base64 import b64decode
from collections.abc import Callable
from pathlib import Path

from twisted.internet.defer import Deferred
from twisted.internet.protocol import Factory, Protocol
from twisted.web.http import Request as ServerRequest

from tests.browser.support import listen
from tests.browser.test_har_browser import read
from tests.browser.test_network_browser import FETCH, NetworkTestCase, Told
from txcdp import Route
from txcdp.errors import DocumentBroken, NavigationError, NetworkError
from txcdp.network import Exchange
from txcdp.page import Page

#: A text, and what it is by each encoding that Chromium takes.
PLAIN = b"said again and again, " * 40
_DEFLATED = zlib.compressobj(wbits=-15)
ENCODED = {
    "gzip": gzip.compress(PLAIN),
    "deflate": _DEFLATED.compress(PLAIN) + _DEFLATED.flush(),
    "br": b64decode("G28D+I2Ubt60BmEJm1NkaTnIKpWlAiUw1MX8mKIE"),
    "zstd": b64decode("KLUv/WBwAs0AAHhzYWlkIGFnYWluIGFuLCACAFdzVqxZ+QI="),
}

#: What servers say that break off or say nonsense, and what Chromium says of it.
BROKEN = {
    "short": (b"HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\nshort", "net::ERR_CONTENT_LENGTH_MISMATCH"),
    "chunks": (
        b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nshort\r\n",
        "net::ERR_INCOMPLETE_CHUNKED_ENCODING",
    ),
    "no-number": (
        b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\nzz\r\nshort\r\n",
        "net::ERR_INVALID_CHUNKED_ENCODING",
    ),
    "no-gzip": (
        b"HTTP/1.1 200 OK\r\nContent-Encoding: gzip\r\nContent-Length: 7\r\n\r\nno gzip",
        "net::ERR_CONTENT_DECODING_FAILED",
    ),
    "empty": (b"", "net::ERR_EMPTY_RESPONSE"),
    "two-lengths": (
        b"HTTP/1.1 200 OK\r\nContent-Length: 5\r\nContent-Length: 6\r\n\r\nshort!",
        "net::ERR_RESPONSE_HEADERS_MULTIPLE_CONTENT_LENGTH",
    ),
    "loop": (b"HTTP/1.1 302 Found\r\nLocation: /loop\r\nContent-Length: 0\r\n\r\n", "net::ERR_TOO_MANY_REDIRECTS"),
}

#: Fetches a URL, and returns what came, or that it failed.
TRY = "url => fetch(url).then(answer => answer.text()).catch(() => 'failed')"


class Breaking(Protocol):
    """Answers what the path names, and closes; other sites may read it."""

    def dataReceived(self, data: bytes) -> None:
        assert self.transport is not None
        path = data.split(b" ")[1].decode().strip("/").partition("?")[0]
        said = BROKEN[path][0] if path in BROKEN else b"HTTP/1.1 404 Not Found\r\nContent-Length: 0\r\n\r\n"
        self.transport.write(said.replace(b"\r\n", b"\r\nAccess-Control-Allow-Origin: *\r\n", 1))
        self.transport.loseConnection()


class BodiesTestCase(NetworkTestCase):
    """A test with a server for each kind of answer."""

    def breaking(self) -> str:
        """Return the URL of a server whose answers are broken."""
        return f"http://127.0.0.1:{listen(self, Factory.forProtocol(Breaking))}"

    def followed(self, tab: Page) -> dict[str, tuple[Exchange, Deferred[bytes]]]:
        """Return what a page asks for from now on, by the last part of URLs, with the bodies as chunks."""
        found: dict[str, tuple[Exchange, Deferred[bytes]]] = {}

        def begun(exchange: Exchange) -> None:
            whole: Deferred[bytes] = Deferred()
            pieces: list[bytes] = []
            exchange.chunks.subscribe(pieces.append, whole.errback, lambda: whole.callback(b"".join(pieces)))
            found[exchange.url.rpartition("/")[2]] = exchange, whole

        self.addCleanup(tab.exchanges.subscribe(begun).dispose)
        return found


class EncodingTests(BodiesTestCase):
    async def test_each_encoding(self):
        tab = await self.opened()
        for name, data in ENCODED.items():
            self.put(f"/{name}", Told(data, content_encoding=name))
        found = self.followed(tab)
        for name, data in ENCODED.items():
            exchange = await self.fetched(tab, self.server.url(f"/{name}"))
            self.assertEqual(await exchange.body(), PLAIN, name)
            self.assertEqual(await found[name][1], PLAIN, name)
            sizes = await exchange.request.sizes()
            self.assertEqual(sizes["responseBodySize"], len(data), name)
            response = await exchange.when_response()
            self.assertEqual(response.headers["content-encoding"], name)

    async def test_each_is_decoded_where_it_is_stopped(self):
        tab = await self.opened()
        for name, data in ENCODED.items():
            self.put(f"/{name}", Told(data, content_encoding=name))
        read: list[bytes] = []

        async def upper(route: Route) -> None:
            read.append(await route.body())
            await route.fulfill(body=read[-1].upper())

        for handler, text in ((upper, PLAIN.decode().upper()), (lambda route: route.continue_(), PLAIN.decode())):
            await tab.route(f"**/{{{','.join(ENCODED)}}}", handler, stage="response")
            for name in ENCODED:
                self.assertEqual(await tab.evaluate(FETCH, [f"/{name}"]), text, name)
            await tab.unroute_all()
        self.assertEqual(read, [PLAIN] * len(ENCODED))

    async def test_part_of_a_body(self):
        class Parts(Told):
            def give(self, request: ServerRequest) -> object:
                begin, _, end = (request.getHeader("range") or "bytes=0-999").removeprefix("bytes=").partition("-")
                body, self.body = self.body, self.body[int(begin) : int(end) + 1]
                self.headers["content-range"] = f"bytes {begin}-{int(begin) + len(self.body) - 1}/{len(body)}"
                try:
                    return super().give(request)
                finally:
                    self.body = body

        tab = await self.opened()
        url = self.put("/parts", Parts(b"0123456789" * 10, 206, cache_control="max-age=1000", etag='"1"'))
        found = self.followed(tab)
        for wanted, part in (("bytes=10-14", b"01234"), ("bytes=95-99", b"56789"), ("bytes=10-14", b"01234")):
            exchange = await self.fetched(tab, url, headers={"Range": wanted})
            response = await exchange.when_response()
            self.assertEqual((response.status, await exchange.body()), (206, part))
            self.assertEqual(await found["parts"][1], part)


class BrokenTests(BodiesTestCase):
    async def test_each_way_to_break(self):
        tab = await self.opened()
        failed = self.collected(tab.requests_failed)
        url = self.breaking()
        found = self.followed(tab)
        for name, (_, said) in BROKEN.items():
            waiting = tab.wait_for_exchange(self.failed(f"{url}/{name}"))
            self.assertEqual(await tab.evaluate(TRY, f"{url}/{name}"), "failed", name)
            exchange = await waiting
            self.assertEqual(exchange.failure, said, name)
            self.assertIn(said, str(await self.fails(exchange.body(), NetworkError)))
            self.assertIn(said, str(await self.fails(found[name][1], NetworkError)))
        self.assertEqual([each.url for each in failed], [f"{url}/{name}" for name in BROKEN])

    def failed(self, url: str) -> Callable[[Exchange], bool]:
        """Return what tells that what goes there has failed."""
        return lambda each: each.url == url and each.failure is not None

    async def test_documents_that_break(self):
        tab = await self.opened()
        url = self.breaking()
        for name, (_, said) in BROKEN.items():
            error = await self.fails(tab.goto(f"{url}/{name}"), NavigationError, DocumentBroken)
            self.assertIn(said, str(error), name)


class AskedForTests(BodiesTestCase):
    async def test_preloads_prefetches_and_preflights(self):
        says = {"origin": "*", "headers": "x-a", "methods": "PUT"}
        told = Told()
        told.headers |= {f"access-control-allow-{what}": said for what, said in says.items()}
        for path in ("/style.css", "/prefetched"):
            self.put(path, Told(b"", cache_control="max-age=1000", content_type="text/css"))
        self.server.page("/module.js", "", content_type="text/javascript")
        other = self.put("/cors", told).replace("127.0.0.1", "localhost")
        links = (
            "<link rel=preload as=style href=/style.css><link rel=prefetch href=/prefetched>"
            "<link rel=modulepreload href=/module.js>"
        )
        tab = await self.page()
        exchanges = self.collected(tab.exchanges)
        wanted = ["style.css", "prefetched", "module.js"]
        ended = {name: Deferred[Exchange]() for name in wanted}

        def begun(exchange: Exchange) -> None:
            name = exchange.url.rpartition("/")[2]
            if name in ended:
                exchange.when_finished().chainDeferred(ended[name])

        self.addCleanup(tab.exchanges.subscribe(begun).dispose)
        await tab.goto(self.server.page("/", links))
        by_name = {name: await each for name, each in ended.items()}
        self.assertTrue(all(each.failure is None for each in by_name.values()))
        self.assertEqual(by_name["style.css"].request.resource_type, "stylesheet")
        self.assertEqual(by_name["module.js"].request.resource_type, "script")
        self.assertEqual(by_name["prefetched"].request.resource_type, "other")  # as the protocol says
        preflight = self.preflight(tab, other)
        exchange = await self.fetched(tab, other, method="PUT", headers={"x-a": "1"}, body="abc")
        asking = await preflight
        self.assertEqual((asking.request.method, exchange.request.method), ("OPTIONS", "PUT"))
        await asking.when_finished()
        self.assertEqual(asking.failure, None)
        self.assertEqual(len({(each.url, each.request.method) for each in exchanges}), len(exchanges))

    async def test_a_preflight_that_is_refused(self):
        tab = await self.opened()
        exchanges = self.collected(tab.exchanges)
        other = self.put("/cors", Told()).replace("127.0.0.1", "localhost")
        waiting = tab.wait_for_exchange(
            lambda each: each.url == other and each.finished and each.request.method == "PUT"
        )
        preflight = self.preflight(tab, other)
        await tab.evaluate("url => fetch(url, {method: 'PUT'}).catch(() => 'failed')", other)
        exchange = await waiting
        await preflight
        self.assertIn("net::ERR_FAILED", exchange.failure or "")
        self.assertEqual(sorted(each.request.method for each in exchanges if each.url == other), ["OPTIONS", "PUT"])


class UploadTests(BodiesTestCase):
    async def test_a_large_one_is_told_when_it_is_asked_for(self):
        tab = await self.opened()
        har = Path(self.mktemp())
        size = 2_000_000
        async with await tab.record_har(har):
            url, exchange, hashed = await uploaded(self, tab, size)
            await tab.network_idle(idle=0.05)
        self.assertIsNone(exchange.request.post_data)
        self.assertEqual((await exchange.request.sizes())["requestBodySize"], size)
        self.assertEqual(hashlib.sha256(await exchange.request.fetch_post_data()).hexdigest(), hashed)
        self.assertIn("--data-binary @-", exchange.as_curl())
        entry = next(each for each in read(har)["entries"] if each["request"]["url"] == url)
        self.assertEqual(entry["request"]["bodySize"], size)
        self.assertEqual(hashlib.sha256(b64decode(entry["request"]["postData"]["text"])).hexdigest(), hashed)

    async def test_it_costs_nothing_where_it_is_not_asked_for(self):
        tab = await self.opened()
        before = self.browser.connection.stats.bytes_received
        await uploaded(self, tab, 2_000_000)
        self.assertLess(self.browser.connection.stats.bytes_received - before, 200_000)

    async def test_a_route_lets_it_go_as_it_was(self):
        tab = await self.opened()
        await tab.route("**/upload", lambda route: route.continue_(headers={"x-a": "1"}))
        await uploaded(self, tab, 1_500_000)


async def uploaded(case: NetworkTestCase, tab: Page, size: int) -> tuple[str, Exchange, str]:
    """Have a page send so many bytes, which the server has to get.

    :returns: where to, the exchange, and the digest of what was sent.
    """
    got: list[str] = []

    class Hashing(Told):
        def give(self, request: ServerRequest) -> object:
            digest = hashlib.sha256()
            assert request.content is not None
            while piece := request.content.read(1 << 20):
                digest.update(piece)
            got.append(digest.hexdigest())
            self.begin(request)
            return b"taken"

    url = case.put("/upload", Hashing())
    script = """([url, size]) => {
        const data = new Uint8Array(size);
        for (let i = 0; i < size; i += 997) data[i] = i;
        fetch(url, {method: 'POST', body: data}).then(answer => answer.text());
    }"""
    data = bytearray(size)
    data[::997] = bytes(index % 256 for index in range(0, size, 997))
    waiting = tab.wait_for_exchange(lambda each: each.url == url and each.finished, timeout=None)
    await tab.evaluate(script, [url, size])
    exchange = await waiting
    case.assertEqual(got, [hashlib.sha256(data).hexdigest()])
    return url, exchange, got[0]
