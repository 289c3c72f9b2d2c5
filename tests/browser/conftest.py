"""After each test nothing is left of it: no process, no browser's profile, no delayed call."""

from __future__ import annotations

import contextlib
import os
import signal
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest
from twisted.internet import reactor

from tests.browser.support import WithSharedBrowser, shared_browser
from tests.browser.support_programs import forking
from txcdp.testing._browsers import is_of_commands

#: What each thing is, in words.
Leftovers = set[str]


def processes() -> dict[str, int]:
    """Name the living children of the main thread: a browser, or what a test has started. Some kernels tell none."""
    found = {}
    children = Path(f"/proc/self/task/{os.getpid()}/children")
    for pid in children.read_text().split() if children.exists() else ():
        with contextlib.suppress(OSError):
            stat, command = Path(f"/proc/{pid}/stat").read_text(), Path(f"/proc/{pid}/cmdline").read_bytes()
            if stat.rpartition(")")[2].split()[0] not in "ZX" and int(pid) != forking.pid:
                found[f"process {pid}: {command.replace(bytes(1), b' ').decode(errors='replace')[:200]}"] = int(pid)
    return found


def profiles() -> Leftovers:
    """Name the folders of browsers that this process has started."""
    found = set()
    for path in Path(tempfile.gettempdir()).glob("txcdp-*/owner"):
        with contextlib.suppress(OSError):
            if path.read_text(encoding="ascii").split()[:1] == [str(os.getpid())]:
                found.add(f"profile {path.parent}")
    return found


def calls() -> Leftovers:
    """Name what the reactor is to call later, but for what looks after the commands of the shared browser."""
    return {f"call {call}" for call in reactor.getDelayedCalls() if not is_of_commands(call)}


def leftovers() -> Leftovers:
    """Name all of it."""
    return processes().keys() | profiles() | calls()


@pytest.fixture(scope="session", autouse=True)
def _no_browser_left() -> Iterator[None]:
    """End the shared browser, and what forks programs, when all tests have run."""
    yield
    shared_browser.close()
    forking.close()


@pytest.hookimpl(trylast=True)
def pytest_runtest_teardown(nextitem: pytest.Item | None) -> None:
    """End the shared browser before a test of another directory: trial takes its readers away, and finds its calls."""
    if nextitem is not None and Path(__file__).parent not in nextitem.path.parents:
        shared_browser.close()


@pytest.fixture(autouse=True)
def _nothing_left(request: pytest.FixtureRequest) -> Iterator[None]:
    """Fail the test that leaves something behind, not the one after it. What tests share is not left behind."""
    if request.cls is not None and issubclass(request.cls, WithSharedBrowser):
        shared_browser.keep()
        assert shared_browser.browser._downloads.files.folder  # it ends with the browser, whichever test needs it first
    else:
        shared_browser.close()
    before = leftovers()
    yield
    left = leftovers() - before
    for name, pid in processes().items():
        if name in left:
            os.kill(pid, signal.SIGKILL)  # of the tests that follow, none is to fail for that
    assert not left, f"left behind: {sorted(left)}"
