"""An exchange: a request and its outcome, live.

It reads the row that the model keeps for it (:class:`txcdp.model.Exchange`), so that everything known about it is
stored in one place. This module contains what programs do with it: wait, read bodies, follow its progress as streams.
"""

from __future__ import annotations

import codecs
import contextlib
from base64 import b64decode
from collections.abc import Callable
from typing import TYPE_CHECKING, Any, Final, TypedDict
from urllib.parse import urlsplit

from twisted.internet.defer import Deferred, succeed

from txcdp._deferreds import OneShot, failing_deferreds, returns_deferred, with_deadline
from txcdp._privacy import printable, shown_url
from txcdp.domains import network
from txcdp.errors import (
    BodyEvicted,
    BodyOfRedirect,
    CommandError,
    DocumentBroken,
    Gone,
    NavigationError,
    NetworkError,
    NoBody,
)
from txcdp.model import Exchange as Row
from txcdp.model import ExchangeState
from txcdp.network import _calls
from txcdp.network import _headers as headers_of
from txcdp.network._bodies import ExchangeStreams, ServerSentEvent
from txcdp.network._requests import Request, RequestSizes
from txcdp.network._responses import Body, Response, python_charset
from txcdp.network._web_sockets import WebSocket
from txcdp.streams import Stream

if TYPE_CHECKING:
    from txcdp.network._following import Network
    from txcdp.page import Frame, Page, Worker

#: The explanations for an exchange whose end the browser does not report.
_UNTOLD: Final = {
    ExchangeState.STOPPED: "net::ERR_ABORTED",
    ExchangeState.ABANDONED: "the document that requested it is gone",
    ExchangeState.DETACHED: "what requested it was closed or is gone, or the connection was lost",
    ExchangeState.CRASHED: "the process that requested it has crashed",
}

#: The states in which an exchange is complete.
_WELL: Final = frozenset({ExchangeState.FINISHED, ExchangeState.REDIRECTED, ExchangeState.CLOSED})

#: Sources of a response that are neither a server nor a service worker.
_CACHES: Final = frozenset({"disk", "memory", "prefetch"})

#: Seconds to wait for the headers really sent and received, once the response has arrived.
_EXTRA_INFO: Final = 2.0


_LEFT: Final = "what requested it is gone"

_NOT_KEPT: Final = (
    "the browser does not tell it: the page has taken it as a Blob, or has not taken it yet, as what is prefetched, "
    "or it is a picture that cannot be shown"
)

#: The byte order marks of texts, which the browser omits.
_MARKS: Final = (("utf-8", codecs.BOM_UTF8), ("utf-16-le", codecs.BOM_UTF16_LE), ("utf-16-be", codecs.BOM_UTF16_BE))


class RequestTiming(TypedDict):
    """The times of the steps of an exchange, in seconds.

    ``start_time`` is counted from 1970, the others from ``start_time``; None: the step did not happen, or was not
    reported.
    """

    start_time: float
    domain_lookup_start: float | None
    domain_lookup_end: float | None
    connect_start: float | None
    secure_connection_start: float | None
    connect_end: float | None
    request_start: float | None
    response_start: float | None
    response_end: float | None


