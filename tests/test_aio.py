"""asyncio's tasks await Deferreds: their results, failures and cancelling; a reactor for as long as it is wanted."""

from __future__ import annotations

import asyncio
import os
import sys
from collections.abc import Coroutine
from concurrent.futures import ThreadPoolExecutor
from typing import Any, TypeVar
from unittest.mock import patch

import pytest
from twisted.internet.defer import CancelledError, Deferred, fail, succeed
from twisted.internet.protocol import ProcessProtocol
from twisted.python.failure import Failure
from twisted.trial.unittest import SynchronousTestCase

from txcdp import aio
from txcdp.domains import browser as cdp_browser
from txcdp.domains import network
from txcdp.streams import first, queue
from txcdp.testing import FakeChrome

T = TypeVar("T")


def awaiting(coroutine: Coroutine[Any, Any, T]) -> T:
    """Run a coroutine that awaits Deferreds, on a loop without a reactor."""

    @aio.bridged
    async def main() -> T:
        return await coroutine

    return asyncio.run(main())


class _Child(ProcessProtocol):
    """A process without pipes of the reactor's: no end of one tells that it has exited."""

    def __init__(self, reactor: Any) -> None:
        self.exited: Deferred[int | None] = Deferred()
        theirs, self._ours = os.pipe()
        command = ["sh", "-c", "read line; exit 7"]
        self._pid: int = reactor.spawnProcess(self, "/bin/sh", command, {}, childFDs={0: theirs}).pid
        os.close(theirs)

    def end(self) -> None:
        """Have it exit, and return when it has; it is not reaped yet."""
        os.close(self._ours)
        os.waitid(os.P_PID, self._pid, os.WEXITED | os.WNOWAIT)

    def processExited(self, reason: Failure) -> None:
        value: Any = reason.value
        self.exited.callback(value.exitCode)


