"""Checks of settings and requests: each error says in a sentence what is wrong, and what is expected."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

from txcdp.page._options import checked_options


def mapping(what: str, value: object) -> dict[str, Any]:
    """Return a mapping with string keys, as a dict."""
    if not isinstance(value, Mapping) or not all(isinstance(each, str) for each in value):
        raise TypeError(f"{what} must be a dict with names, not {value!r:.80}")
    return dict(value)


def texts(what: str, value: object) -> tuple[str, ...]:
    """Return a list of texts, as a tuple."""
    if isinstance(value, str | bytes) or not isinstance(value, Iterable):
        raise TypeError(f"{what} must be a list of texts, not {value!r:.80}")
    found = tuple(value)
    for each in found:
        if not isinstance(each, str):
            raise TypeError(f"{what} must be a list of texts, and {each!r:.80} is not a text")
    return found


def truth(what: str, value: object) -> bool:
    """Return a bool."""
    if not isinstance(value, bool):
        raise TypeError(f"{what} must be True or False, not {value!r:.80}")
    return value


def count(what: str, value: object) -> int:
    """Return a number of things, which is at least one."""
    text = value.strip() if isinstance(value, str) else value  # a command line has texts
    number = int(text) if isinstance(text, str) and text.lstrip("-").isdecimal() else text
    if isinstance(number, bool) or not isinstance(number, int):
        raise TypeError(f"{what} must be a whole number, such as 4, not {value!r:.80}")
    if number < 1:
        raise ValueError(f"{what}={number}: must be at least one")
    return number


def context_options(what: str, value: object) -> dict[str, Any]:
    """Return the options of a context that a request may set."""
    given = mapping(what, value)
    for name, instead in _ELSEWHERE.items():
        if name in given:
            raise ValueError(f"{what} has {name!r}: {instead}")
    try:
        return dict(checked_options(given))
    except (TypeError, ValueError) as error:
        raise type(error)(f"{what}: {error}") from None


#: Options of contexts that are set elsewhere here.
_ELSEWHERE = {
    "proxy": 'write meta["proxy"], which is Scrapy\'s own',
    "accept_downloads": "a file is delivered as the body of the response",
    "record_har_path": 'write meta={"txcdp": {"har": True}}, which records each request separately',
}
