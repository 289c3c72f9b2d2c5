"""What does a click cost at least? Prints processor time of this process for one: of a bare client, and of txcdp.

::

    python -m tests.lab.benchmarks.click_floor [--clicks N] [--rounds N]

The bare client is Autobahn's WebSocket protocol with ``json``: it sends the five commands of a click in two writes, as
txcdp does, waits for the same answers, and checks nothing. The two take turns, each with a browser of its own.
"""

from __future__ import annotations

import argparse
import json
import time
from collections.abc import Awaitable, Callable
from typing import Any

from autobahn.twisted.websocket import WebSocketClientFactory, WebSocketClientProtocol
from twisted.internet.defer import Deferred
from twisted.internet.task import react

import txcdp

#: What both click on, once an element has stayed where it is for two frames.
BUTTON = "<button onclick='window.n = (window.n || 0) + 1'>go</button>"
AIM = """
window.hit = () => 'done';
window.aim = () => new Promise(done => requestAnimationFrame(() => requestAnimationFrame(() => {
  const box = document.querySelector('button').getBoundingClientRect();
  done([box.x + box.width / 2, box.y + box.height / 2]);
})));
"""


class BareClient(WebSocketClientProtocol):
    """Sends commands, and knows of their answers."""

    factory: Any
    transport: Any

    def onOpen(self) -> None:
        self.sent = 0
        self.waiting: dict[int, Deferred[Any]] = {}
        self.factory.opened.callback(self)

    def onMessage(self, payload: bytes, isBinary: bool) -> None:
        message = json.loads(payload)
        if "id" in message:
            self.waiting.pop(message["id"]).callback(message["result"])

    def call(self, method: str, session_id: str | None = None, **params: Any) -> Deferred[Any]:
        """Send a command."""
        self.sent += 1
        message: dict[str, Any] = {"id": self.sent, "method": method, "params": params}
        if session_id is not None:
            message["sessionId"] = session_id
        answer = self.waiting[self.sent] = Deferred()
        self.sendMessage(json.dumps(message).encode())
        return answer

    async def click(self, session_id: str) -> None:
        """Click on the button: ask where it is, then send the rest in one write."""
        aimed = await self.call(
            "Runtime.evaluate", session_id, expression="aim()", awaitPromise=True, returnByValue=True
        )
        x, y = aimed["result"]["value"]
        together: list[bytes] = []
        write, self.transport.write = self.transport.write, together.append
        for kind, more in (
            ("mouseMoved", {}),
            ("mousePressed", {"button": "left", "clickCount": 1}),
            ("mouseReleased", {"button": "left", "clickCount": 1}),
        ):
            self.call("Input.dispatchMouseEvent", session_id, type=kind, x=x, y=y, **more)
        hit = self.call("Runtime.evaluate", session_id, expression="hit()", returnByValue=True)
        self.transport.write = write
        write(b"".join(together))
        await hit


async def bare(reactor: Any, ws_url: str) -> Callable[[], Awaitable[None]]:
    """Return what clicks in a page of a browser."""
    factory: Any = WebSocketClientFactory(ws_url)
    factory.protocol = BareClient
    factory.opened = Deferred()
    reactor.connectTCP(factory.host, factory.port, factory)
    client: BareClient = await factory.opened
    target_id = (await client.call("Target.createTarget", url="about:blank"))["targetId"]
    session_id = (await client.call("Target.attachToTarget", targetId=target_id, flatten=True))["sessionId"]
    await client.call("Emulation.setFocusEmulationEnabled", session_id, enabled=True)
    expression = f"document.body.innerHTML = {json.dumps(BUTTON)}; {AIM}"
    await client.call("Runtime.evaluate", session_id, expression=expression)
    return lambda: client.click(session_id)


async def main(reactor: Any) -> None:
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0] if __doc__ else None)
    parser.add_argument("--clicks", type=int, default=300, help="in each round")
    parser.add_argument("--rounds", type=int, default=5)
    given = parser.parse_args()
    async with await txcdp.launch(reactor) as browser, await txcdp.launch(reactor) as other:
        process = other.process
        assert process is not None
        page = await browser.new_page()
        await page.set_content(BUTTON)
        button = page.locator("button")
        clicks: dict[str, Callable[[], Awaitable[None]]] = {"bare": await bare(reactor, process.ws_url)}
        clicks["txcdp"] = button.click
        least = dict.fromkeys(clicks, float("inf"))
        for _ in range(given.rounds):
            for name, click in clicks.items():
                began = time.process_time()
                for _ in range(given.clicks):
                    await click()
                spent = (time.process_time() - began) / given.clicks
                least[name] = min(least[name], spent)
                print(f"{name}: {spent * 1000:.2f} ms of processor time", flush=True)
        print("\nthe least: " + ", ".join(f"{name} {spent * 1000:.2f} ms" for name, spent in least.items()))


if __name__ == "__main__":
    react(main)
