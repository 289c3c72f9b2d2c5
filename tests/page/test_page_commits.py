"""Commands that meet a navigation's commit, as Chromium was seen to drop and to refuse them."""

from __future__ import annotations

from typing import Any

from twisted.internet.defer import CancelledError
from twisted.trial.unittest import SynchronousTestCase

from tests.page.support import frame_of
from txcdp.domains import fetch, network, page, target
from txcdp.errors import CommandError, CommandTimeout, SessionDetached
from txcdp.page import _commits
from txcdp.testing import NEVER, FakeChrome

NOT_ACTIVE = CommandError("", -32000, "Not attached to an active page")
PICTURE = page.CaptureScreenshotResult(data=b"picture")


class CommitTestCase(SynchronousTestCase):
    def setUp(self) -> None:
        self.chrome = FakeChrome()
        self.browser = self.chrome.browser(linger=None)
        self.tab = self.chrome.run(self.browser.new_page())
        self.frame = self.tab.main_frame_id
        self.before = {each.method for each in self.tab.session._streams._observed.values() if each.listened}

    def emit(self, event: Any) -> None:
        self.chrome.emit(event, self.tab.session)
        self.chrome.flush()

    def commit(self, parent: str | None = None) -> None:
        frame = frame_of(self.frame, "https://example.test/", parent_id=parent)
        self.emit(page.FrameNavigated(frame=frame, type="Navigation"))

    def state(self, name: str = "load") -> None:
        self.emit(page.LifecycleEvent(frame_id=self.frame, loader_id="L", name=name, timestamp=1.0))

    def paused(self, request_id: str) -> None:
        request = network.Request(
            url="https://example.test/",
            method="GET",
            headers=network.Headers({}),
            initial_priority="High",
            referrer_policy="no-referrer",
        )
        self.emit(
            fetch.RequestPaused(request_id=request_id, request=request, frame_id=self.frame, resource_type="Document")
        )

    def sent(self, command: Any) -> int:
        return len(self.chrome.received(command))

    def assertQuiet(self) -> None:
        """Check that nobody listens, waits or has set a clock any more."""
        self.assertEqual(len(self.browser.connection._dispatcher.pending), 0)
        self.assertEqual(self.tab.session._ending._waiters, [])
        observed = self.tab.session._streams._observed.values()
        self.assertEqual(
            {each.method for each in observed if each.listened},
            set() if self.tab.session.ended else self.before,
        )
        self.assertEqual(_commits.signs_of(self.tab.session).waiting, {})


