"""Exchanges that ``Fetch`` reports before ``Network`` does: the two report the same request in either order.

The later report finds the exchange that the earlier one made, so that a paused request is the same object as in
``page.requests``.
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

#: The maximum number of exchanges kept.
MOST_PAUSED: Final = 1000

#: Seconds for `Network` to report a request that `Fetch` has reported.
_TOLD: Final = 1.0


class PausedExchanges:
    """The exchanges of paused requests that ``Network`` has not reported.

    :param unfollowed: has to deliver the later messages about them.
    :param clock: the reactor.
    """

    def __init__(self, unfollowed: Unfollowed, clock: Clock) -> None:
        self._unfollowed = unfollowed
        self._clock = clock
        #: The exchanges by request; and the Deferreds that wait for their reports.
        self._exchanges: dict[str, Exchange] = {}
        self._told: dict[str, OneShot[None]] = {}

    def find(self, request_id: str, hop: int) -> Exchange | None:
        """Return the exchange of a request, after that number of redirects."""
        found = self._exchanges.get(request_id)
        return found if found is not None and found._row.hop == hop else None

    def add(self, request_id: str, exchange: Exchange) -> None:
        """Keep an exchange until ``Network`` reports it; if there are too many, the oldest is forgotten."""
        self._exchanges[request_id] = exchange
        self._unfollowed.awaited[request_id] = None
        if len(self._exchanges) > MOST_PAUSED:
            oldest = next(iter(self._exchanges))
            del self._exchanges[oldest]
            self._unfollowed.awaited.pop(oldest, None)

    def take(self, row: Row, asked_by: tuple[Frame | None, Page | None, Worker | None]) -> Exchange | None:
        """Return and remove the exchange that ``Network`` has reported now."""
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
        """Wait until ``Network`` has reported a paused request, too, or is not going to.

        :returns: a Deferred that fires with None.
        """
        for request_id, exchange in self._exchanges.items():
            if exchange is request.exchange:
                waiting = self._told.setdefault(request_id, OneShot()).wait()
                with contextlib.suppress(TimeoutError):
                    await with_deadline(self._clock, waiting, _TOLD, TimeoutError)
                return


def row_of_paused(event: fetch.RequestPaused, hop: int) -> Row:
    """Return a row for a request of which only the pause is known."""
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
