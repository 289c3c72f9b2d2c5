"""A connection: all sessions with one browser, over one transport at a time.

An incoming message passes through the transport, the inbox, the route of its method and session, and the stream's
subscribers. A command passes through the session, the dispatcher and the transport; its reply fires the Deferred in the
table of pending commands.
"""

from __future__ import annotations

import copy
from collections.abc import Callable
from typing import Any

from twisted.internet.defer import Deferred, fail
from twisted.logger import Logger

from txcdp._arguments import check_choice
from txcdp._core.dispatch.dispatcher import Dispatcher
from txcdp._core.dispatch.tap import CommandObserver, RawEvent, read_message
from txcdp._core.outage import Outage
from txcdp._core.sessions import Session, StabilityPolicy
from txcdp._core.sessions.barrier import send_barrier
from txcdp._core.sessions.session_table import SessionTable
from txcdp._deferreds import EndedByBlock, OneShot
from txcdp._reactor import Clock
from txcdp._timeouts import Timeout, literal_seconds_of
from txcdp._transports.interface import Transport
from txcdp.errors import ConnectionLost, LossCause, SessionDetached
from txcdp.health import HealthEvent, LineLost
from txcdp.stats import Stats
from txcdp.streams import EventStream, StreamContext, StreamSubject

log = Logger()


