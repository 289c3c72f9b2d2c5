"""The txcdp command as people run it: as a process of its own, with a real Chromium, against a site of ours."""

# ruff: noqa: ASYNC240  (small files, and a test may wait for them)
from __future__ import annotations

import json
import os
import shutil
import struct
import sys
import tempfile
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from twisted.internet.defer import Deferred
from twisted.internet.error import ProcessExitedAlready
from twisted.internet.protocol import ProcessProtocol
from twisted.internet.task import deferLater
from twisted.python.failure import Failure

import txcdp
from examples.site.server import address, serve, stop
from tests.browser.support import BrowserTestCase, reactor, refusing_port
from tests.browser.support_programs import python
from txcdp._deferreds import returns_deferred
from txcdp.domains import browser as domain
from txcdp.domains import page, target

ROOT = str(Path(__file__).parents[2])
PNG = b"\x89PNG\r\n\x1a\n"
SUMMARY = "─" * 20


class Command(ProcessProtocol):
    """A running ``txcdp``.

    :ivar code: its exit code, None where a signal has ended it, or it runs.
    :ivar gone: fires when it has ended and closed its output.
    """

    def __init__(self) -> None:
        self.out = b""
        self.err = b""
        self.code: int | None = None
        self.gone: Deferred[None] = Deferred()
        self._awaited: list[tuple[bytes, Deferred[None]]] = []

    @property
    def lines(self) -> list[str]:
        return self.out.decode().splitlines()

    def prints(self, text: str) -> Deferred[None]:
        """Return a Deferred that fires when it has printed something."""
        waiting: Deferred[None] = Deferred()
        self._awaited.append((text.encode(), waiting))
        self._look()
        return waiting

    def signal(self, name: str) -> None:
        assert self.transport is not None
        self.transport.signalProcess(name)

    def outReceived(self, data: bytes) -> None:
        self.out += data
        self._look()

    def errReceived(self, data: bytes) -> None:
        self.err += data

    def processEnded(self, reason: Failure) -> None:
        value: Any = reason.value
        self.code = value.exitCode
        for _, waiting in self._awaited:
            waiting.errback(AssertionError(f"never printed\n{self.out.decode()}\n{self.err.decode()}"))
        self.gone.callback(None)

    def _look(self) -> None:
        for each in list(self._awaited):
            if each[0] in self.out:
                self._awaited.remove(each)
                each[1].callback(None)


def processes_in(folder: str) -> list[str]:
    """Name the living processes whose command line names a folder."""
    found = []
    for pid in filter(str.isdigit, os.listdir("/proc")):
        try:
            line = Path("/proc", pid, "cmdline").read_bytes()
            state = Path("/proc", pid, "stat").read_bytes().rpartition(b")")[2].split()[0]
        except OSError:
            continue
        if folder.encode() in line and state not in (b"Z", b"X"):
            found.append(f"{pid} {line[:80]!r}")
    return found


class CommandTestCase(BrowserTestCase):
    """A test that runs the command, with a folder of its own for what must not stay behind."""

    def setUp(self) -> None:
        super().setUp()
        # Short, because the browser's sockets are in there.
        self.folder = tempfile.mkdtemp(prefix="cli-")
        self.addCleanup(shutil.rmtree, self.folder, ignore_errors=True)

    def start(self, *arguments: str, by: Sequence[str] = ()) -> Command:
        """Start the command, which is killed at the test's end where it still runs.

        :param by: what its command line begins with; by default it is forked from a process that can do it.
        """
        environment = {**os.environ, "TMPDIR": self.folder, "PYTHONPATH": ROOT, "PYTHONWARNINGS": ""}
        environment.pop("FORCE_COLOR", None)
        return self.spawn([*(by or python()), "-m", "txcdp", *arguments], environment)

    def spawn(self, argv: list[str], environment: dict[str, str], terminal: bool = False) -> Command:
        """Start a process in the test's folder, which is killed at its end where it still runs."""
        command = Command()
        process = reactor.spawnProcess(command, argv[0], argv, env=environment, path=self.folder, usePTY=terminal)

        @returns_deferred
        async def end() -> None:
            try:
                process.signalProcess("KILL")
            except ProcessExitedAlready:
                return
            await command.gone

        self.addCleanup(end)
        return command

    async def run_command(self, *arguments: str) -> Command:
        """Run the command to its end."""
        command = self.start(*arguments)
        await command.gone
        return command

    async def watch(self, *arguments: str) -> Command:
        """Watch to the end, and see that nothing stays behind."""
        command = await self.run_command("watch", *arguments)
        self.assert_nothing_left()
        return command

    def assert_nothing_left(self) -> None:
        self.assertEqual(processes_in(self.folder), [])
        self.assertEqual([each for each in os.listdir(self.folder) if "." not in each or each.startswith("txcdp")], [])

    def assert_told(self, command: Command, *words: str) -> None:
        """See that there is a line with all of some words in this order."""
        for line in command.lines:
            rest = line.split()
            if all(word in rest and (rest := rest[rest.index(word) + 1 :]) is not None for word in words):
                return
        self.fail(f"no line with {words} in\n{command.out.decode()}\n{command.err.decode()}")

    def assert_ended(self, command: Command, code: int, error: str = "") -> None:
        """See how it ended: its errors are one line."""
        said = command.err.decode()
        self.assertEqual(command.code, code, f"{command.out.decode()}\n{said}")
        if error:
            self.assertIn(error, said)
            self.assertEqual(said.count("\n"), 1, said)
            self.assertTrue(said.startswith("txcdp: "), said)
        else:
            self.assertEqual(said, "")


