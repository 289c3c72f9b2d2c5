"""What was promised and what came: every Deferred with its deadline, every stream with its end, every logged error."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable
from typing import Any, TypeVar

from twisted.internet import reactor as _reactor
from twisted.internet.defer import CancelledError, Deferred
from twisted.logger import ILogObserver, LogLevel, eventAsText, globalLogPublisher
from twisted.python.failure import Failure
from zope.interface import implementer

from txcdp.errors import CommandTimeout, Gone, TxcdpError
from txcdp.streams import Gap

T = TypeVar("T")

reactor: Any = _reactor

#: Seconds that something may come after its deadline, with the reactor's own delays on top.
TOLERANCE = 1.0

#: Seconds between two looks at the reactor's punctuality, and for how many of those a delay is remembered.
_TICK = 0.1
_REMEMBERED = 300


class Promise:
    """A Deferred that was watched.

    :ivar what: what was called.
    :ivar deadline: seconds, on the reactor's clock; None: whenever its session ends.
    """

    __slots__ = ("deadline", "started", "what")

    def __init__(self, what: str, started: float, deadline: float | None) -> None:
        self.what = what
        self.started = started
        self.deadline = deadline


@implementer(ILogObserver)
class Ledger:
    """Counts what was begun and how it ended, and notes each broken promise.

    :ivar begun: how many of each kind were begun.
    :ivar outcomes: how many of each kind ended how: ``("evaluate", "ok")``, ``("evaluate", "CommandTimeout")``.
    :ivar broken: the promises that were broken, in words.
    :ivar tell: hears of each at once.
    :ivar latest: the greatest number of seconds that anything came after its deadline.
    """

    def __init__(self) -> None:
        self.begun: Counter[str] = Counter()
        self.outcomes: Counter[tuple[str, str]] = Counter()
        self.faults: Counter[str] = Counter()
        self.notes: Counter[str] = Counter()
        self.broken: list[str] = []
        self.latest = float("-inf")
        self.tell: Callable[[str], object] = lambda _: None
        self._began = reactor.seconds()
        self._open: set[Promise] = set()
        self._delays = [0.0] * _REMEMBERED
        self._ticks = 0
        self._due = 0.0
        self._tick: Any = None

    def start(self) -> None:
        """Begin to look at the log and at the reactor's punctuality."""
        globalLogPublisher.addObserver(self)
        self._began = self._due = reactor.seconds()
        self._look()

    def stop(self) -> None:
        """Look no more."""
        globalLogPublisher.removeObserver(self)
        self._tick.cancel()

    def promised(self, what: str, deferred: Deferred[T], seconds: float | None) -> Deferred[T]:
        """Watch a Deferred; its outcome is passed on.

        :param seconds: within which it fires; None: no later than its session ends.
        """
        now = reactor.seconds()
        promise = Promise(what, now, None if seconds is None else now + seconds)
        self._open.add(promise)
        self.begun[what] += 1

        def ended(result: T | Failure) -> T | Failure:
            self._open.discard(promise)
            self.outcomes[what, self._name(what, result)] += 1
            self._in_time(promise)
            return result

        return deferred.addBoth(ended)

    @property
    def open(self) -> list[str]:
        """What has not ended yet."""
        return sorted(promise.what for promise in self._open)

    def overdue(self) -> None:
        """Note what should have ended by now."""
        for promise in list(self._open):
            if promise.deadline is not None and reactor.seconds() > promise.deadline + self.tolerance:
                self._open.discard(promise)
                self.breach(f"{promise.what} has not ended {reactor.seconds() - promise.started:.1f} s after its begin")

    def breach(self, what: str) -> None:
        """Note a broken promise."""
        self.broken.append(what)
        self.tell(f"BROKEN at {reactor.seconds() - self._began:.0f}s: {what}")

    @property
    def tolerance(self) -> float:
        """Seconds that something may be late: the reactor itself may be."""
        return TOLERANCE + 2 * max(self._delays)

    def _name(self, what: str, result: object) -> str:
        if not isinstance(result, Failure):
            return "ok"
        name = type(result.value).__name__
        if not result.check(TxcdpError, CancelledError):
            self.breach(f"{what} failed with {name}, which is none of ours: {result.getTraceback()}")
        return name

    def _in_time(self, promise: Promise) -> None:
        if promise.deadline is not None:
            late = reactor.seconds() - promise.deadline
            self.latest = max(self.latest, late)
            if late > self.tolerance:
                self.breach(f"{promise.what} ended {late:.1f} s after its deadline")

    def _look(self) -> None:
        now = reactor.seconds()
        self._delays[self._ticks % _REMEMBERED] = max(0.0, now - self._due)
        self._ticks += 1
        self._due = now + _TICK
        self._tick = reactor.callLater(_TICK, self._look)

    def __call__(self, event: Any) -> None:
        """Take an event of the log."""
        if event.get("log_level") in (LogLevel.error, LogLevel.critical):
            self.breach(f"logged as an error: {eventAsText(event)}")


class StreamWatch:
    """A subscriber that notes how its stream ends, and whether what it numbers comes in order.

    :param numbered: returns the document and the number of an item, None where it has none.
    """

    def __init__(self, ledger: Ledger, what: str, stream: Any, numbered: Any = None) -> None:
        self._ledger = ledger
        self._what = what
        self._numbered = numbered
        self._last: dict[str, int] = {}
        self.items = 0
        self.ended = False
        self._subscription = stream.with_gaps().subscribe(self._item, self._error, self._complete)

    def dispose(self) -> None:
        """Stop recording."""
        self.ended = True
        self._subscription.dispose()

    def _item(self, item: Any) -> None:
        if self.ended:
            self._ledger.breach(f"{self._what}: an item after the end")
        self.items += 1
        if isinstance(item, Gap):
            self._ledger.notes[f"{self._what}: gaps{' of a restart' * item.restarted}"] += 1
            self._last = {}
            return
        found = None if self._numbered is None else self._numbered(item)
        if found is not None:
            document, number = found
            last = self._last.get(document)
            if number == last:  # Chromium tells the first ones twice where a renderer is replaced
                self._ledger.notes[f"{self._what}: told twice"] += 1
            elif last is not None and number != last + 1:
                self._ledger.breach(f"{self._what}: {number} came after {last} in document {document}")
            self._last = {document: number}

    def _error(self, error: Exception) -> None:
        self._end(type(error).__name__)
        if not isinstance(error, Gone | CommandTimeout):  # a renderer that stands still has not enabled the domain
            self._ledger.breach(f"{self._what} ended with {error!r}")

    def _complete(self) -> None:
        self._end("completed")

    def _end(self, how: str) -> None:
        if self.ended:
            self._ledger.breach(f"{self._what} ended twice")
        self.ended = True
        self._ledger.outcomes[self._what, how] += 1
