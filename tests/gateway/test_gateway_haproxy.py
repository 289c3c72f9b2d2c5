"""Several gateways behind HAProxy, as ``examples/deploy/haproxy.cfg`` has it, and what becomes of their clients."""

from __future__ import annotations

import json
import re
import signal
from abc import ABC, abstractmethod
from collections import Counter
from typing import Any

from twisted.internet.defer import Deferred, gatherResults
from twisted.trial.unittest import TestCase

import txcdp
from tests.gateway.support_haproxy import CONFIGURATION, HAProxy, Node, listed, needs_haproxy, reactor, until
from tests.support import PATIENCE
from txcdp import websocket
from txcdp._deferreds import returns_deferred
from txcdp.chrome import discovery
from txcdp.errors import ConnectionLost, HandshakeFailed
from txcdp.websocket import WebSocketOptions

#: How many clients come to three gateways.
CLIENTS = 200

PATIENT = WebSocketOptions(open_timeout=PATIENCE, ping_interval=None)


class Client(ABC):
    """Somebody with a browser, who notes which node has it.

    :param netloc: of HAProxy.
    :ivar node: which has its browser.
    :ivar lost: by the loss of which nodes it has noticed anything.
    """

    def __init__(self, netloc: str) -> None:
        self.netloc = netloc
        self.node = ""
        self.lost: list[str] = []

    @abstractmethod
    async def come(self) -> None:
        """Connect."""

    @abstractmethod
    async def product(self) -> str:
        """Ask the browser what it is called."""

    @abstractmethod
    async def leave(self) -> None:
        """Disconnect."""

    async def work(self, times: int = 3) -> None:
        """Ask so often; the browser has to stay the same."""
        for _ in range(times):
            node = (await self.product()).partition("/")[0]
            assert self.node in ("", node), f"{self.node} has become {node}"
            self.node = node

    async def go_on(self) -> None:
        """Notice that the line is lost, and come again."""
        try:
            while True:
                await self.product()
        except ConnectionLost:
            self.lost.append(self.node)
        self.node = ""
        await self.come()
        await self.work()


class Raw(Client):
    """One who opens a WebSocket at /devtools/browser, and knows nothing else."""

    async def come(self) -> None:
        self.numbers = 0
        self.line = await websocket.connect(reactor, await self.url(), options=PATIENT)

    async def url(self) -> str:
        return f"ws://{self.netloc}/devtools/browser"

    async def product(self) -> str:
        self.numbers += 1
        async with self.line.messages.expect(timeout=PATIENCE) as answer:
            await self.line.send(json.dumps({"id": self.numbers, "method": "Browser.getVersion"}))
        found = json.loads(await answer.value)
        assert found["id"] == self.numbers
        return str(found["result"]["product"])

    async def leave(self) -> None:
        await self.line.close()


class Discovering(Raw):
    """One who asks /json/version for a WebSocket, as Playwright and Puppeteer do."""

    async def url(self) -> str:
        found = (await discovery.version(reactor, self.netloc, timeout=PATIENCE)).web_socket_debugger_url
        assert found is not None
        self.found = found
        return found

    async def second(self) -> str:
        """Open another WebSocket to the same browser; return what that is called."""
        other = Raw(self.netloc)
        other.numbers = 0
        other.line = await websocket.connect(reactor, self.found, options=PATIENT)
        product = await other.product()
        await other.leave()
        return product


class Txcdp(Client):
    """One of txcdp's own clients, whose lost line is replaced by itself."""

    async def come(self) -> None:
        policy = txcdp.ReconnectPolicy(initial_delay=0.05, jitter=lambda: 0.0, wait=PATIENCE)
        options = WebSocketOptions(open_timeout=PATIENCE)
        self.browser = await txcdp.connect(reactor, f"http://{self.netloc}", reconnect=policy, options=options)

    async def product(self) -> str:
        return (await self.browser.version()).product

    async def go_on(self) -> None:
        before = self.node
        while (node := await self.replaced()) == before:
            pass
        self.lost.append(before)
        self.node = node
        await self.work()

    async def replaced(self) -> str:
        """Return which node has the browser, or the one that had it where that is just being lost."""
        try:
            return (await self.product()).partition("/")[0]
        except ConnectionLost:  # of what was under way
            return self.node

    async def leave(self) -> None:
        await self.browser.close()


KINDS = (Raw, Discovering, Txcdp)


