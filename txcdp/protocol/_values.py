"""Values from outside, converted to the expected types or left out: neither files nor browsers are trusted."""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping
from typing import Any

#: Larger numbers are not exact in JavaScript.
_MOST = 1 << 53


def text_of(value: object, most: int) -> str:
    """Return a text, truncated if it is long; "" if the value is not a text."""
    return value[:most] if isinstance(value, str) else ""


def number_of(value: object) -> float | None:
    """Return a finite number that is 0 or more; None for anything else, and for -1, which often means that."""
    if isinstance(value, bool) or not isinstance(value, int | float):
        return None
    if isinstance(value, float) and not math.isfinite(value):
        return None
    return float(value) if 0 <= value < _MOST else None


def count_of(value: object) -> int | None:
    """Return a whole number that is 0 or more; None for anything else."""
    number = number_of(value)
    return None if number is None else int(number)


def dict_of(value: object) -> dict[str, Any]:
    """Return a mapping; an empty one if the value is not a mapping."""
    return value if isinstance(value, dict) else {}


def list_of(value: object) -> list[Any]:
    """Return a list; an empty one if the value is not a list."""
    return value if isinstance(value, list) else []


def header_pairs(pairs: Iterable[tuple[object, object]], most: int = 1_000) -> list[tuple[str, str]]:
    """Return the pairs that are headers: those of two texts."""
    found = [(name, value) for name, value in pairs if isinstance(name, str) and isinstance(value, str)]
    return found[:most]


def headers_of(value: object) -> list[tuple[str, str]]:
    """Return the headers of a mapping, in which the values of one name are joined by line breaks."""
    if not isinstance(value, Mapping):
        return []
    return header_pairs((name, each) for name, joined in value.items() for each in str(joined).split("\n"))
