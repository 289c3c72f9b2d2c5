"""Browsers that are launched where all goes wrong: killed in part, on full disks, by odd scripts, fifty at once."""

# ruff: noqa: ASYNC220, ASYNC240  (small files, short programs, and a test may wait for them)
from __future__ import annotations

import contextlib
import json
import os
import shutil
import signal
import subprocess
import sys
import tempfile
from collections.abc import Iterable
from typing import Any

import pytest
from twisted.internet.defer import CancelledError, Deferred, DeferredList, gatherResults
from twisted.internet.task import deferLater

import txcdp
from tests.browser.support import halt
from tests.browser.test_launch_browser import ROOT, Case, Child, R, alive, family
from txcdp.chrome import BrowserProcess, find_executable, start_browser
from txcdp.chrome._flags import sandbox_works
from txcdp.domains import browser as browser_domain
from txcdp.errors import LaunchError, TxcdpError

#: What a Chromium consists of, by what stands on the command lines.
KINDS = {
    "renderer": "--type=renderer",
    "gpu": "--type=gpu-process",
    "zygote": "--type=zygote",
    "network": "network.mojom.NetworkService",
    "storage": "storage.mojom.StorageService",
    "crashpad": "crashpad_handler ",  # the others only have its number on their command lines
}


def command_lines(word: str) -> dict[int, str]:
    """Give the living processes on whose command line a word stands."""
    found = {}
    for name in os.listdir("/proc"):
        if name.isdigit() and int(name) != os.getpid():
            with contextlib.suppress(OSError), open(f"/proc/{name}/cmdline", "rb") as file:
                line = file.read().replace(b"\0", b" ").decode("utf-8", "replace")
                if word in line and alive(int(name)):
                    found[int(name)] = line
    return found


def kill_9(pids: Iterable[int]) -> None:
    for pid in pids:
        with contextlib.suppress(ProcessLookupError):
            os.kill(pid, signal.SIGKILL)


class StressCase(Case):
    async def process_of(self, chrome: txcdp.Browser) -> BrowserProcess:
        assert chrome.process is not None
        return chrome.process

    async def nothing_left(self, *browsers: BrowserProcess) -> None:
        self.assertEqual(command_lines(self.temp), {})
        await super().nothing_left(*browsers)

    def script(self, text: str) -> str:
        """Write a program that stands in the browser's place; ``$CHROME`` in it is the browser."""
        path = os.path.join(self.fake, "chrome")
        with open(path, "w") as file:
            file.write(f"#!/bin/sh\nCHROME={find_executable()}\n{text}\n")
        os.chmod(path, 0o755)
        return path


class KilledTests(StressCase):
    async def check(self, kind: str) -> None:
        chrome = await txcdp.launch(R, timeout=5)
        process = await self.process_of(chrome)
        tab = await chrome.new_page()
        await tab.evaluate("1")

        def found() -> list[int]:
            group = family(process.pid)
            return [pid for pid, line in command_lines(KINDS[kind]).items() if pid in group or self.temp in line]

        await self.until(lambda: bool(found()))  # some are started when they are first needed
        victims = found()
        self.assertNotIn(process.pid, victims)
        kill_9(victims)
        await self.until(lambda: not any(alive(pid) for pid in victims))
        # Some outcome, and a typed one: a page without its network cannot load, without its GPU it can.
        outcomes: Any = await DeferredList([tab.evaluate("1"), tab.reload(), chrome.version()], consumeErrors=True)
        for succeeded, result in outcomes:
            self.assertTrue(succeeded or result.check(TxcdpError), result)
        await chrome.close()
        await self.nothing_left(process)

    async def test_renderers(self):
        await self.check("renderer")

    @pytest.mark.stress
    async def test_the_gpu_process(self):
        await self.check("gpu")

    @pytest.mark.stress
    async def test_the_zygotes(self):
        await self.check("zygote")

    @pytest.mark.stress
    async def test_the_network_service(self):
        await self.check("network")

    @pytest.mark.stress
    async def test_the_storage_service(self):
        await self.check("storage")

    @pytest.mark.stress
    async def test_the_crash_handler(self):
        await self.check("crashpad")

    async def test_the_browser_alone(self):
        for transport in ("websocket", "pipe"):
            chrome = await txcdp.launch(R, transport=transport)
            process = await self.process_of(chrome)
            waiting = (await chrome.new_page()).evaluate("new Promise(() => {})")
            os.kill(process.pid, signal.SIGKILL)
            await self.assertFailure(waiting, txcdp.ConnectionLost)
            await process.close()
            self.assertEqual(command_lines(self.temp), {})
            await chrome.close()
        await self.nothing_left(process)

    async def test_sigterm_of_the_browser(self):
        chrome = await txcdp.launch(R)
        process = await self.process_of(chrome)
        os.kill(process.pid, signal.SIGTERM)
        self.assertEqual(str(await process.when_ended()), "exit code 0")
        await chrome.close()
        await self.nothing_left(process)

    async def test_it_closes_itself(self):
        chrome = await txcdp.launch(R)
        process = await self.process_of(chrome)
        await chrome.session.execute(browser_domain.close())
        self.assertEqual(str(await process.when_ended()), "exit code 0")
        await process.close()
        await chrome.connection.when_closed()
        await self.nothing_left(process)


