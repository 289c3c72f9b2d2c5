"""Makes a :class:`Run` from the events of a browser, live or recorded.

No I/O: it is given events with the session and the time of each, feeds a model with them, and keeps the changes that
the model emits. The model's rows stay readable after their end, so an exchange is kept as its row until the run is
asked for.

A browser of another version, or a crafted file, may contain any value in any place. What cannot be read costs only the
event that contains it, and is counted, as in the model.
"""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Callable, Sequence
from typing import Any, Final
from urllib.parse import urlsplit

from msgspec.structs import replace

from txcdp.domains import page, runtime
from txcdp.model import (
    BrowserModel,
    Change,
    ConsoleWritten,
    Document,
    DocumentCommitted,
    Exchange,
    ExchangeEnded,
    ExchangeStarted,
    ExchangeState,
    Frame,
    FrameAttached,
    FrameChanged,
    FrameDetached,
    FrameRenamed,
    NavigationEnded,
    NavigationState,
    SessionAttached,
    SessionClosed,
    SessionCrashed,
    Target,
    TargetChanged,
    WebSocketMessage,
    kind_of,
)
from txcdp.network._headers import size as head_size
from txcdp.protocol import Event, Record
from txcdp.protocol._values import count_of, headers_of, number_of, text_of
from txcdp.report._bodies import BodyBudget, text_body, wants_body
from txcdp.report._clock import Anchors
from txcdp.report._observing import BINDING, WORLD, VitalsTally, read_report
from txcdp.report._pictures import PictureKeeper
from txcdp.report._run import (
    LongTask,
    Phases,
    Run,
    RunBody,
    RunDocument,
    RunExchange,
    RunFrame,
    RunMessage,
    RunPicture,
)

#: The most items of each kind that are kept; further ones are counted, and reported as missing.
MOST_EXCHANGES: Final = 50_000
MOST_MESSAGES: Final = 50_000
MOST_FRAMES: Final = 10_000
MOST_DOCUMENTS: Final = 1_000
MOST_LONG_TASKS: Final = 20_000

#: Characters of a console message, and of a URL, that are kept.
MOST_TEXT: Final = 10_000
MOST_URL: Final = 8_000

#: The events that a run is made from, in addition to those that the model wants.
_OWN: Final[tuple[type[Event], ...]] = (runtime.BindingCalled, page.ScreencastFrame)

#: The states of exchanges that have not ended.
_PENDING: Final = frozenset(
    {
        ExchangeState.REQUESTED,
        ExchangeState.NAVIGATING,
        ExchangeState.RESPONDED,
        ExchangeState.CONNECTING,
        ExchangeState.OPEN,
    }
)

_BLANK: Final = frozenset({"", ":", "about:blank"})


class _Kept:
    """An exchange as it is kept: its row, and the frame and the document that it belonged to when it began."""

    __slots__ = ("body", "document_id", "frame_id", "row")

    def __init__(self, row: Exchange, frame_id: str, document_id: str) -> None:
        self.row = row
        self.frame_id = frame_id
        self.document_id = document_id
        self.body: RunBody | None = None


