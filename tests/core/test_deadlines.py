"""Deadlines: thousands of commands, one DelayedCall."""

from __future__ import annotations

import random
from typing import Any

from hypothesis import given
from hypothesis import strategies as st
from twisted.internet.task import Clock
from twisted.trial.unittest import SynchronousTestCase

from txcdp._core.dispatch.deadlines import Deadlines
from txcdp._core.dispatch.pending import LARGEST_ID
from txcdp.errors import CommandTimeout
from txcdp.testing import NEVER, FakeChrome


class DeadlinesTests(SynchronousTestCase):
    def setUp(self) -> None:
        self.clock = Clock()
        self.expired: list[int] = []
        self.deadlines = Deadlines(self.clock, self.expired.append)

    def add(self, key: int, seconds: float) -> dict[int, float]:
        return self.deadlines.add(key, seconds, self.clock.seconds())

    def test_in_order(self):
        for key, seconds in enumerate((3.0, 1.0, 2.0, 1.0)):
            self.add(key, seconds)
        self.assertEqual(len(self.clock.getDelayedCalls()), 1)
        self.clock.advance(1)
        self.assertEqual(self.expired, [1, 3])
        self.clock.pump([0.5] * 4)
        self.assertEqual(self.expired, [1, 3, 2, 0])
        self.assertEqual(self.clock.getDelayedCalls(), [])

    def test_a_shorter_one_later(self):
        self.add(1, 30.0)
        self.clock.advance(5)
        self.add(2, 1.0)
        self.clock.advance(1)
        self.assertEqual(self.expired, [2])
        self.clock.advance(24)
        self.assertEqual(self.expired, [2, 1])

    def test_discarding(self):
        del self.add(1, 1.0)[1]
        self.add(2, 1.0)
        self.clock.advance(1)
        self.assertEqual(self.expired, [2])

    def test_all_discarded_leaves_no_call_after_its_time(self):
        del self.add(1, 1.0)[1]
        self.clock.advance(1)
        self.assertEqual((self.expired, self.clock.getDelayedCalls()), ([], []))

    def test_at_once(self):
        self.add(1, 0.0)
        self.assertEqual(self.expired, [])
        self.clock.advance(0)
        self.assertEqual(self.expired, [1])

    def test_one_who_adds_while_expiring(self):
        def again(key: int) -> None:
            if key < 3:
                deadlines.add(key + 1, 1.0, self.clock.seconds())

        deadlines = Deadlines(self.clock, again)
        deadlines.add(0, 1.0, 0.0)
        self.clock.pump([1.0] * 3)
        self.assertEqual(len(self.clock.getDelayedCalls()), 1)
        self.clock.advance(1)
        self.assertEqual(self.clock.getDelayedCalls(), [])

    def test_one_who_stops_while_expiring(self):
        deadlines = Deadlines(self.clock, lambda key: deadlines.stop())
        for key in range(3):
            deadlines.add(key, 1.0 + key, 0.0)
        self.clock.advance(1)
        self.assertEqual(self.clock.getDelayedCalls(), [])

    def test_functions(self):
        called: list[str] = []
        later = self.deadlines.callLater(2.0, lambda: called.append("later"))
        never = self.deadlines.callLater(1.0, lambda: called.append("never"))
        self.add(1, 1.0)
        never.cancel()
        never.cancel()
        self.assertEqual([later.active(), never.active(), len(self.clock.getDelayedCalls())], [True, False, 1])
        self.clock.pump([1.0] * 2)
        self.assertEqual((called, self.expired, later.active()), (["later"], [1], False))
        later.cancel()
        self.assertEqual(self.clock.getDelayedCalls(), [])

    def test_a_function_that_cancels_one_of_the_same_time(self):
        called: list[int] = []

        def call() -> None:
            called.append(1)
            second.cancel()

        first = self.deadlines.callLater(1.0, call)
        second = self.deadlines.callLater(1.0, lambda: called.append(2))
        self.clock.advance(1)
        self.assertEqual((called, first.active(), second.active()), ([1], False, False))

    def test_functions_outlive_what_is_stopped(self):
        called: list[int] = []
        self.add(1, 1.0)
        self.deadlines.callLater(2.0, lambda: called.append(1))
        other = self.deadlines.callLater(3.0, lambda: called.append(2))
        self.deadlines.stop()
        self.clock.advance(2)
        self.assertEqual((self.expired, called), ([], [1]))
        other.cancel()  # it was the last, and so nothing is left behind
        self.assertEqual(self.clock.getDelayedCalls(), [])

    def test_stopping(self):
        self.deadlines.stop()
        self.add(1, 1.0)
        self.deadlines.stop()
        self.clock.advance(5)
        self.assertEqual((self.expired, self.clock.getDelayedCalls()), ([], []))


