"""Targets, and their sessions.

A *target* is something that can be attached to: a page, a frame in a process of its own, a worker. The browser reports
targets when they are discovered (``Target.targetCreated``) and when they are attached to. A *session* is one
conversation with a target. Sessions form a tree: each was attached through another one, and ends with it. Several
sessions may have the same target.

A discovered target exists until the browser says that it is destroyed. One that is only known from being attached to
exists as long as it has a session.

::

    Target --opener_id--> Target     who opened it, by script or by a link
    Target --parent_id--> Target     the page that a frame or a worker belongs to
    Session --target_id--> Target
    Session --parent_id--> Session   through which it was attached; "" is the root
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import msgspec

from txcdp._recent import Recent
from txcdp.domains import inspector, target
from txcdp.model._table import Change, Row, Table

#: The number of ended sessions that are remembered by their ids, so that each ends only once.
_REMEMBERED = 1000


class Target(Row):
    """A target, which sessions can attach to.

    :ivar type: one of :data:`TARGET_KINDS`, or a type that Chromium has added since.
    :ivar subtype: ``"prerender"`` for a page that is not shown yet, and the like.
    :ivar opener_id: the target that opened it.
    :ivar opener_frame_id: the frame that opened it.
    :ivar parent_id: the page that a frame or a worker belongs to.
    :ivar parent_frame_id: the frame around a frame or a worker.
    :ivar discovered: whether the browser will report its destruction.
    :ivar session_ids: its sessions, in the order of attaching (a dict serves as an ordered set).
    """

    id: str
    type: str
    url: str
    title: str
    subtype: str | None = None
    opener_id: str | None = None
    opener_frame_id: str | None = None
    parent_id: str | None = None
    parent_frame_id: str | None = None
    browser_context_id: str | None = None
    discovered: bool = False
    session_ids: dict[str, None] = {}


class Session(Row):
    """A session: one conversation with a target.

    :ivar parent_id: the session that it was attached through; ``""`` is the root.
    :ivar child_ids: the sessions that were attached through it.
    :ivar crashed: whether the target's process is gone and nothing has been loaded since.
    """

    id: str
    target_id: str
    parent_id: str
    child_ids: dict[str, None] = {}
    crashed: bool = False


class TargetCreated(Change, frozen=True, gc=False):
    """A previously unknown target exists."""

    target: Target


class TargetChanged(Change, frozen=True, gc=False):
    """A target has another URL, title or type than before."""

    target: Target


class TargetDestroyed(Change, frozen=True, gc=False):
    """A target is gone, or is no longer known because its last session has ended."""

    target: Target


class SessionAttached(Change, frozen=True, gc=False):
    """A session has begun.

    :ivar waiting: whether the target is paused until it is told to run.
    """

    session: Session
    target: Target
    waiting: bool


class SessionClosed(Change, frozen=True, gc=False):
    """A session has ended; the sessions that were attached through it ended before."""

    session_id: str
    target_id: str


class SessionCrashed(Change, frozen=True, gc=False):
    """The process of a session's target is gone."""

    session_id: str


class SessionRevived(Change, frozen=True, gc=False):
    """A target that had crashed has a process again."""

    session_id: str


