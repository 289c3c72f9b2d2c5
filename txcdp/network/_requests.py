"""The request of an exchange."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any, NamedTuple, TypedDict
from urllib.parse import parse_qsl

from twisted.internet.defer import Deferred, succeed

from txcdp._deferreds import failing_deferreds, returns_deferred
from txcdp._other_names import ADVICE_OF_REQUESTS, NearNames
from txcdp._privacy import printable, shown_url
from txcdp.domains import network
from txcdp.errors import CommandError, NoBody
from txcdp.network import _headers as headers_of
from txcdp.network._headers import Header
from txcdp.network._pieces import decoded

if TYPE_CHECKING:
    from txcdp.network._exchange import Exchange, RequestTiming
    from txcdp.network._interception import PausedRequest
    from txcdp.network._responses import Response
    from txcdp.page import Frame, Worker


class RequestSizes(TypedDict):
    """The bytes transferred over the network for a request and its response."""

    requestBodySize: int
    requestHeadersSize: int
    responseBodySize: int
    responseHeadersSize: int


class Overrides(NamedTuple):
    """The changes that a route made to a request, for later routes; None: unchanged."""

    url: str | None = None
    method: str | None = None
    headers: Mapping[str, str] | None = None
    post_data: bytes | None = None

    def any(self) -> bool:
        """Return whether there are any changes; an empty body is one, too."""
        return any(each is not None for each in self)


@failing_deferreds
class Request(NearNames):
    """A request of a page or a worker; an item of ``page.requests``.

    If a route changed its method, headers or body, these have the changed values.

    :ivar exchange: the :class:`Exchange` that it began.
    """

    _elsewhere = ADVICE_OF_REQUESTS

    __slots__ = ("_held", "_overrides", "_paused_headers", "_sent_url", "exchange")

    def __init__(self, exchange: Exchange) -> None:
        self.exchange = exchange
        self._overrides: Overrides | None = None
        #: The headers that ``Fetch`` reports, which include more than those of ``Network``, such as ``Accept``.
        self._paused_headers: Mapping[str, Any] | None = None
        #: The URL to which a route has sent it instead, unnoticed by the page.
        self._sent_url: str | None = None
        #: The paused request that waits, or waited, for a route's decision.
        self._held: PausedRequest | None = None

    def __repr__(self) -> str:
        return printable(f"<Request {self.method} {shown_url(self.url)}>")

    @property
    def url(self) -> str:
        """The URL, without a fragment."""
        instead = self._overrides
        return self.exchange.url if instead is None or instead.url is None else instead.url

    @property
    def method(self) -> str:
        """The method, such as ``"GET"``."""
        instead = self._overrides
        return self.exchange._row.method if instead is None or instead.method is None else instead.method

    @property
    def resource_type(self) -> str:
        """The type of the resource, in lower case.

        ``"document"``, ``"stylesheet"``, ``"image"``, ``"media"``, ``"font"``, ``"script"``, ``"texttrack"``,
        ``"xhr"``, ``"fetch"``, ``"eventsource"``, ``"websocket"``, ``"manifest"``, ``"ping"`` (a beacon),
        ``"prefetch"``, ``"preflight"``, ``"other"``...
        """
        row = self.exchange._row
        return "preflight" if row.preflight_for is not None else row.type.lower()

    @property
    def frame(self) -> Frame | None:
        """The frame that made the request, or started the dedicated worker that did; None for other workers."""
        return self.exchange.frame

    def is_navigation_request(self) -> bool:
        """Return whether the request is for a document."""
        return self.exchange._row.is_navigation

    @property
    def redirected_from(self) -> Request | None:
        """The request that was redirected to this one."""
        before = self.exchange.redirected_from
        return None if before is None else before.request

    @property
    def redirected_to(self) -> Request | None:
        """The request that this one was redirected to."""
        after = self.exchange.redirected_to
        return None if after is None else after.request

    @property
    def failure(self) -> str | None:
        """Why it failed, such as ``"net::ERR_CONNECTION_REFUSED"``; None if it did not fail.

        If the browser reports only what blocked it, it is that, such as ``"mixed-content"`` or ``"csp"``. It is also
        ``"net::ERR_ABORTED"`` if whatever made the request is gone; ``Exchange.failure`` says what.
        """
        row = self.exchange._row
        failure = self.exchange.failure
        return None if failure is None else row.error_text or row.failure or "net::ERR_ABORTED"

    @property
    def timing(self) -> RequestTiming:
        """The times of its steps; see ``Exchange.timing``."""
        return self.exchange.timing

    @returns_deferred
    async def sizes(self) -> RequestSizes:
        """Return the number of bytes transferred over the network.

        :returns: fires when the exchange ends with a dict: ``requestBodySize``, ``requestHeadersSize``,
            ``responseBodySize`` and ``responseHeadersSize``; 0 for what came from a cache.
        """
        await self.exchange.when_finished()
        return self.exchange.sizes

    @returns_deferred
    async def response(self) -> Response | None:
        """Return the response.

        :returns: fires with the response once its headers have arrived, or with None if the request ends without one.
        """
        await self.exchange._when_answered()
        return self.exchange.response

    @property
    def existing_response(self) -> Response | None:
        """The response, or None while its headers have not arrived; :meth:`response` waits for them."""
        return self.exchange.response

    @property
    def service_worker(self) -> Worker | None:
        """The service worker that made the request; None for a page or another worker."""
        worker = self.exchange.worker
        return worker if worker is not None and worker.session.kind == "service_worker" else None

    # Headers:

    @property
    def headers(self) -> dict[str, str]:
        """The headers that the page has set, keyed by lower-case name; the browser adds cookies and others later."""
        instead = self._overrides
        if instead is not None and instead.headers is not None:
            return {name.lower(): value for name, value in instead.headers.items()}
        if self._paused_headers is not None:
            return headers_of.by_name(headers_of.pairs(self._paused_headers))
        return headers_of.by_name(self._pairs(False))

    @returns_deferred
    async def all_headers(self) -> dict[str, str]:
        """Return all headers as sent, including cookies and others that the browser adds.

        While a route holds the request, it has not been sent: in that case these are :attr:`headers`.

        :returns: fires with the headers, keyed by lower-case name, as soon as the browser has reported them.
        """
        return headers_of.by_name(await self._all())

    @returns_deferred
    async def headers_array(self) -> list[Header]:
        """Return all headers as sent, one by one.

        :returns: fires with a list of dicts with ``name`` and ``value``.
        """
        return headers_of.array(await self._all())

    @returns_deferred
    async def header_value(self, name: str) -> str | None:
        """Return the value of one of the headers that :meth:`all_headers` returns.

        :param name: the name, in any case.
        :returns: fires with the value, or None if there is no such header.
        """
        return headers_of.by_name(await self._all()).get(name.lower())

    async def _all(self) -> list[tuple[str, str]]:
        held = self._held
        if held is None or held.answered:
            await self.exchange._when_request_told()
        elif held.response:
            await self.exchange._when_held_request_told()
        else:
            return list(self.headers.items())
        return self._pairs(True)

    def _pairs(self, sent: bool) -> list[tuple[str, str]]:
        """Return the headers: those that were really sent, if they are known, otherwise those that were to be sent."""
        row = self.exchange._row
        if sent and row.request_extra is not None:
            return headers_of.pairs(row.request_extra.headers)
        if row.handshake is not None and row.handshake.request_headers and sent:
            return headers_of.pairs(row.handshake.request_headers)
        if row.request is not None:
            return headers_of.pairs(row.request.headers)
        return headers_of.pairs(None if row.handshake_request is None else row.handshake_request.headers)

    # What is sent:

    @property
    def has_post_data(self) -> bool:
        """Whether it has a body."""
        if self._overrides is not None and self._overrides.post_data is not None:
            return bool(self._overrides.post_data)
        said = self.exchange._row.request
        return said is not None and bool(said.has_post_data or said.post_data)

    @property
    def post_data_buffer(self) -> bytes | None:
        """The body; None if there is none, or if the browser sends it only on request: :meth:`fetch_post_data`.

        The latter applies to files and Blobs, and to bodies of over 1 MiB.
        """
        return self._told_body()

    @property
    def post_data(self) -> str | None:
        """The body as text."""
        data = self.post_data_buffer
        return None if data is None else data.decode("utf-8", "replace")

    @property
    def post_data_json(self) -> Any:
        """The body parsed as JSON or as a form; None if there is none.

        :raises ValueError: it is not valid JSON.
        """
        data = self.post_data
        if not data:
            return None
        if "application/x-www-form-urlencoded" in self.headers.get("content-type", ""):
            return dict(parse_qsl(data, keep_blank_values=True))
        return json.loads(data)

    def fetch_post_data(self) -> Deferred[bytes]:
        """Return the body of any size (``Network.getRequestPostData``).

        :returns: fires with the body. Fails with :exc:`NoBody` if there is none, or the browser does not provide it, as
            for files; and like ``Session.execute``.
        """
        data = self._told_body()
        return Deferred.fromCoroutine(self._fetch()) if data is None else succeed(data)

    def _told_body(self) -> bytes | None:
        if self._overrides is not None and self._overrides.post_data is not None:
            return self._overrides.post_data
        said = self.exchange._row.request
        if said is None:
            return None
        if said.has_post_data and said.post_data is None and self._held is not None:
            said = self._held.event.request  # of what is stopped the whole body is told, whatever its size
        entries = said.post_data_entries or ()
        if entries and all(each.bytes is not None for each in entries):
            return b"".join(each.bytes or b"" for each in entries)
        return None if said.post_data is None or entries else said.post_data.encode("utf-8", "surrogatepass")

    def _body_size(self) -> int:
        """Return the size of the body in bytes; if it was too large to be reported with the request, by its header."""
        data = self._told_body()
        if data is not None or not self.has_post_data:
            return len(data or b"")
        said = headers_of.by_name(self._pairs(True)).get("content-length", "")
        return int(said) if said.isdecimal() else 0

    async def _fetch(self) -> bytes:
        if not self.has_post_data:
            raise NoBody(self.url, "the request has no body")
        row = self.exchange._row
        session = self.exchange._network.session_of(row.started_in)
        if session is None:
            raise NoBody(self.url, "its sender is gone, and the browser no longer has its body")
        try:
            got = await session.execute(network.get_request_post_data(request_id=row.request_id))
        except CommandError as error:
            raise NoBody(self.url, f"the browser does not provide the request's body: {error.message}") from error
        return decoded(got.post_data, got.base64_encoded)
