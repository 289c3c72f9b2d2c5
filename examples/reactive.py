"""Events as streams: the request rate of each origin over a sliding window, with an alarm that does not flutter.

::

    python -m examples.reactive

Two harbours are served. A page of the one makes calm traffic, then storms the other with requests, then is calm
again. The pipeline below splits the requests by origin as origins appear, measures each one's rate over the last
two seconds twice a second, raises an alarm above a high mark and lifts it only below a low one, and says so once
each time. With a plain callback that is a dictionary of deques, a LoopingCall, a table of states, and the code to
tear them down; here it is one expression, and unsubscribing ends it all.

The time is the reactor's: the operators of a txcdp stream, and of its groups, need no scheduler and start no threads.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any
from urllib.parse import urlsplit

from twisted.internet.task import deferLater, react

import txcdp
from examples.site.server import address, serve, stop
from txcdp import Stream
from txcdp import domains as cdp
from txcdp.streams import GroupedStream, merge

WINDOW = 2.0  # seconds that the rate is taken over
STEP = 0.5  # seconds between two measurements
HIGH, LOW = 20.0, 5.0  # requests a second

STORM = """
(async () => {
    for (let wave = 0; wave < 40; wave++) {
        for (let i = 0; i < 5; i++) fetch(`OTHER?n=${wave}.${i}`, {mode: "no-cors", cache: "no-store"});
        await new Promise((resolve) => setTimeout(resolve, 100));
    }
})()
"""


@dataclass(frozen=True)
class Watch:
    """What is known of an origin: its rate now, and whether there is an alarm for it."""

    origin: str
    rate: float = 0.0
    alarm: bool = False

    def measured(self, count: int) -> Watch:
        """Go on with a new measurement: between the two marks the alarm stays as it was."""
        rate = count / WINDOW
        return Watch(self.origin, rate, rate > (LOW if self.alarm else HIGH))


def origin_of(event: cdp.network.RequestWillBeSent) -> str:
    """Return the scheme, host and port of what is requested."""
    parts = urlsplit(event.request.url)
    return f"{parts.scheme}://{parts.netloc}"


def is_http(event: cdp.network.RequestWillBeSent) -> bool:
    """Return whether a request goes over the network, unlike one of a data: or blob: URL."""
    return event.request.url.startswith("http")


def watch(requests: GroupedStream[str, cdp.network.RequestWillBeSent]) -> Stream[Watch]:
    """Measure one origin."""
    counts = requests.buffer_with_time(WINDOW, STEP).map(len)  # of the last two seconds, every half second
    return counts.scan(Watch.measured, Watch(requests.key))


def watches(requests: Stream[cdp.network.RequestWillBeSent]) -> Stream[Watch]:
    """Measure every origin, from its first request on: one measurement for all who subscribe."""
    return requests.filter(is_http).group_by(origin_of).flat_map(watch).share()


def changes(measured: GroupedStream[str, Watch]) -> Stream[Watch]:
    """Let through only where one origin's alarm begins or ends; it begins without one."""
    return measured.start_with(Watch(measured.key)).distinct_until_changed(lambda known: known.alarm).skip(1)


def alarms(measured: Stream[Watch]) -> Stream[Watch]:
    """Let through only where the alarm of any origin begins or ends."""
    return measured.group_by(lambda known: known.origin).flat_map(changes)


def chart(measured: Watch) -> None:
    """Draw one measurement, unless there is nothing to draw."""
    if measured.rate:
        print(f"  {measured.origin:24} {measured.rate:5.1f}/s {'#' * round(measured.rate)}")


def ring(change: Watch) -> None:
    """Say that an alarm begins or ends."""
    print(f"! {change.origin}: {'ALARM' if change.alarm else 'calm again'} at {change.rate:.1f} requests a second")


async def main(reactor: Any) -> None:
    """Watch a page through calm, storm and calm."""
    here, there = serve(reactor), serve(reactor)
    try:
        async with await txcdp.launch(reactor) as chrome:
            page = await chrome.new_page()
            measured = watches(page.events(cdp.network.RequestWillBeSent))
            showing = merge(measured.do_action(chart), alarms(measured).do_action(ring)).subscribe()
            # An alarm that ends is all that this program waits for.
            calm = txcdp.first(alarms(measured), lambda change: not change.alarm, timeout=60)
            await page.goto(address(here))
            await deferLater(reactor, 1.0, lambda: None)
            await page.evaluate(STORM.replace("OTHER", address(there)))
            await calm
            showing.dispose()
    finally:
        await stop(here)
        await stop(there)


if __name__ == "__main__":
    react(main)
