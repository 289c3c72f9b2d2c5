"""txcdp as a client of the side-by-side benchmarks: one mode, one JSON line.

    client.py --url ws://127.0.0.1:PORT/devtools/browser/x --mode seq|pipe|flood|ignored|big --n N
              [--inflight K] [--size BYTES] [--kind req|data|console] [--pipeline] [--raw] [--label NAME]

The whole layer is on: sessions, deadlines, cancellation, typed results, typed events through an
``EventStream`` to one guarded subscriber.
"""

from __future__ import annotations

import argparse
import json
import os
import resource
import time
from collections.abc import Callable
from functools import partial
from typing import Any

from reactivex import operators as ops
from twisted.internet.defer import Deferred, gatherResults
from twisted.internet.task import react

from txcdp.connection import Connection
from txcdp.domains import network, runtime
from txcdp.transports.websocket import open_websocket

EVENTS = {
    "req": network.RequestWillBeSent,
    "data": network.DataReceived,
    "console": runtime.ConsoleAPICalled,
}


def arguments() -> argparse.Namespace:
    """Parse the arguments that every client of the comparison takes."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--url", required=True)
    parser.add_argument("--mode", choices=["seq", "pipe", "flood", "ignored", "big"], required=True)
    parser.add_argument("--n", type=int, default=5000)
    parser.add_argument("--inflight", type=int, default=100)
    parser.add_argument("--size", type=int, help="bytes in each reply (1 MiB for --mode big)")
    parser.add_argument("--kind", choices=list(EVENTS), default="req")
    parser.add_argument("--pipeline", action="store_true", help="events through ops.filter and ops.map")
    parser.add_argument("--server-pid", type=int, default=0)
    parser.add_argument("--label", default="txcdp")
    parser.add_argument("--listeners", type=int, default=0, help="subscribers of other events")
    parser.add_argument("--profile", action="store_true", help="print where the time goes to stderr")
    parsed = parser.parse_args()
    if parsed.mode == "big" and parsed.size is None:
        parsed.size = 1 << 20
    return parsed


def cpu_of_tree(pid: int) -> float:
    """CPU seconds of a process and of everything below it."""
    children: dict[int, list[int]] = {}
    ticks: dict[int, int] = {}
    for entry in os.listdir("/proc"):
        if entry.isdigit():
            try:
                with open(f"/proc/{entry}/stat") as file:
                    fields = file.read().rpartition(")")[2].split()
            except OSError:
                continue
            children.setdefault(int(fields[1]), []).append(int(entry))
            ticks[int(entry)] = int(fields[11]) + int(fields[12])
    total, todo = 0, [pid]
    while todo:
        each = todo.pop()
        total += ticks.get(each, 0)
        todo += children.get(each, [])
    return total / os.sysconf("SC_CLK_TCK")


class Meter:
    """Wall and CPU time of one timed section."""

    def __init__(self, options: argparse.Namespace) -> None:
        self._options = options

    def start(self) -> None:
        """Begin the section."""
        pid = self._options.server_pid
        self._server = cpu_of_tree(pid) if pid else 0.0
        self._cpu = self._own_cpu()
        self._wall = time.perf_counter()

    def done(self, n: int, size: int = 0) -> None:
        """End the section and print its line."""
        wall = time.perf_counter() - self._wall
        cpu = self._own_cpu() - self._cpu
        o = self._options
        line: dict[str, Any] = {
            "client": o.label, "mode": o.mode, "kind": o.kind if o.mode in ("flood", "ignored") else None, "n": n,
            "inflight": o.inflight if o.mode == "pipe" else 1, "size": o.size, "wall": round(wall, 4),
            "rate": round(n / wall, 1), "cpu_us": round(cpu / n * 1e6, 2), "cpu_frac": round(cpu / wall, 2),
            "rss_mb": round(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024, 1),
        }  # fmt: skip
        if size:
            line["mb_s"] = round(n * size / wall / 1e6, 1)
        if o.server_pid:
            line["server_cpu_frac"] = round((cpu_of_tree(o.server_pid) - self._server) / wall, 2)
        print(json.dumps(line), flush=True)

    @staticmethod
    def _own_cpu() -> float:
        usage = resource.getrusage(resource.RUSAGE_SELF)
        return usage.ru_utime + usage.ru_stime


async def commands(connection: Connection, options: argparse.Namespace, meter: Meter) -> None:
    """Run one command at a time, or ``inflight`` at once; typed unless replies of a given size are asked for."""
    session, command = connection.session, runtime.evaluate(expression="1")
    real = os.environ.get("BENCH_REAL") == "1"

    call: Callable[[], Deferred[Any]] = partial(session.execute, command)
    if options.size is not None and real:
        call = partial(session.execute, runtime.evaluate(expression=f"globalThis.__s||(__s='A'.repeat({options.size}))"))
    elif options.size is not None:
        call = partial(session.execute_raw, "Runtime.evaluate", {"size": options.size})

    async def work(n: int) -> None:
        for _ in range(n):
            await call()

    workers = options.inflight if options.mode == "pipe" else 1

    async def round_of(n: int) -> None:
        await gatherResults([Deferred.fromCoroutine(work(n // workers)) for _ in range(workers)])

    await round_of(3 if options.mode == "big" else max(200, workers * 10))
    meter.start()
    await round_of(options.n)
    meter.done(options.n // workers * workers, options.size or 0)


async def flood(connection: Connection, options: argparse.Namespace, meter: Meter) -> None:
    """Count a flood of events that one subscriber takes, or that nobody wants."""
    session = connection.session
    kind = options.kind if options.mode == "flood" else {"req": "data"}.get(options.kind, "req")
    count, target, reached = 0, 0, Deferred[None]()

    def on_event(_: object) -> None:
        nonlocal count
        count += 1
        if count == target:
            reached.callback(None)

    stream: Any = session.events(EVENTS[kind])
    if options.pipeline:
        stream = stream.pipe(ops.filter(lambda event: event.timestamp > 0), ops.map(lambda event: event.request_id))
    stream.subscribe(on_event)

    async def burst(n: int) -> None:
        nonlocal count, target, reached
        count, target, reached = 0, n, Deferred()
        if options.kind == "console":
            await session.execute(runtime.evaluate(expression=f"for(let i=0;i<{n};i++)console.log(i)"))
        else:
            await session.execute_raw("Bench.flood", {"n": n, "kind": options.kind})
        if options.mode == "flood":
            await reached

    await burst(500)
    meter.start()
    await burst(options.n)
    meter.done(options.n)


async def main(reactor: Any, options: argparse.Namespace) -> None:
    """Run one mode over one connection."""
    transport = await open_websocket(reactor, options.url)
    async with Connection(transport, reactor, linger=None) as connection:
        for index in range(options.listeners):
            connection.session.events_raw(f"Bench.other{index}").subscribe(lambda _: None)
        run = flood if options.mode in ("flood", "ignored") else commands
        await run(connection, options, Meter(options))


if __name__ == "__main__":
    chosen = arguments()
    if chosen.profile:
        import cProfile
        import pstats
        import sys

        profile = cProfile.Profile()
        profile.enable()
        try:
            react(main, [chosen])
        finally:
            profile.disable()
            pstats.Stats(profile, stream=sys.stderr).sort_stats("tottime").print_stats(25)
    else:
        react(main, [chosen])
