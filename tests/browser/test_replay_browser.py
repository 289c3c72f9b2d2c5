"""A program in a real browser, and the same one from what was recorded of it."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from twisted.internet import reactor as _reactor
from twisted.internet.task import Clock

from tests.browser.recorded_run import URL, errors_of, record
from tests.browser.support import BrowserTestCase
from txcdp.domains import page as cdp_page
from txcdp.page import Frame
from txcdp.protocol import from_json, to_json
from txcdp.recording import EventEntry, JsonLines, Recorder, replay
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


def tree_of(frame: Frame) -> Any:
    """Return a frame with those in it; nobody tells where among others one is that has a process of its own."""
    return frame.url, frame.name, sorted(tree_of(each) for each in frame.child_frames)


def plain(result: Any) -> Any:
    assert isinstance(result, cdp_page.GetFrameTreeResult), result
    return from_json(to_json(result))


def marked(text: str) -> Any:
    """Return a function that finds where a page has written a text to its console."""

    def finds(entry: Any) -> bool:
        return (
            isinstance(entry, EventEntry)
            and entry.method == "Runtime.consoleAPICalled"
            and entry.params["args"][0].get("value") == text
        )

    return finds


class RecordedFramesTests(BrowserTestCase):
    async def test_a_page_that_is_recorded_from_the_middle_of_its_life_has_its_frames(self) -> None:
        server = self.server
        server.page("/far", "<title>far</title>")
        server.page("/deep", "<title>deep</title>")
        server.page("/near", "<iframe name=deep src=/deep></iframe>")
        far = server.url("/far", "localhost")
        url = server.page("/", f"<iframe name=near src=/near></iframe><iframe name=far src='{far}'></iframe>")
        other = server.page("/other", "<title>other</title>")
        browser = await self.launch(args=["--site-per-process"])
        page = await browser.new_page()
        await page.goto(url + "#part")
        for frame in page.frames:
            await frame.wait_for_load_state()
        folder = Path(self.mktemp())
        recorder = Recorder(browser, JsonLines(folder))
        await recorder.start()
        for frame in page.frames:  # what was asked before this is answered before this
            await frame.evaluate("1")

        live = []
        for mark in ("first", "second"):
            if mark == "second":
                near = page.frame(name="near")
                assert near is not None
                await near.goto(other)
            await page.evaluate("text => console.log(text)", mark)
            answer = await page.session.execute(cdp_page.get_frame_tree())
            live.append((mark, tree_of(page.main_frame), plain(answer)))
        await recorder.stop()
        self.assertEqual({each.name for each in page.frames}, {"", "near", "far"})
        self.assertEqual(
            live[0][1],
            (
                url + "#part",
                "",
                sorted([(server.url("/near"), "near", [(server.url("/deep"), "deep", [])]), (far, "far", [])]),
            ),
        )

        played = replay(folder, clock=Clock(), speed="instant")
        for mark, tree, expected in live:
            self.assertIsNotNone(self.successResultOf(played.play(until=marked(mark))))
            again = next(each for each in played.browser.pages if each.target_id == page.target_id)
            self.assertEqual(tree_of(again.main_frame), tree)
            self.assertEqual(again.main_frame.url, url + "#part")
            answers: list[Any] = []
            again.session.execute(cdp_page.get_frame_tree()).addBoth(answers.append)
            played.play(until=played.time)
            self.assertEqual([plain(each) for each in answers], [expected])
            self.assertIsNotNone(again.frame(name="far"))
        played.close()
