"""What a recording comes to, at a glance."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from datetime import UTC, datetime

from txcdp.cli._lines import Style
from txcdp.cli._recorded import Recorded
from txcdp.cli._requests import outcome
from txcdp.cli._text import clean, count, cut, cut_middle, pad, seconds, size, width

_LABEL = 11
#: Failures, exceptions and damages that are named, and methods; the rest is counted.
_NAMED = 10


def render(recorded: Recorded, style: Style) -> str:
    """Return the summary of a recording."""
    room = (style.columns or 100) - 1
    lines = [style.dim("─" * min(room, 100))]
    lines += [style.bold(pad(label, _LABEL)) + text for label, text in _rows(recorded, style, room - _LABEL)]
    return "\n".join(lines)


def _rows(recorded: Recorded, style: Style, room: int) -> Iterator[tuple[str, str]]:
    whole = style.columns is None
    yield "recording", _when(recorded)
    yield "targets", _targets(recorded)
    yield "requests", _requests(recorded, style)
    tallies = [each.story.tally for each in recorded.all_speakers]
    received = sum((each.received for each in tallies), Counter[str]())
    if received.total():
        kinds = [f"{kind.lower()} {size(number)}" for kind, number in received.most_common() if number]
        text = f"{size(received.total())}: {', '.join(kinds)}"
        yield "received", text if whole else cut(text, room)
    yield "console", _console(recorded, style)
    exceptions = [text for each in tallies for text in each.exceptions]
    for number, text in enumerate(exceptions[:_NAMED]):
        yield "" if number else "uncaught", style.in_mood(text if whole else cut(text, room), "bad")
    failures = [request for each in tallies for request in each.failures]
    for number, request in enumerate(failures[:_NAMED]):
        how = clean(outcome(request)) + "  "
        url = clean(request.url)
        shown = url if whole else cut_middle(url, room - width(how))
        yield "" if number else "failed", style.in_mood(how, "bad") + shown
    if recorded.commands:
        text = f"{recorded.commands:,}" + (f": {recorded.refused:,} failed" if recorded.refused else "")
        yield "commands", text
    yield "events", f"{recorded.methods.total():,}"
    for method, number in recorded.methods.most_common(_NAMED):
        yield "", f"{number:>9,}  {clean(method)}"
    others = len(recorded.methods) - _NAMED
    if others > 0:
        yield "", f"{'':>9}  and {count(others, 'other kind')}"
    yield from _missing(recorded, style)


def _when(recorded: Recorded) -> str:
    if not recorded.began:
        return "empty"
    began = datetime.fromtimestamp(recorded.began, UTC)
    parts = [f"{began:%Y-%m-%d %H:%M:%S} UTC", seconds(max(0.0, recorded.ended - recorded.began))]
    if recorded.files > 1:
        parts.append(count(recorded.files, "file"))
    return ", ".join([*parts, *recorded.browsers])


def _targets(recorded: Recorded) -> str:
    # A line that was found again has given new sessions to the same targets.
    kinds = {each.target: each.kind for each in recorded.all_speakers if each.target is not None}
    found = Counter(kinds.values())
    return ", ".join(count(number, clean(kind).replace("_", " ")) for kind, number in found.most_common()) or "none"


def _requests(recorded: Recorded, style: Style) -> str:
    tallies = [each.story.tally for each in recorded.all_speakers]
    parts = []
    if failed := sum(each.failed for each in tallies):
        parts.append(style.in_mood(f"{failed:,} failed", "bad"))
    still_open = recorded.open_requests()
    for number, word in (
        (sum(each.redirects for each in tallies), "redirected"),
        (sum(each.cached for each in tallies), "from the cache"),
        (sum(each.cancelled for each in tallies), "cancelled"),
        (still_open, "still open"),
    ):
        if number:
            parts.append(f"{number:,} {word}")
    total = sum(each.requests for each in tallies) + still_open
    return f"{total:,}" + (f": {', '.join(parts)}" if parts else "")


def _console(recorded: Recorded, style: Style) -> str:
    tallies = [each.story.tally for each in recorded.all_speakers]
    messages = sum((each.messages for each in tallies), Counter[str]())
    parts = []
    if messages["error"]:
        parts.append(style.in_mood(count(messages["error"], "error"), "bad"))
    if messages["warning"]:
        parts.append(style.in_mood(count(messages["warning"], "warning"), "warning"))
    text = count(messages.total(), "message") + (f": {', '.join(parts)}" if parts else "")
    if uncaught := sum(each.uncaught for each in tallies):
        text += ", " + style.in_mood(count(uncaught, "uncaught exception"), "bad")
    return text


def _missing(recorded: Recorded, style: Style) -> Iterator[tuple[str, str]]:
    """Return what is not there, and would have been."""
    if recorded.gaps:
        text = f"{count(len(recorded.gaps), 'gap')}, {seconds(sum(recorded.gaps))} without a line to the browser"
        yield "missing", style.in_mood(text, "warning")
    if recorded.dropped:
        text = f"{recorded.dropped:,} {'event was' if recorded.dropped == 1 else 'events were'} dropped"
        yield "" if recorded.gaps else "missing", style.in_mood(text, "bad")
    if not recorded.gaps and not recorded.dropped:
        yield "missing", "nothing"
    for number, text in enumerate(recorded.damages[:_NAMED]):
        yield "" if number else "damaged", style.in_mood(clean(text), "bad")
    if len(recorded.damages) > _NAMED:
        yield "", f"and {len(recorded.damages) - _NAMED} more"
