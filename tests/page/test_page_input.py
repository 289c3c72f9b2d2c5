"""Keyboard, mouse and touchscreen without a browser: what is sent, and what comes of what is not answered."""

from __future__ import annotations

from typing import Any

from twisted.internet.defer import CancelledError
from twisted.trial.unittest import SynchronousTestCase

from tests.page.support import frame_of
from txcdp.domains import browser, runtime
from txcdp.domains import input as input_domain
from txcdp.domains import page as page_domain
from txcdp.errors import CommandError, DialogOpen
from txcdp.page import Page
from txcdp.testing import NEVER, FakeChrome


class InputTests(SynchronousTestCase):
    def setUp(self) -> None:
        self.chrome = FakeChrome()
        self.tab: Page = self.chrome.run(self.chrome.browser(linger=None).new_page())

    def keys(self) -> list[tuple[str, str | None, list[str] | None]]:
        return [(each.type, each.key, each.commands) for each in self.chrome.received(input_domain.dispatch_key_event)]

    def mice(self) -> list[tuple[str, float, int | None]]:
        return [(each.type, each.x, each.buttons) for each in self.chrome.received(input_domain.dispatch_mouse_event)]

    def opens_dialog(self) -> None:
        event = page_domain.JavascriptDialogOpening(
            url="", frame_id=self.tab.main_frame_id, message="?", type="alert", has_browser_handler=False
        )
        self.chrome.emit(event, self.tab.session)
        self.chrome.flush()

    def test_on_a_mac(self):
        """A browser that runs elsewhere is asked what it is, once."""
        version = browser.GetVersionResult(
            protocol_version="1.3",
            product="Chrome",
            revision="",
            user_agent="Mozilla/5.0 (Macintosh; Intel Mac OS X 10_15_7)",
            js_version="",
        )
        self.chrome.on(browser.get_version, version)
        self.chrome.run(self.tab.keyboard.press("ControlOrMeta+A"))
        self.chrome.run(self.tab.keyboard.press("Backspace"))
        downs = [each for each in self.keys() if each[0] != "keyUp"]
        self.assertEqual([each[1] for each in downs], ["Meta", "A", "Backspace"])
        self.assertEqual([each[2] for each in downs], [[], ["selectAll"], ["deleteBackward"]])
        self.assertEqual(len(self.chrome.received(browser.get_version)), 1)

    def test_elsewhere(self):
        self.chrome.run(self.tab.keyboard.press("ControlOrMeta+A"))
        self.assertEqual([each[1] for each in self.keys()], ["Control", "A", "A", "Control"])
        self.assertEqual({each[2] for each in self.keys()}, {None})

    def test_what_belongs_together(self):
        """A click leaves in one write: nobody waits between its parts."""
        clicking = self.tab.mouse.click(5, 6, click_count=2)
        self.assertEqual([each[0] for each in self.mice()], ["mouseMoved", *["mousePressed", "mouseReleased"] * 2])
        self.chrome.run(clicking)

    def test_given_up(self):
        """Who is cancelled in the middle of a click lets the button go."""
        clicking = self.tab.mouse.click(5, 6, delay=1)
        self.chrome.flush()
        self.assertEqual([each[0] for each in self.mice()], ["mouseMoved", "mousePressed"])
        clicking.cancel()
        self.failureResultOf(clicking, CancelledError)
        self.assertEqual(self.mice()[-1], ("mouseReleased", 5, 0))
        self.chrome.run(self.tab.mouse.move(7, 8))
        self.assertEqual(self.mice()[-1], ("mouseMoved", 7, 0))
        self.chrome.advance(2)
        self.assertEqual(len(self.mice()), 4)

    def test_refused(self):
        self.chrome.on(input_domain.dispatch_mouse_event, CommandError("", -32000, "no"))
        clicking = self.tab.mouse.click(5, 6)
        self.chrome.flush()
        self.failureResultOf(clicking, CommandError)

    def test_a_dialog_that_the_program_answers(self):
        """Input that a dialog holds up waits for who has subscribed; where nobody has any more it is done."""
        self.chrome.on(input_domain.dispatch_key_event, NEVER)
        dialogs: list[Any] = []
        listening = self.tab.dialogs.subscribe(dialogs.append)
        pressing = self.tab.keyboard.press("a")
        self.opens_dialog()
        self.assertNoResult(pressing)
        closed = page_domain.JavascriptDialogClosed(frame_id="", result=True, user_input="")
        self.chrome.run(dialogs[0].accept())
        self.chrome.emit(closed, self.tab.session)
        self.chrome.flush()
        self.assertNoResult(pressing)
        listening.dispose()
        first = self.tab.dialogs.expect()
        entering: Any = first.__aenter__()
        self.chrome.run(entering)
        self.opens_dialog()
        self.successResultOf(pressing)
        self.failureResultOf(self.tab.keyboard.press("b"), DialogOpen)
        self.assertEqual(self.tab._dialogs.left_open, [])

    def replaces(self) -> None:
        """Have the page show another document."""
        frame = frame_of(self.tab.main_frame_id, "https://example.com/next", loader_id="L2")
        self.chrome.emit(page_domain.FrameNavigated(frame=frame, type="Navigation"), self.tab.session)
        self.chrome.flush()

    def test_a_document_that_is_replaced_takes_unanswered_input_with_it(self):
        self.chrome.on(input_domain.insert_text, NEVER)
        keyboard = self.tab.keyboard
        self.chrome.advance(5)
        inserting = keyboard.insert_text("a")
        self.chrome.flush()
        self.chrome.advance(5)
        self.assertNoResult(inserting)
        self.replaces()
        self.assertNoResult(inserting)
        self.chrome.advance(0.3)
        self.successResultOf(inserting)
        self.assertEqual((self.tab._dialogs.left_open, self.tab._devices._unanswered), ([], {}))
        self.assertEqual(len(self.tab._connection._dispatcher.pending), 0)

    def test_input_that_is_sent_right_after_a_document_was_replaced(self):
        self.chrome.on(input_domain.dispatch_mouse_event, NEVER)
        self.chrome.run(self.tab.keyboard.press("a"))
        self.replaces()
        moving = self.tab.mouse.move(1, 2)
        self.chrome.advance(0.3)
        self.successResultOf(moving)

    def test_input_is_waited_for_while_the_next_document_does_not_respond(self):
        self.chrome.on(input_domain.insert_text, NEVER).on(runtime.evaluate, NEVER)
        inserting = self.tab.keyboard.insert_text("a")
        self.replaces()
        self.chrome.advance(5)
        self.assertNoResult(inserting)
        inserting.cancel()
        self.failureResultOf(inserting, CancelledError)
        self.assertEqual(len(self.tab._connection._dispatcher.pending), 0)

    def test_an_answer_that_comes_ends_the_doubt(self):
        inserting = self.tab.keyboard.insert_text("a")
        self.replaces()
        self.successResultOf(inserting)
        self.chrome.advance(1)
        self.assertEqual(self.chrome.received(runtime.evaluate), [])
