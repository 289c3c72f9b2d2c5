"""A line of a page's console as it is displayed, limited in length."""

from __future__ import annotations

from typing import NamedTuple

from txcdp._privacy import printable, shown_url
from txcdp.model import ConsoleEntry

#: The maximum number of characters in a line, and of arguments that are written out in it.
_TEXT = 500
_ARGUMENTS = 20


class ConsoleLine(NamedTuple):
    """A line of the console.

    :ivar level: ``error``, ``warning``, ``info`` or ``debug``.
    :ivar text: its text.
    :ivar where: the URL of the script and the line number, if known.
    """

    level: str
    text: str
    where: str


def line_of(entry: ConsoleEntry) -> ConsoleLine:
    """Return a console entry as a line; of an exception only the first line, without its stack."""
    entry.args = entry.args[:_ARGUMENTS]
    text = entry.text
    if entry.source == "exception":
        text = text.partition("\n")[0]
    return ConsoleLine(entry.level, printable(text if len(text) <= _TEXT else text[:_TEXT] + "..."), _where(entry))


def _where(entry: ConsoleEntry) -> str:
    if not entry.url:
        return ""
    return shown_url(entry.url) + (f":{entry.line_number + 1}" if isinstance(entry.line_number, int) else "")
