"""Pages of a real browser: where they go, what they evaluate, and that nothing hangs when they end."""

from __future__ import annotations

import array
import contextlib
import math
import re
import struct
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from twisted.internet.defer import CancelledError, Deferred, gatherResults
from twisted.internet.task import deferLater

import txcdp
from tests.browser.support import (
    BrowserTestCase,
    Held,
    SharedBrowserTestCase,
    evaluate_leaving,
    got,
    pages_are_closing,
    reactor,
    refusing_port,
)
from txcdp.domains import network, page, runtime, target
from txcdp.errors import (
    AlreadyHandled,
    CommandTimeout,
    ConnectionLost,
    ContextDestroyed,
    DialogOpen,
    DownloadStarted,
    EvaluationError,
    InvalidPageURL,
    NavigationError,
    NavigationInterrupted,
    NavigationTimeout,
    NotSerializable,
    SessionDetached,
    TargetCrashed,
)
from txcdp.page import JSError, Page, _commits
from txcdp.streams import first, queue


def crash(tab: Page) -> None:
    """Let the page's process crash."""
    tab.session.execute(page.crash()).addErrback(lambda _: None)


async def hang(tab: Page) -> None:
    """Let the page's script run for ever."""
    began = first(tab.events(runtime.ConsoleAPICalled))
    tab.session.execute(runtime.evaluate(expression="console.log(1); while (true);"), timeout=None).addErrback(
        lambda _: None
    )
    await began


def subscribers(tab: Page) -> list[str]:
    """Name the events of a page that have subscribers."""
    return sorted(tab.session.listened)


