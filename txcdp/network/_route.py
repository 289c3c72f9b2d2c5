"""One request that is paused for a handler: what it is, and what becomes of it."""

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

#: At which stage a request is paused: before it is sent, or when the headers of its response are there.
Stage = Literal["request", "response"]

#: Bytes of a response's body that are read whole, where nothing else is said.
MOST_OF_BODY: Final = 64 * 1024 * 1024

_REDIRECTS: Final = frozenset({301, 302, 303, 307, 308})


class RouteResponse:
    """The head of a response whose body has not come to the page yet; see ``Route.response``.

    :ivar url: where it is from.
    :ivar status: the HTTP status, such as 200.
    :ivar status_text: what the server says of it, such as ``"OK"``.
    :ivar headers: by name in small letters; what came more than once is joined by commas, a ``set-cookie`` by line
        breaks.
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
        """Whether the status is one of success, 200 to 299."""
        return 200 <= self.status <= 299

    @property
    def headers_array(self) -> list[Header]:
        """The headers as they came, one by one: dicts of a ``name`` and a ``value``."""
        return headers_of.array(self._headers)

    @property
    def _is_redirect(self) -> bool:
        return self.status in _REDIRECTS and "location" in self.headers


@failing_deferreds
class Route(NearNames):
    """A request that waits for a decision: what a handler of ``page.route`` is given, and ``requests_paused`` carries.

    One of :meth:`continue_`, :meth:`fulfill`, :meth:`abort` and :meth:`fallback` decides, the first one. Each of them
    has sent the decision when it returns; that a page has cancelled the request meanwhile is no failure of theirs.

    :ivar request: the :class:`Request`, with what handlers before have changed by :meth:`fallback`.
    :ivar stage: ``"request"``: nothing was sent yet; ``"response"``: the response's headers are here.
    :ivar response: its head, a :class:`RouteResponse`, at the response stage; else None.
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
        """Let the request go on (``Fetch.continueRequest``, ``Fetch.continueResponse``), changed in what is given.

        No other handler is asked. The page is not told of another URL. At the response stage the body flows to the
        page as it comes, but for one that was read by :meth:`body`, which is sent to it.

        :param url: where it goes, with the same scheme.
        :param method: such as ``"POST"``.
        :param headers: all of its headers, without those whose value is None; redirects have them, too, but for a
            ``Cookie``. What the browser alone says, such as ``Host`` and ``Content-Length``, stays as it is. At the
            response stage those of the response.
        :param post_data: its body: bytes, a str, or anything that JSON can say.
        :param status: of the response, at the response stage.
        :returns: fires with None when the browser has it. Fails with :exc:`AlreadyHandled`; with :exc:`ValueError` or
            :exc:`TypeError`, and decides nothing, where it cannot be; otherwise like ``Session.execute``.
        """
        if self.stage == "response":
            return self._continue_response(url, method, headers, post_data, status)
        if status is not None:
            raise ValueError("status= is of a response: route(..., stage='response') has one")
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
        """Leave it to the next handler, the one that was registered before; after the last one it goes on.

        :param url: as for :meth:`continue_`, and so are the others: what the next handler is to see.
        :param method: such as ``"POST"``.
        :param headers: all of its headers.
        :param post_data: its body.
        :returns: fires with None. Fails with :exc:`AlreadyHandled`, and with :exc:`ValueError` or :exc:`TypeError`,
            and decides nothing, where it cannot be.
        """
        if self.stage == "response" and (url or method or headers or post_data is not None):
            raise ValueError("at the response stage the request was sent: fallback() takes nothing")
        overrides = self._overrides(url, method, headers, post_data)
        return self._turn.decide(lambda: self._turn.fall_back(overrides, self._body))

    def abort(self, error_code: str = "failed") -> Deferred[None]:
        """Let the request fail (``Fetch.failRequest``).

        :param error_code: why: ``"aborted"``, ``"accessdenied"``, ``"addressunreachable"``, ``"blockedbyclient"``,
            ``"blockedbyresponse"``, ``"connectionaborted"``, ``"connectionclosed"``, ``"connectionfailed"``,
            ``"connectionrefused"``, ``"connectionreset"``, ``"internetdisconnected"``, ``"namenotresolved"``,
            ``"timedout"``, ``"failed"``.
        :returns: fires with None when the browser has it. Fails with :exc:`AlreadyHandled`, and with :exc:`ValueError`
            where there is no such reason.
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
        """Answer the request (``Fetch.fulfillRequest``); no server is asked.

        The length of the body is said as it is, and how the body of ``response`` was compressed is not. Where another
        origin has asked, and the headers do not say whether it may have the answer, it may. At the response stage what
        is not given is the server's.

        :param status: the HTTP status; 200 when not given, or that of ``response``.
        :param headers: all of them, in the place of those of ``response``; several values of ``set-cookie`` have line
            breaks between them.
        :param body: bytes or a str.
        :param json: in place of a body, what is sent as JSON.
        :param path: in place of a body, a file of this machine; its suffix says what kind it is.
        :param content_type: the header of that name.
        :param response: what :meth:`fetch` or ``context.request`` has given, to be sent where nothing else is given.
        :returns: fires with None when the browser has it. Fails with :exc:`AlreadyHandled`; with :exc:`TypeError`,
            :exc:`ValueError` or :exc:`OSError`, and decides nothing, where there is no such answer.
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
            raise TypeError(f"response={kind}: what fetch() or context.request has given is wanted")
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
        """Send the request from here, by ``context.request``, and return the response: to change, and to fulfil with.

        It decides nothing. The context's cookies go with it, and it may set some.

        :param url: as for :meth:`continue_`, and so are the others.
        :param method: such as ``"POST"``.
        :param headers: all of its headers.
        :param post_data: its body.
        :param max_redirects: how many redirects are followed; 0: none.
        :param max_retries: how often it is tried again when the connection is lost.
        :param timeout: seconds, or a timedelta; None or 0: no deadline; 30 s by default.
        :returns: fires with an :class:`APIResponse`. Fails with :exc:`NetworkError` where there is no response, with
            :exc:`DeadlineError`, :exc:`ValueError` or :exc:`TypeError`, and otherwise like treq.
        """
        overrides = over(self._overrides(url, method, headers, post_data), self._turn.overrides)
        return await self._turn.fetch(self.request, overrides, max_redirects, max_retries, timeout)

    @returns_deferred
    async def body(self, *, max_size: int = MOST_OF_BODY) -> bytes:
        """Read the response's body, at the response stage; the page gets nothing of it meanwhile.

        A body that does not end, such as an event stream's, is not to be read.

        :param max_size: how many bytes it may have.
        :returns: fires with it, decoded from what it was compressed by. Fails with :exc:`NoBody` at the request stage,
            :exc:`BodyOfRedirect`, and :exc:`BodyTooLarge`: the request can then be fulfilled or aborted alone.
            Otherwise like ``Session.execute``.
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
        """Return the response's body as it comes, at the response stage, as a stream of bytes (``IO.read``).

        The next piece is asked for when subscribers have taken the one before: with ``queue(route.body_chunks(),
        maxsize=4)`` as fast as it is emptied. The page gets none of it: the request is then fulfilled, or aborted.

        :returns: a stream, which ends with the body. It fails like :meth:`body`.
        """
        return PulledStream(self._paused.session.context, "route.body_chunks()", self._chunks)

    @property
    def _id(self) -> str:
        return self._paused.event.request_id

    def _overrides(
        self, url: str | None, method: str | None, headers: Mapping[str, str | None] | None, post_data: Any
    ) -> Overrides:
        """Return what is given, checked."""
        if url is not None:
            if not isinstance(url, str):
                raise TypeError(f"url={url!r}: a str is wanted")
            scheme = urlsplit(self._paused.event.request.url).scheme
            if urlsplit(url).scheme != scheme:
                raise ValueError(f"url={url!r}: a URL of the same scheme, {scheme}, is wanted")
        if method is not None and re.fullmatch("[A-Za-z-]+", method) is None:
            raise ValueError(f"method={method!r}: a method of HTTP is wanted, such as 'POST'")
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
            raise ValueError("at the response stage the request was sent: continue_() takes status= and headers=")
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
        """Take note that the body does not come to the page any more."""
        response = self.response
        if response is None:
            raise NoBody(self.request.url, "the request was not sent yet: route(..., stage='response') has a body")
        if response._is_redirect:
            raise BodyOfRedirect(self.request.url)
        if self._turn.decided or self._paused.answered:
            raise AlreadyHandled(f"{self!r}: its body went on with it")
        if self._taken:
            raise NoBody(self.request.url, "its body is being read already")
        self._taken = True


def over(overrides: Overrides, before: Overrides) -> Overrides:
    """Return what is changed, with what was changed before where there is nothing."""
    return Overrides(
        url=before.url if overrides.url is None else overrides.url,
        method=before.method if overrides.method is None else overrides.method,
        headers=before.headers if overrides.headers is None else overrides.headers,
        post_data=before.post_data if overrides.post_data is None else overrides.post_data,
    )


class Turn(Protocol):
    """The turn of one handler: it decides once.

    :ivar decided: whether it has.
    :ivar overrides: what handlers before have changed.
    """

    decided: bool
    overrides: Overrides

    def decide(self, decision: Callable[[], Deferred[None]]) -> Deferred[None]:
        """Carry a decision out, unless there was one before."""

    def continue_request(self, overrides: Overrides) -> Deferred[None]:
        """Let the request go on."""

    def fall_back(self, overrides: Overrides, body: bytes | None) -> Deferred[None]:
        """Let the next handler have it."""

    def fetch(
        self, request: Request, overrides: Overrides, max_redirects: int, max_retries: int, timeout: Timeout
    ) -> Deferred[APIResponse]:
        """Send the request from here."""
