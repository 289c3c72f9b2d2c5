"""Another line after a lost one: what fails, what goes on, and what is set up again."""

from __future__ import annotations

import dataclasses
from typing import Any

from reactivex import operators as ops
from twisted.internet.defer import Deferred
from twisted.logger import globalLogPublisher
from twisted.trial.unittest import SynchronousTestCase

from tests.support import Watcher
from txcdp._core.reconnecting import ReconnectPolicy
from txcdp._core.sessions import AutoAttach, Session
from txcdp.browser import Browser
from txcdp.domains import emulation, fetch, log, network, page, runtime, target
from txcdp.errors import CommandError, CommandTimeout, ConnectError, ConnectionLost, SessionDetached, TargetCrashed
from txcdp.health import LineLost, Reconnected, Reconnecting
from txcdp.page import Page
from txcdp.streams import Gap, first, queue
from txcdp.testing import NEVER, FakeChrome

POLICY = ReconnectPolicy(jitter=lambda: 0.0)
MARK = "window.marked = true"


def load_event(number: int = 1) -> page.LoadEventFired:
    return page.LoadEventFired(timestamp=float(number))


class ReconnectCase(SynchronousTestCase):
    policy = POLICY

    def setUp(self) -> None:
        self.chrome = FakeChrome()
        self.browser: Browser = self.chrome.browser(reconnect=self.policy)
        self.connection = self.browser.connection
        self.tab: Page = self.chrome.run(self.browser.new_page())
        self.session: Session = self.tab.session

    def tearDown(self) -> None:
        self.chrome.run(self.browser.close())
        self.chrome.flush()
        self.assertEqual([str(call) for call in self.chrome.clock.getDelayedCalls()], [])

    def since(self, line: int = -1) -> list[str]:
        """Name what was sent over a line."""
        return [each.method for each in self.chrome.commands if each.line is self.chrome.lines[line]]

    def lose(self) -> None:
        self.chrome.lose("cut")
        self.chrome.flush()

    def come_back(self) -> None:
        self.chrome.advance(1.0)
        self.assertIsNone(self.connection.suspended)

    def failure(self, deferred: Deferred[Any]) -> Any:
        return self.failureResultOf(deferred).value


class LostTests(ReconnectCase):
    def test_what_is_in_flight_fails_and_is_never_sent_again(self):
        self.chrome.on("Runtime.evaluate", NEVER)
        pending = self.session.execute(runtime.evaluate(expression="1"))
        self.chrome.flush()
        self.lose()
        error = self.failure(pending)
        self.assertIsInstance(error, ConnectionLost)
        self.assertEqual(error.reason, "cut")
        self.come_back()
        self.assertEqual(len(self.chrome.received(runtime.evaluate)), 1)

    def test_what_is_sent_meanwhile_fails_at_once(self):
        self.lose()
        for session in (self.session, self.connection.session):
            self.assertIsInstance(self.failure(session.execute(runtime.enable())), ConnectionLost)
        self.assertIs(self.connection.suspended.__class__, ConnectionLost)
        self.assertIsNone(self.connection.lost)
        self.assertIn("line lost", repr(self.connection))
        self.assertIn("line lost", repr(self.session))
        self.assertTrue(self.session.suspended)
        self.assertFalse(self.session.ended)
        self.assertEqual(self.connection.sessions, [self.connection.session, self.session])

    def test_who_hears_of_the_failure_finds_the_session_suspended(self):
        self.chrome.on("Runtime.evaluate", NEVER)
        seen: list[bool] = []
        pending = self.session.execute(runtime.evaluate(expression="1"))
        pending.addErrback(lambda _: seen.append(self.session.suspended))
        self.chrome.flush()
        self.lose()
        self.assertEqual(seen, [True])

    def test_waiting_for_another_line(self):
        self.successResultOf(self.connection.when_connected())
        self.lose()
        waiting = [self.connection.when_connected() for _ in range(2)]
        cancelled = self.connection.when_connected()
        cancelled.addErrback(lambda _: None)
        cancelled.cancel()
        self.assertNoResult(waiting[0])
        self.come_back()
        for each in waiting:
            self.successResultOf(each)

    def test_a_navigation_under_way_fails_at_once(self):
        self.chrome.once(page.navigate, page.NavigateResult(frame_id=self.tab.main_frame_id, loader_id="L"))
        going = self.tab.goto("http://x/")
        self.chrome.flush()
        self.lose()
        self.assertIsInstance(self.failure(going), ConnectionLost)
        self.assertIsInstance(self.failure(self.tab.goto("http://x/")), ConnectionLost)
        self.come_back()

    def test_closing_a_page_that_would_come_back(self):
        self.lose()
        self.assertIsInstance(self.failure(self.tab.close()), ConnectionLost)
        self.come_back()
        self.assertTrue(self.session.ended, "it is closed as soon as it can be")
        self.assertNotIn(self.tab.target_id, self.chrome.targets.all)
        self.chrome.run(self.tab.close())

    def test_detaching_meanwhile(self):
        self.lose()
        self.successResultOf(self.session.detach())
        self.assertTrue(self.session.ended)
        self.come_back()
        self.assertNotIn("Target.attachToTarget", self.since())

    def test_detaching_when_the_line_is_lost_in_the_middle(self):
        self.chrome.on("Target.detachFromTarget", NEVER)
        detaching = self.session.detach()
        self.chrome.flush()
        self.lose()
        self.assertIsInstance(self.failure(detaching), ConnectionLost)
        self.come_back()
        self.assertFalse(self.session.ended)


