"""The script that locators are found by, in a world of its own in each document: see ``locators.js``."""

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

#: Of what the script is put together, in this order, in one scope.
_FILES: Final = ("locators.js", "aria.js", "aria_snapshot.js", "actions.js", "assertions.js")

#: The group of all objects in these worlds.
GROUP: Final = "txcdp-locators"

#: What calls the functions of the script that are called most, with one list of arguments.
_DECLARATIONS: Final = {each: f"function(a){{return this.{each}(...a)}}" for each in ("run", "call", "stop")}

#: What V8 says of an object whose document is gone, beside what it says of a context.
_NO_OBJECT: Final = (NO_OBJECT, "Promise was collected")


@functools.cache
def source() -> str:
    """Return the script, as it is sent: an expression for what the program calls.

    The world has one of it, however often it is evaluated.
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
    """The script in the documents of one frame, in one session.

    :param session: the frame's.
    :param world: our own in the frame's document, which forgets with it.
    """

    def __init__(self, session: Session, world: OwnWorld) -> None:
        self.session = session
        self.world = world

    @property
    def made(self) -> bool:
        """Whether it has been given to the document that is there."""
        return self.world.made

    def call(
        self, frame_id: str, function: str, arguments: list[runtime.CallArgument], *, by_value: bool = True
    ) -> Deferred[runtime.RemoteObject]:
        """Call a function of the script, which is given to the document where it has not got it.

        :param frame_id: the frame's.
        :param by_value: whether what it returns, or promises, is text.
        :returns: fires with what it returns; fails with :exc:`ContextDestroyed` where the document is gone.
        """
        return self._called(frame_id, f"function(...a){{return this.{function}(...a)}}", arguments, by_value)

    def call_with(
        self, frame_id: str, function: str, values: list[Any], *, by_value: bool = True
    ) -> Deferred[runtime.RemoteObject]:
        """Do the same with values that JSON has a form for; V8 compiles each argument by itself, and so gets but one.

        :param function: ``"run"``, ``"call"`` or ``"stop"``.
        :param values: the arguments.
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
        """Say what it means that the browser has refused."""
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
        """Return the id of the script, with the program's own engines, once the document has it."""
        object_id = await self.world.script(frame_id, source())
        if self.world.registered < len(selectors):
            await self._register(object_id)
        return object_id

    async def _register(self, object_id: str) -> None:
        """Give the script the program's own engines of selectors."""
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
    """Raised for the element of a handle that is in another document now."""


class Again(Exception):
    """Raised for what is to be tried again until the deadline.

    :param reason: why, in words, for the error at the deadline.
    :param waited: whether the page has waited for a change already.
    """

    def __init__(self, reason: str, *, waited: bool = False) -> None:
        super().__init__(reason)
        self.reason = reason
        self.waited = waited


def value_of(text: str, locator: object, waited: bool = False) -> Any:
    """Return the value that the script tells.

    :param locator: for errors.
    :param waited: whether the page has waited for a change.
    :raises Again: it is to be tried again.
    :raises LocatorError: it cannot be done, ever.
    """
    try:
        said = msgspec.json.decode(text)
    except (msgspec.DecodeError, UnicodeEncodeError):  # a lone surrogate
        said = json.loads(text)
    if "value" in said:
        return said["value"]
    if "again" in said:
        html = said.get("html")
        raise Again(f"{said['again']}: {html}" if html else str(said["again"]), waited=waited)
    kind, error = said["kind"], str(said["error"])
    if kind == "strict":
        raise StrictModeViolation(str(locator), **msgspec.json.decode(error))
    if kind == "selector":
        raise SelectorError(error)
    if kind == "moved":
        raise ElementMoved(f"{locator}: {error}")
    raise LocatorError(f"{locator}: {error}")
