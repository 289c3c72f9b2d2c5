"""The recorder as a service, and what the command line makes of it."""

from __future__ import annotations

import atexit
import errno
import os
import sqlite3
import subprocess
import sys
from pathlib import Path
from typing import Any, cast
from unittest import mock

import pytest
from twisted.application.service import MultiService
from twisted.internet.defer import Deferred, execute
from twisted.internet.task import Clock
from twisted.logger import ILogObserver, LogEvent, globalLogPublisher
from twisted.plugin import getPlugins
from twisted.python.usage import UsageError
from twisted.trial.unittest import SynchronousTestCase

import txcdp.service._record_options
from txcdp._core.reconnecting import ReconnectPolicy
from txcdp.browser import Browser
from txcdp.domains import page
from txcdp.errors import ExecutableNotFound
from txcdp.recording import Filter, JsonLines, MissingLibrary, SQLite
from txcdp.recording._failures import WrongSchema
from txcdp.recording._sinks import Host
from txcdp.service import BrowserService, RecorderService, end_process
from txcdp.service._plugin import Options, makeService
from txcdp.service._record_options import RecordOptions
from txcdp.service._units import names, seconds, size
from txcdp.testing import FakeChrome

POLICY = ReconnectPolicy(initial_delay=1, jitter=lambda: 0)


class Browsers(BrowserService):
    """Gives browsers of a FakeChrome."""

    def __init__(self, chrome: FakeChrome) -> None:
        super().__init__(chrome.clock, policy=POLICY)
        self.chrome = chrome
        self.error: Exception | None = None

    def open(self) -> Deferred[Browser]:
        def browser() -> Browser:
            if self.error is not None:
                raise self.error
            return self.chrome.browser()

        return execute(browser)


class Memory:
    """A place for lines."""

    def __init__(self, log: list[str], errors: list[Exception]) -> None:
        self.log, self.errors = log, errors

    def open(self, host: Host) -> Deferred[None]:
        return self._do("open")

    def write(self, lines: list[bytes]) -> Deferred[None]:
        return self._do("write")

    def due(self) -> float | None:
        return None

    def close(self, reason: str, dropped: int) -> Deferred[None]:
        return self._do(f"close {reason}")

    def _do(self, what: str) -> Deferred[None]:
        def attempt() -> None:
            self.log.append(what)
            if self.errors:
                raise self.errors.pop(0)

        return execute(attempt)


