"""A program in a real browser, and the same one from what was recorded of it."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from twisted.internet import reactor as _reactor
from twisted.internet.task import Clock

from tests.browser.recorded_run import URL, errors_of, record
from tests.browser.support import BrowserTestCase
from txcdp.recording import replay
from txcdp.testing import FakeChrome

reactor: Any = _reactor


class RecordedRunTests(BrowserTestCase):
    async def test_a_program_finds_the_same_live_replayed_and_from_its_recording(self) -> None:
        folder = Path(self.mktemp())
        found = await record(reactor, folder)
        self.assertIn("no price", found)

        chrome = FakeChrome.from_recording(folder, speed="instant")
        self.assertEqual(chrome.run(errors_of()(chrome.browser(), URL), seconds=30), found)

        seen: list[str] = []
        played = replay(folder, clock=Clock(), speed="instant")
        played.browser.console.filter(lambda each: each.type == "error").subscribe(lambda each: seen.append(each.text))
        played.browser.page_errors.subscribe(lambda each: seen.append(each.message))
        played.play()
        self.assertEqual(sorted(seen), found)
