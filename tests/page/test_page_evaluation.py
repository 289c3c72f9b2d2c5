"""Evaluation without a browser: what is sent for it, odd answers, and that nothing is left in the page."""

from __future__ import annotations

import gc
import json
import math
import re
from datetime import timedelta
from typing import Any

from twisted.internet.defer import CancelledError, Deferred
from twisted.trial.unittest import SynchronousTestCase

from txcdp import ReconnectPolicy
from txcdp.domains import page, runtime
from txcdp.errors import (
    ActionTimeout,
    CommandError,
    CommandTimeout,
    ContextDestroyed,
    EvaluationError,
    NotSerializable,
    SessionDetached,
)
from txcdp.page import _injected
from txcdp.page._values import MARK
from txcdp.testing import NEVER, FakeChrome


def result(value: Any = None, **fields: Any) -> runtime.EvaluateResult:
    """Return the answer to an evaluation."""
    return runtime.EvaluateResult(result=runtime.RemoteObject(**{"type": "string", "value": value, **fields}))


def kept(object_id: str, **fields: Any) -> runtime.EvaluateResult:
    """Return the answer to one whose value is kept."""
    return result(None, type="object", object_id=object_id, description="Object", **fields)


def thrown(description: str) -> runtime.EvaluateResult:
    """Return the answer to one that throws although our script catches all."""
    exception = runtime.RemoteObject(type="object", subtype="error", description=description)
    details = runtime.ExceptionDetails(
        exception_id=1, text="Uncaught", line_number=0, column_number=0, exception=exception
    )
    return runtime.EvaluateResult(result=exception, exception_details=details)


class EvaluationTestCase(SynchronousTestCase):
    def setUp(self) -> None:
        self.chrome = FakeChrome()
        self.browser = self.chrome.browser(linger=None)
        self.tab = self.chrome.run(self.browser.new_page())

    def sent(self) -> list[str]:
        """Return the expressions that have arrived."""
        return [each.expression for each in self.chrome.received(runtime.evaluate)]

    def registered(self) -> list[str]:
        """Return the names under which our script was registered."""
        sources = [each.source for each in self.chrome.received(page.add_script_to_evaluate_on_new_document)]
        return [found[1] for each in sources if (found := re.match(r"const (_\w+)=", each))]


