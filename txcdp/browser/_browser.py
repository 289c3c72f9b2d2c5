"""A browser and its pages."""

from __future__ import annotations

import contextlib
import os
from collections.abc import Mapping, Sequence
from copy import copy
from typing import TYPE_CHECKING, TypeVar, Unpack
from weakref import WeakValueDictionary

from twisted.internet.defer import Deferred, gatherResults
from twisted.logger import Logger

from txcdp._arguments import refuse_bare_string
from txcdp._core.connection import Connection
from txcdp._core.reconnecting import OpenLine, Reconnector, ReconnectPolicy
from txcdp._core.sessions import Session
from txcdp._deferreds import (
    EndedByBlock,
    OneShot,
    failing_deferreds,
    ignore_failure,
    returns_deferred,
    unless_cancelled,
    with_deadline,
)
from txcdp._devices import devices
from txcdp._other_names import NamedElsewhere
from txcdp._timeouts import DefaultTimeouts, Timeout
from txcdp.browser._context import BrowserContext
from txcdp.browser._download_files import BrowserFiles
from txcdp.browser._downloads import BrowserDownloads
from txcdp.browser._emulation import ContextEmulation
from txcdp.browser._openings import Openings
from txcdp.browser._reopening import Reopening
from txcdp.browser._storage_state import checked_state
from txcdp.domains import browser, target
from txcdp.errors import CommandError, CommandTimeout, NotABrowser, NotRunning, SessionDetached, TxcdpError
from txcdp.network import Exchange, Request, Response, WebSocket
from txcdp.page import ConsoleMessage, Dialog, Download, Frame, Page, PageError
from txcdp.page._commits import close_target
from txcdp.page._dialogs import PageDialogs
from txcdp.page._options import ContextOptions, DeviceOptions, ProxySettings, checked_options, proxy_bypass_list
from txcdp.page._tracing import Tracing
from txcdp.page._viewport import ViewportSize, chosen
from txcdp.protocol import Command
from txcdp.protocol._error_codes import METHOD_NOT_FOUND
from txcdp.streams import Gap, Stream
from txcdp.streams._gathered import OwnersStreams

if TYPE_CHECKING:
    from txcdp.chrome import BrowserProcess

R = TypeVar("R")
T = TypeVar("T")

#: Seconds for a browser to exit after Browser.close; then it gets SIGTERM.
_GRACE = 5.0

#: Seconds for it to exit after SIGTERM; then it gets SIGKILL.
_PATIENCE = 5.0

#: Seconds for a browser that keeps running to dispose of what was made in it.
_LEAVING = 2.0

#: Seconds for attached pages to report their frames.
_TELLING = 2.0

#: The error code for an unknown method: Node, for example, has none that opens pages.

log = Logger()


