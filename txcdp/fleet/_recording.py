"""The recording of a page at a node: lines in a buffer, which are sent in chunks for credits."""

from __future__ import annotations

import platform
import secrets
import time
from collections.abc import Callable
from contextlib import suppress
from importlib.metadata import version
from typing import Any, Final

from twisted.internet.defer import CancelledError
from twisted.python.failure import Failure

from txcdp._core.connection import Connection
from txcdp._deferreds import OneShot, Timer, Waiters, ignore_failure, returns_deferred, with_deadline
from txcdp._following import Following, enabling
from txcdp._reactor import Clock
from txcdp.errors import QueueOverflow
from txcdp.fleet._calls import NodeCall
from txcdp.fleet._messages import CHUNK, ResultKind
from txcdp.fleet._requests import RecordPage
from txcdp.page import Page
from txcdp.page._frames import ChildTargets
from txcdp.recording import Filter
from txcdp.recording._buffer import Buffer
from txcdp.recording._compression import codec
from txcdp.recording._entries import FORMAT, VERSION, NoteLine, note_line
from txcdp.recording._events import Events
from txcdp.recording._following import with_needed
from txcdp.recording._sources import Source, Sources

#: Seconds for which lines may wait to be sent together, unless they fill a chunk.
PACE: Final = 0.2

#: The content types, by compression.
TYPES: Final = {"none": "application/x-ndjson", "gzip": "application/gzip"}


class _PageSources(Sources):
    """The sessions of one page: the other pages of the browser belong to others."""

    def __init__(self, connection: Connection, wanted: Filter, note: Callable[..., object]) -> None:
        super().__init__(connection, wanted, note)
        self._stranger = Source(None, None, None)
        self._stranger.wanted = False

    def find(self, key: bytes) -> Source:
        """Return the source of a message, which is not recorded if it is from another page."""
        return self._known.get(key, self._stranger)


class Outflow:
    """Lines that wait for a caller's credits; many of them are sent together.

    :param wanted: how many may wait, what happens to more, and the compression.
    :param call: the call that they are sent to.
    :ivar size: bytes that were sent.
    """

    def __init__(self, clock: Clock, wanted: RecordPage, call: NodeCall) -> None:
        self._call = call
        self._encode = codec(wanted.compression).encode
        self._buffer = Buffer(wanted.buffer, wanted.overflow, time.time)
        self._ended = False
        self._due = False
        self._moved: Waiters[None] = Waiters()
        self._pace = Timer(clock, self._move)
        self.size = 0

    @property
    def dropped(self) -> int:
        """How many events were dropped."""
        return self._buffer.dropped

    def put(self, line: bytes) -> None:
        """Add a line.

        :raises QueueOverflow: there is no room for it, with ``overflow="error"``.
        """
        self._buffer.put(line)
        if self._buffer.size >= CHUNK:
            self._move()
        else:
            self._pace.set(PACE)

    def end(self, line: NoteLine) -> None:
        """Add the last line."""
        self._ended = True
        self._pace.stop()
        self._buffer.put(line)
        self._move()

    async def send(self, first: bytes) -> None:
        """Send a line, and all that are added, until the last one has left.

        :raises CallerGone: the caller has given no credits for too long.
        """
        await self._send([first])
        while not self._ended or len(self._buffer):
            if not self._due:
                await self._moved.wait()
            self._due = self._ended or self._buffer.size >= 2 * CHUNK
            lines = self._buffer.take(CHUNK)
            if lines:
                await self._send(lines)

    async def _send(self, lines: list[bytes]) -> None:
        data = self._encode(b"".join(lines))
        for start in range(0, len(data), CHUNK):
            await self._call.send(ResultKind.CHUNK, data[start : start + CHUNK])
        self.size += len(data)

    def _move(self) -> None:
        self._due = True
        self._moved.notify(None)


