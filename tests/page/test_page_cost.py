"""What a page costs: which commands it takes to open, use and close one, and in how many steps."""

from __future__ import annotations

from twisted.trial.unittest import SynchronousTestCase

from tests.support import Watcher
from txcdp.domains import network
from txcdp.testing import NEVER, FakeChrome

URL = "http://site.test/"


class CostTests(SynchronousTestCase):
    def setUp(self) -> None:
        self.chrome = FakeChrome()
        self.browser = self.chrome.browser(linger=None)
        self.chrome.run(self.browser.new_page())  # what is asked for once only

    def sent(self, before: int) -> list[str]:
        """Return the methods of what was sent since."""
        return [each.method for each in self.chrome.commands[before:]]

    def test_opening(self):
        context = self.chrome.run(self.browser.new_context())
        before = len(self.chrome.commands)
        self.chrome.run(context.new_page())
        expected = [
            "Target.createTarget",
            "Target.attachToTarget",
            "Emulation.setFocusEmulationEnabled",
            "Network.enable",
            "Page.enable",
            "Page.addScriptToEvaluateOnNewDocument",
            "Page.setLifecycleEventsEnabled",
            "Target.setAutoAttach",
        ]
        self.assertEqual(sorted(self.sent(before)), sorted(expected))

    def test_opening_in_a_context_with_settings(self):
        """All that the page needs is sent while it waits, before it is told to run."""
        context = self.chrome.run(self.browser.new_context(viewport={"width": 300, "height": 200}))
        self.chrome.run(context.new_page())  # from here on pages are attached to as they are made
        before = len(self.chrome.commands)
        self.chrome.run(context.new_page())
        expected = [
            "Target.createTarget",
            "Emulation.setFocusEmulationEnabled",
            "Emulation.setDeviceMetricsOverride",
            "Page.enable",
            "Page.addScriptToEvaluateOnNewDocument",
            "Page.setLifecycleEventsEnabled",
            "Target.setAutoAttach",
            "Network.enable",
            "Runtime.runIfWaitingForDebugger",
        ]
        self.assertEqual(self.sent(before), expected)

    def test_the_first_navigation(self):
        context = self.chrome.run(self.browser.new_context())
        page = self.chrome.run(context.new_page())
        before = len(self.chrome.commands)
        self.chrome.run(page.goto(URL))
        self.assertEqual(self.sent(before), ["Page.navigate"])

    def test_further_navigations_wait_for_nothing(self):
        page = self.chrome.run(self.browser.new_page(URL))
        before = len(self.chrome.commands)
        going = page.goto(f"{URL}more")
        self.assertEqual(self.sent(before), ["Page.navigate"])
        self.chrome.run(going)
        self.assertEqual(self.sent(before), ["Page.navigate"])

    def test_what_a_navigation_would_wait_for(self):
        """It is sent before the page is set up, with all else that this page needs."""
        context = self.chrome.run(self.browser.new_context())
        self.chrome.on("Page.setLifecycleEventsEnabled", NEVER)
        before = len(self.chrome.commands)
        opening = context.new_page()
        self.chrome.flush()
        self.assertNoResult(opening)
        self.assertIn("Network.enable", self.sent(before))

    def test_what_was_disabled_by_hand_meanwhile(self):
        page = self.chrome.run(self.browser.new_page())
        self.chrome.run(page.session.execute(network.disable()))
        before = len(self.chrome.commands)
        self.chrome.run(page.goto(URL))
        self.assertEqual(self.sent(before), ["Network.enable", "Page.navigate"])

    def test_a_popup(self):
        """It goes somewhere by itself: what it asks for is told when somebody asks."""
        opener = self.chrome.run(self.browser.new_page())
        popups = Watcher(opener.popups)
        self.chrome.flush()
        before = len(self.chrome.commands)
        self.chrome.open_target(url="http://site.test/popup", opener=opener.session)
        self.chrome.flush()
        self.assertEqual(len(popups.items), 1)
        self.assertNotIn("Network.enable", self.sent(before))

    def test_closing(self):
        context = self.chrome.run(self.browser.new_context())
        self.chrome.run(context.new_page())
        before = len(self.chrome.commands)
        self.chrome.run(context.close())
        self.assertEqual(self.sent(before), ["Target.disposeBrowserContext"])
