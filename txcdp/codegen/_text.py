"""The protocol's prose as docstrings and comments: wrapped, and readable to Sphinx."""

from __future__ import annotations

import re
import textwrap
from collections.abc import Iterable

#: The longest line that is generated.
WIDTH = 120

_BULLET = re.compile(r"([-*]|\d+[.)])\s+")
_TYPOGRAPHY = str.maketrans(
    {
        "\u2019": "'",
        "\u2018": "'",
        "\u201c": '"',
        "\u201d": '"',
        "\u2013": "-",
        "\u2014": "-",
        "\u2026": "...",
        "\u00a0": " ",
    }
)
#: What reStructuredText would take for markup: asterisks, bars, a word's trailing underscore, backslashes.
_MARKUP = re.compile(r"\S*[*|\\]\S*|(?<!\w)\w+_(?!\w)")


def blocks(text: str) -> list[str]:
    """Cut prose into paragraphs and list items, each one line; a list item starts with ``- ``."""
    made: list[str] = []
    fresh = True
    for line in map(str.strip, _inline(text).splitlines()):
        bullet = _BULLET.match(line)
        if not line:
            fresh = True
        elif bullet:
            made.append(f"- {line[bullet.end() :]}")
            fresh = False
        elif fresh or not made:
            made.append(line)
            fresh = False
        else:
            made[-1] += f" {line}"
    return made


def paragraphs(parts: Iterable[str], width: int, indent: str = "") -> list[str]:
    """Wrap blocks to lines of a width, all but the first indented, with an empty line between blocks."""
    lines: list[str] = []
    for part in parts:
        hanging = indent + ("  " if part.startswith("- ") else "")
        if lines:
            lines.append("")
        lines += _wrap(part, width, indent if lines else "", hanging)
    return lines


def docstring(
    parts: list[str], fields: Iterable[tuple[str, list[str]]] = (), after: Iterable[str] = (), indent: int = 4
) -> str:
    """Write a docstring: blocks, then a field list, then more blocks.

    :param fields: pairs of a field such as ``ivar url`` and its blocks.
    :param indent: spaces before every line.
    """
    width = WIDTH - indent
    head, *tail = _escaped(parts)
    lines = _wrap(f'"""{head}', width, "", "")
    for part in tail:
        lines += ["", *paragraphs([part], width)]
    listed = [line for name, prose in fields for line in _field(name, _escaped(prose), width)]
    if listed:
        lines += ["", *listed]
    for part in _escaped(after):
        lines += ["", *paragraphs([part], width)]
    if len(lines) == 1 and len(lines[0]) + 3 <= width and not lines[0].endswith('"'):
        lines[0] += '"""'
    else:
        lines.append('"""')
    return textwrap.indent("\n".join(lines), " " * indent)


def comment(parts: Iterable[str], indent: int = 0) -> str:
    """Write the ``#:`` comment that documents the next line."""
    lines = paragraphs(parts, WIDTH - indent - 3)
    return textwrap.indent("\n".join(f"#: {line}".rstrip() for line in lines), " " * indent)


def _field(name: str, parts: list[str], width: int) -> list[str]:
    first, *rest = parts
    if name.endswith("_"):  # "foo_" would be a reference
        name = f"{name[:-1]}\\\\_"
    lines = _wrap(f":{name}: {first}", width, "", "    ")
    for part in rest:
        lines += ["", *(f"    {line}" for line in paragraphs([part], width - 4))]
    return [*lines, ""] if rest else lines


def _escaped(parts: Iterable[str]) -> list[str]:
    return [part.replace("\\", "\\\\") for part in parts]


def _wrap(text: str, width: int, first: str, rest: str) -> list[str]:
    return textwrap.wrap(
        text, width, initial_indent=first, subsequent_indent=rest, break_long_words=False, break_on_hyphens=False
    )


def _inline(text: str) -> str:
    """Turn Markdown's and HTML's code into reStructuredText's, and put what would be markup into code."""
    text = text.translate(_TYPOGRAPHY).replace('"""', "'''").replace("\t", " ")
    text = re.sub(r"</?(code|tt)>", "`", text)
    text = re.sub(r"<(/?)(b|i|em|p|br)\s*/?>", "", text)
    pieces = re.split(r"`+([^`]+)`+", text)
    for index, piece in enumerate(pieces):
        if index % 2 == 0:
            pieces[index] = _quote_markup(piece.replace("`", "'"))
            continue
        # Code that a word is glued to, as in "`foo`s", would not be taken for code.
        before = " " if re.search(r"\w$", pieces[index - 1]) else ""
        after = " " if re.match(r"\w", pieces[index + 1]) else ""
        pieces[index] = f"{before}``{' '.join(piece.split())}``{after}"
    return "".join(pieces)


def _quote_markup(text: str) -> str:
    lines = text.split("\n")
    for index, line in enumerate(lines):
        bullet = re.match(r"\s*\*\s+", line)
        kept = bullet.end() if bullet else 0
        lines[index] = line[:kept] + _MARKUP.sub(lambda found: f"``{found[0]}``", line[kept:])
    return "\n".join(lines)
