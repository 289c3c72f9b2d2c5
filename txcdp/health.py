"""What is known of the health of a browser, its pages and the line to it, as typed events.

``Connection.health`` is their stream; listening to it enables nothing. The probes of
:class:`txcdp.ProbeOptions` find out what the browser does not tell.
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
    """Base of what ``Connection.health`` delivers."""


@dataclass(frozen=True)
class BrowserUnresponsive(HealthEvent):
    """The browser has not answered a probe in time, whatever its network thread does.

    :ivar seconds: how long it had for the answer.
    """

    seconds: float


@dataclass(frozen=True)
class BrowserResponsive(HealthEvent):
    """The browser answers again.

    :ivar seconds: since the probe that it had not answered in time.
    """

    seconds: float


@dataclass(frozen=True)
class PageUnresponsive(HealthEvent):
    """A page has not answered a probe in time; told once, until it answers again.

    :ivar session: the page's.
    :ivar cause: ``"busy"``: a script runs and does not end; ``"dialog"``: an alert, confirm, prompt or
        beforeunload waits for an answer; ``"debugger"``: it is paused; ``"stopped"``: its process does not
        answer at all, not even to what interrupts a script.
    :ivar seconds: since the probe.
    """

    session: Session
    cause: PageCause
    seconds: float


@dataclass(frozen=True)
class PageResponsive(HealthEvent):
    """A page answers again.

    :ivar session: the page's.
    :ivar seconds: since the first probe that it had not answered in time.
    """

    session: Session
    seconds: float


@dataclass(frozen=True)
class LineLost(HealthEvent):
    """The line to the browser is lost: the connection has ended, or looks for another one.

    :ivar error: how; ``error.cause`` says what ended it.
    """

    error: ConnectionLost


@dataclass(frozen=True)
class Reconnecting(HealthEvent):
    """Another line is going to be looked for.

    :ivar attempt: which attempt it is, from 1.
    :ivar delay: seconds until it is made.
    :ivar failure: why the attempt before it failed; None before the first one.
    """

    attempt: int
    delay: float
    failure: Exception | None = None


@dataclass(frozen=True)
class Reconnected(HealthEvent):
    """There is another line, and everything is set up as it was.

    :ivar gap: the time between, and what may be missing.
    """

    gap: Gap
