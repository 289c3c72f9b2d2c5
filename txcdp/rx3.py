"""The bridge for applications that still use ``rx`` 3.2, the old distribution of RxPY; needs ``txcdp[rx]``.

:func:`from_stream` makes a real ``rx.Observable`` from a stream of txcdp, a pipeline built on one, or any observable of
``reactivex``; :func:`to_stream` converts the other way. The operators of one distribution do not recognize the
observables of the other: they take them for iterables, and may iterate forever. So do not mix the two in one pipeline.
Items that are themselves observables (windows, groups) are converted, too.

In ``from_stream(stream).pipe(...)`` the time-based operators run on the connection's reactor, as in txcdp's own
pipelines: ``debounce``, ``delay``, ``timeout`` and the like need no scheduler, and never start a thread. For other
observables of ``rx``, use :class:`TwistedScheduler`.
"""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any, TypeVar

import reactivex
from reactivex import abc
from reactivex import disposable as reactivex_disposable

from txcdp._reactor import AnyReactor, Clock
from txcdp.streams import GroupedStream, Pipeline, StreamContext
from txcdp.streams._stream import context_of

try:
    import rx
    from rx.core.observable.groupedobservable import GroupedObservable
    from rx.disposable import Disposable
    from rx.scheduler import CurrentThreadScheduler
    from rx.scheduler.eventloop import TwistedScheduler as _RxScheduler
except ImportError as error:
    raise ImportError("txcdp.rx3 needs RxPY's old distribution, Rx 3.2: pip install txcdp[rx]") from error

__all__ = ["TwistedScheduler", "from_stream", "scheduler", "to_stream"]

T = TypeVar("T")


class TwistedScheduler(_RxScheduler):
    """A scheduler of Rx 3 on a Twisted reactor, or on a :class:`twisted.internet.task.Clock`.

    It is Rx 3's own, except for ``now``: the original calls a function for which Python 3.12 and newer emit a warning
    at every call.

    :param reactor: a reactor or a ``task.Clock``.
    """

    def __init__(self, reactor: AnyReactor) -> None:
        super().__init__(reactor)
        self._clock = reactor

    @property
    def now(self) -> datetime:
        """The clock's current time, in UTC and without a time zone, as Rx 3 expects."""
        return datetime.fromtimestamp(self._clock.seconds(), UTC).replace(tzinfo=None)


class _PipelineScheduler(TwistedScheduler):
    """The default scheduler of pipelines: runs what is due now at once, as without a scheduler, and the rest on the
    reactor.
    """

    def schedule(self, action: Any, state: Any = None) -> Any:
        """Run ``action`` on the current thread's trampoline."""
        return CurrentThreadScheduler.singleton().schedule(action, state)


def scheduler(reactor: AnyReactor) -> TwistedScheduler:
    """Return a scheduler for Rx 3's time-based operators: ``ops.debounce(1.0, rx3.scheduler(reactor))``.

    :param reactor: a reactor or a ``task.Clock``.
    """
    return TwistedScheduler(reactor)


def from_stream(stream: reactivex.Observable[Any], clock: Clock | None = None) -> rx.Observable:
    """Return a stream as an ``rx.Observable``.

    Subscribing to the observable subscribes to the stream, and disposing unsubscribes; items, errors and completion
    pass through unchanged. A subscriber that raises loses only its own subscription.

    :param stream: the stream, such as ``session.events(cdp.network.ResponseReceived)``, or ``stream.pipe(...)``.
    :param clock: the reactor for time-based operators; needed only for an observable that is not built on a txcdp
        stream, for which they would otherwise start threads.
    :raises TypeError: for anything but an observable of ``reactivex``.
    """
    if not isinstance(stream, reactivex.Observable):
        raise TypeError(f"from_stream() takes an observable of reactivex, not {_describe(stream)}")
    context = context_of(stream)
    clock = clock if clock is not None or context is None else context.clock
    bridge = _Bridge(_Foreign(stream, clock), clock)
    bridge.context = context
    return bridge


def to_stream(source: Any, like: reactivex.Observable[Any] | None = None) -> reactivex.Observable[Any]:
    """Return an ``rx`` 3 observable as one of ``reactivex``, for ``txcdp.first``, ``txcdp.queue`` and the like.

    :param source: an ``rx.Observable``; one that is built on :func:`from_stream` knows its connection.
    :param like: a stream of the connection whose reactor and flow control the result uses, if ``source`` does not know
        a connection.
    :raises TypeError: for anything but an observable of ``rx``.
    """
    if not isinstance(source, rx.Observable):
        raise TypeError(f"to_stream() takes an observable of rx, not {_describe(source)}")

    def subscribe(observer: abc.ObserverBase[Any], scheduler: abc.SchedulerBase | None = None) -> abc.DisposableBase:
        subscription = source.subscribe_(
            lambda item: observer.on_next(_to_reactivex(item, context)), observer.on_error, observer.on_completed
        )
        return reactivex_disposable.Disposable(subscription.dispose)

    context: StreamContext | None = getattr(source, "context", None)
    if context is None and like is not None:
        context = context_of(like)
    result: reactivex.Observable[Any] = reactivex.Observable(subscribe)
    return result if context is None else Pipeline(result, context)


class _Bridge(rx.Observable):
    """The ``rx.Observable`` of ``from_stream``, or of an operator on it, which stays on the stream's reactor.

    :ivar context: the context of the stream behind it, for the way back.
    """

    context: StreamContext | None = None

    def __init__(self, source: Any, clock: Clock | None) -> None:
        super().__init__()
        self._source = source
        self._clock = clock

    def pipe(self, *operators: Any) -> Any:
        """Compose operators; a connectable or grouped observable that they make keeps its kind."""
        made = super().pipe(*operators)
        if type(made) is not rx.Observable:
            return made
        bridge = _Bridge(made, self._clock)
        bridge.context = self.context
        return bridge

    def _subscribe_core(self, observer: Any, scheduler: Any = None) -> Any:
        if scheduler is None and self._clock is not None:
            scheduler = _PipelineScheduler(self._clock)
        return self._source.subscribe_(observer.on_next, observer.on_error, observer.on_completed, scheduler)


class _Foreign:
    """An observable of reactivex that can be subscribed to as in Rx 3."""

    def __init__(self, stream: reactivex.Observable[Any], clock: Clock | None) -> None:
        self._stream = stream
        self._clock = clock

    def subscribe_(self, on_next: Any, on_error: Any, on_completed: Any, scheduler: Any) -> Any:
        """Subscribe; Rx 3's scheduler is ignored, since the other side has its own."""
        clock = self._clock
        subscription = self._stream.subscribe(lambda item: on_next(_to_rx(item, clock)), on_error, on_completed)
        return Disposable(subscription.dispose)


def _to_rx(item: Any, clock: Clock | None) -> Any:
    """Convert an item; a window or a group becomes an observable of Rx 3."""
    if not isinstance(item, reactivex.Observable):
        return item
    bridge = from_stream(item, clock)
    return (
        GroupedObservable(item.key, bridge) if isinstance(item, reactivex.GroupedObservable | GroupedStream) else bridge
    )


def _to_reactivex(item: Any, context: StreamContext | None) -> Any:
    """Convert an item back."""
    if not isinstance(item, rx.Observable):
        return item
    stream = to_stream(item)
    if context is not None and context_of(stream) is None:
        stream = Pipeline(stream, context)
    return reactivex.GroupedObservable(item.key, stream) if isinstance(item, GroupedObservable) else stream


def _describe(value: object) -> str:
    kind = type(value)
    return f"{kind.__module__}.{kind.__qualname__}"
