"""Deaths at random: a gateway in its own process, clients in theirs, all of them and the browsers killed in turn.

What is killed, and when, a seed decides; how long things take, nobody decides. Whoever is killed is replaced, as an
operating system's service manager does with the gateway, and as users do with clients. After each death the pool has
to be whole again in time; of the clients, only those may notice whose browser or gateway it was.
"""

from __future__ import annotations

import contextlib
import json
import math
import os
import random
import shutil
import signal
import statistics
import sys
import tempfile
import time
from collections import Counter
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from treq.client import HTTPClient
from twisted.internet.defer import Deferred, gatherResults
from twisted.internet.error import ProcessTerminated
from twisted.internet.protocol import ProcessProtocol
from twisted.internet.task import deferLater
from twisted.python.failure import Failure
from twisted.web.client import Agent

from tests.browser.support import Server, free_port, reactor
from tests.browser.test_service_browser import ROOT, Twistd

#: Seconds within which the pool is whole again, and what a dead gateway leaves is gone, on a quiet machine.
WHOLE = 5.0
#: Up to here it counts as quiet: so many processes for each processor, which are mostly those of the test itself.
QUIET = 2.0
#: Seconds for anything else.
PATIENCE = 60.0
#: Seconds between a gateway's death and the next one: systemd's default.
RESTART = 0.1

#: How often each is killed, in proportion.
WEIGHTS = {"browser": 5, "client": 4, "gateway": 2}

#: How many clients there are, and what the gateway is told.
SIZES = {
    "exclusive": (3, "PoolOptions(size=4, warm=1, queue_deadline=60.0)"),
    "shared": (4, "PoolOptions(size=2, warm=2, clients_per_browser=4, queue_deadline=60.0)"),
}

PROGRAM = """
import json
from twisted.application.service import Application
from twisted.internet import reactor
from txcdp.gateway import AccessOptions, GatewayOptions, PoolOptions
from txcdp.gateway._http.requests import Answer
from txcdp.service import GatewayService

options = GatewayOptions(
    endpoint="tcp:{port}:interface=127.0.0.1",
    mode="{mode}",
    drain=10.0,
    pool={pool},
    access=AccessOptions(tokens="{tokens}"),
)
service = GatewayService(reactor, options, live_page=False)
gateway = service.gateway
gateway.add("/state", ("GET",), lambda _: Answer(json.dumps(gateway.state()).encode()))
application = Application("gateway")
service.setServiceParent(application)
"""


class Visitor(ProcessProtocol):
    """A client's process, and what it tells; see ``deaths_client``."""

    def __init__(self, deaths: Deaths, name: str, seed: int) -> None:
        self._deaths = deaths
        self._rest = b""
        self.name = name
        self.ended: Deferred[None] = Deferred()
        self.killed = False
        self.stopping = False
        self.said = ""
        self.session: dict[str, Any] = {}
        arguments = [sys.executable, "-m", "tests.browser.deaths_client", deaths.url(name), deaths.page, str(seed)]
        paths = os.pathsep.join([str(ROOT), os.environ.get("PYTHONPATH", "")])
        reactor.spawnProcess(self, sys.executable, arguments, {**os.environ, "PYTHONPATH": paths})

    def outReceived(self, data: bytes) -> None:
        *lines, self._rest = (self._rest + data).split(b"\n")
        for line in lines:
            self._deaths.told(self, json.loads(line))

    def errReceived(self, data: bytes) -> None:
        self.said += data.decode("utf-8", "replace")

    def processEnded(self, reason: Failure) -> None:
        if not self.killed and (self.said or reason.check(ProcessTerminated)):
            self._deaths.broken.append(f"client {self.name} has ended: {reason.value} {self.said}")
        self.ended.callback(None)

    def order(self, word: str) -> None:
        """Say something to it."""
        assert self.transport is not None
        if not self.ended.called:
            self.transport.write(f"{word}\n".encode())

    def kill(self) -> None:
        """Kill it."""
        assert self.transport is not None
        self.killed = True
        self.transport.signalProcess("KILL")


@dataclass
class Death:
    """Who was killed, and when: after ``at``, and before ``struck``; at ``over`` the pool was whole again."""

    at: float
    kind: str
    pid: int = 0
    struck: float = math.inf
    over: float = math.inf

    def harms(self, began: float, ended: float) -> bool:
        """Whether a session may have ended by it; a dead browser is given to clients until somebody has noticed."""
        return self.at < ended and began < (self.over if self.kind == "browser" else self.struck)


