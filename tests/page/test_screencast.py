"""Screencasts of one page beside each other, and what is left of one that has ended."""

from __future__ import annotations

from typing import Any

from twisted.trial.unittest import SynchronousTestCase

from txcdp.domains import page, target
from txcdp.errors import CommandError
from txcdp.streams import Stream
from txcdp.testing import NEVER, FakeChrome


class ScreencastTests(SynchronousTestCase):
    def setUp(self) -> None:
        self.chrome = FakeChrome()
        self.tab = self.chrome.run(self.chrome.browser().new_page())
        self.chrome.flush()

    def subscribed(self, stream: Stream[Any]) -> tuple[Any, list[Any], list[Exception]]:
        came: list[Any] = []
        failed: list[Exception] = []
        return stream.subscribe(came.append, failed.append), came, failed

    def sessions(self) -> int:
        return len(self.tab._connection.sessions)

    def test_each_has_a_session_of_its_own_and_ends_with_it(self):
        before = self.sessions()
        one, _, _ = self.subscribed(self.tab.screencast())
        two, _, _ = self.subscribed(self.tab.screencast(format="png"))
        self.chrome.flush()
        self.assertEqual([each.format for each in self.chrome.received(page.start_screencast)], ["jpeg", "png"])
        self.assertEqual(self.sessions(), before + 2)
        self.assertFalse(self.tab.session._is_set_up("Page.startScreencast"))
        one.dispose()
        self.chrome.flush()
        self.assertEqual(self.sessions(), before + 1)
        two.dispose()
        self.chrome.flush()
        self.assertEqual(self.sessions(), before)

    def test_one_that_nobody_wants_any_more_when_it_is_to_begin(self):
        before = self.sessions()
        stream = self.tab.screencast()
        self.subscribed(stream)[0].dispose()
        self.chrome.flush()
        self.assertEqual((self.chrome.received(page.start_screencast), self.sessions()), ([], before))

    def test_what_becomes_of_one_that_has_ended_is_not_told_to_the_next(self):
        self.chrome.on(page.start_screencast, NEVER)
        stream = self.tab.screencast()
        gone, _, _ = self.subscribed(stream)
        while not self.chrome.received(page.start_screencast):
            self.chrome.carry_out()
            self.chrome.lines[-1].deliver()
        gone.dispose()
        _, _, failed = self.subscribed(stream)
        self.chrome.flush()
        self.assertEqual((failed, len(self.chrome.received(page.start_screencast))), ([], 2))

    def test_a_refusal_is_told(self):
        self.chrome.on(page.start_screencast, CommandError("Page.startScreencast", -32000, "not now"))
        before = self.sessions()
        _, _, failed = self.subscribed(self.tab.screencast())
        self.chrome.flush()
        self.assertIn("not now", str(failed[0]))
        self.assertEqual(self.sessions(), before)
        self.assertEqual(len(self.chrome.received(target.detach_from_target)), 1)

    def refused_at_a_commit(self) -> tuple[Any, list[Exception]]:
        """Begin a screencast that the browser has refused, once, as it does while it replaces the document."""
        self.chrome.once(page.start_screencast, CommandError("", -32000, "Not attached to an active page"))
        subscribed, _, failed = self.subscribed(self.tab.screencast())
        self.chrome.flush()
        self.assertEqual(len(self.chrome.received(page.start_screencast)), 1)
        return subscribed, failed

    def test_one_that_is_to_begin_at_a_commit_begins_after_it(self):
        _, failed = self.refused_at_a_commit()
        self.chrome.advance(1)
        self.assertEqual((failed, len(self.chrome.received(page.start_screencast))), ([], 2))

    def test_one_that_nobody_wants_any_more_does_not_begin_after_a_commit(self):
        before = self.sessions()
        subscribed, failed = self.refused_at_a_commit()
        subscribed.dispose()
        self.chrome.advance(1)
        self.assertEqual((failed, len(self.chrome.received(page.start_screencast))), ([], 1))
        self.assertEqual(self.sessions(), before)