class PictureTests(CommitTestCase):
    def test_it_is_followed_once_for_all_of_them_what_becomes_of_the_page(self):
        """To begin and end listening for each one is a quarter of what a small picture costs."""
        self.chrome.on(page.capture_screenshot, PICTURE)
        self.chrome.run(self.tab.screenshot())
        streams = self.tab.session._streams
        fed = list(streams._inputs)
        before = list(streams._observed)
        for _ in range(3):
            self.chrome.run(self.tab.screenshot())
        self.assertEqual(streams._inputs, fed)
        self.assertEqual(list(streams._observed), before)
        self.assertQuiet()

    def test_while_none_waits_nothing_is_decoded_for_it(self):
        self.chrome.on(page.capture_screenshot, PICTURE)
        self.chrome.run(self.tab.screenshot())
        taken: list[Any] = []
        self.patch(self.tab.session._streams._inputs[-1], "_take", taken.append)
        self.state()
        self.assertEqual(taken, [])
        self.chrome.on(page.capture_screenshot, NEVER)
        picture = self.tab.screenshot()
        self.chrome.flush()
        self.state()
        self.assertEqual([type(each) for each in taken], [page.LifecycleEvent])
        picture.cancel()
        self.failureResultOf(picture, CancelledError)
        self.assertQuiet()

    def test_one_that_is_stopped_while_others_are_told_is_not_sent_again(self):
        self.chrome.on(page.print_to_pdf, NEVER)
        waiting = _commits.signs_of(self.tab.session).waiting

        class First:
            def _committed(self) -> None:
                del waiting[self]
                printing.cancel()

            _moved = _committed

        waiting[First()] = None
        printing = _commits.execute(self.tab.session, page.print_to_pdf(), None)
        self.commit()
        self.failureResultOf(printing, CancelledError)
        self.assertEqual(self.sent(page.print_to_pdf), 1)
        self.assertQuiet()

    def test_one_that_is_swallowed_is_asked_for_again_at_the_commit(self):
        self.chrome.once(page.capture_screenshot, NEVER).once(page.capture_screenshot, PICTURE)
        taking = self.tab.screenshot()
        self.chrome.flush()
        self.commit(parent="another")
        self.assertEqual(self.sent(page.capture_screenshot), 1)
        self.commit()
        self.assertEqual(self.successResultOf(taking), b"picture")
        self.assertEqual(self.sent(page.capture_screenshot), 2)
        self.assertQuiet()

    def test_one_that_is_refused_is_asked_for_again_when_the_page_goes_on(self):
        self.chrome.once(page.capture_screenshot, NOT_ACTIVE).once(page.capture_screenshot, PICTURE)
        taking = self.tab.screenshot()
        self.chrome.flush()
        self.assertNoResult(taking)
        self.state("DOMContentLoaded")
        self.assertEqual(self.successResultOf(taking), b"picture")
        self.assertQuiet()

    def test_one_that_is_swallowed_and_then_refused_is_asked_for_again_when_the_page_goes_on(self):
        self.chrome.once(page.capture_screenshot, NEVER).once(page.capture_screenshot, NOT_ACTIVE)
        self.chrome.once(page.capture_screenshot, PICTURE)
        taking = self.tab.screenshot()
        self.chrome.flush()
        self.commit()
        self.assertEqual(self.sent(page.capture_screenshot), 2)
        self.state("DOMContentLoaded")
        self.assertEqual(self.successResultOf(taking), b"picture")
        self.assertQuiet()

    def test_the_last_resort_is_the_clock(self):
        self.chrome.once(page.capture_screenshot, NOT_ACTIVE).once(page.capture_screenshot, NEVER)
        self.chrome.once(page.capture_screenshot, PICTURE)
        taking = self.tab.screenshot()
        self.chrome.flush()
        self.chrome.advance(0.02)
        self.assertEqual(self.sent(page.capture_screenshot), 2)
        self.chrome.advance(2.9)
        self.assertNoResult(taking)
        self.chrome.advance(10)
        self.assertEqual(self.successResultOf(taking), b"picture")
        self.assertQuiet()

    def test_a_page_that_hangs_is_not_asked_for_ever(self):
        self.chrome.on(page.capture_screenshot, NEVER)
        taking = self.tab.screenshot()
        for _ in range(300):
            self.chrome.advance(0.1)
        error = self.failureResultOf(taking, CommandTimeout).value
        self.assertEqual((error.method, error.seconds), ("Page.captureScreenshot", 30.0))
        self.assertLess(self.sent(page.capture_screenshot), 6)
        self.assertQuiet()

    def test_a_page_that_never_stops_is_held_for_the_moment(self):
        self.chrome.on(page.capture_screenshot, NEVER)
        taking = self.tab.screenshot()
        self.chrome.flush()
        self.commit()
        self.assertEqual(self.sent(fetch.enable), 0)
        self.commit()
        (enabled,) = self.chrome.received(fetch.enable)
        self.assertEqual([each.resource_type for each in enabled.patterns or []], ["Document"])
        self.chrome.on(page.capture_screenshot, PICTURE)
        self.paused("1")  # now the page stays as it is
        self.assertEqual(self.successResultOf(taking), b"picture")
        self.assertEqual([each.request_id for each in self.chrome.received(fetch.continue_request)], ["1"])
        self.assertEqual(self.chrome.received(fetch.enable)[-1].patterns, [])
        self.chrome.advance(1)
        self.assertEqual(self.sent(fetch.disable), 1)
        self.assertQuiet()

    def test_it_is_not_held_for_long(self):
        self.chrome.on(page.capture_screenshot, NEVER)
        taking = self.tab.screenshot()
        self.chrome.flush()
        self.commit()
        self.commit()
        self.paused("1")
        self.chrome.advance(3)
        self.assertEqual(self.sent(fetch.continue_request), 1)
        self.chrome.advance(1)
        self.assertEqual(self.sent(fetch.disable), 1)
        taking.cancel()
        self.failureResultOf(taking, CancelledError)
        self.chrome.flush()
        self.assertEqual(self.sent(fetch.disable), 1)
        self.assertQuiet()

    def test_what_the_program_pauses_is_its_own(self):
        self.chrome.on(page.capture_screenshot, NEVER)
        self.chrome.run(self.tab.session.execute(fetch.enable()))
        taking = self.tab.screenshot()
        self.commit()
        self.commit()
        self.assertEqual(self.sent(fetch.enable), 1)
        taking.cancel()
        self.failureResultOf(taking, CancelledError)
        self.chrome.run(self.tab.session.execute(fetch.disable()))
        taking = self.tab.screenshot()
        self.commit()
        self.commit()
        self.chrome.run(self.tab.session.execute(fetch.enable()))
        self.paused("theirs")
        taking.cancel()
        self.failureResultOf(taking, CancelledError)
        self.chrome.flush()
        self.assertEqual(self.sent(fetch.continue_request), 0)
        self.assertEqual(self.sent(fetch.disable), 1)

    def test_a_page_that_does_nothing_but_navigate(self):
        self.chrome.on(page.capture_screenshot, NEVER)
        taking = self.tab.screenshot()
        for _ in range(100):
            self.commit()
        self.assertLessEqual(len(self.browser.connection._dispatcher.pending), 9)
        taking.cancel()
        self.failureResultOf(taking)
        self.chrome.flush()
        self.chrome.advance(1)
        self.assertQuiet()

    def test_what_is_wrong_stays_wrong(self):
        self.chrome.on(page.capture_screenshot, CommandError("", -32602, "Invalid parameters"))
        taking = self.tab.screenshot()
        self.chrome.flush()
        self.failureResultOf(taking, CommandError)
        self.assertEqual(self.sent(page.capture_screenshot), 1)
        self.assertQuiet()

    def test_it_fails_because_of_a_commit_or_for_good(self):
        cases: list[tuple[Any, str, Any]] = [
            (page.capture_screenshot(), "Unable to capture screenshot", PICTURE),
            (page.print_to_pdf(), "Printing failed", page.PrintToPDFResult(data=b"pdf")),
            (page.capture_snapshot(), "Failed to generate MHTML", page.CaptureSnapshotResult(data="mhtml")),
        ]
        for command, message, result in cases:
            with self.subTest(message):
                failed = CommandError("", -32000, message)
                self.chrome.once(type(command), failed)
                self.chrome.once(type(command), result)
                taking = _commits.execute(self.tab.session, command, None)
                self.chrome.flush()
                self.state()
                self.assertEqual(self.successResultOf(taking), result)
                self.chrome.on(type(command), failed)
                taking = _commits.execute(self.tab.session, command, None)
                self.chrome.flush()
                for _ in range(5):
                    self.chrome.advance(0.1)
                self.assertEqual(self.failureResultOf(taking, CommandError).value.message, message)
                self.assertQuiet()

    def test_its_page_ends(self):
        self.chrome.on(page.capture_screenshot, NEVER)
        taking = self.tab.screenshot()
        self.chrome.flush()
        self.chrome.run(self.tab.close())
        self.failureResultOf(taking, SessionDetached)
        self.assertQuiet()


