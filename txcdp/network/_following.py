"""What goes over the network for a page: one model is fed with it, and its changes become what programs see.

Nobody pays for what nobody has asked for. As long as nobody listens to the network, messages are not decoded: of each
request that is under way its messages are kept as they came, until it ends, so that whoever comes late learns of what
is under way exactly. Only the requests of navigations are followed from their beginning, as ``goto`` returns their
responses. From the first subscriber on all of them are; once the last has left, those that have begun are followed to
their ends.
"""

from __future__ import annotations

import contextlib
import copy
from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Any, Final

from twisted.internet.defer import Deferred

from txcdp._core.sessions import Session
from txcdp._core.sessions.streams import ChosenInput
from txcdp._deferreds import OneShot, returns_deferred, with_deadline
from txcdp._following import ModelFeed
from txcdp._reactor import Clock
from txcdp.domains import fetch, network
from txcdp.errors import SessionDetached
from txcdp.model import (
    BrowserModel,
    Change,
    DataArrived,
    DocumentDiscarded,
    EventSourceMessage,
    ExchangeEnded,
    ExchangeResponded,
    ExchangeStarted,
    ExchangeState,
    ExtraInfoReceived,
    NavigationEnded,
    WebSocketFailed,
    WebSocketMessage,
)
from txcdp.model import Exchange as Row
from txcdp.network._exchange import Exchange
from txcdp.network._requests import Request
from txcdp.network._responses import Response
from txcdp.network._unfollowed import Unfollowed
from txcdp.network._waits import ExchangeWait, IdleWait
from txcdp.streams._fanout import StreamSubject
from txcdp.streams._gathered import OnDemandStreams

if TYPE_CHECKING:
    from txcdp.network._har_recording import HarRecording
    from txcdp.page import Frame, Page, Worker

#: Requests that were paused before they were told to have begun, at most.
MOST_PAUSED: Final = 1000

#: Seconds for `Network` to tell of a request that `Fetch` has told of.
_TOLD: Final = 1.0

#: Requests that programs do not mean by `requests`, by the types of the model.
_NO_REQUESTS: Final = frozenset({"WebSocket", "WebTransport"})


