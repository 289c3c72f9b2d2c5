"""Locators: they describe elements, which are found again at each use."""

from __future__ import annotations

import itertools
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import TYPE_CHECKING, Any, Final, Literal, NoReturn

from txcdp._deferreds import ignore_failure, returns_deferred
from txcdp._other_names import NamedElsewhere
from txcdp.domains import dom, runtime
from txcdp.errors import CommandError, LocatorError
from txcdp.page._acting import ElementActions
from txcdp.page._engine import Engine
from txcdp.page._evaluation import explained
from txcdp.page._handles import ElementHandle
from txcdp.page._locating import Path, Step
from txcdp.page._reading import ElementReading
from txcdp.page._roles import check_role
from txcdp.page._selectors import Text, pattern, selectors, shown_text

if TYPE_CHECKING:
    from txcdp.page._frames import Frame
    from txcdp.page._page import Page

_numbers: Final = itertools.count(1)

#: A path that goes into no frame.
_NOWHERE: Final = Path()


class Finding(NamedElsewhere):
    """Base of everything that elements can be located in: pages, frames, locators and frame locators."""

    def _start(self) -> tuple[Frame, Path]:
        """Return the path from which they search."""
        raise NotImplementedError

    def _then(self, words: str, *steps: Step) -> Locator:
        frame, path = self._start()
        return Locator(frame, path.then(words, *steps))

    def locator(
        self,
        selector: str | Locator,
        *,
        has: Locator | None = None,
        has_not: Locator | None = None,
        has_text: Text | None = None,
        has_not_text: Text | None = None,
    ) -> Locator:
        """Return a locator for the elements inside that match a selector, or another locator.

        :param selector: a CSS selector, which also searches open shadow roots and may use ``:has-text()``, ``:text()``,
            ``:visible`` and the other extensions; or ``xpath=...``, ``text=...``, ``role=...``, ``id=...``; chained
            with ``>>``. A selector that begins with ``//`` is XPath. Or a locator of the same frame, to search for
            inside.
        :param has: only elements that contain an element matching this locator.
        :param has_not: only elements that do not.
        :param has_text: only elements that contain this text: a substring, ignoring case, or a regular expression.
        :param has_not_text: only elements that do not contain this text.
        :returns: the :class:`Locator`; a malformed selector fails when the locator is used.
        :raises ValueError: another locator belongs to another frame, or enters a frame that this one does not enter.
        """
        if isinstance(selector, Locator):
            frame, path = self._start()
            found = Locator(frame, path.then(f"locator({selector})", ("inside", steps_in(selector, frame, path))))
        else:
            if not isinstance(selector, str):
                raise TypeError(f"{selector!r}: expected a selector or a Locator")
            found = self._then(f"locator({selector!r})", ("selector", selector))
        if (has, has_not, has_text, has_not_text) == (None,) * 4:
            return found
        return found.filter(has=has, has_not=has_not, has_text=has_text, has_not_text=has_not_text)

    def get_by_role(
        self,
        role: str,
        *,
        name: Text | None = None,
        exact: bool = False,
        checked: bool | Literal["mixed"] | None = None,
        disabled: bool | None = None,
        expanded: bool | None = None,
        include_hidden: bool = False,
        level: int | None = None,
        pressed: bool | Literal["mixed"] | None = None,
        selected: bool | None = None,
        description: Text | None = None,
    ) -> Locator:
        """Return a locator for the elements with an ARIA role.

        :param role: such as ``"button"``, explicit or implicit: a role of WAI-ARIA, DPUB-ARIA or its graphics module.
        :param name: the accessible name: a substring, ignoring case, or a regular expression.
        :param exact: match the whole name and the whole description, with case.
        :param checked: whether they are checked.
        :param disabled: whether they are disabled.
        :param expanded: whether they are expanded.
        :param include_hidden: also match elements that are hidden from assistive technology.
        :param level: the level of a heading or similar.
        :param pressed: whether they are pressed.
        :param selected: whether they are selected.
        :param description: the accessible description, matched like the name.
        :raises ValueError: the role does not exist.
        """
        check_role(role)
        wanted: dict[str, Any] = {"role": role}
        said = [repr(role)]
        for key, text in (("name", name), ("description", description)):
            if text is not None:
                wanted[key] = pattern(text, exact)
                said.append(f"{key}={shown_text(text)}")
        if exact:
            said.append("exact=True")
        states = {
            "checked": checked,
            "disabled": disabled,
            "expanded": expanded,
            "level": level,
            "pressed": pressed,
            "selected": selected,
        }
        for key, state in states.items():
            if state is not None:
                wanted[key] = state
                said.append(f"{key}={state!r}")
        if include_hidden:
            wanted["hidden"] = True
            said.append("include_hidden=True")
        return self._then(f"get_by_role({', '.join(said)})", ("role", wanted))

    def get_by_text(self, text: Text, *, exact: bool = False) -> Locator:
        """Return a locator for the innermost elements with a text.

        :param text: a substring, ignoring case and white space differences; or a regular expression.
        :param exact: match the whole text, with case.
        """
        return self._by("get_by_text", text, exact, "text")

    def get_by_label(self, text: Text, *, exact: bool = False) -> Locator:
        """Return a locator for the elements with a label: ``<label>``, ``aria-label`` or ``aria-labelledby``.

        :param text: the label's text; as for :meth:`get_by_text`.
        :param exact: as for :meth:`get_by_text`.
        """
        return self._by("get_by_label", text, exact, "label")

    def get_by_placeholder(self, text: Text, *, exact: bool = False) -> Locator:
        """Return a locator for the elements with a placeholder.

        :param text: the placeholder: a substring, ignoring case, or a regular expression.
        :param exact: match the whole text, with case.
        """
        return self._by("get_by_placeholder", text, exact, "attribute", "placeholder")

    def get_by_alt_text(self, text: Text, *, exact: bool = False) -> Locator:
        """Return a locator for the elements, usually images, with an alternative text.

        :param text: as for :meth:`get_by_placeholder`.
        :param exact: as for :meth:`get_by_placeholder`.
        """
        return self._by("get_by_alt_text", text, exact, "attribute", "alt")

    def get_by_title(self, text: Text, *, exact: bool = False) -> Locator:
        """Return a locator for the elements with a title.

        :param text: as for :meth:`get_by_placeholder`.
        :param exact: as for :meth:`get_by_placeholder`.
        """
        return self._by("get_by_title", text, exact, "attribute", "title")

    def get_by_test_id(self, test_id: Text) -> Locator:
        """Return a locator for the elements with a test id: ``data-testid``, or as ``selectors.set_test_id_attribute``
        has set.

        :param test_id: the whole id, or a regular expression.
        """
        step = ("attribute", selectors.test_id_attribute, pattern(test_id, True))
        return self._then(f"get_by_test_id({shown_text(test_id)})", step)

    def frame_locator(self, selector: str) -> FrameLocator:
        """Return a locator for the document that a frame's element shows, in any process.

        :param selector: a selector of the ``<iframe>`` or ``<frame>``.
        """
        frame, path = self._start()
        words = f"frame_locator({selector!r})"
        return FrameLocator(frame, path.then(words, ("selector", selector)))

    def _by(self, method: str, text: Text, exact: bool, *step: Any) -> Locator:
        words = f"{method}({shown_text(text)}{', exact=True' if exact else ''})"
        return self._then(words, (*step, pattern(text, exact)))


