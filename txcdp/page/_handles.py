"""Handles: results of evaluations that stay in the page, to be used in later evaluations."""

from __future__ import annotations

import os
from collections.abc import Callable, Sequence
from dataclasses import replace
from types import TracebackType
from typing import TYPE_CHECKING, Any, Literal, Self, TypeVar, Unpack

from twisted.internet.defer import Deferred

from txcdp._deferreds import failing_deferreds, ignore_failure, returns_deferred
from txcdp._other_names import NamedElsewhere
from txcdp._timeouts import DEFAULT, Timeout, seconds_of
from txcdp.domains import dom, runtime
from txcdp.errors import CommandError, EvaluationError, SelectorError
from txcdp.model import value_in_words
from txcdp.page import _capture as capture
from txcdp.page._action_options import (
    CheckOptions,
    ClickOptions,
    DoubleClickOptions,
    FormOptions,
    HoverOptions,
    KeyOptions,
    WaitOptions,
)
from txcdp.page._coordinates import Box, ElementPlace
from txcdp.page._engine import ElementMoved
from txcdp.page._evaluation import Evaluator, KeptObject, explained, value_of
from txcdp.page._values import clean_stack

if TYPE_CHECKING:
    from txcdp.page._action_options import Files
    from txcdp.page._frames import Frame
    from txcdp.page._locators import Locator

T = TypeVar("T")


@failing_deferreds
class JSHandle(KeptObject, NamedElsewhere):
    """A handle of an object in a page; what ``evaluate_handle`` fires with.

    It can be passed to ``evaluate`` as the argument, or anywhere in it. The object stays in the page until the handle
    is disposed of or garbage-collected, or the page navigates. ``async with`` disposes of it at the end of the block.
    """

    def __str__(self) -> str:
        if self._remote.object_id is None:
            return _in_javascript(self._remote)
        described = self._remote.description or self._remote.type
        return clean_stack(described) if self._remote.subtype == "error" else described

    def __repr__(self) -> str:
        return f"<{type(self).__name__} {self}{' (disposed)' if self._disposed else ''}>"

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        disposing = self.dispose()
        if error is None:
            await disposing
        else:  # which is told at once: the page may not answer, and what was cancelled has ended
            disposing.addErrback(ignore_failure)

    def evaluate(self, expression: str, arg: Any = None, *, timeout: Timeout = DEFAULT) -> Deferred[Any]:
        """Call a JavaScript function with the object (``Runtime.callFunctionOn``).

        :param expression: a function, such as ``(object, arg) => object.length``.
        :param arg: its second argument, as for ``Page.evaluate``.
        :param timeout: seconds, or a timedelta; None or 0 means no timeout; by default the connection's command
            timeout.
        :returns: fires with the value; fails like ``Page.evaluate``.
        """
        return self._evaluator.evaluate(expression, (self, arg), timeout=timeout)

    @returns_deferred
    async def evaluate_handle(self, expression: str, arg: Any = None, *, timeout: Timeout = DEFAULT) -> JSHandle:
        """Call a JavaScript function with the object, and return a handle to the result (``Runtime.callFunctionOn``).

        :param expression: as for :meth:`evaluate`.
        :param arg: its second argument.
        :param timeout: as for :meth:`evaluate`.
        :returns: fires with a :class:`JSHandle`, for an element an :class:`ElementHandle`; fails like
            ``Page.evaluate``.
        """
        return handle_of(await self._evaluator.keep(expression, (self, arg), timeout=timeout))

    @returns_deferred
    async def get_property(self, property_name: str) -> JSHandle:
        """Return a handle of one of the object's properties.

        :param property_name: the name; a property that does not exist is ``undefined``.
        :returns: fires with a :class:`JSHandle`; fails like ``Page.evaluate``.
        """
        run = self._evaluator.run("property", "", (self, property_name), await_promise=False, by_value=False)
        return handle_of(await run)

    @returns_deferred
    async def get_properties(self) -> dict[str, JSHandle]:
        """Return handles of the object's own enumerable properties, except getters.

        :returns: fires with a dict keyed by name; fails like ``Page.evaluate``.
        """
        return {name: handle_of(kept) for name, kept in (await _properties(self)).items()}

    @returns_deferred
    async def json_value(self) -> Any:
        """Return the object's value as a Python object.

        :returns: fires with the value, converted as by ``Page.evaluate``; fails like ``Page.evaluate``.
        """
        return await self._evaluator.run("value", "", (self,))

    def as_element(self) -> ElementHandle | None:
        """Return this handle if it is one of a DOM node, otherwise None."""
        return self if isinstance(self, ElementHandle) else None

    def dispose(self) -> Deferred[None]:
        """Release the object (``Runtime.releaseObject``).

        :returns: fires with None, even if it was already gone.
        """
        return self._dispose()


