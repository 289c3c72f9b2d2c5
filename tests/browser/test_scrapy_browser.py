"""Crawls by Scrapy whose pages a real browser renders: what a handler must do, the traps of others, killed browsers."""

from __future__ import annotations

import json
import os
import signal
from collections.abc import Callable
from dataclasses import dataclass
from ipaddress import ip_address
from typing import Any

from scrapy import Request, signals
from scrapy.downloadermiddlewares.retry import get_retry_request
from scrapy.exceptions import StopDownload
from scrapy.http import HtmlResponse, JsonResponse, Response, TextResponse, XmlResponse
from twisted.internet.defer import Deferred
from twisted.logger import LogLevel, globalLogPublisher
from twisted.web.server import Site

from tests.browser import support_crawls
from tests.browser.support import Server, listen, reactor, refusing_port
from tests.browser.support_crawls import Broken, Bytes, Crawl, Crawling, Dripping, Never, SharedCrawling, Told, Twice
from tests.browser.support_lines import Authority
from tests.raw_server import BROKEN, Raw, RawServer
from txcdp.errors import ConnectionLost, ExecutableNotFound
from txcdp.scrapy import _browsers, _pages, closing_page, page_of, result_of
from txcdp.scrapy import _failures as failures

PDF = b"%PDF-1.4\n\x00\xff true bytes"
PNG = b"\x89PNG\r\n\x1a\n\x00\x01"


@dataclass(frozen=True)
class Row:
    """Something that a download handler must do.

    :ivar name: what it is.
    :ivar ask: makes the request.
    :ivar holds: of the response, or of what it has failed with.
    """

    name: str
    ask: Callable[[HandlerTests, str], Request]
    holds: Callable[[Any], bool]


def told(response: Any) -> dict[str, Any]:
    """Return what the server has said that it was asked."""
    assert isinstance(response, HtmlResponse)
    found: dict[str, Any] = json.loads(response.css("pre::text").get() or "{}")
    return found


def asking(path: str, txcdp: Any = True, **more: Any) -> Callable[[HandlerTests, str], Request]:
    return lambda case, name: case.request(path, txcdp, name=name, **more)


def is_a(kind: type, body: bytes | None = None) -> Callable[[Any], bool]:
    return lambda got: type(got) is kind and body in (None, getattr(got, "body", None))


#: What the browser tells as text, since it is UTF-8, in one character of each length.
WORLD = "e \xe9 \u20ac \u4e2d \U0001f6a2"

#: A page, compressed as servers do for browsers over TLS, and on this machine: ``<title>é</title><p>compressed``.
BROTLI = b"\x8b\x0e\x80<title>\xc3\xa9</title><p>compressed\x03"


def raw(path: str, **more: Any) -> Callable[[HandlerTests, str], Request]:
    return lambda case, name: case.request(case.raw.url(path), name=name, **more)


#: Answers of 4xx and 5xx that Chromium treats in ways of its own, or might.
STATUSES = (401, 403, 405, 408, 410, 416, 421, 425, 429, 451, 502, 503, 504, 511)

#: What Chromium would save as a file, as it looks like nothing else.
UNNAMED = b"words\0 and bytes \1\2\xff"

#: Answers byte for byte.
RAW = {
    "/headers": Raw(
        b"HTTP/1.1 200 OK\r\nAge: 12\r\nRetry-After: 120\r\nWWW-Authenticate: Basic\r\nX-A: 1\r\nContent-Length: 3\r\n"
        b"Date: Tue, 15 Nov 1994 08:12:31 GMT\r\nContent-Type: text/html; charset=utf-8\r\n\r\n<p>"
    ),
    "/cookies": Raw(
        b"HTTP/1.1 200 OK\r\nContent-Type: text/html\r\nSet-Cookie: set=1; Path=/\r\nContent-Length: 3\r\n"
        b"Set-Cookie: twice=2; HttpOnly\r\n\r\n<p>"
    ),
    "/cookies-file": Raw(
        b"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nSet-Cookie: file=1; Path=/\r\nContent-Length: 2\r\n"
        b"Set-Cookie: twice=2; HttpOnly\r\n\r\n[]"
    ),
    "/old": Raw(b"HTTP/1.0 200 OK\r\nContent-Type: application/json\r\n\r\n[10]"),
    "/chunks": Raw(
        b"HTTP/1.1 200 OK\r\nContent-Type: text/plain\r\nTransfer-Encoding: chunked\r\n\r\n"
        b"5\r\nhello\r\n1\r\n!\r\n0\r\n\r\n"
    ),
    "/many-chunks": Raw(
        b"HTTP/1.1 200 OK\r\nContent-Type: text/plain\r\nTransfer-Encoding: chunked\r\n\r\n"
        b"7d0\r\n" + b"x" * 2000 + b"\r\n0\r\n\r\n"
    ),
    "/cut": Raw(b"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: 500\r\n\r\n[1, 2"),
    "/cut-page": BROKEN["/chunks"],
    "/nothing": Raw(b""),
    "/noise": Raw(b"this is no answer\n"),
    "/bad-line": Raw(
        b"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nno colon here\r\nContent-Length: 2\r\n\r\n[]"
    ),
    "/unnamed": Raw(b"HTTP/1.1 200 OK\r\nContent-Length: %d\r\n\r\n" % len(UNNAMED) + UNNAMED),
}

