"""Run what has to pass, as many parts of it at a time as the processors bear: ``python .ci/check.py MAKE PART...``.

A part is a target of the Makefile; ``tests`` is many of them, each one a process of pytest with some of the test files,
and what they have covered is put together at the end. All parts wait in one queue, the largest first. Each part has a
limit of its own, at which a test that hangs shows where, and fails if a process or a profile is left behind. What a
part says is in ``build/check``, and is shown when the part has failed.

Where no more than a few tests have failed, they are run once more when all else has ended: a fault of the program fails
again, and what the machine has only disturbed passes. Such tests are told of at the very end, as unsteady: they, or
what they test, are to be mended. With ``UNSTEADY=fail`` in the environment there is no second attempt.
"""

from __future__ import annotations

import json
import os
import re
import resource
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parent.parent
FOLDER = ROOT / "build" / "check"
COVERAGE = FOLDER / "coverage"
TESTS = ROOT / "tests"
LIMIT = 1200  # seconds for one part, on a machine that is busy with other things, too
LAST = 60  # lines of what a part says that are shown once more at the end when it has failed
SECOND = 3  # tests that may have failed to be run once more
EVERY = 60  # seconds between two lines that tell how far it is
#: What a test costs with a real browser, and what without one, as measured; and how much makes a part of its own.
BROWSER_TEST, PURE_TEST, ENOUGH = 20, 1, 800


def at_once() -> int:
    """Return how many parts run at a time: tests with a browser wait for it half of the time."""
    processors = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
    return min(processors + 1, 9)


def size_of(path: Path) -> int:
    """Estimate how much the tests of a file cost."""
    number = len(re.findall(r"^ *(?:async )?def test_", path.read_text(encoding="utf-8"), re.MULTILINE))
    return number * (BROWSER_TEST if has_browser(path) else PURE_TEST)


def has_browser(path: Path) -> bool:
    """Whether the tests of a file drive a real browser."""
    return "browser" in path.relative_to(TESTS).parts


class Part:
    """Something that has to pass, in a process of its own."""

    def __init__(self, name: str, command: list[str], size: int = ENOUGH, *, covers: bool = False) -> None:
        self.name = name
        self.size = size
        self.facts: dict[str, Any] = {}
        self.command = command
        self.covers = covers
        self.log = FOLDER / f"{name}.log"
        self._report = FOLDER / f"{name}.json"
        self._process: subprocess.Popen[bytes] | None = None
        self._temp = ""

    def start(self) -> None:
        """Begin."""
        # A folder of its own shows which part has left something there. The path is short: sockets are in it.
        self._temp = tempfile.mkdtemp(prefix="t-")
        environment = {**os.environ, "TMPDIR": self._temp}
        if self.covers:
            environment["COVERAGE_FILE"] = str(COVERAGE / f"all.{self.name}")
        supervise = [sys.executable, str(ROOT / ".ci" / "supervise.py"), "--strict", f"--limit={LIMIT}"]
        options = [f"--report={self._report}", *["--dump"] * self.covers]
        with self.log.open("wb") as log:
            self._process = subprocess.Popen(
                [*supervise, *options, *self.command], cwd=ROOT, env=environment, stdout=log, stderr=subprocess.STDOUT
            )

    @property
    def last_line(self) -> str:
        """What it said last."""
        lines = self.log.read_text(encoding="utf-8", errors="replace").splitlines()
        return lines[-1].strip("= ")[:100] if lines else ""

    def ended(self) -> bool:
        """Whether it has ended; then how is shown."""
        assert self._process is not None
        if self._process.poll() is None:
            return False
        self.facts = {"status": self._process.returncode, "wall": 0.0, "cpu": 0.0}
        if self._report.exists():
            self.facts = json.loads(self._report.read_text(encoding="utf-8"))
        profiles = [str(path) for path in Path(self._temp).glob("txcdp-*")]
        shutil.rmtree(self._temp, ignore_errors=True)
        if profiles:
            self.facts["status"] = self.facts["status"] or 1
        if self.failed:
            print(self.log.read_text(encoding="utf-8", errors="replace"), flush=True)
        if profiles:
            print(f"left behind: {', '.join(profiles)}", flush=True)
        print(f"-- {self.name}: {'FAILED, ' * self.failed}{self.times}; {self.last_line}", flush=True)
        return True

    def stop(self) -> None:
        """End it, and all that came of it."""
        assert self._process is not None
        self._process.terminate()
        self._process.wait()
        self.ended()

    @property
    def failed(self) -> bool:
        """Whether it has ended otherwise than it should."""
        return bool(self.facts["status"])

    def failed_tests(self) -> list[str]:
        """Return the tests that have failed by their names; none where something else has."""
        said = self.log.read_text(encoding="utf-8", errors="replace") if self.covers and self.failed else ""
        return [found.split(" - ")[0] for found in re.findall(r"^(?:FAILED|ERROR) (tests/.*)$", said, re.MULTILINE)]

    @property
    def times(self) -> str:
        """How long it took."""
        return f"{self.facts['wall']:.0f} s, {self.facts['cpu']:.0f} s of CPU"


