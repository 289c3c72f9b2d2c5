"""Run programs, each in a process of its own, which is forked from one that has imported what they need.

Importing txcdp and its dependencies costs a program as much as all that it does.

``python -m tests.browser.support_programs SECONDS`` takes their paths from its standard input, runs a few of them at a
time, each for so long at most, and says of each one, when it has ended, its path and its exit code.
"""

from __future__ import annotations

import os
import runpy
import signal
import sys
from pathlib import Path

AT_ONCE = 4

#: What a program has said, in its folder.
OUTPUT = "output.txt"


def start(program: Path, seconds: int) -> int:
    """Run a program as Python does, in its folder and without input; return its process, or end it."""
    sys.stdout.flush()
    process = os.fork()
    if process:
        return process
    signal.alarm(seconds)
    os.chdir(program.parent)
    for target, path, flags in ((0, os.devnull, os.O_RDONLY), (1, OUTPUT, os.O_WRONLY | os.O_CREAT)):
        opened = os.open(path, flags)
        os.dup2(opened, target)
        os.close(opened)
    os.dup2(1, 2)
    sys.argv = [program.name]
    sys.path[0] = str(program.parent)
    runpy.run_path(program.name, run_name="__main__")
    sys.exit()


def main() -> None:
    """Run those that are named."""
    seconds = int(sys.argv[1])
    waiting = [Path(line.strip()) for line in sys.stdin]
    running: dict[int, Path] = {}
    while waiting or running:
        while waiting and len(running) < AT_ONCE:
            program = waiting.pop(0)
            running[start(program, seconds)] = program
        process, status = os.wait()
        sys.stdout.write(f"{running.pop(process)} {os.waitstatus_to_exitcode(status)}\n")
        sys.stdout.flush()


if __name__ == "__main__":
    main()
