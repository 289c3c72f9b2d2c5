"""A connection: all sessions with one browser over one transport.

A message's way in is four hops: the transport, the inbox, the route of its method and session, the
stream's subscribers. A command's way out: the session, the connection, the transport; the
reply fires the Deferred that the table of pending commands kept.
"""

from __future__ import annotations

import copy
from collections.abc import Callable
from types import TracebackType
from typing import Any, Self
from weakref import WeakSet

from twisted.internet.defer import Deferred, fail
from twisted.logger import Logger

from txcdp._core.dispatch.inbox import Inbox
from txcdp._core.dispatch.outbox import Outbox
from txcdp._core.dispatch.pending import Decode, PendingCommands
from txcdp._core.dispatch.routing import EventRoutes
from txcdp._core.dispatch.tap import CommandObserver, Message, Tap, observe_commands, read_message
from txcdp._core.outage import Outage
from txcdp._core.sessions import Session, StabilityPolicy
from txcdp._core.sessions.barrier import send_barrier
from txcdp._core.sessions.session_table import SessionTable
from txcdp._deferreds import OneShot
from txcdp._reactor import Clock
from txcdp._timeouts import DEFAULT, Timeout, literal_seconds_of
from txcdp._transports.interface import Transport
from txcdp.errors import ConnectionLost, LossCause, MalformedMessage, Overloaded, SessionDetached
from txcdp.health import HealthEvent, LineLost
from txcdp.protocol import to_json
from txcdp.protocol._wire import EventDecoder, encode_command, peek_id
from txcdp.stats import Stats
from txcdp.streams import EventStream, StreamContext, StreamSubject
from txcdp.streams._flow import Flow

log = Logger()


