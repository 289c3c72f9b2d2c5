"""Formats one line per event: columns, colours, truncated to the terminal's width."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final, Literal

from txcdp.cli._text import cut, cut_middle, pad, width

Mood = Literal["plain", "good", "moved", "warning", "bad", "quiet"]

_RESET: Final = "\x1b[0m"
_BOLD: Final = "1"
_DIM: Final = "2"
_COLOURS: Final[dict[Mood, str]] = {
    "plain": "",
    "good": "32",
    "moved": "36",
    "warning": "33",
    "bad": "1;31",
    "quiet": _DIM,
}
_TAG_COLOURS: Final = {
    "network": "34",
    "socket": "35",
    "stream": "35",
    "console": "33",
    "error": "31",
    "page": "1;36",
    "frame": "36",
    "dialog": "1;33",
    "crash": "1;31",
}

#: The widths of the time, tag and mark columns, including the spaces after them.
_TIME, _TAG, _MARK = 9, 9, 10
_SIZE, _TOOK = 8, 9
#: The minimum width of the text, however narrow the terminal.
_LEAST = 16


@dataclass(frozen=True)
class Line:
    """An event as clean text.

    :ivar tag: its category: ``"network"``, ``"console"``, ``"page"``.
    :ivar mark: the event in a word: ``"200 GET"``, ``"warning"``, ``"load"``.
    :ivar text: the full text; an address is truncated in the middle, other text at its end.
    :ivar note: a suffix that is never truncated, such as the error.
    :ivar size: the size, as text.
    :ivar took: the duration, as text.
    :ivar place: the source location, aligned to the right.
    :ivar mood: how good or bad it is.
    :ivar more: lines that belong to it, such as a stack.
    """

    tag: str
    mark: str
    text: str
    note: str = ""
    size: str = ""
    took: str = ""
    place: str = ""
    mood: Mood = "plain"
    is_url: bool = False
    more: tuple[str, ...] = ()


class Style:
    """The style of lines.

    :param columns: the terminal's width; None: nothing is truncated.
    :param colour: whether there is colour.
    """

    def __init__(self, columns: int | None = None, colour: bool = False) -> None:
        self.columns = columns
        self.colour = colour

    def paint(self, text: str, code: str) -> str:
        """Return text in a colour, by the numbers of its escape sequence."""
        return f"\x1b[{code}m{text}{_RESET}" if self.colour and code and text else text

    def bold(self, text: str) -> str:
        """Return text in bold."""
        return self.paint(text, _BOLD)

    def dim(self, text: str) -> str:
        """Return dimmed text."""
        return self.paint(text, _DIM)

    def in_mood(self, text: str, mood: Mood) -> str:
        """Return text in the colour of a mood."""
        return self.paint(text, _COLOURS[mood])

    def render(self, when: float, line: Line) -> str:
        """Return a line as it is printed, without the line break.

        :param when: seconds since the start.
        """
        right = self._right(line)
        room = None
        if self.columns is not None:
            room = max(self.columns - 1 - _TIME - _TAG - _MARK - width(right) - (1 if right else 0), _LEAST)
        body = self._body(line, room)
        if right:
            body = pad(body, max(room or 0, 44 if room is None else 0)) + " "
        first = "".join(
            [
                self.dim(f"{when:7.3f}  "),
                self.paint(pad(line.tag, _TAG), _TAG_COLOURS.get(line.tag, _DIM)),
                self.in_mood(pad(line.mark, _MARK), line.mood),
                self._shade(body, line),
                self.dim(right),
            ]
        ).rstrip()
        indent = " " * (_TIME + _TAG + _MARK)
        further = [indent + self.dim(each if room is None else cut(each, self._rest)) for each in line.more]
        return "\n".join([first, *further])

    @property
    def _rest(self) -> int:
        return max((self.columns or 0) - 1 - _TIME - _TAG - _MARK, _LEAST)

    def _shade(self, body: str, line: Line) -> str:
        if line.mood in ("quiet", "bad", "warning"):
            return self.paint(body, {"quiet": _DIM, "bad": "31", "warning": "33"}[line.mood])
        return body

    def _right(self, line: Line) -> str:
        if line.size or line.took:
            return f"{line.size:>{_SIZE}}{line.took:>{_TOOK}}"
        if self.columns is None:
            return line.place
        return cut_middle(line.place, max(self.columns // 4, _LEAST))

    def _body(self, line: Line, room: int | None) -> str:
        note = f"  {line.note}" if line.note and line.text else line.note
        if room is None:
            return line.text + note
        if width(note) > room - _LEAST // 2:
            note = cut(note, max(room - _LEAST // 2, 0))
        left = room - width(note)
        return (cut_middle(line.text, left) if line.is_url else cut(line.text, left)) + note