class ReloadTests(CommitTestCase):
    def test_it_is_sent_again_where_it_was_refused_alone(self):
        self.chrome.once(page.reload, NOT_ACTIVE)
        reloading = self.tab.reload("commit")
        self.chrome.flush()
        self.state()
        self.assertEqual(self.sent(page.reload), 2)
        self.successResultOf(reloading)
        self.chrome.on(page.reload, NEVER)
        reloading = self.tab.reload("commit", timeout=None)
        self.chrome.flush()
        self.commit()
        self.chrome.advance(100)
        self.assertEqual(self.sent(page.reload), 3)
        reloading.cancel()
        self.failureResultOf(reloading)


class HistoryTests(CommitTestCase):
    def test_a_step_is_asked_for_again_where_it_was_refused(self):
        entries = [
            page.NavigationEntry(id=each, url=f"http://a/{each}", user_typed_url="", title="", transition_type="link")
            for each in (3, 4)
        ]
        self.chrome.on(page.get_navigation_history, page.GetNavigationHistoryResult(current_index=1, entries=entries))
        self.chrome.once(page.get_navigation_history, NOT_ACTIVE)
        self.chrome.once(page.navigate_to_history_entry, NOT_ACTIVE)
        going = self.tab.go_back("commit", timeout=None)
        self.chrome.flush()
        self.state()
        self.assertEqual((self.sent(page.get_navigation_history), self.sent(page.navigate_to_history_entry)), (2, 1))
        self.state()
        self.assertEqual(self.sent(page.navigate_to_history_entry), 2)
        going.cancel()
        self.failureResultOf(going)


