"""Whether to read from the browser: full queues pause reading, within what the browser can buffer.

A paused socket fills the browser's own send buffer, and beyond 256 MB Chromium drops messages silently. How much is
buffered there cannot be observed from here. So the time spent paused, counted from the last moment at which everything
had certainly been read, is limited by what the browser can produce at its fastest. After that, the queues that asked
for the pause are told to give up, with a typed error, before anything is lost unnoticed.

A barrier shows that everything has been read: it is a command whose reply follows everything that was in the browser's
buffer when it was handled there.

Reading is not paused while a command waits for its reply: a consumer that awaits it would wait forever.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Protocol

from twisted.internet.defer import Deferred, succeed
from twisted.internet.interfaces import IDelayedCall

from txcdp._reactor import Clock
from txcdp.stats import Stats

#: The total of seconds paused since everything had been read, after which queues are told to give up. The fastest
#: output seen, calls of a binding with 1 MB each, needs 4.7 s for 256 MB; this limit is safe up to 128 MB per second.
PAUSE_LIMIT = 2.0

#: Seconds of reading without a queue filling up again, after which a barrier is sent.
_CAUGHT_UP = 0.1


class Pausable(Protocol):
    """The part of a transport that flow control needs."""

    def pause(self) -> None:
        """Stop reading."""

    def resume(self) -> None:
        """Resume reading."""


class Flow:
    """Pauses and resumes one transport on behalf of queues.

    :param clock: a reactor or a ``task.Clock``.
    :param line: the transport that is paused.
    :param stats: the connection's counters.
    :param waiting: returns how many commands wait for their replies, barriers included.
    :param limit: the number of seconds of pausing considered safe.
    :param barrier: sends a barrier, and returns a Deferred that fires when its reply has arrived, or fails; it may
        still be in flight during a pause.
    :ivar barriers: the number of barriers in flight.
    :ivar held: whether a queue has asked for a pause.
    :ivar paused: whether the transport is paused.
    """

    def __init__(
        self,
        clock: Clock,
        line: Pausable,
        stats: Stats,
        waiting: Callable[[], int],
        limit: float = PAUSE_LIMIT,
        barrier: Callable[[], Deferred[object]] = lambda: succeed(None),
    ) -> None:
        self.stats = stats
        self.limit = limit
        self.held = False
        self.paused = False
        self._clock = clock
        self._line = line
        self._holders: dict[object, Callable[[float], None]] = {}
        self._waiting = waiting
        self._barrier = barrier
        self.barriers = 0
        self._spent = 0.0
        self._since = 0.0
        self._timer: IDelayedCall | None = None
        self._stopped = False
        self._lost = False
        self._lines = 1

    def hold(self, holder: object, give_up: Callable[[float], None]) -> None:
        """Ask for a pause.

        :param give_up: called with its duration in seconds if the pause becomes too long.
        """
        if not self._stopped:  # what operators emit at the end comes after it
            self._holders[holder] = give_up
            self._update()

    def release(self, holder: object) -> None:
        """Withdraw a request made with :meth:`hold`."""
        if self._holders.pop(holder, None) is not None:
            self._update()

    def command_sent(self) -> None:
        """Resume reading, because a command waits for its reply."""
        self._update()

    def replied(self) -> None:
        """Pause again if necessary, because perhaps no other command waits for its reply."""
        self._update()

    def suspend(self) -> None:
        """Forget the pause, because the transport is lost."""
        self._lost = True
        self.paused = False
        self._cancel_timer()

    def resume(self, line: Pausable) -> None:
        """Control another transport from now on."""
        self._line = line
        self._lines += 1
        self._lost = False
        self._spent = 0.0
        self._update()

    def stop(self) -> None:
        """Leave no DelayedCall behind."""
        self._stopped = True
        self._holders.clear()
        self.held = False
        self._cancel_timer()

    def _update(self) -> None:
        self.held = bool(self._holders)
        wanted = self.held and not self._lost and self._waiting() <= self.barriers
        if wanted and not self.paused:
            self.paused = True
            self._since = self._clock.seconds()
            self._line.pause()
            self._start_timer(max(0.0, self.limit - self._spent), self._too_long)
        elif self.paused and not wanted:
            self.paused = False
            self._spent += self._clock.seconds() - self._since
            self._start_timer(_CAUGHT_UP, self._caught_up)
            self._line.resume()

    def _too_long(self) -> None:
        self._timer = None
        holders, self._holders = self._holders, {}
        for give_up in holders.values():
            give_up(self.limit)
        self._update()

    def _caught_up(self) -> None:
        self._timer = None
        if not self.barriers:
            self.barriers = 1
            before = self._spent
            self._barrier().addCallbacks(self._kept_up, self._not_marked, callbackArgs=(before, self._lines))

    def _kept_up(self, _: object, before: float, lines: int) -> None:
        """Subtract the time spent paused before a barrier up to which everything has been read."""
        if lines == self._lines:
            self._spent -= before
        self._not_marked()

    def _not_marked(self, _: object = None) -> None:
        self.barriers = 0
        if self._spent and self._timer is None and not (self.paused or self._lost or self._stopped):
            self._start_timer(_CAUGHT_UP, self._caught_up)

    def _start_timer(self, seconds: float, call: Callable[[], None]) -> None:
        self._cancel_timer()
        self._timer = self._clock.callLater(seconds, call)

    def _cancel_timer(self) -> None:
        timer, self._timer = self._timer, None
        if timer is not None:
            timer.cancel()
