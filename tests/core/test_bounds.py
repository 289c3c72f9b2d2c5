"""What grows is bounded: commands and bytes that wait, routes, log lines; and producers are told when to go on."""

from __future__ import annotations

import tracemalloc
import zlib
from inspect import signature
from typing import Any

from twisted.internet.defer import CancelledError, Deferred
from twisted.internet.task import Clock
from twisted.logger import globalLogPublisher
from twisted.trial.unittest import SynchronousTestCase

from tests.support import Opening, PipeWire, Watcher, WireCase, attached, client_frames, event, over_pipe, server_frame
from txcdp._core.connection import Connection
from txcdp._core.dispatch.outbox import Outbox
from txcdp._core.sessions import AutoAttach
from txcdp._logs import EVERY, LogThrottle
from txcdp._transports import short_path
from txcdp.domains import browser, page, runtime
from txcdp.errors import CommandError, CommandTimeout, ConnectionLost, Overloaded, QueueOverflow
from txcdp.streams import queue
from txcdp.streams._flow import PAUSE_LIMIT
from txcdp.testing import NEVER, FakeChrome, FakeTransport

LARGE = "x" * 100_000
DEFLATE = "Sec-WebSocket-Extensions: permessage-deflate\r\n"


class PendingTests(SynchronousTestCase):
    def setUp(self) -> None:
        self.chrome = FakeChrome()

    def test_one_more_than_may_wait_fails_at_once(self):
        session = self.chrome.connect(max_pending=3).session
        waiting = [session.execute(page.enable()) for _ in range(3)]
        error = self.failureResultOf(session.execute(page.enable()), Overloaded).value
        self.assertEqual(error.method, "Page.enable")
        for word in ("3 commands", "max_pending", "when_writable()", "max_in_flight"):
            self.assertIn(word, str(error))
        self.chrome.flush()
        for each in waiting:
            self.successResultOf(each)
        self.chrome.run(session.execute(page.enable()))
        self.assertEqual(len(self.chrome.received(page.enable)), 4)

    def test_what_timed_out_waits_no_longer(self):
        self.chrome.on(page.enable, NEVER)
        session = self.chrome.connect(max_pending=1).session
        first = session.execute(page.enable(), timeout=1)
        self.chrome.advance(1)
        self.failureResultOf(first, CommandTimeout)
        self.assertNoResult(session.execute(page.enable(), timeout=1).addErrback(lambda _: None))
        self.chrome.advance(1)

    def test_what_is_held_back_by_limits_waits_too(self):
        session = self.chrome.connect(max_pending=3, max_in_flight=1).session
        waiting = [session.execute(page.enable()) for _ in range(3)]
        self.failureResultOf(session.execute(page.enable()), Overloaded)
        self.chrome.flush()
        for each in waiting:
            self.successResultOf(each)

    def test_the_defaults(self):
        defaults = {name: each.default for name, each in signature(Connection).parameters.items()}
        self.assertEqual((defaults["max_pending"], defaults["max_unsent"]), (100_000, 64 * 1024 * 1024))

    def test_no_bound(self):
        session = self.chrome.connect(max_pending=None).session
        waiting = [session.execute(page.enable()) for _ in range(1000)]
        self.chrome.flush()
        for each in waiting:
            self.successResultOf(each)


