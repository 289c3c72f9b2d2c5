"""Reads URLs and hosts as Chromium does, to decide beforehand where they lead.

Chromium accepts far more than what is written in any link: ``http:0x7f.1``, ``http://127.0.0.%31``, or an ideographic
full stop for a dot. Anything that might not be read here as Chromium reads it is treated as forbidden. Parsers that
follow the URL standard are not sufficient: of 6,000 odd URLs, ada read one in ten differently from Chromium, such as
hosts with a space, hosts of ``chrome:`` and everything within ``blob:`` and ``filesystem:``; this module reads all
hosts as Chromium does.
"""

from __future__ import annotations

import re
from ipaddress import IPv4Address
from typing import Final, NamedTuple
from urllib.parse import unquote

import idna

from txcdp.gateway._egress.addresses import Address, kind_of, read_address

#: Schemes that precede another URL: ``view-source:https://...``. Chromium accepts one of them, or ``blob:`` after it.
_WRAPPERS: Final = frozenset({"blob", "filesystem", "view-source"})
_MOST_WRAPPERS: Final = 4

_IGNORED: Final = re.compile(r"[\t\r\n]")
_EDGES: Final = "".join(map(chr, range(33)))
_EMPTY: Final = re.compile(r"(blank|srcdoc)([?#].*)?", re.DOTALL | re.IGNORECASE)

#: The longest valid host name, in any notation.
_LONGEST: Final = 2048

#: Without these Chromium's name can be another one, but none that they hide.
_JOINERS: Final = str.maketrans("", "", "\u200c\u200d")
_NAME: Final = re.compile(r"[a-z0-9_.\-\u0080-\U0010ffff]+")
_PORT: Final = re.compile(r":([0-9]{1,5})\Z")
_NUMBER: Final = re.compile(r"[0-9]+|0x[0-9a-f]*")
_PROXY: Final = re.compile(r"(?:[a-z]+=)?(?:[a-z0-9]+://)?(\[[0-9a-f:.]+\]|[a-z0-9_.-]+)(?::[0-9]+)?/?")

#: The last labels of names that are not public.
_PRIVATE: Final = frozenset(
    {"corp", "home", "internal", "intranet", "lan", "local", "localdomain", "localdomain6", "localhost", "private"}
)


class Unreadable(ValueError):
    """A URL is not one that can be read without doubt."""


class Parts(NamedTuple):
    """A URL taken apart.

    :ivar scheme: of what it wraps where it does; ``""`` where there is none. What Chromium takes for a path of Windows
        is of ``file``, and ``about:version`` of ``chrome``.
    :ivar rest: what is behind the colon.
    :ivar wrapper: the first of the schemes that stand before another URL; ``""`` where there is none.
    """

    scheme: str
    rest: str
    wrapper: str = ""


def split_url(url: str) -> Parts:
    """Take a URL apart as browsers do: the one reading of a URL for whatever is allowed or not.

    :raises Unreadable: where too many schemes are before each other.
    """
    rest = _IGNORED.sub("", url)
    wrapper = ""
    for _ in range(_MOST_WRAPPERS):
        rest = rest.strip(_EDGES)
        if rest[:1] in ("/", "\\") and rest[1:2] in ("/", "\\"):
            return Parts("file", rest, wrapper)
        scheme, colon, behind = rest.partition(":")
        if not colon:
            return Parts("", rest, wrapper)
        scheme = scheme.lower()
        if scheme == "about" and not _EMPTY.fullmatch(behind):
            return Parts("chrome", behind, wrapper)
        if scheme not in _WRAPPERS:
            return Parts("file", rest, wrapper) if len(scheme) == 1 else Parts(scheme, behind, wrapper)
        rest, wrapper = behind, wrapper or scheme
    raise Unreadable("too many schemes before this URL")


def host_of(rest: str) -> str:
    """Return the host of what is behind ``http:``, as Chromium would look it up.

    :return: in lower case, an IPv6 address without its brackets; empty where there is none, or none that can be read.
    """
    authority = _authority(rest)
    if len(authority) > _LONGEST:
        return ""
    if authority.startswith("["):
        host, closed, _ = authority[1:].partition("]")
        return host.lower() if closed else ""
    host = unquote(re.sub(r":[0-9]*\Z", "", authority)).lower()
    if not host.isascii():
        try:
            host = idna.uts46_remap(host.translate(_JOINERS), std3_rules=False, transitional=False)
        except idna.IDNAError:
            return ""
    return host.rstrip(".")


def _authority(rest: str) -> str:
    return re.split(r"[/\\?#]", rest.lstrip("/\\"), maxsplit=1)[0].rpartition("@")[2]


def is_private(host: str) -> bool:
    """Whether a host is not one of the public internet, as far as its name or address tells.

    :param host: as :func:`host_of` returns it.
    """
    if is_name(host):
        last = host.rpartition(".")[2]
        return last == host or last in _PRIVATE or host.endswith(".home.arpa")
    address = address_of(host)
    return address is None or kind_of(address) != ""


def is_name(host: str) -> bool:
    """Whether a host is a name, and no address."""
    return _NAME.fullmatch(host) is not None and _NUMBER.fullmatch(host.rpartition(".")[2]) is None


def address_of(host: str) -> Address | None:
    """Return the address that a host is, as the URL standard has it: 127.1 and 0x7f000001 are addresses.

    :param host: as :func:`host_of` returns it.
    """
    if ":" in host:
        return read_address(host)
    parts = host.split(".")
    if len(parts) > 4 or not all(map(_NUMBER.fullmatch, parts)) or len(host) > 60:
        return None
    try:
        *numbers, last = map(_number, parts)
    except ValueError:  # 08
        return None
    if any(each > 255 for each in numbers) or last >= 256 ** (4 - len(numbers)):
        return None
    return IPv4Address(sum(each << 24 - 8 * index for index, each in enumerate(numbers)) + last)


def port_of(rest: str, scheme: str) -> int:
    """Return the port of what is behind ``http:``: that of the scheme where it has none."""
    authority = _authority(rest)
    found = _PORT.search(authority)
    return int(found[1]) if found is not None else 443 if scheme in ("https", "wss") else 80


def is_private_proxy(rules: str) -> bool:
    """Whether one of the proxies, written as for ``--proxy-server``, is not surely of the public internet."""
    for each in re.split(r"[;,\s]+", rules.lower()):
        found = _PROXY.fullmatch(each)
        if each.partition("=")[2] == "direct://" or each in ("", "direct://"):
            continue
        if found is None or is_private(found[1].strip("[].")):
            return True
    return False


def _number(text: str) -> int:
    if text.startswith("0x"):
        return int(text[2:] or "0", 16)
    return int(text, 8 if text.startswith("0") else 10)
