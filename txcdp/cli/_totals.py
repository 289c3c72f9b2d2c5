"""The summary of a recording."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from datetime import UTC, datetime

from txcdp.cli._lines import Style
from txcdp.cli._recorded import Recorded
from txcdp.cli._requests import outcome
from txcdp.cli._summary import Row, console_row, network_rows, table
from txcdp.cli._tally import Tally
from txcdp.cli._text import clean, count, cut, cut_middle, seconds, width

#: Failures, exceptions and damages that are named, and methods; the rest is counted.
_NAMED = 10


def render(recorded: Recorded, style: Style) -> str:
    """Return the summary of a recording."""
    return table(style, lambda room: _rows(recorded, style, room))


def _rows(recorded: Recorded, style: Style, room: int) -> Iterator[Row]:
    whole = style.columns is None
    yield "recording", _when(recorded)
    yield "targets", _targets(recorded)
    tally = Tally.of_all(each.story.tally for each in recorded.all_speakers)
    yield from network_rows(tally, recorded.open_requests(), style, room)
    yield console_row(tally, style)
    for number, text in enumerate(tally.exceptions[:_NAMED]):
        yield "" if number else "uncaught", style.in_mood(text if whole else cut(text, room), "bad")
    for number, request in enumerate(tally.failures[:_NAMED]):
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


def _missing(recorded: Recorded, style: Style) -> Iterator[Row]:
    """Return what is missing from the recording."""
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
