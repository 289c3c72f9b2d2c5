"""Formats a console entry as a line; its text comes from the model."""

from __future__ import annotations

import re
from collections.abc import Sequence

from txcdp.cli._lines import Line, Mood
from txcdp.cli._text import clean
from txcdp.cli._urls import place
from txcdp.domains import runtime
from txcdp.model import ConsoleEntry

_MOODS: dict[str, Mood] = {"error": "bad", "warning": "warning", "debug": "quiet"}


def line(entry: ConsoleEntry, verbose: bool) -> Line:
    """Return an entry as a line.

    :param verbose: whether to include everything below its first line: its stack, and the rest of its text.
    """
    where = clean(place(entry.url, entry.line_number, entry.column_number)) if entry.url else ""
    mood = _MOODS.get(entry.level, "plain")
    frames = _frames(entry.stack)
    first, *rest = entry.text.split("\n")
    if entry.source == "exception":
        more = rest or frames
        tag, mark, text = "error", "uncaught", clean(first)
    elif entry.source == "console-api":
        more = [*rest, *frames]
        tag, mark, text = "console", clean(entry.type), clean(first if _is_stack(rest) else entry.text)
    else:
        more = frames
        tag, mark, text = "console", clean(entry.type), clean(f"{entry.source}: {entry.text}")
    return Line(tag, mark, text, place=where, mood=mood, more=tuple(map(clean, more)) if verbose else ())


def _is_stack(rest: Sequence[str]) -> bool:
    return bool(rest) and all(re.match(r"\s+at ", each) for each in rest)


def _frames(stack: runtime.StackTrace | None) -> list[str]:
    return [
        f"    at {each.function_name or '(anonymous)'} ({place(each.url, each.line_number, each.column_number)})"
        for each in (stack.call_frames if stack else [])
    ]
