"""Streams: observables that carry the reactor's clock and the browser's flow, and pass both on to their operators.

reactivex's operators choose their scheduler at subscription, and use a thread if none is given. So everything that an
operator takes or returns here (the result, the streams that a function returns, the windows and groups that are items)
is a :class:`Stream` as well, which subscribes with the connection's scheduler.
"""

from __future__ import annotations

import inspect
import types
from collections.abc import Callable, Coroutine, Iterable
from typing import (
    TYPE_CHECKING,
    Any,
    Final,
    Generic,
    NoReturn,
    TypeAlias,
    TypeVar,
    TypeVarTuple,
    Unpack,
    cast,
    overload,
)

import reactivex
from reactivex import ConnectableObservable, GroupedObservable, Notification, Observable, abc, typing
from reactivex import operators as ops
from reactivex.disposable import SingleAssignmentDisposable
from reactivex.internal.utils import NotSet
from reactivex.operators._timeinterval import TimeInterval
from reactivex.operators._timestamp import Timestamp
from twisted.internet.defer import Deferred
from twisted.logger import Logger
from twisted.python.failure import Failure

from txcdp._timeouts import DEFAULT, Timeout, seconds_of
from txcdp.errors import DeadlineError, Gone, TxcdpError
from txcdp.streams._context import StreamContext, joined
from txcdp.streams._deferreds import from_deferred

if TYPE_CHECKING:
    from txcdp.streams._expected import Expected, Match

T = TypeVar("T")
T_co = TypeVar("T_co", covariant=True)
K = TypeVar("K")
K_co = TypeVar("K_co", covariant=True)
U = TypeVar("U")
A = TypeVar("A")
B = TypeVar("B")
C = TypeVar("C")
D = TypeVar("D")
E = TypeVar("E")
F = TypeVar("F", bound=Callable[..., object] | None)
Ts = TypeVarTuple("Ts")

#: What a function may return for each item if its items are emitted: a stream, or something with a single result.
Inner: TypeAlias = Observable[U] | Deferred[U] | Coroutine[Any, Any, U]

Scheduler: TypeAlias = abc.SchedulerBase | None
Seconds: TypeAlias = typing.RelativeTime

#: A hint on how to receive the items of a stream, for error messages.
_ITEMS: Final = (
    "`await first(stream)` waits for its next item, `stream.subscribe(function)` has each of them, and so has "
    "`async with queue(stream) as items: async for item in items: ...` (first and queue are in txcdp.streams)"
)

#: A hint on how to run a coroutine function, for error messages of methods that only call functions.
_EACH: Final = "stream.each(function) runs one for each item"
_FLAT_MAP: Final = "what a coroutine function returns for each item are the items of stream.flat_map(function)"

log = Logger()


def _called(function: F, of: str, instead: str = _FLAT_MAP) -> F:
    """Refuse an argument that is not callable, or a coroutine function, which would never run: its result is truthy.

    :param of: the name of the method that calls it.
    :param instead: what to use for a coroutine function.
    :raises TypeError: if it is refused.
    """
    if function is None:
        return function
    if not callable(function):
        raise TypeError(f"{of}: {function!r} is not a function")
    if inspect.iscoroutinefunction(function):
        name = getattr(function, "__qualname__", repr(function))
        raise TypeError(f"{of} calls {name}() and does not await it, as a coroutine function has to be: {instead}")
    return function


