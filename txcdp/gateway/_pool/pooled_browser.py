"""What a pool is made of: browsers that run, who has them, and what has become of them."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Protocol

from twisted.internet.defer import Deferred

from txcdp._deferreds import OneShot


class Running(Protocol):
    """Interface of a running browser, as the pool uses it.

    :ivar ws_url: the address of its WebSocket.
    :ivar version: what it answers to ``/json/version``, but for its address.
    """

    pid: int
    ws_url: str
    version: Mapping[str, str]

    @property
    def downloads(self) -> str:
        """A folder that goes with it, for what is downloaded by who has not said where to; ``""``: none."""
        return ""

    def when_ended(self) -> Deferred[Any]:
        """Fire when its process has ended."""

    def check(self) -> Deferred[Any]:
        """Fire when it has shown that it answers."""

    def tidy(self) -> Deferred[Any]:
        """Take away what a client has left; fires when that is done."""

    def close(self) -> Deferred[Any]:
        """End it now; fires when nothing of it is left."""


@dataclass
class PoolCounts:
    """Counts of what has happened to a pool's browsers.

    :ivar started: browsers that came up.
    :ivar failed: attempts to start one that failed.
    :ivar recycled: browsers that were replaced as planned.
    :ivar died: browsers that ended by themselves, or were ended by somebody else.
    :ivar hung: browsers that were ended because they did not answer.
    :ivar oversized: browsers that were ended because they took too much memory.
    """

    started: int = 0
    failed: int = 0
    recycled: int = 0
    died: int = 0
    hung: int = 0
    oversized: int = 0


class PooledBrowser:
    """One browser of the pool.

    :ivar sessions: clients that it has had.
    :ivar born: when it came up, by the pool's clock.
    :ivar memory: bytes, when that was last looked at; 0 where it is not known.
    :ivar dismissed: whether who has it has told it to end, so that its end is no accident.
    :ivar broken: whether it has ended a line that only its own end could.
    :ivar why: it is ended; ``""`` until it is.
    :ivar ended: fires with that when it is gone, or about to be.
    """

    def __init__(self, running: Running, born: float) -> None:
        self.running = running
        self.born = born
        self.sessions = 0
        self.memory = 0
        self.dismissed = False
        self.broken = False
        self.why = ""
        self.checking: Deferred[Any] | None = None
        self.ended: OneShot[str] = OneShot()

    def __repr__(self) -> str:
        return f"<browser {self.running.pid}, {self.sessions} sessions>"
