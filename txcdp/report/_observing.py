"""The script that measures a document's web vitals, and the reading of its messages."""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping
from functools import cache
from importlib.resources import files
from typing import Any, Final

from txcdp.errors import MalformedMessage
from txcdp.protocol import from_json
from txcdp.protocol._values import number_of, text_of
from txcdp.report._run import Vitals

#: The binding that the script calls, and the world that it runs in. These names are in recordings: do not change them.
BINDING: Final = "txcdpReport"
WORLD: Final = "txcdp report"

_FLUSH: Final = "txcdpReportFlush"

#: Evaluated in that world to make the script report everything that it has.
FLUSH: Final = f"globalThis.{_FLUSH}?.()"

#: Characters of a message; the script sends nothing nearly as long.
_MOST: Final = 200_000

#: Seconds between two layout shifts after which a window of them ends, and the longest duration of a window.
_GAP: Final = 1.0
_WINDOW: Final = 5.0

#: One in so many interactions is left out, as the slowest may be an outlier.
_PER_OUTLIER: Final = 50


@cache
def script() -> str:
    """Return the script, which expects that the binding exists."""
    source = files(__package__).joinpath("observer.js").read_text("utf-8").rstrip()
    return f"globalThis.{_FLUSH} = {source}(globalThis.{BINDING});"


class Observed:
    """One entry that a document's ``PerformanceObserver`` was given.

    :ivar kind: its ``entryType``; ``start`` and ``duration`` are in seconds since the document's time origin.
    """

    __slots__ = ("_data", "duration", "kind", "start")

    def __init__(self, data: Mapping[str, Any]) -> None:
        self._data = data
        self.kind = str(data.get("kind") or "")
        self.start = self.number("start") / 1000
        self.duration = self.number("duration") / 1000

    def number(self, name: str) -> float:
        """Return one of its numbers; 0 if it is not a number."""
        return number_of(self._data.get(name)) or 0.0

    def text(self, name: str) -> str:
        """Return one of its texts; "" if it is not a text."""
        return text_of(self._data.get(name), _MOST)


class Report:
    """A message from the script.

    :ivar origin: when the document's navigation began, in seconds since 1970.
    :ivar title: the title of the document.
    """

    def __init__(self, origin: float, title: str, entries: list[Observed]) -> None:
        self.origin = origin
        self.title = title
        self.entries = entries


def read_report(payload: str) -> Report | None:
    """Return a message from the script; None if it is not one."""
    if len(payload) > _MOST:
        return None
    try:
        data = from_json(payload.encode("utf-8", "surrogatepass"))
    except MalformedMessage:
        return None
    if not isinstance(data, dict) or not isinstance(data.get("entries"), list):
        return None
    origin = number_of(data.get("origin"))
    if origin is None:
        return None
    entries = [Observed(each) for each in data["entries"] if isinstance(each, dict)]
    return Report(origin / 1000, text_of(data.get("title"), _MOST), entries)


class VitalsTally:
    """Computes the web vitals from the reports of one document's observer."""

    def __init__(self) -> None:
        self._vitals = Vitals()
        self._shifts: list[tuple[float, float]] = []
        self._interactions: dict[float, tuple[float, str]] = {}

    def add(self, entry: Observed) -> None:
        """Add an entry; one that does not concern a vital changes nothing."""
        vitals = self._vitals
        match entry.kind:
            case "paint":
                vitals.fcp = entry.start
            case "largest-contentful-paint":
                vitals.lcp = entry.start
                vitals.lcp_element, vitals.lcp_url = entry.text("element"), entry.text("url")
            case "layout-shift":
                self._shifts.append((entry.start, entry.number("value")))
            case "event" | "first-input":
                self._interacted(entry)
            case "navigation":
                vitals.ttfb = entry.number("first_byte") / 1000 or vitals.ttfb

    def _interacted(self, entry: Observed) -> None:
        key = entry.number("interaction")
        if not key:
            return
        before = self._interactions.get(key, (0.0, ""))
        self._interactions[key] = max(before, (entry.duration, entry.text("event")))

    def vitals(self) -> Vitals:
        """Return the vitals so far."""
        vitals = self._vitals
        # Where nothing was painted nothing can have shifted; where something was, a layout that stands still is a 0.
        vitals.cls = max(_windows(self._shifts), default=0.0 if vitals.fcp is not None else None)
        slowest = sorted(self._interactions.values(), reverse=True)
        vitals.interactions = len(slowest)
        if slowest:
            vitals.inp, vitals.inp_event = slowest[min(len(slowest) // _PER_OUTLIER, len(slowest) - 1)]
        return vitals


def _windows(shifts: list[tuple[float, float]]) -> Iterator[float]:
    """Return the sum of the layout shifts in each window."""
    began = last = -math.inf
    total = 0.0
    for start, value in sorted(shifts):
        if start - last > _GAP or start - began > _WINDOW:
            if total:
                yield total
            began, total = start, 0.0
        last = start
        total += value
    if total:
        yield total
