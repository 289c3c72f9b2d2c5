"""Runs of files: HAR and recordings, whoever has written them, and whatever is in them."""

from __future__ import annotations

import gzip
import json
import sqlite3
import tempfile
from collections.abc import Callable
from contextlib import closing
from copy import deepcopy
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.report.hostile import HOSTILE_TEXTS
from tests.report.test_report_page import data_of, parsed
from txcdp.recording._sqlite import _INSERT, _SCHEMA
from txcdp.report import NoRun, Run, read, render
from txcdp.report._har import NoHar, run_of_har

#: What may be in the place of any value.
ODD: st.SearchStrategy[Any] = st.one_of(
    st.sampled_from(HOSTILE_TEXTS),
    st.none(),
    st.booleans(),
    st.integers(-(10**30), 10**30),
    st.floats(),
    st.text(max_size=5),
    st.just([]),
    st.just({}),
    st.just([[[[{"a": [None]}]]]]),
    st.just({"name": "a", "value": {"toString": 1}}),
    st.just("9" * 5_000),
)

HAR: dict[str, Any] = {
    "log": {
        "version": "1.2",
        "creator": {"name": "somebody", "version": "1"},
        "browser": {"name": "Chrome", "version": "156"},
        "pages": [
            {
                "id": "page_1", "title": "https://example.com/", "startedDateTime": "2026-11-29T20:00:00.000Z",
                "pageTimings": {"onContentLoad": 500, "onLoad": 900},
            }
        ],
        "entries": [
            {
                "pageref": "page_1", "startedDateTime": "2026-11-29T20:00:00.100Z", "time": 250,
                "request": {
                    "method": "POST", "url": "https://example.com/?token=abc", "httpVersion": "h2", "cookies": [],
                    "headers": [{"name": "cookie", "value": "a=s3cr3t"}], "queryString": [], "headersSize": 100,
                    "bodySize": 3, "postData": {"mimeType": "text/plain", "text": "a=1"},
                },
                "response": {
                    "status": 200, "statusText": "OK", "httpVersion": "h2", "cookies": [], "redirectURL": "",
                    "headers": [{"name": "content-type", "value": "text/html"}], "headersSize": 80, "bodySize": 20,
                    "content": {"size": 60, "mimeType": "text/html", "text": "<h1>Hello</h1>"}, "_transferSize": 100,
                },
                "cache": {}, "_resourceType": "document", "_priority": "VeryHigh", "serverIPAddress": "192.0.2.1",
                "_initiator": {"type": "script", "url": "https://example.com/a.js", "lineNumber": 4},
                "timings": {"blocked": 10, "dns": 20, "connect": 50, "ssl": 30, "send": 5, "wait": 100, "receive": 65},
            }
        ],
    }
}  # fmt: skip

WALL = 1_700_000_000.0
PAGE = {"session": "S", "target": "F"}


def event(at: float, method: str, params: dict[str, Any]) -> dict[str, Any]:
    return {"time": WALL + at, **PAGE, "method": method, "params": params}


