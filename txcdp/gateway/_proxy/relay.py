"""One client and the browser's line that it has: bytes one way and the other, within limits.

A command goes on in one of two ways. To a browser of its own it goes as it came: its method is read from its first
bytes, and it is decoded where something about it may be forbidden. To a shared one it goes decoded: what is judged here
is the very value that is carried out there. Of a reply the id is looked at, and whether it is an error.

Who does not read is not waited for longer than ``slow_time``, and meanwhile only its own browser is not read.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable
from typing import Any, Final, Protocol

from msgspec import structs
from twisted.internet.interfaces import IDelayedCall

from txcdp._deferreds import ignore_failure
from txcdp._reactor import Clock
from txcdp._transports.interface import Transport
from txcdp._transports.short_path import ShortPath
from txcdp.errors import ConnectionLost
from txcdp.gateway._client_messages import Command, CommandRefusal, peek, read_command, rewritten, write_refusal
from txcdp.gateway._counters import DENIED, ERROR, LOST, OK, Counters, Domain
from txcdp.gateway._egress import BadProxy
from txcdp.gateway._options import ClientLimits
from txcdp.gateway._proxy.client import Client
from txcdp.gateway._proxy.method_info import MethodInfo, MethodTable, denial
from txcdp.gateway._proxy.token_bucket import TokenBucket
from txcdp.protocol._wire import REPLY_START, peek_digits

#: So many commands are waited for, for counting how they end; of more, the first are forgotten.
_WAITED_FOR = 10_000

#: With what a line in memory ends whose client has left too much unread (RFC 6455: against the policy).
TOO_MUCH: Final = 1008

_ID_AT = len(REPLY_START)

#: The command by which clients choose proxies.
_CONTEXT: Final = "Target.createBrowserContext"

#: So many replies out of one read are written together: their client goes on while the others are still dealt with.
_TOGETHER = 32


class BrowserLine(Protocol):
    """Interface of a client's line to a browser: its transport, and what is called at its end.

    :ivar transport: carries its messages.
    :ivar browser: names the browser, for people.
    """

    transport: Transport
    browser: str

    @property
    def execute(self) -> Callable[[Command], None] | None:
        """Takes commands decoded; None where they are sent over the transport as they came."""

    @property
    def why(self) -> str:
        """Why the browser is gone where its client did not ask for that; else ``""``."""

    def browser_closes(self) -> None:
        """Note that the client has sent ``Browser.close``."""

    def lost(self) -> None:
        """Note that the browser has closed the connection."""

    @property
    def unread(self) -> int:
        """Bytes for the client that this line holds, or has thrown away."""

    def left(self) -> None:
        """Release the line; called once, when the client has gone and the transport is closed."""


class Relay:
    """Carries messages between a client and its line.

    :param clock: the reactor.
    :param name: who the client is, fit to be shown.
    :param line: what it gets.
    :param limits: see :class:`~txcdp.gateway.ClientLimits`.
    :param rate: commands a second; None: no limit.
    :param table: how commands are dealt with.
    :param counters: where to count.
    :param ended: called once, with the relay, why it ended and one word for that.
    :ivar client: its WebSocket.
    :ivar began: when it came.
    :ivar active: when it last said something.
    :ivar commands: how many it has sent.
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
        self._clock = clock
        self.name = name
        self.line = line
        self._limits = limits
        self._table = table
        self._counters = counters
        self._ended = ended
        self._upstream = line.transport
        self._execute = line.execute
        self._seconds: Callable[[], float] = clock.seconds
        self.began = self.active = self._seconds()
        self.commands = 0
        self.bytes_in = self.bytes_out = 0
        self._pending: dict[bytes, tuple[Domain, float]] = {}  # by the digits of their ids
        self._replies = 0
        self._word = ""
        self._gone = False
        self._closed = False
        self._slow: IDelayedCall | None = None
        self._draining: Any = None
        self._allowance = None if rate is None else TokenBucket(rate, limits.burst)
        self._held: deque[bytes] = deque()
        self._go_on: IDelayedCall | None = None
        self._neighbour: ShortPath | None = None
        self._upstream.pause()  # until the client is there
        self.client = Client(clock, limits, self)

    # From the client:

    def client_opened(self) -> None:
        """Couple the client with its line, and send what the browser has said meanwhile."""
        upstream = self._upstream
        self.client.batched_with = upstream
        upstream.batched_with = self.client
        if isinstance(upstream, ShortPath):
            self._neighbour = upstream
        upstream.receiver = self
        upstream.resume()

    def client_said(self, message: bytes) -> None:
        """Take a message of the client's."""
        now = self.active = self._seconds()
        allowance = self._allowance
        if allowance is not None and (self._held or not allowance.take(now)):
            self._hold(message, allowance)
            return
        self._pass(message, self.client.frame)
        if self._upstream.congested:
            self._wait_for_browser()

    def _pass(self, message: bytes, frame: bytes) -> None:
        size = len(message)
        self.bytes_in += size
        self._counters.bytes_in += size
        self.commands += 1
        if self._execute is None:
            self._forward(message, frame)
        else:
            self._hand_over(message, self._execute)

    def _forward(self, message: bytes, frame: bytes) -> None:
        """Send a message on as it came, if nothing speaks against it."""
        table = self._table
        peeked = peek(message)
        if peeked is None:
            number, info = b"", table.unreadable
        else:
            number, info = peeked.id, table.info(peeked.method)
        if info.special:
            try:
                command = read_command(message)
            except CommandRefusal as refusal:
                if not table.screen.idle:
                    self._deny(info, write_refusal(refusal, refusal.id, ""))
                    return
                info = table.unreadable  # the browser says what is wrong with it
            else:
                number, info = b"%d" % command.id, table.info(command.method.encode())
                checked = self._checked(info, command)
                if checked is None:
                    return
                if checked is not command:
                    message, frame = rewritten(checked), b""
        if number:
            self._wait_for(number, info)
        if frame and self._neighbour is not None:
            self._neighbour.pass_on(frame)
        else:
            self._upstream.send(message)

    def _hand_over(self, message: bytes, execute: Callable[[Command], None]) -> None:
        """Have a command carried out, if nothing speaks against it."""
        try:
            command = read_command(message)
        except CommandRefusal as refusal:
            self._deny(self._table.unreadable, write_refusal(refusal, refusal.id, ""))
            return
        info = self._table.info(command.method.encode())
        checked = self._checked(info, command) if info.special else command
        if checked is not None:
            self._wait_for(b"%d" % command.id, info)
            execute(checked)

    def _checked(self, info: MethodInfo, command: Command) -> Command | None:
        """Return the command that is to be carried out; None where it was denied."""
        objection = self._table.screen.objection(command)
        egress = self._table.egress
        if objection is None and egress is not None and command.method == _CONTEXT and isinstance(command.params, dict):
            try:
                return structs.replace(command, params=egress.context_params(self, command.params))
            except BadProxy as error:
                objection = str(error)
        if objection is not None:
            self._deny(info, denial(command, objection))
            return None
        if info.method == "Browser.close":
            self.line.browser_closes()
        return command

    def _deny(self, info: MethodInfo, reply: bytes) -> None:
        info.domain.outcomes[DENIED] += 1
        self.client.send(reply)
        if self.client.congested:
            self.client.pause()  # there is no end to what it can be refused

    def _wait_for(self, number: bytes, info: MethodInfo) -> None:
        pending = self._pending
        if len(pending) >= _WAITED_FOR:
            pending.pop(next(iter(pending)))[0].outcomes[LOST] += 1
        pending[number] = (info.domain, self.active)

    def client_full(self) -> None:
        """Pause the browser's line, because the client reads too slowly, and limit how long."""
        self._upstream.pause()
        if self._slow is None and not self._gone and not self._word:
            self._slow = self._clock.callLater(self._limits.slow_time, self._too_slow)

    def client_empty(self) -> None:
        """Resume the browser's line, because the client has read everything."""
        call, self._slow = self._slow, None
        if call is not None:
            call.cancel()
        if not self._gone:
            self._upstream.resume()
            if not self._held and self._draining is None:
                self.client.resume()

    def _too_slow(self) -> None:
        self._slow = None
        self.end(1008, f"you have not read what you are sent for {self._limits.slow_time:g} s", "slow")

    def client_gone(self, why: str, clean: bool) -> None:
        """Close the browser's line, because the client has gone."""
        if self._gone:
            return
        self._gone = True
        for call in filter(None, (self._slow, self._go_on)):
            call.cancel()
        self._slow = self._go_on = None
        if self._draining is not None:
            self._draining.cancel()
        for domain, _ in self._pending.values():
            domain.outcomes[LOST] += 1
        self._pending.clear()
        self._held.clear()
        if self._table.egress is not None:
            self._table.egress.release(self)
        self.client.batched_with = None
        if self._word == "slow":
            self._counters.dropped += self.line.unread + self.client.unsent
        if not self._closed:
            self._upstream.batched_with = None
            self._upstream.receiver = None
            self._upstream.abort("the client has left")
        self.line.left()
        self._ended(self, why, self._word or ("left" if clean else "lost"))

    # From the browser:

    def message_received(self, message: bytes) -> None:
        """Take a message of the browser's."""
        size = len(message)
        self.bytes_out += size
        counters = self._counters
        counters.bytes_out += size
        if message.startswith(REPLY_START):
            number = peek_digits(message)
            asked = self._pending.pop(number, None)
            if asked is not None:  # else one that was forgotten, or an id twice
                domain, sent = asked
                failed = message.startswith(b'"error"', _ID_AT + len(number) + 1)
                domain.answered(ERROR if failed else OK, self._seconds() - sent)
            self._replies += 1
        else:
            counters.events += 1
        self.client.send(message)
        if self._replies >= _TOGETHER:
            self._replies = 0
            self.client.flush()

    def transport_closed(self, reason: ConnectionLost) -> None:
        """Disconnect the client, because the browser's line has closed."""
        self._closed = True
        self.line.lost()
        if reason.code == TOO_MUCH:
            self.end(TOO_MUCH, reason.reason, "slow")
        elif self.line.why:
            self.end(1011, f"the browser is gone: {self.line.why}", "browser")
        else:
            self.end(1000, "the browser, or the page, has closed", "closed")

    # Limits:

    def end(self, code: int, why: str, word: str) -> None:
        """Close the client's line.

        :param code: for its close frame.
        :param why: for it, and for the log.
        :param word: for counting.
        """
        if not self._gone and not self._word:
            self._word = word
            self.client.end(code, why)

    def look(self, now: float) -> None:
        """End it where its time is over."""
        limits = self._limits
        if limits.session_time is not None and now - self.began >= limits.session_time:
            self.end(1008, f"a session may last {limits.session_time:g} s", "session_time")
        elif limits.idle_time is not None and now - self.active >= limits.idle_time:
            self.end(1008, f"you have said nothing for {limits.idle_time:g} s", "idle")

    def _wait_for_browser(self) -> None:
        """Read no more from the client until the browser has taken what it was sent."""
        if self._draining is None and not self._gone:
            self.client.pause()
            self._draining = self._upstream.when_drained()
            self._draining.addCallbacks(self._drained, ignore_failure)

    def _drained(self, _: object) -> None:
        self._draining = None
        if not self._held:
            self.client.resume()

    def _hold(self, message: bytes, allowance: TokenBucket) -> None:
        """Keep what came in the read in which the allowance ended, and read no more."""
        self._held.append(message)
        self.client.pause()
        if self._go_on is None:
            self._go_on = self._clock.callLater(allowance.wait(self.active), self._next, allowance)

    def _next(self, allowance: TokenBucket) -> None:
        self._go_on = None
        if allowance.take(self._seconds()):
            self._pass(self._held.popleft(), b"")
        if self._held:
            self._go_on = self._clock.callLater(allowance.wait(self._seconds()), self._next, allowance)
        elif self._draining is None:
            self.client.resume()
