"""Scripts, functions and tags that a program gives to a page, and waiting for what becomes true in it."""

from __future__ import annotations

import re
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any
from urllib.parse import quote

from twisted.internet.defer import CancelledError, Deferred
from twisted.internet.task import deferLater

from tests.browser.support import SharedBrowserTestCase, reactor
from txcdp.errors import ActionTimeout, EvaluationError, SessionDetached
from txcdp.page import BindingCall
from txcdp.streams import first


async def turns(seconds: float = 0.05) -> None:
    """Let a page run for a while."""
    await deferLater(reactor, seconds, lambda: None)


class WaitTests(SharedBrowserTestCase):
    async def test_what_becomes_true(self):
        tab = await self.page()
        self.assertEqual(await (await tab.wait_for_function("5")).json_value(), 5)
        for source, arg, value in (
            ("() => window.ready", None, "now"),
            ("window.ready", None, "now"),
            ("word => window.ready === word && {word}", "now", {"word": "now"}),
            ("async word => window.ready === word", "now", True),
            ("function f() { return window.ready }", None, "now"),
        ):
            await tab.evaluate("void delete window.ready")
            for polling in ("raf", 0.01, timedelta(milliseconds=10)):
                waiting = tab.wait_for_function(source, arg, polling=polling)
                await tab.evaluate("void setTimeout(() => { ready = 'now' }, 20)")
                self.assertEqual(await (await waiting).json_value(), value)

    async def test_elements_and_handles(self):
        tab = await self.page()
        waiting = tab.wait_for_function("() => document.querySelector('p')")
        await tab.evaluate("document.body.innerHTML = '<p>there'")
        element = (await waiting).as_element()
        assert element is not None
        self.assertEqual(await element.text_content(), "there")
        waiting = tab.wait_for_function("p => p.id", element)
        await tab.evaluate("p => { p.id = 'x' }", element)
        self.assertEqual(await (await waiting).json_value(), "x")

    async def test_it_goes_on_over_navigations(self):
        tab = await self.page()
        for place in ("/1", "/2"):
            self.server.page(place, "not yet")
        self.server.page("/3", "<script>ready = document.title = 'three'</script>")
        waiting = tab.wait_for_function("() => window.ready")
        for place in ("/1", "/2"):
            await tab.goto(self.server.url(place))
        await tab.goto(self.server.url("/3", "localhost"))
        self.assertEqual(await (await waiting).json_value(), "three")

    async def test_it_fails(self):
        tab = await self.page()
        error = await self.fails(tab.wait_for_function("() => nowhere"), EvaluationError)
        self.assertEqual(error.name, "ReferenceError")
        self.assertNotIn("waitUntil", str(error))
        error = await self.fails(tab.wait_for_function("not a program"), EvaluationError)
        self.assertIn("<anonymous>:1:5", str(error))
        count = (
            "() => { window.count = (window.count || 0) + 1; return count > 2 ? Promise.reject(new Error('x')) : 0 }"
        )
        error = await self.fails(tab.wait_for_function(count, polling=0.001), EvaluationError)
        self.assertEqual(error.message, "x")
        for polling in (0, -1, "mutation"):
            await self.fails(tab.wait_for_function("1", polling=polling), ValueError)  # type: ignore[arg-type]

    async def test_its_end_leaves_nothing_in_the_page(self):
        tab = await self.page()
        count = "() => { window.count = (window.count || 0) + 1; return false }"
        error = await self.fails(tab.wait_for_function(count, polling=0.001, timeout=0.1), ActionTimeout)
        self.assertIn("never true", str(error))
        waiting = [tab.wait_for_function(count, polling=each) for each in ("raf", 0.001)]
        await tab.evaluate("1")
        for each in waiting:
            each.cancel()
            await self.fails(each, CancelledError)
        before = await tab.evaluate("count")
        await turns()
        self.assertEqual(await tab.evaluate("count"), before)

    async def test_the_page_ends_meanwhile(self):
        tab = await self.page()
        waiting = tab.wait_for_function("() => false")
        sleeping = tab.wait_for_timeout(600)
        await tab.close()
        await self.fails(waiting, SessionDetached)
        await self.fails(sleeping, SessionDetached)

    async def test_a_time(self):
        tab = await self.page()
        seen = []
        waiting = tab.wait_for_timeout(0.05).addCallback(lambda _: seen.append("time"))
        self.assertEqual(seen, [])
        await waiting
        await tab.wait_for_timeout(timedelta(milliseconds=1))
        cancelled = tab.wait_for_timeout(600)
        cancelled.cancel()
        await self.fails(cancelled, CancelledError)

    async def test_a_policy_that_forbids_what_is_not_compiled_at_once(self):
        tab = await self.page()
        await tab.goto(self.server.page("/", content_security_policy="script-src 'self'"))
        waiting = [tab.wait_for_function(each) for each in ("window.ready", "window.ready;  ", "() => window.ready")]
        await tab.evaluate("() => { ready = 1 }")
        for each in waiting:
            self.assertEqual(await (await each).json_value(), 1)

    async def test_what_is_evaluated_again_means_the_same(self):
        tab = await self.page()
        count = "window.count = (window.count || 0) + 1"
        for source in (f"{{ it: ({count}) > 2 }}", f"const it = ({count}) > 2; it", f"({count}) > 2 // so far"):
            await tab.wait_for_function(source, polling=0.001)
            self.assertEqual(await tab.evaluate("count"), 3)
            await tab.evaluate("void delete window.count")
        for source in ("if (({}) > 2) throw new Error('late')", "({}) > 2 && (() => {{ throw new Error('late') }})()"):
            error = await self.fails(tab.wait_for_function(source.format(count), polling=0.001), EvaluationError)
            self.assertEqual((error.message, error.stack.count("<anonymous>")), ("late", error.stack.count("\n")))
            await tab.evaluate("void delete window.count")

    async def test_a_page_that_replaces_the_time(self):
        tab = await self.page()
        broken = "for (const each of ['setTimeout', 'requestAnimationFrame', 'Promise']) window[each] = null"
        await tab.goto(self.server.page("/", f"<script>const later = setTimeout; {broken}</script>"))
        for polling in ("raf", 0.01):
            waiting = tab.wait_for_function("window.ready", polling=polling)
            await tab.evaluate("void later(() => { ready = 1 }, 20)")
            self.assertEqual(await (await waiting).json_value(), 1)
            await tab.evaluate("void delete window.ready")


