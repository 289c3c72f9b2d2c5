"""Other gateways behind the same address: each gateway lists the pages of all of them."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

import msgspec
from twisted.internet.defer import CancelledError, Deferred, gatherResults
from twisted.logger import Logger

from txcdp._deferreds import returns_deferred, with_deadline
from txcdp._logs import LogThrottle
from txcdp._privacy import shown_url
from txcdp._reactor import AnyReactor
from txcdp._transports.websocket_protocol import WebSocketOptions
from txcdp.chrome._addresses import Address
from txcdp.chrome._fetching import fetch
from txcdp.gateway._http.request_head import query_of, split_query

#: The query of ``/json/list`` with which a gateway lists only the pages of its own browsers that are in use.
TAKEN = "taken"

#: Seconds that a peer has for its response: whoever has requested the list is waiting for it.
_PATIENCE = 2.0

log = Logger()


class Peers:
    """Asks other gateways for their pages, on behalf of the client that asks here.

    :param reactor: the reactor.
    :param urls: the URLs of the other gateways.
    """

    def __init__(self, reactor: AnyReactor, urls: Iterable[str]) -> None:
        self._reactor = reactor
        self._addresses = [Address.parse(each) for each in urls]
        self._may_log = LogThrottle(reactor)

    @returns_deferred
    async def pages(self, http: Any) -> list[Any]:
        """Return the pages of all peers that respond, as they describe them.

        :param http: the request here: its token and its Host are passed on.
        """
        token = split_query(query_of(http))[1]
        path = f"list?{TAKEN}" + ("" if token is None else f"&token={token}")
        # Peers write their URLs as the client sees them.
        names = ("Host", "Authorization")
        headers = {name: found for name in names if (found := http.getHeader(name)) is not None}
        asked = [self._ask(address, path, headers) for address in self._addresses]
        return [page for pages in await gatherResults(asked) for page in pages]

    @returns_deferred
    async def _ask(self, address: Address, path: str, headers: dict[str, str]) -> list[Any]:
        """Return the pages of one peer; none if its response is not valid."""
        options = WebSocketOptions(headers=headers)
        asking = Deferred.fromCoroutine(fetch(self._reactor, "GET", address, path, _PATIENCE, options))
        try:
            status, body = await with_deadline(self._reactor, asking, _PATIENCE, TimeoutError)
            if status != 200:
                raise ValueError(f"it answers {status}")
            return msgspec.json.decode(body, type=list[dict[str, Any]])
        except CancelledError:
            raise
        except Exception as error:  # it is down, or being started again: the others' pages are there all the same
            if self._may_log():
                log.warn(
                    "The gateway at {peer} does not list its pages: {error!r}",
                    peer=shown_url(address.netloc),
                    error=error,
                )
            return []
