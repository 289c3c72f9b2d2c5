"""Converts ``name=value`` arguments to the parameters of a protocol command."""

from __future__ import annotations

import contextlib
import json
import math
import re
from collections.abc import Sequence
from typing import Any

from txcdp._arguments import did_you_mean, fold_name
from txcdp.codegen.schema import Command, Property, Protocol, Shape, Type, qualified, vendored
from txcdp.domains import lookup


class BadParameter(ValueError):
    """A parameter does not fit the command; the message says what would."""


def read(method: str, given: Sequence[str]) -> tuple[str, dict[str, Any]]:
    """Return a command's name and parameters in the protocol's form.

    :param method: such as ``"Page.navigate"``, in any case, with or without underscores.
    :param given: ``name=value`` each, or ``name:=JSON``.
    :raises BadParameter: there is no such command, or they do not fit it.
    """
    protocol, _ = vendored()
    name, command, domain = _find(protocol, method)
    known = {fold_name(each.name): each for each in command.parameters}
    params: dict[str, Any] = {}
    for key, text, is_json in map(_split, given):
        parameter = known.get(fold_name(key))
        if parameter is None:
            raise BadParameter(_unknown(name, key, command.parameters))
        params[parameter.name] = _json(key, text) if is_json else _Reader(protocol).read(parameter, text, domain, key)
    missing = [each.name for each in command.parameters if not each.optional and each.name not in params]
    if missing:
        raise BadParameter(f"{name} needs {' and '.join(missing)}; {_takes(command.parameters)}")
    return name, params


def read_unchecked(given: Sequence[str]) -> dict[str, Any]:
    """Return the parameters of an unknown command: values that are JSON as JSON, others as text."""
    params: dict[str, Any] = {}
    for key, text, is_json in map(_split, given):
        try:
            params[key] = json.loads(text)
        except ValueError:
            if is_json:
                raise BadParameter(f"{key}: {text!r} is not JSON") from None
            params[key] = text
    return params


def _split(given: str) -> tuple[str, str, bool]:
    found = re.match(r"([A-Za-z_]\w*)(:?=)", given)
    if found is None:
        raise BadParameter(f"{given!r}: expected name=value or name:=JSON")
    return found[1], given[found.end() :], found[2] == ":="


def _find(protocol: Protocol, method: str) -> tuple[str, Command, str]:
    domain, _, member = method.partition(".")
    for each in protocol.domains:
        if fold_name(each.name) == fold_name(domain):
            for command in each.commands:
                if fold_name(command.name) == fold_name(member):
                    return f"{each.name}.{command.name}", command, each.name
            if any(fold_name(event.name) == fold_name(member) for event in each.events):
                raise BadParameter(f"{each.name}.{member} is an event; txcdp watch URL --events {method} shows those")
            near = did_you_mean(member, [command.name for command in each.commands], 3, "; ")
            raise BadParameter(f"{each.name} has no command {member!r}{near}; --raw sends it anyway")
    try:
        lookup(method)
    except LookupError as error:
        raise BadParameter(f"{error.args[0]}; --raw sends it anyway") from None
    raise BadParameter(f"{method} is not a command")


def _unknown(command: str, name: str, parameters: Sequence[Property]) -> str:
    near = did_you_mean(name, [each.name for each in parameters], 3, "; ")
    return f"{command} has no parameter {name!r}{near}; {_takes(parameters)}"


def _takes(parameters: Sequence[Property]) -> str:
    if not parameters:
        return "it takes none"
    required = [each.name for each in parameters if not each.optional]
    optional = [f"[{each.name}]" for each in parameters if each.optional]
    return f"it takes {', '.join(required + optional)}"


class _Reader:
    """Converts texts to the types of the protocol."""

    def __init__(self, protocol: Protocol) -> None:
        self._types: dict[tuple[str, str], Type] = {
            (domain.name, each.id): each for domain in protocol.domains for each in domain.types
        }

    def read(self, shape: Shape, text: str, domain: str, key: str) -> Any:
        if shape.ref is not None:
            where = qualified(shape.ref, domain)
            return self.read(self._types[where], text, where[0], key)
        if shape.enum and text not in shape.enum:
            near = did_you_mean(text, shape.enum, 3, "; ")
            raise BadParameter(f"{key}: {text!r} is not one of {', '.join(shape.enum)}{near}")
        if shape.type in ("string", "binary"):
            return text
        if shape.type == "boolean":
            return _choice(key, text, {"true": True, "false": False, "1": True, "0": False, "yes": True, "no": False})
        if shape.type in ("integer", "number"):
            return _number(key, text, whole=shape.type == "integer")
        if shape.type == "any":
            return read_unchecked([f"value={text}"])["value"]
        value = _json(key, text)
        if not isinstance(value, list if shape.type == "array" else dict):
            raise BadParameter(f"{key}: expected a JSON {shape.type}, not {text}")
        return value


def _choice(key: str, text: str, known: dict[str, bool]) -> bool:
    if text.lower() not in known:
        raise BadParameter(f"{key}: {text!r} is neither true nor false")
    return known[text.lower()]


def _number(key: str, text: str, whole: bool) -> int | float:
    with contextlib.suppress(ValueError):
        return int(text)
    try:
        number = float(text)
    except ValueError:
        number = float("nan")
    if whole or not math.isfinite(number):
        raise BadParameter(f"{key}: {text!r} is not {'an integer' if whole else 'a number'}")
    return number


def _json(key: str, text: str) -> Any:
    try:
        return json.loads(text)
    except ValueError as error:
        raise BadParameter(f"{key}: {text!r} is not JSON ({error})") from None
