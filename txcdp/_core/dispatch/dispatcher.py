"""Passes messages between the sessions and a transport, or several in succession.

It knows sessions only by their ids; what they are, and what their ends mean, is up to its callers.
"""

from __future__ import annotations

import copy
from collections.abc import Callable
from typing import Any, Protocol
from weakref import WeakSet

from twisted.internet.defer import Deferred, fail

from txcdp._core.dispatch.inbox import Inbox
from txcdp._core.dispatch.outbox import Outbox
from txcdp._core.dispatch.pending import Decode, Owner, PendingCommands
from txcdp._core.dispatch.routing import EventGroup, EventReceiver, EventRoutes
from txcdp._core.dispatch.tap import CommandObserver, Tap, observe_commands
from txcdp._reactor import Clock
from txcdp._timeouts import DEFAULT, Timeout, literal_seconds_of
from txcdp._transports.interface import Transport
from txcdp.errors import ConnectionLost, MalformedMessage, Overloaded
from txcdp.protocol import Event, to_json
from txcdp.protocol._wire import EventDecoder, encode_command, peek_id
from txcdp.stats import Stats
from txcdp.streams import EventStream, Gap, StreamContext
from txcdp.streams._flow import Flow


class SendingOwner(Owner, Protocol):
    """The part of a session that sending its commands needs: the end of its messages."""

    _tail: bytes


