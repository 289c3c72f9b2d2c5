"""Evaluation in frames, of the page's process and of others: values, handles, waits, functions and tags."""

from __future__ import annotations

from typing import Any

from tests.browser.support import BrowserTestCase, SharedBrowserTestCase
from txcdp.errors import EvaluationError, FrameRemoved, NavigationError
from txcdp.page import Page


class InFrames(BrowserTestCase):
    """What is tried in a page with a frame in it.

    :cvar host: of the frame's document, which decides about the process.
    """

    __test__ = False
    host = ""

    async def framed(self, tab: Page, body: str = "<title>inside</title><p id=p>text") -> Any:
        self.server.page("/inside", body)
        url = self.server.url("/inside", self.host)
        await tab.goto(self.server.page("/", f"<title>outside</title><iframe id=f src='{url}'></iframe>"))
        (frame,) = tab.main_frame.child_frames
        return frame

    async def test_values_and_handles(self):
        tab = await self.page()
        frame = await self.framed(tab)
        self.assertEqual(await frame.evaluate("a => [document.title, a]", {"x": 1}), ["inside", {"x": 1}])
        self.assertEqual(await tab.evaluate("document.title"), "outside")
        handle = await frame.evaluate_handle("() => ({list: [1, 2]})")
        self.assertEqual(await frame.evaluate("it => it.list", handle), [1, 2])
        self.assertEqual(await handle.evaluate("it => [it.list.length, document.title]"), [2, "inside"])
        error = await self.fails(tab.evaluate("it => it", handle), EvaluationError)
        self.assertIn("only in its own frame", str(error))
        p = await frame.query_selector("p")
        self.assertEqual(await p.text_content(), "text")
        self.assertEqual(len(await frame.query_selector_all("p, title")), 2)
        self.assertIs(await p.owner_frame(), frame)
        self.assertIsNone(await p.content_frame())

    async def test_where_the_console_was_listened_to_before(self):
        tab = await self.page()
        tab.console.subscribe(lambda message: None)
        frame = await self.framed(tab)
        self.assertEqual(await frame.evaluate("document.title", timeout=30), "inside")

    async def test_elements_and_their_frames(self):
        tab = await self.page()
        frame = await self.framed(tab)
        element = await tab.query_selector("#f")
        assert element is not None
        self.assertIs(await element.content_frame(), frame)
        self.assertIs(await element.owner_frame(), tab.main_frame)
        shown = await frame.frame_element()
        self.assertTrue(await tab.evaluate("([a, b]) => a === b", [element, shown]))
        await self.fails(tab.main_frame.frame_element(), ValueError)
        async with tab.popups.expect() as expected:
            await tab.evaluate("() => { window.other = open('about:blank') }")
        popup = await expected.value
        await popup.wait_for_load_state()
        async with tab.frame_detached.expect():
            await tab.evaluate("element => { other.document.body.append(element) }", element)
        self.assertIs(await element.owner_frame(), popup.main_frame)
        await self.fails(frame.frame_element(), FrameRemoved)

    async def test_where_elements_are(self):
        tab = await self.page()
        frame = await self.framed(
            tab, "<body style='margin: 0'><p id=p style='margin: 5px; width: 30px; height: 40px'>"
        )
        await tab.add_style_tag(content="body { margin: 100px } iframe { border: 3px solid }")
        element = await frame.query_selector("p")
        self.assertEqual(await element.bounding_box(), {"x": 108, "y": 108, "width": 30, "height": 40})
        self.assertEqual(await element.bounding_box(), await frame.locator("p").bounding_box())
        await tab.add_style_tag(content="body { zoom: 2 } iframe { transform: scale(.5); transform-origin: 0 0 }")
        zoomed = await element.bounding_box()
        self.assertEqual(zoomed, {"x": 208, "y": 208, "width": 30, "height": 40})
        self.assertEqual(zoomed, await frame.locator("p").bounding_box())
        await element.evaluate("element => { element.style.display = 'none' }")
        self.assertIsNone(await element.bounding_box())

    async def test_waiting(self):
        tab = await self.page()
        frame = await self.framed(tab)
        waiting = frame.wait_for_function("() => window.ready")
        await frame.evaluate("void setTimeout(() => { ready = 'now' }, 10)")
        self.assertEqual(await (await waiting).json_value(), "now")
        waiting = frame.wait_for_function("() => document.title === 'next' && window.done")
        await frame.goto(self.server.page("/next", "<title>next</title><script>done = 5</script>"))
        self.assertEqual(await (await waiting).json_value(), 5)
        waiting = frame.wait_for_function("() => false")
        await frame.evaluate("1")
        await tab.evaluate("document.querySelector('iframe').remove()")
        await self.fails(waiting, NavigationError)
        await self.fails(frame.evaluate("1"), NavigationError)

    async def test_functions_and_scripts(self):
        tab = await self.page()
        sources = []

        def note(source: dict[str, Any], *args: Any) -> int:
            sources.append((source["frame"], args))
            return len(args)

        await tab.expose_binding("note", note)
        await tab.add_init_script("window.early = note(1, 2)")
        frame = await self.framed(tab, "<script>seen = typeof note + typeof early</script>")
        self.assertEqual(await frame.evaluate("[seen]"), ["functionobject"])
        self.assertEqual(await frame.evaluate("early"), 2)
        self.assertEqual(await frame.evaluate("note('frame')"), 1)
        self.assertEqual(await tab.evaluate("note('page', 2)"), 2)
        self.assertEqual(sources[-2:], [(frame, ("frame",)), (tab.main_frame, ("page", 2))])

    async def test_functions_of_a_frame_that_is_there(self):
        tab = await self.page()
        frame = await self.framed(tab)
        binding = await tab.expose_function("twice", lambda number: 2 * number)
        self.assertEqual(await frame.evaluate("twice(21)"), 42)
        await binding.close()
        self.assertEqual(await frame.evaluate("typeof twice"), "undefined")

    async def test_tags(self):
        tab = await self.page()
        frame = await self.framed(tab)
        await frame.add_script_tag(content="window.tag = document.title")
        self.assertEqual(await frame.evaluate("tag"), "inside")
        await frame.add_style_tag(content="p { color: rgb(1, 2, 3) }")
        self.assertEqual(await frame.evaluate("getComputedStyle(p).color"), "rgb(1, 2, 3)")

    async def test_tags_in_a_document_without_a_root_yet(self):
        tab = await self.page()
        await tab.evaluate("void document.open()")
        adding = tab.add_script_tag(content="window.tag = document.readyState")
        await tab.evaluate("document.write('<p>')")
        await adding
        self.assertEqual(await tab.evaluate("tag"), "loading")
        await tab.evaluate("document.close()")

    async def test_a_frame_that_breaks_its_globals(self):
        tab = await self.page()
        broken = "<script>Map = Set = JSON = Promise = null; Array.prototype.toJSON = () => 1</script>"
        frame = await self.framed(tab, broken)
        self.assertEqual(await frame.evaluate("a => [a, {b: [1]}]", [1, {"c": [2]}]), [[1, {"c": [2]}], {"b": [1]}])


