"""Exclusive mode: a browser process for each client, from the pool.

Chromium's endpoints mean the following here, where a client only has a browser after connecting to one:

- ``/json/version`` reserves nothing. The id in its ``webSocketDebuggerUrl`` is new each time; opening that WebSocket
  takes a browser from the pool. Further WebSockets with the same id and the same token reach the same browser. Once the
  last one has been closed for a moment, the browser is gone, and the id with it.
- ``/devtools/browser``, without an id, always takes a browser.
- ``/json/list`` begins with the empty page of an idle browser, which is reserved for that token for a while: opening
  its WebSocket takes that browser. If no browser is idle, the page has an id with which any can be taken. Then come the
  pages of browsers that were taken this way, or by ``/json/new``, for the same token. Those of clients that connected
  to ``/devtools/browser`` are not listed.
- ``PUT /json/new`` takes a browser, opens the page in it, and keeps it for some seconds until a WebSocket is
  opened.
- ``/devtools/page/ID`` reaches any page of a browser that the same token has.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Literal

from txcdp._reactor import AnyReactor
from txcdp._transports.interface import Transport
from txcdp.chrome import discovery
from txcdp.chrome._descriptions import TargetDescription
from txcdp.gateway._http.tokens import Principal
from txcdp.gateway._options import GatewayOptions
from txcdp.gateway._pool.launched import open_locally
from txcdp.gateway._pool.pool import Pool
from txcdp.gateway._pool.pooled_browser import PooledBrowser, PooledEvent
from txcdp.gateway._proxy.base_mode import BaseMode, OpenLine
from txcdp.gateway._proxy.leases import Lease
from txcdp.gateway._proxy.modes import EndpointKind
from txcdp.gateway._proxy.relay import BrowserLine


class WholeBrowser:
    """A browser leased to one client as a whole; see :class:`~txcdp.gateway._proxy.leases.Leasable`.

    :param pooled: the browser.
    :ivar pages: the ids of the pages that were in its last description.
    """

    def __init__(self, pooled: PooledBrowser) -> None:
        self.pooled = pooled
        self.ended = pooled.ended
        self.netloc = pooled.netloc
        self.downloads = pooled.running.downloads
        self.pages: set[str] = set()

    @property
    def gone(self) -> bool:
        """Whether it has ended, even if that has not been reported yet."""
        return self.pooled.is_gone

    def described(self, there: list[TargetDescription]) -> list[TargetDescription]:
        """Note which pages it has; all of them belong to its client."""
        self.pages.update(each.id for each in there if each.id)
        return there


class Exclusive(BaseMode[WholeBrowser, PooledBrowser]):
    """The mode in which each client has a browser of its own; see :class:`~txcdp.gateway._proxy.modes.Mode`."""

    def __init__(
        self, reactor: AnyReactor, pool: Pool, options: GatewayOptions, open_line: OpenLine = open_locally
    ) -> None:
        super().__init__(reactor, pool, options, open_line)
        pool.when_short.append(self._end_a_lingering_one)

    @property
    def _waiting(self) -> int:
        return self._pool.waiting

    async def _lend(self, kept: PooledBrowser | None, for_page: bool) -> WholeBrowser:
        return WholeBrowser(await self._pool.lease(kept))

    def _release(self, lease: Lease[WholeBrowser], browser: WholeBrowser) -> None:
        self._ids.spend(lease.name)
        self._pool.release(browser.pooled)

    async def _connect(
        self, browser: WholeBrowser, page_id: str | None, left: Callable[[BrowserLine], None]
    ) -> BrowserLine:
        url = browser.pooled.running.ws_url if page_id is None else f"ws://{browser.netloc}/devtools/page/{page_id}"
        transport = await self._open_line(self._reactor, url)
        return LeasedLine(browser.pooled, "browser" if page_id is None else "page", transport, left)

    # Pages:

    async def _keep_page(self, principal: Principal) -> tuple[PooledBrowser | None, TargetDescription | None]:
        pool = self._pool
        pooled, page = pool.reserve(), None
        if pooled is None and pool.starting:
            await pool.when_started()
            pooled = pool.reserve()
        if pooled is not None:
            try:
                found = await self._all_targets(pooled.netloc)
                page = next((each for each in found if each.type == "page" and each.id), None)
            finally:
                if page is None:
                    pool.unreserve(pooled)
        return (None if page is None else pooled), page

    def _is_kept(self, kept: PooledBrowser) -> bool:
        return kept.is_idle

    def _let_go(self, kept: PooledBrowser) -> None:
        self._pool.unreserve(kept)

    async def _lease_kept(self, principal: Principal, name: str, kept: PooledBrowser | None) -> Lease[WholeBrowser]:
        lease = await self._take(principal, kept=kept)
        try:
            pages = [each.id for each in await self._list(lease) if each.type == "page" and each.id]
            if name not in pages and lease.browser is not None:
                lease.offered[name] = pages[0] if pages else (await self._create_page(lease.browser, "")).id or ""
        except BaseException:
            self._end(lease)
            raise
        lease.offered.setdefault(name, name)
        return lease

    async def _create_page(self, browser: WholeBrowser, url: str) -> TargetDescription:
        page = await discovery.new_target(self._reactor, browser.netloc, *filter(None, [url]))
        browser.described([page])
        return page

    async def _tell(self, browser: WholeBrowser, page_id: str, what: Literal["activate", "close"]) -> None:
        tell = discovery.activate if what == "activate" else discovery.close
        await tell(self._reactor, browser.netloc, page_id)

    async def _find(self, principal: Principal, name: str) -> Lease[WholeBrowser]:
        for lease in self._of(principal):
            if lease.page(name) is None:
                await self._list(lease)
        return await super()._find(principal, name)


class LeasedLine:
    """A connection to a leased browser; see :class:`~txcdp.gateway._proxy.relay.BrowserLine`.

    :param pooled: the browser that it leads to.
    :param kind: whether it leads to the browser itself or to a page.
    :param transport: its transport.
    :param left: called with the connection when its client is gone.
    """

    def __init__(
        self, pooled: PooledBrowser, kind: EndpointKind, transport: Transport, left: Callable[[BrowserLine], None]
    ) -> None:
        self._pooled = pooled
        self._kind = kind
        self._left = left
        self.transport = transport
        self.execute = None  # what the client sends goes on as it came
        self.browser = str(pooled.running.pid)
        self.downloads = pooled.running.downloads

    @property
    def why(self) -> str:
        """Why the browser is gone; ``""`` if its client asked for that."""
        return self._pooled.fault

    @property
    def unread(self) -> int:
        """Always 0: when its client does not read, the browser is not read either."""
        return 0

    def browser_closes(self) -> None:
        """Mark the browser as closed by its client."""
        self._pooled.happened(PooledEvent.DISMISS)

    def lost(self) -> None:
        """Mark the browser as broken if its own connection, not just a page's, has failed."""
        if self._kind == "browser":
            self._pooled.happened(PooledEvent.BREAK)

    def left(self) -> None:
        """Release the connection, because the client has gone."""
        self._left(self)