class EvaluateTests(EvaluationTestCase):
    def test_one_command(self):
        self.chrome.on(runtime.evaluate, result("text"))
        before = len(self.chrome.commands)
        self.assertEqual(self.chrome.run(self.tab.evaluate("a => a", [1])), "text")
        self.assertEqual(len(self.chrome.commands), before + 1)
        (name,) = self.registered()
        literal = f'"{MARK}j[1]"'
        (expression,) = self.sent()
        self.assertEqual(expression, f'{name}.evaluate("a => a",false,true,true,[],{literal})')
        self.assertTrue(self.chrome.received(runtime.evaluate)[0].return_by_value)

    def test_answers(self):
        for answer, value in (
            (result(MARK + 'j{"a":[1]}'), {"a": [1]}),
            (result(MARK + "s" + MARK), MARK),
            (result(MARK + "nff"), 255),
            (result(5, type="number"), 5),
            (result(2**53, type="number"), float(2**53)),
            (result(None, type="number", unserializable_value="-0"), 0),
            (result(None, type="undefined"), None),
            (result({"plain": 1}, type="object"), {"plain": 1}),  # as a test may say it
        ):
            self.chrome.once(runtime.evaluate, answer)
            got = self.chrome.run(self.tab.evaluate("1"))
            self.assertEqual((got, type(got)), (value, type(value)) if value != 0 else (0, float))

    def test_what_was_thrown(self):
        said = {"name": "TypeError", "message": "no", "stack": "TypeError: no\n    at f (x.js:2:3)"}
        self.chrome.once(runtime.evaluate, result(f"{MARK}x{MARK}j{json.dumps(said)}"))
        waiting = self.tab.evaluate("f()")
        self.chrome.flush()
        error = self.failureResultOf(waiting, EvaluationError).value
        self.assertEqual((error.name, error.message, error.stack), ("TypeError", "no", said["stack"]))
        self.assertEqual((error.details.line_number, error.details.column_number), (1, 2))
        self.chrome.once(runtime.evaluate, result(f"{MARK}ubecause"))
        waiting = self.tab.evaluate("f()")
        self.chrome.flush()
        self.assertIn("because", str(self.failureResultOf(waiting, NotSerializable).value))

    def test_what_was_thrown_that_is_no_error(self):
        itself = f"t{json.dumps([['o', ['a', 'b'], [['r', 0], ['r', 1]]], ['a', [['r', 1], ['r', 0]]]])}"
        numbers = f"t{json.dumps([['a', [['f', 'NaN'], ['f', '-0'], ['f', '-Infinity'], 1.5]]])}"
        for kind, value, shown in (
            ("object", MARK + itself, "Object {a: Object {a: Object {...}, b: [...]}, b: [[...], Object {...}]}"),
            ("object", MARK + numbers, "[NaN, -0, -Infinity, 1.5]"),
            ("object", MARK + f"j{json.dumps(list(range(1000)))}", "[0, 1, 2, 3, 4, ...]"),
            ("object", MARK + "j[[[]],[{}]]", "[[[]], [Object {}]]"),
            ("object", MARK + "ubecause", "object that cannot be read (because)"),
            ("bigint", MARK + "na", "10n"),
            ("function", None, "function"),
        ):
            said = {"promise": False, "type": kind, "value": value}
            self.chrome.once(runtime.evaluate, result(f"{MARK}x{MARK}j{json.dumps(said)}"))
            waiting = self.tab.evaluate("f()")
            self.chrome.flush()
            error = self.failureResultOf(waiting, EvaluationError).value
            self.assertEqual((str(error), error.message), (f"Uncaught: {shown}", shown))

    def test_where_a_source_is_wrong(self):
        said = {"name": "SyntaxError", "message": "Unexpected x", "stack": "SyntaxError: Unexpected x"}
        self.chrome.once(runtime.evaluate, result(f"{MARK}x{MARK}j{json.dumps(said)}"))
        wrong = thrown("SyntaxError: Unexpected x")
        details = runtime.ExceptionDetails(
            exception_id=1,
            text="Uncaught",
            line_number=0,
            column_number=len("throw 0;") + 4,
            exception=wrong.result,
        )
        self.chrome.once(runtime.evaluate, runtime.EvaluateResult(result=wrong.result, exception_details=details))
        waiting = self.tab.evaluate("not x")
        self.chrome.flush()
        error = self.failureResultOf(waiting, EvaluationError).value
        self.assertEqual(str(error), "SyntaxError: Unexpected x\n    at <anonymous>:1:5")
        self.assertEqual(self.sent()[-1], "throw 0;not x")

    def test_a_document_without_our_script(self):
        (name,) = self.registered()
        missing = thrown(f"ReferenceError: {name} is not defined\n    at <anonymous>:1:1")
        self.chrome.once(runtime.evaluate, missing)
        self.chrome.once(runtime.evaluate, missing)
        self.chrome.on(runtime.evaluate, result("there"))
        waiting = [self.tab.evaluate("1"), self.tab.evaluate("2")]
        self.chrome.flush()
        self.assertEqual([self.successResultOf(each) for each in waiting], ["there"] * 2)
        _, other = self.registered()  # once for both
        self.assertEqual([each.partition(".")[0] for each in self.sent()], [name, name, other, other])

    def test_a_document_in_which_our_script_cannot_run(self):
        names: list[str] = []

        def missing(command: runtime.evaluate) -> runtime.EvaluateResult:
            names.append(command.expression.partition(".")[0])
            return thrown(f"ReferenceError: {names[-1]} is not defined")

        self.chrome.on(runtime.evaluate, missing)
        waiting = self.tab.evaluate("1")
        self.chrome.flush()
        self.assertIn("reload it", str(self.failureResultOf(waiting, EvaluationError).value))
        self.assertEqual(len(set(names)), 2)

    def test_refusals(self):
        for message, kind in (
            ("Inspected target navigated or closed", ContextDestroyed),
            ("Internal error", CommandError),
        ):
            self.chrome.once(runtime.evaluate, CommandError("Runtime.evaluate", -32000, message))
            waiting = self.tab.evaluate("1")
            self.chrome.flush()
            self.failureResultOf(waiting, kind)
        self.failureResultOf(self.tab.evaluate("a => a", object()), TypeError)
        self.failureResultOf(self.tab.evaluate("1", timeout=-1), ValueError)
        self.chrome.on(runtime.evaluate, NEVER)
        waiting = self.tab.evaluate("1", timeout=2)
        self.chrome.advance(2)
        self.failureResultOf(waiting, CommandTimeout)

    def test_over_another_line_it_is_registered_for_documents_that_come(self):
        chrome = FakeChrome()
        self.chrome, self.tab = chrome, chrome.run(chrome.browser(reconnect=ReconnectPolicy()).new_page())
        chrome.on(runtime.evaluate, result("text"))
        chrome.run(self.tab.evaluate("1"))
        chrome.lose()
        chrome.advance(60)
        self.assertEqual(chrome.run(self.tab.evaluate("2")), "text")
        registered = chrome.received(page.add_script_to_evaluate_on_new_document)
        self.assertEqual([each.run_immediately for each in registered], [True, False])
        self.assertEqual(registered[0].source, registered[1].source)
        self.assertEqual(len({each.partition(".")[0] for each in self.sent()}), 1)


