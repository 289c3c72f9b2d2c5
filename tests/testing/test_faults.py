"""What a FakeChrome does when it does not do well; and what a connection makes of it."""

from __future__ import annotations

from typing import Any

from twisted.internet.defer import CancelledError, Deferred
from twisted.trial.unittest import SynchronousTestCase

from tests.support import Watcher
from txcdp._core.sessions import Session
from txcdp.domains import browser, network, page, runtime, target
from txcdp.errors import (
    CommandError,
    CommandTimeout,
    ConnectError,
    ConnectionLost,
    SessionDetached,
    TargetCrashed,
)
from txcdp.testing import GARBAGE, FakeChrome, FakeTransport


class FaultCase(SynchronousTestCase):
    def setUp(self) -> None:
        self.chrome = FakeChrome()
        self.connection = self.chrome.connect()
        self.root = self.connection.session
        self.session = self.chrome.attach(self.connection)

    def tearDown(self) -> None:
        self.chrome.lose()
        self.chrome.flush()
        self.assertEqual(self.chrome.clock.getDelayedCalls(), [])

    def asked(self, session: Session, command: Any = None) -> Deferred[Any]:
        """Send a command, and let what comes of it come."""
        sent: Deferred[Any] = session.execute(command or page.enable())
        self.chrome.flush()
        return sent

    def version(self) -> Any:
        return self.chrome.run(self.chrome.connect().session.execute(browser.get_version()))

    def targets(self) -> list[str]:
        reply = self.chrome.run(self.chrome.connect().session.execute(target.get_targets()))
        return [each.target_id for each in reply.target_infos]


class LineTests(FaultCase):
    def test_a_lost_line_has_a_reason(self):
        watcher = Watcher(self.session.events_raw("A.b"))
        self.chrome.lose("the cable is gone", code=None, cause="half_open")
        self.chrome.flush()
        lost = self.connection.lost
        assert lost is not None
        self.assertEqual(
            (lost.reason, lost.code, lost.clean, lost.cause), ("the cable is gone", None, False, "half_open")
        )
        self.assertIsInstance(watcher.errors[0], ConnectionLost)

    def test_a_line_closed_in_good_order(self):
        watcher = Watcher(self.session.events_raw("A.b"))
        self.chrome.lose("done", code=1000, clean=True)
        self.chrome.flush()
        self.assertEqual((watcher.completed, watcher.errors), (1, []))

    def test_the_targets_outlive_the_line(self):
        self.chrome.lose()
        self.chrome.flush()
        assert self.session.target is not None
        self.assertEqual(self.targets(), [self.session.target.target_id])
        self.assertEqual(self.chrome.targets.sessions, {})

    def test_a_context_may_end_with_its_line(self):
        made = [
            self.chrome.run(self.root.execute(target.create_browser_context(dispose_on_detach=end))).browser_context_id
            for end in (True, False)
        ]
        self.chrome.run(self.root.execute(target.create_target(url="", browser_context_id=made[0])))
        self.chrome.lose()
        self.chrome.flush()
        self.assertEqual(self.chrome.targets.contexts, made[1:])
        self.assertEqual(len(self.targets()), 1)

    def test_a_restart(self):
        old, target_id = self.chrome.targets.browser_id, self.session.target
        self.chrome.restart()
        self.chrome.flush()
        assert self.connection.lost is not None
        assert target_id is not None
        self.assertIn("restarted", str(self.connection.lost))
        self.assertEqual(self.targets(), [])
        self.assertNotEqual(self.chrome.targets.browser_id, old)
        again = self.chrome.run(self.chrome.connect().session.execute(target.create_target(url="")))
        self.assertNotEqual(again.target_id, target_id.target_id)

    def test_a_restart_while_commands_are_on_their_way(self):
        sent = [self.session.execute(page.close()), self.root.execute(browser.get_version())]
        self.chrome.restart()
        self.chrome.flush()
        for each in sent:
            self.failureResultOf(each, ConnectionLost)

    def test_a_line_is_opened_in_a_later_turn(self):
        opening = self.chrome.open_line()
        self.assertNoResult(opening)
        self.chrome.flush()
        self.assertIsInstance(self.successResultOf(opening), FakeTransport)

    def test_nobody_is_let_in(self):
        self.chrome.refuse_lines()
        for _ in range(2):
            opening = self.chrome.open_line()
            self.chrome.flush()
            self.failureResultOf(opening, ConnectError)
            self.assertRaises(ConnectError, self.chrome.connect)
        self.chrome.accept_lines()
        self.version()

    def test_some_are_not_let_in(self):
        self.chrome.refuse_lines(2, ConnectError("not now"))
        said = [str(self.assertRaises(ConnectError, self.chrome.line)) for _ in range(2)]
        self.assertEqual(said, ["not now", "not now"])
        self.version()

    def test_a_stalled_browser_lets_nobody_in_nor_turns_them_away(self):
        self.chrome.stall()
        opening, cancelled = self.chrome.open_line(), self.chrome.open_line()
        self.chrome.flush()
        self.assertNoResult(opening)
        cancelled.cancel()
        self.failureResultOf(cancelled, CancelledError)
        self.chrome.go_on()
        self.chrome.flush()
        self.successResultOf(opening)


