"""A connection: all sessions with one browser over one transport.

A message's way in is four hops: the transport, the inbox, the route of its method and session, the
stream's subscribers. A command's way out: the session, :meth:`Connection.send`, the transport; the
reply fires the Deferred that the table of pending commands kept.
"""

from __future__ import annotations

import copy
from collections.abc import Callable
from types import TracebackType
from typing import Any, Self
from weakref import WeakSet

from twisted.internet.defer import Deferred, fail, succeed
from twisted.internet.interfaces import IReactorTime
from twisted.python.failure import Failure

from txcdp.deferreds import Notice, returns_deferred
from txcdp.domains import target
from txcdp.errors import ConnectionLost, Gone, MalformedMessage, SessionDetached
from txcdp.flow import Flow
from txcdp.inbox import Inbox
from txcdp.pacing import Pacer
from txcdp.pending import Decode, PendingCommands
from txcdp.records import to_json
from txcdp.routing import Routes
from txcdp.session import Default, Session, StabilityPolicy
from txcdp.stats import Stats
from txcdp.streams import EventStream, StreamContext
from txcdp.tap import Message, Tap, read_message
from txcdp.targets import Targets
from txcdp.transports.interface import Transport
from txcdp.wire import encode_command, peek_id


class Connection:
    """All sessions with one browser.

    :param transport: an open line to the browser; the connection takes what it receives.
    :param clock: the reactor, or a ``task.Clock``.
    :param timeout: default deadline of a command in seconds; None: none.
    :param stability: what to do about experimental commands: ``"any"`` sends them, ``"warn"`` sends
        them with a :class:`FutureWarning`, ``"stable"`` refuses them with :exc:`ExperimentalCommand`.
    :param linger: seconds for which a domain stays enabled after the last subscriber of its events
        has left; None: for good.
    :param max_in_flight: how many commands may wait for their replies at once; the rest is sent later.
    :param commands_per_second: how many commands may be sent in any one second.
    :ivar session: the root session, which is the browser, or the page that the URL named.
    :ivar attached: a stream of the sessions that come to be, each before its target's first event.
    :ivar stats: the counters, see :class:`txcdp.stats.Stats`.
    """

    def __init__(
        self,
        transport: Transport,
        clock: IReactorTime,
        *,
        timeout: float | None = 30.0,
        stability: StabilityPolicy = "any",
        linger: float | None = 5.0,
        max_in_flight: int | None = None,
        commands_per_second: int | None = None,
    ) -> None:
        if stability not in ("stable", "warn", "any"):
            raise ValueError(f'stability={stability!r}: use "stable", "warn" or "any"')
        self.transport = transport
        self.timeout = timeout
        self.stability = stability
        self.linger = linger
        self._stats = Stats()
        self._flow = Flow(clock, transport, self._stats, lambda: bool(self._pending))
        self.context = StreamContext(clock, self._flow)
        self._pending = PendingCommands(clock, self._stats, self._session_unknown)
        self._pacer: Pacer | None = None
        if max_in_flight is not None or commands_per_second is not None:
            self._pacer = Pacer(clock, self._transmit, max_in_flight, commands_per_second)
        self._routes = Routes()
        self._inbox = Inbox(clock, self._routes, self._pending, self._flow, self._stats, self._end)
        self._targets = Targets(self, self._pending, self._routes)
        self.session = self._targets.root
        self.attached = self._targets.attached
        self._taps: WeakSet[EventStream[Message]] = WeakSet()
        self._lost: ConnectionLost | None = None
        self._closing = False
        self._ending: Notice[ConnectionLost] = Notice()
        transport.receiver = self._inbox

    def __repr__(self) -> str:
        state = (
            "lost"
            if self._lost is not None
            else f"{len(self._targets.sessions)} sessions, {len(self._pending)} pending"
        )
        return f"<Connection: {state}>"

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self.close()

    # What users call:

    @property
    def stats(self) -> Stats:
        """The counters as of now."""
        self._stats.bytes_sent = self.transport.bytes_sent
        self._stats.bytes_received = self.transport.bytes_received
        return self._stats

    @property
    def sessions(self) -> list[Session]:
        """The sessions that are open now, the root session first."""
        return list(self._targets.sessions.values())

    @property
    def lost(self) -> ConnectionLost | None:
        """What ended the connection; None while it lives."""
        return self._lost

    @returns_deferred
    async def attach(self, target_id: str) -> Session:
        """Attach to a target (``Target.attachToTarget``), or find the session that it has.

        :param target_id: from ``Target.getTargets`` or ``Target.createTarget``.
        :returns: a Deferred of the session; fails like ``Session.execute``.
        """
        session = self._targets.of_target(target_id)
        if session is None:
            reply = await self.session.execute(target.attach_to_target(target_id=target_id, flatten=True))
            sessions = self._targets.sessions
            key = reply.session_id.encode("utf-8", "surrogatepass")
            session = sessions.get(key) or self._targets.of_target(target_id)
            if session is None:
                raise SessionDetached(reply.session_id, target_id)
        return session

    def events_raw(self, wanted: Callable[[str], bool] | None = None) -> EventStream[Message]:
        """Return a stream of the events of all sessions, each with its method and session.

        It enables nothing: it shows what the browser sends. It ends with the connection.

        :param wanted: given an event's name, such as ``"Page.frameNavigated"``, tells whether to
            carry it; asked once for each name. None: carry all.
        """
        owner = Tap(self._routes, wanted or (lambda _: True))
        stream = EventStream(self.context, "all events", read_message, owner, self.malformed)
        if self._lost is not None:
            stream.end(None if self._lost.clean else self._lost)
        self._taps.add(stream)
        return stream

    def close(self) -> Deferred[ConnectionLost]:
        """Close the connection in good order; the browser lives on.

        :returns: fires with how it ended; it always does, within the transport's close deadline.
        """
        closed = self.when_closed()
        if self._lost is None and not self._closing:
            self._closing = True
            self.transport.close()
        return closed

    def when_closed(self) -> Deferred[ConnectionLost]:
        """Return a Deferred that fires with how the connection ended, when it has."""
        return self._ending.wait()

    # What sessions call:

    def send(
        self, session: Session, method: str, params: object, decode: Decode, timeout: float | None | Default
    ) -> Deferred[Any]:
        """Send one command of a session; see ``Session.execute``."""
        if self._lost is not None:
            return fail(copy.copy(self._lost))
        try:
            encoded = to_json(params)
        except (TypeError, ValueError) as error:
            return fail(TypeError(f"{method}: the parameters cannot be written as JSON: {error}"))
        limit = self.timeout if isinstance(timeout, Default) else timeout
        pending = self._pending.add(session, method, decode, limit)
        message = encode_command(pending.number, method, encoded, session.tail)
        if self._flow.held:
            self._flow.command_sent()
        if self._pacer is None:
            self._transmit(message)
        else:
            self._pacer.submit(message, pending)
        return pending

    def route(self, session: Session, stream: EventStream[Any]) -> None:
        """Begin to feed a stream with a session's events."""
        self._routes.add(stream.method.encode(), session.key, stream)

    def unroute(self, session: Session, stream: EventStream[Any]) -> None:
        """Cease to feed a stream."""
        self._routes.remove(stream.method.encode(), session.key, stream)

    def detach(self, session: Session) -> Deferred[None]:
        """Detach from a session's target; see ``Session.detach``."""
        if session.ended or session.id is None:
            return succeed(None)
        waiter = session.when_ended()
        done: Deferred[None] = Deferred(lambda _: waiter.cancel())
        waiter.addCallbacks(lambda _: done.callback(None), lambda _: None)

        def refused(failure: Failure) -> None:
            # When the line or the session has gone meanwhile, that ends the session as well.
            if not done.called and not failure.check(Gone):
                waiter.cancel()
                done.errback(failure)

        # The browser knows a session only where it was attached through.
        through = session.parent or self.session
        through.execute(target.detach_from_target(session_id=session.id)).addErrback(refused)
        return done

    def malformed(self, error: MalformedMessage) -> None:
        """Count a message that could not be read, and log one of them now and then."""
        self._inbox.malformed(error)

    def count_lenient(self) -> None:
        """Count a message that had to be read tolerantly."""
        self._stats.lenient += 1

    def _transmit(self, message: bytes) -> None:
        try:
            self.transport.send(message)
        except ValueError as error:  # no message for this line, such as one too large for the pipe
            self._pending.refuse(peek_id(message), error)

    def _session_unknown(self, owner: object) -> Exception | None:
        """Hear that the browser does not know a session, whose detaching was never told then."""
        if not isinstance(owner, Session) or owner is self.session:
            return None
        gone = SessionDetached(owner.id or "")
        self._targets.end(owner, gone)
        return gone

    def _end(self, reason: ConnectionLost) -> None:
        if self._lost is not None:
            return
        if self._closing and not reason.clean:
            reason = ConnectionLost(reason.reason, reason.code, clean=True)
        self._lost = reason
        self._pending.stop()
        self._flow.stop()
        if self._pacer is not None:
            self._pacer.stop()
        self._pending.fail(reason)
        self._targets.end_all(reason)
        for tap in list(self._taps):
            tap.end(None if reason.clean else reason)
        self._ending.give(reason)
