"""Converts the browser's clocks to a single one: seconds since 1970.

==================  ================================================================================================
monotonic           the protocol's ``Network``, ``Page``: seconds since the machine was started. It may stand still
                    while the machine sleeps, so that it parts from the wall clock.
wall                console lines, screencast, ``wallTime``: seconds (or milliseconds) since 1970. Somebody may set it.
a document's        ``performance.now()``: milliseconds since its navigation began. Its ``timeOrigin`` was reckoned by
                    a difference that its process took once, and may be off by all that was slept since.
==================  ================================================================================================

Each request reports the time on both of the first two clocks: an *anchor*. A monotonic time after an anchor is
converted by the last anchor before it; one before all of them, by the first. So if a machine has slept, or a recording
continues on another one, only later times change, and none before. A document's own origin is the
``Date.now() - performance.now()`` that it sends with each message, which needs no anchor.
"""

from __future__ import annotations

import math
from bisect import bisect_right, insort
from typing import TypeGuard

#: Seconds that two anchors may differ by and still say the same: what the browser rounds, and steers the clock by.
_SAME = 0.005


class Anchors:
    """Moments whose times are known on both clocks: the monotonic one and the wall clock."""

    def __init__(self) -> None:
        self._anchors: list[tuple[float, float]] = []

    def add(self, monotonic: float | None, wall: float | None) -> None:
        """Add a moment with its times on both clocks; invalid times are ignored."""
        if not _is_time(monotonic) or not _is_time(wall):
            return
        known = self.wall(monotonic)
        if known is None or abs(known - wall) > _SAME:
            insort(self._anchors, (monotonic, wall - monotonic))

    def wall(self, monotonic: float | None) -> float | None:
        """Return seconds since 1970 for a monotonic time; None: there is no anchor, or the time is invalid."""
        if not _is_time(monotonic) or not self._anchors:
            return None
        place = bisect_right(self._anchors, (monotonic, math.inf)) - 1
        return monotonic + self._anchors[max(place, 0)][1]


def _is_time(value: float | None) -> TypeGuard[float]:
    return isinstance(value, int | float) and math.isfinite(value) and value > 0