@needs_haproxy
class HAProxyCase(TestCase):
    timeout = PATIENCE

    async def begin(self, *names: str, changes: dict[str, str] | None = None, pings: Any = ()) -> HAProxy:
        """Start gateways, and HAProxy before them.

        :param pings: seconds between the pings of each; 0: none.
        """
        pings = pings or [20.0] * len(names)
        self.nodes = {name: Node(name, ping) for name, ping in zip(names, pings, strict=True)}
        for each in self.nodes.values():
            each.peers = [f"http://127.0.0.1:{other.port}" for other in self.nodes.values() if other is not each]
            self.addCleanup(self.end, each)
        await together(each.start() for each in self.nodes.values())
        self.proxy = HAProxy({name: each.port for name, each in self.nodes.items()}, changes)
        self.addCleanup(lambda: Deferred.fromCoroutine(self.proxy.stop()))
        await self.proxy.start(up=len(names))
        return self.proxy

    @returns_deferred
    async def end(self, node: Node) -> None:
        await node.end()

    async def come(self, kind: type[Client], number: int) -> list[Client]:
        """Let clients come, all at once."""
        clients: list[Client] = [kind(self.proxy.netloc) for _ in range(number)]
        await together(each.come() for each in clients)
        await together(each.work() for each in clients)
        for each in clients:
            self.addCleanup(self.let_go, each)
        return clients

    @returns_deferred
    async def let_go(self, client: Client) -> None:
        await client.leave()


def together(coroutines: Any) -> Deferred[list[Any]]:
    """Run all of them at once; the first error is raised."""
    return gatherResults([Deferred.fromCoroutine(each) for each in coroutines], consumeErrors=True)


def nodes_of(clients: list[Client]) -> Counter[str]:
    return Counter(each.node for each in clients)


