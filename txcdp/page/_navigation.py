"""Navigations of frames, and the waits for their progress, which start before the navigation does.

The model interprets the browser's events: :mod:`txcdp.model` has the states of a navigation, and what ends it. This
module decides which navigation counts, and when it has made enough progress for a wait.

``Page.navigate`` is answered with the loader of its navigation when the response's headers have arrived, and some
events of it may be reported before; for ``Page.reload`` and going back, only the start of a navigation shows which one
it is. So a :class:`Watcher` records what has started since it was created, and checks the navigation that counts after
each change.
"""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from enum import Enum
from functools import partial
from itertools import takewhile
from typing import TYPE_CHECKING, Any, Final, TypeVar

from twisted.internet.defer import CancelledError, Deferred, fail
from twisted.internet.interfaces import IDelayedCall
from twisted.python.failure import Failure

from txcdp._arguments import check_text
from txcdp._core.sessions import Session
from txcdp._deferreds import Timer, ignore_failure, returns_deferred, with_deadline
from txcdp._privacy import shown_url
from txcdp._url_patterns import URLMatch, url_matcher
from txcdp.domains import network, page, runtime
from txcdp.errors import (
    CommandError,
    ContextDestroyed,
    DocumentBroken,
    DownloadStarted,
    Gone,
    InvalidPageURL,
    NavigationError,
    NavigationInterrupted,
    NavigationTimeout,
    SessionDetached,
    TargetCrashed,
)
from txcdp.model import (
    Change,
    Document,
    DocumentCommitted,
    DocumentOpened,
    NavigationEnded,
    NavigationRequest,
    NavigationStarted,
    NavigationState,
)
from txcdp.model._exchanges import STATUS_ALONE
from txcdp.network._headers import check_referer
from txcdp.page import _commits as commits
from txcdp.page._frames import LIFECYCLE, UNDER_WAY, Frame, Waiter, WaitUntil
from txcdp.protocol import Command
from txcdp.streams import Expected

if TYPE_CHECKING:
    from txcdp.network import Response

T = TypeVar("T")

#: After this error the existing document stays; after any other, an error page replaces it.
_ABORTED: Final = "net::ERR_ABORTED"

#: Seconds for a page to show that it is alive, or to crash, after that error.
_CRASHING: Final = 2.0

#: A command for the page's main thread, answered after any pending crash, and after earlier events.
_NOTHING: Final = runtime.release_object_group(object_group="")

#: How a URL with a scheme begins; a host and a port are none, unless the host is named like a scheme without ``//``.
_SCHEME: Final = re.compile(
    r"(?:about|blob|data|file|filesystem|https?|javascript|mailto|sms|tel|view-source):"
    r"|[a-z][a-z0-9+\-.]*:(?![0-9]+(?:[/?#]|$))",
    re.IGNORECASE,
)


@dataclass(frozen=True)
class Arrival:
    """The outcome of a navigation.

    :ivar url: the document's URL, after all redirects.
    :ivar loader_id: the document's loader; None if the document stayed.
    :ivar response: the server's response; None if there was none, or the browser did not report it.
    """

    url: str
    loader_id: str | None = None
    response: network.Response | None = None

    @property
    def status(self) -> int | None:
        """The HTTP status of the server's response; None if there was none."""
        return None if self.response is None else self.response.status


class _Phase(Enum):
    """The phases of finding the navigation that counts."""

    #: The command has not been answered.
    SENT = "sent"
    #: A reload or a history step has been answered, and has not been reported to start.
    ANSWERED = "answered"
    #: The navigation is known.
    KNOWN = "known"


class _Settling(Waiter[T]):
    """A wait that makes a frame's process answer before it concludes."""

    def __init__(self, frame: Frame) -> None:
        self._asked: Deferred[Any] | None = None
        super().__init__(frame)

    def stop(self) -> None:
        """Leave nothing behind."""
        super().stop()
        if self._asked is not None and not self._asked.called:
            self._asked.cancel()

    def _when_alive(self, outcome: T | NavigationError) -> None:
        """Conclude once the frame's process has answered: before a crash or removal, the events are the same."""
        self._after(_NOTHING, outcome)

    def _after(self, command: Command[None], outcome: T | NavigationError) -> None:
        self._ask(self._tree.session_of(self._frame._row) or self._frame.page.session, command, outcome)

    def _ask(self, session: Session, command: Command[None], outcome: T | NavigationError) -> None:
        self._asked = session.execute(command, timeout=_CRASHING)
        unanswered = lambda failure: self._unanswered(session, failure, outcome)  # noqa: E731
        self._asked.addCallbacks(lambda _: self._settle(outcome), unanswered)

    def _unanswered(self, session: Session, failure: Failure, outcome: T | NavigationError) -> None:
        if not failure.check(Gone):
            self._settle(outcome)
        elif session is self._frame.page.session:
            self.fail(failure)
        else:  # its process is gone, and the page's tells whether the frame is
            self._ask(self._frame.page.session, _NOTHING, outcome)

    def _settle(self, outcome: T | NavigationError) -> None:
        if isinstance(outcome, NavigationError):
            self.fail(outcome)
        else:
            self.succeed(outcome)


