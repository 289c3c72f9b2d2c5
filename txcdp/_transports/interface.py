"""The interface between a Connection and its transport."""

from __future__ import annotations

from typing import Protocol

from twisted.internet.defer import Deferred

from txcdp.errors import ConnectionLost, LossCause


class Receiver(Protocol):
    """The receiver of a transport's messages; implemented by ``Connection``."""

    def message_received(self, message: bytes) -> None:
        """Process one whole message, as the browser sent it; must not raise."""

    def transport_closed(self, reason: ConnectionLost) -> None:
        """Handle the end of the transport; called once, after the last message."""


class WriteBatching(Protocol):
    """A transport that can collect messages, so that they leave in one write."""

    def cork(self) -> None:
        """Collect the messages that are sent from now on."""

    def uncork(self) -> None:
        """Write the collected messages, if there are any."""


class Transport(WriteBatching, Protocol):
    """A connection to a browser that carries whole messages in order.

    :ivar receiver: the receiver of the incoming messages.
    :ivar batched_with: a transport that is corked while this one is read, and uncorked at the end of each read:
        messages that are sent on it in response to one read leave in one write. None: no batching.
    """

    receiver: Receiver | None
    batched_with: WriteBatching | None
    bytes_received: int
    bytes_sent: int

    def send(self, message: bytes) -> None:
        """Queue one message; messages of one reactor turn leave in one write."""

    def close(self) -> None:
        """Close the connection cleanly; ``transport_closed`` follows within the close timeout."""

    def abort(self, why: str = "aborted", cause: LossCause = "aborted") -> None:
        """Drop the connection now; ``transport_closed`` follows, with ``why`` as the reason."""

    def pause(self) -> None:
        """Stop reading until ``resume``; the peer has to buffer meanwhile."""

    def resume(self) -> None:
        """Continue reading after ``pause``."""

    @property
    def congested(self) -> bool:
        """Whether more is waiting to leave this process than one write can take; always up to date, at no cost."""

    @property
    def unsent(self) -> int:
        """The number of bytes that were sent but have not left this process yet."""

    def when_drained(self) -> Deferred[None]:
        """Wait until everything that was sent has left this process; fires at once if the transport is not
        ``congested``.

        :returns: fails with :exc:`ConnectionLost` if the connection ends first. It may be cancelled.
        """

    def describe(self) -> dict[str, object]:
        """Information about the connection for people: kind, addresses, negotiated extensions, close code."""
