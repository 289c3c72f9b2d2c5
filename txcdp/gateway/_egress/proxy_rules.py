"""The proxies that clients ask for, as Chromium's ``--proxy-server`` has them: each is reached through ours."""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import Final

#: One proxy; what Chromium reads besides, such as user names, is none of its either.
_PROXY: Final = re.compile(r"(?:([a-z0-9]+)://)?(\[[0-9a-f:.]+\]|[a-z0-9_.-]+)(?::([0-9]{1,5}))?/?", re.IGNORECASE)
_DIRECT: Final = "direct"

#: Ports where none is named. Other kinds of proxies are refused: TLS with one is with its name, which is ours here, and
#: SOCKS 4 leaves it to the browser to look names up.
_PORTS: Final = {"http": 80, "socks": 1080, "socks5": 1080}


class BadProxy(ValueError):
    """A client asks for a proxy that is not supported."""


def rewrite(rules: str, direct: str, place: Callable[[str, int], str]) -> str:
    """Return proxy rules that reach the given proxies through the gateway's.

    :param rules: such as ``http=a.example:8080;https=socks5://b.example,direct://``.
    :param direct: the proxy to use for direct connections.
    :param place: returns, for a host and port, those at which a browser reaches them through the gateway.
    :raises BadProxy: one of them cannot be reached that way.
    """
    parts = []
    for part in filter(None, (each.strip() for each in rules.split(";"))):
        scheme, equals, proxies = part.rpartition("=")
        parts.append(scheme + equals + ",".join(_one(each.strip(), direct, place) for each in proxies.split(",")))
    return ";".join(parts)


def _one(proxy: str, direct: str, place: Callable[[str, int], str]) -> str:
    if proxy.lower() == f"{_DIRECT}://":
        return direct
    found = _PROXY.fullmatch(proxy)
    kind = (found[1] or "http").lower() if found is not None else ""
    if found is None or kind not in _PORTS:
        raise BadProxy("only proxies like http://host:port and socks5://host:port can be used through this gateway")
    port = int(found[3] or _PORTS[kind])
    if not 0 < port < 65536:
        raise BadProxy("a proxy's port must be a number from 1 to 65535")
    return f"{kind}://{place(found[2].strip('[]'), port)}"