class RestoreTests(ReconnectCase):
    def test_the_same_sessions_have_other_names(self):
        before = self.session.id
        self.lose()
        self.come_back()
        self.assertNotEqual(self.session.id, before)
        self.assertFalse(self.session.suspended)
        self.assertEqual(self.connection.sessions, [self.connection.session, self.session])
        self.chrome.run(self.tab.goto("http://x/"))
        self.assertEqual(self.tab.url, "http://x/")
        self.assertEqual(self.connection.stats.reconnects, 1)

    def test_streams_go_on_and_see_the_gap(self):
        plain, marked = Watcher(self.session.events(page.LoadEventFired)), Watcher(
            self.session.events(page.LoadEventFired).with_gaps()
        )  # fmt: skip
        self.chrome.emit(load_event(1), self.session)
        self.chrome.flush()
        self.lose()
        self.come_back()
        self.chrome.emit(load_event(2), self.session)
        self.chrome.flush()
        self.assertEqual(plain.items, [load_event(1), load_event(2)])
        one, gap, two = marked.items
        self.assertEqual((one, two), (load_event(1), load_event(2)))
        assert isinstance(gap, Gap)
        self.assertEqual((gap.since, gap.until, gap.seconds), (0.0, 1.0, 1.0))
        self.assertEqual(gap.error.reason, "cut")
        self.assertEqual(gap.missing, {"Page.loadEventFired"})
        self.assertFalse(gap.restarted)
        self.assertFalse(plain.ended or marked.ended)

    def test_a_gap_goes_through_operators_and_queues(self):
        seen = Watcher(self.session.events(page.LoadEventFired).with_gaps().pipe(ops.map(type)))
        items = queue(self.session.events(page.LoadEventFired).with_gaps(), 10)
        self.lose()
        self.come_back()
        self.assertEqual(seen.items, [Gap])
        self.assertIsInstance(items.get_nowait(), Gap)
        items.close()

    def test_who_has_left_hears_of_no_gap(self):
        items: list[Any] = []
        stream = self.session.events(page.LoadEventFired)
        stream.subscribe(lambda _: None)
        leaving = stream.with_gaps().subscribe(items.append)
        raising = Watcher(stream.with_gaps().pipe(ops.map(lambda item: 1 / 0)))
        leaving.dispose()
        self.lose()
        self.come_back()
        self.assertEqual(items, [])
        self.assertIsInstance(raising.errors[0], ZeroDivisionError)

    def test_a_subscriber_that_a_gap_harms_harms_only_itself(self):
        stream = self.session.events(page.LoadEventFired)

        def raises(item: object) -> None:
            raise RuntimeError("no")

        stream.with_gaps().subscribe(raises)
        other = Watcher(stream.with_gaps())
        self.lose()
        self.come_back()
        self.assertEqual([type(item) for item in other.items], [Gap])
        self.assertEqual(len(self.flushLoggedErrors(RuntimeError)), 1)
        self.assertEqual(self.connection.stats.subscriber_errors, 1)

    def test_taps_see_the_gap_too(self):
        seen = Watcher(self.connection.events_raw(lambda method: method == "Page.loadEventFired").with_gaps())
        self.lose()
        self.come_back()
        self.chrome.emit(load_event(), self.session)
        self.chrome.flush()
        self.assertEqual([type(item).__name__ for item in seen.items], ["Gap", "RawEvent"])

    def test_waiting_for_the_first_event_goes_on(self):
        waiting = first(self.session.events(page.LoadEventFired))
        self.lose()
        self.come_back()
        self.chrome.emit(load_event(7), self.session)
        self.chrome.flush()
        self.assertEqual(self.successResultOf(waiting), load_event(7))

    def test_what_was_set_up_is_set_up_again_in_one_write_and_in_order(self):
        run = self.chrome.run
        self.session.events(network.ResponseReceived).subscribe(lambda _: None)
        run(self.session.execute(emulation.set_user_agent_override(user_agent="first")))
        run(self.session.execute(emulation.set_user_agent_override(user_agent="mine")))
        run(self.session.execute(fetch.enable(handle_auth_requests=True)))
        run(self.session.execute(runtime.add_binding(name="one")))
        run(self.session.execute(runtime.add_binding(name="two")))
        run(self.session.execute(runtime.remove_binding(name="one")))
        run(self.session.execute(emulation.set_device_metrics_override(
            width=1, height=1, device_scale_factor=1, mobile=False)))  # fmt: skip
        run(self.session.execute(emulation.clear_device_metrics_override()))
        self.lose()
        self.come_back()
        sent = [each for each in self.chrome.commands if each.session_id == self.session.id]
        self.assertEqual(
            [each.method for each in sent],
            [
                "Emulation.setFocusEmulationEnabled", "Page.enable", "Page.setLifecycleEventsEnabled",
                "Target.setAutoAttach", "Emulation.setUserAgentOverride", "Fetch.enable",
                "Runtime.addBinding", "Network.enable", "Inspector.enable", "Page.addScriptToEvaluateOnNewDocument",
                "Page.getFrameTree",
            ],
        )  # fmt: skip
        self.assertEqual(sent[4].command, emulation.set_user_agent_override(user_agent="mine"))
        self.assertEqual(sent[5].command, fetch.enable(handle_auth_requests=True))
        self.assertEqual(sent[6].command, runtime.add_binding(name="two"))
        self.assertEqual(max(map(len, self.chrome.lines[-1].writes)), 11)

    def test_what_leaves_nothing_standing_is_not_sent_again(self):
        self.chrome.run(self.session.execute(page.bring_to_front()))
        self.chrome.run(self.session.execute_raw("Input.insertText", {"text": "x"}))
        self.lose()
        self.come_back()
        for method in ("Page.bringToFront", "Input.insertText"):
            self.assertEqual([each.method for each in self.chrome.commands].count(method), 1)

    def test_scripts_keep_the_name_that_the_program_knows(self):
        run, names = self.chrome.run, iter("abcdef")
        self.chrome.on(
            page.add_script_to_evaluate_on_new_document,
            lambda sent: page.AddScriptToEvaluateOnNewDocumentResult(
                identifier=next(names) if sent.source == MARK else "of the page level"
            ),
        )
        add = page.add_script_to_evaluate_on_new_document(source=MARK)
        known = [run(self.session.execute(add)).identifier for _ in range(2)]
        self.assertEqual(known, ["a", "b"])
        self.lose()
        self.come_back()
        remove = page.remove_script_to_evaluate_on_new_document
        run(self.session.execute(remove(identifier="a")))
        self.assertEqual(self.chrome.received(remove), [remove(identifier="c")])
        self.lose()
        self.come_back()
        added = self.chrome.received(page.add_script_to_evaluate_on_new_document)
        self.assertEqual([sent.source for sent in added].count(MARK), 5)
        run(self.session.execute(remove(identifier="b")))
        self.assertEqual(self.chrome.received(remove)[-1], remove(identifier="e"))

    def test_what_cannot_be_set_up_again_is_counted_and_logged(self):
        self.chrome.run(self.session.execute(emulation.set_timezone_override(timezone_id="UTC")))
        self.lose()
        self.chrome.on(emulation.set_timezone_override, CommandError("", -32000, "not now"))
        self.come_back()
        self.assertEqual(self.connection.stats.not_restored, 1)

    def test_what_was_disabled_by_hand_stays_so(self):
        self.chrome.run(self.session.execute(network.enable(max_post_data_size=5)))
        self.chrome.run(self.session.execute(network.set_cache_disabled(cache_disabled=True)))
        self.chrome.run(self.session.execute(network.disable()))
        self.lose()
        self.come_back()
        sent = [each.method for each in self.chrome.commands if each.session_id == self.session.id]
        self.assertFalse([method for method in sent if method.startswith("Network.")])

    def test_a_crashed_page_is_still_crashed(self):
        self.chrome.crash(self.session)
        self.chrome.flush()
        self.lose()
        self.come_back()
        self.assertTrue(self.session.crashed)
        self.assertIsInstance(self.failure(self.session.execute(runtime.enable())), TargetCrashed)
        self.chrome.run(self.tab.goto("http://x/"))
        self.assertFalse(self.session.crashed)
        sent = [each.method for each in self.chrome.commands if each.session_id == self.session.id]
        self.assertIn("Page.enable", sent)

    def test_a_page_that_crashed_meanwhile(self):
        self.lose()
        self.chrome.targets.crash(self.chrome.targets.all[self.tab.target_id])
        self.come_back()
        self.assertTrue(self.session.crashed)
        self.chrome.run(self.tab.goto("http://x/"))
        self.assertFalse(self.session.crashed)

    def test_a_crashed_page_that_came_back_meanwhile(self):
        self.chrome.crash(self.session)
        self.chrome.flush()
        self.lose()
        self.chrome.targets.revive(self.chrome.targets.all[self.tab.target_id])
        self.come_back()
        self.assertFalse(self.session.crashed)
        sent = [each.method for each in self.chrome.commands if each.session_id == self.session.id]
        self.assertIn("Page.setLifecycleEventsEnabled", sent)
        self.chrome.run(self.tab.goto("http://x/"))

    def test_a_page_that_crashes_while_it_is_set_up_again(self):
        self.chrome.once("Page.setLifecycleEventsEnabled", NEVER)
        self.lose()
        self.come_back()
        self.chrome.crash(self.session)
        self.chrome.flush()
        self.assertTrue(self.session.crashed)
        before = len(self.chrome.commands)
        self.chrome.run(self.tab.goto("http://x/"))
        self.assertIn("Page.setLifecycleEventsEnabled", [each.method for each in self.chrome.commands[before:]])

    def test_a_target_that_was_closed_meanwhile(self):
        ended = self.session.when_ended()
        seen = Watcher(self.session.events(page.LoadEventFired))
        self.lose()
        self.chrome.targets.close(self.chrome.targets.all[self.tab.target_id])
        self.come_back()
        self.assertIsInstance(self.successResultOf(ended), SessionDetached)
        self.assertEqual(seen.completed, 1)
        self.assertEqual(self.connection.sessions, [self.connection.session])

    def test_several_losses(self):
        seen = Watcher(self.session.events(page.LoadEventFired).with_gaps())
        for number in range(5):
            self.lose()
            self.come_back()
            self.chrome.emit(load_event(number), self.session)
            self.chrome.flush()
        self.assertEqual([type(item).__name__ for item in seen.items], ["Gap", "LoadEventFired"] * 5)
        self.assertEqual(self.since().count("Page.enable"), 1)

    def test_subscribing_and_leaving_meanwhile(self):
        leaving = self.session.events(network.DataReceived).subscribe(lambda _: None)
        self.chrome.flush()
        self.lose()
        leaving.dispose()
        came = Watcher(self.session.events(runtime.ConsoleAPICalled))
        self.come_back()
        sent = [each.method for each in self.chrome.commands if each.session_id == self.session.id]
        self.assertIn("Runtime.enable", sent)
        self.assertNotIn("Network.enable", sent)
        self.assertFalse(came.ended)

    def test_a_full_queue_across_a_loss(self):
        items = queue(self.session.events(page.LoadEventFired), 2)
        for number in range(3):
            self.chrome.emit(load_event(number), self.session)
        self.chrome.flush()
        self.assertTrue(self.chrome.lines[0].paused)
        self.lose()
        self.chrome.lines[0].resume()
        self.chrome.flush()
        self.come_back()
        self.chrome.advance(0.5)
        self.assertTrue(self.chrome.lines[-1].paused)
        while len(items):
            items.get_nowait()
        self.chrome.advance(1.0)
        self.assertFalse(self.chrome.lines[-1].paused)
        items.close()

    def test_traffic_is_counted_over_all_lines(self):
        before = self.connection.stats.bytes_sent
        self.lose()
        self.come_back()
        self.assertGreater(self.connection.stats.bytes_sent, before)


