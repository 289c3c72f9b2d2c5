"""The connection itself: its state, its counters, its end."""

from __future__ import annotations

import gc
import weakref
from typing import Any

from twisted.internet.defer import Deferred
from twisted.trial.unittest import SynchronousTestCase

from tests.support import Watcher
from txcdp._core.connection import Connection
from txcdp.domains import browser, page
from txcdp.errors import CommandError, ConnectionLost
from txcdp.testing import NEVER, FakeChrome


class ConnectionTests(SynchronousTestCase):
    def setUp(self) -> None:
        self.chrome = FakeChrome()
        self.connection = self.chrome.connect()

    def test_representation(self):
        self.assertEqual(repr(self.connection), "<Connection: 1 sessions, 0 pending>")
        self.chrome.lose()
        self.chrome.flush()
        self.assertEqual(repr(self.connection), "<Connection: lost>")

    def test_as_a_context(self):
        async def use() -> Connection:
            async with self.chrome.connect() as connection:
                await connection.session.execute(browser.get_version())
            return connection

        connection = self.chrome.run(use())
        assert connection.lost is not None
        self.assertTrue(connection.lost.clean)

    def test_as_a_context_that_fails(self):
        async def use() -> None:
            async with self.connection:
                raise ValueError("x")

        self.assertRaises(ValueError, self.chrome.run, use())
        self.assertIsNotNone(self.connection.lost)

    def test_counters(self):
        self.chrome.on(page.navigate, CommandError("", -1, "no"))
        session = self.chrome.attach(self.connection)
        session.execute(page.enable())
        session.execute(page.navigate(url="x")).addErrback(lambda _: None)
        self.chrome.flush()
        stats = self.connection.stats
        self.assertEqual((stats.sent, stats.replies, stats.errors, stats.events), (2, 1, 1, 1))
        self.assertEqual(stats.bytes_sent, sum(len(each) for write in self.chrome.lines[0].writes for each in write))
        self.assertGreater(stats.bytes_received, 100)
        self.assertEqual(stats.as_dict()["methods"]["Page.enable"]["replies"], 1)

    def test_latencies(self):
        self.chrome.on("A.b", NEVER)
        for seconds in (1.0, 3.0):
            self.connection.session.execute_raw("A.b")
            self.chrome.advance(seconds)
            self.chrome.reply(self.chrome.commands[-1], {})
            self.chrome.flush()
        stats = self.connection.stats.methods["A.b"]
        self.assertEqual((stats.seconds_mean, stats.seconds_max, stats.sent), (2.0, 3.0, 2))
        self.assertEqual(type(stats)().seconds_mean, 0.0)

    def test_the_end_comes_once(self):
        ended = self.connection.when_closed()
        self.chrome.lose("first")
        self.chrome.flush()
        transport: Any = self.connection.transport
        transport.receiver.transport_closed(ConnectionLost("second"))
        self.assertEqual(self.successResultOf(ended).reason, "first")
        assert self.connection.lost is not None
        self.assertEqual(self.connection.lost.reason, "first")

    def test_closing_when_it_is_lost(self):
        self.chrome.lose()
        self.chrome.flush()
        self.assertFalse(self.successResultOf(self.connection.close()).clean)

    def test_losing_the_line_while_closing_is_clean(self):
        self.chrome.lose()
        closed = self.connection.close()
        self.chrome.flush()
        self.assertTrue(self.successResultOf(closed).clean)

    def test_sending_from_within_the_end(self):
        later: list[Deferred[Any]] = []
        self.chrome.on("A.b", NEVER)
        self.connection.session.execute_raw("A.b").addErrback(
            lambda _: later.append(self.connection.session.execute_raw("A.b"))
        )
        self.chrome.lose()
        self.chrome.flush()
        self.failureResultOf(later[0], ConnectionLost)
        self.assertEqual(self.chrome.clock.getDelayedCalls(), [])

    def test_subscribing_from_within_the_end(self):
        late: list[Watcher] = []
        session = self.chrome.attach(self.connection)
        self.connection.session.events(page.LoadEventFired).subscribe(
            lambda _: None, lambda _: late.append(Watcher(session.events(page.FrameNavigated)))
        )
        self.chrome.lose()
        self.chrome.flush()
        self.assertEqual(len(late[0].errors), 1)
        self.assertEqual(self.chrome.clock.getDelayedCalls(), [])

    def test_a_subscriber_that_leaves_at_the_end_leaves_no_timer(self):
        first = Watcher(self.connection.session.events(page.LoadEventFired))
        self.connection.session.events(page.FrameNavigated).subscribe(lambda _: None, lambda _: first.leave())
        self.chrome.flush()
        self.chrome.lose()
        self.chrome.flush()
        self.assertEqual(self.chrome.clock.getDelayedCalls(), [])

    def test_taps_do_not_pile_up(self):
        for _ in range(100):
            self.connection.events_raw()
        gc.collect()
        self.assertEqual(len(self.connection._dispatcher.taps), 0)

    def test_a_lost_connection_can_be_collected(self):
        connection = self.chrome.connect()
        Watcher(connection.session.events(page.LoadEventFired))
        self.chrome.flush()
        self.chrome.run(connection.close())
        dead = weakref.ref(connection)
        self.chrome.lines.clear()
        self.chrome.commands.clear()
        del connection
        gc.collect()
        self.assertIsNone(dead())
