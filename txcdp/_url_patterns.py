"""Patterns for URLs: globs, regular expressions, functions."""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import Final, TypeAlias
from urllib.parse import urljoin

#: Which URLs: a glob for all of one, a regular expression that is searched for in it, or a function of it.
URLMatch: TypeAlias = str | re.Pattern[str] | Callable[[str], object]

#: Where the path of an absolute URL begins, or would begin.
_AUTHORITY: Final = re.compile(r"[A-Za-z][A-Za-z0-9+.\-]*://[^/?#*{\\]+(?=$|[?#])")

#: A glob that is relative to nothing, and what has to be escaped for it.
_ABSOLUTE: Final = re.compile(r"[*{]|[A-Za-z][A-Za-z0-9+.\-]*:")
_SIGNS: Final = re.compile(r"[*{}\\]")

#: The parts of a glob.
_PARTS: Final = re.compile(
    r"\\(?P<escaped>.)|(?P<folders>(?<=/)\*\*+/)|(?P<any>\*\*+)|(?P<some>\*)|(?P<plain>.)", re.DOTALL
)


def resolved(url: str, base_url: str | None) -> str:
    """Return a URL that may be relative to another one, as links in a document are to the document's.

    :raises TypeError: it is not text.
    """
    if not isinstance(url, str):
        raise TypeError(f"url={url!r}: a URL is a str, such as 'https://example.com/'")
    return url if base_url is None else urljoin(base_url, url)


def url_matcher(match: URLMatch, base_url: str | None = None) -> Callable[[str], bool]:
    """Return the function that decides whether a URL is meant.

    :param base_url: what a glob is relative to that has no scheme, and does not begin with one of its signs.
    :raises TypeError: for what is none of these.
    :raises ValueError: for a glob with a brace that is not closed.
    """
    if isinstance(match, str):
        if not match:
            return lambda _: True
        if base_url is not None and not _ABSOLUTE.match(match):
            match = urljoin(_SIGNS.sub(r"\\\g<0>", base_url), match)
        whole = glob(match)
        return lambda url: whole.search(url) is not None
    if isinstance(match, re.Pattern):
        return lambda url: match.search(url) is not None
    if callable(match):
        return lambda url: bool(match(url))
    raise TypeError(f"{match!r}: a glob for the URL, a re.Pattern, or a function of the URL")


def glob(pattern: str) -> re.Pattern[str]:
    r"""Translate a glob for URLs.

    ``**`` stands for anything, ``/**/`` for any folders or none, ``*`` for anything without a slash, ``{a,b}`` for one
    of these; ``\`` takes the next character as it is. All else, ``?`` and brackets too, stands for itself. Where an
    absolute URL has no path, the slash that the browser gives it is understood.
    """
    host = _AUTHORITY.match(pattern)
    if host is not None:
        pattern = f"{host[0]}/{pattern[host.end() :]}"
    parts: list[str] = []
    group = False
    for found in _PARTS.finditer(pattern):
        plain = found["plain"]
        if found["folders"]:
            parts.append("(?:.+/)?")
        elif found["any"]:
            parts.append(".*")
        elif found["some"]:
            parts.append("[^/]*")
        elif plain == "{" and not group:
            group = True
            parts.append("(?:")
        elif plain == "}" and group:
            group = False
            parts.append(")")
        elif plain == "," and group:
            parts.append("|")
        else:
            parts.append(re.escape(plain or found["escaped"]))
    if group:
        raise ValueError(f"{pattern!r}: a brace is not closed; write \\{{ for the character itself")
    return re.compile(rf"\A(?:{''.join(parts)})\Z", re.DOTALL)
