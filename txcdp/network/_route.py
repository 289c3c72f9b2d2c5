"""One request that is paused for a handler, and the decision about it."""

from __future__ import annotations

import os
import re
from collections.abc import AsyncGenerator, Callable, Mapping
from contextlib import aclosing
from functools import partial
from typing import Any, Final, Literal, Protocol
from urllib.parse import urlsplit

from twisted.internet.defer import Deferred

from txcdp._deferreds import failing_deferreds, returns_deferred
from txcdp._other_names import NearNames
from txcdp._privacy import printable, shown_url
from txcdp._timeouts import DEFAULT, Timeout
from txcdp.domains import fetch
from txcdp.errors import AlreadyHandled, BodyOfRedirect, BodyTooLarge, NoBody
from txcdp.network import _headers as headers_of
from txcdp.network._api_response import APIResponse, ReceivedResponse, is_received, read_response
from txcdp.network._fulfilment import (
    Fulfilment,
    asking_origin,
    entries,
    given_headers,
    phrase_of,
    posted,
    reason_of,
    request_headers,
    without_none,
)
from txcdp.network._headers import Header
from txcdp.network._interception import PausedRequest
from txcdp.network._pieces import pieces_of
from txcdp.network._requests import Overrides, Request
from txcdp.streams import Stream
from txcdp.streams._pulled import PulledStream

#: The stage at which a request is paused: before it is sent, or when the headers of its response have arrived.
Stage = Literal["request", "response"]

#: The default limit in bytes for a response body that is read as a whole.
MOST_OF_BODY: Final = 64 * 1024 * 1024

_REDIRECTS: Final = frozenset({301, 302, 303, 307, 308})


class RouteResponse:
    """The head of a response whose body has not reached the page yet; see ``Route.response``.

    :ivar url: the URL that it came from.
    :ivar status: the HTTP status, such as 200.
    :ivar status_text: the server's text for it, such as ``"OK"``.
    :ivar headers: keyed by lower-case name; repeated headers are joined by commas, ``set-cookie`` by line breaks.
    """

    def __init__(self, event: fetch.RequestPaused) -> None:
        self.url: str = event.request.url
        self.status: int = event.response_status_code or 0
        self.status_text: str = event.response_status_text or ""
        self._headers = [(each.name, each.value) for each in event.response_headers or ()]
        self.headers: dict[str, str] = headers_of.by_name(self._headers)

    def __repr__(self) -> str:
        return printable(f"<RouteResponse {self.status} {shown_url(self.url)}>")

    @property
    def ok(self) -> bool:
        """Whether the status is 200 to 299."""
        return 200 <= self.status <= 299

    @property
    def headers_array(self) -> list[Header]:
        """The headers as received, one by one: dicts with ``name`` and ``value``."""
        return headers_of.array(self._headers)

    @property
    def _is_redirect(self) -> bool:
        return self.status in _REDIRECTS and "location" in self.headers


