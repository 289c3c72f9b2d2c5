"""JavaScript dialogs: ``alert``, ``confirm``, ``prompt`` and ``beforeunload``.

While a dialog is open, its page is blocked: no script runs, and commands to its process are not answered. A page has
one at a time. It closes when it is answered, with its page, or with the page's process.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import msgspec

from txcdp.domains import page
from txcdp.model._table import Change, Row, Table
from txcdp.model._targets import SessionClosed, SessionCrashed


class Dialog(Row):
    """A dialog.

    :ivar type: ``"alert"``, ``"confirm"``, ``"prompt"`` or ``"beforeunload"``.
    :ivar frame_id: the frame whose script opened it; None if the browser does not report it.
    :ivar accepted: whether it was accepted; None: it is open, or has ended with its page.
    :ivar user_input: the text entered in a prompt.
    """

    session_id: str
    type: str
    message: str
    url: str
    default_prompt: str = ""
    frame_id: str | None = None
    accepted: bool | None = None
    user_input: str = ""


class DialogOpened(Change, frozen=True, gc=False):
    """A dialog has opened."""

    dialog: Dialog


class DialogClosed(Change, frozen=True, gc=False):
    """A dialog has closed."""

    dialog: Dialog


class Dialogs(Table):
    """The open dialogs.

    :ivar dialogs: by session.
    """

    name = "dialogs"

    def __init__(self, emit: Callable[[Change], None]) -> None:
        super().__init__(emit)
        self.dialogs: dict[str, Dialog] = {}
        self.handlers = {
            page.JavascriptDialogOpening: self._opened,
            page.JavascriptDialogClosed: self._closed,
        }
        self.reactions = {
            SessionClosed: lambda change: self._close(change.session_id),
            SessionCrashed: lambda change: self._close(change.session_id),
        }

    def snapshot(self) -> list[Any]:
        """Return the dialogs as plain data."""
        return [msgspec.to_builtins(each) for each in self.dialogs.values()]

    def _opened(self, session: str, event: page.JavascriptDialogOpening) -> None:
        self._close(session)
        dialog = Dialog(session_id=session, type=event.type, message=event.message, url=event.url)
        dialog.default_prompt = event.default_prompt or ""
        dialog.frame_id = event.frame_id
        self.dialogs[session] = dialog
        self.emit(DialogOpened(dialog))

    def _closed(self, session: str, event: page.JavascriptDialogClosed) -> None:
        dialog = self.dialogs.get(session)
        if dialog is not None:
            dialog.accepted, dialog.user_input = bool(event.result), event.user_input or ""
            self._close(session)

    def _close(self, session: str) -> None:
        dialog = self.dialogs.pop(session, None)
        if dialog is not None:
            self.emit(DialogClosed(dialog))
