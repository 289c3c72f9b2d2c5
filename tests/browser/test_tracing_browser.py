"""Traces, coverage, counts, heaps, videos and the accessibility tree of real pages."""

from __future__ import annotations

import gzip
import json
import sys
from pathlib import Path
from typing import Any

from twisted.internet.defer import CancelledError

from tests.browser.support import SharedBrowserTestCase
from txcdp.errors import AlreadyRunning, ExecutableNotFound, NotRunning, VideoError
from txcdp.page import Page, ScreencastFile
from txcdp.page._videos import size_of
from txcdp.streams import first

SCRIPT = "function used(x) { if (x) { return 1 } else { return 2 } }\nfunction unused() {}\nused(1)"
STYLE = "h1 { color: red }\n.unused { color: blue }\n"

#: Stands for ffmpeg: it keeps what it is given.
PROGRAM = (
    f"#!{sys.executable}\nimport sys\nopen(sys.argv[-1], 'wb').write(sys.stdin.buffer.read())\n"
    "open(sys.argv[0] + '.said', 'w').write(' '.join(sys.argv))\n"
)
#: The same, as one that is too old, or was built without a codec.
BROKEN = f"#!{sys.executable}\nimport sys\nsys.exit('Unknown encoder: libvpx')\n"


def program(path: Path, text: str) -> str:
    path.write_text(text)
    path.chmod(0o755)
    return str(path)


def made(path: str) -> Path:
    folder = Path(path)
    folder.mkdir()
    return folder


def content_of(path: Path) -> bytes:
    return path.read_bytes()


def names_in(folder: Path) -> list[str]:
    return sorted(each.name for each in folder.iterdir())


class TracingTests(SharedBrowserTestCase):
    async def test_to_a_file_and_in_memory(self):
        folder = Path(self.mktemp())
        tab = await self.page()
        url = self.server.page("/traced", "<h1>traced")
        await tab.tracing.start(folder / "new" / "trace.json", screenshots=True)
        await self.fails(tab.tracing.start(), AlreadyRunning)
        other = await self.page()
        error = await self.fails(other.tracing.start(), AlreadyRunning)
        self.assertIn("one at a time", str(error))
        await tab.goto(url)
        self.assertIsNone(await tab.tracing.stop())
        events = json.loads(content_of(folder / "new" / "trace.json"))["traceEvents"]
        self.assertIn("TracingStartedInBrowser", {each["name"] for each in events})
        self.assertTrue(any(url in json.dumps(each) for each in events))
        self.assertEqual(names_in(folder / "new"), ["trace.json"])
        await self.fails(tab.tracing.stop(), NotRunning)
        await tab.tracing.start(folder / "trace.json.gz", categories=["-*", "blink.user_timing"])
        await tab.evaluate("performance.mark('here')")
        await tab.tracing.stop()
        events = json.loads(gzip.decompress(content_of(folder / "trace.json.gz")))["traceEvents"]
        self.assertIn("here", {each["name"] for each in events})
        self.assertNotIn("RunTask", {each["name"] for each in events})
        await tab.tracing.start(compress=True)
        self.assertIn("traceEvents", json.loads(gzip.decompress((await tab.tracing.stop()) or b"")))

    async def test_of_the_browser(self):
        path = Path(self.mktemp()) / "trace.json"
        browser = await self.borrowed()
        await self.fails(browser.stop_tracing(), NotRunning)
        await browser.start_tracing(path=path, categories=["blink.user_timing"])
        await self.fails(browser.start_tracing(), AlreadyRunning)
        self.assertEqual(await browser.stop_tracing(), content_of(path))
        tab = await self.page()
        await browser.start_tracing(tab, categories=["blink.user_timing"])
        self.assertIn(b"traceEvents", await browser.stop_tracing())

    async def test_what_is_cancelled_or_ends_leaves_none_behind(self):
        folder = made(self.mktemp())
        tab = await self.page()
        starting = tab.tracing.start()
        starting.cancel()
        await self.fails(starting, CancelledError)
        await tab.tracing.start(folder / "cancelled.json")
        stopping = tab.tracing.stop()
        stopping.cancel()
        await self.fails(stopping, CancelledError)
        await tab.evaluate("0")
        await tab.tracing.start(folder / "a folder")
        made(str(folder / "a folder"))
        await self.fails(tab.tracing.stop(), OSError)
        self.assertEqual(names_in(folder), ["a folder"])
        await tab.tracing.start(folder / "closed.json")
        await tab.close()
        await self.fails(tab.tracing.stop(), NotRunning)
        other = await self.page()
        await other.tracing.start(categories=["blink.user_timing"])  # the browser has ended the others
        await other.tracing.stop()


