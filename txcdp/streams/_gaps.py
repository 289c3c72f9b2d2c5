"""The mark of what a stream may have missed while its line was lost."""

from __future__ import annotations

from dataclasses import dataclass, field

from txcdp.errors import ConnectionLost


@dataclass(frozen=True)
class Gap:
    """A time in which the connection to the browser was lost: what happened in it was not reported.

    :ivar since: when the loss was noticed, in the reactor's seconds. If the connection died silently (``error.cause``
        is ``"unresponsive"`` or ``"half_open"``), nothing had arrived for some time before.
    :ivar until: when the session was restored, in the same seconds.
    :ivar error: what ended the connection.
    :ivar restarted: whether the browser was restarted: the page was reopened, and its contents (forms, scripts' state,
        history) are gone.
    :ivar missing: the names of the events that had subscribers and may be missing.
    """

    since: float
    until: float
    error: ConnectionLost
    restarted: bool = False
    missing: frozenset[str] = field(default_factory=frozenset)

    @property
    def seconds(self) -> float:
        """The length of the gap."""
        return self.until - self.since