class BridgedTests(SynchronousTestCase):
    def test_results(self):
        async def main() -> list[object]:
            later: Deferred[str] = Deferred()
            asyncio.get_running_loop().call_soon(later.callback, "later")
            await asyncio.sleep(0)
            return [await succeed(1), await later, await asyncio.sleep(0, "asyncio's"), await later]

        self.assertEqual(awaiting(main()), [1, "later", "asyncio's", "later"])

    def test_the_function_that_is_awaited_needs_no_mark(self):
        async def inner() -> int:
            return await succeed(1) + await asyncio.sleep(0, 1)

        async def main() -> int:
            return await inner() + await inner()

        self.assertEqual(awaiting(main()), 4)

    def test_failures(self):
        async def main() -> str:
            later: Deferred[None] = Deferred()
            asyncio.get_running_loop().call_soon(later.errback, LookupError("later"))
            try:
                await later
            except LookupError as error:
                said = str(error)
            with pytest.raises(ValueError, match="now"):
                await fail(ValueError("now"))
            raise KeyError(said)

        with pytest.raises(KeyError, match="later"):
            awaiting(main())
        self.assertEqual(self.flushLoggedErrors(), [])

    def test_cancelling_the_task_cancels_what_it_awaits(self):
        said: list[object] = []

        @aio.bridged
        async def waits() -> None:
            never: Deferred[None] = Deferred(lambda _: said.append("cancelled"))
            try:
                await never
            finally:
                said.append(await succeed("cleaned up"))

        async def main() -> None:
            task = asyncio.create_task(waits())
            await asyncio.sleep(0)
            task.cancel()
            with pytest.raises(asyncio.CancelledError):
                await task

        asyncio.run(main())
        self.assertEqual(said, ["cancelled", "cleaned up"])
        self.assertEqual(self.flushLoggedErrors(), [])

    def test_what_a_cancelled_deferred_says_beyond_that_is_not_lost(self):
        @aio.bridged
        async def waits() -> None:
            await Deferred(lambda deferred: deferred.errback(LookupError("at the end")))

        async def main() -> None:
            task = asyncio.create_task(waits())
            await asyncio.sleep(0)
            task.cancel()
            with pytest.raises(asyncio.CancelledError):
                await task

        asyncio.run(main())
        self.assertEqual(len(self.flushLoggedErrors(LookupError)), 1)

    def test_deadlines(self):
        async def main() -> None:
            async with asyncio.timeout(0):
                await Deferred()

        self.assertRaises(TimeoutError, awaiting, main())

    def test_who_cancels_the_deferred_is_heard(self):
        async def main() -> None:
            waiting: Deferred[None] = Deferred()
            asyncio.get_running_loop().call_soon(waiting.cancel)
            await waiting

        self.assertRaises(CancelledError, awaiting, main())

    def test_a_deferred_that_fires_as_its_task_is_cancelled(self):
        @aio.bridged
        async def waits(deferred: Deferred[None]) -> None:
            await deferred

        async def main() -> None:
            for order in ("fire first", "cancel first"):
                deferred: Deferred[None] = Deferred()
                task = asyncio.create_task(waits(deferred))
                await asyncio.sleep(0)
                if order == "fire first":
                    deferred.callback(None)
                task.cancel()
                if not deferred.called:
                    deferred.callback(None)
                with pytest.raises(asyncio.CancelledError):
                    await task

        asyncio.run(main())

    def test_a_coroutine_that_is_closed(self):
        closed: list[bool] = []

        @aio.bridged
        async def waits() -> None:
            try:
                await Deferred()
            finally:
                closed.append(True)

        async def main() -> None:
            coroutine = waits()
            coroutine.send(None)
            coroutine.close()

        asyncio.run(main())
        self.assertEqual(closed, [True])

    def test_the_function_keeps_its_face(self):
        @aio.bridged
        async def name(one: int, *, two: str) -> str:
            """Say it."""
            return f"{one}{two}"

        self.assertEqual((name.__name__, name.__doc__), ("name", "Say it."))
        self.assertEqual(asyncio.run(name(1, two="2")), "12")

    def test_a_future_of_one_deferred(self):
        async def main() -> list[object]:
            later: Deferred[int] = Deferred()
            asyncio.get_running_loop().call_soon(later.callback, 2)
            never: Deferred[int] = Deferred()
            with pytest.raises(asyncio.TimeoutError):
                await asyncio.wait_for(aio.future(never), 0)
            assert never.called
            never.addErrback(lambda failure: failure.trap(CancelledError))
            return [*await asyncio.gather(aio.future(succeed(1)), aio.future(later))]

        self.assertEqual(asyncio.run(main()), [1, 2])


