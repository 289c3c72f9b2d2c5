"""A browser's process: its output, its end, and the removal of everything that belongs to it."""

from __future__ import annotations

import contextlib
import os
import re
import signal
import sys
import time
from collections.abc import Sequence
from typing import Any, TypeVar

from twisted.internet.defer import Deferred
from twisted.internet.error import ProcessExitedAlready
from twisted.internet.protocol import ProcessProtocol
from twisted.logger import Logger
from twisted.python.failure import Failure

from txcdp._deferreds import OneShot, in_thread, returns_deferred, with_deadline
from txcdp._reactor import AnyReactor, whole
from txcdp._transports.pipe import PipeTransport
from txcdp.chrome._profile import Workspace
from txcdp.chrome._spawn import ExitStatus, spawn

T = TypeVar("T")

#: The number of bytes kept of its standard error.
STDERR_KEPT = 8192
#: Seconds for the browser's children to exit after it.
_CHILDREN_FOLLOW = 1.0
#: Seconds for children that have left its process group, and so do not receive its signals.
_STRAYS_FOLLOW = 4.0
#: Seconds for which a stopped reactor waits for a browser that nobody has closed.
_LAST_PATIENCE = 2.0
#: Seconds after SIGKILL until we stop waiting: then the kernel itself cannot end the process.
_UNKILLABLE = 5.0

_LISTENING = re.compile(rb"DevTools listening on (wss?://[^\s\0]+)\r?\n")

log = Logger()


class BrowserProtocol(ProcessProtocol):
    """The process protocol of a browser; passes everything on to its :class:`BrowserProcess`."""

    def __init__(self, process: BrowserProcess) -> None:
        self._process = process

    def errReceived(self, data: bytes) -> None:
        """Take what it wrote to standard error."""
        self._process._stderr(data)

    def processExited(self, reason: Failure) -> None:
        """Report the process's exit; children may still hold its standard error."""
        value: Any = reason.value
        self._process._exited(ExitStatus(getattr(value, "exitCode", None), getattr(value, "signal", None)))

    def processEnded(self, reason: Failure) -> None:
        """Report that nobody holds any of the process's pipes."""
        self._process._ended()