class Connection(EndedByBlock):
    """All sessions with one browser.

    :param transport: an open transport to the browser; the connection receives its messages.
    :param clock: the reactor, or a ``task.Clock``.
    :param timeout: the command timeout: the default timeout of a command, in seconds or as a timedelta; None means no
        timeout.
    :param stability: what to do about experimental commands: ``"any"`` sends them, ``"warn"`` sends
        them with a :class:`FutureWarning`, ``"stable"`` refuses them with :exc:`ExperimentalCommand`.
    :param linger: seconds for which a domain stays enabled after the last subscriber to its events has left; None:
        forever.
    :param max_in_flight: how many commands may wait for their replies at once; further ones are sent later.
    :param commands_per_second: how many commands may be sent in any one second.
    :param max_pending: how many commands may wait for their replies, sent or not; further ones fail with
        :exc:`Overloaded`. None means no limit.
    :param max_unsent: bytes of commands that may wait to leave this process; while there are more, commands fail with
        :exc:`Overloaded`. A single command may be larger. None means no limit.
    :param slow_mo: seconds by which the replies to input, navigations and evaluations are delayed, so that a person can
        watch.
    :ivar session: the root session: of the browser, or of the page that the URL named.
    :ivar attached: a stream of new sessions, each emitted before its target's first event.
    :ivar health: a stream of health events, see :mod:`txcdp.health`.
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
        slow_mo: float = 0.0,
    ) -> None:
        check_choice("stability", stability, ("stable", "warn", "any"))
        self.stability = stability
        self.linger = linger
        self._dispatcher = Dispatcher(
            transport,
            clock,
            timeout=literal_seconds_of(timeout, 30.0),
            session_unknown=self._session_unknown,
            line_ended=self._line_ended,
            barrier=self._send_barrier,
            max_in_flight=max_in_flight,
            commands_per_second=commands_per_second,
            max_pending=max_pending,
            max_unsent=max_unsent,
            slow_mo=slow_mo,
        )
        self._send = self._dispatcher.send
        self._table = SessionTable(self, self._dispatcher.pending, self._dispatcher.routes)
        self.session = self._table.root
        self.attached = self._table.attached
        self.health: StreamSubject[HealthEvent] = StreamSubject(self.context, "health")
        self._outage = Outage(clock, self._dispatcher, self._table, self.health)
        self._closing = False
        self._ending: OneShot[ConnectionLost] = OneShot()

    def __repr__(self) -> str:
        state = (
            "lost"
            if self.lost is not None
            else f"{len(self.sessions)} sessions, {len(self._dispatcher.pending)} pending"
            + (", line lost" if self._outage.error is not None else "")
        )
        return f"<Connection: {state}>"

    # What users call:

    @property
    def stats(self) -> Stats:
        """The present counters."""
        stats = self._dispatcher.stats
        stats.bytes_sent, stats.bytes_received = self._dispatcher.traffic
        return stats

    @property
    def timeout(self) -> float | None:
        """The command timeout in seconds; None if there is none."""
        return self._dispatcher.timeout

    @timeout.setter
    def timeout(self, timeout: float | None) -> None:
        self._dispatcher.timeout = timeout

    @property
    def context(self) -> StreamContext:
        """The clock, scheduler and flow control that all streams share."""
        return self._dispatcher.context

    @property
    def transport(self) -> Transport:
        """The transport to the browser; while reconnecting, the last one."""
        return self._dispatcher.transport

    @property
    def sessions(self) -> list[Session]:
        """The sessions that are open now or wait for a reconnect; the root session first."""
        return [*self._table.sessions.values(), *self._table.adrift]

    @property
    def lost(self) -> ConnectionLost | None:
        """What ended the connection; None while it is alive."""
        return self._dispatcher.lost

    def attach(self, target_id: str) -> Deferred[Session]:
        """Attach to a target (``Target.attachToTarget``), or return the session that it already has.

        :param target_id: the id, from ``Target.getTargets`` or ``Target.createTarget``.
        :returns: fires with the session; fails like ``Session.execute``.
        """
        return self._table.attach(target_id)

    def _attach_apart(self, target_id: str | None) -> Deferred[Session]:
        """Attach to a target a second time, for the program's own use.

        :param target_id: the target's id; None: the browser itself.
        """
        return self._table.attach_apart(target_id)

    def events_raw(self, wanted: Callable[[str], bool] | None = None) -> EventStream[RawEvent]:
        """Return a stream of all sessions' events as they arrive; it enables no domain, and completes with the
        connection.

        :param wanted: a function that returns, for a name such as ``"Page.frameNavigated"``, whether to emit those
            events; it is called once per name; None means all.
        """
        return self.tap(read_message, wanted)

    def tap(self, read: Callable[[bytes], Any], wanted: Callable[[str], bool] | None = None) -> EventStream[Any]:
        """Return a stream like :meth:`events_raw`, of the results of ``read`` for each message, such as ``bytes``."""
        return self._dispatcher.tap(read, wanted)

    def observe_commands(self, observer: CommandObserver) -> Callable[[], None]:
        """Observe every command and reply as bytes; the observer must not raise. Returns a function that ends it."""
        return self._dispatcher.observe_commands(observer)

    def close(self) -> Deferred[ConnectionLost]:
        """Close the connection in an orderly way; the browser lives on.

        :returns: fires with how it ended; it always does, within the transport's close timeout.
        """
        closed = self.when_closed()
        if self.lost is None and not self._closing:
            self._closing = True
            self._outage.give_up()
            if self.lost is None:
                self.transport.close()
        return closed

    def when_closed(self) -> Deferred[ConnectionLost]:
        """Return a Deferred that fires with how the connection ended, once it has."""
        return self._ending.wait()

    @property
    def suspended(self) -> ConnectionLost | None:
        """What ended the previous connection, while reconnecting; otherwise None."""
        return self._outage.error

    def when_connected(self) -> Deferred[None]:
        """Return a Deferred that fires when it is connected, and fails if it will never be again."""
        return fail(copy.copy(self.lost)) if self.lost is not None else self._outage.when_over()

    def when_writable(self) -> Deferred[None]:
        """Wait until more can be written: a producer that awaits this before each command needs little memory.

        :returns: fires at once if little waits to leave this process, otherwise once all of it has left. Fails with
            :exc:`ConnectionLost` if the connection ends first. It may be cancelled.
        """
        return self._dispatcher.when_writable()

    # What sessions call:

    def _wait_for_line(self, method: str, timeout: Timeout) -> Deferred[float | None] | None:
        """Wait for a transport before a command is sent; see :meth:`txcdp._core.outage.Outage.wait_for_line`."""
        return self._outage.wait_for_line(method, literal_seconds_of(timeout, self._dispatcher.timeout))

    def _detach(self, session: Session) -> Deferred[None]:
        """Detach from a session's target; see ``Session.detach``."""
        return self._table.detach(session)

    def _not_restored(self, session: Session, method: str, error: object) -> None:
        """Count and log a command of a session's set-up that failed when it was sent again."""
        self._dispatcher.stats.not_restored += 1
        log.warn("{session}: {method} could not be restored: {error}", session=session, method=method, error=error)

    def _send_barrier(self) -> Deferred[object]:
        return send_barrier(self, self.session)

    def _session_unknown(self, owner: object) -> Exception | None:
        """End a session that the browser does not know, although it never reported its end."""
        if not isinstance(owner, Session) or owner is self.session:
            return None
        gone = SessionDetached(owner.id or "")
        self._table.end(owner, gone)
        return gone

    def _line_ended(self, reason: ConnectionLost) -> None:
        if self.lost is not None:
            return
        if self._closing and not reason.clean:
            # How the other end took it is its affair: that of an end "without closing" would contradict this one.
            late = reason.cause == "close_timeout"
            how: LossCause = "close_timeout" if late else "closed"
            reason = ConnectionLost(reason.reason if late else "closed on our side", clean=True, cause=how)
        if not self._closing and self._outage.begin(reason):
            return
        self._dispatcher.stop(reason)
        self._table.end_all(reason)  # first, so that whoever hears of a failure finds its session ended
        self._dispatcher.end(reason)
        if not reason.clean:
            self.health.push(LineLost(reason))
        self.health.end(None if reason.clean else reason)
        self._outage.ended(reason)
        self._ending.fire(reason)
