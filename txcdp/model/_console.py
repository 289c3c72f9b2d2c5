"""Console calls, uncaught exceptions, and the browser's own log, as one kind of entry.

Three events report them: ``Runtime.consoleAPICalled`` (``console.log`` and the like), ``Runtime.exceptionThrown`` (an
exception or a rejection without a handler), and ``Log.entryAdded`` (the browser: a failed request, a violation, a
deprecation). What a worker writes is reported twice: in its own session as a call, and in its page's as a log entry
whose source is ``"worker"``.

Counts, timers and assertions come as V8 has phrased them (``"named: 2"``), numbers for ``%d``, ``%i`` and ``%f`` as V8
has converted them. To make a line of text, only the placeholders have to be filled in, and objects described from their
previews; :attr:`ConsoleEntry.text` does this when it is read.

When a document comes back from the back/forward cache, the browser reports its entries again. They are emitted as a
change of their own, :class:`ConsoleRepeated`.

Entries are emitted and not kept. The table only keeps, of each session, the depth of groups and when entries were
written.
"""

from __future__ import annotations

import re
from collections import deque
from collections.abc import Callable, Sequence
from math import inf
from typing import Any, Final, Literal

from txcdp.domains import log, runtime
from txcdp.model._contexts import Contexts
from txcdp.model._table import Change, Row, Table
from txcdp.model._targets import SessionClosed, SessionCrashed

Level = Literal["error", "warning", "info", "debug"]

#: By the type of a call, and by the level of a log entry; all others are ``"info"``.
_LEVELS: Final[dict[str, Level]] = {
    "error": "error",
    "assert": "error",
    "warning": "warning",
    "debug": "debug",
    "verbose": "debug",
}

_PLACEHOLDER: Final = re.compile(r"%([sdifoOc%])")

#: What V8 reports as the argument of a call without arguments.
_NONE_GIVEN: Final = {"assert": "console.assert", "clear": "console.clear", "endGroup": "console.groupEnd"}

_GROUPS: Final = ("startGroup", "startGroupCollapsed")

#: As many messages of a document as V8 keeps, and reports again.
_MOST_TIMES: Final = 1000

#: The execution contexts of a session whose entries are known: more than a cache of documents holds.
_MOST_CONTEXTS: Final = 100


class ConsoleEntry(Row):
    """One entry of a console.

    :ivar source: ``"console-api"`` for a console call, ``"exception"`` for an uncaught exception, otherwise the source
        of the log entry, such as ``"network"`` or ``"security"``.
    :ivar type: for a console call, its name in the protocol (``"log"``, ``"warning"``, ``"startGroup"``,
        ``"timeEnd"``...); for an uncaught exception ``"exception"``; for a log entry its level.
    :ivar level: ``"error"``, ``"warning"``, ``"info"`` or ``"debug"``.
    :ivar timestamp: seconds since 1970.
    :ivar args: the arguments of the call.
    :ivar details: the details of the uncaught exception.
    :ivar log_text: the text of the log entry.
    :ivar url: the script, or what the log entry is about; ``""`` if not reported.
    :ivar line_number: counted from 0, like ``column_number``; None if not reported.
    :ivar stack: where the call was made, or the exception thrown.
    :ivar frame_id: the frame that it happened in; None: a worker, or not reported.
    :ivar group_depth: the number of console groups around the entry.
    """

    session_id: str
    source: str
    type: str
    level: Level
    timestamp: float
    args: list[runtime.RemoteObject] = []
    details: runtime.ExceptionDetails | None = None
    log_text: str = ""
    url: str = ""
    line_number: int | None = None
    column_number: int | None = None
    stack: runtime.StackTrace | None = None
    frame_id: str | None = None
    group_depth: int = 0
    network_request_id: str | None = None

    @property
    def text(self) -> str:
        """The entry as text; for an exception, including its stack if that is a part of it."""
        if self.details is not None:
            return exception_in_words(self.details)
        if self.source != "console-api":
            return self.log_text
        given = self.args
        if len(given) == 1 and given[0].value == _NONE_GIVEN.get(self.type, self):
            given = []
        text = arguments_in_words(given)
        if self.type == "assert":
            return f"Assertion failed: {text}" if text else "Assertion failed"
        return text


class ConsoleWritten(Change, frozen=True, gc=False):
    """An entry was written to the console."""

    entry: ConsoleEntry


class ConsoleCleared(Change, frozen=True, gc=False):
    """A script has called ``console.clear()``; the entry is that of the call, which is not reported as written."""

    session_id: str
    entry: ConsoleEntry


class ConsoleRepeated(Change, frozen=True, gc=False):
    """An entry was reported again, because its document came back from the back/forward cache.

    The entry is as it was, except that objects in its arguments have no previews.
    """

    entry: ConsoleEntry


class ConsoleGroupEnded(Change, frozen=True, gc=False):
    """A script has called ``console.groupEnd()``; the entry is that of the call."""

    session_id: str
    entry: ConsoleEntry


