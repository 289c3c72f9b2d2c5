"""A line to one page of a client's world: what Chromium has at ``/devtools/page/ID``.

It is a session of its own with the page, which its client calls by no name: what it says without a session's id is for
the page, and what the page says has none. Whose the page is, the line belongs to: all that it can see and touch is that
client's, and when that leaves the line ends.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from txcdp.gateway._multiplex.limits import Limits
from txcdp.gateway._multiplex.messages import write_event
from txcdp.gateway._multiplex.sessions import ROOT, Session
from txcdp.gateway._multiplex.state import INTERNAL_ERROR, NORMAL_END
from txcdp.gateway._multiplex.targets import Told
from txcdp.gateway._multiplex.virtual_browser import World


class PageWorld(World):
    """See above; made by ``SharedBrowser.open_page``."""

    def __init__(
        self,
        host: World,
        target_id: str,
        deliver: Callable[[bytes], None],
        close: Callable[[int, str], None],
        limits: Limits,
    ) -> None:
        super().__init__(host.browser, deliver, close, limits)
        self.host = host
        self._target_id = target_id
        self._seat: Session | None = None
        self.default, self.contexts = host.default, host.contexts
        self.targets, self.tops, self.windows = host.targets, host.tops, host.windows
        self._attachments = host._attachments

    @property
    def seat(self) -> Session:
        """Its session with the browser, of which its client knows nothing."""
        assert self._seat is not None  # nothing is obeyed before
        return self._seat

    def seated(self, reply: dict[str, Any]) -> None:
        """Take that session, and attach to the page."""
        session_id = reply.get("result", {}).get("sessionId", "")
        target_id = self.browser.watch.opened(session_id)
        if self.closed:
            if session_id:
                self.browser.line.detach(session_id, ROOT)
        elif session_id:
            seat = self._seat = Session(session_id, target_id, "browser", world=self, upper=None, parent=ROOT)
            self.browser.sessions[seat.key] = seat
            if self._target_id not in self.targets:  # or is somebody else's, for whom it is the same
                self.end(NORMAL_END, "the page has closed")
                return
            params = {"targetId": self._target_id, "flatten": True}
            self.browser.line.ask("Target.attachToTarget", params, session=seat, world=self, then=self._answered)
        else:
            self.end(INTERNAL_ERROR, "the browser has opened no session")

    def _answered(self, reply: dict[str, Any]) -> None:
        if "" not in self.sessions:
            self.end(NORMAL_END, "the page has closed")

    def attached(self, upper: Session, told: Told, parent: bytes) -> None:
        """Take a new session: the first one is the page's."""
        if upper is not self._seat:
            super().attached(upper, told, parent)
            return
        kind = str(told.info.get("type", ""))
        session = Session(told.session_id, told.target_id, kind, world=self, upper=None, parent=parent)
        self.sessions[""] = self.browser.sessions[session.key] = session
        self._count(session.target_id, 1)
        self.furnished()

    def detached(self, session: Session, told: Told) -> None:
        """Hear that a session is no more: with the page's, the line ends."""
        if session is self.sessions.get(""):
            session.deliver(write_event("Inspector.detached", {"reason": "target_closed"}, ""))
            self.end(NORMAL_END, "the page has closed")
        else:
            super().detached(session, told)

    def target_told(self, info: dict[str, Any]) -> None:
        """Let all know of a target who are to."""
        self.host.target_told(info)

    def close(self) -> None:
        """Hear that the client has left; the page stays."""
        if self.closed:
            return
        self.closed = True
        if self in self.host.lodgers:
            self.host.lodgers.remove(self)
        self.browser.forget(self)
        if self._seat is not None:
            self.browser.sessions.pop(self._seat.key, None)
            if self.browser.lost is None:
                self.browser.line.detach(self._seat.id, ROOT)
        for session in self.sessions.values():
            self._count(session.target_id, -1)
