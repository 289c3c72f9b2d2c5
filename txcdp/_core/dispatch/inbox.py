"""Handles the messages from a transport in order, one at a time.

Nothing is delivered re-entrantly: messages that arrive while another is being delivered, or the end of the transport,
wait until every subscriber has received that message.

User code runs below the functions here. An exception that it keeps holds their frames through its traceback (a plain
function's exception always does; a coroutine's in Python 3.12 and the first releases of 3.13). So every function that
passes a message on, here and in the transports, drops its reference before it returns. Otherwise each exception that is
kept would keep a message.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable

from twisted.logger import Logger

from txcdp._core.dispatch.pending import PendingCommands
from txcdp._core.dispatch.routing import EventRoutes
from txcdp._logs import LogThrottle
from txcdp._privacy import printable
from txcdp._reactor import Clock
from txcdp.errors import ConnectionLost, MalformedMessage
from txcdp.protocol._wire import EVENT_START, REPLY_START, peek_id, peek_method, read_head
from txcdp.stats import Stats
from txcdp.streams._flow import Flow

log = Logger()


class Inbox:
    """The receiver of one transport: passes replies to the pending commands, and events to the routes.

    :param ended: called once, with how the transport ended.
    :ivar reply: takes a reply by its number; may be replaced to observe replies.
    """

    def __init__(
        self,
        clock: Clock,
        routes: EventRoutes,
        pending: PendingCommands,
        flow: Flow,
        stats: Stats,
        ended: Callable[[ConnectionLost], None],
    ) -> None:
        self._routes = routes
        self.reply = pending.reply
        self._flow = flow
        self._stats = stats
        self._ended = ended
        self._busy = False
        self._held: deque[bytes | ConnectionLost] = deque()
        self._may_log = LogThrottle(clock)

    @property
    def delivering(self) -> bool:
        """Whether a message is being delivered, so that some subscribers may not have received it yet."""
        return self._busy

    def message_received(self, message: bytes) -> None:
        """Handle one message from the transport."""
        if self._busy:
            self._held.append(message)
            return
        self._busy = True
        try:
            self._handle(message)
            while self._held:
                held = self._held.popleft()
                if isinstance(held, bytes):
                    self._handle(held)
                else:
                    self._ended(held)
                del held
        finally:
            self._busy = False
            del message

    def transport_closed(self, reason: ConnectionLost) -> None:
        """End the connection because its transport has closed, after the message being handled."""
        if self._busy:
            self._held.append(reason)
        else:
            self._ended(reason)

    def _handle(self, message: bytes) -> None:
        try:
            if message.startswith(EVENT_START):
                if self._routes.deliver(peek_method(message), message):
                    self._stats.events += 1
                else:
                    self._stats.ignored += 1
            elif message.startswith(REPLY_START) and (number := peek_id(message)) is not None:
                self.reply(number, message)
                if self._flow.held:
                    self._flow.replied()
            else:
                self._unusual(message)
        except MalformedMessage as error:
            self.malformed(error)
        except Exception:
            if self._may_log():
                log.failure("A message from the browser could not be handled; the connection continues")
        finally:
            del message

    def _unusual(self, message: bytes) -> None:
        head = read_head(message)
        if head.id is not None:
            self.reply(head.id, message)
            self._flow.replied()
        elif head.method is not None:
            if self._routes.deliver(head.method, message, head.session):
                self._stats.events += 1
            else:
                self._stats.ignored += 1
        else:
            self._stats.unknown += 1
            self._log_sometimes("the browser reported an error for an unknown command", str(head.error))
        del message

    def malformed(self, error: MalformedMessage) -> None:
        """Count a message that could not be read, and log one of them now and then."""
        self._stats.malformed += 1
        self._log_sometimes("the browser sent something that is not a CDP message", str(error))

    def _log_sometimes(self, what: str, detail: str) -> None:
        if self._may_log():
            log.warn(
                "{what} (unreadable so far: {count}): {detail}",
                what=what,
                count=self._stats.malformed,
                detail=printable(detail[:200]),
            )
