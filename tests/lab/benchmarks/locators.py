"""What do clicks, fills, and what is read by locators cost? Prints a table for the documentation.

::

    python -m tests.lab.benchmarks.locators [--peers] [--rounds N] [--scale N] [--only TASK]...

``--peers`` does the same with Playwright for Python and with Puppeteer, which are installed first. Each client is a
process of its own with a browser of its own, and does one task after the other on the same pages; the clients take
turns, task by task, so that a machine that slows down slows all. Wall time is what the client measures; processor time
is that of the client and of what it has started, but for the browser's, which is told apart. The least of all rounds
counts for both: whatever else the machine does can only add to them.
"""

from __future__ import annotations

import argparse
import json
import os
import subprocess
import sys
import tempfile
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any, NamedTuple

from tests.lab.benchmarks.figures import tell
from tests.lab.peers import install
from txcdp.chrome import find_executable

HERE = Path(__file__).resolve().parent
ROOT = HERE.parents[2]

#: The tasks by name: what one of the things in them is called, and how many there are.
TASKS = {
    "clicks": ("click", 100),
    "fills": ("fill", 1000),
    "roles": ("text by role", 10_000),
    "names": ("texts of 10,000 by role", 2),
    "count": ("count of 10,000", 5),
    "evaluate_all": ("evaluate_all of 3,333", 5),
    "extract": ("1,000 rows at once", 5),
    "rows": ("1,000 rows, a call for each text", 1),
}

PEERS = ("playwright", "puppeteer")


class Cost(NamedTuple):
    """Seconds for one thing that is done."""

    wall: float
    cpu: float
    browser: float


class Goal(NamedTuple):
    """How much of another figure one of txcdp's is to be at most: of its own where no client is named."""

    task: str
    figure: str
    client: str
    share: float
    other: str = ""  # task


GOALS = [
    *(Goal("clicks", "wall", client, 0.9) for client in ("Playwright for Python", "Puppeteer")),
    Goal("clicks", "cpu", "Playwright for Python", 0.2),
    *(
        Goal(task, "wall", client, 1.0)
        for task in ("fills", "roles", "count")
        for client in ("Playwright for Python", "Puppeteer")
    ),
    Goal("extract", "wall", "txcdp", 0.1, "rows"),
]


class Client:
    """A process that does the tasks.

    :param name: for people.
    :param command: that runs it.
    :param environment: what it needs beside this process's.
    :param without: tasks that it does not do in any sensible time.
    """

    def __init__(
        self, name: str, command: Sequence[str], environment: dict[str, str], without: Sequence[str] = ()
    ) -> None:
        self.name = name
        self.without = without
        self._process = subprocess.Popen(
            command,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
            cwd=ROOT,
            env={**os.environ, **environment},
        )
        self._told()  # it is ready

    def do(self, task: str, url: str, number: int) -> Cost:
        """Have it do a task, and return what each of the things in it has cost."""
        self._say({"task": task, "url": url, "number": number})
        self._told()  # the page is there
        before = spent(self._process.pid)
        self._say({})
        wall = float(self._told()["wall"])
        after = spent(self._process.pid)
        return Cost(wall / number, since(before[0], after[0]) / number, since(before[1], after[1]) / number)

    def end(self) -> None:
        """Have it close its browser and end."""
        assert self._process.stdin is not None
        self._process.stdin.close()
        try:
            self._process.wait(30)
        finally:
            self._process.kill()

    def _say(self, what: dict[str, Any]) -> None:
        assert self._process.stdin is not None
        print(json.dumps(what), file=self._process.stdin, flush=True)

    def _told(self) -> dict[str, Any]:
        assert self._process.stdout is not None
        line = self._process.stdout.readline()
        if not line:
            raise SystemExit(f"{self.name} has ended")
        told: dict[str, Any] = json.loads(line)
        return told


