"""What the clients of the comparison share: their arguments, and the meter that prints their one JSON line."""

from __future__ import annotations

import argparse
import cProfile
import json
import os
import pstats
import resource
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

KINDS = ("req", "data", "console")


def arguments(description: str) -> argparse.Namespace:
    """Parse the arguments that every client of the comparison takes."""
    parser = argparse.ArgumentParser(description=description, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--url", required=True)
    parser.add_argument("--mode", choices=["seq", "pipe", "flood", "ignored", "big"], required=True)
    parser.add_argument("--n", type=int, default=5000)
    parser.add_argument("--inflight", type=int, default=100)
    parser.add_argument("--size", type=int, help="bytes in each reply (1 MiB for --mode big)")
    parser.add_argument("--kind", choices=KINDS, default="req")
    parser.add_argument("--pipeline", action="store_true", help="events through ops.filter and ops.map")
    parser.add_argument("--page", action="store_true", help="in a session with a page that is opened for it")
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


@contextmanager
def profiled(wanted: bool) -> Iterator[None]:
    """Print where the time goes to stderr, if that is wanted."""
    if not wanted:
        yield
        return
    profile = cProfile.Profile()
    profile.enable()
    try:
        yield
    finally:
        profile.disable()
        pstats.Stats(profile, stream=sys.stderr).sort_stats("tottime").print_stats(45)


def own_cpu() -> float:
    """CPU seconds of this process."""
    usage = resource.getrusage(resource.RUSAGE_SELF)
    return usage.ru_utime + usage.ru_stime


class Meter:
    """Wall and CPU time of one timed section."""

    def __init__(self, options: argparse.Namespace) -> None:
        self._options = options

    def start(self) -> None:
        """Begin the section."""
        pid = self._options.server_pid
        self._server = cpu_of_tree(pid) if pid else 0.0
        self._cpu = own_cpu()
        self._wall = time.perf_counter()

    def done(self, n: int, size: int = 0) -> None:
        """End the section and print its line."""
        wall = time.perf_counter() - self._wall
        cpu = own_cpu() - self._cpu
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


def page_arguments(description: str) -> argparse.Namespace:
    """Parse the arguments that every client of the comparison on the page level takes."""
    parser = argparse.ArgumentParser(description=description, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--url", required=True, help="where the browser answers over HTTP")
    parser.add_argument("--site", required=True, help="of the pages that are gone to")
    parser.add_argument("--mode", choices=["pages", "seq", "gathered", "picture", "noise"], required=True)
    parser.add_argument("--n", type=int, default=100)
    parser.add_argument("--warm", type=int, default=5, help="how many are done before it is measured")
    parser.add_argument("--inflight", type=int, default=1)
    parser.add_argument("--label", default="txcdp")
    parser.add_argument("--profile", action="store_true", help="print where the time goes to stderr")
    return parser.parse_args()


class Section:
    """Wall and CPU time from here on, that of programs that this one has started included."""

    def __init__(self) -> None:
        self._cpu = self._used()
        self._wall = time.perf_counter()

    def end(self, options: argparse.Namespace) -> dict[str, Any]:
        """Return the section's line: milliseconds for each."""
        wall, cpu = time.perf_counter() - self._wall, self._used() - self._cpu
        n = options.n
        return {
            "client": options.label, "mode": options.mode, "n": n, "wall_ms": wall / n * 1e3, "cpu_ms": cpu / n * 1e3
        }  # fmt: skip

    @staticmethod
    def _used() -> float:
        return own_cpu() + sum(map(cpu_of_tree, _children(os.getpid())))


def _children(pid: int) -> list[int]:
    """Return the processes that a process has started, on Linux."""
    return [int(each) for path in Path(f"/proc/{pid}/task").glob("*/children") for each in path.read_text().split()]
