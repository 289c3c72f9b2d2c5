"""Measures the page level, beside Playwright for Python and Puppeteer, on one browser in one run.

::

    python -m tests.lab.benchmarks.page_level [--peers] [--rounds N] [--scale F] [--only NAME]... [--mode MODE]...

Each client opens, uses and closes pages, each in a context of its own; evaluates, one at a time and 100 at a time; and
takes pictures, of a page that makes a small one, and of one that makes one of three megabytes. The browser, and the
site that is gone to, are the same for all; the rounds are interleaved, each client in each round; the median counts.
Playwright's processor time is that of the Python program and of its driver.

``--peers`` installs Playwright and Puppeteer first, where they are not there, into the user's cache, and judges: where
a figure is more than it is to be of theirs, that is told, and the program fails.
"""

from __future__ import annotations

import argparse
import json
import os
import statistics
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from threading import Thread
from typing import Any, NamedTuple
from urllib.parse import urlsplit

from twisted.internet.task import react

from tests.lab.benchmarks.figures import tell
from tests.lab.peers import install
from txcdp.chrome import start_browser

HERE = Path(__file__).resolve().parent
DEADLINE = 300  # seconds, for one run

#: What is looked at: a little text, and a canvas of which a picture cannot be compressed.
PAGES = {
    "/small": b"<!doctype html><title>small</title><h1>hello</h1><p>world <input>",
    "/noise": b"""<!doctype html><title>noise</title><style>body { margin: 0 }</style>
<canvas width=1280 height=720></canvas>
<script>
const context = document.querySelector('canvas').getContext('2d'), image = context.createImageData(1280, 720);
for (let i = 0, x = 1; i < image.data.length; i++) {
  x ^= x << 13; x ^= x >>> 17; x ^= x << 5;
  image.data[i] = i % 4 === 3 ? 255 : x & 255;
}
context.putImageData(image, 0, 0);
</script>""",
}


class Site(BaseHTTPRequestHandler):
    """Answers with one of :data:`PAGES`."""

    protocol_version = "HTTP/1.1"

    def do_GET(self) -> None:
        """Answer."""
        body = PAGES.get(urlsplit(self.path).path)
        self.send_response(404 if body is None else 200)
        self.send_header("Content-Type", "text/html; charset=utf-8")
        self.send_header("Content-Length", str(len(body or b"")))
        self.end_headers()
        self.wfile.write(body or b"")

    def handle(self) -> None:
        """Answer what comes, until nobody is there any more."""
        with suppress(ConnectionError):
            super().handle()

    def log_message(self, format: str, *args: Any) -> None:  # noqa: A002 (as the base class has it)
        """Say nothing."""


class Mode(NamedTuple):
    """One thing to measure: how many in a run, how many at a time, and how many before it is measured."""

    title: str
    number: int
    inflight: int = 1
    warm: int = 5


MODES = {
    "pages": Mode("context, page, goto, close", 60),
    "seq": Mode("evaluate, one at a time", 1000, 1, 100),
    "gathered": Mode("evaluate, 100 at a time", 2000, 100, 200),
    "picture": Mode("screenshot, small", 60),
    "noise": Mode("screenshot, 2.8 MB", 20, 1, 2),
}


class Client(NamedTuple):
    """A client of the comparison, and what its process is given."""

    name: str
    command: list[str]
    environment: dict[str, str]


class Goal(NamedTuple):
    """How much of a peer's figure ours is to be at most."""

    mode: str
    figure: str
    peer: str
    share: float


GOALS = [
    Goal("pages", "wall_ms", "playwright", 0.7),
    Goal("pages", "cpu_ms", "playwright", 0.25),
    Goal("seq", "wall_ms", "playwright", 0.3),
    Goal("seq", "cpu_ms", "puppeteer-core", 0.5),
    Goal("gathered", "wall_ms", "playwright", 1.0),
    Goal("gathered", "wall_ms", "puppeteer-core", 1.0),
    Goal("gathered", "cpu_ms", "playwright", 1.0),
    Goal("gathered", "cpu_ms", "puppeteer-core", 1.0),
    Goal("picture", "cpu_ms", "puppeteer-core", 0.5),
    Goal("noise", "cpu_ms", "puppeteer-core", 0.5),
]


def clients(peers: bool) -> list[Client]:
    """Return who is measured; the peers are installed where they are not there."""
    here = {"PYTHONPATH": str(HERE.parents[2])}
    found = [Client("txcdp", [sys.executable, str(HERE / "page_client.py")], here)]
    if peers:
        program, modules = install.node()
        path = os.pathsep.join([install.python(), here["PYTHONPATH"]])
        script = str(HERE / "peers" / "playwright_pages.py")
        found.append(Client("playwright", [sys.executable, script], {"PYTHONPATH": path}))
        script = str(HERE / "peers" / "puppeteer_pages.js")
        found.append(Client("puppeteer-core", [program, script], {"NODE_PATH": modules}))
    return found


