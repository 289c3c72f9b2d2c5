"""Playwright for Python in the place of page_client.py, with the same arguments; its driver is counted with it."""

from __future__ import annotations

import argparse
import asyncio
from importlib import import_module

from tests.lab.benchmarks.measure import page_arguments
from tests.lab.benchmarks.page_tasks import work


async def main(options: argparse.Namespace) -> None:
    """Connect, and work."""
    async with import_module("playwright.async_api").async_playwright() as playwright:
        browser = await playwright.chromium.connect_over_cdp(options.url)
        await work(browser, options, lambda several: asyncio.gather(*several))


if __name__ == "__main__":
    asyncio.run(main(page_arguments(__doc__ or "")))
