"""Whether to read from the browser."""

from __future__ import annotations

from twisted.internet.defer import Deferred
from twisted.internet.task import Clock
from twisted.trial.unittest import SynchronousTestCase

from txcdp.stats import Stats
from txcdp.streams._flow import PAUSE_LIMIT, Flow


class Line:
    def __init__(self) -> None:
        self.calls: list[str] = []

    def pause(self) -> None:
        self.calls.append("pause")

    def resume(self) -> None:
        self.calls.append("resume")


class FlowTests(SynchronousTestCase):
    def setUp(self) -> None:
        self.clock = Clock()
        self.line = Line()
        self.awaiting = False
        self.given_up: list[float] = []
        self.flow = Flow(self.clock, self.line, Stats(), lambda: self.awaiting)

    def hold(self, holder: object) -> None:
        self.flow.hold(holder, self.given_up.append)

    def test_holding_and_releasing(self):
        self.hold("a")
        self.hold("a")
        self.hold("b")
        self.assertEqual((self.line.calls, self.flow.paused, self.flow.held), (["pause"], True, True))
        self.flow.release("a")
        self.flow.release("nobody")
        self.assertTrue(self.flow.paused)
        self.flow.release("b")
        self.assertEqual((self.line.calls, self.flow.paused, self.flow.held), (["pause", "resume"], False, False))
        self.clock.advance(1)
        self.assertEqual(self.clock.getDelayedCalls(), [])

    def test_nothing_is_held_back_from_one_who_awaits(self):
        self.awaiting = True
        self.hold("a")
        self.assertEqual((self.line.calls, self.flow.held), ([], True))
        self.awaiting = False
        self.flow.replied()
        self.awaiting = True
        self.flow.command_sent()
        self.assertEqual(self.line.calls, ["pause", "resume"])

    def test_too_long(self):
        self.hold("a")
        self.hold("b")
        self.clock.advance(PAUSE_LIMIT)
        self.assertEqual(
            (self.given_up, self.line.calls, self.flow.held), ([PAUSE_LIMIT] * 2, ["pause", "resume"], False)
        )

    def test_one_who_gives_up_releases_too(self):
        self.flow.hold("a", lambda seconds: self.flow.release("a"))
        self.clock.advance(PAUSE_LIMIT)
        self.assertEqual(self.line.calls, ["pause", "resume"])

    def test_the_limit_counts_from_when_we_kept_up(self):
        self.hold("a")
        self.clock.advance(PAUSE_LIMIT - 1)
        self.flow.release("a")
        self.clock.advance(0.05)
        self.hold("a")
        self.clock.advance(0.9)
        self.assertEqual(self.given_up, [])
        self.clock.advance(0.2)
        self.assertEqual(self.given_up, [PAUSE_LIMIT])
        self.clock.advance(1)
        self.hold("a")
        self.clock.advance(PAUSE_LIMIT - 0.1)
        self.assertEqual(self.given_up, [PAUSE_LIMIT])

    def test_stopping(self):
        self.hold("a")
        self.flow.stop()
        self.assertEqual((self.clock.getDelayedCalls(), self.flow.held), ([], False))


class MarkTests(SynchronousTestCase):
    """Having kept up is proved by a reply, not by a while without a full queue."""

    def setUp(self) -> None:
        self.clock = Clock()
        self.line = Line()
        self.given_up: list[float] = []
        self.sent: list[Deferred[object]] = []
        self.flow = Flow(self.clock, self.line, Stats(), lambda: len(self.sent), barrier=self.barrier)
        self.addCleanup(self.nothing_left)

    def nothing_left(self) -> None:
        self.flow.stop()
        self.assertEqual(self.clock.getDelayedCalls(), [])

    def barrier(self) -> Deferred[object]:
        self.sent.append(Deferred())
        return self.sent[-1]

    def answer(self, result: object = None) -> None:
        self.sent.pop().callback(result)

    def pause_for(self, seconds: float) -> None:
        self.flow.hold("a", self.given_up.append)
        self.clock.advance(seconds)
        self.flow.release("a")

    def test_without_a_reply_the_time_adds_up(self):
        self.pause_for(PAUSE_LIMIT - 0.5)
        self.clock.advance(20)
        self.assertEqual(len(self.sent), 1)
        self.pause_for(0.6)
        self.assertEqual(self.given_up, [PAUSE_LIMIT])

    def test_with_a_reply_it_begins_anew(self):
        self.pause_for(PAUSE_LIMIT - 0.5)
        self.clock.advance(0.1)
        self.answer()
        self.pause_for(PAUSE_LIMIT - 0.1)
        self.assertEqual(self.given_up, [])

    def test_what_was_spent_after_the_barrier_counts_on(self):
        self.pause_for(1)
        self.clock.advance(0.1)
        self.pause_for(0.9)
        self.answer()
        self.pause_for(PAUSE_LIMIT - 0.8)
        self.assertEqual(self.given_up, [PAUSE_LIMIT])

    def test_it_is_asked_again_until_all_is_proved(self):
        self.pause_for(1)
        self.clock.advance(0.1)
        self.pause_for(0.9)
        self.clock.advance(0.1)
        self.answer()
        self.clock.advance(0.1)
        self.answer()
        self.clock.advance(60)
        self.assertEqual((self.sent, self.clock.getDelayedCalls()), ([], []))

    def test_a_barrier_does_not_keep_from_pausing(self):
        self.pause_for(1)
        self.clock.advance(0.1)
        self.assertEqual(len(self.sent), 1)
        self.flow.hold("a", self.given_up.append)
        self.assertTrue(self.flow.paused)

    def test_a_barrier_that_fails_proves_nothing(self):
        self.pause_for(PAUSE_LIMIT - 0.5)
        self.clock.advance(0.1)
        self.sent.pop().errback(TimeoutError())
        self.clock.advance(0.1)
        self.assertEqual(len(self.sent), 1)
        self.pause_for(0.6)
        self.assertEqual(self.given_up, [PAUSE_LIMIT])

    def test_a_reply_of_an_earlier_line_proves_nothing(self):
        self.pause_for(1)
        self.clock.advance(0.1)
        self.flow.suspend()
        self.flow.resume(self.line)
        self.pause_for(PAUSE_LIMIT - 0.5)
        self.answer()
        self.pause_for(0.6)
        self.assertEqual(self.given_up, [PAUSE_LIMIT])
