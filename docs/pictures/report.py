"""Make the pictures of a report that the documentation has, with txcdp itself: ``python docs/pictures/report.py``.

The report is that of the demo site, as ``txcdp report`` writes it. Pixels depend on fonts and on the browser, so
nothing compares them.
"""

from __future__ import annotations

import tempfile
from pathlib import Path
from typing import Any, Literal

from twisted.internet.task import react

import txcdp
from examples.site.server import address, serve, stop
from txcdp.report import collect, write

HERE = Path(__file__).parent
SCHEMES: tuple[Literal["light", "dark"], ...] = ("light", "dark")


async def main(reactor: Any) -> None:
    """Collect the demo site, and take a picture of its report for each colour scheme."""
    listening = serve(reactor)
    try:
        async with await txcdp.launch(reactor) as browser:
            page = await browser.new_page(viewport={"width": 1280, "height": 720})
            collection = await collect(page, name="http://localhost:8000/")
            await page.goto(address(listening))
            await page.network_idle()
            await page.locator("h1").first.click()
            run = await collection.stop()
            with tempfile.TemporaryDirectory() as folder:
                path = write(Path(folder, "report.html"), run)
                for scheme in SCHEMES:
                    shown = await browser.new_page(viewport={"width": 1280, "height": 1000}, color_scheme=scheme)
                    await shown.goto(path.as_uri())
                    await shown.locator(".lane-pictures img").first.wait_for()
                    await shown.screenshot(HERE / f"report-{scheme}.webp", quality=85)
                    await shown.close()
    finally:
        await stop(listening)


if __name__ == "__main__":
    react(main)
