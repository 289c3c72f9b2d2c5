"""Looks at each browser of a pool now and then: whether it answers, how much memory it takes, how old it is."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import TYPE_CHECKING, Any

from twisted.internet.interfaces import IDelayedCall
from twisted.python.failure import Failure

from txcdp.deferreds import with_deadline
from txcdp.errors import ConnectionLost
from txcdp.gateway.members import Member
from txcdp.gateway.options import PoolOptions

if TYPE_CHECKING:
    from txcdp.gateway.pool import Pool


class Checkups:
    """One timer for all browsers of a pool.

    :param clock: the reactor, or a ``task.Clock``.
    :param pool: whose browsers.
    :param options: how often, and what is too much.
    :param measure: tells for process ids how many bytes their trees take.
    """

    def __init__(
        self, clock: Any, pool: Pool, options: PoolOptions, measure: Callable[[Iterable[int]], dict[int, int]]
    ) -> None:
        self._clock = clock
        self._pool = pool
        self._options = options
        self._measure = measure
        self._call: IDelayedCall | None = None

    def start(self) -> None:
        """Begin when the first interval is over."""
        self._call = self._clock.callLater(self._options.check_interval, self._look)

    def stop(self) -> None:
        """Look no more."""
        call, self._call = self._call, None
        if call is not None:
            call.cancel()

    def _look(self) -> None:
        self._call = self._clock.callLater(self._options.check_interval, self._look)
        members = [*self._pool.idle, *self._pool.leased]
        sizes = self._measure([each.running.pid for each in members])
        limit = self._options.browser.memory
        counts = self._pool.counts
        for member in members:
            member.memory = sizes.get(member.running.pid, 0)
            if limit is not None and member.memory > limit:
                counts.fat += 1
                self._pool.discard(member, f"its memory has passed {limit:,} bytes")
            elif member in self._pool.idle and self._pool.is_worn_out(member):
                counts.recycled += 1
                self._pool.discard(member, "it has served its time")
            elif member.checking is None:
                self._check(member)

    def _check(self, member: Member) -> None:
        checking = with_deadline(self._clock, member.running.check(), self._options.check_timeout, TimeoutError)
        member.checking = checking

        def checked(result: object) -> None:
            member.checking = None
            if not isinstance(result, Failure) or member.ended.given:
                return
            if result.check(ConnectionLost):  # which is heard a moment before its end
                self._pool.gone(member)
            else:
                self._pool.counts.hung += 1
                self._pool.discard(member, f"it does not answer ({type(result.value).__name__})")

        checking.addBoth(checked)
