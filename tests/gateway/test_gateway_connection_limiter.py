"""Connections that say nothing make room for those who come; and one that becomes a WebSocket is none of them."""

from __future__ import annotations

import tracemalloc
from collections import Counter
from typing import Any

from twisted.internet.defer import Deferred
from twisted.internet.task import Clock
from twisted.logger import globalLogPublisher
from twisted.trial.unittest import SynchronousTestCase

from tests.gateway.support import Caller, masked
from tests.gateway.test_gateway_bodies import BEARER, PATIENCE, BodyCase
from tests.gateway.test_gateway_slow import BUFFER, Socket
from txcdp._logs import EVERY
from txcdp.gateway import ClientLimits, PoolOptions
from txcdp.gateway._http.connection_limiter import ConnectionLimiter
from txcdp.gateway._http.refusals import Refusal
from txcdp.gateway._http.requests import Answer, RoutedRequest

MOST = 3


class Connection:
    """One that may be cut off."""

    def __init__(self, name: str, limiter: ConnectionLimiter) -> None:
        self.name = name
        self.there = True
        self.limiter = limiter

    def cut(self) -> None:
        self.there = False
        self.limiter.remove(self)


class ConnectionLimiterTests(SynchronousTestCase):
    def setUp(self) -> None:
        self.clock = Clock()
        self.counted: Counter[str] = Counter()
        self.limiter = ConnectionLimiter(self.clock, MOST, lambda word: self.counted.update([word]))
        self.connections: dict[str, Connection] = {}
        self.logged: list[Any] = []
        observer: Any = self.logged.append
        globalLogPublisher.addObserver(observer)
        self.addCleanup(globalLogPublisher.removeObserver, observer)

    def come(self, names: str) -> None:
        for name in names:
            self.connections[name] = Connection(name, self.limiter)
            self.limiter.add(self.connections[name])

    def begin(self, names: str) -> None:
        for name in names:
            self.limiter.begin(self.connections[name])

    def end(self, names: str) -> None:
        for name in names:
            self.limiter.end(self.connections[name])

    def check(self, there: str, waiting: int, busy: int) -> None:
        self.assertEqual("".join(sorted(name for name, each in self.connections.items() if each.there)), there)
        self.assertEqual((self.limiter.waiting, self.limiter.busy), (waiting, busy))

    def test_the_one_that_is_silent_for_the_longest_is_cut_off(self):
        self.come("abc")
        self.check("abc", 3, 0)
        self.come("d")
        self.check("bcd", 3, 0)
        self.come("efg")
        self.check("efg", 3, 0)
        self.assertEqual(self.counted, {"silent": 4})

    def test_a_request_is_no_silence(self):
        self.come("abc")
        self.begin("a")
        self.come("def")
        self.check("adef", 3, 1)
        self.end("a")
        self.check("aef", 3, 0)
        self.come("g")
        self.check("afg", 3, 0)

    def test_too_many_requests(self):
        self.come("abc")
        self.begin("abc")
        self.come("d")
        with self.assertRaises(Refusal) as caught:
            self.begin("d")
        self.assertEqual((caught.exception.status, caught.exception.kind), (503, "connections"))
        self.assertIn("Retry-After", caught.exception.headers)
        self.check("abcd", 1, 3)
        self.end("a")
        self.begin("d")
        self.check("abcd", 1, 3)
        self.assertEqual(self.counted, {})

    def test_what_is_heard_twice(self):
        self.come("ab")
        self.begin("aa")
        self.check("ab", 1, 1)
        self.end("aab")
        self.check("ab", 2, 0)

    def test_one_that_is_gone(self):
        self.come("ab")
        self.begin("a")
        for _ in range(2):
            for each in self.connections.values():
                self.limiter.remove(each)
            self.check("ab", 0, 0)
        self.end("ab")
        self.check("ab", 0, 0)

    def test_one_line_for_many(self):
        self.come("a" * (MOST + 100))
        self.clock.advance(EVERY)
        self.come("a")
        self.assertEqual([(each["number"], each["most"]) for each in self.logged], [(1, MOST), (100, MOST)])