#: What Scrapy's own tests ask of its handlers for HTTP, and what these are asked besides.
ROWS = (
    Row("a body", asking("/told"), lambda got: b"<title>told</title>" in got.body and got.status == 200),
    Row("the method", asking("/told", method="PUT", body=b"x"), lambda got: told(got)["method"] == "PUT"),
    Row("a payload of GET", asking("/told", body=b'{"a": 1}'), lambda got: told(got)["body"] == '{"a": 1}'),
    Row("a payload", asking("/told", method="POST", body=b"a=1&b=2"), lambda got: told(got)["body"] == "a=1&b=2"),
    Row(
        "headers",
        asking("/told", headers={"X-A": "1", "Referer": "http://127.0.0.1/from"}),
        lambda got: (told(got)["headers"]["x-a"], told(got)["headers"]["referer"]) == ("1", "http://127.0.0.1/from"),
    ),
    Row(
        "a header that is None is the browser's own",
        asking("/told", headers={"X-A": None, "User-Agent": None}),
        lambda got: "x-a" not in told(got)["headers"] and told(got)["headers"]["user-agent"].startswith("Mozilla/"),
    ),
    Row(
        "a header of several values",
        asking("/told", headers={"X-A": ["1", "2"]}),
        lambda got: told(got)["headers"]["x-a"] == "1, 2",
    ),
    Row(
        "its own Host header is the browser's",
        asking("/told", headers={"Host": "elsewhere.example"}),
        lambda got: told(got)["headers"]["host"].startswith("127.0.0.1:"),
    ),
    Row("the user agent", asking("/told"), lambda got: told(got)["headers"]["user-agent"].startswith("Scrapy/")),
    Row("HEAD", asking("/told", method="HEAD"), lambda got: (got.status, got.body) == (200, b"")),
    Row("POST without a body", asking("/told", method="POST"), lambda got: told(got)["body"] == ""),
    Row(
        "POST without a body says so",
        asking("/told", method="POST"),
        lambda got: told(got)["headers"].get("content-length") == "0",
    ),
    Row("a status", asking("/404"), lambda got: (got.status, b"gone" in got.body) == (404, True)),
    Row("an error without a body", asking("/500"), lambda got: got.status == 500 and got.css("body *").get() is None),
    *(
        Row(f"status {status}", asking(f"/status-{status}"), lambda got, status=status: got.status == status)  # type: ignore[misc]
        for status in STATUSES
    ),
    Row("407 of what is no proxy", asking("/status-407"), is_a(failures.Failed)),
    Row("no content", asking("/204"), lambda got: (got.status, got.body) == (204, b"")),
    Row("not modified", asking("/304"), lambda got: (got.status, got.body) == (304, b"")),
    Row("HTML", asking("/told"), is_a(HtmlResponse)),
    Row("JSON as it was sent", asking("/json"), is_a(JsonResponse, b'{"a":  1}')),
    Row("XML as it was sent", asking("/xml"), is_a(XmlResponse, b"<?xml version='1.0'?><a/>")),
    Row("text as it was sent", asking("/text"), is_a(TextResponse, b"a < b")),
    Row("text of all the world", asking("/text-utf-8"), lambda got: got.body == WORLD.encode()),
    Row("JSON of all the world", asking("/json-utf-8"), lambda got: got.json() == [WORLD]),
    Row("text in another charset", asking("/text-latin"), lambda got: (got.body, got.text) == (b"caf\xe9", "caf\xe9")),
    Row("a picture as it was sent", asking("/picture"), is_a(Response, PNG)),
    Row("a PDF as it was sent", asking("/pdf"), lambda got: got.body == PDF),
    Row("an attachment as it was sent", asking("/file"), lambda got: got.body == b"<p>a  file"),
    Row("text that does not say what it is", asking("/untyped"), lambda got: got.body == b"plain  words"),
    Row(
        "bytes that do not say what they are",
        raw("/unnamed"),
        lambda got: (type(got), got.body, got.ip_address) == (Response, UNNAMED, ip_address("127.0.0.1")),
    ),
    Row(
        "a page that does not say what it is",
        asking("/untyped-page"),
        lambda got: b"<title>sniffed</title>" in got.body,
    ),
    Row("a header twice", asking("/twice"), lambda got: got.headers.getlist("X-Twice") == [b"a", b"b"]),
    Row(
        "headers as they came",
        raw("/headers"),
        lambda got: (
            {name: values for name, values in got.headers.items() if name != b"Content-Length"}
            == {
                b"Age": [b"12"],
                b"Retry-After": [b"120"],
                b"Www-Authenticate": [b"Basic"],
                b"Date": [b"Tue, 15 Nov 1994 08:12:31 GMT"],
                b"Content-Type": [b"text/html; charset=utf-8"],
                b"X-A": [b"1"],
            }
        ),
    ),
    Row(
        "cookies that are set",
        raw("/cookies"),
        lambda got: got.headers.getlist("Set-Cookie") == [b"set=1; Path=/", b"twice=2; HttpOnly"],
    ),
    Row(
        "cookies that are set with what is no page",
        raw("/cookies-file"),
        lambda got: got.headers.getlist("Set-Cookie") == [b"file=1; Path=/", b"twice=2; HttpOnly"],
    ),
    Row(
        "the length",
        asking("/json"),
        lambda got: got.headers["Content-Length"] == str(len(got.body)).encode(),
    ),
    Row("gb18030", asking("/gb18030"), lambda got: got.css("p::text").get() == "\u6c49\u5b57"),
    Row("windows-1252", asking("/cp1252"), lambda got: got.css("p::text").get() == "\u20ac caf\u00e9"),
    Row(
        "gzip",
        asking("/gzip"),
        lambda got: got.css("p::text").get() == "pressed" and "Content-Encoding" not in got.headers,
    ),
    Row(
        "brotli",
        asking("/br"),
        lambda got: "<title>é</title>" in got.text and "Content-Encoding" not in got.headers,
    ),
    Row("brotli of what is no page", asking("/br-text"), lambda got: got.text == "<title>é</title><p>compressed"),
    Row("gzip of what is no page", asking("/gzip-json"), lambda got: got.json() == {"a": 1}),
    Row("redirects are followed", asking("/to-told"), lambda got: got.url.endswith("/told") and got.status == 200),
    Row(
        "redirects are noted",
        asking("/to-to-told"),
        lambda got: (
            [each.rpartition("/")[2] for each in got.meta["redirect_urls"]] == ["to-to-told", "to-told"]
            and got.meta["redirect_reasons"] == [302, 302]
            and got.meta["redirect_times"] == 2
        ),
    ),
    Row(
        "POST is led on as GET",
        asking("/to-told", method="POST", body=b"x", headers={"X-A": "1"}),
        lambda got: (told(got)["method"], told(got)["body"], told(got)["headers"]["x-a"]) == ("GET", "", "1"),
    ),
    Row(
        "POST is led on as POST",
        asking("/307", method="POST", body=b"x"),
        lambda got: (told(got)["method"], told(got)["body"]) == ("POST", "x"),
    ),
    Row(
        "dont_redirect",
        asking("/to-to-told", meta={"dont_redirect": True}),
        lambda got: (got.status, got.headers["Location"]) == (302, b"/to-told") and got.url.endswith("/to-to-told"),
    ),
    Row(
        "handle_httpstatus_list", asking("/307", meta={"handle_httpstatus_list": [307]}), lambda got: got.status == 307
    ),
    Row(
        "HEAD with dont_redirect",
        asking("/to-told", method="HEAD", meta={"dont_redirect": True}),
        lambda got: (got.status, got.headers["Location"]) == (302, b"/told"),
    ),
    Row("a redirect to HEAD", asking("/to-told", method="HEAD"), lambda got: (got.status, got.body) == (200, b"")),
    Row("a redirect by script to a PDF", asking("/script-to-pdf"), lambda got: got.body == PDF),
    Row(
        "a redirect by meta to JSON",
        asking("/meta-to-json", {"actions": [["wait_for_url", "**/json"]]}),
        is_a(JsonResponse, b'{"a":  1}'),
    ),
    Row(
        "an action that leads to a PDF",
        lambda case, name: case.request("/page", {"actions": [["goto", case.server.url("/pdf")]]}, name=name),
        lambda got: got.body == PDF,
    ),
    Row("the address", asking("/told"), lambda got: got.ip_address == ip_address("127.0.0.1")),
    Row("the protocol", asking("/told"), lambda got: got.protocol == "HTTP/1.1"),
    Row("the address of what is no page", asking("/pdf"), lambda got: got.ip_address == ip_address("127.0.0.1")),
    Row("the protocol of what is no page", asking("/json"), lambda got: got.protocol == "HTTP/1.1"),
    Row("an old protocol", raw("/old"), lambda got: (got.protocol, got.body) == ("HTTP/1.0", b"[10]")),
    Row("the latency", asking("/told"), lambda got: got.meta["download_latency"] >= 0),
    Row(
        "download_maxsize, by what is said",
        asking("/large", meta={"download_maxsize": 1000}),
        lambda got: (
            type(got) is failures.Cancelled
            and "Expected to receive 2003 bytes which is larger than download max size (1000)" in str(got)
        ),
    ),
    Row(
        "download_maxsize, of bytes",
        raw("/many-chunks", meta={"download_maxsize": 1000}),
        lambda got: (
            type(got) is failures.Cancelled
            and "Received 2000 bytes which is larger than download max size (1000)" in str(got)
        ),
    ),
    Row("download_maxsize, of a page", asking("/told", meta={"download_maxsize": 100}), is_a(failures.Cancelled)),
    Row("download_maxsize that is enough", asking("/large", meta={"download_maxsize": 3000}), is_a(HtmlResponse)),
    Row("download_timeout", asking("/never", meta={"download_timeout": 0.5}), is_a(failures.TimedOut)),
    Row("download_timeout, of bytes", asking("/drip", meta={"download_timeout": 1}), is_a(failures.TimedOut)),
    Row("data loss", asking("/broken"), is_a(failures.DataLoss)),
    Row(
        "data loss that is taken",
        asking("/broken", meta={"download_fail_on_dataloss": False}),
        lambda got: got.flags == ["dataloss"] and b"some of it" in got.body,
    ),
    Row("a body in chunks", raw("/chunks"), lambda got: got.body == b"hello!"),
    Row("data loss of a file", raw("/cut"), is_a(failures.DataLoss)),
    Row(
        "data loss of a file that is taken",
        raw("/cut", meta={"download_fail_on_dataloss": False}),
        lambda got: (got.flags, got.body) == (["dataloss"], b"[1, 2"),
    ),
    Row("data loss of chunks", raw("/cut-page"), is_a(failures.DataLoss)),
    Row("no answer at all", raw("/nothing"), is_a(failures.Failed)),
    Row("an answer that is none", raw("/noise"), is_a(failures.Failed)),
    Row("a line of its head that is none", raw("/bad-line"), lambda got: got.json() == []),
    Row("nobody listens", lambda case, name: case.request(case.refusing, name=name), is_a(failures.Refused)),
    Row("no such host", asking("http://nowhere.invalid/"), is_a(failures.Unresolved)),
    Row("a port that browsers refuse", asking("http://127.0.0.1:1/"), lambda got: "UNSAFE_PORT" in str(got)),
    Row("options that cannot be", asking("/told", {"wait": 3}), lambda got: isinstance(got, ValueError)),
    Row(
        "cookies of the request",
        asking("/told", cookies={"c": "1"}),
        lambda got: "c=1" in told(got)["headers"]["cookie"],
    ),
    Row(
        "its own Cookie header",
        asking("/told", headers={"Cookie": "own=1"}, meta={"dont_merge_cookies": True}),
        lambda got: told(got)["headers"]["cookie"] == "own=1",
    ),
    Row("not for the browser", asking("/told", None), lambda got: "sec-ch-ua" not in told(got)["headers"]),
    Row(
        "what a page is asked to do",
        asking("/page", {"actions": [["click", "#more"], ["wait_for", "p"]]}),
        lambda got: got.css("p::text").get() == "more",
    ),
    Row(
        "an action that cannot be done",
        asking("/page", {"actions": [["click", "#none", {"timeout": 0.2}]]}),
        is_a(failures.TimedOut),
    ),
    Row(
        "what is taken of a page",
        asking("/page", {"extract": {"title": "title"}, "screenshot": True, "har": True}),
        lambda got: (
            result_of(got).extract == {"title": "page"}
            and result_of(got).screenshot.startswith(PNG[:8])
            and len(result_of(got).har["log"]["entries"]) == 1
        ),
    ),
    Row(
        "what is blocked",
        asking("/told", {"block": ["/picture"], "har": True}),
        lambda got: (
            [
                each["response"]["status"]
                for each in result_of(got).har["log"]["entries"]
                if each["request"]["url"].endswith("/picture")
            ]
            == [0]
        ),
    ),
    Row(
        "a context of its own",
        asking(
            "/page", {"context": {"locale": "de-DE"}, "actions": [["evaluate", "document.title = navigator.language"]]}
        ),
        lambda got: got.css("title::text").get() == "de-DE",
    ),
)


