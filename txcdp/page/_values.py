"""Values between Python and JavaScript, both ways.

*Out* of the page they come as V8's own deep serialization (``Runtime.evaluate`` with ``serializationOptions``): it is
made by the browser, so nothing that a page has done to ``JSON``, ``Date``, ``Array.prototype`` or ``toJSON`` is in it.
What it leaves open (the bytes of a buffer, what an Error says, what a URL is) is read by :data:`SERIALIZE`, which goes
over the object in the page once more.

*Into* the page they go as JavaScript's own source text, :func:`literal`: literals are made without calling anything
that a page could have replaced.
"""

from __future__ import annotations

import array
import base64
import dataclasses
import json
import math
import re
from collections.abc import Mapping, Sequence
from collections.abc import Set as AbstractSet
from datetime import UTC, datetime, timedelta
from importlib.resources import files
from typing import Any, Final

import msgspec

from txcdp.domains import runtime

#: Levels of nesting that are read at once: the protocol's own nesting has an end at about three times that.
MAX_DEPTH: Final = 64

#: The function that goes over an object in the page; called on it, it returns a table by value. See the file.
SERIALIZE: Final = (
    "function " + files("txcdp.page").joinpath("serialize.js").read_text("utf-8").partition("\nfunction ")[2]
)

_EPOCH: Final = datetime(1970, 1, 1, tzinfo=UTC)
_NUMBERS: Final = {"NaN": math.nan, "Infinity": math.inf, "-Infinity": -math.inf, "-0": -0.0}
_WHOLE: Final = 2**53

#: The item codes of :mod:`array` that typed arrays have; those of bytes are bytes.
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
_ARRAY_NAMES: Final = {code: name for name, code in _ARRAYS.items()}

#: What the deep serialization says nothing more of, but the page can be asked about.
_OPEN: Final = frozenset({"arraybuffer", "error", "platformobject", "proxy", "typedarray"})


class JSError(Exception):
    """An ``Error`` of JavaScript that is a value: returned, not thrown.

    :ivar name: such as ``"TypeError"``.
    :ivar message: what it says.
    :ivar stack: where it was made, as JavaScript writes it.
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


class Incomplete(Exception):
    """Raised for a value that the page has to be asked for once more."""


class _Reader:
    """Reads one deep serialization.

    :ivar items: how many it has read.
    """

    def __init__(self) -> None:
        self.items = 0
        self._shared: dict[int, Any] = {}

    def read(self, value: dict[str, Any]) -> Any:
        self.items += 1
        kind = value["type"]
        if kind in ("string", "boolean"):
            return value["value"]
        if kind == "number":
            return _number(value["value"])
        reference = value.get("weakLocalObjectReference")
        if reference is not None and reference in self._shared:
            return self._shared[reference]
        if kind in ("array", "set"):
            found: list[Any] = []
            self._note(reference, found)
            found.extend(map(self.read, _content(value)))
            return found
        if kind == "object":
            made: dict[Any, Any] = {}
            self._note(reference, made)
            for key, inner in _content(value):
                made[key] = self.read(inner)
            return made
        made_of = _LEAVES.get(kind)
        if made_of is not None:
            return made_of(value)
        if kind == "map":
            return self._map(value, reference)
        if kind in _OPEN:
            raise Incomplete
        return {}

    def _map(self, value: dict[str, Any], reference: int | None) -> Any:
        made: dict[Any, Any] = {}
        self._note(reference, made)
        keys = [key if isinstance(key, str) else self.read(key) for key, _ in _content(value)]
        items = [self.read(item) for _, item in _content(value)]
        try:
            made.update(zip(keys, items, strict=True))
        except TypeError:
            return [list(pair) for pair in zip(keys, items, strict=True)]
        return made

    def _note(self, reference: int | None, made: Any) -> None:
        if reference is not None:
            self._shared[reference] = made


def _content(value: dict[str, Any]) -> list[Any]:
    """Return what is in a container; where it was not written, it is nested too deep to be written so."""
    found: list[Any] | None = value.get("value")
    if found is None:
        raise Incomplete
    return found


def _number(value: Any) -> Any:
    if isinstance(value, str):
        return _NUMBERS[value]
    if type(value) is float:
        return int(value) if value.is_integer() and abs(value) < _WHOLE else value
    return value if abs(value) < _WHOLE else float(value)


def date(text: Any) -> datetime | None:
    """Return a Date; None for an invalid one."""
    if isinstance(text, int | float):
        try:
            return _EPOCH + timedelta(milliseconds=text)
        except OverflowError:
            return None
    try:
        return datetime.fromisoformat(str(text))
    except ValueError:  # "Invalid Date", or a year that Python has not
        return None


def pattern(source: str, flags: str) -> re.Pattern[str] | str:
    """Return a RegExp: as Python's where it can say it, else as JavaScript writes it."""
    written = f"/{source}/{flags}"
    if "v" in flags or re.search(r"\\[pPcu]\{|\\c|\[\^?\]", source):
        return written
    text = re.sub(r"\\(.)|\(\?<(?![=!])", lambda each: "(?P<" if each[1] is None else each[0], source, flags=re.DOTALL)
    text = re.sub(r"\\k<(\w+)>", r"(?P=\1)", text)
    options = re.NOFLAG
    for letter, option in (("i", re.IGNORECASE), ("m", re.MULTILINE), ("s", re.DOTALL)):
        if letter in flags:
            options |= option
    try:
        return re.compile(text, options)
    except (re.error, OverflowError):
        return written


