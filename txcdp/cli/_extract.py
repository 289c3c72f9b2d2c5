"""``txcdp extract``: data from a page, as JSON, lines or CSV."""

from __future__ import annotations

import json
import re
import sys
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from itertools import zip_longest
from pathlib import Path
from typing import Any, Final, Literal

from txcdp._privacy import spreadsheet_row
from txcdp._reactor import AnyReactor
from txcdp.cli._destination import Destination
from txcdp.cli._opened_page import PageOptions, with_page
from txcdp.cli._output import Output, complain
from txcdp.cli._progress import Progress
from txcdp.cli._running import BAD, Misuse
from txcdp.cli._text import clean, clean_json, size
from txcdp.page import Page

#: A name for what a selector finds; ``:=`` occurs in CSS only within strings.
_NAMED: Final = re.compile(r"([\w .-]+):=(.*)", re.DOTALL)

Cell = str | None


@dataclass(frozen=True)
class ExtractOptions:
    """Arguments of ``txcdp extract``; see its ``--help``."""

    page: PageOptions
    selectors: Sequence[str]
    each: str | None = None
    format: Literal["json", "lines", "csv"] = "json"
    path: Path | None = None


async def extract(reactor: AnyReactor, options: ExtractOptions, output: Output) -> int:
    """Print what the selectors find in the page.

    :returns: the exit code: 0, or 1 if the page was not loaded, or a selector has found nothing.
    """
    columns = named(options.selectors)
    # By numbers: names are the user's, and a shape has a name of its own for the element of each row.
    keys = {str(number): selector for number, selector in enumerate(columns.values())}
    destination = Destination(options.path, output)

    async def read(page: Page) -> list[list[Cell]]:
        """Return the columns, or with ``--each`` the rows."""
        progress.say("reading")
        if options.each is None:
            found = await page.extract({key: [selector] for key, selector in keys.items()})
            return [found[key] for key in keys]
        rows = (await page.extract({"rows": {"each": options.each, **keys}}))["rows"]
        return [[row[key] for key in keys] for row in rows]

    with Progress(reactor, sys.stderr) as progress:
        found, code = await with_page(reactor, options.page, progress, read)
    names = list(columns)
    plain = options.path is None and bool(sys.stdout is not None and sys.stdout.isatty())
    if options.format == "json":
        text = as_json(as_objects(names, found, options.each is not None))
    elif options.format == "lines":
        text = as_lines(found, options.each is not None)
    else:
        text = as_csv(names, found if options.each is not None else list(zip_longest(*found)), plain)
    with destination.whole():
        destination.write(text.encode("utf-8", "backslashreplace"))
    if options.path is not None:
        output.print(f"{clean(options.path)}: {size(destination.written)}")
    return _judge(options, columns, found) or code


def named(selectors: Sequence[str]) -> dict[str, str]:
    """Return selectors by name: the given names, or the selectors themselves.

    :raises Misuse: if two have the same name.
    """
    columns: dict[str, str] = {}
    for each in selectors:
        found = _NAMED.fullmatch(each)
        name, selector = (found[1].strip(), found[2]) if found is not None else (each, each)
        if name in columns:
            raise Misuse(f"two selectors are named {name!r}; rename one with NAME:=SELECTOR")
        columns[name] = selector
    return columns


def as_objects(names: Sequence[str], found: Sequence[Sequence[Cell]], rows: bool) -> Any:
    """Return a list of rows as objects; columns as one object with a list each."""
    if rows:
        return [dict(zip(names, row, strict=True)) for row in found]
    return dict(zip(names, found, strict=True))


def as_json(value: Any) -> str:
    """Write JSON for people and programs: characters that a terminal would interpret or hide are escaped."""
    text = json.dumps(value, ensure_ascii=False, indent=2) + "\n"
    return clean_json(text.encode("utf-8", "surrogatepass")).decode()


def as_lines(found: Sequence[Sequence[Cell]], rows: bool) -> str:
    """Write one text per line, or the texts of a row separated by tabs; control characters are escaped."""
    if rows:
        lines = ["\t".join(clean(each or "") for each in row) for row in found]
    else:
        lines = [clean(each) for column in found for each in column if each is not None]
    return "".join(f"{each}\n" for each in lines)


def as_csv(names: Sequence[str], rows: Iterable[Sequence[Cell]], plain: bool = False) -> str:
    """Write rows as CSV, with the names first.

    A cell that a spreadsheet would interpret as a formula, unless it is a number, is prefixed with an apostrophe.

    :param plain: whether to escape control characters, for a terminal.
    """
    return "".join(
        spreadsheet_row([clean(each or "") if plain else each or "" for each in row], end="\n")
        for row in (names, *rows)
    )


def _judge(options: ExtractOptions, columns: dict[str, str], found: Sequence[Sequence[Cell]]) -> int:
    """Report selectors that have found nothing; the exit code is 1 then."""
    if options.each is not None and not found:
        missing = [options.each]
    else:
        by_column = found if options.each is None else list(zip(*found, strict=True))
        missing = [
            selector
            for selector, column in zip(columns.values(), by_column, strict=True)
            if all(each is None for each in column)
        ]
    if not missing:
        return 0
    shown = ", ".join(clean(each) for each in missing)
    complain(f"nothing was found for {shown}; --wait-for-selector waits for late elements")
    return BAD