class CoverageTests(SharedBrowserTestCase):
    def setUp(self) -> None:
        super().setUp()
        self.server.page("/a.js", SCRIPT, content_type="text/javascript")
        self.server.page("/a.css", STYLE, content_type="text/css")
        html = "<link rel=stylesheet href=/a.css><h1>covered</h1><script src=/a.js></script>"
        self.url = self.server.page("/covered", html)
        self.elsewhere = self.url.replace("127.0.0.1", "localhost")

    def used(self, entry: Any) -> list[str]:
        return [entry["text"][each["start"] : each["end"]] for each in entry["ranges"]]

    async def test_scripts(self):
        tab = await self.page()
        await tab.coverage.start_js_coverage()
        await self.fails(tab.coverage.start_js_coverage(), AlreadyRunning)
        await tab.goto(self.url)
        (entry,) = await tab.coverage.stop_js_coverage()
        self.assertEqual((entry["url"], entry["text"]), (self.server.url("/a.js"), SCRIPT))
        self.assertEqual(self.used(entry), ["function used(x) { if (x) { return 1 }", " }\n", "\nused(1)"])
        self.assertNotIn("raw_script_coverage", entry)
        await self.fails(tab.coverage.stop_js_coverage(), NotRunning)

    async def test_functions_and_scripts_without_a_url(self):
        tab = await self.page()
        await tab.coverage.start_js_coverage(
            use_block_coverage=False, include_raw_script_coverage=True, report_anonymous_scripts=True
        )
        await tab.goto(self.url)
        evaluated = "() => { used(1); used(0) }"
        await tab.evaluate(evaluated)
        await tab.title()
        entries = await tab.coverage.stop_js_coverage()
        (entry,) = (each for each in entries if each["url"].endswith("/a.js"))
        self.assertEqual(self.used(entry), [SCRIPT.splitlines()[0] + "\n", "\nused(1)"])
        counts = {each.function_name: each.ranges[0].count for each in entry["raw_script_coverage"].functions}
        self.assertEqual(counts, {"": 1, "used": 3, "unused": 0})
        anonymous = [each["text"] for each in entries if each["url"].startswith("debugger:")]
        self.assertEqual(anonymous, [evaluated])
        await tab.coverage.start_js_coverage(report_anonymous_scripts=True)
        await tab.evaluate("eval('function made() {} made()')")
        inner = [each for each in await tab.coverage.stop_js_coverage() if each["text"] == "function made() {} made()"]
        self.assertEqual([each["url"].startswith("debugger://VM") for each in inner], [True])

    async def test_styles(self):
        tab = await self.page()
        await tab.coverage.start_css_coverage()
        await tab.goto(self.url)
        await tab.evaluate("document.body.offsetHeight")
        (entry,) = await tab.coverage.stop_css_coverage()
        self.assertEqual((entry["url"], entry["text"]), (self.server.url("/a.css"), STYLE))
        self.assertEqual(self.used(entry), ["h1 { color: red }"])

    async def test_documents_that_were_left(self):
        tab = await self.page()
        await tab.coverage.start_js_coverage(reset_on_navigation=False)
        await tab.coverage.start_css_coverage(reset_on_navigation=False)
        await tab.goto(self.url)
        await tab.goto(f"{self.url}#part")
        await tab.evaluate("used(0)")
        await tab.goto(self.server.page("/other"))
        scripts, styles = await tab.coverage.stop_js_coverage(), await tab.coverage.stop_css_coverage()
        self.assertEqual([each["url"] for each in scripts], [self.server.url("/a.js")])
        self.assertEqual(self.used(scripts[0]), [SCRIPT.splitlines()[0] + "\n", "\nused(1)"])
        self.assertEqual([each["url"] for each in styles], [self.server.url("/a.css")])
        self.assertEqual(self.used(styles[0]), ["h1 { color: red }"])
        await tab.evaluate("0")
        self.assertEqual(tab._navigator.leaving, [])

    async def test_navigations_and_frames_of_other_sites(self):
        tab = await self.page()
        await tab.coverage.start_js_coverage()
        await tab.coverage.start_css_coverage(reset_on_navigation=False)
        await tab.goto(self.elsewhere)
        await tab.goto(self.server.page("/outer", f"<iframe src='{self.elsewhere}'></iframe>"))
        scripts, styles = await tab.coverage.stop_js_coverage(), await tab.coverage.stop_css_coverage()
        self.assertEqual([each["url"] for each in scripts], [self.elsewhere.replace("/covered", "/a.js")])
        self.assertEqual({each["url"] for each in styles}, {self.elsewhere.replace("/covered", "/a.css")})

    async def test_what_is_cancelled_leaves_no_session_behind(self):
        tab = await self.page()
        before = self.browser.connection.sessions
        starting = tab.coverage.start_js_coverage()
        starting.cancel()
        await self.fails(starting, CancelledError)
        await tab.coverage.start_js_coverage()
        await tab.coverage.stop_js_coverage()
        await tab.evaluate("0")
        self.assertEqual(self.browser.connection.sessions, before)