class NavigationTests(SharedBrowserTestCase):
    async def test_goto_tells_where_it_has_led(self):
        tab = await self.page()
        self.server.page("/old", status=302, location="/new")
        url = self.server.page("/new", "<title>New</title>", x_made_by="test")
        there = got(await tab.goto(self.server.url("/old")))
        self.assertEqual(there.url, url)
        self.assertIs(there.frame, tab.main_frame)
        self.assertEqual(there.status, 200)
        self.assertEqual(there.headers["x-made-by"], "test")
        self.assertEqual(await there.text(), "<title>New</title>")
        tree = (await tab.session.execute(page.get_frame_tree())).frame_tree
        self.assertEqual(tree.frame.id, tab.main_frame_id)
        self.assertEqual(await tab.title(), "New")
        self.assertEqual(tab.url, url)

    async def test_goto_waits_as_long_as_it_is_told(self):
        tab = await self.page()
        picture = self.server.held("/picture", content_type="image/png")
        later = self.server.held("/later", content_type="text/plain")
        body = self.server.held("/", "<!doctype html><title>Held</title><img src=/picture>" + " " * 2000)
        seen = []

        def goes_on(wait_until: Any) -> Deferred[None]:
            return tab.goto(self.server.url("/"), wait_until).addCallback(lambda _: seen.append(wait_until))

        await goes_on("commit")
        self.assertEqual(tab.url, self.server.url("/"))
        parsed = goes_on("domcontentloaded")
        await first(tab.events(page.FrameNavigated))
        self.assertEqual(seen, ["commit"])
        body.release(b"<p>the end<script>onload = () => fetch('/later')</script>")
        await parsed
        loaded = goes_on("load")
        await first(tab.events(page.DomContentEventFired))
        await tab.evaluate("1")
        self.assertNotIn("load", seen)
        picture.release()
        await loaded
        await later.asked
        idle = goes_on("networkidle")
        await first(tab.events(page.LoadEventFired))
        self.assertNotIn("networkidle", seen)
        later.release()
        await idle

    async def test_a_refusal_by_the_server_is_no_error(self):
        tab = await self.page()
        there = got(await tab.goto(self.server.page("/gone", "<p>Nothing is here", status=404)))
        self.assertEqual(there.status, 404)
        self.assertIn("Nothing is here", await tab.content())

    async def test_empty_pages_and_data(self):
        tab = await self.page()
        self.assertIsNone(await tab.goto("data:text/html,<title>Data</title>", "networkidle"))
        self.assertEqual(tab.url, "data:text/html,<title>Data</title>")
        self.assertEqual(await tab.title(), "Data")
        self.assertIsNone(await tab.goto("about:blank", "networkidle"))
        self.assertEqual(tab.url, "about:blank")

    async def test_only_the_fragment_is_new(self):
        tab = await self.page()
        url = self.server.page("/", "<p id=part>text")
        await tab.goto(url)
        self.assertIsNone(await tab.goto(url + "#part", "networkidle"))
        self.assertEqual(tab.url, url + "#part")
        self.assertEqual(self.server.asked.count("/"), 1)

    async def test_from_host_to_host(self):
        tab = await self.page()
        self.server.page("/", "<p>here")
        for host in ("127.0.0.1", "localhost") * 5:
            url = self.server.url("/", host)
            there = got(await tab.goto(url))
            self.assertEqual((there.url, there.status), (url, 200))
            self.assertEqual(tab.url, url)

    async def test_a_frame_is_not_the_page(self):
        tab = await self.page()
        frame = self.server.held("/frame", "<p>frame")
        self.server.page("/", "<title>Outer</title><iframe src=/frame></iframe>")
        there = got(await tab.goto(self.server.url("/"), "domcontentloaded"))
        self.assertEqual(there.url, self.server.url("/"))
        loaded = tab.reload()
        await frame.asked
        frame.release()
        self.assertEqual(got(await loaded).url, self.server.url("/"))

    async def test_a_redirect_by_script_is_followed(self):
        tab = await self.page()
        self.server.page("/", "<script>location = '/then'</script>")
        url = self.server.page("/then", "<title>Then</title>")
        there = got(await tab.goto(self.server.url("/")))
        self.assertEqual((there.url, there.status), (url, 200))

    async def test_a_redirect_by_script_to_nowhere(self):
        tab = await self.page()
        nowhere = f"http://127.0.0.1:{refusing_port()}/"
        picture = self.server.held("/picture", content_type="image/png")
        url = self.server.page("/", f"<img src=/picture><script>location = '{nowhere}'</script>")
        error = await self.fails(tab.goto(url), NavigationError)
        self.assertEqual((error.url, error.error_text), (nowhere, "net::ERR_CONNECTION_REFUSED"))
        picture.release()

    async def test_nobody_is_there(self):
        tab = await self.page()
        nowhere = f"http://127.0.0.1:{refusing_port()}/"
        error = await self.fails(tab.goto(nowhere), NavigationError)
        self.assertEqual((error.url, error.error_text), (nowhere, "net::ERR_CONNECTION_REFUSED"))
        self.assertIn("could not load " + nowhere, str(error))
        # The page has settled: nothing that comes next is torn away under the error page.
        self.assertEqual(tab.url, "chrome-error://chromewebdata/")

    async def test_no_url_at_all(self):
        tab = await self.page()
        error = await self.fails(tab.goto("http://"), NavigationError)
        self.assertEqual(error.error_text, "Cannot navigate to invalid URL")
        for nonsense, meant in (
            ("nonsense", "'https://nonsense'"),
            ("localhost:8000/x", "'http://localhost:8000/x'"),
            ("127.0.0.1", "'http://127.0.0.1'"),
            ("localhost.example", "'https://localhost.example'"),
            ("example.com", "'https://example.com'"),
            ("/list", "a base_url"),
            ("", "'https://example.com/'"),
        ):
            error = await self.fails(tab.goto(nonsense), InvalidPageURL)
            self.assertIsInstance(error, ValueError)
            self.assertIn(meant, str(error))
        for number in ("javascript:1", "JavaScript:2", "tel:112"):  # no port
            error = await self.fails(tab.goto(number), NavigationError)
            self.assertEqual(error.error_text, "net::ERR_ABORTED")
        await self.fails(tab.goto("about:blank", "idle"), ValueError)  # type: ignore[arg-type]

    async def test_no_content_leaves_the_page_as_it_was(self):
        tab = await self.page()
        await tab.goto(self.server.page("/", "<title>Stays</title>"))
        error = await self.fails(tab.goto(self.server.page("/none", status=204)), NavigationError)
        self.assertEqual(error.error_text, "net::ERR_ABORTED")
        self.assertEqual(await tab.title(), "Stays")

    async def test_a_download(self):
        tab = await self.page()
        await tab.goto(self.server.page("/", "<title>Stays</title>"))
        url = self.server.page("/file", "x", content_disposition="attachment; filename=file")
        error = await self.fails(tab.goto(url), DownloadStarted)
        self.assertIn("is a download", str(error))
        self.assertEqual(await tab.title(), "Stays")

    async def test_a_newer_goto_interrupts(self):
        tab = await self.page()
        slow = self.server.held("/slow")
        url = self.server.page("/", "<title>Newer</title>")
        older = tab.goto(self.server.url("/slow"))
        await slow.asked
        newer = tab.goto(url)
        error = await self.fails(older, NavigationInterrupted)
        self.assertEqual((error.url, error.by), (self.server.url("/slow"), url))
        self.assertEqual(got(await newer).url, url)
        self.assertEqual(await tab.title(), "Newer")

    async def test_the_same_url_twice(self):
        tab = await self.page()
        url = self.server.page("/", "<title>Here</title>")
        for _ in range(5):
            going = [tab.goto(url) for _ in range(3)]
            for older in going[:-1]:
                await self.fails(older, NavigationInterrupted)
            self.assertEqual(got(await going[-1]).url, url)
            self.assertEqual(await tab.title(), "Here")

    async def test_the_last_of_many_wins(self):
        tab = await self.page()
        urls = [self.server.page(f"/{number}", f"<title>{number}</title>") for number in range(10)]
        going = [tab.goto(url) for url in urls]
        for older in going[:-1]:
            await self.fails(older, NavigationInterrupted)
        self.assertEqual(got(await going[-1]).url, urls[-1])
        self.assertEqual(await tab.title(), "9")

    async def test_whoever_is_interrupted_may_try_again_at_once(self):
        tab = await self.page()
        slow = self.server.held("/slow")
        url = self.server.page("/", "<title>Again</title>")
        again: list[Deferred[Any]] = []
        older = tab.goto(self.server.url("/slow"))
        older.addErrback(lambda _: again.append(tab.goto(url)))
        await slow.asked
        await self.fails(tab.goto(self.server.url("/slow")), NavigationInterrupted)
        self.assertEqual((await again[0]).url, url)

    async def test_somebody_else_sends_it_elsewhere(self):
        tab = await self.page()
        slow = self.server.held("/slow")
        elsewhere = self.server.page("/elsewhere", "<title>Elsewhere</title>")
        going = tab.goto(self.server.url("/slow"))
        await slow.asked
        there = first(tab.events(page.FrameNavigated))
        await tab.session.execute(page.navigate(url=elsewhere))
        error = await self.fails(going, NavigationError)
        self.assertEqual(error.error_text, "net::ERR_ABORTED")
        self.assertEqual((await there).frame.url, elsewhere)

    async def test_no_answer_in_time(self):
        tab = await self.page()
        await tab.goto(self.server.page("/", "<title>Stays</title>"))
        self.server.held("/slow")
        error = await self.fails(tab.goto(self.server.url("/slow"), timeout=0.3), NavigationTimeout)
        self.assertIsInstance(error, TimeoutError)
        self.assertEqual((error.url, error.reached, error.seconds), (self.server.url("/slow"), "", 0.3))
        self.assertIn("no response yet", str(error))
        # Otherwise the page would not answer, as long as the navigation is pending.
        self.assertEqual(await tab.title(), "Stays")

    async def test_what_has_begun_goes_on(self):
        tab = await self.page()
        picture = self.server.held("/picture", content_type="image/png")
        parsed = first(tab.events(page.DomContentEventFired))
        going = tab.goto(self.server.page("/", "<title>Slow</title><img src=/picture>"))
        await parsed
        going.cancel()
        await self.fails(going, CancelledError)
        self.assertEqual(await tab.title(), "Slow")
        loaded = first(tab.events(page.LoadEventFired))
        picture.release()
        await loaded

    async def test_cancelling(self):
        tab = await self.page()
        slow = self.server.held("/slow")
        going = tab.goto(self.server.url("/slow"), timeout=None)
        await slow.asked
        going.cancel()
        await self.fails(going, CancelledError)
        self.assertEqual(tab.url, "about:blank")

    async def test_nothing_is_left_behind(self):
        tab = await self.page(linger=None)
        await tab.evaluate("1")
        delayed = set(reactor.getDelayedCalls())
        url = self.server.page("/", "<title>Here</title>")
        await tab.goto(url)
        await tab.reload()
        await self.fails(tab.goto(f"http://127.0.0.1:{refusing_port()}/"), NavigationError)
        await self.fails(tab.goto("nonsense"), NavigationError)
        self.server.held("/slow")
        await self.fails(tab.goto(self.server.url("/slow"), timeout=0.1), NavigationTimeout)
        cancelled = tab.goto(url)
        cancelled.cancel()
        await self.fails(cancelled, CancelledError)
        await tab.evaluate("1")
        self.assertEqual(subscribers(tab), [])
        self.assertEqual(tab.session._ending._waiters, [])
        left = [call for call in reactor.getDelayedCalls() if call not in delayed]
        ours = [str(call) for call in left if call.func.__module__.startswith("txcdp.")]  # the rest is the web server's
        self.assertEqual(ours, [])


