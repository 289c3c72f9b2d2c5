"""The commands in flight: each of their Deferreds fires exactly once."""

from __future__ import annotations

import copy
import sys
from collections.abc import Callable, Iterable
from typing import Any, Protocol, TypeVar

from twisted.internet.defer import Deferred
from twisted.python.failure import Failure

from txcdp._core.dispatch.deadlines import Deadlines
from txcdp._reactor import Clock
from txcdp.errors import CommandError, CommandTimeout, ConnectionLost, MalformedMessage, Overloaded
from txcdp.protocol._error_codes import SESSION_NOT_FOUND
from txcdp.protocol._wrong_session import advise
from txcdp.stats import MethodStats, Stats

T = TypeVar("T")

#: The largest id that Chromium accepts.
LARGEST_ID = 2**31 - 1

#: How many ids of abandoned commands are kept, to tell a late reply from an unexpected one.
_REMEMBERED = 10_000


class Decode(Protocol):
    """Turns a reply's message into a result; see :class:`txcdp.protocol._wire.ReplyDecoder`.

    :ivar method: the command's method.
    :ivar opening: how the command's message begins; see :func:`txcdp.protocol._wire.command_opening`.
    """

    method: str
    opening: bytes

    def read(self, message: bytes, number: int, session: str | None, on_lenient: Callable[[], None]) -> Any:
        """Return the result, or raise the browser's error."""


class NeverSent(ConnectionLost):
    """Raised when the transport is lost while a command is held back: it may be sent over another one.

    The code that sends users' commands handles this; users do not see it.

    :param lost: how the transport was lost.
    :ivar left: the remaining seconds of the command's own timeout; None if it has none.
    """

    def __init__(self, lost: ConnectionLost, left: float | None) -> None:
        super().__init__(lost.reason, lost.code, lost.clean, lost.cause)
        self.left = left


class Owner(Protocol):
    """The session that a command belongs to."""

    id: str | None

    @property
    def kind(self) -> str | None:
        """The type of its target; None for the root session."""


class PendingCommand(Deferred[T]):
    """A command in flight: its Deferred, and what is needed to fire it.

    :ivar queue: the queue that contains its deadline; None if it has none.
    """

    __slots__ = ("decode", "number", "owner", "queue", "sent_at", "stats", "timeout")

    number: int
    owner: Owner
    decode: Decode
    timeout: float | None
    queue: dict[int, float] | None
    sent_at: float
    stats: MethodStats


