"""The size of the part of a document that is seen, which is the page's own affair and not its window's."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final, TypedDict

from txcdp.domains import emulation


class ViewportSize(TypedDict):
    """The size of a viewport, in CSS pixels."""

    width: int
    height: int


#: What a page has that nobody says anything else of.
DEFAULT_VIEWPORT: Final = ViewportSize(width=1280, height=720)

_UPRIGHT: Final = emulation.ScreenOrientation(type="portraitPrimary", angle=0)
_LYING: Final = emulation.ScreenOrientation(type="landscapePrimary", angle=90)

#: Chromium takes no more.
_LARGEST: Final = 10_000_000


def checked(viewport: object, name: str = "viewport") -> ViewportSize:
    """Return a size that was given.

    :param name: the argument's.
    :raises TypeError: it is none.
    :raises ValueError: there is no such size.
    """
    if not isinstance(viewport, Mapping) or viewport.keys() != {"width", "height"}:
        raise TypeError(f"{name}={viewport!r}: expected {{'width': 1280, 'height': 720}}")
    for side, pixels in viewport.items():
        if not isinstance(pixels, int) or isinstance(pixels, bool):
            raise TypeError(f"{name}={viewport!r}: {side} must be a whole number of CSS pixels")
        if not 0 < pixels <= _LARGEST:
            raise ValueError(f"{name}={viewport!r}: {side} must be from 1 to {_LARGEST:,}")
    return ViewportSize(width=viewport["width"], height=viewport["height"])


def chosen(viewport: ViewportSize | None, no_viewport: bool, otherwise: ViewportSize | None) -> ViewportSize | None:
    """Return what two arguments choose.

    :param otherwise: what holds where they say nothing.
    :returns: the size; None for that of the window.
    :raises TypeError: the size is none.
    :raises ValueError: there is no such size, or both were given.
    """
    if viewport is None:
        return None if no_viewport else otherwise
    if no_viewport:
        raise ValueError("viewport= or no_viewport=True, not both")
    return checked(viewport)


def override(
    size: ViewportSize,
    screen: ViewportSize | None = None,
    device_scale_factor: float | None = None,
    is_mobile: bool = False,
) -> emulation.set_device_metrics_override:
    """Return the command that gives a page this size.

    :param screen: the screen's size; None: as large as the viewport.
    :param device_scale_factor: how many of the device's pixels a CSS pixel is wide; None: one.
    :param is_mobile: whether the ``meta viewport`` tag counts, and what else mobile devices do otherwise.
    """
    width, height = size["width"], size["height"]
    on = screen or size
    orientation = None
    if is_mobile:
        orientation = _UPRIGHT if on["height"] >= on["width"] else _LYING
    return emulation.set_device_metrics_override(
        width=width,
        height=height,
        device_scale_factor=device_scale_factor or 1,
        mobile=is_mobile,
        screen_width=on["width"],
        screen_height=on["height"],
        screen_orientation=orientation,
    )
