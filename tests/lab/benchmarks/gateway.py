"""What the gateway costs: commands and events through it beside a direct connection, and what idle clients weigh.

::

    python -m tests.lab.benchmarks.gateway [--rounds N] [--mode exclusive|shared]

The browser is the server that costs next to nothing (server.c); the gateway runs in a process of its own, with
everything on: tokens, counting, limits, a list of what is forbidden. Exclusive mode is measured on the
root session; shared mode as it is used, in a session with a page, and so is the direct connection beside it. The rounds
are interleaved. Prints numbers, and judges them.
"""

from __future__ import annotations

import argparse
import json
import statistics
import subprocess
import sys
import tempfile
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Literal

from twisted.internet import reactor as _reactor
from twisted.internet.defer import Deferred, succeed
from twisted.internet.task import react

from tests.lab.benchmarks.compare import CACHE, HERE, Client, Mode, measure, server
from txcdp._transports.websocket import WebSocketOptions, open_websocket
from txcdp.gateway import AccessOptions, ClientLimits, Gateway, GatewayOptions, Policy, PoolOptions
from txcdp.gateway._options import RISKY_METHODS
from txcdp.gateway._pool.pooled_browser import Running

reactor: Any = _reactor
TOKEN = "a-token-for-benchmarks"
IDLE = 200
SHARING = 20  # clients of a browser in shared mode

#: At least so much of the direct throughput; at most so many seconds more for one command, and bytes for idle clients.
SHARE = 0.5
LATENCY = 0.0003
WEIGHT = 100_000_000

MODES = {
    "seq": Mode("one at a time", ["--mode", "seq"], 4000, 8000),
    "pipe": Mode("100 in flight", ["--mode", "pipe", "--inflight", "100"], 20_000, 40_000),
    "flood": Mode("events, 1 KB", ["--mode", "flood"], 40_000, 80_000),
}


class Fake(Running):
    """What passes for a browser.

    :param url: of the server.
    """

    pid = 1
    version: Mapping[str, str] = {"Browser": "Fake/1"}

    def __init__(self, url: str) -> None:
        self.ws_url = url

    def when_ended(self) -> Deferred[Any]:
        return Deferred()

    def check(self) -> Deferred[Any]:
        return succeed(None)

    tidy = close = check


async def serve(url: str, mode: Literal["exclusive", "shared"]) -> None:
    """Run a gateway before the server, print its port, and go on until the end of standard input."""
    with tempfile.NamedTemporaryFile("w", suffix=".toml") as tokens:
        tokens.write(f'[bench]\ntoken = "{TOKEN}"\n')
        tokens.flush()
        options = GatewayOptions(
            endpoint="tcp:0:interface=127.0.0.1",
            mode=mode,
            pool=PoolOptions(
                size=IDLE + 10 if mode == "exclusive" else IDLE // SHARING + 1, warm=1, clients_per_browser=SHARING
            ),
            clients=ClientLimits(clients=IDLE + 10, idle_time=3600, session_time=3600, commands_per_second=1e9),
            policy=Policy(methods=RISKY_METHODS, schemes=("file",), private_addresses=False),
            access=AccessOptions(tokens=tokens.name),
        )
        gateway = Gateway(reactor, options, lambda: succeed(Fake(url)))
    await gateway.start()
    assert gateway.port is not None
    where: Any = gateway.port.getHost()
    print(where.port, flush=True)
    await Deferred()


@contextmanager
def gateway(url: str, mode: str) -> Iterator[tuple[str, int]]:
    """Run a gateway; gives a URL of it, and its process id."""
    process = subprocess.Popen(
        [sys.executable, "-m", "tests.lab.benchmarks.gateway", "--serve", url, "--mode", mode],
        stdout=subprocess.PIPE,
        text=True,
    )
    try:
        assert process.stdout is not None
        port = process.stdout.readline().strip()
        yield f"ws://127.0.0.1:{port}/devtools/browser?token={TOKEN}", process.pid
    finally:
        process.terminate()
        process.wait()


def resident(pid: int) -> int:
    """Return the bytes of memory of a process."""
    found = next(line for line in Path(f"/proc/{pid}/status").read_text().splitlines() if line.startswith("VmRSS"))
    return int(found.split()[1]) * 1024


