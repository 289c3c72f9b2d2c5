"""What locators read from their elements, and the states that they wait for."""

from __future__ import annotations

import os
import secrets
from collections.abc import Mapping, Sequence
from datetime import timedelta
from importlib.resources import files
from typing import Any, Final, Literal, get_args

import msgspec
from twisted.internet.defer import Deferred

from txcdp._arguments import check_choice, refuse_bare_string
from txcdp._deferreds import failing_deferreds, ignore_failure, returns_deferred
from txcdp._timeouts import DEFAULT, Timeout, left_of
from txcdp.domains import dom
from txcdp.errors import CommandError
from txcdp.page import _capture as capture
from txcdp.page._aria_snapshot import snapshot_text
from txcdp.page._changes import ChangeStream, ElementStates
from txcdp.page._coordinates import Box, ElementPlace
from txcdp.page._engine import Retry
from txcdp.page._evaluation import Evaluator, explained
from txcdp.page._handles import ElementHandle, JSHandle, elements_of, handle_of
from txcdp.page._locating import Attempt, LocatorBase, NoFrame
from txcdp.streams import Stream

#: The state of an element that can be waited for.
ElementState = Literal["attached", "detached", "visible", "hidden"]

#: Dispatches an event of the class that its type belongs to; its properties may be handles.
_DISPATCH: Final = files("txcdp.page").joinpath("dispatch_event.js")

#: The minimum number of seconds that a page has to answer.
_ANSWER: Final = 5.0

#: Calls a function, or evaluates an expression, and returns whether the value is truthy.
_TRUTH: Final = """async (element, arg) => {
    const it = (%s
    );
    return !!await (typeof it === 'function' ? it(element, arg) : it);
}"""


