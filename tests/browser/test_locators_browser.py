"""Locators in a real browser: what they find, in documents, shadow trees and frames, and what they read there."""

from __future__ import annotations

from tests.browser.support import SharedBrowserTestCase
from txcdp.errors import ActionTimeout, SelectorError, StrictModeViolation


class Finding(SharedBrowserTestCase):
    """What is found."""

    async def test_a_locator_is_lazy_and_waits(self):
        tab = await self.page()
        title = tab.locator("h1")
        reading = title.text_content()
        await tab.set_content("<h1>Title</h1>")
        self.assertEqual(await reading, "Title")

    async def test_a_locator_is_strict(self):
        tab = await self.page()
        await tab.set_content("<p id=one>first</p><p>second</p>")
        error = await self.fails(tab.locator("p").text_content(), StrictModeViolation)
        self.assertEqual(error.count, 2)
        self.assertIn("locator('p') resolved to 2 elements", str(error))
        self.assertIn('1) <p id="one">first</p> aka get_by_text("first")', str(error))

    async def test_the_deadline_says_what_was_waited_for(self):
        tab = await self.page()
        none = tab.locator("#none")
        self.assertEqual(await none.count(), 0)
        error = await self.fails(none.text_content(timeout=3), ActionTimeout)
        self.assertIn("locator('#none').text_content: not within 3 s; no element is there", str(error))

    async def test_a_malformed_selector(self):
        tab = await self.page()
        await self.fails(tab.locator("div[").count(), SelectorError)
