"""Evaluation in a real page: each kind of value both ways, handles, and what pages do against it."""

from __future__ import annotations

import array
import gc
import math
import re
from datetime import UTC, datetime
from typing import Any
from urllib.parse import urlsplit

from twisted.internet.defer import gatherResults

from tests.browser.evaluation_table import FAILING, OURS, SAME, show
from tests.browser.support import SharedBrowserTestCase
from txcdp.domains import emulation, heap_profiler, runtime
from txcdp.errors import ContextDestroyed, EvaluationError, SelectorError
from txcdp.page import ElementHandle, JSError, JSHandle, Page
from txcdp.page._evaluation import Evaluator
from txcdp.page._injected import Injected


class TableTests(SharedBrowserTestCase):
    async def test_expressions(self):
        tab = await self.page()
        await tab.goto("data:text/html,<body class=c data-a=1>hi")
        table = {**SAME, **OURS}
        got = await gatherResults([tab.evaluate(source) for source in table])
        self.maxDiff = None
        self.assertEqual({source: show(value) for source, value in zip(table, got)}, table)

    async def test_errors(self):
        tab = await self.page()
        got = {}
        for source in FAILING:
            error = await self.fails(tab.evaluate(source), EvaluationError)
            got[source] = str(error).split("\n")[0]
            self.assertNotIn("evaluateSource", f"{error} {error.stack}")
        self.assertEqual(got, FAILING)

    async def test_what_is_given_comes_back(self):
        tab = await self.page()
        date = datetime(2020, 1, 2, 3, 4, 5, 678000, UTC)
        given: list[Any] = [
            *(None, True, 5, 2**53 - 1, 2**53 + 1, -(2**70), 1.5, -0.0, math.inf, -math.inf, 1e300),
            *("", "\ud800", "\x7fj[]", "\u2028'\"`${}", [], {}, [[]], {"": [{"a": None}]}, {"__proto__": [1]}),
            *(date, [date], b"\x00\xff", [b""], array.array("d", [0.1]), [array.array("Q", [2**64 - 1])]),
            *(re.compile("a.b", re.DOTALL), {1: "a", "b": 2.5, None: {1}}, JSError("no", "TypeError", "there")),
            *([2**60, math.inf, "\x7f"], {"deep": {"er": [date, b"x", {2: [3]}]}}, ["\udfff", date]),
        ]
        got = await gatherResults([tab.evaluate("a => a", each) for each in given])
        given[given.index({1: "a", "b": 2.5, None: {1}})] = {1: "a", "b": 2.5, None: [1]}  # a Set is a list
        self.assertEqual([show(each) for each in got], [show(each) for each in given])
        self.assertTrue(await tab.evaluate("a => a", 16**5000) == 16**5000)  # it has no repr
        self.assertEqual(await tab.evaluate("a => [a instanceof URL, a.hash]", urlsplit("http://a/#b")), [True, "#b"])
        told = await tab.evaluate("a => [a instanceof Error, a.name, a.message]", KeyError("k"))
        self.assertEqual(told, [True, "KeyError", "'k'"])

    async def test_identity_and_depth(self):
        tab = await self.page()
        shared: list[Any] = [1]
        cycle: dict[str, Any] = {"a": shared, "b": (shared, b"x")}
        cycle["self"] = cycle
        self.assertTrue(await tab.evaluate("o => o.a === o.b[0] && o.self === o", cycle))
        back = await tab.evaluate("o => o", cycle)
        self.assertIs(back["self"], back)
        empty: list[Any] = []
        self.assertTrue(await tab.evaluate("([a, b]) => a === b", [empty, empty]))
        self.assertFalse(await tab.evaluate("([a, b]) => a === b", [(), ()]))
        self.assertIs(back["a"], back["b"][0])
        deep: list[Any] = []
        for _ in range(100_000):
            deep = [deep]
        back = await tab.evaluate("a => a", deep)
        for _ in range(100_000):
            (back,) = back
        self.assertEqual(back, [])

    async def test_what_is_large(self):
        tab = await self.page()
        rows = [{"id": number, "name": f"row {number}", "price": 0.5} for number in range(20_000)]
        self.assertEqual(await tab.evaluate("rows => rows", rows), rows)
        data = bytes(range(256)) * 10_000
        self.assertEqual(await tab.evaluate("a => [a, a.length]", data), [data, len(data)])
        sparse = await self.fails(tab.evaluate("(() => { const a = []; a[4e9] = 1; return a })()"), EvaluationError)
        self.assertIn("an array of 4000000001 items", str(sparse))

    async def test_buffers_that_were_given_away(self):
        tab = await self.page()
        source = """() => {
            const bytes = new Uint8Array([1]), data = new DataView(new ArrayBuffer(1)), buffer = new ArrayBuffer(1);
            structuredClone(0, {transfer: [bytes.buffer, data.buffer, buffer]});
            return [bytes, data, buffer];
        }"""
        self.assertEqual(await tab.evaluate(source), [b"", b"", b""])

    async def test_values_of_another_realm(self):
        tab = await self.page()
        await tab.goto("data:text/html,<iframe></iframe>")
        source = (
            "frames[0].eval('[new Date(5), new Map([[1, 2]]), {a: 1}, [1], /x/, new RangeError(), document, window]')"
        )
        date, *others, error, document, window = await tab.evaluate(source)
        self.assertEqual(date, datetime(1970, 1, 1, 0, 0, 0, 5000, UTC))
        self.assertEqual(others, [{1: 2}, {"a": 1}, [1], re.compile("x")])
        self.assertEqual((error.name, document, window), ("RangeError", "ref: <Document>", "ref: <Window>"))

    async def test_getters_and_proxies_are_asked_once(self):
        tab = await self.page()
        source = """() => {
            const asked = [];
            const proxy = new Proxy({a: 1}, {get(target, key) { asked.push(key); return target[key] }});
            window.asked = asked;
            return {get b() { asked.push('b'); return asked.length }, proxy};
        }"""
        self.assertEqual(await tab.evaluate(source), {"b": 1, "proxy": {"a": 1}})
        self.assertEqual(await tab.evaluate("asked"), ["b", "a"])


