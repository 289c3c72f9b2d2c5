"""Which network addresses are public, and which others are allowed as well.

Addresses that are not certain to be public count as private: the tables below follow the IANA's registries of
special-purpose addresses (RFC 6890 and its updates), and do not depend on the ``ipaddress`` module of the running
Python.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from contextlib import suppress
from ipaddress import IPv4Address, IPv4Network, IPv6Address, IPv6Network, ip_address, ip_network
from typing import Final

Address = IPv4Address | IPv6Address
_Network = IPv4Network | IPv6Network

#: IPv4 addresses that are not public, by what they are.
_SPECIAL_V4: Final = {
    "unspecified": ("0.0.0.0/8",),
    "private": ("10.0.0.0/8", "172.16.0.0/12", "192.168.0.0/16"),
    "shared": ("100.64.0.0/10",),
    "loopback": ("127.0.0.0/8",),
    "link-local": ("169.254.0.0/16",),
    # The second is a cloud's own, which answers its machines alone although it is none of the special ones.
    "infrastructure": ("192.0.0.0/24", "168.63.129.16/32"),
    "documentation": ("192.0.2.0/24", "198.51.100.0/24", "203.0.113.0/24"),
    "benchmarking": ("198.18.0.0/15",),
    "transition": ("192.88.99.0/24",),
    "multicast": ("224.0.0.0/4",),
    "reserved": ("240.0.0.0/4",),
}

#: The same of IPv6. What is outside of 2000::/3, and not here, is reserved.
_SPECIAL_V6: Final = {
    "unspecified": ("::/128",),
    "loopback": ("::1/128",),
    "transition": ("::/96", "::ffff:0:0:0/96", "64:ff9b:1::/48", "2001::/32", "2002::/16"),
    "infrastructure": ("2001::/23",),
    "documentation": ("2001:db8::/32", "3fff::/20"),
    "private": ("fc00::/7", "fec0::/10"),
    "link-local": ("fe80::/10",),
    "multicast": ("ff00::/8",),
}


def _table(special: dict[str, tuple[str, ...]]) -> tuple[tuple[_Network, str], ...]:
    return tuple((ip_network(text), kind) for kind, texts in special.items() for text in texts)


_V4: Final = _table(_SPECIAL_V4)
_V6: Final = _table(_SPECIAL_V6)
_UNICAST: Final = IPv6Network("2000::/3")
_NAT64: Final = IPv6Network("64:ff9b::/96")

#: The middle of an address that has an IPv4 address at its end, whatever its network (ISATAP, RFC 5214).
_ISATAP: Final = (0x00005EFE, 0x02005EFE)

#: An address or network, with a port or without; one of IPv6 only in brackets.
_WITH_PORT: Final = re.compile(r"(?:\[([^][]*)\]|([^][:]*))(?::([0-9]{1,5}))?")
#: What an address can be; for whoever counts.
KINDS: Final = tuple(dict.fromkeys((*_SPECIAL_V4, *_SPECIAL_V6)))


def kind_of(address: Address) -> str:
    """Return the kind of a special address, such as ``"loopback"``; ``""`` for a public one.

    An IPv6 address that stands for an IPv4 address (mapped, NAT64, ISATAP) has the kind of that. Other mappings between
    the two (compatible addresses, 6to4, Teredo, a NAT64 prefix of a local network) are not public.
    """
    if isinstance(address, IPv4Address):
        return next((kind for network, kind in _V4 if address in network), "")
    if address.scope_id is not None:
        return "link-local"
    inner = IPv4Address(int(address) & 0xFFFFFFFF)
    if address.ipv4_mapped is not None or address in _NAT64:
        return kind_of(inner)
    found = next((kind for network, kind in _V6 if address in network), "")
    if found or address not in _UNICAST:
        return found or "reserved"
    return kind_of(inner) if int(address) >> 32 & 0xFFFFFFFF in _ISATAP else ""


def plain(address: Address) -> Address:
    """Return the IPv4 address of an IPv4-mapped one, and any other address unchanged."""
    mapped = address.ipv4_mapped if isinstance(address, IPv6Address) else None
    return address if mapped is None else mapped


class AddressPolicy:
    """Decides to which addresses connections may be made: to public ones, and to those that are allowed in addition.

    :param allow: addresses (``10.1.2.3``, ``fd00::5``) and networks (``10.1.0.0/16``), with a port if only that is
        allowed (``10.1.2.3:8080``, ``[fd00::5]:8080``).
    :raises ValueError: one of them is neither.
    """

    def __init__(self, allow: Iterable[str] = ()) -> None:
        self._allowed = tuple(map(read_allowed, allow))

    def objection(self, address: Address, port: int) -> str:
        """Return why a connection is not allowed: one of :data:`KINDS`; ``""`` if it is allowed."""
        address = plain(address)
        kind = kind_of(address)
        if kind and any(
            address.version == network.version and address in network and wanted in (None, port)
            for network, wanted in self._allowed
        ):
            return ""
        return kind


def read_allowed(text: str) -> tuple[_Network, int | None]:
    """Parse an allowed address or network, with or without a port.

    :raises ValueError: it is neither.
    """
    found = _WITH_PORT.fullmatch(text)
    host, port = (text, None) if found is None else (found[1] or found[2], int(found[3]) if found[3] else None)
    with suppress(ValueError):
        if port is None or 0 < port < 65536:
            return ip_network(host), port
    known = "10.1.2.3, 10.1.2.3:8080, 10.1.0.0/16, fd00::5 or [fd00::5]:8080"
    raise ValueError(f"{text!r} is not an address: write it like {known}")


def read_address(text: str) -> Address | None:
    """Return a literal address; None for anything else, such as a name or ``127.1``."""
    try:
        return ip_address(text)
    except ValueError:
        return None
