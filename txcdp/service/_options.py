"""What the commands of ``twistd txcdp`` share."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, ClassVar

from twisted.python import usage


class CommandOptions(usage.Options):
    """Options, some of which are parsed from the way people write them; their defaults are written that way, too.

    :cvar readers: by the option's name, the function that parses its text, and raises :exc:`ValueError` if it cannot.
    """

    readers: ClassVar[dict[str, Callable[[str], Any]]] = {}

    def postOptions(self) -> None:
        """Parse the options; :exc:`usage.UsageError` says which one is invalid."""
        for name, read in self.readers.items():
            if isinstance(self[name], str):
                try:
                    self[name] = read(self[name])
                except ValueError as error:
                    raise usage.UsageError(f"--{name}: {error}") from error


def one_of(*allowed: str) -> Callable[[str], str]:
    """Return a parser for one of several words."""

    def read(text: str) -> str:
        if text not in allowed:
            raise ValueError(f"{text!r}: use {', '.join(allowed[:-1])} or {allowed[-1]}")
        return text

    return read


def positive(read: Callable[[str], Any]) -> Callable[[str], Any]:
    """Return a parser that rejects 0."""

    def read_positive(text: str) -> Any:
        found = read(text)
        if not found:
            raise ValueError(f"{text!r}: must be more than 0")
        return found

    return read_positive


def at_least(least: int) -> Callable[[str], int]:
    """Return a parser for a whole number of at least ``least``."""

    def read(text: str) -> int:
        if not text.isdecimal() or int(text) < least:
            raise ValueError(f"{text!r}: expected a whole number, {least} or more")
        return int(text)

    return read