class MeasuresTests(SharedBrowserTestCase):
    async def test_counts(self):
        tab = await self.page()
        before = await tab.metrics()
        await tab.set_content("<p>" * 50)
        after = await tab.metrics()
        self.assertGreaterEqual(after["Nodes"], before["Nodes"] + 50)
        self.assertGreater(after["JSHeapUsedSize"], 0)

    async def test_heap(self):
        folder = Path(self.mktemp())
        tab = await self.page()
        await tab.evaluate("() => { window.kept = ['a text that is kept \u00e9\U0001f600'] }")
        await tab.capture_heap_snapshot(folder / "page.heapsnapshot")
        snapshot = json.loads(content_of(folder / "page.heapsnapshot"))
        self.assertIn("node_fields", snapshot["snapshot"]["meta"])
        self.assertTrue(any("a text that is kept" in each for each in snapshot["strings"]))
        taking = tab.capture_heap_snapshot(folder / "cancelled.heapsnapshot")
        taking.cancel()
        await self.fails(taking, CancelledError)
        made(str(folder / "folder"))
        await self.fails(tab.capture_heap_snapshot(folder / "folder"), OSError)
        self.assertEqual(names_in(folder), ["folder", "page.heapsnapshot"])

    async def test_garbage(self):
        tab = await self.page()
        await tab.evaluate("() => { window.kept = {}; window.refs = [new WeakRef(kept), new WeakRef({})] }")
        await tab.request_gc()
        self.assertEqual(await tab.evaluate("refs.map(each => each.deref() !== undefined)"), [True, False])


class AccessibilityTests(SharedBrowserTestCase):
    async def test_a_form(self):
        tab = await self.page()
        await tab.set_content(
            "<title>Form</title><h1>Sign <b>in</b></h1><div><label>Name <input value=Ada required></label>"
            "<input type=checkbox checked aria-label=Stay><button disabled>Go</button></div>"
            "<select aria-label=Kind><option selected>a<option>b</select><div role=slider aria-valuenow=3"
            " aria-valuemin=1 aria-valuemax=9 aria-label=Size tabindex=0></div><div><div>text</div></div>"
        )
        tree = await tab.accessibility.snapshot()
        assert tree is not None
        self.assertEqual((tree["role"], tree["name"]), ("RootWebArea", "Form"))
        children = {each["role"]: each for each in tree["children"]}
        self.assertEqual(children["heading"], {"role": "heading", "name": "Sign in", "level": 1})
        self.assertEqual(children["textbox"], {"role": "textbox", "name": "Name", "value": "Ada", "required": True})
        self.assertEqual(children["checkbox"], {"role": "checkbox", "name": "Stay", "checked": True})
        self.assertEqual(children["button"], {"role": "button", "name": "Go", "disabled": True})
        slider = children["slider"]
        self.assertEqual((slider["name"], slider["valuemin"], slider["valuemax"]), ("Size", 1, 9))
        self.assertEqual(children["StaticText"]["name"], "text")
        button = await tab.query_selector("button")
        self.assertEqual(await tab.accessibility.snapshot(root=button), children["button"])
        self.assertIsNone(await tab.accessibility.snapshot(root=await tab.query_selector("div")))
        whole = await tab.accessibility.snapshot(root=await tab.query_selector("div"), interesting_only=False)
        self.assertIn("textbox", json.dumps(whole))

    async def test_popups_and_rich_text(self):
        tab = await self.page()
        await tab.set_content(
            "<button aria-haspopup=dialog>Open</button><div contenteditable role=textbox>one<b>two</b></div>"
            "<div contenteditable=plaintext-only role=textbox>three<b>four</b></div>"
        )
        tree = await tab.accessibility.snapshot()
        assert tree is not None
        button, rich, plain = tree["children"]
        self.assertEqual(button, {"role": "button", "name": "Open", "haspopup": "dialog"})
        self.assertEqual([each["name"] for each in rich["children"]], ["one", "two"])
        self.assertNotIn("children", plain)

    async def test_what_is_deeper_than_python_calls(self):
        tab = await self.page()
        await tab.evaluate(
            "() => { let at = document.body;"
            " for (let i = 0; i < 1500; i++) at = at.appendChild(document.createElement('p'));"
            " at.innerHTML = '<button>deep</button>' }"
        )
        tree = await tab.accessibility.snapshot()
        assert tree is not None
        self.assertEqual(tree["children"], [{"role": "button", "name": "deep"}])
        whole, depth = await tab.accessibility.snapshot(interesting_only=False), 0
        while whole is not None and whole["role"] != "button":
            whole, depth = whole["children"][-1], depth + 1
        self.assertGreater(depth, 1500)


