"""A page: the target of type ``page``, by what one does with it."""

from __future__ import annotations

import os
from collections.abc import Callable
from datetime import timedelta
from types import TracebackType
from typing import TYPE_CHECKING, Any, Literal, Self, TypeVar

from twisted.internet.defer import CancelledError, Deferred

from txcdp._core.sessions import Session
from txcdp._deferreds import OneShot, ignore_failure, returns_deferred, with_deadline
from txcdp._timeouts import DEFAULT, DefaultTimeouts, Timeout, seconds_of
from txcdp.domains import page, target
from txcdp.errors import CommandTimeout, ContextDestroyed, DialogOpen, Gone, NavigationError, NavigationTimeout
from txcdp.page import _capture as capture
from txcdp.page import _commits as commits
from txcdp.page._dialogs import Dialog, PageDialogs
from txcdp.page._evaluation import Evaluator, OwnWorld
from txcdp.page._handles import ElementHandle, JSHandle, handle_of, query_selector, query_selector_all
from txcdp.page._injected import Injected
from txcdp.page._navigation import Navigation, WaitUntil, Watcher, check_wait_until
from txcdp.page._scripts import Binding, Scripts, source_of
from txcdp.page._tags import add_tag
from txcdp.page._viewport import ViewportSize, checked, override
from txcdp.page._waiting import FunctionWait, interval_of, wait_for_timeout
from txcdp.protocol import Event
from txcdp.streams import EventStream, Gap, Registration, Stream

if TYPE_CHECKING:
    from txcdp._core.connection import Connection
    from txcdp.browser import Browser, BrowserContext

E = TypeVar("E", bound=Event)


