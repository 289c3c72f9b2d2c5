"""Has a page, or a worker, send more than the browser can tell of, while that is routed, and sees that it goes on.

::

    python -m tests.lab.benchmarks.network.upload [--megabytes N] [--by frame|worker|shared|service]
"""

from __future__ import annotations

import argparse
from typing import Any, Final

from twisted.internet.task import react
from twisted.web.resource import Resource
from twisted.web.server import Request, Site

import txcdp
from txcdp.network._untold import UNTOLD

SEND = "n => fetch('/upload', {method: 'POST', body: new Uint8Array(n)}).then(answer => answer.text())"

#: By who sends: what it runs, and what has it run that.
SCRIPTS: Final = {
    "frame": f"onmessage = async event => parent.postMessage(await ({SEND})(event.data), '*')",
    "worker": f"onmessage = async event => postMessage(await ({SEND})(event.data))",
    "shared": f"onconnect = ({{ports: [port]}}) => port.onmessage = async event => "
    f"port.postMessage(await ({SEND})(event.data))",
    "service": f"onmessage = event => event.waitUntil("
    f"({SEND})(event.data).then(said => event.source.postMessage(said)))",
}
STARTS: Final = {
    "page": SEND,
    "frame": """n => new Promise(done => {
        const frame = document.createElement('iframe');
        frame.src = location.href.replace('127.0.0.1', 'localhost') + 'frame';
        frame.onload = () => frame.contentWindow.postMessage(n, '*');
        onmessage = event => done(event.data);
        document.body.append(frame);
    })""",
    "worker": """n => new Promise(done => {
        const worker = new Worker('/worker');
        worker.onmessage = event => done(event.data);
        worker.postMessage(n);
    })""",
    "shared": """n => new Promise(done => {
        const {port} = new SharedWorker('/shared');
        port.onmessage = event => done(event.data);
        port.postMessage(n);
    })""",
    "service": """async n => {
        const said = new Promise(done => navigator.serviceWorker.onmessage = event => done(event.data));
        await navigator.serviceWorker.register('/service');
        (await navigator.serviceWorker.ready).active.postMessage(n);
        return said;
    }""",
}


class Counting(Resource):
    """Answers with how many bytes it was sent; and with what sends."""

    isLeaf = True

    def render(self, request: Request) -> bytes:
        """Answer."""
        assert request.content is not None
        script = SCRIPTS.get(request.path.decode().removeprefix("/"))
        if script is None:
            return b"%d" % len(request.content.read())
        if request.path == b"/frame":
            return f"<script>{script}</script>".encode()
        request.setHeader("content-type", "text/javascript")
        return script.encode()


async def main(reactor: Any, options: argparse.Namespace) -> None:
    """Send, and judge."""
    port = reactor.listenTCP(0, Site(Counting()), interface="127.0.0.1")
    size, told = options.megabytes * 1_000_000, []
    try:
        async with await txcdp.launch(reactor) as browser:
            context = await browser.new_context()
            page = await context.new_page(f"http://127.0.0.1:{port.getHost().port}/")

            async def go_on(route: txcdp.Route) -> None:
                told.extend(["told"] * route.request.url.endswith("/upload"))
                await route.continue_()

            await context.route("**/{upload,shared}", go_on)
            began = reactor.seconds()
            came = await page.evaluate(STARTS[options.by], size, timeout=None)
            print(f"{came} of {size} bytes came, {reactor.seconds() - began:.1f} s; told of: {len(told)}; {UNTOLD:g} s")
    finally:
        await port.stopListening()
    if int(came) != size:
        raise SystemExit(1)


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--megabytes", type=int, default=40)
    parser.add_argument("--by", choices=STARTS, default="page", help="who sends")
    given = parser.parse_args()
    react(lambda reactor: main(reactor, given))
