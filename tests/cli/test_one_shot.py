"""What the commands that open a page for one result take and write; nothing here starts a browser."""

from __future__ import annotations

import argparse
import csv
import io
import json
import os
import stat
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from twisted.internet.defer import Deferred
from twisted.internet.task import Clock

from txcdp.cli import _argument_types as types
from txcdp.cli._arguments import parser
from txcdp.cli._captures import PrintOptions, ScreenshotOptions, pdf, screenshot
from txcdp.cli._destination import Destination, NotWritten
from txcdp.cli._extract import as_csv, as_json, as_lines, as_objects, named
from txcdp.cli._har import HarOptions, har
from txcdp.cli._opened_page import PageOptions, emulation_of
from txcdp.cli._output import Output
from txcdp.cli._progress import Progress
from txcdp.cli._running import Misuse

HOSTILE = "a\x1b[31m\u202e\x9b\x7f\nb"


class Terminal(io.StringIO):
    def isatty(self) -> bool:
        return True


# Arguments.


@pytest.mark.parametrize(
    ("read", "typed", "meant"),
    [
        (types.viewport_size, "1280x720", {"width": 1280, "height": 720}),
        (types.viewport_size, "800, 600", {"width": 800, "height": 600}),
        (types.clip, "0,0,600,400.5", {"x": 0, "y": 0, "width": 600, "height": 400.5}),
        (types.geolocation, "53.54,-9.99", {"latitude": 53.54, "longitude": -9.99}),
        (types.header, "Accept-Language: de;q=0.9:", ("Accept-Language", "de;q=0.9:")),
        (types.length, "2.54cm", "2.54cm"),
        (types.length, "96", "96"),
        (types.margins, "1cm", dict.fromkeys(("top", "right", "bottom", "left"), "1cm")),
        (types.margins, "1cm 2cm", {"top": "1cm", "right": "2cm", "bottom": "1cm", "left": "2cm"}),
        (types.margins, "1in, 2in, 3in", {"top": "1in", "right": "2in", "bottom": "3in", "left": "2in"}),
        (types.margins, "1 2 3 4", {"top": "1", "right": "2", "bottom": "3", "left": "4"}),
        (types.quality, "100", 100),
        (types.scale, "0.1", 0.1),
        (types.paper, "a4", "A4"),
        (types.device, "iphone 15", "iPhone 15"),
        (types.output, "-", None),
        (types.time, "90.5", 90.5),
        (types.time, "1970-01-02T00:00Z", 86400.0),
        (types.time, "1970-01-02T01:00+01:00", 86400.0),
    ],
)
def test_values_are_read_with_their_units(read: Callable[[str], Any], typed: str, meant: Any) -> None:
    assert read(typed) == meant


@pytest.mark.parametrize(
    ("read", "typed", "says"),
    [
        (types.viewport_size, "1280", "1280x720"),
        (types.viewport_size, "0x720", "1280x720"),
        (types.clip, "0,0,600", "X,Y,WIDTH,HEIGHT"),
        (types.clip, "0,0,0,400", "X,Y,WIDTH,HEIGHT"),
        (types.clip, "0,0,nan,400", "X,Y,WIDTH,HEIGHT"),
        (types.geolocation, "91,0", "LATITUDE,LONGITUDE"),
        (types.header, "no colon", "such as"),
        (types.header, "two words: x", "such as"),
        (types.length, "3 parsecs", "2.54cm"),
        (types.length, "-1cm", "2.54cm"),
        (types.margins, "1 2 3 4 5", "1 to 4"),
        (types.quality, "101", "0 to 100"),
        (types.scale, "3", "0.1 to 2"),
        (types.paper, "A7", "Letter, Legal"),
        (types.device, "iphone_15", "'iPhone 15'"),
        (types.device, "qqqqqqqq", "txcdp.devices"),
        (types.output, "/no/such/place/a", "directory does not exist"),
        (types.time, "noon", "2027-01-31T12:00Z"),
        (types.time, "nan", "2027-01-31T12:00Z"),
        (types.time, "inf", "2027-01-31T12:00Z"),
    ],
)
def test_what_cannot_be_meant_is_refused_with_what_can(read: Callable[[str], Any], typed: str, says: str) -> None:
    with pytest.raises(argparse.ArgumentTypeError) as raised:
        read(typed)
    assert says in str(raised.value)


