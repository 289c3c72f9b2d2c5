"""Exclusive mode: a browser process for each client, from the pool.

What Chromium's endpoints mean here, where a browser exists for a client only once it is there:

- ``/json/version`` reserves nothing. The id in its ``webSocketDebuggerUrl`` is new each time; opening that WebSocket
  is what takes a browser from the pool. Further WebSockets with the same id, of the same token, reach the same
  browser. When the last one has been closed for a moment the browser is gone, and the id with it.
- ``/devtools/browser``, without an id, always takes a browser.
- ``/json/list`` first has the empty page of an idle browser, which is kept for that token for a while: opening its
  WebSocket takes that browser. Where none is idle, it has an id with which any can be taken. Then come the pages of
  browsers that were taken so, or by ``/json/new``, for the same token. Those of clients that came to
  ``/devtools/browser`` are told to nobody.
- ``PUT /json/new`` takes a browser for itself, opens the page in it, and keeps it for some seconds until a WebSocket
  comes.
- ``/devtools/page/ID`` reaches any page of a browser that the same token has.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any
from urllib.parse import urlsplit

from twisted.internet.defer import Deferred

from txcdp._deferreds import returns_deferred
from txcdp._reactor import AnyReactor
from txcdp._transports.interface import Transport
from txcdp.chrome import discovery
from txcdp.chrome._descriptions import TargetDescription
from txcdp.errors import TxcdpError
from txcdp.gateway._http.listing import blank_page, shown
from txcdp.gateway._http.refusals import busy
from txcdp.gateway._http.requests import RoutedRequest
from txcdp.gateway._http.tokens import Principal
from txcdp.gateway._options import GatewayOptions
from txcdp.gateway._pool.launched import open_locally
from txcdp.gateway._pool.pool import Pool
from txcdp.gateway._pool.pooled_browser import PooledBrowser
from txcdp.gateway._proxy.base_mode import BaseMode, just_gone, no_such_browser, no_such_target
from txcdp.gateway._proxy.leases import Lease, LeasedLine
from txcdp.gateway._proxy.modes import EndpointKind
from txcdp.gateway._proxy.offers import Offer, Offers
from txcdp.gateway._proxy.relay import BrowserLine


class Exclusive(BaseMode):
    """The mode in which each client has a browser for itself; see :class:`~txcdp.gateway._proxy.modes.Mode`.

    :param reactor: the reactor.
    :param pool: of browsers.
    :param options: the gateway's.
    :param open_line: opens a WebSocket to a browser.
    :ivar leases: by their names.
    """

    def __init__(
        self,
        reactor: AnyReactor,
        pool: Pool,
        options: GatewayOptions,
        open_line: Callable[[Any, str], Deferred[Transport]] = open_locally,
    ) -> None:
        super().__init__(reactor, pool, options)
        self._pool = pool
        self._offers: Offers[PooledBrowser] = Offers(reactor, options.hold, pool.unreserve)
        self._open_line = open_line
        pool.when_short.append(self._end_a_lingering_one)
        self.leases: dict[str, Lease] = {}

    # Over HTTP:

    @returns_deferred
    async def targets(self, request: RoutedRequest) -> list[dict[str, Any]]:
        """Answer ``/json/list``."""
        found = [shown((await self._offer(request.principal)).page, request)]
        for lease in self._of(request.principal):
            if lease.listed:
                found += [shown(lease.named(each), request) for each in await self._targets(lease)]
        return found

    async def _offer(self, principal: Principal) -> Offer[PooledBrowser]:
        """Offer a page of an idle browser; where there is none, one that will be there."""
        who, offers, pool = principal.name, self._offers, self._pool
        offer = offers.current(who)
        if offer is None or (offer.browser is not None and not offer.browser.is_idle):
            offers.withdraw(who)
            pooled, page = pool.reserve(), None
            if pooled is None and pool.starting:
                await pool.when_started()
                pooled = pool.reserve()
            if pooled is not None:
                try:
                    page = await self._blank_page(pooled)
                except BaseException:
                    pool.unreserve(pooled)
                    raise
            offer = offers.current(who)  # somebody may have asked meanwhile
            if pooled is not None and (offer is not None or page is None or not pooled.is_idle):
                pool.unreserve(pooled)
                pooled = page = None
            page = page or blank_page(self._names.fresh("page", principal), self._versions.frontend())
            if offer is None:
                offer = offers.add(who, page, pooled)
        offers.hand_out(who)
        return offer

    async def _blank_page(self, pooled: PooledBrowser) -> TargetDescription | None:
        try:
            found = await discovery.list_targets(self._reactor, urlsplit(pooled.running.ws_url).netloc)
        except TxcdpError:
            return None  # it is just ending
        return next((each for each in found if each.type == "page" and each.id), None)

    @returns_deferred
    async def new(self, request: RoutedRequest, url: str) -> dict[str, Any]:
        """Open a page, in a browser of its own."""
        self._check_url(url)
        lease = await self._take(self._names.fresh("browser", request.principal), request.principal, listed=True)
        try:
            page = await discovery.new_target(self._reactor, lease.netloc, url)
        except BaseException:
            self._end(lease)
            raise
        lease.hold.set(self._hold)
        return shown(page, request)

    @returns_deferred
    async def activate(self, request: RoutedRequest, target_id: str) -> None:
        """Bring a page to the front."""
        lease = await self._lease_of(request.principal, target_id)
        await discovery.activate(self._reactor, lease.netloc, lease.pages[target_id])

    @returns_deferred
    async def close(self, request: RoutedRequest, target_id: str) -> None:
        """Close a page."""
        lease = await self._lease_of(request.principal, target_id)
        await discovery.close(self._reactor, lease.netloc, lease.pages[target_id])

    # WebSockets:

    @returns_deferred
    async def open(self, request: RoutedRequest, kind: EndpointKind, name: str) -> BrowserLine:
        """Open a line, with a browser for it where there is none yet."""
        principal = request.principal
        lease = self.leases.get(name)
        if kind == "page":
            lease = await self._page_lease(principal, name)
        elif not name:
            lease = await self._take(self._names.fresh("browser", principal), principal, listed=False)
        elif lease is not None and lease.principal.name == principal.name:
            await self._when_ready(lease)
        elif lease is None and self._names.is_good(name, "browser", principal):
            lease = await self._take(name, principal, listed=False)
        else:
            raise no_such_browser()
        return await self._line(lease, kind, name)

    async def _line(self, lease: Lease, kind: EndpointKind, name: str) -> LeasedLine:
        pooled = lease.pooled
        if pooled is None:
            raise just_gone()
        opening = object()  # keeps the lease while its line is being opened
        lease.lines.add(opening)
        try:
            url = pooled.running.ws_url
            if kind == "page":
                url = f"ws://{lease.netloc}/devtools/page/{lease.pages[name]}"
            transport = await self._open_line(self._reactor, url)
            line = LeasedLine(lease, pooled, kind, transport, self._left)
            lease.lines.add(line)
        except TxcdpError:
            raise just_gone() from None
        finally:
            lease.lines.discard(opening)
            if not lease.lines and not lease.hold.is_set:
                self._end(lease)
        lease.hold.stop()
        lease.lingers = False
        return line

    async def _page_lease(self, principal: Principal, name: str) -> Lease:
        offer = self._offers.find(principal.name, name)
        there = sorted((each for each in self._of(principal) if name in each.pages), key=lambda each: bool(each.lines))
        if there and not (offer is not None and there[0].lines and self._offers.is_awaited(offer)):
            return there[0]
        if offer is None and not self._names.is_good(name, "page", principal):
            return await self._lease_of(principal, name)
        pooled = None if offer is None else self._offers.open(offer)
        lease = await self._take(self._names.fresh("browser", principal), principal, listed=True, pooled=pooled)
        lease.offered = name
        try:
            pages = [each.id for each in await self._targets(lease) if each.type == "page" and each.id]
            first = pages[0] if pages else (await discovery.new_target(self._reactor, lease.netloc)).id
        except BaseException:
            self._end(lease)
            raise
        lease.pages[name] = name if name in pages else first or ""
        return lease

    def stop(self) -> None:
        """End the leases that nobody has a line to."""
        self._stopping = True
        self._offers.stop()
        for lease in list(self.leases.values()):
            if not lease.lines:
                self._end(lease)

    # Leases:

    def _of(self, principal: Principal) -> list[Lease]:
        return [each for each in self.leases.values() if each.principal.name == principal.name and each.pooled]

    async def _take(self, name: str, principal: Principal, listed: bool, pooled: PooledBrowser | None = None) -> Lease:
        lease = self.leases[name] = Lease(self._reactor, name, principal, listed, self._left)
        try:
            pooled = lease.pooled = await self._pool.lease(pooled)
        except BaseException:
            del self.leases[name]
            lease.ready.fire(None)
            raise
        lease.ready.fire(pooled)
        pooled.ended.wait().addCallback(lambda _: self._left(lease, None))
        return lease

    async def _when_ready(self, lease: Lease) -> None:
        if await lease.ready.wait() is None:
            raise busy(503, "No browser became free in time.", "queue_deadline", 5)

    def _left(self, lease: Lease, line: object) -> None:
        """End or keep a lease one of whose connections has closed; ``None``: nobody came, or the browser has ended."""
        lease.lines.discard(line)
        pooled = lease.pooled
        gone = pooled is None or pooled.is_gone
        if lease.lines or (lease.hold.is_set and not gone):
            return
        if gone or line is None or self._stopping or not self._linger or self._pool.waiting:
            self._end(lease)
        else:
            lease.hold.set(self._linger)
            lease.lingers = True

    def _end_a_lingering_one(self) -> bool:
        """End the browser of a client that has gone and might have come again, since somebody waits for one."""
        for lease in list(self.leases.values()):
            if lease.lingers and not lease.lines:
                self._end(lease)
                return True
        return False

    def _end(self, lease: Lease) -> None:
        lease.hold.stop()
        if self.leases.pop(lease.name, None) is not None:
            self._names.spend(lease.name)
            offer = self._offers.find(lease.principal.name, lease.offered)
            if offer is not None and not self._offers.is_awaited(offer):
                self._names.spend(lease.offered)
                self._offers.forget(lease.principal.name, lease.offered)
            if lease.pooled is not None:
                self._pool.release(lease.pooled)

    async def _targets(self, lease: Lease) -> list[TargetDescription]:
        try:
            found = await discovery.list_targets(self._reactor, lease.netloc)
        except TxcdpError:
            return []  # it is just ending
        for each in found:
            if each.id:
                lease.pages.setdefault(each.id, each.id)
        return found

    async def _lease_of(self, principal: Principal, target_id: str) -> Lease:
        for lease in self._of(principal):
            if target_id in lease.pages:
                return lease
        for lease in self._of(principal):
            await self._targets(lease)
            if target_id in lease.pages:
                return lease
        raise no_such_target()
