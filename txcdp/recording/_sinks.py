"""The interface between a recorder and a file format, and the pump that writes batches of lines."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Literal, Protocol

from twisted.internet.defer import CancelledError, Deferred
from twisted.logger import Logger
from twisted.python.failure import Failure

from txcdp._deferreds import OneShot, Timer, returns_deferred, shielded
from txcdp._logs import LogThrottle
from txcdp._reactor import Clock
from txcdp.recording._buffer import Buffer
from txcdp.recording._failures import is_lasting

log = Logger()

#: Seconds, a number of bytes that are written at once, and when that is tried again after a failure.
PACE = 0.2
BATCH = 1 << 20
RETRY = 1.0

#: When written data has to be on the disk: after each write, after this many seconds, or when the system decides.
Sync = float | Literal["always", "never"]


@dataclass(frozen=True)
class Host:
    """The services that a sink needs from its recorder.

    :ivar clock: the reactor, or a ``task.Clock``.
    :ivar in_thread: calls a blocking function in a thread; returns a Deferred of its result.
    :ivar wall: returns the time, in seconds since 1970.
    :ivar describe: returns the contents of the first note of a file.
    """

    clock: Clock
    in_thread: Callable[..., Deferred[Any]]
    wall: Callable[[], float]
    describe: Callable[[], dict[str, Any]]


class Sink(Protocol):
    """Stores the lines of a recording. Calls never overlap: each waits for the Deferred of the previous one."""

    def open(self, host: Host) -> Deferred[None]:
        """Open the sink for writing; fails with :exc:`OSError` and the like."""

    def write(self, lines: list[bytes]) -> Deferred[None]:
        """Write lines, or none if :meth:`due` asked for a call; if it fails, none of them is written."""

    def due(self) -> float | None:
        """Return the seconds until :meth:`write` should be called even without lines; None: never."""

    def close(self, reason: str, dropped: int) -> Deferred[None]:
        """Finish what is being written; if that fails, it is left to be recovered."""


class Pump:
    """Takes lines from a buffer to a sink: with little delay, many at once, and one batch at a time.

    Lines that cannot be written, as when the disk is full, are kept and tried again; meanwhile the buffer fills.

    :param batch: how many bytes are written at once.
    :param hopeless: called at each attempt with the reason why no later attempt can succeed, if there is one.
    """

    def __init__(
        self,
        buffer: Buffer,
        sink: Sink,
        clock: Clock,
        batch: int = BATCH,
        hopeless: Callable[[Exception], object] = lambda _: None,
    ) -> None:
        self._buffer = buffer
        self.sink = sink
        self._clock = clock
        self._batch = batch
        self._hopeless = hopeless
        self._timer = Timer(clock, self._go)
        self._at = 0.0
        self._writing: OneShot[None] | None = None
        self._failed: list[bytes] = []
        self._stopping = False
        self._may_log = LogThrottle(clock)
        self.written = 0
        self.bytes_written = 0
        self.failures = 0

    @returns_deferred
    async def open(self, host: Host) -> None:
        """Open the sink; if this is cancelled, the sink is closed as soon as it is open: a thread cannot be stopped.

        :returns: fails like :meth:`Sink.open`; if cancelled, once the sink is closed.
        """
        opening = self.sink.open(host)
        try:
            await shielded(opening)
        except CancelledError:
            closing = opening.addCallback(lambda _: self.sink.close("stopped", self._buffer.dropped))
            await shielded(closing.addErrback(self._not_closed))
            raise

    def put(self, line: bytes) -> None:
        """Add a line; raises like ``Buffer.put``."""
        self._buffer.put(line)
        if self._writing is not None:
            return
        if self._buffer.size >= self._batch and not self._failed:
            self._go()
        elif not self._timer.is_set or (self._at > PACE and not self._failed):
            self._start_timer(PACE)

    @returns_deferred
    async def stop(self, reason: str) -> None:
        """Write what is waiting, and finish; this is tried once.

        :returns: fails with the error of the writing.
        """
        self._stopping = True
        self._timer.stop()
        if self._writing is not None:
            await self._writing.wait()
        try:
            while self._failed or len(self._buffer) or self._buffer.missing:
                await self._write(self._failed or self._buffer.take(self._batch))
        except BaseException:
            reason = "failed"
            raise
        finally:
            await self.sink.close(reason, self._buffer.dropped)

    def _go(self) -> None:
        self._timer.stop()
        self._writing = OneShot()
        self._write(self._failed or self._buffer.take(self._batch)).addErrback(self._not_written).addBoth(self._next)

    def _write(self, lines: list[bytes]) -> Deferred[None]:
        self._failed = lines

        def written(_: None) -> None:
            self._failed = []
            self.written += len(lines)
            self.bytes_written += sum(map(len, lines))

        return self.sink.write(lines).addCallback(written)

    def _not_written(self, failure: Failure) -> None:
        self.failures += 1
        if isinstance(failure.value, Exception) and is_lasting(failure.value):
            self._hopeless(failure.value)
        elif self._may_log():
            log.failure("The recording cannot be written; retrying", failure)

    def _not_closed(self, failure: Failure) -> None:
        log.warn("{sink}, which is no longer waited for, failed: {error}", sink=self.sink, error=failure.value)

    def _next(self, _: object) -> None:
        writing, self._writing = self._writing, None
        if writing is not None:
            writing.fire(None)
        if self._stopping:
            return
        if self._failed:
            self._start_timer(RETRY)
        elif self._buffer.size >= self._batch:
            self._go()
        else:
            due = self.sink.due()
            waits = [each for each in (PACE if len(self._buffer) else None, due) if each is not None]
            if waits:
                self._start_timer(min(waits))

    def _start_timer(self, seconds: float) -> None:
        self._at = seconds
        self._timer.restart(seconds)
