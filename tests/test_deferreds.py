"""The small tools around Deferreds."""

from __future__ import annotations

import importlib
import inspect
import pkgutil
import pydoc
from collections.abc import Iterator
from types import ModuleType
from typing import Any

from twisted.internet.defer import CancelledError, Deferred, fail, succeed
from twisted.internet.task import Clock
from twisted.python.failure import Failure
from twisted.trial.unittest import SynchronousTestCase

import txcdp
from txcdp._deferreds import (
    OneShot,
    Timer,
    Waiters,
    failing_deferreds,
    ignore_failure,
    returns_deferred,
    shielded,
    with_deadline,
)
from txcdp.errors import ConnectionLost
from txcdp.page import Page


def public_modules() -> Iterator[ModuleType]:
    """Import what users may import."""
    for found in pkgutil.walk_packages(txcdp.__path__, "txcdp."):
        parts = found.name.split(".")
        if not any(part.startswith("_") for part in parts) and parts[1] not in ("aio", "domains", "rx3", "scrapy"):
            yield importlib.import_module(found.name)


class Late(Exception):
    pass


class FailingDeferredsTests(SynchronousTestCase):
    def test_what_is_raised_fails_the_deferred(self):
        @failing_deferreds
        class Owner:
            def asks(self, what: object) -> Deferred[str]:
                """Ask."""
                if not isinstance(what, str):
                    raise TypeError("no text")
                return succeed(what)

            @returns_deferred
            async def awaits(self) -> str:
                raise ValueError

            def tells(self) -> str:
                raise ValueError

        owner = Owner()
        self.assertEqual(self.successResultOf(owner.asks("a")), "a")
        self.assertEqual(str(self.failureResultOf(owner.asks(5), TypeError).value), "no text")
        self.failureResultOf(owner.awaits(), ValueError)
        self.assertRaises(ValueError, owner.tells)
        self.assertEqual((Owner.asks.__doc__, str(inspect.signature(Owner.asks))[:11]), ("Ask.", "(self, what"))

    def test_a_call_that_does_not_fit_is_none(self):
        @failing_deferreds
        class Owner:
            def asks(self, what: object) -> Deferred[object]:
                return succeed(what)

        wrong: Any = Owner().asks
        self.assertRaises(TypeError, wrong)
        self.assertRaises(TypeError, wrong, what=1, why=2)


class ReturnsDeferredTests(SynchronousTestCase):
    def test_it_starts_at_once(self):
        started: list[int] = []

        @returns_deferred
        async def act(number: int) -> int:
            """Say something."""
            started.append(number)
            return number + 1

        deferred = act(1)
        self.assertEqual((started, self.successResultOf(deferred)), ([1], 2))
        self.assertEqual((act.__name__, act.__doc__), ("act", "Say something."))

    def test_what_help_shows(self):
        @returns_deferred
        async def act(number: int, *, quick: bool = False) -> str | None:
            return None

        self.assertEqual(
            str(inspect.signature(act)), "(number: 'int', *, quick: 'bool' = False) -> 'Deferred[str | None]'"
        )
        self.assertEqual(act.__annotations__["return"], "Deferred[str | None]")
        self.assertIn("Deferred[str]", pydoc.render_doc(Page.title))

    def test_every_one_of_the_library_shows_its_deferred(self):
        found = 0
        for module in public_modules():
            for owner in (module, *(each for each in vars(module).values() if inspect.isclass(each))):
                for name, value in vars(owner).items():
                    if inspect.iscoroutinefunction(getattr(value, "__wrapped__", None)):
                        found += 1
                        returned = str(inspect.signature(value).return_annotation)
                        self.assertTrue(returned.startswith("Deferred["), f"{owner}: {name}: {returned}")
        self.assertGreater(found, 20)

    def test_errors(self):
        @returns_deferred
        async def act() -> None:
            raise ValueError("x")

        self.failureResultOf(act(), ValueError)

    def test_cancelling_reaches_the_await(self):
        order: list[str] = []

        @returns_deferred
        async def act() -> None:
            try:
                await Deferred()
            finally:
                order.append("cleaned up")

        deferred = act()
        deferred.cancel()
        self.failureResultOf(deferred, CancelledError)
        self.assertEqual(order, ["cleaned up"])


