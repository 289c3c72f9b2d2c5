"""The transport of a replay: it delivers the recording's messages, and the recording answers what is sent."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable
from typing import Final

from twisted.internet.defer import Deferred, succeed

from txcdp._transports.interface import Receiver, WriteBatching
from txcdp.errors import ConnectionLost, LossCause

#: Identifies a command that attaches to a target.
_ATTACHES: Final = b'"method":"Target.attachToTarget"'


class RecordedLine:
    """A :class:`~txcdp.transports.Transport` that is fed by a replay.

    Nothing is delivered during a call that sends something: replies wait until they are asked for.

    :param answer: returns the reply to a command's message; None: not yet, see :meth:`ask_again`.
    :param wake: called when there is a reply, when reading resumes, and when the transport is to be closed.
    :ivar holds: whether attaching to targets by hand waits for its reply.
    :ivar closing: the reason, once the program has closed the transport; None before.
    :ivar paused: whether the program has stopped reading.
    """

    def __init__(self, answer: Callable[[bytes], bytes | None], wake: Callable[[], object]) -> None:
        self.receiver: Receiver | None = None
        self.batched_with: WriteBatching | None = None
        self.bytes_received = 0
        self.bytes_sent = 0
        self.closing: ConnectionLost | None = None
        self.paused = False
        self.holds = False
        self._answer = answer
        self._wake = wake
        self._asked: deque[bytes] = deque()
        self._held: deque[bytes] = deque()
        #: Replies that the recording has not given yet.
        self._waiting: deque[bytes] = deque()
        self._ended = False

    # What a connection calls:

    def send(self, message: bytes) -> None:
        """Accept a command."""
        if not self._ended:
            self.bytes_sent += len(message)
            self._asked.append(message)
            self._wake()

    def cork(self) -> None:
        """Do nothing: there is no write that messages could leave in together."""

    def uncork(self) -> None:
        """Do nothing; see :meth:`cork`."""

    def close(self) -> None:
        """End the transport cleanly, once the current delivery is finished."""
        self._close(ConnectionLost("closed", 1000, clean=True))

    def abort(self, why: str = "aborted", cause: LossCause = "aborted") -> None:
        """End the transport, once the current delivery is finished."""
        self._close(ConnectionLost(why, cause=cause))

    def pause(self) -> None:
        """Deliver no events until :meth:`resume`."""
        self.paused = True

    def resume(self) -> None:
        """Continue delivering events."""
        self.paused = False
        self._wake()

    @property
    def congested(self) -> bool:
        """Whether much is waiting to be sent: never, since everything arrives at once."""
        return False

    @property
    def unsent(self) -> int:
        """The number of bytes waiting to leave this process: none."""
        return 0

    def when_drained(self) -> Deferred[None]:
        """Return a Deferred that has fired."""
        return succeed(None)

    def describe(self) -> dict[str, object]:
        """Information about the transport for people."""
        return {"transport": "recording", "open": not self._ended, "paused": self.paused}

    # What a replay calls:

    @property
    def ended(self) -> bool:
        """Whether the connection was told about the end."""
        return self._ended

    @property
    def asked(self) -> bool:
        """Whether there are unanswered commands."""
        return bool(self._asked)

    def answer(self) -> None:
        """Answer the commands, and those that follow from the answers."""
        while self._asked and self.receiver is not None:
            message = self._asked.popleft()
            if self.holds and _ATTACHES in message:
                self._held.append(message)
                continue
            reply = self._answer(message)
            if reply is None:
                self._waiting.append(message)
                continue
            self.bytes_received += len(reply)
            self.receiver.message_received(reply)

    def ask_again(self) -> None:
        """Try again to answer the unanswered commands, with what is known now."""
        self._asked.extendleft(reversed(self._waiting))
        self._waiting.clear()

    def release(self) -> None:
        """Answer the held commands, and hold none any more."""
        self.holds = False
        self._asked.extendleft(reversed(self._held))
        self._held.clear()
        self.answer()

    def deliver(self, message: bytes) -> None:
        """Deliver an event."""
        self.bytes_received += len(message)
        if self.receiver is not None:
            self.receiver.message_received(message)

    def end(self, reason: ConnectionLost) -> None:
        """Tell the connection that the transport has ended."""
        if not self._ended:
            self._ended = True
            self._asked.clear()
            self._held.clear()
            self._waiting.clear()
            if self.receiver is not None:
                self.receiver.transport_closed(reason)

    def _close(self, reason: ConnectionLost) -> None:
        if self.closing is None and not self._ended:
            self.closing = reason
            self._wake()
