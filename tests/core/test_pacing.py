"""Limits on sending."""

from __future__ import annotations

from typing import Any

from twisted.trial.unittest import SynchronousTestCase

from txcdp._core.connection import Connection
from txcdp.errors import CommandTimeout, ConnectionLost, SessionDetached
from txcdp.testing import NEVER, FakeChrome


class PacingTests(SynchronousTestCase):
    def open(self, **options: Any) -> Connection:
        self.chrome = FakeChrome()
        self.chrome.on("A.b", {})
        self.chrome.on("A.hang", NEVER)
        return self.chrome.connect(**options)

    def sent(self) -> int:
        return sum(each.method.startswith("A.") for each in self.chrome.commands)

    def test_so_many_in_flight(self):
        connection = self.open(max_in_flight=2)
        hanging = [connection.session.execute_raw("A.hang", timeout=None) for _ in range(5)]
        self.assertEqual(self.sent(), 2)
        self.chrome.flush()
        self.chrome.reply(self.chrome.commands[0], {})
        self.chrome.flush()
        self.assertEqual(self.sent(), 3)
        self.successResultOf(hanging[0])
        hanging[1].cancel()
        self.failureResultOf(hanging[1])
        self.assertEqual(self.sent(), 4)

    def test_all_of_them_go_in_order(self):
        connection = self.open(max_in_flight=3)
        deferreds = [connection.session.execute_raw("A.b", {"n": number}) for number in range(50)]
        self.chrome.flush()
        for each in deferreds:
            self.successResultOf(each)
        self.assertEqual([each.command["n"] for each in self.chrome.commands], list(range(50)))

    def test_so_many_in_a_second(self):
        connection = self.open(commands_per_second=3)
        for _ in range(8):
            connection.session.execute_raw("A.b")
        self.assertEqual(self.sent(), 3)
        self.chrome.advance(0.9)
        self.assertEqual(self.sent(), 3)
        self.chrome.advance(0.1)
        self.assertEqual(self.sent(), 6)
        self.chrome.advance(1)
        self.assertEqual(self.sent(), 8)
        self.chrome.advance(5)
        self.assertEqual([call.getTime() for call in self.chrome.clock.getDelayedCalls() if call.getTime() < 7], [])

    def test_no_window_of_a_second_has_more(self):
        connection = self.open(commands_per_second=5)
        times: list[float] = []

        def answer(command: Any) -> dict[str, Any]:
            times.append(self.chrome.clock.seconds())
            return {}

        self.chrome.on("A.b", answer)
        for _ in range(60):
            connection.session.execute_raw("A.b")
            self.chrome.advance(0.07)
        for _ in range(100):
            self.chrome.advance(0.1)
        self.assertEqual(len(times), 60)
        for index in range(len(times) - 5):
            self.assertGreaterEqual(times[index + 5] - times[index], 0.999)

    def test_what_has_ended_is_never_sent(self):
        connection = self.open(max_in_flight=1)
        session = self.chrome.attach(connection)
        first = connection.session.execute_raw("A.hang", timeout=None)
        cancelled = connection.session.execute_raw("A.b")
        cancelled.cancel()
        late = connection.session.execute_raw("A.b", timeout=1)
        detached = session.execute_raw("A.b")
        last = connection.session.execute_raw("A.b", timeout=None)
        self.chrome.flush()
        self.chrome.advance(1)
        self.chrome.detach(session)
        self.chrome.flush()
        self.failureResultOf(cancelled)
        self.failureResultOf(late, CommandTimeout)
        self.failureResultOf(detached, SessionDetached)
        self.assertEqual(self.sent(), 1)
        self.chrome.reply(self.chrome.commands[0], {})
        self.chrome.flush()
        self.successResultOf(first)
        self.successResultOf(last)
        self.assertEqual(self.sent(), 2)

    def test_the_end(self):
        connection = self.open(commands_per_second=1, max_in_flight=10)
        deferreds = [connection.session.execute_raw("A.hang") for _ in range(3)]
        self.chrome.flush()
        self.chrome.lose()
        self.chrome.flush()
        for each in deferreds:
            self.failureResultOf(each, ConnectionLost)
        self.assertEqual((self.sent(), self.chrome.clock.getDelayedCalls()), (1, []))
        self.failureResultOf(connection.session.execute_raw("A.b"), ConnectionLost)

    def test_wrong_limits(self):
        self.assertRaises(ValueError, self.open, max_in_flight=0)
        self.assertRaises(ValueError, self.open, commands_per_second=-1)