class HangingTests(FaultCase):
    def test_one_target_hangs(self):
        other = self.chrome.attach(self.connection)
        self.chrome.stall(self.session)
        waiting = [self.asked(self.session), self.asked(self.session, page.navigate(url="http://x/"))]
        self.successResultOf(self.asked(other))
        self.successResultOf(self.asked(self.root, browser.get_version()))
        self.successResultOf(self.asked(self.session, target.get_target_info()))
        for each in waiting:
            self.assertNoResult(each)
        self.chrome.go_on(self.session)
        self.assertNoResult(waiting[0])  # nothing from within a call
        self.chrome.flush()
        for each in waiting:
            self.successResultOf(each)
        self.successResultOf(self.asked(self.session))

    def test_all_sessions_of_a_target_hang(self):
        assert self.session.target is not None
        other = self.chrome.connect()
        second = self.chrome.run(other.attach(self.session.target.target_id))
        self.chrome.stall(self.session)
        waiting = self.asked(second)
        self.chrome.advance(30)
        self.failureResultOf(waiting, CommandTimeout)

    def test_a_hanging_target_can_be_closed(self):
        self.chrome.stall(self.session)
        waiting = self.asked(self.session)
        assert self.session.target is not None
        self.chrome.run(self.root.execute(target.close_target(target_id=self.session.target.target_id)))
        self.failureResultOf(waiting, SessionDetached)

    def test_what_was_refused_is_refused_later_too(self):
        self.chrome.stall(self.session)
        waiting = self.session.execute_raw("Page.navigate", {"url": 5})
        self.chrome.flush()
        self.chrome.go_on(self.session)
        self.chrome.flush()
        self.assertEqual(self.failureResultOf(waiting, CommandError).value.code, -32602)

    def test_replies_that_take_their_time(self):
        self.chrome.delay(3)
        self.chrome.delay(1, page.enable)
        fast, slow = self.asked(self.session), self.asked(self.root, browser.get_version())
        self.assertNoResult(fast)
        self.chrome.advance(1)
        self.successResultOf(fast)
        self.assertNoResult(slow)
        self.chrome.advance(2)
        self.successResultOf(slow)
        self.chrome.delay(0)
        self.successResultOf(self.asked(self.root, browser.get_version()))

    def test_a_delayed_command_is_carried_out_at_once(self):
        self.chrome.delay(3, "Page.navigate")
        watcher = Watcher(self.session.events(page.FrameNavigated))
        self.chrome.flush()
        sent = self.asked(self.session, page.navigate(url="http://x/"))
        self.assertEqual(len(watcher.items), 1)
        self.assertNoResult(sent)
        self.chrome.run(sent, 3)

    def test_nothing_is_late_for_a_line_that_is_gone(self):
        self.chrome.delay(3)
        sent = self.asked(self.session)
        self.chrome.lose()
        self.chrome.flush()
        self.failureResultOf(sent, ConnectionLost)
        self.assertEqual(self.chrome.clock.getDelayedCalls(), [])

    def test_lost_replies(self):
        self.chrome.drop_replies(1, target.create_target)
        sent = self.asked(self.root, target.create_target(url="http://x/"))
        self.assertEqual(len(self.targets()), 2)
        error = self.assertRaises(AssertionError, self.chrome.run, sent)
        self.assertIn("Target.createTarget", str(error))
        self.successResultOf(self.asked(self.root, target.create_target(url="http://x/")))

    def test_all_replies_are_lost(self):
        self.chrome.drop_replies()
        sent = self.asked(self.session)
        self.chrome.advance(30)
        self.failureResultOf(sent, CommandTimeout)
        self.chrome.drop_replies(0)
        self.successResultOf(self.asked(self.session))


