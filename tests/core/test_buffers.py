"""What a line has read, or could not write, goes when the line does: the garbage collector is not needed for it."""

from __future__ import annotations

import gc
import itertools
import os
import tracemalloc
import zlib
from collections.abc import Callable, Iterator
from typing import Any
from unittest.mock import patch

from twisted.internet.abstract import FileDescriptor
from twisted.internet.defer import Deferred, ensureDeferred
from twisted.internet.error import ConnectionAborted, ConnectionLost
from twisted.internet.testing import MemoryReactorClock
from twisted.protocols.tls import TLSMemoryBIOProtocol
from twisted.python.failure import Failure
from twisted.trial.unittest import SynchronousTestCase

from tests.gateway.support import ServerTCP, masked
from tests.gateway.test_gateway_frames import HANDSHAKE
from tests.support import TCP, Opening, PipeWire, WebSocketWire, Wire, server_frame
from txcdp._transports.pipe import PipeTransport
from txcdp._transports.websocket import WebSocketTransport
from txcdp.chrome._fetching import _Collector
from txcdp.domains import runtime
from txcdp.errors import MalformedMessage
from txcdp.gateway._options import ClientLimits
from txcdp.gateway._proxy.client_websocket import Client, client_factory

PART = 256 * 1024

#: What is left of one line, in the test's own words of it, too: its protocol, timers, the request for the WebSocket.
SMALL = PART // 2

#: What the system takes of what is written to a pipe.
PIPE = 1024 * 1024

#: What a read gives at the most.
READ = 64 * 1024

ROUNDS = 2


def left_behind(failure: Callable[[], object]) -> int:
    """Return how many bytes each round leaves, with the garbage collector switched off."""
    failure()  # what is made once
    gc.collect()
    gc.disable()
    tracemalloc.start()
    try:
        before = tracemalloc.get_traced_memory()[0]
        for _ in range(ROUNDS):
            failure()
        return (tracemalloc.get_traced_memory()[0] - before) // ROUNDS
    finally:
        tracemalloc.stop()
        gc.enable()


class Stuck(FileDescriptor):
    """A socket that takes nothing."""

    def __init__(self, reactor: Any) -> None:
        super().__init__(reactor)
        self.connected = True
        self.protocol: Any = None

    def writeSomeData(self, data: bytes) -> int:
        return 0

    def doRead(self) -> None:
        """Be readable."""

    def abortConnection(self) -> None:
        self.end()

    def end(self) -> None:
        """Let the connection end as Twisted does."""
        if self.connected:
            FileDescriptor.connectionLost(self, Failure(ConnectionLost()))
            protocol, self.protocol = self.protocol, None
            protocol.connectionLost(Failure(ConnectionLost()))


def parts(data: bytes) -> Iterator[bytes]:
    """Yield what the system gives of some bytes, a read at a time; nobody who is called then holds all of them."""
    for at in range(0, len(data), READ):
        yield data[at : at + READ]


def fragments(size: int = PART, last: bool = False) -> list[bytes]:
    """Return four fragments of a text."""
    first, *middle = (server_frame(b"x" * size, 1 if index == 0 else 0, fin=False) for index in range(4))
    return [first, *middle, *([server_frame(b"", 0)] if last else [])]


def deflated(size: int) -> bytes:
    packer = zlib.compressobj(9, zlib.DEFLATED, -15)
    return (packer.compress(os.urandom(size)) + packer.flush(zlib.Z_SYNC_FLUSH))[:-4]


class Conversation:
    """A client's line on which something goes wrong."""

    def __init__(self, extra: str = "", **options: Any) -> None:
        self.opening = Opening(**{"ping_interval": None, **options})
        self.opening.connect()
        self.opening.answer(extra)
        self.transport = self.opening.transport

    def feed(self, *data: bytes) -> None:
        for each in data:
            self.opening.tcp.protocol.dataReceived(each)


class Ends:
    """How a line may end."""

    @staticmethod
    def closed(line: Conversation) -> None:
        line.opening.tcp.end()

    @staticmethod
    def reset(line: Conversation) -> None:
        line.opening.tcp.end(ConnectionAborted())

    @staticmethod
    def aborted(line: Conversation) -> None:
        line.transport.abort()

    @staticmethod
    def close_timeout(line: Conversation) -> None:
        line.transport.close()
        line.opening.reactor.advance(2)

    @staticmethod
    def noise(line: Conversation) -> None:
        line.feed(b"\x83\x00")
        line.opening.reactor.advance(2)

    ALL = (closed, reset, aborted, close_timeout)


