"""Redirects of the first request, headers of answers, the pages of callbacks, and what renders fail with."""

from __future__ import annotations

import gc
import pickle
from typing import Any

import scrapy.exceptions
from scrapy import Request, Spider
from scrapy.downloadermiddlewares.retry import RetryMiddleware
from scrapy.http import HtmlResponse, Response
from scrapy.utils.test import get_crawler
from twisted.internet.defer import Deferred, succeed
from twisted.trial.unittest import SynchronousTestCase

from txcdp.errors import (
    CommandError,
    ConnectionLost,
    DocumentBroken,
    ExecutableNotFound,
    NavigationError,
    SessionDetached,
    StrictModeViolation,
)
from txcdp.scrapy import PageMiddleware, closing_page, page_of, result_of
from txcdp.scrapy._contexts import LeasedPage, PooledContext, WantedContext
from txcdp.scrapy._documents import Answer, FirstRequest
from txcdp.scrapy._failures import as_scrapy_has_it
from txcdp.scrapy._pages import give
from txcdp.scrapy._responses import RenderResult, headers_of, taken

POST = FirstRequest("POST", (("X-A", "1"), ("Content-Type", "a/b"), ("Authorization", "s3cret")), b"body")


class RedirectTests(SynchronousTestCase):
    def test_by_the_rules_that_browsers_follow(self):
        for method, status, then in (
            ("POST", 301, "GET"),
            ("POST", 302, "GET"),
            ("POST", 303, "GET"),
            ("POST", 307, "POST"),
            ("POST", 308, "POST"),
            ("PUT", 302, "PUT"),
            ("PUT", 303, "GET"),
            ("HEAD", 303, "HEAD"),
        ):
            first = FirstRequest(method, POST.headers, b"body")
            after = first.after(status, "http://a.example/", "http://a.example/b")
            self.assertEqual(after.method, then, (method, status))
            kept = then == method
            self.assertEqual((after.body == b"body", ("Content-Type", "a/b") in after.headers), (kept, kept), method)
            self.assertIn(("X-A", "1"), after.headers)

    def test_what_is_private_does_not_go_elsewhere(self):
        for to, kept in (("http://a.example/b", True), ("https://a.example/", False), ("http://b.example/", False)):
            after = POST.after(307, "http://a.example/", to)
            self.assertEqual(("Authorization", "s3cret") in after.headers, kept, to)


class AnswerTests(SynchronousTestCase):
    def test_what_is_a_page(self):
        for kind, more, status, is_page in (
            ("text/html; charset=utf-8", (), 200, True),
            ("TEXT/HTML", (), 404, True),
            ("application/xhtml+xml", (), 200, True),
            ("application/json", (), 200, False),
            ("text/plain", (), 200, False),
            ("application/xml", (), 200, False),
            ("application/pdf", (), 200, False),
            ("text/html", (("Content-Disposition", "Attachment; filename=a"),), 200, False),
            ("text/html", (("Content-Disposition", "inline"),), 200, True),
            ("text/html", (), 204, False),
            ("text/html", (), 304, False),
        ):
            answer = Answer("http://a.example/", status, (("Content-Type", kind), *more))
            self.assertEqual(answer.is_page, is_page, (kind, more, status))
        self.assertTrue(Answer("http://a.example/", 200, ()).is_page)  # Chromium looks into it


class HeaderTests(SynchronousTestCase):
    """Trap: a document's text under the header's charset, and a ``Content-Encoding`` of a body that is decoded."""

    SENT = (
        ("Content-Type", 'text/html; charset="GB18030"; x=y'),
        ("Content-Encoding", "br"),
        ("Content-Length", "5"),
        ("Transfer-Encoding", "chunked"),
        ("X-Twice", "a"),
        ("X-Twice", "b"),
        ("Set-Cookie", "a=1\nb=2"),
    )

    def test_of_a_document(self):
        headers = headers_of(self.SENT, text=True, length=11)
        self.assertEqual(headers["Content-Type"], b"text/html; x=y; charset=utf-8")
        self.assertEqual(headers["Content-Length"], b"11")
        self.assertNotIn("Content-Encoding", headers)
        self.assertNotIn("Transfer-Encoding", headers)
        self.assertEqual(headers.getlist("X-Twice"), [b"a", b"b"])
        self.assertEqual(headers.getlist("Set-Cookie"), [b"a=1", b"b=2"])
        self.assertEqual(headers_of((), text=True, length=0)["Content-Type"], b"text/html; charset=utf-8")

    def test_of_bytes(self):
        headers = headers_of(self.SENT, text=False, length=11)
        self.assertEqual(headers["Content-Type"], self.SENT[0][1].encode())
        self.assertNotIn("Content-Encoding", headers)

    def test_of_an_answer_to_head(self):
        self.assertEqual(headers_of(self.SENT, text=False, length=None)["Content-Length"], b"5")

    def test_what_was_taken_of_a_page_survives_being_stored(self):
        result = RenderResult({"title": "\u4e2d\r\nfolded"}, b"\x89PNG\r\n\x00", {"log": {"entries": []}})
        response = HtmlResponse("http://a.example/", headers=headers_of(taken(result), text=True, length=0))
        stored = pickle.loads(pickle.dumps((response.url, response.headers)))
        again = Response(stored[0], headers=stored[1])
        self.assertEqual((result_of(response), result_of(again)), (result, result))
        self.assertEqual(result_of(Response("http://a.example/")), RenderResult())


