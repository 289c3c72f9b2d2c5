"""Runs the state machine of test_machine.py many times, on all processors: ``python tests/lab/machine_runs.py 2000``.

Each process has a seed of its own, the same ones each time; a failure shows the steps that lead to it.
"""

from __future__ import annotations

import os
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

ROOT = Path(__file__).parents[2]
PYTEST = ["-m", "pytest", "-q", "-p", "no:cacheprovider", "--show-capture=no"]


def play(runs: int, seed: int) -> bool:
    """Start one process, and show how it went; return whether all was well."""
    environment = {**os.environ, "TXCDP_MACHINE_RUNS": str(runs), "TXCDP_MACHINE_SEED": str(seed)}
    command = [sys.executable, *PYTEST, "tests/core/test_machine.py"]
    done = subprocess.run(command, cwd=ROOT, env=environment, capture_output=True, text=True, check=False)
    # A run that takes minutes has its stack shown on standard error, which says nothing of how it went.
    said = done.stdout + done.stderr if done.returncode else done.stdout.splitlines()[-1]
    sys.stdout.write(f"{said} ({runs} runs, seed {seed})\n")
    sys.stdout.flush()
    return done.returncode == 0


def main(runs: int) -> int:
    """Start one process for each processor, and wait for them."""
    count = min(os.cpu_count() or 1, 8)
    shares = [runs // count + (seed <= runs % count) for seed in range(1, count + 1)]
    with ThreadPoolExecutor(count) as pool:
        return 0 if all(list(pool.map(play, shares, range(1, count + 1)))) else 1


if __name__ == "__main__":
    sys.exit(main(int(sys.argv[1])))
