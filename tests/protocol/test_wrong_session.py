"""Beginners' mistakes: a command on the wrong session, a command where an event is wanted, and the like."""

from __future__ import annotations

import copy
import importlib
import pkgutil
from typing import Any

import pytest
from twisted.trial.unittest import SynchronousTestCase

from txcdp import domains
from txcdp.domains import page, runtime
from txcdp.errors import CommandError
from txcdp.protocol._error_codes import METHOD_NOT_FOUND, SERVER_ERROR
from txcdp.protocol._wrong_session import _methods, _snake, advise
from txcdp.testing import FakeChrome

TO_A_PAGE = "page.session.execute"
TO_THE_BROWSER = "browser.session.execute"
ONLY = "SystemInfo.getInfo is only supported on the browser target"


@pytest.mark.parametrize(
    ("method", "code", "message", "kind", "words"),
    [
        ("Page.navigate", METHOD_NOT_FOUND, "'Page.navigate' wasn't found", None, TO_A_PAGE),
        ("Runtime.evaluate", METHOD_NOT_FOUND, "", None, TO_A_PAGE),
        ("Network.enable", METHOD_NOT_FOUND, "", None, TO_A_PAGE),
        ("Tethering.bind", METHOD_NOT_FOUND, "", "page", TO_THE_BROWSER),
        ("Target.createBrowserContext", SERVER_ERROR, "Not allowed", "page", TO_THE_BROWSER),
        ("SystemInfo.getInfo", SERVER_ERROR, ONLY, "page", TO_THE_BROWSER),
        ("SystemInfo.getInfo", SERVER_ERROR, ONLY, None, "connect to the browser"),
        ("DOM.enable", METHOD_NOT_FOUND, "", "worker", "a session of a worker"),
        ("Page.navgate", METHOD_NOT_FOUND, "", "page", "did you mean Page.navigate?"),
        ("Page.navgate", METHOD_NOT_FOUND, "", None, "did you mean Page.navigate?"),
        ("Page.navigate", SERVER_ERROR, "Cannot navigate to invalid URL", "page", ""),
        ("Page.navigate", METHOD_NOT_FOUND, "", "page", ""),
        ("Page.somethingElseAltogether", METHOD_NOT_FOUND, "", "page", ""),
        ("Harbour.open", METHOD_NOT_FOUND, "", None, ""),
        ("../x.open", METHOD_NOT_FOUND, "", None, ""),
        ("", METHOD_NOT_FOUND, "", None, ""),
        ("Browser.getVersion", METHOD_NOT_FOUND, "", None, ""),
    ],
)
def test_what_is_said(method: str, code: int, message: str, kind: str | None, words: str):
    said = advise(method, code, message, kind)
    assert words in said
    assert bool(words) == bool(said)


def test_every_domain_is_found():
    names = [each.name for each in pkgutil.iter_modules(domains.__path__)]
    assert len(names) > 50
    for name in names:
        methods = {
            each.method
            for each in vars(importlib.import_module(f"txcdp.domains.{name}")).values()
            if hasattr(each, "method")
        }
        (domain,) = {each.partition(".")[0] for each in methods if isinstance(each, str)}
        assert _snake(domain) == name
        assert _methods(domain) <= methods


class MistakeTests(SynchronousTestCase):
    def setUp(self):
        self.chrome = FakeChrome()
        self.browser: Any = self.chrome.browser()

    def tearDown(self):
        self.chrome.run(self.browser.close())

    def test_a_pages_command_on_the_browsers_session(self):
        self.chrome.on("Page.navigate", CommandError("", -32601, "'Page.navigate' wasn't found"))
        for sent in (
            self.browser.session.execute(page.navigate(url="http://x/")),
            self.browser.session.execute_raw("Page.navigate", {"url": "http://x/"}),
        ):
            self.chrome.flush()
            error = self.failureResultOf(sent, CommandError).value
            self.assertIn(TO_A_PAGE, str(error))
            self.assertEqual(copy.copy(error).advice, error.advice)

    def test_a_pages_events_on_the_browsers_session(self):
        self.chrome.on("Page.enable", CommandError("", -32601, "'Page.enable' wasn't found"))
        errors: list[Exception] = []
        self.browser.session.events(page.LoadEventFired).subscribe(lambda _: None, errors.append)
        self.chrome.flush()
        self.assertIn(TO_A_PAGE, str(errors[0]))

    def test_what_is_no_command(self):
        execute = self.browser.session.execute
        for given, words in (
            (page.navigate, "write page.navigate(...)"),
            (page.LoadEventFired, "events(page.LoadEventFired) is the stream"),
            (page.LoadEventFired(timestamp=1.0), "events(page.LoadEventFired) is the stream"),
            ("Page.navigate", "execute_raw("),
            (None, "execute_raw("),
            ({}, "execute_raw("),
        ):
            for _ in range(2):
                self.assertIn(words, str(self.assertRaises(TypeError, execute, given)))

    def test_what_is_no_event(self):
        events = self.browser.session.events
        for given, words in (
            (runtime.evaluate, "execute(runtime.evaluate(...)) sends it"),
            (runtime.evaluate(expression="1"), "execute(runtime.evaluate(...)) sends it"),
            (page.LoadEventFired(timestamp=1.0), "write events(page.LoadEventFired)"),
            ("Page.loadEventFired", "events_raw("),
            (None, "events_raw("),
        ):
            self.assertIn(words, str(self.assertRaises(TypeError, events, given)))
