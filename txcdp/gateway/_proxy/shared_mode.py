"""Shared mode: clients share browsers of the pool, each with a virtual browser of its own.

What Chromium's endpoints mean here:

- Each WebSocket to ``/devtools/browser``, with or without an id, gets a new, empty virtual browser. The id in
  ``/json/version`` is new each time, and valid only for its token; it reserves nothing, and does not identify a virtual
  browser. When the WebSocket is closed, everything that was opened through it is closed, after a moment in which a
  client with the same id can come back to it.
- ``/json/list`` begins with a page in a virtual browser that is made for the request, and reserved for that token for a
  while; if there is no room for one, the page has an id with which one can be made. Then come the pages of virtual
  browsers that were opened this way, or made by ``/json/new``, for the same token. Those of clients that connected to
  ``/devtools/browser`` are not listed.
- ``PUT /json/new`` makes a virtual browser with a page in it, and keeps it for some seconds until a WebSocket to that
  page is opened. When the last one is closed, so is the virtual browser.
- ``/devtools/page/ID`` reaches any target of the virtual browsers of the same token, and so do ``/json/activate`` and
  ``/json/close``. The ids of others are answered like ids that do not exist.
"""

from __future__ import annotations

from collections.abc import Callable, Collection
from functools import partial
from typing import Any, Literal

from txcdp._deferreds import OneShot, ignore_failure, with_deadline
from txcdp._reactor import AnyReactor
from txcdp.chrome._descriptions import TargetDescription, build
from txcdp.gateway._http.listing import blank_page
from txcdp.gateway._http.refusals import Refusal
from txcdp.gateway._http.tokens import Principal
from txcdp.gateway._options import GatewayOptions
from txcdp.gateway._pool.launched import open_locally, remove_folder
from txcdp.gateway._pool.pool import Pool
from txcdp.gateway._proxy.base_mode import BaseMode, OpenLine, no_answer
from txcdp.gateway._proxy.internal_client import InternalClient
from txcdp.gateway._proxy.leases import Lease
from txcdp.gateway._proxy.modes import EndpointKind
from txcdp.gateway._proxy.placement import Placement
from txcdp.gateway._proxy.relay import BrowserLine
from txcdp.gateway._proxy.upstream import Upstream
from txcdp.gateway._proxy.virtual_transport import VirtualLine, VirtualTransport


class BrowserShare:
    """A virtual browser leased to a client; see :class:`~txcdp.gateway._proxy.leases.Leasable`.

    :param upstream: the browser that it is in.
    :param first_page: whether it begins with an empty page.
    """

    def __init__(self, upstream: Upstream, first_page: bool) -> None:
        self.upstream = upstream
        self.ended: OneShot[Any] = OneShot()
        self.virtual = upstream.shared.open(lambda code, why: self.ended.fire(None), first_page=first_page)

    @property
    def gone(self) -> bool:
        """Whether it has ended, or its client has left before it was ready."""
        return self.virtual.closed or not self.virtual.state.ready

    @property
    def netloc(self) -> str:
        """The address at which the browser listens."""
        return self.upstream.pooled.netloc

    @property
    def pages(self) -> Collection[str]:
        """The ids of its targets."""
        return self.virtual.state.targets

    @property
    def downloads(self) -> str:
        """The folder of its downloads."""
        return self.virtual.state.downloads

    def described(self, there: list[TargetDescription]) -> list[TargetDescription]:
        """Select its own targets from those of the whole browser."""
        return [each for each in there if each.id in self.pages and each.type != "tab"]


