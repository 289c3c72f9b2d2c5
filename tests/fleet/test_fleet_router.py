"""Nodes and callers over a real router: those that are killed, stopped, cancelled, too slow, and come back.

They are for a router that is installed first: ``make fleet``.
"""

from __future__ import annotations

import signal
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any, ClassVar

import pytest
from autobahn.wamp.types import RegisterOptions
from twisted.internet import reactor
from twisted.internet.defer import CancelledError, Deferred
from twisted.internet.task import LoopingCall, deferLater
from twisted.trial.unittest import TestCase

from tests.fleet.router import PATIENCE, REALM, Crossbar, Program
from txcdp.errors import ConnectError, FleetBusy, FleetError, NodeLost
from txcdp.fleet import Fleet, FleetOptions, RouterOptions, connect
from txcdp.fleet._line import RouterLine
from txcdp.fleet._messages import CHUNK

pytestmark = pytest.mark.fleet

CLOCK: Any = reactor
URL = "http://example.com/"

#: Bytes of a large PDF.
LARGE = 30 * 1024 * 1024


async def until(condition: Callable[[], object], what: str) -> None:
    """Wait until something holds."""
    ends = time.monotonic() + PATIENCE
    while not condition():
        assert time.monotonic() < ends, f"{what}: not within {PATIENCE:g} s"
        await deferLater(CLOCK, 0.05)


class RouterCase(TestCase):
    timeout = 300
    router: ClassVar[Crossbar]
    options: ClassVar[dict[str, Any] | None] = None

    @classmethod
    def setUpClass(cls) -> None:
        folder = tempfile.TemporaryDirectory(prefix="txcdp-fleet-")
        cls.addClassCleanup(folder.cleanup)
        cls.router = Crossbar(Path(folder.name), cls.options)
        cls.addClassCleanup(cls.router.kill)

    def setUp(self) -> None:
        self.addCleanup(self.settle)

    async def settle(self) -> None:
        """Let Autobahn's timers pass, which it does not cancel."""
        await until(lambda: "_notify_bucket" not in str([*map(str, CLOCK.getDelayedCalls())]), "Autobahn's timers")

    async def node(
        self, authid: str = "node-1", seconds: float = 0.05, places: int = 4, size: int = 1000, events: int = 0
    ) -> Program:
        """Return a node that is registered."""
        node = Program("fake_node", self.router, authid, seconds, places, size, events)
        self.addCleanup(node.end)
        await until(lambda: node.count("ready"), "a node")
        return node

    async def caller(self, calls: int = 1) -> Program:
        """Return a process that calls."""
        caller = Program("caller", self.router, "shop", calls)
        self.addCleanup(caller.end)
        await until(lambda: caller.count("calling"), "a caller")
        return caller

    async def listener(self, how: str, what: str) -> Program:
        """Return a process that has heard something of a page."""
        listener = Program("listener", self.router, "shop", how, what)
        self.addCleanup(listener.end)
        await until(lambda: listener.count("event"), "an event")
        return listener

    async def fleet(self, **options: Any) -> Fleet:
        fleet = await connect(CLOCK, self.router.options("shop"), FleetOptions(**{"timeout": PATIENCE, **options}))
        self.addCleanup(fleet.close)
        return fleet

    async def state(self, node: str = "node_1") -> dict[str, Any]:
        """Ask a node what it has, as an operator."""
        operator = await connect(CLOCK, self.router.options("admin"))
        try:
            session = await operator._session()
            found: dict[str, Any] = await session.call(f"txcdp.operate.{node}.state")
        finally:
            await operator.close()
        return found


