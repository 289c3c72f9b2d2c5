"""What was measured, as data: the figures with the day, the machine and the versions that they are of.

The benchmarks store theirs in ``build/bench``. Those of the clients that the documentation shows are in
``docs/pictures/clients.json``: its table and its charts are made of that file, by ``make pictures``.
"""

from __future__ import annotations

import json
import os
import platform
from collections.abc import Iterator, Sequence
from datetime import UTC, datetime
from importlib.metadata import version
from pathlib import Path
from typing import Any, Final

from tests.lab.benchmarks.tables import written

ROOT: Final = Path(__file__).resolve().parents[3]
FOLDER: Final = ROOT / "build" / "bench"
VERSIONS: Final = ("txcdp", "twisted", "autobahn", "msgspec", "reactivex")


def surroundings() -> dict[str, Any]:
    """Return what figures are of: a day, a machine, versions."""
    return {
        "date": datetime.now(UTC).date().isoformat(),
        "python": platform.python_version(),
        "system": platform.system(),
        "machine": platform.machine(),
        "processors": os.cpu_count(),
        "versions": {name: version(name) for name in VERSIONS},
    }


def store(path: Path, document: dict[str, Any]) -> None:
    """Write figures down."""
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(json.dumps(document, indent=1, ensure_ascii=False) + "\n", encoding="utf-8")
    print(f"\nThe figures are in {path}.")


def tell(name: str, rows: Sequence[Sequence[str]]) -> None:
    """Print a table, of which the first row is the head, and store it as ``build/bench/NAME.json``."""
    print(*written(rows), sep="\n")
    head, *others = rows
    store(FOLDER / f"{name}.json", {**surroundings(), "head": [*head], "rows": [[*row] for row in others]})


def cell(figures: dict[str, float] | None) -> str:
    """Return messages a second and, after a slash, microseconds of processor time for each; or megabytes a second."""
    if figures is None:
        return "\\-"
    if "mb_s" in figures:
        return f"{figures['mb_s']:,.0f}"
    rate, cpu = figures["rate"], figures["cpu_us"]
    rounded = f"{rate / 1000:.0f}K" if rate >= 100_000 else f"{rate / 1000:.1f}K"
    return f"{rounded} / {cpu:.{0 if cpu >= 10 else 1}f}"


def clients_table(document: dict[str, Any]) -> Iterator[str]:
    """Write the table of the clients in reStructuredText."""
    modes: dict[str, str] = document["modes"]
    rows = [["client", *modes.values()]]
    rows += [[name, *(cell(figures.get(key)) for key in modes)] for name, figures in document["clients"].items()]
    return written(rows)


def clients_caption(document: dict[str, Any]) -> str:
    """Return in words what the figures of the clients are of."""
    where = "client and server on one processor" if document["pinned"] else "not pinned to a processor"
    rounds, seconds = document["rounds"], document["seconds"]
    return (
        f"Python {document['python']}, {document['machine']}, {where}; the median of each figure over {rounds} rounds,"
        f" about {seconds:g} s each; {document['date']}"
    )
