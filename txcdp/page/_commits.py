"""Repeats commands that Chromium drops or refuses because they coincide with a navigation's commit.

While the document of a page is being replaced, Chromium has one page that is leaving and one that is not there yet, and
commands at that moment reach neither:

=========================== ==========================================================================
``Target.closeTarget``      is acknowledged, and the page stays
``Page.captureScreenshot``, are never answered, or refused with "Not attached to an active page" or an error
``Page.printToPDF``,        of their own
``Page.captureSnapshot``
``Page.reload``,            are refused with "Not attached to an active page"
``Page.startScreencast``
=========================== ==========================================================================

Each of them succeeds when it is sent again once the new document is there. The page's own events show that moment:
either the commit comes while the command waits, or the commit came just before and the events that follow it come now.

A page that never settles (a meta refresh of 0 seconds) has a new document every few hundredths of a second. A
screenshot takes as long, so that each attempt might coincide with the next commit. So the document after the next is
held back at its request until the command is answered, unless the program itself uses ``Fetch``.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Final, Protocol, TypeVar
from weakref import WeakKeyDictionary

from twisted.internet.defer import CancelledError, Deferred
from twisted.internet.interfaces import IDelayedCall
from twisted.python.failure import Failure

from txcdp._core.sessions import Session
from txcdp._deferreds import Timer, ignore_failure, with_deadline
from txcdp.domains import fetch, page, target
from txcdp.errors import CommandError, CommandTimeout, Gone
from txcdp.network._interception import HOLDS, Holding, PausedRequest, Pausing, interception_of
from txcdp.protocol import Command

R = TypeVar("R")

#: Chromium's error for a command that coincides with a commit.
_NOT_ACTIVE: Final = "Not attached to an active page"

#: Its errors for pictures, printing and saving that coincide with a commit; these also have other causes, so the
#: number of attempts is limited.
_FAILED: Final = ("Printing failed", "Failed to generate MHTML", "Unable to capture screenshot")
_TRIES: Final = 3

#: Its error for a target that is gone; sessions with it are about to be told so.
CLOSED_ALREADY: Final = "No target with given id found"

#: Seconds before a refused command is sent again if no event reports the commit; doubled up to the limit.
_SOON, _LIMIT = 0.02, 0.5

#: Seconds before an unanswered command is sent again although no event reported a commit; doubled each time. A page
#: that is merely slow answers the first one, and has little more to do.
_UNANSWERED: Final = 3.0

#: The same for a page that is to close. A page may take half a second to close.
_UNCLOSED: Final = 1.0

#: The number of commits after which the next document is held back, and the maximum time for that in seconds.
_COMMITS: Final = 2
_HELD: Final = 3.0

#: How many attempts of one command may be unanswered at once.
_AT_ONCE: Final = 8


class _CommitWatcher(Protocol):
    """A command that waits for its answer, and is notified of the page's commits."""

    def _committed(self) -> None:
        """Note that the page has another document."""

    def _moved(self) -> None:
        """Note that its document makes progress."""


class _Signs:
    """Reports when a page's document is, or has just been, replaced; each session has one, until it ends.

    Subscribing and unsubscribing for each command would cost a quarter of a small screenshot. While no command waits,
    nothing is decoded for it.
    """

    def __init__(self, session: Session) -> None:
        self.waiting: dict[_CommitWatcher, None] = {}  # for an ordered set
        session._feed_into(_SIGNS, self._take, wants=lambda *_: bool(self.waiting))

    def _take(self, event: Any) -> None:
        committed = isinstance(event, page.FrameNavigated)
        if committed and event.frame.parent_id is not None:
            return
        for each in list(self.waiting):
            if each not in self.waiting:
                continue  # one before it has had it stopped
            if committed:
                each._committed()
            else:
                each._moved()


_SIGNS: Final = (page.FrameNavigated, page.LifecycleEvent, page.FrameStoppedLoading)
_OF_SESSIONS: Final[WeakKeyDictionary[Session, _Signs]] = WeakKeyDictionary()