class GivenPageTests(SynchronousTestCase):
    """Trap: a live page in a copied ``meta`` breaks pickling, retries leak it, a cache hit brings none."""

    def setUp(self) -> None:
        self.closed: list[int] = []
        self.page: Any = object()
        self.request = Request("http://a.example/", meta={"txcdp": {"include_page": True}})
        self.response = Response(self.request.url, request=self.request)

    def given(self) -> None:
        closed = self.closed

        def close() -> Deferred[None]:
            closed.append(1)
            return succeed(None)

        give(self.request, LeasedPage(self.page, PooledContext(WantedContext(None, None, {}, ())), close))

    def test_it_is_there_for_the_callback(self):
        self.given()
        self.assertIs(page_of(self.response), self.page)
        with closing_page(self.response) as page:
            self.assertIs(page, self.page)
            self.assertEqual(self.closed, [])
        self.assertEqual(self.closed, [1])
        self.assertIn("it was already closed", str(self.assertRaises(LookupError, page_of, self.response)))

    def test_its_request_is_copied_and_stored_without_it(self):
        self.given()
        copy = self.request.replace(url="http://b.example/")
        pickle.dumps(copy.to_dict())
        pickle.dumps(self.request.to_dict())
        self.assertRaises(LookupError, page_of, Response(copy.url, request=copy))

    def test_one_that_comes_from_the_cache_has_none(self):
        self.response.flags.append("cached")
        self.assertIn('set meta["dont_cache"]', str(self.assertRaises(LookupError, page_of, self.response)))

    def test_where_the_response_gets_to_no_callback_it_is_closed(self):
        self.given()
        again = self.request.copy()
        del self.response, self.request
        gc.collect()
        self.assertEqual(self.closed, [1])
        self.assertEqual(again.meta, {"txcdp": {"include_page": True}})

    def test_it_is_closed_at_the_end_of_a_callback(self):
        middleware = PageMiddleware()
        self.given()
        found = middleware.process_spider_output(self.response, iter([1, 2]))
        self.assertEqual((next(found), self.closed), (1, []))
        self.assertEqual((list(found), self.closed), ([2], [1]))
        self.given()
        middleware.process_spider_exception(self.response, ValueError())
        self.assertEqual(self.closed, [1, 1])

    def test_it_is_closed_where_a_callback_is_left_half_way(self):
        self.given()
        found = PageMiddleware().process_spider_output(self.response, iter([1, 2]))
        next(found)
        found.close()  # type: ignore[attr-defined]
        self.assertEqual(self.closed, [1])


def navigation(text: str) -> NavigationError:
    return NavigationError("http://a.example/", text)


class FailureTests(SynchronousTestCase):
    def test_what_scrapy_tries_again(self):
        crawler = get_crawler(Spider)
        crawler.spider = crawler._create_spider("x")
        retries = RetryMiddleware.from_crawler(crawler)
        for error in (
            navigation("net::ERR_CONNECTION_REFUSED"),
            navigation("net::ERR_NAME_NOT_RESOLVED"),
            navigation("net::ERR_TIMED_OUT"),
            navigation("net::ERR_CONNECTION_RESET"),
            navigation("net::ERR_EMPTY_RESPONSE"),
            DocumentBroken("http://a.example/", "net::ERR_INCOMPLETE_CHUNKED_ENCODING", 200),
            ConnectionLost("the browser was killed"),
            SessionDetached("a page that is gone"),
            CommandError("Target.createTarget", -32000, "Failed to find browser context"),
        ):
            made = as_scrapy_has_it(error)
            again = retries.process_exception(Request("http://a.example/"), made)
            self.assertIsInstance(again, Request, error)
            self.assertIs(made.__cause__, error)

    def test_what_would_fail_again(self):
        for error in (
            TypeError("x"),
            ValueError("x"),
            StrictModeViolation("a", 2, []),
            ExecutableNotFound("there is no browser"),
        ):
            self.assertIs(as_scrapy_has_it(error), error)
        too_many = as_scrapy_has_it(navigation("net::ERR_TOO_MANY_REDIRECTS"))
        self.assertIsInstance(too_many, scrapy.exceptions.IgnoreRequest)
        self.assertIsInstance(as_scrapy_has_it(navigation("net::ERR_UNSAFE_PORT")), scrapy.exceptions.NotSupported)
