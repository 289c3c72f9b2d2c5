"""Values between Python and JavaScript, without a browser: what is read, and what is written."""

from __future__ import annotations

import array
import base64
import dataclasses
import enum
import json
import math
import re
import sys
import warnings
from datetime import UTC, datetime, timedelta, timezone
from typing import Any
from urllib.parse import urlsplit

import msgspec
import pytest
from twisted.internet.defer import Deferred

from txcdp.page import JSError, Locator
from txcdp.page._values import MARK, Unpackable, clean_stack, pack, pattern, regular_expression, thrown, unpack

#: An array of characters; since Python 3.13 the older code is deprecated.
TEXT = array.array("w" if sys.version_info >= (3, 13) else "u", "a")


def table(*rows: Any) -> str:
    return f"{MARK}t{json.dumps(rows)}"


def test_primitives_are_themselves() -> None:
    for value in (None, True, 5, 0.5, "", "text", "\u20ac\ud800"):
        assert unpack(value) is value
    assert unpack(f"{MARK}s{MARK}j") == f"{MARK}j"
    assert unpack(f"{MARK}n-ff") == -255
    assert unpack(f"{MARK}n{'f' * 50_000}") == 16**50_000 - 1  # more digits than Python reads by tens


def test_json() -> None:
    assert unpack(f'{MARK}j{{"a":[1,-2.5,null,true,"x"]}}') == {"a": [1, -2.5, None, True, "x"]}
    assert unpack(f'{MARK}j["\\ud800"]') == ["\ud800"]


def test_what_the_page_tells() -> None:
    items = [["r", 1], ["r", 2], ["r", 3], ["r", 4], ["n", "ff"], ["f", "NaN"], ["r", 0], ["r", 5], ["r", 6], ["r", 7]]
    value = unpack(
        table(
            ["a", items],
            ["b", "Uint8Array", "AAH/"],
            ["b", "Float64Array", "AAAAAAAA+D8="],
            ["e", "TypeError", "no", "TypeError: no"],
            ["d", 5],
            ["v", ["r", 8]],
            ["s", [1.0, 2.5, 2**60]],
            ["l", "http://a/"],
            ["o", ["none"], [None]],
        )
    )
    assert value[0] == b"\x00\x01\xff"
    assert value[1] == array.array("d", [1.5])
    assert (value[2], str(value[2])) == (JSError("no", "TypeError", "TypeError: no"), "TypeError: no")
    assert value[3] == datetime(1970, 1, 1, 0, 0, 0, 5000, UTC)
    assert value[4] == 255
    assert math.isnan(value[5])
    assert value[6] is value
    assert value[7] == {"none": None}
    assert value[8] == [1, 2.5, float(2**60)]
    assert [type(each) for each in value[8]] == [int, float, float]
    assert value[9] == "http://a/"


def test_typed_arrays() -> None:
    for name, code, items in (
        ("Int8Array", "b", [-1]),
        ("Int16Array", "h", [-2]),
        ("Uint16Array", "H", [2]),
        ("Int32Array", "i", [-3]),
        ("Uint32Array", "I", [3]),
        ("Float32Array", "f", [0.5]),
        ("Float64Array", "d", [0.1]),
        ("BigInt64Array", "q", [-4]),
        ("BigUint64Array", "Q", [2**64 - 1]),
    ):
        data = base64.b64encode(array.array(code, items)).decode()
        assert unpack(table(["b", name, data])) == array.array(code, items)
        assert json.loads(pack(array.array(code, items))) == f'{MARK}t[["b","{name}","{data}"]]'
    assert unpack(table(["b", "Float16Array", base64.b64encode(b"\x00\x38").decode()])) == array.array("f", [0.5])
    for name in ("ArrayBuffer", "DataView", "Uint8Array", "Uint8ClampedArray"):
        assert unpack(table(["b", name, "AAE="])) == b"\x00\x01"
    for each in (array.array("B", [7]), bytearray(b"\x07"), memoryview(b"\x07")):
        assert json.loads(pack(each)) == f'{MARK}t[["b","Uint8Array","Bw=="]]'


def test_keys_that_cannot_be_hashed() -> None:
    assert unpack(table(["m", [1, None, ["r", 1]], ["a", "b", "c"]], ["d", 0])) == {
        1: "a",
        None: "b",
        datetime(1970, 1, 1, tzinfo=UTC): "c",
    }
    assert unpack(table(["m", [["r", 1]], [5]], ["o", [], []])) == [[{}, 5]]
    assert unpack(table(["a", [["r", 1]]], ["m", [["r", 2], "k"], [5, ["r", 1]]], ["b", "Int8Array", ""]))[0][0] == [
        array.array("b"),
        5,
    ]
    nodes = unpack(table(["m", [["r", 1], ["r", 2]], [1, 2]], ["v", "ref: <Node>"], ["v", "ref: <Node>"]))
    assert nodes == [["ref: <Node>", 1], ["ref: <Node>", 2]]