@given(
    st.lists(st.tuples(st.sampled_from([0.5, 1.0, 2.0, 7.25]), st.sampled_from(["keep", "drop"])), max_size=60),
    st.data(),
)
def test_everyone_kept_expires_exactly_on_time(plan: list[tuple[float, str]], data: Any) -> None:
    clock = Clock()
    times: dict[int, float] = {}
    deadlines = Deadlines(clock, lambda key: times.__setitem__(key, clock.seconds()))
    due: dict[int, float] = {}
    for key, (seconds, fate) in enumerate(plan):
        queue = deadlines.add(key, seconds, clock.seconds())
        if fate == "drop":
            del queue[key]
        else:
            due[key] = clock.seconds() + seconds
        assert len(clock.getDelayedCalls()) <= 1
        clock.pump([0.25] * data.draw(st.integers(0, 4)))
    clock.pump([0.25] * 60)
    assert times == due
    assert clock.getDelayedCalls() == []


class ConnectionDeadlinesTests(SynchronousTestCase):
    def setUp(self) -> None:
        self.chrome = FakeChrome()
        self.chrome.on("A.b", NEVER)
        self.session = self.chrome.connect(timeout=30.0).session

    def calls(self) -> int:
        return len(self.chrome.clock.getDelayedCalls())

    def test_ten_thousand_commands_and_one_call(self):
        deferreds = [self.session.execute_raw("A.b") for _ in range(10_000)]
        self.chrome.flush()
        self.assertEqual(self.calls(), 1)
        self.chrome.advance(29.9)
        self.assertNoResult(deferreds[0])
        self.chrome.advance(0.2)
        for deferred in deferreds:
            self.failureResultOf(deferred, CommandTimeout)
        self.assertEqual(self.calls(), 0)

    def test_many_different_times(self):
        dice = random.Random(1)
        limits = [dice.choice((1, 2.5, 7, None)) for _ in range(200)]
        deferreds = [self.session.execute_raw("A.b", timeout=limit) for limit in limits]
        self.chrome.flush()
        self.assertEqual(self.calls(), 1)
        for now in (1, 2.5, 7, 1000):
            self.chrome.advance(now - self.chrome.clock.seconds())
            for limit, deferred in zip(limits, deferreds, strict=True):
                self.assertEqual(deferred.called, limit is not None and limit <= now)
            for deferred in deferreds:
                if deferred.called:
                    deferred.addErrback(lambda _: None)
        self.assertEqual(self.calls(), 0)

    def test_a_timeout_that_sends_again(self):
        sent: list[Any] = []

        def again(_: Any) -> None:
            handler = again if len(sent) < 3 else lambda _: None
            sent.append(self.session.execute_raw("A.b", timeout=1).addErrback(handler))

        again(None)
        for _ in range(5):
            self.chrome.advance(1)
        self.assertEqual((len(sent), self.calls()), (4, 0))

    def test_only_the_last_ten_thousand_given_up_are_remembered(self):
        for _ in range(10_001):
            self.session.execute_raw("A.b", timeout=1).addErrback(lambda _: None)
        self.chrome.advance(2)
        for received in (self.chrome.commands[0], self.chrome.commands[1]):
            self.chrome.reply(received, {})
        self.chrome.flush()
        connection = self.session._channel
        self.assertEqual((connection.stats.unknown, connection.stats.late), (1, 1))  # type: ignore[attr-defined]

    def test_ids_begin_anew_past_the_largest(self):
        waiting = self.session.execute_raw("A.b", timeout=None)
        connection: Any = self.session._channel
        connection._dispatcher.pending._last_id = LARGEST_ID - 1
        results = [self.session.execute_raw("Browser.getVersion") for _ in range(3)]
        self.chrome.flush()
        self.assertEqual([each.id for each in self.chrome.commands], [1, LARGEST_ID, 2, 3])
        for each in results:
            self.assertEqual(self.successResultOf(each)["protocolVersion"], "1.3")
        self.assertNoResult(waiting)
