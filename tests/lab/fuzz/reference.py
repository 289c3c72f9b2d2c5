"""What a message says, read slowly, with nothing but the standard library's ``json``: the fuzzer's second opinion."""

from __future__ import annotations

import base64
import json
import math
import re
from typing import Any, NamedTuple

import msgspec

#: A message as Chromium writes it, apart from its parameters: what the short ways of reading are made for.
_START = re.compile(rb'\{"method":"([^"\\]*)","params":(?=\{)')
_END = re.compile(r'\}|,"sessionId":"([^"\\]*)"\}')


class Parsed(NamedTuple):
    """A message that is JSON.

    :ivar doubled: whether some object in it has a key twice, on which readers may differ.
    """

    value: Any
    doubled: bool


class Nothing(Exception):
    """The message is no JSON."""


def parse(message: bytes) -> Parsed | None:
    """Read JSON; None where it is nested too deep to be told here.

    :raises Nothing: where it is none.
    """
    doubled = False

    def collect(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
        nonlocal doubled
        made = dict(pairs)
        doubled = doubled or len(made) < len(pairs)
        return made

    try:
        return Parsed(json.loads(message, object_pairs_hook=collect), doubled)
    except RecursionError:
        return None
    except ValueError:
        raise Nothing from None


def canonical(message: bytes) -> tuple[bytes, bytes] | None:
    """Return method and session of an event that is written as Chromium writes it, None for any other message."""
    found = _START.match(message)
    if found is None:
        return None
    try:
        text = message[found.end() :].decode()
        _, at = json.JSONDecoder().raw_decode(text)
    except (ValueError, RecursionError):
        return None
    rest = _END.fullmatch(text, at)
    return None if rest is None else (found[1], (rest[1] or "").encode())


def head(value: Any) -> tuple[Any, ...] | None:
    """Return (id, method, session) of a message; None where it is neither a reply, an event nor an error."""
    if not isinstance(value, dict):
        return None
    session = value.get("sessionId", "")
    if not isinstance(session, str):
        return None
    number, method = value.get("id"), value.get("method")
    if isinstance(number, int) and not isinstance(number, bool):
        return number, None, session
    if number is None and isinstance(method, str):
        return None, method, session
    if number is None and "error" in value:
        return None, None, session
    return None


def outcome(value: Any, number: int, session: str) -> str:
    """Return what a message is to the command of that number and session: ``result``, ``error`` or ``malformed``."""
    if not isinstance(value, dict) or value.get("id") != number or value.get("method") is not None:
        return "malformed"
    if value.get("sessionId") not in (None, "", session):
        return "malformed"
    if value.get("error") is not None:
        return "error" if value.get("result") is None else "malformed"
    return "result" if "result" in value else "malformed"


def same(made: Any, value: Any) -> bool:
    """Return whether what a decoder has made says what the JSON says: nothing changed, left out or invented."""
    if isinstance(made, msgspec.Struct):
        return isinstance(value, dict) and all(
            same(getattr(made, each.name), value[each.encode_name])
            if each.encode_name in value
            else getattr(made, each.name) in (None, msgspec.UNSET, each.default)
            for each in msgspec.structs.fields(made)
        )
    if isinstance(made, bytes):
        return isinstance(value, str) and base64.b64decode(value) == made
    if isinstance(made, dict):
        return (
            isinstance(value, dict)
            and made.keys() == value.keys()
            and all(same(each, value[key]) for key, each in made.items())
        )
    if isinstance(made, list):
        return isinstance(value, list) and len(made) == len(value) and all(map(same, made, value))
    if isinstance(made, bool) or isinstance(value, bool):
        return made is value
    if isinstance(made, float) and isinstance(value, int | float):
        return made == value or (math.isnan(made) and math.isnan(value)) or made == _as_float(value)
    return type(made) is type(value) and bool(made == value)


def _as_float(value: float) -> float:
    try:
        return float(value)
    except OverflowError:
        return math.inf if value > 0 else -math.inf