#: What a page does against evaluation, before or after its scripts have seen the document.
HOSTILE = """
    for (const name of Object.getOwnPropertyNames(window)) {
        if (/^[A-Z]/.test(name) && typeof window[name] === 'function') try { window[name] = null } catch {}
    }
    for (const each of [Array.prototype, Map.prototype, Set.prototype, Date.prototype, RegExp.prototype,
                        String.prototype, Promise.prototype, Function.prototype, Uint8Array.prototype.__proto__]) {
        for (const name of Reflect.ownKeys(each)) {
            if (['length', 'constructor'].includes(name)) continue;
            try { Object.defineProperty(each, name, {value() { throw 'broken ' + String(name) }}) } catch {}
        }
    }
"""


class HostilePageTests(SharedBrowserTestCase):
    async def check(self, tab: Page) -> None:
        source = """() => {
            const at = new $date(5), bytes = new $bytes(2), map = $map, set = $set;
            return {list: [1, [2]], text: 'x', at, bytes, map, set, re: /x/g, none: undefined, big: 5n};
        }"""
        value = await tab.evaluate(source)
        date = datetime(1970, 1, 1, 0, 0, 0, 5000, UTC)
        self.assertEqual(
            value,
            {
                "list": [1, [2]],
                "text": "x",
                "at": date,
                "bytes": b"\x00\x00",
                "map": {1: 2},
                "set": [3],
                "re": re.compile("x"),
                "none": None,
                "big": 5,
            },
        )
        self.assertEqual(await tab.evaluate("(async () => ({a: [1]}))()"), {"a": [1]})
        given = {"a": [date, b"x", 2**60, {1: 2}, "text", {"b": None}]}
        self.assertEqual(await tab.evaluate("a => a", given), given)
        self.assertEqual(await tab.evaluate("a => a", {"plain": [1, "x"]}), {"plain": [1, "x"]})
        error = await self.fails(tab.evaluate("() => nowhere"), EvaluationError)
        self.assertEqual((error.name, error.message), ("ReferenceError", "nowhere is not defined"))

    async def test_what_a_page_does_to_its_globals_and_prototypes(self):
        tab = await self.page()
        kept = "<script>$date = Date; $bytes = Uint8Array; $map = new Map([[1, 2]]); $set = new Set([3]);"
        await tab.goto(self.server.page("/", f"{kept}{HOSTILE}</script>"))
        await self.check(tab)

    async def test_what_is_added_to_prototypes_that_are_asked(self):
        tab = await self.page()
        kept = "<script>$date = Date; $bytes = Uint8Array; $map = new Map([[1, 2]]); $set = new Set([3]);"
        added = """
            for (const each of [Object.prototype, Array.prototype, BigInt.prototype, String.prototype]) {
                each.toJSON = () => 'spoilt'; each.enumerable = 1;
            }
            Object.defineProperty(Array.prototype, 0, {set() { throw 'spoilt' }});
            Object.prototype.then = undefined; Object.prototype[Symbol.toStringTag] = 'Map';
        </script>"""
        await tab.goto(self.server.page("/", kept + added))
        await self.check(tab)

    async def test_nothing_of_ours_is_to_be_seen(self):
        tab = await self.page()
        seen = "<script>before = Reflect.ownKeys(window).length</script><body onload='after = Reflect.ownKeys(window)'>"
        await tab.goto(self.server.page("/", seen))
        clean = await tab.evaluate("before")
        context = await self.context()
        other = await context.new_page()
        await other.goto(self.server.page("/", seen))
        self.assertEqual(clean, (await other.session.execute(runtime.evaluate(expression="before"))).result.value)
        self.assertEqual(await tab.evaluate("after.filter(each => typeof each === 'string' && /^_/.test(each))"), [])

    async def test_content_security_policy_and_no_scripts(self):
        tab = await self.page()
        policy = "default-src 'none'; require-trusted-types-for 'script'"
        await tab.goto(self.server.page("/", "<p>x", content_security_policy=policy))
        self.assertEqual(await tab.evaluate("a => [document.querySelector('p').textContent, a]", 5), ["x", 5])
        await tab.session.execute(emulation.set_script_execution_disabled(value=True))
        await tab.goto(self.server.page("/", "<title>off</title><script>document.title = 'on'</script>"))
        self.assertEqual(await tab.evaluate("[document.title]"), ["off"])

    async def test_every_kind_of_document(self):
        tab = await self.page()
        self.assertEqual(await tab.evaluate("[1]"), [1])
        await tab.evaluate("(document.open(), document.write('<p>written'), document.close())")
        self.assertEqual(await tab.evaluate("[document.querySelector('p').textContent]"), ["written"])
        await tab.goto(self.server.page("/", "x"))
        self.assertEqual(await tab.evaluate("[1]"), [1])
        await tab.goto("about:blank")
        await tab.go_back()
        self.assertEqual(await tab.evaluate("[1]"), [1])

    async def test_a_document_that_was_there_before(self):
        tab = await self.page()
        await tab.goto(self.server.page("/", "<title>before</title>"))
        tab._injected.name = "_unknown"  # as of another program
        self.assertEqual(await gatherResults([tab.evaluate("[document.title]") for _ in range(3)]), [["before"]] * 3)
        self.assertNotEqual(tab._injected.name, "_unknown")
        await tab.goto(self.server.page("/", "<title>after</title>"))
        self.assertEqual(await tab.evaluate("[document.title]"), ["after"])


