"""Text for a terminal: sanitizing, measuring, truncating, and formatting numbers."""

from __future__ import annotations

import unicodedata

from txcdp._privacy import KEPT
from txcdp._privacy import printable as clean
from txcdp._privacy import printable_json as clean_json

__all__ = ["clean", "clean_json", "count", "cut", "cut_middle", "pad", "seconds", "size", "width"]


def width(text: str) -> int:
    """Return how many columns of a terminal a clean text takes."""
    if text.isascii():
        return len(text)
    return sum(_columns(each) for each in text)


def _columns(character: str) -> int:
    if unicodedata.combining(character) or character in KEPT or "\ufe00" <= character <= "\ufe0f":
        return 0
    return 2 if unicodedata.east_asian_width(character) in "WF" else 1


def cut(text: str, room: int) -> str:
    """Return the beginning of a clean text that fits, with an ellipsis for the rest."""
    if width(text) <= room:
        return text
    return _beginning(text, room - 1) + "…" if room > 0 else ""


def cut_middle(text: str, room: int) -> str:
    """Return a clean text; if it does not fit, its beginning and end, with an ellipsis between them."""
    if width(text) <= room:
        return text
    if room < 8:
        return cut(text, room)
    front = (room - 1) // 2
    return _beginning(text, front) + "…" + _beginning(text[::-1], room - 1 - front)[::-1]


def _beginning(text: str, room: int) -> str:
    used = 0
    for at, character in enumerate(text):
        used += _columns(character)
        if used > room:
            return text[:at]
    return text


def pad(text: str, columns: int) -> str:
    """Return a clean text filled up with spaces."""
    return text + " " * (columns - width(text))


def size(number: float) -> str:
    """Write a number of bytes: ``"312 B"``, ``"4.2 kB"``, ``"17 MB"``."""
    if number < 1000:
        return f"{number:.0f} B"
    for unit in ("kB", "MB", "GB"):
        number /= 1000
        if number < 999.5 or unit == "GB":
            break
    return f"{number:.1f} {unit}" if number < 9.95 else f"{number:.0f} {unit}"


def seconds(number: float) -> str:
    """Write a number of seconds: ``"12 ms"``, ``"1.21 s"``, ``"2 min 3 s"``."""
    if number < 0.9995:
        return f"{max(number, 0) * 1000:.0f} ms"
    if number < 99.5:
        return f"{number:.2f} s" if number < 9.995 else f"{number:.1f} s"
    minutes, rest = divmod(round(number), 60)
    return f"{minutes} min {rest} s"


def count(number: int, singular: str) -> str:
    """Write how many there are of something: ``"1 request"``, ``"2 requests"``."""
    return f"{number} {singular}" if number == 1 else f"{number} {singular}s"
