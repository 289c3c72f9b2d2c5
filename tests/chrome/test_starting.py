"""What the launches of one process share: turns, and the sweep of what dead processes have left."""

from __future__ import annotations

import os
import shutil
import sys
import tempfile
import time
from collections.abc import Callable
from typing import Any

from twisted.internet.defer import CancelledError, Deferred
from twisted.internet.testing import MemoryReactorClock
from twisted.trial.unittest import SynchronousTestCase

from tests.chrome.test_launch import LISTENING, LaunchCase, folder_for
from txcdp.chrome import _process as process
from txcdp.chrome import _profile as profile
from txcdp.chrome import _starting as starting
from txcdp.chrome._launch import explain
from txcdp.chrome._profile import Workspace, sweep, temporary_folder
from txcdp.chrome._spawn import ExitStatus
from txcdp.chrome._starting import Starts, is_stopping, limit_starts, starts_of
from txcdp.errors import LaunchError


class TurnTests(SynchronousTestCase):
    def setUp(self):
        self.patch(starting, "AT_ONCE", 2)
        self.starts = Starts()

    def test_in_the_order_of_asking(self):
        turns = [self.starts.turn() for _ in range(4)]
        self.assertEqual([turn.called for turn in turns], [True, True, False, False])
        self.starts.done()
        self.assertEqual([turn.called for turn in turns], [True, True, True, False])
        self.starts.done()
        self.starts.done()
        self.starts.done()
        self.assertTrue(all(turn.called for turn in turns))
        self.assertEqual([self.starts.turn().called for _ in range(3)], [True, True, False])

    def test_giving_a_place_up(self):
        self.starts.turn(), self.starts.turn()
        third, fourth = self.starts.turn(), self.starts.turn()
        third.cancel()
        self.failureResultOf(third, CancelledError)
        self.starts.done()
        self.successResultOf(fourth)

    def test_a_thousand_that_are_done_at_once(self):
        turns = [self.starts.turn() for _ in range(10_000)]
        for turn in turns[2:]:
            turn.addCallback(lambda _: self.starts.done())
        self.starts.done()
        self.assertTrue(all(turn.called for turn in turns))

    def test_fewer_may_start_at_once(self):
        limit_starts(1)
        turns = [self.starts.turn() for _ in range(2)]
        self.assertEqual([turn.called for turn in turns], [True, False])
        self.starts.done()
        self.successResultOf(turns[1])
        with self.assertRaisesRegex(ValueError, "most=0"):
            limit_starts(0)

    def test_each_reactor_has_its_own(self):
        one, other = MemoryReactorClock(), MemoryReactorClock()
        self.assertIs(starts_of(one), starts_of(one))
        self.assertIsNot(starts_of(one), starts_of(other))

    def test_there_is_a_limit(self):
        self.assertGreaterEqual(starting._cores(), 1)
        self.patch(os, "cpu_count", lambda: None)
        if hasattr(os, "sched_getaffinity"):
            self.patch(os, "sched_getaffinity", None)
            del os.sched_getaffinity
        self.assertEqual(starting._cores(), 1)


