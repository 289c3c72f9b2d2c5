"""Reconnects a connection that has lost its transport, by means of Twisted's ``ClientService``.

The service handles the delays between attempts and their order. An attempt (finding the browser, opening a transport,
setting up all sessions over it) is made by its endpoint, so that a transport that is lost during the set-up counts as a
failed attempt.
"""

from __future__ import annotations

import random
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any, NamedTuple

from twisted.application.internet import ClientService, backoffPolicy
from twisted.internet.defer import Deferred
from twisted.internet.error import ConnectionDone
from twisted.internet.interfaces import IStreamClientEndpoint
from twisted.internet.protocol import Factory, Protocol
from twisted.internet.task import deferLater
from twisted.logger import Logger
from twisted.python.failure import Failure
from zope.interface import implementer

from txcdp._core.connection import Connection
from txcdp._core.outage import Replace
from txcdp._deferreds import returns_deferred
from txcdp._reactor import Clock, whole
from txcdp._transports.interface import Transport
from txcdp.health import Reconnected, Reconnecting

log = Logger()


@dataclass(frozen=True, kw_only=True)
class ReconnectPolicy:
    """When a lost connection is replaced, and how often that is tried; times in seconds.

    :ivar initial_delay: the delay before the first attempt.
    :ivar max_delay: the longest delay.
    :ivar factor: the factor from one delay to the next.
    :ivar jitter: returns a value to add to each delay, so that many clients do not reconnect at the same moment;
        between 0 and 1 s by default.
    :ivar max_attempts: the number of consecutive failed attempts after which the connection ends; None means no limit.
    :ivar reopen_pages: whether the pages of a restarted browser are reopened at their URLs; if false, they end.
    :ivar wait: how long a command waits if it is sent while disconnected, or was held back by limits on sending
        (``max_in_flight``, ``commands_per_second``) when the connection was lost. It is sent once there is a new
        connection and everything is set up; it fails with :exc:`ConnectionLost` if that takes longer, and as usual if
        its own timeout ends first. A command that was sent before the connection was lost is never sent again. 0: it
        fails at once. None: the default of the function used, which is 0 for :func:`txcdp.launch` and
        :func:`txcdp.connect`, and a minute for :class:`~txcdp.service.BrowserService`.
    :ivar max_waiting: how many commands may wait in this way; further ones fail with :exc:`Overloaded`.
    """

    initial_delay: float = 1.0
    max_delay: float = 60.0
    factor: float = 1.5
    jitter: Callable[[], float] = field(default=random.random, repr=False)
    max_attempts: int | None = None
    reopen_pages: bool = True
    wait: float | None = None
    max_waiting: int = 1000

    def __post_init__(self) -> None:
        if self.initial_delay < 0 or self.max_delay < self.initial_delay or self.factor < 1:
            raise ValueError("expected 0 <= initial_delay <= max_delay and factor >= 1")
        if self.max_attempts is not None and self.max_attempts < 1:
            raise ValueError(f"max_attempts={self.max_attempts}: must be at least 1")
        if self.wait is not None and self.wait < 0:
            raise ValueError(f"wait={self.wait}: expected seconds; use 0 for no wait")
        if self.max_waiting < 1:
            raise ValueError(f"max_waiting={self.max_waiting}: must be at least 1; for none, use wait=0")

    def delays(self) -> Callable[[int], float]:
        """Return a function that returns the delay before each attempt, which are numbered from 1."""
        delay = backoffPolicy(self.initial_delay, self.max_delay, self.factor, self.jitter)
        return lambda attempt: delay(attempt - 1)


class Opened(NamedTuple):
    """A transport to a browser.

    :ivar identity: distinguishes one running browser from another, as its WebSocket URL does.
    """

    transport: Transport
    identity: str


#: Finds a browser and opens a transport to it; must complete, and leave nothing behind when it is cancelled.
OpenLine = Callable[[], Deferred[Opened]]