class DeadlineTests(SynchronousTestCase):
    def setUp(self) -> None:
        self.clock = Clock()

    def limited(self, deferred: Deferred[Any], seconds: float | None = 1.0) -> Deferred[Any]:
        return with_deadline(self.clock, deferred, seconds, Late)

    def test_in_time(self):
        deferred = self.limited(Deferred())
        deferred.callback(5)
        self.assertEqual((self.successResultOf(deferred), self.clock.getDelayedCalls()), (5, []))

    def test_an_error_in_time(self):
        deferred = self.limited(Deferred())
        deferred.errback(ValueError("x"))
        self.failureResultOf(deferred, ValueError)
        self.assertEqual(self.clock.getDelayedCalls(), [])

    def test_late(self):
        deferred = self.limited(Deferred())
        self.clock.advance(1)
        self.assertIsNone(self.failureResultOf(deferred, Late).value.__cause__)

    def test_what_the_cancelling_caused(self):
        deferred = self.limited(Deferred(lambda each: each.errback(ValueError("x"))))
        self.clock.advance(1)
        self.assertIsInstance(self.failureResultOf(deferred, Late).value.__cause__, ValueError)

    def test_a_value_in_spite_of_the_cancelling(self):
        deferred = self.limited(Deferred(lambda each: each.callback(7)))
        self.clock.advance(1)
        self.assertEqual(self.successResultOf(deferred), 7)

    def test_cancelled_by_somebody_else(self):
        deferred = self.limited(Deferred())
        deferred.cancel()
        self.failureResultOf(deferred, CancelledError)
        self.assertEqual(self.clock.getDelayedCalls(), [])

    def test_no_deadline(self):
        for deferred, seconds in ((Deferred(), None), (succeed(1), 5.0)):
            self.assertIs(self.limited(deferred, seconds), deferred)
        self.failureResultOf(self.limited(fail(ValueError("x"))), ValueError)
        self.assertEqual(self.clock.getDelayedCalls(), [])

    def test_one_that_waits_for_another(self):
        inner: Deferred[int] = Deferred()
        outer = succeed(1).addCallback(lambda _: inner)
        self.limited(outer)
        self.clock.advance(1)
        self.failureResultOf(outer, Late)


class ShieldedTests(SynchronousTestCase):
    def test_it_fires_as_what_it_waits_for(self):
        self.assertEqual(self.successResultOf(shielded(succeed(1))), 1)
        self.failureResultOf(shielded(fail(ValueError())), ValueError)

    def test_cancelling_ends_the_waiting_alone(self):
        for outcome in (1, Failure(ValueError())):
            deferred: Deferred[Any] = Deferred(lambda _: self.fail("it was cancelled"))
            waiting = shielded(deferred)
            waiting.cancel()
            self.failureResultOf(waiting, CancelledError)
            self.assertNoResult(deferred)
            deferred.callback(outcome)
            results: list[Any] = []
            deferred.addBoth(results.append)
            self.assertEqual(results, [outcome])


class IgnoreFailureTests(SynchronousTestCase):
    def test_what_may_fail_is_done_without(self):
        for error in (ConnectionLost("gone"), CancelledError()):
            self.assertIsNone(self.successResultOf(fail(error).addErrback(ignore_failure)))
            ignore_failure(error)

    def test_a_mistake_in_the_program_goes_on(self):
        self.failureResultOf(fail(TypeError("a mistake")).addErrback(ignore_failure), TypeError)
        with self.assertRaises(TypeError):
            ignore_failure(TypeError("a mistake"))


class WaitersTests(SynchronousTestCase):
    def test_each_time_is_told_to_those_who_wait_then(self):
        waiters: Waiters[int] = Waiters()
        before = [waiters.wait(), waiters.wait()]
        again = before[0].addCallback(lambda _: waiters.wait())
        waiters.notify(1)
        self.assertEqual(self.successResultOf(before[1]), 1)
        self.assertNoResult(again)
        waiters.notify(2)
        self.assertEqual(self.successResultOf(again), 2)


class OneShotTests(SynchronousTestCase):
    def test_everyone_is_told(self):
        event: OneShot[int] = OneShot()
        before = [event.wait(), event.wait()]
        self.assertFalse(event.fired)
        event.fire(1)
        event.fire(2)
        self.assertTrue(event.fired)
        self.assertEqual([self.successResultOf(each) for each in (*before, event.wait())], [1, 1, 1])

    def test_one_who_leaves_disturbs_nobody(self):
        event: OneShot[int] = OneShot()
        leaving, staying = event.wait(), event.wait()
        leaving.cancel()
        self.failureResultOf(leaving, CancelledError)
        event.fire(1)
        self.assertEqual(self.successResultOf(staying), 1)

    def test_one_who_leaves_while_being_told(self):
        event: OneShot[int] = OneShot()
        first, second = event.wait(), event.wait()
        first.addCallback(lambda _: second.cancel())
        event.fire(1)
        self.successResultOf(first)
        self.failureResultOf(second, CancelledError)


class TimerTests(SynchronousTestCase):
    def setUp(self) -> None:
        self.clock = Clock()
        self.times: list[float] = []
        self.alarm = Timer(self.clock, lambda: self.times.append(self.clock.seconds()))

    def test_it_goes_off(self):
        self.assertFalse(self.alarm.is_set)
        self.alarm.set(2)
        self.clock.advance(1)
        self.alarm.set(5)
        self.assertTrue(self.alarm.is_set)
        self.clock.advance(1)
        self.assertEqual((self.times, self.alarm.is_set, self.clock.getDelayedCalls()), ([2.0], False, []))

    def test_it_is_stopped(self):
        self.alarm.stop()
        self.alarm.set(2)
        self.alarm.stop()
        self.assertEqual((self.alarm.is_set, self.clock.getDelayedCalls()), (False, []))
        self.alarm.set(3)
        self.clock.advance(3)
        self.alarm.stop()
        self.assertEqual(self.times, [3.0])

    def test_it_may_be_set_again_by_what_it_does(self):
        def again() -> None:
            self.times.append(self.clock.seconds())
            alarm.set(1)

        alarm = Timer(self.clock, again)
        alarm.set(1)
        self.clock.pump([1, 1])
        self.assertEqual((self.times, alarm.is_set), ([1.0, 2.0], True))
