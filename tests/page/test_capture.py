"""Pictures that nobody waits for any more, and those of pages that are not ready."""

from __future__ import annotations

from twisted.internet.defer import CancelledError
from twisted.trial.unittest import SynchronousTestCase

from txcdp.domains import dom, emulation, page, runtime
from txcdp.errors import CommandError, CommandTimeout, EvaluationError
from txcdp.testing import NEVER, FakeChrome

PREPARED = runtime.EvaluateResult(
    result=runtime.RemoteObject(type="object", value={"changed": False, "waited": False, "ratio": 1.0, "box": None})
)


class CancelledTests(SynchronousTestCase):
    def setUp(self) -> None:
        self.chrome = FakeChrome()
        self.tab = self.chrome.run(self.chrome.browser().new_page())
        self.chrome.on(runtime.evaluate, PREPARED)
        self.chrome.on(page.capture_screenshot, NEVER)

    def colors(self) -> list[object]:
        return [each.color for each in self.chrome.received(emulation.set_default_background_color_override)]

    def test_the_background_is_put_back_from_every_step_on(self):
        for step in range(24):
            del self.chrome.commands[:]
            taking = self.tab.screenshot(omit_background=True)
            for half in range(step):
                if half % 2:
                    self.chrome.lines[-1].deliver()
                else:
                    self.chrome.carry_out()
            taking.cancel()
            self.failureResultOf(taking, CancelledError)
            self.chrome.advance(3)
            self.assertIn([color is None for color in self.colors()], ([], [False, True]), step)
        self.assertEqual(len(self.colors()), 2)


class ElementTests(SynchronousTestCase):
    def test_one_whose_frame_is_removed_meanwhile(self):
        chrome = FakeChrome()
        tab = chrome.run(chrome.browser().new_page())
        refused = CommandError(dom.resolve_node.method, -32000, "Node with given id does not belong to the document")
        node = dom.Node(node_id=1, backend_node_id=2, node_type=1, node_name="P", local_name="p", node_value="")
        chrome.on(dom.describe_node, dom.DescribeNodeResult(node=node))
        chrome.on(dom.resolve_node, refused)
        found = runtime.RemoteObject(type="object", subtype="node", object_id="O", description="p")
        chrome.on(runtime.evaluate, runtime.EvaluateResult(result=found))
        handle = chrome.run(tab.evaluate_handle("document.body")).as_element()
        assert handle is not None
        with self.assertRaisesRegex(EvaluationError, "no longer in the document"):
            chrome.run(tab.screenshot(mask=[handle]))


class NotReadyTests(SynchronousTestCase):
    def setUp(self) -> None:
        self.chrome = FakeChrome()
        self.tab = self.chrome.run(self.chrome.browser().new_page())

    def test_a_document_that_has_just_begun_is_as_large_as_the_viewport(self):
        viewport = {"page_x": 0, "page_y": 0, "client_width": 500, "client_height": 400}
        layout = page.LayoutViewport(**viewport)
        visual = page.VisualViewport(**viewport, offset_x=0, offset_y=0, scale=1)
        nothing = dom.Rect(x=0, y=0, width=0, height=0)
        metrics = page.GetLayoutMetricsResult(
            layout_viewport=layout,
            visual_viewport=visual,
            content_size=nothing,
            css_layout_viewport=layout,
            css_visual_viewport=visual,
            css_content_size=nothing,
        )
        self.chrome.on(runtime.evaluate, PREPARED)
        self.chrome.on(page.get_layout_metrics, metrics)
        self.chrome.on(page.capture_screenshot, page.CaptureScreenshotResult(data=b"picture"))
        self.assertEqual(self.chrome.run(self.tab.screenshot(full_page=True)), b"picture")
        clip = self.chrome.received(page.capture_screenshot)[-1].clip
        self.assertEqual(clip, page.Viewport(x=0, y=0, width=500, height=400, scale=1))

    def test_fonts_that_do_not_load(self):
        self.chrome.on(runtime.evaluate, NEVER)
        taking = self.tab.screenshot(timeout=5)
        self.chrome.flush()
        self.chrome.advance(5)
        said = str(self.failureResultOf(taking, CommandTimeout).value)
        self.assertIn("the page's fonts have not loaded", said)
        self.assertNotIn("element", said)
