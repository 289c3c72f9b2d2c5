"""What runs the tests: whatever comes of a command ends with it, and each test file is in one part."""

from __future__ import annotations

import contextlib
import importlib.util
import json
import os
import re
import signal
import sqlite3
import subprocess
import sys
import time
from pathlib import Path
from types import ModuleType
from typing import Any

import coverage
import pytest

ROOT = Path(__file__).parents[2]
SUPERVISE = ROOT / ".ci" / "supervise.py"

pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="only Linux tells of all that came of a process")

#: Starts a process in a session of its own that ignores SIGTERM, names it, and goes on as it is told.
PROGRAM = """
import faulthandler, os, subprocess, sys, time
faulthandler.enable()
code = "import signal, time; signal.signal(signal.SIGTERM, signal.SIG_IGN); print(flush=True); time.sleep(1000)"
child = subprocess.Popen([sys.executable, "-c", code], start_new_session=True, stdout=subprocess.PIPE)
child.stdout.readline()
with open(sys.argv[1] + ".new", "w") as file:
    file.write(str(child.pid))
os.rename(sys.argv[1] + ".new", sys.argv[1])
def stand_still():
    time.sleep(1000)
exec(sys.argv[2])
child.returncode = 0
"""


class Run:
    """A command that is supervised, and the process that it leaves in another session."""

    def __init__(self, folder: Path, then: str, *options: str) -> None:
        self._folder = folder
        self._child = folder / "child"
        command = [sys.executable, "-c", PROGRAM, str(self._child), then]
        report = f"--report={folder / 'report'}"
        self.process = subprocess.Popen(
            [sys.executable, str(SUPERVISE), "--grace=0.3", report, *options, *command],
            stderr=subprocess.PIPE,
            text=True,
        )

    def child(self) -> int:
        """Wait for the process that is left behind."""
        while not self._child.exists():
            assert self.process.poll() is None, "it has ended too early"
            time.sleep(0.02)
        return int(self._child.read_text())

    def end(self) -> tuple[int, str]:
        """Wait for the end; return the exit status and what was said."""
        _, said = self.process.communicate()
        return self.process.returncode, said

    def report(self) -> Any:
        return json.loads((self._folder / "report").read_text())


def alive(pid: int) -> bool:
    with contextlib.suppress(OSError):
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] not in "ZX"
    return False


@pytest.mark.parametrize(("options", "expected"), [((), 0), (("--strict",), 1)])
def test_what_is_left_behind_is_ended_and_told(tmp_path: Path, options: tuple[str, ...], expected: int) -> None:
    run = Run(tmp_path, "", *options)
    status, said = run.end()
    assert status == run.report()["status"] == expected
    assert f"left behind: {run.child()}" in said
    assert not alive(run.child())


def test_at_the_limit_it_shows_where_it_stands(tmp_path: Path) -> None:
    for limit in (1, 4, 16, 64):  # on a busy machine it takes a while until it stands there
        folder = tmp_path / f"{limit}"
        folder.mkdir()
        run = Run(folder, "stand_still()", f"--limit={limit}", "--dump")
        status, said = run.end()
        assert status == 124
        assert f"limit of {limit} s" in said
        if "in stand_still" in said:
            break
    assert "in stand_still" in said
    assert not alive(run.child())


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT, signal.SIGHUP])
def test_told_to_end(tmp_path: Path, number: signal.Signals) -> None:
    run = Run(tmp_path, "stand_still()")
    child = run.child()
    run.process.send_signal(number)
    status, said = run.end()
    assert status == 128 + number
    assert number.name in said
    assert not alive(child)


def test_killed(tmp_path: Path) -> None:
    run = Run(tmp_path, "stand_still()")
    child = run.child()
    run.process.kill()
    run.process.communicate()
    while alive(child):
        time.sleep(0.02)


def test_the_exit_status_and_the_times(tmp_path: Path) -> None:
    run = Run(tmp_path, "os.kill(child.pid, 9); child.wait(); [None for _ in range(10**6)]; sys.exit(3)", "--times")
    status, said = run.end()
    assert status == 3
    assert run.report()["cpu"] > 0
    assert "of CPU" in said


@pytest.fixture
def check(monkeypatch: pytest.MonkeyPatch) -> ModuleType:
    spec = importlib.util.spec_from_file_location("ci_check", ROOT / ".ci" / "check.py")
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    monkeypatch.setitem(sys.modules, "ci_check", module)
    spec.loader.exec_module(module)
    return module


def test_each_test_file_is_in_one_part(check: ModuleType) -> None:
    parts = check.test_parts()
    names = [name for part in parts for name in part.command if name.startswith("tests")]
    assert sorted(names) == sorted(str(path.relative_to(ROOT)) for path in (ROOT / "tests").rglob("test_*.py"))
    assert len({part.name for part in parts}) == len(parts)


