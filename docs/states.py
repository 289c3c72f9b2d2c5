"""Draws the state machines from their tables: ``python docs/states.py`` writes what the pages include."""

from __future__ import annotations

from pathlib import Path

from txcdp.model import TRANSITIONS, NavigationInput, NavigationState

HERE = Path(__file__).parent


def navigation() -> str:
    """Draw a navigation: each state that is no end, with what may happen in it and what follows."""
    lines = [".. list-table::", "   :header-rows: 1", "   :widths: 16 52 32", ""]
    lines += ["   * - state", "     - what happens", "     - then it is"]
    for state in NavigationState:
        steps = [(told, TRANSITIONS[state, told]) for told in NavigationInput if (state, told) in TRANSITIONS]
        for index, (told, then) in enumerate(steps):
            end = "**" if then.is_end else ""
            lines += [
                f"   * - {f'``{state.value}``' if not index else ''}".rstrip(),
                f"     - {told.value}",
                f"     - {end}{then.value}{end}",
            ]
    return "\n".join([*lines, ""])


#: What is drawn, by the file that it is written to.
DRAWINGS = {HERE / "states" / "navigation.inc": navigation}


if __name__ == "__main__":
    for path, draw in DRAWINGS.items():
        path.parent.mkdir(exist_ok=True)
        path.write_text(draw(), encoding="utf-8")
