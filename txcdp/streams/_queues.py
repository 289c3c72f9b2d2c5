"""A stream as an async iterator, with an explicit policy for a consumer that is slower than the browser."""

from __future__ import annotations

from collections import deque
from collections.abc import AsyncIterator
from types import TracebackType
from typing import Generic, Literal, TypeVar, get_args

from reactivex import Observable
from reactivex.disposable import SingleAssignmentDisposable
from twisted.internet.defer import Deferred, fail, succeed

from txcdp._arguments import check_choice
from txcdp.errors import QueueOverflow, StreamEnded
from txcdp.streams._stream import context_of

T = TypeVar("T")

#: What a full queue does: stop reading from the browser, drop items, keep only the latest, or fail.
Overflow = Literal["pause", "drop_oldest", "drop_newest", "latest", "error"]

#: The factor by which a queue with ``overflow="pause"`` may exceed its size while a reply has to be read.
_SPILL = 10


def queue(source: Observable[T], maxsize: int = 1000, overflow: Overflow = "pause") -> EventQueue[T]:
    """Subscribe to a stream and buffer its items until they are taken.

    :param source: any observable.
    :param maxsize: the maximum number of items.
    :param overflow: what happens to an item that arrives while the queue is full:

        - ``"pause"``: stop reading from the browser until there is room. While a command waits for
          its reply reading goes on, and the queue may grow to ten times its size; past that, or when
          the pause gets longer than the browser can buffer, it ends with :exc:`QueueOverflow`.
          Needs a stream of txcdp, or a pipeline built on one.
        - ``"drop_oldest"``, ``"drop_newest"``: one item is dropped and counted in ``dropped``.
        - ``"latest"``: only the newest item is held, whatever ``maxsize`` says.
        - ``"error"``: the queue ends with :exc:`QueueOverflow`.
    :raises ValueError: the policy is unknown, or the size is below 1.
    :raises TypeError: ``"pause"`` is used with an observable that has no connection behind it.
    """
    return EventQueue(source, maxsize, overflow)


class EventQueue(AsyncIterator[T], Generic[T]):
    """A queue, made by :func:`queue`: ``async for item in queue``, or :meth:`get`, or :meth:`get_nowait`.

    After the stream has ended, the buffered items can still be taken; after them, iteration stops, or the stream's
    error is raised. ``async with`` closes the queue.

    :ivar dropped: how many items were dropped.
    """

    def __init__(self, source: Observable[T], maxsize: int, overflow: Overflow) -> None:
        check_choice("overflow", overflow, get_args(Overflow))
        if maxsize < 1:
            raise ValueError(f"maxsize={maxsize}: must be at least 1")
        self.overflow = overflow
        self.maxsize = 1 if overflow == "latest" else maxsize
        self.dropped = 0
        self._context = context_of(source)
        if overflow == "pause" and self._context is None:
            raise TypeError('overflow="pause" needs a txcdp stream: this observable has no connection')
        self._items: deque[T] = deque()
        self._getters: deque[Deferred[T]] = deque()
        self._end: Exception | None = None
        self._subscription = SingleAssignmentDisposable()
        self._subscription.disposable = source.subscribe(self._on_next, self._on_error, self._on_completed)

    def __len__(self) -> int:
        return len(self._items)

    def get(self) -> Deferred[T]:
        """Return a Deferred of the next item.

        :returns: fires with the item; at the end of the stream, fails with :exc:`StreamEnded` or the stream's error.
            Cancelling it takes no item.
        """
        if self._items:
            return succeed(self._take())
        if self._end is not None:
            return fail(self._end)
        getter: Deferred[T] = Deferred(self._getters.remove)
        self._getters.append(getter)
        return getter

    def get_nowait(self) -> T:
        """Return the next buffered item.

        :raises LookupError: there is none at the moment.
        :raises StreamEnded: the stream has completed; if it has failed, its own error is raised.
        """
        if self._items:
            return self._take()
        if self._end is not None:
            raise self._end
        raise LookupError("the queue is empty now")

    def close(self) -> None:
        """Unsubscribe; the buffered items can still be taken."""
        self._subscription.dispose()
        self._finish(StreamEnded("the queue was closed"))

    def __aiter__(self) -> EventQueue[T]:
        return self

    async def __anext__(self) -> T:
        try:
            return await self.get()
        except StreamEnded:
            raise StopAsyncIteration from None

    async def __aenter__(self) -> EventQueue[T]:
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def _take(self) -> T:
        item = self._items.popleft()
        if self._context is not None and len(self._items) <= self.maxsize // 2:
            self._context.flow.release(self)
        return item

    def _on_next(self, item: T) -> None:
        if self._end is not None:
            return
        if self._getters:
            self._getters.popleft().callback(item)
            return
        if len(self._items) >= self.maxsize and not self._make_room():
            return
        self._items.append(item)
        if self.overflow == "pause" and self._context is not None and len(self._items) >= self.maxsize:
            self._context.flow.hold(self, self._paused_too_long)

    def _make_room(self) -> bool:
        """Return whether the new item is to be kept."""
        if self.overflow == "pause":
            if len(self._items) < self.maxsize * _SPILL:
                return True
            self._overflow(f"{len(self._items)} items, while a command waited for its reply")
            return False
        if self.overflow == "error":
            self._overflow(f"{self.maxsize} items")
            return False
        self.dropped += 1
        if self._context is not None:
            self._context.count_dropped()
        if self.overflow == "drop_newest":
            return False
        self._items.popleft()
        return True

    def _overflow(self, what: str) -> None:
        self._subscription.dispose()
        self._finish(QueueOverflow(f"the consumer is too slow: the queue was full with {what}"))

    def _paused_too_long(self, seconds: float) -> None:
        self._overflow(
            f"{len(self._items)} items, and the browser was paused for {seconds:g} s; "
            "beyond that it would drop messages silently"
        )

    def _on_error(self, error: Exception) -> None:
        self._finish(error)

    def _on_completed(self) -> None:
        self._finish(StreamEnded("the stream has ended"))

    def _finish(self, end: Exception) -> None:
        if self._end is None:
            self._end = end
            if self._context is not None:
                self._context.flow.release(self)
            while self._getters:
                self._getters.popleft().errback(end)
