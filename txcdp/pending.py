"""The commands that wait for their replies: each of their Deferreds fires, exactly once."""

from __future__ import annotations

import copy
from collections.abc import Callable
from functools import partial
from typing import Any, Generic, Protocol, TypeVar

from twisted.internet.defer import CancelledError, Deferred
from twisted.internet.interfaces import IReactorTime
from twisted.python.failure import Failure

from txcdp.deadlines import Deadlines
from txcdp.errors import CommandError, CommandTimeout, MalformedMessage
from txcdp.stats import MethodStats, Stats
from txcdp.wire import SESSION_NOT_FOUND

T = TypeVar("T")

#: Chromium takes ids up to here.
LARGEST_ID = 2**31 - 1

#: How many ids of commands that were given up are kept, to tell a late reply from one to nobody.
_REMEMBERED = 10_000


class Decode(Protocol):
    """Turns a reply's message into a result; see :class:`txcdp.wire.ReplyDecoder`."""

    def __call__(self, message: bytes, on_lenient: Callable[[], None]) -> Any:
        """Return the result, or raise what the browser said."""


class Pending(Generic[T]):
    """One command that waits for its reply."""

    __slots__ = ("decode", "deferred", "method", "owner", "sent_at", "stats", "timeout")

    def __init__(
        self, owner: object, method: str, decode: Decode, timeout: float | None, sent_at: float, stats: MethodStats
    ) -> None:
        self.owner = owner
        self.method = method
        self.decode = decode
        self.timeout = timeout
        self.sent_at = sent_at
        self.stats = stats
        self.deferred: Deferred[T]


class PendingCommands:
    """The table of commands in flight over one connection, by id.

    :param clock: for deadlines and latencies.
    :param stats: the connection's counters.
    :param session_unknown: called with the owner of a command whose session the browser does not know;
        returns what that command fails with instead.
    """

    def __init__(self, clock: IReactorTime, stats: Stats, session_unknown: Callable[[object], Exception | None]) -> None:
        self._clock = clock
        self._stats = stats
        self._session_unknown = session_unknown
        self._waiting: dict[int, Pending[Any]] = {}
        self._given_up: dict[int, None] = {}
        self._deadlines = Deadlines(clock, self._expired)
        self._last_id = 0

    def __len__(self) -> int:
        return len(self._waiting)

    def add(self, owner: object, method: str, decode: Decode, timeout: float | None) -> tuple[int, Deferred[Any]]:
        """Register a command that is about to be sent.

        :param owner: the session that it belongs to.
        :param timeout: seconds, or None for no deadline.
        :returns: its id, and the Deferred of its result.
        """
        number = self._next_id()
        stats = self._stats.methods.get(method)
        if stats is None:
            stats = self._stats.methods[method] = MethodStats()
        stats.sent += 1
        now = self._clock.seconds()
        pending: Pending[Any] = Pending(owner, method, decode, timeout, now, stats)
        deferred: Deferred[Any] = Deferred(partial(self._cancelled, number))
        pending.deferred = deferred
        self._waiting[number] = pending
        if timeout is not None:
            self._deadlines.add(number, timeout, now)
        return number, deferred

    def reply(self, number: int, message: bytes) -> None:
        """Fire the Deferred that a reply's message belongs to."""
        pending = self._waiting.pop(number, None)
        if pending is None:
            self._to_nobody(number)
            return
        if pending.timeout is not None:
            self._deadlines.discard(number, pending.timeout)
        stats = pending.stats
        stats.took(self._clock.seconds() - pending.sent_at)
        try:
            result = pending.decode(message, self._stats.count_lenient)
        except CommandError as error:
            stats.errors += 1
            self._stats.errors += 1
            gone = self._session_unknown(pending.owner) if error.code == SESSION_NOT_FOUND else None
            pending.deferred.errback(Failure(gone or error))
        except Exception as error:
            if isinstance(error, MalformedMessage):
                self._stats.malformed += 1
            pending.deferred.errback(Failure())
        else:
            stats.replies += 1
            self._stats.replies += 1
            pending.deferred.callback(result)

    def fail(self, error: Exception, owner: object = None) -> None:
        """Fail what waits with ``error``: all of it, or what belongs to ``owner``."""
        numbers = [
            number for number, pending in self._waiting.items() if owner is None or pending.owner is owner
        ]
        for number in numbers:
            pending = self._give_up(number)
            if pending is not None:
                pending.deferred.errback(copy.copy(error))

    def stop(self) -> None:
        """Leave no DelayedCall behind."""
        self._deadlines.stop()

    def _next_id(self) -> int:
        number = self._last_id + 1
        if number > LARGEST_ID:
            number = 1
        while number in self._waiting:
            number += 1
        self._last_id = number
        return number

    def _to_nobody(self, number: int) -> None:
        if number in self._given_up:
            del self._given_up[number]
            self._stats.late += 1
        else:
            self._stats.unknown += 1

    def _give_up(self, number: int) -> Pending[Any] | None:
        pending = self._waiting.pop(number, None)
        if pending is not None:
            if pending.timeout is not None:
                self._deadlines.discard(number, pending.timeout)
            self._given_up[number] = None
            if len(self._given_up) > _REMEMBERED:
                del self._given_up[next(iter(self._given_up))]
        return pending

    def _cancelled(self, number: int, deferred: Deferred[Any]) -> None:
        if self._give_up(number) is not None:
            self._stats.cancelled += 1
            deferred.errback(CancelledError())

    def _expired(self, number: int) -> None:
        pending = self._give_up(number)
        if pending is not None:
            self._stats.timeouts += 1
            pending.deferred.errback(CommandTimeout(pending.method, pending.timeout or 0.0))
