"""The plugin for pytest, where others have fixtures of the same names."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

#: As of a plugin of somebody else's, which runs coroutine functions its own way.
THEIRS = """
import inspect
import pytest

@pytest.fixture
def page(request):
    return "their page"

@pytest.fixture
def browser():
    return "their browser"

@pytest.hookimpl()
def pytest_pyfunc_call(pyfuncitem):
    if inspect.iscoroutinefunction(pyfuncitem.obj):
        coroutine = pyfuncitem.obj(**{name: pyfuncitem.funcargs[name] for name in pyfuncitem._fixtureinfo.argnames})
        with pytest.raises(StopIteration):
            coroutine.send(None)
        return True
"""

TESTS = """
import sys

async def test_theirs(page, browser):
    assert (page, browser) == ("their page", "their browser")
    assert "twisted.internet.reactor" not in sys.modules
"""


def test_what_others_have_is_left_to_them(tmp_path: Path) -> None:
    (tmp_path / "conftest.py").write_text(THEIRS)
    (tmp_path / "test_theirs.py").write_text(TESTS)
    # Named here, too, for a checkout that was installed before there was a plugin.
    loaded = (
        "import importlib.metadata as m; print(any(each.name == 'txcdp' for each in m.entry_points(group='pytest11')))"
    )
    known = subprocess.run([sys.executable, "-c", loaded], capture_output=True, text=True, check=True).stdout.strip()
    plugin = [] if known == "True" else ["-p", "txcdp._pytest_plugin"]
    command = [sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider", *plugin, str(tmp_path)]
    done = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True, check=False)
    assert "1 passed" in done.stdout, done.stdout
