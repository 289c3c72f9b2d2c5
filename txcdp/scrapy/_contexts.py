"""The contexts of one crawler, and the pages in them: no more than the settings allow, in the order of the requests."""

from __future__ import annotations

import json
from collections import OrderedDict
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any, NamedTuple

from scrapy.statscollectors import StatsCollector
from twisted.internet.defer import Deferred, DeferredList
from twisted.internet.ssl import Certificate

from txcdp._deferreds import OneShot, ignore_failure, returns_deferred
from txcdp._waiting import WaitQueue
from txcdp.browser import BrowserContext
from txcdp.page import Page
from txcdp.scrapy._browsers import Browsers
from txcdp.scrapy._cookies import Jar, SharedCookies


class Proxy(NamedTuple):
    """A proxy.

    :ivar server: its URL.
    :ivar username: None: the proxy asks for none.
    :ivar password: the password for it.
    """

    server: str
    username: str | None = None
    password: str | None = None

    def options(self) -> dict[str, str]:
        """Return the proxy in the form of a context option."""
        named = {} if self.username is None else {"username": self.username, "password": self.password or ""}
        return {"server": self.server, **named}


@dataclass(frozen=True)
class WantedContext:
    """The context that a request is for.

    :ivar cookiejar: the key of the jar; requests with different keys share nothing.
    :ivar proxy: the proxy; None: no proxy.
    :ivar options: the options of the context.
    :ivar block: patterns of the requests that it blocks.
    :ivar alone: whether it is only for this request, and ends with it.
    :ivar jar: the Scrapy cookie jar that it shares; None: no jar.
    """

    cookiejar: object
    proxy: Proxy | None
    options: dict[str, Any]
    block: tuple[str, ...]
    alone: bool = False
    jar: Jar | None = None

    @property
    def key(self) -> tuple[Any, ...]:
        """The key that identifies the context."""
        by = id(self) if self.alone else None
        return self.cookiejar, self.proxy, json.dumps(self.options, sort_keys=True, default=repr), self.block, by


@dataclass(eq=False)
class PooledContext:
    """A context that several requests use, at the same time or one after the other.

    :ivar wanted: the requests that it is for.
    :ivar pages: how many pages it has, including those being opened.
    :ivar context: the context, once it exists.
    :ivar cookies: keeps its cookies and those of Scrapy's jar the same.
    :ivar certificates: the certificates of servers, by origin.
    """

    wanted: WantedContext
    pages: int = 0
    context: BrowserContext | None = None
    cookies: SharedCookies | None = None
    certificates: dict[str, Certificate | None] = field(default_factory=dict)
    made: OneShot[Exception | None] = field(default_factory=OneShot)

    @property
    def ended(self) -> bool:
        """Whether it is gone, usually along with its browser."""
        context = self.context
        return context is not None and (context.is_closed() or context.browser.connection.lost is not None)


@dataclass(eq=False)
class LeasedPage:
    """A page for one request.

    :ivar page: the page.
    :ivar of: the context of the page.
    """

    page: Page
    of: PooledContext
    _close: Callable[[], Deferred[Any]]
    _closed: bool = False

    def close(self) -> None:
        """Close the page; a second call does nothing."""
        if not self._closed:
            self._closed = True
            self._close()