class WatchTests(CommandTestCase):
    """``txcdp watch`` of the demo site."""

    def setUp(self) -> None:
        super().setUp()
        listening = serve(reactor)
        self.addCleanup(stop, listening)
        self.site = address(listening)

    async def test_a_page_is_told_in_lines_and_summed_up(self) -> None:
        command = await self.watch(self.site)
        self.assert_ended(command, 0)
        self.assert_told(command, "page", "document", self.site)
        self.assertRegex(command.out.decode(), r"network +200 GET +/ +[\d.]+ kB +[\d.]+ m?s\b")
        self.assert_told(command, "network", "302", "GET", "/api/manifest", "→", "/api/cargo")
        self.assert_told(command, "network", "404", "GET", "/api/berth-13")
        self.assert_told(command, "network", "200", "GET", "/tide.js")
        self.assert_told(command, "network", "200", "GET", "/api/weather")
        self.assert_told(command, "network", "200", "GET", "/api/customs", "s")
        self.assert_told(command, "frame", "document", "/weather.html")
        self.assert_told(command, "target", "attached", "worker", "/tide.js")
        self.assert_told(command, "socket", "101", "open")
        self.assert_told(command, "socket", "send", "→", "Ever", "Patient,")
        self.assert_told(command, "socket", "←", "receive", "Roger:")
        self.assert_told(command, "console", "log", "arrivals", "7", "{first:", "'Nordlys'}", "harbour.js:36:11")
        self.assert_told(command, "console", "warning", "The", "crane")
        self.assert_told(command, "console", "error", "berth", "13:")
        self.assert_told(command, "error", "uncaught", "TypeError:", "harbour.js:99:9")
        self.assert_told(command, "page", "loaded", "load")
        self.assert_told(command, "title", "Harbour:")
        self.assert_told(command, "requests", "1", "failed,", "1", "redirected,")
        self.assert_told(command, "failed", "404", "/api/berth-13")
        self.assertNotIn(b"\x1b", command.out)

    async def test_json_is_one_object_a_line_and_nothing_else(self) -> None:
        command = await self.watch(self.site, "--json")
        self.assert_ended(command, 0)
        events = [json.loads(line) for line in command.lines]
        self.assertTrue(all(list(each) == ["time", "session", "method", "params"] for each in events))
        methods = {each["method"] for each in events}
        self.assertLessEqual(
            {
                "Network.requestWillBeSent",
                "Network.webSocketFrameReceived",
                "Page.loadEventFired",
                "Runtime.consoleAPICalled",
                "Runtime.exceptionThrown",
                "Target.attachedToTarget",
            },
            methods,
        )
        times = [each["time"] for each in events]
        self.assertEqual(times, sorted(times))
        self.assertGreater(times[0], 1_700_000_000)

    async def test_only_what_is_selected_is_printed(self) -> None:
        command = await self.watch(self.site, "--json", "--events", "page.load_event_fired,log", "--until", "load")
        self.assert_ended(command, 0)
        methods = {json.loads(line)["method"] for line in command.lines}
        self.assertIn("Page.loadEventFired", methods)
        self.assertLessEqual(methods, {"Page.loadEventFired", "Log.entryAdded"})
        command = await self.watch(self.site, "--events", "page")
        tags = {line.split()[1] for line in command.lines[: command.lines.index(next(self.rulers(command)))]}
        self.assertLessEqual({"page"}, tags)
        self.assertLessEqual(tags, {"page", "frame"})

    def rulers(self, command: Command) -> Any:
        return (line for line in command.lines if line.startswith(SUMMARY))

    async def test_a_picture_is_taken(self) -> None:
        path = Path(self.mktemp()).absolute().with_suffix(".png")
        command = await self.watch(self.site, "--until", "load", "--screenshot", str(path), "--pipe")
        self.assert_ended(command, 0)
        self.assert_told(command, "picture", str(path))
        data = path.read_bytes()
        self.assertEqual(data[:8], PNG)
        width, height = struct.unpack(">II", data[16:24])
        self.assertGreater(width, 1000)
        self.assertGreater(height, 500)
        self.assertGreater(len(data), 10_000)
        jpeg = path.with_suffix(".jpeg")
        await self.watch(self.site, "--until", "load", "--screenshot", str(jpeg))
        self.assertEqual(jpeg.read_bytes()[:3], b"\xff\xd8\xff")

    async def test_a_number_of_seconds_is_kept(self) -> None:
        for seconds in ("5", "20", "80"):  # a busy machine may not have loaded it by then
            command = await self.watch(self.site, "--until", seconds)
            if b"loaded    load" in command.out:
                break
        self.assert_ended(command, 0)
        self.assert_told(command, "page", "loaded")

    async def interrupted(self, signal: str, code: int, *more: str) -> None:
        command = self.start("watch", self.site, "--until", "forever", *more)
        await command.prints("loaded    load")
        command.signal(signal)
        await command.gone
        self.assert_ended(command, code)
        self.assert_told(command, "loaded", "in")
        self.assert_nothing_left()

    async def test_ctrl_c_ends_it_with_the_summary(self) -> None:
        await self.interrupted("INT", 130)

    async def test_sigterm_ends_it_with_the_summary(self) -> None:
        await self.interrupted("TERM", 143, "--pipe")

    async def test_ctrl_c_while_the_browser_starts_leaves_nothing(self) -> None:
        command = self.start("watch", self.site, by=[sys.executable])
        while not any(each.startswith("txcdp-") for each in os.listdir(self.folder)):
            await deferLater(reactor, 0.01)
        command.signal("INT")
        await command.gone
        self.assert_ended(command, 130)
        self.assert_nothing_left()

    async def test_after_kill_9_the_browser_ends_and_the_next_start_clears_up(self) -> None:
        for pipe in ([], ["--pipe"]):
            command = self.start("watch", self.site, "--until", "forever", *pipe, by=[sys.executable])
            await command.prints("loaded    load")
            self.assertNotEqual(processes_in(self.folder), [])
            command.signal("KILL")
            await command.gone
            while processes_in(self.folder):  # the test's own timeout ends this
                await deferLater(reactor, 0.02)
        await self.watch(self.site, "--until", "load")

    async def test_a_closed_pipe_ends_it_quietly(self) -> None:
        command = self.start("watch", self.site, "--until", "forever", "--json")
        await command.prints("\n")
        assert command.transport is not None
        command.transport.closeStdout()
        await command.gone
        self.assert_ended(command, 141)
        self.assert_nothing_left()


