"""Handlers of what comes over a page at any time, such as a banner that asks for consent: called before each try.

They are called by whatever waits for an element: actions, assertions, ``wait_for``; inside of its deadline. While one
of them runs, none is called: what it does itself is done at once.
"""

from __future__ import annotations

import inspect
from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from twisted.internet.defer import Deferred, maybeDeferred, succeed

from txcdp._arguments import most_arguments
from txcdp.streams import Registration

if TYPE_CHECKING:
    from txcdp.page._locating import Attempt
    from txcdp.page._locators import Locator


@dataclass(eq=False)
class LocatorHandler:
    """A handler of what a locator stands for, where that is visible.

    :ivar left: how often it may be called yet; None: as often as it has to.
    :ivar waits: whether to wait until that is not visible any more.
    """

    locator: Locator
    handler: Callable[..., Any]
    left: int | None
    waits: bool


class LocatorHandlers:
    """The handlers of one page, in the order of adding."""

    def __init__(self) -> None:
        self._handlers: list[LocatorHandler] = []
        self._busy = False

    def add(self, locator: Locator, handler: Callable[..., Any], times: int | None, waits: bool) -> Registration:
        """Add one."""
        if times is not None and times < 0:
            raise ValueError(f"times={times}: 0 at least, or None")
        added = LocatorHandler(locator, handler, times, waits)
        if times != 0:
            self._handlers.append(added)
        return Registration(lambda: self._remove(added))

    def remove(self, locator: Locator) -> None:
        """Remove those of a locator, or of one that is the same."""
        self._handlers = [each for each in self._handlers if not _same(each.locator, locator)]

    async def before(self, attempt: Attempt) -> None:
        """Call those whose locators are visible, before something is tried."""
        if self._busy or not self._handlers:
            return
        self._busy = True
        try:
            for each in list(self._handlers):
                if each in self._handlers and await _is_visible(each.locator):
                    await self._call(each, attempt)
        finally:
            self._busy = False

    async def _call(self, added: LocatorHandler, attempt: Attempt) -> None:
        attempt.log(f"found {added.locator}, calling its handler")
        if added.left is not None:
            added.left -= 1
            if not added.left:
                self._handlers.remove(added)
        attempt.waits_for(f"the handler of {added.locator} has not returned")
        await _called(added.handler, added.locator)
        if added.waits:
            attempt.waits_for(f"the handler of {added.locator} has returned, but that is still visible")
            while await _is_visible(added.locator):
                await added.locator.filter(visible=True)._first().wait_for(state="hidden", timeout=None)
        attempt.waits_for("")
        attempt.log(f"the handler of {added.locator} has done its work")

    def _remove(self, added: LocatorHandler) -> Deferred[None]:
        if added in self._handlers:
            self._handlers.remove(added)
        return succeed(None)


async def _is_visible(locator: Locator) -> bool:
    """Return whether any of the elements is visible."""
    return await locator.filter(visible=True).count() > 0


def _called(handler: Callable[..., Any], locator: Locator) -> Deferred[Any]:
    """Call a handler, with the locator where it takes that."""
    called = maybeDeferred(handler, *(locator,)[: most_arguments(handler)])
    return called.addCallback(lambda result: Deferred.fromCoroutine(result) if inspect.iscoroutine(result) else result)


def _same(one: Locator, other: Locator) -> bool:
    return one is other or (one._frame is other._frame and one._path.parts == other._path.parts)
