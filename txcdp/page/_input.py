"""Keyboard, mouse and touchscreen of a page: input like a user's, through the browser (``Input`` of the protocol).

What is pressed stays pressed until it is released, as on a real device: pressed keys and buttons are tracked here, and
included in everything that is sent afterwards. The browser answers when the page has handled an event; events that
belong together are sent in one write. Input counts as done without an answer in two cases:

- A page that is blocked by an open dialog answers nothing. If no subscriber will answer that dialog, the program that
  waits here is the one that has to.
- A document that is replaced, or removed with its frame, takes with it what it has not answered: the text and the
  touches of the page, and all input of a frame in another process.
"""

from __future__ import annotations

import sys
from collections.abc import AsyncIterator, Awaitable, Callable, Iterable, Sequence
from contextlib import asynccontextmanager
from typing import Any, Final, Literal, Protocol, TypeAlias, TypeVar, get_args

from twisted.internet.defer import CancelledError, Deferred, fail, succeed
from twisted.python.failure import Failure

from txcdp._arguments import check_choice, check_text, instead_of
from txcdp._core.sessions import Session
from txcdp._deferreds import failing_deferreds, ignore_failure, returns_deferred, when_all
from txcdp._other_names import NearNames
from txcdp._timeouts import DEFAULT, Timeout, warn_of_pause
from txcdp.domains import input as input_domain
from txcdp.errors import CommandError, DialogOpen, TxcdpError
from txcdp.model import Change, DocumentCommitted, FrameDetached, SessionCrashed
from txcdp.page._keys import EITHER, KEYS, MODIFIERS, Key, check, mac_commands, split
from txcdp.page._waiting import wait_for_timeout
from txcdp.protocol import from_json, to_json

#: A mouse button.
MouseButton = Literal["left", "middle", "right"]

#: A key that modifies other keys and clicks.
KeyboardModifier = Literal["Alt", "Control", "ControlOrMeta", "Meta", "Shift"]

#: A command in its form on the wire.
Sent: TypeAlias = tuple[str, dict[str, Any]]

T = TypeVar("T")

#: The protocol's bits for held buttons.
_BUTTONS: Final = {"left": 1, "right": 2, "middle": 4}

_KEY: Final = "Input.dispatchKeyEvent"
_TEXT: Final = "Input.insertText"
_MOUSE: Final = "Input.dispatchMouseEvent"
_TOUCH: Final = "Input.dispatchTouchEvent"
_DRAG: Final = "Input.dispatchDragEvent"
_INTERCEPT: Final = "Input.setInterceptDrags"

#: A command whose answer shows that a page has sent its earlier events.
_FENCE: Final[Sent] = ("Runtime.evaluate", {"expression": "0"})

#: The changes that may take unanswered input with them.
_TAKING: Final = (DocumentCommitted, FrameDetached, SessionCrashed)

#: Seconds after such a change in which the browser may still send input to what is gone.
_STALE: Final = 1.0

#: Seconds after which a document that has stayed, and answers, has answered its input as well.
_GRACE: Final = 0.25

#: A drag without data.
_NOTHING_DRAGGED: Final = {"items": [], "dragOperationsMask": 0xFFFF}


class OpenDialogs(Protocol):
    """The dialogs of a page that block input.

    :ivar left_open: called, each once, when a dialog opens that only the program will answer, by what it does next.
    """

    left_open: list[Callable[[], object]]

    @property
    def is_left_open(self) -> bool:
        """Whether there is such a dialog."""


