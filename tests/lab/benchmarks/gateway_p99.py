"""What one client that does not read costs the others of a gateway: how long their commands take, with it and without.

::

    python -m tests.lab.benchmarks.gateway_p99 [--rounds N] [--seconds S] [--what events|replies|shared] [--inside]

For ``events`` and ``replies`` the browser is the server that costs next to nothing (server.c); the gateway runs in a
process of its own, see ``gateway``. Five clients send 200 commands a second each. The rude one asks for more than
anybody could read, has a small buffer, and reads nothing; when it is cut off it comes again. Phases with it and without
it take turns. Prints numbers, and judges them. On a busy machine most of a time is spent waiting for a processor, which
hides everything else: with ``--inside`` the gateway is in this process, and times are its processor time, so that they
say how much work was done before a command was answered.

For ``shared``, all of them share a Chromium, each with a page in a context of its own, and the rude one's writes to the
console as fast as it can. That keeps the browser busy, whatever is before it: so the same is measured with the same
clients at a Chromium without a gateway, and what is judged is how much more it costs through the gateway.
"""

from __future__ import annotations

import argparse
import base64
import gc
import json
import os
import socket
import statistics
import subprocess
import sys
import time
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from contextlib import asynccontextmanager, contextmanager, suppress
from functools import partial
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from twisted.internet import reactor as _reactor
from twisted.internet.defer import CancelledError, Deferred, succeed
from twisted.internet.task import LoopingCall, deferLater, react

import txcdp
from tests.lab.benchmarks.compare import server
from tests.lab.benchmarks.gateway import Fake, gateway
from txcdp._transports.websocket import WebSocketOptions, open_websocket
from txcdp.errors import TxcdpError
from txcdp.gateway import Gateway, GatewayOptions, PoolOptions

reactor: Any = _reactor

CLIENTS = 5
PACE = 0.005  # seconds between two commands of one client
GUESTS_PACE = 0.02  # the same, of a real browser
QUIET = WebSocketOptions(ping_interval=None)

#: The others' 99th percentile may be so many times what it is without the rude one.
MOST = 2.0

#: What the rude one asks for.
WISHES = {
    "events": [b'{"id":1,"method":"Bench.flood","params":{"n":1000000000,"kind":"req"}}'],
    "replies": [
        b'{"id":%d,"method":"Page.captureScreenshot","params":{"size":1000000}}' % number for number in range(50)
    ],
}

#: What a page does for that in a real browser.
FLOOD = "setInterval(() => { for (let i = 0; i < 100; i++) console.log('x'.repeat(1000)) }, 5); 0"


class Steady:
    """A client that sends a command now and then, and notes how long each takes.

    :param clock: tells seconds.
    :ivar times: seconds, of those that were answered.
    """

    def __init__(self, transport: Any, clock: Callable[[], float]) -> None:
        self._transport = transport
        self._clock = clock
        self._number = 0
        self._sent: dict[int, float] = {}
        self.times: list[float] = []
        transport.receiver = self
        self._sending = LoopingCall(self._send)
        self._sending.start(PACE)

    def _send(self) -> None:
        self._number += 1
        self._sent[self._number] = self._clock()
        self._transport.send(b'{"id":%d,"method":"Runtime.evaluate","params":{"expression":"1"}}' % self._number)

    def message_received(self, message: bytes) -> None:
        """Take an answer."""
        now = self._clock()
        self.times.append(now - self._sent.pop(int(message[6 : message.index(b",")])))

    def transport_closed(self, reason: Exception) -> None:
        """Fail, because the connection has closed, which must not be."""
        raise SystemExit(f"A client that reads was cut off: {reason}")

    def stop(self) -> None:
        """Leave."""
        self._sending.stop()
        self._transport.receiver = None
        self._transport.abort()


class Rude:
    """A client that does not read; it comes again when it is cut off.

    :param url: of the gateway.
    :param wishes: what it asks for.
    :ivar visits: how often it came.
    """

    def __init__(self, url: str, wishes: list[bytes]) -> None:
        self._url = urlsplit(url)
        self._wishes = b"".join(map(_masked, wishes))
        self._socket: socket.socket | None = None
        self._answer, self._is_in = b"", False
        self.visits = 0
        self._looking = LoopingCall(self._look)

    def start(self) -> None:
        """Begin."""
        self._looking.start(0.05)

    def stop(self) -> None:
        """Leave."""
        self._looking.stop()
        self._leave()

    def _leave(self) -> None:
        line, self._socket = self._socket, None
        if line is not None:
            line.close()

    def _look(self) -> None:
        if self._socket is not None and _is_cut_off(self._socket):
            self._leave()
        if self._socket is None:
            self._come()
        elif not self._is_in:
            self._ask(self._socket)

    def _come(self) -> None:
        line = self._socket = socket.socket()
        line.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
        line.connect((self._url.hostname, self._url.port))
        key = base64.b64encode(os.urandom(16)).decode()
        lines = (f"GET {self._url.path}?{self._url.query} HTTP/1.1", f"Host: {self._url.netloc}", "Upgrade: websocket")
        more = ("Connection: Upgrade", f"Sec-WebSocket-Key: {key}", "Sec-WebSocket-Version: 13", "", "")
        line.sendall("\r\n".join([*lines, *more]).encode())
        line.setblocking(False)
        self._answer, self._is_in = b"", False

    def _ask(self, line: socket.socket) -> None:
        """Read the handshake's end, the last thing that is read, and ask."""
        with suppress(BlockingIOError):
            while not self._answer.endswith(b"\r\n\r\n"):
                self._answer += line.recv(1)
            line.sendall(self._wishes)
            self._is_in = True
            self.visits += 1