class Watcher(_Settling[Arrival]):
    """Follows the documents of a frame until one has made enough progress.

    If the document itself navigates on (a redirect by script, a form that submits itself), that is followed: the last
    document counts.

    :param frame: the frame.
    :param session: the session in which the command is sent.
    :param url: the frame's destination, for errors.
    :param wait_until: the load state to wait for.
    :param types: prefixes of the types of navigations that count, if the answer does not identify one.
    """

    def __init__(
        self, frame: Frame, session: Session, url: str, wait_until: WaitUntil, types: tuple[str, ...] = ()
    ) -> None:
        self.url = url
        self._session = session
        self._wait_until: WaitUntil = wait_until
        self._types = types
        self._phase = _Phase.SENT
        #: The navigations that have started in the frame, by loader, and the documents that have arrived.
        self._begun: dict[str, NavigationRequest] = {}
        self._documents: dict[str, Document] = {}
        #: The navigation that counts, and the last one that has brought a document.
        self._navigation: NavigationRequest | None = None
        self._latest: NavigationRequest | None = None
        #: The last navigation of the types that count.
        self._typed: NavigationRequest | None = None
        self._error: NavigationError | None = None
        self._command: Deferred[Any] | None = None
        #: What decides that a document is idle where Chromium does not consider it so.
        self._idling: _LoadStateWait | None = None
        if wait_until == "networkidle":
            self._idling = _LoadStateWait(frame, wait_until, opened=True)
            self._idling.done.addErrback(ignore_failure)  # what ends it ends this wait, too
        super().__init__(frame)

    @property
    def reached(self) -> str:
        """The state that the document has reached; ``""`` if there is none.

        The network may be idle before everything has loaded, as far as it is the document's own.
        """
        document = self._document
        if document is None:
            return ""
        names = {"commit", *document.reached}
        return list(takewhile(lambda state: LIFECYCLE[state] in names, LIFECYCLE))[-1]

    def navigating(self, command: Deferred[page.NavigateResult]) -> None:
        """Watch the outcome of a ``Page.navigate`` that was just sent."""
        self._command = command
        command.addCallbacks(self._answered, self._refused)

    def moving(self, command: Deferred[None]) -> None:
        """Watch the outcome of a reload or a history step that was just sent; its answer does not contain a loader."""
        self._command = command
        command.addCallbacks(self._typed_answered, self._refused)

    def interrupt(self, url: str) -> None:
        """Fail, because the program navigates the frame somewhere else."""
        self.fail(NavigationInterrupted(self.url, url))

    def late(self, seconds: float) -> NavigationError:
        """Return the timeout error."""
        if self._error is not None:
            return self._error
        document = self._document
        obstacle = _OPENED if document is not None and document.opened else ""
        reached = self.reached
        if reached == "networkidle":  # alone
            reached, obstacle = "load", _busy(self._frame) or obstacle
        elif reached:
            obstacle = obstacle or _waits_for(self._frame)
        return NavigationTimeout(self.url, self._wait_until, seconds, reached, obstacle)

    def stop(self) -> None:
        """Leave nothing behind."""
        super().stop()
        if self._command is not None and not self._command.called:
            self._command.cancel()
        if self._idling is not None:
            self._idling.stop()

    # What the browser says:

    def changed(self, changes: Sequence[Change]) -> None:
        """Check the progress."""
        for change in changes:
            if isinstance(change, NavigationStarted):
                self._started(change.navigation)
            elif isinstance(change, DocumentCommitted) and change.navigation is not None:
                self._committed(change.document, change.navigation)
        self._look()

    def _started(self, navigation: NavigationRequest) -> None:
        if not self._is_ours(navigation.frame_id):
            return
        self._begun[navigation.loader_id] = navigation
        if self._types and navigation.type.startswith(self._types):
            self._typed = navigation
            if self._phase is _Phase.ANSWERED:
                self._follow(navigation)

    def _committed(self, document: Document, navigation: NavigationRequest) -> None:
        if not self._is_ours(document.frame_id):
            return
        self._latest = navigation
        self._documents[document.loader_id] = document
        leads_on = self._phase is _Phase.KNOWN and self._document is not None
        if leads_on or self._phase is _Phase.ANSWERED:
            self._follow(navigation)

    def _answered(self, result: page.NavigateResult) -> None:
        if result.error_text == _ABORTED and result.loader_id is None and not result.is_download:
            under_way = self._under_way()
            if under_way is not None:
                self._follow(under_way)
                self._look()
                return
        if result.error_text:
            kind = DownloadStarted if result.is_download else NavigationError
            self._error = kind(self.url, result.error_text)
            if result.error_text == _ABORTED and not result.is_download:
                self._when_alive(self._error)
            elif result.loader_id is None or result.is_download:
                self.fail(self._error)
        elif result.loader_id is None:
            self._when_alive(Arrival(self.url))  # the frame's process tells of it by then
        if not self.done.called and self._asked is None and result.loader_id is not None:
            key = self._frame._row.session_id or ""
            if result.loader_id not in self._begun and self._latest is None:  # its beginning was not told
                begun = page.FrameStartedNavigating(
                    frame_id=result.frame_id,
                    url=self.url,
                    loader_id=result.loader_id,
                    navigation_type="differentDocument",
                )
                self._tree.take(key, begun)
            self._tree.take(key, result)
            self._follow(self._begun.get(result.loader_id))
            self._look()

    def _under_way(self) -> NavigationRequest | None:
        """Return an earlier navigation to the same URL in progress: Chromium continues that one instead."""
        candidates = self._tree.navigations_in(self._frame._row)
        if self._latest is not None:
            candidates.append(self._latest)
        same = [each for each in candidates if each.url.rstrip("/") == self.url.rstrip("/")]
        return same[-1] if same else None

    def _typed_answered(self, result: None) -> None:
        self._phase = _Phase.ANSWERED
        self._follow(self._typed)
        self._look()

    def _refused(self, failure: Failure) -> None:
        error = failure.value
        if isinstance(error, CommandError):
            refused = NavigationError(self.url, error.message)
            refused.__cause__ = error
            self.fail(refused)
        elif isinstance(error, SessionDetached) and self._session is not self._frame.page.session:
            # Its process has been left before it could answer: what has begun last in the frame is what was asked for.
            self._phase = _Phase.ANSWERED
            self._follow(next(reversed(self._begun.values()), None))
            self._look()
        else:
            self.fail(failure)

    # What follows from it:

    @property
    def _document(self) -> Document | None:
        """The document of the navigation that counts."""
        navigation = self._navigation
        return None if navigation is None else self._documents.get(navigation.document or "")

    def _is_ours(self, frame_id: str) -> bool:
        return self._frame._row.id == frame_id

    def _follow(self, navigation: NavigationRequest | None) -> None:
        """Set the navigation that counts; if its document has navigated on already, the last one."""
        if navigation is None:
            return
        self._phase = _Phase.KNOWN
        self._navigation = navigation if self._latest is None or navigation.document is None else self._latest
        if self._types and navigation.url:
            self.url = navigation.url

    def _look(self) -> None:
        """Check whether the navigation that counts has made enough progress, or has ended before that."""
        navigation = self._navigation
        if navigation is None or self.done.called or self._asked is not None:
            return
        state, document = navigation.state, self._document
        if state is NavigationState.FAILED:
            self._unreachable(navigation)
        elif state is NavigationState.ABORTED:
            self._when_alive(self._error or NavigationError(self.url, navigation.error_text or _ABORTED))
        elif state is NavigationState.DOWNLOADED:
            self.fail(self._error or DownloadStarted(self.url))
        elif state is NavigationState.SAME_DOCUMENT:
            self.succeed(Arrival(navigation.url))
        elif state is NavigationState.CRASHED:
            self.fail(TargetCrashed(self._session.id or "root", navigation.url))
        elif document is not None:
            self._look_at(navigation, document)

    def _look_at(self, navigation: NavigationRequest, document: Document) -> None:
        there = Arrival(document.url or self.url, document.loader_id, document.response)
        stopped = navigation.state is NavigationState.STOPPED
        if self._has_reached(document):
            self.succeed(there)
        elif navigation.state is NavigationState.BROKEN:
            self.fail(DocumentBroken(there.url, navigation.error_text, there.status))
        elif stopped and (self._wait_until != "networkidle" or "DOMContentLoaded" not in document.reached):
            self._when_alive(there)  # a page that is closed, or crashes, stops loading as well, a moment before
        elif self._idling is not None:
            self._idling.begin()

    def _has_reached(self, document: Document) -> bool:
        if self._tree.document(self._frame._row) is document:
            return self._tree.has_reached(self._frame._row, self._wait_until)
        return self._wait_until == "commit" or LIFECYCLE[self._wait_until] in document.reached

    def _unreachable(self, navigation: NavigationRequest) -> None:
        error_text = navigation.error_text or (self._error.error_text if self._error is not None else "net::ERR_FAILED")
        if error_text in STATUS_ALONE and navigation.response is not None:
            # The server has answered, and with nothing: what is shown of it is nothing, not a page of the browser's.
            there = Arrival(navigation.url, navigation.loader_id, navigation.response)
            self._after(page.set_document_content(frame_id=navigation.frame_id, html=""), there)
        else:
            self.fail(NavigationError(navigation.url or self.url, error_text))


