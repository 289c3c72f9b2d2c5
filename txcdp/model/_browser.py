"""The model of a browser: all tables, fed in their order.

::

    model = BrowserModel()
    for change in model.feed(session_id, event):
        ...

It does no I/O, keeps no time and starts nothing: a live connection, a recording and a test feed it in the same way. It
is told what the browser says, never what a program hopes for: a table changes with the events that arrive, whether or
not they were asked for.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Final

from txcdp.model._console import Console
from txcdp.model._contexts import Contexts
from txcdp.model._dialogs import Dialogs
from txcdp.model._documents import Documents
from txcdp.model._downloads import Downloads
from txcdp.model._exchanges import Exchanges
from txcdp.model._frames import Frames
from txcdp.model._table import Change, Handler, Reaction, Table
from txcdp.model._targets import Targets
from txcdp.protocol import Event, Record

#: The names of the tables that take a kind of input, and that react to a kind of change: the same in all models.
_TAKEN_BY: Final[dict[type[Record], list[str]]] = {}
_REACTED_TO_BY: Final[dict[type[Change], list[str]]] = {}


class BrowserModel:
    """Everything that a browser's events have told about it, in tables.

    What the model is not fed stays unknown, and does no harm: a model that is fed only the frames of one page has
    frames, and no requests.

    :ivar targets: targets and sessions.
    :ivar frames: the tree of frames.
    :ivar documents: documents and navigations.
    :ivar contexts: the execution contexts of JavaScript.
    :ivar exchanges: requests and their responses.
    :ivar console: the console's entries.
    :ivar dialogs: the open dialogs.
    :ivar downloads: the downloads in progress.
    :ivar tables: all tables, by name, in the order in which they are fed.
    :ivar misread: the number of inputs that did not conform to the protocol, so that a table failed on them.
    :ivar fault: the error for the last of these.
    """

    def __init__(self) -> None:
        #: What the current input has changed so far; the tables append to it.
        self._changes: list[Change] = []
        emit = self._changes.append
        self.targets = Targets(emit)
        self.frames = Frames(emit)
        self.documents = Documents(emit, self.frames)
        self.contexts = Contexts(emit)
        self.exchanges = Exchanges(emit, self.frames, self.documents)
        self.console = Console(emit, self.contexts)
        self.dialogs = Dialogs(emit)
        self.downloads = Downloads(emit)
        # In the order in which they stand on each other.
        tables: list[Table] = [
            *(self.targets, self.frames, self.documents, self.contexts),
            *(self.exchanges, self.console, self.dialogs, self.downloads),
        ]
        self.tables = {each.name: each for each in tables}
        self.misread = 0
        self.fault: Exception | None = None
        # Put together for each kind when it first comes: a page lives for a moment, and sees few of them.
        self._handlers: dict[type[Record], tuple[Handler, ...]] = {}
        self._reactions: dict[type[Change], tuple[Reaction, ...]] = {}

    def wants(self, *names: str) -> frozenset[type[Event]]:
        """Return the event classes that tables are built from.

        :param names: names of the tables that matter, such as ``"frames"``; without any, all of them.
        """
        return frozenset().union(*(self.tables[name].wants for name in names or self.tables))

    def feed(self, session: str, record: Record) -> Sequence[Change]:
        """Apply one input to the tables.

        Never raises: if an input does not conform to the protocol, the tables keep what they could read of it, and
        ``misread`` counts it.

        :param session: the id of the session that the input came through; ``""`` for the root.
        :param record: an event, or a result that a table takes (``Page.getFrameTree``, ``Target.getTargets``,
            ``Page.navigate``). An input that no table takes changes nothing.
        :returns: the changes, in order.
        """
        kind = type(record)
        handlers = self._handlers.get(kind)
        if handlers is None:
            handlers = self._handlers[kind] = self._handlers_of(kind)
        if not handlers:
            return ()
        changes = self._changes
        try:
            for handle in handlers:
                handle(session, record)
            reactions = self._reactions
            for change in changes:  # which grows meanwhile: a reaction may be a change that is reacted to
                reacting = reactions.get(type(change))
                if reacting is None:
                    reacting = reactions[type(change)] = self._reactions_to(type(change))
                for react in reacting:
                    react(change)
        except Exception as error:  # a browser of another age, which is no reason to know nothing any more
            self.misread += 1
            self.fault = error
        return self._told()

    def lose(self, session: str) -> Sequence[Change]:
        """Handle the loss of the connection to a session: exchanges that were in progress in it get no more events.

        :param session: its id; ``""`` for the root.
        :returns: the changes, in order.
        """
        self.exchanges.lose(session)
        return self._told()

    def _handlers_of(self, kind: type[Record]) -> tuple[Handler, ...]:
        names = _TAKEN_BY.get(kind)
        if names is None:
            names = _TAKEN_BY[kind] = [each.name for each in self.tables.values() if kind in each.handlers]
        return tuple([self.tables[name].handlers[kind] for name in names])

    def _reactions_to(self, kind: type[Change]) -> tuple[Reaction, ...]:
        names = _REACTED_TO_BY.get(kind)
        if names is None:
            names = _REACTED_TO_BY[kind] = [each.name for each in self.tables.values() if kind in each.reactions]
        return tuple([self.tables[name].reactions[kind] for name in names])

    def _told(self) -> Sequence[Change]:
        if not self._changes:
            return ()
        told = tuple(self._changes)
        self._changes.clear()
        return told

    def snapshot(self) -> dict[str, list[Any]]:
        """Return all rows as plain data, by table name."""
        return {name: table.snapshot() for name, table in self.tables.items()}
