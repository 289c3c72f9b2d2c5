"""Intercepts the requests of pages and contexts, in all of their sessions, before their targets run."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Mapping
from functools import partial
from typing import TYPE_CHECKING, Any
from weakref import WeakSet

from twisted.internet.defer import Deferred, succeed
from twisted.python.failure import Failure

from txcdp._core.sessions import AutoAttach, Session
from txcdp._core.sessions.enabling import MOST_POST_DATA
from txcdp._deferreds import ignore_failure, returns_deferred, when_all
from txcdp._timeouts import Timeout
from txcdp.domains import fetch, network, target
from txcdp.errors import Gone
from txcdp.network._block_lists import BlockList
from txcdp.network._credentials import ContextCredentials
from txcdp.network._following import Network
from txcdp.network._interception import GATES, Holding, Interceptor, PausedRequest, Pausing, interception_of
from txcdp.network._routes import Routes, RouteTable
from txcdp.network._web_socket_routes import SocketTable

if TYPE_CHECKING:
    from txcdp.network._client import ContextClient
    from txcdp.network._requests import Overrides, Request
    from txcdp.page._options import ProxySettings

#: The types of workers that belong to a context rather than to a page.
_SHARED_KINDS = ("service_worker", "shared_worker")

#: The maximum number of block patterns that Chromium applies to documents; beyond that, it asks about each document.
_FEW = 100

#: The maximum number of block patterns that Chromium applies to all other requests. Its cost per request is
#: proportional to their number, and its cost of setting them to the square of it: 60,000 take half a minute for each
#: page, and some 50 ms for each request. Beyond that number, it asks this program.
MOST_BLOCKS = 2000

#: Sends a request from this program.
Fetch = Callable[["Request", "Overrides", int, int, Timeout], Deferred[Any]]


class _Requests:
    """Finds the requests of one owner's sessions.

    :param known: returns the object that follows them.
    :param fetch: sends a request from this program.
    """

    def __init__(self, known: Callable[[], Network], fetch: Fetch) -> None:
        self._known = known
        self.fetch = fetch

    def request_of(self, paused: PausedRequest) -> Request:
        """Return the request that is paused."""
        request = self._known().request_paused(paused.event, paused.hop)
        request._held = paused
        return request

    def when_told(self, request: Request) -> Deferred[None]:
        """Wait until all details of a request have been reported."""
        return self._known().when_told(request)


class Blocks(Holding):
    """Blocks what Chromium itself would not block: documents, and scripts of workers.

    It blocks all requests if the list is too long for Chromium.

    :ivar urls: patterns, in which ``*`` stands for anything; one is implied at both ends.
    """

    rank = GATES

    def __init__(self) -> None:
        self.urls: list[str] = []
        self._list = BlockList(())

    def set(self, urls: list[str]) -> None:
        """Replace the patterns."""
        self.urls = urls
        self._list = BlockList(urls)

    @property
    def by_browser(self) -> list[str]:
        """The patterns that Chromium applies to requests of pages and workers: all of them, or none."""
        return self.urls if len(self.urls) <= MOST_BLOCKS else []

    def wants(self) -> Pausing | None:
        """Return which documents, and scripts of workers, are to be paused; all requests if the list is long."""
        if not self.urls:
            return None
        if not self.by_browser:
            return Pausing((fetch.RequestPattern(url_pattern="*"),), network=True)
        urls = [f"*{each}*".replace("**", "*") for each in self.urls] if len(self.urls) <= _FEW else ["*"]
        return Pausing(
            tuple(
                fetch.RequestPattern(url_pattern=re.sub(r"[?\\]", r"\\\g<0>", url), resource_type=kind)
                for url in urls
                for kind in ("Document", "Other")
            )
        )

    def takes(self, paused: PausedRequest) -> bool:
        """Make blocked requests fail."""
        if paused.response or not self.urls or not self._list.matches(paused.url):
            return False
        command = fetch.fail_request(request_id=paused.event.request_id, error_reason="BlockedByClient")
        paused.answer(command).addErrback(ignore_failure)
        return True


class PageInterception:
    """Intercepts the requests of a page, in its own session and in those of its frames.

    :param session: the page's session.
    :param context: the interception of its context.
    :param known: the known requests of the page.
    :ivar session: the page's session.
    :ivar routes: the page's own routes.
    """

    def __init__(self, session: Session, context: ContextInterception, known: Network) -> None:
        self.routes = RouteTable(self.update)
        self.session = session
        self._context = context
        self._requests = _Requests(lambda: known, context.fetch)
        self._sessions: dict[Session, Routes | None] = {session: None}
        self._others: tuple[Interceptor, ...] = ()
        context.pages.add(self)

    def begin(self) -> None:
        """Pause what its context wants, before the page runs."""
        if self._context.wants_any:
            self.update().addErrback(ignore_failure)

    def add(self, session: Session) -> None:
        """Pause the same in the session of a frame, before that runs."""
        self._sessions[session] = None
        session._feed_into(ended=lambda _: self._sessions.pop(session, None))
        if self._context.wants_any or self.routes.entries or self._others:
            self._update(session).addErrback(ignore_failure)

    @staticmethod
    def add_worker(session: Session) -> None:
        """Add a dedicated worker: its requests are paused in the session of the page, or of the frame, that owns it."""
        of = session.parent
        while of is not None and of.kind == session.kind:  # a worker's worker
            of = of.parent
        if of is not None:
            interception_of(of).add_worker(session)

    def add_interceptor(self, interceptor: Interceptor) -> Deferred[None]:
        """Add an interceptor for all requests of the page and its frames.

        :returns: a Deferred that fires and fails like that of :meth:`update`.
        """
        self._others = (*self._others, interceptor)
        return self.update()

    @returns_deferred
    async def update(self) -> None:
        """Pause what is currently wanted.

        :returns: a Deferred that fires with None when the browser does. It fails like ``Session.execute``.
        """
        if self._context.wants_any:
            # Through the page they are attached to before their scripts are asked for; through the browser, later.
            self._context.service_workers.start(self.session).addErrback(ignore_failure)
        sent = [self._update(each) for each in list(self._sessions)]
        await when_all([sent[0], *(each.addErrback(ignore_failure) for each in sent[1:])])

    def _update(self, session: Session) -> Deferred[None]:
        part = self._sessions.get(session)
        if part is None:
            part = self._sessions[session] = Routes((self.routes, self._context.routes), self._requests)
        context = self._context
        return _told(session, (*self._others, context.blocks, part, context.credentials))


class ContextInterception:
    """Intercepts the requests of a context, in all of its pages, and in its shared and service workers.

    :param begin: called when there is something that pages need before they run.
    :param root: returns the browser's session.
    :param is_mine: returns whether a target belongs to the context.
    :param client: makes the context's client.
    :param begin_sockets: starts routing the pages' WebSockets.
    :param worker_network: returns the object that follows the requests of a shared or service worker.
    :param http: the credentials for servers.
    :ivar routes: the context's own routes.
    :ivar sockets: its routes for WebSockets.
    :ivar proxy: its proxy, or None.
    :ivar credentials: its credentials.
    :ivar blocks: its blocked URLs.
    :ivar pages: the interceptions of its pages.
    """

    def __init__(
        self,
        begin: Callable[[], object],
        root: Session,
        is_mine: Callable[[target.TargetInfo], bool],
        client: Callable[[], ContextClient],
        begin_sockets: Callable[[], Deferred[None]],
        worker_network: Callable[[Session], Network],
        http: Mapping[str, Any] | None,
        proxy: ProxySettings | None,
    ) -> None:
        self.routes = RouteTable(self.update)
        self.credentials = ContextCredentials()
        self.blocks = Blocks()
        self._blocking: WeakSet[Session] = WeakSet()
        #: The routes of shared and service workers; None: the worker's requests are paused in another session.
        self._workers: dict[Session, Routes | None] = {}
        self.pages: WeakSet[PageInterception] = WeakSet()
        self.sockets = SocketTable(begin_sockets)
        self.proxy = proxy
        self.credentials.give(http, proxy)
        self._make_client = client
        self._client: ContextClient | None = None
        self._begin = begin
        self._root = root
        self.service_workers = AutoAttach(
            set_up=self._attached, recursive=False, filter=[target.FilterEntry(type="service_worker")]
        )
        self._attaching: AutoAttach | None = None
        self._is_mine = is_mine
        self._worker_network = worker_network

    @property
    def client(self) -> ContextClient:
        """The client with the same settings as the context's pages."""
        if self._client is None:
            self._client = self._make_client()
        return self._client

    def fetch(
        self, request: Request, overrides: Overrides, max_redirects: int, max_retries: int, timeout: Timeout
    ) -> Deferred[Any]:
        """Send a request from this program."""
        return self.client._fetch(request, overrides, max_redirects, max_retries, timeout)

    def give_credentials(self, http: Mapping[str, Any] | None) -> Deferred[None]:
        """Replace the credentials for servers.

        :returns: a Deferred that fires and fails like that of :meth:`update`.
        """
        self.credentials.give(http, self.proxy)
        return self.update()

    @property
    def wants_any(self) -> bool:
        """Whether anything is to be paused."""
        return bool(self.routes.entries or self.blocks.urls) or self.credentials.wants() is not None

    def block(self, urls: list[str]) -> Deferred[None]:
        """Make matching requests fail at once.

        :returns: a Deferred that fires and fails like that of :meth:`update`.
        """
        self.blocks.set(urls)
        return self.update()

    @returns_deferred
    async def update(self) -> None:
        """Pause what is currently wanted.

        :returns: a Deferred that fires with None when the browser does. It fails like ``Session.execute``.
        """
        attaching = [succeed(None)]
        if self.wants_any:
            self._begin()
            if self._attaching is None:
                kinds = [target.FilterEntry(type=each) for each in _SHARED_KINDS]
                self._attaching = AutoAttach(set_up=self._attached, keep=self._is_mine, recursive=False, filter=kinds)
                attaching = [self._attaching.start(self._root)]
                for each in self._root._channel.sessions:  # they were told to whoever has had them attached to before
                    if each.kind in _SHARED_KINDS and each.target is not None and self._is_mine(each.target):
                        attaching.append(self._attached(each))
        pages = [each.update() for each in list(self.pages) if not each.session.ended]
        workers = [self._update(each).addErrback(ignore_failure) for each, part in list(self._workers.items()) if part]
        await when_all([*attaching, *(each.addErrback(_unless_gone) for each in pages), *workers])

    def _attached(self, session: Session) -> Deferred[None]:
        """Add a worker; one that is attached to in several ways is added only the first time."""
        if session in self._workers:
            return succeed(None)
        session._feed_into(ended=lambda _: self._ended(session))
        info = session.target
        if info is not None and any(
            part is not None and each.target is not None and each.target.target_id == info.target_id
            for each, part in self._workers.items()
        ):
            self._workers[session] = None
            return succeed(None)
        return self._take(session)

    def _take(self, session: Session) -> Deferred[None]:
        known = partial(self._worker_network, session)
        self._workers[session] = Routes((self.routes,), _Requests(known, self.fetch))
        return self._update(session).addErrback(ignore_failure)

    def _ended(self, session: Session) -> None:
        if self._workers.pop(session) is None or session.target is None:
            return
        for each in self._workers:
            if each.target is not None and each.target.target_id == session.target.target_id:
                self._take(each)
                return

    def _update(self, session: Session) -> Deferred[None]:
        if self.blocks.by_browser or session in self._blocking:
            self._blocking.add(session)
            enable = network.enable(max_post_data_size=MOST_POST_DATA)
            for command in (enable, network.set_blocked_urls(urls=self.blocks.by_browser)):
                session._insist(command).addErrback(ignore_failure)
        part = self._workers[session]
        return _told(session, (self.blocks, *([] if part is None else [part]), self.credentials))


def _told(session: Session, parts: Iterable[Interceptor]) -> Deferred[None]:
    """Make a session pause what its interceptors want."""

    def failed(failure: Failure) -> None:
        if session.ended or not failure.check(Gone):
            failure.raiseException()
        # What cannot be said while the line is lost is said over the next one.

    return interception_of(session).add(*parts).addErrback(failed)


def _unless_gone(failure: Failure) -> None:
    failure.trap(Gone)