class HandlerTests(SharedCrawling):
    """What a download handler must do."""

    refusing: str
    raw: RawServer

    def setUp(self) -> None:
        super().setUp()
        self.raw = RawServer(RAW)
        self.addCleanup(lambda: Deferred.fromCoroutine(self.raw.stop()))
        self.refusing = f"http://127.0.0.1:{refusing_port()}/"
        self.fill()

    def fill(self) -> None:
        put = self.put
        self.told = Told()
        put("/told", self.told)
        for status in (*STATUSES, 407):
            put(f"/status-{status}", Bytes(b"<p>no", "text/html", status))
        for path, answer in {
            "/404": Bytes(b"<p>gone", "text/html", 404),
            "/500": Bytes(b"", "text/html", 500),
            "/204": Bytes(b"", "text/html", 204),
            "/304": Bytes(b"", "text/html", 304),
            "/json": Bytes(b'{"a":  1}', "application/json"),
            "/xml": Bytes(b"<?xml version='1.0'?><a/>", "application/xml"),
            "/text": Bytes(b"a < b", "text/plain"),
            "/picture": Bytes(PNG, "image/png"),
            "/pdf": Bytes(PDF, "application/pdf"),
            "/file": Bytes(b"<p>a  file", "text/html", content_disposition="attachment; filename=a.html"),
            "/untyped": Bytes(b"plain  words", ""),
            "/untyped-page": Bytes(b"<!doctype html><title>sniffed</title>", ""),
            "/twice": Twice(b"<p>twice", "text/html"),
            "/gb18030": Bytes("<p>\u6c49\u5b57</p>".encode("gb18030"), "text/html; charset=gb18030"),
            "/cp1252": Bytes("<meta charset=windows-1252><p>\u20ac caf\u00e9</p>".encode("cp1252"), "text/html"),
            "/gzip": Bytes(b"<p>pressed", "text/html", content_encoding="gzip"),
            "/text-utf-8": Bytes(WORLD.encode(), "text/plain; charset=utf-8"),
            "/json-utf-8": Bytes(json.dumps([WORLD], ensure_ascii=False).encode(), "application/json"),
            "/text-latin": Bytes(b"caf\xe9", "text/plain; charset=iso-8859-1"),
            "/br": Bytes(BROTLI, "text/html; charset=utf-8", content_encoding="br"),
            "/br-text": Bytes(BROTLI, "text/plain; charset=utf-8", content_encoding="br"),
            "/gzip-json": Bytes(b'{"a": 1}', "application/json", content_encoding="gzip"),
            "/to-told": Bytes(b"", "text/html", 302, location="/told"),
            "/to-to-told": Bytes(b"", "text/html", 302, location="/to-told"),
            "/307": Bytes(b"", "text/html", 307, location="/told"),
            "/script-to-pdf": Bytes(b"<script>location = '/pdf'</script>", "text/html"),
            "/meta-to-json": Bytes(b"<meta http-equiv=refresh content='0; url=/json'>", "text/html"),
            "/large": Bytes(b"<p>" + b"x" * 2000, "text/html"),
            "/never": Never(),
            "/drip": Dripping(b'{"a": [', 200, {"content-type": "application/json"}),
            "/broken": Broken(),
            "/page": Bytes(
                b"<title>page</title><button id=more onclick='document.body.append(Object.assign("
                b'document.createElement("p"), {textContent: "more"}))\'>',
                "text/html",
            ),
        }.items():
            put(path, answer)

    async def test_what_a_handler_must_do(self):
        requests = [row.ask(self, row.name) for row in ROWS]
        crawl = await self.crawl(requests, CONCURRENT_REQUESTS_PER_DOMAIN=8)
        wrong = []
        for row in ROWS:
            got = self.outcome(crawl, row.name)
            try:
                holds = row.holds(got)
            except (AttributeError, LookupError, TypeError, ValueError, AssertionError) as error:
                holds, got = False, (got, error)
            if not holds:
                wrong.append(f"{row.name}: {got!r} {getattr(got, 'headers', '')} {getattr(got, 'body', b'')[:200]!r}")
        self.assertEqual(wrong, [], "\n".join(wrong))
        self.assertEqual(_browsers._running, {})

    def outcome(self, crawl: Crawl, name: str) -> Any:
        try:
            return crawl[name]
        except KeyError:
            return crawl.error(name)

    async def test_the_request_is_that_of_the_first_navigation_alone(self):
        """Trap: method and headers leaked onto later navigations, and onto what the page asks for."""
        self.put(
            "/first",
            Bytes(
                b"<img src=/told?image><script>fetch('/told?fetch').then(() => document.title = 'fetched')</script>"
                b"<a href=/told?link>link</a><iframe src=/told?frame></iframe>",
                "text/html",
            ),
        )
        actions = [
            ["wait_for_function", "document.title === 'fetched'"],
            ["click", "a"],
            ["wait_for_url", "**/told?link"],
        ]
        options: dict[str, Any] = {"method": "POST", "body": b"x", "headers": {"X-A": "1"}}
        crawl = await self.crawl([self.request("/first", {"actions": actions}, **options)])
        self.assertEqual((crawl["/first"].status, told(crawl["/first"])["method"]), (200, "GET"))
        self.assertGreaterEqual(len(self.told.asked), 4)
        for each in self.told.asked:
            self.assertEqual((each["method"], "x-a" in each["headers"], each["body"]), ("GET", False, ""))

    async def test_all_is_of_one_document(self):
        """Trap: after actions the body is the last page's, and the status the first's."""
        self.put("/start", Bytes(b"<a href=/404>on</a>", "text/html", x_which="first"))
        self.put("/csv", Bytes(b"<a href=/pdf>on</a>", "text/html"))
        on = {"actions": [["click", "a"], ["wait_for", "p"]]}
        bytes_of = {"actions": [["click", "a"], ["wait_for_load_state", "networkidle"]]}
        crawl = await self.crawl([self.request("/start", on), self.request("/csv", bytes_of)])
        page = crawl["/start"]
        self.assertEqual((page.status, page.url), (404, self.server.url("/404")))
        self.assertNotIn("X-Which", page.headers)
        self.assertIn(b"gone", page.body)
        file = crawl["/csv"]
        self.assertEqual((file.status, file.url, file.body), (200, self.server.url("/pdf"), PDF))

    async def test_the_rest_of_scrapy_goes_on_as_ever(self):
        """Robots, the dupefilter, AutoThrottle and signals."""
        self.put("/robots.txt", Bytes(b"User-agent: *\nDisallow: /404", "text/plain"))
        other = {"wait_until": "commit"}
        requests = [
            *(self.request("/told", dont_filter=False) for _ in range(2)),
            *(self.request("/told", other, name="other", dont_filter=False) for _ in range(2)),
            *(self.request("/told#part", dont_filter=False) for _ in range(2)),
        ]

        def parse(response: Response) -> Any:
            if response.meta["name"] == "other":  # robots.txt has been read
                yield self.request("/404")

        crawl = await self.crawl(
            requests,
            parse,
            ROBOTSTXT_OBEY=True,
            AUTOTHROTTLE_ENABLED=True,
            AUTOTHROTTLE_START_DELAY=0.01,
            AUTOTHROTTLE_MAX_DELAY=0.01,
        )
        self.assertEqual(sorted(each.meta["name"] for each in crawl.responses), ["/told", "/told#part", "other"])
        self.assertNotIn("/404", self.server.asked)
        self.assertEqual((crawl.stats["dupefilter/filtered"], crawl.stats["txcdp/requests"]), (3, 3))
        self.assertEqual((crawl.stats["response_received_count"], crawl.stats["robotstxt/forbidden"]), (4, 1))

    async def stopped(self, signal: Any, stop: Any, path: str) -> Any:
        """Crawl with somebody who listens to a signal, and return the response, and whether it came by the errback."""

        class Extension:
            @classmethod
            def from_crawler(cls, crawler: Any) -> Any:
                crawler.signals.connect(stop, signal)
                return cls()

            listening = stop  # signals have weak references

        crawl = await self.crawl([self.request(path)], EXTENSIONS={Extension: 0})
        if crawl.failures:
            error: Any = crawl.error(path)
            assert isinstance(error, StopDownload), error
            return error.response, True
        return crawl[path], False

    async def test_somebody_wants_no_more_than_the_headers(self):
        for fail in (False, True):

            def stop(headers: Any, request: Request, fail: bool = fail, **rest: Any) -> None:
                if b"image/png" not in headers["Content-Type"]:
                    raise StopDownload(fail=fail)

            response, failed = await self.stopped(signals.headers_received, stop, "/json")
            self.assertEqual((response.status, response.body, response.flags), (200, b"", ["download_stopped"]))
            self.assertEqual(response.ip_address, ip_address("127.0.0.1"))
            self.assertEqual(failed, fail)

    async def test_somebody_wants_no_more_than_the_first_bytes(self):
        """Of what is no page, they are told of as they come: the server sends no end."""
        begin = b"x" * 20_000
        self.put("/endless", Dripping(begin, 200, {"content-type": "text/plain"}))
        for fail in (False, True):
            heard: list[bytes] = []

            def stop(data: bytes, request: Request, fail: bool = fail, heard: Any = heard, **rest: Any) -> None:
                heard.append(data)
                raise StopDownload(fail=fail)

            response, failed = await self.stopped(signals.bytes_received, stop, "/endless")
            self.assertEqual(([response.body], response.flags), (heard, ["download_stopped"]))
            self.assertTrue(heard[0] and begin.startswith(heard[0]), heard)
            self.assertEqual((type(response), failed), (TextResponse, fail))
            self.assertEqual((response.protocol, response.ip_address), ("HTTP/1.1", ip_address("127.0.0.1")))

    async def test_bytes_are_told_of_as_they_come(self):
        heard: dict[str, bytes] = {}

        class Extension:
            @classmethod
            def from_crawler(cls, crawler: Any) -> Any:
                crawler.signals.connect(cls.received, signals.bytes_received)
                return cls()

            @staticmethod
            def received(data: bytes, request: Request, spider: Any) -> None:
                name = request.meta["name"]
                heard[name] = heard.get(name, b"") + data

        big = bytes(range(256)) * 4096
        self.put("/big", Bytes(big, "application/octet-stream"))
        names = ["/big", "/json", "/untyped", "/told", "/204"]
        crawl = await self.crawl([self.request(name) for name in names], EXTENSIONS={Extension: 0})
        self.assertEqual(crawl["/big"].body, big)
        self.assertEqual(heard, {name: crawl[name].body for name in names[:3]})

    async def test_what_scrapy_warns_of(self):
        """Sizes, once for each; data loss, once; addresses to bind to, which a browser does not."""
        requests = [
            self.request(path, name=f"{path} {number}", meta=meta)
            for path, meta in (
                ("/large", {"download_warnsize": 1000}),
                (self.raw.url("/many-chunks"), {"download_warnsize": 1000}),
                ("/broken", {}),
                ("/told", {"bindaddress": "127.0.0.2"}),
            )
            for number in range(2)
        ]
        with self.assertLogs("txcdp.scrapy", "WARNING") as logs:
            await self.crawl(requests, DOWNLOAD_BIND_ADDRESS="127.0.0.2")
        said = [each.getMessage() for each in logs.records]
        for words, times in (
            ("Expected to receive 2003 bytes which is larger than download warn size (1000)", 2),
            ("Received 2000 bytes which is larger than download warn size (1000)", 2),
            ("Got data loss in ", 1),
            ("'bindaddress' request meta key is not supported", 2),
            ("DOWNLOAD_BIND_ADDRESS is ignored for pages", 1),
        ):
            self.assertEqual(sum(words in each for each in said), times, (words, said))


