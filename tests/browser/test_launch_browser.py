"""Launching a real Chromium, and that nothing of it stays behind however it, or we, end."""

# ruff: noqa: ASYNC230, ASYNC240  (small files, and a test may wait for them)
from __future__ import annotations

import json
import os
import shutil
import signal
import sys
import tempfile
from typing import Any

from twisted.internet import reactor
from twisted.internet.defer import CancelledError, Deferred
from twisted.internet.error import ProcessExitedAlready
from twisted.internet.protocol import ProcessProtocol
from twisted.internet.task import deferLater
from twisted.python.failure import Failure
from twisted.trial.unittest import TestCase

import txcdp
from tests.browser.support import halt
from tests.support import PATIENCE
from txcdp._transports.pipe import PipeTransport
from txcdp.chrome import BrowserProcess, start_browser
from txcdp.errors import ConnectionLost, ExecutableNotFound, LaunchError, LaunchTimeout

R: Any = reactor
ROOT = os.path.dirname(os.path.dirname(os.path.abspath(txcdp.__file__)))

CHILD = """
import sys
from twisted.internet import task
from twisted.internet.defer import Deferred
from txcdp.chrome import start_browser

async def main(reactor):
    browser = await start_browser(reactor, transport=sys.argv[1])
    print(browser.pid, browser.profile, flush=True)
    await Deferred()

task.react(main)
"""


#: What ends with the reactor though nobody has closed it.
UNCLOSED = {
    "a browser that somebody was to close": "await txcdp.launch(reactor, end_with_reactor=False)",
    "a recorder's": """
    browser = await txcdp.launch(reactor, end_with_reactor=False)
    await Recorder(browser, JsonLines(sys.argv[1])).start()
    """,
    "a gateway's": """
    options = GatewayOptions(endpoint="tcp:0:interface=127.0.0.1", pool=PoolOptions(size=1, warm=1))
    gateway = Gateway(reactor, options)
    await gateway.start()
    while not gateway.pool.idle:
        await deferLater(reactor, 0.05)
    """,
    "a service's": """
    service = BrowserService(reactor)
    service.startService()
    await service.whenConnected()
    """,
}
UNCLOSED_CHILD = """
import sys
from twisted.internet.defer import Deferred
from twisted.internet.task import deferLater, react
import txcdp
from txcdp.gateway import Gateway, GatewayOptions, PoolOptions
from txcdp.recording import JsonLines, Recorder
from txcdp.service import BrowserService

async def main(reactor):
    {}
    print("ready", flush=True)
    await Deferred()

react(main)
"""


def alive(pid: int) -> bool:
    """Return whether a process runs; one that only waits for its parent does not."""
    try:
        with open(f"/proc/{pid}/stat", "rb") as file:
            return file.read().rpartition(b")")[2].split()[0] not in (b"Z", b"X")
    except OSError:
        return False


def family(group: int) -> list[int]:
    """Give the living processes of a process group."""
    found = []
    for name in os.listdir("/proc"):
        if name.isdigit():
            try:
                with open(f"/proc/{name}/stat", "rb") as file:
                    fields = file.read().rpartition(b")")[2].split()
            except OSError:
                continue
            if int(fields[2]) == group and fields[0] not in (b"Z", b"X"):
                found.append(int(name))
    return found


def open_files() -> list[str]:
    """Name what our descriptors are, without the reactor's own and those of no interest."""
    names = []
    for fd in os.listdir("/proc/self/fd"):
        try:
            names.append(os.readlink(f"/proc/self/fd/{fd}"))
        except OSError:
            continue
    return sorted(names)


class Child(ProcessProtocol):
    """A Python of its own that launches a browser."""

    def __init__(self) -> None:
        self.said: Deferred[bytes] = Deferred()
        self.ended: Deferred[None] = Deferred()
        self.text = b""
        self.errors = b""

    def outReceived(self, data: bytes) -> None:
        self.text += data
        if b"\n" in self.text and not self.said.called:
            self.said.callback(self.text)

    def errReceived(self, data: bytes) -> None:
        self.errors += data

    def processEnded(self, reason: Failure) -> None:
        if not self.said.called:
            self.said.errback(AssertionError(self.errors.decode()))
        self.ended.callback(None)


