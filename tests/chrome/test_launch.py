"""Launching a fake browser: the command line, the profile, the process, and all the ways it fails."""

from __future__ import annotations

import os
import resource
import shutil
import signal
import socket
import sys
import tempfile
from collections.abc import Callable
from typing import Any

from twisted.internet.defer import CancelledError, Deferred
from twisted.internet.error import ProcessDone, ProcessExitedAlready, ProcessTerminated
from twisted.internet.testing import MemoryReactorClock
from twisted.logger import globalLogPublisher
from twisted.python.failure import Failure
from twisted.trial.unittest import SynchronousTestCase

from txcdp.chrome import BrowserProcess, ExitStatus, start_browser
from txcdp.chrome import _process as process
from txcdp.chrome import _profile as profile
from txcdp.chrome import _spawn as spawn
from txcdp.chrome._flags import AUTOMATION_FLAGS, command_line, join_lists
from txcdp.chrome._launch import explain
from txcdp.chrome._profile import Workspace, sweep
from txcdp.errors import LaunchError

UUID = "f2b6a5c6-2d3b-4522-ab75-2ca0f284d2b4"
LISTENING = f"DevTools listening on ws://127.0.0.1:5/devtools/browser/{UUID}\n".encode()


class Pool:
    """A thread pool without threads."""

    def callInThreadWithCallback(self, done: Callable[[bool, Any], None], function: Callable[[], Any]) -> None:
        try:
            result = function()
        except Exception:
            done(False, Failure())
        else:
            done(True, result)


class FakeProcess:
    """What ``spawnProcess`` returns: hears signals, and ends when the test says so."""

    def __init__(self, protocol: Any, argv: list[str], env: dict[str, str], fds: dict[int, Any]) -> None:
        self.protocol = protocol
        self.argv = argv
        self.env = env
        self.fds = {fd: os.dup(target) for fd, target in fds.items() if isinstance(target, int)}
        self.pid: int | None = 4_000_000
        self.signals: list[str] = []
        self.obeys: tuple[str, ...] = ("TERM", "KILL")
        self.children_hold_stderr = False

    def signalProcess(self, name: str) -> None:
        if self.pid is None:
            raise ProcessExitedAlready
        self.signals.append(name)
        if name in self.obeys:
            self.exit(signal_number=int(getattr(signal, f"SIG{name}")))

    def exit(self, code: int | None = None, signal_number: int | None = None) -> None:
        self.pid = None
        reason = ProcessDone(0) if code == 0 else ProcessTerminated(code, signal_number, 0)
        for fd in self.fds.values():
            os.close(fd)
        self.fds = {}
        self.protocol.processExited(Failure(reason))
        if not self.children_hold_stderr:
            self.protocol.processEnded(Failure(reason))

    def loseConnection(self) -> None:
        self.protocol.processEnded(Failure(ProcessDone(0)))


class Reactor(MemoryReactorClock):
    """A reactor with a process and without threads."""

    def __init__(self) -> None:
        super().__init__()
        self.processes: list[FakeProcess] = []
        self.events: dict[object, Callable[[], Any]] = {}
        self.phases: dict[object, str] = {}
        self.refuse: OSError | None = None

    def spawnProcess(self, protocol: Any, executable: str, args: Any, env: Any, childFDs: Any) -> FakeProcess:
        if self.refuse:
            raise self.refuse
        self.processes.append(FakeProcess(protocol, args, env, childFDs))
        return self.processes[-1]

    def getThreadPool(self) -> Pool:
        return Pool()

    def callFromThread(self, function: Callable[..., Any], *args: Any, **kwargs: Any) -> None:
        function(*args, **kwargs)

    def addSystemEventTrigger(  # type: ignore[override]
        self, phase: str, event: str, function: Callable[..., Any], *args: Any
    ) -> object:
        key = object()
        self.events[key] = function
        self.phases[key] = phase
        return key

    def removeSystemEventTrigger(self, key: object) -> None:
        del self.events[key]


def folder_for(case: SynchronousTestCase) -> str:
    """Make a folder that goes with a test."""
    path = os.path.realpath(tempfile.mkdtemp(prefix="t-"))
    case.addCleanup(shutil.rmtree, path, ignore_errors=True)
    return path


def open_fds() -> int:
    return len(os.listdir("/dev/fd"))


