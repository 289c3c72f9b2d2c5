"""Domains are enabled while somebody listens, on a FakeChrome."""

from __future__ import annotations

from typing import Any

from twisted.internet.task import Clock
from twisted.trial.unittest import SynchronousTestCase

from tests.support import Watcher
from txcdp._core.sessions import Session
from txcdp.domains import css, dom, fetch, network, page, runtime
from txcdp.errors import CommandError, TargetCrashed
from txcdp.testing import NEVER, FakeChrome


class EnablingTests(SynchronousTestCase):
    def setUp(self) -> None:
        self.chrome = FakeChrome()
        self.session = self.new_session()

    def new_session(self, **options: Any) -> Session:
        return self.chrome.attach(self.chrome.connect(**options))

    def toggles(self, session: Session | None = None) -> list[str]:
        """Name the enables and disables that a session has sent."""
        self.chrome.flush()
        wanted = (session or self.session).id
        return [
            each.method
            for each in self.chrome.commands
            if each.session_id == wanted and each.method.endswith((".enable", ".disable"))
        ]

    def test_the_first_listener_enables(self):
        Watcher(self.session.events(network.DataReceived))
        Watcher(self.session.events(network.DataReceived))
        Watcher(self.session.events(network.LoadingFinished))
        Watcher(self.session.events_raw("Network.unheardOf"))
        self.assertEqual(self.toggles(), ["Network.enable"])

    def test_large_bodies_of_requests_are_not_told(self):
        Watcher(self.session.events(network.DataReceived))
        (enabled,) = self.chrome.received(network.enable)
        self.assertEqual(enabled.max_post_data_size, 1 << 20)

    def test_asking_for_a_stream_enables_nothing(self):
        self.session.events(network.DataReceived)
        self.assertEqual(self.toggles(), [])

    def test_what_is_prepared_has_no_listener(self):
        self.session._prepare("Network")
        self.assertEqual(self.toggles(), ["Network.enable"])
        self.chrome.advance(60)
        watcher = Watcher(self.session.events(network.DataReceived))
        self.assertEqual(self.toggles(), ["Network.enable"])
        watcher.leave()
        self.chrome.advance(5)
        self.assertEqual(self.toggles(), ["Network.enable", "Network.disable"])

    def test_what_was_prepared_and_refused_is_enabled_by_its_first_listener(self):
        self.chrome.once(network.enable, CommandError("Network.enable", -32000, "not now"))
        self.session._prepare("Network")
        self.assertEqual(self.toggles(), ["Network.enable"])
        self.assertFalse(Watcher(self.session.events(network.DataReceived)).ended)
        self.assertEqual(self.toggles(), ["Network.enable"] * 2)

    def test_what_takes_decisions_is_not_prepared(self):
        self.session._prepare("Fetch")
        self.assertEqual(self.toggles(), [])

    def test_the_last_one_disables_after_a_while(self):
        first, second = (Watcher(self.session.events(each)) for each in (network.DataReceived, network.LoadingFinished))
        first.leave()
        self.chrome.advance(60)
        second.leave()
        self.chrome.advance(4.9)
        self.assertEqual(self.toggles(), ["Network.enable"])
        self.chrome.advance(0.1)
        self.assertEqual(self.toggles(), ["Network.enable", "Network.disable"])
        Watcher(self.session.events(network.DataReceived))
        self.assertEqual(self.toggles()[2:], ["Network.enable"])

    def test_coming_back_in_time_sends_nothing(self):
        for _ in range(3):
            watcher = Watcher(self.session.events(network.DataReceived))
            self.chrome.advance(1)
            watcher.leave()
            self.chrome.advance(4)
        self.assertEqual(self.toggles(), ["Network.enable"])

    def test_linger_for_good(self):
        session = self.new_session(linger=None)
        Watcher(session.events(network.DataReceived)).leave()
        self.chrome.advance(1000)
        Watcher(session.events(network.DataReceived))
        self.assertEqual(self.toggles(session), ["Network.enable"])

    def test_no_linger(self):
        session = self.new_session(linger=0)
        Watcher(session.events(network.DataReceived)).leave()
        self.chrome.advance(0)
        self.assertEqual(self.toggles(session), ["Network.enable", "Network.disable"])

    def test_each_session_counts_for_itself(self):
        other = self.new_session()
        Watcher(self.session.events(network.DataReceived))
        self.assertEqual(self.toggles(other), [])
        Watcher(other.events(network.DataReceived)).leave()
        self.chrome.advance(10)
        self.assertEqual(self.toggles(other), ["Network.enable", "Network.disable"])
        self.assertEqual(self.toggles(), ["Network.enable"])

    def test_by_hand_before(self):
        self.session.execute(network.enable(max_total_buffer_size=5))
        Watcher(self.session.events(network.DataReceived)).leave()
        self.chrome.advance(100)
        self.assertEqual(self.toggles(), ["Network.enable"])

    def test_by_hand_after(self):
        watcher = Watcher(self.session.events(network.DataReceived))
        self.session.execute(network.enable(max_total_buffer_size=5))
        watcher.leave()
        self.chrome.advance(100)
        self.assertEqual(self.toggles(), ["Network.enable"] * 2)

    def test_by_hand_while_lingering(self):
        Watcher(self.session.events(network.DataReceived)).leave()
        self.session.execute_raw("Network.enable")
        self.chrome.advance(100)
        self.assertEqual(self.toggles(), ["Network.enable"] * 2)

    def test_refused_by_hand_is_nobodys(self):
        self.chrome.once(network.enable, CommandError("Network.enable", -32000, "not now"))
        refused = self.session.execute(network.enable())
        self.chrome.flush()
        self.failureResultOf(refused, CommandError)
        Watcher(self.session.events(network.DataReceived)).leave()
        self.chrome.advance(10)
        self.assertEqual(self.toggles(), ["Network.enable", "Network.enable", "Network.disable"])

    def test_navigation_does_not_overtake_what_was_enabled_by_hand(self):
        self.session.execute(page.enable())
        self.session.execute(page.navigate(url="http://x/"))
        self.assertEqual(self.chrome.received(page.navigate), [])
        self.chrome.flush()
        self.assertEqual(len(self.chrome.received(page.navigate)), 1)

    def test_disabled_by_hand(self):
        self.session.execute(network.enable())
        self.session.execute(network.disable())
        Watcher(self.session.events(network.DataReceived)).leave()
        self.chrome.advance(100)
        self.assertEqual(self.toggles()[2:], ["Network.enable", "Network.disable"])

    def test_disabled_by_hand_under_a_listener(self):
        Watcher(self.session.events(network.DataReceived))
        self.session.execute(network.disable())
        self.chrome.flush()
        Watcher(self.session.events(network.LoadingFinished))
        self.assertEqual(self.toggles(), ["Network.enable", "Network.disable", "Network.enable"])

    def test_domains_that_take_decisions(self):
        for event in (fetch.RequestPaused,):
            Watcher(self.session.events(event)).leave()
        Watcher(self.session.events_raw("Tracing.dataCollected")).leave()
        Watcher(self.session.events_raw("Debugger.paused"))
        Watcher(self.session.events_raw("Nobody.knows"))
        Watcher(self.session.events_raw("strange"))
        self.assertEqual(self.toggles(), [])

    def test_a_domain_that_needs_another(self):
        watcher = Watcher(self.session.events(css.StyleSheetAdded))
        self.assertEqual(self.toggles(), ["DOM.enable", "CSS.enable"])
        own = Watcher(self.session.events(dom.DocumentUpdated))
        watcher.leave()
        self.chrome.advance(10)
        self.assertEqual(self.toggles()[2:], ["CSS.disable"])
        own.leave()
        self.chrome.advance(10)
        self.assertEqual(self.toggles()[3:], ["DOM.disable"])

    def test_a_refusal_reaches_the_subscribers(self):
        self.chrome.once(network.enable, CommandError("", -32601, "'Network.enable' wasn't found"))
        watchers = [
            Watcher(self.session.events(network.DataReceived)),
            Watcher(self.session.events(network.LoadingFinished)),
        ]
        other = Watcher(self.session.events(page.LoadEventFired))
        self.chrome.flush()
        for watcher in watchers:
            (error,) = watcher.errors
            assert isinstance(error, CommandError)
            self.assertEqual((error.method, error.code), ("Network.enable", -32601))
        self.assertEqual(other.errors, [])
        again = Watcher(self.session.events(network.DataReceived))
        self.chrome.flush()
        self.assertEqual(again.errors, [])
        self.assertEqual(self.toggles().count("Network.enable"), 2)
        self.chrome.advance(100)
        self.assertEqual(self.toggles().count("Network.disable"), 0)

    def test_enabling_that_is_not_answered(self):
        self.chrome.on(network.enable, NEVER)
        watcher = Watcher(self.session.events(network.DataReceived))
        self.chrome.advance(31)
        self.assertIsInstance(watcher.errors[0], TimeoutError)

    def test_nothing_fails_when_the_session_goes_meanwhile(self):
        self.chrome.on(network.enable, NEVER)
        watcher = Watcher(self.session.events(network.DataReceived))
        self.chrome.flush()
        self.chrome.detach(self.session)
        self.chrome.flush()
        self.assertEqual((watcher.completed, watcher.errors), (1, []))
        Watcher(self.session.events(network.DataReceived))
        self.assertEqual(self.flushLoggedErrors(), [])

    def test_after_a_crash(self):
        before = Watcher(self.session.events(network.DataReceived))
        self.chrome.flush()
        self.chrome.crash(self.session)
        self.chrome.flush()
        self.assertIsInstance(before.errors[0], TargetCrashed)
        during = Watcher(self.session.events(runtime.ConsoleAPICalled))
        self.chrome.flush()
        self.assertEqual((during.errors, self.toggles()), ([], ["Network.enable"]))
        self.chrome.revive(self.session)
        self.chrome.flush()
        self.assertEqual(self.toggles(), ["Network.enable", "Runtime.enable"])

    def test_nothing_is_left_behind(self):
        Watcher(self.session.events(network.DataReceived)).leave()
        self.chrome.flush()
        assert isinstance(self.chrome.clock, Clock)
        self.assertEqual(len(self.chrome.clock.getDelayedCalls()), 2)
        self.chrome.detach(self.session)
        self.chrome.lose()
        self.chrome.flush()
        self.assertEqual(self.chrome.clock.getDelayedCalls(), [])

    def test_what_is_subscribed_before_a_command_is_enabled_before_it(self):
        Watcher(self.session.events(page.LoadEventFired))
        navigated = self.session.execute(page.navigate(url="http://x/"))
        self.chrome.flush()
        self.assertEqual(self.successResultOf(navigated).error_text, None)
        methods = [each.method for each in self.chrome.commands]
        self.assertLess(methods.index("Page.enable"), methods.index("Page.navigate"))

    def test_an_enable_that_hangs_does_not_hold_a_navigation_for_ever(self):
        self.chrome.on(page.enable, NEVER)
        Watcher(self.session.events(page.LoadEventFired))
        navigated = self.session.execute(page.navigate(url="http://x/"))
        self.chrome.flush()
        self.chrome.advance(5)
        self.successResultOf(navigated)

    def test_a_held_navigation_can_be_cancelled(self):
        self.chrome.on(page.enable, NEVER)
        Watcher(self.session.events(page.LoadEventFired))
        navigated = self.session.execute(page.navigate(url="http://x/"))
        navigated.cancel()
        self.failureResultOf(navigated)
        self.chrome.advance(5)
        self.assertEqual(self.chrome.received(page.navigate), [])

    def test_a_held_navigation_of_a_session_that_goes(self):
        self.chrome.on(page.enable, NEVER)
        Watcher(self.session.events(page.LoadEventFired))
        navigated = self.session.execute(page.navigate(url="http://x/"))
        self.chrome.flush()
        self.chrome.detach(self.session)
        self.chrome.flush()
        self.failureResultOf(navigated)
