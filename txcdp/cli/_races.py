"""Combines several Deferreds, of which the first to fire decides."""

from __future__ import annotations

from typing import Any, TypeVar

from twisted.internet.defer import Deferred
from twisted.python.failure import Failure

T = TypeVar("T")


def first_of(*waiting: Deferred[Any]) -> Deferred[Any]:
    """Return a Deferred with the outcome, success or failure, of the first of several Deferreds that fires.

    The others are then cancelled, and their outcomes ignored. Cancelling it cancels all of them.
    """

    def cancel(_: object = None) -> None:
        for each in waiting:
            each.cancel()

    result: Deferred[Any] = Deferred(cancel)

    def fired(outcome: Any) -> None:
        if not result.called:
            if isinstance(outcome, Failure):
                result.errback(outcome)
            else:
                result.callback(outcome)
            cancel()

    for each in waiting:
        each.addBoth(fired)
    return result


def failure_of(waiting: Deferred[Any]) -> Deferred[Any]:
    """Return a Deferred that fails as another one does, and never succeeds; cancelling it cancels that one."""
    result: Deferred[Any] = Deferred(lambda _: waiting.cancel())

    def failed(failure: Failure) -> None:
        if not result.called:
            result.errback(failure)

    waiting.addErrback(failed)
    return result
