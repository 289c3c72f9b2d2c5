"""The streams of one exchange: its download progress, its body as it arrives, and server-sent events."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from twisted.python.failure import Failure

from txcdp._deferreds import ignore_failure
from txcdp.domains import network
from txcdp.errors import BodyIncomplete, CommandError
from txcdp.streams._fanout import StreamSubject
from txcdp.streams._gathered import OnDemandStream

if TYPE_CHECKING:
    from txcdp.network._exchange import Exchange


@dataclass(frozen=True)
class ServerSentEvent:
    """An event that a server sent to an ``EventSource``.

    :ivar name: the event's name, such as ``"message"``.
    :ivar data: its data.
    :ivar id: its id; ``""`` if it has none.
    :ivar timestamp: seconds of the browser's clock.
    """

    name: str
    data: str
    id: str
    timestamp: float


class ExchangeStreams:
    """The streams of an exchange, each created on first use.

    :param exchange: the exchange.
    """

    def __init__(self, exchange: Exchange) -> None:
        context = exchange._network.context
        self._exchange = exchange
        self.data: StreamSubject[network.DataReceived] = StreamSubject(context, "exchange.data")
        self.server_sent_events: StreamSubject[ServerSentEvent] = StreamSubject(context, "exchange.server_sent_events")
        self.chunks: OnDemandStream[bytes] = OnDemandStream(context, "exchange.chunks", self._begin)
        #: Bytes of the body that were delivered, from the browser's agreement on.
        self._delivered = 0
        self._begun = False
        self._flowing = False
        if exchange.finished:
            self.finish()

    def take(self, event: network.DataReceived) -> None:
        """Handle more data of the body."""
        self.data.push(event)
        if self._flowing and event.data is not None:
            self._deliver(event.data)

    def take_event(self, event: network.EventSourceMessageReceived) -> None:
        """Handle a server-sent event."""
        self.server_sent_events.push(ServerSentEvent(event.event_name, event.data, event.event_id, event.timestamp))

    def finish(self) -> None:
        """Note that the exchange has ended."""
        self.data.end()
        self.server_sent_events.end()
        if self._flowing:
            self._complete()
        # Else the answer is still to come; or nobody has asked.

    def _begin(self) -> None:
        if self._begun:
            return
        self._begun = True
        exchange = self._exchange
        if exchange.finished:
            self._whole()
            return
        session = exchange._network.session_of(exchange._row.session_id)
        if session is None:
            self._whole()
            return
        command = network.stream_resource_content(request_id=exchange._row.request_id)
        session.execute(command).addCallbacks(self._agreed, self._refused)

    def _agreed(self, result: network.StreamResourceContentResult) -> None:
        self._flowing = True
        if result.buffered_data:
            self._deliver(result.buffered_data)
        if self._exchange.finished:
            self._complete()

    def _refused(self, failure: Failure) -> None:
        if failure.check(CommandError):
            self._whole()  # it has come to its end meanwhile, or moves to another process
        else:
            self.chunks.end(failure.value if isinstance(failure.value, Exception) else None)

    def _whole(self) -> None:
        """Deliver the whole body at once, when it has arrived."""

        def came(body: bytes) -> None:
            if body:
                self.chunks.push(body)
            self.chunks.end()

        def failed(failure: Failure) -> None:
            error = failure.value
            self.chunks.end(error if isinstance(error, Exception) else None)
            ignore_failure(failure)

        self._exchange.body().addCallbacks(came, failed)

    def _deliver(self, data: bytes) -> None:
        self._delivered += len(data)
        self.chunks.push(data)

    def _complete(self) -> None:
        self._flowing = False
        exchange = self._exchange
        expected = exchange._row.body_decoded
        error = exchange._broken()
        if error is not None:
            self.chunks.end(error)
        elif self._delivered < expected:
            self.chunks.end(BodyIncomplete(exchange.url, self._delivered, expected))
        else:
            self.chunks.end()
