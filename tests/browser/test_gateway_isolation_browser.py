"""Clients in virtual browsers in one real Chromium: what the gateway's shared mode believes of it holds."""

from __future__ import annotations

from typing import Any

from twisted.internet.defer import Deferred, gatherResults
from twisted.internet.task import deferLater

from tests.browser.support import SharedBrowserTestCase, reactor
from tests.support import Watcher
from txcdp._core.connection import Connection
from txcdp._core.sessions import Session
from txcdp._transports.websocket import open_websocket
from txcdp.browser import Browser
from txcdp.chrome import BrowserProcess
from txcdp.domains import browser, network, page, runtime, storage, target
from txcdp.errors import CommandError, ConnectionLost, SessionDetached
from txcdp.gateway._multiplex import SharedBrowser
from txcdp.testing._line import FakeTransport


class Upstream:
    """The line between a shared browser and Chromium."""

    def __init__(self, transport: Any) -> None:
        self.transport = transport
        self.shared = SharedBrowser(transport.send)
        transport.receiver = self
        self.shared.start()

    def message_received(self, message: bytes) -> None:
        self.shared.receive(message)

    def transport_closed(self, reason: ConnectionLost) -> None:
        self.shared.lose(str(reason))


class InMemory:
    """A line in memory between a connection of txcdp and its virtual browser."""

    def __init__(self, shared: SharedBrowser) -> None:
        self.turn: Any = None
        self.transport = FakeTransport(self._said, self._wake)
        self.virtual = shared.open(lambda code, why: None)
        self.connection = self.virtual.connect(self.transport.put, self._ended)

    def _said(self, transport: FakeTransport, message: bytes) -> None:
        self.connection.receive(message)
        transport.take()

    def _ended(self, code: int, why: str) -> None:
        self.transport.end(ConnectionLost(why, code, clean=True))

    def _wake(self) -> None:
        if self.turn is None:
            self.turn = reactor.callLater(0, self._deliver)

    def _deliver(self) -> None:
        self.turn = None
        self.transport.deliver()
        if self.transport.closed is not None:
            self.virtual.close()


class IsolationCase(SharedBrowserTestCase):
    async def share(self, *, own: bool = False) -> SharedBrowser:
        """Share a browser.

        :param own: one that is started for this test.
        """
        self.browser = await (self.launch() if own else self.borrowed())
        assert isinstance(self.browser.process, BrowserProcess)
        upstream = Upstream(await open_websocket(reactor, self.browser.process.ws_url))

        def end() -> None:
            upstream.transport.abort()

        self.addCleanup(end)
        self.shared = upstream.shared
        return upstream.shared

    def client(self) -> Browser:
        """Let a client come."""
        line = InMemory(self.shared)
        client = Browser(Connection(line.transport, reactor))
        client._is_browser = True
        self.addCleanup(client.connection.close)
        return client

    async def contexts(self) -> int:
        """Count the browser's contexts."""
        found = await self.browser.session.execute(target.get_browser_contexts())
        return len(found.browser_context_ids)


async def refusal(case: IsolationCase, session: Session, command: Any) -> tuple[int, str]:
    """Return what a command is refused with."""
    error: CommandError = await case.fails(session.execute(command), CommandError)
    return error.code, error.message


def target_of(session: Session) -> str:
    """Return the id of a session's target."""
    assert session.target is not None
    return session.target.target_id


