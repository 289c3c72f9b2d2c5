"""``txcdp repl``: a prompt with a browser and a page, at which Deferreds are awaited."""

from __future__ import annotations

import contextlib
import importlib
import importlib.util
import inspect
import os
import signal
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from types import CodeType
from typing import Any

from txcdp import domains
from txcdp._privacy import shown_url
from txcdp._reactor import AnyReactor
from txcdp.assertions import expect
from txcdp.browser import Browser
from txcdp.cli._opened_page import PageOptions, new_page
from txcdp.cli._output import complain
from txcdp.cli._reactor_thread import ReactorThread
from txcdp.cli._repl_code import Compiler, described, offer_awaiting
from txcdp.cli._repl_completion import Completer
from txcdp.cli._running import BAD, GOOD, SIGNALLED, one_line
from txcdp.errors import TxcdpError
from txcdp.page import Page
from txcdp.streams import first, queue

#: Lines of the history that are kept.
_HISTORY_LINES = 10_000

_BANNER = """\
txcdp {version}: {url} in {browser}.
Available: browser, context, page, session, cdp, expect, first, queue. Deferreds are awaited; Tab completes;
Ctrl-C interrupts waiting; Ctrl-D exits.
"""


@dataclass(frozen=True)
class ReplOptions:
    """Arguments of ``txcdp repl``; see its ``--help``."""

    page: PageOptions
    history: Path | None = None
    plain: bool = False


def repl(reactor: AnyReactor, options: ReplOptions) -> int:
    """Open a browser and a page, and run what is typed, until the end of the input.

    :param reactor: the reactor, not running yet; it runs in a thread.
    :returns: the exit code: 0; 1 where the browser could not be started, or a line of what is no terminal has failed.
    """
    thread = ReactorThread(reactor)
    try:
        with thread:
            return _with_browser(reactor, thread, options)
    except SystemExit as error:
        return code_of(error)
    except KeyboardInterrupt:
        return SIGNALLED + signal.SIGINT
    except SystemError:
        # Where two signals come at once, CPython's input() calls the second handler with the first one's exception set.
        if thread.ended_by is None:
            raise
        return SIGNALLED + thread.ended_by


class _Opened:
    """A browser with a page in it, for as long as there is a prompt.

    :ivar browser: the browser.
    :ivar page: the page.
    """

    browser: Browser
    page: Page

    def __init__(self, reactor: AnyReactor, options: PageOptions) -> None:
        self._reactor = reactor
        self._options = options

    async def start(self) -> None:
        """Open both; the page is empty."""
        where = self._options
        self.browser = await where.browser.open(self._reactor)
        self.page = await new_page(self.browser, where)
        self.page.set_default_timeout(where.timeout)
        self.page.set_default_navigation_timeout(where.timeout)

    async def go(self) -> None:
        """Go to the page that was asked for."""
        if self._options.url != "about:blank":
            await self.page.goto(self._options.url, self._options.wait_until)

    async def end(self) -> None:
        """Close what was opened, whatever has become of it."""
        if not hasattr(self, "browser"):
            return
        if hasattr(self, "page") and self._options.browser.running is not None:
            with contextlib.suppress(TxcdpError):
                await self.page.close()
        await self.browser.close()


def _with_browser(reactor: AnyReactor, thread: ReactorThread, options: ReplOptions) -> int:
    opened = _Opened(reactor, options.page)
    terminal = sys.stdin is not None and sys.stdin.isatty()
    try:
        thread.wait_for(opened.start)
        try:
            thread.wait_for(opened.go)
        except TxcdpError as error:
            complain(one_line(error))
            if not terminal:
                return BAD
        namespace = _namespace(reactor, opened)
        offer_awaiting()
        if not terminal:
            return _Console(thread, namespace).run_lines()
        banner = _BANNER.format(url=shown_url(opened.page.url), **_versions(options))
        if not options.plain and importlib.util.find_spec("IPython") is not None:
            from txcdp.cli._repl_ipython import run

            return run(thread, namespace, banner)
        return _Console(thread, namespace).run_prompt(banner, options.history or default_history())
    except (TxcdpError, OSError) as error:
        complain(one_line(error))
        return BAD
    finally:
        thread.wait_for(opened.end)


def _versions(options: ReplOptions) -> dict[str, str]:
    from importlib.metadata import version

    running = options.page.browser.running
    where = "a browser of its own" if running is None else f"the browser at {running}"
    return {"version": version("txcdp"), "browser": where}


