"""txcdp's page level as a client of :mod:`tests.lab.benchmarks.page_level`: one mode, one JSON line.

::

    page_client.py --url http://127.0.0.1:PORT --site http://127.0.0.1:PORT --mode MODE --n N
"""

from __future__ import annotations

import argparse
import json
import sys
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Any

from twisted.internet.defer import Deferred, gatherResults
from twisted.internet.task import react

sys.path.insert(0, str(Path(__file__).resolve().parents[3]))  # wherever it is run from

import txcdp
from tests.lab.benchmarks.measure import Section, page_arguments
from txcdp.browser import Browser
from txcdp.page import ViewportSize

VIEWPORT = ViewportSize(width=1280, height=720)
FUNCTION = "x => x + 1"


async def opened(browser: Browser, options: argparse.Namespace) -> Callable[[int], Awaitable[None]]:
    """Return what opens, uses and closes so many pages, each in a context of its own."""

    async def run(count: int) -> None:
        for _ in range(count):
            context = await browser.new_context(viewport=VIEWPORT)
            page = await context.new_page()
            await page.goto(options.site + "/small")
            await context.close()

    return run


async def evaluated(browser: Browser, options: argparse.Namespace) -> Callable[[int], Awaitable[None]]:
    """Return what evaluates so many times, as many at a time as is wanted."""
    page = await browser.new_page(viewport=VIEWPORT)
    await page.goto(options.site + "/small")

    async def worker(count: int) -> None:
        for index in range(count):
            assert await page.evaluate(FUNCTION, index) == index + 1

    async def run(count: int) -> None:
        each = max(1, count // options.inflight)
        await gatherResults([Deferred.fromCoroutine(worker(each)) for _ in range(options.inflight)])

    return run


async def photographed(browser: Browser, options: argparse.Namespace) -> Callable[[int], Awaitable[None]]:
    """Return what takes so many pictures, of a small page or of one that is large as a picture."""
    page = await browser.new_page(viewport=VIEWPORT)
    await page.goto(options.site + ("/noise" if options.mode == "noise" else "/small"))

    async def run(count: int) -> None:
        for _ in range(count):
            await page.screenshot()

    return run


PREPARED = {"pages": opened, "seq": evaluated, "gathered": evaluated, "picture": photographed, "noise": photographed}


async def main(reactor: Any, options: argparse.Namespace) -> None:
    """Connect, warm up, and measure."""
    async with await txcdp.connect(reactor, options.url) as browser:
        run = await PREPARED[options.mode](browser, options)
        await run(options.warm)
        section = Section()
        await run(options.n)
        print(json.dumps(section.end(options)), flush=True)


if __name__ == "__main__":
    chosen = page_arguments(__doc__ or "")
    if chosen.profile:
        import cProfile
        import pstats

        profile = cProfile.Profile()
        profile.enable()
        try:
            react(main, [chosen])
        finally:
            profile.disable()
            pstats.Stats(profile, stream=sys.stderr).sort_stats("tottime").print_stats(45)
    else:
        react(main, [chosen])
