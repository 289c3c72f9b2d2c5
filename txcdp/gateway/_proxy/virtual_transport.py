"""A client's in-memory connection to its virtual browser in a shared browser.

The browser's own connection is read regardless of what any client does. So data that a client does not read is buffered
here, up to a limit in bytes; beyond that, its virtual browser is closed, and other clients do not notice.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable

from twisted.internet.defer import Deferred

from txcdp._deferreds import OneShot
from txcdp._transports.interface import Receiver, Transport, WriteBatching
from txcdp.errors import ConnectionLost, LossCause
from txcdp.gateway._client_messages import Command
from txcdp.gateway._multiplex import INTERNAL_ERROR, NORMAL_END, OpenConnection
from txcdp.gateway._proxy.relay import TOO_MUCH, BrowserLine


class WriteBatch:
    """Collects what one read from a browser's connection sends to clients, so that each gets it in a single write."""

    def __init__(self) -> None:
        self._reading = False
        self._corked: set[WriteBatching] = set()

    def cork(self) -> None:
        """Begin handling a read."""
        self._reading = True

    def add(self, client: WriteBatching) -> None:
        """Cork a client that is about to be sent something, if a read is being handled."""
        if self._reading and client not in self._corked:
            self._corked.add(client)
            client.cork()

    def uncork(self) -> None:
        """Finish handling a read: uncork all clients that were sent something."""
        self._reading = False
        corked, self._corked = self._corked, set()
        for client in corked:
            client.uncork()


class VirtualTransport:
    """A :class:`~txcdp.transports.Transport` whose other end is a virtual browser.

    :param upstream: the browser's own connection.
    :param most: the maximum number of buffered bytes; a single message may be longer.
    :param write_batch: the batch of writes of that connection.
    :param connect: opens the connection to the virtual browser, given the callbacks for its messages and its end.
    :ivar batched_with: the client's connection.
    :ivar lost: how it has ended; None until it has.
    :ivar connection: the connection to the virtual browser.
    :ivar unread: the number of buffered bytes, also after its end.
    :ivar opened: fires when the session that messages without a session id belong to exists, or never will.
    """

    def __init__(
        self,
        upstream: Transport,
        most: int,
        write_batch: WriteBatch,
        connect: OpenConnection,
    ) -> None:
        self.batched_with: WriteBatching | None = None
        self._write_batch = write_batch
        self._upstream = upstream
        self._most = most
        self._waiting: deque[bytes] = deque()
        self.unread = 0
        self._paused = False
        self._told = False
        self.receiver: Receiver | None = None
        self.bytes_received = self.bytes_sent = 0
        self.lost: ConnectionLost | None = None
        self.opened: OneShot[None] = OneShot()
        self.connection = connect(self.deliver, self.ended)
        self.connection.on_start = lambda: self.opened.fire(None)

    # From the virtual browser:

    def deliver(self, message: bytes) -> None:
        """Handle a message from the virtual browser."""
        size = len(message)
        self.bytes_received += size
        if not self._paused and self.receiver is not None:
            if self.batched_with is not None:
                self._write_batch.add(self.batched_with)
            self.receiver.message_received(message)
        elif self._waiting and self.unread + size > self._most:
            self._overflow()
        else:
            self._waiting.append(message)
            self.unread += size

    def ended(self, code: int, why: str) -> None:
        """Close the transport, because the virtual browser has ended."""
        self._end(ConnectionLost(why, code, code == NORMAL_END))

    def _overflow(self) -> None:
        self._waiting.clear()
        self.connection.close()
        self._end(ConnectionLost(f"you have left more than {self._most:,} bytes unread", TOO_MUCH, False, "aborted"))

    def _end(self, reason: ConnectionLost) -> None:
        if self.lost is None:
            self.lost = reason
            self.opened.fire(None)
            self._tell()

    def _tell(self) -> None:
        """Report the end to the receiver, once, after the last message."""
        if self.lost is not None and self.receiver is not None and not self._waiting and not self._told:
            self._told = True
            self.receiver.transport_closed(self.lost)

    # From the client:

    def cork(self) -> None:
        """Collect what is sent to the browser from now on."""
        self._upstream.cork()

    def uncork(self) -> None:
        """Write what was collected."""
        self._upstream.uncork()

    @property
    def congested(self) -> bool:
        """Whether the browser's connection has more data buffered than a single write can send."""
        return self._upstream.congested

    @property
    def unsent(self) -> int:
        """The number of bytes, from all clients of the browser together, that have not left this process."""
        return self._upstream.unsent

    def when_drained(self) -> Deferred[None]:
        """Return a Deferred that fires when those bytes have been sent."""
        return self._upstream.when_drained()

    def send(self, message: bytes) -> None:
        """Send a message to the virtual browser."""
        if self.lost is None:
            self.bytes_sent += len(message)
            self.connection.receive(message)

    def execute(self, command: Command) -> None:
        """Execute a command of the client."""
        if self.lost is None:
            self.connection.execute(command)

    def close(self) -> None:
        """Close the connection to the virtual browser."""
        self.abort("closed", "closed")

    def abort(self, why: str = "aborted", cause: LossCause = "aborted") -> None:
        """Close the connection to the virtual browser, and discard unread data."""
        self._waiting.clear()
        self.connection.close()
        self._end(ConnectionLost(why, None, cause == "closed", cause))

    def pause(self) -> None:
        """Buffer the virtual browser's messages."""
        self._paused = True

    def resume(self) -> None:
        """Deliver the virtual browser's messages again."""
        self._paused = False
        while self._waiting and not self._paused and self.receiver is not None:
            message = self._waiting.popleft()
            self.unread -= len(message)
            self.receiver.message_received(message)
        self._tell()

    def describe(self) -> dict[str, object]:
        """Return facts for display."""
        return {"kind": "shared", "bytes_received": self.bytes_received}


class VirtualLine:
    """A client's connection to its virtual browser; see :class:`~txcdp.gateway._proxy.relay.BrowserLine`.

    :param transport: its transport.
    :param pid: the browser's process id.
    :param close: closes the virtual browser if the client has left too much unread.
    :param left: called with the connection when its client is gone.
    """

    def __init__(
        self, transport: VirtualTransport, pid: int, close: Callable[[], None], left: Callable[[BrowserLine], None]
    ) -> None:
        self.transport: Transport = transport
        self.browser = str(pid)
        self.downloads = ""  # the virtual browser knows
        self.execute: Callable[[Command], None] | None = transport.execute
        self._virtual = transport
        self._close = close
        self._left = left

    @property
    def why(self) -> str:
        """Why the browser is gone; ``""`` if its client asked for that."""
        lost = self._virtual.lost
        return lost.reason if lost is not None and lost.code == INTERNAL_ERROR else ""

    @property
    def unread(self) -> int:
        """The number of bytes for the client that are buffered, or were discarded."""
        return self._virtual.unread

    def browser_closes(self) -> None:
        """Do nothing: the client closes only its virtual browser, which handles that itself."""

    def lost(self) -> None:
        """Do nothing: the end of a virtual browser says nothing about the browser."""

    def left(self) -> None:
        """Release the connection, because the client has gone."""
        lost = self._virtual.lost
        if lost is not None and lost.code == TOO_MUCH:
            self._close()
        self._left(self)
