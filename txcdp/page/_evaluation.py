"""Evaluates JavaScript in a page's documents, with conversion of values to and from Python."""

from __future__ import annotations

import math
import re
from collections.abc import Callable, Sequence
from typing import Any, Final

from twisted.internet.defer import Deferred, fail, succeed
from twisted.python.failure import Failure

from txcdp._arguments import check_text
from txcdp._core.sessions import Session
from txcdp._deferreds import ignore_failure, returns_deferred
from txcdp._timeouts import DEFAULT, Default, Timeout, seconds_of
from txcdp.domains import dom, page, runtime
from txcdp.errors import CommandError, ContextDestroyed, EvaluationError, NotSerializable, SessionDetached
from txcdp.page import _values as values
from txcdp.page._injected import Injected
from txcdp.protocol import to_json

#: The errors of V8 and Chromium for a document that no longer exists.
_NO_CONTEXT: Final = (
    "Inspected target navigated or closed",
    "Execution context was destroyed",
    "Cannot find context with specified id",
    "Cannot find default execution context",
    "uniqueContextId not found",
    "No frame for given id found",
)

#: V8's error for an object that was released, while the document exists.
NO_OBJECT: Final = "Could not find object with given id"

#: Their errors for a value that cannot be serialized as JSON.
_NO_VALUE: Final = (
    "Object couldn't be returned by value",
    "Object reference chain is too long",
    "Failed to convert response to JSON",
    "exception during deep serialization",
)

_NUMBERS: Final = {"NaN": math.nan, "Infinity": math.inf, "-Infinity": -math.inf, "-0": -0.0}

#: A function declaration, which has no value when it is a statement.
_DECLARATION: Final = re.compile(r"(?:async)?\s*function[\s(]")

#: The object group of the objects that handles refer to.
KEPT: Final = "txcdp"


class _OfAnotherFrame(Exception):
    """Raised for an element of another frame in the same process, for which this frame can get its own object."""


class KeptObject:
    """An object of a page, or a primitive, that is kept for the program: what a handle stands for.

    :param evaluator: of the frame in whose document it is.
    :param remote: what the browser says of it.
    """

    def __init__(self, evaluator: Evaluator, remote: runtime.RemoteObject) -> None:
        self._evaluator = evaluator
        self._remote = remote
        self._injected = evaluator.injected
        self._disposed = False
        self._adopted: dict[Evaluator, KeptObject] = {}  # its own objects of other frames, while they are used there

    def __del__(self) -> None:
        if not self._disposed and self._remote.object_id is not None:
            self._injected.note_garbage(self._remote.object_id)

    def _dispose(self) -> Deferred[None]:
        """Release it, once; if its document is gone, it was released with that."""
        object_id = self._remote.object_id
        if self._disposed or object_id is None:
            self._disposed = True
            return succeed(None)
        self._disposed = True
        return self._injected.release(object_id).addErrback(ignore_failure)

    def _check(self) -> None:
        """Refuse the use of a disposed object.

        :raises EvaluationError: if it is disposed.
        """
        if self._disposed:
            raise EvaluationError(f"{self!r} has been disposed of")

    def _insert_into(self, evaluator: Evaluator, object_ids: list[str]) -> values.KeptReference:
        """Return the reference that replaces it in an argument.

        :param object_ids: the ids of the objects passed; its own is added.
        """
        self._check()
        kind = self._remote.type
        if self._remote.object_id is None:
            if kind == "undefined":
                return values.UNDEFINED
            return values.KeptReference(None, _primitive(self._remote), is_bigint=kind == "bigint")
        if evaluator in self._adopted:
            return self._adopted[evaluator]._insert_into(evaluator, object_ids)
        if evaluator is not self._evaluator:
            if self._remote.subtype == "node" and evaluator.injected is self._injected:
                raise _OfAnotherFrame
            raise EvaluationError(f"{self!r} can be used only in its own frame")
        object_ids.append(self._remote.object_id)
        return values.KeptReference(len(object_ids) - 1)