@failing_deferreds
class Browser(NamedElsewhere, EndedByBlock):
    """A browser, as made by :func:`launch` and :func:`connect`.

    ``async with`` closes it at the end. If a launched browser ends by itself, everything pending fails with
    :exc:`ConnectionLost`, and its temporary profile is removed.

    :ivar connection: the connection to it.
    :ivar session: the root session: of the browser itself, or of the page or Node process that was connected to.
    :ivar process: the process of a launched browser; None if it was connected to.
    :ivar default_context: the profile's context, in which pages are opened unless another one is given.
    """

    def __init__(
        self,
        connection: Connection,
        process: BrowserProcess | None = None,
        viewport: ViewportSize | None = None,
        files: BrowserFiles | None = None,
        proxy: ProxySettings | None = None,
    ) -> None:
        self.connection = connection
        self.session = connection.session
        self.process = process
        self._timeouts = DefaultTimeouts()
        connection.context.default_timeout = self._timeouts.general
        self._dialogs = PageDialogs(connection.context)
        self._streams = OwnersStreams(connection.context, "browser", lambda: self.contexts)
        self.session._feed_into(ended=self._ended)
        #: The profile's options: what commands without a context use.
        own = ContextOptions() if proxy is None else ContextOptions(proxy=proxy)
        self.default_context = BrowserContext(self, None, options=_with_viewport(own, viewport))
        self._contexts: dict[str, BrowserContext] = {}  # the others, by each id that they have had
        self._pages: WeakValueDictionary[Session, Page] = WeakValueDictionary()
        self._viewport = viewport
        self._openings = Openings(
            self.session,
            self._emulation_in,
            self._emulation_of_opener,
            self._opened,
            self._wants_worker,
            self._worker_began,
        )
        self._reopening: Reopening | None = None
        self._is_browser = process is not None
        self._downloads = BrowserDownloads(
            self.session,
            self._pages.values,
            files or BrowserFiles(connection.context.clock),
            self._openings.start,
        )
        self._own_tracing: Tracing | None = None
        self._tracing: Tracing | None = None  # that which start_tracing has begun
        self._closing = False
        self._closed: OneShot[None] = OneShot()

    def __repr__(self) -> str:
        what = f"process {self.process.pid}" if self.process is not None else "connected"
        return f"<Browser {what}: {self.connection!r}>"

    @property
    def devices(self) -> Mapping[str, DeviceOptions]:
        """Common devices, keyed by name, such as ``"iPhone 15"``, as options for :meth:`new_context`."""
        return devices

    @property
    def contexts(self) -> list[BrowserContext]:
        """The open contexts: the default one first, then those made here and those of attached pages."""
        return [
            self.default_context,
            *(each for each in dict.fromkeys(self._contexts.values()) if not each.is_closed()),
        ]

    @property
    def console(self) -> Stream[ConsoleMessage]:
        """The console messages of all pages of the browser; see ``Page.console``.

        Like all of the browser's streams, it continues when a page ends, and completes with the browser.
        """
        return self._streams.gathered("console")

    @property
    def page_errors(self) -> Stream[PageError]:
        """The uncaught errors of all pages of the browser; see ``Page.page_errors``."""
        return self._streams.gathered("page_errors")

    @property
    def dialogs(self) -> Stream[Dialog]:
        """The dialogs of all pages of the browser; see ``Page.dialogs``: a subscriber here has to answer them, too."""
        return self._streams.gathered("dialogs")

    @property
    def downloads(self) -> Stream[Download]:
        """The downloads of all pages of the browser; see ``Page.downloads``."""
        return self._streams.gathered("downloads")

    @property
    def page_opened(self) -> Stream[Page]:
        """The pages that are opened in any context, by the program or by other pages; a stream of :class:`Page`.

        A popup starts to run once all subscribers, here and of ``Page.popups``, have received it: what they send
        immediately takes effect before its first script.
        """
        return self._streams.gathered("page_opened")

    @property
    def popups(self) -> Stream[Page]:
        """The pages that pages of the browser open; see ``Page.popups``."""
        return self._streams.gathered("popups")

    @property
    def crashes(self) -> Stream[Page]:
        """The pages of the browser that crash; see ``Page.crashes``."""
        return self._streams.gathered("crashes")

    @property
    def exchanges(self) -> Stream[Exchange]:
        """The network traffic of all pages of the browser; see ``Page.exchanges``."""
        return self._streams.gathered("exchanges")

    @property
    def requests(self) -> Stream[Request]:
        """The requests of all pages of the browser; see ``Page.requests``."""
        return self._streams.gathered("requests")

    @property
    def responses(self) -> Stream[Response]:
        """The responses to requests of all pages of the browser; see ``Page.responses``."""
        return self._streams.gathered("responses")

    @property
    def requests_finished(self) -> Stream[Request]:
        """The successful requests of all pages of the browser; see ``Page.requests_finished``."""
        return self._streams.gathered("requests_finished")

    @property
    def requests_failed(self) -> Stream[Request]:
        """The failed requests of all pages of the browser; see ``Page.requests_failed``."""
        return self._streams.gathered("requests_failed")

    @property
    def web_sockets(self) -> Stream[WebSocket]:
        """The WebSockets of all pages of the browser; see ``Page.web_sockets``."""
        return self._streams.gathered("web_sockets")

    @property
    def frame_attached(self) -> Stream[Frame]:
        """The frames that are added to any page of the browser; see ``Page.frame_attached``."""
        return self._streams.gathered("frame_attached")

    @property
    def frame_navigated(self) -> Stream[Frame]:
        """The frames of any page of the browser whose document or URL has changed; see ``Page.frame_navigated``."""
        return self._streams.gathered("frame_navigated")

    @property
    def frame_detached(self) -> Stream[Frame]:
        """The frames that are removed from any page of the browser; see ``Page.frame_detached``."""
        return self._streams.gathered("frame_detached")

    @returns_deferred
    async def start_tracing(
        self,
        page: Page | None = None,
        *,
        path: str | os.PathLike[str] | None = None,
        screenshots: bool = False,
        categories: Sequence[str] | None = None,
    ) -> None:
        """Start a Chromium trace (``Tracing.start``); like ``page.tracing.start``, which has more options.

        :param page: the page through which it is started, and with which it ends; None means the browser.
        :param path: a file that :meth:`stop_tracing` writes the trace to as well.
        :param screenshots: whether the trace includes pictures of the pages.
        :param categories: the categories to trace; see :meth:`txcdp.page.Tracing.start`.
        :returns: fires and fails like :meth:`txcdp.page.Tracing.start`.
        """
        if categories is not None:
            refuse_bare_string("categories", categories)
        if page is None and self._own_tracing is None:
            self._own_tracing = Tracing(self.session)
        tracing = page.tracing if page is not None else self._own_tracing
        assert tracing is not None
        await tracing.start(path, screenshots=screenshots, categories=categories, compress=False)
        self._tracing = tracing

    @returns_deferred
    async def stop_tracing(self) -> bytes:
        """Stop the trace and return it whole; use ``page.tracing.stop()`` to write a trace of any size to its file.

        :returns: fires with the trace, as JSON; fails like :meth:`txcdp.page.Tracing.stop`.
        """
        tracing, self._tracing = self._tracing, None
        if tracing is None:
            raise NotRunning("a trace", "start_tracing() first")
        path = tracing.path
        data = await tracing.stop()
        return path.read_bytes() if path is not None else data or b""

    def set_default_timeout(self, timeout: Timeout) -> None:
        """Set the default timeout for everything that waits on pages; those of a call, a page and its context take
        precedence.

        It is 30 s unless set.

        :param timeout: seconds, or a timedelta; None or 0 means no timeout; :data:`~txcdp.DEFAULT` restores 30 s.
        :raises ValueError: it is negative.
        """
        self._timeouts.set(timeout)

    def set_default_navigation_timeout(self, timeout: Timeout) -> None:
        """Set the default timeout of navigations; it takes precedence over :meth:`set_default_timeout`.

        :param timeout: as for :meth:`set_default_timeout`.
        :raises ValueError: it is negative.
        """
        self._timeouts.set_navigation(timeout)

    @returns_deferred
    async def new_page(self, url: str = "about:blank", **options: Unpack[ContextOptions]) -> Page:
        """Open a page (``Target.createTarget``).

        Like every page opened this way, it counts as visible and focused even if another page is in front: its timers
        and animations run. With a ``url``, it navigates there and waits for ``load``; to see what happens on the way,
        open an empty page, subscribe, then call ``page.goto(url)``.

        Without options, the page is in the default context; with options, in a context of its own, which ends with it.

        :param url: the URL to navigate to.
        :param options: the options of a context of its own: see :class:`ContextOptions`.
        :returns: fires with the :class:`Page`. Fails with :exc:`NotABrowser`, like ``Session.execute``, and like
            ``Page.goto``; if it fails or is cancelled, the page is closed again. Fails with :exc:`ValueError` or
            :exc:`TypeError` for an invalid option.
        """
        if not checked_options(options):
            return await self._new_page(url, self.default_context)
        making = self.new_context(**options)
        own = await unless_cancelled(making, lambda made: made.close().addErrback(ignore_failure))
        try:
            page = await self._new_page(url, own)
        except BaseException:
            own.close().addErrback(ignore_failure)
            raise
        page.session.when_ended().addCallback(lambda _: own.close()).addErrback(ignore_failure)
        return page

    async def _new_page(self, url: str, context: BrowserContext) -> Page:
        if context is not self.default_context:
            context._check("new_page")
        command = target.create_target(url="about:blank", browser_context_id=context.id)
        page: Page | None = None
        with self._openings.creating():
            creating = Deferred.fromCoroutine(self._open(command, "new_page"))
            created = await unless_cancelled(creating, lambda result: self._close_target(result.target_id))
            try:
                session = await self.connection.attach(created.target_id)
                # In one write with what the page itself sends.
                self._openings.claim(session)
                emulation = context._emulation.give(session)
                page = self._page_of(session, created.target_id, context)
            except BaseException:
                self._close_target(created.target_id, page)
                raise
        try:
            await page.when_set_up()
            if page.session.ended:
                raise copy(await page.session.when_ended())
            await emulation.when_given(self.connection.timeout)
            if url != "about:blank":
                await page.goto(url)
        except BaseException:
            self._close_target(created.target_id, page)
            raise
        return page

    @returns_deferred
    async def new_context(self, **options: Unpack[ContextOptions]) -> BrowserContext:
        """Make a context (``Target.createBrowserContext``), which has its own cookies, storage and cache.

        The browser disposes of it and its pages when this connection ends; with a reconnect policy, it does so at
        :meth:`close`, since the context has to exist after a reconnect.

        :param options: options for its pages: see :class:`ContextOptions`.
        :returns: fires with the :class:`BrowserContext`; fails with :exc:`NotABrowser`, and like ``Session.execute``;
            with :exc:`ValueError` or :exc:`TypeError` for an invalid option, and with :exc:`OSError` if the file of a
            storage state cannot be read. If Chromium does not know a time zone or locale,
            :meth:`BrowserContext.new_page` fails.
        """
        given = checked_options(options)
        size = chosen(given.get("viewport"), bool(given.get("no_viewport")), self._viewport)
        kept = given.get("storage_state")
        state = None if kept is None else checked_state(kept)
        proxy, origins = given.get("proxy"), given.get("origins_with_universal_network_access")
        command = target.create_browser_context(
            dispose_on_detach=self._reopening is None,  # it has to outlive a lost line
            proxy_server=None if proxy is None else proxy["server"],
            proxy_bypass_list=None if proxy is None else proxy_bypass_list(proxy),
            origins_with_universal_network_access=None if origins is None else list(origins),
        )
        made = (await self._open(command, "new_context")).browser_context_id
        by = self.default_context._interception.proxy
        if proxy is None and by is not None:
            given = {**given, "proxy": by}
        context = self._add_context(made, command, _with_viewport(given, size))
        try:
            await context._set_up()
            await context._give_state(state)
            har = given.get("record_har_path")
            if har is not None:
                bodies, mode = given.get("record_har_content") or "embed", given.get("record_har_mode") or "full"
                await context.record_har(har, bodies=bodies, pattern=given.get("record_har_url_filter"), mode=mode)
        except BaseException:
            context.close().addErrback(ignore_failure)
            raise
        return context

    @returns_deferred
    async def attach_pages(self) -> list[Page]:
        """Attach to the open pages, including those of other programs (``Target.getTargets``).

        :returns: fires with a list of :class:`Page`, once their frames are known unless a page hangs; a page that was
            attached to before is the same object. A page that is closed meanwhile is left out. Fails like
            ``Session.execute``.
        """
        info = await self._root_target()
        if info is not None and info.type != "browser":
            if info.type != "page":
                return []
            return await self._told([self._page_of(self.session, info.target_id, self.default_context, found=True)])
        listing = self._list_contexts()  # in one write
        try:
            targets = await self.targets()
        except CommandError as error:
            if error.code == METHOD_NOT_FOUND:
                return []  # Node has none
            raise
        await listing
        found = [each for each in targets if each.type == "page" and not each.subtype]
        attaching = [self.connection.attach(each.target_id) for each in found]  # in one write
        pages = []
        failed: BaseException | None = None
        for each, waiting in zip(found, attaching, strict=True):
            try:
                context = self._contexts.get(each.browser_context_id or "", self.default_context)
                pages.append(self._page_of(await waiting, each.target_id, context, found=True))
            except (CommandError, SessionDetached):
                continue  # it is gone
            except BaseException as error:
                failed = failed or error
        if failed is not None:
            raise failed
        return await self._told(pages)

    async def _told(self, pages: list[Page]) -> list[Page]:
        """Wait until the frames of pages are known; those of a page that hangs are known once it no longer hangs."""
        telling = gatherResults([each._tree.told.wait() for each in pages], consumeErrors=True)
        late = lambda: CommandTimeout("Page.getFrameTree", _TELLING)  # noqa: E731
        with contextlib.suppress(CommandTimeout):
            await with_deadline(self.session.context.clock, telling, _TELLING, late)
        return pages

    @returns_deferred
    async def new_browser_cdp_session(self) -> Session:
        """Attach to the browser itself once more (``Target.attachToBrowserTarget``), to get a session of your own.

        :returns: fires with a :class:`Session` that the library does not use; ``detach()`` ends it. Fails like
            ``Session.execute``.
        """
        return await self.connection._attach_apart(None)

    @returns_deferred
    async def targets(self) -> list[target.TargetInfo]:
        """List the targets that can be attached to: pages, frames, workers (``Target.getTargets``).

        :returns: fires with a list of ``TargetInfo``; fails like ``Session.execute``.
        """
        return (await self.session.execute(target.get_targets())).target_infos

    def version(self) -> Deferred[browser.GetVersionResult]:
        """Return the browser's name and version (``Browser.getVersion``).

        :returns: fires with the product, revision and user agent; fails like ``Session.execute``.
        """
        return self.session.execute(browser.get_version())

    def is_connected(self) -> bool:
        """Return whether the browser is connected; false while reconnecting."""
        return not (self.session.ended or self.session.suspended)

    @returns_deferred
    async def when_closed(self) -> None:
        """Wait until the connection has ended for good: it was closed here, or has ended without a reconnect.

        :returns: fires with None; at once if it already has. Each call returns a new Deferred.
        """
        await self.session.when_ended()

    def close(self) -> Deferred[None]:
        """Close the browser: end a launched one; if it was connected to, close only the connection.

        A launched browser is asked to end (``Browser.close``); if it has not ended after 5 s, it gets SIGTERM, and
        after another 5 s SIGKILL. To end a browser that was connected to, send it ``Browser.close``.

        :returns: fires with None once the connection is closed and, for a launched browser, its process has ended and
            its temporary profile is removed. It may be called any number of times; cancelling it only stops the
            waiting.
        """
        if not self._closing:
            self._closing = True
            self._close().addErrback(lambda failure: log.failure("Closing a browser", failure=failure)).addBoth(
                lambda _: self._closed.fire(None)
            )
        return self._closed.wait()

    @returns_deferred
    async def _close(self) -> None:
        connection = self.connection
        for each in self.contexts:
            await each._stop_recordings()
        await connection._outage.give_up()
        if self.process is None:
            await self._leave()
            await connection.close()
            await self._downloads.files.remove()
            return
        ended = self.process.close(grace=_GRACE if connection.lost is None else 0.0, kill_after=_PATIENCE)
        asked = self.session.execute(browser.close(), timeout=None)
        # As soon as it has agreed, its hanging up is what we have asked for.
        asked.addBoth(lambda _: connection.close()).addErrback(ignore_failure)
        await ended
        await connection.close()
        await self._downloads.files.remove()

    async def _leave(self) -> None:
        """Dispose of what a browser that lives on would keep forever."""
        kept = self.contexts if self._reopening is not None else []
        closing = [context.close() for context in kept if context._made_by is not None]  # in one write
        for waiting in closing:
            with contextlib.suppress(TxcdpError):
                await with_deadline(self.session.context.clock, waiting, _LEAVING, TimeoutError)

    def _keep(self, policy: ReconnectPolicy, identity: str, open_line: OpenLine, name: str) -> None:
        """Let the connection survive a lost line, and its pages a restart of the browser; see :class:`ReconnectPolicy`.

        :param identity: of the present browser.
        :param open_line: connects to it again, or starts another one.
        :param name: the browser's name, for the log.
        """
        self._reopening = Reopening(self.session, self._pages.get, self._open_blank)
        replace = self._reopening.replace if policy.reopen_pages else None
        self.session._feed_into(gap=self._line_back)
        Reconnector(self.connection, identity, open_line, policy, self.session.context.clock, replace, name)

    def _deny_downloads(self) -> None:
        """Cancel downloads of the default context that have no subscriber: they would be saved in the user's folder."""
        self.default_context._downloads.denied = True
        self._downloads.set_up(self.default_context._downloads)

    def _restarted(self, process: BrowserProcess) -> None:
        """Take over the process that has replaced the launched one."""
        self.process = process

    def _page_of(
        self,
        session: Session,
        target_id: str,
        context: BrowserContext,
        found: bool = False,
        opener: Page | None = None,
        going: bool = False,
    ) -> Page:
        """Return the page of a session: one session has one page, which keeps track of its navigations.

        :param found: whether it existed before.
        :param opener: the page that opened it.
        :param going: whether it is new, and may already be at its destination.
        """
        page = self._pages.get(session)
        if page is None:
            page = self._pages[session] = Page(
                self.connection,
                session,
                target_id,
                self._dialogs,
                context,
                context._emulation.given(session),
                found or going,
                opener,
            )
            if self._reopening is not None:
                self._reopening.follow(page)
            context._streams.add(page)
            context._scripts.give(page, not found)
            if opener is None and not found:
                page._expect_to_go()
            if not found:
                context._streams.push("page_opened", page)
            if opener is not None:
                opener._tree.streams.push("popups", page)
        return page

    def _opener_of(self, info: target.TargetInfo) -> Page | None:
        """Return the page that opened a target, unless it was detached from."""
        for each in list(self._pages.values()) if info.opener_id is not None else ():
            if each.target_id == info.opener_id and not each.session.ended:
                return each
        return None

    def _emulation_of_opener(self, info: target.TargetInfo) -> ContextEmulation | None:
        """Return the settings of the context of the page that opened a target."""
        context = self._context_of_opener(info)
        return None if context is None else context._emulation

    def _opened(self, session: Session, info: target.TargetInfo) -> None:
        """Take over a page that was opened by another page, or in a context that was made here."""
        if info.subtype:
            return  # it is rendered in advance, and may take the place of the page that it is for
        opener = self._opener_of(info)
        context = self._context_of_opener(info) or self._contexts.get(info.browser_context_id or "")
        if context is not None:
            # What the browser opens for a click with Ctrl or Shift has neither, and goes on while it is attached to.
            going = opener is None and info.url != "about:blank"
            self._page_of(session, info.target_id, context, opener=opener, going=going)

    def _context_of_opener(self, info: target.TargetInfo) -> BrowserContext | None:
        """Return the context of the page that has opened a target, or has had our browser open it.

        Of the latter, as of a click with Ctrl, there is neither an opener nor, as yet, a URL: a person's has one.
        """
        opener = self._opener_of(info)
        if opener is not None:
            return opener.context
        clicked = self.process is not None and info.opener_id is None and not info.url
        return self.default_context if clicked and info.browser_context_id in self._ids_of_default() else None

    def _ids_of_default(self) -> set[str | None]:
        """Return the ids by which pages of the default context name it."""
        pages = self.default_context.pages
        return {each.session.target.browser_context_id for each in pages if each.session.target is not None}

    def _wants_worker(self, info: target.TargetInfo) -> bool:
        return self._context_of_worker(info) is not None

    def _context_of_worker(self, info: target.TargetInfo) -> BrowserContext | None:
        """Return the context of a service or shared worker, if it is one of ours."""
        context = self._contexts.get(info.browser_context_id or "")
        if context is not None:
            return None if context.is_closed() else context
        default = self.default_context
        known = self._ids_of_default()
        return default if default._workers.wanted and (info.browser_context_id in known or not known) else None

    def _worker_began(self, session: Session, info: target.TargetInfo) -> None:
        """Set up a service or shared worker that was attached to and waits for that."""
        context = self._context_of_worker(info)
        if context is not None:
            context._emulation.give_worker(session)
            context._workers.add(session)

    def _emulation_in(self, context_id: str | None) -> ContextEmulation | None:
        """Return the settings of the context with an id, if it was made here and is not closed."""
        context = self._contexts.get(context_id or "")
        return None if context is None or context._made_by is None or context.is_closed() else context._emulation

    def _ended(self, error: Exception | None) -> None:
        """End everything that belongs to the browser: contexts do not wait for its end themselves, as there may be
        thousands.
        """
        self._streams.end(error)
        for each in dict.fromkeys([self.default_context, *self._contexts.values()]):
            each._end(error)
        if not self._closing:  # else when the browser has ended, which may write until then
            self._downloads.files.remove().addErrback(ignore_failure)

    def _line_back(self, gap: Gap) -> None:
        """Set up the contexts in the browser itself after a reconnect; a context that is made again is set up at that
        time.
        """
        for each in self.contexts:
            if each._made_by is None or not gap.restarted:
                each._set_up().addErrback(ignore_failure)

    def _add_context(
        self, context_id: str, made_by: target.create_browser_context | None, options: ContextOptions | None = None
    ) -> BrowserContext:
        self._contexts = {key: each for key, each in self._contexts.items() if not each.is_closed()}
        context = self._contexts[context_id] = BrowserContext(self, context_id, made_by, options)
        self._streams.add(context)
        return context

    @returns_deferred
    async def _list_contexts(self) -> None:
        """List the contexts besides the default one, including those of other programs."""
        try:
            known = (await self.session.execute(target.get_browser_contexts())).browser_context_ids
        except CommandError:
            return  # Node has none
        for context_id in known:
            if context_id not in self._contexts:
                self._add_context(context_id, None)
        for each in self.contexts[1:]:
            if each._made_by is None and each.id not in known:
                each._end()

    @returns_deferred
    async def _open_blank(self, context_id: str | None) -> str:
        """Open an empty page in a context that existed before the browser was restarted, or in one like it.

        :returns: fires with the id of the page's target.
        """
        with self._openings.reopening():
            return await self._create_blank(context_id)

    async def _create_blank(self, context_id: str | None) -> str:
        context = self._contexts.get(context_id or "")
        root = self.session
        if context is None or context._made_by is None:
            return (await root.execute(target.create_target(url="about:blank"))).target_id
        try:
            command = target.create_target(url="about:blank", browser_context_id=context.id)
            return (await root.execute(command)).target_id
        except CommandError:  # it is gone, too
            context.id = (await root.execute(context._made_by)).browser_context_id
            self._contexts[context.id] = context
            context._set_up().addErrback(ignore_failure)
            await context._give_state(context._given_state).addErrback(ignore_failure)
            command = target.create_target(url="about:blank", browser_context_id=context.id)
            return (await root.execute(command)).target_id

    def _close_target(self, target_id: str, page: Page | None = None) -> None:
        """Close a page that no program will get."""
        session = None if page is None else page.session
        closing = close_target(self.session, lambda: target_id, session, self.connection.timeout)
        closing.addErrback(ignore_failure)

    async def _root_target(self) -> target.TargetInfo | None:
        """Ask for the target of the root session; None if it does not support targets."""
        try:
            return (await self.session.execute(target.get_target_info())).target_info
        except CommandError:
            return None

    async def _open(self, command: Command[R], what: str) -> R:
        """Execute a command that only a browser supports."""
        if not self._is_browser:
            info = await self._root_target()
            if info is not None and info.type != "browser":
                raise NotABrowser(what, info.type)
            self._is_browser = True
        try:
            return await self.session.execute(command)
        except CommandError as error:
            if error.code == METHOD_NOT_FOUND:
                raise NotABrowser(what, "other") from error
            raise


def _with_viewport(options: ContextOptions, viewport: ViewportSize | None) -> ContextOptions:
    """Return options with the size that results from them."""
    return {**options, "viewport": viewport} if viewport is not None else options
