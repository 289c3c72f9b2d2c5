"""A client's sessions: where each stands in the browser, by which name the client knows it, what it watches."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from txcdp.gateway._multiplex.targets import Discovery, Filter, matches

if TYPE_CHECKING:
    from txcdp.gateway._multiplex.state import Belongings

#: The session id of the line's own session with the browser.
ROOT: Final = b""


class Session:
    """A session of a client.

    A *browser session* is with the browser itself: the client's root session is one, which the gateway has opened for
    it, and the client may open more. Any other is with a page or what belongs to a page.

    :param upper: the session in whose name the client hears of this one; None for its root session.
    :param parent: the id of the session on which the browser tells of this one: that of ``upper``, or of a watcher.
    :ivar below: the sessions that the client hears of in its name, by their ids.
    :ivar waiting: the ids, on the line, of what it has not answered.
    :ivar name: what the client calls it: its id, or ``""`` for the root session.
    :ivar strip: how the browser ends a message of this session that the client has to see without its id.
    :ivar discovery: what it has been told of targets; None while it does not discover any.
    :ivar takes: which new targets it is attached to by itself; None while it is to none.
    :ivar waits: whether these wait for ``Runtime.runIfWaitingForDebugger``.
    :ivar asked: the targets that the gateway has asked the browser to attach it to.
    :ivar taken: the targets that it was attached to by itself.
    """

    __slots__ = (
        "asked",
        "below",
        "discovery",
        "id",
        "is_browser",
        "key",
        "name",
        "parent",
        "strip",
        "taken",
        "takes",
        "target_id",
        "upper",
        "waiting",
        "waits",
        "world",
    )

    def __init__(
        self, session_id: str, target_id: str, kind: str, *, world: Belongings, upper: Session | None, parent: bytes
    ) -> None:
        self.id = session_id
        self.key = session_id.encode()
        self.target_id = target_id
        self.is_browser = kind == "browser"
        self.world = world
        self.upper = upper
        self.parent = parent
        self.name = "" if upper is None else session_id
        self.strip = b',"sessionId":"%b"}' % self.key if upper is None else b""
        self.discovery: Discovery | None = None
        self.takes: Filter | None = None
        self.waits = False
        self.below: dict[str, Session] = {}
        self.waiting: set[int] = set()
        self.asked: set[str] = set()
        self.taken: dict[str, Session] = {}

    def left(self, session: Session) -> None:
        """Hear that a session is no more, or is about to be: its target may be taken anew."""
        if self.taken.get(session.target_id) is session:
            del self.taken[session.target_id]

    def wants(self, kind: str, target_id: str) -> bool:
        """Tell whether it is to be attached to a target by itself, and is not yet."""
        return self.takes is not None and matches(self.takes, kind) and target_id not in self.taken
