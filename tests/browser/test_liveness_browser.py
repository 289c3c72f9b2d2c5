"""What a real browser does when it, or one of its pages, stops: each told apart, and everything ends."""

from __future__ import annotations

import contextlib
import os
import signal
from collections.abc import Callable
from dataclasses import replace
from typing import Any

import pytest
from twisted.internet.defer import Deferred
from twisted.internet.task import deferLater

import txcdp
from tests.browser.support import BrowserTestCase, halt, reactor
from tests.support import PATIENCE, Watcher
from txcdp._core.probing import ProbeOptions
from txcdp._core.sessions import Session
from txcdp._deferreds import with_deadline
from txcdp._transports.websocket import WebSocketOptions
from txcdp.domains import browser as browser_domain
from txcdp.domains import debugger, inspector, network, page, runtime, system_info, target
from txcdp.errors import CommandError, ConnectionLost, SessionDetached, TargetCrashed
from txcdp.health import BrowserResponsive, BrowserUnresponsive, HealthEvent, LineLost, PageResponsive, PageUnresponsive
from txcdp.page import Page
from txcdp.streams import first

QUICK = ProbeOptions(browser_interval=0.3, browser_timeout=PATIENCE, page_interval=0.3, page_timeout=5.0)
NEVER = "new Promise(() => {})"


def ignore(deferred: Deferred[Any]) -> None:
    """Care for nothing that comes of it."""
    deferred.addErrback(lambda _: None)


class Case(BrowserTestCase):
    """A test with a browser whose health is watched; whatever is stopped goes on at its end."""

    async def watched(self, probes: ProbeOptions = QUICK, **options: Any) -> Page:
        """Start a browser, probe it, and open a page.

        It sets ``told`` to the watcher of what is told of its health.
        """
        line = WebSocketOptions(ping_interval=None, open_timeout=PATIENCE)
        tab = await self.page(options=line, probes=probes, **options)
        self.told = Watcher(self.browser.connection.health)
        return tab

    async def next(self, kind: type[Any], seconds: float = PATIENCE) -> Any:
        """Wait for the next event of a kind, and see that there is none of another before."""
        try:
            told: HealthEvent = await first(self.browser.connection.health, timeout=seconds)
        except TimeoutError:
            self.fail(f"no {kind.__name__} was told, but {self.told.items}")
        self.assertIsInstance(told, kind)
        return told

    def stop(self, *pids: int) -> None:
        """Stop processes until :meth:`go_on`, or the test's end."""
        self.pids = pids
        self.addCleanup(self.go_on)
        for pid in pids:
            halt(pid)

    def go_on(self) -> None:
        for pid in self.pids:
            with contextlib.suppress(ProcessLookupError):
                os.kill(pid, signal.SIGCONT)

    async def probed(self, method: str, times: int) -> None:
        """Wait until so many more probes have been answered."""
        replies = self.browser.connection.stats.methods
        before = replies[method].replies if method in replies else 0
        while (replies[method].replies if method in replies else 0) < before + times:
            await deferLater(reactor, 0.02)

    async def renderers(self) -> list[int]:
        """Return the processes of all pages."""
        found = await self.browser.session.execute(system_info.get_process_info())
        return [each.id for each in found.process_info if each.type == "renderer"]

    @property
    def pid(self) -> int:
        assert self.browser.process is not None
        return self.browser.process.pid