class KeptTests(EvaluationTestCase):
    def released(self) -> list[str]:
        return [each.object_id for each in self.chrome.received(runtime.release_object)]

    def test_handles(self):
        self.chrome.once(runtime.evaluate, kept("1"))
        handle = self.chrome.run(self.tab.evaluate_handle("({})"))
        self.chrome.once(runtime.call_function_on, result("used"))
        self.assertEqual(self.chrome.run(self.tab.evaluate("([a]) => a", [handle, handle])), "used")
        (call,) = self.chrome.received(runtime.call_function_on)
        self.assertEqual((call.object_id, [each.object_id for each in call.arguments or ()]), ("1", ["1"] * 2))
        self.assertIn(
            '[["a",[["h",0],["h",1]]]]', json.loads(re.findall(r'"(?:[^"\\]|\\.)*"', call.function_declaration)[-1])
        )
        self.chrome.run(handle.dispose())
        self.chrome.run(handle.dispose())
        self.assertEqual(self.released(), ["1"])

    def test_garbage_is_released_with_the_next_command(self):
        self.chrome.on(runtime.evaluate, kept("1"))
        handle = self.chrome.run(self.tab.evaluate_handle("({})"))
        del handle
        gc.collect()
        self.assertEqual(self.released(), [])
        self.chrome.on(runtime.evaluate, result("next"))
        self.chrome.run(self.tab.evaluate("1"))
        self.assertEqual(self.released(), ["1"])

    def test_much_garbage_leaves_room_for_the_commands_of_the_program(self):
        injected, most = self.tab._injected, _injected._MOST_RELEASING
        self.chrome.on(runtime.evaluate, result("next"))
        self.chrome.on(runtime.release_object, NEVER)
        for number in range(2 * most + 1):
            injected.note_garbage(str(number))
        for _ in range(2):  # the page answers nothing: no more are asked for
            self.chrome.run(self.tab.evaluate("1"))
            self.assertEqual(len(self.released()), most)
        asked = [each for each in self.chrome.commands if each.method == runtime.release_object.method]
        self.chrome.on(runtime.release_object, {})
        for each in asked:
            self.chrome.reply(each, {})
        self.chrome.flush()
        self.assertEqual(self.released(), [str(number) for number in range(2 * most + 1)])

    def test_garbage_that_can_be_released_no_more_is_forgotten(self):
        injected = self.tab._injected
        for number in range(2 * _injected._MOST_RELEASING):
            injected.note_garbage(str(number))
        self.chrome.lose()
        self.chrome.advance(60)
        injected.release_garbage()
        self.assertEqual((list(injected._garbage), injected._releasing), ([], 0))

    def test_what_comes_after_it_was_cancelled_is_released(self):
        self.chrome.on(runtime.evaluate, NEVER)
        waiting = self.tab.evaluate_handle("new Promise(() => {})")
        self.chrome.flush()
        waiting.cancel()
        self.failureResultOf(waiting, CancelledError)
        self.chrome.reply([each for each in self.chrome.commands if each.method == "Runtime.evaluate"][-1], kept("7"))
        self.chrome.flush()
        self.assertEqual(self.released(), ["7"])

    def test_elements(self):
        self.chrome.on(runtime.evaluate, kept("1", subtype="node"))
        element = self.chrome.run(self.tab.evaluate_handle("document.body")).as_element()
        assert element is not None
        self.assertIs(element.as_element(), element)
        self.chrome.on(runtime.call_function_on, result(None, type="object", subtype="null"))
        self.assertIsNone(self.chrome.run(element.query_selector("p")))


