"""Exchanges that ``Fetch`` tells of before ``Network`` does: the two tell of one request in either order.

Whichever is second finds what the first has made, so that a paused request is the same one as among ``page.requests``.
"""

from __future__ import annotations

import contextlib
from typing import TYPE_CHECKING, Final

from txcdp._deferreds import OneShot, returns_deferred, with_deadline
from txcdp._reactor import Clock
from txcdp.domains import fetch
from txcdp.model import Exchange as Row
from txcdp.model import ExchangeState
from txcdp.network._unfollowed import Unfollowed

if TYPE_CHECKING:
    from txcdp.network._exchange import Exchange
    from txcdp.network._requests import Request
    from txcdp.page import Frame, Page, Worker

#: Requests that were paused before they were told to have begun, at most.
MOST_PAUSED: Final = 1000

#: Seconds for `Network` to tell of a request that `Fetch` has told of.
_TOLD: Final = 1.0


class PausedExchanges:
    """The exchanges of requests that are paused, and that ``Network`` has not told of.

    :param unfollowed: is to let pass what comes of them.
    :param clock: the reactor.
    """

    def __init__(self, unfollowed: Unfollowed, clock: Clock) -> None:
        self._unfollowed = unfollowed
        self._clock = clock
        #: By request; and who waits until it is told of.
        self._exchanges: dict[str, Exchange] = {}
        self._told: dict[str, OneShot[None]] = {}

    def find(self, request_id: str, hop: int) -> Exchange | None:
        """Return the one of a request, after that many redirects."""
        found = self._exchanges.get(request_id)
        return found if found is not None and found._row.hop == hop else None

    def add(self, request_id: str, exchange: Exchange) -> None:
        """Keep another one, until it is told of; the oldest is forgotten where there are too many."""
        self._exchanges[request_id] = exchange
        self._unfollowed.awaited[request_id] = None
        if len(self._exchanges) > MOST_PAUSED:
            oldest = next(iter(self._exchanges))
            del self._exchanges[oldest]
            self._unfollowed.awaited.pop(oldest, None)

    def take(self, row: Row, asked_by: tuple[Frame | None, Page | None, Worker | None]) -> Exchange | None:
        """Return the one that ``Network`` has told of now, which is kept no more."""
        exchange = self._exchanges.pop(row.request_id, None)
        if exchange is not None:
            exchange._row = row
            exchange.frame, exchange.page, exchange.worker = asked_by
            told = self._told.pop(row.request_id, None)
            if told is not None:
                told.fire(None)
        return exchange

    @returns_deferred
    async def when_told(self, request: Request) -> None:
        """Wait until ``Network`` has told of a request that was paused, too, or is not going to.

        :returns: fires with None.
        """
        for request_id, exchange in self._exchanges.items():
            if exchange is request.exchange:
                waiting = self._told.setdefault(request_id, OneShot()).wait()
                with contextlib.suppress(TimeoutError):
                    await with_deadline(self._clock, waiting, _TOLD, TimeoutError)
                return


def row_of_paused(event: fetch.RequestPaused, hop: int) -> Row:
    """Return a row for a request of which nothing but this is known."""
    said = event.request
    kind = str(event.resource_type)
    return Row(
        id=event.network_id or event.request_id,
        request_id=event.network_id or event.request_id,
        session_id="",
        url=said.url + (said.url_fragment or ""),
        method=said.method,
        type=kind,
        state=ExchangeState.REQUESTED,
        started_in="",
        owner="",
        hop=hop,
        frame_id=event.frame_id,
        is_navigation=kind == "Document",
        request=said,
        priority=said.initial_priority,
    )
