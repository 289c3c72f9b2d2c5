"""One render: opens a page for a request, does in it what is wanted, and makes a response from the result."""

from __future__ import annotations

import logging
import os
import tempfile
from base64 import b64decode
from collections.abc import Callable
from http.cookiejar import CookieJar
from ipaddress import IPv4Address, IPv6Address, ip_address
from pathlib import Path
from typing import Any, Final
from urllib.parse import urlsplit

from pydispatch.dispatcher import getAllReceivers  # type: ignore[import-untyped]
from scrapy import Request, signals
from scrapy.crawler import Crawler
from scrapy.exceptions import StopDownload
from scrapy.http import Response
from scrapy.http.cookies import CookieJar as ScrapyJar
from twisted.internet.defer import CancelledError
from twisted.internet.ssl import Certificate
from twisted.python.failure import Failure

from txcdp._deferreds import ignore_failure
from txcdp.domains import network
from txcdp.errors import CommandError, ContextDestroyed, DocumentBroken, DownloadStarted, NavigationError
from txcdp.page import Navigation, Page
from txcdp.page._action_lists import PageAction
from txcdp.protocol import from_json
from txcdp.scrapy import _failures as failures
from txcdp.scrapy._contexts import LeasedPage
from txcdp.scrapy._documents import Answer, DocumentRules, FirstRequest, PausedDocuments, Stopped
from txcdp.scrapy._options import RenderOptions
from txcdp.scrapy._responses import (
    Connected,
    RenderResult,
    address_of,
    headers_of,
    make_response,
    protocol_of,
    taken,
)

logger = logging.getLogger(__name__)

#: Headers that only the browser may set: those of the connection, its cookies, and the encodings that it can
#: decompress.
_OWN: Final = frozenset(
    {"accept-encoding", "connection", "content-length", "cookie", "host", "proxy-authorization", "transfer-encoding"}
)

#: How often reading is tried while other documents take the place of the one being read.
_READS: Final = 20

#: The same text as Scrapy's.
_SIZE: Final = "%s %s bytes which is larger than download %s size (%s) in request %s."

#: Navigations that lead to another document.
_DOCUMENTS: Final = frozenset({"new_document", "restored", "prerendered", "error"})


