"""The in-memory transport between a connection and a FakeChrome, delivered turn by turn."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable

from twisted.internet.defer import Deferred

from txcdp._transports.backpressure import Backpressure
from txcdp._transports.interface import Receiver, WriteBatching
from txcdp.errors import ConnectionLost, LossCause

#: What Chromium keeps for a client that does not read.
CHROMIUM_BUFFER = 256 * 1024 * 1024

#: Bytes that a real socket or pipe takes in one go, as Twisted sees it.
GOES_OUT_AT_ONCE = 64 * 1024


class FakeTransport:
    """A :class:`~txcdp.transports.Transport` whose other end is a FakeChrome, or a test.

    :param sent: called with this transport and each message that the client sends.
    :param wake: called when there is something for :meth:`deliver` to do.
    :ivar writes: what the client sent: one list of messages for each turn in which it sent any, since a real transport
        would have written them together.
    :ivar paused: whether the client has asked to receive nothing for now.
    :ivar closed: why the transport has closed; None while it is open.
    :ivar congested: whether more was sent than goes out at once, and has not been taken yet.
    :ivar buffer: bytes that the browser buffers for a client that does not read; messages that arrive while it is full
        are lost silently, as with Chromium.
    :ivar dropped: how many messages were lost in this way.
    """

    def __init__(self, sent: Callable[[FakeTransport, bytes], None], wake: Callable[[], None]) -> None:
        self.receiver: Receiver | None = None
        self.batched_with: WriteBatching | None = None
        self.bytes_received = 0
        self.bytes_sent = 0
        self.paused = False
        self.closed: ConnectionLost | None = None
        self.writes: list[list[bytes]] = []
        self._sent = sent
        self._wake = wake
        self.buffer = CHROMIUM_BUFFER
        self.dropped = 0
        self.congested = False
        self._unsent: list[bytes] = []
        self._unsent_size = 0
        self._waiting = 0
        self._backpressure = Backpressure(self)
        self._incoming: deque[bytes | ConnectionLost] = deque()
        self._ending = False

    # What a connection calls:

    def send(self, message: bytes) -> None:
        """Queue one message; do nothing if the transport is closed."""
        if not self._ending:
            self._unsent.append(message)
            self._unsent_size += len(message)
            if self._unsent_size > GOES_OUT_AT_ONCE:
                self._backpressure.full()
            self._sent(self, message)
            self._wake()

    def cork(self) -> None:
        """Do nothing: everything sent in one turn is one write anyway."""

    def uncork(self) -> None:
        """Do nothing; see :meth:`cork`."""

    def close(self) -> None:
        """Close the transport in an orderly way, in the next turn."""
        self.resume()
        self.end(ConnectionLost("closed", 1000, clean=True))

    def abort(self, why: str = "aborted", cause: LossCause = "aborted") -> None:
        """Abort the transport; the connection is notified in the next turn."""
        self._incoming.clear()
        self._waiting = 0
        self.end(ConnectionLost(why, cause=cause))
        self.resume()

    def pause(self) -> None:
        """Deliver nothing until :meth:`resume`."""
        self.paused = True

    def resume(self) -> None:
        """Continue to deliver, in the next turn."""
        self.paused = False
        self._wake()

    @property
    def unsent(self) -> int:
        """The number of bytes sent in this turn, or since the browser stalled."""
        return self._unsent_size

    def when_drained(self) -> Deferred[None]:
        """Return a Deferred that fires when the browser has taken what was sent, or at once if that is little."""
        return self._backpressure.wait()

    def describe(self) -> dict[str, object]:
        """Facts about the transport, for people to read."""
        return {"transport": "fake", "open": self.closed is None, "paused": self.paused}

    # What a FakeChrome calls:

    @property
    def ending(self) -> bool:
        """Whether the transport has closed, or will once what is queued has been delivered."""
        return self._ending

    def put(self, message: bytes) -> None:
        """Queue one message for the client."""
        if self._ending:
            return
        if self._waiting + len(message) > self.buffer:
            self.dropped += 1
            return
        self._waiting += len(message)
        self._incoming.append(message)
        self._wake()

    def end(self, reason: ConnectionLost) -> None:
        """Close the transport, after what is queued for the client."""
        if not self._ending:
            self._ending = True
            self._incoming.append(reason)
            self._wake()

    def take(self) -> list[bytes]:
        """Take what the client has sent since the last turn, as one write."""
        taken, self._unsent = self._unsent, []
        if taken:
            self.writes.append(taken)
            self.bytes_sent += self._unsent_size
            self._unsent_size = 0
        self._backpressure.empty()
        return taken

    @property
    def queued(self) -> int:
        """The number of messages queued for the client."""
        return sum(isinstance(each, bytes) for each in self._incoming)

    def intercept(self) -> list[bytes]:
        """Remove and return the queued messages: they are never delivered, unless :meth:`put` again."""
        taken = [each for each in self._incoming if isinstance(each, bytes)]
        ends = [each for each in self._incoming if not isinstance(each, bytes)]
        self._incoming = deque(ends)
        self._waiting = 0
        return taken

    def deliver(self, count: int | None = None) -> bool:
        """Deliver the queued messages as if they arrived in one read.

        :param count: the maximum number of messages; by default all that are queued now.
        :returns: whether there were any.
        """
        batched_with = self.batched_with
        if batched_with is not None:
            batched_with.cork()
        try:
            return self._deliver(len(self._incoming) if count is None else count)
        finally:
            if batched_with is not None:
                batched_with.uncork()

    def _deliver(self, count: int) -> bool:
        delivered = False
        for _ in range(min(count, len(self._incoming))):  # what comes meanwhile is of the next turn
            if self.paused or self.receiver is None or not self._incoming:
                break
            item = self._incoming.popleft()
            delivered = True
            if isinstance(item, bytes):
                self._waiting -= len(item)
                self.bytes_received += len(item)
                self.receiver.message_received(item)
            else:
                self.closed = item
                self.receiver.transport_closed(item)
                self._backpressure.end(item)
        return delivered
