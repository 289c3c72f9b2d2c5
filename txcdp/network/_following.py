"""Follows a page's network activity: events are fed into a model, and its changes become what programs see.

=============================== ==================================================================================
``_following`` (here)           the exchanges that are under way: one for each row of the model, told to streams
``_sessions``, ``_unfollowed``  what the model is fed with, and how much of it is read at present
``_paused``                     exchanges that ``Fetch`` tells of before ``Network`` does
``_waits``                      what waits for one of them, or for a network that is idle
=============================== ==================================================================================
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Any, Final

from twisted.internet.defer import Deferred

from txcdp._core.sessions import Session
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
from txcdp.network._paused import PausedExchanges, row_of_paused
from txcdp.network._requests import Request
from txcdp.network._responses import Response
from txcdp.network._sessions import NetworkSessions
from txcdp.network._waits import NetworkWaits
from txcdp.streams._context import StreamContext
from txcdp.streams._fanout import StreamSubject
from txcdp.streams._gathered import OnDemandStreams

if TYPE_CHECKING:
    from txcdp.network._har_recording import HarRecording
    from txcdp.page import Frame, Page, Worker

#: The model's types of exchanges that do not count as requests for programs.
_NO_REQUESTS: Final = frozenset({"WebSocket", "WebTransport"})


class Network:
    """The exchanges of a page with its frames and dedicated workers, or of a worker without a page.

    :param feed: feeds the model.
    :param session_of: returns the session with a key of the model; None: it has ended.
    :param frame_of: returns the frame with an id.
    :param streams: the owner's streams.
    :param page: the page; None for a worker.
    :param worker: the worker, if it is one's.
    :ivar sessions: the sessions that report the exchanges.
    :ivar waits: the pending waits for exchanges.
    :ivar recordings: the recordings, which end with the owner.
    """

    #: The names of the streams that it feeds.
    STREAMS: Final = ("exchanges", "requests", "responses", "requests_finished", "requests_failed", "web_sockets")

    def __init__(
        self,
        feed: ModelFeed,
        session_of: Callable[[str], Session | None],
        frame_of: Callable[[str | None], Frame | None],
        streams: OnDemandStreams,
        page: Page | None = None,
        worker: Worker | None = None,
    ) -> None:
        self.session_of = session_of
        self.sessions = NetworkSessions(feed)
        self.waits = NetworkWaits(self.sessions)
        self._feed = feed
        self._frame_of = frame_of
        self._streams = streams
        self._page = page
        self._worker = worker
        #: The dedicated workers, by the keys of their sessions in the model.
        self._workers: dict[str, Worker] = {}
        #: The exchanges in progress, by the ids of their rows; those that have brought documents, by loader.
        self._live: dict[str, Exchange] = {}
        self._documents: dict[str, Exchange] = {}
        #: The last redirect of each request that has just ended, by request.
        self._left: dict[str, Exchange] = {}
        self._paused = PausedExchanges(self.sessions.unfollowed, self.clock)
        self.recordings: list[HarRecording] = []
        self.handlers: dict[type[Change], Callable[[Any], None]] = {
            ExchangeStarted: self._started,
            ExchangeResponded: self._responded,
            ExchangeEnded: self._ended,
            ExtraInfoReceived: lambda change: self.waits.wake(change.exchange.id),
            DataArrived: self._data,
            EventSourceMessage: self._event_source,
            WebSocketMessage: self._message,
            WebSocketFailed: self._socket_failed,
            DocumentDiscarded: self._document_discarded,
            NavigationEnded: self._navigation_ended,
        }

    @property
    def context(self) -> StreamContext:
        """The state that the owner's streams share."""
        return self._streams.context

    @property
    def clock(self) -> Clock:
        """The reactor."""
        return self.context.clock

    def add_worker(self, worker: Worker) -> None:
        """Follow a dedicated worker of the page, before it runs."""
        session = worker.session
        key = session.id or ""
        self._workers[key] = worker

        def ended(_: object) -> None:
            del self._workers[key]
            self._feed.lose(key)

        self.sessions.listen(session, key)
        session._feed_into(ended=ended)

    def worker_session(self, key: str) -> Session | None:
        """Return the session of a dedicated worker."""
        worker = self._workers.get(key)
        return None if worker is None else worker.session

    def end(self, error: Exception) -> None:
        """End everything that is in progress, because its owner has ended.

        :param error: the error for pending waits.
        """
        self.sessions.unfollowed.forget()
        for key in {each.session_id for each in self.rows()}:
            self._feed.lose(key)
        self._documents.clear()
        self.waits.end(error)

    def stream(self, name: str) -> StreamSubject[Any]:
        """Return one of the owner's streams."""
        return self._streams.on_demand(name, self.sessions.use, self.sessions.leave)

    def rows(self) -> list[Row]:
        """Return the rows of the exchanges in progress."""
        return list(self._feed.model.exchanges.exchanges.values())

    def under_way(self) -> frozenset[str]:
        """Return the ids of the requests in progress, whether or not they are followed."""
        return frozenset((*(each.request_id for each in self.rows()), *self.sessions.unfollowed.requests()))

    # What the model tells:

    def tell(self, changes: Sequence[Change]) -> None:
        """Handle a change of the model."""
        for change in changes:
            handler = self.handlers.get(type(change))
            if handler is not None:
                handler(change)

    def exchange(self, row: Row) -> Exchange:
        """Return the exchange of a row, which may have begun before there were subscribers."""
        found = self._live.get(row.id)
        if found is not None:
            return found
        asked_by = self._asked_by(row)
        made = self._paused.take(row, asked_by) or Exchange(self, row, *asked_by)
        before = self._left.pop(row.request_id, None)
        if before is not None and before._row.redirected_to == row.id:
            made.redirected_from, before.redirected_to = before, made
        if not row.state.is_end:
            self._live[row.id] = made
        if row.is_navigation:
            self._documents[row.request_id] = made
        return made

    def request_paused(self, event: fetch.RequestPaused, hop: int) -> Request:
        """Return the request that ``Fetch`` has paused: the same object as in :attr:`Page.requests`.

        ``Fetch`` may report it before ``Network`` does, or alone.

        :param hop: the number of redirects before it.
        """
        request = self._request_of(event, hop)
        if event.response_status_code is None and event.response_error_reason is None:
            request._paused_headers = event.request.headers
        return request

    def _request_of(self, event: fetch.RequestPaused, hop: int) -> Request:
        request_id = event.network_id
        if request_id is not None:
            self.sessions.unfollowed.deliver(request_id)
            row = self._feed.model.exchanges.exchanges.get(request_id)
            if row is not None and row.hop >= hop:
                return self.exchange(row).request
            found = self._paused.find(request_id, hop)
            if found is not None:
                return found.request
        row = row_of_paused(event, hop)
        made = Exchange(self, row, *self._asked_by(row))
        if request_id is not None:
            self._paused.add(request_id, made)
        return made.request

    def when_told(self, request: Request) -> Deferred[None]:
        """Wait until ``Network`` has reported a paused request, too, or is not going to.

        :returns: a Deferred that fires with None.
        """
        return self._paused.when_told(request)

    def _asked_by(self, row: Row) -> tuple[Frame | None, Page | None, Worker | None]:
        worker = self._workers.get(row.started_in, self._worker)
        frame_id = row.frame_id
        if frame_id is None and worker is not None and worker.session.target is not None:
            frame_id = worker.session.target.parent_frame_id
        return self._frame_of(frame_id), self._page, worker

    def _started(self, change: ExchangeStarted) -> None:
        row = change.exchange
        if self.sessions.catching_up:
            return
        made = self.exchange(row)
        if self.sessions.listening:
            self._tell("exchanges", made)
            if _is_request(row):
                self._tell("requests", made.request)
            elif row.type == "WebSocket":
                self._tell("web_sockets", made.web_socket)
            if made.worker is not None:
                made.worker._push_exchange(made)
        self.waits.look(made, changed=True)

    def _responded(self, change: ExchangeResponded) -> None:
        row = change.exchange
        found = self.exchange(row)
        found._responded()
        self.waits.wake(row.id)
        if self.sessions.listening and _is_request(row):
            self._tell("responses", found.response)
        self.waits.look(found, changed=False)

    def _ended(self, change: ExchangeEnded) -> None:
        row = change.exchange
        found = self.exchange(row)
        self._live.pop(row.id, None)
        self._left.pop(row.request_id, None)
        if change.reason is ExchangeState.REDIRECTED:
            self._left[row.request_id] = found
        found._finish()
        self.waits.wake(row.id)
        if self.sessions.listening and _is_request(row):
            self._tell("requests_finished" if found.failure is None else "requests_failed", found.request)
        self.waits.look(found, changed=True)

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

    # Documents:

    def response(self, loader_id: str, said: network.Response, frame: Frame) -> Response:
        """Return the server's response that contained a document."""
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


def worker_network(session: Session, worker: Worker | None = None) -> Network:
    """Return the exchanges of a worker without a page.

    :param session: the worker's session.
    :param worker: the worker, if programs have an object for it.
    """
    streams = OnDemandStreams(session.context, "worker")
    feed = ModelFeed(BrowserModel(), (), lambda changes: following.tell(changes))
    following = Network(feed, lambda _: session, lambda _: None, streams, worker=worker)

    def ended(error: Exception | None) -> None:
        url = "" if session.target is None else session.target.url
        following.end(error or SessionDetached(session.id or "", url))
        streams.end(error)

    following.sessions.listen(session, "")
    session._feed_into(ended=ended)
    return following


def _is_request(row: Row) -> bool:
    """Return whether an exchange counts as a request for programs: not the browser's own requests, and no sockets."""
    return not (
        row.type in _NO_REQUESTS
        or row.url.startswith("data:")
        or row.url.endswith("/favicon.ico")
        or row.preflight_for is not None
    )


def _row_of(loader_id: str, said: network.Response, frame: Frame) -> Row:
    """Return a row for a document whose request was not followed, such as one from the back/forward cache."""
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
