"""What a Connection asks of a transport, and what a transport tells its Connection."""

from __future__ import annotations

from typing import Protocol

from twisted.internet.defer import Deferred

from txcdp.errors import ConnectionLost, LossCause


class Receiver(Protocol):
    """The end of a transport that takes what comes in; implemented by ``Connection``."""

    def message_received(self, message: bytes) -> None:
        """Take one whole message, as the browser sent it; must not raise."""

    def transport_closed(self, reason: ConnectionLost) -> None:
        """Hear, once, that nothing more will come in or go out."""


class Transport(Protocol):
    """A line to a browser that carries whole messages in order.

    :ivar receiver: who takes what comes in.
    :ivar congested: whether more waits to leave this process than goes out in one write; kept up to date
        at no cost, so that ``unsent`` has to be looked at only then.
    """

    receiver: Receiver | None
    bytes_received: int
    bytes_sent: int
    congested: bool

    def send(self, message: bytes) -> None:
        """Queue one message; messages of one reactor turn leave in one write."""

    def close(self) -> None:
        """End the line in good order; ``transport_closed`` follows within the close deadline."""

    def abort(self, why: str = "aborted", cause: LossCause = "aborted") -> None:
        """End the line now; ``transport_closed`` follows, and says why."""

    def pause(self) -> None:
        """Stop reading until ``resume``; the peer then has to buffer."""

    def resume(self) -> None:
        """Go on reading after ``pause``."""

    @property
    def unsent(self) -> int:
        """Bytes that were handed over but have not left this process yet."""

    def when_drained(self) -> Deferred[None]:
        """Wait until all that was sent has left this process; at once where the line is not ``congested``.

        :returns: fails with :exc:`ConnectionLost` when the line ends before. It may be cancelled.
        """

    def describe(self) -> dict[str, object]:
        """Facts about the line for people: kind, addresses, negotiated extensions, close code."""