class ClientTests(SynchronousTestCase):
    def check(self, failure: Callable[[], object], what: object) -> None:
        self.assertLess(left_behind(failure), SMALL, what)

    def test_a_message_half_read(self):
        text = server_frame(b"x" * 4 * PART)
        halves: list[tuple[str, list[bytes]]] = [
            ("on the short path", [text[:PART], text[PART:-1]]),
            ("in fragments", fragments()),
            ("in a fragment", [fragments()[0][: PART // 2]]),
            ("binary", [server_frame(b"x" * 4 * PART, 2)[:-1]]),
            ("after a long text", [text, text[:1000]]),
        ]
        for end in Ends.ALL:
            for name, data in halves:

                def failure(end: Any = end, data: Any = data) -> None:
                    line = Conversation()
                    line.feed(*data)
                    end(line)

                self.check(failure, (end.__name__, name))

    def test_a_broken_rule(self):
        # Before the line has ended: the peer may take its time.
        lines: list[Conversation] = []
        for name, data, options in (
            ("too large in fragments", fragments(last=True), {"max_message_size": 3 * PART}),
            ("noise among fragments", [*fragments(), b"\x83\x00"], {}),
            ("a text among fragments", [*fragments(), server_frame(b"x" * PART)], {}),
            ("a masked frame", [*fragments(), server_frame(b"x", 0, mask=b"abcd")], {}),
            ("a reserved bit", [*fragments(), server_frame(b"x", 0, rsv=4)], {}),
        ):

            def failure(data: Any = data, options: Any = options) -> None:
                line = Conversation(**options)
                line.feed(*data)
                line.feed(*fragments())
                self.assertNotEqual(line.transport.state, line.transport.STATE_OPEN)
                line.opening.tcp.writes.clear()
                lines.append(line)

            self.check(failure, name)
        for line in lines:
            line.opening.tcp.end()

    def test_too_large_when_inflated(self):
        packed = deflated(PART)
        extra = "Sec-WebSocket-Extensions: permessage-deflate\r\n"

        def failure() -> None:
            line = Conversation(extra, compress=True, max_message_size=3 * PART)
            for index in range(4):
                line.feed(server_frame(packed, 0 if index else 1, fin=False, rsv=0 if index else 4))
            line.opening.tcp.end()
            self.assertIn("Deflate", str(line.transport.describe()["extensions"]))

        self.check(failure, "inflated")

    def test_what_could_not_be_written(self):
        for pieces in (1, 64):

            def failure(pieces: int = pieces) -> None:
                line = Conversation()
                stuck = Stuck(line.opening.reactor)
                stuck.protocol, line.opening.tcp.protocol = line.transport, None
                line.transport.transport = stuck
                for _ in range(pieces):
                    line.transport.send(b"x" * (4 * PART // pieces))
                    line.opening.reactor.advance(0)
                    stuck.doWrite()
                self.assertGreaterEqual(line.transport.unsent, 4 * PART)
                stuck.end()
                self.assertEqual(line.transport.unsent, 0)

            self.check(failure, pieces)

    def test_what_waits_for_tls(self):
        def failure() -> None:
            line = Conversation()
            tls = TLSMemoryBIOProtocol.__new__(TLSMemoryBIOProtocol)
            stuck = Stuck(line.opening.reactor)
            tls.transport, tls._appSendBuffer = stuck, [b"x" * 2 * PART]
            FileDescriptor.write(stuck, b"y" * 2 * PART)
            line.transport.transport = tls
            with patch.object(WebSocketTransport, "registerProducer"):
                line.transport.connectionLost(Failure(ConnectionLost()))

        self.check(failure, "TLS")

    def test_an_error_that_is_kept(self):
        # A traceback holds all that its calls have held, and, where a function caught the error, those below it:
        # the message, and what was read along with it.
        kept: list[Exception] = []

        async def in_a_coroutine(asked: Deferred[Any]) -> None:
            try:
                await asked
            except Exception as error:
                kept.append(error)

        def in_a_function(asked: Deferred[Any]) -> Deferred[Any]:
            return asked.addErrback(keep)

        def keep(failed: Failure) -> None:
            try:
                failed.raiseException()
            except Exception as error:
                kept.append(error)

        texts = (
            b'"result":%b',
            b'"error":{"code":1,"message":"no"},"more":"%b"',
            b'"result":{"x":"%b"},"method":"A"',
        )
        for text, caught, over in itertools.product(texts, (in_a_coroutine, in_a_function), (WebSocketWire, PipeWire)):

            def failure(text: bytes = text, caught: Any = caught, over: type[Wire] = over) -> None:
                wire = over()
                ensureDeferred(caught(wire.connection.session.execute(runtime.evaluate(expression="1"))))
                for part in parts(wire.frame(b'{"id":1,' + text % (b"x" * 4 * PART) + b"}")):
                    wire.feed(part)
                wire.close()

            self.check(failure, (text, caught.__name__, over.__name__))
        self.assertEqual(len(kept), 3 * 2 * 2 * (ROUNDS + 1))
        self.assertEqual(len([each for each in kept if isinstance(each, MalformedMessage)]), 2 * 2 * 2 * (ROUNDS + 1))

    def test_messages_after_a_broken_rule_still_close_the_line(self):
        line = Conversation(max_message_size=3 * PART)
        line.feed(*fragments(), server_frame(b"", 0), server_frame(b"\x03\xf1", 8))
        line.opening.tcp.end()
        self.assertTrue(line.transport.wasClean)


class Listener:
    """A client's partner who keeps nothing."""

    def _nothing(self, *_: object) -> None:
        """Keep nothing."""

    client_opened = client_said = client_full = client_empty = client_gone = _nothing


def a_client(size: int = 16 * PART) -> tuple[Client, ServerTCP]:
    limits = ClientLimits(message_size=size)
    factory = client_factory(MemoryReactorClock(), limits)
    client: Any = Client(factory.reactor, limits, Listener())
    client.factory = factory
    tcp = ServerTCP()
    tcp.protocol = client
    client.makeConnection(tcp)
    client.dataReceived(HANDSHAKE)
    return client, tcp


def masked_fragments() -> list[bytes]:
    return [server_frame(bytes(PART), 0 if index else 1, fin=False, mask=bytes(4)) for index in range(4)]


class ServerTests(SynchronousTestCase):
    def test_a_message_half_read(self):
        text = masked(b"x" * 4 * PART)
        for name, data in (
            ("on the short path", [text[:PART], text[PART:-1]]),
            ("in fragments", masked_fragments()),
            ("after a long text", [text, text[:1000]]),
        ):
            for end in ("lost", "cut"):

                def failure(end: str = end, data: Any = data) -> None:
                    client, tcp = a_client()
                    for each in data:
                        client.dataReceived(each)
                    if end == "cut":
                        client.end(1008, "enough")
                        client._reactor.advance(2)
                    else:
                        tcp.end(ConnectionAborted())

                self.assertLess(left_behind(failure), SMALL, (name, end))

    def test_too_large_in_fragments(self):
        clients: list[ServerTCP] = []

        def failure() -> None:
            client, tcp = a_client(3 * PART)
            for each in (*masked_fragments(), *masked_fragments()):
                client.dataReceived(each)
            self.assertNotEqual(client.state, client.STATE_OPEN)
            clients.append(tcp)  # not ended yet

        self.assertLess(left_behind(failure), SMALL)
        for tcp in clients:
            tcp.end()

    def test_what_it_does_not_read(self):
        def failure() -> None:
            client, _ = a_client()
            stuck = Stuck(client._reactor)
            stuck.protocol = client
            client.transport = stuck
            client.send(b"x" * 4 * PART)
            self.assertGreaterEqual(client.unsent, 4 * PART)
            stuck.end()

        self.assertLess(left_behind(failure), SMALL)


class PipeTests(SynchronousTestCase):
    def check(self, end: Callable[[Any, PipeTransport, list[int]], object], **options: Any) -> None:
        def failure() -> None:
            reactor = MemoryReactorClock()
            read_fd, browser_writes = os.pipe()
            browser_reads, write_fd = os.pipe()
            transport = PipeTransport(reactor, read_fd, write_fd, **options)
            transport.receiver = FakeReceiver()
            transport.send(b"y" * (4 * PART + PIPE))
            for _ in range(16):
                os.write(browser_writes, b"x" * 65536)
                transport._reader.doRead()
            self.assertGreater(transport.unsent, 3 * PART)
            fds = [browser_writes, browser_reads]
            end(reactor, transport, fds)
            for fd in fds:
                os.close(fd)

        self.assertLess(left_behind(failure), SMALL)

    def test_aborted(self):
        def end(reactor: Any, transport: PipeTransport, fds: list[int]) -> None:
            transport.abort()
            reactor.advance(0)

        self.check(end)

    def test_the_process_ends(self):
        self.check(lambda reactor, transport, fds: transport.peer_exited("it has ended"))

    def test_the_end_of_file(self):
        def end(reactor: Any, transport: PipeTransport, fds: list[int]) -> None:
            os.close(fds.pop(0))
            transport._reader.doRead()

        self.check(end)
        self.check(end, exit_timeout=5.0)  # what is left is only how it has ended

    def test_too_large(self):
        def end(reactor: Any, transport: PipeTransport, fds: list[int]) -> None:
            os.write(fds[0], b"x")
            transport._reader.doRead()

        self.check(end, max_message_size=4 * PART)


class FakeReceiver:
    """Keeps nothing."""

    def message_received(self, message: bytes) -> None:
        """Keep nothing."""

    def transport_closed(self, reason: object) -> None:
        """Keep nothing."""


class BodyTests(SynchronousTestCase):
    def test_an_answer_that_breaks_off(self):
        kept: list[_Collector] = []

        def failure() -> None:
            done: Deferred[bytes] = Deferred()
            done.addErrback(lambda _: None)
            collector = _Collector(done)
            collector.makeConnection(TCP())
            for _ in range(4):
                collector.dataReceived(bytes(PART))
            collector.connectionLost(Failure(ConnectionLost()))
            kept.append(collector)  # as its response does

        self.assertLess(left_behind(failure), SMALL)
