"""A client's connections to its virtual browser: the messages on each are checked and executed."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import Any

from txcdp.gateway._client_messages import Command, CommandRefusal, read_command, write_refusal
from txcdp.gateway._multiplex.client_state import (
    INTERNAL_ERROR,
    LEFT,
    NORMAL_END,
    ROOT,
    ClientSession,
    ClientState,
    Limits,
)
from txcdp.gateway._multiplex.command_handlers import outcome_of
from txcdp.gateway._multiplex.message_writing import no_session, write_reply
from txcdp.gateway._multiplex.outcomes import (
    AnswerWith,
    CarryOutNested,
    CloseClient,
    Forward,
    ForwardAll,
    Outcome,
    attach_to,
)
from txcdp.gateway._multiplex.shared_state import SharedState
from txcdp.gateway._multiplex.target_filters import TargetEventParams
from txcdp.gateway._multiplex.target_watch import RESUME
from txcdp.protocol._error_codes import SERVER_ERROR

Reply = dict[str, Any]


class ClientConnection:
    """One WebSocket of a client; its kinds are :class:`BrowserConnection` and :class:`PageConnection`.

    :param shared: the browser.
    :param client: whose it is.
    :param deliver: called with each message for the client.
    :param close: called once with a code and a reason, when it ends without the client.
    :param limits: how much it may have.
    :ivar closed: whether the client has left, or was sent away.
    :ivar sessions: its sessions by the names that the client knows; ``""``: the one that it calls by no name.
    :ivar waiting: the ids, on the line, of its commands that the browser has not answered.
    :ivar on_start: called when the session is there that it calls by no name.
    """

    def __init__(
        self,
        shared: SharedState,
        client: ClientState,
        deliver: Callable[[bytes], None],
        close: Callable[[int, str], None],
        limits: Limits,
    ) -> None:
        self.client = client
        self.limits = limits
        self.closed = False
        self.sessions: dict[str, ClientSession] = {}
        self.waiting: set[int] = set()
        self.on_start: Callable[[], object] = lambda: None
        self._shared = shared
        self._deliver = deliver
        self._close = close
        self._root: ClientSession | None = None
        self._early: list[Command] | None = []
        if client in shared.clients:
            client.connections.append(self)
            shared.line.ask("Target.attachToBrowserTarget", {}, then=self._root_opened)
        else:
            self.end(INTERNAL_ERROR, shared.lost or LEFT)

    # Coming and leaving:

    @property
    def root_session(self) -> ClientSession:
        """Its first session with the browser itself."""
        assert self._root is not None  # nothing is carried out before
        return self._root

    def _root_opened(self, reply: dict[str, Any]) -> None:
        session_id = reply.get("result", {}).get("sessionId", "")
        target_id = self._shared.watch.opened(session_id)
        if self.closed:
            if session_id:
                self._shared.line.detach(session_id, ROOT)
        elif not session_id:
            self._failed(INTERNAL_ERROR, "the browser opened no session")
        else:
            root = self._root = ClientSession(session_id, target_id, "browser", self)
            self._shared.sessions[root.key] = root
            self._begin(root)

    def _begin(self, root: ClientSession) -> None:
        """Go on with the root session."""
        raise NotImplementedError

    def _failed(self, code: int, why: str) -> None:
        """End, since a session that all stands on could not be had, or is no more."""
        raise NotImplementedError

    def start(self) -> None:
        """Carry out what was said before it could be."""
        early, self._early = self._early, None
        for command in early or ():
            if not self.closed:
                self._obey(command)
        self.on_start()

    def close(self) -> None:
        """Close its sessions, because the client has left."""
        if self.closed:
            return
        self.closed = True
        if self._root is not None:
            self._shared.detach(self._root)
            self._remove(self._root)
        if self in self.client.connections:
            self.client.connections.remove(self)

    def end(self, code: int, why: str) -> None:
        """Close it, and send the client away."""
        if not self.closed:
            self.close()
            self._close(code, why)

    def deliver(self, message: bytes) -> None:
        """Send the client a message, if it is still there."""
        if not self.closed:
            self._deliver(message)

    # Commands:

    def receive(self, message: bytes) -> None:
        """Take one message from the client."""
        try:
            command = read_command(message)
        except CommandRefusal as refusal:
            self.deliver(write_refusal(refusal, refusal.id, ""))
        else:
            self.execute(command)

    def execute(self, command: Command) -> None:
        """Take one command from the client."""
        if self.closed:
            return
        if self._early is None:
            self._obey(command)
        elif len(self._early) < self.limits.commands:
            self._early.append(command)
        else:
            self.deliver(write_refusal(self._busy(), command.id, command.session_id))

    def _obey(self, command: Command) -> None:
        session = self.sessions.get(command.session_id)
        if session is None or session.nested:
            self.deliver(write_refusal(no_session(), command.id, ""))
        else:
            self._obey_on(session, command)

    def _obey_nested(self, session: ClientSession, message: str) -> None:
        """Take a message to a session that is not flat."""
        try:
            command = read_command(message.encode("utf-8", "surrogatepass"))
            if command.session_id:
                raise no_session()
        except CommandRefusal as refusal:
            session.deliver(write_refusal(refusal, refusal.id, ""))
        else:
            self._obey_on(session, command)

    def _obey_on(self, session: ClientSession, command: Command) -> None:
        try:
            if len(self.waiting) >= self.limits.commands:
                raise self._busy()
            self._carry_out(session, command, outcome_of(session, command))
        except CommandRefusal as refusal:
            session.deliver(write_refusal(refusal, command.id, session.name))

    def _busy(self) -> CommandRefusal:
        return CommandRefusal(
            SERVER_ERROR, f"{self.limits.commands} commands are waiting for replies: await some first"
        )

    def _carry_out(self, session: ClientSession, command: Command, outcome: Outcome) -> None:
        """Do what a handler has returned."""
        if isinstance(outcome, Forward):
            if command.method == RESUME:
                session.resumed = True
                if self._shared.watch.has_waiting(session):
                    outcome = outcome._replace(then=lambda _: self._shared.watch.resumed(session))
            then = outcome.then and partial(self._replied, session, command, outcome.then)
            self._ask(outcome, command.method, command.id, then)
            return
        if isinstance(outcome, ForwardAll) and outcome.forwards:
            self._ask_all(session, command, outcome.forwards)
            return
        result = outcome.result if isinstance(outcome, AnswerWith) else {}
        session.deliver(write_reply(command.id, result, session.name))
        if isinstance(outcome, CarryOutNested):
            self._obey_nested(outcome.session, outcome.message)
        elif isinstance(outcome, CloseClient):
            self._shared.clients[self.client](NORMAL_END, "Browser.close")

    def _ask(self, forward: Forward, method: str, number: int, then: Callable[[Reply], object] | None) -> None:
        self._shared.line.ask(
            forward.method or method,
            forward.params,
            session=forward.session,
            waiting=self.waiting,
            number=number,
            then=then,
            key=forward.key,
        )

    def _ask_all(self, session: ClientSession, command: Command, forwards: list[Forward]) -> None:
        left = len(forwards)

        def answered(then: Callable[[Reply], object] | None, reply: Reply) -> None:
            nonlocal left
            left -= 1
            if then is not None:
                then(reply)
            if not left:
                self._carry_out(session, command, AnswerWith({}))

        for each in forwards:
            self._ask(each, command.method, command.id, partial(answered, each.then))

    def _replied(
        self,
        session: ClientSession,
        command: Command,
        then: Callable[[Reply], Outcome | None],
        reply: Reply,
    ) -> None:
        """Go on with a command of which the answer depends on the browser's reply."""
        outcome = then(reply)
        if outcome is not None:
            self._carry_out(session, command, outcome)
        elif "result" in reply:
            self._carry_out(session, command, AnswerWith(reply["result"]))
        else:
            error = reply.get("error", {})
            refusal = CommandRefusal(error.get("code", SERVER_ERROR), error.get("message", ""), data=error.get("data"))
            session.deliver(write_refusal(refusal, command.id, session.name))

    def ask_for_frames(self, then: Callable[[Reply], None]) -> int:
        """Ask its pages for their frames, as far as there is room for commands; return how many were asked."""
        room = self.limits.commands - len(self.waiting)
        pages = [each for each in self.sessions.values() if not each.is_browser][: max(0, room)]
        for each in pages:
            self._ask(Forward(each, {}), "Page.getFrameTree", 0, then)
        return len(pages)

    # Contexts and sessions:

    def add_context(self, reply: Reply) -> None:
        """Give the client the context that the browser has made, if it has."""
        self._shared.add_context(self.client, reply)

    def remove_context(self, context: str) -> None:
        """Take from the client a context that is no more."""
        self._shared.remove_context(self.client, context)

    def attach(self, session: ClientSession, target_id: str) -> None:
        """Attach one of its browser sessions to a target, as if by itself."""
        forward = attach_to(session, target_id)
        self._ask(forward, "", 0, forward.then)

    def attached(self, parent: ClientSession, told: TargetEventParams, parent_key: bytes) -> None:
        """Take a new session, and tell the client of it in the name of another."""
        kind, target_id = str(told.info.get("type", "")), told.target_id
        nested = parent.attach_asked(target_id) if parent_key == parent.key and target_id not in parent.asked else False
        if nested is None:  # it is attached by itself
            nested = parent.nests
        session = ClientSession(told.session_id, target_id, kind, self, parent, parent_key, nested)
        self._take_in(parent, session)
        if session.is_browser:
            self.client.roots[session.id] = session
        if parent_key != parent.key or target_id in parent.asked:
            parent.taken[target_id] = session
        info = self.client.seen(told.info)
        params = {"sessionId": session.id, "targetInfo": info, "waitingForDebugger": told.waiting}
        parent.tell("Target.attachedToTarget", params)

    def detached(self, session: ClientSession, told: TargetEventParams) -> None:
        """Take out a session that is no more, and let the client know."""
        parent = session.parent
        if parent is None:
            self._failed(INTERNAL_ERROR, "the browser ended the session")
            return
        self._remove(session)
        parent.children.pop(session.id, None)
        parent.left(session)
        parent.tell("Target.detachedFromTarget", {"sessionId": session.id, "targetId": told.target_id})

    def _take_in(self, parent: ClientSession, session: ClientSession) -> None:
        self.sessions[session.id if session.parent else ""] = session
        self._shared.sessions[session.key] = parent.children[session.id] = session
        self.client.count(session.target_id, 1)

    def _remove(self, session: ClientSession) -> None:
        """Take out a session and those below it; what it has not answered is answered as when it is gone."""
        self.sessions.pop(session.id if session.parent else "", None)
        self.client.roots.pop(session.id, None)
        self.client.discoveries.pop(session, None)
        self._shared.forget(session)
        for each in list(session.children.values()):
            if each.parent_key != session.key:
                self._shared.detach(each)
            self._remove(each)
        gone = no_session()
        for line_id in sorted(session.waiting):
            left = self._shared.line.forget(line_id)
            if left is not None and left.then is not None:
                left.then({"error": {"code": gone.code, "message": gone.message}})
            elif left is not None and not session.nested:
                self.deliver(write_refusal(gone, left.number, ""))
        if session is not self._root:
            self.client.count(session.target_id, -1)


