"""The numbers of a recording."""

from __future__ import annotations

from dataclasses import asdict, dataclass


@dataclass(frozen=True)
class RecorderStats:
    """Counts of what a recorder has done so far.

    :ivar events: how many came and are, or will be, written; with ``commands=True`` these and replies as well.
    :ivar dropped: how many of them were dropped instead.
    :ivar unreadable: messages that could not be written, for nobody can read them.
    :ivar written: lines that were handed to the system, notes included, and their bytes before compression.
    :ivar waiting: bytes that wait in memory.
    :ivar failures: how often writing has failed, and was tried again.
    """

    events: int
    dropped: int
    unreadable: int
    written: int
    bytes_written: int
    waiting: int
    failures: int

    def as_dict(self) -> dict[str, int]:
        """Return all counters as a dict, for JSON."""
        return asdict(self)
