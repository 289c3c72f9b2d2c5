#!/usr/bin/env python3
"""Run every program in examples/ and fail when one of them does.

An example takes no arguments, serves the demo site to itself, prints what it found and ends with 0.
"""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import tempfile
import time
from pathlib import Path

DEADLINE = 120  # seconds, for each
GRACE = 10  # seconds, to end in good order after that


def run(path: Path) -> bool:
    """Run one example; its output is shown only when it fails."""
    started = time.monotonic()
    with tempfile.TemporaryFile("w+", errors="replace") as output:
        process = subprocess.Popen(
            [sys.executable, "-m", f"examples.{path.stem}"],
            stdin=subprocess.DEVNULL,
            stdout=output,
            stderr=subprocess.STDOUT,
            start_new_session=True,
        )
        try:
            code = process.wait(DEADLINE)
            outcome = f"exit code {code}"
        except subprocess.TimeoutExpired:
            code = 1
            outcome = f"still running after {DEADLINE} s"
        finally:
            end(process)
        if code:
            output.seek(0)
            print(f"{path}: {outcome}\n{output.read()}")
        else:
            print(f"{path}: {time.monotonic() - started:.1f} s")
    return code == 0


def end(process: subprocess.Popen[bytes]) -> None:
    """End a process that is still there, with its children, a browser perhaps."""
    if process.poll() is None:
        os.killpg(process.pid, signal.SIGTERM)
        try:
            process.wait(GRACE)
        except subprocess.TimeoutExpired:
            os.killpg(process.pid, signal.SIGKILL)
            process.wait()


def main() -> int:
    """Run them all, also after one has failed."""
    passed = [run(path) for path in sorted(Path("examples").glob("*.py"))]
    return 0 if all(passed) else 1


sys.exit(main())