class Receiver:
    """Keeps what it hears."""

    def __init__(self) -> None:
        self.reply: Deferred[dict[str, Any]] = Deferred()
        self.closed: Deferred[ConnectionLost] = Deferred()

    def message_received(self, message: bytes) -> None:
        found = json.loads(message)
        if "id" in found:
            self.reply.callback(found)

    def transport_closed(self, reason: ConnectionLost) -> None:
        self.closed.callback(reason)


async def call(pipe: PipeTransport, receiver: Receiver, method: str, **rest: Any) -> dict[str, Any]:
    receiver.reply = Deferred()
    pipe.send(json.dumps({"id": 1, "method": method, **rest}).encode())
    return await receiver.reply


class Case(TestCase):
    """Has a temporary folder of its own, which has to be empty at the end, and counts what is left."""

    timeout = 240

    async def setUp(self):  # type: ignore[override]
        # A short path: there are Unix sockets in it.
        self.temp = tempfile.mkdtemp(prefix="t-")
        self.fake = tempfile.mkdtemp(prefix="t-")
        for path in (self.temp, self.fake):
            self.addCleanup(shutil.rmtree, path, ignore_errors=True)
        self.patch(tempfile, "tempdir", self.temp)
        await deferLater(R, 0, R.getThreadPool)
        self.files = open_files()

    async def until(self, condition: Any) -> None:
        """Wait for something that nobody tells us."""
        end = R.seconds() + PATIENCE
        while not condition():
            self.assertLess(R.seconds(), end, "it never comes")
            await deferLater(R, 0.02)

    async def nothing_left(self, *browsers: BrowserProcess) -> None:
        for browser in browsers:
            self.assertFalse(alive(browser.pid))
            self.assertFalse(os.path.exists(f"/proc/{browser.pid}"), "a zombie")
            await self.until(lambda pid=browser.pid: not family(pid))  # what is killed takes a moment
        self.assertEqual(os.listdir(self.temp), [])
        calls = [call for call in R.getDelayedCalls() if "TestCase._run" not in str(call)]  # trial's own
        self.assertEqual(calls, [])
        self.assertEqual(open_files(), self.files)
        os.rmdir(self.temp)


