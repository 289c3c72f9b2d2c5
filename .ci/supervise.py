#!/usr/bin/env python3
"""Run a command; when this ends, for whatever reason, every process that came of it has ended too.

usage: supervise.py [--limit SECONDS] [--grace SECONDS] [--report FILE] [--strict] [--dump] [--times] COMMAND...

Killing a process group is not enough: a browser, npm or a gateway that a test starts may have a session of its own. On
Linux this process takes in what its descendants leave behind (PR_SET_CHILD_SUBREAPER), so that all of them stay below
it, their processor time can be counted, and none is missed. Elsewhere the tree is read from ``ps``, and the command's
process group ends as well.

SIGTERM, SIGINT and SIGHUP end the command, as does the limit. Since a process that is killed can do nothing more, the
work is done by a child, which the kernel tells of that. This uses nothing but the standard library.
"""

from __future__ import annotations

import argparse
import contextlib
import ctypes
import json
import os
import resource
import signal
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

GRACE = 15.0  # seconds for processes to end in good order, such as the helpers of a browser that has ended
STOPS = [signal.SIGTERM, signal.SIGINT, signal.SIGHUP]
_PR_SET_PDEATHSIG = 1
_PR_SET_CHILD_SUBREAPER = 36


def prctl(option: int, value: int) -> None:
    """Ask Linux for something; other systems have no such thing."""
    if sys.platform == "linux":
        ctypes.CDLL(None, use_errno=True).prctl(option, value, 0, 0, 0)


def parents() -> dict[int, int]:
    """Return the parent of each process of the machine."""
    found = {}
    if Path("/proc/self/stat").exists():
        for stat in Path("/proc").glob("[0-9]*/stat"):
            with contextlib.suppress(OSError):
                # The name, in brackets, may have anything in it.
                state, parent = stat.read_text(errors="replace").rpartition(")")[2].split()[:2]
                if state != "Z":
                    found[int(stat.parent.name)] = int(parent)
        return found
    listing = subprocess.run(["ps", "-A", "-o", "pid=,ppid="], capture_output=True, text=True, check=True)
    for line in listing.stdout.splitlines():
        pid, parent = line.split()
        found[int(pid)] = int(parent)
    return found


def descendants() -> list[int]:
    """Return all processes that came of this one and have not ended."""
    children: dict[int, list[int]] = {}
    for pid, parent in parents().items():
        children.setdefault(parent, []).append(pid)
    found, todo = [], [os.getpid()]
    while todo:
        below = children.get(todo.pop(), [])
        found += below
        todo += below
    return found


def command_of(pid: int) -> str:
    """Return a process' command line, as far as it can be seen."""
    with contextlib.suppress(OSError):
        return Path(f"/proc/{pid}/cmdline").read_bytes().replace(b"\0", b" ").decode(errors="replace").strip()[:200]
    return "?"