class LaunchCase(SynchronousTestCase):
    def setUp(self):
        self.temp = folder_for(self)
        self.patch(tempfile, "tempdir", self.temp)
        self.reactor = Reactor()
        self.signals: list[tuple[int, int]] = []
        self.patch(os, "killpg", self.killpg)
        self.group_lives = False
        self.fds = open_fds()

    def killpg(self, group: int, number: int) -> None:
        if not self.group_lives:
            raise ProcessLookupError
        self.signals.append((group, number))

    def launch(self, **options: Any) -> Deferred[BrowserProcess]:
        options.setdefault("executable", sys.executable)
        return start_browser(self.reactor, **options)

    def launched(self, **options: Any) -> tuple[BrowserProcess, FakeProcess]:
        started = self.launch(**options)
        fake = self.reactor.processes[-1]
        fake.protocol.childDataReceived(2, LISTENING)
        return self.successResultOf(started), fake

    def assert_nothing_left(self):
        self.assertEqual(os.listdir(self.temp), [])
        self.assertEqual(self.reactor.getDelayedCalls(), [])
        self.assertEqual(self.reactor.events, {})
        self.assertEqual(self.reactor.getReaders(), [])
        self.assertEqual(open_fds(), self.fds)


class StartTests(LaunchCase):
    def test_comes_up(self):
        browser, fake = self.launched()
        self.assertEqual(browser.ws_url, f"ws://127.0.0.1:5/devtools/browser/{UUID}")
        self.assertEqual(browser.pid, 4_000_000)
        self.assertIsNone(browser.pipe)
        self.assertTrue(browser.running)
        self.assertTrue(os.path.isdir(browser.profile))
        self.assertIn(f"--user-data-dir={browser.profile}", fake.argv)
        self.assertEqual(sorted(fake.fds), [0, 1, 3, 4, 5])
        self.assertEqual(self.reactor.getDelayedCalls(), [])
        self.assertFalse(os.path.sameopenfile(fake.fds[0], fake.fds[3]))
        self.successResultOf(browser.close())
        self.assertEqual(fake.signals, ["TERM"])
        self.assertEqual(browser.exit_status, ExitStatus(None, signal.SIGTERM))
        self.assert_nothing_left()

    def test_the_line_may_come_in_pieces(self):
        started = self.launch()
        (fake,) = self.reactor.processes
        for index in range(len(LISTENING)):
            self.assertNoResult(started)
            fake.protocol.childDataReceived(2, LISTENING[index : index + 1])
        self.successResultOf(self.successResultOf(started).close())
        self.assert_nothing_left()

    def test_the_file_of_another_browser_is_not_believed(self):
        folder = os.path.join(self.temp, "mine")
        os.makedirs(folder)
        started = self.launch(profile=folder)
        with open(os.path.join(folder, "DevToolsActivePort"), "w") as file:
            file.write(f"7\n/devtools/browser/{UUID}")
        self.reactor.advance(1.0)
        self.assertNoResult(started)
        self.reactor.processes[-1].exit(21)
        self.failureResultOf(started, LaunchError)
        self.assertEqual(os.listdir(self.temp), ["mine"])

    def test_pipe(self):
        started = self.launch(transport="pipe")
        (fake,) = self.reactor.processes
        self.assertIn("--remote-debugging-pipe", fake.argv)
        self.assertNotIn("--remote-debugging-port=0", fake.argv)
        (writer,) = self.reactor.getWriters()
        writer.doWrite()
        self.assertIn(b"Browser.getVersion", os.read(fake.fds[3], 1000))
        os.write(fake.fds[4], b'{"id":0,"result":{}}\0')
        (reader,) = self.reactor.getReaders()
        reader.doRead()
        browser = self.successResultOf(started)
        self.assertEqual(browser.ws_url, "")
        assert browser.pipe is not None
        self.assertIsNone(browser.pipe.closed)
        self.assertEqual(self.reactor.getReaders(), [])  # until it has its receiver
        fake.exit(0)
        assert browser.pipe.closed is not None
        self.assertEqual(browser.pipe.closed.reason, "the browser ended (exit code 0)")
        self.assertTrue(browser.pipe.closed.clean)
        self.assert_nothing_left()

    def test_ends_early(self):
        for code, stderr, words in (
            (21, b"", "another browser uses the profile"),
            (1, b"Running as root without --no-sandbox is not supported", "sandbox=False"),
            (127, b"error while loading shared libraries: libnss3.so", "a library is missing"),
            (0, b"", "handed over"),
            (3, b"strange things", "ended during startup (exit code 3)"),
        ):
            started = self.launch()
            fake = self.reactor.processes[-1]
            fake.protocol.childDataReceived(2, stderr)
            fake.exit(code)
            error = self.failureResultOf(started, LaunchError).value
            self.assertIn(words, error.message)
            self.assertEqual(error.stderr, stderr.decode())
            self.assert_nothing_left()

    def test_profile_in_use(self):
        folder = os.path.join(self.temp, "profile of a long name" * 6)
        os.mkdir(folder)
        path = os.path.join(self.temp, "socket")
        os.symlink(path, os.path.join(folder, "SingletonSocket"))
        with socket.socket(socket.AF_UNIX) as other:
            other.bind(path)
            other.listen(0)
            for _ in range(3):  # also when it is too busy to accept any of them
                error = self.failureResultOf(self.launch(profile=folder), LaunchError).value
                self.assertIn(f"another browser uses the profile {folder}", error.message)
        self.assertEqual(self.reactor.processes, [])  # one would open a window of the other's
        self.assertNoResult(started := self.launch(profile=folder))  # the other has crashed
        self.reactor.processes[-1].exit(1)
        self.failureResultOf(started, LaunchError)

    def test_no_display(self):
        error = explain(["chrome"], ExitStatus(1), "Missing X server or $DISPLAY", "p", headless=False)
        self.assertIn("headless=True", str(error))

    def test_silence(self):
        started = self.launch(start_timeout=3.0)
        (fake,) = self.reactor.processes
        fake.protocol.childDataReceived(2, b"thinking")
        self.reactor.advance(3.0)
        error = self.failureResultOf(started, LaunchError).value
        self.assertIn("within 3 s", str(error))
        self.assertIn("thinking", str(error))
        self.assertEqual(fake.signals, ["KILL"])
        self.assert_nothing_left()

    def test_cancelled(self):
        for transport in ("websocket", "pipe"):
            started = self.launch(transport=transport)
            started.cancel()
            self.failureResultOf(started, CancelledError)
            self.assertEqual(self.reactor.processes[-1].signals, ["KILL"])
            self.assert_nothing_left()

    def test_cannot_be_executed(self):
        self.reactor.refuse = OSError(8, "Exec format error")
        error = self.failureResultOf(self.launch(), LaunchError).value
        self.assertIn("Exec format error", str(error))
        self.assert_nothing_left()

    def test_no_room(self):
        error = self.failureResultOf(self.launch(profile="/dev/null/x"), LaunchError).value
        self.assertIn("no directory", str(error))
        self.assert_nothing_left()

    def test_one_string_is_no_list_of_flags(self):
        for wrong in ("--lang=de", b"--lang=de", [5], [None]):
            failed = start_browser(MemoryReactorClock(), executable=sys.executable, args=wrong)  # type: ignore[arg-type]
            self.assertIn("--lang=de", str(self.failureResultOf(failed, TypeError).value))

    def test_an_empty_name_is_no_profile(self):
        failed = start_browser(MemoryReactorClock(), executable=sys.executable, profile="")
        self.assertIn("profile=None", str(self.failureResultOf(failed, ValueError).value))

    def test_without_a_deadline(self):
        for timeout in (0, None):
            started = self.launch(start_timeout=timeout)
            self.reactor.advance(1000)
            self.reactor.processes[-1].protocol.childDataReceived(2, LISTENING)
            self.successResultOf(self.successResultOf(started).close())
            self.assert_nothing_left()

    def test_what_is_no_deadline(self):
        for wrong in (-1, float("nan")):
            self.failureResultOf(self.launch(start_timeout=wrong), ValueError)
        self.assertEqual(self.reactor.processes, [])
        self.assert_nothing_left()

    def test_arguments_that_have_a_name_of_their_own(self):
        for arg, words in (("--user-data-dir=x", "profile="), ("--remote-debugging-pipe", "transport=")):
            error = self.failureResultOf(self.launch(args=[arg]), ValueError).value
            self.assertIn(words, str(error))
        self.failureResultOf(self.launch(transport="smoke"), ValueError)
        self.assert_nothing_left()

    def test_windows(self):
        self.patch(sys, "platform", "win32")
        error = self.failureResultOf(self.launch(transport="pipe"), LaunchError).value
        self.assertIn("Windows", str(error))

    def test_environment(self):
        self.patch(os, "environ", {**os.environ, "GONE": "1", "KEPT": "1"})
        browser, fake = self.launched(env={"GONE": None, "MINE": "2"})
        self.assertNotIn("GONE", fake.env)
        self.assertEqual((fake.env["KEPT"], fake.env["MINE"]), ("1", "2"))
        self.assertTrue(fake.env["BREAKPAD_DUMP_LOCATION"].startswith(self.temp))
        self.successResultOf(browser.close())


