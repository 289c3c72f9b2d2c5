"""Where a page goes, and how far it has got: a watcher that is armed before the navigation begins.

What the browser's events mean is the model's: :mod:`txcdp.model` has the states of a navigation, and what ends it. Here
is decided which navigation counts, and when it has got far enough for whoever waits.

``Page.navigate`` answers with the loader of the navigation that counts when the response's headers are in, and some
of what happens to it may be told before; ``Page.reload`` does not say which it is, but its beginning does. So the
watcher keeps what has begun since it was armed, and looks at the one that counts after each event.
"""

from __future__ import annotations

import copy
import enum
from dataclasses import dataclass
from typing import Any, Final, Literal, get_args

from twisted.internet.defer import Deferred
from twisted.python.failure import Failure

from txcdp._core.sessions import Session
from txcdp._deferreds import ignore_failure
from txcdp.domains import network, page, runtime
from txcdp.errors import (
    CommandError,
    DocumentBroken,
    DownloadStarted,
    Gone,
    NavigationError,
    NavigationInterrupted,
    NavigationTimeout,
)
from txcdp.model import (
    BrowserModel,
    Document,
    DocumentCommitted,
    NavigationRequest,
    NavigationStarted,
    NavigationState,
)
from txcdp.protocol import Command, Record

#: How far a navigation is waited for.
WaitUntil = Literal["load", "domcontentloaded", "networkidle", "commit"]

#: The protocol's names of these states (``Page.lifecycleEvent``), in the order in which they usually come.
_STATES: Final[dict[str, WaitUntil]] = {
    "commit": "commit",
    "DOMContentLoaded": "domcontentloaded",
    "load": "load",
    "networkIdle": "networkidle",
}

#: After this error the document stays that was there; after every other one a page with the error comes.
_ABORTED: Final = "net::ERR_ABORTED"

#: So ends an answer of the server's that is only a status, such as 404: Chromium shows a page of its own for it.
_STATUS_ALONE: Final = "net::ERR_HTTP_RESPONSE_CODE_FAILURE"

#: Seconds for a page to show that it lives, or to crash, after that error.
_CRASHING: Final = 2.0


@dataclass(frozen=True)
class Navigation:
    """The outcome of a navigation.

    :ivar url: the document's URL, after all redirects.
    :ivar frame_id: the frame that has navigated.
    :ivar loader_id: the document's loader; None where the document stayed, because only the fragment is new.
    :ivar response: the server's answer; None where there was none (``about:blank``, a fragment), or where
        the browser did not tell.
    """

    url: str
    frame_id: str
    loader_id: str | None = None
    response: network.Response | None = None

    @property
    def status(self) -> int | None:
        """The HTTP status of the server's answer, such as 404; None where there was no answer."""
        return None if self.response is None else self.response.status


def check_wait_until(wait_until: str) -> None:
    """Refuse what is none of :data:`WaitUntil`, before anything is sent.

    :raises ValueError: it is none of these.
    """
    if wait_until not in get_args(WaitUntil):
        raise ValueError(f"wait_until={wait_until!r}: use one of {', '.join(map(repr, get_args(WaitUntil)))}")


class _Phase(enum.Enum):
    """The states of a watcher."""

    #: The command is not answered.
    SENT = "sent"
    #: A reload is answered, and has not been told to begin.
    ANSWERED = "answered"
    #: It is known.
    KNOWN = "known"