class PageRecording:
    """Records a page, with its frames and workers, and sends what is recorded to a caller.

    Others use the same browser, so it is never paused: the lines that wait for the caller's credits are limited, and
    what does not fit is dropped and counted, or ends the recording.

    :param page: the page, which has not navigated yet.
    :param wanted: what to record, and how.
    :param call: the call that it is sent to.
    """

    def __init__(self, clock: Clock, page: Page, wanted: RecordPage, call: NodeCall) -> None:
        self._clock = clock
        self._page = page
        self._wanted = wanted
        self._entries = 0
        self._stopped = False
        self._error: Exception | None = None
        self._over: OneShot[str] = OneShot()
        self._out = Outflow(clock, wanted, call)
        chosen = Filter(events=wanted.events, without=wanted.without)
        connection = page.browser.connection
        self._sources = _PageSources(connection, chosen, self._note)
        events = Events(clock, self._sources, wanted.secrets == "mask", time.time, self._keep)
        tap = connection.tap(bytes, chosen.wants_event)
        self._subscription = tap.subscribe(events.received, self._fail, lambda: self._over.fire("closed"))
        self._following = Following(
            ChildTargets(), enabling(with_needed(wanted.domains)), begin=self._sources.add, timeout=None
        )
        for sent in self._following.follow(page.session):
            sent.addErrback(ignore_failure)
        page.session._feed_into(crashed=self._crashed, ended=lambda error: self._over.fire(str(error or "closed")))
        self._sending = self._send(time.time())
        self._sending.addErrback(self._not_sent)

    @property
    def size(self) -> int:
        """How many bytes were sent."""
        return self._out.size

    @property
    def dropped(self) -> int:
        """How many events were dropped."""
        return self._out.dropped

    async def go_on(self, seconds: float) -> None:
        """Record for some time, or until the page is gone."""
        with suppress(TimeoutError):
            await with_deadline(self._clock, self._over.wait(), seconds, TimeoutError)

    async def finish(self) -> None:
        """Stop recording, and wait until everything has been sent.

        :raises CallerGone: the caller has given no credits for too long.
        :raises ConnectionLost: the browser has ended.
        :raises QueueOverflow: more has arrived than the buffer holds, with ``overflow="error"``.
        """
        self._stop(await self._over.wait() if self._over.fired else "stopped")
        if self._error is None:
            await self._sending
        if self._error is not None:
            raise self._error

    def close(self) -> None:
        """Stop recording, and send no more."""
        self._stop("closed")
        self._sending.cancel()

    def _keep(self, line: bytes) -> None:
        try:
            self._out.put(line)
        except QueueOverflow as error:
            self._fail(error)
            return
        if not isinstance(line, NoteLine):
            self._entries += 1

    def _note(self, kind: str, **data: Any) -> None:
        if not self._stopped:
            self._keep(note_line(time.time(), kind, **data))

    def _crashed(self) -> Callable[[Exception], object]:
        return lambda error: self._over.fire("crashed")

    def _fail(self, error: Exception) -> None:
        self._error = self._error or error
        self._over.fire("failed")
        self._stop("failed")

    def _stop(self, reason: str) -> None:
        if self._stopped:
            return
        self._stopped = True
        self._subscription.dispose()
        self._following.stop()
        self._sources.forget()
        dropped = self._out.dropped
        self._out.end(note_line(time.time(), "end", reason=reason, entries=self._entries - dropped, dropped=dropped))

    @returns_deferred
    async def _send(self, began: float) -> None:
        found = await self._page.browser.version()
        wanted = self._wanted
        first = note_line(
            began,
            "begin",
            format=FORMAT,
            version=VERSION,
            recording=secrets.token_hex(8),
            file=1,
            txcdp=version("txcdp"),
            python=platform.python_version(),
            browser=found.product,
            protocol=found.protocol_version,
            options={"domains": list(wanted.domains), "secrets": wanted.secrets, "overflow": wanted.overflow},
            targets=[],
        )
        await self._out.send(first)

    def _not_sent(self, failure: Failure) -> None:
        if not failure.check(CancelledError):
            error = failure.value
            self._fail(error if isinstance(error, Exception) else RuntimeError(str(error)))