class Render:
    """One render.

    :param crawler: the crawler that the request belongs to.
    :param request: the request.
    :param options: the options of the render.
    :param leased: the page for it.
    :param own_headers: lower-case names of additional headers that only the browser may set.
    """

    def __init__(
        self,
        crawler: Crawler,
        request: Request,
        options: RenderOptions,
        leased: LeasedPage,
        own_headers: frozenset[str],
    ) -> None:
        self._crawler = crawler
        self._request = request
        self._options = options
        self._leased = leased
        self._page: Page = leased.page
        self._navigation: Navigation | None = None
        settings = crawler.settings
        self._most: int = request.meta.get("download_maxsize", settings.getint("DOWNLOAD_MAXSIZE"))
        self._many: int = request.meta.get("download_warnsize", settings.getint("DOWNLOAD_WARNSIZE"))
        self.documents = PausedDocuments(
            self._page,
            first_request(request, _OWN | own_headers),
            DocumentRules(
                stops=self._stops,
                judge=self._judge,
                received=self._received,
                tells=bool(list(getAllReceivers(crawler.signals.sender, signals.bytes_received))),
                fails_on_loss=self._fails_on_loss,
                shows=options.needs_document,
                most_redirects=settings.getint("REDIRECT_MAX_TIMES"),
            ),
        )

    async def run(self) -> Response:
        """Render the request, and return the response."""
        listening = self._page.navigations.subscribe(self._navigated, ignore_failure)
        try:
            return await self._run()
        except Stopped as stopped:
            return await self._stopped(stopped)
        finally:
            listening.dispose()
            self.documents.end(stays=self._options.include_page)

    async def _run(self) -> Response:
        har = _HarFile() if self._options.har is not None else None
        try:
            if har is not None:
                await har.begin(self._page, self._options.har or {})
            flags = await self._load()
            for action in self._options.actions:
                await self._perform(action)
            await self.documents.settle()
            response = await self._read(flags, har)
        finally:
            if har is not None:
                har.remove()
        documents = self.documents
        if documents.answered is not None:
            self._request.meta["download_latency"] = documents.answered - documents.began
        if documents.redirects:
            note_redirects(self._request, documents.redirects)
        return response

    # Loading:

    async def _load(self) -> list[str]:
        """Load the request's page, and return flags for the response."""
        documents = self.documents
        documents.begin().addErrback(ignore_failure)  # where the page is gone, what follows says so
        going = self._page.goto(self._request.url, self._options.wait_until, timeout=None)
        deciding = documents.decided.wait().addCallback(lambda _: going.cancel())
        deciding.addErrback(ignore_failure)
        try:
            await going
        except DocumentBroken:
            if self._fails_on_loss:
                raise
            return ["dataloss"]
        except (NavigationError, CancelledError) as error:
            if isinstance(error, CancelledError) and not documents.decided.fired:
                raise  # it takes too long
            await documents.settle()
            if documents.other is None and not (isinstance(error, DownloadStarted) and documents.is_saved()):
                raise
        finally:
            deciding.cancel()
        await documents.settle()
        return []

    async def _perform(self, action: PageAction) -> None:
        """Run one step; one that leads to a response that is not a page succeeds, too."""
        try:
            await action.perform(self._page)
        except NavigationError:
            await self.documents.settle()
            if self.documents.other is None:
                raise

    @property
    def _fails_on_loss(self) -> bool:
        default = self._crawler.settings.getbool("DOWNLOAD_FAIL_ON_DATALOSS")
        return bool(self._request.meta.get("download_fail_on_dataloss", default))

    def _navigated(self, navigation: Navigation) -> None:
        if navigation.frame is self._page.main_frame and navigation.kind in _DOCUMENTS:
            self._navigation = navigation

    def _stops(self, status: int) -> bool:
        """Return whether a redirect is left to the callback, as with RedirectMiddleware."""
        meta, crawler = self._request.meta, self._crawler
        return (
            bool(meta.get("dont_redirect") or meta.get("handle_httpstatus_all"))
            or status in meta.get("handle_httpstatus_list", ())
            or status in getattr(crawler.spider, "handle_httpstatus_list", ())
            or not crawler.settings.getbool("REDIRECT_ENABLED")
        )

    def _judge(self, answer: Answer) -> None:
        """Announce a response's headers, and refuse the response if it is too large.

        :raises StopDownload: a signal handler wants no more of it.
        :raises Exception: it is too large; the exception is Scrapy's.
        """
        length = answer.length
        headers = headers_of(answer.all_headers, text=False, length=None)
        self._announce(signals.headers_received, headers=headers, body_length=length)
        if length is not None:
            self._measure(length, "Expected to receive")

    def _received(self, data: bytes, size: int) -> None:
        """Announce bytes of a response that is not a page, and refuse them if there are too many by now.

        :raises StopDownload: a signal handler wants no more of it.
        :raises Exception: it is too large; the exception is Scrapy's.
        """
        self._announce(signals.bytes_received, data=data)
        self._measure(size, "Received")

    def _heard(self, answer: Answer, data: bytes) -> None:
        """Announce all bytes of a response that turned out not to be a page.

        :raises Exception: as for :meth:`_received`.
        """
        try:
            self._received(data, len(data))
        except StopDownload as stop:
            answer.body = data
            raise Stopped(stop, answer) from None

    def _announce(self, signal: object, **about: Any) -> None:
        """Send one of Scrapy's signals.

        :raises StopDownload: a signal handler wants no more of the response.
        """
        crawler = self._crawler
        told = crawler.signals.send_catch_log(signal=signal, request=self._request, spider=crawler.spider, **about)
        for _, result in told:
            if isinstance(result, Failure) and isinstance(result.value, StopDownload):
                raise result.value

    def _measure(self, size: int, how: str) -> None:
        """Refuse a response that is too large, and warn once of a large one.

        :raises Exception: it is too large; the exception is Scrapy's.
        """
        if self._most and size > self._most:
            words = _SIZE % (how, size, "max", self._most, self._request)
            logger.warning(words)
            raise failures.Cancelled(words)
        if self._many and size > self._many:
            logger.warning(_SIZE, how, size, "warn", self._many, self._request)
            self._many = 0

    async def _stopped(self, stopped: Stopped) -> Response:
        answer = stopped.answer
        headers = headers_of(answer.all_headers, text=False, length=None)
        connected = await self._connected(answer, None)
        response = make_response(
            answer.url, answer.status, headers, answer.body or b"", connected, ["download_stopped"]
        )
        if stopped.stop.fail:
            stopped.stop.response = response
            raise stopped.stop
        return response

    # Reading:

    async def _read(self, flags: list[str], har: _HarFile | None) -> Response:
        """Make the response from the page as it is now, with all parts from the same document."""
        for _ in range(_READS):
            other = self.documents.other
            if other is not None:
                return await self._of_bytes(other, flags, har)
            navigation = self._navigation
            try:
                response = await self._of_page(navigation, flags, har)
            except ContextDestroyed:
                response = None
            await self.documents.settle()
            if response is not None and self._navigation is navigation and self.documents.other is None:
                return response
        raise failures.Failed(f"{self._request.url}: the page keeps navigating to another document")

    async def _of_page(self, navigation: Navigation | None, flags: list[str], har: _HarFile | None) -> Response:
        page = self._page
        answer = self.documents.of(None if navigation is None else navigation.loader_id)
        if navigation is not None and navigation.kind == "error":
            raise failures.Failed(f"{self._request.url}: the page that it led to could not be loaded")
        if answer is None:
            answer = Answer(page.url, 200, ())
        elif not answer.kind and navigation is not None and navigation.response is not None:
            kind = await page.evaluate("document.contentType")
            if kind not in ("text/html", "application/xhtml+xml"):  # that is what Chromium has taken it for
                data = answer.unnamed
                if data is None:
                    data = await navigation.response.body()
                self._heard(answer, data)
                return await self._made(answer, answer.url, data, False, flags, har, navigation)
        taken_of_it = await self._take()
        text = await page.content()
        body = text.encode("utf-8", "replace")
        self._measure(len(body), "Received")
        return await self._made(answer, page.url, body, True, flags, har, navigation, taken_of_it)

    async def _of_bytes(self, answer: Answer, flags: list[str], har: _HarFile | None) -> Response:
        """Return the bytes that a server has sent, unchanged."""
        result = RenderResult()
        if answer.unnamed is not None:
            self._heard(answer, answer.unnamed)
        if self._options.needs_document and answer.body:
            result = await self._take()
        return await self._made(answer, answer.url, answer.body or b"", False, flags, har, self._navigation, result)

    async def _take(self) -> RenderResult:
        """Take from the page what is wanted in addition to its text."""
        extract, screenshot = self._options.extract, self._options.screenshot
        return RenderResult(
            {} if extract is None else await self._page.extract(extract),
            b"" if screenshot is None else await self._page.screenshot(**screenshot),
        )

    async def _made(
        self,
        answer: Answer,
        url: str,
        body: bytes,
        text: bool,
        flags: list[str],
        har: _HarFile | None,
        navigation: Navigation | None,
        result: RenderResult = RenderResult(),  # noqa: B008  (it does not change)
    ) -> Response:
        recorded = {} if har is None else await har.end()
        pairs = (*answer.all_headers, *taken(RenderResult(result.extract, result.screenshot, recorded)))
        length = None if self._request.method == "HEAD" else len(body)
        headers = headers_of(pairs, text=text, length=length)
        connected = await self._connected(answer, navigation)
        flags = [*flags, *(["dataloss"] if answer.broken else ())]
        return make_response(url, answer.status, headers, body, connected, flags)

    async def _connected(self, answer: Answer, navigation: Navigation | None) -> Connected:
        certificate = await self._certificate(answer.url)
        response = None if navigation is None else navigation.response
        if response is None or self.documents.of(None if navigation is None else navigation.loader_id) is not answer:
            response = None
        told = None if response is None or answer.body is not None else await response.server_addr()
        address = self._address(answer.url) if told is None else address_of(told["ipAddress"])
        return Connected(address, protocol_of(answer.protocol), certificate)

    def _address(self, url: str) -> IPv4Address | IPv6Address | None:
        """Return the address of a server if its URL contains one; Chromium reports none for a body taken out of it."""
        if self._leased.of.wanted.proxy is not None:
            return None
        try:
            return ip_address(urlsplit(url).hostname or "")
        except ValueError:
            return None

    async def _certificate(self, url: str) -> Certificate | None:
        """Return the certificate of a server, which is asked for once for each context."""
        place = urlsplit(url)
        if place.scheme != "https":
            return None
        origin, known = f"{place.scheme}://{place.netloc}", self._leased.of.certificates
        if origin not in known:
            try:
                told = await self._page.session.execute(network.get_certificate(origin=origin))
            except CommandError:
                return None
            names = told.table_names
            known[origin] = Certificate.load(b64decode(names[0]), _DER) if names else None
        return known[origin]