class InputDevices:
    """The keyboard, mouse and touchscreen of one page, and their common state.

    :param session: the page's session.
    :param dialogs: the page's dialogs.
    :param followers: what is notified of the changes in the page's model.
    :param sessions: returns the sessions of the page and of its frames in other processes.
    :param is_local: returns whether the browser was launched here.
    :param user_agent: asks the browser for its user agent.
    :param has_touch: returns whether the page has a touchscreen.
    :ivar dialogs: the page's dialogs.
    """

    def __init__(
        self,
        session: Session,
        dialogs: OpenDialogs,
        followers: dict[Any, None],
        sessions: Callable[[], Iterable[Session]],
        is_local: Callable[[], bool],
        user_agent: Callable[[], Deferred[str]],
        has_touch: Callable[[], bool],
    ) -> None:
        self.session = session
        self.sessions = sessions
        self.has_touch = has_touch
        self.dialogs = dialogs
        self._unanswered: dict[_Delivery, None] = {}
        self._taken_at = session.context.clock.seconds()
        followers[self] = None
        self._is_local = is_local
        self._user_agent = user_agent
        self._on_mac: bool | None = None
        self.keyboard = Keyboard(self)
        self.mouse = Mouse(self)
        self.touchscreen = Touchscreen(self)

    def send(self, commands: Sequence[Sent], timeout: Timeout = DEFAULT) -> Deferred[None]:
        """Send commands in one write, and wait until the page has handled them.

        :param timeout: the timeout of each command, as for ``Session.execute``.
        :returns: a Deferred that fires with None when all are answered, when the page is blocked by a dialog that only
            the waiting program can answer, or when the document that had to answer is gone. It fails with the first
            failure, or with :exc:`DialogOpen` if such a dialog was open before.
        """
        if not commands:
            return succeed(None)
        if self.dialogs.is_left_open:
            return fail(DialogOpen(commands[0][0], self.session.blocked_by))
        sent = self.session._send_together(commands, timeout)
        return _Delivery(self, sent, self._unanswered).done

    def changed(self, changes: Sequence[Change]) -> None:
        """Note what becomes of the page's documents."""
        if any(isinstance(each, _TAKING) for each in changes):
            self._taken_at = self.session.context.clock.seconds()
            for each in self._unanswered:
                each.doubt()

    @property
    def is_changing(self) -> bool:
        """Whether the browser may send input to a document that is gone."""
        return self.session.context.clock.seconds() < self._taken_at + _STALE

    def pause(self, seconds: float) -> Deferred[None]:
        """Wait between two events."""
        warn_of_pause("delay", seconds)
        return wait_for_timeout(self.session, seconds)

    async def on_mac(self) -> bool:
        """Return whether the browser runs on a Mac; a browser on another machine is asked once."""
        if self._on_mac is None:
            if self._is_local():
                self._on_mac = sys.platform == "darwin"
            else:
                try:
                    self._on_mac = "Mac OS" in await self._user_agent()
                except CommandError:  # the line leads to a single page
                    self._on_mac = sys.platform == "darwin"
        return self._on_mac


class _Delivery:
    """Waits for the answers to commands that were sent together.

    :ivar done: fires when all have arrived, or when nobody will answer what has not: see the module.
    """

    def __init__(self, devices: InputDevices, sent: Sequence[Deferred[Any]], unanswered: dict[_Delivery, None]) -> None:
        self.done: Deferred[None] = Deferred(self._cancel)
        self._devices = devices
        self._sent = sent
        self._missing = len(sent)
        self._unanswered = unanswered
        self._asking: Deferred[None] | None = None
        devices.dialogs.left_open.append(self._left)
        unanswered[self] = None
        for each in sent:
            each.addCallbacks(self._answered, self._failed)
        if devices.is_changing:
            self.doubt()

    def doubt(self) -> None:
        """Find out whether an answer can still come."""
        if self._asking is None and not self.done.called:
            self._asking = Deferred.fromCoroutine(self._ask())
            self._asking.addCallbacks(self._taken, ignore_failure)

    async def _ask(self) -> None:
        await wait_for_timeout(self._devices.session, _GRACE)
        await _all_asked(self._devices.sessions(), None)

    def _taken(self, result: None) -> None:
        self._end(None)
        self._forget()

    def _answered(self, result: object) -> None:
        self._missing -= 1
        if not self._missing:
            self._end(None)

    def _failed(self, failure: Failure) -> None:
        self._end(failure)  # of several, who waits is told the first

    def _left(self) -> None:
        self._end(None)

    def _end(self, result: Failure | None) -> None:
        if self.done.called:
            return
        self._devices.dialogs.left_open.remove(self._left)
        del self._unanswered[self]
        if self._asking is not None:
            self._asking.cancel()
        self.done.callback(result)  # a Failure goes to the errbacks

    def _cancel(self, done: Deferred[None]) -> None:
        self._end(Failure(CancelledError()))
        self._forget()

    def _forget(self) -> None:
        for each in self._sent:
            each.cancel()


