"""Reads a client's messages: one reader for both modes, for commands that are refused, counted or executed.

Whatever checks a command has to check the one that is executed. So there are two ways to read one, and they agree:

- :func:`peek` takes id and method from the first bytes. It is for a message that is passed on unchanged. Nothing that
  follows can change the method: Chromium refuses a message with a second ``method``, in whatever spelling, unless the
  first one is empty (``tests/browser/test_client_messages_browser.py`` checks this).
- :func:`read_command` decodes all of it, and refuses what Chromium refuses, in Chromium's order and words, except that
  it names no position. If the parameters contain equal keys, the last one counts, as in Chromium; that there were some
  is reported, since the check of a message that is passed on unchanged should not depend on this.

Chromium accepts the following, and this refuses it: vertical tabs and form feeds between tokens, and their escapes
within strings.
"""

from __future__ import annotations

import json
import re
from typing import Any, Final, NamedTuple, NoReturn

import msgspec

from txcdp.protocol import to_json
from txcdp.protocol._error_codes import INVALID_REQUEST, PARSE_ERROR

#: The nesting depth that Chromium reads: for a message nested deeper, no reply names its id.
MAX_DEPTH: Final = 301

_IDS: Final = range(-(2**31), 2**31)

_METHOD = rb'"method": ?"([A-Za-z]+\.[A-Za-z]+)"'
_SESSION = rb'"sessionId": ?"[0-9A-Za-z-]*"'
_ID_FIRST: Final = re.compile(rb'\{"id": ?(\d{1,10}),(?: ?' + _SESSION + rb",)? ?" + _METHOD)
_METHOD_FIRST: Final = re.compile(rb"\{" + _METHOD)
_ID_LAST: Final = re.compile(rb'"id": ?(\d{1,10})(?:, ?' + _SESSION + rb")?\}$")
_TAIL: Final = 160

#: No parser reads an integer with more digits as a 64-bit number; Chromium reads all above 32 bits as floating-point
#: numbers.
_LONGEST_INTEGER: Final = 18


class Command(msgspec.Struct, gc=False, frozen=True):
    """A client's command.

    :ivar params: the parameters; None if there are none. A list where Chromium accepts one: for commands without
        parameters.
    :ivar session_id: the session that it is for; ``""`` for the root session.
    :ivar doubled: whether the parameters contain a duplicate key, of which the last one counts.
    """

    id: int
    method: str
    params: dict[str, Any] | list[Any] | None = None
    session_id: str = ""
    doubled: bool = False


class CommandRefusal(Exception):
    """A command, or something that was meant to be one, that is answered with an error.

    :ivar id: the client's id for it; None if there is none that could be read.
    """

    def __init__(self, code: int, message: str, *, data: str | None = None, number: int | None = None) -> None:
        super().__init__(message)
        self.code = code
        self.message = message
        self.data = data
        self.id = number


class Peeked(NamedTuple):
    """The id, in digits, and the method in the first bytes of a message."""

    id: bytes
    method: bytes


def peek(message: bytes) -> Peeked | None:
    """Read id and method of a command from its first bytes, and from its last ones if the method comes first.

    They are those that Chromium reads, if it does not refuse the message. The id is only for counting.

    :returns: None if the message has to be decoded to know them.
    """
    found = _match_id_first(message)
    if found is not None:
        return Peeked(found[1], found[2])
    found = _match_method_first(message)
    if found is not None:
        last = _ID_LAST.search(message, max(0, len(message) - _TAIL))
        if last is not None:
            return Peeked(last[1], found[1])
    return None


_match_id_first: Final = _ID_FIRST.match
_match_method_first: Final = _METHOD_FIRST.match


def read_command(message: bytes) -> Command:
    """Decode and check what a client has sent.

    :raises CommandRefusal: with the error that Chromium would answer.
    """
    value, pairs, doubled = _decode(message)
    if not isinstance(value, dict):
        raise CommandRefusal(INVALID_REQUEST, "Message must be an object")
    command = _envelope(pairs, doubled)
    if message.count(b"[") + message.count(b"{") > MAX_DEPTH and depth_of(value) > MAX_DEPTH:
        raise CommandRefusal(PARSE_ERROR, _TOO_DEEP)
    return command


_TOO_DEEP: Final = "JSON: stack limit exceeded"


