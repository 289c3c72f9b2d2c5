"""``txcdp repl`` as people run it: by a pipe and on a terminal, with a real Chromium."""

# ruff: noqa: ASYNC240  (small files, and a test may wait for them)
from __future__ import annotations

import os
import re
import signal
import stat
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from twisted.internet.defer import Deferred

from tests.browser.support_programs import unmeasured
from tests.browser.test_cli_browser import ROOT, Command, CommandTestCase

PAGE = "<title>Bells</title><h1>Bells &amp; whistles</h1>"
#: What a terminal obeys, and prompt_toolkit writes.
CONTROL = re.compile(rb"\x1b(\[[0-9;?]*[A-Za-z]|\][^\x07]*\x07|[=>])")


class PipedTests(CommandTestCase):
    """What is piped in is run line by line, and only what comes of it is printed."""

    async def pipe(self, *lines: str, arguments: tuple[str, ...] = ()) -> Command:
        self.server.page("/", PAGE)
        command = self.start("repl", self.server.url("/"), *arguments)
        assert command.transport is not None
        command.transport.write("".join(f"{each}\n" for each in lines).encode())
        command.transport.closeStdin()
        await command.gone
        self.assert_nothing_left()
        return command

    async def test_deferreds_are_awaited(self) -> None:
        command = await self.pipe(
            "page.title()",
            "heading = page.locator('h1').inner_text()",
            "heading",
            "for each in (1, 2):",
            "    print(await page.evaluate('n => n * 2', each))",
            "",
            "session.execute(cdp.runtime.evaluate(expression='1 + 1'))",
            "async def answer():",
            "    return await page.evaluate('6 * 7')",
            "",
            "answer()",
        )
        self.assert_ended(command, 0)
        self.assertEqual(
            command.lines,
            [
                "'Bells'",
                "'Bells & whistles'",
                "2",
                "4",
                "EvaluateResult(result=RemoteObject(type='number', value=2, description='2'))",
                "42",
            ],
        )

    async def test_the_first_error_ends_it(self) -> None:
        command = await self.pipe("page.title()", "page.evaluate('nothing()')", "print('more')")
        self.assertEqual((command.code, command.lines), (1, ["'Bells'"]))
        self.assertIn(b"txcdp.errors.EvaluationError: ReferenceError: nothing is not defined", command.err)
        command = await self.pipe("raise SystemExit(7)", arguments=("--lang", "de"))
        self.assertEqual((command.code, command.out, command.err), (7, b"", b""))

    async def test_a_page_that_cannot_be_loaded_is_an_error(self) -> None:
        command = self.start("repl", "http://127.0.0.1:9")
        await command.gone
        self.assert_ended(command, 1, "ERR_")


class TerminalTests(CommandTestCase):
    """On a terminal there is a prompt, with Tab, Ctrl-C and Ctrl-D."""

    def on_terminal(self, *arguments: str, given: Mapping[str, str] = os.environ) -> Command:
        environment = {
            **given,
            "HOME": self.folder,
            "TMPDIR": self.folder,
            "IPYTHONDIR": f"{self.folder}/.ipython",
            "XDG_STATE_HOME": f"{self.folder}/.state",
            "PYTHONPATH": ROOT,
            "TERM": "xterm",
            "INPUTRC": "/dev/null",
        }
        return self.spawn([sys.executable, "-m", "txcdp", "repl", *arguments], environment, terminal=True)

    async def interrupt_and_leave(self, command: Command, enter: bytes, prompt: bytes) -> None:
        """Press Ctrl-C while something is waited for, see that there still is a prompt, and leave by Ctrl-D.

        :param prompt: a pattern for what is shown when there is a prompt again. Before that, the terminal itself would
            take Ctrl-D, and nobody get it.
        """
        held = self.server.held("/held")
        self.type(command, f"page.goto({self.server.url('/held')!r})".encode() + enter)
        await held.asked
        self.type(command, b"\x03")
        await command.prints("KeyboardInterrupt")
        held.release()
        self.type(command, b"6 * 7000 + 7" + enter)
        await self.shows(command, b"42007[^*]*" + prompt)
        self.type(command, b"\x04")
        await command.gone

    def type(self, command: Command, keys: bytes) -> None:
        transport: Any = command.transport
        transport.write(keys)

    async def test_the_plain_prompt(self) -> None:
        url = self.server.page("/", PAGE)
        command = self.on_terminal(url, "--plain")
        await command.prints(">>> ")
        self.type(command, b"page.titl\t")
        await command.prints("page.title(")
        self.type(command, b")\n")
        await command.prints("'Bells'")
        await self.interrupt_and_leave(command, b"\n", rb">>> $")
        self.assertEqual(command.code, 0, command.out)
        history = Path(self.folder, ".state/txcdp/repl_history")
        self.assertEqual(history.read_text().splitlines()[0], "page.title()")
        self.assertEqual(stat.S_IMODE(history.stat().st_mode), 0o600)
        self.assertNotIn("Traceback", command.out.decode())

    async def test_a_signal_ends_it(self) -> None:
        command = self.on_terminal("--plain")
        await command.prints(">>> ")
        command.signal("TERM")
        await command.gone
        self.assertEqual(command.code, 143, command.out)

    async def test_a_signal_that_comes_with_another_one_ends_it(self) -> None:
        # CPython's input() calls the second handler with the first one's exception set, with which coverage's tracer
        # takes a lock that it never gives back: every thread of the program would wait for it.
        command = self.on_terminal("--plain", given=unmeasured(os.environ))
        await command.prints(">>> ")
        process: Any = command.transport
        for number in (signal.SIGCHLD, signal.SIGTERM):
            os.kill(process.pid, number)
        await command.gone
        self.assertEqual(command.code, 143, command.out)

    async def test_the_prompt_of_ipython(self) -> None:
        url = self.server.page("/", PAGE)
        command = self.on_terminal(url)
        await command.prints("In [")
        self.type(command, b"page.title()\r")
        await self.shows(command, rb"Out\[1\]: 'Bells'")
        await self.interrupt_and_leave(command, b"\r", rb"In \[4\]: ")
        self.assertEqual(command.code, 0, command.out)

    async def shows(self, command: Command, pattern: bytes) -> None:
        """Wait until it shows something, whatever its colours."""
        shown: Deferred[None] = Deferred()
        before = command._look

        def look() -> None:
            before()
            if not shown.called and re.search(pattern, CONTROL.sub(b"", command.out)):
                shown.callback(None)

        command._look = look  # type: ignore[method-assign]
        look()
        await shown
