"""Exchanges: a request and its outcome, one for each hop of a redirect; WebSockets and WebTransports, too.

An exchange is a state machine. It begins once, with ``Network.requestWillBeSent`` (``webSocketCreated``,
``webTransportCreated``), and ends once; :data:`EXCHANGE_TRANSITIONS` lists all of the ways. They are based on these
facts about Chromium:

- A redirect is a second ``requestWillBeSent`` with the same id, which contains the response to the first. Without that
  response it is an echo: another session reports the same request.
- ``loadingFinished`` and ``loadingFailed`` are ends. They may come without a response, and from another session than
  the request: a navigation begins in the session of the document that is left, and its body is reported by the process
  of the new one; a worker's script is requested by its page, and its response is reported in the worker.
- The requests of a document have no end of their own when the document goes (its page navigates, its frame is removed,
  its process crashes), nor has a WebSocket; so they end with the document. A ``keepalive`` request continues in the
  browser, which no longer reports it. The requests of a worker end with the worker's session.
- A navigation's request belongs to the browser, not to a process: it outlives a crash of its page, and the session that
  it began in, as long as its frame exists.
- A preflight is a request of its own, whose initiator has the id of the request that it is for. It is reported without
  a document, and ends with the request that it is for.

**Extra info.** The renderer's events (the *main* ones) and the network service's (``requestWillBeSentExtraInfo``,
``responseReceivedExtraInfo``: what was actually sent and received, including cookies) come by two ways. Each is in
order, but there is no order between them: extra info comes before the request, after its end, or never. The *i*-th
extra info of a request id belongs to the *i*-th of those hops that have any, according to ``hasExtraInfo``
(``redirectHasExtraInfo``); a response from the memory cache has none, whatever that flag says. So the pairing follows
from the two sequences alone, however they are interleaved. Until a hop's response has arrived, extra info is assumed to
belong to that hop; it moves on if that turns out to be wrong.

An exchange that has ended is forgotten, unless extra info is still to come: the last :data:`LATE` of these are kept for
that. The ids of ended exchanges are remembered for a while, so that echoes do not begin new ones.
"""

from __future__ import annotations

import enum
from collections import OrderedDict
from collections.abc import Callable, Mapping
from types import MappingProxyType
from typing import Any, Final

import msgspec

from txcdp.domains import network
from txcdp.model._documents import DocumentCommitted, DocumentDiscarded, Documents, NavigationEnded, NavigationState
from txcdp.model._frames import FrameDetached, Frames
from txcdp.model._table import Change, Row, Table
from txcdp.model._targets import SessionClosed, SessionCrashed


class ExchangeState(enum.Enum):
    """The states of an exchange."""

    #: A process has sent the request; there is no response yet.
    REQUESTED = "requested"
    #: The browser has sent the request, for a frame that navigates; there is no response yet.
    NAVIGATING = "navigating"
    #: The response's headers have arrived.
    RESPONDED = "responded"
    #: A WebSocket or WebTransport is being set up.
    CONNECTING = "connecting"
    #: A WebSocket or WebTransport is open.
    OPEN = "open"

    #: The whole response has arrived.
    FINISHED = "finished"
    #: There is no response, or not all of it; or the page may not read it.
    FAILED = "failed"
    #: The requester has cancelled it.
    CANCELLED = "cancelled"
    #: The response redirects to another request, which has the same id.
    REDIRECTED = "redirected"
    #: A WebSocket or WebTransport that was open has closed.
    CLOSED = "closed"
    #: Loading was stopped while the body of the document was arriving.
    STOPPED = "stopped"
    #: The document that made the request is gone; how the request ends is not reported.
    ABANDONED = "abandoned"
    #: The session that reported it has ended.
    DETACHED = "detached"
    #: The process that made the request has crashed.
    CRASHED = "crashed"

    __hash__ = object.__hash__  # an Enum's own is Python code, and states are looked up for each event

    @property
    def is_end(self) -> bool:
        """Whether this is a final state."""
        return self in EXCHANGE_ENDS


class ExchangeInput(enum.Enum):
    """The inputs of the state machine of an exchange."""

    RESPONSE = "the response's headers are here"
    REDIRECT = "another request takes its place"
    FINISH = "all of it is here"
    FAIL = "it failed"
    CANCEL = "it was cancelled"
    CONNECT = "the connection is made"
    CLOSE = "the connection is closed"
    STOP = "the loading of its document was stopped"
    DISCARD = "the document that has asked is gone"
    DETACH = "the session has ended"
    CRASH = "the process is gone"

    __hash__ = object.__hash__


