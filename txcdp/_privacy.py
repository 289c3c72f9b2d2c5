"""What may be shown to people and written to logs: text that cannot forge a line, and URLs without their secrets."""

from __future__ import annotations

import csv
import io
import json
import re
import unicodedata
from collections.abc import Iterable

#: Format characters that belong to words and to emoji, and do nothing else.
KEPT = "\u200c\u200d"

#: What of JSON needs no look.
_PLAIN = re.compile(rb"[\n -~]*")

_SHORT = {"\n": "\\n", "\r": "\\r", "\t": "\\t"}

#: What JSON has between tokens, and never raw within a string.
_BETWEEN = {"\n": "\n", "\r": " ", "\t": " "}

_INDENT = "    "

#: Characters of a text from outside that an exception shows.
_MOST = 2000

#: Characters of a URL that are shown.
_MOST_OF_URL = 200

#: What cannot hide anything: a scheme that is followed by a place, and not by the content itself.
_PLACE = re.compile(r"[A-Za-z][A-Za-z0-9+.-]*://|about:|chrome:|[\w.-]*:?\d*(/|$)")
_AUTHORITY = re.compile(r"[^/]*//([^/?#]*)")
_USER = re.compile(r"^([A-Za-z][A-Za-z0-9+.-]*:)?//[^/]*@")

#: How a cell begins that a spreadsheet takes for a formula, and which of these are numbers all the same.
_FORMULA = re.compile("[=+\\-@\\t\\r\\n\uff1d\uff0b\uff0d\uff20]")
#: Where a cell begins to a spreadsheet that separates them by semicolons or tabs, to which quotes are but text then.
_WITHIN = re.compile('([;\\t\\r\\n]"*)(?=[=+\\-@\uff1d\uff0b\uff0d\uff20])')
_NUMBER = re.compile(r"[+-]?\d+([.,]\d+)*")


def spreadsheet_cell(text: str) -> str:
    """Return text as a cell that no spreadsheet runs: what begins like a formula gets an apostrophe in front."""
    if _NUMBER.fullmatch(text):
        return text
    text = _WITHIN.sub(r"\1'", text)
    return f"'{text}" if _FORMULA.match(text) else text


def spreadsheet_row(cells: Iterable[object], end: str = "\r\n") -> str:
    """Return a row of CSV: no text of it is run by a spreadsheet, also by one that separates cells by semicolons.

    Numbers stay numbers; None is an empty cell.
    """
    safe = ["" if each is None else spreadsheet_cell(each) if isinstance(each, str) else each for each in cells]
    out = io.StringIO()
    csv.writer(out, lineterminator=end).writerow(safe)
    return out.getvalue()


def printable(text: object) -> str:
    """Return text in which everything that a terminal would obey, or hide, is written as an escape.

    These are control characters, line separators, marks that reverse the direction of writing, lone
    surrogates and characters that do not exist: a page cannot forge a line, nor colour one.
    """
    string = str(text)
    if string.isprintable():
        return string
    return "".join(each if _is_shown(each) else _escaped(each) for each in string)


def printable_json(text: bytes) -> bytes:
    """Return JSON that means the same, and in which everything that :func:`printable` escapes is an escape of JSON.

    Between tokens line feeds stay, and other white space becomes spaces.
    """
    if _PLAIN.fullmatch(text):
        return text
    try:
        string = text.decode("utf-8", "surrogatepass")
    except UnicodeDecodeError:
        string = text.decode("utf-8", "replace")
    return "".join(each if _is_shown(each) else _escaped_in_json(each) for each in string).encode()


def _is_shown(character: str) -> bool:
    return character.isprintable() or character in KEPT or unicodedata.category(character) == "Zs"


def shortened(text: object) -> str:
    """Return :func:`printable` text of a bearable length."""
    string = str(text)
    return printable(string if len(string) <= _MOST else string[:_MOST] + "...")


def indented(text: object) -> str:
    """Return text of several lines, such as a stack: each :func:`printable`, and all but the first indented.

    So no line of it passes for the beginning of another entry of a log.
    """
    string = str(text)
    first, *rest = (string if len(string) <= _MOST * 4 else string[: _MOST * 4] + "...").expandtabs(4).split("\n")
    return "\n".join([printable(first), *(printable(each if each[:4] == _INDENT else _INDENT + each) for each in rest)])


def shown_url(url: object) -> str:
    """Return a URL as it may be shown: without user, password, query and fragment, which may be secrets.

    Of ``data:`` and other URLs that are content themselves only the beginning is shown.
    """
    text = str(url)
    if not _PLACE.match(text):
        head, colon, rest = text.partition(":")
        if colon and rest:
            return printable(f"{head[:20]}:{'...' if rest else ''}")
    if _is_broken(text):
        return printable(f"{text.partition('//')[0]}//...")
    place, mark, _ = text.partition("#")
    place, query, _ = place.partition("?")
    place = _USER.sub(lambda found: f"{found[1] or ''}//...@", place)
    if len(place) > _MOST_OF_URL:
        return printable(place[:_MOST_OF_URL]) + "..."
    return printable(place) + (f"{query}..." if query else f"{mark}..." if mark else "")


def _is_broken(text: str) -> bool:
    """Whether a password may have been written so that it does not end where the host begins: unquoted."""
    found = _AUTHORITY.match(text)
    if found is None:
        return False
    _, user, host = found[1].rpartition("@")
    if user and (not host or "@" in text[found.end() :]):
        return True
    port = (host.partition("]")[2] if host.startswith("[") else host).partition(":")[2]
    return bool(port) and not port.isdigit()


def _escaped_in_json(character: str) -> str:
    return _BETWEEN.get(character) or json.dumps(character)[1:-1]


def _escaped(character: str) -> str:
    number = ord(character)
    return _SHORT.get(character) or (f"\\x{number:02x}" if number < 0x100 else f"\\u{number:04x}")