class Locator(Finding, ElementReading, ElementActions):
    """A way to find elements of a page: lazy, evaluated again at each use, and strict where a single element is needed.

    Methods that use the element wait for it, up to their timeout. Made by ``locator``, ``get_by_role`` and the like of
    a page, a frame or another locator.
    """

    if not TYPE_CHECKING:  # a checker is to refuse them

        def __iter__(self) -> NoReturn:
            """Refuse: the number of elements is known only once they are searched for."""
            raise TypeError(f"{self!r} cannot be iterated: `await locator.all()` returns a locator for each element")

        __aiter__ = __iter__

        def __await__(self) -> NoReturn:
            """Refuse: a locator stands for elements, and finds them when a method is called."""
            raise TypeError(f"{self!r} cannot be awaited: await one of its methods, such as `await locator.click()`")

    def _start(self) -> tuple[Frame, Path]:
        return self._frame, self._path

    @property
    def page(self) -> Page:
        """The page that it belongs to."""
        return self._frame.page

    @property
    def first(self) -> Locator:
        """The first of the elements."""
        return self._then("first", ("nth", 0))

    @property
    def last(self) -> Locator:
        """The last of the elements."""
        return self._then("last", ("nth", -1))

    def _first(self) -> Locator:
        """Return a locator of the first element, for methods that do not need a unique one."""
        frame, path = self._start()
        return Locator(frame, Path((*path.parts[:-1], (*path.parts[-1], ("nth", 0))), path.words, path.frames))

    def nth(self, index: int) -> Locator:
        """Return a locator for one of the elements.

        :param index: 0 for the first; negative numbers count from the end.
        """
        return self._then(f"nth({index})", ("nth", index))

    def filter(
        self,
        *,
        has: Locator | None = None,
        has_not: Locator | None = None,
        has_text: Text | None = None,
        has_not_text: Text | None = None,
        visible: bool | None = None,
    ) -> Locator:
        """Return a locator for those of the elements that meet conditions.

        :param has: those that contain an element matching this locator.
        :param has_not: those that do not.
        :param has_text: those that contain this text: a substring, ignoring case, or a regular expression.
        :param has_not_text: those that do not contain this text.
        :param visible: those that are visible (true), or not (false).
        :raises ValueError: another locator belongs to another frame, or enters a frame that this one does not enter.
        """
        steps: list[Step] = []
        said = []
        for key, step, text in (("has_text", "hasText", has_text), ("has_not_text", "hasNotText", has_not_text)):
            if text is not None:
                steps.append((step, pattern(text)))
                said.append(f"{key}={shown_text(text)}")
        for key, step, locator in (("has", "has", has), ("has_not", "hasNot", has_not)):
            if locator is not None:
                steps.append((step, steps_in(locator, self._frame, self._path)))
                said.append(f"{key}={locator}")
        if visible is not None:
            steps.append(("visible", bool(visible)))
            said.append(f"visible={visible}")
        return self._then(f"filter({', '.join(said)})", *steps)

    @property
    def visible(self) -> Locator:
        """Those of the elements that are visible."""
        return self._then("visible", ("visible", True))

    def within(self, locator: Locator) -> Locator:
        """Return a locator that finds this locator's elements inside each element of another one.

        Positions, such as :meth:`nth`, count separately inside each of those elements.

        :param locator: the surrounding elements, in the same frame.
        :raises ValueError: it belongs to another frame, or this one enters a frame that it does not enter.
        """
        around = locator._path
        steps = ("within", steps_in(locator, self._frame, around), steps_in(self, self._frame, around))
        return Locator(self._frame, Path((*around.parts[:-1], (steps,)), f"{self}.within({locator})", around.frames))

    @returns_deferred
    async def normalize(self) -> Locator:
        """Return a locator that finds the same element by what a user sees of it, or by its test id.

        :returns: fires with the :class:`Locator`; fails like ``text_content``.
        """
        words, steps = await self._run("normalize", "suggestion")
        *parts, _ = self._path.parts
        return Locator(self._frame, Path((*parts, tuple(steps)), words, self._path.frames))

    def and_(self, locator: Locator) -> Locator:
        """Return a locator for the elements that match both this locator and another one.

        :param locator: the other locator, of the same frame.
        :raises ValueError: it belongs to another frame, or enters a frame that this one does not enter.
        """
        return self._then(f"and_({locator})", ("and", steps_in(locator, self._frame, self._path)))

    def or_(self, locator: Locator) -> Locator:
        """Return a locator for the elements that match either locator, in document order.

        :param locator: the other locator, of the same frame.
        :raises ValueError: it belongs to another frame, or enters a frame that this one does not enter.
        """
        return self._then(f"or_({locator})", ("or", steps_in(locator, self._frame, self._path)))

    @property
    def content_frame(self) -> FrameLocator:
        """The document that the frame's element shows, as a frame locator."""
        return FrameLocator(self._frame, self._path)

    def describe(self, description: str) -> Locator:
        """Return the same locator with a description, which error messages use.

        :param description: the description.
        """
        described = Locator(self._frame, Path(self._path.parts, description, self._path.frames))
        described._description = description
        return described

    @property
    def description(self) -> str | None:
        """The description given to :meth:`describe`; None if there is none."""
        return self._description

    @returns_deferred
    async def all(self) -> list[Locator]:
        """Return a locator for each of the present elements.

        :returns: fires with a list of :class:`Locator`, each of which finds its element by position. Fails like
            :meth:`Locator.count`.
        """
        return [self.nth(index) for index in range(await self.count())]


