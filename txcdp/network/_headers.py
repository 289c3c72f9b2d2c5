"""Headers, as the browser tells them and as programs read them."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any, TypedDict


class Header(TypedDict):
    """One header, as it was sent."""

    name: str
    value: str


def pairs(headers: Mapping[str, Any] | None) -> list[tuple[str, str]]:
    """Return each header that there was; the browser joins those of one name by line breaks."""
    return [(name, value) for name, values in (headers or {}).items() for value in str(values).split("\n")]


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