ZOO = """<!doctype html><title>zoo</title>
<iframe src="http://localhost:{port}/frame"></iframe>
<script>
console.log("forged\\n  9.999  network  200 GET   /forged \\x1b[31m\\u202e");
alert("one"); confirm("two"); prompt("three", "four");
new Worker("/worker.js"); new SharedWorker("/shared.js");
navigator.serviceWorker.register("/service.js").then(() => console.log("registered"));
new EventSource("/stream");
window.open("/popup");
const link = document.createElement("a"); link.href = "/file"; link.download = "f.bin"; link.click();
history.pushState({}, "", "/pushed");
fetch("http://localhost:{port}/refused").catch(() => null);
fetch("/held");
Promise.reject(new TypeError("lost"));
</script>"""
FRAME = "<script>console.log('in the frame'); fetch('/from-frame'); throw new Error('of the frame')</script>"
POPUP = "<script>console.log('in the popup'); alert('five')</script>"


class HarTests(CommandTestCase):
    async def test_a_page(self):
        self.server.page("/data", "told", set_cookie="sid=secret")
        self.server.page("/", "<script>fetch('/data').then(answer => answer.text())</script>")
        path = Path(self.folder, "page.har")
        command = await self.run_command("har", self.server.url("/"), "-o", str(path))
        self.assert_ended(command, 0)
        self.assertRegex(command.lines[-1], r"page\.har: \d exchanges, ")
        log = json.loads(path.read_bytes())["log"]
        told = {each["request"]["url"]: each["response"] for each in log["entries"]}
        self.assertEqual(told[self.server.url("/data")]["content"]["text"], "told")
        self.assertNotIn("sid=secret", path.read_text())
        self.assert_nothing_left()

    async def test_what_is_not_loaded_is_recorded_all_the_same(self):
        path = Path(self.folder, "page.har")
        command = await self.run_command("har", self.server.url("/none"), "-o", str(path), "--bodies", "omit")
        self.assert_ended(command, 1, "404")
        self.assertEqual(json.loads(path.read_bytes())["log"]["entries"][0]["response"]["status"], 404)
        self.assertEqual((await self.run_command("har", "example.com")).code, 2)

    async def test_beside_what_is_printed(self):
        path = Path(self.folder, "page.har")
        url = self.server.page("/", "<p>here")
        command = await self.watch(url, "--har", str(path))
        self.assert_ended(command, 0)
        self.assert_told(command, "network", f"{path}")
        self.assertIn(url, [each["request"]["url"] for each in json.loads(path.read_bytes())["log"]["entries"]])


