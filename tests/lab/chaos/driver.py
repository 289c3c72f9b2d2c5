"""Ten pages under load, while their browser is struck; afterwards, and all the while, every promise is checked."""

from __future__ import annotations

import gc
import os
import random
import shutil
import tempfile
from collections.abc import Callable
from itertools import cycle
from typing import Any

from twisted.internet.defer import CancelledError, Deferred, DeferredList
from twisted.internet.task import LoopingCall, deferLater
from twisted.logger import Logger

import txcdp
from tests.lab.chaos.faults import Faults, processes
from tests.lab.chaos.ledger import Ledger, reactor
from tests.lab.chaos.measures import Measures, open_files
from tests.lab.chaos.site import Site
from tests.lab.chaos.visitor import TIMEOUT, Visitor
from tests.lab.hostile.proxy import FaultProxy
from txcdp.browser import Browser
from txcdp.chrome import BrowserProcess, start_browser
from txcdp.errors import TxcdpError

#: Pages under load.
PAGES = 10

#: The mean number of seconds between two blows.
PACE = 0.7

#: Seconds for a browser to come up, for a line to be opened, for a process to end in good order.
START, OPEN, END = 60.0, 5.0, 2.0

#: Seconds for each way of doing it, before it is another one's turn.
_SHORTEST, _LONGEST = 10.0, 60.0

#: Seconds within which all pages are of use again, once nothing is struck any more.
_SETTLES = 40.0

#: Lost lines, and browsers, are replaced without waiting for long.
SOON = txcdp.ReconnectPolicy(initial_delay=0.1, max_delay=1.0, jitter=lambda: 0.05)

#: A line is taken as dead when a ping is not answered in time.
LINE = txcdp.WebSocketOptions(open_timeout=OPEN, ping_interval=1.5, ping_timeout=2.0)

#: Seconds within which a line that is lost has ended everything that went over it.
_ENDS = 2.0


def _port(process: BrowserProcess) -> int:
    return int(process.ws_url.split(":")[2].partition("/")[0])


log = Logger()


