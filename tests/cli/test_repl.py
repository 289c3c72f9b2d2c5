"""The prompt of ``txcdp repl``: how what is typed becomes code, and what completes it; no browser is started."""

from __future__ import annotations

import ast
import subprocess
import sys
from types import SimpleNamespace
from typing import Any

import pytest
from twisted.internet.defer import Deferred, fail, succeed

from txcdp import domains
from txcdp.cli._repl import code_of, default_history
from txcdp.cli._repl_code import AwaitResults, Compiler, described, offer_awaiting
from txcdp.cli._repl_completion import Completer
from txcdp.errors import CommandTimeout
from txcdp.page import Page

# Code.


@pytest.fixture
def shown(monkeypatch: pytest.MonkeyPatch) -> list[Any]:
    """Have what is shown at the prompt in a list."""
    offer_awaiting()
    values: list[Any] = []
    monkeypatch.setattr(sys, "displayhook", values.append)
    return values


def run(source: str, **namespace: Any) -> dict[str, Any]:
    """Run a statement, and return the namespace."""
    code = Compiler().compile(source)
    assert code is not None
    made = eval(code, namespace)
    if made is not None:
        failures: list[Any] = []
        running: Deferred[Any] = Deferred.fromCoroutine(made)
        running.addErrback(failures.append)
        assert running.called
        if failures:
            raise failures[0].value
    return namespace


def test_what_an_expression_results_in_is_awaited_and_shown(shown: list[Any]) -> None:
    async def coroutine() -> int:
        return await succeed(2)

    run("a", a=1)
    run("a()", a=coroutine)
    run("a", a=succeed(3))
    run("await a", a=succeed(4))
    run("1; a", a=succeed(5))
    run("a", a=[succeed(6)])
    assert shown[:6] == [1, 2, 3, 4, 1, 5]
    assert isinstance(shown[6][0], Deferred)


def test_a_deferred_that_was_shown_can_be_shown_again(shown: list[Any]) -> None:
    deferred = succeed(3)
    for _ in range(3):
        run("a", a=deferred)
    assert shown == [3, 3, 3]


def test_an_assignment_keeps_what_it_is_given(shown: list[Any]) -> None:
    deferred = succeed(3)
    assert run("b = a", a=deferred)["b"] is deferred
    assert run("b = await a", a=deferred)["b"] == 3
    assert shown == []


def test_blocks_await_and_show_nothing_of_their_own(shown: list[Any]) -> None:
    namespace = run("for each in (1, 2):\n    total += await a(each)\n", a=succeed, total=0)
    assert namespace["total"] == 3
    assert shown == []


def test_a_failure_is_raised(shown: list[Any]) -> None:
    with pytest.raises(ZeroDivisionError):
        run("a", a=fail(ZeroDivisionError()))


def test_more_is_waited_for_while_a_statement_is_not_whole() -> None:
    compiler = Compiler()
    assert compiler.compile("for each in (1, 2):") is None
    assert compiler.compile("for each in (1, 2):\n    await each") is None
    assert compiler.compile("page.goto(") is None
    assert compiler.compile("for each in (1, 2):\n    await each\n") is not None
    with pytest.raises(SyntaxError):
        compiler.compile("a b")


def test_a_future_statement_holds_from_then_on() -> None:
    compiler = Compiler()
    compiler.compile("from __future__ import annotations")
    code = compiler.compile("def f(a: nothing): pass\n")
    assert code is not None
    eval(code, {})


def test_a_cell_of_ipython_is_changed_likewise() -> None:
    cell = AwaitResults().visit(ast.parse("a = b()\nc()\nd\n"))
    text = ast.unparse(cell)
    assert text.startswith("a = b()\n")
    assert text.count("await ") == 2


def test_errors_of_the_library_are_a_line_and_others_show_what_was_typed() -> None:
    with pytest.raises(CommandTimeout) as late:
        run("a", a=fail(CommandTimeout("Page.navigate", 3)))
    assert described(late.value).startswith("txcdp.errors.CommandTimeout: Page.navigate")
    with pytest.raises(ZeroDivisionError) as divided:
        run("1/0")
    lines = described(divided.value).splitlines()
    assert lines[0].startswith("Traceback")
    assert lines[1] == '  File "<console>", line 1, in <module>'
    assert lines[-1] == "ZeroDivisionError: division by zero"


