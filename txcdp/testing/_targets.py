"""The targets of a FakeChrome and their sessions, and what they do by themselves."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

from txcdp.domains import inspector, target
from txcdp.domains.target import set_auto_attach
from txcdp.errors import CommandError
from txcdp.protocol import Event
from txcdp.protocol._error_codes import INVALID_PARAMS, SERVER_ERROR
from txcdp.testing._line import FakeTransport
from txcdp.testing._messages import Received


@dataclass(eq=False)
class FakeTarget:
    """A page, frame, worker or whatever else can be attached to.

    :ivar id: its target id; a page's main frame has the same one.
    :ivar parent: the target that it belongs to, of which only the sessions are told of it.
    :ivar crashed: whether its process is gone; it comes back with the next navigation.
    :ivar waiting: whether it waits for ``Runtime.runIfWaitingForDebugger``.
    :ivar stalled: whether it hangs, as in an endless loop.
    :ivar held: the commands that it has not looked at therefore, each with how it will be refused.
    """

    id: str
    type: str = "page"
    url: str = "about:blank"
    title: str = ""
    parent: FakeTarget | None = None
    browser_context_id: str | None = None
    crashed: bool = False
    waiting: bool = False
    stalled: bool = False
    held: list[tuple[Received, CommandError | None]] = field(default_factory=list)

    def info(self, attached: bool) -> target.TargetInfo:
        """Describe it as ``Target.getTargets`` does."""
        return target.TargetInfo(
            target_id=self.id,
            type=self.type,
            title=self.title or self.url,
            url=self.url,
            attached=attached,
            can_access_opener=False,
            parent_id=self.parent.id if self.parent else None,
            browser_context_id=self.browser_context_id,
        )


@dataclass(eq=False)
class FakeSession:
    """One attachment to a target; the root session of a line has no id and no target."""

    id: str | None
    target: FakeTarget | None
    line: FakeTransport
    parent: FakeSession | None = None
    enabled: set[str] = field(default_factory=set)
    auto_attach: set_auto_attach | None = None
    discovers: bool = False
    hanging: list[Received] = field(default_factory=list)


class FakeTargets:
    """All targets of a FakeChrome, and the sessions of all its lines.

    :ivar contexts_of: the line that each context ends with which was made with ``disposeOnDetach``.
    :param emit: sends an event to a session.
    :param refuse: answers a command with an error.
    """

    def __init__(
        self, emit: Callable[[Event, FakeSession], None], refuse: Callable[[Received, CommandError], None]
    ) -> None:
        self.all: dict[str, FakeTarget] = {}
        self.sessions: dict[str, FakeSession] = {}
        self.roots: dict[int, FakeSession] = {}
        self.contexts: list[str] = []
        self.contexts_of: dict[str, FakeTransport] = {}
        self._emit = emit
        self._refuse = refuse
        self._made = 0
        self._starts = 1

    @property
    def browser_id(self) -> str:
        """Tells one run of the browser from the next, as the end of a real one's WebSocket URL does."""
        return f"B205{self._starts:028X}"

    def add_line(self, line: FakeTransport) -> None:
        """Begin to serve a client."""
        self.roots[id(line)] = FakeSession(None, None, line)

    def drop_line(self, line: FakeTransport) -> None:
        """Forget a client's sessions, and dispose of the contexts that were to end with it."""
        self.roots.pop(id(line), None)
        for session in [each for each in self.sessions.values() if each.line is line]:
            self.sessions.pop(session.id or "")
        for context in [context for context, owner in self.contexts_of.items() if owner is line]:
            self.dispose(context)

    def clear(self) -> None:
        """Be another browser: without targets and contexts, and with another id; what was used is not used again."""
        self.all.clear()
        self.contexts.clear()
        self.contexts_of.clear()
        self._starts += 1

    def dispose(self, context: str) -> None:
        """End a browser context, with its targets."""
        self.contexts.remove(context)
        self.contexts_of.pop(context, None)
        for each in [each for each in self.all.values() if each.browser_context_id == context]:
            self.close(each)

    def new_id(self, prefix: str) -> str:
        """Return an id as long as Chromium's, but the same in every run."""
        self._made += 1
        return f"{prefix}{self._made:0{32 - len(prefix)}X}"

    def open(self, made: FakeTarget) -> None:
        """Let a target come to be: whoever discovers is told of it, whoever attaches automatically is attached."""
        self.all[made.id] = made
        for root in list(self.roots.values()):
            if root.discovers:
                self._emit(target.TargetCreated(target_info=self.info(made)), root)
        for session in [*self.roots.values(), *self.sessions.values()]:
            if session.auto_attach is not None and _takes(session.auto_attach, session, made):
                made.waiting = session.auto_attach.wait_for_debugger_on_start
                self.attach(made, session, made.waiting)

    def changed(self, of: FakeTarget) -> None:
        """Tell whoever discovers targets what one is now."""
        for root in list(self.roots.values()):
            if root.discovers:
                self._emit(target.TargetInfoChanged(target_info=self.info(of)), root)

    def attach_all(self, session: FakeSession) -> None:
        """Attach a session that has just asked for it to the targets that are there already; they are not stopped."""
        wanted = session.auto_attach
        for each in [*self.all.values()] if wanted is not None else ():
            attached = any(other.parent is session for other in self.sessions_of(each))
            if wanted is not None and _takes(wanted, session, each) and not attached:
                self.attach(each, session)

    def close(self, gone: FakeTarget) -> None:
        """Let a target end, with its sessions and children."""
        for child in [each for each in self.all.values() if each.parent is gone]:
            self.close(child)
        for session in self.sessions_of(gone):
            self._emit(inspector.Detached(reason="Render process gone."), session)
            self.detach(session)
        del self.all[gone.id]
        for root in list(self.roots.values()):
            if root.discovers:
                self._emit(target.TargetDestroyed(target_id=gone.id), root)

    def attach(
        self, to: FakeTarget, parent: FakeSession, waiting: bool = False, session_id: str | None = None
    ) -> FakeSession:
        """Attach to a target through a session."""
        session = FakeSession(session_id or self.new_id("5E55"), to, parent.line, parent)
        self.sessions[session.id or ""] = session
        self._emit(
            target.AttachedToTarget(
                session_id=session.id or "", target_info=self.info(to), waiting_for_debugger=waiting
            ),
            parent,
        )
        return session

    def detach(self, session: FakeSession) -> None:
        """End a session, and those attached through it; what hangs in it is never answered."""
        for child in [each for each in self.sessions.values() if each.parent is session]:
            self.detach(child)
        if self.sessions.pop(session.id or "", None) is not None and session.parent is not None:
            told = target.DetachedFromTarget(
                session_id=session.id or "", target_id=session.target.id if session.target else None
            )
            self._emit(told, session.parent)

    def crash(self, gone: FakeTarget) -> None:
        """Let a target's process end: from now on what is sent to it hangs."""
        gone.crashed = True
        for session in self.sessions_of(gone):
            self._emit(inspector.TargetCrashed(), session)
        for root in list(self.roots.values()):
            if root.discovers:
                self._emit(target.TargetCrashed(target_id=gone.id, status="crashed", error_code=11), root)

    def revive(self, gone: FakeTarget) -> None:
        """Give a crashed target a new process; what hung is refused."""
        gone.crashed = False
        for session in self.sessions_of(gone):
            hanging, session.hanging = session.hanging, []
            for received in hanging:
                self._refuse(received, CommandError(received.method, SERVER_ERROR, "Target crashed"))
            self._emit(inspector.TargetReloadedAfterCrash(), session)

    def sessions_of(self, of: FakeTarget) -> list[FakeSession]:
        """Return the sessions of a target."""
        return [each for each in self.sessions.values() if each.target is of]

    def session_for(self, session_id: str | None, line: FakeTransport) -> FakeSession | None:
        """Return the session that a line means by an id."""
        if not session_id:
            return self.roots.get(id(line))
        found = self.sessions.get(session_id)
        return found if found is not None and found.line is line else None

    def info(self, of: FakeTarget) -> target.TargetInfo:
        """Describe a target."""
        return of.info(attached=bool(self.sessions_of(of)))

    def known(self, target_id: Any) -> FakeTarget:
        """Return the target of an id.

        :raises CommandError: as Chromium words it.
        """
        found = self.all.get(target_id)
        if found is None:
            raise CommandError("", INVALID_PARAMS, "No target with given id found")
        return found


def _takes(wanted: set_auto_attach, session: FakeSession, made: FakeTarget) -> bool:
    """Whether a session's auto-attach covers a target: its own children, and its filter's first match."""
    if made.parent is not session.target:
        return False
    for entry in wanted.filter or ():
        if entry.type in (None, made.type):
            return not entry.exclude
    return wanted.filter is None and made.type not in ("browser", "tab")
