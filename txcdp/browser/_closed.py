"""Errors for methods of a context that is closed."""

from __future__ import annotations

import inspect
from collections.abc import Callable, Coroutine
from functools import wraps
from typing import Any, Concatenate, ParamSpec, TypeVar, cast

from twisted.internet.defer import CancelledError, Deferred, fail
from twisted.python.failure import Failure

from txcdp._deferreds import ignore_failure, returns_deferred
from txcdp.errors import CommandError, ContextClosed
from txcdp.streams import Registration

P = ParamSpec("P")
T = TypeVar("T")


def while_open(
    method: Callable[Concatenate[Any, P], Deferred[T] | Coroutine[Deferred[Any], Any, T]],
) -> Callable[Concatenate[Any, P], Deferred[T]]:
    """Make a method of a context fail if the context is closed, or the browser gone, before the call or during it.

    :param method: a method that returns a Deferred, or a coroutine function.
    """
    ask = returns_deferred(cast("Any", method)) if inspect.iscoroutinefunction(method) else cast("Any", method)

    @wraps(ask)
    def wrapper(self: Any, /, *args: P.args, **kwargs: P.kwargs) -> Deferred[T]:
        def refused(failure: Failure) -> Failure:
            if not (self.is_closed() and failure.check(CommandError)):
                return failure
            closed = ContextClosed(method.__name__)
            closed.__cause__ = failure.value
            return Failure(closed)

        def checked(result: T) -> T:
            # What was set, or registered, holds for nothing where the context ended meanwhile; an answer is one.
            error = gone(method.__name__) if result is None or isinstance(result, Registration) else None
            if error is not None:
                raise error
            return result

        gone = self._gone
        error = gone(method.__name__)
        if error is not None:
            return fail(error)
        asked: Deferred[T] = ask(self, *args, **kwargs)
        if asked.called and not asked.paused:
            return asked.addCallbacks(checked, refused)
        cut = False

        def end(_: object) -> None:
            nonlocal cut
            cut = True
            asked.cancel()  # of what is asked of a context that is disposed of, Chromium may answer nothing

        ended: Deferred[None] = self.when_closed()
        ended.addCallbacks(end, ignore_failure)

        def settle(result: Any) -> Any:
            if not ended.called:
                ended.cancel()
            if cut and isinstance(result, Failure) and result.check(CancelledError):
                return Failure(gone(method.__name__))
            return result

        return asked.addBoth(settle).addCallbacks(checked, refused)

    return wrapper
