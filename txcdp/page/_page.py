"""A page: the target of type ``page``, by what one does with it."""

from __future__ import annotations

import contextlib
import copy
import os
from collections.abc import Callable, Mapping, Sequence
from datetime import timedelta
from functools import cached_property, partial, wraps
from typing import TYPE_CHECKING, Any, Concatenate, Literal, ParamSpec, TypeVar, Unpack, cast

from twisted.internet.defer import Deferred, fail

from txcdp._arguments import check_function, most_arguments
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
    """Let a method of a page fail where the page has ended, before or meanwhile: what it sets holds for nothing."""

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
    """A page; made by ``Browser.new_page``, ``BrowserContext.new_page`` and ``Browser.attach_pages``.

    Its session's Page domain and lifecycle events stay enabled. When the page is closed or crashes, or
    the browser goes away, whatever is pending fails at once, with :exc:`SessionDetached`,
    :exc:`TargetCrashed` or :exc:`ConnectionLost`. A crashed page is revived by :meth:`goto` or
    :meth:`reload`. With a policy to reconnect or restart, the page is the same one over another line.

    :param connection: the browser's.
    :param session: the page's.
    :param target_id: the page's target.
    :param dialogs: sees to the answers of the browser's dialogs.
    :param context: the page's.
    :param emulation: what it is given.
    :param found: whether the page was there before, and so may have been anywhere.
    :param opener: the page that has opened it.
    :ivar session: for everything else that the protocol has: ``page.session.execute(...)``.
    :ivar context: the :class:`BrowserContext` that it is in.
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
        """The document's URL, with its fragment, by what the browser has said so far: known without a round trip."""
        return self._tree.url_of(self._tree.main._row)

    @property
    def main_frame(self) -> Frame:
        """The frame that all others are in: the same object for the page's life."""
        return self._tree.main

    @property
    def frames(self) -> list[Frame]:
        """All frames: the main frame first, the others in the order of attaching."""
        return list(self._tree.frames.values())

    def frame(self, name: str | None = None, *, url: URLMatch | None = None) -> Frame | None:
        """Return the first frame with a name, or a URL.

        :param name: the frame's.
        :param url: as for :meth:`wait_for_url`.
        :returns: the frame; None where there is none like that.
        :raises TypeError: neither is given.
        """
        if name is None and url is None:
            raise TypeError("frame(name) or frame(url=...): one of them is needed")
        matches = None if url is None else url_matcher(url, self.context._base_url)
        for each in self._tree.frames.values():
            if (name is None or each.name == name) and (matches is None or matches(each.url)):
                return each
        return None

    @property
    def browser(self) -> Browser:
        """The browser that it is a page of."""
        return self.context.browser

    @property
    def target_id(self) -> str:
        """The page's target; another one after the browser was restarted."""
        info = self.session.target
        return self._target_id if info is None else info.target_id

    @property
    def main_frame_id(self) -> str:
        """The main frame's id: the target's, until a page that was rendered in advance has taken its place."""
        return self._tree.main._row.id

    @property
    def viewport_size(self) -> ViewportSize | None:
        """The size that the page was given, in CSS pixels; None where it has its window's."""
        size = self._emulation.viewport
        return None if size is None else size.copy()

    @returns_deferred
    async def set_viewport_size(self, viewport_size: ViewportSize) -> None:
        """Give the page another size (``Emulation.setDeviceMetricsOverride``).

        :param viewport_size: what is seen of the document, in CSS pixels, such as ``{"width": 800, "height": 600}``.
        :returns: fires with None when the page has it. Fails with :exc:`TypeError` or :exc:`ValueError` when there is
            no such size; otherwise like ``Session.execute``.
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
        """Change the medium, and what the user prefers, for the page's CSS (``Emulation.setEmulatedMedia``).

        What is not given, or None, stays: as it was set before, else as the context has it. ``"null"`` is as it is
        without emulation.

        :param media: ``"screen"`` or ``"print"``.
        :param color_scheme: ``"light"``, ``"dark"`` or ``"no-preference"``.
        :param reduced_motion: ``"reduce"`` or ``"no-preference"``.
        :param forced_colors: ``"active"`` or ``"none"``.
        :param contrast: ``"more"``, ``"less"`` or ``"no-preference"``.
        :returns: fires with None when the page has it. Fails with :exc:`ValueError` when there is no such value, and
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
        """Have headers sent with each request of the page (``Network.setExtraHTTPHeaders``).

        :param headers: instead of those that were set before; the context's, too, are sent, but for those of the same
            names.
        :returns: fires with None when the page has them. Fails with :exc:`ValueError` or :exc:`TypeError` when one
            cannot be sent, and otherwise like ``Session.execute``.
        """
        return self._emulate(extra_http_headers=headers)

    @_while_open
    def set_cache_enabled(self, enabled: bool) -> Deferred[None]:
        """Let the browser's cache answer the page's requests, or not (``Network.setCacheDisabled``).

        :param enabled: whether it may; what holds for the context holds no more for the page.
        :returns: fires with None when the page has it; fails like ``Session.execute``.
        """
        return self._emulation.change(self._connection.timeout, PageSettings(cache_enabled=enabled))

    @_while_open
    def set_bypass_service_worker(self, bypass: bool) -> Deferred[None]:
        """Send the page's requests past its service worker, or not (``Network.setBypassServiceWorker``).

        :param bypass: whether to.
        :returns: fires with None when the page has it; fails like ``Session.execute``.
        """
        return self._emulation.change(self._connection.timeout, PageSettings(bypass_service_worker=bypass))

    def bring_to_front(self) -> Deferred[None]:
        """Bring the page to the front of its window (``Page.bringToFront``).

        :returns: fires with None when it is there; fails like ``Session.execute``.
        """
        return self.session.execute(page.bring_to_front())

    @_while_open
    def _emulate(self, /, **options: Any) -> Deferred[None]:
        """Give the page something that goes before what its context's pages have."""
        given: Any = {**dict.fromkeys(options), **checked_options(options)}
        return self._emulation.change(self._connection.timeout, given)

    def _expect_to_go(self) -> None:
        """Send now, while it is set up, what its first navigation would wait for afterwards: a round trip less."""
        self._tree.network.sessions.prepare()

    def when_set_up(self) -> Deferred[None]:
        """Wait until the page is set up for its methods, or that has failed: what needs it then says so.

        :returns: fires with None; fails with :exc:`CommandTimeout` when it takes longer than the connection's
            deadline for commands, as with a page that hangs.
        """
        seconds = self._connection.timeout
        late = lambda: CommandTimeout("Page.setLifecycleEventsEnabled", seconds or 0)  # noqa: E731
        return with_deadline(self.session.context.clock, self._set_up.wait(), seconds, late)

    def events(self, event: type[E]) -> EventStream[E]:
        """Return the stream of one of the page's events; see :meth:`Session.events`.

        :param event: such as ``cdp.network.ResponseReceived``.
        """
        return self.session.events(event)

    @returns_deferred
    async def new_cdp_session(self) -> Session:
        """Attach to the page once more (``Target.attachToTarget``), for the program's own use.

        Nothing of the library uses this session: what is enabled, attached or subscribed to there does not meet what
        the page does on ``page.session``. It goes on over lost lines as that does.

        :returns: fires with a :class:`Session`, which ends with the page; ``detach()`` ends it before. Fails with
            :exc:`NotABrowser` where the page itself was connected to, which has but one; otherwise like
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

        Whoever subscribes decides: ``accept()`` or ``dismiss()``, within 30 s; the page waits for it. So does who
        subscribes to ``page.events(JavascriptDialogOpening)``. While nobody does, dialogs are dismissed at once, and a
        ``beforeunload`` accepted. The stream goes on over crashes and ends with the page.
        """
        return self._dialogs.dialogs

    def set_default_timeout(self, timeout: Timeout) -> None:
        """Set the deadline of what waits for the page, where a call gives none: 30 s unless it was set.

        It is that of navigations too, unless :meth:`set_default_navigation_timeout` was called. That of
        :meth:`evaluate`, :meth:`content` and :meth:`title` stays the connection's for commands.

        :param timeout: seconds, or a timedelta; None or 0: no deadline; :data:`~txcdp.DEFAULT`: as the context's.
        :raises ValueError: for a negative one.
        """
        self._timeouts.set(timeout)

    def set_default_navigation_timeout(self, timeout: Timeout) -> None:
        """Set the deadline of :meth:`goto` and :meth:`reload`, where a call gives none: 30 s unless it was set.

        :param timeout: as for :meth:`set_default_timeout`.
        :raises ValueError: for a negative one.
        """
        self._timeouts.set_navigation(timeout)

    @property
    def navigations(self) -> Stream[Navigation]:
        """The navigations of the page's frames, each from its commit on, as a stream of :class:`Navigation`.

        It goes on over crashes and lost lines, and ends with the page, as all of the page's streams do.
        """
        return self._tree.streams.get("navigations")

    @property
    def frame_attached(self) -> Stream[Frame]:
        """The frames that come to be in the page, as a stream of :class:`Frame`."""
        return self._tree.streams.get("frame_attached")

    @property
    def frame_navigated(self) -> Stream[Frame]:
        """The frames that have another document, or another URL, as a stream of :class:`Frame`."""
        return self._tree.streams.get("frame_navigated")

    @property
    def frame_detached(self) -> Stream[Frame]:
        """The frames that go, as a stream of :class:`Frame`."""
        return self._tree.streams.get("frame_detached")

    @property
    def dom_content_loaded(self) -> Stream[Page]:
        """The page, each time that a document of its main frame is parsed."""
        return self._tree.streams.get("dom_content_loaded")

    @property
    def loaded(self) -> Stream[Page]:
        """The page, each time that a document of its main frame has all that belongs to it (``load``)."""
        return self._tree.streams.get("loaded")

    @property
    def crashes(self) -> Stream[Page]:
        """The page, each time that its process is gone; :meth:`goto` or :meth:`reload` revive it."""
        return self._tree.streams.get("crashes")

    @property
    def console(self) -> Stream[ConsoleMessage]:
        """What is written to the console, as a stream of :class:`ConsoleMessage`, that of the page's workers as well.

        What the browser itself says there is among it, such as that a request has failed.
        """
        return self._said.console

    @property
    def page_errors(self) -> Stream[PageError]:
        """The errors, and rejections, that nobody in the page has caught, as a stream of :class:`PageError`."""
        return self._said.page_errors

    @property
    def popups(self) -> Stream[Page]:
        """The pages that the page opens, as a stream of :class:`Page`.

        One runs when all subscribers have been given it: what they send at once is done before its first script. Its
        document is still the empty one then: see :meth:`wait_for_load_state`.
        """
        return self._tree.streams.on_demand("popups", self.browser._openings.start)

    @property
    def opener(self) -> Page | None:
        """The page that has opened this one; None where there is none, and where it is closed."""
        return self._popups.opener

    @property
    def file_choosers(self) -> Stream[FileChooser]:
        """The page's file choosers, as they open: a stream of :class:`FileChooser`.

        While anybody subscribes no dialog is shown (``Page.setInterceptFileChooserDialog``).
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
        """The page's touchscreen, where its context has one."""
        return self._devices.touchscreen

    @property
    def _devices(self) -> InputDevices:
        if self._made_devices is None:
            self._made_devices = InputDevices(
                self.session,
                self._dialogs,
                lambda: [session for session, _ in self._tree.evaluators()],
                is_local=lambda: self.browser.process is not None,
                user_agent=lambda: self.browser.version().addCallback(lambda said: said.user_agent),
                has_touch=lambda: bool(self._emulation.options.get("has_touch")),
            )
        return self._made_devices

    @property
    def downloads(self) -> Stream[Download]:
        """The files that the page makes the browser save, as they begin: a stream of :class:`Download`.

        A download that begins while nobody subscribes, here, at the context or at the browser, is cancelled.
        """
        return self._tree.streams.on_demand("downloads", self.context._hear_downloads)

    @property
    def workers(self) -> list[Worker]:
        """The page's workers that run; service workers are those of its context."""
        return list(self._said.workers)

    @property
    def worker_started(self) -> Stream[Worker]:
        """The page's workers as they start, each before its first script runs, as a stream of :class:`Worker`."""
        return self._tree.streams.get("worker_started")

    @property
    def exchanges(self) -> Stream[Exchange]:
        """All that goes over the network for the page, as a stream of :class:`Exchange`.

        There is one for each request and each hop of a redirect, as it begins: of all frames, wherever they run, of
        dedicated workers, and of the browser's own for the page, such as preflights and icons. Who comes late gets
        those that begin afterwards.
        """
        return self._tree.network.stream("exchanges")

    @property
    def requests(self) -> Stream[Request]:
        """The requests of the page, as they begin: a stream of :class:`Request`.

        Unlike among :attr:`exchanges` there are no preflights, icons, ``data:`` URLs and WebSockets among them.
        """
        return self._tree.network.stream("requests")

    @property
    def responses(self) -> Stream[Response]:
        """The responses to :attr:`requests`, when their headers are here: a stream of :class:`Response`."""
        return self._tree.network.stream("responses")

    @property
    def requests_finished(self) -> Stream[Request]:
        """Those of :attr:`requests` that have ended well, when all of the response is here."""
        return self._tree.network.stream("requests_finished")

    @property
    def requests_failed(self) -> Stream[Request]:
        """Those of :attr:`requests` that have not ended well: see ``Request.failure``.

        A response of 404, say, is none of these.
        """
        return self._tree.network.stream("requests_failed")

    @property
    def web_sockets(self) -> Stream[WebSocket]:
        """The WebSockets that the page and its workers open, as a stream of :class:`WebSocket`."""
        return self._tree.network.stream("web_sockets")

    def wait_for_exchange(self, predicate: ExchangeMatch, *, timeout: Timeout = DEFAULT) -> Deferred[Exchange]:
        """Wait for an exchange, from now on: subscribe, as it were, before what causes it.

        :param predicate: a function that is given each :class:`Exchange` when it begins, when its response is here and
            when it has ended, and returns whether it is the one, or a Deferred or coroutine of that; or what its URL
            has to match, as for :meth:`wait_for_url`.
        :param timeout: seconds, or a timedelta; None or 0: no deadline; the page's default when not given.
        :returns: fires with the exchange. Fails with :exc:`ActionTimeout`, with what the function has raised, and with
            :exc:`SessionDetached` or :exc:`ConnectionLost`.
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
        """Record what goes over the network for the page as a file of HAR 1.2.

        Each exchange is written when it has ended, and nothing of it is held then; the file is whole after each of
        them, also where the browser or the program ends half-way. Its owner alone may read it (mode 0600).

        :param path: of the file; one that is there is replaced. A path that ends with ``.zip`` has it as ``har.har``,
            and bodies that are attached, in one file, which is made when the recording ends; until then these are in a
            folder beside it whose name begins with a dot.
        :param bodies: ``"embed"``: they are in the file; ``"attach"``: in files beside it; ``"omit"``: nowhere.
        :param pattern: only URLs that match, as for :meth:`wait_for_url`.
        :param secrets: whether cookies, authorization, tokens, passwords and their like are written; else their values
            are masked, in headers, cookies, URLs, forms and JSON.
        :param mode: ``"full"``, or ``"minimal"``: what :meth:`route_from_har` takes, without times, sizes, cookies and
            pages.
        :returns: fires with the :class:`~txcdp.network.HarRecording` when it has begun. It ends with the page, or by
            its ``stop()``. Fails with :exc:`OSError` where the file cannot be written, with :exc:`ValueError` or
            :exc:`TypeError` for what is no such argument, and like ``Session.execute``.
        """
        network = self._tree.network
        made = await self.context._record(self.exchanges, path, bodies, pattern, secrets, mode)
        network.recordings.append(made)
        return made

    def network_idle(self, *, idle: float = 0.5, in_flight: int = 0, timeout: Timeout = DEFAULT) -> Deferred[None]:
        """Wait until nothing has gone over the network for a while.

        Those requests count that are under way in any frame or worker of the page, also those that have begun before.
        Event sources, sockets, beacons and icons do not, nor what was asked for by somebody who is gone, nor a worker's
        script before the worker answers for it: of a shared one nobody may tell the end.

        :param idle: for how long, in seconds.
        :param in_flight: how many may be under way.
        :param timeout: as for :meth:`wait_for_exchange`.
        :returns: fires with None. Fails with :exc:`ActionTimeout`, which says what was under way, and with
            :exc:`SessionDetached` or :exc:`ConnectionLost`.
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
        """Have requests of the page, its frames and its workers wait for a function to decide about them (``Fetch``).

        Requests that do not match are not stopped. Of several handlers that match, the one that was registered last is
        asked first, then those before it, then those of :meth:`BrowserContext.route`; each decides, or leaves it to the
        next one by ``route.fallback()``. One that raises, or has not decided in time, is logged, and the next one is
        asked; after the last one the request goes on. Of redirects the handler is given the first request alone.

        :param pattern: a glob for all of the URL, as for :meth:`wait_for_url`; a :class:`re.Pattern` that is searched
            for in it, an object with a method ``test``, as URLPatterns have, or a function of it: these stop every
            request on the way to the program.
        :param handler: called with the :class:`Route`, or with the route and its request where it takes two. It may
            return a Deferred, or be a coroutine function.
        :param times: how many requests it is for; None: all.
        :param stage: ``"request"``: before the request is sent; ``"response"``: when the response's headers are here.
        :param resource_types: only requests of these types, such as ``["image", "font"]``; see
            ``Request.resource_type``.
        :param timeout: seconds, or a timedelta, for the handler to decide; None or 0: no deadline.
        :returns: fires with a :class:`Registration`, with which it is removed again, when the browser has it. Fails
            with :exc:`TypeError` or :exc:`ValueError` where it cannot be; otherwise like ``Session.execute``.
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
        """Answer the page's requests from a recording, or make it.

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
        return await route_from_har(self._interception.routes, har, url, not_found, self.context._base_url)

    def unroute(self, pattern: RouteMatch, handler: RouteHandler | None = None) -> Deferred[None]:
        """Remove what :meth:`route` has registered for a pattern.

        :param pattern: the same one.
        :param handler: this handler alone; None: all for the pattern.
        :returns: fires with None when the browser has it; fails like ``Session.execute``.
        """
        return self._interception.routes.remove(pattern, handler)

    def unroute_all(self, behavior: Behavior | None = None) -> Deferred[None]:
        """Remove all that :meth:`route` has registered.

        :param behavior: ``"wait"``: fire when handlers that run have ended, too; ``"ignoreErrors"``: what these raise
            from now on is not logged; None or ``"default"``: neither.
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

        They are stopped while anybody subscribes. The first decision counts; without one in time the next handler is
        asked.

        :param pattern: as for :meth:`route`, and so are the others.
        :param stage: ``"request"`` or ``"response"``.
        :param resource_types: of which types.
        :param timeout: seconds, or a timedelta.
        :raises TypeError: one of them is none.
        :raises ValueError: one of them cannot be.
        """
        options = {"stage": stage, "resource_types": resource_types, "timeout": timeout}
        context = self.session.context
        return requests_paused(context, self._interception.routes, pattern, self.context._base_url, options)

    @_while_open
    def route_web_socket(self, pattern: RouteMatch, handler: WebSocketRouteHandler) -> Deferred[Registration]:
        """Have a function decide about WebSockets of the page, its frames and its dedicated workers.

        Those that are made from now on; shared and service workers have theirs to themselves. Where no server is
        connected to, the socket is open when the handler has returned, or its Deferred has fired: what it then sends,
        and is sent, goes to the program.

        :param pattern: as for :meth:`route`; URLs begin with ``ws://`` or ``wss://``.
        :param handler: called with the :class:`WebSocketRoute` of the page's side; may return a Deferred, or be a
            coroutine function. Where it fails, that is logged, and the server is connected to.
        :returns: fires with a :class:`Registration` when the documents that are there know of it. Fails with
            :exc:`TypeError` or :exc:`ValueError` where it cannot be; otherwise like ``Session.execute``.
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
        """Go to a URL (``Page.navigate``) and wait until the page is there.

        A page that itself leads on to another one, by script, is followed. An answer like 404 is no
        error, with or without a body: see ``Response.status``. A page that stops loading before its
        load event, by ``window.stop()`` or by going to something that is no page, counts as loaded. When
        it is cancelled, or the time is up, before the page has begun to change, it stops loading and
        stays where it was.

        :param url: where to; with a scheme, or relative to the ``base_url`` of the context.
        :param wait_until: ``"commit"``: the new document is there; ``"domcontentloaded"``: it is parsed;
            ``"load"``: with all that belongs to it; ``"networkidle"``: and half a second without requests, in its
            frames as well.
        :param referer: the ``Referer`` that is sent, where :meth:`set_extra_http_headers` has set none; None: none.
        :param timeout: seconds, or a timedelta; None or 0: no deadline; by default as
            :meth:`set_default_navigation_timeout` has set it, for the page, its context or the browser: 30 s.
        :returns: fires with the server's :class:`Response`, the last one of redirects; with None where there was none:
            ``about:blank``, a ``data:`` URL, or only another fragment. Fails with :exc:`NavigationError`, or what is
            derived from it: :exc:`InvalidPageURL`, :exc:`NavigationTimeout`, :exc:`DownloadStarted`,
            :exc:`DocumentBroken` where the document's body broke off or cannot be decoded, and
            :exc:`NavigationInterrupted` when the program sends the page somewhere else meanwhile; with
            :exc:`SessionDetached`, :exc:`TargetCrashed` or :exc:`ConnectionLost`; with :exc:`ValueError` where
            ``wait_until`` is none of these, or ``timeout`` is negative.
        """
        return self.main_frame.goto(url, wait_until, referer=referer, timeout=timeout)

    def reload(
        self, wait_until: WaitUntil = "load", *, ignore_cache: bool = False, timeout: Timeout = DEFAULT
    ) -> Deferred[Response | None]:
        """Load the page again (``Page.reload``) and wait until it is there.

        :param wait_until: as for :meth:`goto`.
        :param ignore_cache: fetch everything again, past the cache.
        :param timeout: as for :meth:`goto`.
        :returns: fires and fails like :meth:`goto`.
        """
        check_wait_until(wait_until)
        return self._navigator.reload(self.main_frame, wait_until, ignore_cache, self._navigation_seconds(timeout))

    def go_back(self, wait_until: WaitUntil = "load", *, timeout: Timeout = DEFAULT) -> Deferred[Response | None]:
        """Go back in the page's history (``Page.navigateToHistoryEntry``) and wait until the page is there.

        :param wait_until: as for :meth:`goto`; a document that comes whole from the back/forward cache has got there.
        :param timeout: as for :meth:`goto`.
        :returns: fires and fails like :meth:`goto`; with None, too, where there is nothing to go back to. A document
            from the cache has the answer that it had then, of which the browser has the body no more.
        """
        check_wait_until(wait_until)
        return self._navigator.step(self.main_frame, -1, wait_until, self._navigation_seconds(timeout))

    def go_forward(self, wait_until: WaitUntil = "load", *, timeout: Timeout = DEFAULT) -> Deferred[Response | None]:
        """Go forward in the page's history (``Page.navigateToHistoryEntry``) and wait until the page is there.

        :param wait_until: as for :meth:`go_back`.
        :param timeout: as for :meth:`goto`.
        :returns: fires and fails like :meth:`go_back`.
        """
        check_wait_until(wait_until)
        return self._navigator.step(self.main_frame, 1, wait_until, self._navigation_seconds(timeout))

    def set_content(self, html: str, wait_until: WaitUntil = "load", *, timeout: Timeout = DEFAULT) -> Deferred[None]:
        """Write a document (``document.write``) in the place of the one that is there, under its URL.

        :param html: all of it.
        :param wait_until: as for :meth:`goto`.
        :param timeout: as for :meth:`goto`.
        :returns: fires with None when it is there; fails like :meth:`wait_for_load_state`.
        """
        return self.main_frame.set_content(html, wait_until, timeout=timeout)

    def wait_for_load_state(self, state: WaitUntil = "load", *, timeout: Timeout = DEFAULT) -> Deferred[None]:
        """Wait until the document that is there, or that comes meanwhile, has got far enough.

        One that a script has written (``document.write``) and not closed gets no further: it is waited for until all of
        its scripts and style sheets are there, and half a second.

        :param state: as ``wait_until`` for :meth:`goto`.
        :param timeout: as for :meth:`goto`.
        :returns: fires with None; at once where it has. Fails with :exc:`NavigationTimeout`, :exc:`SessionDetached`,
            :exc:`TargetCrashed` or :exc:`ConnectionLost`; with :exc:`ValueError` where ``state`` is none that
            :meth:`goto` knows, or ``timeout`` is negative.
        """
        return self.main_frame.wait_for_load_state(state, timeout=timeout)

    def expect_navigation(
        self, url: URLMatch | None = None, wait_until: WaitUntil = "load", *, timeout: Timeout = DEFAULT
    ) -> Expected[Response | None]:
        """Expect the page to navigate while something is done: ``async with page.expect_navigation(): ...``.

        Leaving the block waits until the page has navigated and its document has got far enough; a block that raises
        does not wait. ``value`` of what the block gets is a new Deferred, at each reading, of the server's
        :class:`Response`, or of None as with :meth:`goto`. Navigations within a document count, too.

        :param url: where to, as for :meth:`wait_for_url`; None: anywhere.
        :param wait_until: as for :meth:`goto`.
        :param timeout: as for :meth:`goto`.
        :raises ValueError: what :meth:`wait_for_url` fails with.
        :raises NavigationError: at the block's end, when what it navigated to could not be loaded; as
            :exc:`NavigationTimeout` when nothing came in time.
        """
        return self.main_frame.expect_navigation(url, wait_until, timeout=timeout)

    def wait_for_url(
        self, url: URLMatch, wait_until: WaitUntil = "load", *, timeout: Timeout = DEFAULT
    ) -> Deferred[None]:
        """Wait until the page is somewhere, and its document has got far enough.

        :param url: a glob for all of the URL (``*``: anything but a slash, ``**``: anything, ``{a,b}``: one of these),
            a :class:`re.Pattern` that is searched for in it, or a function of it.
        :param wait_until: as for :meth:`goto`.
        :param timeout: as for :meth:`goto`.
        :returns: fires with None; at once where the page is there. Fails like :meth:`wait_for_load_state`, with what
            the function has raised, and with :exc:`ValueError` where the glob is none.
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
        """Evaluate JavaScript in the page's document, and return its value as Python's (``Runtime.evaluate``).

        ``undefined``, ``null``, functions and symbols are None. Numbers are int where they are whole and less than
        2**53, else float; a bigint is an int. An Array or Set is a list, an object or Map a dict (a Map with keys that
        cannot be hashed a list of pairs); what occurs twice is one object, and cycles are kept. A Date is a
        :class:`~datetime.datetime` in UTC, None where it is invalid; a URL is a str; a RegExp a :class:`re.Pattern`,
        or a str where Python cannot say it; an Error a :class:`JSError`; bytes are bytes, other typed arrays
        :class:`array.array`. A DOM node is ``"ref: <Node>"``. A property whose getter throws is left out. A promise is
        awaited.

        :param expression: such as ``document.title``, or statements, of which the last one is the value; or a function,
            such as ``(a) => a.length``, which is called.
        :param arg: what the function is given: the same kinds of values, dataclasses and msgspec Structs too; an int
            beyond 2**53 becomes a bigint, a datetime without a timezone counts as UTC, a parsed URL becomes a URL, and
            an exception an Error.
        :param await_promise: whether to wait for a promise that it results in.
        :param timeout: seconds, or a timedelta; None or 0: no deadline; the connection's for commands when not given.
        :returns: fires with the value. Fails with :exc:`EvaluationError` when it throws, or what is
            derived from that: :exc:`ContextDestroyed` when the page navigates meanwhile, and
            :exc:`NotSerializable`; with :exc:`TypeError` or :exc:`ValueError` when ``arg`` cannot be said in
            JavaScript; otherwise like ``Session.execute``.
        """
        return self._evaluator.evaluate(expression, (arg,), await_promise=await_promise, timeout=timeout)

    @returns_deferred
    async def evaluate_handle(self, expression: str, arg: Any = None, *, timeout: Timeout = DEFAULT) -> JSHandle:
        """Evaluate JavaScript in the page's document, and keep the value in the page (``Runtime.evaluate``).

        :param expression: as for :meth:`evaluate`.
        :param arg: as for :meth:`evaluate`.
        :param timeout: as for :meth:`evaluate`.
        :returns: fires with a :class:`JSHandle`, of a DOM node an :class:`ElementHandle`; fails like :meth:`evaluate`.
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
        """Wait until an expression, or what a function returns, is true in the page's document.

        It goes on over navigations: a new document is asked as the one before was. A promise is awaited, and what it
        results in is to be true. Cancelled, it leaves nothing in the page.

        :param expression: as for :meth:`evaluate`.
        :param arg: as for :meth:`evaluate`. With a handle in it, the wait ends with the handle's document.
        :param polling: seconds between two evaluations, or a timedelta; ``"raf"``: with each frame that the page draws.
        :param timeout: seconds, or a timedelta; None or 0: no deadline; the page's default when not given.
        :returns: fires with a :class:`JSHandle` of what is true. Fails with :exc:`ActionTimeout`, with
            :exc:`EvaluationError` when the expression throws, with :exc:`ValueError` where ``polling`` is not more than
            0, and otherwise like :meth:`evaluate`.
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
        """Have a function called whenever something comes over the page, such as a banner that asks for consent.

        It is called before each try of an action, an assertion or a wait for an element, inside of its deadline, where
        the locator's element is visible then; not with ``force``, and not before what only looks, as ``is_visible``.
        While it runs none is called, for what it does itself. The deadline ends the waiting for it, and not the
        function.

        :param locator: of what comes.
        :param handler: called with the locator where it takes an argument; may return a Deferred, or be a coroutine
            function. What it raises fails the action.
        :param no_wait_after: whether not to wait, when it has returned, until the element is hidden.
        :param times: how often it is called at most; None: as often as it has to.
        :returns: fires with a :class:`Registration`, with which it is removed again.
        :raises ValueError: ``times`` is negative.
        """
        given: object = locator
        if not isinstance(given, Locator):
            raise TypeError(f"add_locator_handler({given!r}): a Locator is wanted, such as page.locator(selector)")
        if self._locator_handlers is None:
            self._locator_handlers = LocatorHandlers()
        return self._locator_handlers.add(locator, handler, times, not no_wait_after)

    @returns_deferred
    async def remove_locator_handler(self, locator: Locator) -> None:
        """Have the functions called no more that were added with a locator.

        :param locator: the same one, or one that is alike.
        :returns: fires with None.
        """
        if self._locator_handlers is not None:
            self._locator_handlers.remove(locator)

    def wait_for_timeout(self, timeout: float | timedelta) -> Deferred[None]:
        """Wait for a time, which says nothing of the page: what is waited for is better waited for itself.

        :param timeout: seconds, or a timedelta.
        :returns: fires with None, then; fails with :exc:`SessionDetached` or :exc:`ConnectionLost` when the page ends.
        """
        return wait_for_timeout(self.session, seconds_of(timeout, None) or 0)

    def add_init_script(
        self, script: str | None = None, *, path: str | os.PathLike[str] | None = None
    ) -> Deferred[Registration]:
        """Have a script run in each new document of the page and its frames, before any script of theirs.

        A sandboxed frame with ``srcdoc`` may have run scripts of its own before: Chromium does not hold it.

        :param script: the text.
        :param path: a file that has it, instead.
        :returns: fires with a :class:`Registration`, with which it is removed again, when the browser has it. Fails
            like ``Session.execute``; with :exc:`ValueError` where neither is given, or both are, and with
            :exc:`OSError` where the file cannot be read.
        """
        return self._scripts.add(source_of(script, path))

    def expose_function(self, name: str, callback: Callable[..., object]) -> Deferred[Binding]:
        """Give all documents of the page and its frames, now and later, a function that calls the program.

        In the page, the function returns a promise of what the callback returns, or fires with, which may have handles
        of the document in it. What is raised becomes a rejection, with an Error of the same name and text.

        :param name: the function's, as a property of ``window``.
        :param callback: called with the arguments, or with as many of them as it takes; may return a Deferred, or be a
            coroutine function.
        :returns: fires with a :class:`Binding`, with which it is removed again, when the page has it. Fails with
            :exc:`ValueError` where there is one of that name; otherwise like ``Session.execute``.
        """
        self._tree.hear_contexts()
        check_function("callback", callback)
        most = most_arguments(callback)
        return self._scripts.expose(name, lambda source, *args: callback(*args[:most]))

    def expose_binding(self, name: str, callback: Callable[..., object] | None = None) -> Deferred[Binding]:
        """Do the same as :meth:`expose_function`, and say where a call comes from.

        :param name: the function's, as a property of ``window``.
        :param callback: called with a dict of ``"context"``, ``"page"`` and ``"frame"``, and then the arguments; None:
            the calls are items of ``Binding.calls``, and return ``undefined`` at once.
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

        :param url: where it is.
        :param path: a file of this machine that has it, instead.
        :param content: its text, instead.
        :param type: of the element, such as ``"module"``.
        :param timeout: seconds, or a timedelta; None or 0: no deadline; the page's default when not given.
        :returns: fires with an :class:`ElementHandle` when it has run, or was loaded. Fails with
            :exc:`EvaluationError` when it cannot be loaded, throws, or is refused by the document's policy; with
            :exc:`ValueError` where not one of the three is given; otherwise like :meth:`evaluate`.
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
        """Add a ``<style>`` to the page's document, or a ``<link>`` where it has a URL.

        :param url: where it is.
        :param path: a file of this machine that has it, instead.
        :param content: its text, instead.
        :param timeout: as for :meth:`add_script_tag`.
        :returns: fires with an :class:`ElementHandle` when it is loaded; fails like :meth:`add_script_tag`.
        """
        return self.main_frame.add_style_tag(url=url, path=path, content=content, timeout=timeout)

    def _seconds(self, timeout: Timeout) -> float | None:
        """Return the deadline of what is no navigation, in seconds."""
        return seconds_of(timeout, self._timeouts.general())

    def _source_of_call(self, injected: Injected, context_id: int) -> dict[str, Any]:
        frame = self._tree.frame_of_context(injected.session, context_id)
        return {"context": self.context, "page": self, "frame": frame}

    def content(self) -> Deferred[str]:
        """Return the document as HTML, with its doctype, as it is now.

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
        """The clock of the page, which is that of all pages of its context."""
        return self.context.clock

    @cached_property
    def local_storage(self) -> WebStorage:
        """What the document's origin keeps over all of its pages, as long as the context is there."""
        return self._web_storage("local")

    @cached_property
    def session_storage(self) -> WebStorage:
        """What the document's origin keeps in this page alone."""
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
        """Take a picture of the page (``Page.captureScreenshot``), once the fonts that it needs are there.

        What is changed in the page for it is put back, also when it fails or is cancelled. A frame of another site that
        does not answer for 5 seconds is shown as it is, unless something in it is to be masked.

        :param path: a file to write it to, too; its suffix decides what it is: .png, .jpg, .jpeg or .webp.
        :param type: ``"png"``, ``"jpeg"`` or ``"webp"``; by default what the path says, else PNG.
        :param format: the same by the protocol's name.
        :param quality: of JPEG and WebP, 0 to 100.
        :param full_page: the whole document instead of the viewport alone.
        :param clip: only this part of the picture, such as ``{"x": 0, "y": 0, "width": 100, "height": 50}``, in CSS
            pixels; what is beyond its edges is left out. A :class:`~txcdp.domains.page.Viewport` is a part of the
            document, and has a scale.
        :param mask: what is painted over: selectors of CSS, each for all elements of the page's document that match,
            and elements, or locators, of any frame.
        :param mask_color: with which colour of CSS; ``"#FF00FF"`` when not given.
        :param style: a style sheet that holds while the picture is taken, in all frames and in their open shadow trees.
        :param animations: ``"disabled"``: animations and transitions that end are brought to their end, with its
            events; those that do not are shown as they are before they begin, and start again afterwards.
        :param caret: ``"hide"``, or ``"initial"``: the caret of what is edited blinks as it does.
        :param omit_background: a document without a background is transparent, but for a JPEG.
        :param scale: ``"device"``: a pixel for each one of the device; ``"css"``: for each one of CSS.
        :param timeout: seconds, or a timedelta; None or 0: no deadline; by default as :meth:`set_default_timeout` has
            set it, for the page, its context or the browser; where none has, the connection's for commands.
        :returns: fires with the file's content. Fails like :meth:`evaluate`; with :exc:`CommandTimeout` when the
            fonts are not loaded in time; with :exc:`ValueError` or :exc:`TypeError` when there is no such picture:
            the clip is outside of it, the suffix is unknown or says something else than ``type``, a PNG is to have a
            quality; with :exc:`OSError` when it cannot be written.
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
        """Return what the document's body is for assistive technologies; see ``Locator.aria_snapshot``."""
        return self.locator("body").aria_snapshot(boxes=boxes, depth=depth, timeout=timeout)

    def is_closed(self) -> bool:
        """Return whether the page is closed, or the browser gone."""
        return self.session.ended

    def when_closed(self) -> Deferred[None]:
        """Return a Deferred that fires with None when the page is closed, or the browser gone; at once where it is."""
        return self.session.when_ended().addCallback(lambda _: None)

    def pdf(
        self,
        path: str | os.PathLike[str] | None = None,
        *,
        timeout: Timeout = DEFAULT,
        **options: Unpack[printing.PdfOptions],
    ) -> Deferred[bytes]:
        """Print the page as a PDF (``Page.printToPDF``), with its styles for print.

        Lengths are numbers of CSS pixels, or text with a unit: ``"96px"``, ``"1in"``, ``"2.54cm"``, ``"25.4mm"``.

        :param path: a file to write it to, too.
        :param timeout: seconds until it is printed, or a timedelta; as for :meth:`screenshot`. PDFs of one page are
            printed one after the other.
        :param options: ``format``, such as ``"A4"``, in place of ``width`` and ``height`` (8.5 x 11 inches);
            ``margin``, a dict of ``top``, ``right``, ``bottom`` and ``left`` (0); ``landscape``; ``scale``, 0.1 to 2;
            ``print_background``; ``page_ranges``, such as ``"1-5, 8"``; ``display_header_footer`` with
            ``header_template`` and ``footer_template``, of HTML; ``prefer_css_page_size``; ``outline``; ``tagged``.
        :returns: fires with the file's content. Fails with :exc:`TypeError` or :exc:`ValueError` when there is no such
            length or format, with :exc:`OSError` when it cannot be written; otherwise like ``Session.execute``.
        """
        return self._pdf(path, options, timeout)

    def pdf_chunks(self, *, timeout: Timeout = DEFAULT, **options: Unpack[printing.PdfOptions]) -> Stream[bytes]:
        """Print the page as a PDF of any size, piece by piece (``Page.printToPDF``, ``IO.read``).

        It is printed when somebody subscribes. A full :func:`~txcdp.streams.queue` has no more of it read, so
        ``queue(page.pdf_chunks(), maxsize=4)`` holds a quarter of a megabyte at the most.

        :param timeout: as for :meth:`pdf`.
        :param options: as for :meth:`pdf`.
        :returns: a stream of bytes, which ends with the PDF, or fails as :meth:`pdf` does.
        :raises TypeError: an option is of another kind.
        :raises ValueError: there is no such length or format.
        """
        command, seconds = printing.command(options), self._capture_seconds(timeout)
        start = lambda: self._printer.chunks(command, seconds)  # noqa: E731
        return PulledStream(self.session.context, "pieces of a PDF", start)

    @returns_deferred
    async def snapshot(self, path: str | os.PathLike[str] | None = None, *, timeout: Timeout = DEFAULT) -> str:
        """Return the page with all that it shows as one file of MHTML (``Page.captureSnapshot``).

        :param path: a file to write it to, too.
        :param timeout: as for :meth:`screenshot`.
        :returns: fires with the text. Fails with :exc:`OSError` when it cannot be written; otherwise like
            ``Session.execute``.
        """
        return await printing.snapshot(self.session, path, self._capture_seconds(timeout))

    @cached_property
    def _printer(self) -> printing.Printer:
        return printing.Printer(self.session)

    @returns_deferred
    async def _pdf(self, path: str | os.PathLike[str] | None, options: printing.PdfOptions, timeout: Timeout) -> bytes:
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
        """Return a stream of pictures of what the page shows, as that changes (``Page.startScreencast``).

        It begins with the first subscriber and stops with the last. Each picture is acknowledged when the subscribers
        have returned from it. A page has as many at a time as are wanted, each in a session of its own
        (``Target.attachToTarget``); one that was connected to by itself has one.

        :param format: ``"jpeg"`` or ``"png"``.
        :param quality: of a JPEG, 0 to 100.
        :param max_size: into which they are fitted, in pixels.
        :param every_nth: 2 for every second picture, and so on.
        :returns: a stream of :class:`ScreencastFrame`, which ends with the page; it fails when the browser refuses.
        :raises ValueError: there is no such format, quality, size or number.
        :raises TypeError: one of them is of another type.
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
        """What of the page's scripts and style sheets is used."""
        if self._coverage is None:
            names = lambda: [each.injected.name for _, each in self._tree.evaluators()]  # noqa: E731
            self._coverage = Coverage(self.new_cdp_session, names)
        return self._coverage

    @property
    def accessibility(self) -> Accessibility:
        """The page as assistive technology is told of it."""
        return Accessibility(self.session, lambda: self.main_frame_id)

    def metrics(self) -> Deferred[dict[str, float]]:
        """Return what Chromium counts of the page (``Performance.getMetrics``).

        What it adds up, such as ``ScriptDuration``, counts from the first call on.

        :returns: fires with a dict by Chromium's names, such as ``Nodes``, ``JSHeapUsedSize`` (in bytes) and
            ``LayoutDuration`` (in seconds); fails like ``Session.execute``.
        """
        return metrics(self.session)

    def request_gc(self) -> Deferred[None]:
        """Have the page let go of what nothing in it refers to any more (``HeapProfiler.collectGarbage``).

        :returns: fires with None when that is done; fails like ``Session.execute``.
        """
        return self.session.execute(heap_profiler.collect_garbage())

    def capture_heap_snapshot(self, path: str | os.PathLike[str], *, timeout: Timeout = DEFAULT) -> Deferred[None]:
        """Write what is on the heap of the page's JavaScript to a file, piece by piece (``HeapProfiler``).

        :param path: of the file, such as ``"page.heapsnapshot"``, which DevTools opens.
        :param timeout: as for :meth:`screenshot`.
        :returns: fires with None when the file is there. Fails with :exc:`OSError` when it cannot be written; otherwise
            like ``Session.execute``; nothing of it stays behind then.
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
        """Record what the page shows to a video, with the program ``ffmpeg`` of this machine.

        While nothing changes the last picture stands. The page's end, too, ends the video.

        :param path: of the video; its suffix decides what it is: .webm (VP8), .gif or .mp4 (H.264).
        :param quality: of the pictures that it is made of, 0 to 100.
        :param max_size: into which they are fitted, in pixels; what a page shows of another size later is fitted into
            the size of the first picture.
        :param ffmpeg: the program; None: as it is found on PATH.
        :returns: fires with a :class:`ScreencastFile`, whose ``stop()`` ends the video. Fails with
            :exc:`ExecutableNotFound` where there is no ``ffmpeg``, with :exc:`ValueError` where there is no such video;
            otherwise like ``Session.execute``.
        """
        return save_screencast(self.new_cdp_session, path, quality, max_size, ffmpeg)

    def _tops(self) -> list[capture.TopFrame]:
        """Return the topmost frame of each process that has any of the page; the page's own first."""
        return [
            capture.TopFrame(session, frame._world(session), frame._row.id, partial(is_in_view, frame))
            for session, frame in self._tree.tops()
        ]

    def _capture_seconds(self, timeout: Timeout) -> float | None:
        return seconds_of(timeout, self._timeouts.general(self._connection.timeout))

    @returns_deferred
    async def close(self, *, run_before_unload: bool = False) -> None:
        """Close the page (``Target.closeTarget``), without asking its ``beforeunload``.

        :param run_before_unload: ask its ``beforeunload`` (``Page.close``), of which a dialog may come, and so perhaps
            not close it: see :attr:`dialogs`. It fires when the page was asked, then: :meth:`when_closed` waits.
        :returns: fires with None when its session has ended; at once when it had before, whatever
            ended it. Fails with :exc:`CommandError` when the browser refuses, with
            :exc:`CommandTimeout` when it takes longer than the connection's deadline for commands, and with
            :exc:`ConnectionLost` when the line is lost: where another one is found, the page is closed then.
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
        """Have a script run in the documents that come, or in those that are there as well."""
        return self._scripts.add(source, now=now)

    def _in_frames(self, expression: str) -> list[Deferred[Any]]:
        """Evaluate an expression in all frames."""
        return [each.evaluate(expression) for each in self.frames]

    def _web_storage(self, kind: Literal["local", "session"]) -> WebStorage:
        read: Callable[[str, str], Deferred[str]] = lambda method, source: self._read(self.main_frame, method, source)  # noqa: E731
        return WebStorage(kind, read, lambda: self.url)

    def _frame_by_id(self, frame_id: str) -> Frame | None:
        """Return the frame of an id, where it is there: a node may have moved to a page that was opened by this one."""
        trees = (self._tree, *(each._tree for each in self.context.pages))
        return next((frame for each in trees if (frame := each.frame(frame_id)) is not None), None)

    def _note_document(self, frame: Frame) -> None:
        """Note that there is another document in a frame."""
        self.context._note_url(frame.url)

    def _session_began(self, session: Session, evaluator: Evaluator) -> None:
        """Take a session of a frame in another process, which waits."""
        self._popups.hear(session)
        self.context._emulation.hear_windows(self.session, session)
        self._interception.add(session)
        self._sockets.add(session)
        self._said.add(session, evaluator, fresh=not self._was_found)
        self._file_choosers.add(session, evaluator)

    def _worker_began(self, session: Session) -> Worker:
        """Take a worker that is attached to and waits."""
        self._sockets.add_worker(session)
        self._interception.add_worker(session)
        worker = Worker(session, self)
        self._said.add_worker(worker)
        self._tree.streams.push("worker_started", worker)
        return worker

    def _navigation_seconds(self, timeout: Timeout) -> float | None:
        """Return a deadline of a navigation in seconds."""
        return seconds_of(timeout, self._timeouts.navigation())

    def _note_gap(self) -> None:
        """Note that the line was lost, and another one found."""
        self._injected.register_again()

    @returns_deferred
    async def _read(self, frame: Frame, what: str, expression: str) -> str:
        """Evaluate for ourselves; while a dialog is open that would wait for what the program may be about to do."""
        if frame.is_detached() and not self.is_closed():
            raise self._tree.removed(frame)
        if self.session.blocked_by:
            raise DialogOpen(f"page.{what}()", self.session.blocked_by)
        frame_id = frame._row.id
        session = await frame._when_session()
        try:
            return str(await frame._world(session).read(expression, frame_id))
        except ContextDestroyed:
            if frame_id == frame._row.id:
                raise
            # A page that was rendered in advance has taken its place, and we have only just heard of it.
            return str(await frame._world(session).read(expression, frame._row.id))
