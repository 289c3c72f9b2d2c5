"""The targets of a FakeChrome and their sessions, with their built-in behaviour."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Any

from txcdp.domains import inspector, target
from txcdp.domains.target import set_auto_attach
from txcdp.errors import CommandError
from txcdp.protocol import Event
from txcdp.protocol._error_codes import INVALID_PARAMS, SERVER_ERROR
from txcdp.testing._line import FakeTransport
from txcdp.testing._messages import Received

Filter = Sequence[target.FilterEntry]

#: What is meant where no filter is given.
DEFAULT_FILTER: Filter = (
    target.FilterEntry(type="browser", exclude=True),
    target.FilterEntry(type="tab", exclude=True),
    target.FilterEntry(),
)


@dataclass(eq=False)
class FakeTarget:
    """A page, frame, worker or other target that can be attached to.

    :ivar id: its target id; a page's main frame has the same id.
    :ivar parent: the target that it belongs to; only that target's sessions get events about it.
    :ivar crashed: whether its process is gone; it comes back with the next navigation.
    :ivar tab: the target of a page's tab, through which the page can be attached, too.
    :ivar opener: the page that opened it.
    :ivar waiting: whether it waits for ``Runtime.runIfWaitingForDebugger``.
    :ivar stalled: whether it hangs, like a page in an endless loop.
    :ivar held: the commands that it has not handled for that reason, each with how it will be refused.
    """

    id: str
    type: str = "page"
    url: str = "about:blank"
    title: str = ""
    parent: FakeTarget | None = None
    browser_context_id: str | None = None
    tab: FakeTarget | None = None
    opener: FakeTarget | None = None
    crashed: bool = False
    waiting: bool = False
    stalled: bool = False
    held: list[tuple[Received, CommandError | None]] = field(default_factory=list)

    def info(self, attached: bool) -> target.TargetInfo:
        """Return its description as ``Target.getTargets`` does."""
        return target.TargetInfo(
            target_id=self.id,
            type=self.type,
            title=self.title or self.url,
            url=self.url,
            attached=attached,
            can_access_opener=self.opener is not None,
            opener_id=self.opener.id if self.opener else None,
            opener_frame_id=self.opener.id if self.opener else None,
            parent_id=self.parent.id if self.parent else None,
            browser_context_id=self.browser_context_id,
        )


@dataclass(eq=False)
class FakeSession:
    """One attachment to a target; the root session of a line has no id and no target.

    :ivar auto: whether it was attached by its parent's auto-attach.
    :ivar waiting: whether the target waits for ``Runtime.runIfWaitingForDebugger`` in this session.
    :ivar discovers: what kinds of targets it is told of; None: it is told of none.
    :ivar reported: the targets that it was told of, and of which it is therefore told what becomes of them.
    """

    id: str | None
    target: FakeTarget | None
    line: FakeTransport
    parent: FakeSession | None = None
    enabled: set[str] = field(default_factory=set)
    auto_attach: set_auto_attach | None = None
    auto: bool = False
    waiting: bool = False
    discovers: Filter | None = None
    reported: set[str] = field(default_factory=set)
    hanging: list[Received] = field(default_factory=list)

    @property
    def is_browser(self) -> bool:
        """Whether it is one with the browser itself."""
        return self.target is None or self.target.type == "browser"


class FakeTargets:
    """All targets of a FakeChrome, and the sessions of all its lines.

    :param emit: sends an event to a session.
    :param refuse: answers a command with an error.
    :param salt: a part of all ids.
    :ivar all: the targets by their ids; those of browser sessions are among them, but for the root sessions'.
    :ivar sessions: the sessions by their ids; without the root sessions.
    :ivar roots: the root sessions, one for each line.
    :ivar contexts: the ids of the browser contexts beside the default one.
    :ivar contexts_of: the line that each context ends with which was made with ``disposeOnDetach``.
    :ivar default_context: the id of the default browser context.
    :ivar browser_id: tells one run of the browser from the next, as the end of a real one's WebSocket URL does.
    """

    def __init__(
        self,
        emit: Callable[[Event, FakeSession], None],
        refuse: Callable[[Received, CommandError], None],
        salt: int = 0,
    ) -> None:
        self.all: dict[str, FakeTarget] = {}
        self.sessions: dict[str, FakeSession] = {}
        self.roots: dict[int, FakeSession] = {}
        self.contexts: list[str] = []
        self.contexts_of: dict[str, FakeTransport] = {}
        self._emit = emit
        self._refuse = refuse
        self._salt = salt
        self._made: Counter[str] = Counter()
        self.browser_id = self.new_id("B205")
        self.default_context = self.new_id("C047")

    def add_line(self, line: FakeTransport) -> None:
        """Begin to serve a client."""
        self.roots[id(line)] = FakeSession(None, None, line)

    def drop_line(self, line: FakeTransport) -> None:
        """Forget a client's sessions, and dispose of the contexts that were to end with it."""
        self.roots.pop(id(line), None)
        for session in [each for each in self.sessions.values() if each.line is line]:
            self._forget(session)
        for context in [context for context, owner in self.contexts_of.items() if owner is line]:
            self.dispose(context)

    def clear(self) -> None:
        """Be another browser: without targets and contexts, and with another id; what was used is not used again."""
        self.all.clear()
        self.contexts.clear()
        self.contexts_of.clear()
        self.browser_id = self.new_id("B205")
        self.default_context = self.new_id("C047")

    def dispose(self, context: str) -> None:
        """End a browser context, with its targets."""
        self.contexts.remove(context)
        self.contexts_of.pop(context, None)
        for each in [each for each in self.all.values() if each.browser_context_id == context]:
            if each.id in self.all:
                self.close(each)

    def new_id(self, prefix: str) -> str:
        """Return an id as long as Chromium's, but the same in every run; ids of a kind have a prefix in common."""
        self._made[prefix] += 1
        return f"{prefix}{self._salt:04X}{self._made[prefix]:024X}"

    def add(self, made: FakeTarget) -> FakeTarget:
        """Let a target be there, and the tab of a page with it, without a word to anybody."""
        if made.browser_context_id is None and made.type != "browser":
            made.browser_context_id = self.default_context
        if made.type == "page" and made.parent is None and made.tab is None:
            made.tab = FakeTarget(self.new_id("7AB0"), "tab", browser_context_id=made.browser_context_id)
            self.all[made.tab.id] = made.tab
        self.all[made.id] = made
        return made

    def open(self, made: FakeTarget) -> None:
        """Let a target come to be: whoever discovers is told of it, whoever attaches automatically is attached."""
        self.add(made)
        if made.tab is not None:
            made.tab.url = ""  # until the page is there
        for each in (made,) if made.tab is None else (made.tab, made):
            for session in self._everybody():
                self._report(each, session)
            for session in self._everybody():
                if session.auto_attach is not None and _takes(session.auto_attach, session, each):
                    self.attach(each, session, session.auto_attach.wait_for_debugger_on_start, auto=True)
        if made.tab is not None:
            made.tab.url = made.url

    def changed(self, of: FakeTarget) -> None:
        """Tell whoever was told of a target what it is now."""
        if of.tab is not None:
            of.tab.url = of.url  # nobody is told
        for session in self._everybody():
            if of.id in session.reported:
                self._emit(target.TargetInfoChanged(target_info=self.info(of)), session)

    def discover(self, session: FakeSession, wanted: Filter | None) -> None:
        """Tell a session of the targets that there are and will be; None: no more."""
        session.discovers = wanted
        if wanted is None:
            session.reported.clear()
        for each in list(self.all.values()):
            self._report(each, session)

    def attach_all(self, session: FakeSession) -> None:
        """Attach a session that has just asked for it to the targets that are there already; they are not stopped.

        What was attached so is detached where it asks for it no more.
        """
        wanted = session.auto_attach
        if wanted is None:
            for each in [each for each in self.sessions.values() if each.parent is session and each.auto]:
                self.detach(each)
            return
        for there in list(self.all.values()):
            attached = any(other.parent is session for other in self.sessions_of(there))
            if _takes(wanted, session, there) and not attached:
                self.attach(there, session, auto=True)

    def close(self, gone: FakeTarget) -> None:
        """Let a target end, with its sessions and children; a page and its tab end together."""
        its_page = next((each for each in self.all.values() if each.tab is gone), None)
        if its_page is not None:
            self.close(its_page)
            return
        for child in [each for each in self.all.values() if each.parent is gone]:
            self.close(child)
        for session in self.sessions_of(gone) if gone.type != "tab" else ():
            self._emit(inspector.Detached(reason="Render process gone."), session)
        for session in self.sessions_of(gone):
            self._end(session, tell_first=True)
        del self.all[gone.id]
        for each in self._everybody():
            if gone.id in each.reported:
                each.reported.remove(gone.id)
                self._emit(target.TargetDestroyed(target_id=gone.id), each)
        if gone.tab is not None and gone.tab.id in self.all:
            self.close(gone.tab)

    def attach(
        self,
        to: FakeTarget,
        parent: FakeSession,
        waiting: bool = False,
        session_id: str | None = None,
        *,
        auto: bool = False,
    ) -> FakeSession:
        """Attach to a target through a session."""
        first = not self.sessions_of(to)
        session = FakeSession(session_id or self.new_id("5E55"), to, parent.line, parent, auto=auto, waiting=waiting)
        self.sessions[session.id or ""] = session
        to.waiting = to.waiting or waiting
        if first:
            self.changed(to)
        self._emit(
            target.AttachedToTarget(
                session_id=session.id or "", target_info=self.info(to), waiting_for_debugger=waiting
            ),
            parent,
        )
        return session

    def run(self, session: FakeSession) -> None:
        """Let a session's target run that waits in it; it does when no other session makes it wait."""
        session.waiting = False
        if session.target is not None:
            session.target.waiting = any(each.waiting for each in self.sessions_of(session.target))

    def detach(self, session: FakeSession) -> None:
        """End a session, and those attached through it; what hangs in it is never answered."""
        self._end(session)

    def crash(self, gone: FakeTarget) -> None:
        """Let a target's process end: from now on what is sent to it hangs."""
        gone.crashed = True
        for session in self.sessions_of(gone):
            self._emit(inspector.TargetCrashed(), session)
        for session in self._everybody():
            if gone.id in session.reported:
                self._emit(target.TargetCrashed(target_id=gone.id, status="crashed", error_code=11), session)

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

    def infos(self, wanted: Filter | None) -> list[target.TargetInfo]:
        """Describe the targets that a filter takes."""
        return [self.info(each) for each in self.all.values() if accepts(wanted or DEFAULT_FILTER, each.type)]

    def known(self, target_id: Any) -> FakeTarget:
        """Return the target of an id.

        :raises CommandError: as Chromium words it.
        """
        found = self.all.get(target_id)
        if found is None:
            raise CommandError("", INVALID_PARAMS, "No target with given id found")
        return found

    # Inside:

    def _everybody(self) -> list[FakeSession]:
        return [*self.roots.values(), *self.sessions.values()]

    def _report(self, made: FakeTarget, session: FakeSession) -> None:
        """Tell a session of a target if it wants to know of it and does not yet."""
        if session.discovers is None or made.id in session.reported or not accepts(session.discovers, made.type):
            return
        session.reported.add(made.id)
        self._emit(target.TargetCreated(target_info=self.info(made)), session)

    def _end(self, session: FakeSession, *, tell_first: bool = False) -> None:
        """End a session; whoever discovers is told first where it is for the target's sake."""
        for child in [each for each in self.sessions.values() if each.parent is session]:
            self._end(child)
        if self.sessions.get(session.id or "") is not session or session.parent is None:
            return
        told = target.DetachedFromTarget(
            session_id=session.id or "", target_id=session.target.id if session.target else None
        )
        if tell_first:
            self._forget(session)
        self._emit(told, session.parent)
        if not tell_first:
            self._forget(session)

    def _forget(self, session: FakeSession) -> None:
        """Let a session be there no more; its target no longer waits in it."""
        del self.sessions[session.id or ""]
        of = session.target
        if of is None:
            return
        self.run(session)
        if not self.sessions_of(of):
            self.changed(of)
            if of.type == "browser":
                self.all.pop(of.id, None)


def accepts(wanted: Filter, kind: str) -> bool:
    """Whether a filter takes a kind of target; the first entry that covers it decides."""
    for entry in wanted:
        if entry.type in (None, kind):
            return not entry.exclude
    return False


def _takes(wanted: set_auto_attach, session: FakeSession, made: FakeTarget) -> bool:
    """Whether a session's auto-attach covers a target: a browser's are the top ones, a tab's its page."""
    if session.is_browser:
        related = made.parent is None and made.type != "browser"
    elif session.target is not None and session.target.type == "tab":
        related = made.tab is session.target
    else:
        related = made.parent is session.target
    return related and accepts(wanted.filter or DEFAULT_FILTER, made.type)