class CookieTests(SharedCrawling):
    """The jar of Scrapy's CookiesMiddleware and that of the browser are one."""

    def setUp(self) -> None:
        super().setUp()
        self.told = Told()
        self.put("/told", self.told)
        script = b"<script>document.cookie = 'script=1'; document.cookie = 'both=page'</script>"
        self.put("/set", Bytes(script, "text/html", set_cookie="both=server"))
        self.put("/unset", Bytes(b"<script>document.cookie = 'script=; max-age=0'</script>", "text/html"))
        self.put("/plain", Bytes(b"", "text/html", set_cookie="plain=1; HttpOnly"))
        self.put("/led", Bytes(b"", "text/html", 302, location="/told", set_cookie="led=1"))

    async def in_turn(self, *requests: Request) -> list[str]:
        """Crawl one after the other, and return the cookies that each of /told was asked with."""
        waiting = list(requests)

        def parse(response: Response) -> Any:
            yield from waiting[:1]
            del waiting[:1]

        await self.crawl([waiting.pop(0)], parse)
        return [
            "; ".join(sorted(each["headers"].get("cookie", "").split("; ")))
            for each in self.told.asked
            if "x-said" in each["headers"] or "x-plain" in each["headers"]
        ]

    def asks(self, txcdp: Any = True, **meta: Any) -> Request:
        return self.request("/told", txcdp, headers={"X-Said": "1"}, meta=meta)

    async def test_what_a_page_sets_scrapy_sends_and_the_other_way_round(self):
        sent = await self.in_turn(
            self.request("/set"),
            self.asks(None),
            self.request("/plain", None),
            self.asks(),
            self.request("/unset"),
            self.asks(None),
            self.request("/led"),
            self.asks(),
        )
        before = "both=page; plain=1"
        self.assertEqual(
            sent,
            ["both=page; script=1", f"{before}; script=1", before, "both=page; led=1; plain=1"],
        )

    async def test_each_jar_is_for_itself(self):
        sent = await self.in_turn(
            self.request("/set", meta={"cookiejar": "a"}),
            self.asks(cookiejar="b"),
            self.asks(cookiejar="a"),
            self.asks(None, cookiejar="a"),
            self.asks(dont_merge_cookies=True, cookiejar="a"),
        )
        self.assertEqual(sent, ["", "both=page; script=1", "both=page; script=1", ""])


