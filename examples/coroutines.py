"""The same Deferreds, awaited: an ``async def`` that runs three pages at once, and one ``inlineCallbacks``.

::

    python -m examples.coroutines

Watches the customs office answer, books a berth for three ships in three pages side by side, and takes a
picture. All of it happens in one reactor: no threads, and no second event loop.
"""

from __future__ import annotations

from collections.abc import Generator
from pathlib import Path
from typing import Any

from twisted.internet.defer import Deferred, gatherResults, inlineCallbacks
from twisted.internet.task import react

import txcdp
from examples.site.server import address, serve, stop
from txcdp import domains as cdp

PICTURE = Path("build", "booked.png")
SHIPS = ("Albatros", "Brigitte II", "Cormorant")


async def main(reactor: Any) -> None:
    """Serve the site and launch a browser; ``async with`` closes it, after an exception too."""
    site = serve(reactor)
    try:
        async with await txcdp.launch(reactor) as chrome:
            await wait_for_customs(chrome, address(site))
            # A coroutine becomes a Deferred with fromCoroutine, and Deferreds run side by side by themselves.
            berths = [Deferred.fromCoroutine(book(chrome, address(site), ship)) for ship in SHIPS]
            print("Booked:", ", ".join(await gatherResults(berths)))
            print("Bytes in the picture:", await picture(chrome, address(site)))
    finally:
        await stop(site)


async def wait_for_customs(chrome: txcdp.Browser, url: str) -> None:
    """Wait for an event, in the one way that cannot miss it: subscribe first, then act, then await."""
    async with await chrome.new_page() as page:
        # first() subscribes now. The first subscriber also sends Network.enable, ahead of what follows.
        answered = txcdp.first(
            page.events(cdp.network.ResponseReceived),
            lambda event: event.response.url.endswith("/api/customs"),
            timeout=10,
        )
        await page.goto(url)
        event = await answered
        print(f"The customs office answered {event.response.status} in", end=" ")
        timing = event.response.timing
        print("no time" if timing is None else f"{timing.receive_headers_end:.0f} ms")


async def book(chrome: txcdp.Browser, url: str, ship: str) -> str:
    """Fill in the form of the second page, and wait for the page that it leads to."""
    async with await chrome.new_page(f"{url}arrivals.html") as page:
        # What the form's answer is, its URL says; the event is there before the new document is.
        booked = txcdp.first(
            page.events(cdp.network.ResponseReceived), lambda event: "booked=1" in event.response.url, timeout=10
        )
        await page.fill("#ship", ship)
        await page.click("#book")
        await booked
        return ship


@inlineCallbacks
def picture(chrome: txcdp.Browser, url: str) -> Generator[Deferred[Any], Any, int]:
    """Take a picture, in the style of programs that are older than ``await``; what it returns is a Deferred too."""
    page = yield chrome.new_page()
    yield page.goto(url, wait_until="networkidle")
    PICTURE.parent.mkdir(exist_ok=True)
    image = yield page.screenshot(PICTURE, full_page=True)
    yield page.close()
    return len(image)


if __name__ == "__main__":
    react(main)
