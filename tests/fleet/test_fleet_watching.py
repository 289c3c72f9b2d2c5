"""Events of pages over a router in memory: their order, credits, drops, and the end of either side."""

from __future__ import annotations

from typing import Any

from tests.fleet.support import URL, FakeNode, FleetCase
from txcdp.domains import network, page, runtime
from txcdp.errors import FleetBusy, NodeLost, QueueOverflow, WorkFailed
from txcdp.fleet import RemoteStream
from txcdp.streams import queue

SCRIPT = runtime.ExecutionContextDestroyed


def numbered(number: int, **more: Any) -> dict[str, Any]:
    return {"executionContextId": number, "executionContextUniqueId": str(number), **more}


def session_of(node: FakeNode) -> str | None:
    """Return the session of the page that was opened last."""
    return next(each.session_id for each in reversed(node.chrome.commands) if each.method == "Page.navigate")


class Watching(FleetCase):
    def setUp(self) -> None:
        super().setUp()
        self.items: list[Any] = []
        self.ends: list[Any] = []

    def subscribe(self, stream: RemoteStream[Any]) -> Any:
        subscription = stream.subscribe(self.items.append, self.ends.append, lambda: self.ends.append(None))
        self.settle()
        self.addCleanup(subscription.dispose)
        return subscription

    def emit(self, node: FakeNode, *numbers: int) -> None:
        for number in numbers:
            node.chrome.emit_raw(SCRIPT.method, numbered(number), session_of(node))
        self.settle()

    def numbers(self) -> list[int]:
        return [each.execution_context_id for each in self.items if isinstance(each, SCRIPT)]

    def test_typed_events_in_their_order(self):
        node = self.add_node()
        stream = self.fleet().watch(URL, SCRIPT, page.FrameNavigated)
        self.assertEqual(node.begun, [])
        subscription = self.subscribe(stream)
        self.assertEqual(node.begun, [URL])
        self.assertEqual([type(each) for each in self.items], [page.FrameNavigated])
        self.emit(node, *range(500))
        self.assertEqual(self.numbers(), list(range(500)))
        self.assertEqual((stream.dropped, self.ends, node.open_pages), (0, [], 1))
        subscription.dispose()
        self.settle()
        self.assertEqual(node.open_pages, 0)

    def test_a_slow_subscriber_holds_the_node_and_drops_are_counted(self):
        for overflow, left in (("drop_oldest", [*range(90, 100)]), ("drop_newest", [*range(15, 25)])):
            node = self.add_node(places=1)
            stream = self.fleet().watch(URL, SCRIPT, window=8, buffer=10, overflow=overflow)  # type: ignore[arg-type]
            slow = queue(stream, 5, "pause")
            self.settle()
            self.emit(node, *range(100))
            self.assertLess(len(slow), 15)
            got = [slow.get_nowait().execution_context_id]
            while len(slow):
                got.append(slow.get_nowait().execution_context_id)
                self.settle()
            self.assertEqual(got, sorted(got))
            self.assertEqual(got[0], 0)
            self.assertEqual(len(got) + stream.dropped, 100)
            self.assertGreater(stream.dropped, 50)
            if overflow == "drop_oldest":
                self.assertEqual(got[-10:], left)
            slow.close()
            self.settle()
            self.assertEqual(node.open_pages, 0)
            self.router.lose(node.session)
            node.node.left()

    def test_an_overflow_that_is_an_error(self):
        node = self.add_node()
        slow = queue(self.fleet().watch(URL, SCRIPT, window=2, buffer=3, overflow="error"), 1, "pause")
        self.settle()
        self.emit(node, *range(50))
        with self.assertRaises((WorkFailed, QueueOverflow)):
            for _ in range(50):
                slow.get_nowait()
                self.settle()
        self.assertEqual(node.open_pages, 0)

    def test_events_that_no_router_takes_are_dropped(self):
        node = self.add_node()
        stream = self.fleet().watch(URL, runtime.ConsoleAPICalled, SCRIPT)
        self.subscribe(stream)
        large = {"type": "log", "args": [{"type": "string", "value": "x" * 600_000}], "executionContextId": 1}
        node.chrome.emit_raw("Runtime.consoleAPICalled", {**large, "timestamp": 0}, session_of(node))
        self.emit(node, 1)
        self.assertEqual((self.numbers(), stream.dropped, self.ends), ([1], 1, []))

    def test_numbers_that_take_more_than_their_digits(self):
        """Of each "0.5," CBOR makes nine bytes: what is measured is what goes over the router."""
        node = self.add_node()
        stream = self.fleet().watch(URL, SCRIPT)
        self.subscribe(stream)
        node.chrome.emit_raw(SCRIPT.method, numbered(0, numbers=[0.5] * 125_000), session_of(node))
        node.chrome.emit_raw(SCRIPT.method, numbered(1, numbers=[0.5] * 50_000), session_of(node))
        self.emit(node, 2)
        self.assertEqual((self.numbers(), stream.dropped, self.ends), ([1, 2], 1, []))
        self.assertLess(self.router.largest, self.router.takes)

    def test_halves_of_characters_end_no_stream(self):
        """Strings of JavaScript may have them, and no message."""
        node = self.add_node()
        stream = self.fleet().watch(URL, runtime.ConsoleAPICalled, SCRIPT)
        self.subscribe(stream)
        said = {"type": "log", "args": [{"type": "string", "value": "a\ud83d \U0001f6a2"}], "executionContextId": 1}
        node.chrome.emit_raw("Runtime.consoleAPICalled", {**said, "timestamp": 0}, session_of(node))
        self.emit(node, 1)
        self.assertEqual([each.args[0].value for each in self.items[:1]], ["a\ufffd \U0001f6a2"])
        self.assertEqual((self.numbers(), stream.dropped, self.ends), ([1], 0, []))

    def test_a_batch_that_has_begun_is_sent_where_the_page_crashes(self):
        """The node has it in hand, and waits for a credit; what comes then is the end of the page's events."""
        node = self.add_node()
        stream = self.fleet().watch(URL, SCRIPT, window=2)
        self.subscribe(stream)
        self.hold_credits(node)
        self.emit(node, *range(6))
        self.assertEqual(self.numbers(), [0, 1])
        session = session_of(node)
        assert session is not None
        node.chrome.crash(session)
        self.settle()
        self.give_credits(node, 100)
        self.assertEqual(self.numbers(), [*range(6)])
        self.assertEqual([type(each) for each in self.ends], [WorkFailed])
        self.assertEqual((self.ends[0].problem, stream.dropped), ("crashed", 0))

    def test_a_batch_that_has_begun_is_sent_where_there_are_too_many(self):
        node = self.add_node()
        stream = self.fleet().watch(URL, SCRIPT, window=2, buffer=4, overflow="error")
        self.subscribe(stream)
        self.hold_credits(node)
        self.emit(node, *range(10))
        self.give_credits(node, 100)
        self.assertEqual(self.numbers(), [*range(7)])  # two for credits, one in hand, four in the buffer
        self.assertEqual([type(each) for each in self.ends], [WorkFailed])
        self.assertIn("too slow", str(self.ends[0]))

    def hold_credits(self, node: FakeNode) -> None:
        """Let the caller's credits get lost."""
        (call,) = node.node._running
        self.patch(call, "grant", lambda more: None)

    def give_credits(self, node: FakeNode, more: int) -> None:
        (call,) = node.node._running
        type(call).grant(call, more)
        self.settle()

    def test_a_node_that_is_lost(self):
        node = self.add_node()
        self.subscribe(self.fleet().watch(URL, SCRIPT))
        self.router.lose(node.session)
        node.node.left()
        self.settle()
        self.assertEqual([type(each) for each in self.ends], [NodeLost])

    def test_no_node(self):
        self.subscribe(self.fleet(tries=2).watch(URL, SCRIPT))
        self.pass_time(1)
        self.assertEqual([type(each) for each in self.ends], [FleetBusy])

    def test_what_may_not_be_opened(self):
        self.add_node()
        for url in ("file:///etc/passwd", "nonsense"):
            self.subscribe(self.fleet().watch(url, SCRIPT))
        self.assertEqual([type(each) for each in self.ends], [WorkFailed] * 2)
        for wrong in ((), (int,), ("Page.frameNavigated",)):
            self.assertRaises(TypeError, self.fleet().watch, URL, *wrong)

    def test_a_quiet_stream_is_kept_and_a_frozen_subscriber_is_not(self):
        node = self.add_node(patience=30.0)
        self.subscribe(self.fleet().watch(URL, SCRIPT))
        self.pass_time(100, 0.5)
        self.assertEqual((node.open_pages, self.ends), (1, []))
        self.router.freeze(self.caller)
        self.pass_time(40, 0.5)
        self.assertEqual(node.open_pages, 0)

    def test_a_subscriber_that_vanishes(self):
        node = self.add_node()
        self.subscribe(self.fleet().watch(URL, network.ResponseReceived))
        self.router.lose(self.caller)
        self.settle()
        self.assertEqual(node.open_pages, 0)
