"""Bounds with real lines: a stopped browser, a server that does not read, and pages that say too much."""

from __future__ import annotations

import os
import signal
import time
from pathlib import Path
from typing import Any

from twisted.internet.defer import Deferred, gatherResults
from twisted.internet.protocol import Factory, Protocol, connectionDone
from twisted.internet.ssl import optionsForClientTLS
from twisted.internet.task import LoopingCall, deferLater
from twisted.python.failure import Failure

from tests.browser.support import BrowserTestCase, halt, reactor
from tests.browser.support_lines import Authority, LinesTestCase
from tests.support import handshake_reply
from txcdp._core.connection import Connection
from txcdp._core.sessions import Session
from txcdp._transports.websocket import WebSocketOptions, open_websocket
from txcdp.domains import runtime
from txcdp.errors import ConnectionLost, Overloaded, QueueOverflow
from txcdp.streams import queue

MB = 1024 * 1024
#: A command of 1 MB.
LARGE = runtime.evaluate(expression=f"/*{'x' * MB}*/ 1")


def _most_in_the_kernel() -> int:
    """Return how many bytes sockets and pipes of this machine take for one who does not read, at the most."""
    limits = [Path(f"/proc/sys/net/ipv4/{name}").read_text().split() for name in ("tcp_rmem", "tcp_wmem")]
    return max(16 * MB, sum(int(largest) for _, _, largest in limits))


KERNEL = _most_in_the_kernel()


class Unread(Protocol):
    """A WebSocket server that shakes hands, and then reads nothing until it is told to."""

    def __init__(self) -> None:
        self.gone: Deferred[None] = Deferred()
        self._request = b""

    def dataReceived(self, data: bytes) -> None:
        if self._request.endswith(b"\r\n\r\n"):
            return
        self._request += data
        if self._request.endswith(b"\r\n\r\n"):
            self.transport.write(handshake_reply(self._request))  # type: ignore[union-attr]
            self.transport.pauseProducing()  # type: ignore[union-attr]

    def connectionLost(self, reason: Failure = connectionDone) -> None:
        self.gone.callback(None)


def resident() -> int:
    """Return the bytes of memory that this process has."""
    with open("/proc/self/statm") as file:
        return int(file.read().split()[1]) * os.sysconf("SC_PAGE_SIZE")


class Pulse:
    """Sees how much of the processor the reactor has used for one thing, in seconds."""

    def __init__(self) -> None:
        self.longest = 0.0
        self._at = time.thread_time()
        self._call = LoopingCall(self._beat)
        self._call.start(0.01).addErrback(lambda _: None)

    def _beat(self) -> None:
        now = time.thread_time()
        self.longest = max(self.longest, now - self._at)
        self._at = now

    def stop(self) -> None:
        self._call.stop()


class Producers:
    """What is done to a line that takes nothing; for test cases."""

    async def producers(self: Any, connection: Connection, session: Session) -> list[Deferred[Any]]:
        """Produce, politely and not; return what was sent and has no answer."""
        sent: list[Deferred[Any]] = []
        most = 0

        async def produce() -> None:
            nonlocal most
            for _ in range(1000):
                await connection.when_writable()
                sent.append(session.execute(LARGE, timeout=None))
                most = max(most, connection.transport.unsent)

        pulse = Pulse()
        polite = Deferred.fromCoroutine(produce())
        written = -1
        while written < len(sent):  # until what the kernel has room for is full
            written = len(sent)
            for _ in range(20):  # in turns: after a while in which this process did not run there is more to come
                await deferLater(reactor, 0.05, lambda: None)
        before = resident()
        await deferLater(reactor, 1.0, lambda: None)
        self.assertFalse(polite.called)
        self.assertLess(most, 2 * MB)
        self.assertLess(len(sent) * MB, KERNEL)
        self.assertLess(resident() - before, 4 * MB)
        refused = 0
        for _ in range(100):
            command = session.execute(LARGE, timeout=None)
            if command.called:
                self.failureResultOf(command, Overloaded)
                refused += 1
            else:
                sent.append(command)
        self.assertGreater(refused, 30)
        self.assertLess(connection.transport.unsent, 66 * MB)
        await deferLater(reactor, 0.1, lambda: None)
        pulse.stop()
        self.assertLess(pulse.longest, 3.0)
        polite.cancel()
        polite.addErrback(lambda _: None)
        return sent


class StoppedBrowserTests(Producers, BrowserTestCase):
    transport_ = "websocket"

    async def test_a_browser_that_is_stopped_and_goes_on(self):
        browser = await self.launch(transport=self.transport_)
        tab = await browser.new_page()
        process = browser.process
        assert process is not None
        halt(process.pid)
        self.addCleanup(self.cont, process)
        sent = await self.producers(browser.connection, tab.session)
        waiting = browser.connection.when_writable()
        self.assertNoResult(waiting)
        self.cont(process)
        await waiting
        self.assertEqual(browser.connection.transport.unsent, 0)
        results = await gatherResults(sent)
        self.assertEqual({each.result.value for each in results}, {1})

    async def test_a_browser_that_dies_while_it_is_stopped(self):
        browser = await self.launch(transport=self.transport_)
        tab = await browser.new_page()
        process = browser.process
        assert process is not None
        halt(process.pid)
        sent = await self.producers(browser.connection, tab.session)
        waiting = browser.connection.when_writable()
        os.kill(process.pid, signal.SIGKILL)
        for each in [waiting, *sent]:
            await self.fails(each, ConnectionLost)

    async def test_closing_a_browser_that_is_stopped(self):
        browser = await self.launch(transport=self.transport_)
        tab = await browser.new_page()
        process = browser.process
        assert process is not None
        halt(process.pid)
        for each in await self.producers(browser.connection, tab.session):
            each.addErrback(lambda failure: failure.trap(ConnectionLost))
        self.assertEqual((await browser.connection.close()).cause, "close_timeout")

    @staticmethod
    def cont(process: Any) -> None:
        if process.running:
            os.kill(process.pid, signal.SIGCONT)