def _bytes(name: str, data: str) -> Any:
    content = base64.b64decode(data)
    code = _ARRAYS.get(name)
    return content if code is None else array.array(code, content)


_LEAVES: Final[dict[str, Any]] = {
    "undefined": lambda value: None,
    "null": lambda value: None,
    "function": lambda value: None,
    "symbol": lambda value: None,
    # What stands for what has no value, as users of the field know it:
    "window": lambda value: "ref: <Window>",
    "node": lambda value: "ref: <Document>" if value["value"].get("nodeType") == 9 else "ref: <Node>",
    "bigint": lambda value: int(value["value"]),
    "date": lambda value: date(value["value"]),
    "regexp": lambda value: pattern(value["value"]["pattern"], value["value"].get("flags") or ""),
}


def read_deep(deep: runtime.DeepSerializedValue) -> tuple[Any, int]:
    """Read what V8 has written.

    :returns: the value, and of how many items it consists.
    :raises Incomplete: the page has to be asked for the rest: see :data:`SERIALIZE`.
    """
    reader = _Reader()
    reference = deep.weak_local_object_reference
    value = {"type": str(deep.type), "value": deep.value, "weakLocalObjectReference": reference}
    return reader.read(value), reader.items


def read_table(table: list[Any] | dict[str, Any]) -> Any:
    """Read what :data:`SERIALIZE` has returned; however deep it is nested, without recursion."""
    if isinstance(table, dict):
        return table["json"]
    made: list[Any] = [_ENTRIES[entry[0]](*entry[1:]) for entry in table]

    def value(item: Any) -> Any:
        if not isinstance(item, list):
            return _number(item) if type(item) in (int, float) else item
        kind, content = item
        if kind == "r":
            return made[content]
        return int(content) if kind == "n" else _NUMBERS[content]

    # A Map whose keys cannot be hashed is a list of pairs, and what refers to it has to have that one.
    for index, entry in enumerate(table):
        if entry[0] == "m" and any(isinstance(key, list) and key[0] == "r" for key in entry[1]):
            made[index] = []
    for entry, container in zip(table, made, strict=True):
        if entry[0] in ("a", "s"):
            container.extend(map(value, entry[1]))
        elif entry[0] == "o":
            container.update(zip(entry[1], map(value, entry[2]), strict=True))
        elif entry[0] == "m":
            pairs = zip(map(value, entry[1]), map(value, entry[2]), strict=True)
            if isinstance(container, list):
                container.extend(map(list, pairs))
            else:
                container.update(pairs)
    return made[0]