class Dispatcher:
    """Passes commands to a transport, and replies and events from it to their receivers.

    :param transport: the first transport.
    :param clock: the reactor, or a ``task.Clock``.
    :param timeout: the default timeout of a command in seconds; None: none.
    :param session_unknown: called with the owner of a command when the browser does not know its session; returns the
        error for the command.
    :param line_ended: called when a transport has closed.
    :param barrier: sends a command whose reply shows that everything before it has been read.
    :param max_in_flight: like the other parameters, see ``Connection``.
    :ivar slow_mo: seconds by which the replies to visible actions are delayed.
    :ivar lost: what ended the connection; None while there is a transport, or one is being looked for.
    :ivar taps: the streams of all sessions' events.
    """

    def __init__(
        self,
        transport: Transport,
        clock: Clock,
        *,
        timeout: float | None,
        session_unknown: Callable[[object], Exception | None],
        line_ended: Callable[[ConnectionLost], None],
        barrier: Callable[[], Deferred[object]],
        max_in_flight: int | None,
        commands_per_second: int | None,
        max_pending: int | None,
        max_unsent: int | None,
        slow_mo: float = 0.0,
    ) -> None:
        self.timeout = timeout
        self.slow_mo = slow_mo
        self.lost: ConnectionLost | None = None
        self.stats = Stats()
        self.pending = PendingCommands(clock, self.stats, session_unknown, self.malformed, max_pending)
        self._flow = Flow(clock, transport, self.stats, self.pending.__len__, barrier=barrier)
        self.context = StreamContext(clock, self._flow, deadlines=self.pending.deadlines)
        self.decoders: dict[Any, EventDecoder[Any]] = {}
        self._outbox = Outbox(transport, clock, self._not_sent, max_in_flight, commands_per_second, max_unsent)
        self.paced = self._outbox.pacer is not None
        self.routes = EventRoutes()
        self._groups: dict[frozenset[type[Event]], EventGroup] = {}
        self._inbox = Inbox(clock, self.routes, self.pending, self._flow, self.stats, line_ended)
        self.taps: WeakSet[EventStream[Any]] = WeakSet()
        self._earlier = (0, 0)
        transport.receiver = self._inbox

    @property
    def transport(self) -> Transport:
        """The current transport, or the last one."""
        return self._outbox.transport

    @property
    def traffic(self) -> tuple[int, int]:
        """Bytes sent and received over all transports."""
        line = self._outbox.transport
        return self._earlier[0] + line.bytes_sent, self._earlier[1] + line.bytes_received

    # Out:

    def send(
        self, session: SendingOwner, params: object, decode: Decode, timeout: Timeout, urgent: bool = False
    ) -> Deferred[Any]:
        """Send one command of a session; see ``Session.execute``.

        :param urgent: whether to send it at once, regardless of the limits on sending.
        """
        if self.lost is not None:
            return fail(copy.copy(self.lost))
        if (self._outbox.transport.congested or self.paced) and not urgent:
            full = self._outbox.overload(decode.method)
            if full is not None:
                return fail(full)
        try:
            encoded = to_json(params)
        except (TypeError, ValueError) as error:
            return fail(TypeError(f"{decode.method}: the parameters cannot be written as JSON: {error}"))
        limit = self.timeout if timeout is DEFAULT else None
        if timeout is not DEFAULT and timeout is not None:
            limit = literal_seconds_of(timeout, self.timeout)
        try:
            pending = self.pending.add(session, decode, limit, urgent)
        except Overloaded as error:
            return fail(error)
        message = encode_command(pending.number, decode.opening, encoded, session._tail)
        if self._flow.held:
            self._flow.command_sent()
        if self.paced and not urgent:
            self._outbox.submit(message, pending)
        else:
            self._outbox.transmit(message)
        return pending

    def when_writable(self) -> Deferred[None]:
        """Wait until the transport accepts more; see ``Connection.when_writable``."""
        return fail(copy.copy(self.lost)) if self.lost is not None else self._outbox.when_writable()

    def _not_sent(self, message: bytes, error: ValueError) -> None:
        self.pending.refuse(peek_id(message), error)

    # In:

    @property
    def delivering(self) -> bool:
        """Whether a message is being delivered, so that some subscribers may not have received it yet."""
        return self._inbox.delivering

    def route(self, key: bytes, stream: EventReceiver) -> None:
        """Start feeding a stream with the events of the session with that key."""
        self.routes.add(stream.method.encode(), key, stream)

    def unroute(self, key: bytes, stream: EventReceiver) -> None:
        """Stop feeding it."""
        self.routes.remove(stream.method.encode(), key, stream)

    def group(self, events: frozenset[type[Event]], decoder: Callable[[type[Event]], EventDecoder[Any]]) -> EventGroup:
        """Return the group that feeds receivers with several kinds of events at once; it is created once.

        :param decoder: returns the decoder for a kind of event.
        """
        found = self._groups.get(events)
        if found is None:
            found = self._groups[events] = self.routes.group({each.method: decoder(each) for each in events})
        return found

    def tap(self, read: Callable[[bytes], Any], wanted: Callable[[str], bool] | None) -> EventStream[Any]:
        """Return a stream of all sessions' events; see ``Connection.tap``."""
        stream = EventStream(self.context, "all events", read, Tap(self.routes, wanted), self.malformed)
        if self.lost is not None:
            stream.end(None if self.lost.clean else self.lost)
        self.taps.add(stream)
        return stream

    def observe_commands(self, observer: CommandObserver) -> Callable[[], None]:
        """Observe every command and reply as bytes; see ``Connection.observe_commands``."""
        return observe_commands(self._outbox, self._inbox, observer)

    def malformed(self, error: MalformedMessage) -> None:
        """Count a message that could not be read, and log one of them now and then."""
        self._inbox.malformed(error)

    def count_lenient(self) -> None:
        """Count a message that had to be decoded leniently."""
        self.stats.lenient += 1

    # From one line to the next:

    def suspend(self) -> list[Deferred[Any]]:
        """Stop sending, because the transport is lost and another one is being looked for.

        :returns: the commands that were held back, and so never sent.
        """
        self._flow.suspend()
        return self._outbox.take_back()

    def go_on(self, transport: Transport) -> None:
        """Continue over another transport."""
        self._earlier = self.traffic
        self._outbox.transport = transport
        self._flow.resume(transport)
        transport.receiver = self._inbox

    def went_on(self, gap: Gap) -> None:
        """Count and mark the gap, once all sessions are restored."""
        self.stats.reconnects += 1
        for tap in list(self.taps):
            tap._mark(gap)

    def give_up(self, lost: ConnectionLost) -> None:
        """End with the error of the last transport: there will be no other one."""
        self._inbox.transport_closed(lost)

    def stop(self, lost: ConnectionLost) -> None:
        """Stop sending, and discard what is held back; :meth:`end` fails the pending commands."""
        self.lost = lost
        self.pending.stop()
        self._flow.stop()
        self._outbox.stop()

    def end(self, lost: ConnectionLost) -> None:
        """Fail the pending commands, and end the taps."""
        self.pending.fail(lost)
        for tap in list(self.taps):
            tap.end(None if lost.clean else lost)
