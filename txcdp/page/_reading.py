"""What locators read of their elements."""

from __future__ import annotations

from twisted.internet.defer import Deferred

from txcdp._timeouts import DEFAULT, Timeout
from txcdp.page._locating import LocatorBase


class ElementReading(LocatorBase):
    """Base of locators: their methods that read."""

    def count(self) -> Deferred[int]:
        """Return how many elements there are now.

        :returns: fires with the number. Fails with :exc:`SelectorError` where the selector is malformed, and with
            :exc:`ActionTimeout` where the page does not answer.
        """
        return self._look("count", "count")

    def text_content(self, *, timeout: Timeout = DEFAULT) -> Deferred[str | None]:
        """Return the text in the element and in all that it contains."""
        return self._run("text_content", "textContent", None, timeout)
