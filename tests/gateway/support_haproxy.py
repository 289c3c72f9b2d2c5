"""HAProxy itself, with the configuration of ``examples/deploy``, and gateways in processes of their own behind it."""

from __future__ import annotations

import csv
import os
import re
import shutil
import signal
import socket
import sys
import tempfile
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

import pytest
from twisted.internet import reactor as _reactor
from twisted.internet.defer import Deferred
from twisted.internet.error import ProcessDone
from twisted.internet.protocol import ProcessProtocol
from twisted.internet.task import deferLater
from twisted.python.failure import Failure

from tests.support import PATIENCE
from txcdp.chrome import discovery
from txcdp.chrome._descriptions import TargetDescription

reactor: Any = _reactor
ROOT = Path(__file__).resolve().parent.parent.parent
CONFIGURATION = ROOT / "examples" / "deploy" / "haproxy.cfg"

#: Where the program is, which is no command of every user's.
PROGRAM = shutil.which("haproxy", path=os.pathsep.join([os.environ["PATH"], "/usr/sbin", "/usr/local/sbin"]))

#: Where .ci/haproxy could not install it, these tests are left out, as it says.
needs_haproxy = pytest.mark.skipif(PROGRAM is None, reason="there is no haproxy here")


class ReservedPort:
    """A port that nobody else gets until :meth:`release`, and that a server of ours can listen at."""

    def __init__(self) -> None:
        self._socket = socket.socket()
        self._socket.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        self._socket.bind(("127.0.0.1", 0))
        self.number = int(self._socket.getsockname()[1])

    def release(self) -> None:
        self._socket.close()


async def until(condition: Any) -> None:
    """Wait for something that has to come, however busy the machine is."""
    began = reactor.seconds()
    while not condition():
        if reactor.seconds() - began > PATIENCE:
            raise AssertionError("it never comes")
        await deferLater(reactor, 0.02, lambda: None)


async def listed(netloc: str, wanted: Iterable[TargetDescription]) -> dict[str | None, str | None]:
    """List pages until certain ones are among them: on a busy machine a gateway's peer may be too slow for it.

    :returns: the URLs of all of them by their ids.
    """
    began = reactor.seconds()
    while reactor.seconds() - began < PATIENCE:
        targets = await discovery.list_targets(reactor, netloc, timeout=PATIENCE)
        found = {each.id: each.url for each in targets}
        if all(each.id in found for each in wanted):
            return found
    raise AssertionError("they are never listed")


class Program(ProcessProtocol):
    """A process, and what it says.

    :ivar said: all of that.
    :ivar ended: fires with its exit status, or None where a signal has ended it.
    """

    def __init__(self, arguments: Iterable[str], environment: Mapping[str, str] | None = None) -> None:
        self.said = ""
        self.ended: Deferred[int | None] = Deferred()
        arguments = list(arguments)
        environment = {**os.environ, "PYTHONPATH": str(ROOT), **(environment or {})}
        reactor.spawnProcess(self, arguments[0], arguments, environment)

    def outReceived(self, data: bytes) -> None:
        self.said += data.decode("utf-8", "replace")

    def errReceived(self, data: bytes) -> None:
        self.said += data.decode("utf-8", "replace")

    def processEnded(self, reason: Failure) -> None:
        error: Any = reason.value
        self.ended.callback(0 if reason.check(ProcessDone) else error.exitCode)

    def signal(self, number: int) -> None:
        assert self.transport is not None
        assert self.transport.pid is not None
        os.kill(self.transport.pid, number)

    async def kill(self) -> None:
        """End it for sure."""
        if not self.ended.called:
            self.signal(signal.SIGKILL)
            await self.ended


class Node:
    """A gateway with browsers in memory.

    :param name: its name.
    :param ping: seconds between its pings; 0: none.
    """

    def __init__(self, name: str, ping: float = 20.0) -> None:
        self.name = name
        self._reserved = ReservedPort()
        self.port = self._reserved.number
        self._ping = ping
        self.peers: list[str] = []
        self.program: Program | None = None

    async def start(self) -> None:
        arguments = [sys.executable, "-m", "tests.gateway.haproxy_node", self.name, str(self._ping), *self.peers]
        self.program = Program(arguments, {"PORT": str(self.port)})
        await until(lambda: "\n" in self.process.said or self.process.ended.called)
        assert not self.process.ended.called, self.process.said

    @property
    def process(self) -> Program:
        assert self.program is not None
        return self.program

    async def end(self) -> None:
        if self.program is not None:
            await self.program.kill()
        self._reserved.release()


