"""How many frames a second does a page keep whose elements are observed? Prints a table for the documentation.

::

    python -m tests.lab.benchmarks.observed [--seconds N] [--elements N] [--changes N]

A page with 1,000 elements changes the texts of 100 of them in each frame that it draws, first unobserved, then with
each of the streams that tell of changes, and at last with one whose items are taken too slowly: those that did not
find room are counted, and none is lost without that. How many frames a page draws is the machine's, too, so that it is
judged by the processor time that the page's thread takes for a frame: it fails where there is not enough left of it for
60 frames a second.
"""

from __future__ import annotations

import argparse
import sys
import time
from itertools import pairwise
from typing import Any, NamedTuple

from twisted.internet.defer import Deferred
from twisted.internet.task import deferLater, react

import txcdp
from tests.lab.benchmarks.figures import tell
from txcdp import Page, Stream
from txcdp.domains import performance

#: Milliseconds of the processor that the page's thread may take for a frame: a quarter is left to others.
ENOUGH = 0.75 * 1000 / 60

#: Seconds that each item takes who takes them too slowly, and how many may wait for that.
SLOW, ROOM = 0.01, 1000

SCRIPT = """async ([seconds, changes]) => {
    const all = document.querySelectorAll('.row'), times = [];
    let next = 0;
    for (const until = performance.now() + 1000 * seconds; performance.now() < until;) {
        times.push(await new Promise(requestAnimationFrame));
        for (let each = 0; each < changes; each++) {
            const row = all[next++ % all.length];
            row.firstChild.data = `${1 + Number(row.firstChild.data)}`;
        }
    }
    return [1000 * (times.length - 1) / (times.at(-1) - times[0]), times.length];
}"""


class Result(NamedTuple):
    """What came of one way to observe."""

    name: str
    frames: float  # a second
    page: float  # milliseconds of processor time that the page's thread takes for a frame
    items: float  # a second
    changes: float  # a second, in these items
    dropped: int
    cpu: float  # of the program's processor time, in a second


def streams(page: Page) -> dict[str, Stream[Any]]:
    """Return what observes."""
    return {
        "texts() of all": page.locator(".row").texts(),
        "count_changes()": page.locator(".row").count_changes(),
        "states() of one": page.locator(".row").nth(500).states(),
        "mutations()": page.mutations("ul"),
    }


async def spent(page: Page) -> float:
    """Return the seconds of processor time that the page's thread has taken for its tasks."""
    metrics = (await page.session.execute(performance.get_metrics())).metrics
    return next(each.value for each in metrics if each.name == "TaskDuration")


async def drawn(page: Page, options: Any) -> tuple[float, float]:
    """Let the page draw, and return the frames a second, and the milliseconds of its thread's for one."""
    before = await spent(page)
    frames, number = await page.evaluate(SCRIPT, [options.seconds, options.changes], timeout=None)
    return frames, 1000 * (await spent(page) - before) / number


async def observed(page: Page, name: str, stream: Stream[Any], options: Any) -> Result:
    """Measure with a stream that is taken as it comes."""
    items: list[Any] = []
    subscription = stream.subscribe(items.append)
    await txcdp.first(page.locator(".row").count_changes())
    began, used = time.perf_counter(), time.process_time()
    frames, own = await drawn(page, options)
    took, cpu = time.perf_counter() - began, time.process_time() - used
    subscription.dispose()
    dropped = sum(getattr(each, "dropped", 0) for each in items)
    return Result(name, frames, own, len(items) / took, changes_in(items) / took, dropped, cpu / took)


def changes_in(items: list[Any]) -> int:
    """Return how many texts are other ones than in the item before; of mutations, how many these are."""
    lists = [each for each in items if isinstance(each, list)]
    if not lists:
        return len(items)
    return sum(sum(map(str.__ne__, *pair)) for pair in pairwise(lists))


async def too_slow(reactor: Any, page: Page, options: Any) -> Result:
    """Measure with somebody who takes the mutations more slowly than they come."""
    queue = txcdp.queue(page.mutations("ul"), maxsize=ROOM, overflow="drop_oldest")
    taken: list[Any] = []
    over = False

    async def take() -> None:
        while not over:
            taken.append(await queue.get())
            await deferLater(reactor, SLOW, lambda: None)

    taking = Deferred.fromCoroutine(take())
    began, used = time.perf_counter(), time.process_time()
    frames, own = await drawn(page, options)
    took, cpu = time.perf_counter() - began, time.process_time() - used
    over = True
    queue.close()
    await taking
    dropped = queue.dropped + sum(each.dropped for each in taken)
    return Result("mutations(), too slow", frames, own, len(taken) / took, len(taken) / took, dropped, cpu / took)


def table(results: list[Result]) -> list[list[str]]:
    """Return the table's rows."""
    rows = [["observed by", "frames/s", "ms a frame", "items/s", "changes/s", "dropped", "processor"]]
    for each in results:
        told = [f"{each.items:,.0f}", f"{each.changes:,.0f}", f"{each.dropped:,}"]
        rows.append([each.name, f"{each.frames:.1f}", f"{each.page:.1f}", *told, f"{100 * each.cpu:.0f} %"])
    return rows


async def main(reactor: Any, *arguments: str) -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--seconds", type=float, default=5, help="for each way to observe")
    parser.add_argument("--elements", type=int, default=1000)
    parser.add_argument("--changes", type=int, default=100, help="in each frame")
    options = parser.parse_args(arguments)
    async with await txcdp.launch(reactor) as browser, await browser.new_page() as page:
        await page.set_content(f"<ul>{'<li class=row>0' * options.elements}</ul>")
        await page.session.execute(performance.enable(time_domain="threadTicks"))
        await drawn(page, options)  # once, to be warm
        frames, own = await drawn(page, options)
        results = [Result("nobody", frames, own, 0, 0, 0, 0)]
        for name, stream in streams(page).items():
            results.append(await observed(page, name, stream, options))
        results.append(await too_slow(reactor, page, options))
    print(f"\n{options.changes} changes in each frame of {options.elements:,} elements, {options.seconds:g} s\n")
    tell("observed", table(results))
    if max(each.page for each in results) > ENOUGH:
        raise SystemExit(f"a frame takes more than {ENOUGH:.1f} ms: there is not enough left for 60 of them a second")


if __name__ == "__main__":
    react(main, sys.argv[1:])
