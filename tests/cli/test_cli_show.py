"""``txcdp show``: what it prints of recordings, what it leaves out, and how it ends."""

from __future__ import annotations

import io
import json
import sqlite3
from collections.abc import Callable
from contextlib import closing
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
from twisted.internet.defer import Deferred
from twisted.internet.task import Clock

from txcdp.cli._arguments import parser
from txcdp.cli._lines import Style
from txcdp.cli._output import Output
from txcdp.cli._recorded import Wanted
from txcdp.cli._selection import parse
from txcdp.cli._show import ShowOptions, show
from txcdp.recording import SQLite
from txcdp.recording._entries import event_line, head_of, note_line

START = datetime(2027, 1, 31, 12, 0, tzinfo=UTC).timestamp()
PAGE = {"session": "S", "target": "TARGET", "type": "page", "url": "https://shop.example/"}
WORKER = {"session": "W", "target": "WORKER", "type": "shared_worker", "url": "https://shop.example/w.js"}


def event(at: float, session: str | None, target: str | None, method: str, **params: Any) -> bytes:
    body = b'"method":"%b","params":%b' % (method.encode(), json.dumps(params).encode())
    return event_line(START + at, head_of(session, target), body)


def request(at: float, number: str, url: str, error: str = "") -> list[bytes]:
    sent = {
        "requestId": number,
        "loaderId": "L",
        "documentURL": url,
        "request": {"url": url, "method": "GET", "headers": {}, "initialPriority": "Low", "referrerPolicy": "origin"},
        "timestamp": at,
        "wallTime": START + at,
        "initiator": {"type": "parser"},
        "redirectHasExtraInfo": False,
        "type": "Script",
        "frameId": "F",
    }
    end = b""
    if error:
        failed = {"requestId": number, "timestamp": at + 0.1, "type": "Script", "errorText": error}
        end = event(at + 0.1, "S", "TARGET", "Network.loadingFailed", **failed)
    return [each for each in (event(at, "S", "TARGET", "Network.requestWillBeSent", **sent), end) if each]


def console(at: float, session: str, kind: str, text: str) -> bytes:
    said = {"type": kind, "args": [{"type": "string", "value": text}], "executionContextId": 1, "timestamp": 1.0}
    return event(at, session, "TARGET", "Runtime.consoleAPICalled", **said)


ABOUT = {"format": "txcdp-recording", "version": 1, "recording": "R", "file": 1, "browser": "Chrome/1"}
BEGIN = note_line(START, "begin", **ABOUT, targets=[PAGE])
LINES = [
    BEGIN,
    note_line(START + 0.1, "attached", **WORKER),
    *request(1.0, "1", "https://shop.example/a.js", "net::ERR_FAILED"),
    *request(1.5, "2", "https://shop.example/b.js"),
    console(2.0, "S", "error", "from the page"),
    console(3.0, "W", "warning", "from the worker"),
    event(3.5, None, None, "Target.targetDestroyed", targetId="X"),
    event(3.6, "S", "TARGET", "Storage.indexedDBListUpdated", origin="o"),
    b'{"time":%.6f,"session":"S","target":"TARGET","command":"Page.reload","id":1,"params":{"a":1}}\n' % (START + 4),
    b'{"time":%.6f,"session":"S","target":"TARGET","command":"Page.nope","id":2,"params":{}}\n' % (START + 4),
    b'{"time":%.6f,"reply":1,"duration":0.5,"result":{"b":2}}\n' % (START + 4.5),
    b'{"time":%.6f,"reply":2,"duration":0.5,"error":"no such method"}\n' % (START + 4.5),
    note_line(START + 5, "dropped", count=7, since=START, until=START + 5, policy="drop_newest"),
    note_line(START + 6, "line_lost", cause="ended", error="it went away"),
    note_line(START + 8, "line_found", since=START + 6, restarted=True, missing=[]),
    note_line(START + 9, "changed", **{**PAGE, "url": "https://other.example/"}),
    note_line(START + 9, "detached", session="W", target="WORKER", reason="closed"),
    note_line(START + 9, "something-new", a=1),
    note_line(START + 10, "end", reason="stopped", entries=3, dropped=7),
]


def append(path: Path, *lines: bytes) -> None:
    """Add to a recording, as a recorder does, which makes a database where there is none."""
    if path.suffix != ".sqlite":
        with path.open("ab") as file:
            file.write(b"".join(lines))
        return
    sink = SQLite(path)
    sink._create()
    with closing(sqlite3.connect(path)) as connection, connection:
        sink._write(connection, list(lines))


@pytest.fixture(params=["recording-1.jsonl", "recording.sqlite"])
def path(tmp_path: Path, request: pytest.FixtureRequest) -> Path:
    made: Path = tmp_path / request.param
    append(made, *LINES)
    return made


