"""JavaScript in the pages of a FakeChrome: a function of the test determines the results, as Python values.

A page's ``evaluate`` sends a call of a script that txcdp keeps in documents, with packed values (see
``page/_values.py``). This module decodes such a call, and packs its result, as that script does.
"""

from __future__ import annotations

import json
import re
import struct
from collections.abc import Callable, Mapping
from typing import Any, Final

from twisted.internet.defer import Deferred, maybeDeferred
from twisted.python.failure import Failure

from txcdp.domains import runtime
from txcdp.errors import CommandError, EvaluationError
from txcdp.page._evaluation import OwnWorld
from txcdp.page._file_choosers import TAKES_FOLDER
from txcdp.page._uploads import PUT_FILES
from txcdp.page._values import MARK, JSError, Unpackable, pack, unpack
from txcdp.page._workers import HAS_RUN, HAS_SCRIPT
from txcdp.protocol._error_codes import SERVER_ERROR
from txcdp.testing._messages import Received
from txcdp.testing._script import NEVER, UNANSWERED
from txcdp.testing._targets import FakeSession

#: What decides the outcome of an expression.
Evaluation = Callable[[str, Any], Any] | Mapping[str, Any]

#: A call of our script: by ``Runtime.evaluate``, or by ``Runtime.callFunctionOn`` where handles are handed over.
_CALL: Final = re.compile(r"(?:function\(\.\.\.handles\)\{return )?_[0-9a-f]{24}\.(\w+)\((.*)\)\}?", re.DOTALL)

#: What JSON does not have among literals.
_LITERAL: Final = re.compile(r"-?0x[0-9a-f]+n|NaN|-?Infinity|\[\]|handles")

#: What a page is asked for by its own methods, as a program would ask.
_READS: Final = {OwnWorld.TITLE: "document.title", OwnWorld.CONTENT: "document.documentElement.outerHTML"}

_NUMBERS: Final = {"NaN": float("nan"), "Infinity": float("inf"), "-Infinity": float("-inf")}


#: What gives a worker our script, and waits until it runs.
_OURS: Final = re.compile("|".join((r"const _[0-9a-f]{24}=", re.escape(HAS_SCRIPT), re.escape(HAS_RUN))))

_NO_DOCUMENTS: Final = "a FakeChrome has no documents to query for elements: answer evaluations with FakeChrome.on"

_UNDEFINED: Final = runtime.EvaluateResult(result=runtime.RemoteObject(type="undefined"))


class FakeHandle:
    """An object in a page: what a test's function gets instead of a handle."""

    def __init__(self, value: Any) -> None:
        self.value = value

    def __repr__(self) -> str:
        return f"<FakeHandle of {self.value!r}>"


class FakeEvaluation:
    """Answers evaluations by what a test has set."""

    def __init__(self) -> None:
        self.evaluation: Evaluation | None = None
        self.files_chosen: list[list[dict[str, Any]]] = []
        self._kept: dict[str, Any] = {}

    def keep(self, value: Any) -> str:
        """Keep a value as an object of a page, and return its id."""
        object_id = f"1.1.{len(self._kept) + 1}"
        self._kept[object_id] = value
        return object_id

    def remote(self, value: Any) -> runtime.RemoteObject:
        """Return a value as an argument of a message has it: an object is kept."""
        if isinstance(value, str):
            return runtime.RemoteObject(type="string", value=value)
        if value is None or isinstance(value, bool | int | float):
            return remote_of(value)
        kind: Any = "array" if isinstance(value, list | tuple) else None
        shown = f"Array({len(value)})" if kind else "Object"
        return runtime.RemoteObject(
            type="object",
            subtype=kind,
            class_name=shown.partition("(")[0],
            description=shown,
            object_id=self.keep(value),
        )

    def answer_chooser(self, command: runtime.call_function_on, session: FakeSession, received: Received) -> Any:
        """Answer what a file chooser asks its input, also where a test has not set what JavaScript evaluates to."""
        call = _CALL.fullmatch(command.function_declaration)
        source = _literals(call[2])[0] if call is not None and call[1] == "evaluate" else None
        return self.answer(command) if source in (TAKES_FOLDER, PUT_FILES.strip()) else UNANSWERED

    def answer(self, command: runtime.evaluate | runtime.call_function_on) -> Any:
        """Return what a command is answered with that evaluates; for functions given to ``FakeChrome.on``."""
        given: list[runtime.CallArgument] = []
        if isinstance(command, runtime.evaluate):
            text = command.expression
        else:
            text, given = command.function_declaration, list(command.arguments or ())
        if text in _READS:
            return self._decided(_READS[text], None, by_value=True)
        call = _CALL.fullmatch(text)
        if call is None:
            return _UNDEFINED if _OURS.match(text) else CommandError(type(command).method, SERVER_ERROR, _NO_DOCUMENTS)
        handles = [self._kept.get(each.object_id or "") for each in given]
        literals = _literals(call[2])
        by_value = bool(command.return_by_value)
        if call[1] == "value":  # ``JSHandle.json_value``
            return _result(_argument(literals[-1], handles), self, by_value)
        if call[1] == "stop":  # of what is waited for
            return _UNDEFINED
        if call[1] not in ("evaluate", "waitUntil"):
            return CommandError(type(command).method, SERVER_ERROR, _NO_DOCUMENTS)
        source = str(literals[0])
        args = [_argument(each, handles) for each in literals[5:]]
        if source == TAKES_FOLDER:
            return _result(False, self, by_value)
        if source == PUT_FILES.strip():
            self.files_chosen.append(args[-1])
            return _UNDEFINED
        return self._decided(source, args[0] if len(args) == 1 else args, by_value, awaited=call[1] == "waitUntil")

    def _decided(self, source: str, arg: Any, by_value: bool, *, awaited: bool = False) -> Any:
        """Return the reply that a test has decided on.

        :param awaited: whether what is not true does not come.
        """

        def replied(outcome: Any) -> Any:
            if awaited and not isinstance(outcome, Failure) and not outcome:
                return NEVER
            return _result(outcome, self, by_value)

        outcome: Deferred[Any] = maybeDeferred(self._decide, source, arg)
        return outcome.addBoth(replied)

    def _decide(self, source: str, arg: Any) -> Any:
        if self.evaluation is None:
            return None
        if callable(self.evaluation):
            return self.evaluation(source, arg)
        if source not in self.evaluation:
            raise EvaluationError(f"the test has not set a result for {source!r}: see FakeChrome.on_evaluate")
        outcome = self.evaluation[source]
        return outcome(arg) if callable(outcome) else outcome


