"""URLs and hosts as Chromium reads them, for who has to say beforehand where they lead.

Chromium reads far more than is written in any link: ``http:0x7f.1``, ``http://127.0.0.%31``, or with an ideographic
full stop for a dot. What is not certain to be read here as it is there, is taken for what may not be.
"""

from __future__ import annotations

import ipaddress
import re
from typing import Final
from urllib.parse import unquote

import idna

#: Schemes before another URL: ``view-source:https://...``. Chromium takes one of them, or ``blob:`` behind it.
_WRAPPERS: Final = frozenset({"blob", "filesystem", "view-source"})
_MOST_WRAPPERS: Final = 4

_IGNORED: Final = re.compile(r"[\t\r\n]")
_EDGES: Final = "".join(map(chr, range(33)))
_EMPTY: Final = re.compile(r"(blank|srcdoc)([?#].*)?", re.DOTALL | re.IGNORECASE)

#: No name is longer, however it is written.
_LONGEST: Final = 2048

#: Without these Chromium's name can be another one, but none that they hide.
_JOINERS: Final = str.maketrans("", "", "\u200c\u200d")
_NAME: Final = re.compile(r"[a-z0-9_.\-\u0080-\U0010ffff]+")
_NUMBER: Final = re.compile(r"[0-9]+|0x[0-9a-f]*")
_PROXY: Final = re.compile(r"(?:[a-z]+=)?(?:[a-z0-9]+://)?(\[[0-9a-f:.]+\]|[a-z0-9_.-]+)(?::[0-9]+)?/?")

#: The last labels of names that are no public ones.
_PRIVATE: Final = frozenset(
    {"corp", "home", "internal", "intranet", "lan", "local", "localdomain", "localdomain6", "localhost", "private"}
)

_UNICAST: Final = ipaddress.IPv6Network("2000::/3")
_NAT64: Final = ipaddress.IPv6Network("64:ff9b::/96")

#: What is in the middle of an address with an IPv4 address at its end, whatever its network (ISATAP).
_ISATAP: Final = (0x00005EFE, 0x02005EFE)


class Unreadable(ValueError):
    """A URL is not one that can be read without doubt."""


def split_url(url: str) -> tuple[str, str]:
    """Take a URL apart as browsers do.

    :return: its scheme, of what it wraps where it does, and what is behind the colon; the scheme is empty where there
        is none. What Chromium takes for a path of Windows is of ``file``, and ``about:version`` of ``chrome``.
    :raises Unreadable: where too many schemes are before each other.
    """
    rest = _IGNORED.sub("", url)
    for _ in range(_MOST_WRAPPERS):
        rest = rest.strip(_EDGES)
        if rest[:1] in ("/", "\\") and rest[1:2] in ("/", "\\"):
            return "file", rest
        scheme, colon, behind = rest.partition(":")
        if not colon:
            return "", rest
        scheme = scheme.lower()
        if scheme == "about" and not _EMPTY.fullmatch(behind):
            return "chrome", behind
        if scheme not in _WRAPPERS:
            return ("file", rest) if len(scheme) == 1 else (scheme, behind)
        rest = behind
    raise Unreadable("there are too many schemes before this URL")


def host_of(rest: str) -> str:
    """Return the host of what is behind ``http:``, as Chromium would look it up.

    :return: in lower case, an IPv6 address without its brackets; empty where there is none, or none that can be read.
    """
    authority = re.split(r"[/\\?#]", rest.lstrip("/\\"), maxsplit=1)[0].rpartition("@")[2]
    if len(authority) > _LONGEST:
        return ""
    if authority.startswith("["):
        return authority[1:].partition("]")[0].lower()
    host = unquote(re.sub(r":[0-9]*\Z", "", authority)).lower()
    if not host.isascii():
        try:
            host = idna.uts46_remap(host.translate(_JOINERS), std3_rules=False, transitional=False)
        except idna.IDNAError:
            return ""
    return host.rstrip(".")


def is_private(host: str) -> bool:
    """Whether a host is not one of the public internet, as far as its name or address tells.

    :param host: as :func:`host_of` returns it.
    """
    if ":" in host:
        return _is_private_v6(host)
    if not _NAME.fullmatch(host):
        return True
    last = host.rpartition(".")[2]
    if _NUMBER.fullmatch(last):
        return _is_private_v4(host)
    return last == host or last in _PRIVATE or host.endswith(".home.arpa")


def is_private_proxy(rules: str) -> bool:
    """Whether one of the proxies, written as for ``--proxy-server``, is not surely of the public internet."""
    for each in re.split(r"[;,\s]+", rules.lower()):
        found = _PROXY.fullmatch(each)
        if each.partition("=")[2] == "direct://" or each in ("", "direct://"):
            continue
        if found is None or is_private(found[1].strip("[].")):
            return True
    return False


def _is_private_v4(host: str) -> bool:
    """Read an address of up to four numbers, as the URL standard has it: 127.1 and 0x7f000001 are addresses."""
    parts = host.split(".")
    if len(parts) > 4 or not all(map(_NUMBER.fullmatch, parts)) or len(host) > 60:
        return True
    try:
        *numbers, last = map(_number, parts)
        value = sum(each << 24 - 8 * index for index, each in enumerate(numbers)) + last
        if any(each > 255 for each in numbers) or last >= 256 ** (4 - len(numbers)):
            return True
    except ValueError:  # 08
        return True
    return _is_not_global(ipaddress.IPv4Address(value))


def _number(text: str) -> int:
    if text.startswith("0x"):
        return int(text[2:] or "0", 16)
    return int(text, 8 if text.startswith("0") else 10)


def _is_private_v6(host: str) -> bool:
    """Read an IPv6 address; one that stands for an IPv4 address is as private as that."""
    try:
        address = ipaddress.IPv6Address(host)
    except ValueError:
        return True
    end = ipaddress.IPv4Address(int(address) & 0xFFFFFFFF)
    if address in _NAT64:
        return _is_not_global(end)
    if address.ipv4_mapped is not None:
        return _is_not_global(address.ipv4_mapped)
    if address not in _UNICAST or not address.is_global:
        return True
    if int(address) >> 32 & 0xFFFFFFFF in _ISATAP:
        return _is_not_global(end)
    return address.sixtofour is not None and _is_not_global(address.sixtofour)


def _is_not_global(address: ipaddress.IPv4Address) -> bool:
    return not address.is_global or address.is_multicast