class ExceptionRevoked(Change, frozen=True, gc=False):
    """An exception reported as uncaught was handled after all: a rejected promise got its handler late.

    :ivar exception_id: as in ``entry.details.exception_id``, of the same session.
    """

    session_id: str
    exception_id: int


class _Reported:
    """When the entries of one session were written.

    A time alone does not identify an entry: the documents of a program's own clock may all write at one moment. A
    document that comes back has the execution context that it had before.
    """

    def __init__(self) -> None:
        self._times: dict[int | None, deque[float]] = {}
        self._latest = -inf
        self._is_repeating = False

    def document_changed(self) -> None:
        """Expect that entries are reported again."""
        self._is_repeating = True

    def is_repeated(self, context_id: int | None, at: float) -> bool:
        """Return whether an entry was reported before, and note it.

        A new entry of the same moment as the latest one is recognized by no document having changed since.
        """
        times = self._times.get(context_id)
        if times is None:
            times = self._times[context_id] = deque(maxlen=_MOST_TIMES)
            if len(self._times) > _MOST_CONTEXTS:
                del self._times[next(iter(self._times))]
        elif (self._is_repeating or at < self._latest) and at in times:
            return True
        times.append(at)
        self._latest = max(self._latest, at)
        self._is_repeating = False
        return False


class Console(Table):
    """The consoles of all sessions, with the depth of their groups."""

    name = "console"

    def __init__(self, emit: Callable[[Change], None], contexts: Contexts) -> None:
        super().__init__(emit)
        self._contexts = contexts
        self._depths: dict[str, int] = {}
        self._reported: dict[str, _Reported] = {}
        self.handlers = {
            runtime.ConsoleAPICalled: self._called,
            runtime.ExceptionThrown: self._thrown,
            runtime.ExceptionRevoked: lambda session, event: self.emit(ExceptionRevoked(session, event.exception_id)),
            runtime.ExecutionContextsCleared: lambda session, _: self._clear_contexts(session),
            log.EntryAdded: self._logged,
        }
        self.reactions = {
            SessionClosed: lambda change: self._forget(change.session_id),
            SessionCrashed: lambda change: self._forget(change.session_id),
        }

    def snapshot(self) -> list[Any]:
        """Return the sessions that are in groups, and how deep, as plain data."""
        return [{"session_id": session, "group_depth": depth} for session, depth in self._depths.items()]

    def _leave(self, session: str) -> None:
        """Leave all groups."""
        self._depths.pop(session, None)

    def _forget(self, session: str) -> None:
        self._leave(session)
        self._reported.pop(session, None)

    def _clear_contexts(self, session: str) -> None:
        self._leave(session)
        if session in self._reported:
            self._reported[session].document_changed()

    def _is_repeated(self, entry: ConsoleEntry, context_id: int | None) -> bool:
        reported = self._reported.get(entry.session_id)
        if reported is None:
            reported = self._reported[entry.session_id] = _Reported()
        return reported.is_repeated(context_id, entry.timestamp)

    def _called(self, session: str, event: runtime.ConsoleAPICalled) -> None:
        depth = self._depths.get(session, 0)
        entry = self._entry(session, "console-api", event.type, event.timestamp)
        entry.args, entry.group_depth = event.args, depth
        self._place(entry, event.stack_trace, event.execution_context_id)
        change: Change = ConsoleWritten(entry)
        if event.type == "endGroup":
            if depth > 1:
                self._depths[session] = depth - 1
            else:
                self._leave(session)
            change = ConsoleGroupEnded(session, entry)
        elif event.type == "clear":
            self._leave(session)
            change = ConsoleCleared(session, entry)
        elif event.type in _GROUPS:
            self._depths[session] = depth + 1
        self.emit(ConsoleRepeated(entry) if self._is_repeated(entry, event.execution_context_id) else change)

    def _thrown(self, session: str, event: runtime.ExceptionThrown) -> None:
        details = event.exception_details
        entry = self._entry(session, "exception", "exception", event.timestamp)
        entry.level, entry.details, entry.group_depth = "error", details, self._depths.get(session, 0)
        self._place(entry, details.stack_trace, details.execution_context_id)
        if details.url:
            entry.url, entry.line_number, entry.column_number = details.url, details.line_number, details.column_number
        repeated = self._is_repeated(entry, details.execution_context_id)
        self.emit(ConsoleRepeated(entry) if repeated else ConsoleWritten(entry))

    def _logged(self, session: str, event: log.EntryAdded) -> None:
        said = event.entry
        entry = self._entry(session, said.source, said.level, said.timestamp)
        entry.log_text, entry.args, entry.stack = said.text, said.args or [], said.stack_trace
        entry.url, entry.line_number = said.url or "", said.line_number
        entry.network_request_id = said.network_request_id
        self.emit(ConsoleRepeated(entry) if self._is_repeated(entry, None) else ConsoleWritten(entry))

    def _entry(self, session: str, source: str, kind: str, at: float) -> ConsoleEntry:
        level = _LEVELS.get(kind, "info")
        return ConsoleEntry(session_id=session, source=source, type=kind, level=level, timestamp=(at or 0.0) / 1000)

    def _place(self, entry: ConsoleEntry, stack: runtime.StackTrace | None, context_id: int | None) -> None:
        """Set the frame, and the location: the first in the stack that has a URL, or else the first one."""
        entry.stack = stack
        frames = stack.call_frames if stack is not None else ()
        for each in [*(each for each in frames if each.url), *frames][:1]:
            entry.url, entry.line_number, entry.column_number = each.url, each.line_number, each.column_number
        context = None if context_id is None else self._contexts.get(entry.session_id, context_id)
        if context is not None:
            entry.frame_id = context.frame_id


