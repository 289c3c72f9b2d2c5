"""What Chromium makes of messages that parsers may read differently: the gateway's reading of them rests on it."""

from __future__ import annotations

import json
from typing import Any

from twisted.internet.defer import Deferred

from tests.browser.support import BrowserTestCase, reactor
from tests.gateway.odd_messages import ODD
from tests.gateway.test_client_messages import HOSTILE, through
from txcdp._transports.websocket import open_websocket
from txcdp.chrome import BrowserProcess
from txcdp.errors import ConnectionLost

LAST = 77_777


class Bare:
    """A line without a connection: messages go out as they are."""

    def __init__(self, transport: Any) -> None:
        self.transport = transport
        self.got: list[Any] = []
        self.answered: Deferred[None] = Deferred()
        transport.receiver = self

    def message_received(self, message: bytes) -> None:
        self.got.append(json.loads(message))
        if self.got[-1].get("id") == LAST:
            self.answered.callback(None)

    def transport_closed(self, reason: ConnectionLost) -> None:
        """Not looked at."""

    async def ask(self, message: bytes) -> list[Any]:
        """Say something, and return all that was answered; browsers answer in order."""
        self.got, self.answered = [], Deferred()
        self.transport.send(message)
        self.transport.send(b'{"id":%d,"method":"Browser.getVersion"}' % LAST)
        await self.answered
        return self.got[:-1]


class ChromiumTests(BrowserTestCase):
    async def line(self, path: str = "") -> Bare:
        browser = await self.launch()
        assert isinstance(browser.process, BrowserProcess)
        transport = await open_websocket(reactor, browser.process.ws_url)
        self.addCleanup(lambda: transport.abort())
        return Bare(transport)

    async def test_it_reads_as_the_gateway_does(self):
        line = await self.line()
        for odd in ODD:
            (answer,) = await line.ask(odd.message)
            self.assertEqual(answer.get("id"), odd.id, odd.message[:80])
            if odd.code:
                self.assertEqual(answer["error"]["code"], odd.code, odd.message[:80])
                self.assertIn(odd.words, answer["error"]["message"], odd.message[:80])
            else:
                self.assertIn("protocolVersion", answer["result"], odd.message[:80])

    async def test_it_refuses_what_the_gateway_leaves_to_it(self):
        line = await self.line()
        left = [sent for message in HOSTILE for sent in through(self, message, shared=False)[0]]
        self.assertGreater(len(left), 2)
        for message in left:
            (answer,) = await line.ask(message)
            self.assertIn("error", answer, message)
            self.assertEqual(answer["error"]["code"], -32700, message)
