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
_HANDLE: Final = "use a locator: see page.locator(selector)"
_NEW_CONTEXT: Final = "use the option of browser.new_context()"

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
    "eval_on_selector": "locator.evaluate(expression), or page.eval_on_selector(selector, expression)",
    "eval_on_selector_all": "locator.evaluate_all(expression), or page.eval_on_selector_all(selector, expression)",
    "tracing": "page.tracing writes Chromium's trace, of all of the browser",
    "browser_type": "txcdp.launch(), txcdp.connect()",
    "request": "page.context.request",
    "video": "page.save_screencast(path)",
    "pause": "there is no inspector; `txcdp repl URL` opens a prompt with a page",
    "background_pages": "browser.targets is a stream of all targets",
    # Puppeteer
    "pages": "context.pages, of each context of browser.contexts",
    "authenticate": "context.set_http_credentials()",
    "cookies": "context.cookies()",
    "set_cookie": "context.add_cookies()",
    "delete_cookie": "context.clear_cookies()",
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
    "set_window_size": "page.set_viewport_size()",
    "switch_to": "page.frame_locator(selector) for frames, context.pages for windows, page.dialogs for alerts",
    "window_handles": "context.pages",
    "send_keys": "locator.fill(text), or locator.press_sequentially(text)",
    "submit": 'locator.press("Enter")',
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
        ours = re.sub(r"(?<=[a-z])(?=[A-Z])", "_", name).lower()
        if ours != name and hasattr(type(self), ours):
            return f"it is called {ours}"
        return self._elsewhere.get(ours) or about_missing(name, dir(self))


class NamedElsewhere(NearNames):
    """Base of what other libraries have, too: the error says what there is here."""

    __slots__ = ()

    _elsewhere = ADVICE
