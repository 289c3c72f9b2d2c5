"""The prompt of IPython, whose cells run in the reactor's thread; imported where IPython is installed."""

from __future__ import annotations

import sys
from types import TracebackType
from typing import Any

from IPython.terminal.interactiveshell import TerminalInteractiveShell

from txcdp.cli._reactor_thread import ReactorThread
from txcdp.cli._repl_code import AwaitResults, described
from txcdp.errors import TxcdpError


class ReactorShell(TerminalInteractiveShell):
    """A shell whose code runs in the reactor's thread, while the main thread, with the terminal, waits for it."""

    reactor_thread: ReactorThread

    async def run_code(self, code_obj: Any, result: Any = None, *, async_: bool = False) -> bool:
        """Run the code of a cell in the reactor's thread, until what it awaits is there."""

        async def run() -> bool:
            running = super(ReactorShell, self).run_code(code_obj, result, async_=async_)
            outcome: bool = await self.reactor_thread.step_by_step(running)
            return outcome

        return self.reactor_thread.wait_for(run)

    def should_run_async(self, raw_cell: str, **more: Any) -> bool:
        """Return that no event loop is needed: what is awaited is awaited in the reactor's thread."""
        return False


def run(thread: ReactorThread, namespace: dict[str, Any], banner: str) -> int:
    """Run what a person types, until Ctrl-D.

    :returns: the exit code.
    """
    shell = ReactorShell.instance(user_ns=namespace, banner1=banner, banner2="", confirm_exit=False)
    shell.reactor_thread = thread
    shell.autoawait = True
    shell.ast_transformers.append(AwaitResults())
    shell.set_custom_exc((TxcdpError,), _tell)
    shell.show_banner()
    shell.mainloop()
    return 0


def _tell(
    shell: TerminalInteractiveShell,
    kind: type[BaseException],
    error: BaseException,
    found: TracebackType | None,
    tb_offset: int | None = None,
) -> list[str]:
    """Tell an error of the library: what it says of a browser needs no look at the library."""
    text = described(error)
    sys.stderr.write(text)
    return text.splitlines()
