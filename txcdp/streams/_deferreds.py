"""A Deferred as an observable."""

from __future__ import annotations

from typing import TypeVar

from reactivex import Observable, abc
from reactivex.disposable import Disposable
from twisted.internet.defer import Deferred
from twisted.python.failure import Failure

T = TypeVar("T")


def from_deferred(deferred: Deferred[T]) -> Observable[T]:
    """Return an observable of a Deferred's single result, for use in ``flat_map`` and the like.

    Every subscriber gets the result, even one that subscribes late. If there is no subscriber, a failure of the
    Deferred is reported by Twisted as usual. If the last subscriber leaves before the result, the Deferred is
    cancelled.

    :param deferred: the Deferred; its callback chain belongs to the observable from now on.
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
