"""Init scripts and exposed functions: what a page's documents have before their own scripts run."""

from __future__ import annotations

import os
import re
from collections.abc import Callable
from pathlib import Path
from typing import Any, Final, NamedTuple, TypeVar
from urllib.parse import quote

from twisted.internet.defer import Deferred, maybeDeferred, succeed
from twisted.python.failure import Failure

from txcdp._arguments import check_function, most_arguments
from txcdp._deferreds import ignore_failure, returns_deferred, when_all
from txcdp.domains import page, runtime
from txcdp.errors import CommandError, EvaluationError, Gone
from txcdp.page import _values as values
from txcdp.page._evaluation import KeptObject
from txcdp.page._injected import Injected
from txcdp.streams import Registration, Stream, StreamSubject

T = TypeVar("T")

#: Returns the source of a call, given its session's script and the id of its execution context.
SourceOf = Callable[[Injected, int], dict[str, Any]]


class BindingCall(NamedTuple):
    """A call of an exposed function by a page.

    :ivar source: where it came from: a dict with ``"context"``, ``"page"`` and ``"frame"``.
    :ivar args: the arguments of the call.
    """

    source: dict[str, Any]
    args: list[Any]


class Binding(Registration):
    """A function that pages can call.

    :ivar calls: the calls, as they arrive: a stream of :class:`BindingCall`. It completes with the binding, or the
        page.
    """

    calls: Stream[BindingCall]

    def __init__(self, remove: Callable[[], Deferred[None]], calls: Stream[BindingCall]) -> None:
        super().__init__(remove)
        self.calls = calls


class _InitScript:
    """One init script, in all sessions of a page."""

    def __init__(self, source: str, now: bool) -> None:
        self._source = source
        self._now = True if now else None
        self._identifiers: dict[Injected, str] = {}
        self._removed = False

    @returns_deferred
    async def add_to(self, injected: Injected, *, begins: bool = False) -> None:
        """Register it in one session.

        :param begins: whether a document that has just been created there is to run it, too.
        """
        now = True if begins else self._now
        command = page.add_script_to_evaluate_on_new_document(source=self._source, run_immediately=now)
        self._identifiers[injected] = (await injected.session.execute(command)).identifier
        if self._removed:
            await self.remove_from(injected)

    @returns_deferred
    async def remove_from(self, injected: Injected) -> None:
        """Remove it from one session."""
        self._removed = True
        identifier = self._identifiers.pop(injected, None)
        if identifier is None or injected.session.ended:
            return
        try:
            await injected.session.execute(page.remove_script_to_evaluate_on_new_document(identifier=identifier))
        except CommandError as error:
            # What is not answered when the page goes to another document Chromium does once more, with that one.
            if error.message != _GONE:
                raise

    def forget(self, injected: Injected) -> None:
        """Forget a session that has ended."""
        self._identifiers.pop(injected, None)


#: Chromium's error for a script that it has already removed.
_GONE: Final = "Script not found"


class _Exposed:
    """An exposed function of the program, in all sessions of a page."""

    def __init__(self, name: str, callback: Callable[..., object] | None, calls: StreamSubject[BindingCall]) -> None:
        self.name = name
        self.calls = calls
        if callback is not None:
            check_function("callback", callback)
        self._callback = callback
        self._most = None if callback is None else most_arguments(callback)

    def call(self, source: dict[str, Any], args: list[Any]) -> Deferred[Any]:
        """Call it; the Deferred fires with its result."""
        self.calls.push(BindingCall(source, args))
        if self._callback is None:
            return succeed(None)
        # As in JavaScript, a function may take fewer arguments than it is called with.
        return maybeDeferred(self._callback, *(source, *args)[: self._most])