class StartingTests(LaunchCase):
    def test_launches_take_turns(self):
        self.patch(starting, "AT_ONCE", 1)
        first, second, third = self.launch(), self.launch(), self.launch()
        self.assertEqual(len(self.reactor.processes), 1)
        self.reactor.processes[0].protocol.childDataReceived(2, LISTENING)
        browser = self.successResultOf(first)
        self.assertEqual(len(self.reactor.processes), 2)
        second.cancel()
        self.failureResultOf(second, CancelledError)
        self.assertEqual(len(self.reactor.processes), 3)
        self.reactor.processes[2].exit(3)
        self.failureResultOf(third, LaunchError)
        self.successResultOf(browser.close())
        self.assert_nothing_left()

    def test_none_is_started_while_the_reactor_stops(self):
        reactor: Any = self.reactor
        reactor._startedBefore = True
        self.assertTrue(is_stopping(reactor))
        error = self.failureResultOf(self.launch(), LaunchError).value
        self.assertIn("the reactor is stopping", str(error))
        self.assertEqual(self.reactor.processes, [])
        self.assert_nothing_left()

    def test_one_that_ends_while_the_reactor_stops_is_said_to_end_by_that(self):
        started = self.launch()
        reactor: Any = self.reactor
        reactor._startedBefore = True
        (trigger,) = reactor.events.values()
        reactor.events.clear()
        self.successResultOf(trigger())
        error = self.failureResultOf(started, LaunchError).value
        self.assertEqual(str(error), f"{sys.executable} was not started: the reactor is stopping")
        self.assert_nothing_left()

    def test_what_listens_after_the_program_has_ended_is_none(self):
        started = self.launch()
        (fake,) = self.reactor.processes
        fake.children_hold_stderr = True
        fake.exit(0)
        fake.protocol.childDataReceived(2, LISTENING)
        self.assertNoResult(started)
        self.reactor.advance(process._CHILDREN_FOLLOW)
        self.assertNoResult(started)  # it has left the group, and has a moment to end by itself
        self.reactor.advance(process._STRAYS_FOLLOW)
        error = self.failureResultOf(started, LaunchError).value
        self.assertIn("leaves the browser in the background", str(error))
        self.assert_nothing_left()

    def test_advice(self):
        for words, stderr in (
            ("descriptors 3 and 4", "Remote debugging pipe file descriptors are not open."),
            ("no disk space for its profile", "open: No space left on device (28)"),
            ("no more processes or threads", "pthread_create: Resource temporarily unavailable (11)"),
            ("no more processes or threads", "/usr/bin/chromium: 121: Cannot fork"),
        ):
            self.assertIn(words, str(explain(["chrome"], ExitStatus(13), stderr, "p", headless=True)))


class LazyPool:
    """A thread pool whose threads have other things to do."""

    def __init__(self) -> None:
        self.jobs: list[tuple[Callable[[bool, Any], None], Callable[[], Any]]] = []

    def callInThreadWithCallback(self, done: Callable[[bool, Any], None], function: Callable[[], Any]) -> None:
        self.jobs.append((done, function))

    def work(self) -> None:
        jobs, self.jobs = self.jobs, []
        for done, function in jobs:
            done(True, function())


class SweepTests(LaunchCase):
    def setUp(self):
        super().setUp()
        self.pool = LazyPool()

    def starting(self) -> Deferred[Any]:
        started = self.launch()
        self.reactor.processes[-1].protocol.childDataReceived(2, LISTENING)
        return started

    def test_launches_share_a_sweep(self):
        self.patch(self.reactor, "getThreadPool", lambda: self.pool)
        started = [self.starting(), self.starting()]
        self.assertEqual(len(self.pool.jobs), 1)
        self.assertNoResult(started[0])
        self.pool.work()
        closing = [self.successResultOf(each).close() for each in started]
        self.pool.work()
        for each in closing:
            self.successResultOf(each)
        later = self.starting()
        self.assertEqual(len(self.pool.jobs), 1)
        self.pool.work()
        closed = self.successResultOf(later).close()
        self.pool.work()
        self.successResultOf(closed)
        self.assert_nothing_left()

    def test_a_long_sweep_holds_nobody_up(self):
        self.patch(self.reactor, "getThreadPool", lambda: self.pool)
        started = self.starting()
        self.assertNoResult(started)
        self.reactor.advance(starting.SWEEP_PATIENCE)
        closed = self.successResultOf(started).close()
        self.pool.work()
        self.successResultOf(closed)
        self.assert_nothing_left()

    def test_cancelled_while_it_waits_for_the_sweep(self):
        self.patch(self.reactor, "getThreadPool", lambda: self.pool)
        started = self.starting()
        started.cancel()
        self.pool.work()
        self.failureResultOf(started, CancelledError)
        self.assertEqual(self.reactor.processes[-1].signals, ["KILL"])
        self.assert_nothing_left()

    def test_a_sweep_that_fails_is_logged(self):
        self.patch(starting, "sweep", lambda: 1 / 0)
        self.successResultOf(self.successResultOf(self.starting()).close())
        self.assertEqual(len(self.flushLoggedErrors(ZeroDivisionError)), 1)
        self.assert_nothing_left()


