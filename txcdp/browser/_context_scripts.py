"""The init scripts and exposed functions of a context, for its current and later pages."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from typing import Generic, TypeAlias, TypeVar

from twisted.internet.defer import Deferred

from txcdp._deferreds import ignore_failure, returns_deferred, when_all_ended
from txcdp.errors import Gone
from txcdp.streams import Registration

#: A page; only the context knows how something is added to it.
P = TypeVar("P")

#: Registers a function to be called when a page has ended.
AtEnd: TypeAlias = Callable[[P, Callable[[], object]], object]


class _Addition(Generic[P]):
    """One script or function, in all pages of a context.

    :param add: adds it to a page, and is told whether to add it to the current document as well.
    :param at_end: registers a function to be called when a page has ended.
    :ivar name: the function's name; None: it is a script.
    """

    def __init__(self, add: Callable[[P, bool], Awaitable[Registration]], at_end: AtEnd[P], name: str | None) -> None:
        self.name = name
        self._add = add
        self._at_end = at_end
        # A registration keeps its page, so that a table with weak keys would keep both.
        self._added: dict[P, Registration] = {}
        self._removed = False

    @returns_deferred
    async def add_to(self, page: P, now: bool = False) -> None:
        try:
            added = await self._add(page, now)
        except Gone:
            return
        if self._removed:
            await added.close()
        else:
            self._added[page] = added
            self._at_end(page, lambda: self._added.pop(page, None))

    @returns_deferred
    async def remove(self) -> None:
        self._removed = True
        await when_all_ended([each.close() for each in self._added.values()])  # in one write


class ContextScripts(Generic[P]):
    """The init scripts and exposed functions of a context.

    :param pages: returns the open pages of the context.
    :param at_end: registers a function to be called when one of them has ended.
    """

    def __init__(self, pages: Callable[[], list[P]], at_end: AtEnd[P]) -> None:
        self._pages = pages
        self._at_end = at_end
        self._additions: list[_Addition[P]] = []

    def give(self, page: P, now: bool) -> None:
        """Add all of them to a page, before it runs.

        :param now: whether it already has its first document.
        """
        for addition in self._additions:
            addition.add_to(page, now).addErrback(ignore_failure)

    @returns_deferred
    async def add(self, add: Callable[[P, bool], Awaitable[Registration]], name: str | None = None) -> Registration:
        """Add one to all pages.

        :param add: adds it to a page, and says whether to the document, too, that is there.
        :param name: the function's name, which must be unique.
        """
        if name is not None and any(each.name == name for each in self._additions):
            raise ValueError(f"a function {name!r} is already exposed: dispose of it first")
        addition = _Addition(add, self._at_end, name)
        self._additions.append(addition)
        try:
            await when_all_ended([addition.add_to(each) for each in self._pages()])  # in one write
        except BaseException:
            self._additions.remove(addition)
            addition.remove().addErrback(ignore_failure)
            raise

        def remove() -> Deferred[None]:
            self._additions.remove(addition)
            return addition.remove()

        return Registration(remove)
