"""Keeps the cookies of a context and those of a Scrapy cookie jar the same.

Either side may change meanwhile: what Scrapy itself downloads sets cookies in the jar, pages set some in the browser.
So each side is compared with its state at the last look, and the differences are copied to the other.
"""

from __future__ import annotations

import time
from collections.abc import Iterable, Iterator
from http.cookiejar import Cookie, CookieJar
from typing import NamedTuple, Protocol

from twisted.internet.defer import Deferred, DeferredLock

from txcdp._deferreds import returns_deferred


class Jar(Protocol):
    """The interface of a cookie jar, :mod:`http.cookiejar`'s or another one."""

    def __iter__(self) -> Iterator[Cookie]:
        """Iterate over all cookies."""
        ...

    def set_cookie(self, cookie: Cookie, /) -> None:
        """Set a cookie."""

    def clear(self, domain: str, path: str, name: str, /) -> None:
        """Delete a cookie."""


class Place(NamedTuple):
    """The key of a cookie in a jar."""

    domain: str
    path: str
    name: str


class Value(NamedTuple):
    """The content of a cookie."""

    value: str | None
    expires: int | None
    secure: bool


class Store(Protocol):
    """The browser's side."""

    def cookie_jar(self) -> Deferred[CookieJar]:
        """Return all cookies."""

    def _add_received_cookies(self, jar: Iterable[Cookie]) -> Deferred[None]:
        """Add cookies, except those that the browser refuses."""

    def clear_cookies(self, *, name: str, domain: str, path: str) -> Deferred[None]:
        """Delete a cookie."""


class SharedCookies:
    """Keeps the cookies of a jar and of a context the same.

    :param store: the context.
    :param jar: Scrapy's jar.
    """

    def __init__(self, store: Store, jar: Jar) -> None:
        self._store = store
        self._jar = jar
        self._in_jar: dict[Place, Value] = {}
        self._in_store: dict[Place, Value] = {}
        self._turns = DeferredLock()

    def push(self) -> Deferred[None]:
        """Copy changes in the jar to the browser."""
        return self._turns.run(self._push)

    def pull(self) -> Deferred[None]:
        """Copy changes in the browser to the jar."""
        return self._turns.run(self._pull)

    @returns_deferred
    async def _push(self) -> None:
        seconds = int(time.time())
        cookies = {_place(each): each for each in self._jar if not each.is_expired(seconds)}
        now = {place: _value(each) for place, each in cookies.items()}
        before, self._in_jar = self._in_jar, now
        changed = [cookies[place] for place, value in now.items() if before.get(place) != value]
        gone = [place for place in before if place not in now]
        for place in gone:
            domain = "localhost" if place.domain == "localhost.local" else place.domain
            await self._store.clear_cookies(name=place.name, domain=domain, path=place.path)
        if changed:
            await self._store._add_received_cookies(changed)
        if changed or gone:
            await self._pull()  # the browser may refuse some: later they are not taken for deleted in it

    @returns_deferred
    async def _pull(self) -> None:
        cookies = {_place(each): each for each in await self._store.cookie_jar()}
        now = {place: _value(each) for place, each in cookies.items()}
        before, self._in_store = self._in_store, now
        for place, value in now.items():
            if before.get(place) != value:
                self._jar.set_cookie(cookies[place])
                self._in_jar[place] = value
        present = {_place(each) for each in self._jar}
        for place in before:
            if place not in now:
                self._in_jar.pop(place, None)
                if place in present:
                    self._jar.clear(*place)


def _place(cookie: Cookie) -> Place:
    return Place(cookie.domain, cookie.path, cookie.name)


def _value(cookie: Cookie) -> Value:
    return Value(cookie.value, cookie.expires, bool(cookie.secure))