class StoppedBrowserOverPipeTests(StoppedBrowserTests):
    transport_ = "pipe"


class UnreadingServerTests(Producers, LinesTestCase):
    async def unread(self, tls: Any = None) -> tuple[Unread, int]:
        server = Unread()
        factory = Factory()
        factory.buildProtocol = lambda _: server  # type: ignore[method-assign,assignment]
        if tls is None:
            port = reactor.listenTCP(0, factory, interface="127.0.0.1")
        else:
            port = reactor.listenSSL(0, factory, tls, interface="127.0.0.1")
        self.addCleanup(port.stopListening)
        self.addCleanup(self.abort, server)
        return server, port.getHost().port

    @staticmethod
    def abort(server: Unread) -> Deferred[None] | None:
        """End the line, which nobody else would do if the test fails."""
        if server.transport is None:
            return None
        server.transport.abortConnection()  # type: ignore[attr-defined]
        return server.gone

    async def flood(self, server: Unread, url: str, **options: Any) -> None:
        options_ = WebSocketOptions(ping_interval=None, close_timeout=1.0, **options)
        connection = Connection(await open_websocket(reactor, url, options_), reactor)
        sent = await self.producers(connection, connection.session)
        self.assertTrue(connection.transport.congested)
        lost = await connection.close()
        self.assertEqual((lost.cause, lost.clean), ("close_timeout", True))
        for each in sent:
            self.assertIsInstance(await each.addErrback(lambda failure: failure.value), ConnectionLost)

    async def drained(self, server: Unread, url: str, **options: Any) -> None:
        """A backlog that the server takes after all leaves in order, and then the line closes as it should."""
        options_ = WebSocketOptions(ping_interval=None, close_timeout=5.0, **options)
        connection = Connection(await open_websocket(reactor, url, options_), reactor)
        sent = [connection.session.execute(LARGE, timeout=None) for _ in range(20)]
        waiting = connection.when_writable()
        await deferLater(reactor, 0.2, lambda: None)
        self.assertFalse(waiting.called)
        server.transport.resumeProducing()  # type: ignore[union-attr]
        await waiting
        self.assertEqual((connection.transport.unsent, connection.transport.congested), (0, False))
        server.transport.loseConnection()  # type: ignore[union-attr]
        await connection.when_closed()
        await server.gone
        for each in sent:
            self.assertIsInstance(await each.addErrback(lambda failure: failure.value), ConnectionLost)

    async def test_plain(self):
        server, port = await self.unread()
        await self.flood(server, f"ws://127.0.0.1:{port}/x")

    async def test_tls(self):
        authority = Authority()
        server, port = await self.unread(authority.server("127.0.0.1"))
        tls = optionsForClientTLS("127.0.0.1", trustRoot=authority.trust)
        await self.flood(server, f"wss://127.0.0.1:{port}/x", tls=tls)

    async def test_plain_that_drains(self):
        server, port = await self.unread()
        await self.drained(server, f"ws://127.0.0.1:{port}/x")

    async def test_tls_that_drains(self):
        authority = Authority()
        server, port = await self.unread(authority.server("127.0.0.1"))
        tls = optionsForClientTLS("127.0.0.1", trustRoot=authority.trust)
        await self.drained(server, f"wss://127.0.0.1:{port}/x", tls=tls)


class TalkativePageTests(BrowserTestCase):
    """A page says more than is taken: the queue gives up before the browser has dropped anything."""

    transport_ = "websocket"

    #: Bindings are the fastest that was found: up to 55 MB a second on half a core.
    FLOOD = """(() => {
        const text = 'x'.repeat(1 << 20);
        let number = 0;
        const say = () => { for (let i = 0; i < 8; i++) hear(number++ + ' ' + text); setTimeout(say, 0) };
        setTimeout(say, 0);
    })()"""

    async def test_nothing_is_lost_without_a_word(self):
        page = await self.page(transport=self.transport_)
        session = page.session
        numbers: list[int] = []
        stream = session.events(runtime.BindingCalled)
        stream.subscribe(lambda event: numbers.append(int(event.payload.split(" ", 1)[0])))
        held = queue(stream, 20, "pause")
        await session.execute(runtime.add_binding(name="hear"))
        await session.execute(runtime.evaluate(expression=self.FLOOD))
        taken = []
        overflow: Any = None
        flow = self.browser.connection.context.flow
        while not flow.paused:
            await deferLater(reactor, 0.01, lambda: None)
        while flow.paused:  # nobody takes anything: it has to end by itself
            await deferLater(reactor, 0.05, lambda: None)
        while overflow is None:
            try:
                taken.append(int(held.get_nowait().payload.split(" ", 1)[0]))
            except QueueOverflow as error:
                overflow = error
        self.assertIn("paused for", str(overflow))
        self.assertEqual(taken, list(range(len(taken))))
        # All that the browser held meanwhile still comes, and none is missing.
        begun = len(numbers)
        while len(numbers) < begun + 150:
            await deferLater(reactor, 0.05, lambda: None)
        self.assertEqual(numbers, list(range(len(numbers))))


class TalkativePageOverPipeTests(TalkativePageTests):
    transport_ = "pipe"
