"""A program that records without an end, in a process of its own that may be killed.

::

    python -m tests.browser.har_client URL HAR

A page fetches ``URL/data?n=0`` and so on, several at a time. The program writes a line for each entry that is in the
file, with how many there are, and the process of its browser at first.
"""

from __future__ import annotations

import sys
from typing import Any

from twisted.internet.defer import Deferred
from twisted.internet.task import LoopingCall, react

import txcdp

ASK = """() => { let n = 0; const ask = async () => { for (;;) await (await fetch(`/data?n=${n++}`)).text() };
    for (let k = 0; k < 4; k++) ask() }"""


def tell(number: int) -> None:
    """Write a number, at once."""
    sys.stdout.write(f"{number}\n")
    sys.stdout.flush()


async def main(reactor: Any, url: str, har: str) -> None:
    """Record until it is killed."""
    browser = await txcdp.launch(reactor)
    assert browser.process is not None
    tell(browser.process.pid)
    page = await browser.new_page(f"{url}/")
    recording = await page.record_har(har)
    await page.evaluate(ASK)
    said = 0

    def look() -> None:
        nonlocal said
        if recording.entries > said:
            said = recording.entries
            tell(said)

    await LoopingCall(look).start(0.002)


if __name__ == "__main__":
    react(lambda reactor: Deferred.fromCoroutine(main(reactor, *sys.argv[1:])))