class LoggedTests(ReconnectCase):
    def test_the_log_says_when_the_line_is_lost_and_when_it_is_back(self):
        told: list[str] = []

        def note(item: Any) -> None:
            if item["log_namespace"] == "txcdp._core.reconnecting":
                told.append(item["log_format"].format(**item))

        observer: Any = note
        globalLogPublisher.addObserver(observer)
        self.addCleanup(globalLogPublisher.removeObserver, observer)
        self.lose()
        self.come_back()
        self.chrome.restart()
        self.chrome.flush()
        self.come_back()
        self.assertIn("cut", told[0])
        self.assertIn("is connected again", told[1])
        self.assertIn("was restarted", told[3])


class WaitingTests(ReconnectCase):
    """Commands that are sent while there is no line, where the policy lets them wait."""

    policy = dataclasses.replace(POLICY, wait=20.0, max_waiting=3)

    def setUp(self) -> None:
        super().setUp()
        self.chrome.on("Runtime.evaluate", {"result": {"type": "undefined"}})

    def evaluate(self, **options: Any) -> Deferred[Any]:
        return self.session.execute(runtime.evaluate(expression="1"), **options)

    def test_they_are_sent_over_the_next_line_in_order(self):
        self.lose()
        waiting = [self.session.execute_raw(f"A.{name}") for name in "abc"]
        self.chrome.flush()
        for each in waiting:
            self.assertNoResult(each)
        self.chrome.on("A.a", {"x": 1})
        self.chrome.on("A.b", {"x": 2})
        self.chrome.on("A.c", {"x": 3})
        self.come_back()
        self.assertEqual([self.successResultOf(each) for each in waiting], [{"x": 1}, {"x": 2}, {"x": 3}])
        self.assertEqual([each for each in self.since() if each.startswith("A.")], ["A.a", "A.b", "A.c"])

    def test_what_was_in_flight_is_never_sent_again(self):
        self.chrome.on("Runtime.evaluate", NEVER)
        pending = self.evaluate()
        self.chrome.flush()
        self.lose()
        self.assertIsInstance(self.failure(pending), ConnectionLost)
        self.come_back()
        self.assertNotIn("Runtime.evaluate", self.since())

    def test_their_own_deadline_goes_on(self):
        self.chrome.on("Runtime.evaluate", NEVER)
        self.lose()
        waiting = self.evaluate(timeout=5.0)
        self.come_back()
        self.assertIn("Runtime.evaluate", self.since())
        self.chrome.advance(3.9)
        self.assertNoResult(waiting)
        self.chrome.advance(0.2)
        self.assertIsInstance(self.failure(waiting), CommandTimeout)

    def test_they_do_not_wait_for_ever(self):
        for timeout, after, kind in ((5.0, 5.0, CommandTimeout), (None, 20.0, ConnectionLost)):
            self.lose()
            self.chrome.refuse_lines()
            waiting = self.evaluate(timeout=timeout)
            self.chrome.clock.advance(after - 0.1)
            self.assertNoResult(waiting)
            self.chrome.clock.advance(0.2)
            self.assertIsInstance(self.failure(waiting), kind)
            self.chrome.accept_lines()
            self.chrome.advance(60)
            self.assertIsNone(self.connection.suspended)

    def test_so_many_and_no_more(self):
        self.lose()
        waiting = [self.evaluate() for _ in range(4)]
        self.assertIn("3 commands are waiting for a reconnect", str(self.failure(waiting[3])))
        waiting[0].addErrback(lambda _: None)
        waiting[0].cancel()
        waiting.append(self.evaluate())
        self.come_back()
        for each in (*waiting[1:3], waiting[4]):
            self.successResultOf(each)
        self.assertEqual(self.since().count("Runtime.evaluate"), 3)

    def test_pages_and_contexts_during_an_outage(self):
        self.chrome.restart()
        self.chrome.flush()
        self.assertIsNotNone(self.connection.suspended)
        opening: list[Deferred[Any]] = [
            self.browser.new_page("http://x/"),
            self.browser.new_context(),
            self.tab.goto("http://y/"),
        ]
        self.come_back()
        self.chrome.flush()
        for each in opening:
            self.successResultOf(each)

    def test_one_whose_target_is_gone(self):
        other = self.chrome.run(self.connection.attach(self.chrome.open_target("worker")))
        self.lose()
        waiting = other.execute(runtime.enable())
        assert other.target is not None
        self.chrome.targets.close(self.chrome.targets.all[other.target.target_id])
        self.come_back()
        self.assertIsInstance(self.failure(waiting), SessionDetached)

    def test_the_connection_ends(self):
        self.lose()
        waiting = self.evaluate()
        self.chrome.run(self.browser.close())
        self.assertIsInstance(self.failure(waiting), ConnectionLost)


