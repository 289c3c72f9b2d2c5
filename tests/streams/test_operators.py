"""The operators of streams: each on the connection's clock, none on a thread, whatever streams are within."""

from __future__ import annotations

import re
import threading
from collections.abc import Callable
from datetime import timedelta
from typing import Any

import reactivex
from reactivex import Observable, Subject
from reactivex import operators as ops
from twisted.internet.defer import Deferred, fail, succeed
from twisted.internet.task import Clock

from tests.streams.test_streams import StreamCase, length_of
from tests.support import Watcher
from txcdp import streams
from txcdp.domains import network, page
from txcdp.errors import CommandTimeout, ConnectionLost, ConnectTimeout, DeadlineError, NavigationTimeout, StreamEnded
from txcdp.streams import ConnectableStream, EventStream, GroupedStream, Stream, StreamSubject, first, queue
from txcdp.testing import FakeChrome

#: What a stream inherits and does not type, with the reason.
INHERITED = {
    "as_observable": "there is nothing to hide",
    "do": "do_action by another name",
    "do_while": "subscribes again: what belongs to a browser does not begin again",
    "element_at_or_default": "rare",
    "find": "first",
    "find_index": "rare",
    "flat_map_indexed": "rare",
    "flat_map_latest": "switch_map by another name",
    "group_join": "rare",
    "multicast": "publish",
    "observe_on": "the reactor is the one thread",
    "partition_indexed": "rare",
    "pluck": "map",
    "pluck_attr": "map",
    "publish_value": "publish and start_with",
    "ref_count": "of connectable streams alone",
    "repeat": "subscribes again: a stream that has ended ends at once, for ever",
    "sequence_equal": "rare",
    "single_or_default": "rare",
    "single_or_default_async": "rare",
    "skip_until_with_time": "rare",
    "skip_while_indexed": "rare",
    "starmap_indexed": "rare",
    "subscribe_on": "the reactor is the one thread",
    "switch_map_indexed": "rare",
    "take_last_buffer": "take_last and to_list",
    "take_until_with_time": "rare",
    "take_while_indexed": "rare",
    "timeout_with_mapper": "rare",
    "delay_with_mapper": "rare",
    "to_future": "first",
    "to_iterable": "to_list by another name",
    "to_marbles": "for tests of reactivex's own",
    "while_do": "subscribes again",
    "zip_latest": "combine_latest",
}

S = Stream[int]

