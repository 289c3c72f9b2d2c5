"""Sessions that a program has of its own beside the library's, and programs that go on slowly: on a FakeChrome."""

from __future__ import annotations

from typing import Any

from twisted.internet.defer import CancelledError, Deferred
from twisted.internet.task import Clock
from twisted.trial.unittest import SynchronousTestCase

from tests.core.test_reconnecting import ReconnectCase
from tests.support import Watcher
from txcdp import Connection
from txcdp._core.sessions import AutoAttach, Session
from txcdp.domains import input as input_
from txcdp.domains import log, network, page, runtime, target
from txcdp.errors import CommandError, CommandTimeout, ConnectionLost, SessionDetached
from txcdp.protocol import Command
from txcdp.testing import NEVER, FakeChrome


class OwnSessionTests(ReconnectCase):
    def own(self) -> Session:
        return self.chrome.run(self.tab.new_cdp_session())

    def test_it_is_another_one_of_the_same_target(self):
        own = self.own()
        self.assertIsNot(own, self.session)
        assert own.target is not None
        assert self.session.target is not None
        self.assertEqual(own.target.target_id, self.session.target.target_id)
        again = self.chrome.run(self.connection.attach(self.tab.target_id))
        self.assertIs(again, self.session)
        self.assertEqual(self.chrome.run(self.browser.attach_pages()), [self.tab])
        self.assertIsNot(self.own(), own)

    def test_what_is_enabled_there_is_not_enabled_here(self):
        own = self.own()
        Watcher(own.events(log.EntryAdded))
        self.chrome.flush()
        enabled = [each.session_id for each in self.chrome.commands if each.method == "Log.enable"]
        self.assertEqual(enabled, [own.id])
        self.assertEqual(self.session.listened & {"Log.entryAdded"}, frozenset())
        self.chrome.run(own.detach())
        self.assertTrue(own.ended)
        self.assertFalse(self.session.ended)

    def test_it_ends_with_the_page(self):
        own = self.own()
        self.chrome.run(self.tab.close())
        self.chrome.flush()
        self.assertIsInstance(self.failure(own.execute(runtime.enable())), SessionDetached)

    def test_cancelled_it_is_detached_from(self):
        before = len(self.connection.sessions)
        waiting = self.tab.new_cdp_session()
        waiting.cancel()
        self.failureResultOf(waiting, CancelledError)
        self.chrome.flush()
        self.assertEqual(len(self.connection.sessions), before)
        self.chrome.once(target.attach_to_target, CommandError("", -32000, "no"))
        refused = self.tab.new_cdp_session()
        self.chrome.flush()
        self.assertIsInstance(self.failure(refused), CommandError)

    def test_both_are_found_again_over_another_line(self):
        own = self.own()
        self.chrome.run(own.execute(network.enable()))
        self.lose()
        self.assertIsInstance(self.failure(own.execute(runtime.enable())), ConnectionLost)
        self.come_back()
        self.assertFalse(own.ended or self.session.ended)
        self.assertNotEqual(own.id, self.session.id)
        enabled = [each.session_id for each in self.chrome.commands if each.method == "Network.enable"]
        self.assertEqual(enabled[-1], own.id)
        self.assertIs(self.chrome.run(self.connection.attach(self.tab.target_id)), self.session)

    def test_both_go_on_in_a_browser_that_was_restarted(self):
        own = self.own()
        before = self.tab.target_id
        self.chrome.restart()
        self.chrome.flush()
        self.come_back()
        assert own.target is not None
        self.assertNotEqual(self.tab.target_id, before)
        self.assertEqual(own.target.target_id, self.tab.target_id)
        self.assertFalse(own.ended)

    def test_frames_are_attached_through_both(self):
        own = self.own()
        attached: list[Session] = []
        AutoAttach(set_up=attached.append).start(own)
        self.chrome.flush()
        frame = self.chrome.attach(self.connection, "iframe", parent=self.session)
        assert frame.target is not None
        mine = self.chrome.attach(self.connection, "iframe", parent=own, target_id=frame.target.target_id, waiting=True)
        self.assertEqual(attached, [mine])
        self.assertIsNot(mine, frame)
        resumed = [each.session_id for each in self.chrome.commands if each.method.endswith("runIfWaitingForDebugger")]
        self.assertIn(mine.id, resumed)
        self.chrome.run(own.detach())
        self.assertTrue(mine.ended)
        self.assertFalse(frame.ended)

    def test_of_the_browser_itself(self):
        session = self.chrome.run(self.browser.new_browser_cdp_session())
        self.assertEqual(session.kind, "browser")
        self.assertIsNot(session, self.browser.session)


class SlowTests(SynchronousTestCase):
    def setUp(self) -> None:
        self.chrome = FakeChrome()
        self.connection: Connection = self.chrome.connect(slow_mo=0.5)
        self.session = self.chrome.attach(self.connection)
        self.clock = self.chrome.clock
        assert isinstance(self.clock, Clock)

    def pending(self) -> list[str]:
        return [str(each) for each in self.clock.getDelayedCalls() if "_let_go" in str(each)]

    def slow(self, *sent: Deferred[Any]) -> None:
        """Check that the answers come half a second late."""
        self.chrome.flush()
        for each in sent:
            self.assertNoResult(each)
        self.clock.advance(0.499)
        for each in sent:
            self.assertNoResult(each)
        self.clock.advance(0.001)
        for each in sent:
            self.successResultOf(each)
        self.assertEqual(self.pending(), [])

    def test_what_a_person_sees_takes_longer(self):
        session = self.session
        self.chrome.on(runtime.evaluate, {"result": {"type": "number", "value": 1}})
        press = input_.dispatch_key_event(type="keyDown", key="a")
        self.slow(session.execute(page.navigate(url="about:blank")))
        self.slow(session.execute(press), session.execute(press))
        self.slow(session.execute(runtime.evaluate(expression="1", user_gesture=True)))
        self.slow(session.execute_raw("Runtime.evaluate", {"expression": "1", "userGesture": True}))

    def test_what_is_the_librarys_own_does_not(self):
        self.chrome.on(runtime.evaluate, {"result": {"type": "number", "value": 1}})
        commands: list[Command[Any]] = [
            runtime.evaluate(expression="1"),
            input_.set_ignore_input_events(ignore=True),
            page.enable(),
        ]
        for command in commands:
            sent = self.session.execute(command)
            self.chrome.flush()
            self.successResultOf(sent)

    def test_what_is_cancelled_or_ends_leaves_nothing_behind(self):
        sent = self.session.execute(page.reload())
        self.chrome.flush()
        self.assertEqual(len(self.pending()), 1)
        sent.cancel()
        self.failureResultOf(sent, CancelledError)
        self.assertEqual(self.pending(), [])
        sent = self.session.execute(page.reload())
        self.chrome.flush()
        self.chrome.run(self.connection.close())
        self.successResultOf(sent)
        self.assertEqual(self.pending(), [])

    def test_a_failure_is_not_held_back(self):
        self.chrome.on(page.reload, CommandError("", -32000, "no"))
        sent = self.session.execute(page.reload())
        self.chrome.flush()
        self.failureResultOf(sent, CommandError)
        self.chrome.on(page.reload, NEVER)
        sent = self.session.execute(page.reload(), timeout=1)
        self.chrome.advance(1)
        self.failureResultOf(sent, CommandTimeout)