class RecorderServiceTests(SynchronousTestCase):
    def setUp(self) -> None:
        self.chrome = FakeChrome()
        self.clock: Clock = self.chrome.clock
        self.browsers = Browsers(self.chrome)
        self.done: list[str] = []
        self.errors: list[Exception] = []
        self.given_up: list[int] = []
        self.logged: list[LogEvent] = []
        observer = cast("ILogObserver", self.logged.append)
        globalLogPublisher.addObserver(observer)
        self.addCleanup(globalLogPublisher.removeObserver, observer)

    def make(self, **options: Any) -> RecorderService:
        options.setdefault("given_up", lambda: self.given_up.append(1))
        return RecorderService(self.browsers, lambda: Memory(self.done, self.errors), **options)

    def run_on(self, seconds: float = 0) -> None:
        """Let time pass, and the browser answer."""
        self.clock.advance(seconds)
        self.chrome.flush()
        self.clock.advance(0.25)
        self.chrome.flush()

    def stop(self, service: Any) -> None:
        stopped = service.stopService()
        self.run_on()
        self.successResultOf(stopped)
        self.assertEqual(self.clock.getDelayedCalls(), [])

    def said(self) -> str:
        return "\n".join(each["log_format"].format(**each) for each in self.logged if each.get("log_format"))

    def test_from_start_to_stop(self) -> None:
        service = self.make()
        self.assertIs(self.browsers.parent, service)
        service.startService()
        self.run_on()
        self.assertIsNotNone(service.recorder)
        self.assertEqual(self.done[0], "open")
        self.stop(service)
        self.assertEqual(self.done[-1], "close stopped")
        self.assertIsNone(service.recorder)
        self.assertIn("is finished", self.said())

    def test_it_is_stopped_while_it_finds_that_it_cannot_write(self) -> None:
        opening: Deferred[None] = Deferred()
        self.patch(Memory, "open", lambda sink, host: opening)
        service = self.make()
        service.startService()
        self.run_on()
        stopped = service.stopService()
        self.assertNoResult(stopped)
        opening.errback(OSError("no such directory"))
        self.run_on()
        self.successResultOf(stopped)
        self.assertEqual(self.clock.getDelayedCalls(), [])

    def test_within_an_application_that_has_a_browser(self) -> None:
        application = MultiService()
        self.browsers.setServiceParent(application)
        service = self.make()
        service.setServiceParent(application)
        self.assertIs(self.browsers.parent, application)
        application.startService()
        self.run_on()
        self.stop(application)
        self.assertEqual(self.done[-1], "close stopped")

    def test_pages_are_opened_once_in_each_browser(self) -> None:
        urls = ["http://127.0.0.1/a", "http://127.0.0.1/b"]
        service = self.make(urls=urls)
        service.startService()
        self.run_on()
        self.assertEqual([each.url for each in self.chrome.received(page.navigate)], urls)
        self.chrome.lose()
        self.run_on()
        self.run_on(10)
        self.assertEqual([each.url for each in self.chrome.received(page.navigate)], urls * 2)
        self.stop(service)

    def test_pages_tell_what_a_report_is_made_of_where_that_is_wanted(self) -> None:
        asked = {"Runtime.addBinding", "Page.startScreencast"}
        for observe in (False, True):
            before = len(self.chrome.commands)
            service = RecorderService(
                Browsers(self.chrome), lambda: Memory(self.done, self.errors), urls=["about:blank"], observe=observe
            )
            service.startService()
            self.run_on()
            sent = {each.method for each in self.chrome.commands[before:]}
            self.assertEqual(asked & sent, asked if observe else set())
            self.stop(service)

    def test_a_page_that_cannot_be_opened(self) -> None:
        self.chrome.on(page.navigate, page.NavigateResult(frame_id="F", error_text="net::ERR_CONNECTION_REFUSED"))
        service = self.make(urls=["http://127.0.0.1/a?token=secret"])
        service.startService()
        self.run_on()
        self.assertIn("ERR_CONNECTION_REFUSED", self.said())
        self.assertNotIn("secret", self.said())
        self.assertIsNotNone(service.recorder)
        self.stop(service)

    def test_where_nothing_can_be_written_it_is_tried_again(self) -> None:
        self.errors.append(OSError("no space left"))
        service = self.make()
        service.startService()
        self.run_on()
        self.assertIsNone(service.recorder)
        self.assertIn("no space left", self.said())
        self.run_on(5)
        self.assertIsNotNone(service.recorder)
        self.stop(service)

    def test_it_is_tried_again_with_growing_delays(self) -> None:
        self.errors += [OSError(errno.EBUSY, "database is locked")] * 6
        service = self.make()
        service.startService()
        self.run_on()
        for attempt, delay in enumerate((5, 10, 20, 40, 60, 60), 1):
            self.assertEqual(len(self.done), attempt)
            self.assertIn(f"retrying in {delay}.0 s", self.said())
            self.clock.advance(delay - 1)
            self.chrome.flush()
            self.assertEqual(len(self.done), attempt)
            self.run_on(1)
        self.assertIsNotNone(service.recorder)
        self.assertEqual(self.given_up, [])
        self.stop(service)

    def test_where_nothing_can_ever_be_written_it_gives_up(self) -> None:
        for error in (OSError(errno.EACCES, "not yours"), WrongSchema("no recording"), MissingLibrary("no zstd")):
            self.errors.append(error)
            service = self.make()
            service.startService()
            self.run_on()
            self.run_on(100)
            self.assertIn(f"Recording has stopped: {error}", self.said())
            self.stop(service)
            self.browsers.disownServiceParent()
        self.assertEqual(self.given_up, [1] * 3)
        self.assertEqual(self.done, ["open"] * 3)
        self.assertEqual(self.flushLoggedErrors(), [])

    def test_where_nothing_more_can_be_written_it_gives_up(self) -> None:
        service = self.make()
        service.startService()
        self.run_on()
        self.errors += [OSError(errno.EROFS, "not to be written to")] * 3
        self.chrome.emit_raw("Page.frameResized", {})
        self.run_on(1)
        self.assertIn(f"Recording has stopped: [Errno {errno.EROFS}] not to be written to", self.said())
        self.assertEqual(self.given_up, [1])
        self.assertIsNone(service.recorder)
        self.stop(service)
        self.flushLoggedErrors(OSError)

    def test_a_mistake_is_logged_with_where_it_was_made(self) -> None:
        self.errors.append(ZeroDivisionError())
        service = self.make()
        service.startService()
        self.run_on()
        self.assertEqual(len(self.flushLoggedErrors(ZeroDivisionError)), 1)
        self.assertEqual(self.given_up, [1])
        self.stop(service)

    def test_by_default_the_application_goes_on(self) -> None:
        self.errors.append(OSError(errno.EROFS, "not to be written to"))
        service = RecorderService(self.browsers, lambda: Memory(self.done, self.errors))
        service.startService()
        self.run_on()
        self.assertIn("Recording has stopped", self.said())
        self.stop(service)

    def test_what_fails_while_it_is_stopped_is_nobodys_business(self) -> None:
        service = self.make()
        opening: Deferred[None] = Deferred()
        self.patch(Memory, "open", lambda *_: opening)
        service.startService()
        self.run_on()
        stopped = service.stopService()
        opening.errback(OSError(errno.EACCES, "not yours"))
        self.run_on()
        self.successResultOf(stopped)
        self.assertEqual(self.given_up, [])

    def test_whatever_the_end_fails_with_the_browser_is_let_go_of(self) -> None:
        service = self.make()
        service.startService()
        self.run_on()
        browser = self.browsers.browser
        assert browser is not None
        self.errors += [sqlite3.OperationalError("a sink that translates nothing")] * 3
        self.stop(service)
        self.assertIn("a sink that translates nothing", self.said())
        self.assertIsNotNone(browser.connection.lost)

    def test_another_browser_another_recording(self) -> None:
        service = self.make()
        service.startService()
        self.run_on()
        first = service.recorder
        self.chrome.lose()
        self.run_on()
        self.assertIn("close", self.done[-1])
        self.run_on(10)
        self.assertIsNotNone(service.recorder)
        self.assertIsNot(service.recorder, first)
        self.stop(service)

    def test_another_recording_of_the_same_browser(self) -> None:
        service = self.make(urls=["http://127.0.0.1/a"], overflow="error", buffer=20_000)
        service.startService()
        self.run_on()
        first = service.recorder
        for _ in range(1000):
            self.chrome.emit_raw("Page.frameResized", {})
        self.run_on()
        self.assertIsNone(service.recorder)
        self.assertIn("ended: ", self.said())
        self.run_on(10)
        self.assertIsNotNone(service.recorder)
        self.assertIsNot(service.recorder, first)
        self.assertEqual(len(self.chrome.received(page.navigate)), 1)
        self.stop(service)

    def test_an_end_that_cannot_be_written(self) -> None:
        service = self.make()
        service.startService()
        self.run_on()
        self.errors += [OSError("no space left")] * 3
        self.stop(service)
        self.assertIn("no space left", self.said())

    def test_no_browser_can_be_had(self) -> None:
        self.browsers.error = ExecutableNotFound("no browser was found")
        service = self.make()
        service.startService()
        self.assertEqual(len(self.flushLoggedErrors(ExecutableNotFound)), 1)
        self.assertIn("Recording has stopped: no browser was found", self.said())
        self.assertEqual(self.given_up, [1])
        self.stop(service)

    def test_stopping_before_there_is_a_browser(self) -> None:
        self.browsers.error = ConnectionError()  # not one of ours: nothing to wait for either
        service = self.make()
        service.startService()
        self.flushLoggedErrors(ConnectionError)
        self.stop(service)


