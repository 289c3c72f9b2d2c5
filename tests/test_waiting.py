"""Waiting in the order of coming."""

from __future__ import annotations

from twisted.internet.defer import CancelledError, Deferred
from twisted.python.failure import Failure
from twisted.trial.unittest import SynchronousTestCase

from txcdp._waiting import WaitQueue


class Full(Exception):
    """No more may wait."""


class WaitQueueTests(SynchronousTestCase):
    def test_in_the_order_of_coming(self):
        queue: WaitQueue[str] = WaitQueue()
        first, second = queue.join(), queue.join()
        queue.serve("a")
        queue.serve("b")
        self.assertEqual((self.successResultOf(first), self.successResultOf(second), len(queue)), ("a", "b", 0))

    def test_no_more_than_may(self):
        queue: WaitQueue[str] = WaitQueue()
        waiting = queue.join(1, Full)
        self.failureResultOf(queue.join(1, Full), Full)
        self.failureResultOf(queue.join(0, Full), Full)
        queue.serve("a")
        self.assertEqual(self.successResultOf(waiting), "a")

    def test_who_is_cancelled_makes_room_and_that_is_told(self):
        told: list[int] = []
        queue: WaitQueue[str] = WaitQueue(lambda: told.append(len(queue)))
        first, second = queue.join(2, Full), queue.join(2, Full)
        first.cancel()
        self.failureResultOf(first, CancelledError)
        self.assertEqual(told, [1])
        third = queue.join(2, Full)
        queue.serve("b")
        queue.serve("c")
        self.assertEqual([self.successResultOf(each) for each in (second, third)], ["b", "c"])

    def test_all_are_sent_away_who_come_later_are_not(self):
        queue: WaitQueue[str] = WaitQueue()
        first, second, third = (queue.join() for _ in range(3))
        later: list[Deferred[str]] = []

        def come_again(failure: Failure) -> None:
            second.cancel()
            later.append(queue.join())

        first.addErrback(come_again)
        queue.send_away(Full())
        self.failureResultOf(second, CancelledError)
        self.failureResultOf(third, Full)
        self.assertEqual((len(queue), later[0].called), (1, False))
