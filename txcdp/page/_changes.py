"""Changes in a document, as streams: the page reports them whenever the program has taken the previous report."""

from __future__ import annotations

import itertools
from collections.abc import Callable, Sequence
from typing import Any, Final, TypeVar

import msgspec
from twisted.internet.defer import CancelledError, Deferred
from twisted.python.failure import Failure

from txcdp._deferreds import ignore_failure
from txcdp.errors import ActionTimeout, CommandError, EvaluationError, Gone, LocatorError, NavigationError
from txcdp.page._engine import Retry
from txcdp.page._locating import Action, Attempt, LocatorBase
from txcdp.page._waiting import wait_for_timeout
from txcdp.streams import StreamSubject

T = TypeVar("T", covariant=True)

#: Seconds before another attempt if there is no document at the moment.
_BETWEEN_DOCUMENTS: Final = 0.05

_numbers: Final = itertools.count(1 << 32)  # apart from those of waits


class ElementStates(msgspec.Struct, frozen=True, kw_only=True):
    """The state of an element; an item of ``Locator.states``.

    :ivar attached: whether it is in the document; if not, everything else is False or None.
    :ivar visible: whether its box is not empty, and it is not hidden.
    :ivar enabled: whether it is not disabled.
    :ivar editable: whether it is editable.
    :ivar checked: whether it is checked; None if it cannot be checked, or is mixed.
    :ivar focused: whether it has the focus.
    :ivar in_viewport: whether any part of it is in its frame's viewport.
    :ivar value: the value of a field; None for other elements.
    """

    attached: bool
    visible: bool
    enabled: bool
    editable: bool
    checked: bool | None
    focused: bool
    in_viewport: bool
    value: str | None


class Mutation(msgspec.Struct, frozen=True, kw_only=True):
    """A change of a document; an item of ``Page.mutations``.

    :ivar type: ``"child_list"``, ``"attributes"`` or ``"character_data"``; ``"dropped"`` stands for mutations that were
        too many for the page to keep.
    :ivar target: the element, shortened; for a text, the element that contains it.
    :ivar attribute: the attribute's name.
    :ivar value: the value of the attribute, or the text, when the mutation is reported.
    :ivar old_value: the previous value, if it was asked for.
    :ivar added: the added nodes, as HTML.
    :ivar removed: the removed nodes, as HTML.
    :ivar dropped: how many mutations were dropped.
    """

    type: str
    target: str = ""
    attribute: str | None = None
    value: str | None = None
    old_value: str | None = None
    added: list[str] = []
    removed: list[str] = []
    dropped: int = 0


class ChangeStream(StreamSubject[T]):
    """A stream of the changing state of a locator's elements, or of mutations in them.

    It is active from the first subscriber until the last has left, across navigations and changes of process, and ends
    with the page.

    :param locator: the locator.
    :param name: the stream's name, for display.
    :param function: the script's function.
    :param arguments: its arguments, besides the steps and the number.
    :param read: converts its reports to items.
    :param lasting: whether an item remains valid until the next one: later subscribers get it, and it is not repeated.
    """

    __slots__ = ("_arguments", "_function", "_last", "_lasting", "_locator", "_looking", "_read")

    def __init__(
        self,
        locator: LocatorBase,
        name: str,
        function: str,
        arguments: Sequence[Any],
        read: Callable[[Any], Sequence[Any]],
        lasting: bool = True,
    ) -> None:
        session = locator._frame.page.session
        super().__init__(session.context, f"{locator}.{name}")
        self._locator = locator
        self._function = function
        self._arguments = arguments
        self._read = read
        self._lasting = lasting
        self._last: tuple[Any] | None = None
        self._looking: Deferred[None] | None = None
        ended: Deferred[object] = session.when_ended()  # type: ignore[assignment]
        ended.addCallback(lambda _: self.end())

    def _subscribe_core(self, observer: Any, scheduler: Any = None) -> Any:
        subscription = super()._subscribe_core(observer, scheduler)
        if self._last is not None and not self._ended:
            observer.on_next(self._last[0])
        return subscription

    def _first_came(self) -> None:
        self._last = None
        self._looking = Deferred.fromCoroutine(self._look())
        self._looking.addErrback(self._failed)

    def _last_left(self) -> None:
        looking, self._looking = self._looking, None
        if looking is not None:
            looking.cancel()

    def _failed(self, failure: Failure) -> None:
        error = failure.value
        if isinstance(error, CancelledError) or self._ended:
            return
        self._looking = None
        self.fail(error if isinstance(error, Exception) else RuntimeError(repr(error)))

    async def _look(self) -> None:
        session, number = self._locator._frame.page.session, next(_numbers)
        while True:
            action = Action(self._locator, self._function, None)
            attempt = Attempt(self._locator, 0, action)
            try:
                told = await self._asked(attempt, number)
            except CancelledError:
                self._stop(attempt, number)
                raise
            except LocatorError:
                raise
            except (Retry, Gone, CommandError, EvaluationError, NavigationError, ActionTimeout):
                if session.ended or self._locator._frame.is_detached():
                    self.end()
                    return
                await wait_for_timeout(session, _BETWEEN_DOCUMENTS)
                continue
            for item in [] if told is None else self._read(told):
                if self._lasting:
                    if self._last == (item,):
                        continue
                    self._last = (item,)
                self.push(item)

    async def _asked(self, attempt: Attempt, number: int) -> Any:
        steps, test_id = self._locator._path.texts[-1], self._locator._test_id
        return await attempt.call(self._function, steps, *self._arguments, number, test_id)

    def _stop(self, attempt: Attempt, number: int) -> None:
        if attempt._engine is not None:
            attempt._engine.call_with(attempt.frame._row.id, "call", ["unwatch", [number]]).addErrback(ignore_failure)


def read_mutations(told: Any) -> list[Mutation]:
    """Return the mutations in a report of a page."""
    found = msgspec.convert(told["records"], list[Mutation])
    return [*found, Mutation(type="dropped", dropped=told["dropped"])] if told["dropped"] else found
