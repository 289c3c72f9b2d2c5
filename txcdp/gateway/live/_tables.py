"""The displayed data, as tables that can be asked for what is new: each row, and each removal, has a revision.

The size of every table is limited, and so is what a viewer has not seen yet, however slowly it reads: nothing is stored
per viewer.
"""

from __future__ import annotations

import math
from collections import deque
from collections.abc import Mapping
from typing import Any

#: The tables, and the maximum number of rows of each.
SIZES: Mapping[str, int] = {
    "browsers": 200,
    "clients": 500,
    "targets": 300,
    "requests": 200,
    "lines": 200,
    "pictures": 60,
}

#: The number of samples kept in the history.
SLOTS = 360

#: The time in seconds over which a rate is averaged: earlier events count little.
_SPAN = 3.0

Row = dict[str, Any]


class LiveTable:
    """Rows by key, in the order in which they were added.

    :param tables: the tables that it belongs to.
    :param most: the maximum number of rows; the oldest are dropped.
    :ivar rows: the rows by key; each also contains its key, as ``key``.
    """

    def __init__(self, tables: LiveTables, most: int) -> None:
        self._tables = tables
        self._most = most
        self._revisions: dict[Any, int] = {}
        self._gone: deque[tuple[int, Any]] = deque()
        self._forgotten = 0
        self.rows: dict[Any, Row] = {}

    def put(self, key: Any, row: Row) -> None:
        """Set a row; if it is unchanged, nothing is new."""
        row["key"] = key
        if self.rows.get(key) == row:
            return
        if key not in self.rows and len(self.rows) >= self._most:
            self.drop(next(iter(self.rows)))
        self.rows[key] = row
        self._revisions[key] = self._tables.next()

    def change(self, key: Any, **fields: Any) -> None:
        """Set some fields of a row, if it (still) exists."""
        row = self.rows.get(key)
        if row is not None:
            self.put(key, {**row, **fields})

    def drop(self, key: Any) -> None:
        """Remove a row, if it exists."""
        if self.rows.pop(key, None) is not None:
            del self._revisions[key]
            self._gone.append((self._tables.next(), key))
            if len(self._gone) > self._most:
                self._forgotten = self._gone.popleft()[0]

    def keep(self, rows: Mapping[Any, Row]) -> None:
        """Set all rows; existing rows that are not among them are removed."""
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
    """All tables, with a common revision counter.

    :ivar revision: the current revision.
    :ivar beginning: the revision before which nothing is known.
    :ivar history: the samples of the last hour, which are kept even without a viewer.
    """

    def __init__(self) -> None:
        self.revision = 0
        self.beginning = 0
        self.history = LiveTable(self, SLOTS)
        self.clear()

    def clear(self) -> None:
        """Forget everything except the history."""
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
    """The recent rate of something per second, computed from its total."""

    def __init__(self) -> None:
        self._total = 0.0
        self._at: float | None = None
        self._value = 0.0

    def note(self, total: float, now: float) -> float:
        """Record the total, and return the rate."""
        if self._at is not None and now > self._at:
            seconds = now - self._at
            self._value += ((total - self._total) / seconds - self._value) * -math.expm1(-seconds / _SPAN)
            if self._value < 0.05:
                self._value = 0.0
        self._total, self._at = total, now
        return round(self._value, 1)


class Meter:
    """A growing total, and its rate.

    :ivar total: the total, for the caller to add to.
    """

    def __init__(self) -> None:
        self.total = 0.0
        self._rate = Rate()

    def rate(self, now: float) -> float:
        """Return the recent rate per second."""
        return self._rate.note(self.total, now)
