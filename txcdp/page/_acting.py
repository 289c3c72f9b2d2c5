"""Actions on a locator's element: clicking, filling, selecting, dragging."""

from __future__ import annotations

from collections.abc import Awaitable, Mapping, Sequence
from contextlib import ExitStack
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final, TypedDict, TypeVar

from twisted.internet.defer import Deferred

from txcdp._arguments import check_choice
from txcdp._deferreds import failing_deferreds, ignore_failure, returns_deferred
from txcdp._privacy import shortened
from txcdp._timeouts import DEFAULT, Timeout, left_of
from txcdp.domains import dom
from txcdp.errors import ActionTimeout, CommandError, Gone, LocatorError
from txcdp.page._action_options import Files, Position, Scroll
from txcdp.page._engine import Retry
from txcdp.page._evaluation import explained
from txcdp.page._handles import ElementHandle
from txcdp.page._input import KeyboardModifier, MouseButton, Touchscreen
from txcdp.page._keys import split
from txcdp.page._locating import Attempt, LocatorBase
from txcdp.page._pointing import Consequences, Perform, Pointer, Pointing
from txcdp.page._uploads import checked, is_folder, listed, put_uploads, sent, uploads

if TYPE_CHECKING:
    from txcdp.page._input import InputDevices

T = TypeVar("T")


class DropPayload(TypedDict, total=False):
    """A description of what is dropped on an element from outside the page.

    :ivar files: as for ``set_input_files``.
    :ivar data: texts, keyed by their MIME types.
    """

    files: Files
    data: Mapping[str, str]


