"""Conversion of values between Python and JavaScript, in the packed form described in ``injected.js``.

A value that JSON represents faithfully is sent as JSON. Any other is a table with a row for each object: so it may be
nested to any depth, and shared objects and cycles are preserved.
"""

from __future__ import annotations

import array
import base64
import dataclasses
import json
import math
import re
import struct
import warnings
from collections.abc import Awaitable, Callable, Iterable, Mapping, Sequence
from collections.abc import Set as AbstractSet
from datetime import UTC, datetime, timedelta
from typing import Any, Final, NamedTuple, TypeAlias
from urllib.parse import ParseResult, SplitResult

import msgspec

from txcdp.protocol import to_json

#: The prefix of a string that stands for something else.
MARK: Final = "\x7f"

#: The maximum depth of a value that is sent as JSON.
_DEPTH: Final = 100

_EPOCH: Final = datetime(1970, 1, 1, tzinfo=UTC)
_MILLISECOND: Final = timedelta(milliseconds=1)
_NUMBERS: Final = {"NaN": math.nan, "Infinity": math.inf, "-Infinity": -math.inf, "-0": -0.0}
_WHOLE: Final = 2**53

#: The maximum number of characters of all patterns in one value that are compiled: Python takes 2 s for a million, and
#: blocks the reactor meanwhile.
_MOST_PATTERNS: Final = 100_000

#: The type codes of :mod:`array` for typed arrays; those of bytes become bytes.
_ARRAYS: Final = {
    "Int8Array": "b",
    "Int16Array": "h",
    "Uint16Array": "H",
    "Int32Array": "i",
    "Uint32Array": "I",
    "Float32Array": "f",
    "Float64Array": "d",
    "BigInt64Array": "q",
    "BigUint64Array": "Q",
}

#: The reverse, by kind of number and size: the sizes of Python's type codes depend on the machine.
_FLOATS: Final = {code: name for name, code in _ARRAYS.items() if code in "fd"}
_INTEGERS: Final = {
    (code.islower(), array.array(code).itemsize): name for name, code in _ARRAYS.items() if code not in "fd"
} | {(False, 1): "Uint8Array"}

#: Functions of the script that are on the stack below the evaluated source.
_BENEATH: Final = r"(?:evaluate(?:Source|Script|Function|Again)|settlePromise|isThenable|Object\.waitUntil)"

#: The first of our own frames in a stack, and everything after it.
_OURS: Final = re.compile(
    rf"\n    at (?:eval \(<anonymous>\)\n    at )?(?:async )?{_BENEATH} \(<anonymous>:\d+:\d+\)(?:\n.*)*"
)

#: How V8 denotes a position in an evaluated text.
_TOP: Final = re.compile(rf"\bat eval \(eval at {_BENEATH} \([^)\n]*\), ([^)\n]*)\)")
_INSIDE: Final = re.compile(rf"\(eval at {_BENEATH} \([^)\n]*\), ([^)\n]*)\)")


class JSError(Exception):
    """A JavaScript ``Error`` that is a value: returned, not thrown.

    :ivar name: the Error's name, such as ``"TypeError"``.
    :ivar message: the Error's message.
    :ivar stack: the stack where it was created, as formatted by JavaScript.
    """

    def __init__(self, message: str = "", name: str = "Error", stack: str = "") -> None:
        super().__init__(message, name, stack)
        self.message, self.name, self.stack = message, name, stack

    def __str__(self) -> str:
        return f"{self.name}: {self.message}" if self.message else self.name

    def __eq__(self, other: object) -> bool:
        return isinstance(other, JSError) and other.args == self.args

    def __hash__(self) -> int:
        return hash(self.args)


class Unpackable(Exception):
    """Raised if the page could not pack its value; the message says why."""


# Out of the page:


def unpack(packed: Any) -> Any:
    """Return the value that the page has packed.

    :param packed: a primitive, as in the protocol's ``RemoteObject``.
    :raises Unpackable: if the page could not pack it.
    """
    if type(packed) is not str or packed[:1] != MARK:
        return packed
    kind, text = packed[1:2], packed[2:]
    if kind == "j":
        return _json(text)
    if kind == "t":
        return _table(_json(text))
    if kind == "n":
        return int(text, 16)
    if kind == "u":
        raise Unpackable(text)
    return text


