"""Runs the clients against a CDP server that costs next to nothing, prints a table, and stores the figures.

::

    python -m tests.lab.benchmarks.compare [--peers] [--rounds N] [--seconds S] [--short] [--only NAME] [--store FILE]

The server (server.c) is compiled with the C compiler of the machine. Client and server run on one processor, where
there is ``taskset``: without that, one command at a time measures how long processors take to wake each other. The
rounds are interleaved, each client in each round, so that a machine that slows down slows all; the median counts.

``--peers`` installs other CDP clients, and bare WebSocket libraries with the smallest CDP client that there can be, at
the versions written below, into a directory of the user's cache, and measures them too. ``--short`` is for a try: one
round, and a twentieth of a second for each run; its figures mean nothing.
"""

from __future__ import annotations

import argparse
import json
import os
import shutil
import statistics
import subprocess
import sys
import venv
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, NamedTuple

from tests.lab.benchmarks import figures

HERE = Path(__file__).resolve().parent
ROOT = HERE.parents[2]
CACHE = Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "txcdp-benchmarks"
DEADLINE = 120  # seconds, for one run

PYTHON_PEERS = ["cdp-use==1.4.5", "picows==2.3.1", "orjson==3.13.0", "websockets==17.4", "autobahn==26.10.2", "twisted"]
NODE_PEERS = ["puppeteer-core@24.43.1", "chrome-remote-interface@0.34.0"]


class Mode(NamedTuple):
    """One thing to measure: its arguments, how many at first, and how many at the most."""

    title: str
    arguments: list[str]
    first: int
    most: int


MODES = {
    "seq": Mode("one at a time", ["--mode", "seq"], 1000, 60_000),
    "pipe": Mode("100 in flight", ["--mode", "pipe", "--inflight", "100"], 5000, 400_000),
    "flood": Mode("events, 1 KB", ["--mode", "flood"], 10_000, 500_000),
    "pipeline": Mode("through a pipeline", ["--mode", "flood", "--pipeline"], 10_000, 500_000),
    "small": Mode("events, 170 B", ["--mode", "flood", "--kind", "data"], 10_000, 800_000),
    "ignored": Mode("ignored, 1 KB", ["--mode", "ignored"], 10_000, 800_000),
    "big": Mode("1 MB replies, MB/s", ["--mode", "big"], 50, 2000),
}


class Client(NamedTuple):
    """A client of the comparison; ``pipelines`` where it has pipelines of events to measure.

    :ivar root: the checkout that it is of.
    """

    name: str
    command: list[str]
    pipelines: bool = False
    root: Path = ROOT


def peers() -> list[Client]:
    """Install the peers unless they are there; return those that can run here."""
    python = CACHE / "python" / "bin" / "python"
    CACHE.mkdir(parents=True, exist_ok=True)
    if fresh("python", PYTHON_PEERS):
        venv.create(CACHE / "python", clear=True, with_pip=True)
        install([str(python), "-m", "pip", "--quiet", "--disable-pip-version-check", "install", *PYTHON_PEERS])
        (CACHE / "python.installed").write_text(" ".join(PYTHON_PEERS))
    script = [str(python), str(HERE / "peers" / "peer.py")]
    found = [
        Client("cdp-use", [*script, "cdp-use"]),
        Client("picows, orjson", [*script, "picows"]),
        Client("websockets, json", [*script, "websockets"]),
        Client("Autobahn as it comes, json", [*script, "autobahn"]),
    ]
    node, npm = shutil.which("node"), shutil.which("npm")
    if not node or not npm:
        print("There is no Node.js here: puppeteer-core and chrome-remote-interface are left out.")
        return found
    if fresh("node", NODE_PEERS):
        install([npm, "install", "--silent", "--ignore-scripts", "--prefix", str(CACHE / "node"), *NODE_PEERS])
        (CACHE / "node.installed").write_text(" ".join(NODE_PEERS))
    os.environ["NODE_PATH"] = str(CACHE / "node" / "node_modules")
    script = [node, str(HERE / "peers" / "peer.js")]
    return [
        *found,
        Client("puppeteer-core", [*script, "puppeteer-core"]),
        Client("chrome-remote-interface", [*script, "chrome-remote-interface"]),
    ]


def fresh(name: str, versions: list[str]) -> bool:
    """Return whether something is to be installed, or installed again."""
    stamp = CACHE / f"{name}.installed"
    return not stamp.exists() or stamp.read_text() != " ".join(versions)


def install(command: list[str]) -> None:
    """Run an installer."""
    print("installing", " ".join(each for each in command if "==" in each or "@" in each), flush=True)
    subprocess.run(command, check=True)


def pinned() -> list[str]:
    """Return what keeps a command on one processor, the last that this one may use; nothing where that is unknown."""
    if not shutil.which("taskset") or not hasattr(os, "sched_getaffinity"):
        return []
    return ["taskset", "-c", str(max(os.sched_getaffinity(0)))]