class Stream(Observable[T_co]):
    """An observable of what a browser reports: an :class:`EventStream`, or the result of operators on one.

    Its operators are methods. They are those of ``reactivex`` (see its documentation for details) with inferred types;
    time-based ones run on the connection's reactor, and never on a thread. If a function is to return a stream for each
    item (:meth:`flat_map` and the like), it may also return a Deferred or be a coroutine function. Times are in
    seconds, or a timedelta. Use ``pipe`` for any other operator.

    :ivar context: the clock and the flow control, shared with the other streams of its connection.
    :ivar name: a readable name for what it carries.
    """

    context: StreamContext
    name: str

    def subscribe(
        self,
        on_next: Any = None,
        on_error: abc.OnError | None = None,
        on_completed: abc.OnCompleted | None = None,
        *,
        scheduler: Scheduler = None,
    ) -> abc.DisposableBase:
        """Subscribe as to any observable.

        :param on_next: called with each item; or an observer, instead of all three functions.
        :param on_error: called with the error that ends the stream; without it, the error is logged.
        :param on_completed: called when the stream completes.
        :param scheduler: the scheduler of time-based operators, instead of the connection's reactor.
        :returns: an object whose ``dispose()`` unsubscribes.
        :raises TypeError: one of them is no function, or is a coroutine function: use :meth:`each` for those.
        """
        on_error = self._checked(on_next, on_error, on_completed)
        return super().subscribe(on_next, on_error, on_completed, scheduler=scheduler or self.context.scheduler)

    def expect(self, match: Match[T_co] = None, *, timeout: Timeout = DEFAULT) -> Expected[T_co]:
        """Expect an item during a block: ``async with stream.expect() as expected: ...``.

        Items count from the beginning of the block. Leaving the block waits for the item; a block that raises does not
        wait. ``expected.value`` is a new Deferred of the item at each reading.

        :param match: which item: a function that is called with each item and returns whether it is the one (or a
            Deferred or coroutine of that); or, if items have a ``url`` (also in their ``request`` or ``response``), a
            pattern for it: a glob such as ``"**/api/*"``, or an :class:`re.Pattern`; a glob may be relative to the
            ``base_url`` of the page's context. By default the first item.
        :param timeout: seconds, or a timedelta; None or 0 means no timeout; by default what ``set_default_timeout`` of
            the page, its context or the browser has set, otherwise 30 s.
        :raises DeadlineError: at the end of the block, if there was no such item in time.
        :raises StreamEnded: at the end of the block, if the stream completed first; or the stream's own error.
        """
        from txcdp.streams._expected import Expected, first, predicate_of

        predicate = predicate_of(match, self.context.base_url)
        seconds = seconds_of(timeout, self.context.timeout)
        return Expected(lambda: first(self, predicate, timeout=seconds))

    def each(self, handler: Callable[[T_co], object]) -> abc.DisposableBase:
        """Call a function with each item.

        If it raises, or its Deferred fails, this is logged and counted in ``stats.subscriber_errors``; it is still
        called with the next item. It is called with each item on arrival, whether or not the Deferred of the previous
        one has fired. An error of the stream is logged.

        :param handler: a function, which may return a Deferred, or a coroutine function.
        :returns: an object whose ``dispose()`` stops the calls; calls that have begun continue to their end.
        :raises TypeError: it is no function.
        """
        if not callable(handler):
            raise TypeError(f"each(): {handler!r} is not a function")

        def failed(failure: Failure, item: Any) -> None:
            self._report(failure, "a handler failed", Gone)
            self._handler_failed(item)

        def handle(item: Any) -> None:
            try:
                result = handler(item)
            except Exception:
                failed(Failure(), item)
                return
            if isinstance(result, types.CoroutineType | types.GeneratorType):
                result = Deferred.fromCoroutine(result)
            if isinstance(result, Deferred):
                result.addErrback(failed, item)

        return self.subscribe(handle)

    # What Python and reactivex have for observables besides, and what a stream is not: each would stand still, for
    # ever, or fail in words that tell nothing.

    def __add__(self, other: Observable[U]) -> Stream[T_co | U]:
        """Emit this stream's items, and once it has completed those of the other; see :meth:`concat`."""
        return self.concat(other)

    __iadd__ = __add__

    def __await__(self) -> NoReturn:
        """Refuse: a stream has no single result, and may never complete."""
        raise TypeError(f"{self!r} cannot be awaited: {_ITEMS}")

    def run(self, scheduler: Scheduler = None) -> NoReturn:
        """Refuse: it would block until the stream ends, and nothing arrives while the reactor's thread is blocked."""
        raise TypeError(f"{self!r} cannot be run: {_ITEMS}")

    if not TYPE_CHECKING:  # a checker is to refuse them

        def __iter__(self) -> NoReturn:
            """Refuse: the items of a stream arrive later."""
            raise TypeError(f"{self!r} cannot be iterated: {_ITEMS}")

        def __aiter__(self) -> NoReturn:
            """Refuse: items that arrive while one is processed have to be buffered, and the program has to say how
            many.
            """
            raise TypeError(f"{self!r} cannot be iterated: {_ITEMS}")

    # What becomes of each item:

    def map(self, mapper: Callable[[T_co], U]) -> Stream[U]:
        """Replace each item by a function's result for it."""
        return self._made(ops.map(_called(mapper, "map()")), "map")

    def map_indexed(self, mapper_indexed: Callable[[T_co, int], U]) -> Stream[U]:  # type: ignore[override]
        """Replace each item by a function's result for it and its index, from 0."""
        return self._made(ops.map_indexed(_called(mapper_indexed, "map_indexed()")), "map_indexed")

    def starmap(self: Stream[tuple[*Ts]], mapper: Callable[[Unpack[Ts]], U]) -> Stream[U]:  # type: ignore[override]
        """Replace each tuple by a function's result for its elements as arguments."""
        return self._made(ops.starmap(_called(mapper, "starmap()")), "starmap")

    def flat_map(self, mapper: Callable[[T_co], Inner[U]]) -> Stream[U]:  # type: ignore[override]
        """Merge the streams that a function returns for the items."""
        return self._made(ops.flat_map(self._inner(mapper)), "flat_map")

    def concat_map(self, project: Callable[[T_co], Inner[U]]) -> Stream[U]:
        """Concatenate the streams that a function returns for the items: each begins when the previous one has
        completed.
        """
        return self._made(ops.concat_map(self._inner(project)), "concat_map")

    def switch_map(self, project: Callable[[T_co], Inner[U]]) -> Stream[U]:
        """Emit the items of the stream that a function returns for the latest item: the previous one is dropped or
        cancelled.
        """
        return self._made(ops.switch_map(self._inner(project)), "switch_map")

    def expand(self: Stream[T], mapper: Callable[[T], Inner[T]]) -> Stream[T]:
        """Emit each item, the stream that a function returns for it, those for the items of that stream, and so on."""
        return self._made(ops.expand(self._inner(mapper)), "expand")

    @overload
    def scan(self: Stream[T], accumulator: Callable[[T, T], T]) -> Stream[T]: ...
    @overload
    def scan(self, accumulator: Callable[[A, T_co], A], seed: A) -> Stream[A]: ...
    def scan(self, accumulator: Any, seed: Any = NotSet) -> Any:
        """Emit, for each item, a function's result for its last result and the item.

        :param seed: the initial result; by default the first item.
        """
        return self._made(ops.scan(_called(accumulator, "scan()"), seed), "scan")

    @overload
    def reduce(self: Stream[T], accumulator: Callable[[T, T], T]) -> Stream[T]: ...
    @overload
    def reduce(self, accumulator: Callable[[A, T_co], A], seed: A) -> Stream[A]: ...
    def reduce(self, accumulator: Any, seed: Any = NotSet) -> Any:
        """Emit the last result of :meth:`scan` when the stream completes."""
        return self._made(ops.reduce(_called(accumulator, "reduce()"), seed), "reduce")

    def pairwise(self) -> Stream[tuple[T_co, T_co]]:
        """Emit each item together with the previous one."""
        return self._made(ops.pairwise(), "pairwise")

    def timestamp(self, scheduler: Scheduler = None) -> Stream[Timestamp[T_co]]:
        """Emit each item with the time of its arrival: ``.value`` and ``.timestamp``, a datetime."""
        return self._made(ops.timestamp(scheduler), "timestamp")

    def time_interval(self, scheduler: Scheduler = None) -> Stream[TimeInterval[T_co]]:
        """Emit each item with the time since the previous one: ``.value`` and ``.interval``, a timedelta."""
        return self._made(ops.time_interval(scheduler), "time_interval")

    def materialize(self) -> Stream[Notification[T_co]]:
        """Emit items, completion and error as notifications."""
        return self._made(ops.materialize(), "materialize")

    def dematerialize(self: Stream[Notification[U]]) -> Stream[U]:
        """Turn notifications back into items, completion and error."""
        return self._made(ops.dematerialize(), "dematerialize")

    def do_action(
        self,
        on_next: Callable[[T_co], object] | None = None,
        on_error: Callable[[Exception], object] | None = None,
        on_completed: Callable[[], object] | None = None,
    ) -> Stream[T_co]:
        """Call functions as a side effect: with each item, with the error, at completion. If they raise, the stream
        fails.
        """
        for function in (on_next, on_error, on_completed):
            _called(function, "do_action()", _EACH)
        return self._made(
            ops.do_action(cast("Any", on_next), cast("Any", on_error), cast("Any", on_completed)), "do_action"
        )

    def finally_action(self, action: Callable[[], object]) -> Stream[T_co]:
        """Call a function when a subscription has ended, for any reason."""
        return self._made(ops.finally_action(cast("Any", action)), "finally_action")

    # Which items remain:

    def filter(self, predicate: Callable[[T_co], bool]) -> Stream[T_co]:
        """Keep the items for which a function is true."""
        return self._made(ops.filter(_called(predicate, "filter()")), "filter")

    def filter_indexed(self, predicate_indexed: Callable[[T_co, int], bool]) -> Stream[T_co]:
        """Keep the items for which a function of the item and its index, from 0, is true."""
        return self._made(ops.filter_indexed(_called(predicate_indexed, "filter_indexed()")), "filter_indexed")

    def of_type(self, kind: type[U]) -> Stream[U]:
        """Keep the instances of a class."""
        return self._made(ops.filter(lambda item: isinstance(item, kind)), "of_type")

    def take(self, count: int) -> Stream[T_co]:
        """Keep a number of items, then complete."""
        return self._made(ops.take(count), "take")

    def take_last(self, count: int) -> Stream[T_co]:
        """Keep the last items, a given number of them, and emit them at completion."""
        return self._made(ops.take_last(count), "take_last")

    def take_while(self, predicate: Callable[[T_co], bool], inclusive: bool = False) -> Stream[T_co]:
        """Complete at the first item for which a function is not true; ``inclusive`` keeps that item."""
        return self._made(ops.take_while(_called(predicate, "take_while()"), inclusive), "take_while")

    def take_until(self, other: Inner[Any]) -> Stream[T_co]:
        """Complete when another stream emits its first item, or a Deferred fires."""
        return self._made(ops.take_until(self._bound(other)), "take_until")

    def take_with_time(self, duration: Seconds, scheduler: Scheduler = None) -> Stream[T_co]:
        """Complete after a duration."""
        return self._made(ops.take_with_time(duration, scheduler), "take_with_time")

    def take_last_with_time(self, duration: Seconds, scheduler: Scheduler = None) -> Stream[T_co]:
        """Keep the items of a duration before the end, and emit them at completion."""
        return self._made(ops.take_last_with_time(duration, scheduler), "take_last_with_time")

    def skip(self, count: int) -> Stream[T_co]:
        """Leave out the first items, a given number of them."""
        return self._made(ops.skip(count), "skip")

    def skip_last(self, count: int) -> Stream[T_co]:
        """Leave out the last items, a given number of them: each item is delayed by that many items."""
        return self._made(ops.skip_last(count), "skip_last")

    def skip_while(self, predicate: Callable[[T_co], bool]) -> Stream[T_co]:
        """Leave out items until a function is not true for one of them."""
        return self._made(ops.skip_while(_called(predicate, "skip_while()")), "skip_while")

    def skip_until(self, other: Inner[Any]) -> Stream[T_co]:
        """Leave out items until another stream emits its first item, or a Deferred fires."""
        return self._made(ops.skip_until(self._bound(other)), "skip_until")

    def skip_with_time(self, duration: Seconds, scheduler: Scheduler = None) -> Stream[T_co]:
        """Leave out the items of the first duration."""
        return self._made(ops.skip_with_time(duration, scheduler), "skip_with_time")

    def skip_last_with_time(self, duration: Seconds, scheduler: Scheduler = None) -> Stream[T_co]:
        """Leave out the items of a duration before the end: each item is delayed by that duration."""
        return self._made(ops.skip_last_with_time(duration, scheduler), "skip_last_with_time")

    def slice(self, start: int | None = None, stop: int | None = None, step: int | None = None) -> Stream[T_co]:
        """Keep items by index, like a slice of a list."""
        return self._made(ops.slice(start, stop, step), "slice")

    def distinct(
        self,
        key_mapper: Callable[[T_co], Any] | None = None,
        comparer: Callable[[Any, Any], bool] | None = None,
    ) -> Stream[T_co]:
        """Keep the items that are not equal to any earlier one (all keys are remembered)."""
        return self._made(ops.distinct(_called(key_mapper, "distinct()"), comparer), "distinct")

    def distinct_until_changed(
        self,
        key_mapper: Callable[[T_co], Any] | None = None,
        comparer: Callable[[Any, Any], bool] | None = None,
    ) -> Stream[T_co]:
        """Keep the items that are not equal to the previous one.

        :param key_mapper: returns what to compare of an item.
        :param comparer: returns whether two of these are equal.
        """
        return self._made(
            ops.distinct_until_changed(_called(key_mapper, "distinct_until_changed()"), comparer),
            "distinct_until_changed",
        )

    def first(self, predicate: Callable[[T_co], bool] | None = None) -> Stream[T_co]:
        """Emit the first item (for which a function is true), and complete; fail if there is none.

        For a Deferred, with a timeout, use :func:`txcdp.first`.
        """
        return self._made(ops.first(_called(predicate, "first()")), "first")

    def first_or_default(  # type: ignore[override]
        self, predicate: Callable[[T_co], bool] | None = None, default_value: U | None = None
    ) -> Stream[T_co | U | None]:
        """Emit the first item (for which a function is true), or a default if there is none."""
        return self._made(ops.first_or_default(predicate, cast("Any", default_value)), "first_or_default")

    def last(self, predicate: Callable[[T_co], bool] | None = None) -> Stream[T_co]:
        """Emit the last item (for which a function is true) at completion; fail if there is none."""
        return self._made(ops.last(_called(predicate, "last()")), "last")

    def last_or_default(
        self, default_value: Any = None, predicate: Callable[[T_co], bool] | None = None
    ) -> Stream[Any]:
        """Emit the last item (for which a function is true) at completion, or a default if there is none."""
        return self._made(ops.last_or_default(default_value, cast("Any", predicate)), "last_or_default")

    def single(self, predicate: Callable[[T_co], bool] | None = None) -> Stream[T_co]:
        """Emit the only item (for which a function is true) at completion; fail if there is none, or more than one."""
        return self._made(ops.single(_called(predicate, "single()")), "single")

    def element_at(self, index: int) -> Stream[T_co]:
        """Emit the item at an index, from 0, and complete; fail if there is none."""
        return self._made(ops.element_at(index), "element_at")

    def ignore_elements(self) -> Stream[T_co]:
        """Leave out all items, and only complete or fail."""
        return self._made(ops.ignore_elements(), "ignore_elements")

    @overload
    def default_if_empty(self, default_value: U) -> Stream[T_co | U]: ...
    @overload
    def default_if_empty(self) -> Stream[T_co | None]: ...
    def default_if_empty(self, default_value: Any = None) -> Any:
        """Emit a value at completion if there was no item."""
        return self._made(ops.default_if_empty(default_value), "default_if_empty")

    # Time:

    def debounce(self, duetime: Seconds, scheduler: Scheduler = None) -> Stream[T_co]:
        """Keep an item if no other one follows it within a duration."""
        return self._later(ops.debounce(duetime, scheduler), "debounce")

    def throttle_with_timeout(self, duetime: Seconds, scheduler: Scheduler = None) -> Stream[T_co]:
        """Do the same as :meth:`debounce`, under its other name."""
        return self._later(ops.throttle_with_timeout(duetime, scheduler), "throttle_with_timeout")

    def throttle_first(self, window_duration: Seconds, scheduler: Scheduler = None) -> Stream[T_co]:
        """Keep an item, and leave out those that follow it within a duration."""
        return self._made(ops.throttle_first(window_duration, scheduler), "throttle_first")

    def throttle_with_mapper(self, throttle_duration_mapper: Callable[[T_co], Inner[Any]]) -> Stream[T_co]:
        """Keep an item if no other one arrives before the stream that a function returns for it emits."""
        return self._later(ops.throttle_with_mapper(self._inner(throttle_duration_mapper)), "throttle_with_mapper")

    def sample(self, sampler: Seconds | Observable[Any], scheduler: Scheduler = None) -> Stream[T_co]:
        """Keep the latest item at each tick, if there is a new one.

        :param sampler: the seconds between ticks, or a stream whose items are the ticks.
        """
        return self._later(ops.sample(self._bound(sampler), scheduler), "sample")

    def delay(self, duetime: Seconds, scheduler: Scheduler = None) -> Stream[T_co]:
        """Delay each item by a duration; an error is not delayed."""
        return self._later(ops.delay(duetime, scheduler), "delay")

    def delay_subscription(self, duetime: typing.AbsoluteOrRelativeTime, scheduler: Scheduler = None) -> Stream[T_co]:
        """Delay the subscription by a duration."""
        return self._made(ops.delay_subscription(duetime, scheduler), "delay_subscription")

    def timeout(
        self, duetime: typing.AbsoluteOrRelativeTime, other: Inner[U] | None = None, scheduler: Scheduler = None
    ) -> Stream[T_co | U]:
        """Fail with :exc:`~txcdp.errors.DeadlineError` when no item arrives for a duration.

        :param other: a stream to continue with, instead of failing.
        """
        if other is None:
            limit = f"{duetime:g} s" if isinstance(duetime, int | float) else str(duetime)
            late: Any = reactivex.defer(
                lambda _: reactivex.throw(DeadlineError(f"{self.name}: no item came within {limit}"))
            )
        else:
            late = other
        return self._made(ops.timeout(duetime, self._bound(late), scheduler), "timeout")

    # Several streams:

    @overload
    def merge(self, a: Observable[A], /, *, max_concurrent: int | None = None) -> Stream[T_co | A]: ...
    @overload
    def merge(
        self, a: Observable[A], b: Observable[B], /, *, max_concurrent: int | None = None
    ) -> Stream[T_co | A | B]: ...
    @overload
    def merge(
        self, a: Observable[A], b: Observable[B], c: Observable[C], /, *, max_concurrent: int | None = None
    ) -> Stream[T_co | A | B | C]: ...
    @overload
    def merge(self, *sources: Observable[Any], max_concurrent: int | None = None) -> Stream[Any]: ...
    def merge(self, *sources: Observable[Any], max_concurrent: int | None = None) -> Stream[Any]:
        """Emit the items of this and other streams as they arrive."""
        return self._combined("merge", sources, lambda every: ops.merge(*every[1:], max_concurrent=max_concurrent))

    @overload
    def combine_latest(self, a: Observable[A], /) -> Stream[tuple[T_co, A]]: ...
    @overload
    def combine_latest(self, a: Observable[A], b: Observable[B], /) -> Stream[tuple[T_co, A, B]]: ...
    @overload
    def combine_latest(
        self, a: Observable[A], b: Observable[B], c: Observable[C], /
    ) -> Stream[tuple[T_co, A, B, C]]: ...
    @overload
    def combine_latest(self, *sources: Observable[Any]) -> Stream[tuple[Any, ...]]: ...
    def combine_latest(self, *sources: Observable[Any]) -> Stream[Any]:
        """Emit the latest items of this and other streams as a tuple, when one emits and all have emitted."""
        return self._combined("combine_latest", sources, lambda every: ops.combine_latest(*every[1:]))

    @overload
    def with_latest_from(self, a: Observable[A], /) -> Stream[tuple[T_co, A]]: ...
    @overload
    def with_latest_from(self, a: Observable[A], b: Observable[B], /) -> Stream[tuple[T_co, A, B]]: ...
    @overload
    def with_latest_from(
        self, a: Observable[A], b: Observable[B], c: Observable[C], /
    ) -> Stream[tuple[T_co, A, B, C]]: ...
    @overload
    def with_latest_from(self, *sources: Observable[Any]) -> Stream[tuple[Any, ...]]: ...
    def with_latest_from(self, *sources: Observable[Any]) -> Stream[Any]:
        """Emit each item of this stream with the latest ones of others, once all have emitted one."""
        return self._combined("with_latest_from", sources, lambda every: ops.with_latest_from(*every[1:]))

    @overload
    def zip(self, a: Observable[A], /) -> Stream[tuple[T_co, A]]: ...
    @overload
    def zip(self, a: Observable[A], b: Observable[B], /) -> Stream[tuple[T_co, A, B]]: ...
    @overload
    def zip(self, a: Observable[A], b: Observable[B], c: Observable[C], /) -> Stream[tuple[T_co, A, B, C]]: ...
    @overload
    def zip(self, *sources: Observable[Any]) -> Stream[tuple[Any, ...]]: ...
    def zip(self, *sources: Observable[Any]) -> Stream[Any]:
        """Emit the first items of this and other streams as a tuple, then the second ones, and so on."""
        return self._combined("zip", sources, lambda every: ops.zip(*every[1:]))

    def zip_with_iterable(self, second: Iterable[U]) -> Stream[tuple[T_co, U]]:
        """Emit each item with the next one of an iterable; complete with the shorter of the two."""
        return self._made(ops.zip_with_iterable(second), "zip_with_iterable")

    def fork_join(self, *others: Observable[Any]) -> Stream[tuple[Any, ...]]:
        """Emit the last items of this and other streams as a tuple when all have completed."""
        return self._combined("fork_join", others, lambda every: ops.fork_join(*every[1:]))

    def amb(self, right_source: Observable[U]) -> Stream[T_co | U]:
        """Emit the items of this or another stream, whichever emits first."""
        return self._combined("amb", (right_source,), lambda every: ops.amb(every[1]))

    def concat(self, *sources: Observable[U]) -> Stream[T_co | U]:
        """Emit this stream's items, and when it has completed those of the next streams."""
        return self._combined("concat", sources, lambda every: ops.concat(*every[1:]))

    def start_with(self, *args: U) -> Stream[T_co | U]:
        """Emit some items immediately, then this stream's."""
        return self._made(ops.start_with(*args), "start_with")

    def merge_all(self: Stream[Observable[U]]) -> Stream[U]:
        """Emit the items of all streams that are this stream's items, as they arrive."""
        return self._all_bound()._made(ops.merge_all(), "merge_all")

    def concat_all(self: Stream[Observable[U]]) -> Stream[U]:
        """Emit the items of all streams that are this stream's items, one stream after the other."""
        return self._all_bound()._made(ops.concat_all(), "concat_all")

    def switch_latest(self: Stream[Observable[U]]) -> Stream[U]:
        """Emit the items of the latest stream that is this stream's item."""
        return self._all_bound()._made(ops.switch_latest(), "switch_latest")

    def exclusive(self: Stream[Observable[U]]) -> Stream[U]:
        """Emit the items of the streams that are this stream's items, ignoring those that arrive while one runs."""
        return self._all_bound()._made(ops.exclusive(), "exclusive")

    def join(
        self,
        right: Observable[U],
        left_duration_mapper: Callable[[T_co], Inner[Any]],
        right_duration_mapper: Callable[[U], Inner[Any]],
    ) -> Stream[tuple[T_co, U]]:
        """Emit all pairs of an item of this stream and one of another whose durations overlap.

        :param left_duration_mapper: returns the stream that ends the duration of an item of this stream.
        :param right_duration_mapper: the same, for the other stream.
        """
        durations = self._inner(left_duration_mapper), self._inner(right_duration_mapper)
        return self._combined("join", (right,), lambda every: ops.join(every[1], *durations))

    # Failing:

    def catch(self, handler: Observable[U] | Callable[[Exception, Observable[T_co]], Inner[U]]) -> Stream[T_co | U]:
        """Continue with another stream instead of failing.

        :param handler: that stream, or a function that is called with the error and this stream, and returns it.
        """
        if isinstance(handler, Observable):
            return self._made(ops.catch(self._bound(handler)), "catch")
        return self._made(ops.catch(lambda error, source: self._bound(handler(error, source))), "catch")

    def on_error_resume_next(self, second: Observable[U]) -> Stream[T_co | U]:
        """Continue with another stream when this one has completed or failed."""
        return self._combined("on_error_resume_next", (second,), lambda every: ops.on_error_resume_next(every[1]))

    def retry(self, retry_count: int | None = None) -> Stream[T_co]:
        """Subscribe again instead of failing.

        If the error is :exc:`~txcdp.errors.Gone`, the stream fails: a new subscription would fail at once, forever.

        :param retry_count: how often to subscribe in total; unlimited by default.
        """

        def subscribe(observer: abc.ObserverBase[Any], scheduler: Scheduler = None) -> abc.DisposableBase:
            gone: list[Exception] = []

            def final(error: Exception, _: Observable[Any]) -> Observable[Any]:
                if not isinstance(error, Gone):
                    return reactivex.throw(error)
                gone.append(error)
                return reactivex.empty()

            def completed() -> None:
                if gone:
                    observer.on_error(gone[0])
                else:
                    observer.on_completed()

            retried: Observable[Any] = ops.retry(retry_count)(ops.catch(final)(self))
            return retried.subscribe(observer.on_next, observer.on_error, completed, scheduler=scheduler)

        return self._made(lambda _: Observable(subscribe), "retry")

    # One subscription for several:

    def share(self) -> Stream[T_co]:
        """Share one subscription among all subscribers, while there is any: the work is done only once."""
        return self.publish().ref_count()

    @overload  # type: ignore[override]
    def publish(self) -> ConnectableStream[T_co]: ...
    @overload
    def publish(self, mapper: Callable[[Stream[T_co]], Observable[U]]) -> Stream[U]: ...
    def publish(self, mapper: Any = None) -> Any:
        """Share one subscription among all subscribers, from ``connect()`` on.

        :param mapper: is called with such a stream, and returns the resulting one.
        """
        return self._made(ops.publish(cast("Any", self._given(mapper))), "publish")

    @overload  # type: ignore[override]
    def replay(
        self, buffer_size: int | None = None, window: Seconds | None = None, *, scheduler: Scheduler = None
    ) -> ConnectableStream[T_co]: ...
    @overload
    def replay(
        self,
        buffer_size: int | None = None,
        window: Seconds | None = None,
        *,
        mapper: Callable[[Stream[T_co]], Observable[U]],
        scheduler: Scheduler = None,
    ) -> Stream[U]: ...
    def replay(
        self,
        buffer_size: int | None = None,
        window: Seconds | None = None,
        *,
        mapper: Any = None,
        scheduler: Scheduler = None,
    ) -> Any:
        """Do the same as :meth:`publish`, and emit earlier items to late subscribers.

        :param buffer_size: the maximum number of items.
        :param window: the maximum age of items, in seconds.
        """
        at = scheduler or self.context.scheduler
        made: Any = ops.replay(buffer_size, window, mapper=self._given(mapper), scheduler=at)
        return self._made(made, "replay")

    # Parts:

    def buffer(self, boundaries: Observable[Any]) -> Stream[list[T_co]]:
        """Emit lists of items: a list ends with each item of another stream."""
        return self._combined("buffer", (boundaries,), lambda every: ops.buffer(every[1]))

    def buffer_when(self, closing_mapper: Callable[[], Inner[Any]]) -> Stream[list[T_co]]:
        """Emit lists of items: a list ends when the stream that a function returns at its start emits or completes."""
        return self._made(ops.buffer_when(lambda: self._bound(closing_mapper())), "buffer_when")

    def buffer_toggle(self, openings: Observable[U], closing_mapper: Callable[[U], Inner[Any]]) -> Stream[list[T_co]]:
        """Emit lists of items: a list begins with an item of another stream, and ends with the stream that a function
        returns.
        """
        closing = self._inner(closing_mapper)
        return self._combined("buffer_toggle", (openings,), lambda every: ops.buffer_toggle(every[1], closing))

    def buffer_with_count(self, count: int, skip: int | None = None) -> Stream[list[T_co]]:
        """Emit lists of a number of items.

        :param skip: the number of items after which a new list begins; by default ``count``.
        """
        return self._made(ops.buffer_with_count(count, skip), "buffer_with_count")

    def buffer_with_time(
        self, timespan: Seconds, timeshift: Seconds | None = None, scheduler: Scheduler = None
    ) -> Stream[list[T_co]]:
        """Emit lists of the items of a duration.

        :param timeshift: the time after which a new list begins; by default ``timespan``.
        """
        return self._later(ops.buffer_with_time(timespan, timeshift, scheduler), "buffer_with_time")

    def buffer_with_time_or_count(
        self, timespan: Seconds, count: int, scheduler: Scheduler = None
    ) -> Stream[list[T_co]]:
        """Emit lists of a number of items, or of the items of a duration, whichever is reached first."""
        return self._later(ops.buffer_with_time_or_count(timespan, count, scheduler), "buffer_with_time_or_count")

    def window(self, boundaries: Observable[Any]) -> Stream[Stream[T_co]]:
        """Do the same as :meth:`buffer`, with streams instead of lists."""
        return self._combined("window", (boundaries,), lambda every: ops.window(every[1]))

    def window_when(self, closing_mapper: Callable[[], Inner[Any]]) -> Stream[Stream[T_co]]:
        """Do the same as :meth:`buffer_when`, with streams instead of lists."""
        return self._made(ops.window_when(lambda: self._bound(closing_mapper())), "window_when")

    def window_toggle(self, openings: Observable[U], closing_mapper: Callable[[U], Inner[Any]]) -> Stream[Stream[T_co]]:
        """Do the same as :meth:`buffer_toggle`, with streams instead of lists."""
        closing = self._inner(closing_mapper)
        return self._combined("window_toggle", (openings,), lambda every: ops.window_toggle(every[1], closing))

    def window_with_count(self, count: int, skip: int | None = None) -> Stream[Stream[T_co]]:
        """Do the same as :meth:`buffer_with_count`, with streams instead of lists."""
        return self._made(ops.window_with_count(count, skip), "window_with_count")

    def window_with_time(
        self, timespan: Seconds, timeshift: Seconds | None = None, scheduler: Scheduler = None
    ) -> Stream[Stream[T_co]]:
        """Do the same as :meth:`buffer_with_time`, with streams instead of lists."""
        return self._later(ops.window_with_time(timespan, timeshift, scheduler), "window_with_time")

    def window_with_time_or_count(
        self, timespan: Seconds, count: int, scheduler: Scheduler = None
    ) -> Stream[Stream[T_co]]:
        """Do the same as :meth:`buffer_with_time_or_count`, with streams instead of lists."""
        return self._later(ops.window_with_time_or_count(timespan, count, scheduler), "window_with_time_or_count")

    @overload  # type: ignore[override]
    def group_by(self, key_mapper: Callable[[T_co], K]) -> Stream[GroupedStream[K, T_co]]: ...
    @overload
    def group_by(
        self, key_mapper: Callable[[T_co], K], element_mapper: Callable[[T_co], U]
    ) -> Stream[GroupedStream[K, U]]: ...
    def group_by(self, key_mapper: Any, element_mapper: Any = None) -> Any:
        """Emit a stream for each key that a function returns for the items, with the items of that key.

        :param element_mapper: returns what of an item goes into its group.
        """
        return self._made(ops.group_by(_called(key_mapper, "group_by()"), element_mapper), "group_by")

    @overload  # type: ignore[override]
    def group_by_until(
        self,
        key_mapper: Callable[[T_co], K],
        element_mapper: None,
        duration_mapper: Callable[[GroupedStream[K, T_co]], Inner[Any]],
    ) -> Stream[GroupedStream[K, T_co]]: ...
    @overload
    def group_by_until(
        self,
        key_mapper: Callable[[T_co], K],
        element_mapper: Callable[[T_co], U],
        duration_mapper: Callable[[GroupedStream[K, U]], Inner[Any]],
    ) -> Stream[GroupedStream[K, U]]: ...
    def group_by_until(self, key_mapper: Any, element_mapper: Any, duration_mapper: Any) -> Any:
        """Do the same as :meth:`group_by`, but a group ends when the stream that a function returns for it emits."""
        durations = self._given(duration_mapper)
        return self._made(ops.group_by_until(key_mapper, element_mapper, durations), "group_by_until")

    def partition(self, predicate: Callable[[T_co], bool]) -> list[Stream[T_co]]:  # type: ignore[override]
        """Return two streams, of the items for which a function is true and of the others, with one subscription."""

        def other(item: Any) -> bool:
            return not predicate(item)

        shared = self.share()
        return [shared.filter(predicate), shared.filter(other)]

    # All items together, at the end:

    def to_list(self) -> Stream[list[T_co]]:
        """Emit all items as a list at completion."""
        return self._made(ops.to_list(), "to_list")

    def to_set(self) -> Stream[set[T_co]]:
        """Emit all items as a set at completion."""
        return self._made(ops.to_set(), "to_set")

    @overload  # type: ignore[override]
    def to_dict(self, key_mapper: Callable[[T_co], K]) -> Stream[dict[K, T_co]]: ...
    @overload
    def to_dict(self, key_mapper: Callable[[T_co], K], element_mapper: Callable[[T_co], U]) -> Stream[dict[K, U]]: ...
    def to_dict(self, key_mapper: Any, element_mapper: Any = None) -> Any:
        """Emit all items as a dict at completion."""
        return self._made(ops.to_dict(key_mapper, element_mapper), "to_dict")

    def count(self, predicate: Callable[[T_co], bool] | None = None) -> Stream[int]:
        """Emit the number of items (for which a function is true) at completion."""
        return self._made(ops.count(predicate), "count")

    def sum(self, key_mapper: Callable[[T_co], float] | None = None) -> Stream[float]:
        """Emit the sum of the items, or of a function's results for them, at completion."""
        return self._made(ops.sum(cast("Any", key_mapper)), "sum")

    def average(self, key_mapper: Callable[[T_co], float] | None = None) -> Stream[float]:
        """Emit the average of the items, or of a function's results for them, at completion."""
        return self._made(ops.average(key_mapper), "average")

    def min(self, comparer: Callable[[T_co, T_co], Any] | None = None) -> Stream[T_co]:
        """Emit the smallest item at completion."""
        return self._made(ops.min(comparer), "min")

    def max(self, comparer: Callable[[T_co, T_co], Any] | None = None) -> Stream[T_co]:
        """Emit the greatest item at completion."""
        return self._made(ops.max(comparer), "max")

    def min_by(
        self, key_mapper: Callable[[T_co], K], comparer: Callable[[K, K], Any] | None = None
    ) -> Stream[list[T_co]]:
        """Emit a list of the items with the smallest key at completion."""
        return self._made(ops.min_by(key_mapper, cast("Any", comparer)), "min_by")

    def max_by(
        self, key_mapper: Callable[[T_co], K], comparer: Callable[[K, K], Any] | None = None
    ) -> Stream[list[T_co]]:
        """Emit a list of the items with the greatest key at completion."""
        return self._made(ops.max_by(key_mapper, cast("Any", comparer)), "max_by")

    def all(self, predicate: Callable[[T_co], bool]) -> Stream[bool]:
        """Emit whether a function is true for all items, as soon as that is known."""
        return self._made(ops.all(predicate), "all")

    def some(self, predicate: Callable[[T_co], bool] | None = None) -> Stream[bool]:
        """Emit whether there is an item (for which a function is true), as soon as that is known."""
        return self._made(ops.some(predicate), "some")

    def is_empty(self) -> Stream[bool]:
        """Emit whether there is no item, as soon as that is known."""
        return self._made(ops.is_empty(), "is_empty")

    def contains(self, value: Any, comparer: Callable[[Any, Any], bool] | None = None) -> Stream[bool]:
        """Emit whether an item is equal to a value, as soon as that is known."""
        return self._made(ops.contains(value, comparer), "contains")

    # Any operator:

    if TYPE_CHECKING:

        @overload
        def pipe(self, /) -> Stream[T_co]: ...
        @overload
        def pipe(self, a: Callable[[Stream[T_co]], Observable[A]], /) -> Stream[A]: ...
        @overload
        def pipe(self, a: Callable[[Stream[T_co]], A], b: Callable[[A], Observable[B]], /) -> Stream[B]: ...
        @overload
        def pipe(
            self, a: Callable[[Stream[T_co]], A], b: Callable[[A], B], c: Callable[[B], Observable[C]], /
        ) -> Stream[C]: ...
        @overload
        def pipe(
            self,
            a: Callable[[Stream[T_co]], A],
            b: Callable[[A], B],
            c: Callable[[B], C],
            d: Callable[[C], Observable[D]],
            /,
        ) -> Stream[D]: ...
        @overload
        def pipe(
            self,
            a: Callable[[Stream[T_co]], A],
            b: Callable[[A], B],
            c: Callable[[B], C],
            d: Callable[[C], D],
            e: Callable[[D], Observable[E]],
            /,
        ) -> Stream[E]: ...
        @overload
        def pipe(self, *operators: Callable[[Any], Any]) -> Any: ...
        def pipe(self, *operators: Any) -> Any: ...

    else:

        def pipe(self, *operators: Any) -> Any:
            """Apply operators of reactivex, or your own functions from stream to stream.

            Each of them gets a :class:`Stream`, so that its time runs on the connection's reactor.
            """
            result = self
            for operator in operators:
                result = carry(operator(result), self.context, f"{self.name}.pipe()", nested=_is_nesting(operator))
            return result

    # Inside:

    def _made(self, operator: Callable[[Any], Any], how: str) -> Stream[U]:
        name = f"{self.name}.{how}()" if how else self.name
        nested = how.startswith(("window", "group_by"))
        made: Stream[U] = carry(operator(self), self.context, name, nested=nested)
        return made

    def _later(self, operator: Callable[[Any], Any], how: str) -> Stream[U]:
        """Make a stream that calls its subscribers at other times than the source does."""
        name = f"{self.name}.{how}()"
        made: Stream[U] = carry(operator(self), self.context, name, how.startswith("window"), _Guarded)
        return made

    def _combined(
        self, how: str, others: tuple[Any, ...], operator: Callable[[list[Any]], Callable[[Any], Any]]
    ) -> Stream[U]:
        every, context = together((self, *others))
        name = f"{how}({', '.join(each.name for each in every)})"
        made: Stream[U] = carry(operator(every)(self), context, name, nested=how.startswith("window"))
        return made

    def _bound(self, source: Any) -> Any:
        return bound(source, self.context)

    def _inner(self, mapper: Callable[[Any], Any]) -> Callable[[Any], Any]:
        return lambda item: bound(mapper(item), self.context)

    def _given(self, mapper: Callable[[Any], Any] | None) -> Any:
        """Wrap a function so that it receives a stream instead of an observable."""
        if mapper is None:
            return None
        return lambda source: bound(mapper(carry(source, self.context, self.name)), self.context)

    def _all_bound(self) -> Stream[Any]:
        return self._made(ops.map(self._bound), "")

    def _checked(self, on_next: Any, on_error: abc.OnError | None, on_completed: abc.OnCompleted | None) -> Any:
        """Refuse callbacks that cannot be called with an item; return the one that handles the error."""
        if hasattr(on_next, "on_next"):
            return on_error
        for function in (on_next, on_error, on_completed):
            _called(function, "subscribe()", _EACH)
        return on_error or self._unheard

    def _handler_failed(self, item: Any) -> None:
        """Hook: called when a handler of :meth:`each` has failed for an item."""

    def _unheard(self, error: Exception) -> None:
        """Log an error that ends a subscription without ``on_error``."""
        self._report(Failure(error), "it failed, and its subscriber has no on_error", TxcdpError)

    def _report(self, failure: Failure, what: str, plain: type[Exception]) -> None:
        """Log an error that is not reported otherwise.

        :param plain: the errors that are not programming errors, and are logged without a traceback.
        """
        if isinstance(failure.value, plain):
            log.error("{name}: {what}: {error}", name=self.name, what=what, error=failure.value)
        else:
            log.failure("{name}: {what}", failure, name=self.name, what=what)
            self.context.count_subscriber_error()