class Evaluator:
    """Evaluates in the documents of one frame, in the page's main world.

    :param injected: our script in the documents of the frame's session.
    :param frame_by_id: returns the page's frame with an id, or None.
    :param context: returns the id of the document's execution context; None: the session's default one.
    :param explain: explains why a frame's session has ended under a call; it is the outcome's errback.
    """

    def __init__(
        self,
        injected: Injected,
        frame_by_id: Callable[[str], Any],
        context: Callable[[], int | None] = lambda: None,
        explain: Callable[[Failure], Failure | Deferred[Any]] = lambda failure: failure,
    ) -> None:
        self.injected = injected
        self.frame_by_id = frame_by_id
        self.context = context
        self._explain = explain

    def evaluate(
        self,
        source: str,
        args: Sequence[Any] = (None,),
        *,
        await_promise: bool = True,
        timeout: Timeout = DEFAULT,
    ) -> Deferred[Any]:
        """Evaluate a source, call its value if that is a function, and return the result as a Python value.

        :param args: the function's arguments.
        :param await_promise: whether to wait for a promise.
        """
        first = f"{source_literals(source)},{_literal(await_promise)},true"
        return self.run("evaluate", first, args, source, timeout, await_promise)

    def keep(
        self,
        source: str,
        args: Sequence[Any] = (None,),
        *,
        await_promise: bool = True,
        timeout: Timeout = DEFAULT,
    ) -> Deferred[KeptObject]:
        """Do the same, but keep the value in the page."""
        first = f"{source_literals(source)},{_literal(await_promise)},false"
        return self.run("evaluate", first, args, source, timeout, await_promise, by_value=False)

    def run(
        self,
        function: str,
        first: str,
        args: Sequence[Any],
        source: str = "",
        timeout: Timeout = DEFAULT,
        await_promise: bool = True,
        *,
        by_value: bool = True,
    ) -> Deferred[Any]:
        """Call a function of our script.

        :param function: the function's name.
        :param first: its first arguments, as JavaScript; handles and packed values follow.
        :param args: the values to pack.
        :param source: the evaluated source, for errors.
        :param await_promise: whether to wait if it returns a promise.
        :param by_value: whether the result is packed; otherwise it is kept in the page.
        :returns: a Deferred that fires with the value, or the kept object.
        """
        try:
            call = _Call(self, function, first, args, source, await_promise, by_value)
            sent = self._send(call, timeout if isinstance(timeout, Default) else seconds_of(timeout, None))
        except _OfAnotherFrame:
            return self._adopt_and_run(function, first, args, source, timeout, await_promise, by_value)
        except (TypeError, ValueError, EvaluationError):
            return fail()
        return sent if by_value else _kept_if_cancelled(sent)

    @returns_deferred
    async def _adopt_and_run(
        self,
        function: str,
        first: str,
        args: Sequence[Any],
        source: str,
        timeout: Timeout,
        await_promise: bool,
        by_value: bool,
    ) -> Any:
        """Run a call with elements of other frames, for which this frame gets its own objects."""
        found: dict[int, KeptObject] = {}

        def note(value: Any) -> values.KeptReference | None:
            if isinstance(value, KeptObject):
                found[id(value)] = value
                return values.KeptReference(0)
            return None

        for each in args:
            values.pack(each, note)
        adopted = {key: await self._adopted(each) for key, each in found.items() if each._evaluator is not self}
        for key, own in adopted.items():
            found[key]._adopted[self] = own
        try:
            run = self.run(function, first, args, source, timeout, await_promise, by_value=by_value)
        finally:
            for key in adopted:
                del found[key]._adopted[self]
        return await run

    async def _adopted(self, kept: KeptObject) -> KeptObject:
        """Return this frame's own object for a node of another frame."""
        session = self.injected.session
        here: KeptObject = await self.keep("globalThis")
        # The browser names an object by its isolate, the context that it is of, and a number.
        context_id = int(str(here._remote.object_id).split(".")[1])
        try:
            node = (await session.execute(dom.describe_node(object_id=kept._remote.object_id))).node
            command = dom.resolve_node(
                backend_node_id=node.backend_node_id, execution_context_id=context_id, object_group=KEPT
            )
            own = (await session.execute(command)).object
        except CommandError as error:
            raise EvaluationError(f"{kept!r} can be used only in frames that its own can script ({error})") from error
        if own.object_id is None:  # a document of another origin, which is there as null
            raise EvaluationError(f"{kept!r} can be used only in frames that its own can script")
        return KeptObject(self, own)

    def _send(self, call: _Call, timeout: float | None | Default) -> Deferred[Any]:
        injected = self.injected
        injected.release_garbage()
        if not injected.name:  # of a worker, of which only the console was heard: it runs
            injected.register()
        sent: Deferred[Any] = injected.session.execute(call.command(injected.name, self.context()), timeout=timeout)
        return sent.addCallbacks(self._read, self._refused, callbackArgs=(call, timeout))

    def _read(self, got: runtime.EvaluateResult, call: _Call, timeout: float | None | Default) -> Any:
        details = got.exception_details
        if details is not None:
            if call.retried or not _is_missing(details, call.name):
                raise _no_script(thrown(details))
            call.retried = True
            self.injected.renew(call.name)
            return self._send(call, timeout)
        return self._value(got.result, call)

    def _refused(self, failure: Failure) -> Failure | Deferred[Any]:
        """Return the error that a refusal by the browser, or the end of the session, stands for."""
        error = failure.value
        if isinstance(error, SessionDetached):
            return self._explain(failure)
        if isinstance(error, CommandError):
            told = _explained_to_user(error)
            if told is not error:
                raise told from error
        return failure

    def _value(self, result: runtime.RemoteObject, call: _Call) -> Any:
        value = result.value
        if type(value) is not str or value[:1] != values.MARK:
            return _primitive(result) if call.by_value else KeptObject(self, result)
        said = values.thrown(value)
        if said is not None:
            return self._raise(said, call)
        try:
            value = values.unpack(value)
        except values.Unpackable as error:
            raise NotSerializable(f"the page does not allow its value to be read: {error}") from None
        return value if call.by_value else KeptObject(self, runtime.RemoteObject(type="string", value=value))

    @returns_deferred
    async def _raise(self, said: dict[str, Any], call: _Call) -> Any:
        """Fail with the exception thrown; if it is a syntax error of the source, add the position."""
        error = _of_thrown(said)
        if error.name == "SyntaxError" and "\n    at " not in error.stack:
            command = runtime.evaluate(expression=_NEVER_RUN + call.source.strip(), context_id=self.context())
            details = (await self.injected.session.execute(command)).exception_details
            if details is not None and details.exception is not None and details.exception.subtype == "error":
                column = details.column_number - (len(_NEVER_RUN) if details.line_number == 0 else 0)
                raise _of_thrown(said, f"\n    at <anonymous>:{details.line_number + 1}:{column + 1}")
        raise error


