"""The health of a browser, its pages and the connection to it, as typed events.

``Connection.health`` is a stream of them; subscribing to it enables nothing. The probes of :class:`txcdp.ProbeOptions`
find out what the browser does not report.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal

if TYPE_CHECKING:
    from txcdp._core.sessions import Session
    from txcdp.errors import ConnectionLost
    from txcdp.streams import Gap

__all__ = [
    "BrowserResponsive",
    "BrowserUnresponsive",
    "HealthEvent",
    "LineLost",
    "PageCause",
    "PageResponsive",
    "PageUnresponsive",
    "Reconnected",
    "Reconnecting",
]

#: Why a page does not answer; see :class:`PageUnresponsive`.
PageCause = Literal["busy", "stopped", "dialog", "debugger"]


@dataclass(frozen=True)
class HealthEvent:
    """Base of the items of ``Connection.health``."""


@dataclass(frozen=True)
class BrowserUnresponsive(HealthEvent):
    """The browser has not answered a probe in time, even if its network thread still works.

    :ivar seconds: the time that it had to answer.
    """

    seconds: float


@dataclass(frozen=True)
class BrowserResponsive(HealthEvent):
    """The browser answers again.

    :ivar seconds: the time since the probe that it did not answer in time.
    """

    seconds: float


@dataclass(frozen=True)
class PageUnresponsive(HealthEvent):
    """A page has not answered a probe in time; emitted once, until it answers again.

    :ivar session: the page's session.
    :ivar cause: ``"busy"``: a script is running and does not end; ``"dialog"``: an alert, confirm, prompt or
        beforeunload waits for an answer; ``"debugger"``: it is paused; ``"stopped"``: its process does not answer at
        all, not even to a command that interrupts scripts.
    :ivar seconds: the time since the probe.
    """

    session: Session
    cause: PageCause
    seconds: float


@dataclass(frozen=True)
class PageResponsive(HealthEvent):
    """A page answers again.

    :ivar session: the page's session.
    :ivar seconds: the time since the first probe that it did not answer in time.
    """

    session: Session
    seconds: float


@dataclass(frozen=True)
class LineLost(HealthEvent):
    """The connection to the browser was lost: it has ended, or will be replaced by a new one.

    :ivar error: the error; ``error.cause`` says what ended it.
    """

    error: ConnectionLost


@dataclass(frozen=True)
class Reconnecting(HealthEvent):
    """An attempt to reconnect is about to be made.

    :ivar attempt: the number of the attempt, from 1.
    :ivar delay: seconds until it is made.
    :ivar failure: why the previous attempt failed; None before the first one.
    """

    attempt: int
    delay: float
    failure: Exception | None = None


@dataclass(frozen=True)
class Reconnected(HealthEvent):
    """There is a new connection, and everything is set up as before.

    :ivar gap: the time in between, and what may be missing.
    """

    gap: Gap