class FrameLocator(Finding):
    """The document that a frame's element shows; made by ``frame_locator`` and ``Locator.content_frame``.

    :param frame: the frame whose document contains the element.
    :param path: how the element is found.
    """

    def __init__(self, frame: Frame, path: Path) -> None:
        self._frame = frame
        self._path = path

    def __repr__(self) -> str:
        return f"<FrameLocator {self._path.words}>"

    def _start(self) -> tuple[Frame, Path]:
        return self._frame, self._path.into_frame("" if "frame_locator(" in self._path.words else "content_frame")

    @property
    def owner(self) -> Locator:
        """The frame's element."""
        return Locator(self._frame, self._path)

    @property
    def first(self) -> FrameLocator:
        """The first of the frames."""
        return FrameLocator(self._frame, self._path.then("first", ("nth", 0)))

    @property
    def last(self) -> FrameLocator:
        """The last of the frames."""
        return FrameLocator(self._frame, self._path.then("last", ("nth", -1)))

    def nth(self, index: int) -> FrameLocator:
        """Return a frame locator for one of the frames.

        :param index: 0 for the first; negative numbers count from the end.
        """
        return FrameLocator(self._frame, self._path.then(f"nth({index})", ("nth", index)))


def steps_in(locator: Locator, frame: Frame, path: Path = _NOWHERE) -> tuple[Step, ...]:
    """Return the steps of a locator that is used inside another one.

    :param frame: the other one's frame.
    :param path: the other one's path, which may go into the same frames.
    :raises TypeError: if it is not a locator.
    :raises ValueError: if it belongs to another frame, or goes into others.
    """
    if not isinstance(locator, Locator):
        raise TypeError(f"{locator!r}: expected a Locator")
    if locator._frame is not frame:
        raise ValueError(f"{locator}: belongs to another frame than the locator it is passed to")
    *into, steps = locator._path.parts
    if into and into != list(path.parts[:-1]):
        raise ValueError(f"{locator}: enters a frame that the locator it is passed to does not enter")
    return steps


