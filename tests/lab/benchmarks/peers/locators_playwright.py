"""Playwright for Python, as ``locators`` measures it: see ``locators_tasks``."""

from __future__ import annotations

import asyncio
import sys

from playwright.async_api import async_playwright

from tests.lab.benchmarks.locators_tasks import work


async def main(path: str) -> None:
    """Work in a browser."""
    async with async_playwright() as playwright:
        browser = await playwright.chromium.launch(executable_path=path, args=["--no-sandbox"])
        await work(browser)
        await browser.close()


if __name__ == "__main__":
    asyncio.run(main(sys.argv[1]))
