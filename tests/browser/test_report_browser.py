"""Reports in a real Chromium: what is collected of pages, and the page that shows it, by txcdp's own locators."""

from __future__ import annotations

import json
import shutil
import tempfile
from base64 import b64decode
from collections.abc import Callable
from itertools import combinations, pairwise
from pathlib import Path
from typing import Any

from tests.browser.support import SharedBrowserTestCase
from tests.report.hostile import HOSTILE_TEXTS, hostile_run
from tests.report.large import large_run
from txcdp import expect
from txcdp._privacy import KEPT
from txcdp.cli._lines import Style
from txcdp.cli._recorded import Recorded, Wanted
from txcdp.page import Page
from txcdp.recording import JsonLines, Recorder
from txcdp.recording import read as read_entries
from txcdp.report import Run, RunPicture, collect, observe, read, write
from txcdp.streams import first

PAGE = """<!doctype html><title>A page</title><h1>Hello</h1><button>Press</button><iframe src="/frame"></iframe>
<script>
  console.warn("low", {battery: 11});
  document.cookie = "session=s3cr3t-cookie";
  const worker = new Worker("/worker.js");
  const headers = {authorization: "Bearer s3cr3t-token"};
  // Again until it is measured: of some tasks, such as the one that has made the document, the browser tells nothing.
  const busy = setInterval(() => {
    const began = performance.now();
    while (performance.now() - began < 120);
  }, 20);
  const measured = new PerformanceObserver(() => {
    clearInterval(busy);
    measured.disconnect();
    fetch("/data", {method: "POST", body: "a=1", headers}).then((data) => data.text()).then(() =>
      fetch("/missing")).then(() => {
      setTimeout(() => { throw new Error("nobody catches this") });
    });
  });
  measured.observe({type: "longtask"});
</script>"""

#: A picture of one pixel.
PNG = b64decode("iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAYAAAAfFcSJAAAADUlEQVR42mNk+M9QDwADhgGAWjR9awAAAABJRU5ErkJggg==")

#: The rectangles of elements, as [left, top, right, bottom].
RECTANGLES = """(selector) => [...document.querySelectorAll(selector)].filter((each) => each.getClientRects().length)
    .map((each) => { const at = each.getBoundingClientRect(); return [at.left, at.top, at.right, at.bottom]; })"""

#: What is drawn is there two frames after what was done.
PAINTED = "() => new Promise((done) => requestAnimationFrame(() => requestAnimationFrame(() => done(true))))"


