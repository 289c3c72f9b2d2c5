"""Watch a page load: serves the demo site and runs ``txcdp watch`` on it.

::

    python -m examples.demo

The browser's every request, console message and error is printed as it happens; a screenshot is left in build/.
"""

from __future__ import annotations

import os
import sys
from pathlib import Path
from typing import Any

from twisted.internet import task
from twisted.internet.defer import Deferred
from twisted.internet.protocol import ProcessProtocol
from twisted.python.failure import Failure

from examples.site.server import address, serve, stop

SCREENSHOT = Path("build", "harbour.png")


class Child(ProcessProtocol):
    """A process that shares this one's terminal.

    :ivar ended: fires with its exit code when it has ended.
    """

    def __init__(self) -> None:
        self.ended: Deferred[int] = Deferred()

    def processEnded(self, reason: Failure) -> None:
        """Hand the exit code on; a signal counts as 1."""
        code = getattr(reason.value, "exitCode", None)
        self.ended.callback(1 if code is None else code)


async def main(reactor: Any) -> None:
    """Serve, watch, and end with the watcher's exit code."""
    SCREENSHOT.parent.mkdir(exist_ok=True)
    site = serve(reactor)
    arguments = ["-m", "txcdp", "watch", address(site), "--until", "idle", "--screenshot", str(SCREENSHOT)]
    print("$ txcdp", *arguments[2:], flush=True)
    child = Child()
    reactor.spawnProcess(
        child, sys.executable, [sys.executable, *arguments], env=dict(os.environ), childFDs={0: 0, 1: 1, 2: 2}
    )
    try:
        code = await child.ended
    finally:
        await stop(site)
    if code:
        raise SystemExit(code)
    print(f"The screenshot is {SCREENSHOT}.")


if __name__ == "__main__":
    task.react(main)
