"""One client of a gateway, in a process of its own that may be killed: it works, and checks each answer.

::

    python -m tests.browser.deaths_client URL PAGE SEED

It writes a line of JSON for whatever happens to it, with the time. When it has come in it waits for a line on its
standard input, so that whoever has started it can find out which browser it got; after ``stop`` it comes in no more.
"""

from __future__ import annotations

import json
import random
import sys
import time
from typing import Any

from twisted.internet.defer import Deferred
from twisted.internet.stdio import StandardIO
from twisted.internet.task import deferLater, react
from twisted.protocols.basic import LineOnlyReceiver

import txcdp
from txcdp._transports.websocket import WebSocketOptions
from txcdp.domains import runtime
from txcdp.errors import TxcdpError

#: Seconds for a place in a browser, where many have died.
OPEN = 60.0
#: Seconds for an answer.
ANSWER = 20.0
#: Seconds that a session takes, and between two pieces of work.
SESSION, PAUSE = (2.0, 6.0), 0.01


def tell(what: str, **facts: Any) -> None:
    """Write what happens."""
    sys.stdout.write(json.dumps({"what": what, "at": time.monotonic(), **facts}) + "\n")
    sys.stdout.flush()


class Orders(LineOnlyReceiver):
    """What comes in at standard input."""

    delimiter = b"\n"

    def __init__(self) -> None:
        self.stopped = False
        self.next: Deferred[None] = Deferred()

    def lineReceived(self, line: bytes) -> None:
        self.stopped |= line == b"stop"
        waiting, self.next = self.next, Deferred()
        waiting.callback(None)


class Wrong(Exception):
    """The answer is not what it should be."""


class Work:
    """What is done in one session."""

    def __init__(self, tab: txcdp.Page, page: str, mark: str) -> None:
        self.tab = tab
        self.page = page
        self.mark = mark
        self.number = 0
        self.done = {"evaluate": 0, "navigate": 0, "events": 0}

    async def evaluate(self) -> None:
        """Have something evaluated."""
        self.number += 1
        said = await self.tab.evaluate(f"'{self.mark}.{self.number}.' + 'x'.repeat(10000)", timeout=ANSWER)
        if said != f"{self.mark}.{self.number}." + "x" * 10000:
            raise Wrong(f"{said[:40]} is an answer to {self.mark}.{self.number}")

    async def navigate(self) -> None:
        """Go to a page."""
        self.number += 1
        await self.tab.goto(f"{self.page}?{self.mark}.{self.number}", timeout=ANSWER)
        said = await self.tab.evaluate("location.search", timeout=ANSWER)
        if said != f"?{self.mark}.{self.number}":
            raise Wrong(f"{said[:40]} is where {self.mark}.{self.number} was asked for")

    async def events(self) -> None:
        """Record all events, in order."""
        self.number += 1
        mark, heard = f"{self.mark}.{self.number}.", []
        listening = self.tab.events(runtime.ConsoleAPICalled).subscribe(lambda event: heard.append(event.args[0].value))
        try:
            logging = f"for (let i = 0; i < 50; i++) console.log('{mark}' + i)"
            await self.tab.evaluate(f"new Promise(done => {{ {logging}; done() }})", timeout=ANSWER)
        finally:
            listening.dispose()
        heard = [each for each in heard if each.startswith(mark)]  # a page's console is told again to who comes later
        if heard != [f"{mark}{i}" for i in range(50)]:
            raise Wrong(f"{len(heard)} events came for {mark}: {heard[:2]}")


async def visit(reactor: Any, orders: Orders, url: str, page: str, choice: random.Random, number: int) -> None:
    """Come in once, and work for a while."""
    began = time.monotonic()
    try:
        browser = await txcdp.connect(reactor, url, probes=None, options=WebSocketOptions(open_timeout=OPEN))
    except TxcdpError as error:
        tell("refused", began=began, why=f"{type(error).__name__}: {error}")
        await deferLater(reactor, 0.1)
        return
    tell("in", session=number, took=time.monotonic() - began)
    doing, done = "coming in", {}
    try:
        await orders.next
        doing = "opening a page"
        work = Work(await browser.new_page(), page, f"{choice.randrange(10**9)}")
        done = work.done
        end = time.monotonic() + choice.uniform(*SESSION)
        while time.monotonic() < end:
            doing = choice.choice(list(done))
            await getattr(work, doing)()
            done[doing] += 1
            await deferLater(reactor, PAUSE)
        doing = "leaving"
        if choice.random() < 0.5:
            browser.connection.transport.abort()
        await browser.close()
        tell("out", session=number, done=done)
    except (TxcdpError, Wrong) as error:
        tell("failed", session=number, done=done, doing=doing, why=f"{type(error).__name__}: {error}")
        await browser.close()


async def main(reactor: Any, url: str, page: str, seed: str) -> None:
    """Come in again and again."""
    orders = Orders()
    StandardIO(orders)
    choice = random.Random(seed)
    number = 0
    while not orders.stopped:
        number += 1
        await visit(reactor, orders, url, page, choice, number)


if __name__ == "__main__":
    react(main, sys.argv[1:])
