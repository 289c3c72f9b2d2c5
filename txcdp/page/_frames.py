"""A page's frames, and what is known of them: one model that is fed for the page's life.

The model (:mod:`txcdp.model`) keeps the tables: the tree of frames over all processes, the documents in them, and the
navigations. This module feeds it with the events of the page's session and of those of its frames in other processes
(:mod:`txcdp._following` attaches to each of them before it runs), and turns its changes into what a program sees:
:class:`Frame` objects, items of the page's streams, and the ends of waits (:class:`Waiter`).

In the model, the page's own session is always called ``""``, also after a reconnect; the others have their ids.
"""

from __future__ import annotations

import copy
import os
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import timedelta
from typing import TYPE_CHECKING, Any, Final, Generic, Literal, NoReturn, Protocol, TypeVar, get_args

from twisted.internet.defer import Deferred, fail, succeed
from twisted.python.failure import Failure

from txcdp._arguments import check_choice
from txcdp._core.sessions import Session
from txcdp._deferreds import OneShot, failing_deferreds, ignore_failure, returns_deferred, with_deadline
from txcdp._following import Choice, Following, ModelFeed
from txcdp._privacy import printable, shown_url
from txcdp._timeouts import DEFAULT, Timeout, seconds_of
from txcdp._url_patterns import URLMatch, resolved
from txcdp.domains import dom, inspector, network, page, target
from txcdp.errors import (
    CommandError,
    CommandTimeout,
    ContextDestroyed,
    FrameRemoved,
    Gone,
    SessionDetached,
)
from txcdp.model import (
    BrowserModel,
    Change,
    Context,
    Document,
    DocumentCommitted,
    DocumentOpened,
    FrameAttached,
    FrameDetached,
    FrameRenamed,
    FrameTreeChanged,
    LifecycleReached,
    NavigationEnded,
    NavigationRequest,
    NavigationState,
    SessionAttached,
    SessionClosed,
    SessionCrashed,
)
from txcdp.model import Frame as Row
from txcdp.network import Request, Response
from txcdp.network._following import Network
from txcdp.network._sessions import NetworkSessions
from txcdp.network._waits import ExchangeWait, IdleWait, is_counted, listed
from txcdp.page._evaluation import KEPT, Evaluator, KeptObject, OwnWorld, explained
from txcdp.page._handles import (
    ElementHandle,
    JSHandle,
    element_of,
    handle_of,
)
from txcdp.page._injected import Injected
from txcdp.page._locating import Path
from txcdp.page._shortcuts import SelectorActions
from txcdp.page._tags import add_tag
from txcdp.page._waiting import FunctionWait, interval_of
from txcdp.protocol import Event, Record
from txcdp.streams import Expected, Gap
from txcdp.streams._gathered import OnDemandStreams

if TYPE_CHECKING:
    from txcdp.page._page import Page

T = TypeVar("T")

#: The events that a page's model is fed with. Parsing and loading are known from lifecycle events.
_FED: Final[tuple[type[Event], ...]] = (
    *BrowserModel()
    .wants("frames", "documents")
    .difference(NetworkSessions.EVENTS, (page.DomContentEventFired, page.LoadEventFired)),
    *(target.AttachedToTarget, target.DetachedFromTarget),
    *(inspector.TargetCrashed, inspector.TargetReloadedAfterCrash),
)

#: Seconds within which the browser reports what became of a frame whose session has ended.
_FATE: Final = 5.0

#: The states of an empty document that existed before anybody subscribed.
_EMPTY: Final = ("commit", "DOMContentLoaded", "load", "networkAlmostIdle", "networkIdle")

#: The load state that a navigation waits for.
WaitUntil = Literal["load", "domcontentloaded", "networkidle", "commit"]

#: The protocol's names of the load states, in their usual order.
LIFECYCLE: Final[dict[WaitUntil, str]] = {
    "commit": "commit",
    "domcontentloaded": "DOMContentLoaded",
    "load": "load",
    "networkidle": "networkIdle",
}


#: The states of a navigation whose document has not arrived.
UNDER_WAY: Final = frozenset(
    (NavigationState.REQUESTED, NavigationState.RETURNING, NavigationState.RESPONDED, NavigationState.FAILING)
)

#: How a frame got its document, or its URL.
NavigationKind = Literal["new_document", "same_document", "restored", "prerendered", "error"]


@dataclass(frozen=True)
class Navigation:
    """A navigation of a frame that has committed; an item of ``Page.navigations``.

    :ivar url: the URL that it led to, with the fragment; for an error, the URL of the browser's error page.
    :ivar frame: the frame that has navigated.
    :ivar kind: ``"new_document"``; ``"same_document"``: a fragment, or the history API; ``"restored"``: from the
        back/forward cache, unchanged; ``"prerendered"``: rendered before the navigation; ``"error"``: nothing could be
        loaded.
    :ivar loader_id: the document's loader; None if the document stayed the same.
    :ivar response: the server's response; None if there was none, or the browser did not report it.
    """

    url: str
    frame: Frame
    kind: NavigationKind = "new_document"
    loader_id: str | None = None
    response: Response | None = None

    @property
    def status(self) -> int | None:
        """The HTTP status of the server's response, such as 404; None if there was no response."""
        return None if self.response is None else self.response.status

    @property
    def redirected_from(self) -> Request | None:
        """The last request that was redirected to this document; None if there was no redirect."""
        return None if self.response is None else self.response.request.redirected_from


