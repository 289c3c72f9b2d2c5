"""Responses to requests that were sent by this program, not by the browser."""

from __future__ import annotations

import json
from typing import Any, Protocol, TypeGuard

from twisted.internet.defer import Deferred, succeed
from twisted.web.http_headers import Headers

from txcdp._deferreds import failing_deferreds, returns_deferred
from txcdp._privacy import printable, shown_url
from txcdp.network import _headers as headers_of
from txcdp.network._headers import Header


@failing_deferreds
class APIResponse:
    """A response to a request that the program sent: see ``Route.fetch``. It is complete, including its body.

    :ivar url: the URL that it came from, after all redirects.
    :ivar status: the HTTP status, such as 200.
    :ivar status_text: the server's text for it, such as ``"OK"``.
    :ivar headers: keyed by lower-case name; repeated headers are joined by commas, ``set-cookie`` by line breaks. As
        the body is decoded, there is no ``content-encoding``.
    """

    def __init__(self, url: str, status: int, status_text: str, headers: list[tuple[str, str]], body: bytes) -> None:
        self.url = url
        self.status = status
        self.status_text = status_text
        self.headers: dict[str, str] = headers_of.by_name(headers)
        self._headers = headers
        self._body = body

    def __repr__(self) -> str:
        return printable(f"<APIResponse {self.status} {shown_url(self.url)}>")

    @property
    def ok(self) -> bool:
        """Whether the status is 200 to 299."""
        return 200 <= self.status <= 299

    @property
    def headers_array(self) -> list[Header]:
        """The headers as received, one by one: dicts with ``name`` and ``value``."""
        return headers_of.array(self._headers)

    def body(self) -> Deferred[bytes]:
        """Return the decompressed body.

        :returns: fires with the body; it may be called repeatedly.
        """
        return succeed(self._body)

    def text(self) -> Deferred[str]:
        """Return the body as text.

        :returns: fires with the text; it may be called repeatedly.
        """
        return succeed(self._body.decode("utf-8", "replace"))

    @returns_deferred
    async def json(self) -> Any:
        """Return the body parsed as JSON.

        :returns: fires with the value; it may be called repeatedly. Fails with :exc:`ValueError` if the body is not
            JSON.
        """
        return json.loads(self._body)

    def _pairs(self) -> list[tuple[str, str]]:
        return self._headers

    def _whole_body(self) -> bytes:
        return self._body


class ReceivedResponse(Protocol):
    """A treq response, as ``context.request`` fires with it."""

    code: int
    phrase: bytes
    headers: Headers

    def content(self) -> Deferred[bytes]:
        """Return its body."""


def is_received(value: object) -> TypeGuard[ReceivedResponse]:
    """Return whether an object is a treq response."""
    return all(hasattr(value, each) for each in ("code", "phrase", "headers", "content"))


async def read_response(response: ReceivedResponse, url: str) -> APIResponse:
    """Return an :class:`APIResponse` for a treq response, once its body has been read.

    :param url: the URL that it came from.
    """
    body = await response.content()
    pairs = [
        (name.decode("latin-1"), value.decode("utf-8", "replace"))
        for name, values in response.headers.getAllRawHeaders()
        for value in values
    ]
    return APIResponse(url, response.code, response.phrase.decode("latin-1"), pairs, body)