class BrowserConnection(ClientConnection):
    """A client's connection to its virtual browser: what Chromium has at ``/devtools/browser/ID``."""

    def _begin(self, root: ClientSession) -> None:
        self.sessions[""] = self.client.roots[root.id] = root
        self.start()

    def start(self) -> None:
        """Carry out what was said before there was room for it, if there is now."""
        if not self.client.ready or not self.sessions:
            return
        downloads = self.client.downloads
        if downloads:  # its default context downloads as a browser does that was told nothing
            params = {"behavior": "allow", "downloadPath": downloads, "browserContextId": self.client.default}
            self._shared.line.tell("Browser.setDownloadBehavior", params, self.root_session.key)
        super().start()

    def _failed(self, code: int, why: str) -> None:
        self._shared.clients[self.client](code, why)


class PageConnection(ClientConnection):
    """A client's connection to one of its pages: what Chromium has at ``/devtools/page/ID``.

    It is a session of its own with the page, under a root session of its own. Its client calls it by no name: what it
    says without a session's id is for the page, and what the page says has none. All else that it can see and touch is
    that of the client whose page it is.

    :param target_id: of the page; where that is not one of the client's, the browser is not asked for it.
    """

    def __init__(
        self,
        shared: SharedState,
        client: ClientState,
        deliver: Callable[[bytes], None],
        close: Callable[[int, str], None],
        limits: Limits,
        target_id: str,
    ) -> None:
        self._target_id = target_id
        super().__init__(shared, client, deliver, close, limits)

    def _begin(self, root: ClientSession) -> None:
        if self._target_id in self.client.targets:  # else it is somebody else's, or nobody's, which is the same
            forward = Forward(root, {"targetId": self._target_id, "flatten": True})
            self._ask(forward, "Target.attachToTarget", 0, self._attach_answered)
        else:
            self._page_closed()

    def start(self) -> None:
        """Carry out what was said before the page's session was there, if it is there now."""
        if self.sessions:
            super().start()

    def _attach_answered(self, _: object) -> None:
        if not self.sessions:
            self._page_closed()

    def _page_closed(self) -> None:
        self.end(NORMAL_END, "the page has closed")

    def attached(self, parent: ClientSession, told: TargetEventParams, parent_key: bytes) -> None:
        """Take a new session: the first one is the page's."""
        if parent is self._root:
            kind = str(told.info.get("type", ""))
            self._take_in(parent, ClientSession(told.session_id, told.target_id, kind, self, None, parent_key))
            self.start()
        else:
            super().attached(parent, told, parent_key)

    def detached(self, session: ClientSession, told: TargetEventParams) -> None:
        """Take out a session that is no more; with the page's, the connection ends."""
        if session is self.sessions.get(""):
            session.tell("Inspector.detached", {"reason": "target_closed"})
            self._page_closed()
        else:
            super().detached(session, told)

    def _failed(self, code: int, why: str) -> None:
        self.end(code, why)