@failing_deferreds
class ElementActions(LocatorBase):
    """Base of locators: the methods that act on an element.

    Each method waits until the element is actionable, and retries, finding the element again, until it succeeds or
    times out. There are these checks: the element exists and is the only match; it is visible (its box is not empty),
    stable (in the same place for two frames), enabled, and editable; and it receives events (nothing covers it).
    :meth:`click` and the like need all but editable; :meth:`fill` needs visible, enabled and editable;
    :meth:`select_option` needs visible and enabled; :meth:`hover`, :meth:`drag_to` and :meth:`drop` need visible,
    stable and receives events.
    """

    def click(
        self,
        *,
        modifiers: Sequence[KeyboardModifier] | None = None,
        position: Position | None = None,
        delay: float = 0,
        button: MouseButton = "left",
        click_count: int = 1,
        timeout: Timeout = DEFAULT,
        force: bool = False,
        no_wait_after: bool = False,
        trial: bool = False,
        steps: int = 1,
        scroll: Scroll = "auto",
    ) -> Deferred[None]:
        """Scroll the element into view and click it with the page's mouse.

        The click is complete once its handlers have run, dialogs that have a subscriber are answered, and, if it starts
        a navigation of the page's main frame, the new document is there.

        :param modifiers: keys to hold meanwhile, instead of those that are held.
        :param position: the point to click, relative to the top left corner of the element's padding box; None means
            its middle.
        :param delay: seconds between pressing and releasing.
        :param button: ``"left"``, ``"middle"`` or ``"right"``.
        :param click_count: the number of clicks in a row.
        :param timeout: for all retries together: seconds, or a timedelta; None or 0 means no timeout; by default the
            page's default timeout.
        :param force: skip all checks except that the element exists.
        :param no_wait_after: do not wait for a navigation.
        :param trial: do all the checks, but keep the events from the page.
        :param steps: the number of mouse events on the way to the element.
        :param scroll: ``"none"``: do not scroll.
        :returns: fires with None. Fails with :exc:`ActionTimeout`, which says which check failed on which element, and
            what covered it; with :exc:`LocatorError`, :exc:`StrictModeViolation` or :exc:`SelectorError`; with
            :exc:`ValueError` for an invalid modifier or button; and like ``Session.execute``.
        """
        mouse = self._devices.mouse

        def perform(x: float, y: float) -> Awaitable[None]:
            return mouse._click(x, y, delay=delay, button=button, click_count=click_count, steps=steps, timeout=None)

        clicks = 0 if delay or steps != 1 else click_count
        pointing = Pointing(
            "mouse", True, position, force, trial, modifiers, _scrolls(scroll), not no_wait_after, clicks
        )
        return self._point("click", pointing, perform, timeout)

    def dblclick(
        self,
        *,
        modifiers: Sequence[KeyboardModifier] | None = None,
        position: Position | None = None,
        delay: float = 0,
        button: MouseButton = "left",
        timeout: Timeout = DEFAULT,
        force: bool = False,
        no_wait_after: bool = False,
        trial: bool = False,
        steps: int = 1,
        scroll: Scroll = "auto",
    ) -> Deferred[None]:
        """Double-click the element; see :meth:`click`. It does not wait for navigations."""
        mouse = self._devices.mouse

        def perform(x: float, y: float) -> Awaitable[None]:
            return mouse._click(x, y, delay=delay, button=button, click_count=2, steps=steps, timeout=None)

        pointing = Pointing("mouse", True, position, force, trial, modifiers, _scrolls(scroll))
        return self._point("dblclick", pointing, perform, timeout)

    def hover(
        self,
        *,
        modifiers: Sequence[KeyboardModifier] | None = None,
        position: Position | None = None,
        timeout: Timeout = DEFAULT,
        force: bool = False,
        no_wait_after: bool = False,
        trial: bool = False,
        scroll: Scroll = "auto",
    ) -> Deferred[None]:
        """Scroll the element into view and move the page's mouse over it; see :meth:`click`."""
        devices = self._devices
        pointing = Pointing("hover", False, position, force, trial, modifiers, _scrolls(scroll))
        return self._point("hover", pointing, lambda x, y: devices.mouse._move(x, y, 1, None), timeout)

    def tap(
        self,
        *,
        modifiers: Sequence[KeyboardModifier] | None = None,
        position: Position | None = None,
        timeout: Timeout = DEFAULT,
        force: bool = False,
        no_wait_after: bool = False,
        trial: bool = False,
        scroll: Scroll = "auto",
    ) -> Deferred[None]:
        """Scroll the element into view and tap it on the page's touchscreen; see :meth:`click`.

        :returns: fires and fails like :meth:`click`, and with :exc:`ValueError` if the page has no touchscreen.
        """
        touchscreen: Touchscreen = self._devices.touchscreen
        pointing = Pointing("tap", True, position, force, trial, modifiers, _scrolls(scroll))

        async def perform(x: float, y: float) -> None:
            touchscreen._check()
            await touchscreen._tap(x, y, None)

        return self._point("tap", pointing, perform, timeout)

    @returns_deferred
    async def drag_to(
        self,
        target: ElementActions,
        *,
        force: bool = False,
        no_wait_after: bool = False,
        timeout: Timeout = DEFAULT,
        trial: bool = False,
        source_position: Position | None = None,
        target_position: Position | None = None,
        steps: int = 1,
        scroll: Scroll = "auto",
    ) -> None:
        """Drag the element to another one and drop it there.

        :param target: a locator of the other element.
        :param force: as for :meth:`click`.
        :param no_wait_after: it has no effect.
        :param timeout: for both halves together; as for :meth:`click`.
        :param trial: as for :meth:`click`: nothing is pressed.
        :param source_position: as ``position`` of :meth:`click`.
        :param target_position: the same, in the target.
        :param steps: the number of mouse events on the way.
        :param scroll: as for :meth:`click`.
        :returns: fires and fails like :meth:`click`.
        """
        mouse = self._devices.mouse
        page = self._frame.page
        clock = page.session.context.clock
        began, seconds = clock.seconds(), page._seconds(timeout)

        async def take(x: float, y: float) -> None:
            await mouse._move(x, y, 1, None)
            if not trial:
                await mouse._devices.send(mouse._pressing("left", 1), None)

        async def let_go(x: float, y: float) -> None:
            await mouse._move(x, y, steps, None)
            if not trial:
                await mouse._devices.send(mouse._releasing("left", 1), None)

        async def begin() -> None:
            # What is scrolled away before it is moved is not dragged.
            if not trial and mouse._dragged is None:
                await mouse._move(mouse._x + _NUDGE, mouse._y + _NUDGE, 2, None)

        given: object = target
        if not isinstance(given, ElementActions):
            raise TypeError(f"drag_to({given!r}): expected a Locator; page.drag_and_drop() takes selectors")
        taking = Pointing("drag", False, source_position, force, trial, None, _scrolls(scroll))
        await self._point("drag_to", taking, take, timeout)
        left = left_of(seconds, clock.seconds() - began)
        letting_go = Pointing(
            "drag", False, target_position, force, trial, None, _scrolls(scroll), before_scrolling=begin
        )
        try:
            await target._point("drag_to (the target)", letting_go, let_go, left)
        except BaseException as error:
            if isinstance(error, ActionTimeout) and seconds is not None:
                error.seconds = seconds  # what was asked for, and not what the first half has left of it
            if not trial and "left" in mouse._buttons:
                mouse._devices.send(mouse._releasing("left", 1)).addErrback(ignore_failure)
            raise

    def drop(
        self, payload: DropPayload, *, position: Position | None = None, timeout: Timeout = DEFAULT
    ) -> Deferred[None]:
        """Drop files or texts on the element, as if dragged from outside the page.

        The page gets ``dragenter``, ``dragover`` and, if it has accepted that by ``preventDefault()``, ``drop``.

        :param payload: a dict of ``files``, as for :meth:`set_input_files`, and ``data``, texts keyed by their MIME
            types.
        :param position: as for :meth:`click`.
        :param timeout: as for :meth:`click`.
        :returns: fires with None; fails like :meth:`click`, with :exc:`LocatorError` if the page does not accept the
            drop, with :exc:`OSError` if a file cannot be read, and with :exc:`ValueError` if the payload is empty or
            has other keys.
        """
        if not payload or not payload.keys() <= DropPayload.__annotations__.keys():
            raise ValueError(f"drop({payload!r:.200}): expected a dict with 'files', 'data' or both")
        given = payload.get("files")
        data = [[kind, text] for kind, text in payload.get("data", {}).items()]

        async def drop(attempt: Attempt) -> None:
            files = [] if given is None else [*uploads([checked(each) for each in listed(given)])]
            point: list[float] = []

            async def note(x: float, y: float) -> None:
                point[:] = x, y

            await Pointer(Pointing("none", False, position), note).attempt(attempt)
            object_id = await attempt.element("element")
            async with await attempt.handle(object_id) as handle:
                with ExitStack() as kept:
                    accepted = await handle.evaluate(_DROP, [await sent(handle, files, kept), data, point])
            if not accepted:
                raise LocatorError(
                    f"{self}: the page did not accept the drop: its dragover handler did not call preventDefault()"
                )

        return self._perform("drop", drop, timeout)

    def fill(
        self, value: str, *, timeout: Timeout = DEFAULT, no_wait_after: bool = False, force: bool = False
    ) -> Deferred[None]:
        """Set the text of an ``<input>``, a ``<textarea>`` or an editable element, as if it had been pasted.

        The present text is selected and replaced with ``Input.insertText``, which triggers ``input``. Inputs for dates,
        times, colours and ranges get their value at once, with ``input`` and ``change``. For an element in a label's
        text, its control is filled.

        :param value: the text; ``""`` clears the element.
        :param timeout: as for :meth:`click`.
        :param no_wait_after: it has no effect.
        :param force: as for :meth:`click`.
        :returns: fires with None. Fails like :meth:`click`, and with :exc:`LocatorError` if the element cannot be
            filled, or the value is invalid for the input's type.
        """
        if not isinstance(value, str):
            raise TypeError(f"fill({value!r}): expected a str")

        async def fill(attempt: Attempt) -> None:
            attempt.log("waiting for element to be visible, enabled and editable")
            text = await attempt.run("fill", {"value": value, "force": force})
            if text is None:
                return
            keyboard = self._devices.keyboard
            if text:
                await keyboard.insert_text(text)
            else:
                await keyboard._press(["Delete"], 0)

        return self._perform(f"fill({_short(value)})", fill, timeout, handled=not force)

    def clear(self, *, timeout: Timeout = DEFAULT, no_wait_after: bool = False, force: bool = False) -> Deferred[None]:
        """Remove all text from the element; see :meth:`fill`."""
        return self.fill("", timeout=timeout, force=force)

    def press(
        self, key: str, *, delay: float = 0, timeout: Timeout = DEFAULT, no_wait_after: bool = False
    ) -> Deferred[None]:
        """Focus the element and press a key or a combination; see ``Keyboard.press``.

        :param key: such as ``"Enter"`` or ``"Control+A"``.
        :param delay: seconds between pressing and releasing.
        :param timeout: as for :meth:`click`.
        :param no_wait_after: as for :meth:`click`.
        :returns: fires and fails like :meth:`click`, with :exc:`ValueError` for an unknown key, and with
            :exc:`LocatorError` if the element is inert, or a field that cannot be focused, since another element would
            get the key.
        """
        keys = split(key)
        page = self._frame.page
        keyboard = self._devices.keyboard

        async def press(attempt: Attempt) -> None:
            await attempt.run("focusToType")
            if no_wait_after:
                await keyboard._press(keys, delay)
                return
            consequences = Consequences(attempt)
            try:
                try:
                    await keyboard._press(keys, delay)
                except Gone:
                    if not page.is_closed():
                        raise  # else it has closed the page
                await consequences.over()
            finally:
                consequences.stop()

        return self._perform(f"press({key!r})", press, timeout)

    def press_sequentially(
        self, text: str, *, delay: float = 0, timeout: Timeout = DEFAULT, no_wait_after: bool = False
    ) -> Deferred[None]:
        """Focus the element and type a text key by key; see ``Keyboard.type``.

        :param text: the text.
        :param delay: seconds between keys.
        :param timeout: as for :meth:`click`.
        :param no_wait_after: it has no effect.
        :returns: fires and fails like :meth:`click`.
        """

        async def press(attempt: Attempt) -> None:
            await attempt.run("focusToType")
            await self._devices.keyboard.type(text, delay=delay)

        return self._perform(f"press_sequentially({_short(text)})", press, timeout)

    def type(
        self, text: str, *, delay: float = 0, timeout: Timeout = DEFAULT, no_wait_after: bool = False
    ) -> Deferred[None]:
        """Do the same as :meth:`press_sequentially`, under its former name; :meth:`fill` is faster."""
        return self.press_sequentially(text, delay=delay, timeout=timeout)

    def check(
        self,
        *,
        position: Position | None = None,
        timeout: Timeout = DEFAULT,
        force: bool = False,
        no_wait_after: bool = False,
        trial: bool = False,
        scroll: Scroll = "auto",
    ) -> Deferred[None]:
        """Check a checkbox, a radio button or similar, by a click if it is not checked.

        :param position: as for :meth:`click`.
        :param timeout: as for :meth:`click`.
        :param force: as for :meth:`click`.
        :param no_wait_after: it has no effect.
        :param trial: as for :meth:`click`.
        :param scroll: as for :meth:`click`.
        :returns: fires with None once it is checked. Fails like :meth:`click`, and with :exc:`LocatorError` if the
            element cannot be checked, if a click does not change it, or for unchecking a radio button.
        """
        return self._set_checked("check", True, position, timeout, force, trial, scroll)

    def uncheck(
        self,
        *,
        position: Position | None = None,
        timeout: Timeout = DEFAULT,
        force: bool = False,
        no_wait_after: bool = False,
        trial: bool = False,
        scroll: Scroll = "auto",
    ) -> Deferred[None]:
        """Uncheck a checkbox or similar, by a click if it is checked; see :meth:`check`."""
        return self._set_checked("uncheck", False, position, timeout, force, trial, scroll)

    def set_checked(
        self,
        checked: bool,
        *,
        position: Position | None = None,
        timeout: Timeout = DEFAULT,
        force: bool = False,
        no_wait_after: bool = False,
        trial: bool = False,
        scroll: Scroll = "auto",
    ) -> Deferred[None]:
        """Do the same as :meth:`check` or :meth:`uncheck`.

        :param checked: whether the element is to be checked.
        """
        what = f"set_checked({bool(checked)})"
        return self._set_checked(what, bool(checked), position, timeout, force, trial, scroll)

    def select_option(
        self,
        value: str | Sequence[str] | None = None,
        *,
        index: int | Sequence[int] | None = None,
        label: str | Sequence[str] | None = None,
        element: ElementHandle | Sequence[ElementHandle] | None = None,
        timeout: Timeout = DEFAULT,
        no_wait_after: bool = False,
        force: bool = False,
    ) -> Deferred[list[str]]:
        """Select options of a ``<select>``, and deselect all others; this triggers ``input`` and ``change``.

        :param value: values or labels: one or several.
        :param index: zero-based indices.
        :param label: labels.
        :param element: handles of the options.
        :param timeout: as for :meth:`click`; it includes the wait for the options.
        :param no_wait_after: it has no effect.
        :param force: as for :meth:`click`.
        :returns: fires with a list of the values of the selected options. Fails like :meth:`click`, with
            :exc:`LocatorError` if the element is not a ``<select>``, and with :exc:`TypeError` if a value or a label is
            not a string, an index not a number, or an element not a handle.
        """
        named = _choices(value, index, label)
        elements = _several("element", element, ElementHandle)

        async def select(attempt: Attempt) -> list[str]:
            choices = named.copy()
            for each in elements:
                number = await each.evaluate("option => option.index")
                if number is None:
                    raise LocatorError(f"{self}: {each!r} is not an <option>")
                choices.append({"index": int(number)})
            attempt.log("waiting for element to be visible and enabled")
            selected: list[str] = await attempt.run("selectOptions", {"choices": choices, "force": force})
            return selected

        return self._perform("select_option", select, timeout, handled=not force)

    def select_text(self, *, force: bool = False, timeout: Timeout = DEFAULT) -> Deferred[None]:
        """Focus the element and select all of its text.

        :param force: as for :meth:`click`.
        :param timeout: as for :meth:`click`.
        :returns: fires with None; fails like :meth:`click`.
        """

        async def select(attempt: Attempt) -> None:
            await attempt.run("selectText", {"force": force})

        return self._perform("select_text", select, timeout, handled=not force)

    def set_input_files(
        self, files: Files, *, timeout: Timeout = DEFAULT, no_wait_after: bool = False
    ) -> Deferred[None]:
        """Choose files for an ``<input type=file>``, or for a label's (``DOM.setFileInputFiles``).

        Paths are local. If the browser runs on another machine, the files' contents are sent to it; the timeout
        includes that.

        :param files: a path or several, a folder for an input that accepts one, or dicts with contents, such as
            ``{"name": "a.txt", "mimeType": "text/plain", "buffer": b"..."}``; an empty list clears the input.
        :param timeout: as for :meth:`click`.
        :param no_wait_after: it has no effect.
        :returns: fires with None once the input has the files and its handlers have run. Fails like :meth:`click`, with
            :exc:`LocatorError` if the element is not a file input, or does not accept so many files, and with
            :exc:`OSError` if a file cannot be read.
        """

        async def choose(attempt: Attempt) -> None:
            given = [checked(each) for each in listed(files)]
            object_id = await attempt.element("fileInput", {"count": len(given), "folder": is_folder(given)})
            by_path = self._frame.page.browser.process is not None
            if by_path and given and not any(isinstance(each, dict) for each in given):
                await _put_paths(attempt, object_id, given)
                return
            async with await attempt.handle(object_id) as handle:
                await put_uploads(handle, uploads(given))

        return self._perform("set_input_files", choose, timeout)

    @property
    def _devices(self) -> InputDevices:
        return self._frame.page._devices

    def _point(self, what: str, pointing: Pointing, perform: Perform, timeout: Timeout) -> Deferred[None]:
        return self._perform(what, Pointer(pointing, perform).attempt, timeout, handled=not pointing.force)

    def _set_checked(
        self,
        what: str,
        wanted: bool,
        position: Position | None,
        timeout: Timeout,
        force: bool,
        trial: bool,
        scroll: Scroll,
    ) -> Deferred[None]:
        mouse = self._devices.mouse

        def click(x: float, y: float) -> Awaitable[None]:
            return mouse._click(x, y, timeout=None)

        pointer = Pointer(Pointing("mouse", True, position, force, trial, None, _scrolls(scroll)), click)

        async def change(attempt: Attempt) -> None:
            state = await attempt.run("checkedState")
            if state["checked"] is wanted:
                return
            if not wanted and state["radio"]:
                raise LocatorError(
                    f"{self}: Cannot uncheck radio button. Radio buttons can only be unchecked by selecting another "
                    "radio button in the same group."
                )
            await pointer.attempt(attempt)
            if trial:
                return
            state = await attempt.run("checkedState")
            if state["checked"] is not wanted:
                raise LocatorError(f"{self}: Clicking the checkbox did not change its state")

        return self._perform(what, change, timeout, handled=not force)