class LineTests(SharedCrawling):
    """Servers behind TLS, and proxies."""

    async def test_a_server_behind_tls(self):
        self.put("/told", Told())
        site = Site(self.server._pages)
        site.displayTracebacks = False
        url = f"https://localhost:{listen(self, site, Authority().server('localhost'))}/told"
        requests = [self.request(url), self.request(url, name="again"), self.request("/told")]
        crawl = await self.crawl(requests)
        self.assertEqual(crawl.stats["txcdp/browsers/started"], 1)  # for both schemes
        self.assertEqual((crawl["/told"].certificate, crawl.stats["txcdp/contexts/opened"]), (None, 1))
        for name in (url, "again"):
            response = crawl[name]
            certificate = response.certificate.original.to_cryptography()
            self.assertEqual(certificate.subject.rfc4514_string(), "CN=localhost")
            self.assertEqual(certificate.issuer.rfc4514_string(), "CN=a throw-away authority")
        strict = await self.crawl([self.request(url)], DOWNLOAD_VERIFY_CERTIFICATES=True)
        self.assertIn("CERT_AUTHORITY_INVALID", str(strict.error(url)))

    async def test_a_proxy_that_asks_for_a_name_and_a_password(self):
        asked: list[str | None] = []

        def render(request: Any) -> bytes:
            asked.append(request.getHeader("proxy-authorization"))
            if asked[-1] is not None:
                return b"<p>by proxy: " + bytes(request.uri)
            request.setResponseCode(407)
            request.setHeader("proxy-authenticate", 'Basic realm="proxy"')
            return b""

        proxy = Server()
        proxy._pages.render = render  # type: ignore[method-assign]
        self.addCleanup(lambda: Deferred.fromCoroutine(proxy.stop()))
        there = {"proxy": f"http://of:proxy@127.0.0.1:{proxy.port}"}
        self.put("/told", Told())
        crawl = await self.crawl(
            [self.request("http://a.example/page", meta=there, name="by proxy"), self.request("/told")]
        )
        self.assertEqual(crawl["by proxy"].css("p::text").get(), "by proxy: http://a.example/page")
        self.assertEqual(asked[-1], "Basic b2Y6cHJveHk=")
        self.assertEqual(crawl["/told"].status, 200)
        self.assertEqual(crawl.stats["txcdp/contexts/opened"], 2)


