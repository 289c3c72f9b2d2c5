"""Many deadlines with a single DelayedCall."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

from twisted.internet.interfaces import IDelayedCall

from txcdp._reactor import Clock


class DeadlineCall:
    """A function that is called at a deadline, like a reactor's DelayedCall.

    :param deadlines: the deadlines that it belongs to.
    :param function: the function, called without arguments.
    """

    __slots__ = ("_deadlines", "_function", "queue")

    queue: dict[Any, float]

    def __init__(self, deadlines: Deadlines, function: Callable[[], object]) -> None:
        self._deadlines = deadlines
        self._function: Callable[[], object] | None = function

    def active(self) -> bool:
        """Return whether it has neither been called nor cancelled."""
        return self._function is not None

    def cancel(self) -> None:
        """Cancel the call; do nothing if it was called."""
        self._function = None
        self.queue.pop(self, None)
        if self._deadlines.stopped:
            self._deadlines.stop()

    def go_off(self) -> None:
        """Call the function, once, unless it was cancelled."""
        function, self._function = self._function, None
        if function is not None:
            function()


class Deadlines:
    """A queue of deadlines for each timeout in use.

    Entries with the same timeout expire in the order in which they were added. So each queue is a plain dict: adding
    and discarding cost the same however many entries there are, and only the first is ever looked at.

    :param clock: provides the time and DelayedCalls.
    :param expired: called with the key of each entry that has expired.
    :ivar stopped: whether the DelayedCall is cancelled once nothing waits any more.
    """

    def __init__(self, clock: Clock, expired: Callable[[int], None]) -> None:
        self._clock = clock
        self._now = clock.seconds
        self._expired = expired
        self._queues: dict[float, dict[Any, float]] = {}
        self._call: IDelayedCall | None = None
        self._next = math.inf
        self.stopped = False

    def callLater(self, seconds: float, function: Callable[[], object], /) -> DeadlineCall:
        """Call a function after a time; meant for calls that are nearly always cancelled."""
        call = DeadlineCall(self, function)
        call.queue = self.add(call, seconds, self._now())
        return call

    def add(self, key: Any, seconds: float, now: float) -> dict[Any, float]:
        """Let ``key`` expire ``seconds`` after ``now``, the clock's current time.

        :returns: the queue that contains it; delete it from there to cancel it.
        """
        queue = self._queues.get(seconds)
        if queue:  # somebody expires before this one
            queue[key] = now + seconds
            return queue
        if queue is None:
            queue = self._queues[seconds] = {}
        queue[key] = due = now + seconds
        if due < self._next:
            self._arm(due, now)
        return queue

    def stop(self) -> None:
        """Forget all keys, and leave no DelayedCall behind once no function waits to be called."""
        self.stopped = True
        for queue in self._queues.values():
            for key in [each for each in queue if not isinstance(each, DeadlineCall)]:
                del queue[key]
        if self._call is not None and not any(self._queues.values()):
            self._next = math.inf
            self._call.cancel()
            self._call = None

    def _arm(self, due: float, now: float) -> None:
        self._next = due
        if self._call is None:
            self._call = self._clock.callLater(max(0.0, due - now), self._tick)
        else:
            self._call.reset(max(0.0, due - now))

    def _tick(self) -> None:
        self._call = None
        self._next = math.inf
        now = self._clock.seconds()
        late = [key for queue in self._queues.values() for key in self._pop_late(queue, now)]
        self._queues = {seconds: queue for seconds, queue in self._queues.items() if queue}
        heads = [next(iter(queue.values())) for queue in self._queues.values()]
        if heads:
            self._arm(min(heads), now)
        for key in late:
            if isinstance(key, DeadlineCall):
                key.go_off()
            else:
                self._expired(key)

    @staticmethod
    def _pop_late(queue: dict[Any, float], now: float) -> list[Any]:
        late: list[Any] = []
        for key, due in queue.items():
            if due > now:
                break
            late.append(key)
        for key in late:
            del queue[key]
        return late
