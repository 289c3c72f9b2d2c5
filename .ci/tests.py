"""Run the tests in parts at the same time, and put their coverage together: ``python .ci/tests.py``.

Tests with a browser wait for it most of the time, so that five parts need little longer than the longest one. What a
part says is shown when it fails; of the others the last line.
"""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import time
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
FOLDER = ROOT / "build" / "coverage"
DATA = FOLDER / "all"
BROWSER = ROOT / "tests" / "browser"
EVERY = 60  # seconds between two lines that tell how far it is


def parts() -> dict[str, list[str]]:
    """Name the parts, and what each one runs: every test is in one of them."""
    launching = [*BROWSER.glob("test_l*.py")]
    peers = BROWSER / "test_gateway_peers.py"
    serving = [path for name in ("gateway", "service", "docs") for path in BROWSER.glob(f"test_{name}_*.py")]
    others = sorted({*BROWSER.glob("test_*.py")} - {*launching, *serving})
    return {
        "browsers that are launched, their lines and lives": [str(path) for path in sorted(launching)],
        "gateways, services, and what the documentation shows": [str(path) for path in sorted({*serving} - {peers})],
        "other programs as clients, which are installed first": [str(peers)],
        "browsers in use, and chaos": [*map(str, others), "tests/chaos"],
        "all the rest": ["tests", "--ignore=tests/browser", "--ignore=tests/chaos"],
    }


class Part:
    """One process of pytest."""

    def __init__(self, number: int, name: str, arguments: list[str]) -> None:
        self.name = name
        self.log = FOLDER / f"{number}.log"
        options = ["--cov", "--cov-report=", "--cov-fail-under=0"]
        with self.log.open("wb") as log:
            self._process = subprocess.Popen(
                [sys.executable, "-m", "pytest", *options, *arguments],
                cwd=ROOT,
                env={**os.environ, "COVERAGE_FILE": f"{DATA}.{number}"},
                stdout=log,
                stderr=subprocess.STDOUT,
            )

    @property
    def last_line(self) -> str:
        """What it said last."""
        lines = self.log.read_text(encoding="utf-8", errors="replace").splitlines()
        return lines[-1].strip("= ") if lines else ""

    def ended(self) -> bool:
        """Whether it has ended; then how is shown."""
        status = self._process.poll()
        if status is None:
            return False
        if status:
            print(self.log.read_text(encoding="utf-8", errors="replace"), flush=True)
        print(f"-- {self.name}: {self.last_line}", flush=True)
        return True

    @property
    def failed(self) -> bool:
        """Whether it has ended otherwise than it should."""
        return self._process.returncode != 0


def main() -> int:
    """Run all parts, then tell what they have covered together."""
    shutil.rmtree(FOLDER, ignore_errors=True)
    FOLDER.mkdir(parents=True)
    running = [Part(number, name, arguments) for number, (name, arguments) in enumerate(parts().items())]
    every = list(running)
    said_at = time.monotonic()
    while running:
        running = [part for part in running if not part.ended()]
        if running and time.monotonic() - said_at > EVERY:
            said_at = time.monotonic()
            for part in running:
                print(f".. {part.name}: {part.last_line}", flush=True)
        time.sleep(0.5)
    coverage = [sys.executable, "-m", "coverage"]
    environment = {**os.environ, "COVERAGE_FILE": str(DATA)}
    subprocess.run([*coverage, "combine", "--quiet", str(FOLDER)], cwd=ROOT, env=environment, check=True)
    report = subprocess.run([*coverage, "report"], cwd=ROOT, env=environment, check=False)
    return 1 if any(part.failed for part in every) else report.returncode


if __name__ == "__main__":
    sys.exit(main())
