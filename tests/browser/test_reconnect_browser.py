"""Lost lines and browsers that are restarted, with a real Chromium: the same pages go on."""

# ruff: noqa: ASYNC240  (a test may wait for the disk)
from __future__ import annotations

import os
import signal
from typing import Any

from twisted.internet.defer import Deferred, DeferredQueue
from twisted.internet.task import deferLater

import txcdp
from tests.browser.support import BrowserTestCase, Server, got, reactor
from tests.browser.support_lines import port_of, through
from tests.lab.hostile.proxy import FaultProxy
from txcdp import Route
from txcdp._core.reconnecting import ReconnectPolicy
from txcdp._core.sessions import AutoAttach
from txcdp._transports.websocket import WebSocketOptions
from txcdp.browser import Browser
from txcdp.chrome import start_browser
from txcdp.domains import emulation, fetch, network, page, runtime, storage, target
from txcdp.errors import ConnectionLost, ContextDestroyed, SessionDetached
from txcdp.health import Reconnected, Reconnecting
from txcdp.page import Page
from txcdp.streams import Gap, first, queue

SOON = ReconnectPolicy(initial_delay=0.05, factor=1.2, max_delay=0.5, jitter=lambda: 0.0)
AGENT = "an agent of our own/1.0"


class ReconnectTestCase(BrowserTestCase):
    async def set_up(self, tab: Page) -> None:
        """Set up what has to be there again: a script, a binding, emulation and interception."""
        session = tab.session
        await session.execute(page.add_script_to_evaluate_on_new_document(source="window.marked = true"))
        await session.execute(runtime.add_binding(name="tell"))
        await session.execute(emulation.set_user_agent_override(user_agent=AGENT))

        def fulfill(event: fetch.RequestPaused) -> None:
            answer = fetch.fulfill_request(request_id=event.request_id, response_code=200, body=b"fulfilled")
            session.execute(answer).addErrback(lambda _: None)

        session.events(fetch.RequestPaused).subscribe(fulfill)
        await session.execute(fetch.enable(patterns=[fetch.RequestPattern(url_pattern="*/intercepted")]))
        self.told: list[str] = []
        session.events(runtime.BindingCalled).subscribe(lambda event: self.told.append(event.payload))
        self.loads: list[Any] = []
        session.events(page.LoadEventFired).with_gaps().subscribe(self.loads.append)

    async def is_set_up(self, tab: Page, path: str = "/again") -> None:
        """See that all of it is there."""
        await tab.goto(self.server.page(path, "<title>again</title>"))
        found = await tab.evaluate(
            "(async () => [window.marked, navigator.userAgent, await (await fetch('/intercepted')).text()])()"
        )
        self.assertEqual(found, [True, AGENT, "fulfilled"])
        told = first(tab.events(runtime.BindingCalled))
        await tab.evaluate("tell('here')")
        self.assertEqual((await told).payload, "here")

    async def shows(self, tab: Page, title: str) -> None:
        """Wait for a page that goes somewhere by itself."""
        shown = ""
        while shown != title:
            try:
                shown = await tab.title()
            except ContextDestroyed:  # it has gone on in the middle of the question
                await deferLater(reactor, 0.02)

    def lost(self, browser: Browser) -> None:
        self.assertIsInstance(browser.connection.suspended, ConnectionLost)

    async def suspended(self, browser: Browser) -> None:
        while browser.connection.suspended is None:
            await deferLater(reactor, 0.01)

    async def back(self, browser: Browser) -> None:
        await browser.connection.when_connected()