def signs_of(session: Session) -> _Signs:
    """Return the object that reports a session's commits."""
    found = _OF_SESSIONS.get(session)
    if found is None:
        found = _OF_SESSIONS[session] = _Signs(session)
    return found


class _DocumentHold(Holding):
    """Holds back the documents that a page is about to request.

    :param held: called with each of them; until it is released, the page keeps its document.
    """

    rank = HOLDS

    def __init__(self, session: Session, held: Callable[[], None]) -> None:
        self._interception = interception_of(session)
        self._held = held
        self._paused: list[PausedRequest] = []
        self._interception.add(self).addErrback(ignore_failure)
        self._call: IDelayedCall | None = session.context.clock.callLater(_HELD, self.release)

    def release(self) -> None:
        call, self._call = self._call, None
        if call is None:
            return
        if call.active():
            call.cancel()
        paused, self._paused = self._paused, []
        for each in paused:
            each.interception.ask_others(each, self)
        self._interception.remove(self).addErrback(ignore_failure)

    def wants(self) -> Pausing | None:
        return Pausing((fetch.RequestPattern(url_pattern="*", resource_type="Document"),))

    def takes(self, paused: PausedRequest) -> bool:
        if self._call is None or paused.response or self._interception.is_by_hand:
            return False
        self._paused.append(paused)
        self._held()
        return True

    def lost(self) -> None:
        self._paused.clear()


def _uses_fetch(session: Session) -> bool:
    """Whether the program itself has requests paused: it must see all of them, and nobody else may see any."""
    return interception_of(session).is_by_hand or any(each.startswith("Fetch.") for each in session.listened)


class _RepeatedCommand(Deferred[R]):
    """A command that is sent until it is answered.

    :param again_unanswered: whether it may be sent again before it is answered; False for a command that changes
        something each time.
    """

    def __init__(self, session: Session, command: Command[R], again_unanswered: bool) -> None:
        super().__init__(lambda _: self._stop())
        self._session = session
        self._command = command
        self._again_unanswered = again_unanswered
        self._waiting: list[Deferred[R]] = []
        self._delay = _SOON
        self._patience = _UNANSWERED
        self._refused = False
        self._seen_sign = False
        self._failures = 0
        self._commits = 0
        self._hold: _DocumentHold | None = None
        self._timer = Timer(session.context.clock, self._send)
        self._signs = signs_of(session)
        self._signs.waiting[self] = None
        self._send()

    def _send(self) -> None:
        self._refused = self._seen_sign = False
        sent = self._session.execute(self._command, timeout=None)
        self._waiting.append(sent)
        if len(self._waiting) > _AT_ONCE:
            self._waiting[0].cancel()
        sent.addCallbacks(self._answered, self._failed, callbackArgs=(sent,), errbackArgs=(sent,))
        if self._again_unanswered and not self.called:
            self._timer.restart(self._patience)
            self._patience *= 2

    def _answered(self, result: R, sent: Deferred[R]) -> None:
        if not self.called:
            self._stop()
            self.callback(result)

    def _failed(self, failure: Failure, sent: Deferred[R]) -> None:
        newer = sent in self._waiting and self._waiting[-1] is not sent
        if sent in self._waiting:
            self._waiting.remove(sent)
        if self.called or failure.check(CancelledError):
            return
        error = failure.value
        met = isinstance(error, CommandError) and self._has_met_commit(error.message)
        if met and newer:
            return  # it is on its way; one from before the commit may never be answered
        if met:
            self._refused = True
            self._timer.restart(self._delay)
            self._delay = min(self._delay * 2, _LIMIT)
            return
        self._stop()
        self.errback(failure)

    def _has_met_commit(self, message: str) -> bool:
        if message.startswith(_FAILED):
            self._failures += 1
            return self._seen_sign or self._failures < _TRIES
        return message.startswith(_NOT_ACTIVE)

    def _committed(self) -> None:
        self._commits += 1
        if self._again_unanswered and self._commits == _COMMITS and not _uses_fetch(self._session):
            self._hold = _DocumentHold(self._session, self._send)
        if self._refused or self._again_unanswered:
            self._send()
        self._seen_sign = True

    def _moved(self) -> None:
        if self._refused:
            self._send()
        self._seen_sign = True

    def _stop(self) -> None:
        self._signs.waiting.pop(self, None)
        self._timer.stop()
        hold, self._hold = self._hold, None
        if hold is not None:
            hold.release()
        waiting, self._waiting = self._waiting, []
        for each in waiting:
            each.cancel()