class Network:
    """The exchanges of a page with its frames and dedicated workers, or of a worker that belongs to none.

    :param feed: feeds the model.
    :param session_of: returns the session that the model calls so; None: it has ended.
    :param frame_of: returns the frame of an id.
    :param streams: the owner's.
    :param page: whose it is; None: a worker's.
    :param worker: the worker, where it is one's.
    :ivar context: what the owner's streams share.
    :ivar listening: whether all requests are followed.
    :ivar recordings: of it, which end with its owner.
    """

    #: The names of the streams that it feeds.
    STREAMS: Final = ("exchanges", "requests", "responses", "requests_finished", "requests_failed", "web_sockets")

    #: What the model is fed with.
    EVENTS: Final = BrowserModel().wants("exchanges")

    def __init__(
        self,
        feed: ModelFeed,
        session_of: Callable[[str], Session | None],
        frame_of: Callable[[str | None], Frame | None],
        streams: OnDemandStreams,
        page: Page | None = None,
        worker: Worker | None = None,
    ) -> None:
        self.listening = False
        self.session_of = session_of
        self._feed = feed
        self._frame_of = frame_of
        self._streams = streams
        self.context = streams.context
        self._page = page
        self._worker = worker
        self._unfollowed = Unfollowed(feed.model)
        self._catching_up = False
        #: The exchanges that have not ended, by the ids of their rows; those that have brought documents, by loader.
        self._live: dict[str, Exchange] = {}
        self._documents: dict[str, Exchange] = {}
        #: The hops that have just ended, by request.
        self._left: dict[str, Exchange] = {}
        #: What waits for something (a dict for an ordered set).
        self._waits: dict[ExchangeWait | IdleWait, None] = {}
        #: Those that `Fetch` has told of before they have begun, by request.
        self._paused: dict[str, Exchange] = {}
        self._told: dict[str, OneShot[None]] = {}
        self._workers: dict[str, Worker] = {}
        self._extra_waiting: dict[str, list[Deferred[None]]] = {}
        self._users = 0
        self.recordings: list[HarRecording] = []
        self._sessions: list[Session] = []
        self._heard = False
        #: What has ended its owner.
        self._error: Exception | None = None
        self.handlers: dict[type[Change], Callable[[Any], None]] = {
            ExchangeStarted: self._started,
            ExchangeResponded: self._responded,
            ExchangeEnded: self._ended,
            ExtraInfoReceived: self._extra_info,
            DataArrived: self._data,
            EventSourceMessage: self._event_source,
            WebSocketMessage: self._message,
            WebSocketFailed: self._socket_failed,
            DocumentDiscarded: self._document_discarded,
            NavigationEnded: self._navigation_ended,
        }

    @property
    def clock(self) -> Clock:
        """The reactor."""
        return self.context.clock

    # How it is fed:

    def listen(self, session: Session, key: str | None = None) -> None:
        """Follow what a session says.

        :param key: what it is called in the model; None: by its id, which may change with its line.
        """
        take = lambda event: self._feed.take(session.id or "" if key is None else key, event)  # noqa: E731
        self._sessions.append(session)
        session._feed_into(self.EVENTS, take, ended=lambda _: self._sessions.remove(session), wants=self._wants)
        if self._heard:
            session._keep_enabled("Network")

    def hear(self) -> None:
        """Have the network's events told from now on, in all sessions."""
        if not self._heard:
            self._heard = True
            for session in self._sessions:
                session._keep_enabled("Network")

    def add_worker(self, worker: Worker) -> None:
        """Follow a dedicated worker of the page, before it runs."""
        session = worker.session
        key = session.id or ""
        self._workers[key] = worker

        def ended(_: object) -> None:
            del self._workers[key]
            self._feed.lose(key)

        self.listen(session, key)
        session._feed_into(ended=ended)

    def worker_session(self, key: str) -> Session | None:
        """Return the session of a dedicated worker."""
        worker = self._workers.get(key)
        return None if worker is None else worker.session

    def end(self, error: Exception) -> None:
        """Let all end that is under way, because its owner has ended.

        :param error: what fails that waits.
        """
        self._error = error
        self._unfollowed.forget()
        for key in {each.session_id for each in self._feed.model.exchanges.exchanges.values()}:
            self._feed.lose(key)
        self._documents.clear()
        for wait in list(self._waits):
            wait.fail(copy.copy(error))

    def _wants(self, source: ChosenInput, message: bytes) -> bool:
        """Return whether a message is taken now; those of what somebody may follow later are kept."""
        return self.listening or self._unfollowed.wants(source, message)

    def use(self) -> None:
        """Follow all requests from now on, and those that are under way; until :meth:`leave`."""
        self._users += 1
        if self.listening:
            return
        self.listening = True
        self.hear()
        self._catching_up = True
        try:
            self._unfollowed.deliver_all()
        finally:
            self._catching_up = False

    def leave(self) -> None:
        """Follow no more requests, where nobody else does; those that have begun are followed to their ends."""
        self._users -= 1
        self.listening = self._users > 0

    def stream(self, name: str) -> StreamSubject[Any]:
        """Return one of the owner's streams."""
        return self._streams.on_demand(name, self.use, self.leave)

    def lost(self, key: str) -> None:
        """Take note that the line to a session was lost."""
        self._unfollowed.forget()
        self._feed.lose(key)

    # What the model tells:

    def tell(self, changes: Sequence[Change]) -> None:
        """Take what has changed in the model."""
        for change in changes:
            handler = self.handlers.get(type(change))
            if handler is not None:
                handler(change)

    def exchange(self, row: Row) -> Exchange:
        """Return the exchange of a row, which may have begun before anybody listened."""
        found = self._live.get(row.id)
        if found is not None:
            return found
        asked_by = self._asked_by(row)
        made = self._paused.pop(row.request_id, None) if self._paused else None
        if made is None:
            made = Exchange(self, row, *asked_by)
        else:
            made._row = row
            made.frame, made.page, made.worker = asked_by
            told = self._told.pop(row.request_id, None)
            if told is not None:
                told.fire(None)
        before = self._left.pop(row.request_id, None)
        if before is not None and before._row.redirected_to == row.id:
            made.redirected_from, before.redirected_to = before, made
        if not row.state.is_end:
            self._live[row.id] = made
        if row.is_navigation:
            self._documents[row.request_id] = made
        return made

    def request_paused(self, event: fetch.RequestPaused, hop: int) -> Request:
        """Return the request that ``Fetch`` has paused: the same one as among :attr:`Page.requests`.

        It may be told of before ``Network`` tells of it, or alone.

        :param hop: how many redirects led here.
        """
        request = self._request_of(event, hop)
        if event.response_status_code is None and event.response_error_reason is None:
            request._paused_headers = event.request.headers
        return request

    def _request_of(self, event: fetch.RequestPaused, hop: int) -> Request:
        request_id = event.network_id
        if request_id is not None:
            self._unfollowed.deliver(request_id)
            row = self._feed.model.exchanges.exchanges.get(request_id)
            if row is not None and row.hop >= hop:
                return self.exchange(row).request
            if request_id in self._paused and self._paused[request_id]._row.hop == hop:
                return self._paused[request_id].request
        row = _row_of_paused(event, hop)
        made = Exchange(self, row, *self._asked_by(row))
        if request_id is not None:
            self._paused[request_id] = made
            self._unfollowed.awaited[request_id] = None
            if len(self._paused) > MOST_PAUSED:
                oldest = next(iter(self._paused))
                del self._paused[oldest]
                self._unfollowed.awaited.pop(oldest, None)
        return made.request

    @returns_deferred
    async def when_told(self, request: Request) -> None:
        """Wait until ``Network`` has told of a request that was paused, too, or is not going to.

        :returns: fires with None.
        """
        for request_id, exchange in self._paused.items():
            if exchange is request.exchange:
                waiting = self._told.setdefault(request_id, OneShot()).wait()
                with contextlib.suppress(TimeoutError):
                    await with_deadline(self.clock, waiting, _TOLD, TimeoutError)
                return

    def _asked_by(self, row: Row) -> tuple[Frame | None, Page | None, Worker | None]:
        worker = self._workers.get(row.started_in, self._worker)
        frame_id = row.frame_id
        if frame_id is None and worker is not None and worker.session.target is not None:
            frame_id = worker.session.target.parent_frame_id
        return self._frame_of(frame_id), self._page, worker

    def _started(self, change: ExchangeStarted) -> None:
        row = change.exchange
        if self._catching_up:
            return
        made = self.exchange(row)
        if self.listening:
            self._tell("exchanges", made)
            if _is_request(row):
                self._tell("requests", made.request)
            elif row.type == "WebSocket":
                self._tell("web_sockets", made.web_socket)
            if made.worker is not None:
                made.worker._push_exchange(made)
        if self._waits:
            self._look(made, changed=True)

    def _responded(self, change: ExchangeResponded) -> None:
        row = change.exchange
        found = self.exchange(row)
        found._responded()
        self._wake(row.id)
        if self.listening and _is_request(row):
            self._tell("responses", found.response)
        if self._waits:
            self._look(found, changed=False)

    def _ended(self, change: ExchangeEnded) -> None:
        row = change.exchange
        found = self.exchange(row)
        self._live.pop(row.id, None)
        self._left.pop(row.request_id, None)
        if change.reason is ExchangeState.REDIRECTED:
            self._left[row.request_id] = found
        found._finish()
        self._wake(row.id)
        if self.listening and _is_request(row):
            self._tell("requests_finished" if found.failure is None else "requests_failed", found.request)
        if self._waits:
            self._look(found, changed=True)

    def _extra_info(self, change: ExtraInfoReceived) -> None:
        self._wake(change.exchange.id)

    def _data(self, change: DataArrived) -> None:
        found = self._live.get(change.exchange.id)
        if found is not None and found._streams is not None:
            found._streams.take(change.event)

    def _event_source(self, change: EventSourceMessage) -> None:
        found = self._live.get(change.exchange.id)
        if found is not None and found._streams is not None:
            found._streams.take_event(change.event)

    def _message(self, change: WebSocketMessage) -> None:
        found = self._live.get(change.exchange.id)
        if found is not None and found._web_socket is not None:
            found._web_socket._take(change.frame, change.sent, change.timestamp)

    def _socket_failed(self, change: WebSocketFailed) -> None:
        found = self._live.get(change.exchange.id)
        if found is not None and found._web_socket is not None:
            found._web_socket._failed()

    def _tell(self, name: str, item: object) -> None:
        self._streams.push(name, item)

    # What waits:

    def add_wait(self, wait: ExchangeWait | IdleWait) -> None:
        """Tell something that waits of exchanges, from now on."""
        self._waits[wait] = None
        if self._error is None:
            self.use()
        else:
            wait.fail(copy.copy(self._error))

    def remove_wait(self, wait: ExchangeWait | IdleWait) -> None:
        """Tell it of no more."""
        del self._waits[wait]
        if self._error is None:
            self.leave()

    def rows(self) -> list[Row]:
        """Return the rows of the exchanges that are under way."""
        return list(self._feed.model.exchanges.exchanges.values())

    def _look(self, exchange: Exchange, *, changed: bool) -> None:
        for wait in list(self._waits):
            wait.look(exchange)
            if changed:
                wait.changed()

    # Documents:

    def response(self, loader_id: str, said: network.Response, frame: Frame) -> Response:
        """Return the server's answer that has brought a document."""
        found = self._documents.get(loader_id)
        if found is None or found.response is None or found._row.response is None:
            found = Exchange(self, _row_of(loader_id, said, frame), frame, self._page)
            found._responded()
        assert found.response is not None
        return found.response

    def _document_discarded(self, change: DocumentDiscarded) -> None:
        self._documents.pop(change.document.loader_id, None)

    def _navigation_ended(self, change: NavigationEnded) -> None:
        navigation = change.navigation
        document = self._feed.model.documents.documents.get(navigation.frame_id)
        if document is None or document.loader_id != navigation.loader_id:  # it has brought none
            self._documents.pop(navigation.loader_id, None)

    # Extra info:

    def when_extra_info(self, row_id: str) -> Deferred[None]:
        """Return a Deferred that fires when more is told of an exchange."""

        def forget(waiting: Deferred[None]) -> None:
            self._extra_waiting[row_id].remove(waiting)
            if not self._extra_waiting[row_id]:
                del self._extra_waiting[row_id]

        waiting: Deferred[None] = Deferred(forget)
        self._extra_waiting.setdefault(row_id, []).append(waiting)
        return waiting

    def _wake(self, row_id: str) -> None:
        for waiting in self._extra_waiting.pop(row_id, ()):
            waiting.callback(None)


