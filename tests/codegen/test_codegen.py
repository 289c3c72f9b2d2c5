"""The generator: names, prose, modules, files on disk, its command line and the diff."""

from __future__ import annotations

import ast
import hashlib
import importlib
import json
import sys
import threading
import typing
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path
from types import ModuleType
from typing import Any

import msgspec
import pytest

import txcdp
from txcdp.codegen import _names as names
from txcdp.codegen import _output as output
from txcdp.codegen import _package as package
from txcdp.codegen import _text as text
from txcdp.codegen import diff, schema
from txcdp.codegen.__main__ import main
from txcdp.codegen._model import Model
from txcdp.codegen.schema import BadProtocol

DOMAINS = Path(txcdp.__file__).parent / "domains"

#: Everything that the vendored protocol does not do today, but may tomorrow.
ODD: dict[str, Any] = {
    "version": {"major": "9", "minor": "1"},
    "domains": [
        {
            "domain": "Odd",
            "description": "Not\nquite `normal`.\n\nSecond paragraph.",
            "experimental": True,
            "deprecated": True,
            "types": [
                {"id": "happened", "type": "object", "properties": [{"name": "x", "type": "any", "optional": True}]},
                {"id": "Any", "type": "integer"},
                {"id": "SendResult", "type": "string"},
                {"id": "Elsewhere", "type": "array", "items": {"$ref": "Other.Thing"}},
                {"id": "Here", "type": "array", "items": {"$ref": "happened"}},
                {"id": "Loose", "type": "array", "description": "Of anything.", "deprecated": True},
                {"id": "Blob", "type": "string", "description": "(Encoded as a base64 string when passed over JSON)"},
                {
                    "id": "Shadow",
                    "type": "object",
                    "properties": [
                        {"name": "list", "type": "array", "items": {"type": "string"}},
                        {"name": "str", "type": "string", "optional": True},
                        {"name": "domains", "$ref": "Other.Thing"},
                        {"name": "builtins", "type": "string"},
                        {"name": "class", "type": "string", "enum": ["a", 'b"', "c\\"], "deprecated": True},
                        {"name": "fooBar", "type": "integer"},
                        {"name": "foo_bar", "type": "integer", "optional": True},
                        {"name": "with-dash", "$ref": "Blob", "optional": True},
                        {
                            "name": "aVeryLongNameIndeedWhichGoesOnAndOnInXML",
                            "$ref": "AVeryLongTypeNameWhichGoesOnAndOnAndOn",
                            "optional": True,
                        },
                        {"name": "many", "type": "array", "items": {"type": "string", "enum": ["p", "q"]}},
                        {"name": "9lives", "type": "integer", "optional": True},
                    ],
                },
                {"id": "AVeryLongTypeNameWhichGoesOnAndOnAndOn", "type": "object"},
                {"id": "ShadowClass", "type": "number"},
                {"id": "Values", "type": "string", "enum": [f"value-number-{number}" for number in range(20)]},
            ],
            "commands": [
                {
                    "name": "send",
                    "parameters": [{"name": "method", "type": "string", "description": '- A "list"\n- in """it"""'}],
                    "returns": [{"name": "out", "$ref": "Values", "experimental": True, "description": "- One"}],
                },
                {"name": "import"},
                {
                    "name": "anUnusuallyLongCommandNameSoThatTheClassLineHasToBeWrapped",
                    "redirect": "Other",
                    "parameters": [{"name": "a", "type": "new-in-2030"}],
                    "returns": [{"name": "b", "type": "binary"}],
                },
            ],
            "events": [{"name": "happened", "parameters": [{"name": "why", "type": "string", "enum": ["w"]}]}],
        },
        {"domain": "Void"},
        {
            "domain": "Other",
            "types": [{"id": "Thing", "type": "object", "properties": [{"name": "n", "type": "number"}]}],
        },
    ],
}


def parse(described: Any) -> schema.Protocol:
    return schema.parse([("odd.json", json.dumps(described).encode())])