@contextmanager
def site() -> Iterator[str]:
    """Serve :data:`PAGES` from a thread; gives the site's URL."""
    server = ThreadingHTTPServer(("127.0.0.1", 0), Site)
    thread = Thread(target=server.serve_forever, daemon=True)
    thread.start()
    try:
        yield f"http://127.0.0.1:{server.server_port}"
    finally:
        server.shutdown()
        thread.join()
        server.server_close()


def measure(client: Client, key: str, scale: float, where: list[str]) -> dict[str, Any] | None:
    """Run a client once; return its line, or None where it has none to give."""
    mode = MODES[key]
    count = max(1, round(mode.number * scale / mode.inflight)) * mode.inflight
    command = [*client.command, *where, "--mode", key, "--label", client.name, "--n", str(count)]
    command += ["--inflight", str(mode.inflight), "--warm", str(mode.warm)]
    environment = {**os.environ, **client.environment}
    done = subprocess.run(command, capture_output=True, text=True, check=False, timeout=DEADLINE, env=environment)
    lines = [line for line in done.stdout.splitlines() if line.startswith("{")]
    if done.returncode or not lines:
        print(f"{client.name}, {mode.title}: exit {done.returncode}\n{done.stderr[-1000:]}", file=sys.stderr)
        return None
    found: dict[str, Any] = json.loads(lines[-1])
    return found


class Comparison:
    """All that was measured.

    :param clients: who.
    :param modes: what.
    """

    def __init__(self, clients: list[Client], modes: list[str]) -> None:
        self._clients = clients
        self._modes = modes
        self._found: dict[tuple[str, str], list[dict[str, Any]]] = {}

    def run(self, rounds: int, scale: float, where: list[str]) -> None:
        """Measure in rounds."""
        for number in range(rounds):
            print(f"round {number + 1} of {rounds}", file=sys.stderr)
            for key in self._modes:
                for client in self._clients:
                    line = measure(client, key, scale, where)
                    if line is not None:
                        self._found.setdefault((client.name, key), []).append(line)

    def median(self, name: str, key: str, figure: str) -> float | None:
        """Return the median of a figure over all rounds."""
        lines = self._found.get((name, key))
        return statistics.median(line[figure] for line in lines) if lines else None

    def table(self) -> list[list[str]]:
        """Return the table's rows: milliseconds of wall time and of processor time for each."""
        rows = [["milliseconds for each", *(each.name for each in self._clients)]]
        rows += [[MODES[key].title, *(self._cell(each.name, key) for each in self._clients)] for key in self._modes]
        return rows

    def _cell(self, name: str, key: str) -> str:
        wall, cpu = self.median(name, key, "wall_ms"), self.median(name, key, "cpu_ms")
        return "\\-" if wall is None or cpu is None else f"{wall:.{_places(wall)}f} / {cpu:.{_places(cpu)}f}"

    def judged(self) -> Iterator[tuple[bool, str]]:
        """Give each goal of which both figures are there: whether it is reached, and how far."""
        for goal in GOALS:
            ours, theirs = (self.median(name, goal.mode, goal.figure) for name in ("txcdp", goal.peer))
            if ours is not None and theirs:
                share, what = ours / theirs, "wall time" if goal.figure == "wall_ms" else "processor time"
                said = f"{MODES[goal.mode].title}: {share:.2f} of {goal.peer}'s {what}; {goal.share:g} is the goal"
                yield share <= goal.share, said


def _places(figure: float) -> int:
    """Return with how many decimals a figure of two or three digits is written."""
    return 0 if figure >= 100 else 1 if figure >= 10 else 2 if figure >= 1 else 3


async def main(reactor: Any, options: argparse.Namespace) -> None:
    """Measure, print and judge."""
    chosen = [each for each in clients(options.peers) if not options.only or each.name in options.only]
    comparison = Comparison(chosen, options.mode or list(MODES))
    process = await start_browser(reactor)
    try:
        with site() as url:
            where = ["--url", f"http://{urlsplit(process.ws_url).netloc}", "--site", url]
            comparison.run(options.rounds, options.scale, where)
    finally:
        await process.close()
    tell("page_level", comparison.table())
    missed = False
    for reached, said in comparison.judged():
        print("reached" if reached else "MISSED ", said, flush=True)
        missed |= not reached
    if missed:
        raise SystemExit(1)


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--peers", action="store_true", help="install and measure Playwright and Puppeteer, too")
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--scale", type=float, default=1.0, help="times so many in each run")
    parser.add_argument("--only", action="append", help="a client")
    parser.add_argument("--mode", action="append", choices=list(MODES))
    given = parser.parse_args()
    react(lambda reactor: main(reactor, given))