def _masked(payload: bytes) -> bytes:
    """Return a text frame as a client sends it, with a mask that changes nothing."""
    size = len(payload)
    return (bytes((0x81, 0x80 | size)) if size < 126 else b"\x81\xfe" + size.to_bytes(2, "big")) + bytes(4) + payload


def _is_cut_off(line: socket.socket) -> bool:
    """Return so by TCP's own account, since nothing is read: 1 is ESTABLISHED."""
    return line.getsockopt(socket.IPPROTO_TCP, socket.TCP_INFO, 1)[0] != 1


def wait(seconds: float) -> Deferred[None]:
    """Return a Deferred that fires later."""
    return deferLater(reactor, seconds, lambda: None)


def percentile(times: list[float], share: float) -> float:
    """Return what so many of the times do not exceed, in milliseconds."""
    return sorted(times)[int(share * (len(times) - 1))] * 1000


def processor_time(pid: int) -> float:
    """Return the seconds that a process has run, which says the same on a busy machine."""
    return int(Path(f"/proc/{pid}/schedstat").read_text().split()[0]) / 1e9


Phase = Callable[[bool], Awaitable[tuple[list[float], int]]]


async def phase(
    url: str, seconds: float, wishes: list[bytes], clock: Callable[[], float], rudely: bool
) -> tuple[list[float], int]:
    """Let the clients work for a while, with the rude one or without; return their times, and its visits."""
    gc.collect()
    steady = [Steady(await open_websocket(reactor, url, QUIET), clock) for _ in range(CLIENTS)]
    await wait(0.5)
    for each in steady:
        each.times.clear()
    rude = Rude(url, wishes)
    if rudely:
        rude.start()
    await without_collecting(seconds)
    if rudely:
        rude.stop()
    for each in steady:
        each.stop()
    await wait(0.2)
    return [each for client in steady for each in client.times], rude.visits


async def without_collecting(seconds: float) -> None:
    """Wait, without pauses of this process's own."""
    gc.disable()
    await wait(seconds)
    gc.enable()


async def measure(run: Phase, rounds: int, pid: int) -> float:
    """Measure in turn, print, and return how many times longer the slowest take with the rude one."""
    found: dict[str, list[float]] = {"without": [], "with": []}
    spent: dict[str, list[float]] = {"without": [], "with": []}
    for number in range(rounds + 1):
        for way in ("without", "with") if number % 2 else ("with", "without"):
            before = processor_time(pid)
            times, visits = await run(way == "with")
            if number:  # the first one warms up
                found[way].append(percentile(times, 0.99))
                spent[way].append(processor_time(pid) - before)
                words = f"{len(times):6} commands {way:8} p50 {percentile(times, 0.5):6.2f} ms"
                words += f" p99 {found[way][-1]:6.2f} ms max {max(times) * 1000:7.2f} ms, {visits} visits"
                print(f"{words}, {spent[way][-1]:.2f} s of processor time", flush=True)
    before, after = (statistics.median(found[way]) for way in ("without", "with"))
    words = f"p99 {before:.2f} ms without, {after:.2f} ms with: {after / before:.2f} x; processor time "
    words += " and ".join(f"{statistics.median(each):.2f}" for each in spent.values())
    print(f"{words} s; load {os.getloadavg()[0]:.1f}", flush=True)
    return after / before


# With a real browser:


class BenchClient:
    """A client with a page of its own in a browser that others have, too; it evaluates something now and then.

    :ivar times: seconds, of the evaluations that were answered.
    """

    def __init__(self, browser: txcdp.Browser, tab: txcdp.Page) -> None:
        self._browser = browser
        self._tab = tab
        self._sending = LoopingCall(self._send)
        self.times: list[float] = []

    @classmethod
    async def come(cls, url: str) -> BenchClient:
        """Connect, and open a page."""
        browser = await txcdp.connect(reactor, url, probes=None, options=QUIET)
        return cls(browser, await (await browser.new_context()).new_page())

    def work(self) -> None:
        """Begin."""
        self._sending.start(GUESTS_PACE)

    def _send(self) -> None:
        began = time.perf_counter()
        answered = self._tab.session.execute_raw("Runtime.evaluate", {"expression": "1"})
        answered.addCallbacks(lambda _: self.times.append(time.perf_counter() - began), lambda _: None)

    async def flood(self) -> None:
        """Ask for more than can be read, and read nothing; fires when the line is cut."""
        await self._tab.session.execute_raw("Runtime.enable")
        await self._tab.session.execute_raw("Runtime.evaluate", {"expression": FLOOD})
        self._browser.connection.transport.pause()
        await self._browser.connection.when_closed()

    async def leave(self) -> None:
        """Leave."""
        if self._sending.running:
            self._sending.stop()
        self._browser.connection.transport.abort()
        await self._browser.close()


