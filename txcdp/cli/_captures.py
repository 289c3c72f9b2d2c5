"""``txcdp screenshot`` and ``txcdp pdf``: a page as an image, and as a PDF."""

from __future__ import annotations

import sys
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Literal

from txcdp._reactor import AnyReactor
from txcdp.cli._destination import Destination
from txcdp.cli._opened_page import PageOptions, with_page
from txcdp.cli._output import Output
from txcdp.cli._progress import Progress
from txcdp.cli._running import Misuse
from txcdp.cli._text import clean, size
from txcdp.page import Page, PdfOptions
from txcdp.streams import queue

#: The image format by the file's suffix.
_KINDS = {".png": "png", ".jpg": "jpeg", ".jpeg": "jpeg", ".webp": "webp"}
#: Chunks of a PDF that are read ahead of writing.
_AHEAD = 4


@dataclass(frozen=True)
class ScreenshotOptions:
    """Arguments of ``txcdp screenshot``; see its ``--help``."""

    page: PageOptions
    path: Path | None
    type: Literal["png", "jpeg", "webp"] | None = None
    selector: str | None = None
    full_page: bool = False
    clip: Any = None
    how: dict[str, Any] = field(default_factory=dict)


@dataclass(frozen=True)
class PrintOptions:
    """Arguments of ``txcdp pdf``; see its ``--help``."""

    page: PageOptions
    path: Path | None
    how: PdfOptions = field(default_factory=PdfOptions)


async def screenshot(reactor: AnyReactor, options: ScreenshotOptions, output: Output) -> int:
    """Take a picture of the page.

    :returns: the exit code.
    """
    kind = _kind(options)
    _refuse_both("--selector", options.selector, "--full-page", options.full_page)
    _refuse_both("--selector", options.selector, "--clip", options.clip)
    if kind == "png" and options.how.get("quality") is not None:
        raise Misuse("--quality is for JPEG and WebP; PNG has no quality")
    destination = Destination(options.path, output)

    async def take(page: Page) -> None:
        progress.say("taking the picture")
        if options.selector is not None:
            data = await page.locator(options.selector).first.screenshot(type=kind, **options.how)
        else:
            data = await page.screenshot(type=kind, full_page=options.full_page, clip=options.clip, **options.how)
        with destination.whole():
            destination.write(data)

    with Progress(reactor, sys.stderr) as progress:
        _, code = await with_page(reactor, options.page, progress, take)
    _tell(destination, output)
    return code


async def pdf(reactor: AnyReactor, options: PrintOptions, output: Output) -> int:
    """Print the page; the PDF is written as it arrives, so that it may be of any size.

    :returns: the exit code.
    """
    how = options.how
    _refuse_both("--format", how.get("format"), "--width or --height", how.get("width") or how.get("height"))
    destination = Destination(options.path, output)

    async def print_it(page: Page) -> None:
        progress.say(lambda: "printing" + (f": {size(destination.written)}" if destination.written else ""))
        with destination.whole():
            async with queue(page.pdf_chunks(**how), maxsize=_AHEAD) as pieces:
                async for piece in pieces:
                    destination.write(piece)

    with Progress(reactor, sys.stderr) as progress:
        _, code = await with_page(reactor, options.page, progress, print_it)
    _tell(destination, output)
    return code


def _tell(destination: Destination, output: Output) -> None:
    if destination.path is not None:
        output.print(f"{clean(destination.path)}: {size(destination.written)}")


def _kind(options: ScreenshotOptions) -> Any:
    """Return the image format: the requested one, otherwise that of the file's suffix."""
    named = None if options.path is None else _KINDS.get(options.path.suffix.lower())
    if options.path is None:
        return options.type or "png"
    if options.type is None and named is None:
        known = ", ".join(_KINDS)
        raise Misuse(f"{options.path}: a picture's name must end with one of {known}; or use --type")
    if options.type is not None and named is not None and options.type != named:
        raise Misuse(f"{options.path}: its suffix does not match --type {options.type}")
    return options.type or named


def _refuse_both(name: str, value: object, other: str, other_value: object) -> None:
    if value and other_value:
        raise Misuse(f"{name} and {other} exclude each other")
