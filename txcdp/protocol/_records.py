"""Commands, events and the other records of the protocol, and the decoder that tolerates invalid ones.

A record is a frozen :class:`msgspec.Struct` with snake_case fields. A command knows its method and the type of its
result; an event knows its method. Neither sends itself: ``Session.execute`` sends commands, ``Session.events`` delivers
events.

Browsers may be newer or older than these bindings. So decoding has three steps, each slower and more tolerant than the
one before:

1. msgspec, straight into the typed record: nearly every message;
2. if msgspec rejects a value: generic JSON, from which :func:`build` makes the record: a missing field reads as
   ``None``, a field of another type is delivered as it came;
3. if msgspec rejects the JSON: the standard library's parser, which accepts what JavaScript may send but strict JSON
   does not allow (lone surrogates, ``NaN``), then :func:`build` again.
"""

from __future__ import annotations

import functools
import json
import types
from base64 import b64decode
from collections.abc import Callable
from typing import Any, ClassVar, Generic, Literal, TypeVar, Union, get_args, get_origin, get_type_hints

import msgspec

from txcdp.errors import MalformedMessage

R = TypeVar("R")
T = TypeVar("T")

#: Whether the protocol may change an item at any time (``"experimental"``) or not (``"stable"``).
Stability = Literal["stable", "experimental"]

#: What msgspec raises for input that does not have the expected type.
REJECTED = (msgspec.MsgspecError, UnicodeError, RecursionError)


class Record(
    msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True, repr_omit_defaults=True, gc=False, rename="camel"
):
    """Base of the protocol's object types; ``gc=False`` because decoded JSON has no cycles."""


class Event(Record, frozen=True):
    """Base of the protocol's events.

    :cvar method: the protocol's name, such as ``"Network.requestWillBeSent"``.
    :cvar stability: ``"stable"`` or ``"experimental"``.
    :cvar deprecated: whether the protocol marks it as deprecated.
    """

    method: ClassVar[str]
    stability: ClassVar[Stability] = "stable"
    deprecated: ClassVar[bool] = False


class Command(Record, Generic[R], frozen=True):
    """Base of the protocol's commands; a ``Command[R]`` has a result of type ``R``.

    :cvar method: the protocol's name, such as ``"Page.navigate"``.
    :cvar stability: ``"stable"`` or ``"experimental"``.
    :cvar deprecated: whether the protocol marks it as deprecated.
    """

    method: ClassVar[str]
    stability: ClassVar[Stability] = "stable"
    deprecated: ClassVar[bool] = False


def result_type(command: type[Command[Any]]) -> Any:
    """Return the class of a command's result, or ``None`` if the command has none."""
    bases: tuple[Any, ...] = getattr(command, "__orig_bases__", ())
    (result,) = get_args(bases[0])
    return None if result is types.NoneType else result


def to_json(value: Any) -> bytes:
    """Encode a record or plain data; a lone surrogate is written as the escape that JavaScript reads back."""
    try:
        return _encode(value)
    except UnicodeEncodeError:
        return json.dumps(msgspec.to_builtins(value), separators=(",", ":")).encode("ascii")


_encode = msgspec.json.Encoder().encode


def from_json(text: bytes) -> Any:
    """Decode generic JSON, accepting lone surrogates and ``NaN``; raises :exc:`MalformedMessage` if it cannot."""
    try:
        return _decode(text)
    except REJECTED:
        return _from_loose_json(text)


_decode = msgspec.json.Decoder().decode


def _from_loose_json(text: bytes) -> Any:
    try:
        return json.loads(text)
    except (ValueError, RecursionError) as error:
        raise MalformedMessage(f"not JSON: {type(error).__name__}: {error}") from None


class TolerantDecoder(Generic[T]):
    """Decodes JSON into one type, by the three steps that the module describes.

    :param shape: a Struct class, or any type that msgspec supports.
    :param on_lenient: called without arguments whenever the strict step was not enough.
    """

    def __init__(self, shape: Any, on_lenient: Callable[[], None] | None = None) -> None:
        self.shape = shape
        self.strict: Callable[[bytes], T] = msgspec.json.Decoder(shape).decode
        self._on_lenient = on_lenient

    def __call__(self, text: bytes) -> T:
        """Return the value; :exc:`MalformedMessage` if not even the last step can read it."""
        try:
            return self.strict(text)
        except REJECTED:
            if self._on_lenient is not None:
                self._on_lenient()
            built: T = build(self.shape, from_json(text))
            return built


def build(shape: Any, value: Any) -> Any:
    """Make a value of a type out of generic JSON: a value that does not fit stays as it came.

    :raises MalformedMessage: the data is nested too deeply; nothing else is rejected.
    """
    try:
        return _build(shape, value)
    except RecursionError:
        raise MalformedMessage("nested too deep") from None


def _build(shape: Any, value: Any) -> Any:
    if value is None or shape is Any:
        return value
    if isinstance(shape, type) and issubclass(shape, msgspec.Struct):
        return _build_struct(shape, shape, value)
    if shape is bytes:
        return _build_bytes(value)
    origin = get_origin(shape)
    if origin is list and isinstance(value, list):
        (item,) = get_args(shape)
        return [_build(item, each) for each in value]
    if origin in (Union, types.UnionType):
        return _build_union(get_args(shape), value)
    if isinstance(origin, type) and issubclass(origin, msgspec.Struct):
        return _build_struct(shape, origin, value)
    return value


def _build_struct(shape: Any, cls: type[msgspec.Struct], value: Any) -> Any:
    if not isinstance(value, dict):
        return value
    made: dict[str, Any] = {}
    for name, key, hint, required in _fields(shape, cls):
        if key in value:
            made[name] = _build(hint, value[key])
        elif required:
            made[name] = None
    return cls(**made)


def _build_bytes(value: Any) -> Any:
    try:
        return b64decode(value, validate=True)
    except (ValueError, TypeError):
        return value


def _build_union(members: tuple[Any, ...], value: Any) -> Any:
    for member in members:
        if member is types.NoneType or member is msgspec.UnsetType:
            continue
        built = _build(member, value)
        if built is not value:
            return built
    return value


@functools.cache
def _fields(shape: Any, cls: type[msgspec.Struct]) -> list[tuple[str, str, Any, bool]]:
    """Return (name, JSON key, type, whether required) of each field; for a generic, with its arguments filled in."""
    hints = get_type_hints(cls)
    given = dict(zip(getattr(cls, "__parameters__", ()), get_args(shape)))
    return [
        (field.name, field.encode_name, _substitute(hints[field.name], given), field.required)
        for field in msgspec.structs.fields(cls)
    ]


def _substitute(hint: Any, given: dict[Any, Any]) -> Any:
    if hint in given:
        return given[hint]
    parameters = getattr(hint, "__parameters__", ())
    return hint[tuple(given[each] for each in parameters)] if parameters and given else hint
