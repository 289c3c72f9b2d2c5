"""The pool's own line to a browser, which is a FakeChrome here."""

from __future__ import annotations

from typing import Any

from twisted.internet.task import Clock
from twisted.trial.unittest import SynchronousTestCase

from txcdp.domains import browser as browser_domain
from txcdp.errors import CommandError
from txcdp.gateway._pool.launched import LaunchedBrowser
from txcdp.testing import NEVER, FakeChrome


class FakeProcess:
    pid = 7
    ws_url = "ws://127.0.0.1:7/devtools/browser/7"


class LaunchedBrowserTests(SynchronousTestCase):
    def setUp(self) -> None:
        self.clock = Clock()
        self.chrome = FakeChrome(self.clock)

    def launched(self) -> LaunchedBrowser:
        browser = self.chrome.browser()
        process: Any = FakeProcess()
        browser.process = process
        return LaunchedBrowser(browser, {})

    def test_it_answers(self):
        checking = self.launched().check()
        self.clock.advance(0)
        self.assertIn("Chrome", self.successResultOf(checking).product)

    def test_it_refuses(self):
        self.chrome.on(browser_domain.get_version, CommandError("Browser.getVersion", -32000, "no"))
        checking = self.launched().check()
        self.clock.advance(0)
        self.failureResultOf(checking, CommandError)

    def test_how_long_it_may_take_is_for_the_pool_to_say(self):
        """``check_timeout`` may be longer than the usual deadline of a command."""
        self.chrome.on(browser_domain.get_version, NEVER)
        checking = self.launched().check()
        self.clock.advance(1000)
        self.assertNoResult(checking)
        checking.addErrback(lambda _: None).cancel()

    def test_one_that_was_launched_is_wanted(self):
        with self.assertRaises(ValueError):
            LaunchedBrowser(self.chrome.browser(), {})