@failing_deferreds
class Keyboard(NearNames):
    """The keyboard of a page, with the US layout; ``page.keyboard``.

    A key is named by its position, such as ``"KeyA"``, ``"Digit1"`` or ``"ShiftLeft"``, or by what it produces:
    ``"a"``, ``"A"``, ``"!"``, ``"Enter"``, ``"ArrowLeft"``, ``"Shift"``. ``"ControlOrMeta"`` is Meta if the browser
    runs on a Mac, otherwise Control. A pressed key stays pressed until it is released; while Alt, Control or Meta is
    pressed, keys produce no text. Input goes to the focused element, in whichever frame.
    """

    def __init__(self, devices: InputDevices) -> None:
        self._devices = devices
        self._held: set[str] = set()
        self._modifiers: set[str] = set()

    @returns_deferred
    async def down(self, key: str) -> None:
        """Press a key (``Input.dispatchKeyEvent``); pressing it again repeats it.

        :param key: the key's name.
        :returns: fires with None once the page has handled it. Fails with :exc:`ValueError` for an unknown key, with
            :exc:`DialogOpen` while a dialog waits for the program's answer, and otherwise like ``Session.execute``.
        """
        check(key)
        await self._send(await self._pressing(key))

    @returns_deferred
    async def up(self, key: str) -> None:
        """Release a key (``Input.dispatchKeyEvent``).

        :param key: the key's name.
        :returns: fires and fails like :meth:`down`.
        """
        check(key)
        await self._send(await self._releasing(key))

    @returns_deferred
    async def press(self, key: str, *, delay: float = 0) -> None:
        """Press and release a key, or a combination such as ``"Control+Shift+T"`` (``Input.dispatchKeyEvent``).

        Other keys that are pressed stay pressed, and have an effect.

        :param key: the key's name, or several joined by ``+``: each is held until the last one has been pressed.
        :param delay: seconds between pressing and releasing.
        :returns: fires and fails like :meth:`down`.
        """
        await self._press(split(key), delay)

    @returns_deferred
    async def type(self, text: str, *, delay: float = 0) -> None:
        """Type a text, key by key; characters without a key, such as emoji, are inserted directly.

        :param text: the text; a newline is Enter.
        :param delay: seconds between keys.
        :returns: fires and fails like :meth:`down`.
        """
        check_text("text", text)
        for char in text:
            if char in KEYS:
                await self._press([char], delay)
            else:
                if delay:
                    await self._devices.pause(delay)
                await self.insert_text(char)

    def insert_text(self, text: str) -> Deferred[None]:
        """Insert a text as an input method does (``Input.insertText``): with an ``input`` event, without key events.

        :param text: the text, of any characters; pressed modifiers have no effect.
        :returns: fires and fails like :meth:`down`.
        """
        check_text("text", text)
        return self._send([(_TEXT, {"text": text})])

    async def _press(self, keys: Sequence[str], delay: float) -> None:
        together = not delay and self._devices.mouse._dragged is None  # what ends a drag does so before its key goes up
        pressed = [await self._pressing(each) for each in keys]
        if together:
            await self._send([*_joined(pressed), *_joined([await self._releasing(each) for each in reversed(keys)])])
            return
        try:
            await self._send(_joined(pressed))
            if delay:
                await self._devices.pause(delay)
        except (TxcdpError, CancelledError):
            self._send(_joined([await self._releasing(each) for each in reversed(keys)])).addErrback(ignore_failure)
            raise
        await self._send(_joined([await self._releasing(each) for each in reversed(keys)]))

    async def _pressing(self, name: str) -> list[Sent]:
        """Return the commands that press a key, which is held from now on."""
        key = await self._key(name)
        if key.code == "Escape" and self._devices.mouse._dragged is not None:
            return [self._devices.mouse._cancel_drag()]
        repeated = key.code in self._held
        self._held.add(key.code)
        if key.key in MODIFIERS:
            self._modifiers.add(key.key)
        event = self._event("keyDown" if key.text else "rawKeyDown", key)
        if key.text:
            event["text"] = event["unmodifiedText"] = key.text
        if repeated:
            event["autoRepeat"] = True
        if await self._devices.on_mac():
            event["commands"] = mac_commands(key.code, frozenset(self._modifiers))
        return [(_KEY, event)]

    async def _releasing(self, name: str) -> list[Sent]:
        """Return the commands that release a key."""
        key = await self._key(name)
        self._held.discard(key.code)
        self._modifiers.discard(key.key)
        return [(_KEY, self._event("keyUp", key))]

    async def _key(self, name: str) -> Key:
        """Return a key with the effect of the modifiers that are held."""
        if name == EITHER:
            name = "Meta" if await self._devices.on_mac() else "Control"
        key = KEYS[name]
        if key.shifted is not None and "Shift" in self._modifiers:
            key = key.shifted
        if key.text and not self._modifiers <= {"Shift"}:
            return Key(key.code, key.key, key.key_code, location=key.location)
        return key

    def _event(self, kind: str, key: Key) -> dict[str, Any]:
        return {
            "type": kind,
            "modifiers": self._mask,
            "windowsVirtualKeyCode": key.key_code,
            "code": key.code,
            "key": key.key,
            "location": key.location,
            "isKeypad": key.on_keypad,
        }

    @property
    def _mask(self) -> int:
        """The bit mask of the modifiers that are held."""
        return sum(MODIFIERS[each] for each in self._modifiers) if self._modifiers else 0

    async def _modifier_names(self, modifiers: Iterable[str]) -> list[str]:
        """Return the names of modifiers.

        :raises ValueError: if there is no such modifier, or it is a single str.
        """
        if isinstance(modifiers, str):
            raise ValueError(f"modifiers={modifiers!r}: expected a list: {modifiers.split('+')!r}")
        names = []
        for each in modifiers:
            if each != EITHER and each not in MODIFIERS:
                raise ValueError(f"Unknown modifier: {each!r}; {instead_of(each, get_args(KeyboardModifier))}")
            names.append((await self._key(each)).key)
        return names

    async def _changing(self, wanted: Iterable[str]) -> list[Sent]:
        """Return the commands after which exactly these modifiers are held."""
        names = set(wanted)
        commands: list[Sent] = []
        for each in MODIFIERS:
            if each in names and each not in self._modifiers:
                commands += await self._pressing(each)
            elif each not in names and each in self._modifiers:
                commands += await self._releasing(each)
        return commands

    @asynccontextmanager
    async def _holding(self, modifiers: Sequence[str] | None) -> AsyncIterator[None]:
        """Hold exactly these modifiers during a block, and then those that were held before."""
        if modifiers is None:
            yield
            return
        before = set(self._modifiers)
        await self._send(await self._changing(await self._modifier_names(modifiers)))
        try:
            yield
        finally:
            restoring = self._send(await self._changing(before))
            if sys.exc_info()[0] is None:
                await restoring
            else:
                restoring.addErrback(ignore_failure)

    def _send(self, commands: Sequence[Sent]) -> Deferred[None]:
        return self._devices.send(commands)


