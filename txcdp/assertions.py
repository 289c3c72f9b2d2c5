"""Assertions about a page, which are retried until they hold or time out.

:data:`expect` returns those of a locator, a page or a response.
"""

from __future__ import annotations

import inspect
import json
import re
from collections.abc import Awaitable, Callable, Coroutine, Iterator, Sequence
from contextlib import contextmanager
from datetime import UTC, datetime
from math import isnan
from typing import Any, Final, Literal, Self, overload

from twisted.internet.defer import Deferred

from txcdp._deferreds import failing_deferreds, returns_deferred
from txcdp._other_names import NearNames
from txcdp._privacy import shortened, shown_url
from txcdp._timeouts import DEFAULT, Timeout, left_of, seconds_of
from txcdp._url_patterns import URLMatch, url_matcher
from txcdp.errors import ActionTimeout, ExpectationFailed, LocatorError, SelectorError
from txcdp.network import Response
from txcdp.page._aria_snapshot import read_template, snapshot_text
from txcdp.page._engine import Retry
from txcdp.page._handles import ElementHandle
from txcdp.page._locating import Attempt, LocatorBase, Path
from txcdp.page._locators import Locator
from txcdp.page._page import Page
from txcdp.page._roles import check_role
from txcdp.page._selectors import Text, pattern
from txcdp.page._waiting import wait_for_timeout

__all__ = ["Expect", "LocatorAssertions", "PageAssertions", "ResponseAssertions", "expect"]

#: One text, or one for each element.
Texts = Text | Sequence[Text]

#: Which pseudo-element.
Pseudo = Literal["after", "before"]

#: Seconds for which an assertion is tried, where nothing else is said.
_USUAL: Final = 5.0

#: Seconds for the first look, where there are less for all of them: a page that is busy answers later than at once.
_FIRST: Final = 2.0

#: Seconds between two looks at what the page does not tell of when it changes.
_INTERVAL: Final = 0.05

#: How often it is looked, until the element is found again.
_LOOKS: Final = 10

#: What holds, negated, where there is no element.
_OF_NOTHING: Final = frozenset({"attached", "visible", "inViewport"})

#: A property of an element, of which a path can be given: "dataset.id".
_PROPERTY: Final = "(element, path) => path.split('.').reduce((object, name) => object?.[name], element)"


class _Expectation:
    """One expectation, and what was found instead.

    :param subject: what the expectation is about, in words.
    :param words: what is expected, in words, such as ``"to have text"``.
    :param expected: the expected value; none if the words say it all.
    :param negated: whether the opposite is expected.
    :param message: the program's own words for the error message.
    """

    def __init__(self, subject: str, words: str, expected: tuple[Any, ...], negated: bool, message: str | None) -> None:
        self._subject = subject
        self._words = f"{'not ' if negated else ''}{words}"
        self._expected = expected
        self._message = message
        self._is_snapshot = bool(expected) and isinstance(expected[0], _Snapshot)
        self._received: tuple[Any, ...] = ()
        self._element = ""

    def note(self, received: Any, element: str = "") -> str:
        """Note what was found, and return it in words."""
        self._received = (_Snapshot(snapshot_text(received)),) if self._is_snapshot else (received,)
        self._element = element
        return f"it was {shortened(self._received[0])}"

    def noted(self, again: Retry) -> Retry:
        """Note why to try again, and return that in words."""
        if not again.reason.startswith("{"):
            self._received, self._element = (), ""
            return again
        found = json.loads(again.reason)
        return Retry(self.note(found["received"], found.get("element", "")), waited=again.waited)

    def failed(self, seconds: float | None = None, obstacle: str = "") -> ExpectationFailed:
        """Return the error.

        :param seconds: for how long it was tried.
        :param obstacle: what stood in the way, in words.
        """
        lines = [f"{self._subject} was expected {self._words}"]
        if self._expected:
            lines.append(f"expected: {_shown(self._expected[0])}")
        lines.append(f"received: {_shown(self._received[0])}" if self._received else f"received nothing: {obstacle}")
        if self._element:
            lines.append(f"element: {self._element}")
        if seconds is not None:
            lines.append(f"tried for {seconds:g} s")
        text = "\n    ".join(lines)
        expected, received = (each[0] if each else None for each in (self._expected, self._received))
        return ExpectationFailed(f"{self._message}\n    {text}" if self._message else text, expected, received)


def _shown(value: Any) -> str:
    if isinstance(value, re.Pattern):
        return f"/{value.pattern}/"
    if isinstance(value, _Snapshot):
        return "".join(f"\n        {line}" for line in value.splitlines())
    return repr(value)


class _Snapshot(str):
    """An aria snapshot, which is shown as it is."""

    __slots__ = ()