class FileTestCase(SharedBrowserTestCase):
    def file(self, text: str, name: str = "file.js") -> Path:
        path = Path(self.mktemp()) / name
        path.parent.mkdir()
        path.write_text(text, encoding="utf-8")
        return path


class InitScriptTests(FileTestCase):
    async def test_scripts_run_before_the_pages(self):
        tab = await self.page()
        path = self.file("window.made.push('file')")
        script = await tab.add_init_script("window.made = ['script']")
        await tab.add_init_script(path=path)
        url = self.server.page(
            "/", "<script>seen = made.join()</script><iframe srcdoc='<script>seen = made.join()</script>'>"
        )
        await tab.goto(url)
        self.assertEqual(await tab.evaluate("[seen, frames[0].seen]"), ["script,file"] * 2)
        await script.close()
        await script.close()
        script.dispose()
        await tab.goto(url)
        self.assertEqual(await tab.evaluate("[window.made]"), [None])
        async with await tab.add_init_script("window.block = 1"):
            await tab.goto(url)
            self.assertEqual(await tab.evaluate("window.block"), 1)
        await tab.goto(url)
        self.assertIsNone(await tab.evaluate("window.block"))
        await self.fails(tab.add_init_script(), ValueError)
        await self.fails(tab.add_init_script("1", path=path), ValueError)
        strange: Any = {"path": path}
        await self.fails(tab.add_init_script(strange), TypeError)

    async def test_one_that_is_removed_while_its_page_goes_elsewhere(self):
        tab = await self.page()
        await tab.goto(self.server.page("/", "<p>"))
        for number in range(3):
            script = await tab.add_init_script("window.made = true")
            await tab.reload()
            self.assertIs(await tab.evaluate("window.made"), True)
            await tab.evaluate("number => { location.href = '/?' + number }", number)
            await script.close()
            await tab.wait_for_url(f"**/?{number}")
            await tab.reload()
            self.assertIsNone(await tab.evaluate("window.made"))


