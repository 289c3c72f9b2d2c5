"""What ended a line, told apart; and the stream that says so."""

from __future__ import annotations

import copy
import pickle
import socket
import struct
from typing import Any, ClassVar, get_args

from twisted.internet.error import ConnectionDone
from twisted.internet.error import ConnectionLost as Reset
from twisted.python.failure import Failure
from twisted.trial.unittest import SynchronousTestCase

from tests.support import SESSION_ID, Opening, Watcher, WireCase, detached, event, over_pipe, server_frame
from txcdp._core.connection import Connection
from txcdp._core.sessions import Session
from txcdp._transports import unacknowledged, websocket_protocol
from txcdp._transports.unacknowledged import is_acknowledging
from txcdp.domains import browser, page
from txcdp.errors import ConnectionLost, LossCause, SessionDetached, TargetCrashed
from txcdp.health import HealthEvent, LineLost


def close_frame(code: int) -> bytes:
    return server_frame(code.to_bytes(2, "big"), 8)


class ErrorTests(SynchronousTestCase):
    def test_the_usual_cause(self):
        self.assertEqual((ConnectionLost("x").cause, ConnectionLost("x", 1000, True).cause), ("ended", "closed"))

    def test_copies_keep_it(self):
        for cause in get_args(LossCause):
            lost = ConnectionLost("x", 1006, cause=cause)
            for each in (copy.copy(lost), copy.deepcopy(lost), pickle.loads(pickle.dumps(lost))):
                self.assertEqual((each.reason, each.code, each.clean, each.cause), ("x", 1006, False, cause))


class WebSocketCausesTests(SynchronousTestCase):
    """Each way in which a WebSocket ends."""

    def setUp(self) -> None:
        self.open()

    def open(self, **options: Any) -> None:
        self.opening = Opening(**{"ping_interval": None, "max_message_size": 1000, **options})
        self.opening.connect()
        self.opening.answer()
        self.tcp, self.reactor = self.opening.tcp, self.opening.reactor
        self.connection = Connection(self.opening.transport, self.reactor)
        self.health = Watcher(self.connection.health)

    def ends(self, cause: str, *, clean: bool = False) -> ConnectionLost:
        """See that it has ended so, and that it was told."""
        lost = self.successResultOf(self.connection.when_closed())
        self.assertEqual((lost.cause, lost.clean), (cause, clean))
        if clean:
            self.assertEqual((self.health.items, self.health.errors, self.health.completed), ([], [], 1))
        else:
            self.assertEqual((self.health.items, self.health.errors), ([LineLost(lost)], [lost]))
        self.assertEqual(self.reactor.getDelayedCalls(), [])
        return lost

    def test_closed_by_us(self):
        self.connection.close()
        self.tcp.protocol.dataReceived(close_frame(1000))
        self.tcp.end()
        self.ends("closed", clean=True)

    def test_closed_by_the_peer(self):
        self.tcp.protocol.dataReceived(close_frame(1001))
        self.tcp.end()
        self.ends("closed", clean=True)

    def test_closed_by_the_peer_in_trouble(self):
        self.tcp.protocol.dataReceived(close_frame(4001))
        self.tcp.end()
        self.assertEqual(self.ends("closed").code, 4001)

    def test_closed_because_of_what_we_said(self):
        self.tcp.protocol.dataReceived(close_frame(1009))
        self.tcp.end()
        self.assertEqual(self.ends("protocol").code, 1009)

    def test_ended(self):
        for reason in (ConnectionDone(), Reset()):
            self.open()
            self.tcp.end(reason)
            self.ends("ended")

    def test_ended_while_we_close(self):
        self.connection.close()
        self.tcp.end()
        self.ends("closed", clean=True)

    def test_the_peer_closes_and_keeps_the_line_open(self):
        self.open(close_timeout=2.0)
        self.tcp.protocol.dataReceived(close_frame(1000))
        self.reactor.advance(2)
        self.assertTrue(self.tcp.aborted)
        self.assertIn("did not complete the closing", str(self.ends("close_timeout")))

    def test_the_peer_agrees_to_close_and_keeps_the_line_open(self):
        self.connection.close()
        self.tcp.protocol.dataReceived(close_frame(1000))
        self.reactor.advance(2)
        self.ends("close_timeout", clean=True)

    def test_the_peer_does_not_even_agree_to_close(self):
        self.connection.close()
        self.reactor.advance(2)
        self.ends("close_timeout", clean=True)

    def test_a_message_that_is_too_large(self):
        self.tcp.protocol.dataReceived(server_frame(b"x" * 1001))
        self.tcp.protocol.dataReceived(close_frame(1009))
        self.tcp.end()
        self.ends("protocol")

    def test_rules_are_broken(self):
        self.tcp.protocol.dataReceived(server_frame(b"x", 5))
        self.tcp.end()
        self.ends("protocol")

    def test_rules_are_broken_and_the_line_kept_open(self):
        self.tcp.protocol.dataReceived(server_frame(b"x", 5))
        self.reactor.advance(2)
        self.ends("protocol")

    def test_aborted(self):
        self.connection.transport.abort()
        self.assertIn("aborted", str(self.ends("aborted")))

    def test_aborted_for_a_reason(self):
        self.connection.transport.abort("enough of it", "protocol")
        self.assertIn("enough of it", str(self.ends("protocol")))

    def test_unresponsive(self):
        self.open(ping_interval=20.0, ping_timeout=20.0)
        self.reactor.pump([20.0, 20.0])
        self.assertIn("no answer to a ping within 20 s", str(self.ends("unresponsive")))

    def test_half_open(self):
        self.patch(websocket_protocol, "is_acknowledging", lambda transport: transport is not self.tcp)
        self.open(ping_interval=20.0, ping_timeout=20.0)
        self.reactor.pump([20.0, 20.0])
        self.assertRegex(str(self.ends("half_open")), "no answer to a ping.*does not acknowledge")