class _Assertions(NearNames):
    """Base of assertions.

    :param message: the program's own words for the error message.
    :param seconds: the default timeout in seconds; None means no timeout.
    :param negated: whether the opposite of everything is expected.
    """

    _elsewhere = {"not_": "each assertion has its opposite, such as not_to_be_visible() for to_be_visible()"}

    #: Where failures go; None: they are raised.
    _collected: list[ExpectationFailed] | None = None

    def __init__(self, message: str | None, seconds: float | None, negated: bool = False) -> None:
        self._message = message
        self._default = seconds
        self._negated = negated

    def _into(self, collected: list[ExpectationFailed] | None) -> Self:
        """Have failures collected, and return the assertions."""
        self._collected = collected
        return self

    def _fail(self, error: ExpectationFailed) -> None:
        """Raise a failure, or collect it."""
        if self._collected is None:
            raise error
        self._collected.append(error)

    def _expectation(self, subject: object, words: str, expected: tuple[Any, ...]) -> _Expectation:
        return _Expectation(str(subject), words, expected, self._negated, self._message)

    async def _try(
        self,
        locator: LocatorBase,
        called: str,
        body: Callable[[Attempt], Awaitable[None]],
        expectation: _Expectation,
        timeout: Timeout,
    ) -> None:
        """Try something until it returns or times out: at least once, however short the timeout is."""
        try:
            await self._tried(locator, called, body, expectation, timeout)
        except ExpectationFailed as error:
            self._fail(error)

    async def _tried(
        self,
        locator: LocatorBase,
        called: str,
        body: Callable[[Attempt], Awaitable[None]],
        expectation: _Expectation,
        timeout: Timeout,
    ) -> None:
        seconds = seconds_of(timeout, self._default)
        clock = locator._frame.page.session.context.clock
        began = clock.seconds()
        deadline = None if seconds is None else left_of(max(seconds, _FIRST), 0)

        async def look(attempt: Attempt) -> Retry | None:
            try:
                await body(attempt)
            except Retry as again:
                return again
            return None

        try:
            again = await locator._perform(called, look, deadline)
            if again is None:
                return
            gone = clock.seconds() - began
            if seconds is not None and gone >= seconds:
                raise expectation.failed(seconds, again.reason)
            await locator._perform(called, body, left_of(seconds, gone), looked=again)
        except ActionTimeout as error:
            raise expectation.failed(seconds, error.obstacle) from None
        except SelectorError:
            raise
        except LocatorError as error:  # several elements, or one that cannot be asked that
            raise expectation.failed(None, str(error)) from error

    async def _check(
        self,
        locator: LocatorBase,
        called: str,
        expectation: _Expectation,
        timeout: Timeout,
        operation: str = "expect",
        **how: Any,
    ) -> None:
        """Have the page check what a locator finds, until it is as expected."""
        absent = self._holds_of_nothing(operation, **how)
        args = {"negated": self._negated, "absent": absent, **how}

        async def body(attempt: Attempt) -> None:
            try:
                # Where a frame on the way is not there, no element is, either.
                await attempt.run(operation, args, otherwise=absent or None)
            except Retry as again:
                raise expectation.noted(again) from None

        await self._try(locator, called, body, expectation, timeout)

    def _holds_of_nothing(self, operation: str, what: str, wanted: Any = None, **_: Any) -> bool:
        """Return whether the expectation is met if there is no element."""
        if operation == "expect":
            return self._negated and what in _OF_NOTHING
        return (wanted in (0, [])) != self._negated

    async def _snapshot(self, locator: LocatorBase, expected: str, timeout: Timeout) -> None:
        """Check an element's accessibility tree."""
        if not isinstance(expected, str):
            raise TypeError(f"expected={expected!r}: expected an aria snapshot as a str")
        expectation = self._expectation(locator, "to match the aria snapshot", (_Snapshot(expected.strip("\n")),))
        template = read_template(expected)
        called = "to_match_aria_snapshot"
        await self._check(locator, called, expectation, timeout, what="ariaSnapshot", wanted=template)