def _envelope(pairs: list[tuple[str, Any]], doubled: bool) -> Command:
    """Check a message's keys one after the other, as Chromium does: the error is about the first invalid one."""
    number: int | None = None
    method = session_id = ""
    params: Any = _NOTHING
    for key, value in pairs:
        if key == "id":
            _once(number is not None, number)
            number = _number(value)
        elif key == "method":
            _once(bool(method), number)
            method = _text(value, "Message must have string 'method' property", number)
        elif key == "sessionId":
            _once(bool(session_id), number)
            session_id = _text(value, "Message may have string 'sessionId' property", number)
        elif key == "params":
            _once(params is not _NOTHING, number)
            if not (value is None or isinstance(value, dict | list)):
                raise CommandRefusal(INVALID_REQUEST, "Message may have object 'params' property", number=number)
            params = value
        else:
            what = "Message has property other than 'id', 'method', 'sessionId', 'params'"
            raise CommandRefusal(INVALID_REQUEST, what, number=number)
    if number is None:
        raise CommandRefusal(INVALID_REQUEST, _NO_ID)
    if not method:
        raise CommandRefusal(INVALID_REQUEST, "Message must have string 'method' property", number=number)
    return Command(number, method, None if params is _NOTHING else params, session_id, doubled)


_NOTHING: Final[Any] = object()
_NO_ID: Final = "Message must have integer 'id' property"


def _once(twice: bool, number: int | None) -> None:
    if twice:
        raise CommandRefusal(PARSE_ERROR, "CBOR: duplicate map key", number=number)


def _number(value: object) -> int:
    if isinstance(value, float) and value.is_integer():
        value = int(value)
    if type(value) is not int or value not in _IDS:
        raise CommandRefusal(INVALID_REQUEST, _NO_ID)
    return value


def _text(value: object, complaint: str, number: int | None) -> str:
    """Return a string, which must be encodable: lone surrogates are not."""
    if not isinstance(value, str) or any("\ud800" <= each <= "\udfff" for each in value):
        raise CommandRefusal(INVALID_REQUEST, complaint, number=number)
    return value


class _Decoder:
    """Decodes JSON, and reports what a dict cannot contain: the order of the keys, and duplicates."""

    def __init__(self) -> None:
        self._pairs: list[tuple[str, Any]] = []
        self._doubled = 0
        self._decode = json.JSONDecoder(
            object_pairs_hook=self._object,
            parse_float=_finite,
            parse_int=_integer,
            parse_constant=_no_constant,
            strict=False,  # Chromium takes control characters within strings
        ).decode

    def __call__(self, message: bytes) -> tuple[Any, list[tuple[str, Any]], bool]:
        """Return a message's value, the pairs of its outermost object, and whether there is a duplicate key within it.

        :raises CommandRefusal: it is not JSON.
        """
        try:
            value = self._decode(message.decode("utf-8", "surrogatepass"))
            pairs, doubled = self._pairs, self._doubled
        except UnicodeDecodeError:
            raise CommandRefusal(PARSE_ERROR, "JSON: invalid string") from None
        except RecursionError:
            raise CommandRefusal(PARSE_ERROR, _TOO_DEEP) from None
        except ValueError as error:
            raise CommandRefusal(PARSE_ERROR, _complaint(message, error)) from None
        finally:
            self._pairs, self._doubled = [], 0
        if isinstance(value, dict):
            doubled -= len(value) < len(pairs)
        return value, pairs, doubled > 0

    def _object(self, pairs: list[tuple[str, Any]]) -> dict[str, Any]:
        self._pairs = pairs  # the outermost object's come last
        found = dict(pairs)
        self._doubled += len(found) < len(pairs)
        return found


def _complaint(message: bytes, error: ValueError) -> str:
    if not message.strip():
        return "JSON: no input at position 0"
    if isinstance(error, json.JSONDecodeError) and error.msg == "Extra data":
        return "JSON: unprocessed input remains"
    return "JSON: invalid token"


def _finite(text: str) -> float:
    number = float(text)
    if number in (float("inf"), float("-inf")):
        raise ValueError("no JSON number")
    return number


def _integer(text: str) -> int | float:
    return int(text) if len(text) <= _LONGEST_INTEGER else _finite(text)


def _no_constant(text: str) -> NoReturn:
    raise ValueError(f"{text} is not JSON")


_decode: Final = _Decoder()


def depth_of(value: object) -> int:
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


def rewritten(command: Command) -> bytes:
    """Return a client's command encoded again, for one that is not passed on unchanged."""
    params = b"" if command.params is None else b',"params":%b' % to_json(command.params)
    head = b'{"id":%d,"method":%b%b' % (command.id, to_json(command.method), params)
    return head + message_end(command.session_id)


def write_refusal(refusal: CommandRefusal, number: int | None, session: str) -> bytes:
    """Return an error in the form in which a client gets it."""
    error: dict[str, Any] = {"code": refusal.code, "message": refusal.message}
    if refusal.data is not None:
        error["data"] = refusal.data
    head = b"{" if number is None else b'{"id":%d,' % number
    return b'%b"error":%b%b' % (head, to_json(error), message_end(session))


def message_end(session: str) -> bytes:
    """Return the end of a session's messages to a client; ``""`` is the root session."""
    return b',"sessionId":%b}' % to_json(session) if session else b"}"
