"""Frames: a tree across all processes, in which a frame keeps its identity.

A page has one main frame; frames contain frames. Each is in one process at a time, and is reported in the session of
that process: the page's own, or that of a target of type ``iframe``, whose id is the frame's. A navigation may move a
frame to another process and back. The browser reports both sides of that separately, so the two halves come in either
order::

    out:   Target.attachedToTarget (iframe)      Page.frameDetached reason=swap    (or the other way round)
    back:  Target.detachedFromTarget             Page.frameAttached, again         (or the other way round)

Between the two halves a frame is in no session, and is still the same frame. If a frame is gone for good, and its
session has ended, its parent reports ``frameDetached`` with ``reason=remove``, or has another document, or is gone
itself.

When a document goes, the frames in it go, too; the browser does not report each of them. A document that is restored
from the back/forward cache has its frames again, but only those in other processes are reported:
:class:`FrameTreeChanged` says that ``Page.getFrameTree`` has to be called to learn about the others.

If a prerendered page takes the place of another one, the main frame gets another id. For its users, it is the same
frame.

``Page.getFrameTree`` is answered by the process that sends these events, in the order in which they happened. So it may
be called at any time: its result is applied like an event, and frames that were reported before it, whose parents were
not known yet, then find their place.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import msgspec

from txcdp._recent import Recent
from txcdp.domains import page
from txcdp.model._table import Change, Row, Table
from txcdp.model._targets import SessionAttached, SessionClosed, SessionCrashed

#: The number of detached frames that are remembered by their ids.
_REMEMBERED = 1000


class Frame(Row):
    """A frame.

    :ivar parent_id: the frame around it; None if it is a page's main frame.
    :ivar session_id: the session that reports it; None while it moves from one process to another.
    :ivar url: the URL of its document, with the fragment; if the browser shows an error, the URL that could not be
        reached.
    :ivar loader_id: the loader id of its document; ``""`` until one is known.
    :ivar parent_loader_id: the document that contains it.
    """

    id: str
    parent_id: str | None
    session_id: str | None
    url: str = ""
    name: str = ""
    loader_id: str = ""
    parent_loader_id: str = ""


class FrameAttached(Change, frozen=True, gc=False):
    """A frame was attached."""

    frame: Frame


class FrameSwapped(Change, frozen=True, gc=False):
    """A frame is reported by another session from now on.

    :ivar session_id: the session that reported it before; None: it was between two.
    """

    frame: Frame
    session_id: str | None


class FrameRenamed(Change, frozen=True, gc=False):
    """A page's main frame has a new id, because a prerendered page has taken its place."""

    frame: Frame
    old_id: str


class FrameChanged(Change, frozen=True, gc=False):
    """A frame has another URL, name or document."""

    frame: Frame


class FrameTreeChanged(Change, frozen=True, gc=False):
    """A frame's document was restored with child frames that are not reported: call ``Page.getFrameTree``."""

    frame: Frame


class FrameDetached(Change, frozen=True, gc=False):
    """A frame is gone; its child frames went before it."""

    frame: Frame