@failing_deferreds
class Mouse(NearNames):
    """The mouse of a page; ``page.mouse``.

    Points are in CSS pixels of the viewport of the page's main frame. Pressed buttons stay pressed until they are
    released, and the keyboard's modifiers apply. If the page makes something draggable, moving with the left button
    pressed drags it, and releasing the button drops it; Escape ends the drag.
    """

    def __init__(self, devices: InputDevices) -> None:
        self._devices = devices
        self._x = 0.0
        self._y = 0.0
        self._buttons: set[str] = set()
        self._button = "none"
        self._listening = False
        self._intercepting = False
        self._dragged: dict[str, Any] | None = None
        self._found: dict[str, Any] | None = None

    @returns_deferred
    async def move(self, x: float, y: float, *, steps: int = 1) -> None:
        """Move to a point (``Input.dispatchMouseEvent``).

        :param x: the distance from the left, in CSS pixels.
        :param y: the distance from the top, in CSS pixels.
        :param steps: how many events to send, for points along a straight line to the final point.
        :returns: fires with None once the page has handled all of them. Fails with :exc:`ValueError` if ``steps`` is
            less than 1, with :exc:`DialogOpen` while a dialog waits for the program's answer, and otherwise like
            ``Session.execute``.
        """
        await self._move(x, y, steps, DEFAULT)

    @returns_deferred
    async def down(self, *, button: MouseButton = "left", click_count: int = 1) -> None:
        """Press a button at the mouse's position (``Input.dispatchMouseEvent``).

        :param button: ``"left"``, ``"middle"`` or ``"right"``.
        :param click_count: the number of the click in a row: 2 for the second one of a double click.
        :returns: fires and fails like :meth:`move`; with :exc:`ValueError` for an invalid button.
        """
        await self._devices.send(self._pressing(button, click_count))

    @returns_deferred
    async def up(self, *, button: MouseButton = "left", click_count: int = 1) -> None:
        """Release a button at the mouse's position (``Input.dispatchMouseEvent``).

        :param button: as for :meth:`down`.
        :param click_count: as for :meth:`down`.
        :returns: fires and fails like :meth:`down`.
        """
        await self._devices.send(self._releasing(button, click_count))

    @returns_deferred
    async def click(
        self, x: float, y: float, *, delay: float = 0, button: MouseButton = "left", click_count: int = 1
    ) -> None:
        """Move to a point, press a button and release it (``Input.dispatchMouseEvent``).

        :param x: as for :meth:`move`.
        :param y: as for :meth:`move`.
        :param delay: seconds between pressing and releasing.
        :param button: as for :meth:`down`.
        :param click_count: the number of clicks in a row.
        :returns: fires and fails like :meth:`down`.
        """
        await self._click(x, y, delay=delay, button=button, click_count=click_count)

    def dblclick(self, x: float, y: float, *, delay: float = 0, button: MouseButton = "left") -> Deferred[None]:
        """Double-click at a point (``Input.dispatchMouseEvent``).

        :param x: as for :meth:`move`.
        :param y: as for :meth:`move`.
        :param delay: seconds between pressing and releasing, and between the clicks.
        :param button: as for :meth:`down`.
        :returns: fires and fails like :meth:`down`.
        """
        return self.click(x, y, delay=delay, button=button, click_count=2)

    @returns_deferred
    async def wheel(self, delta_x: float, delta_y: float) -> None:
        """Turn the wheel at the mouse's position (``Input.dispatchMouseEvent``).

        The page gets the event and scrolls, unless it handles the event itself.

        :param delta_x: the distance to the right, in CSS pixels; negative values go to the left.
        :param delta_y: the distance down, in CSS pixels; negative values go up.
        :returns: fires and fails like :meth:`move`, once the browser has the event: the page may not have scrolled yet.
        """
        event = {**self._event("mouseWheel", "none"), "deltaX": delta_x, "deltaY": delta_y}
        await self._devices.send([(_MOUSE, event)])

    # What actions do with it, with deadlines of their own:

    @property
    def is_free(self) -> bool:
        """Whether no button is pressed and nothing is being dragged."""
        return not (self._buttons or self._intercepting or self._dragged is not None)

    async def _move(self, x: float, y: float, steps: int, timeout: Timeout) -> None:
        if steps < 1:
            raise ValueError(f"steps={steps}: must be at least 1")
        from_x, from_y = self._x, self._y
        for step in range(1, steps + 1):
            # What is on the way comes out even where it can, and the last point is the one that was given.
            part = step / steps
            at_x, at_y = (x, y) if step == steps else (from_x + (x - from_x) * part, from_y + (y - from_y) * part)
            self._x, self._y = at_x, at_y
            if self._dragged is not None:
                await self._devices.send([self._drag("dragOver", self._dragged)], timeout)
            elif "left" in self._buttons:
                await self._move_with_button(timeout)
            else:
                await self._devices.send([self._moving()], timeout)

    async def _move_with_button(self, timeout: Timeout) -> None:
        """Move with the left button pressed: the page may start a drag, which the browser reports."""
        if not self._listening:
            self._listening = True
            self._devices.session._observe(input_domain.DragIntercepted).subscribe(self._intercepted, ignore_failure)
        self._intercepting = True
        self._found = None
        await self._devices.send([(_INTERCEPT, {"enabled": True}), self._moving()], timeout)
        # What the page has begun to drag it has told when it answers what it is asked afterwards.
        if "left" in self._buttons and self._dragged is None:
            await _all_asked(self._devices.sessions(), timeout)
        found = self._taken()
        if found is not None and "left" in self._buttons:
            self._dragged = found
            await self._devices.send([self._drag("dragEnter", found)], timeout)

    def _taken(self) -> dict[str, Any] | None:
        """Return the data that the page has started to drag, once."""
        found, self._found = self._found, None
        return found

    def _intercepted(self, event: input_domain.DragIntercepted) -> None:
        self._found = _raw(event)

    def _click(
        self,
        x: float,
        y: float,
        *,
        delay: float = 0,
        button: MouseButton = "left",
        click_count: int = 1,
        steps: int = 1,
        timeout: Timeout = DEFAULT,
    ) -> Awaitable[None]:
        _check_button(button)
        if delay or steps != 1 or not self.is_free:
            return self._click_by_and_by(x, y, delay, button, click_count, steps, timeout)
        self._x, self._y = x, y
        # Sent now, not when it is awaited: what is asked next leaves in the same write.
        return self._devices.send([self._moving(), *self._clicking(button, click_count)], timeout)

    async def _click_by_and_by(
        self, x: float, y: float, delay: float, button: MouseButton, click_count: int, steps: int, timeout: Timeout
    ) -> None:
        if steps > 1 or self._buttons or self._dragged is not None:
            await self._move(x, y, steps, timeout)
            first: list[Sent] = []
        else:
            self._x, self._y = x, y
            first = [self._moving()]
        if not delay:
            await self._devices.send(first + self._clicking(button, click_count), timeout)
            return
        for count in range(1, click_count + 1):
            first += self._pressing(button, count)
            try:
                await self._devices.send(first, timeout)
                await self._devices.pause(delay)
            except (TxcdpError, CancelledError):
                self._devices.send(self._releasing(button, count)).addErrback(ignore_failure)
                raise
            await self._devices.send(self._releasing(button, count), timeout)
            if count < click_count:
                await self._devices.pause(delay)
            first = []

    def _clicking(self, button: str, click_count: int) -> list[Sent]:
        """Return the commands for a number of clicks in a row, sent together."""
        commands: list[Sent] = []
        for count in range(1, click_count + 1):
            commands += self._pressing(button, count)
            commands += self._releasing(button, count)
        return commands

    def _pressing(self, button: str, click_count: int) -> list[Sent]:
        """Return the commands that press a button, which is held from now on."""
        _check_button(button)
        self._button = button
        self._buttons.add(button)
        if self._dragged is not None:
            return []
        return [(_MOUSE, {**self._event("mousePressed", button), "clickCount": click_count})]

    def _releasing(self, button: str, click_count: int) -> list[Sent]:
        """Return the commands that release a button; what is being dragged is dropped."""
        _check_button(button)
        self._button = "none"
        self._buttons.discard(button)
        commands: list[Sent] = []
        if self._intercepting and button == "left":
            self._intercepting = False
            commands.append((_INTERCEPT, {"enabled": False}))
        if self._dragged is not None:
            dragged, self._dragged = self._dragged, None
            return [self._drag("drop", dragged), *commands]
        return [(_MOUSE, {**self._event("mouseReleased", button), "clickCount": click_count}), *commands]

    def _cancel_drag(self) -> Sent:
        """Return the commands that end a drag without a drop."""
        self._dragged = None
        return self._drag("dragCancel", _NOTHING_DRAGGED)

    def _moving(self) -> Sent:
        return _MOUSE, self._event("mouseMoved", self._button)

    def _event(self, kind: str, button: str) -> dict[str, Any]:
        return {
            "type": kind,
            "x": self._x,
            "y": self._y,
            "button": button,
            "buttons": sum(_BUTTONS[each] for each in self._buttons) if self._buttons else 0,
            "modifiers": self._devices.keyboard._mask,
            "force": 0.5 if self._buttons and kind != "mouseReleased" else 0,
        }

    def _drag(self, kind: str, data: dict[str, Any]) -> Sent:
        mask = self._devices.keyboard._mask
        return _DRAG, {"type": kind, "x": self._x, "y": self._y, "data": data, "modifiers": mask}


