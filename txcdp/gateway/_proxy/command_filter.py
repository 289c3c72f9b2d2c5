"""Which commands clients may not send.

The command that is checked is the one that :mod:`txcdp.gateway._client_messages` has read, and it is passed on as it
was checked: unchanged, if no parser could read it differently, or encoded again. So if something is forbidden about a
command's parameters, it is refused when they contain a duplicate key.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import Any

from txcdp.gateway._client_messages import Command, CommandRefusal, read_command
from txcdp.gateway._egress.addresses import AddressPolicy
from txcdp.gateway._options import Policy
from txcdp.gateway._saving import SAVING
from txcdp.gateway._urls import (
    Unreadable,
    address_of,
    host_of,
    is_name,
    is_private,
    is_private_proxy,
    port_of,
    split_url,
)

#: Commands that open a URL, and the parameter that contains it.
_OPENING = {
    "Fetch.continueRequest": "url",
    "Network.loadNetworkResource": "url",
    "PWA.install": "installUrlOrBundleUrl",
    "PWA.launch": "url",
    "Page.navigate": "url",
    "Target.createTarget": "url",
}

#: Commands that open another channel for commands, which the gateway would not see.
_WAYS_ROUND = frozenset({"Target.exposeDevToolsProtocol", "Target.openDevTools"})
_NESTED = "Target.sendMessageToTarget"

#: Pages with this scheme can do that, too, and can read files.
_DEVTOOLS = "devtools"

#: Refusing the browser's own pages refuses all of these.
_OWN_PAGES = ("chrome-distiller", "chrome-native", "chrome-search", "chrome-untrusted", _DEVTOOLS)

#: Commands that make the browser itself connect to a host.
_CONNECTING = frozenset({"Target.setRemoteLocations"})

#: Refusing this command refuses giving files to pages; since dragging can do that, too, it is refused as well.
_GIVING_FILES = "DOM.setFileInputFiles"

#: The reason for refusing a command that the browser might read differently.
UNREADABLE = "this gateway forwards only messages that it can read"

#: The reason for refusing a URL that leads to a forbidden address.
PRIVATE = "URLs of private addresses are not allowed by this gateway"

#: The maximum depth of messages nested in one another.
_DEEPEST = 3


class CommandFilter:
    """Decides which commands are refused.

    :param policy: see :class:`~txcdp.gateway.Policy`.
    :ivar idle: whether nothing is forbidden, so that commands need not be checked.
    """

    def __init__(self, policy: Policy) -> None:
        self._methods = frozenset(each for each in policy.methods if not each.endswith(".*"))
        self._domains = frozenset(each.removesuffix(".*") for each in policy.methods if each.endswith(".*"))
        schemes = {each.lower().rstrip(":") for each in policy.schemes}
        self._schemes = frozenset(schemes.union(_OWN_PAGES) if "chrome" in schemes else schemes)
        self._private = policy.private_addresses
        self._addresses = AddressPolicy(policy.allowed_addresses) if policy.allowed_addresses else None
        self._files = not self._denied(_GIVING_FILES) and "file" not in schemes
        self.idle = not (self._methods or self._domains or self._schemes) and self._private
        if self.idle:
            return
        self._methods |= _WAYS_ROUND if self._private else _WAYS_ROUND | _CONNECTING
        self._looks: dict[str, Callable[[dict[str, Any]], str | None]] = {
            "Input.dispatchDragEvent": self._dragging,
            **{method: partial(self._opening, name) for method, name in _OPENING.items()},
        }
        if not self._private:
            self._looks["Target.createBrowserContext"] = self._proxies

    def objection(self, command: Command) -> str | None:
        """Return why a command is refused; None if it is allowed."""
        return None if self.idle else self._objection(command, 0)

    def concerns(self, method: str) -> bool:
        """Whether commands with this method have to be checked."""
        return not self.idle and (method == _NESTED or method in self._looks or self._denied(method))

    def objection_to_url(self, url: str) -> str | None:
        """Return why a URL may not be opened; None if it may."""
        if self.idle:
            return None
        try:
            scheme, rest, _ = split_url(url)
        except Unreadable as error:
            return f"{error}: {UNREADABLE}"
        if scheme in self._schemes or scheme == _DEVTOOLS:
            return f"URLs of the scheme {scheme[:20]!r} are not allowed by this gateway"
        if not self._private and scheme in ("http", "https", "ws", "wss", "ftp") and self._is_private(scheme, rest):
            return PRIVATE
        return None

    def _is_private(self, scheme: str, rest: str) -> bool:
        """Whether a host is certainly one that may not be connected to; the egress proxy decides about all others."""
        host = host_of(rest)
        if self._addresses is None or not is_private(host):
            return is_private(host)
        address = address_of(host)
        if address is None:
            return not is_name(host)  # a name may lead to what is allowed
        return self._addresses.objection(address, port_of(rest, scheme)) != ""

    @staticmethod
    def _saves_here(command: Command) -> bool:
        """Return whether any downloads are saved where the gateway chooses, so that no other files are touched."""
        params = command.params
        if command.doubled or not isinstance(params, dict) or "downloadPath" in params:
            return False
        return params.get("behavior") in ("allow", "allowAndName", "deny")

    def _denied(self, method: str) -> bool:
        return method in self._methods or method.partition(".")[0] in self._domains

    def _objection(self, command: Command, depth: int) -> str | None:
        method, params = command.method, command.params
        if self._denied(method) and not (method == SAVING and self._saves_here(command)):
            return f"'{method[:80]}' is not allowed by this gateway"
        look = self._looks.get(method)
        if look is None and method != _NESTED:
            return None
        if command.doubled or isinstance(params, list) or depth > _DEEPEST:
            return UNREADABLE
        if look is not None:
            return look(params or {})
        inner = (params or {}).get("message")
        if not isinstance(inner, str):
            return None  # refused by the browser
        try:
            return self._objection(read_command(inner.encode("utf-8", "surrogatepass")), depth + 1)
        except CommandRefusal:
            return UNREADABLE

    # What is not a string, or no list, where one is wanted is refused by the browser.

    def _opening(self, name: str, params: dict[str, Any]) -> str | None:
        url = params.get(name)
        return self.objection_to_url(url) if isinstance(url, str) else None

    def _dragging(self, params: dict[str, Any]) -> str | None:
        """Check what is dropped on a page: the page can read it, and Chromium opens it if the page ignores it."""
        data = params.get("data")
        if not isinstance(data, dict):
            return None
        if data.get("files") and not self._files:
            return "dragging files into a page is not allowed by this gateway"
        items = data.get("items")
        for item in items if isinstance(items, list) else ():
            if isinstance(item, dict) and item.get("mimeType") == "text/uri-list" and isinstance(item.get("data"), str):
                for url in item["data"].split("\n"):
                    objection = self.objection_to_url(url.strip())
                    if objection is not None:
                        return objection
        return None

    def _proxies(self, params: dict[str, Any]) -> str | None:
        rules = params.get("proxyServer")
        if isinstance(rules, str) and is_private_proxy(rules):
            return "proxies at private addresses are not allowed by this gateway"
        return None
