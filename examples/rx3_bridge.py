"""For applications that still build on Rx 3: streams of txcdp as observables of the distribution ``rx``.

::

    pip install txcdp[rx]
    python -m examples.rx3_bridge

Draws the waterfall of a page: each request's beginning and duration, and at last the three slowest. The pipeline is
Rx 3's from end to end, so that what an application has of its own operators and subjects goes on as it is.
``from_stream`` is the one way: never hand a stream to an operator of the other distribution by itself.
"""

from __future__ import annotations

from operator import attrgetter
from typing import Any, NamedTuple

import rx
from rx import operators as ops
from rx.core.observable.groupedobservable import GroupedObservable
from twisted.internet.task import react

import txcdp
from examples.site.server import address, serve, stop
from txcdp import domains as cdp
from txcdp.rx3 import from_stream, scheduler, to_stream

QUIET = 1.5  # seconds without a request after which the page is taken to be complete


class Span(NamedTuple):
    """One request, in milliseconds."""

    url: str
    status: int
    begin: float
    duration: float


def span(events: list[Any]) -> Span:
    """Make a span of a request's three events: sent, answered, finished."""
    sent, answered, finished = events
    begin, end = sent.timestamp * 1000, finished.timestamp * 1000
    return Span(answered.response.url, answered.response.status, begin, end - begin)


def complete(events: list[Any]) -> bool:
    """Return whether a request has all three events; one that a redirect answered, or that failed, has not."""
    kinds = [cdp.network.RequestWillBeSent, cdp.network.ResponseReceived, cdp.network.LoadingFinished]
    return [type(event) for event in events] == kinds


def spans(page: txcdp.Page) -> rx.Observable:
    """Bring together what belongs together: the events of each request, as soon as it is finished."""

    def of_request(events: GroupedObservable) -> rx.Observable:
        return events.pipe(
            ops.take_while(lambda event: not isinstance(event, cdp.network.LoadingFinished), inclusive=True),
            ops.to_list(),
            ops.filter(complete),
            ops.map(span),
        )

    kinds = (cdp.network.RequestWillBeSent, cdp.network.ResponseReceived, cdp.network.LoadingFinished)
    return rx.merge(*(from_stream(page.events(kind)) for kind in kinds)).pipe(
        ops.group_by(attrgetter("request_id")),
        ops.flat_map(of_request),
    )


async def main(reactor: Any) -> None:
    """Load the dashboard and draw how it came."""
    site = serve(reactor)
    try:
        async with await txcdp.launch(reactor) as chrome:
            page = await chrome.new_page()
            found: list[Span] = []
            shared = spans(page).pipe(ops.do_action(found.append), ops.share())
            # The way back, so that a Deferred can wait for it: the first moment without requests.
            quiet = txcdp.first(
                to_stream(shared.pipe(ops.debounce(QUIET, scheduler(reactor)))), timeout=30, clock=reactor
            )
            await page.goto(address(site))
            await quiet
            draw(found)
    finally:
        await stop(site)


def draw(found: list[Span]) -> None:
    """Print the waterfall, and the slowest."""
    start = min(each.begin for each in found)
    scale = 50 / max(each.begin + each.duration - start for each in found)
    for each in sorted(found, key=attrgetter("begin")):
        before, length = round((each.begin - start) * scale), max(1, round(each.duration * scale))
        print(f"{each.status} {each.url.partition('//')[2]:34.34} {' ' * before}{'=' * length}")
    print("The slowest:")
    for each in sorted(found, key=attrgetter("duration"), reverse=True)[:3]:
        print(f"  {each.duration:7.1f} ms  {each.url}")


if __name__ == "__main__":
    react(main)
