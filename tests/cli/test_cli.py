"""What the command line takes, and what it refuses; nothing here starts a browser."""

from __future__ import annotations

import argparse
import io
import json
import os
import signal
import subprocess
import sys
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from twisted.internet.defer import CancelledError, Deferred, fail
from twisted.python.failure import Failure

from txcdp.cli import main
from txcdp.cli._arguments import parser
from txcdp.cli._output import Output, OutputGone, style
from txcdp.cli._parameters import BadParameter, read, read_unchecked
from txcdp.cli._races import failure_of, first_of
from txcdp.cli._running import Misuse, Runner, one_line
from txcdp.cli._selection import UnknownEvent, parse
from txcdp.cli._urls import NotAPage, page_url, place, short
from txcdp.errors import ConnectError, EvaluationError, ExecutableNotFound, LaunchError


class Terminal(io.StringIO):
    def isatty(self) -> bool:
        return True


# URLs.


@pytest.mark.parametrize(
    ("typed", "url"),
    [
        ("https://example.com/a?b#c", "https://example.com/a?b#c"),
        ("HTTP://example.com", "HTTP://example.com"),
        ("example.com", "https://example.com"),
        ("  example.com/path?q=1 ", "https://example.com/path?q=1"),
        ("example.com:8080", "https://example.com:8080"),
        ("localhost:8000", "http://localhost:8000"),
        ("localhost/a.b", "http://localhost/a.b"),
        ("shop.localhost:1", "http://shop.localhost:1"),
        ("printer", "http://printer"),
        ("printer.local", "http://printer.local"),
        ("127.0.0.1:8000/x", "http://127.0.0.1:8000/x"),
        ("10.1.2.3", "http://10.1.2.3"),
        ("[::1]:8000/x", "http://[::1]:8000/x"),
        ("user@example.com", "https://user@example.com"),
        ("about:blank", "about:blank"),
        ("data:text/html,<p>x", "data:text/html,<p>x"),
        ("view-source:https://example.com", "view-source:https://example.com"),
        ("chrome://version", "chrome://version"),
    ],
)
def test_a_url_is_guessed_as_browsers_do(typed: str, url: str) -> None:
    assert page_url(typed) == url


