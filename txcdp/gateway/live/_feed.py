"""The viewers, and what they are sent: first a snapshot, then what is new, at most four times per second.

Watching puts load on the browsers, so nothing is watched unless there is a viewer.
"""

from __future__ import annotations

from typing import Any, Protocol

import msgspec
from twisted.internet.task import LoopingCall
from twisted.logger import Logger

from txcdp._reactor import Clock, whole
from txcdp.gateway._http.refusals import busy
from txcdp.gateway.live._tables import LiveTables

#: Seconds between two messages to a viewer.
TICK = 0.25

#: The number of ticks between two updates of what has no events: clients, browsers and all rates.
LOOK = 4

#: The maximum number of viewers at once.
MOST_VIEWERS = 8

log = Logger()


class TableSource(Protocol):
    """Interface of what fills the tables."""

    def look(self) -> dict[str, Any]:
        """Update what has no events; return what is displayed besides the tables."""

    def stop(self) -> None:
        """Stop watching, and leave nothing behind in the browsers."""


class FeedViewer(Protocol):
    """Interface of a viewer, as the feed uses it."""

    revision: int

    def offer(self) -> None:
        """Send what is new, if anything is."""

    def end(self) -> None:
        """End, because nothing more will be sent."""


class Feed:
    """Sends the contents of the tables to the viewers.

    :param clock: the reactor, or a ``task.Clock``.
    :param tables: see :class:`~txcdp.gateway.live._tables.LiveTables`.
    :param source: fills the tables.
    :ivar viewers: the current viewers.
    """

    def __init__(self, clock: Clock, tables: LiveTables, source: TableSource) -> None:
        self._clock = clock
        self._tables = tables
        self._source = source
        self._ticks = 0
        self._head: dict[str, Any] = {}
        self._loop = LoopingCall(self._tick)
        self._loop.clock = whole(clock)
        self.viewers: list[FeedViewer] = []

    def add(self, viewer: FeedViewer) -> None:
        """Add a viewer.

        :raises Refusal: there are too many.
        """
        if len(self.viewers) >= MOST_VIEWERS:
            raise busy(503, f"{MOST_VIEWERS} are already watching; no more are allowed.", "viewers", 10)
        self.viewers.append(viewer)
        if not self._loop.running:
            self._ticks = 0
            self._loop.start(TICK).addErrback(self._failed)
        else:
            viewer.offer()

    def remove(self, viewer: FeedViewer) -> None:
        """Remove a viewer; after the last one, stop watching and forget what was seen."""
        if viewer in self.viewers:
            self.viewers.remove(viewer)
            if not self.viewers:
                self._stop_watching()

    def stop(self) -> None:
        """End all viewers, and accept no more."""
        for viewer in list(self.viewers):
            viewer.end()

    def news(self, revision: int) -> tuple[bytes | None, int]:
        """Return what is new since a revision, in JSON, and the resulting revision.

        :param revision: 0 for everything.
        """
        news = self._tables.since(revision)
        if not news:
            return None, revision
        return self.message(news), self._tables.revision

    def message(self, news: dict[str, Any]) -> bytes:
        """Return a message in JSON: what is new, if anything, the time, and what is displayed besides the tables."""
        return msgspec.json.encode({"now": round(self._clock.seconds(), 3), "gateway": self._head, **news})

    def _tick(self) -> None:
        if self._ticks % LOOK == 0:
            self._head = {**self._source.look(), "viewers": len(self.viewers)}
        self._ticks += 1
        for viewer in list(self.viewers):
            viewer.offer()

    def _stop_watching(self) -> None:
        if self._loop.running:
            self._loop.stop()
        self._source.stop()
        self._tables.clear()
        self._head = {}

    def _failed(self, failure: Any) -> None:
        log.failure("The live page", failure=failure)
        self.stop()