class EndTests(LaunchCase):
    def test_everybody_hears_of_a_crash_and_all_is_removed(self):
        browser, fake = self.launched()
        os.mkdir(os.path.join(browser.profile, "Default"))
        waiting = [browser.when_ended(), browser.when_ended()]
        waiting[0].cancel()
        self.failureResultOf(waiting[0], CancelledError)
        fake.exit(signal_number=9)
        self.assertEqual(str(self.successResultOf(waiting[1])), "killed by SIGKILL")
        self.assertEqual(self.successResultOf(browser.when_ended()), browser.exit_status)
        self.assertFalse(browser.running)
        self.assert_nothing_left()
        self.successResultOf(browser.close())
        browser.terminate()
        browser.kill()

    def test_close_is_patient_first(self):
        browser, fake = self.launched()
        fake.obeys = ("KILL",)
        first, second = browser.close(grace=2.0, kill_after=5.0), browser.close()
        self.assertEqual(fake.signals, [])
        self.reactor.advance(2.0)
        self.assertEqual(fake.signals, ["TERM"])
        self.reactor.advance(5.0)
        self.assertEqual(fake.signals, ["TERM", "KILL"])
        self.successResultOf(first)
        self.successResultOf(second)
        self.assert_nothing_left()

    def test_close_in_grace(self):
        browser, fake = self.launched()
        closed = browser.close(grace=2.0)
        fake.exit(0)
        self.successResultOf(closed)
        self.assertEqual(fake.signals, [])
        self.assert_nothing_left()

    def test_cancelling_close_stops_the_waiting_only(self):
        browser, fake = self.launched()
        fake.obeys = ("KILL",)
        closed = browser.close()
        closed.cancel()
        self.failureResultOf(closed, CancelledError)
        self.reactor.advance(5.0)
        self.assertEqual(fake.signals, ["TERM", "KILL"])
        self.assert_nothing_left()

    def test_not_even_kill(self):
        browser, fake = self.launched()
        fake.obeys = ()
        closed = browser.close(kill_after=0)
        self.reactor.advance(5.0)
        self.successResultOf(closed)
        self.assertEqual(browser.exit_status, ExitStatus(None))
        fake.exit(signal_number=9)
        self.reactor.advance(1.0)
        self.assert_nothing_left()

    def test_children_that_stay_are_killed(self):
        browser, fake = self.launched()
        self.group_lives = True
        fake.children_hold_stderr = True
        fake.exit(0)
        ended = browser.when_ended()
        self.assertNoResult(ended)
        self.reactor.advance(1.0)
        self.assertEqual(self.signals, [(4_000_000, signal.SIGKILL)])
        self.reactor.advance(process._STRAYS_FOLLOW)
        self.assertEqual(self.successResultOf(ended).code, 0)
        self.assert_nothing_left()

    def test_the_whole_group_is_killed(self):
        browser, fake = self.launched()
        self.group_lives = True
        browser.kill()
        self.assertEqual(self.signals, [(4_000_000, signal.SIGKILL)])
        self.assertEqual(fake.signals, [])
        fake.exit(signal_number=9)
        self.assert_nothing_left()

    def test_shutdown_of_the_reactor(self):
        _, fake = self.launched()
        (trigger,) = self.reactor.events.values()
        self.reactor.events.clear()
        self.successResultOf(trigger())
        self.assertEqual(fake.signals, ["TERM"])
        self.assert_nothing_left()

    def test_one_that_somebody_else_closes_outlives_the_stop_of_the_reactor(self):
        browser, fake = self.launched(end_with_reactor=False)
        self.assertEqual(list(self.reactor.phases.values()), ["during"])  # which waits for those before
        self.successResultOf(browser.close())
        self.assertEqual(fake.signals, ["TERM"])
        self.assert_nothing_left()

    def test_one_that_nobody_has_closed_ends_with_the_shutdown_all_the_same(self):
        for obeys, options in (
            (("TERM", "KILL"), {}),
            (("KILL",), {}),
            (("KILL",), {"profile": os.path.join(self.temp, "mine")}),
            (("TERM", "KILL"), {"transport": "pipe"}),
            ((), {}),  # as with a reactor that hears no more of it
        ):
            browser, fake = self.launched_to_be_closed(**options)
            fake.obeys = obeys
            self.assertTrue(os.path.isdir(browser.profile))
            (trigger,) = self.reactor.events.values()
            self.reactor.events.clear()
            self.assertIsNone(trigger())  # nothing to wait for: all is done
            self.assertEqual(os.listdir(self.temp), ["mine"] if "profile" in options else [])
            shutil.rmtree(os.path.join(self.temp, "mine"), ignore_errors=True)
            if not obeys:
                fake.exit(signal_number=signal.SIGKILL)
            self.assertFalse(browser.running)
            self.reactor.advance(process._STRAYS_FOLLOW)
            self.assert_nothing_left()

    def launched_to_be_closed(self, transport: str = "websocket", **options: Any) -> tuple[BrowserProcess, FakeProcess]:
        started = self.launch(end_with_reactor=False, transport=transport, **options)
        fake = self.reactor.processes[-1]
        if transport == "pipe":
            os.write(fake.fds[4], b'{"id":0,"result":{}}\0')
            (reader,) = self.reactor.getReaders()
            reader.doRead()
        else:
            fake.protocol.childDataReceived(2, LISTENING)
        return self.successResultOf(started), fake

    def test_only_the_end_of_standard_error_is_kept(self):
        browser, fake = self.launched()
        for number in range(3000):
            fake.protocol.childDataReceived(2, b"line %d\n" % number)
        self.assertEqual(len(browser.stderr_tail), process.STDERR_KEPT)
        self.assertTrue(browser.stderr_tail.endswith("line 2999\n"))
        self.successResultOf(browser.close())

    def test_what_cannot_be_removed_is_logged(self):
        browser, _ = self.launched()
        path = os.path.dirname(browser.profile)
        self.patch(profile, "_remove", lambda *args: False)
        self.successResultOf(browser.close())
        self.assertTrue(os.path.exists(path))
        self.assertEqual(self.reactor.events, {})

    def test_the_log_says_of_what_a_browser_died(self):
        for code, number, up, words in (
            (3, None, True, "exit code 3"),
            (None, signal.SIGSEGV, True, "killed by SIGSEGV"),
            (None, signal.SIGKILL, True, "killed by SIGKILL, by a user or by the kernel"),
            (None, signal.SIGTERM, False, ""),  # who launches it says so
        ):
            told: list[str] = []

            def note(event: Any, told: list[str] = told) -> None:
                if event["log_namespace"] == "txcdp.chrome._process" and event["log_level"].name == "warn":
                    told.append(event["log_format"].format(**event))

            observer: Any = note
            globalLogPublisher.addObserver(observer)
            try:
                if up:
                    _, fake = self.launched()
                    fake.exit(code, number)
                else:
                    started = self.launch()
                    self.reactor.processes[-1].exit(code, number)
                    self.assertIn("SIGTERM", str(self.failureResultOf(started, LaunchError).value))
            finally:
                globalLogPublisher.removeObserver(observer)
            self.reactor.advance(10.0)
            self.assertEqual(len(told), int(up), told)
            for each in told:
                self.assertIn("4000000", each)
                self.assertIn(words, each)
                self.assertEqual("memory" in each, number == signal.SIGKILL)
            self.assert_nothing_left()

    def test_the_log_says_nothing_of_one_that_was_closed(self):
        told: list[Any] = []
        observer: Any = told.append
        globalLogPublisher.addObserver(observer)
        self.addCleanup(globalLogPublisher.removeObserver, observer)
        browser, _ = self.launched()
        self.successResultOf(browser.close())
        self.assertEqual([each for each in told if each["log_namespace"] == "txcdp.chrome._process"], [])

    def test_exit_status_in_words(self):
        self.assertEqual(str(ExitStatus(3)), "exit code 3")
        self.assertEqual(str(ExitStatus(None, 250)), "killed by signal 250")
        self.assertEqual(str(ExitStatus(None)), "in an unknown way")


