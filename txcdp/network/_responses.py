"""The response of an exchange."""

from __future__ import annotations

import codecs
import json
import re
from collections.abc import Callable
from typing import TYPE_CHECKING, Any, Final, NamedTuple, TypedDict

from twisted.internet.defer import Deferred, succeed

from txcdp._deferreds import failing_deferreds, returns_deferred
from txcdp._other_names import NearNames
from txcdp._privacy import printable, shown_url
from txcdp.network import _headers as headers_of
from txcdp.network._headers import Header

if TYPE_CHECKING:
    from txcdp.network._exchange import Exchange
    from txcdp.network._requests import Request
    from txcdp.page import Frame


class Body(NamedTuple):
    """A body that was read.

    :ivar data: the bytes.
    :ivar text: the text to which the browser has decoded them, if it considers them text.
    :ivar exact: whether the bytes are those that arrived, rather than that text in UTF-8.
    """

    data: bytes
    text: str | None = None
    exact: bool = True


class RemoteAddress(TypedDict):
    """The address of a server."""

    ipAddress: str
    port: int


class SecurityDetails(TypedDict):
    """The details of a TLS connection; times are seconds since 1970."""

    issuer: str
    protocol: str
    subjectName: str
    validFrom: float
    validTo: float


@failing_deferreds
class Response(NearNames):
    """The response to a request, once its headers have arrived; the body may still be on its way. An item of
    ``page.responses``.

    :ivar exchange: the :class:`Exchange` that it belongs to.
    """

    __slots__ = ("exchange",)

    def __init__(self, exchange: Exchange) -> None:
        self.exchange = exchange

    def __repr__(self) -> str:
        return printable(f"<Response {self.status} {shown_url(self.url)}>")

    @property
    def url(self) -> str:
        """The URL that it came from, without a fragment."""
        said = self.exchange._row.response
        return self.exchange.url if said is None else said.url.partition("#")[0]

    @property
    def request(self) -> Request:
        """The request that it answers."""
        return self.exchange.request

    @property
    def frame(self) -> Frame | None:
        """The frame that made the request; see ``Request.frame``."""
        return self.exchange.frame

    @property
    def status(self) -> int:
        """The HTTP status, such as 200; 304 if the cached response was still valid."""
        return self.exchange._row.status

    @property
    def status_text(self) -> str:
        """The server's text for the status, such as ``"OK"``."""
        row = self.exchange._row
        said = row.response if row.response is not None else row.handshake
        return "" if said is None else said.status_text or ""

    @property
    def ok(self) -> bool:
        """Whether the status is 200 to 299, or 0, as for files."""
        status = self.status
        return status == 0 or 200 <= status <= 299

    @property
    def from_service_worker(self) -> bool:
        """Whether a service worker responded."""
        return self.exchange.from_service_worker

    @property
    def from_cache(self) -> bool:
        """Whether it came from a cache of the browser."""
        return self.exchange.from_cache

    # Headers:

    @property
    def headers(self) -> dict[str, str]:
        """The headers that the page sees, without cookies, keyed by lower-case name.

        Repeated headers are joined by commas.
        """
        return headers_of.by_name(self._pairs(False))

    @returns_deferred
    async def all_headers(self) -> dict[str, str]:
        """Return all headers as received, including cookies.

        :returns: fires with the headers, keyed by lower-case name, as soon as the browser has reported them; repeated
            headers are joined by commas, ``set-cookie`` by line breaks.
        """
        return headers_of.by_name(await self._all())

    @returns_deferred
    async def headers_array(self) -> list[Header]:
        """Return all headers as received, one by one.

        :returns: fires with a list of dicts with ``name`` and ``value``; a repeated header is repeated in it.
        """
        return headers_of.array(await self._all())

    @returns_deferred
    async def header_value(self, name: str) -> str | None:
        """Return the value of a header.

        :param name: the name, in any case.
        :returns: fires with the value, or None if there is no such header. Repeated headers are joined as by
            :meth:`all_headers`.
        """
        return headers_of.by_name(await self._all()).get(name.lower())

    @returns_deferred
    async def header_values(self, name: str) -> list[str]:
        """Return the values of a header that may be repeated.

        :param name: the name, in any case.
        :returns: fires with a list of the values.
        """
        return headers_of.values(await self._all(), name)

    async def _all(self) -> list[tuple[str, str]]:
        await self.exchange._when_response_told()
        return self._pairs(True)

    def _pairs(self, received: bool) -> list[tuple[str, str]]:
        """Return the headers: those that really arrived, if they are known, otherwise those that the page got."""
        row = self.exchange._row
        if received and row.response_extra is not None:
            return headers_of.pairs(row.response_extra.headers)
        said = row.response if row.response is not None else row.handshake
        return headers_of.pairs(None if said is None else said.headers)

    # Where it is from:

    def http_version(self) -> Deferred[str]:
        """Return the HTTP version that was used; ``Exchange.protocol`` is the browser's name for it.

        :returns: fires with ``"HTTP/1.1"``, ``"HTTP/2.0"``, ``"HTTP/3.0"``...
        """
        return succeed(headers_of.version_of(self.exchange.protocol))

    def server_addr(self) -> Deferred[RemoteAddress | None]:
        """Return the address of the server.

        :returns: fires with its ``ipAddress`` and ``port``, or with None if the browser does not report it.
        """
        said = self.exchange._row.response
        if said is None or not said.remote_ip_address:
            return succeed(None)
        return succeed(RemoteAddress(ipAddress=said.remote_ip_address, port=said.remote_port or 0))

    def security_details(self) -> Deferred[SecurityDetails | None]:
        """Return the details of the TLS connection.

        :returns: fires with ``issuer``, ``protocol``, ``subjectName``, ``validFrom`` and ``validTo`` (seconds since
            1970), or with None if there was no TLS.
        """
        said = self.exchange._row.response
        details = None if said is None else said.security_details
        if details is None:
            return succeed(None)
        return succeed(
            SecurityDetails(
                issuer=details.issuer,
                protocol=details.protocol,
                subjectName=details.subject_name,
                validFrom=details.valid_from,
                validTo=details.valid_to,
            )
        )

    # The body:

    @returns_deferred
    async def finished(self) -> None:
        """Wait until the body has arrived.

        :returns: fires with None. Fails with :exc:`NetworkError` if the body broke off; for a document, with
            :exc:`DocumentBroken`, or with :exc:`NavigationError` if another document replaced it first.
        """
        await self.exchange._when_whole()

    @returns_deferred
    async def body(self) -> bytes:
        """Return the body (``Network.getResponseBody``); see :meth:`Exchange.body`.

        :returns: fires with the body once it is complete; with an empty one if such a response has none, as for HEAD or
            status 204. Otherwise fails like :meth:`Exchange.body`.
        """
        return (await self._whole()).data

    async def _whole(self) -> Body:
        if self.exchange._has_none:
            await self.exchange._when_whole()
            return Body(b"", "")
        return await self.exchange._whole()

    @returns_deferred
    async def text(self) -> str:
        """Return the body as text.

        It is decoded by its byte order mark, otherwise by the charset of its ``Content-Type``, by the one that an HTML
        or XML document declares, or as UTF-8, in that order; undecodable bytes become replacement characters.

        :returns: fires with the text; fails like :meth:`body`.
        """
        body, content_type = await self._whole(), self.headers.get("content-type", "")
        if body.text is not None and (not body.exact or "html" in content_type or "xml" in content_type):
            return body.text  # a document names its charset in itself, too
        return decode(body.data, content_type)

    @returns_deferred
    async def json(self) -> Any:
        """Return the body parsed as JSON.

        :returns: fires with the value; fails like :meth:`body`, and with :exc:`ValueError` if it is not JSON.
        """
        return json.loads(await self.text())


