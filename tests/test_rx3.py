"""The bridge to Rx 3.2: what crosses it, on whose time, and that the two distributions never mix."""

from __future__ import annotations

import subprocess
import sys
import threading
import warnings
from datetime import datetime, timedelta
from typing import Any

import reactivex
import rx
from reactivex import operators as new
from reactivex.subject import Subject as NewSubject
from rx import operators as old
from rx.core.observable.groupedobservable import GroupedObservable
from rx.subject import Subject as OldSubject
from twisted.internet.task import Clock
from twisted.trial import util
from twisted.trial.unittest import SynchronousTestCase

from tests.support import Watcher, WireCase, data_received
from txcdp import rx3
from txcdp.domains import network
from txcdp.errors import ConnectionLost
from txcdp.streams import first, queue

# Rx 3.2 asks for the time at every subscription, in a way that Python 3.12 and newer warn of.
suppress = [
    util.suppress(
        category=DeprecationWarning, message=r"datetime\.datetime\.utc(now|fromtimestamp)\(\)", module=r"rx\."
    )
]


class OldWatcher(Watcher):
    """Subscribes as Rx 3 does."""

    def __init__(self, source: Any) -> None:
        super().__init__()
        self.subscription = source.subscribe(self.items.append, self.errors.append, self._complete)


def data_length(event: network.DataReceived) -> int:
    return event.data_length


def fail_at(item: object) -> None:
    raise ZeroDivisionError


class BridgeCase(WireCase):
    def setUp(self) -> None:
        super().setUp()
        self.stream = self.connection.session.events(network.DataReceived)
        self.numbers: Any = self.stream.pipe(new.map(data_length))
        self.wire.reactor.advance(1000)

    def emit(self, *numbers: int) -> None:
        """Let the browser send events."""
        self.wire.say(*map(data_received, numbers))


