"""Small tools around Twisted's Deferred and DelayedCall: async functions, deadlines, shared waiting, alarms."""

from __future__ import annotations

import inspect
from collections.abc import Callable, Coroutine, Iterable
from functools import wraps
from traceback import walk_tb
from types import TracebackType
from typing import Any, ClassVar, Generic, Literal, ParamSpec, Self, TypeVar

from twisted.internet.defer import CancelledError, Deferred, DeferredList, FirstError, fail, gatherResults
from twisted.internet.interfaces import IDelayedCall
from twisted.internet.threads import deferToThreadPool
from twisted.python.failure import Failure

from txcdp._reactor import AnyReactor, CallsBack, CallsLater, Clock, whole
from txcdp.errors import TxcdpError

P = ParamSpec("P")
T = TypeVar("T")
C = TypeVar("C", bound=type)


def returns_deferred(
    function: Callable[P, Coroutine[Deferred[Any], Any, T]],
) -> Callable[P, Deferred[T]]:
    """Turn an ``async def`` into a function that starts at once and returns a Deferred.

    Cancelling the Deferred raises :exc:`~twisted.internet.defer.CancelledError` at the ``await`` that the function is
    waiting at; the function may clean up, and may await while it does.
    """

    @wraps(function)
    def wrapper(*args: P.args, **kwargs: P.kwargs) -> Deferred[T]:
        return Deferred.fromCoroutine(function(*args, **kwargs))

    returned = function.__annotations__.get("return", "Any")
    name = returned if isinstance(returned, str) else getattr(returned, "__name__", str(returned))
    shown = f"Deferred[{name}]"  # help() and the reference say what is returned, not what is awaited
    wrapper.__annotations__ = {**function.__annotations__, "return": shown}
    setattr(wrapper, "__signature__", inspect.signature(function).replace(return_annotation=shown))  # noqa: B010
    return wrapper


def failing_deferreds(owner: C) -> C:
    """Make the public methods of a class that return Deferreds fail these instead of raising; a class decorator.

    So callers handle all errors in one place. A call that does not fit a method's signature still raises, as for any
    method.
    """
    for name, method in list(vars(owner).items()):
        if name.startswith("_") or not inspect.isfunction(method):
            continue
        returned = str(method.__annotations__.get("return", ""))
        written = getattr(method, "__wrapped__", method)  # where that is a coroutine function it raises nothing
        if returned.startswith("Deferred[") and not inspect.iscoroutinefunction(written):
            setattr(owner, name, _failing(method))
    return owner


def _failing(method: Callable[P, Deferred[T]]) -> Callable[P, Deferred[T]]:
    code = inspect.unwrap(method).__code__

    @wraps(method)
    def wrapper(*args: P.args, **kwargs: P.kwargs) -> Deferred[T]:
        try:
            return method(*args, **kwargs)
        except TypeError as error:
            if all(frame.f_code is not code for frame, _ in walk_tb(error.__traceback__)):
                raise  # the method has not been called at all
            return fail()
        except Exception:
            return fail()

    return wrapper


def with_deadline(
    reactor: CallsBack | CallsLater | Clock | None,
    deferred: Deferred[T],
    seconds: float | None,
    error_factory: Callable[[], Exception],
) -> Deferred[T]:
    """Cancel a Deferred after a time and make it fail with an error from the caller.

    A value that arrives despite the cancellation is kept; a failure of any kind that follows the cancellation becomes
    the error, with the first one as its ``__cause__``.

    :param reactor: the reactor, or another clock with ``callLater``; may be None if there is no timeout.
    :param deferred: what to wait for; the same one is returned.
    :param seconds: the timeout in seconds, or ``None`` for no timeout.
    :param error_factory: makes the exception; called only when the time is up.
    """
    if reactor is None or seconds is None or (deferred.called and not deferred.paused):
        return deferred
    expired = False

    def expire() -> None:
        nonlocal expired
        expired = True
        deferred.cancel()

    call = reactor.callLater(seconds, expire)

    def finish(result: T | Failure) -> T | Failure:
        if call.active():
            call.cancel()
        if expired and isinstance(result, Failure):
            error = error_factory()
            cause = result.value
            if cause is not None and not isinstance(cause, CancelledError):
                error.__cause__ = cause
            return Failure(error)
        return result

    deferred.addBoth(finish)
    return deferred