class ManyClientsTests(HAProxyCase):
    timeout = 2.5 * PATIENCE

    async def test_no_client_fails_whose_gateway_lives(self):
        """A reload, a drain and a kill -9 under 200 clients of three kinds."""
        proxy = await self.begin("n1", "n2", "n3")
        clients: list[Client] = []
        for kind in KINDS:
            clients += await self.come(kind, CLIENTS // len(KINDS))
        clients += await self.come(Raw, CLIENTS - len(clients))
        self.assertEqual(set(nodes_of(clients)), {"n1", "n2", "n3"})

        await proxy.reload()
        await together(each.work() for each in clients)
        await until(lambda: list(proxy.states().values()) == ["UP"] * 3)

        self.nodes["n2"].process.signal(signal.SIGTERM)  # some come before HAProxy has heard of it
        for kind in KINDS:
            clients += await self.come(kind, 4)
        await until(lambda: proxy.states()["n2"] == "NOLB")
        late = [each for kind in KINDS for each in await self.come(kind, 4)]
        self.assertEqual(nodes_of(late)["n2"], 0)
        stay = [each for each in clients if each.node == "n2"]
        for each in [each for each in stay if isinstance(each, Discovering)][:5]:
            self.assertEqual((await each.second()).partition("/")[0], "n2")
        await together(each.work() for each in clients)

        self.nodes["n3"].process.signal(signal.SIGKILL)
        clients += late
        left = [each for each in clients if each.node == "n3"]
        await together(each.go_on() for each in left)
        await together(each.work() for each in clients)
        self.assertEqual([each.lost for each in left], [["n3"]] * len(left))
        self.assertEqual({tuple(each.lost) for each in clients if each not in left}, {()})
        self.assertEqual(set(nodes_of(left)), {"n1"})

        await self.nodes["n3"].process.ended
        await self.nodes["n3"].start()
        await until(lambda: proxy.states()["n3"] == "UP")
        self.assertEqual(set(nodes_of(await self.come(Raw, 5))), {"n3"})  # has the fewest
        self.assertFalse(self.nodes["n2"].process.ended.called)
        await together(each.leave() for each in stay)
        self.assertEqual(await self.nodes["n2"].process.ended, 0)


class PlacingTests(HAProxyCase):
    async def test_a_new_client_goes_where_the_fewest_are(self):
        await self.begin("n1", "n2", "n3")
        clients: list[Client] = []
        for number in range(12):
            clients += await self.come(KINDS[number % 3], 1)
        self.assertEqual(nodes_of(clients), {"n1": 4, "n2": 4, "n3": 4})
        for each in [each for each in clients if each.node == "n1"]:
            await each.leave()
        await until(lambda: self.proxy.connections()["n1"] == 0)
        again: list[Client] = []
        for _ in range(3):
            again += await self.come(Raw, 1)
        self.assertEqual(set(nodes_of(again)), {"n1"})

    async def test_what_has_an_id_lands_where_its_browser_is(self):
        await self.begin("n1", "n2")
        netloc = self.proxy.netloc
        pages = [await discovery.new_target(reactor, netloc, f"about:blank#{number}") for number in range(4)]
        nodes = [str(each.id).partition(".")[0] for each in pages]
        self.assertEqual(Counter(nodes), {"n1": 2, "n2": 2})
        found = await listed(netloc, pages)  # of both
        self.assertLessEqual({each.id: each.url for each in pages}.items(), found.items())
        self.assertEqual(len(found) - len(pages), 1 + 4)  # what is offered, and the first page of each browser
        for page, node in zip(pages, nodes, strict=True):
            await discovery.activate(reactor, netloc, page.id or "")
            client = Raw(netloc)
            client.numbers = 0
            client.line = await websocket.connect(reactor, page.web_socket_debugger_url or "", options=PATIENT)
            await client.work()
            self.assertEqual(client.node, node)
            await client.leave()
        more = await discovery.new_target(reactor, netloc)
        await discovery.close(reactor, netloc, more.id or "")
        self.assertNotIn(more.id, [each.id for each in await discovery.list_targets(reactor, netloc)])

    async def test_the_list_goes_on_without_a_gateway_that_is_gone(self):
        await self.begin("n1", "n2")
        pages = [await discovery.new_target(reactor, self.proxy.netloc) for _ in range(2)]
        await self.nodes["n2"].process.kill()
        here = [each for each in pages if str(each.id).startswith("n1.")]
        self.assertEqual(len(here), 1)
        found = await listed(self.proxy.netloc, here)
        self.assertEqual([each for each in found if not str(each).startswith("n1.")], [])
        (gone,) = [each.web_socket_debugger_url for each in pages if not str(each.id).startswith("n1.")]
        error = await self.assertFailure(websocket.connect(reactor, gone or "", options=PATIENT), HandshakeFailed)
        self.assertIn("404", str(error))

    async def test_what_is_for_operators_is_not_passed_on(self):
        await self.begin("n1")
        for path in ("metrics", "readyz", "openapi.json"):
            url = f"ws://{self.proxy.netloc}/{path}"
            error = await self.assertFailure(websocket.connect(reactor, url, options=PATIENT), HandshakeFailed)
            self.assertIn("404", str(error), path)


class IdleTests(HAProxyCase):
    async def test_pings_of_either_side_keep_a_silent_client(self):
        """They put off the time at which HAProxy cuts it, which for one that came later comes ever nearer."""
        await self.begin("n1", "n2", pings=(0.3, 0.0))
        pinging = WebSocketOptions(open_timeout=PATIENCE, ping_interval=0.3, ping_timeout=PATIENCE)
        pinged = await self.silent("n1", PATIENT)
        pings = await self.silent("n2", pinging)
        silent = await self.silent("n2", PATIENT)
        for each in (pinged, pings):
            await until(lambda each=each: self.left(each) > self.left(silent))
        self.assertLessEqual(self.left(pinged), 3600)

    def left(self, client: Raw) -> int:
        """Return after how many seconds of silence HAProxy cuts a client."""
        end: Any = client.line._end
        here = end.transport.getHost()
        rows = self.proxy.order("show sess").splitlines()
        (found,) = [each for each in rows if f" src={here.host}:{here.port} " in each]
        spans = re.findall(r"(\d+)([hms])", found.rpartition(" exp=")[2])
        return sum(int(number) * {"h": 3600, "m": 60, "s": 1}[unit] for number, unit in spans)

    async def silent(self, node: str, options: WebSocketOptions) -> Raw:
        """Connect to a certain gateway, by an id of its own, and say nothing."""
        found = await discovery.version(reactor, f"127.0.0.1:{self.nodes[node].port}")
        client = Raw(self.proxy.netloc)
        client.numbers = 0
        path = (found.web_socket_debugger_url or "").partition("/devtools/")[2]
        url = f"ws://{self.proxy.netloc}/devtools/{path}"
        client.line = await websocket.connect(reactor, url, options=options)
        client.node = node
        self.addCleanup(client.line.close)
        return client


class ConfigurationTests(TestCase):
    def test_what_stays_idle_is_pinged_before_it_is_cut(self):
        """The timeouts of the configuration are longer than what the gateways take by default."""
        from txcdp.gateway import ClientLimits, PoolOptions, RenderOptions

        found = dict(re.findall(r"(?m)^ +timeout (\S+) (\d+)[sh]$", CONFIGURATION.read_text(encoding="utf-8")))
        self.assertGreater(3600 * int(found["tunnel"]), 3 * (ClientLimits().ping_interval or 0))
        longest = max(RenderOptions().max_timeout, PoolOptions().queue_deadline)
        self.assertGreater(min(int(found["server"]), int(found["client"])), longest)