class FromStreamTests(BridgeCase):
    def test_a_true_observable(self):
        for source in (self.stream, self.numbers, reactivex.of(1)):
            self.assertIsInstance(rx3.from_stream(source), rx.Observable)

    def test_items(self):
        heard = OldWatcher(rx3.from_stream(self.stream).pipe(old.map(lambda event: event.data_length + 1)))
        also = OldWatcher(rx3.from_stream(self.numbers))
        self.emit(1, 2)
        self.assertEqual(heard.items, [2, 3])
        self.assertEqual(also.items, [1, 2])

    def test_it_subscribes_when_it_is_subscribed_to(self):
        bridged = rx3.from_stream(self.stream)
        self.assertEqual(self.wire.heard(), [])
        heard = OldWatcher(bridged)
        self.assertEqual(self.wire.last()["method"], "Network.enable")
        heard.leave()
        self.assertIn("0 subscribers", repr(self.stream))

    def test_leaving_from_within(self):
        heard = OldWatcher(rx3.from_stream(self.numbers).pipe(old.take(1)))
        self.emit(1, 2)
        self.assertEqual((heard.items, heard.completed), ([1], 1))
        self.assertIn("0 subscribers", repr(self.stream))

    def test_completion(self):
        heard = OldWatcher(rx3.from_stream(self.numbers))
        self.connection.close()
        self.wire.finish_close()
        self.assertEqual((heard.completed, heard.errors), (1, []))

    def test_an_error(self):
        heard = OldWatcher(rx3.from_stream(self.numbers).pipe(old.filter(bool)))
        self.wire.lose()
        (error,) = heard.errors
        self.assertIsInstance(error, ConnectionLost)
        self.assertEqual(heard.completed, 0)

    def test_an_error_that_an_operator_handles(self):
        heard = OldWatcher(rx3.from_stream(self.numbers).pipe(old.catch(lambda error, _: rx.of(str(error)))))
        self.wire.lose()
        self.assertIn("gone", heard.items[0])
        self.assertEqual(heard.completed, 1)

    def test_after_the_end(self):
        self.wire.lose()
        heard = OldWatcher(rx3.from_stream(self.numbers))
        self.assertIsInstance(heard.errors[0], ConnectionLost)

    def test_a_subscriber_that_raises_harms_only_itself(self):
        rx3.from_stream(self.stream).subscribe(fail_at)
        heard = OldWatcher(rx3.from_stream(self.numbers))
        self.emit(1, 2)
        self.assertEqual(heard.items, [1, 2])
        self.logged(1)

    def test_an_operator_that_raises(self):
        heard = OldWatcher(rx3.from_stream(self.numbers).pipe(old.map(lambda number: 1 // number)))
        self.emit(0, 1)
        self.assertIsInstance(heard.errors[0], ZeroDivisionError)
        self.assertEqual(heard.items, [])
        self.assertIn("0 subscribers", repr(self.stream))

    def test_an_observer_object(self):
        subject = OldSubject()
        heard = OldWatcher(subject)
        rx3.from_stream(self.numbers).subscribe(subject)
        self.emit(4)
        self.assertEqual(heard.items, [4])

    def test_without_handlers(self):
        rx3.from_stream(self.numbers).subscribe().dispose()
        self.assertIn("0 subscribers", repr(self.stream))

    def test_any_observable_of_reactivex(self):
        heard = OldWatcher(rx3.from_stream(reactivex.of(1, 2)))
        self.assertEqual((heard.items, heard.completed), ([1, 2], 1))

    def test_nothing_else(self):
        wrong: Any
        for wrong in (rx.of(1), [1], None):
            with self.assertRaisesRegex(TypeError, "observable of reactivex, not"):
                rx3.from_stream(wrong)


class TimeTests(BridgeCase):
    def test_pipelines_run_on_the_connections_time(self):
        numbers = rx3.from_stream(self.numbers)
        late = OldWatcher(numbers.pipe(old.map(float), old.delay(2)))
        calm = OldWatcher(numbers.pipe(old.debounce(3)))
        chunks = OldWatcher(numbers.pipe(old.buffer_with_time(5)))
        threads = threading.active_count()
        self.emit(1)
        self.wire.reactor.advance(2.5)
        self.assertEqual((late.items, calm.items), ([1.0], []))
        self.wire.reactor.advance(1)
        self.assertEqual((calm.items, chunks.items), ([1], []))
        self.wire.reactor.advance(2)
        self.assertEqual(chunks.items, [[1]])
        self.assertEqual(threading.active_count(), threads)
        chunks.leave()

    def test_timeout(self):
        heard = OldWatcher(rx3.from_stream(self.numbers).pipe(old.timeout(5)))
        self.emit(1)
        self.wire.reactor.advance(5)
        self.assertEqual(len(heard.errors), 1)
        self.assertIn("0 subscribers", repr(self.stream))

    def test_what_is_due_now_runs_now(self):
        heard = OldWatcher(rx3.from_stream(self.numbers).pipe(old.start_with(0)))
        self.assertEqual(heard.items, [0])
        self.emit(1)
        self.assertEqual(heard.items, [0, 1])

    def test_leaving_cancels_what_is_due(self):
        heard = OldWatcher(rx3.from_stream(self.numbers).pipe(old.delay(2)))
        self.emit(1)
        self.wire.reactor.advance(3)
        self.emit(2)
        heard.leave()
        self.wire.reactor.advance(3)
        self.assertEqual(heard.items, [1])

    def test_another_scheduler(self):
        clock = Clock()
        heard = OldWatcher(rx3.from_stream(self.numbers).pipe(old.delay(2, rx3.scheduler(clock))))
        self.emit(1)
        self.wire.reactor.advance(3)
        self.assertEqual(heard.items, [])
        clock.advance(2)
        self.assertEqual(heard.items, [1])

    def test_a_scheduler_given_when_subscribing(self):
        clock = Clock()
        items: list[int] = []
        rx3.from_stream(self.numbers).pipe(old.delay(2)).subscribe(items.append, scheduler=rx3.scheduler(clock))
        self.emit(1)
        clock.advance(2)
        self.assertEqual(items, [1])

    def test_a_clock_for_a_foreign_observable(self):
        clock, source = Clock(), NewSubject[int]()
        heard = OldWatcher(rx3.from_stream(source, clock).pipe(old.delay(2)))
        source.on_next(1)
        clock.advance(2)
        self.assertEqual(heard.items, [1])

    def test_publishing(self):
        shared: Any = rx3.from_stream(self.numbers).pipe(old.publish())
        heard = OldWatcher(shared)
        connection = shared.connect()
        self.emit(1)
        self.assertEqual(heard.items, [1])
        connection.dispose()


class SchedulerTests(WireCase):
    def test_now_is_the_clocks(self):
        clock = Clock()
        clock.advance(90)
        self.assertEqual(rx3.scheduler(clock).now, datetime(1970, 1, 1, 0, 1, 30))  # noqa: DTZ001

    def test_without_warnings_of_ours(self):
        with warnings.catch_warnings():
            warnings.simplefilter("error")
            self.assertIsNone(rx3.TwistedScheduler(Clock()).now.tzinfo)

    def test_operators_on_a_clock(self):
        clock, source = Clock(), OldSubject()
        scheduler = rx3.scheduler(clock)
        late = OldWatcher(source.pipe(old.delay(2, scheduler)))
        calm = OldWatcher(source.pipe(old.debounce(3, scheduler)))
        ticks = OldWatcher(rx.interval(1, scheduler))
        stamps = OldWatcher(source.pipe(old.timestamp(scheduler), old.map(lambda each: each.timestamp)))
        source.on_next("a")
        for _ in range(6):
            clock.advance(0.5)
        self.assertEqual((late.items, calm.items, ticks.items), (["a"], ["a"], [0, 1, 2]))
        self.assertEqual(stamps.items, [datetime(1970, 1, 1)])  # noqa: DTZ001
        ticks.leave()
        self.assertEqual(clock.getDelayedCalls(), [])

    def test_absolute_times(self):
        clock = Clock()
        scheduler = rx3.scheduler(clock)
        due = OldWatcher(rx.timer(scheduler.now + timedelta(seconds=2), scheduler=scheduler))
        clock.advance(2)
        self.assertEqual((due.items, due.completed), ([0], 1))


class NeverMixedTests(BridgeCase):
    """An operator of one distribution takes an observable of the other for an iterable without an end."""

    def test_windows_cross_as_observables(self):
        crossed: list[Any] = []
        windows = rx3.from_stream(self.numbers.pipe(new.window_with_count(2)))
        sums = OldWatcher(windows.pipe(old.do_action(crossed.append), old.flat_map(lambda each: each.pipe(old.sum()))))
        self.emit(1, 2, 3, 4)
        self.assertEqual(sums.items, [3, 7])
        for window in crossed:
            self.assertIsInstance(window, rx.Observable)
            self.assertNotIsInstance(window, reactivex.Observable)

    def test_groups_keep_their_key(self):
        groups = rx3.from_stream(self.numbers.pipe(new.group_by(lambda number: number % 2)))
        heard = OldWatcher(groups.pipe(old.flat_map(lambda group: group.pipe(old.map(lambda n: (group.key, n))))))
        kinds = OldWatcher(groups)
        self.emit(1, 2, 3)
        self.assertEqual(heard.items, [(1, 1), (0, 2), (1, 3)])
        self.assertEqual([type(kind) for kind in kinds.items], [GroupedObservable] * 2)

    def test_what_crosses_within_a_window_runs_on_the_connections_time(self):
        windows = rx3.from_stream(self.numbers.pipe(new.window_with_count(1)))
        heard = OldWatcher(windows.pipe(old.merge_all(), old.delay(1)))
        later = OldWatcher(windows.pipe(old.flat_map(lambda window: window.pipe(old.delay(1)))))
        self.emit(1)
        self.wire.reactor.advance(1)
        self.assertEqual((heard.items, later.items), ([1], [1]))

    def test_flat_map_to_a_bridged_observable(self):
        inner = rx3.from_stream(reactivex.of("a", "b"))
        heard = OldWatcher(rx3.from_stream(self.numbers).pipe(old.flat_map(lambda _: inner)))
        self.emit(1)
        self.assertEqual(heard.items, ["a", "b"])

    def test_subscribers_get_no_scheduler_of_the_other_side(self):
        given: list[Any] = []

        def subscribe(observer: Any, scheduler: Any = None) -> Any:
            given.append(scheduler)
            return observer.on_completed()

        rx3.from_stream(reactivex.Observable(subscribe)).subscribe(scheduler=rx3.scheduler(Clock()))
        OldWatcher(rx3.from_stream(rx3.to_stream(rx.Observable(subscribe))))
        self.assertEqual(given, [None, None])

    def test_disposables_and_observers_are_of_their_own_side(self):
        seen: list[Any] = []

        def subscribe(observer: Any, scheduler: Any = None) -> Any:
            seen.append(observer)
            return lambda: None

        rx3.from_stream(reactivex.Observable(subscribe)).subscribe().dispose()
        rx3.to_stream(rx.Observable(subscribe)).subscribe().dispose()
        self.assertEqual([type(each).__module__.partition(".")[0] for each in seen], ["reactivex", "rx"])


class ToStreamTests(BridgeCase):
    def test_items_and_completion(self):
        heard = Watcher(rx3.to_stream(rx.of(1, 2)))
        self.assertEqual((heard.items, heard.completed), ([1, 2], 1))

    def test_an_error(self):
        error = ValueError("no")
        heard = Watcher(rx3.to_stream(rx.throw(error)))
        self.assertEqual(heard.errors, [error])

    def test_leaving(self):
        source = OldSubject()
        heard = Watcher(rx3.to_stream(source))
        source.on_next(1)
        heard.leave()
        source.on_next(2)
        self.assertEqual(heard.items, [1])
        self.assertEqual(source.observers, [])

    def test_there_and_back_keeps_the_connection(self):
        back = rx3.to_stream(rx3.from_stream(self.numbers).pipe(old.map(str)))
        late = Watcher(back.pipe(new.delay(2)))
        held = queue(back, 10, "pause")
        awaited = first(back, timeout=5)
        self.emit(7)
        self.wire.reactor.advance(2)
        self.assertEqual(late.items, ["7"])
        self.assertEqual(held.get_nowait(), "7")
        self.assertEqual(self.successResultOf(awaited), "7")
        held.close()

    def test_a_stream_to_be_like(self):
        source = OldSubject()
        heard = Watcher(rx3.to_stream(source, like=self.stream).pipe(new.delay(2)))
        source.on_next(1)
        self.wire.reactor.advance(2)
        self.assertEqual(heard.items, [1])

    def test_windows_and_groups(self):
        def with_key(group: Any) -> reactivex.Observable[Any]:
            keyed: reactivex.Observable[Any] = group.pipe(new.map(lambda n: (group.key, n)))
            return keyed

        source = OldSubject()
        like = self.stream
        sums = Watcher(rx3.to_stream(source.pipe(old.window_with_count(2)), like).pipe(new.flat_map(new.sum())))
        keys = Watcher(rx3.to_stream(source.pipe(old.group_by(lambda n: n % 2))).pipe(new.flat_map(with_key)))
        for number in (1, 2, 3, 4):
            source.on_next(number)
        self.assertEqual(sums.items, [3, 7])
        self.assertEqual(keys.items, [(1, 1), (0, 2), (1, 3), (0, 4)])

    def test_nothing_else(self):
        for wrong in (reactivex.of(1), self.stream, [1]):
            with self.assertRaisesRegex(TypeError, "observable of rx, not"):
                rx3.to_stream(wrong)


class ImportTests(SynchronousTestCase):
    def test_without_rx(self):
        program = (
            "import sys\n"
            "sys.modules['rx'] = None\n"
            "try:\n"
            "    import txcdp.rx3\n"
            "except ImportError as error:\n"
            "    print(error)\n"
        )
        done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)
        self.assertIn("pip install txcdp[rx]", done.stdout)
