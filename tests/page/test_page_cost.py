"""What a page costs: which commands it takes to open, use and close one, and in how many steps."""

from __future__ import annotations

from twisted.trial.unittest import SynchronousTestCase

from txcdp.testing import FakeChrome

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
            "Page.enable",
            "Page.addScriptToEvaluateOnNewDocument",
            "Page.setLifecycleEventsEnabled",
            "Target.setAutoAttach",
            "Network.enable",
        ]
        self.assertEqual(sorted(self.sent(before)), sorted(expected))

    def test_the_first_navigation_waits_for_nothing(self):
        context = self.chrome.run(self.browser.new_context())
        page = self.chrome.run(context.new_page())
        before = len(self.chrome.commands)
        going = page.goto(URL)
        self.assertEqual(self.sent(before), ["Page.navigate"])
        self.chrome.run(going)
        self.assertEqual(self.sent(before), ["Page.navigate"])

    def test_closing(self):
        context = self.chrome.run(self.browser.new_context())
        self.chrome.run(context.new_page())
        before = len(self.chrome.commands)
        self.chrome.run(context.close())
        self.assertEqual(self.sent(before), ["Target.disposeBrowserContext"])