class Collector:
    """Makes a run from events.

    :param name: the name of the run.
    :param source: the source: ``"page"`` or ``"recording"``.
    :ivar events: the classes of the events that it is made from.
    :ivar model: the model of the browser.
    :ivar ended: called with the row of each exchange that has ended, so that its body can be asked for.
    """

    def __init__(self, name: str, source: str) -> None:
        self.model = BrowserModel()
        self.events: frozenset[type[Event]] = self.model.wants() | frozenset(_OWN)
        self.ended: Callable[[Exchange], object] | None = None
        self._name = name
        self._source = source
        self._now = 0.0
        self._began: float | None = None
        self._anchors = Anchors()
        self._late = math.inf
        self._exchanges: dict[str, _Kept] = {}
        self._latest: dict[str, _Kept] = {}
        self._messages: list[RunMessage] = []
        self._frames: dict[str, RunFrame] = {}
        self._attached: dict[str, float] = {}
        self._documents: dict[str, RunDocument] = {}
        self._rows: dict[str, Document] = {}
        self._navigations: dict[str, float] = {}
        self._tallies: dict[str, VitalsTally] = {}
        self._long_tasks: list[LongTask] = []
        self._pictures = PictureKeeper()
        self._budget = BodyBudget()
        self._observed = False
        self._misread = 0
        self._left_out: Counter[str] = Counter()
        self._handlers: dict[type[Change], Callable[[Any], None]] = {
            ExchangeStarted: self._exchange_started,
            ExchangeEnded: self._exchange_ended,
            WebSocketMessage: lambda change: self._anchor(change.exchange),
            ConsoleWritten: self._console_written,
            FrameAttached: lambda change: self._frame_here(change.frame),
            FrameChanged: lambda change: self._frame_here(change.frame),
            FrameDetached: lambda change: self._gone(change.frame.id),
            FrameRenamed: self._frame_renamed,
            SessionAttached: lambda change: self._target_here(change.target, change.session.parent_id),
            TargetChanged: lambda change: self._target_changed(change.target),
            SessionClosed: self._session_closed,
            SessionCrashed: self._session_crashed,
            DocumentCommitted: self._document_committed,
            NavigationEnded: self._navigation_ended,
        }

    def take(self, time: float, session: str, record: Record) -> None:
        """Process an event, or a result that the model takes.

        :param time: when it arrived, in seconds since 1970.
        :param session: the id of its session; ``""``: the root.
        """
        self._now = number_of(time) or self._now
        if self._began is None:
            self._began = self._now
        self._changed(self.model.feed(session, record))
        try:
            if isinstance(record, runtime.BindingCalled):
                self._told(session, record)
            elif isinstance(record, page.ScreencastFrame):
                self._shown(session, record)
        except Exception:  # something else was in the place of something
            self._misread += 1

    def lose(self, time: float, session: str) -> None:
        """Handle the loss of the connection to a session."""
        self._now = time
        self._changed(self.model.lose(session))

    def _changed(self, changes: Sequence[Change]) -> None:
        for change in changes:
            handler = self._handlers.get(type(change))
            if handler is not None:
                try:
                    handler(change)
                except Exception:  # as above
                    self._misread += 1

    def add_body(self, request_id: str, body: str, encoded: bool) -> None:
        """Keep the beginning of a body, as reported by ``Network.getResponseBody``.

        :param encoded: whether it is encoded as base64.
        """
        kept = self._latest.get(request_id)
        if kept is not None and wants_body(kept.row) and self._budget.take(kept.row.body_decoded):
            kept.body = self._budget.kept(kept.row, body, encoded)

    # Exchanges:

    def _anchor(self, row: Exchange) -> None:
        if row.started and row.wall_time:
            self._anchors.add(row.started, row.wall_time)
            self._late = min(self._late, self._now - row.wall_time)

    def _exchange_started(self, change: ExchangeStarted) -> None:
        row = change.exchange
        self._anchor(row)
        if len(self._exchanges) >= MOST_EXCHANGES:
            self._left_out["exchange"] += 1
            return
        frame_id = row.frame_id or self._frame_of_session(row.started_in)
        top = self._top(frame_id)
        document = self.model.documents.documents.get(top)
        document_id = "" if document is None else document.loader_id
        if row.is_navigation and frame_id == top:
            document_id = row.loader_id
            if not row.hop:
                self._navigations[document_id] = row.wall_time
        self._exchanges[row.id] = self._latest[row.request_id] = _Kept(row, frame_id, document_id)

    def _exchange_ended(self, change: ExchangeEnded) -> None:
        row = change.exchange
        self._anchor(row)
        if self.ended is not None and row.id in self._exchanges:
            self.ended(row)

    def _frame_of_session(self, session: str) -> str:
        """Return the worker, or else the main frame, that a session belongs to."""
        found = self.model.targets.of_session(session)
        if found is not None and kind_of(found.type).is_worker:
            return found.id
        top = self.model.frames.top(session)
        return "" if top is None else top.id

    def _top(self, frame_id: str) -> str:
        """Return the page that a frame or a worker is in."""
        seen = set()
        while frame_id not in seen:
            seen.add(frame_id)
            frame = self.model.frames.frames.get(frame_id)
            parent = frame.parent_id if frame is not None else None
            if frame is None and frame_id in self._frames:
                parent = self._frames[frame_id].parent_id
            if not parent:
                break
            frame_id = parent
        return frame_id

    # The console:

    def _console_written(self, change: ConsoleWritten) -> None:
        entry = change.entry
        if len(self._messages) >= MOST_MESSAGES:
            self._left_out["line of the console"] += 1
            return
        if entry.source == "worker":
            return  # the worker itself has told
        source = "console" if entry.source == "console-api" else entry.source
        line = None if entry.line_number is None else entry.line_number + 1
        message = RunMessage(
            time=entry.timestamp or self._now,
            level=entry.level,
            source=source,
            text=entry.text[:MOST_TEXT],
            url=entry.url[:MOST_URL],
            line=line,
            frame_id=entry.frame_id or self._frame_of_session(entry.session_id),
        )
        self._messages.append(message)

    # Frames and workers:

    def _add_frame(self, frame: RunFrame) -> None:
        if len(self._frames) < MOST_FRAMES:
            self._frames[frame.id] = frame
        else:
            self._left_out["frame"] += 1

    def _frame_here(self, frame: Frame) -> None:
        known = self._frames.get(frame.id)
        url, name = frame.url[:MOST_URL], frame.name[:MOST_TEXT]
        if known is None:
            kind, parent = ("frame", frame.parent_id) if frame.parent_id else ("page", self._opener(frame.id))
            started = self._now if kind == "frame" else self._attached.get(frame.id, self._now)
            self._add_frame(RunFrame(id=frame.id, kind=kind, parent_id=parent, url=url, name=name, started=started))
            return
        known.url, known.name, known.ended = url or known.url, name or known.name, None

    def _opener(self, frame_id: str) -> str:
        found = self.model.targets.targets.get(frame_id)
        return "" if found is None else found.opener_id or ""

    def _frame_renamed(self, change: FrameRenamed) -> None:
        known = self._frames.pop(change.old_id, None)
        if known is not None:
            known.id = change.frame.id
            self._frames[known.id] = known

    def _target_here(self, found: Target, parent_session: str) -> None:
        if len(self._attached) < MOST_FRAMES:
            self._attached.setdefault(found.id, self._now)
        if kind_of(found.type).is_worker and found.id not in self._frames:
            parent = found.parent_frame_id or found.parent_id or self._frame_of_session(parent_session)
            url = found.url[:MOST_URL]
            self._add_frame(RunFrame(id=found.id, kind=found.type[:100], parent_id=parent, url=url, started=self._now))

    def _target_changed(self, found: Target) -> None:
        known = self._frames.get(found.id)
        if known is not None and kind_of(found.type).is_worker:
            known.url = found.url[:MOST_URL]

    def _session_closed(self, change: SessionClosed) -> None:
        found = self._frames.get(change.target_id)
        if found is not None and (found.kind == "page" or kind_of(found.kind).is_worker):
            self._gone(found.id)

    def _gone(self, frame_id: str) -> None:
        found = self._frames.get(frame_id)
        if found is not None and found.ended is None:
            found.ended = self._now

    def _session_crashed(self, change: SessionCrashed) -> None:
        found = self._frames.get(self._frame_of_session(change.session_id))
        if found is not None:
            found.crashed = True

    # Documents:

    def _document_committed(self, change: DocumentCommitted) -> None:
        document = change.document
        frame = self.model.frames.frames.get(document.frame_id)
        if frame is None or frame.parent_id or (document.url in _BLANK and not document.unreachable_url):
            return
        if document.loader_id in self._documents:
            return
        if len(self._documents) >= MOST_DOCUMENTS:
            self._left_out["document"] += 1
            return
        started = self._navigations.pop(document.loader_id, 0.0)
        error = ""
        if document.unreachable_url and not document.is_empty_answer:
            error = (change.navigation.error_text if change.navigation is not None else "") or "it could not be reached"
        self._rows[document.loader_id] = document
        self._documents[document.loader_id] = RunDocument(
            id=document.loader_id,
            frame_id=document.frame_id,
            url=(document.unreachable_url or document.url)[:MOST_URL],
            started=started or self._now,
            error=error[:MOST_TEXT],
        )

    def _navigation_ended(self, change: NavigationEnded) -> None:
        navigation = change.navigation
        found = self._documents.get(navigation.loader_id)
        if found is not None and change.reason in (NavigationState.FAILED, NavigationState.BROKEN):
            found.error = navigation.error_text[:MOST_TEXT] or found.error

    # What is felt and seen:

    def _told(self, session: str, event: runtime.BindingCalled) -> None:
        if event.name != BINDING:
            return
        context = self.model.contexts.get(session, event.execution_context_id)
        report = read_report(event.payload)
        if context is None or context.name != WORLD or context.frame_id is None or report is None:
            return
        self._observed = True
        frame = self.model.frames.frames.get(context.frame_id)
        document = self.model.documents.documents.get(context.frame_id)
        tally = None
        if frame is not None and not frame.parent_id and document is not None:
            tally = self._tallies.setdefault(document.loader_id, VitalsTally())
            if document.loader_id in self._documents and report.title:
                self._documents[document.loader_id].title = report.title[:MOST_TEXT]
        for entry in report.entries:
            if entry.kind == "longtask":
                self._long_task(context.frame_id, report.origin + entry.start, entry.duration, entry.text("where"))
            elif tally is not None:
                tally.add(entry)

    def _long_task(self, frame_id: str, started: float, duration: float, where: str) -> None:
        if len(self._long_tasks) >= MOST_LONG_TASKS:
            self._left_out["long task"] += 1
            return
        self._long_tasks.append(LongTask(frame_id=frame_id, started=started, duration=duration, where=where[:100]))

    def _shown(self, session: str, event: page.ScreencastFrame) -> None:
        said = number_of(getattr(event.metadata, "timestamp", None))  # which a browser may leave out
        self._pictures.add(said or self._now, self._frame_of_session(session), event.data)

    # The outcome:

    def run(self, browser: str = "") -> Run:
        """Return the run so far; this can be called again later.

        :param browser: the browser with its version.
        """
        late = 0.0 if self._late == math.inf else self._late
        for loader, found in self._documents.items():
            for name, mark in _MARKS.items():
                setattr(found, mark, self._anchors.wall(self._rows[loader].reached.get(name)))
            tally = self._tallies.get(loader)
            found.vitals = None if tally is None else tally.vitals()
        run = Run(
            name=self._name,
            source=self._source,
            browser=browser,
            documents=list(self._documents.values()),
            frames=[_moved(each, late) for each in self._frames.values()],
            exchanges=[made for each in self._exchanges.values() if (made := self._read_exchange(each)) is not None],
            messages=sorted(self._messages, key=lambda each: each.time),
            long_tasks=sorted(self._long_tasks, key=lambda each: each.started),
            pictures=self._pictures.pictures(),
            missing=self._missing(),
        )
        run.exchanges.sort(key=lambda each: each.started)
        run.started, run.ended = span(run, (self._began or 0.0) - late, self._now - late)
        run.pictures = _from(run.started, run.pictures)
        return run

    def _missing(self) -> list[str]:
        words = [f"{number:,} more of kind {what} than a report takes" for what, number in self._left_out.items()]
        if not self._observed:
            words.append("web vitals and long tasks: none were reported")
        if not self._pictures:
            words.append("pictures: there was no screencast")
        if misread := self.model.misread + self._misread:
            words.append(f"{misread:,} events, or parts of them, did not conform to the protocol")
        return words

    def _read_exchange(self, kept: _Kept) -> RunExchange | None:
        try:
            return self._exchange(kept)
        except Exception:  # as above
            self._misread += 1
            return None

    def _exchange(self, kept: _Kept) -> RunExchange:
        row = kept.row
        offset = row.wall_time - row.started if row.wall_time and row.started else None

        def wall(when: float | None) -> float | None:
            told = number_of(when)
            if not told:
                return None
            return self._anchors.wall(told) if offset is None else told + offset

        response = row.response
        made = RunExchange(
            id=row.id,
            url=text_of(row.url, MOST_URL),
            method=text_of(row.method, 100),
            type=text_of(row.type, 100),
            status=count_of(row.status) or 0,
            outcome="pending" if row.state in _PENDING else row.state.value,
            failure=text_of(row.failure, MOST_TEXT),
            frame_id=kept.frame_id,
            document_id=kept.document_id,
            priority=text_of(row.priority, 100),
            cached=row.cached,
            started=wall(row.started) or number_of(row.wall_time) or self._began or 0.0,
            responded=wall(row.responded),
            ended=wall(row.ended),
            phases=_phases(row),
            request_headers=_sent_headers(row),
            response_headers=_received_headers(row),
            body=kept.body,
        )
        if response is not None:
            made.status_text = text_of(response.status_text, MOST_TEXT)
            made.protocol = text_of(response.protocol, 100)
            made.mime_type = text_of(response.mime_type, 200)
            made.size = count_of(row.body_decoded)
            if response.remote_ip_address:
                made.remote = f"{text_of(response.remote_ip_address, 100)}:{count_of(response.remote_port) or 0}"
        self._asked_by(made, row)
        self._sizes(made, row)
        if row.type == "WebSocket":
            made.messages = row.messages_sent, row.messages_received
        return made

    def _asked_by(self, made: RunExchange, row: Exchange) -> None:
        initiator = row.initiator
        if initiator is None:
            return
        made.initiator = text_of(initiator.type, 100)
        frames = initiator.stack.call_frames if initiator.stack is not None else ()
        url, line = initiator.url, initiator.line_number
        if not url and frames:
            url, line = frames[0].url, frames[0].line_number
        number = count_of(line)
        made.initiator_url = text_of(url, MOST_URL)
        made.initiator_line = None if number is None else number + 1

    def _sizes(self, made: RunExchange, row: Exchange) -> None:
        posted = "" if row.request is None else text_of(row.request.post_data, _MOST_POSTED)
        if posted:
            kind = next((value for name, value in made.request_headers if name.lower() == "content-type"), "")
            made.request_body = text_body(posted, kind)
        if row.type in ("WebSocket", "WebTransport") or scheme_of(made.url) not in ("http", "https"):
            return
        if row.cached in ("disk", "memory", "prefetch") and row.status != 304:
            made.sent = made.transferred = 0
            return
        line = f"{made.method} {made.url.partition('#')[0].partition('://')[2].partition('/')[2]} HTTP/1.1"
        made.sent = head_size(made.request_headers, line) + len(posted.encode("utf-8", "surrogatepass"))
        made.transferred = max(count_of(row.received) or 0, count_of(row.body_encoded) or 0)


