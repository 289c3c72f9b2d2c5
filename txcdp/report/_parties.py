"""Whose a URL is: the page's own site's, or somebody else's.

The registrable domain is guessed: the last two labels of a host, or the last three where the last but one is one of the
short ones that registries sell names below (``co.uk``). That needs no list, and is right but for rare registries.
"""

from __future__ import annotations

import ipaddress
from typing import Final
from urllib.parse import urlsplit

_SHORT: Final = frozenset(
    {"co", "com", "org", "net", "gov", "edu", "ac", "or", "ne", "go", "gob", "gouv", "ltd", "plc"}
)


def host_of(url: str) -> str:
    """Return a URL's host, as it is written; "" where it has none."""
    try:
        return urlsplit(url).hostname or ""
    except ValueError:
        return ""


def site_of(url: str) -> str:
    """Return the registrable domain of a URL; of an address, that; "" where it has none."""
    host = host_of(url).rstrip(".")
    try:
        ipaddress.ip_address(host)
    except ValueError:
        labels = host.split(".")
        most = 3 if len(labels) > 2 and len(labels[-1]) == 2 and labels[-2] in _SHORT else 2
        return ".".join(labels[-most:])
    return host


def is_third_party(url: str, site: str) -> bool:
    """Return whether a URL is somebody else's than a site's; what has no host is nobody else's."""
    own = site_of(url)
    return bool(own and site) and own != site
