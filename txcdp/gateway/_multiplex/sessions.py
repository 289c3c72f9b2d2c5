"""A client's sessions: where each stands in the browser, by which name the client knows it, what it watches."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from txcdp.gateway._multiplex.messages import write_event
from txcdp.gateway._multiplex.target_filters import Discovery, Filter, matches

if TYPE_CHECKING:
    from txcdp.gateway._multiplex.state import ClientState

#: The session id of the line's own session with the browser.
ROOT: Final = b""


class ClientSession:
    """A session of a client.

    A *browser session* is with the browser itself: the client's root session is one, which the gateway has opened for
    it, and the client may open more. Any other is with a page or what belongs to a page.

    :param parent: the session on which the client is told of this one; None for its root session.
    :param parent_key: the id of the session on which the browser tells of this one: that of ``parent``, or of a
        watcher.
    :ivar children: the sessions that the client is told of on it, by their ids.
    :ivar waiting: the ids, on the line, of what it has not answered.
    :ivar nested: whether it is not flat: all that it sends and receives is wrapped in messages of ``parent``.
    :ivar nests: whether those that the browser attaches it to by itself are not flat either.
    :ivar attaching: the targets that the client has asked to attach it to, in order, each with whether that is nested.
    :ivar name: how its messages are marked: with its id, or ``""`` for the root session and for a nested one.
    :ivar strip: how the browser ends a message of this session that the client has to see without its id.
    :ivar discovery: what it has been told of targets; None while it does not discover any.
    :ivar auto_attach_filter: which new targets it is attached to by itself; None while it is to none.
    :ivar wait_for_debugger: whether these wait for ``Runtime.runIfWaitingForDebugger``.
    :ivar asked: the targets that the gateway has asked the browser to attach it to.
    :ivar taken: the targets that it was attached to by itself.
    """

    __slots__ = (
        "asked",
        "attaching",
        "auto_attach_filter",
        "children",
        "discovery",
        "id",
        "is_browser",
        "key",
        "name",
        "nested",
        "nests",
        "parent",
        "parent_key",
        "strip",
        "taken",
        "target_id",
        "virtual",
        "wait_for_debugger",
        "waiting",
    )

    def __init__(
        self,
        session_id: str,
        target_id: str,
        kind: str,
        *,
        virtual: ClientState,
        parent: ClientSession | None,
        parent_key: bytes,
        nested: bool = False,
    ) -> None:
        self.id = session_id
        self.key = session_id.encode()
        self.target_id = target_id
        self.is_browser = kind == "browser"
        self.virtual = virtual
        self.parent = parent
        self.parent_key = parent_key
        self.nested = nested
        self.nests = False
        self.attaching: list[tuple[str, bool]] = []
        self.name = "" if parent is None or nested else session_id
        self.strip = b"" if self.name else b',"sessionId":"%b"}' % self.key
        self.discovery: Discovery | None = None
        self.auto_attach_filter: Filter | None = None
        self.wait_for_debugger = False
        self.children: dict[str, ClientSession] = {}
        self.waiting: set[int] = set()
        self.asked: set[str] = set()
        self.taken: dict[str, ClientSession] = {}

    def deliver(self, message: bytes) -> None:
        """Send the client a message of this session."""
        if self.nested and self.parent is not None:
            told = {"sessionId": self.id, "message": message.decode("utf-8", "replace"), "targetId": self.target_id}
            self.parent.deliver(write_event("Target.receivedMessageFromTarget", told, self.parent.name))
        else:
            self.virtual.deliver(message)

    def attach_asked(self, target_id: str) -> bool | None:
        """Take out the first attachment to a target that the client has asked for.

        :returns: whether it is nested; None where there is none.
        """
        for each in self.attaching:
            if each[0] == target_id:
                self.attaching.remove(each)
                return each[1]
        return None

    def left(self, session: ClientSession) -> None:
        """Release the target of a session that has ended, or is about to, so that it can be attached to again."""
        if self.taken.get(session.target_id) is session:
            del self.taken[session.target_id]

    def wants(self, kind: str, target_id: str) -> bool:
        """Return whether it is to be attached to a target by itself, and is not yet."""
        return (
            self.auto_attach_filter is not None
            and matches(self.auto_attach_filter, kind)
            and target_id not in self.taken
        )