#: The prefix of a text that is only to be compiled.
_NEVER_RUN: Final = "throw 0;"


class _Call:
    """A call of a function of our script.

    :ivar source: the evaluated source.
    :ivar by_value: whether the result is packed; otherwise it is kept in the page.
    :ivar name: the name of our script that was last used.
    :ivar retried: whether our script had to be added to the document first.
    """

    def __init__(
        self,
        evaluator: Evaluator,
        function: str,
        first: str,
        args: Sequence[Any],
        source: str,
        awaits: bool,
        by_value: bool,
    ) -> None:
        self.source = source
        self.by_value = by_value
        self.name = ""
        self.retried = False
        self._awaits = awaits
        self._object_ids: list[str] = []
        self._evaluator = evaluator
        packed = "".join([f",{values.pack(each, self._insert)}" for each in args])
        self._text = f".{function}({first and f'{first},'}{'handles' if self._object_ids else '[]'}{packed})"

    def command(self, name: str, context_id: int | None) -> Any:
        """Return the command.

        :param name: the name of our script.
        :param context_id: the execution context; None: that of the current document. With handles it is theirs.
        """
        self.name = name
        if not self._object_ids:
            return runtime.evaluate(
                expression=name + self._text,
                context_id=context_id,
                return_by_value=self.by_value,
                await_promise=self._awaits,
                user_gesture=True,
                object_group=None if self.by_value else KEPT,
            )
        return runtime.call_function_on(
            function_declaration=f"function(...handles){{return {name}{self._text}}}",
            object_id=self._object_ids[0],
            arguments=[runtime.CallArgument(object_id=each) for each in self._object_ids],
            return_by_value=self.by_value,
            await_promise=self._awaits,
            user_gesture=True,
            object_group=None if self.by_value else KEPT,
        )

    def _insert(self, value: Any) -> values.KeptReference | None:
        return value._insert_into(self._evaluator, self._object_ids) if isinstance(value, KeptObject) else None


