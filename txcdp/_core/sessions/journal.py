"""What a session was set up with, to be sent again over another line.

Some commands leave something standing in the browser: a domain enabled, a device emulated, a script for
every new document. All of it goes with the line. So the session keeps, of each such command that the
browser has agreed to, what the last one said.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from typing import Any

from txcdp.protocol import from_json, to_json
from txcdp.protocol._stateful import KEYS, NAMED_BY_BROWSER, REPLACED, UNDO


@dataclass
class JournalEntry:
    """A command whose effect lasts, to be sent again to a new process or over a new line.

    :ivar identifier: by which the user knows it, where the browser has named it.
    :ivar current: by which the browser knows it now.
    """

    method: str
    params: dict[str, Any] = field(repr=False)
    identifier: str | None = None
    current: str | None = None


class Journal:
    """The commands of one session whose effect lasts, in the order of their replies."""

    def __init__(self) -> None:
        self._entries: dict[tuple[object, ...], JournalEntry] = {}

    def __len__(self) -> int:
        return len(self._entries)

    def __iter__(self) -> Iterator[JournalEntry]:
        return iter(list(self._entries.values()))

    def note(self, method: str, params: object, result: object) -> None:
        """Take down a command that :func:`is_stateful` and has been agreed to."""
        domain, _, verb = method.partition(".")
        values: dict[str, Any] = from_json(to_json(params))
        if verb == "disable":
            self._drop(lambda entry: entry.method.startswith(f"{domain}.") and entry.method != "Runtime.addBinding")
            return
        undone = UNDO.get(method)
        if undone is not None:
            self._drop(lambda entry: entry.method in undone and _agrees(entry, values))
            return
        replaced = REPLACED.get(method)
        if replaced is not None:
            self._drop(lambda entry: entry.method in replaced)
        entry = JournalEntry(method, values)
        if method in NAMED_BY_BROWSER:
            entry.identifier = entry.current = _identifier(result)
        told_apart = (entry.identifier if name == "identifier" else values.get(name) for name in KEYS.get(method, ()))
        key = (method, *map(to_json, told_apart))  # some are objects
        self._entries.pop(key, None)  # what is sent again moves to the end
        self._entries[key] = entry

    def renamed(self, entry: JournalEntry, result: object) -> None:
        """Remember the id that the browser has given to the effect of a command that was sent again."""
        if entry.identifier is not None:
            entry.current = _identifier(result)

    def translate(self, method: str, params: object) -> object:
        """Put the browser's present id in the place of that which the user knows."""
        undone = NAMED_BY_BROWSER.intersection(UNDO.get(method, ()))
        if not undone:
            return params
        values: dict[str, Any] = from_json(to_json(params))
        for entry in self._entries.values():
            if entry.method in undone and entry.identifier == values.get("identifier"):
                return {**values, "identifier": entry.current}
        return params

    def _drop(self, gone: Callable[[JournalEntry], bool]) -> None:
        self._entries = {key: entry for key, entry in self._entries.items() if not gone(entry)}


def _agrees(entry: JournalEntry, values: dict[str, Any]) -> bool:
    """Whether what undoes means this one: by all the parameters that it names and that tell them apart."""
    names = [name for name in KEYS.get(entry.method, ()) if name in values]
    return all(
        values[name] in ((entry.identifier, entry.current) if name == "identifier" else (entry.params.get(name),))
        for name in names
    )


def _identifier(result: object) -> str | None:
    found = result.get("identifier") if isinstance(result, dict) else getattr(result, "identifier", None)
    return found if isinstance(found, str) else None
