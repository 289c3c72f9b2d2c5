"""The reactor in a thread of its own, for a program whose main thread waits for keyboard input.

The main thread has the terminal and the signals. Calls run in the reactor's thread, where all of Twisted has to run,
and the main thread waits for their results; Ctrl-C there cancels a call.
"""

from __future__ import annotations

import contextlib
import ctypes
import os
import signal
import threading
from collections.abc import Callable, Coroutine, Generator, Iterator
from concurrent.futures import Future, TimeoutError
from typing import Any, Self, TypeVar

from twisted.internet.abstract import FileDescriptor
from twisted.internet.defer import Deferred

from txcdp._reactor import AnyReactor, Reactor, whole
from txcdp.cli._running import SIGNALLED

T = TypeVar("T")

#: Seconds that the reactor has to take note of Ctrl-C, before what keeps it busy is interrupted itself; and that what
#: is cancelled has to end.
_PATIENCE, _GIVING_UP = 0.5, 5.0

#: Signals that end the program, and seconds after which one that was not noticed is sent once more.
_ENDS = {signal.SIGTERM, getattr(signal, "SIGHUP", signal.SIGTERM)}
_AWAKE = 0.05


class ReactorThread:
    """Runs the reactor in a thread; a context manager, within which SIGTERM and SIGHUP raise :exc:`SystemExit`.

    :param reactor: the reactor, not running yet.
    :ivar ended_by: the number of the signal that did.
    """

    def __init__(self, reactor: AnyReactor) -> None:
        self._reactor = whole(reactor)
        self._thread = threading.Thread(target=self._run, name="reactor", daemon=True)
        self._in_code = False
        self._signals: _Signals | None = None
        self._handlers: dict[int, Any] = {}
        self.ended_by: int | None = None

    def __enter__(self) -> Self:
        self._handlers = {each: signal.signal(each, self._end) for each in _ENDS}
        running = threading.Event()
        self._reactor.callWhenRunning(running.set)
        if hasattr(signal, "SIGCHLD"):
            self._signals = _Signals(self._reactor, lambda: self.ended_by is not None)
        self._thread.start()
        running.wait()
        return self

    def __exit__(self, *error: object) -> None:
        self._reactor.callFromThread(self._reactor.stop)
        self._thread.join()
        if self._signals is not None:
            self._signals.close()
        for number, handler in self._handlers.items():
            signal.signal(number, handler)

    def wait_for(self, function: Callable[[], Coroutine[Deferred[Any], Any, T]]) -> T:
        """Call a coroutine function in the reactor's thread, and return its result or raise its exception.

        :raises KeyboardInterrupt: if Ctrl-C was pressed; the call is cancelled.
        """
        done: Future[T] = Future()
        running: list[Deferred[None]] = []

        async def run() -> None:
            try:
                result = await function()
            except BaseException as error:
                done.set_exception(error)
            else:
                done.set_result(result)

        def cancel() -> None:
            for each in running:  # none, where Ctrl-C was quicker than we
                each.cancel()

        try:
            # It may run, and be interrupted, before this returns.
            self._reactor.callFromThread(lambda: running.append(Deferred.fromCoroutine(run())))
            return done.result()
        except KeyboardInterrupt:
            if done.done() and isinstance(done.exception(), KeyboardInterrupt):
                raise
            self._reactor.callFromThread(cancel)
            with contextlib.suppress(TimeoutError):
                done.exception(_PATIENCE)
            if not done.done():
                self._interrupt()
                with contextlib.suppress(TimeoutError):
                    done.exception(_GIVING_UP)
            raise KeyboardInterrupt from None

    async def step_by_step(self, made: Coroutine[Any, Any, T]) -> T:
        """Run a coroutine of the user's code, with each of its steps marked as by :meth:`code`."""
        result: T = await _Marked(made, self.code)
        return result

    @contextlib.contextmanager
    def code(self) -> Iterator[None]:
        """Mark a section of the user's code that runs in the reactor's thread without interruption, for Ctrl-C."""
        self._in_code = True
        try:
            yield
        finally:
            self._in_code = False

    def _end(self, number: int, frame: object) -> None:
        if self.ended_by is None:  # it may be sent more than once
            self.ended_by = number
            raise SystemExit(SIGNALLED + number)

    def _interrupt(self) -> None:
        """Interrupt the reactor's thread if it is running the user's code."""
        if self._in_code and self._thread.ident is not None:
            ctypes.pythonapi.PyThreadState_SetAsyncExc(
                ctypes.c_ulong(self._thread.ident), ctypes.py_object(KeyboardInterrupt)
            )

    def _run(self) -> None:
        run: Callable[..., None] = self._reactor.run
        run(installSignalHandlers=False)  # which the interface does not know


class _Signals(FileDescriptor):
    """Has signals noticed by whom they are for, whichever thread the kernel gives them to.

    What Python does in any thread is to write the signal's number to a file, which the reactor reads. Where a process
    has ended, Twisted looks which. What ends the program is for the main thread, where Python calls the handlers: where
    that went to sleep just before, it would sleep until the next key, so the signal is sent to it once more.

    :param reactor: the reactor, not running yet.
    :param ended: returns whether the main thread has noticed.
    """

    def __init__(self, reactor: Reactor, ended: Callable[[], bool]) -> None:
        super().__init__(reactor)
        self._clock = reactor
        self._ended = ended
        self._reading, self._writing = os.pipe()
        for each in (self._reading, self._writing):
            os.set_blocking(each, False)
        self._file = signal.set_wakeup_fd(self._writing, warn_on_full_buffer=False)
        self._handler = signal.signal(signal.SIGCHLD, lambda number, frame: None)  # without one there is no signal
        self.startReading()

    def fileno(self) -> int:
        """Return what is read."""
        return self._reading

    def doRead(self) -> None:
        """Look at what has come, however many of each."""
        came = b""
        with contextlib.suppress(BlockingIOError):
            came = os.read(self._reading, 4096)
        for number in set(came).intersection(_ENDS):
            self._clock.callLater(_AWAKE, self._send_again, number)
        from twisted.internet.process import reapAllProcesses  # not on Windows

        reapAllProcesses()

    def close(self) -> None:
        """Put back what was there before; the reactor has ended."""
        signal.signal(signal.SIGCHLD, self._handler)
        signal.set_wakeup_fd(self._file)
        self.stopReading()
        os.close(self._reading)
        os.close(self._writing)

    def _send_again(self, number: int) -> None:
        if not self._ended():
            # It comes to be read here again, and so is sent until it is noticed.
            signal.pthread_kill(threading.main_thread().ident or 0, number)


class _Marked:
    """Awaits a coroutine, each of whose steps is done within a context."""

    def __init__(self, made: Coroutine[Any, Any, Any], context: Callable[[], Any]) -> None:
        self._made = made
        self._context = context

    def __await__(self) -> Generator[Any, Any, Any]:
        send, given = self._made.send, None
        while True:
            try:
                with self._context():
                    waited_for = send(given)
            except StopIteration as stop:
                return stop.value
            try:
                send, given = self._made.send, (yield waited_for)
            except BaseException as error:
                send, given = self._made.throw, error
