"""A network that harms what passes between us and a real Chromium, in either direction."""

from __future__ import annotations

import contextlib
from dataclasses import replace
from typing import Any

from twisted.internet.defer import Deferred
from twisted.internet.task import deferLater

from tests.browser.support_lines import LinesTestCase, port_of, reactor, through
from tests.lab.hostile.proxy import Corrupt, Cut, Fault, FaultProxy, Hold, Split
from tests.support import PATIENCE
from txcdp._core.connection import Connection
from txcdp._transports.websocket import WebSocketOptions, open_websocket
from txcdp.chrome import BrowserProcess
from txcdp.domains import browser as browser_domain
from txcdp.errors import CommandError, CommandTimeout, ConnectError, ConnectionLost, MalformedMessage

WAYS = ("down", "up")
OPTIONS = WebSocketOptions(open_timeout=PATIENCE, close_timeout=0.5, ping_interval=None)
#: Where it is closed in good order, which takes as long as the machine is busy.
ORDERLY = replace(OPTIONS, close_timeout=PATIENCE)
#: Where the handshake itself is spoilt, so that its end may never come.
HASTY = replace(OPTIONS, open_timeout=2.0)


class Remember(Fault):
    """Lets everything pass, and remembers it."""

    def __init__(self) -> None:
        self.passed = b""

    def take(self, data: bytes) -> None:
        self.passed += data
        self.way.send(data)


class FaultsTests(LinesTestCase):
    async def setUp(self) -> None:  # type: ignore[override]
        self.chrome: BrowserProcess = await self.browser()
        self.proxy = FaultProxy(port_of(self.chrome))
        self.addCleanup(lambda: Deferred.fromCoroutine(self.proxy.stop()))

    async def through_fault(
        self, way: str, fault: Fault, timeout: float = 60.0, options: WebSocketOptions = OPTIONS
    ) -> Connection:
        """Connect through a fault."""
        setattr(self.proxy, way, fault)
        line = await open_websocket(reactor, through(self.chrome, self.proxy.port), options)
        return self.on(line, timeout=timeout)

    def ask(self, connection: Connection, **options: Any) -> Deferred[browser_domain.GetVersionResult]:
        return connection.session.execute(browser_domain.get_version(), **options)

    async def alive(self, connection: Connection) -> None:
        self.assertIn("Chrom", (await self.ask(connection)).product)
        self.assertIsNone(connection.lost)

    async def lengths_of_handshakes(self) -> dict[str, int]:
        """Return how many bytes go in each direction before the first frame."""
        found = {}
        for way in WAYS:
            fault = Remember()
            connection = await self.through_fault(way, fault)
            await self.alive(connection)
            await connection.close()
            found[way] = fault.passed.index(b"\r\n\r\n") + 4
        return found

    async def test_a_byte_at_a_time(self):
        for way in WAYS:
            connection = await self.through_fault(way, Split(), options=ORDERLY)
            await self.alive(connection)
            closed = await connection.close()
            self.assertEqual((closed.clean, closed.cause), (True, "closed"))

    async def test_held_back(self):
        lengths = await self.lengths_of_handshakes()
        for way in WAYS:
            hold = Hold(lengths[way] + 9)
            connection = await self.through_fault(way, hold)
            slow, patient = self.ask(connection, timeout=0.3), self.ask(connection)
            await self.assertFailure(slow, CommandTimeout)
            while not hold.held:  # the browser's answer takes its time, too
                await deferLater(reactor, 0.02)
            hold.release()
            await patient
            await self.alive(connection)
            self.assertEqual((connection.stats.timeouts, connection.stats.late), (1, 1), way)

    async def test_damaged(self):
        lengths = await self.lengths_of_handshakes()
        lived = dict.fromkeys(WAYS, 0)
        for way in WAYS:
            places = (*range(-lengths[way], 0, 41), *range(9), 20, 40)
            for place, bits in ((place, bits) for place in places for bits in (0xFF, 0x01)):
                fault = Corrupt(lengths[way] + place, bits)
                try:
                    options = HASTY if place < 0 else OPTIONS
                    connection = await self.through_fault(way, fault, timeout=0.2, options=options)
                except ConnectError:
                    self.assertLess(place, 0)
                    continue
                with contextlib.suppress(CommandError, CommandTimeout, ConnectionLost, MalformedMessage):
                    await self.ask(connection)
                if place >= (6 if way == "up" else 4):  # a message is damaged, and no frame
                    await self.ask(connection, timeout=60)
                    self.assertIsNone(connection.lost, (way, place, bits))
                    lived[way] += 1
                await connection.close()
        self.assertTrue(all(lived.values()), lived)
        await self.alive(await self.connect(self.chrome.ws_url))
        self.assertEqual(self.flushLoggedErrors(), [])

    async def test_cut_off(self):
        lengths = await self.lengths_of_handshakes()
        for way in WAYS:
            for how in ("reset", "close", "half"):
                for place in (-50, -1, 1, 2, 5, 30):
                    fault = Cut(lengths[way] + place, how)
                    if place < 0:
                        await self.assertFailure(self.opening(way, fault), ConnectError)
                        continue
                    connection = await self.through_fault(way, fault)
                    waiting: Deferred[Any] = self.ask(connection)
                    error = await self.assertFailure(waiting, ConnectionLost)
                    self.assertFalse(error.clean, (way, how, place))
                    await connection.when_closed()
        await self.alive(await self.connect(self.chrome.ws_url))

    def opening(self, way: str, fault: Fault) -> Deferred[Connection]:
        return Deferred.fromCoroutine(self.through_fault(way, fault, options=HASTY))
