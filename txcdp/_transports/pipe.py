"""The transport for ``--remote-debugging-pipe``: JSON messages, each terminated by a NUL, on two pipes.

How it works: :class:`MessageSplitter` only turns bytes into messages; the reactor watches a ``ReadEnd`` and a
``WriteEnd``. One call of the reader reads what is available, up to a quarter megabyte, passes every whole message to
the receiver, and then writes, in one system call, everything that the receiver sent meanwhile. Messages that are sent
at other times wait for the next reactor turn, and so leave in one write as well. The browser exits by itself when our
end of its input is closed.

Not available on Windows: Twisted passes only the three standard descriptors to a process there.
"""

from __future__ import annotations

import os
from typing import Any

from twisted.internet.defer import Deferred
from twisted.logger import Logger

from txcdp._logs import LogThrottle
from txcdp._privacy import printable
from txcdp._reactor import AnyReactor
from txcdp._transports.backpressure import Backpressure
from txcdp._transports.interface import Receiver, WriteBatching
from txcdp._transports.pipe_ends import ReadEnd, WriteEnd
from txcdp._transports.pipe_framing import MAX_INCOMING, MessageSplitter
from txcdp.errors import ConnectionLost, LossCause

__all__ = ["MAX_INCOMING", "MAX_OUTGOING", "MessageSplitter", "PipeTransport"]

#: If a single message reaches this size, Chromium stops reading for good, and reports that only in its log.
MAX_OUTGOING = 100 * 1024 * 1024

_READ_SIZE = 64 * 1024
_READS_PER_TURN = 4

log = Logger()


