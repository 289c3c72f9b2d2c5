"""The counters of a recorder."""

from __future__ import annotations

from dataclasses import asdict, dataclass


@dataclass(frozen=True)
class RecorderStats:
    """The counters of a recorder so far.

    :ivar events: events that arrived and are, or will be, written; with ``commands=True`` also commands and replies.
    :ivar dropped: how many of them were dropped instead.
    :ivar unreadable: messages that could not be written because they cannot be decoded.
    :ivar written: lines passed to the operating system, including notes; ``bytes_written``: their bytes before
        compression.
    :ivar waiting: bytes waiting in memory.
    :ivar failures: how often writing failed, and was tried again.
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
