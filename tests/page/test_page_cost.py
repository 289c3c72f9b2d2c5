"""What a page costs: which commands it takes to open, use and close one, and in how many steps."""

from __future__ import annotations

from twisted.trial.unittest import SynchronousTestCase

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
            "Page.enable",
            "Page.addScriptToEvaluateOnNewDocument",
            "Page.setLifecycleEventsEnabled",
            "Target.setAutoAttach",
        ]
        self.assertEqual(sorted(self.sent(before)), sorted(expected))

    def test_the_first_navigation(self):
        context = self.chrome.run(self.browser.new_context())
        page = self.chrome.run(context.new_page())
        before = len(self.chrome.commands)
        self.chrome.run(page.goto(URL))
        self.assertEqual(self.sent(before), ["Network.enable", "Page.navigate"])

    def test_further_navigations_wait_for_nothing(self):
        page = self.chrome.run(self.browser.new_page(URL))
        before = len(self.chrome.commands)
        going = page.goto(f"{URL}more")
        self.assertEqual(self.sent(before), ["Page.navigate"])
        self.chrome.run(going)
        self.assertEqual(self.sent(before), ["Page.navigate"])

    def test_a_page_that_is_to_go_somewhere(self):
        """What its navigation would wait for is sent before the page is set up."""
        self.chrome.on("Page.setLifecycleEventsEnabled", NEVER)
        opening = self.browser.new_page(URL)
        self.chrome.flush()
        self.assertNoResult(opening)
        self.assertIn("Network.enable", self.sent(0))

    def test_closing(self):
        context = self.chrome.run(self.browser.new_context())
        self.chrome.run(context.new_page())
        before = len(self.chrome.commands)
        self.chrome.run(context.close())
        self.assertEqual(self.sent(before), ["Target.disposeBrowserContext"])