class ReloadTests(SharedBrowserTestCase):
    async def test_reload(self):
        tab = await self.page()
        url = self.server.page("/", "<title>Before</title>")
        before = got(await tab.goto(url))
        self.server.page("/", "<title>After</title>")
        after = got(await tab.reload(ignore_cache=True))
        self.assertEqual((after.url, after.status), (url, 200))
        self.assertIsNot(after, before)
        self.assertEqual(await tab.title(), "After")
        after = got(await tab.reload("networkidle"))
        self.assertEqual(after.url, url)
        await self.fails(tab.reload("idle"), ValueError)  # type: ignore[arg-type]

    async def test_what_was_there_is_there_no_more(self):
        tab = await self.page()
        url = self.server.page("/", "<title>Before</title>")
        await tab.goto(url)
        self.server.page("/", status=204)
        error = await self.fails(tab.reload(), NavigationError)
        self.assertEqual((error.url, error.error_text), (url, "net::ERR_ABORTED"))
        await self.server.stop()
        error = await self.fails(tab.reload(), NavigationError)
        self.assertEqual((error.url, error.error_text), (url, "net::ERR_CONNECTION_REFUSED"))

    async def test_reload_and_goto_interrupt_each_other(self):
        tab = await self.page()
        url = self.server.page("/", "<title>Here</title>")
        await tab.goto(url)
        slow = self.server.held("/slow")
        going = tab.goto(self.server.url("/slow"))
        await slow.asked
        reloaded = tab.reload()
        await self.fails(going, NavigationInterrupted)
        self.assertEqual(got(await reloaded).url, url)
        reloading = tab.reload()
        there = tab.goto(url)
        await self.fails(reloading, NavigationInterrupted)
        self.assertEqual(got(await there).url, url)

    async def test_no_answer_in_time(self):
        tab = await self.page()
        url = self.server.page("/", "<title>Here</title>")
        await tab.goto(url)
        self.server.held("/")
        error = await self.fails(tab.reload(timeout=0.3), NavigationTimeout)
        self.assertEqual(error.reached, "")
        self.assertEqual(await tab.title(), "Here")