class Calls(RouterCase):
    async def test_two_nodes_take_turns(self):
        one, two = await self.node("node-1"), await self.node("node-2")
        fleet = await self.fleet()
        for number in range(10):
            self.assertEqual(len(await fleet.pdf(f"{URL}{number}")), 1000)
        self.assertEqual((len(one.begun), len(two.begun)), (5, 5))

    async def test_a_result_that_no_message_holds(self):
        await self.node(size=LARGE)
        fleet = await self.fleet()
        self.assertEqual(await fleet.pdf(URL), b"%" * LARGE)

    async def test_what_no_message_holds_costs_nobody_a_line(self):
        """What is refused is refused here; of what the router would refuse, it would end the line of who sends it."""
        node = await self.node(seconds=1.0)
        fleet = await self.fleet()
        other = fleet.pdf(URL)
        for more in ({"html": "x" * 800_000}, {"function": "values => 1", "args": [[0.5] * 150_000]}):
            with self.assertRaisesRegex(ValueError, "too large"):
                await fleet.render("evaluate", **more)
        self.assertEqual(len(await other), 1000)
        self.assertEqual(await fleet.evaluate(URL, function="values => 1", args=[[0.5] * 50_000]), "text")
        self.assertEqual(node.count("ready"), 1)

    async def test_who_may_not_come_in(self):
        for authid, ticket in (("shop", "wrong-ticket"), ("nobody", "wrong-ticket")):
            options = RouterOptions(url=self.router.url, realm=REALM, authid=authid, ticket=ticket)
            with self.assertRaises(ConnectError) as caught:
                await connect(CLOCK, options)
            self.assertNotIn(ticket, str(caught.exception))
        with self.assertRaises(FleetError):  # a node may not call
            fleet = await connect(CLOCK, self.router.options("node-2"))
            self.addCleanup(fleet.close)
            await fleet.pdf(URL, timeout=PATIENCE)

    async def test_a_cancelled_call_ends_here_at_once_and_there_soon(self):
        node = await self.node(seconds=600)
        fleet = await self.fleet()
        calling = fleet.pdf(URL)
        await until(lambda: node.begun, "a page")
        calling.cancel()
        self.failureResultOf(calling, CancelledError)
        await until(lambda: node.count("gone"), "the end of the page")


class Killed(RouterCase):
    async def test_callers_that_are_killed_take_no_places_with_them(self):
        node = await self.node(seconds=2.0, places=2)
        other = await self.fleet()
        for number in range(3):
            caller = await self.caller(2)
            await until(lambda number=number: len(node.begun) >= 2 * number + 2, "two pages")  # type: ignore[misc]
            caller.signal(signal.SIGKILL)
            await until(lambda number=number: node.count("gone") >= 2 * number + 2, "no page")  # type: ignore[misc]
        calls = [other.pdf(f"{URL}other{number}") for number in range(4)]
        for each in calls:
            self.assertEqual(len(await each), 1000)
        self.assertEqual(node.count("ready"), 1)
        most = 0
        calls = [other.pdf(f"{URL}both{number}") for number in range(6)]
        while not all(each.called for each in calls):
            most = max(most, len(node.begun) - node.count("gone"))
            await deferLater(CLOCK, 0.02)
        self.assertEqual(most, 2)
        for each in calls:
            await each

    async def test_the_calls_of_others_go_on_when_a_caller_is_killed(self):
        node = await self.node(seconds=3.0, places=8)
        fleet = await self.fleet()
        calls = [fleet.evaluate(f"{URL}other{number}", "1") for number in range(3)]
        caller = await self.caller(3)
        await until(lambda: len(node.begun) == 6, "six pages")
        caller.signal(signal.SIGKILL)
        self.assertEqual([await each for each in calls], ["text"] * 3)
        self.assertEqual(len(node.begun), 6)

    async def test_a_node_that_is_killed_costs_an_attempt(self):
        first, second = await self.node("node-1", seconds=1.0), await self.node("node-2", seconds=1.0)
        fleet = await self.fleet()
        safe = [fleet.pdf(f"{URL}safe{number}") for number in range(4)]
        unsafe = [fleet.evaluate(f"{URL}unsafe{number}", "1") for number in range(4)]
        for each in unsafe:
            each.addErrback(lambda failure: failure.trap(NodeLost) and None)
        await until(lambda: len(first.begun) == 4 and len(second.begun) == 4, "eight pages")
        first.signal(signal.SIGKILL)
        for calling in safe:
            self.assertEqual(len(await calling), 1000)
        results = [await each for each in unsafe]
        lost = [number for number, result in enumerate(results) if result is None]
        begun = first.begun + second.begun
        for number in range(4):
            self.assertEqual(begun.count(f"{URL}unsafe{number}"), 1)
        self.assertEqual(
            {f"{URL}unsafe{number}" for number in lost}, {each for each in first.begun if "unsafe" in each}
        )

    async def test_a_router_that_is_killed_and_comes_back(self):
        node = await self.node(seconds=1.0)
        fleet = await self.fleet()
        safe, unsafe = fleet.pdf(URL), fleet.evaluate(URL, "1")
        await until(lambda: len(node.begun) == 2, "two pages")
        self.router.kill()
        with self.assertRaises(NodeLost):
            await unsafe
        await until(lambda: node.count("gone") == 2, "no page")
        self.router.start()
        self.assertEqual(len(await safe), 1000)
        self.assertEqual(node.count("ready"), 2)


