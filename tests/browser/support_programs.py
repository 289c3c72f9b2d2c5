"""Python programs in processes of their own, which are forked from one that has imported what they need.

Importing txcdp and its dependencies costs a program as much as a browser. :func:`python` begins a command line as
``sys.executable`` does: what follows is ``-m MODULE``, ``-c CODE`` or a path, and arguments. The process of that
command is a small one, which hands its standard streams on, passes signals on, and ends as the program does; where it
is killed, the program is killed, too.
"""

from __future__ import annotations

import array
import contextlib
import gc
import importlib
import json
import os
import runpy
import selectors
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
from collections.abc import Mapping
from pathlib import Path
from types import ModuleType
from typing import Any

ROOT = Path(__file__).parents[2]

#: What is imported once: none of it installs a reactor.
IMPORTED = (
    "asyncio",
    "examples.site.server",
    "treq",
    "twisted.internet.endpoints",
    "twisted.internet.task",
    "twisted.scripts.twistd",
    "twisted.web.server",
    "txcdp",
    "txcdp.cli._call",
    "txcdp.cli._commands",
    "txcdp.cli._inspecting",
    "txcdp.cli._watch",
    "txcdp.codegen.diff",
    "txcdp.gateway",
    "txcdp.recording",
    "txcdp.service",
    "txcdp.streams",
)

#: The program that a command line begins with. Without ``site`` it costs a fiftieth of what it saves.
CLIENT = """
import array, json, os, signal, socket, sys
line = socket.socket(socket.AF_UNIX)
line.connect(sys.argv[1])
wanted = json.dumps({"argv": sys.argv[2:], "cwd": os.getcwd(), "environment": dict(os.environ)}).encode()
signals = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)
signal.pthread_sigmask(signal.SIG_BLOCK, signals)
streams = array.array("i", [0, 1, 2])
line.sendmsg([len(wanted).to_bytes(4, "big")], [(socket.SOL_SOCKET, socket.SCM_RIGHTS, streams)])
line.sendall(wanted)
answers = line.makefile()
process = int(answers.readline())
for each in signals:
    signal.signal(each, lambda number, _: os.kill(process, number))
signal.pthread_sigmask(signal.SIG_UNBLOCK, signals)
for stream in range(3):
    os.close(stream)  # who reads them is to see their end when the program ends
code = int(answers.readline())
if code < 0:
    signal.signal(-code, signal.SIG_DFL)
    os.kill(os.getpid(), -code)
os._exit(code)
"""


class Forking:
    """The process from which programs are forked, while there is one.

    :ivar pid: its number; None while there is none.
    """

    def __init__(self) -> None:
        self.pid: int | None = None
        self._process: subprocess.Popen[bytes] | None = None
        self._folder = ""

    def command(self) -> list[str]:
        """Return what command lines begin with in place of Python; have the process."""
        if not hasattr(os, "pidfd_open"):
            return [sys.executable]  # not Linux: every program imports for itself
        path = f"{self._folder}/socket"
        if self._process is None:
            self._folder = tempfile.mkdtemp(prefix="forks-")
            path = f"{self._folder}/socket"
            command = [sys.executable, "-m", __name__, path]
            # What programs do so is not measured: what they import before would not be.
            self._process = subprocess.Popen(
                command, cwd=ROOT, env=unmeasured(os.environ), stdin=subprocess.PIPE, stdout=subprocess.PIPE
            )
            self.pid = self._process.pid
            assert self._process.stdout is not None
            assert self._process.stdout.readline() == b"ready\n"
        return [sys.executable, "-S", "-E", "-c", CLIENT, path]

    def close(self) -> None:
        """End it, where there is one."""
        if self._process is not None:
            self._process.communicate()
            self._process = self.pid = None
            shutil.rmtree(self._folder)


#: There is one for each process, which ends with the tests: see ``conftest.py``.
forking = Forking()


def unmeasured(environment: Mapping[str, str]) -> dict[str, str]:
    """Return the environment of a program without what has its coverage measured."""
    return {name: value for name, value in environment.items() if not name.startswith("COVERAGE_")}


def python() -> list[str]:
    """Return what a command line begins with in place of ``sys.executable``."""
    return forking.command()


def run(argv: list[str]) -> None:
    """Run a program as Python does that is given these arguments."""
    if argv[0] == "-m":
        sys.argv = argv[1:]
        sys.path[0] = os.getcwd()
        runpy.run_module(argv[1], run_name="__main__", alter_sys=True)
    elif argv[0] == "-c":
        sys.argv = ["-c", *argv[2:]]
        sys.path[0] = ""
        module = sys.modules["__main__"] = ModuleType("__main__")
        exec(compile(argv[1], "<string>", "exec"), module.__dict__)
    else:
        sys.argv = argv
        sys.path[0] = os.path.dirname(argv[0])
        runpy.run_path(argv[0], run_name="__main__")
    sys.exit()


def begin(line: socket.socket) -> tuple[int, dict[str, Any]]:
    """Fork a program, and return its process to the one that keeps it; with 0 the program itself returns."""
    streams = array.array("i")
    head, more, _, _ = line.recvmsg(4, socket.CMSG_SPACE(3 * streams.itemsize))
    streams.frombytes(more[0][2])
    with line.makefile("rb") as reader:
        wanted: dict[str, Any] = json.loads(reader.read(int.from_bytes(head, "big")))
    process = os.fork()
    for number, stream in enumerate(streams):
        if not process:
            os.dup2(stream, number)
        os.close(stream)
    return process, wanted


def keep(line: socket.socket, process: int) -> None:
    """Report a program's id, and how it ends; kill it when nobody listens any more."""
    line.sendall(b"%d\n" % process)
    with selectors.DefaultSelector() as selector:
        selector.register(os.pidfd_open(process), selectors.EVENT_READ)
        selector.register(line, selectors.EVENT_READ)
        selector.select()
        if all(key.fileobj is line for key, _ in selector.select(0)):
            os.kill(process, signal.SIGKILL)
    _, status = os.waitpid(process, 0)
    with contextlib.suppress(OSError):
        line.sendall(b"%d\n" % os.waitstatus_to_exitcode(status))


def main() -> None:
    """Fork a program for each who connects, until the standard input ends."""
    listening = socket.socket(socket.AF_UNIX)
    listening.bind(sys.argv[1])
    listening.listen(100)
    for name in IMPORTED:
        importlib.import_module(name)
    assert "twisted.internet.reactor" not in sys.modules, "one reactor for all of them"
    gc.collect()
    gc.freeze()
    sys.stdout.write("ready\n")
    sys.stdout.flush()
    os.dup2(os.open(os.devnull, os.O_WRONLY), 1)
    keepers: set[int] = set()
    with selectors.DefaultSelector() as selector:
        selector.register(listening, selectors.EVENT_READ)
        selector.register(0, selectors.EVENT_READ)
        while all(key.fileobj is listening for key, _ in selector.select()):
            line, _ = listening.accept()
            keeper = os.fork()
            if not keeper:
                break
            keepers.add(keeper)
            line.close()
            keepers = {each for each in keepers if not os.waitpid(each, os.WNOHANG)[0]}
        else:
            for each in keepers:
                os.waitpid(each, 0)
            return
    listening.close()
    process, wanted = begin(line)
    if process:
        keep(line, process)
        os._exit(0)
    line.close()
    os.chdir(wanted["cwd"])
    os.environ.clear()
    os.environ.update(wanted["environment"])
    run(wanted["argv"])


if __name__ == "__main__":
    main()