class OwnerTests(StressCase):
    """Our own process ends."""

    async def owner(self, *lines: str) -> tuple[Any, Child]:
        """Start a Python that launches browsers in its ``main(reactor)``."""
        head = ["import os, resource, sys, txcdp", "from twisted.internet import defer, task"]
        code = "\n".join([*head, "async def main(reactor):", *(f"    {line}" for line in lines), "task.react(main)"])
        protocol = Child()
        env = {**os.environ, "PYTHONPATH": ROOT, "TMPDIR": self.temp}
        return R.spawnProcess(protocol, sys.executable, [sys.executable, "-c", code], env), protocol

    async def check_stop(self, *lines: str) -> None:
        """Let it stop its reactor; then nothing is left."""
        _, protocol = await self.owner(*lines)
        await protocol.ended
        self.assertNotIn(b"Traceback", protocol.errors)
        await self.nothing_left()

    async def test_reactor_stop(self):
        await self.check_stop(
            "browser = await txcdp.launch(reactor)",
            "print('up', flush=True)",
            "reactor.stop()",
            "await defer.Deferred()",
        )

    async def test_reactor_stop_while_launching(self):
        for delay in (0.0, 0.05, 0.2, 0.4):
            _, protocol = await self.owner(
                "print('here', flush=True)",
                f"reactor.callLater({delay}, reactor.stop)",
                "launching = txcdp.launch(reactor)",
                "await launching.addErrback(lambda failure: failure.trap(txcdp.LaunchError, txcdp.ConnectError))",
            )
            await protocol.ended
            self.assertNotIn(b"Traceback", protocol.errors)
            self.assertEqual(command_lines(self.temp), {})
            self.assertEqual(os.listdir(self.temp), [])
        await self.nothing_left()

    @pytest.mark.stress
    async def test_reactor_stop_while_others_wait_for_their_turn(self):
        await self.check_stop(
            "from txcdp.chrome import limit_starts",
            "limit_starts(1)",
            "print('here', flush=True)",
            "waiting = [txcdp.launch(reactor) for _ in range(3)]",
            "reactor.callLater(0.1, reactor.stop)",
            "outcomes = await defer.DeferredList(waiting, consumeErrors=True)",
            "expected = (txcdp.LaunchError, txcdp.ConnectError)",
            "assert all(not ok and result.check(*expected) for ok, result in outcomes), outcomes",
        )

    async def test_kill_9_of_the_owner_while_the_browser_stands_still(self):
        process, protocol = await self.owner(
            "browser = await txcdp.launch(reactor)", "print(browser.process.pid, flush=True)", "await defer.Deferred()"
        )
        pid = int(await protocol.said)
        halt(pid)
        process.signalProcess("KILL")
        await protocol.ended
        self.assertTrue(alive(pid))
        left = os.listdir(self.temp)
        self.assertEqual(len(left), 1)
        await (await start_browser(R)).close()
        self.assertEqual(os.listdir(self.temp), left, "the directory of a browser that lives was swept")
        os.kill(pid, signal.SIGCONT)
        await self.until(lambda: not family(pid) and not command_lines(self.temp))
        other = await start_browser(R)
        await other.close()
        await self.nothing_left(other)

    async def test_files_may_not_grow(self):
        """The limit on file sizes makes every write to a file fail, here and in the browser, as a full disk does."""
        _, protocol = await self.owner(
            "resource.setrlimit(resource.RLIMIT_FSIZE, (0, 0))",
            "try:",
            "    browser = await txcdp.launch(reactor, start_timeout=10)",
            "except txcdp.LaunchError as error:",
            "    os.write(1, b'refused\\n')",
            "else:",
            "    os.write(1, b'up\\n')",
            "    await browser.close()",
        )
        self.assertIn(await protocol.said, (b"refused\n", b"up\n"))
        await protocol.ended
        await self.nothing_left()


