"""The gateway's counters, as plain integers: counting has to cost next to nothing."""

from __future__ import annotations

from bisect import bisect_left
from collections import Counter
from dataclasses import dataclass, field

from txcdp.domains import DOMAINS

#: Upper bounds of the latency buckets, in seconds.
BUCKETS = (0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0, 30.0)

#: The outcomes of a command.
OK, ERROR, DENIED, LOST = "ok", "error", "denied", "lost"


@dataclass(slots=True)
class DomainCounters:
    """The counts of the commands of one domain.

    :ivar outcomes: how many ended with each outcome.
    :ivar buckets: how many took how long: up to each of :data:`BUCKETS`, and longer.
    :ivar seconds: the time that all of them took.
    """

    outcomes: dict[str, int] = field(default_factory=lambda: dict.fromkeys((OK, ERROR, DENIED, LOST), 0))
    buckets: list[int] = field(default_factory=lambda: [0] * (len(BUCKETS) + 1))
    seconds: float = 0.0

    def answered(self, outcome: str, seconds: float) -> None:
        """Count a command that the browser has answered."""
        self.outcomes[outcome] += 1
        self.buckets[bisect_left(BUCKETS, seconds)] += 1
        self.seconds += seconds


@dataclass
class Counters:
    """The gateway's counters.

    :ivar clients: WebSockets that were opened, by the name of their principal.
    :ivar ended: how they ended, by a word for it.
    :ivar refused: requests that were refused, by a word for it; ``silent``: connections that were closed without one.
    :ivar renders: responses to requests for renders, by path and status.
    :ivar events: events sent to clients.
    :ivar bytes_in: bytes of messages from clients.
    :ivar bytes_out: bytes of messages to clients.
    :ivar dropped: bytes that were discarded because their client did not read them.
    """

    clients: Counter[str] = field(default_factory=Counter)
    ended: Counter[str] = field(default_factory=Counter)
    refused: Counter[str] = field(default_factory=Counter)
    renders: Counter[tuple[str, int]] = field(default_factory=Counter)
    events: int = 0
    bytes_in: int = 0
    bytes_out: int = 0
    dropped: int = 0
    domains: dict[str, DomainCounters] = field(default_factory=dict)

    def domain(self, method: str) -> DomainCounters:
        """Return the counters for a method's commands; everything that is not a domain of the protocol shares one."""
        name = method.partition(".")[0]
        found = self.domains.get(name)
        if found is None:
            if name not in DOMAINS:
                name = "other"
            found = self.domains.setdefault(name, DomainCounters())
        return found