@pytest.fixture(name="odd")
def fixture_odd(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[ModuleType]:
    """Yield the odd protocol's package, generated under another name."""
    output.write(tmp_path / "oddities", package.files(parse(ODD), "oddities", "odd.json"))
    monkeypatch.syspath_prepend(tmp_path)
    try:
        yield importlib.import_module("oddities")
    finally:
        for name in [name for name in sys.modules if name.partition(".")[0] == "oddities"]:
            del sys.modules[name]


@pytest.fixture(name="browser")
def fixture_browser() -> Iterator[tuple[str, dict[str, bytes]]]:
    """Yield the address of a fake browser's HTTP endpoint and what it serves."""
    pages: dict[str, bytes] = {
        "/json/version": b'{"Browser": "Odd/1.0\\n\\"\\"\\""}',
        "/json/protocol": json.dumps(ODD).encode(),
    }

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            self.send_response(200 if self.path in pages else 404)
            self.end_headers()
            self.wfile.write(pages.get(self.path, b""))

        def log_message(self, format: str, *args: Any) -> None:  # noqa: A002
            pass

    with HTTPServer(("127.0.0.1", 0), Handler) as server:
        thread = threading.Thread(target=server.serve_forever)
        thread.start()
        yield f"http://127.0.0.1:{server.server_port}", pages
        server.shutdown()
        thread.join()


@pytest.mark.parametrize(
    ("name", "expected"),
    [
        ("DOM", "dom"),
        ("DOMSnapshot", "dom_snapshot"),
        ("IndexedDB", "indexed_db"),
        ("WebAuthn", "web_authn"),
        ("WebMCP", "web_mcp"),
        ("captureScreenshot", "capture_screenshot"),
        ("printToPDF", "print_to_pdf"),
        ("documentURL", "document_url"),
        ("isSVG", "is_svg"),
        ("nodeIds", "node_ids"),
        ("nodeIDs", "node_ids"),
        ("setBlockedURLs", "set_blocked_urls"),
        ("getDOMCounters", "get_dom_counters"),
        ("base64Encoded", "base64_encoded"),
        ("certSha256", "cert_sha256"),
        ("t0", "t0"),
        ("or", "or_"),
        ("import", "import_"),
        ("with-dash", "with_dash"),
        ("9lives", "_9lives"),
    ],
)
def test_snake(name: str, expected: str) -> None:
    assert names.snake(name) == expected


def test_other_names() -> None:
    assert names.camel("frameNavigated") == "FrameNavigated"
    assert names.camel("DOMNode") == "DOMNode"
    assert names.identifier("") == "_"
    assert names.wire_name("document_url") == "documentUrl"
    assert names.wire_name("url") == "url"
    assert names.fields(["fooBar", "foo_bar", "method"], frozenset({"method"})) == {
        "fooBar": "foo_bar",
        "foo_bar": "foo_bar_",
        "method": "method_",
    }


def test_prose_becomes_blocks() -> None:
    assert text.blocks("One\ntwo.\n\n Three:\n- a\n  b\n* c\n1. d") == ["One two.", "Three:", "- a b", "- c", "- d"]
    assert text.blocks("Some `code`s, <code>x</code>, \u201cquotes\u201d and a*b, foo_ or |x|") == [
        'Some ``code`` s, ``x``, "quotes" and ``a*b,`` ``foo_`` or ``|x|``'
    ]
    assert text.blocks("a`b c`") == ["a ``b c``"]
    assert text.blocks('one ` alone, """') == ["one ' alone, '''"]


def test_docstrings() -> None:
    assert text.docstring(["Short."]) == '    """Short."""'
    assert text.docstring(['A "quote"'], indent=0) == '"""A "quote"\n"""'
    assert text.docstring(["a\\b"], indent=0) == '"""a\\\\b"""'
    long = text.docstring(["word " * 60, "- item " * 40], [("ivar x_", ["One", "- two " * 30])], ["End."])
    assert max(map(len, long.splitlines())) <= text.WIDTH
    assert "    :ivar x\\\\_: One\n\n        - two" in long
    assert ast.literal_eval(long.strip()).endswith("End.\n    ")
    assert text.comment(["a", "b"], 4) == "    #: a\n    #:\n    #: b"


def test_what_is_generated_is_the_same_each_time() -> None:
    first = package.files(*_vendored())
    assert first == package.files(*_vendored())
    shuffled = schema.vendored()[0]
    shuffled.domains.reverse()
    reordered = schema.parse([("x", msgspec.json.encode(shuffled))])
    assert package.files(reordered, "txcdp.domains", schema.vendored()[1]).keys() == first.keys()


def _vendored() -> tuple[schema.Protocol, str, str]:
    protocol, source = schema.vendored()
    return protocol, "txcdp.domains", source


def test_the_vendored_files_are_the_packages() -> None:
    source = (schema.VENDORED / "VERSION").read_text("ascii")
    digests = {path.name: hashlib.sha256(path.read_bytes()).hexdigest() for path in schema.VENDORED.glob("*.json")}
    assert (source, digests) == (
        "devtools-protocol 0.0.1734725\n",
        {
            "browser_protocol.json": "cb4b0a40e03fddfdc4191f832259b9fed6684c303842c55d8c6fe1702f9a5efb",
            "js_protocol.json": "3716f86e2228f9414ffff43551249bc6a5783388c3fbdba5226f14e6941774f1",
        },
    )
    assert "Redistribution" in (schema.VENDORED / "LICENSE").read_text("ascii")


def test_what_is_listed_as_binary_is_still_there_and_still_unmarked() -> None:
    listed = dict.fromkeys(schema._UNMARKED_BINARY, "")
    for path in schema.VENDORED.glob("*.json"):
        protocol = msgspec.json.decode(path.read_bytes(), type=schema.Protocol)
        for domain in protocol.domains:
            for name, member in schema.properties(domain):
                if name in listed:
                    listed[name] = (member.items or member).type or ""
                    assert "base64" not in member.description
    assert set(listed.values()) == {"string"}


def test_lines_are_short() -> None:
    for name, source in package.files(*_vendored()).items():
        long = [line for line in source.splitlines() if len(line) > text.WIDTH and " " in line.strip(' #:"')]
        assert not [line for line in long if "http" not in line], name


def test_the_checkout_has_not_drifted(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["--check"]) == 0
    assert capsys.readouterr().out == ""


def test_drift_is_found_and_mended(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    target = tmp_path / "new" / "domains"
    assert main(["--check", "--output", str(target)]) == 1
    assert "missing: page.py" in capsys.readouterr().out
    assert main(["--output", str(target)]) == 0
    assert main(["--output", str(target)]) == 0
    assert "60 files, 0 changed" in capsys.readouterr().out
    assert main(["--check", "--output", str(target)]) == 0
    (target / "css.py").unlink()
    (target / "dom.py").write_text((target / "dom.py").read_text("utf-8") + "\n", "utf-8")
    (target / "gone.py").write_text((target / "io.py").read_text("utf-8"), "utf-8")
    (target / "notes.txt").write_text("mine", "utf-8")
    assert main(["--check", "--output", str(target)]) == 1
    told = capsys.readouterr().out.splitlines()
    assert told[:3] == ["missing: css.py", "differs: dom.py", "stale: gone.py"]
    assert told[3].endswith("run: python -m txcdp.codegen")
    assert main(["--output", str(target)]) == 0
    assert main(["--check", "--output", str(target)]) == 0
    assert not (target / "gone.py").exists()
    assert (target / "notes.txt").exists()


def test_what_was_not_generated_is_not_deleted(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (tmp_path / "precious.py").write_text("x = 1\n", "utf-8")
    assert main(["--output", str(tmp_path)]) == 1
    assert "holds files that were not generated: precious.py" in capsys.readouterr().err
    assert [path.name for path in tmp_path.iterdir()] == ["precious.py"]


def test_description_files(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    path = tmp_path / "odd.json"
    path.write_text(json.dumps(ODD), "utf-8")
    assert main(["--protocol", str(path), "--output", str(tmp_path / "out")]) == 0
    assert (
        (tmp_path / "out" / "odd.py")
        .read_text("utf-8")
        .startswith("# Generated by `python -m txcdp.codegen` from odd.json")
    )
    assert main(["--protocol", str(path), str(path), "--output", str(tmp_path / "out")]) == 1
    assert "the domain Odd is described twice" in capsys.readouterr().err
    assert main(["--protocol", str(tmp_path / "none.json")]) == 1
    assert "none.json: cannot be read: No such file" in capsys.readouterr().err


def test_a_browser(browser: tuple[str, dict[str, bytes]], tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    url, pages = browser
    assert main(["--from-browser", f"{url}/", "--output", str(tmp_path)]) == 0
    first = (tmp_path / "__init__.py").read_text("utf-8").splitlines()[0]
    assert first == "# Generated by `python -m txcdp.codegen` from Odd/1.0____ (protocol 9.1). Do not edit."
    pages["/json/version"] = b"[]"
    assert main(["--from-browser", url, "--output", str(tmp_path)]) == 0
    assert "from a browser" in (tmp_path / "__init__.py").read_text("utf-8").splitlines()[0]
    del pages["/json/protocol"]
    assert main(["--from-browser", url, "--output", str(tmp_path)]) == 1
    assert "/json/protocol: Not Found" in capsys.readouterr().err
    pages["/json/version"] = b"<html>"
    assert main(["--from-browser", url, "--output", str(tmp_path)]) == 1
    assert "not JSON" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("url", "says"),
    [("127.0.0.1:9222", "a browser's address is like"), ("http://127.0.0.1:1", "refused"), ("http://[", "http://[")],
)
def test_no_browser(url: str, says: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["--from-browser", url]) == 1
    assert says in capsys.readouterr().err


def test_help(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit):
        main(["--help"])
    assert "--from-browser URL" in capsys.readouterr().out


def described(**domain: Any) -> dict[str, Any]:
    return {"version": {"major": "1", "minor": "3"}, "domains": [{"domain": "D", **domain}]}


@pytest.mark.parametrize(
    ("protocol", "says"),
    [
        ({"domains": []}, "odd.json: not a description of the protocol: .*version"),
        (described(types=[{"id": "T", "type": "array", "items": {"$ref": "No"}}]), "D.T refers to No, which"),
        (described(commands=[{"name": "c", "parameters": [{"name": "p", "$ref": "X.Y"}]}]), "D.c.p refers to X.Y"),
        (described(events=[{"name": "e", "parameters": [{"name": "p"}]}]), "D.e.p has neither a type nor a"),
        (described(commands=[{"name": 'c"\nimport os'}]), "not a name: 'command c"),
        (described(commands=[{"name": "c", "redirect": '"""'}]), "not a name: 'redirect"),
        (described(events=[{"name": "e e"}]), "not a name: 'event e e'"),
        ({"version": {"major": "1\n", "minor": "3"}, "domains": []}, "not a name: 'version 1"),
    ],
)
def test_bad_descriptions(protocol: Any, says: str) -> None:
    with pytest.raises(BadProtocol, match=says):
        parse(protocol)


def test_bad_files() -> None:
    with pytest.raises(BadProtocol, match="no protocol description"):
        schema.parse([])
    with pytest.raises(BadProtocol, match=r"bad\.json: not a description"):
        schema.parse([("bad.json", b'{"version":"\xff"}')])


def test_odd_names(odd: Any) -> None:
    module = odd.odd
    assert module.HappenedEvent.method == "Odd.happened"
    assert module.Happened(x=1).x == 1
    assert module.Any_ is int
    assert module.SendResult is str
    assert module.SendResultValue.__doc__.startswith("What :class:`send` results in.")
    assert module.ShadowClass is float
    assert module.ShadowClassValue is str
    assert module.import_.method == "Odd.import"
    assert odd.DOMAINS == {"Odd": "odd", "Other": "other", "Void": "void"}
    assert odd.lookup("Odd.happened") is module.HappenedEvent
    assert (odd.PROTOCOL_SOURCE, odd.WIRE_VERSION) == ("odd.json", "9.1")


def test_odd_fields(odd: Any) -> None:
    shadow = odd.odd.Shadow
    wire = {
        "list": ["x"],
        "str": "s",
        "domains": {"n": 1.5},
        "builtins": "b",
        "class": "a",
        "fooBar": 1,
        "foo_bar": 2,
        "with-dash": "aGk=",
        "aVeryLongNameIndeedWhichGoesOnAndOnInXML": {"k": [1]},
        "many": ["p", "new"],
        "9lives": 9,
    }
    value = msgspec.json.decode(json.dumps(wire), type=shadow)
    assert json.loads(msgspec.json.encode(value)) == wire
    assert (value.list, value.str, value.class_, value.foo_bar, value.foo_bar_) == (["x"], "s", "a", 1, 2)
    assert (value.with_dash, value.builtins_, value.domains.n, value._9lives) == (b"hi", "b", 1.5, 9)
    hints = typing.get_type_hints(shadow)
    assert (hints["list"], hints["many"], hints["domains"]) == (list[str], list[str], odd.other.Thing)
    assert typing.get_type_hints(odd.odd.send)["method_"] is str


def test_odd_types(odd: Any) -> None:
    module = odd.odd
    assert module.Elsewhere == list[Any]
    assert typing.get_args(module.Here) == (module.Happened,)
    assert module.Loose == list[Any]
    assert (module.send.stability, module.send.deprecated) == ("experimental", True)
    long = module.an_unusually_long_command_name_so_that_the_class_line_has_to_be_wrapped
    assert "the Other domain has it now" in long.__doc__
    assert typing.get_type_hints(long)["a"] is Any
    assert module.__doc__.startswith(
        "Not quite ``normal``.\n\nSecond paragraph.\n\n**Experimental.**\n\n**Deprecated.**"
    )


def test_odd_sources() -> None:
    files = package.files(parse(ODD), "top.oddities", "odd.json")
    source = files["odd.py"]
    assert "from top import oddities as domains\nfrom top import oddities as _domains\n" in source
    assert "    list: builtins.list[builtins.str]\n" in source
    assert "    domains: _domains.other.Thing\n" in source
    assert '    ShadowClassValue = Literal["a", "b\\"", "c\\\\"]\n' in source
    assert '        "value-number-3",\n' in source
    assert "    many: builtins.list[ShadowMany]\n" in source
    assert max(len(line) for line in source.splitlines() if "https:" not in line) <= text.WIDTH
    assert "import" not in files["other.py"].partition("from txcdp.protocol import")[2].partition("\n")[2]
    for each in files.values():
        ast.parse(each)


def test_a_model_answers_for_every_type() -> None:
    model = Model(parse(ODD))
    assert model.annotation(schema.Shape(ref="Other.Thing"), "Odd") == "domains.other.Thing"
    assert model.annotation(schema.Shape(ref="Other.Thing"), "Other") == "Thing"
    assert model.annotation(schema.Shape(type="array"), "Odd") == "list[Any]"


OLD = described(
    types=[
        {"id": "Same", "type": "string", "enum": ["a", "b"]},
        {"id": "Turned", "type": "string"},
        {"id": "Old", "type": "string"},
        {"id": "Obj", "type": "object", "properties": [{"name": "p", "$ref": "Same"}, {"name": "q", "type": "any"}]},
    ],
    commands=[
        {
            "name": "go",
            "parameters": [{"name": "list", "type": "array", "items": {"type": "string", "enum": ["x"]}}],
            "returns": [{"name": "r", "type": "integer"}],
        },
        {"name": "leave", "experimental": True},
    ],
    events=[{"name": "came", "parameters": [{"name": "p", "type": "string"}]}],
)
NEW = described(
    experimental=True,
    types=[
        {"id": "Same", "type": "string", "description": "Said better.", "enum": ["b", "c"]},
        {"id": "Turned", "type": "integer"},
        {"id": "New", "type": "string"},
        {"id": "Obj", "type": "object", "properties": [{"name": "p", "$ref": "D.Same", "optional": True}]},
    ],
    commands=[
        {
            "name": "go",
            "parameters": [{"name": "list", "type": "array", "items": {"type": "string", "enum": ["y"]}}],
            "returns": [{"name": "r", "type": "integer", "deprecated": True}, {"name": "s", "type": "any"}],
        },
        {"name": "leave", "experimental": True, "deprecated": True},
    ],
    events=[{"name": "went"}],
)
NEW["domains"].append({"domain": "E", "commands": [{"name": "c"}]})

EXPECTED = """\
only in Chrome (6):
  value D.Same "c"
  value D.go.list "y"
  result D.go.s
  type D.New
  event D.went
  domain E

only in txcdp (5):
  type D.Old
  value D.Same "a"
  property D.Obj.q
  event D.came
  value D.go.list "x"

changed, txcdp -> Chrome (5):
  domain D: stable -> experimental
  property D.Obj.p: D.Same -> optional D.Same
  type D.Turned: string -> integer
  result D.go.r: integer -> integer (deprecated)
  command D.leave: experimental -> experimental, deprecated"""


def test_diff() -> None:
    found = diff.protocol_diff(parse(OLD), parse(NEW))
    told = diff.render(found, "txcdp", "Chrome")
    assert [sorted(group.splitlines()) for group in told.split("\n\n")] == [
        sorted(group.splitlines()) for group in EXPECTED.split("\n\n")
    ]
    assert found == sorted(found)
    back = diff.protocol_diff(parse(NEW), parse(OLD))
    assert {each.name for each in back if each.change == "missing"} == {
        each.name for each in found if each.change == "added"
    }


def test_no_diff() -> None:
    ours = schema.vendored()[0]
    assert diff.protocol_diff(ours, schema.vendored()[0]) == []
    assert diff.render([], "txcdp", "Chrome") == "txcdp and Chrome describe the same protocol"
    only = diff.render([diff.Difference("D.x", "command", "missing")], "txcdp", "Chrome")
    assert only == "only in txcdp (1):\n  command D.x"