class BindingTests(SharedBrowserTestCase):
    async def test_functions(self):
        tab = await self.page()
        await tab.expose_function("add", lambda a, b: a + b)
        await tab.expose_function("nothing", lambda: "called")  # as in JavaScript, what is too much is not there
        await tab.expose_binding("whence", lambda source: sorted(source))
        self.assertEqual(await tab.evaluate("Promise.all([nothing(1, 2), nothing()])"), ["called"] * 2)
        self.assertEqual(await tab.evaluate("whence(1)"), ["context", "frame", "page"])
        self.assertEqual(await tab.evaluate("add(1, 2)"), 3)
        url = self.server.page(
            "/", "<script>early = add(3, 4)</script><iframe srcdoc='<script>early = add(5, 6)</script>'>"
        )
        await tab.goto(url)
        self.assertEqual(await tab.evaluate("Promise.all([early, frames[0].early, add(1, 1)])"), [7, 11, 2])
        await tab.goto(self.server.url("/", "localhost"))
        self.assertEqual(await tab.evaluate("early"), 7)
        self.assertEqual(await tab.evaluate("Object.keys(window).filter(each => /^_/.test(each))"), [])

    async def test_values_go_both_ways(self):
        tab = await self.page()
        got: list[Any] = []

        def keep(*args: Any) -> Any:
            got.extend(args)
            return {"at": datetime(2020, 1, 1, tzinfo=UTC), "bytes": b"x", "big": 2**60}

        await tab.expose_function("keep", keep)
        calling = "keep(new Date(0), [1, {a: undefined}], new Uint8Array([1]), 5n)"
        reading = "o => [o.at.getTime(), o.bytes, typeof o.big]"
        self.assertEqual(await tab.evaluate(f"{calling}.then({reading})"), [1577836800000, b"x", "bigint"])
        self.assertEqual(got, [datetime(1970, 1, 1, tzinfo=UTC), [1, {"a": None}], b"\x01", 5])

    async def test_deferreds_and_coroutines(self):
        tab = await self.page()
        later: Deferred[str] = Deferred()

        async def slowly(text: str) -> str:
            return text + await later

        await tab.expose_function("wait", lambda: later)
        await tab.expose_function("slowly", slowly)
        waiting = tab.evaluate("Promise.all([wait(), slowly('a')])")
        await tab.evaluate("1")
        later.callback("b")
        self.assertEqual(await waiting, ["b", "ab"])

    async def test_errors(self):
        tab = await self.page()

        def fail() -> None:
            raise KeyError("no such key")

        async def late() -> None:
            raise ValueError("late")

        await tab.expose_function("fail", fail)
        await tab.expose_function("late", late)
        await tab.expose_function("odd", object)
        await tab.expose_function("refused", lambda: re.compile("(?>a)"))  # which JavaScript has not
        told = "async f => { try { return await f() } catch (e) { return [e instanceof Error, e.name, e.message] } }"
        self.assertEqual(await tab.evaluate(f"({told})(fail)"), [True, "KeyError", "'no such key'"])
        self.assertEqual(await tab.evaluate(f"({told})(late)"), [True, "ValueError", "late"])
        real, name, message = await tab.evaluate(f"({told})(odd)")
        self.assertEqual((real, name), (True, "TypeError"))
        self.assertIn("cannot be converted to JavaScript", message)
        self.assertEqual((await tab.evaluate(f"({told})(refused)"))[:2], [True, "SyntaxError"])
        self.assertNotIn(__file__, await tab.evaluate("fail().catch(e => e.stack)"))
        revoked = "(() => { const {proxy, revoke} = Proxy.revocable({}, {}); revoke(); return proxy })()"
        self.assertIn("cannot be read", await tab.evaluate(f"fail({revoked}).catch(e => e.message)"))
        await self.fails(tab.expose_function("fail", fail), ValueError)

    async def test_where_a_call_comes_from(self):
        tab = await self.page()
        sources = []
        await tab.expose_binding("tell", lambda source, *args: sources.append((source, args)))
        await tab.evaluate("tell(1, 2)")
        ((source, args),) = sources
        self.assertEqual((source["page"], source["context"], args), (tab, tab.context, (1, 2)))

    async def test_calls_are_a_stream(self):
        tab = await self.page()
        binding = await tab.expose_binding("tell")
        calls: list[BindingCall] = []
        ends: list[str] = []
        binding.calls.subscribe(calls.append, None, lambda: ends.append("end"))
        coming = first(binding.calls)
        self.assertIsNone(await tab.evaluate("tell('a', {b: 1})"))
        self.assertEqual((await coming).args, ["a", {"b": 1}])
        await tab.goto(self.server.page("/", "<script>tell('c')</script>"))
        self.assertEqual([each.args for each in calls], [["a", {"b": 1}], ["c"]])
        await binding.close()
        self.assertEqual(ends, ["end"])

    async def test_disposing(self):
        tab = await self.page()
        url = self.server.page("/", "<script>seen = typeof f</script>")
        async with await tab.expose_function("f", lambda: 1):
            await tab.goto(url)
            self.assertEqual(await tab.evaluate("[seen, typeof f]"), ["function", "function"])
            await tab.evaluate("void (kept = f)")
        self.assertEqual(await tab.evaluate("typeof f"), "undefined")
        self.assertIn("no longer exposed", await tab.evaluate("kept().catch(e => e.message)"))
        await tab.goto(url)
        self.assertEqual(await tab.evaluate("[seen, typeof f]"), ["undefined", "undefined"])
        await tab.expose_function("f", lambda: 2)
        self.assertEqual(await tab.evaluate("f()"), 2)

    async def test_handles_are_returned_as_what_they_stand_for(self):
        tab = await self.page()
        await tab.goto(self.server.page("/", "<iframe srcdoc='inside'></iframe>"))
        kept = await tab.evaluate_handle("kept = {a: 1}")
        five = await tab.evaluate_handle("5")
        await tab.expose_function("given", lambda: [{"kept": kept, "five": five}])
        await tab.expose_function("alone", lambda: kept)
        self.assertEqual(await tab.evaluate("given().then(([it]) => [it.kept === kept, it.five])"), [True, 5])
        self.assertEqual(await tab.evaluate("alone().then(it => it === kept)"), True)
        self.assertIn("to its own document", await tab.frames[1].evaluate("alone().catch(e => e.message)"))
        await kept.dispose()
        self.assertIn("disposed", await tab.evaluate("alone().catch(e => e.message)"))

    async def test_a_page_that_breaks_its_globals(self):
        tab = await self.page()
        await tab.expose_function("echo", lambda *args: list(args))
        broken = "for (const each of ['Promise', 'JSON', 'Map', 'Date']) window[each] = null;"
        broken += "Array.prototype.toJSON = () => 1"
        await tab.goto(self.server.page("/", f"<script>{broken}</script>"))
        self.assertEqual(await tab.evaluate("echo(1, [2], {a: 'b'})"), [1, [2], {"a": "b"}])

    async def test_the_page_goes_away_before_the_answer(self):
        tab = await self.page()
        later: Deferred[int] = Deferred()
        await tab.expose_function("wait", lambda: later)
        await tab.evaluate("void wait()")
        await tab.goto(self.server.page("/", "next"))
        later.callback(5)
        self.assertEqual(await tab.evaluate("1"), 1)


