"""Does an event cost the same with 1,000 sessions as with one, and what do they weigh? Prints numbers, judges them.

::

    python -m tests.lab.benchmarks.scale [--rounds N]

In one process, without a network: the messages go in where a transport hands them over. Times are the least of many
rounds, taken in turn, so that another program on the machine spoils single rounds and not the comparison; each round
goes over all sessions several times, so that it is not the turn of the others before it that is measured.
"""

from __future__ import annotations

import argparse
import gc
import json
import sys
import time
import tracemalloc
from collections.abc import Callable

from twisted.internet.defer import Deferred, succeed
from twisted.internet.task import Clock

from tests.call_counts import calls_of
from txcdp._core.connection import Connection
from txcdp._transports.interface import Receiver, WriteBatching
from txcdp.domains import dom, log, network, page, runtime
from txcdp.errors import ConnectionLost, LossCause
from txcdp.protocol import Event

#: Many sessions or listeners; events in one round; how much dearer one may be among many; what idle sessions may weigh.
MANY = 1000
BURST = 10 * MANY
FLAT = 1.15
LIGHT = 20_000_000  # bytes
DOMAINS: tuple[type[Event], ...] = (
    network.DataReceived,
    page.FrameNavigated,
    runtime.ConsoleAPICalled,
    log.EntryAdded,
    dom.DocumentUpdated,
)


class Line:
    """A transport that answers every command at once and keeps nothing."""

    receiver: Receiver | None = None
    bytes_received = bytes_sent = unsent = 0
    congested = False
    batched_with: WriteBatching | None = None

    def send(self, message: bytes) -> None:
        """Answer; a command that a reply's callback sends is answered after that."""
        number = message[message.index(b":") + 1 : message.index(b",")]
        self.say(b'{"id":%b,"result":{}}' % number)

    def say(self, message: bytes) -> None:
        """Hand a message over."""
        assert self.receiver is not None
        self.receiver.message_received(message)

    def cork(self) -> None:
        """Nothing is written here."""

    def uncork(self) -> None:
        """Nothing is written here."""

    def close(self) -> None:
        """End."""
        self.abort()

    def abort(self, why: str = "aborted", cause: LossCause = "aborted") -> None:
        """End."""
        assert self.receiver is not None
        self.receiver.transport_closed(ConnectionLost("closed", clean=True))

    def pause(self) -> None:
        """Nothing comes by itself here."""

    def resume(self) -> None:
        """Nothing waits here."""

    def when_drained(self) -> Deferred[None]:
        """Nothing waits here."""
        return succeed(None)

    def describe(self) -> dict[str, object]:
        """Facts for people."""
        return {"transport": "none"}


class Population:
    """A connection with so many sessions, each of which one subscriber listens to.

    :param sessions: how many.
    :param strangers: subscribers of other events, in the first session.
    """

    def __init__(self, sessions: int, strangers: int = 0) -> None:
        self.line, self.received = Line(), 0
        self.connection = Connection(self.line, Clock(), linger=None)
        self.keys = [b"5E55%028d" % index for index in range(sessions)]
        for key in self.keys:
            self.line.say(_ATTACHED % (key, key))
        self.sessions = self.connection.sessions[1:]
        for session in self.sessions:
            session.events(network.DataReceived).subscribe(self._receive)
        for index in range(strangers):
            self.sessions[0].events_raw(f"Bench.other{index}").subscribe(self._receive)
        self.messages = [_EVENT % (index, self.keys[index % sessions]) for index in range(MANY)]

    def _receive(self, _: object) -> None:
        self.received += 1

    def burst(self) -> None:
        """Let as many events as the constant says go through, over all sessions in turn."""
        say = self.line.say
        for _ in range(BURST // MANY):
            for message in self.messages:
                say(message)

    def listen(self) -> None:
        """Let each session have a listener of each of five domains."""
        for session in self.sessions:
            for event in DOMAINS:
                session.events(event).subscribe(self._receive)


_ATTACHED = (
    b'{"method":"Target.attachedToTarget","params":{"sessionId":"%b","targetInfo":{"targetId":"%b","type":"page",'
    b'"title":"","url":"about:blank","attached":true,"canAccessOpener":false},"waitingForDebugger":false}}'
)
_EVENT = (
    b'{"method":"Network.dataReceived","params":{"requestId":"5120.%d","timestamp":4711.25,"dataLength":1024,'
    b'"encodedDataLength":512},"sessionId":"%b"}'
)


def least(actions: list[Callable[[], None]], rounds: int) -> list[float]:
    """Return the least time that each action has taken, in microseconds an event."""
    best = [float("inf")] * len(actions)
    gc.collect()
    gc.disable()
    try:
        for _ in range(rounds):
            for index, action in enumerate(actions):
                began = time.perf_counter()
                action()
                best[index] = min(best[index], time.perf_counter() - began)
    finally:
        gc.enable()
    return [seconds / BURST * 1e6 for seconds in best]


def calls(population: Population) -> int:
    """Count the calls that one burst makes."""
    return calls_of(population.burst)


def weight(sessions: int = MANY) -> int:
    """Return the bytes that idle sessions with five listeners each take."""
    Population(1).listen()  # what is made once
    gc.collect()
    tracemalloc.start()
    try:
        before = tracemalloc.get_traced_memory()[0]
        population = Population(sessions)
        population.messages.clear()
        population.listen()
        gc.collect()
        return tracemalloc.get_traced_memory()[0] - before
    finally:
        tracemalloc.stop()


def main() -> int:
    """Measure, print a JSON line for each figure, and judge; 1 where one is not as promised."""
    parser = argparse.ArgumentParser(description="Measure how the costs grow with sessions and listeners.")
    parser.add_argument("--rounds", type=int, default=30)
    rounds = parser.parse_args().rounds
    populations = [Population(1), Population(10), Population(100), Population(MANY), Population(1, MANY)]
    alone, *rest = least([population.burst for population in populations], rounds)
    print(json.dumps({"sessions": 1, "strangers": 0, "us_per_event": round(alone, 3)}))
    good = True
    for population, cost in zip(populations[1:], rest, strict=True):
        good &= cost <= alone * FLAT
        facts = {"sessions": len(population.sessions), "strangers": MANY if population is populations[-1] else 0}
        print(json.dumps({**facts, "us_per_event": round(cost, 3), "ratio": round(cost / alone, 3)}))
    taken = weight()
    print(json.dumps({"idle_sessions": MANY, "listeners_each": len(DOMAINS), "megabytes": round(taken / 1e6, 1)}))
    good &= taken < LIGHT
    print("as promised" if good else "NOT as promised: flat within 15 %, and under 20 MB")
    return 0 if good else 1


if __name__ == "__main__":
    sys.exit(main())
