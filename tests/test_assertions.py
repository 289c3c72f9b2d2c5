"""What can be expected, and of what: without a browser."""

from __future__ import annotations

import inspect
import re
from typing import Any

from twisted.internet.defer import Deferred
from twisted.trial.unittest import SynchronousTestCase

from txcdp import ExpectationFailed, TxcdpError, expect
from txcdp.assertions import LocatorAssertions, PageAssertions, _equal, _url_matcher


class Subjects(SynchronousTestCase):
    """What ``expect`` is called with."""

    def refused(self, subject: Any) -> str:
        with self.assertRaises(TypeError) as caught:
            expect(subject)
        return str(caught.exception)

    def test_what_has_no_value_yet(self):
        async def coroutine() -> None: ...

        self.assertIn("a Deferred, which has no value yet: write expect(await ...)", self.refused(Deferred()))
        self.assertIn("write expect(await ...)", self.refused(coroutine()))

    def test_other_things(self):
        self.assertIn("of a plain value, write assert", self.refused("text"))
        self.assertIn("goto() gives no response", self.refused(None))

    def test_a_negative_deadline(self):
        self.assertRaises(ValueError, expect.set_options, timeout=-1)


class Faces(SynchronousTestCase):
    """What there is."""

    def test_a_negation_takes_what_the_assertion_does(self):
        for face in (LocatorAssertions, PageAssertions):
            for name in (each for each in dir(face) if each.startswith("to_")):
                with self.subTest(name):
                    positive, negative = getattr(face, name), getattr(face, f"not_{name}")
                    self.assertEqual(
                        str(inspect.signature(positive).replace(return_annotation="")),
                        str(inspect.signature(negative).replace(return_annotation="")),
                    )

    def test_the_error_is_both(self):
        error = ExpectationFailed("first\n    second \x1b[31m", 1, 2)
        self.assertIsInstance(error, AssertionError)
        self.assertIsInstance(error, TxcdpError)
        self.assertEqual(str(error), "first\n    second \\x1b[31m")
        self.assertEqual((error.expected, error.received), (1, 2))


class Comparing(SynchronousTestCase):
    """Values and URLs."""

    def test_values_as_javascript_has_them(self):
        received: Any
        expected: Any
        for received, expected in ((1, 1.0), ([1, {"a": None}], (1, {"a": None})), (True, True), ("x", "x")):
            self.assertTrue(_equal(received, expected), (received, expected))
        for received, expected in ((1, True), ([1], [True]), ({"a": 1}, {"a": 1, "b": 2}), ("1", 1), ([1], [1, 2])):
            self.assertFalse(_equal(received, expected), (received, expected))

    def test_urls(self):
        for match, ignore_case, url in (
            ("**/A", True, "http://x/a"),
            ("/path", None, "http://base/path"),
            ("/PATH", True, "http://base/path"),
            (re.compile("PATH"), True, "http://base/path"),
            (re.compile("path$"), None, "http://base/path"),
            (lambda url: "base" in url, None, "http://base/"),
        ):
            self.assertTrue(_url_matcher(match, "http://base", ignore_case)(url), match)
        self.assertFalse(_url_matcher("**/A", None, None)("http://x/a"))
        self.assertFalse(_url_matcher(re.compile("PATH", re.IGNORECASE), None, False)("http://base/path"))
