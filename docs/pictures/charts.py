"""Make the charts of the documentation, and its table of the clients, of stored figures: ``make pictures``.

The figures are those of one run of the benchmarks on one machine, in ``clients.json``; a test holds all to that file.
They are measured anew, and stored, by::

    tests/lab/benchmarks/run .venv/bin/python --peers --store docs/pictures/clients.json
"""

from __future__ import annotations

import html
import json
import re
import sys
import textwrap
from pathlib import Path
from typing import Any

from tests.lab.benchmarks.figures import clients_caption, clients_table

HERE = Path(__file__).parent
STORED, PAGE = HERE / "clients.json", HERE.parent / "performance.rst"
WIDTH, ROW, NAMES = 720, 30, 200
#: What is made is between these two lines of the page.
BEGIN, END = ".. The table is made of pictures/clients.json by pictures/charts.py.", ".. Here it ends."


def stored() -> dict[str, Any]:
    """Return the figures."""
    found: dict[str, Any] = json.loads(STORED.read_text(encoding="utf-8"))
    return found


def rates(document: dict[str, Any], mode: str) -> dict[str, float]:
    """Return messages a second by client."""
    return {name: figures[mode]["rate"] for name, figures in document["clients"].items() if mode in figures}


def chart(title: str, values: dict[str, float]) -> str:
    """Return bars as SVG, the largest first; its colours do on light and dark grounds."""
    largest = max(values.values())
    rows = sorted(values.items(), key=lambda each: -each[1])
    lines = [
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {WIDTH} {ROW * len(rows) + 44}" role="img">',
        f"<title>{html.escape(title)}</title>",
        "<style>text { font: 13px system-ui, sans-serif; fill: #747c89 }",
        ".own { font-weight: 700; fill: #2f7de1 }</style>",
        f'<text x="0" y="20" font-weight="600">{html.escape(title)}</text>',
    ]
    for number, (name, value) in enumerate(rows):
        y, own = 36 + number * ROW, name == "txcdp"
        length = max(2, round(value / largest * (WIDTH - NAMES - 70)))
        text, mark = f"{value / 1000:.3g}K", ' class="own"' * own
        lines += [
            f'<text x="{NAMES - 10}" y="{y + 15}" text-anchor="end"{mark}>{html.escape(name)}</text>',
            f'<rect x="{NAMES}" y="{y}" width="{length}" height="20" rx="3" fill="{"#2f7de1" if own else "#9aa5b5"}"/>',
            f'<text x="{NAMES + length + 8}" y="{y + 15}"{mark}>{text}</text>',
        ]
    return "\n".join([*lines, "</svg>", ""])


def charts(document: dict[str, Any]) -> dict[str, str]:
    """Return all charts by the names of their files."""
    return {
        "events.svg": chart("Events of 1 KB a second, to one subscriber", rates(document, "flood")),
        "commands.svg": chart("Commands a second, 100 in flight", rates(document, "pipe")),
    }


def page(text: str, document: dict[str, Any]) -> str:
    """Return the page with the table of the figures in it."""
    caption = f"Messages a second / microseconds of processor time for each. {clients_caption(document)}."
    made = "\n".join([BEGIN, "", *textwrap.wrap(caption, 118), "", *clients_table(document), "", END])
    return re.sub(f"(?s){re.escape(BEGIN)}.*{re.escape(END)}", lambda _: made, text)


if __name__ == "__main__":
    document = stored()
    PAGE.write_text(page(PAGE.read_text(encoding="utf-8"), document), encoding="utf-8")
    for name, svg in charts(document).items():
        (HERE / name).write_text(svg, encoding="utf-8")
        sys.stdout.write(f"{HERE / name}\n")
