"""The console messages and uncaught errors of a page and its workers.

One :class:`SessionConsole` decodes the events of one session, and makes the items. A page has one for itself and one
for each of its frames in other processes, and each of its workers has one; none exists before there is a subscriber.
From then on the Runtime domain stays enabled. When a domain is enabled, the browser reports earlier messages again:
these are dropped.

The arguments of a message stay in the page for programs that have handles to them. They are released when the message
is garbage-collected, when :data:`KEPT` later messages have come, and at once if there are no subscribers.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Iterator
from typing import TYPE_CHECKING, Final, Literal, TypedDict
from weakref import ref

from txcdp._core.sessions import Session
from txcdp._deferreds import ignore_failure
from txcdp._other_names import NearNames
from txcdp._privacy import shortened
from txcdp.domains import runtime
from txcdp.model import (
    BrowserModel,
    Change,
    ConsoleCleared,
    ConsoleEntry,
    ConsoleGroupEnded,
    ConsoleRepeated,
    ConsoleWritten,
    arguments_in_words,
    value_in_words,
)
from txcdp.page._evaluation import Evaluator, KeptObject, thrown
from txcdp.page._handles import JSHandle, handle_of
from txcdp.page._values import clean_stack
from txcdp.protocol import Event
from txcdp.streams import Stream

if TYPE_CHECKING:
    from txcdp.page._page import Page
    from txcdp.page._workers import Worker
    from txcdp.streams._gathered import OnDemandStreams

#: The maximum number of messages of a session whose arguments are kept in the page for existing handles.
KEPT: Final = 1000

#: The severity of a message.
ConsoleLevel = Literal["error", "warning", "info", "debug"]


class SourceLocation(TypedDict):
    """A position in a script; lines and columns count from 0."""

    url: str
    lineNumber: int
    columnNumber: int


class ConsoleMessage(NearNames):
    """A console message; an item of ``page.console`` and ``worker.console``.

    :ivar type: the console function that was called: ``"log"``, ``"debug"``, ``"info"``, ``"warning"``, ``"error"``,
        ``"dir"``, ``"table"``, ``"trace"``, ``"assert"``, ``"count"``, ``"timeEnd"``, ``"startGroup"``, ``"endGroup"``,
        ``"clear"``...; for the browser's own messages, such as one about a failed request, their level.
    :ivar level: ``"error"``, ``"warning"``, ``"info"`` or ``"debug"``.
    :ivar source: ``"console-api"`` for a call; otherwise what the browser's message is about, such as ``"network"``,
        ``"security"``.
    :ivar text: the arguments as text.
    :ivar args: handles of the arguments.
    :ivar location: the position of the call, or of what the browser's message is about.
    :ivar timestamp: seconds since 1970.
    :ivar stack: the call stack, as formatted by JavaScript; ``""`` if there is none.
    :ivar page: the page that it belongs to; None for a service worker's.
    :ivar worker: the worker that it came from; None for a document.
    """

    def __init__(
        self, entry: ConsoleEntry, args: list[JSHandle], page: Page | None = None, worker: Worker | None = None
    ) -> None:
        self.type = entry.type
        self.level: ConsoleLevel = entry.level
        self.source = entry.source
        self.text = arguments_in_words(entry.args, in_words) if entry.source == "console-api" else entry.log_text
        self.args = args
        self.location = location_of(entry)
        self.timestamp = entry.timestamp
        self.stack = _stack_in_words(entry.stack)
        self.page = page
        self.worker = worker

    def __str__(self) -> str:
        return self.text

    def __repr__(self) -> str:
        return f"<ConsoleMessage {self.type}: {shortened(self.text)!r}>"


class PageError(NearNames):
    """An uncaught error of a page or one of its workers; an item of ``page.page_errors``.

    :ivar name: the kind of error, such as ``"TypeError"``; ``""`` if the thrown value was not an Error.
    :ivar message: its message; if the thrown value was not an Error, that value as text.
    :ivar stack: the stack, as formatted by JavaScript.
    :ivar location: the position where it was thrown.
    :ivar timestamp: seconds since 1970.
    :ivar page: the page that it came from; None for a service worker's.
    :ivar worker: the worker that it came from; None for a document.
    """

    def __init__(
        self,
        entry: ConsoleEntry,
        details: runtime.ExceptionDetails,
        page: Page | None = None,
        worker: Worker | None = None,
    ) -> None:
        error = thrown(details)
        self.name = error.name
        self.message = error.message
        self.stack = clean_stack(error.stack)
        self.location = location_of(entry)
        self.timestamp = entry.timestamp
        self.page = page
        self.worker = worker

    def __str__(self) -> str:
        return self.stack or (f"{self.name}: {self.message}" if self.name else self.message)

    def __repr__(self) -> str:
        return f"<PageError {self.name}: {shortened(self.message)!r}>"


class SessionConsole:
    """Decodes the console events of one session.

    :param session: the session of a page, a frame or a worker.
    :param evaluator: the evaluator of its target, for the handles of arguments.
    :param domains: the domains to enable.
    :param wanted: returns whether there are subscribers.
    :param tell: called with the items.
    :param logged: the timestamps of the log entries that any session of the page has reported, because all frames in a
        process share one log.
    :param fresh: whether the target is new, so that everything in its log is new when that is enabled.
    """

    #: All events that it needs.
    events: Final[frozenset[type[Event]]] = BrowserModel().wants("console")

    def __init__(
        self,
        session: Session,
        evaluator: Evaluator,
        domains: tuple[str, ...],
        wanted: Callable[[], bool],
        tell: Callable[[ConsoleMessage | PageError], object],
        page: Page | None = None,
        worker: Worker | None = None,
        logged: deque[float] | None = None,
        fresh: bool = False,
    ) -> None:
        self._session = session
        self._evaluator = evaluator
        self._wanted = wanted
        self._tell = tell
        self._page = page
        self._worker = worker
        self._model = BrowserModel()
        self._kept: deque[ref[ConsoleMessage]] = deque()
        self._logged: deque[float] = deque(maxlen=KEPT) if logged is None else logged
        self._logged_before = frozenset(self._logged) if fresh else None
        session._feed_into(self.events, self._take)
        for each in domains:
            session._keep_enabled(each)

    def _take(self, event: Event) -> None:
        for change in self._model.feed("", event):
            self._changed(change)

    def _changed(self, change: Change) -> None:
        if not isinstance(change, ConsoleWritten | ConsoleRepeated | ConsoleCleared | ConsoleGroupEnded):
            return
        entry = change.entry
        objects = [each.object_id for each in entry.args if each.object_id is not None]
        if entry.details is not None and entry.details.exception is not None:
            objects += filter(None, [entry.details.exception.object_id])
        is_known = isinstance(change, ConsoleRepeated) or self._is_of_before(entry)
        if is_known or _is_unasked(entry) or not self._wanted():
            self._release(objects, entry)
        elif entry.details is not None:
            self._release(objects, entry)
            self._tell(PageError(entry, entry.details, self._page, self._worker))
        else:
            args = [handle_of(KeptObject(self._evaluator, each)) for each in entry.args]
            message = ConsoleMessage(entry, args, self._page, self._worker)
            if objects:
                self._keep(message)
            self._tell(message)
        self._evaluator.injected.release_garbage()

    def _is_of_before(self, entry: ConsoleEntry) -> bool:
        """Whether an entry was written before its domain was enabled, and is reported by that."""
        is_log = entry.source not in ("console-api", "exception")
        of_before = self._session._is_beginning("Log" if is_log else "Runtime")
        if is_log:
            self._logged.append(entry.timestamp)
            if self._logged_before is not None:
                of_before = of_before and entry.timestamp in self._logged_before
        return of_before

    def _release(self, objects: list[str], entry: ConsoleEntry) -> None:
        """Release arguments that nobody gets, unless the program listens to the protocol's own events."""
        method = runtime.ConsoleAPICalled.method if entry.details is None else runtime.ExceptionThrown.method
        if method not in self._session.listened:
            for each in objects:
                self._evaluator.injected.note_garbage(each)

    def _keep(self, message: ConsoleMessage) -> None:
        """Keep the arguments of a message, and release those of the oldest one."""
        self._kept.append(ref(message))
        if len(self._kept) > KEPT:
            old = self._kept.popleft()()
            for each in old.args if old is not None else ():
                each.dispose().addErrback(ignore_failure)