def check_wait_until(wait_until: str, name: str = "wait_until") -> None:
    """Refuse a value that is not in :data:`WaitUntil`, before anything is sent.

    :param name: the argument's name, for errors.
    :raises ValueError: it is not one of these.
    """
    check_choice(name, wait_until, get_args(WaitUntil))


class ChildTargets(Choice):
    """The parts of a page that are targets of their own: frames in other processes, and workers."""

    below = (target.FilterEntry(type="iframe"), target.FilterEntry(type="worker"))
    above = ()


@failing_deferreds
class Frame(SelectorActions):
    """A frame: the same object for the life of the frame, whichever process it is in.

    :ivar page: the page that the frame belongs to.
    """

    def __init__(self, page: Page, tree: FrameTree, row: Row) -> None:
        self.page = page
        self._tree = tree
        self._row = row
        self._detached = False
        self._own_world: tuple[Session, OwnWorld] | None = None
        self._evaluator: Evaluator | None = None
        #: The requests in progress when a script opened its document; None: none did, or nobody received reports.
        self._before_opening: frozenset[str] | None = None
        #: Whether its document was restored, and the frames in that have not been reported yet.
        self._untold = False

    def __repr__(self) -> str:
        name = f" {self.name!r}" if self.name else ""
        return printable(f"<Frame{name} {shown_url(self.url)}{' (detached)' if self._detached else ''}>")

    @property
    def name(self) -> str:
        """The frame's name, set by its element or by its own script; ``""`` if it has none."""
        return self._row.name

    @property
    def url(self) -> str:
        """The URL of its document, with the fragment, as last reported by the browser."""
        return self._tree.url_of(self._row)

    @property
    def parent_frame(self) -> Frame | None:
        """The parent frame; None for the page's main frame and for a detached frame."""
        return None if self._detached else self._tree.frame(self._row.parent_id)

    @property
    def child_frames(self) -> list[Frame]:
        """The child frames, in the order in which they were attached."""
        return self._tree.children(self._row)

    def is_detached(self) -> bool:
        """Return whether the frame was removed from its page, or the page is closed."""
        return self._detached or (self is not self.page.main_frame and self.page.is_closed())

    def goto(
        self,
        url: str,
        wait_until: WaitUntil = "load",
        *,
        referer: str | None = None,
        timeout: Timeout = DEFAULT,
    ) -> Deferred[Response | None]:
        """Navigate the frame to a URL (``Page.navigate``) and wait until its document has loaded; see
        :meth:`Page.goto`.

        :returns: fires and fails like :meth:`Page.goto`, and with :exc:`NavigationError` if the frame is removed.
        """
        seconds = self._checked(wait_until, timeout)
        url = resolved(url, self.page.context._base_url)
        return self.page._navigator.goto(self, url, wait_until, referer, seconds)

    def set_content(self, html: str, wait_until: WaitUntil = "load", *, timeout: Timeout = DEFAULT) -> Deferred[None]:
        """Replace the frame's document by another one; see :meth:`Page.set_content`."""
        seconds = self._checked(wait_until, timeout)
        return self.page._navigator.set_content(self, html, wait_until, seconds)

    def wait_for_load_state(self, state: WaitUntil = "load", *, timeout: Timeout = DEFAULT) -> Deferred[None]:
        """Wait until the frame's document has reached a load state; see :meth:`Page.wait_for_load_state`."""
        return self.page._navigator.wait_for_load_state(self, state, self._checked(state, timeout, "state"))

    def expect_navigation(
        self, url: URLMatch | None = None, wait_until: WaitUntil = "load", *, timeout: Timeout = DEFAULT
    ) -> Expected[Response | None]:
        """Expect a navigation of the frame during a block; see :meth:`Page.expect_navigation`."""
        return self.page._navigator.expect(self, url, wait_until, self._checked(wait_until, timeout))

    def wait_for_url(
        self, url: URLMatch, wait_until: WaitUntil = "load", *, timeout: Timeout = DEFAULT
    ) -> Deferred[None]:
        """Wait until the frame is at a URL; see :meth:`Page.wait_for_url`."""
        return self.page._navigator.wait_for_url(self, url, wait_until, self._checked(wait_until, timeout))

    @returns_deferred
    async def evaluate(
        self, expression: str, arg: Any = None, *, await_promise: bool = True, timeout: Timeout = DEFAULT
    ) -> Any:
        """Evaluate JavaScript in the frame's document; see :meth:`Page.evaluate`.

        :returns: fires and fails like :meth:`Page.evaluate`, and with :exc:`NavigationError` if the frame is removed.
        """
        evaluator = await self._tree.evaluator(self, timeout)
        return await evaluator.evaluate(expression, (arg,), await_promise=await_promise, timeout=timeout)

    @returns_deferred
    async def evaluate_handle(self, expression: str, arg: Any = None, *, timeout: Timeout = DEFAULT) -> JSHandle:
        """Evaluate JavaScript in the frame's document, and return a handle to the value; see
        :meth:`Page.evaluate_handle`.
        """
        evaluator = await self._tree.evaluator(self, timeout)
        return handle_of(await evaluator.keep(expression, (arg,), timeout=timeout))

    @returns_deferred
    async def wait_for_function(
        self,
        expression: str,
        arg: Any = None,
        *,
        polling: float | timedelta | Literal["raf"] = "raf",
        timeout: Timeout = DEFAULT,
    ) -> JSHandle:
        """Wait until an expression is true in the frame's document; see :meth:`Page.wait_for_function`.

        :returns: fires and fails like :meth:`Page.wait_for_function`, and with :exc:`NavigationError` if the frame is
            removed.
        """
        evaluator = lambda: Deferred.fromCoroutine(self._tree.evaluator(self, None))  # noqa: E731
        waiting = FunctionWait(self.page.session, evaluator, expression, arg, interval_of(polling))
        return handle_of(await waiting.begin(self.page._seconds(timeout)))

    def wait_for_timeout(self, timeout: float | timedelta) -> Deferred[None]:
        """Wait for a fixed time; see :meth:`Page.wait_for_timeout`."""
        return self.page.wait_for_timeout(timeout)

    @returns_deferred
    async def add_script_tag(
        self,
        *,
        url: str | None = None,
        path: str | os.PathLike[str] | None = None,
        content: str | None = None,
        type: str = "",  # noqa: A002  (as users of the field know it)
        timeout: Timeout = DEFAULT,
    ) -> ElementHandle:
        """Add a ``<script>`` to the frame's document; see :meth:`Page.add_script_tag`."""
        evaluator = await self._tree.evaluator(self, timeout)
        return element_of(await add_tag(evaluator, "script", url, path, content, type, self.page._seconds(timeout)))

    @returns_deferred
    async def add_style_tag(
        self,
        *,
        url: str | None = None,
        path: str | os.PathLike[str] | None = None,
        content: str | None = None,
        timeout: Timeout = DEFAULT,
    ) -> ElementHandle:
        """Add a ``<style>``, or a ``<link>``, to the frame's document; see :meth:`Page.add_style_tag`."""
        evaluator = await self._tree.evaluator(self, timeout)
        tag = "style" if url is None else "link"
        element = element_of(await add_tag(evaluator, tag, url, path, content, "", self.page._seconds(timeout)))
        if url is not None:  # where scripts are off, no event tells that it has loaded
            await self.wait_for_function("link => link.sheet || !link.isConnected", element, timeout=timeout)
        return element

    @returns_deferred
    async def frame_element(self) -> ElementHandle:
        """Return the element that shows the frame (``DOM.getFrameOwner``).

        :returns: fires with an :class:`ElementHandle` in the parent frame. Fails with :exc:`FrameRemoved` if the frame
            was removed, with :exc:`ValueError` for the page's main frame; otherwise like :meth:`evaluate`.
        """
        if self._detached:
            raise self._tree.removed(self)
        parent = self.parent_frame
        if parent is None:
            raise ValueError(f"{self!r} is the page's main frame: no element shows it")
        evaluator = await self._tree.evaluator(parent)
        session = evaluator.injected.session
        try:
            owner = await session.execute(dom.get_frame_owner(frame_id=self._row.id))
            found = await session.execute(dom.resolve_node(backend_node_id=owner.backend_node_id, object_group=KEPT))
        except CommandError as error:
            raise self._tree.removed(self) if self.is_detached() else explained(error) from error
        return element_of(KeptObject(evaluator, found.object))

    @returns_deferred
    async def new_cdp_session(self) -> Session:
        """Attach to the frame once more, to get a session of your own; see :meth:`Page.new_cdp_session`.

        :returns: fires with a :class:`Session`. Fails with :exc:`ValueError` if the frame shares its parent's session,
            with :exc:`FrameRemoved` if it was removed; otherwise like ``Session.execute``.
        """
        if self is self.page.main_frame:
            return await self.page.new_cdp_session()
        if self._detached:
            raise self._tree.removed(self)
        session = await self._when_session()
        if session.target is None or not self._tree.is_top(self._row):
            raise ValueError(f"{self!r} has no session of its own: it is part of its parent frame's session")
        return await self.page._connection._attach_apart(session.target.target_id)

    def content(self) -> Deferred[str]:
        """Return the document as HTML; see :meth:`Page.content`."""
        return self.page._read(self, "content", OwnWorld.CONTENT)

    def title(self) -> Deferred[str]:
        """Return the document's title; see :meth:`Page.title`."""
        return self.page._read(self, "title", OwnWorld.TITLE)

    def _start(self) -> tuple[Frame, Path]:
        return self, Path()

    def _checked(self, wait_until: WaitUntil, timeout: Timeout, name: str = "wait_until") -> float | None:
        """Return a timeout in seconds, after refusing an invalid one, and an invalid state to wait for."""
        check_wait_until(wait_until, name)
        return self.page._navigation_seconds(timeout)

    @property
    def _session(self) -> Session | None:
        """The session that reports the frame; None while it moves from one to another."""
        return self._tree.session_of(self._row)

    def _when_session(self) -> Deferred[Session]:
        """Return a Deferred of the session that reports the frame; a frame may move from one to another."""
        return self._tree.when_session(self._row)

    def _world(self, session: Session) -> OwnWorld:
        """Return the library's isolated world in its document."""
        if self._own_world is None or self._own_world[0] is not session:
            self._own_world = session, OwnWorld(session)
        return self._own_world[1]

    def _is_in(self, session: Session, world: OwnWorld) -> bool:
        """Return whether a session, with its isolated world, reports the frame."""
        return self._session is session and self._own_world == (session, world)

    def _note_document(self) -> None:
        """Note that the frame has another document."""
        self._before_opening = None
        if self._own_world is not None:
            self._own_world[1].forget()