class UnsentTests(SynchronousTestCase):
    def setUp(self) -> None:
        self.chrome = FakeChrome()
        self.chrome.on(runtime.evaluate, NEVER)
        self.chrome.stall()

    def evaluate(self, session: Any, size: int = 100_000) -> Deferred[Any]:
        sent: Deferred[Any] = session.execute(runtime.evaluate(expression="x" * size), timeout=None)
        return sent

    def test_a_browser_that_takes_nothing(self):
        session = self.chrome.connect(max_unsent=1_000_000).session
        outcomes = [self.evaluate(session) for _ in range(20)]
        refused = [each for each in outcomes if each.called]
        self.assertEqual(len(refused), 10)
        for each in refused:
            self.assertIn("max_unsent", str(self.failureResultOf(each, Overloaded).value))
        self.chrome.go_on()
        self.chrome.flush()
        self.assertEqual(len(self.chrome.received(runtime.evaluate)), 10)
        more = self.evaluate(session)
        self.assertNoResult(more)
        self.chrome.lose()
        self.chrome.flush()
        for each in [*outcomes[:10], more]:
            self.failureResultOf(each, ConnectionLost)

    def test_only_what_waits_already_counts(self):
        session = self.chrome.connect(max_unsent=1000).session
        self.evaluate(session, 5_000_000).addErrback(lambda _: None)
        self.failureResultOf(self.evaluate(session, 1), Overloaded)

    def test_no_bound(self):
        session = self.chrome.connect(max_unsent=None).session
        for _ in range(700):
            self.evaluate(session).addErrback(lambda _: None)
        self.assertEqual(len(self.chrome.commands), 700)

    def test_what_is_held_back_by_limits_counts(self):
        self.chrome.go_on()
        session = self.chrome.connect(max_unsent=300_000, max_in_flight=1).session
        outcomes = [self.evaluate(session) for _ in range(6)]
        self.assertEqual([each.called for each in outcomes], [False] * 3 + [True] * 3)
        for each in outcomes[3:]:
            self.failureResultOf(each, Overloaded)
        for each in outcomes[:3]:
            each.addErrback(lambda _: None)
        self.chrome.lose()
        self.chrome.flush()


class WritableTests(SynchronousTestCase):
    def setUp(self) -> None:
        self.chrome = FakeChrome()
        self.connection = self.chrome.connect()
        self.session = self.connection.session
        self.chrome.on(runtime.evaluate, NEVER)

    def evaluate(self) -> Deferred[Any]:
        sent: Deferred[Any] = self.session.execute(runtime.evaluate(expression=LARGE), timeout=None)
        return sent.addErrback(lambda _: None)

    def test_at_once_while_little_waits(self):
        self.session.execute(page.enable())
        self.assertIsNone(self.successResultOf(self.connection.when_writable()))
        self.chrome.flush()

    def test_when_what_waited_has_left(self):
        self.chrome.stall()
        self.evaluate()
        waiting = [self.connection.when_writable() for _ in range(2)]
        cancelled = self.connection.when_writable()
        cancelled.cancel()
        self.failureResultOf(cancelled, CancelledError)
        for each in waiting:
            self.assertNoResult(each)
        self.chrome.go_on()
        self.chrome.flush()
        for each in waiting:
            self.assertIsNone(self.successResultOf(each))

    def test_the_line_goes_meanwhile(self):
        self.chrome.stall()
        self.evaluate()
        waiting = self.connection.when_writable()
        self.connection.transport.abort()
        self.chrome.lines[0].deliver()
        self.failureResultOf(waiting, ConnectionLost)
        self.failureResultOf(self.connection.when_writable(), ConnectionLost)
        self.chrome.go_on()

    def test_what_is_held_back_by_limits_has_to_leave_too(self):
        connection = self.chrome.connect(max_in_flight=1)
        later: Deferred[Any] = Deferred()
        self.chrome.once("A.b", later)
        sent: list[Deferred[Any]] = [connection.session.execute_raw("A.b"), connection.session.execute(page.enable())]
        self.chrome.flush()
        waiting = connection.when_writable()
        self.assertNoResult(waiting)
        later.callback({})
        self.chrome.flush()
        for each in [waiting, *sent]:
            self.successResultOf(each)

    def test_a_producer_that_waits_needs_little_memory(self):
        line = self.chrome.lines[0]
        most = 0
        turns = 0

        async def produce() -> None:
            nonlocal most
            for _ in range(50):
                await self.connection.when_writable()
                self.evaluate()
                most = max(most, line.unsent)

        done = Deferred.fromCoroutine(produce())
        while not done.called:
            self.chrome.flush()
            turns += 1
        self.successResultOf(done)
        self.assertEqual(len(self.chrome.received(runtime.evaluate)), 50)
        self.assertLess(most, 2 * len(LARGE))


