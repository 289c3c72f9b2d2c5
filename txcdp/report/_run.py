"""A run: the neutral form that every source of a report is converted to.

A live page, a recording and a HAR file report the same things in different words, on different clocks, and each leaves
something out. Here everything is plain records with one clock, seconds since 1970; what the source has not reported is
None, and :attr:`Run.missing` says so in words. Records refer to others by their ids and hold none.
"""

from __future__ import annotations

import msgspec

#: Seconds, or for ``cls`` a number, up to which a vital is good, and above which it is poor, as published by web.dev.
THRESHOLDS = {"lcp": (2.5, 4.0), "cls": (0.1, 0.25), "inp": (0.2, 0.5), "fcp": (1.8, 3.0), "ttfb": (0.8, 1.8)}


class Phases(msgspec.Struct, kw_only=True, eq=True):
    """The phases of an exchange, in seconds; None: the phase did not happen, or is not reported.

    ``connect`` includes ``tls``, as in HAR; the others follow one another.

    :ivar blocked: before anything was done: queued, held back, waiting for a connection.
    :ivar dns: resolving the host name.
    :ivar connect: making the connection.
    :ivar tls: the TLS handshake, as a part of ``connect``.
    :ivar send: sending the request.
    :ivar wait: waiting for the response to begin.
    :ivar receive: receiving the response.
    """

    blocked: float | None = None
    dns: float | None = None
    connect: float | None = None
    tls: float | None = None
    send: float | None = None
    wait: float | None = None
    receive: float | None = None


class RunBody(msgspec.Struct, kw_only=True):
    """The beginning of a body.

    :ivar mime_type: the declared MIME type.
    :ivar text: the text; None: the body is not text.
    :ivar data: the bytes, if the body is not text.
    :ivar size: the size of the whole body in bytes.
    :ivar truncated: whether there is more than this.
    """

    mime_type: str
    text: str | None = None
    data: bytes = b""
    size: int = 0
    truncated: bool = False


class RunExchange(msgspec.Struct, kw_only=True):
    """A request and its outcome, one for each hop of a redirect.

    :ivar id: the id of the exchange.
    :ivar url: the URL with its fragment.
    :ivar type: the resource type, by its name in the protocol: ``"Document"``, ``"Fetch"``, ``"WebSocket"``...
    :ivar status: the status of the response; 0 if there is none.
    :ivar outcome: how it ended: ``"finished"``, ``"redirected"``, ``"failed"``, ``"cancelled"``, ``"closed"``,
        ``"pending"``, or another end of :class:`txcdp.model.ExchangeState`.
    :ivar failure: what went wrong, in words.
    :ivar frame_id: the frame that made the request, in :attr:`Run.frames`; ``""`` if not reported.
    :ivar document_id: the page's document that it belongs to, in :attr:`Run.documents`; ``""`` if not known.
    :ivar initiator: the cause of the request: ``"parser"``, ``"script"``...; ``initiator_url`` and ``initiator_line``
        (counted from 1) say where.
    :ivar cached: the cache that served it: ``"disk"``, ``"memory"``, ``"prefetch"``; ``"worker"``: a service worker.
    :ivar started: seconds since 1970, as are ``responded`` and ``ended``; None: it has not happened, or is not
        reported.
    :ivar sent: bytes sent, headers and body.
    :ivar transferred: bytes received over the network, headers and body.
    :ivar size: bytes of the body as the page got it.
    :ivar request_body: the body that was sent; None: there was none, or it is not reported.
    :ivar messages: for a WebSocket, how many messages were sent and received.
    """

    id: str
    url: str
    method: str = "GET"
    type: str = "Other"
    status: int = 0
    status_text: str = ""
    protocol: str = ""
    outcome: str = "pending"
    failure: str = ""
    frame_id: str = ""
    document_id: str = ""
    initiator: str = ""
    initiator_url: str = ""
    initiator_line: int | None = None
    priority: str = ""
    cached: str = ""
    remote: str = ""
    mime_type: str = ""
    started: float = 0.0
    responded: float | None = None
    ended: float | None = None
    phases: Phases = msgspec.field(default_factory=Phases)
    sent: int | None = None
    transferred: int | None = None
    size: int | None = None
    request_headers: list[tuple[str, str]] = []
    response_headers: list[tuple[str, str]] = []
    request_body: RunBody | None = None
    body: RunBody | None = None
    messages: tuple[int, int] | None = None