def _transitions() -> Mapping[tuple[ExchangeState, ExchangeInput], ExchangeState]:
    state, tells = ExchangeState, ExchangeInput
    table = {
        (state.REQUESTED, tells.CRASH): state.CRASHED,
        (state.RESPONDED, tells.CRASH): state.CRASHED,
        (state.CONNECTING, tells.CONNECT): state.OPEN,
        (state.CONNECTING, tells.CLOSE): state.FAILED,
        (state.OPEN, tells.CLOSE): state.CLOSED,
    }
    for each in (state.REQUESTED, state.NAVIGATING):
        table[each, tells.RESPONSE] = state.RESPONDED
    for each in (state.REQUESTED, state.NAVIGATING, state.RESPONDED):
        table[each, tells.REDIRECT] = state.REDIRECTED
        table[each, tells.FINISH] = state.FINISHED
        table[each, tells.FAIL] = state.FAILED
        table[each, tells.CANCEL] = state.CANCELLED
        table[each, tells.STOP] = state.STOPPED
        table[each, tells.DISCARD] = state.ABANDONED
        table[each, tells.DETACH] = state.DETACHED
    for each in (state.CONNECTING, state.OPEN):
        table[each, tells.DISCARD] = state.ABANDONED
        table[each, tells.DETACH] = state.DETACHED
        table[each, tells.CRASH] = state.CRASHED
    return MappingProxyType(table)


#: The transitions; any other input is ignored.
EXCHANGE_TRANSITIONS: Final = _transitions()

#: The states that end an exchange.
EXCHANGE_ENDS: Final = frozenset(ExchangeState) - {state for state, _ in EXCHANGE_TRANSITIONS}

# Looked up once: an Enum's members are found by Python code, at a microsecond each.
_REQUESTED: Final = ExchangeState.REQUESTED
_NAVIGATING: Final = ExchangeState.NAVIGATING
_REDIRECTED: Final = ExchangeState.REDIRECTED
_RESPONSE: Final = ExchangeInput.RESPONSE
_FINISH: Final = ExchangeInput.FINISH
_FAIL: Final = ExchangeInput.FAIL
_CANCEL: Final = ExchangeInput.CANCEL
_next_state: Final = EXCHANGE_TRANSITIONS.get

#: How many request ids are kept for extra info that is still to come, or that came before its request.
LATE: Final = 1000

#: The number of ended exchanges and documents whose ids are remembered; at most twice as many are.
_REMEMBERED: Final = 2000

#: The errors of a request for a document whose response is only a status.
STATUS_ALONE: Final = frozenset({"net::ERR_HTTP_RESPONSE_CODE_FAILURE", "net::ERR_INVALID_AUTH_CREDENTIALS"})

#: What the end of a navigation means for its own request, if nothing else has ended that.
_NAVIGATION_ENDS: Final = {
    NavigationState.STOPPED: ExchangeInput.STOP,
    NavigationState.BROKEN: ExchangeInput.STOP,
    NavigationState.CRASHED: ExchangeInput.CRASH,
}