class BrowserProcess:
    """A running browser; made by :func:`txcdp.chrome.start_browser`.

    However it ends, its descriptors are closed, its temporary profile is removed, and it is no longer registered with
    the reactor's shutdown, which would end it too.

    :ivar pid: the browser's process id, and the id of its process group if it has its own.
    :ivar ws_url: the address of its WebSocket; ``""`` with ``transport="pipe"``.
    :ivar pipe: its :class:`~txcdp.transports.PipeTransport`; ``None`` with ``transport="websocket"``.
    :ivar profile: the path of its profile.
    :ivar command_line: the command line that was executed.
    :ivar exit_status: how it ended; ``None`` while it runs.
    """

    def __init__(
        self, reactor: AnyReactor, workspace: Workspace, command_line: Sequence[str], end_with_reactor: bool = True
    ) -> None:
        self._reactor = whole(reactor)
        self._workspace = workspace
        self.profile = workspace.profile
        self.command_line = tuple(command_line)
        self.pid = 0
        self.ws_url = ""
        self.pipe: PipeTransport | None = None
        self.exit_status: ExitStatus | None = None
        #: Fires once with the WebSocket's address, from standard error.
        self.listening: OneShot[str] = OneShot()
        self._tail = bytearray()
        self._transport: Any = None
        self._leads_group = False
        self._lifeline: int | None = None
        self._gone: OneShot[ExitStatus] = OneShot()
        self._clean: OneShot[None] = OneShot()
        self._closing = False
        #: Whether it has started successfully: before that, the launch reports why it ended.
        self._up = False
        self._linger: Any = None
        # Who is to close it does so before the shutdown; where nobody has, there is no time to wait any more.
        phase, end = ("before", self._shutdown) if end_with_reactor else ("during", self._end_at_once)
        self._trigger: Any = self._reactor.addSystemEventTrigger(phase, "shutdown", end)

    def _spawn(self, environment: dict[str, str], transport: str) -> None:
        """Execute the command line.

        With the WebSocket, too, we hold the end of a pipe, except on Windows: the browser ends
        by itself when that is closed, which the system does if we die.

        :param environment: the whole environment.
        :param transport: ``"pipe"`` makes ``pipe``.
        :raises OSError: it cannot be executed.
        """
        wants_pipe = transport == "pipe"
        spawned = spawn(
            self._reactor,
            BrowserProtocol(self),
            self.command_line,
            environment,
            writes=True,
            reads=wants_pipe,
            lock=self._workspace.lock,
        )
        self._transport = spawned.transport
        self._leads_group = spawned.leads_group
        self.pid = spawned.transport.pid or 0
        if spawned.read_fd is not None and spawned.write_fd is not None:
            self.pipe = PipeTransport(self._reactor, spawned.read_fd, spawned.write_fd, exit_timeout=_CHILDREN_FOLLOW)
        else:
            self._lifeline = spawned.write_fd

    @property
    def running(self) -> bool:
        """Whether the process is running."""
        return self.exit_status is None

    @property
    def stderr_tail(self) -> str:
        """The last 8 KB that the browser wrote to its standard error."""
        return self._tail.decode("utf-8", "replace")

    def when_ended(self) -> Deferred[ExitStatus]:
        """Return a new Deferred that fires when the process has ended; at once if it already has."""
        return self._gone.wait()

    def terminate(self) -> None:
        """Ask it to end, with SIGTERM: Chromium saves its profile and exits with code 0."""
        if self.running and self._transport is not None:
            with contextlib.suppress(ProcessExitedAlready):
                self._transport.signalProcess("TERM")

    def kill(self) -> None:
        """Kill it and its children immediately, with SIGKILL."""
        if self._gone.fired or self._transport is None:
            return
        if not self._kill_group() and self.running:
            with contextlib.suppress(ProcessExitedAlready):
                self._transport.signalProcess("KILL")

    def close(self, *, grace: float = 0.0, kill_after: float = 5.0) -> Deferred[None]:
        """End the browser and remove everything that belongs to it.

        It may be called any number of times, even after the browser has ended by itself: each call waits for the same
        end.

        :param grace: seconds before SIGTERM, for a caller that has sent ``Browser.close``.
        :param kill_after: seconds from SIGTERM until SIGKILL; 0 kills at once.
        :return: fires with ``None`` once the process, its descriptors and its temporary directory are gone. Cancelling
            it only stops the waiting.
        """
        if not self._closing:
            self._closing = True
            self._end(grace, kill_after).addErrback(lambda failure: log.failure("Closing a browser", failure=failure))
        return self._clean.wait()

    @returns_deferred
    async def _end(self, grace: float, patience: float) -> None:
        if self._transport is None:  # it was never spawned
            self._ended()
            return
        if await self._ended_within(grace):
            return
        if patience > 0:
            self.terminate()
            if await self._ended_within(patience):
                return
            log.warn("Browser {pid} did not end within {timeout} s: killing it", pid=self.pid, timeout=patience)
        self.kill()
        if not await self._ended_within(_UNKILLABLE):
            log.error("Browser {pid} did not end after SIGKILL: giving up", pid=self.pid)
            self._ended()

    async def _ended_within(self, seconds: float) -> bool:
        if self._gone.fired or seconds <= 0:
            return self._gone.fired
        try:
            await with_deadline(self._reactor, self._gone.wait(), seconds, TimeoutError)
        except TimeoutError:
            return False
        return True

    def _kill_group(self) -> bool:
        if sys.platform == "win32" or not self._leads_group or not self.pid:
            return False
        try:
            os.killpg(self.pid, signal.SIGKILL)
        except OSError:
            return False  # nobody is left in it, or it was not made yet
        return True

    # What the process says.

    def _stderr(self, data: bytes) -> None:
        self._tail += data
        # What listens after the program has ended is a browser that it left in the background: that one is to end, too.
        if self.running and not self.listening.fired and (found := _LISTENING.search(self._tail)):
            self.listening.fire(found[1].decode("utf-8", "replace"))
        if len(self._tail) > STDERR_KEPT:
            del self._tail[:-STDERR_KEPT]

    def _exited(self, status: ExitStatus) -> None:
        """The browser has exited; its children hold its standard error until they have, too.

        If the process was a script, the browser is among them: it exits cleanly at the end of its pipe.
        """
        self.exit_status = status
        if not self._closing and self._up:
            log.warn("Browser {pid} ended by itself: {status}", pid=self.pid, status=_cause(status))
        self._close_lifeline()
        if self.pipe is not None:
            self.pipe.peer_exited(f"the browser ended ({status})", clean=status.code == 0)
        self._linger = self._reactor.callLater(_CHILDREN_FOLLOW, self._end_children)

    def _end_children(self) -> None:
        self._kill_group()
        if self._gone.fired:
            self._transport.loseConnection()
        else:
            self._linger = self._reactor.callLater(_STRAYS_FOLLOW, self._transport.loseConnection)

    def _ended(self) -> None:
        """Nothing of the process is left: clean up."""
        if self._gone.fired:
            return
        self._closing = True
        if self.exit_status is None:
            self.exit_status = ExitStatus(None)
        if self._linger is not None and self._linger.active():
            self._linger.cancel()
        if self.pipe is not None:
            self.pipe.abort()
        self._close_lifeline()
        self._gone.fire(self.exit_status)
        in_thread(self._reactor, self._workspace.remove).addCallbacks(
            self._removed, lambda failure: self._removed(failure)
        )

    def _close_lifeline(self) -> None:
        if self._lifeline is not None:
            os.close(self._lifeline)
            self._lifeline = None

    def _removed(self, result: bool | Failure) -> None:
        if result is not True:
            log.warn("Could not remove {path} yet: {result}", path=self._workspace.path, result=result)
        if self._trigger is not None:
            self._reactor.removeSystemEventTrigger(self._trigger)
            self._trigger = None
        self._clean.fire(None)

    def _shutdown(self) -> Deferred[None]:
        self._trigger = None  # it fires: too late to remove it
        return self.close()

    def _end_at_once(self) -> None:
        """End it and clean up before returning, because the reactor no longer waits for anything."""
        self._trigger = None
        self._closing = True
        self._close_lifeline()
        if self.pipe is not None:
            self.pipe.abort()
        self.terminate()  # with a profile of the user's it has something to save
        self._block_until_dead(_LAST_PATIENCE if self._workspace.keeps_profile else 0.0)
        self.kill()
        self._block_until_dead(_LAST_PATIENCE)
        if not self._workspace.remove():
            log.warn("Could not remove {path}: the next launch will", path=self._workspace.path)

    def _block_until_dead(self, seconds: float) -> None:
        """Wait for the process without the reactor, without reaping it."""
        until = time.monotonic() + seconds
        while self.running and self.pid and _is_alive(self.pid) and time.monotonic() < until:
            time.sleep(0.01)


def _is_alive(pid: int) -> bool:
    if not hasattr(os, "waitid"):  # Windows: killing is done when it returns
        return False
    try:
        return os.waitid(os.P_PID, pid, os.WEXITED | os.WNOHANG | os.WNOWAIT) is None
    except ChildProcessError:  # it is reaped already
        return False


def _cause(status: ExitStatus) -> str:
    """Describe how a browser ended, and the possible cause: no process is told that the kernel kills it for memory."""
    if status.signal == getattr(signal, "SIGKILL", None):
        return f"{status}, by a user or by the kernel, which does so when memory runs out (see dmesg)"
    return str(status)
