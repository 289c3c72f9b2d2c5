"""Where a page goes, and how far it has got: a watcher that is armed before the navigation begins.

A document is known by its loader id. ``Page.navigate`` answers with the one that it has begun to load
when the response's headers are in, and some of what happens to that document may be told before. So the
watcher keeps what it hears of every loader, and asks at each step whether that is enough.
"""

from __future__ import annotations

import copy
from dataclasses import dataclass, field
from typing import Any, Final, Literal, get_args

from twisted.internet.defer import Deferred
from twisted.python.failure import Failure

from txcdp._core.sessions import Session
from txcdp.domains import network, page, runtime
from txcdp.errors import (
    CommandError,
    DownloadStarted,
    Gone,
    NavigationError,
    NavigationInterrupted,
    NavigationTimeout,
)

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

#: Seconds for a page to show that it lives, or to crash, after that error.
_CRASHING: Final = 2.0


@dataclass(frozen=True)
class Navigation:
    """Where a navigation has led.

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


@dataclass
class _Document:
    """What is known of one loader's document."""

    url: str = ""
    unreachable_url: str | None = None
    error_text: str = ""
    response: network.Response | None = None
    states: set[WaitUntil] = field(default_factory=set)


def check_wait_until(wait_until: str) -> None:
    """Refuse what is none of :data:`WaitUntil`, before anything is sent.

    :raises ValueError: it is none of these.
    """
    if wait_until not in get_args(WaitUntil):
        raise ValueError(f"wait_until={wait_until!r}: use one of {', '.join(map(repr, get_args(WaitUntil)))}")


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
        self._documents: dict[str, _Document] = {}
        #: The loader whose document counts; None until it is known.
        self._wanted: str | None = None
        #: The loader of the last document that has come since the watcher was armed.
        self._latest: str | None = None
        #: Whether a reload has been answered; None where it is no reload.
        self._reloaded: bool | None = None
        self._error: NavigationError | None = None
        self._command: Deferred[Any] | None = None
        self._alive: Deferred[None] | None = None
        self._gone = session.when_interrupted()
        self._gone.addCallbacks(self._interrupted, lambda _: None)
        self._subscriptions = [
            session.events(page.FrameStartedNavigating).subscribe(self._started_navigating, self._failed),
            session.events(page.FrameNavigated).subscribe(self._navigated, self._failed),
            session.events(page.LifecycleEvent).subscribe(self._lifecycle, self._failed),
            session.events(page.FrameStoppedLoading).subscribe(self._stopped_loading, self._failed),
            # They only add to what is known, so where they are not to be had, nothing fails.
            session.events(network.ResponseReceived).subscribe(self._responded, _ignore),
            session.events(network.LoadingFailed).subscribe(self._loading_failed, _ignore),
        ]

    @property
    def reached(self) -> str:
        """How far the document has got; ``""`` where none has come."""
        document = self._documents.get(self._wanted or "")
        states = document.states if document is not None else ()
        return next((name for name in reversed(_STATES.values()) if name in states), "")

    def navigating(self, command: Deferred[page.NavigateResult]) -> None:
        """Watch what comes of a ``Page.navigate`` that was just sent."""
        self._command = command
        command.addCallbacks(self._answered, self._refused)

    def reloading(self, command: Deferred[None]) -> None:
        """Watch what comes of a ``Page.reload`` that was just sent; it does not answer with a loader."""
        self._reloaded = False
        self._command = command
        command.addCallbacks(self._reload_answered, self._refused)

    def interrupt(self, url: str) -> None:
        """Hear that the program sends the page somewhere else."""
        self._fail(NavigationInterrupted(self.url, url))

    def late(self, seconds: float) -> NavigationError:
        """Return what to fail with when the time is up."""
        return self._error or NavigationTimeout(self.url, self._wait_until, seconds, self.reached)

    def stop(self) -> None:
        """Leave nothing behind."""
        for subscription in self._subscriptions:
            subscription.dispose()
        for waiting in (self._gone, self._command, self._alive):
            if waiting is not None and not waiting.called:
                waiting.cancel()

    # What the browser says:

    def _answered(self, result: page.NavigateResult) -> None:
        loader_id = result.loader_id
        if result.error_text:
            kind = DownloadStarted if result.is_download else NavigationError
            self._error = kind(self.url, result.error_text)
            if result.error_text == _ABORTED and not result.is_download:
                self._fail_unless_it_crashes(self._error)
            elif loader_id is None or result.error_text == _ABORTED:
                self._fail(self._error)
        elif loader_id is None:
            self._succeed(Navigation(self.url, result.frame_id))
        self._want(loader_id)

    def _fail_unless_it_crashes(self, error: NavigationError) -> None:
        """Fail when the page shows that it lives: a URL that crashes it is aborted, too, a moment before."""
        # Handled by the page's main thread, after whatever was to crash that.
        command = runtime.release_object_group(object_group="")
        self._alive = self._session.execute(command, timeout=_CRASHING)
        self._alive.addCallback(lambda _: self._fail(error))
        self._alive.addErrback(lambda failure: self._fail(failure if failure.check(Gone) else error))

    def _reload_answered(self, result: None) -> None:
        # The last beginning that was told before the answer is that of this reload.
        self._reloaded = True
        self._want(self._wanted)

    def _refused(self, failure: Failure) -> None:
        error = failure.value
        if isinstance(error, CommandError):
            refused = NavigationError(self.url, error.message)
            refused.__cause__ = error
            self._fail(refused)
        else:
            self._fail(failure)

    def _started_navigating(self, event: page.FrameStartedNavigating) -> None:
        if event.frame_id != self._frame_id or not str(event.navigation_type).startswith("reload"):
            return
        if self._reloaded is False or (self._reloaded and self._wanted is None):
            self._wanted = event.loader_id
            self.url = event.url

    def _responded(self, event: network.ResponseReceived) -> None:
        if event.request_id == event.loader_id:  # as it is for a document, and for nothing else
            self._document(event.loader_id).response = event.response

    def _loading_failed(self, event: network.LoadingFailed) -> None:
        if event.type == "Document":
            self._document(event.request_id).error_text = event.error_text
            self._look()

    def _navigated(self, event: page.FrameNavigated) -> None:
        frame = event.frame
        if frame.parent_id is not None:
            return
        document = self._document(frame.loader_id)
        document.url = frame.url + (frame.url_fragment or "")
        document.unreachable_url = frame.unreachable_url
        if self._reloaded is not False and (self.reached or (self._reloaded and self._wanted is None)):
            self._wanted = frame.loader_id
        self._latest = frame.loader_id
        document.states.add("commit")
        self._look()

    def _lifecycle(self, event: page.LifecycleEvent) -> None:
        state = _STATES.get(event.name)
        if state is not None:
            self._document(event.loader_id).states.add(state)
            if event.loader_id == self._wanted:
                self._look()

    def _stopped_loading(self, event: page.FrameStoppedLoading) -> None:
        if self._error is not None and self._alive is None and event.frame_id == self._frame_id:
            self._fail(self._error)

    def _interrupted(self, reason: Gone) -> None:
        self._fail(copy.copy(reason))

    def _failed(self, error: Exception) -> None:
        self._fail(error)

    # What follows from it:

    def _document(self, loader_id: str) -> _Document:
        return self._documents.setdefault(loader_id, _Document())

    def _want(self, loader_id: str | None) -> None:
        """Know which document counts; where it has come and has led on already, it is the last one."""
        self._wanted = loader_id
        if self.reached and self._latest is not None:
            self._wanted = self._latest
        self._look()

    def _look(self) -> None:
        """See whether the document that counts has got far enough."""
        document = self._documents.get(self._wanted or "")
        if document is None or self._reloaded is False:
            return
        if not document.states:
            if self._reloaded and document.error_text == _ABORTED:
                self._fail(NavigationError(self.url, document.error_text))
        elif self._error is not None:
            self._fail(self._error)
        elif document.unreachable_url is not None:
            self._fail(NavigationError(document.unreachable_url, document.error_text or "net::ERR_FAILED"))
        elif self._wait_until == "commit" or self._wait_until in document.states:
            url = document.url or (document.response.url if document.response is not None else self.url)
            self._succeed(Navigation(url, self._frame_id, self._wanted, document.response))

    def _succeed(self, navigation: Navigation) -> None:
        if not self.done.called:
            self.done.callback(navigation)

    def _fail(self, error: Exception | Failure) -> None:
        if not self.done.called:
            self.done.errback(error)


def _ignore(error: Exception) -> None:
    """Do without."""