class EvaluationTests(SharedBrowserTestCase):
    async def test_values(self):
        tab = await self.page()
        values: dict[str, Any] = {
            "undefined": None,
            "null": None,
            "1 + 1": 2,
            "0.5": 0.5,
            "2 ** 53 - 1": 2**53 - 1,
            "'\u00e4\u20ac\U0001f600'": "\u00e4\u20ac\U0001f600",
            "[1, [true, 'two'],, 5]": [1, [True, "two"], None, 5],
            "({a: {b: undefined, d: 1n}})": {"a": {"b": None, "d": 1}},
            "Infinity": math.inf,
            "-Infinity": -math.inf,
            "12345678901234567890n": 12345678901234567890,
            "Promise.resolve(5)": 5,
            "(async () => { await null; return 'late' })()": "late",
            "[document.body, document, window]": ["ref: <Node>", "ref: <Document>", "ref: <Window>"],
            "document.body": "ref: <Node>",
            "[Symbol('x'), () => 1]": [None, None],
            "'\\ud800'": "\ud800",
            "new Date(0)": datetime(1970, 1, 1, tzinfo=UTC),
            "[new Date(1234.5), new Date(NaN)]": [datetime(1970, 1, 1, 0, 0, 1, 234000, UTC), None],
            "new URL('http://a/b#c')": "http://a/b#c",
            "[/a(?<n>b)/gi, /\\p{L}/u]": [re.compile("a(?P<n>b)", re.IGNORECASE), "/\\p{L}/u"],
            "new Map([[1, new Set([2, '3'])]])": {1: [2, "3"]},
            "new Map([[{}, 1]])": [[{}, 1]],
            "new Uint8Array([0, 1, 255])": b"\x00\x01\xff",
            "[new Uint16Array([258]).buffer, new Float32Array([0.5])]": [b"\x02\x01", array.array("f", [0.5])],
            "new Uint8Array([1, 2, 3, 4]).subarray(1, 3)": b"\x02\x03",
            "[new RangeError('far')].map(each => (each.stack = 'there', each))": [
                JSError("far", "RangeError", "there")
            ],
            "new DOMRect(1, 2, 3, 4).toJSON().width": 3,
            "(({width, left}) => [width, left])(new DOMRect(1, 2, 3, 4).toJSON())": [3, 1],
            "new DOMRectReadOnly()": dict.fromkeys(("x", "y", "width", "height", "top", "right", "bottom", "left"), 0),
            "new Proxy({a: 1}, {})": {"a": 1},
            "({toJSON: 5, ['__proto__']: 1})": {"toJSON": 5, "__proto__": 1},
        }
        got = await gatherResults([tab.evaluate(expression) for expression in values])
        self.assertEqual(dict(zip(values, got)), values)
        got = await gatherResults([tab.evaluate(f"() => {{ return {expression}\n}}") for expression in values])
        self.assertEqual(dict(zip(values, got)), values)
        self.assertTrue(math.isnan(await tab.evaluate("NaN")))
        self.assertEqual([math.copysign(1, each) for each in await tab.evaluate("[-0, 0]")], [-1, 1])
        self.assertEqual(math.copysign(1, await tab.evaluate("-0")), -1)
        self.assertEqual([type(each) for each in await tab.evaluate("[1, 1.5, 2 ** 53]")], [int, float, float])
        self.assertEqual(type(await tab.evaluate("2 ** 53")), float)
        self.assertEqual(await tab.evaluate("Promise.resolve(5)", await_promise=False), {})

    async def test_shapes(self):
        tab = await self.page()
        cycle = await tab.evaluate("(() => { const a = {b: []}; a.b[0] = a; a.b[1] = a.b; return a })()")
        self.assertIs(cycle["b"][0], cycle)
        self.assertIs(cycle["b"][1], cycle["b"])
        cycle = await tab.evaluate("(() => { const a = [new Uint8Array(1)]; a[1] = a; return a })()")
        self.assertIs(cycle[1], cycle)
        nested = await tab.evaluate("(() => { let a = 'end'; for (let i = 0; i < 5000; i++) a = [a]; return a })()")
        for _ in range(5000):
            (nested,) = nested
        self.assertEqual(nested, "end")
        rows = "(() => Array.from({length: 700}, (_, id) => ({id, at: new Date(id), text: 'x'})))()"
        once = await tab.evaluate(rows)
        self.assertEqual(await tab.evaluate(rows), once)  # it is read in another way now
        self.assertEqual((len(once), once[699]["at"].microsecond), (700, 699000))
        plain = "Array.from({length: 700}, (_, id) => ({id, text: 'x', none: null}))"
        self.assertEqual(await tab.evaluate(plain), await tab.evaluate(plain))

    async def test_functions(self):
        tab = await self.page()
        for source, outcome in (
            ("() => 1", 1),
            ("a => a + 1", 6),
            ("async (a) => a", 5),
            ("function (a) { return a }", 5),
            ("async function named(a) { return a }", 5),
            ("({a} = {a: 7}, [b] = [a]) => b", None),
            ("(a, b = (() => 2)()) => a + b // that is all", 7),
            ("// it is one\na => a", 5),
            ("(() => a => a)()", 5),
            ("function f() { return 7 }; f()", 7),
            ("(a => a)(8)", 8),
            ("(1) + 2", 3),
            ("async => async", 5),
        ):
            self.assertEqual((source, await tab.evaluate(source, 5)), (source, outcome))
        error = await self.fails(tab.evaluate("() => JSON.parse('{')"), EvaluationError)
        self.assertEqual(error.name, "SyntaxError")
        self.assertEqual(await tab.evaluate("() => { window.times = (window.times || 0) + 1; return times }"), 1)
        source = "function f() { times++; throw new SyntaxError(times) }"
        self.assertEqual((await self.fails(tab.evaluate(source), EvaluationError)).message, "2")

    async def test_what_only_begins_like_a_function(self):
        tab = await self.page()
        for source, value in (("x => x, 5", 5), ("(x) => x, y = 7", 7), ("() => 8", 8)):
            self.assertEqual(await tab.evaluate(source), value)
        self.assertEqual(await tab.evaluate("y"), 7)

    async def test_what_is_given(self):
        tab = await self.page()
        given: list[Any] = [
            None,
            [True, 5, -0.0, math.inf, 2**70, "\ud800\u2028\"'`${}", [], {}],
            {"__proto__": 1, "a": {"b": None}},
            b"\x00\xff" * 100,
            array.array("q", [-1]),
            datetime(2020, 1, 2, 3, 4, 5, 678000, UTC),
            re.compile("a/b(?P<n>c)", re.IGNORECASE | re.MULTILINE),
            JSError("no", "TypeError", "there"),
            {1: "a", 2.5: "b"},
        ]
        for each in given:
            back = await tab.evaluate("a => a", each)
            if isinstance(each, re.Pattern):
                self.assertEqual(back.flags, each.flags)
            else:
                self.assertEqual(back, each)
        kinds = "all => all.map(a => a === null ? 'null' : a.constructor.name)"
        got = await tab.evaluate(
            kinds, [None, b"", {1: 2}, {1}, datetime(2020, 1, 1, tzinfo=UTC), 2**53 + 1, (), re.compile("a")]
        )
        self.assertEqual(got, ["null", "Uint8Array", "Map", "Set", "Date", "BigInt", "Array", "RegExp"])
        cycle: list[Any] = [1]
        cycle.append(cycle)
        self.assertTrue(await tab.evaluate("a => a[1] === a && a[0] === 1", cycle))
        await self.fails(tab.evaluate("a => a", object()), TypeError)

    async def test_what_a_page_has_done_to_its_globals(self):
        tab = await self.page()
        url = self.server.page(
            "/",
            "<!doctype html><title>T</title><form name=title><input name=URL></form><img name=documentElement>"
            "<img name=doctype><p id=XMLSerializer>text<script>"
            "for (const each of ['JSON', 'Date', 'Promise', 'XMLSerializer', 'Map', 'RegExp']) window[each] = null;"
            "for (const each of Object.getOwnPropertyNames(Array.prototype))"
            "  if (each !== 'length') Array.prototype[each] = () => { throw 1 };"
            "Object.prototype.toJSON = () => 7; Object.getOwnPropertyDescriptor = Object.keys = null;"
            "Function.prototype.call = Function.prototype.apply = () => 8;"
            "</script>",
        )
        await tab.goto(url)
        self.assertEqual(await tab.title(), "T")
        self.assertEqual(tab.url, url)
        self.assertTrue((await tab.content()).startswith("<!DOCTYPE html><html><head><title>T</title>"))
        self.assertEqual(await tab.evaluate("(async () => [1, {a: 'b'}, /c/])()"), [1, {"a": "b"}, re.compile("c")])
        self.assertEqual(await tab.evaluate("a => a", {"a": [1, None]}), {"a": [1, None]})
        self.assertEqual(await tab.evaluate("document.querySelector('p').id"), "XMLSerializer")

    async def test_what_cannot_be_read(self):
        tab = await self.page()
        self.assertEqual(await tab.evaluate("({get a() { throw 5 }, b: 1})"), {"b": 1})
        revoked = "(() => { const {proxy, revoke} = Proxy.revocable({}, {}); revoke(); return [proxy] })()"
        error = await self.fails(tab.evaluate(revoked), NotSerializable)
        self.assertIn("a proxy that has been revoked", str(error))

    async def test_exceptions(self):
        tab = await self.page()
        thrown = {
            "(function outer() { throw new RangeError('too far') })()": ("RangeError: too far\n", "at outer ("),
            "no.such": ("ReferenceError: no is not defined\n", "    at "),
            "not a program": ("SyntaxError: Unexpected identifier 'a'\n", "at <anonymous>:1:5"),
            "throw 5": ("Uncaught: 5", ""),
            "throw undefined": ("Uncaught: undefined", ""),
            "throw null": ("Uncaught: null", ""),
            "throw 'words'": ('Uncaught: "words"', ""),
            "throw {code: 7}": ("Uncaught: Object {code: 7}", ""),
            "Promise.reject(new TypeError('late'))": ("TypeError: late\n", ""),
            "Promise.reject('words')": ('Uncaught (in promise): "words"', ""),
        }
        for expression, (beginning, inside) in thrown.items():
            error = await self.fails(tab.evaluate(expression), EvaluationError)
            self.assertEqual(str(error)[: len(beginning)], beginning)
            self.assertIn(inside, str(error))
            self.assertIsInstance(error.details, runtime.ExceptionDetails)
        error = await self.fails(tab.evaluate("throw new TypeError('two\\nlines')"), EvaluationError)
        self.assertEqual((error.name, error.message), ("TypeError", "two\nlines"))
        self.assertIn("\n    at <anonymous>:1:", error.stack)
        error = await self.fails(tab.evaluate("throw 'words'"), EvaluationError)
        self.assertEqual((error.name, error.message, error.stack), ("", "words", ""))

    async def test_the_document_goes_away_meanwhile(self):
        tab = await self.page()
        url = self.server.page("/", "<title>New</title>")
        waiting = tab.evaluate("new Promise(() => {})")
        await tab.goto(url)
        error = await self.fails(waiting, ContextDestroyed)
        self.assertIn("navigated meanwhile", str(error))

    async def test_its_deadline(self):
        tab = await self.page()
        error = await self.fails(tab.evaluate("new Promise(() => {})", timeout=0.2), CommandTimeout)
        self.assertEqual(error.seconds, 0.2)

    async def test_content(self):
        tab = await self.page()
        await tab.goto(self.server.page("/", "<!doctype html><title>T</title><p>text"))
        html = "<!DOCTYPE html><html><head><title>T</title></head><body><p>text</p></body></html>"
        self.assertEqual(await tab.content(), html)
        await tab.goto(self.server.page("/quirks", "<p>old"))
        self.assertEqual(await tab.content(), "<html><head></head><body><p>old</p></body></html>")


