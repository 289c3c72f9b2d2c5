"""JavaScript in a page: its values as Python's, and its exceptions as ours."""

from __future__ import annotations

import math
from typing import Any, Final

from txcdp._core.sessions import Session
from txcdp._timeouts import DEFAULT, Default
from txcdp.domains import runtime
from txcdp.errors import CommandError, ContextDestroyed, EvaluationError, NotSerializable
from txcdp.protocol._records import to_json

#: What V8 and Chromium say of a document that is no longer there.
_NO_CONTEXT: Final = (
    "Inspected target navigated or closed",
    "Execution context was destroyed",
    "Cannot find context with specified id",
    "Cannot find default execution context",
    "uniqueContextId not found",
)

#: What they say of a value that JSON has no form for.
_NO_VALUE: Final = (
    "Object couldn't be returned by value",
    "Object reference chain is too long",
    "Failed to convert response to JSON",
)

_NUMBERS: Final = {"NaN": math.nan, "Infinity": math.inf, "-Infinity": -math.inf, "-0": -0.0}


async def evaluate(
    session: Session, expression: str, *, await_promise: bool = True, timeout: float | None | Default = DEFAULT
) -> Any:
    """Evaluate an expression in the document of a session; see ``Page.evaluate``."""
    command = runtime.evaluate(expression=expression, return_by_value=True, await_promise=await_promise)
    try:
        result = await session.execute(command, timeout=timeout)
    except CommandError as error:
        raise explained(error) from error
    if result.exception_details is not None:
        raise thrown(result.exception_details)
    return value_of(result.result)


def value_of(result: runtime.RemoteObject) -> Any:
    """Return what a remote object that was asked for by value stands for."""
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
            "the value cannot be written as JSON (a cycle, a symbol, a bigint within an object, or nested too "
            f"deep); return the part of it that you need ({error.message})",
            error,
        )
    return error


def thrown(details: runtime.ExceptionDetails) -> EvaluationError:
    """Return what JavaScript threw, in words, with the stack as JavaScript wrote it."""
    exception = details.exception
    if exception is None:
        return EvaluationError(details.text, details)
    if exception.subtype == "error" and exception.description:
        words = exception.description  # with the stack, if there is one
    else:
        words = f"{details.text}: {_in_words(exception)}"
    if "\n    at " not in words:
        words += f"\n    at {_place(details)}"
    return EvaluationError(words, details)


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
