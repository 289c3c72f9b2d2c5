"""A client that does not read: its own browser's line is paused and nobody else's, and what waits for it is bounded."""

from __future__ import annotations

from typing import Any

from twisted.internet.defer import Deferred, succeed

from tests.gateway.support import Caller, GatewayCase, ServerTCP, masked
from tests.support import Opening, client_frames, server_frame
from txcdp.gateway import ClientLimits, Gateway, GatewayOptions, Policy, PoolOptions
from txcdp.gateway._proxy.exclusive_mode import Exclusive

#: What Twisted reads at once, and what may wait in one of its transports before it asks for a pause.
BUFFER = 65536


class Socket(ServerTCP):
    """A TCP connection whose peer reads when the test says so; until then what is written waits, as in Twisted's own.

    :ivar dataBuffer: what waits.
    """

    def __init__(self) -> None:
        super().__init__()
        self.dataBuffer = b""
        self.reads = True
        self._full = False

    def write(self, data: bytes) -> None:
        super().write(data)
        if not self.reads:
            self.dataBuffer += data
            if self.waiting > BUFFER and self.producer is not None and not self._full:
                self._full = True
                self.producer.pauseProducing()

    @property
    def waiting(self) -> int:
        return len(self.dataBuffer)

    def read_all(self) -> None:
        """Let the peer read what there is, but nothing that comes afterwards."""
        self.dataBuffer = b""
        if self._full and self.producer is not None:
            self._full = False
            self.producer.resumeProducing()


class SlowTests(GatewayCase):
    def make(self, **options: Any) -> Gateway:
        self.openings: list[Opening] = []

        def open_line(_: Any, url: str) -> Deferred[Any]:
            opening = Opening(ping_interval=None)
            opening.connect()
            opening.answer()
            self.openings.append(opening)
            return succeed(opening.transport)

        self.gateway = Gateway(
            self.reactor, GatewayOptions(**options), self.starter, lambda r, p, o: Exclusive(r, p, o, open_line)
        )
        self.gateway.pool.open()
        self.addCleanup(self.finish)
        return self.gateway

    def come(self) -> tuple[Caller, Socket, Any]:
        """Return a client, its connection, and that of its browser."""
        caller = self.caller()
        tcp = Socket()
        tcp.protocol, caller.tcp = caller.tcp.protocol, tcp
        tcp.protocol.makeConnection(tcp)
        caller.upgrade("/devtools/browser")
        self.assertEqual(caller.status, 101, caller.written)
        return caller, tcp, self.openings[-1].tcp

    def pour(self, tcp: Any, frames: bytes) -> int:
        """Let a browser say it, as far as its line is read, in reads of Twisted's size; return how many bytes."""
        done = 0
        while done < len(frames) and tcp.producerState == "producing":
            tcp.protocol.dataReceived(frames[done : done + BUFFER])
            done += BUFFER
        return min(done, len(frames))

    def check(self, frames: bytes, longest: int) -> None:
        self.make(clients=ClientLimits(slow_time=4), pool=PoolOptions(size=2, warm=2))
        slow, slow_tcp, slow_browser = self.come()
        other, _, other_browser = self.come()
        slow_tcp.reads = False
        said = 0
        for turn in range(20):
            poured = self.pour(slow_browser, frames[said:])
            said += poured
            self.assertEqual(slow_browser.producerState, "paused")
            self.assertLess(slow_tcp.waiting, 2 * BUFFER + longest)
            self.assertEqual(self.pour(slow_browser, frames[said:]), 0, "it is not read")
            other.say(b'{"id":%d,"method":"Page.enable"}' % turn)
            self.pour(other_browser, server_frame(b'{"id":%d,"result":{}}' % turn))
            self.assertEqual(other.heard()[-1], {"id": turn, "result": {}})
            slow.say(b'{"id":1,"method":"Page.enable"}')
            self.assertEqual(len(list(client_frames(b"".join(slow_browser.writes)))), turn + 1)
            slow_tcp.read_all()
            self.assertEqual(slow_browser.producerState, "producing")
        self.pour(slow_browser, frames[said:])
        heard = slow.body[: len(frames)]
        self.assertEqual(heard, frames[: len(heard)], "nothing is lost, and nothing in another order")
        self.reactor.advance(4)
        self.assertEqual(slow.closed_with(), (1008, "you have not read what was sent for 4 s"))
        self.reactor.advance(2)
        self.assertTrue(slow_tcp.aborted)
        self.assertEqual(self.gateway.counters.dropped, slow_tcp.waiting)
        self.assertGreater(slow_tcp.waiting, BUFFER)
        self.assertEqual(other_browser.producerState, "producing")

    def test_many_small_messages(self):
        events = [b'{"method":"A.b","params":{"number":%6d,"text":"%s"}}' % (i, b"x" * 950) for i in range(4000)]
        self.check(b"".join(map(server_frame, events)), 1100)

    def test_long_messages(self):
        replies = [b'{"id":%6d,"result":{"data":"%s"}}' % (i, b"x" * 200_000) for i in range(45)]
        self.check(b"".join(map(server_frame, replies)), 200_100)

    def test_pings_that_are_not_asked_for(self):
        """A client that sends pings and does not read the answers is cut off like any other."""
        self.make(clients=ClientLimits(slow_time=4))
        slow, tcp, browser = self.come()
        tcp.reads = False
        for _ in range(700):
            slow.feed(masked(b"x" * 100, 9))
        self.assertEqual(browser.producerState, "paused")
        self.reactor.advance(4)
        self.reactor.advance(2)
        self.assertTrue(tcp.aborted)

    def test_what_is_refused(self):
        """Refusals are the gateway's own; no browser's line that could be paused stands behind them."""
        self.make(policy=Policy(methods=("Browser.crash",)), clients=ClientLimits(slow_time=4))
        slow, tcp, _ = self.come()
        tcp.reads = False
        commands = b"".join(masked(b'{"id":%d,"method":"Browser.crash"}' % i) for i in range(1000))
        reads = 0
        while tcp.producerState == "producing":
            slow.feed(commands)
            reads += 1
            self.assertLess(reads, 10, "it is read on and on")
        self.assertLess(tcp.waiting, 5 * BUFFER)
        tcp.read_all()
        self.assertEqual(tcp.producerState, "producing")
        self.assertEqual(len(slow.heard()), 1000 * reads)