class RecordOptionsTests(SynchronousTestCase):
    def parse(self, *arguments: str) -> RecordOptions:
        options = RecordOptions()
        options.parseOptions(["--browser=127.0.0.1:1", *arguments])
        return options

    def refused(self, *arguments: str) -> str:
        with self.assertRaises(UsageError) as caught:
            self.parse(*arguments)
        return str(caught.exception)

    def test_files(self) -> None:
        options = self.parse(
            *"-d somewhere -n shop --compress=gzip --rotate-size=1M --rotate-age=1h --sync=always a b".split()
        )
        sink = options.make_sink()
        assert isinstance(sink, JsonLines)
        self.assertEqual((sink.directory, sink.name), (Path("somewhere").absolute(), "shop"))
        self.assertEqual((sink._rotate_size, sink._rotate_age, sink._sync), (2**20, 3600.0, "always"))
        self.assertIn(".gz", repr(sink))
        self.assertEqual(options["pages"], ["a", "b"])

    def test_a_database(self) -> None:
        sink = self.parse("--database=x.db", "--sync=never").make_sink()
        assert isinstance(sink, SQLite)
        self.assertEqual((sink.path, sink._durable), (Path("x.db").absolute(), False))

    def test_a_report_has_more_where_pages_are_observed(self) -> None:
        self.assertEqual([self.parse(*given)["observe"] for given in ([], ["--observe"])], [0, 1])

    def test_the_service(self) -> None:
        service = self.parse(
            "--events=Network,Page.*", "--targets=page", "--secrets=keep", "--buffer=1K", "--commands", "a"
        ).make_service(Clock())
        self.assertEqual(service._urls, ["a"])
        self.assertEqual(service._options["filter"], Filter(events=["Network", "Page.*"], targets=["page"]))
        self.assertEqual((service._options["secrets"], service._options["buffer"]), ("keep", 1024))
        self.assertIs(service._options["commands"], True)
        self.assertEqual(service._options["domains"], ["Network", "Page", "Runtime", "Log"])
        self.assertIn("127.0.0.1:1", repr(service.browsers))

    def test_where_nothing_can_be_recorded_the_process_ends(self) -> None:
        ended: list[Any] = []
        self.patch(txcdp.service._record_options, "end_process", ended.append)
        clock = Clock()
        self.parse().make_service(clock)._given_up()
        self.assertEqual(ended, [clock])

    def test_what_is_refused(self) -> None:
        self.assertIn("mask or keep", self.refused("--secrets=show"))
        self.assertIn("drop_newest or error", self.refused("--overflow=wait"))
        self.assertIn("not a duration", self.refused("--sync=maybe"))
        self.assertIn("zip", self.refused("--compress=zip"))
        self.assertIn("letters", self.refused("--name=a/b"))
        self.assertIn("expected at least one name", self.refused("--events=,"))
        self.assertIn("--buffer: '0': must be more than 0", self.refused("--buffer=0"))

    def test_launching(self) -> None:
        options = RecordOptions()
        options.parseOptions(["--executable=/bin/sh", "--argument=--a", "--argument=--b", "--headful", "--no-sandbox"])
        launch = options.launch
        self.assertIsNone(launch["profile"])
        options["profile"] = "mine"
        self.assertEqual(options.launch["profile"], str(Path("mine").absolute()))
        options["profile"] = None
        self.assertEqual((launch["executable"], launch["args"]), ("/bin/sh", ["--a", "--b"]))
        self.assertEqual((launch["headless"], launch["sandbox"], launch["transport"]), (False, False, "websocket"))
        self.assertIn("launched", repr(options.make_service(Clock()).browsers))

    def test_a_browser_that_is_not_there(self) -> None:
        with self.assertRaises(UsageError) as caught:
            RecordOptions().parseOptions(["--executable=/no/such/browser"])
        self.assertIn("/no/such/browser", str(caught.exception))

    def test_launch_options_are_for_launched_ones(self) -> None:
        self.assertIn("--pipe", self.refused("--pipe"))
        self.assertIn("--argument ", self.refused("--argument=--x"))