#: CSS pixels by which a pointer moves until a drag starts.
_NUDGE: Final = 5

#: Notifies an element of a drop from outside the page; returns whether it has accepted that.
_DROP: Final = """(element, [files, data, [clientX, clientY]]) => {
    const dataTransfer = new DataTransfer();
    for (const {name, mimeType, buffer, pieces} of files)
        dataTransfer.items.add(new File(pieces || [buffer], name, {type: mimeType}));
    for (const [type, text] of data)
        dataTransfer.setData(type, text);
    const tell = type => {
        const place = {clientX, clientY, dataTransfer};
        const event = new DragEvent(type, {bubbles: true, cancelable: true, composed: true, ...place});
        element.dispatchEvent(event);
        return event.defaultPrevented;
    };
    tell('dragenter');
    const accepted = tell('dragover');
    tell(accepted ? 'drop' : 'dragleave');
    return accepted;
}"""


async def _put_paths(attempt: Attempt, object_id: str, paths: Sequence[Path]) -> None:
    """Put files into an input by their paths, if the browser can read these."""
    command = dom.set_file_input_files(files=[str(each) for each in paths], object_id=object_id)
    try:
        await attempt.session.execute(command, timeout=None)
    except CommandError as error:
        meant = explained(error)
        if meant is not error:
            raise meant from error
        raise Retry(f"the input does not accept files now: {error.message}") from error


def _choices(value: Any, index: Any, label: Any) -> list[dict[str, Any]]:
    """Return the options to select."""
    return [
        *({"valueOrLabel": each} for each in _several("value", value, str)),
        *({"index": each} for each in _several("index", index, int)),
        *({"label": each} for each in _several("label", label, str)),
    ]


def _several(name: str, given: Any, kind: type[T]) -> list[T]:
    """Return a list of the given values, which may be a single one.

    :raises TypeError: if one has a wrong type: it would never match an option.
    """
    if given is None:
        return []
    several: list[Any] = [given] if isinstance(given, str | int | ElementHandle | Mapping) else list(given)
    for each in several:
        if not isinstance(each, kind) or isinstance(each, bool):
            raise TypeError(shortened(f"select_option: {name}={given!r}: {each!r} is not of type {kind.__name__}"))
    return several


def _scrolls(scroll: str) -> bool:
    check_choice("scroll", scroll, ("auto", "none"))
    return scroll == "auto"


def _short(text: str) -> str:
    return repr(text if len(text) <= 40 else text[:39] + "\N{HORIZONTAL ELLIPSIS}")
