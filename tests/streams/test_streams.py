"""Streams, what is built on them, and the ways to Deferreds and back."""

from __future__ import annotations

import gc
import operator
import threading
from collections.abc import Callable
from typing import Any

import reactivex
from reactivex import Observable, Subject
from reactivex import operators as ops
from twisted.internet.defer import CancelledError, Deferred, fail, succeed
from twisted.internet.task import Clock
from twisted.trial.unittest import SynchronousTestCase

from tests.support import Watcher
from txcdp.domains import network, page
from txcdp.errors import ConnectionLost, StreamEnded
from txcdp.streams import Pipeline, StreamSubject, TwistedScheduler, first, from_deferred, queue
from txcdp.testing import FakeChrome


def length_of(item: network.DataReceived) -> int:
    return item.data_length


def protocol_of(version: Any) -> str:
    return str(version["protocolVersion"])


class StreamCase(SynchronousTestCase):
    def setUp(self) -> None:
        self.chrome = FakeChrome()
        self.connection = self.chrome.connect()
        self.session = self.chrome.attach(self.connection)
        self.stream = self.session.events(network.DataReceived)
        self.numbers: Any = self.stream.pipe(ops.map(length_of))
        self.addCleanup(lambda: self.assertEqual(threading.active_count(), 1))

    def emit(self, *numbers: int) -> None:
        for number in numbers:
            self.chrome.emit(
                network.DataReceived(request_id="R", timestamp=0.0, data_length=number, encoded_data_length=0),
                self.session,
            )
        self.chrome.flush()


class StreamTests(StreamCase):
    def test_the_same_stream(self):
        self.assertIs(self.session.events(network.DataReceived), self.stream)
        self.assertIsNot(self.session.events_raw("Network.dataReceived"), self.stream)

    def test_typed_and_raw(self):
        typed, raw = Watcher(self.stream), Watcher(self.session.events_raw("Network.dataReceived"))
        self.emit(1)
        self.assertEqual(typed.items[0].data_length, raw.items[0]["dataLength"])

    def test_representation(self):
        self.assertEqual(repr(self.stream), "<EventStream Network.dataReceived: 0 subscribers>")
        Watcher(self.stream)
        self.assertIn("1 subscribers", repr(self.stream))
        self.chrome.detach(self.session)
        self.chrome.flush()
        self.assertIn("ended", repr(self.stream))

    def test_ending_twice(self):
        stream: StreamSubject[int] = StreamSubject(self.session.context, "numbers")
        watcher = Watcher(stream)
        stream.push(1)
        stream.end()
        stream.end(ValueError())
        stream.push(2)
        self.assertEqual((watcher.items, watcher.completed, watcher.errors), ([1], 1, []))
        self.assertEqual(Watcher(stream).completed, 1)

    def test_unsubscribing_twice(self):
        watcher = Watcher(self.stream)
        watcher.leave()
        watcher.leave()
        self.assertIn("0 subscribers", repr(self.stream))

    def test_taps(self):
        everything = Watcher(self.connection.events_raw())
        some = Watcher(self.connection.events_raw(lambda name: name.startswith("Page.")))
        self.emit(1)
        self.chrome.emit(page.LoadEventFired(timestamp=1.0), self.session)
        self.chrome.emit(page.LoadEventFired(timestamp=2.0))
        self.chrome.flush()
        self.assertEqual(
            [item.method for item in everything.items],
            ["Network.dataReceived", "Page.loadEventFired", "Page.loadEventFired"],
        )
        self.assertEqual([item.session_id for item in some.items], [self.session.id, None])
        everything.leave()
        some.leave()
        before = self.connection.stats.ignored
        self.emit(2)
        self.assertEqual(self.connection.stats.ignored, before + 1)
        self.assertEqual(self.chrome.received(network.enable), [])

    def test_taps_see_the_events_of_life(self):
        everything = Watcher(self.connection.events_raw())
        other = self.chrome.attach(self.connection)
        self.chrome.detach(other)
        self.chrome.flush()
        self.assertEqual(
            [item.method for item in everything.items], ["Target.attachedToTarget", "Target.detachedFromTarget"]
        )

    def test_a_tap_with_params_of_a_wrong_type(self):
        everything = Watcher(self.connection.events_raw())
        self.chrome.emit_raw("A.b", [1], self.session)
        self.chrome.flush()
        self.assertEqual((everything.items[0].params, everything.items[0].session_id), ({}, self.session.id))

    def test_a_tap_that_comes_while_others_listen(self):
        watcher = Watcher(self.stream)
        tap = Watcher(self.connection.events_raw())
        self.emit(1)
        tap.leave()
        self.emit(2)
        self.assertEqual((len(watcher.items), len(tap.items)), (2, 1))