class Targets(Table):
    """All existing targets and sessions.

    :ivar targets: by id.
    :ivar sessions: by id; the root has a row only if the browser said that it is the session of a target.
    """

    name = "targets"

    def __init__(self, emit: Callable[[Change], None]) -> None:
        super().__init__(emit)
        self.targets: dict[str, Target] = {}
        self.sessions: dict[str, Session] = {}
        self._closed: Recent[str, None] = Recent(_REMEMBERED)
        self.handlers = {
            target.TargetCreated: lambda _, event: self._discovered(event.target_info),
            target.TargetInfoChanged: lambda _, event: self._changed(event.target_info),
            target.TargetDestroyed: self._destroyed,
            target.GetTargetsResult: self._listed,
            target.AttachedToTarget: self._attached,
            target.DetachedFromTarget: self._detached,
            inspector.TargetCrashed: self._session_crashed,
            inspector.TargetReloadedAfterCrash: self._session_revived,
        }

    def of_session(self, session: str) -> Target | None:
        """Return the target of a session; None if it is not known, as for the root."""
        row = self.sessions.get(session)
        return None if row is None else self.targets.get(row.target_id)

    def snapshot(self) -> list[Any]:
        """Return the targets, each with its sessions, as plain data."""
        return [
            msgspec.to_builtins(each) | {"session_ids": list(each.session_ids), "sessions": self._sessions_of(each)}
            for each in self.targets.values()
        ]

    def _sessions_of(self, row: Target) -> list[Any]:
        sessions = [self.sessions[each] for each in row.session_ids]
        return [msgspec.to_builtins(each) | {"child_ids": list(each.child_ids)} for each in sessions]

    # Targets:

    def _discovered(self, info: target.TargetInfo) -> None:
        self._seen(info).discovered = True

    def _listed(self, session: str, result: target.GetTargetsResult) -> None:
        for info in result.target_infos:
            self._seen(info)

    def _changed(self, info: target.TargetInfo) -> None:
        if info.target_id in self.targets:
            self._seen(info)

    def _seen(self, info: target.TargetInfo) -> Target:
        row = self.targets.get(info.target_id)
        if row is None:
            row = self.targets[info.target_id] = Target(id=info.target_id, type="", url="", title="")
            _describe(row, info)
            self.emit(TargetCreated(row))
        elif _describe(row, info):
            self.emit(TargetChanged(row))
        return row

    def _destroyed(self, session: str, event: target.TargetDestroyed) -> None:
        row = self.targets.get(event.target_id)
        if row is not None:
            for each in list(row.session_ids):
                self._close(each)
            self._forget(row)

    def _forget(self, row: Target) -> None:
        if self.targets.pop(row.id, None) is not None:
            self.emit(TargetDestroyed(row))

    # Sessions:

    def _attached(self, session: str, event: target.AttachedToTarget) -> None:
        if event.session_id in self.sessions:
            return
        found = self._seen(event.target_info)
        row = Session(id=event.session_id, target_id=found.id, parent_id=session)
        self.sessions[row.id] = row
        found.session_ids[row.id] = None
        parent = self.sessions.get(session)
        if parent is not None and parent is not row:
            parent.child_ids[row.id] = None
        self.emit(SessionAttached(row, found, bool(event.waiting_for_debugger)))

    def _detached(self, session: str, event: target.DetachedFromTarget) -> None:
        if event.session_id in self.sessions:
            self._close(event.session_id)
        elif event.session_id not in self._closed:  # it was attached before anybody listened
            self._closed[event.session_id] = None
            self.emit(SessionClosed(event.session_id, event.target_id or ""))

    def _close(self, session_id: str) -> None:
        row = self.sessions.get(session_id)
        if row is None:
            return
        for each in list(row.child_ids):
            self._close(each)
        del self.sessions[session_id]
        self._closed[session_id] = None
        parent = self.sessions.get(row.parent_id)
        if parent is not None:
            parent.child_ids.pop(session_id, None)
        self.emit(SessionClosed(session_id, row.target_id))
        found = self.targets.get(row.target_id)
        if found is not None:
            del found.session_ids[session_id]
            if not found.session_ids and not found.discovered:
                self._forget(found)

    def _session_crashed(self, session: str, event: inspector.TargetCrashed) -> None:
        row = self.sessions.get(session)
        if row is not None:
            if row.crashed:
                return
            row.crashed = True
        self.emit(SessionCrashed(session))

    def _session_revived(self, session: str, event: inspector.TargetReloadedAfterCrash) -> None:
        row = self.sessions.get(session)
        if row is not None:
            row.crashed = False
        self.emit(SessionRevived(session))


def _describe(row: Target, info: target.TargetInfo) -> bool:
    """Apply the browser's description of a target; return whether anything in it is new."""
    before = row.type, row.subtype, row.url, row.title
    row.type, row.subtype, row.url, row.title = info.type, info.subtype, info.url, info.title
    row.opener_id, row.opener_frame_id = info.opener_id, info.opener_frame_id
    row.parent_id, row.parent_frame_id = info.parent_id, info.parent_frame_id
    row.browser_context_id = info.browser_context_id
    return before != (row.type, row.subtype, row.url, row.title)