class Shared(BaseMode[BrowserShare, Lease[BrowserShare]]):
    """The mode in which clients share browsers; see :class:`~txcdp.gateway._proxy.modes.Mode`.

    :ivar placement: finds browsers for clients.
    """

    def __init__(
        self, reactor: AnyReactor, pool: Pool, options: GatewayOptions, open_line: OpenLine = open_locally
    ) -> None:
        super().__init__(reactor, pool, options, open_line)
        self.placement = Placement(reactor, pool, options.pool, open_line)
        self.placement.when_short += [self._end_a_lingering_one, self._end_a_kept_one]

    @property
    def _waiting(self) -> int:
        return self.placement.waiting

    async def _lend(self, kept: Lease[BrowserShare] | None, for_page: bool) -> BrowserShare:
        upstream = await self.placement.find()
        share = BrowserShare(upstream, self._options.first_page and not for_page)
        upstream.enter(share)
        return share

    def _release(self, lease: Lease[BrowserShare], browser: BrowserShare) -> None:
        folder = browser.downloads
        browser.virtual.close()
        browser.upstream.leave(browser)
        if folder:
            remove_folder(self._reactor, folder).addErrback(ignore_failure)

    async def _connect(
        self, browser: BrowserShare, page_id: str | None, left: Callable[[BrowserLine], None]
    ) -> BrowserLine:
        virtual, upstream = browser.virtual, browser.upstream
        connect = virtual.connect if page_id is None else partial(virtual.connect_page, page_id)
        transport = VirtualTransport(upstream.transport, self._options.clients.unread, upstream.write_batch, connect)
        if page_id is not None:
            await self._attached(transport)
        return VirtualLine(transport, upstream.pooled.running.pid, virtual.close, left)

    async def _attached(self, transport: VirtualTransport) -> None:
        """Wait until a connection has its page's session: earlier events of the page would be lost."""
        try:
            await with_deadline(self._reactor, transport.opened.wait(), self._options.pool.check_timeout, no_answer)
        except BaseException:
            transport.abort("nobody is waiting for it")
            raise
        if transport.lost is not None:
            raise transport.lost

    def _may_join(self, lease: Lease[BrowserShare]) -> bool:
        """Return whether its client has left, and may come back."""
        return lease.lingers and "browser" not in lease.lines.values()

    def _keeps(self, lease: Lease[BrowserShare], kind: EndpointKind) -> bool:
        """Return whether a connection is to the virtual browser itself, or to a page of one that was made for its
        pages.
        """
        return kind == "browser" or "browser" not in lease.lines.values()

    # Pages:

    async def _keep_page(self, principal: Principal) -> tuple[Lease[BrowserShare] | None, TargetDescription | None]:
        if not self.placement.has_room or self._stopping:
            return None, None
        try:
            lease, page = await self._take_with_page(principal, "about:blank", listed=False)
        except Refusal:
            return None, None  # whoever opens what is offered may have more luck
        return lease, blank_page(page.id or "", page.devtools_frontend_url)

    def _is_kept(self, kept: Lease[BrowserShare]) -> bool:
        return kept in self.leases

    def _let_go(self, kept: Lease[BrowserShare]) -> None:
        self._end(kept)

    async def _lease_kept(
        self, principal: Principal, name: str, kept: Lease[BrowserShare] | None
    ) -> Lease[BrowserShare]:
        if kept is None:
            kept, page = await self._take_with_page(principal, "about:blank", listed=False)
            kept.offered[name] = page.id or ""
        else:
            kept.offered[name] = name
        return kept

    async def _create_page(self, browser: BrowserShare, url: str) -> TargetDescription:
        # It is not closed: with it would go where downloads are put.
        internal = InternalClient(self._reactor, self._options.pool.check_timeout, browser.virtual.connect)
        target_id = (await internal.ask("Target.createTarget", url=url))["targetId"]
        told = browser.virtual.state.targets.get(target_id, {"type": "page", "title": "", "url": url})
        frontend = self._versions.frontend()
        return build(TargetDescription, {**told, "id": target_id, "description": "", "devtoolsFrontendUrl": frontend})

    async def _tell(self, browser: BrowserShare, page_id: str, what: Literal["activate", "close"]) -> None:
        connect = partial(browser.virtual.connect_page, page_id)
        internal = InternalClient(self._reactor, self._options.pool.check_timeout, connect)
        try:
            await internal.ask(f"Target.{what}Target", targetId=page_id)
        finally:
            internal.connection.close()

    def _end_a_kept_one(self) -> bool:
        """End a virtual browser that is kept for an offered page, because another client is waiting for a place."""
        who = self._offers.longest_kept()
        if who is not None:
            self._offers.withdraw(who)
        return who is not None

    def stop(self) -> None:
        """End the virtual browsers without an open connection, and refuse all waiting clients."""
        self._stopping = True
        self.placement.stop()
        super().stop()
