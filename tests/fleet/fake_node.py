"""A node with fake browsers, as a process: what it begins and ends, it says on its standard output.

    python -m tests.fleet.fake_node ws://127.0.0.1:8080/ws REALM AUTHID TICKET_FILE [SECONDS] [PLACES] [BYTES] [EVENTS]

A render takes SECONDS, and a PDF has BYTES. With EVENTS the page that was opened last says so many things of 10 KB
twenty times a second, each of which begins with its number, and one page is published as "news". On its output "ready"
says that it is registered, "begun URL" that a page goes there, "gone" that one is closed.
"""

from __future__ import annotations

import os
import sys
from pathlib import Path
from typing import Any

from twisted.internet import reactor
from twisted.internet.defer import Deferred, succeed
from twisted.internet.task import LoopingCall

from tests.gateway.support import FakeLaunched
from txcdp.domains import page, runtime, target
from txcdp.fleet import Node, NodeOptions, RouterOptions
from txcdp.fleet._line import RouterLine
from txcdp.gateway import Gateway, GatewayOptions, PoolOptions, RenderOptions
from txcdp.testing import BY_ITSELF, FakeChrome


def say(*words: object) -> None:
    """Say something that is there though the process is killed at once."""
    os.write(1, (" ".join(map(str, words)) + "\n").encode())


def fake_chrome(clock: Any, seconds: float, size: int, tell: Any = say) -> FakeChrome:
    """Return a browser whose renders take some time."""
    chrome = FakeChrome(clock)
    delayed: list[Any] = []
    vars(chrome)["delayed"] = delayed

    def later(answer: Any) -> Any:
        def wait(command: Any) -> Any:
            if not seconds:
                return answer
            answering: Deferred[Any] = Deferred()
            delayed.append(clock.callLater(seconds, answering.callback, answer))
            return answering

        return wait

    def went(command: page.navigate) -> Any:
        tell("begun", command.url)
        return BY_ITSELF

    def closed(command: Any) -> Any:
        tell("gone")
        chrome.commands.clear()
        return BY_ITSELF

    text = runtime.RemoteObject(type="string", value="text")
    chrome.on(page.navigate, went)
    chrome.on(page.print_to_pdf, later(page.PrintToPDFResult(data=b"%" * size)))
    chrome.on(runtime.evaluate, later(runtime.EvaluateResult(result=text)))
    chrome.on(target.dispose_browser_context, closed)
    return chrome


def fake_gateway(clock: Any, chrome: FakeChrome, places: int, **options: Any) -> Gateway:
    """Return a gateway with one such browser."""
    started = 0

    def start() -> Deferred[Any]:
        nonlocal started
        started += 1
        return succeed(FakeLaunched(1000 + started, chrome))

    render = RenderOptions(pages=places, renders=1_000_000, linger=3600.0)
    pool = PoolOptions(size=1, warm=1, check_interval=3600.0)
    return Gateway(clock, GatewayOptions(endpoint=None, render=render, pool=pool, **options), start)


class Talk:
    """What the page says that was opened last, for as long as it is open."""

    def __init__(self, chrome: FakeChrome, number: int) -> None:
        self._chrome = chrome
        self._number = number
        self._said = 0
        self._page: str | None = None

    def go_on(self) -> None:
        """Say some more; each thousandth is told outside, as "said"."""
        opened = [each.session_id for each in self._chrome.commands if each.method == "Page.navigate"]
        self._page = opened[-1] if opened else self._page
        for _ in range(self._number if self._page is not None else 0):
            self._said += 1
            value = {"type": "string", "value": f"{self._said} {'x' * 10_000}"}
            parameters = {"type": "log", "args": [value], "executionContextId": 1, "timestamp": 0}
            try:
                self._chrome.emit_raw("Runtime.consoleAPICalled", parameters, self._page)
            except AssertionError:
                self._page = None
                return
            if self._said % 1000 == 0:
                say("said", self._said)


def main(
    url: str,
    realm: str,
    authid: str,
    ticket: str,
    seconds: str = "0.05",
    places: str = "8",
    size: str = "1000",
    events: str = "0",
) -> None:
    """Run until somebody ends it."""
    clock: Any = reactor
    chrome = fake_chrome(clock, float(seconds), int(size))
    gateway = fake_gateway(clock, chrome, int(places))
    published = {}
    if int(events):
        published = {"news": "http://example.com/news"}
        LoopingCall(Talk(chrome, int(events)).go_on).start(0.05)
    node = Node(clock, gateway, NodeOptions(name=authid.replace("-", "_"), publish=published))
    options = RouterOptions(url=url, realm=realm, authid=authid, ticket=Path(ticket).read_text().strip())
    line = RouterLine(
        clock,
        options,
        lambda session: node.joined(session).addCallback(lambda _: say("ready")),
        lambda session, why: node.left(),
    )
    gateway.start()
    line.start()
    clock.run()


if __name__ == "__main__":
    main(*sys.argv[1:])