def test_depth_is_no_matter() -> None:
    rows: list[Any] = [["a", [["r", number + 1]]] for number in range(100_000)] + [["a", []]]
    value = unpack(table(*rows))
    for _ in range(100_000):
        (value,) = value
    assert value == []


def test_what_cannot_be_read() -> None:
    with pytest.raises(Unpackable, match="because"):
        unpack(f"{MARK}ubecause")


def test_what_was_thrown() -> None:
    assert thrown(5) is thrown("xyz") is thrown(f"{MARK}j[]") is None
    assert thrown(f'{MARK}x{MARK}j{{"type":"number","value":5}}') == {"type": "number", "value": 5}


def test_of_a_stack_only_what_is_the_programs_is_shown() -> None:
    ours = "    at evaluateSource (<anonymous>:3:4)\n    at Object.evaluate (<anonymous>:5:6)\n    at <anonymous>:1:2"
    place = "(eval at evaluateSource (<anonymous>:3:4), <anonymous>:1:7)"
    for stack, shown in (
        (f"Error: x\n    at eval {place}\n    at eval (<anonymous>)\n{ours}", "Error: x\n    at <anonymous>:1:7"),
        (
            f"Error: x\n    at f {place}\n    at eval {place}\n{ours}",
            "Error: x\n    at f (<anonymous>:1:7)\n    at <anonymous>:1:7",
        ),
        (f"E\n    at a.f {place}\n    at async settlePromise (<anonymous>:1:1)", "E\n    at a.f (<anonymous>:1:7)"),
        (f"E\n    at eval (<anonymous>)\n{ours}", "E"),
        (
            "E\n    at evaluateSource (http://a/b.js:1:2)\n    at f",
            "E\n    at evaluateSource (http://a/b.js:1:2)\n    at f",
        ),
    ):
        assert clean_stack(stack) == shown


def test_maps_whose_keys_are_one_in_python() -> None:
    for keys, read in (
        ([1, True], [[1, "a"], [True, "b"]]),
        ([0, ["n", "0"]], [[0, "a"], [0, "b"]]),
        ([None, None], [[None, "a"], [None, "b"]]),  # null, and what is undefined
        ([1, 2], {1: "a", 2: "b"}),
        ([["f", "NaN"], "1"], {math.nan: "a", "1": "b"}),
    ):
        assert unpack(table(["m", keys, ["a", "b"]])) == read


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


def test_regular_expressions_of_python() -> None:
    for compiled, written in (
        (re.compile(r"(?P<a>x)(?P=a)"), (r"(?<a>x)\k<a>", "")),
        (re.compile(r"\Ax\Z"), ("^x$", "")),
        (re.compile(r"\\A\(?P<"), (r"\\A\(?P<", "")),
        (re.compile("a/b"), ("a/b", "")),
        (re.compile("a", re.IGNORECASE | re.MULTILINE | re.DOTALL), ("a", "ims")),
        (re.compile(r"\d", re.ASCII), (r"\d", "")),
        (re.compile("(?i)a(?:i)"), ("a(?:i)", "i")),
        (re.compile("(?ms)(?i:a)b"), ("(?i:a)b", "ms")),
        (re.compile(r"\(?i\)"), (r"\(?i\)", "")),
    ):
        assert regular_expression(compiled) == written
    for wrong in (re.compile("a # b", re.VERBOSE), re.compile("(?x)a # b")):
        with pytest.raises(ValueError, match="cannot be converted to JavaScript"):
            regular_expression(wrong)
    with pytest.raises(TypeError, match="expected a regular expression of str"):
        regular_expression(re.compile(b"a"))


def test_patterns_of_a_page_do_not_hold_the_program_up() -> None:
    deep = "(" * 5_000 + ")" * 5_000
    assert pattern(deep, "") == f"/{deep}/"
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        assert isinstance(pattern("[[a]", ""), re.Pattern)
    rows = [["a", [["r", 1], ["r", 2], ["r", 3]]], ["x", "a", ""], ["x", "a" * 1_000_000, "g"], ["x", "b", ""]]
    assert unpack(table(*rows)) == [re.compile("a"), f"/{'a' * 1_000_000}/g", re.compile("b")]


