"""Other clients through the gateway: puppeteer-core, playwright (Node and Python), chrome-remote-interface.

Each navigates, evaluates, intercepts, downloads, prints and uses two contexts, however it connects.
"""

from __future__ import annotations

import json
import os
from typing import Any, Literal

import pytest
from twisted.internet.defer import DeferredList, gatherResults
from twisted.internet.utils import getProcessOutputAndValue
from twisted.trial.unittest import SkipTest

from tests.browser.support import Server
from tests.browser.test_gateway_browser import TOKEN, GatewayCase, sleep, tokens_file
from tests.peers import install
from txcdp.deferreds import returns_deferred
from txcdp.gateway import DoorOptions, PoolOptions

pytestmark = pytest.mark.peers

SEEN = {
    "title": "Peers",
    "sum": 42,
    "intercepted": "from the client",
    "pdf": "%PDF-",
    "download": "a file",
    "cookies": ["a=1", ""],
}

#: How each of them connects.
CLIENTS = (
    ("puppeteer.js", "browserWSEndpoint"),
    ("playwright.js", "http"),
    ("playwright_client.py", "ws"),
    ("cri.js", "new"),
    ("puppeteer.js", "browserURL"),
)


def put_pages(server: Server) -> str:
    """Put the pages there that the clients want."""
    server.page("/file.bin", "a file", content_type="application/octet-stream", content_disposition="attachment")
    server.page("/intercepted", "from the server")
    return server.page("/", "<title>Peers</title><a id=file href=/file.bin download=file.bin>file</a>")


def folder(path: str) -> str:
    os.makedirs(path)
    return os.path.realpath(path)


class PeerCase(GatewayCase):
    timeout = 240
    mode: Literal["exclusive", "shared"] = "exclusive"

    async def see(self, script: str, how: str, token: str = "") -> Any:
        """Let a client do its work; return what it saw."""
        if script.endswith(".js"):
            program = install.node()
            if program is None:
                raise SkipTest("there is no Node.js")
        else:
            program = install.python()
        downloads = folder(self.mktemp())
        arguments = [str(install.HERE / script), self.netloc, token, put_pages(self.server), downloads, how]
        environment = {**os.environ, "NODE_PATH": install.modules(), "PATIENCE": str(self.timeout)}
        out, err, code = await getProcessOutputAndValue(program, arguments, environment)
        assert code == 0, (script, how, err.decode()[-3000:])
        return json.loads(out.splitlines()[-1])

    async def check(self, script: str, how: str) -> None:
        await self.start(mode=self.mode, pool=PoolOptions(size=3, warm=1))
        self.assertEqual(await self.see(script, how), SEEN)
        await self.until(lambda: not self.gateway.pool.leased, 10)

    @returns_deferred
    async def seen(self, script: str, how: str, token: str = "") -> Any:
        return await self.see(script, how, token)


class PeerTests(PeerCase):
    """In exclusive mode."""

    async def test_puppeteer_by_its_browser_url(self):
        await self.check("puppeteer.js", "browserURL")

    async def test_puppeteer_by_a_websocket(self):
        await self.check("puppeteer.js", "browserWSEndpoint")

    async def test_playwright_by_http(self):
        await self.check("playwright.js", "http")

    async def test_playwright_by_a_websocket(self):
        await self.check("playwright.js", "ws")

    async def test_playwright_for_python_by_http(self):
        await self.check("playwright_client.py", "http")

    async def test_playwright_for_python_by_a_websocket(self):
        await self.check("playwright_client.py", "ws")

    async def test_chrome_remote_interface_by_the_list(self):
        await self.check("cri.js", "list")

    async def test_chrome_remote_interface_by_a_new_page(self):
        await self.check("cri.js", "new")

    async def test_with_a_token(self):
        await self.start(mode=self.mode, door=DoorOptions(tokens=tokens_file(self.mktemp())))
        seen = await gatherResults(
            [
                self.seen("puppeteer.js", "browserWSEndpoint", TOKEN),
                self.seen("playwright.js", "http", TOKEN),
                self.seen("playwright_client.py", "ws", TOKEN),
            ]
        )
        self.assertEqual(seen, [SEEN] * 3)


class SharedPeerTests(PeerTests):
    """The same in shared mode."""

    mode = "shared"

    async def test_many_at_once(self):
        """Twenty clients, all in one browser."""
        gateway = await self.start(mode="shared", pool=PoolOptions(size=1, warm=1))
        most = 0
        done: list[Any] = []
        many = [self.seen(*CLIENTS[number % len(CLIENTS)]) for number in range(20)]
        DeferredList(many, consumeErrors=True).addCallback(done.append)
        while not done:
            most = max(most, len(gateway.clients.relays))
            await sleep(0.05)
        self.assertEqual([str(each) for each in done[0] if each != (True, SEEN)], [])
        self.assertGreater(most, 5)
        self.assertEqual((gateway.pool.counts.died, gateway.pool.counts.hung), (0, 0))
        await self.until(lambda: not gateway.pool.leased, 10)
