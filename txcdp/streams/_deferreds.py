"""From an observable to a Deferred, and back."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, TypeVar

from reactivex import Observable, abc
from reactivex.disposable import Disposable, SingleAssignmentDisposable
from twisted.internet.defer import Deferred
from twisted.internet.interfaces import IReactorTime
from twisted.python.failure import Failure

from txcdp.errors import StreamEnded
from txcdp.streams._fanout import context_of

T = TypeVar("T")


def first(
    source: Observable[T],
    predicate: Callable[[T], bool] | None = None,
    *,
    timeout: float | None = None,
    clock: IReactorTime | None = None,
) -> Deferred[T]:
    """Return a Deferred of a stream's first item, subscribing now: nothing that comes from now on is missed.

    :param source: any observable.
    :param predicate: take the first item for which it is true.
    :param timeout: seconds after which the Deferred fails with :exc:`TimeoutError`; None: never.
    :param clock: what times it, needed only for an observable that is not built on a txcdp stream.
    :returns: fires with the item. Fails with the stream's own error, with :exc:`StreamEnded` when it
        completes before, or with what ``predicate`` raised. Cancelling it unsubscribes.
    """
    subscription = SingleAssignmentDisposable()
    result: Deferred[T] = Deferred(lambda _: subscription.dispose())

    def on_next(item: T) -> None:
        if result.called:
            return
        try:
            wanted = predicate is None or predicate(item)
        except Exception:
            subscription.dispose()
            result.errback(Failure())
            return
        if wanted:
            subscription.dispose()
            result.callback(item)

    def on_error(error: Exception) -> None:
        if not result.called:
            result.errback(error)

    def on_completed() -> None:
        if not result.called:
            result.errback(StreamEnded(f"{_name(source)} ended before the awaited item came"))

    subscription.disposable = source.subscribe(on_next, on_error, on_completed)
    if timeout is not None:
        _limit(result, timeout, clock or _clock_of(source), _name(source))
    return result


def _limit(result: Deferred[Any], seconds: float, clock: IReactorTime, name: str) -> None:
    def late(value: object, limit: float) -> object:
        raise TimeoutError(f"{name}: the awaited item did not come within {limit:g} s")

    result.addTimeout(seconds, clock, onTimeoutCancel=late)


def _clock_of(source: object) -> IReactorTime:
    context = context_of(source)
    if context is None:
        raise TypeError("timeout= needs clock= (a reactor) for an observable that is not built on a txcdp stream")
    return context.clock


def _name(source: object) -> str:
    return str(getattr(source, "name", "the stream"))


def from_deferred(deferred: Deferred[T]) -> Observable[T]:
    """Return an observable of a Deferred's one result, for use in ``flat_map`` and the like.

    Every subscriber gets the result, also one that comes late. The failure of a Deferred that nobody
    subscribed to is reported by Twisted as usual. When the last subscriber leaves before the result
    is there, the Deferred is cancelled.

    :param deferred: what to observe; its callback chain belongs to the observable from now on.
    """
    observers: list[abc.ObserverBase[T]] = []
    outcome: list[T | Failure] = []

    def tell(observer: abc.ObserverBase[T], result: T | Failure) -> None:
        if isinstance(result, Failure):
            value = result.value
            observer.on_error(value if isinstance(value, Exception) else RuntimeError(repr(value)))
        else:
            observer.on_next(result)
            observer.on_completed()

    def fired(result: T | Failure) -> T | Failure | None:
        outcome.append(result)
        waiting = observers[:]
        observers.clear()
        for observer in waiting:
            tell(observer, result)
        return None if waiting else result

    def subscribe(observer: abc.ObserverBase[T], scheduler: abc.SchedulerBase | None = None) -> abc.DisposableBase:
        if outcome:
            if isinstance(outcome[0], Failure):
                deferred.addErrback(lambda _: None)  # it is being told to somebody now
            tell(observer, outcome[0])
            return Disposable()
        observers.append(observer)

        def leave() -> None:
            if observer in observers:
                observers.remove(observer)
                if not observers:
                    deferred.addErrback(lambda _: None)
                    deferred.cancel()

        return Disposable(leave)

    deferred.addBoth(fired)
    return Observable(subscribe)
