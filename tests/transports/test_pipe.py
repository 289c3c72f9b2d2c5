"""The pipe: its framing without any I/O, and its transport on real pipes with a fake reactor."""

from __future__ import annotations

import os
import random
from collections.abc import Callable

from twisted.internet.testing import MemoryReactorClock
from twisted.logger import Logger
from twisted.python.failure import Failure
from twisted.trial.unittest import SynchronousTestCase

from txcdp._logs import EVERY
from txcdp._transports import pipe
from txcdp._transports.interface import Transport
from txcdp._transports.pipe import MAX_OUTGOING, MessageSplitter, PipeTransport
from txcdp.errors import ConnectionLost


class SplitterTests(SynchronousTestCase):
    def test_any_chunking_gives_the_same_messages(self):
        messages = [b'{"id":1}', b"x" * 300, b"{}", "ü".encode(), b"y"]
        wire = b"".join(message + b"\0" for message in messages)
        dice = random.Random(1)
        for _ in range(200):
            splitter = MessageSplitter()
            got: list[bytes] = []
            rest = wire
            while rest:
                size = dice.choice((1, 2, 5, 50, 400))
                got += splitter.feed(rest[:size])
                rest = rest[size:]
            self.assertEqual(got, messages)
            self.assertEqual(splitter.pending, 0)

    def test_many_messages_in_one_read(self):
        self.assertEqual(MessageSplitter().feed(b"{}\0" * 10_000), [b"{}"] * 10_000)

    def test_empty_messages_are_skipped(self):
        splitter = MessageSplitter()
        self.assertEqual(splitter.feed(b"\0\0a\0\0"), [b"a"])
        self.assertEqual(splitter.feed(b"b"), [])
        self.assertEqual(splitter.feed(b"\0"), [b"b"])

    def test_a_large_message_is_joined_once(self):
        splitter = MessageSplitter()
        piece = bytes(b"z" * 65536)
        for _ in range(512):
            self.assertEqual(splitter.feed(piece), [])
        self.assertEqual(splitter.pending, 512 * 65536)
        (message,) = splitter.feed(b"\0")
        self.assertEqual(len(message), 512 * 65536)

    def test_too_large_in_any_shape(self):
        for feeds, before in (
            ([b"a\0" + b"x" * 11], [b"a"]),
            ([b"a\0" + b"x" * 11 + b"\0b\0"], [b"a"]),
            ([b"a\0xxxxx", b"x" * 6 + b"\0b\0"], [b"a"]),
            ([b"a\0xxxxx", b"xxxxx", b"x"], [b"a"]),
        ):
            splitter = MessageSplitter(max_message_size=10)
            got = [message for data in feeds for message in splitter.feed(data)]
            self.assertEqual(got, before)
            self.assertTrue(splitter.overflow)
            self.assertEqual(splitter.feed(b"c\0"), [])
            self.assertEqual(splitter.pending, 0)

    def test_exactly_the_limit_passes(self):
        splitter = MessageSplitter(max_message_size=10)
        self.assertEqual(splitter.feed(b"x" * 10 + b"\0"), [b"x" * 10])
        self.assertEqual(splitter.feed(b"x" * 10), [])
        self.assertEqual(splitter.feed(b"\0"), [b"x" * 10])
        self.assertFalse(splitter.overflow)


class Receiver:
    """Keeps what it hears, and may do something at each message."""

    def __init__(self, act: Callable[[bytes], None] | None = None) -> None:
        self.messages: list[bytes] = []
        self.closed: list[ConnectionLost] = []
        self._act = act

    def message_received(self, message: bytes) -> None:
        self.messages.append(message)
        if self._act:
            self._act(message)

    def transport_closed(self, reason: ConnectionLost) -> None:
        self.closed.append(reason)


