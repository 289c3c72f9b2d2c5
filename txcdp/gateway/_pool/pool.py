"""A pool of browsers: some kept warm, each checked regularly, and replaced when it is worn out or gone.

The transitions of each browser are a table, :data:`~txcdp.gateway._pool.pooled_browser.POOLED_TRANSITIONS`.
``pooled.ended`` tells the holder of a lease when the browser is gone. All that the pool knows of browsers is
``Running``, and all it knows of time is the clock that it is given.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

from twisted.internet.defer import CancelledError, Deferred, DeferredList, fail, succeed
from twisted.logger import Logger
from twisted.python.failure import Failure

from txcdp._deferreds import Timer, Waiters, returns_deferred, with_deadline
from txcdp._reactor import Clock
from txcdp.gateway._http.refusals import stopping
from txcdp.gateway._options import PoolOptions
from txcdp.gateway._pool.health_checks import HealthChecks, Measure
from txcdp.gateway._pool.pooled_browser import (
    LEASED,
    PoolCounts,
    PooledBrowser,
    PooledEvent,
    PooledState,
    Replaced,
    Running,
)
from txcdp.gateway._pool.queue import BrowserQueue

log = Logger()


class Pool:
    """Keeps browsers, and leases each to one client at a time.

    :param clock: the reactor, or a ``task.Clock``.
    :param start: starts a browser.
    :param options: see :class:`~txcdp.gateway.PoolOptions`.
    :param measure: computes the memory of process trees; see :func:`txcdp.gateway._pool.memory.measure`.
    :ivar when_short: functions that are called in turn when a client has to wait for a browser and none can be started,
        until one of them returns True: it has given a browser back.
    """

    def __init__(
        self,
        clock: Clock,
        start: Callable[[], Deferred[Running]],
        options: PoolOptions,
        measure: Measure = lambda _: (),
    ) -> None:
        self._clock = clock
        self._start = start
        self._options = options
        self._health_checks = HealthChecks(clock, options, measure, self._to_be_checked, self._replace)
        self.counts = PoolCounts()
        self.when_short: list[Callable[[], bool]] = []
        self._browsers: dict[PooledBrowser, None] = {}  # of those that are idle, the longest idle comes first
        self._starting: set[Deferred[Any]] = set()
        self._expected: Waiters[None] = Waiters()
        self._ending: set[Deferred[Any]] = set()
        self._waiters: BrowserQueue[PooledBrowser] = BrowserQueue(clock, options, "browser", "browsers")
        self._pause = 0.0
        self._retry = Timer(clock, self._fill)
        self._open = False

    @property
    def idle(self) -> list[PooledBrowser]:
        """Browsers that nobody has, the longest idle first."""
        return [each for each in self._browsers if each.is_idle]

    @property
    def reserved(self) -> set[PooledBrowser]:
        """Idle browsers that are leased last, because clients have been told of their pages."""
        return {each for each in self._browsers if each.state is PooledState.RESERVED}

    @property
    def leased(self) -> set[PooledBrowser]:
        """Browsers that somebody has."""
        return {each for each in self._browsers if each.state in LEASED}

    @property
    def waiting(self) -> int:
        """How many clients wait for a browser."""
        return len(self._waiters)

    @property
    def starting(self) -> int:
        """How many browsers are being started."""
        return len(self._starting)

    @property
    def ready(self) -> bool:
        """Whether it is open, and has a browser or can be expected to have one."""
        return self._open and (bool(self.idle or self.leased) or not self._retry.is_set)

    def any(self) -> PooledBrowser | None:
        """Return a browser that can be asked what all of them answer alike; None if there is none."""
        return next(iter((*self.idle, *self.leased)), None)

    def open(self) -> None:
        """Start browsers, and check them regularly."""
        self._open = True
        self._health_checks.start()
        self._fill()

    def reserve(self) -> PooledBrowser | None:
        """Reserve an idle browser: others get it only if there is no other. None if none is idle."""
        return next((each for each in self.idle if each.happened(PooledEvent.RESERVE)), None)

    def when_started(self) -> Deferred[None]:
        """Fire once a browser that is being started is up, or has failed. It may be cancelled."""
        return self._expected.wait()

    def unreserve(self, pooled: PooledBrowser) -> None:
        """Make a reserved browser available like any other."""
        pooled.happened(PooledEvent.UNRESERVE)
        self._serve()

    def lease(self, pooled: PooledBrowser | None = None) -> Deferred[PooledBrowser]:
        """Ask for a browser; give it back with :meth:`release`.

        :param pooled: this one, if it is idle.
        :returns: fires with a :class:`PooledBrowser`; fails with :exc:`Refusal`. It may be cancelled.
        """
        if not self._open:
            return fail(stopping())
        if pooled is not None and pooled.happened(PooledEvent.LEASE):
            return succeed(pooled)
        waiting = self._waiters.wait(math.inf if self.idle else self._free)
        self._serve()
        self._fill()
        if self._waiters and self._total >= self._options.size and not self._starting:
            any(each() for each in self.when_short)
        return waiting

    def release(self, pooled: PooledBrowser, *, used: bool = True) -> None:
        """Give a browser back; it is cleaned up for the next client, or replaced.

        :param used: False: nothing was done with it, so it is as good as before.
        """
        if pooled.state not in LEASED:
            return  # it is gone
        if not used and self._open and pooled.happened(PooledEvent.RETURN):
            self._now_idle(pooled)
            return
        pooled.sessions += 1
        if pooled.is_gone:
            self._gone(pooled)
        elif self.is_worn_out(pooled):
            self._replace(pooled, "recycled", "it has served its time")
        else:
            self._tidy(pooled)

    def _tidy(self, pooled: PooledBrowser) -> None:
        pooled.happened(PooledEvent.RELEASE)
        tidied = with_deadline(self._clock, pooled.running.tidy(), self._options.check_timeout, TimeoutError)

        def done(result: object) -> None:
            if isinstance(result, Failure):
                self._replace(pooled, "hung", f"it could not be tidied up ({type(result.value).__name__})")
            elif pooled.happened(PooledEvent.TIDIED):
                self._now_idle(pooled)
                self._fill()

        tidied.addBoth(done)

    def drain(self) -> None:
        """Accept no more clients, and end the browsers that nobody has; leased ones continue."""
        was_open, self._open = self._open, False
        self._waiters.send_away(stopping())
        for starting in list(self._starting) if was_open else ():  # once: again would break off the cleaning up
            starting.cancel()
        self._retry.stop()
        self._health_checks.stop()
        for pooled in [each for each in self._browsers if each.state not in LEASED]:
            self.discard(pooled, "the gateway is stopping")

    @returns_deferred
    async def stop(self) -> None:
        """End all browsers; fires once nothing of them is left."""
        self.drain()
        for pooled in list(self._browsers):
            self.discard(pooled, "the gateway is stopping")
        while left := [*self._starting, *self._ending]:
            await DeferredList(left)

    # Starting:

    @property
    def _total(self) -> int:
        return len(self._browsers) + len(self._starting)

    @property
    def _free(self) -> int:
        """How many clients do not really have to wait, because browsers can be started for them."""
        return len(self._starting) + max(0, self._options.size - self._total)

    def _fill(self) -> None:
        while (
            self._open
            and not self._retry.is_set
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
        self._browsers[pooled] = None
        running.when_ended().addBoth(lambda _: self._gone(pooled))
        if not self._open:
            self.discard(pooled, "the gateway is stopping")
        else:
            self._serve()
            self._fill()
        self._expected.notify(None)

    def _failed(self, failure: Failure, started: Deferred[Any]) -> None:
        self._starting.discard(started)
        if failure.check(CancelledError) and not self._open:
            self._expected.notify(None)
            return
        self.counts.failed += 1
        log.error("A browser could not be started: {error}", error=str(failure.value))
        if self._open and not self._retry.is_set:
            self._pause = min(max(2 * self._pause, self._options.retry_least), self._options.retry_most)
            self._retry.set(self._pause)
        self._serve()  # with what is reserved, too
        self._expected.notify(None)

    def _now_idle(self, pooled: PooledBrowser) -> None:
        del self._browsers[pooled]
        self._browsers[pooled] = None
        self._serve()

    def _serve(self) -> None:
        while self._waiters and (idle := self.idle):
            pooled = next((each for each in idle if each.state is PooledState.IDLE), None)
            if pooled is None and self._may_start:
                return
            pooled = pooled or idle[0]
            pooled.happened(PooledEvent.LEASE)
            self._waiters.serve(pooled)

    @property
    def _set_aside(self) -> int:
        """How many idle browsers are not for waiting clients, since others can be started for those."""
        return len(self.reserved) if self._waiters else 0

    @property
    def _may_start(self) -> bool:
        """Whether another browser is being started, or can be."""
        return self._open and (bool(self._starting) or (not self._retry.is_set and self._total < self._options.size))

    # Ending:

    def is_worn_out(self, pooled: PooledBrowser) -> bool:
        """Return whether a browser is to be replaced now that nobody has it."""
        limits = self._options.browser
        too_old = self._clock.seconds() - pooled.born >= limits.seconds
        return not self._open or pooled.sessions >= limits.sessions or too_old

    def _to_be_checked(self) -> list[PooledBrowser]:
        """Replace the idle browsers that have reached a limit, and return all others that are idle or leased."""
        for pooled in self.idle:
            if self.is_worn_out(pooled):
                self._replace(pooled, "recycled", "it has served its time")
        return [*self.idle, *self.leased]

    def _gone(self, pooled: PooledBrowser) -> None:
        """Replace a browser whose process has ended, or whose connection has failed."""
        self._replace(pooled, "died", "its process has ended")

    def _replace(self, pooled: PooledBrowser, count: Replaced, why: str) -> None:
        """End a browser, and count that; it is expected if its client asked for it."""
        if pooled.state is PooledState.DISMISSED:
            count, why = "recycled", "its client has ended it"
        if not pooled.ended.fired:
            vars(self.counts)[count] += 1
            self.discard(pooled, why)

    def discard(self, pooled: PooledBrowser, why: str) -> None:
        """End a browser, whoever has it and whatever it is doing."""
        if not pooled.happened(PooledEvent.END):
            return
        del self._browsers[pooled]
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
