"""Argument types: they convert what is typed, or raise an error that says what is valid."""

from __future__ import annotations

import argparse
import math
import re
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from txcdp.cli._selection import Selection
from txcdp._arguments import did_you_mean

#: How the name of a picture's file ends.
PICTURES = (".png", ".jpg", ".jpeg", ".webp")
#: Paper formats, by the names that ``Page.pdf`` has for them.
PAPERS = ("Letter", "Legal", "Tabloid", "Ledger", "A0", "A1", "A2", "A3", "A4", "A5", "A6")

_NO_TIME = "{!r} is not a number of seconds or a time such as 2027-01-31T12:00Z"


def time(text: str) -> float:
    """Convert seconds from the beginning, or a time, which is returned in seconds since 1970."""
    try:
        number = float(text)
    except ValueError:
        return _since_1970(text)
    if not math.isfinite(number):
        raise argparse.ArgumentTypeError(_NO_TIME.format(text))
    return number


def url(text: str) -> str:
    """Read the URL of a page, as a browser guesses it."""
    from txcdp.cli._urls import NotAPage, page_url

    try:
        return page_url(text)
    except NotAPage as error:
        raise argparse.ArgumentTypeError(str(error)) from None


def selection(text: str) -> Selection:
    """Read names of domains and events."""
    from txcdp.cli._selection import UnknownEvent, parse

    try:
        return parse(text)
    except UnknownEvent as error:
        raise argparse.ArgumentTypeError(str(error)) from None


def until(text: str) -> str | float:
    """Read when watching ends."""
    if text in ("load", "idle", "forever"):
        return text
    try:
        return seconds(text)
    except argparse.ArgumentTypeError:
        raise argparse.ArgumentTypeError(f"{text!r} is not one of load, idle, forever or a number of seconds") from None


def seconds(text: str) -> float:
    """Convert a positive number of seconds."""
    try:
        number = float(text)
    except ValueError:
        number = -1
    if not 0 < number < 1e9:
        raise argparse.ArgumentTypeError(f"{text!r} is not a number of seconds")
    return number


def file(text: str) -> Path:
    """Convert the path of a file that can be created."""
    path = Path(text)
    try:
        creatable = not path.is_dir() and path.absolute().parent.is_dir()
    except FileNotFoundError:  # the working directory has been removed
        creatable = False
    if not creatable:
        raise argparse.ArgumentTypeError(f"{text}: the directory does not exist")
    return path


def picture(text: str) -> Path:
    """Read the path of a file for a picture."""
    if Path(text).suffix.lower() not in PICTURES:
        raise argparse.ArgumentTypeError(f"{text}: a picture's name must end with one of {', '.join(PICTURES)}")
    return file(text)


def output(text: str) -> Path | None:
    """Convert the path of a file that can be created, or ``-``, which is standard output: None."""
    return None if text == "-" else file(text)


def viewport_size(text: str) -> dict[str, int]:
    """Read a size in CSS pixels: ``1280x720``, or ``1280,720`` as Playwright has it."""
    found = re.fullmatch(r"\s*(\d{1,5})\s*[x,]\s*(\d{1,5})\s*", text)
    if found is None or not (int(found[1]) and int(found[2])):
        raise argparse.ArgumentTypeError(f"{text!r} is not a size in CSS pixels such as 1280x720")
    return {"width": int(found[1]), "height": int(found[2])}


def clip(text: str) -> dict[str, float]:
    """Convert a part of a screenshot, in CSS pixels: ``X,Y,WIDTH,HEIGHT``."""
    numbers = _numbers(text)
    if len(numbers) != 4 or numbers[2] <= 0 or numbers[3] <= 0:
        raise argparse.ArgumentTypeError(f"{text!r} is not X,Y,WIDTH,HEIGHT in CSS pixels, such as 0,0,600,400")
    return dict(zip(("x", "y", "width", "height"), numbers, strict=True))


def geolocation(text: str) -> dict[str, float]:
    """Read a place in degrees: ``LATITUDE,LONGITUDE``."""
    numbers = _numbers(text)
    if len(numbers) != 2 or abs(numbers[0]) > 90 or abs(numbers[1]) > 180:
        raise argparse.ArgumentTypeError(f"{text!r} is not LATITUDE,LONGITUDE in degrees, such as 53.54,9.99")
    return {"latitude": numbers[0], "longitude": numbers[1]}


def header(text: str) -> tuple[str, str]:
    """Read a header of HTTP: ``NAME: VALUE``."""
    name, colon, value = text.partition(":")
    if not colon or re.fullmatch(r"[!#$%&'*+.^_`|~0-9A-Za-z-]+", name.strip()) is None:
        raise argparse.ArgumentTypeError(f"{text!r} is not a header such as 'Accept-Language: de'")
    return name.strip(), value.strip()


def length(text: str) -> str:
    """Convert a length on paper: a number with px (CSS pixels), in, cm or mm; the default unit is px."""
    if re.fullmatch(r"\s*(\d*\.?\d+)\s*(px|in|cm|mm)?\s*", text.lower()) is None:
        raise argparse.ArgumentTypeError(f"{text!r} is not a length such as 96px, 1in, 2.54cm or 25.4mm")
    return text


def margins(text: str) -> dict[str, str]:
    """Read one to four lengths, in the order of CSS: all; vertical, horizontal; top, right, bottom, left."""
    given = [length(each) for each in re.split(r"[\s,]+", text.strip())]
    if len(given) > 4:
        raise argparse.ArgumentTypeError(f"{text!r}: expected 1 to 4 lengths: top, right, bottom and left")
    top = given[0]
    right = given[1] if len(given) > 1 else top
    bottom = given[2] if len(given) > 2 else top
    left = given[3] if len(given) > 3 else right
    return {"top": top, "right": right, "bottom": bottom, "left": left}


def quality(text: str) -> int:
    """Read the quality of a JPEG or WebP, 0 to 100."""
    if not text.isdecimal() or int(text) > 100:
        raise argparse.ArgumentTypeError(f"{text!r} is not a quality from 0 to 100")
    return int(text)


def scale(text: str) -> float:
    """Read the scale of a PDF, 0.1 to 2."""
    numbers = _numbers(text)
    if len(numbers) != 1 or not 0.1 <= numbers[0] <= 2:
        raise argparse.ArgumentTypeError(f"{text!r} is not a scale from 0.1 to 2")
    return numbers[0]


def paper(text: str) -> str:
    """Read the name of a paper format, in any case."""
    for each in PAPERS:
        if each.lower() == text.lower():
            return each
    raise argparse.ArgumentTypeError(f"{text!r} is not one of {', '.join(PAPERS)}")


def device(text: str) -> str:
    """Read the name of a device that pages can be shown as on; in any case."""
    from txcdp._devices import devices

    for each in devices:
        if each.lower() == text.lower():
            return each
    raise argparse.ArgumentTypeError(
        f"unknown device {text!r}; {did_you_mean(text, devices, 3) or 'see txcdp.devices'}"
    )


def _since_1970(text: str) -> float:
    from datetime import UTC, datetime

    try:
        when = datetime.fromisoformat(text)
    except ValueError:
        raise argparse.ArgumentTypeError(_NO_TIME.format(text)) from None
    return (when if when.tzinfo is not None else when.replace(tzinfo=UTC)).timestamp()


def _numbers(text: str) -> list[float]:
    try:
        numbers = [float(each) for each in text.split(",")]
    except ValueError:
        return []
    return numbers if all(map(math.isfinite, numbers)) else []
