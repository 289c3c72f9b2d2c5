"""The parts of a pool: running browsers, who has them, and what has happened to them."""

from __future__ import annotations

import enum
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Final, Literal, Protocol
from urllib.parse import urlsplit

from twisted.internet.defer import Deferred

from txcdp._deferreds import OneShot
from txcdp._states import StateMachine

#: Why a browser was replaced; see :class:`PoolCounts`.
Replaced = Literal["recycled", "died", "hung", "oversized"]


class Running(Protocol):
    """Interface of a running browser, as the pool uses it.

    :ivar ws_url: the address of its WebSocket.
    :ivar version: its response to ``/json/version``, except for its address.
    """

    pid: int
    ws_url: str
    version: Mapping[str, str]

    @property
    def downloads(self) -> str:
        """A folder that is removed with it, for downloads of clients that have not said where to save them; ``""``:
        none.
        """
        return ""

    def when_ended(self) -> Deferred[Any]:
        """Fire when its process has ended."""

    def check(self) -> Deferred[Any]:
        """Fire once it has responded."""

    def tidy(self) -> Deferred[Any]:
        """Clean up after a client; fires once that is done."""

    def close(self) -> Deferred[Any]:
        """End it now; fires once nothing of it is left."""


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


class PooledState(enum.Enum):
    """The state of a browser of the pool."""

    #: Nobody has it, and it is as good as new.
    IDLE = "idle"
    #: As ``IDLE``, but a client was told of its page: others get it only if there is no other browser.
    RESERVED = "reserved"
    #: A client has it.
    LEASED = "leased"
    #: Its client has told it to close, so its end is expected.
    DISMISSED = "dismissed"
    #: It has closed a connection that only its own end can close; the news of that end is about to arrive.
    BROKEN = "broken"
    #: What its last client left behind is being removed.
    TIDYING = "tidied up"

    #: It is gone, or about to be.
    ENDED = "ended"
    #: As ``ENDED``, because its client wanted that.
    CLOSED = "closed by its client"


class PooledEvent(enum.Enum):
    """An event in the life of a browser of the pool."""

    RESERVE = "its page is offered"
    UNRESERVE = "the offer is over"
    LEASE = "a client gets it"
    RETURN = "it is given back unused"
    RELEASE = "it is given back"
    TIDIED = "it is tidy"
    DISMISS = "its client tells it to end"
    BREAK = "its line is lost"
    END = "it is ended, or has ended"


_S, _E = PooledState, PooledEvent

#: The transitions; any other input is ignored.
POOLED_TRANSITIONS: Final[Mapping[tuple[PooledState, PooledEvent], PooledState]] = {
    (_S.IDLE, _E.RESERVE): _S.RESERVED,
    (_S.IDLE, _E.LEASE): _S.LEASED,
    (_S.RESERVED, _E.UNRESERVE): _S.IDLE,
    (_S.RESERVED, _E.LEASE): _S.LEASED,
    (_S.LEASED, _E.RETURN): _S.IDLE,
    (_S.LEASED, _E.RELEASE): _S.TIDYING,
    (_S.LEASED, _E.DISMISS): _S.DISMISSED,
    (_S.LEASED, _E.BREAK): _S.BROKEN,
    (_S.TIDYING, _E.TIDIED): _S.IDLE,
    (_S.DISMISSED, _E.END): _S.CLOSED,
    **{(each, _E.END): _S.ENDED for each in (_S.IDLE, _S.RESERVED, _S.LEASED, _S.BROKEN, _S.TIDYING)},
}

#: Somebody has it.
LEASED: Final = (_S.LEASED, _S.DISMISSED, _S.BROKEN)


class PooledBrowser(StateMachine[PooledState, PooledEvent]):
    """One browser of the pool, once it is up.

    :ivar sessions: the number of clients that it has had.
    :ivar born: when it was up, by the pool's clock.
    :ivar memory: bytes at the last check; 0 if unknown.
    :ivar checking: fires once it has responded to the current check; None if there is none.
    :ivar why: why it was ended; ``""`` until then.
    :ivar ended: fires with that once it is gone, or about to be.
    """

    def __init__(self, running: Running, born: float) -> None:
        super().__init__(POOLED_TRANSITIONS, PooledState.IDLE)
        self.running = running
        self.born = born
        self.sessions = 0
        self.memory = 0
        self.checking: Deferred[Any] | None = None
        self.ended: OneShot[str] = OneShot()
        self.why = ""

    def __repr__(self) -> str:
        return f"<browser {self.running.pid}, {self.state.value}, {self.sessions} sessions>"

    @property
    def netloc(self) -> str:
        """The address that it listens on: ``host:port``."""
        return urlsplit(self.running.ws_url).netloc

    @property
    def is_idle(self) -> bool:
        """Whether nobody has it, and it can be leased."""
        return self.state in (_S.IDLE, _S.RESERVED)

    @property
    def is_gone(self) -> bool:
        """Whether it has ended, or the news of that is about to arrive."""
        return self.state in (_S.DISMISSED, _S.BROKEN, _S.ENDED, _S.CLOSED)

    @property
    def fault(self) -> str:
        """Why it is gone if its client did not ask for that; otherwise ``""``."""
        if self.state is _S.CLOSED:
            return ""
        return "its process has ended" if self.state is _S.BROKEN else self.why
