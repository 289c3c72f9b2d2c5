"""Counts the events of a watched page, for the summary."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable
from heapq import nlargest

from txcdp.cli._requests import has_failed, is_busy, took
from txcdp.model import Exchange

_SLOWEST = 3
#: Failures, and exceptions, that are named; the rest is counted.
_NAMED = 10
_ERRORS = ("error", "assert")


class Tally:
    """The counts of a page's events.

    :param url: where the page was to go.
    :ivar frame: the main frame, once it is known.
    """

    def __init__(self, url: str) -> None:
        self.url = url
        self.frame: str | None = None
        self.document: Exchange | None = None
        self.requests = 0
        self.redirects = 0
        self.cancelled = 0
        self.cached = 0
        self.received: Counter[str] = Counter()
        self.failures: list[Exchange] = []
        self.failed = 0
        self.messages: Counter[str] = Counter()
        self.uncaught = 0
        self.exceptions: list[str] = []
        self.crashes = 0
        self.sockets = 0
        self.socket_messages = 0
        self.parsed_after: float | None = None
        self.loaded_after: float | None = None
        self.slowest: list[Exchange] = []
        self._began: float | None = None

    @classmethod
    def of_all(cls, tallies: Iterable[Tally]) -> Tally:
        """Return what several come to together; what is of one page alone is not in it."""
        whole = cls("")
        for each in tallies:
            whole.requests += each.requests
            whole.redirects += each.redirects
            whole.cancelled += each.cancelled
            whole.cached += each.cached
            whole.received += each.received
            whole.failed += each.failed
            whole.failures += each.failures
            whole.messages += each.messages
            whole.uncaught += each.uncaught
            whole.exceptions += each.exceptions
        return whole

    def document_begun(self, request: Exchange) -> None:
        """Take the request of a document; the page's own are of its main frame, and a redirect goes on with it."""
        self.frame = self.frame or request.frame_id
        if request.frame_id != self.frame:
            return
        if self.document is None or self.document.request_id != request.request_id:
            self._began = request.started
        self.document = request

    def navigated(self, url: str) -> None:
        """Take that a new document is there."""
        self.url = url
        self.parsed_after = self.loaded_after = None

    def parsed(self, when: float) -> None:
        """Take DOMContentLoaded."""
        self.parsed_after = None if self._began is None else when - self._began

    def loaded(self, when: float) -> None:
        """Take the load event."""
        self.loaded_after = None if self._began is None else when - self._began

    def request(self, request: Exchange) -> None:
        """Take a request that has ended."""
        self.requests += 1
        self.redirects += request.redirected_to is not None
        self.cancelled += request.cancelled
        self.cached += bool(request.cached)
        self.received[request.type] += int(request.received)
        if has_failed(request):
            self.failed += 1
            if len(self.failures) < _NAMED:
                self.failures.append(request)
        if is_busy(request):
            self.slowest = nlargest(_SLOWEST, [*self.slowest, request], key=took)

    def threw(self, text: str) -> None:
        """Take an exception that nobody caught."""
        self.uncaught += 1
        if len(self.exceptions) < _NAMED:
            self.exceptions.append(text)

    def said(self, level: str) -> None:
        """Take a message of the console."""
        self.messages["error" if level in _ERRORS else level] += 1
