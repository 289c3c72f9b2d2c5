"""Streams that pull their data, such as the chunks of a large file: it is read on demand, never in advance."""

from __future__ import annotations

import copy
from collections.abc import AsyncGenerator, Callable
from typing import TypeVar

from twisted.internet.defer import CancelledError, Deferred

from txcdp._deferreds import Waiters, ignore_failure
from txcdp.stats import Stats
from txcdp.streams._context import StreamContext
from txcdp.streams._fanout import StreamSubject

T = TypeVar("T", covariant=True)


class _Gate:
    """The flow of one stream: when its queue is full, only this stream is paused.

    :ivar stats: the connection's counters.
    """

    def __init__(self, stats: Stats) -> None:
        self.stats = stats
        self._holders: set[int] = set()
        self._open: Waiters[None] = Waiters()

    @property
    def held(self) -> bool:
        """Whether a queue has asked for a pause."""
        return bool(self._holders)

    @property
    def paused(self) -> bool:
        """Whether reading is paused."""
        return self.held

    def hold(self, holder: object, give_up: Callable[[float], None]) -> None:
        """Ask for a pause, which may last any time: data that is not read stays where it is."""
        self._holders.add(id(holder))

    def release(self, holder: object) -> None:
        """Withdraw a request made with :meth:`hold`."""
        self._holders.discard(id(holder))
        if not self._holders:
            self._open.notify(None)

    def when_open(self) -> Deferred[None]:
        """Return a Deferred that fires when nobody asks for a pause any more."""
        return self._open.wait()


class PulledStream(StreamSubject[T]):
    """The chunks of something that is read on subscription, and only as fast as subscribers take them.

    :param start: begins to read, and returns the chunks.
    """

    def __init__(self, context: StreamContext, name: str, start: Callable[[], AsyncGenerator[T, None]]) -> None:
        own = copy.copy(context)
        own.flow = self._gate = _Gate(context.flow.stats)
        super().__init__(own, name)
        self._start = start
        self._reading: Deferred[None] | None = None
        self._pushing = False

    def _first_came(self) -> None:
        if self._reading is None:
            self._reading = Deferred.fromCoroutine(self._read())
            self._reading.addErrback(ignore_failure)

    def _last_left(self) -> None:
        reading, self._reading = self._reading, None
        if reading is not None and not self._pushing:
            reading.cancel()

    async def _read(self) -> None:
        pieces = self._start()
        try:
            async for piece in pieces:
                self._pushing = True
                try:
                    self.push(piece)
                finally:
                    self._pushing = False
                while self.listened and self._gate.held:
                    await self._gate.when_open()
                if not self.listened:
                    return
        except CancelledError:
            raise
        except Exception as error:
            self.end(error)
        else:
            self.end()
        finally:
            await pieces.aclose()