def size_of(png: bytes) -> tuple[int, int]:
    """Return width and height of a PNG."""
    width, height = struct.unpack(">II", png[16:24])
    return width, height


class ScreenshotTests(SharedBrowserTestCase):
    async def test_formats(self):
        tab = await self.page()
        await tab.goto(self.server.page("/", "<body style='background: teal'>"))
        file = Path(self.mktemp()).with_suffix(".png")
        png = await tab.screenshot(file)
        self.assertEqual(png[:8], b"\x89PNG\r\n\x1a\n")
        self.assertEqual(file.read_bytes(), png)
        self.assertEqual((await tab.screenshot(format="jpeg", quality=10))[:3], b"\xff\xd8\xff")
        self.assertEqual((await tab.screenshot(format="webp"))[8:12], b"WEBP")

    async def test_more_and_less_than_the_window(self):
        tab = await self.page()
        await tab.goto(self.server.page("/", "<!doctype html><body style='margin: 0'><div style='height: 3000px'>"))
        window = await tab.evaluate("[innerWidth, innerHeight]")
        self.assertEqual(size_of(await tab.screenshot()), tuple(window))
        self.assertEqual(size_of(await tab.screenshot(full_page=True)), (window[0], 3000))
        clip = page.Viewport(x=10, y=2000, width=50, height=40, scale=2)
        self.assertEqual(size_of(await tab.screenshot(clip=clip)), (100, 80))
        await self.fails(tab.screenshot(full_page=True, clip=clip), ValueError)

    async def test_where_it_cannot_be_written(self):
        tab = await self.page()
        folder = Path(self.mktemp())
        await tab.screenshot(folder / "made" / "x.png")
        await self.fails(tab.screenshot(folder / "made" / "x.png" / "y.png"), OSError)


