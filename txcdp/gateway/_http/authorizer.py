"""Who is let in, and for what: the decision alone, from what a request says of itself.

It is taken in this order, so that nobody learns what he is not to know: is the gateway meant (``Host``, against
DNS rebinding), does a web page ask (``Origin``, against cross-site requests), who is it (the token), is there such a
place, and may the verb be used there. Nothing changes state by GET.
"""

from __future__ import annotations

import ipaddress
import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field

from txcdp.gateway._http.refusals import Refusal
from txcdp.gateway._http.tokens import LOCAL, Principal, Tokens

READ = ("GET", "HEAD")
CHANGE = ("PUT", "POST")

#: Where a request may go, and with which verbs. A path that ends in ``/`` stands for all below it; ``/`` for itself.
PLACES: Mapping[str, tuple[str, ...]] = {
    "/json": READ,
    "/json/version": READ,
    "/json/list": READ,
    "/json/protocol": READ,
    "/json/new": CHANGE,
    "/json/activate/": CHANGE,
    "/json/close/": CHANGE,
    "/devtools/browser": ("GET",),
    "/devtools/browser/": ("GET",),
    "/devtools/page/": ("GET",),
    "/metrics": READ,
    "/healthz": READ,
    "/readyz": READ,
}

#: Where nobody is asked for a token: what is told there is whether the gateway works, and no more.
OPEN = frozenset({"/healthz", "/readyz"})

_HOST = re.compile(r"(\[[0-9A-Fa-f:.]+\]|[A-Za-z0-9._-]+)(?::(\d{1,5}))?")


@dataclass(frozen=True)
class RequestHead:
    """What a request says of itself.

    :ivar verb: its method.
    :ivar path: without query.
    :ivar hosts: all its ``Host`` headers.
    :ivar origins: all its ``Origin`` headers.
    :ivar token: what it presents, or None.
    :ivar here: the address that it came in at.
    :ivar secure: whether it came over TLS.
    """

    verb: str
    path: str
    hosts: tuple[str, ...] = ()
    origins: tuple[str, ...] = ()
    token: str | None = field(default=None, repr=False)
    here: str = ""
    secure: bool = False


class Authorizer:
    """Decides.

    :param hosts: names and addresses by which it may be called, besides localhost and our own addresses.
    :param origins: of web pages that may use it, besides its own.
    :param tokens: who there is; None: nobody needs a token.
    :param places: more places, such as :data:`PLACES` has.
    :param free: of these, those for which nobody is asked for a token.
    """

    def __init__(
        self,
        hosts: Iterable[str] = (),
        origins: Iterable[str] = (),
        tokens: Tokens | None = None,
        places: Mapping[str, tuple[str, ...]] | None = None,
        free: Iterable[str] = (),
    ) -> None:
        self._hosts = frozenset(each.lower().strip("[]").rstrip(".") for each in hosts)
        self._origins = frozenset(each.lower().rstrip("/") for each in origins)
        self.tokens = tokens
        self._places = {**PLACES, **(places or {})}
        self._open = OPEN | frozenset(free)

    def open(self, head: RequestHead) -> Principal:
        """Let a request in, and tell who it is.

        :raises Refusal: it is not let in.
        """
        self._check_host(head)
        self._check_origin(head)
        path = plain_path(head.path)
        principal = LOCAL if path in self._open else self._who(head)
        verbs = self._verbs(path)
        if verbs is None:
            raise nothing_here()
        if head.verb not in verbs:
            raise Refusal(405, f"This can be used with {' or '.join(verbs)} only.", "verb", {"Allow": ", ".join(verbs)})
        return principal

    def _check_host(self, head: RequestHead) -> None:
        found = _HOST.fullmatch(head.hosts[0].strip()) if len(head.hosts) == 1 else None
        if found is None:
            raise Refusal(400, "One Host header is wanted, with a name or an address.", "host")
        name = found[1].lower().strip("[]").rstrip(".")
        if name == "localhost" or name.endswith(".localhost") or name in self._hosts:
            return
        address = _address(name)
        if address is not None and (address.is_loopback or address == _address(head.here)):
            return
        raise Refusal(
            403,
            "Host header is specified and is not localhost, an address of this gateway or a name that it was told "
            "to be called by (--host, AccessOptions.hosts).",
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
            "Web pages of this origin may not use the gateway, unless it is told so (--origin, AccessOptions.origins).",
            "origin",
        )

    def _who(self, head: RequestHead) -> Principal:
        if self.tokens is None:
            return LOCAL
        principal = None if head.token is None else self.tokens.find(head.token)
        if principal is None:
            raise Refusal(
                401,
                "A token is wanted: Authorization: Bearer TOKEN, or ?token=TOKEN."
                if head.token is None
                else "This token is not known.",
                "token",
                {"WWW-Authenticate": 'Bearer realm="txcdp gateway"'},
            )
        return principal

    def _verbs(self, path: str) -> tuple[str, ...] | None:
        verbs = self._places.get(path)
        if verbs is None:
            above, _, name = path.rpartition("/")
            verbs = self._places.get(f"{above}/") if name and above else None
        return verbs


def nothing_here() -> Refusal:
    """Return what is told where there is nothing, or no WebSocket."""
    return Refusal(
        404,
        "There is nothing at this path. WebSockets are at /devtools/browser and /devtools/page/ID; /json/version and "
        "/json/list name them. Renders, such as POST /screenshot, are there where the gateway was told to: --render.",
        "path",
    )


def plain_path(path: str) -> str:
    """Return a path as the table of places has it: some clients put a slash behind it."""
    return path.rstrip("/") or "/"


def _address(text: str) -> ipaddress.IPv4Address | ipaddress.IPv6Address | None:
    try:
        address = ipaddress.ip_address(text.partition("%")[0])
    except ValueError:
        return None
    mapped = getattr(address, "ipv4_mapped", None)
    return mapped or address


def split_query(query: str) -> tuple[str, str | None]:
    """Take the token out of a query; the rest stays as it is."""
    rest, token = [], None
    for part in query.split("&") if query else []:
        if part.startswith("token=") and token is None:
            token = part.removeprefix("token=")
        else:
            rest.append(part)
    return "&".join(rest), token