async def weigh(url: str, pid: int) -> int:
    """Return how much the gateway grows by idle clients."""
    lines = [await open_websocket(reactor, url, WebSocketOptions(ping_interval=None))]
    before = resident(pid)
    lines += [await open_websocket(reactor, url, WebSocketOptions(ping_interval=None)) for _ in range(IDLE)]
    after = resident(pid)
    for line in lines:
        line.abort()
    return after - before


def compare(direct: str, through: str, pid: int, sharing: bool, rounds: int) -> bool:
    """Measure both ways in turn; return whether all is within bounds.

    :param pid: of the gateway.
    :param sharing: whether it is in shared mode, and sessions with pages are measured.
    """
    more = ["--page"] if sharing else []
    client = Client("txcdp", [sys.executable, str(HERE / "client.py"), "--server-pid", str(pid), *more])
    found: dict[tuple[str, str], list[dict[str, Any]]] = {}
    for number in range(rounds + 1):
        for key, mode in MODES.items():
            for way, url in (("direct", direct), ("through", through)):
                line = measure(client, mode, mode.most if number else mode.first, url)
                if line is not None and number:  # the first one warms up
                    found.setdefault((key, way), []).append(line)
    good = True
    for key, mode in MODES.items():
        rates = {way: statistics.median(each["rate"] for each in found[key, way]) for way in ("direct", "through")}
        share = rates["through"] / rates["direct"]
        own = statistics.median(each["server_cpu_frac"] / each["rate"] for each in found[key, "through"])
        words = f"{mode.title:16} {rates['direct']:10,.0f}/s direct {rates['through']:10,.0f}/s through {share:6.2f} x"
        words += f", {own * 1e6:.0f} µs of the gateway's processor time each"
        if key == "seq":
            added = 1 / rates["through"] - 1 / rates["direct"]
            words += f", {added * 1000:.3f} ms more each"
            good &= added < LATENCY
        else:
            good &= share >= SHARE
        print(words, flush=True)
    return good


async def measured(mode: str, rounds: int) -> bool:
    """Measure a mode, print, and judge."""
    print(f"{mode} mode:", flush=True)
    with server() as direct, gateway(direct, mode) as (through, pid):
        good = compare(direct, through, pid, mode == "shared", rounds)
        print(f"before idle clients {resident(pid) / 1e6:.0f} MB", flush=True)
    with idle_server() if mode == "exclusive" else server() as direct, gateway(direct, mode) as (through, pid):
        weight = await weigh(through, pid)
        print(f"{IDLE} idle clients: {weight / 1e6:.1f} MB", flush=True)
    return good and weight < WEIGHT


async def main(modes: list[str], rounds: int) -> None:
    """Measure all that is asked for."""
    CACHE.mkdir(parents=True, exist_ok=True)
    if not all([await measured(mode, rounds) for mode in modes]):
        raise SystemExit("That is more than it should be.")


@contextmanager
def idle_server() -> Iterator[str]:
    """The server in C has places for 64 only; idle clients that share nothing need no more than a handshake."""
    script = (
        "import sys; from autobahn.twisted.websocket import *; from twisted.internet import reactor;"
        "f = WebSocketServerFactory(); f.protocol = WebSocketServerProtocol;"
        "p = reactor.listenTCP(0, f, interface='127.0.0.1'); print(p.getHost().port, flush=True); reactor.run()"
    )
    process = subprocess.Popen([sys.executable, "-c", script], stdout=subprocess.PIPE, text=True)
    try:
        assert process.stdout is not None
        yield f"ws://127.0.0.1:{process.stdout.readline().strip()}/devtools/browser/idle"
    finally:
        process.terminate()
        process.wait()


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description="Measure what the gateway costs.")
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--mode", choices=["exclusive", "shared"], help="both by default")
    parser.add_argument("--serve", metavar="URL", help="be the gateway")
    options = parser.parse_args()
    modes = [options.mode] if options.mode else ["exclusive", "shared"]
    if options.serve:
        react(lambda _: Deferred.fromCoroutine(serve(options.serve, options.mode)))
    else:
        react(lambda _: Deferred.fromCoroutine(main(modes, options.rounds)))
    print(json.dumps({"ok": True}))
