"""What the tables of the model share: their rows, the changes that they emit, and how they are fed.

The model is relational. What is known of one thing (a target, a frame, a request) is a *row* in a *table*; a row refers
to other rows by their ids and never holds them. So there are no cycles, keeping a row keeps nothing else alive, and a
snapshot is the rows as they are.

A table is fed with *inputs*: the browser's events, and the results of some commands, which are records as well. It
applies each to its rows and emits the results as *changes*. Later tables build on earlier ones: they look up their
rows, and *react* to their changes. If a session ends, the table of targets reports it, the frames that only this
session reported end, and then what belonged to these frames: each table knows those before it, and none of those after
it.

Rows that have ended are removed from their table at once. If you still have such a row, you can go on reading it: it
stays as it was at its end.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, ClassVar

import msgspec

from txcdp.protocol import Event, Record

#: Applies one input to a table; called with the id of its session (``""``: the root) and the input.
Handler = Callable[[str, Any], None]

#: Applies a change that an earlier table, or the table itself, has emitted.
Reaction = Callable[[Any], None]


class Row(msgspec.Struct, eq=False, kw_only=True, gc=False):
    """Base of the rows of the tables; ``gc=False`` because rows hold ids and plain values, never other rows."""


class Change(msgspec.Struct, frozen=True, gc=False):
    """Base of the changes that a model returns: something has begun, changed or ended.

    It may hold the row that it is about, which goes on changing; its other fields hold the values at that moment.
    """


class Table:
    """Base of the tables.

    :param emit: called with each change.
    :cvar name: the name of the table in :meth:`BrowserModel.snapshot`.
    :ivar handlers: by class of input.
    :ivar reactions: by class of change.
    """

    name: ClassVar[str]

    def __init__(self, emit: Callable[[Change], None]) -> None:
        self.emit = emit
        self.handlers: dict[type[Record], Handler] = {}
        self.reactions: dict[type[Change], Reaction] = {}

    @property
    def wants(self) -> frozenset[type[Event]]:
        """The events that the table is made from: followers of a target enable and decode these."""
        return frozenset(kind for kind in self.handlers if issubclass(kind, Event))

    def snapshot(self) -> list[Any]:
        """Return the rows as plain data: dicts, lists, strings and numbers."""
        raise NotImplementedError