class TcpInfo(socket.socket):
    """A socket of which the kernel tells what a test wants it to tell."""

    told: ClassVar[dict[str, int]] = {}

    def getsockopt(self, level: int, option: int, size: int = 0) -> Any:
        assert (level, option) == (socket.IPPROTO_TCP, socket.TCP_INFO)
        fields = unacknowledged._TcpInfo._make([0] * 21)._replace(**self.told)
        return struct.pack("=8B13I", *fields)[:size]


class OnSocket:
    def __init__(self, connection: Any) -> None:
        self.socket = connection


class AcknowledgingTests(SynchronousTestCase):
    """What the kernel says of the peer's machine."""

    def told(self, **fields: int) -> bool:
        self.patch(TcpInfo, "told", fields)
        with TcpInfo() as connection:
            return is_acknowledging(OnSocket(connection))

    def test_nothing_is_out(self):
        self.assertTrue(self.told(last_data_sent=3000, last_ack_recv=9000))

    def test_what_was_sent_last_is_not_acknowledged(self):
        self.assertFalse(self.told(unacked=1, last_data_sent=3000, last_ack_recv=20_000))

    def test_it_may_be_on_its_way(self):
        self.assertTrue(self.told(unacked=1, last_data_sent=0, last_ack_recv=400))

    def test_it_was_acknowledged_but_there_was_no_room_for_it(self):
        self.assertTrue(self.told(unacked=9, last_data_sent=3000, last_ack_recv=2990))

    def test_probes_of_a_full_peer(self):
        self.assertTrue(self.told(probes=1, last_data_sent=9000, last_ack_recv=300))
        self.assertFalse(self.told(probes=2, last_data_sent=9000, last_ack_recv=8000))

    def test_nobody_knows(self):
        self.assertTrue(is_acknowledging(object()))
        self.assertTrue(is_acknowledging(OnSocket(None)))
        ours, theirs = socket.socketpair()
        with ours, theirs:
            self.assertTrue(is_acknowledging(OnSocket(ours)))
        self.patch(TcpInfo, "getsockopt", lambda *_: b"short")
        with TcpInfo() as connection:
            self.assertTrue(is_acknowledging(OnSocket(connection)))

    def test_a_system_that_does_not_tell(self):
        self.patch(TcpInfo, "told", {"unacked": 1, "last_ack_recv": 20_000})
        known = getattr(socket, "TCP_INFO", None)
        if known is not None:
            self.patch(socket, "TCP_INFO", None)
        with TcpInfo() as connection:
            self.assertTrue(is_acknowledging(OnSocket(connection)))


class HealthTests(WireCase):
    """``Connection.health``, and that whoever hears of an end finds it done."""

    def test_it_enables_nothing_and_waits(self):
        watcher = Watcher(self.connection.health)
        self.wire.attach()
        self.assertEqual(self.wire.heard(), [])
        self.assertFalse(watcher.ended)

    def test_a_loss_is_told_and_ends_it(self):
        watcher = Watcher(self.connection.health)
        self.wire.lose()
        (told,) = watcher.items
        self.assertIsInstance(told, HealthEvent)
        assert isinstance(told, LineLost)
        self.assertIs(told.error, self.connection.lost)
        self.assertEqual((told.error.cause, watcher.errors), ("ended", [told.error]))
        self.assertEqual(Watcher(self.connection.health).errors, [told.error])

    def test_a_clean_end_completes_it(self):
        watcher = Watcher(self.connection.health)
        self.connection.close()
        self.wire.finish_close()
        self.assertEqual((watcher.items, watcher.errors, watcher.completed), ([], [], 1))
        assert self.connection.lost is not None
        self.assertEqual(self.connection.lost.cause, "closed")

    def test_aborted(self):
        pending = self.connection.session.execute(browser.get_version())
        self.connection.transport.abort("no answer", "unresponsive")
        self.wire.reactor.advance(0)
        error = self.failure(pending, ConnectionLost)
        self.assertEqual((error.cause, error.clean), ("unresponsive", False))
        self.assertIn("no answer", str(error))

    def test_the_browser_does_not_answer_the_closing(self):
        closed = self.connection.close()
        self.wire.writes()
        self.wire.reactor.advance(10)
        lost = self.successResultOf(closed)
        self.assertEqual((lost.cause, lost.clean), ("close_timeout", True))

    def looking(self, session: Session) -> list[Any]:
        """Look, when a command of a session fails, whether that has ended, and what the next one comes to."""
        seen: list[Any] = []

        def look(failure: Failure) -> None:
            again = session.execute(page.enable())
            seen.append((session.ended, session.crashed, type(self.failureResultOf(again).value)))

        session.execute(page.disable()).addErrback(look)
        return seen

    def test_whoever_hears_of_a_failed_command_finds_the_connection_lost(self):
        seen = [*map(self.looking, (self.wire.attach(), self.connection.session))]
        self.wire.lose()
        self.assertEqual(seen, [[(True, False, ConnectionLost)]] * 2)

    def test_whoever_hears_of_a_failed_command_finds_the_session_ended(self):
        seen = self.looking(self.wire.attach())
        self.wire.say(detached())
        self.assertEqual(seen, [(True, False, SessionDetached)])

    def test_whoever_hears_of_a_failed_command_finds_the_target_crashed(self):
        seen = self.looking(self.wire.attach())
        self.wire.say(event("Inspector.targetCrashed", {}, SESSION_ID))
        self.assertEqual(seen, [(False, True, TargetCrashed)])


HealthOverPipeTests = over_pipe(HealthTests)