class PipelineTests(StreamCase):
    def test_time_is_the_connections(self):
        cases: list[tuple[Any, list[Any]]] = [
            (ops.debounce(1.0), [3]),
            (ops.delay(1.0), [1, 2, 3]),
            (ops.buffer_with_time(1.0), [[1, 2, 3]]),
            (ops.throttle_first(10.0), [1]),
            (ops.sample(1.0), [3]),
            (ops.start_with(0), [0, 1, 2, 3]),
        ]
        for operator_, expected in cases:
            watcher = Watcher(self.numbers.pipe(operator_))
            self.chrome.flush()
            self.emit(1, 2, 3)
            self.chrome.advance(1.0)
            self.assertEqual(watcher.items, expected)
            watcher.leave()

    def test_timeout(self):
        watcher = Watcher(self.numbers.pipe(ops.timeout(2.0)))
        self.emit(1)
        self.chrome.advance(1.9)
        self.assertEqual(watcher.errors, [])
        self.chrome.advance(0.2)
        self.assertEqual((watcher.items, len(watcher.errors)), ([1], 1))

    def test_start_with_is_synchronous(self):
        watcher = Watcher(self.numbers.pipe(ops.start_with(0)))
        self.assertEqual(watcher.items, [0])

    def test_operators_in_several_pipes(self):
        watcher = Watcher(self.stream.pipe(ops.map(length_of)).pipe(ops.delay(1.0)).pipe(ops.map(str)))
        self.emit(1)
        self.assertEqual(watcher.items, [])
        self.chrome.advance(1.0)
        self.assertEqual(watcher.items, ["1"])

    def test_no_operators(self):
        stream: Any = self.stream
        self.assertEqual(stream.pipe(), stream)

    def test_fluent_methods_keep_the_clock(self):
        stream: Any = self.stream
        pipeline = stream.filter(lambda item: item.data_length > 1).map(lambda item: item.data_length)
        self.assertIsInstance(pipeline, Pipeline)
        delayed = Watcher(pipeline.delay(1.0))
        held = queue(pipeline, 1)
        self.chrome.flush()
        self.emit(1, 2)
        self.assertTrue(self.chrome.lines[0].paused)
        self.assertEqual(held.get_nowait(), 2)
        self.chrome.advance(1.0)
        self.assertEqual(delayed.items, [2])

    def test_another_scheduler(self):
        clock = Clock()
        watcher = Watcher()
        self.numbers.pipe(ops.delay(1.0)).subscribe(watcher.items.append, scheduler=TwistedScheduler(clock))
        self.emit(1)
        self.chrome.advance(5)
        self.assertEqual(watcher.items, [])
        clock.advance(1)
        self.assertEqual(watcher.items, [1])

    def test_publishing(self):
        published: Any = self.numbers.pipe(ops.publish())
        first_one, second = Watcher(published), Watcher(published)
        self.emit(1)
        self.assertEqual(first_one.items, [])
        connection = published.connect()
        self.emit(2)
        self.assertEqual((first_one.items, second.items), ([2], [2]))
        connection.dispose()
        self.emit(3)
        self.assertEqual(first_one.items, [2])

    def test_sharing(self):
        for share in (ops.share(), operator.methodcaller("pipe", ops.publish(), ops.ref_count())):
            shared = share(self.numbers)
            first_one, second = Watcher(shared), Watcher(shared)
            self.assertIn("1 subscribers", repr(self.stream))
            self.emit(1)
            self.assertEqual((first_one.items, second.items), ([1], [1]))
            first_one.leave()
            self.assertIn("1 subscribers", repr(self.stream))
            second.leave()
            self.assertIn("0 subscribers", repr(self.stream))

    def test_replaying(self):
        replayed: Any = self.numbers.pipe(ops.replay(buffer_size=2))
        replayed.connect()
        self.emit(1, 2, 3)
        late = Watcher(replayed)
        self.chrome.advance(0)
        self.assertEqual(late.items, [2, 3])

    def test_flat_map_to_a_command(self):
        versions: Any = self.numbers.pipe(
            ops.flat_map(lambda _: from_deferred(self.connection.session.execute_raw("Browser.getVersion"))),
            ops.map(protocol_of),
        )
        watcher = Watcher(versions)
        self.emit(1, 2)
        self.assertEqual(watcher.items, ["1.3", "1.3"])

    def test_merging_two_streams(self):
        merged = reactivex.merge(self.numbers, self.session.events(page.LoadEventFired))
        watcher = Watcher(merged)
        self.emit(1)
        self.chrome.emit(page.LoadEventFired(timestamp=5.0), self.session)
        self.chrome.flush()
        self.assertEqual(len(watcher.items), 2)
        self.chrome.detach(self.session)
        self.chrome.flush()
        self.assertEqual(watcher.completed, 1)