class ReconnectTests(ReconnectTestCase):
    async def through_proxy(self, **options: Any) -> tuple[Browser, FaultProxy]:
        process = await start_browser(reactor)
        self.addCleanup(process.close)
        self.process = process
        proxy = FaultProxy(port_of(process))
        self.addCleanup(lambda: Deferred.fromCoroutine(proxy.stop()))
        browser = await txcdp.connect(reactor, through(process, proxy.port), reconnect=SOON, **options)
        self.addCleanup(browser.close)
        return browser, proxy

    async def test_a_line_that_is_cut(self):
        browser, proxy = await self.through_proxy()
        tab = await browser.new_page()
        await self.set_up(tab)
        await tab.goto(self.server.page("/before", "<title>before</title>"))
        before, target_id = tab.session.id, tab.target_id
        waiting = tab.evaluate("new Promise(() => {})")
        proxy.links[-1].client.transport.abortConnection()
        await self.fails(waiting, ConnectionLost)
        self.lost(browser)
        await self.fails(tab.evaluate("1"), ConnectionLost)
        await self.back(browser)
        self.assertNotEqual(tab.session.id, before)
        self.assertEqual(tab.target_id, target_id)
        self.assertEqual(await tab.title(), "before")  # the page itself has noticed nothing
        await self.is_set_up(tab)
        self.assertEqual([type(item) for item in self.loads], [page.LoadEventFired, Gap, page.LoadEventFired])
        self.assertFalse(self.loads[1].restarted)

    async def test_routes_hold_over_a_line_that_is_cut_and_what_was_stopped_goes_on(self):
        browser, proxy = await self.through_proxy()
        context = await browser.new_context()
        tab = await context.new_page()
        stopped: DeferredQueue[Route] = DeferredQueue()
        for path in ("/", "/held", "/seen"):
            self.server.page(path, f"the server's {path}")
        await tab.goto(self.server.url("/"))
        await tab.route("**/held", stopped.put, timeout=None)
        await tab.route("**/seen", lambda route: route.continue_(), stage="response", timeout=None)
        await context.route("**/mocked", lambda route: route.fulfill(body=f"mocked: {route.request.resource_type}"))
        await tab.route_web_socket("ws://mock.test/", lambda socket: socket.on_message(socket.send))
        for _ in range(2):
            await tab.evaluate("""() => {
                window.got = [];
                fetch('/held').then(answer => answer.text()).then(text => got.push(text), String);
            }""")
            route = await stopped.get()
            proxy.links[-1].client.transport.abortConnection()
            await self.suspended(browser)
            await self.back(browser)
            await tab.wait_for_function("got.length")
            self.assertEqual(await tab.evaluate("got"), ["the server's /held"])
            await route.fulfill(body="too late")  # it has gone on: nobody's failure
            texts = "Promise.all(['/mocked', '/seen'].map(path => fetch(path).then(answer => answer.text())))"
            self.assertEqual(await tab.evaluate(texts), ["mocked: fetch", "the server's /seen"])
            echoed = """new Promise(done => {
                const socket = new WebSocket('ws://mock.test/');
                socket.onopen = () => socket.send('echo');
                socket.onmessage = event => done(event.data);
            })"""
            self.assertEqual(await tab.evaluate(echoed), "echo")
            held = tab.evaluate("fetch('/held').then(answer => answer.text())")
            await (await stopped.get()).fulfill(body="answered")
            self.assertEqual(await held, "answered")

    async def test_frames_are_the_same_ones_afterwards(self):
        browser, proxy = await self.through_proxy()
        self.server.page("/inner", "<title>inner</title>")
        far = self.server.url("/inner", "localhost")
        body = f"<iframe name=near src=/inner></iframe><iframe name=far src='{far}'></iframe>"
        tab = await browser.new_page(self.server.page("/", body))
        frames = tab.frames
        attached: list[Any] = []
        tab.frame_attached.subscribe(attached.append)
        for _ in range(2):
            proxy.links[-1].client.transport.abortConnection()
            await self.suspended(browser)
            await self.back(browser)
            self.assertEqual([await each.title() for each in frames], ["", "inner", "inner"])
            self.assertEqual((tab.frames, attached), (frames, []))
            self.assertEqual(got(await frames[2].goto(far)).url, far)
            self.assertEqual(await frames[2].evaluate("document.title"), "inner")

    async def test_a_line_that_is_cut_again_and_again_in_use(self):
        browser, proxy = await self.through_proxy()
        tab = await browser.new_page()
        await self.set_up(tab)
        for number in range(5):
            failing = [tab.evaluate(f"{each}") for each in range(20)]
            proxy.links[-1].client.transport.abortConnection()
            for each in failing:
                try:
                    await each
                except ConnectionLost:
                    continue
            await self.suspended(browser)
            await self.back(browser)
            await self.is_set_up(tab, f"/{number}")
        self.assertEqual(browser.connection.stats.reconnects, 5)
        self.assertEqual(len([item for item in self.loads if isinstance(item, Gap)]), 5)

    async def test_what_is_tracked_and_related_is_heard_of_again(self):
        browser, proxy = await self.through_proxy()
        tab = await browser.new_page(self.server.page("/"))
        self.server.page("/worker.js", "setInterval(() => {}, 1000)", content_type="text/javascript")
        origin = await tab.evaluate("location.origin")
        await tab.session.execute(storage.track_indexed_db_for_origin(origin=origin))
        related = target.auto_attach_related(target_id=tab.target_id, wait_for_debugger_on_start=False)
        await browser.session.execute(related)
        proxy.links[-1].client.transport.abortConnection()
        await self.suspended(browser)
        await self.back(browser)
        updated = first(tab.events(storage.IndexedDBListUpdated))
        seen: list[Any] = []
        browser.connection.attached.subscribe(seen.append)
        await tab.evaluate("indexedDB.open('one'); window.worker = new Worker('/worker.js'); 1")
        self.assertEqual((await updated).origin, origin)
        while "worker" not in {session.target.type for session in seen}:
            await deferLater(reactor, 0.02)
        self.assertEqual(browser.connection.stats.not_restored, 0)

    async def test_contexts_frames_and_workers_come_back(self):
        browser, proxy = await self.through_proxy()
        context = await browser.new_context()
        tab = await context.new_page()
        await AutoAttach().start(tab.session)
        other = Server()
        self.addCleanup(lambda: Deferred.fromCoroutine(other.stop()))
        frame_url = other.page("/frame", "<title>frame</title>").replace("127.0.0.1", "localhost")
        self.server.page("/worker.js", "setInterval(() => {}, 1000)", content_type="text/javascript")
        seen: list[Any] = []
        browser.connection.attached.subscribe(seen.append)
        await tab.goto(
            self.server.page("/", f"<iframe src={frame_url}></iframe><script>new Worker('/worker.js')</script>")
        )
        while {session.target.type for session in seen} < {"iframe", "worker"}:
            await deferLater(reactor, 0.02)
        frame = next(session for session in seen if session.target.type == "iframe")
        worker = next(session for session in seen if session.target.type == "worker")
        proxy.links[-1].client.transport.abortConnection()
        await self.suspended(browser)
        await self.back(browser)
        self.assertFalse(frame.ended)
        self.assertEqual((await frame.execute(runtime.evaluate(expression="document.title"))).result.value, "frame")
        self.assertFalse(worker.ended)
        self.assertEqual((await worker.execute(runtime.evaluate(expression="1 + 1"))).result.value, 2)
        self.assertEqual(await tab.evaluate("document.querySelectorAll('iframe').length"), 1)
        await context.close()

    async def test_a_page_that_is_closed_meanwhile(self):
        browser, proxy = await self.through_proxy()
        tab, other = await browser.new_page(), await browser.new_page()
        ended = tab.session.when_ended()
        direct = await txcdp.connect(reactor, self.process.ws_url)
        self.addCleanup(direct.close)
        proxy.links[-1].client.transport.abortConnection()
        await self.suspended(browser)
        for each in await direct.attach_pages():
            if each.target_id == tab.target_id:
                await each.close()
        await self.back(browser)
        self.assertIsInstance(await ended, SessionDetached)
        self.assertEqual(await other.evaluate("1 + 1"), 2)

    async def test_a_browser_that_was_started_anew_is_found_at_its_address(self):
        first_one = await start_browser(reactor)
        port = port_of(first_one)
        self.addCleanup(first_one.close)
        for by_name in (False, True):
            url = first_one.ws_url if by_name else f"http://127.0.0.1:{port}"
            browser = await txcdp.connect(reactor, url, reconnect=SOON)
            self.addCleanup(browser.close)
            tab = await browser.new_page()
            await self.set_up(tab)
            await tab.goto(self.server.page("/here", "<title>here</title>"))
            health: list[Any] = []
            browser.connection.health.subscribe(health.append, lambda _: None)
            await first_one.close(kill_after=0)
            await self.suspended(browser)
            first_one = await start_browser(reactor, args=[f"--remote-debugging-port={port}"])
            self.addCleanup(first_one.close)
            await self.back(browser)
            await self.shows(tab, "here")
            await self.is_set_up(tab)
            gap = next(event.gap for event in health if isinstance(event, Reconnected))
            self.assertTrue(gap.restarted)
            self.assertTrue(any(isinstance(event, Reconnecting) and event.attempt > 1 for event in health))
            await browser.close()

    async def test_giving_up(self):
        process = await start_browser(reactor)
        self.addCleanup(process.close)
        policy = ReconnectPolicy(initial_delay=0.01, max_delay=0.01, factor=1.0, jitter=lambda: 0.0, max_attempts=3)
        browser = await txcdp.connect(reactor, process.ws_url, reconnect=policy)
        self.addCleanup(browser.close)
        tab = await browser.new_page()
        ended = tab.session.when_ended()
        await process.close(kill_after=0)
        self.assertIsInstance(await ended, ConnectionLost)
        await self.fails(browser.connection.when_connected(), ConnectionLost)


