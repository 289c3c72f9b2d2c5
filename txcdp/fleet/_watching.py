"""The events of a page on another machine, as a stream."""

from __future__ import annotations

from collections.abc import AsyncGenerator, Callable
from typing import Any, TypeVar

from txcdp._reactor import Clock
from txcdp.fleet._attempts import WorkAttempt
from txcdp.protocol import Event, build
from txcdp.stats import Stats
from txcdp.streams._context import StreamContext
from txcdp.streams._pulled import PulledStream, _Gate

E = TypeVar("E", bound=Event, covariant=True)


class RemoteStream(PulledStream[E]):
    """Events of a page that a node watches, from the first subscription to the end of the last.

    They arrive in the order in which the browser sent them. A queue with ``overflow="pause"`` stops asking the node for
    more; the node then keeps up to ``buffer`` events, and treats more of them as its ``overflow`` says.

    :param clock: the reactor.
    :param events: event classes, by their protocol names.
    :param start: calls a node, and returns the attempt that has a place there, with its pieces.
    """

    def __init__(
        self,
        clock: Clock,
        events: dict[str, type[Event]],
        start: Callable[[], AsyncGenerator[tuple[WorkAttempt, Any], None]],
    ) -> None:
        super().__init__(StreamContext(clock, _Gate(Stats())), f"events of {', '.join(events)}", self._typed)
        self._events = events
        self._call = start
        self._attempt: WorkAttempt | None = None

    @property
    def dropped(self) -> int:
        """How many events the node has dropped, as far as it has reported."""
        return 0 if self._attempt is None else self._attempt.dropped

    async def _typed(self) -> AsyncGenerator[Any, None]:
        pieces = self._call()
        try:
            async for attempt, (method, parameters) in pieces:
                self._attempt = attempt
                yield build(self._events[method], parameters)
        finally:
            await pieces.aclose()
