"""The pool of browsers: warm ones, leases and the queue, checks, replacements, the end."""

from __future__ import annotations

import os
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any

from twisted.internet.defer import CancelledError, Deferred
from twisted.internet.task import Clock
from twisted.trial.unittest import SynchronousTestCase

from tests.gateway.support import Starter, memory_of
from txcdp.errors import ConnectionLost
from txcdp.gateway import BrowserLimits, PoolOptions
from txcdp.gateway._http.refusals import Refusal
from txcdp.gateway._options import ClientLimits, Policy
from txcdp.gateway._pool.memory import measure
from txcdp.gateway._pool.pool import Pool
from txcdp.gateway._pool.pooled_browser import PooledBrowser, PooledEvent


class PoolTests(SynchronousTestCase):
    def make(self, at_once: bool = True, **options: Any) -> Pool:
        self.clock = Clock()
        self.starter = Starter(at_once)
        self.sizes: dict[int, int] = {}

        def measure(pids: Iterable[int]) -> Iterator[tuple[int, int]]:
            for pid in pids:
                if pid in self.sizes:  # two processes
                    yield pid, self.sizes[pid] - 1
                    yield pid, 1

        self.pool = Pool(self.clock, self.starter, PoolOptions(**options), measure)
        self.pool.open()
        self.addCleanup(self.finish)
        return self.pool

    def finish(self) -> None:
        self.successResultOf(self.pool.stop())
        self.assertEqual(self.clock.getDelayedCalls(), [])
        self.assertEqual([each.pid for each in self.starter.browsers if not each.closed], [])

    def lease(self) -> PooledBrowser:
        return self.successResultOf(self.pool.lease())

    def refusal(self, waiting: Deferred[PooledBrowser]) -> Refusal:
        error = self.failureResultOf(waiting, Refusal).value
        assert isinstance(error, Refusal)
        return error

    def test_warm_ones_are_kept_within_size(self):
        pool = self.make(size=3, warm=2)
        self.assertEqual((len(pool.idle), pool.ready), (2, True))
        first, second = self.lease(), self.lease()
        self.assertEqual((len(pool.idle), len(pool.leased)), (1, 2))
        self.assertNotEqual(first.running.pid, second.running.pid)
        pool.release(first)
        self.assertEqual((len(pool.idle), len(self.starter.browsers)), (2, 4))
        self.assertEqual((self.starter.browsers[0].closed, pool.counts.recycled), (1, 1))

    def test_none_warm(self):
        pool = self.make(size=1, warm=0)
        self.assertEqual(self.starter.browsers, [])
        self.assertIsNone(pool.any())
        pooled = self.lease()
        self.assertIs(pool.any(), pooled)

    def test_a_queue_in_order(self):
        pool = self.make(at_once=False, size=1, warm=1, queue=2)
        first, second, third = pool.lease(), pool.lease(), pool.lease()
        self.assertEqual(pool.waiting, 3)  # the first one has the browser that is coming
        error = self.refusal(pool.lease())
        self.assertEqual((error.status, error.kind, error.headers["Retry-After"]), (503, "queue_full", "10"))
        self.starter.come_up()
        pooled = self.successResultOf(first)
        self.assertNoResult(second)
        second.cancel()
        self.failureResultOf(second, CancelledError)
        self.assertEqual(pool.waiting, 1)
        pool.release(pooled)
        self.starter.come_up()
        self.assertIs(self.successResultOf(third), next(iter(pool.leased)))

    def test_the_queue_has_a_deadline(self):
        pool = self.make(size=1, queue_deadline=20)
        self.lease()
        waiting = pool.lease()
        self.clock.advance(19)
        self.assertNoResult(waiting)
        self.clock.advance(1)
        error = self.refusal(waiting)
        self.assertEqual((error.status, error.kind, error.headers), (503, "queue_deadline", {"Retry-After": "10"}))
        self.assertIn("20 s", error.reason)
        self.assertEqual(pool.waiting, 0)

    def test_several_sessions(self):
        pool = self.make(size=1, browser=BrowserLimits(sessions=2))
        pooled = self.lease()
        tidied = self.starter.browsers[0].tidied = Deferred()
        pool.release(pooled)
        waiting = pool.lease()
        self.assertNoResult(waiting)  # nobody gets it before it is tidy
        tidied.callback(None)
        self.assertIs(self.successResultOf(waiting), pooled)
        pool.release(pooled)
        pool.release(pooled)
        self.assertEqual((len(self.starter.browsers), pool.counts.recycled), (2, 1))

    def test_one_that_cannot_be_tidied_up_is_ended(self):
        pool = self.make(size=1, browser=BrowserLimits(sessions=9))
        for outcome in (ValueError("no"), None):
            tidied = self.starter.browsers[-1].tidied = Deferred()
            pool.release(self.lease())
            if outcome is None:
                self.clock.advance(10)
            else:
                tidied.errback(outcome)
        self.assertEqual((pool.counts.hung, len(self.starter.browsers)), (2, 3))

    def test_one_that_ends_while_it_is_tidied_up(self):
        pool = self.make(size=1, browser=BrowserLimits(sessions=9))
        tidied = self.starter.browsers[0].tidied = Deferred()
        pool.release(self.lease())
        self.starter.browsers[0].close()
        tidied.callback(None)
        self.assertEqual((pool.counts.died, len(pool.idle), len(self.starter.browsers)), (1, 1, 2))

    def test_stopped_while_one_is_tidied_up(self):
        pool = self.make(size=1, browser=BrowserLimits(sessions=9))
        tidied = self.starter.browsers[0].tidied = Deferred()
        pool.release(self.lease())
        self.successResultOf(pool.stop())
        self.assertEqual(self.starter.browsers[0].closed, 1)
        tidied.errback(ValueError("too late"))
        self.assertEqual(pool.counts.hung, 0)

    def test_one_that_dies_is_replaced_and_its_client_told(self):
        pool = self.make(size=2, warm=1)
        pooled = self.lease()
        heard = pooled.ended.wait()
        self.starter.browsers[0].gone.callback(None)
        self.assertEqual(self.successResultOf(heard), "its process has ended")
        self.assertEqual((len(pool.leased), len(pool.idle), pool.counts.died), (0, 1, 1))
        pool.release(pooled)
        self.starter.browsers[1].gone.callback(None)
        self.assertEqual((len(pool.idle), pool.counts.died), (1, 2))

    def test_one_whose_client_ends_it_has_not_died(self):
        pool = self.make(size=1)
        pooled = self.lease()
        pooled.happened(PooledEvent.DISMISS)
        self.starter.browsers[0].gone.callback(None)
        self.assertEqual((pool.counts.died, pool.counts.recycled, pooled.why), (0, 1, "its client has ended it"))

    def test_one_whose_client_ends_it_is_not_tidied_up(self):
        pool = self.make(size=1, browser=BrowserLimits(sessions=9))
        for told, count in ((PooledEvent.DISMISS, "recycled"), (PooledEvent.BREAK, "died")):
            pooled = self.lease()
            self.starter.browsers[-1].tidied = Deferred()
            pooled.happened(told)
            pool.release(pooled)
            self.assertEqual((getattr(pool.counts, count), self.starter.browsers[-2].closed), (1, 1))
            self.assertEqual((pooled.fault == "", pool.counts.hung), (told is PooledEvent.DISMISS, 0))

    def test_one_that_has_ended_when_it_comes_up_is_given_to_nobody(self):
        pool = self.make(at_once=False, size=1)
        waiting = pool.lease()
        browser = self.starter.make()
        browser.gone.callback(None)
        self.starter.waiting.pop(0).callback(browser)
        self.assertNoResult(waiting)
        self.assertEqual((pool.idle, pool.counts.died), ([], 1))
        self.starter.come_up()
        self.assertIs(self.successResultOf(waiting).running, self.starter.browsers[1])

    def test_checks(self):
        pool = self.make(size=2, warm=2, check_interval=5, check_timeout=10)
        pooled = self.lease()
        answer = self.starter.browsers[0].answer = Deferred()
        self.clock.advance(5)
        self.clock.advance(5)
        self.assertEqual([each.checks for each in self.starter.browsers], [1, 2])  # not while one is under way
        self.clock.advance(5)
        self.assertEqual(pooled.why, "it does not answer (TimeoutError)")
        self.assertEqual((pool.counts.hung, self.starter.browsers[0].closed), (1, 1))
        self.assertTrue(answer.called)
        self.starter.browsers[1].answer = Deferred()
        self.clock.advance(5)
        self.starter.browsers[1].close()
        self.assertEqual(pool.counts.hung, 1)

    def test_a_browser_ends_while_it_is_asked(self):
        """Its line ends a moment before its process: that is no silence."""
        pool = self.make(size=2, warm=2, check_interval=5)
        dismissed, dies = self.lease(), self.lease()
        dismissed.happened(PooledEvent.DISMISS)
        for each in self.starter.browsers:
            each.answer = Deferred()
        self.clock.advance(5)
        for each in self.starter.browsers[:2]:
            assert each.answer is not None
            each.answer.errback(ConnectionLost("closed"))
        self.assertEqual((pool.counts.recycled, pool.counts.died, pool.counts.hung), (1, 1, 0))
        self.assertEqual((dismissed.why, dies.why), ("its client has ended it", "its process has ended"))
        self.assertEqual([each.closed for each in self.starter.browsers[:2]], [1, 1])

    def test_memory(self):
        pool = self.make(size=2, warm=2, browser=BrowserLimits(memory=1000))
        self.sizes = {1000: 1000, 1001: 1001}
        self.clock.advance(5)
        self.assertEqual((pool.counts.oversized, [each.running.pid for each in pool.idle]), (1, [1000, 1002]))
        self.assertEqual(pool.idle[0].memory, 1000)
        pooled = self.lease()
        self.sizes[1000] = 5000
        self.clock.advance(5)
        self.assertEqual(pooled.why, "its memory has passed 1,000 bytes")

    def test_age(self):
        pool = self.make(size=2, warm=2, browser=BrowserLimits(seconds=7, sessions=100))
        pooled = self.lease()
        self.clock.advance(5)
        self.assertEqual(pool.counts.recycled, 0)
        self.clock.advance(5)
        self.assertEqual((pool.counts.recycled, pooled.why), (1, ""))
        pool.release(pooled)
        self.assertEqual((pool.counts.recycled, len(pool.idle)), (2, 2))

    def test_when_none_can_be_started(self):
        pool = self.make(at_once=False, size=1, warm=1, retry_least=1, retry_most=3)
        waiting = pool.lease()
        pauses: list[int] = []
        for pause in (1, 2, 3, 3):
            self.assertTrue(pool.ready or pauses)
            self.starter.fail()
            self.assertEqual((len(self.starter.waiting), pool.ready), (0, False))
            self.clock.advance(pause - 0.1)
            self.assertEqual(len(self.starter.waiting), 0)
            self.clock.advance(0.1)
            self.assertEqual(len(self.starter.waiting), 1)
            pauses.append(pause)
        self.starter.come_up()
        self.successResultOf(waiting)
        self.assertEqual((pool.counts.failed, pool.counts.started), (4, 1))

    def test_two_that_fail_are_one_pause(self):
        pool = self.make(at_once=False, size=2, warm=2)
        self.starter.fail()
        self.starter.fail()
        self.clock.advance(0.5)
        self.assertEqual((len(self.starter.waiting), pool.counts.failed), (2, 2))
        self.starter.fail()
        self.pool.drain()

    def test_drain(self):
        pool = self.make(size=3, warm=2)
        pooled = self.lease()
        pool.drain()
        self.assertEqual(([each.closed for each in self.starter.browsers], pool.ready), ([0, 1, 1], False))
        self.assertEqual(self.refusal(pool.lease()).kind, "draining")
        pool.release(pooled)
        self.assertEqual(self.starter.browsers[0].closed, 1)

    def test_drain_while_some_wait(self):
        pool = self.make(at_once=False, size=1)
        waiting = pool.lease()
        pool.drain()
        self.assertEqual(self.refusal(waiting).kind, "draining")
        self.assertEqual(self.starter.cancelled, 1)
        self.assertEqual(pool.counts.failed, 0)

    def test_one_that_comes_up_too_late(self):
        pool = self.make(at_once=False, size=1)
        started = self.starter.waiting[0]
        started._canceller = lambda _: started.callback(self.starter.make())
        pool.drain()
        self.assertEqual((self.starter.browsers[0].closed, len(pool.idle)), (1, 0))

    def test_stop_waits_for_the_ends(self):
        pool = self.make(size=1)
        self.lease()
        browser = self.starter.browsers[0]
        ending: Deferred[None] = Deferred()
        browser.close = lambda: ending  # type: ignore[method-assign]
        stopped = pool.stop()
        self.assertNoResult(stopped)
        ending.errback(OSError("strange"))
        self.successResultOf(stopped)
        self.assertEqual(len(self.flushLoggedErrors(OSError)), 1)
        browser.closed = 1

    def test_stop_waits_for_what_a_cancelled_start_has_to_clean_up(self):
        pool = self.make(at_once=False, size=1)
        cancelled: list[object] = []
        starting = self.starter.waiting[0]
        starting.cancel = lambda: cancelled.append(starting)  # type: ignore[method-assign]
        pool.drain()
        stopped = pool.stop()
        self.assertEqual(len(cancelled), 1, "a second time would break off the cleaning up")
        self.assertNoResult(stopped)
        starting.errback(CancelledError())
        self.successResultOf(stopped)

    def test_stop_waits_for_one_that_comes_up_meanwhile(self):
        pool = self.make(at_once=False, size=1)
        starting = self.starter.waiting[0]
        starting.cancel = lambda: None  # type: ignore[method-assign]
        stopped = pool.stop()
        browser = self.starter.make()
        ending: Deferred[None] = Deferred()
        browser.close = lambda: ending  # type: ignore[method-assign]
        starting.callback(browser)
        self.assertNoResult(stopped)
        ending.callback(None)
        self.successResultOf(stopped)
        browser.closed = 1

    def test_reprs(self):
        self.make(size=1)
        self.assertEqual(repr(self.lease()), "<browser 1000, leased, 0 sessions>")