async def when_all(deferreds: Iterable[Deferred[Any]]) -> None:
    """Wait for all Deferreds; the first failure is the outcome."""
    try:
        await gatherResults(list(deferreds), consumeErrors=True)
    except FirstError as error:
        error.subFailure.raiseException()


async def when_all_ended(deferreds: Iterable[Deferred[Any]]) -> None:
    """Wait until each Deferred has fired, even if one has failed before; the first one that failed is the outcome."""
    for succeeded, outcome in await DeferredList(list(deferreds), consumeErrors=True):
        if not succeeded:
            outcome.raiseException()


def shielded(deferred: Deferred[T]) -> Deferred[T]:
    """Wait for something that runs to its end even if the waiting is cancelled, such as a function in a thread.

    :param deferred: what to wait for; it is never cancelled, and keeps its result for other users.
    :returns: fires and fails as ``deferred`` does.
    """
    waiting: Deferred[T] = Deferred()

    def tell(result: T | Failure) -> T | Failure | None:
        if waiting.called:  # cancelled
            return result
        waiting.callback(result)
        return None

    deferred.addBoth(tell)
    return waiting


def unless_cancelled(waiting: Deferred[T], late: Callable[[T], object]) -> Deferred[T]:
    """Wait for something whose result has to be undone if nobody waits for it any more.

    :param waiting: what to wait for; it is never cancelled.
    :param late: called with a result that arrives after the waiting was cancelled.
    :returns: fires and fails as ``waiting`` does.
    """
    result: Deferred[T] = Deferred()

    def succeeded(value: T) -> None:
        if result.called:
            late(value)
        else:
            result.callback(value)

    def failed(failure: Failure) -> None:
        if not result.called:
            result.errback(failure)

    waiting.addCallbacks(succeeded, failed)
    return result


def in_thread(reactor: AnyReactor, function: Callable[..., T], *args: Any) -> Deferred[T]:
    """Call a function that blocks, for example on the disk, in a thread of the reactor's pool."""
    called: Deferred[T] = deferToThreadPool(whole(reactor), whole(reactor).getThreadPool(), function, *args)
    return called


def ignore_failure(error: Failure | Exception) -> None:
    """Ignore a failure that concerns only callers who will get an error from what they do themselves; an errback.

    Use it where something may fail because a target, a session or the connection is gone, or because it was cancelled.
    A bug in the program is none of these: it is passed on, and logged if nobody handles it.

    :param error: a Failure, or an exception, as streams have it.
    """
    if isinstance(error, Failure):
        error.trap(TxcdpError, CancelledError)
    elif not isinstance(error, TxcdpError | CancelledError):
        raise error


