"""The bytes of CDP messages and their meaning, without Twisted, Rx or any state but the next id.

Chromium and Node write the keys of a message in one order::

    {"method":"Network.dataReceived","params":{...},"sessionId":"5E55..."}     an event
    {"id":7,"result":{...},"sessionId":"5E55..."}                              a reply
    {"id":7,"error":{"code":-32000,"message":"..."}}                           a refusal

So an event's method and session, and a reply's id, can be read from the first and last bytes; a message that nobody
wants is never decoded. A message written otherwise is read the general way, by :func:`read_head`, with the same result.
(Except for keys that CDP does not have, or that occur twice: if a message begins in the usual way, these are not looked
for.)

A reply is always decoded, and has to match the command: its id, however that was read, and its session, if the reply
names one. Errors for messages that could not be read, or for sessions that are gone, name none.
"""

from __future__ import annotations

import functools
from collections.abc import Callable
from typing import Any, Final, Generic, NamedTuple, TypeVar

import msgspec

from txcdp.errors import CommandError, MalformedMessage
from txcdp.protocol._auto_attach import ATTACH_TO_TARGET
from txcdp.protocol._records import REJECTED, Command, TolerantDecoder, build, from_json, result_type, to_json
from txcdp.protocol._stateful import is_stateful

T = TypeVar("T")

#: How Chromium's messages begin.
EVENT_START: Final = b'{"method":"'
REPLY_START: Final = b'{"id":'


#: Commands that the browser's own process handles at once, and that make the target send events.
OVERTAKES: Final = frozenset({"Page.navigate", "Page.reload", "Page.navigateToHistoryEntry"})

_METHOD_AT = len(EVENT_START)
_ID_AT = len(REPLY_START)
_LONGEST_ID = 24
_PARAMS = b'","params":{'
_SESSION = b'},"sessionId":"'
_BOTH = "an event with an id, like a reply"
_TAIL = len(_SESSION) + 128  # session ids are 32 characters long; proxies have made longer ones


class Head(NamedTuple):
    """The head of a message: whether it is an event (``method``) or a reply (``id``), and its session."""

    id: int | None
    method: bytes | None
    session: bytes
    error: Any = None


class Envelope(msgspec.Struct, Generic[T], gc=False):
    """An event's message: the parameters, and the keys that an event must not have."""

    params: T
    id: Any = None


class ErrorObject(msgspec.Struct, gc=False):
    """The error of a reply."""

    code: int = 0
    message: str = ""
    data: Any = None


class Reply(msgspec.Struct, Generic[T], gc=False):
    """A reply's message: the outcome, and the values that have to match the command."""

    result: T | msgspec.UnsetType = msgspec.UNSET
    error: ErrorObject | None | msgspec.UnsetType = msgspec.UNSET
    id: Any = None
    session: Any = msgspec.field(name="sessionId", default=None)
    method: Any = None


def peek_method(message: bytes) -> bytes:
    """Return the method of a message that begins with :data:`EVENT_START`."""
    return message[_METHOD_AT : message.find(b'"', _METHOD_AT)]


def peek_digits(message: bytes) -> bytes:
    """Return the digits of the id of a message that begins with :data:`REPLY_START`; ``b""`` if it is no whole number.

    The digits are followed by a comma.
    """
    digits = message[_ID_AT : max(0, message.find(b",", _ID_AT, _ID_AT + _LONGEST_ID))]
    return digits if digits.isdigit() or digits.removeprefix(b"-").isdigit() else b""


def peek_id(message: bytes) -> int | None:
    """Return the id of a message that begins with :data:`REPLY_START`, or None if it is not a whole number."""
    comma = message.find(b",", _ID_AT, _ID_AT + _LONGEST_ID)
    digits = message[_ID_AT:comma] if comma > 0 else b""
    if not digits.isdigit():  # less than 0, or none
        digits = peek_digits(message)
    return int(digits) if digits else None


def event_prefix(method: bytes) -> bytes:
    """Return how Chromium begins an event's message."""
    return b"".join((EVENT_START, method, _PARAMS))