class TargetTests(FaultCase):
    def test_a_crash_as_chromium_has_it(self):
        before = self.asked(self.session)
        self.successResultOf(before)
        self.chrome.on(runtime.evaluate, Deferred())
        waiting = self.asked(self.session, runtime.evaluate(expression="1"))
        self.chrome.crash(self.session)
        self.chrome.flush()
        self.failureResultOf(waiting, TargetCrashed)
        self.failureResultOf(self.asked(self.session), TargetCrashed)
        self.successResultOf(self.asked(self.session, page.reload()))
        self.successResultOf(self.asked(self.session))

    def test_a_page_that_the_user_reloads_after_a_crash(self):
        self.chrome.crash(self.session)
        self.chrome.flush()
        self.chrome.revive(self.session)
        self.chrome.flush()
        self.successResultOf(self.asked(self.session))

    def test_a_closed_target(self):
        worker = self.chrome.attach(self.connection, "worker", parent=self.session)
        self.chrome.stall(self.session)
        waiting = self.asked(self.session)
        self.chrome.close_target(self.session)
        self.chrome.flush()
        self.failureResultOf(waiting, SessionDetached)
        self.assertTrue(worker.ended)
        self.assertEqual(self.targets(), [])

    def test_a_detached_session(self):
        self.chrome.detach(self.session)
        self.chrome.flush()
        self.assertTrue(self.session.ended)
        self.assertEqual(len(self.targets()), 1)

    def test_the_browser_is_no_target(self):
        for harm in (self.chrome.crash, self.chrome.close_target, self.chrome.stall):
            self.assertRaises(AssertionError, harm, self.root)


class TooMuchTests(FaultCase):
    def test_a_flood(self):
        watcher = Watcher(self.session.events(network.DataReceived))

        def event(number: int) -> network.DataReceived:
            return network.DataReceived(request_id=str(number), timestamp=0.0, data_length=1, encoded_data_length=1)

        self.chrome.flood(event, 1000, self.session)
        self.chrome.flood(event(7), 2, self.session)
        self.chrome.flush()
        self.assertEqual([item.request_id for item in watcher.items], [*map(str, range(1000)), "7", "7"])

    def test_a_flood_of_large_events(self):
        watcher = Watcher(self.root.events_raw("A.b"))
        self.chrome.flood_raw("A.b", 3, size=1_000_000)
        self.chrome.flush()
        self.assertEqual([item["n"] for item in watcher.items], [0, 1, 2])
        self.assertGreater(self.connection.stats.bytes_received, 3_000_000)

    def test_who_does_not_read_loses_events_without_a_word(self):
        watcher = Watcher(self.root.events_raw("A.b"))
        line = self.chrome.lines[0]
        line.buffer = 10_000
        line.pause()
        self.chrome.flood_raw("A.b", 20, size=1000)
        line.resume()
        self.chrome.flush()
        self.assertEqual((len(watcher.items), line.dropped), (9, 11))
        self.chrome.flood_raw("A.b", 1)
        self.chrome.flush()
        self.assertEqual(len(watcher.items), 10)

    def test_garbage_hurts_nobody(self):
        watcher = Watcher(self.root.events_raw("A.b"))
        self.root.events(page.LoadEventFired).subscribe(lambda _: None)
        self.chrome.flush()
        self.chrome.send_garbage()
        self.chrome.emit_raw("A.b", {}, self.root)
        self.chrome.flush()
        self.assertEqual(len(watcher.items), 1)
        self.assertIsNone(self.connection.lost)
        stats = self.connection.stats
        self.assertGreaterEqual(stats.malformed + stats.unknown + stats.ignored + stats.lenient, len(GARBAGE))


class SendingTests(FaultCase):
    def test_a_line_is_congested_until_the_browser_takes_what_was_sent(self):
        line = self.chrome.lines[0]
        self.successResultOf(line.when_drained())
        line.send(b"x" * 100_000)
        self.assertEqual((line.congested, line.unsent), (True, 100_000))
        drained = line.when_drained()
        self.assertNoResult(drained)
        self.chrome.flush()
        self.successResultOf(drained)
        self.assertEqual((line.congested, line.unsent, line.bytes_sent >= 100_000), (False, 0, True))

    def test_a_stalled_browser_takes_nothing(self):
        line = self.chrome.lines[0]
        self.chrome.stall()
        for _ in range(3):
            line.send(b"x" * 100_000)
            self.chrome.flush()
        drained = line.when_drained()
        self.assertEqual(line.unsent, 300_000)
        self.chrome.lose("it died", code=None)
        self.chrome.go_on()
        self.chrome.flush()
        self.successResultOf(drained)

    def test_the_line_ends_before(self):
        line = self.chrome.lines[0]
        self.chrome.stall()
        line.send(b"x" * 100_000)
        drained = line.when_drained()
        line.end(ConnectionLost("it died"))
        line.deliver()
        self.assertEqual(self.failureResultOf(drained, ConnectionLost).value.reason, "it died")
        self.failureResultOf(line.when_drained(), ConnectionLost)
        self.chrome.go_on()
