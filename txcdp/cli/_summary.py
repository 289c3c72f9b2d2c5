"""The summary of a watched page."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator

from txcdp.cli._lines import Mood, Style
from txcdp.cli._requests import outcome, took
from txcdp.cli._story import Story
from txcdp.cli._tally import Tally
from txcdp.cli._text import clean, count, cut, cut_middle, pad, seconds, size, width
from txcdp.cli._urls import origin, short

_LABEL = 11

#: A line: its label, ``""`` where it goes on with the one before, and its text.
Row = tuple[str, str]


def render(story: Story, style: Style, notes: Iterable[Row] = ()) -> str:
    """Return the summary of what was watched.

    :param notes: more about the page.
    """
    return table(style, lambda room: _rows(story, style, notes, room))


def table(style: Style, rows: Callable[[int], Iterable[Row]]) -> str:
    """Return a summary.

    :param rows: returns its lines, of how many columns there are for a text.
    """
    room = (style.columns or 100) - 1
    lines = [style.dim("─" * min(room, 100))]
    lines += [style.bold(pad(label, _LABEL)) + text for label, text in rows(room - _LABEL)]
    return "\n".join(lines)


def _rows(story: Story, style: Style, notes: Iterable[Row], room: int) -> Iterator[Row]:
    tally = story.tally
    whole = style.columns is None

    def fit(text: str, taken: int = 0) -> str:
        return text if whole else cut_middle(text, room - taken)

    yield "page", fit(clean(tally.url))
    for label, text in notes:
        yield label, clean(text) if whole else cut(clean(text), room)
    yield "loaded", _loading(story, style)
    yield from network_rows(tally, len(story.in_flight), style, room)
    if tally.sockets or tally.socket_messages:
        opened = count(tally.sockets, "WebSocket")
        yield "sockets", f"{opened}, {count(tally.socket_messages, 'message')}"
    yield console_row(tally, style)
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


def network_rows(tally: Tally, still_open: int, style: Style, room: int) -> Iterator[Row]:
    """Return how many requests there were, how they ended, and how much was received."""
    parts = []
    if tally.failed:
        parts.append(style.in_mood(f"{tally.failed:,} failed", "bad"))
    for number, word in (
        (tally.redirects, "redirected"),
        (tally.cached, "from the cache"),
        (tally.cancelled, "cancelled"),
        (still_open, "still open"),
    ):
        if number:
            parts.append(f"{number:,} {word}")
    yield "requests", f"{tally.requests + still_open:,}" + (f": {', '.join(parts)}" if parts else "")
    if tally.received.total():
        kinds = [f"{kind.lower()} {size(number)}" for kind, number in tally.received.most_common() if number]
        text = f"{size(tally.received.total())}: {', '.join(kinds)}"
        yield "received", text if style.columns is None else cut(text, room)


def console_row(tally: Tally, style: Style) -> Row:
    """Return how many messages of the console there were, and how bad they are."""
    moods: tuple[Mood, ...] = ("bad", "warning")
    parts = [
        style.in_mood(count(tally.messages[level], level), mood)
        for level, mood in zip(("error", "warning"), moods, strict=True)
        if tally.messages[level]
    ]
    text = count(tally.messages.total(), "message") + (f": {', '.join(parts)}" if parts else "")
    if tally.uncaught:
        text += ", " + style.in_mood(count(tally.uncaught, "uncaught exception"), "bad")
    return "console", text