class CrossbarItself(RouterCase):
    """What nodes have to bear of the router: where one of these fails, what is done about it may go."""

    async def callee(self, did: Callable[..., object]) -> RouterLine:
        """Return the line of one that has registered a procedure for two calls at once, and does nothing else."""
        line = RouterLine(CLOCK, self.router.options("node-1"))
        self.addCleanup(line.stop)
        line.start()
        session = await line.when_joined()
        options = RegisterOptions(invoke="roundrobin", concurrency=2, details_arg="details")
        await session.register(did, "txcdp.work.render", options)
        return line

    async def kill_callers(self, calls: list[Any]) -> None:
        """Have two callers killed in mid-call, one after the other."""
        for number in (1, 2):
            caller = await self.caller()
            await until(lambda number=number: len(calls) == number, "a call")  # type: ignore[misc]
            caller.signal(signal.SIGKILL)
            await until(lambda number=number: calls[number - 1].called, "an interrupt")  # type: ignore[misc]

    async def test_it_goes_on_counting_calls_whose_callers_were_killed(self):
        calls: list[Deferred[Any]] = []

        def called(*wanted: Any, details: Any) -> Deferred[Any]:
            calls.append(Deferred())
            return calls[-1].addErrback(lambda failure: failure.trap(CancelledError) and "given up")

        line = await self.callee(called)
        before = line.session
        await self.kill_callers(calls)
        fleet = await self.fleet(tries=3)
        with self.assertRaisesRegex(FleetBusy, "concurrency"):
            await fleet.pdf(URL)
        self.assertEqual(len(calls), 2)
        self.assertIs(line.session, before)

    async def test_it_bears_one_who_goes_on_answering_a_caller_that_was_killed(self):
        """Other routers, and former versions of this one, have ended the callee's line for that."""
        calls: list[Deferred[Any]] = []

        def called(*wanted: Any, details: Any) -> Deferred[Any]:
            telling = LoopingCall(details.progress, "alive")
            telling.start(0.01).addErrback(lambda failure: None)
            self.addCleanup(telling.stop)
            calls.append(Deferred(lambda _: calls[-1].callback("done all the same")))
            return calls[-1]

        line = await self.callee(called)
        before = line.session
        await self.kill_callers(calls)
        operator = await self.fleet(tries=1)
        with self.assertRaises(FleetError):
            await operator.evaluate(URL, "1", timeout=1)  # the router has read all that was sent before
        self.assertIs(line.session, before)


