"""The line is cut, or the browser killed, while calls of every kind wait: each fails at once, and says why.

A page that hangs leaves all unanswered that is asked of it. It does so by a synchronous request to which our server has
no answer, so that it takes no processor time.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from typing import Any, TypeAlias

from twisted.internet.defer import Deferred
from twisted.internet.task import deferLater

import txcdp
from tests.browser.support import BrowserTestCase, WithSharedBrowser, reactor
from tests.browser.support_lines import Forwarder, port_of, through
from tests.support import PATIENCE
from txcdp import expect
from txcdp._deferreds import ignore_failure
from txcdp.chrome import BrowserProcess
from txcdp.domains import runtime
from txcdp.errors import ConnectionLost
from txcdp.page import Page
from txcdp.streams import first

#: By their names, what begins each.
Calls: TypeAlias = dict[str, Callable[[], Awaitable[Any]]]

LONG = 300.0
NEVER = "() => new Promise(() => {})"
HANG = "const asking = new XMLHttpRequest(); asking.open('GET', '/hanging', false); asking.send()"
HTML = """<!doctype html><title>t</title><input id=field><input id=box type=checkbox disabled><p id=hidden hidden>x
<button disabled>B</button><select disabled><option>1</select><iframe srcdoc=inner></iframe><img src=/held>"""


def waiting(page: Page) -> Calls:
    """Return calls that wait for what never comes, of a page that lives."""
    t: Any = {"timeout": LONG}
    field, button, hidden, none = (page.locator(each) for each in ("#field", "button", "#hidden", "#none"))

    async def expected(waiting: Any) -> None:
        async with waiting:
            pass

    return {
        "wait_for_load_state": lambda: page.wait_for_load_state(**t),
        "wait_for_url": lambda: page.wait_for_url("**/never", **t),
        "wait_for_timeout": lambda: page.wait_for_timeout(LONG),
        "wait_for_function": lambda: page.wait_for_function("false", **t),
        "wait_for_function, by intervals": lambda: page.wait_for_function("false", polling=0.1, **t),
        "wait_for_selector": lambda: page.wait_for_selector("#none", **t),
        "wait_for_exchange": lambda: page.wait_for_exchange(lambda _: False, **t),
        "network_idle": lambda: page.network_idle(**t),
        "expect_navigation": lambda: expected(page.expect_navigation(**t)),
        "popups.expect": lambda: expected(page.popups.expect(**t)),
        "evaluate": lambda: page.evaluate(NEVER, **t),
        "evaluate_handle": lambda: page.evaluate_handle(NEVER, **t),
        "frame.evaluate": lambda: page.frames[-1].evaluate(NEVER, **t),
        "add_script_tag": lambda: page.add_script_tag(url="/held", **t),
        "add_style_tag": lambda: page.add_style_tag(url="/held", **t),
        "first(console)": lambda: first(page.console, **t),
        "first(dialogs)": lambda: first(page.dialogs, **t),
        "first(downloads)": lambda: first(page.downloads, **t),
        "first(web_sockets)": lambda: first(page.web_sockets, **t),
        "first(context.dialogs)": lambda: first(page.context.dialogs, **t),
        "locator.wait_for": lambda: none.wait_for(**t),
        "locator.click, none": lambda: none.click(**t),
        "locator.click, disabled": lambda: button.click(**t),
        "locator.click, hidden": lambda: hidden.click(**t),
        "locator.dblclick": lambda: button.dblclick(**t),
        "locator.hover": lambda: hidden.hover(**t),
        "locator.tap": lambda: hidden.tap(**t),
        "locator.fill": lambda: none.fill("x", **t),
        "locator.press": lambda: none.press("Enter", **t),
        "locator.press_sequentially": lambda: field.press_sequentially("xy", delay=LONG, **t),
        "locator.check": lambda: page.locator("#box").check(**t),
        "locator.select_option": lambda: page.locator("select").select_option("1", **t),
        "locator.set_input_files": lambda: none.set_input_files([], **t),
        "locator.drag_to": lambda: field.drag_to(none, **t),
        "locator.focus": lambda: none.focus(**t),
        "locator.dispatch_event": lambda: none.dispatch_event("click", **t),
        "locator.evaluate": lambda: field.evaluate(NEVER, **t),
        "locator.text_content": lambda: none.text_content(**t),
        "locator.get_attribute": lambda: none.get_attribute("id", **t),
        "locator.bounding_box": lambda: none.bounding_box(**t),
        "locator.screenshot": lambda: hidden.screenshot(**t),
        "expect(locator)": lambda: expect(none, **t).to_be_visible(),
        "expect(page)": lambda: expect(page, **t).to_have_url("**/never"),
    }


def unanswered(page: Page) -> Calls:
    """Return calls that a page does not answer that hangs."""
    t: Any = {"timeout": LONG}
    field = page.locator("#field")
    return {
        "evaluate, hanging": lambda: page.evaluate("1", **t),
        "title": page.title,
        "content": page.content,
        "set_content": lambda: page.set_content("x", **t),
        "screenshot": lambda: page.screenshot(**t),
        "query_selector": lambda: page.query_selector("*"),
        "aria_snapshot": lambda: page.aria_snapshot(**t),
        "accessibility": page.accessibility.snapshot,
        "metrics": page.metrics,
        "add_init_script": lambda: page.add_init_script("1"),
        "expose_function": lambda: page.expose_function("called", int),
        "mouse": lambda: page.mouse.click(1, 1),
        "keyboard": lambda: page.keyboard.type("x"),
        "emulate_media": lambda: page.emulate_media(media="print"),
        "context.emulate_media": lambda: page.context.emulate_media(color_scheme="dark"),
        "context.add_init_script": lambda: page.context.add_init_script("1"),
        "context.expose_function": lambda: page.context.expose_function("called_too", int),
        "clock": page.clock.install,
        "locator.click, hanging": lambda: field.click(**t),
        "locator.fill, hanging": lambda: field.fill("x", **t),
        "locator.count": field.count,
        "expect, hanging": lambda: expect(field, **t).to_have_value("x"),
    }


def quick(page: Page, other: Page, url: str) -> Calls:
    """Return calls that the browser answers at once, unless it is gone the moment after."""
    context, browser = page.context, page.browser
    return {
        "goto": lambda: page.goto(url, timeout=LONG),
        "reload": lambda: other.reload(timeout=LONG),
        "go_back": lambda: page.go_back(timeout=LONG),
        "pdf": page.pdf,
        "bring_to_front": page.bring_to_front,
        "set_viewport_size": lambda: page.set_viewport_size({"width": 300, "height": 200}),
        "set_extra_http_headers": lambda: page.set_extra_http_headers({"a": "b"}),
        "set_cache_enabled": lambda: page.set_cache_enabled(False),
        "route": lambda: page.route("**/never", lambda route: route.continue_()),
        "route_web_socket": lambda: page.route_web_socket("ws://never/", lambda _: None),
        "new_cdp_session": page.new_cdp_session,
        "context.new_page": context.new_page,
        "context.cookies": context.cookies,
        "context.add_cookies": lambda: context.add_cookies([{"name": "a", "value": "b", "url": url}]),
        "context.storage_state": context.storage_state,
        "context.grant_permissions": lambda: context.grant_permissions(["geolocation"]),
        "context.set_geolocation": lambda: context.set_geolocation({"latitude": 1, "longitude": 1}),
        "context.set_offline": lambda: context.set_offline(True),
        "context.set_extra_http_headers": lambda: context.set_extra_http_headers({"a": "b"}),
        "context.route": lambda: context.route("**/never", lambda route: route.continue_()),
        "browser.new_context": browser.new_context,
        "browser.new_page": browser.new_page,
        "browser.version": browser.version,
    }


class PendingCase(BrowserTestCase):
    """Two pages, one of which hangs; calls are begun in both, and what ends them comes in the same turn."""

    async def ended(self, browser: txcdp.Browser, end: Callable[[], object]) -> None:
        self.server.held("/held")
        hanging = self.server.held("/hanging")
        url = self.server.page("/", HTML)
        context = await browser.new_context()
        page, hung = await context.new_page(), await context.new_page()
        for each in (page, hung):
            await each.goto(url, wait_until="domcontentloaded")
        hung.session.execute(runtime.evaluate(expression=HANG), timeout=None).addErrback(ignore_failure)
        await hanging.asked
        before = set(reactor.getDelayedCalls())
        calls = waiting(page) | unanswered(hung)
        begun = {name: self.begin(call) for name, call in calls.items()}
        await browser.version()  # what was to be sent has been
        begun |= {name: self.begin(call) for name, call in quick(page, hung, url).items()}
        self.assertEqual([name for name, each in begun.items() if each.called], [])
        closed = browser.when_closed()
        end()
        await closed
        await deferLater(reactor, 0)
        self.assertEqual([name for name, each in begun.items() if not each.called], [])
        for name, done in begun.items():
            error: Any = await self.assertFailure(done, ConnectionLost)
            self.assertIn("the browser disconnected without a closing handshake", str(error), name)
        self.assertEqual(list(page._tree.waiters), [])
        left = [each for each in reactor.getDelayedCalls() if each not in before and self.is_ours(each)]
        self.assertEqual(left, [])
        # And who calls from now on hears it at once.
        for name, call in (calls | quick(page, hung, url)).items():
            again = self.begin(call)
            self.assertTrue(again.called, name)
            await self.assertFailure(again, ConnectionLost)

    @staticmethod
    def begin(call: Callable[[], Awaitable[Any]]) -> Deferred[Any]:
        begun = call()
        return begun if isinstance(begun, Deferred) else Deferred.fromCoroutine(begun)  # type: ignore[arg-type]

    @staticmethod
    def is_ours(call: Any) -> bool:
        """Leave out what a killed process waits with for its children: it is told of its end apart from the line's."""
        module = str(getattr(call.func, "__module__", ""))
        return module.startswith("txcdp") and not module.startswith("txcdp.chrome")


class CutTests(WithSharedBrowser, PendingCase):
    async def test_the_line_is_cut(self):
        process = (await self.borrowed()).process
        assert isinstance(process, BrowserProcess)
        forwarder = Forwarder(port_of(process))
        await forwarder.open()
        self.addCleanup(lambda: Deferred.fromCoroutine(forwarder.close()))
        browser = await txcdp.connect(reactor, through(process, forwarder.port), timeout=PATIENCE, probes=None)
        self.addCleanup(browser.close)
        await self.ended(browser, lambda: [each.transport.abortConnection() for each in forwarder.sides])


class KilledTests(PendingCase):
    async def test_the_browser_is_killed(self):
        browser = await self.launch(timeout=PATIENCE, probes=None)
        process = browser.process
        assert process is not None
        await self.ended(browser, process.kill)