class SameProcessTests(InFrames, SharedBrowserTestCase):
    __test__ = True
    host = "127.0.0.1"

    async def test_elements_of_other_frames(self):
        tab = await self.page()
        frame = await self.framed(tab)
        inner = await frame.query_selector("#p")
        outer = await tab.query_selector("#f")
        self.assertEqual(await tab.evaluate("([e, f]) => [e.textContent, f.id]", [inner, outer]), ["text", "f"])
        self.assertEqual(await frame.evaluate("({it}) => [it.id, document.title]", {"it": outer}), ["f", "inside"])
        async with await tab.evaluate_handle("e => e", inner) as again:
            self.assertTrue(await tab.evaluate("([a, b]) => a === b", [again, inner]))

    async def test_elements_of_another_origin(self):
        tab = await self.page()
        url = self.server.page("/inside", "<p>text")
        await tab.set_content(f"<iframe src='{url}'></iframe>")  # in about:blank, which is of no origin
        inner = await tab.frames[1].query_selector("p")
        error = await self.fails(tab.evaluate("element => element.textContent", inner), EvaluationError)
        self.assertIn("can be used only in", str(error))


class OtherProcessTests(InFrames):
    __test__ = True
    host = "localhost"

    async def page(self, **options: Any) -> Page:
        return await super().page(args=["--site-per-process"])