def emulated(*argv: str) -> Any:
    return emulation_of(parser().parse_args(["screenshot", "x", "-o", "-", *argv]))


def test_what_a_page_is_shown_on() -> None:
    assert emulated() == {}
    assert emulated("--lang", "de-DE", "--timezone", "Europe/Berlin", "--color-scheme", "dark") == {
        "locale": "de-DE",
        "timezone_id": "Europe/Berlin",
        "color_scheme": "dark",
    }
    assert emulated("--header", "A: b", "--header", "C:d")["extra_http_headers"] == {"A": "b", "C": "d"}
    assert emulated("--geolocation", "1,2")["permissions"] == ["geolocation"]
    phone = emulated("--device", "Pixel 7")
    assert phone["is_mobile"]
    assert phone["screen"]
    small = emulated("--device", "Pixel 7", "--viewport-size", "100x100")
    assert small["viewport"] == {"width": 100, "height": 100}
    assert "screen" not in small


PAGE = PageOptions("about:blank")


@pytest.mark.parametrize(
    ("command", "says"),
    [
        (lambda out: screenshot(Clock(), ScreenshotOptions(PAGE, Path("a.gif")), out), ".png, .jpg, .jpeg, .webp"),
        (lambda out: screenshot(Clock(), ScreenshotOptions(PAGE, Path("a.png"), "jpeg"), out), "does not match --type"),
        (lambda out: screenshot(Clock(), ScreenshotOptions(PAGE, None, None, "h1", True), out), "--full-page"),
        (lambda out: screenshot(Clock(), ScreenshotOptions(PAGE, None, None, "h1", clip={"x": 1}), out), "--clip"),
        (lambda out: screenshot(Clock(), ScreenshotOptions(PAGE, None, how={"quality": 5}), out), "--quality"),
        (lambda out: pdf(Clock(), PrintOptions(PAGE, None, {"format": "A4", "width": "1in"}), out), "--width"),
        (lambda out: har(Clock(), HarOptions("about:blank", None, "attach"), out), "-o"),
    ],
)
def test_what_excludes_each_other_is_refused_before_a_browser_is_started(
    command: Callable[[Output], Any], says: str
) -> None:
    failure: list[Any] = []
    Deferred.fromCoroutine(command(Output(io.StringIO()))).addErrback(failure.append)
    assert failure[0].check(Misuse)
    assert says in str(failure[0].value)


# Files.


def write_half(destination: Destination) -> None:
    destination.write(b"half")
    raise ZeroDivisionError


def test_a_file_is_replaced_as_a_whole_and_keeps_its_rights(tmp_path: Path) -> None:
    path = tmp_path / "result"
    path.write_text("before")
    path.chmod(0o640)
    destination = Destination(path, Output(None))
    with destination.whole():
        destination.write(b"after")
        assert path.read_text() == "before"
    assert path.read_text() == "after"
    assert stat.S_IMODE(path.stat().st_mode) == 0o640
    assert destination.written == 5
    assert os.listdir(tmp_path) == ["result"]


@pytest.mark.parametrize("there", [True, False])
def test_what_fails_leaves_what_there_was(tmp_path: Path, there: bool) -> None:
    path = tmp_path / "result"
    if there:
        path.write_text("before")
    destination = Destination(path, Output(None))
    with pytest.raises(ZeroDivisionError), destination.whole():
        write_half(destination)
    assert [each.read_text() for each in tmp_path.iterdir()] == ["before"] * there


