"""What pages say and ask, in a real browser: console, errors, workers."""

from __future__ import annotations

import gc
import time
from pathlib import Path
from typing import Any
from unittest.mock import patch

from twisted.internet.defer import CancelledError, gatherResults

from tests.browser.support import SharedBrowserTestCase
from txcdp import domains as cdp
from txcdp._core.dispatch.tap import CommandObserver
from txcdp.errors import ActionTimeout, AlreadyHandled, CommandTimeout, EvaluationError
from txcdp.page import ConsoleMessage, FileChooser, FilePayload, Page, _uploads
from txcdp.streams import StreamSubject, first


class SaidTestCase(SharedBrowserTestCase):
    """A test with streams of a shared browser: what it subscribes to is left at its end."""

    def collected(self, stream: Any) -> list[Any]:
        """Return a list that the items of a stream are put into, from now on."""
        items: list[Any] = []
        self.addCleanup(stream.subscribe(items.append).dispose)
        return items


class ConsoleTests(SaidTestCase):
    async def said(self, tab: Page, script: str) -> list[ConsoleMessage]:
        """Run a script, and return what it has written."""
        items: list[ConsoleMessage] = []
        listening = tab.console.subscribe(items.append)
        await tab.evaluate(f"() => {{ {script} }}")
        listening.dispose()
        return items

    async def test_calls(self):
        tab = await self.page()
        messages = await self.said(
            tab,
            "console.time('t'); console.timeEnd('t'); console.trace('traced'); console.dir('dir'); console.warn('w');"
            "console.error('e'); console.log(Promise.resolve(1)); console.debug('d'); console.info('i');"
            "console.group('g'); console.groupEnd(); console.assert(false, 'no'); console.count('c'); console.clear()",
        )
        self.assertEqual(
            [(each.type, each.level) for each in messages],
            [
                *(("timeEnd", "info"), ("trace", "info"), ("dir", "info"), ("warning", "warning"), ("error", "error")),
                *(("log", "info"), ("debug", "debug"), ("info", "info"), ("startGroup", "info")),
                *(("endGroup", "info"), ("assert", "error"), ("count", "info"), ("clear", "info")),
            ],
        )
        texts = [each.text for each in messages]
        self.assertTrue(texts[0].startswith("t: "), texts[0])
        expected = ["traced", "dir", "w", "e", "Promise", "d", "i", "g", "console.groupEnd", "no", "c: 1"]
        self.assertEqual(texts[1:], [*expected, "console.clear"])
        self.assertTrue(all(each.page is tab and each.worker is None for each in messages))

    async def test_text_and_arguments(self):
        tab = await self.page()
        (message, plain, formatted, sparse, numbers) = await self.said(
            tab,
            "console.log('hello', 5, {foo: 'bar'}, [1, 2], window, new Map([[1, 2]]), Symbol('s'), 10n);"
            "console.log(null, undefined, true, NaN, -0, 1.5, document.body);"
            "console.log('%s is %d%%', 'a', 5, 'b');"
            "console.log([1,, 3,,, 6], [,, 3]);"
            "console.log(1e21, 1e-7, 123456789012345680000, '%d', 1e21)",
        )
        self.assertEqual(message.text, "hello 5 {foo: bar} [1, 2] Window Map(1) Symbol(s) 10n")
        self.assertEqual(str(message), message.text)
        self.assertEqual(plain.text, "null undefined true NaN -0 1.5 body")
        self.assertEqual(formatted.text, "a is 5% b")
        self.assertEqual(sparse.text, "[1, empty, 3, empty x 2, 6] [empty x 2, 3]")
        self.assertEqual(numbers.text, "1e+21 1e-7 123456789012345680000 %d 1e+21")
        self.assertEqual([str(each) for each in numbers.args[:2]], ["1e+21", "1e-7"])
        self.assertEqual([await each.json_value() for each in message.args[:4]], ["hello", 5, {"foo": "bar"}, [1, 2]])
        self.assertEqual(await tab.evaluate("given => given.foo", message.args[2]), "bar")
        element = plain.args[-1].as_element()
        assert element is not None

    async def test_location_stack_and_time(self):
        url = self.server.page("/said", "<script>\nfunction f() {\n  console.log('x') }\nf()\n</script>")
        tab = await self.page()
        began = time.time()
        async with tab.console.expect() as expected:
            await tab.goto(url)
        message = await expected.value
        self.assertEqual(message.location, {"url": url, "lineNumber": 2, "columnNumber": 10})
        self.assertEqual(message.stack, f"    at f ({url}:3:11)\n    at {url}:4:1")
        self.assertLess(began - 1, message.timestamp)  # two clocks
        self.assertLess(message.timestamp, time.time() + 1)

    async def test_what_the_browser_says_itself(self):
        tab = await self.page()
        await tab.goto(self.server.page("/log", "here"))
        async with tab.console.expect() as expected:
            await tab.evaluate("() => fetch('/nowhere')")
        message = await expected.value
        self.assertEqual((message.type, message.level, message.source), ("error", "error", "network"))
        self.assertIn("404", message.text)
        self.assertEqual(message.location["url"], self.server.url("/nowhere"))

    async def test_what_was_said_before_is_not_told(self):
        tab = await self.page()
        await tab.goto(self.server.page("/before", "<script>console.log('early', {}); fetch('/nowhere')</script>"))
        await tab.evaluate("() => fetch('/nowhere')")
        messages = self.collected(tab.console)
        errors = self.collected(tab.page_errors)
        await tab.evaluate("() => { console.log('late'); console.log('later') }")
        self.assertEqual([each.text for each in messages], ["late", "later"])
        listening = tab.console.subscribe()
        await tab.evaluate("() => console.log('more')")
        listening.dispose()
        self.assertEqual([each.text for each in messages], ["late", "later", "more"])
        self.assertEqual(errors, [])

    async def test_what_a_document_said_is_not_told_again_when_it_comes_back(self):
        script = "console.log(1, {}); console.log(2, {}); addEventListener('pagehide', () => console.log('left'))"
        tab = await self.page()
        said = self.collected(tab.console.map(lambda each: each.text))
        errors = self.collected(tab.page_errors.map(lambda each: each.message))
        kinds = self.collected(tab.navigations.map(lambda each: each.kind))
        url = self.server.page("/", f"<script>{script}; fetch('/nowhere'); throw Error('no')</script>")
        async with tab.console.filter(lambda each: each.source == "network").expect() as failed:
            await tab.goto(url)
        text = (await failed.value).text
        await tab.goto(self.server.page("/quiet", "<p>quiet"))
        await tab.go_back()
        await tab.evaluate("console.log('after')")
        self.assertEqual(kinds, ["new_document", "new_document", "restored"])
        self.assertEqual([each for each in said if each != text], ["1 {}", "2 {}", "left", "after"])
        self.assertEqual(said.count(text), 1)
        self.assertEqual(errors, ["no"])

    async def test_frames_of_another_site(self):
        inner = self.server.page("/inner", "<script>console.log('inside', {a: 1}); nowhere()</script>")
        tab = await self.page()
        messages, errors = self.collected(tab.console), self.collected(tab.page_errors)
        await tab.goto(self.server.page("/outer", f"<iframe src='{inner.replace('127.0.0.1', 'localhost')}'></iframe>"))
        self.assertEqual([each.text for each in messages if each.type == "log"], ["inside {a: 1}"])
        self.assertEqual(await messages[0].args[1].json_value(), {"a": 1})
        self.assertEqual([each.name for each in errors], ["ReferenceError"])

    async def test_what_the_browser_says_of_a_frame_of_another_site_that_begins(self):
        refused = self.server.page("/refused", "no", x_frame_options="DENY").replace("127.0.0.1", "localhost")
        self.server.page("/missing", f"<img src='/gone'><iframe src='{refused}'></iframe>")
        tab = await self.page()
        messages = self.collected(tab.console)
        frame = f"<iframe src='{self.server.url('/missing', 'localhost')}'></iframe>"
        async with tab.console.expect(lambda message: "Refused to display" in message.text):
            await tab.goto(self.server.page("/outer", frame))
        async with tab.console.expect(lambda message: "Refused to display" in message.text):
            await tab.evaluate(
                "url => { document.body.append(document.createElement('iframe')); frames[1].location = url }", refused
            )
        self.assertEqual(len([each for each in messages if each.location["url"].endswith("/gone")]), 1)

    async def test_names_of_errors_that_a_program_has_made(self):
        tab = await self.page()
        long = "x: " * 200
        for code, name, message in (
            ("error = new Error('why'); error.name = 'my-error'", "my-error", "why"),
            ("error = new (class extends Error { get name() { return 'a: b' } })('c: d')", "a: b", "c: d"),
            ("error = new Error('Type: wrong')", "Error", "Type: wrong"),
            (f"error = new Error('{long}'); error.name = 'too long'", "too long", long),
            ("error = new Error('one\\ntwo'); error.name = 'two lines'", "two lines", "one\ntwo"),
            ("error = new Error(); error.name = 'no words'", "no words", ""),
            ("error = new Error('no name'); error.name = ''", "", "no name"),
        ):
            async with tab.page_errors.expect() as expected:
                await tab.evaluate("code => void setTimeout(() => { let error; eval(code); throw error })", code)
            error = await expected.value
            self.assertEqual((error.name, error.message), (name, message))

    async def test_errors(self):
        tab = await self.page()
        url = self.server.page("/thrown", "<script>\nfunction f() { throw new TypeError('boom') }\nf()</script>")
        errors = self.collected(tab.page_errors)
        await tab.goto(url)
        (error,) = errors
        self.assertEqual((error.name, error.message, error.page, error.worker), ("TypeError", "boom", tab, None))
        self.assertEqual(error.stack, f"TypeError: boom\n    at f ({url}:2:22)\n    at {url}:3:1")
        self.assertEqual(str(error), error.stack)
        self.assertEqual(error.location, {"url": url, "lineNumber": 1, "columnNumber": 21})
        for script, told in (
            ("Promise.reject(new RangeError('r'))", ("RangeError", "r")),
            ("setTimeout(() => { throw 'text' })", ("", "text")),
            ("setTimeout(() => { throw null })", ("", "null")),
            ("setTimeout(() => { throw 5 })", ("", "5")),
            ("setTimeout(() => { throw 1e21 })", ("", "1e+21")),
            ("Promise.reject()", ("", "undefined")),
        ):
            async with tab.page_errors.expect() as expected:
                await tab.evaluate(f"() => {{ {script} }}")
            error = await expected.value
            self.assertEqual((error.name, error.message), told)
            self.assertIn(told[1], str(error))

    async def test_arguments_are_let_go(self):
        tab = await self.page()
        released = self.collected(_released(tab))
        held = await self.said(tab, "console.log({a: 1})")
        self.assertEqual(await held[0].args[0].json_value(), {"a": 1})
        await tab.evaluate("1")
        gc.collect()
        await self.said(tab, "console.log('no object')")
        self.assertEqual(released, [])
        held.clear()
        gc.collect()
        await self.said(tab, "console.log('no object')")
        self.assertEqual(len(released), 1)  # with the next message
        await tab.evaluate("() => console.log({c: 1})")  # nobody listens
        await tab.evaluate("1")
        self.assertEqual(len(released), 2)
        raw = self.collected(tab.events(cdp.runtime.ConsoleAPICalled))
        await tab.evaluate("() => console.log({d: 1})")  # who listens to the protocol has it
        await tab.evaluate("1")
        self.assertEqual(len(released), 2)
        self.assertEqual(raw[0].args[0].type, "object")

    async def test_a_thousand_messages_later(self):
        tab = await self.page()
        messages = self.collected(tab.console)
        await tab.evaluate("() => { for (let i = 0; i < 1001; i++) console.log({i}) }")
        self.assertEqual(len(messages), 1001)
        self.assertIn("disposed", repr(messages[0].args[0]))
        self.assertEqual(await messages[1].args[0].json_value(), {"i": 1})

    async def test_a_console_that_is_cleared_lets_go_of_what_was_said(self):
        tab = await self.page()
        messages = self.collected(tab.console)
        await tab.evaluate("() => { console.log({a: 1}); console.clear(); console.log({b: 2}) }")
        error = await self.fails(messages[0].args[0].json_value(), EvaluationError)
        self.assertIn("console.clear()", str(error))
        self.assertEqual(await messages[2].args[0].json_value(), {"b": 2})

    async def test_all_pages_of_a_context_and_of_the_browser(self):
        context, other = await self.context(), await self.context()
        before = await context.new_page()
        ours, all_of_them = self.collected(context.console), self.collected(self.browser.console)
        errors = self.collected(context.page_errors)
        after, elsewhere = await context.new_page(), await other.new_page()
        for number, tab in enumerate((before, after, elsewhere)):
            await tab.evaluate("number => console.log(number)", number)
        await before.close()
        await after.evaluate("() => { console.log('still'); setTimeout(() => { throw 1 }) }")
        if not errors:
            await first(after.page_errors)
        self.assertEqual([each.text for each in ours], ["0", "1", "still"])
        self.assertEqual([each.text for each in all_of_them], ["0", "1", "2", "still"])
        self.assertEqual([each.page for each in errors], [after])
        ended: list[str] = []
        context.console.subscribe(on_completed=lambda: ended.append("completed"))
        self.addCleanup(self.browser.console.subscribe(on_completed=lambda: ended.append("too early")).dispose)
        await context.close()
        self.assertEqual(ended, ["completed"])


