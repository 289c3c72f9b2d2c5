"""Values between Python and JavaScript, without a browser: what is read, and what is written."""

from __future__ import annotations

import array
import dataclasses
import enum
import math
import re
from datetime import UTC, datetime, timedelta, timezone
from typing import Any

import msgspec
import pytest

from txcdp.domains import runtime
from txcdp.page import JSError
from txcdp.page._values import Incomplete, literal, pattern, read_deep, read_table


def deep(kind: str, value: Any = None, reference: int | None = None) -> runtime.DeepSerializedValue:
    return runtime.DeepSerializedValue(type=kind, value=value, weak_local_object_reference=reference)  # type: ignore[arg-type]


def test_what_v8_writes() -> None:
    written = [
        ["a", {"type": "number", "value": 1.0}],
        ["b", {"type": "array", "value": [{"type": "number", "value": "-0"}, {"type": "undefined"}]}],
        ["c", {"type": "map", "value": [[{"type": "number", "value": 1}, {"type": "null"}], ["k", {"type": "null"}]]}],
        ["d", {"type": "date", "value": "2020-01-02T03:04:05.678Z"}],
        ["e", {"type": "date", "value": "Invalid Date"}],
        ["f", {"type": "regexp", "value": {"pattern": "a", "flags": "gi"}}],
        ["g", {"type": "bigint", "value": "123456789012345678901"}],
        ["h", {"type": "node", "value": {"nodeType": 9}}],
        ["i", {"type": "weakmap"}],
        ["j", {"type": "number", "value": 2**53}],
        ["k", {"type": "date", "value": "+012020-01-02T03:04:05.678Z"}],
    ]
    value, items = read_deep(deep("object", written))
    assert items == 17
    assert value == {
        "a": 1,
        "b": [0, None],
        "c": {1: None, "k": None},
        "d": datetime(2020, 1, 2, 3, 4, 5, 678000, UTC),
        "e": None,
        "f": re.compile("a", re.IGNORECASE),
        "g": 123456789012345678901,
        "h": "ref: <Document>",
        "i": {},
        "j": 2.0**53,
        "k": None,
    }
    assert math.copysign(1, value["b"][0]) == -1
    assert [type(value["a"]), type(value["j"])] == [int, float]


def test_what_v8_writes_once_is_one_object() -> None:
    again = {"type": "object", "weakLocalObjectReference": 2}
    inner = {"type": "object", "value": [["self", again]], "weakLocalObjectReference": 2}
    value, _ = read_deep(deep("array", [inner, again, {"type": "array", "weakLocalObjectReference": 1}], 1))
    assert value[0] is value[1] is value[0]["self"]
    assert value[2] is value


def test_keys_that_cannot_be_hashed() -> None:
    pair = [{"type": "object", "value": []}, {"type": "number", "value": 1}]
    assert read_deep(deep("map", [pair]))[0] == [[{}, 1]]
    assert read_table([["m", [["r", 1]], [5]], ["o", [], []]]) == [[{}, 5]]
    assert read_table([["a", [["r", 1]]], ["m", ["k"], [5]]]) == [{"k": 5}]


@pytest.mark.parametrize("kind", ["error", "arraybuffer", "typedarray", "platformobject", "proxy", "array", "object"])
def test_what_the_page_has_to_be_asked_for(kind: str) -> None:
    with pytest.raises(Incomplete):
        read_deep(deep("array", [{"type": kind}]))


def test_what_the_page_tells() -> None:
    table = [
        ["a", [["r", 1], ["r", 2], ["r", 3], ["r", 4], ["n", "9" * 20], ["f", "NaN"], ["r", 0], ["r", 5], ["r", 6]]],
        ["b", "Uint8Array", "AAH/"],
        ["b", "Float64Array", "AAAAAAAA+D8="],
        ["e", "TypeError", "no", "TypeError: no"],
        ["d", 5],
        ["u"],
        ["s", [1.0, 2.5, 2**60]],
    ]
    value = read_table(table)
    assert value[0] == b"\x00\x01\xff"
    assert value[1] == array.array("d", [1.5])
    assert (value[2], str(value[2])) == (JSError("no", "TypeError", "TypeError: no"), "TypeError: no")
    assert value[3] == datetime(1970, 1, 1, 0, 0, 0, 5000, UTC)
    assert value[4] == int("9" * 20)
    assert math.isnan(value[5])
    assert value[6] is value
    assert value[7] is None
    assert value[8] == [1, 2.5, float(2**60)]
    assert read_table({"json": {"a": 1}}) == {"a": 1}