class PipeTransport:
    """A :class:`~txcdp.transports.Transport` over two pipes.

    Nothing is read before :attr:`receiver` is set. Closing the transport ends the browser.

    :param reactor: a reactor that watches file descriptors (all but Windows' IOCP).
    :param read_fd: the file descriptor to read from; the transport owns and closes it.
    :param write_fd: the file descriptor to write to; likewise.
    :param max_message_size: bytes; a longer message from the browser ends the connection.
    :param close_timeout: seconds from :meth:`close` until the pipes are closed regardless.
    :param exit_timeout: seconds after the end of file within which :meth:`peer_exited` may report how the process
        ended; the receiver is told only then.
    """

    def __init__(
        self,
        reactor: AnyReactor,
        read_fd: int,
        write_fd: int,
        *,
        max_message_size: int = MAX_INCOMING,
        close_timeout: float = 5.0,
        exit_timeout: float = 0.0,
    ) -> None:
        self._reactor = reactor
        self.bytes_received = 0
        self.batched_with: WriteBatching | None = None
        self.messages_received = 0
        self.messages_sent = 0
        self.close_timeout = close_timeout
        self.exit_timeout = exit_timeout
        #: Why the transport ended; None while it has not.
        self.closed: ConnectionLost | None = None
        self._splitter = MessageSplitter(max_message_size)
        self._receiver: Receiver | None = None
        self._reader = ReadEnd(reactor, read_fd, self._readable, self._end_of_file)
        self.congested = False
        self._backpressure = Backpressure(self)
        self._may_log = LogThrottle(reactor)
        self._writer = WriteEnd(reactor, write_fd, self._drained, self._write_side_broke, self._backpressure.full)
        self._dispatching = False
        self._paused = False
        self._closing = False
        self._announced = False
        self._deadline: Any = None

    @property
    def receiver(self) -> Receiver:
        """The receiver of the messages; setting it for the first time starts reading."""
        if self._receiver is None:
            raise AttributeError("this PipeTransport has no receiver yet")
        return self._receiver

    @receiver.setter
    def receiver(self, receiver: Receiver | None) -> None:
        self._receiver = receiver
        if receiver is not None and self.closed is not None:
            self._reactor.callLater(0, self._announce)
        self._reader.watch(receiver is not None and not self._paused)

    def send(self, message: bytes) -> None:
        """Queue one message; messages of one reactor turn leave in one write.

        Once the transport has been closed, the message is dropped: the receiver has been, or will be, told about the
        end.

        :raises ValueError: the message is larger than Chromium accepts over a pipe, or contains a NUL.
        """
        size = len(message)
        if size >= MAX_OUTGOING:
            raise ValueError(
                f"a message of {size:,} bytes is too large for the pipe: Chromium stops reading, "
                f"permanently, at {MAX_OUTGOING:,} bytes; split it, or connect with a WebSocket"
            )
        if b"\0" in message:
            raise ValueError("a message must not contain a NUL byte: it separates messages on a pipe")
        if self._closing or not self._writer.open:
            return
        self.messages_sent += 1
        self._writer.put(message, soon=not self._dispatching)

    def cork(self) -> None:
        """Do nothing: messages of one reactor turn leave in one write anyway."""

    def uncork(self) -> None:
        """Do nothing; see :meth:`cork`."""

    def close(self) -> None:
        """Send what is queued, then close the pipe; the browser ends, and ``transport_closed`` follows.

        If that takes longer than ``close_timeout`` seconds, both pipes are closed at once.
        """
        if self._closing or self.closed is not None:
            return
        self._closing = True
        self.resume()
        late = ConnectionLost(
            f"the browser did not disconnect within {self.close_timeout:g} s", clean=True, cause="close_timeout"
        )
        self._set_deadline(self.close_timeout, late)
        if not self._writer.unsent:
            self._writer.close()

    def abort(self, why: str = "aborted", cause: LossCause = "aborted") -> None:
        """Close both pipes now; ``transport_closed`` follows in the next reactor turn, with ``why`` as the reason."""
        closed = ConnectionLost("closed on our side", clean=True)
        self._finish(closed if self._closing else ConnectionLost(why, cause=cause), soon=True)

    def pause(self) -> None:
        """Stop reading; messages that were already read are still delivered."""
        self._paused = True
        self._reader.watch(False)

    def resume(self) -> None:
        """Continue reading."""
        self._paused = False
        self._reader.watch(self._receiver is not None)

    @property
    def bytes_sent(self) -> int:
        """The number of bytes that the pipe has accepted."""
        return self._writer.written

    @bytes_sent.setter
    def bytes_sent(self, count: int) -> None:
        self._writer.written = count

    @property
    def unsent(self) -> int:
        """The number of queued bytes that the pipe has not accepted yet."""
        return self._writer.unsent

    def when_drained(self) -> Deferred[None]:
        """Wait until the pipe has accepted everything that is queued; see ``Transport``."""
        return self._backpressure.wait()

    def describe(self) -> dict[str, object]:
        """Information about the connection for people."""
        return {
            "kind": "pipe",
            "open": self.closed is None,
            "paused": self._paused,
            "unsent": self.unsent,
            "bytes_received": self.bytes_received,
            "bytes_sent": self.bytes_sent,
            "messages_received": self.messages_received,
            "messages_sent": self.messages_sent,
            "closed": None if self.closed is None else printable(self.closed.reason),
        }

    def peer_exited(self, reason: str, clean: bool = False) -> None:
        """Deliver what the process at the other end has written before it exited, then end.

        :param reason: how the process ended, in words.
        :param clean: whether it ended on purpose.
        """
        while self._reader.open and self._receiver is not None:
            if self._readable() < _READ_SIZE:
                break
        self._finish(ConnectionLost(reason, clean=clean or self._closing, cause="process_ended"))

    # What the reactor calls.

    def _readable(self) -> int:
        """Read, deliver, write what was sent meanwhile; return how many bytes were read last."""
        received = 0
        batched_with = self.batched_with
        self._dispatching = True
        if batched_with is not None:
            batched_with.cork()
        try:
            for _ in range(_READS_PER_TURN):
                received = self._read_once()
                if received < _READ_SIZE or self._paused or not self._reader.open:
                    break
        finally:
            self._dispatching = False
            if batched_with is not None:
                batched_with.uncork()
            if self.closed is not None:
                self._announce()
            elif self._writer.unsent:
                self._writer.flush()
        return received

    def _read_once(self) -> int:
        try:
            data = os.read(self._reader.fd, _READ_SIZE)
        except BlockingIOError:
            return 0
        except OSError as error:
            self._finish(ConnectionLost(f"reading from the browser's pipe: {error}"))
            return 0
        if not data:
            self._end_of_file()
            return 0
        self.bytes_received += len(data)
        splitter = self._splitter
        for message in splitter.feed(data):
            if self.closed is not None:
                return 0
            self.messages_received += 1
            self._tell("message_received", message)
            del message  # an error that is kept keeps this frame
        if splitter.overflow and self.closed is None:
            limit = f"{splitter.max_message_size:,} bytes (max_message_size)"
            self._finish(ConnectionLost(f"the browser sent a message of more than {limit}", cause="protocol"))
        return len(data)

    def _tell(self, method: str, argument: object) -> None:
        if self._receiver is None:
            return
        try:
            getattr(self._receiver, method)(argument)
        except Exception:
            if self._may_log():
                log.failure("The receiver of a pipe raised in {method}; the connection continues", method=method)
        finally:
            del argument

    def _drained(self) -> None:
        self._backpressure.empty()
        if self._closing:
            self._writer.close()

    def _write_side_broke(self) -> None:
        """Let the browser's last messages be read: its end of file follows, or the timeout."""
        if self.closed is None:
            self._writer.close()
            reason = ConnectionLost("the browser has stopped reading from its pipe", cause="close_timeout")
            self._set_deadline(self.close_timeout, reason)

    def _end_of_file(self) -> None:
        if self.closed is not None:
            return
        if self._closing:
            reason = ConnectionLost("closed on our side", clean=True)
        else:
            reason = ConnectionLost("the browser closed its pipe")
        if not self.exit_timeout:
            self._finish(reason)
            return
        self._close_ends()
        if self._deadline is not None:
            self._deadline.cancel()
            self._deadline = None
        self._set_deadline(self.exit_timeout, reason)

    # The end.

    def _set_deadline(self, seconds: float, reason: ConnectionLost) -> None:
        if self._deadline is None:
            self._deadline = self._reactor.callLater(seconds, self._finish, reason)

    def _finish(self, reason: ConnectionLost, soon: bool = False) -> None:
        if self.closed is not None:
            return
        self.closed = reason
        if self._deadline is not None and self._deadline.active():
            self._deadline.cancel()
        self._deadline = None
        self._close_ends()
        if self._dispatching:
            return  # announced after the batch
        if soon:
            self._reactor.callLater(0, self._announce)
        else:
            self._announce()

    def _close_ends(self) -> None:
        self._writer.close()
        self._reader.close()
        self._splitter.forget()

    def _announce(self) -> None:
        if self.closed is not None and self._receiver is not None and not self._announced:
            self._announced = True
            self._tell("transport_closed", self.closed)
            self._backpressure.end(self.closed)
