"""The tasks of ``locators``, for txcdp and for Playwright alike: in both they are written like this.

A client reads lines of JSON: which task it is to do, how often, and where. It answers when the page is there, begins at
the next line, and tells how long that took.
"""

from __future__ import annotations

import cProfile
import json
import os
import pstats
import sys
import time
from typing import Any


async def clicks(page: Any, number: int) -> None:
    """Press buttons."""
    for each in range(number):
        await page.locator(f"#b{each}").click()


async def fills(page: Any, number: int) -> None:
    """Give fields a text."""
    for each in range(number):
        await page.locator(f"#f{each}").fill(f"text {each}")


async def roles(page: Any, number: int) -> None:
    """Read one element after the other by its role and name."""
    for each in range(number):
        name = f"Press {each % 100}"
        assert await page.get_by_role("button", name=name, exact=True).text_content() == name


async def names(page: Any, number: int) -> None:
    """Read the texts of all elements of a role."""
    for _ in range(number):
        assert len(await page.get_by_role("listitem").all_text_contents()) == 10_000


async def count(page: Any, number: int) -> None:
    """Count elements."""
    for _ in range(number):
        assert await page.locator("li").count() == 10_000


async def evaluate_all(page: Any, number: int) -> None:
    """Call a function with many elements."""
    for _ in range(number):
        assert await page.locator(".third").evaluate_all("all => all.length") == 3333


#: How Playwright's users write what ``extract`` says.
ROWS = """rows => rows.map(row => ({
    name: row.querySelector('.name').textContent, price: row.querySelector('.price').textContent,
    link: row.querySelector('a').href,
}))"""


async def extract(page: Any, number: int) -> None:
    """Read a structure of 1,000 rows at once."""
    for _ in range(number):
        if hasattr(page, "extract"):
            shape = {"rows": {"each": "tr", "name": ".name", "price": ".price", "link": "a@href"}}
            rows = (await page.extract(shape))["rows"]
        else:
            rows = await page.locator("tr").evaluate_all(ROWS)
        assert (len(rows), rows[999]["name"]) == (1000, "Thing 999"), rows


async def rows(page: Any, number: int) -> None:
    """Read the same one row after the other, with one call for each of its texts."""
    for each in range(1000 * number):
        row = page.locator("tr").nth(each % 1000)
        assert await row.locator(".name").text_content() == f"Thing {each % 1000}"
        assert await row.locator(".price").text_content() is not None
        assert await row.locator("a").get_attribute("href") is not None


TASKS = {each.__name__: each for each in (clicks, fills, roles, names, count, evaluate_all, extract, rows)}

#: What is to be so afterwards.
OUTCOMES = {
    "clicks": "wanted => pressed === wanted",
    "fills": "wanted => [...document.querySelectorAll('input')].filter(e => /^text/.test(e.value)).length === wanted",
}


def read() -> dict[str, Any]:
    """Return what is asked for; meanwhile nothing else is to be done."""
    line = sys.stdin.readline()
    asked: dict[str, Any] = json.loads(line) if line else {}
    return asked


def tell(**what: Any) -> None:
    """Answer."""
    print(json.dumps(what), flush=True)


async def work(browser: Any) -> None:
    """Do what is asked for, one after the other, each in a new page; ``PROFILE=clicks`` shows where the time goes."""
    tell()
    while asked := read():
        async with await browser.new_page() as page:
            await do(page, asked["task"], asked["url"], asked["number"])


async def do(page: Any, task: str, url: str, number: int) -> None:
    """Do a task when it is time, and tell how long that took."""
    await page.goto(url)
    await page.locator("body").count()
    tell()
    read()
    profile = cProfile.Profile(time.process_time) if os.environ.get("PROFILE") == task else None
    began = time.perf_counter()
    if profile is not None:
        profile.enable()
    await TASKS[task](page, number)
    took = time.perf_counter() - began
    if profile is not None:
        profile.disable()
        pstats.Stats(profile, stream=sys.stderr).sort_stats("tottime").print_stats(60)
    tell(wall=took)
    if task in OUTCOMES and not await page.evaluate(OUTCOMES[task], number):
        raise SystemExit(f"{task}: that has not come of it")