#: Operators by name, each with what comes of 1, 2, 3, of ten seconds, and of the end.
CASES: dict[str, list[tuple[Callable[[S], Stream[Any]], list[Any]]]] = {
    "all": [(lambda s: s.all(lambda n: n < 3), [False])],
    "amb": [(lambda s: s.amb(reactivex.timer(1)), [1, 2, 3])],
    "average": [(lambda s: s.average(), [2.0])],
    "buffer": [(lambda s: s.buffer(reactivex.interval(4)), [[1, 2, 3], [], []])],
    "buffer_when": [(lambda s: s.buffer_when(lambda: reactivex.timer(6)), [[1, 2, 3], []])],
    "buffer_with_count": [(lambda s: s.buffer_with_count(2), [[1, 2], [3]])],
    "buffer_with_time": [(lambda s: s.buffer_with_time(4.0), [[1, 2, 3], [], []])],
    "buffer_with_time_or_count": [(lambda s: s.buffer_with_time_or_count(8.0, 2), [[1, 2], [3], []])],
    "catch": [
        (lambda s: s.map(lambda n: 6 // (n - 2)).catch(reactivex.timer(1).pipe(ops.delay(1))), [-6, 0]),
        (lambda s: s.map(lambda n: 6 // (n - 2)).catch(lambda error, _: reactivex.timer(1)), [-6, 0]),
    ],
    "combine_latest": [(lambda s: s.combine_latest(reactivex.timer(1), s.delay(2)), [(3, 0, 1), (3, 0, 2), (3, 0, 3)])],
    "concat": [(lambda s: s.take(1).concat(reactivex.timer(1)), [1, 0])],
    "concat_all": [(lambda s: s.map(lambda n: reactivex.timer(n)).concat_all(), [0, 0, 0])],
    "concat_map": [(lambda s: s.concat_map(lambda n: reactivex.timer(4).pipe(ops.map(lambda _: n))), [1, 2])],
    "count": [(lambda s: s.count(), [3])],
    "debounce": [(lambda s: s.debounce(1.0), [3])],
    "default_if_empty": [(lambda s: s.filter(lambda n: n > 3).default_if_empty(0), [0])],
    "delay": [(lambda s: s.delay(1.0), [1, 2, 3]), (lambda s: s.delay(timedelta(seconds=1)), [1, 2, 3])],
    "delay_subscription": [(lambda s: s.delay_subscription(1.0), [])],
    "distinct": [(lambda s: s.distinct(lambda n: n % 2), [1, 2])],
    "distinct_until_changed": [(lambda s: s.distinct_until_changed(lambda n: n > 1), [1, 2])],
    "do_action": [(lambda s: s.do_action(lambda n: None), [1, 2, 3])],
    "filter": [(lambda s: s.filter(lambda n: n > 1), [2, 3])],
    "finally_action": [(lambda s: s.finally_action(lambda: None), [1, 2, 3])],
    "first": [(lambda s: s.first(lambda n: n > 1), [2])],
    "flat_map": [
        (lambda s: s.flat_map(lambda n: reactivex.timer(n)), [0, 0, 0]),
        (lambda s: s.flat_map(lambda n: succeed(n)), [1, 2, 3]),
        (lambda s: s.flat_map(lambda n: s.delay(n)), [2, 3, 3]),
        (lambda s: s.flat_map(coroutine), [10, 20, 30]),
    ],
    "group_by": [(lambda s: s.group_by(lambda n: n % 2).flat_map(lambda g: g.delay(1)), [1, 3, 2])],
    "ignore_elements": [(lambda s: s.ignore_elements(), [])],
    "is_empty": [(lambda s: s.is_empty(), [False])],
    "last": [(lambda s: s.last(), [3])],
    "map": [(lambda s: s.map(str), ["1", "2", "3"])],
    "map_indexed": [(lambda s: s.map_indexed(lambda n, i: n - i), [1, 1, 1])],
    "max": [(lambda s: s.max(), [3])],
    "merge": [(lambda s: s.merge(reactivex.timer(1), s.delay(2)), [1, 2, 3, 0, 1, 2, 3])],
    "merge_all": [(lambda s: s.map(lambda n: reactivex.timer(n)).merge_all(), [0, 0, 0])],
    "min": [(lambda s: s.min(), [1])],
    "of_type": [(lambda s: s.of_type(str), [])],
    "pairwise": [(lambda s: s.pairwise(), [(1, 2), (2, 3)])],
    "partition": [(lambda s: s.partition(lambda n: n > 1)[1], [1])],
    "publish": [(lambda s: s.publish(lambda p: p.merge(p.delay(1))), [1, 2, 3, 1, 2, 3])],
    "reduce": [
        (lambda s: s.reduce(lambda a, b: a + b), [6]),
        (lambda s: s.reduce(lambda a, b: f"{a}{b}", ""), ["123"]),
    ],
    "replay": [(lambda s: s.replay(2, 5.0, mapper=lambda r: r.delay(1)), [1, 2, 3])],
    "retry": [(lambda s: s.map(lambda n: 6 // (n - 2)).retry(2), [-6, 6])],
    "sample": [(lambda s: s.sample(1.0), [3]), (lambda s: s.sample(reactivex.interval(1)), [3])],
    "scan": [(lambda s: s.scan(lambda a, b: a + b), [1, 3, 6])],
    "share": [(lambda s: s.share(), [1, 2, 3])],
    "skip": [(lambda s: s.skip(1), [2, 3])],
    "skip_last": [(lambda s: s.skip_last(1), [1, 2])],
    "skip_until": [(lambda s: s.skip_until(reactivex.timer(1)), [])],
    "skip_while": [(lambda s: s.skip_while(lambda n: n < 2), [2, 3])],
    "skip_with_time": [(lambda s: s.skip_with_time(1), [])],
    "slice": [(lambda s: s.slice(1, 2), [2])],
    "some": [(lambda s: s.some(lambda n: n > 1), [True])],
    "starmap": [(lambda s: s.pairwise().starmap(lambda a, b: a * b), [2, 6])],
    "start_with": [(lambda s: s.start_with(0), [0, 1, 2, 3])],
    "sum": [(lambda s: s.sum(), [6])],
    "switch_latest": [(lambda s: s.map(lambda n: reactivex.timer(n)).switch_latest(), [0])],
    "switch_map": [(lambda s: s.switch_map(lambda n: reactivex.timer(1).pipe(ops.map(lambda _: n))), [3])],
    "take": [(lambda s: s.take(1), [1])],
    "take_last": [(lambda s: s.take_last(1), [3])],
    "take_until": [
        (lambda s: s.delay(2).take_until(reactivex.timer(1)), []),
        (lambda s: s.take_until(Deferred()), [1, 2, 3]),
        (lambda s: s.take_until(succeed(None)), []),
    ],
    "take_while": [(lambda s: s.take_while(lambda n: n < 2, inclusive=True), [1, 2])],
    "take_with_time": [(lambda s: s.delay(2).take_with_time(1), [])],
    "throttle_first": [(lambda s: s.throttle_first(1.0), [1])],
    "throttle_with_timeout": [(lambda s: s.throttle_with_timeout(1.0), [3])],
    "time_interval": [(lambda s: s.delay(1).time_interval().map(lambda t: t.interval.seconds), [1, 0, 0])],
    "timeout": [(lambda s: s.timeout(1.0, reactivex.timer(1)), [1, 2, 3, 0])],
    "timestamp": [(lambda s: s.timestamp().map(lambda t: t.timestamp.timestamp()), [0.0, 0.0, 0.0])],
    "to_dict": [(lambda s: s.to_dict(str, lambda n: -n), [{"1": -1, "2": -2, "3": -3}])],
    "to_list": [(lambda s: s.to_list(), [[1, 2, 3]])],
    "to_set": [(lambda s: s.to_set(), [{1, 2, 3}])],
    "window": [(lambda s: s.window(reactivex.interval(4)).flat_map(lambda w: w.delay(1)), [1, 2, 3])],
    "window_when": [(lambda s: s.window_when(lambda: reactivex.timer(4)).flat_map(lambda w: w.delay(1)), [1, 2, 3])],
    "window_with_count": [(lambda s: s.window_with_count(2).flat_map(lambda w: w.delay(1)), [1, 2, 3])],
    "window_with_time": [(lambda s: s.window_with_time(4.0).flat_map(lambda w: w.delay(1)), [1, 2, 3])],
    "window_with_time_or_count": [
        (lambda s: s.window_with_time_or_count(4.0, 2).flat_map(lambda w: w.delay(1)), [1, 2, 3])
    ],
    "with_latest_from": [
        (lambda s: s.delay(2).with_latest_from(reactivex.timer(1), s), [(1, 0, 3), (2, 0, 3), (3, 0, 3)])
    ],
    "buffer_toggle": [(lambda s: s.buffer_toggle(reactivex.of(1), lambda _: reactivex.timer(1)), [[1, 2, 3]])],
    "contains": [(lambda s: s.contains(2), [True])],
    "dematerialize": [(lambda s: s.materialize().dematerialize(), [1, 2, 3])],
    "element_at": [(lambda s: s.element_at(1), [2])],
    "exclusive": [(lambda s: s.map(lambda n: reactivex.timer(n)).exclusive(), [0])],
    "expand": [
        (lambda s: s.take(1).expand(lambda n: reactivex.timer(1).pipe(ops.map(lambda _: 2 * n))).take(3), [1, 2, 4])
    ],
    "filter_indexed": [(lambda s: s.filter_indexed(lambda n, index: index > 1), [3])],
    "first_or_default": [(lambda s: s.first_or_default(lambda n: n > 3, "none"), ["none"])],
    "fork_join": [(lambda s: s.fork_join(reactivex.timer(1)), [(3, 0)])],
    "group_by_until": [
        (lambda s: s.group_by_until(lambda n: 0, None, lambda g: g.delay(1)).flat_map(lambda g: g.delay(1)), [1, 2, 3])
    ],
    "join": [
        (lambda s: s.join(reactivex.timer(1), lambda _: reactivex.timer(2), lambda _: reactivex.timer(1)).count(), [3])
    ],
    "last_or_default": [(lambda s: s.last_or_default(0, lambda n: n > 3), [0])],
    "materialize": [(lambda s: s.materialize().map(lambda each: each.kind), ["N", "N", "N", "C"])],
    "max_by": [(lambda s: s.max_by(lambda n: n % 2), [[1, 3]])],
    "min_by": [(lambda s: s.min_by(lambda n: n % 2), [[2]])],
    "on_error_resume_next": [
        (lambda s: s.map(lambda n: 6 // (n - 2)).on_error_resume_next(reactivex.timer(1)), [-6, 0])
    ],
    "single": [(lambda s: s.single(lambda n: n > 2), [3])],
    "skip_last_with_time": [(lambda s: s.skip_last_with_time(11), [])],
    "take_last_with_time": [(lambda s: s.take_last_with_time(11), [1, 2, 3])],
    "throttle_with_mapper": [(lambda s: s.throttle_with_mapper(lambda _: reactivex.timer(1)), [3])],
    "window_toggle": [
        (
            lambda s: s.window_toggle(reactivex.of(1), lambda _: reactivex.timer(1)).flat_map(lambda w: w.delay(1)),
            [1, 2, 3],
        )
    ],
    "zip_with_iterable": [(lambda s: s.zip_with_iterable("ab"), [(1, "a"), (2, "b")])],
    "zip": [(lambda s: s.zip(reactivex.interval(1), s.delay(1)), [(1, 0, 1), (2, 1, 2), (3, 2, 3)])],
}

#: Operators that give streams as items.
NESTING: dict[str, Callable[[S], Any]] = {
    "window": lambda s: s.window(reactivex.interval(1)),
    "window_when": lambda s: s.window_when(lambda: reactivex.timer(1)),
    "window_with_count": lambda s: s.window_with_count(2),
    "window_with_time": lambda s: s.window_with_time(1),
    "window_with_time_or_count": lambda s: s.window_with_time_or_count(1, 2),
    "group_by": lambda s: s.group_by(lambda n: n % 2).map(lambda group: group),
    "pipe(window)": lambda s: s.pipe(ops.window(reactivex.interval(1, scheduler=s.context.scheduler))),
    "pipe(window_toggle)": lambda s: s.pipe(ops.window_toggle(reactivex.of(1), lambda _: reactivex.never())),
    "pipe(window_with_count)": lambda s: s.pipe(ops.window_with_count(2)),
    "pipe(window_with_time)": lambda s: s.pipe(ops.window_with_time(1)),
    "pipe(group_by)": lambda s: s.pipe(ops.group_by(lambda n: n % 2)),
    "pipe(group_by_until)": lambda s: s.pipe(ops.group_by_until(lambda n: n, None, lambda _: reactivex.never())),
    "method group_by_until": lambda s: s.group_by_until(lambda n: n, None, lambda _: reactivex.never()),
}


async def coroutine(number: int) -> int:
    return 10 * number


class OperatorCase(StreamCase):
    def setUp(self) -> None:
        super().setUp()
        self.typed: S = self.stream.map(length_of)

        def start(thread: threading.Thread) -> None:
            raise AssertionError(f"{thread} was started")

        self.patch(threading.Thread, "start", start)

    def ended(self) -> None:
        self.chrome.detach(self.session)
        self.chrome.flush()


class EachOperatorTests(OperatorCase):
    def test_what_comes_of_it(self):
        wrong: list[Any] = []
        for name, cases in CASES.items():
            for build, expected in cases:
                case = type(self)("test_what_comes_of_it")
                StreamCase.setUp(case)
                made = build(case.stream.map(length_of))
                self.assertIsInstance(made, Stream, name)
                watcher = Watcher(made)
                case.chrome.flush()
                case.emit(1, 2, 3)
                case.chrome.advance(10)
                case.chrome.detach(case.session)
                case.chrome.flush()
                wrong += [(name, watcher.items, expected)] if watcher.items != expected else []
                case.chrome.advance(100)
                watcher.leave()
                self.assertEqual(case.chrome.clock.getDelayedCalls()[1:], [], name)
        self.assertEqual(wrong, [])

    def test_all_of_reactivex_are_typed_or_left_out_for_a_reason(self):
        inherited = {name for name in dir(Observable) if not name.startswith("_")}
        own = {name for kind in (Stream,) for name in vars(kind) if not name.startswith("_")}
        self.assertEqual(inherited - own - INHERITED.keys(), set())
        self.assertEqual(own - CASES.keys(), {"subscribe", "expect", "each", "pipe", "run"})

    def test_inner_streams_keep_the_clock(self):
        for name, build in NESTING.items():
            case = type(self)("test_inner_streams_keep_the_clock")
            StreamCase.setUp(case)
            inner: list[Any] = []
            heard: list[int] = []

            def take(window: Stream[int], inner: list[Any] = inner, heard: list[int] = heard) -> None:
                inner.append(window)
                window.delay(0.5).subscribe(heard.append)

            build(case.stream.map(length_of)).subscribe(take)
            case.emit(1, 2)
            case.chrome.advance(0.4)
            self.assertEqual(heard, [], name)
            case.chrome.advance(0.2)
            self.assertEqual(heard, [1, 2], name)
            for each in inner:
                self.assertIsInstance(each, Stream, name)
                self.assertIs(each.context, case.session.context, name)

    def test_inherited_ones_keep_it_too(self):
        for build in (
            lambda s: s.buffer_toggle(reactivex.of(1), lambda _: reactivex.timer(1)),
            lambda s: s.throttle_with_mapper(lambda _: reactivex.timer(1)),
            lambda s: s.delay_with_mapper(lambda _: reactivex.timer(1)),
            lambda s: s.expand(lambda n: reactivex.timer(1).pipe(ops.map(lambda _: n)) if n < 3 else reactivex.empty()),
            lambda s: s.join(s, lambda _: reactivex.timer(1), lambda _: reactivex.timer(1)),
            lambda s: s.skip_last_with_time(1),
            lambda s: s.timeout_with_mapper(reactivex.timer(1), lambda _: reactivex.timer(1), reactivex.empty()),
            lambda s: s.pipe(ops.timestamp(), ops.publish(), ops.ref_count()),
            lambda s: s.pipe(ops.do_action(print), ops.delay(1), ops.share()),
        ):
            made: Any = build(self.typed.filter(lambda n: n < 0))
            self.assertIsInstance(made, Stream)
            Watcher(made)
        self.emit(1)
        self.chrome.advance(5)

    def test_groups_have_their_key(self):
        groups = Watcher(self.typed.group_by(lambda n: n % 2, str))
        self.emit(1, 2, 3)
        self.assertEqual([each.key for each in groups.items], [1, 0])
        self.assertIsInstance(groups.items[0], GroupedStream)

    def test_names_for_people(self):
        made = self.typed.filter(bool).debounce(1)
        self.assertEqual(repr(made), "<Stream Network.dataReceived.map().filter().debounce()>")
        self.assertEqual(
            streams.zip(self.typed, self.stream).name, "zip(Network.dataReceived.map(), Network.dataReceived)"
        )


class CombiningTests(OperatorCase):
    def test_they_keep_the_clock(self):
        loads = self.session.events(page.LoadEventFired)
        for build, expected in (
            (streams.merge, [1, 2]),
            (streams.combine_latest, [(1, 2)]),
            (streams.zip, [(1, 2)]),
        ):
            combined: Any = build
            watcher = Watcher(combined(self.typed, loads.map(lambda load: int(load.timestamp))).delay(1.0))
            self.chrome.flush()
            self.emit(1)
            self.chrome.emit(page.LoadEventFired(timestamp=2.0), self.session)
            self.chrome.flush()
            self.assertEqual(watcher.items, [])
            self.chrome.advance(1)
            self.assertEqual(watcher.items, expected)
            watcher.leave()

    def test_foreign_observables_get_it(self):
        watcher = Watcher(streams.merge(reactivex.timer(1), self.typed))
        self.chrome.advance(1)
        self.assertEqual(watcher.items, [0])

    def test_only_foreign_ones(self):
        for function in (streams.merge, streams.combine_latest, streams.zip):
            error = self.assertRaises(TypeError, function, reactivex.timer(1), reactivex.of(1))
            self.assertIn("scheduler=", str(error))
            self.assertRaises(TypeError, function)

    def test_a_queue_pauses_their_line(self):
        held = queue(streams.merge(self.typed, self.session.events(page.LoadEventFired)), 1)
        self.chrome.flush()
        self.emit(1, 2)
        self.assertTrue(self.chrome.lines[0].paused)
        held.get_nowait()
        self.assertFalse(self.chrome.lines[0].paused)

    def test_a_queue_pauses_all_their_lines(self):
        other = FakeChrome(self.chrome.clock)
        session = other.attach(other.connect())
        held = queue(streams.merge(self.typed, session.events(page.LoadEventFired).map(lambda _: 0)), 1)
        self.chrome.flush()
        other.flush()
        self.emit(1, 2)
        self.assertEqual((self.chrome.lines[0].paused, other.lines[0].paused), (True, True))
        held.close()
        self.assertEqual((self.chrome.lines[0].paused, other.lines[0].paused), (False, False))

    def test_inner_streams_of_merged_ones(self):
        merged = streams.merge(self.typed, self.typed)
        watcher = Watcher(merged.flat_map(lambda n: reactivex.timer(1)).delay(1))
        self.emit(1)
        self.chrome.advance(2)
        self.assertEqual(watcher.items, [0, 0])


class FailingTests(OperatorCase):
    def test_an_error_without_a_handler_is_logged(self):
        self.typed.map(lambda n: 1 // n).subscribe()
        self.emit(0)
        self.assertEqual(len(self.flushLoggedErrors(ZeroDivisionError)), 1)
        self.assertEqual(self.connection.stats.subscriber_errors, 1)

    def test_on_the_clock_too(self):
        self.typed.delay(1).map(lambda n: 1 // n).subscribe()
        self.emit(0)
        self.chrome.advance(1)
        self.assertEqual(len(self.flushLoggedErrors(ZeroDivisionError)), 1)

    def test_a_subscriber_that_raises_harms_only_itself(self):
        for build in (
            lambda s: s.delay(1),
            lambda s: s.debounce(1),
            lambda s: s.sample(1),
            lambda s: s.share(),
            lambda s: s.publish().auto_connect(2),
            lambda s: s.buffer_with_time(1).map(len),
        ):
            made: Any = build(self.typed)
            made.subscribe(lambda item: 1 // 0)
            good = Watcher(made)
            self.emit(1)
            self.chrome.advance(2.5)
            self.emit(2)
            self.chrome.advance(2.5)
            self.assertEqual(len(self.flushLoggedErrors(ZeroDivisionError)), 1)
            self.assertGreater(len(good.items), 1)
            good.leave()

    def test_one_of_a_windows_subscribers(self):
        got: list[int] = []

        def take(window: Stream[int]) -> None:
            window.subscribe(lambda item: 1 // 0)
            window.subscribe(got.append)

        self.typed.window_with_count(2).subscribe(take)
        self.emit(1, 2, 3)
        self.assertEqual(got, [1, 2, 3])
        self.assertEqual(len(self.flushLoggedErrors(ZeroDivisionError)), 2)

    def test_retrying_what_is_gone_fails(self):
        watcher = Watcher(self.typed.retry())
        self.chrome.lose()
        self.chrome.flush()
        self.assertIsInstance(watcher.errors[0], ConnectionLost)
        self.assertIsInstance(Watcher(self.typed.retry()).errors[0], ConnectionLost)

    def test_timeout(self):
        watcher = Watcher(self.typed.timeout(2.5))
        self.emit(1)
        self.chrome.advance(2.5)
        (error,) = watcher.errors
        self.assertIsInstance(error, DeadlineError)
        self.assertEqual(str(error), "Network.dataReceived.map(): no item came within 2.5 s")

    def test_deadline_errors_are_one_kind(self):
        for kind in (CommandTimeout, ConnectTimeout, NavigationTimeout):
            self.assertTrue(issubclass(kind, DeadlineError))
        self.assertTrue(issubclass(DeadlineError, TimeoutError))


class SharingTests(OperatorCase):
    def test_publish(self):
        published = self.typed.publish()
        self.assertIsInstance(published, ConnectableStream)
        watcher = Watcher(published.delay(1))
        self.emit(1)
        connection = published.connect()
        self.emit(2)
        self.chrome.advance(1)
        self.assertEqual(watcher.items, [2])
        assert connection is not None
        connection.dispose()
        self.assertIn("0 subscribers", repr(self.stream))

    def test_replay_forgets_by_the_clock(self):
        replayed = self.typed.replay(window=5)
        replayed.connect()
        self.emit(1)
        self.chrome.advance(4)
        self.emit(2)
        self.chrome.advance(2)
        self.assertEqual(Watcher(replayed).items, [2])

    def test_ref_count(self):
        counted = self.typed.publish().ref_count()
        one, two = Watcher(counted), Watcher(counted)
        self.assertIn("1 subscribers", repr(self.stream))
        one.leave()
        two.leave()
        self.assertIn("0 subscribers", repr(self.stream))


class EachTests(OperatorCase):
    def test_a_function(self):
        got: list[int] = []
        handling = self.typed.each(got.append)
        self.emit(1, 2)
        handling.dispose()
        self.emit(3)
        self.assertEqual(got, [1, 2])

    def test_what_fails_is_logged_and_goes_on(self):
        got: list[int] = []

        async def later(number: int) -> None:
            raise ValueError(number)

        def raising(number: int) -> None:
            raise ValueError(number)

        def failing(number: int) -> Deferred[None]:
            got.append(number)
            return fail(ValueError(number))

        for handler in (later, raising, failing):
            self.typed.each(handler)
        self.emit(1, 2)
        self.assertEqual(got, [1, 2])
        self.assertEqual(len(self.flushLoggedErrors(ValueError)), 6)
        self.assertEqual(self.connection.stats.subscriber_errors, 6)

    def test_a_line_that_is_lost_is_no_mistake(self):
        self.typed.each(lambda number: self.session.execute(network.enable()))
        self.emit(1)
        self.chrome.lose()
        self.chrome.flush()
        self.assertEqual(self.flushLoggedErrors(), [])


class ExpectTests(OperatorCase):
    def test_an_item_of_the_block(self):
        async def expecting() -> list[int]:
            self.emit(1)
            async with self.typed.expect(lambda number: number > 1) as expected:
                self.emit(1, 2, 3)
            return [await expected.value, await expected.value]

        self.assertEqual(self.chrome.run(expecting()), [2, 2])
        self.assertIn("0 subscribers", repr(self.stream))

    def test_leaving_waits(self):
        reached: list[str] = []

        async def expecting() -> int:
            async with self.typed.expect() as expected:
                reached.append("end of block")
            reached.append("left")
            return await expected.value

        result = Deferred.fromCoroutine(expecting())
        self.assertEqual(reached, ["end of block"])
        self.emit(5)
        self.assertEqual((reached, self.successResultOf(result)), (["end of block", "left"], 5))

    def test_a_body_that_raises_cancels(self):
        async def expecting() -> None:
            async with self.typed.expect():
                raise ValueError("in the block")

        self.failureResultOf(Deferred.fromCoroutine(expecting()), ValueError)
        self.assertIn("0 subscribers", repr(self.stream))

    def test_cancelling_the_wait(self):
        async def expecting() -> None:
            async with self.typed.expect():
                pass

        waiting = Deferred.fromCoroutine(expecting())
        waiting.cancel()
        self.failureResultOf(waiting)
        self.assertIn("0 subscribers", repr(self.stream))

    def test_a_deadline(self):
        async def expecting(**limit: Any) -> None:
            async with self.typed.expect(lambda number: number > 1, **limit):
                pass

        usual, short, none = (
            Deferred.fromCoroutine(expecting(**each)) for each in ({}, {"timeout": 2}, {"timeout": 0})
        )
        self.chrome.advance(2)
        error = self.failureResultOf(short, DeadlineError).value
        self.assertEqual(str(error), "Network.dataReceived.map(): an item that matches did not come within 2 s")
        self.chrome.advance(27)
        self.assertNoResult(usual)
        self.chrome.advance(1)
        self.failureResultOf(usual, DeadlineError)
        self.chrome.advance(10_000)
        self.assertNoResult(none)
        none.cancel()
        self.failureResultOf(none)

    def test_the_end_before(self):
        async def expecting() -> None:
            async with self.typed.expect() as expected:
                values.append(expected.value)

        values: list[Deferred[int]] = []
        waiting = Deferred.fromCoroutine(expecting())
        self.ended()
        self.failureResultOf(waiting, StreamEnded)
        self.failureResultOf(values[0], StreamEnded)

    def test_cancelling_a_value_leaves_the_others(self):
        async def expecting() -> int:
            async with self.typed.expect() as expected:
                values.extend([expected.value, expected.value])
                values[0].cancel()
            return await values[1]

        values: list[Deferred[int]] = []
        waiting = Deferred.fromCoroutine(expecting())
        self.failureResultOf(values[0])
        self.emit(1)
        self.assertEqual(self.successResultOf(waiting), 1)

    def test_out_of_its_block(self):
        expected = self.typed.expect()
        self.assertRaises(RuntimeError, lambda: expected.value)

    def test_urls(self):
        requests = self.session.events(network.RequestWillBeSent)

        async def expecting(match: Any) -> str:
            async with requests.expect(match, timeout=1) as expected:
                for url in ("https://a.example/", "https://a.example/api/1?x=1", "https://a.example/api/2/b"):
                    self.chrome.emit_raw(
                        "Network.requestWillBeSent", {"requestId": "1", "request": {"url": url}}, self.session
                    )
            return (await expected.value).request.url

        for match, found in (
            ("**/api/*", "https://a.example/api/1?x=1"),
            ("**/api/2/{a,b}", "https://a.example/api/2/b"),
            ("https://a.example/api/1?x=1", "https://a.example/api/1?x=1"),
            (re.compile("api"), "https://a.example/api/1?x=1"),
            (lambda event: event.request.url.endswith("b"), "https://a.example/api/2/b"),
        ):
            self.assertEqual(self.chrome.run(expecting(match), 2), found)
        for match in ("https://*.test/", "https://a.example/api/*/c"):
            self.failureResultOf(self.later(expecting(match)), DeadlineError)

    def later(self, coroutine: Any) -> Deferred[Any]:
        waiting: Deferred[Any] = Deferred.fromCoroutine(coroutine)
        self.chrome.advance(2)
        return waiting

    def test_a_url_of_what_has_none(self):
        async def expecting() -> None:
            async with self.stream.expect("**/a"):
                self.emit(1)

        self.failureResultOf(Deferred.fromCoroutine(expecting()), TypeError)
        self.assertRaises(TypeError, self.typed.expect, 5)
        self.assertRaises(ValueError, self.typed.expect, "**/{a")

    def test_a_deadline_in_milliseconds(self):
        for call in (lambda: self.typed.expect(timeout=30_000), lambda: first(self.typed, timeout=30_000)):
            call()
            (warning,) = self.flushWarnings()
            self.assertIn("seconds", warning["message"])
        self.assertRaises(ValueError, self.typed.expect, timeout=-1)


class MistakenTests(OperatorCase):
    """What else one may do with a list, a Deferred or an observable: each of these stood still, or said nothing."""

    def setUp(self) -> None:
        super().setUp()
        self.untyped: Any = self.typed  # a checker refuses most of it

    async def loop(self) -> None:
        async for _ in self.untyped:
            raise AssertionError("an item")

    async def wait(self) -> None:
        await self.untyped

    def test_each_says_what_there_is(self):
        for what, attempt in (
            ("iterated", lambda: list(self.untyped)),
            ("iterated", lambda: self.failureResultOf(Deferred.fromCoroutine(self.loop())).raiseException()),
            ("awaited", lambda: self.failureResultOf(Deferred.fromCoroutine(self.wait())).raiseException()),
            ("run", self.untyped.run),
        ):
            error = self.assertRaises(TypeError, attempt)
            for part in (what, "first(stream)", "stream.subscribe(function)", "queue(stream)", repr(self.typed)):
                self.assertIn(part, str(error))

    def test_a_coroutine_function_where_nothing_is_awaited(self):
        async def takes_its_time(*_: object) -> bool:
            raise AssertionError("it is not to be called")

        for operator in (
            "map", "map_indexed", "starmap", "filter", "filter_indexed", "take_while", "skip_while", "scan", "reduce",
            "distinct", "distinct_until_changed", "first", "last", "single", "group_by", "do_action", "subscribe",
        ):  # fmt: skip
            error = self.assertRaises(TypeError, getattr(self.untyped, operator), takes_its_time)
            instead = "stream.each" if operator in ("subscribe", "do_action") else "stream.flat_map"
            for part in (f"{operator}() calls", "takes_its_time()", instead):
                self.assertIn(part, str(error))
        self.assertRaises(TypeError, self.untyped.subscribe, print, takes_its_time)

    def test_what_is_no_function(self):
        for attempt in (self.untyped.subscribe, self.untyped.each, self.untyped.map, self.untyped.filter):
            self.assertIn("'print' is not a function", str(self.assertRaises(TypeError, attempt, "print")))
        self.assertIn("timeout=", str(self.assertRaises(TypeError, first, self.untyped, 5)))

    def test_what_is_no_stream(self):
        for attempt in (self.untyped.buffer, self.untyped.window, self.untyped.merge):
            self.assertIn("0.5 is not a stream", str(self.assertRaises(TypeError, attempt, 0.5)))
        self.assertIn("merge(*streams)", str(self.assertRaises(TypeError, streams.merge, [self.typed, self.typed])))

    def test_expect_is_entered_and_its_value_awaited(self):
        async def awaited() -> None:
            await self.untyped.expect()

        def entered() -> None:
            with self.untyped.expect():
                raise AssertionError("the block is not entered")

        for attempt in (lambda: self.failureResultOf(Deferred.fromCoroutine(awaited())).raiseException(), entered):
            error = self.assertRaises(TypeError, attempt)
            for part in ("async with stream.expect() as expected", "await expected.value"):
                self.assertIn(part, str(error))

    def test_one_after_the_other(self):
        both = self.stream.take(1).map(length_of) + reactivex.timer(1)
        self.assertIsInstance(both, Stream)
        watcher = Watcher(both)
        self.emit(7)
        self.chrome.advance(1)
        self.assertEqual(watcher.items, [7, 0])


class SubjectTests(OperatorCase):
    def test_a_subject_of_reactivex_as_operand(self):
        subject: Subject[int] = Subject()
        watcher = Watcher(self.typed.merge(subject).delay(1))
        subject.on_next(7)
        self.chrome.advance(1)
        self.assertEqual(watcher.items, [7])

    def test_covariance(self):
        anything: Stream[object] = self.stream
        subject: StreamSubject[int] = StreamSubject(self.session.context, "numbers")
        self.assertIsInstance(anything, EventStream)
        watcher = Watcher(subject.map(str))
        subject.push(1)
        self.assertEqual(watcher.items, ["1"])

    def test_raw_events_are_streams(self):
        everything: Stream[Any] = self.connection.events_raw()
        watcher = Watcher(everything.map(lambda message: message.method))
        self.emit(1)
        self.assertEqual(watcher.items, ["Network.dataReceived"])
        self.assertEqual(Clock().getDelayedCalls(), [])
