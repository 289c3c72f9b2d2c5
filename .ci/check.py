"""Run what has to pass, as many parts of it at a time as the processors bear: ``python .ci/check.py MAKE PART...``.

A part is a target of the Makefile; ``tests`` is many of them, each one a process of pytest with some of the test files,
and what they have covered is put together at the end. All parts wait in one queue, the largest first. Each part has a
limit of its own, at which a test that hangs shows where, and fails if a process or a profile is left behind. What a
part says is in ``build/check``, and is shown when the part has failed.

Where no more than a few tests have failed, they are run once more when all else has ended: a fault of the program fails
again, and what the machine has only disturbed passes. So are whole parts: the examples, and those that have failed for
nothing but what they left behind. All of it is told of at the very end, as unsteady: it is to be mended. With
``UNSTEADY=fail`` in the environment there is no second attempt.

The last lines say of each part that has failed why: where only the end of the output is kept, they are what is wanted.
"""

from __future__ import annotations

import contextlib
import itertools
import json
import os
import re
import resource
import shutil
import signal
import sqlite3
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
GRACE = 60  # seconds in which what came of a part has to end when that has; on such a machine, too
LAST = 60  # lines of what a part says that are shown once more at the end when it has failed
SECOND = 3  # tests that may have failed, and parts that may have left something behind, to be run once more
SHOWN = 10  # of the tests of a part that have failed, in the last lines
LISTED = 20  # of the files in a profile that is left behind
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

    def __init__(
        self, name: str, command: list[str], size: int = ENOUGH, *, covers: bool = False, repeated: bool = False
    ) -> None:
        self.name = name
        self.size = size
        self.facts: dict[str, Any] = {}
        self.command = command
        self.covers = covers
        self._repeated = repeated
        self.log = FOLDER / f"{name}.log"
        self._report = FOLDER / f"{name}.json"
        self._process: subprocess.Popen[bytes] | None = None
        self._temp = ""
        self._profiles: list[str] = []

    def start(self) -> None:
        """Begin."""
        # A folder of its own shows which part has left something there. The path is short: sockets are in it.
        self._temp = tempfile.mkdtemp(prefix="t-")
        environment = {**os.environ, "TMPDIR": self._temp}
        if self.covers:
            environment["COVERAGE_FILE"] = str(COVERAGE / f"all.{self.name}")
        supervise = [sys.executable, str(ROOT / ".ci" / "supervise.py"), "--strict", f"--limit={LIMIT}"]
        supervise.append(f"--grace={GRACE}")
        options = [f"--report={self._report}", *["--dump"] * self.covers]
        with self.log.open("wb") as log:
            self._process = subprocess.Popen(
                [*supervise, *options, *self.command], cwd=ROOT, env=environment, stdout=log, stderr=subprocess.STDOUT
            )

    @property
    def last_line(self) -> str:
        """What it said last."""
        return self.lines[-1].strip("= ")[:100] if self.lines else ""

    @property
    def lines(self) -> list[str]:
        """What it has said."""
        return self._said.splitlines()

    def ended(self) -> bool:
        """Whether it has ended; then how is shown."""
        assert self._process is not None
        if self._process.poll() is None:
            return False
        self.facts = {"status": self._process.returncode, "own": None, "wall": 0.0, "cpu": 0.0, "why": ""}
        if self._report.exists():
            self.facts = json.loads(self._report.read_text(encoding="utf-8"))
        self._profiles = [listing(path) for path in sorted(Path(self._temp).glob("txcdp-*"))]
        shutil.rmtree(self._temp, ignore_errors=True)
        if self._profiles:
            self.facts["status"] = self.facts["status"] or 1
        if self.failed:
            print(self._said, flush=True)
        for each in self._profiles:
            print(f"left behind: {each}", flush=True)
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

    @property
    def _said(self) -> str:
        return self.log.read_text(encoding="utf-8", errors="replace") if self.log.exists() else ""

    def failed_tests(self) -> list[str]:
        """Return the tests that have failed by their names; none where something else has."""
        said = self._said if self.covers and self.failed else ""
        found = re.findall(r"^(?:FAILED|ERROR) (tests/.*)$", said, re.MULTILINE)
        return list(dict.fromkeys(each.split(" - ")[0] for each in found))  # a test fails, and leaves something, too

    @property
    def left_behind(self) -> str:
        """The processes and profiles that it has left behind, in one line."""
        why = self.facts["why"] if self.facts["why"].startswith("left behind: ") else ""
        return "; ".join(filter(None, [why, *(f"left behind: {each}" for each in self._profiles)]))

    @property
    def may_be_repeated(self) -> bool:
        """Whether it may be run once more as a whole: where it is wanted so, or has only left something behind."""
        return self.failed and (self._repeated or (self.facts["own"] == 0 and bool(self.left_behind)))

    @property
    def reason(self) -> str:
        """Why it has failed, in one line."""
        tests = self.failed_tests()
        named = [f"{len(tests)} tests: {' '.join(tests[:SHOWN])}{' ...' * (len(tests) > SHOWN)}"] if tests else []
        found = [*named, self.left_behind or self.facts["why"]]
        last = [line.strip("= ")[:150] for line in self.lines if line.strip() and not line.startswith("make")]
        return "; ".join(filter(None, found)) or f"exit status {self.facts['status']}: {' | '.join(last[-3:])}"

    def once_more(self) -> Part:
        """Return the same, to be run again."""
        return Part(f"again-{self.name}", self.command, self.size, covers=self.covers)

    @property
    def times(self) -> str:
        """How long it took."""
        return f"{self.facts['wall']:.0f} s, {self.facts['cpu']:.0f} s of CPU"


