"""The names for Scrapy's settings: the download handler, and the add-on that sets everything up."""

from __future__ import annotations

import inspect
import logging
from typing import Any, Final
from weakref import WeakKeyDictionary

import scrapy
from scrapy import Request
from scrapy.crawler import Crawler
from scrapy.downloadermiddlewares.cookies import CookiesMiddleware
from scrapy.exceptions import NotConfigured
from scrapy.http import Response
from scrapy.settings import BaseSettings
from scrapy.utils.defer import maybe_deferred_to_future
from scrapy.utils.httpobj import urlparse_cached
from scrapy.utils.misc import build_from_crawler, load_object
from twisted.internet.defer import Deferred

from txcdp._deferreds import returns_deferred, with_deadline
from txcdp.scrapy import _failures as failures
from txcdp.scrapy._browsers import browsers_for, leave
from txcdp.scrapy._contexts import ContextPool, LeasedPage, Proxy, WantedContext
from txcdp.scrapy._options import META, RenderOptions, is_wanted, options_of
from txcdp.scrapy._pages import PageMiddleware, give, take_back
from txcdp.scrapy._proxies import proxy_of
from txcdp.scrapy._rendering import Render, without_stale_cookies
from txcdp.scrapy._settings import RenderSettings, settings_of

logger = logging.getLogger(__name__)

#: Whether this version of Scrapy has coroutine handlers; before 2.14 they got the spider and returned Deferreds.
_COROUTINES: Final = scrapy.version_info >= (2, 14)

_LOSS: Final = (
    "Got data loss in %s. DOWNLOAD_FAIL_ON_DATALOSS = False lets callbacks have what there is of such responses. "
    "This is said once."
)

_SCHEMES: Final = ("http", "https")


class Renderer:
    """Renders for one crawler: the handlers of its schemes share it.

    :param crawler: the crawler.
    :param settings: its settings.
    """

    def __init__(self, crawler: Crawler, settings: RenderSettings) -> None:
        from twisted.internet import reactor

        assert crawler.stats is not None
        self._reactor: Any = reactor
        self._crawler = crawler
        self._settings = settings
        self._stats = crawler.stats
        self._browsers = browsers_for(self._reactor, settings)
        self._pool = ContextPool(self._browsers, settings.contexts, settings.pages, self._stats)
        self._has_lost = False
        self.users = 0
        if crawler.settings.get("DOWNLOAD_BIND_ADDRESS"):
            logger.warning("DOWNLOAD_BIND_ADDRESS is ignored for pages: Chromium has no such option")

    @returns_deferred
    async def download(self, request: Request) -> Response:
        """Render a request.

        :returns: fires with the response; fails with an exception that Scrapy's middlewares know.
        """
        self._stats.inc_value("txcdp/requests")
        try:
            response = await self._download(request)
        except Exception as error:
            raised = failures.as_scrapy_has_it(error)
            self._stats.inc_value(f"txcdp/failures/{type(raised).__name__}")
            if isinstance(raised, failures.DataLoss) and not self._has_lost:
                self._has_lost = True
                logger.warning(_LOSS, request.url)
            if raised is error:
                raise
            raise raised from error
        self._stats.inc_value("txcdp/responses")
        return response

    @returns_deferred
    async def close(self) -> None:
        """Close what is open, and the browsers if nobody else uses them."""
        self._stats.set_value("txcdp/browsers/started", self._browsers.started)
        await self._pool.close()
        await leave(self._reactor, self._settings, self._browsers)

    async def _download(self, request: Request) -> Response:
        take_back(request)
        if request.meta.get("bindaddress"):
            logger.error("The 'bindaddress' request meta key is not supported for pages and is ignored: %s", request)
        options = options_of(request.meta[META], self._settings.defaults)
        wanted = self._wanted(request, options)
        asked = self._reactor.seconds()
        leased = await self._pool.page(wanted)
        self._stats.inc_value("txcdp/wait_seconds", self._reactor.seconds() - asked)
        seconds = float(request.meta.get("download_timeout") or 0) or None
        working = Deferred.fromCoroutine(self._render(request, options, leased))
        words = f"Getting {request.url} took longer than {seconds} seconds."
        try:
            response = await with_deadline(self._reactor, working, seconds, lambda: failures.TimedOut(words))
        except BaseException:
            leased.close()
            raise
        if options.include_page:
            give(request, leased)
        else:
            leased.close()
        return response

    async def _render(self, request: Request, options: RenderOptions, leased: LeasedPage) -> Response:
        of = leased.of
        if of.cookies is not None:
            await of.cookies.push()
        else:
            await self._give_cookies(request, leased)
        response = await Render(self._crawler, request, options, leased, self._settings.own_headers).run()
        if of.cookies is not None:
            await of.cookies.pull()
            jar: Any = of.wanted.jar
            without_stale_cookies(response, request, jar)
        return response

    def _wanted(self, request: Request, options: RenderOptions) -> WantedContext:
        """Return the context that a request is for."""
        middleware = self._crawler.get_downloader_middleware(CookiesMiddleware)
        alone = bool(request.meta.get("dont_merge_cookies"))
        key = request.meta.get("cookiejar")
        jar: Any = None if middleware is None or alone else middleware.jars[key].jar
        proxy: Proxy | None = proxy_of(request, self._crawler.settings)
        return WantedContext(key, proxy, options.context, options.block, alone, jar)

    async def _give_cookies(self, request: Request, leased: LeasedPage) -> None:
        """Set the cookies of a request in the browser, if Scrapy does not keep any."""
        context = leased.of.context
        text = request.headers.get("Cookie")
        if text and context is not None:
            pairs = [each.strip().partition("=") for each in text.decode("latin-1").split(";")]
            place = urlparse_cached(request)
            origin = f"{place.scheme}://{place.netloc}/"
            await context.add_cookies(
                [{"name": name, "value": value, "url": origin} for name, _, value in pairs if name]
            )


