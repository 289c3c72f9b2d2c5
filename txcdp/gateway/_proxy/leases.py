"""Who has which browser in exclusive mode, and the names that clients call them by."""

from __future__ import annotations

import hmac
import secrets
from collections import OrderedDict
from collections.abc import Callable
from typing import Any
from urllib.parse import urlsplit

import msgspec

from txcdp._deferreds import OneShot, Timer
from txcdp._reactor import Clock
from txcdp._transports.interface import Transport
from txcdp.chrome._descriptions import TargetDescription
from txcdp.gateway._http.tokens import Principal
from txcdp.gateway._pool.pooled_browser import PooledBrowser, PooledEvent
from txcdp.gateway._proxy.modes import EndpointKind

#: So many names of browsers that are gone are remembered.
_SPENT = 10_000


class Names:
    """Makes ids that only the one may use that they were given to, and remembers which were used up.

    An id is made without anything being reserved for it, and nothing is kept: it carries a signature. Nobody can
    guess one.
    """

    def __init__(self) -> None:
        self._secret = secrets.token_bytes(32)
        self._spent: OrderedDict[str, None] = OrderedDict()

    def fresh(self, kind: EndpointKind, principal: Principal) -> str:
        """Return a new id, in the form that Chromium's have."""
        nonce = secrets.token_hex(8)
        text = nonce + self._signature(kind, principal, nonce)
        if kind == "page":
            return text.upper()
        return "-".join((text[:8], text[8:12], text[12:16], text[16:20], text[20:]))

    def is_good(self, name: str, kind: EndpointKind, principal: Principal) -> bool:
        """Whether an id was made here for this one, and is not used up."""
        text = name.replace("-", "").lower()
        if len(text) != 32 or not text.isascii() or name in self._spent:
            return False
        return hmac.compare_digest(text[16:], self._signature(kind, principal, text[:16]))

    def spend(self, name: str) -> None:
        """Note that an id is used up: its browser is gone."""
        self._spent[name] = None
        if len(self._spent) > _SPENT:
            self._spent.popitem(last=False)

    def _signature(self, kind: EndpointKind, principal: Principal, nonce: str) -> str:
        said = f"{kind} {principal.name} {nonce}".encode()
        return hmac.digest(self._secret, said, "sha256").hex()[:16]


class Lease:
    """One client's browser: it lasts as long as the client has a line to it.

    :param clock: the reactor.
    :param left: called with the lease and None when nobody has come for whom it was held.
    :ivar name: the id that it has for its client.
    :ivar principal: who that is.
    :ivar listed: whether it was made by an HTTP request, whose pages are told to whoever has the same token.
    :ivar ready: fires with the member, or None where there is none to be had.
    :ivar pooled: the browser, once it is there.
    :ivar lines: that are open.
    :ivar pages: ids of pages that are known to be in it; for one that was offered, the real one.
    :ivar offered: the id by which one of its pages was offered; ``""``: none was.
    :ivar hold: while it is set, somebody is still to come.
    :ivar lingers: whether that is somebody who was there before.
    """

    def __init__(
        self, clock: Clock, name: str, principal: Principal, listed: bool, left: Callable[[Lease, None], None]
    ) -> None:
        self.name = name
        self.principal = principal
        self.listed = listed
        self.ready: OneShot[PooledBrowser | None] = OneShot()
        self.pooled: PooledBrowser | None = None
        self.lines: set[Any] = set()
        self.pages: dict[str, str] = {}
        self.offered = ""
        self.lingers = False
        self.hold = Timer(clock, lambda: left(self, None))

    def named(self, page: TargetDescription) -> TargetDescription:
        """Return a page with the id by which its client knows it."""
        if self.offered and page.id == self.pages.get(self.offered):
            return msgspec.structs.replace(page, id=self.offered)
        return page

    @property
    def netloc(self) -> str:
        """Where the browser listens."""
        return urlsplit(self.pooled.running.ws_url).netloc if self.pooled is not None else ""


class LeasedLine:
    """A line to a leased browser; see :class:`~txcdp.gateway._proxy.relay.BrowserLine`.

    :param lease: whose browser it goes to.
    :param kind: to the browser itself, or to a page.
    :param transport: the line.
    :param left: called when its client is gone.
    """

    def __init__(
        self, lease: Lease, pooled: PooledBrowser, kind: EndpointKind, transport: Transport, left: Any
    ) -> None:
        self._lease = lease
        self._pooled = pooled
        self._kind = kind
        self._left = left
        self.transport = transport
        self.execute = None  # what the client sends goes on as it came
        self.browser = str(pooled.running.pid)

    @property
    def why(self) -> str:
        """Why the browser is gone where its client did not ask for that; else ``""``."""
        return self._pooled.fault

    @property
    def unread(self) -> int:
        """Nothing: what its client does not take is not taken from the browser."""
        return 0

    def browser_closes(self) -> None:
        """Mark the browser as closed by its client."""
        self._pooled.happened(PooledEvent.DISMISS)

    def lost(self) -> None:
        """Mark the browser as broken, where its own connection, not just a page's, has failed."""
        if self._kind == "browser":
            self._pooled.happened(PooledEvent.BREAK)

    def left(self) -> None:
        """Release the line, because the client has gone."""
        self._left(self._lease, self)
