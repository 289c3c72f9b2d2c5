"""The events that a node publishes about a page that it watches on its own, as a stream."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import suppress
from typing import Any, TypeVar

import msgspec
from autobahn.wamp.exception import ApplicationError
from twisted.internet.defer import CancelledError, Deferred
from twisted.logger import Logger
from twisted.python.failure import Failure

from txcdp._deferreds import Timer, ignore_failure, returns_deferred
from txcdp._logs import LogThrottle
from txcdp._privacy import shortened
from txcdp._reactor import Clock
from txcdp.errors import MalformedMessage, NodeLost, WorkFailed
from txcdp.fleet._line import NO_LINE
from txcdp.fleet._messages import VERSION, Batch
from txcdp.protocol import Event, build
from txcdp.stats import Stats
from txcdp.streams._context import StreamContext
from txcdp.streams._fanout import StreamSubject
from txcdp.streams._pulled import _Gate

E = TypeVar("E", bound=Event, covariant=True)

log = Logger()


class _Subscription:
    """A subscription at the router, until it is no longer wanted.

    :param session: fires with the session.
    :param heard: called with each published message.
    """

    def __init__(self, session: Deferred[Any], topic: str, heard: Callable[[object], None]) -> None:
        self._topic = topic
        self._heard = heard
        self._wanted = True
        self._made: Any = None
        self._session = session

    @returns_deferred
    async def begin(self) -> None:
        """Subscribe.

        :returns: fires once subscribed; fails as the router does.
        """
        session = await self._session
        if self._wanted:
            await self._keep(await session.subscribe(self._published, self._topic))

    async def _keep(self, made: Any) -> None:
        """Keep the subscription until the end, which may have come meanwhile."""
        if self._wanted:
            self._made = made
        else:
            await self._unsubscribe(made)

    def end(self) -> None:
        """Unsubscribe; no more messages are reported."""
        self._wanted = False
        if not self._session.called:
            self._session.cancel()
        if self._made is not None:
            Deferred.fromCoroutine(self._unsubscribe(self._made)).addErrback(ignore_failure)

    async def _unsubscribe(self, made: Any) -> None:
        if made.active:
            with suppress(*NO_LINE, ApplicationError):
                await made.unsubscribe()

    def _published(self, batch: object = None, *rest: object, **more: object) -> None:
        if self._wanted:
            self._heard(batch)


class TopicStream(StreamSubject[E]):
    """Events of a page that a node watches on its own and publishes to all subscribers.

    They arrive in the order in which the browser sent them, from the time of the subscription on. A topic has no
    back-pressure: a slower subscriber holds up nobody, so a queue of it drops events, or ends with an error. The
    subscription at the router ends with the last subscription to the stream. After an error, you can subscribe again.

    :param clock: the reactor.
    :param name: the name of the page.
    :param topic: the URI of the topic.
    :param events: event classes, by their protocol names.
    :param silence: seconds without a message after which the node is considered lost.
    :param session: returns a Deferred that fires with a session of the router.
    """

    def __init__(
        self,
        clock: Clock,
        name: str,
        topic: str,
        events: dict[str, type[Event]],
        silence: float,
        session: Callable[[], Deferred[Any]],
    ) -> None:
        super().__init__(StreamContext(clock, _Gate(Stats())), f"events of the published page {name}")
        self._events = events
        self._topic = topic
        self._seconds = silence
        self._get_session = session
        self._may_log = LogThrottle(clock)
        self._quiet = Timer(clock, self._silent)
        self._subscription: _Subscription | None = None
        self._last: Batch | None = None
        self._missed = 0
        self._restarts = 0

    @property
    def missed(self) -> int:
        """How many events of the page did not arrive, because the node or the router dropped them.

        They are counted from the node's first message on (a node publishes something every few seconds), and across all
        published kinds of events, since it is unknown which kinds were dropped. Events between the end of a page and
        its reopening are not counted; see :attr:`restarts`.
        """
        return self._missed

    @property
    def restarts(self) -> int:
        """How often the page was opened again, by its node or another one: the events in between are missing."""
        return self._restarts

    # The subscription:

    def _first_came(self) -> None:
        subscription = self._subscription = _Subscription(self._get_session(), self._topic, self._heard)
        self._last = None
        self._quiet.set(self._seconds)
        subscription.begin().addErrback(self._not_begun, subscription)

    def _last_left(self) -> None:
        self._quiet.stop()
        subscription, self._subscription = self._subscription, None
        if subscription is not None:
            subscription.end()

    def _not_begun(self, failure: Failure, subscription: _Subscription) -> None:
        error = failure.value
        if subscription is not self._subscription:
            failure.trap(CancelledError, ApplicationError, *NO_LINE)
        elif isinstance(error, ApplicationError):
            self.fail(WorkFailed("subscribe", f"the router says {error.error}", 502, "router", None))
        elif isinstance(error, NO_LINE):
            self._lost("the connection to the router was lost")
        elif isinstance(error, CancelledError):
            self._lost("the connection to the router was given up")
        else:
            self.fail(error if isinstance(error, Exception) else RuntimeError(str(error)))

    def _silent(self) -> None:
        self._lost(f"nothing was published for {self._seconds:g} s")

    def _lost(self, why: str) -> None:
        self.fail(NodeLost("subscribe", shortened(why), "events may be missing: subscribe again"))

    # What is heard:

    def _heard(self, given: object) -> None:
        try:
            batch = msgspec.convert(given, Batch)
            if batch.version != VERSION:
                raise ValueError(f"version {batch.version} of the protocol, not {VERSION}")
        except (ValueError, RecursionError) as error:
            if self._may_log():
                log.warn("{stream}: the published data cannot be read: {why}", stream=self, why=shortened(error))
            return
        self._quiet.restart(self._seconds)
        self._count(batch)
        for method, parameters in batch.events:
            kind = self._events.get(method)
            if kind is None:
                continue
            try:
                event = build(kind, parameters)
            except MalformedMessage:
                self._missed += 1
                continue
            self.push(event)
            if self._last is not batch:
                return  # the last subscriber has left; whoever has come since does not begin within a batch

    def _count(self, batch: Batch) -> None:
        """Count the events that are missing before a batch."""
        last, self._last = self._last, batch
        if last is None:
            return
        if last.run != batch.run:
            self._restarts += 1
            return
        self._restarts += max(0, batch.opened - max(1, last.opened))  # the first time is no restart
        self._missed += max(0, batch.sent - last.sent - len(last.events))
        self._missed += max(0, batch.dropped - last.dropped)
