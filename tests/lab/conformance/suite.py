"""Runs the Autobahn test suite against client.py and server.py, and prints tables for the documentation.

::

    suite.py [quick|full] [--jobs N] [--report FILE]

``quick`` (the default) has every case but those of compression, of which it takes three in each group;
``full`` has all. The client goes through them twice: checking UTF-8 as the RFC wants it, and then with
txcdp's own setting, where the decoder of the messages does that: there the cases in which the text is
no UTF-8 are expected to differ, and no others. So does the server, with which the gateway's clients speak.

The suite is written for Python 2.7, which is looked for in $PY2, with pyenv and on the path. It is installed
once, into a directory of the user's cache. Its servers listen on this machine alone, at free ports.
"""

# ruff: noqa: T201  (a program)
from __future__ import annotations

import argparse
import collections
import json
import os
import queue
import shutil
import socket
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any, NamedTuple

HERE = Path(__file__).resolve().parent
CACHE = Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "txcdp-conformance"
SUITE = "autobahntestsuite==25.10.1"
VIRTUALENV = "virtualenv==20.21.1"  # the last that makes environments for Python 2.7 is 20.21

#: Seconds for a server to listen, and for the client to get through one part of the quick set, of the full one, on a
#: machine that has much else to do.
START = 30
DEADLINE = {False: 1200, True: 3600}

#: What the suite says of a case that is as it should be; INFORMATIONAL where the RFC leaves it open.
GOOD = ("OK", "INFORMATIONAL")

PLAIN = ["1.*", "2.*", "3.*", "4.*", "5.*", "6.*", "7.*", "9.*", "10.*"]
COMPRESSED = {"12": 5, "13": 7}  # groups, each of 18 cases
#: Of each group of compression: messages of 16 bytes, of 256, and large ones in fragments.
SAMPLE = (1, 3, 11)

GROUPS = {
    1: "framing",
    2: "pings and pongs",
    3: "reserved bits",
    4: "opcodes",
    5: "fragmentation",
    6: "UTF-8",
    7: "closing",
    9: "limits, performance",
    10: "automatic fragmentation",
    12: "compression: payloads",
    13: "compression: parameters",
}

#: The groups of 6 in which the server sends what is no UTF-8, and waits for the client to say so.
NOT_UTF8 = tuple(f"6.{group}." for group in (3, 4, 6, 8, 10, 11, 12, 13, 14, 15, 16, 17, 18, 19, 20, 21))

#: The suite's own entry point, which would listen on every interface.
SERVER = """
import sys
from autobahntestsuite import choosereactor
from twisted.internet import reactor
listen = reactor.listenTCP
reactor.listenTCP = lambda port, factory, backlog=50, interface='': listen(port, factory, backlog, '127.0.0.1')
from autobahntestsuite.wstest import run
sys.argv = ['wstest', '-m', 'fuzzingserver', '-s', sys.argv[1], '--webport', '0']
run()
"""


#: The suite as a client.
CLIENT = """
import sys
from autobahntestsuite import choosereactor
from autobahntestsuite.wstest import run
sys.argv = ['wstest', '-m', 'fuzzingclient', '-s', sys.argv[1]]
run()
"""


class Result(NamedTuple):
    """What the suite says of one case: of its messages, of its closing, and how long it took."""

    behavior: str
    closing: str
    seconds: float


class Variant(NamedTuple):
    """One way through all cases."""

    name: str
    title: str
    options: list[str]
    serves: bool = False

    def expected(self, case: str) -> bool:
        """Return whether a case may differ."""
        return "--unchecked" in self.options and case.startswith(NOT_UTF8)


VARIANTS = (
    Variant("checked", "UTF-8 checked as it comes in", []),
    Variant("unchecked", "UTF-8 left to the decoder of the messages, as txcdp does", ["--unchecked"]),
    Variant("served", "The gateway's end, UTF-8 checked as it comes in", [], True),
    Variant("served-unchecked", "The gateway's end, UTF-8 left to the browser", ["--unchecked"], True),
)


