"""Looks at each browser of a pool now and then: whether it answers, how much memory it takes, how old it is."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from typing import TYPE_CHECKING, Any

from twisted.internet.interfaces import IDelayedCall
from twisted.internet.task import CooperativeTask, Cooperator
from twisted.python.failure import Failure

from txcdp._deferreds import with_deadline
from txcdp.errors import ConnectionLost
from txcdp.gateway._options import PoolOptions
from txcdp.gateway._pool.pooled_browser import PooledBrowser

if TYPE_CHECKING:
    from txcdp.gateway._pool.pool import Pool

#: Gives, a process at a time, the root of its tree and its bytes.
Measure = Callable[[Iterable[int]], Iterable[tuple[int, int]]]


class HealthChecks:
    """One timer for all browsers of a pool.

    :param clock: the reactor, or a ``task.Clock``.
    :param pool: whose browsers.
    :param options: how often, and what is too much.
    :param measure: adds up how many bytes the trees of processes take; see :func:`txcdp.gateway._pool.memory.measure`.
    """

    def __init__(self, clock: Any, pool: Pool, options: PoolOptions, measure: Measure) -> None:
        self._clock = clock
        self._pool = pool
        self._options = options
        self._measure = measure
        self._call: IDelayedCall | None = None
        # A step measures one process: clients have their turn between any two of them.
        self._cooperator = Cooperator(scheduler=lambda step: clock.callLater(0, step))
        self._measuring: CooperativeTask[Iterator[None]] | None = None

    def start(self) -> None:
        """Begin when the first interval is over."""
        self._call = self._clock.callLater(self._options.check_interval, self._look)

    def stop(self) -> None:
        """Look no more."""
        call, self._call = self._call, None
        if call is not None:
            call.cancel()
        if self._measuring is not None:
            self._measuring.stop()
            self._measuring = None

    def _look(self) -> None:
        self._call = self._clock.callLater(self._options.check_interval, self._look)
        counts = self._pool.counts
        for pooled in [*self._pool.idle, *self._pool.leased]:
            if pooled in self._pool.idle and self._pool.is_worn_out(pooled):
                counts.recycled += 1
                self._pool.discard(pooled, "it has served its time")
            elif pooled.checking is None:
                self._check(pooled)
        if self._measuring is None:
            self._measuring = self._cooperator.cooperate(self._measure_all())

    def _measure_all(self) -> Iterator[None]:
        pooled_browsers = {each.running.pid: each for each in (*self._pool.idle, *self._pool.leased)}
        sizes: dict[int, int] = {}
        for pid, size in self._measure(pooled_browsers):
            sizes[pid] = sizes.get(pid, 0) + size
            yield
        self._measuring = None
        for pid, pooled in pooled_browsers.items():
            if not pooled.ended.fired:
                self._weigh(pooled, sizes.get(pid, 0))

    def _weigh(self, pooled: PooledBrowser, size: int) -> None:
        pooled.memory = size
        limit = self._options.browser.memory
        if limit is not None and size > limit:
            self._pool.counts.oversized += 1
            self._pool.discard(pooled, f"its memory has passed {limit:,} bytes")

    def _check(self, pooled: PooledBrowser) -> None:
        checking = with_deadline(self._clock, pooled.running.check(), self._options.check_timeout, TimeoutError)
        pooled.checking = checking

        def checked(result: object) -> None:
            pooled.checking = None
            if not isinstance(result, Failure) or pooled.ended.fired:
                return
            if result.check(ConnectionLost):  # which is heard a moment before its end
                self._pool.gone(pooled)
            else:
                self._pool.counts.hung += 1
                self._pool.discard(pooled, f"it does not answer ({type(result.value).__name__})")

        checking.addBoth(checked)
