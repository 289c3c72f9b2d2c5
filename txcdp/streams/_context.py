"""The state that all streams of a connection share."""

from __future__ import annotations

import copy
from collections.abc import Callable, Iterable
from typing import Protocol

from txcdp._reactor import CallsBack, Clock
from txcdp.stats import Stats
from txcdp.streams._scheduler import PipelineScheduler


class FlowControl(Protocol):
    """Interface that a full queue asks to pause reading: the ``Flow`` of one connection, or those of several."""

    @property
    def stats(self) -> Stats:
        """The counters of dropped items and the like."""

    @property
    def held(self) -> bool:
        """Whether a queue has asked for a pause."""

    @property
    def paused(self) -> bool:
        """Whether reading is paused."""

    def hold(self, holder: object, give_up: Callable[[float], None]) -> None:
        """Ask for a pause; ``give_up`` is called with its duration in seconds if it becomes too long."""

    def release(self, holder: object) -> None:
        """Withdraw a request made with :meth:`hold`."""


class StreamContext:
    """The state that the streams of one connection share, and pass on to the pipelines built on them.

    :ivar clock: the reactor, or a ``task.Clock``.
    :ivar flow: what a full queue asks to stop reading.
    :ivar scheduler: the scheduler of time-based operators.
    :ivar default_timeout: returns :attr:`timeout`; the owner of the streams may set it.
    :ivar deadlines: calls functions at deadlines that are rarely reached, at a lower cost than the clock.
    :ivar base_url: the URL that URL patterns may be relative to.
    """

    def __init__(
        self,
        clock: Clock,
        flow: FlowControl,
        default_timeout: Callable[[], float | None] = lambda: 30.0,
        deadlines: CallsBack | Clock | None = None,
    ) -> None:
        self.clock = clock
        self.deadlines: CallsBack | Clock = clock if deadlines is None else deadlines
        self.flow = flow
        self.scheduler = PipelineScheduler(clock)
        self.default_timeout = default_timeout
        self.base_url: str | None = None

    @property
    def timeout(self) -> float | None:
        """The default timeout of :meth:`~txcdp.streams.Stream.expect`, in seconds; None means no timeout."""
        return self.default_timeout()

    def with_default_timeout(self, default_timeout: Callable[[], float | None]) -> StreamContext:
        """Return a copy for streams with a default timeout of their own.

        :param default_timeout: returns the timeout, in seconds.
        """
        other = copy.copy(self)
        other.default_timeout = default_timeout
        return other

    def with_base_url(self, base_url: str | None) -> StreamContext:
        """Return a copy for streams whose URL patterns are relative to another URL."""
        if base_url is None:
            return self
        other = copy.copy(self)
        other.base_url = base_url
        return other

    def count_dropped(self) -> None:
        """Count an item that a queue dropped."""
        self.flow.stats.dropped += 1

    def count_subscriber_error(self) -> None:
        """Count a subscription that was ended because it raised."""
        self.flow.stats.subscriber_errors += 1


class _Together:
    """The flows of several connections: a pause applies to all of them."""

    def __init__(self, flows: list[FlowControl]) -> None:
        self.stats = flows[0].stats
        self._flows = flows

    @property
    def held(self) -> bool:
        """Whether any of them is held."""
        return any(flow.held for flow in self._flows)

    @property
    def paused(self) -> bool:
        """Whether any of them is paused."""
        return any(flow.paused for flow in self._flows)

    def hold(self, holder: object, give_up: Callable[[float], None]) -> None:
        """Ask all of them for a pause."""
        for flow in self._flows:
            flow.hold(holder, give_up)

    def release(self, holder: object) -> None:
        """Withdraw the request from all of them."""
        for flow in self._flows:
            flow.release(holder)


def joined(contexts: Iterable[StreamContext]) -> StreamContext:
    """Return the shared state of combined streams: the first one's clock, and the flows of all."""
    different = list({id(each.flow): each for each in contexts}.values())
    first = different[0]
    if len(different) == 1:
        return first
    return StreamContext(first.clock, _Together([each.flow for each in different]), first.default_timeout)
