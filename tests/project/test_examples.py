"""The pipelines of the examples, on a fake browser and a clock: ``make examples`` runs the programs themselves."""

from __future__ import annotations

from typing import Any

from rx import operators as old
from twisted.internet.task import Clock
from twisted.trial import util
from twisted.trial.unittest import SynchronousTestCase

from examples import prices, reactive, rx3_bridge
from tests.support import Watcher
from txcdp.domains import network
from txcdp.streams import StreamSubject
from txcdp.testing import FakeChrome

# Rx 3.2 asks for the time at every subscription, in a way that Python 3.12 and newer warn of.
suppress = [
    util.suppress(
        category=DeprecationWarning, message=r"datetime\.datetime\.utc(now|fromtimestamp)\(\)", module=r"rx\."
    )
]

HERE, THERE = "http://here.example", "http://there.example:8000"


class ExampleCase(SynchronousTestCase):
    def setUp(self) -> None:
        self.clock = Clock()
        self.chrome = FakeChrome(self.clock)
        self.connection = self.chrome.connect()
        self.session = self.chrome.attach(self.connection)

    def request(self, url: str, number: int = 1, seconds: float = 0.0) -> None:
        """Let the page request something."""
        self.chrome.emit_raw(
            "Network.requestWillBeSent",
            {"requestId": str(number), "timestamp": seconds, "request": {"url": url, "method": "GET"}},
            self.session,
        )
        self.clock.advance(0)


class ReactiveTests(ExampleCase):
    def setUp(self) -> None:
        super().setUp()
        measured = reactive.watches(self.session.events(network.RequestWillBeSent))
        self.measured = Watcher(measured)
        self.alarms = Watcher(reactive.alarms(measured))

    def requests(self, origin: str, count: int) -> None:
        """Let the page request so much in half a second."""
        for number in range(count):
            self.request(f"{origin}/{number}")
        self.clock.advance(reactive.STEP)

    def test_rates_by_origin(self):
        for _ in range(4):
            self.requests(HERE, 2)
            self.requests(THERE, 1)
        rates = {each.origin: each.rate for each in self.measured.items}
        self.assertEqual(rates, {HERE: 2.0, THERE: 1.0})
        self.assertEqual(self.alarms.items, [])

    def test_an_alarm_does_not_flutter(self):
        for count in (2, 15, 15, 15, 15, 8, 8, 8, 8, 1, 1, 1, 1, 0, 0, 0, 0):
            self.requests(HERE, count)
        begun, ended = self.alarms.items
        self.assertEqual((begun.origin, begun.alarm, ended.alarm), (HERE, True, False))
        self.assertGreater(begun.rate, reactive.HIGH)
        self.assertLessEqual(ended.rate, reactive.LOW)

    def test_what_is_no_request_of_the_network(self):
        self.request("data:text/plain,hello")
        self.clock.advance(reactive.WINDOW)
        self.assertEqual(self.measured.items, [])

    def test_unsubscribing_ends_it_all(self):
        self.requests(HERE, 3)
        self.measured.leave()
        self.alarms.leave()
        self.clock.pump([1] * 60)
        self.assertEqual(self.clock.getDelayedCalls(), [])


class PricesTests(ExampleCase):
    def setUp(self) -> None:
        super().setUp()
        self.table = StreamSubject[list[str]](self.session.context, "the table")
        measured = prices.watches(self.table)
        self.measured = Watcher(measured)
        self.alarms = Watcher(prices.alarms(measured))

    def show(self, **kilo: float) -> None:
        """Let the table say what each fish costs, for half a second."""
        self.table.push([f"{fish} {price:.3f}" for fish, price in kilo.items()])
        self.clock.advance(prices.STEP)

    def test_an_alarm_of_one_fish_that_does_not_flutter(self):
        for herring in (2.0, 2.0, 2.2, 2.6, 2.7, 2.7, 2.75, 2.8, 2.8, 2.8, 2.8, 2.8):
            self.show(Cod=8.0, Herring=herring)
        begun, ended = self.alarms.items
        self.assertEqual((begun.fish, begun.alarm, ended.fish, ended.alarm), ("Herring", True, "Herring", False))
        self.assertGreater(begun.rise, prices.HIGH)
        self.assertLessEqual(ended.rise, prices.LOW)
        self.assertEqual({each.fish for each in self.measured.items}, {"Cod", "Herring"})

    def test_a_table_that_does_not_change(self):
        self.show(Cod=8.0)
        self.clock.pump([prices.STEP] * 40)
        self.show(Cod=8.1)
        self.assertEqual([self.measured.items[-1].price, self.alarms.items], [8.1, []])

    def test_unsubscribing_ends_it_all(self):
        self.show(Cod=8.0)
        self.measured.leave()
        self.alarms.leave()
        self.clock.pump([1] * 60)
        self.assertEqual(self.clock.getDelayedCalls(), [])


class Rx3Tests(ExampleCase):
    def tell(self, method: str, number: int, seconds: float, **params: Any) -> None:
        """Let the page tell of a request."""
        self.chrome.emit_raw(method, {"requestId": str(number), "timestamp": seconds, **params}, self.session)
        self.clock.advance(0)

    def test_spans(self):
        page: Any = self.session
        found: list[rx3_bridge.Span] = []
        rx3_bridge.spans(page).pipe(old.do_action(found.append)).subscribe()
        self.request(HERE, 1, seconds=1.0)
        self.request(THERE, 2, seconds=1.1)
        self.tell("Network.responseReceived", 1, 1.2, response={"url": HERE, "status": 200})
        self.tell("Network.loadingFinished", 2, 1.3)
        self.tell("Network.loadingFinished", 1, 1.5)
        (span,) = found
        self.assertEqual((span.url, span.status, span.begin, span.duration), (HERE, 200, 1000.0, 500.0))