def _released(tab: Page) -> Any:
    """Return the commands that release an object, as a stream."""
    stream: StreamSubject[bytes] = StreamSubject(tab.session.context, "released")

    def sent(message: bytes) -> None:
        if b"Runtime.releaseObject" in message:
            stream.push(message)

    tab._connection.observe_commands(CommandObserver(sent, lambda number, message: None))
    return stream


class WorkerTests(SaidTestCase):
    async def test_it_is_told_of_before_it_runs(self):
        tab = await self.page()
        self.server.page("/worker.js", "console.log('first')", content_type="text/javascript")
        await tab.goto(self.server.page("/workers", "<script>start = () => worker = new Worker('/worker.js')</script>"))
        self.assertEqual(tab.workers, [])
        messages: list[str] = []

        def started(worker: Any) -> None:
            worker.console.subscribe(lambda message: messages.append(message.text))

        tab.worker_started.subscribe(started)
        async with tab.console.expect() as said, tab.worker_started.expect() as expected:
            await tab.evaluate("start()")
        worker, message = await expected.value, await said.value
        self.assertEqual(tab.workers, [worker])
        self.assertEqual(worker.url, self.server.url("/worker.js"))
        self.assertIs(message.worker, worker)
        self.assertEqual(messages, [message.text])
        self.assertEqual(message.text, "first")

    async def test_evaluate_and_end(self):
        tab = await self.page()
        self.server.page(
            "/worker.js",
            "x = {a: 1}; onmessage = () => { throw new Error('in it') }; postMessage(1)",
            content_type="text/javascript",
        )
        await tab.goto(self.server.page("/workers", "<script>worker = new Worker('/worker.js')</script>"))
        await tab.evaluate(
            "() => new Promise(done => { worker.onmessage = done; new Worker('/worker.js').onmessage = done })"
        )
        worker = tab.workers[0]
        self.assertEqual(await worker.evaluate("x"), {"a": 1})
        self.assertEqual(
            await worker.evaluate("async given => [given, typeof document]", {"b": 2}), [{"b": 2}, "undefined"]
        )
        handle = await worker.evaluate_handle("x")
        self.assertEqual(await worker.evaluate("it => it === x", handle), True)
        async with tab.page_errors.expect() as expected:
            await tab.evaluate("worker.postMessage(1)")
        error = await expected.value
        self.assertEqual((error.message, error.worker), ("in it", worker))
        ended: list[str] = []
        worker.console.subscribe(on_completed=lambda: ended.append("completed"))
        closed = worker.when_closed()
        await tab.evaluate("worker.terminate()")
        await closed
        self.assertEqual((worker in tab.workers, ended, worker.is_closed()), (False, ["completed"], True))
        await worker.when_closed()

    async def test_evaluate_before_the_script_is_there(self):
        """Timers, and much else, crash a process whose worker has not got its script."""
        tab = await self.page()
        self.server.page("/worker.js", "ran = true; console.log(self)", content_type="text/javascript")
        await tab.goto(self.server.page("/workers", ""))
        said = self.collected(tab.console)
        for _ in range(5):
            async with tab.worker_started.expect() as expected:
                await tab.evaluate("void (worker = new Worker('/worker.js'))")
            worker = await expected.value
            source = "async () => { await new Promise(done => setTimeout(done)); return [ran, location.pathname] }"
            found = await gatherResults([worker.evaluate(source), worker.evaluate(source)])
            self.assertEqual(found, [[True, "/worker.js"]] * 2)
        held = self.server.held("/held.js", "ran = true;", "text/javascript")
        async with tab.worker_started.expect() as expected:
            await tab.evaluate("void (worker = new Worker('/held.js'))")
        worker = await expected.value
        error = await self.fails(worker.evaluate(source, timeout=0.1), CommandTimeout)
        self.assertIn("script did not load", str(error))
        evaluating = worker.evaluate(source)
        self.assertNoResult(evaluating)
        held.release()
        self.assertEqual(await evaluating, [True, "/held.js"])
        # What a worker has said is at hand without anything having been evaluated there.
        async with tab.console.expect() as expected_message:
            await tab.evaluate("void (worker = new Worker('/worker.js'))")
        message = await expected_message.value
        self.assertEqual(await (await message.args[0].get_property("ran")).json_value(), True)
        self.assertEqual(await tab.workers[-1].evaluate("ran"), True)
        self.assertEqual(len(said), 6)

    async def test_a_navigation_ends_them_and_nested_ones_count(self):
        tab = await self.page()
        self.server.page("/inner.js", "postMessage(1)", content_type="text/javascript")
        self.server.page(
            "/outer.js",
            "w = new Worker('/inner.js'); w.onmessage = () => postMessage(1)",
            content_type="text/javascript",
        )
        await tab.goto(self.server.page("/workers", "here"))
        await tab.evaluate("() => new Promise(done => { new Worker('/outer.js').onmessage = done })")
        self.assertEqual([each.url.rpartition("/")[2] for each in tab.workers], ["outer.js", "inner.js"])
        closing = [each.when_closed() for each in tab.workers]
        await tab.goto("about:blank")
        for each in closing:
            await each
        self.assertEqual(tab.workers, [])