class PageTests(Case):
    """Pages that do not answer, of a browser that does."""

    async def unresponsive(self, tab: Page, cause: str) -> None:
        """See that a page is told to be unresponsive, and the browser not."""
        told = await self.next(PageUnresponsive)
        self.assertEqual((told.session, told.cause), (tab.session, cause))
        self.assertGreater(told.seconds, 4.9)

    async def answers(self, tab: Page) -> None:
        """See that a page is told to answer again, and nothing else has been told all the while."""
        told = await self.next(PageResponsive)
        self.assertIs(told.session, tab.session)
        self.assertEqual([type(each) for each in self.told.items], [PageUnresponsive, PageResponsive])
        self.assertIsNone(self.browser.connection.lost)

    async def test_busy(self):
        tab = await self.watched()
        busy = tab.evaluate("for (;;) {}", timeout=None)
        await self.unresponsive(tab, "busy")
        await tab.session.execute(runtime.terminate_execution())
        await self.fails(busy, CommandError)
        await self.answers(tab)

    @pytest.mark.stress
    async def test_busy_over_the_pipe(self):
        tab = await self.watched(transport="pipe")
        ignore(tab.evaluate("(function go() { Promise.resolve().then(go); })()", timeout=None))
        await self.unresponsive(tab, "busy")
        await tab.session.execute(runtime.terminate_execution())
        await self.answers(tab)

    async def test_stopped(self):
        tab = await self.watched()
        self.stop(*await self.renderers())
        await self.unresponsive(tab, "stopped")
        await self.probed("Browser.getVersion", 3)
        self.assertEqual(len(self.told.items), 1)
        self.go_on()
        await self.answers(tab)

    async def test_stopped_over_the_pipe(self):
        tab = await self.watched(transport="pipe")
        self.stop(*await self.renderers())
        await self.unresponsive(tab, "stopped")
        self.go_on()
        await self.answers(tab)

    async def test_a_dialog(self):
        tab = await self.watched()
        tab.dialogs.subscribe(lambda _: None)
        for expression, accept in (("alert('there')", True), ("confirm('there')", False), ("prompt('there')", True)):
            ignore(tab.evaluate(expression, timeout=None))
            await self.unresponsive(tab, "dialog")
            await tab.session.execute(page.handle_java_script_dialog(accept=accept))
            await self.answers(tab)
            self.told.items.clear()

    async def test_the_debugger(self):
        tab = await self.watched()
        await tab.session.execute(debugger.enable())
        ignore(tab.evaluate("debugger", timeout=None))
        await self.unresponsive(tab, "debugger")
        await tab.session.execute(debugger.resume())
        await self.answers(tab)

    async def test_one_of_two(self):
        tab = await self.watched()
        other = await self.browser.new_page(self.server.page("/", "<title>Other</title>"))
        ignore(tab.evaluate("for (;;) {}", timeout=None))
        await self.unresponsive(tab, "busy")
        self.assertEqual(await other.title(), "Other")
        await tab.session.execute(runtime.terminate_execution())
        await self.answers(tab)

    async def test_a_crash_is_none_of_these(self):
        tab = await self.watched()
        ignore(tab.session.execute(page.crash(), timeout=None))
        await with_deadline(reactor, crashed(tab.session), PATIENCE, TimeoutError)
        await self.probed("Browser.getVersion", 3)
        self.assertEqual(self.told.items, [])
        await tab.goto("about:blank")
        ignore(tab.evaluate("for (;;) {}", timeout=None))
        await self.unresponsive(tab, "busy")

    async def test_a_page_alone(self):
        tab = await self.watched(ProbeOptions())
        address = f"{self.browser.process.ws_url.rsplit('/', 2)[0]}/page/{tab.target_id}"  # type: ignore[union-attr]
        alone = await txcdp.connect(reactor, address, probes=QUICK)
        self.addCleanup(alone.close)
        ignore(tab.evaluate("for (;;) {}", timeout=None))
        told = await first(alone.connection.health, timeout=PATIENCE)
        self.assertIsInstance(told, PageUnresponsive)
        self.assertIs(told.session, alone.session)  # type: ignore[attr-defined]

    async def test_a_healthy_browser(self):
        soon, late = 0.02, PATIENCE
        probes = ProbeOptions(browser_interval=soon, browser_timeout=late, page_interval=soon, page_timeout=late)
        tab = await self.watched(probes)
        for path in ("/a", "/b", "/c"):
            await tab.goto(self.server.page(path, "<title>Here</title>"), "networkidle")
            self.assertEqual(await tab.title(), "Here")
        await self.probed("Runtime.evaluate", 20)
        self.assertEqual(self.told.items, [])
        await self.browser.close()
        self.assertEqual((self.told.items, self.told.errors, self.told.completed), ([], [], 1))


def crashed(session: Session) -> Deferred[BaseException]:
    """Return what fires with the crash of a session's target."""
    heard: Deferred[BaseException] = Deferred()
    session.events(inspector.TargetCrashed).subscribe(on_error=heard.callback)
    return heard


