"""Counters of a connection: plain integers, updated as things happen, which can be read at any time."""

from __future__ import annotations

from dataclasses import asdict, dataclass, field
from typing import Any

__all__ = ["MethodStats", "Stats"]


@dataclass(slots=True)
class MethodStats:
    """Counts and times of the commands of one method; times in seconds."""

    sent: int = 0
    replies: int = 0
    errors: int = 0
    seconds_total: float = 0.0
    seconds_max: float = 0.0

    @property
    def seconds_mean(self) -> float:
        """The mean time from sending to the outcome; 0 if there was none."""
        done = self.replies + self.errors
        return self.seconds_total / done if done else 0.0


@dataclass(slots=True)
class Stats:
    """Counts of what a connection has seen so far.

    :ivar timeouts: commands that timed out.
    :ivar cancelled: commands cancelled by their callers.
    :ivar late: replies to commands that had timed out or been cancelled before.
    :ivar unknown: replies to no command, events of unknown sessions, errors without an id.
    :ivar malformed: messages that could not be read.
    :ivar lenient: messages that did not match the bindings and were decoded leniently.
    :ivar events: events delivered to at least one stream.
    :ivar ignored: events without a subscriber, which were not decoded.
    :ivar dropped: items that queues dropped.
    :ivar subscriber_errors: subscriptions that were ended because they raised.
    :ivar reconnects: how often a lost connection was replaced.
    :ivar not_restored: commands that set up sessions and failed when they were repeated on a new connection.
    :ivar methods: per command method, see :class:`MethodStats`.
    """

    timeouts: int = 0
    cancelled: int = 0
    late: int = 0
    unknown: int = 0
    malformed: int = 0
    lenient: int = 0
    events: int = 0
    ignored: int = 0
    dropped: int = 0
    subscriber_errors: int = 0
    reconnects: int = 0
    not_restored: int = 0
    bytes_sent: int = 0
    bytes_received: int = 0
    methods: dict[str, MethodStats] = field(default_factory=dict)

    @property
    def sent(self) -> int:
        """Commands sent."""
        return sum(each.sent for each in self.methods.values())

    @property
    def replies(self) -> int:
        """Results received."""
        return sum(each.replies for each in self.methods.values())

    @property
    def errors(self) -> int:
        """Refusals received."""
        return sum(each.errors for each in self.methods.values())

    def as_dict(self) -> dict[str, Any]:
        """Return everything as plain data, for JSON or a metrics page."""
        return {"sent": self.sent, "replies": self.replies, "errors": self.errors, **asdict(self)}

    def _count_lenient(self) -> None:
        """Count a message that had to be read tolerantly."""
        self.lenient += 1