def execute(
    session: Session, command: Command[R], timeout: float | None, *, again_unanswered: bool = True
) -> Deferred[R]:
    """Execute a command of a page that may coincide with a commit.

    :param timeout: the total timeout in seconds; None: none.
    :param again_unanswered: whether it may be sent again if it is not answered; False for a command that changes
        something.
    :returns: a Deferred that fires and fails like that of ``Session.execute``.
    """
    method = type(command).method
    late = lambda: CommandTimeout(method, timeout or 0, session.blocked_by)  # noqa: E731
    return with_deadline(session.context.clock, _RepeatedCommand(session, command, again_unanswered), timeout, late)


class _TargetClosing(Deferred[None]):
    """A target that is asked to close until it is gone."""

    def __init__(self, root: Session, target_id: Callable[[], str], session: Session | None) -> None:
        super().__init__(lambda _: self._stop())
        self._root = root
        self._target_id = target_id
        self._session = session
        self._patience = _UNCLOSED if session is not None else 2 * _SOON
        self._timer = Timer(root.context.clock, self._ask)
        self._asking: Deferred[Any] | None = None
        self._again = False
        self._signs = None if session is None else signs_of(session)
        if self._signs is not None:
            self._signs.waiting[self] = None
        self._ended = None if session is None else session.when_ended()
        if self._ended is not None:
            self._ended.addCallbacks(lambda _: self._done(), ignore_failure)
        self._ask()

    def _ask(self) -> None:
        if self.called:
            return
        if self._asking is not None:
            self._again = True
            return
        self._again = False
        asking = self._asking = self._root.execute(target.close_target(target_id=self._target_id()), timeout=None)
        asking.addCallbacks(self._agreed, self._refused)

    def _agreed(self, result: object) -> None:
        self._asking = None
        if self._again:
            self._ask()
        elif not self.called:
            self._timer.restart(self._patience)
            self._patience = min(self._patience * 2, 8.0)

    def _refused(self, failure: Failure) -> None:
        self._asking = None
        error = failure.value
        if self.called or failure.check(CancelledError):
            return
        if isinstance(error, CommandError) and error.message == CLOSED_ALREADY:
            if self._session is None:
                self._done()
            return  # else its end is about to be told
        if isinstance(error, Gone) and (self._session is None or self._session.ended):
            self._done()
            return
        self._stop()
        self.errback(failure)

    def _moved(self) -> None:
        """Ask again if the last request may have coincided with a commit."""
        self._ask()

    _committed = _moved

    def _done(self) -> None:
        if not self.called:
            self._stop()
            self.callback(None)

    def _stop(self) -> None:
        if self._signs is not None:
            self._signs.waiting.pop(self, None)
        self._timer.stop()
        for each in (self._asking, self._ended):
            if each is not None and not each.called:
                each.cancel()


def close_target(
    root: Session, target_id: Callable[[], str], session: Session | None, timeout: float | None
) -> Deferred[None]:
    """Close a target (``Target.closeTarget``), and wait until it is gone.

    :param root: the browser's session.
    :param target_id: returns its id, which changes when the browser is restarted.
    :param session: the session with the target; None if there is none.
    :param timeout: the timeout in seconds; None: none.
    :returns: a Deferred that fires with None when the session has ended, or the browser no longer knows the target; it
        fails like ``Session.execute``.
    """
    late = lambda: CommandTimeout("Target.closeTarget", timeout or 0)  # noqa: E731
    return with_deadline(root.context.clock, _TargetClosing(root, target_id, session), timeout, late)
