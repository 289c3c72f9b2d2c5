"""The authorization of a request: only the decision, from the head of the request.

The checks are made in this order, so that nobody learns what they should not know: is the gateway meant (``Host``,
against DNS rebinding), does a web page ask (``Origin``, against cross-site requests), who is it (the token), is there
such a route, and may the method be used there. Nothing changes state by GET.
"""

from __future__ import annotations

import re
from collections.abc import Iterable

from txcdp.gateway._egress.addresses import Address, plain, read_address
from txcdp.gateway._http.refusals import Refusal
from txcdp.gateway._http.request_head import RequestHead
from txcdp.gateway._http.routes import Route, Routes
from txcdp.gateway._http.tokens import LOCAL, Principal, Tokens

_HOST = re.compile(r"(\[[0-9A-Fa-f:.]+\]|[A-Za-z0-9._-]+)(?::(\d{1,5}))?")


class Authorizer:
    """Decides whether a request may be answered, by the table of routes and by its principal.

    :param routes: the table of routes.
    :param hosts: names and addresses by which the gateway may be called, in addition to localhost and its own
        addresses.
    :param origins: web pages that may use it, in addition to its own.
    :param tokens: the tokens; None: nobody needs a token.
    """

    def __init__(
        self,
        routes: Routes,
        hosts: Iterable[str] = (),
        origins: Iterable[str] = (),
        tokens: Tokens | None = None,
    ) -> None:
        self._hosts = frozenset(each.lower().strip("[]").rstrip(".") for each in hosts)
        self._origins = frozenset(each.lower().rstrip("/") for each in origins)
        self.tokens = tokens
        self._routes = routes

    def authorize(self, head: RequestHead) -> tuple[Principal, Route]:
        """Return the principal and the route of a request.

        :raises Refusal: the request is refused.
        """
        self._check_host(head)
        self._check_origin(head)
        route = self._routes.find(head.path)
        principal = LOCAL if route is not None and route.free else self._who(head)
        if route is None:
            raise nothing_here()
        route.check_verb(head.verb)
        return principal, route

    def _check_host(self, head: RequestHead) -> None:
        found = _HOST.fullmatch(head.hosts[0].strip()) if len(head.hosts) == 1 else None
        if found is None:
            raise Refusal(400, "Exactly one Host header is required, with a name or an address.", "host")
        name = found[1].lower().strip("[]").rstrip(".")
        if name == "localhost" or name.endswith(".localhost") or name in self._hosts:
            return
        address = _address(name)
        if address is not None and (address.is_loopback or address == _address(head.here)):
            return
        raise Refusal(
            403,
            "Host header is specified and is not localhost, an address of this gateway or one of its "
            "configured names (--host, AccessOptions.hosts).",
            "host",
        )

    def _check_origin(self, head: RequestHead) -> None:
        if not head.origins:
            return
        own = f"{'https' if head.secure else 'http'}://{head.hosts[0].strip()}".lower()
        if len(head.origins) == 1 and head.origins[0].strip().lower() in {own, *self._origins}:
            return
        raise Refusal(
            403,
            "Web pages of this origin may not use the gateway unless it is allowed (--origin, AccessOptions.origins).",
            "origin",
        )

    def _who(self, head: RequestHead) -> Principal:
        if self.tokens is None:
            return LOCAL
        principal = None if head.token is None else self.tokens.find(head.token)
        if principal is None:
            raise Refusal(
                401,
                "A token is required: Authorization: Bearer TOKEN, or ?token=TOKEN."
                if head.token is None
                else "Unknown token.",
                "token",
                {"WWW-Authenticate": 'Bearer realm="txcdp gateway"'},
            )
        return principal


def nothing_here() -> Refusal:
    """Return the refusal for a path without a route, or without a WebSocket."""
    return Refusal(
        404,
        "Nothing at this path. WebSockets are at /devtools/browser and /devtools/page/ID; /json/version and "
        "/json/list name them. Renders, such as POST /screenshot, are available with --render.",
        "path",
    )


def _address(text: str) -> Address | None:
    address = read_address(text.partition("%")[0])
    return None if address is None else plain(address)