@failing_deferreds
class LocatorAssertions(_Assertions):
    """The assertions about a locator's elements: ``expect(locator)``.

    Each method fires with None as soon as the assertion holds. It fails with :exc:`ExpectationFailed`, an
    AssertionError, if it does not hold in time, if several elements match where a single one is needed, or if it does
    not apply to the element; with :exc:`SelectorError` if the selector is malformed; and like ``Session.execute``. A
    ``timeout`` is in seconds, or a timedelta; None or 0 means no timeout; the default is what ``expect.set_options``
    has set: 5 seconds.

    When a text, a name or a description is compared with a str, white space is collapsed and trimmed; in attributes,
    classes, ids, styles and values it is significant. A regular expression is searched for in the unchanged text.
    """

    def __init__(self, locator: Locator, message: str | None, seconds: float | None, negated: bool = False) -> None:
        super().__init__(message, seconds, negated)
        self._locator = locator

    @property
    def _not(self) -> LocatorAssertions:
        return LocatorAssertions(self._locator, self._message, self._default, not self._negated)._into(self._collected)

    async def _state(
        self,
        called: str,
        what: str,
        words: str,
        timeout: Timeout,
        wanted: bool = True,
        opposite: bool = False,
        **how: Any,
    ) -> None:
        """Check an element's state.

        :param wanted: False: the opposite is expected.
        :param opposite: whether the words mean that the check must not hold.
        """
        expecting = self if wanted else self._not
        expectation = expecting._expectation(self._locator, f"to be {words}", ())
        checking = expecting._not if opposite else expecting
        await checking._check(self._locator, called, expectation, timeout, what=what, **how)

    async def _value(
        self,
        called: str,
        what: str,
        words: str,
        wanted: Text,
        timeout: Timeout,
        ignore_case: bool | None = None,
        **how: Any,
    ) -> None:
        """Check a value of an element."""
        expectation = self._expectation(self._locator, words, (wanted,))
        how.update(what=what, wanted=pattern(wanted), ignoreCase=ignore_case)
        await self._check(self._locator, called, expectation, timeout, **how)

    async def _values(
        self, called: str, one: str, all_: str, words: str, wanted: Texts, timeout: Timeout, **how: Any
    ) -> None:
        """Check a value of one element, or of each of several."""
        expectation = self._expectation(self._locator, words, (wanted,))
        if isinstance(wanted, str | re.Pattern):
            await self._check(self._locator, called, expectation, timeout, what=one, wanted=pattern(wanted), **how)
        else:
            patterns = [pattern(each) for each in _listed(wanted)]
            await self._check(
                self._locator, called, expectation, timeout, "expectAll", what=all_, wanted=patterns, **how
            )

    @returns_deferred
    async def to_be_attached(self, *, attached: bool = True, timeout: Timeout = DEFAULT) -> None:
        """Expect the element to be attached to the document.

        :param attached: False to expect the opposite.
        """
        await self._state("to_be_attached", "attached", "attached", timeout, attached)

    def not_to_be_attached(self, *, attached: bool = True, timeout: Timeout = DEFAULT) -> Deferred[None]:
        """Expect the element not to be attached."""
        return self._not.to_be_attached(attached=attached, timeout=timeout)

    @returns_deferred
    async def to_be_checked(
        self, *, checked: bool | None = None, indeterminate: bool | None = None, timeout: Timeout = DEFAULT
    ) -> None:
        """Expect a checkbox, radio button or switch to be checked.

        :param checked: False to expect it not to be checked.
        :param indeterminate: True to expect it to be neither checked nor unchecked.
        :raises ValueError: both are given.
        """
        await self._checked(checked, indeterminate, timeout)

    def not_to_be_checked(
        self, *, checked: bool | None = None, indeterminate: bool | None = None, timeout: Timeout = DEFAULT
    ) -> Deferred[None]:
        """Expect it not to be checked."""
        return self._not.to_be_checked(checked=checked, indeterminate=indeterminate, timeout=timeout)

    @returns_deferred
    async def to_be_disabled(self, *, timeout: Timeout = DEFAULT) -> None:
        """Expect a control to be disabled: by itself, by its ``<fieldset>``, or by ``aria-disabled``."""
        await self._state("to_be_disabled", "enabled", "disabled", timeout, opposite=True)

    def not_to_be_disabled(self, *, timeout: Timeout = DEFAULT) -> Deferred[None]:
        """Expect it not to be disabled."""
        return self._not.to_be_disabled(timeout=timeout)

    @returns_deferred
    async def to_be_editable(self, *, editable: bool = True, timeout: Timeout = DEFAULT) -> None:
        """Expect a field to be neither disabled nor read-only.

        :param editable: False to expect the opposite.
        """
        await self._state("to_be_editable", "editable", "editable", timeout, editable)

    def not_to_be_editable(self, *, editable: bool = True, timeout: Timeout = DEFAULT) -> Deferred[None]:
        """Expect it not to be editable."""
        return self._not.to_be_editable(editable=editable, timeout=timeout)

    @returns_deferred
    async def to_be_empty(self, *, timeout: Timeout = DEFAULT) -> None:
        """Expect a field to have no value, or any other element to have no text."""
        await self._state("to_be_empty", "empty", "empty", timeout)

    def not_to_be_empty(self, *, timeout: Timeout = DEFAULT) -> Deferred[None]:
        """Expect it not to be empty."""
        return self._not.to_be_empty(timeout=timeout)

    @returns_deferred
    async def to_be_enabled(self, *, enabled: bool = True, timeout: Timeout = DEFAULT) -> None:
        """Expect a control not to be disabled.

        :param enabled: False to expect the opposite.
        """
        await self._state("to_be_enabled", "enabled", "enabled", timeout, enabled)

    def not_to_be_enabled(self, *, enabled: bool = True, timeout: Timeout = DEFAULT) -> Deferred[None]:
        """Expect it to be disabled."""
        return self._not.to_be_enabled(enabled=enabled, timeout=timeout)

    @returns_deferred
    async def to_be_focused(self, *, timeout: Timeout = DEFAULT) -> None:
        """Expect the element to have the focus in its document."""
        await self._state("to_be_focused", "focused", "focused", timeout)

    def not_to_be_focused(self, *, timeout: Timeout = DEFAULT) -> Deferred[None]:
        """Expect it not to have the focus."""
        return self._not.to_be_focused(timeout=timeout)

    @returns_deferred
    async def to_be_hidden(self, *, timeout: Timeout = DEFAULT) -> None:
        """Expect the element to be absent or not visible."""
        await self._state("to_be_hidden", "visible", "hidden", timeout, opposite=True)

    def not_to_be_hidden(self, *, timeout: Timeout = DEFAULT) -> Deferred[None]:
        """Expect the element to be visible."""
        return self._not.to_be_hidden(timeout=timeout)

    @returns_deferred
    async def to_be_in_viewport(self, *, ratio: float | None = None, timeout: Timeout = DEFAULT) -> None:
        """Expect the element to be in the viewport, according to an ``IntersectionObserver``.

        :param ratio: the minimum part of it that is in the viewport, 0 to 1; None means any.
        """
        await self._state("to_be_in_viewport", "inViewport", "in the viewport", timeout, ratio=ratio)

    def not_to_be_in_viewport(self, *, ratio: float | None = None, timeout: Timeout = DEFAULT) -> Deferred[None]:
        """Expect the element to be absent or not in the viewport."""
        return self._not.to_be_in_viewport(ratio=ratio, timeout=timeout)

    @returns_deferred
    async def to_be_visible(self, *, visible: bool = True, timeout: Timeout = DEFAULT) -> None:
        """Expect the element to have a box with an area, and not to be ``visibility: hidden``.

        :param visible: False to expect the opposite.
        """
        await self._state("to_be_visible", "visible", "visible", timeout, visible)

    def not_to_be_visible(self, *, visible: bool = True, timeout: Timeout = DEFAULT) -> Deferred[None]:
        """Expect the element to be absent or not visible."""
        return self._not.to_be_visible(visible=visible, timeout=timeout)

    @returns_deferred
    async def to_contain_class(self, expected: str | Sequence[str], *, timeout: Timeout = DEFAULT) -> None:
        """Expect the element to have these classes, in any order, and possibly others.

        :param expected: classes, separated by spaces; or a list with the classes of each element.
        """
        for each in [expected] if isinstance(expected, str | re.Pattern) else _listed(expected):
            if not isinstance(each, str):
                raise TypeError(f"expected={each!r}: expected a str of classes; to_have_class() takes expressions")
        await self._values("to_contain_class", "someClasses", "someClasses", "to contain the class", expected, timeout)

    def not_to_contain_class(self, expected: str | Sequence[str], *, timeout: Timeout = DEFAULT) -> Deferred[None]:
        """Expect it not to have all of these classes."""
        return self._not.to_contain_class(expected, timeout=timeout)

    @returns_deferred
    async def to_contain_text(
        self,
        expected: Texts,
        *,
        ignore_case: bool | None = None,
        timeout: Timeout = DEFAULT,
        use_inner_text: bool = False,
    ) -> None:
        """Expect the element, with everything in it, to contain a text.

        :param expected: a substring; or a list of substrings, each of another element, in that order; elements between
            them do not matter.
        :param ignore_case: whether to ignore case; None means no, unless a regular expression has that flag.
        :param use_inner_text: whether to use the rendered text (``innerText``).
        """
        await self._values(
            "to_contain_text",
            "text",
            "texts",
            "to contain text",
            expected,
            timeout,
            part=True,
            ignoreCase=ignore_case,
            rendered=use_inner_text,
        )

    def not_to_contain_text(
        self,
        expected: Texts,
        *,
        ignore_case: bool | None = None,
        timeout: Timeout = DEFAULT,
        use_inner_text: bool = False,
    ) -> Deferred[None]:
        """Expect the element not to contain the text."""
        return self._not.to_contain_text(
            expected, ignore_case=ignore_case, timeout=timeout, use_inner_text=use_inner_text
        )

    @returns_deferred
    async def to_have_accessible_description(
        self, description: Text, *, ignore_case: bool | None = None, timeout: Timeout = DEFAULT
    ) -> None:
        """Expect the element to have an accessible description.

        :param description: the whole description.
        :param ignore_case: whether to ignore case; None means no, unless a regular expression has that flag.
        """
        await self._value(
            "to_have_accessible_description",
            "accessibleDescription",
            "to have the accessible description",
            description,
            timeout,
            ignore_case,
        )

    def not_to_have_accessible_description(
        self, description: Text, *, ignore_case: bool | None = None, timeout: Timeout = DEFAULT
    ) -> Deferred[None]:
        """Expect it not to have that accessible description."""
        return self._not.to_have_accessible_description(description, ignore_case=ignore_case, timeout=timeout)

    @returns_deferred
    async def to_have_accessible_error_message(
        self, error_message: Text, *, ignore_case: bool | None = None, timeout: Timeout = DEFAULT
    ) -> None:
        """Expect the element to be invalid and to have an accessible error message.

        :param error_message: the whole message.
        :param ignore_case: whether to ignore case; None means no, unless a regular expression has that flag.
        """
        await self._value(
            "to_have_accessible_error_message",
            "accessibleErrorMessage",
            "to have the accessible error message",
            error_message,
            timeout,
            ignore_case,
        )

    def not_to_have_accessible_error_message(
        self, error_message: Text, *, ignore_case: bool | None = None, timeout: Timeout = DEFAULT
    ) -> Deferred[None]:
        """Expect it not to have that accessible error message."""
        return self._not.to_have_accessible_error_message(error_message, ignore_case=ignore_case, timeout=timeout)

    @returns_deferred
    async def to_have_accessible_name(
        self, name: Text, *, ignore_case: bool | None = None, timeout: Timeout = DEFAULT
    ) -> None:
        """Expect the element to have an accessible name.

        :param name: the whole name.
        :param ignore_case: whether to ignore case; None means no, unless a regular expression has that flag.
        """
        await self._value(
            "to_have_accessible_name", "accessibleName", "to have the accessible name", name, timeout, ignore_case
        )

    def not_to_have_accessible_name(
        self, name: Text, *, ignore_case: bool | None = None, timeout: Timeout = DEFAULT
    ) -> Deferred[None]:
        """Expect it not to have that accessible name."""
        return self._not.to_have_accessible_name(name, ignore_case=ignore_case, timeout=timeout)

    @returns_deferred
    async def to_have_attribute(
        self, name: str, value: Text | None = None, *, ignore_case: bool | None = None, timeout: Timeout = DEFAULT
    ) -> None:
        """Expect the element to have an attribute.

        :param name: the attribute's name.
        :param value: its whole value; None means any.
        :param ignore_case: whether to ignore case; None means no, unless a regular expression has that flag.
        """
        await self._attribute(name, value, ignore_case, timeout)

    def not_to_have_attribute(
        self, name: str, value: Text | None = None, *, ignore_case: bool | None = None, timeout: Timeout = DEFAULT
    ) -> Deferred[None]:
        """Expect it not to have the attribute, or to have another value of it."""
        return self._not.to_have_attribute(name, value, ignore_case=ignore_case, timeout=timeout)

    @returns_deferred
    async def to_have_class(self, expected: Texts, *, timeout: Timeout = DEFAULT) -> None:
        """Expect the element to have this ``class`` attribute.

        :param expected: all classes, in order; or a list with the classes of each element.
        """
        await self._values("to_have_class", "classes", "classes", "to have the class", expected, timeout)

    def not_to_have_class(self, expected: Texts, *, timeout: Timeout = DEFAULT) -> Deferred[None]:
        """Expect it to have another ``class`` attribute."""
        return self._not.to_have_class(expected, timeout=timeout)

    @returns_deferred
    async def to_have_count(self, count: int, *, timeout: Timeout = DEFAULT) -> None:
        """Expect this number of elements.

        :param count: the number.
        """
        await self._count(count, timeout)

    def not_to_have_count(self, count: int, *, timeout: Timeout = DEFAULT) -> Deferred[None]:
        """Expect another number of elements."""
        return self._not.to_have_count(count, timeout=timeout)

    @returns_deferred
    async def to_have_css(
        self, name: str, value: Text, *, pseudo: Pseudo | None = None, timeout: Timeout = DEFAULT
    ) -> None:
        """Expect a property of the element's computed style to have this value.

        :param name: the property's name, such as ``"background-color"``.
        :param value: its whole computed value: ``"rgb(255, 0, 0)"``.
        :param pseudo: the pseudo-element to look at instead.
        """
        await self._value(
            "to_have_css", "style", f"to have the style {name!r}", value, timeout, name=name, pseudo=pseudo
        )

    def not_to_have_css(
        self, name: str, value: Text, *, pseudo: Pseudo | None = None, timeout: Timeout = DEFAULT
    ) -> Deferred[None]:
        """Expect the property to have another value."""
        return self._not.to_have_css(name, value, pseudo=pseudo, timeout=timeout)

    @returns_deferred
    async def to_have_id(self, id: Text, *, timeout: Timeout = DEFAULT) -> None:  # noqa: A002  (as users know it)
        """Expect the element to have this id.

        :param id: the whole id.
        """
        await self._value("to_have_id", "id", "to have the id", id, timeout)

    def not_to_have_id(self, id: Text, *, timeout: Timeout = DEFAULT) -> Deferred[None]:  # noqa: A002
        """Expect it not to have this id."""
        return self._not.to_have_id(id, timeout=timeout)

    @returns_deferred
    async def to_have_js_property(self, name: str, value: Any, *, timeout: Timeout = DEFAULT) -> None:
        """Expect a property of the element, as the page's own scripts see it, to have this value.

        :param name: the property's name, or a path: ``"dataset.id"``.
        :param value: the value as ``Locator.evaluate`` would return it.
        """
        await self._property(name, value, timeout)

    def not_to_have_js_property(self, name: str, value: Any, *, timeout: Timeout = DEFAULT) -> Deferred[None]:
        """Expect the property to have another value."""
        return self._not.to_have_js_property(name, value, timeout=timeout)

    @returns_deferred
    async def to_have_role(self, role: str, *, timeout: Timeout = DEFAULT) -> None:
        """Expect the element to have this role.

        :param role: a WAI-ARIA role, such as ``"button"``; ``""`` means none.
        :raises ValueError: the role does not exist.
        """
        await self._role(role, timeout)

    def not_to_have_role(self, role: str, *, timeout: Timeout = DEFAULT) -> Deferred[None]:
        """Expect it to have another role."""
        return self._not.to_have_role(role, timeout=timeout)

    @returns_deferred
    async def to_have_text(
        self,
        expected: Texts,
        *,
        ignore_case: bool | None = None,
        timeout: Timeout = DEFAULT,
        use_inner_text: bool = False,
    ) -> None:
        """Expect the element, with everything in it, to have this text.

        :param expected: the whole text; or a list with the text of each element.
        :param ignore_case: whether to ignore case; None means no, unless a regular expression has that flag.
        :param use_inner_text: whether to use the rendered text (``innerText``).
        """
        await self._values(
            "to_have_text",
            "text",
            "texts",
            "to have text",
            expected,
            timeout,
            ignoreCase=ignore_case,
            rendered=use_inner_text,
        )

    def not_to_have_text(
        self,
        expected: Texts,
        *,
        ignore_case: bool | None = None,
        timeout: Timeout = DEFAULT,
        use_inner_text: bool = False,
    ) -> Deferred[None]:
        """Expect it to have another text."""
        return self._not.to_have_text(expected, ignore_case=ignore_case, timeout=timeout, use_inner_text=use_inner_text)

    @returns_deferred
    async def to_have_value(self, value: Text, *, timeout: Timeout = DEFAULT) -> None:
        """Expect a field to have this value.

        :param value: the whole value.
        """
        await self._value("to_have_value", "value", "to have the value", value, timeout)

    def not_to_have_value(self, value: Text, *, timeout: Timeout = DEFAULT) -> Deferred[None]:
        """Expect it to have another value."""
        return self._not.to_have_value(value, timeout=timeout)

    @returns_deferred
    async def to_have_values(self, values: Sequence[Text], *, timeout: Timeout = DEFAULT) -> None:
        """Expect these options of a ``<select multiple>`` to be selected.

        :param values: the values of all selected options, in document order.
        """
        await self._selected(values, timeout)

    def not_to_have_values(self, values: Sequence[Text], *, timeout: Timeout = DEFAULT) -> Deferred[None]:
        """Expect other options to be selected."""
        return self._not.to_have_values(values, timeout=timeout)

    @returns_deferred
    async def to_match_aria_snapshot(self, expected: str, *, timeout: Timeout = DEFAULT) -> None:
        """Expect the element's accessibility tree to match a snapshot.

        :param expected: YAML, as ``Locator.aria_snapshot`` returns it. Whatever it leaves out is ignored: names,
            states, properties, elements between others. A name or text in slashes is a regular expression; ``-
            /children: equal`` or ``deep-equal`` in an item allows no other children.
        :raises ValueError: the snapshot is invalid.
        """
        await self._snapshot(self._locator, expected, timeout)

    def not_to_match_aria_snapshot(self, expected: str, *, timeout: Timeout = DEFAULT) -> Deferred[None]:
        """Expect it not to match."""
        return self._not.to_match_aria_snapshot(expected, timeout=timeout)

    async def _checked(self, checked: bool | None, indeterminate: bool | None, timeout: Timeout) -> None:
        if indeterminate and checked is not None:
            raise ValueError("checked and indeterminate cannot be combined: give one of them")
        if indeterminate:
            await self._state("to_be_checked", "indeterminate", "indeterminate", timeout)
        else:
            await self._state("to_be_checked", "checked", "checked", timeout, checked is not False)

    async def _attribute(self, name: str, value: Text | None, ignore_case: bool | None, timeout: Timeout) -> None:
        if value is not None:
            words = f"to have the attribute {name!r}"
            await self._value("to_have_attribute", "attribute", words, value, timeout, ignore_case, name=name)
            return
        expectation = self._expectation(self._locator, f"to have the attribute {name!r}", ())
        await self._check(self._locator, "to_have_attribute", expectation, timeout, what="hasAttribute", name=name)

    async def _count(self, count: int, timeout: Timeout) -> None:
        if type(count) is not int:
            raise TypeError(f"count={count!r}: expected a whole number")
        expectation = self._expectation(self._locator, "to have the count", (count,))
        await self._check(self._locator, "to_have_count", expectation, timeout, "expectAll", what="count", wanted=count)

    async def _role(self, role: str, timeout: Timeout) -> None:
        check_role(role, besides=("",))
        await self._value("to_have_role", "role", "to have the role", role, timeout)

    async def _selected(self, values: Sequence[Text], timeout: Timeout) -> None:
        if isinstance(values, str | re.Pattern):
            raise TypeError(f"values={values!r}: expected a list with the value of each option")
        expectation = self._expectation(self._locator, "to have the values", (values,))
        patterns = [pattern(each) for each in _listed(values)]
        await self._check(self._locator, "to_have_values", expectation, timeout, what="values", wanted=patterns)

    async def _property(self, name: str, value: Any, timeout: Timeout) -> None:
        expectation = self._expectation(self._locator, f"to have the property {name!r}", (value,))

        async def body(attempt: Attempt) -> None:
            async with await attempt.handle(await attempt.element()) as element:
                for _ in range(_LOOKS if attempt.number else 1):
                    received = await element.evaluate(_PROPERTY, name)
                    if _equal(received, value) != self._negated:
                        return
                    words = expectation.note(received, await attempt.once("shown"))
                    await wait_for_timeout(attempt.session, _INTERVAL)
            raise Retry(words, waited=True)

        await self._try(self._locator, "to_have_js_property", body, expectation, timeout)


