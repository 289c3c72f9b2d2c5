"""``txcdp replay`` and ``txcdp export``: what comes when, what is made, and what a hostile page cannot do there."""

from __future__ import annotations

import csv
import io
import json
from pathlib import Path
from typing import Any

import pytest
from twisted.internet.defer import Deferred
from twisted.internet.task import Clock

from tests.browser.recorded_run import STORED
from tests.cli.test_cli_show import BEGIN, LINES, START, console, event, request
from tests.har_checks import check_har
from txcdp._privacy import spreadsheet_cell
from txcdp.cli._arguments import parser
from txcdp.cli._export import export
from txcdp.cli._lines import Style
from txcdp.cli._output import Output
from txcdp.cli._recorded import Wanted
from txcdp.cli._replay import ReplayOptions, play
from txcdp.cli._running import Misuse
from txcdp.cli._selection import parse
from txcdp.recording._entries import note_line

HOSTILE = "</script><script>alert(1)</script>\x1b[31m"


def run(deferred: Any) -> Any:
    found: list[Any] = []
    Deferred.fromCoroutine(deferred).addBoth(found.append)
    return found


def replayed(path: Path, clock: Clock, **options: Any) -> tuple[list[Any], io.StringIO]:
    out = io.StringIO()
    wanted = ReplayOptions(paths=[path], wanted=options.pop("wanted", Wanted()), **options)
    return run(play(clock, wanted, Output(out), Style(None, False))), out


@pytest.fixture
def recording(tmp_path: Path) -> Path:
    path = tmp_path / "recording.jsonl"
    path.write_bytes(b"".join(LINES))
    return path


