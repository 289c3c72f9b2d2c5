"""What a page writes to its console, and what it throws, as a person reads it."""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import Any

from txcdp.cli._lines import Line, Mood
from txcdp.cli._text import clean
from txcdp.cli._urls import place
from txcdp.domains import log, runtime

_MOODS: dict[str, Mood] = {"error": "bad", "assert": "bad", "warning": "warning", "debug": "quiet", "verbose": "quiet"}
_PLACEHOLDER = re.compile(r"%([sdifoOc%])")


def told(event: runtime.ConsoleAPICalled, verbose: bool) -> Line:
    """Return a call of ``console.log`` and its like as a line."""
    texts = message(event.args)
    if event.type == "assert":
        texts = f"Assertion failed: {texts}" if texts else "Assertion failed"
    first, *rest = texts.split("\n") if texts else [""]
    frames = _frames(event.stack_trace)
    more = [*rest, *frames] if verbose else []
    return Line(
        "console",
        clean(event.type),
        clean(texts if not _is_stack(rest) else first),
        place=_first_place(event.stack_trace),
        mood=_MOODS.get(event.type, "plain"),
        more=tuple(map(clean, more)),
    )


def thrown(details: runtime.ExceptionDetails, verbose: bool) -> Line:
    """Return an exception that nobody caught as a line."""
    first, *rest = exception(details).split("\n")
    url = details.url or ""
    frames = details.stack_trace.call_frames if details.stack_trace else []
    where = place(url, details.line_number, details.column_number) if url else _first_place(details.stack_trace)
    if not rest and frames:
        rest = _frames(details.stack_trace)
    return Line(
        "error",
        "uncaught",
        clean(first),
        place=clean(where),
        mood="bad",
        more=tuple(map(clean, rest)) if verbose else (),
    )


def exception(details: runtime.ExceptionDetails) -> str:
    """Return what was thrown, with its stack where it has one."""
    promise = "in a promise: " if "in promise" in (details.text or "") else ""
    thrown_value = details.exception
    if thrown_value is None:
        return details.text or "an exception"
    if thrown_value.subtype == "error":
        return promise + (thrown_value.description or "an error")
    return promise + value(thrown_value)


def entry(event: log.EntryAdded, verbose: bool) -> Line:
    """Return what the browser itself says about the page as a line."""
    item = event.entry
    more = _frames(item.stack_trace) if verbose else []
    mood = _MOODS.get(item.level, "plain")
    where = place(item.url, item.line_number) if item.url else ""
    text = clean(f"{item.source}: {item.text}")
    return Line("console", clean(item.level), text, place=clean(where), mood=mood, more=tuple(map(clean, more)))


def message(args: Sequence[runtime.RemoteObject]) -> str:
    """Return the arguments of a console call as the browser's console shows them, placeholders filled in."""
    rest = list(args)
    parts = []
    if rest and rest[0].type == "string" and isinstance(rest[0].value, str) and "%" in rest[0].value:
        text = rest.pop(0).value

        def fill(found: re.Match[str]) -> str:
            kind = found[1]
            if kind == "%":
                return "%"
            if not rest:
                return found[0]
            return _filled(kind, rest.pop(0))

        parts.append(_PLACEHOLDER.sub(fill, text))
    parts += [each.value if each.type == "string" and isinstance(each.value, str) else value(each) for each in rest]
    return " ".join(parts)


def _filled(kind: str, item: runtime.RemoteObject) -> str:
    if kind == "c":
        return ""
    if kind in "di" and item.type == "number" and isinstance(item.value, int | float):
        return str(int(item.value))
    return str(item.value) if item.type == "string" else value(item)


def value(item: runtime.RemoteObject) -> str:
    """Return a JavaScript value as the browser's console shows it."""
    if item.type == "undefined":
        return "undefined"
    if item.unserializable_value is not None:
        return str(item.unserializable_value)
    if item.preview is not None and item.subtype not in ("error", "regexp", "date", "node", "promise"):
        return _preview(item.preview)
    if item.type in ("object", "function", "symbol", "bigint") and item.description:
        text = str(item.description)
        return (
            re.sub(r"\s*\{.*", "", text, flags=re.DOTALL) + " {…}" if item.type == "function" and "{" in text else text
        )
    return _plain(item.value)


def _plain(given: Any) -> str:
    if given is None:
        return "null"
    if isinstance(given, bool):
        return "true" if given else "false"
    if isinstance(given, float) and given.is_integer():
        return str(int(given))
    return f"'{given}'" if isinstance(given, str) else str(given)


def _preview(preview: runtime.ObjectPreview) -> str:
    more = ["…"] if preview.overflow else []
    if preview.entries:
        inside = [
            f"{_entry(each.key)} => {_entry(each.value)}" if each.key else _entry(each.value)
            for each in preview.entries
        ]
        return f"{preview.description} {{{', '.join(inside + more)}}}"
    if preview.subtype in ("array", "typedarray"):
        name = "" if (preview.description or "").startswith("Array(") else f"{preview.description} "
        inside = [_property(each) for each in preview.properties if each.name.isdecimal()]
        return f"{name}[{', '.join(inside + more)}]"
    inside = [f"{each.name}: {_property(each)}" for each in preview.properties]
    name = preview.description or ""
    name = "" if name == "Object" else f"{name} "
    return f"{name}{{{', '.join(inside + more)}}}"


def _entry(preview: runtime.ObjectPreview) -> str:
    if preview.type == "string":
        return f"'{preview.description}'"
    return _preview(preview) if preview.properties else str(preview.description)


def _property(item: runtime.PropertyPreview) -> str:
    if item.value_preview is not None:
        return _preview(item.value_preview)
    if item.type == "string":
        return f"'{item.value}'"
    if item.type == "function":
        return "ƒ"
    return item.value if item.value is not None else str(item.type)


def _is_stack(rest: Sequence[str]) -> bool:
    return bool(rest) and all(re.match(r"\s+at ", each) for each in rest)


def _first_place(stack: runtime.StackTrace | None) -> str:
    for frame in stack.call_frames if stack else []:
        if frame.url:
            return clean(place(frame.url, frame.line_number, frame.column_number))
    return ""


def _frames(stack: runtime.StackTrace | None) -> list[str]:
    return [
        f"    at {each.function_name or '(anonymous)'} ({place(each.url, each.line_number, each.column_number)})"
        for each in (stack.call_frames if stack else [])
    ]