def thrown(packed: Any) -> dict[str, Any] | None:
    """Return the page's description of an exception; None if there was none.

    :returns: ``name``, ``message`` and ``stack`` of an Error, otherwise ``type`` and ``value``.
    """
    if type(packed) is not str or packed[:2] != MARK + "x":
        return None
    said: dict[str, Any] = unpack(packed[2:])
    return said


def _json(text: str) -> Any:
    try:
        return msgspec.json.decode(text)
    except (msgspec.DecodeError, UnicodeEncodeError):  # a lone surrogate
        return json.loads(text)


def _number(value: Any) -> Any:
    if type(value) is float:
        return int(value) if value.is_integer() and abs(value) < _WHOLE else value
    return value if -_WHOLE < value < _WHOLE else float(value)


def _table(table: list[Any]) -> Any:
    """Read a table without recursion, however deeply its value is nested."""
    made = _made(table)

    def value(item: Any) -> Any:
        if type(item) is not list:
            return _number(item) if type(item) in (int, float) else item
        kind, content = item
        if kind == "r":
            return made[content]
        return int(content, 16) if kind == "n" else _NUMBERS[content]

    # Who refers to a row has to have what is there in the end: a Map whose keys cannot be hashed is a list of pairs,
    # and a row may stand for a later one.
    for index, row in enumerate(table):
        if row[0] == "m":
            hashable = all(type(key) is not list or _is_hashable(key, table, made) for key in row[1])
            if not hashable or len(set(map(value, row[1]))) < len(row[1]):  # 1, 1n and true are one key in Python
                made[index] = []
    for index in range(len(table) - 1, -1, -1):
        if table[index][0] == "v":
            made[index] = value(table[index][1])
    for row, container in zip(table, made, strict=True):
        if row[0] in "asom":
            _fill(container, *(map(value, each) for each in row[1:]))
    return made[0]


def _made(table: list[Any]) -> list[Any]:
    """Return the objects of a table, with the containers still empty."""
    made: list[Any] = []
    left = _MOST_PATTERNS
    for kind, *content in table:
        size = len(content[0]) if kind == "x" else 0
        made.append(_ROWS[kind](*content) if size <= left else written(*content))
        left -= size if size <= left else 0
    return made


def _fill(container: Any, keys: Iterable[Any], items: Iterable[Any] | None = None) -> None:
    """Fill a container."""
    if items is None:
        container.extend(keys)
    elif type(container) is list:
        container.extend(map(list, zip(keys, items, strict=True)))
    else:
        container.update(zip(keys, items, strict=True))


def _is_hashable(key: list[Any], table: list[Any], made: list[Any]) -> bool:
    """Whether an item can be the key of a dict; a stand-in for a node cannot, as it would be equal to others."""
    return key[0] != "r" or not (table[key[1]][0] == "v" or isinstance(made[key[1]], list | dict | array.array))


def date(milliseconds: float) -> datetime | None:
    """Return a Date; None if Python does not support its year."""
    try:
        return _EPOCH + timedelta(milliseconds=milliseconds)
    except OverflowError:
        return None


def pattern(source: str, flags: str) -> re.Pattern[str] | str:
    """Return a RegExp: as a Python pattern if possible, otherwise as JavaScript writes it."""
    if "v" in flags or re.search(r"\\[pPcu]\{|\\c|\[\^?\]", source):
        return written(source, flags)
    text = re.sub(r"\\(.)|\(\?<(?![=!])", lambda each: "(?P<" if each[1] is None else each[0], source, flags=re.DOTALL)
    text = re.sub(r"\\k<(\w+)>", r"(?P=\1)", text)
    options = re.NOFLAG
    for letter, option in (("i", re.IGNORECASE), ("m", re.MULTILINE), ("s", re.DOTALL)):
        if letter in flags:
            options |= option
    try:
        with warnings.catch_warnings():  # of what a later Python might take otherwise
            warnings.simplefilter("ignore")
            return re.compile(text, options)
    except (re.error, OverflowError, RecursionError):
        return written(source, flags)


def written(source: str, flags: str) -> str:
    """Return a RegExp as JavaScript writes it."""
    return f"/{source}/{flags}"


def clean_stack(stack: str) -> str:
    """Return a stack without our own frames, as if the evaluated source were a script."""
    return _INSIDE.sub(r"(\1)", _TOP.sub(r"at \1", _OURS.sub("", stack)))


def _bytes(name: str, data: str) -> Any:
    content = base64.b64decode(data)
    if name == "Float16Array":
        return array.array("f", struct.unpack(f"{len(content) // 2}e", content))
    code = _ARRAYS.get(name)
    return content if code is None else array.array(code, content)


