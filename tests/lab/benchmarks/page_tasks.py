"""The tasks of ``page_level``, for txcdp and for Playwright alike: in both they are written like this."""

from __future__ import annotations

import argparse
import json
from collections.abc import Awaitable, Callable, Coroutine
from typing import Any

from tests.lab.benchmarks.measure import Section

VIEWPORT: Any = {"width": 1280, "height": 720}
FUNCTION = "x => x + 1"

#: Waits for several things at once.
Gather = Callable[[list[Coroutine[Any, Any, None]]], Awaitable[Any]]
#: Does something so many times.
Run = Callable[[int], Awaitable[None]]


async def opened(browser: Any, options: argparse.Namespace, gather: Gather) -> Run:
    """Return what opens, uses and closes so many pages, each in a context of its own."""

    async def run(count: int) -> None:
        for _ in range(count):
            context = await browser.new_context(viewport=VIEWPORT)
            page = await context.new_page()
            await page.goto(options.site + "/small")
            await context.close()

    return run


async def evaluated(browser: Any, options: argparse.Namespace, gather: Gather) -> Run:
    """Return what evaluates so many times, as many at a time as is wanted."""
    page = await browser.new_page(viewport=VIEWPORT)
    await page.goto(options.site + "/small")

    async def worker(count: int) -> None:
        for index in range(count):
            assert await page.evaluate(FUNCTION, index) == index + 1

    async def run(count: int) -> None:
        await gather([worker(max(1, count // options.inflight)) for _ in range(options.inflight)])

    return run


async def photographed(browser: Any, options: argparse.Namespace, gather: Gather) -> Run:
    """Return what takes so many pictures, of a small page or of one that is large as a picture."""
    page = await browser.new_page(viewport=VIEWPORT)
    await page.goto(options.site + ("/noise" if options.mode == "noise" else "/small"))

    async def run(count: int) -> None:
        for _ in range(count):
            await page.screenshot()

    return run


PREPARED = {"pages": opened, "seq": evaluated, "gathered": evaluated, "picture": photographed, "noise": photographed}


async def work(browser: Any, options: argparse.Namespace, gather: Gather) -> None:
    """Warm up, measure what the mode says, and print its line."""
    run = await PREPARED[options.mode](browser, options, gather)
    await run(options.warm)
    section = Section()
    await run(options.n)
    print(json.dumps(section.end(options)), flush=True)