@failing_deferreds
class Exchange:
    """A request and its outcome, one for each hop of a redirect; an item of ``page.exchanges``.

    :ivar request: the :class:`Request`.
    :ivar response: the :class:`Response`; None until its headers have arrived.
    :ivar frame: the frame that made the request; for a dedicated worker, the frame that started it; None for other
        workers.
    :ivar page: the page that it belongs to; None for a service worker's.
    :ivar worker: the worker that made the request; None for a document.
    :ivar redirected_from: the exchange that redirected to this one.
    :ivar redirected_to: the exchange that this one redirected to.
    """

    __slots__ = (
        *("__weakref__", "_answered", "_body", "_ended", "_network", "_row", "_streams", "_web_socket"),
        *("frame", "page", "redirected_from", "redirected_to", "request", "response", "worker"),
    )

    def __init__(
        self, of: Network, row: Row, frame: Frame | None = None, page: Page | None = None, worker: Worker | None = None
    ) -> None:
        self._network = of
        self._row = row
        self._answered: OneShot[None] | None = None
        self._ended: OneShot[None] | None = None
        self._body: Body | None = None
        self._streams: ExchangeStreams | None = None
        self._web_socket: WebSocket | None = None
        self.frame = frame
        self.page = page
        self.worker = worker
        self.request = Request(self)
        self.response: Response | None = None
        self.redirected_from: Exchange | None = None
        self.redirected_to: Exchange | None = None

    def __repr__(self) -> str:
        row = self._row
        status = f" {row.status}" if row.status else ""
        return printable(f"<Exchange {row.method} {shown_url(self.url)}{status} ({row.state.value})>")

    # What is known:

    @property
    def url(self) -> str:
        """The URL of the request, without a fragment."""
        return self._row.url.partition("#")[0]

    @property
    def finished(self) -> bool:
        """Whether it has ended, successfully or not."""
        return self._row.state.is_end

    @property
    def failure(self) -> str | None:
        """Why it failed, with what blocked it; None if it did not fail, or has not ended.

        If the browser does not report the end, it says what is gone: the document that made the request, the session or
        the process.
        """
        row = self._row
        if not row.state.is_end or row.state in _WELL:
            return None
        return row.failure or _UNTOLD.get(row.state, "it failed")

    @property
    def initiator(self) -> network.Initiator | None:
        """What caused the request: the parser, a script with its stack, a preflight...; None if it is not reported."""
        return self._row.initiator

    @property
    def priority(self) -> str:
        """The request's priority, as last reported by the browser: ``"VeryLow"``, ``"Low"``, ``"Medium"``,
        ``"High"``...
        """
        return self._row.priority

    @property
    def protocol(self) -> str:
        """The network protocol, by the browser's name: ``"http/1.1"``, ``"h2"``, ``"h3"``...; "" if not reported."""
        said = self._row.response
        return "" if said is None else said.protocol or ""

    @property
    def from_cache(self) -> bool:
        """Whether the response came from one of the browser's caches: on disk, in memory, or a prefetch."""
        return self._row.cached in _CACHES

    @property
    def from_service_worker(self) -> bool:
        """Whether a service worker responded."""
        return self._row.response is not None and bool(self._row.response.from_service_worker)

    @property
    def timing(self) -> RequestTiming:
        """The times of its steps as far as they are known; a dict of seconds."""
        row = self._row
        said = row.timing
        if said is None:
            return _untimed(row)
        started = row.wall_time + (said.request_time - row.started if row.started else 0.0)
        end = None if row.ended is None else max(row.ended - said.request_time, 0.0)
        return RequestTiming(
            start_time=started,
            domain_lookup_start=_seconds(said.dns_start),
            domain_lookup_end=_seconds(said.dns_end),
            connect_start=_seconds(said.connect_start),
            secure_connection_start=_seconds(said.ssl_start),
            connect_end=_seconds(said.connect_end),
            request_start=_seconds(said.send_start),
            response_start=_seconds(said.receive_headers_end),
            response_end=end,
        )

    @property
    def sizes(self) -> RequestSizes:
        """The number of bytes transferred so far, as ``Request.sizes`` returns them."""
        return _sizes(self._row, self.request, self.response)

    # What comes:

    def when_response(self) -> Deferred[Response]:
        """Wait for the response's headers.

        :returns: fires with the :class:`Response`, at once if it has arrived. Fails with :exc:`NetworkError` if the
            exchange ends without one.
        """
        return self._when_answered().addCallback(lambda _: self._response())

    def when_finished(self) -> Deferred[Exchange]:
        """Wait until the exchange has ended, successfully or not.

        :returns: fires with the exchange itself, at once if it has ended.
        """
        if self._row.state.is_end:
            return succeed(self)
        if self._ended is None:
            self._ended = OneShot()
        return self._ended.wait().addCallback(lambda _: self)

    @returns_deferred
    async def body(self) -> bytes:
        """Return the decompressed body of the response (``Network.getResponseBody``).

        The browser keeps bodies while the document that made the request exists, up to a limit for each and for all
        together: read those that you need as they arrive, or see :attr:`chunks`. A body that was read once is kept
        here.

        :returns: fires with the body once it is complete. Fails with :exc:`BodyOfRedirect`, with :exc:`BodyEvicted` if
            the browser no longer has it, with :exc:`NoBody` if there is none; and with :exc:`NetworkError`, or
            :exc:`NavigationError`, if the exchange failed.
        """
        return (await self._whole()).data

    @property
    def _has_none(self) -> bool:
        """Whether a response of this kind has no body."""
        row = self._row
        return row.method == "HEAD" or row.status in (204, 205) or row.preflight_for is not None

    @property
    def _has_come(self) -> bool:
        """Whether any part of a body has arrived, according to the browser's counts."""
        row = self._row
        if row.body_decoded or self.response is None:
            return row.body_decoded > 0
        headers = self.response.headers
        least = len(b"0\r\n\r\n") if "transfer-encoding" in headers else 0
        return "content-encoding" not in headers and self.sizes["responseBodySize"] > least

    async def _whole(self) -> Body:
        if self._body is None:
            await self._when_whole()
            self._body = await self._read()
        return self._body

    @property
    def data(self) -> Stream[network.DataReceived]:
        """The progress of the body: the browser's events, with ``data_length`` and so on; the stream completes."""
        return self._of_it().data

    @property
    def chunks(self) -> Stream[bytes]:
        """The decompressed body as it arrives (``Network.streamResourceContent``).

        The first subscriber gets the whole body, including what has already arrived; later ones get the rest. Chunks
        are pushed as the browser sends them: use a :func:`~txcdp.streams.queue` to buffer them. The stream completes
        with the body, fails like :meth:`body` if the body breaks off or does not exist, and with :exc:`BodyIncomplete`
        if the browser left out part of it.
        """
        return self._of_it().chunks

    @property
    def server_sent_events(self) -> Stream[ServerSentEvent]:
        """The events that a server sends to an ``EventSource``; a stream that completes with the exchange."""
        return self._of_it().server_sent_events

    @property
    def web_socket(self) -> WebSocket | None:
        """The :class:`WebSocket` whose handshake this is; None for any other request."""
        if self._web_socket is None and self._row.type == "WebSocket":
            self._web_socket = WebSocket(self)
            if self.finished:
                self._web_socket._finish()
        return self._web_socket

    def as_curl(self) -> str:
        """Return a curl command line that sends the same request, with its cookies and any secrets in it.

        A body of over 1 MiB is read from the command's standard input: ``await exchange.request.fetch_post_data()``
        returns it.
        """
        return _calls.curl(self.request)

    def as_treq(self) -> dict[str, Any]:
        """Return the arguments for ``treq.request`` to send the same request, with any secrets in it.

        :returns: the arguments by name: ``await treq.request(**exchange.as_treq())``. For a body of over 1 MiB,
            ``data`` is None: set it to the result of ``await exchange.request.fetch_post_data()``.
        """
        return _calls.treq(self.request)

    def _of_it(self) -> ExchangeStreams:
        if self._streams is None:
            self._streams = ExchangeStreams(self)
        return self._streams

    async def _read(self) -> Body:
        row = self._row
        if row.state is ExchangeState.REDIRECTED:
            raise BodyOfRedirect(self.url)
        if row.type in ("WebSocket", "WebTransport"):
            raise NoBody(self.url, "a WebSocket has messages instead of a body")
        if self._has_none:
            raise NoBody(self.url, f"a {row.status} response to {row.method} has none")
        if row.is_status_alone:
            return Body(b"", "")
        error: CommandError | Gone | None = None
        for key in dict.fromkeys((row.session_id, row.started_in)):
            session = self._network.session_of(key)
            if session is None:
                continue
            try:
                got = await session.execute(network.get_response_body(request_id=row.request_id))
            except (CommandError, Gone) as refused:
                error = error or refused
            else:
                if not got.body and self._has_come:
                    raise NoBody(self.url, _NOT_KEPT)
                return Body(b64decode(got.body)) if got.base64_encoded else _body_of_text(got.body, row)
        raise BodyEvicted(
            self.url, error.message if isinstance(error, CommandError) else str(error or _LEFT)
        ) from error

    def _response(self) -> Response:
        if self.response is None:
            raise self._error()
        return self.response

    def _error(self) -> Exception:
        """Return the error for a failed exchange."""
        text = self.failure or "there was no response"
        if not self._row.is_navigation:
            return NetworkError(self.url, text)
        if self._row.state is ExchangeState.FAILED and self.response is not None:
            return DocumentBroken(self.url, text, self.response.status)
        return NavigationError(self.url, text)

    def _when_answered(self) -> Deferred[None]:
        """Wait for the response, or for an end without one."""
        if self.response is not None or self._row.state.is_end:
            return succeed(None)
        if self._answered is None:
            self._answered = OneShot()
        return self._answered.wait()

    async def _when_whole(self) -> None:
        """Wait for the whole body, or fail with what prevented it."""
        await self.when_finished()
        error = self._broken()
        if error is not None:
            raise error

    def _broken(self) -> Exception | None:
        """Return why a body is incomplete at the end; None if it is complete, even if empty."""
        return None if self.failure is None or self._row.is_status_alone else self._error()

    # What was really sent and received, which is told on another way than the rest:

    async def _when_request_told(self) -> None:
        await self._when_told(lambda: self._row.request_extra is not None)

    async def _when_response_told(self) -> None:
        await self._when_told(lambda: self._row.response_extra is not None)

    async def _when_held_request_told(self) -> None:
        """Wait for the headers that were sent, while the response is held: they are reported once it continues."""
        await self._until_told_or_late(lambda: self._row.request_extra is not None)

    async def _when_told(self, is_told: Callable[[], bool]) -> None:
        row = self._row
        if is_told() or row.has_extra_info is False:
            return
        await self._when_answered()
        if is_told() or row.has_extra_info is not True:
            return  # without a response there may be none
        await self._until_told_or_late(is_told)

    async def _until_told_or_late(self, is_told: Callable[[], bool]) -> None:
        waiting = Deferred.fromCoroutine(self._until_told(is_told))
        with contextlib.suppress(TimeoutError):
            await with_deadline(self._network.clock, waiting, _EXTRA_INFO, TimeoutError)

    async def _until_told(self, is_told: Callable[[], bool]) -> None:
        while not is_told():
            await self._network.waits.when_extra_info(self._row.id)

    # What the network tells:

    def _responded(self) -> None:
        """Note that the response's headers have arrived."""
        if self.response is None:
            self.response = Response(self)
        answered, self._answered = self._answered, None
        if answered is not None:
            answered.fire(None)

    def _finish(self) -> None:
        """Note that it has ended."""
        if self._streams is not None:
            self._streams.finish()
        if self._web_socket is not None:
            self._web_socket._finish()
        answered, self._answered = self._answered, None
        if answered is not None:
            answered.fire(None)
        ended, self._ended = self._ended, None
        if ended is not None:
            ended.fire(None)


