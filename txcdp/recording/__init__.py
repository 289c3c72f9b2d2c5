"""Records a browser's events durably, and reads them back."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from txcdp.recording.compression import MissingLibrary
from txcdp.recording.entries import CommandEntry, Damage, Entry, EventEntry, NoteEntry, ReplyEntry
from txcdp.recording.filters import Filter
from txcdp.recording.jsonlines import JsonLines
from txcdp.recording.reading import read
from txcdp.recording.recorder import Recorder
from txcdp.recording.stats import RecorderStats

if TYPE_CHECKING:
    from txcdp.recording.sqlite import SQLite

__all__ = [
    "CommandEntry",
    "Damage",
    "Entry",
    "EventEntry",
    "Filter",
    "JsonLines",
    "MissingLibrary",
    "NoteEntry",
    "Recorder",
    "RecorderStats",
    "ReplyEntry",
    "SQLite",
    "read",
]


def __getattr__(name: str) -> Any:
    """Import the database only where it is wanted: a Python may have none."""
    if name == "SQLite":
        from txcdp.recording.sqlite import SQLite

        return SQLite
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
