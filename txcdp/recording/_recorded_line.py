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

    Nothing is delivered from inside of a call that sends something: answers wait until they are asked for.

    :param answer: returns the reply to a command's message; None: not yet, see :meth:`ask_again`.
    :param wake: called when there is an answer, when the line is read again, and when it is to be closed.
    :ivar holds: whether attaching to targets by hand waits for its answer.
    :ivar closing: what it ends with, once the program has closed it; None before.
    :ivar paused: whether the program has asked to be sent nothing for now.
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
        """Take a command."""
        if not self._ended:
            self.bytes_sent += len(message)
            self._asked.append(message)
            self._wake()

    def cork(self) -> None:
        """Do nothing: there is no write that messages could leave in together."""

    def uncork(self) -> None:
        """Do nothing; see :meth:`cork`."""

    def close(self) -> None:
        """End the line in good order, as soon as what is being delivered has been."""
        self._close(ConnectionLost("closed", 1000, clean=True))

    def abort(self, why: str = "aborted", cause: LossCause = "aborted") -> None:
        """End the line, as soon as what is being delivered has been."""
        self._close(ConnectionLost(why, cause=cause))

    def pause(self) -> None:
        """Deliver no events until :meth:`resume`."""
        self.paused = True

    def resume(self) -> None:
        """Go on delivering."""
        self.paused = False
        self._wake()

    @property
    def congested(self) -> bool:
        """Whether much waits to leave: never, since what is sent is there at once."""
        return False

    @property
    def unsent(self) -> int:
        """Bytes that wait to leave this process: none."""
        return 0

    def when_drained(self) -> Deferred[None]:
        """Return a Deferred that has fired."""
        return succeed(None)

    def describe(self) -> dict[str, object]:
        """Facts about the line for people."""
        return {"transport": "recording", "open": not self._ended, "paused": self.paused}

    # What a replay calls:

    @property
    def ended(self) -> bool:
        """Whether the connection was told that it has ended."""
        return self._ended

    @property
    def asked(self) -> bool:
        """Whether there are commands to be answered."""
        return bool(self._asked)

    def answer(self) -> None:
        """Answer what was asked, and what is asked because of that."""
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
        """Let what was not answered yet be asked once more, with what is known now."""
        self._asked.extendleft(reversed(self._waiting))
        self._waiting.clear()

    def release(self) -> None:
        """Answer what was held, and hold nothing any more."""
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
        """Tell the connection that the line has ended."""
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
