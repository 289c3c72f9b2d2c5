"""What many machines need, by simulation: pages, browsers, memory, and the router between callers and nodes.

::

    python -m tests.lab.sizing [--machines 1 10 100 1000] [--load 0.8] [--routers N] ...

Callers come at random, together so often that the machines' processors are used to ``--load``. Each call passes a
router, waits there for its turn, goes to the node with the fewest pages, takes a page there, waits for the network, has
its work done by one of the node's processors when one is free, and passes the router again. What the figures begin with
are measurements: ``tests.lab.benchmarks.scrapy_crawl`` (a page's processor time), ``tests.lab.benchmarks.router`` (the
router's for a call and an event), and the memory of a browser and of its pages.
"""

from __future__ import annotations

import argparse
import heapq
import itertools
import random
from collections import deque
from dataclasses import dataclass
from typing import Any

from tests.lab.benchmarks.tables import written

#: As measured: seconds of processor time of a page, with those of its program; seconds of the router for a call, half
#: of it for each way, and for an event to one subscriber; bytes of a browser, and of a page in a context of its own.
PAGE, CALL, EVENT, BROWSER, MEMORY = 0.25, 245e-6, 205e-6, 160e6, 40e6


@dataclass(frozen=True)
class Plan:
    """What is simulated.

    :ivar machines: how many there are.
    :ivar processors: of each.
    :ivar pages: of each, at a time.
    :ivar browsers: of each.
    :ivar load: share of the processors' time that is wanted.
    :ivar network: seconds that a page waits for servers, on average.
    :ivar events: that are published across the router for each page.
    :ivar routers: how many there are, each with its share of the machines and callers.
    :ivar calls: how many are simulated after the first tenth, which does not count.
    """

    machines: int
    processors: int = 8
    pages: int = 64
    browsers: int = 4
    load: float = 0.8
    network: float = 1.0
    events: float = 0.0
    routers: int = 1
    calls: int = 60_000

    @property
    def rate(self) -> float:
        """Calls a second, of all callers."""
        return self.load * self.machines * self.processors / PAGE

    @property
    def router_use(self) -> float:
        """The share of its time for which a router would have to work."""
        return self.rate / self.routers * (CALL + self.events * EVENT)

    @property
    def memory(self) -> float:
        """Bytes that a machine's browsers take with all pages open."""
        return self.browsers * BROWSER + self.pages * MEMORY


class Server:
    """One that serves whoever waits, in order, with so many hands.

    :param loop: the simulation.
    :param hands: how many are served at a time.
    """

    def __init__(self, loop: Loop, hands: int) -> None:
        self._loop = loop
        self._free = hands
        self._waiting: deque[tuple[float, Any]] = deque()

    def serve(self, seconds: float, then: Any) -> None:
        """Serve for so long when it is somebody's turn, and go on with that."""
        if not self._free:
            self._waiting.append((seconds, then))
            return
        self._free -= 1
        self._loop.after(seconds, lambda: self._done(then))

    def _done(self, then: Any) -> None:
        self._free += 1
        if self._waiting:
            self.serve(*self._waiting.popleft())
        then()


class Loop:
    """The simulation's time."""

    def __init__(self) -> None:
        self.now = 0.0
        self._order = itertools.count()
        self._due: list[tuple[float, int, Any]] = []

    def after(self, seconds: float, call: Any) -> None:
        heapq.heappush(self._due, (self.now + seconds, next(self._order), call))

    def run(self) -> None:
        while self._due:
            self.now, _, call = heapq.heappop(self._due)
            call()


class Node:
    """A machine with browsers."""

    def __init__(self, loop: Loop, plan: Plan) -> None:
        self.processors = Server(loop, plan.processors)
        self.open = 0


@dataclass
class Found:
    """What a simulation has found: seconds, and how many calls were refused since all pages were taken."""

    plan: Plan
    delays: list[float]
    whole: list[float]
    refused: int

    def at(self, values: list[float], share: float) -> float:
        return sorted(values)[int(share * (len(values) - 1))] if values else float("nan")


def simulate(plan: Plan, seed: int = 1) -> Found:
    """Simulate one router with its share of the machines: they have nothing to do with the others."""
    chance, loop = random.Random(seed), Loop()
    machines = max(1, plan.machines // plan.routers)
    nodes = [Node(loop, plan) for _ in range(machines)]
    router = Server(loop, 1)
    found = Found(plan, [], [], 0)
    rate = plan.rate * machines / plan.machines
    events = plan.events * EVENT

    def come(number: int) -> None:
        if number < plan.calls:
            loop.after(chance.expovariate(rate), lambda: come(number + 1))
        began = loop.now
        counts = number > plan.calls // 10
        delay = 0.0

        def dispatched() -> None:
            nonlocal delay
            delay = loop.now - began
            # The router knows no more than who has the fewest of those that it looks at.
            node = min((chance.choice(nodes) for _ in range(4)), key=lambda each: each.open)
            if node.open >= plan.pages:
                node = min(nodes, key=lambda each: each.open)
            if node.open >= plan.pages:
                found.refused += counts
                return
            node.open += 1
            work = chance.expovariate(1 / PAGE)
            loop.after(chance.expovariate(1 / plan.network), lambda: node.processors.serve(work, lambda: done(node)))

        def done(node: Node) -> None:
            node.open -= 1
            left = loop.now
            router.serve(CALL / 2 + events, lambda: returned(left))

        def returned(left: float) -> None:
            if counts:
                found.delays.append(delay + loop.now - left)
                found.whole.append(loop.now - began)

        router.serve(CALL / 2, dispatched)

    loop.after(0.0, lambda: come(0))
    loop.run()
    return found


def row(found: Found) -> list[str]:
    plan = found.plan
    return [
        f"{plan.machines:,}",
        f"{plan.routers}",
        f"{plan.machines * plan.pages:,}",
        f"{plan.machines * plan.browsers:,}",
        f"{plan.machines * plan.memory / 1e9:,.0f}",
        f"{plan.rate:,.0f}",
        f"{100 * plan.router_use:.0f} %",
        f"{1000 * found.at(found.delays, 0.5):.1f} / {1000 * found.at(found.delays, 0.99):,.1f}",
        f"{found.at(found.whole, 0.5):.2f} / {found.at(found.whole, 0.99):.2f}",
        f"{100 * found.refused / max(1, found.refused + len(found.whole)):.1f} %",
    ]


HEAD = "machines,routers,pages,browsers,GB,calls/s,a router busy,router adds (ms),a call (s),all full".split(",")


def main() -> None:
    """Print a table."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--machines", type=int, nargs="+", default=[1, 10, 50, 100, 150, 1000])
    parser.add_argument("--routers", type=int, help="by default as many as it takes, each busy to 60 %% at most")
    for name in ("processors", "pages", "browsers", "calls"):
        parser.add_argument(f"--{name}", type=int, default=getattr(Plan, name))
    for name in ("load", "network", "events"):
        parser.add_argument(f"--{name}", type=float, default=getattr(Plan, name))
    options = vars(parser.parse_args())
    wanted = options.pop("routers")
    rows = []
    for machines in options.pop("machines"):
        plan = Plan(**{**options, "machines": machines})
        routers = wanted or max(1, -int(-plan.router_use // 0.6))
        rows.append(row(simulate(Plan(**{**options, "machines": machines, "routers": routers}))))
    print("\n".join(written([HEAD, *rows])))


if __name__ == "__main__":
    main()
