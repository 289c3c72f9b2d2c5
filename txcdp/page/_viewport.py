"""The viewport size: the size of the visible part of a document, which is independent of the window's."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final, TypedDict

from txcdp.domains import emulation


class ViewportSize(TypedDict):
    """The size of a viewport, in CSS pixels."""

    width: int
    height: int


#: The default viewport.
DEFAULT_VIEWPORT: Final = ViewportSize(width=1280, height=720)

_UPRIGHT: Final = emulation.ScreenOrientation(type="portraitPrimary", angle=0)
_LYING: Final = emulation.ScreenOrientation(type="landscapePrimary", angle=90)

#: Chromium's maximum.
_LARGEST: Final = 10_000_000


def checked(viewport: object, name: str = "viewport") -> ViewportSize:
    """Return the given size, checked.

    :param name: the argument's name.
    :raises TypeError: if it is not a size.
    :raises ValueError: if it is invalid.
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
    """Return the size that two arguments determine.

    :param otherwise: the default.
    :returns: the size; None for that of the window.
    :raises TypeError: if it is not a size.
    :raises ValueError: if it is invalid, or both were given.
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
    """Return the command that sets a page's viewport size.

    :param screen: the screen's size; None: as large as the viewport.
    :param device_scale_factor: device pixels per CSS pixel; None: one.
    :param is_mobile: whether to apply the ``meta viewport`` tag, and other behaviour of mobile devices.
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