class Connection:
    """All sessions with one browser.

    :param transport: an open line to the browser; the connection takes what it receives.
    :param clock: the reactor, or a ``task.Clock``.
    :param timeout: default deadline of a command, in seconds or as a timedelta; None: none.
    :param stability: what to do about experimental commands: ``"any"`` sends them, ``"warn"`` sends
        them with a :class:`FutureWarning`, ``"stable"`` refuses them with :exc:`ExperimentalCommand`.
    :param linger: seconds for which a domain stays enabled after the last subscriber of its events
        has left; None: for good.
    :param max_in_flight: how many commands may wait for their replies at once; the rest is sent later.
    :param commands_per_second: how many commands may be sent in any one second.
    :param max_pending: how many commands may wait for their replies, sent or not; one more fails with
        :exc:`Overloaded`. None: any number.
    :param max_unsent: bytes of commands that may wait to leave this process; a command that comes when
        there are more fails with :exc:`Overloaded`. One command may be larger by itself. None: any number.
    :ivar session: the root session, which is the browser, or the page that the URL named.
    :ivar attached: a stream of the sessions that come to be, each before its target's first event.
    :ivar health: a stream of what is known of the browser's health, see :mod:`txcdp.health`.
    :ivar stats: the counters, see :class:`txcdp.stats.Stats`.
    """

    def __init__(
        self,
        transport: Transport,
        clock: Clock,
        *,
        timeout: Timeout = 30.0,
        stability: StabilityPolicy = "any",
        linger: float | None = 5.0,
        max_in_flight: int | None = None,
        commands_per_second: int | None = None,
        max_pending: int | None = 100_000,
        max_unsent: int | None = 64 * 1024 * 1024,
    ) -> None:
        if stability not in ("stable", "warn", "any"):
            raise ValueError(f'stability={stability!r}: use "stable", "warn" or "any"')
        self.timeout = literal_seconds_of(timeout, 30.0)
        self.stability = stability
        self.linger = linger
        self._stats = Stats()
        self._pending = PendingCommands(clock, self._stats, self._session_unknown, self._malformed, max_pending)
        self._flow = Flow(clock, transport, self._stats, self._pending.__len__, barrier=self._send_barrier)
        self.context = StreamContext(clock, self._flow)
        self._decoders: dict[Any, EventDecoder[Any]] = {}
        self._outbox = Outbox(transport, clock, self._not_sent, max_in_flight, commands_per_second, max_unsent)
        self._paced = self._outbox.pacer is not None
        self._routes = EventRoutes()
        self._inbox = Inbox(clock, self._routes, self._pending, self._flow, self._stats, self._end)
        self._targets = SessionTable(self, self._pending, self._routes)
        self.session = self._targets.root
        self.attached = self._targets.attached
        self.health: StreamSubject[HealthEvent] = StreamSubject(self.context, "health")
        self._taps: WeakSet[EventStream[Any]] = WeakSet()
        self._outage = Outage(
            clock, self._targets, self._pending, self._flow, self._outbox, self._inbox, self.health, self._taps
        )
        self._lost: ConnectionLost | None = None
        self._closing = False
        self._ending: OneShot[ConnectionLost] = OneShot()
        transport.receiver = self._inbox

    def __repr__(self) -> str:
        state = (
            "lost"
            if self._lost is not None
            else f"{len(self.sessions)} sessions, {len(self._pending)} pending"
            + (", line lost" if self._outage.error is not None else "")
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
        self._stats.bytes_sent, self._stats.bytes_received = self._outage.traffic
        return self._stats

    @property
    def transport(self) -> Transport:
        """The line to the browser; the last one, while another one is being looked for."""
        return self._outbox.transport

    @property
    def sessions(self) -> list[Session]:
        """The sessions that are open now, or wait for another line; the root session first."""
        return [*self._targets.sessions.values(), *self._targets.adrift]

    @property
    def lost(self) -> ConnectionLost | None:
        """What ended the connection; None while it lives."""
        return self._lost

    def attach(self, target_id: str) -> Deferred[Session]:
        """Attach to a target (``Target.attachToTarget``), or find the session that it has.

        :param target_id: from ``Target.getTargets`` or ``Target.createTarget``.
        :returns: a Deferred of the session; fails like ``Session.execute``.
        """
        return self._targets.attach(target_id)

    def events_raw(self, wanted: Callable[[str], bool] | None = None) -> EventStream[Message]:
        """Return a stream of all sessions' events, as they come; it enables none, and ends with the connection.

        :param wanted: tells by a name such as ``"Page.frameNavigated"``, once for each, whether to carry it; None: all.
        """
        return self.tap(read_message, wanted)

    def tap(self, read: Callable[[bytes], Any], wanted: Callable[[str], bool] | None = None) -> EventStream[Any]:
        """Return a stream like :meth:`events_raw` of what ``read`` makes of each message, such as ``bytes``."""
        stream = EventStream(self.context, "all events", read, Tap(self._routes, wanted), self._malformed)
        if self._lost is not None:
            stream.end(None if self._lost.clean else self._lost)
        self._taps.add(stream)
        return stream

    def observe_commands(self, observer: CommandObserver) -> Callable[[], None]:
        """Observe every command and reply as bytes; the observer must not raise. Returns what ends that."""
        return observe_commands(self._outbox, self._inbox, observer)

    def close(self) -> Deferred[ConnectionLost]:
        """Close the connection in good order; the browser lives on.

        :returns: fires with how it ended; it always does, within the transport's close deadline.
        """
        closed = self.when_closed()
        if self._lost is None and not self._closing:
            self._closing = True
            self._outage.give_up()
            if self._lost is None:
                self.transport.close()
        return closed

    def when_closed(self) -> Deferred[ConnectionLost]:
        """Return a Deferred that fires with how the connection ended, when it has."""
        return self._ending.wait()

    @property
    def suspended(self) -> ConnectionLost | None:
        """What ended the line, while another one is being looked for; else None."""
        return self._outage.error

    def when_connected(self) -> Deferred[None]:
        """Return a Deferred that fires when there is a line; it fails when there will be none any more."""
        return fail(copy.copy(self._lost)) if self._lost is not None else self._outage.when_over()

    def when_writable(self) -> Deferred[None]:
        """Wait for the line to take more: a producer that awaits it before each command needs little memory.

        :returns: fires at once while little waits to leave this process, else when all of it has left.
            Fails with :exc:`ConnectionLost` when the line ends before. It may be cancelled.
        """
        if self._lost is not None:
            return fail(copy.copy(self._lost))
        return self._outbox.when_writable()

    # What sessions call:

    def _send(
        self, session: Session, params: object, decode: Decode, timeout: Timeout, urgent: bool = False
    ) -> Deferred[Any]:
        """Send one command of a session; see ``Session.execute``.

        :param urgent: at once, whatever the limits on sending.
        """
        if self._lost is not None:
            return fail(copy.copy(self._lost))
        if (self._outbox.transport.congested or self._paced) and not urgent:
            full = self._outbox.overload(decode.method)
            if full is not None:
                return fail(full)
        try:
            encoded = to_json(params)
        except (TypeError, ValueError) as error:
            return fail(TypeError(f"{decode.method}: the parameters cannot be written as JSON: {error}"))
        limit = self.timeout if timeout is DEFAULT else literal_seconds_of(timeout, self.timeout)
        try:
            pending = self._pending.add(session, decode, limit, urgent)
        except Overloaded as error:
            return fail(error)
        message = encode_command(pending.number, decode.opening, encoded, session._tail)
        if self._flow.held:
            self._flow.command_sent()
        if self._paced and not urgent:
            self._outbox.submit(message, pending)
        else:
            self._outbox.transmit(message)
        return pending

    def _wait_for_line(self, method: str, timeout: Timeout) -> Deferred[float | None] | None:
        """Wait for a line before a command is sent; see :meth:`txcdp._core.outage.Outage.wait_for_line`."""
        return self._outage.wait_for_line(method, literal_seconds_of(timeout, self.timeout))

    def _route(self, key: bytes, stream: EventStream[Any]) -> None:
        """Begin to feed a stream with a session's events."""
        self._routes.add(stream.method.encode(), key, stream)

    def _unroute(self, key: bytes, stream: EventStream[Any]) -> None:
        """Cease to feed a stream."""
        self._routes.remove(stream.method.encode(), key, stream)

    def _detach(self, session: Session) -> Deferred[None]:
        """Detach from a session's target; see ``Session.detach``."""
        return self._targets.detach(session)

    def _not_restored(self, session: Session, method: str, error: object) -> None:
        """Count and log a command of a session's set-up that failed when it was sent again."""
        self._stats.not_restored += 1
        log.warn("{session}: {method} could not be restored: {error}", session=session, method=method, error=error)

    def _malformed(self, error: MalformedMessage) -> None:
        """Count a message that could not be read, and log one of them now and then."""
        self._inbox.malformed(error)

    def _count_lenient(self) -> None:
        """Count a message that had to be read tolerantly."""
        self._stats.lenient += 1

    def _send_barrier(self) -> Deferred[object]:
        return send_barrier(self, self.session)

    def _not_sent(self, message: bytes, error: ValueError) -> None:
        self._pending.refuse(peek_id(message), error)

    def _session_unknown(self, owner: object) -> Exception | None:
        """End a session that the browser does not know, and whose end it has never told."""
        if not isinstance(owner, Session) or owner is self.session:
            return None
        gone = SessionDetached(owner.id or "")
        self._targets.end(owner, gone)
        return gone

    def _end(self, reason: ConnectionLost) -> None:
        if self._lost is not None:
            return
        if self._closing and not reason.clean:
            # How the other end took it is its affair: that of an end "without closing" would contradict this one.
            late = reason.cause == "close_timeout"
            how: LossCause = "close_timeout" if late else "closed"
            reason = ConnectionLost(reason.reason if late else "closed on our side", clean=True, cause=how)
        if not self._closing and self._outage.begin(reason):
            return
        self._lost = reason
        self._pending.stop()
        self._flow.stop()
        self._outbox.stop()
        self._targets.end_all(reason)  # first, so that whoever hears of a failure finds its session ended
        self._pending.fail(reason)
        for tap in list(self._taps):
            tap.end(None if reason.clean else reason)
        if not reason.clean:
            self.health.push(LineLost(reason))
        self.health.end(None if reason.clean else reason)
        self._outage.ended(reason)
        self._ending.fire(reason)