class DiskTests(StressCase):
    """The temporary folder is on a disk of its own, which is full."""

    def mount(self, size: str) -> None:
        if os.geteuid() != 0 or not shutil.which("mount"):
            self.skipTest("only root mounts disks")
        command = ["mount", "-t", "tmpfs", "-o", f"size={size}", "tmpfs", self.temp]
        if subprocess.run(command, capture_output=True, check=False).returncode:
            self.skipTest("no disk can be mounted here")
        self.addCleanup(subprocess.run, ["umount", self.temp], check=True)

    def fill(self) -> str:
        path = os.path.join(self.temp, "filling")
        with contextlib.suppress(OSError), open(path, "wb", buffering=0) as file:
            while True:
                file.write(b"x" * 4096)
        return path

    async def nothing_left(self, *browsers: BrowserProcess) -> None:
        for browser in browsers:
            await self.until(lambda pid=browser.pid: not family(pid))  # what is killed takes a moment
        self.assertEqual(os.listdir(self.temp), [])
        self.assertEqual(command_lines(self.temp), {})
        await self.until(self.is_free)  # what ends loses its command line first, then its files

    def is_free(self) -> bool:
        disk = os.statvfs(self.temp)
        return disk.f_bfree == disk.f_blocks

    async def check(self) -> None:
        """Launch; whether it comes up or is refused, nothing is left."""
        for transport in ("websocket", "pipe"):
            started: Any = await DeferredList([txcdp.launch(R, transport=transport)], consumeErrors=True)
            ((up, result),) = started
            if up:
                await DeferredList([result.new_page()], consumeErrors=True)
                await result.close()
            else:
                self.assertTrue(result.check(LaunchError), result)

    async def test_no_byte_is_free(self):
        self.mount("64k")
        path = self.fill()
        await self.check()
        os.unlink(path)
        await self.nothing_left()

    @pytest.mark.stress
    async def test_little_is_free(self):
        self.mount("200k")
        await self.check()
        await self.nothing_left()

    async def test_it_is_full_later(self):
        self.mount("64m")
        chrome = await txcdp.launch(R, timeout=4)
        process = await self.process_of(chrome)
        tab = await chrome.new_page()
        path = self.fill()
        script = "for (let n = 0; n < 40; n++) document.title = 'x'.repeat(1e5) + n; document.title.length"
        results: Any = await DeferredList([tab.evaluate(script), tab.screenshot(), tab.reload()], consumeErrors=True)
        for succeeded, result in results:
            self.assertTrue(succeeded or result.check(TxcdpError), result)
        await chrome.close()
        os.unlink(path)
        await self.nothing_left(process)


class ScriptTests(StressCase):
    """What is executed is a script around the browser."""

    @pytest.mark.stress
    async def test_one_that_waits_for_its_browser(self):
        path = self.script('"$CHROME" "$@"')
        for transport in ("websocket", "pipe"):
            process = await start_browser(R, executable=path, transport=transport)
            self.assertGreater(len(family(process.pid)), 2)
            await process.close()
            self.assertEqual(command_lines(self.temp), {})
            chrome = await txcdp.launch(R, path, transport=transport)
            await (await chrome.new_page()).evaluate("1")
            await chrome.close()
        await self.nothing_left(process)

    async def test_one_that_leaves_its_browser_in_the_background(self):
        for line in ('"$CHROME" "$@" &', 'setsid "$CHROME" "$@" &'):
            path = self.script(line)
            for transport in ("websocket", "pipe"):
                with self.assertRaisesRegex(LaunchError, "leaves the browser in the background"):
                    await start_browser(R, executable=path, transport=transport)
                for _ in range(200):  # one that has left the group ends by itself, soon
                    if not command_lines(self.temp):
                        break
                    await deferLater(R, 0.1)
                self.assertEqual(command_lines(self.temp), {})
        await self.nothing_left()

    @pytest.mark.stress
    async def test_one_that_closes_descriptors(self):
        path = self.script('exec "$CHROME" "$@" 3>&- 4>&-')
        with self.assertRaisesRegex(LaunchError, "descriptors 3 and 4"):
            await start_browser(R, executable=path)
        await self.nothing_left()

    @pytest.mark.stress
    async def test_one_that_keeps_what_the_browser_says(self):
        path = self.script('exec "$CHROME" "$@" 2>/dev/null')
        with self.assertRaisesRegex(LaunchError, "wrapper script has to pass on"):
            await start_browser(R, executable=path, start_timeout=1.5)
        await (await start_browser(R, executable=path, transport="pipe")).close()
        await self.nothing_left()