_ENTRIES: Final[dict[str, Any]] = {
    "a": lambda items: [],
    "s": lambda items: [],
    "o": lambda keys, values: {},
    "m": lambda keys, values: {},
    "d": date,
    "x": pattern,
    "e": lambda name, message, stack: JSError(message, name, stack),
    "b": _bytes,
    "t": lambda text: text,
    "u": lambda: None,
}


# Into the page:


class _Writer:
    """Writes one value as JavaScript's source.

    What is met twice, a cycle above all, gets a name of its own and is filled afterwards.
    """

    def __init__(self, bigints: bool) -> None:
        self._bigints = bigints
        self._seen: dict[int, int] = {}
        self._names: dict[int, str] = {}
        self._made: list[str] = []
        self._filled: list[str] = []
        self._kept: list[Any] = []  # so that no id is used twice

    def write(self, value: Any) -> str:
        self._count(value)
        text = self._text(value)
        if not self._made:
            return text
        return f"(()=>{{const {','.join(self._made)};{''.join(self._filled)}return {text}}})()"

    def _count(self, value: Any) -> None:
        waiting = [value]
        while waiting:
            each = waiting.pop()
            inside = _inside(each)
            if inside is None:
                continue
            self._kept.append(each)
            seen = self._seen[id(each)] = self._seen.get(id(each), 0) + 1
            if seen == 1:
                self._kept.append(inside)
                waiting.extend(inside)

    def _text(self, value: Any) -> str:
        known = self._names.get(id(value))
        if known is not None:
            return known
        if self._seen.get(id(value), 0) > 1:
            return self._named(value)
        return self._whole(value)

    def _named(self, value: Any) -> str:
        name = self._names[id(value)] = f"v{len(self._names)}"
        if isinstance(value, AbstractSet):
            self._made.append(f"{name}=new Set()")
            self._filled += [f"{name}.add({self._text(each)});" for each in value]
            return name
        fields = _fields(value)
        if fields is None:
            self._made.append(f"{name}=[]")
            self._filled += [f"{name}[{at}]={self._text(each)};" for at, each in enumerate(value)]
        elif _is_object(fields):
            self._made.append(f"{name}={{}}")
            for key, each in fields.items():
                if key == "__proto__":
                    raise ValueError('a dict that is met twice cannot have the key "__proto__"')
                self._filled.append(f"{name}[{json.dumps(str(key))}]={self._text(each)};")
        else:
            self._made.append(f"{name}=new Map()")
            self._filled += [f"{name}.set({self._text(key)},{self._text(each)});" for key, each in fields.items()]
        return name

    def _whole(self, value: Any) -> str:
        if isinstance(value, int) and not self._bigints and not isinstance(value, bool):
            return f"{int(value)}"
        plain = _plain(value)
        if plain is not None:
            return plain
        if isinstance(value, AbstractSet):
            return f"new Set([{','.join(map(self._text, value))}])"
        fields = _fields(value)
        if fields is not None:
            if _is_object(fields):
                # A computed key is never the prototype.
                inner = (f"[{json.dumps(str(key))}]:{self._text(each)}" for key, each in fields.items())
                return f"{{{','.join(inner)}}}"
            pairs = (f"[{self._text(key)},{self._text(each)}]" for key, each in fields.items())
            return f"new Map([{','.join(pairs)}])"
        if isinstance(value, Sequence):
            return f"[{','.join(map(self._text, value))}]"
        raise TypeError(
            f"a {type(value).__qualname__} has no form in JavaScript: give numbers, text, bytes, datetimes, patterns, "
            "lists, sets, dicts, dataclasses or msgspec Structs of these"
        )


