"""What the launches of one process share: a limit on simultaneous starts, and the removal of abandoned directories.

A browser takes 0.3 s of processor time until it listens, and another 1.2 s in the background right after. If too many
start at the same time, none is ready before its timeout, so there is a limit. It is generous: if each waited for the
one before, it would share the processor with the background work of all running ones, and fifty would take four times
as long.
"""

from __future__ import annotations

import os
from typing import Any
from weakref import WeakKeyDictionary

from twisted.internet.defer import Deferred, succeed
from twisted.logger import Logger

from txcdp._deferreds import OneShot, in_thread, returns_deferred, with_deadline
from txcdp._reactor import AnyReactor
from txcdp._waiting import WaitQueue
from txcdp.chrome._profile import sweep


def _cores() -> int:
    """Count the processors that this process may use."""
    if hasattr(os, "sched_getaffinity"):
        return len(os.sched_getaffinity(0))
    return os.cpu_count() or 1


#: How many browsers start at the same time in one process; the others wait for their turn.
AT_ONCE = 8 * _cores()

#: Seconds for which a ready browser waits for the sweep, which then continues: a launch does not depend on it.
SWEEP_PATIENCE = 5.0

log = Logger()


def limit_starts(most: int) -> None:
    """Set how many browsers of this process may start at the same time; those that are already starting are not
    affected.

    :param most: at least 1; the default is eight per processor.
    """
    if most < 1:
        raise ValueError(f"most={most}: must be at least 1")
    global AT_ONCE  # noqa: PLW0603
    AT_ONCE = most


class Starts:
    """The launches of one reactor; see :func:`starts_of`."""

    def __init__(self) -> None:
        self._running = 0
        self._waiting: WaitQueue[None] = WaitQueue()
        self._giving = False
        self._sweeping: OneShot[None] | None = None

    def turn(self) -> Deferred[None]:
        """Return a Deferred that fires when it is the caller's turn, in the order of the calls.

        The caller has to call :meth:`done` afterwards. Cancelling the Deferred gives up the place.
        """
        if self._running < AT_ONCE and not self._waiting:
            self._running += 1
            return succeed(None)
        return self._waiting.join()

    def done(self) -> None:
        """End a turn."""
        self._running -= 1
        if self._giving:  # by one that was done at once: a thousand of those would be a thousand calls deep
            return
        self._giving = True
        try:
            while self._waiting and self._running < AT_ONCE:
                self._running += 1
                self._waiting.serve(None)
        finally:
            self._giving = False

    def begin_sweep(self, reactor: AnyReactor) -> OneShot[None]:
        """Sweep in a thread, or join a sweep in progress.

        :return: is given when the sweep has ended, however that was.
        """
        if self._sweeping is None:
            event = self._sweeping = OneShot()
            swept = in_thread(reactor, sweep)
            swept.addErrback(lambda failure: log.failure("Sweeping old profiles", failure=failure))
            swept.addCallback(self._swept, event)
            return event
        return self._sweeping

    def _swept(self, result: object, event: OneShot[None]) -> None:
        self._sweeping = None
        event.fire(None)


_starts: WeakKeyDictionary[Any, Starts] = WeakKeyDictionary()


def starts_of(reactor: AnyReactor) -> Starts:
    """Return what the launches of a reactor share."""
    return _starts.setdefault(reactor, Starts())


@returns_deferred
async def wait_for_sweep(reactor: AnyReactor, event: OneShot[None]) -> None:
    """Wait for a sweep, for a limited time: the thread pool may be occupied by the program's own work."""
    try:
        await with_deadline(reactor, event.wait(), SWEEP_PATIENCE, TimeoutError)
    except TimeoutError:
        log.info("Sweeping old profiles takes more than {seconds} s: continuing anyway", seconds=SWEEP_PATIENCE)


def is_stopping(reactor: AnyReactor) -> bool:
    """Return whether a reactor is stopping or has stopped: nobody would end what is started then."""
    return bool(getattr(reactor, "_startedBefore", False))
