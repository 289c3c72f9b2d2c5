"""FakeChrome: what users test with has to be right itself."""

from __future__ import annotations

import doctest
import json
from typing import Any

import reactivex
from reactivex import operators as ops
from twisted.internet.defer import Deferred
from twisted.internet.task import Clock
from twisted.trial.unittest import SynchronousTestCase

import txcdp.testing
from tests.support import Watcher
from txcdp._core.sessions import AutoAttach
from txcdp._transports.interface import Transport
from txcdp.domains import browser, inspector, network, page, runtime, target
from txcdp.errors import CommandError, CommandTimeout, ConnectionLost, SessionDetached, TargetCrashed
from txcdp.streams import first
from txcdp.testing import BY_ITSELF, NEVER, FakeChrome, UnexpectedCommand


class FakeChromeCase(SynchronousTestCase):
    def setUp(self) -> None:
        self.chrome = FakeChrome()
        self.connection = self.chrome.connect()
        self.root = self.connection.session

    def refused(self, deferred: Deferred[Any]) -> CommandError:
        self.chrome.flush()
        error = self.failureResultOf(deferred).value
        assert isinstance(error, CommandError), error
        return error


class ScriptTests(FakeChromeCase):
    def test_the_documentation(self):
        self.assertEqual(doctest.testmod(txcdp.testing).failed, 0)

    def test_a_constant(self):
        self.chrome.on(page.navigate, page.NavigateResult(frame_id="F"))
        for _ in range(2):
            self.assertEqual(self.chrome.run(self.root.execute(page.navigate(url="x"))).frame_id, "F")

    def test_an_answer_is_forgotten(self):
        self.chrome.once(page.enable, CommandError("", -1, "no")).on(page.enable, CommandError("", -2, "never"))
        self.assertEqual(self.refused(self.root.execute(page.enable())).code, -1)
        self.assertEqual(self.refused(self.root.execute(page.enable())).code, -2)
        self.chrome.once(page.enable, NEVER).off(page.enable)
        self.assertIsNone(self.chrome.run(self.root.execute(page.enable())))

    def test_what_nothing_else_answers(self):
        self.chrome.otherwise(lambda command: {"asked": command})
        self.assertEqual(self.chrome.run(self.root.execute_raw("New.thing", {"b": 2})), {"asked": {"b": 2}})
        self.assertEqual(self.chrome.run(self.root.execute(browser.get_version())).protocol_version, "1.3")

    def test_an_answer_for_some_commands_only(self):
        def answer(command: target.create_target) -> Any:
            return CommandError("", -32000, "no window") if command.new_window else BY_ITSELF

        self.chrome.on(target.create_target, answer)
        made = self.chrome.run(self.root.execute(target.create_target(url="about:blank"))).target_id
        self.assertIn(made, self.chrome.targets.all)
        self.refused(self.root.execute(target.create_target(url="about:blank", new_window=True)))
        self.chrome.on("New.thing", BY_ITSELF)
        self.assertEqual(self.refused(self.root.execute_raw("New.thing", {})).code, -32601)

    def test_parameters_of_a_command_that_has_none(self):
        self.chrome.lines[-1].send(b'{"id":1000,"method":"Browser.getVersion","params":[]}')
        self.chrome.carry_out()
        self.assertIn(b'"result"', self.chrome.lines[-1].intercept()[0])

    def test_plain_data_and_names(self):
        self.chrome.on("New.thing", {"a": 1})
        self.assertEqual(self.chrome.run(self.root.execute_raw("New.thing", {"b": 2})), {"a": 1})
        self.assertEqual(self.chrome.commands[0].command, {"b": 2})

    def test_a_function(self):
        self.chrome.on(
            runtime.evaluate,
            lambda command: runtime.EvaluateResult(
                result=runtime.RemoteObject(type="string", value=command.expression.upper())
            ),
        )
        self.assertEqual(self.chrome.run(self.root.execute(runtime.evaluate(expression="a"))).result.value, "A")

    def test_a_function_knows_who_asks(self):
        session = self.chrome.attach(self.connection)
        asked: list[Any] = []

        def answer(command: Any) -> dict[str, Any]:
            asked.append(self.chrome.current)
            return {}

        self.chrome.on("A.b", answer)
        self.chrome.run(session.execute_raw("A.b"))
        self.assertEqual(asked, self.chrome.commands)
        self.assertIsNone(self.chrome.current)

    def test_refusals(self):
        self.chrome.on("A.raised", lambda _: 1 / 0).on("A.given", CommandError("", -32000, "no", "because"))
        self.chrome.on("A.other", ValueError("broken"))
        error = self.refused(self.root.execute_raw("A.given"))
        self.assertEqual((error.method, error.code, error.message, error.data), ("A.given", -32000, "no", "because"))
        self.assertEqual(self.refused(self.root.execute_raw("A.other")).message, "broken")

    def test_a_function_that_raises_a_refusal(self):
        def refuse(command: Any) -> None:
            raise CommandError("", -32000, "no")

        self.chrome.on("A.b", refuse)
        self.assertEqual(self.refused(self.root.execute_raw("A.b")).message, "no")

    def test_once(self):
        self.chrome.on("A.b", {"n": 0}).once("A.b", {"n": 1}).once("A.b", {"n": 2})
        got = [self.chrome.run(self.root.execute_raw("A.b"))["n"] for _ in range(4)]
        self.assertEqual(got, [1, 2, 0, 0])

    def test_a_deferred(self):
        outcomes: list[Any] = [{"n": 1}, ValueError("x")]
        for outcome in outcomes:
            later: Deferred[Any] = Deferred()
            self.chrome.on("A.b", lambda _, later=later: later)
            asked = self.root.execute_raw("A.b")
            self.chrome.flush()
            self.assertNoResult(asked)
            (later.errback if isinstance(outcome, Exception) else later.callback)(outcome)
            self.chrome.flush()
            if isinstance(outcome, Exception):
                self.refused(asked)
            else:
                self.assertEqual(self.successResultOf(asked), outcome)

    def test_never(self):
        self.chrome.on("A.b", NEVER)
        asked = self.root.execute_raw("A.b", timeout=5)
        self.chrome.advance(5)
        self.failureResultOf(asked, CommandTimeout)
        self.assertEqual(repr(NEVER), "NEVER")

    def test_answering_by_hand(self):
        self.chrome.on("A.b", NEVER)
        asked = [self.root.execute_raw("A.b") for _ in range(2)]
        self.chrome.flush()
        for received in (self.chrome.commands[1], self.chrome.commands[1], self.chrome.commands[0]):
            self.chrome.reply(received, {"id": received.id})
        self.chrome.flush()
        self.assertEqual([self.successResultOf(each)["id"] for each in asked], [1, 2])
        self.assertEqual(self.connection.stats.unknown, 1)

    def test_what_it_does_not_know(self):
        error = self.refused(self.root.execute_raw("Nope.nope"))
        self.assertEqual((error.code, error.message, error.data), (-32601, "'Nope.nope' wasn't found", None))
        error = self.refused(self.root.execute(page.capture_screenshot()))
        self.assertEqual(error.message, "'Page.captureScreenshot' wasn't found")
        self.assertIn("on()", str(error.data))

    def test_commands_without_a_result_succeed(self):
        self.assertIsNone(self.chrome.run(self.root.execute(network.set_cache_disabled(cache_disabled=True))))

    def test_strict(self):
        chrome = FakeChrome(strict=True)
        chrome.on(page.navigate, NEVER).once("A.b", {})
        session = chrome.connect().session
        self.refused_in(chrome, session.execute_raw("Nope.nope", {"x": 1}))

    def refused_in(self, chrome: FakeChrome, deferred: Deferred[Any]) -> None:
        said = str(self.assertRaises(UnexpectedCommand, chrome.flush))
        for word in ("Nope.nope", "'x': 1", "root session", "A.b, Page.navigate"):
            self.assertIn(word, said)
        self.failureResultOf(deferred, CommandError)
        chrome.flush()

    def test_parameters_are_checked(self):
        error = self.refused(self.root.execute_raw("Page.navigate", {"url": 5}))
        self.assertEqual((error.code, error.message), (-32602, "Invalid parameters"))

    def test_commands_come_back_as_values(self):
        command = page.navigate(url="http://x/", referrer="ü")
        self.root.execute(command).addErrback(lambda _: None)
        self.assertEqual(self.chrome.received(page.navigate), [command])
        self.assertEqual(self.chrome.commands[0].method, "Page.navigate")
        self.chrome.flush()

    def test_an_unknown_session(self):
        session = self.chrome.attach(self.connection)
        self.chrome.targets.sessions.clear()
        asked = session.execute(page.enable())
        self.chrome.flush()
        self.failureResultOf(asked, SessionDetached)

    def test_noise(self):
        self.connection.transport.send(b"noise")
        self.chrome.flush()
        self.assertEqual((self.connection.stats.unknown, self.chrome.commands), (1, []))