class OptionsTests(SynchronousTestCase):
    def test_what_cannot_be(self):
        for wrong in (
            lambda: PoolOptions(size=0),
            lambda: PoolOptions(warm=-1),
            lambda: PoolOptions(queue=-1),
            lambda: PoolOptions(check_interval=0),
            lambda: BrowserLimits(sessions=0),
            lambda: BrowserLimits(memory=-1),
            lambda: ClientLimits(idle_time=0),
            lambda: ClientLimits(message_size=0),
            lambda: Policy(methods=("Browser",)),
            lambda: Policy(methods=(".crash",)),
        ):
            self.assertRaises(ValueError, wrong)


class MemoryTests(SynchronousTestCase):
    def tree(self, *sizes: tuple[int, int, int]) -> Path:
        proc = Path(self.mktemp())
        (proc / "self").mkdir(parents=True)
        for pid, parent, pages in sizes:
            (proc / str(pid)).mkdir()
            (proc / str(pid) / "stat").write_text(f"{pid} (a ) b) S {parent} 0")
            (proc / str(pid) / "statm").write_text(f"999 {pages + 3} 3 1")
        return proc

    def test_what_is_shared_counts_once(self):
        proc = self.tree((10, 1, 5), (11, 10, 7), (12, 11, 11))
        for pid, kilobytes in ((10, 40), (11, 50)):
            (proc / str(pid) / "smaps_rollup").write_text(
                f"55d0-7ffd ---p 00000000 00:00 0 [rollup]\nRss:  900 kB\nPss:  {kilobytes} kB\nPss_Dirty:  9 kB\n"
            )
        self.assertEqual(memory_of([10], proc), {10: 90 * 1024 + 11 * os.sysconf("SC_PAGE_SIZE")})

    def test_a_step_for_each_process(self):
        proc = self.tree((10, 1, 5), (11, 10, 7), (12, 1, 11))
        page = os.sysconf("SC_PAGE_SIZE")
        self.assertEqual([*measure([10, 12, 99], proc)], [(10, 5 * page), (10, 7 * page), (12, 11 * page)])

    def test_a_tree(self):
        proc = self.tree((10, 1, 5), (11, 10, 7), (12, 11, 11), (13, 1, 100))
        page = os.sysconf("SC_PAGE_SIZE")
        self.assertEqual(memory_of([10, 11, 99], proc), {10: 23 * page, 11: 18 * page})
        (proc / "12" / "statm").unlink()
        self.assertEqual(memory_of([10], proc), {10: 12 * page})
        (proc / "12" / "stat").unlink()
        self.assertEqual(memory_of([10], proc), {10: 12 * page})
        (proc / "13" / "stat").unlink()
        (proc / "13" / "stat").mkdir()  # cannot be read, as when the process ends while it is looked at
        self.assertEqual(memory_of([10, 13], proc), {10: 12 * page})

    def test_where_there_is_no_proc(self):
        self.assertEqual(memory_of([1], Path(self.mktemp())), {})
        self.assertEqual(memory_of([]), {})
