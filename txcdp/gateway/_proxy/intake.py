"""When a client is read: within its rate, while its browser accepts its commands, and while it reads its replies."""

from __future__ import annotations

import enum
from collections import deque
from collections.abc import Callable

from twisted.internet.defer import Deferred

from txcdp._deferreds import Timer, ignore_failure
from txcdp._reactor import Clock
from txcdp._transports.interface import Transport
from txcdp.gateway._proxy.client_websocket import Client
from txcdp.gateway._proxy.token_bucket import TokenBucket


class Reason(enum.Enum):
    """A reason to pause reading from a client."""

    RATE = "it sent more than its rate allows"
    BROWSER = "its browser has not taken what it has sent"
    REPLIES = "it keeps sending refused commands without reading the replies"


class Intake:
    """Reads from one client while there is no reason to pause.

    :param clock: the reactor.
    :param client: the client's WebSocket.
    :param upstream: the transport of its browser's connection.
    :param bucket: limits its rate; None: no limit.
    :param pass_on: called with each command, and with the frame that it came in or ``b""``.
    """

    def __init__(
        self,
        clock: Clock,
        client: Client,
        upstream: Transport,
        bucket: TokenBucket | None,
        pass_on: Callable[[bytes, bytes], None],
    ) -> None:
        self._clock = clock
        self._client = client
        self._upstream = upstream
        self._bucket = bucket
        self._pass_on = pass_on
        self._held: deque[bytes] = deque()
        self._timer = Timer(clock, self._go_on)
        self._draining: Deferred[None] | None = None
        self._reasons: set[Reason] = set()

    def take(self, message: bytes, now: float) -> None:
        """Pass on a message; hold it back if it came in the same read in which the client used up its allowance."""
        bucket = self._bucket
        if bucket is not None and (self._held or not bucket.take(now)):
            self._held.append(message)
            self.pause(Reason.RATE)
            self._timer.set(bucket.wait(now))
            return
        self._pass_on(message, self._client.frame)
        if self._upstream.congested and Reason.BROWSER not in self._reasons:
            self.pause(Reason.BROWSER)
            self._draining = self._upstream.when_drained()
            self._draining.addCallbacks(lambda _: self.resume(Reason.BROWSER), ignore_failure)

    def pause(self, reason: Reason) -> None:
        """Pause reading from the client, for this reason."""
        self._reasons.add(reason)
        self._client.pause()

    def resume(self, reason: Reason) -> None:
        """Withdraw a reason; resume reading if there is no other."""
        self._reasons.discard(reason)
        if not self._reasons:
            self._client.resume()

    def stop(self) -> None:
        """Discard what was held back."""
        self._timer.stop()
        self._held.clear()
        if self._draining is not None:
            self._draining.cancel()

    def _go_on(self) -> None:
        bucket = self._bucket
        if bucket is not None and bucket.take(self._clock.seconds()):
            self._pass_on(self._held.popleft(), b"")
        if bucket is not None and self._held:
            self._timer.set(bucket.wait(self._clock.seconds()))
        else:
            self.resume(Reason.RATE)