_CHARSET: Final = re.compile(r"""charset\s*=\s*["']?([^\s"';,]+)""", re.IGNORECASE)

#: Longer marks first: one for UTF-16 is a prefix of one for UTF-32, which no browser supports.
_MARKS: Final = ((codecs.BOM_UTF8, "utf-8"), (codecs.BOM_UTF16_LE, "utf-16-le"), (codecs.BOM_UTF16_BE, "utf-16-be"))

#: How browsers interpret these names.
_MEANT: Final = {
    **dict.fromkeys(("iso-8859-1", "iso8859-1", "latin-1", "latin1", "us-ascii", "ascii", "windows-1252"), "cp1252"),
    **dict.fromkeys(("gb2312", "gbk", "x-gbk", "gb_2312-80"), "gb18030"),
    **dict.fromkeys(("shift_jis", "shift-jis", "x-sjis", "sjis", "windows-31j"), "cp932"),
    **dict.fromkeys(("utf-16", "utf-16le"), "utf-16-le"),
    **dict.fromkeys(("euc-kr", "ks_c_5601-1987"), "cp949"),
    "utf-16be": "utf-16-be",
    "iso-8859-9": "cp1254",
    "big5": "big5hkscs",
}


def python_charset(name: str) -> str:
    """Return Python's name for a charset as browsers interpret it."""
    key = name.strip().lower()
    return _MEANT.get(key, key)


def decode(body: bytes, content_type: str) -> str:
    """Decode a body to text as a browser does."""
    for mark, name in _MARKS:
        if body.startswith(mark):
            return body[len(mark) :].decode(name, "replace")
    found = _CHARSET.search(content_type)
    read: Callable[[bytes, str, str], str] = bytes.decode
    try:
        return read(body, "utf-8" if found is None else python_charset(found[1]), "replace")
    except (LookupError, ValueError):  # no charset that anybody knows, or none of text
        return read(body, "utf-8", "replace")
