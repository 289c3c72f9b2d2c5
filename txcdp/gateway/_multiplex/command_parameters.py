"""The parameters of the commands that a virtual browser answers itself, checked as Chromium checks them."""

from __future__ import annotations

from typing import Any

from txcdp.gateway._client_messages import Command, CommandRefusal
from txcdp.gateway._multiplex.message_writing import invalid
from txcdp.protocol._error_codes import INVALID_PARAMS


def params_of(command: Command) -> dict[str, Any]:
    """Return the parameters of a command that takes some; none are an empty dict.

    :raises CommandRefusal: they are a list.
    """
    params = command.params
    if isinstance(params, list):
        what = "Failed to deserialize params - CBOR: map start expected"
        raise CommandRefusal(INVALID_PARAMS, "Invalid parameters", data=what)
    return params or {}


def flag(params: dict[str, Any], name: str, default: bool | None = None) -> bool:
    """Return a parameter that is true or false; without a default it has to be there."""
    found = params.get(name, default)
    if found is None:
        raise invalid(name, "mandatory field missing")
    if not isinstance(found, bool):
        raise invalid(name, "bool value expected")
    return found


def text(params: dict[str, Any], name: str) -> str | None:
    """Return a parameter that is a string, or None where it is not there."""
    found = params.get(name)
    if found is not None and not isinstance(found, str):
        raise invalid(name, "string value expected")
    return found


def needed_text(params: dict[str, Any], name: str) -> str:
    """Return a parameter that is a string, and has to be there."""
    found = text(params, name)
    if found is None:
        raise invalid(name, "mandatory field missing")
    return found
