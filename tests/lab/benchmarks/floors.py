"""What do a click, a page, a picture and an evaluation cost at least? Measures each with a bare client, and with txcdp.

::

    python -m tests.lab.benchmarks.floors [--only TASK]... [--rounds N]

The bare client is Autobahn's WebSocket protocol with ``json``: it sends the commands that such a task cannot do
without, as many in one write as txcdp does, waits for the same answers, and checks nothing. The two take turns, each
with a browser of its own. Milliseconds for one: of wall time, within which a fifth of them came, and the least
processor time of a round, for this thread alone (the site is served by another).
"""

from __future__ import annotations

import argparse
import base64
import json
import time
from collections.abc import Awaitable, Callable, Iterator
from contextlib import contextmanager
from typing import Any, NamedTuple

from autobahn.twisted.websocket import WebSocketClientFactory, WebSocketClientProtocol
from twisted.internet.defer import Deferred
from twisted.internet.task import react

import txcdp
from tests.lab.benchmarks.figures import tell
from tests.lab.benchmarks.page_level import site
from tests.lab.benchmarks.page_tasks import FUNCTION, VIEWPORT

BUTTON = "<button onclick='window.n = (window.n || 0) + 1'>go</button>"
#: What a bare click asks the page for: a place, once it was there for two frames, and whether the click has come.
AIM = """
window.hit = () => 'done';
window.aim = () => new Promise(done => requestAnimationFrame(() => requestAnimationFrame(() => {
  const box = document.querySelector('button').getBoundingClientRect();
  done([box.x + box.width / 2, box.y + box.height / 2]);
})));
"""

#: Does a task once.
Once = Callable[[], Awaitable[object]]


class BareClient(WebSocketClientProtocol):
    """Sends commands, and knows of their answers and of the next event of a kind."""

    factory: Any
    transport: Any

    def onOpen(self) -> None:
        self._sent = 0
        self._waiting: dict[int, Deferred[Any]] = {}
        self._awaited: dict[str, Deferred[Any]] = {}
        self.factory.opened.callback(self)

    def onMessage(self, payload: bytes, isBinary: bool) -> None:
        message = json.loads(payload)
        if "id" in message:
            self._waiting.pop(message["id"]).callback(message["result"])
        elif message["method"] in self._awaited:
            self._awaited.pop(message["method"]).callback(message["params"])

    def call(self, method: str, session_id: str | None = None, **params: Any) -> Deferred[Any]:
        """Send a command."""
        self._sent += 1
        message: dict[str, Any] = {"id": self._sent, "method": method, "params": params}
        if session_id is not None:
            message["sessionId"] = session_id
        answer = self._waiting[self._sent] = Deferred()
        self.sendMessage(json.dumps(message).encode())
        return answer

    def next(self, event: str) -> Deferred[Any]:
        """Return what fires with the parameters of the next event of that name."""
        awaited = self._awaited[event] = Deferred()
        return awaited

    @contextmanager
    def one_write(self) -> Iterator[None]:
        """Write what is sent within at its end."""
        together: list[bytes] = []
        write, self.transport.write = self.transport.write, together.append
        yield
        self.transport.write = write
        write(b"".join(together))


async def connected(reactor: Any, ws_url: str) -> BareClient:
    """Return a bare client of a browser, to which the browser's pages are attached as they come."""
    factory: Any = WebSocketClientFactory(ws_url)
    factory.protocol = BareClient
    factory.opened = Deferred()
    reactor.connectTCP(factory.host, factory.port, factory)
    client: BareClient = await factory.opened
    await client.call("Target.setAutoAttach", autoAttach=True, waitForDebuggerOnStart=True, flatten=True)
    return client


async def bare_page(client: BareClient, **where: str) -> str:
    """Open a page; return its session's id, once it has all that a page is given first."""
    attached = client.next("Target.attachedToTarget")
    created = client.call("Target.createTarget", url="about:blank", **where)
    session_id: str = (await attached)["sessionId"]
    metrics = {**VIEWPORT, "deviceScaleFactor": 1, "mobile": False}
    with client.one_write():
        client.call("Emulation.setFocusEmulationEnabled", session_id, enabled=True)
        client.call("Emulation.setDeviceMetricsOverride", session_id, **metrics)
        client.call("Page.enable", session_id)
        client.call("Page.setLifecycleEventsEnabled", session_id, enabled=True)
        client.call("Target.setAutoAttach", session_id, autoAttach=True, waitForDebuggerOnStart=True, flatten=True)
        client.call("Network.enable", session_id)
        ready = client.call("Runtime.runIfWaitingForDebugger", session_id)
    await created
    await ready
    return session_id


async def gone(client: BareClient, session_id: str, url: str) -> None:
    """Send a page somewhere; wait for its ``load``."""
    loaded = client.next("Page.loadEventFired")
    await client.call("Page.navigate", session_id, url=url)
    await loaded