class Pipeline(Stream[T_co]):
    """A stream that is the result of operators on another one.

    :param source: the observable that provides its items.
    """

    def __init__(self, source: Observable[T_co], context: StreamContext, name: str = "a pipeline") -> None:
        super().__init__()
        self._source = source
        self.context = context
        self.name = name

    def __repr__(self) -> str:
        return f"<Stream {self.name}>"

    def subscribe(
        self,
        on_next: Any = None,
        on_error: abc.OnError | None = None,
        on_completed: abc.OnCompleted | None = None,
        *,
        scheduler: Scheduler = None,
    ) -> abc.DisposableBase:
        """Subscribe as to any observable; see :meth:`Stream.subscribe`."""
        on_error = self._checked(on_next, on_error, on_completed)
        return self._source.subscribe(on_next, on_error, on_completed, scheduler=scheduler or self.context.scheduler)


class _Guarded(Pipeline[T_co]):
    """A pipeline in which a subscriber that raises harms only itself.

    What calls its subscribers is not the guarded fan-out of an event's stream: a timer, or a subject that
    several share, whose other subscribers would miss the item.
    """

    def subscribe(
        self,
        on_next: Any = None,
        on_error: abc.OnError | None = None,
        on_completed: abc.OnCompleted | None = None,
        *,
        scheduler: Scheduler = None,
    ) -> abc.DisposableBase:
        """Subscribe as to any observable; see :meth:`Stream.subscribe`."""
        if hasattr(on_next, "on_next"):
            on_next, on_error, on_completed = on_next.on_next, on_next.on_error, on_next.on_completed
        self._checked(on_next, on_error, on_completed)
        subscription = SingleAssignmentDisposable()

        def guarded(item: Any) -> None:
            try:
                on_next(item)
            except Exception:
                log.failure("A subscriber of {name} raised; its subscription is ended", name=self.name)
                self.context.count_subscriber_error()
                subscription.dispose()

        subscription.disposable = super().subscribe(
            guarded if on_next is not None else None, on_error, on_completed, scheduler=scheduler
        )
        return subscription


