"""Waiting for one of a few things in the order of coming, where not more than so many may wait, and not for ever."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable
from typing import Generic, TypeVar

from twisted.internet.defer import Deferred, fail

T = TypeVar("T")


class WaitQueue(Generic[T]):
    """A queue of Deferreds, which fire in order, one for each thing that is to be had.

    :param forgotten: called when one has been cancelled, after it has left.
    """

    def __init__(self, forgotten: Callable[[], object] = lambda: None) -> None:
        self._waiting: deque[Deferred[T]] = deque()
        self._forgotten = forgotten

    def __len__(self) -> int:
        return len(self._waiting)

    def join(self, most: float = float("inf"), full: Callable[[], Exception] = RuntimeError) -> Deferred[T]:
        """Wait behind those who do.

        :param most: how many may wait, with this one.
        :param full: makes the error where more would.
        :returns: fires with what it is served; may be cancelled.
        """
        if len(self._waiting) >= most:
            return fail(full())
        waiting: Deferred[T] = Deferred(self._forget)
        self._waiting.append(waiting)
        return waiting

    def serve(self, thing: T) -> None:
        """Give something to the one who has waited for longest."""
        self._waiting.popleft().callback(thing)

    def send_away(self, error: Exception) -> None:
        """Let all who wait now fail."""
        waiting, self._waiting = self._waiting, deque()
        for each in waiting:
            if not each.called:  # cancelled by one of those before
                each.errback(error)

    def _forget(self, waiting: Deferred[T]) -> None:
        if waiting in self._waiting:
            self._waiting.remove(waiting)
            self._forgotten()