def session_of(message: bytes, prefix: bytes) -> bytes:
    """Return the session id of an event, ``b""`` for the root session; decoded only if it must be.

    :param prefix: the result of :func:`event_prefix` for the event's method.
    :raises MalformedMessage: it has to be decoded for that, and cannot be.
    """
    if message.startswith(prefix):
        if message.endswith(b"}}"):
            return b""
        at = _session_at(message)
        if at > 0:
            return message[at:-2]
    head = read_head(message)
    if head.id is not None:
        raise MalformedMessage(_BOTH)
    return head.session


def _session_at(event: bytes) -> int:
    """Return the position of the session's id in an event that ends with it, after its parameters; otherwise -1."""
    at = event.rfind(_SESSION, len(event) - _TAIL if len(event) > _TAIL else 0)
    # Within a JSON string every quote follows a backslash, so this is a key; and the one closing brace behind it is
    # the message's own.
    return at + len(_SESSION) if at > 0 and event.endswith(b'"}') else -1


def split_event(event: bytes) -> tuple[bytes, bytes, int] | None:
    """Split an event without decoding it: into method, session, and the end of everything but the session.

    ``event[1:end]`` is then ``"method":...,"params":{...}``. None if it is not written as Chromium writes it.
    """
    at = event.find(b'"', _METHOD_AT)
    if not event.startswith(EVENT_START) or not event.startswith(_PARAMS, at):
        return None
    if event.endswith(b"}}"):
        return event[_METHOD_AT:at], b"", len(event) - 1
    session = _session_at(event)
    if session < 0:
        return None
    return event[_METHOD_AT:at], event[session:-2], session - len(_SESSION) + 1


def read_head(message: bytes) -> Head:
    """Decode a message with keys in any order, only to learn what it is.

    :raises MalformedMessage: it is not JSON, not an object, or neither a reply nor an event.
    """
    value = from_json(message)
    if not isinstance(value, dict):
        raise MalformedMessage(f"a message that is not an object but {type(value).__name__}")
    session = value.get("sessionId", "")
    if not isinstance(session, str):
        raise MalformedMessage("a sessionId that is not a string")
    key = session.encode("utf-8", "surrogatepass")
    number, method = value.get("id"), value.get("method")
    if type(number) is int:
        return Head(number, None, key)
    if number is None and isinstance(method, str):
        return Head(None, method.encode("utf-8", "surrogatepass"), key)
    if number is None and "error" in value:
        return Head(None, None, key, value["error"])
    raise MalformedMessage("neither a reply (an integer id) nor an event (a method)")


def encode_command(number: int, opening: bytes, params: bytes, tail: bytes) -> bytes:
    """Return a command's message.

    :param opening: the result of :func:`command_opening` for the method.
    :param params: the parameters as JSON.
    :param tail: the result of :func:`session_tail` for the session.
    """
    return b'{"id":%d%b%b%b' % (number, opening, params, tail)


def command_opening(method: str) -> bytes:
    """Return what is between id and parameters in the messages of one command, to be made once."""
    return b',"method":%b,"params":' % to_json(method)


def session_tail(session_id: str | None) -> bytes:
    """Return the end of every command's message to one session, to be made once."""
    return b"}" if session_id is None else b',"sessionId":%b}' % to_json(session_id)