def test_depth_is_no_matter() -> None:
    table: list[Any] = [["a", [["r", number + 1]]] for number in range(100_000)] + [["a", []]]
    value = read_table(table)
    for _ in range(100_000):
        (value,) = value
    assert value == []


def test_regular_expressions() -> None:
    assert pattern(r"(?<year>\d+)-\k<year>(?<=x)(?<!y)", "m") == re.compile(
        r"(?P<year>\d+)-(?P=year)(?<=x)(?<!y)", re.MULTILINE
    )
    assert pattern(r"\(?<x", "g") == re.compile(r"\(?<x")
    for source, flags in (
        (r"\p{L}", "u"),
        ("[^]", ""),
        (r"\cA", ""),
        ("a", "v"),
        (r"\u{1F600}", "u"),
        ("(?<=a*)b", ""),
    ):
        assert pattern(source, flags) == f"/{source}/{flags}"


class Colour(enum.StrEnum):
    RED = "red"


class Struct(msgspec.Struct, rename="camel"):
    the_name: str


@dataclasses.dataclass
class Data:
    a: int
    b: Any = None


@pytest.mark.parametrize(
    ("value", "text"),
    [
        (None, "null"),
        (True, "true"),
        (5, "5"),
        (2**53, "9007199254740992"),
        (2**53 + 1, "9007199254740993n"),
        (-(2**60), "-1152921504606846976n"),
        (-0.0, "-0.0"),
        (math.nan, "NaN"),
        (-math.inf, "-Infinity"),
        ('\ud800\u2028"</script>', r'"\ud800\u2028\"</script>"'),
        (Colour.RED, '"red"'),
        ((1, [2]), "[1,[2]]"),
        ({"__proto__": 1}, '{["__proto__"]:1}'),
        ({1: "a"}, 'new Map([[1,"a"]])'),
        (frozenset({1}), "new Set([1])"),
        (Struct("x"), '{["theName"]:"x"}'),
        (Data(1), '{["a"]:1,["b"]:null}'),
        (datetime(1970, 1, 1, 0, 0, 1), "new Date(1000)"),  # noqa: DTZ001  (it counts as UTC)
        (datetime(1970, 1, 1, 1, tzinfo=timezone(timedelta(hours=1))), "new Date(0)"),
        (re.compile("a/(?P<n>b)(?P=n)", re.IGNORECASE), r'new RegExp("a/(?<n>b)\\k<n>","i")'),
    ],
)
def test_what_is_written(value: Any, text: str) -> None:
    assert literal(value) == text


def test_what_is_met_twice() -> None:
    cycle: dict[str, Any] = {}
    cycle["self"] = [cycle]
    assert literal(cycle) == '(()=>{const v0={};v0["self"]=[v0];return v0})()'
    shared = [1]
    assert literal([shared, shared]) == "(()=>{const v0=[];v0[0]=1;return [v0,v0]})()"
    assert literal([{"a": 1}, {"a": 1}]) == '[{["a"]:1},{["a"]:1}]'


@pytest.mark.parametrize("value", [object(), [object()], {"a": print}, 1j, int, array.array("u", "a")])
def test_what_cannot_be_written(value: Any) -> None:
    with pytest.raises(TypeError, match="has no form in JavaScript"):
        literal(value)


def test_what_cannot_be_said() -> None:
    with pytest.raises(ValueError, match=r"without re\.VERBOSE"):
        literal(re.compile("a", re.VERBOSE))
    deep: list[Any] = []
    for _ in range(10_000):
        deep = [deep]
    with pytest.raises(ValueError, match="nested too deep"):
        literal(deep)