class HeldBackTests(SynchronousTestCase):
    """Commands that the limits on sending hold back when the line is lost: they were never sent."""

    def open(self, wait: float = 20.0, **options: Any) -> None:
        self.chrome = FakeChrome()
        policy = dataclasses.replace(POLICY, wait=wait, max_waiting=5)
        self.browser = self.chrome.browser(reconnect=policy, **options)
        self.connection = self.browser.connection
        self.tab = self.chrome.run(self.browser.new_page(), 9.0)
        self.session = self.tab.session
        self.chrome.advance(2.0)
        self.chrome.on("A.hang", NEVER)
        self.chrome.on("A.b", lambda command: {"n": command["n"]})
        self.addCleanup(self.close)

    def close(self) -> None:
        self.chrome.run(self.browser.close(), 9.0)
        self.chrome.flush()
        self.assertEqual([str(call) for call in self.chrome.clock.getDelayedCalls()], [])

    def lose(self) -> None:
        self.chrome.lose("cut")
        self.chrome.flush()

    def sent(self) -> list[tuple[int, Any, Any]]:
        """Return what was sent of our own: over which line, in which session, and its number."""
        return [
            (self.chrome.lines.index(each.line), each.session_id, each.command["n"])
            for each in self.chrome.commands
            if each.method == "A.b"
        ]

    def in_all_ways(self) -> None:
        before, session = self.session.id, self.session
        hanging = [session.execute_raw("A.hang", timeout=None) for _ in range(3)]
        held = [session.execute_raw("A.b", {"n": number}) for number in range(3)]
        held.append(self.connection.session.execute_raw("A.b", {"n": 3}))
        self.chrome.flush()
        self.assertEqual(self.sent(), [])
        self.lose()
        for each in hanging:
            self.failureResultOf(each, ConnectionLost)
        for each in held:
            self.assertNoResult(each)
        self.assertEqual(self.sent(), [])
        self.chrome.advance(5.0)
        self.assertEqual([self.successResultOf(each)["n"] for each in held], [0, 1, 2, 3])
        self.assertNotEqual(session.id, before)
        self.assertEqual(
            sorted(self.sent(), key=lambda each: each[2]),
            [(1, session.id, 0), (1, session.id, 1), (1, session.id, 2), (1, None, 3)],
        )

    def test_too_many_in_flight(self):
        self.open(max_in_flight=3)
        self.in_all_ways()

    def test_too_many_in_a_second(self):
        self.open(commands_per_second=3)
        self.in_all_ways()

    def test_typed_ones_and_those_that_are_set_up_again(self):
        self.open(max_in_flight=1)
        self.chrome.on("Runtime.evaluate", {"result": {"type": "undefined"}})
        hanging = self.session.execute_raw("A.hang", timeout=None)
        held: list[Deferred[Any]] = [
            self.session.execute(runtime.evaluate(expression="1")),
            self.session.execute(emulation.set_user_agent_override(user_agent="mine")),
            self.session.execute(log.enable()),
            self.tab.goto("http://x/"),
        ]
        self.chrome.flush()
        self.lose()
        self.failureResultOf(hanging, ConnectionLost)
        self.chrome.advance(1.0)
        self.chrome.flush()
        for each in held[:3]:
            self.successResultOf(each)
        # A navigation is more than its command: what it had begun to watch is gone.
        self.failureResultOf(held[3], ConnectionLost)
        self.assertEqual(self.chrome.received(page.navigate), [])
        for method in ("Runtime.evaluate", "Emulation.setUserAgentOverride", "Log.enable"):
            self.assertEqual([each.method for each in self.chrome.commands].count(method), 1, method)

    def test_their_own_deadline_goes_on(self):
        self.open(max_in_flight=1)
        self.session.execute_raw("A.hang", timeout=None).addErrback(lambda _: None)
        held = self.session.execute_raw("A.b", {"n": 1}, timeout=5.0)
        self.chrome.advance(3.0)
        self.chrome.refuse_lines()
        self.lose()
        self.chrome.clock.advance(1.9)
        self.assertNoResult(held)
        self.chrome.clock.advance(0.2)
        self.failureResultOf(held, CommandTimeout)
        self.assertEqual(self.sent(), [])

    def test_they_may_be_cancelled(self):
        self.open(max_in_flight=1)
        self.session.execute_raw("A.hang", timeout=None).addErrback(lambda _: None)
        held = self.session.execute_raw("A.b", {"n": 1})
        self.lose()
        held.addErrback(lambda _: None)
        held.cancel()
        self.chrome.advance(1.0)
        self.assertEqual(self.sent(), [])

    def test_so_many_and_no_more(self):
        self.open(max_in_flight=1)
        self.session.execute_raw("A.hang", timeout=None).addErrback(lambda _: None)
        held = [self.session.execute_raw("A.b", {"n": number}) for number in range(6)]
        self.lose()
        self.assertIn("5 commands are waiting for a reconnect", str(self.failureResultOf(held[5]).value))
        self.chrome.advance(1.0)
        for each in held[:5]:
            self.successResultOf(each)

    def test_two_losses(self):
        self.open(max_in_flight=1)
        self.session.execute_raw("A.hang", timeout=None).addErrback(lambda _: None)
        held = [self.session.execute_raw("A.b", {"n": number}) for number in range(2)]
        for _ in range(2):
            self.lose()
            self.chrome.on("A.b", NEVER)
            self.chrome.advance(1.0)
        # The first was sent over the second line, and is never sent again.
        self.failureResultOf(held[0], ConnectionLost)
        self.assertEqual([(line, number) for line, _, number in self.sent()], [(1, 0), (2, 1)])
        self.lose()
        self.failureResultOf(held[1], ConnectionLost)
        self.chrome.advance(1.0)

    def test_none_waits_where_commands_do_not_wait(self):
        self.open(wait=0.0, max_in_flight=1)
        deferreds = [self.session.execute_raw("A.hang", timeout=None) for _ in range(3)]
        self.lose()
        for each in deferreds:
            self.assertIs(type(self.failureResultOf(each).value), ConnectionLost)
        self.assertEqual([each.method for each in self.chrome.commands].count("A.hang"), 1)
        self.chrome.advance(1.0)

    def test_the_connection_ends(self):
        self.open(max_in_flight=1)
        deferreds = [self.session.execute_raw("A.hang", timeout=None) for _ in range(3)]
        self.lose()
        self.chrome.run(self.browser.close())
        for each in deferreds:
            self.assertIs(type(self.failureResultOf(each).value), ConnectionLost)


