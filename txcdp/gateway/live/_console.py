"""A line of a page's console, from the three events that make one: bounded, and in words."""

from __future__ import annotations

import json
from typing import Any, NamedTuple

from txcdp._privacy import printable, shown_url

#: Characters of a line, and the most arguments that are written out in it.
_TEXT = 500
_ARGUMENTS = 20

_LEVELS = {"warning": "warning", "error": "error", "assert": "error", "debug": "debug", "verbose": "debug"}


class Entry(NamedTuple):
    """A line.

    :ivar level: ``error``, ``warning``, ``info`` or ``debug``.
    :ivar text: what is written.
    :ivar where: the URL of the script and its line, where they are known.
    """

    level: str
    text: str
    where: str


def entry_of(method: str, params: dict[str, Any]) -> Entry:
    """Return the line that an event is."""
    if method == "Runtime.consoleAPICalled":
        frames = params.get("stackTrace", {}).get("callFrames") or [{}]
        text = " ".join(_argument(each) for each in params["args"][:_ARGUMENTS])
        return Entry(_LEVELS.get(params["type"], "info"), _bounded(text), _where(frames[0]))
    if method == "Runtime.exceptionThrown":
        details = params["exceptionDetails"]
        said = details.get("exception", {}).get("description") or details.get("text", "")
        return Entry("error", _bounded(str(said).partition("\n")[0]), _where(details))
    entry = params["entry"]
    return Entry(_LEVELS.get(entry["level"], "info"), _bounded(entry["text"]), _where(entry))


def _argument(found: dict[str, Any]) -> str:
    """Return one argument of ``console.log`` as the console shows it: a text as it is, an object by its look."""
    if found.get("type") == "string":
        return str(found.get("value", ""))[:_TEXT]
    if "preview" in found:
        return _previewed(found["preview"])
    if "value" in found:
        value = found["value"]
        return json.dumps(value) if value is None or isinstance(value, bool | int | float) else "..."
    return str(found.get("unserializableValue") or found.get("description") or found.get("type", ""))[:_TEXT]


def _previewed(preview: dict[str, Any]) -> str:
    is_array = preview.get("subtype") == "array"
    shown = []
    for each in preview.get("properties", ()):
        value = str(each.get("value", "..."))
        shown.append(value if is_array else f"{each['name']}: {value}")
    if preview.get("overflow"):
        shown.append("...")
    return f"[{', '.join(shown)}]" if is_array else f"{{{', '.join(shown)}}}"


def _bounded(text: str) -> str:
    return printable(text if len(text) <= _TEXT else text[:_TEXT] + "...")


def _where(place: dict[str, Any]) -> str:
    url = place.get("url")
    if not url:
        return ""
    line = place.get("lineNumber")
    return shown_url(url) + (f":{line + 1}" if isinstance(line, int) else "")
