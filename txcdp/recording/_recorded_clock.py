"""The clock of a replay: it shows the recording's time, in whole microseconds, as in recordings.

What is due at one moment happens in three steps, so that the end of a window and an event of the same microsecond
always come in the same order:

1. calls that were scheduled for it at an earlier moment, in the order in which they were scheduled;
2. the recording's entries of that moment, in their order;
3. calls that were scheduled for it at that moment itself.
"""

from __future__ import annotations

from collections.abc import Callable
from heapq import heapify, heappop, heappush
from typing import Any, Final

from twisted.internet.base import DelayedCall
from twisted.internet.interfaces import IDelayedCall, IReactorTime
from twisted.logger import Logger
from zope.interface import implementer

log = Logger()

#: Microseconds in a second.
SECOND: Final = 1_000_000

#: The steps of a moment.
BEFORE_ENTRIES, ENTRIES, AFTER_ENTRIES = 0, 1, 2

#: When something is due: the moment in microseconds, and its step.
Due = tuple[int, int]


def microseconds(seconds: float) -> int:
    """Return a time, or a duration, in whole microseconds."""
    return round(seconds * SECOND)


#: Times of up to this many seconds are counted from the beginning of the recording.
_YEAR: Final = 366 * 86400.0


def since_1970(seconds: float, began: float) -> float:
    """Return a moment given in seconds since 1970, or, if small, since the beginning of the recording."""
    return seconds if seconds > _YEAR else began + seconds


@implementer(IReactorTime)
class RecordedClock:
    """A clock that stands still until it is moved; the streams and timeouts of a replay run on it.

    :param now: microseconds since 1970.
    :ivar now: the current time, in microseconds since 1970.
    :ivar follow: advances the clock to its current time, if it follows another one.
    :ivar changed: called when a call was scheduled that is due before all others.
    """

    def __init__(self, now: int = 0) -> None:
        self.now = now
        self.follow: Callable[[], object] = _nothing
        self.changed: Callable[[], object] = _nothing
        self._calls: list[tuple[int, int, int, DelayedCall]] = []
        self._made = 0

    def seconds(self) -> float:
        """Return the current time in seconds since 1970, as it was when this was recorded."""
        self.follow()
        return self.now / SECOND

    def callLater(
        self,
        delay: float,
        callable: Callable[..., Any],  # noqa: A002  (the interface's name)
        *args: object,
        **kwargs: object,
    ) -> IDelayedCall:
        """Call a function when the recording has advanced by a delay.

        :param delay: seconds.
        """
        self.follow()
        due = self.now + max(0, microseconds(delay))
        call = DelayedCall(due / SECOND, callable, args, kwargs, _nothing, self._moved_sooner, self.seconds)
        self._push(due, call)
        return call

    def getDelayedCalls(self) -> list[IDelayedCall]:
        """Return the pending calls."""
        calls = dict.fromkeys(call for *_, call in sorted(self._calls, key=_order))
        return [call for call in calls if call.active()]

    def next_due(self) -> Due | None:
        """Return when the next call is due; None if there is none."""
        calls = self._calls
        while calls:
            due, step, _, call = calls[0]
            if not call.active():
                heappop(calls)
                continue
            moved = microseconds(call.getTime())
            if moved > due:  # it was put off
                heappop(calls)
                self._push(moved, call)
                continue
            return due, step
        return None

    def run_next(self) -> None:
        """Advance to the next call, which :meth:`next_due` has reported, and make it."""
        due, _, _, call = heappop(self._calls)
        self.now = max(self.now, due)
        call.called = 1
        try:
            call.func(*call.args, **call.kw)
        except Exception:  # as a reactor does
            log.failure("A scheduled call of a recording raised")

    def jump(self, now: int) -> None:
        """Jump to another time: pending calls stay as far ahead as they were."""
        by = now - self.now
        self.now = now
        for call in {call for *_, call in self._calls}:
            call.time += by / SECOND
        self._calls = [(due + by, step, number, call) for due, step, number, call in self._calls]
        heapify(self._calls)

    def _push(self, due: int, call: DelayedCall) -> None:
        self._made += 1
        first = not self._calls or due < self._calls[0][0]
        heappush(self._calls, (due, AFTER_ENTRIES if due <= self.now else BEFORE_ENTRIES, self._made, call))
        if first:
            self.changed()

    def _moved_sooner(self, call: DelayedCall) -> None:
        self._push(microseconds(call.getTime()), call)


def _order(call: tuple[int, int, int, DelayedCall]) -> tuple[int, int, int]:
    return call[:3]


def _nothing(_: object = None) -> None:
    """Do nothing."""