class BrowserTests(Case):
    """A browser that does not answer."""

    #: Longer than a browser that is well needs on a busy machine.
    PROBES = ProbeOptions(browser_interval=0.3, browser_timeout=10.0, page_interval=0.3, page_timeout=PATIENCE)

    async def lost(self, **options: Any) -> None:
        tab = await self.watched(self.PROBES, **options)
        waiting = tab.evaluate(NEVER, timeout=None)
        self.stop(self.pid)
        lost = await self.fails(with_deadline(reactor, waiting, PATIENCE, TimeoutError), ConnectionLost)
        self.assertIs(await self.browser.connection.when_closed(), self.browser.connection.lost)
        self.assertEqual((lost.cause, lost.clean), ("unresponsive", False))
        self.assertEqual([type(each) for each in self.told.items], [BrowserUnresponsive, LineLost])
        self.assertEqual(self.told.items[1].error.cause, "unresponsive")
        self.assertEqual(self.told.errors, [self.browser.connection.lost])

    async def test_stopped(self):
        await self.lost()

    async def test_stopped_over_the_pipe(self):
        await self.lost(transport="pipe")

    async def test_stopped_and_found_by_pings(self):
        options = WebSocketOptions(ping_interval=0.3, ping_timeout=10.0, open_timeout=PATIENCE)
        tab = await self.page(options=options, probes=None)
        told = Watcher(self.browser.connection.health)
        self.stop(self.pid)
        await self.fails(with_deadline(reactor, tab.evaluate(NEVER), PATIENCE, TimeoutError), ConnectionLost)
        self.assertEqual((await self.browser.connection.when_closed()).cause, "unresponsive")
        self.assertEqual([type(each) for each in told.items], [LineLost])

    async def reported(self, **options: Any) -> None:
        probes = replace(self.PROBES, hang_up=False)
        tab = await self.watched(probes, **options)
        self.stop(self.pid)
        self.assertGreaterEqual((await self.next(BrowserUnresponsive)).seconds, 10.0)
        self.go_on()
        self.assertGreater((await self.next(BrowserResponsive)).seconds, 10.0)
        self.assertEqual(await tab.evaluate("6 * 7"), 42)

    async def test_stopped_and_only_reported(self):
        await self.reported()

    @pytest.mark.stress
    async def test_stopped_and_only_reported_over_the_pipe(self):
        await self.reported(transport="pipe")


class Bereft:
    """Everything that can wait on a page, and what it has come to."""

    def __init__(self, tab: Page) -> None:
        session = tab.session
        self.commands: list[Deferred[Any]] = [
            session.execute(runtime.evaluate(expression=NEVER, await_promise=True), timeout=None),
            session.execute_raw("Runtime.evaluate", {"expression": NEVER, "awaitPromise": True}, timeout=None),
            tab.evaluate(NEVER, timeout=None),
        ]
        self.streams = [
            Watcher(session.events(network.DataReceived)),
            Watcher(session.events(page.LoadEventFired)),
            Watcher(session.events_raw("Page.frameNavigated")),
        ]