class ConnectionsTests(BodyCase):
    def begin(self, *args: Any, connections: int = MOST, **options: Any) -> None:
        super().begin(*args, clients=ClientLimits(connections=connections), **options)
        self.answers: list[Deferred[Answer]] = []
        self.gateway.add("/slow", ("GET", "POST"), self.slow)

    def slow(self, request: RoutedRequest) -> Deferred[Answer]:
        self.answers.append(Deferred())
        return self.answers[-1]

    def state(self) -> tuple[int, int]:
        limiter = self.gateway.site.limiter
        return limiter.waiting, limiter.busy

    def ask(self, target: str, *headers: str) -> Caller:
        return self.get(target, BEARER, *headers)

    def test_silent_ones_lock_nobody_out(self):
        self.begin()
        silent = [self.caller() for _ in range(MOST)]
        dripping = [self.caller() for _ in range(MOST)]
        for each in dripping:
            each.feed(b"GET /json HTTP/1.1\r\nX: ")
        self.assertEqual([each.tcp.aborted for each in silent + dripping], [True] * MOST + [False] * MOST)
        good = self.ask("/json/version")
        self.assertEqual((good.status, good.tcp.lost, self.state()), (200, False, (MOST, 0)))
        dripping[-1].feed(b"slowly\r\n")
        more = [self.caller() for _ in range(MOST - 1)]
        self.assertTrue(dripping[-1].tcp.aborted)
        good.ask("GET", "/json/version", BEARER)
        self.assertEqual(good.written.count(b"HTTP/1.1 200"), 2)
        good.leave()
        self.assertEqual(self.gateway.counters.refused, {"silent": 2 * MOST})
        for each in more:
            each.leave()
        self.assertEqual(self.state(), (0, 0))

    def test_who_is_not_let_in_stays_where_he_is(self):
        self.begin()
        refused = self.get("/json/version")
        for _ in range(MOST - 1):
            self.caller()
        refused.ask("GET", "/json/version")
        self.assertEqual(refused.written.count(b"HTTP/1.1 401"), 2)
        self.caller()
        self.assertTrue(refused.tcp.aborted)

    def test_a_request_in_progress_is_not_cut_off(self):
        self.begin()
        slow, body = self.ask("/slow"), self.head("Content-Length: 2", BEARER)
        for _ in range(2 * MOST):
            self.caller()
        self.assertEqual(self.state(), (MOST, 2))
        self.answers[0].callback(Answer(b"at last"))
        body.feed(b"ab")
        self.assertEqual((slow.status, body.status, self.echoed), (200, 200, [b"ab"]))
        self.assertEqual(self.state(), (MOST, 0))

    def test_requests_behind_each_other(self):
        self.begin()
        caller = self.ask("/slow")
        caller.ask("GET", "/slow", BEARER)
        for each in (0, 1):
            self.assertEqual(self.state(), (0, 1))
            self.answers[each].callback(Answer(b""))
        self.assertEqual(self.state(), (1, 0))

    def test_more_than_can_be_in_progress(self):
        self.begin()
        slow = [self.ask("/slow") for _ in range(MOST)]
        for refused in (self.ask("/json/version"), self.head("Content-Length: 2", BEARER)):
            self.assertEqual(refused.status, 503)
            self.assertIn("Retry-After: 5", refused.head)
        for target in ("/healthz", "/readyz"):
            self.assertEqual(self.get(target).status, 200, "who asks how it is is told so")
        slow[0].leave()
        self.assertEqual(self.ask("/json/version").status, 200)
        self.assertEqual(self.gateway.counters.refused["connections"], 2)

    def test_a_websocket_is_none_of_them(self):
        self.begin()
        clients = [self.client("/devtools/browser", BEARER) for _ in range(MOST)]
        self.assertEqual(self.state(), (0, 0))
        for _ in range(2 * MOST):
            self.caller()
        self.assertEqual([each.tcp.lost for each in clients], [False] * MOST)

    def test_who_waits_for_a_browser(self):
        self.starter.at_once = False
        self.begin(pool=PoolOptions(size=1, warm=1))
        waiting = self.caller()
        waiting.upgrade("/devtools/browser", BEARER)
        for _ in range(2 * MOST):
            self.caller()
        self.assertEqual((waiting.tcp.lost, self.state()), (False, (MOST, 1)))
        self.starter.come_up()
        self.assertEqual((waiting.status, self.state()), (101, (MOST, 0)))

    def test_metrics(self):
        self.begin()
        for _ in range(MOST + 1):
            self.caller()
        said = self.ask("/metrics").body.decode()
        self.assertIn('txcdp_gateway_connections{state="waiting"} 2.0', said)
        self.assertIn('txcdp_gateway_connections{state="busy"} 1.0', said)
        self.assertIn('txcdp_gateway_requests_refused_total{why="silent"} 2.0', said)


