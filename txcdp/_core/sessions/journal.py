"""The journal of the commands that set up a session, to be sent again over another transport.

Some commands have a lasting effect in the browser: they enable a domain, emulate a device, add a script to every new
document. All of these effects end with the transport. So the session keeps the last accepted command of each kind.
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

    :ivar identifier: the id of its effect as the user knows it, if the browser has given it one.
    :ivar current: the id of its effect in the browser now.
    """

    method: str
    params: dict[str, Any] = field(repr=False)
    identifier: str | None = None
    current: str | None = None


class Journal:
    """The commands of one session that have a lasting effect, in the order of their replies."""

    def __init__(self) -> None:
        self._entries: dict[tuple[object, ...], JournalEntry] = {}

    def __len__(self) -> int:
        return len(self._entries)

    def __iter__(self) -> Iterator[JournalEntry]:
        return iter(list(self._entries.values()))

    def note(self, method: str, params: object, result: object) -> None:
        """Record a command that :func:`is_stateful` and was accepted."""
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
        """Replace the id that the user knows by the browser's current one."""
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
    """Whether an undoing command refers to this one: all distinguishing parameters that it has are equal."""
    names = [name for name in KEYS.get(entry.method, ()) if name in values]
    return all(
        values[name] in ((entry.identifier, entry.current) if name == "identifier" else (entry.params.get(name),))
        for name in names
    )


def _identifier(result: object) -> str | None:
    found = result.get("identifier") if isinstance(result, dict) else getattr(result, "identifier", None)
    return found if isinstance(found, str) else None
