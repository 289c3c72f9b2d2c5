"""A browser as a service: looked for, kept, replaced and closed."""

from __future__ import annotations

from dataclasses import replace
from typing import Any, cast

from twisted.application.service import MultiService
from twisted.internet.defer import CancelledError, Deferred, fail
from twisted.internet.task import Clock
from twisted.logger import ILogObserver, LogEvent, globalLogPublisher
from twisted.trial.unittest import SynchronousTestCase

import txcdp.service._browser
from txcdp._core.reconnecting import ReconnectPolicy
from txcdp.browser import Browser
from txcdp.errors import ConnectError, ConnectionLost, ExecutableNotFound, LaunchError
from txcdp.service import BrowserService
from txcdp.testing import FakeChrome

POLICY = ReconnectPolicy(initial_delay=1, factor=2, max_delay=60, jitter=lambda: 0)


class FakeService(BrowserService):
    """Opens what the test gives it."""

    def __init__(self, clock: Clock) -> None:
        super().__init__(clock, policy=POLICY)
        self.opened: list[Deferred[Browser]] = []
        self.cancelled: list[Deferred[Browser]] = []

    def open(self) -> Deferred[Browser]:
        self.opened.append(Deferred(self.cancelled.append))
        return self.opened[-1]


class BrowserServiceTests(SynchronousTestCase):
    def setUp(self) -> None:
        self.chrome = FakeChrome()
        self.clock: Clock = self.chrome.clock
        self.service = FakeService(self.clock)
        self.addCleanup(lambda: self.assertEqual(self.clock.getDelayedCalls(), []))

    def start(self, **options: Any) -> Browser:
        """Start it, and let it find a browser."""
        self.service.startService()
        return self.give(**options)

    def give(self, **options: Any) -> Browser:
        """Let its latest attempt succeed."""
        browser = self.chrome.browser(**options)
        self.service.opened[-1].callback(browser)
        return browser

    def stop(self) -> None:
        """Stop it, and see that this ends."""
        stopped = self.service.stopService()
        self.chrome.flush()
        self.clock.advance(0)
        self.chrome.flush()
        self.assertIsNone(self.successResultOf(stopped))

    def test_waiting_for_it(self) -> None:
        self.service.startService()
        waiting = [self.service.whenConnected() for _ in range(2)]
        self.assertNoResult(waiting[0])
        self.assertIsNone(self.service.browser)
        browser = self.give()
        self.assertEqual([self.successResultOf(each) for each in waiting], [browser, browser])
        self.assertIs(self.successResultOf(self.service.whenConnected()), browser)
        self.assertIs(self.service.browser, browser)
        self.stop()
        self.assertIsNotNone(browser.connection.lost)

    def test_not_running(self) -> None:
        self.failureResultOf(self.service.whenConnected(), CancelledError)
        self.assertIsNone(self.successResultOf(self.service.stopService()))

    def test_stopping_while_it_looks(self) -> None:
        self.service.startService()
        waiting = self.service.whenConnected()
        self.stop()
        self.failureResultOf(waiting, CancelledError)
        self.assertEqual(self.service.cancelled, self.service.opened)

    def test_stopping_between_attempts(self) -> None:
        self.service.startService()
        self.service.opened[0].errback(ConnectError("nobody there"))
        self.stop()

    def test_trying_again_with_growing_delays(self) -> None:
        self.service.startService()
        self.service.startService()  # once is enough
        waiting = self.service.whenConnected()
        impatient = self.service.whenConnected(failAfterFailures=2)
        for attempt, seconds in enumerate((1, 2, 4), 1):
            self.assertEqual(len(self.service.opened), attempt)
            self.service.opened[-1].errback(ConnectError(f"number {attempt}"))
            self.clock.advance(seconds - 0.1)
            self.assertEqual(len(self.service.opened), attempt)
            self.clock.advance(0.1)
        self.assertEqual(str(self.failureResultOf(impatient, ConnectError).value), "number 2")
        self.failureResultOf(self.service.whenConnected(failAfterFailures=3), ConnectError)
        later = self.service.whenConnected(failAfterFailures=4)
        browser = self.give()
        self.assertIs(self.successResultOf(waiting), browser)
        self.assertIs(self.successResultOf(later), browser)
        self.stop()

    def test_waiting_may_be_cancelled(self) -> None:
        self.service.startService()
        given_up, waiting = self.service.whenConnected(), self.service.whenConnected()
        given_up.cancel()
        self.failureResultOf(given_up, CancelledError)
        browser = self.give()
        self.assertIs(self.successResultOf(waiting), browser)
        self.stop()

    def test_what_cannot_succeed(self) -> None:
        for error in (ExecutableNotFound("no Chromium is installed"), TypeError("no such option")):
            self.service.startService()
            waiting = self.service.whenConnected()
            self.service.opened[-1].errback(error)
            self.assertEqual(str(self.failureResultOf(waiting, type(error)).value), str(error))
            self.failureResultOf(self.service.whenConnected(), type(error))
            self.clock.advance(1000)
            self.assertEqual(len(self.flushLoggedErrors(type(error))), 1)
            self.stop()
        self.assertEqual(len(self.service.opened), 2)

    def test_a_program_that_is_missing_for_a_while(self) -> None:
        logged: list[LogEvent] = []
        observer = cast("ILogObserver", logged.append)
        globalLogPublisher.addObserver(observer)
        self.addCleanup(globalLogPublisher.removeObserver, observer)
        self.start()
        self.chrome.lose()
        self.chrome.flush()
        waiting = self.service.whenConnected()
        for seconds in (1, 1, 2, 4):
            self.clock.advance(seconds)
            self.service.opened[-1].errback(ExecutableNotFound("it is being upgraded"))
        self.assertNoResult(waiting)
        self.clock.advance(8)
        self.service.opened[-1].errback(LaunchError("it does not start yet"))
        self.clock.advance(16)
        browser = self.give()
        self.assertIs(self.successResultOf(waiting), browser)
        said = [each["log_format"].format(**each) for each in logged if each.get("log_format")]
        self.assertEqual(len([each for each in said if "upgraded" in each]), 1, said)
        self.assertEqual(len([each for each in said if "does not start yet" in each]), 1, said)
        self.stop()

    def test_a_lost_line(self) -> None:
        browser = self.start(reconnect=POLICY)
        self.chrome.flush()
        self.chrome.lose()
        self.chrome.flush()
        waiting = self.service.whenConnected()
        self.assertNoResult(waiting)
        self.assertIs(self.service.browser, browser)
        self.clock.advance(1)
        self.chrome.flush()
        self.assertIs(self.successResultOf(waiting), browser)
        self.stop()

    def test_a_browser_that_is_gone_for_good(self) -> None:
        browser = self.start()
        self.chrome.lose()
        self.chrome.flush()
        self.assertIsInstance(browser.connection.lost, ConnectionLost)
        self.assertIsNone(self.service.browser)
        waiting = self.service.whenConnected()
        self.clock.advance(0.9)
        self.assertEqual(len(self.service.opened), 1)
        self.clock.advance(0.1)
        other = self.give()
        self.assertIs(self.successResultOf(waiting), other)
        self.assertIsNot(other, browser)
        self.stop()

    def test_a_policy_that_gives_up_while_somebody_waits(self) -> None:
        self.start(reconnect=POLICY)
        self.chrome.flush()
        self.chrome.lose()
        self.chrome.flush()
        waiting = self.service.whenConnected()
        browser = self.service.browser
        assert browser is not None
        browser.connection._outage.give_up()
        self.clock.advance(1)
        self.assertNoResult(waiting)
        other = self.give()
        self.assertIs(self.successResultOf(waiting), other)
        self.stop()

    def test_once_more(self) -> None:
        self.start()
        self.stop()
        browser = self.start()
        self.assertIs(self.service.browser, browser)
        self.stop()

    def test_within_an_application(self) -> None:
        parent = MultiService()
        self.service.setServiceParent(parent)
        parent.startService()
        self.give()
        stopped = parent.stopService()
        self.chrome.flush()
        self.successResultOf(stopped)

    def test_repr_keeps_secrets(self) -> None:
        shown = repr(BrowserService(self.clock, "ws://user:secret@127.0.0.1:1/devtools?token=secret"))
        self.assertNotIn("secret", shown)
        self.assertIn("127.0.0.1:1", shown)
        self.assertIn("launched", repr(self.service))

    def test_how_it_is_opened(self) -> None:
        asked: list[Any] = []

        def launch(reactor: Any, **options: Any) -> Deferred[Browser]:
            asked.append((reactor, options))
            return fail(ExecutableNotFound("none"))

        def connect(reactor: Any, url: str, **options: Any) -> Deferred[Browser]:
            asked.append((reactor, url, options))
            return fail(ExecutableNotFound("none"))

        self.patch(txcdp.service._browser, "launch", launch)
        self.patch(txcdp.service._browser, "connect", connect)
        for service in (
            BrowserService(self.clock, policy=POLICY, headless=False),
            BrowserService(self.clock, "http://127.0.0.1:9", policy=POLICY, timeout=3.0),
        ):
            self.failureResultOf(service.open(), ExecutableNotFound)
        waiting = replace(POLICY, wait=60.0)
        self.assertEqual(
            asked,
            [
                (self.clock, {"restart": waiting, "headless": False, "end_with_reactor": False}),
                (self.clock, "http://127.0.0.1:9", {"reconnect": waiting, "timeout": 3.0}),
            ],
        )