class PageConsole:
    """The console of a page, including its frames and workers: two of the page's streams.

    :param page: the page.
    :param streams: the page's streams.
    :ivar workers: the running workers.
    """

    def __init__(self, page: Page, streams: OnDemandStreams) -> None:
        self.workers: list[Worker] = []
        self._page = page
        self._streams = streams
        self._begun = False
        self._logged: deque[float] = deque(maxlen=KEPT)

    @property
    def console(self) -> Stream[ConsoleMessage]:
        """The stream of messages."""
        return self._streams.on_demand("console", self._begin)

    @property
    def page_errors(self) -> Stream[PageError]:
        """The stream of errors."""
        return self._streams.on_demand("page_errors", self._begin)

    @property
    def listened(self) -> bool:
        """Whether any of these streams has a subscriber."""
        return self._streams.listened("console") or self._streams.listened("page_errors")

    def add(self, session: Session, evaluator: Evaluator, fresh: bool = False) -> None:
        """Add the session of a frame, before its target runs.

        :param fresh: whether the target is new.
        """
        if self._begun:
            page, wanted, tell = self._page, lambda: self.listened, self.tell
            SessionConsole(session, evaluator, ("Runtime", "Log"), wanted, tell, page, logged=self._logged, fresh=fresh)

    def add_worker(self, worker: Worker) -> None:
        """Add a worker of the page, before it runs."""
        self.workers.append(worker)
        worker.session._feed_into(ended=lambda _: self.workers.remove(worker))
        if self._begun:
            worker._hear()

    def tell(self, item: ConsoleMessage | PageError) -> None:
        """Deliver an item to the subscribers."""
        self._streams.push("page_errors" if isinstance(item, PageError) else "console", item)

    def _begin(self) -> None:
        if not self._begun:
            self._begun = True
            for session, evaluator in self._page._tree.evaluators():
                self.add(session, evaluator)
            for worker in self.workers:
                worker._hear()


