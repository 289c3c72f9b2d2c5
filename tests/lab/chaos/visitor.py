"""One page under load: it is evaluated, navigated, listened to and photographed, until its line ends."""

from __future__ import annotations

import random
from collections.abc import Callable
from typing import Any

from twisted.internet.defer import CancelledError, Deferred, DeferredList
from twisted.internet.task import deferLater

from tests.lab.chaos.ledger import Ledger, StreamWatch, reactor
from txcdp import streams
from txcdp.browser import Browser
from txcdp.domains import network, runtime
from txcdp.errors import Gone, QueueOverflow, StreamEnded, TargetCrashed, TxcdpError
from txcdp.page import Page

#: Seconds, the deadline of commands that have none of their own.
TIMEOUT = 2.0

#: Opening a page takes up to this many commands, one after another.
_STEPS = 4

POLICIES = ("pause", "drop_oldest", "drop_newest", "latest", "error")

#: What is evaluated, and how often.
SCRIPTS = {
    "1 + 1": 6,
    "document.title": 4,
    "'x'.repeat(200000)": 3,
    "new Promise(resolve => setTimeout(resolve, 30, 'later'))": 4,
    "new Promise(() => {})": 1,
    "(() => { const end = Date.now() + 80; while (Date.now() < end); })()": 1,
    "undefined_name": 2,
    "window": 1,
    "fetch('/data').then(answer => answer.text())": 3,
}


def numbered(event: runtime.ConsoleAPICalled) -> tuple[str, int] | None:
    """Read the document and the number that each of the site's pages counts with."""
    values = [each.value for each in event.args]
    return (values[0], values[1]) if len(values) == 2 else None


