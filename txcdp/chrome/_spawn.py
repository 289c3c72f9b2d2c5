"""Starts a browser's process with Twisted: its file descriptors, and a session of its own."""

from __future__ import annotations

import os
import shutil
import signal
import sys
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from twisted.internet.protocol import ProcessProtocol

from txcdp._reactor import AnyReactor, whole


@dataclass(frozen=True)
class ExitStatus:
    """The exit status of a process: an exit code, or the number of the signal that ended it."""

    code: int | None
    signal: int | None = None

    def __str__(self) -> str:
        if self.signal is not None:
            try:
                name = signal.Signals(self.signal).name
            except ValueError:
                name = f"signal {self.signal}"
            return f"killed by {name}"
        return "in an unknown way" if self.code is None else f"exit code {self.code}"


@dataclass(frozen=True)
class Spawned:
    """The outcome of starting a process.

    :ivar transport: Twisted's ``IProcessTransport``.
    :ivar leads_group: whether the process leads a process group of its own.
    :ivar write_fd: our end of its descriptor 3; ``None`` without a pipe.
    :ivar read_fd: our end of its descriptor 4; ``None`` unless that is wanted.
    """

    transport: Any
    leads_group: bool = False
    write_fd: int | None = None
    read_fd: int | None = None


def spawn(
    reactor: AnyReactor,
    protocol: ProcessProtocol,
    command_line: Sequence[str],
    environment: dict[str, str],
    *,
    writes: bool,
    reads: bool,
    lock: int | None = None,
) -> Spawned:
    """Execute a command line; its standard error goes to the protocol, its output nowhere.

    :param writes: make a pipe of its descriptor 3, at whose end the browser ends by itself.
    :param reads: make a pipe of its descriptor 4, where it answers; else nobody reads that.
    :param lock: a descriptor whose lock it is to share, as its descriptor 5.
    :raises OSError: it cannot be executed.
    """
    if sys.platform == "win32":
        argv = list(command_line)
        transport = whole(reactor).spawnProcess(protocol, argv[0], argv, environment)
        transport.closeStdin()
        return Spawned(transport)
    argv, leads_group = session_leader(command_line)
    ours: list[int] = []
    theirs: list[int] = []
    write_fd = read_fd = None
    try:
        theirs.append(os.open(os.devnull, os.O_RDWR))
        fds: dict[int, str | int] = {0: theirs[0], 1: theirs[0], 2: "r"}
        if writes:
            child, write_fd = os.pipe()
            theirs.append(child)
            ours.append(write_fd)
            fds |= {3: child, 4: theirs[0]}
        if reads:
            read_fd, child = os.pipe()
            theirs.append(child)
            ours.append(read_fd)
            fds[4] = child
        if lock is not None:
            fds[5] = lock
        transport = whole(reactor).spawnProcess(protocol, argv[0], argv, environment, childFDs=fds)
    except BaseException:
        for fd in ours:
            os.close(fd)
        raise
    finally:
        for fd in theirs:
            os.close(fd)
    return Spawned(transport, leads_group, write_fd, read_fd)


def session_leader(argv: Sequence[str]) -> tuple[list[str], bool]:
    """Have a program run in a session of its own, under the process id that it gets.

    Ctrl-C in the terminal then reaches us alone, and we end the browser in good order; and all
    of its children can be killed together. Twisted has no argument for it, which leaves util-linux's
    ``setsid``, or Python itself where that is missing.

    :return: what to execute, and whether it will lead its own group.
    """
    if setsid := shutil.which("setsid"):
        return [setsid, *argv], True
    if sys.executable and not getattr(sys, "frozen", False):
        code = "import os, sys; os.setsid(); os.execv(sys.argv[1], sys.argv[1:])"
        return [sys.executable, "-I", "-S", "-c", code, *argv], True
    return list(argv), False