#: Seconds without requests after which a network is idle, as in Chromium.
_QUIET: Final = 0.5


class _IdleDocuments:
    """Treats documents as idle that are, although Chromium does not consider them so: see ``FrameTree.is_quiet``.

    A wait makes it before it is told of changes: from then on, those of requests in progress are reported at once.

    :param frame: the frame whose document, and those inside it, this is about.
    """

    def __init__(self, frame: Frame) -> None:
        self._frame = frame
        self._timers: dict[Frame, Timer] = {}
        frame._tree.network.sessions.use()

    def look(self) -> None:
        """Check which documents have requests in progress."""
        tree = self._frame._tree
        quiet = [each for each in tree.within(self._frame) if tree.is_quiet(each)]
        for each in [each for each in self._timers if each not in quiet]:
            self._timers.pop(each).stop()
        for each in quiet:
            if each not in self._timers:
                rested = partial(tree.take_for_idle, each._row)
                self._timers[each] = Timer(self._frame.page.session.context.clock, rested)
                self._timers[each].set(_QUIET)

    def stop(self) -> None:
        """Leave nothing behind."""
        for each in self._timers.values():
            each.stop()
        self._timers.clear()
        self._frame._tree.network.sessions.leave()


class _LoadStateWait(_Settling[None]):
    """A wait until a frame's current document has reached a state, optionally with a URL that matches.

    For a document that a script has opened, the network is idle when everything started since then has completed. If
    the script does not close the document, more may be written at any time; then its present state counts once it is
    quiet.

    :param opened: whether a document counts only after :meth:`begin`, or once a script, which will close it, has opened
        it.
    """

    def __init__(
        self, frame: Frame, state: WaitUntil, matches: Callable[[str], bool] | None = None, *, opened: bool = False
    ) -> None:
        self._state: WaitUntil = state
        self._matches = matches
        self._opened = not opened
        self._quiet = _IdleDocuments(frame) if state == "networkidle" else None
        super().__init__(frame)
        clock = frame.page.session.context.clock
        may_rest = state == "networkidle" or not (opened or state == "commit")
        self._rest = Timer(clock, self._ask_whether_written) if may_rest else None

    def stop(self) -> None:
        """Leave nothing behind."""
        super().stop()
        rest, self._rest = self._rest, None
        if rest is not None:
            rest.stop()
        quiet, self._quiet = self._quiet, None
        if quiet is not None:
            quiet.stop()

    def begin(self) -> None:
        """Take the present document for the one that counts."""
        if not self._opened:
            self._opened = True
            self.look()

    def look(self) -> None:
        """Check whether it has reached the state."""
        if self.done.called:
            return
        try:
            if self._matches is not None and self._matches(self._frame.url):
                self._matches = None
        except Exception:
            self.fail(Failure())
            return
        if self._matches is not None or not self._opened:
            return
        if self._tree.has_reached(self._frame._row, self._state):
            self.succeed(None)
            return
        if self._rest is not None and not self._rest.is_set and self._written() is not None:
            self._rest.set(_QUIET)
        if self._quiet is not None:
            self._quiet.look()

    def _written(self) -> Frame | None:
        """Return the frame it waits for whose document a script may not have closed: its own, or a descendant."""
        row = self._frame._row
        if self._tree.may_be_written(row):
            return self._frame
        return self._tree.written_below(row) if self._state == "networkidle" else None

    def _ask_whether_written(self) -> None:
        frame = self._written()
        if frame is not None and (self._asked is None or self._asked.called):
            self._asked = Deferred.fromCoroutine(self._is_written(frame))
            self._asked.addCallbacks(self._rested, ignore_failure, callbackArgs=(frame,))

    @staticmethod
    async def _is_written(frame: Frame) -> bool:
        """Return whether all that the document still lacks is to be closed."""
        session = await frame._when_session()
        written: bool = await frame._world(session).read(_IS_WRITTEN, frame._row.id)
        return written

    def _rested(self, is_written: bool, frame: Frame) -> None:
        if self._rest is None or not self._tree.may_be_written(frame._row):
            return
        if not is_written or (self._state == "networkidle" and self._tree.is_fetching(frame)):
            self._rest.set(_QUIET)
        elif self._state == "networkidle":
            self._tree.take_for_idle(frame._row)
        else:
            self.succeed(None)

    def changed(self, changes: Sequence[Change]) -> None:
        """Check whether it has reached the state."""
        row = self._frame._row
        for change in changes:
            if isinstance(change, DocumentOpened) and change.document.frame_id == row.id:
                self._opened = True
            elif isinstance(change, NavigationEnded) and change.navigation.frame_id == row.id:
                self._ended(change)
        self.look()

    def _ended(self, change: NavigationEnded) -> None:
        navigation = change.navigation
        if change.reason is NavigationState.CRASHED:
            self.fail(TargetCrashed(self._frame.page.session.id or "root", navigation.url))
        elif change.reason is NavigationState.STOPPED and self._matches is None and self._state != "networkidle":
            self._when_alive(None)  # it has got as far as it ever will, unless it is being removed


