"""The relay between one client and its browser, which passes bytes both ways, within limits.

A client that does not read is tolerated for at most ``slow_time``; meanwhile only its own browser is not read.
"""

from __future__ import annotations

import enum
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Final, Protocol

from txcdp._deferreds import Timer
from txcdp._reactor import Clock
from txcdp._states import StateMachine
from txcdp._transports.interface import Transport
from txcdp.errors import ConnectionLost
from txcdp.gateway._client_messages import Command
from txcdp.gateway._counters import Counters
from txcdp.gateway._options import ClientLimits
from txcdp.gateway._proxy.client_websocket import Client
from txcdp.gateway._proxy.forwarding import CommandForwarder, PendingCommands
from txcdp.gateway._proxy.intake import Intake, Reason
from txcdp.gateway._proxy.method_info import MethodTable
from txcdp.gateway._proxy.token_bucket import TokenBucket
from txcdp.protocol._wire import REPLY_START

#: The close code of an in-memory connection whose client left too much unread (RFC 6455: policy violation).
TOO_MUCH: Final = 1008

#: How many replies of one read are written together: the client can continue while the rest is still being processed.
_TOGETHER = 32


class BrowserLine(Protocol):
    """Interface of a client's connection to a browser: its transport, and what is called when it ends.

    :ivar transport: carries its messages.
    :ivar browser: the browser's name, for display.
    :ivar downloads: the folder for downloads if commands are sent unchanged; else ``""``.
    """

    transport: Transport
    browser: str
    downloads: str

    @property
    def execute(self) -> Callable[[Command], None] | None:
        """A function that takes decoded commands; None if they are sent over the transport unchanged."""

    @property
    def why(self) -> str:
        """Why the browser is gone; ``""`` if its client asked for that."""

    def browser_closes(self) -> None:
        """Note that the client has sent ``Browser.close``."""

    def lost(self) -> None:
        """Note that the browser has closed the connection."""

    @property
    def unread(self) -> int:
        """The number of bytes for the client that are buffered here, or were discarded."""

    def left(self) -> None:
        """Release the connection; called once, when the client has gone and the transport is closed."""


class RelayState(enum.Enum):
    """The state of a relay."""

    #: The client's handshake is not complete; the browser's connection waits.
    OPENING = "opening"
    #: Messages are passed on.
    OPEN = "open"
    #: The client has not read what it was sent; the browser's connection waits, for a limited time.
    SLOW = "waiting for its client to read"
    #: The client's connection is being closed.
    CLOSING = "closing"
    #: As ``CLOSING``, and the browser's connection has ended.
    LINE_LOST = "closing, line lost"

    #: Both connections have ended.
    GONE = "gone"


class RelayEvent(enum.Enum):
    """An event in the life of a relay."""

    OPEN = "the client's handshake is done"
    FULL = "the client does not read"
    EMPTY = "the client has read all"
    END = "a limit, or the gateway, ends it"
    LOSE = "the browser's line ends"
    LEAVE = "the client is gone"


_S, _E = RelayState, RelayEvent

#: The transitions; any other input is ignored.
RELAY_TRANSITIONS: Final[Mapping[tuple[RelayState, RelayEvent], RelayState]] = {
    (_S.OPENING, _E.OPEN): _S.OPEN,
    (_S.OPEN, _E.FULL): _S.SLOW,
    (_S.SLOW, _E.EMPTY): _S.OPEN,
    **{(each, _E.END): _S.CLOSING for each in (_S.OPENING, _S.OPEN, _S.SLOW)},
    **{(each, _E.LOSE): _S.LINE_LOST for each in (_S.OPENING, _S.OPEN, _S.SLOW, _S.CLOSING)},
    **{(each, _E.LEAVE): _S.GONE for each in _S if each is not _S.GONE},
}


@dataclass(slots=True)
class Traffic:
    """Statistics of what has passed between a client and its browser.

    :ivar began: when the client connected.
    :ivar active: when it last sent something.
    :ivar commands: the number of commands that it has sent.
    """

    began: float
    active: float
    commands: int = 0
    bytes_in: int = 0
    bytes_out: int = 0