class TurnTests(FakeChromeCase):
    def test_nothing_happens_inside_the_call(self):
        asked = self.root.execute(browser.get_version())
        self.assertNoResult(asked)
        self.assertEqual(len(self.chrome.commands), 1)
        self.chrome.flush()
        self.successResultOf(asked)

    def test_turns_of_the_clock(self):
        clock = Clock()
        chrome = FakeChrome(clock)
        asked = chrome.connect().session.execute(browser.get_version())
        clock.advance(0)
        self.successResultOf(asked)
        self.assertEqual([call for call in clock.getDelayedCalls() if call.getTime() < 1], [])

    def test_writes(self):
        self.root.execute(browser.get_version())
        self.root.execute(browser.get_version())
        self.assertGreater(self.connection.transport.unsent, 0)
        self.chrome.flush()
        self.root.execute(browser.get_version())
        self.chrome.flush()
        self.assertEqual([len(write) for write in self.chrome.lines[0].writes], [2, 1])
        self.assertEqual(self.connection.transport.unsent, 0)
        self.assertEqual(json.loads(self.chrome.lines[0].writes[0][0])["method"], "Browser.getVersion")

    def test_running_a_coroutine(self):
        async def main() -> str:
            session = await self.connection.attach(self.chrome.open_target())
            await session.execute(page.navigate(url="http://x/"))
            return (await self.root.execute(browser.get_version())).protocol_version

        self.assertEqual(self.chrome.run(main()), "1.3")

    def test_running_what_takes_time(self):
        later: Deferred[int] = Deferred()
        self.chrome.clock.callLater(3, later.callback, 1)
        self.assertRaises(AssertionError, self.chrome.run, later, 2.0)
        later = Deferred()
        self.chrome.clock.callLater(3, later.callback, 1)
        self.assertEqual(self.chrome.run(later, 3.0), 1)

    def test_running_what_does_not_end(self):
        self.chrome.on("A.b", NEVER)
        error = self.assertRaises(AssertionError, self.chrome.run, self.root.execute_raw("A.b"))
        self.assertIn("A.b", str(error))

    def test_running_what_raises(self):
        self.assertRaises(CommandError, self.chrome.run, self.root.execute_raw("A.b"))

    def test_flushing_from_within(self):
        session = self.chrome.attach(self.connection)
        seen = Watcher()

        def flush(item: dict[str, Any]) -> None:
            self.chrome.flush()
            seen.items.append(item["n"])

        session.events_raw("A.b").subscribe(flush)
        for number in range(3):
            self.chrome.emit_raw("A.b", {"n": number}, session)
        self.chrome.flush()
        self.assertEqual(seen.items, [0, 1, 2])

    def test_an_endless_conversation(self):
        session = self.chrome.attach(self.connection)
        session.events_raw("A.b").subscribe(lambda _: self.chrome.emit_raw("A.b", {}, session))
        self.chrome.emit_raw("A.b", {}, session)
        self.patch(txcdp.testing._turns, "_ENDLESS", 100)
        self.assertRaises(AssertionError, self.chrome.flush)


