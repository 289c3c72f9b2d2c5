"""A single item of a stream: as a Deferred, or expected while a block runs."""

from __future__ import annotations

import re
from collections.abc import Callable
from types import TracebackType
from typing import TYPE_CHECKING, Any, Final, Generic, NoReturn, TypeAlias, TypeVar

from reactivex import Observable
from reactivex.disposable import SingleAssignmentDisposable
from twisted.internet.defer import Deferred
from twisted.python.failure import Failure

from txcdp._deferreds import FirstMatch, OneShot, with_deadline
from txcdp._reactor import Clock
from txcdp._timeouts import Timeout, seconds_of
from txcdp._url_patterns import url_matcher
from txcdp.errors import DeadlineError, StreamEnded
from txcdp.streams._stream import context_of

T = TypeVar("T")

#: A hint on how to expect an item, for error messages.
_BLOCK: Final = "`async with stream.expect() as expected: ...`, without an await, and then `await expected.value`"

#: Decides whether an item matches: by the truth of its result, or of what the returned Deferred or coroutine yields.
Predicate: TypeAlias = Callable[[T], object]

#: Which item: a function of the item, or a pattern for its URL. None: the first.
Match: TypeAlias = Predicate[T] | str | re.Pattern[str] | None


def first(
    source: Observable[T],
    predicate: Predicate[T] | None = None,
    *,
    timeout: Timeout = None,
    clock: Clock | None = None,
) -> Deferred[T]:
    """Return a Deferred of a stream's first item, subscribing immediately: no item from now on is missed.

    :param source: any observable.
    :param predicate: take the first item for which it is true; it may return a Deferred, or be a coroutine function: in
        that case the first item to be decided for is taken.
    :param timeout: seconds, or a timedelta, after which the Deferred fails with :exc:`DeadlineError`; None or 0 means
        no timeout; :data:`~txcdp.DEFAULT`: as for :meth:`Stream.expect`.
    :param clock: the clock for the timeout, needed only for an observable that is not built on a txcdp stream.
    :returns: fires with the item. Fails with the stream's own error, with :exc:`StreamEnded` if it completes first, or
        with what ``predicate`` raises. Cancelling it unsubscribes.
    """
    if predicate is not None and not callable(predicate):
        raise TypeError(f"predicate={predicate!r}: expected a function of an item; for a deadline, use timeout=...")
    context = context_of(source)
    seconds = seconds_of(timeout, None if context is None else context.timeout)
    at = clock
    if seconds is not None and at is None:
        at = _clock_of(source)
    taking = _Taking(source, predicate)
    return with_deadline(
        at,
        taking.result,
        seconds,
        lambda: DeadlineError(f"{_name(source)}: {_what(predicate)} did not come within {seconds:g} s"),
    )


class _Taking(Generic[T]):
    """Takes the first item of a stream that matches.

    :ivar result: fires with it.
    """

    def __init__(self, source: Observable[T], predicate: Predicate[T] | None) -> None:
        self.result: Deferred[T] = Deferred(lambda _: self._stop())
        self._source = source
        self._predicate = predicate
        self._match: FirstMatch[T] = FirstMatch(predicate, self._settle)
        self._subscription = SingleAssignmentDisposable()
        self._subscription.disposable = source.subscribe(self._match.look, self._match.fail, self._completed)

    def _completed(self) -> None:
        came = f"{_name(self._source)} ended before {_what(self._predicate)} came"
        self._match.fail(StreamEnded(f"{came}: its source is closed, or has ended"))

    def _settle(self, outcome: T | Failure) -> None:
        self._subscription.dispose()
        self.result.callback(outcome)

    def _stop(self) -> None:
        self._match.stop()
        self._subscription.dispose()


class Expected(Generic[T]):
    """An asynchronous context manager that waits for something that its block causes; made by :meth:`Stream.expect`.

    :param begin: begins to wait when the block begins.
    """

    def __init__(self, begin: Callable[[], Deferred[T]]) -> None:
        self._begin = begin
        self._coming: Deferred[T] | None = None
        self._outcome: OneShot[Any] = OneShot()

    @property
    def value(self) -> Deferred[T]:
        """A new Deferred of the item, which fires with it, or fails in the same way as leaving the block.

        :raises RuntimeError: it is used outside ``async with``: there is no subscription.
        """
        if self._coming is None:
            raise RuntimeError("expect() must be entered as a block: async with stream.expect() as expected: ...")
        return self._outcome.wait()

    if not TYPE_CHECKING:  # a checker is to refuse them

        def __await__(self) -> NoReturn:
            """Refuse: the context manager itself is not awaitable; its item is."""
            raise TypeError(f"an expected item cannot be awaited itself: {_BLOCK}")

        def __enter__(self) -> NoReturn:
            """Refuse: it needs ``async with``, because the end of the block waits."""
            raise TypeError(f"the end of the block waits, so it must be `async with`: {_BLOCK}")

        __exit__ = __enter__

    async def __aenter__(self) -> Expected[T]:
        if self._coming is not None:
            raise RuntimeError("expect() is for one block; call it again for the next")
        self._coming = self._begin()
        self._coming.addBoth(self._outcome.fire)
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        assert self._coming is not None
        if error is not None:
            self._coming.cancel()
            return
        try:
            await self.value
        finally:
            self._coming.cancel()  # where the waiting itself was cancelled


def predicate_of(match: Match[T], base_url: str | None = None) -> Predicate[T] | None:
    """Return the function that decides whether an item matches.

    :param base_url: the URL that a glob may be relative to.
    :raises TypeError: if it is not a valid match.
    """
    if match is None or (callable(match) and not isinstance(match, str | re.Pattern)):
        return match
    if not isinstance(match, str | re.Pattern):
        raise TypeError(f"expect({match!r}): expected a function, a glob for the URL, or a re.Pattern")
    return _ByURL(match, base_url)


class _ByURL:
    """Matches an item by its URL.

    :param base_url: the URL that a glob may be relative to.
    :raises TypeError: if it is not a pattern.
    """

    def __init__(self, match: str | re.Pattern[str], base_url: str | None) -> None:
        self.pattern = match if isinstance(match, str) else match.pattern
        self._matches = url_matcher(match, base_url)

    def __call__(self, item: Any) -> bool:
        url = _url_of(item)
        if url is None:
            raise TypeError(f"expect({self.pattern!r}) needs items with a url; {type(item).__name__} has none")
        return self._matches(url)


def _url_of(item: Any) -> str | None:
    for each in (item, getattr(item, "request", None), getattr(item, "response", None)):
        url = getattr(each, "url", None)
        if isinstance(url, str):
            return url
    return None


def _what(predicate: object) -> str:
    """Return what is waited for, in words."""
    if predicate is None:
        return "an item"
    return f"an item that matches {predicate.pattern!r}" if isinstance(predicate, _ByURL) else "an item that matches"


def _clock_of(source: object) -> Clock:
    context = context_of(source)
    if context is None:
        raise TypeError("timeout= needs clock= (a reactor) for an observable that is not built on a txcdp stream")
    return context.clock


def _name(source: object) -> str:
    return str(getattr(source, "name", "the stream"))
