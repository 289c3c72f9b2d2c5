"""Conversions between the headers that the browser reports and those that programs read and set."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any, Final, TypedDict
from urllib.parse import urlsplit

from txcdp._arguments import check_header
from txcdp._privacy import shown_url

#: Request headers that only a browser may set: Chromium sends no request in which a program sets them.
_OF_THE_BROWSER: Final = frozenset(
    {
        "content-length",
        "cookie2",
        "host",
        "keep-alive",
        "set-cookie",
        "te",
        "trailer",
        "transfer-encoding",
        "upgrade",
    }
)

#: Values of ``Connection`` that programs may set all the same.
_OF_CONNECTIONS: Final = frozenset({"close", "keep-alive"})


class Header(TypedDict):
    """One header, as it was sent."""

    name: str
    value: str


def pairs(headers: Mapping[str, Any] | None) -> list[tuple[str, str]]:
    """Return each header separately; the browser joins those with the same name by line breaks."""
    given = headers if isinstance(headers, Mapping) else {}
    return [(name, value) for name, values in given.items() for value in str(values).split("\n")]


def by_name(headers: Iterable[tuple[str, str]]) -> dict[str, str]:
    """Return headers by name, in lower case.

    Repeated headers are joined by commas, ``set-cookie`` by line breaks.
    """
    found: dict[str, str] = {}
    for name, value in headers:
        key = name.lower()
        between = "\n" if key == "set-cookie" else ", "
        found[key] = f"{found[key]}{between}{value}" if key in found else value
    return found


def array(headers: Iterable[tuple[str, str]]) -> list[Header]:
    """Return headers as a list of names and values."""
    return [Header(name=name, value=value) for name, value in headers]


def values(headers: Iterable[tuple[str, str]], name: str) -> list[str]:
    """Return the values of a header."""
    key = name.lower()
    return [value for each, value in headers if each.lower() == key]


def size(headers: Iterable[tuple[str, str]], first_line: str) -> int:
    """Return the number of bytes of a message's head in HTTP/1.1."""
    return len(first_line) + 4 + sum(len(name) + len(value) + 4 for name, value in headers)


def is_of_the_browser(name: str, value: str) -> bool:
    """Return whether a request header may only be set by the browser."""
    key = name.lower()
    if key == "connection":
        return value.strip().lower() not in _OF_CONNECTIONS
    return key in _OF_THE_BROWSER or key.startswith("proxy-")


def checked_headers(argument: str, headers: object) -> dict[str, str]:
    """Return the given headers, checked.

    :param argument: the name of the argument, for errors.
    :raises TypeError: if they are not headers.
    :raises ValueError: if one cannot be sent.
    """
    if not isinstance(headers, Mapping):
        raise TypeError(f"{argument}={headers!r}: expected a mapping of names to values, such as {{'X-Token': 'a'}}")
    for header, value in headers.items():
        check_header(argument, header, value)
    return dict(headers)


def checked_extra_headers(argument: str, headers: object) -> dict[str, str]:
    """Return the headers given for each request of a page, checked.

    :param argument: the name of the argument, for errors.
    :raises TypeError: if they are not headers.
    :raises ValueError: if one cannot be sent, or would prevent all requests from being sent.
    """
    checked = checked_headers(argument, headers)
    for header, value in checked.items():
        if is_of_the_browser(header, value):
            said = f"{argument}: only the browser sets {header!r}, and sends no request that sets it otherwise"
            raise ValueError(f"{said}; leave it out")
        check_letters(f"{argument}: the value of {header!r}", value)
        if header.lower() == "referer":
            check_referer(f"{argument}[{header!r}]", value)
    return checked


def check_referer(argument: str, referer: object) -> None:
    """Refuse a ``Referer`` that the browser would not send, or would change.

    :param argument: the name of the argument, for errors; an empty value counts as none.
    :raises TypeError: if it is not text.
    :raises ValueError: if it is not the URL of a site.
    """
    check_header(argument, "Referer", referer)
    parts = urlsplit(str(referer))
    if referer and (parts.scheme not in ("http", "https") or not parts.hostname):
        said = f"{argument}={shown_url(str(referer))!r}: the browser sends only the URL of a page"
        raise ValueError(f"{said}; give one such as 'https://example.com/'")


def check_letters(what: str, value: str) -> None:
    """Refuse a header value with characters that would be sent only with requests for documents.

    :param what: the name of the value, for errors.
    :raises ValueError: if it contains any.
    """
    try:
        value.encode("latin-1")
    except UnicodeEncodeError as error:
        odd = value[error.start]
        raise ValueError(
            f"{what} contains {odd!a}, which requests of scripts would send as '?'; percent-encode it"
        ) from None


#: The HTTP versions, by the browser's names of the protocols.
_VERSIONS: Final = {"http/1.0": "HTTP/1.0", "http/1.1": "HTTP/1.1", "h2": "HTTP/2.0", "h3": "HTTP/3.0"}


def version_of(protocol: str) -> str:
    """Return the HTTP version of a protocol; 1.1 if the browser does not report it."""
    return _VERSIONS.get(protocol.lower(), protocol.upper() or "HTTP/1.1")
