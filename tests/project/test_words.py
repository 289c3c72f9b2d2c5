"""The words: docstrings say in plain technical English what a thing is or does, and no allegory is left."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
DOMAINS = ROOT / "txcdp" / "domains"
OURS = [path for path in sorted((ROOT / "txcdp").rglob("*.py")) if DOMAINS not in path.parents]
EVERYTHING = [
    *OURS,
    *sorted(path for folder in ("tests", "twisted", "examples", ".ci") for path in (ROOT / folder).rglob("*.py")),
]
TEXTS = [
    *(ROOT / name for name in ("README.rst", "CONTRIBUTING.rst", "SECURITY.rst")),
    *sorted((ROOT / "docs" / "howto").glob("*.rst")),
    *sorted((ROOT / "docs").glob("*.rst")),
    *(path for path in EVERYTHING if path != Path(__file__)),
]

#: "Hear that the line is lost" does not say what is done then; "Tell whether" returns something, and tells nobody.
_OPENINGS = re.compile(r"(?:Hear|Heed|Bear|Tell (?:whether|if|so|how|what|that|of))\b")
_OPENING = re.compile(rf'^ +r?"""{_OPENINGS.pattern}.*', re.MULTILINE)

#: Of a class these say what it does for somebody, or nothing at all, but not what it is.
_OPENINGS_OF_CLASSES = re.compile(
    r"(?:Hear|How|Where|Whose|What|Whom?|See|All of (?:it|them))\b|\w+\.$|\w+s (?:it|them)(?: all)?\.$"
)
_CLASS = re.compile(r'^( *)class (\w+)[^"]*?:\n\1    """(.+?)(?:"""|$)', re.MULTILINE)

#: Of the gateway's former allegory; the field's terms are authorizer, request head, virtual transport, shared upstream
#: connection, placement, client lease, internal client and connection limiter.
_ALLEGORY = re.compile(
    r"(?<![A-Za-z])(?:door|knock|seat|seated|house|housed|lodging|lodger|tenant|errand|crowd)s?(?![a-z])", re.IGNORECASE
)

#: Words that a dictionary calls dated.
_DATED = re.compile(r"\b(?:anew|heeds?|heeded|leavings|thereupon|whereupon|hither|thither|hence)\b", re.IGNORECASE)


def places_of(pattern: re.Pattern[str], paths: list[Path]) -> list[str]:
    """Find a pattern in files."""
    return [
        f"{path.relative_to(ROOT)}:{text.count(chr(10), 0, found.start()) + 1}: {found[0]}"
        for path in paths
        for text in (path.read_text(encoding="utf-8"),)
        for found in pattern.finditer(text)
    ]


@pytest.mark.parametrize("text", ["Hear that it is gone.", "Tell whether it is.", "Tell of a crash.", "Hear, once."])
def test_odd_openings_are_found(text: str) -> None:
    assert _OPENINGS.match(text)


@pytest.mark.parametrize("text", ["class Door:", "self._seats", "upstream_house", "a tenant's", "the crowd"])
def test_allegories_are_found(text: str) -> None:
    assert _ALLEGORY.search(text)


@pytest.mark.parametrize("text", ["warehouse", "outdoor", "crowded", "Hearing", "seating"])
def test_other_words_are_not(text: str) -> None:
    assert not _ALLEGORY.search(text)
    assert not _OPENINGS.match(text)


def test_docstrings_say_what_is_done() -> None:
    wrong = places_of(_OPENING, EVERYTHING)
    assert not wrong, "These do not say what is done, or returned:\n" + "\n".join(wrong)


@pytest.mark.parametrize("text", ["Decides.", "Knows them all.", "All of it.", "What is told.", "Answers them."])
def test_odd_openings_of_classes_are_found(text: str) -> None:
    assert _OPENINGS_OF_CLASSES.match(text)


def test_docstrings_of_classes_say_what_they_are() -> None:
    found = [(path, match[2], match[3]) for path in OURS for match in _CLASS.finditer(path.read_text(encoding="utf-8"))]
    assert len(found) > 300
    wrong = [
        f"{path.relative_to(ROOT)}: {name}: {text}" for path, name, text in found if _OPENINGS_OF_CLASSES.match(text)
    ]
    assert not wrong, "These do not say what the class is:\n" + "\n".join(wrong)


def test_there_are_no_allegories() -> None:
    wrong = places_of(_ALLEGORY, TEXTS)
    assert not wrong, "The field has a term for these:\n" + "\n".join(wrong)


def test_there_are_no_dated_words() -> None:
    wrong = places_of(_DATED, TEXTS)
    assert not wrong, "Write plain English:\n" + "\n".join(wrong)
