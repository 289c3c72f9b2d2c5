"""A page: a target of type ``page``, with the methods that programs use."""

from __future__ import annotations

import contextlib
import copy
import os
from collections.abc import Callable, Mapping, Sequence
from datetime import timedelta
from functools import cached_property, partial, wraps
from typing import TYPE_CHECKING, Any, Concatenate, Literal, ParamSpec, TypeVar, Unpack, cast

from twisted.internet.defer import Deferred, fail

from txcdp._arguments import check_function, check_path, most_arguments
from txcdp._core.sessions import Session
from txcdp._deferreds import EndedByBlock, OneShot, failing_deferreds, ignore_failure, returns_deferred, with_deadline
from txcdp._timeouts import DEFAULT, DefaultTimeouts, Timeout, seconds_of
from txcdp._url_patterns import URLMatch, url_matcher
from txcdp.domains import heap_profiler, page, target
from txcdp.errors import CommandTimeout, ConnectionLost, ContextDestroyed, DialogOpen, Gone, NotABrowser
from txcdp.network import Exchange, ExchangeMatch, HarBodies, HarMode, HarRecording, Request, Response, Route, WebSocket
from txcdp.network._har_recording import stop_all
from txcdp.network._page_interception import PageInterception
from txcdp.network._route import Stage
from txcdp.network._routes import Behavior, RouteHandler, RouteMatch
from txcdp.network._routing import recorded, register, requests_paused, route_from_har
from txcdp.network._waits import ExchangeWait, IdleWait, exchange_matcher
from txcdp.network._web_socket_routes import PageSocketRoutes, WebSocketRouteHandler
from txcdp.page import _capture as capture
from txcdp.page import _commits as commits
from txcdp.page import _printing as printing
from txcdp.page._accessibility import Accessibility
from txcdp.page._clock import Clock
from txcdp.page._console import ConsoleMessage, PageConsole, PageError
from txcdp.page._coordinates import is_in_view
from txcdp.page._coverage import Coverage
from txcdp.page._dialogs import Dialog, PageDialogs
from txcdp.page._downloads import Download
from txcdp.page._emulation import PageEmulation
from txcdp.page._evaluation import Evaluator
from txcdp.page._file_choosers import FileChooser, FileChoosers
from txcdp.page._frames import Frame, FrameTree, Navigation, WaitUntil, check_wait_until
from txcdp.page._handles import ElementHandle, JSHandle, handle_of
from txcdp.page._injected import Injected
from txcdp.page._input import InputDevices, Keyboard, Mouse, Touchscreen
from txcdp.page._locating import Path
from txcdp.page._locator_handlers import LocatorHandlers
from txcdp.page._locators import Locator
from txcdp.page._measures import capture_heap_snapshot, metrics
from txcdp.page._navigation import Navigator
from txcdp.page._options import (
    ColorScheme,
    Contrast,
    ForcedColors,
    Media,
    PageSettings,
    ReducedMotion,
    checked_options,
)
from txcdp.page._popups import Popups
from txcdp.page._reading import masked
from txcdp.page._screencast import ScreencastFrame, screencast
from txcdp.page._scripts import Binding, Scripts, source_of
from txcdp.page._shortcuts import SelectorActions
from txcdp.page._storage import WebStorage
from txcdp.page._tracing import Tracing
from txcdp.page._videos import ScreencastFile, save_screencast
from txcdp.page._viewport import ViewportSize, checked
from txcdp.page._waiting import wait_for_timeout
from txcdp.page._workers import Worker
from txcdp.protocol import Event
from txcdp.streams import EventStream, Expected, Registration, Stream
from txcdp.streams._pulled import PulledStream

if TYPE_CHECKING:
    from txcdp._core.connection import Connection
    from txcdp.browser import Browser, BrowserContext
    from txcdp.network._har_routes import HarNotFound

E = TypeVar("E", bound=Event)
P = ParamSpec("P")
T = TypeVar("T")


def _while_open(method: Callable[Concatenate[Page, P], Deferred[T]]) -> Callable[Concatenate[Page, P], Deferred[T]]:
    """Make a method of a page fail if the page has ended, before the call or during it: its setting would apply to
    nothing.
    """

    @wraps(method)
    def wrapper(self: Page, /, *args: P.args, **kwargs: P.kwargs) -> Deferred[T]:
        def checked(result: T) -> T:
            error = gone()
            if error is not None:
                raise error
            return result

        def gone() -> Exception | None:
            return self.session._refusal("") if self.session.ended else None

        error = gone()
        return fail(error) if error is not None else method(self, *args, **kwargs).addCallback(checked)

    return wrapper


