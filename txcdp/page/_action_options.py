"""The options that actions on elements have in common."""

from __future__ import annotations

import os
from collections.abc import Sequence
from typing import Literal, TypeAlias, TypedDict

from txcdp._timeouts import Timeout
from txcdp.page._input import KeyboardModifier, MouseButton

#: Whether an element is scrolled into view.
Scroll = Literal["auto", "none"]


class FilePayload(TypedDict):
    """A file with its content, which need not exist on disk."""

    name: str
    mimeType: str
    buffer: bytes


#: Files for an input: local paths, or their contents; one, or any number.
Files: TypeAlias = str | os.PathLike[str] | FilePayload | Sequence[str | os.PathLike[str] | FilePayload]


class Position(TypedDict):
    """A point of an element, in CSS pixels from the top left corner of its padding box."""

    x: float
    y: float


class WaitOptions(TypedDict, total=False):
    """Options of methods that wait for an element; see :meth:`Locator.click`."""

    timeout: Timeout
    no_wait_after: bool


class KeyOptions(WaitOptions, total=False):
    """Options of methods that type; see :meth:`Locator.press`."""

    delay: float


class FormOptions(WaitOptions, total=False):
    """Options of methods that change a field; see :meth:`Locator.fill`."""

    force: bool


class CheckOptions(FormOptions, total=False):
    """Options of methods that check a checkbox; see :meth:`Locator.check`."""

    position: Position | None
    trial: bool
    scroll: Scroll


class HoverOptions(CheckOptions, total=False):
    """Options of methods that use a pointer; see :meth:`Locator.hover`."""

    modifiers: Sequence[KeyboardModifier] | None


class DoubleClickOptions(HoverOptions, total=False):
    """Options of a double click; see :meth:`Locator.dblclick`."""

    button: MouseButton
    delay: float
    steps: int


class ClickOptions(DoubleClickOptions, total=False):
    """Options of a click; see :meth:`Locator.click`."""

    click_count: int


class DragOptions(FormOptions, total=False):
    """Options of dragging; see :meth:`Locator.drag_to`."""

    trial: bool
    source_position: Position | None
    target_position: Position | None
    steps: int
    scroll: Scroll