class Broken(Exception):
    """The suite could not be installed or run."""


def number(case: str) -> list[int]:
    """Return what cases are sorted by."""
    return [int(part) for part in case.split(".")]


# Installing:


def python2() -> str:
    """Find a Python 2.7 that runs."""
    candidates = [os.environ.get("PY2", "")]
    roots = [os.environ.get("PYENV_ROOT", ""), str(Path.home() / ".pyenv")]
    if shutil.which("pyenv"):
        roots.insert(0, subprocess.run(["pyenv", "root"], capture_output=True, text=True, check=False).stdout.strip())
    for root in filter(None, roots):
        candidates += [str(path) for path in sorted(Path(root).glob("versions/2.7*/bin/python2.7"))]
    candidates.append(shutil.which("python2.7") or "")
    for candidate in filter(None, candidates):
        with suppress(OSError, subprocess.SubprocessError):
            subprocess.run([candidate, "-c", "import zlib, ssl"], capture_output=True, check=True, timeout=60)
            return candidate
    raise Broken(
        "the suite needs a Python 2.7: install one, with pyenv for example (pyenv install 2.7.18), "
        "or say where it is: PY2=/path/to/python2.7"
    )


def install() -> Path:
    """Install the suite unless it is there; return its Python."""
    python = CACHE / "suite" / "bin" / "python"
    stamp = CACHE / "installed"
    if stamp.exists() and stamp.read_text() == SUITE and python.exists():
        return python
    old = python2()
    print(f"installing {SUITE} into {CACHE}", flush=True)
    CACHE.mkdir(parents=True, exist_ok=True)
    tool = CACHE / "tool"
    for step in (
        [sys.executable, "-m", "venv", "--clear", str(tool)],
        [str(tool / "bin" / "python"), "-m", "pip", "--quiet", "--disable-pip-version-check", "install", VIRTUALENV],
        [str(tool / "bin" / "virtualenv"), "-q", "--clear", "--no-periodic-update", "-p", old, str(CACHE / "suite")],
        [str(python), "-m", "pip", "--quiet", "install", "--no-python-version-warning", SUITE],
    ):
        done = subprocess.run(step, capture_output=True, text=True, check=False)
        if done.returncode:
            raise Broken(f"{' '.join(step)}\n{done.stdout}{done.stderr}")
    shutil.rmtree(tool)
    stamp.write_text(SUITE)
    return python


# Running:


def shards(full: bool) -> list[list[str]]:
    """Cut the cases into parts that run side by side."""
    groups = [f"{group}.{index}" for group, count in COMPRESSED.items() for index in range(1, count + 1)]
    if full:
        return [PLAIN, *[[f"{group}.*"] for group in groups]]
    # Each is over in a moment: to start a server for it would take longer.
    return [PLAIN, [f"{group}.{case}" for group in groups for case in SAMPLE]]


