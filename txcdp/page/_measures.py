"""Chromium's metrics of a page, and snapshots of its heap."""

from __future__ import annotations

import os
from collections.abc import Callable

from twisted.internet.defer import Deferred

from txcdp._core.sessions import Session
from txcdp._deferreds import ignore_failure, returns_deferred, with_deadline
from txcdp.domains import heap_profiler, performance
from txcdp.errors import CommandTimeout
from txcdp.page._files import NewFile


@returns_deferred
async def metrics(session: Session) -> dict[str, float]:
    """Return Chromium's metrics of a page; see ``Page.metrics``."""
    if not session._is_set_up(performance.enable.method):
        await session._insist(performance.enable())  # the other command interrupts the page, and overtakes this one
    counted = (await session.execute(performance.get_metrics())).metrics
    return {each.name: each.value for each in counted}


def capture_heap_snapshot(session: Session, path: str | os.PathLike[str], seconds: float | None) -> Deferred[None]:
    """Write a snapshot of a page's heap to a file; see ``Page.capture_heap_snapshot``."""
    late: Callable[[], Exception] = lambda: CommandTimeout(  # noqa: E731
        heap_profiler.take_heap_snapshot.method, seconds or 0, session.blocked_by
    )
    return with_deadline(session.context.clock, Deferred.fromCoroutine(_written(session, path)), seconds, late)


async def _written(session: Session, path: str | os.PathLike[str]) -> None:
    failures: list[OSError] = []
    with NewFile(path) as file:

        def write(event: heap_profiler.AddHeapSnapshotChunk) -> None:
            if not failures:
                try:
                    file.write(event.chunk.encode("utf-8", "surrogatepass"))
                except OSError as error:
                    failures.append(error)

        listening = session._observe(heap_profiler.AddHeapSnapshotChunk).subscribe(write, ignore_failure)
        try:
            await session.execute(heap_profiler.collect_garbage(), timeout=None)
            await session.execute(heap_profiler.take_heap_snapshot(report_progress=False), timeout=None)
        finally:
            listening.dispose()
        if failures:
            raise failures[0]
