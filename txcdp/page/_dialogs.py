"""Dialogs: alert, confirm, prompt and "leave this page?", which block a page until they are answered.

Once a session's ``Page`` domain is enabled, the page's dialogs wait for an answer over the protocol. So whoever enables
it has to answer them: a :class:`~txcdp.Page`, the recorder, ``txcdp watch``. All of them leave that to one
:class:`PageDialogs` per browser. If the program listens, to ``page.dialogs`` or to the protocol's own event, the
program answers; otherwise the default answer is sent at once.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final, Literal
from weakref import WeakValueDictionary

from twisted.internet.defer import Deferred, fail, succeed
from twisted.internet.interfaces import IDelayedCall
from twisted.logger import Logger
from twisted.python.failure import Failure

from txcdp._core.sessions import Session
from txcdp._deferreds import failing_deferreds
from txcdp._other_names import ADVICE_OF_DIALOGS, NearNames
from txcdp._privacy import shortened
from txcdp.domains import page as page_domain
from txcdp.errors import AlreadyHandled, CommandError, SessionDetached, TxcdpError
from txcdp.streams import StreamContext, StreamSubject

if TYPE_CHECKING:
    from txcdp.page._page import Page

DialogType = Literal["alert", "confirm", "prompt", "beforeunload"]

#: Who has answered a dialog: the program; the default, as nobody listened; the default, as nobody decided in time.
AnsweredBy = Literal["program", "nobody listened", "deadline"]

#: Seconds in which a listening program has to decide; then the default answer is sent.
DECIDED_WITHIN: Final = 30.0

#: Chromium's error if the dialog was answered by somebody else, or was closed with its document.
_NO_DIALOG: Final = "No dialog is showing"

log = Logger()


@dataclass(frozen=True)
class DialogAnswer:
    """An answer of this program to a dialog.

    :ivar session: the page's session.
    :ivar type: ``"alert"``, ``"confirm"``, ``"prompt"`` or ``"beforeunload"``.
    :ivar accepted: whether it was accepted rather than dismissed.
    :ivar by: who answered.
    """

    session: Session
    type: str
    accepted: bool
    by: AnsweredBy


@failing_deferreds
class Dialog(NearNames):
    """A dialog that waits for an answer; an item of ``Page.dialogs``.

    The first answer counts. After 30 s without one, the dialog is dismissed, or a ``beforeunload`` accepted.

    :ivar type: ``"alert"``, ``"confirm"``, ``"prompt"`` or ``"beforeunload"``.
    :ivar message: its text.
    :ivar default_value: the default text of a prompt; ``""`` for the others.
    :ivar page: the page that it belongs to; None if this program has no :class:`~txcdp.Page` for the target.
    """

    _elsewhere = ADVICE_OF_DIALOGS

    def __init__(self, handling: SessionDialogs, event: page_domain.JavascriptDialogOpening, page: Page | None) -> None:
        self.type: str = str(event.type)
        self.message: str = event.message or ""
        self.default_value: str = event.default_prompt or ""
        self.page = page
        self._handling = handling
        self._state: Literal["open", "answered", "closed", "gone"] = "open"  # gone: with its page

    def __repr__(self) -> str:
        return f"<Dialog {self.type} ({self._state}): {shortened(self.message)!r}>"

    def accept(self, text: str | None = None) -> Deferred[None]:
        """Accept it (``Page.handleJavaScriptDialog``).

        :param text: the text for a prompt; None means its default value.
        :returns: fires with None once the browser has the answer. Fails with :exc:`AlreadyHandled` if it was already
            answered, by anyone, or has closed with its page; otherwise like ``Session.execute``.
        """
        if text is None and self.type == "prompt":
            text = self.default_value
        return self._answer(True, text, "program")

    def dismiss(self) -> Deferred[None]:
        """Dismiss it (``Page.handleJavaScriptDialog``); dismissing a ``beforeunload`` keeps the page open.

        :returns: fires and fails like :meth:`accept`; if the dialog closed with its page, which dismisses it, it fires.
        """
        if self._state == "gone":
            return succeed(None)
        return self._answer(False, None, "program").addErrback(_gone)

    def _answer(self, accepted: bool, text: str | None, by: AnsweredBy) -> Deferred[None]:
        if self._state != "open":
            return fail(AlreadyHandled(f"the {self.type} dialog is already {self._state}: the first answer counts"))
        self._state = "answered"
        return self._handling.answer(self, accepted, text, by)


class PageDialogs:
    """Answers the dialogs of one browser that are reported to this connection.

    :param context: the state that the connection's streams share.
    :ivar answered: a stream of :class:`DialogAnswer`.
    """

    def __init__(self, context: StreamContext) -> None:
        self.answered: StreamSubject[DialogAnswer] = StreamSubject(context, "answers to dialogs")
        # What its session, or its page, keeps: one that is kept here would keep both.
        self._handling: WeakValueDictionary[Session, SessionDialogs] = WeakValueDictionary()

    def follow(self, session: Session, page: Page | None = None, grace: float = 0.0) -> SessionDialogs:
        """Answer the dialogs of a session that the program does not answer.

        :param page: the page of the session.
        :param grace: seconds to wait for a possible other client to answer first. Not for pages of our own.
        :returns: the session's dialogs.
        """
        handling = self._handling.get(session)
        if handling is None:
            handling = self._handling[session] = SessionDialogs(session, self.answered, grace)
        if page is not None:
            handling.add_page(page)
        elif not grace:
            handling.grace = 0.0
        return handling


class SessionDialogs:
    """The dialogs of one session: at most one is open at a time.

    :ivar dialogs: the stream of dialogs that open, for subscribers that decide.
    :ivar left_open: called, each once, when a dialog was delivered to all subscribers and none of them has answered:
        the program answers it later, by what it does next.
    """

    def __init__(self, session: Session, answered: StreamSubject[DialogAnswer], grace: float) -> None:
        self.dialogs: StreamSubject[Dialog] = StreamSubject(session.context, "page.dialogs")
        self.left_open: list[Callable[[], object]] = []
        self.grace = grace
        self._session = session
        self._answered = answered
        self._page: Page | None = None
        self._open: Dialog | None = None
        self._call: IDelayedCall | None = None
        session._feed_into((page_domain.JavascriptDialogOpening,), self._opens)
        session._feed_into((page_domain.JavascriptDialogClosed,), self._closes, ended=self._ended)

    def add_page(self, page: Page) -> None:
        """Make the session a page's; from now on only the page answers its dialogs."""
        self._page, self.grace = page, 0.0

    @property
    def is_left_open(self) -> bool:
        """Whether a dialog is open that the program has to answer, and no subscriber will."""
        return self._open is not None and bool(self._session.blocked_by) and not self._is_wanted()

    def _is_wanted(self) -> bool:
        return self.dialogs.listened or page_domain.JavascriptDialogOpening.method in self._session.listened

    def answer(self, dialog: Dialog, accepted: bool, text: str | None, by: AnsweredBy) -> Deferred[None]:
        """Send an answer."""
        self._done(dialog)
        command = page_domain.handle_java_script_dialog(accept=accepted, prompt_text=text)
        sent = self._session.execute(command)

        def taken(result: None) -> None:
            self._answered.push(DialogAnswer(self._session, dialog.type, accepted, by))

        def refused(failure: Failure) -> Failure:
            error = failure.value
            if isinstance(error, CommandError) and error.message == _NO_DIALOG:
                raise AlreadyHandled(f"the {dialog.type} dialog was closed before the answer came") from error
            return failure

        return sent.addCallbacks(taken, refused)

    def _opens(self, event: page_domain.JavascriptDialogOpening) -> None:
        dialog = Dialog(self, event, self._page)
        self._stop()
        self._open = dialog
        if self._is_wanted():
            article = "an" if dialog.type == "alert" else "a"
            what = f"{article} {dialog.type} dialog of the page ({shortened(dialog.message)!r})"
            self._session.blocked_by = f"{what} waits for an answer: accept() or dismiss() what page.dialogs emits"
            self._call = self._session.context.clock.callLater(DECIDED_WITHIN, self._undecided, dialog)
            self.dialogs.push(dialog)
            if self.is_left_open:
                for tell in self.left_open.copy():
                    tell()
        elif self.grace:
            self._call = self._session.context.clock.callLater(self.grace, self._default, dialog, "nobody listened")
        else:
            self._default(dialog, "nobody listened")

    def _closes(self, event: page_domain.JavascriptDialogClosed) -> None:
        if self._open is not None:
            self._open._state = "closed" if self._open._state == "open" else "answered"
            self._done(self._open)

    def _undecided(self, dialog: Dialog) -> None:
        log.warn("{dialog} was not answered within {seconds} s", dialog=dialog, seconds=DECIDED_WITHIN)
        self._default(dialog, "deadline")

    def _default(self, dialog: Dialog, by: AnsweredBy) -> None:
        dialog._answer(dialog.type == "beforeunload", None, by).addErrback(_not_answered)

    def _done(self, dialog: Dialog) -> None:
        if self._open is dialog:
            self._open = None
            self._stop()

    def _stop(self) -> None:
        self._session.blocked_by = ""
        call, self._call = self._call, None
        if call is not None and call.active():
            call.cancel()

    def _ended(self, error: Exception | None) -> None:
        if self._open is not None:
            self._open._state = "gone"
            self._open = None
        self._stop()
        self.dialogs.end(error)


def _gone(failure: Failure) -> None:
    """Ignore that the page was closed before the answer arrived."""
    failure.trap(SessionDetached)


def _not_answered(failure: Failure) -> None:
    """Ignore that somebody else has answered first, or the page is gone."""
    failure.trap(TxcdpError)