class TimeTests(FakeChromeCase):
    def setUp(self) -> None:
        super().setUp()
        self.session = self.chrome.attach(self.connection)
        self.loads = self.session.events(page.LoadEventFired).map(lambda event: event.timestamp)

    def load(self) -> None:
        self.chrome.emit(page.LoadEventFired(timestamp=self.chrome.clock.seconds()), self.session)

    def steps(self, watched: Any, *steps: float) -> list[Any]:
        """Return what comes of a stream while time passes in these steps, and when."""
        watcher: list[Any] = []
        subscription = watched.subscribe(lambda item: watcher.append((self.chrome.clock.seconds(), item)))
        self.load()
        self.chrome.clock.callLater(1.5, self.load)
        self.chrome.clock.callLater(4.25, self.load)
        for step in steps:
            self.chrome.advance(step)
        subscription.dispose()
        self.chrome.clock.rightNow = 0.0
        return watcher

    def test_one_long_step_is_as_many_short_ones(self):
        for name, watched in (
            ("interval", self.loads.merge(reactivex.interval(1))),
            ("buffer_with_time", self.loads.buffer_with_time(1)),
            ("window_with_time", self.loads.window_with_time(1).flat_map(lambda window: window.count())),
            ("debounce", self.loads.debounce(1)),
            ("sample", self.loads.sample(1)),
            ("throttle_first", self.loads.throttle_first(2)),
            ("delay", self.loads.delay(0.5).delay(0.5)),
            ("timeout", self.loads.timeout(2, reactivex.interval(1))),
        ):
            long = self.steps(watched, 6)
            self.assertGreater(len(long), 1, name)
            self.assertEqual(long, self.steps(watched, *[1] * 6), name)
            self.assertEqual(long, self.steps(watched, *[0.25] * 24), name)

    def test_what_is_scheduled_meanwhile_comes_at_its_own_time(self):
        calls: list[tuple[str, float]] = []
        clock = self.chrome.clock

        def call(name: str) -> None:
            calls.append((name, clock.seconds()))

        def begin() -> None:
            call("first")
            clock.callLater(1, call, "between")
            clock.callLater(0, call, "at once")

        clock.callLater(1, begin)
        clock.callLater(3, call, "last")
        self.chrome.advance(5)
        self.assertEqual(calls, [("first", 1), ("at once", 1), ("between", 2), ("last", 3)])
        self.assertEqual(clock.seconds(), 5)

    def test_the_browser_answers_in_between(self):
        asked: list[float] = []

        def ask() -> None:
            self.root.execute(browser.get_version()).addCallback(lambda _: asked.append(self.chrome.clock.seconds()))

        for at in (1, 2, 3):
            self.chrome.clock.callLater(at, ask)
        self.chrome.advance(5)
        self.assertEqual(asked, [1, 2, 3])

    def test_a_span_of_nothing_and_one_that_does_not_add_up(self):
        called: list[float] = []
        for at in (0.1, 0.2, 0.30000000000000004, 0.7):
            self.chrome.clock.callLater(at, called.append, at)
        self.chrome.advance()
        self.chrome.advance(0.1)
        self.chrome.advance(0.2)
        self.chrome.advance(0.4)
        self.assertEqual(len(called), 4)

    def test_run_lets_time_pass_in_order_too(self):
        async def counting() -> list[int]:
            return await first(
                reactivex.interval(1, scheduler=self.session.context.scheduler).pipe(ops.take(3), ops.to_list())
            )

        self.assertEqual(self.chrome.run(counting(), 10), [0, 1, 2])
        self.assertEqual(self.chrome.clock.seconds(), 3)


