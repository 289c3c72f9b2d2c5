"""Draws the packages in their layers, from the table that the tests check them against: ``python docs/layers.py``."""

from __future__ import annotations

import itertools
import runpy
import textwrap
from collections.abc import Collection, Sequence
from pathlib import Path
from typing import Final

DOCS: Final = Path(__file__).parent
PICTURE: Final = DOCS / "layers.inc"

_WIDTH: Final = 78


def drawing(layers: Sequence[Sequence[str]], peers: Sequence[Collection[str]]) -> str:
    """Draw the layers, the lowest one at the bottom; packages that may import each other have an arrow between them."""
    rule = "─" * (_WIDTH + 2)
    lines = [".. code-block:: text", "", f"    ┌{rule}┐"]
    for layer in reversed(layers):
        if layer is not layers[-1]:
            lines.append(f"    ├{rule}┤")
        words = textwrap.wrap(_words(layer, peers), _WIDTH, break_on_hyphens=False)
        lines += [f"    │ {line:{_WIDTH}} │" for line in words]
    return "\n".join([*lines, f"    └{rule}┘", ""])


def _words(layer: Sequence[str], peers: Sequence[Collection[str]]) -> str:
    words = layer[0]
    for before, package in itertools.pairwise(layer):
        together = any(before in each and package in each for each in peers)
        words += f" ↔ {package}" if together else f"   {package}"
    return words


if __name__ == "__main__":
    structure = runpy.run_path(str(DOCS.parent / "tests" / "project" / "test_structure.py"))
    PICTURE.write_text(drawing(structure["LAYERS"], structure["PEERS"]), encoding="utf-8")
