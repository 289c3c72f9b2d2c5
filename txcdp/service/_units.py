"""Sizes, durations and lists, as people write them on a command line."""

from __future__ import annotations

import re

_SIZES = {"": 1, "K": 1024, "M": 1024**2, "G": 1024**3, "T": 1024**4}
_SECONDS = {"": 1.0, "ms": 0.001, "s": 1.0, "m": 60.0, "min": 60.0, "h": 3600.0, "d": 86400.0}


def size(text: str) -> int:
    """Parse a number of bytes: ``4096``, ``256K``, ``64M``, ``1.5G``, optionally followed by ``B`` or ``iB``.

    :raises ValueError: it is not a number of bytes.
    """
    found = re.fullmatch(r"\s*(\d+(?:\.\d+)?)\s*([KMGT]?)(?:i?B)?\s*", text, re.IGNORECASE)
    if found is None:
        raise ValueError(f"{text!r} is not a size: write it like 4096, 256K, 64M or 1.5G")
    return int(float(found[1]) * _SIZES[found[2].upper()])


def seconds(text: str) -> float:
    """Parse a duration: ``90``, ``1.5s``, ``10m``, ``2h``, ``1d``, ``250ms``.

    :raises ValueError: it is not a duration.
    """
    found = re.fullmatch(r"\s*(\d+(?:\.\d+)?)\s*([a-z]*)\s*", text, re.IGNORECASE)
    if found is None or found[2].lower() not in _SECONDS:
        raise ValueError(f"{text!r} is not a duration: write it like 90, 1.5s, 10m, 2h, 1d or 250ms")
    return float(found[1]) * _SECONDS[found[2].lower()]


def names(text: str) -> list[str]:
    """Parse a list whose items are separated by commas.

    :raises ValueError: the list is empty.
    """
    found = [each.strip() for each in text.split(",") if each.strip()]
    if not found:
        raise ValueError(f"{text!r}: expected at least one name")
    return found