def source_literals(source: str) -> str:
    """Return a source as the first arguments of the function that evaluates it in the page."""
    check_text("expression", source)
    source = source.strip()
    return f"{to_json(source).decode()},{_literal(_DECLARATION.match(source) is not None)}"


def _kept_if_cancelled(sent: Deferred[KeptObject]) -> Deferred[KeptObject]:
    """Let a cancelled call complete: an object that it keeps in the page is released then."""
    waiting: Deferred[KeptObject] = Deferred()

    def tell(result: KeptObject | Failure) -> None:
        if not waiting.called:
            waiting.callback(result)
        elif isinstance(result, KeptObject):
            result._dispose()

    sent.addBoth(tell)
    return waiting


def _literal(value: bool) -> str:
    return "true" if value else "false"


def _no_script(error: EvaluationError) -> EvaluationError:
    """Return the error for a failure of our own script, as opposed to an exception thrown by the source."""
    return EvaluationError(
        "the page has put something else into the place of JavaScript's own globals before this program saw it: "
        f"reload it ({error})",
        error.details,
    )


def _is_missing(details: runtime.ExceptionDetails, name: str) -> bool:
    """Whether an exception means that the document does not have our script."""
    exception = details.exception
    return exception is not None and (exception.description or "").startswith(f"ReferenceError: {name} is not defined")


async def by_value(session: Session, expression: str, timeout: float | None | Default = DEFAULT) -> Any:
    """Evaluate an expression with a JSON value, as serialized by V8."""
    command = runtime.evaluate(expression=expression, return_by_value=True, await_promise=True)
    return value_of(await _result_of(session, command, timeout))


async def _result_of(
    session: Session, command: runtime.evaluate, timeout: float | None | Default = DEFAULT
) -> runtime.RemoteObject:
    """Evaluate something; raise the error that a refusal by the browser, or an exception in the page, stands for."""
    try:
        got = await session.execute(command, timeout=timeout)
    except CommandError as error:
        raise explained(error) from error
    if got.exception_details is not None:
        raise thrown(got.exception_details)
    return got.result


class OwnWorld:
    """Reads a page's document in an isolated world, which shares nothing with the page but the document.

    Even the document's properties are not read by name, because a form may have the name of any of them.

    :param session: the page's session.
    :ivar documents: the number of earlier documents.
    :ivar registered: the number of selector engines registered with the script there.
    """

    #: The prefix of the others: ``get(Document, "title", document)`` reads the property even if it is shadowed.
    _GET: Final = "const get=(of,name,it)=>Object.getOwnPropertyDescriptor(of.prototype,name).get.call(it);"

    TITLE: Final = f"(()=>{{{_GET}return get(Document,'title',document)}})()"
    CONTENT: Final = (
        f"(()=>{{{_GET}const type=get(Document,'doctype',document),root=get(Document,'documentElement',document);"
        "return (type?new XMLSerializer().serializeToString(type):'')+(root?get(Element,'outerHTML',root):'')})()"
    )

    #: The size of the frame's viewport, and device pixels per CSS pixel.
    VIEW: Final = "({width:innerWidth,height:innerHeight,ratio:devicePixelRatio})"

    def __init__(self, session: Session) -> None:
        self._session = session
        self._context: int | None = None
        self._script: str | None = None
        self.registered = 0
        self.documents = 0

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

    @property
    def known(self) -> int | None:
        """The world's context id; None if it does not exist."""
        return self._context

    @property
    def known_script(self) -> str | None:
        """The id of the script's object; None if it does not exist."""
        return self._script

    @property
    def made(self) -> bool:
        """Whether it exists in the current document."""
        return self._context is not None

    async def context(self, frame_id: str) -> int:
        """Return the world's context id; the world is created if it does not exist.

        :param frame_id: the page's main frame.
        """
        return self._context if self._context is not None else await self._make(frame_id)

    async def script(self, frame_id: str, source: str) -> str:
        """Return the id of a script's object in the world; the script is evaluated if it was not in this document.

        :param frame_id: the frame's id.
        :param source: the script, an expression; always the same one.
        :raises ContextDestroyed: if the document is gone.
        """
        if self._script is not None:
            return self._script
        context_id, documents = await self.context(frame_id), self.documents
        made = await _result_of(self._session, runtime.evaluate(expression=source, context_id=context_id))
        if documents != self.documents:  # a new process may have given the number to another world
            raise ContextDestroyed("the document to evaluate it in is gone: the page navigated meanwhile")
        self._script = str(made.object_id)
        return self._script

    def forget(self) -> None:
        """Forget the world's id, because the document changed: a new process may give the same id to another world."""
        self._context = self._script = None
        self.registered = 0
        self.documents += 1

    async def _make(self, frame_id: str) -> int:
        command = page.create_isolated_world(frame_id=frame_id, world_name="txcdp", grant_univeral_access=True)
        try:
            self._context = (await self._session.execute(command)).execution_context_id
        except CommandError as error:
            raise explained(error) from error
        return self._context

    async def _evaluate(self, expression: str, context_id: int) -> Any:
        command = runtime.evaluate(expression=expression, context_id=context_id, return_by_value=True)
        return value_of(await _result_of(self._session, command))


