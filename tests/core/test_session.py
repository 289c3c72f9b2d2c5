"""Sessions: what they send, what they refuse to, and how they carry on after a crash."""

from __future__ import annotations

import warnings
from typing import Any

from twisted.trial.unittest import SynchronousTestCase

from tests.support import Watcher, WireCase
from txcdp._timeouts import DEFAULT
from txcdp.domains import browser, network, page, runtime, target
from txcdp.errors import ConnectionLost, ExperimentalCommand, SessionDetached, TargetCrashed
from txcdp.testing import NEVER, FakeChrome


class SessionTests(SynchronousTestCase):
    def setUp(self) -> None:
        self.chrome = FakeChrome()
        self.connection = self.chrome.connect()
        self.session = self.chrome.attach(self.connection)

    def test_commands_go_to_their_session(self):
        self.session.execute(page.enable())
        self.connection.session.execute(browser.get_version())
        self.assertEqual([each.session_id for each in self.chrome.commands], [self.session.id, None])

    def test_typed_and_raw_are_the_same_on_the_wire(self):
        self.session.execute(page.navigate(url="http://x/", referrer="y"))
        self.session.execute_raw("Page.navigate", {"url": "http://x/", "referrer": "y"})
        first, second = self.chrome.received(page.navigate)
        self.assertEqual(first, second)

    def test_attributes(self):
        self.assertIs(self.session.context, self.connection.context)
        self.assertIs(self.session.parent, self.connection.session)
        self.assertIsNone(self.connection.session.id)
        self.assertEqual(repr(DEFAULT), "DEFAULT")

    def test_what_is_answered_though_the_page_is_gone(self):
        self.chrome.crash(self.session)
        self.chrome.flush()
        self.failureResultOf(self.session.execute(runtime.enable()), TargetCrashed)
        answered = self.session.execute(target.get_targets())
        self.chrome.flush()
        self.assertEqual(len(self.successResultOf(answered).target_infos), 1)
        navigated = self.session.execute(page.navigate(url="http://x/"))
        self.chrome.flush()
        self.successResultOf(navigated)
        self.assertFalse(self.session.crashed)

    def test_what_the_browser_applies_to_the_navigation_that_revives_a_page(self):
        for revive in (page.navigate(url="http://x/"), page.reload()):
            self.setUp()
            self.chrome.crash(self.session)
            self.chrome.flush()
            for command in (network.set_extra_http_headers(headers={"X-A": "b"}), page.enable()):
                self.failureResultOf(self.session._insist(command), TargetCrashed)
            self.session.events(network.ResponseReceived).subscribe(lambda _: None)
            self.chrome.run(self.session.execute(revive))
            ahead, _, after = "|".join(each.method for each in self.chrome.commands).partition(type(revive).method)
            self.assertEqual(ahead, "Network.setExtraHTTPHeaders|Network.enable|")
            self.assertEqual(after, "|Network.setExtraHTTPHeaders|Page.enable|Network.enable")

    def test_each_command_fails_with_an_error_of_its_own(self):
        self.chrome.crash(self.session)
        self.chrome.flush()
        first, second = (self.failureResultOf(self.session.execute(runtime.enable())).value for _ in range(2))
        self.assertIsNot(first, second)
        self.assertEqual(str(first), str(second))

    def test_crashing_twice_and_reviving_twice(self):
        for _ in range(2):
            self.chrome.crash(self.session)
        self.chrome.flush()
        for _ in range(2):
            self.chrome.revive(self.session)
        self.chrome.flush()
        self.assertFalse(self.session.crashed)

    def test_detaching_a_crashed_session(self):
        self.chrome.crash(self.session)
        self.chrome.flush()
        ended = self.session.when_ended()
        self.assertNoResult(ended)
        self.chrome.run(self.session.detach())
        self.assertIsInstance(self.successResultOf(ended), SessionDetached)
        self.assertTrue(self.session.ended)
        self.assertEqual(Watcher(self.session.events(page.LoadEventFired)).completed, 1)

    def test_losing_the_line_with_a_crashed_session(self):
        self.chrome.crash(self.session)
        self.chrome.lose()
        self.chrome.flush()
        self.failureResultOf(self.session.execute(runtime.enable()), ConnectionLost)

    def test_reloading_from_within_the_news_of_the_crash(self):
        reloads = []
        self.session.events(network.DataReceived).subscribe(
            lambda _: None, lambda _: reloads.append(self.session.execute(page.reload()))
        )
        self.chrome.flush()
        self.chrome.crash(self.session)
        self.chrome.flush()
        self.assertIsNone(self.successResultOf(reloads[0]))

    def test_stable_only(self):
        session = self.chrome.connect(stability="stable").session
        error = self.failureResultOf(session.execute(target.get_target_info()), ExperimentalCommand).value
        self.assertIn("Target.getTargetInfo", str(error))
        session.execute(browser.get_version())
        self.assertEqual([each.method for each in self.chrome.commands], ["Browser.getVersion"])

    def test_a_warning(self):
        session = self.chrome.connect(stability="warn").session
        with warnings.catch_warnings(record=True) as caught:
            warnings.simplefilter("always")
            session.execute(target.get_target_info()).addErrback(lambda _: None)
            session.execute(browser.get_version())
        (warning,) = caught
        self.assertIs(warning.category, FutureWarning)
        self.assertEqual(warning.filename, __file__)

    def test_a_stability_that_is_none(self):
        self.assertRaises(ValueError, self.chrome.connect, stability="rock solid")

    def test_dead_sessions_have_dead_streams(self):
        self.chrome.lose()
        self.chrome.flush()
        for stream in (self.session.events(page.LoadEventFired), self.session.events_raw("A.b")):
            self.assertIsInstance(Watcher(stream).errors[0], ConnectionLost)

    def test_one_event_in_several_shapes(self):
        seen: list[str] = []
        for_all = [
            self.session.events(network.DataReceived).subscribe(lambda _: seen.append("typed")),
            self.session.events_raw("Network.dataReceived").subscribe(lambda _: seen.append("raw")),
            self.session.events(network.DataReceived).subscribe(lambda _: seen.append("typed, too")),
        ]
        event = network.DataReceived(request_id="1", timestamp=1.0, data_length=1, encoded_data_length=1)
        for left in (["typed", "typed, too", "raw"], ["typed, too", "raw"], ["raw"], []):
            self.chrome.emit(event, self.session)
            self.chrome.flush()
            self.assertEqual(seen, left)
            seen.clear()
            if left:
                {"typed": for_all[0], "typed, too": for_all[2], "raw": for_all[1]}[left[0]].dispose()

    def test_pending_commands_of_others_go_on(self):
        self.chrome.on("A.b", NEVER)
        other = self.chrome.attach(self.connection)
        mine, theirs = self.session.execute_raw("A.b"), other.execute_raw("A.b")
        self.chrome.flush()
        self.chrome.crash(self.session)
        self.chrome.flush()
        self.failureResultOf(mine, TargetCrashed)
        self.chrome.reply(self.chrome.commands[-1], {"x": 1})
        self.chrome.flush()
        self.assertEqual(self.successResultOf(theirs), {"x": 1})


class MistakesTests(WireCase):
    def test_a_name_in_the_place_of_a_command_or_an_event(self):
        wrong: Any = "Page.navigate"
        for ask, words in (
            (self.connection.session.execute, 'execute_raw("Page.navigate"'),
            (self.connection.session.events, 'events_raw("Page.loadEventFired")'),
        ):
            with self.assertRaises(TypeError) as caught:
                ask(wrong)
            self.assertIn(words, str(caught.exception))