def _inside(value: Any) -> list[Any] | None:
    """Return what is in a container; None for what is none."""
    if value is None or isinstance(value, str | bytes | bytearray | memoryview | int | float | array.array):
        return None
    if isinstance(value, AbstractSet):
        return list(value)
    fields = _fields(value)
    if fields is not None:
        return [*fields.keys(), *fields.values()] if not _is_object(fields) else list(fields.values())
    return list(value) if isinstance(value, Sequence) else None


def _fields(value: Any) -> Mapping[Any, Any] | None:
    if isinstance(value, Mapping):
        return value
    if isinstance(value, msgspec.Struct):
        return {each.encode_name: getattr(value, each.name) for each in msgspec.structs.fields(value)}
    if dataclasses.is_dataclass(value) and not isinstance(value, type):
        return {each.name: getattr(value, each.name) for each in dataclasses.fields(value)}
    return None


def _is_object(fields: Mapping[Any, Any]) -> bool:
    return all(isinstance(key, str) for key in fields)


def _plain(value: Any) -> str | None:
    """Write what is no container."""
    if value is None:
        return "null"
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, str):
        return json.dumps(str.__str__(value))  # lone surrogates are escapes in it, as JavaScript has them
    if isinstance(value, int):
        return f"{int(value)}" if abs(value) <= _WHOLE else f"{int(value)}n"
    if isinstance(value, float):
        return (
            repr(float(value))
            if math.isfinite(value)
            else {math.inf: "Infinity", -math.inf: "-Infinity"}.get(value, "NaN")
        )
    if isinstance(value, datetime):
        moment = value if value.tzinfo is not None else value.replace(tzinfo=UTC)
        return f"new Date({(moment - _EPOCH) // timedelta(milliseconds=1)})"
    if isinstance(value, bytes | bytearray | memoryview):
        return _buffer("Uint8Array", bytes(value))
    if isinstance(value, array.array):
        if value.typecode not in _ARRAY_NAMES:
            raise TypeError(f"an array of the type {value.typecode!r} has no form in JavaScript")
        return _buffer(_ARRAY_NAMES[value.typecode], value.tobytes())
    if isinstance(value, re.Pattern):
        return _regexp(value)
    if isinstance(value, JSError):
        said = json.dumps({"name": value.name, "stack": value.stack})
        made = f"new Error({json.dumps(value.message)})"
        return f"(({{name,stack}},e)=>{{e.name=name;e.stack=stack;return e}})({said},{made})"
    return None


def _buffer(name: str, data: bytes) -> str:
    code = "(s=>{const b=new Uint8Array(s.length);for(let i=0;i<s.length;i++)b[i]=s.charCodeAt(i);return %s})"
    whole = "b" if name == "Uint8Array" else f"new {name}(b.buffer)"
    return f"{code % whole}(atob({json.dumps(base64.b64encode(data).decode())}))"


def _regexp(value: re.Pattern[Any]) -> str:
    if not isinstance(value.pattern, str) or value.flags & re.VERBOSE:
        raise ValueError(f"{value!r} has no form in JavaScript: give one of text, without re.VERBOSE")
    source = value.pattern.replace("(?P<", "(?<")
    source = re.sub(r"\(\?P=(\w+)\)", r"\\k<\1>", source)
    flags = "".join(
        letter for letter, flag in (("i", re.IGNORECASE), ("m", re.MULTILINE), ("s", re.DOTALL)) if value.flags & flag
    )
    return f"new RegExp({json.dumps(source)},{json.dumps(flags)})"


def literal(value: Any, *, bigints: bool = True) -> str:
    """Write a value as an expression of JavaScript.

    :param bigints: whether an int beyond 2**53 is a bigint, as here; else a number that is near, as in JSON.
    :raises TypeError: something in it has no form there.
    :raises ValueError: something in it cannot be said there, or is nested too deep.
    """
    try:
        return _Writer(bigints).write(value)
    except RecursionError:
        raise ValueError("the value is nested too deep to be given to JavaScript") from None
