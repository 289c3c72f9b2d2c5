"""The mark of what a stream may have missed while its line was lost."""

from __future__ import annotations

from dataclasses import dataclass, field

from txcdp.errors import ConnectionLost


@dataclass(frozen=True)
class Gap:
    """A time in which the line to the browser was lost: what happened in it was not told.

    :ivar since: when the loss was noticed, in the reactor's seconds. Of a line that ended without a
        word (``error.cause`` is ``"unresponsive"`` or ``"half_open"``) nothing had come for some time before.
    :ivar until: when the session was there again, in the same seconds.
    :ivar error: what ended the line.
    :ivar restarted: whether it is another browser now, which was restarted: the page was opened again, and what
        was in it (forms, scripts' state, history) is gone.
    :ivar missing: the names of the events that somebody listened to and that may be missing.
    """

    since: float
    until: float
    error: ConnectionLost
    restarted: bool = False
    missing: frozenset[str] = field(default_factory=frozenset)

    @property
    def seconds(self) -> float:
        """How long it was."""
        return self.until - self.since
