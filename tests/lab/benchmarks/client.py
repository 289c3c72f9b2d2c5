"""txcdp as a client of the side-by-side benchmarks: one mode, one JSON line.

    client.py --url ws://127.0.0.1:PORT/devtools/browser/x --mode seq|pipe|flood|ignored|big --n N
              [--inflight K] [--size BYTES] [--kind req|data|console] [--page] [--pipeline] [--raw] [--label NAME]

The whole layer is on: sessions, deadlines, cancellation, typed results, typed events through an
``EventStream`` to one guarded subscriber.
"""

from __future__ import annotations

import argparse
import os
import sys
from collections.abc import Callable
from functools import partial
from operator import attrgetter
from pathlib import Path
from typing import Any

from reactivex import operators as ops
from twisted.internet.defer import Deferred, gatherResults
from twisted.internet.task import react

sys.path.insert(0, str(Path(__file__).resolve().parents[3]))  # wherever it is run from

from tests.lab.benchmarks.measure import Meter, arguments, profiled
from txcdp._core.connection import Connection
from txcdp._core.sessions.session import Session
from txcdp._transports.websocket import open_websocket
from txcdp.domains import network, runtime, target

EVENTS = {
    "req": network.RequestWillBeSent,
    "data": network.DataReceived,
    "console": runtime.ConsoleAPICalled,
}


async def commands(session: Session, options: argparse.Namespace, meter: Meter) -> None:
    """Run one command at a time, or ``inflight`` at once; typed unless replies of a given size are asked for."""
    command = runtime.evaluate(expression="1")
    real = os.environ.get("BENCH_REAL") == "1"

    call: Callable[[], Deferred[Any]] = partial(session.execute, command)
    if options.size is not None and real:
        call = partial(
            session.execute, runtime.evaluate(expression=f"globalThis.__s||(__s='A'.repeat({options.size}))")
        )
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


def is_timed(event: Any) -> bool:
    """Return whether an event says when it was: all do."""
    return bool(event.timestamp > 0)


async def flood(session: Session, options: argparse.Namespace, meter: Meter) -> None:
    """Count a flood of events that one subscriber takes, or that nobody wants."""
    kind = options.kind if options.mode == "flood" else {"req": "data"}.get(options.kind, "req")
    count, awaited, reached = 0, 0, Deferred[None]()

    def on_event(_: object) -> None:
        nonlocal count
        count += 1
        if count == awaited:
            reached.callback(None)

    stream: Any = session.events(EVENTS[kind])
    if options.pipeline:
        stream = stream.pipe(ops.filter(is_timed), ops.map(attrgetter("request_id")))
    stream.subscribe(on_event)

    async def burst(n: int) -> None:
        nonlocal count, awaited, reached
        count, awaited, reached = 0, n, Deferred()
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
        session = connection.session
        if options.page:
            made = await session.execute(target.create_target(url="about:blank"))
            session = await connection.attach(made.target_id)
        run = flood if options.mode in ("flood", "ignored") else commands
        await run(session, options, Meter(options))


if __name__ == "__main__":
    chosen = arguments(__doc__ or "")
    with profiled(chosen.profile):
        react(main, [chosen])