class IsolationTests(IsolationCase):
    async def test_each_sees_and_touches_its_own(self):
        await self.share()
        first, second = self.client(), self.client()
        url = self.server.page("/", "<title>one</title>")
        tabs = [await each.new_page() for each in (first, second)]
        await gatherResults([each.goto(url) for each in tabs])
        self.assertEqual([await each.title() for each in tabs], ["one", "one"])
        await tabs[0].evaluate("document.cookie = 'a=1'")
        self.assertEqual([await each.evaluate("document.cookie") for each in tabs], ["a=1", ""])
        for client, tab, count in ((first, tabs[0], 1), (second, tabs[1], 0)):
            cookies = (await client.session.execute(storage.get_cookies())).cookies
            self.assertEqual(len(cookies), count)
            self.assertEqual([each.target_id for each in await client.targets()], [target_of(tab.session)])
        foreign = target_of(tabs[1].session)
        nobody = "0" * 32
        for command in (target.attach_to_target, target.close_target, target.get_target_info):
            asked = [await refusal(self, first.session, command(target_id=each)) for each in (foreign, nobody)]
            self.assertEqual(asked[0], asked[1])
            self.assertEqual(asked[0], await refusal(self, self.browser.session, command(target_id=nobody)))
        (context,) = {each.browser_context_id for each in await second.targets()}
        for make in (target.dispose_browser_context, storage.get_cookies, browser.reset_permissions):
            asked = [
                await refusal(self, first.session, make(browser_context_id=each)) for each in (context or "", nobody)
            ]
            self.assertEqual(asked[0][0], asked[1][0])
            self.assertEqual(asked[1], await refusal(self, self.browser.session, make(browser_context_id=nobody)))
        self.assertEqual(await tabs[1].title(), "one")

    async def test_what_is_sent_to_a_page_reaches_no_other_clients_context(self):
        await self.share(own=True)
        url = self.server.page("/", "<title>one</title>")
        own = self.browser.session
        clients = [self.client(), self.client()]
        tabs = [await each.new_page() for each in clients]
        await gatherResults([each.goto(url) for each in tabs])
        first, second = (each.session for each in tabs)

        async def jars() -> list[list[str]]:
            """Read the cookies of the first client, of the second one, and of the browser's own context."""
            found = [await each.session.execute(storage.get_cookies()) for each in clients]
            found.append(await own.execute(storage.get_cookies()))
            return [sorted(cookie.name for cookie in each.cookies) for each in found]

        for session, name in ((second, "b"), (own, "o")):
            await session.execute(storage.set_cookies(cookies=[network.CookieParam(name=name, value="1", url=url)]))
        self.assertEqual(await jars(), [[], ["b"], ["o"]])
        await first.execute(storage.set_cookies(cookies=[network.CookieParam(name="a", value="1", url=url)]))
        self.assertEqual(await jars(), [["a"], ["b"], ["o"]])
        self.assertEqual([each.name for each in (await first.execute(storage.get_cookies())).cookies], ["a"])
        self.assertEqual(await tabs[0].evaluate("document.cookie"), "a=1")
        error: CommandError = await self.fails(
            first.execute(storage.get_cookies(browser_context_id="0" * 32)), CommandError
        )
        self.assertEqual(error.message, "browserContextId is only allowed for Browser target")
        origin = url.rstrip("/")
        for clearing in (
            storage.clear_cookies(),
            network.clear_browser_cookies(),
            storage.clear_data_for_origin(origin=origin, storage_types="all"),
            storage.clear_data_for_storage_key(storage_key=url, storage_types="all"),
        ):
            await first.execute(network.set_cookie(name="a", value="1", url=url))
            await tabs[0].evaluate("localStorage.a = 1")
            await tabs[1].evaluate("localStorage.b = 1")
            await first.execute(clearing)
            self.assertEqual(await jars(), [[], ["b"], ["o"]], clearing)
            self.assertEqual(await tabs[1].evaluate("localStorage.b"), "1")
        await first.execute(
            browser.set_permission(permission=browser.PermissionDescriptor(name="geolocation"), setting="granted")
        )
        asking = "navigator.permissions.query({name: 'geolocation'}).then(found => found.state)"
        self.assertEqual([await each.evaluate(asking) for each in tabs], ["granted", "prompt"])

    async def test_new_targets_wait_for_whose_they_are_and_for_nobody_else(self):
        await self.share()
        first, second = self.client(), self.client()
        waiting = Watcher(first.connection.attached)
        on = target.set_auto_attach(auto_attach=True, wait_for_debugger_on_start=True, flatten=True)
        await first.session.execute(on)
        other = await second.new_page()
        self.assertEqual(await other.evaluate("window.open('about:blank') !== null"), True)
        made = await first.session.execute(target.create_target(url="about:blank"))
        (attached,) = waiting.items
        self.assertEqual(target_of(attached), made.target_id)
        await attached.execute(runtime.run_if_waiting_for_debugger())
        # Into a document that stays: the empty one goes, and Chromium does not let the first URL of a target wait.
        await attached.execute(page.navigate(url=self.server.page("/", "<title>one</title>")))
        opened = attached.execute(runtime.evaluate(expression="window.open('about:blank') && 1", user_gesture=True))
        while len(waiting.items) < 2:
            self.assertFalse(opened.called, "it has ended without a popup")
            await deferLater(reactor, 0.01, lambda: None)
        popup = waiting.items[1]
        self.assertEqual(popup.target.opener_id, made.target_id)
        self.assertFalse(opened.called, "the opener waits for the popup, and that for its client")
        await popup.execute(runtime.run_if_waiting_for_debugger())
        self.assertEqual((await opened).result.value, 1)
        self.assertEqual(len(await second.targets()), 2)

    async def test_no_address_ends_the_browser(self):
        await self.share(own=True)
        tab = await self.client().new_page()
        for url in ("chrome://inducebrowsercrashforrealz", " c\throme:inducebrowsercrashforrealz"):
            go = page.navigate(url=url, transition_type="address_bar")
            _, message = await refusal(self, tab.session, go)
            self.assertIn("refused", message)
        self.assertEqual(await tab.evaluate("1 + 1"), 2)

    async def test_frames_and_workers(self):
        await self.share()
        client = self.client()
        tab = await client.new_page()
        found = Watcher(client.connection.attached)
        on = target.set_auto_attach(auto_attach=True, wait_for_debugger_on_start=False, flatten=True)
        await tab.session.execute(on)
        self.server.page("/inner", "inner")
        inner = self.server.url("/inner", "localhost")
        script = "w = new Worker(URL.createObjectURL(new Blob(['self.x = 5; postMessage(x)'])))"
        heard = "ran = new Promise(done => { w.onmessage = done })"
        await tab.goto(self.server.page("/", f"<iframe src='{inner}'></iframe><script>{script}; {heard}</script>"))
        while {each.target.type for each in found.items} < {"iframe", "worker"}:
            await deferLater(reactor, 0.01, lambda: None)
        await tab.evaluate("ran.then(() => 1)")  # a worker is told of before its script has run
        worker = next(each for each in found.items if each.target.type == "worker")
        self.assertEqual((await worker.execute(runtime.evaluate(expression="x"))).result.value, 5)
        info = (await worker.execute(target.get_target_info())).target_info
        self.assertEqual(info.target_id, target_of(worker))

    async def test_what_it_opened_goes_when_it_goes(self):
        await self.share()
        first, second = self.client(), self.client()
        tab = await second.new_page()
        for context in (first.default_context, await first.new_context()):
            await context.new_page()
        self.assertEqual(await self.contexts(), 3)
        await first.session.execute(browser.close())
        await first.when_closed()
        while self.shared.state.disposing or await self.contexts() > 1:  # the list is told before the command's answer
            await deferLater(reactor, 0.01, lambda: None)
        lost = first.connection.lost
        assert lost is not None
        self.assertEqual((lost.code, len(self.shared.state.clients)), (1000, 1))
        self.assertEqual(await tab.evaluate("1 + 1"), 2)
        late: Deferred[Any] = self.client().new_page()
        self.assertEqual(await (await late).evaluate("2"), 2)

    async def test_the_browser_ends(self):
        await self.share(own=True)
        client = self.client()
        tab = await client.new_page()
        hanging = tab.evaluate("new Promise(() => {})")
        await self.browser.close()
        await self.fails(hanging, ConnectionLost, SessionDetached)
        self.assertIsNotNone(self.shared.lost)
