"""Does a recorder keep up with 100,000 events a second for ten seconds, with nothing lost? Prints numbers, judges them.

::

    python -m tests.lab.benchmarks.record [--rate N] [--seconds S] [--kind data|req] [--compression none|gzip|zstd]
                                      [--directory D] [--flat-out]

The server is the one of the other benchmarks (server.c; it needs a C compiler), in a process of its own. It sends
bursts of a tenth of a second's events at the times when they are due, or with ``--flat-out`` as many as are taken. What
was written is read back and counted. An event that is neither there nor in a note of what was dropped is a failure,
and so is a flood that takes longer to come in than it was to last.
"""

from __future__ import annotations

import argparse
import os
import resource
import tempfile
import time
from pathlib import Path
from typing import Any

from twisted.internet.task import deferLater, react

from tests.lab.benchmarks.compare import server
from txcdp._core.connection import Connection
from txcdp._transports.websocket import open_websocket
from txcdp.browser import Browser
from txcdp.recording import JsonLines, Recorder
from txcdp.recording._entries import EventEntry, NoteEntry
from txcdp.recording._reading import read

BURSTS = 10  # a second
METHODS = {"data": "Network.dataReceived", "req": "Network.requestWillBeSent"}


async def flood(reactor: Any, browser: Browser, options: argparse.Namespace) -> float:
    """Have the events sent, and return the seconds until the last one was here."""
    each = options.rate // BURSTS
    began = reactor.seconds()
    for number in range(int(options.seconds * BURSTS)):
        await browser.session.execute_raw("Bench.flood", {"n": each, "kind": options.kind}, timeout=None)
        if not options.flat_out:  # the server knows one flood at a time
            await deferLater(reactor, max(0.0, began + (number + 1) / BURSTS - reactor.seconds()), lambda: None)
    return float(reactor.seconds() - began)


def count(directory: Path, method: str) -> tuple[int, int]:
    """Return how many events are in a recording, and how many it says are missing."""
    events = missing = 0
    for entry in read(directory):
        if isinstance(entry, EventEntry):
            events += entry.method == method
        elif isinstance(entry, NoteEntry):
            missing += entry.data.get("count", 0) if entry.kind == "dropped" else 0
        else:
            raise SystemExit(f"unreadable: {entry}")
    return events, missing


async def main(reactor: Any, options: argparse.Namespace, url: str, directory: Path) -> None:
    """Record a flood, and say what became of it."""
    transport = await open_websocket(reactor, url)
    browser = Browser(Connection(transport, reactor))
    recorder = Recorder(browser, JsonLines(directory, compression=options.compression), overflow=options.overflow)
    await recorder.start()
    wall, used = time.perf_counter(), time.process_time()
    took = await flood(reactor, browser, options)
    waiting = recorder.stats.waiting
    await recorder.stop()
    wall, used = time.perf_counter() - wall, time.process_time() - used
    await browser.close()
    sent = options.rate // BURSTS * int(options.seconds * BURSTS)
    size = sum(entry.stat().st_size for entry in os.scandir(directory))
    written, dropped = count(directory, METHODS[options.kind])
    lost = sent - written - dropped
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
    print(
        f"{sent:,} events in {took:.2f} s: {sent / took:,.0f} a second; {wall - took:.2f} s more to finish;"
        f" {used / sent * 1e6:.2f} us of processor time each, {used / wall:.0%} of one"
    )
    print(
        f"{written:,} written, {dropped:,} dropped and counted, {lost:,} lost; {size / 1e6:,.0f} MB on the disk,"
        f" {waiting / 1e6:.1f} MB waited at the end; {recorder.stats.failures} failures; peak memory {peak:.0f} MB"
    )
    if lost or (not options.flat_out and took > options.seconds * 1.05):
        raise SystemExit("not kept up" if not lost else "events were lost")


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rate", type=int, default=100_000)
    parser.add_argument("--seconds", type=float, default=10.0)
    parser.add_argument("--kind", choices=METHODS, default="data")
    parser.add_argument("--compression", choices=("none", "gzip", "zstd"), default="none")
    parser.add_argument("--overflow", default="pause")
    parser.add_argument("--directory", type=Path, help="on the disk that is meant (default: the temporary folder)")
    parser.add_argument("--flat-out", action="store_true")
    chosen = parser.parse_args()
    with server() as url, tempfile.TemporaryDirectory(dir=chosen.directory) as folder:
        react(main, [chosen, url, Path(folder)])
