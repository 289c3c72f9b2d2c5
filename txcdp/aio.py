"""Use txcdp from an asyncio application: await its Deferreds alongside asyncio's own awaitables.

An asyncio task expects futures from what it awaits, and Twisted's coroutines expect Deferreds; neither understands the
other's. :func:`bridged` puts a driver that understands both between a coroutine function and its task, so that no call
has to be wrapped::

    import asyncio
    import txcdp
    from txcdp import aio

    async def main(reactor):
        async with await txcdp.launch(reactor) as browser:
            page = await browser.new_page("https://example.com/")     # a Deferred
            await asyncio.sleep(1)                                    # asyncio's own
            print(await page.title())

    aio.run(main)

An application that calls :func:`asyncio.run` itself enters :func:`reactor` around its use of txcdp, and decorates the
functions that await Deferreds with :func:`bridged`. What such a function awaits is bridged with it, since it runs in
the same task; only a function that becomes a task of its own needs the decorator again. :func:`future` makes an asyncio
future of one Deferred, for :func:`asyncio.gather` and the like.
"""

from __future__ import annotations

import asyncio
import signal
import sys
from collections.abc import AsyncIterator, Callable, Coroutine, Generator
from contextlib import asynccontextmanager, suppress
from functools import partial, wraps
from types import coroutine
from typing import Any, Concatenate, ParamSpec, TypeVar
from weakref import WeakKeyDictionary, WeakSet

from twisted.internet.asyncioreactor import AsyncioSelectorReactor
from twisted.internet.defer import CancelledError, Deferred
from twisted.internet.error import ReactorNotRunning
from twisted.internet.posixbase import PosixReactorBase
from twisted.internet.protocol import connectionDone
from twisted.logger import Logger
from twisted.python.failure import Failure

__all__ = ["bridged", "future", "reactor", "run"]

#: Seconds between two looks at the child processes where no signal tells of their ends.
_LOOKS = 0.1

_log = Logger()

P = ParamSpec("P")
T = TypeVar("T")


def bridged(function: Callable[P, Coroutine[Any, Any, T]]) -> Callable[P, Coroutine[Any, Any, T]]:
    """Let a coroutine function await Deferreds under asyncio, including ``async with`` and ``async for``.

    When its task is cancelled, the Deferred that it awaits is cancelled, and :exc:`asyncio.CancelledError` is raised
    at the ``await``.

    :param function: an ``async def`` function or method; it may await asyncio's awaitables as before.
    :returns: a coroutine function with the same parameters and the same result.
    """

    @wraps(function)
    async def wrapper(*args: P.args, **kwargs: P.kwargs) -> T:
        return await _drive(function(*args, **kwargs))

    return wrapper


def future(deferred: Deferred[T]) -> asyncio.Future[T]:
    """Turn one Deferred into a future of the running event loop.

    :param deferred: the Deferred; its result belongs to the future from now on.
    :returns: a future that has the Deferred's result or exception; cancelling it cancels the Deferred.
    """
    return deferred.asFuture(asyncio.get_running_loop())


def run(function: Callable[Concatenate[Any, P], Coroutine[Any, Any, T]], *args: P.args, **kwargs: P.kwargs) -> T:
    """Run a coroutine function with :func:`asyncio.run`, with a reactor on its event loop.

    This is for an asyncio program what :func:`twisted.internet.task.react` is for a Twisted one.

    :param function: called with the reactor and the other arguments; it may await Deferreds.
    :returns: the function's result.
    """

    async def main() -> T:
        async with reactor() as running:
            return await bridged(function)(running, *args, **kwargs)

    return asyncio.run(main())


@asynccontextmanager
async def reactor() -> AsyncIterator[Any]:
    """Provide a Twisted reactor on the running event loop, for ``txcdp.launch`` and ``txcdp.connect``.

    It is separate from the reactor that Twisted may have installed: code that imports ``twisted.internet.reactor`` does
    not see it. If the event loop is already driven by Twisted's asyncio reactor, as in Scrapy, it is that reactor.
    Entering it again while it runs gives the same reactor, which ends when all have left.

    Leaving it ends everything that lives in the reactor, including launched browsers.

    :raises RuntimeError: the event loop cannot watch sockets (Windows' proactor loop).
    """
    loop = asyncio.get_running_loop()
    driving = _driving(loop)
    if driving is not None:
        yield driving
        return
    entered = _reactors.get(loop)
    if entered is None:
        entered = _reactors[loop] = _Entered(loop)
    entered.users += 1
    try:
        yield entered.reactor
    finally:
        entered.users -= 1
        if not entered.users:
            del _reactors[loop]
            await entered.stop()


