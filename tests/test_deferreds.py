"""Deadlines, notices, and async functions that return Deferreds."""

from __future__ import annotations

from typing import Any

from twisted.internet.defer import CancelledError, Deferred, fail, succeed
from twisted.internet.task import Clock
from twisted.trial.unittest import SynchronousTestCase

from txcdp.deferreds import Notice, returns_deferred, with_deadline


class Late(Exception):
    pass


class ReturnsDeferredTests(SynchronousTestCase):
    def test_starts_at_once_and_fires(self):
        inner: Deferred[int] = Deferred()

        @returns_deferred
        async def twice(factor: int) -> int:
            """Say what."""
            return factor * await inner

        result = twice(factor=2)
        inner.callback(21)
        self.assertEqual(self.successResultOf(result), 42)
        self.assertEqual((twice.__name__, twice.__doc__), ("twice", "Say what."))

    def test_cancelling_lets_it_clean_up(self):
        cleaned: Deferred[None] = Deferred()

        @returns_deferred
        async def work() -> None:
            try:
                await Deferred()
            finally:
                await cleaned

        result = work()
        result.cancel()
        self.assertNoResult(result)
        cleaned.callback(None)
        self.failureResultOf(result, CancelledError)


class WithDeadlineTests(SynchronousTestCase):
    def setUp(self):
        self.clock = Clock()

    def test_in_time(self):
        deferred: Deferred[int] = Deferred()
        result = with_deadline(self.clock, deferred, 1.0, Late)
        deferred.callback(1)
        self.assertEqual(self.successResultOf(result), 1)
        self.assertEqual(self.clock.getDelayedCalls(), [])

    def test_too_late(self):
        result = with_deadline(self.clock, Deferred[int](), 1.0, Late)
        self.clock.advance(1.0)
        error = self.failureResultOf(result, Late).value
        self.assertIsNone(error.__cause__)

    def test_fails_in_time(self):
        deferred: Deferred[int] = Deferred()
        result = with_deadline(self.clock, deferred, 1.0, Late)
        deferred.errback(KeyError())
        self.failureResultOf(result, KeyError)
        self.assertEqual(self.clock.getDelayedCalls(), [])

    def test_the_cancelled_one_fails_in_its_own_way(self):
        result = with_deadline(self.clock, Deferred[int](lambda d: d.errback(KeyError())), 1.0, Late)
        self.clock.advance(1.0)
        self.assertIsInstance(self.failureResultOf(result, Late).value.__cause__, KeyError)

    def test_the_cancelled_one_has_a_value_after_all(self):
        result = with_deadline(self.clock, Deferred[int](lambda d: d.callback(5)), 1.0, Late)
        self.clock.advance(1.0)
        self.assertEqual(self.successResultOf(result), 5)

    def test_the_callers_cancelling_is_no_deadline(self):
        result = with_deadline(self.clock, Deferred[int](), 1.0, Late)
        result.cancel()
        self.failureResultOf(result, CancelledError)
        self.assertEqual(self.clock.getDelayedCalls(), [])

    def test_no_deadline_or_no_need(self):
        waiting: Deferred[Any] = Deferred()
        self.assertIs(with_deadline(self.clock, waiting, None, Late), waiting)
        self.assertEqual(self.successResultOf(with_deadline(self.clock, succeed(1), 1.0, Late)), 1)
        self.failureResultOf(with_deadline(self.clock, fail(KeyError()), 1.0, Late), KeyError)
        self.assertEqual(self.clock.getDelayedCalls(), [])


class NoticeTests(SynchronousTestCase):
    def test_everybody_is_told_once(self):
        notice: Notice[str] = Notice()
        early = [notice.wait(), notice.wait()]
        self.assertFalse(notice.given)
        notice.give("now")
        notice.give("again")
        self.assertTrue(notice.given)
        for waiter in (*early, notice.wait()):
            self.assertEqual(self.successResultOf(waiter), "now")

    def test_cancelling_one_disturbs_no_other(self):
        notice: Notice[str] = Notice()
        first, second = notice.wait(), notice.wait()
        first.cancel()
        self.failureResultOf(first, CancelledError)
        notice.give("now")
        self.assertEqual(self.successResultOf(second), "now")
