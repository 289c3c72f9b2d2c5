"""Who of many waiting has waited too long, with one DelayedCall for all of them."""

from __future__ import annotations

import math
from collections.abc import Callable

from twisted.internet.interfaces import IDelayedCall

from txcdp._reactor import Clock


class Deadlines:
    """A queue of deadlines for each length of time in use.

    All who wait equally long expire in the order in which they came, so each queue is a plain dict
    in which adding and discarding cost the same however many wait, and only its head is ever looked at.

    :param clock: gives the time and calls back.
    :param expired: called with the key of each one whose time is up.
    """

    def __init__(self, clock: Clock, expired: Callable[[int], None]) -> None:
        self._clock = clock
        self._expired = expired
        self._queues: dict[float, dict[int, float]] = {}
        self._call: IDelayedCall | None = None
        self._next = math.inf

    def add(self, key: int, seconds: float, now: float) -> dict[int, float]:
        """Let ``key`` expire ``seconds`` after ``now``, the clock's present time.

        :returns: the queue it is in; to forget it, delete it from there.
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
        """Forget everybody, and leave no DelayedCall behind."""
        self._queues.clear()
        self._next = math.inf
        if self._call is not None:
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
            self._expired(key)

    @staticmethod
    def _pop_late(queue: dict[int, float], now: float) -> list[int]:
        late: list[int] = []
        for key, due in queue.items():
            if due > now:
                break
            late.append(key)
        for key in late:
            del queue[key]
        return late