def _namespace(reactor: AnyReactor, opened: _Opened) -> dict[str, Any]:
    """Return what there is at the prompt."""
    return {
        "__name__": "__console__",
        "__doc__": None,
        "reactor": reactor,
        "txcdp": importlib.import_module("txcdp"),
        "cdp": domains,
        "browser": opened.browser,
        "context": opened.page.context,
        "page": opened.page,
        "session": opened.page.session,
        "expect": expect,
        "first": first,
        "queue": queue,
    }


def default_history() -> Path:
    """Return where lines are kept: in ``$XDG_STATE_HOME`` or ``~/.local/state``."""
    folder = os.environ.get("XDG_STATE_HOME") or os.path.expanduser("~/.local/state")
    return Path(folder, "txcdp", "repl_history")


class _Console:
    """Runs what is typed, statement by statement.

    :param thread: runs the reactor, and what is typed in it.
    :param namespace: what there is at the prompt.
    """

    def __init__(self, thread: ReactorThread, namespace: dict[str, Any]) -> None:
        self._thread = thread
        self._namespace = namespace
        self._compiler = Compiler()

    def run_prompt(self, banner: str, history: Path) -> int:
        """Run what a person types, until Ctrl-D.

        :returns: the exit code.
        """
        _write(banner)
        with _line_editing(Completer(self._namespace), history):
            typed: list[str] = []
            while True:
                try:
                    typed.append(input("... " if typed else ">>> "))
                    if self._run("\n".join(typed)) is not None:
                        typed = []
                except EOFError:
                    _write("\n")
                    return GOOD
                except KeyboardInterrupt:
                    _write("\nKeyboardInterrupt\n")
                    typed = []
                except SystemExit as error:
                    return code_of(error)

    def run_lines(self) -> int:
        """Run what is piped in, without a prompt, until its end or the first error.

        :returns: the exit code.
        """
        typed: list[str] = []
        for line in [] if sys.stdin is None else sys.stdin:
            typed.append(line.rstrip("\r\n"))
            try:
                done = self._run("\n".join(typed))
            except SystemExit as error:
                return code_of(error)
            if done is not None:
                typed = []
            if done is False:
                return BAD
        # The end of the input ends a block, as an empty line does.
        return BAD if typed and self._run("\n".join([*typed, "\n"])) is False else GOOD

    def _run(self, source: str) -> bool | None:
        """Run a statement.

        :returns: whether it has succeeded; what went wrong is told. None while more of it is to come.
        """
        try:
            code = self._compiler.compile(source)
            if code is None:
                return None
            self._thread.wait_for(lambda: self._execute(code))
        except (KeyboardInterrupt, SystemExit):
            raise
        except BaseException as error:
            sys.stdout.flush()
            sys.stderr.write(described(error))
            sys.stderr.flush()
            return False
        sys.stdout.flush()
        return True

    async def _execute(self, code: CodeType) -> None:
        with self._thread.code():
            made = eval(code, self._namespace)  # noqa: S307  (what the person at the prompt has typed)
        if code.co_flags & inspect.CO_COROUTINE:
            await self._thread.step_by_step(made)


@contextlib.contextmanager
def _line_editing(completer: Completer, history: Path) -> Iterator[None]:
    """Have lines edited, completed and kept, where there is ``readline``."""
    try:
        import readline
    except ImportError:  # Windows: the console edits lines by itself
        yield
        return
    found: list[str] = []

    def complete(text: str, state: int) -> str | None:
        if state == 0:
            try:
                found[:] = completer.complete(readline.get_line_buffer()[: readline.get_endidx()])
            except Exception:  # what readline is given must not end the prompt
                found.clear()
            if not text and not found:
                found.append("    ")
        return found[state] if state < len(found) else None

    readline.set_completer(complete)
    readline.set_completer_delims(" \t\n`~!@#$%^&*()-=+[{]}\\|;:'\",<>/?")
    readline.parse_and_bind("bind ^I rl_complete" if "libedit" in (readline.__doc__ or "") else "tab: complete")
    with contextlib.suppress(OSError):
        history.parent.mkdir(parents=True, exist_ok=True)
        readline.read_history_file(history)
    readline.set_history_length(_HISTORY_LINES)
    try:
        yield
    finally:
        readline.set_completer(None)
        with contextlib.suppress(OSError):
            # There may be passwords in it.
            os.close(os.open(history, os.O_CREAT | os.O_WRONLY, 0o600))
            os.chmod(history, 0o600)
            readline.write_history_file(history)


def _write(text: str) -> None:
    sys.stdout.write(text)
    sys.stdout.flush()


def code_of(error: SystemExit) -> int:
    """Return the exit code that ``exit()`` was given; a text is told, as Python does it."""
    if error.code is None:
        return GOOD
    if isinstance(error.code, int):
        return error.code
    complain(str(error.code))
    return BAD
