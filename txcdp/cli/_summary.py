"""What a person wants to know at a glance when a page has been watched."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator
from heapq import nlargest
from typing import TYPE_CHECKING

from txcdp.cli._lines import Style
from txcdp.cli._requests import has_failed, is_busy, outcome, took
from txcdp.cli._text import clean, count, cut, cut_middle, pad, seconds, size, width
from txcdp.cli._urls import origin, short
from txcdp.model import Exchange

if TYPE_CHECKING:
    from txcdp.cli._story import Story

_LABEL = 11
_SLOWEST = 3
#: Failures, and exceptions, that are named; the rest is counted.
_NAMED = 10
_ERRORS = ("error", "assert")


class Tally:
    """Numbers of what has happened.

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
        self.downloads = 0
        self.parsed_after: float | None = None
        self.loaded_after: float | None = None
        self.slowest: list[Exchange] = []
        self._began: float | None = None

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


def render(story: Story, style: Style, notes: Iterable[tuple[str, str]] = ()) -> str:
    """Return the summary of what was watched.

    :param notes: more about the page: labels and texts.
    """
    room = (style.columns or 100) - 1
    lines = [style.dim("─" * min(room, 100))]
    for label, text in _rows(story, style, notes, room - _LABEL):
        lines.append(style.bold(pad(label, _LABEL)) + text)
    return "\n".join(lines)


def _rows(story: Story, style: Style, notes: Iterable[tuple[str, str]], room: int) -> Iterator[tuple[str, str]]:
    tally = story.tally
    whole = style.columns is None

    def fit(text: str, taken: int = 0) -> str:
        return text if whole else cut_middle(text, room - taken)

    yield "page", fit(clean(tally.url))
    for label, text in notes:
        yield label, clean(text) if whole else cut(clean(text), room)
    yield "loaded", _loading(story, style)
    yield "requests", _requests(story, style)
    if tally.received.total():
        kinds = [f"{kind.lower()} {size(number)}" for kind, number in tally.received.most_common() if number]
        text = f"{size(tally.received.total())}: {', '.join(kinds)}"
        yield "received", text if whole else cut(text, room)
    if story.sockets.opened or story.sockets.messages:
        opened = count(story.sockets.opened, "WebSocket")
        yield "sockets", f"{opened}, {count(story.sockets.messages, 'message')}"
    yield "console", _console(story, style)
    for number, text in enumerate(tally.exceptions):
        yield "" if number else "uncaught", style.in_mood(text if whole else cut(text, room), "bad")
    if tally.uncaught > len(tally.exceptions):
        yield "", f"and {tally.uncaught - len(tally.exceptions)} more"
    base = origin(tally.url)
    for number, request in enumerate(tally.slowest if tally.requests > 1 else ()):
        duration = f"{seconds(took(request)):>8}  "
        yield "" if number else "slowest", duration + fit(clean(short(request.url, base)), len(duration))
    for number, request in enumerate(tally.failures):
        how = clean(outcome(request)) + "  "
        url = fit(clean(short(request.url, base)), width(how))
        yield "" if number else "failed", style.in_mood(how, "bad") + url
    if tally.failed > len(tally.failures):
        yield "", f"and {tally.failed - len(tally.failures)} more"


def _loading(story: Story, style: Style) -> str:
    tally = story.tally
    if tally.crashes:
        return style.in_mood("crashed", "bad")
    if tally.loaded_after is None and story.loaded:  # about:blank, say, which nobody was asked for
        return style.in_mood("yes", "good")
    if tally.loaded_after is None:
        far = "" if tally.parsed_after is None else f", parsed in {seconds(tally.parsed_after)}"
        return style.in_mood("no", "warning") + far
    parsed = "" if tally.parsed_after is None else f" (parsed in {seconds(tally.parsed_after)})"
    return f"in {style.in_mood(seconds(tally.loaded_after), 'good')}{parsed}"


def _requests(story: Story, style: Style) -> str:
    tally = story.tally
    parts = []
    if tally.failed:
        parts.append(style.in_mood(f"{tally.failed} failed", "bad"))
    for number, word in (
        (tally.redirects, "redirected"),
        (tally.cached, "from the cache"),
        (tally.cancelled, "cancelled"),
        (len(story.in_flight), "still open"),
    ):
        if number:
            parts.append(f"{number} {word}")
    total = tally.requests + len(story.in_flight)
    return f"{total}" + (f": {', '.join(parts)}" if parts else "")


def _console(story: Story, style: Style) -> str:
    tally = story.tally
    parts = []
    for level, mood in (("error", "bad"), ("warning", "warning")):
        if tally.messages[level]:
            text = count(tally.messages[level], level)
            parts.append(style.in_mood(text, "bad" if mood == "bad" else "warning"))
    text = count(tally.messages.total(), "message") + (f": {', '.join(parts)}" if parts else "")
    if tally.uncaught:
        text += ", " + style.in_mood(count(tally.uncaught, "uncaught exception"), "bad")
    return text
