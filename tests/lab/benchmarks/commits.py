"""Measures two commits of txcdp in one run, in turns: which rows of ``compare`` have become dearer, and by how much.

::

    python -m tests.lab.benchmarks.commits BEFORE [AFTER] [--rounds N] [--seconds S] [--only MODE] [--most SHARE]

A commit is named as git names it, ``main`` or ``HEAD~20``; without ``AFTER`` the checkout is measured as it is. Each
runs with the client of its own tree, by this Python with what is installed for it, on one processor with the server,
where there is ``taskset``. What counts is processor time: each round measures both, in turns, and gives one ratio for
each row. The exit status is 1 where the median of a row's ratios is above ``--most`` (1.03) and even the quartile below
it is above 1: else it may be noise.
"""

from __future__ import annotations

import argparse
import io
import os
import statistics
import subprocess
import sys
import tarfile
import tempfile
from collections.abc import Sequence
from pathlib import Path

from tests.lab.benchmarks.compare import MODES, ROOT, Client, measure, server
from tests.lab.benchmarks.tables import written

#: Where a tree has its client, or had it once.
CLIENTS = ("tests/lab/benchmarks/client.py", "tests/benchmarks/client.py")


def unpack(commit: str, folder: Path) -> Path:
    """Write the files of a commit into a folder, and return that."""
    archive = subprocess.run(["git", "-C", str(ROOT), "archive", commit], capture_output=True, check=False)
    if archive.returncode:
        raise SystemExit(archive.stderr.decode().strip())
    with tarfile.open(fileobj=io.BytesIO(archive.stdout)) as tar:
        tar.extractall(folder, filter="data")
    return folder


def client_of(name: str, tree: Path) -> Client:
    """Return the client of a tree, which has to run that tree's library and no other."""
    script = next((tree / each for each in CLIENTS if (tree / each).exists()), None)
    if script is None:
        raise SystemExit(f"{name}: there is no client to be measured, {' nor '.join(CLIENTS)}")
    environment = {**os.environ, "PYTHONPATH": str(tree)}
    command = [sys.executable, "-c", "import txcdp; print(txcdp.__file__)"]
    done = subprocess.run(command, capture_output=True, text=True, check=True, env=environment, cwd=tree)
    if not Path(done.stdout.strip()).is_relative_to(tree):
        raise SystemExit(f"{name}: txcdp is imported from {done.stdout.strip()}, and not from {tree}")
    return Client(name, [sys.executable, str(script)], root=tree)


def ratios(both: Sequence[Client], key: str, rounds: int, seconds: float, url: str) -> list[tuple[float, float]]:
    """Return the microseconds of processor time for each of one mode's items, before and after, by rounds."""
    mode = MODES[key]
    first = measure(both[0], mode, mode.first, url)
    count = mode.first if first is None else min(mode.most, max(mode.first, int(first["rate"] * seconds)))
    found = []
    for number in range(rounds):
        turn = both if number % 2 else both[::-1]
        took = {each.name: measure(each, mode, count, url) for each in turn}
        before, after = (took[each.name] for each in both)
        if before is not None and after is not None:
            found.append((before["cpu_us"], after["cpu_us"]))
    return found


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description="Measure two commits of txcdp in turns, by processor time.")
    parser.add_argument("before", help="a commit")
    parser.add_argument("after", nargs="?", help="another one; the checkout as it is where none is given")
    parser.add_argument("--rounds", type=int, default=10)
    parser.add_argument("--seconds", type=float, default=0.5, help="that each run takes, about")
    parser.add_argument("--only", action="append", choices=MODES, help="this mode, and others that are given so")
    parser.add_argument("--most", type=float, default=1.03, help="the ratio that is too much")
    options = parser.parse_args()
    rows, dearer = [["", "before", "after", "ratio", "quartiles"]], []
    with tempfile.TemporaryDirectory() as folder, server() as url:
        before = client_of(options.before, unpack(options.before, Path(folder, "before")))
        tree = ROOT if options.after is None else unpack(options.after, Path(folder, "after"))
        both = (before._replace(name="before"), client_of(options.after or "the checkout", tree)._replace(name="after"))
        for key in options.only or MODES:
            pairs = ratios(both, key, max(2, options.rounds), options.seconds, url)
            if len(pairs) < 2:
                dearer.append(f"{MODES[key].title} (it has not been measured)")
                continue
            low, middle, high = statistics.quantiles([after / before for before, after in pairs], n=4)
            medians = [f"{statistics.median(each):.2f} us" for each in zip(*pairs, strict=True)]
            rows.append([MODES[key].title, *medians, f"{middle:.3f}", f"{low:.3f} to {high:.3f}"])
            print(f"{MODES[key].title}: {middle:.3f}", file=sys.stderr, flush=True)
            if middle > options.most and low > 1:
                dearer.append(MODES[key].title)
    print(*written(rows), sep="\n")
    if dearer:
        raise SystemExit(f"Dearer by more than {options.most - 1:.0%}: {', '.join(dearer)}")


if __name__ == "__main__":
    main()
