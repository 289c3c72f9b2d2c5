"""One thing that is measured, done with txcdp: see ``compare``."""

from __future__ import annotations

import json
import sys
from typing import Any

from twisted.internet.defer import Deferred
from twisted.internet.task import react

import txcdp

TOLD = json.loads(sys.argv[1])


class Count:
    """Counts what begins and ends, until as many have as there are to be."""

    def __init__(self, page: txcdp.Page) -> None:
        self.urls: list[str] = []
        self.answered = self.ended = 0
        self.whole: Deferred[None] = Deferred()
        page.requests.subscribe(lambda request: self.urls.append(request.url))
        page.responses.subscribe(self._response)
        page.requests_finished.subscribe(self._end)

    def _response(self, response: txcdp.Response) -> None:
        self.answered += response.status == 200

    def _end(self, request: txcdp.Request) -> None:
        self.ended += 1
        if self.ended == TOLD["number"]:
            self.whole.callback(None)


async def main(reactor: Any) -> None:
    """Do it."""
    async with await txcdp.launch(reactor, executable=TOLD["chromium"], timeout=None) as browser:
        page = await browser.new_page()
        await page.goto(TOLD["url"])
        what = TOLD["what"]
        count = Count(page) if what == "events" else None
        stopped = 0

        def on(route: txcdp.Route) -> Any:
            nonlocal stopped
            stopped += 1
            return route.continue_()

        if what in ("continued", "narrow"):
            await page.route("**/data/*" if what == "continued" else "**/nowhere/*", on)
        print("ready", flush=True)
        sys.stdin.readline()
        await page.evaluate(TOLD["script"], TOLD["number"])
        if count is not None:
            await count.whole
            assert len(count.urls) == len(set(count.urls)) == count.answered == count.ended == TOLD["number"]
        assert stopped == (TOLD["number"] if what == "continued" else 0), stopped
        print("done", flush=True)
        sys.stdin.readline()


react(main)