class Exchange(Row):
    """A request and its outcome so far; times are seconds on the browser's monotonic clock.

    :ivar id: its own id: the request id, and for later hops of a redirect also the number of the hop.
    :ivar request_id: the browser's request id, which all hops of a redirect share.
    :ivar hop: the number of redirects that led here.
    :ivar url: the URL with its fragment.
    :ivar type: the resource type, such as ``"Document"``, ``"Fetch"``, ``"WebSocket"``.
    :ivar session_id: the session that reports it, which may change until the body arrives.
    :ivar started_in: the session that reported it first.
    :ivar owner: what it ends together with: the loader of a document, the frame that navigates, or a stand-in for the
        document in a frame whose loader is not reported; ``""``: only its session.
    :ivar extra_session: the session that reports what was actually sent.
    :ivar frame_id: the frame that made the request; None: a worker.
    :ivar loader_id: the document that made the request; for a navigation, its own loader; ``""`` if not reported.
    :ivar is_navigation: whether the request is for a document.
    :ivar request: the request as it was to be sent; None for a WebSocket and a WebTransport.
    :ivar priority: the latest reported priority.
    :ivar started: when it started; 0 if not reported.
    :ivar wall_time: the same, in seconds since 1970.
    :ivar responded: when the response's headers had arrived.
    :ivar ended: when it ended; None if it has not, or the browser does not report when.
    :ivar request_extra: what was actually sent.
    :ivar response_extra: what was actually received.
    :ivar has_extra_info: whether the browser says that there is extra info; None: not reported yet.
    :ivar from_memory: whether it was served from the page's memory cache.
    :ivar received: bytes received over the network: for the headers, and after a successful end for everything.
    :ivar body_encoded: bytes of the body so far, as received; ``body_decoded``: as the page gets them.
    :ivar error_text: what went wrong, such as ``net::ERR_ABORTED``, or what blocked it, such as ``mixed-content``; for
        a WebSocket, in words.
    :ivar cancelled: whether the requester cancelled it.
    :ivar redirected_from: the exchange that redirected here; ``redirected_to``: the one that this redirected to.
    :ivar preflight: the exchange that asked the server whether this one is allowed.
    :ivar handshake_request: for a WebSocket, the handshake's request.
    :ivar handshake: the response to it.
    :ivar messages_sent: for a WebSocket, the number so far, as for ``messages_received``.
    :ivar signed_exchange: the details if the response was a signed exchange.
    """

    id: str
    request_id: str
    session_id: str
    url: str
    method: str
    type: str
    state: ExchangeState
    started_in: str
    owner: str
    extra_session: str = ""
    hop: int = 0
    frame_id: str | None = None
    loader_id: str = ""
    document_url: str = ""
    is_navigation: bool = False
    request: network.Request | None = None
    initiator: network.Initiator | None = None
    priority: str = ""
    started: float = 0.0
    wall_time: float = 0.0
    responded: float | None = None
    ended: float | None = None
    response: network.Response | None = None
    request_extra: network.RequestWillBeSentExtraInfo | None = None
    response_extra: network.ResponseReceivedExtraInfo | None = None
    has_extra_info: bool | None = None
    from_memory: bool = False
    received: float = 0
    body_encoded: int = 0
    body_decoded: int = 0
    error_text: str = ""
    cancelled: bool = False
    blocked_reason: str | None = None
    cors_error: network.CorsErrorStatus | None = None
    redirected_from: str | None = None
    redirected_to: str | None = None
    preflight: str | None = None
    handshake_request: network.WebSocketRequest | None = None
    handshake: network.WebSocketResponse | None = None
    messages_sent: int = 0
    messages_received: int = 0
    signed_exchange: network.SignedExchangeInfo | None = None

    @property
    def status(self) -> int:
        """The status of the response; 304 if the cached response was still valid; 0 if there is none."""
        if self.response is None:
            return 0 if self.handshake is None else self.handshake.status
        extra = self.response_extra
        return 304 if extra is not None and extra.status_code == 304 else self.response.status

    @property
    def is_untold_script(self) -> bool:
        """Whether it is the main script of a worker that has not reported on it yet.

        The worker reports its end; that of a shared worker's script is often never reported, even to a client attached
        to it.
        """
        if self.type != "Script" or self.loader_id or self.session_id != self.started_in:
            return False
        return self.document_url.partition("#")[0] == self.url.partition("#")[0]

    @property
    def cached(self) -> str:
        """The source if not the network: ``disk``, ``worker``, ``prefetch`` or ``memory``; otherwise ``""``."""
        response = self.response
        if response is not None:
            if response.from_disk_cache:
                return "disk"
            if response.from_service_worker:
                return "worker"
            if response.from_prefetch_cache:
                return "prefetch"
        return "memory" if self.from_memory else ""

    @property
    def timing(self) -> network.ResourceTiming | None:
        """The times of the steps on the way to the server; None if not reported.

        For a response from the memory cache, Chromium reports those of the exchange that filled the cache.
        """
        return None if self.response is None or self.from_memory else self.response.timing

    @property
    def failure(self) -> str:
        """What went wrong, in words; ``""`` if nothing did."""
        if not self.error_text:
            return ""
        if self.blocked_reason == self.error_text:
            return f"blocked: {self.blocked_reason}"
        if self.blocked_reason:
            return f"{self.error_text} (blocked: {self.blocked_reason})"
        if self.cors_error is not None and self.cors_error.cors_error:
            return f"{self.error_text} (CORS: {self.cors_error.cors_error})"
        return self.error_text

    @property
    def is_status_alone(self) -> bool:
        """Whether the response is a status without a body, such as 404 or 401: Chromium shows its own page then."""
        return self.error_text in STATUS_ALONE and self.response is not None

    @property
    def preflight_for(self) -> str | None:
        """The request id of the request that this is the preflight of; None if it is not a preflight."""
        initiator = self.initiator
        return initiator.request_id if initiator is not None and initiator.type == "preflight" else None


class ExchangeStarted(Change, frozen=True, gc=False):
    """An exchange has begun."""

    exchange: Exchange


class ExchangeResponded(Change, frozen=True, gc=False):
    """The response's headers have arrived; for a redirect, just before its end."""

    exchange: Exchange


class ExtraInfoReceived(Change, frozen=True, gc=False):
    """The extra info of an exchange has arrived: the headers actually sent or received; sometimes after its end."""

    exchange: Exchange


class DataArrived(Change, frozen=True, gc=False):
    """More of a response's body has arrived.

    :ivar event: the browser's own event; it contains the data if the body is streamed.
    """

    exchange: Exchange
    event: network.DataReceived


class EventSourceMessage(Change, frozen=True, gc=False):
    """A server has sent an event."""

    exchange: Exchange
    event: network.EventSourceMessageReceived


class WebSocketMessage(Change, frozen=True, gc=False):
    """A message was sent or received over a WebSocket.

    :ivar sent: whether it went to the server.
    :ivar timestamp: when, in seconds on the browser's clock.
    """

    exchange: Exchange
    frame: network.WebSocketFrame
    sent: bool
    timestamp: float = 0.0


