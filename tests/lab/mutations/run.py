"""Puts faults into copies of the library, and sees that tests fail: ``python -m tests.lab.mutations.run [WORDS ...]``.

Only the faults whose names contain one of the words, where any are given. First the same tests have to pass without
a fault. A fault whose words are no longer found, or no longer once, fails the run as well: the table has to be kept.
"""

from __future__ import annotations

import argparse
import os
import re
import shutil
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from functools import partial
from pathlib import Path

from tests.lab.mutations.faults import FAULTS, Fault

ROOT = Path(__file__).parents[3]
#: What tests need, besides what they make.
NEEDED = ("txcdp", "tests", "examples", "pyproject.toml", "setup.py")
SLOWEST = 150  # seconds, for one test
SLOWEST_TOGETHER = 900
NO_FAULT = "no fault"
PYTEST = ["-m", "pytest", "-q", "-x", "-p", "no:cacheprovider", "--tb=line", "--show-capture=no"]
#: The state machine finds these within some hundred runs, and what it shows then need not be made simpler.
MACHINE = {"TXCDP_MACHINE_RUNS": "600", "TXCDP_MACHINE_SHRINK": "0"}


class Copies:
    """Copies of the checkout, as many as are used at once."""

    def __init__(self, folder: str) -> None:
        self._folder = folder
        self._free: list[Path] = []
        self._count = 0
        self._lock = threading.Lock()

    @contextmanager
    def one(self) -> Iterator[Path]:
        """Lend a copy, which has to come back as it was."""
        with self._lock:
            self._count += not self._free
            copy = self._free.pop() if self._free else Path(self._folder, f"copy-{self._count}")
        if not copy.exists():
            for name in NEEDED:
                source = ROOT / name
                if source.is_dir():
                    shutil.copytree(source, copy / name, ignore=shutil.ignore_patterns("__pycache__"))
                else:
                    shutil.copy2(source, copy / name)
        yield copy
        with self._lock:
            self._free.append(copy)


def run_tests(copy: Path, tests: list[str], patience: float = SLOWEST) -> tuple[int | None, str]:
    """Run tests in a copy; return pytest's exit status, None where it took too long, and what it said."""
    command = [sys.executable, *PYTEST, *tests]
    environment = {**os.environ, "PYTHONDONTWRITEBYTECODE": "1", **MACHINE}
    environment.pop("COVERAGE_PROCESS_START", None)
    try:
        done = subprocess.run(
            command, cwd=copy, env=environment, capture_output=True, text=True, check=False, timeout=patience
        )
    except subprocess.TimeoutExpired as error:
        return None, str(error.stdout)
    # What has failed is told at the end of the former; the latter has the stack of a test that takes minutes.
    return done.returncode, done.stdout or done.stderr


def check(fault: Fault, copies: Copies) -> list[str]:
    """Put one fault in; return what is wrong with our tests, or with the fault."""
    with copies.one() as copy:
        path = copy / "txcdp" / fault.file
        text = path.read_text(encoding="utf-8")
        if text.count(fault.old) != 1:
            return [f"its words are found {text.count(fault.old)} times in txcdp/{fault.file}, and should be once"]
        path.write_text(text.replace(fault.old, fault.new), encoding="utf-8")
        wrong = []
        try:
            for test in fault.tests:
                status, said = run_tests(copy, [test])
                if status == 0:
                    wrong.append(f"{test} passes all the same")
                elif status != 1:
                    wrong.append(f"{test} cannot be run (pytest says {status}):\n{said[-3000:]}")
        finally:
            path.write_text(text, encoding="utf-8")
    return wrong


def without_fault(faults: list[Fault], copies: Copies) -> list[str]:
    """See that the tests pass as things are."""
    with copies.one() as copy:
        status, said = run_tests(copy, sorted({test for fault in faults for test in fault.tests}), SLOWEST_TOGETHER)
    return [] if status == 0 else [f"the tests fail without any fault (pytest says {status}):\n{said[-5000:]}"]


def main(words: list[str]) -> int:
    """Check all faults, or those that are named."""
    faults = [each for each in FAULTS if not words or any(re.search(word, each.name) for word in words)]
    began = time.monotonic()
    failed = 0
    with tempfile.TemporaryDirectory(prefix="mutants-") as folder:
        copies = Copies(folder)
        jobs: list[tuple[str, Callable[[], list[str]]]] = [(NO_FAULT, partial(without_fault, faults, copies))]
        jobs += [(each.name, partial(check, each, copies)) for each in faults]
        with ThreadPoolExecutor(os.cpu_count()) as pool:
            running = [(name, pool.submit(job)) for name, job in jobs]
            for name, job in running:
                wrong = job.result()
                failed += bool(wrong)
                print(f"{'FAILED' if wrong else 'passed' if name == NO_FAULT else 'caught'}: {name}", flush=True)
                for each in wrong:
                    print(f"    {each}", flush=True)
    print(f"{len(faults)} faults in {time.monotonic() - began:.0f} s; {failed or 'nothing'} to be seen to")
    return int(failed > 0)


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description="Put faults into copies of the library, and see that tests fail.")
    parser.add_argument("words", nargs="*", metavar="WORD", help="only faults whose names have one of these in them")
    sys.exit(main(parser.parse_args().words))