class ContextPool:
    """The contexts and pages of one crawler.

    :param browsers: the browsers.
    :param contexts: the most contexts.
    :param pages: the most pages.
    :param stats: Scrapy's stats collector.
    """

    def __init__(self, browsers: Browsers, contexts: int, pages: int, stats: StatsCollector) -> None:
        self._browsers = browsers
        self._most_contexts = contexts
        self._most_pages = pages
        self._stats = stats
        self._contexts: OrderedDict[tuple[Any, ...], PooledContext] = OrderedDict()
        self._pages = 0
        self._for_pages: WaitQueue[None] = WaitQueue()
        self._for_contexts: WaitQueue[None] = WaitQueue()
        self._closing: set[Deferred[Any]] = set()
        self._leased: set[LeasedPage] = set()

    @returns_deferred
    async def page(self, wanted: WantedContext) -> LeasedPage:
        """Open a page, as soon as the limit allows one more.

        :returns: fires with the :class:`LeasedPage`, which you have to close. Fails if there is no browser, or the
            context or the page cannot be created.
        """
        await self._page_slot()
        pooled: PooledContext | None = None
        try:
            pooled = await self._context(wanted)
            assert pooled.context is not None
            page = await pooled.context.new_page()
        except BaseException:
            self._left(pooled)
            raise
        self._stats.inc_value("txcdp/pages/opened")
        popups: list[Page] = []
        listening = page.popups.subscribe(popups.append, ignore_failure)  # the browser may be killed
        of = pooled

        def close() -> Deferred[Any]:
            self._leased.discard(leased)
            listening.dispose()
            closing = DeferredList([each.close() for each in (page, *popups)], consumeErrors=True)
            closing.addCallback(lambda _: self._left(of))
            self._closing.add(closing)
            closing.addBoth(lambda _: self._closing.discard(closing))
            return closing

        leased = LeasedPage(page, pooled, close)
        self._leased.add(leased)
        return leased

    @returns_deferred
    async def close(self) -> None:
        """Close all pages and contexts.

        :returns: fires once they are closed, as far as there still are browsers.
        """
        for each in tuple(self._leased):
            each.close()
        for key in tuple(self._contexts):
            self._drop(key)
        while self._closing:
            await DeferredList(list(self._closing))

    async def _page_slot(self) -> None:
        if self._pages < self._most_pages and not len(self._for_pages):
            self._pages += 1
        else:
            self._stats.inc_value("txcdp/pages/waited")
            await self._for_pages.join()
        self._stats.max_value("txcdp/pages/open_max", self._pages)

    def _left(self, pooled: PooledContext | None) -> None:
        """Note that a page is closed, or could not be opened."""
        if pooled is not None:
            pooled.pages -= 1
            if not pooled.pages:
                if pooled.wanted.alone or pooled.ended:
                    self._drop(pooled.wanted.key, pooled)
                if len(self._for_contexts):
                    self._for_contexts.serve(None)
        if len(self._for_pages):
            self._for_pages.serve(None)
        else:
            self._pages -= 1

    async def _context(self, wanted: WantedContext) -> PooledContext:
        """Return the context for a request, with one more page counted."""
        key = wanted.key
        while True:
            pooled = self._contexts.get(key)
            if pooled is not None and pooled.ended:
                self._drop(key, pooled)
                pooled = None
            if pooled is None:
                if not self._has_room():
                    await self._for_contexts.join()
                    continue
                pooled = self._contexts[key] = PooledContext(wanted)
                self._stats.max_value("txcdp/contexts/open_max", len(self._contexts))
                pooled.pages += 1
                self._make(pooled)  # which may fail at once
            else:
                self._contexts.move_to_end(key)
                pooled.pages += 1
            try:
                error = await pooled.made.wait()
                if error is not None:
                    raise error
            except BaseException:
                pooled.pages -= 1
                raise
            return pooled

    def _has_room(self) -> bool:
        """Return whether there may be one more context; the least recently used one makes room."""
        if len(self._contexts) < self._most_contexts:
            return True
        for key, pooled in self._contexts.items():
            if not pooled.pages:
                self._drop(key, pooled)
                return True
        return False

    def _make(self, pooled: PooledContext) -> None:
        wanted = pooled.wanted

        async def make() -> None:
            number, browser = await self._browsers.take()
            try:
                proxy = {} if wanted.proxy is None else {"proxy": wanted.proxy.options()}
                options: Any = {**wanted.options, **proxy, "accept_downloads": False}
                context = pooled.context = await browser.new_context(**options)
            except BaseException:
                self._browsers.give_back(number)
                raise
            context.when_closed().addBoth(lambda _: self._browsers.give_back(number))
            if wanted.jar is not None:
                pooled.cookies = SharedCookies(context, wanted.jar)
            if wanted.block:
                await context.block(wanted.block)
            self._stats.inc_value("txcdp/contexts/opened")

        def failed(failure: Any) -> None:
            self._drop(wanted.key, pooled)
            pooled.made.fire(failure.value)

        making = Deferred.fromCoroutine(make())
        making.addCallbacks(lambda _: pooled.made.fire(None), failed)

    def _drop(self, key: tuple[Any, ...], only: PooledContext | None = None) -> None:
        """Remove a context, and close it."""
        pooled = self._contexts.get(key)
        if pooled is None or (only is not None and pooled is not only):
            return
        del self._contexts[key]
        if pooled.context is None or pooled.ended:
            return
        closing = pooled.context.close()
        self._closing.add(closing)
        closing.addErrback(ignore_failure)
        closing.addBoth(lambda _: self._closing.discard(closing))