#: OpenSSL's constant for the encoding in which Chromium provides certificates.
_DER: Final = 2


class _HarFile:
    """A HAR recording of a page, in a temporary file."""

    def __init__(self) -> None:
        handle, path = tempfile.mkstemp(suffix=".har", prefix="txcdp-")
        os.close(handle)
        self._path = Path(path)
        self._stop: Callable[[], Any] | None = None
        self._told: dict[str, Any] | None = None

    async def begin(self, page: Page, options: dict[str, Any]) -> None:
        """Begin to record."""
        self._stop = (await page.record_har(self._path, **{"bodies": "omit", **options})).stop

    async def end(self) -> dict[str, Any]:
        """Stop recording, and return what was recorded."""
        if self._told is None:
            assert self._stop is not None
            await self._stop()
            self._told = from_json(self._path.read_bytes())
        assert self._told is not None
        return self._told

    def remove(self) -> None:
        """Remove the file."""
        self._path.unlink(missing_ok=True)


def first_request(request: Request, own: frozenset[str]) -> FirstRequest:
    """Return the request for the first document."""
    headers = [
        (name.decode("latin-1"), b", ".join(values).decode("latin-1"))
        for name, values in request.headers.items()
        if values and name.decode("latin-1").lower() not in own
    ]
    return FirstRequest(request.method, tuple(headers), request.body)


