"""Execution contexts: where JavaScript runs.

A document has one context of its own, and one for each *isolated world* that was created in it: another global object
over the same document. A worker has one. A context is identified by a number within its session, which the browser
reuses after a while, and by a unique id. It ends with its document; the browser reports that for one context
(``executionContextDestroyed``) or for all of a session (``executionContextsCleared``), and not at all if the session or
its process ends.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import msgspec

from txcdp.domains import runtime
from txcdp.model._frames import FrameDetached
from txcdp.model._table import Change, Row, Table
from txcdp.model._targets import SessionClosed, SessionCrashed
from txcdp.protocol._values import dict_of


class Context(Row):
    """An execution context.

    :ivar id: its number within the session (``contextId`` of ``Runtime.evaluate``).
    :ivar unique_id: an id that is never reused (``uniqueContextId``); ``""`` if the browser is too old to have one.
    :ivar frame_id: the frame of its document; None: it is a worker's.
    :ivar name: the name of an isolated world; ``""`` for the document's own context.
    :ivar is_default: whether it is the document's own context.
    """

    id: int
    session_id: str
    unique_id: str = ""
    frame_id: str | None = None
    name: str = ""
    origin: str = ""
    is_default: bool = True


class ContextCreated(Change, frozen=True, gc=False):
    """An execution context was created."""

    context: Context


class ContextDestroyed(Change, frozen=True, gc=False):
    """An execution context is gone, along with all remote objects in it."""

    context: Context


class Contexts(Table):
    """The execution contexts of all sessions."""

    name = "contexts"

    def __init__(self, emit: Callable[[Change], None]) -> None:
        super().__init__(emit)
        #: By session, then by number.
        self._contexts: dict[str, dict[int, Context]] = {}
        self._in_frame: dict[str, dict[tuple[str, int], Context]] = {}
        self.handlers = {
            runtime.ExecutionContextCreated: self._created,
            runtime.ExecutionContextDestroyed: lambda session, event: self._remove(session, event.execution_context_id),
            runtime.ExecutionContextsCleared: lambda session, _: self._clear(session),
        }
        self.reactions = {
            FrameDetached: self._frame_detached,
            SessionClosed: lambda change: self._clear(change.session_id),
            SessionCrashed: lambda change: self._clear(change.session_id),
        }

    def get(self, session: str, context_id: int) -> Context | None:
        """Return a context by its number within a session."""
        return self._contexts.get(session, {}).get(context_id)

    def in_frame(self, frame_id: str, name: str | None = None) -> Context | None:
        """Return a context of a frame's document.

        :param name: the name of an isolated world; None: the document's own context.
        """
        for each in reversed(self._in_frame.get(frame_id, {}).values()):
            if each.is_default if name is None else each.name == name and not each.is_default:
                return each
        return None

    def snapshot(self) -> list[Any]:
        """Return the contexts as plain data."""
        return [msgspec.to_builtins(each) for inside in self._contexts.values() for each in inside.values()]

    def _created(self, session: str, event: runtime.ExecutionContextCreated) -> None:
        said = event.context
        data = dict_of(said.aux_data)
        frame = data.get("frameId")
        known = self.get(session, said.id)
        if known is not None:
            if known.unique_id == said.unique_id:
                return  # ``Runtime.enable`` says it again
            self._remove(session, said.id)
        context = Context(id=said.id, session_id=session, unique_id=said.unique_id or "")
        context.frame_id = frame if isinstance(frame, str) else None
        context.name, context.origin, context.is_default = said.name, said.origin, bool(data.get("isDefault", True))
        self._contexts.setdefault(session, {})[context.id] = context
        if context.frame_id is not None:
            self._in_frame.setdefault(context.frame_id, {})[session, context.id] = context
        self.emit(ContextCreated(context))

    def _remove(self, session: str, context_id: int) -> None:
        inside = self._contexts.get(session)
        context = None if inside is None else inside.pop(context_id, None)
        if inside is None or context is None:
            return
        if not inside:
            del self._contexts[session]
        if context.frame_id is not None:
            of_frame = self._in_frame[context.frame_id]
            del of_frame[session, context_id]
            if not of_frame:
                del self._in_frame[context.frame_id]
        self.emit(ContextDestroyed(context))

    def _clear(self, session: str) -> None:
        for each in list(self._contexts.get(session, ())):
            self._remove(session, each)

    def _frame_detached(self, change: FrameDetached) -> None:
        for session, context_id in list(self._in_frame.get(change.frame.id, ())):
            self._remove(session, context_id)
