"""What belongs to one client of a shared browser, from its coming to its leaving: contexts, targets, sessions."""

from __future__ import annotations

import os
from collections.abc import Callable
from functools import partial
from typing import TYPE_CHECKING, Any, Final

from txcdp.gateway._client_messages import Command, write_refusal
from txcdp.gateway._multiplex.downloads import Downloads
from txcdp.gateway._multiplex.limits import Limits
from txcdp.gateway._multiplex.messages import no_session, write_event
from txcdp.gateway._multiplex.sessions import ROOT, ClientSession
from txcdp.gateway._multiplex.target_filters import Discovery, Told

if TYPE_CHECKING:
    from txcdp.gateway._multiplex.shared_browser import SharedBrowser

#: What a WebSocket's client is told when the browser fails it (RFC 6455: an unexpected condition).
INTERNAL_ERROR: Final = 1011

#: What it is told when all that it was there for has ended in good order.
NORMAL_END: Final = 1000


class ClientState:
    """The state of one client: its contexts, targets and sessions.

    :param deliver: called with each message for the client.
    :param close: called once with a WebSocket close code and a reason, when all ends without the client.
    :ivar browser: the browser that it is in.
    :ivar limits: how much it may have.
    :ivar closed: whether the client has left, or was sent away.
    :ivar default: its default context; ``""`` until the browser has made it.
    :ivar contexts: all its contexts, the default one included.
    :ivar sessions: its sessions by the names that it knows, the root session as ``""``.
    :ivar roots: those with the browser itself, the root session first.
    :ivar discovering: those that discover targets.
    :ivar targets: what the browser has told of its targets, by their ids.
    :ivar tops: its targets that browser sessions attach to by themselves.
    :ivar windows: the windows that it has been told of, by the target that it has asked about.
    :ivar waiting: the ids, on the line, of its commands that the browser has not answered.
    :ivar making: how many contexts and targets are being made for it over this line.
    :ivar owner: whose contexts and targets it has: its own, but for a line to a page.
    :ivar page_connections: the lines to its pages.
    :ivar downloads: those of its pages; of a line to a page, its owner's are asked.
    :ivar first_page: whether a page is opened in its default context before it is ready, as a fresh browser has one.
    """

    def __init__(
        self,
        browser: SharedBrowser,
        deliver: Callable[[bytes], None],
        close: Callable[[int, str], None],
        limits: Limits,
    ) -> None:
        self.browser = browser
        self.limits = limits
        self.closed = False
        self.default = ""
        self.contexts: list[str] = []
        self.sessions: dict[str, ClientSession] = {}
        self.roots: dict[str, ClientSession] = {}
        self.discovering: dict[str, ClientSession] = {}
        self.targets: dict[str, dict[str, Any]] = {}
        self.tops: set[str] = set()
        self.windows: dict[str, int] = {}
        self.waiting: set[int] = set()
        self.making = 0
        self.owner: ClientState = self
        self.page_connections: list[ClientState] = []
        self.downloads = Downloads(self)
        self.first_page = False
        self._attachments: dict[str, int] = {}
        self._deliver = deliver
        self._close = close

    @property
    def being_made(self) -> int:
        """How many contexts and targets are being made for it, over all of its lines."""
        return sum(each.making for each in (self, *self.page_connections))

    def deliver(self, message: bytes) -> None:
        """Send the client a message, if it is still there."""
        if not self.closed:
            self._deliver(message)

    # Coming and leaving:

    def on_root_session(self, reply: dict[str, Any]) -> None:
        """Take the root session, which the browser has opened, or failed to."""
        session_id = reply.get("result", {}).get("sessionId", "")
        target_id = self.browser.watch.opened(session_id)
        if self.closed:
            if session_id:
                self.browser.line.detach(session_id, ROOT)
        elif session_id:
            root = ClientSession(session_id, target_id, "browser", virtual=self, parent=None, parent_key=ROOT)
            self.sessions[""] = self.roots[""] = self.browser.sessions[root.key] = root
            self.on_ready()
        else:
            self.end(INTERNAL_ERROR, "the browser has opened no session")

    def on_default_context(self, reply: dict[str, Any]) -> None:
        """Take the default context, which the browser has made, or failed to."""
        self.default = self.add_context(reply) or ""
        if not self.default:
            self.end(INTERNAL_ERROR, "the browser has made no context")
        elif self.first_page:
            params = {"url": "about:blank", "browserContextId": self.default}
            self.browser.line.ask("Target.createTarget", params, then=self._first_page_made)
        else:
            self.on_ready()

    def _first_page_made(self, reply: dict[str, Any]) -> None:
        """Go on with the first page, or without where the browser has failed to make it."""
        self.first_page = False
        if not self.closed:
            self.on_ready()

    def on_ready(self) -> None:
        """Continue once the root session, or the default context, is there."""

    def add_context(self, reply: dict[str, Any]) -> str | None:
        """Take a context that the browser has made; None where it has not, or the client has left meanwhile."""
        context = reply.get("result", {}).get("browserContextId")
        if not isinstance(context, str):
            return None
        if self.closed:
            self.browser.dispose(context)
            return None
        self.contexts.append(context)
        self.browser.contexts[context] = self
        return context

    def moved_out(self, context: str) -> None:
        """Remove a context that was disposed of."""
        if context in self.contexts:
            self.contexts.remove(context)
            del self.browser.contexts[context]

    def close(self) -> None:
        """Close all that the client has opened, because it has left."""
        if self.closed:
            return
        self.closed = True
        for each in list(self.page_connections):
            each.end(NORMAL_END, "who has opened the page has left")
        self.browser.forget(self)
        root = self.sessions.get("")
        if root is not None and self.browser.lost is None:
            self.browser.line.detach(root.id, ROOT)
        for context in self.contexts:
            self.browser.dispose(context)

    def end(self, code: int, why: str) -> None:
        """Close all, and send the client away."""
        if not self.closed:
            for each in list(self.page_connections):
                each.end(code, why)
            self.close()
            self._close(code, why)

    # Targets:

    def seen(self, info: dict[str, Any]) -> dict[str, Any]:
        """Return a target as the client is to see it: ``attached`` tells of the client's own sessions."""
        return {**info, "attached": self._attachments.get(info["targetId"], 0) > 0}

    def refreshed(self, info: dict[str, Any]) -> bool:
        """Take what the browser has answered about a target; tell whether that is one of the client's."""
        if self.browser.owner(info) is not self.owner:
            return False
        if info["targetId"] in self.targets:
            self.targets[info["targetId"]] = info
        return True

    def default_downloads(self) -> dict[str, str]:
        """Return what lets its default context download as a browser does that was told nothing."""
        folder = self.browser.downloads
        return {"behavior": "allow", "downloadPath": os.path.join(folder, self.default)} if folder else {}

    def target_told(self, info: dict[str, Any]) -> None:
        """Store a target of the client's and report it to the sessions that discover targets."""
        self.targets[info["targetId"]] = info
        seen = self.seen(info)
        for discovery in self._discoveries():
            discovery.target(seen)

    def target_destroyed(self, target_id: str) -> None:
        """Remove a target, and report that to the sessions that discover targets."""
        self.targets.pop(target_id, None)
        self.windows.pop(target_id, None)
        self.tops.discard(target_id)
        for discovery in self._discoveries():
            discovery.destroyed(target_id)

    def target_crashed(self, told: Told) -> None:
        """Report a target's crash to the sessions that discover targets."""
        params = {"targetId": told.target_id, "status": told.status, "errorCode": told.error_code}
        for discovery in self._discoveries():
            discovery.crashed(told.target_id, params)

    def _discoveries(self) -> list[Discovery]:
        discovering = [each for virtual in (self, *self.page_connections) for each in virtual.discovering.values()]
        return [each.discovery for each in discovering if each.discovery is not None]

    # Sessions:

    @property
    def all_roots(self) -> list[ClientSession]:
        """Its sessions with the browser itself, over all of its lines."""
        return [each for line in (self, *self.page_connections) for each in line.roots.values()]

    def browser_session(self, target_id: str) -> ClientSession | None:
        """Return the client's session with a target that stands for the browser."""
        return next((each for each in self.roots.values() if each.target_id == target_id), None)

    def taker(self, told: Told) -> ClientSession | None:
        """Return the session to which a new target is to be handed over; others that want it are attached to it."""
        self.tops.add(told.target_id)
        kind = str(told.info.get("type", ""))
        takers = [each for each in self.roots.values() if each.wants(kind, told.target_id)]
        for each in takers[1:]:
            self.attach(each, told.target_id)
        return takers[0] if takers else None

    def attach(self, session: ClientSession, target_id: str, then: Callable[[], None] | None = None) -> None:
        """Attach a browser session to a target, as if by itself; ``then`` is called at the end, however that is."""
        session.asked.add(target_id)
        params = {"targetId": target_id, "flatten": True}
        done = partial(self._attach_answered, session, target_id, then)
        self.browser.line.ask("Target.attachToTarget", params, session=session, virtual=self, then=done)

    def _attach_answered(
        self, session: ClientSession, target_id: str, then: Callable[[], None] | None, reply: dict[str, Any]
    ) -> None:
        session.asked.discard(target_id)
        if then is not None:
            then()

    def detach(
        self, parent: ClientSession, session: ClientSession, command: Command, then: Callable[[dict[str, Any]], None]
    ) -> None:
        """Let a session go, on behalf of a command on the one above it; ``then`` is called with the reply."""
        parent.left(session)
        over = parent if parent.key == session.parent_key else None  # else a watcher's, which always answers
        params, ask = {"sessionId": session.id}, self.browser.line.ask
        ask(
            "Target.detachFromTarget",
            params,
            session=over,
            key=session.parent_key,
            virtual=self,
            number=command.id,
            then=then,
        )

    def attached(self, parent: ClientSession, told: Told, parent_key: bytes) -> None:
        """Take a new session, and tell the client of it in the name of another.

        :param parent_key: the session on which the browser has told of it.
        """
        kind, target_id = str(told.info.get("type", "")), told.target_id
        nested = parent.attach_asked(target_id) if parent_key == parent.key and target_id not in parent.asked else False
        if nested is None:  # it is attached by itself
            nested = parent.nests
        session = ClientSession(
            told.session_id, target_id, kind, virtual=self, parent=parent, parent_key=parent_key, nested=nested
        )
        self.sessions[session.id] = self.browser.sessions[session.key] = parent.children[session.id] = session
        if session.is_browser:
            self.roots[session.id] = session
        if parent_key != parent.key or target_id in parent.asked:
            parent.taken[target_id] = session
        self._count(target_id, 1)
        params = {"sessionId": session.id, "targetInfo": self.seen(told.info), "waitingForDebugger": told.waiting}
        parent.deliver(write_event("Target.attachedToTarget", params, parent.name))

    def detached(self, session: ClientSession, told: Told) -> None:
        """Remove a session that has ended."""
        parent = session.parent
        if parent is None:
            self.end(INTERNAL_ERROR, "the browser has ended the session")
            return
        self._remove(session)
        parent.children.pop(session.id, None)
        parent.left(session)
        params = {"sessionId": session.id, "targetId": told.target_id}
        parent.deliver(write_event("Target.detachedFromTarget", params, parent.name))

    def _remove(self, session: ClientSession) -> None:
        """Take out a session and those below it; what it has not answered is answered as when it is gone."""
        self.sessions.pop(session.id, None)
        self.browser.sessions.pop(session.key, None)
        self.browser.watch.resumed(session, gone=True)
        self.roots.pop(session.id, None)
        self.discovering.pop(session.id, None)
        for each in list(session.children.values()):
            if each.parent_key != session.key:
                self.browser.line.detach(each.id, each.parent_key)
            self._remove(each)
        asked, gone = self.browser.line.asked, no_session()
        for line_id in sorted(session.waiting):
            self.waiting.discard(line_id)
            left = asked.pop(line_id, None)
            if left is not None and left.then is not None:
                left.then({"error": {"code": gone.code, "message": gone.message}})
            elif left is not None and not session.nested:
                self.deliver(write_refusal(gone, left.number, ""))
        self._count(session.target_id, -1)

    def _count(self, target_id: str, change: int) -> None:
        """Count a client's sessions with a target, and tell the client where that is the first or was the last."""
        before = self._attachments.pop(target_id, 0)
        after = before + change
        if after:
            self._attachments[target_id] = after
        info = self.targets.get(target_id)
        if info is not None and bool(before) is not bool(after):
            self.target_told(info)
