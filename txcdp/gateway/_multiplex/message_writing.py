"""Writes a virtual browser's messages: commands to the browser, replies and events to its client, as Chromium does.

What a client sent is never passed on unchanged. :mod:`txcdp.gateway._client_messages` decodes it; it is checked and
encoded again: so the browser reads what was checked, whatever its own parser does with duplicate keys or invalid UTF-8.
"""

from __future__ import annotations

from typing import Any

from txcdp.gateway._client_messages import CommandRefusal, message_end
from txcdp.protocol import to_json
from txcdp.protocol._error_codes import INVALID_PARAMS, SESSION_NOT_FOUND


def no_session() -> CommandRefusal:
    """Return the refusal of a session that there is not, or that is another's: the two are one."""
    return CommandRefusal(SESSION_NOT_FOUND, "Session with given id not found.")


def no_target() -> CommandRefusal:
    """Return the refusal of a target that there is not, or that is another's."""
    return CommandRefusal(INVALID_PARAMS, "No target with given id found")


def invalid(name: str, what: str) -> CommandRefusal:
    """Return the refusal of a parameter that is missing or of the wrong type."""
    return CommandRefusal(
        INVALID_PARAMS, "Invalid parameters", data=f"Failed to deserialize params.{name} - BINDINGS: {what}"
    )


def write_command(number: int, method: str, params: dict[str, Any] | list[Any] | None, session: bytes) -> bytes:
    """Return a command as it goes to the browser.

    :param session: the session's id, ``b""`` for the root session; one that the browser has told.
    """
    tail = b',"sessionId":"%b"}' % session if session else b"}"
    body = to_json({} if params is None else params)
    return b"".join((b'{"id":%d,"method":' % number, to_json(method), b',"params":', body, tail))


def write_reply(number: int, result: Any, session: str) -> bytes:
    """Return a reply as it goes to a client."""
    return b'{"id":%d,"result":%b%b' % (number, to_json(result), message_end(session))


def write_event(method: str, params: dict[str, Any], session: str) -> bytes:
    """Return an event as it goes to a client."""
    return b'{"method":%b,"params":%b%b' % (to_json(method), to_json(params), message_end(session))
