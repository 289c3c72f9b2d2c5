"""What a WAMP router's processor does for a call, and for an event: the figures that ``tests.lab.sizing`` begins with.

::

    CROSSBAR=path/to/crossbar python -m tests.lab.benchmarks.router [--calls N]

A caller and a callee, a publisher and subscribers, of Autobahn's, are in this process; only the router's own processor
time counts, so that it does not matter how busy the machine is.
"""

from __future__ import annotations

import argparse
import json
import os
import signal
import socket
import subprocess
import tempfile
from pathlib import Path
from typing import Any

from autobahn.twisted.wamp import ApplicationRunner, ApplicationSession
from autobahn.wamp.types import PublishOptions
from twisted.internet.defer import Deferred, gatherResults, inlineCallbacks
from twisted.internet.task import deferLater, react

REALM = "sizing"

#: How many are under way at once.
AT_ONCE = 50

EVENT = {"method": "Network.requestWillBeSent", "params": "x" * 900}
ACKNOWLEDGED = PublishOptions(acknowledge=True)


def configuration(port: int) -> dict[str, Any]:
    """Return a router with one realm, in which everybody may do everything."""
    allowed = {"call": True, "register": True, "publish": True, "subscribe": True}
    role = {"name": "anonymous", "permissions": [{"uri": "", "match": "prefix", "allow": allowed, "cache": True}]}
    transport = {
        "type": "websocket",
        "endpoint": {"type": "tcp", "port": port, "interface": "127.0.0.1"},
        "options": {"max_message_size": 64 * 1024 * 1024},
    }
    worker = {"type": "router", "realms": [{"name": REALM, "roles": [role]}], "transports": [transport]}
    return {"version": 2, "workers": [worker]}


def seconds_of(session: int) -> float:
    """Return the processor time of all processes of a session of the system's."""
    ticks = 0
    for stat in Path("/proc").glob("[0-9]*/stat"):
        try:
            fields = stat.read_text().rpartition(")")[2].split()
        except OSError:
            continue
        if int(fields[3]) == session:
            ticks += int(fields[11]) + int(fields[12])
    return ticks / os.sysconf("SC_CLK_TCK")


class Member(ApplicationSession):
    """A session that says when it is there."""

    def onJoin(self, details: Any) -> None:
        self.config.extra["joined"].callback(self)


def join(url: str) -> Deferred[Any]:
    joined: Deferred[Any] = Deferred()
    ApplicationRunner(url, REALM, extra={"joined": joined}).run(Member, start_reactor=False, log_level="critical")
    return joined


@inlineCallbacks
def many(number: int, one: Any) -> Any:
    """Do something so often, some at a time."""
    left = iter(range(number))

    @inlineCallbacks
    def some() -> Any:
        for _ in left:
            yield one()

    yield gatherResults([some() for _ in range(AT_ONCE)])


@inlineCallbacks
def measured(reactor: Any, url: str, session: int, calls: int) -> Any:
    """Print what each kind costs."""
    callee, caller = yield gatherResults([join(url), join(url)])
    for size in (1_000, 100_000):
        text = "x" * size
        yield callee.register(lambda _, text=text: text, f"sizing.work{size}")
        number = calls if size == 1_000 else calls // 10
        yield many(number // 10, lambda size=size: caller.call(f"sizing.work{size}", "https://example.com/"))
        before = seconds_of(session)
        yield many(number, lambda size=size: caller.call(f"sizing.work{size}", "https://example.com/"))
        cost = (seconds_of(session) - before) / number * 1e6
        print(f"a call, with {size:,} bytes of result: {cost:.0f} microseconds of the router's", flush=True)
    for readers in (1, 10):
        seen: list[int] = []
        sessions = yield gatherResults([join(url) for _ in range(readers)])
        topic = f"sizing.events{readers}"
        for each in sessions:
            yield each.subscribe(lambda _, seen=seen: seen.append(1), topic)
        before = seconds_of(session)
        yield many(calls, lambda topic=topic: callee.publish(topic, EVENT, options=ACKNOWLEDGED))
        while len(seen) < calls * readers:
            yield deferLater(reactor, 0.05, lambda: None)
        cost = (seconds_of(session) - before) / calls * 1e6
        print(f"an event of 1 KB to {readers}: {cost:.0f} microseconds of the router's", flush=True)


class Router:
    """Crossbar, at a free port of its own.

    :ivar port: where it listens.
    """

    def __init__(self, folder: str) -> None:
        with socket.socket() as found:
            found.bind(("127.0.0.1", 0))
            self.port: int = found.getsockname()[1]
        Path(folder, "config.json").write_text(json.dumps(configuration(self.port)), encoding="utf-8")
        command = [os.environ.get("CROSSBAR", "crossbar"), "start", "--cbdir", folder, "--loglevel", "error"]
        self.process = subprocess.Popen(command, start_new_session=True)

    def answers(self) -> bool:
        assert self.process.poll() is None, "the router has ended"
        with socket.socket() as line:
            return line.connect_ex(("127.0.0.1", self.port)) == 0

    def kill(self) -> None:
        os.killpg(self.process.pid, signal.SIGKILL)
        self.process.wait()


async def main(reactor: Any, calls: int) -> None:
    """Start the router, and measure."""
    with tempfile.TemporaryDirectory(prefix="router-") as folder:
        router = Router(folder)
        try:
            while not router.answers():
                await deferLater(reactor, 0.2, lambda: None)
            await measured(reactor, f"ws://127.0.0.1:{router.port}", router.process.pid, calls)
        finally:
            router.kill()


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--calls", type=int, default=5_000)
    options = parser.parse_args()
    react(lambda reactor: Deferred.fromCoroutine(main(reactor, options.calls)))