class RestartTests(ReconnectTestCase):
    async def check(self, transport: str, how: str) -> None:
        # One that hangs is given up when it has not answered a ping, and then no handshake.
        options = WebSocketOptions(ping_interval=0.5, ping_timeout=10.0, open_timeout=10.0)
        browser = await self.launch(transport=transport, restart=SOON, options=options)
        process = browser.process
        assert process is not None
        context = await browser.new_context()
        tab, apart = await browser.new_page(), await context.new_page()
        await self.set_up(tab)
        await tab.goto(self.server.page("/was", "<title>was</title>"))
        await apart.goto(self.server.page("/apart", "<title>apart</title>"))
        items = queue(tab.events(network.ResponseReceived).with_gaps(), 100)
        waiting = tab.evaluate("new Promise(() => {})")
        os.kill(process.pid, getattr(signal, how))
        await self.fails(waiting, ConnectionLost)
        await self.back(browser)
        assert browser.process is not None
        self.assertNotEqual(browser.process.pid, process.pid)
        self.assertFalse(os.path.exists(process.profile))
        gap = await items.get()
        while isinstance(gap, network.ResponseReceived):  # one that is asked to end may still fetch the page's icon
            self.assertEqual(gap.response.url, self.server.url("/favicon.ico"))
            gap = await items.get()
        assert isinstance(gap, Gap)
        self.assertTrue(gap.restarted)
        answer = await items.get()
        assert isinstance(answer, network.ResponseReceived)
        self.assertEqual(answer.response.url, self.server.url("/was"))
        await self.shows(apart, "apart")
        await self.shows(tab, "was")
        await self.is_set_up(tab)
        await apart.evaluate("document.cookie = 'a=b'")
        self.assertEqual(await tab.evaluate("document.cookie"), "")
        await browser.close()
        self.assertFalse(os.path.exists(browser.process.profile))

    async def test_websocket_sigkill(self):
        await self.check("websocket", "SIGKILL")

    async def test_pipe_sigkill(self):
        await self.check("pipe", "SIGKILL")

    async def test_pipe_sigterm(self):
        await self.check("pipe", "SIGTERM")

    async def test_a_browser_that_hangs_is_replaced(self):
        await self.check("websocket", "SIGSTOP")

    async def test_a_line_that_is_cut_leads_to_the_same_browser(self):
        browser = await self.launch(restart=SOON)
        assert browser.process is not None
        pid = browser.process.pid
        tab = await browser.new_page()
        await self.set_up(tab)
        browser.connection.transport.abort()
        await self.suspended(browser)
        await self.back(browser)
        self.assertEqual(browser.process.pid, pid)
        await self.is_set_up(tab)

    async def test_a_page_is_sent_to_where_it_is_being_opened_again(self):
        browser = await self.launch(restart=SOON)
        self.server.page("/inner", "<title>inner</title>")
        url = self.server.page("/was", "<title>was</title><iframe name=inner src=/inner></iframe>")
        tab = await browser.new_page()
        main = tab.main_frame
        await tab.goto(url)
        for _ in range(2):
            assert browser.process is not None
            os.kill(browser.process.pid, signal.SIGKILL)
            await self.suspended(browser)
            await self.back(browser)
            self.assertEqual(got(await tab.goto(url)).status, 200)
            self.assertIs(tab.main_frame, main)
            self.assertEqual((tab.url, tab.main_frame_id, await tab.title()), (url, tab.target_id, "was"))
            inner = tab.frame("inner")
            assert inner is not None
            self.assertEqual((len(tab.frames), await inner.title()), (2, "inner"))

    async def test_closing_while_it_is_started_anew(self):
        browser = await self.launch(restart=SOON)
        assert browser.process is not None
        started: list[Any] = []
        for seconds in (0.0, 0.06, 0.2, 0.4):
            if browser.connection.lost is not None:
                browser = await self.launch(restart=SOON)
            assert browser.process is not None
            os.kill(browser.process.pid, signal.SIGKILL)
            await self.suspended(browser)
            await deferLater(reactor, seconds)
            started.append(browser.process)
            await browser.close()
            started.append(browser.process)
        for each in started:
            self.assertFalse(each.running)
            self.assertFalse(os.path.exists(each.profile))


class StateTests(ReconnectTestCase):
    async def test_a_context_that_is_made_again_begins_as_it_did(self):
        browser = await self.launch(restart=SOON)
        url = self.server.page("/", "<script>began = [Date.now(), localStorage.k, document.cookie]</script>")
        cookie = {"name": "a", "value": "1", "url": url}
        kept = {"origin": self.server.url(""), "localStorage": [{"name": "k", "value": "v"}]}
        context = await browser.new_context(storage_state={"cookies": [cookie], "origins": [kept]})
        await context.clock.install(time=0)
        await context.clock.pause_at(5)
        tab = await context.new_page(url)
        self.assertEqual(await tab.evaluate("began"), [5000, "v", "a=1"])
        assert browser.process is not None
        os.kill(browser.process.pid, signal.SIGKILL)
        await self.suspended(browser)
        await self.back(browser)
        await tab.goto(url)
        self.assertEqual(await tab.evaluate("began"), [5000, "v", "a=1"])
