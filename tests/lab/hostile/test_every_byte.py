"""Every byte of a conversation is damaged, and the line is cut behind each, in both directions; nothing hangs."""

from __future__ import annotations

import gc
from typing import Any

import pytest
from twisted.python.failure import Failure
from twisted.trial.unittest import SynchronousTestCase

from tests.lab.hostile.memory import MemoryLine
from tests.lab.hostile.proxy import Corrupt, Cut, Fault
from tests.lab.hostile.server import CLOSE
from tests.lab.hostile.test_hostile_network import NAMES, conversation
from tests.support import Watcher
from txcdp._core.connection import Connection
from txcdp.domains import network
from txcdp.errors import ConnectError, ConnectionLost, HandshakeFailed, TxcdpError

#: Seconds, of the memory's clock.
OPENING, CLOSING, ANSWER = 10.0, 2.0, 5.0

WAYS = ("down", "up")
BITS = (0xFF, 0x01, 0x80)


def within_frames(data: bytes) -> set[int]:
    """Return the places of what frames carry, masks included: whoever damages that damages messages, and no frame."""
    found: set[int] = set()
    at = data.index(b"\r\n\r\n") + 4
    while at < len(data):
        mask, length, begin = 4 * (data[at + 1] >> 7), data[at + 1] & 0x7F, at + 2
        if length > 125:
            begin = at + (4 if length == 126 else 10)
            length = int.from_bytes(data[at + 2 : begin], "big")
        assert data[at] & 15 != CLOSE
        at = begin + mask + length
        found.update(range(begin, at))
    return found


class Talk:
    """A client that connects, listens while its server speaks, and asks for things.

    :param way: where the fault is: down or up.
    :ivar refused: why it could not connect.
    :ivar heard: the events that came.
    :ivar outcomes: what became of its commands.
    """

    def __init__(self, way: str, fault: Fault) -> None:
        faults = (fault, Fault()) if way == "down" else (Fault(), fault)
        self.line = MemoryLine(*faults, open_timeout=OPENING, close_timeout=CLOSING)
        self.reactor = self.line.opening.reactor
        self.outcomes: list[Any] = []
        self.watchers: list[Watcher] = []
        if not self.line.opening.opened:
            self.line.pump(OPENING)
        (opened,) = self.line.opening.opened
        self.refused = opened.value if isinstance(opened, Failure) else None
        if self.refused is None:
            self.connection = Connection(self.line.opening.transport, self.reactor, timeout=ANSWER)
            session = self.connection.session
            self.watchers = [Watcher(self.connection.events_raw()), Watcher(session.events(network.DataReceived))]
            self.line.peer.raw(conversation())
            self.ask("A.b")
            self.ask("\u00fc" * 50)

    def ask(self, text: str) -> None:
        """Ask for something, and wait for as long as an answer may take."""
        asking = self.connection.session.execute_raw("A.b", {"x": text})
        asking.addBoth(self.outcomes.append)
        self.line.pump()
        if not asking.called:
            self.line.pump(ANSWER)

    def close(self) -> ConnectionLost | None:
        """Close; return how the line had been lost before."""
        lost = self.connection.lost
        closing = self.connection.close()
        self.line.pump()
        if not closing.called:
            self.line.pump(CLOSING)
        assert closing.called
        return lost


@pytest.mark.no_cover
class EveryByteTests(SynchronousTestCase):
    def tearDown(self) -> None:
        gc.collect()  # what nobody has heard of is logged now
        self.assertEqual(self.flushLoggedErrors(), [])

    def whole(self, way: str) -> bytes:
        """Return all that goes in a direction where nothing goes wrong, but for the closing."""
        talk = Talk(way, Fault())
        data: bytes = getattr(talk.line, way).passed
        self.assertEqual([each.method for each in talk.watchers[0].items], NAMES)
        self.assertEqual((talk.outcomes, talk.line.peer.pongs), ([{}, {}], 1))
        self.assertIsNone(talk.close())
        self.ended(talk, "as it should be")
        self.assertGreater(len(data), 400)
        return data

    def ended(self, talk: Talk, where: object) -> None:
        """See that everything has ended, and in which way."""
        self.assertEqual(talk.reactor.getDelayedCalls(), [], where)
        self.assertTrue(all(each.ended for each in talk.watchers), where)
        for outcome in talk.outcomes:
            self.assertTrue(outcome == {} or outcome.check(TxcdpError), (where, outcome))
        self.assertEqual(self.flushLoggedErrors(), [], where)

    def test_damaged(self) -> None:
        for way in WAYS:
            whole = self.whole(way)
            lives, start = within_frames(whole), whole.index(b"\r\n\r\n") + 4
            self.assertGreater(len(lives), 240)
            for place in range(len(whole)):
                # In a frame's header each bit means something else.
                for bits in BITS if place >= start and place not in lives else BITS[place % 3 :][:1]:
                    where = (way, place, bits, whole[max(0, place - 9) : place + 1])
                    talk = Talk(way, Corrupt(place, bits))
                    if talk.refused is not None:
                        self.assertIsInstance(talk.refused, ConnectError, where)
                        self.assertLess(place, start, where)
                        self.ended(talk, where)
                        continue
                    talk.ask("Still.there")
                    last, lost = talk.outcomes[-1], talk.close()
                    self.ended(talk, where)
                    if place in lives:
                        self.assertEqual((last, lost), ({}, None), where)

    def test_cut_off(self) -> None:
        for way in WAYS:
            whole = self.whole(way)
            start = whole.index(b"\r\n\r\n") + 4
            for place in range(1, len(whole)):
                how = ("reset", "close")[place % 2]
                where = (way, place, how)
                talk = Talk(way, Cut(place, how))
                if talk.refused is not None:
                    self.assertIsInstance(talk.refused, HandshakeFailed, where)
                else:
                    lost = talk.close()
                    assert lost is not None, where
                    self.assertFalse(lost.clean, where)
                    self.assertTrue(all(each.errors == [lost] for each in talk.watchers), where)
                    self.assertTrue(talk.outcomes[-1].check(ConnectionLost), where)
                self.assertEqual(talk.refused is None, place >= start + (way == "up"), where)
                self.ended(talk, where)
