"""A real browser, recorded: pages, a worker, a frame of another site, a popup; in order, and from their start."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

from twisted.internet import reactor as _reactor
from twisted.internet.task import deferLater

import txcdp
from tests.browser.support import BrowserTestCase
from txcdp.recording import EventEntry, JsonLines, NoteEntry, Recorder, read

reactor: Any = _reactor


class RecordingTests(BrowserTestCase):
    async def test_all_of_a_browser(self) -> None:
        server = self.server
        server.page("/worker.js", "console.log('from the worker'); fetch('/data')", content_type="text/javascript")
        server.page("/data", "{}", content_type="application/json", set_cookie="sid=s3cret")
        server.page("/inner", "<script>console.log('from the frame')</script>")
        server.page("/popup", "<script>console.log('from the popup')</script>")
        frame = server.url("/inner", "localhost")
        one = server.page(
            "/one",
            f"<iframe src='{frame}'></iframe><script>console.log('from one'); new Worker('/worker.js');"
            "open('/popup')</script>",
        )
        two = server.page("/two", "<script>console.log('from two'); fetch('/data')</script>")
        folder = Path(self.mktemp())

        browser = await self.launch(args=["--disable-popup-blocking", "--site-per-process"])
        before = await browser.new_page()
        recorder = Recorder(browser, JsonLines(folder, compression="gzip", sync=1.0))
        await recorder.start()
        await before.goto(two)
        tab = await browser.new_page()
        await tab.goto(one)
        await self.until(lambda said: len(said) == 5, folder)
        await tab.close()
        await recorder.stop()
        self.assertIsNone(browser.connection.lost)

        entries = list(read(folder))
        self.assertEqual(recorder.stats.dropped, 0)
        times = [each.time for each in entries]
        self.assertEqual(times, sorted(times))
        said: dict[str, Any] = {text: each for each in entries if (text := self.said(each))}
        self.assertEqual(set(said), {"from one", "from two", "from the worker", "from the frame", "from the popup"})
        notes = [each for each in entries if isinstance(each, NoteEntry)]
        attached = {each.data["session"]: each.data for each in notes if each.kind == "attached"}
        kinds = {text: attached[each.session]["type"] for text, each in said.items()}
        self.assertEqual(kinds["from the worker"], "worker")
        self.assertEqual(kinds["from the frame"], "iframe")
        self.assertEqual(kinds["from the popup"], "page")
        for each in said.values():
            self.assertEqual(each.target, attached[each.session]["target"])
        self.assertEqual(said["from one"].session, tab.session.id)

        mine = [each for each in entries if isinstance(each, EventEntry) and each.session == tab.session.id]
        methods = [each.method for each in mine]
        for earlier, later in (
            ("Network.requestWillBeSent", "Network.responseReceived"),
            ("Network.responseReceived", "Page.frameNavigated"),
            ("Page.frameNavigated", "Runtime.consoleAPICalled"),
            ("Runtime.consoleAPICalled", "Page.loadEventFired"),
        ):
            self.assertLess(methods.index(earlier), methods.index(later), methods)
        gone = [each for each in notes if each.kind == "detached"]
        self.assertIn(tab.session.id, {each.data["session"] for each in gone})
        whole = b"".join(each.line for each in entries)
        self.assertIn(b"/data", whole)
        self.assertIn(b"et-cookie", whole.lower())
        self.assertNotIn(b"s3cret", whole)
        changed = [each.data["url"] for each in notes if each.kind == "changed"]
        self.assertIn(one, changed)

    def said(self, entry: Any) -> str:
        if isinstance(entry, EventEntry) and entry.method == "Runtime.consoleAPICalled":
            return str(entry.params["args"][0]["value"])
        return ""

    async def until(self, enough: Any, folder: Path) -> None:
        """Wait until what is on the disk is enough; it can be read while it is written."""
        while not enough({self.said(each) for each in read(folder)} - {""}):  # the test's own timeout ends this
            await deferLater(reactor, 0.1, lambda: None)

    async def test_a_browser_that_dies(self) -> None:
        folder = Path(self.mktemp())
        browser = await self.launch()
        recorder = Recorder(browser, JsonLines(folder))
        await recorder.start()
        await browser.new_page(self.server.page("/", "<p>hello"))
        assert browser.process is not None
        browser.process.kill()
        lost = await recorder.when_ended()
        self.assertIsInstance(lost, txcdp.ConnectionLost)
        *_, last = read(folder)
        assert isinstance(last, NoteEntry)
        self.assertEqual((last.kind, last.data["reason"]), ("end", "lost"))
        self.assertEqual([os.path.splitext(each)[1] for each in os.listdir(folder)], [".jsonl"])
