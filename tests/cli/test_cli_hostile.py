"""Recordings and HAR files whose every text is a page's that means harm: nothing of it is obeyed, wherever it goes."""

from __future__ import annotations

import contextlib
import csv
import io
import json
import re
import tempfile
import unicodedata
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from twisted.internet.defer import Deferred
from twisted.internet.task import Clock
from twisted.python.failure import Failure

from tests.cli.test_cli_show import START
from tests.report.hostile import HOSTILE_CONTROLS, HOSTILE_TEXTS
from tests.report.test_report_files import ODD, PAGE, RECORDING, WALL, changed, database, lines, places
from txcdp._privacy import printable_json, spreadsheet_row
from txcdp.cli._export import export
from txcdp.cli._lines import Style
from txcdp.cli._output import Output, complain
from txcdp.cli._recorded import Wanted
from txcdp.cli._replay import ReplayOptions, play
from txcdp.cli._running import Runner
from txcdp.cli._selection import parse
from txcdp.cli._show import ShowOptions, show
from txcdp.protocol import from_json, to_json
from txcdp.recording import read
from txcdp.recording._entries import command_line, event_line, head_of, note_line, reply_line

TEXTS = HOSTILE_TEXTS + HOSTILE_CONTROLS
#: A name that a download may have, which a shell's * then gives to the command; NUL and "/" are no part of a name.
NAME = "\x1b]0;owned\x07\x9b31m\u202e=cmd\n"
FORMULAS = ("=", "+", "-", "@", "\t", "\r", "\n", "\uff1d", "\uff0b", "\uff0d", "\uff20")


def event(at: float, session: str, text: str, method: str, **params: Any) -> bytes:
    body = b'"method":%b,"params":%b' % (to_json(method), to_json(params))
    return event_line(START + at, head_of(session, text), body)