class ConnectableStream(_Guarded[T_co]):
    """A stream that subscribes to its source on request, once for all of its subscribers."""

    _source: ConnectableObservable[T_co]

    def connect(self, scheduler: Scheduler = None) -> abc.DisposableBase | None:
        """Subscribe to the source, and return an object that unsubscribes from it."""
        return self._source.connect(scheduler or self.context.scheduler)

    def ref_count(self) -> Stream[T_co]:
        """Return a stream that is connected while it has a subscriber."""
        return self._later(ops.ref_count(), "ref_count")

    def auto_connect(self, subscriber_count: int = 1) -> Stream[T_co]:
        """Return a stream that connects when it has a number of subscribers; 0 means immediately."""
        return self._later(lambda _: self._source.auto_connect(subscriber_count), "auto_connect")


class GroupedStream(_Guarded[T_co], Generic[K_co, T_co]):
    """A group of :meth:`Stream.group_by`.

    :ivar key: the key that its items share.
    """

    def __init__(self, source: GroupedObservable[K_co, T_co], context: StreamContext, name: str) -> None:
        super().__init__(source, context, name)
        self.key: K_co = source.key


def carry(
    result: Any, context: StreamContext, name: str, nested: bool = False, kind: type[Pipeline[Any]] = Pipeline
) -> Any:
    """Make the result of operators a stream with that context; anything but an observable is returned unchanged.

    :param nested: whether its items are observables.
    :param kind: the class of the result.
    """
    if isinstance(result, list):  # of partition
        return [carry(each, context, name) for each in result]
    if not isinstance(result, Observable):
        return result
    if isinstance(result, Stream):  # of an operator that is made of others
        return kind(result, context, name) if type(result) is Pipeline and kind is not Pipeline else result
    if isinstance(result, ConnectableObservable):
        return ConnectableStream(result, context, name)
    if isinstance(result, GroupedObservable):
        return GroupedStream(result, context, f"{name}[{result.key!r}]")
    if nested:
        result = ops.map(lambda item: carry(item, context, name, kind=_Guarded))(Pipeline(result, context, name))
    return kind(result, context, name)


