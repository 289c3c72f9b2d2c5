"""The pages that callbacks get: whose they are, and when they are closed."""

from __future__ import annotations

import weakref
from collections.abc import AsyncIterator, Iterable, Iterator
from contextlib import contextmanager
from typing import Any
from weakref import WeakKeyDictionary

from scrapy import Request
from scrapy.http import Response

from txcdp.page import Page
from txcdp.scrapy._contexts import LeasedPage

#: The pages, by request. A request is copied, stored and sent to other machines; its page is not.
_given: WeakKeyDictionary[Request, LeasedPage] = WeakKeyDictionary()


def give(request: Request, leased: LeasedPage) -> None:
    """Let the callback of a request have a page.

    It is closed at the end of the callback at the latest; if the response reaches no callback, it is closed once
    nothing refers to the request any more.
    """
    _given[request] = leased
    weakref.finalize(request, leased.close).atexit = False


def take_back(request: Request) -> None:
    """Close the page of a request, if it has one."""
    given = _given.pop(request, None)
    if given is not None:
        given.close()


def page_of(response: Response) -> Page:
    """Return the page that a response was rendered in, still open: for a request with ``"include_page"``.

    The page is closed once the callback has ended, along with everything that it yields, or by :func:`closing_page`.

    :param response: the response, as the callback gets it.
    :raises LookupError: the response has no page, or the page is closed.
    """
    request = response.request
    given = None if request is None else _given.get(request)
    if given is None:
        why = (
            'it came from the HTTP cache, which has no pages: set meta["dont_cache"]'
            if "cached" in response.flags
            else 'it was already closed, or meta={"txcdp": {"include_page": True}} did not ask for it'
        )
        raise LookupError(f"{response} has no page: {why}")
    return given.page


@contextmanager
def closing_page(response: Response) -> Iterator[Page]:
    """Return a context manager that provides the page of a response, as :func:`page_of` does, and closes it at the end.

    :param response: the response, as the callback gets it.
    :raises LookupError: the response has no page, or the page is closed.
    """
    page = page_of(response)
    assert response.request is not None
    try:
        yield page
    finally:
        take_back(response.request)


class PageMiddleware:
    """A spider middleware that closes the pages of ``"include_page"`` once their callbacks have ended.

    Without it, a page is closed once nothing refers to its request and its response any more, which may be later.
    """

    def process_spider_output(self, response: Response, result: Iterable[Any], spider: Any = None) -> Iterator[Any]:
        """Pass on what a callback yields."""
        try:
            yield from result
        finally:
            _end(response)

    async def process_spider_output_async(
        self, response: Response, result: AsyncIterator[Any], spider: Any = None
    ) -> AsyncIterator[Any]:
        """Pass on what a callback yields."""
        try:
            async for each in result:
                yield each
        finally:
            _end(response)

    def process_spider_exception(self, response: Response, exception: Exception, spider: Any = None) -> None:
        """Handle a callback that failed, or did not get the response."""
        _end(response)


def _end(response: Response) -> None:
    if response.request is not None:
        take_back(response.request)