class Running:
    """A showing that was started."""

    def __init__(self, *paths: Path, columns: int | None = None, **options: Any) -> None:
        wanted = {name: options.pop(name) for name in list(options) if name in Wanted.__dataclass_fields__}
        self.clock = Clock()
        self.stream = io.StringIO()
        self.codes: list[Any] = []
        given = ShowOptions(paths, Wanted(**wanted), **options)
        running = show(self.clock, given, Output(self.stream), Style(columns))
        self.deferred = Deferred.fromCoroutine(running)
        self.deferred.addBoth(self.codes.append)
        for _ in range(20):
            self.clock.advance(0)

    @property
    def text(self) -> str:
        return self.stream.getvalue()

    @property
    def code(self) -> Any:
        (code,) = self.codes
        return code


def test_a_recording_is_told(path: Path) -> None:
    shown = Running(path)
    assert shown.code == 0
    lines = shown.text.splitlines()
    for each in (
        "record   begins    Chrome/1",
        "target   attached  shared worker",
        "── page https://shop.example/",
        "net::ERR_FAILED",
        "from the page",
        "── shared worker https://shop.example/w.js",
        "command  sent      Page.reload",
        'command  answered  Page.reload {"b":2}',
        "Page.nope  no such method",
        "record   dropped   7 events  drop_newest",
        "record   line lost it went away",
        "record   line back after 2.00 s to another browser",
        "target   gone      shared worker https://shop.example/w.js",
        "record   ends      stopped",
    ):
        assert any(each in line for line in lines), (each, shown.text)
    assert "Target" not in shown.text
    assert "changed" not in shown.text
    assert "  2.000  " in shown.text
    assert "changed" in Running(path, verbose=True).text


def test_only_what_is_asked_for(path: Path) -> None:
    def told(**wanted: Any) -> str:
        return Running(path, **wanted).text

    assert "from the worker" not in told(target="page")
    assert "from the page" in told(target="TARG")
    assert "from the page" not in told(target="shared_worker")
    assert "from the worker" in told(target="shared_worker")
    assert "attached" in told(target="shared_worker")
    assert "attached" not in told(target="page")
    assert "from the page" not in told(url="*.js")
    assert "from the page" in told(url="https://shop.example/*")
    assert "from the page" not in told(since=2.5)
    assert "from the worker" in told(since=2.5)
    assert "from the worker" not in told(until=START + 2.5)
    network = told(selection=parse("network"))
    assert "ERR_FAILED" in network
    assert "from the page" not in network
    assert "command" not in network
    assert "dropped" in network
    assert "indexedDBListUpdated" in told(selection=parse("storage"))
    assert "targetDestroyed" in told(selection=parse("target.targetDestroyed"))


def test_the_summary(path: Path) -> None:
    for columns in (None, 90):
        shown = Running(path, summary=True, columns=columns)
        assert shown.code == 0
        for each in (
            "2027-01-31 12:00:00 UTC, 10.0 s, Chrome/1",
            "1 page, 1 shared worker",
            "2: 1 failed, 1 still open",
            "2 messages: 1 error, 1 warning",
            "net::ERR_FAILED",
            "2: 1 failed",
            "Network.requestWillBeSent",
            "1 gap, 2.00 s without a line",
            "7 events were dropped",
        ):
            assert each in shown.text, (each, shown.text)
        assert "begins" not in shown.text


def test_a_summary_of_much(tmp_path: Path) -> None:
    path = tmp_path / "x.jsonl"
    failures = [line for number in range(12) for line in request(1.0, str(number), "https://a.test/", "net::ERR_X")]
    kinds = [event(2.0, "S", "TARGET", f"Some.event{number}") for number in range(15)]
    details = {"exceptionId": 1, "text": "Uncaught", "lineNumber": 0, "columnNumber": 0}
    thrown = event(2.0, "S", "TARGET", "Runtime.exceptionThrown", timestamp=1.0, exceptionDetails=details)
    damages = [b"nonsense\n"] * 12
    path.write_bytes(b"".join([BEGIN, *failures, *kinds, thrown, *damages]))
    shown = Running(path, summary=True)
    assert shown.code == 1
    for each in ("12 failed", "other kinds", "1 uncaught exception", "Uncaught", "and 2 more", "nothing"):
        assert each in shown.text, (each, shown.text)


def test_what_was_received_and_in_how_many_files(tmp_path: Path) -> None:
    path = tmp_path / "x.jsonl"
    begun, _ = request(1.0, "1", "https://a.test/a.js", "unused")
    end = event(2.0, "S", "TARGET", "Network.loadingFinished", requestId="1", timestamp=2.0, encodedDataLength=4200)
    rotated = note_line(START + 2, "end", reason="rotated", entries=2, dropped=0)
    path.write_bytes(BEGIN + begun + end + rotated + BEGIN.replace(b'"file":1', b'"file":2'))
    for columns in (None, 60):
        shown = Running(path, summary=True, columns=columns)
        assert "4.2 kB: script 4.2 kB" in shown.text
        assert "2 files" in shown.text
    assert Running(path).text.count("begins") == 1


def test_an_empty_summary(tmp_path: Path) -> None:
    path = tmp_path / "x.jsonl"
    path.touch()
    shown = Running(path, summary=True)
    assert "empty" in shown.text
    assert "none" in shown.text