class ClosingTests(CommitTestCase):
    def setUp(self) -> None:
        super().setUp()
        self.dropped = target.CloseTargetResult(success=True)

    def test_an_acknowledgement_that_closes_nothing(self):
        for moved in (self.commit, self.state, lambda: self.chrome.advance(1.0)):
            self.tab = self.chrome.run(self.browser.new_page())
            before = self.sent(target.close_target)
            self.chrome.once(target.close_target, self.dropped)
            closing = self.tab.close()
            self.chrome.flush()
            self.assertNoResult(closing)
            moved()
            self.chrome.flush()
            self.successResultOf(closing)
            self.assertEqual(self.sent(target.close_target), before + 2)
            self.assertQuiet()

    def test_it_does_not_close(self):
        self.chrome.on(target.close_target, self.dropped)
        closing = self.tab.close()
        self.chrome.advance(30)
        self.assertEqual(self.failureResultOf(closing, CommandTimeout).value.method, "Target.closeTarget")
        self.assertQuiet()

    def test_a_page_that_is_wanted_no_more(self):
        self.chrome.on(page.navigate, NEVER)
        opening = self.browser.new_page("https://example.test/")
        self.chrome.flush()
        self.chrome.once(target.close_target, self.dropped)
        opening.cancel()
        self.failureResultOf(opening)
        self.chrome.flush()
        pages = {each.target_id for each in self.chrome.run(self.browser.targets())}
        self.assertEqual(len(pages), 2)
        self.chrome.advance(1.0)
        self.chrome.flush()
        self.assertEqual(len(self.chrome.run(self.browser.targets())), 1)

    def test_one_that_was_never_attached_to(self):
        self.chrome.once(target.attach_to_target, NEVER)
        opening = self.browser.new_page()
        self.chrome.flush()
        self.chrome.once(target.close_target, self.dropped)
        opening.cancel()
        self.failureResultOf(opening)
        self.chrome.advance(0.1)
        self.chrome.flush()
        self.assertEqual(len(self.chrome.run(self.browser.targets())), 1)

    def test_the_line_ends_meanwhile(self):
        self.chrome.on(target.close_target, NEVER)
        closing = self.tab.close()
        self.chrome.flush()
        self.browser.connection.transport.abort()
        self.chrome.flush()
        self.successResultOf(closing)  # so that there is nothing left to be closed
        self.assertQuiet()


class UnknownSessionTests(CommitTestCase):
    def test_whoever_cancels_a_command_at_the_end_that_its_reply_tells_of(self):
        self.chrome.once(page.bring_to_front, CommandError("", -32001, "Session with given id not found."))
        asking = self.tab.session.execute(page.bring_to_front())
        self.tab.session.when_ended().addCallback(lambda _: asking.cancel())
        self.chrome.flush()
        self.failureResultOf(asking, CancelledError)
        self.assertTrue(self.tab.session.ended)
        self.assertEqual(self.flushLoggedErrors(), [])
