"""The browser's side of the wire: decodes commands, and encodes messages as Chromium does."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

import msgspec

from txcdp.domains import lookup
from txcdp.errors import CommandError
from txcdp.protocol import Command, Event, to_json
from txcdp.protocol._error_codes import INVALID_PARAMS, SESSION_NOT_FOUND
from txcdp.testing._line import FakeTransport

#: What Chromium says.


@dataclass(frozen=True)
class Received:
    """One command that a client sent.

    :ivar id: its number.
    :ivar method: its protocol name.
    :ivar command: the command as a value, equal to the one that was executed; a dict of its parameters if the bindings
        do not define it.
    :ivar session_id: the session that it was sent on; None for the root session.
    :ivar line: the transport that it arrived on.
    """

    id: int
    method: str
    command: Any
    session_id: str | None
    line: FakeTransport = field(repr=False, compare=False)


class _Message(msgspec.Struct):
    id: int
    method: str
    params: msgspec.Raw = msgspec.Raw(b"{}")
    sessionId: str | None = None


_read = msgspec.json.Decoder(_Message).decode


def read_command(message: bytes, line: FakeTransport) -> tuple[Received, CommandError | None]:
    """Read a client's message; also return how Chromium refuses it, where it does.

    :raises msgspec.MsgspecError: for what is no command at all.
    """
    raw = _read(message)
    try:
        kind = lookup(raw.method)
    except LookupError:
        kind = Event
    if not issubclass(kind, Command):
        return Received(raw.id, raw.method, msgspec.json.decode(raw.params), raw.sessionId, line), None
    if not kind.__struct_fields__:
        return Received(raw.id, raw.method, kind(), raw.sessionId, line), None  # Chromium does not look at them then
    try:
        command: Any = msgspec.json.decode(raw.params, type=kind)
    except msgspec.ValidationError as error:
        command = msgspec.json.decode(raw.params)
        refusal = CommandError(raw.method, INVALID_PARAMS, "Invalid parameters", f"Failed to deserialize: {error}")
        return Received(raw.id, raw.method, command, raw.sessionId, line), refusal
    return Received(raw.id, raw.method, command, raw.sessionId, line), None


def result_message(received: Received, result: Any) -> bytes:
    """Return the reply with a result: a record, plain data, or None for no result."""
    return b'{"id":%d,"result":%b%b}' % (received.id, b"{}" if result is None else to_json(result), _tail(received))


def error_message(received: Received, error: CommandError) -> bytes:
    """Return the reply with a refusal; one of an unknown session is without its id, as Chromium sends it."""
    said: dict[str, Any] = {"code": error.code, "message": error.message}
    if error.data is not None:
        said["data"] = error.data
    tail = b"" if error.code == SESSION_NOT_FOUND else _tail(received)
    return b'{"id":%d,"error":%b%b}' % (received.id, to_json(said), tail)


def event_message(method: str, params: Any, session_id: str | None) -> bytes:
    """Return an event's message."""
    tail = b"" if session_id is None else b',"sessionId":%b' % to_json(session_id)
    return b'{"method":%b,"params":%b%b}' % (to_json(method), to_json(params), tail)


def _tail(received: Received) -> bytes:
    return b"" if received.session_id is None else b',"sessionId":%b' % to_json(received.session_id)