REQUEST = {"url": "https://example.com/", "method": "GET", "headers": {"cookie": "a=s3cr3t"}, "initialPriority": "High"}
RESPONSE = {
    "url": "https://example.com/", "status": 200, "statusText": "OK", "headers": {"x": "1"}, "mimeType": "text/html",
    "charset": "", "connectionReused": False, "connectionId": 1, "encodedDataLength": 50, "securityState": "secure",
}  # fmt: skip
FRAME = {"id": "F", "loaderId": "L", "url": "https://example.com/", "mimeType": "text/html", "securityOrigin": ""}
STACK = {"callFrames": [{"functionName": "", "scriptId": "1", "url": "a.js", "lineNumber": 1, "columnNumber": 1}]}
TASK = {"origin": WALL * 1000, "title": "A page", "entries": [{"kind": "longtask", "start": 9, "duration": 60}]}
RECORDING: list[dict[str, Any]] = [
    {"time": WALL, "note": "begin", "format": "txcdp-recording", "version": 1, "recording": "1", "file": 1,
     "browser": "Chrome/156", "targets": [{"session": None, "target": None, "type": "browser", "url": ""}]},
    {"time": WALL, "note": "attached", **PAGE, "type": "page", "url": "", "opener": None, "parent": None},
    event(0.1, "Network.requestWillBeSent", {
        "requestId": "L", "loaderId": "L", "documentURL": "", "request": REQUEST, "timestamp": 1000.1,
        "wallTime": WALL + 0.1, "initiator": {"type": "other", "stack": STACK}, "redirectHasExtraInfo": False,
        "type": "Document", "frameId": "F"}),
    event(0.2, "Network.responseReceived", {
        "requestId": "L", "loaderId": "L", "timestamp": 1000.2, "type": "Document", "response": RESPONSE,
        "hasExtraInfo": False, "frameId": "F"}),
    event(0.3, "Page.frameNavigated", {"frame": FRAME, "type": "Navigation"}),
    event(0.35, "Page.frameAttached", {"frameId": "G", "parentFrameId": "F"}),
    event(0.4, "Network.dataReceived", {
        "requestId": "L", "timestamp": 1000.3, "dataLength": 9, "encodedDataLength": 9}),
    event(0.4, "Network.loadingFinished", {"requestId": "L", "timestamp": 1000.4, "encodedDataLength": 59}),
    {"time": WALL + 0.4, **PAGE, "command": "Network.getResponseBody", "id": 7, "params": {"requestId": "L"}},
    {"time": WALL + 0.4, "reply": 7, "duration": 0.01, "result": {"body": "<h1>Hello", "base64Encoded": False}},
    event(0.5, "Runtime.executionContextCreated", {"context": {
        "id": 7, "origin": "", "name": "txcdp report", "uniqueId": "U",
        "auxData": {"frameId": "F", "isDefault": False}}}),
    event(0.6, "Runtime.bindingCalled", {
        "name": "txcdpReport", "payload": json.dumps(TASK), "executionContextId": 7}),
    event(0.7, "Runtime.consoleAPICalled", {
        "type": "log", "args": [{"type": "string", "value": "hello"}], "executionContextId": 7,
        "timestamp": (WALL + 0.7) * 1000, "stackTrace": STACK}),
    event(0.8, "Page.screencastFrame", {
        "data": "/9j/4AAQ", "metadata": {"timestamp": WALL + 0.8, "deviceWidth": 9}, "sessionId": 1}),
    event(0.9, "Page.loadEventFired", {"timestamp": 1000.9}),
    {"time": WALL + 1, "note": "dropped", "count": 3, "since": WALL, "until": WALL, "policy": "pause"},
    {"time": WALL + 1, "note": "detached", **PAGE, "reason": "closed"},
    {"time": WALL + 1, "note": "end", "reason": "stopped", "entries": 10, "dropped": 3},
]  # fmt: skip

_PLAIN = [tag for tag, _ in parsed(render(Run(name="a"))).elements]


def places(value: Any, path: tuple[Any, ...] = ()) -> list[tuple[Any, ...]]:
    """Return the paths to all values within a value."""
    found = [path] if path else []
    if isinstance(value, dict):
        found += [each for key, inside in value.items() for each in places(inside, (*path, key))]
    elif isinstance(value, list):
        found += [each for key, inside in enumerate(value) for each in places(inside, (*path, key))]
    return found


def changed(value: Any, changes: list[tuple[tuple[Any, ...], Any]]) -> Any:
    """Return a copy with other values in some places."""
    made = deepcopy(value)
    for path, other in changes:
        within = made
        try:
            for key in path[:-1]:
                within = within[key]
            within[path[-1]] = deepcopy(other)  # the next change may be within it
        except (KeyError, IndexError, TypeError):  # another change has taken that place away
            continue
    return made


def harmless(run: Run) -> None:
    """Check that the report of a run is what any report is, and can be read by its script."""
    page = render(run)
    assert [tag for tag, _ in parsed(page).elements] == _PLAIN
    data = data_of(page)
    for row in data["runs"][0]["exchanges"]:
        assert isinstance(row[0], str)
        assert all(isinstance(each, int) for each in row[1:3])


def lines(entries: list[Any]) -> bytes:
    return b"".join(json.dumps(each).encode() + b"\n" for each in entries)


def run_of(data: bytes, name: str = "recording.jsonl") -> Run:
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder, name)
        path.write_bytes(data)
        return read(path)


def database(entries: list[Any]) -> bytes:
    """Return a database whose rows have what the entries say, of whatever type that is."""
    with closing(sqlite3.connect(":memory:")) as connection:
        connection.executescript(_SCHEMA)
        connection.execute("INSERT INTO recordings(began) VALUES (0)")
        for each in entries:
            try:
                connection.execute(_INSERT, (1, *_row(each if isinstance(each, dict) else {})))
            except (sqlite3.Error, OverflowError):  # what no database takes
                continue
        connection.commit()
        return connection.serialize()


def _row(each: dict[str, Any]) -> tuple[Any, ...]:
    def simple(value: Any) -> Any:
        return value if isinstance(value, str | int | float | None) else json.dumps(value)

    kind = next((name for name in ("note", "reply", "command", "method") if name in each), "method")
    name = each.get("method", each.get("command", each.get("note")))
    data = json.dumps(each if kind == "note" else each.get("params", each.get("result")))
    number = each.get("id", each.get("reply"))
    told = {"method": "event"}.get(kind, kind)
    return tuple(
        simple(value)
        for value in (
            *(each.get("time"), told, each.get("session"), each.get("target"), name, number),
            *(each.get("duration"), each.get("error"), data),
        )
    )