def free_port() -> int:
    """Return a port of this machine that is free now."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


@contextmanager
def server(python: Path, directory: Path, cases: list[str]) -> Iterator[str]:
    """Run a server of the suite; gives its URL."""
    port = free_port()
    url = f"ws://127.0.0.1:{port}"
    spec = {"url": url, "outdir": str(directory / "report"), "cases": cases, "exclude-cases": []}
    (directory / "spec.json").write_text(json.dumps({**spec, "exclude-agent-cases": {}}))
    log = directory / "server.log"
    with log.open("wb") as output:
        process = subprocess.Popen(
            [str(python), "-c", SERVER, str(directory / "spec.json")],
            cwd=directory,
            stdin=subprocess.DEVNULL,
            stdout=output,
            stderr=subprocess.STDOUT,
        )
    try:
        for _ in range(START * 10):
            with suppress(OSError), socket.create_connection(("127.0.0.1", port), 1):
                break
            if process.poll() is not None:
                break
            time.sleep(0.1)
        else:
            process.kill()
        if process.poll() is not None:
            raise Broken(f"the suite's server did not come up:\n{log.read_text(errors='replace')[-2000:]}")
        yield url
    finally:
        process.terminate()
        process.wait()


def run_shard(
    python: Path, directory: Path, cases: list[str], options: list[str], deadline: float
) -> tuple[dict[str, Result], int]:
    """Let the client go through some cases; return what came of each, and how many texts took the short path."""
    directory.mkdir(parents=True)
    with server(python, directory, cases) as url:
        client = [sys.executable, str(HERE / "client.py"), url, "--agent", "txcdp", *options]
        try:
            done = subprocess.run(client, capture_output=True, text=True, check=False, timeout=deadline)
        except subprocess.TimeoutExpired:
            log = (directory / "server.log").read_text(errors="replace").splitlines()
            raise Broken(f"after {deadline:g} s the client was still at: {log[-1]}") from None
    if done.returncode:
        raise Broken(f"the client ended with {done.returncode}:\n{done.stdout}{done.stderr}"[-4000:])
    count, short, _ = map(int, done.stdout.split()[-3:])
    index = json.loads((directory / "report" / "index.json").read_text())
    found = read(index)
    if not count or len(found) != count:
        raise Broken(f"{len(found)} results for {count} cases of {', '.join(cases)}")
    return found, short


def run_served_shard(
    python: Path, directory: Path, cases: list[str], options: list[str], deadline: float
) -> tuple[dict[str, Result], int]:
    """Let the suite go through some cases as a client of ours; what is returned is as for :func:`run_shard`."""
    directory.mkdir(parents=True)
    ours = [sys.executable, str(HERE / "server.py"), *options]
    log = directory / "client.log"
    with subprocess.Popen(ours, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdin is not None
        assert process.stdout is not None
        servers = [{"agent": "txcdp", "url": f"ws://127.0.0.1:{process.stdout.readline().strip()}"}]
        spec = {"outdir": str(directory / "report"), "servers": servers, "cases": cases, "exclude-cases": []}
        (directory / "spec.json").write_text(json.dumps({**spec, "exclude-agent-cases": {}}))
        command = [str(python), "-c", CLIENT, str(directory / "spec.json")]
        try:
            with log.open("wb") as output:
                subprocess.run(
                    command, cwd=directory, stdout=output, stderr=subprocess.STDOUT, check=True, timeout=deadline
                )
        except subprocess.SubprocessError as error:
            raise Broken(f"{type(error).__name__}: {log.read_text(errors='replace')[-2000:]}") from None
        finally:
            process.stdin.close()
        short = int(process.stdout.read().split()[0])
    index = json.loads((directory / "report" / "index.json").read_text())
    return read(index), short


def read(index: dict[str, Any]) -> dict[str, Result]:
    """Read the suite's own report."""
    return {
        case: Result(said["behavior"], said["behaviorClose"], said["duration"] / 1000)
        for case, said in index.get("txcdp", {}).items()
    }


def run_all(python: Path, variant: Variant, full: bool, jobs: int, directory: Path) -> tuple[dict[str, Result], int]:
    """Run all shards, ``jobs`` at a time."""
    waiting: queue.SimpleQueue[tuple[int, list[str]]] = queue.SimpleQueue()
    for index, cases in enumerate(shards(full)):
        waiting.put((index, cases))
    results: dict[str, Result] = {}
    short = 0
    errors: list[Exception] = []

    def work() -> None:
        nonlocal short
        while not errors:
            try:
                index, cases = waiting.get_nowait()
            except queue.Empty:
                return
            try:
                run = run_served_shard if variant.serves else run_shard
                found, taken = run(
                    python, directory / variant.name / str(index), cases, variant.options, DEADLINE[full]
                )
            except Exception as error:
                errors.append(error)
                return
            with lock:
                results.update(found)
                short += taken

    lock = threading.Lock()
    workers = [threading.Thread(target=work) for _ in range(jobs)]
    for worker in workers:
        worker.start()
    for worker in workers:
        worker.join()
    if errors:
        raise errors[0]
    return results, short


# Telling:


