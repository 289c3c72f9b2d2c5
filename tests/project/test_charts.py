"""The charts of the documentation say what its tables say."""

from __future__ import annotations

import importlib.util
import subprocess
import sys
from pathlib import Path
from types import ModuleType
from xml.etree import ElementTree as ET

import pytest

PICTURES = Path(__file__).parents[2] / "docs" / "pictures"


@pytest.fixture(scope="module")
def charts() -> ModuleType:
    spec = importlib.util.spec_from_file_location("charts", PICTURES / "charts.py")
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def test_charts_are_what_the_tables_say(charts: ModuleType) -> None:
    for name, svg in charts.charts().items():
        assert (PICTURES / name).read_text(encoding="utf-8") == svg, "python docs/pictures/charts.py writes it"
        ET.fromstring(svg)


def test_a_column_is_read(charts: ModuleType) -> None:
    table = """
======  =====  ===========
client  slow   fast, 1 KB
======  =====  ===========
one     1 / 2  36.9K / 17
a, two  3 / 4  1,624
none    5 / 6  \\-
======  =====  ===========
"""
    assert charts.measured(table, "fast, 1 KB") == {"one": 36900, "a, two": 1624}
    with pytest.raises(LookupError, match="nothing"):
        charts.measured(table, "nothing")


def test_pictures_are_small() -> None:
    assert sum(each.stat().st_size for each in PICTURES.iterdir() if each.is_file()) < 1_500_000


def test_the_description_for_an_index_has_no_pictures_of_files() -> None:
    root = PICTURES.parents[1]
    assert ".. image:: docs/pictures/" in (root / "README.rst").read_text(encoding="utf-8")
    command = [sys.executable, "setup.py", "--quiet", "--long-description"]
    done = subprocess.run(command, cwd=root, capture_output=True, text=True, check=True)
    assert "See it work" in done.stdout
    assert ".. image::" not in done.stdout
    assert ":alt:" not in done.stdout
