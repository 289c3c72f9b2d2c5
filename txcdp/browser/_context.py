"""A browser's contexts, which are isolated from each other like separate browsers."""

from __future__ import annotations

import os
import re
import time
from collections.abc import Callable, Iterable, Mapping, Sequence
from http.cookiejar import Cookie as JarCookie
from http.cookiejar import CookieJar
from typing import TYPE_CHECKING, Any, Unpack, cast

from twisted.internet.defer import Deferred, succeed
from twisted.python.failure import Failure

from txcdp._arguments import check_function, refuse_bare_string, unknown_name
from txcdp._core.sessions import Session
from txcdp._deferreds import EndedByBlock, OneShot, failing_deferreds, ignore_failure, returns_deferred, when_all
from txcdp._other_names import NamedElsewhere
from txcdp._privacy import printable
from txcdp._timeouts import DefaultTimeouts, Timeout
from txcdp._url_patterns import URLMatch
from txcdp.browser._closed import while_open
from txcdp.browser._context_scripts import ContextScripts
from txcdp.browser._context_workers import ContextWorkers
from txcdp.browser._cookies import Cookie, Cookies
from txcdp.browser._downloads import ContextDownloads
from txcdp.browser._emulation import ContextEmulation
from txcdp.browser._openings import WORKERS
from txcdp.browser._storage_state import ContextStorage, StorageState, checked_state, origin_of, save
from txcdp.domains import target
from txcdp.errors import CommandError, ContextClosed, Gone, SessionDetached
from txcdp.network import Exchange, HarBodies, HarMode, HarRecording, Request, Response, Route, WebSocket
from txcdp.network._har_recording import head_of, stop_all
from txcdp.network._page_interception import MOST_BLOCKS, ContextInterception
from txcdp.network._route import Stage
from txcdp.network._routes import Behavior, RouteHandler, RouteMatch
from txcdp.network._routing import recorded, register, requests_paused, route_from_har
from txcdp.network._web_socket_routes import WebSocketRouteHandler
from txcdp.page import ConsoleMessage, Dialog, Download, Frame, Page, PageError, Worker
from txcdp.page._clock import Clock
from txcdp.page._options import (
    NOWHERE,
    ColorScheme,
    ContextOptions,
    Contrast,
    EmulationOptions,
    ForcedColors,
    Geolocation,
    HttpCredentials,
    Media,
    NetworkConditions,
    PageSettings,
    ReducedMotion,
    checked_options,
    checked_origin,
    checked_permissions,
    emulated,
)
from txcdp.page._scripts import source_of
from txcdp.page._viewport import ViewportSize
from txcdp.streams import Registration, Stream
from txcdp.streams._gathered import OwnersStreams

if TYPE_CHECKING:
    from txcdp.browser._browser import Browser
    from txcdp.network._client import ClientSettings, ContextClient
    from txcdp.network._har_routes import HarNotFound