_ROWS: Final[dict[str, Callable[..., Any]]] = {
    "a": lambda items: [],
    "s": lambda items: [],
    "o": lambda keys, values: {},
    "m": lambda keys, values: {},
    "d": date,
    "x": pattern,
    "e": lambda name, message, stack: JSError(message, name, clean_stack(stack)),
    "b": _bytes,
    "l": lambda url: url,
    "v": lambda item: None,
}


# Into the page:


class KeptReference(NamedTuple):
    """A reference to a kept object, in place of its handle.

    :ivar number: the object's number in the call; None: it stands for a primitive.
    :ivar value: that primitive.
    :ivar is_bigint: whether that is a bigint, even if it is small.
    """

    number: int | None
    value: Any = None
    is_bigint: bool = False


#: Stands for a handle of ``undefined``: a handle that does not exist is that.
UNDEFINED: Final = KeptReference(-1)

#: Returns the replacement of a value; None for the value itself.
Insert: TypeAlias = Callable[[Any], KeptReference | None]


def _nothing(value: Any) -> None:
    return None


def pack(value: Any, insert: Insert = _nothing) -> str:
    """Pack a value, as a JavaScript literal.

    :param insert: called with each value that is not a primitive.
    :raises TypeError: if a part of it has no equivalent in JavaScript.
    :raises ValueError: if a part of it cannot be represented there.
    """
    kind = type(value)
    if kind is str:
        return _literal(f"{MARK}s{value}" if value[:1] == MARK else value)
    if value is None or kind is bool:
        return "null" if value is None else "true" if value else "false"
    if kind is int:
        return str(value) if -_WHOLE <= value <= _WHOLE else f"{'-' * (value < 0)}{abs(value):#x}n"
    if kind is float:
        return repr(value) if math.isfinite(value) else "NaN" if value != value else "-Infinity"[value > 0 :]
    if _is_json(value, set(), 0):
        return _literal(f"{MARK}j{to_json(value).decode()}")
    return _literal(f"{MARK}t{to_json(_Writer(insert).write(value)).decode()}")


def _literal(text: str) -> str:
    return to_json(text).decode()


def _is_json(value: Any, seen: set[int], depth: int) -> bool:
    """Whether JSON represents a value faithfully."""
    kind = type(value)
    if kind is str or value is None or kind is bool:
        return True
    if kind is int:
        return bool(-_WHOLE <= value <= _WHOLE)
    if kind is float:
        return math.isfinite(value)
    if kind is not dict and kind is not list and kind is not tuple:
        return False
    if value or kind is not tuple:  # there is but one empty tuple
        if depth > _DEPTH or id(value) in seen:
            return False
        seen.add(id(value))
    if kind is dict:
        return all(type(key) is str and _is_json(each, seen, depth + 1) for key, each in value.items())
    return all(_is_json(each, seen, depth + 1) for each in value)


class _Writer:
    """Writes one value as a table."""

    def __init__(self, insert: Insert) -> None:
        self._insert = insert
        self._rows: dict[int, int] = {}
        self._waiting: list[Any] = []

    def write(self, value: Any) -> list[list[Any]]:
        first = self._item(value)
        if type(first) is not list or first[0] != "r":  # a primitive alone, or a handle
            return [["v", first]]
        return [self._row(each) for each in self._waiting]  # which grows meanwhile

    def _item(self, value: Any) -> Any:
        if value is None or isinstance(value, bool):
            return value
        if isinstance(value, str):
            return str.__str__(value)
        if isinstance(value, int):
            return int(value) if -_WHOLE <= value <= _WHOLE else _bigint(value)
        if isinstance(value, float):
            if math.isfinite(value):
                return float(value)
            return ["f", "NaN" if math.isnan(value) else "Infinity" if value > 0 else "-Infinity"]
        inserted = self._insert(value)
        if inserted is not None:
            if inserted.number is not None:
                return ["h", inserted.number]
            return _bigint(inserted.value) if inserted.is_bigint else self._item(inserted.value)
        row = self._rows.get(id(value))
        if row is None:
            row = self._rows[id(value)] = len(self._waiting)
            self._waiting.append(value)  # which also keeps it, so that no other has its id
        return ["r", row]

    def _row(self, value: Any) -> list[Any]:
        leaf = _leaf(value)
        if leaf is not None:
            return leaf
        if isinstance(value, AbstractSet):
            return ["s", [*map(self._item, value)]]
        fields = _fields(value)
        if fields is not None:
            items = [*map(self._item, fields.values())]
            if all(isinstance(key, str) for key in fields):
                return ["o", [*map(str.__str__, fields)], items]
            return ["m", [*map(self._item, fields)], items]
        if isinstance(value, Sequence):
            return ["a", [*map(self._item, value)]]
        if hasattr(value, "element_handle"):
            instead = "locator.evaluate(expression) calls a function with its element"
        elif isinstance(value, Awaitable):
            instead = "await it, and give its result"
        else:
            instead = (
                "give numbers, text, bytes, datetimes, patterns, lists, sets, dicts, dataclasses or msgspec Structs of "
                "these"
            )
        raise TypeError(f"a {type(value).__qualname__} cannot be converted to JavaScript: {instead}")