def test_no_two_test_files_have_one_name() -> None:
    names = [path.name for path in (ROOT / "tests").rglob("test_*.py")]
    assert sorted(names) == sorted(set(names)), "pytest imports them by their names: those of one part have to differ"


def test_there_are_few_more_parts_at_once_than_processors(check: ModuleType, monkeypatch: pytest.MonkeyPatch) -> None:
    for processors, expected in ((1, 2), (2, 3), (64, 9)):
        monkeypatch.setattr(os, "sched_getaffinity", lambda _, count=processors: set(range(count)))
        assert check.at_once() == expected


def parts_of(check: ModuleType, folder: Path, tests: dict[str, str]) -> list[Any]:
    """Make a part of each test's body."""
    parts = []
    for name, body in tests.items():
        path = folder / "tests" / f"test_{name}.py"
        path.parent.mkdir(exist_ok=True)
        path.write_text(f"import os, pathlib, subprocess, sys, tempfile\ndef test_{name}():\n    {body}\n")
        parts.append(check.pytest_part(name, [f"tests/{path.name}"], 1))
    return parts


ONCE = "path = pathlib.Path('was-here'); there = path.exists(); path.touch(); assert there"
#: Of two, one is left behind each time, the other one only once.
PROFILE = "path = pathlib.Path(tempfile.gettempdir(), 'txcdp-x', 'profile'); path.mkdir(parents=True)"
PROFILE_ONCE = f"there = os.path.exists('had-one'); pathlib.Path('had-one').touch()\n    if not there: {PROFILE}"
SLEEP = "subprocess.Popen([sys.executable, '-c', 'import time; time.sleep(1000)'], start_new_session=True)"
PROCESS_ONCE = f"there = os.path.exists('had-one'); pathlib.Path('had-one').touch()\n    if not there: {SLEEP}"