class BrowserTests(SynchronousTestCase):
    def test_a_page_of_a_browser(self):
        chrome = FakeChrome()
        tab = chrome.run(chrome.browser(linger=None).new_page())
        chrome.run(tab.goto("https://example.com/"))
        self.assertEqual([each.url for each in chrome.received(page.navigate)], ["https://example.com/"])

    def test_a_fragment_is_part_of_where_a_page_is(self):
        chrome = FakeChrome()
        tab = chrome.run(chrome.browser(linger=None).new_page())
        for url in ("https://example.com/#part", "https://example.com/other#part", "https://example.com/other#next"):
            chrome.run(tab.goto(url))
            self.assertEqual(tab.url, url)


class LineTests(FakeChromeCase):
    def test_it_is_a_transport(self):
        line: Transport = self.chrome.line()
        self.assertEqual(line.describe(), {"transport": "fake", "open": True, "paused": False})

    def test_pausing(self):
        watcher = Watcher(self.root.events_raw("A.b"))
        self.connection.transport.pause()
        self.chrome.emit_raw("A.b", {})
        self.chrome.flush()
        self.assertEqual(watcher.items, [])
        self.connection.transport.resume()
        self.chrome.flush()
        self.assertEqual(watcher.items, [{}])

    def test_closing(self):
        closed = self.connection.close()
        self.assertNoResult(closed)
        self.chrome.flush()
        lost = self.successResultOf(closed)
        self.assertEqual((lost.clean, lost.code), (True, 1000))
        self.connection.transport.close()
        self.chrome.flush()
        self.assertEqual(self.chrome.targets.roots, {})

    def test_aborting(self):
        self.chrome.emit_raw("A.b", {})
        self.connection.transport.pause()
        self.connection.transport.abort()
        self.chrome.flush()
        assert self.connection.lost is not None
        self.assertFalse(self.connection.lost.clean)

    def test_losing(self):
        watcher = Watcher(self.root.events_raw("A.b"))
        self.chrome.emit_raw("A.b", {})
        self.chrome.lose("pulled the plug", code=None)
        self.chrome.emit_raw("A.b", {})
        self.chrome.flush()
        self.assertEqual(len(watcher.items), 1)
        assert self.connection.lost is not None
        self.assertEqual((self.connection.lost.reason, self.connection.lost.code), ("pulled the plug", None))

    def test_nothing_is_sent_after_the_end(self):
        self.chrome.lose()
        self.connection.transport.send(b"{}")
        self.chrome.flush()
        self.assertEqual(self.chrome.lines[0].writes, [])

    def test_connecting_again(self):
        self.chrome.attach(self.connection)
        self.chrome.lose()
        self.chrome.flush()
        again = self.chrome.connect()
        self.assertEqual(self.chrome.targets.sessions, {})
        infos = self.chrome.run(again.session.execute(target.get_targets())).target_infos
        self.assertEqual(len(infos), 1)
        watcher = Watcher(again.session.events_raw("A.b"))
        self.chrome.emit_raw("A.b", {})
        self.chrome.flush()
        self.assertEqual(len(watcher.items), 1)

    def test_two_clients(self):
        other = self.chrome.connect()
        session = self.chrome.attach(other, parent=other.session)
        self.assertEqual(len(self.connection.sessions), 1)
        watchers = [Watcher(each.session.events_raw("A.b")) for each in (self.connection, other)]
        self.chrome.emit_raw("A.b", {}, self.root)
        self.chrome.flush()
        self.assertEqual([len(each.items) for each in watchers], [1, 0])
        asked = self.root.execute(target.detach_from_target(session_id=session.id))
        self.assertEqual(self.refused(asked).message, "No session with given id")

    def test_stalling(self):
        self.chrome.stall()
        asked = self.root.execute(browser.get_version())
        self.chrome.advance(29)
        self.assertNoResult(asked)
        self.chrome.go_on()
        self.chrome.flush()
        self.successResultOf(asked)

    def test_raw_bytes(self):
        self.chrome.send_bytes(b"junk")
        self.chrome.flush()
        self.assertEqual(self.connection.stats.malformed, 1)

    def test_nobody_is_connected(self):
        self.assertRaises(AssertionError, FakeChrome().emit_raw, "A.b", {})
        self.chrome.lose()
        self.chrome.flush()
        self.assertRaises(AssertionError, self.chrome.emit_raw, "A.b", {}, self.root)