class Subscribers(RouterCase):
    """Subscribers that are stopped, of a page that says ten megabytes a second."""

    async def test_one_of_a_watched_page_is_sent_no_more_than_it_has_asked_for(self):
        node = await self.node(events=50)
        stopped = await self.listener("watch", URL)
        before = self.router.memory()
        stopped.signal(signal.SIGSTOP)
        self.addCleanup(stopped.signal, signal.SIGCONT)
        said = node.count("said")
        await until(lambda: node.count("said") >= said + 4 or node.count("gone"), "40 MB, or the router's pings")
        self.assertLess(self.router.memory() - before, 16 * 1024 * 1024)

    async def test_one_of_a_published_page_holds_up_nobody(self):
        node = await self.node(events=50)
        stopped = await self.listener("subscribe", "news")
        other = await self.listener("subscribe", "news")
        stopped.signal(signal.SIGSTOP)
        heard, said = other.count("event"), node.count("said")
        await until(lambda: other.count("event") >= heard + 60, "6,000 events")
        self.assertGreater(node.count("said"), said)
        numbers = [int(each.split()[1]) for each in other.said if each.startswith("event")]
        self.assertEqual(numbers, sorted(numbers))
        stopped.signal(signal.SIGCONT)
        heard = other.count("event")
        await until(lambda: other.count("event") >= heard + 10, "1,000 more")
        self.assertEqual(other.count("end"), 0)


class Stopped(RouterCase):
    async def test_a_stopped_caller_and_thirty_megabytes(self):
        node = await self.node(size=LARGE)
        await self.fleet()
        before = self.router.memory()
        caller = await self.caller()
        caller.signal(signal.SIGSTOP)
        await until(lambda: caller.process.poll() is not None or node.count("begun"), "a page")
        await until(lambda: node.count("gone"), "the end of the page")
        self.assertLess(self.router.memory() - before, 16 * CHUNK + 4 * 1024 * 1024)
        caller.signal(signal.SIGCONT)
        await until(lambda: caller.count("done") or caller.count("failed"), "the end of the call")
        self.assertIn(f"done {LARGE}", caller.said)

    async def test_a_stopped_caller_is_not_waited_for(self):
        node = await self.node(size=LARGE, places=1)
        caller = await self.caller()
        await until(lambda: node.count("gone"), "the end of the page")
        caller.signal(signal.SIGSTOP)
        fleet = await self.fleet()
        self.assertEqual(len(await fleet.pdf(URL)), LARGE)  # the router, or the node, has given it up

    async def test_a_stopped_node(self):
        first, second = await self.node("node-1", seconds=0.5), await self.node("node-2", seconds=0.5)
        fleet = await self.fleet(silence=3.0)
        first.signal(signal.SIGSTOP)
        self.addCleanup(first.signal, signal.SIGCONT)
        calls: list[Deferred[Any]] = [fleet.pdf(f"{URL}safe{number}") for number in range(4)]
        calls += [fleet.evaluate(f"{URL}unsafe{number}", "1") for number in range(4)]
        for each in calls:
            await each  # what was not begun is not lost
        self.assertEqual(len(second.begun), 8)
        first.signal(signal.SIGCONT)
        while not any("after" in each for each in first.begun):
            await fleet.pdf(f"{URL}after")
        self.assertEqual([each for each in first.begun if "unsafe" in each], [])

    async def test_a_node_that_was_stopped_in_the_middle(self):
        first = await self.node("node-1", seconds=2.0)
        fleet = await self.fleet(silence=6.0)
        safe, unsafe = fleet.pdf(f"{URL}safe"), fleet.evaluate(f"{URL}unsafe", "1")
        await until(lambda: len(first.begun) == 2, "two pages")
        first.signal(signal.SIGSTOP)
        self.addCleanup(first.signal, signal.SIGCONT)
        second = await self.node("node-2", seconds=0.1)
        with self.assertRaises(NodeLost):
            await unsafe
        self.assertEqual(len(await safe), 1000)
        self.assertEqual(second.begun, [f"{URL}safe"])
        first.signal(signal.SIGCONT)
        await until(lambda: first.count("ready") == 2, "the node again")
        self.assertEqual(first.begun.count(f"{URL}unsafe"), 1)
