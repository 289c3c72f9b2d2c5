"""Lost connections of a recording, reported as they were in the live run.

The connection goes through the same states as when a live connection is lost and replaced. Meanwhile its sessions are
disconnected; the browser's own messages, which are in the recording, say which of them are back, and under which ids;
and the time between is a gap.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final, get_args

from twisted.internet.defer import Deferred, succeed

from txcdp._core.connection import Connection
from txcdp._deferreds import ignore_failure
from txcdp.errors import ConnectionLost, LossCause
from txcdp.health import Reconnected
from txcdp.recording._recorded_line import RecordedLine
from txcdp.streams import Gap

if TYPE_CHECKING:
    from collections.abc import Mapping


_CAUSES: Final[tuple[LossCause, ...]] = get_args(LossCause)


class _Keeper:
    """A keeper that does not reconnect: the recording contains the new connection."""

    def line_lost(self, reason: ConnectionLost) -> None:
        """Do nothing."""

    def stop(self) -> Deferred[None]:
        """Do nothing."""
        return succeed(None)


class RecordedOutage:
    """The outages of one connection.

    :param connection: the connection that was lost in the recording.
    """

    def __init__(self, connection: Connection) -> None:
        self._connection = connection
        self._restarted = False

    def begin(self, line: RecordedLine, lost: ConnectionLost, other: RecordedLine) -> RecordedLine:
        """Lose the transport, and continue on another one; which targets are attached is known when :meth:`end` is
        called.

        :returns: the other transport.
        """
        outage = self._connection._outage
        outage.keep(_Keeper())
        line.end(lost)
        outage._keeper = None
        other.holds = True
        self._restarted = False
        outage.resume(other).addCallbacks(self._over, ignore_failure)
        other.answer()
        return other

    def end(self, line: RecordedLine, restarted: bool) -> None:
        """Restore everything that is still there, and end what is not."""
        self._restarted = restarted
        line.release()

    def mark(self, since: float, count: int, policy: str) -> None:
        """Mark a place where the recorder itself has dropped events: subscribers that want gaps are told."""
        clock = self._connection.context.clock
        error = ConnectionLost(f"the recorder has dropped {count:,} events here ({policy})")
        gap = Gap(min(since, clock.seconds()), clock.seconds(), error)
        for session in self._connection.sessions:
            session._streams.mark_streams(gap)

    def _over(self, gap: Gap) -> None:
        told = Gap(gap.since, gap.until, gap.error, self._restarted, gap.missing)
        self._connection.health.push(Reconnected(told))


def loss_in(note: Mapping[str, Any]) -> ConnectionLost:
    """Return the reason for a lost connection that a note contains."""
    known = next((each for each in _CAUSES if each == note.get("cause")), None)
    return ConnectionLost(str(note.get("error") or "lost when it was recorded"), cause=known)