class PluginTests(SynchronousTestCase):
    def test_twistd_finds_it(self) -> None:
        from twisted.application.service import IServiceMaker

        (made,) = [each for each in getPlugins(IServiceMaker) if each.tapname == "txcdp"]
        self.assertIs(made.options, Options)
        self.assertIs(made.makeService, makeService)

    def test_a_command_is_needed(self) -> None:
        with self.assertRaises(UsageError) as caught:
            Options().parseOptions([])
        self.assertIn("record", str(caught.exception))

    def test_the_command_makes_its_service(self) -> None:
        options = Options()
        options.parseOptions(["record", "--browser=127.0.0.1:1"])
        self.assertIsInstance(makeService(options), RecorderService)


#: An application whose work cannot be done, as twistd runs it.
APPLICATION = """
from twisted.application.service import Application, Service
from twisted.internet import reactor
from txcdp.service import end_process

class Hopeless(Service):
    def startService(self):
        {start}

    def stopService(self):
        print("stopped in good order")

application = Application("hopeless")
Hopeless().setServiceParent(application)
"""


@pytest.mark.parametrize("start", ["end_process(reactor, 7)", "reactor.callLater(0.01, end_process, reactor, 7)"])
def test_the_end_of_a_process_under_twistd(tmp_path: Path, start: str) -> None:
    path = tmp_path / "hopeless.tac"
    path.write_text(APPLICATION.format(start=start))
    twistd = "from twisted.scripts.twistd import run; run()"
    command = [sys.executable, "-c", twistd, "--nodaemon", "--no_save", "--pidfile=x.pid", "--python", str(path)]
    environment = {**os.environ, "PYTHONPATH": str(Path(__file__).parents[2])}
    done = subprocess.run(
        command, check=False, cwd=tmp_path, env=environment, capture_output=True, text=True, timeout=60
    )
    assert done.returncode == 7, done
    assert "stopped in good order" in done.stdout
    assert "Traceback" not in done.stdout + done.stderr
    assert [each.name for each in tmp_path.glob("*.pid")] == []