class WorkerTests(SharedBrowserTestCase):
    async def test_a_worker(self):
        tab = await self.page()
        await tab.goto(self.server.page("/", "page"))
        self.server.page("/worker.js", "onconnect = e => e.ports[0].postMessage(1)", content_type="text/javascript")
        await tab.evaluate(
            "new Promise(done => { (w = new SharedWorker('/worker.js')).port.onmessage = () => done() })"
        )
        (info,) = [each for each in await self.browser.targets() if each.url == self.server.url("/worker.js")]
        session = await self.browser.connection.attach(info.target_id)
        injected = Injected(session)
        injected.register()
        evaluator = Evaluator(injected, lambda frame_id: None)
        self.assertEqual(await evaluator.evaluate("5"), 5)
        date = datetime(1970, 1, 1, tzinfo=UTC)
        self.assertEqual(await evaluator.evaluate("a => [new Date(0), a, {b: 1n}]", (date,)), [date, date, {"b": 1}])
        await session.detach()


class HandleTests(SharedBrowserTestCase):
    async def test_objects(self):
        tab = await self.page()
        handle = await tab.evaluate_handle("() => ({list: [1, 2], at: new Date(0), f() {}, self: window})")
        self.assertIsInstance(handle, JSHandle)
        self.assertEqual(str(handle), "Object")
        self.assertEqual(await handle.evaluate("(it, more) => it.list.length + more", 5), 7)
        self.assertEqual(await tab.evaluate("([{it}]) => it.list", [{"it": handle}]), [1, 2])
        self.assertTrue(await tab.evaluate("({a, b: [c]}) => a === c", {"a": handle, "b": [handle]}))
        value = await handle.json_value()
        self.assertEqual(value["list"], [1, 2])
        self.assertEqual(value["at"], datetime(1970, 1, 1, tzinfo=UTC))
        properties = await handle.get_properties()
        self.assertEqual(list(properties), ["list", "at", "f", "self"])
        self.assertEqual(await properties["list"].json_value(), [1, 2])
        self.assertEqual(await (await handle.get_property("list")).evaluate("list => list[1]"), 2)
        self.assertIsNone(await (await handle.get_property("no")).json_value())
        inner = await handle.evaluate_handle("it => it.list")
        self.assertTrue(await tab.evaluate("([a, b]) => a.list === b", [handle, inner]))
        self.assertIsNone(handle.as_element())

    async def test_primitives(self):
        tab = await self.page()
        for source, value, text in (
            ("5", 5, "5"),
            ("'\\x7fj[]'", "\x7fj[]", "\x7fj[]"),
            ("'text'", "text", "text"),
            ("null", None, "null"),
            ("undefined", None, "undefined"),
            ("-0", -0.0, "-0"),
            ("2n ** 70n", 2**70, f"{2**70}n"),
            ("-5n", -5, "-5n"),
            ("Symbol.iterator", None, "Symbol(Symbol.iterator)"),
            ("Promise.resolve(true)", True, "true"),
        ):
            handle = await tab.evaluate_handle(source)
            self.assertEqual((show(await handle.json_value()), str(handle)), (show(value), text))
            self.assertEqual(show(await handle.evaluate("a => a")), show(value))
            self.assertEqual(show(await tab.evaluate("a => a[0]", [handle])), show(value))
            self.assertTrue(await tab.evaluate(f"async a => Object.is(a, await ({source}))", handle))
            self.assertEqual(await handle.get_properties(), {})
            await handle.dispose()

    async def test_errors(self):
        tab = await self.page()
        error = await self.fails(tab.evaluate_handle("() => { throw new RangeError('far') }"), EvaluationError)
        self.assertEqual((error.name, error.message), ("RangeError", "far"))
        handle = await tab.evaluate_handle("({})")
        async with handle:
            pass
        await handle.dispose()
        for use in (handle.evaluate("a => a"), handle.json_value(), handle.get_properties(), tab.evaluate("1", handle)):
            self.assertIn("disposed", str(await self.fails(use, EvaluationError)))
        element = await tab.query_selector("body")
        assert element is not None
        await element.dispose()
        for use in (element.bounding_box(), element.content_frame(), tab.accessibility.snapshot(root=element)):
            self.assertIn("disposed", str(await self.fails(use, EvaluationError)))
        throws = await tab.evaluate_handle("({get a() { throw new RangeError('far') }})")
        error = await self.fails(throws.get_property("a"), EvaluationError)
        self.assertEqual((error.name, error.message), ("RangeError", "far"))
        other = await (await self.page()).evaluate_handle("({})")
        self.assertIn("only in its own frame", str(await self.fails(tab.evaluate("a => a", other), EvaluationError)))
        gone = await tab.evaluate_handle("({})")
        await tab.goto(self.server.page("/", "next"))
        await self.fails(gone.evaluate("a => a"), ContextDestroyed)
        await gone.dispose()

    async def test_elements(self):
        tab = await self.page()
        style = "position: absolute; left: 5px; top: 6px; width: 50px; height: 20px"
        body = f"<form><input name=getAttribute><b id=b style='{style}'>x<i>y</i></b></form>"
        await tab.goto(self.server.page("/", body))
        found = await tab.query_selector("#b")
        assert found is not None
        self.assertIs(found.as_element(), found)
        self.assertIn("b#b", str(found))
        self.assertEqual(await found.get_attribute("id"), "b")
        self.assertIsNone(await found.get_attribute("none"))
        self.assertEqual(await found.text_content(), "xy")
        self.assertEqual(await found.bounding_box(), {"x": 5, "y": 6, "width": 50, "height": 20})
        inner = await found.query_selector("i")
        assert inner is not None
        self.assertEqual(await inner.text_content(), "y")
        self.assertIsNone(await found.query_selector("form"))
        form = await tab.query_selector("form")
        assert form is not None
        self.assertIsNone(await form.get_attribute("class"))
        self.assertEqual([str(each) for each in await tab.query_selector_all("b, i")], ["b#b", "i"])
        self.assertEqual(await tab.query_selector_all("u"), [])
        self.assertIsInstance(await tab.evaluate_handle("document.body"), ElementHandle)
        await tab.evaluate("b => b.style.display = 'none'", found)
        self.assertIsNone(await found.bounding_box())
        await tab.evaluate("b => new DOMParser().parseFromString('', 'text/html').body.append(b)", found)
        self.assertEqual(str(await found.query_selector("i")), "i")
        for error in (
            await self.fails(tab.query_selector("!!"), SelectorError),
            await self.fails(found.query_selector("!!"), SelectorError),
            await self.fails(found.query_selector_all("text=y"), SelectorError),
        ):
            self.assertIn("is not a valid selector", str(error))
        text = (await inner.evaluate_handle("i => i.firstChild")).as_element()
        assert text is not None
        error = await self.fails(text.get_attribute("id"), EvaluationError)
        self.assertEqual(error.message, "only an element has attributes")

    async def test_an_element_that_goes_into_another_document(self):
        tab = await self.page()
        await tab.set_content(
            "<button><b>it</b></button><iframe style='margin: 50px'></iframe>"
            "<script>clicks = 0; document.querySelector('button').addEventListener('click', () => clicks++)</script>"
        )
        found = await tab.query_selector("button")
        assert found is not None
        await found.click()
        await tab.evaluate("void frames[0].document.body.append(document.querySelector('button'))")
        await found.click()
        await found.click()
        self.assertEqual(str(await found.query_selector("b")), "b")
        self.assertIs(await found.owner_frame(), tab.frames[1])
        self.assertEqual(await tab.evaluate("clicks"), 3)

    async def alive(self, tab: Page) -> int:
        await tab.session.execute(heap_profiler.collect_garbage())
        return int(await tab.evaluate("made.filter(each => each.deref()).length"))

    async def test_they_are_released(self):
        tab = await self.page()
        await tab.evaluate("void (window.made = [])")
        make = "() => { const a = {}; made.push(new WeakRef(a)); return a }"
        for _ in range(5):
            await tab.evaluate(make)
        self.assertEqual(await self.alive(tab), 0)  # values leave nothing
        handles = [await tab.evaluate_handle(make) for _ in range(5)]
        self.assertEqual(await self.alive(tab), 5)
        await handles[0].dispose()
        async with handles[1]:
            pass
        del handles[2:]
        gc.collect()
        await tab.evaluate("1")
        self.assertEqual(await self.alive(tab), 0)
        waiting = tab.evaluate_handle(f"() => new Promise(done => go = () => done(({make})()))")
        waiting.addErrback(lambda _: None)
        waiting.cancel()
        await tab.evaluate("void go()")
        self.assertEqual(await self.alive(tab), 0)
