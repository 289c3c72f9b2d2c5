"""Names that are not here: the error says what there is."""

from __future__ import annotations

import re
import traceback
from typing import Any

import pytest

import txcdp
from txcdp import Session, expect
from txcdp._other_names import ADVICE, NamedElsewhere
from txcdp.browser import Browser, BrowserContext
from txcdp.network import Request, Response
from txcdp.page import (
    ConsoleMessage,
    Dialog,
    ElementHandle,
    Frame,
    JSHandle,
    Keyboard,
    Locator,
    Mouse,
    Page,
    Worker,
)
from txcdp.testing import FakeChrome

CLASSES = (Browser, BrowserContext, Page, Frame, Locator, JSHandle, ElementHandle, Worker)
BY_WORD = {"browser": Browser, "context": BrowserContext, "page": Page, "locator": Locator}

#: Set when one is made.
OF_INSTANCES = {"browser.default_context", "page.context", "page.session"}


class Own(NamedElsewhere):
    """Something with names in Python's letters, and one that fails."""

    def wait_for_selector(self) -> None:
        """Wait."""

    @property
    def viewport(self) -> int:
        """Fail from within."""
        raise AttributeError("from within")


def said(of: Any, name: str) -> str:
    with pytest.raises(AttributeError) as caught:
        getattr(of, name)
    return str(caught.value)


@pytest.mark.parametrize("name", ADVICE)
def test_what_is_advised_is_there(name: str) -> None:
    for word, member in re.findall(r"\b(browser|context|page|locator)\.(\w+)", ADVICE[name]):
        assert hasattr(BY_WORD[word], member) or f"{word}.{member}" in OF_INSTANCES


@pytest.mark.parametrize("name", ADVICE)
def test_the_name_is_missing_somewhere(name: str) -> None:
    assert not all(hasattr(each, name) for each in CLASSES)
    assert said(NamedElsewhere(), name) == f"'NamedElsewhere' object has no attribute {name!r}: {ADVICE[name]}"


def test_the_error_says_what_there_is() -> None:
    browser = FakeChrome().browser()
    context = browser.default_context
    assert "page.console.subscribe" in said(browser, "on")
    assert said(browser, "newPage") == "'Browser' object has no attribute 'newPage': it is called new_page"
    assert said(context, "expect_page").endswith("context.page_opened.expect() as opened: ...")


def test_of_a_name_in_other_letters_both_are_known() -> None:
    assert said(Own(), "waitForSelector").endswith("it is called wait_for_selector")
    assert said(Own(), "waitForResponse") == said(Own(), "wait_for_response").replace("wait_for_r", "waitForR")


@pytest.mark.parametrize(
    ("theirs", "ours"),
    [
        ("createPDFStream", "page.pdf_chunks()"),
        ("emulateCPUThrottling", "context.set_cpu_throttling()"),
        ("waitForXPath", "xpath="),
        ("JJeval", "page.eval_on_selector_all(selector, expression)"),
        ("JJ", "query_selector_all(selector)"),
        ("find_element_by_css_selector", "page.locator(selector)"),
    ],
)
def test_capitals_in_names_are_words_too(theirs: str, ours: str) -> None:
    assert ours in said(NamedElsewhere(), theirs)


def test_capitals_in_names_that_are_here_are_words_too() -> None:
    page = object.__new__(Page)
    assert said(page, "setExtraHTTPHeaders").endswith("it is called set_extra_http_headers")
    assert said(page, "newCDPSession").endswith("it is called new_cdp_session")


@pytest.mark.parametrize(
    ("of", "name", "advice"),
    [
        (Request, "abort", "page.route(pattern, handler) stops requests"),
        (Request, "isNavigationRequest", "it is called is_navigation_request"),
        (Response, "statusText", "it is called status_text"),
        (Session, "send", 'session.execute_raw("Page.enable")'),
        (Session, "on", "session.events(cdp.page.LoadEventFired)"),
        (Dialog, "text", "dialog.message"),
        (Keyboard, "insertText", "it is called insert_text"),
        (Mouse, "dbclick", "did you mean 'dblclick'?"),
    ],
)
def test_what_belongs_to_a_page_tells_it_too(of: type[Any], name: str, advice: str) -> None:
    assert advice in said(object.__new__(of), name)


def test_a_message_and_its_names() -> None:
    message = object.__new__(ConsoleMessage)
    message.stack = ""
    assert said(message, "stakc").endswith("did you mean 'stack'?")


def test_other_names_and_failed_properties_say_what_they_always_do() -> None:
    assert said(Own(), "nothing") == "'Own' object has no attribute 'nothing'"
    assert said(Own(), "viewport") == "from within"
    assert not hasattr(Own(), "on")


def test_what_is_like_another_name_is_told() -> None:
    browser = FakeChrome().browser()
    assert said(browser, "new_contxt") == "'Browser' object has no attribute 'new_contxt': did you mean 'new_context'?"
    for of, name, near in (
        (expect(object.__new__(Locator)), "to_be_visble", "to_be_visible"),
        (expect(object.__new__(Page)), "to_have_titel", "to_have_title"),
    ):
        assert said(of, name).endswith(f"did you mean {near!r}?")
        assert not hasattr(of, name)
    assert "not_to_be_visible()" in said(expect(object.__new__(Locator)), "not_")
    assert said(expect(object.__new__(Locator)), "toBeVisible").endswith("it is called to_be_visible")


def test_python_does_not_say_it_once_more() -> None:
    with pytest.raises(AttributeError) as caught:
        Own().wait_for_selecter  # type: ignore[attr-defined]  # noqa: B018
    text = "".join(traceback.format_exception_only(caught.value))
    assert text.count("wait_for_selector") == 1


def test_private_names_are_not_compared() -> None:
    assert said(Own(), "_wait_for_selecter") == "'Own' object has no attribute '_wait_for_selecter'"


def test_the_package_tells_it_too() -> None:
    assert said(txcdp, "lanuch") == "module 'txcdp' has no attribute 'lanuch': did you mean 'launch'?"
    assert said(txcdp, "TimeoutError").endswith("txcdp.DeadlineError, which is also Python's own TimeoutError")
    assert said(txcdp, "xyz") == "module 'txcdp' has no attribute 'xyz'"
    assert not hasattr(txcdp, "lanuch")
