"""The response of an exchange."""

from __future__ import annotations

import codecs
import json
import re
from collections.abc import Callable
from typing import TYPE_CHECKING, Any, Final, NamedTuple, TypedDict

from twisted.internet.defer import Deferred, succeed

from txcdp._deferreds import failing_deferreds, returns_deferred
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
    :ivar text: what the browser has made of them, where it takes them for text.
    :ivar exact: whether the bytes are those that came, and not that text in UTF-8.
    """

    data: bytes
    text: str | None = None
    exact: bool = True


class RemoteAddress(TypedDict):
    """The address of a server."""

    ipAddress: str
    port: int


class SecurityDetails(TypedDict):
    """The facts of a TLS connection; times are seconds since 1970."""

    issuer: str
    protocol: str
    subjectName: str
    validFrom: float
    validTo: float


@failing_deferreds
class Response:
    """The answer to a request, by its headers; the body may still be coming. An item of ``page.responses``.

    :ivar exchange: the :class:`Exchange` that it belongs to.
    """

    __slots__ = ("exchange",)

    def __init__(self, exchange: Exchange) -> None:
        self.exchange = exchange

    def __repr__(self) -> str:
        return printable(f"<Response {self.status} {shown_url(self.url)}>")

    @property
    def url(self) -> str:
        """Where it is from, without a fragment."""
        said = self.exchange._row.response
        return self.exchange.url if said is None else said.url.partition("#")[0]

    @property
    def request(self) -> Request:
        """The request that it answers."""
        return self.exchange.request

    @property
    def frame(self) -> Frame | None:
        """The frame that has asked; see ``Request.frame``."""
        return self.exchange.frame

    @property
    def status(self) -> int:
        """The HTTP status, such as 200; 304 where what was in the cache was still good."""
        return self.exchange._row.status

    @property
    def status_text(self) -> str:
        """What the server says of the status, such as ``"OK"``."""
        row = self.exchange._row
        said = row.response if row.response is not None else row.handshake
        return "" if said is None else said.status_text or ""

    @property
    def ok(self) -> bool:
        """Whether the status is one of success, 200 to 299; also 0, as of files."""
        status = self.status
        return status == 0 or 200 <= status <= 299

    @property
    def from_service_worker(self) -> bool:
        """Whether a service worker has answered."""
        return self.exchange.from_service_worker

    @property
    def from_cache(self) -> bool:
        """Whether it came from a cache of the browser."""
        return self.exchange.from_cache

    # Headers:

    @property
    def headers(self) -> dict[str, str]:
        """The headers as the page has them, without cookies, by name in small letters.

        What came more than once is joined by commas.
        """
        return headers_of.by_name(self._pairs(False))

    @returns_deferred
    async def all_headers(self) -> dict[str, str]:
        """Return all headers as they came, cookies as well.

        :returns: fires with them by name in small letters, as soon as the browser has told of them; what came more than
            once is joined by commas, a ``set-cookie`` by line breaks.
        """
        return headers_of.by_name(await self._all())

    @returns_deferred
    async def headers_array(self) -> list[Header]:
        """Return all headers as they came, one by one.

        :returns: fires with a list of a ``name`` and a ``value`` each; a header that came twice is there twice.
        """
        return headers_of.array(await self._all())

    @returns_deferred
    async def header_value(self, name: str) -> str | None:
        """Return the value of a header.

        :param name: in any letters.
        :returns: fires with it; with None where there is none. What came more than once is joined as by
            :meth:`all_headers`.
        """
        return headers_of.by_name(await self._all()).get(name.lower())

    @returns_deferred
    async def header_values(self, name: str) -> list[str]:
        """Return the values of a header that may have come more than once.

        :param name: in any letters.
        :returns: fires with a list of them.
        """
        return headers_of.values(await self._all(), name)

    async def _all(self) -> list[tuple[str, str]]:
        await self.exchange._when_response_told()
        return self._pairs(True)

    def _pairs(self, received: bool) -> list[tuple[str, str]]:
        """Return the headers: those that really came, where they are known, or those that the page was given."""
        row = self.exchange._row
        if received and row.response_extra is not None:
            return headers_of.pairs(row.response_extra.headers)
        said = row.response if row.response is not None else row.handshake
        return headers_of.pairs(None if said is None else said.headers)

    # Where it is from:

    def http_version(self) -> Deferred[str]:
        """Return the version of HTTP that was spoken; ``Exchange.protocol`` is what the browser calls it.

        :returns: fires with ``"HTTP/1.1"``, ``"HTTP/2.0"``, ``"HTTP/3.0"``...
        """
        return succeed(headers_of.version_of(self.exchange.protocol))

    def server_addr(self) -> Deferred[RemoteAddress | None]:
        """Return where the server is.

        :returns: fires with its ``ipAddress`` and ``port``; with None where the browser does not tell.
        """
        said = self.exchange._row.response
        if said is None or not said.remote_ip_address:
            return succeed(None)
        return succeed(RemoteAddress(ipAddress=said.remote_ip_address, port=said.remote_port or 0))

    def security_details(self) -> Deferred[SecurityDetails | None]:
        """Return what is known of the TLS connection.

        :returns: fires with ``issuer``, ``protocol``, ``subjectName``, ``validFrom`` and ``validTo`` (seconds since
            1970); with None where there was none.
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
        """Wait until the body is here.

        :returns: fires with None. Fails with :exc:`NetworkError` where it has broken off; that of a document with
            :exc:`DocumentBroken`, or with :exc:`NavigationError` where another document has taken its place before.
        """
        await self.exchange._when_whole()

    @returns_deferred
    async def body(self) -> bytes:
        """Return the body (``Network.getResponseBody``); see :meth:`Exchange.body`.

        :returns: fires with it when all of it is here, with an empty one where an answer of its kind has none, as one
            to HEAD, or of 204. Otherwise fails like :meth:`Exchange.body`.
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

        It is decoded by its byte order mark, else by the charset of its ``Content-Type``, or that which a document of
        HTML or XML names in itself, else as UTF-8; what cannot be decoded becomes a replacement character.

        :returns: fires with it; fails like :meth:`body`.
        """
        body, content_type = await self._whole(), self.headers.get("content-type", "")
        if body.text is not None and (not body.exact or "html" in content_type or "xml" in content_type):
            return body.text  # a document names its charset in itself, too
        return decode(body.data, content_type)

    @returns_deferred
    async def json(self) -> Any:
        """Return what the body says in JSON.

        :returns: fires with it; fails like :meth:`body`, and with :exc:`ValueError` where it is none.
        """
        return json.loads(await self.text())


_CHARSET: Final = re.compile(r"""charset\s*=\s*["']?([^\s"';,]+)""", re.IGNORECASE)

#: Longer ones first: one for UTF-16 is how one for UTF-32 begins, which no browser knows.
_MARKS: Final = ((codecs.BOM_UTF8, "utf-8"), (codecs.BOM_UTF16_LE, "utf-16-le"), (codecs.BOM_UTF16_BE, "utf-16-be"))

#: What browsers mean by these names.
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
    """Return Python's name of what a browser means by a charset."""
    key = name.strip().lower()
    return _MEANT.get(key, key)


def decode(body: bytes, content_type: str) -> str:
    """Return a body as text, as a browser reads it."""
    for mark, name in _MARKS:
        if body.startswith(mark):
            return body[len(mark) :].decode(name, "replace")
    found = _CHARSET.search(content_type)
    read: Callable[[bytes, str, str], str] = bytes.decode
    try:
        return read(body, "utf-8" if found is None else python_charset(found[1]), "replace")
    except (LookupError, ValueError):  # no charset that anybody knows, or none of text
        return read(body, "utf-8", "replace")
