"""A fleet whose nodes are killed at random, and what a router costs: make fleet installs the router that it needs.

    CROSSBAR=.venv-crossbar/bin/crossbar python tests/lab/fleet_runs.py [--renders 10000] [--part killed|two|cost]

Browsers are fake, and take a simulated time. Figures for the documentation are printed.
"""

from __future__ import annotations

import argparse
import os
import random
import signal
import statistics
import sys
import tempfile
import time
from collections import Counter
from pathlib import Path
from typing import Any

from twisted.internet.defer import Deferred, DeferredList, DeferredSemaphore
from twisted.internet.task import deferLater, react

sys.path.insert(0, str(Path(__file__).parents[2]))

from tests.fleet.fake_node import fake_chrome, fake_gateway
from tests.fleet.router import Crossbar, Program
from txcdp.errors import FleetError, NodeLost
from txcdp.fleet import Fleet, FleetOptions, connect
from txcdp.gateway import Principal
from txcdp.gateway.render._endpoints import ENDPOINTS
from txcdp.gateway.render._requests import Pdf

URL = "http://example.com/"

#: How many renders a node of :func:`two` does at a time, and how many are counted for each node.
PLACES, RENDERS = 4, 200


async def node(reactor: Any, router: Crossbar, authid: str, *arguments: object) -> Program:
    """Return a node that is registered."""
    made = Program("fake_node", router, authid, *arguments)
    while not made.count("ready"):
        await deferLater(reactor, 0.05)
    return made


async def killed(reactor: Any, router: Crossbar, fleet: Fleet, renders: int) -> None:
    """Render while nodes are killed by -9: every call ends, and none runs twice that must not."""
    arguments = (0.02, 8, 1000)
    alive = [await node(reactor, router, name, *arguments) for name in ("node-1", "node-2")]
    all_of_them = list(alive)
    outcomes: Counter[str] = Counter()
    limit = DeferredSemaphore(24)
    over = False

    async def call(number: int) -> None:
        kind = ("safe", "unsafe")[number % 3 == 0]
        try:
            if kind == "safe":
                await fleet.pdf(f"{URL}{kind}/{number}", timeout=100)
            else:
                await fleet.evaluate(f"{URL}{kind}/{number}", "1", timeout=100)
            outcomes[f"{kind}: done"] += 1
        except NodeLost:
            outcomes[f"{kind}: NodeLost"] += 1
        except FleetError as error:
            outcomes[f"{kind}: {type(error).__name__}"] += 1

    async def kill() -> None:
        while not over:
            await deferLater(reactor, random.uniform(1.0, 4.0))
            place = random.randrange(2)
            alive[place].signal(signal.SIGKILL)
            outcomes["nodes killed"] += 1
            alive[place] = await node(reactor, router, f"node-{place + 1}", *arguments)
            all_of_them.append(alive[place])

    killing = Deferred.fromCoroutine(kill())
    began = time.monotonic()
    await DeferredList([limit.run(call, number) for number in range(renders)])
    seconds = time.monotonic() - began
    over = True
    await killing
    for each in all_of_them:
        each.end()
    begun = Counter(url for each in all_of_them for url in each.begun if "unsafe" in url)
    twice = [url for url, count in begun.items() if count > 1]
    ended = sum(count for what, count in outcomes.items() if what != "nodes killed")
    print(f"killed: {ended} of {renders} calls ended in {seconds:.0f} s; {dict(sorted(outcomes.items()))}")
    print(f"        begun twice that must not be: {len(twice)}")
    assert ended == renders
    assert not twice, twice
    assert set(outcomes) <= {"safe: done", "unsafe: done", "unsafe: NodeLost", "nodes killed"}, outcomes


def used(program: Program) -> float:
    """Return the seconds of a processor that a process has used."""
    fields = Path(f"/proc/{program.process.pid}/stat").read_text().rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


async def rate(reactor: Any, router: Crossbar, fleet: Fleet, nodes: int, render: float) -> tuple[float, str]:
    """Return how many renders a second so many nodes do, and what that takes of processors.

    :param render: seconds that each takes of a node's browsers, which do :data:`PLACES` at a time.
    """
    alive = [await node(reactor, router, f"node-{number + 1}", render, PLACES, 1000) for number in range(nodes)]
    limit = DeferredSemaphore(2 * PLACES * nodes)

    async def many(count: int) -> None:
        calls = [limit.run(fleet.pdf, f"{URL}{number}", timeout=100) for number in range(count)]
        await DeferredList(calls, fireOnOneErrback=True)

    await many(4 * PLACES * nodes)
    before = [time.monotonic(), time.process_time(), router.seconds(), sum(map(used, alive))]
    count = RENDERS * nodes
    await many(count)
    now = [time.monotonic(), time.process_time(), router.seconds(), sum(map(used, alive))]
    seconds, *busy = (after - earlier for after, earlier in zip(now, before, strict=True))
    for each in alive:
        each.end()
    caller, routing, working = (1000 * each / count for each in busy)
    return count / seconds, (
        f"{sum(busy) / seconds:.2f} processors busy; ms of one for each render: caller {caller:.1f}, "
        f"router {routing:.1f}, its node with the fake browser {working:.1f}"
    )


