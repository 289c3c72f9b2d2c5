"""Crawls by Scrapy in the tests' own reactor: a site that says what it was asked, a spider that keeps what it gets."""

from __future__ import annotations

import gzip
import json
from collections.abc import Callable, Iterable
from typing import Any

import scrapy
from scrapy import Request
from scrapy.crawler import CrawlerRunner
from scrapy.downloadermiddlewares import cookies
from scrapy.http import Response
from tldextract import TLDExtract
from twisted.web.server import NOT_DONE_YET

from tests.browser.support import Answer, BrowserTestCase, SharedBrowserTestCase

#: It would ask the network for a newer list of public suffixes.
cookies._split_domain = TLDExtract(suffix_list_urls=(), include_psl_private_domains=True)

#: What Scrapy is told in all crawls: it takes the reactor that runs, and tells nobody what it does.
SETTINGS: dict[str, Any] = {
    "ADDONS": {"txcdp.scrapy.Addon": 500},
    "TWISTED_REACTOR": None,
    "TELNETCONSOLE_ENABLED": False,
    "LOGSTATS_INTERVAL": 0,
    "HTTPERROR_ALLOW_ALL": True,
    "RETRY_ENABLED": False,
    "DOWNLOAD_DELAY": 0,
}


class Told(Answer):
    """An answer that says what it was asked, as JSON in a page."""

    def __init__(self, **headers: str) -> None:
        super().__init__(b"", 200, {"content-type": "text/html; charset=utf-8", **headers})
        self.asked: list[dict[str, Any]] = []

    def give(self, request: Any) -> object:
        self.begin(request)
        headers = {
            name.decode().lower(): b", ".join(values).decode()
            for name, values in request.requestHeaders.getAllRawHeaders()
        }
        told = {"method": request.method.decode(), "headers": headers, "body": request.content.read().decode()}
        self.asked.append(told)
        text = json.dumps(told).replace("<", "&lt;")
        return f"<title>told</title><pre>{text}</pre><img src='/picture'>".encode()


class Bytes(Answer):
    """An answer of some bytes, compressed where that is said."""

    def __init__(self, body: bytes, kind: str, status: int = 200, **headers: str) -> None:
        named = {name.replace("_", "-"): value for name, value in headers.items()}
        super().__init__(body, status, {"content-type": kind, **named} if kind else named)
        if named.get("content-encoding") == "gzip":
            self.body = gzip.compress(body)

    def give(self, request: Any) -> object:
        self.begin(request)
        if "content-type" not in self.headers:
            request.defaultContentType = None
        return self.body


class Twice(Bytes):
    """An answer with a header that is there twice."""

    def begin(self, request: Any) -> None:
        super().begin(request)
        request.responseHeaders.setRawHeaders(b"x-twice", [b"a", b"b"])


class Broken(Answer):
    """An answer that breaks off: it says that it has more bytes than come."""

    def __init__(self) -> None:
        super().__init__(b"<p>some of it", 200, {"content-type": "text/html", "content-length": "1000"})

    def give(self, request: Any) -> object:
        self.begin(request)
        request.write(self.body)
        request.channel.transport.loseConnection()
        return NOT_DONE_YET


class Dripping(Answer):
    """An answer that begins, and does not end."""

    def give(self, request: Any) -> object:
        self.begin(request)
        request.write(self.body)
        return NOT_DONE_YET


class Never(Answer):
    """An answer that does not come."""

    def __init__(self) -> None:
        super().__init__(b"", 200, {})

    def give(self, request: Any) -> object:
        return NOT_DONE_YET


class Spider(scrapy.Spider):
    """A spider that keeps what becomes of requests."""

    name = "spider"
    crawl: Crawl

    async def start(self) -> Any:
        for each in self.crawl.requests:
            yield each if each.errback else each.replace(errback=self.failed)

    def parse(self, response: Response, **rest: Any) -> Any:
        return self.crawl.got(response)

    def failed(self, failure: Any) -> None:
        self.crawl.failures.append((failure.request, failure.value))


class Crawl:
    """A crawl that is over.

    :ivar responses: in the order of coming.
    :ivar failures: requests, and what they have failed with.
    :ivar stats: of Scrapy.
    """

    def __init__(self, requests: Iterable[Request], parse: Callable[[Response], Any] | None) -> None:
        self.requests = requests
        self.responses: list[Response] = []
        self.failures: list[tuple[Request, BaseException]] = []
        self.stats: dict[str, Any] = {}
        self._parse = parse

    def got(self, response: Response) -> Any:
        self.responses.append(response)
        return None if self._parse is None else self._parse(response)

    def __getitem__(self, name: str) -> Response:
        """Return the response to the request of a name."""
        found = {each.meta["name"]: each for each in self.responses}
        if name not in found:
            raise KeyError(name, self.failures)
        return found[name]

    def error(self, name: str) -> BaseException:
        """Return what the request of a name has failed with."""
        return next(error for request, error in self.failures if request.meta.get("name") == name)


class Crawling(BrowserTestCase):
    """A test that crawls.

    :cvar crawl_settings: on top of :data:`SETTINGS`.
    """

    def put(self, path: str, answer: Answer) -> str:
        """Put an answer on the server, and return its URL."""
        self.server._pages.answers[path] = answer
        return self.server.url(path)

    def request(self, path: str, txcdp: Any = True, *, name: str | None = None, **more: Any) -> Request:
        """Return a request for something on the server, or for a whole URL."""
        meta = {"name": name or path, **more.pop("meta", {})}
        if txcdp is not None:
            meta["txcdp"] = txcdp
        url = path if "://" in path else self.server.url(path)
        return Request(url, meta=meta, **{"dont_filter": True, **more})

    async def crawl(
        self, requests: Iterable[Request], parse: Callable[[Response], Any] | None = None, **settings: Any
    ) -> Crawl:
        """Crawl, and return what has become of it."""
        crawl = Crawl(requests, parse)
        runner = CrawlerRunner({**SETTINGS, **self.browser_settings(), **settings})

        class Bound(Spider):
            pass

        Bound.crawl = crawl
        crawler = self.crawler = runner.create_crawler(Bound)
        await runner.crawl(crawler)
        assert crawler.stats is not None
        crawl.stats = dict(crawler.stats.get_stats())
        return crawl

    def browser_settings(self) -> dict[str, Any]:
        """Return the settings that say where the browser is."""
        return {}


class SharedCrawling(SharedBrowserTestCase, Crawling):
    """A test that crawls with the shared browser."""

    def browser_settings(self) -> dict[str, Any]:
        """Return the settings that say where the browser is."""
        process = self.browser.process
        assert process is not None
        return {"TXCDP_ENDPOINT": process.ws_url}