def test_a_link_goes_on_leading_to_its_file_and_a_device_stays_one(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("before")
    link = tmp_path / "link"
    link.symlink_to("file")
    for path in (link, Path(os.devnull)):
        destination = Destination(path, Output(None))
        with destination.whole():
            destination.write(b"after")
    assert link.is_symlink()
    assert (tmp_path / "file").read_text() == "after"
    assert stat.S_ISCHR(Path(os.devnull).stat().st_mode)


def test_a_new_file_has_the_rights_that_the_users_mask_leaves(tmp_path: Path) -> None:
    before = os.umask(0o027)
    try:
        destination = Destination(tmp_path / "result", Output(None))
        with destination.whole():
            destination.write(b"x")
    finally:
        os.umask(before)
    assert stat.S_IMODE((tmp_path / "result").stat().st_mode) == 0o640


def test_no_file_is_created_where_the_working_directory_is_gone(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    folder = tmp_path / "folder"
    folder.mkdir()
    monkeypatch.chdir(folder)
    folder.rmdir()
    with pytest.raises(argparse.ArgumentTypeError, match=r"^result: the directory does not exist$"):
        types.output("result")


def test_a_file_that_cannot_be_written_is_said_by_its_name(tmp_path: Path) -> None:
    folder = tmp_path / "folder"
    folder.mkdir()
    destination = Destination(folder / "result", Output(None))
    folder.rmdir()
    with pytest.raises(NotWritten, match="result cannot be written: No such file"), destination.whole():
        raise AssertionError


# Progress.


def test_progress_is_shown_on_a_terminal_after_a_moment_and_wiped() -> None:
    clock, terminal = Clock(), Terminal()
    with Progress(clock, terminal) as progress:
        progress.say("loading")
        clock.advance(0.5)
        assert terminal.getvalue() == ""
        clock.advance(0.5)
        assert "1 s  loading\x1b[K" in terminal.getvalue()
        progress.say(lambda: "a\x1b[31m\nb" + "x" * 500)
        clock.advance(0.2)
        assert "a\\x1b[31m\\nbxxx" in terminal.getvalue()
        assert "…" in terminal.getvalue()
    assert terminal.getvalue().endswith("\r\x1b[K")
    assert not clock.getDelayedCalls()


def test_what_is_quick_and_what_is_no_terminal_has_no_progress() -> None:
    for stream in (Terminal(), io.StringIO(), None):
        clock = Clock()
        with Progress(clock, stream) as progress:
            progress.say("loading")
            clock.advance(0.4)
            if not progress.active:
                clock.advance(10)
        assert stream is None or stream.getvalue() == ""
        assert not clock.getDelayedCalls()


# What is extracted.


def test_selectors_have_names() -> None:
    assert named(["h1", "price:=.price", "a b :=a[b=':=']@href", "text=a:=b", "it:="]) == {
        "h1": "h1",
        "price": ".price",
        "a b": "a[b=':=']@href",
        "text=a:=b": "text=a:=b",
        "it": "",
    }
    with pytest.raises(Misuse, match="NAME:=SELECTOR"):
        named(["h1", "h1"])


def test_json_is_json_and_obeyed_by_no_terminal() -> None:
    columns: list[list[str | None]] = [["a", HOSTILE], [None, "\ud800", "ö\u200d 👩"]]
    text = as_json(as_objects(["x", HOSTILE], columns, False))
    assert json.loads(text) == {"x": columns[0], HOSTILE: columns[1]}
    assert text.replace("\n", "").replace("\u200d", "").isprintable()
    assert "ö\u200d 👩" in text
    assert as_objects(["x", "y"], [["1", None]], True) == [{"x": "1", "y": None}]


def test_lines_are_one_a_text_and_obeyed_by_no_terminal() -> None:
    assert as_lines([["a", None], [HOSTILE]], False) == "a\na\\x1b[31m\\u202e\\x9b\\x7f\\nb\n"
    assert as_lines([["a", None, "c\td"]], True) == "a\t\tc\\td\n"


def test_csv_is_read_back_and_run_by_no_spreadsheet() -> None:
    rows: list[list[str | None]] = [
        ["=1+2", "-5.00"],
        ["@SUM(A1)", None],
        ['a "b", c', "two\nlines"],
        ["-x", "+49 40"],
        ["\t=1", "1,5"],
    ]
    text = as_csv(["=name", "b"], rows)
    assert list(csv.reader(io.StringIO(text))) == [
        ["'=name", "b"],
        ["'=1+2", "-5.00"],
        ["'@SUM(A1)", ""],
        ['a "b", c', "two\nlines"],
        ["'-x", "'+49 40"],
        ["'\t'=1", "1,5"],
    ]
    assert "\x1b" not in as_csv(["a"], [[HOSTILE]], plain=True)