class WorkspaceTests(LaunchCase):
    def test_a_living_owner_is_respected(self):
        workspace = Workspace.create()
        self.assertEqual(sweep(), [])
        self.assertTrue(workspace.remove())
        self.assert_nothing_left()

    def test_a_dead_owner_is_swept(self):
        workspace = Workspace.create()
        assert workspace._mark is not None
        workspace._mark.close()  # as the kernel does
        os.makedirs(os.path.join(workspace.profile, "Default"))
        os.symlink("/nowhere", os.path.join(workspace.profile, "SingletonLock"))
        os.symlink("/nowhere", os.path.join(workspace.path, "stray"))
        self.assertEqual(sweep(), [workspace.path])
        self.assert_nothing_left()

    def test_what_is_not_ours_stays(self):
        os.mkdir(os.path.join(self.temp, "txcdp-without-a-mark"))
        with open(os.path.join(self.temp, "txcdp-file"), "w"):
            pass
        target = os.path.join(self.temp, "elsewhere")
        os.mkdir(target)
        with open(os.path.join(target, "owner"), "w"):
            pass
        os.symlink(target, os.path.join(self.temp, "txcdp-link"))
        before = sorted(os.listdir(self.temp))
        self.assertEqual(sweep(), [])
        self.assertEqual(sorted(os.listdir(self.temp)), before)

    def test_another_users_stays(self):
        workspace = Workspace.create()
        assert workspace._mark is not None
        workspace._mark.close()
        self.patch(os, "geteuid", lambda: 12345)
        self.assertEqual(sweep(), [])

    def test_no_folder(self):
        self.assertEqual(sweep(os.path.join(self.temp, "nowhere")), [])

    def test_launching_sweeps(self):
        workspace = Workspace.create()
        assert workspace._mark is not None
        workspace._mark.close()
        browser, _ = self.launched()
        self.assertFalse(os.path.exists(workspace.path))
        self.successResultOf(browser.close())
        self.assert_nothing_left()

    def test_a_given_profile_is_kept(self):
        folder = os.path.join(self.temp, "a", "b")
        workspace = Workspace.create(folder)
        self.assertEqual(workspace.profile, folder)
        self.assertTrue(workspace.remove())
        self.assertTrue(workspace.remove())
        self.assertTrue(os.path.isdir(folder))

    def test_a_stale_port_file_is_deleted(self):
        folder = self.temp
        port = os.path.join(folder, "DevToolsActivePort")
        for lock, stays in ((None, False), (f"here-{os.getpid()}", True), ("here-4194305", False), ("odd", False)):
            with open(port, "w", encoding="ascii") as file:
                file.write("9222\n/devtools/browser/x")
            if lock is not None:
                os.symlink(lock, os.path.join(folder, "SingletonLock"))
            Workspace.create(folder).remove()
            self.assertEqual(os.path.exists(port), stays, lock)
            if lock is not None:
                os.unlink(os.path.join(folder, "SingletonLock"))

    def test_a_port_file_of_another_users_browser_stays(self):
        folder = self.temp
        port = os.path.join(folder, "DevToolsActivePort")
        with open(port, "w", encoding="ascii") as file:
            file.write("9222\n/devtools/browser/x")
        os.symlink("here-1", os.path.join(folder, "SingletonLock"))
        self.patch(os, "kill", lambda *_: (_ for _ in ()).throw(PermissionError()))
        Workspace.create(folder).remove()
        self.assertTrue(os.path.exists(port))

    def test_what_was_not_used_is_removed_where_no_file_can_be_opened(self):
        unused = Workspace.create()
        soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
        resource.setrlimit(resource.RLIMIT_NOFILE, (0, hard))
        try:
            self.assertRaises(OSError, Workspace.create)
            self.assertTrue(unused.remove(attempts=1))
        finally:
            resource.setrlimit(resource.RLIMIT_NOFILE, (soft, hard))
        self.assert_nothing_left()

    def test_what_others_have_put_there_keeps_its_mark(self):
        workspace = Workspace.create()
        os.mkdir(os.path.join(workspace.path, "crashes"))
        self.assertFalse(profile._remove_unused(workspace.path))
        self.assertEqual(sorted(os.listdir(workspace.path)), ["crashes", "owner"])
        self.assertTrue(workspace.remove())
        self.assert_nothing_left()

    def test_removal_is_tried_again(self):
        workspace = Workspace.create()
        with open(os.path.join(workspace.profile, "Preferences"), "w", encoding="ascii"):
            pass
        tries: list[str] = []
        real = shutil.rmtree

        def rmtree(path: str, ignore_errors: bool) -> None:
            tries.append(path)
            if len(tries) > 6:
                real(path, ignore_errors)

        self.patch(shutil, "rmtree", rmtree)
        self.assertFalse(workspace.remove(attempts=2, pause=0))
        self.assertIn("owner", os.listdir(workspace.path))
        self.assertTrue(workspace.remove(attempts=5, pause=0))
        self.assert_nothing_left()

    def test_a_long_path_has_no_room_for_a_socket(self):
        self.assertIsNone(Workspace("/" + "x" * 60, "", None).tmpdir)
        self.assertEqual(Workspace("/tmp/txcdp-12345678", "", None).tmpdir, "/tmp/txcdp-12345678/t")