class SchedulerTests(SynchronousTestCase):
    def test_now(self):
        clock = Clock()
        clock.advance(100)
        self.assertEqual(TwistedScheduler(clock).now.timestamp(), 100)

    def test_foreign_pipelines_on_a_clock(self):
        clock = Clock()
        got: list[int] = []
        reactivex.timer(2.0, scheduler=TwistedScheduler(clock)).subscribe(got.append)
        clock.advance(1.9)
        self.assertEqual(got, [])
        clock.advance(0.1)
        self.assertEqual(got, [0])
        self.assertEqual(clock.getDelayedCalls(), [])


def _answer(asked: Deferred[bool]) -> Callable[[int], Deferred[bool]]:
    return lambda _: asked


class FirstTests(StreamCase):
    def test_the_first_item(self):
        got = first(self.numbers)
        self.assertNoResult(got)
        self.emit(1, 2)
        self.assertEqual(self.successResultOf(got), 1)
        self.assertIn("0 subscribers", repr(self.stream))

    def test_a_predicate(self):
        got = first(self.numbers, lambda number: number > 1)
        self.emit(1, 2, 3)
        self.assertEqual(self.successResultOf(got), 2)

    def test_a_predicate_that_raises(self):
        got = first(self.numbers, lambda number: bool(1 / 0))
        self.emit(1, 2)
        self.failureResultOf(got, ZeroDivisionError)
        self.assertIn("0 subscribers", repr(self.stream))

    def test_a_predicate_that_takes_its_time(self):
        asked: dict[int, Deferred[bool]] = {}
        got = first(self.numbers, lambda number: asked.setdefault(number, Deferred()))
        self.emit(1, 2, 3, 4)
        asked[2].callback(False)
        self.assertNoResult(got)
        asked[3].callback(True)
        self.assertEqual(self.successResultOf(got), 3)
        self.assertTrue(asked[1].called)  # what nobody waits for is cancelled
        self.assertIn("0 subscribers", repr(self.stream))

    def test_a_predicate_that_is_a_coroutine_function(self):
        async def is_wanted(number: int) -> bool:
            if number == 7:
                raise ValueError("seven")
            return number > 1

        got = first(self.numbers, is_wanted)
        self.emit(1, 2, 3)
        self.assertEqual(self.successResultOf(got), 2)
        failing = first(self.numbers, is_wanted)
        self.emit(1, 7)
        self.failureResultOf(failing, ValueError)

    def test_a_predicate_that_takes_longer_than_the_stream(self):
        for outcome in (True, False, RuntimeError("no")):
            with self.subTest(outcome=outcome):
                asked: Deferred[bool] = Deferred()
                subject: Subject[int] = Subject()
                got = first(subject, _answer(asked))
                subject.on_next(1)
                subject.on_completed()
                self.assertNoResult(got)
                if isinstance(outcome, Exception):
                    asked.errback(outcome)
                    self.failureResultOf(got, RuntimeError)
                    continue
                asked.callback(outcome)
                if outcome:
                    self.assertEqual(self.successResultOf(got), 1)
                else:
                    self.failureResultOf(got, StreamEnded)

    def test_cancelling_while_a_predicate_takes_its_time(self):
        asked: Deferred[bool] = Deferred()
        got = first(self.numbers, lambda _: asked)
        self.emit(1)
        got.cancel()
        self.failureResultOf(got, CancelledError)
        self.assertTrue(asked.called)

    def test_the_end_before(self):
        got = first(self.stream)
        self.chrome.detach(self.session)
        self.chrome.flush()
        error = self.failureResultOf(got, StreamEnded).value
        self.assertIn("Network.dataReceived", str(error))
        self.failureResultOf(first(self.stream), StreamEnded)

    def test_an_error_before(self):
        got = first(self.numbers)
        self.chrome.lose()
        self.chrome.flush()
        self.failureResultOf(got, ConnectionLost)
        self.failureResultOf(first(self.numbers), ConnectionLost)

    def test_cancelling(self):
        got = first(self.numbers)
        got.cancel()
        self.failureResultOf(got, CancelledError)
        self.assertIn("0 subscribers", repr(self.stream))

    def test_a_timeout(self):
        got = first(self.numbers, timeout=3)
        self.chrome.advance(3)
        error = self.failureResultOf(got, TimeoutError).value
        self.assertIn("3 s", str(error))
        self.assertIn("0 subscribers", repr(self.stream))

    def test_a_timeout_leaves_nothing_behind(self):
        got = first(self.stream, timeout=3)
        self.emit(1)
        self.successResultOf(got)
        self.chrome.advance(30)
        self.chrome.advance(30)
        self.assertEqual(self.chrome.clock.getDelayedCalls(), [])

    def test_of_what_is_there_at_once(self):
        self.assertEqual(self.successResultOf(first(reactivex.of(1, 2))), 1)
        self.failureResultOf(first(reactivex.empty()), StreamEnded)
        self.failureResultOf(first(reactivex.throw(ValueError("x"))), ValueError)

    def test_of_a_foreign_observable(self):
        subject: Subject[int] = Subject()
        self.assertRaises(TypeError, first, subject, timeout=1)
        clock = Clock()
        got = first(subject, timeout=1, clock=clock)
        clock.advance(1)
        self.failureResultOf(got, TimeoutError)

    def test_a_callback_that_subscribes(self):
        got: list[int] = []
        first(self.numbers).addCallback(lambda _: self.numbers.subscribe(got.append))
        self.emit(1, 2, 3)
        self.assertEqual(got, [2, 3])