class Colour(enum.StrEnum):
    RED = "red"


class Number(enum.IntEnum):
    TWO = 2


class Struct(msgspec.Struct, rename="camel"):
    the_name: str
    unset: int | msgspec.UnsetType = msgspec.UNSET


@dataclasses.dataclass
class Data:
    a: int
    b: Any = None


@pytest.mark.parametrize(
    ("value", "literal"),
    [
        (None, "null"),
        (True, "true"),
        (5, "5"),
        (2**53, "9007199254740992"),
        (2**53 + 1, "0x20000000000001n"),
        (-(2**60), "-0x1000000000000000n"),
        (-0.0, "-0.0"),
        (1e300, "1e+300"),
        (math.nan, "NaN"),
        (math.inf, "Infinity"),
        (-math.inf, "-Infinity"),
        ('\ud800\u2028"</script>', r'"\ud800\u2028\"</script>"'),
        (f"{MARK}x", f'"{MARK}s{MARK}x"'),
    ],
)
def test_primitives_are_written(value: Any, literal: str) -> None:
    assert pack(value) == literal


@pytest.mark.parametrize(
    ("value", "text"),
    [
        ((1, [2, -0.0]), "j[1,[2,-0.0]]"),
        ({"__proto__": 1, "a": None}, 'j{"__proto__":1,"a":null}'),
        ([(), ()], "j[[],[]]"),
        (["\ud800"], 'j["\\ud800"]'),
        (Colour.RED, 't[["v","red"]]'),
        ([Number.TWO, Colour.RED], 't[["a",[2,"red"]]]'),
        ([math.nan, 2**64], 't[["a",[["f","NaN"],["n","10000000000000000"]]]]'),
        ({1: "a"}, 't[["m",[1],["a"]]]'),
        (frozenset({1}), 't[["s",[1]]]'),
        (Struct("x"), 't[["o",["theName"],["x"]]]'),
        (Data(1), 't[["o",["a","b"],[1,null]]]'),
        (datetime(1970, 1, 1, 0, 0, 1), 't[["d",1000]]'),  # noqa: DTZ001  (it counts as UTC)
        (datetime(1970, 1, 1, 1, tzinfo=timezone(timedelta(hours=1))), 't[["d",0]]'),
        (re.compile("a/(?P<n>b)(?P=n)", re.IGNORECASE), r't[["x","a/(?<n>b)\\k<n>","i"]]'),
        (urlsplit("http://a/b?c"), 't[["l","http://a/b?c"]]'),
        (JSError("m", "N", "s"), 't[["e","N","m","s"]]'),
    ],
)
def test_what_is_written(value: Any, text: str) -> None:
    assert json.loads(pack(value)) == MARK + text


def test_an_exception_is_an_error_that_does_not_tell_where_it_was_raised() -> None:
    with pytest.raises(KeyError) as raised:
        raise KeyError("a")
    assert json.loads(pack(raised.value)) == MARK + """t[["e","KeyError","'a'","KeyError: 'a'"]]"""


def test_what_is_met_twice() -> None:
    cycle: dict[str, Any] = {}
    cycle["self"] = [cycle]
    assert json.loads(pack(cycle)) == MARK + 't[["o",["self"],[["r",1]]],["a",[["r",0]]]]'
    shared = [1]
    assert json.loads(pack([shared, shared])) == MARK + 't[["a",[["r",1],["r",1]]],["a",[1]]]'
    assert json.loads(pack([{"a": 1}, {"a": 1}])) == MARK + 'j[{"a":1},{"a":1}]'


def test_what_is_written_may_be_deep() -> None:
    deep: list[Any] = []
    for _ in range(100_000):
        deep = [deep]
    assert json.loads(pack(deep)).startswith(MARK + 't[["a",[["r",1]]],["a",[["r",2]]]')


@pytest.mark.parametrize("value", [object(), [object()], {"a": print}, 1j, int, TEXT])
def test_what_cannot_be_written(value: Any) -> None:
    with pytest.raises(TypeError, match="cannot be converted to JavaScript"):
        pack(value)


def test_what_to_give_instead_of_a_deferred_or_a_locator() -> None:
    with pytest.raises(TypeError, match="a Deferred cannot be converted to JavaScript: await it"):
        pack([Deferred()])
    with pytest.raises(TypeError, match=r"a Locator .*: locator\.evaluate\(expression\) calls"):
        pack({"at": object.__new__(Locator)})


def test_what_cannot_be_said() -> None:
    with pytest.raises(ValueError, match="cannot be converted to JavaScript"):
        pack(re.compile("a", re.VERBOSE))