def failed(variant: Variant, case: str, result: Result) -> bool:
    """Return whether a case is not as it has to be."""
    good = result.behavior in GOOD and result.closing in GOOD
    return not good and not variant.expected(case)


def table(variant: Variant, results: dict[str, Result]) -> Iterator[str]:
    """Write the results as a table in reStructuredText."""
    rows = []
    for group, title in GROUPS.items():
        cases = {case: result for case, result in results.items() if number(case)[0] == group}
        if cases:
            rows.append((f"{group}.*", title, *counts(variant, cases)))
    rows.append(("all", "", *counts(variant, results)))
    names = ("cases", "what", "run", "OK", "informational", "differs, as expected", "failed")
    cells = [names, *[tuple(map(str, row)) for row in rows]]
    widths = [max(len(row[column]) for row in cells) for column in range(len(names))]
    rule = "  ".join("=" * width for width in widths)
    for index, row in enumerate(cells):
        if index < 2:
            yield rule
        yield "  ".join(
            text.ljust(width) if column < 2 else text.rjust(width)
            for column, (text, width) in enumerate(zip(row, widths, strict=True))
        ).rstrip()
    yield rule


def counts(variant: Variant, results: dict[str, Result]) -> tuple[int, ...]:
    """Count the cases: run, OK, informational, expected to differ, failed."""
    kinds: collections.Counter[str] = collections.Counter()
    for case, result in results.items():
        if failed(variant, case, result):
            kinds["failed"] += 1
        elif result.behavior in GOOD and result.closing in GOOD:
            kinds[result.behavior] += 1
        else:
            kinds["expected"] += 1
    return (len(results), kinds["OK"], kinds["INFORMATIONAL"], kinds["expected"], kinds["failed"])


def details(variant: Variant, results: dict[str, Result]) -> Iterator[str]:
    """Name the cases that are not simply OK."""
    informational = [case for case, result in results.items() if result.behavior == "INFORMATIONAL"]
    yield f"Informational: {', '.join(sorted(informational, key=number)) or 'none'}."
    bad = sorted((case for case, result in results.items() if failed(variant, case, result)), key=number)
    for case in bad:
        yield f"FAILED {case}: {results[case].behavior}, closing {results[case].closing}"


def arguments() -> argparse.Namespace:
    """Parse the command line."""
    parser = argparse.ArgumentParser(description="Run the Autobahn test suite against txcdp's WebSocket protocol.")
    parser.add_argument("set", nargs="?", choices=("quick", "full"), default="quick")
    parser.add_argument("--jobs", type=int, default=os.cpu_count() or 1, help="how many parts run at once")
    parser.add_argument("--only", choices=[variant.name for variant in VARIANTS], help="one way through alone")
    parser.add_argument("--report", type=Path, help="keep the suite's own report, in HTML, in this directory")
    return parser.parse_args()


def main() -> int:
    """Run what is asked for; 1 when a case is not as it has to be."""
    options = arguments()
    clean = True
    try:
        python = install()
        with tempfile.TemporaryDirectory(prefix="txcdp-conformance-") as temporary:
            directory = options.report or Path(temporary)
            for variant in VARIANTS:
                if options.only in (None, variant.name):
                    clean &= tell(python, variant, options, directory)
    except Broken as broken:
        print(f"conformance: {broken}", file=sys.stderr)
        return 1
    return 0 if clean else 1


def tell(python: Path, variant: Variant, options: argparse.Namespace, directory: Path) -> bool:
    """Run one way through and print its table; return whether nothing failed."""
    began = time.monotonic()
    results, short = run_all(python, variant, options.set == "full", options.jobs, directory)
    print(f"\n{variant.title} ({options.set}, {time.monotonic() - began:.0f} s, {short:,} texts by the short path)\n")
    print("\n".join(table(variant, results)), end="\n\n")
    print("\n".join(details(variant, results)), flush=True)
    return bool(short) and not any(failed(variant, case, result) for case, result in results.items())


if __name__ == "__main__":
    sys.exit(main())