class UnreadTests(BodyCase):
    """Who asks and asks, and reads no answer."""

    ASKED = 50

    def begin(self, *args: Any, **options: Any) -> None:
        super().begin(*args, **options)
        self.answered = 0
        self.later: list[Deferred[Answer]] = []
        self.gateway.add("/long", ("GET",), self.long)
        self.gateway.add("/later", ("GET",), self.wait)

    def long(self, request: RoutedRequest) -> Answer:
        self.answered += 1
        return Answer(bytes(BUFFER))

    def wait(self, request: RoutedRequest) -> Deferred[Answer]:
        self.later.append(Deferred())
        return self.later[-1]

    def come(self) -> tuple[Caller, Socket]:
        socket = Socket()
        socket.reads = False
        return Caller(self.gateway, socket), socket

    def request(self, target: str, *headers: str) -> bytes:
        return "\r\n".join([f"GET {target} HTTP/1.1", "Host: localhost", BEARER, *headers, "", ""]).encode()

    def test_many_in_one_packet(self):
        self.begin()
        caller, socket = self.come()
        caller.feed(self.request("/long") * self.ASKED)
        for answered in range(1, self.ASKED):
            self.assertEqual((self.answered, socket.producerState), (answered, "paused"))
            socket.read_all()
        socket.read_all()
        self.assertEqual((self.answered, socket.producerState), (self.ASKED, "producing"))
        self.assertEqual(caller.written.count(b"HTTP/1.1 200"), self.ASKED)
        caller.feed(self.request("/long"))
        self.assertEqual(self.answered, self.ASKED + 1)

    def test_behind_one_that_takes_its_time(self):
        self.begin()
        caller, socket = self.come()
        caller.feed(self.request("/later") + self.request("/long"))
        self.assertEqual(socket.producerState, "producing", "one that is waited for may hang up")
        self.later[0].callback(Answer(bytes(BUFFER)))
        self.assertEqual((self.answered, socket.producerState), (0, "paused"))
        socket.read_all()
        self.assertEqual(self.answered, 1)

    def test_one_that_never_reads(self):
        self.begin()
        caller, socket = self.come()
        caller.feed(self.request("/long") * self.ASKED)
        self.reactor.advance(PATIENCE)
        self.assertTrue(socket.disconnecting)
        self.assertEqual(self.answered, 1)

    def test_a_refused_body_is_thrown_away_all_the_same(self):
        self.begin()
        caller, socket = self.come()
        socket.dataBuffer = b"x" * (BUFFER - 1)
        caller.ask("POST", "/echo", "Content-Length: 5000000")
        self.assertEqual(caller.status, 401)
        tracemalloc.start()
        try:
            before = tracemalloc.get_traced_memory()[0]
            for _ in range(9):
                caller.feed(bytes(100_000))
            self.assertLess(tracemalloc.get_traced_memory()[0] - before, 50_000)
        finally:
            tracemalloc.stop()

    def test_the_time_of_the_next_one(self):
        self.begin()
        caller, socket = self.come()
        caller.feed(self.request("/long"))
        self.reactor.advance(PATIENCE - 1)
        socket.read_all()
        caller.feed(b"GET /long")
        self.reactor.advance(PATIENCE - 1)
        self.assertFalse(socket.disconnecting)
        caller.feed(self.request("/long").removeprefix(b"GET /long"))
        self.assertEqual(self.answered, 2)

    def test_the_last_one(self):
        self.begin()
        caller, socket = self.come()
        caller.feed(self.request("/long", "Connection: close") + self.request("/long"))
        self.assertTrue(socket.disconnecting)
        self.assertEqual((self.answered, socket.producerState), (1, "producing"))


class EarlyTests(BodyCase):
    """What a client sends before it knows that it has a WebSocket."""

    COMMAND = b'{"id":1,"method":"Browser.getVersion"}'

    def upgrade(self) -> Caller:
        """Ask for a WebSocket, and say something, in one packet."""
        caller = self.caller()
        caller.upgrade("/devtools/browser", BEARER, behind=masked(self.COMMAND))
        return caller

    def check_heard(self, caller: Caller, times: int = 1) -> None:
        self.assertEqual(caller.status, 101)
        self.assertEqual(self.lines[-1].sent, [self.COMMAND] * times)
        self.lines[-1].receiver.message_received(b'{"id":1,"result":{}}')
        self.assertEqual(caller.heard(), [{"id": 1, "result": {}}])

    def test_a_browser_that_is_there(self):
        self.begin()
        caller = self.upgrade()
        self.check_heard(caller)
        caller.say(self.COMMAND)
        self.assertEqual(len(self.lines[-1].sent), 2)

    def test_a_browser_that_is_waited_for(self):
        self.starter.at_once = False
        self.begin(pool=PoolOptions(size=1, warm=1))
        caller = self.upgrade()
        frame = masked(self.COMMAND)
        caller.feed(frame[:7])
        caller.feed(frame[7:])
        self.assertEqual(caller.status, 0)
        self.starter.come_up()
        self.check_heard(caller, 2)

    def test_behind_requests_of_before(self):
        self.begin()
        caller = self.caller()
        caller.ask("GET", "/healthz")
        caller.ask("GET", "/healthz")
        self.assertEqual(caller.written.count(b"HTTP/1.1 200"), 2)
        caller.tcp.writes.clear()
        caller.upgrade("/devtools/browser", BEARER, behind=masked(self.COMMAND))
        self.check_heard(caller)