class DialogTests(SharedBrowserTestCase):
    async def test_nobody_listens(self):
        tab = await self.page()
        got = await tab.evaluate("[alert('a'), confirm('b'), prompt('c', 'd')]")
        self.assertEqual(got, [None, False, None])
        await tab.goto(self.server.page("/", "<script>onbeforeunload = event => event.preventDefault()</script><p>x"))
        await tab.session.execute(runtime.evaluate(expression="1", user_gesture=True))
        await tab.goto("about:blank")
        self.assertEqual(tab.url, "about:blank")

    async def test_who_listens_decides(self):
        tab = await self.page()
        dialogs = queue(tab.dialogs)
        for kind, expression, answer, outcome in (
            ("alert", "alert('!')", lambda each: each.dismiss(), None),
            ("confirm", "confirm('!')", lambda each: each.accept(), True),
            ("confirm", "confirm('!')", lambda each: each.dismiss(), False),
            ("prompt", "prompt('!', 'x')", lambda each: each.accept(), "x"),
            ("prompt", "prompt('!', 'x')", lambda each: each.accept("y"), "y"),
            ("prompt", "prompt('!', 'x')", lambda each: each.dismiss(), None),
        ):
            waiting = tab.evaluate(expression)
            dialog = await dialogs.get()
            self.assertEqual((dialog.type, dialog.message), (kind, "!"))
            self.assertEqual(dialog.default_value, "x" if kind == "prompt" else "")
            await self.fails(tab.title(), DialogOpen)
            await answer(dialog)
            await self.fails(dialog.accept(), AlreadyHandled)
            self.assertEqual(await waiting, outcome)
        dialogs.close()

    async def test_it_is_said_what_stands_in_the_way(self):
        tab = await self.page()
        dialogs = queue(tab.dialogs)
        await tab.evaluate("void setTimeout(() => confirm('Sure?'))")
        dialog = await dialogs.get()
        error = await self.fails(tab.evaluate("1", timeout=0.1), CommandTimeout)
        self.assertIn("a confirm dialog of the page ('Sure?') waits for an answer", str(error))
        await dialog.accept()
        dialogs.close()

    async def test_an_attached_page(self):
        tab = await self.page()
        process = self.browser.process
        assert process is not None
        other = await txcdp.connect(reactor, process.ws_url)
        self.addCleanup(other.close)
        self.assertIn(tab.target_id, [each.target_id for each in await other.attach_pages()])
        mine = queue(tab.dialogs)
        self.assertIsNone(await tab.evaluate("alert('of the other')"))
        self.assertEqual((await mine.get()).message, "of the other")
        mine.close()


