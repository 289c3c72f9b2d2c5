"""A pool of browsers: some kept warm, each looked at now and then, replaced when it is worn out or gone.

A *member* is one browser. It is started, idle, leased to somebody, idle again or ended; who has leased one hears from
``pooled.ended`` when it is gone. All that the pool knows of browsers is ``Running``, and
all it knows of time is the clock that it is given.
"""

from __future__ import annotations

import math
from collections import deque
from collections.abc import Callable
from typing import Any

from twisted.internet.defer import CancelledError, Deferred, fail, gatherResults, succeed
from twisted.internet.interfaces import IDelayedCall
from twisted.logger import Logger
from twisted.python.failure import Failure

from txcdp._deferreds import returns_deferred, with_deadline
from txcdp.gateway._http.refusals import stopping
from txcdp.gateway._options import PoolOptions
from txcdp.gateway._pool.health_checks import HealthChecks, Measure
from txcdp.gateway._pool.pooled_browser import PoolCounts, PooledBrowser, Running
from txcdp.gateway._pool.queue import BrowserQueue

log = Logger()


class Pool:
    """Keeps browsers, and gives them to one at a time.

    :param clock: the reactor, or a ``task.Clock``.
    :param start: starts a browser.
    :param options: see :class:`~txcdp.gateway._options.PoolOptions`.
    :param measure: adds up how many bytes the trees of processes take; see :func:`txcdp.gateway._pool.memory.measure`.
    :ivar idle: members that nobody has, the longest idle first.
    :ivar leased: members that somebody has.
    :ivar reserved: idle ones that are given away last, since somebody has been told of their pages.
    :ivar when_short: called one after the other where somebody has to wait for a browser and none can be started, until
        one of them returns True: it has given something back.
    """

    def __init__(
        self,
        clock: Any,
        start: Callable[[], Deferred[Running]],
        options: PoolOptions,
        measure: Measure = lambda _: (),
    ) -> None:
        self._clock = clock
        self._start = start
        self._options = options
        self._health_checks = HealthChecks(clock, self, options, measure)
        self.counts = PoolCounts()
        self.idle: deque[PooledBrowser] = deque()
        self.leased: set[PooledBrowser] = set()
        self.reserved: set[PooledBrowser] = set()
        self.when_short: list[Callable[[], bool]] = []
        self._starting: set[Deferred[Any]] = set()
        self._expected: list[Deferred[None]] = []
        self._ending: set[Deferred[Any]] = set()
        self._tidying: set[PooledBrowser] = set()
        self._waiters: BrowserQueue[PooledBrowser] = BrowserQueue(clock, options, "browser", "browsers")
        self._pause = 0.0
        self._retry: IDelayedCall | None = None
        self._open = False

    @property
    def waiting(self) -> int:
        """How many wait for a browser."""
        return len(self._waiters)

    @property
    def starting(self) -> int:
        """How many browsers are on their way."""
        return len(self._starting)

    @property
    def ready(self) -> bool:
        """Whether it is open, and has a browser or can be expected to have one."""
        return self._open and (bool(self.idle or self.leased) or self._retry is None)

    def any(self) -> PooledBrowser | None:
        """Return a browser that can be asked what all of them answer alike; None where there is none."""
        return next(iter((*self.idle, *self.leased)), None)

    def open(self) -> None:
        """Begin: start browsers, and look at them now and then."""
        self._open = True
        self._health_checks.start()
        self._fill()

    def reserve(self) -> PooledBrowser | None:
        """Reserve an idle browser: others get it only where no other is to be had. None where there is none."""
        pooled = next((each for each in self.idle if each not in self.reserved), None)
        if pooled is not None:
            self.reserved.add(pooled)
        return pooled

    def when_started(self) -> Deferred[None]:
        """Fire when a browser that is on its way has come up, or failed to. It may be cancelled."""
        started: Deferred[None] = Deferred(self._expected.remove)
        self._expected.append(started)
        return started

    def _has_started(self) -> None:
        expected, self._expected = self._expected, []
        for each in expected:
            each.callback(None)

    def unreserve(self, pooled: PooledBrowser) -> None:
        """Let others have a browser as any other."""
        self.reserved.discard(pooled)
        self._serve()

    def lease(self, pooled: PooledBrowser | None = None) -> Deferred[PooledBrowser]:
        """Ask for a browser; give it back with :meth:`release`.

        :param pooled: this one, if it is idle.
        :returns: fires with a :class:`PooledBrowser`; fails with :exc:`Refusal`. It may be cancelled.
        """
        if not self._open:
            return fail(stopping())
        if pooled is not None and pooled in self.idle:
            self._give(pooled)
            return succeed(pooled)
        waiting = self._waiters.wait(math.inf if self.idle else self._free)
        self._serve()
        self._fill()
        if self._waiters and self._total >= self._options.size and not self._starting:
            any(each() for each in self.when_short)
        return waiting

    def release(self, pooled: PooledBrowser, *, used: bool = True) -> None:
        """Give a browser back; it is tidied up for the next client, or replaced.

        :param used: False: nothing was done with it, so it is as good as before.
        """
        if pooled not in self.leased:
            return  # it is gone
        self.leased.discard(pooled)
        if not used and self._open:
            self.idle.append(pooled)
            self._serve()
            return
        pooled.sessions += 1
        if pooled.broken:
            self.gone(pooled)
            return
        if self.is_worn_out(pooled):
            self.counts.recycled += 1
            self._end(pooled, "it has served its time")
            return
        self._tidying.add(pooled)
        tidied = with_deadline(self._clock, pooled.running.tidy(), self._options.check_timeout, TimeoutError)

        def done(result: object) -> None:
            self._tidying.discard(pooled)
            if isinstance(result, Failure):
                self.counts.hung += not pooled.ended.fired
                self._end(pooled, f"it could not be tidied up ({type(result.value).__name__})")
            elif not pooled.ended.fired:
                self.idle.append(pooled)
                self._serve()
                self._fill()

        tidied.addBoth(done)

    def discard(self, pooled: PooledBrowser, why: str) -> None:
        """End a browser, whoever has it and whatever it does."""
        self._end(pooled, why)

    def drain(self) -> None:
        """Take no more clients, and end the browsers that nobody has; those that are leased go on."""
        was_open, self._open = self._open, False
        self._waiters.send_away(stopping())
        for starting in list(self._starting) if was_open else ():  # once: again would break off the cleaning up
            starting.cancel()
        retry, self._retry = self._retry, None
        if retry is not None:
            retry.cancel()
        self._health_checks.stop()
        for pooled in [*self.idle, *self._tidying]:
            self._end(pooled, "the gateway is being stopped")

    @returns_deferred
    async def stop(self) -> None:
        """End all browsers; fires when nothing of them is left."""
        self.drain()
        for pooled in list(self.leased):
            self.discard(pooled, "the gateway is being stopped")
        while left := [*self._starting, *self._ending]:
            await gatherResults([_after(each) for each in left])

    # Starting:

    @property
    def _total(self) -> int:
        return len(self.idle) + len(self.leased) + len(self._starting) + len(self._tidying)

    @property
    def _free(self) -> int:
        """How many clients need not really wait: there is room to start a browser for them."""
        return len(self._starting) + max(0, self._options.size - self._total)

    def _fill(self) -> None:
        while (
            self._open
            and self._retry is None
            and self._total < self._options.size
            and len(self.idle) - self._set_aside + len(self._starting) < self._options.warm + len(self._waiters)
        ):
            self._start_one()

    def _start_one(self) -> None:
        started = self._start()
        self._starting.add(started)
        started.addCallbacks(self._came_up, self._failed, callbackArgs=(started,), errbackArgs=(started,))

    def _came_up(self, running: Running, started: Deferred[Any]) -> None:
        self._starting.discard(started)
        pooled = PooledBrowser(running, self._clock.seconds())
        self.counts.started += 1
        self._pause = 0.0
        running.when_ended().addBoth(lambda _: self.gone(pooled))
        if not self._open:
            self._end(pooled, "the gateway is being stopped")
        else:
            self.idle.append(pooled)
            self._serve()
            self._fill()
        self._has_started()

    def _failed(self, failure: Failure, started: Deferred[Any]) -> None:
        self._starting.discard(started)
        if failure.check(CancelledError) and not self._open:
            self._has_started()
            return
        self.counts.failed += 1
        log.error("A browser could not be started: {error}", error=str(failure.value))
        if self._open and self._retry is None:
            self._pause = min(max(2 * self._pause, self._options.retry_least), self._options.retry_most)
            self._retry = self._clock.callLater(self._pause, self._try_again)
        self._serve()  # with what is reserved, too
        self._has_started()

    def _try_again(self) -> None:
        self._retry = None
        self._fill()

    def _serve(self) -> None:
        while self.idle and self._waiters:
            pooled = next((each for each in self.idle if each not in self.reserved), None)
            if pooled is None and self._may_start:
                return
            pooled = pooled or self.idle[0]
            self._give(pooled)
            self._waiters.serve(pooled)

    def _give(self, pooled: PooledBrowser) -> None:
        self.idle.remove(pooled)
        self.reserved.discard(pooled)
        self.leased.add(pooled)

    @property
    def _set_aside(self) -> int:
        """How many idle browsers are not for those who wait, as others can be started for them."""
        return len(self.reserved) if self._waiters else 0

    @property
    def _may_start(self) -> bool:
        """Whether one more browser is on its way, or can be."""
        return self._open and (bool(self._starting) or (self._retry is None and self._total < self._options.size))

    # Ending:

    def is_worn_out(self, pooled: PooledBrowser) -> bool:
        """Whether a browser is to be replaced now that nobody has it."""
        limits = self._options.browser
        too_old = self._clock.seconds() - pooled.born >= limits.seconds
        return not self._open or pooled.sessions >= limits.sessions or too_old

    def gone(self, pooled: PooledBrowser) -> None:
        """Remove a browser whose process has ended, or whose connection has failed."""
        if not pooled.ended.fired:
            self.counts.recycled += pooled.dismissed
            self.counts.died += not pooled.dismissed
            self._end(pooled, "its client has ended it" if pooled.dismissed else "its process has ended")

    def _end(self, pooled: PooledBrowser, why: str) -> None:
        if pooled in self.idle:
            self.idle.remove(pooled)
        self.reserved.discard(pooled)
        self.leased.discard(pooled)
        self._tidying.discard(pooled)
        if pooled.ended.fired:
            return
        log.info("Browser {pid} is ended: {why}", pid=pooled.running.pid, why=why)
        pooled.why = why
        pooled.ended.fire(why)
        if pooled.checking is not None:
            pooled.checking.cancel()
        closing = pooled.running.close()
        self._ending.add(closing)

        def closed(result: object) -> None:
            self._ending.discard(closing)
            if isinstance(result, Failure):
                log.failure("Ending a browser", failure=result)

        closing.addBoth(closed)
        self._fill()


def _after(other: Deferred[Any]) -> Deferred[None]:
    """Return a Deferred that fires when another one has, whatever its outcome."""
    done: Deferred[None] = Deferred()

    def note(result: Any) -> Any:
        done.callback(None)
        return result

    other.addBoth(note)
    return done