class PipeTransportTests(SynchronousTestCase):
    def setUp(self):
        self.reactor = MemoryReactorClock()
        read_fd, self.browser_writes = os.pipe()
        self.browser_reads, write_fd = os.pipe()
        os.set_blocking(self.browser_reads, False)
        self.fds = [read_fd, write_fd, self.browser_reads, self.browser_writes]
        self.transport = PipeTransport(self.reactor, read_fd, write_fd, max_message_size=1000)
        self.receiver = Receiver()
        self.writes: list[bytes] = []
        real = os.write

        def write(fd: int, data: bytes) -> int:
            count = real(fd, data)
            if fd == write_fd:
                self.writes.append(bytes(data[:count]))
            return count

        self.patch(os, "write", write)
        self.addCleanup(self.nothing_left)

    def nothing_left(self):
        self.transport.abort()
        self.reactor.advance(0)
        self.assertEqual(self.reactor.getDelayedCalls(), [])
        self.assertEqual(self.reactor.getReaders(), [])
        self.assertEqual(self.reactor.getWriters(), [])
        for fd in self.fds[:2]:
            with self.assertRaises(OSError):
                os.fstat(fd)
        for fd in (self.browser_reads, self.browser_writes):
            if fd >= 0:
                os.close(fd)

    def start(self, act: Callable[[bytes], None] | None = None) -> Receiver:
        self.receiver = Receiver(act)
        self.transport.receiver = self.receiver
        return self.receiver

    def turn(self):
        """Do what a reactor does in one turn, for what is watched."""
        for reader in self.reactor.getReaders():
            reader.doRead()
        for writer in self.reactor.getWriters():
            writer.doWrite()

    def say(self, data: bytes):
        os.write(self.browser_writes, data)
        self.turn()

    def hang_up(self):
        os.close(self.browser_writes)
        self.browser_writes = -1

    def test_is_a_transport(self):
        transport: Transport = self.transport
        self.assertIs(transport, self.transport)

    def test_messages_arrive_in_order(self):
        receiver = self.start()
        self.say(b'{"a":1}\0{"b":')
        self.say(b"2}\0")
        self.assertEqual(receiver.messages, [b'{"a":1}', b'{"b":2}'])
        self.assertEqual(self.transport.bytes_received, 16)

    def test_nothing_is_read_before_there_is_a_receiver(self):
        self.assertEqual(self.reactor.getReaders(), [])
        with self.assertRaises(AttributeError):
            _ = self.transport.receiver
        os.write(self.browser_writes, b"a\0")
        receiver = self.start()
        self.turn()
        self.assertEqual(receiver.messages, [b"a"])

    def test_one_turn_is_one_write(self):
        self.start()
        for number in range(5):
            self.transport.send(b"%d" % number)
        self.assertEqual(self.transport.unsent, 10)
        self.assertEqual(self.writes, [])
        self.turn()
        self.assertEqual(self.writes, [b"0\x001\x002\x003\x004\0"])
        self.assertEqual((self.transport.unsent, self.transport.bytes_sent), (0, 10))
        self.assertEqual(self.reactor.getWriters(), [])

    def test_what_handlers_send_leaves_after_the_batch_at_once(self):
        def act(message: bytes) -> None:
            self.assertEqual(self.writes, [])
            self.transport.send(b"re:" + message)

        self.start(act)
        os.write(self.browser_writes, b"a\0b\0")
        (reader,) = self.reactor.getReaders()
        reader.doRead()
        self.assertEqual(self.writes, [b"re:a\0re:b\0"])
        self.assertEqual(self.reactor.getWriters(), [])

    def test_a_full_pipe_is_waited_for(self):
        self.start()
        big = b"x" * 3_000_000
        self.transport.send(big)
        self.turn()
        self.assertGreater(self.transport.unsent, 0)
        self.assertNotEqual(self.reactor.getWriters(), [])
        got = b""
        while self.transport.unsent:
            got += os.read(self.browser_reads, 1 << 20)
            self.turn()
        while len(got) < len(big) + 1:
            got += os.read(self.browser_reads, 1 << 20)
        self.assertEqual(got, big + b"\0")
        self.assertEqual(self.reactor.getWriters(), [])

    def test_too_large_to_send(self):
        self.start()
        with self.assertRaisesRegex(ValueError, "104,857,600"):
            self.transport.send(bytes(MAX_OUTGOING))
        self.assertEqual(self.transport.unsent, 0)

    def test_a_nul_is_refused(self):
        self.start()
        with self.assertRaisesRegex(ValueError, "NUL"):
            self.transport.send(b"a\0b")

    def test_too_large_to_receive(self):
        receiver = self.start()
        self.say(b"a\0" + b"x" * 1001)
        self.assertEqual(receiver.messages, [b"a"])
        self.assertIn("max_message_size", receiver.closed[0].reason)
        self.assertFalse(receiver.closed[0].clean)

    def test_pause_and_resume(self):
        receiver = self.start()
        self.transport.pause()
        self.say(b"a\0")
        self.assertEqual(receiver.messages, [])
        self.transport.resume()
        self.turn()
        self.assertEqual(receiver.messages, [b"a"])

    def test_pause_in_a_handler_stops_the_reading_not_the_batch(self):
        receiver = self.start(lambda message: self.transport.pause())
        self.say(b"a\0b\0")
        self.say(b"c\0")
        self.assertEqual(receiver.messages, [b"a", b"b"])
        self.transport.resume()
        self.turn()
        self.assertEqual(receiver.messages, [b"a", b"b", b"c"])

    def test_close_sends_the_rest_and_waits_for_the_end(self):
        receiver = self.start()
        self.transport.send(b"last")
        self.transport.close()
        self.transport.close()
        self.transport.send(b"dropped")
        self.turn()
        self.assertEqual(os.read(self.browser_reads, 100), b"last\0")
        self.assertEqual(os.read(self.browser_reads, 100), b"")
        self.say(b"bye\0")
        self.assertEqual((receiver.messages, receiver.closed), ([b"bye"], []))
        self.hang_up()
        self.turn()
        (reason,) = receiver.closed
        self.assertTrue(reason.clean)

    def test_close_has_a_deadline(self):
        receiver = self.start()
        self.transport.close()
        self.reactor.advance(4.9)
        self.assertEqual(receiver.closed, [])
        self.reactor.advance(0.2)
        self.assertEqual(len(receiver.closed), 1)

    def test_close_while_paused_reads_on(self):
        receiver = self.start()
        self.transport.pause()
        self.transport.close()
        self.hang_up()
        self.turn()
        self.assertEqual(len(receiver.closed), 1)

    def test_abort_tells_in_the_next_turn_and_once(self):
        receiver = self.start()
        self.transport.abort()
        self.transport.abort()
        self.assertEqual(receiver.closed, [])
        self.reactor.advance(0)
        self.assertEqual([str(reason) for reason in receiver.closed], ["the connection is gone: aborted"])

    def test_abort_in_a_handler_ends_the_batch(self):
        receiver = self.start(lambda message: self.transport.abort())
        self.say(b"a\0b\0")
        self.assertEqual(receiver.messages, [b"a"])
        self.assertEqual(len(receiver.closed), 1)

    def test_end_of_file(self):
        receiver = self.start()
        os.write(self.browser_writes, b"a\0")
        self.hang_up()
        self.turn()
        self.turn()
        self.assertEqual(receiver.messages, [b"a"])
        self.assertEqual([reason.clean for reason in receiver.closed], [False])
        self.transport.send(b"dropped")
        self.assertEqual(self.transport.unsent, 0)

    def test_end_of_file_waits_for_the_exit_status(self):
        self.transport.exit_timeout = 1.0
        receiver = self.start()
        self.hang_up()
        self.turn()
        self.assertEqual(receiver.closed, [])
        self.transport.peer_exited("exit code 0", clean=True)
        self.assertEqual([(reason.reason, reason.clean) for reason in receiver.closed], [("exit code 0", True)])

    def test_end_of_file_without_an_exit(self):
        self.transport.exit_timeout = 1.0
        receiver = self.start()
        self.hang_up()
        self.turn()
        self.reactor.advance(1.0)
        self.assertEqual([reason.reason for reason in receiver.closed], ["the browser closed its pipe"])

    def test_the_process_exits_with_words_left_in_the_pipe(self):
        receiver = self.start()
        os.write(self.browser_writes, b"a\0" * 100_000)
        self.transport.pause()
        self.transport.peer_exited("killed")
        self.assertEqual(len(receiver.messages), 100_000)
        self.assertEqual([reason.reason for reason in receiver.closed], ["killed"])

    def test_the_browser_stops_reading(self):
        receiver = self.start()
        os.close(self.browser_reads)
        self.browser_reads = -1
        self.transport.send(b"a")
        self.turn()
        self.say(b"last words\0")
        self.assertEqual((receiver.messages, receiver.closed), ([b"last words"], []))
        self.reactor.advance(5.0)
        self.assertIn("stopped reading", receiver.closed[0].reason)

    def test_the_reactor_finds_the_ends_lost(self):
        receiver = self.start()
        self.transport.send(b"a")
        (reader,), (writer,) = self.reactor.getReaders(), self.reactor.getWriters()
        writer.connectionLost(Failure(ConnectionError()))
        reader.connectionLost(Failure(ConnectionError()))
        self.assertEqual(len(receiver.closed), 1)
        self.assertEqual(reader.logPrefix(), "PipeTransport")

    def test_reading_fails(self):
        receiver = self.start()

        def read(fd: int, size: int) -> bytes:
            raise OSError(5, "Input/output error")

        with_patch = self.patch(os, "read", read)
        self.turn()
        with_patch.restore()
        self.assertIn("Input/output error", receiver.closed[0].reason)

    def test_nothing_there_after_all(self):
        receiver = self.start()
        self.turn()
        self.assertEqual((receiver.messages, receiver.closed), ([], []))

    def test_a_raising_receiver_is_logged_and_harms_nobody(self):
        def act(message: bytes) -> None:
            raise RuntimeError("mine")

        self.patch(pipe, "log", Logger("test"))
        receiver = self.start(act)
        self.say(b"a\0b\0")
        self.assertEqual(receiver.messages, [b"a", b"b"])
        self.assertEqual(len(self.flushLoggedErrors(RuntimeError)), 1)
        self.reactor.advance(EVERY)
        self.say(b"c\0")
        self.assertEqual(len(self.flushLoggedErrors(RuntimeError)), 1)
        self.assertEqual(receiver.closed, [])

    def test_a_receiver_that_comes_after_the_end_is_told(self):
        self.transport.abort()
        self.reactor.advance(0)
        receiver = self.start()
        self.reactor.advance(0)
        self.assertEqual(len(receiver.closed), 1)

    def test_describe(self):
        self.start()
        self.say(b"a\0")
        facts = self.transport.describe()
        self.assertEqual((facts["kind"], facts["open"], facts["messages_received"]), ("pipe", True, 1))
        self.transport.abort()
        self.assertEqual(self.transport.describe()["closed"], "aborted")
