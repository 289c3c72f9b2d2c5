"""Pictures of a page."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Final, Literal, get_args

from txcdp._core.sessions import Session
from txcdp.domains import page
from txcdp.page import _commits as commits

ImageFormat = Literal["png", "jpeg", "webp"]

#: What a file is, by its suffix.
SUFFIXES: Final[dict[str, ImageFormat]] = {".png": "png", ".jpg": "jpeg", ".jpeg": "jpeg", ".webp": "webp"}


def image_format(path: str | os.PathLike[str] | None, type_: str | None = None) -> ImageFormat:
    """Return what a picture is to be.

    :param path: where it is written to, if anywhere.
    :param type_: what was asked for, if anything.
    :raises ValueError: there is no such type, or the path's suffix says something else, or neither says anything.
    """
    known = next((each for each in get_args(ImageFormat) if each == type_), None)
    if type_ is not None and known is None:
        raise ValueError(f"type={type_!r}: use {', '.join(map(repr, get_args(ImageFormat)))}")
    if path is None:
        return known or "png"
    suffix = Path(path).suffix
    by_suffix = SUFFIXES.get(suffix.lower())
    if by_suffix is None and known is None:
        what = f"the suffix {suffix!r} is none of a picture" if suffix else "it has no suffix"
        raise ValueError(f"{os.fspath(path)}: {what}; use one of {', '.join(SUFFIXES)}, or give type=")
    if None not in (known, by_suffix) and known != by_suffix:
        raise ValueError(f"{os.fspath(path)}: its suffix says {by_suffix!r}, but type= says {known!r}; leave one out")
    return known or by_suffix or "png"


async def screenshot(
    session: Session,
    type_: ImageFormat,
    timeout: float | None,
    *,
    full_page: bool = False,
    quality: int | None = None,
    clip: page.Viewport | None = None,
) -> bytes:
    """Take a picture of a session's page; see ``Page.screenshot``.

    :param timeout: seconds; None: no deadline.
    """
    if full_page:
        if clip is not None:
            raise ValueError("full_page=True or clip=, not both")
        size = (await session.execute(page.get_layout_metrics())).css_content_size
        clip = page.Viewport(x=0, y=0, width=size.width, height=size.height, scale=1)
    command = page.capture_screenshot(
        format=type_,
        quality=quality,
        clip=clip,
        capture_beyond_viewport=True if clip is not None else None,
    )
    return (await commits.execute(session, command, timeout)).data


def save(data: bytes, path: str | os.PathLike[str]) -> None:
    """Write a picture to a file, in the reactor's thread: it is small, and the next line may open it."""
    Path(path).write_bytes(data)
