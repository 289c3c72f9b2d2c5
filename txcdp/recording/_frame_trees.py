"""The frames that a page already has when its recording begins: asked for, and noted when the page answers.

From then on, the page's events report them. The answer comes in order with these events, so it is noted where it is
true. Nothing waits for it: a page that is busy, or shows a dialog, answers when it can, and is recorded meanwhile.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Final

from twisted.internet.defer import CancelledError, Deferred
from twisted.python.failure import Failure

from txcdp._core.connection import Connection
from txcdp._core.sessions import Session
from txcdp.errors import Gone
from txcdp.protocol._wire import split_event
from txcdp.recording._sources import Source, Sources

#: The event that reports how frames come and go; a recorder of this event also records which frames existed before.
EVENT: Final = "Page.frameNavigated"

#: Types of targets that have frames.
_HAVE_FRAMES: Final = frozenset({"page", "iframe", "webview"})

#: The URLs of a target that has not navigated anywhere yet.
_NEW: Final = ("", "about:blank")

#: The type of a navigation that restores frames without events.
_RESTORED: Final = b'"BackForwardCacheRestore"'


class FrameTrees:
    """Asks pages for their frames.

    :param connection: the connection with the sessions of these pages.
    :param sources: which of them are recorded.
    :param note: writes a note of a kind.
    :ivar starting: whether targets that are attached to existed before, whatever they report.
    """

    def __init__(self, connection: Connection, sources: Sources, note: Callable[..., object]) -> None:
        self.starting = True
        self._connection = connection
        self._sources = sources
        self._note = note
        self._asked: set[Deferred[Any]] = set()

    def has_frames(self, source: Source) -> bool:
        """Return whether to ask a session for frames when it begins: a new one has none."""
        return self._can_tell(source) and (self.starting or source.url not in _NEW)

    def began(self, session: Session) -> None:
        """Ask a session that begins, if it may have frames already."""
        source = self._sources.of(session)
        if source is not None and self.has_frames(source):
            self._ask(session)

    def ask_all(self) -> list[str | None]:
        """Ask all sessions for their current frames; return the ids of those that were asked."""
        return [session.id for session in self._connection.sessions if self._ask(session)]

    def _can_tell(self, source: Source) -> bool:
        return source.wanted and source.kind in _HAVE_FRAMES

    def _ask(self, session: Session) -> bool:
        source = self._sources.of(session)
        if session.ended or source is None or not self._can_tell(source):
            return False
        asking = session.execute_raw("Page.getFrameTree", {}, timeout=None)
        self._asked.add(asking)
        asking.addBoth(self._answered, session, asking)
        return True

    def navigated(self, message: bytes) -> None:
        """Ask for the frames of a restored document, at the event that reports it."""
        parts = split_event(message) if _RESTORED in message else None
        if parts is not None:
            for session in [each for each in self._connection.sessions if each._key == parts[1]]:
                self._ask(session)

    def stop(self) -> None:
        """Ignore all pending replies."""
        asked, self._asked = self._asked, set()
        for each in asked:
            each.cancel()

    def _answered(self, answer: Any, session: Session, asking: Deferred[Any]) -> None:
        self._asked.discard(asking)
        if isinstance(answer, Failure):
            if answer.check(Gone, CancelledError):
                return  # of that another note tells
            answer = None
        if session.ended:
            return
        tree = answer.get("frameTree") if isinstance(answer, dict) else None
        source = self._sources.find(session._key)  # after a loss of the line it may have another name
        self._note("frames", session=source.id, target=source.target, tree=tree)
