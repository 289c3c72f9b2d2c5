"""The methods of pages and frames that take a selector: one line each that calls the locator's method."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any, Literal, TypeVar, Unpack, overload

import msgspec
from twisted.internet.defer import Deferred

from txcdp._arguments import refuse_bare_string
from txcdp._deferreds import failing_deferreds, returns_deferred
from txcdp._timeouts import DEFAULT, Timeout
from txcdp.errors import LocatorError
from txcdp.page._action_options import (
    CheckOptions,
    ClickOptions,
    DoubleClickOptions,
    DragOptions,
    Files,
    FormOptions,
    HoverOptions,
    KeyOptions,
    WaitOptions,
)
from txcdp.page._changes import ChangeStream, Mutation, read_mutations
from txcdp.page._extraction import Shape, extract
from txcdp.page._handles import ElementHandle
from txcdp.page._locators import Finding, Locator
from txcdp.page._reading import ElementState, _check_state
from txcdp.streams import Stream

if TYPE_CHECKING:
    from txcdp.page._frames import Frame

S = TypeVar("S", bound=msgspec.Struct)


@failing_deferreds
class SelectorReading(Finding):
    """Base of pages and frames: the methods that read by a selector.

    If several elements match, the first one is used, unless ``strict`` is true.
    """

    def _one(self, selector: str, strict: bool) -> Locator:
        """Return the locator of the element to use."""
        found = self.locator(selector)
        return found if strict else found._first()

    @overload
    def extract(self, shape: type[S], *, frames: Literal[False] = False) -> Deferred[S]: ...

    @overload
    def extract(self, shape: type[S], *, frames: Literal[True]) -> Deferred[list[tuple[Frame, S]]]: ...

    @overload
    def extract(self, shape: Mapping[str, Shape], *, frames: Literal[False] = False) -> Deferred[dict[str, Any]]: ...

    @overload
    def extract(
        self, shape: Mapping[str, Shape], *, frames: Literal[True]
    ) -> Deferred[list[tuple[Frame, dict[str, Any]]]]: ...

    def extract(self, shape: Any, *, frames: bool = False) -> Deferred[Any]:
        """Read structured data from the present document, in one round trip.

        :param shape: what to read, by name. A selector stands for the text of its first match, None if there is none;
            ``"a@href"`` for an attribute; a list with one selector for those of all its matches; a mapping with
            ``"each"``, a selector, for a list of its other entries, read within each match; any other mapping for a
            single one. A :class:`Locator` can replace a selector; an empty selector is the element itself. In texts,
            white space is collapsed and trimmed. Or a ``msgspec.Struct``, with fields such as ``title: Annotated[str,
            css("h1")]``, ``prices: Annotated[list[float], css(".price")]`` and ``rows: Annotated[list[Row],
            css("tr")]``.
        :param frames: read from all frames of the page.
        :returns: fires with a dict, or the Struct; with ``frames`` a list of pairs of a :class:`Frame` and its result.
            Fails with :exc:`SelectorError` if a selector is malformed, with :exc:`LocatorError` if the document does
            not match the Struct's types, and like ``Locator.count``; with :exc:`TypeError` for an invalid shape, and
            with :exc:`ValueError` if a locator in it belongs to another frame, or enters one.
        """
        return extract(self._start()[0], shape, frames)

    def mutations(
        self,
        selector: str,
        *,
        child_list: bool = True,
        attributes: bool = True,
        character_data: bool = True,
        subtree: bool = True,
        old_values: bool = False,
        attribute_filter: Sequence[str] | None = None,
    ) -> Stream[Mutation]:
        """Return a stream of the mutations of the elements that match a selector, including in open shadow trees.

        Changes that happen between two looks are emitted together. The stream continues after navigations, includes
        elements that appear later, does nothing while it has no subscriber, and completes with the page.

        :param selector: as for :meth:`locator`.
        :param child_list: whether to report nodes that are added and removed.
        :param attributes: whether to report attributes.
        :param character_data: whether to report texts.
        :param subtree: whether to include all descendants of the elements.
        :param old_values: whether to include the previous attributes and texts.
        :param attribute_filter: report only these attributes.
        :returns: a stream of :class:`Mutation`; it fails with :exc:`SelectorError` if the selector is malformed.
        :raises ValueError: there is nothing to report.
        """
        if not (child_list or attributes or character_data):
            raise ValueError("mutations(): one of child_list, attributes and character_data must be true")
        refuse_bare_string("attribute_filter", attribute_filter)
        kinds: dict[str, Any] = {
            "childList": child_list,
            "attributes": attributes,
            "characterData": character_data,
            "subtree": subtree,
        }
        if old_values:
            kinds.update(attributeOldValue=attributes, characterDataOldValue=character_data)
        if attribute_filter is not None and attributes:
            kinds["attributeFilter"] = list(attribute_filter)
        return ChangeStream(self.locator(selector), "mutations()", "mutations", (kinds,), read_mutations, False)

    def query_selector(self, selector: str, *, strict: bool = False) -> Deferred[ElementHandle | None]:
        """Return a handle of the first present element that matches a selector.

        :param selector: as for :meth:`locator`.
        :param strict: whether to fail if there are several.
        :returns: fires with an :class:`ElementHandle`, or None if there is none; fails like ``Locator.count``.
        """
        return self._one(selector, strict)._handle_now()

    def query_selector_all(self, selector: str) -> Deferred[list[ElementHandle]]:
        """Return handles of all present elements that match a selector.

        :param selector: as for :meth:`locator`.
        :returns: fires with a list of :class:`ElementHandle`, in document order; fails like ``Locator.count``.
        """
        return self.locator(selector).element_handles()

    @returns_deferred
    async def eval_on_selector(self, selector: str, expression: str, arg: Any = None, *, strict: bool = False) -> Any:
        """Call a JavaScript function with the first present element that matches a selector.

        :param selector: as for :meth:`locator`.
        :param expression: a function, such as ``(element, arg) => element.id``.
        :param arg: its second argument, as for ``Page.evaluate``.
        :param strict: whether to fail if there are several.
        :returns: fires with the value; fails like ``Page.evaluate``, and with :exc:`LocatorError` if there is no
            element.
        """
        element = await self.query_selector(selector, strict=strict)
        if element is None:
            raise LocatorError(f"eval_on_selector({selector!r}): no element matches; a locator waits for one")
        return await element.evaluate(expression, arg)

    def eval_on_selector_all(self, selector: str, expression: str, arg: Any = None) -> Deferred[Any]:
        """Call a JavaScript function with an array of all present elements that match a selector.

        :param selector: as for :meth:`locator`.
        :param expression: a function, such as ``(elements, arg) => elements.length``.
        :param arg: its second argument, as for ``Page.evaluate``.
        :returns: fires with the value; fails like ``Page.evaluate``.
        """
        return self.locator(selector).evaluate_all(expression, arg)

    @returns_deferred
    async def wait_for_selector(
        self, selector: str, *, state: ElementState = "visible", strict: bool = False, timeout: Timeout = DEFAULT
    ) -> ElementHandle | None:
        """Wait until the first element that matches a selector is in a state; see ``Locator.wait_for``.

        :param selector: as for :meth:`locator`.
        :param state: as for ``Locator.wait_for``.
        :param strict: whether to fail if there are several.
        :param timeout: as for ``Locator.wait_for``.
        :returns: fires with an :class:`ElementHandle`, or None if it is hidden or detached; fails like
            ``Locator.wait_for``.
        """
        _check_state(state)
        one = self._one(selector, strict)
        if state in ("hidden", "detached"):
            await one.wait_for(state=state, timeout=timeout)
            return None
        operation = "visibleElement" if state == "visible" else "element"
        return await one._handle(f"wait_for(state={state!r})", timeout, operation)

    def text_content(self, selector: str, *, strict: bool = False, timeout: Timeout = DEFAULT) -> Deferred[str | None]:
        """Return the text content of an element; see :meth:`Locator.text_content`."""
        return self._one(selector, strict).text_content(timeout=timeout)

    def inner_text(self, selector: str, *, strict: bool = False, timeout: Timeout = DEFAULT) -> Deferred[str]:
        """Return the rendered text of an element; see :meth:`Locator.inner_text`."""
        return self._one(selector, strict).inner_text(timeout=timeout)

    def inner_html(self, selector: str, *, strict: bool = False, timeout: Timeout = DEFAULT) -> Deferred[str]:
        """Return the content of an element as HTML; see :meth:`Locator.inner_html`."""
        return self._one(selector, strict).inner_html(timeout=timeout)

    def input_value(self, selector: str, *, strict: bool = False, timeout: Timeout = DEFAULT) -> Deferred[str]:
        """Return the value of a field; see :meth:`Locator.input_value`."""
        return self._one(selector, strict).input_value(timeout=timeout)

    def get_attribute(
        self, selector: str, name: str, *, strict: bool = False, timeout: Timeout = DEFAULT
    ) -> Deferred[str | None]:
        """Return an attribute of an element; see :meth:`Locator.get_attribute`."""
        return self._one(selector, strict).get_attribute(name, timeout=timeout)

    def is_visible(self, selector: str, *, strict: bool = False, timeout: Timeout = DEFAULT) -> Deferred[bool]:
        """Return whether an element is present and visible; see :meth:`Locator.is_visible`."""
        return self._one(selector, strict).is_visible(timeout=timeout)

    def is_hidden(self, selector: str, *, strict: bool = False, timeout: Timeout = DEFAULT) -> Deferred[bool]:
        """Return whether an element is absent or not visible; see :meth:`Locator.is_hidden`."""
        return self._one(selector, strict).is_hidden(timeout=timeout)

    def is_enabled(self, selector: str, *, strict: bool = False, timeout: Timeout = DEFAULT) -> Deferred[bool]:
        """Return whether an element is enabled; see :meth:`Locator.is_enabled`."""
        return self._one(selector, strict).is_enabled(timeout=timeout)

    def is_disabled(self, selector: str, *, strict: bool = False, timeout: Timeout = DEFAULT) -> Deferred[bool]:
        """Return whether an element is disabled; see :meth:`Locator.is_disabled`."""
        return self._one(selector, strict).is_disabled(timeout=timeout)

    def is_editable(self, selector: str, *, strict: bool = False, timeout: Timeout = DEFAULT) -> Deferred[bool]:
        """Return whether an element is editable; see :meth:`Locator.is_editable`."""
        return self._one(selector, strict).is_editable(timeout=timeout)

    def is_checked(self, selector: str, *, strict: bool = False, timeout: Timeout = DEFAULT) -> Deferred[bool]:
        """Return whether an element is checked; see :meth:`Locator.is_checked`."""
        return self._one(selector, strict).is_checked(timeout=timeout)

    def focus(self, selector: str, *, strict: bool = False, timeout: Timeout = DEFAULT) -> Deferred[None]:
        """Focus an element; see :meth:`Locator.focus`."""
        return self._one(selector, strict).focus(timeout=timeout)

    def dispatch_event(
        self,
        selector: str,
        type: str,  # noqa: A002  (as users of the field know it)
        event_init: Mapping[str, Any] | None = None,
        *,
        strict: bool = False,
        timeout: Timeout = DEFAULT,
    ) -> Deferred[None]:
        """Dispatch an event on an element; see :meth:`Locator.dispatch_event`."""
        return self._one(selector, strict).dispatch_event(type, event_init, timeout=timeout)


@failing_deferreds
class SelectorActions(SelectorReading):
    """Base of pages and frames: the methods that act by a selector.

    If several elements match, the first one is used, unless ``strict`` is true.
    """

    def click(self, selector: str, *, strict: bool = False, **options: Unpack[ClickOptions]) -> Deferred[None]:
        """Click an element; see :meth:`Locator.click`."""
        return self._one(selector, strict).click(**options)

    def dblclick(self, selector: str, *, strict: bool = False, **options: Unpack[DoubleClickOptions]) -> Deferred[None]:
        """Double-click an element; see :meth:`Locator.dblclick`."""
        return self._one(selector, strict).dblclick(**options)

    def hover(self, selector: str, *, strict: bool = False, **options: Unpack[HoverOptions]) -> Deferred[None]:
        """Move the mouse over an element; see :meth:`Locator.hover`."""
        return self._one(selector, strict).hover(**options)

    def tap(self, selector: str, *, strict: bool = False, **options: Unpack[HoverOptions]) -> Deferred[None]:
        """Tap an element; see :meth:`Locator.tap`."""
        return self._one(selector, strict).tap(**options)

    def drag_and_drop(
        self, source: str, target: str, *, strict: bool = False, **options: Unpack[DragOptions]
    ) -> Deferred[None]:
        """Drag an element to another one and drop it there; see :meth:`Locator.drag_to`.

        :param source: a selector of the element.
        :param target: a selector of the other element.
        """
        return self._one(source, strict).drag_to(self._one(target, strict), **options)

    def fill(
        self, selector: str, value: str, *, strict: bool = False, **options: Unpack[FormOptions]
    ) -> Deferred[None]:
        """Set the text of a field; see :meth:`Locator.fill`."""
        return self._one(selector, strict).fill(value, **options)

    def type(self, selector: str, text: str, *, strict: bool = False, **options: Unpack[KeyOptions]) -> Deferred[None]:
        """Type a text into an element; see :meth:`Locator.press_sequentially`."""
        return self._one(selector, strict).type(text, **options)

    def press(self, selector: str, key: str, *, strict: bool = False, **options: Unpack[KeyOptions]) -> Deferred[None]:
        """Press a key in an element; see :meth:`Locator.press`."""
        return self._one(selector, strict).press(key, **options)

    def check(self, selector: str, *, strict: bool = False, **options: Unpack[CheckOptions]) -> Deferred[None]:
        """Check a checkbox; see :meth:`Locator.check`."""
        return self._one(selector, strict).check(**options)

    def uncheck(self, selector: str, *, strict: bool = False, **options: Unpack[CheckOptions]) -> Deferred[None]:
        """Uncheck a checkbox; see :meth:`Locator.uncheck`."""
        return self._one(selector, strict).uncheck(**options)

    def set_checked(
        self, selector: str, checked: bool, *, strict: bool = False, **options: Unpack[CheckOptions]
    ) -> Deferred[None]:
        """Check or uncheck a checkbox; see :meth:`Locator.set_checked`."""
        return self._one(selector, strict).set_checked(checked, **options)

    def select_option(
        self,
        selector: str,
        value: str | Sequence[str] | None = None,
        *,
        index: int | Sequence[int] | None = None,
        label: str | Sequence[str] | None = None,
        element: ElementHandle | Sequence[ElementHandle] | None = None,
        strict: bool = False,
        **options: Unpack[FormOptions],
    ) -> Deferred[list[str]]:
        """Select options of a ``<select>``; see :meth:`Locator.select_option`."""
        return self._one(selector, strict).select_option(value, index=index, label=label, element=element, **options)

    def set_input_files(
        self, selector: str, files: Files, *, strict: bool = False, **options: Unpack[WaitOptions]
    ) -> Deferred[None]:
        """Choose files for a file input; see :meth:`Locator.set_input_files`."""
        return self._one(selector, strict).set_input_files(files, **options)
