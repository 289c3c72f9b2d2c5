"""The queue of clients that wait for a browser, or for a place in one: with a limited length and a limited wait."""

from __future__ import annotations

from typing import TypeVar

from twisted.internet.defer import Deferred

from txcdp._deferreds import with_deadline
from txcdp._reactor import Clock
from txcdp._waiting import WaitQueue
from txcdp.gateway._http.refusals import Refusal, busy
from txcdp.gateway._options import PoolOptions

T = TypeVar("T")


class BrowserQueue(WaitQueue[T]):
    """The queue of clients that wait for a browser of a pool.

    :param clock: the reactor.
    :param options: how many may wait, and how long.
    :param one: what they wait for, in words.
    :param all_of_them: the plural of that.
    """

    def __init__(self, clock: Clock, options: PoolOptions, one: str, all_of_them: str) -> None:
        super().__init__()
        self._clock = clock
        self._options = options
        self._one = one
        self._all = all_of_them

    def wait(self, coming: float) -> Deferred[T]:
        """Wait, unless too many are waiting.

        :param coming: how many do not really have to wait, since what they want is being started.
        :returns: fails with :exc:`Refusal` if too many are waiting, or when the time is up. It may be cancelled.
        """
        return with_deadline(
            self._clock,
            self.join(self._options.queue + coming, self._full),
            self._options.queue_deadline,
            self._late,
        )

    def _full(self) -> Refusal:
        return self._busy(f"All {self._all} are taken, and the queue is full.", "queue_full")

    def _late(self) -> Refusal:
        return self._busy(f"No {self._one} became free within {self._options.queue_deadline:g} s.", "queue_deadline")

    def _busy(self, reason: str, kind: str) -> Refusal:
        return busy(503, reason, kind, min(10.0, self._options.queue_deadline))