class Supervisor:
    """One command, and what came of it."""

    def __init__(self, command: list[str], limit: float, grace: float, dump: bool) -> None:
        self.limit = limit
        self.grace = grace
        self.dump = dump
        self.stopped_by = 0
        self.status: int | None = None
        self.began = time.monotonic()
        for number in STOPS:
            signal.signal(number, self._stop)
        prctl(_PR_SET_CHILD_SUBREAPER, 1)
        self._process = subprocess.Popen(command, start_new_session=True)
        self._pid = self._process.pid

    def _stop(self, number: int, _: Any) -> None:
        self.stopped_by = number

    @property
    def wall(self) -> float:
        """Seconds since it began."""
        return time.monotonic() - self.began

    @property
    def cpu(self) -> float:
        """Seconds of processor time of all that has ended and was waited for, by this process or its parent."""
        used = resource.getrusage(resource.RUSAGE_CHILDREN)
        return used.ru_utime + used.ru_stime

    def run(self) -> tuple[int, str]:
        """Wait for the command; return its exit status, and why it did not end by itself."""
        while self.status is None and not self.stopped_by and self.wall < self.limit:
            self._wait(0.1)
        if self.status is not None:
            return self.status, ""
        if self.stopped_by:
            return 128 + self.stopped_by, f"stopped by {signal.Signals(self.stopped_by).name}"
        if self.dump:
            self._send([self._pid], signal.SIGABRT)
            self._wait_for_end({self._pid})
        return 124, f"ended after its limit of {self.limit:.0f} s"

    def leftovers(self) -> list[str]:
        """Return the command lines of what is still there, when it has had a moment to end."""
        self._wait_for_end()
        return [f"{pid}: {command_of(pid)}" for pid in descendants()]

    def end(self) -> None:
        """End all that is left: first in good order."""
        if left := descendants():
            self._send(left, signal.SIGTERM)
            self._wait_for_end()
        while left := descendants():
            self._send(left, signal.SIGKILL)
            self._wait(0.1)
        with contextlib.suppress(ProcessLookupError, PermissionError):
            os.killpg(self._pid, signal.SIGKILL)
        self._reap()

    def _send(self, pids: list[int], number: int) -> None:
        for pid in pids:
            with contextlib.suppress(ProcessLookupError, PermissionError):
                os.kill(pid, number)

    def _wait_for_end(self, pids: set[int] | None = None) -> None:
        end = time.monotonic() + self.grace
        while time.monotonic() < end and (set(descendants()) & pids if pids else descendants()):
            self._wait(0.1)

    def _wait(self, seconds: float) -> None:
        time.sleep(seconds)
        self._reap()

    def _reap(self) -> None:
        """Take note of what has ended: the command, and what it or its children left to this process."""
        with contextlib.suppress(ChildProcessError):
            while True:
                pid, status = os.waitpid(-1, os.WNOHANG)
                if not pid:
                    return
                if pid == self._pid:
                    self._process.returncode = os.waitstatus_to_exitcode(status)
                    self.status = shell_status(self._process.returncode)


def shell_status(code: int) -> int:
    """Return an exit status as a shell has it: a signal's number and 128."""
    return 128 - code if code < 0 else code


def behind(child: int) -> int:
    """Pass signals on to the child that does the work; return its exit status."""

    def pass_on(number: int, _: Any) -> None:
        with contextlib.suppress(ProcessLookupError):  # it has just ended
            os.kill(child, number)

    for number in STOPS:
        signal.signal(number, pass_on)
    return shell_status(os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]))


def main() -> int:
    """Supervise one command; its exit status is the command's, 124 where the limit ended it."""
    parser = argparse.ArgumentParser(usage=(__doc__ or "").split("usage: ")[1].split("\n")[0])
    parser.add_argument("--limit", type=float, default=float("inf"))
    parser.add_argument("--grace", type=float, default=GRACE)
    parser.add_argument("--report", type=Path)
    parser.add_argument("--strict", action="store_true", help="a process that is left behind is a failure")
    parser.add_argument("--times", action="store_true", help="tell at the end how long it took")
    parser.add_argument("--dump", action="store_true", help="at the limit, faulthandler is to show where it stands")
    parser.add_argument("command", nargs=argparse.REMAINDER)
    options = parser.parse_args()
    parent = os.getpid()
    if child := os.fork():
        return behind(child)
    prctl(_PR_SET_PDEATHSIG, signal.SIGTERM)
    supervisor = Supervisor(options.command, options.limit, options.grace, options.dump)
    if os.getppid() != parent:  # it was killed before that
        supervisor.stopped_by = signal.SIGTERM
    status, own, why, left = 1, None, "", []
    try:
        status, why = supervisor.run()
        own = supervisor.status
        if not why:
            left = supervisor.leftovers()
    finally:
        supervisor.end()
    if left:
        why = "left behind: " + "; ".join(left)
        status = status or (1 if options.strict else 0)
    if why:
        print(f"supervise: {' '.join(options.command)[:200]}: {why}", file=sys.stderr, flush=True)
    if options.times:
        print(f"supervise: {supervisor.wall:.0f} s, {supervisor.cpu:.0f} s of CPU", file=sys.stderr, flush=True)
    if options.report:
        facts = {"status": status, "own": own, "wall": supervisor.wall, "cpu": supervisor.cpu, "why": why}
        options.report.write_text(json.dumps(facts), encoding="utf-8")
    return status


if __name__ == "__main__":
    sys.exit(main())
