"""Documents, and the navigations that lead to them.

A *loader* is what Chromium makes for each navigation; its id stands for the navigation and, once that is committed, for
the document in the frame. A document lasts until another one is committed in its frame, or the frame or its process is
gone.

A *navigation* is a state machine. It begins with ``Page.frameStartedNavigating`` or, if the browser does not send that,
with the first event that names its loader (an ``about:blank`` in a new frame). It ends once, in one of many ways, of
which ``load`` is only the best: :data:`TRANSITIONS` lists them all. They are based on these facts about Chromium:

- The commit is ``Page.frameNavigated``. With the type ``BackForwardCacheRestore`` it names the *old* loader, of the
  document that is restored as a whole: nothing more is reported of that, neither ``load`` nor anything else.
- ``Page.frameStoppedLoading`` says that nothing is loading in the frame any more. After ``load`` that adds nothing.
  Without ``load``, the document will never reach it: its body was cut short, ``window.stop()`` was called, or a script
  sent the frame to something that is not a document (a 204, a download, ``mailto:``).
- ``Network.loadingFailed`` of the document's own request precedes that, and has the reason. Before the commit, the
  browser's error page is committed next, under the same loader, unless the request was cancelled.
- A cancelled navigation leaves the previous document in place. It is reported by ``loadingFailed``, by the reply to
  ``Page.navigate``, or, if a ``beforeunload`` dialog was dismissed, only by ``frameStoppedLoading``.
- Going back in history stops loading *before* the document from the cache is there; so there, ``frameStoppedLoading``
  means nothing.
- ``document.open()`` discards what was loading. Without ``close()`` nothing ends it.
- ``historyApi`` and fragments keep the document; only navigations that come from outside have a loader for a while.
"""

from __future__ import annotations

import enum
from collections.abc import Callable, Iterable, Mapping
from types import MappingProxyType
from typing import Any, Final

import msgspec

from txcdp._recent import Recent
from txcdp.domains import network, page
from txcdp.model._frames import Frame, FrameDetached, FrameRenamed, Frames
from txcdp.model._table import Change, Row, Table
from txcdp.model._targets import SessionCrashed, SessionRevived


class NavigationState(enum.Enum):
    """The states of a navigation."""

    #: It has begun; there is no response yet.
    REQUESTED = "requested"
    #: As ``REQUESTED``, but back or forward in history: the whole document may come from the cache.
    RETURNING = "returning"
    #: The server's headers have arrived.
    RESPONDED = "responded"
    #: There was no response, or none to show: the browser's error page is to come.
    FAILING = "failing"
    #: Its document is in the frame.
    COMMITTED = "committed"
    #: Its document is parsed (``DOMContentLoaded``).
    PARSED = "parsed"
    #: The document's own body was cut short; the part that arrived is in the frame.
    BREAKING = "breaking"

    #: The document and everything that it needs is loaded (``load``).
    LOADED = "loaded"
    #: The document is in the frame, but loading was stopped before ``load``, by the page or by somebody else.
    STOPPED = "stopped"
    #: The document is in the frame, but its body was cut short; the row has the error.
    BROKEN = "broken"
    #: The browser shows an error page; the row has the error.
    FAILED = "failed"
    #: It was given up before anything was shown; the previous document stays.
    ABORTED = "aborted"
    #: The response is a file to be saved; the previous document stays.
    DOWNLOADED = "downloaded"
    #: Another document was committed before it had finished.
    SUPERSEDED = "superseded"
    #: The document stayed, with a new URL.
    SAME_DOCUMENT = "same_document"
    #: A whole document was restored from the back/forward cache.
    RESTORED = "restored"
    #: The frame is gone.
    DETACHED = "detached"
    #: The frame's process crashed, and its document is gone.
    CRASHED = "crashed"

    @property
    def is_end(self) -> bool:
        """Whether this is a final state."""
        return self in ENDS

    @property
    def has_document(self) -> bool:
        """Whether the navigation's own document is in the frame; the browser's error page does not count."""
        return self in _WITH_DOCUMENT


