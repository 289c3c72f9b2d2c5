"""What a context that is closed says to whoever asks it for something."""

from __future__ import annotations

import inspect
from collections.abc import Callable, Coroutine
from copy import copy
from functools import wraps
from typing import Any, Concatenate, ParamSpec, TypeVar, cast

from twisted.internet.defer import Deferred, fail
from twisted.python.failure import Failure

from txcdp._deferreds import returns_deferred
from txcdp.errors import CommandError, ContextClosed

P = ParamSpec("P")
T = TypeVar("T")


def while_open(
    method: Callable[Concatenate[Any, P], Deferred[T] | Coroutine[Deferred[Any], Any, T]],
) -> Callable[Concatenate[Any, P], Deferred[T]]:
    """Let a method of a context fail where the context is closed, or the browser gone, before or meanwhile.

    :param method: one that returns a Deferred, or is a coroutine function.
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

        session = self.browser.session
        if session.ended:
            ended: Deferred[Any] = session.when_ended()
            return ended.addCallback(lambda reason: Failure(copy(reason)))
        if self.is_closed():
            return fail(ContextClosed(method.__name__))
        asked: Deferred[T] = ask(self, *args, **kwargs)
        return asked.addErrback(refused)

    return wrapper
