"""A document as a stream: the prices of a live table, with alarms for those that rise too quickly.

::

    python -m examples.prices

The table of a fish market is built again ten times a second, sorted by price, so that no row stays what it was; the
page is reloaded in the middle, too. The pipeline below reads the table whenever it has changed, follows each fish on
its own, measures how much its price has risen within two seconds, raises an alarm above a high mark and lifts it only
below a low one, and says so once each time. Nothing polls: the page tells what has changed, no more than once a
frame, and nothing at all once nobody subscribes.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from reactivex import Observable, from_iterable
from twisted.internet.task import react

import txcdp
from examples.site.server import address, serve, stop
from txcdp import Stream
from txcdp.streams import GroupedStream, merge

WINDOW = 2.0  # seconds within which a price has risen
STEP = 0.5  # seconds between two measurements
HIGH, LOW = 0.25, 0.05  # of the lowest price meanwhile


@dataclass(frozen=True)
class Quote:
    """What a fish costs now."""

    fish: str
    price: float


@dataclass(frozen=True)
class Watch:
    """What is known of a fish: its price, how much that has risen, and whether there is an alarm for it."""

    fish: str
    price: float = 0.0
    rise: float = 0.0
    alarm: bool = False

    def measured(self, quotes: list[Quote]) -> Watch:
        """Go on with a new measurement: between the two marks the alarm stays as it was."""
        prices = [each.price for each in quotes] or [self.price]
        rise = prices[-1] / min(prices) - 1 if prices[-1] else 0.0
        return Watch(self.fish, prices[-1], rise, rise > (LOW if self.alarm else HIGH))


def quotes(rows: list[str]) -> Observable[Quote]:
    """Read the table, of which each row is the text of its cells."""
    return from_iterable(Quote(fish, float(price)) for fish, price in map(str.split, rows))


def watch(quoted: GroupedStream[str, Quote]) -> Stream[Watch]:
    """Measure one fish: what it cost in the last two seconds, twice a second."""
    return quoted.buffer_with_time(WINDOW, STEP).scan(Watch.measured, Watch(quoted.key))


def watches(rows: Stream[list[str]]) -> Stream[Watch]:
    """Measure every fish, from its first price on: one measurement for all who subscribe."""
    return rows.flat_map(quotes).group_by(lambda quote: quote.fish).flat_map(watch).share()


def changes(measured: GroupedStream[str, Watch]) -> Stream[Watch]:
    """Let through only where one fish's alarm begins or ends; it begins without one."""
    return measured.start_with(Watch(measured.key)).distinct_until_changed(lambda known: known.alarm).skip(1)


def alarms(measured: Stream[Watch]) -> Stream[Watch]:
    """Let through only where the alarm of any fish begins or ends."""
    return measured.group_by(lambda known: known.fish).flat_map(changes)


def chart(measured: Watch) -> None:
    """Draw one measurement, if the price has risen."""
    if measured.rise >= LOW:
        print(f"  {measured.fish:10} {measured.price:6.2f} {measured.rise:+6.1%} {'#' * round(20 * measured.rise)}")


def ring(change: Watch) -> None:
    """Say that an alarm begins or ends."""
    print(f"! {change.fish}: {'ALARM' if change.alarm else 'calm again'} at {change.price:.2f} ({change.rise:+.1%})")


async def main(reactor: Any) -> None:
    """Watch the market through calm, a reload, a rush and calm."""
    port = serve(reactor)
    try:
        async with await txcdp.launch(reactor) as chrome, await chrome.new_page() as page:
            await page.goto(f"{address(port)}market.html")
            table = page.locator("#market tbody tr").texts()
            measured = watches(table)
            showing = merge(measured.do_action(chart), alarms(measured).do_action(ring)).subscribe()
            print("cheapest:", (await txcdp.first(table, len, timeout=60))[-1])
            await page.reload()
            await txcdp.first(table, len, timeout=60)  # it goes on in the new document
            calm = txcdp.first(alarms(measured), lambda change: not change.alarm, timeout=60)
            await page.evaluate("rush('Herring')")
            await calm
            showing.dispose()
    finally:
        await stop(port)


if __name__ == "__main__":
    react(main)