async def locator_of(handle: ElementHandle) -> Locator:
    """Return a locator for the element of a handle, valid while the element is in its document.

    :raises LocatorError: if no displayed document contains it.
    """
    frame, _, key = await _held(handle, whole=False)
    return Locator(frame, Path(((("held", key),),), str(handle)))


@asynccontextmanager
async def inside_of(handle: ElementHandle) -> AsyncIterator[Locator]:
    """Return a locator for the node of a handle, wherever it is, to search inside it.

    :raises LocatorError: if no displayed document contains it.
    """
    frame, engine, key = await _held(handle, whole=True)
    try:
        yield Locator(frame, Path(((("heldNode", key),),), str(handle)))
    finally:
        letting_go = engine.call(frame._row.id, "letGo", [runtime.CallArgument(value=key)])
        letting_go.addErrback(ignore_failure)


async def _held(handle: ElementHandle, *, whole: bool) -> tuple[Frame, Engine, str]:
    """Make the script hold the node of a handle.

    :param whole: whether it is held until further notice, and may be a node that is not an element.
    :returns: its document's frame, the script there, and the key by which that knows it.
    """
    frame = await handle.owner_frame()
    if frame is None or handle._remote.object_id is None:
        raise LocatorError(f"{handle!r}: Element is not attached to the DOM")
    session = await frame._when_session()
    world = frame._world(session)
    engine, key = Engine(session, world), f"h{next(_numbers)}"
    try:
        node = (await session.execute(dom.describe_node(object_id=handle._remote.object_id))).node
        context_id = await world.context(frame._row.id)
        resolve = dom.resolve_node(backend_node_id=node.backend_node_id, execution_context_id=context_id)
        object_id = (await session.execute(resolve)).object.object_id
    except CommandError as error:
        raise explained(error) from error
    arguments = [
        runtime.CallArgument(object_id=object_id),
        *(runtime.CallArgument(value=each) for each in (key, whole)),
    ]
    await engine.call(frame._row.id, "hold", arguments)
    session.execute(runtime.release_object(object_id=str(object_id))).addErrback(ignore_failure)
    return frame, engine, key
