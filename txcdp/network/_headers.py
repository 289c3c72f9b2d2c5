"""Headers, as the browser tells them and as programs read them."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any, Final, TypedDict
from urllib.parse import urlsplit

from txcdp._arguments import check_header
from txcdp._privacy import shown_url

#: Headers of a request that a browser alone says: Chromium sends no request in which others do.
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

#: What others may say of the connection all the same.
_OF_CONNECTIONS: Final = frozenset({"close", "keep-alive"})


class Header(TypedDict):
    """One header, as it was sent."""

    name: str
    value: str


def pairs(headers: Mapping[str, Any] | None) -> list[tuple[str, str]]:
    """Return each header that there was; the browser joins those of one name by line breaks."""
    given = headers if isinstance(headers, Mapping) else {}
    return [(name, value) for name, values in given.items() for value in str(values).split("\n")]


def by_name(headers: Iterable[tuple[str, str]]) -> dict[str, str]:
    """Return headers by their names in small letters.

    What came more than once is joined by commas, a ``set-cookie`` by line breaks.
    """
    found: dict[str, str] = {}
    for name, value in headers:
        key = name.lower()
        between = "\n" if key == "set-cookie" else ", "
        found[key] = f"{found[key]}{between}{value}" if key in found else value
    return found


def array(headers: Iterable[tuple[str, str]]) -> list[Header]:
    """Return headers one by one."""
    return [Header(name=name, value=value) for name, value in headers]


def values(headers: Iterable[tuple[str, str]], name: str) -> list[str]:
    """Return the values of a header."""
    key = name.lower()
    return [value for each, value in headers if each.lower() == key]


def size(headers: Iterable[tuple[str, str]], first_line: str) -> int:
    """Return how many bytes a message's head takes in HTTP/1.1."""
    return len(first_line) + 4 + sum(len(name) + len(value) + 4 for name, value in headers)


def is_of_the_browser(name: str, value: str) -> bool:
    """Return whether a header of a request is one that the browser alone says."""
    key = name.lower()
    if key == "connection":
        return value.strip().lower() not in _OF_CONNECTIONS
    return key in _OF_THE_BROWSER or key.startswith("proxy-")


def checked_headers(argument: str, headers: object) -> dict[str, str]:
    """Return headers that were given.

    :param argument: what they were given as.
    :raises TypeError: they are none.
    :raises ValueError: one cannot be sent.
    """
    if not isinstance(headers, Mapping):
        raise TypeError(f"{argument}={headers!r}: expected a mapping of names to values, such as {{'X-Token': 'a'}}")
    for header, value in headers.items():
        check_header(argument, header, value)
    return dict(headers)


def checked_extra_headers(argument: str, headers: object) -> dict[str, str]:
    """Return headers that were given for each request of a page.

    :param argument: what they were given as.
    :raises TypeError: they are none.
    :raises ValueError: one cannot be sent, or would keep all requests from being sent.
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
    """Refuse a ``Referer`` that the browser would not send, or send as another one.

    :param argument: what it was given as; an empty one is none.
    :raises TypeError: it is no text.
    :raises ValueError: it is no URL of a site.
    """
    check_header(argument, "Referer", referer)
    parts = urlsplit(str(referer))
    if referer and (parts.scheme not in ("http", "https") or not parts.hostname):
        said = f"{argument}={shown_url(str(referer))!r}: the browser sends only the URL of a page"
        raise ValueError(f"{said}; give one such as 'https://example.com/'")


def check_letters(what: str, value: str) -> None:
    """Refuse the value of a header for all requests of a page that has letters of which documents alone would be sent.

    :param what: the value's name.
    :raises ValueError: it has.
    """
    try:
        value.encode("latin-1")
    except UnicodeEncodeError as error:
        odd = value[error.start]
        raise ValueError(
            f"{what} contains {odd!a}, which requests of scripts would send as '?'; percent-encode it"
        ) from None


#: As HTTP itself writes them, by what browsers call the protocols.
_VERSIONS: Final = {"http/1.0": "HTTP/1.0", "http/1.1": "HTTP/1.1", "h2": "HTTP/2.0", "h3": "HTTP/3.0"}


def version_of(protocol: str) -> str:
    """Return the version of HTTP that a protocol is; where the browser does not tell it, 1.1."""
    return _VERSIONS.get(protocol.lower(), protocol.upper() or "HTTP/1.1")
