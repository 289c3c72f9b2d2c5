"""What happens to a browser, its pages and its line, one blow after another, as the seed decides."""

from __future__ import annotations

import contextlib
import os
import random
import signal
from collections.abc import Callable
from typing import Any

from tests.lab.chaos.ledger import Ledger, reactor
from tests.lab.hostile.proxy import FaultProxy, Hold, Link
from txcdp.browser import Browser
from txcdp.chrome import BrowserProcess
from txcdp.domains import page, target

#: How often each blow falls, in proportion; a browser that is killed takes all its pages along.
WEIGHTS = {
    "kill renderer": 9,
    "stop renderer": 10,
    "stop browser": 3,
    "kill browser": 1,
    "reset line": 1,
    "close line": 1,
    "half-close line": 1,
    "hold line": 3,
    "corrupt line": 1,
    "close target": 9,
    "crash page": 9,
    "kill gpu": 1,
}


def processes(group: int, word: str = "") -> list[int]:
    """Give the living processes of a group, in a fixed order, on whose command line a word stands."""
    found = []
    for name in os.listdir("/proc"):
        if not name.isdigit():
            continue
        with contextlib.suppress(OSError, ValueError):
            with open(f"/proc/{name}/stat", "rb") as file:
                fields = file.read().rpartition(b")")[2].split()
            if int(fields[2]) != group or fields[0] in (b"Z", b"X"):
                continue
            with open(f"/proc/{name}/cmdline", "rb") as file:
                if word.encode() in file.read():
                    found.append(int(name))
    return sorted(found)


class Faults:
    """Strikes a browser.

    :param proxy: what its line goes through; None: nothing, so that a line can only be cut here.
    :ivar process: the browser's process.
    :ivar chrome: the browser over its present line; None between two lines.
    """

    def __init__(
        self, ledger: Ledger, choice: random.Random, process: BrowserProcess, proxy: FaultProxy | None
    ) -> None:
        self._ledger = ledger
        self._random = choice
        self.process = process
        self._proxy = proxy
        self._bag: list[str] = []
        self._waking: dict[int, Any] = {}
        self._released: dict[Hold, Any] = {}
        self.chrome: Browser | None = None

    def strike(self) -> None:
        """Do the next thing; each comes as often as its weight says, in an order of the seed's."""
        if not self._bag:
            self._bag = [kind for kind, weight in WEIGHTS.items() for _ in range(weight)]
            self._random.shuffle(self._bag)
        kind = self._bag.pop()
        place, action = kind.split(" ", 1)[1], kind.split(" ", 1)[0]
        doing: dict[str, Callable[[], bool]] = {
            "renderer": lambda: self._signal(action, "--type=renderer"),
            "gpu": lambda: self._signal(action, "--type=gpu-process"),
            "browser": lambda: self._signal(action, ""),
            "line": lambda: self._line(action),
            "target": self._close_target,
            "page": self._crash,
        }
        if self.process.running and doing[place]():
            self._ledger.faults[kind] += 1

    def stop(self) -> None:
        """Let everything go on that was stopped."""
        for call in list(self._waking.values()):
            waking = call.args
            call.cancel()
            self._wake(*waking)
        for hold, call in list(self._released.items()):
            call.cancel()
            self._release(hold)

    def _signal(self, action: str, word: str) -> bool:
        found = processes(self.process.pid, word) if word else [self.process.pid]
        if not found:
            return False
        pid = self._random.choice(found)
        with contextlib.suppress(ProcessLookupError):
            if action == "kill":
                os.kill(pid, signal.SIGKILL)
            elif pid not in self._waking:
                os.kill(pid, signal.SIGSTOP)
                seconds = self._random.uniform(0.1, 2.5)
                self._waking[pid] = reactor.callLater(seconds, self._wake, pid, self.process.pid)
        return True

    def _wake(self, pid: int, group: int) -> None:
        del self._waking[pid]
        if pid in processes(group):
            os.kill(pid, signal.SIGCONT)

    def _line(self, action: str) -> bool:
        if self._proxy is None:
            if self.chrome is not None:
                self.chrome.connection.transport.abort()
            return self.chrome is not None
        links: list[Link] = [link for link in self._proxy.links if not link.client.gone.called]
        if not links:
            return False
        link = links[-1]
        way = self._random.choice((link.down, link.up))
        if action in ("reset", "close"):
            way.end(action)
        elif action == "half-close":
            way.end("half")
        elif action == "corrupt":
            way.send(bytes(self._random.randrange(256) for _ in range(20)))
        elif not way.fault.holding:
            hold = Hold()
            way.put(hold)
            self._released[hold] = reactor.callLater(self._random.uniform(0.1, 4.0), self._release, hold)
        return True

    def _release(self, hold: Hold) -> None:
        del self._released[hold]
        hold.release()

    def _close_target(self) -> bool:
        session = self._any_page()
        if session is None or self.chrome is None:
            return False
        closing = self.chrome.session.execute(target.close_target(target_id=session.target.target_id), timeout=2.0)
        self._ledger.promised("closeTarget", closing, 2.0).addErrback(lambda _: None)
        return True

    def _crash(self) -> bool:
        session = self._any_page()
        if session is None:
            return False
        self._ledger.promised("crash", session.execute(page.crash(), timeout=2.0), 2.0).addErrback(lambda _: None)
        return True

    def _any_page(self) -> Any:
        if self.chrome is None or self.chrome.connection.lost is not None:
            return None
        sessions = [each for each in self.chrome.connection.sessions if each.target and each.target.type == "page"]
        return self._random.choice(sessions) if sessions else None
