"""What twistd runs, a process with a real browser: it works, survives its browser, and ends in good order."""

from __future__ import annotations

import os
import re
import signal
import sqlite3
import subprocess
import sys
import time
from contextlib import closing
from pathlib import Path
from typing import Any

from twisted.internet import reactor as _reactor
from twisted.internet.defer import Deferred
from twisted.internet.error import ProcessTerminated
from twisted.internet.protocol import ProcessProtocol
from twisted.internet.task import deferLater
from twisted.python.failure import Failure

import txcdp
from tests.browser.support import BrowserTestCase
from tests.browser.support_programs import python
from tests.support import PATIENCE
from txcdp.recording import EventEntry, NoteEntry, read

reactor: Any = _reactor

TWISTD = "from twisted.scripts.twistd import run; run()"
ROOT = Path(__file__).parents[2]
DEADLINE = PATIENCE


class Twistd(ProcessProtocol):
    """One twistd; it logs to its standard output.

    :param forked: whether it is forked, as most programs of tests are; then its process is not the one of the command.
    """

    def __init__(self, *arguments: str, forked: bool = True, **variables: str) -> None:
        self.said = ""
        self.ended: Deferred[object] = Deferred()
        self.code: int | None = None
        command = [*(python() if forked else [sys.executable]), "-c", TWISTD, "--nodaemon", "--pidfile=", *arguments]
        environment = {
            **os.environ,
            **variables,
            "PYTHONPATH": os.pathsep.join([str(ROOT), os.environ.get("PYTHONPATH", "")]),
        }
        reactor.spawnProcess(self, command[0], command, environment)

    def outReceived(self, data: bytes) -> None:
        self.said += data.decode("utf-8", "replace")

    errReceived = outReceived

    def processEnded(self, reason: Failure) -> None:
        value = reason.value
        self.code = -(value.signal or 0) or value.exitCode if isinstance(value, ProcessTerminated) else 0
        self.ended.callback(None)

    def signal(self, name: str) -> None:
        """Send it a signal."""
        assert self.transport is not None
        self.transport.signalProcess(name)

    async def stop(self) -> str:
        """End it as an operator does, and return all that it has said."""
        if self.code is None:
            self.signal("TERM")
            await self.ended
        return self.said


async def until(true: Any, told: Any = lambda: "") -> Any:
    """Wait for something to be so."""
    give_up = time.monotonic() + DEADLINE
    while not (found := true()):
        if time.monotonic() > give_up:
            raise AssertionError(f"not so after {DEADLINE} s: {told()}")
        await deferLater(reactor, 0.1)
    return found


class GatewayTests(BrowserTestCase):
    async def test_twistd_keeps_a_gateway(self) -> None:
        tokens = self.folder() / "tokens.toml"
        tokens.parent.mkdir()
        tokens.write_text('[one]\ntoken = "the-first-of-all-tokens"\n')
        listen = "tcp:0:interface=127.0.0.1"
        twistd = Twistd("txcdp", "gateway", f"--listen={listen}", f"--tokens={tokens}", "--warm=1", "--drain=5s")
        self.addCleanup(twistd.stop)
        port = (await until(lambda: re.search(r"listens at .*port=(\d+)", twistd.said), lambda: twistd.said))[1]
        browser = await txcdp.connect(reactor, f"http://127.0.0.1:{port}?token=the-first-of-all-tokens")
        self.addCleanup(browser.close)
        tab = await browser.new_page(self.server.page("/", "<title>through the gateway</title>"))
        self.assertEqual(await tab.evaluate("document.title"), "through the gateway")
        with self.assertRaises(txcdp.ConnectError):
            await txcdp.connect(reactor, f"http://127.0.0.1:{port}?token=the-second-of-all-tokens")
        tokens.write_text(tokens.read_text() + '[two]\ntoken = "the-second-of-all-tokens"\n')
        twistd.signal("HUP")
        await until(lambda: "one, two" in twistd.said, lambda: twistd.said)
        other = await txcdp.connect(reactor, f"http://127.0.0.1:{port}?token=the-second-of-all-tokens")
        await other.close()
        twistd.signal("TERM")
        await until(lambda: "stopping" in twistd.said, lambda: twistd.said)
        self.assertEqual(await tab.evaluate("1 + 1"), 2, "clients may finish")
        await browser.close()
        await twistd.ended
        self.assertEqual(twistd.code, -signal.SIGTERM, twistd.said)
        self.assertNotRegex(twistd.said, "Traceback|Unhandled|of-all-tokens")

    def folder(self) -> Path:
        return Path(self.mktemp()).absolute()


