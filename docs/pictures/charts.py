"""Draw the charts of the documentation from its tables of measurements: ``make pictures``.

The numbers are read from ``docs/performance.rst``, so a chart says what the table says; a test holds it to that.
"""

from __future__ import annotations

import html
import re
import sys
from pathlib import Path

HERE = Path(__file__).parent
TABLES = HERE.parent / "performance.rst"
WIDTH, ROW, NAMES = 720, 30, 200


def measured(text: str, column: str) -> dict[str, float]:
    """Return a column of the first table that has it: messages a second by client."""
    for found in re.finditer(r"^(=+(?: +=+)+)\n(.+)\n\1\n((?:.+\n)+?)\1$", text, re.MULTILINE):
        edges = [each.span() for each in re.finditer("=+", found[1])]
        names = [found[2][begin:end].strip() for begin, end in edges]
        if column in names:
            begin, end = edges[names.index(column)]
            rows = found[3].splitlines()
            cells = {row[: edges[0][1]].strip(): row[begin:end].strip() for row in rows}
            return {name: _number(cell) for name, cell in cells.items() if cell[:1].isdigit()}
    raise LookupError(f"no table has a column {column!r}")


def chart(title: str, values: dict[str, float]) -> str:
    """Return bars as SVG, the largest first; its colours do on light and dark grounds."""
    largest = max(values.values())
    rows = sorted(values.items(), key=lambda each: -each[1])
    lines = [
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {WIDTH} {ROW * len(rows) + 44}" role="img">',
        f"<title>{html.escape(title)}</title>",
        "<style>text { font: 13px system-ui, sans-serif; fill: #6b7280 }",
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


def charts() -> dict[str, str]:
    """Return all charts by the names of their files."""
    text = TABLES.read_text(encoding="utf-8")
    return {
        "events.svg": chart("Events of 1 KB a second, to one subscriber", measured(text, "events, 1 KB")),
        "commands.svg": chart("Commands a second, 100 in flight", measured(text, "100 in flight")),
    }


def _number(cell: str) -> float:
    found = re.match(r"([\d.,]+)(K?)", cell)
    assert found is not None
    return float(found[1].replace(",", "")) * (1000 if found[2] else 1)


if __name__ == "__main__":
    for name, svg in charts().items():
        (HERE / name).write_text(svg, encoding="utf-8")
        sys.stdout.write(f"{HERE / name}\n")