@failing_deferreds
class ElementReading(LocatorBase):
    """Base of locators: the methods that read, and wait for, elements."""

    def count(self) -> Deferred[int]:
        """Return the number of present elements, without waiting for any.

        :returns: fires with the number. Fails with :exc:`SelectorError` if the selector is malformed, with
            :exc:`DialogOpen` while a dialog waits for the program's answer, and with :exc:`ActionTimeout` if the page
            does not answer.
        """
        return self._look("count", "count", otherwise=0)

    def all_inner_texts(self) -> Deferred[list[str]]:
        """Return the rendered texts of all present elements.

        :returns: fires with a list; fails like :meth:`count`.
        """
        return self._look("all_inner_texts", "innerTexts", otherwise=[])

    def all_text_contents(self) -> Deferred[list[str]]:
        """Return the text contents of all present elements.

        :returns: fires with a list; fails like :meth:`count`.
        """
        return self._look("all_text_contents", "textContents", otherwise=[])

    def text_content(self, *, timeout: Timeout = DEFAULT) -> Deferred[str | None]:
        """Return the text content of the element and everything in it.

        :param timeout: for the element to appear: seconds, or a timedelta; None or 0 means no timeout; by default what
            ``Page.set_default_timeout`` has set.
        :returns: fires with the text. Fails with :exc:`ActionTimeout` if the element does not appear in time, with
            :exc:`StrictModeViolation` if there are several, with :exc:`SelectorError` if the selector is malformed,
            with :exc:`NavigationError` if the frame is removed, and like ``Session.execute``.
        """
        return self._run("text_content", "textContent", None, timeout)

    def inner_text(self, *, timeout: Timeout = DEFAULT) -> Deferred[str]:
        """Return the element's rendered text (``innerText``).

        :param timeout: as for :meth:`text_content`.
        :returns: fires with the text; fails like :meth:`text_content`, and with :exc:`LocatorError` if it is not an
            HTML element.
        """
        return self._run("inner_text", "innerText", None, timeout)

    def inner_html(self, *, timeout: Timeout = DEFAULT) -> Deferred[str]:
        """Return the element's content as HTML (``innerHTML``).

        :param timeout: as for :meth:`text_content`.
        :returns: fires with the text; fails like :meth:`text_content`.
        """
        return self._run("inner_html", "innerHTML", None, timeout)

    def input_value(self, *, timeout: Timeout = DEFAULT) -> Deferred[str]:
        """Return the value of an ``<input>``, ``<textarea>`` or ``<select>``, or of a label's control.

        :param timeout: as for :meth:`text_content`.
        :returns: fires with the text; fails like :meth:`text_content`, and with :exc:`LocatorError` for any other
            element.
        """
        return self._run("input_value", "inputValue", None, timeout)

    def get_attribute(self, name: str, *, timeout: Timeout = DEFAULT) -> Deferred[str | None]:
        """Return the value of one of the element's attributes.

        :param name: the attribute's name.
        :param timeout: as for :meth:`text_content`.
        :returns: fires with the text, or None if the element lacks the attribute; fails like :meth:`text_content`.
        """
        return self._run("get_attribute", "attribute", name, timeout)

    def is_visible(self, *, timeout: Timeout = DEFAULT) -> Deferred[bool]:
        """Return whether the element is present and visible: its box is not empty, and it is not hidden.

        :param timeout: for the page to answer, at least five seconds; the method does not wait for the element.
        :returns: fires with a bool; fails like :meth:`count`, and with :exc:`StrictModeViolation`.
        """
        return self._look("is_visible", "isVisible", otherwise=False, timeout=_patient(timeout))

    @returns_deferred
    async def is_hidden(self, *, timeout: Timeout = DEFAULT) -> bool:
        """Return whether the element is absent or not visible.

        :param timeout: as for :meth:`is_visible`.
        :returns: fires with a bool; fails like :meth:`is_visible`.
        """
        return not await self._look("is_hidden", "isVisible", otherwise=False, timeout=_patient(timeout))

    def is_enabled(self, *, timeout: Timeout = DEFAULT) -> Deferred[bool]:
        """Return whether the element is enabled, that is, not disabled.

        :param timeout: as for :meth:`text_content`.
        :returns: fires with a bool; fails like :meth:`text_content`.
        """
        return self._run("is_enabled", "isEnabled", None, timeout)

    @returns_deferred
    async def is_disabled(self, *, timeout: Timeout = DEFAULT) -> bool:
        """Return whether the element, or a group that contains it, is disabled, by HTML or by ARIA.

        :param timeout: as for :meth:`text_content`.
        :returns: fires with a bool; fails like :meth:`text_content`.
        """
        return not await self._run("is_disabled", "isEnabled", None, timeout)

    def is_editable(self, *, timeout: Timeout = DEFAULT) -> Deferred[bool]:
        """Return whether the element is editable: enabled and not read-only.

        :param timeout: as for :meth:`text_content`.
        :returns: fires with a bool; fails like :meth:`text_content`, and with :exc:`LocatorError` if the element is of
            a kind that cannot be edited.
        """
        return self._run("is_editable", "isEditable", None, timeout)

    def is_checked(self, *, timeout: Timeout = DEFAULT) -> Deferred[bool]:
        """Return whether a checkbox, a radio button or similar is checked.

        :param timeout: as for :meth:`text_content`.
        :returns: fires with a bool; fails like :meth:`text_content`, and with :exc:`LocatorError` for any other
            element.
        """
        return self._run("is_checked", "isChecked", None, timeout)

    @returns_deferred
    async def aria_snapshot(self, *, boxes: bool = False, depth: int | None = None, timeout: Timeout = DEFAULT) -> str:
        """Return the accessibility tree of the element and everything in it, as YAML.

        It has roles, names, states and texts, as ``expect(locator).to_match_aria_snapshot`` compares them.

        :param boxes: whether to include each element's position: ``[box=x,y,width,height]``, in CSS pixels of the
            viewport.
        :param depth: how many levels below the element to include; None or 0 means all.
        :param timeout: seconds, or a timedelta, to wait for the element; None or 0 means no timeout.
        :returns: fires with the text. Fails with :exc:`ActionTimeout` if there is no such element, and with
            :exc:`StrictModeViolation` if there are several.
        """
        args = {"boxes": boxes, "depth": depth or 0}
        return snapshot_text(await self._run("aria_snapshot", "ariaSnapshot", args, timeout))

    def bounding_box(self, *, timeout: Timeout = DEFAULT) -> Deferred[Box | None]:
        """Return the element's position and size, relative to the viewport of the page.

        :param timeout: as for :meth:`text_content`.
        :returns: fires with the :class:`Box` of its border, or None if it is not shown; fails like
            :meth:`text_content`.
        """

        async def read(attempt: Attempt) -> Box | None:
            if self._is_in_main_frame:
                box: Box | None = await attempt.run("box")
                return box
            object_id = await attempt.element()
            return await ElementPlace(attempt.session, object_id, attempt.frame).box()

        return self._perform("bounding_box", read, timeout)

    def wait_for(self, *, state: ElementState = "visible", timeout: Timeout = DEFAULT) -> Deferred[None]:
        """Wait until the element is in a state.

        :param state: ``"attached"``: it is present; ``"visible"``: it is present and its box is not empty;
            ``"hidden"``: it is absent or not visible; ``"detached"``: it is absent.
        :param timeout: as for :meth:`text_content`.
        :returns: fires with None; fails like :meth:`text_content`, and with :exc:`ValueError` for an invalid state.
        """
        _check_state(state)

        async def wait(attempt: Attempt) -> None:
            await attempt.run("state", state, otherwise=_otherwise(state))

        return self._perform(f"wait_for(state={state!r})", wait, timeout)

    def wait_for_function(self, expression: str, *, arg: Any = None, timeout: Timeout = DEFAULT) -> Deferred[None]:
        """Wait until a JavaScript function returns a true value for the element, in the page's main world.

        The element is found again at each try, so it may be replaced meanwhile.

        :param expression: a function, such as ``(element, arg) => element.complete``.
        :param arg: its second argument, as for ``Page.evaluate``.
        :param timeout: as for :meth:`text_content`.
        :returns: fires with None; fails like :meth:`text_content`, and with :exc:`EvaluationError` if the function
            throws.
        """

        async def wait(attempt: Attempt) -> None:
            element = await attempt.handle(await attempt.element())
            if not await element.evaluate(_TRUTH % expression, arg):
                raise Retry("its value was never true")

        return self._perform(f"wait_for_function({expression.strip()[:60]!r})", wait, timeout)

    @returns_deferred
    async def evaluate(self, expression: str, arg: Any = None, *, timeout: Timeout = DEFAULT) -> Any:
        """Call a JavaScript function with the element, in the page's main world.

        :param expression: a function, such as ``(element, arg) => element.id``.
        :param arg: its second argument, as for ``Page.evaluate``.
        :param timeout: for the element to appear, as for :meth:`text_content`.
        :returns: fires with the value; fails like ``Page.evaluate`` and like :meth:`text_content`.
        """
        element = await self.element_handle(timeout=timeout)
        return await element.evaluate(expression, arg)

    @returns_deferred
    async def evaluate_handle(self, expression: str, arg: Any = None, *, timeout: Timeout = DEFAULT) -> JSHandle:
        """Call a JavaScript function with the element, and return a handle to the result, which stays in the page.

        :param expression: as for :meth:`evaluate`.
        :param arg: as for :meth:`evaluate`.
        :param timeout: as for :meth:`evaluate`.
        :returns: fires with a :class:`JSHandle`; fails like :meth:`evaluate`.
        """
        element = await self.element_handle(timeout=timeout)
        return await element.evaluate_handle(expression, arg)

    @returns_deferred
    async def evaluate_all(self, expression: str, arg: Any = None) -> Any:
        """Call a JavaScript function with an array of all present elements, in the page's main world.

        :param expression: a function, such as ``(elements, arg) => elements.length``.
        :param arg: its second argument, as for ``Page.evaluate``.
        :returns: fires with the value; fails like ``Page.evaluate`` and like :meth:`count`.
        """
        evaluator, elements = await self._array("evaluate_all")
        return await evaluator.evaluate(expression, (elements, arg))

    def element_handle(self, *, timeout: Timeout = DEFAULT) -> Deferred[ElementHandle]:
        """Return a handle of the element.

        :param timeout: as for :meth:`text_content`.
        :returns: fires with an :class:`ElementHandle`; fails like :meth:`text_content`.
        """
        return self._handle("element_handle", timeout)

    def _handle(self, what: str, timeout: Timeout, operation: str = "element") -> Deferred[ElementHandle]:
        """Return a handle of the element, once an operation of the script returns it.

        :param what: the name of the purpose, for errors.
        """

        async def find(attempt: Attempt) -> ElementHandle:
            return await attempt.handle(await attempt.element(operation))

        return self._perform(what, find, timeout)

    def _handle_now(self) -> Deferred[ElementHandle | None]:
        """Return a handle of the present element, or None if there is none."""

        async def find(attempt: Attempt) -> ElementHandle | None:
            object_id = await attempt.element_now()
            return None if object_id is None else await attempt.handle(object_id)

        return self._perform_now("query_selector", find)

    @returns_deferred
    async def element_handles(self) -> list[ElementHandle]:
        """Return handles of all present elements.

        :returns: fires with a list of :class:`ElementHandle`; fails like :meth:`count`.
        """
        _, elements = await self._array("element_handles")
        return await elements_of(elements)

    @returns_deferred
    async def dispatch_event(
        self,
        type: str,  # noqa: A002  (as users of the field know it)
        event_init: Mapping[str, Any] | None = None,
        *,
        timeout: Timeout = DEFAULT,
    ) -> None:
        """Dispatch an event on the element, wherever it is; it bubbles and is cancelable unless ``event_init`` says
        otherwise.

        :param type: such as ``"click"``; it decides which event class is used.
        :param event_init: its properties, as its constructor takes them; they may include handles.
        :param timeout: as for :meth:`text_content`.
        :returns: fires with None; fails like :meth:`evaluate`.
        """
        await self.evaluate(_DISPATCH.read_text("utf-8"), [type, dict(event_init or {})], timeout=timeout)

    @returns_deferred
    async def focus(self, *, timeout: Timeout = DEFAULT) -> None:
        """Focus the element.

        :param timeout: as for :meth:`text_content`.
        :returns: fires with None; fails like :meth:`text_content`.
        """
        await self._run("focus", "focus", None, timeout)

    @returns_deferred
    async def blur(self, *, timeout: Timeout = DEFAULT) -> None:
        """Remove the focus from the element.

        :param timeout: as for :meth:`text_content`.
        :returns: fires with None; fails like :meth:`text_content`.
        """
        await self._run("blur", "blur", None, timeout)

    def scroll_into_view_if_needed(self, *, timeout: Timeout = DEFAULT) -> Deferred[None]:
        """Scroll the element into view if it is not, once it has a position (``DOM.scrollIntoViewIfNeeded``).

        It need not be visible: an element that loads more of a list when it comes into view is often empty.

        :param timeout: as for :meth:`text_content`.
        :returns: fires with None; fails like :meth:`text_content`.
        """

        async def scroll(attempt: Attempt) -> None:
            object_id = await attempt.element("place")
            try:
                await attempt.session.execute(dom.scroll_into_view_if_needed(object_id=object_id))
            except CommandError as error:
                meant = explained(error)
                if meant is not error:
                    raise meant from error
                raise Retry(f"cannot scroll to it ({error.message}): {await attempt.once('shown')}") from error

        return self._perform("scroll_into_view_if_needed", scroll, timeout)

    @returns_deferred
    async def screenshot(
        self,
        path: str | os.PathLike[str] | None = None,
        *,
        type: capture.ImageFormat | None = None,  # noqa: A002  (as users of the field know it)
        quality: int | None = None,
        mask: Sequence[str | ElementHandle | ElementReading] = (),
        mask_color: str | None = None,
        style: str | None = None,
        animations: Literal["disabled", "allow"] = "allow",
        caret: Literal["hide", "initial"] = "hide",
        omit_background: bool = False,
        scale: Literal["css", "device"] = "device",
        timeout: Timeout = DEFAULT,
    ) -> bytes:
        """Scroll the element into view and take a screenshot of it; see :meth:`ElementHandle.screenshot`.

        :param mask: what to paint over: CSS selectors, elements or locators.
        :param timeout: for everything together, as for :meth:`text_content`.
        :returns: fires with the file's content; fails like :meth:`ElementHandle.screenshot` and like
            :meth:`text_content`.
        """
        refuse_bare_string("mask", mask)
        capture.image_format(path, type)  # what is wrong is refused before the element is waited for
        page = self._frame.page
        clock = page.session.context.clock
        began, seconds = clock.seconds(), page._seconds(timeout)
        element = await self._handle("screenshot", timeout, "visibleElement")
        return await element.screenshot(
            path,
            type=type,
            quality=quality,
            mask=await masked(mask),
            mask_color=mask_color,
            style=style,
            animations=animations,
            caret=caret,
            omit_background=omit_background,
            scale=scale,
            timeout=left_of(seconds, clock.seconds() - began),
        )

    def texts(self) -> Stream[list[str]]:
        """Return a stream of the texts of all elements, which emits the present ones first, and again when they change.

        If the document changes faster than it is drawn, or than the subscriber takes the items, intermediate states are
        skipped. The stream continues after navigations, does nothing while it has no subscriber, and completes with the
        page.

        :returns: a stream of lists; it fails with :exc:`SelectorError` if the selector is malformed.
        """
        return ChangeStream(self, "texts()", "watch", ("textContents",), lambda told: [told])

    def count_changes(self) -> Stream[int]:
        """Return a stream of the number of elements, which emits the present number first; see :meth:`texts`.

        :returns: a stream of numbers; it fails like :meth:`texts`.
        """
        return ChangeStream(self, "count_changes()", "watch", ("count",), lambda told: [told])

    def states(self) -> Stream[ElementStates]:
        """Return a stream of the element's state, which emits the present state first; see :meth:`texts`.

        A change without a change of the document, such as one by a style sheet or the window's size, is noticed within
        a tenth of a second.

        :returns: a stream of :class:`ElementStates`; it fails like :meth:`texts`, and with :exc:`StrictModeViolation`
            if there are several elements.
        """
        return ChangeStream(self, "states()", "watch", ("states",), lambda told: [msgspec.convert(told, ElementStates)])

    @property
    def _is_in_main_frame(self) -> bool:
        return len(self._path.parts) == 1 and self._frame is self._frame.page.main_frame

    async def _array(self, what: str) -> tuple[Evaluator, JSHandle]:
        """Return an array of the elements, in the page's own world, and what evaluates there.

        Our world dispatches an event with all of them, by a name that nobody else knows, which the page's world notes.
        """

        async def gather(attempt: Attempt) -> tuple[Evaluator, JSHandle]:
            try:
                await attempt.ready()
            except NoFrame:
                evaluator = await self._frame._tree.evaluator(self._frame)
                return evaluator, handle_of(await evaluator.keep("[]"))
            evaluator = await attempt.frame._tree.evaluator(attempt.frame)
            name = f"_{secrets.token_hex(12)}"
            # All three leave in one write, and are done in this order.
            gathering = evaluator.run("gather", "", (name,), await_promise=False)
            announced = Deferred.fromCoroutine(attempt.once("announce", name))
            gathered = evaluator.run("gathered", "", (name,), by_value=False)
            try:
                await gathering
                count = await announced
                elements = handle_of(await gathered)
            finally:
                for each in (gathering, announced, gathered):
                    each.addErrback(ignore_failure)
            if elements._remote.description != f"Array({count})":  # no listeners run where the page's scripts must not
                found = [await attempt.handle(await attempt.element("nth", index)) for index in range(count)]
                elements = handle_of(await evaluator.keep("list => list", (found,)))
            return evaluator, elements

        return await self._perform_now(what, gather)


async def masked(mask: Sequence[str | ElementHandle | ElementReading]) -> list[str | ElementHandle]:
    """Return the masks, with locators replaced by their elements.

    :raises TypeError: it is a single string.
    """
    refuse_bare_string("mask", mask)
    found: list[str | ElementHandle] = []
    for each in mask:
        found.extend(await each.element_handles() if isinstance(each, ElementReading) else [each])
    return found


def _check_state(state: str) -> None:
    check_choice("state", state, get_args(ElementState))


def _otherwise(state: str) -> Any:
    """Return the result of a wait if the frame to search in does not exist."""
    return True if state in ("hidden", "detached") else None


def _patient(timeout: Timeout) -> Timeout:
    """Return the timeout of methods that do not wait for elements; ported programs may set a very low one."""
    if isinstance(timeout, timedelta):
        return max(timeout, timedelta(seconds=_ANSWER))
    return max(timeout, _ANSWER) if isinstance(timeout, int | float) and timeout > 0 else timeout