class Reconnector:
    """Provides a connection with transports; see :class:`txcdp._core.outage.Keeper`.

    :param connection: the connection, which has its first transport already.
    :param identity: the identity of the browser that the first transport leads to.
    :param open_line: finds the browser and opens a transport to it.
    :param policy: when, and how often, to reconnect.
    :param clock: the reactor, or a ``task.Clock``.
    :param replace: makes a replacement for the target of a session when the target is gone.
    :param name: the browser's name, for the log.
    """

    def __init__(
        self,
        connection: Connection,
        identity: str,
        open_line: OpenLine,
        policy: ReconnectPolicy,
        clock: Clock,
        replace: Replace | None = None,
        name: str = "the browser",
    ) -> None:
        self._connection = connection
        self._identity = identity
        self._open_line = open_line
        self._policy = policy
        self._clock = clock
        self._attempt = 0
        self._failure: Exception | None = None
        self._has_line = True
        self._protocol: Any = None
        self._delays = policy.delays()
        self._name = name
        endpoint = _Endpoint(self._connect, name)
        self._service = ClientService(
            endpoint, Factory.forProtocol(Protocol), retryPolicy=self._delay, clock=whole(clock)
        )
        connection._outage.keep(self, replace, policy.wait or 0.0, policy.max_waiting)
        self._service.startService()

    def line_lost(self, reason: Exception) -> None:
        """Report the loss of the transport to ``ClientService``, which then connects again."""
        if self._has_line and not isinstance(reason, ConnectionDone):
            log.warn("{name}: {reason}; reconnecting", name=self._name, reason=reason)
        self._has_line = False
        protocol, self._protocol = self._protocol, None
        if protocol is not None:
            protocol.connectionLost(Failure(reason))

    def stop(self) -> Deferred[None]:
        """Stop reconnecting; an attempt under way is cancelled, and has cleaned up when the Deferred fires."""
        # Later, since the attempt may be what calls us.
        return deferLater(whole(self._clock), 0).addCallback(lambda _: self._service.stopService())

    def _delay(self, attempt: int) -> float:
        delay = self._delays(attempt)
        if self._connection.suspended is not None:
            self._connection.health.push(Reconnecting(attempt, delay, self._failure))
        return delay

    @returns_deferred
    async def _connect(self, factory: Any) -> Any:
        """Make one attempt; the first one uses the transport that the connection was made with."""
        if not self._has_line:
            try:
                await self._open()
            except Exception as error:
                self._failure = error
                self._attempt += 1
                if self._attempt == self._policy.max_attempts:
                    self._clock.callLater(0, self._connection._outage.give_up)
                raise
        self._attempt, self._failure = 0, None
        self._has_line = True
        protocol = self._protocol = factory.buildProtocol(None)
        protocol.makeConnection(_Hook(self))
        return protocol

    async def _open(self) -> None:
        opened = await self._open_line()
        restarted = opened.identity != self._identity
        try:
            if self._connection.lost is not None:  # it was closed meanwhile
                raise self._connection.lost
            gap = await self._connection._outage.resume(opened.transport, restarted)
        except BaseException:
            opened.transport.abort()
            raise
        self._identity = opened.identity
        what = "was restarted" if restarted else "is connected again"
        log.info("{name} {what}, after {seconds:.1f} s offline", name=self._name, what=what, seconds=gap.seconds)
        self._connection.health.push(Reconnected(gap))


@implementer(IStreamClientEndpoint)
class _Endpoint:
    """The endpoint that ``ClientService`` connects to."""

    def __init__(self, connect: Callable[[Any], Deferred[Any]], name: str) -> None:
        self._connect = connect
        self._name = name

    def __repr__(self) -> str:
        return self._name

    def connect(self, protocolFactory: Any) -> Deferred[Any]:
        """Make one attempt."""
        return self._connect(protocolFactory)


class _Hook:
    """Stands in for the protocol's transport that ``ClientService`` watches; the connection closes the real one."""

    def __init__(self, reconnector: Reconnector) -> None:
        self._reconnector = reconnector

    def loseConnection(self) -> None:
        """Tell the service that the connection is closed."""
        self._reconnector.line_lost(ConnectionDone())
