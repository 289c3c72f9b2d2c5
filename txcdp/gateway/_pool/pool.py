"""A pool of browsers: some kept warm, each looked at now and then, replaced when it is worn out or gone.

A *member* is one browser. It is started, idle, leased to somebody, idle again or ended; who has leased one hears from
``member.ended`` when it is gone. All that the pool knows of browsers is ``Running``, and
all it knows of time is the clock that it is given.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable
from typing import Any

from twisted.internet.defer import CancelledError, Deferred, fail, gatherResults, succeed
from twisted.internet.interfaces import IDelayedCall
from twisted.logger import Logger
from twisted.python.failure import Failure

from txcdp._deferreds import returns_deferred, with_deadline
from txcdp.gateway._http.refusals import busy
from txcdp.gateway._options import PoolOptions
from txcdp.gateway._pool.health_checks import Checkups, Measure
from txcdp.gateway._pool.pooled_browser import Member, PoolCounts, Running

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
        self._checkups = Checkups(clock, self, options, measure)
        self.counts = PoolCounts()
        self.idle: deque[Member] = deque()
        self.leased: set[Member] = set()
        self.reserved: set[Member] = set()
        self.when_short: list[Callable[[], bool]] = []
        self._starting: set[Deferred[Any]] = set()
        self._expected: list[Deferred[None]] = []
        self._ending: set[Deferred[Any]] = set()
        self._tidying: set[Member] = set()
        self._waiters: deque[Deferred[Member]] = deque()
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

    def any(self) -> Member | None:
        """Return a browser that can be asked what all of them answer alike; None where there is none."""
        return next(iter((*self.idle, *self.leased)), None)

    def open(self) -> None:
        """Begin: start browsers, and look at them now and then."""
        self._open = True
        self._checkups.start()
        self._fill()

    def reserve(self) -> Member | None:
        """Reserve an idle browser: others get it only where no other is to be had. None where there is none."""
        member = next((each for each in self.idle if each not in self.reserved), None)
        if member is not None:
            self.reserved.add(member)
        return member

    def when_started(self) -> Deferred[None]:
        """Fire when a browser that is on its way has come up, or failed to. It may be cancelled."""
        started: Deferred[None] = Deferred(self._expected.remove)
        self._expected.append(started)
        return started

    def _has_started(self) -> None:
        expected, self._expected = self._expected, []
        for each in expected:
            each.callback(None)

    def unreserve(self, member: Member) -> None:
        """Let others have a browser as any other."""
        self.reserved.discard(member)
        self._serve()

    def lease(self, member: Member | None = None) -> Deferred[Member]:
        """Ask for a browser; give it back with :meth:`release`.

        :param member: this one, if it is idle.
        :returns: fires with a :class:`Member`; fails with :exc:`Refusal`. It may be cancelled.
        """
        if not self._open:
            return _refused("The gateway is being stopped; no more clients are taken.", "draining", 5)
        if member is not None and member in self.idle:
            self._give(member)
            return succeed(member)
        waiter: Deferred[Member] = Deferred(self._waiters.remove)
        if not self.idle and len(self._waiters) >= self._options.queue + self._free:
            return _refused("All browsers are taken, and so are all places in the queue.", "queue_full", self._soon)
        self._waiters.append(waiter)
        self._serve()
        self._fill()
        if self._waiters and self._total >= self._options.size and not self._starting:
            any(each() for each in self.when_short)
        seconds = self._options.queue_deadline
        return with_deadline(
            self._clock,
            waiter,
            seconds,
            lambda: busy(503, f"No browser became free within {seconds:g} s.", "queue_deadline", self._soon),
        )

    def release(self, member: Member, *, used: bool = True) -> None:
        """Give a browser back; it is tidied up for the next client, or replaced.

        :param used: False: nothing was done with it, so it is as good as before.
        """
        if member not in self.leased:
            return  # it is gone
        self.leased.discard(member)
        if not used and self._open:
            self.idle.append(member)
            self._serve()
            return
        member.sessions += 1
        if member.broken:
            self.gone(member)
            return
        if self.is_worn_out(member):
            self.counts.recycled += 1
            self._end(member, "it has served its time")
            return
        self._tidying.add(member)
        tidied = with_deadline(self._clock, member.running.tidy(), self._options.check_timeout, TimeoutError)

        def done(result: object) -> None:
            self._tidying.discard(member)
            if isinstance(result, Failure):
                self.counts.hung += not member.ended.given
                self._end(member, f"it could not be tidied up ({type(result.value).__name__})")
            elif not member.ended.given:
                self.idle.append(member)
                self._serve()
                self._fill()

        tidied.addBoth(done)

    def discard(self, member: Member, why: str) -> None:
        """End a browser, whoever has it and whatever it does."""
        self._end(member, why)

    def drain(self) -> None:
        """Take no more clients, and end the browsers that nobody has; those that are leased go on."""
        was_open, self._open = self._open, False
        waiters, self._waiters = self._waiters, deque()
        for waiter in waiters:
            waiter.errback(busy(503, "The gateway is being stopped; no more clients are taken.", "draining", 5))
        for starting in list(self._starting) if was_open else ():  # once: again would break off the cleaning up
            starting.cancel()
        retry, self._retry = self._retry, None
        if retry is not None:
            retry.cancel()
        self._checkups.stop()
        for member in [*self.idle, *self._tidying]:
            self._end(member, "the gateway is being stopped")

    @returns_deferred
    async def stop(self) -> None:
        """End all browsers; fires when nothing of them is left."""
        self.drain()
        for member in list(self.leased):
            self.discard(member, "the gateway is being stopped")
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

    @property
    def _soon(self) -> float:
        return min(10.0, self._options.queue_deadline)

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
        member = Member(running, self._clock.seconds())
        self.counts.started += 1
        self._pause = 0.0
        running.when_ended().addBoth(lambda _: self.gone(member))
        if not self._open:
            self._end(member, "the gateway is being stopped")
        else:
            self.idle.append(member)
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
            member = next((each for each in self.idle if each not in self.reserved), None)
            if member is None and self._may_start:
                return
            member = member or self.idle[0]
            self._give(member)
            self._waiters.popleft().callback(member)

    def _give(self, member: Member) -> None:
        self.idle.remove(member)
        self.reserved.discard(member)
        self.leased.add(member)

    @property
    def _set_aside(self) -> int:
        """How many idle browsers are not for those who wait, as others can be started for them."""
        return len(self.reserved) if self._waiters else 0

    @property
    def _may_start(self) -> bool:
        """Whether one more browser is on its way, or can be."""
        return self._open and (bool(self._starting) or (self._retry is None and self._total < self._options.size))

    # Ending:

    def is_worn_out(self, member: Member) -> bool:
        """Whether a browser is to be replaced now that nobody has it."""
        limits = self._options.browser
        too_old = self._clock.seconds() - member.born >= limits.seconds
        return not self._open or member.sessions >= limits.sessions or too_old

    def gone(self, member: Member) -> None:
        """Hear that a process has ended, or a line to it that nothing else ends."""
        if not member.ended.given:
            self.counts.recycled += member.dismissed
            self.counts.died += not member.dismissed
            self._end(member, "its client has ended it" if member.dismissed else "its process has ended")

    def _end(self, member: Member, why: str) -> None:
        if member in self.idle:
            self.idle.remove(member)
        self.reserved.discard(member)
        self.leased.discard(member)
        self._tidying.discard(member)
        if member.ended.given:
            return
        log.info("Browser {pid} is ended: {why}", pid=member.running.pid, why=why)
        member.why = why
        member.ended.give(why)
        if member.checking is not None:
            member.checking.cancel()
        closing = member.running.close()
        self._ending.add(closing)

        def closed(result: object) -> None:
            self._ending.discard(closing)
            if isinstance(result, Failure):
                log.failure("Ending a browser", failure=result)

        closing.addBoth(closed)
        self._fill()


def _refused(reason: str, kind: str, retry_after: float) -> Deferred[Any]:
    return fail(busy(503, reason, kind, retry_after))


def _after(other: Deferred[Any]) -> Deferred[None]:
    """Return a Deferred that fires when another one has, whatever its outcome."""
    done: Deferred[None] = Deferred()

    def note(result: Any) -> Any:
        done.callback(None)
        return result

    other.addBoth(note)
    return done
