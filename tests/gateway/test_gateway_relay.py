"""A relay's life, and the reasons for which its client is not read."""

from __future__ import annotations

from typing import Any

from twisted.internet.task import Clock
from twisted.trial.unittest import SynchronousTestCase

from tests.gateway.support import FakeTransport
from txcdp.errors import ConnectionLost
from txcdp.gateway import ClientLimits, Policy
from txcdp.gateway._counters import Counters
from txcdp.gateway._proxy import relay as module
from txcdp.gateway._proxy.command_filter import CommandFilter
from txcdp.gateway._proxy.intake import Reason
from txcdp.gateway._proxy.method_info import MethodTable
from txcdp.gateway._proxy.relay import RELAY_TRANSITIONS, Relay, RelayEvent, RelayState

COMMAND = b'{"id":1,"method":"Page.enable"}'
FORBIDDEN = b'{"id":2,"method":"Browser.crash"}'


class FakeClient:
    """A client's WebSocket that is only written down."""

    frame = b""
    unsent = 0

    def __init__(self, *_: object) -> None:
        self.batched_with: object = None
        self.congested = False
        self.paused = False
        self.ended: list[tuple[int, str]] = []
        self.got: list[bytes] = []

    def send(self, message: bytes) -> None:
        self.got.append(message)

    def end(self, code: int, why: str) -> None:
        self.ended.append((code, why))

    def pause(self) -> None:
        self.paused = True

    def resume(self) -> None:
        self.paused = False


class Line:
    """A line to a browser."""

    browser = "7"
    why = ""
    downloads = ""
    unread = 3
    execute = None

    def __init__(self) -> None:
        self.transport: Any = FakeTransport()
        self.times_left = 0

    def browser_closes(self) -> None: ...

    def lost(self) -> None: ...

    def left(self) -> None:
        self.times_left += 1


class RelayCase(SynchronousTestCase):
    def make(self, rate: float | None = None) -> Relay:
        self.patch(module, "Client", FakeClient)
        self.clock = Clock()
        self.line = Line()
        self.counters = Counters()
        self.words: list[str] = []
        table = MethodTable(self.counters, CommandFilter(Policy(methods=("Browser.crash",))))
        relay = Relay(
            self.clock,
            "A",
            self.line,
            ClientLimits(slow_time=5, burst=1),
            rate,
            table,
            self.counters,
            lambda _, why, word: self.words.append(word),
        )
        self.client: Any = relay.client
        return relay


class LifeTests(RelayCase):
    def do(self, relay: Relay, event: RelayEvent) -> None:
        if event is RelayEvent.OPEN:
            relay.client_opened()
        elif event is RelayEvent.FULL:
            relay.client_full()
        elif event is RelayEvent.EMPTY:
            relay.client_empty()
        elif event is RelayEvent.END:
            relay.end(1001, "over", "drained")
        elif event is RelayEvent.LOSE:
            relay.transport_closed(ConnectionLost("closed"))
        else:
            relay.client_gone("left", True)

    def test_it_does_what_the_table_says(self):
        ways: dict[RelayState, tuple[RelayEvent, ...]] = {RelayState.OPENING: ()}
        for state in (waiting := [RelayState.OPENING]):
            for (before, event), then in RELAY_TRANSITIONS.items():
                if before is state and then not in ways:
                    ways[then] = (*ways[state], event)
                    waiting.append(then)
        self.assertEqual(set(ways), set(RelayState))
        for state, way in ways.items():
            for event in RelayEvent:
                relay = self.make()
                for each in way:
                    self.do(relay, each)
                self.assertEqual(repr(relay), f"<Relay A, {state.value}, browser 7>")
                self.do(relay, event)
                then = RELAY_TRANSITIONS.get((state, event), state)
                self.assertEqual(repr(relay), f"<Relay A, {then.value}, browser 7>", (state, event))
                self.do(relay, RelayEvent.LEAVE)
                self.assertEqual((self.line.times_left, len(self.words)), (1, 1))
                self.assertLessEqual(len(self.client.ended), 1)
                self.assertEqual(self.clock.getDelayedCalls(), [])

    def test_a_line_that_has_ended_is_not_ended_again(self):
        for event, aborted in ((RelayEvent.LOSE, False), (RelayEvent.END, True)):
            relay = self.make()
            relay.client_opened()
            self.do(relay, event)
            relay.client_gone("left", True)
            self.assertEqual(bool(self.line.transport.aborted), aborted)

    def test_the_first_reason_counts(self):
        relay = self.make()
        relay.client_opened()
        relay.client_full()
        self.clock.advance(5)
        self.do(relay, RelayEvent.LOSE)
        relay.client_gone("left", True)
        self.assertEqual((self.words, [code for code, _ in self.client.ended]), (["slow"], [1008]))
        self.assertEqual(self.counters.dropped, 3)


class IntakeTests(RelayCase):
    def test_it_is_read_when_there_is_no_reason_left_not_to(self):
        relay = self.make(rate=1)
        relay.client_opened()
        transport = self.line.transport
        transport.congested = True
        relay.client_said(COMMAND)
        relay.client_said(COMMAND)
        self.client.congested = True
        relay._intake.pause(Reason.REPLIES)
        self.assertTrue(self.client.paused)
        self.clock.advance(2)
        self.assertEqual((len(transport.sent), self.client.paused), (2, True))
        relay.client_empty()
        self.assertTrue(self.client.paused, "its browser has not taken what it has sent")
        transport.drained.callback(None)
        self.assertFalse(self.client.paused)

    def test_who_does_not_read_refusals_is_not_read(self):
        relay = self.make()
        relay.client_opened()
        relay.client_said(FORBIDDEN)
        self.assertEqual((len(self.client.got), self.client.paused), (1, False))
        self.client.congested = True
        relay.client_said(FORBIDDEN)
        self.assertEqual((len(self.client.got), self.client.paused), (2, True))
        relay.client_empty()
        self.assertFalse(self.client.paused)
        self.assertEqual(self.line.transport.sent, [])

    def test_what_is_held_back_goes_nowhere_when_its_client_has_gone(self):
        relay = self.make(rate=1)
        relay.client_opened()
        for _ in range(3):
            relay.client_said(COMMAND)
        relay.client_gone("left", True)
        self.clock.advance(10)
        self.assertEqual(len(self.line.transport.sent), 1)
        self.assertEqual(self.counters.domain("Page.enable").outcomes["lost"], 1)
