"""Draws the state machines from their tables: ``python docs/state_tables.py`` writes what the pages include."""

from __future__ import annotations

import enum
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Final

from txcdp import model
from txcdp._core.sessions import life
from txcdp.gateway._pool.pooled_browser import POOLED_TRANSITIONS
from txcdp.gateway._proxy.relay import RELAY_TRANSITIONS
from txcdp.recording._recorder import RECORDER_TRANSITIONS

STATES: Final = Path(__file__).parent / "states"

#: What follows from a state and what happens in it.
Transitions = Mapping[tuple[Any, Any], enum.Enum]

_SESSION: Final[Transitions] = {
    (state, happening): then for state, row in life.TRANSITIONS.items() for happening, then in row.items()
}

#: By the name of the file that each is drawn into.
TABLES: Final[Mapping[str, Transitions]] = {
    "session": _SESSION,
    "navigation": model.TRANSITIONS,
    "exchange": model.EXCHANGE_TRANSITIONS,
    "pooled_browser": POOLED_TRANSITIONS,
    "relay": RELAY_TRANSITIONS,
    "recorder": RECORDER_TRANSITIONS,
}


def drawing(transitions: Transitions) -> str:
    """Draw a table: each state that is no end, with what may happen in it and what follows; ends are bold."""
    begun = dict.fromkeys(state for state, _ in transitions)
    lines = [".. list-table::", "   :header-rows: 1", "   :widths: 16 52 32", ""]
    lines += ["   * - state", "     - what happens", "     - then it is"]
    for state in sorted(begun, key=list(type(next(iter(begun)))).index):
        name = f"``{state.value}``"
        steps = {told: then for (before, told), then in transitions.items() if before is state}
        for told in sorted(steps, key=list(type(next(iter(steps)))).index):
            then = steps[told]
            end = "" if then in begun else "**"
            lines += [f"   * - {name}".rstrip(), f"     - {told.value}", f"     - {end}{then.value}{end}"]
            name = ""
    return "\n".join([*lines, ""])


if __name__ == "__main__":
    STATES.mkdir(exist_ok=True)
    for file, table in TABLES.items():
        (STATES / f"{file}.inc").write_text(drawing(table), encoding="utf-8")
