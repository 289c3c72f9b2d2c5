"""The table of sessions, and how events of their targets change it.

Sessions are added and removed only here, while the event that reports it is being handled, before any later message. So
no event of a new session is missed, and none of an ended one is delivered.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from twisted.internet.defer import Deferred, succeed
from twisted.logger import Logger
from twisted.python.failure import Failure

from txcdp._core.dispatch.pending import PendingCommands
from txcdp._core.dispatch.routing import EventRoutes
from txcdp._core.sessions.session import AutoAttach, Channel, Session, session_key
from txcdp._core.sessions.waiting import Waiting, is_held, let_run
from txcdp._deferreds import ignore_failure, returns_deferred, unless_cancelled
from txcdp._logs import LogThrottle
from txcdp._privacy import printable
from txcdp.domains import target
from txcdp.errors import ConnectionLost, Gone, MalformedMessage, SessionDetached, TargetCrashed
from txcdp.protocol._wire import EventDecoder, event_prefix, session_of
from txcdp.streams import Gap, StreamSubject

log = Logger()

#: Delivers the event being handled to its subscribers.
Deliver = Callable[[], bool]


class LifeRoute:
    """The route of an event that begins, ends or changes a session.

    :param handle: handles the event; called with the message, the session that it came through, and a function that
        delivers it to the subscribers.
    """

    def __init__(
        self,
        method: bytes,
        handle: Callable[[bytes, Session, Deliver], None],
        routes: EventRoutes,
        sessions: dict[bytes, Session],
    ) -> None:
        self._method = method
        self._prefix = event_prefix(method)
        self._handle = handle
        self._routes = routes
        self._sessions = sessions

    def deliver(self, message: bytes, session: bytes | None) -> bool:
        """Handle a message; those of unknown sessions are ignored."""
        key = session_of(message, self._prefix) if session is None else session
        known = self._sessions.get(key)
        if known is None:
            return False
        self._handle(message, known, lambda: self._routes.deliver_to_streams(self._method, message, key))
        return True


class SessionTable:
    """All sessions of one connection, by id.

    :param channel: the connection, as its sessions see it.
    :param pending: the commands in flight; those of an ended session fail.
    :param routes: the routes on which the events about targets are registered.
    """

    def __init__(self, channel: Channel, pending: PendingCommands, routes: EventRoutes) -> None:
        self._channel = channel
        self._pending = pending
        self._may_log = LogThrottle(channel._dispatcher.context.clock)
        self.root = Session(channel)
        self.sessions: dict[bytes, Session] = {b"": self.root}
        #: The suspended sessions that are not restored yet; parents before their children.
        self.adrift: list[Session] = []
        #: Makes the gap that is delivered to a session when it is restored.
        self.gap: Callable[[], Gap] | None = None
        self._settle: dict[Session, Callable[[], object]] = {}
        self._waiting = Waiting(self.root, channel._dispatcher.context.clock)
        self.attached: StreamSubject[Session] = StreamSubject(channel._dispatcher.context, "attached sessions")
        self._read_attached: EventDecoder[target.AttachedToTarget] = EventDecoder(
            target.AttachedToTarget, channel._dispatcher.count_lenient
        )
        self._read_detached: EventDecoder[target.DetachedFromTarget] = EventDecoder(
            target.DetachedFromTarget, channel._dispatcher.count_lenient
        )
        for method, handle in {
            b"Target.attachedToTarget": self._on_attached,
            b"Target.detachedFromTarget": self._on_detached,
            b"Inspector.targetCrashed": self._on_crashed,
            b"Inspector.targetReloadedAfterCrash": self._on_reloaded,
        }.items():
            routes.fix(method, LifeRoute(method, handle, routes, self.sessions))

    def of_target(self, target_id: str, apart: Session | None = None) -> Session | None:
        """Return the open session with a target, or None.

        :param apart: the program's own session through which it must have been attached; None: any session of the
            library.
        """
        for session in self.sessions.values():
            if session._apart is apart and session.target is not None and session.target.target_id == target_id:
                return session
        return None

    def end(self, session: Session, reason: Gone) -> None:
        """Remove a session, with those attached through it, and end what belongs to them."""
        ending = {session}
        for each in self.sessions.values():  # in the order of attaching: parents come before their children
            if each.parent in ending:
                ending.add(each)
        for each in [each for each in reversed(self.sessions.values()) if each in ending]:
            why = reason if each is session else SessionDetached(each.id or "", each._described)
            if self.sessions.pop(each._key, None) is not None:
                each._end(why, None)  # first, so that whoever hears of a failure finds it ended
                self._pending.fail(why, each)

    @returns_deferred
    async def attach(self, target_id: str) -> Session:
        """Attach to a target, or return its existing session; see ``Connection.attach``."""
        session = self.of_target(target_id)
        if session is None:
            reply = await self.root.execute(target.attach_to_target(target_id=target_id, flatten=True))
            session = self.sessions.get(session_key(reply.session_id)) or self.of_target(target_id)
            if session is None:
                raise SessionDetached(reply.session_id, target_id)
        return session

    @returns_deferred
    async def attach_apart(self, target_id: str | None) -> Session:
        """Attach to a target a second time, for the program's own use; sessions of the library are not reused.

        :param target_id: the target's id; None: the browser itself.
        """
        attaching: Deferred[Any]
        if target_id is None:
            attaching = self.root.execute(target.attach_to_browser_target())
        else:
            attaching = self.root.execute(target.attach_to_target(target_id=target_id, flatten=True))

        def attached(reply: Any) -> Session:
            session = self.sessions.get(session_key(reply.session_id))
            if session is None:
                raise SessionDetached(reply.session_id, target_id or "the browser")
            session._apart = session
            return session

        attaching.addCallback(attached)
        return await unless_cancelled(attaching, lambda session: self.detach(session).addErrback(ignore_failure))

    def detach(self, session: Session) -> Deferred[None]:
        """Detach from a session's target; see ``Session.detach``."""
        if session.suspended:
            self.abandon(session)
        if session.ended or session.id is None:
            return succeed(None)
        waiter = session.when_ended()
        done: Deferred[None] = Deferred(lambda _: waiter.cancel())
        waiter.addCallbacks(lambda _: done.callback(None), ignore_failure)

        def refused(failure: Failure) -> None:
            # When the line or the session has gone meanwhile, that ends the session as well; not so
            # where another line is being looked for.
            if not done.called and (session.suspended or not failure.check(Gone)):
                waiter.cancel()
                done.errback(failure)

        # The browser knows a session only where it was attached through.
        through = session.parent or self.root
        through.execute(target.detach_from_target(session_id=session.id)).addErrback(refused)
        return done

    def suspend(self, lost: ConnectionLost) -> None:
        """Suspend all sessions because the transport is lost and another one is being looked for."""
        self._waiting.stop()
        attached = [session for session in self.sessions.values() if session is not self.root]
        for session in attached:
            del self.sessions[session._key]
        self.adrift[:0] = attached
        for session in (self.root, *attached):
            session._suspend(lost)

    def abandon(self, session: Session, reason: Gone | None = None) -> None:
        """End a session that was suspended and will not be restored.

        :param reason: the reason, unless its target was detached from or closed.
        """
        if session in self.adrift:
            self.adrift.remove(session)
            self._settle.pop(session, None)
            session._end(reason or SessionDetached(session.id or "", session._described), None)

    def adopt(self, session: Session, session_id: str | None, info: target.TargetInfo, parent: Session | None) -> None:
        """Add a suspended session that is restored."""
        assert self.gap is not None
        self.adrift.remove(session)
        self.sessions[session_key(session_id)] = session
        session._resume(self.gap(), session_id, info, parent, self._settle.pop(session, None))

    def replace(self, session: Session, info: target.TargetInfo, settle: Callable[[], object]) -> None:
        """Attach a suspended session to another target, in place of its own.

        If auto-attach has attached to that target already, the suspended session takes over that attachment.

        :param settle: called when the session is set up.
        """
        session.target = info
        self._settle[session] = settle
        fresh = self.of_target(info.target_id)
        if fresh is not None and fresh.target is not None:
            del self.sessions[fresh._key]
            self.adopt(session, fresh.id, fresh.target, fresh.parent)
            gone = SessionDetached(fresh.id or "", fresh._described)
            fresh._end(gone, None)
            self._pending.fail(gone, fresh)

    def end_all(self, lost: ConnectionLost) -> None:
        """End every session, because the connection is lost."""
        self._waiting.stop()
        sessions = [*self.sessions.values(), *self.adrift]
        self.sessions.clear()
        self.adrift.clear()
        error = None if lost.clean else lost
        for session in reversed(sessions):
            session._end(lost, error)
        self.attached.end(error)

    def _on_attached(self, message: bytes, parent: Session, deliver: Deliver) -> None:
        event = self._read_attached(message)
        required: tuple[Any, Any] = (event.session_id, event.target_info)  # tolerant reading may lack them
        if not isinstance(required[0], str) or not isinstance(required[1], target.TargetInfo):
            raise MalformedMessage(f"{event.method} without a session or a target")
        if session_key(event.session_id) in self.sessions:
            deliver()
            return
        info, asked = event.target_info, parent._auto_attaching
        back = info.target_id in self._waiting.returning
        by_hand = asked.is_attaching(info)
        waiting = back or event.waiting_for_debugger or (not by_hand and asked.attaches(info.type) and is_held(info))
        resumes = waiting and not asked.holds(info.type)
        for session in self.adrift:
            through = session.parent is parent or session._apart is parent._apart
            if through and session.target is not None and session.target.target_id == info.target_id:
                self.adopt(session, event.session_id, info, parent)
                deliver()
                if resumes:
                    let_run(session)
                return
        session = Session(self._channel, event.session_id, info, parent)
        ours = self.of_target(info.target_id, parent._apart)
        policies = [] if by_hand and ours else [each for each in asked.policies if _wanted(each, info, self._may_log)]
        unwanted = asked.policies and (not policies or ours) and not by_hand and not asked.by_hand(info.type)
        if back or unwanted:
            deliver()
            self._waiting.release(session, waiting, shared=not (back or ours))
            return
        self.sessions[session._key] = session
        for policy in policies:
            try:
                policy._admit(session)
            except Exception:
                if self._may_log():
                    log.failure("Setting up {session} failed; its target runs anyway", session=session)
        if not self.attached.push(session) and not self.attached.listened:
            resumes = waiting  # who was to resume it has raised
        deliver()
        if resumes:
            let_run(session)

    def _on_detached(self, message: bytes, parent: Session, deliver: Deliver) -> None:
        event = self._read_detached(message)
        deliver()
        key = session_key(str(event.session_id))
        released = self._waiting.take(key)
        if released is not None:
            self._pending.fail(SessionDetached(released.id or "", released._described), released)
        session = self.sessions.get(key)
        if session is not None and session is not self.root:
            self.end(session, SessionDetached(session.id or "", session._described))

    def _on_crashed(self, message: bytes, session: Session, deliver: Deliver) -> None:
        deliver()
        error = TargetCrashed(session.id or "root", session._described)
        session._crash(lambda: self._pending.fail(error, session))

    def _on_reloaded(self, message: bytes, session: Session, deliver: Deliver) -> None:
        session._revive()
        deliver()
        if session.kind == "service_worker" and not (session.parent or self.root)._auto_attaching.holds(session.kind):
            let_run(session)  # one that was stopped, and is started once more, waits for all who have attached to it


def _wanted(policy: AutoAttach, info: target.TargetInfo, may_log: LogThrottle) -> bool:
    if not policy._want().covers(info.type):  # it is there since somebody else wants it
        return False
    if policy.keep is None:
        return True
    try:
        return bool(policy.keep(info))
    except Exception:
        if may_log():
            log.failure("Choosing whether to keep target {id} failed; it is kept", id=printable(info.target_id))
        return True
