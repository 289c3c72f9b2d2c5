"""Finds a browser with room for each client of shared mode, and queues the client if there is none."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

from twisted.internet.defer import Deferred, fail, succeed
from twisted.logger import Logger

from txcdp._deferreds import returns_deferred
from txcdp._reactor import AnyReactor
from txcdp._transports.interface import Transport
from txcdp.errors import TxcdpError
from txcdp.gateway._http.refusals import Refusal, busy, stopping
from txcdp.gateway._options import PoolOptions
from txcdp.gateway._pool.pool import Pool
from txcdp.gateway._pool.queue import BrowserQueue
from txcdp.gateway._proxy.upstream import Upstream

log = Logger()


class Placement:
    """Distributes clients over the browsers of a pool: the one with the fewest clients gets the next.

    :param reactor: the reactor.
    :param pool: the browsers.
    :param options: the pool's options.
    :param open_line: opens a WebSocket to a browser.
    :ivar upstreams: the browsers that are currently shared.
    :ivar when_short: called one after another when a client would have to wait and no browser can be started, until one
        of them returns True because it has released a place.
    """

    def __init__(
        self,
        reactor: AnyReactor,
        pool: Pool,
        options: PoolOptions,
        open_line: Callable[[Any, str], Deferred[Transport]],
    ) -> None:
        self._reactor = reactor
        self._pool = pool
        self._options = options
        self._open_line = open_line
        self._waiters: BrowserQueue[Upstream] = BrowserQueue(
            reactor, options, "place in a browser", "places in browsers"
        )
        self._opening = 0
        self._open = True
        self.upstreams: list[Upstream] = []
        self.when_short: list[Callable[[], bool]] = []

    @property
    def waiting(self) -> int:
        """The number of waiting clients."""
        return len(self._waiters)

    @property
    def has_room(self) -> bool:
        """Whether a client could be placed without starting another browser than those that are starting already."""
        pool = self._pool
        coming = bool(self._opening or ((pool.idle or pool.starting) and self._may_grow()))
        return self._open and not self._waiters and (coming or self._best() is not None)

    def find(self) -> Deferred[Upstream]:
        """Find a browser with room; the caller has to enter it at once.

        :returns: a Deferred that fires with an :class:`Upstream`, or fails with :exc:`Refusal`. It may be cancelled.
        """
        if not self._open:
            return fail(stopping())
        best = self._best()
        if best is None and not self._opening and not self._may_grow() and any(each() for each in self.when_short):
            best = self._best()
        if best is not None and (not best.clients or not self._pool.idle or not self._may_grow()):
            return succeed(best)
        waiting = self._waiters.wait(math.inf if best is not None else self._coming())
        self._grow()
        return waiting

    def stop(self) -> None:
        """Refuse all waiting clients."""
        self._open = False
        self._waiters.send_away(stopping())

    # Browsers that are there:

    def _best(self) -> Upstream | None:
        """Return the browser with the fewest clients; one that is due for replacement only if there is no other."""
        open_ones = [each for each in self.upstreams if len(each.clients) < self._options.clients_per_browser]
        fresh = [each for each in open_ones if not self._pool.is_worn_out(each.pooled)]
        if not fresh and (self._opening or self._may_grow()):
            return None
        return min(fresh or open_ones, key=lambda each: len(each.clients), default=None)

    def _serve(self) -> None:
        while self._waiters:
            best = self._best()
            if best is None:
                break
            self._waiters.serve(best)

    def _changed(self, upstream: Upstream) -> None:
        if upstream.why and upstream in self.upstreams:
            self.upstreams.remove(upstream)
        if self._open:
            self._serve()
            self._grow()

    # More of them:

    def _may_grow(self) -> bool:
        return len(self.upstreams) + self._opening < self._options.size

    def _coming(self) -> int:
        """The number of waiting clients for which a browser is already being started."""
        return (self._options.size - len(self.upstreams)) * self._options.clients_per_browser

    def _grow(self) -> None:
        while self._may_grow() and self._opening * self._options.clients_per_browser < len(self._waiters):
            self._opening += 1
            self._open_one().addErrback(lambda failure: log.failure("Opening a shared browser", failure=failure))

    @returns_deferred
    async def _open_one(self) -> None:
        try:
            upstream = await self._lease()
        except Refusal as refusal:
            self._opening -= 1
            if not self.upstreams and not self._opening:
                self._waiters.send_away(refusal)
            self._serve()
            return
        self._opening -= 1
        if not upstream.why:
            self.upstreams.append(upstream)
        self._serve()
        upstream.settle()
        self._grow()

    async def _lease(self) -> Upstream:
        pooled = await self._pool.lease()
        try:
            transport = await self._open_line(self._reactor, pooled.running.ws_url)
        except TxcdpError:
            self._pool.discard(pooled, "no connection to it could be opened")
            raise busy(503, "A browser was started, but could not be reached.", "browser", 1) from None
        return Upstream(self._reactor, self._pool, pooled, transport, self._options.check_timeout, self._changed)
