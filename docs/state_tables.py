"""Draw the tables of states that the code has into the pages that tell of them.

::

    python docs/state_tables.py            # writes them
    python docs/state_tables.py --check    # exits with 1 where one has changed
"""

from __future__ import annotations

import enum
import sys
from collections.abc import Mapping
from pathlib import Path

from txcdp._core.sessions import life

DOCS = Path(__file__).parent


def table(transitions: Mapping[enum.Enum, Mapping[enum.Enum, enum.Enum]], happenings: type[enum.Enum]) -> str:
    """Return a table in reStructuredText: a row for each state, a column for each thing that can happen to it."""
    rows = [["", *(each.value for each in happenings)]]
    for state, following in transitions.items():
        cells = [following.get(each) for each in happenings]
        rows.append([f"**{state.value}**", *("" if each is None else each.value for each in cells)])
    widths = [max(len(row[column]) for row in rows) for column in range(len(rows[0]))]
    rule = "+" + "+".join("-" * (width + 2) for width in widths) + "+"
    lines = [rule]
    for number, row in enumerate(rows):
        cells = (f" {cell.ljust(width)} " for cell, width in zip(row, widths, strict=True))
        lines += ["|" + "|".join(cells) + "|", rule if number else rule.replace("-", "=")]
    return "\n".join(lines)


#: What is drawn, by the page and the name that marks its place there.
TABLES = {("architecture.rst", "a session"): table(life.TRANSITIONS, life.Happening)}


def drawn(text: str, name: str, picture: str) -> str:
    """Return a page with a picture in its place.

    :raises ValueError: the page has no place for it.
    """
    begin, end = f".. The states of {name}, by docs/state_tables.py:\n\n", f"\n\n.. The end of {name}'s states.\n"
    before, found, rest = text.partition(begin)
    _, ended, after = rest.partition(end)
    if not found or not ended:
        raise ValueError(f"there is no place for the states of {name}")
    return before + begin + picture + end + after


def pages() -> dict[Path, tuple[str, str]]:
    """Return what is on each page, and what should be."""
    found: dict[Path, tuple[str, str]] = {}
    for (page, name), picture in TABLES.items():
        path = DOCS / page
        before, now = found.get(path) or (path.read_text(encoding="utf-8"),) * 2
        found[path] = before, drawn(now, name, picture)
    return found


def main(arguments: list[str]) -> int:
    """Write, or check."""
    changed = {path: now for path, (before, now) in pages().items() if before != now}
    for path, now in changed.items():
        if "--check" in arguments:
            sys.stdout.write(f"{path}: run python docs/state_tables.py\n")
        else:
            path.write_text(now, encoding="utf-8")
    return int("--check" in arguments and bool(changed))


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