class TargetTests(FakeChromeCase):
    def test_the_version(self):
        self.assertEqual(self.chrome.run(self.root.execute(browser.get_version())).protocol_version, "1.3")

    def test_a_targets_life(self):
        self.chrome.run(self.root.execute(target.set_discover_targets(discover=True)))
        created, destroyed = (
            Watcher(self.root.events_raw(each)) for each in ("Target.targetCreated", "Target.targetDestroyed")
        )
        made = self.chrome.run(self.root.execute(target.create_target(url="http://x/"))).target_id
        session = self.chrome.run(self.connection.attach(made))
        info = self.chrome.run(self.root.execute(target.get_target_info(target_id=made))).target_info
        self.assertEqual((info.url, info.attached), ("http://x/", True))
        own = self.chrome.run(session.execute(target.get_target_info())).target_info
        self.assertEqual(own.target_id, made)
        gone = Watcher(session.events(inspector.Detached))
        self.assertTrue(self.chrome.run(self.root.execute(target.close_target(target_id=made))).success)
        self.assertTrue(session.ended)
        self.assertEqual((len(created.items), len(gone.items), len(destroyed.items)), (1, 1, 1))
        self.assertEqual(self.chrome.run(self.root.execute(target.get_targets())).target_infos, [])

    def test_messages_arrive_one_by_one(self):
        line = self.chrome.lines[-1]
        told = Watcher(self.root.events(target.TargetCreated))
        asked = [
            self.root.execute(each) for each in (target.set_discover_targets(discover=True), browser.get_version())
        ]
        self.chrome.open_target()
        self.assertEqual(line.queued, 0)
        self.assertTrue(self.chrome.carry_out())
        self.assertFalse(self.chrome.carry_out())
        self.assertEqual((line.queued, told.items), (3, []))
        self.assertTrue(line.deliver(1))
        self.assertEqual((line.queued, len(told.items)), (2, 1))
        self.assertNoResult(asked[0])
        line.deliver(1)
        self.successResultOf(asked[0])
        (late,) = line.intercept()
        self.chrome.flush()
        self.assertNoResult(asked[1])
        line.put(late)
        self.chrome.flush()
        self.assertEqual(self.successResultOf(asked[1]).protocol_version, "1.3")

    def test_what_is_taken_out_of_a_line_is_not_its_end(self):
        self.chrome.emit_raw("A.b", {})
        self.chrome.lose()
        self.assertEqual(len(self.chrome.lines[-1].intercept()), 1)
        self.chrome.flush()
        self.assertIsNotNone(self.connection.lost)

    def test_ids_of_two_browsers(self):
        ids = [FakeChrome(salt=each).open_target() for each in (0, 1, 0xFFFF)]
        self.assertEqual(len(set(ids)), 3)
        self.assertEqual({len(each) for each in ids}, {32})

    def test_a_session_may_be_named_by_its_id(self):
        session = self.chrome.attach(self.connection)
        told = Watcher(session.events(inspector.TargetCrashed))
        assert session.id is not None
        self.chrome.emit(inspector.TargetCrashed(), session.id)
        self.chrome.flush()
        self.assertEqual(len(told.items), 1)

    def test_a_dialog(self):
        session = self.chrome.attach(self.connection)
        opened, closed = (
            Watcher(session.events(each)) for each in (page.JavascriptDialogOpening, page.JavascriptDialogClosed)
        )
        self.chrome.run(session.execute(page.enable()))
        self.chrome.open_dialog(session, "prompt", "what?", "this")
        self.chrome.run(session.execute(page.handle_java_script_dialog(accept=True, prompt_text="that")))
        self.chrome.run(session.execute(page.handle_java_script_dialog(accept=True)))
        (asked,), (answered,) = opened.items, closed.items
        self.assertEqual((asked.type, asked.message, asked.default_prompt), ("prompt", "what?", "this"))
        self.assertEqual((answered.result, answered.user_input), (True, "that"))

    def test_a_popup(self):
        context = self.chrome.run(self.root.execute(target.create_browser_context())).browser_context_id
        made = target.create_target(url="about:blank", browser_context_id=context)
        opener = self.chrome.run(self.root.execute(made)).target_id
        popup = self.chrome.open_target(opener=self.chrome.run(self.connection.attach(opener)))
        info = self.chrome.run(self.root.execute(target.get_target_info(target_id=popup))).target_info
        self.assertEqual((info.opener_id, info.browser_context_id, info.parent_id), (opener, context, None))

    def test_a_tab_and_its_page_end_together(self):
        self.chrome.open_target()
        self.chrome.open_target()
        pages = [each for each in self.chrome.targets.all.values() if each.tab is not None]
        tab = pages[0].tab
        assert tab is not None
        self.chrome.run(self.root.execute(target.close_target(target_id=tab.id)))
        self.assertEqual(list(self.chrome.targets.all.values()), [pages[1].tab, pages[1]])

    def test_a_target_waits_for_all_who_let_it_wait(self):
        second = self.chrome.connect()
        waiting = target.set_auto_attach(auto_attach=True, wait_for_debugger_on_start=True, flatten=True)
        for each in (self.connection, second):
            self.chrome.run(each.session.execute(waiting))
        made = self.chrome.targets.all[self.chrome.open_target()]
        self.chrome.flush()
        self.chrome.run(self.connection.sessions[-1].execute(runtime.run_if_waiting_for_debugger()))
        self.assertTrue(made.waiting)
        second.close()
        self.chrome.flush()
        self.assertFalse(made.waiting)

    def test_whoever_discovers_is_told_that_others_have_gone(self):
        second = self.chrome.connect()
        made = self.chrome.open_target()
        self.chrome.run(self.root.execute(target.set_discover_targets(discover=True)))
        changes = Watcher(self.root.events(target.TargetInfoChanged))
        self.chrome.run(second.attach(made))
        second.close()
        self.chrome.flush()
        self.assertEqual([each.target_info.attached for each in changes.items], [True, False])

    def test_discovering_what_is_there(self):
        self.chrome.open_target()
        watcher = Watcher(self.root.events(target.TargetCreated))
        self.chrome.run(self.root.execute(target.set_discover_targets(discover=True)))
        self.assertEqual(len(watcher.items), 1)
        self.chrome.run(self.root.execute(target.set_discover_targets(discover=False)))
        self.chrome.open_target()
        self.chrome.flush()
        self.assertEqual(len(watcher.items), 1)

    def test_what_is_not_there(self):
        for command in (
            target.close_target(target_id="x"),
            target.attach_to_target(target_id="x", flatten=True),
            target.get_target_info(target_id="x"),
            target.detach_from_target(session_id="x"),
            target.dispose_browser_context(browser_context_id="x"),
            target.create_target(url="", browser_context_id="x"),
        ):
            self.refused(self.root.execute(command))

    def test_contexts(self):
        context = self.chrome.run(self.root.execute(target.create_browser_context())).browser_context_id
        self.chrome.run(self.root.execute(target.create_target(url="", browser_context_id=context)))
        listed = self.chrome.run(self.root.execute(target.get_browser_contexts()))
        self.assertEqual(listed.browser_context_ids, [context])
        self.chrome.run(self.root.execute(target.dispose_browser_context(browser_context_id=context)))
        self.assertEqual(self.chrome.targets.all, {})

    def test_the_browser_as_a_target(self):
        reply = self.chrome.run(self.root.execute(target.attach_to_browser_target()))
        self.assertEqual(self.connection.sessions[1].id, reply.session_id)

    def test_closing_the_browser(self):
        self.assertIsNone(self.chrome.run(self.root.execute(browser.close())))
        assert self.connection.lost is not None
        self.assertFalse(self.connection.lost.clean)

    def test_closing_a_page(self):
        session = self.chrome.attach(self.connection)
        self.chrome.attach(self.connection, "worker", parent=session)
        self.assertIsNone(self.chrome.run(session.execute(page.close())))
        self.assertEqual(self.connection.sessions, [self.root])

    def test_crashing(self):
        session = self.chrome.attach(self.connection)
        self.chrome.run(self.root.execute(target.set_discover_targets(discover=True)))
        told = Watcher(self.root.events(target.TargetCrashed))
        self.chrome.crash(session)
        asked = session.execute(runtime.enable())
        self.chrome.flush()
        self.failureResultOf(asked, TargetCrashed)
        self.assertEqual(len(told.items), 1)
        self.chrome.run(session.execute(page.reload()))
        self.assertEqual(self.connection.stats.late, 1)

    def test_auto_attach_and_its_filter(self):
        seen = Watcher(self.connection.attached)
        entries = [target.FilterEntry(type="worker", exclude=True), target.FilterEntry(type="page")]
        policy = AutoAttach(filter=entries)
        self.chrome.run(policy.start(self.root))
        for kind in ("page", "worker", "other"):
            self.chrome.open_target(kind)
        self.chrome.flush()
        self.assertEqual([session.target.type for session in seen.items], ["page"])
        self.chrome.run(policy.stop(self.root))
        self.chrome.open_target()
        self.chrome.flush()
        self.assertEqual(len(seen.items), 1)

    def test_attaching_what_the_connection_does_not_keep(self):
        self.chrome.run(AutoAttach(keep=lambda info: False).start(self.root))
        self.assertRaises(AssertionError, self.chrome.attach, self.connection)

    def test_the_root_cannot_crash(self):
        self.assertRaises(AssertionError, self.chrome.crash, self.root)