class ReportTests(CommandTestCase):
    async def test_a_report_of_a_page_is_written_whether_it_is_loaded_or_not(self):
        self.server.page("/", "<!doctype html><h1>Hello</h1>")
        path = Path(self.folder, "page.html")
        command = await self.run_command("report", self.server.url("/"), "-o", str(path))
        self.assert_ended(command, 0)
        self.assertRegex(command.lines[-1], r"page\.html: \d requests?, ")
        self.assertIn(self.server.url("/"), path.read_text("utf-8"))
        self.assertEqual(path.stat().st_mode & 0o777, 0o600)
        command = await self.run_command("report", self.server.url("/none"), "-o", str(path), "--bodies", "omit")
        self.assert_ended(command, 1, "answered 404")
        self.assertIn(self.server.url("/none"), path.read_text("utf-8"))

    async def test_a_report_that_a_signal_ends_shows_what_there_was(self):
        path = Path(self.folder, "page.html")
        held = self.server.held("/held", "<!doctype html>begun")
        command = self.start("report", self.server.url("/held"), "-o", str(path), "--until", "forever")
        await held.asked
        command.signal("INT")
        await command.gone
        self.assertEqual(command.code, 130)
        shown = json.loads(path.read_text("utf-8").partition('id="data">')[2].partition("</script>")[0])
        asked = [dict(zip(shown["columns"], row, strict=False))["url"] for row in shown["runs"][0]["exchanges"]]
        self.assertEqual(asked, [self.server.url("/held")])
        self.assert_nothing_left()

    async def test_a_watched_page_is_in_a_report_as_well(self):
        self.server.page("/", "<!doctype html><h1>Hello</h1>")
        path = Path(self.folder, "page.html")
        command = await self.watch(self.server.url("/"), "--report", str(path))
        self.assert_ended(command, 0)
        self.assertIn("report     " + str(path), command.out.decode())
        self.assertIn(self.server.url("/"), path.read_text("utf-8"))


