"""Pictures of a page."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Literal

from txcdp._core.sessions import Session
from txcdp.domains import page

ImageFormat = Literal["png", "jpeg", "webp"]


async def screenshot(
    session: Session,
    *,
    format: ImageFormat = "png",  # noqa: A002  (the protocol's name)
    full_page: bool = False,
    quality: int | None = None,
    clip: page.Viewport | None = None,
) -> bytes:
    """Take a picture of a session's page; see ``Page.screenshot``."""
    if full_page:
        if clip is not None:
            raise ValueError("full_page=True or clip=, not both")
        size = (await session.execute(page.get_layout_metrics())).css_content_size
        clip = page.Viewport(x=0, y=0, width=size.width, height=size.height, scale=1)
    result = await session.execute(
        page.capture_screenshot(
            format=format,
            quality=quality,
            clip=clip,
            capture_beyond_viewport=True if clip is not None else None,
        )
    )
    return result.data


def save(data: bytes, path: str | os.PathLike[str]) -> None:
    """Write a picture to a file, in the reactor's thread: it is small, and the next line may open it."""
    Path(path).write_bytes(data)