@failing_deferreds
class BrowserContext(NamedElsewhere, EndedByBlock):
    """A context: pages with their own cookies, storage and cache; made by ``Browser.new_context``.

    ``async with`` closes it at the end.

    :param made_by: the command that makes another context like it; None if it was not made here.
    :param options: the options that it was made with.
    :ivar browser: the browser that it belongs to.
    :ivar id: its id, for commands that take a ``browser_context_id``; None for the default context, which such commands
        use by default.
    """

    def __init__(
        self,
        browser: Browser,
        context_id: str | None,
        made_by: target.create_browser_context | None = None,
        options: ContextOptions | None = None,
    ) -> None:
        self.browser = browser
        self.id = context_id
        self._made_by = made_by
        self._timeouts = DefaultTimeouts(browser._timeouts)
        #: The clock of all its pages: see :class:`~txcdp.page.Clock`.
        self.clock = Clock(
            time.time, lambda: self.pages, lambda: browser._openings.start(), lambda: self._check("clock")
        )
        given = ContextOptions() if options is None else options.copy()
        self._base_url = given.pop("base_url", None)
        given.pop("storage_state", None)  # it is given to it, as pages' settings are not
        accepts = given.pop("accept_downloads", True) is not False
        self._downloads = ContextDownloads(accepts, lambda method, params: self._told((method, self._named(params))))
        self._given_state: StorageState | None = None
        self._granted: dict[str | None, list[str]] = {}
        permissions = given.pop("permissions", None)
        if permissions is not None:
            self._granted[None] = list(permissions)  # also none: what was not granted is denied then
        http, proxy = given.pop("http_credentials", None), given.pop("proxy", None)
        self._emulation = ContextEmulation(emulated(given), lambda: browser._openings.start())
        self._scripts = ContextScripts(
            lambda: self.pages, lambda page, then: page.session._feed_into(ended=lambda _: then())
        )
        self._interception = ContextInterception(
            lambda: browser._openings.start(),
            browser.session,
            self._has,
            self._make_client,
            self._route_sockets,
            lambda session: self._workers.network_of(session),
            http,
            proxy,
        )
        self._closing = False
        self._closed: OneShot[None] = OneShot()
        self._recordings: list[HarRecording] = []
        #: The origins of its documents so far (a dict used as an ordered set).
        self._origins: dict[str, None] = {}
        shared = browser.connection.context.with_base_url(self._base_url)
        self._streams = OwnersStreams(shared, "context", lambda: self.pages)
        # In the default context of a browser that others have, nothing is attached to before somebody asks.
        self._workers = ContextWorkers(self._streams, browser.process is not None or context_id is not None)

    def __repr__(self) -> str:
        return printable(f"<BrowserContext {self.id or 'default'}{' (closed)' if self._closing else ''}>")

    def is_closed(self) -> bool:
        """Return whether the context is closed, or being closed."""
        return self._closing or self.browser.session.ended

    def when_closed(self) -> Deferred[None]:
        """Wait until the context is closed here, or the browser or the connection to it is gone for good.

        :returns: fires with None; at once if it is closed. Each call returns a new Deferred.
        """
        return self._closed.wait()

    @property
    def pages(self) -> list[Page]:
        """The open pages of the context that this program opened, or attached to with :meth:`Browser.attach_pages`."""
        return [each for each in self.browser._pages.values() if each.context is self and not each.session.ended]

    @property
    def console(self) -> Stream[ConsoleMessage]:
        """The console messages of all pages of the context; see ``Page.console``.

        Like all of the context's streams, it continues when a page ends, and completes with the context.
        """
        return self._streams.gathered("console")

    @property
    def page_errors(self) -> Stream[PageError]:
        """The uncaught errors of all pages of the context; see ``Page.page_errors``."""
        return self._streams.gathered("page_errors")

    @property
    def dialogs(self) -> Stream[Dialog]:
        """The dialogs of all pages of the context; see ``Page.dialogs``: a subscriber here has to answer them, too."""
        return self._streams.gathered("dialogs")

    @property
    def downloads(self) -> Stream[Download]:
        """The downloads of all pages of the context; see ``Page.downloads``. Their files are deleted with it."""
        return self._streams.gathered("downloads")

    @property
    def page_opened(self) -> Stream[Page]:
        """The pages that are opened in the context, by the program or by other pages; a stream of :class:`Page`.

        A popup starts to run once all subscribers, here and of ``Page.popups``, have received it: what they send
        immediately takes effect before its first script.
        """
        return self._streams.on_demand("page_opened", self.browser._openings.start)

    @property
    def service_workers(self) -> list[Worker]:
        """The context's running service workers: each is included before its first script runs."""
        return self._list_workers("service_worker")

    @property
    def service_worker_started(self) -> Stream[Worker]:
        """The context's service workers each time they start, before their first script runs."""
        return self._streams.on_demand("service_worker_started", self._want_workers)

    @property
    def shared_workers(self) -> list[Worker]:
        """The context's running shared workers, which several of its pages may use."""
        return self._list_workers("shared_worker")

    @property
    def shared_worker_started(self) -> Stream[Worker]:
        """The context's shared workers as they start, each before its first script runs."""
        return self._streams.on_demand("shared_worker_started", self._want_workers)

    @property
    def popups(self) -> Stream[Page]:
        """The pages that pages of the context open; see ``Page.popups``."""
        return self._streams.gathered("popups")

    @property
    def crashes(self) -> Stream[Page]:
        """The pages of the context that crash; see ``Page.crashes``."""
        return self._streams.gathered("crashes")

    @property
    def exchanges(self) -> Stream[Exchange]:
        """The network traffic of all pages of the context; see ``Page.exchanges``."""
        return self._of_network("exchanges")

    @property
    def requests(self) -> Stream[Request]:
        """The requests of all pages of the context; see ``Page.requests``."""
        return self._of_network("requests")

    @property
    def responses(self) -> Stream[Response]:
        """The responses to requests of all pages of the context; see ``Page.responses``."""
        return self._of_network("responses")

    @property
    def requests_finished(self) -> Stream[Request]:
        """The successful requests of all pages of the context; see ``Page.requests_finished``."""
        return self._of_network("requests_finished")

    @property
    def requests_failed(self) -> Stream[Request]:
        """The failed requests of all pages of the context; see ``Page.requests_failed``."""
        return self._of_network("requests_failed")

    @property
    def web_sockets(self) -> Stream[WebSocket]:
        """The WebSockets of all pages of the context; see ``Page.web_sockets``."""
        return self._of_network("web_sockets")

    def _of_network(self, name: str) -> Stream[Any]:
        """Return one of the network's streams, with popups and service workers from their first request on."""

        def begin() -> None:
            self.browser._openings.start()
            self._want_workers()

        def sources() -> list[Stream[Any]]:
            networks = [*(each._tree.network for each in self.pages), *self._workers.networks()]
            return [each.stream(name) for each in networks]

        return self._streams.gathered(name, begin, sources)

    @while_open
    async def record_har(
        self,
        path: str | os.PathLike[str],
        *,
        bodies: HarBodies = "embed",
        pattern: URLMatch | None = None,
        secrets: bool = False,
        mode: HarMode = "full",
    ) -> HarRecording:
        """Record the network traffic of all pages of the context to a HAR 1.2 file; see ``Page.record_har``.

        :param path: the file, which is replaced if it exists.
        :param bodies: ``"embed"``, ``"attach"`` or ``"omit"``.
        :param pattern: record only URLs that match.
        :param secrets: whether to write secrets.
        :param mode: ``"full"`` or ``"minimal"``.
        :returns: fires with the :class:`~txcdp.network.HarRecording` once it has begun; the recording ends with the
            context, or by its ``stop()``. Fails like ``Page.record_har``.
        """
        made = await self._record(self.exchanges, path, bodies, pattern, secrets, mode)
        self._recordings.append(made)
        return made

    async def _record(
        self,
        exchanges: Stream[Exchange],
        path: str | os.PathLike[str],
        bodies: HarBodies,
        pattern: URLMatch | None,
        secrets: bool,
        mode: HarMode,
    ) -> HarRecording:
        head = head_of((await self.browser.version()).product)
        options: dict[str, Any] = {"bodies": bodies, "pattern": pattern, "secrets": secrets, "mode": mode}
        return HarRecording(exchanges, path, head, base_url=self._base_url, **options)

    async def _stop_recordings(self) -> None:
        """Stop all recordings of the context and its pages while bodies can still be read."""
        recordings = [*self._recordings, *(each for page in self.pages for each in page._tree.network.recordings)]
        if recordings:
            await stop_all(recordings)

    @property
    def frame_attached(self) -> Stream[Frame]:
        """The frames that are added to any page of the context; see ``Page.frame_attached``."""
        return self._streams.gathered("frame_attached")

    @property
    def frame_navigated(self) -> Stream[Frame]:
        """The frames of any page of the context whose document or URL has changed; see ``Page.frame_navigated``."""
        return self._streams.gathered("frame_navigated")

    @property
    def frame_detached(self) -> Stream[Frame]:
        """The frames that are removed from any page of the context; see ``Page.frame_detached``."""
        return self._streams.gathered("frame_detached")

    def set_default_timeout(self, timeout: Timeout) -> None:
        """Set the default timeout for everything that waits on the context's pages; those of a call and a page take
        precedence.

        :param timeout: seconds, or a timedelta; None or 0 means no timeout; :data:`~txcdp.DEFAULT` restores the
            browser's.
        :raises ValueError: it is negative.
        """
        self._timeouts.set(timeout)

    def set_default_navigation_timeout(self, timeout: Timeout) -> None:
        """Set the default timeout of navigations; it takes precedence over :meth:`set_default_timeout`.

        :param timeout: as for :meth:`set_default_timeout`.
        :raises ValueError: it is negative.
        """
        self._timeouts.set_navigation(timeout)

    @while_open
    def new_page(self, url: str = "about:blank") -> Deferred[Page]:
        """Open a page in this context.

        :param url: as for :meth:`Browser.new_page`.
        :returns: fires and fails like :meth:`Browser.new_page`, and with :exc:`ValueError` if Chromium does not know
            the context's time zone or locale.
        """
        opening = Deferred.fromCoroutine(self.browser._new_page(url, self))
        return opening.addErrback(self._say_closed, "new_page")

    def new_cdp_session(self, page: Page | Frame) -> Deferred[Session]:
        """Attach to a page once more, to get a session of your own; see :meth:`Page.new_cdp_session`.

        :param page: the page; or a frame that Chromium runs in a process of its own.
        :returns: fires with a :class:`Session`. Fails with :exc:`ValueError` if the frame has no session of its own,
            with :exc:`TypeError` if it is neither; otherwise like ``Session.execute``.
        """
        given: object = page
        if not isinstance(given, Page | Frame):
            raise TypeError(f"page={given!r}: expected a page or a frame")
        return page.new_cdp_session()

    @while_open
    def cookies(self, urls: str | Sequence[str] | None = None) -> Deferred[list[Cookie]]:
        """Return the context's cookies (``Storage.getCookies``).

        :param urls: a URL, or several: return only the cookies that are sent to any of them; None or an empty sequence
            returns all.
        :returns: fires with a list of dicts: ``name``, ``value``, ``domain`` (with a leading dot if subdomains get it
            too), ``path``, ``expires`` (seconds since the epoch; -1: it ends with the context), ``httpOnly``,
            ``secure``, ``sameSite``, and ``partitionKey`` if there is one. Fails like ``Session.execute``; with
            :exc:`ValueError` for an invalid URL.
        """
        return self._cookies.get(urls)

    @while_open
    def add_cookies(self, cookies: Iterable[Cookie | Mapping[str, Any]]) -> Deferred[None]:
        """Add cookies, each replacing one of the same name, domain and path (``Storage.setCookies``).

        :param cookies: dicts with ``name``, ``value``, and either ``url``, or ``domain`` and ``path``; the rest as
            :meth:`cookies` returns it.
        :returns: fires with None once the browser has them. Fails with :exc:`ValueError` or :exc:`TypeError`, and adds
            none, if one of them is invalid; otherwise like ``Session.execute``.
        """
        return self._cookies.add(cookies)

    @while_open
    def clear_cookies(
        self,
        *,
        name: str | re.Pattern[str] | None = None,
        domain: str | re.Pattern[str] | None = None,
        path: str | re.Pattern[str] | None = None,
    ) -> Deferred[None]:
        """Delete the context's cookies, or those that match all of the filters (``Storage.clearCookies``).

        :param name: the cookie's name, or a pattern to search for in it; None means any.
        :param domain: the same for its domain, which has a leading dot if subdomains get the cookie too.
        :param path: the same for its path.
        :returns: fires with None; fails like ``Session.execute``.
        """
        return self._cookies.clear(name, domain, path)

    @while_open
    def cookie_jar(self) -> Deferred[CookieJar]:
        """Return a copy of the context's cookies as a jar, for treq, Scrapy and others.

        ``HttpOnly`` and ``SameSite`` are among a cookie's nonstandard attributes. Partitioned cookies are left out.

        :returns: fires with an :class:`http.cookiejar.CookieJar`; fails like ``Session.execute``.
        """
        return self._cookies.jar()

    @while_open
    def add_cookie_jar(self, jar: Iterable[JarCookie]) -> Deferred[None]:
        """Add all cookies of a jar that have not expired (``Storage.setCookies``).

        :param jar: an :class:`http.cookiejar.CookieJar`.
        :returns: fires with None once the browser has them; fails like ``Session.execute``.
        """
        return self._cookies.add_jar(jar)

    @while_open
    async def storage_state(
        self, path: str | os.PathLike[str] | None = None, *, indexed_db: bool = False
    ) -> StorageState:
        """Return the context's cookies and storage, for example to give another context or browser the same logins.

        For origins that no page shows now, an empty document is opened in an invisible page; this makes no network
        requests.

        :param path: a file to write it to as well, as JSON; only its owner can read it, and missing folders are made.
        :param indexed_db: whether to include the IndexedDB databases.
        :returns: fires with a dict in Playwright's format: ``cookies``, and ``origins``, each with its ``localStorage``
            (and ``indexedDB``), if that is not empty. The pages' ``sessionStorage`` is not included. Fails with
            :exc:`EvaluationError` if a database has a value that cannot be written, such as a Web Crypto key; with
            :exc:`OSError` if the file cannot be written; otherwise like ``Session.execute``.
        """
        state = await self._storage.read(indexed_db)
        if path is not None:
            save(state, path)
        return state

    @while_open
    async def set_storage_state(self, state: StorageState | Mapping[str, Any] | str | os.PathLike[str]) -> None:
        """Replace all cookies, local storage and databases of the context by those of a storage state.

        :param state: the state, as :meth:`storage_state` returns it, or the path of a file that contains it.
        :returns: fires with None once the context has it. Fails, and changes nothing, with :exc:`ValueError` or
            :exc:`TypeError` for an invalid state, and with :exc:`OSError` if a file cannot be read; with
            :exc:`EvaluationError` if a database cannot be written; otherwise like ``Session.execute``.
        """
        await self._storage.replace(checked_state(state))

    def _give_state(self, state: StorageState | None) -> Deferred[None]:
        """Set the initial storage state, which the context gets again if it is made again."""
        self._given_state = state
        return succeed(None) if state is None else self._storage.add(state)

    @property
    def _storage(self) -> ContextStorage:
        return ContextStorage(self.browser.connection, self.id, self._origins)

    def _note_url(self, url: str) -> None:
        """Note that a document of the context has a URL: its origin may store something."""
        origin = origin_of(url)
        if origin is not None:
            self._origins[origin] = None

    @property
    def _cookies(self) -> Cookies:
        return Cookies(self.browser.session, self.id)

    @returns_deferred
    async def close(self) -> None:
        """Dispose of the context with its pages (``Target.disposeBrowserContext``); closing the default context closes
        the browser.

        If it is closed while disconnected, its pages are not reopened in a restarted browser; if commands do not wait
        for a reconnect, the context is disposed of after the next one.

        :returns: fires with None once it is gone and the sessions of its pages and workers have ended; also if it is
            already closed, or the connection is lost. Otherwise fails like ``Session.execute``. For the default
            context, as :meth:`Browser.close`.
        """
        if self._closing:
            return
        self._closing = True
        await self._stop_recordings()
        if self.id is None:
            await self.browser.close()
            self._end()
            return
        connection = self.browser.connection
        inside = [
            each
            for each in connection.sessions
            if each.target is not None and each.target.browser_context_id == self.id
        ]
        ending = [each.when_ended() for each in inside]
        try:
            await self._dispose()
        except Gone:
            connection.when_connected().addCallback(lambda _: self._dispose()).addErrback(ignore_failure)
            self._end()
            return
        except BaseException:
            self._closing = False
            for waiting in ending:
                waiting.addErrback(ignore_failure)
                waiting.cancel()
            raise
        for each in inside:
            if each.kind in WORKERS and not each.ended:  # one that has just begun goes on as long as it is attached to
                each.detach().addErrback(ignore_failure)
        for waiting in ending:
            await waiting
        await self.browser._downloads.end(self._downloads, everywhere=True)
        self._end()

    @returns_deferred
    async def _dispose(self) -> None:
        """Dispose of it in the browser, by its present id there; if the browser does not know it, it is gone."""
        root = self.browser.session
        while self.id is not None:
            tried = self.id
            try:
                await root.execute(target.dispose_browser_context(browser_context_id=tried))
                return
            except CommandError:
                if self.id == tried:  # else it was made again in another browser while the command waited for that
                    if tried in (await root.execute(target.get_browser_contexts())).browser_context_ids:
                        raise
                    return

    @while_open
    def set_geolocation(self, geolocation: Geolocation | None) -> Deferred[None]:
        """Set the position of the device (``Emulation.setGeolocationOverride``), as the option of a context does.

        Like all settings of a context, it applies to present and future pages, and survives reconnects and restarts.

        :param geolocation: such as ``{"latitude": 52.52, "longitude": 13.39}``; None makes the position unavailable,
            which pages get as an error.
        :returns: fires with None once all open pages have the setting. Fails with :exc:`ValueError` or :exc:`TypeError`
            for an invalid value, like ``Session.execute`` if the browser refuses it, and with :exc:`CommandTimeout` if
            a page does not answer; that page gets the setting when it does.
        """
        if geolocation is None:
            return self._emulation.change(self.browser.connection.timeout, {"geolocation": NOWHERE})
        return self._change(geolocation=geolocation)

    @while_open
    def set_offline(self, offline: bool) -> Deferred[None]:
        """Switch the network off or on (``Network.emulateNetworkConditions``).

        Requests of dedicated workers are not affected; those of service workers and shared workers are.

        :param offline: whether the network is off.
        :returns: fires and fails like :meth:`set_geolocation`.
        """
        return self._change(offline=offline)

    @while_open
    def set_network_conditions(self, network_conditions: NetworkConditions | None) -> Deferred[None]:
        """Slow down the network (``Network.emulateNetworkConditions``).

        :param network_conditions: such as ``{"latency": 0.1, "download_throughput": 50_000}``, in seconds and bytes per
            second; None removes the limits.
        :returns: fires and fails like :meth:`set_geolocation`.
        """
        return self._change(network_conditions=network_conditions)

    @while_open
    def set_cpu_throttling(self, rate: float) -> Deferred[None]:
        """Slow down the processor (``Emulation.setCPUThrottlingRate``).

        :param rate: how many times slower; 1 means normal speed.
        :returns: fires and fails like :meth:`set_geolocation`.
        """
        return self._change(cpu_throttling=rate)

    @while_open
    def set_extra_http_headers(self, headers: Mapping[str, str]) -> Deferred[None]:
        """Send extra headers with each request of the pages (``Network.setExtraHTTPHeaders``).

        :param headers: the headers; they replace those that were set before. Those of
            :meth:`Page.set_extra_http_headers` take precedence.
        :returns: fires and fails like :meth:`set_geolocation`.
        """
        return self._change(extra_http_headers=headers)

    @while_open
    async def set_http_credentials(self, http_credentials: HttpCredentials | None) -> None:
        """Set the username and password for servers that ask for them, as the option of a context does.

        The browser continues to use credentials that a server has already accepted.

        :param http_credentials: such as ``{"username": "me", "password": "secret"}``; None removes them.
        :returns: fires with None once all open pages have the setting. Fails with :exc:`ValueError` or :exc:`TypeError`
            for invalid credentials; otherwise like ``Session.execute``.
        """
        given = checked_options({"http_credentials": http_credentials}).get("http_credentials")
        await self._interception.give_credentials(given)

    @while_open
    async def block(self, patterns: Sequence[str]) -> None:
        """Fail matching requests at once (``Network.setBlockedURLs``), without asking the program.

        It applies to all present and future pages, with their frames, workers and popups, and to the context's shared
        and service workers. Chromium would be slow with more than 2,000 patterns: in that case all requests are paused
        (``Fetch``) and matched here, at the cost of a single pattern.

        :param patterns: the patterns, which replace the previous ones: strings in which ``*`` matches anything, such as
            ``"://ads.example/"``, that match anywhere in a URL; an empty sequence blocks nothing.
        :returns: fires and fails like :meth:`set_geolocation`; with :exc:`TypeError` if a pattern is not a string.
        """
        refuse_bare_string("patterns", patterns if isinstance(patterns, str | bytes) else None)
        given: list[Any] = list(patterns)
        if strange := [each for each in given if not isinstance(each, str)]:
            raise TypeError(f"patterns: expected a str, such as '://ads.example/', not {strange[0]!r:.100}")
        settings = PageSettings(blocked_urls=given if 0 < len(given) <= MOST_BLOCKS else None)
        sent = [self._interception.block(given), self._emulation.change(self.browser.connection.timeout, settings)]
        await when_all(sent)

    @while_open
    def set_cache_enabled(self, enabled: bool) -> Deferred[None]:
        """Enable or disable the browser's cache (``Network.setCacheDisabled``).

        :param enabled: whether the cache may answer; it may by default.
        :returns: fires and fails like :meth:`set_geolocation`.
        """
        settings = PageSettings(cache_enabled=None if enabled else False)
        return self._emulation.change(self.browser.connection.timeout, settings)

    @while_open
    def set_user_agent(self, user_agent: str | None) -> Deferred[None]:
        """Set the user agent, with matching client hints (``Emulation.setUserAgentOverride``).

        :param user_agent: the user agent; None means the browser's own.
        :returns: fires and fails like :meth:`set_geolocation`.
        """
        return self._change(user_agent=user_agent)

    @while_open
    def emulate(self, **options: Unpack[EmulationOptions]) -> Deferred[None]:
        """Emulate another device, language or time zone for the pages, or lift their security restrictions.

        Options that are omitted stay as they are. A page's own settings take precedence. Whether scripts run, and
        whether the Content-Security-Policy is enforced, changes with the next document.

        :param options: those of :class:`EmulationOptions`, such as ``locale="de-DE"``, or ``**txcdp.devices["Pixel
            7"]``; None restores the browser's value, which for the size is that of the window. Other options of a
            context have their own methods, or can only be given to :meth:`Browser.new_context`.
        :returns: fires and fails like :meth:`set_geolocation`; with :exc:`TypeError` for any other option.
        """
        for each in options:
            if each not in EmulationOptions.__annotations__:
                raise TypeError(unknown_name("emulate(): unknown option", each, EmulationOptions.__annotations__))
        return self._change(**options)

    @while_open
    def set_viewport_size(self, viewport_size: ViewportSize) -> Deferred[None]:
        """Set the viewport size of the pages that have none of their own (``Emulation.setDeviceMetricsOverride``).

        :param viewport_size: as for :meth:`Page.set_viewport_size`.
        :returns: fires and fails like :meth:`set_geolocation`.
        """
        return self._change(viewport=viewport_size, screen=None)

    @while_open
    def emulate_media(
        self,
        *,
        media: Media | None = None,
        color_scheme: ColorScheme | None = None,
        reduced_motion: ReducedMotion | None = None,
        forced_colors: ForcedColors | None = None,
        contrast: Contrast | None = None,
    ) -> Deferred[None]:
        """Set the media type and the user's preferences that CSS sees (``Emulation.setEmulatedMedia``).

        An argument that is omitted or None leaves its setting as it is; ``"null"`` turns the emulation off. A page's
        own settings take precedence: see :meth:`Page.emulate_media`.

        :param media: ``"screen"`` or ``"print"``.
        :param color_scheme: ``"light"``, ``"dark"`` or ``"no-preference"``.
        :param reduced_motion: ``"reduce"`` or ``"no-preference"``.
        :param forced_colors: ``"active"`` or ``"none"``.
        :param contrast: ``"more"``, ``"less"`` or ``"no-preference"``.
        :returns: fires and fails like :meth:`set_geolocation`.
        """
        given: dict[str, Any] = {
            "media": media,
            "color_scheme": color_scheme,
            "reduced_motion": reduced_motion,
            "forced_colors": forced_colors,
            "contrast": contrast,
        }
        return self._change(**{name: value for name, value in given.items() if value is not None})

    @while_open
    def add_init_script(
        self, script: str | None = None, *, path: str | os.PathLike[str] | None = None
    ) -> Deferred[Registration]:
        """Run a script in each new document of all pages and their frames, before any of their own scripts.

        This includes the empty document that a new page begins with.

        :param script: the script's text.
        :param path: a file with the script, instead.
        :returns: fires with a :class:`Registration`, which removes the script again, once all open pages have the
            script. Fails like ``Session.execute``; with :exc:`ValueError` if neither or both are given, and with
            :exc:`OSError` if the file cannot be read.
        """
        source = source_of(script, path)
        return self._scripts.add(lambda page, now: page._add_script(source, now=now))

    @while_open
    def expose_function(self, name: str, callback: Callable[..., object]) -> Deferred[Registration]:
        """Add a function that calls the program to all present and future pages; see ``Page.expose_function``.

        :param name: the function's name, a property of ``window``.
        :param callback: called with the arguments, or with as many of them as it takes; it may return a Deferred, or be
            a coroutine function.
        :returns: fires with a :class:`Registration`, which removes the function again, once all open pages have the
            function. Fails with :exc:`ValueError` if the name is taken in the context or one of its pages; otherwise
            like ``Session.execute``.
        """
        check_function("callback", callback)
        return self._scripts.add(lambda page, _: page.expose_function(name, callback), name)

    @while_open
    def expose_binding(self, name: str, callback: Callable[..., object]) -> Deferred[Registration]:
        """Do the same as :meth:`expose_function`, and tell the callback where a call comes from.

        :param name: the function's name, a property of ``window``.
        :param callback: called with a dict of ``"context"``, ``"page"`` and ``"frame"``, followed by the arguments.
        :returns: fires and fails like :meth:`expose_function`.
        """
        check_function("callback", callback)
        return self._scripts.add(lambda page, _: page.expose_binding(name, callback), name)

    @while_open
    def route(
        self,
        pattern: RouteMatch,
        handler: RouteHandler,
        *,
        times: int | None = None,
        stage: Stage = "request",
        resource_types: Sequence[str] | None = None,
        timeout: Timeout = 30.0,
    ) -> Deferred[Registration]:
        """Route requests of all present and future pages to a handler that decides what happens to them; see
        ``Page.route``.

        Handlers of a page are called first. Popups are included from their first request on, and so are the context's
        shared and service workers.

        :param pattern: as for ``Page.route``, like the other arguments.
        :param handler: called with the :class:`Route`, or with the route and its request if it takes two arguments.
        :param times: how many requests it handles; None means all.
        :param stage: ``"request"`` or ``"response"``.
        :param resource_types: only requests of these types.
        :param timeout: seconds, or a timedelta, for the handler to decide; None or 0 means no timeout.
        :returns: fires and fails like ``Page.route``.
        """
        options = {"times": times, "stage": stage, "resource_types": resource_types, "timeout": timeout}
        return register(self._interception.routes, pattern, handler, self._base_url, options)

    @while_open
    async def route_from_har(
        self,
        har: str | os.PathLike[str],
        *,
        url: RouteMatch | None = None,
        not_found: HarNotFound = "abort",
        update: bool = False,
        update_content: HarBodies = "embed",
        update_mode: HarMode = "minimal",
    ) -> Registration:
        """Answer all pages' requests from a HAR recording, or make the recording.

        Method, URL and body have to match, except for the boundary of a multipart body. Responses are preferred to
        failures. If several entries match, the one with the most request headers in common is used, and a repeated
        request gets the next one.

        :param har: a HAR 1.2 file, with its bodies embedded, in files beside it, or together with it in a zip file.
        :param url: answer only requests that match, as for :meth:`route`; None means all.
        :param not_found: what happens to a request that is not in the file: ``"abort"``: it fails; ``"fallback"``: it
            goes to the next handler, or to the server.
        :param update: record to the file instead, as :meth:`record_har` does, until the registration is disposed of.
        :param update_content: where bodies go in that case, as for :meth:`record_har`.
        :param update_mode: how much is recorded in that case, as for :meth:`record_har`.
        :returns: fires with a :class:`Registration`. Fails with :exc:`ValueError` if the file is not a HAR file, with
            :exc:`OSError` if it cannot be read; otherwise like :meth:`route`.
        """
        if update:
            made = self.record_har(har, pattern=cast("Any", url), bodies=update_content, mode=update_mode)
            return await recorded(made)
        return await route_from_har(self._interception.routes, har, url, not_found, self._base_url)

    def unroute(self, pattern: RouteMatch, handler: RouteHandler | None = None) -> Deferred[None]:
        """Remove the handlers that :meth:`route` has registered for a pattern; see ``Page.unroute``.

        :param pattern: the pattern that :meth:`route` was called with.
        :param handler: remove only this handler; None removes all for the pattern.
        :returns: fires with None once the browser has the change; fails like ``Session.execute``.
        """
        return self._interception.routes.remove(pattern, handler)

    def unroute_all(self, behavior: Behavior | None = None) -> Deferred[None]:
        """Remove all handlers that :meth:`route` has registered; see ``Page.unroute_all``.

        :param behavior: ``"wait"``, ``"ignoreErrors"``, ``"default"`` or None.
        :returns: fires and fails like :meth:`unroute`.
        """
        return self._interception.routes.remove_all(behavior)

    def requests_paused(
        self,
        pattern: RouteMatch,
        *,
        stage: Stage = "request",
        resource_types: Sequence[str] | None = None,
        timeout: Timeout = 30.0,
    ) -> Stream[Route]:
        """Return a stream of the requests that :meth:`route` would stop, each a :class:`Route`.

        :param pattern: as for ``Page.requests_paused``, like the other arguments.
        :param stage: ``"request"`` or ``"response"``.
        :param resource_types: only requests of these types.
        :param timeout: seconds, or a timedelta.
        :raises TypeError: an argument has the wrong type.
        :raises ValueError: an argument is invalid.
        """
        options = {"stage": stage, "resource_types": resource_types, "timeout": timeout}
        context = self.browser.connection.context
        return requests_paused(context, self._interception.routes, pattern, self._base_url, options)

    @property
    def request(self) -> ContextClient:
        """A treq client with the context's cookies, proxy, user agent and extra headers: a :class:`ContextClient`.

        ``context.request.get(url)`` and treq's other methods fire with treq's responses. Logins are shared with the
        pages, in both directions.
        """
        return self._interception.client

    def _make_client(self) -> ContextClient:
        from txcdp.network._client import ContextClient

        reactor = self.browser.connection.context.clock
        jars = (self.cookie_jar, self._add_received_cookies, self._cookies.remove_jar)
        return ContextClient(reactor, self._client_settings, *jars, self.cookies, self.storage_state)

    def _add_received_cookies(self, jar: Iterable[JarCookie]) -> Deferred[None]:
        """Add the cookies of responses, except those that the browser never accepts."""
        return self._cookies.add_received(jar)

    @returns_deferred
    async def _client_settings(self) -> ClientSettings:
        """Return the settings for requests that no page makes."""
        from txcdp.network._client import ClientSettings

        options = self._emulation.options
        agent = options.get("user_agent")
        if agent is None:
            agent = (await self.browser.version()).user_agent
        return ClientSettings(
            user_agent=agent,
            headers=options.get("extra_http_headers") or {},
            base_url=self._base_url,
            credentials=self._interception.credentials.http,
            proxy=self._interception.proxy,
            trusting=bool(options.get("ignore_https_errors")),
        )

    @while_open
    def route_web_socket(self, pattern: RouteMatch, handler: WebSocketRouteHandler) -> Deferred[Registration]:
        """Route WebSockets of all present and future pages to a handler; see ``Page.route_web_socket``.

        :param pattern: as for ``Page.route_web_socket``.
        :param handler: called with the :class:`WebSocketRoute` of the page's side; routes of the page take precedence.
        :returns: fires and fails like ``Page.route_web_socket``.
        """
        return self._interception.sockets.add(pattern, handler, self._base_url)

    @returns_deferred
    async def _route_sockets(self) -> None:
        self.browser._openings.start()
        await when_all([each._sockets.begin() for each in self.pages])  # in one write

    def _has(self, info: target.TargetInfo) -> bool:
        """Return whether a target is in the context."""
        if self.id is not None:
            return info.browser_context_id == self.id
        return info.browser_context_id not in self.browser._contexts

    @while_open
    async def grant_permissions(self, permissions: Sequence[str], *, origin: str | None = None) -> None:
        """Grant permissions to pages (``Browser.grantPermissions``), in addition to those granted before.

        From then on, all other permissions are denied without asking; after an empty list, all permissions are.

        :param permissions: names such as ``"geolocation"``, ``"notifications"``, ``"camera"``, ``"clipboard-read"``.
        :param origin: the origin to grant them to, such as ``"https://example.com"``; None means all.
        :returns: fires with None once they are granted. Fails with :exc:`ValueError` for an invalid permission or
            origin; otherwise like ``Session.execute``.
        """
        names, of = checked_permissions(permissions), checked_origin(origin)
        before = self._granted
        self._granted = {**before, of: list(dict.fromkeys([*before.get(of, ()), *names]))}
        await self._told(self._grant(of))

    @while_open
    async def clear_permissions(self) -> None:
        """Revoke all permissions that were granted (``Browser.resetPermissions``).

        :returns: fires with None when that is done; fails like ``Session.execute``.
        """
        self._granted = {}
        await self._told(("Browser.resetPermissions", self._named({})))

    @returns_deferred
    async def _set_up(self) -> None:
        """Set up in the browser what is not set in its pages; repeated after a reconnect."""
        telling = [self._grant(origin) for origin in self._granted]
        told = [self._told(each) for each in telling]  # in one write
        await when_all([*told, *self.browser._downloads.set_up(self._downloads)])

    def _list_workers(self, kind: str) -> list[Worker]:
        self._want_workers()
        return self._workers.running(kind)

    def _want_workers(self) -> None:
        """Attach to the workers that belong to no page."""
        self._workers.wanted = True
        self.browser._openings.start()

    def _hear_downloads(self) -> None:
        """Enable the events of its pages' downloads."""
        self.browser._downloads.begin(self._downloads)

    def _grant(self, origin: str | None) -> tuple[str, dict[str, Any]]:
        where = {} if origin is None else {"origin": origin}
        return "Browser.grantPermissions", self._named({"permissions": self._granted[origin], **where})

    def _named(self, params: dict[str, Any]) -> dict[str, Any]:
        return params if self.id is None else {**params, "browserContextId": self.id}

    def _told(self, command: tuple[str, dict[str, Any]]) -> Deferred[Any]:
        """Send the browser a command: not by way of the session's journal, as the context may have another id later."""
        root = self.browser.session
        return succeed(None) if root.suspended else root._send_quietly(*command)

    def _change(self, **options: Any) -> Deferred[None]:
        given: Any = {**dict.fromkeys(options), **checked_options(options)}
        return self._emulation.change(self.browser.connection.timeout, given)

    def _gone(self, what: str) -> Gone | None:
        """Return why the context can no longer be used; None if it can."""
        root = self.browser.session
        if root.ended:
            return root._refusal("")
        return ContextClosed(what) if self._closing else None

    def _say_closed(self, failure: Failure, what: str) -> Failure:
        """Report the end of the context as the reason why something failed in it; an errback."""
        error = self._gone(what)
        if error is None or failure.check(CommandError, SessionDetached) is None:
            return failure
        error.__cause__ = failure.value
        return Failure(error)

    def _check(self, what: str) -> None:
        """Refuse to use a context that is gone."""
        error = self._gone(what)
        if error is not None:
            raise error

    def _end(self, error: Exception | None = None) -> None:
        self._closing = True
        self._streams.end(error)
        self.browser._downloads.end(self._downloads).addErrback(ignore_failure)
        self._closed.fire(None)