#: Characters of a request's body, whose size is reported.
_MOST_POSTED: Final = 1 << 20

_MARKS: Final = {"DOMContentLoaded": "content_loaded", "load": "loaded"}


def span(run: Run, first: float, last: float) -> tuple[float, float]:
    """Return when a run began and ended, according to its contents.

    :param first: when the observation began; ``last``: when it ended; 0: unknown.
    """
    begins = [each.started for each in run.exchanges if each.started]
    begins += [each.started for each in run.documents if each.started]
    begins += [each.time for each in run.messages if each.time]
    if not begins:
        begins = [each.time for each in run.pictures] or [first]
    start = min(begins)
    ends = [each.ended for each in run.exchanges if each.ended]
    ends += [each.loaded for each in run.documents if each.loaded]
    ends += [each.started + each.duration for each in run.long_tasks]
    ends += [each.time for each in run.pictures]
    return start, max(start, last, *begins, *ends)


def _from(started: float, pictures: list[RunPicture]) -> list[RunPicture]:
    """Return the pictures of a run, and the last one before it, which was still visible when it began."""
    before = [replace(each, time=started) for each in pictures if each.time < started]
    return [*before[-1:], *(each for each in pictures if each.time >= started)]


def scheme_of(url: str) -> str:
    """Return the scheme of a URL, which may be empty."""
    try:
        return urlsplit(url).scheme.lower()
    except ValueError:
        return url.partition(":")[0].lower()


