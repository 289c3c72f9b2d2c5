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
        """Handle the end of the transport; called once, after the last message."""


class WriteBatching(Protocol):
    """A transport that can collect messages, so that they leave in one write."""

    def cork(self) -> None:
        """Keep together what is sent from now on."""

    def uncork(self) -> None:
        """Write what was kept together; nothing where nothing is."""


class Transport(WriteBatching, Protocol):
    """A line to a browser that carries whole messages in order.

    :ivar receiver: who takes what comes in.
    :ivar batched_with: what is corked while this line is read, and uncorked at the end of each read: what is sent
        over it because of what has come in one read leaves in one write. None: nothing.
    """

    receiver: Receiver | None
    batched_with: WriteBatching | None
    bytes_received: int
    bytes_sent: int

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
    def congested(self) -> bool:
        """Whether more waits to leave this process than goes out in one write; always up to date, at no cost."""

    @property
    def unsent(self) -> int:
        """Bytes that were handed over but have not left this process yet."""

    def when_drained(self) -> Deferred[None]:
        """Wait until all that was sent has left this process; at once where the line is not ``congested``.

        :returns: fails with :exc:`ConnectionLost` when the line ends before. It may be cancelled.
        """

    def describe(self) -> dict[str, object]:
        """Facts about the line for people: kind, addresses, negotiated extensions, close code."""
