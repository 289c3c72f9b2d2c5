"""A line to one page of a client's virtual browser: what Chromium has at ``/devtools/page/ID``.

It is a session of its own with the page, which its client calls by no name: what it says without a session's id is for
the page, and what the page says has none. Whose the page is, the line belongs to: all that it can see and touch is that
client's, and when that leaves the line ends.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from txcdp.gateway._multiplex.limits import Limits
from txcdp.gateway._multiplex.messages import write_event
from txcdp.gateway._multiplex.sessions import ROOT, ClientSession
from txcdp.gateway._multiplex.state import INTERNAL_ERROR, NORMAL_END
from txcdp.gateway._multiplex.target_filters import Told
from txcdp.gateway._multiplex.virtual_browser import VirtualBrowser


class PageConnection(VirtualBrowser):
    """A client's connection to one page of a shared browser; made by ``SharedBrowser.open_page``."""

    def __init__(
        self,
        owner: VirtualBrowser,
        target_id: str,
        deliver: Callable[[bytes], None],
        close: Callable[[int, str], None],
        limits: Limits,
    ) -> None:
        super().__init__(owner.browser, deliver, close, limits)
        self.owner = owner
        self._target_id = target_id
        self._root_session: ClientSession | None = None
        self.default, self.contexts = owner.default, owner.contexts
        self.targets, self.tops, self.windows = owner.targets, owner.tops, owner.windows
        self._attachments = owner._attachments

    @property
    def root_session(self) -> ClientSession:
        """Its session with the browser, of which its client knows nothing."""
        assert self._root_session is not None  # nothing is obeyed before
        return self._root_session

    def on_root_session(self, reply: dict[str, Any]) -> None:
        """Take that session, and attach to the page."""
        session_id = reply.get("result", {}).get("sessionId", "")
        target_id = self.browser.watch.opened(session_id)
        if self.closed:
            if session_id:
                self.browser.line.detach(session_id, ROOT)
        elif session_id:
            root_session = self._root_session = ClientSession(
                session_id, target_id, "browser", virtual=self, parent=None, parent_key=ROOT
            )
            self.browser.sessions[root_session.key] = root_session
            if self._target_id not in self.targets:  # or is somebody else's, for whom it is the same
                self.end(NORMAL_END, "the page has closed")
                return
            params = {"targetId": self._target_id, "flatten": True}
            self.browser.line.ask(
                "Target.attachToTarget", params, session=root_session, virtual=self, then=self._answered
            )
        else:
            self.end(INTERNAL_ERROR, "the browser has opened no session")

    def _answered(self, reply: dict[str, Any]) -> None:
        if "" not in self.sessions:
            self.end(NORMAL_END, "the page has closed")

    def attached(self, parent: ClientSession, told: Told, parent_key: bytes) -> None:
        """Take a new session: the first one is the page's."""
        if parent is not self._root_session:
            super().attached(parent, told, parent_key)
            return
        kind = str(told.info.get("type", ""))
        session = ClientSession(told.session_id, told.target_id, kind, virtual=self, parent=None, parent_key=parent_key)
        self.sessions[""] = self.browser.sessions[session.key] = session
        self._count(session.target_id, 1)
        self.on_ready()

    def detached(self, session: ClientSession, told: Told) -> None:
        """Remove a session that has ended; with the page's own, close the connection."""
        if session is self.sessions.get(""):
            session.deliver(write_event("Inspector.detached", {"reason": "target_closed"}, ""))
            self.end(NORMAL_END, "the page has closed")
        else:
            super().detached(session, told)

    def target_told(self, info: dict[str, Any]) -> None:
        """Let all know of a target who are to."""
        self.owner.target_told(info)

    def close(self) -> None:
        """Close the connection because the client has left; the page stays."""
        if self.closed:
            return
        self.closed = True
        if self in self.owner.page_connections:
            self.owner.page_connections.remove(self)
        self.browser.forget(self)
        if self._root_session is not None:
            self.browser.sessions.pop(self._root_session.key, None)
            if self.browser.lost is None:
                self.browser.line.detach(self._root_session.id, ROOT)
        for session in self.sessions.values():
            self._count(session.target_id, -1)