class FirstMatch(Generic[T]):
    """Finds the first item for which a predicate is true; the predicate may return a Deferred or a coroutine.

    :param predicate: the predicate; its result, or that of the Deferred that it returns, is tested for truth. None: any
        item matches.
    :param settle: called once, with the item, or with a Failure: of the predicate, or of the source.
    """

    def __init__(self, predicate: Callable[[T], object] | None, settle: Callable[[T | Failure], object]) -> None:
        self._predicate = predicate
        self._settle = settle
        #: What is decided about, and what has ended it all meanwhile.
        self._deciding: set[Deferred[Any]] = set()
        self._error: Exception | None = None
        self._over = False

    def look(self, item: T) -> None:
        """Test an item."""
        if self._over:
            return
        try:
            wanted = self._predicate is None or self._predicate(item)
        except Exception:
            self._end(Failure())
            return
        if inspect.iscoroutine(wanted):
            wanted = Deferred.fromCoroutine(wanted)
        if isinstance(wanted, Deferred):
            self._deciding.add(wanted)
            wanted.addBoth(self._decided, item, wanted)
        elif wanted:
            self._end(item)

    def fail(self, error: Exception) -> None:
        """Handle the end of the items; this fails once the pending predicates have been decided."""
        self._error = error
        if not self._deciding:
            self._end(Failure(error))

    def stop(self) -> None:
        """Test no more items, and report nothing any more."""
        self._over = True
        for each in list(self._deciding):
            each.cancel()

    def _decided(self, wanted: object, item: T, decision: Deferred[Any]) -> None:
        self._deciding.discard(decision)
        if isinstance(wanted, Failure):
            self._end(wanted)
        elif wanted:
            self._end(item)
        elif self._error is not None:
            self.fail(self._error)

    def _end(self, outcome: T | Failure) -> None:
        if not self._over:
            self.stop()
            self._settle(outcome)


class Waiters(Generic[T]):
    """The waiters for something that may happen any number of times.

    Each has its own Deferred: cancelling one does not affect the others.
    """

    def __init__(self) -> None:
        self._waiters: list[Deferred[T]] = []

    def notify(self, result: T) -> None:
        """Fire the current waiters; later ones wait for the next time."""
        waiters, self._waiters = self._waiters, []
        for waiter in waiters:
            if not waiter.called:  # cancelled by one of those before
                waiter.callback(result)

    def wait(self) -> Deferred[T]:
        """Return a new Deferred that fires with the result once it is given."""
        deferred: Deferred[T] = Deferred(self._forget)
        self._waiters.append(deferred)
        return deferred

    def _forget(self, deferred: Deferred[T]) -> None:
        if deferred in self._waiters:
            self._waiters.remove(deferred)


class OneShot(Waiters[T]):
    """An event that happens once, and for which any number of callers may wait."""

    _result: tuple[T] | None = None

    @property
    def fired(self) -> bool:
        """Whether it has happened."""
        return self._result is not None

    def fire(self, result: T) -> None:
        """Fire all current and later waiters; a second call does nothing."""
        if self._result is None:
            self._result = (result,)
            self.notify(result)

    def wait(self) -> Deferred[T]:
        """Return a new Deferred that fires with the result once it is given."""
        if self._result is None:
            return super().wait()
        deferred: Deferred[T] = Deferred()
        deferred.callback(self._result[0])  # a Failure goes to the errbacks
        return deferred


class EndedByBlock:
    """Base of the objects that ``async with`` closes or stops at the end of its block."""

    #: The method that ends the object; it returns a Deferred.
    _end_by: ClassVar[Literal["close", "stop"]] = "close"

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await getattr(self, self._end_by)()


class Timer:
    """A timer that calls one function, and may be set, stopped and set again.

    :param clock: the reactor, or another clock with ``callLater``.
    :param function: the function to call.
    """

    def __init__(self, clock: CallsLater | Clock, function: Callable[[], object]) -> None:
        self._clock = clock
        self._function = function
        self._call: IDelayedCall | None = None

    @property
    def is_set(self) -> bool:
        """Whether the call is still pending."""
        return self._call is not None

    def set(self, seconds: float) -> None:
        """Schedule the call in so many seconds; if it is already scheduled, this does nothing."""
        if self._call is None:
            self._call = self._clock.callLater(seconds, self._go_off)

    def restart(self, seconds: float) -> None:
        """Schedule the call in so many seconds from now, whether or not it was scheduled."""
        self.stop()
        self.set(seconds)

    def stop(self) -> None:
        """Cancel the call, if it is scheduled."""
        call, self._call = self._call, None
        if call is not None:
            call.cancel()

    def _go_off(self) -> None:
        self._call = None
        self._function()
