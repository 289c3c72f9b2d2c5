"""JavaScript in a page: its values as Python's, and its exceptions as ours."""

from __future__ import annotations

import contextlib
import math
import re
from typing import Any, Final

from txcdp._core.sessions import Session
from txcdp._deferreds import ignore_failure
from txcdp._timeouts import DEFAULT, Default
from txcdp.domains import page, runtime
from txcdp.errors import CommandError, ContextDestroyed, EvaluationError, NotSerializable
from txcdp.page import _values as values
from txcdp.protocol import to_json

#: What V8 and Chromium say of a document that is no longer there.
_NO_CONTEXT: Final = (
    "Inspected target navigated or closed",
    "Execution context was destroyed",
    "Cannot find context with specified id",
    "Cannot find default execution context",
    "uniqueContextId not found",
    "No frame for given id found",
)

#: What they say of a value that JSON has no form for.
_NO_VALUE: Final = (
    "Object couldn't be returned by value",
    "Object reference chain is too long",
    "Failed to convert response to JSON",
    "exception during deep serialization",
)

_NUMBERS: Final = {"NaN": math.nan, "Infinity": math.inf, "-Infinity": -math.inf, "-0": -0.0}


#: How a value is asked for.
_DEEP: Final = runtime.SerializationOptions(serialization="deep", max_depth=values.MAX_DEPTH)

#: What begins like a function, and so is taken for one first.
_FUNCTION: Final = re.compile(r"\s*(?:async\b\s*)?(?:function\b|\([^()]*(?:\([^()]*\)[^()]*)*\)\s*=>|[\w$]+\s*=>)")

#: Objects that are kept in the page until they are released together, and the items of one that is not kept.
_KEPT, _LARGE = 16, 500


#: Expressions of one page that are known to have resulted in many items.
_REMEMBERED: Final = 100


class Objects:
    """The JavaScript objects that evaluations in one page have left; released some at a time.

    :param session: the page's.
    :ivar group: in which the next one is kept.
    :ivar large: expressions that resulted in much: V8's own way of writing a value costs several times as much as
        ours in the page, but not in another round trip.
    """

    def __init__(self, session: Session) -> None:
        self._session = session
        self._number = 0
        self._objects = 0
        self._busy = 0
        self._full: list[str] = []
        self.group = "txcdp-0"
        self.large: set[str] = set()

    def use(self) -> str:
        """Return the name of the present group, which is kept until :meth:`leave`."""
        self._busy += 1
        return self.group

    def leave(self, result: runtime.RemoteObject | None, items: int) -> None:
        """Count an evaluation as over.

        :param items: of how many its value consists.
        """
        self._busy -= 1
        if result is not None and result.object_id is not None:
            self._objects += 1 if items < _LARGE else _KEPT
            if self._objects >= _KEPT:
                self._objects = 0
                self._full.append(self.group)
                self._number += 1
                self.group = f"txcdp-{self._number}"
        if self._full and not self._busy:
            full, self._full = self._full, []
            for group in full:
                self._session.execute(runtime.release_object_group(object_group=group)).addErrback(ignore_failure)

    def note_large(self, source: str) -> None:
        """Remember what has resulted in much."""
        if len(self.large) >= _REMEMBERED:
            self.large.clear()
        self.large.add(source)