class Watcher:
    """Follows the documents of a page's main frame until one has got far enough.

    Where the document itself leads on to another one (a redirect by script, a form that submits
    itself), it is followed: the last document counts.

    :param session: the page's.
    :param frame_id: the main frame.
    :param url: where the page is to go; for errors.
    :param wait_until: how far.
    :ivar done: fires with the :class:`Navigation`, or fails with what came between.
    """

    def __init__(self, session: Session, frame_id: str, url: str, wait_until: WaitUntil) -> None:
        self.url = url
        self.done: Deferred[Navigation] = Deferred()
        self._session = session
        self._frame_id = frame_id
        self._wait_until: WaitUntil = wait_until
        self._model = BrowserModel()
        self._phase = _Phase.SENT
        #: What has begun in the main frame, by loader, and the documents that have come there.
        self._begun: dict[str, NavigationRequest] = {}
        self._documents: dict[str, Document] = {}
        #: The navigation that counts, and the last that has brought a document.
        self._navigation: NavigationRequest | None = None
        self._latest: NavigationRequest | None = None
        #: The last reload that has begun.
        self._reload: NavigationRequest | None = None
        self._error: NavigationError | None = None
        self._command: Deferred[Any] | None = None
        self._asked: Deferred[Any] | None = None
        self._gone = session._when_interrupted()
        self._gone.addCallbacks(self._interrupted, ignore_failure)
        self._subscriptions = [
            # Network's events only add to what is known, so where they are not to be had, nothing fails.
            session.events(event).subscribe(
                self._feed, ignore_failure if event.method.startswith("Network.") else self._failed
            )
            for event in _EVENTS
        ]

    @property
    def reached(self) -> str:
        """How far the document has got; ``""`` where none has come."""
        document = self._document
        if document is None:
            return ""
        names = {"commit", *document.reached}
        return next(state for name, state in reversed(_STATES.items()) if name in names)

    def navigating(self, command: Deferred[page.NavigateResult]) -> None:
        """Watch what comes of a ``Page.navigate`` that was just sent."""
        self._command = command
        command.addCallbacks(self._answered, self._refused)

    def reloading(self, command: Deferred[None]) -> None:
        """Watch what comes of a ``Page.reload`` that was just sent; it does not answer with a loader."""
        self._command = command
        command.addCallbacks(self._reload_answered, self._refused)

    def interrupt(self, url: str) -> None:
        """Fail because the program sends the page somewhere else."""
        self._fail(NavigationInterrupted(self.url, url))

    def late(self, seconds: float) -> NavigationError:
        """Return what to fail with when the time is up."""
        if self._error is not None:
            return self._error
        document = self._document
        obstacle = _OPENED if document is not None and document.opened else ""
        return NavigationTimeout(self.url, self._wait_until, seconds, self.reached, obstacle)

    def stop(self) -> None:
        """Leave nothing behind."""
        for subscription in self._subscriptions:
            subscription.dispose()
        for waiting in (self._gone, self._command, self._asked):
            if waiting is not None and not waiting.called:
                waiting.cancel()

    # What the browser says:

    def _feed(self, record: Record) -> None:
        """Fold an event, or an answer, into the model, and see what has come of it."""
        for change in self._model.feed(self._session.id or "", record):
            if isinstance(change, NavigationStarted):
                self._started(change.navigation)
            elif isinstance(change, DocumentCommitted) and change.navigation is not None:
                self._committed(change.document, change.navigation)
        self._look()

    def _started(self, navigation: NavigationRequest) -> None:
        if not self._is_main(navigation.frame_id):
            return
        self._begun[navigation.loader_id] = navigation
        if navigation.type.startswith("reload"):
            self._reload = navigation
            if self._phase is _Phase.ANSWERED:
                self._follow(navigation)

    def _committed(self, document: Document, navigation: NavigationRequest) -> None:
        if not self._is_main(document.frame_id):
            return
        self._latest = navigation
        self._documents[document.loader_id] = document
        leads_on = self._phase is _Phase.KNOWN and self._document is not None
        if leads_on or self._phase is _Phase.ANSWERED:
            self._follow(navigation)

    def _answered(self, result: page.NavigateResult) -> None:
        self._frame_id = result.frame_id  # of a page that was prerendered, it is not the target's
        if result.error_text:
            kind = DownloadStarted if result.is_download else NavigationError
            self._error = kind(self.url, result.error_text)
            if result.error_text == _ABORTED and not result.is_download:
                self._when_alive(self._error)
            elif result.loader_id is None or result.is_download:
                self._fail(self._error)
        elif result.loader_id is None:
            self._succeed(Navigation(self.url, result.frame_id))
        if not self.done.called and self._asked is None and result.loader_id is not None:
            self._feed(result)
            self._follow(self._begun.get(result.loader_id))
            self._look()

    def _reload_answered(self, result: None) -> None:
        self._phase = _Phase.ANSWERED
        self._follow(self._reload)
        self._look()

    def _refused(self, failure: Failure) -> None:
        error = failure.value
        if isinstance(error, CommandError):
            refused = NavigationError(self.url, error.message)
            refused.__cause__ = error
            self._fail(refused)
        else:
            self._fail(failure)

    def _interrupted(self, reason: Gone) -> None:
        self._fail(copy.copy(reason))

    def _failed(self, error: Exception) -> None:
        self._fail(error)

    # What follows from it:

    @property
    def _document(self) -> Document | None:
        """The document of the navigation that counts."""
        navigation = self._navigation
        return None if navigation is None else self._documents.get(navigation.document or "")

    def _is_main(self, frame_id: str) -> bool:
        frame = self._model.frames.frames.get(frame_id)
        return frame_id == self._frame_id if frame is None else frame.parent_id is None

    def _follow(self, navigation: NavigationRequest | None) -> None:
        """Know which navigation counts; where its document has led on already, it is the last one."""
        if navigation is None:
            return
        self._phase = _Phase.KNOWN
        self._navigation = navigation if self._latest is None or navigation.document is None else self._latest
        if navigation.type.startswith("reload") and navigation.url:
            self.url = navigation.url

    def _look(self) -> None:
        """See whether the navigation that counts has got far enough, or has ended before."""
        navigation = self._navigation
        if navigation is None or self.done.called or self._asked is not None:
            return
        state, document = navigation.state, self._document
        if state is NavigationState.FAILED:
            self._unreachable(navigation)
        elif state is NavigationState.ABORTED:
            self._fail(self._error or NavigationError(self.url, navigation.error_text or _ABORTED))
        elif state is NavigationState.DOWNLOADED:
            self._fail(self._error or DownloadStarted(self.url))
        elif state is NavigationState.SAME_DOCUMENT:
            self._succeed(Navigation(navigation.url, self._frame_id))
        elif document is not None:
            self._look_at(navigation, document)

    def _look_at(self, navigation: NavigationRequest, document: Document) -> None:
        there = Navigation(document.url or self.url, document.frame_id, document.loader_id, document.response)
        stopped = navigation.state is NavigationState.STOPPED
        if self._wait_until == "commit" or _NAMES[self._wait_until] in document.reached:
            self._succeed(there)
        elif navigation.state is NavigationState.BROKEN:
            self._fail(DocumentBroken(there.url, navigation.error_text, there.status))
        elif stopped and (self._wait_until != "networkidle" or "DOMContentLoaded" not in document.reached):
            self._when_alive(there)  # a page that is closed, or crashes, stops loading as well, a moment before

    def _unreachable(self, navigation: NavigationRequest) -> None:
        error_text = navigation.error_text or (self._error.error_text if self._error is not None else "net::ERR_FAILED")
        if error_text == _STATUS_ALONE and navigation.response is not None:
            # The server has answered, and with nothing: what is shown of it is nothing, not a page of the browser's.
            there = Navigation(navigation.url, navigation.frame_id, navigation.loader_id, navigation.response)
            self._after(page.set_document_content(frame_id=navigation.frame_id, html=""), there)
        else:
            self._fail(NavigationError(navigation.url or self.url, error_text))

    def _when_alive(self, outcome: Navigation | NavigationError) -> None:
        """Come to an outcome when the page shows that it lives: before it crashes, it says the same."""
        # Handled by the page's main thread, after whatever was to crash that.
        self._after(runtime.release_object_group(object_group=""), outcome)

    def _after(self, command: Command[None], outcome: Navigation | NavigationError) -> None:
        self._asked = self._session.execute(command, timeout=_CRASHING)
        settle = lambda: self._succeed(outcome) if isinstance(outcome, Navigation) else self._fail(outcome)  # noqa: E731
        self._asked.addCallback(lambda _: settle())
        self._asked.addErrback(lambda failure: self._fail(failure) if failure.check(Gone) else settle())

    def _succeed(self, navigation: Navigation) -> None:
        if not self.done.called:
            self.done.callback(navigation)

    def _fail(self, error: Exception | Failure) -> None:
        if not self.done.called:
            self.done.errback(error)


#: What the table of documents is made from.
_EVENTS: Final = sorted(BrowserModel().wants("documents"), key=lambda event: event.method)

_NAMES: Final = {state: name for name, state in _STATES.items()}

_OPENED: Final = (
    "a script of the page has called document.open() and not document.close(), after which nothing loads: wait for less"
    " with wait_until="
)
