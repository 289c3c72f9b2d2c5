"""Shared mode: clients share browsers of the pool, each in a world of its own.

What Chromium's endpoints mean here:

- Each WebSocket to ``/devtools/browser``, with or without an id, gets a world of its own, with nothing in it. The id in
  what ``/json/version`` says is new each time, and good for its token alone; it reserves nothing, and stands for no
  world. When the WebSocket is closed, all that was opened by it is closed.
  That is kept for a moment, for who comes again with the same id.
- ``/json/list`` first has a page in a world that is made for it, and kept for that token for a while; where there is no
  room for one, it has an id with which one can be made. Then come the pages of worlds that were opened so, or made by
  ``/json/new``, for the same token. Those of clients that came to ``/devtools/browser`` are told to nobody.
- ``PUT /json/new`` makes a world with a page in it, and keeps it for some seconds until a WebSocket comes to that page.
  When the last one is closed, the world is.
- ``/devtools/page/ID`` reaches any target of the worlds of the same token, and so do ``/json/activate`` and
  ``/json/close``. The ids of others are as unknown as those that nobody has.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import Any
from urllib.parse import urlsplit

from twisted.internet.defer import Deferred

from txcdp._deferreds import returns_deferred
from txcdp._transports.interface import Transport
from txcdp.chrome import discovery
from txcdp.chrome._descriptions import TargetDescription
from txcdp.errors import TxcdpError
from txcdp.gateway._http.listing import blank_page, shown
from txcdp.gateway._http.refusals import Refusal
from txcdp.gateway._http.requests import Visit
from txcdp.gateway._http.tokens import Principal
from txcdp.gateway._options import GatewayOptions
from txcdp.gateway._pool.launched import open_locally
from txcdp.gateway._pool.pool import Pool
from txcdp.gateway._pool.version_cache import Facts
from txcdp.gateway._proxy.client_lease import Errand, Tenant, described
from txcdp.gateway._proxy.command_filter import Screen
from txcdp.gateway._proxy.leases import Names
from txcdp.gateway._proxy.modes import Kind
from txcdp.gateway._proxy.offers import Offer, Offers
from txcdp.gateway._proxy.placement import Lodging
from txcdp.gateway._proxy.relay import Line
from txcdp.gateway._proxy.upstream import House
from txcdp.gateway._proxy.virtual_transport import Seat, SharedLine


class Shared:
    """See :class:`~txcdp.gateway._proxy.modes.Mode`.

    :param reactor: the reactor.
    :param pool: of browsers.
    :param options: the gateway's.
    :param open_line: opens a WebSocket to a browser.
    :ivar lodging: finds clients a browser.
    :ivar tenants: the worlds that there are.
    """

    def __init__(
        self,
        reactor: Any,
        pool: Pool,
        options: GatewayOptions,
        open_line: Callable[[Any, str], Deferred[Transport]] = open_locally,
    ) -> None:
        self._reactor = reactor
        self._hold = options.hold
        self._first_page = options.first_page
        self._unread = options.clients.unread
        self._patience = options.pool.check_timeout
        self._screen = Screen(options.policy)
        self._names = Names()
        self._facts = Facts(reactor, pool)
        self._linger = options.linger
        self._stopping = False
        self._offers: Offers[Tenant] = Offers(reactor, options.hold, self._end)
        self.lodging = Lodging(reactor, pool, options.pool, open_line)
        self.tenants: list[Tenant] = []
        self.lodging.when_short += [self._end_a_lingering_one, self._end_a_kept_one]

    # Over HTTP:

    @returns_deferred
    async def version(self, visit: Visit) -> dict[str, Any]:
        """Answer ``/json/version``."""
        name = self._names.fresh("browser", visit.principal)
        return {**await self._facts.version(), "webSocketDebuggerUrl": visit.socket_url(f"/devtools/browser/{name}")}

    @returns_deferred
    async def targets(self, visit: Visit) -> list[dict[str, Any]]:
        """Answer ``/json/list``."""
        offer = await self._offer(visit.principal)
        found = [offer.page]
        there: dict[House, list[TargetDescription]] = {}
        for tenant in self._of(visit.principal):
            if tenant.listed:
                if tenant.house not in there:
                    there[tenant.house] = await self._targets(tenant.house)
                found += tenant.described(there[tenant.house])
        return [shown(each, visit) for each in found]

    async def _targets(self, house: House) -> list[TargetDescription]:
        try:
            return await discovery.list_targets(self._reactor, urlsplit(house.member.running.ws_url).netloc)
        except TxcdpError:
            return []  # it is just ending

    async def _offer(self, principal: Principal) -> Offer[Tenant]:
        """Offer a page; it is there already where there is room for it."""
        who, offers = principal.name, self._offers
        offer = offers.current(who)
        if offer is None or (offer.browser is not None and offer.browser not in self.tenants):
            offers.withdraw(who)
            made: tuple[Tenant, str] | None = None
            if self.lodging.has_room and not self._stopping:
                try:
                    made = await self._furnish(principal, "about:blank", listed=False)
                except Refusal:
                    made = None  # whoever opens what is offered may have more luck
            offer = offers.current(who)  # somebody may have asked meanwhile
            if made is not None and offer is not None:
                self._end(made[0])
            if offer is None:
                tenant, name = made or (None, self._names.fresh("page", principal))
                offer = offers.add(who, blank_page(name, self._facts.frontend()), tenant)
        offers.hand_out(who)
        return offer

    def protocol(self) -> Deferred[bytes]:
        """Answer ``/json/protocol``."""
        return self._facts.protocol()

    @returns_deferred
    async def new(self, visit: Visit, url: str) -> dict[str, Any]:
        """Open a page, in a world of its own."""
        objection = self._screen.objection_to_url(url)
        if objection is not None:
            raise Refusal(403, objection, "policy")
        tenant, target_id = await self._furnish(visit.principal, url, listed=True)
        tenant.hold.set(self._hold)
        info = tenant.world.targets.get(target_id, {"targetId": target_id, "type": "page", "title": "", "url": url})
        return shown(described(info, self._facts.frontend()), visit)

    @returns_deferred
    async def activate(self, visit: Visit, target_id: str) -> None:
        """Bring a page to the front."""
        await self._tell(visit.principal, target_id, "Target.activateTarget")

    @returns_deferred
    async def close(self, visit: Visit, target_id: str) -> None:
        """Close a page."""
        await self._tell(visit.principal, target_id, "Target.closeTarget")

    async def _tell(self, principal: Principal, name: str, method: str) -> None:
        tenant = self._tenant_of(principal, name)
        target_id = tenant.target(name) if tenant is not None else None
        if tenant is None or target_id is None:
            raise Refusal(404, "There is no such target (any more).", "unknown")
        errand = Errand(self._reactor, self._patience)
        page = tenant.house.shared.open_page(tenant.world, target_id, errand.deliver, errand.ended)
        errand.world = page
        try:
            await errand.ask(method, targetId=target_id)
        finally:
            page.close()

    # WebSockets:

    @returns_deferred
    async def open(self, visit: Visit, kind: Kind, name: str) -> Line:
        """Open a line, to a world that is made for it or to a page of one that there is."""
        if kind == "page":
            return await self._open_page(visit.principal, name)
        if name and not self._names.is_good(name, "browser", visit.principal):
            raise Refusal(404, "There is no such browser (any more); /json/version names one.", "unknown")
        for tenant in self._of(visit.principal) if name else ():
            if tenant.name == name and tenant.lingers and tenant.main is None:
                return self._come_again(tenant)
        return await self._open_world(visit.principal, name)

    def _come_again(self, tenant: Tenant) -> Line:
        """Open a line to the world of a client that has just left it."""
        seat = self._main_seat(tenant)
        seat.world = tenant.world
        tenant.hold.stop()
        tenant.lingers = False
        tenant.world.resume(seat.deliver, seat.ended)
        tenant.main = line = self._line(tenant, seat)
        return line

    def _main_seat(self, tenant: Tenant) -> Seat:
        seat = Seat(tenant.house.transport, self._unread, tenant.house.together)
        seat.leaves = partial(self._main_leaves, tenant)
        return seat

    def _main_leaves(self, tenant: Tenant) -> None:
        """Hear that the client of a world has left: that is kept for a moment."""
        if self._may_linger and tenant in self.tenants and tenant.world.suspend(lambda *_: self._end(tenant)):
            tenant.main = None
            tenant.lingers = True
            tenant.hold.set(self._linger)
        else:
            tenant.world.close()

    @property
    def _may_linger(self) -> bool:
        return bool(self._linger) and not self._stopping and not self.lodging.waiting

    async def _open_world(self, principal: Principal, name: str) -> Line:
        house = await self.lodging.find()
        tenant = Tenant(self._reactor, house, principal, self._left)
        house.enter(tenant)
        tenant.name = name
        seat = self._main_seat(tenant)
        shared = house.shared
        tenant.world = seat.world = shared.open_client(seat.deliver, seat.ended, first_page=self._first_page)
        self.tenants.append(tenant)
        tenant.main = line = self._line(tenant, seat)
        return line

    async def _open_page(self, principal: Principal, name: str) -> Line:
        tenant = await self._tenant_for(principal, name)
        seat = Seat(tenant.house.transport, self._unread, tenant.house.together)
        target_id = tenant.offered.get(name, name)
        seat.world = tenant.house.shared.open_page(tenant.world, target_id, seat.deliver, seat.ended)
        line = self._line(tenant, seat)
        tenant.hold.stop()
        tenant.lingers = False
        return line

    async def _tenant_for(self, principal: Principal, name: str) -> Tenant:
        """Return whose page is meant; where it was offered, a world that is made or was kept for it."""
        offers = self._offers
        offer = offers.find(principal.name, name)
        kept = offers.open(offer) if offer is not None and offer.browser is not None else None
        if kept is None:
            there = [each for each in self._of(principal) if each.target(name) is not None]
            there.sort(key=lambda each: bool(each.lines))
            if there and not (offer is not None and there[0].lines and offers.is_awaited(offer)):
                return there[0]
            if offer is None and not self._names.is_good(name, "page", principal):
                raise Refusal(404, "There is no such target (any more).", "unknown")
            if offer is not None:
                offers.open(offer)
            kept, target_id = await self._furnish(principal, "about:blank", listed=False)
            kept.offered[name] = target_id
        else:
            kept.offered[name] = name
        kept.listed = True
        return kept

    def _line(self, tenant: Tenant, seat: Seat) -> SharedLine:
        def left(line: SharedLine) -> None:
            tenant.lines.discard(line)
            self._left(tenant, line is tenant.main)

        tenant.had_lines = True
        line = SharedLine(seat, tenant.house.member.running.pid, left)
        tenant.lines.add(line)
        return line

    def stop(self) -> None:
        """End the worlds that nobody has a line to, and send away whoever waits."""
        self._stopping = True
        self._offers.stop()
        self.lodging.stop()
        for tenant in list(self.tenants):
            if not tenant.lines:
                self._end(tenant)

    # Worlds:

    def _of(self, principal: Principal) -> list[Tenant]:
        return [each for each in self.tenants if each.principal.name == principal.name]

    def _tenant_of(self, principal: Principal, name: str) -> Tenant | None:
        return next((each for each in self._of(principal) if each.target(name) is not None), None)

    async def _furnish(self, principal: Principal, url: str, listed: bool) -> tuple[Tenant, str]:
        """Make a world with a page in it, for a client that is still to come."""
        house = await self.lodging.find()
        tenant = Tenant(self._reactor, house, principal, self._left, listed)
        house.enter(tenant)
        errand = Errand(self._reactor, self._patience, lambda: self._end(tenant))
        tenant.world = errand.world = house.shared.open_client(errand.deliver, errand.ended)
        self.tenants.append(tenant)
        try:
            made = await errand.ask("Target.createTarget", url=url)
        except BaseException:
            self._end(tenant)
            raise
        return tenant, made["targetId"]

    def _left(self, tenant: Tenant, was_main: bool) -> None:
        """Hear that a line has ended, or that nobody has come for whom a world was held."""
        if was_main:
            self._end(tenant)
        elif tenant.hold.is_set or (tenant.lines and not tenant.lingers):
            return
        elif tenant.lingers or not tenant.had_lines or tenant.world.closed or not self._may_linger:
            self._end(tenant)
        else:
            tenant.lingers = True
            tenant.hold.set(self._linger)

    def _end_a_lingering_one(self) -> bool:
        """End the world of a client that has gone and might have come again, since somebody waits for its place."""
        for tenant in self.tenants:
            if tenant.lingers:
                self._end(tenant)
                return True
        return False

    def _end_a_kept_one(self) -> bool:
        """End a world that is kept for somebody who was offered its page, for one who is there."""
        who = self._offers.longest_kept()
        if who is not None:
            self._offers.withdraw(who)
        return who is not None

    def _end(self, tenant: Tenant) -> None:
        tenant.hold.stop()
        for name in tenant.offered:
            offer = self._offers.find(tenant.principal.name, name)
            if offer is None or not self._offers.is_awaited(offer):
                self._names.spend(name)
                self._offers.forget(tenant.principal.name, name)
        if tenant in self.tenants:
            self.tenants.remove(tenant)
            tenant.world.close()
            tenant.house.leave(tenant)