class WebSocketFailed(Change, frozen=True, gc=False):
    """An error has occurred in a WebSocket; its row says which."""

    exchange: Exchange


class PriorityChanged(Change, frozen=True, gc=False):
    """The priority of a request has changed."""

    exchange: Exchange


class ExchangeEnded(Change, frozen=True, gc=False):
    """An exchange has ended.

    :ivar reason: how it ended.
    """

    exchange: Exchange
    reason: ExchangeState


class _Recent:
    """Remembers the keys that were added last: at least so many, at most twice as many."""

    def __init__(self, size: int) -> None:
        self._size = size
        self._new: set[str] = set()
        self._old: set[str] = set()

    def add(self, key: str) -> None:
        if len(self._new) >= self._size:
            self._new, self._old = set(), self._new
        self._new.add(key)

    def discard(self, key: str) -> None:
        self._new.discard(key)
        self._old.discard(key)

    def __contains__(self, key: str) -> bool:
        return key in self._new or key in self._old

    def __len__(self) -> int:
        return len(self._new) + len(self._old)


class _Chain:
    """The hops of one request id and their extra info, for requests that need more than a row.

    :ivar hops: the known hops, in order.
    :ivar slots: what was actually sent and received, in order: pairs.
    :ivar told: for each session, the number of the slot that it reported last, and whether with the response.
    :ivar hops_told: for sessions that only repeat what another one reports, how many hops they have reported.
    """

    __slots__ = ("hops", "hops_told", "slots", "told")

    def __init__(self) -> None:
        self.hops: list[Exchange] = []
        self.slots: list[list[Any]] = []
        self.told: dict[str, tuple[int, bool]] = {}
        self.hops_told: dict[str, int] = {}

    def add(self, session: str, which: int, info: Any) -> None:
        """Add extra info of the request (0) or of the response (1)."""
        number, answered = self.told.get(session, (-1, True))
        if answered:  # the next request; or a response without one
            number += 1
        self.told[session] = number, which == 1
        if number == len(self.slots):
            self.slots.append([None, None])
        slot = self.slots[number]
        # A request that is sent again (with credentials, say) tells so again. What two sessions tell is the same.
        if slot[which] is None or next(iter(self.told)) == session:
            slot[which] = info

    def pair(self) -> list[Exchange]:
        """Assign extra info to each hop; return the hops for which it has changed."""
        changed = []
        slots = iter(self.slots)
        for hop in self.hops:
            if hop.has_extra_info is False and hop is not self.hops[-1]:
                sent = received = None
            else:  # the last one takes what is there, whatever it says: there is nobody else
                sent, received = next(slots, (None, None))
            if hop.request_extra is not sent or hop.response_extra is not received:
                hop.request_extra, hop.response_extra = sent, received
                if sent is not None or received is not None:
                    changed.append(hop)
        return changed

    @property
    def complete(self) -> bool:
        return all(
            hop.has_extra_info is False or (hop.request_extra is not None and hop.response_extra is not None)
            for hop in self.hops
        )


