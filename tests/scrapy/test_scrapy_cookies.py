"""The cookies of a context and of a jar, which are kept the same."""

from __future__ import annotations

from http.cookiejar import Cookie, CookieJar
from typing import Any

from twisted.internet.defer import Deferred, succeed
from twisted.trial.unittest import SynchronousTestCase

from txcdp.scrapy._cookies import SharedCookies


def cookie(name: str, value: str, domain: str = "a.example", expires: int | None = None) -> Cookie:
    dotted = domain.startswith(".")
    rest: dict[str, str] = {}
    return Cookie(
        0, name, value, None, False, domain, dotted, dotted, "/", True, False, expires, False, None, None, rest
    )


class Store:
    """A browser that refuses some, and answers when it is told to."""

    def __init__(self, *refused: str) -> None:
        self.jar = CookieJar()
        self.refused = refused
        self.added: list[str] = []
        self.asked = 0
        self.waiting: list[Deferred[Any]] | None = None

    def cookie_jar(self) -> Deferred[CookieJar]:
        self.asked += 1
        copy = CookieJar()
        for each in self.jar:
            copy.set_cookie(each)
        if self.waiting is not None:
            waiting: Deferred[CookieJar] = Deferred()
            self.waiting.append(waiting)
            return waiting.addCallback(lambda _: copy)
        return succeed(copy)

    def _add_received_cookies(self, jar: Any) -> Deferred[None]:
        for each in jar:
            self.added.append(each.name)
            if each.name not in self.refused:
                self.jar.set_cookie(each)
        return succeed(None)

    def clear_cookies(self, *, name: str, domain: str, path: str) -> Deferred[None]:
        self.jar.clear("localhost.local" if domain == "localhost" else domain, path, name)
        return succeed(None)


def values(jar: CookieJar) -> dict[str, str | None]:
    return {each.name: each.value for each in jar}


class SharedCookiesTests(SynchronousTestCase):
    def setUp(self) -> None:
        self.jar, self.store = CookieJar(), Store("refused")
        self.shared = SharedCookies(self.store, self.jar)

    def both(self) -> tuple[dict[str, str | None], dict[str, str | None]]:
        self.successResultOf(self.shared.push())
        self.successResultOf(self.shared.pull())
        return values(self.jar), values(self.store.jar)

    def test_what_either_side_sets_the_other_has(self):
        self.jar.set_cookie(cookie("jar", "1"))
        self.store.jar.set_cookie(cookie("page", "2", ".a.example"))
        self.assertEqual(self.both(), ({"jar": "1", "page": "2"}, {"jar": "1", "page": "2"}))
        self.jar.set_cookie(cookie("page", "3", ".a.example"))
        self.assertEqual(self.both(), ({"jar": "1", "page": "3"}, {"jar": "1", "page": "3"}))

    def test_what_has_not_changed_is_not_said_again(self):
        self.jar.set_cookie(cookie("a", "1"))
        self.both()
        asked = self.store.asked
        self.successResultOf(self.shared.push())
        self.assertEqual((self.store.added, self.store.asked), (["a"], asked))

    def test_what_either_side_deletes_the_other_has_no_more(self):
        for name in "abc":
            self.jar.set_cookie(cookie(name, "1", "localhost.local" if name == "a" else "b.example"))
        self.both()
        self.jar.clear("localhost.local", "/", "a")
        self.store.jar.clear("b.example", "/", "b")
        self.assertEqual(self.both(), ({"c": "1"}, {"c": "1"}))
        self.assertEqual(self.both(), ({"c": "1"}, {"c": "1"}))

    def test_what_is_deleted_by_the_first_page_that_has_it(self):
        self.jar.set_cookie(cookie("a", "1"))
        self.successResultOf(self.shared.push())
        self.store.jar.clear()
        self.successResultOf(self.shared.pull())
        self.assertEqual(values(self.jar), {})

    def test_what_the_browser_refuses_stays_in_the_jar(self):
        self.jar.set_cookie(cookie("refused", "1"))
        self.assertEqual(self.both(), ({"refused": "1"}, {}))
        self.assertEqual(self.both(), ({"refused": "1"}, {}))

    def test_what_has_expired_is_not_said(self):
        self.jar.set_cookie(cookie("old", "1", expires=1))
        self.jar.set_cookie(cookie("new", "1"))
        self.both()
        self.assertEqual(self.store.added, ["new"])

    def test_what_scrapy_sets_while_a_page_is_read_is_kept(self):
        self.jar.set_cookie(cookie("a", "1"))
        self.both()
        self.store.waiting = []
        pulling = self.shared.pull()
        self.jar.set_cookie(cookie("a", "2"))
        pushing = self.shared.push()
        self.assertNoResult(pulling)
        self.store.waiting.pop().callback(None)
        self.successResultOf(pulling)
        self.store.waiting.pop().callback(None)
        self.successResultOf(pushing)
        self.assertEqual((values(self.jar), values(self.store.jar)), ({"a": "2"}, {"a": "2"}))