class PageTests(SharedCrawling):
    """Pages that callbacks get."""

    def setUp(self) -> None:
        super().setUp()
        self.put("/told", Told())
        self.put("/503", Bytes(b"<p>later", "text/html", 503))
        self.closed: list[str] = []

    def asks(self, path: str = "/told", **more: Any) -> Request:
        return self.request(path, {"include_page": True}, **more)

    async def test_a_callback_has_it_until_its_end(self):
        seen = []

        async def parse(response: Response) -> Any:
            with closing_page(response) as page:
                seen.append((await page.title(), page.is_closed()))
            self.assertRaises(LookupError, page_of, response)
            yield {}

        await self.crawl([self.asks() for _ in range(4)], parse, TXCDP_PAGES=1)
        self.assertEqual(seen, [("told", False)] * 4)
        self.assertEqual(len(_pages._given), 0)

    async def test_it_is_closed_whatever_a_callback_does(self):
        """With one page at most, one that is left would stop the crawl."""

        def parse(response: Response) -> Any:
            page_of(response)
            number = response.meta["number"]
            if number == 1:
                raise ZeroDivisionError
            if number == 2:
                return [{"a": 1}]
            return None

        requests = [self.asks(meta={"number": number}) for number in range(4)]
        crawl = await self.crawl(requests, parse, TXCDP_PAGES=1)
        self.assertEqual(len(crawl.responses), 4)
        self.assertEqual(crawl.stats["spider_exceptions/ZeroDivisionError"], 1)

    async def test_retries_leave_none(self):
        """Trap: a page that a retry leaves counts until the crawl stops."""
        crawl = await self.crawl(
            [self.asks("/503") for _ in range(2)],
            RETRY_ENABLED=True,
            RETRY_TIMES=2,
            TXCDP_PAGES=1,
            RETRY_GIVE_UP_LOG_LEVEL="DEBUG",  # a record that is captured has the request
        )
        self.assertEqual([each.status for each in crawl.responses], [503, 503])
        self.assertEqual(crawl.stats["txcdp/pages/opened"], 6)

    async def test_what_is_in_the_cache_comes_with_what_was_taken_and_without_a_page(self):
        wanted = {"include_page": True, "extract": {"title": "title"}, "screenshot": True}
        settings = {"HTTPCACHE_ENABLED": True, "HTTPCACHE_DIR": self.mktemp()}
        found: list[Any] = []

        def parse(response: Response) -> None:
            try:
                found.append(page_of(response).url)
            except LookupError as error:
                found.append(str(error))

        first = await self.crawl([self.request("/told", wanted)], parse, **settings)
        other = {"extract": {"heading": "pre"}}
        again = await self.crawl(
            [self.request("/told", wanted), self.request("/told", other, name="other")], parse, **settings
        )
        self.assertEqual(result_of(again["/told"]), result_of(first["/told"]))
        self.assertEqual(result_of(first["/told"]).extract, {"title": "told"})
        self.assertIsInstance(again["/told"], HtmlResponse)
        self.assertEqual(again["/told"].flags, ["cached"])
        self.assertIn("heading", result_of(again["other"]).extract)
        self.assertEqual(found[0], self.server.url("/told"))
        self.assertEqual(sum("dont_cache" in each for each in found), 1)
        self.assertEqual(again.stats["txcdp/requests"], 1)

    async def test_a_request_waits_in_a_job(self):
        folder = self.mktemp()
        actions = {"include_page": True, "actions": [["wait_for", "pre"]]}
        crawl = await self.crawl([self.request("/told", actions, callback=None)], JOBDIR=folder)
        self.assertEqual([each.status for each in crawl.responses], [200])
        self.assertNotIn("scheduler/unserializable", crawl.stats)

    async def test_what_is_waited_for_a_page_is_no_latency(self):
        """Trap: time spent waiting for a page counted as latency, and against the timeout."""
        held = self.server.held("/held")
        requests = [self.request("/held"), self.request("/told", meta={"download_timeout": 20})]
        order: list[str] = []
        crawling = Deferred.fromCoroutine(
            self.crawl(requests, lambda response: order.append(response.url), TXCDP_PAGES=1, LOG_LEVEL="ERROR")
        )
        await held.asked
        waited: Deferred[None] = Deferred()
        reactor.callLater(1, waited.callback, None)
        await waited
        self.assertNotIn("/told", self.server.asked)
        held.release(b"<p>here")
        crawl = await crawling
        held_for = crawl["/held"].meta["download_latency"]
        self.assertGreaterEqual(crawl.stats["txcdp/wait_seconds"], 1)
        self.assertEqual(order, [self.server.url("/held"), self.server.url("/told")])
        self.assertGreaterEqual(held_for, 1)
        self.assertEqual(crawl.stats["txcdp/pages/waited"], 1)