@failing_deferreds
class PageAssertions(_Assertions):
    """The assertions about a page: ``expect(page)``. The methods behave like those of :class:`LocatorAssertions`."""

    def __init__(self, page: Page, message: str | None, seconds: float | None, negated: bool = False) -> None:
        super().__init__(message, seconds, negated)
        self._page = page

    @property
    def _not(self) -> PageAssertions:
        return PageAssertions(self._page, self._message, self._default, not self._negated)._into(self._collected)

    @property
    def _document(self) -> LocatorBase:
        """A locator for the document, inside which nothing is searched for."""
        return LocatorBase(self._page.main_frame, Path(words="the page"))

    @returns_deferred
    async def to_have_title(self, title_or_reg_exp: Text, *, timeout: Timeout = DEFAULT) -> None:
        """Expect the document to have this title.

        :param title_or_reg_exp: the whole title, or a regular expression to search for in it.
        """
        expectation = self._expectation("the page", "to have the title", (title_or_reg_exp,))
        wanted = pattern(title_or_reg_exp)
        await self._check(self._document, "to_have_title", expectation, timeout, what="title", wanted=wanted)

    def not_to_have_title(self, title_or_reg_exp: Text, *, timeout: Timeout = DEFAULT) -> Deferred[None]:
        """Expect the document to have another title."""
        return self._not.to_have_title(title_or_reg_exp, timeout=timeout)

    @returns_deferred
    async def to_have_url(
        self, url_or_reg_exp: URLMatch, *, ignore_case: bool | None = None, timeout: Timeout = DEFAULT
    ) -> None:
        """Expect the page to have this URL.

        :param url_or_reg_exp: a glob for the whole URL, relative to the context's ``base_url``; a regular expression to
            search for in it; or a function of the URL. See ``Page.wait_for_url``.
        :param ignore_case: as for :meth:`LocatorAssertions.to_have_text`.
        """
        matches = _url_matcher(url_or_reg_exp, self._page.context._base_url, ignore_case)
        expectation = self._expectation("the page", "to have the URL", (url_or_reg_exp,))

        async def body(attempt: Attempt) -> None:
            while matches(self._page.url) == self._negated:
                words = expectation.note(self._page.url)
                if not attempt.number:
                    raise Retry(words)
                await wait_for_timeout(self._page.session, _INTERVAL)

        await self._try(self._document, "to_have_url", body, expectation, timeout)

    def not_to_have_url(
        self, url_or_reg_exp: URLMatch, *, ignore_case: bool | None = None, timeout: Timeout = DEFAULT
    ) -> Deferred[None]:
        """Expect the page to have another URL."""
        return self._not.to_have_url(url_or_reg_exp, ignore_case=ignore_case, timeout=timeout)

    @returns_deferred
    async def to_match_aria_snapshot(self, expected: str, *, timeout: Timeout = DEFAULT) -> None:
        """Expect the accessibility tree of the body to match a snapshot.

        :param expected: as for :meth:`LocatorAssertions.to_match_aria_snapshot`.
        """
        await self._snapshot(self._page.locator("body"), expected, timeout)

    def not_to_match_aria_snapshot(self, expected: str, *, timeout: Timeout = DEFAULT) -> Deferred[None]:
        """Expect it not to match."""
        return self._not.to_match_aria_snapshot(expected, timeout=timeout)


