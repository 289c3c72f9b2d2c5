"""The charts of the documentation say what its tables say, and its animated picture what was recorded."""

from __future__ import annotations

import importlib.util
import json
import re
import subprocess
import sys
from pathlib import Path
from types import ModuleType
from xml.etree import ElementTree as ET

import pytest

from tests.lab.benchmarks.compare import Client, Comparison
from tests.lab.benchmarks.figures import store

PICTURES = Path(__file__).parents[2] / "docs" / "pictures"


def script(name: str) -> ModuleType:
    spec = importlib.util.spec_from_file_location(name, PICTURES / f"{name}.py")
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


@pytest.fixture(scope="module")
def charts() -> ModuleType:
    return script("charts")


@pytest.fixture(scope="module")
def session() -> ModuleType:
    return script("session")


def test_the_animated_picture_is_what_was_recorded(session: ModuleType) -> None:
    assert session.PROGRAM.read_text(encoding="utf-8").splitlines() == session.stored()["program"], "make pictures"
    assert session.PICTURE.read_text(encoding="utf-8") == session.picture(), "python docs/pictures/session.py --draw"


def test_the_animated_picture_shows_all_of_it_in_the_end(session: ModuleType) -> None:
    namespace = "{http://www.w3.org/2000/svg}"
    picture = ET.fromstring(session.picture())
    texts = [
        "".join(each.text or "" for each in line.iter(f"{namespace}text")) for line in picture.iter(f"{namespace}g")
    ]
    shown = [re.sub(r"\s", "", each) for each in texts]
    assert [re.sub(r"\s", "", line) for _, line in session.stored()["output"]] == [each for each in shown if each]
    assert "prefers-reduced-motion" in session.picture()
    # Nothing is cut off, at the right nor at the bottom.
    for text in picture.iter(f"{namespace}text"):
        assert float(text.get("x", "0")) + float(text.get("textLength", "0")) < float(picture.get("width", "0")) - 20
        assert float(text.get("y", "0")) < float(picture.get("height", "0")) - 15


def test_silences_are_shortened_and_the_order_is_kept(session: ModuleType) -> None:
    assert session.shortened([9.0, 9.1, 9.1, 15.0]) == pytest.approx([1.2, 1.3, 1.3, 2.5])


def test_charts_are_what_the_figures_say(charts: ModuleType) -> None:
    for name, svg in charts.charts(charts.stored()).items():
        assert (PICTURES / name).read_text(encoding="utf-8") == svg, "python docs/pictures/charts.py writes it"
        ET.fromstring(svg)


def test_the_table_is_what_the_figures_say(charts: ModuleType) -> None:
    text = charts.PAGE.read_text(encoding="utf-8")
    assert text.count(charts.BEGIN) == text.count(charts.END) == 1
    assert text == charts.page(text, charts.stored()), "python docs/pictures/charts.py writes it"


def test_what_is_stored_is_told(charts: ModuleType) -> None:
    document = {
        "python": "3.12.1", "machine": "arm64", "pinned": False, "rounds": 3, "seconds": 0.5, "date": "2026-01-02",
        "modes": {"pipe": "many", "pipeline": "piped", "big": "MB/s"},
        "clients": {
            "txcdp": {"pipe": {"rate": 139_000.0, "cpu_us": 6.84}, "pipeline": {"rate": 36_890.0, "cpu_us": 17.2}},
            "other": {"pipe": {"rate": 15_000.0, "cpu_us": 57.1}, "big": {"mb_s": 1624.3, "cpu_us": 9.0}},
        },
    }  # fmt: skip
    told = charts.page(f"before\n{charts.BEGIN}\nold\n{charts.END}\nafter", document)
    rows = [re.split(r" {2,}", line) for line in told.splitlines() if line.startswith(("txcdp", "other"))]
    assert rows == [
        ["txcdp", "139K / 6.8", "36.9K / 17", "\\-"],
        ["other", "15.0K / 57", "\\-", "1,624"],
    ]
    assert "old" not in told
    assert "Python 3.12.1, arm64, not pinned to a processor" in told
    assert charts.rates(document, "pipe") == {"txcdp": 139_000, "other": 15_000}


def test_a_comparison_is_stored_with_what_it_is_of(tmp_path: Path) -> None:
    comparison = Comparison([Client("txcdp", []), Client("other", [])], 3, 0.5)
    for rate in (10.0, 30.0, 20.0):
        comparison.found.setdefault(("txcdp", "pipe"), []).append({"rate": rate, "cpu_us": rate / 10})
    store(tmp_path / "new" / "clients.json", comparison.document())
    document = json.loads((tmp_path / "new" / "clients.json").read_text(encoding="utf-8"))
    assert document["clients"] == {"txcdp": {"pipe": {"rate": 20.0, "cpu_us": 2.0}}, "other": {}}
    assert {"date", "machine", "python", "processors", "versions", "peers"} <= set(document)
    assert "txcdp" in document["versions"]


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