@failing_deferreds
class Route(NearNames):
    """A request that waits for a decision, as given to handlers of ``page.route`` and emitted by ``requests_paused``.

    The first call of :meth:`continue_`, :meth:`fulfill`, :meth:`abort` or :meth:`fallback` decides. Each of them has
    sent the decision when it returns; it does not fail if the page has cancelled the request meanwhile.

    :ivar request: the :class:`Request`, with the changes that earlier handlers made by :meth:`fallback`.
    :ivar stage: ``"request"``: nothing was sent yet; ``"response"``: the response's headers have arrived.
    :ivar response: the head of the response, a :class:`RouteResponse`, at the response stage; otherwise None.
    """

    def __init__(self, paused: PausedRequest, request: Request, turn: Turn) -> None:
        self.request = request
        self.stage: Stage = "response" if paused.response else "request"
        self.response = RouteResponse(paused.event) if paused.response else None
        self._paused = paused
        self._turn = turn
        self._body: bytes | None = None
        self._taken = False

    def __repr__(self) -> str:
        state = " (handled)" if self._turn.decided else ""
        return printable(f"<Route {self.stage} {self.request.method} {shown_url(self.request.url)}{state}>")

    def continue_(
        self,
        *,
        url: str | None = None,
        method: str | None = None,
        headers: Mapping[str, str | None] | None = None,
        post_data: Any = None,
        status: int | None = None,
    ) -> Deferred[None]:
        """Continue the request (``Fetch.continueRequest``, ``Fetch.continueResponse``), with the given changes.

        No other handler is called. The page does not learn about a changed URL. At the response stage the body goes to
        the page as it arrives; a body that was read by :meth:`body` is sent to it.

        :param url: another URL, with the same scheme.
        :param method: another method, such as ``"POST"``.
        :param headers: all headers; those whose value is None are left out. Redirects get them too, except a
            ``Cookie``. Headers that only the browser can set, such as ``Host`` and ``Content-Length``, stay as they
            are. At the response stage, the response's headers.
        :param post_data: the body: bytes, a str, or anything that can be encoded as JSON.
        :param status: the status of the response, at the response stage.
        :returns: fires with None once the browser has the decision. Fails with :exc:`AlreadyHandled`; with
            :exc:`ValueError` or :exc:`TypeError`, without deciding, for invalid arguments; otherwise like
            ``Session.execute``.
        """
        if self.stage == "response":
            return self._continue_response(url, method, headers, post_data, status)
        if status is not None:
            raise ValueError("status= is for responses: use route(..., stage='response')")
        overrides = self._overrides(url, method, headers, post_data)
        return self._turn.decide(lambda: self._turn.continue_request(overrides))

    def fallback(
        self,
        *,
        url: str | None = None,
        method: str | None = None,
        headers: Mapping[str, str | None] | None = None,
        post_data: Any = None,
    ) -> Deferred[None]:
        """Pass the request to the next handler, the one that was registered before; after the last one it continues.

        :param url: as for :meth:`continue_`, like the other arguments: the changes that the next handler sees.
        :param method: another method, such as ``"POST"``.
        :param headers: all headers.
        :param post_data: the body.
        :returns: fires with None. Fails with :exc:`AlreadyHandled`, and, without deciding, with :exc:`ValueError` or
            :exc:`TypeError` for invalid arguments.
        """
        if self.stage == "response" and (url or method or headers or post_data is not None):
            raise ValueError("the request was already sent: at the response stage, fallback() takes no arguments")
        overrides = self._overrides(url, method, headers, post_data)
        return self._turn.decide(lambda: self._turn.fall_back(overrides, self._body))

    def abort(self, error_code: str = "failed") -> Deferred[None]:
        """Abort the request (``Fetch.failRequest``).

        :param error_code: the reason: ``"aborted"``, ``"accessdenied"``, ``"addressunreachable"``,
            ``"blockedbyclient"``, ``"blockedbyresponse"``, ``"connectionaborted"``, ``"connectionclosed"``,
            ``"connectionfailed"``, ``"connectionrefused"``, ``"connectionreset"``, ``"internetdisconnected"``,
            ``"namenotresolved"``, ``"timedout"``, ``"failed"``.
        :returns: fires with None once the browser has the decision. Fails with :exc:`AlreadyHandled`, and with
            :exc:`ValueError` for an invalid reason.
        """
        command = fetch.fail_request(request_id=self._id, error_reason=reason_of(error_code))
        return self._turn.decide(lambda: self._paused.answer(command))

    def fulfill(
        self,
        *,
        status: int | None = None,
        headers: Mapping[str, str] | None = None,
        body: str | bytes | None = None,
        json: Any = None,
        path: str | os.PathLike[str] | None = None,
        content_type: str | None = None,
        response: APIResponse | ReceivedResponse | None = None,
    ) -> Deferred[None]:
        """Answer the request (``Fetch.fulfillRequest``), without a server.

        ``Content-Length`` is set for the body, and the ``Content-Encoding`` of ``response`` is left out. If another
        origin makes the request, and the headers do not say whether it may read the response, it may. At the response
        stage, the server's values are used for what is not given.

        :param status: the HTTP status; by default 200, or that of ``response``.
        :param headers: all headers, instead of those of ``response``; several values of ``set-cookie`` are separated by
            line breaks.
        :param body: bytes or a str.
        :param json: a value to send as JSON, instead of a body.
        :param path: a local file to send, instead of a body; its suffix sets the content type.
        :param content_type: the ``Content-Type`` header.
        :param response: a result of :meth:`fetch` or ``context.request``, which is used for what is not given.
        :returns: fires with None once the browser has the decision. Fails with :exc:`AlreadyHandled`; with
            :exc:`TypeError`, :exc:`ValueError` or :exc:`OSError`, without deciding, for invalid arguments.
        """
        event = self._paused.event
        made = partial(
            Fulfilment,
            status=status,
            headers=headers,
            body=body,
            json=json,
            path=path,
            content_type=content_type,
            cross_origin=None if self.response else asking_origin(event.request.url, event.request.headers or {}),
        )

        def answer(given: APIResponse | None) -> Deferred[None]:
            fulfilment = made(response=given)
            return self._turn.decide(lambda: self._fulfill(fulfilment))

        if response is None or isinstance(response, APIResponse):
            return answer(response)
        if not is_received(response):
            kind = type(response).__name__
            raise TypeError(f"response={kind}: expected what fetch() or context.request returned")
        return Deferred.fromCoroutine(read_response(response, event.request.url)).addCallback(answer)

    @returns_deferred
    async def fetch(
        self,
        *,
        url: str | None = None,
        method: str | None = None,
        headers: Mapping[str, str | None] | None = None,
        post_data: Any = None,
        max_redirects: int = 20,
        max_retries: int = 0,
        timeout: Timeout = DEFAULT,
    ) -> APIResponse:
        """Send the request from this program, by ``context.request``, and return the response, to change it and fulfill
        with it.

        This decides nothing. The context's cookies are sent, and the response may set cookies.

        :param url: as for :meth:`continue_`, like the other arguments.
        :param method: another method, such as ``"POST"``.
        :param headers: all headers.
        :param post_data: the body.
        :param max_redirects: how many redirects to follow; 0 means none.
        :param max_retries: how often to retry if the connection is lost.
        :param timeout: seconds, or a timedelta; None or 0 means no timeout; 30 s by default.
        :returns: fires with an :class:`APIResponse`. Fails with :exc:`NetworkError` if there is no response, with
            :exc:`DeadlineError`, :exc:`ValueError` or :exc:`TypeError`, and otherwise like treq.
        """
        overrides = over(self._overrides(url, method, headers, post_data), self._turn.overrides)
        return await self._turn.fetch(self.request, overrides, max_redirects, max_retries, timeout)

    @returns_deferred
    async def body(self, *, max_size: int = MOST_OF_BODY) -> bytes:
        """Read the response's body, at the response stage; the page gets none of it meanwhile.

        Do not read a body that does not end, such as an event stream's.

        :param max_size: the maximum size, in bytes.
        :returns: fires with the decompressed body. Fails with :exc:`NoBody` at the request stage, with
            :exc:`BodyOfRedirect`, and with :exc:`BodyTooLarge`: in that case the request can only be fulfilled or
            aborted. Otherwise like ``Session.execute``.
        """
        if self._body is None:
            chunks: list[bytes] = []
            size = 0
            async for chunk in self._chunks():
                size += len(chunk)
                if size > max_size:
                    raise BodyTooLarge(self.request.url, max_size)
                chunks.append(chunk)
            self._body = b"".join(chunks)
        return self._body

    def body_chunks(self) -> Stream[bytes]:
        """Return the response's body as it arrives, at the response stage, as a stream of bytes (``IO.read``).

        The next chunk is requested once the subscribers have taken the previous one: with ``queue(route.body_chunks(),
        maxsize=4)``, as fast as the queue is emptied. The page gets none of it: fulfill or abort the request
        afterwards.

        :returns: a stream, which completes with the body. It fails like :meth:`body`.
        """
        return PulledStream(self._paused.session.context, "route.body_chunks()", self._chunks)

    @property
    def _id(self) -> str:
        return self._paused.event.request_id

    def _overrides(
        self, url: str | None, method: str | None, headers: Mapping[str, str | None] | None, post_data: Any
    ) -> Overrides:
        """Return the given changes, checked."""
        if url is not None:
            if not isinstance(url, str):
                raise TypeError(f"url={url!r}: expected a str")
            scheme = urlsplit(self._paused.event.request.url).scheme
            if urlsplit(url).scheme != scheme:
                raise ValueError(f"url={url!r}: expected a URL of the same scheme, {scheme}")
        if method is not None and re.fullmatch("[A-Za-z-]+", method) is None:
            raise ValueError(f"method={method!r}: expected an HTTP method, such as 'POST'")
        pairs = None if headers is None else request_headers(headers)
        data, kind = (None, None) if post_data is None else posted(post_data)
        if kind is not None:
            pairs = dict(self.request.headers) if pairs is None else pairs
            pairs.setdefault("content-type", kind)
        return Overrides(url=url, method=method, headers=pairs, post_data=data)

    def _continue_response(
        self,
        url: object,
        method: object,
        headers: Mapping[str, str | None] | None,
        post_data: object,
        status: int | None,
    ) -> Deferred[None]:
        if url is not None or method is not None or post_data is not None:
            raise ValueError(
                "the request was already sent: at the response stage, continue_() takes status= and headers="
            )
        if self._body is not None or self._taken:
            return self.fulfill(status=status, headers=None if headers is None else without_none(headers))
        pairs = None if headers is None else given_headers(without_none(headers))
        response = self.response
        assert response is not None
        if pairs is None and status is None:
            return self._turn.decide(self._paused.go_on)
        code = response.status if status is None else status
        said = response._headers if pairs is None else pairs
        phrase = response.status_text if status is None else phrase_of(code)
        command = fetch.continue_response(
            request_id=self._id, response_code=code, response_phrase=phrase, response_headers=entries(said)
        )
        return self._turn.decide(lambda: self._paused.answer(command))

    def _fulfill(self, given: Fulfilment) -> Deferred[None]:
        response = self.response
        if response is None:
            status = given.status or 200
            body: bytes | None = given.body or b""
            said = given.headers_of_body()
        else:
            status, body = given.status or response.status, given.body
            if body is None and (self._taken or self._body is not None):
                body = given.body = self._body or b""
            kept = [(name.lower(), value) for name, value in response._headers]
            said = given.headers_of_body(kept) if body is not None else given.headers or kept
            if given.phrase is None and status == response.status:
                given.phrase = response.status_text
        command = fetch.fulfill_request(
            request_id=self._id,
            response_code=status,
            response_phrase=given.phrase or phrase_of(status),
            response_headers=entries(said),
            body=body,
        )
        return self._paused.answer(command)

    async def _chunks(self) -> AsyncGenerator[bytes, None]:
        """Read the body, piece by piece."""
        self._begin_reading()
        session = self._paused.session
        handle = (await session.execute(fetch.take_response_body_as_stream(request_id=self._id))).stream
        async with aclosing(pieces_of(session, handle, timeout=None)) as pieces:
            async for piece in pieces:
                yield piece

    def _begin_reading(self) -> None:
        """Note that the body no longer goes to the page."""
        response = self.response
        if response is None:
            raise NoBody(self.request.url, "the request was not sent yet: for a body, use route(..., stage='response')")
        if response._is_redirect:
            raise BodyOfRedirect(self.request.url)
        if self._turn.decided or self._paused.answered:
            raise AlreadyHandled(f"{self!r}: its body went to the page with it")
        if self._taken:
            raise NoBody(self.request.url, "its body is already being read")
        self._taken = True


def over(overrides: Overrides, before: Overrides) -> Overrides:
    """Return changes, completed by earlier ones."""
    return Overrides(
        url=before.url if overrides.url is None else overrides.url,
        method=before.method if overrides.method is None else overrides.method,
        headers=before.headers if overrides.headers is None else overrides.headers,
        post_data=before.post_data if overrides.post_data is None else overrides.post_data,
    )


class Turn(Protocol):
    """The turn of one handler, which decides once.

    :ivar decided: whether it has decided.
    :ivar overrides: the changes that earlier handlers made.
    """

    decided: bool
    overrides: Overrides

    def decide(self, decision: Callable[[], Deferred[None]]) -> Deferred[None]:
        """Carry out a decision, unless there was one before."""

    def continue_request(self, overrides: Overrides) -> Deferred[None]:
        """Continue the request."""

    def fall_back(self, overrides: Overrides, body: bytes | None) -> Deferred[None]:
        """Pass the request to the next handler."""

    def fetch(
        self, request: Request, overrides: Overrides, max_redirects: int, max_retries: int, timeout: Timeout
    ) -> Deferred[APIResponse]:
        """Send the request from this program."""