def note_redirects(request: Request, redirects: list[Answer]) -> None:
    """Record the redirects that the browser has followed as RedirectMiddleware records its own."""
    meta = request.meta
    meta["redirect_times"] = meta.get("redirect_times", 0) + len(redirects)
    meta["redirect_urls"] = [*meta.get("redirect_urls", ()), *(each.url for each in redirects)]
    meta["redirect_reasons"] = [*meta.get("redirect_reasons", ()), *(each.status for each in redirects)]


def without_stale_cookies(response: Response, request: Request, jar: CookieJar) -> None:
    """Leave out the ``Set-Cookie`` headers of a response that no longer match the jar.

    CookiesMiddleware reads them after this. It would restore what a script has changed since, or give the cookies of
    the target of a redirect to the server that was asked first.
    """
    lines = response.headers.getlist("Set-Cookie")
    if not lines:
        return
    kept = []
    for line in lines:
        alone = Response(request.url, headers={"Set-Cookie": line})
        made = ScrapyJar().make_cookies(alone, request)
        present = [_in(jar, each.domain, each.path, each.name) for each in made]
        if made and [each.value for each in made] == present:
            kept.append(line)
    response.headers.setlist("Set-Cookie", kept)
    if not kept:
        del response.headers["Set-Cookie"]


def _in(jar: CookieJar, domain: str, path: str, name: str) -> str | None:
    found = next((each for each in jar if (each.domain, each.path, each.name) == (domain, path, name)), None)
    return None if found is None else found.value