class LeftTests(SynchronousTestCase):
    """What dead processes leave in the temporary folder."""

    def setUp(self):
        self.temp = folder_for(self)
        self.patch(tempfile, "tempdir", self.temp)

    def folder(self, name: str, age: float = 0.0, *files: str) -> str:
        path = os.path.join(self.temp, name)
        os.mkdir(path)
        for each in files:
            with open(os.path.join(path, each), "w", encoding="ascii") as file:
                file.write(f"{os.getpid()}\n")
        os.utime(path, (time.time() - age,) * 2)
        return path

    def test_a_process_id_that_is_somebody_elses_now(self):
        path = self.folder("txcdp-abcd1234", 0.0, "owner")  # of this very process, which does not hold its lock
        self.assertEqual(sweep(), [path])

    def test_killed_before_it_could_put_its_mark(self):
        old = self.folder("txcdp-abcd1234", 100.0)
        half = self.folder("txcdp-abcd1235", 100.0, "owner.new")
        self.folder("txcdp-abcd1236", 0.0)
        self.folder("txcdp-abcd1237", 100.0, "of the user")
        self.assertEqual(sorted(sweep()), [old, half])
        self.assertEqual(sorted(os.listdir(self.temp)), ["txcdp-abcd1236", "txcdp-abcd1237"])

    def test_names_that_are_not_ours(self):
        for name in ("txcdp-long-name", "txcdp-ABCDEFGH", "xtxcdp-abcd1234"):
            self.folder(name, 100.0, "owner")
        self.assertEqual(sweep(), [])

    def test_ten_thousand_foreign_ones(self):
        for number in range(100):
            os.mkdir(os.path.join(self.temp, f"txcdp-{number:08}"))
        real = os.listdir
        self.patch(os, "listdir", lambda path: real(path) * (100 if path == self.temp else 1))
        looked_at: list[str] = []
        look = os.lstat

        def lstat(path: str) -> os.stat_result:
            looked_at.append(path)
            return look(path)

        self.patch(os, "lstat", lstat)
        opened: list[str] = []
        self.patch(profile, "_unlink", opened.append)
        self.assertEqual(sweep(), [])
        self.assertEqual((len(looked_at), opened), (10_000, []))  # once each, and nothing in them

    def test_a_browser_that_lives_holds_the_lock(self):
        workspace = Workspace.create()
        assert workspace._mark is not None
        assert workspace.lock is not None
        inherited = os.dup(workspace.lock)
        workspace._mark.close()  # we have died
        self.assertEqual(sweep(), [])
        os.close(inherited)
        self.assertEqual(sweep(), [workspace.path])

    def test_somebody_writes_there_while_it_is_removed(self):
        workspace = Workspace.create()
        real = os.rmdir

        def rmdir(path: str, **options: Any) -> None:
            if path == workspace.path:
                with open(os.path.join(path, "late"), "w", encoding="ascii"):
                    pass
            real(path, **options)

        self.patch(os, "rmdir", rmdir)
        self.assertFalse(workspace.remove(attempts=2, pause=0))
        self.patch(os, "rmdir", real)
        self.assertEqual(sweep(), [workspace.path])

    def test_a_folder_with_a_long_name(self):
        long = os.path.join(self.temp, "x" * 60)
        os.mkdir(long)
        self.patch(tempfile, "tempdir", long)
        for platform, expected in (("linux", "/tmp"), ("darwin", long), ("win32", long)):
            self.patch(sys, "platform", platform)
            self.assertEqual(temporary_folder(), expected)
        self.patch(sys, "platform", "linux")
        self.patch(os, "access", lambda *_: False)
        self.assertEqual(temporary_folder(), long)

    def test_no_mark_where_there_are_no_locks(self):
        self.assertIsNone(Workspace(self.temp, "", None).lock)

    def test_it_cannot_be_swept(self):
        path = self.folder("txcdp-abcd1234", 0.0, "owner")
        self.patch(profile, "_remove", lambda *_, **__: False)
        self.assertEqual(sweep(), [])
        self.assertTrue(os.path.isdir(path))
        shutil.rmtree(path)
