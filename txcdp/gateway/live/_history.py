"""The gateway's last hour, for the graphs: a sample every ten seconds, whether or not there is a viewer.

A sample consists of a few numbers that are counted anyway, for ``/metrics``; at most :data:`SLOTS` are kept.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from twisted.internet.task import LoopingCall
from twisted.logger import Logger

from txcdp._reactor import Clock, whole
from txcdp.gateway._counters import DENIED, ERROR, LOST, Counters
from txcdp.gateway.live._tables import SLOTS, LiveTable

#: Seconds between two samples, so that all of them cover an hour.
EVERY = 3600 // SLOTS

log = Logger()


@dataclass(frozen=True)
class _Totals:
    """The counters' values at one moment."""

    at: float
    commands: int
    errors: int


class History:
    """Takes samples of a gateway's counters at regular intervals.

    :param clock: the reactor, or a ``task.Clock``.
    :param table: the table to fill: a row for each sample, of which the oldest are dropped.
    :param state: returns the same as :meth:`txcdp.gateway.Gateway.state`.
    :param counters: the counters of the gateway's traffic.
    :param failures: returns how many browsers have failed to start so far.
    """

    def __init__(
        self,
        clock: Clock,
        table: LiveTable,
        state: Callable[[], dict[str, Any]],
        counters: Counters,
        failures: Callable[[], int],
    ) -> None:
        self._clock = clock
        self._table = table
        self._state = state
        self._counters = counters
        self._failures = failures
        self._number = 0
        self._before: _Totals | None = None
        self._loop = LoopingCall(self._sample)
        self._loop.clock = whole(clock)

    def start(self) -> None:
        """Start taking samples; the first one is taken at once."""
        if not self._loop.running:
            self._before = self._totals()
            self._loop.start(EVERY).addErrback(lambda failure: log.failure("The history", failure=failure))

    def stop(self) -> None:
        """Stop taking samples."""
        if self._loop.running:
            self._loop.stop()

    def _sample(self) -> None:
        state, before, totals = self._state(), self._before, self._totals()
        assert before is not None
        self._before = totals
        seconds = max(totals.at - before.at, 1.0)
        row = {
            "at": round(totals.at, 1),
            "clients": len(state["clients"]),
            "commands": round((totals.commands - before.commands) / seconds, 2),
            "memory": sum(each["memory"] for each in state["browsers"]),
            "waiting": state["waiting"],
            "errors": totals.errors - before.errors,
        }
        self._number += 1
        self._table.put(self._number, row)

    def _totals(self) -> _Totals:
        counters = self._counters
        outcomes = [domain.outcomes for domain in counters.domains.values()]
        failed = sum(each[outcome] for each in outcomes for outcome in (ERROR, DENIED, LOST))
        errors = failed + sum(counters.refused.values()) + self._failures()
        return _Totals(self._clock.seconds(), sum(sum(each.values()) for each in outcomes), errors)
