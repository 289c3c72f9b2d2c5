"""PDFs of one page are printed one after the other: of those that it makes at the same time Chromium loses some."""

from __future__ import annotations

from typing import Any

from twisted.internet.defer import CancelledError, Deferred
from twisted.trial.unittest import SynchronousTestCase

from txcdp.domains import page
from txcdp.errors import CommandTimeout, SessionDetached
from txcdp.testing import FakeChrome


class InTurnTests(SynchronousTestCase):
    def setUp(self) -> None:
        self.chrome = FakeChrome()
        self.tab = self.chrome.run(self.chrome.browser(linger=None).new_page())
        self.answers: list[Deferred[Any]] = []
        self.chrome.on(page.print_to_pdf, self.answer)

    def answer(self, command: object) -> Deferred[Any]:
        self.answers.append(Deferred())
        return self.answers[-1]

    def printed(self, number: int, data: bytes) -> None:
        self.answers[number].callback(page.PrintToPDFResult(data=data))
        self.chrome.flush()

    def begin(self, **options: Any) -> Deferred[bytes]:
        printing = self.tab.pdf(**options)
        self.chrome.flush()
        return printing

    def test_one_after_the_other(self):
        one, other = self.begin(), self.begin()
        self.assertEqual(len(self.answers), 1)
        self.printed(0, b"one")
        self.assertEqual(self.successResultOf(one), b"one")
        self.assertEqual(len(self.answers), 2)
        self.printed(1, b"other")
        self.assertEqual(self.successResultOf(other), b"other")

    def test_an_option_that_there_is_not(self):
        told = self.failureResultOf(self.begin(formatt="A4"), TypeError).value
        raised = self.assertRaises(TypeError, self.tab.pdf_chunks, formatt="A4")
        for error in (told, raised):
            self.assertEqual(str(error), "pdf(): unknown option 'formatt'; did you mean 'format'?")
        self.assertEqual(self.answers, [])

    def test_lengths(self):
        tiny = 0.1 + 0.2 - 0.3  # 5.5e-17, as Python writes it
        self.begin(width=96.5, height=" 1IN", margin={"top": tiny, "left": "0.5in", "right": None})
        (sent,) = self.chrome.received(page.print_to_pdf)
        self.assertEqual((sent.paper_width, sent.paper_height), (96.5 / 96, 1.0))
        self.assertEqual(
            (sent.margin_top, sent.margin_left, sent.margin_right, sent.margin_bottom), (tiny / 96, 0.5, 0.0, 0.0)
        )
        for wrong in (-1, -0.5, float("nan"), float("inf"), "-1cm", "1pt", "", "1e400", "9" * 400):
            error = self.failureResultOf(self.begin(width=wrong), ValueError).value
            self.assertIn(f"width={wrong!r}: expected a number from 0", str(error))
        for odd in (True, b"1cm", [1]):
            self.failureResultOf(self.begin(margin={"top": odd}), TypeError)
        self.assertEqual(len(self.answers), 1)

    def test_one_that_is_cancelled_before_its_turn_is_not_printed(self):
        one, other, last = self.begin(), self.begin(), self.begin()
        other.cancel()
        self.failureResultOf(other, CancelledError)
        self.printed(0, b"one")
        self.successResultOf(one)
        self.printed(1, b"last")
        self.assertEqual(self.successResultOf(last), b"last")
        self.assertEqual(len(self.answers), 2)

    def test_one_that_is_cancelled_while_it_is_printed_keeps_its_turn(self):
        one, other = self.begin(), self.begin()
        one.cancel()
        self.failureResultOf(one, CancelledError)
        self.chrome.flush()
        self.assertEqual(len(self.answers), 1)
        self.printed(0, b"one")
        self.printed(1, b"other")
        self.assertEqual(self.successResultOf(other), b"other")

    def test_the_deadline_is_that_of_the_wait_too(self):
        one, other = self.begin(timeout=None), self.begin(timeout=2)
        self.chrome.advance(2)
        error = self.failureResultOf(other, CommandTimeout).value
        self.assertEqual((error.seconds, error.obstacle), (2, "another PDF of the page is being printed"))
        self.printed(0, b"one")
        self.assertEqual(self.successResultOf(one), b"one")
        self.assertEqual(len(self.answers), 1)

    def test_after_a_deadline_the_next_has_its_turn(self):
        one, other = self.begin(timeout=2), self.begin(timeout=None)
        self.chrome.advance(2)
        self.assertEqual(self.failureResultOf(one, CommandTimeout).value.obstacle, "")
        self.chrome.flush()
        self.printed(1, b"other")
        self.assertEqual(self.successResultOf(other), b"other")

    def test_all_fail_with_the_page(self):
        waiting = [self.begin(), self.begin()]
        self.chrome.run(self.tab.session.detach())
        for each in waiting:
            self.failureResultOf(each, SessionDetached)
        self.assertEqual(len(self.answers), 1)