class PlaceTests(StressCase):
    async def test_a_foreign_browser_has_the_profile(self):
        profile = os.path.join(self.temp, "profile")
        args = [find_executable(), "--headless=new", f"--user-data-dir={profile}", "--remote-debugging-port=0"]
        if not sandbox_works():
            args.append("--no-sandbox")
        environment = {**os.environ, "TMPDIR": self.fake, "BREAKPAD_DUMP_LOCATION": self.fake}
        foreign = subprocess.Popen(
            [*args, "about:blank"], env=environment, stderr=subprocess.DEVNULL, start_new_session=True
        )
        try:
            await self.until(lambda: os.path.exists(os.path.join(profile, "DevToolsActivePort")))
            with self.assertRaisesRegex(LaunchError, "another browser uses the profile"):
                await start_browser(R, profile=profile)
            self.assertIsNone(foreign.poll())
            self.assertTrue(os.path.exists(os.path.join(profile, "DevToolsActivePort")))
        finally:
            os.killpg(foreign.pid, signal.SIGKILL)
            foreign.wait()
        # What it has left there, its lock too, is no obstacle.
        process = await start_browser(R, profile=profile)
        await process.close()
        shutil.rmtree(profile)
        await self.nothing_left(process)

    async def test_a_temporary_folder_with_a_long_name(self):
        folder = os.path.join(self.temp, "x" * 100)
        os.mkdir(folder)
        self.patch(tempfile, "tempdir", folder)
        process = await start_browser(R)
        self.assertTrue(process.profile.startswith("/tmp/txcdp-"))
        await process.close()
        self.assertFalse(os.path.exists(os.path.dirname(process.profile)))
        self.assertEqual(os.listdir(folder), [])
        os.rmdir(folder)
        await self.nothing_left(process)

    @pytest.mark.stress
    async def test_cancelled_at_any_time(self):
        for transport in ("websocket", "pipe"):
            for delay in (0.0, 0.05, 0.1, 0.15, 0.2, 0.25, 0.3, 0.4):
                started = txcdp.launch(R, transport=transport)
                R.callLater(delay, started.cancel)
                try:
                    chrome = await started
                except CancelledError:
                    continue
                await deferLater(R, delay)
                await chrome.close()
        await self.nothing_left()


@pytest.mark.stress
class FiftyTests(StressCase):
    """Fifty browsers are launched in the same turn of the reactor."""

    timeout = 400

    async def test_fifty_at_once(self):
        started = [txcdp.launch(R, start_timeout=120) for _ in range(50)]
        browsers = await gatherResults(started)
        processes = [await self.process_of(chrome) for chrome in browsers]
        self.assertEqual(len({process.pid for process in processes}), 50)
        self.assertEqual(len({process.profile for process in processes}), 50)
        products = await gatherResults([chrome.version() for chrome in browsers])
        self.assertEqual(len({json.dumps(each.product) for each in products}), 1)
        kill_9(process.pid for process in processes[::5])
        await gatherResults([chrome.close() for chrome in browsers])
        await self.nothing_left(*processes)

    async def test_fifty_that_are_given_up(self):
        started = [txcdp.launch(R) for _ in range(50)]
        await deferLater(R, 0.5)
        ends: list[Deferred[Any]] = []
        for each in started:
            each.cancel()
            ends.append(self.assertFailure(each, CancelledError))
        await gatherResults(ends)
        await self.nothing_left()