class LifeTests(Case):
    async def test_websocket(self):
        browser = await start_browser(R)
        self.assertRegex(browser.ws_url, r"^ws://127\.0\.0\.1:\d+/devtools/browser/[0-9a-f-]{36}$")
        self.assertTrue(alive(browser.pid))
        self.assertEqual(os.getsid(browser.pid), browser.pid)
        self.assertIn("DevTools listening", browser.stderr_tail)
        await browser.close()
        self.assertEqual(browser.exit_status and browser.exit_status.code, 0)
        await self.nothing_left(browser)

    async def test_pipe(self):
        browser = await start_browser(R, transport="pipe")
        pipe = browser.pipe
        assert pipe is not None
        receiver = Receiver()
        pipe.receiver = receiver
        reply = await call(pipe, receiver, "Browser.getVersion")
        self.assertIn("Chrome/", reply["result"]["product"])
        await call(pipe, receiver, "Browser.close")
        reason = await receiver.closed
        self.assertEqual((reason.reason, reason.clean), ("the browser ended (exit code 0)", True))
        await browser.close(grace=5.0)
        await self.nothing_left(browser)

    async def test_closing_the_pipe_ends_the_browser(self):
        browser = await start_browser(R, transport="pipe")
        assert browser.pipe is not None
        receiver = Receiver()
        browser.pipe.receiver = receiver
        browser.pipe.close()
        self.assertTrue((await receiver.closed).clean)
        self.assertEqual((await browser.when_ended()).code, 0)
        await browser.close()
        await self.nothing_left(browser)

    async def test_a_large_message_comes_whole(self):
        browser = await start_browser(R, transport="pipe")
        pipe = browser.pipe
        assert pipe is not None
        receiver = Receiver()
        pipe.receiver = receiver
        reply = await call(pipe, receiver, "Target.createTarget", params={"url": "about:blank"})
        target = {"targetId": reply["result"]["targetId"], "flatten": True}
        reply = await call(pipe, receiver, "Target.attachToTarget", params=target)
        session = reply["result"]["sessionId"]
        params = {"expression": "'x'.repeat(5e6) + " + json.dumps("y" * 3_000_000), "returnByValue": True}
        reply = await call(pipe, receiver, "Runtime.evaluate", sessionId=session, params=params)
        self.assertEqual(len(reply["result"]["result"]["value"]), 8_000_000)
        await browser.close()
        await self.nothing_left(browser)

    async def test_two_at_once(self):
        first, second = start_browser(R), start_browser(R, transport="pipe")
        browsers = [await first, await second]
        for closing in [browser.close() for browser in browsers]:
            await closing
        await self.nothing_left(*browsers)

    async def test_crash(self):
        browser = await start_browser(R, transport="pipe")
        assert browser.pipe is not None
        receiver = Receiver()
        browser.pipe.receiver = receiver
        os.kill(browser.pid, signal.SIGKILL)
        self.assertEqual(str(await browser.when_ended()), "killed by SIGKILL")
        self.assertIn("SIGKILL", (await receiver.closed).reason)
        await browser.close()
        await self.nothing_left(browser)

    async def test_stopped_browser_is_killed(self):
        browser = await start_browser(R)
        halt(browser.pid)
        await browser.close(kill_after=0.2)
        self.assertEqual(browser.exit_status and browser.exit_status.signal, signal.SIGKILL)
        await self.nothing_left(browser)

    async def test_kill_takes_the_children_along(self):
        browser = await start_browser(R)
        self.assertGreater(len(family(browser.pid)), 2)
        browser.kill()
        await browser.close()
        await self.nothing_left(browser)

    async def test_a_given_profile_is_kept_and_used_again(self):
        folder = os.path.join(self.temp, "profile")
        urls = []
        for _ in range(2):
            browser = await start_browser(R, profile=folder)
            urls.append(browser.ws_url)
            await browser.close()
        self.assertNotEqual(*urls)
        self.assertEqual(os.listdir(self.temp), ["profile"])
        self.assertIn("Default", os.listdir(folder))
        shutil.rmtree(folder)
        await self.nothing_left(browser)


class FailureTests(Case):
    async def test_profile_in_use(self):
        first = await start_browser(R)
        port = os.path.join(first.profile, "DevToolsActivePort")
        await self.until(lambda: os.path.exists(port))  # it is written once the browser has told of it
        for transport in ("websocket", "pipe"):
            with self.assertRaisesRegex(LaunchError, "another browser uses the profile"):
                await start_browser(R, profile=first.profile, transport=transport)
        self.assertTrue(os.path.exists(port))
        self.assertTrue(first.running)
        await first.close()
        await self.nothing_left(first)

    async def test_sandbox_refusal(self):
        if os.geteuid() != 0:
            browser = await start_browser(R, sandbox=True)
            await browser.close()
        else:
            with self.assertRaisesRegex(LaunchError, "sandbox=False"):
                await start_browser(R, sandbox=True)
        await self.nothing_left()

    async def test_not_a_browser(self):
        with self.assertRaisesRegex(LaunchError, r"ended during startup \(exit code \d+\)"):
            await start_browser(R, executable=sys.executable)
        await self.nothing_left()

    async def test_not_a_program(self):
        path = os.path.join(self.fake, "chrome")
        with open(path, "wb") as file:
            file.write(b"\x7fELF nonsense")
        os.chmod(path, 0o755)
        with self.assertRaisesRegex(LaunchError, "ended during startup|cannot be executed"):
            await start_browser(R, executable=path)
        await self.nothing_left()

    async def test_missing(self):
        with self.assertRaises(ExecutableNotFound):
            await start_browser(R, executable="/nowhere/chrome")
        await self.nothing_left()

    async def test_one_that_never_comes_up(self):
        path = os.path.join(self.fake, "chrome")
        with open(path, "w") as file:
            file.write("#!/bin/sh\necho warming up >&2\nsleep 1000 & sleep 1000\n")
        os.chmod(path, 0o755)
        for transport in ("websocket", "pipe"):
            for seconds in (2, 10, 50):  # a busy machine may not have run it by then
                with self.assertRaises(LaunchTimeout) as caught:
                    await start_browser(R, executable=path, start_timeout=float(seconds), transport=transport)
                self.assertIn(f"did not start within {seconds} s", str(caught.exception))
                if "warming up" in str(caught.exception):
                    break
            self.assertIn("warming up", str(caught.exception))
        await self.nothing_left()

    async def test_cancelled_at_any_time(self):
        for delay in (0.0, 0.03, 0.06):
            started = start_browser(R)
            R.callLater(delay, started.cancel)
            try:
                browser = await started
            except CancelledError:
                continue
            await browser.close()
        await self.nothing_left()


