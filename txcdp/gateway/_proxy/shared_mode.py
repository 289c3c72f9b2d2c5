"""Shared mode: clients share browsers of the pool, each in a world of its own.

What Chromium's endpoints mean here:

- Each WebSocket to ``/devtools/browser``, with or without an id, gets a world of its own, with nothing in it. The id in
  what ``/json/version`` says is new each time, and good for its token alone; it reserves nothing, and stands for no
  world. When the WebSocket is closed, all that was opened by it is closed.
- ``/json/list`` first has a page that does not exist yet, with a new id: opening its WebSocket makes a world with that
  page in it. Then come the pages of ``/json/new`` of the same token. Those of clients that came by WebSocket are told
  to nobody.
- ``PUT /json/new`` makes a world with a page in it, and keeps it for some seconds until a WebSocket comes to that page.
  When the last one is closed, the world is.
- ``/devtools/page/ID`` reaches any target of the worlds of the same token, and so do ``/json/activate`` and
  ``/json/close``. The ids of others are as unknown as those that nobody has.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from twisted.internet.defer import Deferred

from txcdp._deferreds import returns_deferred
from txcdp._transports.interface import Transport
from txcdp.chrome._descriptions import TargetDescription
from txcdp.gateway._http.listing import shown
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
from txcdp.gateway._proxy.placement import Lodging
from txcdp.gateway._proxy.relay import Line
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
        self.lodging = Lodging(reactor, pool, options.pool, open_line)
        self.tenants: list[Tenant] = []

    # Over HTTP:

    @returns_deferred
    async def version(self, visit: Visit) -> dict[str, Any]:
        """Answer ``/json/version``."""
        name = self._names.fresh("browser", visit.principal)
        return {**await self._facts.version(), "webSocketDebuggerUrl": visit.socket_url(f"/devtools/browser/{name}")}

    @returns_deferred
    async def targets(self, visit: Visit) -> list[dict[str, Any]]:
        """Answer ``/json/list``."""
        name = self._names.fresh("page", visit.principal)
        found = [TargetDescription(id=name, type="page", title="", url="about:blank", description="")]
        for tenant in self._of(visit.principal):
            if tenant.listed:
                found += tenant.described()
        return [shown(each, visit) for each in found]

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
        return shown(described(info), visit)

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
        return await self._open_world(visit.principal)

    async def _open_world(self, principal: Principal) -> Line:
        house = await self.lodging.find()
        tenant = Tenant(self._reactor, house, principal, self._left)
        house.enter(tenant)
        seat = Seat(house.transport, self._unread, house.together)
        shared = house.shared
        tenant.world = seat.world = shared.open_client(seat.deliver, seat.ended, first_page=self._first_page)
        self.tenants.append(tenant)
        tenant.main = line = self._line(tenant, seat)
        return line

    async def _open_page(self, principal: Principal, name: str) -> Line:
        tenant = self._tenant_of(principal, name)
        if tenant is None:
            if not self._names.is_good(name, "page", principal):
                raise Refusal(404, "There is no such target (any more).", "unknown")
            tenant, target_id = await self._furnish(principal, "about:blank", listed=False)
            tenant.offered[name] = target_id
            self._names.spend(name)
        seat = Seat(tenant.house.transport, self._unread, tenant.house.together)
        target_id = tenant.offered.get(name, name)
        seat.world = tenant.house.shared.open_page(tenant.world, target_id, seat.deliver, seat.ended)
        line = self._line(tenant, seat)
        tenant.hold.stop()
        return line

    def _line(self, tenant: Tenant, seat: Seat) -> SharedLine:
        def left(line: SharedLine) -> None:
            tenant.lines.discard(line)
            self._left(tenant, line is tenant.main)

        line = SharedLine(seat, tenant.house.member.running.pid, left)
        tenant.lines.add(line)
        return line

    def stop(self) -> None:
        """End the worlds that nobody has a line to, and send away whoever waits."""
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
        if was_main or (not tenant.lines and not tenant.hold.is_set):
            self._end(tenant)

    def _end(self, tenant: Tenant) -> None:
        tenant.hold.stop()
        if tenant in self.tenants:
            self.tenants.remove(tenant)
            tenant.world.close()
            tenant.house.leave(tenant)
