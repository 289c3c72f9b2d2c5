"""The ports at which browsers listen, and what they are told of them."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any

from twisted.internet.defer import Deferred, fail, succeed
from twisted.internet.task import Clock
from twisted.trial.unittest import SynchronousTestCase

from txcdp.chrome import discovery
from txcdp.gateway._pool import launched as browsers
from txcdp.gateway._pool import ports
from txcdp.gateway._pool.ports import Ports


class PortsTests(SynchronousTestCase):
    def setUp(self) -> None:
        self.asked: list[int] = []
        self.patch(ports, "unused", self.unused)

    def unused(self, count: int) -> list[int]:
        first = 5000 + sum(self.asked)
        self.asked.append(count)
        return list(range(first, first + count))

    def test_each_browser_has_its_own(self):
        pool = Ports(3)
        self.assertEqual(self.asked, [])
        self.assertEqual([pool.take() for _ in range(3)], [5000, 5001, 5002])
        pool.give_back(5001)
        self.assertEqual(self.asked, [3])
        self.assertEqual(pool.take(), 5001)

    def test_the_one_that_was_used_last_comes_last(self):
        pool = Ports(2)
        pool.give_back(pool.take())
        self.assertEqual([pool.take(), pool.take()], [5001, 5000])

    def test_more_than_there_should_be(self):
        pool = Ports(1)
        self.assertEqual([pool.take(), pool.take()], [5000, 5001])
        self.assertIn("MAP *:5001 ~NOTFOUND", pool.arguments(5001, [])[1])

    def test_arguments(self):
        pool = Ports(2)
        pool.take()
        rules = "--host-resolver-rules=MAP *:5000 ~NOTFOUND,MAP *:5001 ~NOTFOUND"
        self.assertEqual(pool.arguments(5000, ["--x", "u"]), ["--remote-debugging-port=5000", rules, "--x", "u"])
        theirs = ["--host-resolver-rules=MAP a b", "--x", "--host-resolver-rules=MAP c d, EXCLUDE e"]
        found = pool.arguments(5001, theirs)
        self.assertEqual(found, ["--remote-debugging-port=5001", f"{rules},MAP c d, EXCLUDE e", "--x"])

    def test_browsers_give_them_back(self):
        """Those that do not start, that start and cannot be used, and that have ended."""
        asked: list[list[str]] = []
        gone: Deferred[Any] = Deferred()
        process = SimpleNamespace(when_ended=lambda: gone, pid=1, ws_url="ws://127.0.0.1:5000/devtools/browser/x")

        def close() -> Deferred[None]:
            gone.callback(None)
            return succeed(None)

        browser = SimpleNamespace(process=process, close=close)
        outcomes = [fail(OSError()), succeed(browser)]

        def launch(reactor: object, **options: Any) -> Deferred[Any]:
            asked.append(options["args"])
            return outcomes.pop(0)

        self.patch(browsers, "launch", launch)
        self.patch(discovery, "version", lambda reactor, netloc: fail(ValueError(netloc)))
        start = browsers.Launcher(Clock(), args=["--x"], most=1)
        self.failureResultOf(start(), OSError)
        self.assertEqual(str(self.failureResultOf(start(), ValueError).value), "127.0.0.1:5000")
        self.assertTrue(gone.called)
        outcomes.append(fail(OSError()))
        self.failureResultOf(start(), OSError)
        rules = "--host-resolver-rules=MAP *:5000 ~NOTFOUND"
        self.assertEqual(asked, [["--remote-debugging-port=5000", rules, "--x"]] * 3)

    def test_ports_are_those_that_nobody_has(self):
        self.patch(ports, "unused", UNUSED)
        found = ports.unused(5)
        self.assertEqual(len(set(found)), 5)
        self.assertTrue(all(1023 < each < 65536 for each in found))


UNUSED = ports.unused