class OwnerTests(Case):
    """We end without a chance to clean up, or with one."""

    async def child(self, transport: str) -> tuple[Any, Child, int, str]:
        protocol = Child()
        env = {**os.environ, "PYTHONPATH": ROOT, "TMPDIR": self.temp}
        argv = [sys.executable, "-c", CHILD, transport]
        process = R.spawnProcess(protocol, sys.executable, argv, env)
        pid, profile = (await protocol.said).split()
        return process, protocol, int(pid), profile.decode()

    async def test_kill_9_of_the_owner(self):
        for transport in ("websocket", "pipe"):
            process, protocol, pid, profile = await self.child(transport)
            self.assertTrue(alive(pid))
            process.signalProcess("KILL")
            await self.until(lambda pid=pid: not alive(pid) and not family(pid))
            await protocol.ended
            self.assertTrue(os.path.exists(profile))
            browser = await start_browser(R)
            self.assertFalse(os.path.exists(profile))
            await browser.close()
            self.assertEqual(os.listdir(self.temp), [])
        await self.nothing_left(browser)

    async def test_sigterm_of_the_owner(self):
        process, protocol, pid, _ = await self.child("websocket")
        process.signalProcess("TERM")
        await protocol.ended
        self.assertFalse(alive(pid))
        await self.nothing_left()

    async def test_sigterm_where_nobody_closes(self):
        recording = tempfile.mkdtemp(prefix="t-", dir=self.fake)
        for what, program in UNCLOSED.items():
            protocol = Child()
            env = {**os.environ, "PYTHONPATH": ROOT, "TMPDIR": self.temp}
            argv = [sys.executable, "-c", UNCLOSED_CHILD.format(program.strip()), recording]
            process = R.spawnProcess(protocol, sys.executable, argv, env)
            await protocol.said
            self.assertNotEqual(os.listdir(self.temp), [], what)
            process.signalProcess("TERM")
            await protocol.ended
            self.assertEqual((what, os.listdir(self.temp), protocol.errors), (what, [], b""))
        await self.nothing_left()

    async def test_ctrl_c_reaches_the_owner_alone(self):
        process, protocol, pid, _ = await self.child("pipe")
        self.assertNotEqual(os.getpgid(pid), os.getpgid(process.pid))
        process.signalProcess("INT")
        await protocol.ended
        self.assertFalse(alive(pid))
        await self.nothing_left()

    async def test_a_living_owners_profile_is_not_swept(self):
        process, protocol, pid, profile = await self.child("websocket")
        browser = await start_browser(R)
        self.assertTrue(os.path.exists(profile))
        await browser.close()
        try:
            process.signalProcess("TERM")
        except ProcessExitedAlready:
            self.fail("the child ended by itself")
        await protocol.ended
        self.assertFalse(alive(pid))
        await self.nothing_left(browser)