class WaitingPolicyTests(SynchronousTestCase):
    def test_what_is_no_policy(self):
        for options in ({"wait": -1.0}, {"max_waiting": 0}):
            with self.assertRaises(ValueError):
                ReconnectPolicy(**options)


class AutoAttachTests(ReconnectCase):
    def test_frames_and_workers_come_back_with_their_page(self):
        self.chrome.run(AutoAttach().start(self.session))
        page_target = self.chrome.targets.all[self.tab.target_id]
        self.chrome.targets.open(_child(page_target, "frame", "iframe"))
        self.chrome.flush()
        frame = next(each for each in self.connection.sessions if each.target and each.target.type == "iframe")
        frame.execute(emulation.set_user_agent_override(user_agent="mine"))
        self.chrome.flush()
        self.lose()
        self.assertTrue(frame.suspended)
        self.come_back()
        self.assertFalse(frame.ended or frame.suspended)
        self.assertIs(frame.parent, self.session)
        sent = [each.method for each in self.chrome.commands if each.session_id == frame.id]
        ours = ["Page.enable", "Page.setLifecycleEventsEnabled"]  # what a page's frames have in any case
        ours += ["Page.addScriptToEvaluateOnNewDocument", "Page.getFrameTree"]
        self.assertEqual(
            [each for each in sent if each not in ours], ["Target.setAutoAttach", "Emulation.setUserAgentOverride"]
        )

    def test_a_frame_that_is_gone_ends(self):
        self.chrome.run(AutoAttach().start(self.session))
        page_target = self.chrome.targets.all[self.tab.target_id]
        child = _child(page_target, "frame", "iframe")
        self.chrome.targets.open(child)
        self.chrome.flush()
        frame = self.connection.sessions[-1]
        self.lose()
        self.chrome.targets.close(child)
        self.come_back()
        self.assertTrue(frame.ended)

    def test_frames_of_a_page_are_the_same_ones_or_gone(self):
        page_target = self.chrome.targets.all[self.tab.target_id]
        children = {name: _child(page_target, name, "iframe") for name in ("stays", "goes")}
        for each in children.values():
            self.chrome.targets.open(each)
        self.chrome.flush()
        main, stays, goes = self.tab.frames
        detached = Watcher(self.tab.frame_detached)
        self.lose()
        self.chrome.targets.close(children["goes"])
        self.come_back()
        self.assertEqual(self.tab.frames, [main, stays])
        self.assertEqual(detached.items, [goes])
        self.assertTrue(goes.is_detached())
        session = self.successResultOf(stays._when_session())
        self.assertFalse(session.ended or session.suspended)

    def test_pages_that_are_attached_by_themselves_have_one_session(self):
        seen = Watcher(self.connection.attached)
        self.chrome.run(AutoAttach().start(self.connection.session))
        self.lose()
        self.chrome.targets.open(_child(None, "other", "page"))
        self.come_back()
        by_target = [each.target.target_id for each in self.connection.sessions if each.target is not None]
        self.assertEqual(sorted(by_target), sorted([self.tab.target_id, "other"]))
        self.assertFalse(self.session.suspended)
        self.assertEqual([each.target.target_id for each in seen.items], ["other"])