class Page:
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
    :param found: whether the page was there before, and so may have been anywhere.
    :param viewport: what it was given; None: it has its window's size.
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
        found: bool = False,
        viewport: ViewportSize | None = None,
    ) -> None:
        self.session = session
        self.context = context
        self._dialogs = dialogs
        self._injected = Injected(session)
        self._evaluator = Evaluator(self._injected)
        self._own_world = OwnWorld(session)
        self._target_id = target_id
        self._connection = connection
        self._watcher: Watcher | None = None
        self._viewport = viewport
        self._timeouts = DefaultTimeouts(context._timeouts)
        session._set_default_timeout(self._timeouts.general)
        self._main_frame = (target_id, target_id)
        self._url = "about:blank" if session.target is None else session.target.url
        session._observe(page.FrameNavigated).with_gaps().subscribe(self._went, ignore_failure)
        session._observe(page.NavigatedWithinDocument).subscribe(self._moved, ignore_failure)
        session._observe(page.DocumentOpened).subscribe(self._opened, ignore_failure)
        dialogs.follow(session, self)  # with the Page domain enabled, they wait for an answer
        if found:
            self._find_main_frame()
        # All leave in one write. A page that hangs answers when it hangs no more.
        session._insist(page.enable()).addErrback(ignore_failure)
        self._injected.register()
        self._scripts = Scripts(self._injected, self._source_of_call)
        self._set_up: OneShot[None] = OneShot()
        hearing = session._insist(page.set_lifecycle_events_enabled(enabled=True))
        hearing.addErrback(ignore_failure).addCallback(lambda _: self._set_up.fire(None))

    def __repr__(self) -> str:
        return f"<Page {self.target_id}: {self.session!r}>"

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self.close()

    @property
    def url(self) -> str:
        """The document's URL, with its fragment, by what the browser has said so far: known without a round trip."""
        return self._url

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
        target_id, frame_id = self._main_frame
        return frame_id if target_id == self.target_id else self.target_id

    @property
    def viewport_size(self) -> ViewportSize | None:
        """The size that the page was given, in CSS pixels; None where it has its window's."""
        return None if self._viewport is None else self._viewport.copy()

    @returns_deferred
    async def set_viewport_size(self, viewport_size: ViewportSize) -> None:
        """Give the page another size (``Emulation.setDeviceMetricsOverride``).

        :param viewport_size: what is seen of the document, in CSS pixels, such as ``{"width": 800, "height": 600}``.
        :returns: fires with None when the page has it. Fails with :exc:`TypeError` or :exc:`ValueError` when there is
            no such size; otherwise like ``Session.execute``.
        """
        size = checked(viewport_size)
        await self.session.execute(override(size))
        self._viewport = size

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

    @property
    def dialogs(self) -> Stream[Dialog]:
        """The page's dialogs (alert, confirm, prompt, ``beforeunload``), as they open: a stream of :class:`Dialog`.

        Whoever subscribes decides: ``accept()`` or ``dismiss()``, within 30 s; the page waits for it. So does who
        subscribes to ``page.events(JavascriptDialogOpening)``. While nobody does, dialogs are dismissed at once, and a
        ``beforeunload`` accepted. The stream goes on over crashes and ends with the page.
        """
        return self._dialogs.of(self.session)

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

    def goto(self, url: str, wait_until: WaitUntil = "load", *, timeout: Timeout = DEFAULT) -> Deferred[Navigation]:
        """Go to a URL (``Page.navigate``) and wait until the page is there.

        A page that itself leads on to another one, by script, is followed. An answer like 404 is no
        error, with or without a body: see ``Navigation.status``. A page that stops loading before its
        load event, by ``window.stop()`` or by going to something that is no page, counts as loaded. When
        it is cancelled, or the time is up, before the page has begun to change, it stops loading and
        stays where it was.

        :param url: where to; with a scheme.
        :param wait_until: ``"commit"``: the new document is there; ``"domcontentloaded"``: it is parsed;
            ``"load"``: with all that belongs to it; ``"networkidle"``: and half a second without requests.
        :param timeout: seconds, or a timedelta; None or 0: no deadline; by default as
            :meth:`set_default_navigation_timeout` has set it, for the page, its context or the browser: 30 s.
        :returns: fires with the :class:`Navigation`. Fails with :exc:`NavigationError`, or what is derived
            from it: :exc:`NavigationTimeout`, :exc:`DownloadStarted`, :exc:`DocumentBroken` where the
            document's body broke off or cannot be decoded, and :exc:`NavigationInterrupted` when
            the program calls :meth:`goto` or :meth:`reload` meanwhile; with :exc:`SessionDetached`,
            :exc:`TargetCrashed` or :exc:`ConnectionLost`.
        :raises ValueError: ``wait_until`` is none of these, or ``timeout`` is negative.
        """
        check_wait_until(wait_until)
        seconds = seconds_of(timeout, self._timeouts.navigation())

        def send(watcher: Watcher) -> None:
            watcher.navigating(self.session.execute(page.navigate(url=url), timeout=None))

        return self._go(url, send, wait_until, seconds)

    def reload(
        self, wait_until: WaitUntil = "load", *, ignore_cache: bool = False, timeout: Timeout = DEFAULT
    ) -> Deferred[Navigation]:
        """Load the page again (``Page.reload``) and wait until it is there.

        :param wait_until: as for :meth:`goto`.
        :param ignore_cache: fetch everything again, past the cache.
        :param timeout: as for :meth:`goto`.
        :returns: fires and fails like :meth:`goto`.
        :raises ValueError: ``wait_until`` is none that :meth:`goto` knows, or ``timeout`` is negative.
        """
        check_wait_until(wait_until)
        seconds = seconds_of(timeout, self._timeouts.navigation())

        def send(watcher: Watcher) -> None:
            command = page.reload(ignore_cache=ignore_cache)
            watcher.reloading(commits.execute(self.session, command, None, again_unanswered=False))

        return self._go("the page", send, wait_until, seconds)

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
            :exc:`EvaluationError` when the expression throws, and otherwise like :meth:`evaluate`.
        :raises ValueError: ``polling`` is not more than 0, or something else in words.
        """
        waiting = FunctionWait(self._evaluator, expression, arg, interval_of(polling))
        return waiting.begin(self._deadline(timeout))

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

        :param script: the text.
        :param path: a file that has it, instead.
        :returns: fires with a :class:`Registration`, with which it is removed again, when the browser has it; fails
            like ``Session.execute``.
        :raises ValueError: neither is given, or both are.
        :raises OSError: the file cannot be read.
        """
        return self._scripts.add(source_of(script, path))

    def expose_function(self, name: str, callback: Callable[..., object]) -> Deferred[Binding]:
        """Give all documents of the page and its frames, now and later, a function that calls the program.

        In the page, the function returns a promise of what the callback returns, or fires with. What is raised becomes
        a rejection, with an Error of the same name and text.

        :param name: the function's, as a property of ``window``.
        :param callback: called with the arguments; may return a Deferred, or be a coroutine function.
        :returns: fires with a :class:`Binding`, with which it is removed again, when the page has it. Fails with
            :exc:`ValueError` where there is one of that name; otherwise like ``Session.execute``.
        """
        return self._scripts.expose(name, lambda source, *args: callback(*args))

    def expose_binding(self, name: str, callback: Callable[..., object] | None = None) -> Deferred[Binding]:
        """Do the same as :meth:`expose_function`, and say where a call comes from.

        :param name: the function's, as a property of ``window``.
        :param callback: called with a dict of ``"context"``, ``"page"`` and ``"frame"``, and then the arguments; None:
            the calls are items of ``Binding.calls``, and return ``undefined`` at once.
        :returns: fires and fails like :meth:`expose_function`.
        """
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
        return add_tag(self._evaluator, "script", url, path, content, type, self._deadline(timeout))

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
        tag = "style" if url is None else "link"
        return add_tag(self._evaluator, tag, url, path, content, "", self._deadline(timeout))

    def _deadline(self, timeout: Timeout) -> float | None:
        return seconds_of(timeout, self._timeouts.general())

    def _source_of_call(self, injected: Injected, context_id: int) -> dict[str, Any]:
        return {"context": self.context, "page": self, "frame": None}

    @returns_deferred
    async def query_selector(self, selector: str) -> ElementHandle | None:
        """Return the first element of the document that matches a selector.

        :param selector: of CSS.
        :returns: fires with an :class:`ElementHandle`; None: there is none. Fails like :meth:`evaluate`.
        """
        return await query_selector(self._evaluator, None, selector)

    @returns_deferred
    async def query_selector_all(self, selector: str) -> list[ElementHandle]:
        """Return all elements of the document that match a selector.

        :param selector: of CSS.
        :returns: fires with a list, in the document's order; fails like :meth:`evaluate`.
        """
        return await query_selector_all(self._evaluator, None, selector)

    @returns_deferred
    async def content(self) -> str:
        """Return the document as HTML, with its doctype, as it is now.

        :returns: fires with the text; fails like :meth:`evaluate`.
        """
        return str(await self._read("content", OwnWorld.CONTENT))

    @returns_deferred
    async def title(self) -> str:
        """Return the document's title.

        :returns: fires with the text; fails like :meth:`evaluate`.
        """
        return str(await self._read("title", OwnWorld.TITLE))

    @returns_deferred
    async def screenshot(
        self,
        path: str | os.PathLike[str] | None = None,
        *,
        type: capture.ImageFormat | None = None,  # noqa: A002  (as users of the field know it)
        format: capture.ImageFormat | None = None,  # noqa: A002  (the protocol's name)
        full_page: bool = False,
        quality: int | None = None,
        clip: page.Viewport | None = None,
        timeout: Timeout = DEFAULT,
    ) -> bytes:
        """Take a picture of the page (``Page.captureScreenshot``).

        :param path: a file to write it to, too; its suffix decides what it is: .png, .jpg, .jpeg or .webp.
        :param type: ``"png"``, ``"jpeg"`` or ``"webp"``; by default what the path says, else PNG.
        :param format: the same by the protocol's name.
        :param full_page: the whole document instead of the viewport alone.
        :param quality: of JPEG and WebP, 0 to 100.
        :param clip: only this part of the document, in CSS pixels.
        :param timeout: seconds, or a timedelta; None or 0: no deadline; by default as :meth:`set_default_timeout` has
            set it, for the page, its context or the browser; where none has, the connection's for commands.
        :returns: fires with the file's content. Fails like ``Session.execute``; with :exc:`ValueError` when
            both ``full_page`` and ``clip`` are given, or the suffix is unknown or says something else than
            ``type``; with :exc:`OSError` when it cannot be written.
        """
        if None not in (type, format) and type != format:
            raise ValueError(f"type={type!r} or format={format!r}, not both: they are one thing by two names")
        kind = capture.image_format(path, type or format)
        seconds = seconds_of(timeout, self._timeouts.general(self._connection.timeout))
        data = await capture.screenshot(self.session, kind, seconds, full_page=full_page, quality=quality, clip=clip)
        if path is not None:
            capture.save(data, path)
        return data

    @returns_deferred
    async def close(self) -> None:
        """Close the page (``Target.closeTarget``), without asking its ``beforeunload``.

        :returns: fires with None when its session has ended; at once when it had before, whatever
            ended it. Fails with :exc:`CommandError` when the browser refuses, and with
            :exc:`CommandTimeout` when it takes longer than the connection's deadline for commands.
        """
        if self.session.ended:
            return
        connection = self._connection
        if self.session is not connection.session:
            target_id = lambda: self.target_id  # noqa: E731
            await commits.close_target(connection.session, target_id, self.session, connection.timeout)
            return
        try:
            await self.session.execute(target.close_target(target_id=self.target_id))
        except Gone:
            if not self.session.ended:
                raise  # another line is being looked for, over which the page would come back
        await connection.close()

    def _navigated(self, frame: page.Frame) -> None:
        if frame.parent_id is None:
            self._main_frame = (self.target_id, frame.id)
            self._url = _url_of(frame)
            self._own_world.forget()

    def _went(self, event: page.FrameNavigated | Gap) -> None:
        if not isinstance(event, Gap):
            self._navigated(event.frame)
        elif self.session.target is not None:  # where it went meanwhile nobody has told
            self._url = self.session.target.url
            self._injected.register()
            self._find_main_frame()

    def _moved(self, event: page.NavigatedWithinDocument) -> None:
        if event.frame_id == self.main_frame_id:
            self._url = event.url

    def _opened(self, event: page.DocumentOpened) -> None:
        if event.frame.parent_id is None:  # the document has the URL of the one whose script has called open()
            self._url = _url_of(event.frame)

    def _find_main_frame(self) -> None:
        """Ask which frame is the main one, of a page that has been somewhere before."""
        asking = self.session.execute(page.get_frame_tree(), timeout=None)
        asking.addCallbacks(lambda result: self._navigated(result.frame_tree.frame), ignore_failure)

    async def _read(self, what: str, expression: str) -> Any:
        """Evaluate for ourselves; while a dialog is open that would wait for what the program may be about to do."""
        if self.session.blocked_by:
            raise DialogOpen(f"page.{what}()", self.session.blocked_by)
        frame_id = self.main_frame_id
        try:
            return await self._own_world.read(expression, frame_id)
        except ContextDestroyed:
            if frame_id == self.main_frame_id:
                raise
            # A page that was rendered in advance has taken its place, and we have only just heard of it.
            return await self._own_world.read(expression, self.main_frame_id)

    @returns_deferred
    async def _go(
        self, url: str, send: Callable[[Watcher], None], wait_until: WaitUntil, timeout: float | None
    ) -> Navigation:
        timeout = await self.session._when_usable("Page.navigate", timeout)
        watcher = Watcher(self.session, self.main_frame_id, url, wait_until)
        going = Deferred.fromCoroutine(self._watch(watcher, send))
        clock = self.session.context.clock
        return await with_deadline(clock, going, timeout, lambda: self._late(watcher, timeout or 0))

    def _late(self, watcher: Watcher, seconds: float) -> NavigationError:
        error = watcher.late(seconds)
        if isinstance(error, NavigationTimeout):
            error.obstacle = self.session.blocked_by or error.obstacle
        return error

    async def _watch(self, watcher: Watcher, send: Callable[[Watcher], None]) -> Navigation:
        older, self._watcher = self._watcher, watcher
        before = self._url
        try:
            send(watcher)
            if older is not None:
                older.interrupt(watcher.url)
            arrived = await watcher.done
            if not arrived.loader_id and self._url == before:  # the browser answers before it says so
                self._url = arrived.url
            return arrived
        except CancelledError:
            if not watcher.reached:
                self.session.execute(page.stop_loading()).addErrback(ignore_failure)
            raise
        finally:
            watcher.stop()
            if self._watcher is watcher:
                self._watcher = None


def _url_of(frame: page.Frame) -> str:
    return frame.url + (frame.url_fragment or "")