class Deaths:
    """One run.

    :param mode: the gateway's.
    :param seconds: for how long things die; each kind of them does once at least.
    :param seed: decides which, and when.
    :ivar broken: what was promised and did not happen.
    """

    def __init__(self, mode: str, seconds: float, seed: int, server: Server) -> None:
        self._mode = mode
        self._seconds = seconds
        self.seed = seed
        self._choice = random.Random(seed)
        self._count, self._pool = SIZES[mode]
        self._port = free_port()
        self._visitors: dict[str, Visitor] = {}
        self._sessions: set[int] = set()
        self._times: list[tuple[float, str, float]] = []
        self._orphans: list[tuple[float, float]] = []
        self.page = server.page("/work", "<title>Work</title>")
        self.broken: list[str] = []
        self.killed: list[Death] = []
        self.seen: Counter[str] = Counter()
        self.folder = tempfile.mkdtemp(prefix="t-")  # a short name: the paths of sockets are below it

    def url(self, name: str) -> str:
        """Return where a client of this name comes in."""
        return f"ws://127.0.0.1:{self._port}/devtools/browser?token={self._token(name)}"

    def _token(self, name: str) -> str:
        return f"the-token-of-{name}-alone"

    async def run(self) -> None:
        """Go through with it; what was promised and did not happen is in ``broken``."""
        try:
            self._write_files()
            await self._begin()
            begun = reactor.seconds()
            bag: list[str] = []
            left = set(WEIGHTS)
            while reactor.seconds() - begun < self._seconds or left:
                bag = bag or self._shuffled()
                await deferLater(reactor, self._choice.uniform(0.2, 1.0))
                kind = bag.pop()
                if await self._kill(kind):
                    left.discard(kind)
            await self._finish()
        finally:
            await self._clean_up()

    def _shuffled(self) -> list[str]:
        """Return kinds in an order of the seed's, each of them among the first three."""
        rest = [kind for kind, weight in WEIGHTS.items() for _ in range(weight - 1)]
        first = list(WEIGHTS)
        self._choice.shuffle(rest)
        self._choice.shuffle(first)
        return rest + first  # taken from the end

    def _write_files(self) -> None:
        names = ["watcher", *(f"client{number}" for number in range(self._count))]
        tokens = Path(self.folder, "tokens.toml")
        tokens.write_text("".join(f'[{name}]\ntoken = "{self._token(name)}"\n' for name in names))
        program = PROGRAM.format(port=self._port, mode=self._mode, pool=self._pool, tokens=tokens)
        Path(self.folder, "gateway.tac").write_text(program)

    async def _begin(self) -> None:
        self._start_gateway()
        await self._when_whole(lambda _: True)
        for number in range(self._count):
            self._start_visitor(f"client{number}")
        await self._until(lambda: self.seen["in"] >= self._count, PATIENCE, "the clients are in")

    def _start_gateway(self) -> None:
        self.twistd = Twistd("-y", f"{self.folder}/gateway.tac", TMPDIR=self.folder)

    def _start_visitor(self, name: str) -> None:
        self._visitors[name] = Visitor(self, name, self._choice.randrange(10**9))

    # What clients tell:

    def told(self, visitor: Visitor, line: dict[str, Any]) -> None:
        """Take what a client tells."""
        what = line["what"]
        self.seen[what] += 1
        self.seen.update({f"{kind} answered": number for kind, number in line.get("done", {}).items()})
        if what == "in":
            Deferred.fromCoroutine(self._let_in(visitor, line)).addErrback(self._note)
        elif what == "refused":
            noticed = [each for each in self.killed if each.at < line["at"] and each.over > line["began"]]
            self._judge(visitor, line, [each.kind for each in noticed if each.kind != "client"])
        elif what == "failed":
            browser, began = visitor.session.get("browser"), visitor.session["began"]
            own = [each for each in self.killed if each.harms(began, line["at"])]
            own = [each for each in own if each.kind == "gateway" or (browser in (each.pid, None) and each.pid)]
            self._judge(visitor, line, [each.kind for each in own])

    def _note(self, failure: Failure) -> None:
        self.broken.append(f"{failure.value!r}")

    def _judge(self, visitor: Visitor, line: dict[str, Any], excuses: list[str]) -> None:
        if excuses:
            self.seen[f"{line['what']} with its {excuses[-1]}"] += 1
        else:
            self.broken.append(f"{visitor.name}: {line}")

    async def _let_in(self, visitor: Visitor, line: dict[str, Any]) -> None:
        """Find out which browser a client has, then let it work."""
        visitor.session = {"began": line["at"] - line["took"]}
        state = await self._state()
        if state is not None:
            own = [each["browser"] for each in state["clients"] if each["name"] == visitor.name]
            visitor.session["browser"] = int(own[-1]) if own else None
        visitor.order("go")

    # Looking:

    async def _state(self) -> dict[str, Any] | None:
        """Return what the gateway says of itself; None where it does not answer."""
        url = f"http://127.0.0.1:{self._port}"
        headers: dict[str | bytes, str | bytes] = {"Authorization": f"Bearer {self._token('watcher')}"}
        client = HTTPClient(Agent(reactor, connectTimeout=2))
        try:
            ready = await client.get(f"{url}/readyz", timeout=5)
            await ready.content()
            answer = await client.get(f"{url}/state", headers=headers, timeout=5)
            state: dict[str, Any] = json.loads(await answer.content())
        except Exception:  # it is dead, or just dying
            return None
        return state if ready.code == 200 else None

    async def _when_whole(self, also: Any) -> None:
        """Wait until the pool has as many browsers as it keeps for those to come, all alive, and nobody waits."""
        size, warm = (2, 2) if self._mode == "shared" else (4, 1)
        began = reactor.seconds()
        while True:
            state = await self._state()
            self._look()
            if state is not None and not state["waiting"] and also(state):
                browsers = state["browsers"]
                idle = [each for each in browsers if each["state"] == "idle"]
                enough = len(idle) >= warm or len(browsers) >= size
                if enough and all(is_alive(each["pid"]) for each in browsers):
                    return
            if reactor.seconds() - began > PATIENCE:
                raise AssertionError(f"the pool is not whole after {PATIENCE:g} s: {state}, {self.twistd.said[-3000:]}")
            await deferLater(reactor, 0.05)

    async def _until(self, condition: Any, seconds: float, what: str) -> None:
        began = reactor.seconds()
        while not condition():
            if reactor.seconds() - began > seconds:
                raise AssertionError(f"not so after {seconds:g} s: {what}; {self.broken}")
            await deferLater(reactor, 0.05)

    def _look(self) -> set[int]:
        """Note the sessions of all browsers that there are, and return their living processes."""
        return set(self._browsers())

    def _browsers(self) -> dict[int, int]:
        """Return them with their sessions; a browser itself leads one."""
        found = belonging(self.folder.encode(), self._sessions)
        self._sessions |= set(found.values())
        return found

    def profiles(self) -> list[str]:
        """Return the browsers' directories that are there."""
        return [str(each) for each in Path(self.folder).glob("txcdp-*")]

    # Killing:

    async def _kill(self, kind: str) -> bool:
        """Kill one, and wait until all is well again; False: there is none."""
        death = Death(time.monotonic(), kind)
        before = starvation()
        if kind == "browser":  # also one that is just being started
            browsers = sorted(pid for pid, session in self._browsers().items() if pid == session)
            if not browsers:
                return False
            pid = death.pid = self._choice.choice(browsers)
            self.killed.append(death)
            with contextlib.suppress(ProcessLookupError):
                os.kill(pid, signal.SIGKILL)
            await self._when_whole(lambda now: all(each["pid"] != pid for each in now["browsers"]))
        elif kind == "client":
            visitor = self._visitors[self._choice.choice(sorted(self._visitors))]
            self.killed.append(death)
            visitor.kill()
            await visitor.ended
            await self._when_whole(lambda now: all(each["name"] != visitor.name for each in now["clients"]))
            self._start_visitor(visitor.name)
        else:
            self.killed.append(death)
            await self._kill_gateway(death)
        death.over = time.monotonic()
        self._times.append((death.over - death.at, kind, allowed(before)))
        return True

    async def _kill_gateway(self, death: Death) -> None:
        began, before = reactor.seconds(), starvation()
        orphans, profiles = self._look(), self.profiles()
        dead = self.twistd
        dead.signal("KILL")
        death.struck = time.monotonic()
        await dead.ended
        await deferLater(reactor, RESTART)
        self._start_gateway()
        gone = Deferred.fromCoroutine(
            self._until(lambda: not any(map(is_alive, orphans)), PATIENCE, "the browsers of the dead gateway end")
        )
        gone.addCallback(lambda _: self._orphans.append((reactor.seconds() - began, allowed(before))))
        await gatherResults([gone, Deferred.fromCoroutine(self._when_whole(lambda _: True))], consumeErrors=True)
        self.seen["profiles of dead gateways when the next one was whole"] += len({*profiles} & {*self.profiles()})

    # The end:

    async def _finish(self) -> None:
        for visitor in self._visitors.values():
            visitor.order("stop")
        await gatherResults([visitor.ended for visitor in self._visitors.values()])
        await self._when_whole(lambda now: not now["clients"])
        alive = self._look()
        self.twistd.signal("TERM")
        await self.twistd.ended
        if self.twistd.code != -signal.SIGTERM:
            self.broken.append(f"the gateway ended with {self.twistd.code}: {self.twistd.said[-3000:]}")
        with contextlib.suppress(AssertionError):
            await self._until(lambda: not self._look() and not any(map(is_alive, alive)), WHOLE, "all are gone")
        if left := self._look():
            self.broken.append(f"processes are left: {left}")
        if profiles := self.profiles():
            self.broken.append(f"profiles are left: {profiles}")
        for seconds, kind, most in self._times:
            if seconds > most:
                self.broken.append(
                    f"the pool was whole {seconds:.1f} s after a {kind}'s death: {most:.1f} s are allowed"
                )
        for seconds, most in self._orphans:
            if seconds > most:
                self.broken.append(f"browsers of a dead gateway lived for {seconds:.1f} s: {most:.1f} s are allowed")
        for word in ("Traceback", "Unhandled"):
            if word in self.twistd.said:
                self.broken.append(f"the gateway logs: {self.twistd.said[-3000:]}")

    async def _clean_up(self) -> None:
        """End what is left where something went wrong."""
        for visitor in self._visitors.values():
            if not visitor.ended.called:
                visitor.kill()
                await visitor.ended
        if self.twistd.code is None:
            self.twistd.signal("KILL")
            await self.twistd.ended
        while left := self._look():
            for pid in left:
                with contextlib.suppress(ProcessLookupError):
                    os.kill(pid, signal.SIGKILL)
            await deferLater(reactor, 0.2)
        shutil.rmtree(self.folder, ignore_errors=True)

    def summary(self) -> str:
        """Say what happened, in one line."""
        times = [seconds for seconds, _, _ in self._times] or [0.0]
        kinds = Counter(kind for _, kind, _ in self._times)
        late = ", ".join(f"{seconds:.1f} s for a {kind}" for seconds, kind, _ in self._times if seconds > WHOLE)
        seen = ", ".join(f"{number} {what}" for what, number in sorted(self.seen.items()))
        most = max((most for _, _, most in self._times), default=WHOLE)
        orphans = max((seconds for seconds, _ in self._orphans), default=0.0)
        return (
            f"{self._mode}, seed {self.seed}, load {os.getloadavg()[0]:.1f}: killed {dict(kinds)}; whole again after "
            f"{statistics.median(times):.2f} s, {max(times):.2f} s at the most, "
            f"{sum(each <= WHOLE for each in times)} of {len(times)} within {WHOLE:g} s (late: {late or 'none'}; "
            f"up to {most:.1f} s are allowed); browsers of dead gateways gone after {orphans:.2f} s at the most; {seen}"
        )


