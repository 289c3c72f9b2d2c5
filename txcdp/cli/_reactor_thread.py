"""The reactor in a thread of its own, for a program whose main thread waits for what a person types.

The main thread has the terminal and the signals. What is called runs in the reactor's thread, where everything of
Twisted has to, and the main thread waits for what comes of it; Ctrl-C there cancels it.
"""

from __future__ import annotations

import contextlib
import ctypes
import signal
import threading
from collections.abc import Callable, Coroutine, Generator, Iterator
from concurrent.futures import Future, TimeoutError
from typing import Any, Self, TypeVar

from twisted.internet.defer import Deferred

from txcdp._reactor import AnyReactor, whole

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
        self._before: Any = None

    def __enter__(self) -> Self:
        running = threading.Event()
        self._reactor.callWhenRunning(running.set)
        if hasattr(signal, "SIGCHLD"):
            self._before = signal.signal(signal.SIGCHLD, self._child_ended)
        self._thread.start()
        running.wait()
        return self

    def __exit__(self, *error: object) -> None:
        self._reactor.callFromThread(self._reactor.stop)
        self._thread.join()
        if self._before is not None:
            signal.signal(signal.SIGCHLD, self._before)

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

    def _child_ended(self, number: int, frame: object) -> None:
        """Have Twisted look which process has ended: in a thread, its reactor does not hear of the signal."""
        from twisted.internet.process import reapAllProcesses

        self._reactor.callFromThread(reapAllProcesses)


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
