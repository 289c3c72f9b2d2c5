"""The gateway in rough company: over TLS, with many clients at once, and killed itself."""

from __future__ import annotations

import os
import sys
from pathlib import Path
from typing import Any
from unittest import mock

import pytest
from twisted.internet.defer import Deferred, gatherResults
from twisted.internet.endpoints import quoteStringArgument
from twisted.internet.error import ProcessTerminated
from twisted.internet.protocol import ProcessProtocol
from twisted.internet.ssl import optionsForClientTLS
from twisted.python.failure import Failure

import txcdp
from tests.browser.support import BrowserTestCase, listen, reactor
from tests.browser.support_lines import Authority
from tests.browser.test_gateway_browser import (
    TOKEN,
    GatewayCase,
    descendants,
    existing,
    is_alive,
    profiles_of,
    sleep,
    tokens_file,
)
from txcdp._deferreds import returns_deferred
from txcdp._transports.websocket import WebSocketOptions
from txcdp.chrome import discovery
from txcdp.errors import TxcdpError
from txcdp.gateway import AccessOptions, PoolOptions

PROGRAM = """
from twisted.internet.task import react
from twisted.internet.defer import Deferred
from txcdp.gateway import Gateway, GatewayOptions, PoolOptions

async def main(reactor):
    options = GatewayOptions(endpoint="tcp:0:interface=127.0.0.1", pool=PoolOptions(size=2, warm=1))
    gateway = Gateway(reactor, options)
    await gateway.start()
    print(gateway.port.getHost().port, flush=True)
    await Deferred()

react(main)
"""


class TlsTests(GatewayCase):
    async def test_over_tls(self):
        gateway = await self.start()
        authority = Authority()
        port = listen(self, gateway.site, authority.server("127.0.0.1"))
        options = WebSocketOptions(tls=optionsForClientTLS("127.0.0.1", trustRoot=authority.trust))
        url = f"wss://127.0.0.1:{port}/devtools/browser"
        async with await txcdp.connect(reactor, url, options=options) as browser:
            tab = await browser.new_page()
            self.assertEqual(len(await tab.evaluate("'x'.repeat(8e6)")), 8_000_000)
            self.assertEqual(await tab.evaluate("(" + "'y'.length+" * 90_000 + "0)"), 90_000)
        await self.until(lambda: not gateway.pool.leased)

    @pytest.mark.filterwarnings("ignore:Passing pyOpenSSL:DeprecationWarning")  # as Twisted's endpoint does
    async def test_its_own_endpoint_has_tls(self):
        """As the guide has it: key and certificate from files, tokens, and nothing that is said in the clear."""
        authority = Authority()
        key, certificate, trusted = map(self.file, (*authority.server_pem("127.0.0.1"), authority.pem))
        await self.start(
            endpoint=f"ssl:0:privateKey={quoteStringArgument(key)}:certKey={quoteStringArgument(certificate)}:interface=127.0.0.1",
            access=AccessOptions(tokens=tokens_file(self.mktemp())),
        )
        # By https://, where the platform's trust counts: OpenSSL reads the variable each time.
        await self.fails(txcdp.connect(reactor, f"https://{self.netloc}?token={TOKEN}"), txcdp.ConnectError)
        trusting_it = mock.patch.dict(os.environ, SSL_CERT_FILE=trusted)
        trusting_it.start()
        self.addCleanup(trusting_it.stop)
        found = await discovery.version(reactor, f"https://{self.netloc}?token={TOKEN}")
        self.assertRegex(found.web_socket_debugger_url or "", rf"^wss://{self.netloc}/devtools/browser/\S+\?token=")
        trusting = WebSocketOptions(tls=optionsForClientTLS("127.0.0.1", trustRoot=authority.trust))
        for url, options in (
            (f"https://{self.netloc}?token={TOKEN}", None),
            (found.web_socket_debugger_url or "", trusting),
            (f"wss://{self.netloc}/devtools/browser?token={TOKEN}", trusting),
        ):
            async with await txcdp.connect(reactor, url, options=options) as browser:
                tab = await browser.new_page(self.server.page("/", "<title>In private</title>"))
                self.assertEqual(await tab.title(), "In private")
        await self.fails(txcdp.connect(reactor, f"ws://{self.netloc}/devtools/browser?token={TOKEN}"), TxcdpError)
        await self.fails(
            txcdp.connect(reactor, f"wss://{self.netloc}/devtools/browser", options=trusting), txcdp.HandshakeFailed
        )

    def file(self, content: bytes) -> str:
        path = Path(self.mktemp())
        path.write_bytes(content)
        return str(path)


class ManyTests(GatewayCase):
    @pytest.mark.stress
    async def test_twenty_clients(self):
        """More than there are browsers: those who wait get theirs in turn."""
        gateway = await self.start(pool=PoolOptions(size=4, warm=2, queue=20, queue_deadline=120.0))
        url = self.server.page("/", "<title>One of many</title>")

        @returns_deferred
        async def work() -> str:
            options = WebSocketOptions(open_timeout=150)
            browser = await txcdp.connect(reactor, f"ws://{self.netloc}/devtools/browser", options=options)
            tab = await browser.new_page()
            await tab.goto(url, timeout=60)
            title: str = await tab.title()
            await browser.close()
            return title

        self.assertEqual(await gatherResults([work() for _ in range(20)]), ["One of many"] * 20)
        self.assertEqual(gateway.counters.clients, {"local": 20})
        self.assertEqual(gateway.pool.counts.died, 0)


class KilledTests(BrowserTestCase):
    async def test_the_gateway_is_killed(self):
        """Its browsers end by themselves; their profiles are swept by the next launch."""
        program = Program()
        process = reactor.spawnProcess(
            program, sys.executable, [sys.executable, "-c", PROGRAM], {**os.environ, "PYTHONPATH": str(root())}
        )
        port = int(await program.line)
        browser = await txcdp.connect(reactor, f"http://127.0.0.1:{port}")
        await (await browser.new_page()).evaluate("1")
        family = descendants([process.pid])
        browsers = [each for each in family if profiles_of_one(each)]
        self.assertGreater(len(browsers), 0)
        profiles = [each for pid in browsers for each in profiles_of_one(pid)]
        process.signalProcess("KILL")
        await program.ended
        while any(map(is_alive, family)):
            await sleep(0.05)
        await browser.close()
        await (await txcdp.launch(reactor)).close()
        self.assertEqual(existing(profiles), [])


def root() -> Path:
    return Path(__file__).parents[2]


def profiles_of_one(pid: int) -> list[str]:
    try:
        return profiles_of([pid])
    except OSError:
        return []


class Program(ProcessProtocol):
    """A program of which the first line is wanted."""

    def __init__(self) -> None:
        self.line: Deferred[bytes] = Deferred()
        self.ended: Deferred[Any] = Deferred()

    def outReceived(self, data: bytes) -> None:
        if not self.line.called:
            self.line.callback(data)

    def processEnded(self, reason: Failure) -> None:
        reason.trap(ProcessTerminated)
        self.ended.callback(None)