# In words:


def exception_in_words(details: runtime.ExceptionDetails) -> str:
    """Return an exception as text, with its stack if it has one, as the browser's console shows it."""
    promise = "in a promise: " if "in promise" in (details.text or "") else ""
    thrown = details.exception
    if thrown is None:
        return details.text or "an exception"
    if thrown.subtype == "error":
        return promise + (thrown.description or "an error")
    return promise + value_in_words(thrown)


def arguments_in_words(
    args: Sequence[runtime.RemoteObject], words: Callable[[runtime.RemoteObject], str] | None = None
) -> str:
    """Return the arguments of a console call as text, with placeholders filled in, as the browser's console shows them.

    :param words: converts a value to text; None: :func:`value_in_words`.
    """
    in_words = words or value_in_words
    rest = list(args)
    parts = []
    if rest and rest[0].type == "string" and isinstance(rest[0].value, str) and "%" in rest[0].value:
        text = rest.pop(0).value

        def fill(found: re.Match[str]) -> str:
            kind = found[1]
            if kind == "%":
                return "%"
            if not rest:
                return found[0]
            return _filled(kind, rest.pop(0), in_words)

        parts.append(_PLACEHOLDER.sub(fill, text))
    parts += [each.value if each.type == "string" and isinstance(each.value, str) else in_words(each) for each in rest]
    return " ".join(parts)


def _filled(kind: str, item: runtime.RemoteObject, words: Callable[[runtime.RemoteObject], str]) -> str:
    if kind == "c":
        return ""
    if kind in "di" and item.type == "number" and isinstance(item.value, float) and not item.value.is_integer():
        return str(int(item.value))
    return str(item.value) if item.type == "string" else words(item)


def value_in_words(item: runtime.RemoteObject) -> str:
    """Return a JavaScript value as text, as the browser's console shows it."""
    if item.type == "undefined":
        return "undefined"
    if item.unserializable_value is not None:
        return str(item.unserializable_value)
    if item.preview is not None and item.subtype not in ("error", "regexp", "date", "node", "promise"):
        return _preview(item.preview)
    if item.type in ("object", "function", "symbol", "bigint") and item.description:
        text = str(item.description)
        if item.type == "function" and "{" in text:
            return text[: text.index("{")].rstrip() + " {…}"
        return text
    if item.type == "number" and item.description:
        return item.description  # as JavaScript writes it, such as 1e+21
    return _plain(item.value)


def _plain(given: Any) -> str:
    if given is None:
        return "null"
    if isinstance(given, bool):
        return "true" if given else "false"
    if isinstance(given, float) and given.is_integer():
        return str(int(given))
    return f"'{given}'" if isinstance(given, str) else str(given)


def _preview(preview: runtime.ObjectPreview) -> str:
    more = ["…"] if preview.overflow else []
    if preview.entries:
        inside = [
            f"{_entry(each.key)} => {_entry(each.value)}" if each.key else _entry(each.value)
            for each in preview.entries
        ]
        return f"{preview.description} {{{', '.join(inside + more)}}}"
    if preview.subtype in ("array", "typedarray"):
        name = "" if (preview.description or "").startswith("Array(") else f"{preview.description} "
        inside = [_property(each) for each in preview.properties if each.name.isdecimal()]
        return f"{name}[{', '.join(inside + more)}]"
    inside = [f"{each.name}: {_property(each)}" for each in preview.properties]
    name = preview.description or ""
    name = "" if name in ("", "Object") else f"{name} "
    return f"{name}{{{', '.join(inside + more)}}}"


def _entry(preview: runtime.ObjectPreview) -> str:
    if preview.type == "string":
        return f"'{preview.description}'"
    return _preview(preview) if preview.properties else str(preview.description)


def _property(item: runtime.PropertyPreview) -> str:
    if item.value_preview is not None:
        return _preview(item.value_preview)
    if item.type == "string":
        return f"'{item.value}'"
    if item.type == "function":
        return "ƒ"
    return item.value if item.value is not None else str(item.type)