def test_what_was_said_is_written_before_the_end(monkeypatch: pytest.MonkeyPatch) -> None:
    registered: list[Any] = []
    codes: list[int] = []
    monkeypatch.setattr(atexit, "register", lambda *call: registered.append(call))
    monkeypatch.setattr(os, "_exit", codes.append)
    monkeypatch.setattr(sys, "stderr", None)  # as in a daemon, on some systems
    reactor = mock.Mock()
    end_process(reactor)
    reactor.callWhenRunning.assert_called_once_with(reactor.stop)
    ((function, *args),) = registered
    function(*args)
    assert codes == [1]


@pytest.mark.parametrize(
    ("text", "value"),
    [("0", 0), ("4096", 4096), ("256K", 2**18), ("64M", 2**26), ("1.5G", 3 * 2**29), ("1 MB", 2**20), ("2TiB", 2**41)],
)
def test_sizes(text: str, value: int) -> None:
    assert size(text) == value


@pytest.mark.parametrize(
    ("text", "value"), [("90", 90), ("1.5s", 1.5), ("250ms", 0.25), ("10m", 600), ("2 h", 7200), ("1d", 86400)]
)
def test_durations(text: str, value: float) -> None:
    assert seconds(text) == value


@pytest.mark.parametrize("text", ["", "x", "-1", "1X", "1 2", "M"])
def test_what_is_no_number(text: str) -> None:
    for read in (size, seconds):
        with pytest.raises(ValueError, match="write it like"):
            read(text)


def test_lists() -> None:
    assert names("a, b,,c ") == ["a", "b", "c"]
    with pytest.raises(ValueError, match="expected at least one name"):
        names(" , ")
