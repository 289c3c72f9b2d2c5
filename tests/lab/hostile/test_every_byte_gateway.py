"""Every byte that a client sends to the gateway is damaged, and its line cut behind each; nothing stays behind."""

from __future__ import annotations

from unittest.mock import patch

import pytest

from tests.gateway.support import Caller, GatewayCase, masked
from tests.lab.hostile.test_every_byte import BITS, within_frames
from txcdp.gateway import PoolOptions

COMMANDS = [b'{"id":1,"method":"Page.enable"}', b'{"id":2,"method":"A.b","params":{"x":"%b"}}' % (b"x" * 100)]
PING = masked(b"are you there?", 9)
LAST = b'{"id":3,"method":"Still.there"}'


@pytest.mark.no_cover
class GatewayBytesTests(GatewayCase):
    def setUp(self) -> None:
        super().setUp()
        self.make(pool=PoolOptions(size=1, warm=0))
        with patch.object(Caller, "feed") as feed:
            self.caller().upgrade("/devtools/browser")
        (request,) = feed.call_args.args
        frames = [masked(COMMANDS[0]), PING, masked(COMMANDS[1][:70], fin=False), masked(COMMANDS[1][70:], 0)]
        self.start = len(request)
        self.data = request + b"".join(frames)

    def talk(self, data: bytes, more: bytes = b"") -> tuple[Caller, list[bytes]]:
        """Send all that, in a few reads; return the client, and what came to the browser."""
        self.lines.clear()
        caller = self.caller()
        for part in (data[: self.start], data[self.start : self.start + 50], data[self.start + 50 :], more):
            if part and not caller.tcp.lost and not caller.tcp.disconnecting:
                caller.feed(part)
        self.reactor.advance(0)
        return caller, [message for line in self.lines for message in line.sent]

    def ended(self, caller: Caller, where: object) -> None:
        """Let the client vanish, and see that nothing is left of it."""
        caller.leave()
        self.reactor.advance(0)
        state = self.gateway.state()
        self.assertEqual((state["clients"], self.gateway.clients.taken), ([], 0), where)
        self.assertEqual([each["state"] for each in state["browsers"] if each["state"] == "leased"], [], where)
        self.assertTrue(all(line.aborted for line in self.lines), where)
        self.assertEqual(self.flushLoggedErrors(), [], where)

    def test_as_it_should_be(self) -> None:
        caller, came = self.talk(self.data, masked(LAST))
        self.assertEqual((caller.status, came), (101, [*COMMANDS, LAST]))
        self.assertEqual([each.payload for each in caller.frames() if each.opcode == 10], [b"are you there?"])
        self.ended(caller, "as it should be")

    def test_damaged(self) -> None:
        lives = within_frames(self.data)
        self.assertGreater(len(lives), 140)
        for place in range(len(self.data)):
            for bits in BITS:
                damaged = self.data[:place] + bytes([self.data[place] ^ bits]) + self.data[place + 1 :]
                caller, came = self.talk(damaged, masked(LAST))
                where = (place, bits, self.data[max(0, place - 9) : place + 1])
                if place in lives:
                    self.assertEqual((caller.status, len(came), came[-1]), (101, 3, LAST), where)
                    self.assertFalse(caller.tcp.lost, where)
                self.ended(caller, where)

    def test_cut_off(self) -> None:
        for place in range(len(self.data)):
            caller, came = self.talk(self.data[:place])
            self.assertEqual(caller.status, 101 if place >= self.start else 0, place)
            self.assertEqual(came, COMMANDS[: len(came)], place)
            self.ended(caller, place)