class PauseTests(SynchronousTestCase):
    """A queue that pauses the browser: the pauses add up until a mark has come back."""

    def setUp(self) -> None:
        self.chrome = FakeChrome()
        self.connection = self.chrome.connect(linger=None)
        self.held = queue(self.connection.session.events_raw("A.b"), 1, "pause")

    def pause_for(self, seconds: float) -> None:
        self.chrome.emit_raw("A.b", {})
        self.chrome.flush()
        self.assertTrue(self.connection.context.flow.paused)
        self.chrome.advance(seconds)

    def go_on(self) -> None:
        self.held.get_nowait()
        self.assertFalse(self.connection.context.flow.paused)
        self.chrome.advance(0.2)

    def test_a_barrier_is_sent_and_answered(self):
        for _ in range(3):
            self.pause_for(PAUSE_LIMIT - 0.5)
            self.go_on()
        self.assertEqual(len(self.chrome.received(browser.get_version)), 3)

    def test_a_refusal_is_an_answer(self):
        self.chrome.on(browser.get_version, CommandError("Browser.getVersion", -32601, "wasn't found"))
        for _ in range(3):
            self.pause_for(PAUSE_LIMIT - 0.5)
            self.go_on()

    def test_a_browser_that_is_behind(self):
        self.chrome.delay(5, browser.get_version)
        self.pause_for(PAUSE_LIMIT - 0.5)
        self.go_on()
        self.pause_for(0.6)
        self.held.get_nowait()
        self.failureResultOf(self.held.get(), QueueOverflow)

    def test_the_line_goes_while_a_barrier_is_on_its_way(self):
        self.chrome.stall()
        self.chrome.go_on()
        self.chrome.drop_replies(1, browser.get_version)
        self.pause_for(PAUSE_LIMIT - 0.5)
        self.go_on()
        self.chrome.lose()
        self.chrome.flush()
        self.assertEqual(self.chrome.clock.getDelayedCalls(), [])


class OutboxTests(SynchronousTestCase):
    def test_what_the_line_does_not_take_is_refused(self):
        class Line(FakeTransport):
            def send(self, message: bytes) -> None:
                raise ValueError("too large")

        refused: list[Any] = []
        box = Outbox(Line(lambda *_: None, lambda: None), Clock(), lambda *said: refused.append(said), None, None, None)
        box.submit(b"x", Deferred())
        self.assertEqual([(message, str(error)) for message, error in refused], [(b"x", "too large")])


class LineTests(WireCase):
    """The same with real transports, of which the other end takes nothing."""

    def full(self) -> None:
        """Let what is sent wait: Twisted says so to its producer."""
        tcp: Any = self.wire
        tcp.tcp.producer.pauseProducing()
        tcp.tcp.dataBuffer = b"x" * 300_000

    def drain(self) -> None:
        """Let the other end take all."""
        tcp: Any = self.wire
        tcp.tcp.dataBuffer = b""
        tcp.tcp.producer.resumeProducing()

    def command(self) -> Deferred[Any]:
        sent: Deferred[Any] = self.connection.session.execute(runtime.evaluate(expression=LARGE), timeout=None)
        return sent.addErrback(lambda failure: None if failure.check(ConnectionLost) else failure)

    def test_a_full_line(self):
        self.full()
        transport = self.connection.transport
        self.assertTrue(transport.congested)
        self.assertGreaterEqual(transport.unsent, 300_000)
        waiting = [transport.when_drained(), self.connection.when_writable()]
        for each in waiting:
            self.assertNoResult(each)
        self.drain()
        for each in waiting:
            self.assertIsNone(self.successResultOf(each))
        self.assertEqual((transport.congested, transport.unsent), (False, 0))
        self.assertIsNone(self.successResultOf(transport.when_drained()))

    def test_a_full_line_that_ends(self):
        self.full()
        waiting = [self.connection.transport.when_drained(), self.connection.when_writable()]
        self.wire.close()
        for each in [*waiting, self.connection.transport.when_drained(), self.connection.when_writable()]:
            self.failureResultOf(each, ConnectionLost)

    def test_a_full_line_closes_in_time(self):
        self.full()
        closed = self.connection.close()
        self.wire.reactor.advance(10)
        self.assertTrue(self.successResultOf(closed).clean)

    def test_commands_to_a_full_line_are_refused(self):
        self.open(max_unsent=200_000)
        self.full()
        self.failureResultOf(self.command(), Overloaded)
        self.drain()
        self.assertNoResult(self.command())

    def test_what_is_sent_while_messages_are_handled_counts(self):
        self.open(max_unsent=500_000)
        self.full()
        outcomes: list[Deferred[Any]] = []
        self.connection.session.events_raw("A.b").subscribe(lambda _: outcomes.append(self.command()))
        self.wire.say(*[event("A.b")] * 40)
        refused = [each for each in outcomes if each.called and self.failureResultOf(each, Overloaded)]
        self.assertEqual(len(outcomes), 40)
        self.assertGreater(len(refused), 20)