class EverythingTests(CommandTestCase):
    """Whatever a page does is told, and nothing that it does stops the watching."""

    async def watch_zoo(self, told: Sequence[str], *arguments: str) -> Command:
        """Watch all of it to its end.

        :param told: what has to be printed before the network is idle: that waits neither for what a worker says nor
            for a dialog.
        """
        server = self.server
        server.page("/", ZOO.replace("{port}", str(server.port)))
        server.page("/frame", FRAME)
        server.page("/popup", POPUP)
        server.page("/worker.js", "console.log('in the worker'); fetch('/from-worker')", content_type="text/javascript")
        server.page("/shared.js", "console.log('in the shared worker')", content_type="text/javascript")
        server.page("/service.js", "console.log('in the service worker')", content_type="text/javascript")
        server.page("/file", "x" * 100, content_type="application/octet-stream")
        server.page("/refused", "x")
        stream = server.held("/stream", "event: tide\ndata: high\n\n", "text/event-stream")
        held = server.held("/held")
        try:
            command = self.start("watch", server.url(), "--timeout", "120", *arguments)
            for each in told:
                await command.prints(each)
            held.release()
            await command.gone
            self.assert_nothing_left()
            return command
        finally:
            stream.release()

    async def test_everything_is_seen(self) -> None:
        places = ("frame", "worker", "service worker", "shared worker", "popup")
        command = await self.watch_zoo(
            [*(f"in the {each}" for each in places), "five", "high", "canceled", "net::ERR_FAILED", "registered"]
        )
        self.assert_ended(command, 0)
        for kind, text in (("alert", "one"), ("confirm", "two"), ("prompt", "three"), ("alert", "five")):
            self.assert_told(command, "dialog", kind, text)
        self.assert_told(command, "dialog", "dismissed")
        for where in ("frame", "worker", "service", "shared", "popup"):
            self.assert_told(command, "console", "log", "in", "the", where)
        for path in ("/worker.js", "/service.js", "/popup"):  # of a shared worker's script, the end may not be told
            self.assert_told(command, "network", "200", "GET", path)
        self.assert_told(command, "network", "404", "GET", "/from-worker")
        self.assert_told(command, "network", "404", "GET", f"{self.server.url(host='localhost')}from-frame")
        self.assert_told(command, "network", "200", "GET", f"{self.server.url(host='localhost')}frame")
        self.assert_told(command, "network", "ERR", "GET", "net::ERR_FAILED", "(CORS:")
        self.assert_told(command, "stream", "←", "tide", "high")
        self.assert_told(command, "target", "attached", "popup")
        self.assert_told(command, "page", "document", "/popup")
        self.assert_told(command, "download", "begins", "f.bin")
        self.assert_told(command, "download", "canceled", "f.bin")
        self.assert_told(command, "page", "moved", "/pushed")
        self.assert_told(command, "error", "uncaught", "Error:", "of", "the", "frame")
        self.assert_told(command, "error", "uncaught", "in", "a", "promise:", "TypeError:", "lost")
        self.assert_told(command, "console", "log", "registered")

    async def test_a_page_can_forge_no_line_and_no_colour(self) -> None:
        command = await self.watch_zoo(["forged"])
        self.assertIn("forged\\n  9.999  network  200 GET   /forged \\x1b[31m\\u202e", command.out.decode())
        self.assertFalse(any(line.startswith("  9.999") for line in command.lines))

    async def test_with_a_browser_that_runs_only_our_pages_are_closed(self) -> None:
        browser = await self.launch()
        assert browser.process is not None
        # Where nothing is said, it saves what is downloaded where its user has it.
        await browser.session.execute(domain.set_download_behavior(behavior="deny", events_enabled=True))
        theirs = await browser.new_page()
        opened = await theirs.evaluate("void open('about:blank')")
        self.assertIsNone(opened)
        before = {each.target_id for each in await browser.targets() if each.type == "page"}
        port = browser.process.ws_url.split("/")[2]
        for where in (f"http://{port}", browser.process.ws_url):
            command = await self.watch_zoo(["five", "in the shared worker"], "--browser", where)
            self.assert_ended(command, 0)
            self.assert_told(command, "dialog", "alert", "five")
            self.assert_told(command, "console", "log", "in", "the", "shared")
            after = {each.target_id for each in await browser.targets() if each.type == "page"}
            self.assertEqual(after, before)
        self.assertEqual(await theirs.evaluate("1 + 1"), 2)