def lines_of(text: str, at: float) -> list[bytes]:
    """Return what a recording has of a target whose every text is the same."""
    session = f"S{at:.0f}"  # it is the browser that names it
    about = {
        "session": session,
        "target": text,
        "url": text,
        "title": text,
        "name": text,
        "opener": text,
        "parent": text,
    }
    headers = {text: text, "Set-Cookie": f"{text}={text}"}
    place = {"functionName": text, "scriptId": text, "url": text, "lineNumber": 1, "columnNumber": 1}
    sent = {
        "requestId": text, "loaderId": text, "documentURL": text, "frameId": text, "type": "Document",
        "request": {
            "url": f"https://a.example/{text}", "method": text, "headers": headers,
            "initialPriority": "Low", "referrerPolicy": "origin",
            "postData": text,
        },
        "timestamp": at, "wallTime": START + at, "redirectHasExtraInfo": False,
        "initiator": {"type": "script", "url": text, "stack": {"description": text, "callFrames": [place]}},
    }  # fmt: skip
    response = {
        "url": text, "status": 200, "statusText": text, "headers": headers, "mimeType": text, "charset": text,
        "protocol": text, "connectionReused": False, "connectionId": 1, "encodedDataLength": 1, "remoteIPAddress": text,
        "securityState": "secure",
    }  # fmt: skip
    value = {"type": "object", "description": text, "className": text, "preview": {
        "type": "object", "description": text, "overflow": False,
        "properties": [{"name": text, "type": "string", "value": text}],
    }}  # fmt: skip
    arguments = [{"type": "string", "value": text}, value]
    thrown = {"exceptionId": 1, "text": text, "lineNumber": 1, "columnNumber": 1, "url": text, "exception": value}
    written = {"source": "other", "level": "error", "text": text, "timestamp": 1.0, "url": text}
    frame = {
        "id": text, "loaderId": text, "url": text, "name": text, "mimeType": text, "domainAndRegistry": text,
        "securityOrigin": text, "secureContextType": "Secure", "crossOriginIsolatedContextType": "Isolated",
        "gatedAPIFeatures": [],
    }  # fmt: skip
    told: list[tuple[str, dict[str, Any]]] = [
        ("Network.requestWillBeSent", sent),
        ("Network.responseReceived", {
            "requestId": text, "loaderId": text, "timestamp": at, "type": "Document", "response": response,
            "hasExtraInfo": False, "frameId": text,
        }),
        ("Network.loadingFailed", {"requestId": text, "timestamp": at, "type": "Document", "errorText": text}),
        ("Network.webSocketCreated", {"requestId": f"ws{text}", "url": text}),
        ("Network.webSocketHandshakeResponseReceived", {
            "requestId": f"ws{text}", "timestamp": at,
            "response": {"status": 101, "statusText": text, "headers": headers},
        }),
        ("Network.webSocketFrameReceived", {
            "requestId": f"ws{text}", "timestamp": at, "response": {"opcode": 1, "mask": False, "payloadData": text},
        }),
        ("Network.webSocketFrameError", {"requestId": f"ws{text}", "timestamp": at, "errorMessage": text}),
        ("Page.frameNavigated", {"frame": frame, "type": "Navigation"}),
        ("Page.frameNavigated", {"frame": {**frame, "id": f"{text}2", "parentId": text}, "type": "Navigation"}),
        ("Page.javascriptDialogOpening", {
            "url": text, "message": text, "type": "prompt", "hasBrowserHandler": False, "defaultPrompt": text,
        }),
        ("Page.downloadWillBegin", {"frameId": text, "guid": text, "url": text, "suggestedFilename": text}),
        ("Runtime.consoleAPICalled", {
            "type": "error", "args": arguments, "executionContextId": 1, "timestamp": 1.0, "context": text,
            "stackTrace": {"callFrames": [place]},
        }),
        ("Runtime.exceptionThrown", {"timestamp": 1.0, "exceptionDetails": thrown}),
        ("Log.entryAdded", {"entry": written}),
        (text, {text: text}),
    ]  # fmt: skip
    head = head_of(session, text)
    return [
        note_line(START + at, "attached", **about, type="page"),
        *(event(at + number / 100, session, text, method, **params) for number, (method, params) in enumerate(told)),
        note_line(START + at + 0.3, "changed", **about, type=text),
        note_line(START + at + 0.3, "attached", **{**about, "session": f"W{session}"}, type="worker"),
        command_line(START + at + 0.3, head, text, 1, to_json({text: text})),
        reply_line(START + at + 0.3, 1, 0.1, to_json({text: text})),
        command_line(START + at + 0.3, head, text, 2, to_json({})),
        reply_line(START + at + 0.3, 2, 0.1, error=text),
        note_line(START + at + 0.4, "dialog", session=session, target=text, type=text, accepted=True, by=text),
        note_line(START + at + 0.4, "dropped", count=1, since=START, until=START + at, policy=text),
        note_line(START + at + 0.4, "line_lost", cause=text, error=text),
        note_line(START + at + 0.5, "line_found", since=START, restarted=True, missing=[text]),
        note_line(START + at + 0.5, "removed", path=text),
        note_line(START + at + 0.5, "detached", session=session, target=text, reason=text),
    ]


def recording_of(path: Path) -> Path:
    """Write a recording of all of it, with a line that cannot be read."""
    begin = note_line(START, "begin", format="txcdp-recording", version=1, recording="R", file=1, browser=TEXTS[-2])
    told = [line for number, text in enumerate(TEXTS) for line in lines_of(text, float(number + 1))]
    end = note_line(START + 1000, "end", reason=TEXTS[19], entries=3, dropped=0)
    path.write_bytes(b"".join([begin, *told, b'{"time":1\x1b[31m\xc2\x9b\n', end]))
    return path