class FromDeferredTests(SynchronousTestCase):
    def test_a_result(self):
        for late in (False, True):
            deferred: Deferred[int] = Deferred()
            source = from_deferred(deferred)
            if late:
                deferred.callback(5)
            watchers = [Watcher(source), Watcher(source)]
            if not late:
                deferred.callback(5)
            self.assertEqual([(each.items, each.completed) for each in watchers], [([5], 1)] * 2)

    def test_a_failure(self):
        for late in (False, True):
            deferred: Deferred[int] = Deferred()
            source = from_deferred(deferred)
            if late:
                deferred.errback(ValueError("x"))
            watchers = [Watcher(source), Watcher(source)]
            if not late:
                deferred.errback(ValueError("x"))
            for watcher in watchers:
                self.assertIsInstance(watcher.errors[0], ValueError)
            del deferred, source
            self.assertEqual(self.flushLoggedErrors(), [])

    def test_a_failure_that_nobody_heard_of_is_reported(self):
        source: Any = from_deferred(fail(ValueError("x")))
        del source
        gc.collect()
        self.assertEqual(len(self.flushLoggedErrors(ValueError)), 1)

    def test_leaving_cancels(self):
        cancelled: list[Any] = []
        deferred: Deferred[int] = Deferred(cancelled.append)
        source = from_deferred(deferred)
        first_one, second = Watcher(source), Watcher(source)
        first_one.leave()
        self.assertEqual(cancelled, [])
        second.leave()
        second.leave()
        self.assertEqual(len(cancelled), 1)
        self.assertEqual((second.items, second.errors), ([], []))

    def test_leaving_after_the_result(self):
        watcher = Watcher(from_deferred(succeed(1)))
        watcher.leave()
        self.assertEqual(watcher.items, [1])

    def test_a_failure_that_is_no_exception(self):
        class Strange(BaseException):
            pass

        watcher = Watcher(from_deferred(fail(Strange("x"))))
        self.assertIsInstance(watcher.errors[0], RuntimeError)

    def test_a_command_is_cancelled_with_its_last_subscriber(self):
        chrome = FakeChrome()
        session = chrome.attach(chrome.connect())
        watcher = Watcher(from_deferred(session.execute(page.enable())))
        watcher.leave()
        chrome.flush()
        self.assertEqual(chrome.lines[0].closed, None)
        self.assertIsInstance(from_deferred(succeed(1)), Observable)