async def evaluate(
    session: Session,
    objects: Objects,
    source: str,
    arg: Any = None,
    *,
    await_promise: bool = True,
    timeout: float | None | Default = DEFAULT,
) -> Any:
    """Evaluate an expression, or call a function, in the document of a session; see ``Page.evaluate``."""
    is_function = _FUNCTION.match(source) is not None
    # Between ? and : there can be a function, but no comma: "x => x, 5" is none, and is refused before anything runs.
    text = f"(1?{source}\n:0)({values.literal(arg)})" if is_function else source
    options = None if source in objects.large else _DEEP
    result: runtime.RemoteObject | None = None
    items = 0
    group = objects.use()
    try:
        try:
            got: Any = await session.execute(
                runtime.evaluate(
                    expression=text, object_group=group, await_promise=await_promise, serialization_options=options
                ),
                timeout=timeout,
            )
        except CommandError as error:
            raise explained(error) from error
        result = got.result
        if result.object_id is None and got.exception_details is None:
            return _primitive(result)
        if is_function and got.exception_details is not None and _is_compile_error(got.exception_details):
            command = runtime.evaluate(
                expression=source, object_group=group, await_promise=await_promise, serialization_options=options
            )
            got = await _run(session, command, timeout)  # it only began like a function
        if got.result.type == "function" and got.exception_details is None:
            calling = f"function(){{return this({values.literal(arg)})}}"
            got = await _run(session, _calling(calling, got.result, await_promise, options), timeout)
        if got.exception_details is not None:
            raise thrown(got.exception_details)
        result = got.result
        if result.object_id is None:
            return _primitive(result)
        value, items = await _read(session, result, timeout)
        if items >= _LARGE:
            objects.note_large(source)
        return value
    finally:
        objects.leave(result, items)


async def _read(session: Session, result: runtime.RemoteObject, timeout: float | None | Default) -> tuple[Any, int]:
    """Return an object's value, and of how many items it consists, at least."""
    deep = result.deep_serialized_value
    if deep is not None:
        try:
            return values.read_deep(deep)
        except values.Incomplete:
            pass
    command = runtime.call_function_on(
        function_declaration=values.SERIALIZE, object_id=result.object_id, return_by_value=True
    )
    got = await _run(session, command, timeout)
    if got.exception_details is None:
        return values.read_table(got.result.value), _LARGE
    refused = thrown(got.exception_details)
    if deep is None:  # what the page has done to its builtins does not reach V8
        got = await _run(session, _calling("function(){return this}", result, False, _DEEP), timeout)
        if got.result.deep_serialized_value is not None:
            with contextlib.suppress(values.Incomplete):
                return values.read_deep(got.result.deep_serialized_value)
    raise NotSerializable(f"the page does not let its value be read: {refused.message}", refused.details)


def _calling(
    function: str, this: runtime.RemoteObject, await_promise: bool, options: runtime.SerializationOptions | None
) -> runtime.call_function_on:
    return runtime.call_function_on(
        function_declaration=function,
        object_id=this.object_id,
        await_promise=await_promise,
        serialization_options=options,
    )


async def _run(
    session: Session, command: runtime.evaluate | runtime.call_function_on, timeout: float | None | Default
) -> runtime.EvaluateResult | runtime.CallFunctionOnResult:
    try:
        return await session.execute(command, timeout=timeout)  # type: ignore[arg-type]
    except CommandError as error:
        raise explained(error) from error


async def by_value(session: Session, expression: str, timeout: float | None | Default = DEFAULT) -> Any:
    """Evaluate an expression whose value is to be one of JSON, as V8 writes it."""
    got = await _run(
        session, runtime.evaluate(expression=expression, return_by_value=True, await_promise=True), timeout
    )
    if got.exception_details is not None:
        raise thrown(got.exception_details)
    return value_of(got.result)


def _is_compile_error(details: runtime.ExceptionDetails) -> bool:
    """Return whether nothing has run: what is thrown while something runs has a stack."""
    exception = details.exception
    return (
        exception is not None
        and exception.class_name == "SyntaxError"
        and "\n    at " not in (exception.description or "")
    )


