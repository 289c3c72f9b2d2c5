"""Shared mode without a browser that runs: who gets which, what the endpoints say, who is told of an end."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

from twisted.internet.defer import Deferred, fail, succeed
from twisted.trial.unittest import SynchronousTestCase

from tests.gateway.support import Caller, FakeTransport
from tests.gateway.support import GatewayCase as ExclusiveCase
from tests.gateway.support_virtual_browser import BROKEN, FakeBrowser
from txcdp.chrome import discovery
from txcdp.chrome._descriptions import TargetDescription
from txcdp.errors import ConnectError, ConnectionLost
from txcdp.gateway import (
    AccessOptions,
    BrowserLimits,
    ClientLimits,
    Gateway,
    GatewayOptions,
    Policy,
    PoolOptions,
)
from txcdp.gateway._options import RISKY_METHODS
from txcdp.gateway._proxy.exclusive_mode import Exclusive
from txcdp.gateway._proxy.shared_mode import Shared
from txcdp.gateway._proxy.virtual_transport import VirtualLine, VirtualTransport, WriteBatch

STRICT = Policy(methods=RISKY_METHODS, schemes=("file", "chrome"), private_addresses=False)


class BrowserLine(FakeTransport):
    """A line to a browser in memory, which answers when the test lets it."""

    def __init__(self, url: str) -> None:
        super().__init__(url)
        self.browser = FakeBrowser(receive=self._receive)

    def send(self, message: bytes) -> None:
        super().send(message)
        self.browser.receive(message)

    def deliver(self) -> bool:
        """Let the gateway hear what the browser has said."""
        return self.receiver is not None and self.browser.out.deliver()

    def _receive(self, message: bytes) -> None:
        if self.receiver is not None:
            self.receiver.message_received(message)


class SharedCase(ExclusiveCase):
    lines: list[BrowserLine]  # type: ignore[assignment]

    def make(self, **options: Any) -> Gateway:
        self.opening: Callable[[str], Deferred[Any]] = self.open_line
        chosen = GatewayOptions(**{"mode": "shared", "pool": PoolOptions(size=2, warm=0), "linger": 0.0, **options})
        self.patch(discovery, "list_targets", self.list_targets)
        self.gateway = Gateway(
            self.reactor, chosen, self.starter, lambda r, p, o: Shared(r, p, o, lambda _, url: self.opening(url))
        )
        self.gateway.pool.open()
        self.mode: Any = self.gateway.mode
        self.addCleanup(self.finish)
        return self.gateway

    def list_targets(self, reactor: Any, netloc: str) -> Deferred[list[TargetDescription]]:
        (line,) = [each for each in self.lines if f"/{netloc}/" in each.url and each.receiver is not None]
        targets = line.browser.targets.all.values()
        return succeed([TargetDescription(id=each.id, type=each.type, url=each.url) for each in targets])

    def open_line(self, url: str) -> Deferred[Any]:
        self.lines.append(BrowserLine(url))
        return succeed(self.lines[-1])

    def settle(self) -> None:
        """Let all browsers answer."""
        while sum(each.deliver() for each in self.lines):
            pass

    def finish(self) -> None:
        for _ in range(2):
            self.settle()
            self.gateway.stop()
        super().finish()

    def client(self, target: str = "/devtools/browser", *headers: str) -> Caller:
        caller = self.caller()
        caller.upgrade(target, *headers)
        self.settle()
        self.assertEqual(caller.status, 101, caller.written)
        return caller

    def get(self, target: str, *headers: str, verb: str = "GET") -> Caller:
        caller = super().get(target, *headers, verb=verb)
        self.settle()
        return caller

    def say(self, caller: Caller, method: str, **params: Any) -> dict[str, Any]:
        """Let a client say something, and return the answer."""
        caller.say({"id": 1000 + len(caller.heard()), "method": method, "params": params})
        number = 1000 + len(caller.heard())
        self.settle()
        return next(each for each in reversed(caller.heard()) if each.get("id", 0) >= 1000 and each["id"] <= number)

    def page(self, caller: Caller) -> str:
        return str(self.say(caller, "Target.createTarget", url="about:blank")["result"]["targetId"])

    def loads(self) -> list[int]:
        return sorted(len(each.clients) for each in self.mode.placement.upstreams)


class PlaceTests(SharedCase):
    def test_two_in_one_browser(self):
        gateway = self.make(pool=PoolOptions(size=1, warm=0))
        first, second = self.client(), self.client()
        self.assertEqual((len(self.lines), self.loads()), (1, [2]))
        (upstream,) = self.mode.placement.upstreams
        line: Any = self.lines[0]
        self.assertIs(line.batched_with, upstream.write_batch)
        (first_page,) = self.say(first, "Target.getTargets")["result"]["targetInfos"]
        own = self.page(first)
        self.page(second)
        found = self.say(first, "Target.getTargets")["result"]["targetInfos"]
        self.assertEqual([each["targetId"] for each in found if each["type"] == "page"], [first_page["targetId"], own])
        self.assertEqual([each["sessions"] for each in gateway.state()["browsers"]], [2])
        first.leave()
        self.settle()
        self.assertEqual(self.loads(), [1])
        self.assertNotIn(own, self.lines[0].browser.targets.all)
        second.leave()
        self.settle()
        self.assertEqual((self.loads(), len(gateway.pool.leased), self.lines[0].aborted), ([], 0, "nobody is in it"))

    def test_the_least_loaded_comes_first(self):
        limits = BrowserLimits(sessions=10)
        self.make(pool=PoolOptions(size=2, warm=2, clients_per_browser=3, browser=limits))
        callers = [self.client() for _ in range(5)]
        self.assertEqual(self.loads(), [2, 3])
        callers[0].leave()
        callers[2].leave()
        self.settle()
        self.assertEqual(self.loads(), [1, 2])
        self.client()
        self.assertEqual(self.loads(), [2, 2])

    def test_who_comes_while_a_browser_is_started(self):
        self.starter.at_once = False
        self.make(pool=PoolOptions(size=2, warm=0, clients_per_browser=2, queue=0))
        callers = [self.caller() for _ in range(5)]
        for each in callers:
            each.upgrade("/devtools/browser")
        self.assertEqual([each.status for each in callers], [0, 0, 0, 0, 503])
        self.assertEqual((len(self.starter.waiting), self.mode.placement.waiting), (2, 4))
        self.starter.come_up()
        self.assertEqual([each.status for each in callers], [101, 101, 0, 0, 503])
        self.starter.come_up()
        self.assertEqual([each.status for each in callers], [101, 101, 101, 101, 503])

    def test_who_waits_gets_the_place_of_one_who_leaves(self):
        self.make(pool=PoolOptions(size=1, warm=0, clients_per_browser=1, queue_deadline=3))
        first, second, third = self.client(), self.caller(), self.caller()
        second.upgrade("/devtools/browser")
        third.upgrade("/devtools/browser")
        self.reactor.advance(1)
        first.leave()
        self.settle()
        self.assertEqual((second.status, third.status), (101, 0))
        self.reactor.advance(2)
        self.assertEqual(third.status, 503)
        self.assertIn("Retry-After", third.head)

    def test_who_waits_and_goes(self):
        self.starter.at_once = False
        gateway = self.make()
        caller = self.caller()
        caller.upgrade("/devtools/browser")
        caller.leave()
        self.assertEqual(self.mode.placement.waiting, 0)
        self.starter.come_up()
        self.settle()
        self.assertEqual((self.loads(), len(gateway.pool.leased), gateway.clients.taken), ([], 0, 0))

    def test_a_browser_that_has_served_its_time(self):
        limits = BrowserLimits(sessions=1)
        gateway = self.make(pool=PoolOptions(size=2, warm=0, clients_per_browser=2, browser=limits))
        first, second = self.client(), self.client()
        second.leave()
        third = self.client()
        self.assertEqual(len(self.lines), 2, "it has had two")
        fourth = self.client()
        self.assertEqual(self.loads(), [1, 2])
        self.client()
        self.assertEqual(self.loads(), [2, 2], "nobody else has room")
        for each in (third, fourth):
            each.leave()
        self.settle()
        first.leave()
        self.settle()
        self.assertEqual(self.loads(), [1])
        self.assertEqual(gateway.pool.counts.recycled, 1)

    def test_a_browser_is_used_again(self):
        gateway = self.make()
        for _ in range(3):
            self.client().leave()
            self.settle()
        self.assertEqual((len(self.lines), len(self.starter.browsers)), (3, 1))
        self.assertEqual([each.sessions for each in gateway.pool.idle], [3])

    def test_a_browser_that_does_not_clear_away(self):
        gateway = self.make(pool=PoolOptions(size=1, warm=0, check_timeout=2, check_interval=60))
        self.client().leave()
        self.assertEqual(len(gateway.pool.leased), 1)
        self.assertEqual(self.loads(), [0])
        again = self.client()
        self.assertEqual(self.loads(), [1])
        again.leave()
        self.reactor.advance(2)
        self.assertEqual((self.loads(), len(gateway.pool.leased)), ([], 0))

    def test_a_browser_that_cannot_be_reached(self):
        gateway = self.make()
        self.opening = lambda _: fail(ConnectError("refused"))
        caller = self.caller()
        caller.upgrade("/devtools/browser")
        self.assertEqual((caller.status, len(gateway.pool.leased)), (503, 0))
        self.opening = self.open_line
        first = self.client()
        self.opening = lambda _: fail(ConnectError("refused"))
        second = self.client()
        self.assertEqual(self.loads(), [2])
        first.leave()
        second.leave()

    def test_a_browser_that_cannot_be_shared(self):
        gateway = self.make()

        def broken(url: str) -> Deferred[Any]:
            self.lines.append(BrowserLine(url))
            self.lines[-1].browser.on("Target.setAutoAttach", BROKEN)
            return succeed(self.lines[-1])

        self.opening = broken
        caller = self.client()
        self.assertEqual(caller.closed_with()[0], 1011)
        self.assertIn("cannot be shared", caller.closed_with()[1])
        self.assertEqual(len(gateway.pool.leased), 0)

    def test_a_browser_that_goes_while_its_line_is_opened(self):
        self.make()
        late: Deferred[Any] = Deferred()
        self.opening = lambda _: late
        caller = self.caller()
        caller.upgrade("/devtools/browser")
        self.starter.browsers[0].gone.callback(None)
        self.opening = self.open_line
        late.callback(BrowserLine("x"))
        self.assertEqual((caller.status, self.loads()), (101, [1]))

    def test_no_more_are_taken(self):
        gateway = self.make(drain=5.0)
        there = self.client()
        gateway.stop()
        self.failureResultOf(self.mode.placement.find())
        self.assertNotIn(8, [each.opcode for each in there.frames()])
        there.leave()

    def test_who_waits_when_the_gateway_is_stopped(self):
        self.starter.at_once = False
        gateway = self.make()
        caller = self.caller()
        caller.upgrade("/devtools/browser")
        gateway.stop()
        self.assertEqual(caller.status, 503)

    def test_the_mode_is_chosen(self):
        for mode, kind in (("shared", Shared), ("exclusive", Exclusive)):
            self.assertIsInstance(Gateway(self.reactor, GatewayOptions(mode=mode), self.starter).mode, kind)  # type: ignore[arg-type]
        self.assertRaises(ValueError, GatewayOptions, mode="other")
        self.assertRaises(ValueError, PoolOptions, clients_per_browser=0)


class EndTests(SharedCase):
    def test_the_browser_ends(self):
        gateway = self.make(pool=PoolOptions(size=2, warm=2, clients_per_browser=2))
        callers = [self.client() for _ in range(4)]
        (upstream, _) = self.mode.placement.upstreams
        doomed = [
            each
            for each, relay in zip(callers, gateway.clients.relays.values(), strict=True)
            if relay.line.browser == str(upstream.pooled.running.pid)
        ]
        held = json.loads(self.get("/json/new", verb="PUT").body or b"{}")
        self.assertEqual(held, {}, "there is no room")
        upstream.transport.lose()
        for each in callers:
            if each in doomed:
                self.assertEqual(each.closed_with(), (1011, "the browser is gone: its process has ended"))
                each.leave()
            else:
                self.assertIn("result", self.say(each, "Browser.getVersion"))
        self.assertEqual((gateway.pool.counts.died, gateway.counters.ended["browser"]), (1, 2))

    def test_its_line_fails(self):
        gateway = self.make()
        caller = self.client()
        self.lines[0].receiver.transport_closed(ConnectionLost("too long", 1009, False, "protocol"))
        self.assertEqual(caller.closed_with(), (1011, "the browser is gone: its line has failed: too long"))
        self.assertEqual((self.starter.browsers[0].closed, gateway.pool.counts.died), (1, 1))

    def test_the_pool_ends_it(self):
        gateway = self.make()
        caller, page = self.client(), json.loads(self.get("/json/new", verb="PUT").body)
        (pooled,) = gateway.pool.leased
        gateway.pool.discard(pooled, "it is too fat")
        self.assertEqual(caller.closed_with(), (1011, "the browser is gone: it is too fat"))
        self.assertEqual(self.mode.leases, [each for each in self.mode.leases if each.lines])
        self.assertEqual(self.get(f"/devtools/page/{page['id']}").status, 426)
        late = self.caller()
        late.upgrade(f"/devtools/page/{page['id']}")
        self.assertEqual(late.status, 404)

    def test_browser_close(self):
        gateway = self.make(pool=PoolOptions(size=1, warm=0))
        first, second = self.client(), self.client()
        first.say({"id": 1, "method": "Browser.close"})
        self.assertEqual(first.closed_with()[0], 1000)
        self.assertIn({"id": 1, "result": {}}, first.heard())
        self.settle()
        self.assertIn("result", self.say(second, "Browser.getVersion"))
        first.leave()
        self.settle()
        self.assertEqual((self.loads(), gateway.pool.counts.died), ([1], 0))

    def test_who_does_not_read(self):
        gateway = self.make(clients=ClientLimits(unread=1000), pool=PoolOptions(size=1, warm=0))
        slow, other = self.client(), self.client()
        producer: Any = slow.tcp.producer
        producer.pauseProducing()
        for number in range(30):
            slow.say({"id": number, "method": "Browser.getVersion", "params": {}})
            self.settle()
            self.assertFalse(self.lines[0].paused)
        self.assertEqual(slow.closed_with()[0], 1008)
        self.assertIn("1,000 bytes unread", slow.closed_with()[1])
        self.assertIn("result", self.say(other, "Browser.getVersion"))
        slow.leave()
        self.assertEqual(gateway.counters.ended["slow"], 1)
        self.assertTrue(900 < gateway.counters.dropped <= 1000, gateway.counters.dropped)

    def test_who_reads_again_in_time(self):
        self.make()
        caller = self.client()
        producer: Any = caller.tcp.producer
        producer.pauseProducing()
        for number in range(5):
            caller.say({"id": number, "method": "Browser.getVersion", "params": {}})
        self.settle()
        self.assertEqual(caller.heard(), [])
        producer.resumeProducing()
        self.assertEqual([each["id"] for each in caller.heard()], list(range(5)))

    def test_a_browser_that_does_not_read(self):
        self.make()
        caller = self.client()
        self.lines[0].congested = True
        caller.say({"id": 1, "method": "Browser.getVersion"})
        relay = next(iter(self.gateway.clients.relays.values()))
        self.assertTrue(relay.client.paused)
        self.lines[0].congested = False
        self.lines[0].drained.callback(None)
        self.assertFalse(relay.client.paused)


class EndpointTests(SharedCase):
    def url(self, answer: Any) -> str:
        return str(answer["webSocketDebuggerUrl"]).removeprefix("ws://127.0.0.1:9222")

    def test_version(self):
        self.make()
        said = json.loads(self.get("/json/version").body)
        self.assertEqual(said["Browser"], "Fake/1.0")
        self.client(self.url(said))
        self.client(self.url(said))
        self.assertEqual(self.loads(), [2], "each has a virtual browser of its own")
        caller = self.caller()
        caller.upgrade("/devtools/browser/nope")
        self.assertEqual(caller.status, 404)

    def test_the_protocol(self):
        self.make()
        self.mode._versions._protocol = b"{}"
        self.assertEqual(self.get("/json/protocol").body, b"{}")

    def test_a_new_page(self):
        gateway = self.make(hold=5.0)
        made = json.loads(self.get("/json/new?http://x.test/", verb="PUT").body)
        self.assertEqual((made["type"], self.loads()), ("page", [1]))
        listed = json.loads(self.get("/json/list").body)
        self.assertEqual([each["id"] for each in listed][1:], [made["id"]])
        first = self.client(self.url(made))
        self.assertEqual(self.say(first, "Runtime.evaluate", expression="x")["result"]["result"]["value"], "x")
        second = self.client(self.url(made))
        self.reactor.advance(6)
        first.leave()
        self.settle()
        self.assertEqual(self.loads(), [1])
        second.leave()
        self.settle()
        self.assertEqual((self.loads(), len(gateway.pool.leased)), ([], 0))
        self.assertEqual(len(json.loads(self.get("/json/list").body)), 1)

    def test_nobody_comes(self):
        self.make(hold=5.0)
        self.get("/json/new", verb="PUT")
        self.reactor.advance(4.9)
        self.assertEqual(self.loads(), [1])
        self.reactor.advance(0.2)
        self.settle()
        self.assertEqual((self.loads(), self.mode.leases), ([], []))

    def test_the_page_that_is_offered(self):
        self.make()
        self.client()
        (offered,) = json.loads(self.get("/json/list").body)
        self.assertEqual(json.loads(self.get("/json/list").body), [offered])
        self.assertIn(offered["id"], self.lines[0].browser.targets.all)
        first, second = self.client(self.url(offered)), self.client(self.url(offered))
        self.assertEqual((self.loads(), len(self.mode.leases)), ([3], 3), "they were two who were offered it")
        third = self.client(self.url(offered))
        self.assertEqual(len(self.mode.leases), 3)
        self.lines[0].browser.targets.all[offered["id"]].url = "http://new.test/"
        again = json.loads(self.get("/json/list").body)
        self.assertNotEqual(again[0]["id"], offered["id"])
        self.assertEqual([each["id"] for each in again[1:]], [offered["id"]] * 2)
        self.assertIn("http://new.test/", [each["url"] for each in again])
        third.leave()
        for each in (first, second):
            self.assertIn("result", self.say(each, "Runtime.evaluate", expression="x"))
            each.leave()
        late = self.caller()
        late.upgrade(self.url(offered))
        self.assertEqual(late.status, 404)

    def test_a_page_is_offered_where_there_is_no_room(self):
        self.make(hold=5.0)
        (offered,) = json.loads(self.get("/json/list").body)
        self.assertEqual((json.loads(self.get("/json/list").body), self.mode.leases), ([offered], []))
        self.reactor.advance(100)
        self.client(self.url(offered))
        self.assertEqual(len(self.mode.leases), 1)

    def test_what_is_offered_takes_no_place_from_those_who_come(self):
        self.make(hold=5.0, pool=PoolOptions(size=1, warm=0, clients_per_browser=2))
        self.client()
        (offered,) = json.loads(self.get("/json/list").body)
        self.assertEqual(self.loads(), [2])
        self.client()
        self.assertEqual(self.loads(), [2])
        caller = self.caller()
        caller.upgrade(self.url(offered))
        self.assertEqual(caller.status, 0, "it waits for a place")
        caller.leave()

    def test_what_nobody_comes_for_ends(self):
        self.make(hold=5.0)
        self.client()
        self.get("/json/list")
        self.assertEqual(self.loads(), [2])
        self.reactor.advance(6)
        self.settle()
        self.assertEqual(self.loads(), [1])

    def test_who_comes_again_at_once(self):
        self.make(linger=2.0, pool=PoolOptions(size=1, warm=0, clients_per_browser=1))
        url = self.url(json.loads(self.get("/json/version").body))
        first = self.client(url)
        context = self.say(first, "Target.createBrowserContext")["result"]["browserContextId"]
        (page,) = self.say(first, "Target.getTargets")["result"]["targetInfos"]
        self.say(first, "Target.setDiscoverTargets", discover=True)
        session = self.say(first, "Target.attachToTarget", targetId=page["targetId"], flatten=True)["result"]
        first.leave()
        self.settle()
        self.assertNotIn(session["sessionId"], self.lines[0].browser.targets.sessions)
        self.reactor.advance(1)
        again = self.client(url)
        self.assertEqual(self.say(again, "Target.getBrowserContexts")["result"]["browserContextIds"], [context])
        self.assertEqual(self.say(again, "Target.getTargets")["result"]["targetInfos"], [page])
        self.assertNotIn("Target.targetCreated", [each.get("method") for each in again.heard()])
        again.leave()
        line = self.client(f"/devtools/page/{page['targetId']}")
        self.reactor.advance(5)
        self.assertIn("result", self.say(line, "Runtime.evaluate", expression="x"))
        line.leave()
        self.reactor.advance(2.1)
        self.settle()
        self.assertEqual((self.mode.leases, self.loads()), ([], []))

    def test_nobody_waits_for_one_who_might_come_again(self):
        self.make(linger=2.0, pool=PoolOptions(size=1, warm=0, clients_per_browser=1))
        self.client().leave()
        self.assertEqual((self.loads(), len(self.mode.leases)), ([1], 1))
        second, third = self.client(), self.caller()
        self.assertEqual((self.loads(), len(self.mode.leases)), ([1], 1))
        third.upgrade("/devtools/browser")
        second.leave()
        self.settle()
        self.assertEqual((third.status, len(self.mode.leases)), (101, 1))
        third.say({"id": 1, "method": "Browser.close"})
        self.settle()
        third.leave()
        self.assertEqual(self.mode.leases, [])

    def test_a_browser_ends_while_its_clients_might_come_again(self):
        self.make(linger=2.0)
        self.client().leave()
        self.lines[0].lose()
        self.assertEqual((self.mode.leases, self.loads()), ([], []))

    def test_activate_and_close(self):
        self.make()
        caller = self.client()
        target = self.page(caller)
        page = self.client(f"/devtools/page/{target}")
        self.assertEqual(self.get(f"/json/activate/{target}", verb="PUT").body, b"Target activated")
        self.assertEqual(self.get(f"/json/close/{target}", verb="PUT").body, b"Target is closing")
        self.assertEqual(page.closed_with(), (1000, "the browser, or the page, has closed"))
        for verb in ("activate", "close"):
            self.assertEqual(self.get(f"/json/{verb}/{target}", verb="PUT").status, 404)

    def test_a_page_is_attached_to_before_its_line_opens(self):
        self.make()
        client = self.client()
        target = self.page(client)
        caller = self.caller()
        caller.upgrade(f"/devtools/page/{target}")
        sessions = self.lines[0].browser.targets.sessions.values()
        has_session = lambda: any(each.target is not None and each.target.id == target for each in sessions)  # noqa: E731
        while not has_session():
            self.assertEqual(caller.status, 0)
            self.assertTrue(self.lines[0].deliver())
        self.settle()
        self.assertEqual(caller.status, 101)

    def test_what_happens_to_a_page_while_its_line_opens(self):
        self.make()
        client = self.client()
        gone, crashed = self.page(client), self.page(client)
        callers = [self.caller() for _ in range(2)]
        for caller, target in zip(callers, (gone, crashed), strict=True):
            caller.upgrade(f"/devtools/page/{target}")
        self.say(client, "Target.closeTarget", targetId=gone)
        browser = self.lines[0].browser
        for key, session in browser.targets.sessions.items():
            if session.target is not None and session.target.id == crashed:
                message = {"method": "Inspector.targetCrashed", "params": {}, "sessionId": key}
                self.lines[0]._receive(json.dumps(message).encode())
        self.assertEqual([each.status for each in callers], [404, 101])
        self.assertIn("Inspector.targetCrashed", [each.get("method") for each in callers[1].heard()])
        self.assertEqual(len([each for each in self.mode.leases if each.lines]), 1)

    def test_a_page_whose_browser_does_not_answer(self):
        self.make(pool=PoolOptions(size=1, warm=0, check_timeout=2, check_interval=60))
        target = self.page(self.client())
        caller = self.caller()
        caller.upgrade(f"/devtools/page/{target}")
        self.reactor.advance(2)
        self.assertEqual(caller.status, 502)
        left = self.caller()
        left.upgrade(f"/devtools/page/{target}")
        left.leave()
        self.settle()
        (lease,) = [each for each in self.mode.leases if each.lines]
        self.assertEqual(len(lease.lines), 1)

    def test_a_browser_that_does_not_answer(self):
        self.make(pool=PoolOptions(size=1, warm=0, check_timeout=2, check_interval=60))
        asker = self.caller()
        asker.ask("PUT", "/json/new")
        self.reactor.advance(2)
        self.assertEqual((asker.status, self.mode.leases), (502, []))

    def test_a_browser_that_ends_meanwhile(self):
        self.make()
        asker = self.caller()
        asker.ask("PUT", "/json/new")
        self.lines[0].lose()
        self.assertEqual((asker.status, self.mode.leases, self.loads()), (404, [], []))

    def test_who_asks_and_goes(self):
        self.make()
        asker = self.caller()
        asker.ask("PUT", "/json/new")
        asker.leave()
        self.settle()
        self.assertEqual((self.mode.leases, self.loads()), ([], []))

    def test_pages_that_may_not_be_opened(self):
        self.make(policy=Policy(schemes=("file",)))
        for url, word in (("file:///etc/passwd", b"not allowed"), ("chrome://version", b"refused")):
            answer = self.get(f"/json/new?{url}", verb="PUT")
            self.assertEqual(answer.status, 403)
            self.assertIn(word, answer.body)
        self.assertEqual(self.mode.leases, [])

    def test_the_policy_holds_in_virtual_browsers(self):
        self.make(policy=STRICT)
        client = self.client("/devtools/browser")
        forbidden: list[tuple[str, dict[str, Any]]] = [
            ("Target.createTarget", {"url": "http://127.0.0\u30021/"}),
            ("Target.createTarget", {"url": "devtools://devtools/bundled/devtools_app.html"}),
            ("Target.createBrowserContext", {"proxyServer": "127.0.0.1:80"}),
            ("Input.dispatchDragEvent", {"data": {"files": ["/etc/hostname"]}}),
            ("DOM.setFileInputFiles", {"files": ["/etc/hostname"]}),
        ]
        sent = len(self.lines[0].sent)
        for number, (method, params) in enumerate(forbidden, 1):
            client.say({"id": number, "method": method, "params": params})
        refused = [each["error"]["message"] for each in client.heard() if "error" in each]
        self.assertEqual(len(refused), len(forbidden))
        self.assertTrue(all("not allowed by this gateway" in each for each in refused), refused)
        self.assertEqual(len(self.lines[0].sent), sent)
        egress = self.gateway.egress
        assert egress is not None
        egress.start()
        client.say({"id": 9, "method": "Target.createBrowserContext", "params": {"proxyServer": "a.example:80"}})
        self.assertIn(b'"proxyServer":"http://egress.invalid:', self.lines[0].sent[-1])

    def test_tokens(self):
        path = self.mktemp()
        Path(path).write_text('[a]\ntoken = "0123456789abcdef-a"\n[b]\ntoken = "0123456789abcdef-b"\n')
        self.make(access=AccessOptions(tokens=path))
        a, b = ("Authorization: Bearer 0123456789abcdef-a", "Authorization: Bearer 0123456789abcdef-b")
        target = self.page(self.client("/devtools/browser", a))
        made = json.loads(self.get("/json/new", a, verb="PUT").body)["id"]
        version = json.loads(self.get("/json/version", a).body)
        self.assertEqual(len(json.loads(self.get("/json/list", b).body)), 1)
        for path in (f"/devtools/page/{target}", f"/devtools/page/{made}", self.url(version)):
            caller = self.caller()
            caller.upgrade(path, b)
            self.assertEqual(caller.status, 404)
            self.client(path, a)
        for path in (f"/json/activate/{target}", f"/json/close/{made}"):
            answers = [self.get(each, b, verb="PUT") for each in (path, path.rpartition("/")[0] + "/nope")]
            self.assertEqual([each.status for each in answers], [404, 404])
            self.assertEqual(answers[0].body, answers[1].body)

    def test_virtual_browsers_that_wait_end_with_the_gateway(self):
        gateway = self.make(drain=5.0)
        self.get("/json/new", verb="PUT")
        gateway.stop()
        self.assertEqual(self.mode.leases, [])

    def test_an_end_between_two_questions(self):
        """What a virtual browser says behind its end reaches nobody."""
        self.make()
        caller = self.client()
        relay = next(iter(self.gateway.clients.relays.values()))
        transport: Any = relay.line.transport
        caller.leave()
        transport.send(b'{"id":1,"method":"Browser.getVersion"}')
        self.assertEqual(transport.bytes_sent, 0)


class Ear:
    """Takes what a virtual transport receives."""

    def __init__(self, transport: VirtualTransport | None = None) -> None:
        self.heard: list[Any] = []
        self.transport = transport

    def message_received(self, message: bytes) -> None:
        self.heard.append(message)
        if self.transport is not None:
            self.transport.pause()

    def transport_closed(self, reason: ConnectionLost) -> None:
        self.heard.append((reason.code, reason.clean))


class FakeVirtualBrowser:
    """A virtual browser of which only the end matters."""

    closed = 0

    def close(self) -> None:
        self.closed += 1


class Cork:
    """A line that keeps together what is sent over it, and tells when."""

    def __init__(self, name: str, told: list[str]) -> None:
        self.name, self.told = name, told

    def cork(self) -> None:
        self.told.append(f"{self.name} corked")

    def uncork(self) -> None:
        self.told.append(f"{self.name} uncorked")


class VirtualTransportTests(SynchronousTestCase):
    def setUp(self) -> None:
        self.upstream = FakeTransport()
        self.write_batch = WriteBatch()
        self.virtual: Any = FakeVirtualBrowser()
        self.transport = self.make()

    def make(self, upstream: Any = None) -> VirtualTransport:
        return VirtualTransport(upstream or self.upstream, 10, self.write_batch, lambda deliver, ended: self.virtual)

    def test_what_comes_early_waits(self):
        self.transport.pause()
        self.transport.deliver(b"one")
        self.transport.ended(1000, "done")
        ear = self.transport.receiver = Ear()
        self.assertEqual(ear.heard, [])
        self.transport.resume()
        self.transport.resume()
        self.assertEqual(ear.heard, [b"one", (1000, True)])

    def test_one_at_a_time(self):
        ear = self.transport.receiver = Ear(self.transport)
        self.transport.pause()
        for each in (b"1", b"2"):
            self.transport.deliver(each)
        self.transport.resume()
        self.assertEqual(ear.heard, [b"1"])
        self.transport.resume()
        self.assertEqual(ear.heard, [b"1", b"2"])

    def test_what_comes_in_one_read_leaves_in_one_write(self):
        told: list[str] = []
        transports = [self.make() for _ in "ABC"]
        for name, transport in zip("AB", transports, strict=False):
            transport.batched_with = Cork(name, told)
        for transport in transports:
            transport.receiver = Ear()
        transports[0].deliver(b"not while the browser's line is read")
        self.assertEqual(told, [])
        self.write_batch.cork()
        for transport in (transports[0], transports[0], transports[2]):
            transport.deliver(b"x")
        self.assertEqual(told, ["A corked"], "nobody else")
        transports[1].deliver(b"x")
        self.write_batch.uncork()
        self.assertEqual((told[:2], sorted(told[2:])), (["A corked", "B corked"], ["A uncorked", "B uncorked"]))
        self.write_batch.uncork()
        self.assertEqual(len(told), 4)

    def test_what_a_client_says_in_one_read_goes_to_the_browser_in_one_write(self):
        told: list[str] = []
        upstream: Any = Cork("the browser's line", told)
        transport = self.make(upstream)
        transport.cork()
        transport.uncork()
        self.assertEqual(told, ["the browser's line corked", "the browser's line uncorked"])

    def test_what_ends_while_it_is_opened_is_told_when_somebody_listens(self):
        def refuse(deliver: Callable[[bytes], None], ended: Callable[[int, str], None]) -> Any:
            ended(1011, "the browser is gone")
            return self.virtual

        transport = VirtualTransport(self.upstream, 10, self.write_batch, refuse)
        ear = transport.receiver = Ear()
        transport.resume()
        self.assertEqual(ear.heard, [(1011, False)])

    def test_one_that_is_longer_than_all_that_may_wait(self):
        ear = self.transport.receiver = Ear()
        self.transport.pause()
        self.transport.deliver(b"x" * 11)
        self.assertEqual(self.virtual.closed, 0)
        self.transport.deliver(b"y")
        self.assertEqual((self.virtual.closed, ear.heard), (1, [(1008, False)]))

    def test_leaving(self):
        ear = self.transport.receiver = Ear()
        self.transport.close()
        self.transport.abort()
        self.assertEqual(ear.heard, [(None, True)])
        line = VirtualLine(self.transport, 5, self.virtual.close, lambda _: None)
        line.browser_closes()
        self.assertEqual((line.why, line.browser), ("", "5"))

    def test_what_is_told_of_it(self):
        self.upstream.unsent = 7
        self.transport.deliver(b"abc")
        self.assertEqual(self.transport.unsent, 7)
        self.assertEqual(self.transport.describe(), {"kind": "shared", "bytes_received": 3})