class CommandLineTests(SynchronousTestCase):
    def line(self, executable: str = "/bin/chrome", **options: Any) -> list[str]:
        values: dict[str, Any] = {
            "profile": "/p",
            "headless": True,
            "sandbox": True,
            "transport": "websocket",
            "lifeline": True,
            "flags": AUTOMATION_FLAGS,
            "args": (),
        }
        return command_line(executable, **{**values, **options})

    def test_websocket(self):
        line = self.line()
        self.assertEqual(line[0], "/bin/chrome")
        self.assertIn("about:blank", line)
        for flag in ("--headless=new", "--remote-debugging-port=0", "--remote-debugging-pipe", "--user-data-dir=/p"):
            self.assertIn(flag, line)
        self.assertNotIn("--no-sandbox", line)

    def test_pipe(self):
        line = self.line(transport="pipe", sandbox=False, headless=False)
        self.assertIn("--remote-debugging-pipe", line)
        self.assertIn("--no-sandbox", line)
        self.assertFalse([flag for flag in line if flag.startswith(("--remote-debugging-port", "--headless"))])

    def test_no_lifeline(self):
        self.assertNotIn("--remote-debugging-pipe", self.line(lifeline=False))

    def test_headless_shell(self):
        self.assertIn("--headless", self.line("/bin/chrome-headless-shell"))

    def test_a_page_of_the_users(self):
        line = self.line(args=["https://example.com/"])
        self.assertNotIn("about:blank", line)
        self.assertIn("https://example.com/", line)

    def test_the_users_come_last(self):
        line = self.line(args=["--remote-debugging-port=9222"])
        self.assertGreater(line.index("--remote-debugging-port=9222"), line.index("--remote-debugging-port=0"))

    def test_lists_are_joined(self):
        self.assertEqual(
            join_lists(["--disable-features=A,B", "--x", "--disable-features=C,A", "--enable-features=D"]),
            ["--x", "--disable-features=A,B,C", "--enable-features=D"],
        )
        line = self.line(args=["--blink-settings=imagesEnabled=false"])
        (settings,) = [each for each in line if each.startswith("--blink-settings=")]
        self.assertIn("primaryHoverType=2,", settings)
        self.assertTrue(settings.endswith(",imagesEnabled=false"))

    def test_nobody_is_asked_for_the_time_whatever_else_is_disabled(self):
        """Chromium does so now and then, at a time of its own."""
        for args in ((), ("--disable-features=A",)):
            (disabled,) = (each for each in self.line(args=args) if each.startswith("--disable-features="))
            self.assertIn("NetworkTimeServiceQuerying", disabled.partition("=")[2].split(","))

    def test_own_flags_only(self):
        self.assertNotIn("--mute-audio", self.line(flags=()))

    def test_no_flag_twice(self):
        names = [flag.partition("=")[0] for flag in AUTOMATION_FLAGS]
        self.assertEqual(len(names), len(set(names)))


class SessionLeaderTests(SynchronousTestCase):
    def test_setsid(self):
        self.patch(shutil, "which", lambda name: f"/bin/{name}")
        self.assertEqual(spawn.session_leader(["a", "b"]), (["/bin/setsid", "a", "b"], True))

    def test_python(self):
        self.patch(shutil, "which", lambda name: None)
        argv, leads = spawn.session_leader(["a", "b"])
        self.assertEqual((argv[0], argv[-2:], leads), (sys.executable, ["a", "b"], True))

    def test_neither(self):
        self.patch(shutil, "which", lambda name: None)
        self.patch(sys, "executable", "")
        self.assertEqual(spawn.session_leader(["a"]), (["a"], False))
