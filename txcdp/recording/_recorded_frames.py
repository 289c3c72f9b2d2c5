"""The current frames of a recorded browser: those that its notes list as already there, and the events since."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any, Final

import msgspec

from txcdp._core.connection import Connection
from txcdp._core.sessions import Session
from txcdp._deferreds import ignore_failure
from txcdp.domains import inspector, page, target
from txcdp.model import BrowserModel, Frame, FrameDetached, FrameRenamed
from txcdp.protocol import Event, Record, from_json, to_json
from txcdp.protocol._records import REJECTED, build

#: The events that frames are known from.
_FED: Final[tuple[type[Event], ...]] = (
    *BrowserModel().wants("frames"),
    *(target.AttachedToTarget, target.DetachedFromTarget, inspector.TargetCrashed),
)

#: The most levels of frames that are reported.
_DEEPEST: Final = 100

#: The properties of a frame of which only the existence is known.
_UNTOLD: Final = {
    "domainAndRegistry": "",
    "securityOrigin": "://",
    "mimeType": "text/html",
    "secureContextType": "InsecureScheme",
    "crossOriginIsolatedContextType": "NotIsolated",
    "gatedAPIFeatures": [],
}


def tree_in(note: Mapping[str, Any]) -> page.GetFrameTreeResult | None:
    """Return the frames in a ``frames`` note; None if the page did not answer, or had no frames."""
    answer = {"frameTree": note.get("tree")}
    try:
        return msgspec.convert(answer, page.GetFrameTreeResult)
    except REJECTED:  # of a browser of another age, or of none
        told = build(page.GetFrameTreeResult, answer)
    return told if all(map(_is_frame, _trees_in(told))) else None


def _trees_in(told: page.GetFrameTreeResult) -> Iterator[Any]:
    """Return the tree with all trees in it."""
    left: list[Any] = [told.frame_tree]
    while left:
        tree = left.pop()
        yield tree
        below = tree.child_frames if isinstance(tree, page.FrameTree) else None
        left.extend(below if isinstance(below, list) else ())


def _is_frame(tree: object) -> bool:
    frame = tree.frame if isinstance(tree, page.FrameTree) else None
    if not isinstance(frame, page.Frame):
        return False
    wanted: tuple[object, ...] = (frame.id, frame.url, frame.loader_id)
    return all(isinstance(each, str) for each in wanted)


class RecordedFrames:
    """The frames of all sessions of a connection that plays a recording.

    :param connection: the connection that reports what was recorded.
    """

    def __init__(self, connection: Connection) -> None:
        self._connection = connection
        self.lose()
        self._listen(connection.session)
        connection.attached.subscribe(self._listen, ignore_failure)

    def lose(self) -> None:
        """Forget all frames: the connection was lost, and what happens meanwhile is not reported."""
        self._model = BrowserModel()
        #: What the browser itself has reported of frames, by their ids.
        self._said: dict[str, page.Frame] = {}
        #: Sessions whose frames are all known, and those that were asked and have not answered yet.
        self._known: set[str] = set()
        self._expected: set[str] = set()

    def expect(self, session_id: object) -> None:
        """Note that a session was asked for its frames, and that its answer follows."""
        if isinstance(session_id, str) and session_id not in self._known:
            self._expected.add(session_id)

    def is_expected(self, session_id: str | None) -> bool:
        """Return whether the frames of a session are not known yet, but will be."""
        return session_id in self._expected

    def answered(self, session_id: str | None, told: page.GetFrameTreeResult | None) -> None:
        """Process a session's answer; None: there is none."""
        key = session_id or ""
        self._expected.discard(key)
        if told is not None:
            self._known.add(key)
            self._feed(key, told)

    def tree(self, session_id: str | None) -> dict[str, Any] | None:
        """Return the frames of a session as a ``Page.FrameTree``; None if not all of them are known."""
        own = next((each for each in self._connection.sessions if each.id == session_id), None)
        for each in () if own is None else (own, *self._others(own)):
            top = self._model.frames.top(each.id or "")
            if top is not None and (each.id or "") in self._known:
                return self._as_tree(top, _DEEPEST)
        return None

    def _others(self, session: Session) -> list[Session]:
        """Return the other sessions of the same target."""
        info = session.target
        if info is None:
            return []
        return [
            each
            for each in self._connection.sessions
            if each is not session and each.target is not None and each.target.target_id == info.target_id
        ]

    def _as_tree(self, row: Frame, levels: int) -> dict[str, Any]:
        tree: dict[str, Any] = {"frame": self._as_frame(row)}
        below = self._model.frames.children(row.id) if levels else []
        children = [self._as_tree(each, levels - 1) for each in below if each.session_id == row.session_id]
        return {**tree, "childFrames": children} if children else tree

    def _as_frame(self, row: Frame) -> dict[str, Any]:
        said = self._said.get(row.id)
        frame = dict(_UNTOLD) if said is None else from_json(to_json(said))
        frame |= {"id": row.id, "loaderId": row.loader_id}
        if row.parent_id is not None:
            frame["parentId"] = row.parent_id
        if row.name:
            frame["name"] = row.name
        if said is None or not said.unreachable_url:
            frame["url"], sign, fragment = row.url.partition("#")
            frame.pop("urlFragment", None)
            if sign:
                frame["urlFragment"] = sign + fragment
        return frame

    # What comes:

    def _listen(self, session: Session) -> None:
        session._feed_into(_FED, lambda event: self._take(session, event))

    def _take(self, session: Session, event: Event) -> None:
        key = session.id or ""
        if isinstance(event, page.FrameNavigated) and self._is_top(session, event.frame):
            # With its document go all frames that nobody has told of; one that comes back has others, untold.
            (self._known.discard if event.type == "BackForwardCacheRestore" else self._known.add)(key)
        self._feed(key, event)
        if isinstance(event, target.AttachedToTarget) and event.waiting_for_debugger:
            self._begin(event.session_id, event.target_info)

    def _is_top(self, session: Session, frame: page.Frame) -> bool:
        return frame.parent_id is None or (session.target is not None and session.target.target_id == frame.id)

    def _begin(self, session_id: str, info: target.TargetInfo) -> None:
        """Treat a target that has not run yet as completely known."""
        self._known.add(session_id)
        if info.type == "page" and info.target_id not in self._model.frames.frames:
            frame = {**_UNTOLD, "id": info.target_id, "loaderId": "", "url": info.url or "about:blank"}
            told = tree_in({"tree": {"frame": frame}})
            if told is not None:
                self._model.feed(session_id, told)

    def _feed(self, key: str, record: Record) -> None:
        changes = self._model.feed(key, record)
        for change in changes:
            if isinstance(change, FrameDetached):
                self._said.pop(change.frame.id, None)
            elif isinstance(change, FrameRenamed):
                self._said.pop(change.old_id, None)
        if isinstance(record, page.FrameNavigated | page.DocumentOpened):
            self._store(record.frame)
        elif isinstance(record, page.GetFrameTreeResult):
            for tree in _trees_in(record):
                self._store(tree.frame)

    def _store(self, frame: page.Frame) -> None:
        frame_id: object = frame.id  # which a browser of another age may have left out
        row = self._model.frames.frames.get(frame_id) if isinstance(frame_id, str) else None
        if row is not None and row.loader_id == frame.loader_id:
            self._said[frame.id] = frame