class Follower(Protocol):
    """Something that is notified of changes in a page's model."""

    def changed(self, changes: Sequence[Change], /) -> None:
        """Handle changes of the model."""


class Waiter(Generic[T]):
    """Base of waits for something to happen to a frame.

    :param frame: the frame.
    :ivar done: fires with the result, or fails with what prevented it.
    """

    def __init__(self, frame: Frame) -> None:
        self.done: Deferred[T] = Deferred()
        self._stopped = False
        self._frame = frame
        self._tree = frame._tree
        if frame._detached:
            self.fail(self._tree.removed(frame))
        else:
            self._tree.waiters[self] = None
            self._tree.watch_line()

    def changed(self, changes: Sequence[Change]) -> None:
        """Handle changes of the page's model."""
        raise NotImplementedError

    def succeed(self, outcome: T) -> None:
        """Fire with a result."""
        if not (self.done.called or self._stopped):
            self.done.callback(outcome)

    def fail(self, error: Exception | Failure) -> None:
        """Fail with an error."""
        if not (self.done.called or self._stopped):
            self.done.errback(error)

    def stop(self) -> None:
        """Leave nothing behind."""
        self._stopped = True  # what is cancelled for it says so to nobody
        self._tree.waiters.pop(self, None)


class FrameTree:
    """A page's frames, and the model that describes them.

    :param owner: the page.
    :param target_id: its target, which is also the main frame's id, unless the page was ever prerendered.
    :param url: the URL of its document.
    :param found: whether the page existed before, and so may have loaded anything already.
    :param going: whether it is about to replace its empty document by another one.
    :param answer_dialogs: called with each session of a frame whose dialogs wait for an answer.
    :ivar main: the main frame.
    :ivar frames: all frames by id, the main frame first.
    :ivar streams: the page's streams.
    :ivar told: fires when the initial frames are known; those of a page that hangs are not waited for.
    :ivar waiters: the pending waits (a dict used as an ordered set).
    :ivar followers: the others that are notified of changes.
    """

    def __init__(
        self,
        owner: Page,
        target_id: str,
        url: str,
        found: bool,
        going: bool,
        answer_dialogs: Callable[[Session], object],
    ) -> None:
        self.main: Frame
        self.frames: dict[str, Frame] = {}
        self.waiters: dict[Waiter[Any], None] = {}
        self.followers: dict[Follower, None] = {}
        self._interrupted: Deferred[Gone] | None = None
        self._page = owner
        self._session = owner.session
        self._model = BrowserModel()
        self._sessions: dict[str, Session] = {"": owner.session}
        self._injected: dict[Session, Injected] = {owner.session: owner._injected}
        #: The domains enabled in all of these sessions, sooner or later.
        self._domains: set[str] = set()
        self._activated = False
        self._unanswered = 0
        self.told: OneShot[None] = OneShot()
        #: Sessions of frames from before a loss of the transport that are not found again yet.
        self._missing: set[Session] = set()
        #: The URL that the browser reports for a page whose navigations were not reported meanwhile.
        self._told_url: str | None = None
        self._handlers: dict[type[Change], Callable[[Any], None]] = {
            FrameAttached: self._attached,
            FrameDetached: self._detached,
            FrameRenamed: self._renamed,
            FrameTreeChanged: self._tree_changed,
            DocumentCommitted: self._committed,
            DocumentOpened: self._document_opened,
            LifecycleReached: self._reached,
            NavigationEnded: self._navigation_ended,
            SessionAttached: self._session_attached,
            SessionClosed: self._session_closed,
            SessionCrashed: self._session_crashed,
        }
        self.streams = OnDemandStreams(owner.session.context.with_base_url(owner.context._base_url), "page")
        self._feed = ModelFeed(self._model, _FED, self._tell)
        self.network = Network(self._feed, self._session_by_key, self.frame, self.streams, owner)
        # Whoever enables Runtime first, for the console or by hand: contexts are told then, and never again.
        self._feed.add(self._model.wants("contexts"))
        self._begin_at(target_id, url)
        if not (found or going):
            self._model.documents.take_for_reached(target_id, _EMPTY)
        self._feed.listen(self._session, "")
        self.network.sessions.listen(self._session, "")
        self._session._feed_into(gap=self._gap, crashed=self._crashed, ended=self._over)
        self._following = Following(
            ChildTargets(), self._set_up, answer_dialogs=answer_dialogs, begin=self._begins, timeout=None
        )

    def follow(self, found: bool) -> None:
        """Start following the page's frames, including those in other processes.

        :param found: whether the page existed before: then it is asked for its current state.
        """
        if found:
            self._ask("")
        for sent in self._following.follow(self._session, set_up=False):
            self._expect(sent.addErrback(ignore_failure))

    # What is known:

    def frame(self, frame_id: str | None) -> Frame | None:
        """Return the frame with an id, if it exists."""
        return None if frame_id is None else self.frames.get(frame_id)

    def children(self, row: Row) -> list[Frame]:
        """Return the child frames of a frame."""
        return [self.frames[each.id] for each in self._model.frames.children(row.id) if each.id in self.frames]

    def document(self, row: Row) -> Document | None:
        """Return the document in a frame."""
        return self._model.documents.documents.get(row.id)

    def navigations_in(self, row: Row) -> list[NavigationRequest]:
        """Return the navigations in progress in a frame."""
        return self._model.documents.in_frame(row.id)

    @property
    def is_untouched(self) -> bool:
        """Whether the page still has only the empty document that a popup begins with."""
        document = self.document(self.main._row)
        return document is None or not document.loader_id

    def url_of(self, row: Row) -> str:
        """Return the URL of the document in a frame."""
        if self._told_url is not None and row is self.main._row:
            return self._told_url
        document = self._model.documents.documents.get(row.id)
        return row.url if document is None else _url_of(document)

    def has_reached(self, row: Row, state: WaitUntil) -> bool:
        """Return whether the document in a frame has reached a state; for ``networkidle``, those inside it as well."""
        document = self.document(row)
        if document is None:
            return False
        frame = self.frame(row.id)
        if state != "commit" and (LIFECYCLE[state] not in document.reached or (frame is not None and frame._untold)):
            return False
        return state != "networkidle" or all(self._is_idle(each) for each in self._model.frames.children(row.id))

    def _is_idle(self, row: Row) -> bool:
        """Return whether a child frame has no requests in progress, and is not being requested itself."""
        if any(each.state in UNDER_WAY for each in self.navigations_in(row)):
            return False
        return self.document(row) is None or self.has_reached(row, "networkidle")

    def within(self, frame: Frame) -> list[Frame]:
        """Return a frame, and the frames inside it, at any depth."""
        found = [frame]
        for each in self._model.frames.children(frame._row.id):
            child = self.frame(each.id)
            found += [] if child is None else self.within(child)
        return found

    def is_quiet(self, frame: Frame) -> bool:
        """Return whether a document is idle although Chromium does not consider it so.

        Chromium's ``networkIdle`` also waits for event sources, which never end, and, if a script has opened the
        document, for requests of the earlier content, which continue.

        :returns: False, too, if Chromium considers the document idle as well, or if that is not known: the document has
            no such request, nobody received reports of its requests, or it is not parsed yet.
        """
        document = self.document(frame._row)
        if document is None or "DOMContentLoaded" not in document.reached:
            return False
        if LIFECYCLE["networkidle"] in document.reached or self.is_fetching(frame):
            return False
        return frame._before_opening is not None or any(
            each.type == "EventSource" and each.frame_id == frame._row.id for each in self.network.rows()
        )

    def is_fetching(self, frame: Frame) -> bool:
        """Return whether a document has requests in progress, except those from before a script opened it."""
        before = frame._before_opening or ()
        rows = [each for each in self.network.rows() if each.frame_id == frame._row.id and is_counted(each)]
        return any(each.request_id not in before for each in rows)

    def requests_in(self, frame: Frame) -> str:
        """Return the URLs of the requests in progress in a frame and inside it, for errors; ``""`` if none is known."""
        sessions = self.network.sessions
        if not sessions.heard:
            return ""
        sessions.use()  # only those that somebody follows are known
        try:
            inside = {each._row.id for each in self.within(frame)}
            return listed([each for each in self.network.rows() if each.frame_id in inside and is_counted(each)])
        finally:
            sessions.leave()

    def may_be_written(self, row: Row) -> bool:
        """Return whether a script may have opened a document, perhaps before txcdp attached, without closing it."""
        document = self.document(row)
        if document is None or "DOMContentLoaded" in document.reached:
            return False
        going = any(each.state in UNDER_WAY for each in self.navigations_in(row))
        return not going and (document.opened or not document.loader_id)

    def written_below(self, row: Row) -> Frame | None:
        """Return a descendant frame that is not idle, and whose document a script may not have closed."""
        for each in self._model.frames.children(row.id):
            if not self._is_idle(each):
                found = self.frame(each.id) if self.may_be_written(each) else self.written_below(each)
                if found is not None:
                    return found
        return None

    def take_for_idle(self, row: Row) -> None:
        """Treat the document in a frame as if its network had been reported as idle."""
        document = self.document(row)
        if document is not None:
            idle = page.LifecycleEvent(
                frame_id=row.id, loader_id=document.loader_id, name=LIFECYCLE["networkidle"], timestamp=0.0
            )
            self._feed.take(row.session_id or "", idle)

    def busy_below(self, row: Row) -> str:
        """Return the URL of a descendant frame whose own document keeps ``networkidle`` from being reached.

        :returns: ``""`` if there is none, or the ancestor's own document is not idle.
        """
        document = self.document(row)
        if document is None or LIFECYCLE["networkidle"] not in document.reached:
            return ""
        for each in self._model.frames.children(row.id):
            if not self._is_idle(each):
                going = [every.url for every in self.navigations_in(each) if every.state in UNDER_WAY]
                return going[-1] if going else self.busy_below(each) or self.url_of(each)
        return ""

    def session_of(self, row: Row) -> Session | None:
        """Return the session that reports a frame; None while it moves."""
        return None if row.session_id is None else self._sessions.get(row.session_id)

    def when_session(self, row: Row) -> Deferred[Session]:
        """Return a Deferred of the session that reports a frame."""
        session = self.session_of(row)
        if session is not None:
            return succeed(session)
        waiter = _ProcessSwapWait(self.frames[row.id]) if row.id in self.frames else None
        if waiter is None:
            return fail(SessionDetached("", f"frame {row.id}"))
        return waiter.done.addBoth(_stopped, waiter)

    async def evaluator(self, frame: Frame, timeout: Timeout = DEFAULT) -> Evaluator:
        """Return the evaluator of a frame's document, once it can evaluate there.

        :param timeout: the timeout for that, as for ``Page.evaluate``.
        """
        if frame is self.main:
            return self._page._evaluator
        seconds = seconds_of(timeout, self._page._connection.timeout)
        late = lambda: CommandTimeout("Runtime.evaluate", seconds or 0, self._session.blocked_by)  # noqa: E731
        finding = Deferred.fromCoroutine(self._find_evaluator(frame))
        return await with_deadline(self._session.context.clock, finding, seconds, late)

    async def _find_evaluator(self, frame: Frame) -> Evaluator:
        if frame._detached:
            raise self.removed(frame)
        session = await self.when_session(frame._row)
        evaluator = frame._evaluator
        if evaluator is None:
            evaluator = frame._evaluator = Evaluator(
                self._injected[session],
                self._page._frame_by_id,
                lambda: self._context(frame),
                lambda failure: self.explain(frame, failure),
            )
        evaluator.injected = self._injected[session]
        if not self.is_top(frame._row):
            self.hear_contexts()
            waiter = _ContextWait(frame)
            await waiter.done.addBoth(_stopped, waiter)
        return evaluator

    def evaluators(self) -> list[tuple[Session, Evaluator]]:
        """Return the sessions of the page and its frames, each with the evaluator of its topmost frame."""
        page, main = self._page, self._session
        return [
            (session, page._evaluator if session is main else Evaluator(injected, self.frame))
            for session, injected in self._injected.items()
        ]

    def context_of(self, row: Row) -> Context | None:
        """Return the execution context of a frame's document, if it was reported."""
        found = self._model.contexts.in_frame(row.id)
        return found if found is not None and found.session_id == row.session_id else None

    def frame_of_context(self, session: Session, context_id: int) -> Frame | None:
        """Return the frame whose document has an execution context, if it was reported."""
        key = "" if session is self._session else session.id or ""
        context = self._model.contexts.get(key, context_id)
        return None if context is None else self.frame(context.frame_id)

    def _context(self, frame: Frame) -> int | None:
        """Return the id of the context of a frame's document; None if it is the session's default one."""
        if self.is_top(frame._row):
            return None
        context = self.context_of(frame._row)
        if context is None:
            raise ContextDestroyed("the document to evaluate it in is gone: the frame is navigating")
        return context.id

    def hear_contexts(self) -> None:
        """Enable reports of execution contexts: frames that are not at the top of their session need them."""
        self._keep_enabled("Runtime")

    def _keep_enabled(self, domain: str) -> None:
        if domain not in self._domains:
            self._domains.add(domain)
            for session in list(self._sessions.values()):
                session._keep_enabled(domain)

    def is_top(self, row: Row) -> bool:
        """Return whether a frame is the topmost one of its session, whose documents commands use by default."""
        return row.session_id is not None and self._model.frames.top(row.session_id) is row

    def tops(self) -> list[tuple[Session, Frame]]:
        """Return the sessions of the page and of its frames in other processes, each with the topmost frame there."""
        found = [(self._session, self.main)]
        for key, session in self._sessions.items():
            row = self._model.frames.top(key) if key else None
            frame = None if row is None else self.frame(row.id)
            if frame is not None:
                found.append((session, frame))
        return found

    def removed(self, frame: Frame) -> Exception:
        """Return the error for a frame that is gone."""
        return FrameRemoved(frame.url, "the frame was removed")

    def explain(self, frame: Frame, failure: Failure) -> Failure | Deferred[Any]:
        """Explain why the session of a frame has ended under what was asked of its document: an errback.

        The frame was removed, or is in another process now; the browser may be about to report which.
        """
        error = failure.value
        if self._session.ended or not isinstance(error, SessionDetached):
            return failure

        async def explained() -> NoReturn:
            if not frame.is_detached():
                await self.when_session(frame._row)
            if frame.is_detached():
                raise self.removed(frame) from error
            raise ContextDestroyed(
                "the document in which it was evaluated is gone: the frame navigated meanwhile", error
            ) from error

        return with_deadline(self._session.context.clock, Deferred.fromCoroutine(explained()), _FATE, lambda: error)

    def response(self, frame: Frame, loader_id: str, said: network.Response | None) -> Response | None:
        """Return the server's response to a navigation, if there was one."""
        if said is None or said.url.startswith("data:"):
            return None
        return self.network.response(loader_id, said, frame)

    # What is done:

    def take(self, key: str, record: Record) -> None:
        """Add the result of a command to the model."""
        self._feed.take(key, record)

    # What the model tells:

    def _tell(self, changes: Sequence[Change]) -> None:
        of_network = self.network.handlers
        for change in changes:
            kind = type(change)
            handler = of_network.get(kind)
            if handler is not None:
                handler(change)
            handler = self._handlers.get(kind)
            if handler is not None:
                handler(change)
        for waiter in [*self.waiters, *self.followers]:
            waiter.changed(changes)

    def watch_line(self) -> None:
        """Fail the pending waits when the session ends or is disconnected, at once if it is: one watch for all."""
        if self._interrupted is None or self._interrupted.called:
            self._interrupted = self._session._when_interrupted()
            self._interrupted.addCallback(self._interrupt)

    def _interrupt(self, reason: Gone) -> None:
        for waiter in list(self.waiters):
            waiter.fail(copy.copy(reason))

    def _attached(self, change: FrameAttached) -> None:
        row = change.frame
        if row.parent_id is not None:
            frame = self.frames[row.id] = Frame(self._page, self, row)
            self.streams.push("frame_attached", frame)
        elif not self.frames:
            self.main = self.frames[row.id] = Frame(self._page, self, row)
        else:  # it was told to be gone, as it is when a page closes: it is the same one for whoever has it
            self.main._row = row
            self.frames = {
                row.id: self.main,
                **{each: frame for each, frame in self.frames.items() if frame is not self.main},
            }

    def _detached(self, change: FrameDetached) -> None:
        frame = self.frames.get(change.frame.id)
        if frame is None or frame is self.main:
            return
        del self.frames[change.frame.id]
        frame._detached = True
        self.streams.push("frame_detached", frame)
        for waiter in [each for each in self.waiters if each._frame is frame]:
            waiter.fail(self.removed(frame))

    def _renamed(self, change: FrameRenamed) -> None:
        frame = self.frames.pop(change.old_id, None)
        if frame is not None:
            self.frames = {change.frame.id: frame, **self.frames}
            self._activated = True

    def _committed(self, change: DocumentCommitted) -> None:
        document, navigation = change.document, change.navigation
        frame = self.frames.get(document.frame_id)
        if frame is None:
            return
        activated = False
        if frame is self.main:
            self._told_url = None
            activated, self._activated = self._activated, False
        frame._note_document()
        self._page._note_document(frame)
        if navigation is None:
            return
        if document.unreachable_url is not None and not document.is_empty_answer:
            kind: NavigationKind = "error"
        elif navigation.state is NavigationState.RESTORED:
            kind = "restored"
            self._session._attach_again().addErrback(ignore_failure)
        else:
            kind = "prerendered" if activated else "new_document"
        self._navigated(frame, _url_of(document), kind, document.loader_id, document.response)

    def _document_opened(self, change: DocumentOpened) -> None:
        frame = self.frames.get(change.document.frame_id)
        if frame is not None and self.network.sessions.heard:
            frame._before_opening = self.network.under_way()

    def _navigation_ended(self, change: NavigationEnded) -> None:
        if change.reason is not NavigationState.SAME_DOCUMENT:
            return
        navigation = change.navigation
        frame = self.frames.get(navigation.frame_id)
        if frame is not None:
            self._navigated(frame, navigation.url, "same_document", None, None)

    def _navigated(
        self, frame: Frame, url: str, kind: NavigationKind, loader_id: str | None, said: network.Response | None
    ) -> None:
        if "navigations" in self.streams:
            response = None if loader_id is None else self.response(frame, loader_id, said)
            self.streams.push("navigations", Navigation(url, frame, kind, loader_id, response))
        self.streams.push("frame_navigated", frame)

    def _reached(self, change: LifecycleReached) -> None:
        stream = _OF_MAIN.get(change.name)
        if stream is not None and change.document.frame_id == self.main._row.id:
            self.streams.push(stream, self._page)

    def _session_attached(self, change: SessionAttached) -> None:
        if change.target.type != "iframe":
            return
        key = change.session.id
        found = next((each for each in self._injected if each.id == key), None)
        if key not in self._sessions and found is not None:  # after a loss of the line it has another name
            self._sessions[key] = found
            self._missing.discard(found)
            self._injected[found].register()
        if not change.waiting:
            self._ask(key)  # it has been there for a while

    def _session_closed(self, change: SessionClosed) -> None:
        self._sessions.pop(change.session_id, None)

    # What else happens:

    def _begins(self, session: Session) -> None:
        if session is not self._session:
            if session.kind == "worker":
                self.network.add_worker(self._page._worker_began(session))
                return
            self._sessions[session.id or ""] = session
            self._feed.listen(session)
            self.network.sessions.listen(session)
            injected = self._injected[session] = Injected(session)
            injected.register()
            self._page._scripts.attach(injected)
            self._page._session_began(session, Evaluator(injected, self.frame))
            session._feed_into(ended=lambda _: self._ended(session))
            for domain in self._domains:
                session._keep_enabled(domain)

    def _ended(self, session: Session) -> None:
        """Note that a frame's session has ended; if it was not found again after a reconnect, nothing else reports its
        end.
        """
        self._injected.pop(session, None)
        if session in self._missing and session.target is not None:
            self._missing.discard(session)
            self._feed.take("", page.FrameDetached(frame_id=session.target.target_id, reason="remove"))

    @staticmethod
    def _set_up(target_type: str) -> list[tuple[str, dict[str, Any]]]:
        if target_type == "worker":
            return []
        return [("Page.enable", {}), ("Page.setLifecycleEventsEnabled", {"enabled": True})]

    def _ask(self, key: str | None) -> Deferred[None]:
        """Ask for the frames in a session, if not all of them were reported.

        :returns: a Deferred that fires with None when they are known, or cannot be; it never fails.
        """
        session = self._sessions.get(key or "")
        if session is None:
            return succeed(None)
        asking = session.execute(page.get_frame_tree(), timeout=None)
        known = asking.addCallbacks(lambda result: self._feed.take(key or "", result), ignore_failure)
        self._expect(known)
        return known

    def _tree_changed(self, change: FrameTreeChanged) -> None:
        """Ask for the frames in a document that was restored; its states count only once these are known."""
        frame = self.frames[change.frame.id]
        frame._untold = True

        def told(_: None) -> None:
            frame._untold = False
            self._tell(())

        self._ask(change.frame.session_id).addCallback(told)

    def _expect(self, answer: Deferred[Any]) -> None:
        """Delay :attr:`told` until a command is answered, and until what follows from the answer is done."""
        self._unanswered += 1

        def answered(_: object) -> None:
            self._unanswered -= 1
            if not self._unanswered:
                self.told.fire(None)

        answer.addBoth(answered)

    def _begin_at(self, frame_id: str, url: str) -> None:
        """Treat a page as if it had reported a URL, with an empty document."""
        frame = page.Frame(
            id=frame_id,
            loader_id="",
            url=url,
            domain_and_registry="",
            security_origin="",
            mime_type="",
            secure_context_type="InsecureScheme",
            cross_origin_isolated_context_type="NotIsolated",
            gated_api_features=[],
        )
        self._feed.take("", page.GetFrameTreeResult(frame_tree=page.FrameTree(frame=frame)))

    def _session_by_key(self, key: str) -> Session | None:
        """Return the session with a key of the model, including workers' sessions."""
        return self._sessions.get(key) or self.network.worker_session(key)

    def _over(self, error: Exception | None) -> None:
        """Note that the page has ended."""
        self.network.end(error or SessionDetached(self._session.id or "", f"page {self.main._row.id}"))
        self.streams.end(error)

    def _gap(self, gap: Gap) -> None:
        """Find out the state of the page after a time without events."""
        self.network.sessions.lost("")
        for key, session in list(self._sessions.items()):
            if key:
                self._missing.add(session)
                self._feed.take("", target.DetachedFromTarget(session_id=key))
        info = self._session.target
        if info is not None:
            if gap.restarted:
                self._begin_at(info.target_id, info.url)
            self._told_url = info.url
        self._page._note_gap()
        self._ask("")

    def _session_crashed(self, change: SessionCrashed) -> None:
        """Fail the pending waits for frames whose process is gone, while the page has one of its own."""
        session = self._sessions.get(change.session_id)
        if session is not None and session is not self._session:
            for waiter in [each for each in self.waiters if each._frame._row.session_id == change.session_id]:
                waiter.fail(session._target_crashed())

    def _crashed(self) -> Callable[[Exception], object]:
        """Return the error for all pending waits; waits that begin later are for what follows the crash."""
        waiting: list[Waiter[Any] | ExchangeWait | IdleWait] = [*self.waiters, *self.network.waits.pending()]

        def fail_all(error: Exception) -> None:
            for waiter in waiting:
                waiter.fail(copy.copy(error))
            self.streams.push("crashes", self._page)

        return fail_all


def _url_of(document: Document) -> str:
    """Return a document's URL, even if the server has answered with a status alone."""
    return document.unreachable_url or document.url if document.is_empty_answer else document.url


class _ProcessSwapWait(Waiter[Session]):
    """A wait for a frame that moves between two processes."""

    def changed(self, changes: Sequence[Change]) -> None:
        session = self._tree.session_of(self._frame._row)
        if session is not None:
            self.succeed(session)


class _ContextWait(Waiter[None]):
    """A wait for a frame whose document can run scripts."""

    def __init__(self, frame: Frame) -> None:
        super().__init__(frame)
        self.changed(())

    def changed(self, changes: Sequence[Change]) -> None:
        row = self._frame._row
        if self._tree.is_top(row) or self._tree.context_of(row) is not None:
            self.succeed(None)


def _stopped(outcome: T, waiter: Waiter[Any]) -> T:
    waiter.stop()
    return outcome


_OF_MAIN: Final = {"load": "loaded", "DOMContentLoaded": "dom_content_loaded"}
