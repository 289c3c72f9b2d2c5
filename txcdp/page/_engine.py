"""The locator script, in an isolated world of each document: see ``locators.js``."""

from __future__ import annotations

import functools
import json
import re
from importlib.resources import files
from typing import Any, Final

import msgspec
from twisted.internet.defer import Deferred
from twisted.python.failure import Failure

from txcdp._core.sessions import Session
from txcdp.domains import runtime
from txcdp.errors import CommandError, ContextDestroyed, LocatorError, SelectorError, StrictModeViolation
from txcdp.page._evaluation import NO_OBJECT, OwnWorld, explained, thrown
from txcdp.page._selectors import selectors

#: The files that make up the script, in this order, in one scope.
_FILES: Final = ("locators.js", "aria.js", "aria_snapshot.js", "actions.js", "assertions.js")

#: The object group of all objects in these worlds.
GROUP: Final = "txcdp-locators"

#: Expressions that call the most frequently used functions of the script, with a single list of arguments.
_DECLARATIONS: Final = {each: f"function(a){{return this.{each}(...a)}}" for each in ("run", "call", "stop")}

#: V8's errors for an object whose document is gone, besides those for a context.
_NO_OBJECT: Final = (NO_OBJECT, "Promise was collected")


@functools.cache
def source() -> str:
    """Return the source of the script: an expression whose value has the functions to call.

    A world has only one instance of it, however often it is evaluated.
    """
    parts = [
        path.read_text("utf-8")
        for path in (files("txcdp.page").joinpath(name) for name in _FILES)
        if path.is_file()  # (each is there where its part of the page level is)
    ]
    text = re.sub(r"^ *//.*\n|/\*\*[\s\S]*?\*/", "", "".join(parts), flags=re.MULTILINE)
    text = re.sub(r"^\s+|\s+$", "", text, flags=re.MULTILINE)
    return f"globalThis.txcdp||(globalThis.txcdp=(()=>{{'use strict';\n{text}\nreturn engine}})())"


class Engine:
    """The locator script in the documents of one frame, in one session.

    :param session: the frame's session.
    :param world: our isolated world in the frame's document, which forgets with it.
    """

    def __init__(self, session: Session, world: OwnWorld) -> None:
        self.session = session
        self.world = world

    @property
    def made(self) -> bool:
        """Whether the current document has it."""
        return self.world.made

    def call(
        self, frame_id: str, function: str, arguments: list[runtime.CallArgument], *, by_value: bool = True
    ) -> Deferred[runtime.RemoteObject]:
        """Call a function of the script, after adding that to the document if necessary.

        :param frame_id: the frame's id.
        :param by_value: whether the result, or the result of its promise, is text.
        :returns: a Deferred that fires with the result; it fails with :exc:`ContextDestroyed` if the document is gone.
        """
        return self._called(frame_id, f"function(...a){{return this.{function}(...a)}}", arguments, by_value)

    def call_with(
        self, frame_id: str, function: str, values: list[Any], *, by_value: bool = True
    ) -> Deferred[runtime.RemoteObject]:
        """Do the same with JSON arguments; V8 compiles each argument separately, so they are passed as one.

        :param function: ``"run"``, ``"call"`` or ``"stop"``.
        :param values: its arguments.
        """
        return self._called(frame_id, _DECLARATIONS[function], [runtime.CallArgument(value=values)], by_value)

    def _called(
        self, frame_id: str, declaration: str, arguments: list[runtime.CallArgument], by_value: bool
    ) -> Deferred[Any]:
        object_id = self.world.known_script
        if object_id is not None and self.world.registered == len(selectors):
            return self._call(object_id, declaration, arguments, by_value)
        called = Deferred.fromCoroutine(self._call_when_ready(frame_id, declaration, arguments, by_value))
        return called.addErrback(self._refused)

    async def _call_when_ready(
        self, frame_id: str, declaration: str, arguments: list[runtime.CallArgument], by_value: bool
    ) -> runtime.RemoteObject:
        called: runtime.RemoteObject = await self._call(await self.ready(frame_id), declaration, arguments, by_value)
        return called

    def _call(
        self, object_id: str, declaration: str, arguments: list[runtime.CallArgument], by_value: bool
    ) -> Deferred[Any]:
        command = runtime.call_function_on(
            function_declaration=declaration,
            object_id=object_id,
            arguments=arguments,
            return_by_value=by_value,
            await_promise=True,
            user_gesture=True,
            object_group=None if by_value else GROUP,
        )
        sent: Deferred[Any] = self.session.execute(command, timeout=None)
        return sent.addCallbacks(_result_of, self._refused)

    def _refused(self, failure: Failure) -> Failure:
        """Return the error that a refusal by the browser stands for."""
        error = failure.value
        if not isinstance(error, CommandError):
            return failure
        meant = explained(error)
        if error.message.startswith(_NO_OBJECT):
            meant = ContextDestroyed(f"the document that was searched is gone ({error.message})", error)
        if meant is error:
            return failure
        if isinstance(meant, ContextDestroyed):
            self.world.forget()
        raise meant from error

    async def ready(self, frame_id: str) -> str:
        """Return the id of the script's object, once the document has it, including the program's selector engines."""
        object_id = await self.world.script(frame_id, source())
        if self.world.registered < len(selectors):
            await self._register(object_id)
        return object_id

    async def _register(self, object_id: str) -> None:
        """Register the program's selector engines with the script."""
        for name, script in list(selectors)[self.world.registered :]:
            declaration = f"function(name){{this.register(name,({script.strip().rstrip(';')}\n))}}"
            command = runtime.call_function_on(
                function_declaration=declaration, object_id=object_id, arguments=[runtime.CallArgument(value=name)]
            )
            got = await self.session.execute(command, timeout=None)
            if got.exception_details is not None:
                raise SelectorError(f"selectors.register({name!r}, ...): {thrown(got.exception_details)}")
            self.world.registered += 1


def _result_of(got: runtime.CallFunctionOnResult) -> runtime.RemoteObject:
    if got.exception_details is not None:
        raise thrown(got.exception_details)
    return got.result


class ElementMoved(LocatorError):
    """Raised if the element of a handle is in another document now."""


class Retry(Exception):
    """Raised to try again until the timeout expires.

    :param reason: the reason in words, for the timeout error.
    :param waited: whether the page has already waited for a change.
    """

    def __init__(self, reason: str, *, waited: bool = False) -> None:
        super().__init__(reason)
        self.reason = reason
        self.waited = waited


def value_of(text: str, locator: object, waited: bool = False) -> Any:
    """Return the result of the script.

    :param locator: for errors.
    :param waited: whether the page has waited for a change.
    :raises Again: if it has to be tried again.
    :raises LocatorError: if it can never succeed.
    """
    try:
        said = msgspec.json.decode(text)
    except (msgspec.DecodeError, UnicodeEncodeError):  # a lone surrogate
        said = json.loads(text)
    if "value" in said:
        return said["value"]
    if "again" in said:
        html = said.get("html")
        raise Retry(f"{said['again']}: {html}" if html else str(said["again"]), waited=waited)
    kind, error = said["kind"], str(said["error"])
    if kind == "strict":
        raise StrictModeViolation(str(locator), **msgspec.json.decode(error))
    if kind == "selector":
        raise SelectorError(error)
    if kind == "moved":
        raise ElementMoved(f"{locator}: {error}")
    raise LocatorError(f"{locator}: {error}")