def _literals(text: str) -> list[Any]:
    """Read the parameters of a call."""
    decoder, at = json.JSONDecoder(), 0
    found: list[Any] = []
    while at < len(text):
        special = _LITERAL.match(text, at)
        if special is not None:
            word, at = special[0], special.end()
            found.append(_NUMBERS[word] if word in _NUMBERS else int(word[:-1], 16) if word[-1] == "n" else [])
        else:
            value, at = decoder.raw_decode(text, at)
            found.append(value)
        at += 1  # the comma
    return found


def _argument(literal: Any, handles: list[Any]) -> Any:
    """Return what a packed argument stands for."""
    if isinstance(literal, str) and literal[:2] == MARK + "t" and handles:
        table = json.loads(literal[2:])
        literal = MARK + "t" + json.dumps(_named(table))
    value = unpack(literal)
    return _with_handles(value, handles) if handles else value


_HANDLE: Final = "\x00handle "


def _named(item: Any) -> Any:
    """Put names into a table in the place of its handles."""
    if isinstance(item, list):
        if len(item) == 2 and item[0] == "h":
            return f"{_HANDLE}{item[1]}"
        return [_named(each) for each in item]
    return item


def _with_handles(value: Any, handles: list[Any]) -> Any:
    """Put handles into a value in the place of their names."""
    if isinstance(value, str) and value.startswith(_HANDLE):
        return FakeHandle(handles[int(value.removeprefix(_HANDLE))])
    if isinstance(value, list):
        return [_with_handles(each, handles) for each in value]
    if isinstance(value, dict):
        return {key: _with_handles(each, handles) for key, each in value.items()}
    return value


def _result(outcome: Any, evaluation: FakeEvaluation, by_value: bool) -> Any:
    """Return the reply that an outcome makes."""
    if isinstance(outcome, Failure):
        error = outcome.value
        if isinstance(error, CommandError):
            return error
        thrown = _thrown(error if isinstance(error, Exception) else Exception(outcome.getErrorMessage()))
        return runtime.EvaluateResult(result=runtime.RemoteObject(type="string", value=thrown))
    if outcome is NEVER:
        return NEVER
    if isinstance(outcome, FakeHandle):
        outcome = outcome.value
    if not by_value and not (outcome is None or isinstance(outcome, bool | int | float | str)):
        remote = runtime.RemoteObject(
            type="object", class_name="Object", description="Object", object_id=evaluation.keep(outcome)
        )
        return runtime.EvaluateResult(result=remote)
    return runtime.EvaluateResult(result=remote_of(outcome))


def remote_of(value: Any) -> runtime.RemoteObject:
    """Return a value as the script packs it, and as the protocol has what is packed."""
    if value is None:
        return runtime.RemoteObject(type="object", subtype="null")
    if isinstance(value, bool):
        return runtime.RemoteObject(type="boolean", value=value)
    literal = pack(value)
    special = _LITERAL.fullmatch(literal)
    if special is not None and literal[-1] == "n":
        return runtime.RemoteObject(type="string", value=f"{MARK}n{value:x}")
    if special is not None:
        return runtime.RemoteObject(type="number", unserializable_value=literal)
    if isinstance(value, float) and value == 0 and struct.pack("d", value)[7] & 0x80:
        return runtime.RemoteObject(type="number", unserializable_value="-0")
    packed = json.loads(literal)
    return runtime.RemoteObject(type="string" if isinstance(packed, str) else "number", value=packed)


def _thrown(error: Exception) -> str:
    """Pack what a page's script has thrown."""
    name = error.name if isinstance(error, EvaluationError | JSError) and error.name else type(error).__name__
    if isinstance(error, EvaluationError) and not error.name:
        name = "Error"
    message = error.message if isinstance(error, EvaluationError | JSError) else str(error)
    if isinstance(error, Unpackable):
        return f"{MARK}u{message}"
    said = {"name": name, "message": message, "stack": f"{name}: {message}"}
    return f"{MARK}x{MARK}j{json.dumps(said)}"
