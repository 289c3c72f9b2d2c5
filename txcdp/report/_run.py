"""What a run was: the neutral form that everything a report is made from is brought into.

A live page, a recording and a HAR file say the same things in different words, on different clocks, and each leaves
something out. Here all of it is plain records with one clock, seconds since 1970; what the source has not told is None,
and :attr:`Run.missing` says so in words. Records name others by their ids and hold none.
"""

from __future__ import annotations

import msgspec

#: Milliseconds, or a number, up to which a vital is good, and above which it is poor: as web.dev publishes them.
THRESHOLDS = {"lcp": (2.5, 4.0), "cls": (0.1, 0.25), "inp": (0.2, 0.5), "fcp": (1.8, 3.0), "ttfb": (0.8, 1.8)}


class Phases(msgspec.Struct, kw_only=True, eq=True):
    """The parts of an exchange's time, in seconds; None: it did not happen, or is not told.

    ``connect`` includes ``tls``, as in HAR; the others follow each other.

    :ivar blocked: until something was done: queued, held back, waiting for a connection.
    :ivar dns: looking up the host.
    :ivar connect: making the connection.
    :ivar tls: of that, the TLS handshake.
    :ivar send: sending the request.
    :ivar wait: until the response began.
    :ivar receive: until all of it was here.
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

    :ivar mime_type: as it was declared.
    :ivar text: of a text; None: it is no text.
    :ivar data: the bytes of what is no text.
    :ivar size: bytes of all of it.
    :ivar truncated: whether there is more than this.
    """

    mime_type: str
    text: str | None = None
    data: bytes = b""
    size: int = 0
    truncated: bool = False


class RunExchange(msgspec.Struct, kw_only=True):
    """A request and what came of it, one for each hop of a redirect.

    :ivar id: its own.
    :ivar url: with its fragment.
    :ivar type: what it was for, as the protocol calls it: ``"Document"``, ``"Fetch"``, ``"WebSocket"``...
    :ivar status: the response's; 0: there was none.
    :ivar outcome: how it has ended: ``"finished"``, ``"redirected"``, ``"failed"``, ``"cancelled"``, ``"closed"``,
        ``"pending"``, or another end of :class:`txcdp.model.ExchangeState`.
    :ivar failure: what went wrong, in words.
    :ivar frame_id: what has asked, of :attr:`Run.frames`; ``""`` where that is not told.
    :ivar document_id: the page's document that it belongs to, of :attr:`Run.documents`; ``""``: none that is known.
    :ivar initiator: why it was asked for: ``"parser"``, ``"script"``...; ``initiator_url`` and ``initiator_line``
        (counted from 1) where.
    :ivar cached: the cache that has answered: ``"disk"``, ``"memory"``, ``"prefetch"``; ``"worker"``: a service worker.
    :ivar started: seconds since 1970, as are ``responded`` and ``ended``; None: it has not, or that is not told.
    :ivar sent: bytes that were sent, head and body.
    :ivar transferred: bytes that came over the network, head and body.
    :ivar size: bytes of the body as the page got it.
    :ivar request_body: what was sent; None: nothing, or it is not told.
    :ivar messages: of a WebSocket, how many were sent and received.
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
    """A line of a console, an exception that nobody has caught, or what the browser itself has said.

    :ivar time: seconds since 1970.
    :ivar level: ``"error"``, ``"warning"``, ``"info"`` or ``"debug"``.
    :ivar source: ``"console"``, ``"exception"``, or who of the browser has said it, such as ``"network"``.
    :ivar url: where; ``line`` counted from 1.
    :ivar frame_id: whose it is, of :attr:`Run.frames`.
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
    :ivar parent_id: what it is in, or was opened by; ``""``: nothing that is known.
    :ivar url: the last that it had.
    :ivar started: when it was first heard of, in seconds since 1970; ``ended``: when it was gone; None: it stayed.
    :ivar crashed: whether its process has.
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
    """A task that has kept a page busy for more than 50 ms, by its ``PerformanceObserver``.

    :ivar frame_id: whose; ``started``: seconds since 1970; ``duration``: seconds.
    :ivar where: which part of the page, as far as it tells: ``"self"``, ``"same-origin-descendant"``...
    """

    frame_id: str
    started: float
    duration: float
    where: str = ""


class Vitals(msgspec.Struct, kw_only=True):
    """The web vitals of a document, by its own ``PerformanceObserver``; None: there was none.

    :ivar lcp: seconds from the navigation until its largest content was painted, ``lcp_element`` and ``lcp_url`` what
        that was.
    :ivar cls: how much its layout has shifted, in the worst window.
    :ivar inp: seconds from an interaction until the next paint, of the slowest ones; None: nobody did anything.
    :ivar fcp: seconds until the first content was painted.
    :ivar ttfb: seconds until the first byte of the response.
    :ivar interactions: how many there were.
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
        """Return ``"good"``, ``"needs improvement"`` or ``"poor"``; ``""`` where there is none.

        :param name: ``"lcp"``, ``"cls"``, ``"inp"``, ``"fcp"`` or ``"ttfb"``.
        """
        good, fair = THRESHOLDS[name]
        value = getattr(self, name)
        if value is None:
            return ""
        return "good" if value <= good else "needs improvement" if value <= fair else "poor"


class RunDocument(msgspec.Struct, kw_only=True):
    """A document of a page's main frame, with how far it got.

    :ivar id: its loader's.
    :ivar frame_id: the page, of :attr:`Run.frames`.
    :ivar started: when the navigation began, in seconds since 1970; so are the others.
    :ivar content_loaded: ``DOMContentLoaded``; ``loaded``: ``load``; None: it did not come, or is not told.
    :ivar error: what could not be reached, and why.
    :ivar vitals: None: the page was not observed.
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
    """A page, or several, from when somebody began to look until nobody did.

    :ivar name: what it is called: the URL of a page, the name of a file.
    :ivar source: ``"page"``, ``"recording"`` or ``"HAR"``.
    :ivar browser: which, with its version; ``""``: not told.
    :ivar started: seconds since 1970; ``ended`` as well.
    :ivar missing: what the source does not tell, or only in part, in words.
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