class NavigationInput(enum.Enum):
    """The inputs of the state machine of a navigation."""

    RESPONSE = "the headers are in"
    FAILURE = "its request failed"
    CANCEL = "its request was cancelled"
    DOWNLOAD = "it is a download"
    COMMIT = "its document is committed"
    ERROR_PAGE = "the browser's page with an error is committed"
    PARSE = "DOMContentLoaded"
    LOAD = "load"
    STOP = "the frame stopped loading"
    OVERTAKE = "another document is committed"
    MOVE = "the document stays, with another URL"
    RESTORE = "a document comes back from the cache"
    DETACH = "the frame is detached"
    CRASH = "the process is gone"


def _transitions() -> Mapping[tuple[NavigationState, NavigationInput], NavigationState]:
    state, tells = NavigationState, NavigationInput
    table = {
        (state.REQUESTED, tells.RESPONSE): state.RESPONDED,
        (state.REQUESTED, tells.STOP): state.ABORTED,  # a dismissed ``beforeunload``
        (state.REQUESTED, tells.MOVE): state.SAME_DOCUMENT,
        (state.RETURNING, tells.RESPONSE): state.RESPONDED,
        (state.RETURNING, tells.MOVE): state.SAME_DOCUMENT,
        (state.FAILING, tells.ERROR_PAGE): state.FAILED,
        (state.FAILING, tells.STOP): state.FAILED,
        (state.FAILING, tells.COMMIT): state.BREAKING,  # so short a body that it broke before the commit was told
        (state.COMMITTED, tells.PARSE): state.PARSED,
        (state.BREAKING, tells.LOAD): state.BROKEN,
        (state.BREAKING, tells.STOP): state.BROKEN,
    }
    for each in (state.REQUESTED, state.RETURNING, state.RESPONDED):
        table[each, tells.FAILURE] = state.FAILING
        table[each, tells.COMMIT] = state.COMMITTED
        table[each, tells.ERROR_PAGE] = state.FAILED
    for each in (state.REQUESTED, state.RETURNING, state.RESPONDED, state.FAILING):
        table[each, tells.CANCEL] = state.ABORTED
        table[each, tells.DOWNLOAD] = state.DOWNLOADED
        table[each, tells.RESTORE] = state.RESTORED
    for each in (state.COMMITTED, state.PARSED):
        table[each, tells.FAILURE] = state.BREAKING
        table[each, tells.LOAD] = state.LOADED
        table[each, tells.STOP] = state.STOPPED
        table[each, tells.CRASH] = state.CRASHED
    table[state.BREAKING, tells.CRASH] = state.CRASHED
    for each in (
        *(state.REQUESTED, state.RETURNING, state.RESPONDED, state.FAILING),
        *(state.COMMITTED, state.PARSED, state.BREAKING),
    ):
        table[each, tells.OVERTAKE] = state.SUPERSEDED
        table[each, tells.DETACH] = state.DETACHED
    return MappingProxyType(table)


#: The transitions; any other input is ignored.
TRANSITIONS: Final = _transitions()

#: The states that end a navigation.
ENDS: Final = frozenset(NavigationState) - {state for state, _ in TRANSITIONS}

_WITH_DOCUMENT: Final = frozenset({
    *(NavigationState.COMMITTED, NavigationState.PARSED, NavigationState.BREAKING),
    *(NavigationState.LOADED, NavigationState.STOPPED, NavigationState.BROKEN),
})  # fmt: skip

_UNCOMMITTED: Final = frozenset({
    *(NavigationState.REQUESTED, NavigationState.RETURNING, NavigationState.RESPONDED, NavigationState.FAILING),
})  # fmt: skip

#: Chromium reports a cancelled request twice: by this error, and by ``canceled``.
_ABORTED: Final = "net::ERR_ABORTED"

#: The milestones that a restored document reached long ago.
_RESTORED: Final = ("commit", "DOMContentLoaded", "load", "networkAlmostIdle", "networkIdle")


#: The number of frames for which events of a document are kept that arrived before the frame was known.
_MOST_EARLY: Final = 1000

#: The number of documents, which may be in the back/forward cache, whose responses are kept.
_MOST_ANSWERS: Final = 20

#: The number of ended navigations that are remembered, by their loader ids.
_REMEMBERED: Final = 1000


