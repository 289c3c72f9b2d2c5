"""The pool of contexts and pages: how many there are, whose turn it is, and that nothing is left."""

from __future__ import annotations

from typing import Any

from scrapy.statscollectors import StatsCollector
from scrapy.utils.test import get_crawler
from twisted.internet.defer import CancelledError, Deferred, fail, succeed
from twisted.trial.unittest import SynchronousTestCase

from txcdp.errors import ConnectionLost
from txcdp.scrapy._contexts import ContextPool, LeasedPage, WantedContext


class Line:
    lost: Exception | None = None


class FakeContext:
    def __init__(self, browser: FakeBrowser, options: dict[str, Any]) -> None:
        self.browser, self.options = browser, options
        self.closed, self.blocked = False, ()
        self._ends: list[Deferred[None]] = []

    def is_closed(self) -> bool:
        return self.closed

    def when_closed(self) -> Deferred[None]:
        ending: Deferred[None] = Deferred()
        self._ends.append(ending)
        return ending

    def new_page(self) -> Deferred[Any]:
        if self.browser.connection.lost is not None:
            raise self.browser.connection.lost
        return succeed(FakePage(self.browser))

    def block(self, patterns: Any) -> Deferred[None]:
        self.blocked = patterns
        return succeed(None)

    def close(self) -> Deferred[None]:
        self.closed = True
        ends, self._ends = self._ends, []
        for each in ends:
            each.callback(None)
        return succeed(None)


class Popups:
    def subscribe(self, handler: Any, failed: Any) -> Any:
        return self

    def dispose(self) -> None:
        pass


class FakePage:
    popups = Popups()

    def __init__(self, browser: FakeBrowser) -> None:
        self._browser = browser
        browser.pages += 1

    def close(self) -> Deferred[None]:
        self._browser.pages -= 1
        return succeed(None)


class FakeBrowser:
    def __init__(self) -> None:
        self.connection = Line()
        self.contexts: list[FakeContext] = []
        self.pages = 0

    def new_context(self, **options: Any) -> Deferred[Any]:
        made = FakeContext(self, options)
        self.contexts.append(made)
        return succeed(made)


class FakeBrowsers:
    def __init__(self) -> None:
        self.browser = FakeBrowser()
        self.taken = 0
        self.waiting: list[Deferred[Any]] | None = None

    def take(self) -> Deferred[Any]:
        self.taken += 1
        if self.waiting is None:
            return succeed((0, self.browser))
        waiting: Deferred[Any] = Deferred()
        self.waiting.append(waiting)
        return waiting

    def give_back(self, number: int) -> None:
        self.taken -= 1


def wanted(jar: object = None, **more: Any) -> WantedContext:
    return WantedContext(
        jar, more.get("proxy"), more.get("options", {}), more.get("block", ()), more.get("alone", False)
    )


