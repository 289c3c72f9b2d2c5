"""A fleet in memory: nodes with FakeChromes, a router, and callers, all on one clock."""

from __future__ import annotations

from typing import Any

from twisted.internet.defer import Deferred
from twisted.internet.testing import MemoryReactorClock
from twisted.trial.unittest import SynchronousTestCase

from tests.fleet.fake_node import fake_chrome, fake_gateway
from tests.fleet.fake_router import FakeRouter, FakeSession
from txcdp.fleet import Fleet, FleetOptions, Node, NodeOptions
from txcdp.gateway import Gateway
from txcdp.testing import FakeChrome

URL = "http://example.com/"


class FakeNode:
    """A node, with its browser, its gateway and its session."""

    def __init__(self, case: FleetCase, seconds: float, size: int, places: int, **options: Any) -> None:
        self.case = case
        self.said: list[str] = []
        self.chrome: FakeChrome = fake_chrome(case.clock, seconds, size, self._say)
        gateway_options = options.pop("gateway", {})
        self.gateway: Gateway = fake_gateway(case.clock, self.chrome, places, **gateway_options)
        self.gateway.start()
        name = f"node{len(case.nodes) + 1}"
        self.node = Node(case.clock, self.gateway, NodeOptions(**{"name": name, **options}))
        self.session = self.join()

    def _say(self, *words: object) -> None:
        self.said.append(" ".join(map(str, words)))

    @property
    def begun(self) -> list[str]:
        return [each.partition(" ")[2] for each in self.said if each.startswith("begun")]

    @property
    def open_pages(self) -> int:
        return len(self.begun) - self.said.count("gone")

    def join(self) -> FakeSession:
        self.session = self.case.router.join()
        self.node.joined(self.session).addErrback(self.case.fail)
        self.case.settle()
        return self.session

    def die(self) -> None:
        """Be killed: nothing of it happens any more, and the router notices."""
        vars(self.node)["_clock"] = MemoryReactorClock()
        self.case.router.lose(self.session)
        self.node.left()


class FleetCase(SynchronousTestCase):
    def setUp(self) -> None:
        self.clock = MemoryReactorClock()
        self.router = FakeRouter()
        self.nodes: list[FakeNode] = []
        self.addCleanup(self.finish)

    def finish(self) -> None:
        for each in self.nodes:
            each.node.left()
            each.gateway.stop()
            for call in vars(each.chrome)["delayed"]:
                if call.active():
                    call.cancel()
        self.settle()
        self.settle()
        for each in self.nodes:
            self.assertEqual(each.chrome.targets.contexts, [])
        left = [str(each) for each in self.clock.getDelayedCalls()]
        self.assertEqual(left, [])

    def add_node(self, seconds: float = 0.0, size: int = 1000, places: int = 4, **options: Any) -> FakeNode:
        node = FakeNode(self, seconds, size, places, **options)
        self.nodes.append(node)
        return node

    def fleet(self, **options: Any) -> Fleet:
        self.caller = self.router.join()
        return Fleet(self.caller, self.clock, FleetOptions(**options))

    def settle(self) -> None:
        """Let all happen that needs no time."""
        for _ in range(20):
            self.router.flush()
            for each in self.nodes:
                each.chrome.flush()
            self.clock.advance(0)

    def pass_time(self, seconds: float, step: float = 0.1) -> None:
        for _ in range(round(seconds / step)):
            self.clock.advance(step)
            self.settle()

    def result(self, deferred: Deferred[Any], seconds: float = 0.0) -> Any:
        self.settle()
        self.pass_time(seconds)
        return self.successResultOf(deferred)

    def failure(self, deferred: Deferred[Any], kind: type[BaseException], seconds: float = 0.0) -> Any:
        self.settle()
        self.pass_time(seconds)
        return self.failureResultOf(deferred, kind).value
