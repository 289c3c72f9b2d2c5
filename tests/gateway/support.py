"""What the tests of the gateway share: browsers that do not run, lines that lead nowhere, and HTTP in memory."""

from __future__ import annotations

import base64
import json
import os
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

from twisted.internet.defer import Deferred, succeed
from twisted.internet.testing import MemoryReactorClock, StringTransport
from twisted.trial.unittest import SynchronousTestCase

from tests.support import TCP, ClientFrame, client_frames, server_frame
from txcdp.errors import ConnectionLost
from txcdp.gateway import Gateway, GatewayOptions
from txcdp.gateway._pool.launched import LaunchedBrowser
from txcdp.gateway._pool.memory import PROC, measure
from txcdp.gateway._pool.pooled_browser import Running
from txcdp.gateway._proxy.exclusive_mode import Exclusive
from txcdp.testing import FakeChrome


def memory_of(pids: Iterable[int], proc: Path = PROC) -> dict[int, int]:
    """Return for each process the bytes that it and all that descend from it take."""
    sums: dict[int, int] = {}
    for root, size in measure(pids, proc):
        sums[root] = sums.get(root, 0) + size
    return sums


class FakeRunning(Running):
    """A browser of which the test says what it does."""

    version: Mapping[str, str] = {"Browser": "Fake/1.0", "Protocol-Version": "1.3"}

    def __init__(self, pid: int) -> None:
        self.pid = pid
        self.ws_url = f"ws://127.0.0.1:{pid}/devtools/browser/real-{pid}"
        self.gone: Deferred[Any] = Deferred()
        self.answer: Deferred[Any] | None = None
        self.tidied: Deferred[Any] | None = None
        self.closed = 0
        self.checks = 0

    def when_ended(self) -> Deferred[Any]:
        return self.gone

    def check(self) -> Deferred[Any]:
        self.checks += 1
        return succeed(None) if self.answer is None else self.answer

    def tidy(self) -> Deferred[Any]:
        return succeed(None) if self.tidied is None else self.tidied

    def close(self) -> Deferred[Any]:
        self.closed += 1
        if not self.gone.called:
            self.gone.callback(None)
        return succeed(None)


class FakeLaunched(FakeRunning, LaunchedBrowser):
    """A browser that does not run, with a line to a FakeChrome."""

    def __init__(self, pid: int, chrome: FakeChrome) -> None:
        FakeRunning.__init__(self, pid)
        self.browser = chrome.browser()

    def close(self) -> Deferred[Any]:
        if not self.gone.called:
            self.browser.connection.transport.abort("killed")
        return FakeRunning.close(self)


class Starter:
    """Starts browsers; they come up when the test says so.

    :param at_once: they come up at once.
    """

    def __init__(self, at_once: bool = False) -> None:
        self.at_once = at_once
        self.waiting: list[Deferred[Running]] = []
        self.browsers: list[FakeRunning] = []
        self.cancelled = 0

    def __call__(self) -> Deferred[Running]:
        if self.at_once:
            return succeed(self.make())

        def cancel(_: object) -> None:
            self.cancelled += 1

        started: Deferred[Running] = Deferred(cancel)
        self.waiting.append(started)
        return started

    def make(self) -> FakeRunning:
        self.browsers.append(FakeRunning(1000 + len(self.browsers)))
        return self.browsers[-1]

    def come_up(self) -> FakeRunning:
        """Let the first that is waited for come up."""
        browser = self.make()
        self.waiting.pop(0).callback(browser)
        return browser

    def fail(self) -> None:
        self.waiting.pop(0).errback(OSError("no such file"))


class FakeTransport:
    """A line to a browser that is only written down."""

    def __init__(self, url: str = "") -> None:
        self.url = url
        self.receiver: Any = None
        self.batched_with: Any = None
        self.sent: list[bytes] = []
        self.paused = False
        self.congested = False
        self.aborted = ""
        self.bytes_received = self.bytes_sent = 0
        self.drained: Deferred[None] = Deferred()
        self.unsent = 0

    def send(self, message: bytes) -> None:
        self.sent.append(message)

    def cork(self) -> None: ...

    def uncork(self) -> None: ...

    def close(self) -> None:
        self.abort("closed")

    def abort(self, why: str = "aborted", cause: Any = "aborted") -> None:
        self.aborted = why
        if self.receiver is not None:
            self.receiver.transport_closed(ConnectionLost(why, None, False, cause))

    def pause(self) -> None:
        self.paused = True

    def resume(self) -> None:
        self.paused = False

    def when_drained(self) -> Deferred[None]:
        self.drained = Deferred()
        return self.drained

    def describe(self) -> dict[str, object]:
        return {}

    def commands(self) -> list[Any]:
        return [json.loads(each) for each in self.sent]

    def lose(self) -> None:
        """Let the browser end the line."""
        self.receiver.transport_closed(ConnectionLost("the browser ended it", 1006, False, "ended"))


