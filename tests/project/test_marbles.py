"""The diagrams of operators and policies in the documentation: each is what the real thing does."""

from __future__ import annotations

import runpy
from pathlib import Path

import pytest

DOCS = Path(__file__).parents[2] / "docs"
SCRIPT = runpy.run_path(str(DOCS / "marbles.py"))
DRAWN: dict[str, str] = SCRIPT["drawings"]()


def test_each_diagram_has_its_place() -> None:
    text = (DOCS / "howto" / "streams.rst").read_text(encoding="utf-8")
    assert {each.stem for each in (DOCS / "marbles").glob("*.inc")} == set(DRAWN)
    assert [name for name in DRAWN if f".. include:: ../marbles/{name}.inc\n" not in text] == []


@pytest.mark.parametrize("name", DRAWN)
def test_the_documentation_has_what_happens(name: str) -> None:
    """``python docs/marbles.py`` draws it again."""
    assert (DOCS / "marbles" / f"{name}.inc").read_text(encoding="utf-8") == DRAWN[name]