def _bigint(value: int) -> list[Any]:
    return ["n", f"{int(value):x}"]


def _leaf(value: Any) -> list[Any] | None:
    """Write a value that is not a container."""
    if isinstance(value, datetime):
        moment = value if value.tzinfo is not None else value.replace(tzinfo=UTC)
        return ["d", (moment - _EPOCH) // _MILLISECOND]
    if isinstance(value, bytes | bytearray | memoryview):
        return ["b", "Uint8Array", _base64(bytes(value))]
    if isinstance(value, array.array):
        code = value.typecode
        name = _FLOATS.get(code) or (None if code in "uw" else _INTEGERS.get((code.islower(), value.itemsize)))
        if name is None:
            raise TypeError(f"an array of type {code!r} cannot be converted to JavaScript")
        return ["b", name, _base64(value.tobytes())]
    if isinstance(value, re.Pattern):
        return ["x", *regular_expression(value)]
    if isinstance(value, JSError):
        return ["e", value.name, value.message, value.stack]
    if isinstance(value, BaseException):
        name = type(value).__name__
        return ["e", name, str(value), f"{name}: {value}"]  # where it was raised is not the page's business
    if isinstance(value, ParseResult | SplitResult):
        return ["l", value.geturl()]
    return None


def _fields(value: Any) -> Mapping[Any, Any] | None:
    if isinstance(value, Mapping):
        return value
    if isinstance(value, msgspec.Struct):
        found = ((each.encode_name, getattr(value, each.name)) for each in msgspec.structs.fields(value))
        return {name: each for name, each in found if each is not msgspec.UNSET}
    if dataclasses.is_dataclass(value) and not isinstance(value, type):
        return {each.name: getattr(value, each.name) for each in dataclasses.fields(value)}
    return None


def _base64(data: bytes) -> str:
    return base64.b64encode(data).decode("ascii")


#: Where Python's syntax differs: inline flags, named groups, references to them, and the anchors of the text; with all
#: escape sequences, which are skipped.
_OTHERWISE: Final = re.compile(r"\A\(\?[a-zA-Z]+\)|\(\?P<(\w+)>|\(\?P=(\w+)\)|\\[\s\S]")
_ENDS: Final = {r"\A": "^", r"\Z": "$"}

#: JavaScript's flags, and those for behaviour that JavaScript has anyway.
_FLAGS: Final = {re.IGNORECASE: "i", re.MULTILINE: "m", re.DOTALL: "s", re.UNICODE: "", re.ASCII: ""}


def regular_expression(compiled: re.Pattern[Any]) -> tuple[str, str]:
    """Return the source and the flags of a regular expression in JavaScript.

    :raises TypeError: if it is a pattern for bytes.
    :raises ValueError: if JavaScript has no such flag.
    """
    if not isinstance(compiled.pattern, str):
        raise TypeError(f"{compiled!r} cannot be converted to JavaScript: expected a regular expression of str")
    flags = re.RegexFlag(compiled.flags)
    if any(flag not in _FLAGS for flag in flags):
        raise ValueError(
            f"{compiled!r} cannot be converted to JavaScript, which has IGNORECASE, MULTILINE and DOTALL only"
        )

    def written(found: re.Match[str]) -> str:
        if found[1]:
            return f"(?<{found[1]}>"
        if found[2]:
            return rf"\k<{found[2]}>"
        return _ENDS.get(found[0], found[0]) if found[0][0] == "\\" else ""  # the flags are with the others

    letters = "".join(letter for flag, letter in _FLAGS.items() if flag in flags)
    return _OTHERWISE.sub(written, compiled.pattern), letters
