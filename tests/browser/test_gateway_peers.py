"""Other programs through the gateway: puppeteer-core, playwright (Node, Python), chrome-remote-interface, and txcdp.

Each navigates, evaluates, intercepts, downloads, prints and uses two contexts, however it connects. The first run
installs them, from npm and PyPI; this is for ``make peers``.
"""

from __future__ import annotations

import json
import os
import sys
from collections import Counter
from dataclasses import replace
from pathlib import Path
from typing import Any, Literal

import pytest
from twisted.internet.defer import DeferredSemaphore, gatherResults
from twisted.internet.utils import getProcessOutputAndValue

from tests.browser.support import Server
from tests.browser.test_gateway_browser import TOKEN, GatewayCase, tokens_file
from tests.lab.peers import install
from txcdp._deferreds import returns_deferred
from txcdp.gateway import AccessOptions, ClientLimits, PoolOptions

pytestmark = pytest.mark.peers
ROOT = Path(__file__).parents[2]
PEERS = Path(install.__file__).parent

SEEN = {
    "title": "Peers",
    "sum": 42,
    "intercepted": "from the client",
    "pdf": "%PDF-",
    "download": "a file",
    "cookies": ["a=1", ""],
}

#: Each way of each of them to connect.
CLIENTS = (
    ("puppeteer.js", "browserWSEndpoint"),
    ("playwright.js", "http"),
    ("playwright_client.py", "ws"),
    ("cri.js", "new"),
    ("txcdp_client.py", "http"),
    ("puppeteer.js", "browserURL"),
    ("playwright.js", "ws"),
    ("playwright_client.py", "http"),
    ("cri.js", "list"),
    ("txcdp_client.py", "ws"),
)

#: How they can present a token, and whether that lets them in.
TOKENS = {
    ("puppeteer.js", "browserWSEndpoint", "header"): True,
    ("puppeteer.js", "browserWSEndpoint", "query"): True,
    ("puppeteer.js", "browserURL", "header"): False,
    ("puppeteer.js", "browserURL", "query"): False,
    ("playwright.js", "http", "header"): True,
    ("playwright.js", "http", "query"): True,
    ("playwright.js", "ws", "header"): True,
    ("playwright.js", "ws", "query"): True,
    ("playwright_client.py", "http", "header"): True,
    ("playwright_client.py", "http", "query"): True,
    ("playwright_client.py", "ws", "header"): True,
    ("playwright_client.py", "ws", "query"): True,
    ("cri.js", "list", "header"): False,
    ("cri.js", "list", "query"): True,
    ("cri.js", "new", "query"): True,
    ("txcdp_client.py", "http", "header"): True,
    ("txcdp_client.py", "http", "query"): True,
    ("txcdp_client.py", "ws", "header"): True,
    ("txcdp_client.py", "ws", "query"): True,
}


def put_pages(server: Server) -> str:
    """Put the pages there that the clients want."""
    server.page("/file.bin", "a file", content_type="application/octet-stream", content_disposition="attachment")
    server.page("/intercepted", "from the server")
    server.page("/gate", "come in")
    return server.page("/", "<title>Peers</title><a id=file href=/file.bin download=file.bin>file</a>")


def folder(path: str) -> str:
    os.makedirs(path)
    return os.path.realpath(path)


class Failed(Exception):
    """A client has not done its work; says what it wrote."""


class PeerCase(GatewayCase):
    mode: Literal["exclusive", "shared"] = "exclusive"

    @classmethod
    def setUpClass(cls) -> None:
        install.node()
        install.python()

    @returns_deferred
    async def see(self, script: str, how: str, token: str = "", by: str = "header") -> Any:
        """Let a client do its work; return what it saw."""
        told = {
            "netloc": self.netloc,
            "page": self.server.url("/"),
            "gate": self.server.url("/gate"),
            "downloads": folder(self.mktemp()),
            "how": how,
            "token": token,
            "by": by,
            "patience": self.timeout - 20,
        }
        program, variables = sys.executable, {"PYTHONPATH": os.pathsep.join([str(ROOT), install.python()])}
        if script.endswith(".js"):
            program, modules = install.node()
            variables = {"NODE_PATH": modules}
        arguments = [str(PEERS / script), json.dumps(told)]
        out, err, code = await getProcessOutputAndValue(program, arguments, {**os.environ, **variables})
        if code != 0:
            raise Failed(f"{script} by {how}: {code} {err.decode()[-3000:]}")
        return json.loads(out.splitlines()[-1])

    async def begin(self, **options: Any) -> None:
        put_pages(self.server)
        await self.start(**{"mode": self.mode, "pool": PoolOptions(size=4, warm=2), **options})