class FailureTests(CommandTestCase):
    """What cannot be loaded is said in a line, with the exit code 1."""

    async def test_nobody_listens(self) -> None:
        command = await self.watch(f"127.0.0.1:{refusing_port()}")
        self.assert_ended(command, 1, "net::ERR_CONNECTION_REFUSED")
        self.assert_told(command, "network", "ERR", "GET", "/", "net::ERR_CONNECTION_REFUSED")
        self.assert_told(command, "loaded", "no")

    async def test_a_status_of_400_and_above(self) -> None:
        url = self.server.page("/shut", "<title>shut</title>closed", status=503)
        picture = Path(self.mktemp()).absolute().with_suffix(".webp")
        command = await self.watch(url, "--screenshot", str(picture))
        self.assert_ended(command, 1, f"{url} answered 503")
        self.assertEqual(picture.read_bytes()[8:12], b"WEBP")
        self.assert_told(command, "title", "shut")
        url = self.server.page("/empty", "", status=404)
        for until in ("load", "idle"):
            command = await self.watch(url, "--until", until)
            self.assert_ended(command, 1, f"{url} answered 404, with nothing to show")

    async def test_a_page_that_left_with_a_request_in_flight_is_idle(self) -> None:
        self.server.held("/held", "")
        self.server.page("/next", "<title>next</title>")
        url = self.server.page("/", "<script>fetch('/held'); setTimeout(() => location = '/next', 100)</script>")
        command = await self.watch(url)
        self.assert_ended(command, 0)
        self.assert_told(command, "title", "next")

    async def test_a_page_that_stops_loading_is_loaded(self) -> None:
        self.server.page("/none", status=204)
        url = self.server.page("/", "<title>stays</title><script>location = '/none'</script>")
        command = await self.watch(url)
        self.assert_ended(command, 0)
        self.assert_told(command, "page", "stopped")

    async def test_no_answer_in_time(self) -> None:
        held = self.server.held("/", "")
        for until in ("idle", "load"):
            for seconds in ("1.5", "10", "50"):  # a busy machine may not have asked by then
                command = await self.watch(self.server.url(), "--until", until, "--timeout", seconds)
                if b"1 request in flight" in command.out + command.err:
                    break
            self.assert_ended(command, 1, f"was not loaded within {seconds} s (1 request in flight")
        command = await self.watch(self.server.url(), "--until", "1.5")
        self.assert_ended(command, 1, "has not answered")
        held.release()

    async def test_a_page_that_does_not_come_to_rest(self) -> None:
        url = self.server.page("/", "<script>fetch('/held')</script>")
        held = self.server.held("/held", "")
        for seconds in ("5", "20", "80"):  # a busy machine may not have loaded it by then
            command = await self.watch(url, "--timeout", seconds)
            if b"was not loaded" not in command.err:
                break
        self.assert_ended(command, 1, f"was not idle within {seconds} s (1 request in flight, the longest {url}held)")
        held.release()
        command = await self.watch(url, "--until", "load")
        self.assert_ended(command, 0)

    async def test_a_download_is_no_page(self) -> None:
        url = self.server.page("/file", "x" * 1000, content_disposition="attachment; filename=harbour.bin")
        command = await self.watch(url)
        self.assert_ended(command, 1, "is a download")
        self.assert_told(command, "download", "begins", "harbour.bin")

    async def test_a_page_that_hangs_is_left(self) -> None:
        url = self.server.page("/", "<script>while (true);</script>")
        command = await self.watch(url, "--timeout", "3")
        self.assert_ended(command, 1, "was not loaded within 3 s")

    async def test_no_browser(self) -> None:
        command = await self.watch("example.com", "--executable", "/no/such/browser")
        self.assert_ended(command, 1, "/no/such/browser (executable) does not exist. Install one")
        command = await self.watch("example.com", "--browser", str(refusing_port()))
        self.assert_ended(command, 1, "nothing can be reached at")

    async def test_misuse(self) -> None:
        command = await self.watch("example.com", "--events", "netwrk")
        self.assertEqual(command.code, 2)
        self.assertIn(b"did you mean 'Network'?", command.err)


