"""Has a page send more than the browser can tell of, while all requests are routed, and sees that it goes on.

::

    python -m tests.lab.benchmarks.network.upload [--megabytes N]
"""

from __future__ import annotations

import argparse
from typing import Any

from twisted.internet.task import react
from twisted.web.resource import Resource
from twisted.web.server import Request, Site

import txcdp
from txcdp.network._untold import UNTOLD

SEND = "n => fetch('/upload', {method: 'POST', body: new Uint8Array(n)}).then(answer => answer.text())"


class Counting(Resource):
    """Answers with how many bytes it was sent."""

    isLeaf = True

    def render(self, request: Request) -> bytes:
        """Answer."""
        assert request.content is not None
        return b"%d" % len(request.content.read())


async def main(reactor: Any, options: argparse.Namespace) -> None:
    """Send, and judge."""
    port = reactor.listenTCP(0, Site(Counting()), interface="127.0.0.1")
    size, told = options.megabytes * 1_000_000, []
    try:
        async with await txcdp.launch(reactor) as browser:
            page = await browser.new_page(f"http://127.0.0.1:{port.getHost().port}/")

            async def go_on(route: txcdp.Route) -> None:
                told.append(route.request.url)
                await route.continue_()

            await page.route("**/upload", go_on)
            began = reactor.seconds()
            came = await page.evaluate(SEND, size, timeout=None)
            print(f"{came} of {size} bytes came, {reactor.seconds() - began:.1f} s; told of: {len(told)}; {UNTOLD:g} s")
    finally:
        await port.stopListening()
    if int(came) != size:
        raise SystemExit(1)


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--megabytes", type=int, default=40)
    given = parser.parse_args()
    react(lambda reactor: main(reactor, given))