class Scripts:
    """The init scripts and exposed functions of a page, in each of its sessions.

    :param injected: our script in the documents of the page's own session.
    :param source: returns the source of a call.
    """

    def __init__(self, injected: Injected, source: SourceOf) -> None:
        self._source = source
        self._main = injected
        self._injected: list[Injected] = []
        self._scripts: list[_InitScript] = []
        self._exposed: dict[str, _Exposed] = {}
        self.attach(injected)

    def attach(self, injected: Injected) -> None:
        """Add all of them to another session of the page, before its target runs."""
        self._injected.append(injected)
        injected.session._feed_into(
            (runtime.BindingCalled,),
            lambda event: self._called(injected, event),
            ended=lambda _: self._ended(injected),
        )
        for name in self._exposed:  # which scripts may call
            injected.expose(name).addErrback(ignore_failure)
        target = injected.session.target
        # Chromium holds a frame in another process before it has a document; not so a sandboxed one with ``srcdoc``.
        begins = target is not None and target.url == "about:srcdoc"
        for script in self._scripts:
            script.add_to(injected, begins=begins).addErrback(ignore_failure)

    @returns_deferred
    async def add(self, source: str, *, now: bool = False) -> Registration:
        """Register a script.

        :param now: whether to run it in existing documents, too.
        """
        script = _InitScript(source, now)
        self._scripts.append(script)
        try:
            await self._tell_all(script.add_to)
        except BaseException:
            self._scripts.remove(script)
            raise

        @returns_deferred
        async def remove() -> None:
            self._scripts.remove(script)
            await self._tell_all(script.remove_from)

        return Registration(remove)

    @returns_deferred
    async def expose(self, name: str, callback: Callable[..., object] | None) -> Binding:
        """Expose a function.

        :param callback: called with the source and the arguments; None: the calls are delivered to subscribers.
        """
        if name in self._exposed:
            raise ValueError(f"a function {name!r} is already exposed: dispose of it first")
        exposed = _Exposed(name, callback, StreamSubject(self._main.session.context, f"calls of {name}"))
        self._exposed[name] = exposed
        try:
            await self._tell_all(lambda injected: injected.expose(name))
        except BaseException:
            self._exposed.pop(name, None)
            raise

        @returns_deferred
        async def remove() -> None:
            self._exposed.pop(name, None)
            exposed.calls.end(None)
            await self._tell_all(lambda injected: injected.conceal(name))

        return Binding(remove, exposed.calls)

    async def _tell_all(self, tell: Callable[[Injected], Deferred[None]]) -> None:
        """Call a function for all sessions, and wait; errors of frames that disappear meanwhile are ignored."""

        def failed(failure: Failure, injected: Injected) -> Failure | None:
            gone = injected is not self._main and injected.session.ended and failure.check(Gone)
            return None if gone else failure

        await when_all(tell(each).addErrback(failed, each) for each in list(self._injected))

    def _called(self, injected: Injected, event: runtime.BindingCalled) -> None:
        if event.name != injected.binding:
            return
        key, number, name, packed = event.payload.split("\n", 3)
        exposed = self._exposed.get(name)
        answer = _Reply(injected, key, number, event.execution_context_id)
        if exposed is None:
            answer.give(Failure(LookupError(f"the function {name!r} is no longer exposed")))
            return
        try:
            args = values.unpack(packed)
        except values.Unpackable as error:
            answer.give(Failure(ValueError(f"an argument cannot be read: {error}")))
            return
        exposed.call(self._source(injected, event.execution_context_id), args).addBoth(answer.give)

    def _ended(self, injected: Injected) -> None:
        if injected is not self._main:
            self._injected.remove(injected)
            for script in self._scripts:
                script.forget(injected)
            return
        for each in self._exposed.values():
            each.calls.end(None)


class _Reply:
    """The reply to a call from a page."""

    def __init__(self, injected: Injected, key: str, number: str, context_id: int) -> None:
        self._injected = injected
        self._key = key
        self._number = number
        self._context_id = context_id

    def give(self, result: T) -> T | None:
        """Send a function's result, or a Failure; the same result may be used elsewhere."""
        well = not isinstance(result, Failure)
        object_ids: list[str] = []
        try:
            packed = values.pack(
                result.value if isinstance(result, Failure) else result, lambda value: self._insert(value, object_ids)
            )
        except (TypeError, ValueError, EvaluationError) as error:
            well, packed = False, values.pack(error)
            object_ids.clear()
        answer = f"{self._key}.answer({self._number},{'true' if well else 'false'},{packed}"
        session = self._injected.session
        # Where the document is gone, nobody waits for it.
        if not object_ids:
            expression = f"{answer})"
            command = runtime.evaluate(expression=expression, context_id=self._context_id, return_by_value=True)
            session.execute(command).addErrback(ignore_failure)
        else:
            with_handles = runtime.call_function_on(
                function_declaration=f"function(...handles){{{answer},handles)}}",
                execution_context_id=self._context_id,
                arguments=[runtime.CallArgument(object_id=each) for each in object_ids],
                return_by_value=True,
            )
            session.execute(with_handles).addErrback(self._refused)
        return None if isinstance(result, Failure) else result

    def _insert(self, value: Any, object_ids: list[str]) -> values.KeptReference | None:
        if not isinstance(value, KeptObject):
            return None
        if value._injected is not self._injected:
            raise EvaluationError(_OF_ANOTHER)
        return value._insert_into(value._evaluator, object_ids)

    def _refused(self, failure: Failure) -> None:
        """Report that a handle belongs to another document; if the caller is gone, do nothing."""
        if failure.check(CommandError):
            self.give(Failure(EvaluationError(_OF_ANOTHER)))


#: The error for a page that would get a handle of another document.
_OF_ANOTHER: Final = "a handle can be returned only to its own document"


def source_of(script: Any, path: Any) -> str:
    """Return the given text, or that in the file.

    :raises ValueError: if neither or both were given.
    :raises TypeError: if it is not text.
    """
    if (script is None) == (path is None):
        raise ValueError("give either script= or path=")
    if script is not None and not isinstance(script, str):
        raise TypeError(f"script={script!r:.60}: expected the text of a script")
    return source_in(path) if script is None else str(script)


def source_in(path: str | os.PathLike[str], comment: str = "//# sourceURL={}") -> str:
    """Return the text of a file, with a comment that makes stacks, coverage and the console name the file.

    :param comment: the comment syntax of its language.
    """
    # V8 takes no name that has a blank or a quote; and what is to end the comment is not to be in it.
    name = re.sub(r"[\s\"'*]", lambda found: quote(found[0]), os.fspath(path))
    return f"{Path(path).read_text(encoding='utf-8')}\n{comment.format(name)}"