class EndTests(Case):
    """Whatever ends a page, or all of them: nothing waits on, and each says why."""

    async def bereft(self, transport: str) -> tuple[Page, Bereft]:
        tab = await self.watched(ProbeOptions(), transport=transport)
        await tab.goto(self.server.page("/", "<title>Here</title>"))
        return tab, Bereft(tab)

    async def see(self, bereft: Bereft, kind: type[Exception], completes: bool = False) -> list[Any]:
        """See that everything ends so, in the same turn of the reactor."""
        errors = [await self.fails(with_deadline(reactor, bereft.commands[0], PATIENCE, TimeoutError), kind)]
        await deferLater(reactor, 0)
        for each in bereft.commands[1:]:
            self.assertTrue(each.called)
            errors.append(await self.fails(each, kind))
        for watcher in bereft.streams:
            self.assertEqual((watcher.completed, len(watcher.errors)), (1, 0) if completes else (0, 1))
            for error in watcher.errors:
                self.assertIsInstance(error, kind)
        return errors

    async def each_line(self, deed: Callable[[Page, Bereft], Any]) -> None:
        for transport in ("websocket", "pipe"):
            tab, bereft = await self.bereft(transport)
            await deed(tab, bereft)
            await self.browser.close()

    async def test_detached(self):
        async def deed(tab: Page, bereft: Bereft) -> None:
            tab.session.detach().addErrback(self.fail)
            await self.see(bereft, SessionDetached, completes=True)
            await self.fails(tab.evaluate("1"), SessionDetached)
            self.assertEqual(self.told.items, [])

        await self.each_line(deed)

    async def test_closed(self):
        async def deed(tab: Page, bereft: Bereft) -> None:
            ignore(self.browser.session.execute(target.close_target(target_id=tab.target_id)))
            await self.see(bereft, SessionDetached, completes=True)
            await self.fails(tab.goto("about:blank"), SessionDetached)

        await self.each_line(deed)

    async def test_crashed(self):
        async def deed(tab: Page, bereft: Bereft) -> None:
            ignore(tab.session.execute(page.crash(), timeout=None))
            await self.see(bereft, TargetCrashed)
            for method in ("Runtime.evaluate", "Page.getLayoutMetrics", "Network.enable", "DOM.getDocument"):
                failed = tab.session.execute_raw(method)
                self.assertTrue(failed.called)
                await self.fails(failed, TargetCrashed)
            await tab.goto(self.server.url())
            self.assertEqual(await tab.title(), "Here")

        await self.each_line(deed)

    async def test_crashed_and_closed(self):
        async def deed(tab: Page, bereft: Bereft) -> None:
            ignore(tab.session.execute(page.crash(), timeout=None))
            await self.see(bereft, TargetCrashed)
            await with_deadline(reactor, tab.close(), PATIENCE, TimeoutError)
            self.assertTrue(tab.session.ended)

        await self.each_line(deed)

    async def test_its_process_is_killed(self):
        async def deed(tab: Page, bereft: Bereft) -> None:
            for pid in await self.renderers():
                os.kill(pid, signal.SIGKILL)
            await self.see(bereft, TargetCrashed)
            await tab.reload()
            self.assertEqual(await tab.title(), "Here")

        await self.each_line(deed)

    async def test_the_line_is_cut(self):
        async def deed(tab: Page, bereft: Bereft) -> None:
            self.browser.connection.transport.abort()
            for error in await self.see(bereft, ConnectionLost):
                self.assertEqual(error.cause, "aborted")

        await self.each_line(deed)

    async def browser_ends(self, end: Callable[[], object], *, in_order: bool) -> None:
        """See what comes of a browser's end; a pipe's other end is told how its process has ended.

        :param in_order: whether the browser closes its pages first.
        """

        async def deed(tab: Page, bereft: Bereft) -> None:
            over_pipe = self.browser.process is not None and self.browser.process.pipe is not None
            end()
            if not in_order:
                await self.see(bereft, ConnectionLost)
                bereft.commands.clear()
            lost = await with_deadline(reactor, self.browser.connection.when_closed(), PATIENCE, TimeoutError)
            self.assertEqual(lost.cause, "process_ended" if over_pipe else "ended")
            self.assertEqual(lost.clean, over_pipe and in_order)
            self.assertEqual(self.told.items, [] if lost.clean else [LineLost(lost)])
            for each in bereft.commands:
                self.assertTrue(each.called)
                await self.fails(each, ConnectionLost, SessionDetached)
            self.assertTrue(all(watcher.ended for watcher in bereft.streams))

        await self.each_line(deed)

    async def test_the_browser_is_killed(self):
        await self.browser_ends(lambda: os.kill(self.pid, signal.SIGKILL), in_order=False)

    async def test_the_browser_is_terminated(self):
        await self.browser_ends(lambda: os.kill(self.pid, signal.SIGTERM), in_order=True)

    async def test_the_browser_is_closed(self):
        await self.browser_ends(lambda: ignore(self.browser.session.execute(browser_domain.close())), in_order=True)

    async def test_the_browser_crashes(self):
        crash = browser_domain.crash()
        await self.browser_ends(lambda: ignore(self.browser.session.execute(crash, timeout=None)), in_order=False)

    async def test_closing_while_it_stands_still(self):
        for transport in ("websocket", "pipe"):
            _, bereft = await self.bereft(transport)
            self.stop(self.pid)
            await deferLater(reactor, 0.3)
            closed = self.browser.connection.close()
            for error in await self.see(bereft, ConnectionLost, completes=True):
                self.assertEqual((error.cause, error.clean), ("close_timeout", True))
            self.assertTrue(closed.called)
            self.go_on()
            await self.browser.close()
