"""Requests, each put together from the events that tell of it, and the sum of them all."""

from __future__ import annotations

from collections import OrderedDict
from dataclasses import dataclass

from txcdp.cli._lines import Line, Mood
from txcdp.cli._text import clean, seconds, size
from txcdp.domains import network

#: Kinds of requests that may go on for ever, or that no page waits for: they do not keep it busy.
ENDLESS = frozenset({"EventSource", "WebSocket", "Ping"})

#: How many ended requests are remembered, to know their late echoes in other sessions by.
_REMEMBERED = 2000


@dataclass
class Request:
    """One request with its response; a redirect ends one and begins another.

    :ivar started: on the browser's monotonic clock, like ``ended``.
    :ivar status: 0 where there was no response.
    :ivar received: bytes that came over the network.
    :ivar cached: where it came from instead of the network: ``"memory"``, ``"disk"`` and the like.
    :ivar error: the browser's name for what went wrong.
    :ivar redirect: where it was sent on to.
    """

    id: str
    url: str
    method: str
    type: str
    started: float
    session: str | None
    frame: str | None
    loader: str
    is_document: bool
    status: int = 0
    received: float = 0
    cached: str = ""
    error: str = ""
    cancelled: bool = False
    redirect: str = ""
    ended: float | None = None
    told: bool = False

    @property
    def took(self) -> float:
        """Seconds from its beginning to its end."""
        return (self.ended or self.started) - self.started

    @property
    def failed(self) -> bool:
        """Whether there was no good answer; what the page itself cancelled has not failed."""
        return (bool(self.error) and not self.cancelled) or self.status >= 400

    @property
    def busy(self) -> bool:
        """Whether a page that waits for the network waits for it."""
        return self.type not in ENDLESS

    @property
    def outcome(self) -> str:
        """How it ended, in a word or a status."""
        if self.error and self.status < 400:
            return "cancelled" if self.cancelled else self.error
        return str(self.status) if self.status else "no answer"


class Requests:
    """All requests of a page, its frames and its workers.

    Ids are unique in a browser, so that a request which two sessions tell of is one.

    :ivar open: those in flight, by id.
    :ivar ended: how many have ended, by type.
    """

    def __init__(self) -> None:
        self.open: dict[str, Request] = {}
        self._over: OrderedDict[tuple[str, str], None] = OrderedDict()
        self._not_modified: set[str] = set()

    @property
    def in_flight(self) -> int:
        """How many requests a page that waits for the network waits for."""
        return sum(each.busy for each in self.open.values())

    def begun(self, event: network.RequestWillBeSent, session: str | None) -> tuple[Request | None, Request | None]:
        """Take a request's beginning.

        :returns: what it ends, where it is a redirect; and the new request, where it is one.
        """
        redirected = None
        url = event.request.url + (event.request.url_fragment or "")
        earlier = self.open.get(event.request_id)
        if earlier is not None and event.redirect_response is not None:
            if earlier.url == url and earlier.redirect:
                return None, None
            self._answered(earlier, event.redirect_response)
            earlier.redirect = url
            redirected = self._end(earlier, event.timestamp)
        elif earlier is not None:
            return None, None
        if event.request.url.startswith("data:") or (event.request_id, url) in self._over:
            return redirected, None
        request = Request(
            event.request_id,
            url,
            event.request.method,
            event.type or "Other",
            event.timestamp,
            session,
            event.frame_id,
            event.loader_id,
            event.type == "Document" and event.request_id == event.loader_id,
        )
        self.open[request.id] = request
        return redirected, request

    def answered(self, event: network.ResponseReceived) -> Request | None:
        """Take a response's headers."""
        request = self.open.get(event.request_id)
        if request is not None:
            request.type = event.type
            self._answered(request, event.response)
        return request

    def answered_further(self, event: network.ResponseReceivedExtraInfo) -> None:
        """Take what was really said: a revalidated response shows the cached one's status otherwise."""
        request = self.open.get(event.request_id)
        if request is None or event.status_code != 304:
            return
        if request.status:
            request.status = 304
        self._not_modified.add(request.id)

    def from_memory(self, event: network.RequestServedFromCache) -> None:
        """Take that no request was made at all."""
        request = self.open.get(event.request_id)
        if request is not None:
            request.cached = "memory"

    def finished(self, event: network.LoadingFinished) -> Request | None:
        """Take a good end."""
        request = self.open.get(event.request_id)
        if request is None:
            return None
        request.received = max(event.encoded_data_length, 0)
        return self._end(request, event.timestamp)

    def failed(self, event: network.LoadingFailed) -> Request | None:
        """Take a bad end."""
        request = self.open.get(event.request_id)
        if request is None:
            return None
        cors = event.cors_error_status
        request.error = event.error_text or "failed"
        if event.blocked_reason:
            request.error += f" (blocked: {event.blocked_reason})"
        elif cors is not None and cors.cors_error:
            request.error += f" (CORS: {cors.cors_error})"
        request.cancelled = bool(event.canceled) and not event.blocked_reason
        return self._end(request, event.timestamp)

    def document_stopped(self, loader: str) -> Request | None:
        """Take that a document was stopped while its body was to come: the browser does not tell how that ends."""
        request = self.open.get(loader)
        if request is None:
            return None
        request.error, request.cancelled = "net::ERR_ABORTED", True
        return self._end(request, request.started)

    def document_gone(self, loader: str) -> None:
        """Forget what was asked for by a document that is gone: the browser does not tell how that ends."""
        for request in [each for each in self.open.values() if each.loader == loader]:
            del self.open[request.id]

    def session_ended(self, session: str) -> None:
        """Forget what a session can no longer tell the end of."""
        for request in [each for each in self.open.values() if each.session == session]:
            del self.open[request.id]

    def _answered(self, request: Request, response: network.Response) -> None:
        request.status = 304 if request.id in self._not_modified else response.status
        request.received = max(response.encoded_data_length or 0, 0)
        if response.from_disk_cache:
            request.cached = "disk"
        elif response.from_service_worker:
            request.cached = "worker"
        elif response.from_prefetch_cache:
            request.cached = "prefetch"

    def _end(self, request: Request, when: float) -> Request:
        request.ended = when
        del self.open[request.id]
        self._not_modified.discard(request.id)
        self._over[request.id, request.url] = None
        if len(self._over) > _REMEMBERED:
            self._over.popitem(last=False)
        return request


def line(request: Request, url: str, redirect: str = "") -> Line:
    """Return an ended request as a line.

    :param url: its URL as it is to be shown, and ``redirect`` as well.
    """
    notes = []
    if request.redirect:
        notes.append(f"→ {redirect or request.redirect}")
    if request.error:
        notes.append("cancelled" if request.cancelled else request.error)
    if request.cached == "worker":
        notes.append("(service worker)")
    where = {"memory": "memory", "disk": "disk", "prefetch": "prefetch"}.get(request.cached)
    status = str(request.status) if request.status else "---"
    if request.error and not request.cancelled and request.status < 400:
        status = "ERR"
    return Line(
        "network",
        clean(f"{status} {request.method}"),
        clean(url),
        note=clean(" ".join(notes)),
        size=where or (size(request.received) if request.received or request.status else ""),
        took=seconds(request.took) if request.ended is not None else "",
        mood=mood(request),
        is_url=True,
    )


def mood(request: Request) -> Mood:
    """Return how good a request's end is."""
    if request.failed:
        return "bad"
    if request.cancelled:
        return "quiet"
    return "moved" if 300 <= request.status < 400 else "good" if request.status else "plain"