class TagTests(FileTestCase):
    async def test_scripts(self):
        tab = await self.page()
        self.server.page("/a.js", "window.a = 5", content_type="text/javascript")
        await tab.goto(self.server.page("/", "<body>"))
        element = await tab.add_script_tag(url="/a.js")
        self.assertEqual(await tab.evaluate("s => [s.localName, a]", element), ["script", 5])
        await tab.add_script_tag(content="window.b = 6")
        await tab.add_script_tag(path=self.file("window.c = 7"))
        await tab.add_script_tag(content="window.d = import.meta.url", type="module")
        self.assertEqual(await tab.evaluate("[b, c]"), [6, 7])
        await tab.wait_for_function("window.d")
        error = await self.fails(tab.add_script_tag(url="/none.js"), EvaluationError)
        self.assertIn("could not load /none.js", str(error))
        error = await self.fails(tab.add_script_tag(content="throw new RangeError('far')"), EvaluationError)
        self.assertEqual((error.name, error.message), ("RangeError", "far"))
        self.server.held("/held")
        for adding, name in ((tab.add_script_tag, "script"), (tab.add_style_tag, "style")):
            error = await self.fails(adding(url="/held", timeout=0.3), ActionTimeout)
            self.assertEqual(str(error), f"add_{name}_tag(url='/held'): not within 0.3 s; it has not loaded")
        await self.fails(tab.add_script_tag(), ValueError)
        await self.fails(tab.add_script_tag(url="/a.js", content=""), ValueError)

    async def test_a_file_is_named_where_its_code_is(self):
        tab = await self.page()
        script = self.file("window.stack = new Error('here').stack")
        await tab.add_init_script(path=script)
        await tab.goto(self.server.page("/", "<body>"))
        self.assertIn(f"{script}:1", await tab.evaluate("stack"))
        for name in ("plain.js", " * 'odd'\n.js"):
            path = self.file("window.stack = new Error('here').stack", name)
            await tab.add_script_tag(path=path)
            self.assertIn(f"{quote(str(path), safe='/.-_')}:1", await tab.evaluate("stack"))
        path = self.file("body { color: rgb(1, 2, 3) }", " * body { color: red } *.css")
        await tab.add_style_tag(path=path)
        self.assertEqual(await tab.evaluate("getComputedStyle(document.body).color"), "rgb(1, 2, 3)")
        self.assertIn("%20body", await tab.evaluate("document.querySelector('style').textContent"))

    async def test_styles(self):
        tab = await self.page()
        self.server.page("/a.css", "body { color: rgb(1, 2, 3) }", content_type="text/css")
        await tab.goto(self.server.page("/", "<body>"))
        colour = "getComputedStyle(document.body).color"
        element = await tab.add_style_tag(url="/a.css")
        self.assertEqual(await tab.evaluate(f"s => [s.localName, {colour}]", element), ["link", "rgb(1, 2, 3)"])
        await tab.add_style_tag(content="body { color: rgb(4, 5, 6) }")
        self.assertEqual(await tab.evaluate(colour), "rgb(4, 5, 6)")
        error = await self.fails(tab.add_style_tag(url="/none.css"), EvaluationError)
        self.assertIn("could not load /none.css", str(error))

    async def test_where_scripts_are_off(self):
        tab = await (await self.context(java_script_enabled=False)).new_page()
        self.server.page("/a.js", "window.a = 5", content_type="text/javascript")
        self.server.page("/a.css", "body { color: rgb(1, 2, 3) }", content_type="text/css")
        await tab.goto(self.server.page("/", "<iframe sandbox srcdoc='<p>'></iframe>"))
        for frame in tab.frames:
            for adding in (
                frame.add_script_tag(url=self.server.url("/a.js")),
                frame.add_script_tag(content="window.a = 5"),
            ):
                element = await adding
                self.assertEqual(await frame.evaluate("s => [s.localName, window.a]", element), ["script", None])
            await frame.add_style_tag(url=self.server.url("/a.css"))
            self.assertEqual(await frame.evaluate("getComputedStyle(document.body).color"), "rgb(1, 2, 3)")
            await frame.add_style_tag(content="body { color: rgb(4, 5, 6) }")
            self.assertEqual(await frame.evaluate("getComputedStyle(document.body).color"), "rgb(4, 5, 6)")
            waiting = frame.wait_for_function("() => document.title")
            await frame.evaluate("() => { document.title = 'here' }")
            self.assertEqual(await (await waiting).json_value(), "here")
            endless = frame.wait_for_function("() => window.a", polling=0.01)
            await frame.evaluate("1")
            endless.cancel()
            await self.fails(endless, CancelledError)

    async def test_a_policy_that_refuses_them(self):
        tab = await self.page()
        self.server.page("/a.js", "window.a = 5", content_type="text/javascript")
        await tab.goto(self.server.page("/", "<body>", content_security_policy="default-src 'none'"))
        for adding in (
            tab.add_script_tag(content="window.b = 1"),
            tab.add_script_tag(url="/a.js"),
            tab.add_style_tag(content="body { color: red }"),
        ):
            self.assertIn("Content-Security-Policy", str(await self.fails(adding, EvaluationError)))