class NavigationRequest(Row):
    """A navigation.

    :ivar loader_id: its own loader id; for a navigation within a document, that of the document.
    :ivar frame_id: the frame that navigates.
    :ivar url: the requested URL; after the commit, the URL that it led to.
    :ivar type: the ``navigationType`` of ``Page.frameStartedNavigating``: ``"differentDocument"``, ``"reload"`` and so
        on; ``""`` if not reported.
    :ivar response: the server's response.
    :ivar error_text: why it failed, or why the body was cut short, such as ``net::ERR_CONTENT_LENGTH_MISMATCH``.
    :ivar document: the loader id of the document that it led to; None as long as there is none.
    """

    loader_id: str
    frame_id: str
    url: str = ""
    type: str = ""
    state: NavigationState = NavigationState.REQUESTED
    response: network.Response | None = None
    error_text: str = ""
    document: str | None = None


class Document(Row):
    """The document in a frame.

    :ivar reached: the milestones that it has reached, by their names in ``Page.lifecycleEvent``
        (``"DOMContentLoaded"``, ``"load"``, ``"networkIdle"``...), with the time of each on the browser's clock; 0 if
        not reported.
    :ivar unreachable_url: if this is an error page of the browser's, the URL that could not be reached; otherwise None.
    :ivar response: the server's response, if known.
    :ivar opened: whether ``document.open()`` has discarded what had been loaded.
    """

    loader_id: str
    frame_id: str
    url: str
    reached: dict[str, float] = {}
    unreachable_url: str | None = None
    response: network.Response | None = None
    opened: bool = False

    @property
    def is_empty_answer(self) -> bool:
        """Whether it stands for a response without a body that is an error by its status alone, such as 404."""
        return self.unreachable_url is not None and self.response is not None and self.response.status >= 400


class NavigationStarted(Change, frozen=True, gc=False):
    """A navigation has begun."""

    navigation: NavigationRequest


class NavigationEnded(Change, frozen=True, gc=False):
    """A navigation has ended.

    :ivar reason: how it ended.
    """

    navigation: NavigationRequest
    reason: NavigationState


class DocumentCommitted(Change, frozen=True, gc=False):
    """A frame has a new document.

    :ivar navigation: the navigation that led to it; None if the document was there before anybody subscribed.
    """

    document: Document
    navigation: NavigationRequest | None


class DocumentOpened(Change, frozen=True, gc=False):
    """A script has called ``document.open()``, which discards what was loading, and the milestones reached so far."""

    document: Document


class LifecycleReached(Change, frozen=True, gc=False):
    """A document has reached a milestone.

    :ivar name: a name of ``Page.lifecycleEvent``, such as ``"load"``.
    """

    document: Document
    name: str


class DocumentDiscarded(Change, frozen=True, gc=False):
    """A document is no longer in its frame; what was still loading in it gets no end of its own."""

    document: Document