def _is_unasked(entry: ConsoleEntry) -> bool:
    """Whether a log entry is reported by a worker itself, or no page requested what it is about, such as an icon."""
    return entry.source == "worker" or (entry.source == "network" and entry.url.endswith("/favicon.ico"))


def location_of(entry: ConsoleEntry) -> SourceLocation:
    """Return the source location of an entry."""
    return SourceLocation(url=entry.url, lineNumber=entry.line_number or 0, columnNumber=entry.column_number or 0)


def in_words(item: runtime.RemoteObject) -> str:
    """Return a description of a value: objects with their properties, arrays with their items, others by name."""
    if item.object_id is None:
        return str(item.value) if item.type == "string" else value_in_words(item)
    preview = item.preview
    if preview is not None and preview.subtype == "array":
        return f"[{', '.join(_items(preview))}{_more(preview)}]"
    if preview is not None and item.description == "Object":
        return f"{{{', '.join(f'{each.name}: {_word(each)}' for each in preview.properties)}{_more(preview)}}}"
    return clean_stack(str(item.description or item.type))


def _word(item: runtime.PropertyPreview) -> str:
    return item.value if item.value is not None else str(item.type)


def _items(preview: runtime.ObjectPreview) -> Iterator[str]:
    """Yield descriptions of the items of an array, and the number of empty slots between them."""
    following = 0
    for each in preview.properties:
        if each.name.isdecimal():
            missing = int(each.name) - following
            if missing > 0:
                yield "empty" if missing == 1 else f"empty x {missing}"
            yield _word(each)
            following = int(each.name) + 1


def _more(preview: runtime.ObjectPreview) -> str:
    return ", …" if preview.overflow else ""


def _stack_in_words(stack: runtime.StackTrace | None) -> str:
    lines: list[str] = []
    while stack is not None:
        for each in stack.call_frames:
            place = f"{each.url or '<anonymous>'}:{each.line_number + 1}:{each.column_number + 1}"
            lines.append(f"    at {each.function_name} ({place})" if each.function_name else f"    at {place}")
        stack = stack.parent
    return clean_stack("\n" + "\n".join(lines)).removeprefix("\n")