@coroutine
def _drive(function: Coroutine[Any, Any, T]) -> Generator[Any, Any, T]:
    """Run a coroutine to its end: a Deferred that it awaits is waited for here, all else by asyncio's task."""
    step: Callable[[], Any] = partial(function.send, None)
    while True:
        try:
            awaited = step()
        except StopIteration as end:
            result: T = end.value
            return result
        try:
            if isinstance(awaited, Deferred):
                value = yield from _fired(awaited)
            else:
                value = yield awaited
        except GeneratorExit:
            function.close()
            raise
        except BaseException as error:
            step = partial(function.throw, error)
        else:
            step = partial(function.send, value)


def _fired(deferred: Deferred[Any]) -> Generator[Any, Any, Any]:
    """Wait until a Deferred has fired, and leave its result in it: that is read where it is awaited."""
    fired: asyncio.Future[None] = asyncio.get_running_loop().create_future()

    def tell(result: T) -> T:
        if not fired.done():
            fired.set_result(None)
        return result

    deferred.addBoth(tell)
    try:
        yield from fired
    except BaseException:
        deferred.cancel()
        deferred.addErrback(_heard_by_nobody)
        raise


def _heard_by_nobody(failure: Failure) -> None:
    """Log what a Deferred has failed with after its task had been cancelled."""
    if not failure.check(CancelledError):
        _log.failure("a task was cancelled, and what it awaited failed", failure)


class _LoopReactor(AsyncioSelectorReactor):
    """Twisted's reactor on an event loop that others run: where Twisted's ends, the loop goes on.

    It reaps its own children alone: the others that the process has may belong to a reactor in another thread.
    """

    def __init__(self, loop: asyncio.AbstractEventLoop) -> None:
        super().__init__(loop)
        self._children: WeakSet[Any] = WeakSet()
        self._looks_for_ends = False
        self._next_look: Any = None

    def spawnProcess(self, *args: Any, **keywords: Any) -> Any:
        """Start a process as Twisted does, and remember it."""
        child = super().spawnProcess(*args, **keywords)
        self._children.add(child)
        self._look_again()
        return child

    def look_for_ends(self) -> None:
        """Look from time to time for children that have ended, because no signal says so."""
        self._looks_for_ends = True

    def reap(self) -> None:
        """Reap the children that have ended."""
        for child in self._running_children():
            child.reapProcess()

    def _running_children(self) -> list[Any]:
        from twisted.internet.process import reapProcessHandlers

        return [child for child in list(reapProcessHandlers.values()) if child in self._children]

    def _look_again(self) -> None:
        if self._looks_for_ends and self._next_look is None and self._running_children():
            self._next_look = self._asyncioEventloop.call_later(_LOOKS, self._look)

    def _look(self) -> None:
        self._next_look = None
        self.reap()
        self._look_again()

    def crash(self) -> None:
        """End the reactor, but not the event loop."""
        PosixReactorBase.crash(self)

    def close(self) -> None:
        """Give back what it woke itself with: Twisted's own reactors last as long as their process."""
        if self._next_look is not None:
            self._next_look.cancel()
        for waker in list(self._internalReaders):
            self._removeInternalReader(waker)
            waker.connectionLost(connectionDone)


class _Entered:
    """A reactor that runs on an event loop, and how many use it."""

    def __init__(self, loop: asyncio.AbstractEventLoop) -> None:
        self.users = 0
        self._loop = loop
        self._watches_children = False
        try:
            self.reactor = _LoopReactor(loop)
        except TypeError as error:
            raise RuntimeError(
                f"Twisted cannot run on this event loop ({error}); on Windows, set "
                "asyncio.WindowsSelectorEventLoopPolicy() before the event loop is made"
            ) from error
        self._stopped: asyncio.Future[None] = loop.create_future()
        self.reactor.addSystemEventTrigger("after", "shutdown", self._stopped.set_result, None)
        self.reactor.startRunning(installSignalHandlers=False)
        if sys.platform != "win32":
            self._watch_children()

    def _watch_children(self) -> None:
        """Have the reactor's children reaped; signals that end the program are asyncio's affair."""
        try:
            self._loop.add_signal_handler(signal.SIGCHLD, self.reactor.reap)
        except RuntimeError:  # not the main thread, or a loop that keeps this signal for itself, as uvloop does
            self.reactor.look_for_ends()
        else:
            self._watches_children = True

    async def stop(self) -> None:
        """Fire the reactor's shutdown, and wait for what takes time at it."""
        with suppress(ReactorNotRunning):  # the application may have stopped it
            self.reactor.stop()
        await self._stopped
        self.reactor.close()
        if self._watches_children:
            self._loop.remove_signal_handler(signal.SIGCHLD)


_reactors: WeakKeyDictionary[asyncio.AbstractEventLoop, _Entered] = WeakKeyDictionary()


def _driving(loop: asyncio.AbstractEventLoop) -> Any:
    """Return the reactor that Twisted has installed and that drives the event loop; None where none does."""
    installed: Any = sys.modules.get("twisted.internet.reactor")
    drives = isinstance(installed, AsyncioSelectorReactor) and installed._asyncioEventloop is loop
    return installed if drives and installed.running else None
