"""Scrapy's responses, made from the result of a render."""

from __future__ import annotations

import base64
import json
import re
import zlib
from dataclasses import dataclass, field
from ipaddress import IPv4Address, IPv6Address, ip_address
from typing import Any, Final

from scrapy.http import Headers, Response
from scrapy.responsetypes import responsetypes

from txcdp.scrapy._documents import Pairs

#: Headers that describe the bytes sent over the network, not those that are passed on.
_OF_BYTES: Final = frozenset({"content-encoding", "content-length", "transfer-encoding"})

#: The headers that carry what was taken from a page. Scrapy's cache keeps a response's headers, in every version.
EXTRACT, SCREENSHOT, HAR = "Txcdp-Extract", "Txcdp-Screenshot", "Txcdp-Har"

_CHARSET: Final = re.compile(r";\s*charset\s*=\s*(\"[^\"]*\"|[^;]*)", re.IGNORECASE)

#: Scrapy's own names of protocols.
_PROTOCOLS: Final = {"http/1.1": "HTTP/1.1", "http/1.0": "HTTP/1.0"}


@dataclass(frozen=True)
class Connected:
    """The connection that a response came over, as far as it is known.

    :ivar address: the address of the server.
    :ivar protocol: the protocol, by Scrapy's name.
    :ivar certificate: the certificate of the server.
    """

    address: IPv4Address | IPv6Address | None = None
    protocol: str | None = None
    certificate: Any = None


@dataclass(frozen=True)
class RenderResult:
    """The results of a render other than the document; see :func:`result_of`. An empty field was not requested.

    :ivar extract: the data that ``"extract"`` found.
    :ivar screenshot: the bytes of the screenshot.
    :ivar har: the HAR 1.2 recording, a dict.
    """

    extract: dict[str, Any] = field(default_factory=dict)
    screenshot: bytes = b""
    har: dict[str, Any] = field(default_factory=dict)


def result_of(response: Response) -> RenderResult:
    """Return the results of ``"extract"``, ``"screenshot"`` and ``"har"`` in a request's ``meta["txcdp"]``.

    They are stored in headers of the response, so that Scrapy's HTTP cache returns them as well.

    :param response: the response, as the callback gets it.
    """
    extract, screenshot, har = (response.headers.get(name) for name in (EXTRACT, SCREENSHOT, HAR))
    return RenderResult(
        extract={} if extract is None else json.loads(extract),
        screenshot=b"" if screenshot is None else base64.b64decode(screenshot),
        har={} if har is None else json.loads(zlib.decompress(base64.b64decode(har))),
    )


def taken(result: RenderResult) -> Pairs:
    """Return the headers that carry a result."""
    found = []
    if result.extract:
        found.append((EXTRACT, json.dumps(result.extract)))
    if result.screenshot:
        found.append((SCREENSHOT, base64.b64encode(result.screenshot).decode()))
    if result.har:
        found.append((HAR, base64.b64encode(zlib.compress(json.dumps(result.har).encode())).decode()))
    return tuple(found)


def headers_of(pairs: Pairs, *, text: bool, length: int | None) -> Headers:
    """Return a response's headers, adapted to the body that is passed on.

    :param text: whether that is the document's text in UTF-8, and not the bytes that the server sent.
    :param length: the length of the body; None: there is none, as in a response to HEAD, and the headers are unchanged.
    """
    headers = Headers()
    for name, value in pairs:
        if length is not None and name.lower() in _OF_BYTES:
            if name.lower() == "content-length":
                headers[name] = str(length)
            continue
        is_type = text and name.lower() == "content-type"
        said = f"{_CHARSET.sub('', value).strip()}; charset=utf-8" if is_type else value
        for each in said.split("\n"):  # so Chromium joins a header that came several times
            headers.appendlist(name, each.encode("latin-1", "replace"))
    if text and "Content-Type" not in headers:
        headers["Content-Type"] = "text/html; charset=utf-8"
    return headers


def protocol_of(name: str) -> str | None:
    """Return Scrapy's name of a protocol."""
    return _PROTOCOLS.get(name.lower(), name) or None


def address_of(text: str) -> IPv4Address | IPv6Address:
    """Return an address that Chromium has reported."""
    return ip_address(text.strip("[]"))


def make_response(
    url: str, status: int, headers: Headers, body: bytes, connected: Connected, flags: list[str] | None = None
) -> Response:
    """Return a response of the class that Scrapy uses for this kind."""
    kind = responsetypes.from_args(headers=headers, url=url, body=body)
    return kind(
        url=url,
        status=status,
        headers=headers,
        body=body,
        flags=flags,
        certificate=connected.certificate,
        ip_address=connected.address,
        protocol=connected.protocol,
    )
