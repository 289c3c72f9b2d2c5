"""Regularly checks each browser of a pool: whether it responds, and how much memory it takes."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence

from twisted.internet.task import CooperativeTask, Cooperator
from twisted.python.failure import Failure

from txcdp._deferreds import Timer, with_deadline
from txcdp._reactor import Clock
from txcdp.errors import ConnectionLost
from txcdp.gateway._options import PoolOptions
from txcdp.gateway._pool.pooled_browser import PooledBrowser, Replaced

#: Yields, for one process at a time, the root of its tree and its bytes.
Measure = Callable[[Iterable[int]], Iterable[tuple[int, int]]]


class HealthChecks:
    """One timer for all browsers of a pool.

    :param clock: the reactor, or a ``task.Clock``.
    :param options: the intervals and limits.
    :param measure: computes the memory of process trees; see :func:`txcdp.gateway._pool.memory.measure`.
    :param browsers: returns the browsers to check.
    :param replace: called with a browser that is unfit for use, how to count that, and why.
    """

    def __init__(
        self,
        clock: Clock,
        options: PoolOptions,
        measure: Measure,
        browsers: Callable[[], Sequence[PooledBrowser]],
        replace: Callable[[PooledBrowser, Replaced, str], object],
    ) -> None:
        self._clock = clock
        self._options = options
        self._measure = measure
        self._browsers = browsers
        self._replace = replace
        self._timer = Timer(clock, self._look)
        # A step measures one process: clients have their turn between any two of them.
        self._cooperator = Cooperator(scheduler=lambda step: clock.callLater(0, step))
        self._measuring: CooperativeTask[Iterator[None]] | None = None

    def start(self) -> None:
        """Start; the first check is after the first interval."""
        self._timer.set(self._options.check_interval)

    def stop(self) -> None:
        """Stop checking."""
        self._timer.stop()
        if self._measuring is not None:
            self._measuring.stop()
            self._measuring = None

    def _look(self) -> None:
        self.start()
        browsers = self._browsers()
        for pooled in browsers:
            if pooled.checking is None:
                self._check(pooled)
        if self._measuring is None:
            self._measuring = self._cooperator.cooperate(self._measure_all(browsers))

    def _measure_all(self, browsers: Sequence[PooledBrowser]) -> Iterator[None]:
        sizes = dict.fromkeys((each.running.pid for each in browsers), 0)
        for pid, size in self._measure(sizes):
            sizes[pid] += size
            yield
        self._measuring = None
        limit = self._options.browser.memory
        for pooled in browsers:
            pooled.memory = sizes[pooled.running.pid]
            if limit is not None and pooled.memory > limit:
                self._replace(pooled, "oversized", f"its memory has passed {limit:,} bytes")

    def _check(self, pooled: PooledBrowser) -> None:
        checking = with_deadline(self._clock, pooled.running.check(), self._options.check_timeout, TimeoutError)
        pooled.checking = checking

        def checked(result: object) -> None:
            pooled.checking = None
            if isinstance(result, Failure):
                if result.check(ConnectionLost):  # which is heard a moment before its end
                    self._replace(pooled, "died", "its process has ended")
                else:
                    self._replace(pooled, "hung", f"it does not answer ({type(result.value).__name__})")

        checking.addBoth(checked)