@failing_deferreds
class ResponseAssertions(_Assertions):
    """The assertions about a response: ``expect(response)``."""

    def __init__(self, response: Response, message: str | None, negated: bool = False) -> None:
        super().__init__(message, None, negated)
        self._response = response

    @returns_deferred
    async def to_be_ok(self) -> None:
        """Expect the status to be 200 to 299.

        :returns: fires with None at once; fails with :exc:`ExpectationFailed`.
        """
        if self._response.ok != self._negated:
            return
        expectation = self._expectation(f"the response of {shown_url(self._response.url)}", "to be ok", ())
        expectation.note(self._response.status)
        self._fail(expectation.failed())

    def not_to_be_ok(self) -> Deferred[None]:
        """Expect another status."""
        other = ResponseAssertions(self._response, self._message, not self._negated)
        return other._into(self._collected).to_be_ok()


class Expect:
    """The type of :data:`txcdp.assertions.expect`."""

    def __init__(self) -> None:
        self._seconds: float | None = _USUAL
        self._collected: list[ExpectationFailed] | None = None

    def set_options(self, *, timeout: Timeout = DEFAULT) -> None:
        """Set the default timeout of all expectations that follow.

        :param timeout: seconds, or a timedelta; None or 0 means no timeout; ``DEFAULT`` restores 5 seconds.
        """
        self._seconds = seconds_of(timeout, _USUAL)

    @overload
    def __call__(
        self, subject: Locator, message: str | None = None, *, timeout: Timeout = DEFAULT
    ) -> LocatorAssertions: ...

    @overload
    def __call__(self, subject: Page, message: str | None = None, *, timeout: Timeout = DEFAULT) -> PageAssertions: ...

    @overload
    def __call__(
        self, subject: Response, message: str | None = None, *, timeout: Timeout = DEFAULT
    ) -> ResponseAssertions: ...

    def __call__(
        self, subject: Locator | Page | Response, message: str | None = None, *, timeout: Timeout = DEFAULT
    ) -> LocatorAssertions | PageAssertions | ResponseAssertions:
        """Return the assertions about a locator, a page or a response.

        :param message: the beginning of the error message.
        :param timeout: the timeout of each assertion: seconds, or a timedelta; None or 0 means no timeout; by default
            what :meth:`set_options` has set.
        :raises TypeError: it is called with something else.
        """
        seconds = seconds_of(timeout, self._seconds)
        if isinstance(subject, Locator):
            return LocatorAssertions(subject, message, seconds)
        if isinstance(subject, Page):
            return PageAssertions(subject, message, seconds)
        if isinstance(subject, Response):
            return ResponseAssertions(subject, message)
        raise TypeError(_advice(subject))

    @overload
    def soft(
        self, subject: Locator, message: str | None = None, *, timeout: Timeout = DEFAULT
    ) -> LocatorAssertions: ...

    @overload
    def soft(self, subject: Page, message: str | None = None, *, timeout: Timeout = DEFAULT) -> PageAssertions: ...

    @overload
    def soft(
        self, subject: Response, message: str | None = None, *, timeout: Timeout = DEFAULT
    ) -> ResponseAssertions: ...

    def soft(
        self, subject: Locator | Page | Response, message: str | None = None, *, timeout: Timeout = DEFAULT
    ) -> LocatorAssertions | PageAssertions | ResponseAssertions:
        """Return assertions whose failures do not end the test: it continues, and fails with all of them at its end.

        This works in tests of a ``BrowserTestCase`` and in those with the pytest fixtures; elsewhere, use
        :meth:`collecting` to receive the failures. Other failures, such as a malformed selector, are raised as usual.

        :param subject: as for ``expect(...)``.
        :param message: the beginning of the error message.
        :param timeout: as for ``expect(...)``.
        :returns: the assertions, whose Deferreds fire with None even if they fail.
        :raises RuntimeError: nothing collects the failures.
        :raises TypeError: there are no assertions about ``subject``.
        """
        if self._collected is None:
            raise RuntimeError(
                "expect.soft() is for tests, of a BrowserTestCase or with the fixtures of pytest; "
                "elsewhere, write: with expect.collecting() as failures"
            )
        return self(subject, message, timeout=timeout)._into(self._collected)

    @contextmanager
    def collecting(self) -> Iterator[list[ExpectationFailed]]:
        """Return a context manager that gives a list, in which the failures of :meth:`soft` are collected."""
        before = self._collected
        collected: list[ExpectationFailed] = []
        self._collected = collected
        try:
            yield collected
        finally:
            if self._collected is collected:  # else one has been left that was entered before
                self._collected = before

    @contextmanager
    def _of_a_test(self) -> Iterator[None]:
        """Collect failures of :meth:`soft` in a test, which fails with them at its end."""
        with self.collecting() as failures:
            try:
                yield
            except Exception as error:
                for each in failures:
                    error.add_note(f"before that: {each}")
                raise
        if len(failures) == 1:
            raise failures[0]
        if failures:
            raise ExpectationFailed("\n".join([f"{len(failures)} expectations were not met:", *map(str, failures)]))