class RestartTests(ReconnectCase):
    def test_pages_are_opened_again_where_they_had_been(self):
        self.chrome.run(self.tab.goto("http://x/first"))
        self.chrome.run(self.tab.goto("http://x/second"))
        seen = Watcher(self.session.events(page.LoadEventFired).with_gaps())
        before = self.tab.target_id
        self.chrome.restart()
        self.chrome.flush()
        self.come_back()
        self.assertNotEqual(self.tab.target_id, before)
        self.assertEqual(self.tab.main_frame_id, self.tab.target_id)
        self.assertEqual(self.chrome.received(page.navigate)[-1], page.navigate(url="http://x/second"))
        self.assertEqual(self.tab.url, "http://x/second")
        assert isinstance(seen.items[0], Gap)
        self.assertTrue(seen.items[0].restarted)
        self.chrome.run(self.tab.goto("http://x/third"))
        self.assertEqual(self.tab.url, "http://x/third")

    def test_contexts_are_made_again(self):
        context = self.chrome.run(self.browser.new_context(proxy={"server": "http://p:1"}))
        tabs = [self.chrome.run(context.new_page()) for _ in range(2)]
        before = context.id
        self.chrome.restart()
        self.chrome.flush()
        self.come_back()
        self.assertNotEqual(context.id, before)
        made = self.chrome.received(target.create_browser_context)
        self.assertEqual([each.proxy_server for each in made], ["http://p:1"] * 2)
        for tab in tabs:
            self.assertEqual(self.chrome.targets.all[tab.target_id].browser_context_id, context.id)

    def test_a_context_outlives_its_line(self):
        context = self.chrome.run(self.browser.new_context())
        tab = self.chrome.run(context.new_page())
        before = tab.target_id
        self.lose()
        self.come_back()
        self.assertEqual(tab.target_id, before)
        self.assertEqual(self.chrome.targets.contexts, [context.id])
        self.chrome.run(self.browser.close())
        self.assertEqual(self.chrome.targets.contexts, [])

    def test_a_context_that_is_closed_meanwhile_does_not_come_back(self):
        for restarted, wait in ((False, None), (False, 30.0), (True, None), (True, 30.0)):
            with self.subTest(restarted=restarted, wait=wait):
                chrome = FakeChrome()
                browser = chrome.browser(reconnect=dataclasses.replace(self.policy, wait=wait))
                context = chrome.run(browser.new_context())
                tab = chrome.run(context.new_page())
                if restarted:
                    chrome.restart()
                else:
                    chrome.lose("cut")
                chrome.flush()
                closed = context.close()
                chrome.advance(1.0)
                self.assertIsNone(browser.connection.suspended)
                self.assertIsNone(self.successResultOf(closed))
                self.assertEqual((chrome.targets.contexts, browser.contexts), ([], [browser.default_context]))
                self.assertTrue(tab.session.ended)
                chrome.run(browser.close())

    def test_sessions_that_are_no_pages_of_ours_end(self):
        other = self.chrome.attach(self.connection)
        self.chrome.restart()
        self.chrome.flush()
        self.come_back()
        self.assertTrue(other.ended)
        self.assertFalse(self.session.ended)

    def test_auto_attached_pages_are_not_opened_twice(self):
        self.chrome.run(AutoAttach().start(self.connection.session))
        self.chrome.restart()
        self.chrome.flush()
        self.come_back()
        pages = [each for each in self.connection.sessions if each.target is not None]
        self.assertEqual(pages, [self.session])
        self.assertEqual([each.type for each in self.chrome.targets.all.values()], ["tab", "page"])
        self.chrome.run(self.tab.goto("http://x/"))
        self.assertEqual(self.tab.url, "http://x/")