class Visitor:
    """Does one thing after another with a page of its own.

    :param chrome: the browser, over one line.
    :param site: the address of the site.
    :param choice: what the seed decides.
    """

    def __init__(self, ledger: Ledger, chrome: Browser, site: str, choice: random.Random) -> None:
        self._ledger = ledger
        self._chrome = chrome
        self._site = site
        self._random = choice
        self._watches: list[StreamWatch] = []
        self._stopped = False
        self.page: Page | None = None

    def stop(self) -> None:
        """Begin nothing more."""
        self._stopped = True

    @property
    def _over(self) -> bool:
        return self._stopped or self._chrome.connection.lost is not None

    async def run(self) -> None:
        """Go on until the line ends, or until :meth:`stop`; no outcome is an accident."""
        doing: tuple[tuple[Callable[[Page], Deferred[Any]], int], ...] = (
            (self._evaluate, 30),
            (self._many, 6),
            (self._goto, 10),
            (self._reload, 4),
            (self._screenshot, 4),
            (self._queue, 8),
            (self._cancel, 8),
            (self._nonsense, 3),
            (self._close, 1),
        )
        actions, weights = zip(*doing, strict=True)
        while not self._over:
            try:
                page = await self._open()
                if page is not None:
                    (action,) = self._random.choices(actions, weights)
                    if page.session.crashed:
                        action = self._goto
                    await action(page)
            except (TxcdpError, CancelledError):
                pass  # the ledger has seen it
            await deferLater(reactor, self._random.uniform(0.005, 0.06))
        for watch in self._watches:
            if self._stopped:
                watch.dispose()

    async def settle(self, seconds: float) -> None:
        """Nothing is struck any more: the page is of use again, or has ended for good.

        :param seconds: within which that is so.
        """
        page, end, error = self.page, reactor.seconds() + seconds, None
        while page is not None and not page.session.ended and reactor.seconds() < end:
            try:
                await self._ledger.promised("settle", page.goto(self._site + "/plain", timeout=5.0), 5.0)
                await self._ledger.promised("settle", page.evaluate("1 + 1"), 2 * TIMEOUT)
            except (TxcdpError, CancelledError) as failure:
                error = failure
                await deferLater(reactor, 0.2)
            else:
                return
        if page is not None and not page.session.ended:
            state = page.evaluate("document.URL + ' ' + document.readyState").addErrback(lambda failure: failure.value)
            self._ledger.breach(f"{page}, {await state}, has not come back within {seconds} s: {error!r}")

    def check_ended(self) -> None:
        """The line has ended: so have all streams."""
        for watch in self._watches:
            if not watch.ended:
                self._ledger.breach("a stream has not ended with its line")

    async def _open(self) -> Page | None:
        if self.page is not None and self.page.session.ended:
            self.check_ended()
            self.page, self._watches = None, []
        if self.page is None:
            opening = self._ledger.promised("new_page", self._chrome.new_page(), _STEPS * TIMEOUT)
            self.page = await opening
        if all(watch.ended for watch in self._watches):  # a new page, or one whose crash has ended them
            self._watches = [
                StreamWatch(self._ledger, "console", self.page.events(runtime.ConsoleAPICalled), numbered),
                StreamWatch(self._ledger, "requests", self.page.events(network.RequestWillBeSent)),
            ]
        return self.page

    def _evaluate(self, page: Page) -> Deferred[Any]:
        seconds = self._random.uniform(0.2, TIMEOUT)
        (script,) = self._random.choices(list(SCRIPTS), list(SCRIPTS.values()))
        return self._ledger.promised("evaluate", page.evaluate(script, timeout=seconds), seconds)

    def _many(self, page: Page) -> Deferred[Any]:
        return DeferredList([self._evaluate(page) for _ in range(self._random.randint(2, 20))], consumeErrors=True)

    def _goto(self, page: Page) -> Deferred[Any]:
        seconds = self._random.uniform(0.3, 3.0)
        path = self._random.choice(("/", "/plain", "/slow", "/nowhere", "/frames"))
        until: Any = self._random.choice(("commit", "domcontentloaded", "load", "networkidle"))
        return self._ledger.promised("goto", page.goto(self._site + path, until, timeout=seconds), seconds)

    def _reload(self, page: Page) -> Deferred[Any]:
        return self._ledger.promised("reload", page.reload(timeout=TIMEOUT), TIMEOUT)

    def _screenshot(self, page: Page) -> Deferred[Any]:
        return self._ledger.promised("screenshot", page.screenshot(format="jpeg"), 2 * TIMEOUT)

    def _close(self, page: Page) -> Deferred[Any]:
        return self._ledger.promised("close", page.close(), 2 * TIMEOUT)

    def _nonsense(self, page: Page) -> Deferred[Any]:
        return self._ledger.promised("nonsense", page.session.execute_raw("No.such", timeout=TIMEOUT), TIMEOUT)

    def _cancel(self, page: Page) -> Deferred[Any]:
        going = self._goto(page) if self._random.random() < 0.3 else self._evaluate(page)
        call = reactor.callLater(self._random.uniform(0.0, 0.1), going.cancel)

        def ended(result: Any) -> Any:
            if call.active():
                call.cancel()
            return result

        return going.addBoth(ended)

    def _queue(self, page: Page) -> Deferred[Any]:
        return Deferred.fromCoroutine(self._read(page))

    async def _read(self, page: Page) -> None:
        """Take some events out of a queue, slowly."""
        overflow: Any = self._random.choice(POLICIES)
        queue = streams.queue(page.events(runtime.ConsoleAPICalled), self._random.randint(1, 20), overflow)
        try:
            for _ in range(self._random.randint(1, 10)):
                getting = self._ledger.promised("queue.get", queue.get(), None)
                call = reactor.callLater(TIMEOUT, getting.cancel)
                try:
                    await getting
                finally:
                    if call.active():
                        call.cancel()
                await deferLater(reactor, self._random.uniform(0.0, 0.1))
        except (Gone, QueueOverflow, StreamEnded, TargetCrashed) as error:
            self._ledger.outcomes["queue", type(error).__name__] += 1
        finally:
            queue.close()
            self._ledger.notes["dropped from queues"] += queue.dropped
