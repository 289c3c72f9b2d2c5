"""Browsers that renders share, each render in a context of its own.

A lease of the pool is a whole browser: starting one takes half a second of processor time, and by default a browser is
not reused after its first client. That suits clients that may do anything with a browser. A render may only do what its
endpoint does, and Chromium isolates contexts: no two share a cookie, a cache, storage or a page's process. So one
leased browser serves several renders at once, and many in a row. It is returned to the pool after a certain number of
renders, or when it has been idle for a while.
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable
from contextlib import AbstractAsyncContextManager, AsyncExitStack, asynccontextmanager
from typing import Any, TypeVar

from twisted.internet.defer import Deferred
from twisted.logger import Logger
from twisted.python.failure import Failure

from txcdp._deferreds import OneShot, Timer, with_deadline
from txcdp._reactor import Clock
from txcdp._waiting import WaitQueue
from txcdp.browser import Browser, BrowserContext
from txcdp.gateway._http.refusals import Refusal, busy
from txcdp.gateway._options import RenderOptions

T = TypeVar("T")

#: Seconds to wait for a context to close; if it does not, its browser serves no more renders.
_PATIENCE = 10.0

#: Seconds after which a retry makes sense.
_SOON = 2.0

log = Logger()


class RenderBrowser:
    """A browser that renders share.

    :param clock: the reactor.
    :ivar now: the number of renders in progress.
    :ivar used: the number of renders so far, including these.
    :ivar spoiled: whether a context could not be closed in it.
    :ivar lingering: a timer that expires when it has been idle for long enough.
    :ivar done: fires when it is no longer needed.
    """

    def __init__(self, clock: Clock, browser: Browser) -> None:
        self.browser = browser
        self.now = 0
        self.used = 0
        self.spoiled = False
        self.done: OneShot[None] = OneShot()
        self.lingering = Timer(clock, lambda: self.done.fire(None))
        browser.session.when_ended().addBoth(lambda _: self.done.fire(None))


class Sharing:
    """Lends browser contexts to renders, in browsers that they share.

    :param clock: the reactor, or a ``task.Clock``.
    :param lend: leases a browser from the pool.
    :param options: the limits on numbers and times.
    :ivar hosts: the browsers currently leased.
    """

    def __init__(
        self, clock: Clock, lend: Callable[[], AbstractAsyncContextManager[Browser]], options: RenderOptions
    ) -> None:
        self._clock = clock
        self._lend = lend
        self._options = options
        self._each = min(options.pages, options.renders)
        self._waiters: WaitQueue[RenderBrowser] = WaitQueue(self._forgotten)
        self._leasing: set[Deferred[Browser]] = set()
        self._draining = False
        self.hosts: list[RenderBrowser] = []

    @property
    def now(self) -> int:
        """The number of renders in progress."""
        return sum(host.now for host in self.hosts)

    @asynccontextmanager
    async def context(self) -> AsyncIterator[BrowserContext]:
        """Lend a new context; it is closed at the end, without making the caller wait.

        :raises Refusal: no browser is available.
        """
        host = await self._place()
        making = host.browser.new_context(no_viewport=True)
        try:
            yield await _result_of(making)
        finally:
            self._close(host, making)

    def is_worn(self, browser: Browser) -> bool:
        """Whether a browser accepts no more renders, and waits for its current ones to end."""
        return any(host.browser is browser and host.used >= self._options.renders for host in self.hosts)

    def drain(self) -> None:
        """Return browsers as soon as they have no renders."""
        self._draining = True
        for host in list(self.hosts):
            self._settle(host)

    # Places:

    def _place(self) -> Deferred[RenderBrowser]:
        most = self._options.browsers * self._each + self._options.queue - self.now
        waiting = self._waiters.join(most, _all_taken)
        self._serve()
        return waiting

    def _forgotten(self) -> None:
        if not self._waiters:
            for leasing in list(self._leasing):
                leasing.cancel()

    def _serve(self) -> None:
        for host in list(self.hosts):
            while self._waiters and self._has_room(host):
                host.now += 1
                host.used += 1
                host.lingering.stop()
                self._waiters.serve(host)
        for _ in range(
            self._options.browsers - len(self.hosts) - len(self._leasing)
        ):  # one that fails at once is enough
            if len(self._leasing) * self._each < len(self._waiters):
                Deferred.fromCoroutine(self._keep()).addErrback(
                    lambda failure: log.failure("Sharing a browser", failure=failure)
                )

    async def _keep(self) -> None:
        """Hold a lease of a browser until it is no longer needed."""
        async with AsyncExitStack() as stack:
            entering = Deferred.fromCoroutine(self._enter(stack))
            self._leasing.add(entering)
            try:
                browser = await entering
            except Exception as error:
                self._leasing.discard(entering)
                self._refuse(error)
                return
            self._leasing.discard(entering)
            host = RenderBrowser(self._clock, browser)
            self.hosts.append(host)
            try:
                self._serve()
                self._settle(host)
                await host.done.wait()
            finally:
                host.lingering.stop()
                self.hosts.remove(host)
        self._serve()

    async def _enter(self, stack: AsyncExitStack) -> Browser:
        return await stack.enter_async_context(self._lend())

    def _refuse(self, error: Exception) -> None:
        """Fail the waiting renders, unless one of the leased browsers may still have a place for them."""
        if self.hosts or self._leasing:
            return
        self._waiters.send_away(error)

    def _has_room(self, host: RenderBrowser) -> bool:
        options = self._options
        return not (host.spoiled or host.done.fired) and host.now < options.pages and host.used < options.renders

    def _settle(self, host: RenderBrowser) -> None:
        """Check whether a browser is still needed."""
        if host.now or host.done.fired:
            return
        if self._draining or host.spoiled or host.used >= self._options.renders:
            host.done.fire(None)
        else:
            host.lingering.set(self._options.linger)

    # The end of a render:

    def _close(self, host: RenderBrowser, making: Deferred[BrowserContext]) -> None:
        closing = making.addCallback(lambda context: context.close())
        with_deadline(self._clock, closing, _PATIENCE, TimeoutError).addErrback(self._spoil, host).addBoth(
            lambda _: self._leave(host)
        )

    def _spoil(self, failure: Failure, host: RenderBrowser) -> None:
        host.spoiled = True
        if not host.done.fired:
            log.warn("A context could not be closed: {error}", error=str(failure.value) or type(failure.value).__name__)

    def _leave(self, host: RenderBrowser) -> None:
        host.now -= 1
        self._serve()
        self._settle(host)


def _all_taken() -> Refusal:
    return busy(503, "All places for renders are taken, and the queue is full.", "renders", _SOON)


def _result_of(making: Deferred[T]) -> Deferred[T]:
    """Return a Deferred with the same outcome; cancelling it ends only the waiting."""
    waiter: Deferred[T] = Deferred()

    def pass_on(result: Any) -> Any:
        waiter.callback(result)
        return result

    making.addBoth(pass_on)
    return waiter
