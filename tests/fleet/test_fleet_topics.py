"""Events of published pages over a router in memory: for many subscribers, counted, with the page opened again."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

from twisted.internet.defer import Deferred

from tests.fleet.fake_node import fake_chrome, fake_gateway
from tests.fleet.support import URL, FakeNode, FleetCase
from tests.fleet.test_fleet_watching import SCRIPT, numbered, session_of
from txcdp.domains import page, runtime
from txcdp.errors import NodeLost, WorkFailed
from txcdp.fleet import Fleet, Node, NodeOptions, TopicStream
from txcdp.fleet._messages import CHUNK, Uris
from txcdp.gateway.render import Renders
from txcdp.streams import queue

TOPIC = Uris().topic("news")


class Listener:
    """A subscriber, and what it was given."""

    def __init__(self, case: FleetCase, stream: TopicStream[Any]) -> None:
        self.stream = stream
        self.items: list[Any] = []
        self.ends: list[Any] = []
        self.subscription = stream.subscribe(self.items.append, self.ends.append, lambda: self.ends.append(None))
        case.settle()
        case.addCleanup(self.subscription.dispose)

    @property
    def numbers(self) -> list[int]:
        return [each.execution_context_id for each in self.items]


class TopicCase(FleetCase):
    def publish(self, **options: Any) -> FakeNode:
        events = options.pop("publish_events", (SCRIPT.method, "Runtime.consoleAPICalled"))
        node = self.add_node(publish={"news": URL}, publish_events=events, **options)
        self.settle()
        return node

    def listen(self, fleet: Fleet | None = None, *events: Any) -> Listener:
        return Listener(self, (fleet or self.fleet()).subscribe("news", *(events or (SCRIPT,))))

    def emit(self, node: FakeNode, *numbers: int, **more: Any) -> None:
        for number in numbers:
            node.chrome.emit_raw(SCRIPT.method, numbered(number, **more), session_of(node))

    def batches(self, session: Any) -> list[dict[str, Any]]:
        received = self.router.line(session).received
        return [each.args[0] for each in received if type(each).__name__ == "Event"]

    def subscribers(self) -> int:
        return len(self.router.subscriptions.get(TOPIC, ()))


class Published(TopicCase):
    def test_many_subscribers_of_one_page_get_typed_events_in_their_order(self):
        node = self.publish()
        self.assertEqual(node.begun, [URL])
        listeners = [self.listen() for _ in range(3)]
        console = self.listen(None, runtime.ConsoleAPICalled)
        self.emit(node, *range(500))
        self.settle()
        for each in listeners:
            self.assertEqual((each.numbers, each.stream.missed, each.ends), (list(range(500)), 0, []))
        self.assertEqual((console.items, console.stream.missed), ([], 0))
        self.assertEqual(node.begun, [URL])

    def test_it_begins_with_the_subscription(self):
        node = self.publish()
        self.emit(node, 1, 2)
        self.settle()
        listener = self.listen()
        self.emit(node, 3)
        self.settle()
        self.assertEqual((listener.numbers, listener.stream.missed), ([3], 0))

    def test_who_is_there_before_the_page_is_opened_hears_of_no_restart(self):
        listener = self.listen()
        open_page = Renders._page
        held: Deferred[None] = Deferred()

        @asynccontextmanager
        async def later(renders: Renders, *of: Any) -> AsyncIterator[Any]:
            await held
            async with open_page(renders, *of) as opened:
                yield opened

        self.patch(Renders, "_page", later)
        node = self.publish()
        self.pass_time(6)  # a sign of life
        self.assertEqual([each["opened"] for each in self.batches(self.caller)][:1], [0])
        held.callback(None)
        self.settle()
        self.emit(node, 1)
        self.settle()
        self.assertEqual((listener.numbers, listener.stream.restarts, listener.stream.missed), ([1], 0, 0))

    def test_the_last_subscriber_that_leaves_unsubscribes(self):
        node = self.publish()
        fleet = self.fleet()
        first, other = self.listen(fleet), self.listen(fleet)
        second = Listener(self, first.stream)
        self.assertEqual(self.subscribers(), 1)
        for each, left in ((first, 1), (other, 1), (second, 0)):
            each.subscription.dispose()
            self.settle()
            self.assertEqual(self.subscribers(), left)
        self.assertEqual(node.open_pages, 1)
        again = Listener(self, first.stream)
        self.emit(node, 7)
        self.settle()
        self.assertEqual((again.numbers, self.subscribers()), ([7], 1))

    def test_one_that_leaves_before_the_router_has_answered(self):
        self.publish()
        stream = self.fleet().subscribe("news", SCRIPT)
        stream.subscribe().dispose()
        self.settle()
        self.assertEqual(self.subscribers(), 0)

    def test_one_that_leaves_in_the_middle_of_a_batch(self):
        node = self.publish()
        stream = self.fleet().subscribe("news", SCRIPT)
        got: list[int] = []

        def take(event: Any) -> None:
            got.append(event.execution_context_id)
            if len(got) == 2:
                subscription.dispose()

        subscription = stream.subscribe(take)
        self.settle()
        self.emit(node, *range(10))
        self.settle()
        self.assertEqual((got, self.subscribers()), ([0, 1], 0))

    def test_signs_of_life_keep_a_quiet_page_and_silence_ends_it(self):
        node = self.publish()
        listener = self.listen()
        self.pass_time(60, 0.5)
        self.assertEqual(listener.ends, [])
        node.die()
        self.pass_time(20, 0.5)
        self.assertEqual([type(each) for each in listener.ends], [NodeLost])
        self.assertIn("nothing was published for 15 s", str(listener.ends[0]))
        self.assertEqual(self.subscribers(), 0)

    def test_nobody_publishes(self):
        listener = self.listen()
        self.pass_time(16, 0.5)
        self.assertEqual([type(each) for each in listener.ends], [NodeLost])

    def test_what_makes_no_sense(self):
        fleet = self.fleet()
        self.assertRaises(TypeError, fleet.subscribe, "news")
        self.assertRaises(TypeError, fleet.subscribe, "news", "Page.frameNavigated")
        self.assertRaises(ValueError, fleet.subscribe, "a.b", SCRIPT)
        for wrong in (
            {"publish": {"a.b": URL}},
            {"publish": {"a": ""}},
            {"publish": {"a": URL}, "publish_events": ()},
            {"publish_events": ("Page.enable",)},
            {"publish_events": ("Page.nothing",)},
        ):
            self.assertRaises(ValueError, NodeOptions, **wrong)
        for pages, places, said in (({"a": "file:///etc/passwd"}, 2, "publish='a'"), ({"a": URL}, 1, "1 pages")):
            with self.assertRaisesRegex(ValueError, said):
                gateway = fake_gateway(self.clock, fake_chrome(self.clock, 0.0, 1), places)
                Node(self.clock, gateway, NodeOptions(publish=pages))


class Bounds(TopicCase):
    def test_a_node_is_never_ahead_of_its_router_and_drops_what_does_not_fit(self):
        node = self.publish(publish_buffer=64 * 1024)
        listener = self.listen()
        self.emit(node, 0)
        self.settle()
        self.router.freeze(node.session)
        line = self.router.line(node.session)
        sent: list[Any] = []
        vars(line)["send"] = sent.append
        self.emit(node, *range(1, 5000), padding="x" * 100)
        self.settle_browsers()
        self.assertEqual(len(sent), 1)
        del vars(line)["send"]
        line.frozen = False
        for each in sent:
            line.send(each)
        self.settle()
        self.assertEqual(listener.numbers, sorted(listener.numbers))
        self.assertEqual((listener.numbers[0], listener.numbers[-1]), (0, 4999))
        self.assertEqual(len(listener.numbers) + listener.stream.missed, 5000)
        self.assertGreater(listener.stream.missed, 4000)
        self.assertEqual(node.node.state()["published"][0]["dropped"], listener.stream.missed)

    def settle_browsers(self) -> None:
        for _ in range(20):
            for each in self.nodes:
                each.chrome.flush()
            self.clock.advance(0)

    def test_no_message_is_larger_than_a_router_takes(self):
        node = self.publish()
        listener = self.listen()
        for number in range(10):
            self.emit(node, number, padding="x" * ((1 + number % 2) * CHUNK - 1000))
        self.emit(node, 10, padding="x" * (3 * CHUNK))
        self.emit(node, 11)
        self.settle()
        self.assertEqual((listener.numbers, listener.stream.missed), ([*range(10), 11], 1))
        self.assertLess(self.router.largest, 1_000_000)

    def test_numbers_that_take_more_than_their_digits(self):
        node = self.publish()
        listener = self.listen()
        self.emit(node, 0)
        self.settle()
        self.emit(node, 1, numbers=[0.5] * 125_000)
        self.emit(node, 2, numbers=[0.5] * 50_000)
        self.emit(node, 3)
        self.settle()
        self.assertEqual((listener.numbers, listener.stream.missed, listener.ends), ([0, 2, 3], 1, []))
        self.assertLess(self.router.largest, self.router.takes)

    def test_halves_of_characters_take_nothing_with_them(self):
        node = self.publish()
        listener = self.listen()
        self.emit(node, 0, words="a\ud83d")
        self.emit(node, 1)
        self.settle()
        self.assertEqual((listener.numbers, listener.stream.missed), ([0, 1], 0))

    def test_what_a_router_has_lost_is_counted(self):
        node = self.publish()
        listener = self.listen()
        self.emit(node, 0)
        self.settle()
        subscribers, self.router.subscriptions[TOPIC] = self.router.subscriptions[TOPIC], []
        self.emit(node, *range(1, 8))
        self.settle()
        self.router.subscriptions[TOPIC] = subscribers
        self.emit(node, 8)
        self.settle()
        self.assertEqual((listener.numbers, listener.stream.missed), ([0, 8], 7))

    def test_a_router_that_refuses_is_asked_again(self):
        self.router.refuse[TOPIC] = "wamp.error.not_authorized"
        node = self.publish()
        listener = self.listen()
        self.emit(node, 1, 2)
        self.settle()
        self.pass_time(10)
        self.router.refuse.clear()
        self.pass_time(6)
        self.emit(node, 3)
        self.settle()
        self.assertEqual(listener.numbers, [3])
        self.assertEqual(node.node.state()["published"][0]["dropped"], 2)

    def test_what_others_publish_there_is_untrusted(self):
        node = self.publish()
        listener = self.listen()
        stranger = self.router.join()
        good = {"version": 1, "run": "x", "opened": 1, "sent": 0, "dropped": 0, "events": []}
        cases: tuple[tuple[Any, ...], ...] = (
            (),
            (None,),
            (b"x",),
            ([],),
            ({**good, "version": 2},),
            ({**good, "run": ""},),
            ({**good, "sent": -1},),
            ({**good, "sent": "many"},),
            ({**good, "events": [["Page.x"]]},),
            ({**good, "events": [[1, {}]]},),
            ({**good, "events": [["Page.x", {}]] * 1001},),
            (good, "more"),
        )
        for wrong in cases:
            stranger.publish(TOPIC, *wrong, **({"more": 1} if wrong else {}))
            self.settle()
        self.assertEqual((listener.items, listener.ends), ([], []))
        self.assertEqual(getattr(self.caller, "problems", []), [])
        stranger.publish(
            TOPIC, {**good, "events": [[SCRIPT.method, {"executionContextId": ["odd"]}], ["No.event", {}]]}
        )
        self.settle()
        self.assertEqual([type(each) for each in listener.items], [SCRIPT])
        self.emit(node, 3)
        self.settle()
        self.assertEqual(listener.numbers[1:], [3])

    def test_a_router_that_lets_nobody_subscribe(self):
        def refuse(line: Any, msg: Any) -> None:
            from autobahn.wamp import message

            line.deliver(message.Error(message.Subscribe.MESSAGE_TYPE, msg.request, "wamp.error.not_authorized"))

        self.patch(self.router, "_subscribe", refuse)
        listener = self.listen()
        self.assertEqual([type(each) for each in listener.ends], [WorkFailed])
        self.assertIn("not_authorized", str(listener.ends[0]))

    def test_a_slow_queue_drops_by_its_own_policy(self):
        node = self.publish()
        slow = queue(self.fleet().subscribe("news", SCRIPT), 5, "drop_oldest")
        self.addCleanup(slow.close)
        self.settle()
        self.emit(node, *range(100))
        self.settle()
        self.assertEqual((len(slow), slow.dropped), (5, 95))


class OpenedAgain(TopicCase):
    def test_a_page_that_crashes_is_opened_again(self):
        node = self.publish()
        listener = self.listen()
        self.emit(node, 1)
        self.settle()
        crashed = session_of(node)
        assert crashed is not None
        node.chrome.crash(crashed)
        self.settle()
        self.assertFalse(node.node.state()["published"][0]["open"])
        self.pass_time(2)
        self.assertEqual((node.begun, node.open_pages), ([URL, URL], 1))
        self.emit(node, 2)
        self.settle()
        self.assertEqual((listener.numbers, listener.ends), ([1, 2], []))
        self.assertEqual((listener.stream.restarts, listener.stream.missed), (1, 0))

    def test_the_pauses_grow_and_subscribers_are_kept_meanwhile(self):
        node = self.publish()
        listener = self.listen()
        self.pass_time(5)  # a sign of life, from which on it is counted
        opened = []
        for _ in range(4):
            session = session_of(node)
            assert session is not None
            node.chrome.crash(session)
            self.settle()
            waited = 0
            before = len(node.begun)
            while len(node.begun) == before:
                self.pass_time(0.5, 0.5)
                waited += 1
            opened.append(waited / 2)
            self.settle()
        self.assertEqual(opened, [1, 2, 4, 8])
        self.assertEqual((listener.ends, listener.stream.restarts), ([], 4))

    def test_another_node_goes_on_where_one_is_lost(self):
        first = self.publish()
        second = self.publish()
        listener = self.listen()
        self.assertEqual((first.begun, second.begun), ([URL], []))
        self.pass_time(6)  # a sign of life, from which on it is counted
        first.die()
        self.pass_time(6)
        self.assertEqual(second.begun, [URL])
        self.emit(second, 9)
        self.settle()
        self.assertEqual((listener.numbers, listener.ends, listener.stream.restarts), ([9], [], 1))

    def test_a_node_that_joins_again_publishes_again_and_closes_what_it_had(self):
        node = self.publish()
        self.router.lose(node.session)
        node.node.left()
        self.settle()
        self.assertEqual((node.open_pages, node.node.state()["published"]), (0, []))
        node.join()
        self.assertEqual(node.open_pages, 1)
        state = self.result(self.router.join().call(Uris().publisher("news")))
        self.assertEqual((state["node"], state["name"], state["open"]), ("node1", "news", True))
        self.assertNotIn(URL, str(state))

    def test_a_worn_browser_is_given_back(self):
        node = self.publish(publish_events=(page.FrameNavigated.method,))
        sharing = node.gateway.renders.sharing  # type: ignore[union-attr]
        listener = self.listen(None, page.FrameNavigated)
        (host,) = sharing.hosts
        host.used = 1_000_000
        self.pass_time(8, 0.5)
        self.assertIsNot(sharing.hosts[0], host)
        self.assertEqual((len(sharing.hosts), node.open_pages), (1, 1))
        self.assertEqual((len(listener.items), listener.stream.restarts, listener.ends), (1, 1, []))
