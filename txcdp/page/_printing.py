"""Prints a page as a PDF, as a whole or in chunks, and saves it as MHTML."""

from __future__ import annotations

import contextlib
import math
import os
import re
from collections.abc import AsyncGenerator, AsyncIterator, Mapping
from typing import Final, TypeAlias, TypedDict

from twisted.internet.defer import CancelledError, Deferred, DeferredLock

from txcdp._arguments import instead_of, unknown_name
from txcdp._core.sessions import Session
from txcdp._deferreds import ignore_failure, shielded, with_deadline
from txcdp.domains import io, page
from txcdp.errors import CommandTimeout
from txcdp.network._pieces import pieces_of
from txcdp.page import _commits as commits
from txcdp.page._capture import save

#: A length: a number of CSS pixels, or a number with its unit, such as ``"10cm"``.
Length: TypeAlias = float | str

#: Inches per unit.
_UNITS: Final = {"px": 1 / 96, "in": 1.0, "cm": 1 / 2.54, "mm": 1 / 25.4}

#: Paper formats, in inches.
FORMATS: Final[dict[str, tuple[float, float]]] = {
    "letter": (8.5, 11),
    "legal": (8.5, 14),
    "tabloid": (11, 17),
    "ledger": (17, 11),
    "a0": (33.1, 46.8),
    "a1": (23.4, 33.1),
    "a2": (16.54, 23.4),
    "a3": (11.7, 16.54),
    "a4": (8.27, 11.7),
    "a5": (5.83, 8.27),
    "a6": (4.13, 5.83),
}

#: The number of bytes requested at a time.
_CHUNK: Final = 65536


class Margin(TypedDict, total=False):
    """Margins of a PDF; one that is omitted, or None, is 0."""

    top: Length | None
    right: Length | None
    bottom: Length | None
    left: Length | None


class PdfOptions(TypedDict, total=False):
    """Options of ``Page.pdf``, which describes them."""

    format: str | None
    width: Length | None
    height: Length | None
    margin: Margin | None
    landscape: bool
    scale: float
    print_background: bool
    page_ranges: str
    display_header_footer: bool
    header_template: str
    footer_template: str
    prefer_css_page_size: bool
    outline: bool
    tagged: bool


def inches(name: str, length: Length) -> float:
    """Return a length in inches.

    :param name: the name of the argument, for errors.
    :raises TypeError: if it is neither a number nor text.
    :raises ValueError: if it is not a length, or negative.
    """
    if isinstance(length, bool) or not isinstance(length, int | float | str):
        raise TypeError(f'{name}={length!r}: expected a number of CSS pixels, or a str such as "10cm"')
    number, unit = -1.0, "px"
    if isinstance(length, str):
        found = re.fullmatch(r"\s*([0-9]*\.?[0-9]+)\s*([a-z]{2})?\s*", length.lower())
        if found is not None:
            number, unit = float(found[1]), found[2] or "px"
    else:
        number = length
    if unit not in _UNITS or not 0 <= number < math.inf:
        raise ValueError(f"{name}={length!r}: expected a number from 0, alone or with {', '.join(_UNITS)}")
    return number * _UNITS[unit]


def command(options: PdfOptions) -> page.print_to_pdf:
    """Return the command that prints with these options.

    :raises TypeError: if an option has a wrong type, or does not exist.
    :raises ValueError: if there is no such format or length.
    """
    for name in options.keys() - PdfOptions.__annotations__.keys():
        raise TypeError(unknown_name("pdf(): unknown option", name, PdfOptions.__annotations__))
    width, height = FORMATS["letter"]
    named = options.get("format")
    if named is not None:
        if named.lower() not in FORMATS:
            raise ValueError(f"format={named!r}: {instead_of(named, [each.capitalize() for each in FORMATS])}")
        width, height = FORMATS[named.lower()]
    else:
        given = options.get("width"), options.get("height")
        width = width if given[0] is None else inches("width", given[0])
        height = height if given[1] is None else inches("height", given[1])
    margin: Mapping[str, object] = options.get("margin") or {}
    if not isinstance(margin, Mapping):
        raise TypeError(f"margin={margin!r}: expected a mapping, such as {{'top': '1cm'}}")
    unknown = set(margin) - {"top", "right", "bottom", "left"}
    if unknown:
        raise ValueError(f"margin={margin!r}: its keys are top, right, bottom and left")
    sides = {
        each: inches(f"margin[{each!r}]", length)  # type: ignore[arg-type]
        for each, length in margin.items()
        if length is not None
    }
    return page.print_to_pdf(
        landscape=options.get("landscape", False),
        display_header_footer=options.get("display_header_footer", False),
        print_background=options.get("print_background", False),
        scale=options.get("scale", 1.0),
        paper_width=width,
        paper_height=height,
        margin_top=sides.get("top", 0.0),
        margin_bottom=sides.get("bottom", 0.0),
        margin_left=sides.get("left", 0.0),
        margin_right=sides.get("right", 0.0),
        page_ranges=options.get("page_ranges") or None,
        header_template=options.get("header_template") or None,
        footer_template=options.get("footer_template") or None,
        prefer_css_page_size=options.get("prefer_css_page_size", False),
        generate_tagged_pdf=options.get("tagged", False),
        generate_document_outline=options.get("outline", False),
        transfer_mode="ReturnAsStream",
    )


class Printer:
    """Prints a page, one PDF at a time: if Chromium makes several at once, it loses some.

    :param session: the page's session.
    """

    def __init__(self, session: Session) -> None:
        self._session = session
        self._lock = DeferredLock()

    async def chunks(self, printing: page.print_to_pdf, seconds: float | None) -> AsyncGenerator[bytes, None]:
        """Print, and read the PDF; the browser's copy is released in any case.

        :param seconds: the timeout of printing, including the wait for its turn; None: none.
        """
        session = self._session
        begun = False

        async def in_turn() -> page.PrintToPDFResult:
            nonlocal begun
            await self._lock.acquire()
            try:
                begun = True
                return await commits.execute(session, printing, None)
            finally:
                self._lock.release()

        def late() -> CommandTimeout:
            obstacle = session.blocked_by or ("" if begun else "another PDF of the page is being printed")
            return CommandTimeout(type(printing).method, seconds or 0, obstacle)

        def close(result: page.PrintToPDFResult) -> None:
            if result.stream is not None:
                session.execute(io.close(handle=result.stream)).addErrback(ignore_failure)

        printed = with_deadline(session.context.clock, Deferred.fromCoroutine(in_turn()), seconds, late)
        try:
            result = await shielded(printed)
        except CancelledError:
            printed.addCallbacks(close, ignore_failure)
            if not begun:
                printed.cancel()
            raise
        if result.stream is None:
            yield result.data
            return
        async with contextlib.aclosing(pieces_of(session, result.stream, _CHUNK)) as pieces:
            async for piece in pieces:
                yield piece


async def whole(pieces: AsyncIterator[bytes], path: str | os.PathLike[str] | None) -> bytes:
    """Return a PDF, and write it to a file if a path is given."""
    data = b"".join([piece async for piece in pieces])
    if path is not None:
        save(data, path)
    return data


async def snapshot(session: Session, path: str | os.PathLike[str] | None, seconds: float | None) -> str:
    """Return a page as MHTML, and write it to a file if a path is given."""
    text = (await commits.execute(session, page.capture_snapshot(format="mhtml"), seconds)).data
    if path is not None:
        save(text.encode("utf-8"), path)
    return text