async def bare_clicks(client: BareClient, url: str) -> Once:
    """Return what asks where a button is, then sends the rest of a click."""
    session_id = await bare_page(client)
    expression = f"document.body.innerHTML = {json.dumps(BUTTON)}; {AIM}"
    await client.call("Runtime.evaluate", session_id, expression=expression)

    async def click() -> None:
        aimed = await client.call(
            "Runtime.evaluate", session_id, expression="aim()", awaitPromise=True, returnByValue=True
        )
        x, y = aimed["result"]["value"]
        pressed = {"button": "left", "clickCount": 1}
        with client.one_write():
            client.call("Input.dispatchMouseEvent", session_id, type="mouseMoved", x=x, y=y)
            client.call("Input.dispatchMouseEvent", session_id, type="mousePressed", x=x, y=y, **pressed)
            client.call("Input.dispatchMouseEvent", session_id, type="mouseReleased", x=x, y=y, **pressed)
            hit = client.call("Runtime.evaluate", session_id, expression="hit()", returnByValue=True)
        await hit

    return click


async def clicks(browser: txcdp.Browser, url: str) -> Once:
    """Return what clicks on a button."""
    page = await browser.new_page(viewport=VIEWPORT)
    await page.set_content(BUTTON)
    return page.locator("button").click


async def bare_pages(client: BareClient, url: str) -> Once:
    """Return what opens a page in a context of its own, sends it somewhere and disposes of the context."""

    async def once() -> None:
        where = await client.call("Target.createBrowserContext", disposeOnDetach=True)
        session_id = await bare_page(client, **where)
        await gone(client, session_id, url)
        await client.call("Target.disposeBrowserContext", **where)

    return once


async def pages(browser: txcdp.Browser, url: str) -> Once:
    """Return what opens a page in a context of its own, sends it somewhere and closes the context."""

    async def once() -> None:
        context = await browser.new_context(viewport=VIEWPORT)
        page = await context.new_page()
        await page.goto(url)
        await context.close()

    return once


async def bare_pictures(client: BareClient, url: str) -> Once:
    """Return what takes a picture, once the page's fonts are there."""
    session_id = await bare_page(client)
    await gone(client, session_id, url)

    async def picture() -> bytes:
        await client.call(
            "Runtime.evaluate", session_id, expression="document.fonts.ready.then(() => 0)", awaitPromise=True
        )
        taken = await client.call("Page.captureScreenshot", session_id, format="png")
        return base64.b64decode(taken["data"])

    return picture


async def pictures(browser: txcdp.Browser, url: str) -> Once:
    """Return what takes a picture."""
    page = await browser.new_page(viewport=VIEWPORT)
    await page.goto(url)
    return page.screenshot


async def bare_evaluations(client: BareClient, url: str) -> Once:
    """Return what calls a function with a number."""
    session_id = await bare_page(client)
    await gone(client, session_id, url)
    given = {"expression": f"({FUNCTION})(1)", "returnByValue": True, "awaitPromise": True, "userGesture": True}
    return lambda: client.call("Runtime.evaluate", session_id, **given)


async def evaluations(browser: txcdp.Browser, url: str) -> Once:
    """Return what calls a function with a number."""
    page = await browser.new_page(viewport=VIEWPORT)
    await page.goto(url)
    return lambda: page.evaluate(FUNCTION, 1)


class Task(NamedTuple):
    """What is measured: how it is called, how many of it are a round, and how each client gets ready for it."""

    title: str
    number: int
    bare: Callable[[BareClient, str], Awaitable[Once]]
    ours: Callable[[txcdp.Browser, str], Awaitable[Once]]


TASKS = {
    "click": Task("a click", 150, bare_clicks, clicks),
    "page": Task("context, page, goto, close", 30, bare_pages, pages),
    "picture": Task("screenshot, small", 60, bare_pictures, pictures),
    "evaluate": Task("evaluate, one at a time", 500, bare_evaluations, evaluations),
}


class Figures:
    """What a client took for a task."""

    def __init__(self) -> None:
        self._walls: list[float] = []
        self._cpu = float("inf")

    async def measure(self, once: Once, number: int) -> None:
        """Do it so many times."""
        cpu = time.thread_time()
        for _ in range(number):
            began = time.perf_counter()
            await once()
            self._walls.append(time.perf_counter() - began)
        self._cpu = min(self._cpu, (time.thread_time() - cpu) / number)

    def __str__(self) -> str:
        wall = sorted(self._walls)[len(self._walls) // 5]
        return f"{wall * 1000:.2f} / {self._cpu * 1000:.2f}"


async def compared(task: Task, rounds: int, client: BareClient, browser: txcdp.Browser, url: str) -> list[str]:
    """Measure a task; return its row."""
    found = [(await task.bare(client, url), Figures()), (await task.ours(browser, url), Figures())]
    for once, _ in found:
        await Figures().measure(once, 5)  # warm
    for _ in range(rounds):
        for once, figures in found:
            await figures.measure(once, task.number)
    return [task.title, *(str(figures) for _, figures in found)]


async def main(reactor: Any) -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--only", action="append", choices=list(TASKS))
    parser.add_argument("--rounds", type=int, default=5)
    given = parser.parse_args()
    async with await txcdp.launch(reactor) as browser, await txcdp.launch(reactor) as other:
        process = other.process
        assert process is not None
        client = await connected(reactor, process.ws_url)
        with site() as url:
            tasks = [TASKS[key] for key in given.only or TASKS]
            rows = [await compared(each, given.rounds, client, browser, url + "/small") for each in tasks]
    tell("floors", [["milliseconds for each", "a bare client", "txcdp"], *rows])


if __name__ == "__main__":
    react(main)