def _primitive(result: runtime.RemoteObject) -> Any:
    """Return a primitive; a number from 2**53 on is not converted to int, because it may not be exact."""
    if result.unserializable_value is not None:
        return value_of(result)
    value = result.value
    return float(value) if type(value) is int and not -(2**53) < value < 2**53 else value


def value_of(result: runtime.RemoteObject) -> Any:
    """Return the value of a remote object that is a primitive, or was returned by value."""
    special = result.unserializable_value
    if special is None:
        return result.value
    if special in _NUMBERS:
        return _NUMBERS[special]
    try:
        return int(special.removesuffix("n"))
    except ValueError:
        raise NotSerializable(f"a value that cannot be represented in JSON: {special[:100]}") from None


#: V8's error for a function body, which other libraries accept and wrap in a function.
_RETURNED: Final = "Illegal return statement"


def _explained_to_user(error: CommandError) -> Exception:
    """Return the error for a refused evaluation with handles of the program, or the refusal itself."""
    if error.message.startswith(NO_OBJECT):
        return EvaluationError(
            "a handle's object no longer exists; console.clear() releases the objects of console messages "
            f"({error.message})",
            error,
        )
    return explained(error)


def explained(error: CommandError) -> Exception:
    """Return the error for a refused evaluation, or the refusal itself."""
    if error.message.startswith(_NO_CONTEXT):
        return ContextDestroyed(
            f"the document in which it was evaluated is gone: the page navigated meanwhile ({error.message})", error
        )
    if error.message.startswith(_NO_VALUE):
        return NotSerializable(
            "the value cannot be read (a getter that throws, or nested too deep for JSON); return the part of it that "
            f"you need ({error.message})",
            error,
        )
    return error


def thrown(details: runtime.ExceptionDetails) -> EvaluationError:
    """Return a JavaScript exception in words, with JavaScript's own stack."""
    exception = details.exception
    if exception is None:
        return EvaluationError(details.text, details)
    name = stack = ""
    if exception.subtype == "error" and exception.description:
        words = stack = exception.description  # with the stack, if there is one
        head = words.partition("\n    at ")[0]
        name, message = _head_parts(head, exception)
    else:
        message = _in_words(exception)
        words = f"{details.text}: {message}"
        if exception.type == "string":
            message = str(exception.value)
    if message == _RETURNED:
        words = words.replace(_RETURNED, f"{_RETURNED}: expected an expression or a function", 1)
    if "\n    at " not in words:
        words += f"\n    at {_place(details)}"
    return EvaluationError(words, details, name, message, stack)


def _head_parts(head: str, exception: runtime.RemoteObject) -> tuple[str, str]:
    """Return the name and the message of an Error, from the first lines of its stack."""
    properties = exception.preview.properties if exception.preview is not None else ()
    shown = {each.name: each.value or "" for each in properties}
    if shown.get("name") == "":  # in the place of which V8 writes the class
        return "", head.removeprefix(exception.class_name or "Error").removeprefix(": ")
    if shown.get("name") == head:
        return head, ""
    begin = shown.get("message", "").partition("\N{HORIZONTAL ELLIPSIS}")[0]
    name, colon, _ = head.partition(f": {begin}")
    if begin and colon:  # a name may be anything, once a program has set it
        return name, head[len(name) + 2 :]
    name, colon, message = head.partition(": ")
    if colon and name.replace(".", "").isidentifier():
        return name, message
    return (head, "") if head == exception.class_name else (exception.class_name or "Error", head)