class PendingCommands:
    """The table of commands in flight over one connection, by id.

    :param clock: for deadlines and latencies.
    :param stats: the connection's counters.
    :param session_unknown: called with the owner of a command whose session the browser does not know; returns the
        error for the command.
    :param malformed: called with a description of a reply that could not be read.
    :param most: the maximum number of commands; None: no limit.
    :ivar deadlines: the queue of all deadlines.
    """

    def __init__(
        self,
        clock: Clock,
        stats: Stats,
        session_unknown: Callable[[Any], Exception | None],
        malformed: Callable[[MalformedMessage], None],
        most: int | None = None,
    ) -> None:
        self._now = clock.seconds
        self._stats = stats
        self._count_lenient = stats._count_lenient
        self._canceller = self._cancelled  # bound once: this is the hottest path
        self._session_unknown = session_unknown
        self._malformed = malformed
        self._waiting: dict[int, PendingCommand[Any]] = {}
        self._given_up: dict[int, None] = {}
        self.deadlines = Deadlines(clock, self._expired)
        self._most = sys.maxsize if most is None else most
        self._last_id = 0

    def __len__(self) -> int:
        return len(self._waiting)

    def add(self, owner: Owner, decode: Decode, timeout: float | None, urgent: bool = False) -> PendingCommand[Any]:
        """Register a command that is about to be sent.

        :param owner: the session that it belongs to.
        :param timeout: seconds, or None for no deadline.
        :param urgent: whether to ignore the maximum number of commands.
        :returns: the Deferred of its result, which has the command's id as ``number``.
        :raises Overloaded: when the maximum number is reached.
        """
        if len(self._waiting) >= self._most and not urgent:
            raise Overloaded(decode.method, f"{len(self._waiting):,} commands are waiting for replies (max_pending)")
        number = self._last_id + 1
        if number > LARGEST_ID or number in self._waiting:
            number = self._free_id()
        self._last_id = number
        stats = self._stats.methods.get(decode.method)
        if stats is None:
            stats = self._stats.methods[decode.method] = MethodStats()
        stats.sent += 1
        now = self._now()
        pending: PendingCommand[Any] = PendingCommand(self._canceller)
        pending.number = number
        pending.owner = owner
        pending.decode = decode
        pending.timeout = timeout
        pending.queue = None if timeout is None else self.deadlines.add(number, timeout, now)
        pending.sent_at = now
        pending.stats = stats
        self._waiting[number] = pending
        return pending

    def reply(self, number: int, message: bytes) -> None:
        """Fire the Deferred that a reply's message belongs to."""
        pending = self._waiting.pop(number, None)
        if pending is None:
            self._to_nobody(number)
            return
        if pending.queue is not None:
            pending.queue.pop(number, None)
        stats = pending.stats
        seconds = self._now() - pending.sent_at
        stats.seconds_total += seconds
        if seconds > stats.seconds_max:
            stats.seconds_max = seconds
        try:
            result = pending.decode.read(message, number, pending.owner.id, self._count_lenient)
        except CommandError as error:
            stats.errors += 1
            gone = self._session_unknown(pending.owner) if error.code == SESSION_NOT_FOUND else None
            error.advice = advise(error.method, error.code, error.message, pending.owner.kind)
            if not pending.called:  # the session's end may have made its owner cancel it
                pending.errback(Failure(_without_frames(gone or error)))
        except MalformedMessage as error:
            self._malformed(error)
            pending.errback(Failure(_without_frames(error)))
        except Exception:
            pending.errback(Failure())
        else:
            stats.replies += 1
            pending.callback(result)
        del message  # see the inbox

    def fail(self, error: Exception, owner: object = None) -> None:
        """Fail all commands, or those of ``owner``, with ``error``."""
        for pending in list(self._waiting.values()):
            if (owner is None or pending.owner is owner) and self._give_up(pending):
                pending.errback(copy.copy(error))

    def give_back(self, held: Iterable[Deferred[Any]], lost: ConnectionLost) -> None:
        """Fail commands that were never sent with :exc:`NeverSent`, because the transport is lost."""
        for pending in held:
            if isinstance(pending, PendingCommand) and self._give_up(pending):
                self._given_up.pop(pending.number, None)  # nobody will answer
                limit = pending.timeout
                left = None if limit is None else max(0.0, pending.sent_at + limit - self._now())
                pending.errback(NeverSent(lost, left))

    def refuse(self, number: int | None, error: Exception) -> None:
        """Fail the command with an id, which could not be sent, with ``error``."""
        pending = None if number is None else self._waiting.get(number)
        if pending is not None and self._give_up(pending):
            pending.errback(error)

    def stop(self) -> None:
        """Leave no DelayedCall behind."""
        self.deadlines.stop()

    def _free_id(self) -> int:
        number = 1 if self._last_id >= LARGEST_ID else self._last_id + 1
        while number in self._waiting:
            number += 1
        return number

    def _to_nobody(self, number: int) -> None:
        if number in self._given_up:
            del self._given_up[number]
            self._stats.late += 1
        else:
            self._stats.unknown += 1

    def _give_up(self, pending: PendingCommand[Any]) -> bool:
        """Stop waiting for a reply; return whether it was still pending."""
        number = pending.number
        if self._waiting.pop(number, None) is None:
            return False
        if pending.queue is not None:
            pending.queue.pop(number, None)
        self._given_up[number] = None
        if len(self._given_up) > _REMEMBERED:
            del self._given_up[next(iter(self._given_up))]
        return True

    def _cancelled(self, deferred: Deferred[Any]) -> None:
        if isinstance(deferred, PendingCommand) and self._give_up(deferred):
            self._stats.cancelled += 1

    def _expired(self, number: int) -> None:
        pending = self._waiting.get(number)
        if pending is not None and self._give_up(pending):
            self._stats.timeouts += 1
            obstacle = getattr(pending.owner, "blocked_by", "")
            pending.errback(CommandTimeout(pending.decode.method, pending.timeout or 0.0, obstacle))


def _without_frames(error: Exception) -> Exception:
    """Strip an error of its traceback, context and cause: whoever keeps the error would keep the message, too."""
    error.__context__ = error.__cause__ = None
    return error.with_traceback(None)