def test_exit_codes(capsys: pytest.CaptureFixture[str]) -> None:
    assert code_of(SystemExit()) == 0
    assert code_of(SystemExit(3)) == 3
    assert code_of(SystemExit("so")) == 1
    assert capsys.readouterr().err == "txcdp: so\n"


def test_the_history_is_where_the_user_has_such_files(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("XDG_STATE_HOME", "/state")
    assert str(default_history()) == "/state/txcdp/repl_history"
    monkeypatch.delenv("XDG_STATE_HOME")
    monkeypatch.setenv("HOME", "/home/ada")
    assert str(default_history()) == "/home/ada/.local/state/txcdp/repl_history"


# Completion.


class Touchy:
    """An object that tells when its attributes are read."""

    read = 0

    @property
    def stream(self) -> None:
        type(self).read += 1

    def method(self, first: int, *, second: int = 0) -> None:
        pass

    def _private(self) -> None:
        pass


def completed(line: str, **namespace: Any) -> list[str]:
    return Completer(namespace).complete(line)


def test_domains_and_their_commands_are_completed() -> None:
    assert "cdp.network" in completed("cdp.net", cdp=domains)
    assert completed("session.execute(cdp.page.captureS", cdp=domains) == []
    assert completed("session.execute(cdp.page.capture_sc", cdp=domains) == ["cdp.page.capture_screenshot("]
    assert "cdp.page.FrameNavigated(" in completed("cdp.page.Frame", cdp=domains)


def test_methods_of_pages_are_completed() -> None:
    assert completed("page.get_by_l", page=Page) == ["page.get_by_label("]


def test_nothing_is_read_but_the_path() -> None:
    thing = Touchy()
    assert completed("a.", a=thing) == ["a.method(", "a.read", "a.stream"]
    assert completed("a._p", a=thing) == ["a._private("]
    assert completed("b.a.m", b=SimpleNamespace(a=thing)) == ["b.a.method("]
    assert Touchy.read == 0


def test_arguments_and_names_are_completed() -> None:
    assert completed("a.method(1, sec", a=Touchy()) == ["second="]
    assert "first=" in completed("a.method(", a=Touchy())
    assert completed("a.method((1).real, sec", a=Touchy()) == ["second="]
    assert completed("pag", page=1) == ["page"]
    assert "await " in completed("aw")
    assert completed("no.such.th") == []
    assert completed("1 +") == completed("")


# The reactor's thread.

PROGRAM = """
import os, signal, sys, threading
from twisted.internet import reactor
from twisted.internet.defer import Deferred
from twisted.internet.utils import getProcessValue
from txcdp.cli._reactor_thread import ReactorThread

async def where():
    return threading.current_thread().name

async def fails():
    raise LookupError("nothing")

async def process():
    return await getProcessValue(sys.executable, ["-c", "raise SystemExit(3)"])

async def interrupted():
    waiting = Deferred(lambda _: print("cancelled"))
    os.kill(os.getpid(), signal.SIGINT)
    await waiting

async def busy():
    with thread.code():
        os.kill(os.getpid(), signal.SIGINT)
        while True:
            pass

with ReactorThread(reactor) as thread:
    print(thread.wait_for(where))
    print(thread.wait_for(process))
    for each in (fails, interrupted, busy):
        try:
            thread.wait_for(each)
        except (LookupError, KeyboardInterrupt) as error:
            print(type(error).__name__)
    print(thread.wait_for(where))
"""


def test_what_is_called_runs_in_the_reactors_thread_and_ctrl_c_ends_it() -> None:
    done = subprocess.run([sys.executable, "-c", PROGRAM], capture_output=True, text=True, timeout=120, check=False)
    assert done.stdout.split() == [
        "reactor", "3", "LookupError", "cancelled", "KeyboardInterrupt", "KeyboardInterrupt", "reactor",
    ], done.stderr  # fmt: skip
    assert done.stderr == ""


SLEEPING = """
import signal, sys, threading
from twisted.internet import reactor
from txcdp.cli._reactor_thread import ReactorThread

def send():
    signal.pthread_kill(threading.get_ident(), signal.SIGTERM)

with ReactorThread(reactor):
    reactor.callFromThread(lambda: reactor.callLater(0.3, send))
    sys.stdin.readline()
"""


def test_the_main_thread_is_woken_by_a_signal_that_comes_to_another_one() -> None:
    with subprocess.Popen([sys.executable, "-c", SLEEPING], stdin=subprocess.PIPE) as process:
        try:
            assert process.wait(60) == 143
        finally:
            process.kill()