class WaitTests(EvaluationTestCase):
    def test_what_is_no_interval(self):
        wrong: Any
        for wrong in (0, -1, math.inf, math.nan, "mutation", None, [], timedelta(0)):
            waiting = self.tab.wait_for_function("true", polling=wrong)
            self.assertIn(f"polling={wrong!r}: expected seconds", str(self.failureResultOf(waiting, ValueError).value))

    def wait(self, **options: Any) -> Deferred[Any]:
        waiting = self.tab.wait_for_function("() => window.ready", **options)
        self.chrome.flush()
        return waiting

    def gone(self) -> CommandError:
        return CommandError("Runtime.evaluate", -32000, "Execution context was destroyed.")

    def test_documents(self):
        self.chrome.once(runtime.evaluate, self.gone())
        self.chrome.once(runtime.evaluate, self.gone())
        self.chrome.on(runtime.evaluate, kept("1"))
        waiting = self.wait()
        self.chrome.advance(1)
        self.assertEqual(str(self.successResultOf(waiting)), "Object")
        self.assertEqual(len(self.sent()), 3)

    def test_a_document_without_timers_is_asked_again(self):
        for options, seconds in (({}, 0.05), ({"polling": 2}, 2)):
            self.chrome.once(runtime.evaluate, result(None, type="undefined"))
            self.chrome.on(runtime.evaluate, kept("1"))
            waiting = self.wait(**options)
            self.chrome.advance(seconds / 2)
            self.assertNoResult(waiting)
            self.chrome.advance(seconds / 2)
            self.assertEqual(str(self.successResultOf(waiting)), "Object")

    def test_its_deadline_says_how_far_it_got(self):
        self.chrome.once(runtime.evaluate, self.gone())
        self.chrome.on(runtime.evaluate, NEVER)
        waiting = self.wait(timeout=5)
        self.chrome.advance(5)
        error = self.failureResultOf(waiting, ActionTimeout).value
        self.assertIsInstance(error, TimeoutError)
        self.assertEqual(error.seconds, 5)
        self.assertIn("wait_for_function('() => window.ready')", str(error))
        self.assertIn("in 2 documents", str(error))
        self.assertRegex(self.sent()[-1], r"\.stop\(\d+,\[\]\)$")

    def test_cancelled_it_ends_in_the_page(self):
        self.chrome.on(runtime.evaluate, NEVER)
        waiting = self.wait()
        waiting.cancel()
        self.failureResultOf(waiting, CancelledError)
        self.chrome.flush()
        begun, ended = self.sent()
        number = re.search(r",(\d+),null,\[\]", begun)
        assert number is not None
        self.assertTrue(ended.endswith(f".stop({number[1]},[])"))

    def test_the_page_ends(self):
        self.chrome.on(runtime.evaluate, NEVER)
        waiting = self.wait()
        sleeping = self.tab.wait_for_timeout(5)
        self.chrome.run(self.tab.close())
        self.failureResultOf(waiting, SessionDetached)
        self.failureResultOf(sleeping, SessionDetached)
        left = [each for each in self.chrome.clock.getDelayedCalls() if "Deadlines" not in str(each)]
        self.assertEqual(left, [])