def test_a_file_is_meant_by_its_path(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    page = tmp_path / "a page.html"
    page.write_text("")
    monkeypatch.chdir(tmp_path)
    for typed in ("a page.html", "./a page.html", str(page)):
        assert page_url(typed) == page.resolve().as_uri()
    assert page_url(".") == tmp_path.resolve().as_uri()


@pytest.mark.parametrize(
    "typed", ["", "  ", "./nothing.html", "/no/such/file", "~/no/such/file", "javascript:alert(1)"]
)
def test_what_names_no_page_is_refused(typed: str) -> None:
    with pytest.raises(NotAPage):
        page_url(typed)


def test_urls_and_places_are_short() -> None:
    assert short("http://a/b?c", "http://a") == "/b?c"
    assert short("http://ab/c", "http://a") == "http://ab/c"
    assert short("http://a", "http://a") == "http://a"
    assert place("http://a/js/app.js?v=1", 9, 2) == "app.js:10:3"
    assert place("http://a/", 0) == "/:1"
    assert place("", 3) == ""


# Events.


def test_events_are_selected_by_domain_and_by_name() -> None:
    found = parse("network, page.loadEventFired,Page.dom_content_event_fired,")
    assert found.domains == {"Network"}
    assert found.events == {"Page.loadEventFired", "Page.domContentEventFired"}
    assert found.wants("Network.dataReceived")
    assert found.wants("Page.loadEventFired")
    assert not found.wants("Page.frameNavigated")


def test_a_domain_may_be_written_in_any_way() -> None:
    assert parse("dom_storage.*").domains == {"DOMStorage"}
    assert parse("domstorage").domains == parse("DOMStorage").domains


def test_console_stands_for_where_its_messages_come_from_today() -> None:
    assert parse("console").domains == {"Runtime", "Log"}


def test_what_events_need_is_enabled() -> None:
    assert parse("network,page").enabling == []
    assert parse("css.styleSheetAdded,performance").enabling == ["DOM", "CSS", "Performance"]
    assert parse("fetch,debugger.paused").enabling == []
    assert parse("fetch,debugger.paused").silent == ["Debugger", "Fetch"]


@pytest.mark.parametrize(
    ("names", "hint"),
    [
        ("netwrk", "Network"),
        ("page.loadEventFird", "loadEventFired"),
        ("page.load", "loadEventFired"),
        ("quux", "unknown domain 'quux'"),
        ("", "no event"),
        ("io", "no events"),
    ],
)
def test_unknown_events_are_refused_with_near_misses(names: str, hint: str) -> None:
    with pytest.raises(UnknownEvent, match=hint):
        parse(names)


# Parameters of commands.


def test_parameters_are_read_as_their_types() -> None:
    assert read("Page.navigate", ["url=https://example.com/?a=b"]) == (
        "Page.navigate",
        {"url": "https://example.com/?a=b"},
    )
    assert read(
        "emulation.set_device_metrics_override", ["width=800", "height=600", "device_scale_factor=1.5", "mobile=false"]
    ) == (
        "Emulation.setDeviceMetricsOverride",
        {"width": 800, "height": 600, "deviceScaleFactor": 1.5, "mobile": False},
    )
    assert read("Network.setExtraHTTPHeaders", ['headers={"A": "b"}'])[1] == {"headers": {"A": "b"}}
    assert read("Target.setDiscoverTargets", ["discover=yes", 'filter=[{"type": "page"}]'])[1]["filter"] == [
        {"type": "page"}
    ]
    assert read("Page.captureScreenshot", ["format=webp", "quality:=80"])[1] == {"format": "webp", "quality": 80}
    assert read("Runtime.callFunctionOn", ["functionDeclaration=f", 'arguments=[{"value": 1}]'])[1]["arguments"] == [
        {"value": 1}
    ]


@pytest.mark.parametrize(
    ("method", "given", "says"),
    [
        ("Page.navigat", [], "did you mean 'navigate'"),
        ("Pag.navigate", [], "did you mean"),
        ("Page", [], "no command ''"),
        ("Page.loadEventFired", [], "is an event"),
        ("Page.navigate", ["urll=x"], r"did you mean 'url'\?; it takes url, \[referrer\]"),
        ("Page.navigate", [], "needs url"),
        ("Page.navigate", ["x"], "name=value"),
        ("Browser.getVersion", ["a=1"], "it takes none"),
        ("Page.captureScreenshot", ["format=pgn"], "not one of jpeg, png, webp; did you mean 'png'"),
        ("Page.captureScreenshot", ["quality=high"], "not an integer"),
        ("Page.captureScreenshot", ["quality=1.5"], "not an integer"),
        ("Emulation.setGeolocationOverride", ["latitude=nan"], "not a number"),
        ("Page.captureScreenshot", ["fromSurface=maybe"], "neither true nor false"),
        ("Page.captureScreenshot", ["clip=[1]"], "expected a JSON object"),
        ("Page.captureScreenshot", ["clip={"], "not JSON"),
    ],
)
def test_what_does_not_fit_a_command_is_refused(method: str, given: list[str], says: str) -> None:
    with pytest.raises(BadParameter, match=says):
        read(method, given)


def test_parameters_of_an_unknown_command_are_json_or_text() -> None:
    assert read_unchecked(["a=1", "b=x", "c:=[true]"]) == {"a": 1, "b": "x", "c": [True]}
    with pytest.raises(BadParameter, match="not JSON"):
        read_unchecked(["a:=x"])


# Arguments.


@pytest.mark.parametrize(
    ("argv", "says"),
    [
        (["watch"], "required"),
        (["watch", "./no.html"], "no such file"),
        (["watch", "x", "--until", "soon"], "not one of load, idle, forever"),
        (["watch", "x", "--until", "-1"], "not one of load, idle, forever"),
        (["watch", "x", "--timeout", "nan"], "not a number of seconds"),
        (["watch", "x", "--events", "netwrk"], "did you mean 'Network'"),
        (["watch", "x", "--screenshot", "a.gif"], ".png, .jpg, .jpeg, .webp"),
        (["watch", "x", "--screenshot", "no/such/place/a.png"], "directory does not exist"),
        (["call"], "required"),
        (["call", "Page.navigate", "--target", "A", "--url-match", "b"], "not allowed"),
        (["protocol"], "required"),
        (["frobnicate"], "invalid choice"),
    ],
)
def test_misuse_exits_with_2_and_says_why(argv: list[str], says: str, capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as raised:
        main(argv)
    assert raised.value.code == 2
    assert says in capsys.readouterr().err


def test_what_is_watched_until_when() -> None:
    def until(*argv: str) -> Any:
        return parser().parse_args(["watch", "x", *argv]).until

    assert until() == "idle"
    assert until("--until", "load") == "load"
    assert until("--until", "forever") == "forever"
    assert until("--until", "2.5") == 2.5


def test_without_a_command_the_help_is_shown(capsys: pytest.CaptureFixture[str]) -> None:
    assert main([]) == 2
    assert "watch" in capsys.readouterr().out


def commands(found: argparse.ArgumentParser, path: tuple[str, ...] = ()) -> Iterator[tuple[str, ...]]:
    """Yield every command, with those that have others beneath them."""
    yield path
    for action in found._actions:
        if isinstance(action, argparse._SubParsersAction):
            for name, beneath in action.choices.items():
                yield from commands(beneath, (*path, name))


@pytest.mark.parametrize("command", list(commands(parser())))
def test_everything_has_a_help(command: tuple[str, ...], capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as raised:
        main([*command, "--help"])
    assert raised.value.code == 0
    assert "usage: txcdp" in capsys.readouterr().out


def test_the_parser_imports_neither_twisted_nor_rx_nor_msgspec() -> None:
    code = (
        "import sys, txcdp.cli._arguments as a; a.parser(); print({'twisted', 'reactivex', 'msgspec'} & {*sys.modules})"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "set()"


def test_a_closed_pipe_ends_the_help_quietly() -> None:
    reader, writer = os.pipe()
    os.close(reader)
    done = subprocess.run([sys.executable, "-m", "txcdp", "--help"], check=False, stdout=writer, stderr=subprocess.PIPE)
    os.close(writer)
    assert done.stderr == b""


def test_versions_need_no_browser() -> None:
    done = subprocess.run([sys.executable, "-m", "txcdp", "--version"], capture_output=True, text=True, check=True)
    assert done.stdout.startswith("txcdp ")
    assert "devtools-protocol" in done.stdout
    command = [sys.executable, "-m", "txcdp", "version", "--json"]
    done = subprocess.run(command, capture_output=True, text=True, check=True)
    assert set(json.loads(done.stdout)) == {"txcdp", "protocol"}


# Output.


def test_colour_is_for_terminals() -> None:
    assert style(Terminal(), None, {}).colour
    assert style(Terminal(), None, {}).columns
    assert not style(Terminal(), None, {"NO_COLOR": "1"}).colour
    assert not style(Terminal(), None, {"TERM": "dumb"}).colour
    assert not style(Terminal(), False, {}).colour
    assert not style(io.StringIO(), None, {}).colour
    assert style(io.StringIO(), None, {}).columns is None
    assert style(io.StringIO(), None, {"FORCE_COLOR": "1"}).colour


@pytest.fixture
def pipe() -> Iterator[tuple[int, Any]]:
    reader, writer = os.pipe()
    with os.fdopen(writer, "w", encoding="utf-8") as stream:
        yield reader, stream


def test_much_output_arrives_whole_at_a_slow_reader(pipe: tuple[int, Any]) -> None:
    reader, stream = pipe
    os.set_blocking(stream.fileno(), False)  # as a terminal is that another program has left so
    lines = [f"{number} {'x' * (number % 9000)}é" for number in range(300)]
    got = bytearray()

    def read_all() -> None:
        while data := os.read(reader, 1000):
            got.extend(data)

    thread = threading.Thread(target=read_all)
    thread.start()
    output = Output(stream)
    for line in lines:
        output.print(line)
    stream.close()
    thread.join()
    os.close(reader)
    assert got.decode().splitlines() == lines


def test_a_reader_that_is_gone_is_noticed_and_stays_gone(pipe: tuple[int, Any]) -> None:
    reader, stream = pipe
    output = Output(stream)
    os.close(reader)
    for _ in range(2):
        with pytest.raises(OutputGone):
            output.print("x")
    assert output.gone


def test_a_reader_that_does_not_read_can_be_given_up(pipe: tuple[int, Any]) -> None:
    reader, stream = pipe
    output = Output(stream)
    output.given_up = lambda: True
    with pytest.raises(OutputGone):
        output.print("x" * 1_000_000)
    os.close(reader)


def test_what_cannot_be_encoded_is_escaped() -> None:
    stream = io.StringIO()
    Output(stream).print("lone \ud800")
    assert stream.getvalue() == "lone \\ud800\n"


# Running.


class FakeReactor:
    """Runs what it is given, at once."""

    def __init__(self) -> None:
        self.stopped = False
        self.calls: list[Any] = []

    def callWhenRunning(self, function: Any, *args: Any) -> None:
        self.calls.append((function, args))

    callFromThread = callWhenRunning

    def run(self) -> None:
        while self.calls:
            function, args = self.calls.pop(0)
            function(*args)

    def stop(self) -> None:
        self.stopped = True


def run(command: Any) -> tuple[int, Runner]:
    reactor: Any = FakeReactor()
    runner = Runner(reactor)
    return runner.run(command), runner


def test_a_command_returns_its_exit_code() -> None:
    async def command(reactor: Any) -> int:
        return 3

    before = signal.getsignal(signal.SIGINT)
    assert run(command)[0] == 3
    assert signal.getsignal(signal.SIGINT) is before


@pytest.mark.parametrize(
    ("error", "code", "says"),
    [
        (ConnectError("nobody\nthere"), 1, "txcdp: nobody\\nthere\n"),
        (EvaluationError("Error: no\n    at x:1"), 1, "txcdp: Error: no at x:1\n"),
        (ExecutableNotFound("no browser"), 1, "txcdp: no browser\n"),
        (OSError(28, "No space left"), 1, "txcdp: [Errno 28] No space left\n"),
        (Misuse("so not"), 2, "txcdp: so not\n"),
        (OutputGone(), 141, ""),
        (OutputGone("the disk is full"), 1, "txcdp: the disk is full\n"),
    ],
)
def test_errors_are_one_line(error: Exception, code: int, says: str, capsys: pytest.CaptureFixture[str]) -> None:
    async def command(reactor: Any) -> int:
        raise error

    assert run(command)[0] == code
    assert capsys.readouterr().err == says


def test_an_error_of_ours_is_shown_with_its_traceback(capsys: pytest.CaptureFixture[str]) -> None:
    async def command(reactor: Any) -> int:
        raise ZeroDivisionError

    assert run(command)[0] == 1
    assert "ZeroDivisionError" in capsys.readouterr().err


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_a_signal_cancels_the_command_which_may_still_clean_up(number: int) -> None:
    steps = []

    async def command(reactor: Any) -> int:
        signal.raise_signal(number)
        try:
            await Deferred[None]()
        except CancelledError:
            steps.append("cleaned up")
            raise
        raise AssertionError

    before = signal.signal(number, signal.SIG_DFL)  # it may be ignored, as in the background of a script
    try:
        code, runner = run(command)
    finally:
        signal.signal(number, before)
    assert code == 128 + number
    assert runner.signalled == number
    assert steps == ["cleaned up"]


def test_a_browser_that_did_not_start_is_told_with_its_last_words() -> None:
    assert (
        one_line(LaunchError("it ended early", "noise\ncannot open display\n\n"))
        == "it ended early cannot open display"
    )
    assert one_line(KeyError()) == "KeyError"


def test_a_signal_that_is_ignored_stays_ignored() -> None:
    async def command(reactor: Any) -> int:
        signal.raise_signal(signal.SIGTERM)
        return 0

    before = signal.signal(signal.SIGTERM, signal.SIG_IGN)
    try:
        assert run(command)[0] == 0
    finally:
        signal.signal(signal.SIGTERM, before)


# Races.


def test_the_first_of_some_deferreds_decides() -> None:
    slow: Deferred[int] = Deferred()
    quick: Deferred[int] = Deferred()
    got: list[Any] = []
    first_of(slow, quick).addCallback(got.append)
    quick.callback(1)
    assert got == [1]
    assert slow.called


def test_cancelling_a_race_cancels_all() -> None:
    cancelled: list[Any] = []
    racers: list[Deferred[None]] = [Deferred(cancelled.append), Deferred(cancelled.append)]
    race = first_of(*racers)
    got: list[Failure] = []
    race.addErrback(got.append)
    race.cancel()
    assert cancelled == racers
    assert got[0].check(CancelledError)


def test_a_failure_alone_is_waited_for() -> None:
    got: list[Failure] = []
    failure_of(fail(ValueError())).addErrback(got.append)
    assert got[0].check(ValueError)
    waiting: Deferred[int] = Deferred()
    result = failure_of(waiting)
    waiting.callback(1)
    assert not result.called
    result.addErrback(lambda _: None)
    result.cancel()


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="this system has no full device")
@pytest.mark.parametrize(
    ("redirection", "said"),
    [
        (">/dev/full", "txcdp: standard output cannot be written: No space left on device\n"),
        (">&-", "txcdp: standard output cannot be written: Bad file descriptor\n"),
        ("<&- >&- 2>&-", ""),
    ],
)
def test_an_output_that_cannot_be_written(redirection: str, said: str) -> None:
    command = f'exec "$0" -m txcdp version {redirection}'
    done = subprocess.run(["sh", "-c", command, sys.executable], stderr=subprocess.PIPE, text=True, check=False)
    assert (done.returncode, done.stderr) == (1, said)
