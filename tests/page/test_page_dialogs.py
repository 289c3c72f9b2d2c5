"""Dialogs without a browser: who answers them, and what is said of those that nobody has answered."""

from __future__ import annotations

from typing import Any

from twisted.trial.unittest import SynchronousTestCase

from txcdp.domains import page, runtime, target
from txcdp.errors import AlreadyHandled, CommandError, CommandTimeout, DialogOpen, NavigationTimeout, SessionDetached
from txcdp.page import Dialog, Page
from txcdp.page._dialogs import DialogAnswer
from txcdp.testing import NEVER, FakeChrome

NOT_SHOWING = CommandError("", -32602, "No dialog is showing")


class DialogTests(SynchronousTestCase):
    def setUp(self) -> None:
        self.chrome = FakeChrome()
        self.browser = self.chrome.browser(linger=None)
        self.tab: Page = self.chrome.run(self.browser.new_page())
        self.answers: list[DialogAnswer] = []
        self.browser._dialogs.answered.subscribe(self.answers.append)

    def opens(self, kind: str = "confirm", message: str = "Sure?", default: str = "") -> None:
        event = page.JavascriptDialogOpening(
            url="https://example.test/",
            frame_id=self.tab.main_frame_id,
            message=message,
            type=kind,  # type: ignore[arg-type]
            has_browser_handler=False,
            default_prompt=default,
        )
        self.chrome.emit(event, self.tab.session)
        self.chrome.flush()

    def closes(self, accepted: bool = True) -> None:
        event = page.JavascriptDialogClosed(frame_id="F", result=accepted, user_input="")
        self.chrome.emit(event, self.tab.session)
        self.chrome.flush()

    def listen(self) -> list[Dialog]:
        dialogs: list[Dialog] = []
        self.tab.dialogs.subscribe(dialogs.append)
        return dialogs

    def sent(self) -> list[tuple[bool, str | None]]:
        return [(each.accept, each.prompt_text) for each in self.chrome.received(page.handle_java_script_dialog)]

    def test_nobody_listens(self):
        for kind in ("alert", "confirm", "prompt", "beforeunload"):
            self.opens(kind)
            self.closes(kind == "beforeunload")
        self.assertEqual(self.sent(), [(False, None)] * 3 + [(True, None)])
        self.assertEqual({each.by for each in self.answers}, {"nobody listened"})
        self.assertEqual(self.tab.session.blocked_by, "")

    def test_what_we_listen_to_ourselves_does_not_count(self):
        self.chrome.run(self.tab.goto("https://example.test/"))
        self.browser.connection.events_raw().subscribe(lambda _: None)
        self.tab.session._observe(page.JavascriptDialogOpening).subscribe(lambda _: None)
        self.opens()
        self.assertEqual(self.sent(), [(False, None)])

    def test_who_listens_decides(self):
        dialogs = self.listen()
        self.opens("prompt", "Who?", "me")
        (dialog,) = dialogs
        self.assertEqual(self.sent(), [])
        self.assertEqual((dialog.type, dialog.message, dialog.default_value), ("prompt", "Who?", "me"))
        self.assertIs(dialog.page, self.tab)
        self.chrome.run(dialog.accept("you"))
        self.assertEqual(self.sent(), [(True, "you")])
        self.assertEqual(self.answers, [DialogAnswer(self.tab.session, "prompt", True, "program")])
        self.failureResultOf(dialog.dismiss(), AlreadyHandled)
        self.closes()
        self.opens("prompt", "Who?", "me")
        self.chrome.run(dialogs[1].accept())
        self.closes()
        self.opens()
        self.chrome.run(dialogs[2].dismiss())
        self.assertEqual(self.sent(), [(True, "you"), (True, "me"), (False, None)])
        self.chrome.advance(60)
        self.assertEqual(len(self.sent()), 3)

    def test_who_listens_to_the_event_decides(self):
        subscription = self.tab.events(page.JavascriptDialogOpening).subscribe(lambda _: None)
        self.opens()
        self.assertEqual(self.sent(), [])
        self.chrome.run(self.tab.session.execute(page.handle_java_script_dialog(accept=True)))
        self.closes()
        subscription.dispose()
        self.opens()
        self.assertEqual(self.sent(), [(True, None), (False, None)])
        self.closes()
        self.tab.session.events_raw("Page.javascriptDialogOpening").subscribe(lambda _: None)
        self.opens()
        self.assertEqual(len(self.sent()), 2)

    def test_nobody_decides(self):
        self.listen()
        self.opens("beforeunload")
        self.chrome.advance(29.9)
        self.assertEqual(self.sent(), [])
        self.chrome.advance(0.1)
        self.assertEqual(self.sent(), [(True, None)])
        self.assertEqual([each.by for each in self.answers], ["deadline"])

    def test_what_is_in_the_way(self):
        self.listen()
        for kind, words in (("alert", "an alert dialog"), ("confirm", "a confirm dialog")):
            self.opens(kind)
            self.assertTrue(self.tab.session.blocked_by.startswith(words))
            self.closes()

    def test_somebody_else_is_faster(self):
        dialogs = self.listen()
        self.opens()
        self.chrome.on(page.handle_java_script_dialog, NOT_SHOWING)
        answering = dialogs[0].accept()
        self.chrome.flush()
        self.failureResultOf(answering, AlreadyHandled)
        self.assertEqual(self.answers, [])
        self.opens()
        self.closes()
        self.failureResultOf(dialogs[1].accept(), AlreadyHandled)
        self.assertEqual(repr(dialogs[1]), "<Dialog confirm (closed): 'Sure?'>")

    def test_what_waits_says_that_a_dialog_is_open(self):
        dialogs = self.listen()
        self.chrome.on(runtime.evaluate, NEVER).on(page.navigate, NEVER).on(page.capture_screenshot, NEVER)
        waiting = self.tab.evaluate("confirm('Sure?')", timeout=5)
        taking = self.tab.screenshot()
        self.chrome.flush()
        self.opens()
        going = self.tab.goto("https://example.test/", timeout=5)
        self.chrome.advance(5)
        for each, kind in ((waiting, CommandTimeout), (going, NavigationTimeout)):
            error = self.failureResultOf(each, kind).value
            self.assertIn("a confirm dialog of the page ('Sure?') waits for an answer", str(error))
        for reading in (self.tab.title(), self.tab.content()):
            self.assertIn("waits for an answer", str(self.failureResultOf(reading, DialogOpen).value))
        self.chrome.run(dialogs[0].dismiss())
        self.chrome.on(runtime.evaluate, runtime.EvaluateResult(result=runtime.RemoteObject(type="string", value="T")))
        self.assertEqual(self.chrome.run(self.tab.title()), "T")
        taking.cancel()
        self.failureResultOf(taking)

    def test_the_page_ends(self):
        dialogs = self.listen()
        ended: list[str] = []
        self.tab.dialogs.subscribe(on_completed=lambda: ended.append("completed"))
        self.opens()
        self.chrome.run(self.tab.close())
        self.assertEqual(ended, ["completed"])
        self.failureResultOf(dialogs[0].accept(), AlreadyHandled)
        self.assertIsNone(self.successResultOf(dialogs[0].dismiss()))
        self.chrome.advance(60)
        self.assertEqual(self.sent(), [])
        self.failureResultOf(self.tab.title(), SessionDetached)

    def test_the_page_ends_before_the_answer_comes(self):
        dialogs = self.listen()
        self.chrome.on(page.handle_java_script_dialog, NEVER)
        self.opens()
        dismissing = dialogs[0].dismiss()
        self.opens()
        accepting = dialogs[1].accept()
        self.chrome.run(self.tab.close())
        self.assertIsNone(self.successResultOf(dismissing))
        self.failureResultOf(accepting, SessionDetached)

    def test_a_crash_is_not_the_end(self):
        dialogs = self.listen()
        self.opens()
        self.chrome.crash(self.tab.session)
        self.chrome.flush()
        self.assertEqual(self.tab.session.blocked_by, "")
        self.chrome.run(self.tab.goto("https://example.test/"))
        self.opens("alert", "again")
        self.assertEqual([each.message for each in dialogs], ["Sure?", "again"])

    def test_pages_that_are_attached_to(self):
        made = self.chrome.run(self.browser.session.execute(target.create_target(url="about:blank")))
        self.tab = next(
            each for each in self.chrome.run(self.browser.attach_pages()) if each.target_id == made.target_id
        )
        self.opens("alert")
        self.assertEqual(self.sent(), [(False, None)])

    def test_one_that_is_nobodys_page_is_left_to_others_for_a_while(self):
        made = self.chrome.run(self.browser.session.execute(target.create_target(url="about:blank")))
        session = self.chrome.run(self.browser.connection.attach(made.target_id))
        self.browser._dialogs.follow(session, grace=1.0)

        class Tab:
            main_frame_id = ""

        tab: Any = Tab()
        tab.session = session
        self.tab = tab
        self.opens()
        self.chrome.advance(0.5)
        self.closes()
        self.chrome.advance(5)
        self.assertEqual(self.sent(), [])
        self.opens()
        self.chrome.advance(1)
        self.assertEqual(self.sent(), [(False, None)])