class LineOverPipeTests(LineTests):
    wire_class = PipeWire

    def full(self) -> None:
        """Fill the pipe, of which nobody reads."""
        pipe: Any = self.connection.transport
        for _ in range(2000):
            if pipe.unsent > 300_000:
                break
            pipe.send(LARGE.encode())
            pipe._writer.flush()
        self.assertTrue(pipe.congested)

    def drain(self) -> None:
        wire: Any = self.wire
        while self.connection.transport.unsent:
            wire._drain()

    def test_what_the_pipe_takes_in_one_go_is_no_congestion(self):
        pipe: Any = self.connection.transport
        pipe.send(b"{}")
        self.assertFalse(pipe.congested)
        for _ in range(40):
            pipe.send(b" " * 2000)
        self.assertTrue(pipe.congested)
        pipe._writer.flush()
        self.assertFalse(pipe.congested)


class MessageSizeTests(SynchronousTestCase):
    """The limit is on what comes in."""

    def opened(self, extra: str = "", **options: Any) -> Opening:
        opening = Opening(ping_interval=None, max_message_size=10_000, **options)
        opening.connect()
        opening.answer(extra)
        self.connection = Connection(opening.transport, opening.reactor)
        return opening

    def end(self, opening: Opening) -> None:
        opening.tcp.end()
        opening.reactor.advance(5)
        self.assertEqual(opening.reactor.getDelayedCalls(), [])

    def test_what_goes_out_may_be_larger(self):
        self.patch(short_path, "FRAGMENT_SIZE", 50_000)
        opening = self.opened()
        sent = self.connection.session.execute(runtime.evaluate(expression=LARGE))
        parts = [each.payload for write in opening.tcp.writes for each in client_frames(write)]
        self.assertGreater(len(parts), 1)
        self.assertIn(LARGE.encode(), b"".join(parts))
        self.assertNoResult(sent.addErrback(lambda failure: failure.trap(ConnectionLost)))
        self.end(opening)

    def test_what_is_compressed_may_be_larger(self):
        opening = self.opened(DEFLATE, compress=True)
        sent = self.connection.session.execute(runtime.evaluate(expression=LARGE))
        self.assertNoResult(sent.addErrback(lambda failure: failure.trap(ConnectionLost)))
        self.assertLess(sum(map(len, opening.tcp.writes)), 10_000)
        self.assertIsNone(self.connection.lost)
        self.end(opening)

    def test_little_that_grows_to_much(self):
        opening = self.opened(DEFLATE, compress=True)
        deflate = zlib.compressobj(9, zlib.DEFLATED, -15)
        bomb = deflate.compress(b" " * 20_000_000) + deflate.flush(zlib.Z_SYNC_FLUSH)
        tracemalloc.start()
        self.addCleanup(tracemalloc.stop)
        for at in range(0, len(bomb), 9000):
            part, last = bomb[at : at + 9000], at + 9000 >= len(bomb)
            opening.tcp.protocol.dataReceived(server_frame(part, 0 if at else 1, rsv=0 if at else 4, fin=last))
        self.assertLess(tracemalloc.get_traced_memory()[1], 2_000_000)
        opening.reactor.advance(5)
        assert self.connection.lost is not None
        self.assertIn("10000", self.connection.lost.reason)
        self.assertEqual(opening.reactor.getDelayedCalls(), [])


