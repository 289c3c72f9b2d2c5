"""What is displayed, as tables that can be asked for what is new: each row, and each removal, has a revision.

Everything is limited in size, so what a viewer has not seen yet is limited, too, however slowly it reads: nothing is
kept for any viewer in particular.
"""

from __future__ import annotations

import math
from collections import deque
from collections.abc import Mapping
from typing import Any

#: Which tables there are, and the most rows of each.
SIZES: Mapping[str, int] = {
    "browsers": 200,
    "clients": 500,
    "targets": 300,
    "requests": 200,
    "lines": 200,
    "pictures": 60,
}

#: Samples of the history that are kept.
SLOTS = 360

#: Seconds over which a rate is an average: what happened before that counts little.
_SPAN = 3.0

Row = dict[str, Any]


class LiveTable:
    """Rows by key, in the order in which they came.

    :param tables: whose it is.
    :param most: how many rows are kept; then the oldest goes.
    :ivar rows: by key; each has it as ``key``, too.
    """

    def __init__(self, tables: LiveTables, most: int) -> None:
        self._tables = tables
        self._most = most
        self._revisions: dict[Any, int] = {}
        self._gone: deque[tuple[int, Any]] = deque()
        self._forgotten = 0
        self.rows: dict[Any, Row] = {}

    def put(self, key: Any, row: Row) -> None:
        """Set a row; where it is there already, as it is, nothing is new."""
        row["key"] = key
        if self.rows.get(key) == row:
            return
        if key not in self.rows and len(self.rows) >= self._most:
            self.drop(next(iter(self.rows)))
        self.rows[key] = row
        self._revisions[key] = self._tables.next()

    def change(self, key: Any, **fields: Any) -> None:
        """Set some fields of a row, if it is (still) there."""
        row = self.rows.get(key)
        if row is not None:
            self.put(key, {**row, **fields})

    def drop(self, key: Any) -> None:
        """Take a row out, if it is there."""
        if self.rows.pop(key, None) is not None:
            del self._revisions[key]
            self._gone.append((self._tables.next(), key))
            if len(self._gone) > self._most:
                self._forgotten = self._gone.popleft()[0]

    def keep(self, rows: Mapping[Any, Row]) -> None:
        """Set all rows; those that are not among them go."""
        for key in [key for key in self.rows if key not in rows]:
            self.drop(key)
        for key, row in rows.items():
            self.put(key, row)

    def since(self, revision: int) -> Row | None:
        """Return what is new since a revision: ``rows`` and ``gone`` keys, or the ``whole`` table; None: nothing."""
        if revision < self._forgotten or revision < self._tables.beginning:
            return {"whole": True, "rows": list(self.rows.values())}
        rows = [self.rows[key] for key, at in self._revisions.items() if at > revision]
        gone = [key for at, key in self._gone if at > revision]
        if not rows and not gone:
            return None
        return {"rows": rows, "gone": gone}


class LiveTables:
    """All tables, with one count of revisions.

    :ivar revision: the last one.
    :ivar beginning: the revision before which nothing is known.
    :ivar history: samples of the last hour, which are remembered also while nobody looks.
    """

    def __init__(self) -> None:
        self.revision = 0
        self.beginning = 0
        self.history = LiveTable(self, SLOTS)
        self.clear()

    def clear(self) -> None:
        """Forget everything but the history."""
        self.beginning = self.next()
        self.browsers, self.clients, self.targets, self.requests, self.lines, self.pictures = (
            LiveTable(self, most) for most in SIZES.values()
        )

    def next(self) -> int:
        """Return a new revision."""
        self.revision += 1
        return self.revision

    def since(self, revision: int) -> Row:
        """Return what is new since a revision, by table."""
        news = {name: getattr(self, name).since(revision) for name in (*SIZES, "history")}
        return {name: new for name, new in news.items() if new is not None}


class Rate:
    """The rate of something, of late, in a second, computed from its total."""

    def __init__(self) -> None:
        self._total = 0.0
        self._at: float | None = None
        self._value = 0.0

    def note(self, total: float, now: float) -> float:
        """Take the total, and return the rate."""
        if self._at is not None and now > self._at:
            seconds = now - self._at
            self._value += ((total - self._total) / seconds - self._value) * -math.expm1(-seconds / _SPAN)
            if self._value < 0.05:
                self._value = 0.0
        self._total, self._at = total, now
        return round(self._value, 1)


class Meter:
    """A total that grows, and its rate.

    :ivar total: to be added to.
    """

    def __init__(self) -> None:
        self.total = 0.0
        self._rate = Rate()

    def rate(self, now: float) -> float:
        """Return how much is added in a second, of late."""
        return self._rate.note(self.total, now)