class _NavigationWait(_LoadStateWait):
    """A wait for the next navigation of a frame, until its document has reached a state.

    :param matches: decides whether the URL of a navigation counts.
    """

    def __init__(self, frame: Frame, state: WaitUntil, matches: Callable[[str], bool]) -> None:
        self._is_wanted = matches
        self._document: Document | None = None
        super().__init__(frame, state, opened=True)

    def changed(self, changes: Sequence[Change]) -> None:
        """Check whether it has navigated, and has reached the state."""
        row = self._frame._row
        for change in changes:
            if isinstance(change, DocumentCommitted) and change.document.frame_id == row.id:
                self._committed(change.document, change.navigation)
            elif isinstance(change, NavigationEnded) and change.navigation.frame_id == row.id:
                if change.reason is NavigationState.SAME_DOCUMENT:
                    self._navigated(change.navigation.url)
                elif self._opened or change.reason is NavigationState.CRASHED:
                    self._ended(change)
                elif change.reason is NavigationState.ABORTED and change.navigation.response is not None:
                    self._answered_in_vain(change.navigation.url)
        self.look()

    @property
    def response(self) -> Response | None:
        """The response that contained the document; None if it is the earlier one."""
        document = self._document
        return None if document is None else self._tree.response(self._frame, document.loader_id, document.response)

    def _committed(self, document: Document, navigation: NavigationRequest | None) -> None:
        if not self._navigated(document.unreachable_url or document.url):
            return
        self._document = document
        if document.unreachable_url is not None and not document.is_empty_answer:
            error_text = "" if navigation is None else navigation.error_text
            self.fail(NavigationError(document.unreachable_url, error_text or "net::ERR_FAILED"))

    def _navigated(self, url: str) -> bool:
        wanted = self._wants(url)
        self._opened = self._opened or wanted
        return wanted

    def _wants(self, url: str) -> bool:
        try:
            return self._is_wanted(url)
        except Exception:
            self.fail(Failure())
            return False

    def _answered_in_vain(self, url: str) -> None:
        """Note that a response has brought no document: its status was 204, or it was a download."""
        if self._asked is None and self._wants(url):
            self._when_alive(NavigationError(url, _ABORTED))

    def _settle(self, outcome: None | NavigationError) -> None:
        """Fail with the error of a navigation, unless that was abandoned for another one."""
        if not isinstance(outcome, NavigationError):
            super()._settle(outcome)
            return
        self._asked = None
        going = any(each.state in UNDER_WAY for each in self._tree.navigations_in(self._frame._row))
        if not (self._opened or going):
            self.fail(outcome)