class CollectTests(SharedBrowserTestCase):
    async def visited(self) -> Any:
        """Collect a page that does a bit of everything."""
        self.server.page("/", PAGE)
        self.server.page("/frame", "<!doctype html>a frame")
        self.server.page("/worker.js", "console.log('a worker')", content_type="text/javascript")
        self.server.page("/data", '{"token": "s3cr3t-data", "name": "ada"}', content_type="application/json")
        page = await self.page()
        async with await collect(page) as collection:
            thrown = first(page.page_errors)
            worked = first(page.console, lambda message: message.text == "a worker")
            told = page.session.events_raw("Runtime.bindingCalled")
            painted = first(told, lambda said: "largest-contentful-paint" in said["payload"])
            pressed = first(told, lambda said: "first-input" in said["payload"])
            shown = first(page.session.events_raw("Page.screencastFrame"))
            await page.goto(self.server.url("/"))
            for each in (thrown, worked, painted, shown):
                await each
            await page.locator("button").click()
            await pressed
            await page.network_idle()
            run = await collection.stop()
            self.assertIs(await collection.stop(), run)
        return run

    async def test_a_run_has_what_the_page_did(self):
        run = await self.visited()
        told = {(each.url.removeprefix(self.server.url("")), each.method, each.status) for each in run.exchanges}
        wanted = {("/", "GET", 200), ("/frame", "GET", 200), ("/data", "POST", 200), ("/missing", "GET", 404)}
        self.assertLessEqual(
            {(f"{path}", *rest) for path, *rest in wanted}, {(f"/{p.lstrip('/')}", *r) for p, *r in told}
        )
        (document,) = run.documents
        self.assertEqual((document.url, document.title, document.error), (self.server.url("/"), "A page", ""))
        self.assertLessEqual(document.started, document.content_loaded)
        self.assertLessEqual(document.content_loaded, document.loaded)
        self.assertEqual({each.kind for each in run.frames}, {"page", "frame", "worker"})
        levels = [(each.level, each.source) for each in run.messages]
        self.assertIn(("warning", "console"), levels)
        self.assertIn(("error", "exception"), levels)
        self.assertIn("a worker", [each.text for each in run.messages])
        self.assertIn("low {battery: 11}", [each.text for each in run.messages])
        data = next(each for each in run.exchanges if each.url.endswith("/data"))
        self.assertIn("ada", data.body.text)
        self.assertEqual(data.request_body.text, "a=1")
        self.assertEqual(data.document_id, document.id)

    async def test_all_of_it_is_on_one_clock(self):
        run = await self.visited()
        moments = [
            *(each.started for each in run.exchanges),
            *(each.ended for each in run.exchanges if each.ended),
            *(each.time for each in run.messages),
            *(each.started for each in run.long_tasks),
            *(each.time for each in run.pictures),
            run.documents[0].loaded,
        ]
        # Twenty milliseconds: what clocks of the browser round, and what the machine's is steered by.
        self.assertGreaterEqual(min(moments), run.started - 0.02)
        self.assertLessEqual(max(moments), run.ended + 0.02)
        thrown = next(each for each in run.messages if each.source == "exception")
        missing = next(each for each in run.exchanges if each.url.endswith("/missing"))
        self.assertGreaterEqual(thrown.time, missing.responded - 0.02)

    async def test_vitals_long_tasks_and_pictures_are_there(self):
        run = await self.visited()
        vitals = run.documents[0].vitals
        self.assertGreater(vitals.fcp, 0)
        self.assertGreaterEqual(vitals.lcp, vitals.fcp)
        self.assertGreater(vitals.ttfb, 0)
        self.assertGreaterEqual(vitals.inp, 0.008)  # what browsers round to
        self.assertEqual(vitals.interactions, 1)
        self.assertGreaterEqual(max(each.duration for each in run.long_tasks), 0.1)
        self.assertTrue(run.pictures)
        self.assertEqual(run.missing, [])

    async def test_a_page_that_nobody_has_pressed_has_no_inp(self):
        page = await self.page()
        collection = await collect(page, pictures=False, bodies=False)
        await page.goto(self.server.page("/", "<!doctype html><h1>Hello</h1>"))
        run: Any = await collection.stop()
        self.assertIsNone(run.documents[0].vitals.inp)
        self.assertFalse(run.pictures)
        self.assertFalse([each for each in run.exchanges if each.body])

    async def test_the_page_sees_nothing_of_it(self):
        page = await self.page()
        collection = await collect(page)
        await page.goto(self.server.page("/", "<!doctype html><h1>Hello</h1>"))
        self.assertEqual(await page.evaluate("() => Object.keys(globalThis).filter((each) => /txcdp/i.test(each))"), [])
        self.assertEqual(await page.evaluate("() => typeof txcdpReport"), "undefined")
        await collection.stop()

    async def test_a_page_that_cannot_be_reached_says_why(self):
        page = await self.page()
        collection = await collect(page)
        await self.fails(page.goto("http://127.0.0.1:1/"), Exception)
        run = await collection.stop()
        self.assertIn("ERR_", run.exchanges[0].failure)