def _advice(subject: object) -> str:
    """Say what to use instead, for a subject that has no assertions."""
    name = type(subject).__name__
    if isinstance(subject, Deferred) or inspect.isawaitable(subject):
        if isinstance(subject, Coroutine):
            subject.close()  # it is never awaited
        return f"expect() was given a {name}, which has no value yet: write expect(await ...)"
    if isinstance(subject, ElementHandle):
        return "expect() was given an ElementHandle, which is a fixed element: give it page.locator(...)"
    if subject is None:
        return "expect() was given None: goto() gives no response for about:blank, or within the same document"
    return f"expect() takes a Locator, a Page or a Response, and was given a {name}: of a plain value, write assert"


def _url_matcher(match: URLMatch, base_url: str | None, ignore_case: bool | None) -> Callable[[str], bool]:
    """Return the function that decides whether a URL is expected."""
    if ignore_case is not None and isinstance(match, re.Pattern):
        flags = match.flags & ~re.IGNORECASE | (re.IGNORECASE if ignore_case else 0)
        return url_matcher(re.compile(match.pattern, flags))
    if ignore_case and isinstance(match, str):
        matches = url_matcher(match.lower(), base_url.lower() if base_url else None)
        return lambda url: matches(url.lower())
    return url_matcher(match, base_url)


def _equal(received: Any, expected: Any) -> bool:
    """Return whether two values are the same in JavaScript, where True is not 1, and NaN is NaN."""
    if isinstance(expected, float) and isnan(expected):
        return isinstance(received, float) and isnan(received)
    if isinstance(expected, bool) or isinstance(received, bool):
        return received is expected
    if isinstance(expected, datetime) and expected.tzinfo is None:
        expected = expected.replace(tzinfo=UTC)  # as where it is an argument of evaluate()
    if isinstance(expected, dict) and isinstance(received, dict):
        return expected.keys() == received.keys() and all(_equal(received[key], expected[key]) for key in expected)
    if isinstance(expected, list | tuple) and isinstance(received, list | tuple):
        return len(expected) == len(received) and all(map(_equal, received, expected))
    return bool(received == expected)


def _listed(texts: Sequence[Text]) -> Sequence[Text]:
    if not isinstance(texts, Sequence):
        raise TypeError(f"{texts!r}: expected a str, a compiled regular expression, or a list of them")
    return texts


#: Call it to get the assertions about a locator, a page or a response: the program's only :class:`Expect`.
expect = Expect()