#: Seconds in which a navigation that a document has requested starts, if at all: ``mailto:`` does not.
_BEGINS: Final = 0.5


class CausedNavigations(Waiter[None]):
    """Waits for the navigations of a frame that an action causes; created before the action.

    :param frame: the frame.
    :param begun: called when one has started: the document may no longer answer.
    """

    def __init__(self, frame: Frame, begun: Callable[[], object]) -> None:
        super().__init__(frame)
        self._before = self._under_way()
        self._requested = False
        self._finishing: IDelayedCall | None = None
        self._tell_begun = begun

    @property
    def has_begun(self) -> bool:
        """Whether one is in progress."""
        return self._requested or not self._under_way() <= self._before

    def note_request(self) -> None:
        """Note that the document requests a navigation."""
        self._requested = True
        self._tell_begun()

    def changed(self, changes: Sequence[Change]) -> None:
        """Note the progress of navigations."""
        row_id = self._frame._row.id
        if not self._under_way() <= self._before:
            self._tell_begun()
        for change in changes:
            if isinstance(change, DocumentCommitted):
                self._requested &= change.document.frame_id != row_id
            elif isinstance(change, NavigationEnded):
                self._requested &= change.navigation.frame_id != row_id
        if self._finishing is not None:
            self._look()

    def stop(self) -> None:
        """Leave nothing behind."""
        super().stop()
        if self._finishing is not None and self._finishing.active():
            self._finishing.cancel()

    async def finish(self) -> None:
        """Wait until each of them has brought its document, or has ended without one."""
        if not self.has_begun:
            return
        self._finishing = self._frame.page.session.context.clock.callLater(_BEGINS, self._not_begun)
        try:
            await self.done
        finally:
            if self._finishing.active():
                self._finishing.cancel()

    def _not_begun(self) -> None:
        self._requested = False
        self._look()

    def _look(self) -> None:
        if not self.has_begun:
            self.succeed(None)

    def _under_way(self) -> set[str]:
        navigations = self._tree.navigations_in(self._frame._row)
        return {each.loader_id for each in navigations if each.state in UNDER_WAY} if navigations else set()