class ReportTests(SharedBrowserTestCase):
    def setUp(self) -> None:
        super().setUp()
        self.folder = Path(tempfile.mkdtemp(prefix="txcdp-report-"))
        self.addCleanup(shutil.rmtree, self.folder, ignore_errors=True)

    async def opened(self, *runs: Run, width: int = 1280, scheme: Any = "light", **options: Any) -> Page:
        """Write the report of runs, and open it from the disk."""
        path = write(self.folder / "report.html", *runs, **options)
        context = await self.context(viewport={"width": width, "height": 900}, color_scheme=scheme)
        page = await context.new_page()
        self.errors: list[Any] = []
        page.page_errors.subscribe(self.errors.append)
        self.requests: list[str] = []
        page.requests.subscribe(lambda request: self.requests.append(request.url))
        await page.goto(path.as_uri())
        await page.evaluate(PAINTED)
        return page

    async def test_what_is_in_a_run_is_on_the_page(self):
        page = await self.opened(large_run(300, 50))
        await expect(page.get_by_role("heading", level=1)).to_have_text("A large page")
        await expect(page.locator(".vitals .value").nth(0)).to_have_text("1.90 s")
        grid = page.get_by_role("grid", name="Requests")
        await expect(grid).to_have_attribute("aria-rowcount", "301")
        await expect(page.get_by_role("grid", name="Console")).to_have_attribute("aria-rowcount", "51")
        await expect(page.get_by_role("grid", name="Frames and workers")).to_have_attribute("aria-rowcount", "41")
        self.assertLess(await grid.get_by_role("row").count(), 60)  # those that are seen, and a few more
        self.assertEqual(self.errors, [])
        self.assertEqual([each for each in self.requests if not each.startswith(("file:", "data:"))], [])

    async def test_requests_are_filtered_sorted_and_shown_in_full(self):
        run = large_run(300, 50)
        fonts = [each for each in run.exchanges if each.type == "Font"]
        found = [
            each for each in run.exchanges if "cdn.example.com" in each.url and "webp" not in each.url + each.mime_type
        ]
        page = await self.opened(run)
        grid = page.get_by_role("grid", name="Requests")
        rows = grid.locator(".rows-body .row")
        count = page.locator("#requests .count")
        chip = page.get_by_role("group", name="Types").get_by_role("button", name="Font")
        await chip.click()
        await expect(count).to_have_text(f"{len(fonts)} of 300")
        await expect(grid).to_have_attribute("aria-rowcount", str(len(fonts) + 1))
        self.assertEqual(set(await rows.locator(".cell-type").all_inner_texts()), {"font"})
        await chip.click()
        await expect(count).to_have_text("300")
        await page.get_by_role("searchbox", name="Filter by URL").fill("cdn.example.com -webp")
        await expect(count).to_have_text(f"{len(found)} of 300")
        for text in await rows.locator(".cell-name").all_inner_texts():
            self.assertIn("cdn.example.com", text)
        heading = grid.get_by_role("columnheader", name="Size")
        await heading.get_by_role("button").click()
        await expect(heading).to_have_attribute("aria-sort", "ascending")
        largest = max(found, key=lambda each: each.transferred or 0)
        await rows.nth(0).click()
        details = page.get_by_role("complementary", name="Details")
        await expect(details).to_contain_text("Response headers (10)")
        await expect(details).to_contain_text(largest.url)

    async def test_all_of_it_can_be_done_on_the_keyboard(self):
        page = await self.opened(large_run(300, 50))
        grid = page.get_by_role("grid", name="Requests")
        await grid.focus()
        for key in ("End", "ArrowUp", "Enter"):
            await page.keyboard.press(key)
        details = page.get_by_role("complementary", name="Details")
        await expect(details).to_be_visible()
        active = await grid.get_attribute("aria-activedescendant")
        await expect(page.locator(f"#{active}")).to_have_attribute("aria-rowindex", "300")
        await expect(page.locator(f"#{active}")).to_be_visible()
        await page.keyboard.press("Escape")
        await expect(details).to_be_hidden()
        await expect(grid).to_be_focused()
        await page.evaluate(PAINTED)
        before = await page.locator(".tick").all_inner_texts()
        await page.keyboard.press("+")
        await expect(page.locator(".window")).to_be_visible()
        self.assertNotEqual(await page.locator(".tick").all_inner_texts(), before)
        await page.keyboard.press("0")
        await expect(page.locator(".window")).to_be_hidden()
        await page.evaluate(PAINTED)
        self.assertEqual(await page.locator(".tick").all_inner_texts(), before)

    async def test_a_hostile_run_runs_nothing(self):
        page = await self.opened(hostile_run())
        await expect(page.get_by_role("grid", name="Requests")).to_be_visible()
        rows = page.get_by_role("grid", name="Requests").locator(".rows-body .row")
        for number in range(len(HOSTILE_TEXTS)):
            await rows.nth(number).click()
        for name in ("Console", "Frames and workers"):
            await page.get_by_role("grid", name=name).locator(".rows-body .row").nth(1).click()
        self.assertIsNone(await page.evaluate("() => window.ran ?? null"))
        kinds = "object, embed, iframe, base, svg, link, form, [onload], [onerror], [srcdoc], a:not([href^='#'])"
        self.assertEqual(await page.locator(kinds).count(), 0)
        self.assertEqual(await page.locator("script").count(), 2)
        self.assertEqual(self.errors, [])
        self.assertEqual([each for each in self.requests if not each.startswith(("file:", "data:image/"))], [])

    async def test_the_policy_holds_against_the_page_itself(self):
        page = await self.opened(large_run(5, 5))
        tried = await page.evaluate("""() => {
            try { document.body.innerHTML = "<img src=x>"; return "set" } catch (error) { return error.name }
        }""")
        self.assertEqual(tried, "TypeError")
        refused = await page.evaluate("""() => new Promise((done) => {
            document.addEventListener("securitypolicyviolation", (event) => done(event.effectiveDirective));
            const image = new Image();
            image.src = "https://example.com/a.png";
        })""")
        self.assertEqual(refused, "img-src")

    async def test_two_runs_are_side_by_side_on_one_axis(self):
        page = await self.opened(large_run(60, 5), large_run(90, 5, seed=2), width=1600)
        await expect(page.get_by_role("heading", name="Comparison")).to_be_visible()
        await expect(page.get_by_role("row", name="Requests 60 90")).to_contain_text("+30")
        for letter, number in (("A", "61"), ("B", "91")):
            grid = page.get_by_role("grid", name=f"Requests of run {letter}")
            await expect(grid).to_have_attribute("aria-rowcount", number)
        left, right = await page.evaluate(RECTANGLES, "#requests .panel")
        self.assertEqual(left[1], right[1])
        self.assertLess(left[2], right[0])
        ticks = await page.locator("#requests .panel").nth(0).locator(".tick").all_inner_texts()
        self.assertEqual(await page.locator("#requests .panel").nth(1).locator(".tick").all_inner_texts(), ticks)
        await page.get_by_role("searchbox", name="Filter by URL").fill("nothing is like that")
        await expect(page.get_by_text("No request is like that.")).to_have_count(2)
        self.assertEqual(self.errors, [])

    async def test_the_layout_holds_at_three_widths_light_and_dark(self):
        """No parts lie on each other or stick out, what is along the axis is within it, and texts can be read."""
        run = large_run(120, 30)
        run.pictures = [RunPicture(time=run.started + each / 4, data=PNG) for each in range(12)]
        write(self.folder / "report.html", run)
        grounds = set()
        for width in (560, 1100, 1700):
            for scheme in ("light", "dark"):
                page = await self.opened(run, width=width, scheme=scheme)
                where = f"at {width}, {scheme}"
                await self._no_overlaps(page, width, where)
                await self._along_the_axis(page, where)
                grounds.add(
                    (scheme, await page.evaluate("() => getComputedStyle(document.documentElement).backgroundColor"))
                )
                await page.close()
        self.assertEqual(len(grounds), 2)  # one for each scheme

    async def _no_overlaps(self, page: Page, width: int, where: str) -> None:
        self.assertEqual(await page.evaluate("() => document.documentElement.scrollWidth"), width, where)
        rectangles = await page.evaluate(RECTANGLES, "main > *")
        for above, below in pairwise(rectangles):
            self.assertLessEqual(above[3], below[1], where)
        for left, _, right, _ in rectangles:
            self.assertGreaterEqual(left, 0, where)
            self.assertLessEqual(right, width, where)
        for selector in (".tiles.vitals > .tile", ".tiles:not(.vitals) > .tile", ".lane", ".toolbar > *", ".chip"):
            found = await page.evaluate(RECTANGLES, selector)
            self.assertTrue(found, selector)
            for one, other in combinations(found, 2):
                apart = (
                    one[2] <= other[0] + 1 or other[2] <= one[0] + 1 or one[3] <= other[1] + 1 or other[3] <= one[1] + 1
                )
                self.assertTrue(apart, f"{selector} {where}: {one} {other}")
        names = await page.evaluate(RECTANGLES, ".sizes tbody th")
        self.assertTrue(names)
        self.assertGreater(min(right - left for left, _, right, _ in names), 100, where)
        # Cells of a row, one beside the other; the columns of all rows are below each other.
        columns = set()
        for number in range(3):
            row = f".along:not(.frames) .rows-block:first-child > .row:nth-child({number + 1}) > .gutter > .cell"
            cells = await page.evaluate(RECTANGLES, row)
            for one, other in pairwise(cells):
                self.assertLessEqual(one[2], other[0] + 0.5, where)
            columns.add(tuple(round(each[0], 1) for each in cells))
        self.assertEqual(len(columns), 1, where)

    async def _along_the_axis(self, page: Page, where: str) -> None:
        (axis,) = await page.evaluate(RECTANGLES, ".lane-axis .lane-time")
        drawn = (".along .bar", ".task", ".lane .mark", ".lane canvas", ".tick", ".moment", ".along .cell-bars")
        for selector in drawn:
            found = await page.evaluate(RECTANGLES, selector)
            self.assertTrue(found, selector)
            for left, _, right, _ in found:
                self.assertGreaterEqual(left, axis[0] - 1, f"{selector} {where}")
                self.assertLessEqual(right, axis[2] + 5, f"{selector} {where}")  # a mark is seven pixels wide
        for left, _, right, _ in await page.evaluate(RECTANGLES, ".along .bar"):
            self.assertLessEqual(right, axis[2] + 0.5, where)
            self.assertGreaterEqual(left, axis[0], where)
        for one, other in pairwise(await page.evaluate(RECTANGLES, ".picture")):
            self.assertLess(one[2], other[0], where)
        # A request's bar begins where the axis says that its time is.
        began, place = await page.evaluate("""() => {
            const cell = document.querySelectorAll(".along:not(.frames) .rows-body .cell-bars")[8];
            const bar = cell.querySelector(".bar").getBoundingClientRect();
            return [cell.getAttribute("aria-label"), bar.left];
        }""")
        self.assertTrue(began.startswith("from 160 ms"), began)
        total = 120 / 50 + 1
        self.assertLess(abs(place - axis[0] - 1 - (axis[2] - axis[0] - 1) * 0.16 / total), 1.5)

    async def test_bars_follow_the_zoom(self):
        page = await self.opened(large_run(120, 30))
        (axis,) = await page.evaluate(RECTANGLES, ".lane-axis .lane-time")
        middle = (axis[0] + axis[2]) / 2
        top = (await page.evaluate(RECTANGLES, ".along .rows-body"))[0][1] + 20
        await page.mouse.move(axis[0] + 2, top)
        await page.mouse.down()
        await page.mouse.move(middle, top, steps=4)
        await expect(page.locator(".brush").nth(1)).to_be_visible()
        await page.mouse.up()
        await expect(page.locator(".window")).to_be_visible()
        await page.evaluate(PAINTED)
        (window,) = await page.evaluate(RECTANGLES, ".window")
        self.assertLess(abs(window[2] - middle), 4)
        await expect(page.get_by_role("complementary", name="Details")).to_be_hidden()  # it was no click
        await self._along_the_axis_when_zoomed(page, axis)
        await page.get_by_role("button", name="Show all of the time").click()
        await expect(page.locator(".window")).to_be_hidden()

    async def _along_the_axis_when_zoomed(self, page: Page, axis: list[float]) -> None:
        for left, _, right, _ in await page.evaluate(RECTANGLES, ".along .bar"):
            self.assertGreaterEqual(left, axis[0] - 0.5)
            self.assertLessEqual(right, axis[2] + 0.5)