def _in_words(thing: runtime.RemoteObject) -> str:
    """Describe a thrown value that is not an Error."""
    if thing.type == "undefined":
        return "undefined"
    if thing.preview is not None and thing.preview.properties:
        inside = ", ".join(
            f"{each.name}: {each.type if each.value is None else each.value}" for each in thing.preview.properties
        )
        return f"{thing.description or 'Object'} {{{inside}{', ...' if thing.preview.overflow else ''}}}"
    if thing.description and (thing.value is None or thing.type == "number"):
        return thing.description
    return to_json(thing.value).decode("utf-8", "replace")


def _place(details: runtime.ExceptionDetails) -> str:
    """Return where it was thrown, in V8's format; lines and columns count from 1 there."""
    return f"{details.url or '<anonymous>'}:{details.line_number + 1}:{details.column_number + 1}"


def _of_thrown(said: dict[str, Any], place: str = "") -> EvaluationError:
    """Return an exception that our script has caught and reported.

    :param place: the position, in V8's format, if the stack does not contain it.
    """
    if "type" in said:
        kind = str(said["type"])
        value, inside = _shown_value(kind, said.get("value"))
        promised = " (in promise)" if said.get("promise") else ""
        message = value if kind in ("string", "symbol") else inside
        exception = runtime.RemoteObject(type=kind, description=inside)  # type: ignore[arg-type]
        return EvaluationError(f"Uncaught{promised}: {inside}", _details(exception, promised), "", message)
    name, message = str(said["name"]), str(said["message"])
    stack = values.clean_stack(str(said["stack"])) + place
    at = stack.find("\n    at ")
    head = f"{name}: {message}" if name and message else name or message
    words = head + stack[at:] if at >= 0 else head
    exception = runtime.RemoteObject(type="object", subtype="error", class_name=name, description=words)
    return EvaluationError(words, _details(exception, ""), name, message, stack)


def _details(exception: runtime.RemoteObject, promised: str) -> runtime.ExceptionDetails:
    """Return the same from the protocol's exception details."""
    place = re.search(r"\n    at .*?:(\d+):(\d+)\)?(?:\n|$)", exception.description or "")
    line, column = (int(place[1]) - 1, int(place[2]) - 1) if place else (0, 0)
    return runtime.ExceptionDetails(
        exception_id=0, text=f"Uncaught{promised}", line_number=line, column_number=column, exception=exception
    )


def _shown_value(kind: str, packed: Any) -> tuple[Any, str]:
    """Return a thrown value that is not an Error, and a short form of it for display.

    :param kind: its type, according to ``typeof``.
    """
    if kind in ("undefined", "function"):
        return None, kind
    try:
        value = values.unpack(packed)
    except values.Unpackable as error:
        return None, f"{kind} that cannot be read ({error})"
    return value, f"{value}n" if kind == "bigint" else _shown(value)


#: The depth to which a thrown value is shown, and the number of items at each level: it may contain itself, and be of
#: any size.
_DEPTH, _ITEMS = 2, 5


def _shown(value: Any, depth: int = 0) -> str:
    """Return enough of a value to recognize it."""
    if isinstance(value, dict | list):
        name, begin, end = ("Object ", "{", "}") if isinstance(value, dict) else ("", "[", "]")
        if depth == _DEPTH:
            return f"{name}{begin}...{end}" if value else f"{name}{begin}{end}"
        pairs = list(value.items()) if isinstance(value, dict) else [("", each) for each in value]
        items = [f"{key}: " * isinstance(value, dict) + _shown(each, depth + 1) for key, each in pairs[:_ITEMS]]
        return f"{name}{begin}{', '.join(items)}{', ...' if len(pairs) > _ITEMS else ''}{end}"
    if isinstance(value, float) and (special := _SPECIAL.get(repr(value))):
        return special
    try:
        return to_json(value).decode("utf-8", "replace")
    except (TypeError, ValueError):
        return str(value)


#: Numbers that JSON does not have: Python's form, and JavaScript's.
_SPECIAL: Final = {"nan": "NaN", "inf": "Infinity", "-inf": "-Infinity", "-0.0": "-0"}
