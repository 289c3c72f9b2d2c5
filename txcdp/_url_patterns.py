"""Patterns for URLs: globs, regular expressions, functions."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from itertools import product
from typing import Final, TypeAlias
from urllib.parse import quote, urljoin

from txcdp._arguments import warn_caller

#: Which URLs: a glob for all of one, a regular expression that is searched for in it, or a function of it.
URLMatch: TypeAlias = str | re.Pattern[str] | Callable[[str], object]

#: The parts of a glob that has a host: scheme, host with its port, and all else.
_WITH_HOST: Final = re.compile(
    r"(?P<scheme>[A-Za-z*{][A-Za-z0-9+.\-*{},]*)://(?P<host>[^/?#\\]+)(?P<rest>.*)", re.DOTALL
)

#: A glob that is relative to nothing, and what has to be escaped for it.
_ABSOLUTE: Final = re.compile(r"[*{]|[A-Za-z][A-Za-z0-9+.\-]*:|[A-Za-z][A-Za-z0-9+.\-*{},]*://")
_SIGNS: Final = re.compile(r"[*{}\\]")

#: The parts of a glob.
_PARTS: Final = re.compile(
    r"\\(?P<escaped>.)|(?P<folders>(?<=/)\*\*+/)|(?P<any>\*\*+)|(?P<some>\*)|(?P<plain>.)", re.DOTALL
)

#: How a pattern begins that matches a URL: with a scheme, or with a sign that may stand for one. What a number follows
#: is no scheme, but a host with its port.
_BEGINS: Final = re.compile(r"[A-Za-z0-9+.\-]*(?:[*?\[{\\]|:(?!\d+(?:[/?#*]|\Z)))")

#: Globs with a ``*`` for the scheme and the host, though it stands for nothing with a slash in it.
_ONE_STAR: Final = re.compile(r"[^*/:{\\]*\*(?!\*)[^*/:{\\]*/(?![/*{\\]).*|\*|\*[^*/:{\\]*\.[^*/:{\\]*", re.DOTALL)

#: Ports that browsers leave out.
_USUAL_PORTS: Final = {"http": ":80", "ws": ":80", "https": ":443", "wss": ":443", "ftp": ":21"}

#: What browsers write by its bytes behind the host.
_ENCODED: Final = re.compile(r'[ "<>]|[^\x00-\x7f]+')
_FOREIGN: Final = re.compile(r"[^\x00-\x7f]+")

#: Into how many patterns the groups of a glob are written out at most; more are taken as a wildcard.
_WRITTEN_OUT: Final = 64


def resolved(url: str, base_url: str | None) -> str:
    """Return a URL that may be relative to another one, as links in a document are to the document's.

    :raises TypeError: it is not text.
    """
    if not isinstance(url, str):
        raise TypeError(f"url={url!r}: expected a str, such as 'https://example.com/'")
    return url if base_url is None else urljoin(base_url, url)


def url_matcher(match: URLMatch, base_url: str | None = None) -> Callable[[str], bool]:
    """Return the function that decides whether a URL is meant.

    A glob that no URL matches gives a warning.

    :param base_url: what a glob is relative to that has no scheme, and does not begin with one of its signs.
    :raises TypeError: for what is none of these.
    :raises ValueError: for a glob with a brace that is not closed.
    """
    if isinstance(match, str):
        if not match:
            return lambda _: True
        relative = _from_base(match, base_url)
        whole = glob(relative)
        if _ONE_STAR.fullmatch(relative):
            warn_caller(f"{match!r:.200} matches no URL with a host: * is anything without a slash, ** is anything")
        else:
            warn_of_beginning(relative, ", or give the context a base_url")
        return lambda url: whole.search(url) is not None
    if isinstance(match, re.Pattern):
        return lambda url: match.search(url) is not None
    if callable(match):
        return lambda url: bool(match(url))
    raise TypeError(f"{match!r}: expected a glob for the URL, a re.Pattern, or a function of the URL")


def glob(pattern: str) -> re.Pattern[str]:
    r"""Translate a glob for URLs.

    ``**`` stands for anything, ``/**/`` for any folders or none, ``*`` for anything without a slash, ``{a,b}`` for one
    of these; ``\`` takes the next character as it is. All else, ``?`` and brackets too, stands for itself. It may be
    written otherwise than by browsers: the scheme and the host in any letters, also those of other languages, with the
    scheme's usual port, without the slash behind the host, and what follows without its percent signs.
    """
    parts: list[str] = []
    group = False
    for found in _parts(pattern):
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
        raise ValueError(f"{pattern!r}: unclosed brace; write \\{{ for the character itself")
    return re.compile(rf"\A(?:{''.join(parts)})\Z", re.DOTALL)


def warn_of_beginning(pattern: str, of_path: str = "") -> None:
    """Warn of a pattern for whole URLs that begins as none does: with a path, or with a host.

    :param of_path: what else may be done about a path, in words.
    """
    if not _BEGINS.match(pattern):
        is_path = pattern[:1] in ("/", ".")
        instead = f"**/{pattern.lstrip('./')}" if is_path else f"*://{pattern}"
        words = f"{pattern!r:.200} matches no URL: each begins with its scheme, such as {instead!r:.200}"
        warn_caller(words + of_path * is_path)


def wildcards(pattern: str, base_url: str | None = None) -> list[str]:
    """Return patterns for Chromium that together match each URL that a glob matches.

    In these, ``*`` stands for anything. They may match more than the glob does.

    :param base_url: as for :func:`url_matcher`.
    :raises ValueError: for a glob with a brace that is not closed.
    """
    if not pattern:
        return ["*"]
    pattern = _from_base(pattern, base_url)
    glob(pattern)  # refuses what is none
    whole: list[list[str]] = [[""]]
    group: list[str] | None = None
    for found in _parts(pattern):
        plain = found["plain"]
        if plain == "{" and group is None:
            group = [""]
        elif plain == "}" and group is not None:
            whole.extend((group, [""]))
            group = None
        elif plain == "," and group is not None:
            group.append("")
        else:
            wild = found["folders"] or found["any"] or found["some"]
            literal = "*" if wild else re.sub(r"[*?\\]", r"\\\g<0>", plain or found["escaped"])
            (whole[-1] if group is None else group)[-1] += literal
    count = 1
    for each in whole:
        count *= len(each)
    if count > _WRITTEN_OUT:
        whole = [each if len(each) == 1 else ["*"] for each in whole]
    return list(dict.fromkeys(re.sub(r"(?<!\\)((?:\\\\)*)\*{2,}", r"\1*", "".join(each)) for each in product(*whole)))


def _from_base(pattern: str, base_url: str | None) -> str:
    """Return a glob that may be relative to a URL."""
    if base_url is None or _ABSOLUTE.match(pattern):
        return pattern
    return urljoin(_SIGNS.sub(r"\\\g<0>", base_url), pattern)


def _parts(pattern: str) -> Iterator[re.Match[str]]:
    """Return the parts of a glob, as browsers write the URLs that are meant."""
    return _PARTS.finditer(_as_browsers_write(pattern))


def _as_browsers_write(pattern: str) -> str:
    found = _WITH_HOST.fullmatch(pattern)
    if found is None or found["host"].count("{") != found["host"].count("}"):
        before, slash, rest = pattern.partition("/")
        return before + slash + _FOREIGN.sub(_percent, rest)
    scheme, rest = found["scheme"].lower(), _ENCODED.sub(_percent, found["rest"])
    user, at, host = found["host"].rpartition("@")
    host = ".".join(_label(each) for each in host.lower().split(".")).removesuffix(_USUAL_PORTS.get(scheme, "\n"))
    if "**" not in host and not rest.startswith("/"):
        rest = f"/{rest}"
    return f"{scheme}://{user}{at}{host}{rest}"


def _label(label: str) -> str:
    """Return one part of a host's name as browsers write it; with signs of a glob in it it stays."""
    if label.isascii() or re.search(r"[*{},]", label):
        return label
    import idna

    name, colon, port = label.partition(":")
    try:
        return idna.encode(name, uts46=True).decode() + colon + port
    except idna.IDNAError:
        return label


def _percent(found: re.Match[str]) -> str:
    return quote(found[0], safe="", errors="replace")