def _referer_of(frame: Frame, url: str, given: str | None) -> str | None:
    """Return the ``Referer`` of a navigation: the page's extra header, if it has one.

    The browser is told as well: it refuses to send one that contradicts the navigation.

    :raises TypeError: if the given one is not text.
    :raises ValueError: if it cannot be sent, or differs from the page's.
    """
    if given is not None:
        check_referer("referer", given)
    headers = frame.page._emulation.options.get("extra_http_headers") or {}
    extra = next((value for name, value in headers.items() if name.lower() == "referer"), None)
    if extra is not None and given is not None and given != extra:
        said = f"set_extra_http_headers() has set a different one, {shown_url(extra)!r}"
        raise ValueError(f"goto({shown_url(url)!r}, referer={shown_url(given)!r}): {said}")
    return extra if given is None else given


class Navigator:
    """Navigates the frames of one page, and waits for the outcome.

    :param session: the page's session.
    """

    def __init__(self, session: Session) -> None:
        self._session = session
        self._watchers: dict[Frame, Watcher] = {}
        self._caused: set[CausedNavigations] | None = None
        #: Called with the URL before the program navigates one of the frames.
        self.leaving: list[Callable[[str], object]] = []

    def goto(
        self, frame: Frame, url: str, wait_until: WaitUntil, referer: str | None, seconds: float | None
    ) -> Deferred[Response | None]:
        """Navigate a frame to a URL; see ``Page.goto``."""
        if _SCHEME.match(url) is None:
            return fail(InvalidPageURL(url))
        try:
            referer = _referer_of(frame, url, referer)
        except (TypeError, ValueError):
            return fail()

        def send(watcher: Watcher, session: Session) -> None:
            frame_id = None if frame is frame.page.main_frame else frame._row.id
            command = page.navigate(
                url=url,
                referrer=referer,
                referrer_policy=None if referer is None else "unsafeUrl",  # else some of it would be left out
                frame_id=frame_id,
            )
            watcher.navigating(session.execute(command, timeout=None))

        return self._go(frame, url, send, wait_until, seconds)

    def causing(self, frame: Frame, begun: Callable[[], object]) -> CausedNavigations:
        """Return a wait for the navigations caused from now on, which the caller has to stop.

        :param frame: the frame; for the page's main frame, navigations that its document requests are known, too.
        :param begun: called when one has started.
        """
        if self._caused is None:
            self._caused = set()
            self._session._feed_into((page.FrameRequestedNavigation,), self._requested)
        caused = CausedNavigations(frame, begun)
        self._caused.add(caused)
        return caused

    def caused(self, caused: CausedNavigations) -> None:
        """Stop waiting for them."""
        caused.stop()
        caused.done.addErrback(ignore_failure)  # who did something is told by that itself
        if self._caused is not None:
            self._caused.discard(caused)

    def _requested(self, event: page.FrameRequestedNavigation) -> None:
        if event.disposition == "currentTab":
            for each in list(self._caused or ()):
                if each._frame._row.id == event.frame_id:
                    each.note_request()

    def reload(
        self, frame: Frame, wait_until: WaitUntil, ignore_cache: bool, seconds: float | None
    ) -> Deferred[Response | None]:
        """Load the page again; see ``Page.reload``."""

        def send(watcher: Watcher, session: Session) -> None:
            command = page.reload(ignore_cache=ignore_cache)
            watcher.moving(commits.execute(session, command, None, again_unanswered=False))

        return self._go(frame, "the page", send, wait_until, seconds, ("reload",))

    def step(self, frame: Frame, steps: int, wait_until: WaitUntil, seconds: float | None) -> Deferred[Response | None]:
        """Go back or forward in history; see ``Page.go_back``."""
        stepping = Deferred.fromCoroutine(self._step(frame, steps, wait_until, seconds))
        what = "back" if steps < 0 else "forward"
        late = lambda: NavigationTimeout(f"the page before ({what})", wait_until, seconds or 0, "")  # noqa: E731
        return with_deadline(self._session.context.clock, stepping, seconds, late)

    async def _step(self, frame: Frame, steps: int, wait_until: WaitUntil, seconds: float | None) -> Response | None:
        history = await commits.execute(self._session, page.get_navigation_history(), None)
        index = history.current_index + steps
        if not 0 <= index < len(history.entries):
            return None
        entry = history.entries[index]

        def send(watcher: Watcher, session: Session) -> None:
            command = page.navigate_to_history_entry(entry_id=entry.id)
            watcher.moving(commits.execute(session, command, None, again_unanswered=False))

        return await self._go(frame, entry.url, send, wait_until, seconds, ("history", "restore"))

    def set_content(self, frame: Frame, html: str, wait_until: WaitUntil, seconds: float | None) -> Deferred[None]:
        """Write a document; see ``Page.set_content``."""
        check_text("html", html)
        waiter = _LoadStateWait(frame, wait_until, opened=True)

        async def write() -> None:
            try:
                session = await frame._when_session()
                reading = frame._world(session).read(_WRITE % json.dumps(html), frame._row.id)
                writing = Deferred.fromCoroutine(reading)
                await writing.addErrback(lambda failure: frame._tree.explain(frame, failure))
            except BaseException as error:
                waiter.done.addErrback(ignore_failure)  # it may have failed, too, and nobody awaits it
                if frame._detached and isinstance(error, ContextDestroyed | SessionDetached):
                    raise frame._tree.removed(frame) from error
                raise
            waiter.look()
            await waiter.done

        return self._until(waiter, Deferred.fromCoroutine(write()), "the content", wait_until, seconds)

    def wait_for_load_state(self, frame: Frame, state: WaitUntil, seconds: float | None) -> Deferred[None]:
        """Wait until a frame's document has reached a state; see ``Page.wait_for_load_state``."""
        waiter = _LoadStateWait(frame, state)
        waiter.look()
        return self._until(waiter, waiter.done, frame.url, state, seconds)

    def wait_for_url(
        self, frame: Frame, match: URLMatch, wait_until: WaitUntil, seconds: float | None
    ) -> Deferred[None]:
        """Wait until a frame's URL matches; see ``Page.wait_for_url``."""
        waiter = _LoadStateWait(frame, wait_until, url_matcher(match, frame.page.context._base_url))
        waiter.look()
        what = match if isinstance(match, str) else getattr(match, "pattern", "a URL that matches")
        return self._until(waiter, waiter.done, str(what), wait_until, seconds)

    def expect(
        self, frame: Frame, match: URLMatch | None, wait_until: WaitUntil, seconds: float | None
    ) -> Expected[Response | None]:
        """Expect a frame to navigate; see ``Page.expect_navigation``."""
        matches = url_matcher("" if match is None else match, frame.page.context._base_url)
        what = match if isinstance(match, str) else getattr(match, "pattern", "a navigation")

        def begin() -> Deferred[Response | None]:
            frame._tree.network.sessions.hear()
            waiter = _NavigationWait(frame, wait_until, matches)
            waiting = self._until(waiter, waiter.done, str(what), wait_until, seconds)
            return waiting.addCallback(lambda _: waiter.response)

        return Expected(begin)

    def _until(
        self, waiter: _LoadStateWait, done: Deferred[None], what: str, state: WaitUntil, seconds: float | None
    ) -> Deferred[None]:
        frame = waiter._frame

        def late() -> NavigationTimeout:
            there = waiter._opened and waiter._matches is None
            reached = list(takewhile(lambda each: there and frame._tree.has_reached(frame._row, each), LIFECYCLE))
            there_is = "" if what == frame.url else f"the frame is at {shown_url(frame.url)}"
            loads = "" if not reached else (_busy(frame) if state == "networkidle" else "") or _waits_for(frame)
            obstacle = self._session.blocked_by or "; ".join(filter(None, (there_is, loads)))
            return NavigationTimeout(what, state, seconds or 0, reached[-1] if reached else "", obstacle)

        def over(outcome: Any) -> Any:
            waiter.stop()
            if done is not waiter.done:  # it may have failed for the same reason, and nobody have come to wait for it
                waiter.done.addErrback(ignore_failure)
            return outcome

        done.addBoth(over)
        return with_deadline(self._session.context.clock, done, seconds, late)

    @returns_deferred
    async def _go(
        self,
        frame: Frame,
        url: str,
        send: Callable[[Watcher, Session], None],
        wait_until: WaitUntil,
        seconds: float | None,
        types: tuple[str, ...] = (),
    ) -> Response | None:
        seconds = await self._session._when_usable("Page.navigate", seconds)
        session = await frame._when_session()
        frame._tree.network.sessions.hear()
        watcher = Watcher(frame, session, url, wait_until, types)
        going = Deferred.fromCoroutine(self._watch(watcher, session, send))
        arrived = await with_deadline(
            self._session.context.clock, going, seconds, lambda: self._late(watcher, seconds or 0)
        )
        loader_id = arrived.loader_id
        return None if loader_id is None else frame._tree.response(frame, loader_id, arrived.response)

    def _late(self, watcher: Watcher, seconds: float) -> NavigationError:
        error = watcher.late(seconds)
        if isinstance(error, NavigationTimeout):
            error.obstacle = self._session.blocked_by or error.obstacle
        return error

    async def _watch(self, watcher: Watcher, session: Session, send: Callable[[Watcher, Session], None]) -> Arrival:
        frame = watcher._frame
        older, self._watchers[frame] = self._watchers.get(frame), watcher
        for each in self.leaving:
            each(watcher.url)
        try:
            send(watcher, session)
            if older is not None:
                older.interrupt(watcher.url)
            return await watcher.done
        except CancelledError:
            if not watcher.reached:
                session.execute(page.stop_loading()).addErrback(ignore_failure)
            raise
        finally:
            watcher.stop()
            if self._watchers.get(frame) is watcher:
                del self._watchers[frame]