class EachTests(PeerCase):
    """Each of them, in exclusive mode; two at a time, since a machine may have no more processors."""

    async def test_each_client(self):
        await self.begin()
        turns = DeferredSemaphore(2)
        seen = await gatherResults([turns.run(self.see, *each) for each in CLIENTS], consumeErrors=True)
        self.assertEqual(seen, [SEEN] * len(CLIENTS))
        await self.until(lambda: not self.gateway.pool.leased)
        self.assertEqual((self.gateway.pool.counts.died, self.gateway.pool.counts.hung), (0, 0))


class SharedEachTests(EachTests):
    """The same in shared mode."""

    mode = "shared"


class TokenTests(PeerCase):
    """The guide has this as a table."""

    async def test_who_can_present_a_token(self):
        await self.begin(access=AccessOptions(tokens=tokens_file(self.mktemp())))
        turns = DeferredSemaphore(2)
        found = await gatherResults([turns.run(self.comes_in, *each) for each in TOKENS])
        self.assertEqual(dict(zip(TOKENS, found, strict=True)), TOKENS)

    @returns_deferred
    async def comes_in(self, script: str, how: str, by: str) -> bool:
        refused = self.gateway.counters.refused["token"]
        try:
            seen = await self.see(script, how, TOKEN, by)
        except Failed:
            self.assertGreater(self.gateway.counters.refused["token"], refused)
            return False
        self.assertEqual(seen, SEEN)
        return True


class SharedTokenTests(TokenTests):
    """The same in shared mode."""

    mode = "shared"


#: The machine is busy: nobody is given up for that.
PATIENT = PoolOptions(queue_deadline=600.0, check_timeout=600.0, warm=1)


class CrowdTests(PeerCase):
    """Twenty clients of all kinds, all there before the first one goes on; each with a browser of its own."""

    timeout = 600
    count = 20
    #: chrome-remote-interface has one for its page, and another one for its contexts.
    places = count + count // 5

    def pool(self) -> PoolOptions:
        return replace(PATIENT, size=self.places)

    def wanted(self) -> list[int]:
        """Return how many clients each browser is to have."""
        return [1] * self.count

    async def test_twenty_at_once(self):
        await self.begin(pool=self.pool(), clients=ClientLimits(slow_time=600.0, ping_timeout=600.0), hold=120.0)
        gate = self.server.held("/gate")
        failures: list[str] = []
        working = [self.see(*CLIENTS[number % len(CLIENTS)]) for number in range(self.count)]
        for each in working:
            each.addErrback(lambda failure: failures.append(failure.getErrorMessage()))
        await self.until(lambda: failures or self.server.asked.count("/gate") == self.count)
        there = Counter(each.line.browser for each in self.gateway.clients.relays.values())
        gate.release()
        seen = await gatherResults(working)
        self.assertEqual(failures, [])
        self.assertEqual(seen, [SEEN] * self.count)
        self.assertEqual(sorted(there.values()), self.wanted())
        counts = self.gateway.pool.counts
        self.assertEqual((counts.died, counts.hung), (0, 0))
        await self.until(lambda: not self.gateway.pool.leased)


class SharedManyClientsTests(CrowdTests):
    """The same, all in one browser."""

    mode = "shared"

    def pool(self) -> PoolOptions:
        return replace(PATIENT, size=1, clients_per_browser=self.places)

    def wanted(self) -> list[int]:
        return [self.count]