def starvation() -> tuple[int, int]:
    """Return how long this process has run and how long it has waited for a processor, in ns, as the kernel says."""
    try:
        run, wait, _ = Path("/proc/self/schedstat").read_text().split()
    except OSError:
        return 0, 0
    return int(run), int(wait)


def allowed(before: tuple[int, int]) -> float:
    """Return how many seconds are allowed, by how this process has fared since then."""
    run, wait = (now - then for now, then in zip(starvation(), before, strict=True))
    return WHOLE * max(1.0, (run + wait) / run / QUIET if run else 1.0)


def is_alive(pid: int) -> bool:
    """Return whether a process runs."""
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] not in "ZX"
    except OSError:
        return False


def belonging(folder: bytes, sessions: set[int]) -> dict[int, int]:
    """Return the living processes, with their sessions, that are in one of these, or have a folder's name about them.

    A browser leads a session of its own, which its children are in; the gateway does not, and has no such arguments.
    """
    found = {}
    for place in Path("/proc").glob("[0-9]*"):
        with contextlib.suppress(OSError, ValueError):
            fields = (place / "stat").read_text().rpartition(")")[2].split()
            if fields[0] in "ZX":
                continue
            pid, session = int(place.name), int(fields[3])
            arguments = (place / "cmdline").read_bytes()
            if session in sessions or (session == pid and b"--user-data-dir=" + folder in arguments):
                found[pid] = session
    return found