class Relay:
    """Relays messages between a client and its connection to a browser.

    :param clock: the reactor.
    :param name: the client's name, for display.
    :param line: the connection to the browser.
    :param limits: see :class:`~txcdp.gateway.ClientLimits`.
    :param rate: the limit of commands per second; None: no limit.
    :param table: how the commands of each method are handled.
    :param counters: the counters to update.
    :param ended: called once, with the relay, the reason for its end, and one word for that.
    :ivar client: its WebSocket.
    :ivar traffic: its statistics.
    """

    def __init__(
        self,
        clock: Clock,
        name: str,
        line: BrowserLine,
        limits: ClientLimits,
        rate: float | None,
        table: MethodTable,
        counters: Counters,
        ended: Callable[[Relay, str, str], None],
    ) -> None:
        self.name = name
        self.line = line
        self._limits = limits
        self._counters = counters
        self._ended = ended
        self._seconds: Callable[[], float] = clock.seconds
        now = self._seconds()
        self.traffic = Traffic(now, now)
        self._replies = 0
        self._word = ""
        self._life = StateMachine(RELAY_TRANSITIONS, RelayState.OPENING)
        self._slow = Timer(clock, self._too_slow)
        self._pending = PendingCommands()
        self._commands = CommandForwarder(
            line.transport, line.execute, line.browser_closes, table, self._pending, line.downloads
        )
        line.transport.pause()  # until the client is there
        self.client = Client(clock, limits, self)
        bucket = None if rate is None else TokenBucket(rate, limits.burst)
        self._intake = Intake(clock, self.client, line.transport, bucket, self._pass_on)

    def __repr__(self) -> str:
        return f"<Relay {self.name}, {self._life.state.value}, browser {self.line.browser}>"

    # From the client:

    def client_opened(self) -> None:
        """Connect the client with its browser, and send what the browser has sent meanwhile."""
        self._life.happened(RelayEvent.OPEN)
        upstream = self.line.transport
        self.client.batched_with = upstream
        upstream.batched_with = self.client
        upstream.receiver = self
        upstream.resume()

    def client_said(self, message: bytes) -> None:
        """Handle a message from the client."""
        now = self.traffic.active = self._seconds()
        self._intake.take(message, now)

    def _pass_on(self, message: bytes, frame: bytes) -> None:
        size, traffic = len(message), self.traffic
        traffic.bytes_in += size
        self._counters.bytes_in += size
        traffic.commands += 1
        refusal = self._commands.forward(message, frame, traffic.active)
        if refusal is not None:
            self.client.send(refusal)
            if self.client.congested:
                self._intake.pause(Reason.REPLIES)

    def client_full(self) -> None:
        """Pause reading from the browser, because the client reads too slowly, and limit how long."""
        self.line.transport.pause()
        if self._life.happened(RelayEvent.FULL):
            self._slow.set(self._limits.slow_time)

    def client_empty(self) -> None:
        """Resume reading from the browser, because the client has read everything."""
        self._slow.stop()
        self._life.happened(RelayEvent.EMPTY)
        if self._life.state is not RelayState.GONE:
            self.line.transport.resume()
            self._intake.resume(Reason.REPLIES)

    def _too_slow(self) -> None:
        self.end(1008, f"you have not read what was sent for {self._limits.slow_time:g} s", "slow")

    def client_gone(self, why: str, clean: bool) -> None:
        """Close the browser's connection, because the client has gone."""
        line_lost = self._life.state is RelayState.LINE_LOST
        if not self._life.happened(RelayEvent.LEAVE):
            return
        self._slow.stop()
        self._intake.stop()
        self._pending.lose()
        self._commands.close()
        self.client.batched_with = None
        if self._word == "slow":
            self._counters.dropped += self.line.unread + self.client.unsent
        if not line_lost:
            upstream = self.line.transport
            upstream.batched_with = None
            upstream.receiver = None
            upstream.abort("the client has left")
        self.line.left()
        self._ended(self, why, self._word or ("left" if clean else "lost"))

    # From the browser:

    def message_received(self, message: bytes) -> None:
        """Handle a message from the browser."""
        size = len(message)
        self.traffic.bytes_out += size
        counters = self._counters
        counters.bytes_out += size
        if message.startswith(REPLY_START):
            self._pending.answered(message, self._seconds())
            self._replies += 1
        else:
            counters.events += 1
        self.client.send(message)
        if self._replies >= _TOGETHER:
            self._replies = 0
            self.client.flush()

    def transport_closed(self, reason: ConnectionLost) -> None:
        """Disconnect the client, because the browser's connection has closed."""
        self.line.lost()
        if reason.code == TOO_MUCH:
            self._close(RelayEvent.LOSE, TOO_MUCH, reason.reason, "slow")
        elif self.line.why:
            self._close(RelayEvent.LOSE, 1011, f"the browser is gone: {self.line.why}", "browser")
        else:
            self._close(RelayEvent.LOSE, 1000, "the browser, or the page, has closed", "closed")

    # Limits:

    def end(self, code: int, why: str, word: str) -> None:
        """Close the client's connection.

        :param code: the code of its close frame.
        :param why: the reason, for the close frame and the log.
        :param word: the word under which it is counted.
        """
        self._close(RelayEvent.END, code, why, word)

    def _close(self, event: RelayEvent, code: int, why: str, word: str) -> None:
        if self._life.happened(event) and not self._word:  # else it is being closed already
            self._word = word
            self.client.end(code, why)

    def look(self, now: float) -> None:
        """End it if its time is up."""
        limits, traffic = self._limits, self.traffic
        if limits.session_time is not None and now - traffic.began >= limits.session_time:
            self.end(1008, f"a session may last at most {limits.session_time:g} s", "session_time")
        elif limits.idle_time is not None and now - traffic.active >= limits.idle_time:
            self.end(1008, f"you have sent nothing for {limits.idle_time:g} s", "idle")
