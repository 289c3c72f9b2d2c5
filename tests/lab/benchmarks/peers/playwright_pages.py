"""Playwright for Python in the place of page_client.py, with the same arguments; its driver is counted with it."""

from __future__ import annotations

import argparse
import asyncio
import json
from collections.abc import Awaitable, Callable
from importlib import import_module
from typing import Any

from tests.lab.benchmarks.measure import Section, page_arguments

VIEWPORT = {"width": 1280, "height": 720}
FUNCTION = "x => x + 1"


async def opened(browser: Any, options: argparse.Namespace) -> Callable[[int], Awaitable[None]]:
    """Return what opens, uses and closes so many pages, each in a context of its own."""

    async def run(count: int) -> None:
        for _ in range(count):
            context = await browser.new_context(viewport=VIEWPORT)
            page = await context.new_page()
            await page.goto(options.site + "/small")
            await context.close()

    return run


async def evaluated(browser: Any, options: argparse.Namespace) -> Callable[[int], Awaitable[None]]:
    """Return what evaluates so many times, as many at a time as is wanted."""
    page = await browser.new_page(viewport=VIEWPORT)
    await page.goto(options.site + "/small")

    async def worker(count: int) -> None:
        for index in range(count):
            assert await page.evaluate(FUNCTION, index) == index + 1

    async def run(count: int) -> None:
        await asyncio.gather(*(worker(max(1, count // options.inflight)) for _ in range(options.inflight)))

    return run


async def photographed(browser: Any, options: argparse.Namespace) -> Callable[[int], Awaitable[None]]:
    """Return what takes so many pictures, of a small page or of one that is large as a picture."""
    page = await browser.new_page(viewport=VIEWPORT)
    await page.goto(options.site + ("/noise" if options.mode == "noise" else "/small"))

    async def run(count: int) -> None:
        for _ in range(count):
            await page.screenshot()

    return run


PREPARED = {"pages": opened, "seq": evaluated, "gathered": evaluated, "picture": photographed, "noise": photographed}


async def main(options: argparse.Namespace) -> None:
    """Connect, warm up, and measure."""
    async with import_module("playwright.async_api").async_playwright() as playwright:
        browser = await playwright.chromium.connect_over_cdp(options.url)
        run = await PREPARED[options.mode](browser, options)
        await run(options.warm)
        section = Section()
        await run(options.n)
        print(json.dumps(section.end(options)), flush=True)


if __name__ == "__main__":
    asyncio.run(main(page_arguments(__doc__ or "")))
