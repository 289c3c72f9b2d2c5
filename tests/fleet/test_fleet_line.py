"""The line to a router: where none answers, and what is too large for any."""

from __future__ import annotations

from typing import Any

from autobahn.exception import PayloadExceededError
from twisted.internet import reactor
from twisted.internet.defer import ensureDeferred
from twisted.trial.unittest import TestCase

from tests.browser.support import refusing_port
from tests.raw_server import Raw, RawServer
from txcdp.errors import ConnectError
from txcdp.fleet import RouterOptions, connect
from txcdp.fleet._line import RouterProtocol
from txcdp.fleet._messages import LARGEST

CLOCK: Any = reactor


class NoRouterTests(TestCase):
    async def refused(self, url: str) -> str:
        """Return what is said where there is no router; with what would be a secret in a URL."""
        options = RouterOptions(url=url, realm="browsers", authid="shop", ticket="a secret")
        error = await self.assertFailure(ensureDeferred(connect(CLOCK, options)), ConnectError)
        self.assertNotIn("secret", str(error))
        return str(error)

    async def test_nobody_listens(self):
        port = refusing_port()
        said = await self.refused(f"ws://127.0.0.1:{port}/ws")
        self.assertIn(f"no connection to the router at ws://127.0.0.1:{port}/ws", said)

    async def test_there_is_no_such_host(self):
        self.assertIn(
            "no connection to the router at ws://nowhere.invalid", await self.refused("ws://nowhere.invalid/")
        )

    async def test_something_else_answers(self):
        server = RawServer({"/ws": Raw(b"HTTP/1.1 404 Not Found\r\nContent-Length: 0\r\n\r\n")})
        self.addCleanup(lambda: ensureDeferred(server.stop()))
        url = server.url("/ws").replace("http:", "ws:")
        self.assertIn("no WAMP router responds", await self.refused(url))


class LargestTests(TestCase):
    def test_what_is_too_large_is_not_sent(self):
        protocol = RouterProtocol()
        with self.assertRaisesRegex(PayloadExceededError, "1,048,577 bytes"):
            protocol.sendMessage(b"x" * (LARGEST + 1), True)
