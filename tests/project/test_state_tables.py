"""The state machines in the documentation: each is drawn from the code's own table."""

from __future__ import annotations

import runpy
from pathlib import Path

import pytest

DOCS = Path(__file__).parents[2] / "docs"
SCRIPT = runpy.run_path(str(DOCS / "state_tables.py"))
TABLES, drawing = SCRIPT["TABLES"], SCRIPT["drawing"]


def test_each_drawing_has_its_table_and_its_place() -> None:
    text = (DOCS / "architecture.rst").read_text(encoding="utf-8")
    assert {each.stem for each in (DOCS / "states").glob("*.inc")} == set(TABLES)
    assert [name for name in TABLES if f".. include:: states/{name}.inc\n" not in text] == []


@pytest.mark.parametrize("name", TABLES)
def test_the_documentation_has_the_table_that_the_code_has(name: str) -> None:
    """``python docs/state_tables.py`` draws it anew."""
    drawn = (DOCS / "states" / f"{name}.inc").read_text(encoding="utf-8")
    assert drawn == drawing(TABLES[name])


def test_whatever_may_happen_is_drawn() -> None:
    for table in TABLES.values():
        drawn = drawing(table)
        assert drawn.count("   * -") == len(table) + 1
        for (state, told), then in table.items():
            for word in (f"``{state.value}``\n", f" {told.value}\n", then.value):
                assert word in drawn
