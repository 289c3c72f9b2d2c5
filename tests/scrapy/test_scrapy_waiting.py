"""Time that is spent waiting for a page: it is no part of a request's timeout, nor of its latency."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any

from scrapy import Request
from scrapy.http import Response
from scrapy.utils.test import get_crawler
from twisted.internet.defer import Deferred
from twisted.internet.task import Clock
from twisted.trial.unittest import SynchronousTestCase

from txcdp.scrapy import _failures as failures
from txcdp.scrapy._documents import _NONE, FirstRequest, PausedDocuments
from txcdp.scrapy._handler import Renderer
from txcdp.scrapy._settings import settings_of

URL = "http://example.com/"


class Leased:
    """A page that is lent."""

    closed = False

    def close(self) -> None:
        self.closed = True


class WaitingTests(SynchronousTestCase):
    def setUp(self) -> None:
        self.clock = Clock()
        self.crawler = get_crawler()
        renderer = self.renderer = Renderer(self.crawler, settings_of(self.crawler.settings))
        self.leased = Leased()
        self.waiting: Deferred[Any] = Deferred()
        self.rendering: Deferred[Any] = Deferred()
        self.began: list[float] = []

        async def render(request: Request, options: Any, leased: Any) -> Any:
            self.began.append(self.clock.seconds())
            return await self.rendering

        self.patch(renderer, "_reactor", self.clock)
        self.patch(renderer, "_pool", SimpleNamespace(page=lambda wanted: self.waiting))
        self.patch(renderer, "_wanted", lambda request, options: None)
        self.patch(renderer, "_render", render)

    def asked(self) -> Deferred[Response]:
        """Ask for a page with a timeout of five seconds, and let it wait for a hundred."""
        asking = self.renderer.download(Request(URL, meta={"txcdp": True, "download_timeout": 5}))
        self.clock.advance(100)
        self.assertNoResult(asking)
        self.assertEqual(self.began, [])
        self.waiting.callback(self.leased)
        self.assertEqual(self.began, [100])
        return asking

    def test_what_is_waited_for_a_page_counts_against_no_timeout(self):
        asking = self.asked()
        self.clock.advance(4.9)
        response = Response(URL)
        self.rendering.callback(response)
        self.assertIs(self.successResultOf(asking), response)
        assert self.crawler.stats is not None
        self.assertEqual(self.crawler.stats.get_value("txcdp/wait_seconds"), 100)

    def test_the_timeout_is_whole_from_then_on(self):
        asking = self.asked()
        self.clock.advance(4.9)
        self.assertNoResult(asking)
        self.clock.advance(0.2)
        error = self.failureResultOf(asking, failures.TimedOut).value
        self.assertEqual(str(error), f"Getting {URL} took longer than 5.0 seconds.")
        self.assertTrue(self.leased.closed)

    def test_the_latency_begins_with_the_page(self):
        self.clock.advance(100)
        page: Any = SimpleNamespace(session=SimpleNamespace(context=SimpleNamespace(clock=self.clock)))
        documents = PausedDocuments(page, FirstRequest("GET", (), b""), _NONE)
        self.assertEqual((documents.began, documents.answered), (100, None))
