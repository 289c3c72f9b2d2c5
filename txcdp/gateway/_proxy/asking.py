"""What a command asks for, read from the first bytes of its message where that is possible.

Clients write the keys of a command in one of two orders::

    {"id":7,"method":"Page.navigate","params":{...},"sessionId":"..."}
    {"method":"Page.navigate","params":{...},"id":7,"sessionId":"..."}

What begins otherwise is decoded. What follows cannot make a method another one, since Chromium refuses a message with a
key that is there twice.
"""

from __future__ import annotations

import functools
import re
from typing import NamedTuple

import msgspec

ID_FIRST = re.compile(rb'\{"id": ?(\d{1,10}), ?"method": ?"([A-Za-z]+\.[A-Za-z]+)"')
_METHOD_FIRST = re.compile(rb'\{"method": ?"([A-Za-z]+\.[A-Za-z]+)"')
_ID_LAST = re.compile(rb'"id": ?(\d{1,10})(?:, ?"sessionId": ?"[^"\\]*")?\}$')
_TAIL = 160


class Asked(NamedTuple):
    """What a message asks for; id -1 and method ``""`` where it does not say so in a way that is understood."""

    id: int
    method: str


class _Envelope(msgspec.Struct):
    id: int = -1
    method: str = ""


_decode = msgspec.json.Decoder(_Envelope).decode
NOTHING = Asked(-1, "")


def asked(message: bytes) -> Asked:
    """Return what a message asks for."""
    found = ID_FIRST.match(message)
    if found is not None:
        return Asked(int(found[1]), _name(found[2]))
    found = _METHOD_FIRST.match(message)
    if found is not None:
        last = _ID_LAST.search(message, max(0, len(message) - _TAIL))
        if last is not None:
            return Asked(int(last[1]), _name(found[1]))
    try:
        command = _decode(message)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
        return NOTHING
    return Asked(command.id, command.method)


@functools.lru_cache(1024)
def _name(method: bytes) -> str:
    return method.decode("ascii")