class ReplyDecoder(Generic[T]):
    """Converts a reply's message to the command's result, or raises the browser's error.

    :param method: the command's method, for the error.
    :param shape: the type of the result; None if there is none.
    :ivar opening: of the command's message, see :func:`command_opening`.
    :ivar special: whether a session has more to do for the command than to send it.
    """

    __slots__ = ("_none", "_tolerant", "method", "opening", "special")

    def __init__(self, method: str, shape: Any) -> None:
        self.method = method
        self.opening = command_opening(method)
        self.special = method in OVERTAKES or method == ATTACH_TO_TARGET or is_stateful(method)
        self._none = shape is None
        self._tolerant = _reply_reader(Any if shape is None else shape)

    def read(self, message: bytes, number: int, session: str | None, on_lenient: Callable[[], None]) -> T:
        """Return the result; ``on_lenient`` is called if the message had to be read tolerantly.

        :param number: the command's id.
        :param session: the id of the session that it was sent in, None for the root session.
        :raises CommandError: the browser's error.
        :raises MalformedMessage: the message cannot be read, is not a reply, or belongs to another command.
        """
        try:
            reply = self._tolerant.strict(message)
        except REJECTED:
            on_lenient()
            reply = self._tolerant(message)
            if not isinstance(reply, Reply):
                raise MalformedMessage(f"{self.method}: a reply that is not an object") from None
        if reply.session != session or reply.id != number or reply.method is not None:
            self._check(reply, number, session)
        result = reply.result
        if reply.error is not msgspec.UNSET and (reply.error is not None or result is msgspec.UNSET):
            raise self._refusal(reply.error, result)
        if result is msgspec.UNSET:
            raise MalformedMessage(f"{self.method}: a reply with neither result nor error")
        return None if self._none else result  # type: ignore[return-value]

    def _check(self, reply: Reply[T], number: int, session: str | None) -> None:
        if reply.method is not None:
            raise MalformedMessage(f"{self.method}: a reply with a method, like an event")
        if reply.id != number:
            raise MalformedMessage(f"{self.method}: a reply with two ids")
        if reply.session not in (None, "", session):
            raise MalformedMessage(f"{self.method}: a reply of another session")

    def _refusal(self, error: Any, result: Any) -> Exception:
        if error is None:  # as JSON-RPC 1 says that there is none
            return MalformedMessage(f"{self.method}: a reply with neither result nor error")
        if result is not msgspec.UNSET and result is not None:
            return MalformedMessage(f"{self.method}: a reply with both result and error")
        if not isinstance(error, ErrorObject):
            error = ErrorObject(message=str(error))
        return CommandError(self.method, error.code, error.message, error.data)


class EventDecoder(Generic[T]):
    """Converts an event's message to a record of its parameters, or to a dict if the shape is ``dict``."""

    __slots__ = ("_on_lenient", "_shape", "_strict")

    def __init__(self, shape: Any, on_lenient: Callable[[], None]) -> None:
        self._shape = shape
        self._strict: Callable[[bytes], Envelope[T]] = _envelope_decoder(shape)
        self._on_lenient = on_lenient

    def __call__(self, message: bytes) -> T:
        """Return the parameters.

        :raises MalformedMessage: the message cannot be read.
        """
        try:
            envelope = self._strict(message)
        except REJECTED:
            return self._tolerant(message)
        if envelope.id is not None:
            raise MalformedMessage(_BOTH)
        return envelope.params

    def _tolerant(self, message: bytes) -> T:
        self._on_lenient()
        value = from_json(message)
        if isinstance(value, dict) and value.get("id") is not None:
            raise MalformedMessage(_BOTH)
        params = value.get("params") if isinstance(value, dict) else None
        if not isinstance(params, dict):
            params = {}
        built: T = build(self._shape, params)
        return built


@functools.cache
def _envelope_decoder(shape: Any) -> Callable[[bytes], Envelope[Any]]:
    return msgspec.json.Decoder(Envelope[shape]).decode


@functools.cache
def _reply_reader(shape: Any) -> TolerantDecoder[Reply[Any]]:
    return TolerantDecoder(Reply[shape])


@functools.cache
def reply_decoder(command: type[Command[T]]) -> ReplyDecoder[T]:
    """Return the decoder of a command class's replies, made at the first use.

    :raises TypeError: the class is not that of a command.
    """
    if not issubclass(command, Command):
        raise TypeError(
            f"execute() takes a command such as page.navigate(url=...), not {command.__name__}; "
            'by a name in the protocol: execute_raw("Page.navigate", {"url": ...})'
        )
    return ReplyDecoder(command.method, result_type(command))
