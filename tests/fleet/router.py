"""A real router, Crossbar, and the processes of a fleet around it."""

from __future__ import annotations

import json
import os
import shutil
import signal
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

from txcdp.fleet import RouterOptions

ROOT = Path(__file__).parents[2]
REALM = "browsers"

#: Seconds for what a busy machine may be slow with.
PATIENCE = 120.0

#: Milliseconds of the router's pings: so a node that was stopped is found out within a test.
PINGS = {"auto_ping_interval": 2000, "auto_ping_timeout": 4000}


def crossbar() -> str:
    """Return the program; ``make fleet`` installs it, and says where."""
    found = os.environ.get("CROSSBAR") or shutil.which("crossbar")
    if found is None:
        raise RuntimeError("there is no Crossbar: run these tests by make fleet, which installs it")
    return str(Path(found).absolute())


def free_port() -> int:
    with socket.socket() as line:
        line.bind(("127.0.0.1", 0))
        port: int = line.getsockname()[1]
        return port


def until(condition: Callable[[], object], what: str) -> None:
    """Wait in a thread's way until something holds, for processes that say so by nothing else."""
    ends = time.monotonic() + PATIENCE
    while not condition():
        if time.monotonic() > ends:
            raise AssertionError(f"{what}: not within {PATIENCE:g} s")
        time.sleep(0.05)  # a pause between two looks, not a time in which something has to happen


class Crossbar:
    """The router of ``examples/deploy``, on a free port.

    :param options: of its WebSockets.
    :param tls: of its endpoint; it is ``localhost`` then.
    :param certificates: the SHA1 of clients' certificates, with the names and roles that these come in by.
    """

    def __init__(
        self,
        folder: Path,
        options: dict[str, Any] | None = None,
        tls: dict[str, Any] | None = None,
        certificates: dict[str, Any] | None = None,
    ) -> None:
        self.folder = folder
        self.port = free_port()
        self.url = f"wss://localhost:{self.port}/ws" if tls else f"ws://127.0.0.1:{self.port}/ws"
        config = json.loads((ROOT / "examples" / "deploy" / "crossbar.json").read_text())
        (transport,) = config["workers"][0]["transports"]
        transport["endpoint"] = {"type": "tcp", "port": self.port, "interface": "127.0.0.1"}
        if tls is not None:
            transport["endpoint"]["tls"] = tls
        if certificates is not None:
            transport["auth"]["tls"] = {"type": "static", "principals": certificates}
        transport["options"].update(PINGS if options is None else options)
        self.principals: dict[str, Any] = transport["auth"]["ticket"]["principals"]
        (folder / ".crossbar").mkdir(parents=True)
        (folder / ".crossbar" / "config.json").write_text(json.dumps(config))
        for name, each in self.principals.items():
            (folder / name).write_text(each["ticket"])
        self.start()

    def start(self) -> None:
        self.log = (self.folder / "log").open("ab")
        command = [crossbar(), "start", "--cbdir", str(self.folder / ".crossbar"), "--loglevel", "warn"]
        self.process = subprocess.Popen(command, stdout=self.log, stderr=subprocess.STDOUT, start_new_session=True)
        until(self._answers, "Crossbar")

    def _answers(self) -> bool:
        assert self.process.poll() is None, (self.folder / "log").read_text()
        try:
            socket.create_connection(("127.0.0.1", self.port), 1).close()
        except OSError:
            return False
        return True

    def kill(self) -> None:
        os.killpg(self.process.pid, signal.SIGKILL)
        self.process.wait()
        self.log.close()

    def options(self, authid: str, **more: Any) -> RouterOptions:
        ticket = (self.folder / authid).read_text()
        return RouterOptions(**{"url": self.url, "realm": REALM, "authid": authid, "ticket": ticket, **more})

    def memory(self) -> int:
        """Return the bytes that its processes have in memory."""
        return sum(int(each[21]) for each in self._stats()) * os.sysconf("SC_PAGE_SIZE")

    def seconds(self) -> float:
        """Return the seconds of a processor that they have used."""
        return sum(int(each[11]) + int(each[12]) for each in self._stats()) / os.sysconf("SC_CLK_TCK")

    def _stats(self) -> Iterator[list[str]]:
        for stat in Path("/proc").glob("[0-9]*/stat"):
            try:
                fields = stat.read_text().rpartition(")")[2].split()
            except OSError:
                continue
            if int(fields[3]) == self.process.pid:  # the session
                yield fields


class Program:
    """A process of a fleet, and the lines that it has said."""

    def __init__(self, module: str, router: Crossbar, authid: str, *arguments: object) -> None:
        command = [sys.executable, "-m", f"tests.fleet.{module}", router.url, REALM, authid]
        command += [str(router.folder / authid), *map(str, arguments)]
        self.said: list[str] = []
        self.process = subprocess.Popen(command, cwd=ROOT, stdout=subprocess.PIPE, text=True)
        self._reader = threading.Thread(target=self._read, daemon=True)
        self._reader.start()

    def _read(self) -> None:
        assert self.process.stdout is not None
        for line in self.process.stdout:
            self.said.append(line.strip())

    def count(self, word: str) -> int:
        return sum(each.split()[0] == word for each in list(self.said) if each)

    @property
    def begun(self) -> list[str]:
        return [each.partition(" ")[2] for each in list(self.said) if each.startswith("begun ")]

    def signal(self, number: int) -> None:
        self.process.send_signal(number)

    def end(self) -> None:
        if self.process.poll() is None:
            self.process.kill()
        self.process.wait()
        self._reader.join()
        assert self.process.stdout is not None
        self.process.stdout.close()
