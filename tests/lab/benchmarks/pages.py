"""Opens, uses and closes pages in one process, and prints how much memory that has taken; it ought to stay flat.

::

    python -m tests.lab.benchmarks.pages [--pages N] [--rows N]

Each page has a context of its own, a subscribed console, dialogs that are answered, handles, a function of the program
and a picture. A row has what this process and the browser's have more than at the beginning, and at the end the kinds
of objects of which there are more.
"""

from __future__ import annotations

import argparse
import gc
import tracemalloc
from collections import Counter
from pathlib import Path
from typing import Any

from twisted.internet.task import react

import txcdp
from txcdp.page import Page

HTML = "data:text/html,<title>used</title><iframe srcdoc='inner'></iframe><input>"


async def use(page: Page, *, picture: bool = True) -> None:
    """Do with a page what programs do."""
    page.console.subscribe(lambda message: None)
    page.page_errors.subscribe(lambda error: None)
    page.dialogs.subscribe(lambda dialog: dialog.accept())
    page.frame_navigated.subscribe(lambda frame: None)
    await page.goto(HTML)
    handle = await page.evaluate_handle("({a: [1]})")
    await page.evaluate("given => given.a", handle)
    await page.evaluate("console.log('written', {a: 1}); confirm('asked')")
    await page.query_selector("iframe")
    await page.frames[1].evaluate("1 + 1")
    await page.expose_function("called", lambda value: value)
    await page.evaluate("called(1)")
    if picture:
        await page.screenshot()


def kinds() -> Counter[str]:
    """Count the objects of this process by their types."""
    gc.collect()
    return Counter(f"{type(each).__module__}.{type(each).__qualname__}" for each in gc.get_objects())


def resident(pid: int) -> int:
    """Return the kilobytes of a process and those below it."""
    parents: dict[int, int] = {}
    sizes: dict[int, int] = {}
    for path in Path("/proc").glob("[0-9]*/status"):
        try:
            said = dict(line.split(":\t", 1) for line in path.read_text().splitlines() if ":\t" in line)
        except OSError:  # it has ended meanwhile
            continue
        parents[int(said["Pid"])] = int(said["PPid"])
        sizes[int(said["Pid"])] = int(said.get("VmRSS", "0 kB").split()[0])

    def is_below(each: int) -> bool:
        while each > 1 and each != pid:
            each = parents.get(each, 0)
        return each == pid

    return sum(size for each, size in sizes.items() if is_below(each))


async def main(reactor: Any, pages: int, rows: int) -> None:
    """Use pages, and tell."""
    async with await txcdp.launch(reactor) as browser:
        assert browser.process is not None

        async def one() -> None:
            async with await browser.new_page(viewport={"width": 300, "height": 200}) as page:
                await use(page)

        for _ in range(10):
            await one()
        tracemalloc.start()
        before, calls = kinds(), len(reactor.getDelayedCalls())
        traced, browsers = tracemalloc.get_traced_memory()[0], resident(browser.process.pid)
        for done in range(1, pages + 1):
            await one()
            if done % max(1, pages // rows) == 0:
                gc.collect()
                print(
                    f"{done:>6} pages: {(tracemalloc.get_traced_memory()[0] - traced) // 1024:+,} KB here,",
                    f"{resident(browser.process.pid) - browsers:+,} KB in the browser,",
                    f"{len(reactor.getDelayedCalls()) - calls:+} delayed calls,",
                    f"{len(browser.connection.sessions)} sessions",
                    flush=True,
                )
        for kind, more in (kinds() - before).most_common(20):
            print(f"{more:>6} {kind}")


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--pages", type=int, default=1000)
    parser.add_argument("--rows", type=int, default=10)
    given = parser.parse_args()
    react(lambda reactor: main(reactor, given.pages, given.rows))
