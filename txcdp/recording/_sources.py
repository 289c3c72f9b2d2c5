"""The sessions that events come from: how their lines begin, and whether they are recorded."""

from __future__ import annotations

from collections.abc import Callable, Collection
from typing import Any

from twisted.internet.defer import Deferred

from txcdp._core.connection import Connection
from txcdp._core.sessions import Session
from txcdp.domains.target import TargetInfo, TargetInfoChanged
from txcdp.errors import Gone
from txcdp.recording._entries import head_of
from txcdp.recording._filters import Filter

#: The most unknown sessions that are remembered.
_STRANGERS = 1000


class Source:
    """A session whose events are recorded, or not.

    :param kind: the kind of target, if the session does not say.
    :ivar head: how its lines begin.
    :ivar wanted: whether its events are recorded.
    """

    __slots__ = ("head", "id", "info", "kind", "parent", "target", "url", "wanted")

    def __init__(self, session_id: str | None, info: TargetInfo | None, parent: str | None, kind: str = "") -> None:
        self.id = session_id
        self.info = info
        self.parent = parent
        self.target = None if info is None else info.target_id
        self.kind = kind if info is None else str(info.type)
        self.url = "" if info is None else str(info.url)
        self.head = head_of(self.id, self.target)
        self.wanted = True

    def as_dict(self, frames: bool = False) -> dict[str, Any]:
        """Return the description of it for a note.

        :param frames: whether a note of its existing frames follows.
        """
        about: dict[str, Any] = {
            "session": self.id,
            "target": self.target,
            "type": self.kind,
            "url": self.url,
            "opener": None if self.info is None else self.info.opener_id,
            "parent": self.parent,
        }
        around = None if self.info is None else self.info.parent_frame_id or self.info.parent_id
        if self.kind == "iframe" and around is not None:
            about["parent_frame"] = around
        return {**about, "frames": True} if frames else about


class Sources:
    """All sessions of a connection, by their representation in messages.

    :param wanted: what is recorded.
    :param note: writes a note of a kind.
    """

    def __init__(self, connection: Connection, wanted: Filter, note: Callable[..., object]) -> None:
        self._connection = connection
        self._filter = wanted
        self._note = note
        self._known: dict[bytes, Source] = {}
        self._of: dict[Session, Source] = {}
        self._waiting: dict[Session, Deferred[Gone]] = {}
        self._root_kind = "browser"

    def find(self, key: bytes) -> Source:
        """Return the source of a message; a session that has a new id after a lost connection is found, too."""
        source = self._known.get(key)
        if source is not None:
            return source
        for session in self._connection.sessions:
            if session._key == key:
                return self.add(session)
        source = Source(key.decode("utf-8", "surrogatepass"), None, None)
        source.wanted = self._filter.wants_target("", None, "")
        if len(self._known) < _STRANGERS:
            self._known[key] = source
        return source

    def add(self, session: Session, has_frames: Callable[[Source], bool] | None = None) -> Source:
        """Add a session, and note that it begins.

        :param has_frames: returns whether a note of its existing frames follows.
        """
        parent = None if session.parent is None else session.parent.id
        source = Source(session.id, session.target, parent, "" if session.id else self._root_kind)
        self._judge(source)
        if session not in self._of:
            self._waiting[session] = session.when_ended()
            self._waiting[session].addCallbacks(self._ended, lambda _: None, callbackArgs=(session,))
        self._of[session] = self._known[session._key] = source
        if session.id is not None:
            self._note("attached", **source.as_dict(has_frames is not None and has_frames(source)))
        return source

    def of(self, session: Session) -> Source | None:
        """Return the source of a session; None if it has not been added."""
        return self._of.get(session)

    def set_root(self, kind: str) -> None:
        """Set the kind of target that the root session belongs to."""
        self._root_kind = kind
        self.add(self._connection.session)

    def changed(self, event: TargetInfoChanged) -> None:
        """Store a target's new URL, and decide again whether it is recorded."""
        info = event.target_info
        for source in self._of.values():
            if source.target is not None and source.target == info.target_id and source.url != str(info.url):
                source.url = str(info.url)
                self._judge(source)
                self._note("changed", session=source.id, target=source.target, type=source.kind, url=source.url)

    def as_list(self, asked: Collection[str | None] = ()) -> list[dict[str, Any]]:
        """Return the descriptions for a file's first note; the root session is always included.

        :param asked: the ids of those whose frames a note will list.
        """
        return [source.as_dict(source.id in asked) for source in self._of.values() if source.id is not None]

    def forget(self) -> None:
        """Stop listening to all of them."""
        waiting, self._waiting = self._waiting, {}
        for each in waiting.values():
            each.cancel()
        self._of.clear()
        self._known.clear()

    def _judge(self, source: Source) -> None:
        source.wanted = self._filter.wants_target(source.kind, source.target, source.url)

    def _ended(self, reason: Gone, session: Session) -> None:
        source = self._of.pop(session)
        del self._waiting[session]
        for key in [key for key, each in self._known.items() if each is source]:
            del self._known[key]
        if source.id is not None:
            self._note("detached", session=source.id, target=source.target, reason=str(reason))
