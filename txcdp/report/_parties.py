"""Whether a URL belongs to the page's own site or to a third party.

The registrable domain is guessed: the last two labels of a host, or the last three if the second to last is one of the
short ones below which registries sell names (``co.uk``). That needs no list, and is right except for rare registries.
"""

from __future__ import annotations

import ipaddress
from typing import Final
from urllib.parse import urlsplit

_SHORT: Final = frozenset(
    {"co", "com", "org", "net", "gov", "edu", "ac", "or", "ne", "go", "gob", "gouv", "ltd", "plc"}
)


def host_of(url: str) -> str:
    """Return a URL's host, as written; "" if it has none."""
    try:
        return urlsplit(url).hostname or ""
    except ValueError:
        return ""


def site_of(url: str) -> str:
    """Return the registrable domain of a URL; an IP address stands for itself; "" if the URL has no host."""
    host = host_of(url).rstrip(".")
    try:
        ipaddress.ip_address(host)
    except ValueError:
        labels = host.split(".")
        most = 3 if len(labels) > 2 and len(labels[-1]) == 2 and labels[-2] in _SHORT else 2
        return ".".join(labels[-most:])
    return host


def is_third_party(url: str, site: str) -> bool:
    """Return whether a URL belongs to a site other than the given one; one without a host does not."""
    own = site_of(url)
    return bool(own and site) and own != site