def _in_javascript(primitive: runtime.RemoteObject) -> str:
    """Return a primitive as JavaScript's ``String`` function does."""
    return str(value_of(primitive)) if primitive.type == "string" else value_in_words(primitive)


class ElementHandle(JSHandle):
    """A handle of a DOM node."""

    _standing: Locator | None = None

    @returns_deferred
    async def get_attribute(self, name: str) -> str | None:
        """Return the value of one of the element's attributes.

        :param name: the attribute's name.
        :returns: fires with the text, or None if the element lacks the attribute. Fails like ``Page.evaluate``.
        """
        value: str | None = await self._evaluator.run("attribute", "", (self, name))
        return value

    @returns_deferred
    async def text_content(self) -> str | None:
        """Return the text content of the node and everything in it.

        :returns: fires with the text, or None for a document. Fails like ``Page.evaluate``.
        """
        value: str | None = await self._evaluator.run("text", "", (self,))
        return value

    @returns_deferred
    async def query_selector(self, selector: str) -> ElementHandle | None:
        """Return the first present element inside that matches a selector.

        :param selector: as for ``Page.locator``; a CSS selector if the node is in no document that is shown.
        :returns: fires with an :class:`ElementHandle`, or None if there is none. Fails like ``Page.evaluate``, and with
            :exc:`SelectorError` if the selector is malformed.
        """
        from txcdp.page._locators import inside_of

        if await self.owner_frame() is None:
            return await query_selector(self._evaluator, self, selector)
        async with inside_of(self) as inside:
            return await inside.locator(selector)._first()._handle_now()

    @returns_deferred
    async def query_selector_all(self, selector: str) -> list[ElementHandle]:
        """Return all present elements inside that match a selector.

        :param selector: as for :meth:`query_selector`.
        :returns: fires with a list, in document order; fails like :meth:`query_selector`.
        """
        from txcdp.page._locators import inside_of

        if await self.owner_frame() is None:
            return await query_selector_all(self._evaluator, self, selector)
        async with inside_of(self) as inside:
            return await inside.locator(selector).element_handles()

    @returns_deferred
    async def owner_frame(self) -> Frame | None:
        """Return the frame whose document contains the node (``DOM.describeNode``).

        :returns: fires with the :class:`Frame`, or None if its document is in no frame. Fails like ``Page.evaluate``.
        """
        root = handle_of(await self._evaluator.keep(_ROOT, (self,))).as_element()
        if root is None:
            return None
        async with root:
            return await root._described_frame()

    @returns_deferred
    async def content_frame(self) -> Frame | None:
        """Return the frame that an ``<iframe>`` or ``<frame>`` shows (``DOM.describeNode``).

        :returns: fires with the :class:`Frame`, or None for any other node. Fails like ``Page.evaluate``.
        """
        return await self._described_frame(_FRAMES)

    async def _described_frame(self, names: tuple[str, ...] = ()) -> Frame | None:
        """Return the frame that the browser reports when it describes the node.

        :param names: the names of eligible nodes; none means all.
        """
        self._check()
        try:
            node = (await self._injected.session.execute(dom.describe_node(object_id=self._remote.object_id))).node
        except CommandError as error:
            raise explained(error) from error
        if not node.frame_id or (names and node.node_name not in names):
            return None
        frame: Frame | None = self._evaluator.frame_by_id(node.frame_id)
        return frame

    @returns_deferred
    async def click(self, **options: Unpack[ClickOptions]) -> None:
        """Click the element; see :meth:`Locator.click`. It fails at once if the element is no longer in a document."""
        await self._act(lambda it: it.click(**options))

    @returns_deferred
    async def dblclick(self, **options: Unpack[DoubleClickOptions]) -> None:
        """Double-click the element; see :meth:`Locator.dblclick`."""
        await self._act(lambda it: it.dblclick(**options))

    @returns_deferred
    async def hover(self, **options: Unpack[HoverOptions]) -> None:
        """Move the mouse over the element; see :meth:`Locator.hover`."""
        await self._act(lambda it: it.hover(**options))

    @returns_deferred
    async def tap(self, **options: Unpack[HoverOptions]) -> None:
        """Tap the element; see :meth:`Locator.tap`."""
        await self._act(lambda it: it.tap(**options))

    @returns_deferred
    async def fill(self, value: str, **options: Unpack[FormOptions]) -> None:
        """Set the text of the field; see :meth:`Locator.fill`."""
        await self._act(lambda it: it.fill(value, **options))

    @returns_deferred
    async def type(self, text: str, **options: Unpack[KeyOptions]) -> None:
        """Type a text into the element; see :meth:`Locator.press_sequentially`."""
        await self._act(lambda it: it.type(text, **options))

    @returns_deferred
    async def press(self, key: str, **options: Unpack[KeyOptions]) -> None:
        """Press a key in the element; see :meth:`Locator.press`."""
        await self._act(lambda it: it.press(key, **options))

    @returns_deferred
    async def check(self, **options: Unpack[CheckOptions]) -> None:
        """Check the checkbox; see :meth:`Locator.check`."""
        await self._act(lambda it: it.check(**options))

    @returns_deferred
    async def uncheck(self, **options: Unpack[CheckOptions]) -> None:
        """Uncheck the checkbox; see :meth:`Locator.uncheck`."""
        await self._act(lambda it: it.uncheck(**options))

    @returns_deferred
    async def select_option(
        self,
        value: str | Sequence[str] | None = None,
        *,
        index: int | Sequence[int] | None = None,
        label: str | Sequence[str] | None = None,
        element: ElementHandle | Sequence[ElementHandle] | None = None,
        **options: Unpack[FormOptions],
    ) -> list[str]:
        """Select options of a ``<select>``; see :meth:`Locator.select_option`."""
        return await self._act(lambda it: it.select_option(value, index=index, label=label, element=element, **options))

    @returns_deferred
    async def set_input_files(self, files: Files, **options: Unpack[WaitOptions]) -> None:
        """Choose files for the input; see :meth:`Locator.set_input_files`."""
        await self._act(lambda it: it.set_input_files(files, **options))

    async def _act(self, act: Callable[[Locator], Deferred[T]]) -> T:
        """Act on the element through a locator; if it has moved to another document, through a new one."""
        from txcdp.page._locators import locator_of

        if self._standing is not None:
            try:
                return await act(self._standing)
            except ElementMoved:
                self._standing = None
        standing = self._standing = await locator_of(self)
        return await act(standing)

    @returns_deferred
    async def bounding_box(self) -> Box | None:
        """Return the element's position and size (``DOM.getBoxModel``).

        :returns: fires with the :class:`Box` of its border, relative to the viewport of the page, or with None if it is
            not shown. Fails like ``Page.evaluate``.
        """
        self._check()
        frame = await self.owner_frame()
        if frame is None:
            return None
        # The browser does not tell of zoom around the frame, nor of where one of another process is.
        return await ElementPlace(self._injected.session, self._remote.object_id, frame).box()

    @returns_deferred
    async def screenshot(
        self,
        path: str | os.PathLike[str] | None = None,
        *,
        type: capture.ImageFormat | None = None,  # noqa: A002  (as users of the field know it)
        quality: int | None = None,
        mask: Sequence[str | ElementHandle] = (),
        mask_color: str | None = None,
        style: str | None = None,
        animations: Literal["disabled", "allow"] = "allow",
        caret: Literal["hide", "initial"] = "hide",
        omit_background: bool = False,
        scale: Literal["css", "device"] = "device",
        timeout: Timeout = DEFAULT,
    ) -> bytes:
        """Scroll the element into view and take a screenshot of it, once it is visible and stays in place for a frame.

        The arguments are those of ``Page.screenshot``. Whatever covers the element is in the picture, too.

        :returns: fires with the file's content. Fails like ``Page.screenshot``, with :exc:`CommandTimeout` also if the
            element does not become visible, and with :exc:`EvaluationError` if it is not in the document.
        """
        picture = capture.Picture(
            capture.image_format(path, type),
            quality=quality,
            mask=mask,
            mask_color=mask_color,
            style=style,
            animations=animations,
            caret=caret,
            omit_background=omit_background,
            scale=scale,
            element=self,
        )
        seconds = seconds_of(timeout, self._injected.session.context.timeout)
        frame = await self.owner_frame()
        if frame is None:
            raise EvaluationError(f"{self!r} is not in a document that is displayed")
        place = ElementPlace(self._injected.session, self._remote.object_id, frame)
        return await frame.page._camera.take(replace(picture, place=place), seconds, path)