def _untimed(row: Row) -> RequestTiming:
    """Return the known times of an exchange that the network has not measured."""
    return RequestTiming(
        start_time=row.wall_time,
        domain_lookup_start=None,
        domain_lookup_end=None,
        connect_start=None,
        secure_connection_start=None,
        connect_end=None,
        request_start=None,
        response_start=None,
        response_end=None if row.ended is None or not row.started else max(row.ended - row.started, 0.0),
    )


def _seconds(milliseconds: float) -> float | None:
    return milliseconds / 1000 if milliseconds >= 0 else None


def _sizes(row: Row, request: Request, response: Response | None) -> RequestSizes:
    """Return the number of bytes transferred by an exchange; 0 for a response from a cache."""
    sent = RequestSizes(requestBodySize=0, requestHeadersSize=0, responseBodySize=0, responseHeadersSize=0)
    path = urlsplit(row.url)
    if (row.cached in _CACHES and row.status != 304) or path.scheme not in ("http", "https", "ws", "wss"):
        return sent
    line = f"{row.method} {path.path or '/'}{'?' + path.query if path.query else ''} HTTP/1.1"
    sent["requestBodySize"] = request._body_size()
    sent["requestHeadersSize"] = headers_of.size(request._pairs(True), line)
    if response is not None:
        heads = 0.0 if row.response is None else row.response.encoded_data_length
        if row.response_extra is not None and row.response_extra.headers_text:
            heads = len(row.response_extra.headers_text)
        elif heads <= 0:
            heads = headers_of.size(response._pairs(True), f"HTTP/1.1 {row.status} {response.status_text}")
        sent["responseHeadersSize"] = int(heads)
        sent["responseBodySize"] = max(int(row.received - heads), row.body_encoded, 0)
    return sent


def _body_of_text(text: str, row: Row) -> Body:
    """Return a body that the browser has decoded to text: it reports the number of bytes and the charset.

    If it reports no charset, it has guessed one, as browsers do; the original bytes are certain if their number is
    right.
    """
    said = "" if row.response is None else row.response.charset
    told = python_charset(said or "utf-8")
    for codec, mark in ((told, b""), *_MARKS, ("utf-8", b""), ("cp1252", b"")):
        with contextlib.suppress(LookupError, UnicodeError):
            data = mark + text.encode(codec)
            if len(data) == row.body_decoded and "\ufffd" not in text:
                return Body(data, text, exact=True)
    return Body(text.encode("utf-8", "surrogatepass"), text, exact=False)
