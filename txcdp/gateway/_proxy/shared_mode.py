"""Shared mode: clients share browsers of the pool, each in a virtual browser of its own.

What Chromium's endpoints mean here:

- Each WebSocket to ``/devtools/browser``, with or without an id, gets a virtual browser of its own, with nothing in it.
  The id in what ``/json/version`` says is new each time, and good for its token alone; it reserves nothing, and stands
  for no virtual browser. When the WebSocket is closed, all that was opened by it is closed.
  That is kept for a moment, for who comes again with the same id.
- ``/json/list`` first has a page in a virtual browser that is made for it, and kept for that token for a while; where
  there is no room for one, it has an id with which one can be made. Then come the pages of virtual browsers that were
  opened so, or made by ``/json/new``, for the same token. Those of clients that came to ``/devtools/browser`` are told
  to nobody.
- ``PUT /json/new`` makes a virtual browser with a page in it, and keeps it for some seconds until a WebSocket comes to
  that page. When the last one is closed, the virtual browser is.
- ``/devtools/page/ID`` reaches any target of the virtual browsers of the same token, and so do ``/json/activate`` and
  ``/json/close``. The ids of others are as unknown as those that nobody has.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
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
from txcdp.gateway._http.refusals import Refusal
from txcdp.gateway._http.requests import RoutedRequest
from txcdp.gateway._http.tokens import Principal
from txcdp.gateway._multiplex import OpenOtherEnd, VirtualBrowser
from txcdp.gateway._options import GatewayOptions
from txcdp.gateway._pool.launched import open_locally
from txcdp.gateway._pool.pool import Pool
from txcdp.gateway._proxy.base_mode import BaseMode, no_such_browser, no_such_target
from txcdp.gateway._proxy.client_lease import ClientLease, InternalClient, described
from txcdp.gateway._proxy.modes import EndpointKind
from txcdp.gateway._proxy.offers import Offer, Offers
from txcdp.gateway._proxy.placement import Placement
from txcdp.gateway._proxy.relay import BrowserLine
from txcdp.gateway._proxy.upstream import Upstream
from txcdp.gateway._proxy.virtual_transport import VirtualLine, VirtualTransport


class Shared(BaseMode):
    """The mode in which clients share browsers; see :class:`~txcdp.gateway._proxy.modes.Mode`.

    :param reactor: the reactor.
    :param pool: of browsers.
    :param options: the gateway's.
    :param open_line: opens a WebSocket to a browser.
    :ivar placement: finds clients a browser.
    :ivar leases: the virtual browsers that there are.
    """

    def __init__(
        self,
        reactor: AnyReactor,
        pool: Pool,
        options: GatewayOptions,
        open_line: Callable[[Any, str], Deferred[Transport]] = open_locally,
    ) -> None:
        super().__init__(reactor, pool, options)
        self._first_page = options.first_page
        self._unread = options.clients.unread
        self._patience = options.pool.check_timeout
        self._offers: Offers[ClientLease] = Offers(reactor, options.hold, self._end)
        self.placement = Placement(reactor, pool, options.pool, open_line)
        self.leases: list[ClientLease] = []
        self.placement.when_short += [self._end_a_lingering_one, self._end_a_kept_one]

    # Over HTTP:

    @returns_deferred
    async def targets(self, request: RoutedRequest) -> list[dict[str, Any]]:
        """Answer ``/json/list``."""
        offer = await self._offer(request.principal)
        found = [offer.page]
        there: dict[Upstream, list[TargetDescription]] = {}
        for lease in self._of(request.principal):
            if lease.listed:
                if lease.upstream not in there:
                    there[lease.upstream] = await self._targets(lease.upstream)
                found += lease.described(there[lease.upstream])
        return [shown(each, request) for each in found]

    async def _targets(self, upstream: Upstream) -> list[TargetDescription]:
        try:
            return await discovery.list_targets(self._reactor, urlsplit(upstream.pooled.running.ws_url).netloc)
        except TxcdpError:
            return []  # it is just ending

    async def _offer(self, principal: Principal) -> Offer[ClientLease]:
        """Offer a page; it is there already where there is room for it."""
        who, offers = principal.name, self._offers
        offer = offers.current(who)
        if offer is None or (offer.browser is not None and offer.browser not in self.leases):
            offers.withdraw(who)
            made: tuple[ClientLease, str] | None = None
            if self.placement.has_room and not self._stopping:
                try:
                    made = await self._open_page_in_new(principal, "about:blank", listed=False)
                except Refusal:
                    made = None  # whoever opens what is offered may have more luck
            offer = offers.current(who)  # somebody may have asked meanwhile
            if made is not None and offer is not None:
                self._end(made[0])
            if offer is None:
                lease, name = made or (None, self._names.fresh("page", principal))
                offer = offers.add(who, blank_page(name, self._versions.frontend()), lease)
        offers.hand_out(who)
        return offer

    @returns_deferred
    async def new(self, request: RoutedRequest, url: str) -> dict[str, Any]:
        """Open a page, in a virtual browser of its own."""
        self._check_url(url)
        lease, target_id = await self._open_page_in_new(request.principal, url, listed=True)
        lease.hold.set(self._hold)
        info = lease.virtual.targets.get(target_id, {"targetId": target_id, "type": "page", "title": "", "url": url})
        return shown(described(info, self._versions.frontend()), request)

    @returns_deferred
    async def activate(self, request: RoutedRequest, target_id: str) -> None:
        """Bring a page to the front."""
        await self._tell(request.principal, target_id, "Target.activateTarget")

    @returns_deferred
    async def close(self, request: RoutedRequest, target_id: str) -> None:
        """Close a page."""
        await self._tell(request.principal, target_id, "Target.closeTarget")

    async def _tell(self, principal: Principal, name: str, method: str) -> None:
        lease = self._lease_of(principal, name)
        target_id = lease.target(name) if lease is not None else None
        if lease is None or target_id is None:
            raise no_such_target()
        open_page = partial(lease.upstream.shared.open_page, lease.virtual, target_id)
        internal = InternalClient(self._reactor, self._patience, open_page)
        try:
            await internal.ask(method, targetId=target_id)
        finally:
            internal.virtual.close()

    # WebSockets:

    @returns_deferred
    async def open(self, request: RoutedRequest, kind: EndpointKind, name: str) -> BrowserLine:
        """Open a line, to a virtual browser that is made for it or to a page of one that there is."""
        if kind == "page":
            return await self._open_page(request.principal, name)
        if name and not self._names.is_good(name, "browser", request.principal):
            raise no_such_browser()
        for lease in self._of(request.principal) if name else ():
            if lease.name == name and lease.lingers and lease.main is None:
                return self._come_again(lease)
        return await self._open_browser(request.principal, name)

    def _come_again(self, lease: ClientLease) -> BrowserLine:
        """Open a line to the virtual browser of a client that has just left it."""
        lease.hold.stop()
        lease.lingers = False
        return self._main_line(lease, self._transport(lease.upstream, lease.virtual.resume))

    def _transport(self, upstream: Upstream, open_other_end: OpenOtherEnd) -> VirtualTransport:
        return VirtualTransport(upstream.transport, self._unread, upstream.write_batch, open_other_end)

    def _main_line(self, lease: ClientLease, transport: VirtualTransport) -> BrowserLine:
        transport.leaves = partial(self._main_leaves, lease)
        lease.main = line = self._line(lease, transport)
        return line

    def _main_leaves(self, lease: ClientLease) -> None:
        """Keep a virtual browser for a moment after its client has left, or close it."""
        if self._may_linger and lease in self.leases and lease.virtual.suspend(lambda *_: self._end(lease)):
            lease.main = None
            lease.lingers = True
            lease.hold.set(self._linger)
        else:
            lease.virtual.close()

    @property
    def _may_linger(self) -> bool:
        return bool(self._linger) and not self._stopping and not self.placement.waiting

    async def _open_browser(self, principal: Principal, name: str) -> BrowserLine:
        upstream = await self.placement.find()
        transport = self._transport(upstream, partial(upstream.shared.open_client, first_page=self._first_page))
        lease = self._enter(upstream, transport.virtual, principal)
        lease.name = name
        return self._main_line(lease, transport)

    def _enter(
        self, upstream: Upstream, virtual: VirtualBrowser, principal: Principal, listed: bool = False
    ) -> ClientLease:
        lease = ClientLease(self._reactor, upstream, virtual, principal, self._left, listed)
        upstream.enter(lease)
        self.leases.append(lease)
        return lease

    async def _open_page(self, principal: Principal, name: str) -> BrowserLine:
        lease = await self._lease_for(principal, name)
        target_id = lease.offered.get(name, name)
        transport = self._transport(lease.upstream, partial(lease.upstream.shared.open_page, lease.virtual, target_id))
        line = self._line(lease, transport)
        lease.hold.stop()
        lease.lingers = False
        return line

    async def _lease_for(self, principal: Principal, name: str) -> ClientLease:
        """Return whose page is meant; where it was offered, a virtual browser that is made or was kept for it."""
        offers = self._offers
        offer = offers.find(principal.name, name)
        kept = offers.open(offer) if offer is not None and offer.browser is not None else None
        if kept is None:
            there = [each for each in self._of(principal) if each.target(name) is not None]
            there.sort(key=lambda each: bool(each.lines))
            if there and not (offer is not None and there[0].lines and offers.is_awaited(offer)):
                return there[0]
            if offer is None and not self._names.is_good(name, "page", principal):
                raise no_such_target()
            if offer is not None:
                offers.open(offer)
            kept, target_id = await self._open_page_in_new(principal, "about:blank", listed=False)
            kept.offered[name] = target_id
        else:
            kept.offered[name] = name
        kept.listed = True
        return kept

    def _line(self, lease: ClientLease, transport: VirtualTransport) -> VirtualLine:
        def left(line: VirtualLine) -> None:
            lease.lines.discard(line)
            self._left(lease, line is lease.main)

        lease.had_lines = True
        line = VirtualLine(transport, lease.upstream.pooled.running.pid, left)
        lease.lines.add(line)
        return line

    def stop(self) -> None:
        """End the virtual browsers that nobody has a line to, and send away whoever waits."""
        self._stopping = True
        self._offers.stop()
        self.placement.stop()
        for lease in list(self.leases):
            if not lease.lines:
                self._end(lease)

    # Virtual browsers:

    def _of(self, principal: Principal) -> list[ClientLease]:
        return [each for each in self.leases if each.principal.name == principal.name]

    def _lease_of(self, principal: Principal, name: str) -> ClientLease | None:
        return next((each for each in self._of(principal) if each.target(name) is not None), None)

    async def _open_page_in_new(self, principal: Principal, url: str, listed: bool) -> tuple[ClientLease, str]:
        """Make a virtual browser with a page in it, for a client that is still to come."""
        upstream = await self.placement.find()
        internal = InternalClient(self._reactor, self._patience, upstream.shared.open_client)
        lease = self._enter(upstream, internal.virtual, principal, listed)
        internal.gone.wait().addCallback(lambda _: self._end(lease))
        try:
            made = await internal.ask("Target.createTarget", url=url)
        except BaseException:
            self._end(lease)
            raise
        return lease, made["targetId"]

    def _left(self, lease: ClientLease, was_main: bool) -> None:
        """End a lease whose last connection has closed, or whose client has not come."""
        if was_main:
            self._end(lease)
        elif lease.hold.is_set or (lease.lines and not lease.lingers):
            return
        elif lease.lingers or not lease.had_lines or lease.virtual.closed or not self._may_linger:
            self._end(lease)
        else:
            lease.lingers = True
            lease.hold.set(self._linger)

    def _end_a_lingering_one(self) -> bool:
        """End a lease whose client has gone and might have come again, since somebody waits for its place."""
        for lease in self.leases:
            if lease.lingers:
                self._end(lease)
                return True
        return False

    def _end_a_kept_one(self) -> bool:
        """End a virtual browser that is kept for somebody who was offered its page, for one who is there."""
        who = self._offers.longest_kept()
        if who is not None:
            self._offers.withdraw(who)
        return who is not None

    def _end(self, lease: ClientLease) -> None:
        lease.hold.stop()
        for name in lease.offered:
            offer = self._offers.find(lease.principal.name, name)
            if offer is None or not self._offers.is_awaited(offer):
                self._names.spend(name)
                self._offers.forget(lease.principal.name, name)
        if lease in self.leases:
            self.leases.remove(lease)
            lease.virtual.close()
            lease.upstream.leave(lease)