def worker_network(worker: Worker) -> Network:
    """Return the exchanges of a worker that belongs to no page."""
    session = worker.session
    streams = OnDemandStreams(session.context, "worker")
    feed = ModelFeed(BrowserModel(), (), lambda changes: following.tell(changes))
    following = Network(feed, lambda _: session, lambda _: None, streams, worker=worker)

    def ended(error: Exception | None) -> None:
        following.end(error or SessionDetached(session.id or "", worker.url))
        streams.end(error)

    following.listen(session, "")
    session._feed_into(ended=ended)
    return following


def _is_request(row: Row) -> bool:
    """Return whether an exchange is one that programs mean by requests: none of the browser's own, and no socket."""
    return not (
        row.type in _NO_REQUESTS
        or row.url.startswith("data:")
        or row.url.endswith("/favicon.ico")
        or row.preflight_for is not None
    )


def _row_of_paused(event: fetch.RequestPaused, hop: int) -> Row:
    """Return a row for a request of which nothing but this is known."""
    said = event.request
    kind = str(event.resource_type)
    return Row(
        id=event.network_id or event.request_id,
        request_id=event.network_id or event.request_id,
        session_id="",
        url=said.url + (said.url_fragment or ""),
        method=said.method,
        type=kind,
        state=ExchangeState.REQUESTED,
        started_in="",
        owner="",
        hop=hop,
        frame_id=event.frame_id,
        is_navigation=kind == "Document",
        request=said,
        priority=said.initial_priority,
    )


def _row_of(loader_id: str, said: network.Response, frame: Frame) -> Row:
    """Return a row for a document whose request was not followed: it came from the back/forward cache, say."""
    return Row(
        id=loader_id,
        request_id=loader_id,
        session_id=frame._row.session_id or "",
        url=said.url,
        method="GET",
        type="Document",
        state=ExchangeState.FINISHED,
        started_in=frame._row.session_id or "",
        owner=loader_id,
        frame_id=frame._row.id,
        loader_id=loader_id,
        is_navigation=True,
        response=said,
        has_extra_info=False,
    )