class RunningBrowserTests(CommandTestCase):
    """Commands for a browser that runs."""

    async def start_browser(self) -> str:
        self.browser = await self.launch()
        assert self.browser.process is not None
        return self.browser.process.ws_url.split("/")[2]

    async def ours(self, url: str) -> txcdp.Session:
        """Attach to the page that the command has opened."""
        for each in await self.browser.targets():
            if each.url == url:
                return await self.browser.connection.attach(each.target_id)
        raise AssertionError(url)

    async def watched(self, url: str) -> Command:
        where = await self.start_browser()
        command = self.start("watch", url, "--until", "forever", "--browser", where)
        await command.prints("loaded    load")
        return command

    async def test_a_crash_is_told_and_ends_it(self) -> None:
        url = self.server.page("/", "fine")
        command = await self.watched(url)
        session = await self.ours(url)
        session.execute(page.crash()).addErrback(lambda _: None)
        await command.gone
        self.assert_ended(command, 1, "the page's process crashed")
        self.assert_told(command, "crash", "crashed")
        self.assertEqual([each.url for each in await self.browser.targets() if each.url == url], [])

    async def test_a_page_that_is_closed_ends_it(self) -> None:
        url = self.server.page("/", "fine")
        command = await self.watched(url)
        session = await self.ours(url)
        assert session.target is not None
        await self.browser.session.execute(target.close_target(target_id=session.target.target_id))
        await command.gone
        self.assert_ended(command, 0)

    async def test_a_browser_that_goes_away_ends_it(self) -> None:
        command = await self.watched(self.server.page("/", "fine"))
        assert self.browser.process is not None
        self.browser.process.kill()
        await command.gone
        self.assert_ended(command, 1, "the connection is gone")

    async def test_ctrl_c_closes_the_tab(self) -> None:
        url = self.server.page("/", "fine")
        command = await self.watched(url)
        command.signal("INT")
        await command.gone
        self.assert_ended(command, 130)
        self.assertEqual([each.url for each in await self.browser.targets() if each.url == url], [])

    async def test_targets_are_listed(self) -> None:
        where = await self.start_browser()
        tab = await self.browser.new_page(self.server.page("/", "<title>a\x07b</title>"))
        command = await self.run_command("targets", "--browser", where)
        self.assert_ended(command, 0)
        self.assert_told(command, tab.target_id, "page", self.server.url())
        self.assertNotIn(b"\x07", command.out)
        command = await self.run_command("targets", "--browser", where, "--json")
        found = [json.loads(line) for line in command.lines]
        self.assertIn(tab.target_id, [each["targetId"] for each in found])

    async def test_commands_are_called(self) -> None:
        where = ["--browser", await self.start_browser()]
        command = await self.run_command("call", "browser.get_version", *where)
        self.assert_ended(command, 0)
        self.assertEqual(json.loads(command.out)["protocolVersion"], "1.3")
        expression = ["expression=6 * 7", "returnByValue=true"]
        command = await self.run_command("call", "Runtime.evaluate", *expression, "--json", *where)
        self.assert_ended(command, 0)
        self.assertEqual(json.loads(command.out)["result"]["value"], 42)
        self.assertEqual(len(command.lines), 1)
        url = self.server.page("/", "<title>mine</title>")
        tab = await self.browser.new_page(url)
        command = await self.run_command("call", "Runtime.evaluate", *expression, *where)
        self.assert_ended(command, 2, "choose one with --target or --url-match")
        expression = ["expression=document.title", "returnByValue=true"]
        for which in (["--target", tab.target_id], ["--target", tab.target_id[:12].lower()], ["--url-match", url]):
            command = await self.run_command("call", "Runtime.evaluate", *expression, *which, *where)
            self.assert_ended(command, 0)
            self.assertEqual(json.loads(command.out)["result"]["value"], "mine")
        command = await self.run_command("call", "Runtime.evaluate", *expression, "--url-match", "nowhere", *where)
        self.assert_ended(command, 2, "no target whose URL contains 'nowhere'")

    async def test_the_browsers_error_is_shown(self) -> None:
        where = ["--browser", await self.start_browser()]
        command = await self.run_command("call", "Page.navigate", "url=nowhere", *where)
        self.assert_ended(command, 1, "Page.navigate: Cannot navigate to invalid URL")
        command = await self.run_command("call", "Harbour.open", "--raw", "gate=1", *where)
        self.assert_ended(command, 1, "'Harbour.open' wasn't found")
        command = await self.run_command("call", "Harbour.open", *where)
        self.assert_ended(command, 2, "no domain 'Harbour'")
        command = await self.run_command("targets", "--browser", str(refusing_port()))
        self.assert_ended(command, 1, "--remote-debugging-port=9222")

    async def test_versions_and_protocols_are_compared(self) -> None:
        where = ["--browser", await self.start_browser()]
        command = await self.run_command("version", *where)
        self.assert_ended(command, 0)
        self.assert_told(command, "browser", (await self.browser.version()).product)
        command = await self.run_command("protocol", "diff", *where)
        self.assertIn(command.code, (0, 1))
        self.assertEqual(command.err, b"")
        self.assertIn("devtools-protocol", command.lines[0] + command.out.decode())