class OwnWorld:
    """Reads a page's document in an isolated world, where nothing but the document is the page's.

    Not even that is asked by name, as a form may have the name of any of a document's properties.

    :param session: the page's.
    """

    #: What the others begin with: ``get(Document, "title", document)`` asks the document, whatever is in it.
    _GET: Final = "const get=(of,name,it)=>Object.getOwnPropertyDescriptor(of.prototype,name).get.call(it);"

    TITLE: Final = f"(()=>{{{_GET}return get(Document,'title',document)}})()"
    CONTENT: Final = (
        f"(()=>{{{_GET}const type=get(Document,'doctype',document),root=get(Document,'documentElement',document);"
        "return (type?new XMLSerializer().serializeToString(type)+'\\n':'')+(root?get(Element,'outerHTML',root):'')})()"
    )

    def __init__(self, session: Session) -> None:
        self._session = session
        self._context: int | None = None

    async def read(self, expression: str, frame_id: str) -> Any:
        """Evaluate one of the expressions above.

        :param frame_id: the page's main frame.
        """
        if self._context is not None:
            try:
                return await self._evaluate(expression, self._context)
            except ContextDestroyed:
                self.forget()
        return await self._evaluate(expression, await self._make(frame_id))

    def forget(self) -> None:
        """Forget the world's id, because the document changed: the new process may give the number to another world."""
        self._context = None

    async def _make(self, frame_id: str) -> int:
        command = page.create_isolated_world(frame_id=frame_id, world_name="txcdp")
        try:
            self._context = (await self._session.execute(command)).execution_context_id
        except CommandError as error:
            raise explained(error) from error
        return self._context

    async def _evaluate(self, expression: str, context_id: int) -> Any:
        command = runtime.evaluate(expression=expression, context_id=context_id, return_by_value=True)
        got = await _run(self._session, command, DEFAULT)
        if got.exception_details is not None:
            raise thrown(got.exception_details)
        return value_of(got.result)


def _primitive(result: runtime.RemoteObject) -> Any:
    """Return what is no object; a number from 2**53 on is no int, as it may not be exact."""
    value = value_of(result)
    return float(value) if type(value) is int and result.type == "number" and abs(value) >= 2**53 else value


def value_of(result: runtime.RemoteObject) -> Any:
    """Return what a remote object stands for that is a primitive, or was asked for by value."""
    special = result.unserializable_value
    if special is None:
        return result.value
    if special in _NUMBERS:
        return _NUMBERS[special]
    try:
        return int(special.removesuffix("n"))
    except ValueError:
        raise NotSerializable(f"a value that JSON has no form for: {special[:100]}") from None


def explained(error: CommandError) -> Exception:
    """Return what a refused evaluation means, or the refusal itself."""
    if error.message.startswith(_NO_CONTEXT):
        return ContextDestroyed(
            f"the document is gone in which it was evaluated: the page navigated meanwhile ({error.message})", error
        )
    if error.message.startswith(_NO_VALUE):
        return NotSerializable(
            "the value cannot be read (a getter that throws, or nested too deep for JSON); return the part of it that "
            f"you need ({error.message})",
            error,
        )
    return error


def thrown(details: runtime.ExceptionDetails) -> EvaluationError:
    """Return what JavaScript threw, in words, with the stack as JavaScript wrote it."""
    exception = details.exception
    if exception is None:
        return EvaluationError(details.text, details)
    name = stack = ""
    if exception.subtype == "error" and exception.description:
        words = stack = exception.description  # with the stack, if there is one
        head = words.partition("\n    at ")[0]
        name, colon, message = head.partition(": ")
        if not colon or not name.replace(".", "").isidentifier():
            name, message = (head, "") if head == exception.class_name else (exception.class_name or "Error", head)
    else:
        message = _in_words(exception)
        words = f"{details.text}: {message}"
        if exception.type == "string":
            message = str(exception.value)
    if "\n    at " not in words:
        words += f"\n    at {_place(details)}"
    return EvaluationError(words, details, name, message, stack)


def _in_words(thing: runtime.RemoteObject) -> str:
    """Name what was thrown although it is no Error."""
    if thing.type == "undefined":
        return "undefined"
    if thing.preview is not None and thing.preview.properties:
        inside = ", ".join(f"{each.name}: {each.value or each.type}" for each in thing.preview.properties)
        return f"{thing.description or 'Object'} {{{inside}{', ...' if thing.preview.overflow else ''}}}"
    if thing.value is None and thing.description:
        return thing.description
    return to_json(thing.value).decode("utf-8", "replace")


def _place(details: runtime.ExceptionDetails) -> str:
    """Say where it was thrown, as V8 does; lines and columns count from 1 there."""
    return f"{details.url or '<anonymous>'}:{details.line_number + 1}:{details.column_number + 1}"