#: The renderers, by crawler.
_renderers: WeakKeyDictionary[Crawler, Renderer] = WeakKeyDictionary()


class DownloadHandler:
    """A download handler that renders pages: ``DOWNLOAD_HANDLERS = {"https": "txcdp.scrapy.DownloadHandler"}``.

    Requests with ``meta["txcdp"]``, True or a dict of options, go to a browser; all others go to Scrapy's own handler
    for the scheme, or to the one in ``TXCDP_FALLBACK_HANDLERS``.

    :param crawler: the crawler that the handler belongs to.
    :raises ValueError: a setting is invalid.
    :raises TypeError: a setting has the wrong type.
    """

    lazy = False

    def __init__(self, crawler: Crawler) -> None:
        if not crawler.settings.getbool("TWISTED_REACTOR_ENABLED", True):
            raise NotConfigured("txcdp.scrapy needs a Twisted reactor: leave TWISTED_REACTOR_ENABLED as it is")
        self._crawler = crawler
        self._settings = settings_of(crawler.settings)
        self._fallbacks: dict[str, Any] = {}
        found = _renderers.get(crawler)
        if found is None:
            found = _renderers[crawler] = Renderer(crawler, self._settings)
        self._renderer = found
        found.users += 1

    @classmethod
    def from_crawler(cls, crawler: Crawler) -> DownloadHandler:
        """Create the handler for a crawler; Scrapy calls this."""
        return cls(crawler)

    if _COROUTINES:

        async def download_request(self, request: Request) -> Response:
            """Download a request."""
            if is_wanted(request.meta):
                return await maybe_deferred_to_future(self._renderer.download(request))
            handler = self._fallback(request)
            if inspect.iscoroutinefunction(handler.download_request):
                found: Response = await handler.download_request(request)
                return found
            return await maybe_deferred_to_future(handler.download_request(request, self._crawler.spider))

        async def close(self) -> None:
            """Close the handler; the last handler of a crawler closes its pages, the last crawler the browsers."""
            await maybe_deferred_to_future(self._leave())
            for each in self._fallbacks.values():
                closing = each.close()
                await (
                    closing
                    if inspect.isawaitable(closing) and not isinstance(closing, Deferred)
                    else maybe_deferred_to_future(closing)
                )

    else:

        def download_request(self, request: Request, spider: Any) -> Deferred[Response]:  # type: ignore[misc]
            """Download a request."""
            if is_wanted(request.meta):
                return self._renderer.download(request)
            found: Deferred[Response] = self._fallback(request).download_request(request, spider)
            return found

        @returns_deferred
        async def close(self) -> None:  # type: ignore[misc]
            """Close the handler; the last handler of a crawler closes its pages, the last crawler the browsers."""
            await self._leave()
            for each in self._fallbacks.values():
                closing = each.close()
                if closing is not None:
                    await closing

    @returns_deferred
    async def _leave(self) -> None:
        self._renderer.users -= 1
        if self._renderer.users == 0:
            _renderers.pop(self._crawler, None)
            await self._renderer.close()

    def _fallback(self, request: Request) -> Any:
        """Return the handler of the requests that are not for the browser."""
        scheme = urlparse_cached(request).scheme
        found = self._fallbacks.get(scheme)
        if found is None:
            base = self._crawler.settings.getdict("DOWNLOAD_HANDLERS_BASE")
            path = self._settings.fallbacks.get(scheme) or base[scheme]
            found = self._fallbacks[scheme] = build_from_crawler(load_object(path), self._crawler)
        return found


class Addon:
    """A Scrapy add-on that sets everything up: ``ADDONS = {"txcdp.scrapy.Addon": 500}``.

    It sets ``DOWNLOAD_HANDLERS`` for ``http`` and ``https``, ``REQUEST_FINGERPRINTER_CLASS`` and, for pages in
    callbacks, ``SPIDER_MIDDLEWARES``. A handler or a fingerprinter that the project has set is used for requests that
    are not for the browser.
    """

    def update_settings(self, settings: BaseSettings) -> None:
        """Change the settings; Scrapy calls this.

        :raises ValueError: a ``TXCDP_...`` setting is invalid.
        :raises TypeError: one has the wrong type.
        """
        handlers = settings.getdict("DOWNLOAD_HANDLERS")
        fallbacks = dict(settings.getdict("TXCDP_FALLBACK_HANDLERS"))
        for scheme in _SCHEMES:
            if handlers.get(scheme) not in (None, DownloadHandler):
                fallbacks.setdefault(scheme, handlers[scheme])
            handlers[scheme] = DownloadHandler
        settings.set("TXCDP_FALLBACK_HANDLERS", fallbacks, "addon")
        settings.set("DOWNLOAD_HANDLERS", handlers, "addon")
        if settings.getpriority("REQUEST_FINGERPRINTER_CLASS") == 0:
            settings.set("REQUEST_FINGERPRINTER_CLASS", "txcdp.scrapy.RequestFingerprinter", "addon")
        middlewares = settings.getdict("SPIDER_MIDDLEWARES")
        middlewares.setdefault(PageMiddleware, 1000)
        settings.set("SPIDER_MIDDLEWARES", middlewares, "addon")
        settings_of(settings)  # an error in a handler would be one more line of the log
