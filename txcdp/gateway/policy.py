"""What clients may not do.

Where something is forbidden, a message is let through only if it was understood as Chromium understands it: what is no
JSON to us is not, nor is a URL in a command that has a key twice.
"""

from __future__ import annotations

import ipaddress
import json
import re
import socket
import unicodedata
from typing import Any
from urllib.parse import unquote

from txcdp.gateway.asking import NOTHING, Asked
from txcdp.gateway.options import Policy

#: Commands that open a URL, and which parameter that is.
_OPENING = {
    "Fetch.continueRequest": "url",
    "Network.loadNetworkResource": "url",
    "PWA.install": "installUrlOrBundleUrl",
    "Page.navigate": "url",
    "Target.createTarget": "url",
}

#: Commands by which others can be sent so that nobody here would see them.
_WAYS_ROUND = ("Target.exposeDevToolsProtocol",)
_NESTED = "Target.sendMessageToTarget"

#: Chromium refuses messages that are nested deeper; so does Python's own parser, much later.
_DEEPEST = 3


class _Twice(ValueError):
    """A key is there twice."""


class Screen:
    """Says which commands are not let through.

    :param policy: see :class:`~txcdp.gateway.options.Policy`.
    :ivar idle: whether nothing is forbidden, so that there is no need to ask.
    """

    def __init__(self, policy: Policy) -> None:
        self._methods = frozenset(each for each in policy.methods if not each.endswith(".*"))
        self._domains = frozenset(each.removesuffix(".*") for each in policy.methods if each.endswith(".*"))
        self._schemes = frozenset(each.lower().rstrip(":") for each in policy.schemes)
        self._private = policy.private_addresses
        self._urls = bool(self._schemes) or not self._private
        self.idle = not (self._methods or self._domains or self._urls)

    def objection(self, command: Asked, message: bytes) -> str | None:
        """Return why a command is not let through; None where it is.

        :param command: what :func:`~txcdp.gateway.asking.asked` has found in it.
        """
        return None if self.idle else self._objection(command, message, 0)

    def _objection(self, command: Asked, message: bytes | str, depth: int) -> str | None:
        method = command.method
        if not method:
            return "this gateway lets through only what it can read"
        if method in self._methods or method in _WAYS_ROUND or method.partition(".")[0] in self._domains:
            return f"'{method[:80]}' is not allowed by this gateway"
        if method == _NESTED or (self._urls and method in _OPENING):
            return self._inside(method, message, depth)
        return None

    def _inside(self, method: str, message: bytes | str, depth: int) -> str | None:
        params = _params(message)
        if params is None or depth > _DEEPEST:
            return "this gateway lets through only what it can read"
        if method == _NESTED:
            inner = params.get("message")
            if not isinstance(inner, str):
                return None  # refused by the browser
            return self._objection(_asked_strictly(inner), inner, depth + 1)
        url = params.get(_OPENING[method])
        return self.objection_to_url(url) if isinstance(url, str) else None

    def concerns(self, method: str) -> bool:
        """Whether commands of a method, or with none that could be read, have to be asked about."""
        return not self.idle and (
            not method
            or method in self._methods
            or method in _WAYS_ROUND
            or method == _NESTED
            or method in _OPENING
            or method.partition(".")[0] in self._domains
        )

    def objection_to_url(self, url: str) -> str | None:
        """Return why a URL may not be opened; None where it may."""
        scheme, rest = _split(url)
        if scheme in self._schemes:
            return f"URLs of the scheme {scheme[:20]!r} are not allowed by this gateway"
        if not self._private and scheme in ("http", "https", "ws", "wss", "ftp") and is_private(_host(rest)):
            return "URLs of private addresses are not allowed by this gateway"
        return None


def _params(message: bytes | str) -> dict[str, Any] | None:
    """Return a command's parameters, or None where they cannot be read without doubt."""
    try:
        command = json.loads(message, object_pairs_hook=_once)
    except (ValueError, RecursionError):
        return None
    params = command.get("params", {}) if isinstance(command, dict) else None
    return params if isinstance(params, dict) else None


def _asked_strictly(message: str) -> Asked:
    try:
        command = json.loads(message, object_pairs_hook=_once)
    except (ValueError, RecursionError):
        return NOTHING
    method = command.get("method") if isinstance(command, dict) else None
    return Asked(-1, method) if isinstance(method, str) else NOTHING


def _once(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    found = dict(pairs)
    if len(found) < len(pairs):
        raise _Twice
    return found


def _split(url: str) -> tuple[str, str]:
    """Take a URL apart as browsers do: what is before the colon, and what behind it."""
    text = re.sub(r"[\t\r\n]", "", url).strip("".join(map(chr, range(33))))
    scheme, colon, rest = text.partition(":")
    scheme = scheme.lower()
    if colon and scheme in ("view-source", "blob", "filesystem"):
        return _split(rest)
    return (scheme, rest) if colon else ("", text)


def _host(rest: str) -> str:
    """Return the host of what is behind ``http:``, as a browser would look it up."""
    authority = re.split(r"[/\\?#]", rest.lstrip("/\\"), maxsplit=1)[0].rpartition("@")[2]
    host = unicodedata.normalize("NFKC", unquote(authority)).lower()
    if host.startswith("["):
        return host[1:].partition("]")[0]
    return host.partition(":")[0].rstrip(".")


def is_private(host: str) -> bool:
    """Whether a host is not one of the public internet, as far as its name or address tells."""
    try:
        address = ipaddress.ip_address(host)
    except ValueError:
        try:
            address = ipaddress.ip_address(socket.inet_aton(host))  # 127.1, 0x7f000001 and the like
        except (OSError, UnicodeError, ValueError):
            return "." not in host or host.rpartition(".")[2] in ("localhost", "local", "internal", "lan", "home")
    mapped = getattr(address, "ipv4_mapped", None) or getattr(address, "sixtofour", None)
    return not (mapped or address).is_global
