"""Large results in chunks: as a stream, or into a file."""

from __future__ import annotations

from collections.abc import AsyncGenerator, Callable
from dataclasses import dataclass

from txcdp._reactor import Clock
from txcdp.fleet._attempts import WorkAttempt
from txcdp.page._files import NewFile
from txcdp.stats import Stats
from txcdp.streams._context import StreamContext
from txcdp.streams._pulled import PulledStream, _Gate


@dataclass(frozen=True)
class StreamedResult:
    """The outcome of work whose result arrived in chunks.

    :ivar kind: the content type of the result, such as ``"application/pdf"``.
    :ivar status: the HTTP status of the page; None: it has none.
    :ivar size: the size of the result in bytes.
    :ivar dropped: for a recording, the number of events that the node dropped.
    """

    kind: str
    status: int | None
    size: int
    dropped: int


def outcome_of(attempt: WorkAttempt, size: int) -> StreamedResult:
    """Return the outcome of an attempt all of whose pieces have arrived."""
    final = attempt.final
    return StreamedResult(final.get("kind", ""), final.get("status"), size, final.get("dropped", 0))


async def chunks_of(attempt: WorkAttempt) -> AsyncGenerator[bytes, None]:
    """Yield the chunks of a result; a small result comes with the end."""
    pieces = attempt.pieces()
    try:
        async for each in pieces:
            yield each
    finally:
        await pieces.aclose()
    body = attempt.final.get("body")
    if body is not None:
        yield body


async def write(attempt: WorkAttempt, file: NewFile) -> StreamedResult:
    """Write the chunks of a result to a file, which appears once all have arrived."""
    size = 0
    chunks = chunks_of(attempt)
    try:
        with file:
            async for each in chunks:
                file.write(each)
                size += len(each)
    finally:
        await chunks.aclose()
    return outcome_of(attempt, size)


class RemoteChunks(PulledStream[bytes]):
    """The bytes of a result that a node makes, starting with the first subscription.

    A queue with ``overflow="pause"`` asks the node for no more than its window. When the last subscriber leaves, the
    work is cancelled.

    :param clock: the reactor.
    :param name: the name of the result, for people.
    :param start: calls a node, and returns the attempt that has a place there, with its chunks.
    """

    def __init__(
        self, clock: Clock, name: str, start: Callable[[], AsyncGenerator[tuple[WorkAttempt, bytes], None]]
    ) -> None:
        super().__init__(StreamContext(clock, _Gate(Stats())), name, self._bytes)
        self._call = start
        self._attempt: WorkAttempt | None = None
        self._outcome: StreamedResult | None = None

    @property
    def outcome(self) -> StreamedResult | None:
        """The outcome; None before the end."""
        return self._outcome

    async def _bytes(self) -> AsyncGenerator[bytes, None]:
        size = 0
        pieces = self._call()
        try:
            async for attempt, each in pieces:
                self._attempt = attempt
                size += len(each)
                if each:
                    yield each
        finally:
            await pieces.aclose()
        if self._attempt is not None:
            self._outcome = outcome_of(self._attempt, size)