def har_of(path: Path) -> Path:
    """Write a HAR file of all of it."""
    entries, pages = [], []
    for number, text in enumerate(TEXTS):
        pairs = [{"name": text, "value": text}, {"name": "Set-Cookie", "value": text}]
        at = f"2026-11-29T20:00:{number:02}.000Z"
        entries.append({
            "startedDateTime": at, "time": 100, "pageref": text, "_resourceType": text, "serverIPAddress": text,
            "comment": text, "_error": text, "connection": text,
            "request": {
                "method": text, "url": f"https://a.example/{text}", "headers": pairs, "cookies": pairs,
                "queryString": pairs,
                "httpVersion": text, "postData": {"mimeType": text, "text": text},
            },
            "response": {
                "status": 200, "statusText": text, "headers": pairs, "cookies": pairs, "httpVersion": text,
                "redirectURL": "", "content": {"mimeType": text, "text": text, "size": len(text)},
            },
            "_webSocketMessages": [{"type": "receive", "time": 1.0, "opcode": 1, "data": text}],
        })  # fmt: skip
        pages.append({"id": text, "title": text, "startedDateTime": at, "pageTimings": {"onLoad": 5}})
    log = {"version": "1.2", "creator": {"name": TEXTS[-3], "version": TEXTS[-3]}, "entries": entries, "pages": pages}
    path.write_bytes(to_json({"log": {**log, "browser": {"name": TEXTS[17], "version": TEXTS[17]}}}))
    return path