class Chaos:
    """One run.

    :param seconds: how long it goes on.
    :param seed: decides what is done, and in which order; how long that takes, nobody decides.
    """

    def __init__(self, seconds: float, seed: int) -> None:
        self.seconds = seconds
        self.seed = seed
        self.ledger = Ledger()
        self.measures = Measures()
        self._random = random.Random(seed)
        self._site: Any = None
        self._temp = ""
        self._end = self._turn_end = 0.0

    @property
    def _left(self) -> float:
        return max(0.0, self._end - float(reactor.seconds()))

    @property
    def _turn(self) -> float:
        """Seconds that are left for one way of doing it."""
        return max(0.0, min(self._end, self._turn_end) - float(reactor.seconds()))

    async def run(self, say: Callable[[str], object] = lambda _: None) -> list[str]:
        """Go through with it.

        :param say: gets a line each minute that says how far it is, and one for each broken promise.
        :return: the promises that were broken.
        """
        await self._warm_up()
        calls, files = set(reactor.getDelayedCalls()), open_files()
        self._temp = tempfile.mkdtemp(prefix="t-")
        before, tempfile.tempdir = tempfile.tempdir, self._temp
        self._site = Site()
        self.ledger.start()
        self._end = reactor.seconds() + self.seconds
        self.ledger.tell = say
        tell = LoopingCall(lambda: say(self.line()))
        tell.start(60.0, now=False)
        look = LoopingCall(self._look)
        look.start(1.0)
        try:
            for way in cycle((self._lines, self._lasting, self._supervised)):
                if not self._left:
                    break
                self._turn_end = reactor.seconds() + max(_SHORTEST, min(self.seconds / 3, _LONGEST))
                await way()
        finally:
            tell.stop()
            look.stop()
            await self._site.stop()
            self._site = None
            await deferLater(reactor, 0.2)
            gc.collect()  # failures that nobody has taken are logged when they go
            self.ledger.stop()
            tempfile.tempdir = before
            self._nothing_left(calls, files)
            shutil.rmtree(self._temp, ignore_errors=True)
        return self.ledger.broken

    def line(self) -> str:
        """Say how far it is, in one line."""
        ledger = self.ledger
        ended: dict[str, list[int]] = {}
        for (what, how), count in sorted(ledger.outcomes.items()):
            if what in ledger.begun:
                ended.setdefault(what, [0, 0])[how != "ok"] += count
        commands = " ".join(f"{what}={ledger.begun[what]}/{ok}/{bad}" for what, (ok, bad) in ended.items())
        faults = " ".join(f"{kind.replace(' ', '-')}={count}" for kind, count in sorted(ledger.faults.items()))
        return (
            f"{self.seconds - self._left:.0f}s {self.measures.now()} calls={len(reactor.getDelayedCalls())} "
            f"broken={len(ledger.broken)} latest={ledger.latest:.2f}s begun/ok/failed: {commands}; {faults}"
        )

    async def _warm_up(self) -> None:
        """Have what is made once, made: threads, modules, the descriptor that Twisted's first port keeps in reserve."""
        await Site().stop()
        async with await txcdp.launch(reactor, start_timeout=START) as chrome:
            page = await chrome.new_page()
            await page.evaluate("1")
            await page.screenshot()

    def _look(self) -> None:
        self.ledger.overdue()
        self.measures.take(reactor.seconds())

    # The ways: lines that end for good, lines that are replaced, a browser that is.

    async def _lines(self) -> None:
        """The program itself connects again, and starts the browser again."""
        while self._turn:
            process = await self._start()
            proxy = FaultProxy(_port(process))
            faults = Faults(self.ledger, self._random, process, proxy)
            striking = Deferred.fromCoroutine(self._strike(faults))
            try:
                while process.running and self._turn:
                    await self._line(process, proxy, faults)
            finally:
                await self._calm(striking, faults)
                await proxy.stop()
                await self._stop(process)

    async def _line(self, process: BrowserProcess, proxy: FaultProxy, faults: Faults) -> None:
        """One line's life, with all that goes over it."""
        url = process.ws_url.replace(f":{proxy.target}/", f":{proxy.port}/")
        connecting = txcdp.connect(reactor, url, options=LINE, timeout=TIMEOUT, linger=0.5)
        try:
            chrome = await self.ledger.promised("connect", connecting, OPEN)
        except TxcdpError:
            await deferLater(reactor, 0.1)
            return
        faults.chrome = chrome
        lost = chrome.connection.when_closed()
        await self._close_all(chrome)
        visitors = await self._visit(chrome)
        await self.ledger.promised("disconnect", chrome.close(), OPEN)
        await self.ledger.promised("when_closed", lost, _ENDS)
        faults.chrome = None
        for visitor in visitors:
            visitor.check_ended()
        if chrome.connection.sessions:
            self.ledger.breach(f"sessions are left: {chrome.connection.sessions}")

    async def _lasting(self) -> None:
        """One connection over many lines, to browsers that the program starts again."""
        process = await self._start()
        proxy = FaultProxy(_port(process))
        connecting = txcdp.connect(
            reactor, f"127.0.0.1:{proxy.port}", options=LINE, reconnect=SOON, timeout=TIMEOUT, linger=0.5
        )
        try:
            chrome = await self.ledger.promised("connect", connecting, 2 * OPEN)
            faults = Faults(self.ledger, self._random, process, proxy)

            async def keep_running() -> None:
                while True:
                    await faults.process.when_ended()
                    await self._stop(faults.process)
                    faults.process = await self._start()
                    proxy.target = _port(faults.process)

            keeping = Deferred.fromCoroutine(keep_running())
            keeping.addErrback(lambda failure: failure.trap(CancelledError))
            try:
                await self._go_on(chrome, faults)
            finally:
                keeping.cancel()
                await keeping
                process = faults.process
        finally:
            await proxy.stop()
            await self._stop(process)

    async def _supervised(self) -> None:
        """A browser that is started again by itself."""
        transport: Any = self._random.choice(("websocket", "pipe"))
        launching = txcdp.launch(
            reactor,
            transport=transport,
            start_timeout=START,
            options=LINE,
            restart=SOON,
            timeout=TIMEOUT,
            linger=0.5,
        )
        chrome = await self.ledger.promised("launch", launching, 2 * START + 10.0)
        assert chrome.process is not None
        faults = Faults(self.ledger, self._random, chrome.process, None)
        following = LoopingCall(lambda: setattr(faults, "process", chrome.process))
        following.start(0.05)
        try:
            await self._go_on(chrome, faults)
        finally:
            following.stop()
        self._nobody(faults.process)

    async def _go_on(self, chrome: Browser, faults: Faults) -> None:
        """Visit with a connection that outlives its lines; at the end everything is as good as new."""
        faults.chrome = chrome
        lost = chrome.connection.when_closed()
        striking = Deferred.fromCoroutine(self._strike(faults))
        try:
            visitors = await self._visit(chrome)
        finally:
            await self._calm(striking, faults)
        await DeferredList([Deferred.fromCoroutine(each.settle(_SETTLES)) for each in visitors])
        if chrome.connection.lost is not None:
            self.ledger.breach(f"a lasting connection has ended: {chrome.connection.lost}")
        await self.ledger.promised("disconnect", chrome.close(), 2 * END + 10.0)
        await self.ledger.promised("when_closed", lost, _ENDS)

    # Their parts:

    async def _start(self) -> BrowserProcess:
        starting = start_browser(reactor, start_timeout=START)
        return await self.ledger.promised("start_browser", starting, START + END + 10.0)

    async def _stop(self, process: BrowserProcess) -> None:
        await self.ledger.promised("end", process.close(kill_after=END), 2 * END + 10.0)
        self._nobody(process)

    def _nobody(self, process: BrowserProcess) -> None:
        if living := processes(process.pid):
            self.ledger.breach(f"processes are left: {living}")
        if files := os.listdir(self._temp):
            self.ledger.breach(f"left in the temporary folder: {files}")

    async def _visit(self, chrome: Browser) -> list[Visitor]:
        """Put the pages under load until the line has ended for good, or the turn is over."""
        url = self._site.url("")
        visitors = [Visitor(self.ledger, chrome, url, random.Random(self._random.random())) for _ in range(PAGES)]
        visits = [Deferred.fromCoroutine(each.run()) for each in visitors]

        def stop() -> None:
            for each in visitors:
                each.stop()

        over = reactor.callLater(self._turn, stop)
        done: Any = await DeferredList(visits, consumeErrors=True)
        if over.active():
            over.cancel()
        for succeeded, result in done:
            if not succeeded:
                self.ledger.breach(f"a visitor has failed: {result.getTraceback()}")
        return visitors

    async def _strike(self, faults: Faults) -> None:
        while True:
            await deferLater(reactor, self._random.expovariate(1 / PACE))
            faults.strike()

    async def _calm(self, striking: Deferred[None], faults: Faults) -> None:
        """Strike no more, and let everything go on that was stopped."""
        striking.addErrback(lambda failure: failure.trap(CancelledError))
        striking.cancel()
        await striking
        faults.stop()

    async def _close_all(self, chrome: Browser) -> None:
        """Close what former lines have left open."""
        try:
            pages = await self.ledger.promised("pages", chrome.attach_pages(), 3 * TIMEOUT)
            closing = [self.ledger.promised("close", each.close(), 2 * TIMEOUT) for each in pages]
            await DeferredList(closing, consumeErrors=True)
        except TxcdpError as error:
            self.ledger.notes[f"cleaning: {type(error).__name__}"] += 1

    def _nothing_left(self, calls: set[Any], files: list[str]) -> None:
        ledger = self.ledger
        if ledger.open:
            ledger.breach(f"never ended: {ledger.open}")
        if sum(ledger.begun.values()) != sum(ledger.outcomes[key] for key in ledger.outcomes if key[0] in ledger.begun):
            ledger.breach("not as many outcomes as commands")
        left = [str(call) for call in reactor.getDelayedCalls() if call not in calls]
        if left:
            ledger.breach(f"delayed calls are left: {left}")
        if open_files() != files:
            ledger.breach(f"descriptors: {open_files()}, before: {files}")
        for _ in range(1000):
            log.debug("forgotten")  # Twisted keeps the last events until a program has said where they go
        gc.collect()
        if living := self.measures.living():
            ledger.breach(f"objects are left: {living}")