HOSTILE_PAGE = """<!doctype html><title>TITLE</title><body><script>
  const texts = TEXTS;
  document.title = texts[0];
  for (const text of texts) {
    console.log(text); console.error({[text]: text}); console.group(text); console.groupEnd();
    setTimeout(() => { throw new Error(text) });
    const headers = {"x-said": encodeURIComponent(text)};
    fetch("/echo?" + encodeURIComponent(text), {method: "POST", body: text, headers});
    const frame = document.createElement("iframe");
    frame.name = text; frame.srcdoc = "a frame"; document.body.append(frame);
    const element = document.createElement("p");
    try { element.id = text; element.className = text; } catch {}
    element.textContent = text; document.body.append(element);
  }
  history.replaceState(null, "", "/?" + encodeURIComponent(texts[1]) + "#" + texts[0]);
</script>"""


class HostilePageTests(SharedBrowserTestCase):
    async def test_a_hostile_page_runs_nothing_in_its_report(self):
        """Live, from a recording, and from HAR: whatever a page sets, its report runs nothing and asks for nothing."""
        folder = Path(tempfile.mkdtemp(prefix="txcdp-report-"))
        self.addCleanup(shutil.rmtree, folder, ignore_errors=True)
        given = json.dumps(HOSTILE_TEXTS).replace("<", "\\u003c")
        self.server.page("/", HOSTILE_PAGE.replace("TEXTS", given))
        self.server.page("/echo", HOSTILE_TEXTS[1])
        browser = await self.borrowed()
        recorder = Recorder(browser, JsonLines(folder / "recording"))
        await recorder.start()
        page = await self.page()
        collection = await collect(page)
        recording = await page.record_har(folder / "page.har")
        await page.goto(self.server.url("/"))
        await page.network_idle()
        await recording.stop()
        live = await collection.stop()
        await recorder.stop()
        self.assertEqual(live.documents[0].title, HOSTILE_TEXTS[0])
        self.assertGreater(len(live.messages), 3 * len(HOSTILE_TEXTS))
        for run in (live, read(folder / "recording"), read(folder / "page.har")):
            self.assertGreaterEqual(len(run.exchanges), len(HOSTILE_TEXTS), run.source)
            await self._opened(write(folder / "report.html", run))
        self._told_in_lines(folder / "recording")

    def _told_in_lines(self, folder: Path) -> None:
        """See that a terminal is told nothing that it would obey, nor a line that is not ours."""
        recorded, lines = Recorded(Wanted(), verbose=True), 0
        for entry in read_entries(folder):
            for _, line in recorded.hear(entry):
                for text in Style(None, False).render(0.0, line).split("\n"):
                    lines += 1
                    self.assertTrue(all(each.isprintable() or each in KEPT for each in text), repr(text))
        self.assertGreater(lines, len(HOSTILE_TEXTS))

    async def _opened(self, path: Path) -> None:
        page = await self.page()
        errors: list[Any] = []
        page.page_errors.subscribe(errors.append)
        requests: list[str] = []
        page.requests.subscribe(lambda request: requests.append(request.url))
        await page.goto(path.as_uri())
        await page.evaluate(PAINTED)
        rows = page.get_by_role("grid", name="Requests").locator(".rows-body .row")
        for number in range(0, await rows.count(), 5):
            await rows.nth(number).click()
        self.assertEqual(
            await page.locator("iframe, object, embed, svg, p[id^='<'], script:not([id]) ~ script").count(), 0
        )
        self.assertIsNone(await page.evaluate("() => window.ran ?? null"))
        self.assertEqual(errors, [])
        self.assertEqual([each for each in requests if not each.startswith(("file:", "data:image/"))], [])