class Documents(Table):
    """The documents of all frames, and the navigations in progress.

    :ivar documents: by frame.
    :ivar navigations: by loader id.
    """

    name = "documents"

    def __init__(self, emit: Callable[[Change], None], frames: Frames) -> None:
        super().__init__(emit)
        self.documents: dict[str, Document] = {}
        self.navigations: dict[str, NavigationRequest] = {}
        self._frames = frames
        self._in_frame: dict[str, dict[str, NavigationRequest]] = {}
        #: What was reported of documents that are not known yet, by frame: the loader id, and the milestones.
        self._early: Recent[str, tuple[str, dict[str, float]]] = Recent(_MOST_EARLY)
        #: The loader ids of ended navigations, so that late events do not begin them again.
        self._ended: Recent[str, None] = Recent(_REMEMBERED)
        #: The responses of the documents that were left last: a restored document comes without one.
        self._answers: Recent[str, network.Response] = Recent(_MOST_ANSWERS)
        #: The frames whose process was started again, until a document is committed there.
        self._revived: set[str] = set()
        self.handlers = {
            page.FrameStartedNavigating: self._started,
            network.ResponseReceived: self._responded,
            network.LoadingFailed: self._failed,
            page.NavigateResult: self._answered,
            page.FrameNavigated: lambda _, event: self._committed(event.frame, str(event.type)),
            page.NavigatedWithinDocument: self._moved,
            page.LifecycleEvent: self._lifecycle,
            page.DomContentEventFired: lambda session, event: self._top_reached(
                session, "DOMContentLoaded", event.timestamp
            ),
            page.LoadEventFired: lambda session, event: self._top_reached(session, "load", event.timestamp),
            page.FrameStoppedLoading: self._stopped,
            page.DocumentOpened: self._opened,
            page.GetFrameTreeResult: lambda _, result: self._tree(result.frame_tree),
        }
        self.reactions = {
            FrameDetached: self._frame_detached,
            FrameRenamed: self._frame_renamed,
            SessionCrashed: self._session_crashed,
            SessionRevived: self._session_revived,
        }

    def take_for_reached(self, frame_id: str, names: Iterable[str]) -> None:
        """Set the milestones that a frame's document had reached before anybody subscribed; this emits no change.

        :param names: the names of the milestones, as in ``Document.reached``.
        """
        self.documents[frame_id].reached.update(dict.fromkeys(names, 0.0))

    def in_frame(self, frame_id: str) -> list[NavigationRequest]:
        """Return the navigations in progress in a frame, the oldest first."""
        found = self._in_frame.get(frame_id)
        return list(found.values()) if found else []

    def snapshot(self) -> list[Any]:
        """Return the documents, each with the navigations in its frame, as plain data."""
        frames = dict.fromkeys([*self.documents, *self._in_frame])
        return [
            {
                "frame_id": each,
                "document": msgspec.to_builtins(self.documents.get(each)),
                "navigations": [msgspec.to_builtins(every) for every in self.in_frame(each)],
            }
            for each in frames
        ]

    # Navigations:

    def _started(self, session: str, event: page.FrameStartedNavigating) -> None:
        document = self.documents.get(event.frame_id)
        if document is not None and document.loader_id == event.loader_id:
            return  # it was told late
        if self._frames.is_gone(event.frame_id) or event.loader_id in self._ended:
            return
        navigation = self._navigation(event.loader_id, event.frame_id, event.url, event.navigation_type)
        navigation.url, navigation.type = event.url, event.navigation_type

    def _responded(self, session: str, event: network.ResponseReceived) -> None:
        if event.request_id != event.loader_id or event.type != "Document" or event.frame_id is None:
            return
        document = self.documents.get(event.frame_id)
        if document is not None and document.loader_id == event.loader_id:
            document.response = event.response
            navigation = self.navigations.get(event.loader_id)
        elif self._frames.is_gone(event.frame_id) or event.loader_id in self._ended:
            return
        else:
            navigation = self._navigation(event.loader_id, event.frame_id, event.response.url, "")
        if navigation is not None:
            navigation.response = event.response
            self._tell(navigation, NavigationInput.RESPONSE)

    def _failed(self, session: str, event: network.LoadingFailed) -> None:
        navigation = self.navigations.get(event.request_id)
        if navigation is None:
            return
        if event.canceled or event.error_text == _ABORTED:
            self._tell(navigation, NavigationInput.CANCEL)
        else:
            navigation.error_text = event.error_text
            self._tell(navigation, NavigationInput.FAILURE)

    def _answered(self, session: str, result: page.NavigateResult) -> None:
        if result.loader_id is None:
            return
        document = self.documents.get(result.frame_id)
        committed = document is not None and document.loader_id == result.loader_id
        navigation = self.navigations.get(result.loader_id)
        if committed or result.loader_id in self._ended:
            return  # all of it is known by the events
        if navigation is None:
            navigation = self._navigation(result.loader_id, result.frame_id, "", "")
            self._commit_early(result.frame_id)
        if result.is_download:
            self._tell(navigation, NavigationInput.DOWNLOAD)
        elif result.error_text == _ABORTED:
            self._tell(navigation, NavigationInput.CANCEL)
        elif result.error_text:
            navigation.error_text = result.error_text
            self._tell(navigation, NavigationInput.FAILURE)

    def _stopped(self, session: str, event: page.FrameStoppedLoading) -> None:
        # A fresh process says this of a document whose commit it has told nobody, and what that has reached after it.
        if event.frame_id not in self._revived:
            self._tell_all(event.frame_id, NavigationInput.STOP)

    def _moved(self, session: str, event: page.NavigatedWithinDocument) -> None:
        document = self.documents.get(event.frame_id)
        if document is not None:
            document.url = event.url
        waiting = (each for each in self.in_frame(event.frame_id) if each.url == event.url and not each.document)
        navigation = next((each for each in waiting if each.type not in _LEAVING), None)
        if navigation is None:  # by the page's own script, which is not told before
            loader = "" if document is None else document.loader_id
            navigation = NavigationRequest(loader_id=loader, frame_id=event.frame_id, url=event.url)
            navigation.type = "sameDocument"
            self.emit(NavigationStarted(navigation))
        self._tell(navigation, NavigationInput.MOVE)

    def _navigation(self, loader_id: str, frame_id: str, url: str, navigation_type: str) -> NavigationRequest:
        """Return a loader's navigation, which begins here if it is not known."""
        navigation = self.navigations.get(loader_id)
        if navigation is None:
            navigation = NavigationRequest(loader_id=loader_id, frame_id=frame_id, url=url, type=navigation_type)
            if navigation_type == "historyDifferentDocument":
                navigation.state = NavigationState.RETURNING
            self.navigations[loader_id] = navigation
            self._in_frame.setdefault(frame_id, {})[loader_id] = navigation
            self.emit(NavigationStarted(navigation))
        return navigation

    def _tell(self, navigation: NavigationRequest, told: NavigationInput) -> None:
        """Apply an input to a navigation."""
        state = TRANSITIONS.get((navigation.state, told))
        if state is None:
            return
        navigation.state = state
        if state in ENDS:
            if self.navigations.get(navigation.loader_id) is navigation:
                del self.navigations[navigation.loader_id]
                self._ended[navigation.loader_id] = None
                inside = self._in_frame[navigation.frame_id]
                del inside[navigation.loader_id]
                if not inside:
                    del self._in_frame[navigation.frame_id]
            self.emit(NavigationEnded(navigation, state))

    def _tell_all(self, frame_id: str, told: NavigationInput) -> None:
        for each in self.in_frame(frame_id):
            self._tell(each, told)

    # Documents:

    def _committed(self, frame: page.Frame, commit_type: str = "Navigation") -> None:
        document = self.documents.get(frame.id)
        if self._frames.is_gone(frame.id):
            return
        if (
            document is not None and document.loader_id == frame.loader_id
        ):  # told twice, or known by what it has reached
            document.url, document.unreachable_url = frame.url + (frame.url_fragment or ""), frame.unreachable_url
            return
        url = frame.url + (frame.url_fragment or "")
        restored = commit_type == "BackForwardCacheRestore"
        waiting = self.in_frame(frame.id)
        if restored:
            returning = [each for each in waiting if not each.document and each.state in _UNCOMMITTED]
            navigation = returning[-1] if returning else self._navigation(frame.loader_id, frame.id, url, "restore")
        else:
            navigation = self._navigation(frame.loader_id, frame.id, url, "")
        # One that began later goes on: this commit may be late. When one began that was not told to, nobody knows.
        older = waiting[: waiting.index(navigation)] if navigation in waiting else ()
        for each in waiting:
            if each is not navigation and (each.document or each in older):
                self._tell(each, NavigationInput.OVERTAKE)
        fresh = Document(loader_id=frame.loader_id, frame_id=frame.id, url=url, unreachable_url=frame.unreachable_url)
        fresh.response = navigation.response
        if restored:
            fresh.reached = dict.fromkeys(_RESTORED, 0.0)
            fresh.response = fresh.response or self._answers.get(fresh.loader_id)
        navigation.document, navigation.url = fresh.loader_id, frame.unreachable_url or url
        if document is not None and document.response is not None and frame.parent_id is None:
            self._answers[document.loader_id] = document.response
        self._replace(fresh, navigation)
        if restored:
            self._tell(navigation, NavigationInput.RESTORE)
        elif frame.unreachable_url is not None:
            self._tell(navigation, NavigationInput.ERROR_PAGE)
        else:
            self._tell(navigation, NavigationInput.COMMIT)
        self._catch_up(fresh)

    def _replace(self, fresh: Document, navigation: NavigationRequest | None) -> None:
        old = self.documents.pop(fresh.frame_id, None)
        if old is not None:
            self.emit(DocumentDiscarded(old))
        self.documents[fresh.frame_id] = fresh
        self._revived.discard(fresh.frame_id)
        self.emit(DocumentCommitted(fresh, navigation))

    def _catch_up(self, document: Document) -> None:
        """Apply what was reported of a document before it was known."""
        early = self._early.pop(document.frame_id, None)
        if early is not None and early[0] == document.loader_id:
            for name, at in early[1].items():
                self._reached(document, name, at)

    def _lifecycle(self, session: str, event: page.LifecycleEvent) -> None:
        document = self.documents.get(event.frame_id)
        if document is not None and document.loader_id == event.loader_id:
            self._reached(document, event.name, event.timestamp)
            return
        if self._frames.is_gone(event.frame_id):
            return
        early = self._early.get(event.frame_id)
        if early is None or early[0] != event.loader_id:
            early = self._early[event.frame_id] = (event.loader_id, {})
        early[1][event.name] = event.timestamp
        self._commit_early(event.frame_id)

    def _commit_early(self, frame_id: str) -> None:
        """Assume the commit if the document has already got further."""
        loader_id, reached = self._early.get(frame_id, ("", {}))
        navigation = self.navigations.get(loader_id)
        if navigation is None or navigation.frame_id != frame_id or not (reached.keys() & _AFTER_COMMIT):
            return
        if navigation.state is NavigationState.FAILING:
            return  # whether it is the browser's page with the error, the commit tells
        url = navigation.url if navigation.response is None else navigation.response.url
        fresh = Document(loader_id=loader_id, frame_id=frame_id, url=url, response=navigation.response)
        navigation.document = loader_id
        self._replace(fresh, navigation)
        self._tell(navigation, NavigationInput.COMMIT)
        self._catch_up(fresh)

    def _top_reached(self, session: str, name: str, at: float) -> None:
        """Apply events about the top document of a session in which lifecycle events are not available."""
        top = self._frames.top(session)
        document = None if top is None else self.documents.get(top.id)
        if document is not None:
            self._reached(document, name, at)

    def _reached(self, document: Document, name: str, at: float) -> None:
        if name in document.reached:
            return
        document.reached[name] = at
        self.emit(LifecycleReached(document, name))
        if name in _STEPS:
            navigation = self.navigations.get(document.loader_id)
            if navigation is not None:
                self._tell(navigation, _STEPS[name])

    def _opened(self, session: str, event: page.DocumentOpened) -> None:
        document = self.documents.get(event.frame.id)
        if document is not None and document.loader_id in ("", event.frame.loader_id):
            document.opened = True
            document.loader_id = event.frame.loader_id  # of one that was there before anybody looked
            document.url = event.frame.url + (event.frame.url_fragment or "")
            document.reached.clear()
            self.emit(DocumentOpened(document))

    def _tree(self, tree: page.FrameTree) -> None:
        frame = tree.frame
        known = self.documents.get(frame.id)
        if frame.loader_id in self.navigations:
            self._committed(frame)
        elif (frame.url and (known is None or known.loader_id != frame.loader_id)) or not (
            known or self.in_frame(frame.id)
        ):
            # Not the empty one that a new process has until the commit, where there was or is to be another.
            url = frame.url + (frame.url_fragment or "")
            fresh = Document(loader_id=frame.loader_id, frame_id=frame.id, url=url)
            fresh.unreachable_url = frame.unreachable_url
            self._replace(fresh, None)
            self._catch_up(fresh)
        for each in tree.child_frames or ():
            self._tree(each)

    # Their ends:

    def _frame_detached(self, change: FrameDetached) -> None:
        self._tell_all(change.frame.id, NavigationInput.DETACH)
        self._discard(change.frame)

    def _frame_renamed(self, change: FrameRenamed) -> None:
        """Discard the previous document; the one that has taken its place is reported under the new id."""
        self._tell_all(change.old_id, NavigationInput.OVERTAKE)
        old = self.documents.pop(change.old_id, None)
        if old is not None:
            self.emit(DocumentDiscarded(old))
        self._early.pop(change.old_id, None)

    def _session_crashed(self, change: SessionCrashed) -> None:
        for each in self._frames.in_session(change.session_id):
            self._tell_all(each.id, NavigationInput.CRASH)
            self._discard(each)

    def _session_revived(self, change: SessionRevived) -> None:
        self._revived.update(each.id for each in self._frames.in_session(change.session_id))

    def _discard(self, frame: Frame) -> None:
        self._revived.discard(frame.id)
        self._early.pop(frame.id, None)
        document = self.documents.pop(frame.id, None)
        if document is not None:
            self.emit(DocumentDiscarded(document))


#: Types of navigation to another document: the one that is left may still change its own URL.
_LEAVING: Final = frozenset({"differentDocument", "reload", "reloadBypassingCache"})
_AFTER_COMMIT: Final = frozenset({"commit", "DOMContentLoaded", "load"})
_STEPS: Final = {"DOMContentLoaded": NavigationInput.PARSE, "load": NavigationInput.LOAD}