#: Elements that contain a document.
_FRAMES = ("IFRAME", "FRAME")

#: Returns the root element of a node's document, whose frame the browser knows.
_ROOT = "node => (node.nodeType === 9 ? node : node.ownerDocument).documentElement"


def handle_of(kept: KeptObject) -> JSHandle:
    """Return the handle of a kept object."""
    kept._disposed = True  # it is the handle's from here on
    kind = ElementHandle if kept._remote.subtype == "node" else JSHandle
    return kind(kept._evaluator, kept._remote)


def element_of(kept: KeptObject) -> ElementHandle:
    """Return the handle of a kept element.

    :raises EvaluationError: the page has put something else in its place.
    """
    element = handle_of(kept).as_element()
    if element is None:
        raise EvaluationError("the page has replaced the element with something else")
    return element


async def query_selector(evaluator: Evaluator, root: KeptObject | None, selector: str) -> ElementHandle | None:
    """Return the first element that matches a CSS selector.

    :param root: the node to search in; None means the document.
    :raises SelectorError: the selector is malformed.
    """
    return handle_of(await _query(evaluator, "query", root, selector)).as_element()


async def query_selector_all(evaluator: Evaluator, root: KeptObject | None, selector: str) -> list[ElementHandle]:
    """Return all elements that match a CSS selector.

    :raises SelectorError: the selector is malformed.
    """
    return await elements_of(handle_of(await _query(evaluator, "queryAll", root, selector)))


async def _query(evaluator: Evaluator, function: str, root: KeptObject | None, selector: str) -> KeptObject:
    try:
        kept: KeptObject = await evaluator.run(function, "", (root, selector), by_value=False)
    except EvaluationError as error:
        if error.name == "SyntaxError":
            raise SelectorError(f"{selector!r}: {error.message}") from error
        raise
    return kept


async def elements_of(found: JSHandle) -> list[ElementHandle]:
    """Return the elements of an array, which is released."""
    async with found:
        elements = [handle_of(each).as_element() for each in (await _properties(found)).values()]
        return [each for each in elements if each is not None]


async def _properties(handle: JSHandle) -> dict[str, KeptObject]:
    """Return an object's own enumerable properties."""
    handle._check()
    if handle._remote.object_id is None or handle._remote.type == "symbol":  # which has an id, and is no object
        return {}
    command = runtime.get_properties(object_id=handle._remote.object_id, own_properties=True)
    try:
        got = await handle._injected.session.execute(command)
    except CommandError as error:
        raise explained(error) from error
    return {
        each.name: KeptObject(handle._evaluator, each.value)
        for each in got.result
        if each.enumerable and each.value is not None
    }
