"""Few open files are allowed: errors that say so, and what to do."""

from __future__ import annotations

import errno
import os
import subprocess
import sys
from pathlib import Path

import pytest
from twisted.internet.error import ConnectBindError

from txcdp import _limits
from txcdp._limits import about_open_files, too_few_for_a_browser
from txcdp._transports.websocket import WebSocketOptions, _not_connected
from txcdp.chrome._launch import explain
from txcdp.chrome._spawn import ExitStatus

LAUNCH = """
import os, resource, sys
from twisted.internet.task import react
import txcdp

async def main(reactor):
    highest = max(map(int, os.listdir("/dev/fd")))  # of the listing itself, and free again
    resource.setrlimit(resource.RLIMIT_NOFILE, (highest + int(sys.argv[1]), 4096))
    try:
        await txcdp.start_browser(reactor, executable=sys.executable)
    except txcdp.LaunchError as error:
        print(error)

react(main)
"""


def allow(patch: pytest.MonkeyPatch, soft: int, hard: int) -> None:
    patch.setattr(_limits, "limits", lambda: (soft, hard))


@pytest.mark.parametrize("number", [errno.EMFILE, errno.EBADF])
def test_this_process_has_too_many(monkeypatch: pytest.MonkeyPatch, number: int):
    allow(monkeypatch, 77, 88)
    said = about_open_files(OSError(number, os.strerror(number)))
    assert "77 files" in said
    assert "ulimit -n" in said


def test_the_system_has_too_many():
    assert "fs.file-max" in about_open_files(OSError(errno.ENFILE, "x"))


@pytest.mark.parametrize("error", [OSError(errno.ENOENT, "x"), ValueError("x"), OSError("x")])
def test_other_errors(error: Exception):
    assert about_open_files(error) == ""


def test_a_connection(monkeypatch: pytest.MonkeyPatch):
    allow(monkeypatch, 77, 88)
    for error in (OSError(errno.EMFILE, "x"), ConnectBindError(errno.EMFILE, "x")):
        said = str(_not_connected(error, "localhost", 9222, WebSocketOptions()))
        assert said.startswith("no connection to localhost:9222")
        assert "77 files" in said


def test_browsers(monkeypatch: pytest.MonkeyPatch):
    allow(monkeypatch, 20, 4096)  # a browser raises its own
    assert too_few_for_a_browser() == ""
    allow(monkeypatch, 64, 64)
    said = str(explain(["chrome"], ExitStatus(None, 6), "", "p", headless=True))
    assert "at most 64 files" in said
    assert "ulimit -Hn" in said


def test_there_are_no_limits(monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(_limits, "limits", lambda: None)
    assert too_few_for_a_browser() == ""
    assert about_open_files(OSError(errno.EMFILE, "x")) == ""


def test_this_process_has_limits():
    found = _limits.limits()
    assert found is not None
    assert 0 < found[0] <= found[1]


@pytest.mark.parametrize("free", [1, 2, 3])
def test_a_launch_says_what_to_do(free: int, tmp_path: Path):
    environment = {**os.environ, "TMPDIR": str(tmp_path)}
    command = [sys.executable, "-c", LAUNCH, str(free)]
    done = subprocess.run(command, capture_output=True, text=True, check=False, env=environment)
    assert "this process may open" in done.stdout, done.stdout + done.stderr
    assert os.listdir(tmp_path) == [], "listing a folder takes a descriptor, too, and removing one takes two"