def bound(source: Any, context: StreamContext) -> Any:
    """Make an operand a stream with that context; other values (such as seconds) are returned unchanged."""
    if isinstance(source, types.CoroutineType):
        source = Deferred.fromCoroutine(source)
    if isinstance(source, Deferred):
        source = from_deferred(source)
    return carry(source, context, "an observable")


def context_of(source: object) -> StreamContext | None:
    """Return the context that a stream carries; None for a foreign observable."""
    return source.context if isinstance(source, Stream) else None


def together(sources: Iterable[Any]) -> tuple[list[Stream[Any]], StreamContext]:
    """Return the arguments as streams, and their combined context.

    :raises TypeError: if one of them is not an observable, or none is a stream of txcdp.
    """
    every = list(sources)
    for each in every:
        if isinstance(each, list | tuple):
            raise TypeError("pass several streams as separate arguments: merge(*streams), and likewise others")
        if not isinstance(each, Observable | Deferred | types.CoroutineType):
            raise TypeError(f"{each!r} is not a stream; for times use the operators for them: buffer_with_time(), ...")
    contexts = [each.context for each in every if isinstance(each, Stream)]
    if not contexts:
        raise TypeError(
            "one of these must be a txcdp stream, which knows the reactor; for others use reactivex's "
            "own functions, with scheduler=TwistedScheduler(reactor)"
        )
    context = joined(contexts)
    return [bound(each, context) for each in every], context


#: The operators that emit observables, by the reactivex modules that define them.
_NESTING = tuple(f"reactivex.operators.{name}" for name in ("_window", "_groupby", "_groupjoin"))


def _is_nesting(operator: Any) -> bool:
    """Return whether an operator emits observables; its function is a variable of its currying wrapper."""
    cells = getattr(operator, "__closure__", None) or ()
    functions = [operator, *(cell.cell_contents for cell in cells)]
    return any(str(getattr(each, "__module__", "")).startswith(_NESTING) for each in functions)