class CommitTests(SharedBrowserTestCase):
    """What is asked of a page while a navigation commits."""

    #: Each is a race, and lost about every second time by who asks but once.
    TIMES = 12

    async def new(self, path: str) -> Page:
        tab = await self.browser.new_page()
        await tab.goto(self.server.url(path), "commit")
        return tab

    def setUp(self) -> None:
        super().setUp()
        self.server.page("/", "<title>here</title><p>text")
        self.server.page("/again", "<meta http-equiv=refresh content=0><p>again")
        self.server.held("/slow")

    async def targets(self) -> set[str]:
        return {each.target_id for each in await self.browser.targets() if each.type == "page"}

    async def test_closing(self):
        before = await self.targets()
        for _ in range(self.TIMES):
            await (await self.new("/")).close()
            await (await self.new("/again")).close()
            tab = await self.browser.new_page()
            going = tab.goto(self.server.url("/"))
            await first(tab.events(network.ResponseReceived))
            going.addErrback(lambda failure: failure.trap(SessionDetached))  # it may arrive before
            await tab.close()
            await going
        self.assertEqual(await self.targets(), before)

    async def test_a_page_that_is_not_wanted_any_more(self):
        before = await self.targets()
        for path in ("/", "/again", "/slow") * 4:
            self.server.asked.clear()
            opening = self.browser.new_page(self.server.url(path))
            while not self.server.asked:
                await deferLater(reactor, 0.002, lambda: None)
            opening.cancel()
            with contextlib.suppress(CancelledError):
                await (await opening).close()  # it was there before
                self.assertNotEqual(path, "/slow", "which never is")
        # The page goes first, then whoever closes it learns of that.
        while await self.targets() != before or pages_are_closing():
            await deferLater(reactor, 0.05, lambda: None)

    async def test_reloading(self):
        for _ in range(self.TIMES):
            tab = await self.new("/")
            await tab.reload()
            self.assertEqual(await tab.title(), "here")
            await tab.close()

    async def test_pictures_and_papers(self):
        for _ in range(self.TIMES // 2):
            tab = await self.new("/")
            self.assertEqual((await tab.screenshot())[:4], b"\x89PNG")
            await tab.goto(self.server.url("/"), "commit")
            printed = await _commits.execute(tab.session, page.print_to_pdf(), 30)
            self.assertEqual(printed.data[:4], b"%PDF")
            await tab.goto(self.server.url("/again"), "commit")
            self.assertEqual((await tab.screenshot())[:4], b"\x89PNG")
            await tab.close()


class PrerenderTests(BrowserTestCase):
    """A page that was rendered in advance takes the place of the one that is shown, and has another main frame."""

    async def activated(self) -> str:
        """Open a page, as another program does, and have a link clicked whose page is rendered; returns its target."""
        self.server.page("/next", "<title>next</title><p>next<script>fetch('/ready')</script>")
        clicks = self.server.held("/clicks")
        rules = '{"prerender": [{"source": "list", "urls": ["/next"], "eagerness": "immediate"}]}'
        self.server.page(
            "/",
            f"<a id=link href=/next>next</a><script type=speculationrules>{rules}</script>"
            "<script>fetch('/clicks').then(() => link.click())</script>",
        )
        self.browser = await self.launch(no_viewport=True)
        command = target.create_target(url=self.server.url("/"))
        # Chromium renders nothing in advance for a page that is attached to, nor always for one that is not.
        for turn in range(2000):
            if turn % 250 == 0:
                target_id = (await self.browser.session.execute(command)).target_id
            if "/ready" in self.server.asked:
                break
            await deferLater(reactor, 0.02, lambda: None)
        self.assertIn("/ready", self.server.asked)
        clicks.release()
        asking = target.get_target_info(target_id=target_id)
        while not (await self.browser.session.execute(asking)).target_info.url.endswith("/next"):
            await deferLater(reactor, 0.02, lambda: None)
        return target_id

    async def attached(self) -> Page:
        target_id = await self.activated()
        return next(each for each in await self.browser.attach_pages() if each.target_id == target_id)

    async def test_what_is_asked_first(self):
        tab = await self.attached()
        self.assertEqual(await tab.title(), "next")
        self.assertEqual(tab.url, self.server.url("/next"))
        self.assertIn("<p>next", await tab.content())
        started = "performance.getEntriesByType('navigation')[0].activationStart"
        self.assertGreater(await tab.evaluate(started), 0)
        self.assertNotEqual(tab.main_frame_id, tab.target_id)
        self.assertEqual((await tab.screenshot())[:4], b"\x89PNG")
        await tab.close()
        self.assertTrue(tab.session.ended)

    async def test_it_goes_on_from_there(self):
        tab = await self.attached()
        self.assertIsNone(await tab.goto(self.server.url("/next#part")))
        self.assertNotEqual(tab.main_frame_id, tab.target_id)
        self.assertEqual(tab.url, self.server.url("/next#part"))
        there = got(await tab.reload())
        self.assertIs(there.frame, tab.main_frame)
        there = got(await tab.goto(self.server.page("/last", "<title>last</title>")))
        self.assertEqual((there.status, there.frame), (200, tab.main_frame))
        self.assertEqual(await tab.title(), "last")


class EndTests(BrowserTestCase):
    """Whatever ends a page: what is pending on it fails, at once and typed."""

    async def pending(self, tab: Page) -> tuple[list[Deferred[Any]], Held]:
        """Begin to wait for all kinds of things on a page, and return what is awaited."""
        picture = self.server.held("/picture", content_type="image/png")
        url = self.server.page("/", "<title>Busy</title><img src=/picture>")
        going = tab.goto(url, timeout=None)
        await picture.asked
        waiting = tab.evaluate("new Promise(() => {})", timeout=None)
        await tab.evaluate("1")
        await hang(tab)
        return [going, waiting, tab.screenshot(), tab.title(), tab.content()], picture

    async def test_it_is_closed(self):
        tab = await self.page()
        pending, _ = await self.pending(tab)
        completed: Deferred[None] = Deferred()
        tab.events(network.ResponseReceived).subscribe(
            on_error=completed.errback, on_completed=lambda: completed.callback(None)
        )
        await gatherResults([tab.close(), tab.close()])
        await completed
        for each in pending:
            await self.fails(each, SessionDetached)
        await tab.close()
        for each in (tab.goto("about:blank"), tab.reload(), tab.evaluate("1"), tab.screenshot()):
            await self.fails(each, SessionDetached)
        self.assertEqual(len(self.browser.connection.sessions), 1)

    async def test_leaving_the_block_closes_it(self):
        browser = await self.launch()
        async with await browser.new_page() as tab:
            pass
        self.assertTrue(tab.session.ended)
        self.assertNotIn(tab.target_id, [each.target_id for each in await browser.targets()])

    async def test_the_page_closes_itself(self):
        tab = await self.page()
        waiting = tab.evaluate("new Promise(() => {})")
        await evaluate_leaving(tab, "window.close()")
        await self.fails(waiting, SessionDetached)

    async def test_it_crashes(self):
        tab = await self.page()
        pending, picture = await self.pending(tab)
        crash(tab)
        for each in pending:
            await self.fails(each, TargetCrashed)
        picture.release()
        await self.fails(tab.evaluate("1"), TargetCrashed)
        there = got(await tab.goto(self.server.page("/again", "<title>Again</title>")))
        self.assertEqual(there.url, self.server.url("/again"))
        self.assertEqual(await tab.title(), "Again")

    async def test_it_crashes_and_is_reloaded(self):
        tab = await self.page()
        url = self.server.page("/", "<title>Here</title>")
        await tab.goto(url)
        waiting = tab.evaluate("new Promise(() => {})")
        crash(tab)
        await self.fails(waiting, TargetCrashed)
        there = got(await tab.reload())
        self.assertEqual((there.url, there.status), (url, 200))
        self.assertEqual(await tab.title(), "Here")

    async def test_it_crashes_and_is_closed(self):
        tab = await self.page()
        waiting = tab.evaluate("new Promise(() => {})")
        crash(tab)
        closing = tab.close()
        await self.fails(waiting, TargetCrashed, SessionDetached)
        await closing

    async def test_it_is_sent_to_where_it_crashes(self):
        tab = await self.page()
        crashed: Deferred[BaseException] = Deferred()
        tab.events(page.LoadEventFired).subscribe(on_error=crashed.callback)
        await self.fails(tab.goto("chrome://crash"), TargetCrashed)
        self.assertIsInstance(await crashed, TargetCrashed)
        self.assertTrue(tab.session.crashed)
        await tab.goto("about:blank")
        self.assertEqual(await tab.evaluate("1"), 1)

    async def test_the_browser_is_killed(self):
        tab = await self.page()
        pending, _ = await self.pending(tab)
        pending.append(tab.close())
        assert self.browser.process is not None
        self.browser.process.kill()
        for each in pending[:-1]:
            await self.fails(each, ConnectionLost)
        await pending[-1]
        await self.fails(tab.goto("about:blank"), ConnectionLost)
        await tab.close()

    async def test_the_browser_is_closed(self):
        tab = await self.page()
        pending, _ = await self.pending(tab)
        closing = self.browser.close()
        for each in pending:
            error = await self.fails(each, ConnectionLost, SessionDetached)
            self.assertTrue(getattr(error, "clean", True))
        await closing

    async def test_the_browser_is_killed_under_the_pipe(self):
        tab = await self.page(transport="pipe")
        pending, _ = await self.pending(tab)
        assert self.browser.process is not None
        self.browser.process.kill()
        for each in pending:
            await self.fails(each, ConnectionLost)
