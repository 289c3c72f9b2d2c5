"""A client's in-memory connection to its virtual browser in a shared browser, open as long as the client reads.

The browser's own connection is read whatever one client does. So what a client does not read waits here, up to a limit
in bytes; beyond that, its virtual browser is closed, and other clients do not notice.
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
    """Collects what one read of a browser's line sends to clients, so that it leaves in one write to each."""

    def __init__(self) -> None:
        self._reading = False
        self._corked: set[WriteBatching] = set()

    def cork(self) -> None:
        """Begin a read."""
        self._reading = True

    def add(self, client: WriteBatching) -> None:
        """Cork a client that is about to be sent something, where a read goes on."""
        if self._reading and client not in self._corked:
            self._corked.add(client)
            client.cork()

    def uncork(self) -> None:
        """End a read: uncork all that were sent something."""
        self._reading = False
        corked, self._corked = self._corked, set()
        for client in corked:
            client.uncork()


class VirtualTransport:
    """A :class:`~txcdp.transports.Transport` whose other end is a virtual browser.

    :param upstream: the browser's own line.
    :param most: bytes that may wait; one message may be longer.
    :param write_batch: what is batched with that line.
    :param connect: opens the connection to the virtual browser, of what takes its messages and its end.
    :ivar batched_with: the client's line.
    :ivar lost: how it has ended; None until it has.
    :ivar connection: to the virtual browser.
    :ivar unread: bytes that wait, or waited when it ended.
    :ivar opened: fires when the session is there that the client means where it names none, or will not be.
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
        """Take a message of the virtual browser's."""
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
        """Keep together what the browser is sent from now on."""
        self._upstream.cork()

    def uncork(self) -> None:
        """Write what was kept together."""
        self._upstream.uncork()

    @property
    def congested(self) -> bool:
        """Whether the browser's line has more to send than goes out in one write."""
        return self._upstream.congested

    @property
    def unsent(self) -> int:
        """Bytes that all clients of the browser together have sent, and that have not left this process."""
        return self._upstream.unsent

    def when_drained(self) -> Deferred[None]:
        """Wait until they have."""
        return self._upstream.when_drained()

    def send(self, message: bytes) -> None:
        """Say something to the virtual browser."""
        if self.lost is None:
            self.bytes_sent += len(message)
            self.connection.receive(message)

    def execute(self, command: Command) -> None:
        """Have a command of the client's carried out."""
        if self.lost is None:
            self.connection.execute(command)

    def close(self) -> None:
        """Leave."""
        self.abort("closed", "closed")

    def abort(self, why: str = "aborted", cause: LossCause = "aborted") -> None:
        """Leave, whatever is unread."""
        self._waiting.clear()
        self.connection.close()
        self._end(ConnectionLost(why, None, cause == "closed", cause))

    def pause(self) -> None:
        """Let what the virtual browser says wait."""
        self._paused = True

    def resume(self) -> None:
        """Go on."""
        self._paused = False
        while self._waiting and not self._paused and self.receiver is not None:
            message = self._waiting.popleft()
            self.unread -= len(message)
            self.receiver.message_received(message)
        self._tell()

    def describe(self) -> dict[str, object]:
        """Return facts for people."""
        return {"kind": "shared", "bytes_received": self.bytes_received}


class VirtualLine:
    """A client's line to its virtual browser; see :class:`~txcdp.gateway._proxy.relay.BrowserLine`.

    :param transport: carries its messages.
    :param pid: of the browser.
    :param close: closes the virtual browser, where the client has left too much unread.
    :param left: called with the line when its client is gone.
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
        """Why the browser is gone where its client did not ask for that; else ``""``."""
        lost = self._virtual.lost
        return lost.reason if lost is not None and lost.code == INTERNAL_ERROR else ""

    @property
    def unread(self) -> int:
        """Bytes for the client that wait, or have been thrown away."""
        return self._virtual.unread

    def browser_closes(self) -> None:
        """Do nothing: what the client closes is its virtual browser alone, which sees to that."""

    def lost(self) -> None:
        """Do nothing: the end of a virtual browser says nothing about the browser."""

    def left(self) -> None:
        """Release the line, because the client has gone."""
        lost = self._virtual.lost
        if lost is not None and lost.code == TOO_MUCH:
            self._close()
        self._left(self)
