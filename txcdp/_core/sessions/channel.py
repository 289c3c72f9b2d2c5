"""What a session asks of its connection."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Literal, Protocol

from twisted.internet.defer import Deferred

from txcdp._core.dispatch.pending import Decode
from txcdp._core.sessions.streams import Feeder
from txcdp._timeouts import Timeout

if TYPE_CHECKING:
    from txcdp._core.sessions.session import Session

#: What to do about experimental commands; see ``Connection``.
StabilityPolicy = Literal["stable", "warn", "any"]


class Channel(Feeder, Protocol):
    """The part of a connection that its sessions need."""

    linger: float | None
    _paced: bool
    stability: StabilityPolicy

    @property
    def sessions(self) -> list[Session]:
        """All sessions of the connection."""

    def _send(self, session: Session, params: object, decode: Decode, timeout: Timeout) -> Deferred[Any]:
        """Send one command."""

    def _wait_for_line(self, method: str, timeout: Timeout) -> Deferred[float | None] | None:
        """Wait for a line before a command is sent; None where commands do not wait."""

    def _detach(self, session: Session) -> Deferred[None]:
        """Detach from the session's target."""

    def _not_restored(self, session: Session, method: str, error: object) -> None:
        """Count and log a command of the session's set-up that failed when it was sent again."""