def _moved(frame: RunFrame, late: float) -> RunFrame:
    """Return a frame with its times on the browser's clock: its beginning and end are known from when they were
    reported.
    """
    ended = None if frame.ended is None else frame.ended - late
    return replace(frame, started=frame.started - late, ended=ended)


def _sent_headers(row: Exchange) -> list[tuple[str, str]]:
    if row.request_extra is not None:
        return headers_of(row.request_extra.headers)
    if row.handshake is not None and row.handshake.request_headers:
        return headers_of(row.handshake.request_headers)
    if row.request is not None:
        return headers_of(row.request.headers)
    return headers_of(None if row.handshake_request is None else row.handshake_request.headers)


def _received_headers(row: Exchange) -> list[tuple[str, str]]:
    if row.response_extra is not None:
        return headers_of(row.response_extra.headers)
    said = row.response if row.response is not None else row.handshake
    return headers_of(None if said is None else said.headers)


def _phases(row: Exchange) -> Phases:
    """Return the phases of an exchange, from the first to the last that is reported."""
    if row.from_memory:
        return Phases()  # nothing went anywhere
    said = row.timing
    started, responded, ended = number_of(row.started), number_of(row.responded), number_of(row.ended)
    if said is None:
        if responded is None or not started:
            return Phases()
        received = None if ended is None else max(ended - responded, 0.0)
        return Phases(wait=max(responded - started, 0.0), receive=received)
    asked = number_of(said.request_time) or 0.0
    queued = max(asked - started, 0.0) if started else 0.0
    marks = (number_of(each) for each in (said.dns_start, said.connect_start, said.send_start))
    first = next((each for each in marks if each is not None), 0.0)
    here = (number_of(said.receive_headers_end) or 0.0) / 1000
    return Phases(
        blocked=queued + first / 1000,
        dns=_between(said.dns_start, said.dns_end),
        connect=_between(said.connect_start, said.connect_end),
        tls=_between(said.ssl_start, said.ssl_end),
        send=_between(said.send_start, said.send_end),
        wait=_between(said.send_end, said.receive_headers_end),
        receive=None if ended is None else max(ended - asked - here, 0.0),
    )


def _between(begin: object, end: object) -> float | None:
    first, last = number_of(begin), number_of(end)
    if first is None or last is None or last < first:
        return None
    return (last - first) / 1000