class BindingTests(EvaluationTestCase):
    def call(self, payload: str, name: str | None = None) -> list[str]:
        """Call the function as a page does, and return what is evaluated then."""
        before = len(self.sent())
        event = runtime.BindingCalled(name=name or self.tab._injected.binding, payload=payload, execution_context_id=9)
        self.chrome.emit(event, self.tab.session)
        self.chrome.flush()
        return self.sent()[before:]

    def test_answers(self):
        self.chrome.on(runtime.evaluate, result(None, type="undefined"))
        later: Deferred[int] = Deferred()
        self.chrome.run(self.tab.expose_function("add", lambda a, b: a + b))
        self.chrome.run(self.tab.expose_function("later", lambda: later))
        self.chrome.run(self.tab.expose_function("fail", lambda: 1 // 0))
        self.assertEqual(self.call(f"_k\n1\nadd\n{MARK}j[1,2]"), ["_k.answer(1,true,3)"])
        self.assertEqual(self.call(f"_k\n2\nlater\n{MARK}j[]"), [])
        (failed,) = self.call(f"_k\n3\nfail\n{MARK}j[]")
        self.assertTrue(failed.startswith("_k.answer(3,false,"))
        self.assertIn("ZeroDivisionError", failed)
        (unknown,) = self.call(f"_k\n4\nnone\n{MARK}j[]")
        self.assertIn("is no longer exposed", unknown)
        self.assertEqual(self.call("odd", name="another program's"), [])
        later.callback(7)
        self.chrome.flush()
        self.assertEqual(self.sent()[-1], "_k.answer(2,true,7)")
        self.assertEqual(self.successResultOf(later), 7)  # it is the program's

    def test_calls_end_with_the_page(self):
        binding = self.chrome.run(self.tab.expose_binding("tell"))
        seen: list[Any] = []
        binding.calls.subscribe(lambda call: seen.append(call.args), None, lambda: seen.append("end"))
        self.call(f"_k\n1\ntell\n{MARK}j[5]")
        self.chrome.run(self.tab.close())
        self.assertEqual(seen, [[5], "end"])

    def test_a_frame_that_goes_while_all_are_told(self):
        told = page.add_script_to_evaluate_on_new_document
        give = (lambda: self.tab.expose_function("f", lambda: 1), lambda: self.tab.add_init_script("1"))
        for each in give:
            frame_id = self.chrome.open_target("iframe", opener=self.tab.session)
            self.chrome.flush()
            self.chrome.on(told, lambda _: NEVER)
            before = len(self.chrome.commands)
            giving: Deferred[Any] = each()
            self.chrome.flush()
            asked = [one for one in self.chrome.commands[before:] if isinstance(one.command, told)]
            self.assertEqual(len(asked), 2)
            self.chrome.targets.close(self.chrome.targets.all[frame_id])
            self.chrome.flush()
            self.assertNoResult(giving)
            (ours,) = [one for one in asked if one.session_id == self.tab.session.id]
            self.chrome.reply(ours, page.AddScriptToEvaluateOnNewDocumentResult(identifier="1"))
            self.chrome.flush()
            self.successResultOf(giving)
            self.chrome.off(told)

    def test_a_script_that_is_refused_is_not_registered(self):
        self.chrome.once(page.add_script_to_evaluate_on_new_document, CommandError("", -32000, "no"))
        adding = self.tab.add_init_script("1")
        self.chrome.flush()
        self.failureResultOf(adding, CommandError)
        self.chrome.once(page.add_script_to_evaluate_on_new_document, CommandError("", -32000, "no"))
        exposing = self.tab.expose_function("f", lambda: 1)
        self.chrome.flush()
        self.failureResultOf(exposing, CommandError)
        self.chrome.run(self.tab.expose_function("f", lambda: 1))
