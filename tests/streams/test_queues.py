"""Queues: every policy for a consumer that is slow, and the pausing of the line."""

from __future__ import annotations

from typing import Any

from reactivex import Subject
from reactivex import operators as ops
from twisted.internet.defer import CancelledError, Deferred
from twisted.trial.unittest import SynchronousTestCase

from txcdp.domains import browser, network
from txcdp.errors import ConnectionLost, QueueOverflow, StreamEnded
from txcdp.streams import EventQueue, queue
from txcdp.streams._flow import PAUSE_LIMIT
from txcdp.testing import NEVER, FakeChrome


def length_of(item: network.DataReceived) -> int:
    return item.data_length


class QueueTests(SynchronousTestCase):
    def setUp(self) -> None:
        self.chrome = FakeChrome()
        self.connection = self.chrome.connect()
        self.session = self.chrome.attach(self.connection)
        self.stream = self.session.events(network.DataReceived)
        self.line = self.chrome.lines[0]

    def queue(self, maxsize: int, overflow: Any = "pause") -> EventQueue[network.DataReceived]:
        made = queue(self.stream, maxsize, overflow)
        self.chrome.flush()
        return made

    def emit(self, *numbers: int) -> None:
        for number in numbers:
            self.chrome.emit(
                network.DataReceived(request_id="R", timestamp=0.0, data_length=number, encoded_data_length=0),
                self.session,
            )
        self.chrome.flush()

    def take(self, held: EventQueue[network.DataReceived]) -> list[int]:
        taken = []
        while len(held):
            taken.append(held.get_nowait().data_length)
        return taken

    def test_get(self):
        held = self.queue(10)
        waiting = held.get()
        self.assertNoResult(waiting)
        self.emit(1, 2)
        self.assertEqual(self.successResultOf(waiting).data_length, 1)
        self.assertEqual(self.successResultOf(held.get()).data_length, 2)
        self.assertRaises(LookupError, held.get_nowait)

    def test_getters_are_served_in_order(self):
        held = self.queue(10)
        waiting = [held.get() for _ in range(3)]
        waiting[1].cancel()
        self.failureResultOf(waiting[1], CancelledError)
        self.emit(1, 2, 3)
        self.assertEqual([self.successResultOf(waiting[index]).data_length for index in (0, 2)], [1, 2])
        self.assertEqual(self.take(held), [3])

    def test_iteration_stops_at_a_clean_end(self):
        held = self.queue(10)
        got: list[int] = []

        async def consume() -> str:
            async for item in held:
                got.append(item.data_length)  # noqa: PERF401
            return "done"

        consumed = Deferred.fromCoroutine(consume())
        self.emit(1, 2)
        self.chrome.detach(self.session)
        self.chrome.flush()
        self.assertEqual((got, self.successResultOf(consumed)), ([1, 2], "done"))

    def test_iteration_raises_the_streams_error_after_what_is_held(self):
        held = self.queue(10)
        self.emit(1)
        self.chrome.lose("gone")
        self.chrome.flush()
        got: list[int] = []

        async def consume() -> None:
            async for item in held:
                got.append(item.data_length)  # noqa: PERF401

        self.failureResultOf(Deferred.fromCoroutine(consume()), ConnectionLost)
        self.assertEqual(got, [1])
        self.failureResultOf(held.get(), ConnectionLost)
        self.assertRaises(ConnectionLost, held.get_nowait)

    def test_closing(self):
        async def use() -> EventQueue[network.DataReceived]:
            async with self.queue(10) as held:
                self.emit(1)
            return held

        held = self.successResultOf(Deferred.fromCoroutine(use()))
        self.emit(2)
        self.assertEqual(self.take(held), [1])
        self.failureResultOf(held.get(), StreamEnded)
        held.close()

    def test_waiting_getters_hear_of_the_end(self):
        held = self.queue(10)
        waiting = [held.get(), held.get()]
        held.close()
        for each in waiting:
            self.failureResultOf(each, StreamEnded)

    def test_drop_oldest(self):
        held = self.queue(3, "drop_oldest")
        self.emit(1, 2, 3, 4, 5)
        self.assertEqual((held.dropped, self.connection.stats.dropped), (2, 2))
        self.assertEqual(self.take(held), [3, 4, 5])

    def test_drop_newest(self):
        held = self.queue(3, "drop_newest")
        self.emit(1, 2, 3, 4, 5)
        self.assertEqual((held.dropped, self.take(held)), (2, [1, 2, 3]))

    def test_latest(self):
        held = self.queue(3, "latest")
        self.emit(1, 2, 3)
        self.assertEqual((held.dropped, self.take(held)), (2, [3]))

    def test_error(self):
        held = self.queue(2, "error")
        self.emit(1, 2, 3, 4)
        self.assertEqual(self.take(held), [1, 2])
        self.failureResultOf(held.get(), QueueOverflow)
        self.assertFalse(self.line.paused)

    def test_nothing_is_dropped_while_somebody_waits(self):
        held = self.queue(1, "drop_newest")
        got: list[int] = []

        async def consume() -> None:
            async for item in held:
                got.append(item.data_length)  # noqa: PERF401

        Deferred.fromCoroutine(consume())
        self.emit(1, 2, 3)
        self.assertEqual((got, held.dropped), ([1, 2, 3], 0))

    def test_pause(self):
        held = self.queue(4)
        self.emit(1, 2, 3)
        self.assertFalse(self.line.paused)
        self.emit(4, 5, 6)
        self.assertTrue(self.line.paused)
        self.assertEqual([held.get_nowait().data_length for _ in range(2)], [1, 2])
        self.assertFalse(self.line.paused)
        self.chrome.flush()
        self.assertEqual(self.take(held), [3, 4, 5, 6])

    def test_a_fast_consumer_never_pauses(self):
        held = self.queue(1)
        for number in range(10):
            waiting = held.get()
            self.emit(number)
            self.assertEqual(self.successResultOf(waiting).data_length, number)
            self.assertFalse(self.line.paused)

    def test_two_queues_pause_together(self):
        first, second = self.queue(1), self.queue(2)
        self.emit(1, 2)
        self.assertTrue(self.line.paused)
        first.get_nowait()
        self.chrome.flush()
        self.assertTrue(self.line.paused)
        first.get_nowait()
        second.get_nowait()
        self.assertFalse(self.line.paused)
        first.close()
        second.close()

    def test_a_consumer_that_awaits_a_command_goes_on(self):
        held = self.queue(2)
        got: list[Any] = []

        async def consume() -> None:
            async for item in held:
                version = await self.connection.session.execute(browser.get_version())
                got.append((item.data_length, version.protocol_version))

        Deferred.fromCoroutine(consume()).addErrback(lambda _: None)
        self.emit(*range(15))
        self.assertEqual(got, [(number, "1.3") for number in range(15)])

    def test_the_queue_spills_only_so_far(self):
        self.chrome.on("A.b", NEVER)
        held = self.queue(2)
        self.session.execute_raw("A.b", timeout=None).addErrback(lambda _: None)
        self.emit(*range(20))
        self.assertEqual(len(held), 20)
        self.emit(20)
        self.assertEqual(self.take(held), list(range(20)))
        self.assertIn("20 items", str(self.failureResultOf(held.get(), QueueOverflow).value))

    def test_a_pause_that_is_too_long(self):
        held = self.queue(1)
        patient = self.queue(100)
        self.emit(1, 2)
        self.chrome.advance(PAUSE_LIMIT - 0.1)
        self.assertTrue(self.line.paused)
        self.chrome.advance(0.1)
        self.assertFalse(self.line.paused)
        self.assertEqual(self.take(held), [1])
        error = self.failureResultOf(held.get(), QueueOverflow).value
        self.assertIn(f"paused for {PAUSE_LIMIT:g} s", str(error))
        self.assertEqual(self.take(patient), [1, 2])

    def test_short_pauses_add_up_until_we_have_caught_up(self):
        held = self.queue(1)
        self.emit(1)
        self.chrome.advance(PAUSE_LIMIT - 1)
        held.get_nowait()
        self.assertFalse(self.line.paused)
        self.emit(2)
        self.chrome.advance(0.9)
        self.assertTrue(self.line.paused)
        self.chrome.advance(0.2)
        self.assertEqual(self.take(held), [2])
        self.failureResultOf(held.get(), QueueOverflow)

    def test_catching_up_starts_anew(self):
        held = self.queue(1)
        for _ in range(4):
            self.emit(1)
            self.chrome.advance(PAUSE_LIMIT - 1)
            self.assertTrue(self.line.paused)
            held.get_nowait()
            self.chrome.advance(1)
        self.emit(1)
        self.assertEqual(self.take(held), [1])

    def test_closing_a_queue_ends_its_pause(self):
        held = self.queue(1)
        self.emit(1, 2)
        held.close()
        self.assertFalse(self.line.paused)

    def test_nothing_is_left_behind(self):
        self.queue(1)
        self.emit(1)
        self.assertTrue(self.line.paused)
        self.connection.close()
        self.chrome.flush()
        self.assertEqual(self.chrome.clock.getDelayedCalls(), [])

    def test_a_consumer_that_raises_while_taking(self):
        held = self.queue(2)
        waiting = held.get().addCallback(lambda _: 1 / 0)
        self.emit(1, 2)
        self.failureResultOf(waiting, ZeroDivisionError)
        self.assertEqual(self.take(held), [2])

    def test_of_a_pipeline(self):
        held = queue(self.stream.pipe(ops.map(length_of)), 1)
        self.chrome.flush()
        self.emit(7)
        self.assertTrue(self.line.paused)
        self.assertEqual(held.get_nowait(), 7)

    def test_of_a_foreign_observable(self):
        subject: Subject[int] = Subject()
        self.assertRaises(TypeError, queue, subject)
        held = queue(subject, 1, "drop_oldest")
        subject.on_next(1)
        subject.on_next(2)
        self.assertEqual((held.get_nowait(), held.dropped), (2, 1))
        subject.on_error(ValueError("x"))
        self.assertRaises(ValueError, held.get_nowait)

    def test_wrong_arguments(self):
        self.assertRaises(ValueError, queue, self.stream, 0)
        self.assertRaises(ValueError, queue, self.stream, 1, "explode")