def test_json_gives_the_lines_as_they_are(path: Path) -> None:
    shown = Running(path, json=True)
    assert shown.text.encode() == b"".join(LINES)
    shown = Running(path, json=True, selection=parse("runtime"))
    assert [json.loads(each).get("method") for each in shown.text.splitlines()] == [
        "Runtime.consoleAPICalled",
        "Runtime.consoleAPICalled",
        None,
        None,
        None,
    ]


def test_what_cannot_be_read_is_said(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    path = tmp_path / "x.jsonl"
    path.write_bytes(BEGIN + b'{"time":1,"torn')
    shown = Running(path)
    assert shown.code == 1
    assert "it ends in the middle of a line" in shown.text
    shown = Running(path, json=True)
    assert shown.code == 1
    assert shown.text.encode() == BEGIN
    assert "it ends in the middle of a line" in capsys.readouterr().err
    path.write_bytes(b"")
    assert Running(path).code == 1
    assert "there is nothing in it" in capsys.readouterr().err
    path.write_bytes(b"SQLite format 3\0" + bytes(84))
    assert Running(path).code == 1
    shown = Running(tmp_path / "missing.jsonl")
    assert isinstance(shown.code.value, FileNotFoundError)


def test_following(tmp_path: Path) -> None:
    path = tmp_path / "recording-1.jsonl.partial"
    path.write_bytes(BEGIN)
    shown = Running(path, follow=True)
    with path.open("ab") as file:
        file.write(LINES[4][:20])
        file.flush()
        shown.clock.advance(0.2)
        assert shown.codes == []
        file.write(LINES[4][20:] + console(2.0, "S", "error", "later"))
    shown.clock.advance(0.2)
    assert "later" in shown.text
    path.rename(tmp_path / "recording-1.jsonl")
    with (tmp_path / "recording-1.jsonl").open("ab") as file:
        file.write(LINES[-1])
    shown.clock.advance(0.2)
    assert shown.code == 0


def test_following_a_database(tmp_path: Path) -> None:
    path = tmp_path / "recording.sqlite"
    begin, end = LINES[0], LINES[-1]
    append(path, begin, console(1.0, "S", "error", "in the first one"), end, begin)
    shown = Running(path, follow=True)
    assert "in the first one" in shown.text
    assert shown.codes == [], "the second recording goes on"
    append(path, console(2.0, "S", "error", "later"))
    shown.clock.advance(0.1)
    assert "later" not in shown.text
    shown.clock.advance(0.1)
    assert "later" in shown.text
    assert shown.text.count("in the first one") == 1
    append(path, end)
    shown.clock.advance(0.2)
    assert shown.code == 0
    assert shown.text.count("record   ends      stopped") == 2


def test_following_what_is_selected_of_a_database(tmp_path: Path) -> None:
    path = tmp_path / "recording.sqlite"
    append(path, LINES[0], note_line(START + 0.1, "attached", **WORKER))
    shown = Running(path, follow=True, target="shared_worker", json=True)
    append(path, console(1.0, "S", "error", "from the page"), console(2.0, "W", "error", "from the worker"), LINES[-1])
    shown.clock.advance(0.2)
    assert shown.code == 0
    assert "from the worker" in shown.text
    assert "from the page" not in shown.text


def test_following_a_directory(tmp_path: Path) -> None:
    first = tmp_path / "recording-1.jsonl"
    first.write_bytes(BEGIN + note_line(START + 1, "end", reason="rotated", entries=0, dropped=0))
    shown = Running(tmp_path, follow=True)
    assert shown.codes == []
    begin = BEGIN.replace(b'"file":1', b'"file":2')
    (tmp_path / "recording-2.jsonl.partial").write_bytes(begin + console(2.0, "S", "error", "in the next one"))
    shown.clock.advance(0.2)
    assert "in the next one" in shown.text
    assert shown.text.count("begins") == 1
    shown.deferred.cancel()
    assert len(shown.codes) == 1


def test_many_entries_let_signals_through(tmp_path: Path) -> None:
    path = tmp_path / "x.jsonl"
    path.write_bytes(BEGIN + console(1.0, "S", "log", "x") * 2000)
    shown = Running(path)
    assert shown.text.count("console") == 2000
    assert shown.code == 0


@pytest.mark.parametrize(
    ("typed", "time"),
    [("90", 90.0), ("2027-01-31T12:00Z", START), ("2027-01-31T13:00+01:00", START), ("2027-01-31 12:00", START)],
)
def test_times(typed: str, time: float) -> None:
    options = parser().parse_args(["show", "x", "--since", typed])
    assert options.since == time


def test_no_time(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit):
        parser().parse_args(["show", "x", "--until", "noon"])
    assert "2027-01-31T12:00Z" in capsys.readouterr().err


def test_the_command_line(path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """What was typed is what is shown."""
    from txcdp.cli import _commands as commands

    options = parser().parse_args(["show", str(path), "--json", "--target", "page"])
    stream = io.StringIO()
    made: Callable[[Any], Any] = commands._show(options, Output(stream))
    codes: list[Any] = []
    Deferred.fromCoroutine(made(Clock())).addBoth(codes.append)
    assert codes == [0]
    assert b"from the worker" not in stream.getvalue().encode()
    assert "from the page" in stream.getvalue()