class NoReopeningTests(ReconnectCase):
    policy = ReconnectPolicy(jitter=lambda: 0.0, reopen_pages=False)

    def test_pages_end_with_their_browser(self):
        self.chrome.restart()
        self.chrome.flush()
        self.come_back()
        self.assertTrue(self.session.ended)
        self.assertEqual(self.chrome.targets.all, {})


class NoReopeningButWaitingTests(ReconnectCase):
    policy = ReconnectPolicy(jitter=lambda: 0.0, reopen_pages=False, wait=60.0)

    def test_what_waits_for_a_page_that_is_gone(self):
        self.chrome.restart()
        self.chrome.flush()
        waiting = self.session.execute(page.enable())
        self.assertNoResult(waiting)
        self.come_back()
        self.assertIsInstance(self.failure(waiting), ConnectionLost)
        self.assertIsInstance(self.failure(self.session.execute(page.enable())), ConnectionLost)


class AttemptTests(ReconnectCase):
    policy = ReconnectPolicy(initial_delay=1.0, factor=2.0, max_delay=5.0, jitter=lambda: 0.0, max_attempts=5)

    def test_delays_grow_up_to_the_longest(self):
        self.chrome.refuse_lines()
        health = Watcher(self.connection.health)
        self.lose()
        for seconds in (1, 2, 4, 5):
            self.chrome.advance(seconds)
        told = [each for each in health.items if isinstance(each, Reconnecting)]
        self.assertEqual([(each.attempt, each.delay) for each in told], [(1, 1), (2, 2), (3, 4), (4, 5), (5, 5)])
        self.assertIsNone(told[0].failure)
        self.assertIsInstance(told[1].failure, ConnectError)
        self.chrome.accept_lines()
        self.chrome.advance(5.0)
        self.assertIsNone(self.connection.suspended)
        assert isinstance(health.items[0], LineLost)
        last = health.items[-1]
        assert isinstance(last, Reconnected)
        self.assertEqual(last.gap.seconds, 17.0)

    def test_giving_up_ends_everything(self):
        seen = Watcher(self.session.events(page.LoadEventFired))
        self.chrome.refuse_lines()
        self.lose()
        waiting, closed = self.connection.when_connected(), self.connection.when_closed()
        for seconds in (1, 2, 4, 5, 5):
            self.chrome.advance(seconds)
        self.assertIsInstance(seen.errors[0], ConnectionLost)
        self.assertIsInstance(self.failure(waiting), ConnectionLost)
        self.assertEqual(self.successResultOf(closed).reason, "cut")
        self.assertTrue(self.session.ended)
        self.assertIsInstance(self.failure(self.connection.when_connected()), ConnectionLost)

    def test_attempts_are_counted_anew_after_each_success(self):
        for _ in range(3):
            self.chrome.refuse_lines(4)
            self.lose()
            for seconds in (1, 2, 4, 5, 5):
                self.chrome.advance(seconds)
            self.assertIsNone(self.connection.suspended)

    def test_a_line_that_is_lost_while_it_is_set_up(self):
        seen = Watcher(self.session.events(page.LoadEventFired).with_gaps())
        losses = iter(("Target.getTargetInfo", "Target.attachToTarget", "Page.enable"))

        def lose(_: Any) -> Any:
            self.chrome.lose("again")
            return NEVER

        self.lose()
        for seconds, method in zip((1, 2, 4), losses, strict=True):
            self.chrome.once(method, lose)
            self.chrome.advance(seconds)
        self.chrome.advance(5)
        self.chrome.advance(5)
        self.assertIsNone(self.connection.suspended)
        self.assertFalse(self.session.suspended)
        gaps = [item for item in seen.items if isinstance(item, Gap)]
        self.assertEqual(gaps[0].since, 0.0)
        self.chrome.run(self.tab.goto("http://x/"))
        self.assertEqual(self.tab.url, "http://x/")

    def test_a_browser_that_does_not_answer_over_the_new_line(self):
        self.lose()
        self.chrome.once("Target.getTargetInfo", NEVER)
        self.chrome.advance(1.0)
        self.assertIsNotNone(self.connection.suspended)
        self.chrome.advance(5.0)
        self.chrome.advance(2.0)
        self.assertIsNone(self.connection.suspended)

    def test_closing_while_there_is_no_line(self):
        self.lose()
        closed = self.connection.close()
        self.assertTrue(self.successResultOf(closed).clean)
        self.assertTrue(self.session.ended)
        self.chrome.advance(0)
        self.assertEqual(len(self.chrome.lines), 1)

    def test_closing_while_a_line_is_opened(self):
        self.lose()
        self.chrome.stall()
        self.chrome.advance(1.0)
        closed = self.connection.close()
        self.assertTrue(self.successResultOf(closed).clean)
        self.chrome.advance(0)
        self.chrome.go_on()
        self.chrome.advance(10.0)
        self.assertEqual(len(self.chrome.lines), 1)

    def test_closing_while_a_line_is_set_up(self):
        self.lose()
        self.chrome.once("Target.getTargetInfo", NEVER)
        self.chrome.advance(1.0)
        closed = self.connection.close()
        self.assertTrue(self.successResultOf(closed).clean)
        self.chrome.advance(10.0)
        self.assertIsNotNone(self.chrome.lines[-1].closed)

    def test_closing_from_what_hears_of_the_loss_and_of_the_return(self):
        for kind in (LineLost, Reconnecting, Reconnected):
            chrome = FakeChrome()
            browser = chrome.browser(reconnect=POLICY)
            closing: list[Deferred[None]] = []

            def close(event: object, kind: type = kind, browser: Browser = browser, closing: Any = closing) -> None:
                if isinstance(event, kind):
                    closing.append(browser.close())

            browser.connection.health.subscribe(close)
            chrome.lose()
            chrome.advance(1.0)
            chrome.advance(1.0)
            chrome.run(closing[0])
            self.assertIsNotNone(browser.connection.lost, kind)
            self.assertEqual(chrome.clock.getDelayedCalls(), [], kind)


class PolicyTests(SynchronousTestCase):
    def test_policies_that_cannot_be(self):
        for options in ({"initial_delay": -1.0}, {"max_delay": 0.5}, {"factor": 0.5}, {"max_attempts": 0}):
            with self.assertRaises(ValueError):
                ReconnectPolicy(**options)

    def test_without_a_policy_everything_ends(self):
        chrome = FakeChrome()
        browser = chrome.browser()
        session = chrome.run(browser.new_page()).session
        seen = Watcher(session.events(page.LoadEventFired).with_gaps())
        chrome.lose("cut")
        chrome.flush()
        self.assertTrue(session.ended)
        self.assertIsInstance(seen.errors[0], ConnectionLost)
        chrome.run(browser.close())


def _child(parent: Any, target_id: str, kind: str) -> Any:
    from txcdp.testing import FakeTarget

    return FakeTarget(target_id, kind, parent=parent)
