"""The base of both modes: leases and how they end, offered pages, and the errors for unknown ids."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable
from functools import partial
from typing import Any, Generic, Literal, TypeVar

from twisted.internet.defer import Deferred

from txcdp._deferreds import returns_deferred
from txcdp._reactor import AnyReactor
from txcdp._transports.interface import Transport
from txcdp.chrome import discovery
from txcdp.chrome._descriptions import TargetDescription
from txcdp.errors import TxcdpError
from txcdp.gateway._http.listing import blank_page, shown
from txcdp.gateway._http.refusals import Refusal, busy, stopping
from txcdp.gateway._http.requests import RoutedRequest
from txcdp.gateway._http.tokens import Principal
from txcdp.gateway._options import GatewayOptions
from txcdp.gateway._pool.launched import open_locally
from txcdp.gateway._pool.pool import Pool
from txcdp.gateway._pool.version_cache import VersionCache
from txcdp.gateway._proxy.command_filter import CommandFilter
from txcdp.gateway._proxy.leases import B, Lease
from txcdp.gateway._proxy.modes import EndpointKind
from txcdp.gateway._proxy.offers import Offer, Offers
from txcdp.gateway._proxy.relay import BrowserLine
from txcdp.gateway._proxy.signed_ids import SignedIds

#: Opens a WebSocket to a browser.
OpenLine = Callable[[AnyReactor, str], Deferred[Transport]]

#: The type of what contains an offered page until somebody opens it.
K = TypeVar("K")


class BaseMode(ABC, Generic[B, K]):
    """The base class of the modes; see :class:`~txcdp.gateway._proxy.modes.Mode`.

    :param reactor: the reactor.
    :param pool: the browsers.
    :param options: the gateway's options.
    :param open_line: opens a WebSocket to a browser.
    :ivar leases: the current leases.
    """

    def __init__(
        self, reactor: AnyReactor, pool: Pool, options: GatewayOptions, open_line: OpenLine = open_locally
    ) -> None:
        self._reactor = reactor
        self._pool = pool
        self._options = options
        self._open_line = open_line
        self._filter = CommandFilter(options.policy)
        self._ids = SignedIds()
        self._versions = VersionCache(reactor, pool)
        self._offers: Offers[K] = Offers(reactor, options.hold, self._let_go)
        self._stopping = False
        self.leases: list[Lease[B]] = []

    # What is different in each of them:

    @property
    @abstractmethod
    def _waiting(self) -> int:
        """The number of clients that wait for a place."""

    @abstractmethod
    async def _lend(self, kept: K | None, for_page: bool) -> B:
        """Return the browser, or the share of one, that a client gets, once there is room for it.

        :param kept: what contains the page that the client was offered.
        :param for_page: whether the client needs it for a page that is yet to be opened.
        """

    @abstractmethod
    def _release(self, lease: Lease[B], browser: B) -> None:
        """Take back a browser, or a share of one, whose lease has ended."""

    @abstractmethod
    async def _connect(self, browser: B, page_id: str | None, left: Callable[[BrowserLine], None]) -> BrowserLine:
        """Open a connection to a leased browser, or to one of its pages."""

    def _may_join(self, lease: Lease[B]) -> bool:
        """Return whether another WebSocket may connect to a lease by its id."""
        return True

    def _keeps(self, lease: Lease[B], kind: EndpointKind) -> bool:
        """Return whether a connection that is about to be opened keeps its lease alive."""
        return True

    @abstractmethod
    async def _keep_page(self, principal: Principal) -> tuple[K | None, TargetDescription | None]:
        """Return an empty page to offer, and what contains it; None for both if there is no room for one."""

    @abstractmethod
    def _is_kept(self, kept: K) -> bool:
        """Return whether the container of an offered page still exists and has not been leased."""

    @abstractmethod
    def _let_go(self, kept: K) -> None:
        """Stop keeping an offered page that nobody has opened."""

    @abstractmethod
    async def _lease_kept(self, principal: Principal, name: str, kept: K | None) -> Lease[B]:
        """Lease the container of an offered page, or an equivalent one.

        :param name: the id under which the page was offered.
        """

    @abstractmethod
    async def _create_page(self, browser: B, url: str) -> TargetDescription:
        """Open a page in a browser that was just leased."""

    @abstractmethod
    async def _tell(self, browser: B, page_id: str, what: Literal["activate", "close"]) -> None:
        """Activate or close a page."""

    # Over HTTP:

    @returns_deferred
    async def version(self, request: RoutedRequest) -> dict[str, Any]:
        """Answer ``/json/version``."""
        name = self._ids.fresh("browser", request.principal)
        return {
            **await self._versions.version(),
            "webSocketDebuggerUrl": request.socket_url(f"/devtools/browser/{request.public_id(name)}"),
        }

    def protocol(self) -> Deferred[bytes]:
        """Answer ``/json/protocol``."""
        return self._versions.protocol()

    @returns_deferred
    async def targets(self, request: RoutedRequest, *, offer: bool = True) -> list[dict[str, Any]]:
        """Answer ``/json/list``."""
        offered = [(await self._offer(request.principal)).page] if offer else []
        listed = [each for each in self._of(request.principal) if each.listed]
        return [shown(each, request) for each in [*offered, *await self._list(*listed)]]

    @returns_deferred
    async def new(self, request: RoutedRequest, url: str) -> dict[str, Any]:
        """Open a page in a browser, or a share of one, that is leased for this page alone."""
        objection = self._filter.objection_to_url(url)
        if objection is not None:
            raise Refusal(403, objection, "policy")
        lease, page = await self._take_with_page(request.principal, url, listed=True)
        lease.hold.set(self._options.hold)
        return shown(page, request)

    @returns_deferred
    async def activate(self, request: RoutedRequest, target_id: str) -> None:
        """Bring a page to the front."""
        browser, page_id = await self._page_of(request.principal, target_id)
        await self._tell(browser, page_id, "activate")

    @returns_deferred
    async def close(self, request: RoutedRequest, target_id: str) -> None:
        """Close a page."""
        browser, page_id = await self._page_of(request.principal, target_id)
        await self._tell(browser, page_id, "close")

    async def _page_of(self, principal: Principal, name: str) -> tuple[B, str]:
        lease = await self._find(principal, name)
        return _there(lease.browser), _there(lease.page(name))

    async def _list(self, *leases: Lease[B]) -> list[TargetDescription]:
        """Describe the pages of leases, by the ids that their clients know."""
        there: dict[str, list[TargetDescription]] = {}
        found = []
        for lease in leases:
            netloc = _there(lease.browser).netloc
            if netloc not in there:
                there[netloc] = await self._all_targets(netloc)
            found += lease.described(there[netloc])
        return found

    async def _all_targets(self, netloc: str) -> list[TargetDescription]:
        try:
            return await discovery.list_targets(self._reactor, netloc)
        except TxcdpError:
            return []  # it is just ending

    async def _offer(self, principal: Principal) -> Offer[K]:
        """Offer an empty page, or, if there is no room for one, the id of a page that is made when it is opened."""
        who, offers = principal.name, self._offers
        offer = offers.current(who)
        if offer is None or (offer.browser is not None and not self._is_kept(offer.browser)):
            offers.withdraw(who)
            kept, page = await self._keep_page(principal)
            offer = offers.current(who)  # somebody may have asked meanwhile
            if kept is not None and (offer is not None or not self._is_kept(kept)):
                self._let_go(kept)
                kept = page = None
            if offer is None:
                page = page or blank_page(self._ids.fresh("page", principal), self._versions.frontend())
                offer = offers.add(who, page, kept)
        offers.hand_out(who)
        return offer

    def downloads(self, principal: Principal) -> list[str]:
        """Return the download folders of all leases of a principal."""
        return [each.browser.downloads for each in self._of(principal) if each.browser and each.browser.downloads]

    # WebSockets:

    @returns_deferred
    async def open(self, request: RoutedRequest, kind: EndpointKind, name: str) -> BrowserLine:
        """Open a connection, and lease a browser for it if it does not have one yet."""
        if kind == "page":
            lease = await self._lease_of_page(request.principal, name)
        else:
            lease = await self._lease_of_browser(request.principal, name)
        page_id = _there(lease.page(name)) if kind == "page" else None
        keeps, opening = self._keeps(lease, kind), object()
        lease.lines[opening] = kind  # keeps the lease while its line is being opened
        try:
            line = await self._connect(_there(lease.browser), page_id, partial(self._left, lease))
            if keeps:
                lease.lines[line] = kind
        except Refusal:
            raise
        except TxcdpError:
            raise just_gone() from None
        finally:
            del lease.lines[opening]
            if not lease.lines and not lease.hold.is_set:
                self._end(lease)
        lease.hold.stop()
        lease.lingers = False
        return line

    async def _lease_of_browser(self, principal: Principal, name: str) -> Lease[B]:
        if name and not self._ids.is_good(name, "browser", principal):
            raise no_such_browser()
        for lease in self.leases:
            if lease.name == name and self._may_join(lease):
                if await lease.ready.wait() is None:
                    raise busy(503, "No browser became free in time.", "queue_deadline", 5)
                return lease
        return await self._take(principal, name)

    async def _lease_of_page(self, principal: Principal, name: str) -> Lease[B]:
        """Return the lease of a page; for an offered page, lease what was kept for it, if it is not leased yet."""
        offer = self._offers.find(principal.name, name)
        if offer is None or offer.browser is None:
            there = [each for each in self._of(principal) if each.page(name) is not None]
            there.sort(key=lambda each: bool(each.lines))
            if there and not (offer is not None and there[0].lines and self._offers.is_awaited(offer)):
                return there[0]
            if offer is None and not self._ids.is_good(name, "page", principal):
                return await self._find(principal, name)
        kept = None if offer is None else self._offers.open(offer)
        lease = await self._lease_kept(principal, name, kept)
        lease.listed = True
        return lease

    async def _find(self, principal: Principal, name: str) -> Lease[B]:
        """Return the lease that contains a page."""
        for lease in self._of(principal):
            if lease.page(name) is not None:
                return lease
        raise no_such_target()

    # Leases:

    def _of(self, principal: Principal) -> list[Lease[B]]:
        return [each for each in self.leases if each.principal.name == principal.name and each.browser is not None]

    async def _take(
        self,
        principal: Principal,
        name: str = "",
        *,
        listed: bool = False,
        kept: K | None = None,
        for_page: bool = False,
    ) -> Lease[B]:
        if self._stopping:
            raise stopping()
        name = name or self._ids.fresh("browser", principal)
        lease: Lease[B] = Lease(self._reactor, name, principal, listed, self._left)
        self.leases.append(lease)
        try:
            browser = lease.browser = await self._lend(kept, for_page)
        except BaseException:
            self.leases.remove(lease)
            lease.ready.fire(None)
            raise
        lease.ready.fire(browser)
        browser.ended.wait().addCallback(lambda _: self._left(lease, None))
        return lease

    async def _take_with_page(
        self, principal: Principal, url: str, *, listed: bool
    ) -> tuple[Lease[B], TargetDescription]:
        lease = await self._take(principal, listed=listed, for_page=True)
        try:
            return lease, await self._create_page(_there(lease.browser), url)
        except BaseException:
            self._end(lease)
            raise

    @property
    def _may_linger(self) -> bool:
        return bool(self._options.linger) and not self._stopping and not self._waiting

    def _left(self, lease: Lease[B], line: object) -> None:
        """End or keep a lease after a connection closed; ``None``: nobody came in time, or the browser has ended."""
        lease.lines.pop(line, None)
        gone = lease.browser is None or lease.browser.gone
        if lease.lines or (lease.hold.is_set and not gone):
            return
        if gone or line is None or not self._may_linger:
            self._end(lease)
        else:
            lease.hold.set(self._options.linger)
            lease.lingers = True

    def _end_a_lingering_one(self) -> bool:
        """End a lease that is only kept in case its client returns, because somebody is waiting for its place."""
        for lease in self.leases:
            if lease.lingers and not lease.lines:
                self._end(lease)
                return True
        return False

    def _end(self, lease: Lease[B]) -> None:
        lease.hold.stop()
        if lease not in self.leases:
            return
        self.leases.remove(lease)
        for name in lease.offered:
            offer = self._offers.find(lease.principal.name, name)
            if offer is None or not self._offers.is_awaited(offer):
                self._ids.spend(name)
                self._offers.forget(lease.principal.name, name)
        if lease.browser is not None:
            self._release(lease, lease.browser)

    def stop(self) -> None:
        """End the leases without an open connection."""
        self._stopping = True
        self._offers.stop()
        for lease in list(self.leases):
            if not lease.lines and lease.browser is not None:
                self._end(lease)


T = TypeVar("T")


def _there(found: T | None) -> T:
    """Return the argument, which is None if it has ended in the meantime.

    :raises Refusal: it is None.
    """
    if found is None:
        raise just_gone()
    return found


def no_answer() -> Refusal:
    """Return the refusal for a browser that takes too long to answer."""
    return busy(502, "The browser did not answer in time.", "browser", 1)


def no_such_browser() -> Refusal:
    """Return the refusal for an id that is not a browser's, or not one of the caller's."""
    return Refusal(404, "No such browser; /json/version names one.", "unknown")


def no_such_target() -> Refusal:
    """Return the refusal for an id that is not a target's, or not one of the caller's."""
    return Refusal(404, "No such target.", "unknown")


def just_gone() -> Refusal:
    """Return the refusal for a browser or page that ended during the request."""
    return Refusal(404, "No such browser or page.", "unknown")
