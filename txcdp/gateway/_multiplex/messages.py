"""What a client says to its world and hears from it: read, checked and written as Chromium does.

What a client sent never goes on as it came. It is decoded, checked and encoded anew: so the browser
reads what was checked, whatever its own parser makes of a key that is there twice, of a comment, or
of bytes that are no UTF-8. Complaints are those of Chromium, but that they name no position.
"""

from __future__ import annotations

from typing import Any, Final

import msgspec

from txcdp.errors import MalformedMessage
from txcdp.protocol._records import REJECTED, from_json, to_json
from txcdp.protocol._wire import SESSION_NOT_FOUND

#: Codes of refusals: Chromium's, which are those of JSON-RPC.
PARSE_ERROR: Final = -32700
INVALID_REQUEST: Final = -32600
METHOD_NOT_FOUND: Final = -32601
INVALID_PARAMS: Final = -32602
SERVER_ERROR: Final = -32000

#: How deep Chromium reads: a message nested deeper has no answer that names its id.
MAX_DEPTH: Final = 300

_MAX_ID: Final = 2**31 - 1


class Command(msgspec.Struct, gc=False, forbid_unknown_fields=True, rename={"session_id": "sessionId"}):
    """A client's command.

    :ivar session_id: the session that it is for; ``""`` for the root session.
    """

    id: int
    method: str
    params: dict[str, Any] | None = None
    session_id: str = ""


class Refusal(Exception):
    """A command, or what was to be one, that is answered with an error.

    :ivar id: the client's number for it; None where it has none that could be read.
    """

    def __init__(self, code: int, message: str, *, data: str | None = None, number: int | None = None) -> None:
        super().__init__(message)
        self.code = code
        self.message = message
        self.data = data
        self.id = number


def no_session() -> Refusal:
    """Return the refusal of a session that there is not, or that is another's: the two are one."""
    return Refusal(SESSION_NOT_FOUND, "Session with given id not found.")


def no_target() -> Refusal:
    """Return the refusal of a target that there is not, or that is another's."""
    return Refusal(INVALID_PARAMS, "No target with given id found")


def invalid(name: str, what: str) -> Refusal:
    """Return the refusal of a parameter that is missing or of the wrong type."""
    return Refusal(INVALID_PARAMS, "Invalid parameters", data=f"Failed to deserialize params.{name} - BINDINGS: {what}")


def read_command(message: bytes) -> Command:
    """Decode and check what a client has sent.

    :raises Refusal: what Chromium would answer.
    """
    try:
        command = _decode(message)
    except REJECTED:
        command = _read_slowly(message)
    if not -_MAX_ID <= command.id <= _MAX_ID:
        raise Refusal(INVALID_REQUEST, "Message must have integer 'id' property")
    if not command.method:
        raise Refusal(INVALID_REQUEST, "Message must have string 'method' property", number=command.id)
    if message.count(b"[") + message.count(b"{") > MAX_DEPTH and _depth(command.params) >= MAX_DEPTH:
        raise Refusal(PARSE_ERROR, "JSON: stack limit exceeded")
    return command


_decode = msgspec.json.Decoder(Command).decode


def _read_slowly(message: bytes) -> Command:
    """Read what is unusual, or find out what is wrong with it, in Chromium's order."""
    try:
        value = from_json(message)
    except MalformedMessage:
        raise Refusal(PARSE_ERROR, "JSON: invalid token" if message else "JSON: no input at position 0") from None
    if not isinstance(value, dict):
        raise Refusal(INVALID_REQUEST, "Message must be an object")
    number: Any = value.get("id")
    if isinstance(number, float) and number.is_integer():
        number = int(number)
    whole = type(number) is int and -_MAX_ID <= number <= _MAX_ID
    wrong = _complaint(value, whole)
    if wrong is not None:
        raise Refusal(INVALID_REQUEST, wrong, number=number if whole else None)
    params = value.get("params")
    return Command(number, value["method"], params if isinstance(params, dict) else None, value.get("sessionId", ""))


def _complaint(value: dict[str, Any], whole: bool) -> str | None:
    if value.keys() - {"id", "method", "sessionId", "params"}:
        return "Message has property other than 'id', 'method', 'sessionId', 'params'"
    if not whole:
        return "Message must have integer 'id' property"
    if not _is_text(value.get("method")):
        return "Message must have string 'method' property"
    if not _is_text(value.get("sessionId", "")):
        return "Message may have string 'sessionId' property"
    if value.get("params") not in (None, []) and not isinstance(value["params"], dict):
        return "Message may have object 'params' property"
    return None


def _is_text(value: object) -> bool:
    """Tell whether a value is a string that has an encoding; lone surrogates have none."""
    return isinstance(value, str) and not any("\ud800" <= each <= "\udfff" for each in value)


def _depth(value: object) -> int:
    """Count how deep a value is nested, without recursion."""
    deepest = 0
    waiting = [(value, 1)]
    while waiting:
        each, level = waiting.pop()
        inner = each.values() if isinstance(each, dict) else each if isinstance(each, list) else None
        if inner is not None:
            deepest = max(deepest, level)
            waiting.extend((item, level + 1) for item in inner)
    return deepest


def write_command(number: int, method: str, params: dict[str, Any] | None, session: bytes) -> bytes:
    """Return a command as it goes to the browser.

    :param session: the session's id, ``b""`` for the root session; one that the browser has told.
    """
    tail = b',"sessionId":"%b"}' % session if session else b"}"
    return b"".join((b'{"id":%d,"method":' % number, to_json(method), b',"params":', to_json(params or {}), tail))


def write_reply(number: int, result: Any, session: str) -> bytes:
    """Return a reply as it goes to a client."""
    return b'{"id":%d,"result":%b%b' % (number, to_json(result), _tail(session))


def write_refusal(refusal: Refusal, number: int | None, session: str) -> bytes:
    """Return an error as it goes to a client."""
    error: dict[str, Any] = {"code": refusal.code, "message": refusal.message}
    if refusal.data is not None:
        error["data"] = refusal.data
    head = b"{" if number is None else b'{"id":%d,' % number
    return b'%b"error":%b%b' % (head, to_json(error), _tail(session))


def write_event(method: str, params: dict[str, Any], session: str) -> bytes:
    """Return an event as it goes to a client."""
    return b'{"method":%b,"params":%b%b' % (to_json(method), to_json(params), _tail(session))


def _tail(session: str) -> bytes:
    return b',"sessionId":%b}' % to_json(session) if session else b"}"