def shown_after(asked: list[float], place: int) -> Callable[[dict[str, Any]], bool]:
    """Return what tells whether a picture was shown after what was asked for in some place of a list."""
    return lambda said: len(asked) > place and said["metadata"]["timestamp"] > asked[place]


class RecordingTests(SharedBrowserTestCase):
    async def test_a_recording_of_observed_pages_has_what_the_live_page_had(self):
        """Also after the page has got another process, and what is observed stops when it is told to."""
        folder = Path(tempfile.mkdtemp(prefix="txcdp-report-"))
        self.addCleanup(shutil.rmtree, folder, ignore_errors=True)
        self.server.page("/one", "<!doctype html><title>One</title><h1>One</h1>")
        self.server.page("/two", "<!doctype html><title>Two</title><h1>Two</h1>")
        browser = await self.borrowed()
        recorder = Recorder(browser, JsonLines(folder))
        await recorder.start()
        page = await self.page()
        async with await observe(page):
            asked = [0.0]
            page.session.events_raw("Network.requestWillBeSent").subscribe(lambda said: asked.append(said["wallTime"]))
            for url in (self.server.url("/one"), self.server.url("/two", "localhost")):
                shown = first(page.session.events_raw("Page.screencastFrame"), shown_after(asked, len(asked)))
                painted = first(
                    page.session.events_raw("Runtime.bindingCalled"),
                    lambda said: "largest-contentful" in said["payload"],
                )
                await page.goto(url)
                await shown
                await painted
        await recorder.stop()
        run = read(folder)
        self.assertEqual([each.title for each in run.documents], ["One", "Two"])
        for document in run.documents:
            assert document.vitals is not None
            self.assertGreater(document.vitals.lcp or 0, 0)
        after = run.documents[1].started
        self.assertTrue([each for each in run.pictures if each.time > after])
        self.assertNotIn("pictures", " ".join(run.missing))