@pytest.fixture(scope="module", params=["recording", "har"])
def path(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("hostile")
    if request.param == "har":
        return har_of(folder / f"{NAME}.har")
    return recording_of(folder / f"{NAME}.jsonl")


class Terminal(io.StringIO):
    """A terminal; what is printed is kept."""

    def isatty(self) -> bool:
        return True


def ran(coroutine: Any) -> int:
    """Return the exit code of a command."""
    codes: list[Any] = []
    Deferred.fromCoroutine(coroutine).addBoth(codes.append)
    (code,) = codes
    if isinstance(code, Failure):
        code.raiseException()
    assert isinstance(code, int)
    return code


def told(path: Path, capsys: pytest.CaptureFixture[str], command: str, json: bool, **wanted: Any) -> str:
    """Return what a command prints on a terminal, and check that none of it, nor of what it complains of, is raw."""
    terminal, style = Terminal(), Style(120)
    chosen = Wanted(**wanted)
    if command == "replay":
        ran(play(Clock(), ReplayOptions([path], chosen, "instant", json=json, verbose=True), Output(terminal), style))
    else:
        options = ShowOptions([path], chosen, json, summary=command == "summary", verbose=True)
        clock = Clock()
        codes: list[Any] = []
        Deferred.fromCoroutine(show(clock, options, Output(terminal), style)).addBoth(codes.append)
        for _ in range(100):
            clock.advance(0)
        assert codes in ([0], [1])
    text = terminal.getvalue()
    assert raw_of(text) == raw_of(capsys.readouterr().err) == set()
    return text


def raw_of(text: str) -> set[str]:
    """Return the characters that a terminal obeys, hides or takes for the end of a line."""
    return {each for each in text if unicodedata.category(each)[0] == "C" or each in "\u2028\u2029"} - {"\n"}


@pytest.mark.parametrize("command", ["show", "summary", "replay"])
class TestTerminal:
    """What is printed."""

    def test_words_have_no_raw_control(self, path: Path, command: str, capsys: pytest.CaptureFixture[str]) -> None:
        text = told(path, capsys, command, json=False)
        assert len(text.splitlines()) > 3
        assert command == "summary" or "\\x1b" in text

    def test_each_event_has_no_raw_control(self, path: Path, command: str, capsys: pytest.CaptureFixture[str]) -> None:
        told(path, capsys, command, json=False, selection=parse("network,runtime,page,log"))

    def test_a_page_forges_no_line(self, path: Path, command: str, capsys: pytest.CaptureFixture[str]) -> None:
        text = told(path, capsys, command, json=False)
        assert command == "summary" or "forged line" in text
        lines = [line for line in text.split("\n") if line.strip().startswith("forged line")]
        assert all(line.startswith(" " * 20) for line in lines)  # what goes on is below its own beginning


@pytest.mark.parametrize("command", ["show", "replay"])
def test_json_lines_say_the_same_without_raw_controls(
    path: Path, command: str, capsys: pytest.CaptureFixture[str]
) -> None:
    text = told(path, capsys, command, json=True)
    said = [json.loads(line) for line in text.splitlines()]
    assert said == [from_json(each.line) for each in read(path) if not hasattr(each, "reason")]


def exported(path: Path, to: str, target: Path | None, output: io.StringIO) -> int:
    return ran(export(Clock(), [path], to, target, Output(output)))


class TestExport:
    """What is written for other programs."""

    @pytest.mark.parametrize("to", ["har", "trace"])
    def test_json_is_valid(self, path: Path, tmp_path: Path, to: str, capsys: pytest.CaptureFixture[str]) -> None:
        output = io.StringIO()
        exported(path, to, tmp_path / f"{NAME}.{to}", output)
        made = (tmp_path / f"{NAME}.{to}").read_text("utf-8")
        value = json.loads(made)
        assert len(value["log"]["entries"] if to == "har" else value["traceEvents"]) >= len(TEXTS)
        assert raw_of(output.getvalue()) == raw_of(capsys.readouterr().err) == set()

    def test_each_line_is_valid(self, path: Path, tmp_path: Path) -> None:
        exported(path, "jsonl", tmp_path / "made.jsonl", io.StringIO())
        lines = (tmp_path / "made.jsonl").read_bytes().split(b"\n")
        assert len([json.loads(line) for line in lines if line]) > len(TEXTS)

    @pytest.mark.parametrize("to", ["trace", "jsonl", "csv"])
    def test_on_a_terminal_nothing_is_raw(self, path: Path, to: str, capsys: pytest.CaptureFixture[str]) -> None:
        terminal = Terminal()
        exported(path, to, None, terminal)
        assert len(terminal.getvalue()) > 1000
        assert raw_of(terminal.getvalue()) == raw_of(capsys.readouterr().err) == set()
        if to == "trace":
            json.loads(terminal.getvalue())

    def test_no_cell_is_a_formula(self, path: Path, tmp_path: Path) -> None:
        exported(path, "csv", tmp_path / "made.csv", io.StringIO())
        table = list(csv.reader(io.StringIO((tmp_path / "made.csv").read_text("utf-8"), newline="")))
        assert len(table) >= len(TEXTS)
        assert {len(row) for row in table} == {len(table[0])}
        assert [cell for row in table for cell in row if cell.startswith(FORMULAS)] == []


class TestRows:
    """Rows for spreadsheets."""

    @pytest.mark.parametrize("separator", [",", ";", "\t"])
    @given(cells=st.lists(st.text("=+-@;,|\"'\t\r\n a1", max_size=6), min_size=1, max_size=3))
    def test_no_text_is_a_formula_whatever_separates_cells(self, separator: str, cells: list[str]) -> None:
        row = spreadsheet_row(cells)
        for found in csv.reader(io.StringIO(row, newline=""), delimiter=separator):
            for cell in found:
                assert not re.match(r"[\t\r\n]*[=+@-]", cell) or re.fullmatch(r"[+-]?\d+([.,]\d+)*", cell), row

    def test_numbers_stay_numbers(self) -> None:
        assert spreadsheet_row([-5, 1.5, "-5", "+1.5", None, "a"]) == "-5,1.5,-5,+1.5,,a\r\n"


class TestJson:
    """JSON for a terminal."""

    @settings(max_examples=50)
    @given(
        st.recursive(st.text() | st.none() | st.floats(allow_nan=False), lambda each: st.dictionaries(st.text(), each))
    )
    def test_it_means_the_same(self, value: Any) -> None:
        shown = printable_json(to_json(value))
        assert json.loads(shown) == json.loads(to_json(value))
        assert raw_of(shown.decode().replace("\u200c", "").replace("\u200d", "")) == set()

    def test_white_space_between_tokens_is_no_control(self) -> None:
        assert printable_json(b'{\r\n\t"a":\t"\xc2\x9b\\t"}\r\n') == b'{ \n "a": "\\u009b\\t"} \n'


def note(at: float, kind: str, **data: Any) -> dict[str, Any]:
    return {"time": WALL + at, "note": kind, **data}


#: A recording with all notes that there are, and with what a page says of itself.
WHOLE: list[dict[str, Any]] = [
    {**RECORDING[0], "options": {"commands": True}, "targets": [{"session": "S9", "target": "T9", "type": "page"}]},
    *RECORDING[1:3],
    note(0.15, "changed", **PAGE, type="page", url="https://x.example/"),
    note(0.15, "dialog", **PAGE, type="alert", accepted=True, by="program"),
    note(0.15, "frames", **PAGE, tree={"frame": {"id": "F", "loaderId": "L", "url": "", "mimeType": ""}}),
    note(0.15, "line_lost", cause="x", error="y"),
    note(0.16, "line_found", since=WALL, restarted=False, missing=[], frames=["S"]),
    note(0.16, "attached", **PAGE, type="page", url="", opener=None, parent=None),
    note(0.16, "removed", path="/x"),
    {"time": WALL + 0.17, **PAGE, "command": "Page.navigate", "id": 8, "params": {"url": "x"}},
    {"time": WALL + 0.18, "reply": 8, "duration": 0.1, "error": "no (-32000)"},
    {"time": WALL + 0.19, **PAGE, "method": "Network.loadingFailed", "params": {
        "requestId": "M", "timestamp": 1000.2, "type": "XHR", "errorText": "net::ERR_FAILED"}},
    {"time": WALL + 0.19, **PAGE, "method": "Network.webSocketCreated", "params": {"requestId": "W", "url": "wss://x"}},
    *RECORDING[3:],
]  # fmt: skip


@settings(max_examples=80, deadline=None)
@given(
    st.lists(st.tuples(st.sampled_from(places(WHOLE)), ODD), min_size=1, max_size=4),
    st.sampled_from([(lines, "a.jsonl"), (database, "a.sqlite")]),
)
def test_whatever_is_in_a_recording_it_is_shown_played_and_exported(
    changes: list[tuple[tuple[Any, ...], Any]], form: tuple[Any, str]
) -> None:
    encode, name = form
    with tempfile.TemporaryDirectory() as folder, contextlib.redirect_stderr(io.StringIO()):
        path = Path(folder, name)
        path.write_bytes(encode(changed(WHOLE, changes)))
        style, wanted = Style(80), Wanted(url="*")
        for summary in (False, True):
            ran(show(Clock(), ShowOptions([path], wanted, summary=summary), Output(io.StringIO()), style))
        ran(play(Clock(), ReplayOptions([path], wanted, "instant"), Output(io.StringIO()), style))
        for to in ("har", "trace", "csv", "jsonl"):
            exported(path, to, Path(folder, f"made.{to}"), io.StringIO())


def test_errors_are_clean_wherever_they_are_from(capsys: pytest.CaptureFixture[str]) -> None:
    for text in TEXTS:
        complain(text)
    told = capsys.readouterr().err
    assert raw_of(told) == set()
    assert len(told.split("\n")) == len(TEXTS) + 1


def test_a_traceback_is_clean(capsys: pytest.CaptureFixture[str]) -> None:
    runner = Runner(Clock())
    for text in TEXTS:
        runner._verdict(Failure(ValueError(text)))
    said = capsys.readouterr().err
    assert said.count("Traceback") == said.count("ValueError: ") == len(TEXTS)
    assert raw_of(said) == set()