class ServerTCP(TCP):
    """A TCP connection that came in, with a producer that comes and goes."""

    def unregisterProducer(self) -> None:
        if self.producer is not None:
            StringTransport.unregisterProducer(self)

    def writeSequence(self, data: Iterable[bytes]) -> None:
        self.write(b"".join(data))

    def loseConnection(self) -> None:
        self.disconnecting = True
        self.end()


class Caller:
    """A client of the gateway's, on one TCP connection in memory."""

    def __init__(self, gateway: Gateway, tcp: ServerTCP | None = None) -> None:
        self.tcp = tcp or ServerTCP()
        self.tcp.protocol = gateway.site.buildProtocol(None)
        self.tcp.protocol.makeConnection(self.tcp)

    def feed(self, data: bytes) -> None:
        """Send bytes to whoever has the connection now."""
        self.tcp.protocol.dataReceived(data)

    def ask(self, verb: str, target: str, *headers: str, host: str = "127.0.0.1:9222", behind: bytes = b"") -> None:
        """Send a request, and what is behind it in the same packet."""
        self.feed("\r\n".join([f"{verb} {target} HTTP/1.1", f"Host: {host}", *headers, "", ""]).encode() + behind)

    def upgrade(
        self, target: str, *headers: str, host: str = "127.0.0.1:9222", behind: bytes = b"", verb: str = "GET"
    ) -> None:
        """Ask for a WebSocket."""
        key = base64.b64encode(b"0123456789abcdef").decode()
        lines = ("Upgrade: websocket", "Connection: Upgrade", f"Sec-WebSocket-Key: {key}", "Sec-WebSocket-Version: 13")
        self.ask(verb, target, *lines, *headers, host=host, behind=behind)

    def say(self, *messages: dict[str, Any] | bytes) -> None:
        """Send messages over the WebSocket, all in one read."""
        payloads = [each if isinstance(each, bytes) else json.dumps(each).encode() for each in messages]
        self.feed(b"".join(masked(each) for each in payloads))

    @property
    def written(self) -> bytes:
        return b"".join(self.tcp.writes)

    @property
    def status(self) -> int:
        """The status of the answer, 0 where there is none yet."""
        return int(self.written.split(b" ", 2)[1]) if self.written else 0

    @property
    def head(self) -> str:
        return self.written.partition(b"\r\n\r\n")[0].decode()

    @property
    def body(self) -> bytes:
        return self.written.partition(b"\r\n\r\n")[2]

    def frames(self) -> list[ClientFrame]:
        """The frames that came after the handshake."""
        return list(client_frames(self.body))

    def heard(self) -> list[Any]:
        """The messages that came."""
        return [json.loads(each.payload) for each in self.frames() if each.opcode == 1]

    def closed_with(self) -> tuple[int, str]:
        """The code and reason of the close frame."""
        (frame,) = [each for each in self.frames() if each.opcode == 8]
        return int.from_bytes(frame.payload[:2], "big"), frame.payload[2:].decode()

    def leave(self) -> None:
        """Vanish."""
        self.tcp.end()


def masked(payload: bytes, opcode: int = 1, *, fin: bool = True) -> bytes:
    """Return a frame as a client sends it."""
    key = os.urandom(4)
    hidden = bytes(byte ^ key[index % 4] for index, byte in enumerate(payload))
    return server_frame(hidden, opcode, fin=fin, mask=key)


class GatewayCase(SynchronousTestCase):
    """A gateway in memory, with browsers that do not run."""

    def setUp(self) -> None:
        self.reactor = MemoryReactorClock()
        self.starter = Starter(at_once=True)
        self.lines: list[FakeTransport] = []

    def make(self, **options: Any) -> Gateway:
        """Make a gateway, and open its pool."""

        def open_line(_: Any, url: str) -> Deferred[Any]:
            self.lines.append(FakeTransport(url))
            return succeed(self.lines[-1])

        chosen = GatewayOptions(**{"linger": 0.0, **options})
        self.gateway = Gateway(self.reactor, chosen, self.starter, lambda r, p, o: Exclusive(r, p, o, open_line))
        self.gateway.pool.open()
        self.addCleanup(self.finish)
        return self.gateway

    def finish(self) -> None:
        """End it; nothing may be left."""
        stopped = self.gateway.stop()
        self.reactor.advance(self.gateway._options.drain)
        self.reactor.advance(10)
        self.successResultOf(stopped)
        self.reactor.advance(60)  # HTTP connections that nobody uses
        self.assertEqual([str(call) for call in self.reactor.getDelayedCalls()], [])

    def caller(self) -> Caller:
        return Caller(self.gateway)

    def client(self, target: str = "/devtools/browser", *headers: str) -> Caller:
        """Return one who has a WebSocket."""
        caller = self.caller()
        caller.upgrade(target, *headers)
        self.assertEqual(caller.status, 101, caller.written)
        return caller

    def get(self, target: str, *headers: str, verb: str = "GET") -> Caller:
        """Return one who has an answer."""
        caller = self.caller()
        caller.ask(verb, target, *headers)
        return caller