async def shared_phase(url: str, seconds: float, rudely: bool) -> tuple[list[float], int]:
    """As ``phase``, with pages of one browser."""
    gc.collect()
    clients = [await BenchClient.come(url) for _ in range(CLIENTS)]
    for each in clients:
        each.work()
    await wait(0.5)
    for each in clients:
        each.times.clear()
    rude: list[BenchClient] = []

    async def be_rude() -> None:
        while True:
            rude.append(await BenchClient.come(url))
            await rude[-1].flood()

    being = Deferred.fromCoroutine(be_rude()) if rudely else Deferred()
    being.addErrback(lambda failure: failure.trap(TxcdpError, CancelledError))
    await without_collecting(seconds)
    being.cancel()
    for each in [*rude, *clients]:
        await each.leave()
    await wait(1.0)  # what they have left is cleared away
    return [each for client in clients for each in client.times], len(rude)


async def serve() -> None:
    """Run a gateway with one browser that all share, print its port, and go on until it is ended."""
    pool = PoolOptions(size=1, warm=1)
    only = Gateway(reactor, GatewayOptions(endpoint="tcp:0:interface=127.0.0.1", mode="shared", pool=pool))
    reactor.addSystemEventTrigger("before", "shutdown", only.stop)
    await only.start()
    print(_port(only), flush=True)
    await Deferred()


@contextmanager
def shared_gateway() -> Iterator[tuple[str, int]]:
    """Run it; gives its URL, and its process id."""
    command = [sys.executable, "-m", "tests.lab.benchmarks.gateway_p99", "--serve"]
    process = subprocess.Popen(command, stdout=subprocess.PIPE, text=True)
    try:
        assert process.stdout is not None
        yield f"ws://127.0.0.1:{process.stdout.readline().strip()}/devtools/browser", process.pid
    finally:
        process.terminate()
        process.wait()


async def measure_shared(rounds: int, seconds: float) -> bool:
    """Measure without a gateway and with one; return whether it is within bounds."""
    print("One does not read what its page logs, at a browser of all:", flush=True)
    async with await txcdp.launch(reactor, probes=None) as browser:
        assert browser.process is not None
        url = browser.process.ws_url
        direct = await measure(lambda rudely: shared_phase(url, seconds, rudely), rounds, browser.process.pid)
    print("The same through a gateway:", flush=True)
    with shared_gateway() as (through, pid):
        found = await measure(lambda rudely: shared_phase(through, seconds, rudely), rounds, pid)
    print(f"{found:.2f} x through the gateway, {direct:.2f} x without: {found / direct:.2f} x is its own", flush=True)
    return found <= MOST * direct


@asynccontextmanager
async def gateway_inside(url: str) -> AsyncIterator[tuple[str, int]]:
    """Run a gateway before the server in this process; gives its URL, and the process id."""
    options = GatewayOptions(endpoint="tcp:0:interface=127.0.0.1", drain=0.01, pool=PoolOptions(size=2 * CLIENTS))
    inside = Gateway(reactor, options, lambda: succeed(Fake(url)))
    await inside.start()
    try:
        yield f"ws://127.0.0.1:{_port(inside)}/devtools/browser", os.getpid()
    finally:
        await inside.stop()


def _port(inside: Gateway) -> int:
    where: Any = inside.port.getHost() if inside.port is not None else None
    return int(where.port)


async def main(whats: list[str], rounds: int, seconds: float, is_inside: bool) -> None:
    """Measure, print, judge."""
    good = True
    for what in whats:
        if what == "shared":
            good &= await measure_shared(rounds, seconds)
            continue
        print(f"One does not read the {what} that it has asked for:", flush=True)
        wishes = WISHES[what]
        with server() as direct:
            if is_inside:
                async with gateway_inside(direct) as (through, pid):
                    run = partial(phase, through, seconds, wishes, time.process_time)
                    good &= await measure(run, rounds, pid) <= MOST
            else:
                with gateway(direct, "exclusive") as (through, pid):
                    run = partial(phase, through, seconds, wishes, time.perf_counter)
                    good &= await measure(run, rounds, pid) <= MOST
    if not good:
        raise SystemExit("That is more than it should be.")


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description="Measure what a client that does not read costs the others.")
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--seconds", type=float, default=9.0, help="that each phase takes")
    parser.add_argument("--what", choices=[*WISHES, "shared"], action="append", help="by default, all of it")
    parser.add_argument("--inside", action="store_true", help="the gateway is in this process; processor time")
    parser.add_argument("--serve", action="store_true", help="be the gateway")
    options = parser.parse_args()
    if options.serve:
        react(lambda _: Deferred.fromCoroutine(serve()))
    whats = options.what or [*WISHES, "shared"]
    react(lambda _: Deferred.fromCoroutine(main(whats, options.rounds, options.seconds, options.inside)))
    print(json.dumps({"ok": True}))
