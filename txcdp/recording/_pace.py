"""The pace of a replay: how the recording's clock follows another one, or advances without waiting for any."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any, Literal, TypeAlias

from twisted.internet import task
from twisted.internet.interfaces import IDelayedCall

from txcdp._reactor import AnyReactor, Clock
from txcdp.recording._recorded_clock import SECOND, microseconds

#: How fast a recording is played: seconds of the recording in one second, or everything at once.
Speed: TypeAlias = float | Literal["instant"]


class ReplayPace:
    """The clock that a replay is played by, and how fast.

    :param clock: a reactor or a ``task.Clock``; None: the reactor.
    :param call: called when it is due.
    :raises ValueError: the speed is invalid.
    :ivar instant: whether it waits for no clock.
    """

    def __init__(self, clock: AnyReactor | None, speed: Speed, call: Callable[[], object]) -> None:
        given: Any = speed
        if given != "instant" and not (isinstance(given, int | float) and 0 < given < 1e9):
            raise ValueError(f'speed={speed!r}: expected a number above 0, or "instant"')
        self.instant = speed == "instant"
        self._speed = math.inf if speed == "instant" else float(speed)
        self._given = clock
        self._function = call
        self._call: IDelayedCall | None = None
        self._recorded_from = self._from = 0.0

    @property
    def clock(self) -> Clock:
        """The clock that sets it."""
        if self._given is None:
            from twisted.internet import reactor

            self._given = reactor
        return self._given

    @property
    def moves_clock(self) -> bool:
        """Whether the clock is a ``task.Clock``, which is advanced along with the recording."""
        return self.instant and isinstance(self.clock, task.Clock)

    def begin(self, now: int) -> None:
        """Begin at a time of the recording, in microseconds."""
        self._recorded_from, self._from = now / SECOND, self.clock.seconds()

    def reached(self) -> int | None:
        """Return the time of the recording that has been reached by now; None: any time."""
        if self.instant:
            return None
        return microseconds(self._recorded_from + (self.clock.seconds() - self._from) * self._speed)

    def call_at(self, due: int) -> None:
        """Schedule the call for a time of the recording, in place of any earlier schedule."""
        reached = self.reached()
        self.call_later(0.0 if reached is None else max(0.0, (due - reached) / SECOND / self._speed))

    def call_later(self, seconds: float = 0.0) -> None:
        """Schedule the call after a time of the other clock, in place of any earlier schedule."""
        self.cancel()
        self._call = self.clock.callLater(seconds, self._called)

    def cancel(self) -> None:
        """Cancel the call."""
        call, self._call = self._call, None
        if call is not None and call.active():
            call.cancel()

    def move_along(self, due: int) -> int | None:
        """Advance the other clock to where the recording is going.

        :returns: None once it is there; or the time of the recording at which something was due on it before, and was
            called.
        """
        clock: Any = self.clock
        there = self._from + (due / SECOND - self._recorded_from)
        calls = clock.getDelayedCalls()
        if calls:
            first = min(call.getTime() for call in calls)
            if first <= there:
                clock.advance(max(0.0, first - clock.seconds()))
                return microseconds(self._recorded_from + first - self._from)
        clock.advance(max(0.0, there - clock.seconds()))
        return None

    def _called(self) -> None:
        self._call = None
        self._function()
