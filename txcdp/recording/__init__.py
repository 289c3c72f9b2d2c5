"""Records a browser's events durably, and reads them back."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from txcdp.network._har_reading import NoHar
from txcdp.recording._compression import MissingLibrary
from txcdp.recording._entries import CommandEntry, Damage, Entry, EventEntry, NoteEntry, ReplyEntry
from txcdp.recording._failures import WrongSchema
from txcdp.recording._filters import Filter
from txcdp.recording._jsonlines import JsonLines
from txcdp.recording._reading import read
from txcdp.recording._recorded_browser import RecordedBrowser
from txcdp.recording._recorder import Recorder
from txcdp.recording._replay import Replay, replay
from txcdp.recording._sinks import Host, Sink
from txcdp.recording._stats import RecorderStats

if TYPE_CHECKING:
    from txcdp.recording._sqlite import SQLite

__all__ = [
    "CommandEntry",
    "Damage",
    "Entry",
    "EventEntry",
    "Filter",
    "Host",
    "JsonLines",
    "MissingLibrary",
    "NoHar",
    "NoteEntry",
    "RecordedBrowser",
    "Recorder",
    "RecorderStats",
    "Replay",
    "ReplyEntry",
    "SQLite",
    "Sink",
    "WrongSchema",
    "read",
    "replay",
]


def __getattr__(name: str) -> Any:
    """Import the database only when it is needed: some Pythons have none."""
    if name == "SQLite":
        from txcdp.recording._sqlite import SQLite

        return SQLite
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")


def __dir__() -> list[str]:
    """List the public names, whether already imported or not, and nothing else."""
    return sorted({*__all__, *(name for name in globals() if name.startswith("__"))})