class FileChooserTests(SaidTestCase):
    def file(self, text: str) -> Path:
        """Return a file with a text."""
        path = Path(self.mktemp())
        path.write_text(text)
        return path

    async def chooser(self, tab: Page, html: str) -> FileChooser:
        """Return the file chooser of an input."""
        await tab.set_content(html)
        await tab.evaluate(
            "() => { events = []; for (const type of ['input', 'change'])"
            " document.querySelector('input').addEventListener(type, () => events.push(type)) }"
        )
        async with tab.file_choosers.expect() as expected:
            await tab.evaluate("document.querySelector('input').click()")
        return await expected.value

    async def test_paths(self):
        tab = await self.page()
        one, two = self.file("one"), self.file("two")
        chooser = await self.chooser(tab, "<input type=file multiple>")
        self.assertEqual((chooser.is_multiple(), chooser.page), (True, tab))
        self.assertEqual(await chooser.element.evaluate("it => it.type"), "file")
        await chooser.set_files([one, str(two)])
        read = "async () => [await Promise.all([...document.querySelector('input').files].map(f => f.text())), events]"
        self.assertEqual(await tab.evaluate(read), [["one", "two"], ["input", "change"]])
        await self.fails(chooser.set_files([]), AlreadyHandled)

    async def test_payloads_and_refusals(self):
        tab = await self.page()
        chooser = await self.chooser(tab, "<input type=file>")
        self.assertFalse(chooser.is_multiple())
        await self.fails(chooser.set_files(["a", "b"]), ValueError)
        await self.fails(chooser.set_files("/nowhere/at/all"), FileNotFoundError)
        await self.fails(chooser.set_files(self.file("a").parent), ValueError)
        await chooser.set_files({"name": "x.txt", "mimeType": "text/plain", "buffer": b"\xff\x00"})
        read = (
            "async () => { const f = document.querySelector('input').files[0];"
            " return [f.name, f.type, new Uint8Array(await f.arrayBuffer()), events] }"
        )
        self.assertEqual(await tab.evaluate(read), ["x.txt", "text/plain", b"\xff\x00", ["input", "change"]])
        await tab.set_input_files("input", FilePayload(name="in/y.txt", mimeType="", buffer=b""))
        self.assertEqual((await tab.evaluate(read))[:3], ["in/y.txt", "text/plain", b""])

    async def test_large_ones_travel_in_pieces(self):
        tab = await self.page()
        path = self.file("of this machine, where the browser is not")
        read = (
            "async () => [await Promise.all([...document.querySelector('input').files]"
            ".map(async f => [f.name, f.webkitRelativePath, await f.text()])), events]"
        )
        with patch.object(_uploads, "PIECE", 10), patch.object(tab.browser, "process", None):
            chooser = await self.chooser(tab, "<input type=file multiple>")
            files = [
                FilePayload(name=f"{n}.txt", mimeType="text/plain", buffer=b"0123456789abc"[:n]) for n in (13, 0, 2)
            ]
            await chooser.set_files([path, *files])
            told = [[path.name, "", path.read_text()], *([each["name"], "", each["buffer"].decode()] for each in files)]
            self.assertEqual(await tab.evaluate(read), [told, ["input", "change"]])
            chooser = await self.chooser(tab, "<input type=file webkitdirectory>")
            folder = Path(self.mktemp())
            (folder / "in").mkdir(parents=True)
            (folder / "in" / "a.txt").write_text("inside")
            await self.fails(chooser.set_files(path), ValueError)
            await chooser.set_files(folder)
            await tab.set_input_files("input", folder)
        names = [["a.txt", f"{folder.name}/in/a.txt", "inside"]]
        self.assertEqual(await tab.evaluate(read), [names, ["input", "change"] * 2])

    async def test_a_deadline_covers_it_and_nothing_is_repeated(self):
        tab = await self.page()
        payload = FilePayload(name="a.txt", mimeType="text/plain", buffer=b"a")
        chooser = await self.chooser(tab, "<input type=file onchange='alert(1)'>")
        async with tab.dialogs.expect() as expected:
            await self.fails(chooser.set_files(payload, timeout=0.1), ActionTimeout)
        await (await expected.value).accept()
        self.assertEqual(await tab.evaluate("events"), ["input", "change"])
        async with tab.dialogs.expect() as expected:
            giving = tab.set_input_files("input", payload)
        giving.cancel()
        await self.fails(giving, CancelledError)
        await (await expected.value).accept()
        self.assertEqual(await tab.evaluate("events"), ["input", "change"] * 2)

    async def test_they_are_intercepted_while_somebody_wants_them(self):
        tab = await self.page()
        sent: list[bytes] = []
        stop = tab._connection.observe_commands(CommandObserver(sent.append, lambda number, message: None))
        self.addCleanup(stop)
        listening = tab.file_choosers.subscribe()
        listening.dispose()
        await tab.title()
        asked = [each for each in sent if b"setInterceptFileChooserDialog" in each]
        self.assertEqual([b"true" in each for each in asked], [True, False])

    async def test_a_frame_of_another_site(self):
        tab = await self.page()
        inner = self.server.page("/inner", "<input type=file>").replace("127.0.0.1", "localhost")
        self.server.page("/outer", f"<iframe src='{inner}'></iframe>")
        await tab.goto(self.server.url("/outer"))
        path = self.file("inside")
        async with tab.file_choosers.expect() as expected:
            await tab.frames[1].evaluate("document.querySelector('input').click()")
        await (await expected.value).set_files(path)
        self.assertEqual(await tab.frames[1].evaluate("document.querySelector('input').files[0].text()"), "inside")