def test_parts() -> list[Part]:
    """Divide the test files: each is in one part."""
    parts: list[Part] = []
    for kind in ("browser", "pure"):
        files = [path for path in sorted(TESTS.rglob("test_*.py")) if has_browser(path) == (kind == "browser")]
        chosen: list[Path] = []
        for path in files:
            chosen.append(path)
            size = sum(map(size_of, chosen))
            if size >= ENOUGH or path == files[-1]:
                name = f"{kind}-{len(parts) + 1}"
                names = [str(each.relative_to(ROOT)) for each in chosen]
                parts.append(pytest_part(name, names, size))
                chosen = []
    return parts


def pytest_part(name: str, tests: list[str], size: int) -> Part:
    """Let tests be run, by their files or names."""
    options = ["--cov", "--cov-report=", "--cov-fail-under=0", "-p", "no:cacheprovider", "--durations=20"]
    return Part(name, [sys.executable, "-m", "pytest", *options, *tests], size, covers=True)


def make_part(make: str, target: str) -> Part:
    """Let a target of the Makefile be made."""
    return Part(target, [make, "--no-print-directory", target])


def run(waiting: list[Part]) -> list[Part]:
    """Run all parts; return those that have ended."""
    waiting = sorted(waiting, key=lambda part: -part.size)
    count = len(waiting)
    running: list[Part] = []
    ended: list[Part] = []
    said_at = time.monotonic()
    try:
        while waiting or running:
            while waiting and len(running) < at_once():
                running.append(waiting.pop(0))
                running[-1].start()
            time.sleep(0.2)
            now_ended = [part for part in running if part.ended()]
            ended += now_ended
            running = [part for part in running if part not in now_ended]
            if running and time.monotonic() - said_at > EVERY:
                said_at = time.monotonic()
                print(f".. {len(ended)} of {count} parts have ended", flush=True)
                for part in running:
                    print(f"     {part.name}: {part.last_line}", flush=True)
    finally:
        for part in running:
            part.stop()
            ended.append(part)
    return ended


def second_attempt(parts: list[Part]) -> list[str]:
    """Run the tests that have failed once more, where they are few and nothing else has.

    :returns: those that have passed now; the parts that they are of have not failed.
    """
    failed = [part for part in parts if part.failed]
    tests = {part.name: part.failed_tests() for part in failed}
    names = [name for each in tests.values() for name in each]
    if os.environ.get("UNSTEADY") == "fail" or not all(tests.values()) or not 0 < len(names) <= SECOND:
        return []
    print(f"-- once more: {' '.join(names)}", flush=True)
    (again,) = run([pytest_part("again", names, ENOUGH)])
    if again.failed:
        return []
    for part in failed:
        part.facts["status"] = 0
    return names


def tell_again(parts: list[Part]) -> None:
    """Say of the parts that have failed why, at the very end: where only that is kept, it is what is wanted."""
    for part in parts:
        if part.failed and part.log.exists():
            lines = part.log.read_text(encoding="utf-8", errors="replace").splitlines()
            print(f"\n-- {part.name} has failed:", *lines[-LAST:], sep="\n", flush=True)


def coverage() -> int:
    """Print what all tests have covered together; return 1 when that is not enough."""
    command = [sys.executable, "-m", "coverage"]
    environment = {**os.environ, "COVERAGE_FILE": str(COVERAGE / "all")}
    subprocess.run([*command, "combine", "--quiet", str(COVERAGE)], cwd=ROOT, env=environment, check=True)
    return subprocess.run([*command, "report"], cwd=ROOT, env=environment, check=False).returncode


def stop(number: int, _: Any) -> None:
    """End in good order."""
    sys.exit(128 + number)


def main() -> int:
    """Run the parts that are named; return 1 when one of them has failed."""
    make, *names = sys.argv[1:]
    signal.signal(signal.SIGTERM, stop)
    signal.signal(signal.SIGINT, stop)
    shutil.rmtree(FOLDER, ignore_errors=True)
    COVERAGE.mkdir(parents=True)
    began = time.monotonic()
    parts = [make_part(make, name) for name in names if name != "tests"]
    if "tests" in names:
        parts += test_parts()
    status = 1
    unsteady: list[str] = []
    try:
        run(parts)
        unsteady = second_attempt(parts)
        status = 1 if any(part.failed for part in parts) else 0
        if "tests" in names:
            status = coverage() or status
    finally:
        print(f"\n{'part':24} {'seconds':>8} {'of CPU':>8}")
        known = [part for part in parts if part.facts]
        for part in sorted(known, key=lambda part: -part.facts["cpu"]):
            failed = "  FAILED" * part.failed
            print(f"{part.name:24} {part.facts['wall']:8.0f} {part.facts['cpu']:8.0f}{failed}")
        # All have been waited for, and what came of them by those who supervise.
        used = [resource.getrusage(who) for who in (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN)]
        cpu = sum(each.ru_utime + each.ru_stime for each in used)
        print(f"{'all of them':24} {time.monotonic() - began:8.0f} {cpu:8.0f}", flush=True)
        tell_again(known)
        for name in unsteady:
            print(f"UNSTEADY: {name} failed, and passed when it was run once more", flush=True)
    return status


if __name__ == "__main__":
    sys.exit(main())
