"""The state machines in the documentation: each is drawn from the code's own table."""

from __future__ import annotations

import enum
import runpy
from pathlib import Path

import pytest

from txcdp._states import StateMachine

DOCS = Path(__file__).parents[2] / "docs"
SCRIPT = runpy.run_path(str(DOCS / "state_tables.py"))
TABLES, drawing = SCRIPT["TABLES"], SCRIPT["drawing"]

Light = enum.Enum("Light", "RED GREEN")
Press = enum.Enum("Press", "ONCE TWICE")


def test_each_drawing_has_its_table_and_its_place() -> None:
    text = (DOCS / "architecture.rst").read_text(encoding="utf-8")
    assert {each.stem for each in (DOCS / "states").glob("*.inc")} == set(TABLES)
    assert [name for name in TABLES if f".. include:: states/{name}.inc\n" not in text] == []


@pytest.mark.parametrize("name", TABLES)
def test_the_documentation_has_the_table_that_the_code_has(name: str) -> None:
    """``python docs/state_tables.py`` draws it again."""
    drawn = (DOCS / "states" / f"{name}.inc").read_text(encoding="utf-8")
    assert drawn == drawing(TABLES[name])


def test_whatever_may_happen_is_drawn() -> None:
    for table in TABLES.values():
        drawn = drawing(table)
        assert drawn.count("   * -") == len(table) + 1
        for (state, told), then in table.items():
            for word in (f"``{state.value}``\n", f" {told.value}\n", then.value):
                assert word in drawn


@pytest.mark.parametrize("name", TABLES)
def test_each_state_leads_to_an_end(name: str) -> None:
    steps = {(before, then) for (before, _), then in TABLES[name].items()}
    begun = {before for before, _ in steps}
    kind: type[enum.Enum] = type(next(iter(begun)))
    ends = set(kind) - begun
    assert ends
    reached = set(ends)
    while more := {before for before, then in steps if then in reached} - reached:
        reached |= more
    assert reached == begun | ends


def test_a_machine_takes_the_steps_of_its_table_alone() -> None:
    machine = StateMachine({(Light.RED, Press.ONCE): Light.GREEN}, Light.RED)
    assert (machine.happened(Press.TWICE), machine.state) == (False, Light.RED)
    assert (machine.happened(Press.ONCE), machine.state) == (True, Light.GREEN)
    assert (machine.happened(Press.ONCE), machine.state) == (False, Light.GREEN)
