"""How large, how soon of use and how smooth is the report of a large page? Judges it.

::

    python -m tests.lab.benchmarks.report [--exchanges N] [--messages N]

A report of 5,000 exchanges and 2,000 lines of the console is written without bodies and opened from the disk in a real
browser. It is of use when its script has drawn it. Then its list is scrolled for 240 frames, six rows in each, under
``page.tracing``: what each frame costs the page's main thread is told in CPU time, which no other program changes, and
has to fit into a sixtieth of a second; how many frames a second were seen depends on the machine as well.
"""

from __future__ import annotations

import argparse
import json
import sys
import tempfile
from bisect import bisect_right
from collections import Counter
from collections.abc import Sequence
from pathlib import Path
from statistics import median, quantiles
from typing import Any, Final

from twisted.internet.task import react

import txcdp
from tests.lab.benchmarks.figures import tell
from tests.report.large import large_run
from txcdp._deferreds import returns_deferred
from txcdp.report import write

#: What is allowed: bytes, milliseconds until it is of use, and of a frame.
LARGEST: Final = 5_000_000
LATEST: Final = 1_000
FRAME: Final = 1_000 / 60

CATEGORIES: Final = (
    "devtools.timeline",
    "disabled-by-default-devtools.timeline",
    "disabled-by-default-devtools.timeline.frame",
)

SCROLL: Final = """() => new Promise((done) => {
    const list = document.querySelector("#requests .rows-scroller");
    const times = [];
    const step = (time) => {
        times.push(time);
        list.scrollTop += 144;
        if (times.length < 240) requestAnimationFrame(step);
        else done(times);
    };
    requestAnimationFrame(step);
})"""


def frames(trace: Sequence[dict[str, Any]]) -> list[float]:
    """Return what each frame has cost the page's main thread, in milliseconds of CPU time."""
    begins = [each for each in trace if each["name"] == "BeginMainThreadFrame"]
    thread = Counter((each["pid"], each["tid"]) for each in begins).most_common(1)[0][0]
    times = sorted(each["ts"] for each in begins if (each["pid"], each["tid"]) == thread)
    tasks = [
        (each["ts"], each["tdur"])
        for each in trace
        if each["name"] == "RunTask" and "tdur" in each and (each["pid"], each["tid"]) == thread
    ]
    costs = [0.0] * len(times)
    for start, spent in tasks:
        # The task that begins a frame tells of it when it has begun itself.
        place = bisect_right(times, start + spent) - 1
        if place >= 0:
            costs[place] += spent / 1000
    return costs[1:-1]


async def measure(reactor: Any, exchanges: int, messages: int) -> list[tuple[str, str, str, bool]]:
    """Return what was measured: name, value, goal, and whether that is reached."""
    with tempfile.TemporaryDirectory() as folder:
        path = write(Path(folder, "report.html"), large_run(exchanges, messages), bodies=False)
        size = path.stat().st_size
        async with await txcdp.launch(reactor) as browser:
            page = await browser.new_page(viewport={"width": 1280, "height": 900})
            ready = []
            for _ in range(5):
                await page.goto(path.as_uri())
                mark = "() => performance.getEntriesByName('txcdp-report-ready')[0].startTime"
                ready.append(await page.evaluate(mark))
            await page.tracing.start(categories=CATEGORIES)
            times = await page.evaluate(SCROLL)
            trace = json.loads(await page.tracing.stop() or b"{}")["traceEvents"]
    costs = frames(trace)
    slow = quantiles(costs, n=100)[98]
    seen = (len(times) - 1) / (times[-1] - times[0]) * 1000
    return [
        ("size", f"{size / 1e6:.2f} MB", f"under {LARGEST / 1e6:.0f} MB", size < LARGEST),
        ("of use after", f"{median(ready):.0f} ms", f"{LATEST} ms", median(ready) <= LATEST),
        ("a frame's work, median", f"{median(costs):.1f} ms", "", True),
        ("a frame's work, 99 of 100", f"{slow:.1f} ms", f"{FRAME:.1f} ms", slow <= FRAME),
        ("frames a second", f"{seen:.0f}", "", True),
    ]


@returns_deferred
async def main(reactor: Any) -> None:
    """Measure, print, and exit with 1 where a goal is missed."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--exchanges", type=int, default=5_000)
    parser.add_argument("--messages", type=int, default=2_000)
    options = parser.parse_args()
    rows = await measure(reactor, options.exchanges, options.messages)
    tell("report", [("", "measured", "goal"), *(row[:3] for row in rows)])
    if not all(reached for *_, reached in rows):
        sys.exit(1)


if __name__ == "__main__":
    react(main)
