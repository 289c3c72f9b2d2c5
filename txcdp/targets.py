"""The table of sessions, and what the life of their targets does to them.

A session is added and removed here alone, inside the handling of the event that says so and before
any later message; so no event of a new session is ever missed, and none of an old one delivered.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from twisted.internet.defer import Deferred
from twisted.logger import Logger

from txcdp.attach import AutoAttach, let_run
from txcdp.domains import target
from txcdp.errors import ConnectionLost, Gone, MalformedMessage, SessionDetached, TargetCrashed
from txcdp.pending import PendingCommands
from txcdp.routing import Routes
from txcdp.session import Channel, Session
from txcdp.streams import Stream
from txcdp.wire import EventDecoder, event_prefix, session_of

log = Logger()

#: Delivers the event at hand to its subscribers.
Deliver = Callable[[], bool]


class LifeRoute:
    """The route of an event that changes the life of a session.

    :param handle: what is to be done; given the message, the session that it came through, and what
        delivers it to the subscribers.
    """

    def __init__(
        self,
        method: bytes,
        handle: Callable[[bytes, Session, Deliver], None],
        routes: Routes,
        sessions: dict[bytes, Session],
    ) -> None:
        self._method = method
        self._prefix = event_prefix(method)
        self._handle = handle
        self._routes = routes
        self._sessions = sessions

    def deliver(self, message: bytes, session: bytes | None) -> bool:
        """Handle a message; one of an unknown session is nobody's."""
        key = session_of(message, self._prefix) if session is None else session
        known = self._sessions.get(key)
        if known is None:
            return False
        self._handle(message, known, lambda: self._routes.deliver_to_streams(self._method, message, key))
        return True


class Targets:
    """All sessions of one connection, by id.

    :param channel: the connection, as its sessions see it.
    :param pending: the commands in flight, of which those of an ended session fail.
    :param routes: where the events that tell of targets' lives are found.
    """

    def __init__(self, channel: Channel, pending: PendingCommands, routes: Routes) -> None:
        self._channel = channel
        self._pending = pending
        self.root = Session(channel)
        self.sessions: dict[bytes, Session] = {b"": self.root}
        self.attached: Stream[Session] = Stream(channel.context, "attached sessions")
        self._read_attached: EventDecoder[target.AttachedToTarget] = EventDecoder(
            target.AttachedToTarget, channel.count_lenient
        )
        self._read_detached: EventDecoder[target.DetachedFromTarget] = EventDecoder(
            target.DetachedFromTarget, channel.count_lenient
        )
        for method, handle in {
            b"Target.attachedToTarget": self._on_attached,
            b"Target.detachedFromTarget": self._on_detached,
            b"Inspector.targetCrashed": self._on_crashed,
            b"Inspector.targetReloadedAfterCrash": self._on_reloaded,
        }.items():
            routes.fix(method, LifeRoute(method, handle, routes, self.sessions))

    def of_target(self, target_id: str) -> Session | None:
        """Return the open session of a target, None where it has none."""
        for session in self.sessions.values():
            if session.target is not None and session.target.target_id == target_id:
                return session
        return None

    def end(self, session: Session, reason: Gone) -> None:
        """Take a session out, with those attached through it, and end what belongs to them."""
        ending = {session}
        for each in self.sessions.values():  # in the order of attaching: parents come before their children
            if each.parent in ending:
                ending.add(each)
        for each in [each for each in reversed(self.sessions.values()) if each in ending]:
            why = reason if each is session else SessionDetached(each.id or "", _name(each))
            if self.sessions.pop(each.key, None) is not None:
                each.end(why, None)  # first, so that whoever hears of a failure finds it ended
                self._pending.fail(why, each)

    def end_all(self, lost: ConnectionLost) -> None:
        """End every session, because the connection is lost."""
        sessions = list(self.sessions.values())
        self.sessions.clear()
        error = None if lost.clean else lost
        for session in reversed(sessions):
            session.end(lost, error)
        self.attached.end(error)

    def _on_attached(self, message: bytes, parent: Session, deliver: Deliver) -> None:
        event = self._read_attached(message)
        required: tuple[Any, Any] = (event.session_id, event.target_info)  # tolerant reading may lack them
        if not isinstance(required[0], str) or not isinstance(required[1], target.TargetInfo):
            raise MalformedMessage(f"{event.method} without a session or a target")
        session = Session(self._channel, event.session_id, event.target_info, parent)
        if session.key in self.sessions:
            deliver()
            return
        twin = self.of_target(event.target_info.target_id)
        policy = parent.auto_attach
        if policy is not None and (twin is not None or not _wanted(policy, event.target_info)):
            deliver()
            self._release(session, event.waiting_for_debugger)
            return
        self.sessions[session.key] = session
        if policy is not None:
            try:
                policy.admit(session)
            except Exception:
                log.failure("Setting up {session} failed; its target runs all the same", session=session)
        self.attached.push(session)
        deliver()
        if event.waiting_for_debugger:
            let_run(session)

    def _release(self, session: Session, waiting: bool) -> None:
        """Let an unwanted target run, and detach from it; its session never comes to be."""
        if waiting:
            let_run(session)
        through = session.parent or self.root  # the browser knows a session only there
        self._quietly(through.execute(target.detach_from_target(session_id=session.id)))

    @staticmethod
    def _quietly(deferred: Deferred[Any]) -> None:
        """Ignore the outcome of a detaching: when it fails, the target is gone already."""
        deferred.addErrback(lambda _: None)

    def _on_detached(self, message: bytes, parent: Session, deliver: Deliver) -> None:
        event = self._read_detached(message)
        deliver()
        session = self.sessions.get(str(event.session_id).encode("utf-8", "surrogatepass"))
        if session is not None and session is not self.root:
            self.end(session, SessionDetached(session.id or "", _name(session)))

    def _on_crashed(self, message: bytes, session: Session, deliver: Deliver) -> None:
        deliver()
        error = TargetCrashed(session.id or "root", _name(session))
        session.crash(lambda: self._pending.fail(error, session))

    def _on_reloaded(self, message: bytes, session: Session, deliver: Deliver) -> None:
        session.revive()
        deliver()


def _wanted(policy: AutoAttach, info: target.TargetInfo) -> bool:
    if policy.keep is None:
        return True
    try:
        return bool(policy.keep(info))
    except Exception:
        log.failure("Choosing whether to keep target {id} failed; it is kept", id=info.target_id)
        return True


def _name(session: Session) -> str:
    return f"{session.target.type} {session.target.target_id}" if session.target is not None else ""
