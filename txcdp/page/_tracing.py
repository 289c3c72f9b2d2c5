"""Chromium's trace: what the browser did and when, for DevTools, Perfetto and programs that read it."""

from __future__ import annotations

import os
from collections.abc import Sequence
from enum import Enum
from pathlib import Path
from typing import Final

from twisted.internet.defer import CancelledError, Deferred, succeed
from twisted.logger import Logger
from twisted.python.failure import Failure

from txcdp._arguments import check_path, refuse_bare_string
from txcdp._core.sessions import Session
from txcdp._deferreds import OneShot, ignore_failure, returns_deferred, shielded
from txcdp.domains import io, tracing
from txcdp.errors import AlreadyRunning, CommandError, Gone, NotRunning, StreamEnded
from txcdp.network._pieces import pieces_of
from txcdp.page._files import NewFile
from txcdp.streams import first

log = Logger()

#: The default categories: those of DevTools' "Performance" panel.
CATEGORIES: Final = (
    "-*",
    "devtools.timeline",
    "disabled-by-default-devtools.timeline",
    "disabled-by-default-devtools.timeline.frame",
    "disabled-by-default-devtools.timeline.stack",
    "v8.execute",
    "disabled-by-default-v8.cpu_profiler",
    "blink.console",
    "blink.user_timing",
    "latencyInfo",
    "toplevel",
)

_SCREENSHOTS: Final = "disabled-by-default-devtools.screenshot"

#: Chromium's errors if somebody else's trace is running, and if none is.
_STARTED: Final = "Tracing has already been started"
_NOT_STARTED: Final = "Tracing is not started"


class _TracingState(Enum):
    """The states of a trace."""

    IDLE = "idle"
    STARTING = "starting"
    TRACING = "tracing"
    STOPPING = "stopping"


class Tracing:
    """Chromium traces, started through one page or through the browser; see ``Page.tracing``.

    The browser has one trace at a time, whoever starts it. The trace covers all of the browser's processes.

    :param session: the session of the page or the browser.
    """

    def __init__(self, session: Session) -> None:
        self._session = session
        self._state = _TracingState.IDLE
        self._path: Path | None = None
        self._leaving: OneShot[None] | None = None
        session._feed_into(gap=lambda _: self._over(), ended=lambda _: self._over())

    @property
    def path(self) -> Path | None:
        """The file that the trace will be written to; None if there is no trace, or it will be returned."""
        return self._path

    def __repr__(self) -> str:
        return f"<Tracing {self._state.value}>"

    @returns_deferred
    async def start(
        self,
        path: str | os.PathLike[str] | None = None,
        *,
        screenshots: bool = False,
        categories: Sequence[str] | None = None,
        compress: bool | None = None,
    ) -> None:
        """Start a trace (``Tracing.start``).

        :param path: the file that :meth:`stop` writes it to, in chunks; None keeps it in memory.
        :param screenshots: whether the trace includes pictures of the pages.
        :param categories: the categories to trace, such as ``["devtools.timeline"]``; a leading ``-`` excludes one, and
            ``"*"`` matches anything. None: what DevTools shows as a page's performance.
        :param compress: whether to compress with gzip; None: if the path ends in ``.gz``.
        :returns: fires with None once it has begun. Fails with :exc:`AlreadyRunning` if a trace is running, whoever
            started it, and otherwise like ``Session.execute``. Cancelling it leaves no trace running.
        """
        if categories is not None:
            refuse_bare_string("categories", categories)
        if path is not None:
            check_path("path", path)
        while self._leaving is not None:
            await self._leaving.wait()
        if self._state is not _TracingState.IDLE:
            raise AlreadyRunning("a trace", "stop() it first")
        chosen = [*(CATEGORIES if categories is None else categories), *([_SCREENSHOTS] if screenshots else [])]
        where = None if path is None else Path(path)
        gzip = compress if compress is not None else where is not None and where.suffix == ".gz"
        config = tracing.TraceConfig(
            included_categories=[each for each in chosen if not each.startswith("-")],
            excluded_categories=[each[1:] for each in chosen if each.startswith("-")],
        )
        command = tracing.start(
            transfer_mode="ReturnAsStream", stream_compression="gzip" if gzip else "none", trace_config=config
        )
        self._state = _TracingState.STARTING
        starting = self._session.execute(command)
        try:
            await shielded(starting)
        except CancelledError:
            self._leave(starting)
            raise
        except BaseException as error:
            self._over()
            if isinstance(error, CommandError) and error.message.startswith(_STARTED):
                raise AlreadyRunning("a trace", "the browser has only one at a time; stop that first") from error
            raise
        self._state, self._path = _TracingState.TRACING, where

    @returns_deferred
    async def stop(self) -> bytes | None:
        """Stop the trace (``Tracing.end``) and read it: as JSON, or compressed JSON.

        :returns: fires with the trace, or with None if :meth:`start` was given a path: the trace is in that file. Fails
            with :exc:`NotRunning` if there is no trace, as after a restart of the browser; with :exc:`OSError` if the
            file cannot be written, in which case nothing of it is left; otherwise like ``Session.execute``.
        """
        if self._state is not _TracingState.TRACING:
            raise NotRunning("a trace", "start() one")
        path, self._state = self._path, _TracingState.STOPPING
        ending = self._end()
        try:
            handle = await shielded(ending)
        except CancelledError:
            self._leave(succeed(None), ending)
            raise
        finally:
            self._over()
        if path is None:
            return b"".join([piece async for piece in pieces_of(self._session, handle)])
        with NewFile(path) as file:
            async for piece in pieces_of(self._session, handle):
                file.write(piece)
        return None

    @returns_deferred
    async def _end(self) -> str:
        """End the trace; return the handle of its data."""
        complete = first(self._session._observe(tracing.TracingComplete))
        try:
            await self._session.execute(tracing.end())
            done = await complete
        except CommandError as error:
            complete.addErrback(ignore_failure)
            complete.cancel()
            if error.message.startswith(_NOT_STARTED):
                raise NotRunning("a trace", "the browser ended it") from error
            raise
        except (StreamEnded, Gone):
            complete.addErrback(ignore_failure)
            raise NotRunning("a trace", "it ended with its page, or with the connection to the browser") from None
        if done.data_loss_occurred:
            log.warn("{tracing}: the browser's buffer was full: the trace is incomplete", tracing=self)
        return done.stream or ""

    def _leave(self, starting: Deferred[None], ending: Deferred[str] | None = None) -> None:
        """Discard an abandoned trace; the next one starts when it is over."""
        leaving = self._leaving = OneShot()

        def over(outcome: object) -> None:
            self._leaving = None
            self._over()
            leaving.fire(None)
            if isinstance(outcome, Failure):
                ignore_failure(outcome)

        async def discard() -> None:
            await starting
            handle = await (self._end() if ending is None else ending)
            self._session.execute(io.close(handle=handle)).addErrback(ignore_failure)

        Deferred.fromCoroutine(discard()).addBoth(over)

    def _over(self) -> None:
        self._state, self._path = _TracingState.IDLE, None
