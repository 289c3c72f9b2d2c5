"""Handlers for overlays that may appear at any time, such as a consent banner: called before each attempt.

They are called by everything that waits for an element (actions, assertions, ``wait_for``), within its timeout. While
one of them runs, no other is called, not even by its own actions. It belongs to the program, and continues when the
timeout of its caller expires.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from twisted.internet.defer import CancelledError, Deferred, maybeDeferred, succeed
from twisted.logger import Logger
from twisted.python.failure import Failure

from txcdp._arguments import check_function, most_arguments
from txcdp.errors import Gone
from txcdp.streams import Registration

if TYPE_CHECKING:
    from txcdp.page._locating import Attempt
    from txcdp.page._locators import Locator

log = Logger()


@dataclass(eq=False)
class LocatorHandler:
    """A handler for a locator whose element has become visible.

    :ivar left: how often it may still be called; None: no limit.
    :ivar waits: whether to wait until the element is no longer visible.
    """

    locator: Locator
    handler: Callable[..., Any]
    left: int | None
    waits: bool


class LocatorHandlers:
    """The handlers of one page, in the order in which they were added."""

    def __init__(self) -> None:
        self._handlers: list[LocatorHandler] = []
        self._busy = False
        self._running: LocatorHandler | None = None

    def add(self, locator: Locator, handler: Callable[..., Any], times: int | None, waits: bool) -> Registration:
        """Add a handler."""
        check_function("handler", handler)
        if times is not None and times < 0:
            raise ValueError(f"times={times}: must be at least 0, or None")
        added = LocatorHandler(locator, handler, times, waits)
        if times != 0:
            self._handlers.append(added)
        return Registration(lambda: self._remove(added))

    def remove(self, locator: Locator) -> None:
        """Remove the handlers of a locator, or of an equal one."""
        for each in [each for each in self._handlers if _same(each.locator, locator)]:
            self._remove(each)

    async def before(self, attempt: Attempt) -> None:
        """Call the handlers whose locators are visible, before an attempt."""
        if self._busy or self._running is not None or not self._handlers:
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
        attempt.waits_for(f"the handler of {added.locator} did not return")
        await self._run(added)
        if added.waits:
            attempt.waits_for(f"the handler of {added.locator} returned, but the element is still visible")
            while await _is_visible(added.locator):
                await added.locator.filter(visible=True)._first().wait_for(state="hidden", timeout=None)
        attempt.waits_for("")
        attempt.log(f"the handler of {added.locator} has finished")

    def _run(self, added: LocatorHandler) -> Deferred[Any]:
        """Run a handler; when its caller stops waiting, it continues."""
        waiting: Deferred[Any] = Deferred()
        self._running = added

        def ended(result: Any) -> None:
            if self._running is added:
                self._running = None
            if not waiting.called:
                waiting.callback(result)
            elif isinstance(result, Failure) and not result.check(CancelledError, Gone):
                log.failure("The handler of {locator} failed; nothing waited for it", result, locator=added.locator)

        handler = added.handler
        maybeDeferred(handler, *(added.locator,)[: most_arguments(handler)]).addBoth(ended)
        return waiting

    def _remove(self, added: LocatorHandler) -> Deferred[None]:
        if self._running is added:
            self._running = None
        if added in self._handlers:
            self._handlers.remove(added)
        return succeed(None)


async def _is_visible(locator: Locator) -> bool:
    """Return whether any of the elements is visible."""
    seen: bool = await locator._look("is_visible", "anyVisible", otherwise=False)
    return seen


def _same(one: Locator, other: Locator) -> bool:
    return one is other or (one._frame is other._frame and one._path.parts == other._path.parts)
