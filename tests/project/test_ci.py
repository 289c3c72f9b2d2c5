"""What runs the tests: whatever comes of a command ends with it, and each test file is in one part."""

from __future__ import annotations

import contextlib
import importlib.util
import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path
from types import ModuleType
from typing import Any

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
        path.write_text(f"def test_{name}():\n    {body}\n")
        parts.append(check.pytest_part(name, [f"tests/{path.name}"], 1))
    return parts


ONCE = "import pathlib; path = pathlib.Path('was-here'); there = path.exists(); path.touch(); assert there"


@pytest.fixture
def elsewhere(check: ModuleType, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> ModuleType:
    """Return the module as one that runs its tests in a folder of their own."""
    (tmp_path / ".ci").symlink_to(ROOT / ".ci")
    monkeypatch.setattr(check, "ROOT", tmp_path)
    monkeypatch.setattr(check, "FOLDER", tmp_path)
    monkeypatch.setattr(check, "COVERAGE", tmp_path)
    monkeypatch.delenv("UNSTEADY", raising=False)
    return check


@pytest.mark.parametrize(
    ("tests", "unsteady", "failed"),
    [
        ({"good": "pass"}, [], []),
        ({"good": "pass", "once": ONCE}, ["once"], []),
        ({"once": ONCE, "bad": "assert 0"}, [], ["once", "bad"]),
        ({f"bad{number}": "assert 0" for number in range(4)}, [], ["bad0", "bad1", "bad2", "bad3"]),
        ({"once": ONCE, "ended": "import os; os._exit(1)"}, [], ["once", "ended"]),
    ],
)
def test_a_second_attempt(
    elsewhere: ModuleType, tests: dict[str, str], unsteady: list[str], failed: list[str], tmp_path: Path
) -> None:
    parts = parts_of(elsewhere, tmp_path, tests)
    elsewhere.run(parts)
    assert elsewhere.second_attempt(parts) == [f"tests/test_{name}.py::test_{name}" for name in unsteady]
    assert [part.name for part in parts if part.failed] == failed


def test_no_second_attempt(elsewhere: ModuleType, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("UNSTEADY", "fail")
    parts = parts_of(elsewhere, tmp_path, {"once": ONCE})
    elsewhere.run(parts)
    assert elsewhere.second_attempt(parts) == []
    assert parts[0].failed