def _waits_for(frame: Frame) -> str:
    """Describe the requests that a frame, or a frame inside it, waits for; ``""`` if none is known."""
    urls = frame._tree.requests_in(frame)
    return f"requests in progress: {urls}" if urls else ""


def _busy(frame: Frame) -> str:
    """Describe the descendant that keeps a frame from being idle; ``""`` if the frame does so itself."""
    url = frame._tree.busy_below(frame._row)
    return f"the network is busy for its frame {shown_url(url)}" if url else ""


#: Writes a document, even if a document's own functions are shadowed by names in it, or in the earlier one.
_WRITE: Final = (
    "(()=>{const call=(name,...args)=>Document.prototype[name].apply(document,args);"
    "call('open');call('write',%s);call('close')})()"
)

#: Whether a document is not closed: a closed one would be parsed by now, except for a script or a style sheet.
_IS_WRITTEN: Final = (
    "(()=>{const done=new Set(performance.getEntriesByType('resource').map(each=>each.name)),"
    "loading=[...document.querySelectorAll('script[src],link[rel~=stylesheet]')].map(each=>each.src||each.href);"
    "return document.readyState==='loading'&&!loading.some(each=>/^https?:/.test(each)&&!done.has(each))})()"
)

_OPENED: Final = (
    "a script of the page has called document.open() and not document.close(), after which nothing loads: wait for less"
    " with wait_until="
)