class PoolTests(SynchronousTestCase):
    def setUp(self) -> None:
        self.browsers = FakeBrowsers()
        self.pool = self.made(2, 3)

    def made(self, contexts: int, pages: int) -> ContextPool:
        self.stats = StatsCollector(get_crawler())
        return ContextPool(self.browsers, contexts, pages, self.stats)  # type: ignore[arg-type]

    def opened(self, *args: Any, **more: Any) -> LeasedPage:
        return self.successResultOf(self.pool.page(wanted(*args, **more)))

    @property
    def living(self) -> list[object]:
        return [each.options for each in self.browsers.browser.contexts if not each.closed]

    def test_who_wants_the_same_shares_a_context(self):
        one, other = self.opened("a"), self.opened("a")
        self.assertIs(one.of, other.of)
        self.assertIsNot(self.opened("b").of, one.of)
        self.assertEqual(self.browsers.taken, 2)

    def test_what_parts_contexts(self):
        self.pool = self.made(10, 10)
        kinds = [wanted(), wanted("x"), wanted(options={"locale": "de"}), wanted(block=("a",)), wanted(alone=True)]
        found = {id(self.successResultOf(self.pool.page(each)).of) for each in (*kinds, wanted(alone=True))}
        self.assertEqual(len(found), 6)

    def test_there_are_not_more_pages_than_allowed(self):
        pages = [self.opened("a") for _ in range(3)]
        first, second = self.pool.page(wanted("a")), self.pool.page(wanted("a"))
        self.assertNoResult(first)
        pages[1].close()
        pages[1].close()  # which does nothing
        self.successResultOf(first)
        self.assertNoResult(second)
        self.assertEqual(self.browsers.browser.pages, 3)
        pages[0].close()
        self.successResultOf(second)

    def test_there_are_not_more_contexts_than_allowed(self):
        one, other = self.opened("a"), self.opened("b")
        third = self.pool.page(wanted("c"))
        self.assertNoResult(third)
        other.close()
        self.assertEqual(self.successResultOf(third).of.wanted.cookiejar, "c")
        self.assertEqual(len(self.living), 2)
        self.assertEqual(self.browsers.taken, 2)
        one.close()

    def test_the_one_that_was_used_longest_ago_makes_room(self):
        for name in "aba":
            self.opened(name).close()
        self.opened("c").close()
        self.assertEqual([each.wanted.cookiejar for each in self.pool._contexts.values()], ["a", "c"])

    def test_one_that_is_for_one_request_alone_ends_with_it(self):
        self.opened(alone=True).close()
        self.assertEqual((self.living, self.browsers.taken), ([], 0))

    def test_one_whose_browser_is_gone_is_made_again(self):
        before = self.opened("a")
        self.browsers.browser.connection.lost = ConnectionLost("killed")
        self.browsers.browser = FakeBrowser()
        after = self.opened("a")
        self.assertIsNot(before.of, after.of)
        before.close()
        self.assertIs(self.opened("a").of, after.of)

    def test_those_who_wait_for_a_context_that_cannot_be_made(self):
        self.browsers.waiting = []
        waiting = [self.pool.page(wanted("a")) for _ in range(3)]
        last = self.pool.page(wanted("a"))
        self.browsers.waiting.pop().errback(ConnectionLost("no browser"))
        for each in waiting:
            self.failureResultOf(each, ConnectionLost)
        self.browsers.waiting.pop().callback((0, self.browsers.browser))
        self.successResultOf(last).close()
        self.assertEqual(self.pool._pages, 0)

    def test_who_gives_up_while_a_context_is_made_leaves_it_to_others(self):
        self.browsers.waiting = []
        given_up, other = self.pool.page(wanted("a")), self.pool.page(wanted("a"))
        given_up.cancel()
        self.failureResultOf(given_up, CancelledError)
        self.browsers.waiting.pop().callback((0, self.browsers.browser))
        leased = self.successResultOf(other)
        self.assertEqual((leased.of.pages, self.pool._pages), (1, 1))

    def test_a_page_that_cannot_be_had_leaves_its_place(self):
        self.opened("a").close()
        self.patch(FakeContext, "new_page", lambda _: fail(ConnectionLost("killed")))
        for _ in range(5):
            self.failureResultOf(self.pool.page(wanted("a")), ConnectionLost)
        self.assertEqual((self.pool._pages, self.browsers.browser.pages), (0, 0))

    def test_at_the_end_nothing_is_left(self):
        for name in "ab":
            self.opened(name)
        self.successResultOf(self.pool.close())
        self.assertEqual((self.browsers.browser.pages, self.living, self.browsers.taken), (0, [], 0))

    def test_what_is_counted(self):
        for name in "aab":
            self.opened(name)
        counted = {name: self.stats.get_value(f"txcdp/{name}") for name in ("pages/opened", "contexts/opened")}
        self.assertEqual(counted, {"pages/opened": 3, "contexts/opened": 2})
        self.assertEqual(self.stats.get_value("txcdp/pages/open_max"), 3)
