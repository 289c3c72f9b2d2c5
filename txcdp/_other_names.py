"""Names that are not here: who asks for one is told which one is like it.

Pages and what they belong to have other names in other libraries, and who asks for one is told what there is here.
Most of Playwright's names are ours, and Puppeteer's are the same in other letters. What is left is what streams,
Deferreds and contexts have taken the place of, and what Selenium calls otherwise.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from typing import TYPE_CHECKING, Any, ClassVar, Final

from txcdp._arguments import did_you_mean

_STREAMS: Final = (
    "events are streams: page.console.subscribe(print), or page.dialogs, page.responses and so on; what subscribe() "
    "returns ends it by its dispose()"
)
_NEXT: Final = "each event is a stream of its own: async with page.popups.expect() as popup: ..."
_ELEMENTS: Final = "page.locator(selector)"
_HANDLE: Final = "page.locator(selector) has it; a handle has handle.evaluate(function), which gets the element"
_ONE: Final = "query_selector(selector)"
_ALL: Final = "query_selector_all(selector)"
_ON_ONE: Final = "locator.evaluate(expression), or page.eval_on_selector(selector, expression)"
_ON_ALL: Final = "locator.evaluate_all(expression), or page.eval_on_selector_all(selector, expression)"
_BOX: Final = "locator.bounding_box()"
_ELSEWHERE: Final = "page.frame_locator(selector) for frames, context.pages for windows, page.dialogs for alerts"
_REMOVAL: Final = "what it was added with has fired with an object that removes it: by dispose(), or close()"
_WINDOW: Final = "page.set_viewport_size(); a page is as large as its window with browser.new_context(no_viewport=True)"
_NEW_CONTEXT: Final = "use the option of browser.new_context()"

#: Where a word of a name in other letters begins: ``create|PDF|Stream``.
_WORDS: Final = re.compile(r"(?<=[a-z])(?=[A-Z])|(?<=[A-Z])(?=[A-Z][a-z])")

#: What there is in place of a name, in words that name it.
ADVICE: Final[Mapping[str, str]] = {
    # Playwright and, in its letters, Puppeteer
    "on": _STREAMS,
    "once": _NEXT,
    "off": _STREAMS,
    "add_listener": _STREAMS,
    "remove_listener": _STREAMS,
    "remove_all_listeners": _STREAMS,
    "expect_event": _NEXT,
    "wait_for_event": _NEXT,
    "expect_popup": "async with page.popups.expect() as popup: ...",
    "expect_page": "async with context.page_opened.expect() as opened: ...",
    "expect_download": "async with page.downloads.expect() as download: ...",
    "expect_file_chooser": "async with page.file_choosers.expect() as chooser: ...",
    "expect_console_message": "async with page.console.expect() as message: ...",
    "expect_request": "async with page.requests.expect(url_or_function) as request: ...",
    "expect_request_finished": "async with page.requests_finished.expect(url_or_function) as request: ...",
    "expect_response": "async with page.responses.expect(url_or_function) as response: ...",
    "expect_websocket": "async with page.web_sockets.expect() as web_socket: ...",
    "expect_worker": "async with page.worker_started.expect() as worker: ...",
    "console_messages": "page.console is a stream of them",
    "clear_console_messages": "page.console is a stream, which keeps none",
    "clear_page_errors": "page.page_errors is a stream, which keeps none",
    "eval_on_selector": _ON_ONE,
    "eval_on_selector_all": _ON_ALL,
    "tracing": "page.tracing writes Chromium's trace, of all of the browser",
    "browser_type": "txcdp.launch(), txcdp.connect()",
    "request": "page.context.request",
    "video": "page.save_screencast(path)",
    "pause": "there is no inspector; `txcdp repl URL` opens a prompt with a page",
    "background_pages": "browser.targets is a stream of all targets",
    # Puppeteer
    "j": _ONE,
    "jj": _ALL,
    "jeval": _ON_ONE,
    "query_selector_eval": _ON_ONE,
    "j_jeval": _ON_ALL,
    "query_selector_all_eval": _ON_ALL,
    "jx": f"{_ALL}; it takes XPath, too",
    "xpath": f"{_ALL}; it takes XPath, too",
    "pages": "context.pages, of each context of browser.contexts",
    "authenticate": "context.set_http_credentials()",
    "cookies": "context.cookies()",
    "set_cookie": "context.add_cookies()",
    "delete_cookie": "context.clear_cookies()",
    "browser_context": "page.context",
    "default_browser_context": "browser.default_context",
    "disconnect": "browser.close(); a browser that you have connected to keeps running",
    "override_permissions": "context.grant_permissions()",
    "client": "page.session, or page.new_cdp_session()",
    "emulate": f"{_NEW_CONTEXT}: **txcdp.devices[name]",
    "remove_exposed_function": _REMOVAL,
    "remove_script_to_evaluate_on_new_document": _REMOVAL,
    "upload_file": "locator.set_input_files(paths)",
    "box_model": _BOX,
    "scroll_into_view": "locator.scroll_into_view_if_needed()",
    "drag_and_drop": "locator.drag_to(target), or page.drag_and_drop(source, target)",
    "wait_for": "page.wait_for_selector(), page.wait_for_function(), or page.wait_for_timeout(seconds)",
    "wait_for_frame": "page.frame_locator(selector), which waits, or page.frame(name)",
    "wait_for_target": "async with context.page_opened.expect() as opened: ...",
    "create_browser_context": "browser.new_context()",
    "create_incognito_browser_context": "browser.new_context()",
    "create_cdp_session": "page.new_cdp_session()",
    "create_pdf_stream": "page.pdf_chunks()",
    "evaluate_on_new_document": "page.add_init_script()",
    "set_bypass_csp": f"{_NEW_CONTEXT}: bypass_csp=True",
    "set_java_script_enabled": f"{_NEW_CONTEXT}: java_script_enabled=False",
    "set_request_interception": "page.route(pattern, handler); only requests that match are intercepted",
    "set_user_agent": "context.set_user_agent()",
    "set_geolocation": "context.set_geolocation()",
    "set_offline_mode": "context.set_offline()",
    "set_viewport": "page.set_viewport_size()",
    "viewport": "page.viewport_size",
    "emulate_timezone": f"{_NEW_CONTEXT}: timezone_id=",
    "emulate_cpu_throttling": "context.set_cpu_throttling()",
    "emulate_network_conditions": "context.set_network_conditions()",
    "emulate_media_features": "page.emulate_media()",
    "emulate_media_type": "page.emulate_media()",
    "wait_for_navigation": "async with page.expect_navigation(): ...",
    "wait_for_network_idle": 'page.wait_for_load_state("networkidle"), or page.network_idle()',
    "wait_for_request": "async with page.requests.expect(url_or_function) as request: ...",
    "wait_for_response": "async with page.responses.expect(url_or_function) as response: ...",
    "wait_for_file_chooser": "async with page.file_choosers.expect() as chooser: ...",
    "wait_for_x_path": 'page.wait_for_selector("xpath=...")',
    # Selenium
    "find_element": _ELEMENTS,
    "find_elements": f"{_ELEMENTS}; its all() returns one for each element",
    **{
        f"find_{what}_by_{by}": f"{_ELEMENTS}; its all() returns one for each element"
        for what in ("element", "elements")
        for by in ("id", "name", "xpath", "link_text", "partial_link_text", "tag_name", "class_name", "css_selector")
    },
    "title": "page.title()",
    "get": "page.goto(url)",
    "refresh": "page.reload()",
    "back": "page.go_back()",
    "forward": "page.go_forward()",
    "current_url": "page.url",
    "page_source": "page.content()",
    "execute_script": "page.evaluate(script)",
    "execute_async_script": "page.evaluate(script), which awaits promises",
    "execute_cdp_cmd": "page.session.execute(command)",
    "implicitly_wait": "page.set_default_timeout(seconds): locators wait by themselves",
    "save_screenshot": "page.screenshot(path)",
    "get_screenshot_as_file": "page.screenshot(path)",
    "get_screenshot_as_png": "page.screenshot()",
    **dict.fromkeys(("set_window_size", "maximize_window", "minimize_window", "fullscreen_window"), _WINDOW),
    "get_window_size": "page.viewport_size",
    **dict.fromkeys(("switch_to", "switch_to_frame", "switch_to_window", "switch_to_alert"), _ELSEWHERE),
    "switch_to_default_content": _ELSEWHERE,
    "window_handles": "context.pages",
    "current_window_handle": "context.pages has the pages themselves",
    "new_window": "context.new_page()",
    "get_cookie": "context.cookies()",
    "get_cookies": "context.cookies()",
    "add_cookie": "context.add_cookies()",
    "delete_all_cookies": "context.clear_cookies()",
    "get_log": "page.console is a stream of the messages",
    "print_page": "page.pdf()",
    "set_page_load_timeout": "page.set_default_navigation_timeout(seconds)",
    "set_script_timeout": "page.evaluate(script, timeout=seconds)",
    "send_keys": "locator.fill(text), or locator.press_sequentially(text)",
    "submit": 'locator.press("Enter")',
    **dict.fromkeys(("rect", "size", "location", "location_once_scrolled_into_view"), _BOX),
    "text": "locator.text_content(), or locator.inner_text()",
    "value": "locator.input_value()",
    "get_property": 'locator.evaluate("element => element.name")',
    "tag_name": 'locator.evaluate("element => element.localName")',
    "value_of_css_property": 'locator.evaluate("element => getComputedStyle(element).color")',
    "shadow_root": "locators find what is in open shadow roots",
    "select_by_visible_text": "locator.select_option(label=text)",
    "select_by_value": "locator.select_option(value)",
    "select_by_index": "locator.select_option(index=index)",
    "deselect_all": "locator.select_option([])",
    "options": 'locator.locator("option")',
    **dict.fromkeys(("first_selected_option", "all_selected_options"), 'locator.locator("option:checked")'),
    "move_to_element": "locator.hover()",
    "click_and_hold": "locator.hover(), then page.mouse.down()",
    "context_click": 'locator.click(button="right")',
    "double_click": "locator.dblclick()",
    "is_displayed": "locator.is_visible()",
    "is_selected": "locator.is_checked()",
    "quit": "browser.close()",
    # what Playwright's element handles have, and ours leave to locators
    **dict.fromkeys(
        (
            "inner_html", "inner_text", "input_value", "is_checked", "is_disabled", "is_editable", "is_enabled",
            "is_hidden", "is_visible", "focus", "dispatch_event", "scroll_into_view_if_needed", "select_text",
            "set_checked", "wait_for_element_state", "wait_for_selector",
        ),
        _HANDLE,
    ),
}  # fmt: skip

#: The same for a request: in Puppeteer's programs it is the request itself that is answered.
ADVICE_OF_REQUESTS: Final[Mapping[str, str]] = dict.fromkeys(
    ("abort", "continue", "continue_", "respond", "fulfill", "fallback"),
    "page.route(pattern, handler) stops requests, and calls the handler with a route, which has abort(), continue_() "
    "and fulfill()",
)

#: The same for a session.
ADVICE_OF_SESSIONS: Final[Mapping[str, str]] = {
    "send": 'session.execute(cdp.page.enable()), or session.execute_raw("Page.enable")',
    **dict.fromkeys(
        ("on", "once", "off", "add_listener", "remove_listener"),
        "session.events(cdp.page.LoadEventFired).subscribe(function); what that returns has dispose()",
    ),
}

#: The same for a dialog.
ADVICE_OF_DIALOGS: Final[Mapping[str, str]] = {"text": "dialog.message", "send_keys": "dialog.accept(text)"}

#: The same for the package itself.
ADVICE_OF_PACKAGE: Final[Mapping[str, str]] = {
    **dict.fromkeys(("async_playwright", "sync_playwright", "chromium"), "txcdp.launch(reactor) starts a browser"),
    "connect_over_cdp": "txcdp.connect(reactor, url)",
    "TimeoutError": "txcdp.DeadlineError, which is also Python's own TimeoutError",
    "Error": "txcdp.TxcdpError",
}


def about_missing(name: str, known: Iterable[str]) -> str:
    """Return what to say of a name that something has not; nothing where none is like it, or it is private.

    Python says that where it prints a traceback itself, but not where Twisted logs a failure, or a reactor ends by one.

    :param known: what it has.
    """
    return "" if name.startswith("_") else did_you_mean(name, (each for each in known if not each.startswith("_")))


class NearNames:
    """Base of what is asked for by name: the error for a name that is not here says which one is like it."""

    __slots__ = ()

    #: What there is in place of names of other libraries.
    _elsewhere: ClassVar[Mapping[str, str]] = {}

    if not TYPE_CHECKING:  # a checker is to refuse such names

        def __getattr__(self, name: str) -> Any:
            known = type(self)
            advice = "" if hasattr(known, name) else self._about(name)
            if not advice:
                return object.__getattribute__(self, name)  # raises what it raised: a property may have failed
            # Without the object: Python would say once more what is like the name.
            raise AttributeError(f"{known.__name__!r} object has no attribute {name!r}: {advice}", name=name)

    def _about(self, name: str) -> str:
        ours = _WORDS.sub("_", name).lower()
        if ours != name and hasattr(type(self), ours):
            return f"it is called {ours}"
        return self._elsewhere.get(ours) or about_missing(name, dir(self))


class NamedElsewhere(NearNames):
    """Base of what other libraries have, too: the error says what there is here."""

    __slots__ = ()

    _elsewhere = ADVICE
