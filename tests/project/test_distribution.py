"""What ``pip install`` installs, which is not what an editable checkout shows: the wheel is built, and used alone."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import sysconfig
import zipfile
from collections.abc import Sequence
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
BUILD = ("setup.py", "pyproject.toml", "MANIFEST.in", "README.rst", "LICENSE", "txcdp", "twisted")

TWISTD = "from twisted.scripts.twistd import run; run()"


def run(arguments: Sequence[str], folder: Path, **variables: str) -> str:
    """Run Python in a folder; return what it says."""
    done = subprocess.run(
        [sys.executable, *arguments],
        cwd=folder,
        env={**os.environ, **variables},
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stdout
    return done.stdout


@pytest.fixture(scope="module")
def installed(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Build the wheel, of a copy, and return a folder with what is in it."""
    folder = tmp_path_factory.mktemp("distribution")
    copy, wheels, installed = (folder / name for name in ("copy", "wheels", "installed"))
    copy.mkdir()
    for name in BUILD:
        if (ROOT / name).is_dir():
            shutil.copytree(ROOT / name, copy / name, ignore=shutil.ignore_patterns("__pycache__", "dropin.cache"))
        else:
            shutil.copy(ROOT / name, copy)
    options = ["--no-deps", "--no-build-isolation", "--no-index", "--disable-pip-version-check", "--wheel-dir"]
    run(["-m", "pip", "wheel", *options, str(wheels), str(copy)], folder)
    (wheel,) = wheels.glob("txcdp-*.whl")
    with zipfile.ZipFile(wheel) as archive:
        archive.extractall(installed)
    return installed


def test_all_that_is_wanted_is_in_the_wheel(installed: Path) -> None:
    wanted = {path.relative_to(ROOT) for path in (ROOT / "txcdp").rglob("*.py")}
    wanted |= {path.relative_to(ROOT) for path in (ROOT / "txcdp" / "gateway" / "live" / "assets").iterdir()}
    wanted |= {path.relative_to(ROOT) for path in (ROOT / "txcdp" / "codegen" / "protocol").iterdir()}
    wanted |= {Path("txcdp/py.typed"), Path("twisted/plugins/txcdp_plugin.py")}
    found = {path.relative_to(installed) for path in installed.rglob("*") if path.is_file()}
    assert wanted - found == set()
    (metadata,) = {each.parts[0] for each in found} - {"txcdp", "twisted"}
    assert metadata.endswith(".dist-info")
    assert {each for each in found if each.parts[0] == "twisted"} == {Path("twisted/plugins/txcdp_plugin.py")}


def test_twistd_knows_it(installed: Path) -> None:
    """Without the checkout: an editable installation has a ``.pth`` file that leads there, and -S ignores such."""
    paths = [str(installed), sysconfig.get_path("purelib"), sysconfig.get_path("platlib")]
    said = run(["-S", "-c", TWISTD, "--help"], installed.parent, PYTHONPATH=os.pathsep.join(paths))
    assert "    txcdp " in said
    said = run(["-S", "-c", TWISTD, "txcdp", "--help"], installed.parent, PYTHONPATH=os.pathsep.join(paths))
    assert "gateway" in said
    where = "import txcdp; print(txcdp.__file__)"
    found = run(["-S", "-c", where], installed.parent, PYTHONPATH=os.pathsep.join(paths))
    assert Path(found.strip()).is_relative_to(installed)