class Recorded:
    """A video as the stand-in for ffmpeg has kept it: when each picture is shown, in milliseconds, and its size."""

    def __init__(self, data: bytes) -> None:
        at = data.index(bytes.fromhex("1F43B675"))
        self.times: list[int] = []
        self.sizes: list[tuple[int, int]] = []
        while at < len(data):
            length = int.from_bytes(data[at + 4 : at + 12], "big") & ~(1 << 56)
            cluster = data[at + 12 : at + 12 + length]
            self.times.append(int.from_bytes(cluster[9:17], "big"))
            self.sizes.append(size_of(cluster[17 + 9 + 4 :]))
            at += 12 + length


class VideoTests(SharedBrowserTestCase):
    async def drawn(self, tab: Page, colour: str) -> None:
        """Have something else drawn, and wait until it is."""
        await tab.evaluate(
            "colour => { document.body.style.background = colour;"
            " return new Promise(done => requestAnimationFrame(() => requestAnimationFrame(done))) }",
            colour,
        )

    async def recorded(self, tab: Page, recording: ScreencastFile, before: object) -> object:
        """Wait until another picture than one has been recorded, and return it."""
        while recording._last is before:
            await tab.evaluate("0")
        return recording._last

    async def test_pictures_over_changes_of_process(self):
        folder = made(self.mktemp())
        stand_in = program(folder / "program", PROGRAM)
        tab = await self.page()
        url = self.server.page("/shown", "<body style='background: red'>")
        recording = await tab.save_screencast(folder / "new" / "video.webm", ffmpeg=stand_in)
        seen = first(tab.screencast(), timeout=60)  # the program's own, beside it
        picture = await self.recorded(tab, recording, None)
        await tab.goto(url)
        picture = await self.recorded(tab, recording, picture)
        await tab.goto(url.replace("127.0.0.1", "localhost"))
        await self.drawn(tab, "lime")
        await self.recorded(tab, recording, picture)
        await seen
        self.assertEqual(await recording.stop(), folder / "new" / "video.webm")
        self.assertEqual(await recording.stop(), folder / "new" / "video.webm")
        video = Recorded(content_of(recording.path))
        self.assertGreaterEqual(len(video.times), 3)
        self.assertEqual(video.times, sorted(set(video.times)))
        self.assertEqual(video.times[0], 0)
        self.assertEqual(video.sizes[-1], (1280, 720))
        self.assertIn(b"scale=1280:720:", content_of(folder / "program.said"))

    async def test_the_end_of_the_page_ends_it(self):
        folder = made(self.mktemp())
        tab = await self.page()
        shown = first(tab.screencast(), timeout=60)
        recording = await tab.save_screencast(folder / "video.gif", ffmpeg=program(folder / "program", PROGRAM))
        await self.drawn(tab, "red")
        await shown
        await recording._first.wait()
        await tab.close()
        await recording.stop()
        self.assertGreaterEqual(len(Recorded(content_of(folder / "video.gif")).times), 2)

    async def test_what_cannot_be(self):
        folder = made(self.mktemp())
        tab = await self.page()
        before = len(self.browser.connection.sessions)
        error = await self.fails(
            tab.save_screencast(folder / "video.webm", ffmpeg="no-such-program"), ExecutableNotFound
        )
        self.assertIn("apt install ffmpeg", str(error))
        await self.fails(tab.save_screencast(folder / "video.avi"), ValueError)
        await self.fails(tab.save_screencast(folder / "video.webm", quality=101), ValueError)
        recording = await tab.save_screencast(folder / "video.webm", ffmpeg=program(folder / "broken", BROKEN))
        await self.drawn(tab, "red")
        failed = await self.fails(recording.stop(), VideoError)
        self.assertIn("Unknown encoder", str(failed))
        self.assertEqual(names_in(folder), ["broken"])
        recording = await tab.save_screencast(folder / "video.webm", ffmpeg=program(folder / "program", PROGRAM))
        await recording._first.wait()
        stopping = recording.stop()
        stopping.cancel()
        await self.fails(stopping, CancelledError)
        await self.fails(recording.stop(), VideoError)
        self.assertEqual(names_in(folder), ["broken", "program"])
        await tab.evaluate("0")
        self.assertEqual(len(self.browser.connection.sessions), before)