class ReactorTests(SynchronousTestCase):
    def test_the_whole_library_runs_on_the_loop(self):
        """``async with`` and ``async for`` over what a fake browser says."""

        async def main(reactor: Any) -> list[object]:
            chrome = FakeChrome(clock=reactor)
            async with chrome.browser() as browser, await browser.new_page() as page:
                received = page.events(network.DataReceived)
                waiting = first(received)
                seen: list[object] = []
                async with queue(received) as events:
                    for length in (1, 2):
                        event = network.DataReceived(
                            request_id="1", timestamp=0.0, data_length=length, encoded_data_length=0
                        )
                        chrome.emit(event, page.session)
                    seen.append((await waiting).data_length)
                    async for event in events:
                        seen.append(event.data_length)
                        if len(seen) == 3:
                            break
                return [*seen, (await browser.session.execute(cdp_browser.get_version())).product.partition("/")[0]]

        self.assertEqual(aio.run(main), [1, 1, 2, "HeadlessChrome"])

    def test_time_passes(self):
        async def main(reactor: Any, *, what: str) -> str:
            waiting: Deferred[str] = Deferred()
            reactor.callLater(0.001, waiting.callback, what)
            return await waiting

        self.assertEqual(aio.run(main, what="passed"), "passed")

    def test_one_reactor_for_a_loop_which_ends_with_the_last_that_uses_it(self):
        ended: list[str] = []

        async def main() -> None:
            async with aio.reactor() as outer:
                async with aio.reactor() as inner:
                    assert inner is outer
                    outer.addSystemEventTrigger("before", "shutdown", ended.append, "ended")
                assert outer.running
                ended.append("left by one")
            assert not outer.running

        for _ in range(2):
            asyncio.run(main())
        self.assertEqual(ended, ["left by one", "ended"] * 2)

    def test_what_takes_time_at_the_end_is_waited_for(self):
        ended: list[str] = []

        async def main() -> None:
            async with aio.reactor() as reactor:

                def shutdown() -> Deferred[None]:
                    closing: Deferred[None] = Deferred()
                    reactor.callLater(0.001, closing.callback, None)
                    return closing.addCallback(lambda _: ended.append("closed"))

                reactor.addSystemEventTrigger("before", "shutdown", shutdown)
            ended.append("left")

        asyncio.run(main())
        self.assertEqual(ended, ["closed", "left"])

    def test_a_program_that_stops_the_reactor_itself(self):
        async def main(reactor: Any, *, wait: bool) -> str:
            stopped: Deferred[None] = Deferred()
            reactor.addSystemEventTrigger("after", "shutdown", stopped.callback, None)
            reactor.stop()
            if wait:
                await stopped
            return "left"

        self.assertEqual([aio.run(main, wait=False), aio.run(main, wait=True)], ["left", "left"])

    def test_nothing_is_left_open(self):
        async def main(reactor: Any) -> None:
            await asyncio.sleep(0)

        aio.run(main)
        before = len(os.listdir("/proc/self/fd")) if sys.platform == "linux" else 0
        aio.run(main)
        after = len(os.listdir("/proc/self/fd")) if sys.platform == "linux" else 0
        self.assertEqual(after, before)

    def test_children_are_reaped(self):
        async def main(reactor: Any) -> int:
            from twisted.internet.utils import getProcessValue

            status: int = await getProcessValue(
                sys.executable, ["-c", "raise SystemExit(7)"], os.environ, reactor=reactor
            )
            return status

        self.assertEqual(aio.run(main), 7)

    def test_children_are_reaped_where_no_signal_tells_of_their_end(self):
        async def main(reactor: Any) -> int | None:
            child = _Child(reactor)
            child.end()
            return await child.exited

        class Loop(asyncio.SelectorEventLoop):
            def add_signal_handler(self, *args: object) -> None:
                raise RuntimeError("it is used by the event loop to track subprocesses")  # as uvloop does

        @aio.bridged
        async def keeps_the_signal() -> int | None:
            async with aio.reactor() as reactor:
                return await main(reactor)

        with asyncio.Runner(loop_factory=Loop) as runner:
            self.assertEqual(runner.run(keeps_the_signal()), 7)
        with ThreadPoolExecutor() as pool:
            self.assertEqual(pool.submit(aio.run, main).result(), 7)

    def test_children_of_another_reactor_are_left_to_it(self):
        async def main(reactor: Any) -> tuple[bool, bool]:
            another = aio._LoopReactor(asyncio.get_running_loop())
            try:
                child = _Child(another)
                child.end()
                reactor.reap()
                before = child.exited.called
                another.reap()
                return before, child.exited.called
            finally:
                another.close()

        self.assertEqual(aio.run(main), (False, True))

    def test_a_loop_that_cannot_watch_sockets(self):
        async def main(reactor: Any) -> None:
            raise AssertionError

        refusing = patch.object(aio, "_LoopReactor", side_effect=TypeError("ProactorEventLoop is not supported"))
        with refusing, pytest.raises(RuntimeError, match="WindowsSelectorEventLoopPolicy"):
            aio.run(main)

    def test_where_twisted_drives_the_loop_it_is_its_reactor(self):
        async def main() -> None:
            installed = aio._LoopReactor(asyncio.get_running_loop())
            installed.running = True
            try:
                with patch.dict(sys.modules, {"twisted.internet.reactor": installed}):
                    async with aio.reactor() as reactor:
                        assert reactor is installed
                assert installed.running
            finally:
                installed.close()

        asyncio.run(main())
