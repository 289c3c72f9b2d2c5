"""What does a request of a page cost the program that follows, or stops it? Beside Playwright and Puppeteer.

::

    python -m tests.lab.benchmarks.network.compare [--peers] [--number N] [--rounds N] [--only WHAT]...

A page makes 5,000 requests, 50 at a time; each has to be told of once, and to end once. What counts is the processor's
time of the client in that time, with its driver where it has one, without the browser. The rounds are interleaved, and
the least counts, so that a machine that has other things to do spoils single rounds alone. ``--peers`` installs
Playwright for Python and puppeteer-core. It fails where something costs more than it is to.
"""

from __future__ import annotations

import argparse
import json
import os
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Final, NamedTuple

from txcdp.chrome import find_executable

HERE: Final = Path(__file__).resolve().parent

#: Makes requests, 50 at a time; each round of them has other URLs.
SCRIPT: Final = """async number => {
    const round = Math.random();
    let next = 0;
    const take = async () => {
        while (next < number)
            await (await fetch(`/data/${next++}?${round}`)).arrayBuffer();
    };
    await Promise.all(Array.from({length: 50}, take));
}"""

#: What is measured: nobody asks; three streams of all requests; each is stopped and goes on; others are stopped.
WHAT: Final = ("nobody", "events", "continued", "narrow")

#: What ours may cost at most, beside another client's.
GOALS: Final = {("events", "playwright"): 0.4, ("events", "puppeteer"): 0.7, ("continued", "playwright"): 0.25}

#: How much more a request may cost than one that nobody asks for, when it is outside a narrow pattern.
NARROW: Final = 1.1


class Client(NamedTuple):
    """A client of the comparison."""

    name: str
    command: list[str]
    environment: dict[str, str]


def clients(peers: bool) -> list[Client]:
    """Return what can be measured here, installing others where they are wanted."""
    found = [Client("txcdp", [sys.executable, "-m", f"{__package__}.with_txcdp"], {})]
    if peers:
        from tests.lab.peers import install

        script = str(HERE / "with_playwright.py")
        found.append(Client("playwright", [sys.executable, script], {"PYTHONPATH": install.python()}))
        node, modules = install.node()
        found.append(Client("puppeteer", [node, str(HERE / "with_puppeteer.js")], {"NODE_PATH": modules}))
    return found


def cpu_without_browsers(pid: int) -> float:
    """Return the processor's time of a process and of those below it, but for browsers, in seconds."""
    below: dict[int, list[int]] = {}
    ticks: dict[int, int] = {}
    browsers = set()
    for path in Path("/proc").glob("[0-9]*/stat"):
        try:
            name, _, rest = path.read_text().partition("(")[2].rpartition(")")
        except OSError:  # it has ended meanwhile
            continue
        each, fields = int(path.parent.name), rest.split()
        below.setdefault(int(fields[1]), []).append(each)
        ticks[each] = int(fields[11]) + int(fields[12])
        if name.startswith("chrom"):
            browsers.add(each)
    total, todo = 0, [pid]
    while todo:
        each = todo.pop()
        if each not in browsers:
            total += ticks.get(each, 0)
            todo += below.get(each, [])
    return total / os.sysconf("SC_CLK_TCK")


@contextmanager
def server() -> Iterator[str]:
    """Run the web server; gives its URL."""
    command = [sys.executable, "-m", f"{__package__}.web"]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        assert process.stdin is not None
        try:
            yield f"http://127.0.0.1:{process.stdout.readline().strip()}/"
        finally:
            process.terminate()


def measure(client: Client, what: str, number: int, url: str) -> float:
    """Have one client do one thing, with a browser of its own; return microseconds for each request."""
    told = {"what": what, "number": number, "url": url, "script": SCRIPT, "chromium": find_executable()}
    environment = {**os.environ, **client.environment}
    command = [*client.command, json.dumps(told)]
    with subprocess.Popen(
        command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True, env=environment, bufsize=1
    ) as process:
        assert process.stdout is not None
        assert process.stdin is not None

        def until(line: str) -> None:
            said = process.stdout.readline().strip()  # type: ignore[union-attr]
            if said != line:
                raise SystemExit(f"{client.name} has failed with {what!r}: {said or 'it has ended'}")

        until("ready")
        time.sleep(0.5)  # what is still to do for the page
        before = cpu_without_browsers(process.pid)
        process.stdin.write("go\n")
        until("done")
        time.sleep(0.5)  # what comes after the page's last word
        spent = cpu_without_browsers(process.pid) - before
        process.stdin.write("end\n")
    return spent / number * 1e6


def main() -> int:
    """Measure, print a table, and judge; 1 where something costs more than it is to."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--peers", action="store_true", help="measure Playwright and Puppeteer, too")
    parser.add_argument("--number", type=int, default=5000, help="of requests (default: %(default)s)")
    parser.add_argument("--rounds", type=int, default=3, help="of which the least counts (default: %(default)s)")
    parser.add_argument("--only", action="append", choices=WHAT, help="measure this alone; may be given several times")
    options = parser.parse_args()
    listed = clients(options.peers)
    things = options.only or WHAT
    least: dict[tuple[str, str], float] = {}
    with server() as url:
        for _ in range(options.rounds):
            for what in things:
                for client in listed:
                    spent = measure(client, what, options.number, url)
                    least[what, client.name] = min(least.get((what, client.name), spent), spent)
    for what in things:
        figures = {client.name: round(least[what, client.name]) for client in listed}
        print(json.dumps({"requests": options.number, "what": what, "us_a_request": figures}))
    good = True
    for (what, peer), goal in GOALS.items():
        if (what, peer) in least:
            ratio = least[what, "txcdp"] / least[what, peer]
            good &= ratio <= goal
            print(json.dumps({"what": what, "beside": peer, "ratio": round(ratio, 3), "goal": goal}))
    if {"nobody", "narrow"} <= set(things):
        ratio = least["narrow", "txcdp"] / least["nobody", "txcdp"]
        good &= ratio <= NARROW
        print(json.dumps({"what": "narrow", "beside": "nobody", "ratio": round(ratio, 3), "goal": NARROW}))
    print("as promised" if good else "NOT as promised")
    return 0 if good else 1


if __name__ == "__main__":
    sys.exit(main())
