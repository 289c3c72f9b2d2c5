"""A browser's contexts: what is kept apart as if it were in another browser."""

from __future__ import annotations

import os
import re
import time
from collections.abc import Callable, Iterable, Mapping, Sequence
from http.cookiejar import Cookie as JarCookie
from http.cookiejar import CookieJar
from typing import TYPE_CHECKING, Any, Unpack, cast

from twisted.internet.defer import Deferred, succeed

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
from txcdp.errors import CommandError, ContextClosed, Gone
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
    """A context: pages with cookies, storage and cache of their own; made by ``Browser.new_context``.

    ``async with`` closes it at the end.

    :param made_by: the command that makes another one like it; None where it was not made here.
    :param options: it was made with.
    :ivar browser: whose it is.
    :ivar id: its id, for commands that take a ``browser_context_id``; None for the default context, which they mean
        where they have none.
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
        if permissions:
            self._granted[None] = list(permissions)
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
        #: That documents of it have had (a dict for an ordered set).
        self._origins: dict[str, None] = {}
        shared = browser.connection.context.with_base_url(self._base_url)
        self._streams = OwnersStreams(shared, "context", lambda: self.pages)
        # In the default context of a browser that others have, nothing is attached to before somebody asks.
        self._workers = ContextWorkers(self._streams, browser.process is not None or context_id is not None)

    def __repr__(self) -> str:
        return printable(f"<BrowserContext {self.id or 'default'}{' (closed)' if self._closing else ''}>")

    def is_closed(self) -> bool:
        """Return whether it is closed, or being closed."""
        return self._closing or self.browser.session.ended

    def when_closed(self) -> Deferred[None]:
        """Wait until it is closed here, or the browser or the line to it is gone for good.

        :returns: fires with None; at once where it is closed. A new Deferred at each call.
        """
        return self._closed.wait()

    @property
    def pages(self) -> list[Page]:
        """The open pages of it that this program has: opened here, or found by :meth:`Browser.attach_pages`."""
        return [each for each in self.browser._pages.values() if each.context is self and not each.session.ended]

    @property
    def console(self) -> Stream[ConsoleMessage]:
        """What all pages of the context write to the console; see ``Page.console``.

        This stream, like all of the context's, goes on whatever becomes of one page, and ends with the context.
        """
        return self._streams.gathered("console")

    @property
    def page_errors(self) -> Stream[PageError]:
        """The errors that nobody has caught in any page of the context; see ``Page.page_errors``."""
        return self._streams.gathered("page_errors")

    @property
    def dialogs(self) -> Stream[Dialog]:
        """The dialogs of all pages of the context; see ``Page.dialogs``: who subscribes here decides, too."""
        return self._streams.gathered("dialogs")

    @property
    def downloads(self) -> Stream[Download]:
        """The downloads of all pages of the context; see ``Page.downloads``. Their files end with the context."""
        return self._streams.gathered("downloads")

    @property
    def page_opened(self) -> Stream[Page]:
        """The pages that are opened in the context, by the program or by pages; a stream of :class:`Page`.

        A popup runs when all subscribers, here and of ``Page.popups``, have been given it: what they send at once is
        done before its first script.
        """
        return self._streams.on_demand("page_opened", self.browser._openings.start)

    @property
    def service_workers(self) -> list[Worker]:
        """The context's service workers that run: each is here before its first script runs."""
        return self._list_workers("service_worker")

    @property
    def service_worker_started(self) -> Stream[Worker]:
        """The context's service workers as they start, also again, each before its first script runs."""
        return self._streams.on_demand("service_worker_started", self._want_workers)

    @property
    def shared_workers(self) -> list[Worker]:
        """The context's shared workers that run, which several of its pages may have."""
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
        """What goes over the network for all pages of the context; see ``Page.exchanges``."""
        return self._of_network("exchanges")

    @property
    def requests(self) -> Stream[Request]:
        """The requests of all pages of the context; see ``Page.requests``."""
        return self._of_network("requests")

    @property
    def responses(self) -> Stream[Response]:
        """The responses that pages of the context get; see ``Page.responses``."""
        return self._of_network("responses")

    @property
    def requests_finished(self) -> Stream[Request]:
        """The requests of all pages of the context that have ended well; see ``Page.requests_finished``."""
        return self._of_network("requests_finished")

    @property
    def requests_failed(self) -> Stream[Request]:
        """The requests of all pages of the context that have not ended well; see ``Page.requests_failed``."""
        return self._of_network("requests_failed")

    @property
    def web_sockets(self) -> Stream[WebSocket]:
        """The WebSockets of all pages of the context; see ``Page.web_sockets``."""
        return self._of_network("web_sockets")

    def _of_network(self, name: str) -> Stream[Any]:
        """Return one of the network's streams, to which popups and service workers belong from their first request."""

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
        """Record what goes over the network for all pages of the context as a file of HAR 1.2; see ``Page.record_har``.

        :param path: of the file; one that is there is replaced.
        :param bodies: ``"embed"``, ``"attach"`` or ``"omit"``.
        :param pattern: only URLs that match.
        :param secrets: whether secrets are written, too.
        :param mode: ``"full"`` or ``"minimal"``.
        :returns: fires with the :class:`~txcdp.network.HarRecording` when it has begun, which ends with the context, or
            by its ``stop()``; fails like ``Page.record_har``.
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
        """Stop all recordings of it and of its pages, as long as bodies can be read."""
        recordings = [*self._recordings, *(each for page in self.pages for each in page._tree.network.recordings)]
        if recordings:
            await stop_all(recordings)

    @property
    def frame_attached(self) -> Stream[Frame]:
        """The frames that come to be in any page of the context; see ``Page.frame_attached``."""
        return self._streams.gathered("frame_attached")

    @property
    def frame_navigated(self) -> Stream[Frame]:
        """The frames of any page of the context that have another document, or URL; see ``Page.frame_navigated``."""
        return self._streams.gathered("frame_navigated")

    @property
    def frame_detached(self) -> Stream[Frame]:
        """The frames that go in any page of the context; see ``Page.frame_detached``."""
        return self._streams.gathered("frame_detached")

    def set_default_timeout(self, timeout: Timeout) -> None:
        """Set the deadline of what waits for the context's pages, where neither the call nor the page gives one.

        :param timeout: seconds, or a timedelta; None or 0: no deadline; :data:`~txcdp.DEFAULT`: as the browser's.
        :raises ValueError: for a negative one.
        """
        self._timeouts.set(timeout)

    def set_default_navigation_timeout(self, timeout: Timeout) -> None:
        """Set the deadline of navigations; it goes before that of :meth:`set_default_timeout`.

        :param timeout: as for :meth:`set_default_timeout`.
        :raises ValueError: for a negative one.
        """
        self._timeouts.set_navigation(timeout)

    @while_open
    def new_page(self, url: str = "about:blank") -> Deferred[Page]:
        """Open a page in this context.

        :param url: as for :meth:`Browser.new_page`.
        :returns: fires and fails like :meth:`Browser.new_page`; with :exc:`ValueError`, too, where Chromium does not
            know the context's time zone or locale.
        """
        return Deferred.fromCoroutine(self.browser._new_page(url, self))

    def new_cdp_session(self, page: Page | Frame) -> Deferred[Session]:
        """Attach to a page once more, for the program's own use; see :meth:`Page.new_cdp_session`.

        :param page: the page; or a frame, where Chromium has it in a process of its own.
        :returns: fires with a :class:`Session`. Fails with :exc:`ValueError` where the frame has no session of its own;
            otherwise like ``Session.execute``.
        """
        return page.new_cdp_session()

    @while_open
    def cookies(self, urls: str | Sequence[str] | None = None) -> Deferred[list[Cookie]]:
        """Return the context's cookies (``Storage.getCookies``).

        :param urls: a URL, or several: only the cookies that are sent to any of them; None or none: all.
        :returns: fires with a list of dicts: ``name``, ``value``, ``domain`` (with a dot in front where subdomains have
            it too), ``path``, ``expires`` (seconds since the epoch; -1: it goes with the context), ``httpOnly``,
            ``secure``, ``sameSite``, and ``partitionKey`` where there is one. Fails like ``Session.execute``; with
            :exc:`ValueError` where something is no URL.
        """
        return self._cookies.get(urls)

    @while_open
    def add_cookies(self, cookies: Iterable[Cookie | Mapping[str, Any]]) -> Deferred[None]:
        """Add cookies, each in the place of one of the same name, domain and path (``Storage.setCookies``).

        :param cookies: dicts with ``name``, ``value``, and either ``url``, or ``domain`` and ``path``; else as
            :meth:`cookies` returns them.
        :returns: fires with None when the browser has them. Fails with :exc:`ValueError` or :exc:`TypeError`, and adds
            none, where one of them cannot be; otherwise like ``Session.execute``.
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
        """Delete the context's cookies, or those that all of the filters match (``Storage.clearCookies``).

        :param name: a text that is the cookie's name, or a pattern that is found in it; None: any.
        :param domain: the same of its domain, which has a dot in front where subdomains have the cookie too.
        :param path: the same of its path.
        :returns: fires with None; fails like ``Session.execute``.
        """
        return self._cookies.clear(name, domain, path)

    @while_open
    def cookie_jar(self) -> Deferred[CookieJar]:
        """Return the context's cookies as a jar, for treq, Scrapy and others; later changes are not in it.

        ``HttpOnly`` and ``SameSite`` are among a cookie's nonstandard attributes. Partitioned cookies are left out.

        :returns: fires with an :class:`http.cookiejar.CookieJar`; fails like ``Session.execute``.
        """
        return self._cookies.jar()

    @while_open
    def add_cookie_jar(self, jar: Iterable[JarCookie]) -> Deferred[None]:
        """Add all cookies of a jar that have not expired (``Storage.setCookies``).

        :param jar: an :class:`http.cookiejar.CookieJar`.
        :returns: fires with None when the browser has them; fails like ``Session.execute``.
        """
        return self._cookies.add_jar(jar)

    @while_open
    async def storage_state(
        self, path: str | os.PathLike[str] | None = None, *, indexed_db: bool = False
    ) -> StorageState:
        """Return what the context keeps for sites: to have another context, or browser, logged in as this one is.

        Of origins that no page shows now, an empty document is opened in a page that nobody sees; nothing comes from
        the network.

        :param path: a file to write it to, too, as JSON, which its owner alone can read; folders are made.
        :param indexed_db: whether to have the databases of IndexedDB, too.
        :returns: fires with a dict as Playwright's: ``cookies``, and ``origins``, each with its ``localStorage`` (and
            ``indexedDB``), where that is not empty. What pages keep for themselves (``sessionStorage``) is not in it.
            Fails with :exc:`EvaluationError` where a database has a value that cannot be written, such as a key of
            Web Crypto; with :exc:`OSError` when the file cannot be written; otherwise like ``Session.execute``.
        """
        state = await self._storage.read(indexed_db)
        if path is not None:
            save(state, path)
        return state

    @while_open
    async def set_storage_state(self, state: StorageState | Mapping[str, Any] | str | os.PathLike[str]) -> None:
        """Put a state in the place of all cookies, local storage and databases that the context has.

        :param state: as :meth:`storage_state` returns it, or the path of a file that has it.
        :returns: fires with None when the context has it. Fails, and changes nothing, with :exc:`ValueError` or
            :exc:`TypeError` where that is no state, and with :exc:`OSError` where a file cannot be read; with
            :exc:`EvaluationError` where a database cannot be written; otherwise like ``Session.execute``.
        """
        await self._storage.replace(checked_state(state))

    def _give_state(self, state: StorageState | None) -> Deferred[None]:
        """Give it the state that it is to have from its beginning, which it gets again where it is made again."""
        self._given_state = state
        return succeed(None) if state is None else self._storage.add(state)

    @property
    def _storage(self) -> ContextStorage:
        return ContextStorage(self.browser.connection, self.id, self._origins)

    def _note_url(self, url: str) -> None:
        """Note that a document of the context has that URL: its origin may keep something."""
        origin = origin_of(url)
        if origin is not None:
            self._origins[origin] = None

    @property
    def _cookies(self) -> Cookies:
        return Cookies(self.browser.session, self.id)

    @returns_deferred
    async def close(self) -> None:
        """Dispose of the context with its pages (``Target.disposeBrowserContext``); the default one ends the browser.

        While the line is lost, its pages are not opened again in a browser that is restarted, and where commands do not
        wait for another line it is disposed of when there is one.

        :returns: fires with None when it is gone and the sessions of its pages and workers have ended; so it does
            where it is closed already, or the line is lost. Otherwise fails like ``Session.execute``. For the
            default context, as :meth:`Browser.close`.
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
        """Have the browser dispose of it, under whichever id it has there; one that it does not know is gone."""
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
        """Say where the device is (``Emulation.setGeolocationOverride``), as the option of a context does.

        Like all that is set for a context, it holds for the open pages, for later ones, and over reconnects and
        restarts.

        :param geolocation: such as ``{"latitude": 52.52, "longitude": 13.39}``; None: as it is.
        :returns: fires with None when all open pages have it. Fails with :exc:`ValueError` or :exc:`TypeError` where
            there is no such place, like ``Session.execute`` where the browser refuses it, and with
            :exc:`CommandTimeout` where a page does not answer, which has it when it does.
        """
        return self._change(geolocation=geolocation)

    @while_open
    def set_offline(self, offline: bool) -> Deferred[None]:
        """Take the network away, or give it back (``Network.emulateNetworkConditions``).

        Requests of pages' own workers do not count; those of service workers and shared workers do.

        :param offline: whether there is none.
        :returns: fires and fails like :meth:`set_geolocation`.
        """
        return self._change(offline=offline)

    @while_open
    def set_network_conditions(self, network_conditions: NetworkConditions | None) -> Deferred[None]:
        """Make the network slow (``Network.emulateNetworkConditions``).

        :param network_conditions: such as ``{"latency": 0.1, "download_throughput": 50_000}``, in seconds and bytes per
            second; None: as it is.
        :returns: fires and fails like :meth:`set_geolocation`.
        """
        return self._change(network_conditions=network_conditions)

    @while_open
    def set_cpu_throttling(self, rate: float) -> Deferred[None]:
        """Make the processor slow (``Emulation.setCPUThrottlingRate``).

        :param rate: how many times slower; 1: as it is.
        :returns: fires and fails like :meth:`set_geolocation`.
        """
        return self._change(cpu_throttling=rate)

    @while_open
    def set_extra_http_headers(self, headers: Mapping[str, str]) -> Deferred[None]:
        """Have headers sent with each request of the pages (``Network.setExtraHTTPHeaders``).

        :param headers: instead of those that were set before; those of :meth:`Page.set_extra_http_headers` go before.
        :returns: fires and fails like :meth:`set_geolocation`.
        """
        return self._change(extra_http_headers=headers)

    @while_open
    async def set_http_credentials(self, http_credentials: HttpCredentials | None) -> None:
        """Set the name and password for servers that ask for them, as the option of a context does.

        Those that a server has taken before, the browser goes on to use.

        :param http_credentials: such as ``{"username": "me", "password": "secret"}``; None: none.
        :returns: fires with None when all open pages have them. Fails with :exc:`ValueError` or :exc:`TypeError` where
            they cannot be; otherwise like ``Session.execute``.
        """
        given = checked_options({"http_credentials": http_credentials}).get("http_credentials")
        await self._interception.give_credentials(given)

    @while_open
    async def block(self, patterns: Sequence[str]) -> None:
        """Let requests fail at once that match (``Network.setBlockedURLs``); the program is not asked.

        All pages have them, now and later, with their frames, workers and popups, and so have the context's shared and
        service workers. Of more than 2,000 patterns Chromium would take its time over each request: then all requests
        are paused (``Fetch``), and judged here, at what one pattern costs.

        :param patterns: in place of those before: texts in which ``*`` stands for anything, such as
            ``"://ads.example/"``, that match somewhere in a URL; none: nothing is blocked.
        :returns: fires and fails like :meth:`set_geolocation`; with :exc:`TypeError` where one is no text.
        """
        refuse_bare_string("patterns", patterns if isinstance(patterns, str | bytes) else None)
        given: list[Any] = list(patterns)
        if strange := [each for each in given if not isinstance(each, str)]:
            raise TypeError(f"patterns: a str is wanted, such as '://ads.example/', not {strange[0]!r:.100}")
        settings = PageSettings(blocked_urls=given if 0 < len(given) <= MOST_BLOCKS else None)
        sent = [self._interception.block(given), self._emulation.change(self.browser.connection.timeout, settings)]
        await when_all(sent)

    @while_open
    def set_cache_enabled(self, enabled: bool) -> Deferred[None]:
        """Let the browser's cache answer, or not (``Network.setCacheDisabled``).

        :param enabled: whether it may, as it does unless it is told otherwise.
        :returns: fires and fails like :meth:`set_geolocation`.
        """
        settings = PageSettings(cache_enabled=None if enabled else False)
        return self._emulation.change(self.browser.connection.timeout, settings)

    @while_open
    def set_user_agent(self, user_agent: str | None) -> Deferred[None]:
        """Set the user agent, with client hints that fit it (``Emulation.setUserAgentOverride``).

        :param user_agent: the user agent; None: the browser's own.
        :returns: fires and fails like :meth:`set_geolocation`.
        """
        return self._change(user_agent=user_agent)

    @while_open
    def emulate(self, **options: Unpack[EmulationOptions]) -> Deferred[None]:
        """Give the pages another device, language or time zone, or lift what guards them.

        What is not given stays. What a page has of its own goes before. Whether scripts run, and whether the
        Content-Security-Policy counts, is told to the documents that come.

        :param options: those of :class:`EmulationOptions`, such as ``locale="de-DE"``, or
            ``**txcdp.devices["Pixel 7"]``; None: as the browser has it, which makes a page as large as its window.
            Other options of a context have methods of their own, or are for :meth:`Browser.new_context` alone.
        :returns: fires and fails like :meth:`set_geolocation`; with :exc:`TypeError` for an option that is none of
            these.
        """
        for each in options:
            if each not in EmulationOptions.__annotations__:
                raise TypeError(unknown_name("emulate(): the option", each, EmulationOptions.__annotations__))
        return self._change(**options)

    @while_open
    def set_viewport_size(self, viewport_size: ViewportSize) -> Deferred[None]:
        """Give another size (``Emulation.setDeviceMetricsOverride``) to the pages that have none of their own.

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
        """Change the medium, and what the user prefers, for CSS (``Emulation.setEmulatedMedia``).

        What is not given, or None, stays; ``"null"`` is as it is without emulation. What a page has of its own goes
        before: see :meth:`Page.emulate_media`.

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
        """Have a script run in each new document of all pages, and of their frames, before any script of theirs.

        The empty document that a new page begins with is one.

        :param script: the text.
        :param path: a file that has it, instead.
        :returns: fires with a :class:`Registration`, with which it is removed again, when all open pages have it. Fails
            like ``Session.execute``; with :exc:`ValueError` where neither is given, or both are, and with
            :exc:`OSError` where the file cannot be read.
        """
        source = source_of(script, path)
        return self._scripts.add(lambda page, now: page._add_script(source, now=now))

    @while_open
    def expose_function(self, name: str, callback: Callable[..., object]) -> Deferred[Registration]:
        """Give all pages, now and later, a function that calls the program; see ``Page.expose_function``.

        :param name: the function's, as a property of ``window``.
        :param callback: called with the arguments, or with as many of them as it takes; may return a Deferred, or be a
            coroutine function.
        :returns: fires with a :class:`Registration`, with which it is removed again, when all open pages have it. Fails
            with :exc:`ValueError` where the context, or a page of it, has one of that name; otherwise like
            ``Session.execute``.
        """
        check_function("callback", callback)
        return self._scripts.add(lambda page, _: page.expose_function(name, callback), name)

    @while_open
    def expose_binding(self, name: str, callback: Callable[..., object]) -> Deferred[Registration]:
        """Do the same as :meth:`expose_function`, and say where a call comes from.

        :param name: the function's, as a property of ``window``.
        :param callback: called with a dict of ``"context"``, ``"page"`` and ``"frame"``, and then the arguments.
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
        """Have requests of all pages, now and later, wait for a function to decide about them; see ``Page.route``.

        Handlers of a page are asked before. Popups are included from their first request on, and so are the context's
        shared and service workers.

        :param pattern: as for ``Page.route``, and so are the others.
        :param handler: called with the :class:`Route`, or with the route and its request where it takes two.
        :param times: how many requests it is for; None: all.
        :param stage: ``"request"`` or ``"response"``.
        :param resource_types: only requests of these types.
        :param timeout: seconds, or a timedelta, for the handler to decide; None or 0: no deadline.
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
        """Answer all pages' requests from a recording, or make it.

        Method, URL and body have to be the same, but for the boundary of a multipart body. Answers go before failures;
        of several the one whose request has most headers in common is taken, and the same request again gets the next.

        :param har: a file of HAR 1.2, with its bodies in it, beside it, or with it in a zip file.
        :param url: only for requests that match, as for :meth:`route`; None: for all.
        :param not_found: what becomes of a request that is not there: ``"abort"``: it fails; ``"fallback"``: the next
            handler has it, or the server.
        :param update: record into the file instead, as :meth:`record_har` does, until the registration is disposed of.
        :param update_content: what becomes of bodies then, as for :meth:`record_har`.
        :param update_mode: how much is recorded then, as for :meth:`record_har`.
        :returns: fires with a :class:`Registration`. Fails with :exc:`ValueError` where that is no such file, with
            :exc:`OSError` where it cannot be read; otherwise like :meth:`route`.
        """
        if update:
            made = self.record_har(har, pattern=cast("Any", url), bodies=update_content, mode=update_mode)
            return await recorded(made)
        return await route_from_har(self._interception.routes, har, url, not_found, self._base_url)

    def unroute(self, pattern: RouteMatch, handler: RouteHandler | None = None) -> Deferred[None]:
        """Remove what :meth:`route` has registered for a pattern; see ``Page.unroute``.

        :param pattern: the same one.
        :param handler: this handler alone; None: all for the pattern.
        :returns: fires with None when the browser has it; fails like ``Session.execute``.
        """
        return self._interception.routes.remove(pattern, handler)

    def unroute_all(self, behavior: Behavior | None = None) -> Deferred[None]:
        """Remove all that :meth:`route` has registered; see ``Page.unroute_all``.

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
        """Return the requests that :meth:`route` would stop, as a stream of :class:`Route`.

        :param pattern: as for ``Page.requests_paused``, and so are the others.
        :param stage: ``"request"`` or ``"response"``.
        :param resource_types: of which types.
        :param timeout: seconds, or a timedelta.
        :raises TypeError: one of them is none.
        :raises ValueError: one of them cannot be.
        """
        options = {"stage": stage, "resource_types": resource_types, "timeout": timeout}
        context = self.browser.connection.context
        return requests_paused(context, self._interception.routes, pattern, self._base_url, options)

    @property
    def request(self) -> ContextClient:
        """A treq client with the context's cookies, proxy, user agent and extra headers: a :class:`ContextClient`.

        ``context.request.get(url)`` and treq's other methods fire with treq's responses. What a page logs in to, it is
        logged in to, and the other way round.
        """
        return self._interception.client

    def _make_client(self) -> ContextClient:
        from txcdp.network._client import ContextClient

        reactor = self.browser.connection.context.clock
        jars = (self.cookie_jar, self._add_received_cookies, self._cookies.remove_jar)
        return ContextClient(reactor, self._client_settings, *jars, self.cookies, self.storage_state)

    def _add_received_cookies(self, jar: Iterable[JarCookie]) -> Deferred[None]:
        """Add the cookies of responses, but for those that the browser takes from none."""
        return self._cookies.add_received(jar)

    @returns_deferred
    async def _client_settings(self) -> ClientSettings:
        """Return what requests have that no page makes."""
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
        """Have a function decide about WebSockets of all pages, now and later; see ``Page.route_web_socket``.

        :param pattern: as for ``Page.route_web_socket``.
        :param handler: called with the :class:`WebSocketRoute` of the page's side; routes of the page go before.
        :returns: fires and fails like ``Page.route_web_socket``.
        """
        return self._interception.sockets.add(pattern, handler, self._base_url)

    @returns_deferred
    async def _route_sockets(self) -> None:
        self.browser._openings.start()
        for waiting in [each._sockets.begin() for each in self.pages]:  # in one write
            await waiting

    def _has(self, info: target.TargetInfo) -> bool:
        """Return whether a target is in the context."""
        if self.id is not None:
            return info.browser_context_id == self.id
        return info.browser_context_id not in self.browser._contexts

    @while_open
    async def grant_permissions(self, permissions: Sequence[str], *, origin: str | None = None) -> None:
        """Let pages do things without asking (``Browser.grantPermissions``), besides those that were granted before.

        Once any was granted, what was not is denied.

        :param permissions: names such as ``"geolocation"``, ``"notifications"``, ``"camera"``, ``"clipboard-read"``.
        :param origin: whose pages, such as ``"https://example.com"``; None: all.
        :returns: fires with None when they are granted. Fails with :exc:`ValueError` where there is no such permission,
            or origin; otherwise like ``Session.execute``.
        """
        names, of = checked_permissions(permissions), checked_origin(origin)
        before = self._granted
        self._granted = {**before, of: list(dict.fromkeys([*before.get(of, ()), *names]))}
        await self._told(self._grant(of))

    @while_open
    async def clear_permissions(self) -> None:
        """Take all permissions back that were granted (``Browser.resetPermissions``).

        :returns: fires with None when that is done; fails like ``Session.execute``.
        """
        self._granted = {}
        await self._told(("Browser.resetPermissions", self._named({})))

    @returns_deferred
    async def _set_up(self) -> None:
        """Tell the browser what is set for the context and is not said to its pages; again over another line."""
        telling = [self._grant(origin) for origin in self._granted]
        told = [self._told(each) for each in telling]  # in one write
        for waiting in [*told, *self.browser._downloads.set_up(self._downloads)]:
            await waiting

    def _list_workers(self, kind: str) -> list[Worker]:
        self._want_workers()
        return self._workers.running(kind)

    def _want_workers(self) -> None:
        """Have the workers attached to that are of no page."""
        self._workers.wanted = True
        self.browser._openings.start()

    def _hear_downloads(self) -> None:
        """Have the downloads of its pages told."""
        self.browser._downloads.begin(self._downloads)

    def _grant(self, origin: str | None) -> tuple[str, dict[str, Any]]:
        where = {} if origin is None else {"origin": origin}
        return "Browser.grantPermissions", self._named({"permissions": self._granted[origin], **where})

    def _named(self, params: dict[str, Any]) -> dict[str, Any]:
        return params if self.id is None else {**params, "browserContextId": self.id}

    def _told(self, command: tuple[str, dict[str, Any]]) -> Deferred[Any]:
        """Tell the browser something: not by way of the session's journal, as the context may have another id later."""
        root = self.browser.session
        return succeed(None) if root.suspended else root._send_quietly(*command)

    def _change(self, **options: Any) -> Deferred[None]:
        given: Any = {**dict.fromkeys(options), **checked_options(options)}
        return self._emulation.change(self.browser.connection.timeout, given)

    def _gone(self, what: str) -> Gone | None:
        """Return why something cannot be done any more; None where it can."""
        root = self.browser.session
        if root.ended:
            return root._refusal("")
        return ContextClosed(what) if self._closing else None

    def _check(self, what: str) -> None:
        """Refuse to do something to a context that is gone."""
        error = self._gone(what)
        if error is not None:
            raise error

    def _end(self, error: Exception | None = None) -> None:
        self._closing = True
        self._streams.end(error)
        self.browser._downloads.end(self._downloads).addErrback(ignore_failure)
        self._closed.fire(None)