class PageTests(FakeChromeCase):
    def setUp(self) -> None:
        super().setUp()
        self.session = self.chrome.attach(self.connection)

    def test_navigating(self):
        states = Watcher(self.session.events(page.LifecycleEvent))
        for command in (page.enable(), page.set_lifecycle_events_enabled(enabled=True)):
            self.chrome.run(self.session.execute(command))
        states.items.clear()
        result = self.chrome.run(self.session.execute(page.navigate(url="https://example.com/a#b")))
        assert self.session.target is not None
        self.assertEqual(result.frame_id, self.session.target.target_id)
        self.assertEqual(
            [each.name for each in states.items],
            ["init", "DOMContentLoaded", "load", "networkAlmostIdle", "networkIdle"],
        )
        tree = self.chrome.run(self.session.execute(page.get_frame_tree())).frame_tree
        self.assertEqual((tree.frame.url, tree.frame.loader_id), ("https://example.com/a", result.loader_id))
        self.assertEqual(tree.frame.security_origin, "https://example.com")

    def test_within_the_document(self):
        self.chrome.run(self.session.execute(page.navigate(url="http://x/")))
        watcher = Watcher(self.session.events(page.NavigatedWithinDocument))
        result = self.chrome.run(self.session.execute(page.navigate(url="http://x/#there")))
        self.assertIsNone(result.loader_id)
        self.assertEqual([item.url for item in watcher.items], ["http://x/#there"])

    def test_only_who_has_enabled_is_told(self):
        everything = Watcher(self.connection.events_raw())
        self.chrome.run(self.session.execute(page.navigate(url="http://x/")))
        self.assertEqual(everything.items, [])
        Watcher(self.session.events(page.LoadEventFired)).leave()
        self.chrome.advance(10)
        everything.items.clear()
        self.chrome.run(self.session.execute(page.navigate(url="http://x/2")))
        self.assertEqual(everything.items, [])

    def test_lifecycle_events_can_be_stopped(self):
        watcher = Watcher(self.session.events(page.LifecycleEvent))
        for enabled in (True, False):
            self.chrome.run(self.session.execute(page.set_lifecycle_events_enabled(enabled=enabled)))
        count = len(watcher.items)
        self.chrome.run(self.session.execute(page.reload()))
        self.assertEqual((count, len(watcher.items)), (5, 5))

    def test_worlds_and_scripts(self):
        watcher = Watcher(self.session.events(runtime.ExecutionContextCreated))
        world = self.chrome.run(self.session.execute(page.create_isolated_world(frame_id="F", world_name="w")))
        self.assertEqual(
            [item.context.id for item in watcher.items if item.context.name == "w"], [world.execution_context_id]
        )
        script = self.chrome.run(self.session.execute(page.add_script_to_evaluate_on_new_document(source="1")))
        self.assertTrue(script.identifier)

    def test_navigating_revives(self):
        self.chrome.crash(self.session)
        self.chrome.flush()
        self.chrome.run(self.session.execute(page.navigate(url="http://x/")))
        self.assertFalse(self.session.crashed)

    def test_losing_the_line_meanwhile(self):
        asked = self.session.execute(page.navigate(url="http://x/"))
        self.chrome.lose()
        self.chrome.flush()
        results: list[Any] = []
        asked.addBoth(results.append)
        self.assertEqual(len(results), 1)
        self.assertIsInstance(self.connection.lost, ConnectionLost)
