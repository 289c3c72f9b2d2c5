"""Locators against a browser of the tests': deadlines, tries, navigations in the middle, cancelling."""

from __future__ import annotations

import json
import re
from datetime import timedelta
from typing import Any
from unittest import mock

from twisted.internet.defer import CancelledError, Deferred, succeed
from twisted.trial.unittest import SynchronousTestCase

from tests.page.support import frame_of
from txcdp.domains import page, runtime
from txcdp.errors import ActionTimeout, CommandError, LocatorError, SelectorError, StrictModeViolation
from txcdp.page._roles import roles
from txcdp.page._selectors import pattern
from txcdp.testing import NEVER, FakeChrome


def told(**said: Any) -> runtime.CallFunctionOnResult:
    """Return what the script tells."""
    return runtime.CallFunctionOnResult(result=runtime.RemoteObject(type="string", value=json.dumps(said)))


def function_of(declaration: str) -> str:
    """Return the function of the script that is called."""
    return declaration.partition("this.")[2].partition("(")[0]


GONE = CommandError("Runtime.callFunctionOn", -32000, "Cannot find context with specified id")


class LocatorTests(SynchronousTestCase):
    def setUp(self) -> None:
        self.chrome = FakeChrome()
        self.browser = self.chrome.browser(linger=None)
        self.tab = self.chrome.run(self.browser.new_page())
        self.worlds = 0
        self.chrome.on(page.create_isolated_world, self.world)
        script = runtime.RemoteObject(type="object", object_id="script")
        self.chrome.on(runtime.evaluate, runtime.EvaluateResult(result=script))

    def world(self, command: Any) -> page.CreateIsolatedWorldResult:
        self.worlds += 1
        return page.CreateIsolatedWorldResult(execution_context_id=self.worlds)

    def begin(self, waiting: Deferred[Any]) -> Deferred[Any]:
        self.chrome.flush()
        return waiting

    def sent(self) -> list[list[Any]]:
        """Return what the script was asked for: each time the function, and its first arguments."""
        return [
            [function_of(each.function_declaration), *(each.arguments or [])[0].value]
            for each in self.chrome.received(runtime.call_function_on)
        ]

    def test_a_role_that_there_is_not_is_refused_at_once(self):
        for role, words in {
            "buton": "did you mean 'button'",
            "nav": "did you mean 'navigation'",
            "": "unknown role$",
        }.items():
            self.assertRaisesRegex(ValueError, words, self.tab.get_by_role, role)
        self.assertRaisesRegex(TypeError, "expected a str", self.tab.main_frame.get_by_role, None)
        for role in ("button", "HEADING", "image", "graphics-symbol", "doc-toc"):
            self.tab.get_by_role(role)
        self.assertTrue(all(re.fullmatch("[a-z-]+", each) for each in roles()))

    def test_one_round_trip(self):
        self.chrome.on(runtime.call_function_on, told(value="text"))
        locator = self.tab.get_by_role("button", name="OK").first
        self.assertEqual(self.chrome.run(locator.text_content()), "text")
        self.assertEqual(self.chrome.run(locator.text_content()), "text")
        (function, steps, operation, *_), _ = self.sent()
        self.assertEqual((function, operation), ("run", "textContent"))
        name = {"s": "OK", "exact": False}
        self.assertEqual(json.loads(steps), [["role", {"role": "button", "name": name}], ["nth", 0]])
        self.assertEqual(self.worlds, 1)

    def test_a_picture_has_one_deadline_for_finding_and_taking(self):
        locator = self.tab.locator("p")
        for timeout, left in ((10, timedelta(seconds=4)), (3, timedelta(milliseconds=1)), (None, None)):
            finding: Deferred[Any] = Deferred()
            element = mock.Mock(screenshot=mock.Mock(return_value=succeed(b"picture")))
            self.patch(type(locator), "_handle", lambda *_, finding=finding: finding)
            taking = locator.screenshot(timeout=timeout)
            self.chrome.advance(6)
            finding.callback(element)
            self.assertEqual(self.successResultOf(taking), b"picture")
            self.assertEqual(element.screenshot.call_args.kwargs["timeout"], left)

    def test_it_is_tried_again_until_the_deadline(self):
        self.chrome.on(runtime.call_function_on, told(again="it is not visible", html="<p>"))
        waiting = self.begin(self.tab.locator("p").wait_for(timeout=2))
        self.chrome.advance(2)
        error = self.failureResultOf(waiting, ActionTimeout).value
        self.assertIn(
            "locator('p').wait_for(state='visible'): not within 2 s; it is not visible: <p> (after", str(error)
        )
        tries = len(self.sent())
        self.chrome.advance(10)
        self.assertEqual(len(self.sent()), tries)

    def test_it_goes_on_in_the_next_document(self):
        self.chrome.once(runtime.call_function_on, GONE).on(runtime.call_function_on, told(value="next"))
        waiting = self.begin(self.tab.locator("p").text_content())
        self.chrome.advance(1)
        self.assertEqual(self.successResultOf(waiting), "next")
        self.assertEqual(self.worlds, 2)

    def test_what_fails_fails_at_once(self):
        violation = {"count": 2, "elements": [{"html": "<p>", "aka": "locator('p').first"}]}
        for said, kind in (
            ({"error": json.dumps(violation), "kind": "strict"}, StrictModeViolation),
            ({"error": "malformed", "kind": "selector"}, SelectorError),
            ({"error": "no input", "kind": "refused"}, LocatorError),
        ):
            self.chrome.on(runtime.call_function_on, told(**said))
            self.failureResultOf(self.begin(self.tab.locator("p").input_value()), kind)
        self.assertEqual(len(self.sent()), 3)

    def waiting(self, **options: Any) -> tuple[Deferred[Any], int]:
        """Begin what the page waits for; return the number of the wait, too."""
        self.chrome.once(runtime.call_function_on, told(again="no element is there"))
        self.chrome.on(runtime.call_function_on, NEVER)
        waiting = self.begin(self.tab.locator("p").text_content(**options))
        self.chrome.advance(0.01)
        _, run = self.sent()
        self.assertEqual(run[0], "run")
        return waiting, run[5]

    def test_what_is_cancelled_ends_in_the_page(self):
        waiting, number = self.waiting()
        waiting.cancel()
        self.failureResultOf(waiting, CancelledError)
        self.chrome.flush()
        self.assertEqual(self.sent()[2:], [["stop", number]])
        self.chrome.advance(60)
        self.assertEqual(len(self.sent()), 3)

    def test_a_page_whose_timers_stand_is_asked_to_answer(self):
        waiting, number = self.waiting(timeout=9)
        self.chrome.advance(1)
        self.assertEqual(self.sent()[2:], [["stop", number]])
        self.chrome.advance(9)
        self.assertIn("no element is there", str(self.failureResultOf(waiting, ActionTimeout).value))

    def test_a_page_that_does_not_answer(self):
        self.chrome.on(runtime.call_function_on, NEVER)
        waiting = self.begin(self.tab.locator("p").text_content(timeout=9))
        self.chrome.advance(9)
        self.assertIn("the page does not respond", str(self.failureResultOf(waiting, ActionTimeout).value))

    def test_a_document_that_is_gone_is_not_waited_for_long(self):
        self.chrome.once(runtime.call_function_on, NEVER).on(runtime.call_function_on, told(value="next"))
        waiting = self.begin(self.tab.locator("p").text_content())
        self.chrome.advance(10)
        self.assertEqual(len(self.sent()), 1)  # one that is there has the time that it takes
        frame = frame_of(self.tab.main_frame_id, "https://next.test/", loader_id="next")
        self.chrome.emit(page.FrameNavigated(frame=frame, type="Navigation"), self.tab.session)
        self.chrome.flush()
        self.chrome.advance(0.9)
        self.assertNoResult(waiting)
        self.chrome.advance(0.2)
        self.chrome.advance(0.1)
        self.assertEqual(self.successResultOf(waiting), "next")
        self.assertEqual(self.worlds, 2)

    def click(self, *outcomes: object) -> list[str]:
        """Click where a page tells so of what was hit; return what was sent for it."""
        before = len(self.chrome.commands)
        point = {"x": 1.0, "y": 2.0, "width": 9.0, "height": 9.0, "ratio": 1.0, "html": "<p>"}
        for each in (point, *outcomes):
            self.chrome.once(runtime.call_function_on, told(value=each))
        self.chrome.run(self.tab.locator("p").click())
        asked = iter(self.sent()[-1 - len(outcomes) :])
        named = [each.method for each in self.chrome.commands[before:]]
        return ["/".join(map(str, next(asked)[:2])) if each == "Runtime.callFunctionOn" else each for each in named]

    def test_what_a_click_sends(self):
        self.chrome.once(runtime.call_function_on, told(value=0))
        self.chrome.run(self.tab.locator("p").count())  # the document has the script
        sent = self.click("hit")
        aimed = sent.pop(0)
        self.assertTrue(aimed.startswith("run/"))
        self.assertEqual(sent, [*["Input.dispatchMouseEvent"] * 3, "call/settleIfHeard"])

    def test_a_page_that_has_not_heard_of_it_yet_is_asked_again(self):
        self.chrome.once(runtime.call_function_on, told(value=0))
        self.chrome.run(self.tab.locator("p").count())
        self.assertEqual(self.click("early", "hit")[-2:], ["call/settleIfHeard", "call/settle"])

    def test_a_locator_alone_asks_nothing(self):
        before = len(self.chrome.commands)
        locator = self.tab.locator("p").filter(has_text="x").nth(1)
        locator.texts()
        self.tab.mutations("p")
        self.chrome.flush()
        self.assertEqual(len(self.chrome.commands), before)
        self.assertEqual(repr(locator), "<Locator locator('p').filter(has_text='x').nth(1)>")

    def test_it_is_neither_looped_over_nor_awaited(self):
        locator: Any = self.tab.locator("p")

        async def loop() -> None:
            async for _ in locator:
                raise AssertionError("an element")

        async def wait() -> None:
            await locator

        for advice, attempt in (
            ("locator.all()", lambda: list(locator)),
            ("locator.all()", lambda: self.failureResultOf(Deferred.fromCoroutine(loop())).raiseException()),
            ("locator.click()", lambda: self.failureResultOf(Deferred.fromCoroutine(wait())).raiseException()),
        ):
            error = self.assertRaises(TypeError, attempt)
            self.assertIn(advice, str(error))
            self.assertIn(repr(locator), str(error))


class PatternTests(SynchronousTestCase):
    def test_texts(self):
        self.assertEqual(pattern("a"), {"s": "a", "exact": False})
        self.assertEqual(pattern(re.compile("a", re.DOTALL)), {"re": "a", "flags": "s"})
        self.assertRaises(TypeError, pattern, 5)
        self.assertRaises(TypeError, pattern, b"a")
        self.assertRaises(ValueError, pattern, re.compile("a", re.VERBOSE))
