"""Waits until an expression is truthy in a page, across navigations."""

from __future__ import annotations

import itertools
import math
from collections.abc import Callable
from datetime import timedelta
from typing import Any, Final, NoReturn, TypeVar

from twisted.internet.defer import CancelledError, Deferred
from twisted.python.failure import Failure

from txcdp._arguments import check_text
from txcdp._core.sessions import Session
from txcdp._deferreds import ignore_failure, with_deadline
from txcdp.errors import ActionTimeout, ContextDestroyed, Gone, SessionDetached
from txcdp.page import _values as values
from txcdp.page._evaluation import Evaluator, KeptObject, source_literals

#: Seconds before another attempt if the page has no document at the moment, or one that cannot wait itself.
_BETWEEN_ATTEMPTS: Final = 0.05

T = TypeVar("T")

_numbers: Final = itertools.count(1)


def interval_of(polling: float | timedelta | str) -> float | None:
    """Return the seconds between two evaluations; None: one per animation frame.

    :raises ValueError: if it is neither a positive finite number nor ``"raf"``.
    """
    if polling == "raf":
        return None
    seconds = polling.total_seconds() if isinstance(polling, timedelta) else polling
    if not isinstance(seconds, int | float) or not 0 < seconds < math.inf:
        raise ValueError(f'polling={polling!r}: expected seconds, more than 0, or "raf" for each animation frame')
    return seconds


def wait_for_timeout(session: Session, seconds: float) -> Deferred[None]:
    """Wait for a time, or until a page ends."""

    def stop(result: T) -> T:
        if call.active():
            call.cancel()
        ending.cancel()
        return result

    waiting: Deferred[None] = Deferred()
    call = session.context.clock.callLater(seconds, waiting.callback, None)
    ending = session.when_ended()
    ending.addCallbacks(waiting.errback, ignore_failure)
    return waiting.addBoth(stop)


class FunctionWait:
    """A wait until an expression is truthy.

    :param session: the page's session.
    :param evaluator: returns the evaluator of the frame's document, once it has one.
    :param source: the expression, or a function.
    :param arg: the function's argument.
    :param polling: seconds between two evaluations; None: one per animation frame.
    """

    def __init__(
        self,
        session: Session,
        evaluator: Callable[[], Deferred[Evaluator]],
        source: str,
        arg: Any,
        polling: float | None,
    ) -> None:
        self._session = session
        self._evaluator = evaluator
        self._source = source
        self._arg = arg
        self._number = next(_numbers)
        interval = "null" if polling is None else f"{polling * 1000:g}"
        check_text("expression", source)
        self._first = f"{source_literals(source.strip().rstrip(';'))},{self._number},{interval}"
        self._pause = _BETWEEN_ATTEMPTS if polling is None else polling
        self._documents = 0

    def begin(self, seconds: float | None) -> Deferred[KeptObject]:
        """Start waiting.

        :returns: a Deferred that fires with the truthy value.
        """
        waiting = Deferred.fromCoroutine(self._wait())
        waiting.addErrback(self._gone)
        return with_deadline(self._session.context.clock, waiting, seconds, lambda: self._late(seconds or 0))

    async def _wait(self) -> KeptObject:
        while True:
            if self._documents:
                await wait_for_timeout(self._session, _BETWEEN_ATTEMPTS)
            evaluator = await self._evaluator()
            arg_is_of_document = _has_handle(evaluator, self._arg)
            self._documents += 1
            try:
                while True:
                    kept = await self._ask(evaluator)
                    if kept is not None:
                        return kept
                    await wait_for_timeout(self._session, self._pause)
            except (ContextDestroyed, SessionDetached):
                if arg_is_of_document or self._session.ended:  # a frame's session ends where it changes the process
                    raise

    async def _ask(self, evaluator: Evaluator) -> KeptObject | None:
        """Wait in the document; None: it has no timers, because its scripts are off, and has to be asked again."""
        call = evaluator.run("waitUntil", self._first, (self._arg,), self._source, timeout=None, by_value=False)
        try:
            kept: KeptObject = await call
        except CancelledError:
            evaluator.run("stop", str(self._number), ()).addErrback(ignore_failure)
            raise
        return None if kept._remote.type == "undefined" else kept

    def _late(self, seconds: float) -> ActionTimeout:
        obstacle = self._session.blocked_by or (
            "its value was never true"
            + (f", in {self._documents} documents, because the page navigated" if self._documents > 1 else "")
        )
        return ActionTimeout(self._called, seconds, obstacle)

    def _gone(self, failure: Failure) -> NoReturn:
        """Return the error for a page that has ended, with a description of the wait."""
        if isinstance(failure.value, Gone):
            raise failure.value.meanwhile(self._called) from None
        failure.raiseException()

    @property
    def _called(self) -> str:
        """Its description for errors."""
        return f"wait_for_function({self._source.strip()[:60]!r})"


def _has_handle(evaluator: Evaluator, arg: Any) -> bool:
    """Whether an argument is or contains a handle, which is lost with its document."""
    found: list[str] = []
    values.pack(arg, lambda value: value._insert_into(evaluator, found) if isinstance(value, KeptObject) else None)
    return bool(found)