async def two(reactor: Any, router: Crossbar, fleet: Fleet) -> None:
    """Compare two nodes with one.

    What a node can do is what its browsers can: here each render takes a tenth of a second of one, and little of a
    processor, so that the machine is none of what is measured. Then the same of browsers that answer at once: where
    router, caller and nodes share processors, this is a measure of those.
    """
    for render, words in ((0.1, "bound by browsers"), (0.0, "bound by processors")):
        found = []
        for turn in range(3):
            rates = []
            for nodes in (1, 2):
                each, costs = await rate(reactor, router, fleet, nodes, render)
                rates.append(each)
                if not turn:
                    print(f"{nodes} x {PLACES} browsers, {render:g} s for a render: {each:.1f} renders/s; {costs}")
            found.append(rates[1] / rates[0])
        print(
            f"two nodes, {words}: {statistics.median(found):.2f} x one ({', '.join(f'{each:.2f}' for each in found)})"
        )


async def cost(reactor: Any, router: Crossbar, fleet: Fleet) -> None:
    """Measure what the router adds to a render, by turns with one that is made here, and how many calls it bears."""
    gateway = fake_gateway(reactor, fake_chrome(reactor, 0.0, 1000, lambda *words: None), 8)
    await gateway.start()
    assert gateway.renders is not None
    there = await node(reactor, router, "node-1", 0.0, 8, 1000)

    renders = gateway.renders
    times: dict[str, list[float]] = {"here": [], "routed": []}

    async def timed(name: str, call: Any) -> None:
        began = time.monotonic()
        await call()
        times[name].append(1000 * (time.monotonic() - began))

    for _ in range(300):
        await timed("here", lambda: renders._make(Pdf(url=URL), ENDPOINTS["/pdf"].take, Principal("direct")))
        await timed("routed", lambda: fleet.pdf(URL))
    here, routed = (statistics.quantiles(each[50:], n=20) for each in times.values())
    print(f"latency: a render here {here[9]:.1f} ms (95 %: {here[18]:.1f}), by a node over the router {routed[9]:.1f} ")
    print(f"         (95 %: {routed[18]:.1f}): the router and the two lines add {routed[9] - here[9]:.1f} ms")
    await gateway.stop()
    operator = await connect(reactor, router.options("admin"))
    session = await operator._session()
    limit = DeferredSemaphore(64)
    calls, began, used = 5000, time.monotonic(), router.seconds()
    await DeferredList([limit.run(session.call, "txcdp.operate.node_1.state") for _ in range(calls)])
    seconds, used = time.monotonic() - began, router.seconds() - used
    print(f"calls: {calls / seconds:.0f}/s, {1000 * used / calls:.2f} ms of the router's processor each")
    await operator.close()
    there.end()
    there = await node(reactor, router, "node-1", 0.0, 8, 32 << 20)
    began, used = time.monotonic(), router.seconds()
    for _ in range(5):
        await fleet.pdf(URL)
    seconds, used = time.monotonic() - began, router.seconds() - used
    chunks = 5 * 128
    print(f"chunks: {160 / seconds:.0f} MB/s, {1000 * used / chunks:.2f} ms of the router's processor for 256 KB")
    there.end()


async def main(reactor: Any, *words: str) -> None:
    """Do what the command line says."""
    parser = argparse.ArgumentParser(description="A fleet with fake browsers over a real router.")
    parser.add_argument("--renders", type=int, default=10_000)
    parser.add_argument("--part", choices=["killed", "two", "cost"])
    given = parser.parse_args(words)
    with tempfile.TemporaryDirectory(prefix="txcdp-fleet-") as folder:
        router = Crossbar(Path(folder))
        try:
            async with await connect(reactor, router.options("shop"), FleetOptions(tries=100_000)) as fleet:
                if given.part in (None, "cost"):
                    await cost(reactor, router, fleet)
                if given.part in (None, "two"):
                    await two(reactor, router, fleet)
                if given.part in (None, "killed"):
                    await killed(reactor, router, fleet, given.renders)
        finally:
            router.kill()


if __name__ == "__main__":
    react(main, sys.argv[1:])