@pytest.fixture
def elsewhere(check: ModuleType, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> ModuleType:
    """Return the module as one that runs its tests in a folder of their own."""
    (tmp_path / ".ci").symlink_to(ROOT / ".ci")
    monkeypatch.setattr(check, "ROOT", tmp_path)
    monkeypatch.setattr(check, "FOLDER", tmp_path)
    monkeypatch.setattr(check, "COVERAGE", tmp_path)
    monkeypatch.setattr(check, "GRACE", 0.3)
    monkeypatch.delenv("UNSTEADY", raising=False)
    monkeypatch.setenv("PYTEST_DISABLE_PLUGIN_AUTOLOAD", "1")  # they take a second
    return check


@pytest.mark.parametrize(
    ("tests", "unsteady", "failed"),
    [
        ({"good": "pass"}, [], []),
        ({"good": "pass", "once": ONCE}, ["once"], []),
        ({"once": ONCE, "bad": "assert 0"}, [], ["once", "bad"]),
        ({f"bad{number}": "assert 0" for number in range(4)}, [], ["bad0", "bad1", "bad2", "bad3"]),
        ({"once": ONCE, "ended": "os._exit(1)"}, [], ["once", "ended"]),
        ({"left": PROCESS_ONCE}, ["left"], []),
        ({"left": PROFILE}, [], ["left"]),
        ({"left": f"{PROFILE}; assert 0"}, [], ["left"]),
    ],
)
def test_a_second_attempt(
    elsewhere: ModuleType, tests: dict[str, str], unsteady: list[str], failed: list[str], tmp_path: Path
) -> None:
    parts = parts_of(elsewhere, tmp_path, tests)
    elsewhere.run(parts)
    told = [line for line in elsewhere.second_attempt(parts) if line.startswith("UNSTEADY: ")]
    assert len(told) == len(unsteady)
    assert all(name in line for name, line in zip(unsteady, told, strict=True))
    assert [part.name for part in parts if part.failed] == failed


def test_examples_have_a_second_attempt(elsewhere: ModuleType, tmp_path: Path) -> None:
    (tmp_path / "Makefile").write_text("examples lint:\n\t@test -e was-here-$@ || { touch was-here-$@; false; }\n")
    for target, steady in (("lint", True), ("examples", False)):
        part = elsewhere.make_part("make", target)
        elsewhere.run([part])
        assert part.failed
        assert bool(elsewhere.second_attempt([part])) is not steady
        assert part.failed is steady


@pytest.mark.parametrize(
    ("body", "reason"),
    [
        ("print('FAILED tests/test_it.py::test_it - why'); assert 0", r"1 tests: tests/test_it\.py::test_it"),
        (PROFILE, r"left behind: \S*/txcdp-x \(profile\)"),
        (SLEEP, r"left behind: \d+: \S*python\S* -c import time; time\.sleep\(1000\)"),
        (f"print('ERROR tests/test_it.py'); {SLEEP}; os._exit(1)", r"1 tests: tests/test_it\.py; left behind: \d+: .*"),
        ("os.write(1, b'one\\ntwo\\nthree\\nfour\\n'); os._exit(5)", r"exit status 5: two \| three \| four"),
        ("os.abort()", r"exit status 134: .*"),
        ("import time; time.sleep(1000)", r"ended after its limit of 3 s"),
    ],
)
def test_the_last_lines_say_why(
    elsewhere: ModuleType, monkeypatch: pytest.MonkeyPatch, tmp_path: Path, body: str, reason: str
) -> None:
    if "limit" in reason:
        monkeypatch.setattr(elsewhere, "LIMIT", 3)
    command = [sys.executable, "-uc", f"import os, pathlib, subprocess, sys, tempfile; {body}"]
    part = elsewhere.Part("it", command, covers=True)
    elsewhere.run([part])
    assert part.failed
    assert re.fullmatch(reason, part.reason), part.reason


def main_of(check: ModuleType, monkeypatch: pytest.MonkeyPatch, tests: dict[str, str], folder: Path) -> int:
    """Run all of it for some tests."""
    monkeypatch.setattr(check, "FOLDER", folder / "build")
    monkeypatch.setattr(check, "COVERAGE", folder / "build" / "coverage")
    monkeypatch.setattr(check, "test_parts", lambda: parts_of(check, folder, tests))
    monkeypatch.setattr(check.signal, "signal", lambda *_: None)
    monkeypatch.setattr(sys, "argv", ["check.py", "make", "tests"])
    (folder / "pyproject.toml").write_text("[tool.coverage.run]\nsource = ['.']\nparallel = true\n")
    return int(check.main())


def test_what_is_printed_last(
    elsewhere: ModuleType, monkeypatch: pytest.MonkeyPatch, tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    tests = {"good": "pass", "once": ONCE, "left": PROFILE_ONCE}
    assert main_of(elsewhere, monkeypatch, tests, tmp_path) == 0
    said = capfd.readouterr().out.splitlines()
    assert [line.split()[1] for line in said[-2:]] == ["tests/test_once.py::test_once", "left"]
    assert "txcdp-x (profile)" in said[-1]
    tests = {"good": "pass", "bad": "assert 0", "ended": "os._exit(9)"}
    assert main_of(elsewhere, monkeypatch, tests, tmp_path) == 1
    said = capfd.readouterr().out.splitlines()
    table = next(number for number, line in enumerate(said) if line.startswith("Name "))
    times = next(number for number, line in enumerate(said) if line.startswith("part "))
    assert table < times
    assert sorted(line.split(":")[1] for line in said[-2:]) == [" bad", " ended"]
    assert {line.split(":")[0] for line in said[-2:]} == {"FAILED"}


#: What a process may have left of its data that was killed.
HALF_WRITTEN = {
    "empty": (),
    "without tables": ("create table coverage_schema (version integer)",),
    "without its last table": ("drop table tracer",),
    "without a version": ("delete from coverage_schema",),
}


@pytest.mark.parametrize("kind", [*HALF_WRITTEN, "cut off", "not of coverage's"])
def test_coverage_of_processes_that_were_killed(
    elsewhere: ModuleType,
    monkeypatch: pytest.MonkeyPatch,
    tmp_path: Path,
    capfd: pytest.CaptureFixture[str],
    kind: str,
) -> None:
    """They have written nothing, or half of it: neither the whole nor what is printed suffers."""
    good, bad = tmp_path / "good", tmp_path / "all.browser-1.host.pid1.x"
    measured = coverage.CoverageData(str(good))
    measured.add_arcs({str(ROOT / "setup.py"): {(1, 2)}})
    measured.write()
    whole = good.read_bytes()
    if kind in ("empty", "without tables"):
        bad.touch()
    else:
        bad.write_bytes({"cut off": whole[: len(whole) // 2], "not of coverage's": b"x" * 5000}.get(kind, whole))
    with contextlib.closing(sqlite3.connect(bad)) as database, database:
        for statement in HALF_WRITTEN.get(kind, ()):
            database.execute(statement)
    good.rename(tmp_path / "all.browser-2.host.pid2.x")
    (tmp_path / "all.browser-3.host.pid3.x-journal").touch()
    assert elsewhere.coverage() == ""
    said = capfd.readouterr()
    assert "setup.py" in said.out
    assert "Warning" not in said.out + said.err


def test_no_second_attempt(elsewhere: ModuleType, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("UNSTEADY", "fail")
    parts = parts_of(elsewhere, tmp_path, {"once": ONCE})
    elsewhere.run(parts)
    assert elsewhere.second_attempt(parts) == []
    assert parts[0].failed