def spent(pid: int) -> tuple[dict[int, float], dict[int, float]]:
    """Return the seconds of processor time of a process and of those below it, by id: browsers' apart from others'."""
    children: dict[int, list[int]] = {}
    took: dict[int, float] = {}
    for each in Path("/proc").glob("[0-9]*/stat"):
        try:
            fields = each.read_text().rpartition(")")[2].split()
        except OSError:  # it has ended meanwhile
            continue
        children.setdefault(int(fields[1]), []).append(int(each.parent.name))
        took[int(each.parent.name)] = (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")
    own: dict[int, float] = {}
    browsers: dict[int, float] = {}
    waiting = [(pid, False)]
    while waiting:
        one, in_browser = waiting.pop()
        try:
            in_browser = in_browser or "chrom" in os.path.basename(os.readlink(f"/proc/{one}/exe"))
            tasks = [each.read_text() for each in Path(f"/proc/{one}/task").glob("*/schedstat")]
        except OSError:
            continue
        if in_browser:
            browsers[one] = took.get(one, 0.0)
        else:
            own[one] = sum(int(each.split()[0]) for each in tasks) / 1e9  # finer, but without threads that ended
        waiting.extend((each, in_browser) for each in children.get(one, ()))
    return own, browsers


def since(before: dict[int, float], after: dict[int, float]) -> float:
    """Return what processes have spent between two looks at them, but for those that have ended."""
    return sum(seconds - before.get(pid, 0.0) for pid, seconds in after.items())


def pages(folder: Path) -> dict[str, str]:
    """Write the pages, and return their URLs by task."""
    buttons = "".join(f"<button id=b{each} onclick='pressed++'>Press {each}</button>" for each in range(100))
    fields = "".join(f"<input id=f{each} size=4>" for each in range(1000))
    items = "".join(f"<li class='{'third' if each % 3 == 0 else ''}'>Item {each}" for each in range(1, 10_001))
    rows = "".join(
        f"<tr><td class=name>Thing {each}</td><td class=price>{each}.50</td><td><a href=/{each}>more</a></td>"
        for each in range(1000)
    )
    documents = {
        "clicks": f"<title>clicks</title><script>var pressed = 0</script>{buttons}",
        "fills": f"<title>fills</title>{fields}",
        "roles": f"<title>roles</title><h1>Some</h1><script>var pressed = 0</script><main>{buttons}</main>",
        "rows": f"<title>rows</title><table>{rows}</table>",
        "lists": f"<title>lists</title><ul>{items}</ul>",
    }
    documents["extract"] = documents["rows"]
    for name, text in documents.items():
        (folder / f"{name}.html").write_text(f"<!doctype html>{text}")
    return {task: (folder / f"{task if task in documents else 'lists'}.html").as_uri() for task in TASKS}


def clients(peers: Sequence[str]) -> Iterator[Client]:
    """Start the clients."""
    path = find_executable()
    yield Client("txcdp", [sys.executable, "-m", "tests.lab.benchmarks.locators_client", path], {})
    if "playwright" in peers:
        script = "tests.lab.benchmarks.peers.locators_playwright"
        yield Client("Playwright for Python", [sys.executable, "-m", script, path], {"PYTHONPATH": install.python()})
    if "puppeteer" in peers:
        node, modules = install.node()
        script = str(HERE / "peers" / "locators_puppeteer.js")
        yield Client("Puppeteer", [node, script, path], {"NODE_PATH": modules}, ["names"])


def measured(running: Sequence[Client], tasks: Sequence[str], rounds: int, scale: float) -> dict[tuple[str, str], Cost]:
    """Return the least costs by client and task."""
    least: dict[tuple[str, str], Cost] = {}
    with tempfile.TemporaryDirectory() as folder:
        urls = pages(Path(folder))
        for _ in range(rounds):
            for task in tasks:
                for client in [each for each in running if task not in each.without]:
                    cost = client.do(task, urls[task], max(1, round(TASKS[task][1] * scale)))
                    print(f"{client.name}, {TASKS[task][0]}: {shown(cost)}", file=sys.stderr, flush=True)
                    had = least.get((client.name, task), cost)
                    least[client.name, task] = Cost(*map(min, cost, had))
    return least


def shown(cost: Cost) -> str:
    """Write a cost in milliseconds."""
    return " / ".join(f"{1000 * each:.2f}" for each in cost)


def table(running: Sequence[Client], tasks: Sequence[str], least: dict[tuple[str, str], Cost]) -> list[list[str]]:
    """Return the table's rows."""
    rows = [["milliseconds", *(client.name for client in running)]]
    for task in tasks:
        costs = [least.get((client.name, task)) for client in running]
        cells = [shown(cost) if cost else "\\-" for cost in costs]
        rows.append([TASKS[task][0], *cells])
    return rows


def missed(least: dict[tuple[str, str], Cost]) -> Iterator[str]:
    """Return what is more than it is to be."""
    for goal in GOALS:
        ours, theirs = least.get(("txcdp", goal.task)), least.get((goal.client, goal.other or goal.task))
        if ours is not None and theirs is not None:
            share = getattr(ours, goal.figure) / (getattr(theirs, goal.figure) or 1e-9)
            if share > goal.share:
                of = f"{goal.client}'s{f' for {goal.other}' * bool(goal.other)}"
                yield f"{goal.task}, {goal.figure}: {share:.2f} of {of}; {goal.share:g} at most is wanted"


def main() -> None:
    """Measure, print, and fail where a goal is missed."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument(
        "--peers", nargs="*", choices=PEERS, help="install and measure other clients, too: all, if none is named"
    )
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--scale", type=float, default=1, help="do so many times as much of each: 0.1 for less")
    parser.add_argument("--only", action="append", choices=TASKS)
    options = parser.parse_args()
    tasks = options.only or list(TASKS)
    peers = PEERS if options.peers == [] else options.peers or ()
    running: list[Client] = []
    try:
        running.extend(clients(peers))
        least = measured(running, tasks, options.rounds, options.scale)
    finally:
        for client in running:
            client.end()
    print(f"\nwall time / processor time / the browser's, for one: the least of {options.rounds} rounds\n")
    tell("locators", table(running, tasks, least))
    if misses := list(missed(least)):
        raise SystemExit("\n".join(misses))


if __name__ == "__main__":
    main()