class PopupTests(SaidTestCase):
    async def test_it_is_told_of_before_its_first_script(self):
        tab = await self.page()
        await tab.goto(self.server.page("/opener", "here"))
        self.server.page("/popup", "<script>seen = window.marked; console.log('first')</script>")
        opened, said = self.collected(tab.context.page_opened), self.collected(tab.context.console)
        everywhere = self.collected(self.browser.page_opened)
        marking: list[Any] = []
        listening = tab.popups.subscribe(lambda popup: marking.append(popup.add_init_script("window.marked = 'yes'")))
        self.addCleanup(listening.dispose)
        async with tab.popups.expect() as expected:
            await tab.evaluate("void window.open('/popup')")
        popup = await expected.value
        await popup.wait_for_load_state()
        self.assertEqual(popup.url, self.server.url("/popup"))
        self.assertEqual(await popup.evaluate("[seen, document.hasFocus()]"), ["yes", True])
        self.assertIs(popup.opener, tab)
        self.assertIs(popup.context, tab.context)
        self.assertEqual((opened, everywhere), ([popup], [popup]))
        self.assertEqual(tab.context.pages, [tab, popup])
        self.assertEqual([each.text for each in said], ["first"])
        self.assertEqual(popup.viewport_size, tab.viewport_size)
        await marking[0]
        await tab.close()
        self.assertIsNone(popup.opener)

    async def test_an_empty_one_and_one_without_access(self):
        tab = await self.page()
        await tab.goto(self.server.page("/opener", "<a href='/popup' target=_blank rel=noopener>there</a>"))
        self.server.page("/popup", "there")
        async with tab.popups.expect() as expected:
            await tab.evaluate("void (w = window.open())")
        popup = await expected.value
        self.assertEqual(popup.url, "about:blank")
        await popup.wait_for_load_state()
        self.assertEqual(await popup.evaluate("opener !== null"), True)
        closed = popup.when_closed()
        await tab.evaluate("w.close()")
        await closed
        async with tab.popups.expect() as expected:
            await tab.evaluate("document.querySelector('a').click()")
        popup = await expected.value
        await popup.wait_for_load_state()
        self.assertEqual(await popup.evaluate("[location.pathname, opener]"), ["/popup", None])

    async def test_what_a_click_with_a_key_opens(self):
        there = self.server.page("/popup", "there")
        self.server.page("/opener", "<a href='/popup'>there</a>")
        own, default = await self.page(), await self.browser.new_page()
        self.addCleanup(default.close)
        for tab in (own, default):
            for key in ("ControlOrMeta", "Shift"):
                await tab.goto(self.server.url("/opener"))
                async with tab.context.page_opened.expect() as expected:
                    await tab.click("a", modifiers=[key])
                opened = await expected.value
                await opened.wait_for_load_state()
                self.assertEqual(
                    (opened.url, opened.opener, await opened.evaluate("document.readyState")), (there, None, "complete")
                )
                await opened.close()

    async def test_what_a_frame_in_another_process_opens(self):
        there = self.server.page("/popup", "there")
        self.server.page("/inner", "<a href='/popup' target=_blank>there</a>")
        inner = self.server.url("/inner", "localhost")
        tab = await self.page()
        await tab.goto(self.server.page("/outer", f"<iframe src='{inner}'></iframe>"))
        frame = tab.frames[1]
        async with tab.popups.expect() as expected:
            await frame.click("a")
        popup = await expected.value
        await popup.wait_for_load_state()
        self.assertEqual(popup.url, self.server.url("/popup", "localhost"))
        self.assertEqual(popup.viewport_size, tab.viewport_size)
        async with tab.popups.expect() as expected:
            await frame.evaluate("url => void open(url, '', 'width=300,height=200')", there)
        popup = await expected.value
        await popup.wait_for_load_state()
        self.assertEqual((popup.url, popup.viewport_size), (there, {"width": 300, "height": 200}))
        self.assertEqual(await popup.evaluate("[innerWidth, innerHeight]"), [300, 200])

    async def test_what_the_program_opens_is_opened_too(self):
        context = await self.context()
        opened = self.collected(context.page_opened)
        popups = self.collected(context.popups)
        tab = await context.new_page()
        self.assertEqual((opened, popups, tab.opener), ([tab], [], None))

    async def test_without_a_viewport(self):
        context = await self.context(no_viewport=True)
        tab = await context.new_page()
        async with context.page_opened.expect() as expected:
            await tab.evaluate("void window.open('about:blank')")
        self.assertIs((await expected.value).opener, tab)