def test_a_har_file_is_a_run_as_far_as_it_goes() -> None:
    run = run_of_har(json.dumps(HAR).encode(), "a.har")
    (exchange,) = run.exchanges
    assert (exchange.url, exchange.method, exchange.status, exchange.type) == (
        *("https://example.com/?token=abc", "POST"),
        *(200, "Document"),
    )
    assert exchange.ended is not None
    assert round(exchange.ended - exchange.started, 6) == 0.25
    assert (exchange.phases.connect, exchange.phases.tls, exchange.phases.receive) == (0.05, 0.03, 0.065)
    assert (exchange.transferred, exchange.size, exchange.initiator_line) == (100, 60, 5)
    assert exchange.body is not None
    assert exchange.body.text == "<h1>Hello</h1>"
    (document,) = run.documents
    assert document.loaded == document.started + 0.9
    assert run.started == document.started
    assert run.browser == "Chrome 156"
    assert "a HAR file has none" in run.missing[0]
    assert "s3cr3t" not in render(run)


def test_a_recording_is_a_run() -> None:
    for data, name in (
        (lines(RECORDING), "a.jsonl"),
        (gzip.compress(lines(RECORDING)), "a.jsonl.gz"),
        (database(RECORDING), "a.sqlite"),
    ):
        run = run_of(data, name)
        assert [each.url for each in run.exchanges] == ["https://example.com/"], name
        assert run.exchanges[0].body is not None
        assert [each.text for each in run.messages] == ["hello"]
        assert [each.id for each in run.documents] == ["L"]
        assert run.documents[0].title == "A page"
        assert run.documents[0].loaded == WALL + 0.9
        assert len(run.long_tasks) == len(run.pictures) == 1
        assert run.missing == ["3 events that were dropped"]
        assert "s3cr3t" not in render(run)


def test_what_a_recording_does_not_have_is_said() -> None:
    missing = " ".join(run_of(lines([*RECORDING[:5], *RECORDING[6:8]])).missing)
    for each in ("web vitals", "pictures", "bodies"):
        assert each in missing


def test_a_torn_recording_is_read_as_far_as_it_goes() -> None:
    run = run_of(lines(RECORDING)[:-700])
    assert run.exchanges
    assert any("cannot be read" in each for each in run.missing)


@pytest.mark.parametrize(
    "data",
    [
        b"",
        b"{}",
        b"[1]",
        b'{"log": 5}',
        b'{"log": {"entries": {}}}',
        b"hello",
        b'{"time": "a"}',
        b"\0" * 100,
        b"{" * 10_000,
    ],
)
def test_what_is_neither_is_refused(data: bytes, tmp_path: Path) -> None:
    path = tmp_path / "file"
    path.write_bytes(data)
    with pytest.raises(NoRun):
        read(path)


@settings(max_examples=150)
@given(st.lists(st.tuples(st.sampled_from(places(HAR)), ODD), min_size=1, max_size=4))
def test_any_har_file_makes_a_harmless_report(changes: list[tuple[tuple[Any, ...], Any]]) -> None:
    data = json.dumps(changed(HAR, changes)).encode()
    try:
        run = run_of_har(data, "a.har")
    except NoHar:
        return
    harmless(run)


def _recordings(encode: Callable[[list[Any]], bytes], name: str, changes: list[tuple[tuple[Any, ...], Any]]) -> None:
    try:
        run = run_of(encode(changed(RECORDING, changes)), name)
    except NoRun:
        return
    harmless(run)


@settings(max_examples=150, deadline=None)
@given(st.lists(st.tuples(st.sampled_from(places(RECORDING)), ODD), min_size=1, max_size=4))
def test_any_recording_makes_a_harmless_report(changes: list[tuple[tuple[Any, ...], Any]]) -> None:
    _recordings(lines, "a.jsonl", changes)


@settings(max_examples=60, deadline=None)
@given(st.lists(st.tuples(st.sampled_from(places(RECORDING)), ODD), min_size=1, max_size=4))
def test_any_database_makes_a_harmless_report(changes: list[tuple[tuple[Any, ...], Any]]) -> None:
    _recordings(database, "a.sqlite", changes)


def test_each_hostile_text_in_each_place_of_a_file_makes_a_harmless_report() -> None:
    for text in HOSTILE_TEXTS[:3]:
        for path in places(HAR)[1:]:
            try:
                harmless(run_of_har(json.dumps(changed(HAR, [(path, text)])).encode(), "a.har"))
            except NoHar:
                assert path in (("log",), ("log", "entries"))
