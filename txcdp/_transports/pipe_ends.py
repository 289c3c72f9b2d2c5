"""The two ends of pipes that the reactor watches: one to read from, and one to write to, with a queue."""

from __future__ import annotations

import contextlib
import os
import sys
from collections.abc import Callable

from twisted.internet.interfaces import IReadDescriptor, IWriteDescriptor
from twisted.python.failure import Failure
from zope.interface import implementer

from txcdp._reactor import AnyReactor, whole

_WANTED_PIPE_SIZE = 1024 * 1024
_F_SETPIPE_SZ = 1031  # Linux

#: The size at which Twisted considers a socket's buffer full.
_GOES_OUT_AT_ONCE = 64 * 1024


class PipeEnd:
    """One end of a pipe, which the reactor watches on request.

    :param reactor: a reactor that watches descriptors.
    :param fd: the descriptor; this object owns and closes it.
    :param lost: called when the reactor finds that the other end is gone.
    """

    def __init__(self, reactor: AnyReactor, fd: int, lost: Callable[[], None]) -> None:
        os.set_blocking(fd, False)
        _enlarge(fd)
        self._reactor = whole(reactor)
        self._lost = lost
        self.fd = fd
        self.open = True

    def fileno(self) -> int:
        """Return the descriptor, or -1 after it was closed."""
        return self.fd

    def logPrefix(self) -> str:
        """Return the name of this for the reactor's log."""
        return "PipeTransport"

    def connectionLost(self, reason: Failure) -> None:
        """End because the reactor reports the other end closed."""
        self._lost()

    def close(self) -> None:
        """Close the descriptor; a second time does nothing."""
        if self.open:
            self.open = False
            os.close(self.fd)
            self.fd = -1


@implementer(IReadDescriptor)
class ReadEnd(PipeEnd):
    """The reading end of a pipe.

    :param readable: called when there is data, or the end of file.
    """

    def __init__(self, reactor: AnyReactor, fd: int, readable: Callable[[], object], lost: Callable[[], None]) -> None:
        super().__init__(reactor, fd, lost)
        self._readable = readable
        self._watched = False

    def watch(self, reading: bool) -> None:
        """Start or stop watching for data."""
        if self.open and reading is not self._watched:
            self._watched = reading
            if reading:
                self._reactor.addReader(self)
            else:
                self._reactor.removeReader(self)

    def doRead(self) -> None:
        """Read, because the reactor reports the pipe readable."""
        self._readable()

    def close(self) -> None:
        """Close the descriptor; a second time does nothing."""
        self.watch(False)
        super().close()


@implementer(IWriteDescriptor)
class WriteEnd(PipeEnd):
    """The writing end of a pipe, with a queue.

    :param drained: called whenever the pipe has accepted the last of the queue.
    :param stuck: called whenever the queue grows beyond what one write can take, or the pipe has not accepted all of
        it.
    :ivar written: bytes that the pipe has accepted.
    """

    def __init__(
        self,
        reactor: AnyReactor,
        fd: int,
        drained: Callable[[], None],
        lost: Callable[[], None],
        stuck: Callable[[], None] = lambda: None,
    ) -> None:
        super().__init__(reactor, fd, lost)
        self._drained = drained
        self._stuck = stuck
        self._queue: list[bytes] = []
        self._queued = 0
        self._buffer = memoryview(b"")
        self._watched = False
        self.written = 0

    @property
    def unsent(self) -> int:
        """The number of bytes that the pipe has not accepted yet."""
        return len(self._buffer) + self._queued

    def put(self, message: bytes, soon: bool = True) -> None:
        """Queue a message and its NUL.

        :param soon: write in the next reactor turn; otherwise the caller will :meth:`flush`.
        """
        self._queue.append(message)
        self._queued += len(message) + 1
        if self._queued > _GOES_OUT_AT_ONCE:
            self._stuck()
        if soon:
            self._watch(True)

    def flush(self) -> None:
        """Write as much as possible now; the reactor calls again for the rest."""
        while self.open and self.unsent:
            if not self._buffer:
                self._queue.append(b"")
                self._buffer = memoryview(b"\0".join(self._queue))
                self._queue = []
                self._queued = 0
            try:
                count = os.write(self.fd, self._buffer)
            except BlockingIOError:
                break
            except OSError:
                self._lost()
                return
            self.written += count
            self._buffer = self._buffer[count:]
            if self._buffer:
                break
        unsent = self.unsent > 0
        self._watch(unsent)
        if unsent:
            self._stuck()
        else:
            self._drained()

    def doWrite(self) -> None:
        """Write, because the reactor reports the pipe writable."""
        self.flush()

    def close(self) -> None:
        """Drop the queue and close the descriptor; a second time does nothing."""
        self._watch(False)
        self._queue = []
        self._queued = 0
        self._buffer = memoryview(b"")
        super().close()

    def _watch(self, writing: bool) -> None:
        if self.open and writing is not self._watched:
            self._watched = writing
            if writing:
                self._reactor.addWriter(self)
            else:
                self._reactor.removeWriter(self)


def _enlarge(fd: int) -> None:
    """Ask Linux for a larger pipe than 64 KB: fewer turns for large messages."""
    if sys.platform == "linux":
        import fcntl

        with contextlib.suppress(OSError):  # over the user's quota: the usual size does, too
            fcntl.fcntl(fd, _F_SETPIPE_SZ, _WANTED_PIPE_SIZE)
