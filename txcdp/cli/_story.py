"""Formats the events of a page as lines: every event of every session passes through here once."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import Any

import msgspec
from twisted.logger import Logger

from txcdp._core.dispatch.tap import RawEvent
from txcdp._following import ModelFeed
from txcdp.cli import _console as console
from txcdp.cli import _sockets as sockets
from txcdp.cli._lines import Line, Mood
from txcdp.cli._requests import TOLD_ENDS, is_busy, is_request, line
from txcdp.cli._selection import Selection
from txcdp.cli._tally import Tally
from txcdp.cli._text import clean, count, size
from txcdp.cli._urls import origin, short
from txcdp.domains import inspector, network, page, target
from txcdp.model import (
    BrowserModel,
    Change,
    ConsoleEntry,
    ConsoleWritten,
    Exchange,
    ExchangeEnded,
    ExchangeResponded,
    ExchangeStarted,
    ExchangeState,
    NavigationEnded,
    NavigationState,
    WebSocketFailed,
    WebSocketMessage,
)
from txcdp.protocol._records import Event

Told = Line | Iterable[Line | None] | None
Handler = Callable[[Any, str | None], Told]

_log = Logger()

#: The maximum number of characters shown of an unknown event.
_SHOWN = 2000


class Story:
    """Turns events into lines of text, and collects what the summary needs.

    :param session: the id of the watched page's session.
    :param url: where the page is going.
    :param selection: what is told; None: all that there are lines for.
    :param verbose: whether requests are told when they begin, too, stacks with errors, and URLs in full.
    :ivar tally: what has happened so far.
    :ivar loaded: whether the page's document has been loaded.
    :ivar committed: whether a document has come, and not the browser's page with an error.
    """

    def __init__(
        self, session: str | None, url: str, selection: Selection | None = None, verbose: bool = False
    ) -> None:
        self.tally = Tally(url)
        self.loaded = False
        self.committed = False
        self._model = model = BrowserModel()
        self._session = session
        self._base = origin(url)
        self._selection = selection
        self._verbose = verbose
        self._names: dict[str, str] = {}
        self._targets: dict[str, str] = {}
        self._handlers: dict[type[Event], Handler] = {
            network.EventSourceMessageReceived: self._streamed,
            page.FrameNavigated: self._navigated,
            page.NavigatedWithinDocument: self._moved,
            page.FrameAttached: self._frame_attached,
            page.FrameDetached: self._frame_detached,
            page.DomContentEventFired: self._parsed,
            page.LoadEventFired: self._load,
            page.JavascriptDialogOpening: self._dialog,
            page.JavascriptDialogClosed: self._dialog_closed,
            page.WindowOpen: lambda event, _: Line("page", "opens", self._url(event.url), is_url=True),
            page.DownloadWillBegin: self._download,
            page.DownloadProgress: self._downloaded,
            target.AttachedToTarget: self._attached,
            target.DetachedFromTarget: self._detached,
            inspector.TargetCrashed: self._crashed,
        }
        self._lines_by_model = model.wants("exchanges", "console") - _UNTOLD
        read = model.wants("targets", "frames", "documents", "exchanges", "console") - _UNTOLD
        self._feed = ModelFeed(model, read | self._handlers.keys())

    @property
    def activity(self) -> tuple[bool, int]:
        """Whether the page is loaded, and for how many requests it waits."""
        return self.loaded, sum(map(is_busy, self._model.exchanges.exchanges.values()))

    @property
    def in_flight(self) -> list[Exchange]:
        """The requests that have not ended."""
        return [each for each in self._model.exchanges.exchanges.values() if is_request(each)]

    @property
    def methods(self) -> frozenset[str]:
        """The events that are needed, whatever is selected."""
        return frozenset(self._feed.kinds)

    def hear(self, message: RawEvent) -> list[Line]:
        """Handle an event and return its lines: none, one or two."""
        lines = self._tell(message) if message.method in self._feed.kinds else []
        if self._selection is None:
            return lines
        domain = message.method.partition(".")[0]
        whole = domain in self._selection.domains
        if message.method in self._selection.events or (whole and domain not in _DOMAINS_WITH_LINES):
            return [_as_it_is(message)]
        return lines if whole else []

    def _tell(self, message: RawEvent) -> list[Line]:
        try:
            event = self._feed.read(message)
            handler = self._handlers.get(type(event))
            told = None if handler is None else handler(event, message.session_id)
            fed = self._feed.give(message.session_id, event)
            if fed.fault is not None and type(event) in self._lines_by_model:
                raise fed.fault
            become = [line for each in fed.changes for line in self._become(each)]
        except Exception as error:
            # A browser of another age sends something else: that is no reason to stop watching.
            _log.debug("{method} was not understood: {error!r}", method=message.method, error=error)
            return [_as_it_is(message)]
        lines = (told,) if isinstance(told, Line) else told or ()
        return [each for each in (*lines, *become) if each is not None]

    def _become(self, change: Change) -> list[Line | None]:
        """Handle the changes of the page's model that an event has caused."""
        if isinstance(change, ConsoleWritten):
            return [self._written(change.entry)]
        if isinstance(change, ExchangeStarted):
            return [self._begun(change.exchange)]
        if isinstance(change, ExchangeResponded):
            return [self._responded(change.exchange)]
        if isinstance(change, ExchangeEnded):
            return [self._ended(change.exchange)]
        if isinstance(change, WebSocketMessage):
            self.tally.socket_messages += 1
            return [sockets.message(change.frame, change.sent)]
        if isinstance(change, WebSocketFailed):
            return [sockets.failed(change.exchange)]
        if isinstance(change, NavigationEnded):
            top = self._model.frames.top(self._session or "")
            if top is None or top.id != change.navigation.frame_id:
                return []
            if change.reason in _STOPPED and self.committed:
                self.loaded = True
                return [Line("page", "stopped", "loading, before load", mood="warning")]
            if change.reason is NavigationState.FAILED and change.navigation.response is not None:
                self.loaded = True  # a status, and nothing to show: there is no more to wait for
        return []

    def _url(self, url: str) -> str:
        return clean(url if self._verbose else short(url, self._base))

    # The network.

    def _begun(self, exchange: Exchange) -> Line | None:
        if not is_request(exchange):
            return None
        if exchange.is_navigation and exchange.session_id == (self._session or ""):
            self.tally.document_begun(exchange)
        if not self._verbose:
            return None
        text = self._url(exchange.url)
        return Line("network", f"→ {clean(exchange.method)}", text, mood="quiet", is_url=True)

    def _responded(self, exchange: Exchange) -> Line | None:
        if sockets.is_socket(exchange):
            self.tally.sockets += exchange.state is ExchangeState.OPEN
            return sockets.answered(exchange)
        if exchange.type == "EventSource" and exchange.state is ExchangeState.RESPONDED:
            return line(exchange, self._url(exchange.url))  # it may never end
        return None

    def _ended(self, exchange: Exchange) -> Line | None:
        if sockets.is_socket(exchange):
            return sockets.closed(exchange)
        if exchange.state not in TOLD_ENDS or not is_request(exchange):
            return None
        self.tally.request(exchange)
        redirect = ""
        if exchange.redirected_to is not None:
            redirect = self._url(self._model.exchanges.hops(exchange.request_id)[exchange.hop + 1].url)
        return line(exchange, self._url(exchange.url), redirect)

    def _streamed(self, event: network.EventSourceMessageReceived, session: str | None) -> Told:
        length = len(event.data.encode("utf-8", "surrogatepass"))
        return Line(
            "stream", clean(f"← {event.event_name}"), clean(event.data[:_SHOWN]), size=size(length), took=" " * 9
        )

    # What the page says.

    def _written(self, entry: ConsoleEntry) -> Line | None:
        if entry.source in ("network", "worker"):
            return None  # what it says is told in a line of the request, or of the worker's own session
        told = console.line(entry, self._verbose)
        if entry.source == "exception":
            self.tally.threw(f"{told.text} ({told.place})" if told.place else told.text)
        else:
            self.tally.said(entry.type)
        return told

    # The page and its frames.

    def _navigated(self, event: page.FrameNavigated, session: str | None) -> Told:
        frame = event.frame
        failed = bool(frame.unreachable_url)  # what is shown then is the browser's own page, which says so
        url = frame.unreachable_url or frame.url + (frame.url_fragment or "")
        mark = "failed" if failed else "document"
        mood: Mood = "bad" if failed else "plain"
        if frame.parent_id is not None or session in self._names:
            tag = "page" if self._names.get(session or "", "").startswith("page") else "frame"
            return Line(tag, mark, self._url(url), mood=mood, is_url=True) if url != "about:blank" else None
        restored = event.type == "BackForwardCacheRestore"  # as it was, and nothing more is told of it
        self.loaded, self.committed = restored, not failed
        self.tally.navigated(url)
        self._base = origin(url) or self._base
        note = "from the back/forward cache" if restored else ""
        return Line("page", mark, clean(url), note=note, mood=mood, is_url=True)

    def _moved(self, event: page.NavigatedWithinDocument, session: str | None) -> Told:
        return Line("page", "moved", self._url(event.url), note="within the document", is_url=True)

    def _frame_attached(self, event: page.FrameAttached, session: str | None) -> Told:
        return Line("frame", "attached", clean(event.frame_id), mood="quiet") if self._verbose else None

    def _frame_detached(self, event: page.FrameDetached, session: str | None) -> Told:
        return Line("frame", "detached", clean(event.frame_id), mood="quiet") if self._verbose else None

    def _parsed(self, event: page.DomContentEventFired, session: str | None) -> Told:
        if session != self._session or not self.committed:
            return None
        self.tally.parsed(event.timestamp)
        return Line("page", "parsed", "DOMContentLoaded", mood="good")

    def _load(self, event: page.LoadEventFired, session: str | None) -> Told:
        if session != self._session or not self.committed:
            return None
        self.loaded = True
        self.tally.loaded(event.timestamp)
        return Line("page", "loaded", "load", mood="good")

    def _dialog(self, event: page.JavascriptDialogOpening, session: str | None) -> Told:
        return Line("dialog", clean(event.type), clean(event.message), mood="warning")

    def _dialog_closed(self, event: page.JavascriptDialogClosed, session: str | None) -> Told:
        return Line("dialog", "accepted" if event.result else "dismissed", clean(event.user_input or ""))

    def _download(self, event: page.DownloadWillBegin, session: str | None) -> Told:
        self._names[event.guid] = clean(event.suggested_filename)
        return Line("download", "begins", clean(event.suggested_filename), note=self._url(event.url))

    def _downloaded(self, event: page.DownloadProgress, session: str | None) -> Told:
        if event.state == "inProgress":
            return None
        mood: Mood = "good" if event.state == "completed" else "quiet"
        name = self._names.pop(event.guid, "")
        return Line("download", clean(event.state), name, size=size(event.received_bytes), took=" " * 9, mood=mood)

    # Targets.

    def _attached(self, event: target.AttachedToTarget, session: str | None) -> Told:
        info = event.target_info
        if info.target_id in self._targets.values():
            return None  # a worker of two frames comes through both; one session is kept
        self._targets[event.session_id] = info.target_id
        kind = clean(info.type).replace("_", " ")
        kind = {"page": "popup", "iframe": "frame"}.get(kind, kind)
        name = f"{'page' if info.type == 'page' else kind} {self._url(info.url)}"
        self._names[event.session_id] = name
        return Line("target", "attached", kind, note=self._url(info.url), mood="quiet")

    def _detached(self, event: target.DetachedFromTarget, session: str | None) -> Told:
        self._targets.pop(event.session_id, None)
        name = self._names.pop(event.session_id, "")
        return Line("target", "gone", name, mood="quiet") if name else None

    def _crashed(self, event: inspector.TargetCrashed, session: str | None) -> Told:
        self.tally.crashes += 1
        what = self._names.get(session or "", "the page")
        return Line("crash", "crashed", f"the process of {what} is gone", mood="bad")

    def open_requests(self) -> str:
        """Return what the page is still waiting for; ``""`` if nothing."""
        waiting = [each for each in self._model.exchanges.exchanges.values() if is_busy(each)]
        if not waiting:
            return ""
        longest = min(waiting, key=lambda each: each.started)
        return f"{count(len(waiting), 'request')} in flight, the longest {clean(longest.url)}"


#: Outcomes of a navigation whose document exists, but will not have a load event.
_STOPPED = (NavigationState.STOPPED, NavigationState.BROKEN)

#: Frequent events that are not printed.
_UNTOLD = frozenset({network.DataReceived, network.ResourceChangedPriority, network.RequestWillBeSentExtraInfo})

#: Domains with a format of their own, which shows what matters: their other events are left out.
_DOMAINS_WITH_LINES = frozenset({"Network", "Page", "Runtime", "Log", "Target", "Inspector"})


def _as_it_is(message: RawEvent) -> Line:
    """Return any event as a line: its name, and its parameters as JSON."""
    domain, _, name = message.method.partition(".")
    try:
        params = msgspec.json.encode(message.params).decode()
    except (msgspec.MsgspecError, UnicodeError, RecursionError):
        params = repr(message.params)
    text = clean(params[:_SHOWN]) if message.params else ""
    return Line(clean(domain).lower()[:8], "event", f"{clean(name)} {text}".rstrip())