class Frames(Table):
    """The frames of all pages.

    :ivar frames: by id.
    """

    name = "frames"

    def __init__(self, emit: Callable[[Change], None]) -> None:
        super().__init__(emit)
        self.frames: dict[str, Frame] = {}
        self._children: dict[str, dict[str, None]] = {}
        self._in_session: dict[str, dict[str, None]] = {}
        #: The top frame of each session: a main frame, or one whose parent is in another process.
        self._tops: dict[str, str] = {}
        self._gone: Recent[str, None] = Recent(_REMEMBERED)
        self.handlers = {
            page.FrameAttached: self._attached,
            page.FrameDetached: self._detached,
            page.FrameNavigated: self._navigated,
            page.NavigatedWithinDocument: self._moved,
            page.DocumentOpened: self._opened,
            page.GetFrameTreeResult: lambda session, result: self._tree(session, result.frame_tree),
        }
        self.reactions = {
            SessionAttached: self._session_attached,
            SessionClosed: self._session_closed,
            SessionCrashed: self._session_crashed,
        }

    def children(self, frame_id: str) -> list[Frame]:
        """Return the frames in a frame, in the order of attaching."""
        frames = self.frames  # one that is being removed is in none, be it its own parent
        return [frames[each] for each in self._children.get(frame_id, ()) if each in frames]

    def top(self, session: str) -> Frame | None:
        """Return the top frame of a session; None if none is known."""
        return self.frames.get(self._tops.get(session, ""))

    def is_gone(self, frame_id: str) -> bool:
        """Return whether a frame existed and is gone: later events of it are echoes."""
        return frame_id in self._gone

    def in_session(self, session: str) -> list[Frame]:
        """Return the frames that a session reports."""
        return [self.frames[each] for each in self._in_session.get(session, ())]

    def snapshot(self) -> list[Any]:
        """Return the frames as plain data."""
        return [msgspec.to_builtins(each) for each in self.frames.values()]

    # What the frames' own processes tell:

    def _attached(self, session: str, event: page.FrameAttached) -> None:
        frame = self.frames.get(event.frame_id)
        if frame is None:
            if event.parent_frame_id not in self._gone:
                self._add(session, event.frame_id, event.parent_frame_id)
        elif frame.session_id is None or self._tops.get(frame.session_id) == frame.id:
            self._move(frame, session)  # back from another process; else a second session tells of the same page

    def _detached(self, session: str, event: page.FrameDetached) -> None:
        frame = self.frames.get(event.frame_id)
        if frame is None:
            return
        if event.reason != "swap":
            self._remove(frame)
            return
        for each in self.children(frame.id):  # they were in the document that is left behind
            if each.session_id == session:
                self._remove(each)
        if frame.session_id == session:
            self._move(frame, None)

    def _navigated(self, session: str, event: page.FrameNavigated) -> None:
        said = event.frame
        frame = self.frames.get(said.id) or self._renamed(session, said)
        if frame is None:
            if said.parent_id is not None and said.id in self._gone:
                return
            frame = self._add(session, said.id, said.parent_id)
        elif frame.session_id is None:
            self._move(frame, session)
        if frame.loader_id == said.loader_id:  # told twice
            self._describe(frame, said)
            return
        restored = event.type == "BackForwardCacheRestore"
        for each in self.children(frame.id):
            # Those of a document that comes back, in other processes, are there again before it.
            if restored and each.session_id not in (None, session):
                each.parent_loader_id = said.loader_id
            else:
                self._remove(each)
        self._describe(frame, said)
        if restored:
            self.emit(FrameTreeChanged(frame))

    def _moved(self, session: str, event: page.NavigatedWithinDocument) -> None:
        frame = self.frames.get(event.frame_id)
        if frame is not None and frame.url != event.url:
            frame.url = event.url
            self.emit(FrameChanged(frame))

    def _opened(self, session: str, event: page.DocumentOpened) -> None:
        frame = self.frames.get(event.frame.id)
        if frame is not None and frame.loader_id in ("", event.frame.loader_id):
            self._describe(frame, event.frame)  # it has the URL of the document whose script has opened it

    def _tree(self, session: str, tree: page.FrameTree) -> None:
        said = tree.frame
        frame = self.frames.get(said.id) or self._renamed(session, said)
        if frame is None:
            frame = self._add(session, said.id, said.parent_id)
        elif frame.session_id is None:
            self._move(frame, session)
        if said.url or not frame.loader_id:  # a new process has an empty document until the commit: not the frame's
            self._describe(frame, said)
        there = {each.frame.id for each in tree.child_frames or ()}
        for child in self.children(frame.id):  # those in other processes are not in this one's tree
            if child.session_id == session and child.id not in there:
                self._remove(child)
        for each in tree.child_frames or ():
            self._tree(session, each)

    def _describe(self, frame: Frame, said: page.Frame) -> None:
        url = said.unreachable_url or said.url + (said.url_fragment or "")
        name = said.name or ""
        if not frame.loader_id:
            for each in self.children(frame.id):
                each.parent_loader_id = said.loader_id
        if (frame.url, frame.name, frame.loader_id) != (url, name, said.loader_id):
            frame.url, frame.name, frame.loader_id = url, name, said.loader_id
            self.emit(FrameChanged(frame))

    def _renamed(self, session: str, said: page.Frame) -> Frame | None:
        """Return the previous main frame, if its session reports another one."""
        old = self.top(session)
        if old is None or said.parent_id is not None or old.parent_id is not None:
            return None
        for each in self.children(old.id):
            self._remove(each)
        old_id, old.id = old.id, said.id
        self.frames[old.id] = self.frames.pop(old_id)
        self._tops[session] = old.id
        self._in_session[session].pop(old_id, None)
        self._in_session[session][old.id] = None
        self.emit(FrameRenamed(old, old_id))
        return old

    # What is told of their sessions:

    def _session_attached(self, change: SessionAttached) -> None:
        found = change.target
        self._gone.pop(found.id, None)
        if found.type != "iframe":
            return
        frame = self.frames.get(found.id)
        if frame is None:
            self._add(change.session.id, found.id, found.parent_frame_id or found.parent_id)
        else:
            self._move(frame, change.session.id)
        self._tops[change.session.id] = found.id

    def _session_closed(self, change: SessionClosed) -> None:
        top = self._tops.pop(change.session_id, None)
        for each in self.in_session(change.session_id):
            parent = self.frames.get(each.parent_id or "")
            moves = each.id == top and parent is not None and parent.loader_id == each.parent_loader_id
            if each.id not in self.frames:
                continue
            if moves:
                for child in self.children(each.id):
                    self._remove(child)
                self._move(each, None)
            else:
                self._remove(each)

    def _session_crashed(self, change: SessionCrashed) -> None:
        top = self.top(change.session_id)
        if top is not None:
            for each in self.children(top.id):
                self._remove(each)

    # The rows:

    def _add(self, session: str, frame_id: str, parent_id: str | None) -> Frame:
        parent = self.frames.get(parent_id or "")
        self._gone.pop(frame_id, None)
        frame = Frame(id=frame_id, parent_id=parent_id, session_id=session)
        frame.parent_loader_id = "" if parent is None else parent.loader_id
        self.frames[frame_id] = frame
        if parent_id is None:
            self._tops[session] = frame_id
        else:
            self._children.setdefault(parent_id, {})[frame_id] = None
        self._in_session.setdefault(session, {})[frame_id] = None
        self.emit(FrameAttached(frame))
        return frame

    def _move(self, frame: Frame, session: str | None) -> None:
        before = frame.session_id
        if before == session:
            return
        if before is not None:
            self._leave(frame, before)
        frame.session_id = session
        if session is not None:
            self._in_session.setdefault(session, {})[frame.id] = None
            self.emit(FrameSwapped(frame, before))

    def _remove(self, frame: Frame) -> None:
        if self.frames.pop(frame.id, None) is None:
            return
        for each in self.children(frame.id):
            self._remove(each)
        if frame.session_id is not None:
            self._leave(frame, frame.session_id)
        siblings = self._children.get(frame.parent_id or "")
        if siblings is not None:
            siblings.pop(frame.id, None)
            if not siblings:
                del self._children[frame.parent_id or ""]
        self._gone[frame.id] = None
        self.emit(FrameDetached(frame))

    def _leave(self, frame: Frame, session: str) -> None:
        inside = self._in_session.get(session)
        if inside is not None:
            inside.pop(frame.id, None)
            if not inside:
                del self._in_session[session]
        if self._tops.get(session) == frame.id:
            del self._tops[session]