class Exchanges(Table):
    """The exchanges in progress.

    :ivar exchanges: by request id; for a redirect, the hop in progress.
    """

    name = "exchanges"

    def __init__(self, emit: Callable[[Change], None], frames: Frames, documents: Documents) -> None:
        super().__init__(emit)
        self.exchanges: dict[str, Exchange] = {}
        self._frames = frames
        self._documents = documents
        #: The exchanges that end with a document, by its loader id, and those that end with a session.
        self._owned: dict[str, dict[str, Exchange]] = {}
        self._in_session: dict[str, dict[str, Exchange]] = {}
        self._chains: dict[str, _Chain] = {}
        #: The chains that only wait for extra info, or for the request that their extra info belongs to.
        self._waiting: OrderedDict[str, None] = OrderedDict()
        #: Preflights that came before their requests: the preflight, by request.
        self._preflights: OrderedDict[str, str] = OrderedDict()
        self._ended = _Recent(_REMEMBERED)
        self._discarded = _Recent(_REMEMBERED)
        self._closed_sessions = _Recent(_REMEMBERED)
        self.handlers = {
            network.RequestWillBeSent: self._request,
            network.RequestWillBeSentExtraInfo: self._request_extra,
            network.RequestServedFromCache: self._from_memory,
            network.ResponseReceived: self._response,
            network.ResponseReceivedExtraInfo: self._response_extra,
            network.DataReceived: self._data,
            network.LoadingFinished: self._finished,
            network.LoadingFailed: self._failed,
            network.ResourceChangedPriority: self._priority,
            network.SignedExchangeReceived: self._signed,
            network.EventSourceMessageReceived: self._event_source,
            network.WebSocketCreated: self._socket_created,
            network.WebSocketWillSendHandshakeRequest: self._socket_asks,
            network.WebSocketHandshakeResponseReceived: self._socket_answered,
            network.WebSocketFrameSent: lambda session, event: self._socket_message(session, event, True),
            network.WebSocketFrameReceived: lambda session, event: self._socket_message(session, event, False),
            network.WebSocketFrameError: self._socket_failed,
            network.WebSocketClosed: lambda _, event: self._closed(event.request_id, event.timestamp),
            network.WebTransportCreated: self._transport_created,
            network.WebTransportConnectionEstablished: self._transport_connected,
            network.WebTransportClosed: lambda _, event: self._closed(event.transport_id, event.timestamp),
        }
        self.reactions = {
            DocumentCommitted: self._document_committed,
            DocumentDiscarded: self._document_discarded,
            NavigationEnded: self._navigation_ended,
            FrameDetached: self._frame_detached,
            SessionClosed: self._session_closed,
            SessionCrashed: self._session_crashed,
        }

    def hops(self, request_id: str) -> list[Exchange]:
        """Return the exchanges of a request in progress: those that were redirected, and the current one."""
        chain = self._chains.get(request_id)
        if chain is not None:
            return list(chain.hops)
        present = self.exchanges.get(request_id)
        return [] if present is None else [present]

    def follows(self, request_id: str) -> bool:
        """Return whether events of a request still matter: it is in progress, or waits for extra info."""
        return request_id in self.exchanges or request_id in self._chains

    def lose(self, session: str) -> None:
        """End all exchanges that a session reports: its connection is lost, and nothing more will be reported."""
        for row in list(self._in_session.get(session, {}).values()):
            self._tell(row, ExchangeInput.DETACH)

    def forget(self, request_id: str) -> None:
        """Stop following an exchange in progress: nothing more of it is emitted, not even its end."""
        row = self.exchanges.pop(request_id, None)
        if row is not None:
            self._leave(row)
            self._chains.pop(request_id, None)
            self._ended.add(request_id)

    def snapshot(self) -> list[Any]:
        """Return the exchanges in progress as plain data."""
        return [msgspec.to_builtins(each) for each in self.exchanges.values()]

    # Requests:

    def _request(self, session: str, event: network.RequestWillBeSent) -> None:
        request_id = event.request_id
        before = self.exchanges.get(request_id)
        if before is not None:
            if not self._leads_on(session, event, before):
                return
        elif request_id in self._ended:
            return
        request, loader, kind = event.request, event.loader_id, event.type or "Other"
        _check_texts(request.url, request.method, kind, event.frame_id or "")
        navigates = kind == "Document" and loader == request_id
        row = Exchange(
            id=request_id,
            request_id=request_id,
            session_id=session,
            url=request.url + request.url_fragment if request.url_fragment else request.url,
            method=request.method,
            type=kind,
            state=_NAVIGATING if navigates else _REQUESTED,
            started_in=session,
            owner=event.frame_id or "" if navigates else loader,
            frame_id=event.frame_id,
            loader_id=loader,
            document_url=event.document_url,
            is_navigation=navigates,
            request=request,
            initiator=event.initiator,
            priority=request.initial_priority,
            started=event.timestamp,
            wall_time=event.wall_time,
        )
        if not navigates:
            document = self._documents.documents.get(event.frame_id or "")
            if document is not None and not document.loader_id:
                row.owner = _untold_in(document.frame_id)
            elif not loader or loader == request_id:
                row.owner = self._owner(row)
        if before is not None:
            row.hop = before.hop + 1
            row.id = f"{request_id}/{row.hop}"
            row.redirected_from = before.id
            before.redirected_to = row.id
            self._end(before, _REDIRECTED, event.timestamp)
        self._begin(row)

    def _owner(self, row: Exchange) -> str:
        """Return the document that a request ends with, if the request itself does not name one."""
        asked = row.preflight_for
        if asked is not None:
            if asked in self.exchanges:
                self.exchanges[asked].preflight = row.id
                return self.exchanges[asked].owner
            self._preflights[asked] = row.id
            if len(self._preflights) > LATE:
                self._preflights.popitem(last=False)
            return ""
        document = self._documents.documents.get(row.frame_id or "")
        return "" if document is None else document.loader_id

    def _begin(self, row: Exchange) -> None:
        request_id, owner, session = row.request_id, row.owner, row.session_id
        self.exchanges[request_id] = row
        if owner:
            if owner in self._owned:
                self._owned[owner][request_id] = row
            else:
                self._owned[owner] = {request_id: row}
        if session in self._in_session:
            self._in_session[session][request_id] = row
        else:
            self._in_session[session] = {request_id: row}
        if self._preflights:
            row.preflight = self._preflights.pop(request_id, None)
            if row.preflight is not None and row.preflight in self.exchanges:
                self._move(self.exchanges[row.preflight], session, owner)
        self.emit(ExchangeStarted(row))
        chain = self._chains.get(request_id)
        if chain is not None:
            self._waiting.pop(request_id, None)
            chain.hops.append(row)
            self._pair(chain)
        if owner and owner in self._discarded:  # told by a process that does not know yet
            self._tell(row, ExchangeInput.DISCARD)

    def _leads_on(self, session: str, event: network.RequestWillBeSent, before: Exchange) -> bool:
        """Apply the response of a redirect; return whether it is one, and not an echo of another session's report."""
        response = event.redirect_response
        if session != before.started_in:
            chain = self._chain(before)
            told = chain.hops_told.get(session, 0)
            if response is not None and told == 0:  # it has not told of the hops before
                told = before.hop
                echo = before.request is not None and before.request.url == event.request.url and before.hop > 0
            else:
                echo = told <= before.hop
            chain.hops_told[session] = told + 1
            if echo:
                return False
        if response is None:
            return False
        before.has_extra_info = event.redirect_has_extra_info
        self._take_response(before, response)
        before.responded = event.timestamp
        self.emit(ExchangeResponded(before))
        self._chain(before)
        return True

    def _priority(self, session: str, event: network.ResourceChangedPriority) -> None:
        row = self.exchanges.get(event.request_id)
        if row is not None and row.priority != event.new_priority:
            row.priority = event.new_priority
            self.emit(PriorityChanged(row))

    # Responses:

    def _response(self, session: str, event: network.ResponseReceived) -> None:
        row = self.exchanges.get(event.request_id)
        if row is None:
            return
        state = _next_state((row.state, _RESPONSE))
        if state is None:
            return
        row.state = state
        if session != row.session_id:
            # A navigation; or the script of a worker, which answers for it from now on.
            self._move(row, session, row.owner if row.loader_id else "")
        if row.type != event.type and isinstance(event.type, str):
            row.type = event.type
        row.responded = event.timestamp
        row.has_extra_info = event.has_extra_info and not row.from_memory
        self._take_response(row, event.response)
        if not row.has_extra_info and (row.request_extra is not None or row.response_extra is not None):
            self._pair(self._chain(row))
        self.emit(ExchangeResponded(row))

    def _take_response(self, row: Exchange, response: network.Response) -> None:
        row.response = response
        received = response.encoded_data_length
        row.received = received if received and received > 0 else 0

    def _from_memory(self, session: str, event: network.RequestServedFromCache) -> None:
        row = self.exchanges.get(event.request_id)
        if row is not None:
            row.from_memory = True
            row.has_extra_info = False

    def _data(self, session: str, event: network.DataReceived) -> None:
        row = self.exchanges.get(event.request_id)
        if row is None:
            return
        if session != row.session_id:
            if not row.is_navigation or row.body_decoded:
                return  # what another session tells, too
            self._move(row, session, row.owner)
        row.body_encoded += event.encoded_data_length or 0
        row.body_decoded += event.data_length or 0
        self.emit(DataArrived(row, event))

    def _finished(self, session: str, event: network.LoadingFinished) -> None:
        row = self.exchanges.get(event.request_id)
        if row is not None:
            received = event.encoded_data_length
            row.received = received if received and received > 0 else 0
            self._tell(row, _FINISH, event.timestamp)

    def _failed(self, session: str, event: network.LoadingFailed) -> None:
        row = self.exchanges.get(event.request_id)
        if row is not None:
            row.error_text = event.error_text or event.blocked_reason or "failed"
            row.blocked_reason, row.cors_error = event.blocked_reason, event.cors_error_status
            row.cancelled = bool(event.canceled) and not event.blocked_reason
            if row.cancelled and row.response is not None and not row.is_navigation and _has_no_body(row):
                row.error_text, row.cancelled = "", False
                self._tell(row, _FINISH, event.timestamp)  # a script has let the answer go, of which all was here
                return
            self._tell(row, _CANCEL if row.cancelled else _FAIL, event.timestamp)

    def _event_source(self, session: str, event: network.EventSourceMessageReceived) -> None:
        row = self.exchanges.get(event.request_id)
        if row is not None and row.session_id == session:
            self.emit(EventSourceMessage(row, event))

    def _signed(self, session: str, event: network.SignedExchangeReceived) -> None:
        row = self.exchanges.get(event.request_id)
        if row is not None:
            row.signed_exchange = event.info

    # Extra info:

    def _request_extra(self, session: str, event: network.RequestWillBeSentExtraInfo) -> None:
        request_id = event.request_id
        row = self.exchanges.get(request_id)
        if (
            row is None
            or row.has_extra_info is False
            or row.request_extra is not None
            or row.response_extra is not None
            or request_id in self._chains
        ):
            self._extra(session, request_id, 0, event)
        else:
            row.request_extra = event
            row.extra_session = session
            self.emit(ExtraInfoReceived(row))

    def _response_extra(self, session: str, event: network.ResponseReceivedExtraInfo) -> None:
        request_id = event.request_id
        row = self.exchanges.get(request_id)
        if (
            row is None
            or row.has_extra_info is False
            or row.response_extra is not None
            or row.extra_session != session
            or request_id in self._chains
        ):
            self._extra(session, request_id, 1, event)
        else:
            row.response_extra = event
            self.emit(ExtraInfoReceived(row))

    def _extra(self, session: str, request_id: str, which: int, info: Any) -> None:
        """Apply extra info that does not simply belong to the only hop."""
        chain = self._chains.get(request_id)
        if chain is None:
            row = self.exchanges.get(request_id)
            if row is not None:
                chain = self._chain(row)
            elif request_id in self._ended:
                return  # it is forgotten
            else:
                chain = self._chains[request_id] = _Chain()
                self._wait(request_id)
        chain.add(session, which, info)
        self._pair(chain)
        if chain.hops and request_id in self._waiting and chain.complete:
            del self._waiting[request_id], self._chains[request_id]

    def _chain(self, row: Exchange) -> _Chain:
        """Return a row's chain, which is made here if there is none."""
        chain = self._chains.get(row.request_id)
        if chain is None:
            chain = self._chains[row.request_id] = _Chain()
            chain.hops.append(row)
            if row.request_extra is not None:
                chain.add(row.extra_session, 0, row.request_extra)
            if row.response_extra is not None:
                chain.add(row.extra_session, 1, row.response_extra)
        return chain

    def _pair(self, chain: _Chain) -> None:
        for each in chain.pair():
            self.emit(ExtraInfoReceived(each))

    def _wait(self, request_id: str) -> None:
        self._waiting[request_id] = None
        if len(self._waiting) > LATE:
            oldest, _ = self._waiting.popitem(last=False)
            del self._chains[oldest]

    # WebSockets and WebTransports:

    def _connecting(self, session: str, request_id: str, url: str, kind: str, initiator: Any) -> Exchange | None:
        if request_id in self.exchanges or request_id in self._ended:
            return None
        _check_texts(url)
        # Which frame has asked is not told.
        top = self._frames.top(session)
        document = None if top is None else self._documents.documents.get(top.id)
        return Exchange(
            id=request_id,
            request_id=request_id,
            session_id=session,
            url=url,
            method="CONNECT" if kind == "WebTransport" else "GET",
            type=kind,
            state=ExchangeState.CONNECTING,
            started_in=session,
            owner="" if document is None else document.loader_id or _untold_in(document.frame_id),
            initiator=initiator,
            has_extra_info=False,
        )

    def _socket_created(self, session: str, event: network.WebSocketCreated) -> None:
        row = self._connecting(session, event.request_id, event.url, "WebSocket", event.initiator)
        if row is not None:
            self._begin(row)

    def _socket_asks(self, session: str, event: network.WebSocketWillSendHandshakeRequest) -> None:
        row = self.exchanges.get(event.request_id)
        if row is not None and row.handshake_request is None:
            row.handshake_request = event.request
            row.started, row.wall_time = event.timestamp, event.wall_time

    def _socket_answered(self, session: str, event: network.WebSocketHandshakeResponseReceived) -> None:
        row = self.exchanges.get(event.request_id)
        if row is None or row.handshake is not None:
            return
        row.handshake = event.response
        row.responded = event.timestamp
        if event.response.status == 101:
            self._tell(row, ExchangeInput.CONNECT)
        self.emit(ExchangeResponded(row))

    def _socket_message(
        self, session: str, event: network.WebSocketFrameSent | network.WebSocketFrameReceived, sent: bool
    ) -> None:
        row = self.exchanges.get(event.request_id)
        if row is None or row.session_id != session:
            return
        if sent:
            row.messages_sent += 1
        else:
            row.messages_received += 1
        self.emit(WebSocketMessage(row, event.response, sent, event.timestamp))

    def _socket_failed(self, session: str, event: network.WebSocketFrameError) -> None:
        row = self.exchanges.get(event.request_id)
        if row is not None and row.session_id == session:
            row.error_text = event.error_message
            self.emit(WebSocketFailed(row))

    def _transport_created(self, session: str, event: network.WebTransportCreated) -> None:
        row = self._connecting(session, event.transport_id, event.url, "WebTransport", event.initiator)
        if row is not None:
            row.started = event.timestamp
            self._begin(row)

    def _transport_connected(self, session: str, event: network.WebTransportConnectionEstablished) -> None:
        row = self.exchanges.get(event.transport_id)
        if row is not None and row.responded is None:
            row.responded = event.timestamp
            self._tell(row, ExchangeInput.CONNECT)
            self.emit(ExchangeResponded(row))

    def _closed(self, request_id: str, when: float) -> None:
        row = self.exchanges.get(request_id)
        if row is not None:
            self._tell(row, ExchangeInput.CLOSE, when)

    # Ends:

    def _tell(self, row: Exchange, told: ExchangeInput, when: float | None = None) -> None:
        """Apply an input to an exchange."""
        state = _next_state((row.state, told))
        if state is None:
            return
        if state in EXCHANGE_ENDS:
            self._end(row, state, when)
        else:
            row.state = state

    def _end(self, row: Exchange, state: ExchangeState, when: float | None) -> None:
        row.state, row.ended = state, when
        request_id = row.request_id
        del self.exchanges[request_id]
        self._leave(row)
        if state is not _REDIRECTED:
            self._ended.add(request_id)
            chain = self._chains.get(request_id)
            if chain is not None:
                if chain.complete:
                    del self._chains[request_id]
                else:
                    self._wait(request_id)
            elif row.has_extra_info is not False and (row.request_extra is None or row.response_extra is None):
                self._chain(row)
                self._wait(request_id)
        self.emit(ExchangeEnded(row, state))

    def _leave(self, row: Exchange) -> None:
        request_id, owner, session = row.request_id, row.owner, row.session_id
        if owner:
            owned = self._owned[owner]
            del owned[request_id]
            if not owned:
                del self._owned[owner]
        inside = self._in_session[session]
        del inside[request_id]
        if not inside:
            del self._in_session[session]

    def _move(self, row: Exchange, session: str, owner: str) -> None:
        """Assign a row to another session, and let it end with another document, or with none."""
        self._leave(row)
        row.session_id, row.owner = session, owner
        if owner:
            self._owned.setdefault(owner, {})[row.request_id] = row
        self._in_session.setdefault(session, {})[row.request_id] = row

    def _document_committed(self, change: DocumentCommitted) -> None:
        loader = change.document.loader_id
        self._discarded.discard(loader)  # one that comes back
        for each in list(self._owned.get(_untold_in(change.document.frame_id), {}).values()):
            if change.navigation is None or each.loader_id == loader:  # it was this one's; by now its loader is told
                self._move(each, each.session_id, loader)
            else:
                self._tell(each, ExchangeInput.DISCARD)
        row = self.exchanges.get(loader)
        frame = self._frames.frames.get(change.document.frame_id)
        if row is not None:  # from now on it goes with its document
            session = None if frame is None else frame.session_id
            self._move(row, row.session_id if session is None else session, loader)

    def _frame_detached(self, change: FrameDetached) -> None:
        self._tell_owned(change.frame.id)
        self._tell_owned(_untold_in(change.frame.id))

    def _document_discarded(self, change: DocumentDiscarded) -> None:
        loader = change.document.loader_id
        self._discarded.add(loader)
        self._tell_owned(loader)

    def _tell_owned(self, owner: str) -> None:
        for each in list(self._owned.get(owner, {}).values()):
            self._tell(each, ExchangeInput.DISCARD)

    def _navigation_ended(self, change: NavigationEnded) -> None:
        told = _NAVIGATION_ENDS.get(change.reason)
        row = self.exchanges.get(change.navigation.loader_id)
        if told is None or row is None or not row.is_navigation:
            return
        if told is ExchangeInput.STOP:
            row.error_text, row.cancelled = "net::ERR_ABORTED", True
        self._tell(row, told)

    def _session_closed(self, change: SessionClosed) -> None:
        session = change.session_id
        self._closed_sessions.add(session)
        for row in list(self._in_session.get(session, {}).values()):
            other = self._told_by_another(row, session)
            if other is not None:
                self._move(row, other, row.owner)
            elif not (row.is_navigation and self._goes_on(row.frame_id, session)):
                self._tell(row, ExchangeInput.DETACH)

    def _told_by_another(self, row: Exchange, session: str) -> str | None:
        """Return another session that also reports a request."""
        chain = self._chains.get(row.request_id)
        told = () if chain is None else chain.hops_told
        return next((each for each in told if each != session and each not in self._closed_sessions), None)

    def _goes_on(self, frame_id: str | None, session: str) -> bool:
        """Return whether a frame still exists, without a session."""
        frame = self._frames.frames.get(frame_id or "")
        return frame is not None and frame.session_id != session

    def _session_crashed(self, change: SessionCrashed) -> None:
        for row in list(self._in_session.get(change.session_id, {}).values()):
            self._tell(row, ExchangeInput.CRASH)


def _untold_in(frame_id: str) -> str:
    """Return the stand-in for a frame's document whose loader is not reported, as in a page that was just opened."""
    return f"untold in {frame_id}"


def _check_texts(*values: object) -> None:
    """Refuse an exchange that lacks the values that all later code relies on.

    :raises TypeError: one of the values is not a text.
    """
    for each in values:
        if not isinstance(each, str):
            raise TypeError(f"{each!r:.100} is in the place of a text")


def _has_no_body(row: Exchange) -> bool:
    return row.method == "HEAD" or row.status in (204, 205, 304)
