"""A dead line and a stopped program, told apart over a real link that is cut."""

from __future__ import annotations

import shutil
import subprocess
from pathlib import Path

import pytest

from tests.lab.hostile.dead_link import COMMAND

ROOT = Path(__file__).parents[3]


def namespaces() -> bool:
    """Whether this system lets us have network namespaces with a link between."""
    if not shutil.which("unshare") or not shutil.which("ip"):
        return False
    trial = [*COMMAND[:4], "ip", "link", "add", "name", "here", "type", "veth", "peer", "name", "there"]
    return subprocess.run(trial, capture_output=True, check=False).returncode == 0


@pytest.mark.skipif(not namespaces(), reason="this system gives us no network namespaces")
def test_a_link_that_is_cut() -> None:
    done = subprocess.run(COMMAND, cwd=ROOT, capture_output=True, text=True, timeout=60, check=False)
    assert done.stdout.splitlines() == ["mute unresponsive", "full unresponsive", "link half_open"], done.stderr
