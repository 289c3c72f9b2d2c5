"""Headers, as the browser tells them and as programs read them."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from typing import Any, Final, TypedDict

#: A name of a header, and what cannot be in a value.
_NAME: Final = re.compile(r"[!#$%&'*+.^_`|~0-9A-Za-z-]+")
_LINE_BREAKS: Final = re.compile(r"[\0\r\n]")


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


def checked_headers(name: str, value: object) -> dict[str, str]:
    """Return headers that were given.

    :raises TypeError: they are none.
    :raises ValueError: one cannot be sent.
    """
    if not isinstance(value, Mapping):
        raise TypeError(f"{name}={value!r}: a mapping of names to values is wanted, such as {{'X-Token': 'a'}}")
    for header, text in value.items():
        if not isinstance(header, str) or not isinstance(text, str):
            raise TypeError(f"{name}: a header's name and value are str, not {header!r} and {type(text).__name__}")
        if not _NAME.fullmatch(header):
            raise ValueError(f"{name}: {header!r} is no name of a header")
        if _LINE_BREAKS.search(text):
            raise ValueError(f"{name}: the value of {header!r} cannot have line breaks")
    return dict(value)


#: As HTTP itself writes them, by what browsers call the protocols.
_VERSIONS: Final = {"http/1.0": "HTTP/1.0", "http/1.1": "HTTP/1.1", "h2": "HTTP/2.0", "h3": "HTTP/3.0"}


def version_of(protocol: str) -> str:
    """Return the version of HTTP that a protocol is; where the browser does not tell it, 1.1."""
    return _VERSIONS.get(protocol.lower(), protocol.upper() or "HTTP/1.1")