class TestReplay:
    """``txcdp replay``."""

    def test_lines_come_when_they_are_due(self, recording: Path) -> None:
        clock = Clock()
        code, out = replayed(recording, clock, speed=2.0)
        clock.advance(0.9)
        assert "from the page" not in out.getvalue()
        clock.advance(0.2)
        assert "from the page" in out.getvalue()
        assert "from the worker" not in out.getvalue()
        clock.advance(60)
        assert "from the worker" in out.getvalue()
        assert code == [0]

    def test_from_and_until_with_what_is_under_way(self, recording: Path) -> None:
        code, out = replayed(recording, Clock(), speed="instant", since=1.05, until=2.5)
        assert code == [0]
        assert "ERR_FAILED" in out.getvalue()  # of a request that was sent before
        assert "from the page" in out.getvalue()
        assert "from the worker" not in out.getvalue()

    def test_a_choice_as_it_was_recorded(self, recording: Path) -> None:
        wanted = Wanted(selection=parse("runtime"))
        _, out = replayed(recording, Clock(), speed="instant", json=True, wanted=wanted)
        said = [json.loads(line) for line in out.getvalue().splitlines()]
        assert {each["method"] for each in said if "method" in each} == {"Runtime.consoleAPICalled"}

    def test_what_is_torn_is_told(self, recording: Path) -> None:
        recording.write_bytes(b"".join([*LINES, b'{"time":18']))
        code, out = replayed(recording, Clock(), speed="instant")
        assert code == [1]
        assert "damaged" in out.getvalue()

    def test_nothing_is_said_to_be_nothing(self, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
        (tmp_path / "r.jsonl").touch()
        code, _ = replayed(tmp_path / "r.jsonl", Clock(), speed="instant")
        assert code == [1]
        assert "nothing in it" in capsys.readouterr().err

    def test_a_reader_that_has_gone_ends_it(self, recording: Path) -> None:
        class Gone(io.StringIO):
            def write(self, text: str) -> int:
                raise BrokenPipeError

        wanted = ReplayOptions(paths=[recording], wanted=Wanted(), speed="instant")
        (failure,) = run(play(Clock(), wanted, Output(Gone()), Style(None, False)))
        assert failure.type.__name__ == "OutputGone"

    def test_a_hostile_page_writes_no_escapes(self, tmp_path: Path) -> None:
        (tmp_path / "r.jsonl").write_bytes(BEGIN + console(1.0, "S", "error", HOSTILE))
        _, out = replayed(tmp_path / "r.jsonl", Clock(), speed="instant")
        assert "\\x1b[31m" in out.getvalue()
        assert "\x1b" not in out.getvalue()

    @pytest.mark.parametrize(("typed", "speed"), [("instant", "instant"), ("2", 2.0), ("0.5", 0.5), ("10x", 10.0)])
    def test_speeds(self, typed: str, speed: Any) -> None:
        assert parser().parse_args(["replay", "x", "--speed", typed]).speed == speed

    @pytest.mark.parametrize("typed", ["0", "-1", "fast", "nan"])
    def test_what_is_no_speed(self, typed: str) -> None:
        with pytest.raises(SystemExit):
            parser().parse_args(["replay", "x", f"--speed={typed}"])


def exported(path: Path, to: str, folder: Path) -> tuple[Any, Path]:
    target = folder / f"made.{to}"
    (code,) = run(export(Clock(), [path], to, target, Output(io.StringIO())))
    return code, target


class TestExport:
    """``txcdp export``."""

    def test_a_har_is_written_by_the_one_writer(self, tmp_path: Path) -> None:
        code, made = exported(STORED, "har", tmp_path)
        assert code == 0
        log = json.loads(made.read_bytes())["log"]
        check_har({"log": log})
        urls = sorted(each["request"]["url"] for each in log["entries"])
        assert urls == [f"http://shop.example/{name}" for name in ("", "missing.png")]
        assert log["browser"]["name"] == "Chrome"

    def test_a_trace_begins_as_the_developer_tools_want_it(self, tmp_path: Path) -> None:
        code, made = exported(STORED, "trace", tmp_path)
        events = json.loads(made.read_bytes())["traceEvents"]
        assert code == 0
        by_name: dict[str, list[Any]] = {}
        for each in events:
            by_name.setdefault(each["name"], []).append(each)
            assert {"name", "cat", "ph", "pid", "tid", "ts"} <= each.keys()
            assert isinstance(each["ts"], int)
        (started,) = by_name["TracingStartedInBrowser"]
        assert started is events[0]
        (navigated,) = by_name["navigationStart"]
        (main,) = started["args"]["data"]["frames"]
        assert (main["frame"], main["url"]) == (navigated["args"]["frame"], "http://shop.example/")
        documents = [each["args"]["data"] for each in by_name["ResourceSendRequest"]]
        assert navigated["args"]["data"]["navigationId"] == documents[0]["requestId"]
        committed = [each["args"]["data"]["url"] for each in by_name["FrameCommittedInBrowser"]]
        assert committed == ["about:blank", "about:blank", "http://shop.example/"]
        assert started["cat"] == "disabled-by-default-devtools.timeline"
        assert {each["args"]["name"] for each in by_name["thread_name"]} == {"CrBrowserMain", "CrRendererMain"}
        sent = [each["args"]["data"]["requestId"] for each in by_name["ResourceSendRequest"]]
        ended = [each["args"]["data"]["requestId"] for each in by_name["ResourceFinish"]]
        assert len(sent) == 2
        assert sorted(sent) == sorted(ended)
        bars = [each for each in events if each["cat"] == "network"]
        assert sorted(each["ph"] for each in bars) == ["b"] * 2 + ["e"] * 2
        assert {each["id"] for each in bars if each["ph"] == "b"} == {each["id"] for each in bars if each["ph"] == "e"}
        assert by_name["MarkLoad"]

    def test_a_trace_of_pages_that_go_nowhere_is_of_the_first(self, tmp_path: Path) -> None:
        path = tmp_path / "r.jsonl"
        notes = [
            note_line(
                1.0 + number, "attached", session=f"S{number}", target=f"T{number}", type="page", url="about:blank"
            )
            for number in range(2)
        ]
        path.write_bytes(BEGIN + b"".join(notes))
        _, made = exported(path, "trace", tmp_path)
        started, *others = json.loads(made.read_bytes())["traceEvents"]
        assert [each["frame"] for each in started["args"]["data"]["frames"]] == ["TARGET"]
        assert [each["name"] for each in others].count("FrameCommittedInBrowser") == 3

    def test_the_timing_of_a_response_is_on_the_clock_of_the_recording(self, tmp_path: Path) -> None:
        _, made = exported(STORED, "trace", tmp_path)
        events = json.loads(made.read_bytes())["traceEvents"]
        received = [each for each in events if each["name"] == "ResourceReceiveResponse"]
        for each in received:
            timing = each["args"]["data"]["timing"]
            assert 0 <= each["ts"] / 1e6 - timing["requestTime"] < 5

    def test_a_screencast_is_in_the_trace(self, tmp_path: Path) -> None:
        path = tmp_path / "r.jsonl"
        frame = event(1.0, "S", "TARGET", "Page.screencastFrame", data="/9j/", sessionId=1, metadata={})
        path.write_bytes(BEGIN + frame)
        _, made = exported(path, "trace", tmp_path)
        (shot,) = (each for each in json.loads(made.read_bytes())["traceEvents"] if each["name"] == "Screenshot")
        assert shot["args"]["snapshot"] == "/9j/"

    def test_a_table_has_a_row_for_each_exchange(self, recording: Path, tmp_path: Path) -> None:
        code, made = exported(recording, "csv", tmp_path)
        table = list(csv.DictReader(made.read_text().splitlines()))
        assert code == 0
        assert [(each["url"], each["state"] != "", each["error"]) for each in table] == [
            ("https://shop.example/a.js", True, "net::ERR_FAILED"),
            ("https://shop.example/b.js", True, ""),
        ]

    @pytest.mark.parametrize("begins", ["=", "+", "-", "@", "\t", "\r"])
    def test_no_cell_is_a_formula(self, tmp_path: Path, begins: str) -> None:
        path = tmp_path / "r.jsonl"
        path.write_bytes(b"".join([BEGIN, *request(1.0, "1", "https://a.example/", error=f'{begins}cmd|"/c calc"!A1')]))
        _, made = exported(path, "csv", tmp_path)
        (row,) = csv.DictReader(io.StringIO(made.read_bytes().decode(), newline=""))
        assert row["error"].startswith(f"'{begins}")

    @pytest.mark.parametrize("text", ["https://a.example/", "-5", "+1.5", "plain", ""])
    def test_what_is_no_formula_stays_as_it_is(self, text: str) -> None:
        assert spreadsheet_cell(text) == text

    def test_lines_are_those_of_the_recording(self, recording: Path, tmp_path: Path) -> None:
        code, made = exported(recording, "jsonl", tmp_path)
        assert code == 0
        assert made.read_bytes() == recording.read_bytes()

    @pytest.mark.parametrize("to", ["har", "trace", "csv", "jsonl"])
    def test_files_are_for_their_owner_alone(self, recording: Path, tmp_path: Path, to: str) -> None:
        (tmp_path / f"made.{to}").touch(0o644)
        _, made = exported(recording, to, tmp_path)
        assert made.stat().st_mode & 0o777 == 0o600

    @pytest.mark.parametrize("to", ["har", "trace", "csv"])
    def test_secrets_in_addresses_are_masked(self, tmp_path: Path, to: str) -> None:
        path = tmp_path / "r.jsonl"
        path.write_bytes(b"".join([BEGIN, *request(1.0, "1", "https://a.example/?access_token=s3cret", "net::ERR")]))
        _, made = exported(path, to, tmp_path)
        assert "a.example" in made.read_text()
        assert "s3cret" not in made.read_text()

    @pytest.mark.parametrize("to", ["har", "trace", "csv", "jsonl"])
    def test_what_is_torn_is_told(self, tmp_path: Path, to: str, capsys: pytest.CaptureFixture[str]) -> None:
        path = tmp_path / "r.jsonl"
        path.write_bytes(b"".join([*LINES, b'{"time":18']))
        code, made = exported(path, to, tmp_path)
        assert code == 1
        assert made.stat().st_size
        assert "middle of a line" in capsys.readouterr().err

    @pytest.mark.parametrize("to", ["har", "trace", "csv", "jsonl"])
    def test_wrong_types_break_nothing(self, tmp_path: Path, to: str) -> None:
        strange: list[Any] = [None, [], {}, "x", -1, {"requestId": []}, {"request": 7, "requestId": {}, "frame": "f"}]
        methods = ("Network.requestWillBeSent", "Network.responseReceived", "Network.loadingFinished")
        others = ("Page.frameNavigated", "Runtime.exceptionThrown", "Page.screencastFrame", "Runtime.consoleAPICalled")
        lines: list[bytes] = [BEGIN, note_line(START, "attached", session=[], target={}, type=7, url=None)]
        for method in (*methods, *others):
            for params in strange:
                line = {"time": START + 1, "session": "S", "target": "T", "method": method, "params": params}
                lines.append(json.dumps(line).encode() + b"\n")
        path = tmp_path / "r.jsonl"
        path.write_bytes(b"".join(lines))
        code, made = exported(path, to, tmp_path)
        assert code == 0
        if to in ("har", "trace"):
            json.loads(made.read_bytes())

    def test_a_har_needs_a_file(self, recording: Path) -> None:
        (failure,) = run(export(Clock(), [recording], "har", None, Output(io.StringIO())))
        assert failure.check(Misuse)


class TestHar:
    """Files of HAR in the place of recordings."""

    def test_it_is_played_in_the_words_of_all_others(self, tmp_path: Path) -> None:
        _, path = exported(STORED, "har", tmp_path)
        code, out = replayed(path, Clock(), speed="instant")
        assert code == [0]
        assert "http://shop.example/" in out.getvalue()
        assert "attached" in out.getvalue()

    def test_other_files_are_made_of_it(self, tmp_path: Path) -> None:
        _, path = exported(STORED, "har", tmp_path)
        _, table = exported(path, "csv", tmp_path)
        (first, *_) = csv.DictReader(io.StringIO(table.read_text("utf-8")))
        (entry, *_) = json.loads(path.read_bytes())["log"]["entries"]
        assert (first["url"], first["method"]) == (entry["request"]["url"], entry["request"]["method"])

    def test_what_is_none_is_refused_in_words(self, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
        path = tmp_path / "\x1b[31m.har"
        path.write_text('{"log": 5}')
        code, _ = replayed(path, Clock(), speed="instant")
        code += run(export(Clock(), [path], "csv", tmp_path / "a.csv", Output(io.StringIO())))
        assert code == [1, 1]
        said = capsys.readouterr().err
        assert said.count("is not a HAR file: it has no log with entries") == 2
        assert "\x1b" not in said
