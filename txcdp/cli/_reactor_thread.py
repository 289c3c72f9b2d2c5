"""The reactor in a thread of its own, for a program whose main thread waits for what a person types.

The main thread has the terminal and the signals. What is called runs in the reactor's thread, where everything of
Twisted has to, and the main thread waits for what comes of it; Ctrl-C there cancels it.
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

T = TypeVar("T")

#: Seconds that the reactor has to take note of Ctrl-C, before what keeps it busy is interrupted itself; and that what
#: is cancelled has to end.
_PATIENCE, _GIVING_UP = 0.5, 5.0


class ReactorThread:
    """Runs the reactor in a thread; a context manager.

    :param reactor: the reactor, not running yet.
    """

    def __init__(self, reactor: AnyReactor) -> None:
        self._reactor = whole(reactor)
        self._thread = threading.Thread(target=self._run, name="reactor", daemon=True)
        self._in_code = False
        self._children: _Children | None = None

    def __enter__(self) -> Self:
        running = threading.Event()
        self._reactor.callWhenRunning(running.set)
        if hasattr(signal, "SIGCHLD"):
            self._children = _Children(self._reactor)
        self._thread.start()
        running.wait()
        return self

    def __exit__(self, *error: object) -> None:
        self._reactor.callFromThread(self._reactor.stop)
        self._thread.join()
        if self._children is not None:
            self._children.close()

    def wait_for(self, function: Callable[[], Coroutine[Deferred[Any], Any, T]]) -> T:
        """Call a coroutine function in the reactor's thread, and return, or raise, what comes of it.

        :raises KeyboardInterrupt: Ctrl-C was pressed; it is cancelled.
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
        """Run a coroutine of a person's code, each of whose steps is marked as by :meth:`code`."""
        result: T = await _Marked(made, self.code)
        return result

    @contextlib.contextmanager
    def code(self) -> Iterator[None]:
        """Mark, in the reactor's thread, what a person's code does in one go: Ctrl-C may have to interrupt it."""
        self._in_code = True
        try:
            yield
        finally:
            self._in_code = False

    def _interrupt(self) -> None:
        """Interrupt what keeps the reactor's thread busy, where that is a person's code."""
        if self._in_code and self._thread.ident is not None:
            ctypes.pythonapi.PyThreadState_SetAsyncExc(
                ctypes.c_ulong(self._thread.ident), ctypes.py_object(KeyboardInterrupt)
            )

    def _run(self) -> None:
        run: Callable[..., None] = self._reactor.run
        run(installSignalHandlers=False)  # which the interface does not know


class _Children(FileDescriptor):
    """Has Twisted look which process has ended, when one has.

    The kernel sends the signal to the thread that has forked, which is the reactor's, where Python calls no handler;
    the main thread sleeps on. What Python does in any thread is to write the signal's number to a file.

    :param reactor: the reactor, not running yet.
    """

    def __init__(self, reactor: Reactor) -> None:
        super().__init__(reactor)
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
        """Look, however many have ended."""
        with contextlib.suppress(BlockingIOError):
            os.read(self._reading, 4096)
        from twisted.internet.process import reapAllProcesses  # not on Windows

        reapAllProcesses()

    def close(self) -> None:
        """Put back what was there before; the reactor has ended."""
        signal.signal(signal.SIGCHLD, self._handler)
        signal.set_wakeup_fd(self._file)
        self.stopReading()
        os.close(self._reading)
        os.close(self._writing)


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
