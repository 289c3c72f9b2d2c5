"""Pages that a node watches on its own: their events are published on a topic, for any number of subscribers."""

from __future__ import annotations

import secrets
from collections import deque
from collections.abc import Callable
from contextlib import suppress
from functools import partial
from typing import Any, Final

from autobahn.exception import PayloadExceededError
from autobahn.wamp.exception import ApplicationError, SerializationError
from autobahn.wamp.types import PublishOptions
from twisted.internet.defer import CancelledError, Deferred
from twisted.internet.task import deferLater
from twisted.logger import Logger
from twisted.python.failure import Failure

from txcdp._deferreds import OneShot, Waiters, returns_deferred, with_deadline
from txcdp._logs import LogThrottle
from txcdp._privacy import shortened
from txcdp._reactor import Clock, whole
from txcdp.errors import TxcdpError
from txcdp.fleet._line import NO_LINE
from txcdp.fleet._messages import BATCH, CHUNK, LARGEST_EVENT, Batch, Uris, measured, plain
from txcdp.fleet._options import NodeOptions
from txcdp.fleet._requests import Watch
from txcdp.gateway import Principal
from txcdp.gateway.render import Renders
from txcdp.page import Page
from txcdp.streams import merge

log = Logger()

#: Seconds before a page is opened again, the first time, and at most; a page that was open for longer starts over.
_AGAIN: Final = 1.0
_AGAIN_MOST: Final = 60.0

_ACKNOWLEDGED: Final = PublishOptions(acknowledge=True)


class EventBuffer:
    """Events that wait to be published; if there is no room for one, the oldest are dropped.

    :param most: the most bytes that may wait.
    :ivar dropped: how many were dropped.
    """

    def __init__(self, most: int) -> None:
        self._most = most
        self._events: deque[tuple[int, tuple[str, dict[str, Any]]]] = deque()
        self._size = 0
        self.dropped = 0

    def __len__(self) -> int:
        return len(self._events)

    def put(self, method: str, parameters: dict[str, Any]) -> None:
        """Add an event; one that is too large for a router is dropped."""
        parameters, size = measured(parameters)
        size += len(method)
        if size > min(LARGEST_EVENT, self._most):
            self.dropped += 1
            return
        while self._size + size > self._most:
            self._size -= self._events.popleft()[0]
            self.dropped += 1
        self._events.append((size, (method, parameters)))
        self._size += size

    def take(self) -> list[tuple[str, dict[str, Any]]]:
        """Return the oldest events, as many as fit into a batch."""
        batch: list[tuple[str, dict[str, Any]]] = []
        total = 0
        while self._events and total < CHUNK and len(batch) < BATCH:
            size, event = self._events.popleft()
            total += size
            batch.append(event)
        self._size -= total
        return batch


class PagePublisher:
    """Keeps a page open, and publishes its events, as long as a session lasts.

    Only one batch is in transit at a time, so the node never gets ahead of the router; events that arrive meanwhile
    wait in a buffer of limited size. While nothing happens, empty batches are published as signs of life.

    :param renders: opens the page, by the gateway's rules.
    :param options: of the node.
    :param name: of the page.
    :param session: of the router.
    """

    def __init__(self, clock: Clock, renders: Renders, options: NodeOptions, name: str, session: Any) -> None:
        self.name = name
        self._clock = clock
        self._renders = renders
        self._beat = options.beat
        self._wanted = Watch(url=options.publish[name], events=list(options.publish_events))
        self._topic = Uris(options.prefix).topic(name)
        self._session = session
        self._run = secrets.token_hex(8)
        self._buffer = EventBuffer(options.publish_buffer)
        self._came: Waiters[None] = Waiters()
        self._may_log = LogThrottle(clock)
        self._opened = 0
        self._open = False
        self._sent = 0
        self._running: list[Deferred[None]] = []

    def __repr__(self) -> str:
        return f"<Published page {self.name}>"

    def start(self) -> None:
        """Open the page, and publish."""
        self._running = [self._keep_open(), self._send()]
        for each in self._running:
            each.addErrback(self._ended)

    def stop(self) -> None:
        """Close the page, and publish no more."""
        for each in self._running:
            each.cancel()

    def state(self) -> dict[str, Any]:
        """Return the current state as plain data, without URLs."""
        return {
            "name": self.name,
            "run": self._run,
            "open": self._open,
            "opened": self._opened,
            "sent": self._sent,
            "dropped": self._buffer.dropped,
        }

    def _ended(self, failure: Failure) -> None:
        if not failure.check(CancelledError):
            log.failure("{publisher}: publishing", failure=failure, publisher=self)
            self.stop()

    # The page:

    @returns_deferred
    async def _keep_open(self) -> None:
        pause = _AGAIN
        while True:
            began = self._clock.seconds()
            try:
                why: object = await self._watch()
            except TxcdpError as error:
                why = error
            if self._clock.seconds() - began > _AGAIN_MOST:
                pause = _AGAIN
            log.warn(
                "{publisher}: {why}; reopening in {pause:g} s",
                publisher=self,
                why=shortened(str(why)),
                pause=pause,
            )
            await deferLater(whole(self._clock), pause)
            pause = min(2 * pause, _AGAIN_MOST)

    async def _watch(self) -> str:
        """Open the page, and collect its events until it is gone; return why it is."""
        over: OneShot[str] = OneShot()
        listening: list[Callable[[], None]] = []

        def prepare(page: Page) -> None:
            named = [page.session.events_raw(each).map(partial(_named, each)) for each in self._wanted.events]
            subscription = merge(*named).subscribe(
                self._put, lambda error: over.fire(str(error)), lambda: over.fire("the page is closed")
            )
            listening.append(subscription.dispose)
            page.session.when_ended().addBoth(lambda _: over.fire("the page is gone"))
            self._opened += 1
            self._came.notify(None)  # subscribers are to know

        try:
            async with self._renders._page(self._wanted, Principal(f"publish:{self.name}"), prepare) as (page, _):
                self._open = True
                while not over.fired:
                    if self._renders.sharing.is_worn(page.browser):
                        return "its browser is being replaced"
                    with suppress(TimeoutError):
                        await with_deadline(self._clock, over.wait(), self._beat, TimeoutError)
                return await over.wait()
        finally:
            self._open = False
            for each in listening:
                each()

    def _put(self, event: tuple[str, dict[str, Any]]) -> None:
        self._buffer.put(*event)
        self._came.notify(None)

    # The topic:

    @returns_deferred
    async def _send(self) -> None:
        while True:
            events, opened = self._buffer.take(), self._opened
            told = plain(
                Batch(run=self._run, opened=opened, sent=self._sent, dropped=self._buffer.dropped, events=events)
            )
            try:
                await self._session.publish(self._topic, told, options=_ACKNOWLEDGED)
            except NO_LINE:
                return  # the node is told as well, and stops this
            except (ApplicationError, PayloadExceededError, SerializationError) as error:
                self._buffer.dropped += len(events)
                if self._may_log():
                    why = shortened(getattr(error, "error", error))
                    log.error("{publisher}: cannot be published: {why}", publisher=self, why=why)
                await deferLater(whole(self._clock), self._beat)
                continue
            self._sent += len(events)
            if not self._buffer and opened == self._opened:
                with suppress(TimeoutError):
                    await with_deadline(self._clock, self._came.wait(), self._beat, TimeoutError)


def _named(method: str, parameters: dict[str, Any]) -> tuple[str, dict[str, Any]]:
    return method, parameters