@failing_deferreds
class Page(SelectorActions, EndedByBlock):
    """A page, as made by ``Browser.new_page``, ``BrowserContext.new_page`` and ``Browser.attach_pages``.

    The Page domain and lifecycle events stay enabled on its session. When the page closes or crashes, or the browser
    goes away, everything pending fails at once with :exc:`SessionDetached`, :exc:`TargetCrashed` or
    :exc:`ConnectionLost`. :meth:`goto` and :meth:`reload` revive a crashed page. With a reconnect or restart policy,
    the same object continues on the new connection.

    :param connection: the connection to the browser.
    :param session: the page's session.
    :param target_id: the id of the page's target.
    :param dialogs: answers the dialogs of the browser.
    :param context: the context that the page belongs to.
    :param emulation: the settings that the page is given.
    :param found: whether the page existed before txcdp attached to it, and so may have loaded anything already.
    :param opener: the page that opened this one.
    :ivar session: the session, for the rest of the protocol: ``page.session.execute(...)``.
    :ivar context: the :class:`BrowserContext` that the page belongs to.
    """

    def __init__(
        self,
        connection: Connection,
        session: Session,
        target_id: str,
        dialogs: PageDialogs,
        context: BrowserContext,
        emulation: PageEmulation,
        found: bool = False,
        opener: Page | None = None,
    ) -> None:
        self.session = session
        self.context = context
        self._injected = Injected(session)
        self._evaluator = Evaluator(self._injected, self._frame_by_id)
        self._camera = capture.Camera(session, self._tops)
        self._target_id = target_id
        self._was_found = found
        self._connection = connection
        self._emulation = emulation
        self._timeouts = DefaultTimeouts(context._timeouts)
        session._set_default_timeout(self._timeouts.general)
        self._dialogs = dialogs.follow(session, self)  # with the Page domain enabled, they wait for an answer
        self._navigator: Navigator = Navigator(session)
        url = "about:blank" if session.target is None else session.target.url
        going = opener is not None and opener._popups.is_going_somewhere()
        self._popups: Popups = Popups(session, opener)
        self._tree = FrameTree(self, target_id, url or "about:blank", found, going, dialogs.follow)
        self._said = PageConsole(self, self._tree.streams)
        self._file_choosers = FileChoosers(self, self._tree.streams)
        # All leave in one write. A page that hangs answers when it hangs no more.
        session._insist(page.enable()).addErrback(ignore_failure)
        self._interception = PageInterception(session, context._interception, self._tree.network)
        self._interception.begin()
        self._injected.register()
        self._scripts = Scripts(self._injected, self._source_of_call)
        self._made_devices: InputDevices | None = None
        self._sockets = PageSocketRoutes(self, context._interception.sockets)
        self._sockets.begin_if_wanted()
        context.clock._attach(self)
        self._tracing: Tracing | None = None
        self._coverage: Coverage | None = None
        self._locator_handlers: LocatorHandlers | None = None
        self._set_up: OneShot[None] = OneShot()
        hearing = session._insist(page.set_lifecycle_events_enabled(enabled=True))
        hearing.addErrback(ignore_failure).addCallback(lambda _: self._set_up.fire(None))
        self._tree.follow(found)

    def __repr__(self) -> str:
        return f"<Page {self.target_id}: {self.session!r}>"

    @property
    def url(self) -> str:
        """The document's URL, with its fragment, as last reported by the browser: known without a round trip."""
        return self._tree.url_of(self._tree.main._row)

    @property
    def main_frame(self) -> Frame:
        """The top-level frame: the same object for the life of the page."""
        return self._tree.main

    @property
    def frames(self) -> list[Frame]:
        """All frames: the main frame first, then the others in the order in which they were attached."""
        return list(self._tree.frames.values())

    def frame(self, name: str | None = None, *, url: URLMatch | None = None) -> Frame | None:
        """Return the first frame with the given name, URL, or both.

        :param name: the frame's name.
        :param url: as for :meth:`wait_for_url`.
        :returns: the frame, or None if no frame matches.
        :raises TypeError: neither is given.
        """
        if name is None and url is None:
            raise TypeError("frame() needs either a name or url=")
        matches = None if url is None else url_matcher(url, self.context._base_url)
        for each in self._tree.frames.values():
            if (name is None or each.name == name) and (matches is None or matches(each.url)):
                return each
        return None

    @property
    def browser(self) -> Browser:
        """The browser that the page belongs to."""
        return self.context.browser

    @property
    def target_id(self) -> str:
        """The id of the page's target; it changes when the browser is restarted."""
        info = self.session.target
        return self._target_id if info is None else info.target_id

    @property
    def main_frame_id(self) -> str:
        """The main frame's id: the same as the target's, until a prerendered page has taken its place."""
        return self._tree.main._row.id

    @property
    def viewport_size(self) -> ViewportSize | None:
        """The size that was set for the page, in CSS pixels; None if the page has the size of its window."""
        size = self._emulation.viewport
        return None if size is None else size.copy()

    @returns_deferred
    async def set_viewport_size(self, viewport_size: ViewportSize) -> None:
        """Set the size of the page's viewport (``Emulation.setDeviceMetricsOverride``).

        :param viewport_size: the size in CSS pixels, such as ``{"width": 800, "height": 600}``.
        :returns: fires with None once the page has the size. Fails with :exc:`TypeError` or :exc:`ValueError` for an
            invalid size; otherwise like ``Session.execute``.
        """
        await self._emulate(viewport=checked(viewport_size), screen=None)

    def emulate_media(
        self,
        *,
        media: Media | None = None,
        color_scheme: ColorScheme | None = None,
        reduced_motion: ReducedMotion | None = None,
        forced_colors: ForcedColors | None = None,
        contrast: Contrast | None = None,
    ) -> Deferred[None]:
        """Set the media type and the user's preferences that the page's CSS sees (``Emulation.setEmulatedMedia``).

        An argument that is omitted or None leaves its setting as it is: as set before, otherwise as set for the
        context. ``"null"`` turns the emulation off.

        :param media: ``"screen"`` or ``"print"``.
        :param color_scheme: ``"light"``, ``"dark"`` or ``"no-preference"``.
        :param reduced_motion: ``"reduce"`` or ``"no-preference"``.
        :param forced_colors: ``"active"`` or ``"none"``.
        :param contrast: ``"more"``, ``"less"`` or ``"no-preference"``.
        :returns: fires with None once the page has the settings. Fails with :exc:`ValueError` for an invalid value, and
            otherwise like ``Session.execute``.
        """
        given: dict[str, Any] = {
            "media": media,
            "color_scheme": color_scheme,
            "reduced_motion": reduced_motion,
            "forced_colors": forced_colors,
            "contrast": contrast,
        }
        return self._emulate(**{name: value for name, value in given.items() if value is not None})

    def set_extra_http_headers(self, headers: Mapping[str, str]) -> Deferred[None]:
        """Send extra headers with each request of the page (``Network.setExtraHTTPHeaders``).

        :param headers: the headers; they replace those that were set before. The context's headers are sent too, except
            those of the same names.
        :returns: fires with None once the page has the headers. Fails with :exc:`ValueError` or :exc:`TypeError` if one
            cannot be sent, and otherwise like ``Session.execute``.
        """
        return self._emulate(extra_http_headers=headers)

    @_while_open
    def set_cache_enabled(self, enabled: bool) -> Deferred[None]:
        """Enable or disable the browser's cache for the page's requests (``Network.setCacheDisabled``).

        :param enabled: whether the cache may answer; this overrides the context's setting for the page.
        :returns: fires with None once the page has the setting; fails like ``Session.execute``.
        """
        return self._emulation.change(self._connection.timeout, PageSettings(cache_enabled=enabled))

    @_while_open
    def set_bypass_service_worker(self, bypass: bool) -> Deferred[None]:
        """Choose whether the page's requests bypass its service worker (``Network.setBypassServiceWorker``).

        :param bypass: whether they bypass it.
        :returns: fires with None once the page has the setting; fails like ``Session.execute``.
        """
        return self._emulation.change(self._connection.timeout, PageSettings(bypass_service_worker=bypass))

    def bring_to_front(self) -> Deferred[None]:
        """Bring the page to the front of its window (``Page.bringToFront``).

        :returns: fires with None once it is in front; fails like ``Session.execute``.
        """
        return self.session.execute(page.bring_to_front())

    @_while_open
    def _emulate(self, /, **options: Any) -> Deferred[None]:
        """Give the page settings that take precedence over those of its context."""
        given: Any = {**dict.fromkeys(options), **checked_options(options)}
        return self._emulation.change(self._connection.timeout, given)

    def _expect_to_go(self) -> None:
        """Send now what the first navigation would otherwise wait for: this saves a round trip."""
        self._tree.network.sessions.prepare()

    def when_set_up(self) -> Deferred[None]:
        """Wait until the page is set up for its methods, or setting it up has failed; then the methods report the
        failure.

        :returns: fires with None; fails with :exc:`CommandTimeout` if it takes longer than the connection's command
            timeout, as with a page that hangs.
        """
        seconds = self._connection.timeout
        late = lambda: CommandTimeout("Page.setLifecycleEventsEnabled", seconds or 0)  # noqa: E731
        return with_deadline(self.session.context.clock, self._set_up.wait(), seconds, late)

    def events(self, event: type[E]) -> EventStream[E]:
        """Return a stream of one of the page's events; see :meth:`Session.events`.

        :param event: the event's class, such as ``cdp.network.ResponseReceived``.
        """
        return self.session.events(event)

    @returns_deferred
    async def new_cdp_session(self) -> Session:
        """Attach to the page once more (``Target.attachToTarget``), to get a session of your own.

        The library does not use this session: what you enable, attach or subscribe to there does not interfere with
        what the page does on ``page.session``. Like that one, it survives reconnecting.

        :returns: fires with a :class:`Session`, which ends with the page; ``detach()`` ends it earlier. Fails with
            :exc:`NotABrowser` if the connection is to the page itself, which has only one session; otherwise like
            ``Session.execute``.
        """
        if self.session is self._connection.session:
            raise NotABrowser("new_cdp_session", "page")
        if self.session.ended:
            raise copy.copy(await self.session.when_ended())
        return await self._connection._attach_apart(self.target_id)

    @property
    def dialogs(self) -> Stream[Dialog]:
        """The page's dialogs (alert, confirm, prompt, ``beforeunload``), as they open: a stream of :class:`Dialog`.

        A subscriber has 30 s to answer with ``accept()`` or ``dismiss()``; the page waits meanwhile. The same holds for
        a subscriber to ``page.events(JavascriptDialogOpening)``. Without any subscriber, dialogs are dismissed at once,
        and ``beforeunload`` is accepted. The stream continues after a crash and completes with the page.
        """
        return self._dialogs.dialogs

    def set_default_timeout(self, timeout: Timeout) -> None:
        """Set the default timeout for everything that waits on the page: 30 s unless set.

        It also applies to navigations, unless :meth:`set_default_navigation_timeout` was called. The default for
        :meth:`evaluate`, :meth:`content` and :meth:`title` stays the connection's command timeout.

        :param timeout: seconds, or a timedelta; None or 0 means no timeout; :data:`~txcdp.DEFAULT` restores the
            context's.
        :raises ValueError: it is negative.
        """
        self._timeouts.set(timeout)

    def set_default_navigation_timeout(self, timeout: Timeout) -> None:
        """Set the default timeout of :meth:`goto` and :meth:`reload`: 30 s unless set.

        :param timeout: as for :meth:`set_default_timeout`.
        :raises ValueError: it is negative.
        """
        self._timeouts.set_navigation(timeout)

    @property
    def navigations(self) -> Stream[Navigation]:
        """The navigations of the page's frames, each emitted when it commits, as a stream of :class:`Navigation`.

        Like all of the page's streams, it continues after crashes and reconnects, and completes with the page.
        """
        return self._tree.streams.get("navigations")

    @property
    def frame_attached(self) -> Stream[Frame]:
        """The frames that are added to the page, as a stream of :class:`Frame`."""
        return self._tree.streams.get("frame_attached")

    @property
    def frame_navigated(self) -> Stream[Frame]:
        """The frames whose document or URL has changed, as a stream of :class:`Frame`."""
        return self._tree.streams.get("frame_navigated")

    @property
    def frame_detached(self) -> Stream[Frame]:
        """The frames that are removed, as a stream of :class:`Frame`."""
        return self._tree.streams.get("frame_detached")

    @property
    def dom_content_loaded(self) -> Stream[Page]:
        """The page, each time a document of its main frame has been parsed."""
        return self._tree.streams.get("dom_content_loaded")

    @property
    def loaded(self) -> Stream[Page]:
        """The page, each time a document of its main frame has loaded with everything that belongs to it (``load``)."""
        return self._tree.streams.get("loaded")

    @property
    def crashes(self) -> Stream[Page]:
        """The page, each time its process has crashed; :meth:`goto` or :meth:`reload` revives it."""
        return self._tree.streams.get("crashes")

    @property
    def console(self) -> Stream[ConsoleMessage]:
        """The messages written to the console of the page and its workers, as a stream of :class:`ConsoleMessage`.

        They include the browser's own messages, such as one about a failed request.
        """
        return self._said.console

    @property
    def page_errors(self) -> Stream[PageError]:
        """The uncaught errors and unhandled rejections of the page, as a stream of :class:`PageError`."""
        return self._said.page_errors

    @property
    def popups(self) -> Stream[Page]:
        """The pages that this page opens, as a stream of :class:`Page`.

        A popup starts to run once all subscribers have received it: what they send immediately takes effect before its
        first script. At that point its document is still the empty one: see :meth:`wait_for_load_state`.
        """
        return self._tree.streams.on_demand("popups", self.browser._openings.start)

    @property
    def opener(self) -> Page | None:
        """The page that opened this one; None if there is none, or if it is closed."""
        return self._popups.opener

    @property
    def file_choosers(self) -> Stream[FileChooser]:
        """The page's file choosers, as they open: a stream of :class:`FileChooser`.

        While there is a subscriber, no dialog is shown (``Page.setInterceptFileChooserDialog``).
        """
        return self._file_choosers.stream

    @property
    def keyboard(self) -> Keyboard:
        """The page's keyboard."""
        return self._devices.keyboard

    @property
    def mouse(self) -> Mouse:
        """The page's mouse."""
        return self._devices.mouse

    @property
    def touchscreen(self) -> Touchscreen:
        """The page's touchscreen, if its context has one."""
        return self._devices.touchscreen

    @property
    def _devices(self) -> InputDevices:
        if self._made_devices is None:
            self._made_devices = InputDevices(
                self.session,
                self._dialogs,
                self._tree.followers,
                lambda: [session for session, _ in self._tree.evaluators()],
                is_local=lambda: self.browser.process is not None,
                user_agent=lambda: self.browser.version().addCallback(lambda said: said.user_agent),
                has_touch=lambda: bool(self._emulation.options.get("has_touch")),
            )
        return self._made_devices

    @property
    def downloads(self) -> Stream[Download]:
        """The downloads that the page starts, as they begin: a stream of :class:`Download`.

        A download that begins while this stream, the context's and the browser's have no subscriber is cancelled.
        """
        return self._tree.streams.on_demand("downloads", self.context._hear_downloads)

    @property
    def workers(self) -> list[Worker]:
        """The page's running workers; service workers belong to its context."""
        return list(self._said.workers)

    @property
    def worker_started(self) -> Stream[Worker]:
        """The page's workers as they start, each before its first script runs, as a stream of :class:`Worker`."""
        return self._tree.streams.get("worker_started")

    @property
    def exchanges(self) -> Stream[Exchange]:
        """All network traffic of the page, as a stream of :class:`Exchange`.

        It emits one exchange for each request and each hop of a redirect, as it begins: those of all frames, in
        whichever process they run, of dedicated workers, and those that the browser makes on the page's behalf, such as
        preflights and icons. A new subscriber gets only the exchanges that begin later.
        """
        return self._tree.network.stream("exchanges")

    @property
    def requests(self) -> Stream[Request]:
        """The requests of the page, as they begin: a stream of :class:`Request`.

        Unlike :attr:`exchanges`, it leaves out preflights, icons, ``data:`` URLs and WebSockets.
        """
        return self._tree.network.stream("requests")

    @property
    def responses(self) -> Stream[Response]:
        """The responses to :attr:`requests`, once their headers have arrived: a stream of :class:`Response`."""
        return self._tree.network.stream("responses")

    @property
    def requests_finished(self) -> Stream[Request]:
        """Those of :attr:`requests` that have succeeded, once the whole response has arrived."""
        return self._tree.network.stream("requests_finished")

    @property
    def requests_failed(self) -> Stream[Request]:
        """Those of :attr:`requests` that have failed: see ``Request.failure``.

        A response with status 404, say, does not count as a failure.
        """
        return self._tree.network.stream("requests_failed")

    @property
    def web_sockets(self) -> Stream[WebSocket]:
        """The WebSockets that the page and its workers open, as a stream of :class:`WebSocket`."""
        return self._tree.network.stream("web_sockets")

    def wait_for_exchange(self, predicate: ExchangeMatch, *, timeout: Timeout = DEFAULT) -> Deferred[Exchange]:
        """Wait for an exchange from now on: call it before what causes the exchange.

        :param predicate: a function that is called with each :class:`Exchange` when it begins, when its response has
            arrived and when it has ended, and that returns whether it is the one, or a Deferred or coroutine of that;
            or a pattern for its URL, as for :meth:`wait_for_url`.
        :param timeout: seconds, or a timedelta; None or 0 means no timeout; by default the page's default timeout.
        :returns: fires with the exchange. Fails with :exc:`ActionTimeout`, with what the function raises, and with
            :exc:`TargetCrashed`, :exc:`SessionDetached` or :exc:`ConnectionLost`.
        """
        matches = exchange_matcher(predicate, self.context._base_url)
        what = predicate if isinstance(predicate, str) else getattr(predicate, "pattern", "an exchange")
        return ExchangeWait(self._tree.network, matches).begin(self._seconds(timeout), str(what))

    @_while_open
    @returns_deferred
    async def record_har(
        self,
        path: str | os.PathLike[str],
        *,
        bodies: HarBodies = "embed",
        pattern: URLMatch | None = None,
        secrets: bool = False,
        mode: HarMode = "full",
    ) -> HarRecording:
        """Record the page's network traffic to a HAR 1.2 file.

        Each exchange is written when it has ended, and is not kept in memory after that. The file is complete after
        each exchange, even if the browser or the program ends half-way. Only its owner may read it (mode 0600).

        :param path: the file, which is replaced if it exists. For a path that ends with ``.zip``, the HAR (as
            ``har.har``) and attached bodies go into one zip file, which is made when the recording ends; until then
            they are in a folder beside it whose name begins with a dot.
        :param bodies: ``"embed"``: in the HAR; ``"attach"``: in files beside it; ``"omit"``: nowhere.
        :param pattern: record only URLs that match, as for :meth:`wait_for_url`.
        :param secrets: whether to write cookies, authorization, tokens, passwords and the like; if false, their values
            are masked in headers, cookies, URLs, forms and JSON.
        :param mode: ``"full"``, or ``"minimal"``: only what :meth:`route_from_har` needs, without times, sizes, cookies
            and pages.
        :returns: fires with the :class:`~txcdp.network.HarRecording` once it has begun. The recording ends with the
            page, or by its ``stop()``. Fails with :exc:`OSError` if the file cannot be written, with :exc:`ValueError`
            or :exc:`TypeError` for an invalid argument, and like ``Session.execute``.
        """
        network = self._tree.network
        made = await self.context._record(self.exchanges, path, bodies, pattern, secrets, mode)
        network.recordings.append(made)
        return made

    def network_idle(self, *, idle: float = 0.5, in_flight: int = 0, timeout: Timeout = DEFAULT) -> Deferred[None]:
        """Wait until the network has been idle for a while.

        All requests in flight in any frame or worker of the page count, including those that began earlier. Not counted
        are event sources, WebSockets, beacons and icons, requests whose sender is gone, and a worker's script until the
        worker reports it: for a shared worker, the end may never be reported.

        :param idle: how long the network has to be idle, in seconds.
        :param in_flight: how many requests may still be in flight.
        :param timeout: as for :meth:`wait_for_exchange`.
        :returns: fires with None. Fails with :exc:`ActionTimeout`, which lists what was in flight, and with
            :exc:`TargetCrashed`, :exc:`SessionDetached` or :exc:`ConnectionLost`.
        """
        return IdleWait(self._tree.network, idle, in_flight).begin(self._seconds(timeout))

    @_while_open
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
        """Route requests of the page, its frames and its workers to a handler that decides what happens to them
        (``Fetch``).

        Requests that do not match are not stopped. If several handlers match, the one registered last is called first,
        then the earlier ones, then those of :meth:`BrowserContext.route`; each decides, or passes the request on with
        ``route.fallback()``. If a handler raises, or does not decide in time, this is logged and the next one is
        called; after the last one the request continues. For redirects, the handler gets only the first request.

        :param pattern: a glob for the whole URL, as for :meth:`wait_for_url`; or a :class:`re.Pattern` to search for in
            it, an object with a method ``test``, such as a URLPattern, or a function of the URL. With anything but a
            glob, the browser stops every request and the program matches it.
        :param handler: called with the :class:`Route`, or with the route and its request if it takes two arguments. It
            may return a Deferred, or be a coroutine function.
        :param times: how many requests it handles; None means all.
        :param stage: ``"request"``: before the request is sent; ``"response"``: when the response's headers have
            arrived.
        :param resource_types: only requests of these types, such as ``["image", "font"]``; see
            ``Request.resource_type``.
        :param timeout: seconds, or a timedelta, for the handler to decide; None or 0 means no timeout.
        :returns: fires with a :class:`Registration`, which removes the handler again, once the browser has the route.
            Fails with :exc:`TypeError` or :exc:`ValueError` for an invalid argument; otherwise like
            ``Session.execute``.
        """
        options = {"times": times, "stage": stage, "resource_types": resource_types, "timeout": timeout}
        return register(self._interception.routes, pattern, handler, self.context._base_url, options)

    @_while_open
    @returns_deferred
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
        """Answer the page's requests from a HAR recording, or make the recording.

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
        return await route_from_har(self._interception.routes, har, url, not_found, self.context._base_url)

    def unroute(self, pattern: RouteMatch, handler: RouteHandler | None = None) -> Deferred[None]:
        """Remove the handlers that :meth:`route` has registered for a pattern.

        :param pattern: the pattern that :meth:`route` was called with.
        :param handler: remove only this handler; None removes all for the pattern.
        :returns: fires with None once the browser has the change; fails like ``Session.execute``.
        """
        return self._interception.routes.remove(pattern, handler)

    def unroute_all(self, behavior: Behavior | None = None) -> Deferred[None]:
        """Remove all handlers that :meth:`route` has registered.

        :param behavior: ``"wait"``: wait for running handlers to end, too; ``"ignoreErrors"``: do not log what they
            raise from now on; None or ``"default"``: neither.
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

        They are paused while there is a subscriber. The first decision counts; if there is none in time, the next
        handler is called.

        :param pattern: as for :meth:`route`, like the other arguments.
        :param stage: ``"request"`` or ``"response"``.
        :param resource_types: only requests of these types.
        :param timeout: seconds, or a timedelta.
        :raises TypeError: an argument has the wrong type.
        :raises ValueError: an argument is invalid.
        """
        options = {"stage": stage, "resource_types": resource_types, "timeout": timeout}
        context = self.session.context
        return requests_paused(context, self._interception.routes, pattern, self.context._base_url, options)

    @_while_open
    def route_web_socket(self, pattern: RouteMatch, handler: WebSocketRouteHandler) -> Deferred[Registration]:
        """Route WebSockets of the page, its frames and its dedicated workers to a handler that decides about them.

        It applies to WebSockets that are created from now on; those of shared and service workers are not routed. If
        the handler does not connect to the server, the socket is open once the handler has returned, or its Deferred
        has fired: from then on, the program receives what the page sends, and sends to the page.

        :param pattern: as for :meth:`route`; the URLs begin with ``ws://`` or ``wss://``.
        :param handler: called with the :class:`WebSocketRoute` of the page's side; it may return a Deferred, or be a
            coroutine function. If it fails, this is logged, and the socket is connected to the server.
        :returns: fires with a :class:`Registration` once the present documents have the route. Fails with
            :exc:`TypeError` or :exc:`ValueError` for an invalid argument; otherwise like ``Session.execute``.
        """
        return self._sockets.own.add(pattern, handler, self.context._base_url)

    def goto(
        self,
        url: str,
        wait_until: WaitUntil = "load",
        *,
        referer: str | None = None,
        timeout: Timeout = DEFAULT,
    ) -> Deferred[Response | None]:
        """Navigate to a URL (``Page.navigate``) and wait until the page has loaded.

        If a script of the page navigates on to another page, that one is followed. A status like 404 is not an error,
        with or without a body: see ``Response.status``. A page that stops loading before its load event, by
        ``window.stop()`` or by navigating to something that is not a page, counts as loaded. If the Deferred is
        cancelled or times out before the navigation has committed, loading stops and the page stays where it was.

        :param url: the URL, absolute or relative to the context's ``base_url``.
        :param wait_until: ``"commit"``: the new document has begun; ``"domcontentloaded"``: it is parsed; ``"load"``:
            everything that belongs to it has loaded; ``"networkidle"``: and there were no requests for half a second,
            in its frames as well; event sources do not count.
        :param referer: the ``Referer`` header, a URL; None means that of :meth:`set_extra_http_headers`, if there is
            one.
        :param timeout: seconds, or a timedelta; None or 0 means no timeout; by default what
            :meth:`set_default_navigation_timeout` has set for the page, its context or the browser: 30 s.
        :returns: fires with the server's :class:`Response`, the last one in case of redirects; with None if there was
            none: for ``about:blank``, a ``data:`` URL, or a change of only the fragment. Fails with
            :exc:`NavigationError` or a subclass: :exc:`InvalidPageURL`, :exc:`NavigationTimeout`,
            :exc:`DownloadStarted`, :exc:`DocumentBroken` if the document's body broke off or cannot be decoded, and
            :exc:`NavigationInterrupted` if the program navigates the page somewhere else meanwhile; with
            :exc:`SessionDetached`, :exc:`TargetCrashed` or :exc:`ConnectionLost`; with :exc:`ValueError` if
            ``wait_until`` is invalid, ``timeout`` is negative, or ``referer`` cannot be sent.
        """
        return self.main_frame.goto(url, wait_until, referer=referer, timeout=timeout)

    def reload(
        self, wait_until: WaitUntil = "load", *, ignore_cache: bool = False, timeout: Timeout = DEFAULT
    ) -> Deferred[Response | None]:
        """Reload the page (``Page.reload``) and wait until it has loaded.

        :param wait_until: as for :meth:`goto`.
        :param ignore_cache: fetch everything from the server, bypassing the cache.
        :param timeout: as for :meth:`goto`.
        :returns: fires and fails like :meth:`goto`.
        """
        check_wait_until(wait_until)
        return self._navigator.reload(self.main_frame, wait_until, ignore_cache, self._navigation_seconds(timeout))

    def go_back(self, wait_until: WaitUntil = "load", *, timeout: Timeout = DEFAULT) -> Deferred[Response | None]:
        """Go back in the page's history (``Page.navigateToHistoryEntry``) and wait until the page has loaded.

        :param wait_until: as for :meth:`goto`; a document restored whole from the back/forward cache has reached every
            state.
        :param timeout: as for :meth:`goto`.
        :returns: fires and fails like :meth:`goto`; fires with None, too, if there is nothing to go back to. A document
            from the cache has its original response, whose body the browser no longer has.
        """
        check_wait_until(wait_until)
        return self._navigator.step(self.main_frame, -1, wait_until, self._navigation_seconds(timeout))

    def go_forward(self, wait_until: WaitUntil = "load", *, timeout: Timeout = DEFAULT) -> Deferred[Response | None]:
        """Go forward in the page's history (``Page.navigateToHistoryEntry``) and wait until the page has loaded.

        :param wait_until: as for :meth:`go_back`.
        :param timeout: as for :meth:`goto`.
        :returns: fires and fails like :meth:`go_back`.
        """
        check_wait_until(wait_until)
        return self._navigator.step(self.main_frame, 1, wait_until, self._navigation_seconds(timeout))

    def set_content(self, html: str, wait_until: WaitUntil = "load", *, timeout: Timeout = DEFAULT) -> Deferred[None]:
        """Replace the document by another one (``document.write``), under the same URL.

        :param html: the whole document.
        :param wait_until: as for :meth:`goto`.
        :param timeout: as for :meth:`goto`.
        :returns: fires with None once it has loaded; fails like :meth:`wait_for_load_state`.
        """
        return self.main_frame.set_content(html, wait_until, timeout=timeout)

    def wait_for_load_state(self, state: WaitUntil = "load", *, timeout: Timeout = DEFAULT) -> Deferred[None]:
        """Wait until the present document, or one that replaces it meanwhile, has reached a load state.

        A document that a script has written (``document.write``) and not closed never reaches it: for such a document,
        the wait ends half a second after all of its scripts and style sheets have loaded.

        :param state: as ``wait_until`` of :meth:`goto`.
        :param timeout: as for :meth:`goto`.
        :returns: fires with None; at once if the document is in that state. Fails with :exc:`NavigationTimeout`,
            :exc:`SessionDetached`, :exc:`TargetCrashed` or :exc:`ConnectionLost`; with :exc:`ValueError` if ``state``
            is invalid or ``timeout`` is negative.
        """
        return self.main_frame.wait_for_load_state(state, timeout=timeout)

    def expect_navigation(
        self, url: URLMatch | None = None, wait_until: WaitUntil = "load", *, timeout: Timeout = DEFAULT
    ) -> Expected[Response | None]:
        """Expect a navigation of the page during a block: ``async with page.expect_navigation(): ...``.

        Leaving the block waits until the page has navigated and its document has reached ``wait_until``; a block that
        raises does not wait. The ``value`` of the object that the block gets is, at each reading, a new Deferred of the
        server's :class:`Response`, or of None as with :meth:`goto`. Navigations within a document count, too.

        :param url: the URL to wait for, as for :meth:`wait_for_url`; None means any.
        :param wait_until: as for :meth:`goto`.
        :param timeout: as for :meth:`goto`.
        :raises ValueError: as :meth:`wait_for_url`.
        :raises NavigationError: at the end of the block, if the document could not be loaded, or if the navigation
            brought none (a 204, a download); :exc:`NavigationTimeout` if there was no navigation in time.
        """
        return self.main_frame.expect_navigation(url, wait_until, timeout=timeout)

    def wait_for_url(
        self, url: URLMatch, wait_until: WaitUntil = "load", *, timeout: Timeout = DEFAULT
    ) -> Deferred[None]:
        """Wait until the page is at a URL and its document has reached a load state.

        :param url: a glob for the whole URL (``*``: anything but a slash, ``**``: anything, ``{a,b}``: one of these), a
            :class:`re.Pattern` to search for in it, or a function of the URL.
        :param wait_until: as for :meth:`goto`.
        :param timeout: as for :meth:`goto`.
        :returns: fires with None; at once if the page is there. Fails like :meth:`wait_for_load_state`, with what the
            function raises, and with :exc:`ValueError` for an invalid glob.
        """
        return self.main_frame.wait_for_url(url, wait_until, timeout=timeout)

    def evaluate(
        self,
        expression: str,
        arg: Any = None,
        *,
        await_promise: bool = True,
        timeout: Timeout = DEFAULT,
    ) -> Deferred[Any]:
        """Evaluate JavaScript in the page's document, and return the value as a Python object (``Runtime.evaluate``).

        ``undefined``, ``null``, functions and symbols become None. A number becomes an int if it is whole and less than
        2**53, otherwise a float; a bigint becomes an int. An Array or Set becomes a list, an object or Map a dict (a
        Map with keys that are not hashable a list of pairs); a value that occurs twice is one object, and cycles are
        kept. A Date becomes a :class:`~datetime.datetime` in UTC, or None if it is invalid; a URL a str; a RegExp a
        :class:`re.Pattern`, or a str if Python has no equivalent; an Error a :class:`JSError`; bytes become bytes,
        other typed arrays :class:`array.array`. A DOM node becomes ``"ref: <Node>"``. A property whose getter throws is
        left out. A promise is awaited.

        :param expression: an expression, such as ``document.title``; statements, whose last value is returned; or a
            function, such as ``(a) => a.length``, which is called.
        :param arg: the argument for the function: the same kinds of values, and dataclasses and msgspec Structs; an int
            beyond 2**53 becomes a bigint, a datetime without a timezone counts as UTC, a parsed URL becomes a URL, and
            an exception an Error.
        :param await_promise: whether to await the result if it is a promise.
        :param timeout: seconds, or a timedelta; None or 0 means no timeout; by default the connection's command
            timeout.
        :returns: fires with the value. Fails with :exc:`EvaluationError` if the JavaScript throws, or with a subclass:
            :exc:`ContextDestroyed` if the page navigates meanwhile, and :exc:`NotSerializable`; with :exc:`TypeError`
            or :exc:`ValueError` if ``arg`` has no JavaScript equivalent; otherwise like ``Session.execute``.
        """
        return self._evaluator.evaluate(expression, (arg,), await_promise=await_promise, timeout=timeout)

    @returns_deferred
    async def evaluate_handle(self, expression: str, arg: Any = None, *, timeout: Timeout = DEFAULT) -> JSHandle:
        """Evaluate JavaScript in the page's document, and return a handle to the value, which stays in the page
        (``Runtime.evaluate``).

        :param expression: as for :meth:`evaluate`.
        :param arg: as for :meth:`evaluate`.
        :param timeout: as for :meth:`evaluate`.
        :returns: fires with a :class:`JSHandle`, for a DOM node an :class:`ElementHandle`; fails like :meth:`evaluate`.
        """
        return handle_of(await self._evaluator.keep(expression, (arg,), timeout=timeout))

    def wait_for_function(
        self,
        expression: str,
        arg: Any = None,
        *,
        polling: float | timedelta | Literal["raf"] = "raf",
        timeout: Timeout = DEFAULT,
    ) -> Deferred[JSHandle]:
        """Wait until an expression, or the result of a function, is true in the page's document.

        The wait continues across navigations, with the same expression in the new document. A promise is awaited, and
        its result has to be true. Cancelling leaves nothing behind in the page.

        :param expression: as for :meth:`evaluate`.
        :param arg: as for :meth:`evaluate`. If it contains a handle, the wait ends with the handle's document.
        :param polling: seconds between evaluations, or a timedelta; ``"raf"``: with each frame that the page draws.
        :param timeout: seconds, or a timedelta; None or 0 means no timeout; by default the page's default timeout.
        :returns: fires with a :class:`JSHandle` of the true value. Fails with :exc:`ActionTimeout`, with
            :exc:`EvaluationError` if the expression throws, with :exc:`ValueError` if ``polling`` is not more than 0,
            and otherwise like :meth:`evaluate`.
        """
        return self.main_frame.wait_for_function(expression, arg, polling=polling, timeout=timeout)

    @returns_deferred
    async def add_locator_handler(
        self,
        locator: Locator,
        handler: Callable[..., object],
        *,
        no_wait_after: bool = False,
        times: int | None = None,
    ) -> Registration:
        """Call a function whenever something covers the page, such as a consent banner.

        Before each try of an action, an assertion or a wait for an element, and within its timeout, the function is
        called if the locator's element is visible; not with ``force``, and not before methods that only look, such as
        ``is_visible``. While a handler runs, no handler is called for its own actions. The timeout ends the wait for
        the function, not the function itself.

        :param locator: the element that covers the page.
        :param handler: called with the locator if it takes an argument; it may return a Deferred, or be a coroutine
            function. If it raises, the action fails with that error.
        :param no_wait_after: whether to go on without waiting for the element to be hidden after the function has
            returned.
        :param times: how often it is called at most; None means no limit.
        :returns: fires with a :class:`Registration`, which removes the handler again.
        :raises ValueError: ``times`` is negative.
        """
        given: object = locator
        if not isinstance(given, Locator):
            raise TypeError(f"add_locator_handler({given!r}): expected a Locator, such as page.locator(selector)")
        if self._locator_handlers is None:
            self._locator_handlers = LocatorHandlers()
        return self._locator_handlers.add(locator, handler, times, not no_wait_after)

    @returns_deferred
    async def remove_locator_handler(self, locator: Locator) -> None:
        """Remove the handlers that were added for a locator.

        :param locator: the same locator, or an equal one.
        :returns: fires with None.
        """
        if self._locator_handlers is not None:
            self._locator_handlers.remove(locator)

    def wait_for_timeout(self, timeout: float | timedelta) -> Deferred[None]:
        """Wait for a fixed time; it is better to wait for a condition of the page.

        :param timeout: seconds, or a timedelta.
        :returns: fires with None after that time; fails with :exc:`SessionDetached` or :exc:`ConnectionLost` when the
            page ends.
        """
        return wait_for_timeout(self.session, seconds_of(timeout, None) or 0)

    def add_init_script(
        self, script: str | None = None, *, path: str | os.PathLike[str] | None = None
    ) -> Deferred[Registration]:
        """Run a script in each new document of the page and its frames, before any of their own scripts.

        A sandboxed frame with ``srcdoc`` may have run its own scripts first: Chromium does not hold it back.

        :param script: the script's text.
        :param path: a file with the script, instead.
        :returns: fires with a :class:`Registration`, which removes the script again, once the browser has the script.
            Fails like ``Session.execute``; with :exc:`ValueError` if neither or both are given, and with :exc:`OSError`
            if the file cannot be read.
        """
        return self._scripts.add(source_of(script, path))

    def expose_function(self, name: str, callback: Callable[..., object]) -> Deferred[Binding]:
        """Add a function that calls the program to all documents of the page and its frames, present and future.

        In the page, the function returns a promise of what the callback returns or fires with, which may contain
        handles of the document. An exception becomes a rejection with an Error of the same name and text.

        :param name: the function's name, a property of ``window``.
        :param callback: called with the arguments, or with as many of them as it takes; it may return a Deferred, or be
            a coroutine function.
        :returns: fires with a :class:`Binding`, which removes the function again, once the page has the function. Fails
            with :exc:`ValueError` if the name is taken; otherwise like ``Session.execute``.
        """
        self._tree.hear_contexts()
        check_function("callback", callback)
        most = most_arguments(callback)
        return self._scripts.expose(name, lambda source, *args: callback(*args[:most]))

    def expose_binding(self, name: str, callback: Callable[..., object] | None = None) -> Deferred[Binding]:
        """Do the same as :meth:`expose_function`, and tell the callback where a call comes from.

        :param name: the function's name, a property of ``window``.
        :param callback: called with a dict of ``"context"``, ``"page"`` and ``"frame"``, followed by the arguments;
            None: ``Binding.calls`` emits the calls, which return ``undefined`` at once.
        :returns: fires and fails like :meth:`expose_function`.
        """
        self._tree.hear_contexts()
        return self._scripts.expose(name, callback)

    def add_script_tag(
        self,
        *,
        url: str | None = None,
        path: str | os.PathLike[str] | None = None,
        content: str | None = None,
        type: str = "",  # noqa: A002  (as users of the field know it)
        timeout: Timeout = DEFAULT,
    ) -> Deferred[ElementHandle]:
        """Add a ``<script>`` to the page's document.

        :param url: the script's URL.
        :param path: a local file with the script, instead.
        :param content: the script's text, instead.
        :param type: the element's ``type``, such as ``"module"``.
        :param timeout: seconds, or a timedelta; None or 0 means no timeout; by default the page's default timeout.
        :returns: fires with an :class:`ElementHandle` once the script has run, or has loaded; at once if the document's
            scripts are off, so that it never runs. Fails with :exc:`EvaluationError` if the script cannot be loaded,
            throws, or is refused by the document's policy; with :exc:`ActionTimeout` if it has not loaded in time; with
            :exc:`ValueError` unless exactly one of the three is given; otherwise like :meth:`evaluate`.
        """
        return self.main_frame.add_script_tag(url=url, path=path, content=content, type=type, timeout=timeout)

    def add_style_tag(
        self,
        *,
        url: str | None = None,
        path: str | os.PathLike[str] | None = None,
        content: str | None = None,
        timeout: Timeout = DEFAULT,
    ) -> Deferred[ElementHandle]:
        """Add a ``<style>`` to the page's document, or a ``<link>`` if a URL is given.

        :param url: the style sheet's URL.
        :param path: a local file with the style sheet, instead.
        :param content: the style sheet's text, instead.
        :param timeout: as for :meth:`add_script_tag`.
        :returns: fires with an :class:`ElementHandle` once it has loaded; fails like :meth:`add_script_tag`.
        """
        return self.main_frame.add_style_tag(url=url, path=path, content=content, timeout=timeout)

    def _seconds(self, timeout: Timeout) -> float | None:
        """Return the timeout of anything but a navigation, in seconds."""
        return seconds_of(timeout, self._timeouts.general())

    def _source_of_call(self, injected: Injected, context_id: int) -> dict[str, Any]:
        frame = self._tree.frame_of_context(injected.session, context_id)
        return {"context": self.context, "page": self, "frame": frame}

    def content(self) -> Deferred[str]:
        """Return the document's present state as HTML, with its doctype.

        :returns: fires with the text; fails like :meth:`evaluate`.
        """
        return self.main_frame.content()

    def title(self) -> Deferred[str]:
        """Return the document's title.

        :returns: fires with the text; fails like :meth:`evaluate`.
        """
        return self.main_frame.title()

    @property
    def clock(self) -> Clock:
        """The clock of the page, shared by all pages of its context."""
        return self.context.clock

    @cached_property
    def local_storage(self) -> WebStorage:
        """The ``localStorage`` of the document's origin: shared by all of its pages, for the life of the context."""
        return self._web_storage("local")

    @cached_property
    def session_storage(self) -> WebStorage:
        """The ``sessionStorage`` of the document's origin, which belongs to this page alone."""
        return self._web_storage("session")

    @returns_deferred
    async def screenshot(
        self,
        path: str | os.PathLike[str] | None = None,
        *,
        type: capture.ImageFormat | None = None,  # noqa: A002  (as users of the field know it)
        format: capture.ImageFormat | None = None,  # noqa: A002  (the protocol's name)
        quality: int | None = None,
        full_page: bool = False,
        clip: capture.Clip | page.Viewport | None = None,
        mask: Sequence[str | ElementHandle | Locator] = (),
        mask_color: str | None = None,
        style: str | None = None,
        animations: Literal["disabled", "allow"] = "allow",
        caret: Literal["hide", "initial"] = "hide",
        omit_background: bool = False,
        scale: Literal["css", "device"] = "device",
        timeout: Timeout = DEFAULT,
    ) -> bytes:
        """Take a screenshot of the page (``Page.captureScreenshot``), once the fonts that it needs have loaded.

        Changes made to the page for the screenshot are undone, even if it fails or is cancelled. A frame of another
        site that does not answer for 5 seconds is captured as it is, unless something in it has to be masked.

        :param path: a file to write the screenshot to as well; its suffix sets the format: .png, .jpg, .jpeg or .webp.
        :param type: ``"png"``, ``"jpeg"`` or ``"webp"``; by default as the path says, otherwise PNG.
        :param format: the same as ``type``, by the protocol's name.
        :param quality: for JPEG and WebP, 0 to 100.
        :param full_page: capture the whole document instead of the viewport only.
        :param clip: capture only this part, such as ``{"x": 0, "y": 0, "width": 100, "height": 50}``, in CSS pixels;
            what lies outside the picture is cut off. A :class:`~txcdp.domains.page.Viewport` is a part of the document,
            and has a scale.
        :param mask: what to paint over: CSS selectors, each for all matching elements of the page's document, and
            elements or locators of any frame.
        :param mask_color: the CSS colour to paint it with; ``"#FF00FF"`` by default.
        :param style: a style sheet that applies while the screenshot is taken, in all frames and in their open shadow
            trees.
        :param animations: ``"disabled"``: finite animations and transitions are moved to their end, with its events;
            infinite ones are shown in their initial state, and restart afterwards.
        :param caret: ``"hide"``, or ``"initial"``: leave the text caret blinking.
        :param omit_background: make a document without a background transparent; not for JPEG.
        :param scale: ``"device"``: one pixel for each device pixel; ``"css"``: one for each CSS pixel.
        :param timeout: seconds, or a timedelta; None or 0 means no timeout; by default what :meth:`set_default_timeout`
            has set for the page, its context or the browser, otherwise the connection's command timeout.
        :returns: fires with the file's content. Fails like :meth:`evaluate`; with :exc:`CommandTimeout` if the fonts do
            not load in time; with :exc:`ValueError` or :exc:`TypeError` for invalid arguments: the clip is outside the
            picture, the suffix is unknown or contradicts ``type``, a quality is given for a PNG; with :exc:`OSError` if
            the file cannot be written.
        """
        picture = capture.Picture(
            capture.format_of(path, type, format),
            quality=quality,
            full_page=full_page,
            clip=clip,
            mask=await masked(mask),
            mask_color=mask_color,
            style=style,
            animations=animations,
            caret=caret,
            omit_background=omit_background,
            scale=scale,
        )
        return await self._camera.take(picture, self._capture_seconds(timeout), path)

    def aria_snapshot(
        self, *, boxes: bool = False, depth: int | None = None, timeout: Timeout = DEFAULT
    ) -> Deferred[str]:
        """Return the accessibility tree of the document's body as text; see ``Locator.aria_snapshot``."""
        return self.locator("body").aria_snapshot(boxes=boxes, depth=depth, timeout=timeout)

    def is_closed(self) -> bool:
        """Return whether the page is closed, or the browser is gone."""
        return self.session.ended

    def when_closed(self) -> Deferred[None]:
        """Return a Deferred that fires with None when the page is closed, or the browser is gone; at once if it already
        is.
        """
        return self.session.when_ended().addCallback(lambda _: None)

    def pdf(
        self,
        path: str | os.PathLike[str] | None = None,
        *,
        timeout: Timeout = DEFAULT,
        **options: Unpack[printing.PdfOptions],
    ) -> Deferred[bytes]:
        """Print the page to PDF (``Page.printToPDF``), with its print styles.

        Lengths are numbers of CSS pixels, or strings with a unit: ``"96px"``, ``"1in"``, ``"2.54cm"``, ``"25.4mm"``.

        :param path: a file to write the PDF to as well.
        :param timeout: seconds until it is printed, or a timedelta; as for :meth:`screenshot`. The PDFs of one page are
            printed one after the other.
        :param options: ``format``, such as ``"A4"``, instead of ``width`` and ``height`` (8.5 x 11 inches); ``margin``,
            a dict of ``top``, ``right``, ``bottom`` and ``left`` (0); ``landscape``; ``scale``, 0.1 to 2;
            ``print_background``; ``page_ranges``, such as ``"1-5, 8"``; ``display_header_footer`` with
            ``header_template`` and ``footer_template``, in HTML; ``prefer_css_page_size``; ``outline``; ``tagged``.
        :returns: fires with the file's content. Fails with :exc:`TypeError` or :exc:`ValueError` for an invalid length
            or format, with :exc:`OSError` if the file cannot be written; otherwise like ``Session.execute``.
        """
        return self._pdf(path, options, timeout)

    def pdf_chunks(self, *, timeout: Timeout = DEFAULT, **options: Unpack[printing.PdfOptions]) -> Stream[bytes]:
        """Print the page to a PDF of any size, in chunks (``Page.printToPDF``, ``IO.read``).

        Printing begins with the subscription. While a :func:`~txcdp.streams.queue` is full, no more is read, so
        ``queue(page.pdf_chunks(), maxsize=4)`` holds a quarter of a megabyte at most.

        :param timeout: as for :meth:`pdf`.
        :param options: as for :meth:`pdf`.
        :returns: a stream of bytes, which completes with the PDF, or fails as :meth:`pdf` does.
        :raises TypeError: an option has the wrong type.
        :raises ValueError: a length or format is invalid.
        """
        command, seconds = printing.command(options), self._capture_seconds(timeout)
        start = lambda: self._printer.chunks(command, seconds)  # noqa: E731
        return PulledStream(self.session.context, "pieces of a PDF", start)

    @returns_deferred
    async def snapshot(self, path: str | os.PathLike[str] | None = None, *, timeout: Timeout = DEFAULT) -> str:
        """Return the page, with everything that it shows, as one MHTML file (``Page.captureSnapshot``).

        :param path: a file to write it to as well.
        :param timeout: as for :meth:`screenshot`.
        :returns: fires with the text. Fails with :exc:`OSError` if the file cannot be written; otherwise like
            ``Session.execute``.
        """
        return await printing.snapshot(self.session, path, self._capture_seconds(timeout))

    @cached_property
    def _printer(self) -> printing.Printer:
        return printing.Printer(self.session)

    @returns_deferred
    async def _pdf(self, path: str | os.PathLike[str] | None, options: printing.PdfOptions, timeout: Timeout) -> bytes:
        if path is not None:
            check_path("path", path)  # before it is printed
        command, seconds = printing.command(options), self._capture_seconds(timeout)
        return await printing.whole(self._printer.chunks(command, seconds), path)

    def screencast(
        self,
        *,
        format: Literal["jpeg", "png"] = "jpeg",  # noqa: A002  (the protocol's name)
        quality: int | None = None,
        max_size: ViewportSize | None = None,
        every_nth: int = 1,
    ) -> Stream[ScreencastFrame]:
        """Return a stream of pictures of the page, as its content changes (``Page.startScreencast``).

        It begins with the first subscriber and stops with the last. Each picture is acknowledged once the subscribers
        have returned. A page can have any number of screencasts at a time, each in a session of its own
        (``Target.attachToTarget``); if the connection is to the page itself, it has one.

        :param format: ``"jpeg"`` or ``"png"``.
        :param quality: for JPEG, 0 to 100.
        :param max_size: the size that the pictures are fitted into, in pixels.
        :param every_nth: 2 for every second picture, and so on.
        :returns: a stream of :class:`ScreencastFrame`, which completes with the page, and fails if the browser refuses.
        :raises ValueError: the format, quality, size or number is invalid.
        :raises TypeError: an argument has the wrong type.
        """
        attach = None if self.session is self._connection.session else self.new_cdp_session
        return screencast(self.session, format, quality, max_size, every_nth, attach)

    @property
    def tracing(self) -> Tracing:
        """Chromium's trace: ``start()``, and ``stop()``, which writes it to a file or returns it."""
        if self._tracing is None:
            self._tracing = Tracing(self.session)
        return self._tracing

    @property
    def coverage(self) -> Coverage:
        """The coverage of the page's scripts and style sheets: how much of them is used."""
        if self._coverage is None:
            names = lambda: [each.injected.name for _, each in self._tree.evaluators()]  # noqa: E731
            self._coverage = Coverage(self.new_cdp_session, names, self._navigator.leaving)
        return self._coverage

    @property
    def accessibility(self) -> Accessibility:
        """The page's accessibility tree."""
        return Accessibility(self.session, lambda: self.main_frame_id)

    def metrics(self) -> Deferred[dict[str, float]]:
        """Return Chromium's metrics of the page (``Performance.getMetrics``).

        Accumulated values, such as ``ScriptDuration``, count from the first call on.

        :returns: fires with a dict keyed by Chromium's names, such as ``Nodes``, ``JSHeapUsedSize`` (in bytes) and
            ``LayoutDuration`` (in seconds); fails like ``Session.execute``.
        """
        return metrics(self.session)

    def request_gc(self) -> Deferred[None]:
        """Collect the page's garbage (``HeapProfiler.collectGarbage``).

        :returns: fires with None when that is done; fails like ``Session.execute``.
        """
        return self.session.execute(heap_profiler.collect_garbage())

    def capture_heap_snapshot(self, path: str | os.PathLike[str], *, timeout: Timeout = DEFAULT) -> Deferred[None]:
        """Write a snapshot of the page's JavaScript heap to a file, in chunks (``HeapProfiler``).

        :param path: the file, such as ``"page.heapsnapshot"``, which DevTools can open.
        :param timeout: as for :meth:`screenshot`.
        :returns: fires with None once the file is complete. Fails with :exc:`OSError` if it cannot be written;
            otherwise like ``Session.execute``. If it fails, no partial file is left behind.
        """
        return capture_heap_snapshot(self.session, path, self._capture_seconds(timeout))

    def save_screencast(
        self,
        path: str | os.PathLike[str],
        *,
        quality: int = 90,
        max_size: ViewportSize | None = None,
        ffmpeg: str | os.PathLike[str] | None = None,
    ) -> Deferred[ScreencastFile]:
        """Record what the page shows to a video, with the ``ffmpeg`` program of this machine.

        While nothing changes, the last picture stays. The video also ends with the page.

        :param path: the video file; its suffix sets the format: .webm (VP8), .gif or .mp4 (H.264).
        :param quality: of the pictures that the video is made of, 0 to 100.
        :param max_size: the size that the pictures are fitted into, in pixels; if the page's size changes later, its
            pictures are fitted into the size of the first one.
        :param ffmpeg: the program; None means the one on PATH.
        :returns: fires with a :class:`ScreencastFile`, whose ``stop()`` ends the video. Fails with
            :exc:`ExecutableNotFound` if there is no ``ffmpeg``, with :exc:`ValueError` for an invalid video; otherwise
            like ``Session.execute``.
        """
        return save_screencast(self.new_cdp_session, path, quality, max_size, ffmpeg)

    def _tops(self) -> list[capture.TopFrame]:
        """Return the topmost frame of each process that runs a part of the page; the page's own process first."""
        return [
            capture.TopFrame(session, frame._world(session), frame._row.id, partial(is_in_view, frame))
            for session, frame in self._tree.tops()
        ]

    def _capture_seconds(self, timeout: Timeout) -> float | None:
        return seconds_of(timeout, self._timeouts.general(self._connection.timeout))

    @returns_deferred
    async def close(self, *, run_before_unload: bool = False) -> None:
        """Close the page (``Target.closeTarget``), without running its ``beforeunload`` handlers.

        :param run_before_unload: run its ``beforeunload`` handlers (``Page.close``), which may open a dialog and so
            keep the page open: see :attr:`dialogs`. In that case the Deferred fires once the page was asked to close;
            use :meth:`when_closed` to wait for its end.
        :returns: fires with None once the page's session has ended; at once if it has ended before, for any reason.
            Fails with :exc:`CommandError` if the browser refuses, with :exc:`CommandTimeout` if it takes longer than
            the connection's command timeout, and with :exc:`ConnectionLost` if the connection is lost: after a
            reconnect, the page is closed then.
        """
        if self.session.ended:
            return
        if self._tree.network.recordings:
            await stop_all(self._tree.network.recordings)
        connection = self._connection
        if run_before_unload:
            with contextlib.suppress(Gone):  # it has closed before it could answer
                await self.session.execute(page.close())
            return
        if self.session is not connection.session:
            target_id = lambda: self.target_id  # noqa: E731
            try:
                await commits.close_target(connection.session, target_id, self.session, connection.timeout)
            except ConnectionLost:
                connection.when_connected().addCallback(lambda _: self.close()).addErrback(ignore_failure)
                raise
            return
        try:
            await self.session.execute(target.close_target(target_id=self.target_id))
        except Gone:
            if not self.session.ended:
                raise  # another line is being looked for, over which the page would come back
        await connection.close()

    def _start(self) -> tuple[Frame, Path]:
        return self.main_frame, Path()

    def _add_script(self, source: str, *, now: bool) -> Deferred[Registration]:
        """Run a script in future documents, or in the present ones as well."""
        return self._scripts.add(source, now=now)

    def _in_frames(self, expression: str) -> list[Deferred[Any]]:
        """Evaluate an expression in all frames."""
        return [each.evaluate(expression) for each in self.frames]

    def _web_storage(self, kind: Literal["local", "session"]) -> WebStorage:
        read: Callable[[str, str], Deferred[str]] = lambda method, source: self._read(self.main_frame, method, source)  # noqa: E731
        return WebStorage(kind, read, lambda: self.url)

    def _frame_by_id(self, frame_id: str) -> Frame | None:
        """Return the frame with an id, if it exists: a node may have moved to a page that this one opened."""
        trees = (self._tree, *(each._tree for each in self.context.pages))
        return next((frame for each in trees if (frame := each.frame(frame_id)) is not None), None)

    def _note_document(self, frame: Frame) -> None:
        """Note that a frame has another document."""
        self.context._note_url(frame.url)

    def _session_began(self, session: Session, evaluator: Evaluator) -> None:
        """Set up the session of a frame in another process, which waits for that."""
        self._popups.hear(session)
        self.context._emulation.hear_windows(self.session, session)
        self._interception.add(session)
        self._sockets.add(session)
        self._said.add(session, evaluator, fresh=not self._was_found)
        self._file_choosers.add(session, evaluator)

    def _worker_began(self, session: Session) -> Worker:
        """Set up a worker that was attached to and waits for that."""
        self._sockets.add_worker(session)
        self._interception.add_worker(session)
        worker = Worker(session, self)
        self._said.add_worker(worker)
        self._tree.streams.push("worker_started", worker)
        return worker

    def _navigation_seconds(self, timeout: Timeout) -> float | None:
        """Return the timeout of a navigation in seconds."""
        return seconds_of(timeout, self._timeouts.navigation())

    def _note_gap(self) -> None:
        """Note that the connection was lost and replaced."""
        self._injected.register_again()

    @returns_deferred
    async def _read(self, frame: Frame, what: str, expression: str) -> str:
        """Evaluate for the library; refused during a dialog, because it would wait for an action of the program."""
        if frame.is_detached() and not self.is_closed():
            raise self._tree.removed(frame)
        if self.session.blocked_by:
            raise DialogOpen(f"page.{what}()", self.session.blocked_by)
        frame_id = frame._row.id
        session = await frame._when_session()
        reading = Deferred.fromCoroutine(frame._world(session).read(expression, frame_id))
        try:
            return str(await reading.addErrback(lambda failure: self._tree.explain(frame, failure)))
        except ContextDestroyed:
            if frame_id == frame._row.id:
                raise
            # A page that was rendered in advance has taken its place, and we have only just heard of it.
            return str(await frame._world(session).read(expression, frame._row.id))