class RecordTests(BrowserTestCase):
    async def test_twistd_records_over_the_death_of_its_browser(self) -> None:
        url = self.server.page("/", "<script>setInterval(() => console.log('alive'), 100)</script>")
        folder = self.folder()
        twistd = Twistd(
            "txcdp", "record", "--directory", str(folder), "--events=Runtime.consoleAPICalled", url, forked=False
        )
        self.addCleanup(twistd.stop)

        def alive() -> int:
            return sum(isinstance(each, EventEntry) for each in (read(folder) if folder.exists() else ()))

        await until(lambda: alive() > 3, lambda: twistd.said)
        os.kill(self.browser_of(twistd), signal.SIGKILL)
        await until(lambda: self.notes(folder, "line_found"), lambda: twistd.said)
        before = alive()
        await until(lambda: alive() > before + 3, lambda: twistd.said)
        said = await twistd.stop()
        self.assertEqual(twistd.code, -signal.SIGTERM, said)
        self.assertNotRegex(said, "Traceback|Unhandled")
        self.assertIn("is finished", said)
        self.assertEqual([each.suffix for each in folder.iterdir()], [".jsonl"])
        (end,) = self.notes(folder, "end")
        self.assertEqual(end.data["reason"], "stopped")

    async def test_a_dialog_is_answered_and_told_of(self) -> None:
        first = self.server.page("/a", "<script>alert('Stop!')</script><title>a</title>")
        second = self.server.page("/b", "<script>console.log('second')</script>")
        folder = self.folder()
        twistd = Twistd("txcdp", "record", f"--directory={folder}", first, second)
        self.addCleanup(twistd.stop)

        def shown() -> str:
            return subprocess.run(
                [*python(), "-m", "txcdp", "show", str(folder)],
                capture_output=True,
                text=True,
                check=True,
                cwd=ROOT,
            ).stdout

        def both() -> bool:
            return folder.exists() and any(b"second" in each.read_bytes() for each in folder.iterdir())

        await until(both, lambda: twistd.said)
        said = await twistd.stop()
        self.assertNotRegex(said, "Traceback|Unhandled|could not be opened")
        told = [line for line in shown().splitlines() if "Stop!" in line or "dialog" in line.lower()]
        self.assertTrue(any("Stop!" in line for line in told), told)
        self.assertIn("dismissed", " ".join(told))
        self.assertNotIn("accepted", " ".join(told))

    async def test_a_remote_browser_that_comes_later(self) -> None:
        browser = await self.launch()
        port = re.search(r":(\d+)/", browser.process.ws_url)[1]  # type: ignore[index, union-attr]
        folder = self.folder()
        twistd = Twistd("txcdp", "record", f"--browser=127.0.0.1:{port}", "--directory", str(folder), "--compress=gzip")
        self.addCleanup(twistd.stop)
        await until(lambda: "started" in twistd.said, lambda: twistd.said)
        tab = await browser.new_page()
        await tab.goto(self.server.page("/", "<script>console.log('hello')</script>"))
        await until(
            lambda: any(
                isinstance(each, EventEntry) and each.method == "Runtime.consoleAPICalled" for each in read(folder)
            ),
            lambda: twistd.said,
        )
        await twistd.stop()
        self.assertIsNone(browser.connection.lost)
        self.assertEqual(len(self.notes(folder, "end")), 1)

    async def test_a_database_of_something_else_ends_it(self) -> None:
        path = self.folder()
        with closing(sqlite3.connect(path)) as connection:
            connection.execute("CREATE TABLE mine(a)")
        twistd = Twistd("txcdp", "record", f"--database={path}")
        self.addCleanup(twistd.stop)
        await until(lambda: twistd.code is not None, lambda: twistd.said)
        self.assertEqual(twistd.code, 1, twistd.said)
        self.assertIn(f"Recording has stopped: {path} is not a recording", twistd.said)
        self.assertNotRegex(twistd.said, "Traceback|Unhandled")

    async def test_a_directory_that_is_a_file_ends_it(self) -> None:
        path = self.folder()
        path.touch()
        twistd = Twistd("txcdp", "record", f"--directory={path}")
        self.addCleanup(twistd.stop)
        await until(lambda: twistd.code is not None, lambda: twistd.said)
        self.assertEqual(twistd.code, 1, twistd.said)
        self.assertIn("Recording has stopped", twistd.said)
        self.assertNotRegex(twistd.said, "Traceback|Unhandled")

    async def test_a_database_that_is_locked_is_waited_for(self) -> None:
        path = self.folder()
        with closing(sqlite3.connect(path, isolation_level=None)) as connection:
            connection.execute("BEGIN EXCLUSIVE")
            twistd = Twistd("txcdp", "record", f"--database={path}")
            self.addCleanup(twistd.stop)
            await until(lambda: "database is locked" in twistd.said, lambda: twistd.said)
        await until(lambda: "started" in twistd.said, lambda: twistd.said)
        said = await twistd.stop()
        self.assertIn("is finished", said)
        self.assertNotRegex(said, "Traceback|Unhandled")
        self.assertEqual([each.kind for each in read(path) if isinstance(each, NoteEntry)][-1], "end")

    async def test_the_example(self) -> None:
        folder = self.folder()
        example = str(ROOT / "examples" / "deploy" / "recorder.tac")
        twistd = Twistd("--python", example, RECORDINGS=str(folder))
        self.addCleanup(twistd.stop)
        await until(lambda: "started" in twistd.said, lambda: twistd.said)
        said = await twistd.stop()
        self.assertIn("is finished", said)
        self.assertNotRegex(said, "Traceback|Unhandled")
        self.assertEqual(len(self.notes(folder, "end")), 1)

    def folder(self) -> Path:
        return Path(self.mktemp()).absolute()

    def notes(self, folder: Path, kind: str) -> list[NoteEntry]:
        return [each for each in read(folder) if isinstance(each, NoteEntry) and each.kind == kind]

    def browser_of(self, twistd: Twistd) -> int:
        """Return the process id of the browser that a twistd has launched."""
        assert twistd.transport is not None
        parent = str(twistd.transport.pid)
        for entry in Path("/proc").iterdir():
            if entry.name.isdigit():
                try:
                    facts = (entry / "stat").read_text().rpartition(")")[2].split()
                except OSError:
                    continue  # it has just ended
                if facts[1] == parent:
                    return int(entry.name)
        raise AssertionError(f"twistd has no child: {twistd.said}")