class BrowsersTests(Crawling):
    """Crawls with browsers of their own."""

    def setUp(self) -> None:
        super().setUp()
        self.put("/told", Told())

    async def test_two_crawlers_share_a_browser_and_the_last_one_ends_it(self):
        """Trap: handlers of two schemes start two browsers; one spider's end closes another's."""
        held = self.server.held("/held")
        first = Deferred.fromCoroutine(self.crawl([self.request("/held")]))
        await held.asked
        running = list(_browsers._running.values())
        self.assertEqual([(each.users, each.started) for each in running], [(1, 1)])
        other = await self.crawl([self.request("/told")])
        self.assertEqual(other["/told"].status, 200)
        self.assertEqual([(each.users, each.started) for each in running], [(1, 1)])
        held.release(b"<p>here")
        self.assertEqual((await first)["/held"].status, 200)
        self.assertEqual(_browsers._running, {})

    async def test_a_crawl_without_requests_for_a_browser_starts_none(self):
        crawl = await self.crawl([self.request("/told", None)])
        self.assertEqual((crawl["/told"].status, crawl.stats["txcdp/browsers/started"]), (200, 0))

    async def test_a_killed_browser_costs_a_retry(self):
        count, kills = 24, [4, 12]

        def parse(response: Response) -> Any:
            if kills and len(crawl_of[0].responses) >= kills[0]:
                kills.pop(0)
                (running,) = _browsers._running.values()
                (service,) = running._services
                browser = service.browser
                if browser is not None and browser.process is not None:
                    os.kill(browser.process.pid, signal.SIGKILL)
            return [{"url": response.url}]

        crawl_of: list[Crawl] = []
        urls = [self.server.page(f"/{number}", f"<p>{number}<img src=/told>") for number in range(count)]

        def requests() -> Any:
            yield from (self.request(url) for url in urls)

        def remember(response: Response) -> Any:
            return parse(response)

        class Remembering(Crawl):
            def __init__(self, *args: Any) -> None:
                super().__init__(*args)
                crawl_of.append(self)

        self.patch(support_crawls, "Crawl", Remembering)
        errors: list[Any] = []

        def watch(event: Any) -> None:
            if event.get("log_level") is LogLevel.error:
                errors.append(event)

        observe: Any = watch
        globalLogPublisher.addObserver(observe)
        self.addCleanup(globalLogPublisher.removeObserver, observe)
        crawl = await self.crawl(requests(), remember, RETRY_ENABLED=True, TXCDP_PAGES=4)
        self.assertEqual(sorted(each.url for each in crawl.responses), sorted(urls))
        self.assertEqual(crawl.stats["item_scraped_count"], count)
        self.assertEqual(crawl.failures, [])
        self.assertGreaterEqual(crawl.stats["txcdp/browsers/started"], 3)
        self.assertNotIn("retry/max_reached", crawl.stats)
        self.assertEqual(errors, [])
        self.assertEqual(_browsers._running, {})

    async def test_a_callback_whose_browser_is_killed_asks_again(self):
        lost: list[str] = []

        async def parse(response: Response) -> Any:
            page, spider = page_of(response), self.crawler.spider
            process = page.context.browser.process
            assert process is not None
            assert spider is not None
            assert response.request is not None
            if not lost:
                os.kill(process.pid, signal.SIGKILL)
            try:
                title = await page.title()
            except ConnectionLost as error:
                lost.append(type(error).__name__)
                yield get_retry_request(response.request, spider=spider, reason="the browser ended")
            else:
                yield {"title": title}

        requests = [self.request("/told", {"include_page": True}, name=name) for name in ("one", "other")]
        crawl = await self.crawl(requests, parse, TXCDP_PAGES=1)
        self.assertEqual(sorted(each.meta["name"] for each in crawl.responses), ["one", "one", "other"])
        self.assertEqual((lost, crawl.failures, crawl.stats["item_scraped_count"]), (["ConnectionLost"], [], 2))
        self.assertEqual(crawl.stats["txcdp/browsers/started"], 2)
        self.assertEqual(len(_pages._given), 0)

    async def test_a_browser_that_is_not_installed(self):
        launch = {"executable": "/nowhere/chromium"}
        crawl = await self.crawl([self.request("/told")], RETRY_ENABLED=True, TXCDP_LAUNCH=launch)
        self.assertIsInstance(crawl.error("/told"), ExecutableNotFound)
        self.assertNotIn("retry/count", crawl.stats)
        self.flushLoggedErrors(ExecutableNotFound)