class RunMessage(msgspec.Struct, kw_only=True):
    """A console message, an uncaught exception, or a message of the browser itself.

    :ivar time: seconds since 1970.
    :ivar level: ``"error"``, ``"warning"``, ``"info"`` or ``"debug"``.
    :ivar source: ``"console"``, ``"exception"``, or the part of the browser that it came from, such as ``"network"``.
    :ivar url: where it happened; ``line`` is counted from 1.
    :ivar frame_id: the frame that it belongs to, in :attr:`Run.frames`.
    """

    time: float
    level: str = "info"
    source: str = "console"
    text: str = ""
    url: str = ""
    line: int | None = None
    frame_id: str = ""


class RunFrame(msgspec.Struct, kw_only=True):
    """A page, a frame or a worker.

    :ivar kind: ``"page"``, ``"frame"``, ``"worker"``, ``"shared_worker"``, ``"service_worker"``...
    :ivar parent_id: the frame that contains or opened it; ``""`` if none is known.
    :ivar url: its last URL.
    :ivar started: when it was first reported, in seconds since 1970; ``ended``: when it was gone; None: it stayed.
    :ivar crashed: whether its process has crashed.
    """

    id: str
    kind: str = "frame"
    parent_id: str = ""
    url: str = ""
    name: str = ""
    started: float = 0.0
    ended: float | None = None
    crashed: bool = False


class LongTask(msgspec.Struct, kw_only=True):
    """A task that kept a page busy for more than 50 ms, as reported by its ``PerformanceObserver``.

    :ivar frame_id: the frame; ``started``: seconds since 1970; ``duration``: seconds.
    :ivar where: the part of the page, as far as reported: ``"self"``, ``"same-origin-descendant"``...
    """

    frame_id: str
    started: float
    duration: float
    where: str = ""


class Vitals(msgspec.Struct, kw_only=True):
    """The web vitals of a document, as reported by its own ``PerformanceObserver``; None: no value.

    :ivar lcp: seconds from the navigation until the largest content was painted; ``lcp_element`` and ``lcp_url``
        identify that content.
    :ivar cls: how much the layout has shifted, in the worst window.
    :ivar inp: seconds from an interaction until the next paint, for the slowest interactions; None: there was no
        interaction.
    :ivar fcp: seconds until the first content was painted.
    :ivar ttfb: seconds until the first byte of the response.
    :ivar interactions: the number of interactions.
    """

    lcp: float | None = None
    lcp_element: str = ""
    lcp_url: str = ""
    cls: float | None = None
    inp: float | None = None
    inp_event: str = ""
    fcp: float | None = None
    ttfb: float | None = None
    interactions: int = 0

    def rating(self, name: str) -> str:
        """Return ``"good"``, ``"needs improvement"`` or ``"poor"``; ``""`` if there is no value.

        :param name: ``"lcp"``, ``"cls"``, ``"inp"``, ``"fcp"`` or ``"ttfb"``.
        """
        good, fair = THRESHOLDS[name]
        value = getattr(self, name)
        if value is None:
            return ""
        return "good" if value <= good else "needs improvement" if value <= fair else "poor"


class RunDocument(msgspec.Struct, kw_only=True):
    """A document of a page's main frame, with how far it got.

    :ivar id: its loader id.
    :ivar frame_id: the page, in :attr:`Run.frames`.
    :ivar started: when the navigation began, in seconds since 1970, like the other times.
    :ivar content_loaded: ``DOMContentLoaded``; ``loaded``: ``load``; None: it did not happen, or is not reported.
    :ivar error: what could not be reached, and why.
    :ivar vitals: its web vitals; None: the page was not observed.
    """

    id: str
    frame_id: str = ""
    url: str = ""
    title: str = ""
    started: float = 0.0
    content_loaded: float | None = None
    loaded: float | None = None
    error: str = ""
    vitals: Vitals | None = None


class RunPicture(msgspec.Struct, kw_only=True):
    """A picture of what a page looked like.

    :ivar time: when it was shown, in seconds since 1970.
    :ivar frame_id: the page.
    :ivar data: the bytes of a JPEG, PNG or WebP.
    """

    time: float
    data: bytes
    frame_id: str = ""


class Run(msgspec.Struct, kw_only=True):
    """One or several pages, from the beginning of the observation to its end.

    :ivar name: the name: the URL of a page, the name of a file.
    :ivar source: ``"page"``, ``"recording"`` or ``"HAR"``.
    :ivar browser: the browser with its version; ``""`` if not reported.
    :ivar started: seconds since 1970, as is ``ended``.
    :ivar missing: what the source does not contain, or only in part, in words.
    """

    name: str = ""
    source: str = "page"
    browser: str = ""
    started: float = 0.0
    ended: float = 0.0
    documents: list[RunDocument] = []
    frames: list[RunFrame] = []
    exchanges: list[RunExchange] = []
    messages: list[RunMessage] = []
    long_tasks: list[LongTask] = []
    pictures: list[RunPicture] = []
    missing: list[str] = []