class HAProxy:
    """HAProxy, with the configuration of ``examples/deploy`` for other addresses.

    :param ports: of the gateways, by name.
    :param changes: lines of the configuration, with what is put in their places.
    """

    def __init__(self, ports: Mapping[str, int], changes: Mapping[str, str] | None = None) -> None:
        self._reserved = ReservedPort()
        self.port = self._reserved.number
        self._folder = tempfile.mkdtemp(prefix="hap-")
        self._socket = f"{self._folder}/admin"
        text = CONFIGURATION.read_text(encoding="utf-8")
        servers = {f"server n{number}": "" for number in (1, 2, 3)}
        servers |= {f"server {name}": f"server {name} 127.0.0.1:{port}" for name, port in ports.items()}
        wanted = {
            "user haproxy": "",
            "group haproxy": "",
            "log /dev/log": "log stdout format raw local0",
            "stats socket": f"stats socket {self._socket} mode 600 level admin expose-fd listeners",
            "bind :9222": f"bind 127.0.0.1:{self.port}",
            "default-server": "default-server check inter 200ms fastinter 100ms fall 2 rise 1",
            **servers,
            **(changes or {}),
        }
        for begin, new in wanted.items():
            text, count = re.subn(rf"(?m)^( +){re.escape(begin)}\b.*$", rf"\g<1>{new}", text)
            if count != 1:
                raise AssertionError(f"{count} lines of {CONFIGURATION.name} begin with {begin!r}")
        self.path = f"{self._folder}/haproxy.cfg"
        Path(self.path).write_text(text, encoding="utf-8")
        self.program: Program | None = None

    @property
    def netloc(self) -> str:
        return f"127.0.0.1:{self.port}"

    async def start(self, up: int) -> None:
        """Start it, and wait until so many gateways are up."""
        self.program = Program([PROGRAM or "haproxy", "-W", "-f", self.path])
        await until(lambda: Path(self._socket).exists() or self.process.ended.called)
        assert not self.process.ended.called, self.process.said
        await until(lambda: list(self.states().values()).count("UP") == up)

    @property
    def process(self) -> Program:
        assert self.program is not None
        return self.program

    def order(self, line: str) -> str:
        """Have something done by way of its socket."""
        with socket.socket(socket.AF_UNIX) as found:
            found.connect(self._socket)
            found.sendall(line.encode() + b"\n")
            return b"".join(iter(lambda: found.recv(65536), b"")).decode()

    def _rows(self) -> list[dict[str, str]]:
        try:
            rows = list(csv.DictReader(self.order("show stat").removeprefix("# ").splitlines()))
        except OSError:  # it is just being started, or reloaded
            return []
        return [each for each in rows if each["pxname"] == "gateways" and each["svname"] != "BACKEND"]

    def states(self) -> dict[str, str]:
        """Return how the gateways are: UP, NOLB, DOWN."""
        return {each["svname"]: each["status"].split()[0] for each in self._rows()}

    def connections(self) -> dict[str, int]:
        """Return how many connections each has."""
        return {each["svname"]: int(each["scur"]) for each in self._rows()}

    def worker(self) -> int:
        """Return the process that listens."""
        found = re.search(r"(?m)^Pid: (\d+)", self.order("show info"))
        assert found is not None
        return int(found[1])

    async def reload(self) -> None:
        """Have it read its configuration again; return when another process listens."""
        before = self.worker()

        def is_new() -> bool:
            try:
                return self.worker() != before
            except OSError:
                return False

        self.process.signal(signal.SIGUSR2)
        await until(is_new)

    async def stop(self) -> None:
        if self.program is not None:
            self.program.signal(signal.SIGTERM)
            await self.program.ended
        self._reserved.release()
        shutil.rmtree(self._folder)