@failing_deferreds
class Touchscreen(NearNames):
    """The touchscreen of a page, if its context has one (``has_touch=True``); ``page.touchscreen``."""

    def __init__(self, devices: InputDevices) -> None:
        self._devices = devices

    @returns_deferred
    async def tap(self, x: float, y: float) -> None:
        """Touch a point and release it (``Input.dispatchTouchEvent``).

        :param x: the distance from the left, in CSS pixels of the viewport of the page's main frame.
        :param y: the distance from the top.
        :returns: fires with None once the page has handled it. Fails with :exc:`ValueError` if the page has no
            touchscreen, with :exc:`DialogOpen` while a dialog waits for the program's answer, and otherwise like
            ``Session.execute``.
        """
        self._check()
        await self._tap(x, y)

    def _check(self) -> None:
        """Refuse if the page has no touchscreen.

        :raises ValueError: if it has none.
        """
        if not self._devices.has_touch():
            raise ValueError("the page has no touchscreen: hasTouch must be enabled, with new_context(has_touch=True)")

    def _tap(self, x: float, y: float, timeout: Timeout = DEFAULT) -> Deferred[None]:
        mask = self._devices.keyboard._mask
        start = {"type": "touchStart", "modifiers": mask, "touchPoints": [{"x": x, "y": y}]}
        end = {"type": "touchEnd", "modifiers": mask, "touchPoints": []}
        return self._devices.send([(_TOUCH, start), (_TOUCH, end)], timeout)


async def _all_asked(sessions: Iterable[Session], timeout: Timeout) -> None:
    """Wait until all processes of a page have sent their pending events, or are gone."""
    await when_all(each._send_quietly(*_FENCE, timeout).addErrback(_was_gone) for each in sessions)


def _was_gone(failure: Failure) -> None:
    failure.trap(TxcdpError)


def _joined(commands: Iterable[Iterable[Sent]]) -> list[Sent]:
    return [command for each in commands for command in each]


def _check_button(button: str) -> None:
    check_choice("button", button, _BUTTONS)


def _raw(event: input_domain.DragIntercepted) -> dict[str, Any]:
    """Return drag data in its form on the wire."""
    data: dict[str, Any] = from_json(to_json(event.data))
    return data