class HostileTests(WireCase):
    """What a browser that means ill can make grow."""

    def lines(self) -> list[Any]:
        logged: list[Any] = []
        observer: Any = logged.append
        globalLogPublisher.addObserver(observer)
        self.addCleanup(globalLogPublisher.removeObserver, observer)
        return logged

    def test_names_that_are_made_up_are_not_kept(self):
        tap = Watcher(self.connection.events_raw())
        self.wire.say(*(event(f"Made.up{number}") for number in range(3000)))
        self.wire.say(event("M." + "x" * 1000))
        self.assertEqual(len(tap.items), 3001)
        routes = self.connection._dispatcher.routes
        self.assertLessEqual(len(routes._streams), 1000)
        self.assertLessEqual(max(map(len, routes._streams)), 100)
        tap.leave()
        self.assertEqual((len(routes._streams), len(routes._first)), (0, len(routes._fixed)))

    def test_a_stream_is_fed_although_many_names_are_known(self):
        tap = Watcher(self.connection.events_raw())
        self.wire.say(*(event(f"Made.up{number}") for number in range(1001)))
        late = Watcher(self.connection.session.events_raw("Really.late"))
        self.wire.say(event("Really.late"))
        self.assertEqual((len(late.items), len(tap.items)), (1, 1002))

    def test_replies_to_nobody_are_counted_only(self):
        logged = self.lines()
        self.wire.say(*({"id": number, "result": {}} for number in range(1, 2000)))
        self.assertEqual((self.connection.stats.unknown, logged), (1999, []))

    def test_a_flood_of_nonsense_is_logged_once_in_a_while(self):
        logged = self.lines()
        for _ in range(2):
            self.wire.say(*[b"nonsense", b'{"error":{"code":1,"message":"x"}}', b'{"method":5}'] * 500)
            self.wire.reactor.advance(EVERY)
        self.assertEqual(len(logged), 2)

    def test_a_flood_of_targets_that_cannot_be_set_up_is_logged_once_in_a_while(self):
        def keep(info: Any) -> bool:
            raise ValueError("a bug in the program")

        logged = self.lines()
        AutoAttach(keep=keep).start(self.connection.session).addErrback(lambda _: None)
        self.wire.answer_all()
        self.wire.say(*(attached(f"S{number}", f"T{number}") for number in range(100)))
        self.assertEqual(len([each for each in logged if "log_failure" in each]), 1)
        self.assertEqual(len(self.flushLoggedErrors(ValueError)), 1)

    def test_a_tap_that_cannot_choose_is_logged_once(self):
        logged = self.lines()
        tap = Watcher(self.connection.events_raw(lambda name: bool(1 / 0)))
        self.wire.say(*(event(f"Made.up{number}\r") for number in range(1500)))
        self.assertEqual((tap.items, len(logged)), ([], 1))
        self.assertEqual(len(self.flushLoggedErrors(ZeroDivisionError)), 1)

    def test_a_subscriber_that_raises_is_logged_once(self):
        logged = self.lines()

        def fail(item: Any) -> None:
            raise ZeroDivisionError

        self.connection.session.events_raw("A.b").subscribe(fail)
        self.wire.say(*[event("A.b")] * 100)
        self.assertEqual(len(logged), 1)
        self.assertEqual(len(self.flushLoggedErrors(ZeroDivisionError)), 1)

    def test_commands_that_were_given_up_are_forgotten(self):
        for _ in range(3):
            for _ in range(5000):
                self.connection.session.execute_raw("A.b", timeout=1).addErrback(lambda _: None)
            self.wire.reactor.advance(1)
        self.assertLessEqual(len(self.connection._dispatcher.pending._given_up), 10_000)


HostileOverPipeTests = over_pipe(HostileTests)


class LogThrottleTests(SynchronousTestCase):
    def test_once_in_a_while(self):
        clock = Clock()
        may_log = LogThrottle(clock)
        self.assertEqual([may_log(), may_log()], [True, False])
        clock.advance(EVERY - 1)
        self.assertFalse(may_log())
        clock.advance(1)
        self.assertEqual([may_log(), may_log()], [True, False])