def listing(folder: Path) -> str:
    """Name a folder and what is in it, as far as it is needed to see whose it was."""
    found = [str(path.relative_to(folder)) for path in itertools.islice(folder.rglob("*"), LISTED)]
    return f"{folder} ({', '.join(sorted(found)) or 'empty'})"


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
    # Not by pytest's plugin: that puts together at once what there is, and fails where a child was killed that wrote.
    pytest = ["-m", "coverage", "run", "-m", "pytest", "-p", "no:cacheprovider", "--durations=20"]
    return Part(name, [sys.executable, *pytest, *tests], size, covers=True)


def make_part(make: str, target: str) -> Part:
    """Let a target of the Makefile be made."""
    return Part(target, [make, "--no-print-directory", target], repeated=target == "examples")


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
    """Run once more what has failed, where that is few tests, or whole parts that may be run once more.

    :returns: what to say of those that have passed now; the parts that they are of have not failed.
    """
    failed = [part for part in parts if part.failed]
    whole = {part: part.reason for part in failed if part.may_be_repeated}
    tests = {part.name: part.failed_tests() for part in failed if part not in whole}
    names = [name for each in tests.values() for name in each]
    few = 0 < len(names) + len(whole) <= SECOND
    if os.environ.get("UNSTEADY") == "fail" or not all(tests.values()) or not few:
        return []
    print(f"-- once more: {' '.join([*names, *(part.name for part in whole)])}", flush=True)
    again = run([*[pytest_part("again", names, ENOUGH)] * bool(names), *(part.once_more() for part in whole)])
    if any(part.failed for part in again):
        return [f"once more: {part.name}: {part.reason}" for part in again if part.failed]
    for part in failed:
        part.facts["status"] = 0
    unsteady = [*names, *(f"{part.name} ({reason})" for part, reason in whole.items())]
    return [f"UNSTEADY: {each} failed, and passed when it was run once more" for each in unsteady]


def tell_again(parts: list[Part]) -> None:
    """Show once more what the parts that have failed said last, but for how long their tests took."""
    for part in parts:
        if part.failed:
            lines = [line for line in part.lines if not re.match(r"[\d.]+s (call|setup|teardown)", line)]
            print(f"\n-- {part.name} has failed:", *lines[-LAST:], sep="\n", flush=True)


def tell_times(parts: list[Part], wall: float) -> None:
    """Show how long each part took, and all of them."""
    print(f"\n{'part':24} {'seconds':>8} {'of CPU':>8}")
    for part in sorted(parts, key=lambda part: -part.facts["cpu"]):
        print(f"{part.name:24} {part.facts['wall']:8.0f} {part.facts['cpu']:8.0f}{'  FAILED' * part.failed}")
    # All have been waited for, and what came of them by those who supervise.
    used = [resource.getrusage(who) for who in (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN)]
    print(f"{'all of them':24} {wall:8.0f} {sum(each.ru_utime + each.ru_stime for each in used):8.0f}", flush=True)


def readable(path: Path) -> bool:
    """Whether a file is one of coverage's that was written to its end: a process that is killed leaves others."""
    with contextlib.suppress(sqlite3.Error), contextlib.closing(sqlite3.connect(path)) as database:
        database.execute("select count(*) from tracer")  # the last table that is made
        versions = database.execute("select count(*) from coverage_schema").fetchone()
        return versions == (1,) and database.execute("pragma quick_check").fetchone() == ("ok",)
    return False


def coverage() -> str:
    """Print what all tests have covered together; return what is wrong with that."""
    for path in COVERAGE.glob("all.*"):
        if not path.name.endswith("-journal") and not readable(path):  # reading takes its journal back
            path.unlink()
    for path in COVERAGE.glob("all.*-journal"):
        path.unlink(missing_ok=True)
    command = [sys.executable, "-m", "coverage"]
    environment = {**os.environ, "COVERAGE_FILE": str(COVERAGE / "all")}
    for words in (["combine", "--quiet", str(COVERAGE)], ["report"]):
        if status := subprocess.run([*command, *words], cwd=ROOT, env=environment, check=False).returncode:
            return f"coverage {words[0]}: exit status {status}{', less than is wanted' * (status == 2)}"
    return ""


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
    last: list[str] = []
    try:
        run(parts)
        last = second_attempt(parts)
        if "tests" in names and (wrong := coverage()):
            last.append(f"FAILED: {wrong}")
    finally:
        known = [part for part in parts if part.facts]
        tell_again(known)
        tell_times(known, time.monotonic() - began)
        last += [f"FAILED: {part.name}: {part.reason}" for part in known if part.failed]
        print(*last, sep="\n", flush=True)
    return 1 if any(line.startswith("FAILED: ") for line in last) else 0


if __name__ == "__main__":
    sys.exit(main())
