"""The clock of pages as the program has it: times, ticks and states, without a browser."""

from __future__ import annotations

import json
import re
from datetime import UTC, date, datetime, timedelta
from typing import Any

from twisted.internet.defer import Deferred, fail, succeed
from twisted.internet.task import Clock as TwistedClock
from twisted.trial.unittest import SynchronousTestCase

from txcdp.errors import ContextDestroyed, EvaluationError
from txcdp.page import Clock
from txcdp.page._clock import seconds_of_ticks, time_of
from txcdp.streams import Registration


class Page:
    """Notes what a page is told."""

    def __init__(self) -> None:
        self.scripts: list[str] = []
        self.removed: list[str] = []
        self.calls: list[str] = []
        self.answer: Deferred[Any] = succeed(None)

    def _add_script(self, source: str, *, now: bool) -> Deferred[Registration]:
        self.scripts.append(source)

        def remove() -> Deferred[None]:
            self.removed.append(source)
            return succeed(None)

        return succeed(Registration(remove))

    def _in_frames(self, expression: str) -> list[Deferred[Any]]:
        self.calls.append(expression.partition("]")[2].partition(":undefined")[0])
        return [self.answer]

    def state(self) -> dict[str, Any]:
        """Return what the next document begins with."""
        found = re.findall(r"\{[^{}]*\}", self.scripts[-1])[-1]
        return dict(json.loads(found))


class ValuesTests(SynchronousTestCase):
    def test_ticks(self):
        for ticks, seconds in (
            (0, 0),
            (1.5, 1.5),
            ("08", 8),
            ("01:00", 60),
            ("02:34:10", 9250),
            (timedelta(hours=1, milliseconds=5), 3600.005),
        ):
            self.assertEqual(seconds_of_ticks(ticks), seconds)
        for wrong in (
            "",
            "1:2:3:4",
            "1:60",
            "90",
            "60:00:00:00",
            "-1",
            -0.1,
            float("nan"),
            float("inf"),
            timedelta(-1),
        ):
            self.assertRaises(ValueError, seconds_of_ticks, wrong)
        others: tuple[Any, ...] = (None, True, [], b"1")
        for other in others:
            self.assertRaises(TypeError, seconds_of_ticks, other)

    def test_times(self):
        begin = datetime(2024, 2, 3, tzinfo=UTC)
        for time in ("2024-02-03", "2024-02-03T01:00:00+01:00", begin, date(2024, 2, 3), begin.timestamp()):
            self.assertEqual(time_of(time), begin.timestamp())
        self.assertEqual(time_of("2024-02-03T01:00:00"), datetime(2024, 2, 3, 1).timestamp())  # noqa: DTZ001
        self.assertEqual(time_of(-5), -5)
        for wrong in ("", "soon", 1.8e13, float("nan")):
            self.assertRaises(ValueError, time_of, wrong)
        for other in (None, True, b"1", timedelta(1)):
            self.assertRaises(TypeError, time_of, other)


class ClockTests(SynchronousTestCase):
    def setUp(self) -> None:
        self.real = TwistedClock()
        self.real.advance(1000)
        self.page = Page()
        self.begun: list[Page] = []
        self.clock = Clock(self.real.seconds, lambda: [self.page], lambda: self.begun.append(self.page), lambda: None)

    def test_what_is_no_clock(self):
        clock: Any = 5
        error = self.failureResultOf(self.clock.install(clock=clock), TypeError).value
        self.assertIn("twisted.internet.task.Clock", str(error))

    def test_nothing_is_told_before_it_is_used(self):
        self.clock._attach(self.page)
        self.assertEqual((self.page.scripts, repr(self.clock)), ([], "<Clock: the real time>"))
        self.assertEqual(self.begun, [])

    def test_what_the_next_document_begins_with(self):
        page, clock = self.page, self.clock
        self.successResultOf(clock.install(time=5))
        begun = {"origin": 5000, "time": 5000, "ticks": 0, "at": 1_000_000, "fixed": False, "running": True}
        self.assertEqual(page.state(), begun)
        self.real.advance(2)
        self.successResultOf(clock.run_for(10.001))
        moved = {**begun, "time": 17_001, "ticks": 12_001, "at": 1_002_000}
        self.assertEqual(page.state(), moved)
        self.successResultOf(clock.set_fixed_time(1))
        self.successResultOf(clock.fast_forward("01:00"))
        self.real.advance(1)
        self.successResultOf(clock.set_system_time(3))
        self.assertEqual(page.state(), {**begun, "time": 3000, "ticks": 73_001, "at": 1_003_000})
        self.successResultOf(clock.pause_at(4))
        self.real.advance(10)
        self.assertEqual(repr(clock), "<Clock paused at 4.000>")
        self.failureResultOf(clock.pause_at(3), ValueError)
        self.successResultOf(clock.resume())
        self.real.advance(1)
        self.assertEqual(repr(clock), "<Clock running at 5.000>")
        self.assertEqual(
            page.calls,
            [
                *(".runFor(10001.0)", ".setTime(1000.0,true)", ".fastForward(60000.0)", ".setTime(3000.0,false)"),
                *(".pauseAt(4000.0)", ".resume()"),
            ],
        )

    def test_the_last_state_alone_is_kept(self):
        self.successResultOf(self.clock.install(time=5))
        for _ in range(5):
            self.successResultOf(self.clock.run_for(1))
        self.assertEqual(self.begun, [self.page])
        self.assertEqual(self.page.removed, self.page.scripts[1:-1])

    def test_a_method_installs_it(self):
        self.successResultOf(self.clock.run_for(1))
        self.assertEqual((self.page.state()["origin"], self.page.state()["time"]), (1_000_000, 1_001_000))

    def test_a_new_page_has_it(self):
        self.successResultOf(self.clock.install(time=5))
        new = Page()
        self.clock._attach(new)
        self.assertEqual(new.state(), self.page.state())

    def test_failures(self):
        self.successResultOf(self.clock.install(time=5))
        self.page.answer = fail(EvaluationError("thrown"))
        self.failureResultOf(self.clock.run_for(1), EvaluationError)
        self.page.answer = fail(ContextDestroyed("gone"))
        self.successResultOf(self.clock.run_for(1))

    def test_it_goes_with_a_clock_of_the_programs(self):
        ours, said = TwistedClock(), list[str]()
        ours.advance(7)
        ours.callLater(2, said.append, "ours")
        self.successResultOf(self.clock.install(clock=ours))
        self.assertEqual(repr(self.clock), "<Clock paused at 7.000>")
        waiting = self.page.answer = Deferred()
        running = self.clock.run_for(2)
        self.assertEqual(said, [])
        waiting.callback(None)
        self.successResultOf(running)
        self.assertEqual((said, ours.seconds()), (["ours"], 9))
        self.page.answer = succeed(None)
        self.successResultOf(self.clock.pause_at(10))
        self.assertEqual(ours.seconds(), 10)