@contextmanager
def server() -> Iterator[str]:
    """Compile the server where it is not newer than its source, and run it; gives its URL."""
    CACHE.mkdir(parents=True, exist_ok=True)
    program, source = CACHE / "server", HERE / "server.c"
    if not program.exists() or program.stat().st_mtime < source.stat().st_mtime:
        compiler = next(filter(None, map(shutil.which, ("cc", "gcc", "clang"))), None)
        if compiler is None:
            raise SystemExit("The benchmark's server is written in C, and there is no cc, gcc or clang here.")
        subprocess.run([compiler, "-O2", "-o", str(program), str(source)], check=True)
    process = subprocess.Popen([*pinned(), str(program)], stdout=subprocess.PIPE, text=True)
    try:
        assert process.stdout is not None
        yield f"ws://127.0.0.1:{process.stdout.readline().strip()}/devtools/browser/bench"
    finally:
        process.terminate()
        process.wait()


def measure(client: Client, mode: Mode, count: int, url: str) -> dict[str, Any] | None:
    """Run a client once; return its line, or None where it has none to give."""
    command = [*pinned(), *client.command, "--url", url, *mode.arguments, "--n", str(count), "--label", client.name]
    environment = {**os.environ, "PYTHONPATH": str(client.root)}
    try:
        done = subprocess.run(
            command, capture_output=True, text=True, check=False, timeout=DEADLINE, env=environment, cwd=client.root
        )
    except subprocess.TimeoutExpired:
        print(f"{client.name}, {mode.title}: nothing after {DEADLINE} s", file=sys.stderr)
        return None
    lines = [line for line in done.stdout.splitlines() if line.startswith("{")]
    if done.returncode or not lines:
        print(f"{client.name}, {mode.title}: exit {done.returncode}\n{done.stderr[-1000:]}", file=sys.stderr)
        return None
    found: dict[str, Any] = json.loads(lines[-1])
    return found


class Comparison:
    """All that was measured.

    :param rounds: of which the median is taken.
    :param seconds: that one run is to take, about.
    """

    def __init__(self, clients: list[Client], rounds: int, seconds: float) -> None:
        self.clients = clients
        self._rounds = rounds
        self._seconds = seconds
        self.found: dict[tuple[str, str], list[dict[str, Any]]] = {}

    def run(self, url: str) -> None:
        """Find out how many each client does in the time, then measure in rounds."""
        counts: list[tuple[Client, str, int]] = []
        pairs = [(c, key) for key in MODES for c in self.clients if c.pipelines or key != "pipeline"]
        for client, key in pairs:
            line = measure(client, MODES[key], MODES[key].first, url)
            if line is not None:
                fitting = int(line["rate"] * self._seconds)
                counts.append((client, key, min(MODES[key].most, max(MODES[key].first, fitting))))
        for number in range(self._rounds):
            print(f"round {number + 1} of {self._rounds}", file=sys.stderr)
            for client, key, count in counts:
                line = measure(client, MODES[key], count, url)
                if line is not None:
                    self.found.setdefault((client.name, key), []).append(line)

    def median(self, name: str, key: str, figure: str) -> float | None:
        """Return the median of a figure over all rounds."""
        lines = self.found.get((name, key))
        return statistics.median(line[figure] for line in lines) if lines else None

    def document(self) -> dict[str, Any]:
        """Return all medians, with what they are of."""
        return {
            **figures.surroundings(),
            "peers": [*PYTHON_PEERS, *NODE_PEERS] if len(self.clients) > 1 else [],
            "pinned": bool(pinned()),
            "rounds": self._rounds,
            "seconds": self._seconds,
            "modes": {key: mode.title for key, mode in MODES.items()},
            "clients": {client.name: dict(self._figures(client.name)) for client in self.clients},
        }

    def _figures(self, name: str) -> Iterator[tuple[str, dict[str, float]]]:
        for key in MODES:
            wanted = ("mb_s", "cpu_us") if key == "big" else ("rate", "cpu_us")
            medians = {figure: self.median(name, key, figure) for figure in wanted}
            known = {figure: float(f"{value:.4g}") for figure, value in medians.items() if value is not None}
            if len(known) == len(wanted):
                yield key, known


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description="Measure txcdp, and other CDP clients beside it.")
    parser.add_argument("--peers", action="store_true", help="install and measure other clients, too")
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--seconds", type=float, default=1.0, help="that each run takes, about")
    parser.add_argument("--short", action="store_true", help="for a try: the figures mean nothing")
    parser.add_argument("--store", type=Path, default=figures.FOLDER / "clients.json", help="the figures, as JSON")
    parser.add_argument("--only", action="append", help="the clients with this in their names")
    options = parser.parse_args()
    clients = [Client("txcdp", [sys.executable, str(HERE / "client.py")], pipelines=True)]
    clients += peers() if options.peers else []
    if options.only:
        clients = [client for client in clients if any(each in client.name for each in options.only)]
    rounds, seconds = (1, 0.05) if options.short else (options.rounds, options.seconds)
    comparison = Comparison(clients, rounds, seconds)
    with server() as url:
        comparison.run(url)
    document = comparison.document()
    print(f"\n{figures.clients_caption(document)}.")
    print("Messages a second / microseconds of processor time for each:\n")
    print("\n".join(figures.clients_table(document)), flush=True)
    figures.store(options.store, document)


if __name__ == "__main__":
    main()
