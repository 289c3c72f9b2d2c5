"""Whether to read from the browser."""

from __future__ import annotations

from twisted.internet.task import Clock
from twisted.trial.unittest import SynchronousTestCase

from txcdp.flow import PAUSE_LIMIT, Flow
from txcdp.stats import Stats


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
        self.flow.all_replied()
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
        self.clock.advance(4)
        self.flow.release("a")
        self.clock.advance(0.05)
        self.hold("a")
        self.clock.advance(0.9)
        self.assertEqual(self.given_up, [])
        self.clock.advance(0.2)
        self.assertEqual(self.given_up, [PAUSE_LIMIT])
        self.clock.advance(1)
        self.hold("a")
        self.clock.advance(4.9)
        self.assertEqual(self.given_up, [PAUSE_LIMIT])

    def test_stopping(self):
        self.hold("a")
        self.flow.stop()
        self.assertEqual((self.clock.getDelayedCalls(), self.flow.held), ([], False))
