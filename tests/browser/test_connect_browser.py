"""Connecting to a browser that runs already: by all that a user may give, to all that may be there."""

from __future__ import annotations

import os
import tempfile
from functools import partial
from typing import Any
from urllib.parse import urlsplit

from twisted.internet.defer import Deferred
from twisted.internet.endpoints import UNIXClientEndpoint, UNIXServerEndpoint
from twisted.internet.ssl import optionsForClientTLS

import txcdp
from tests.browser.support import BrowserTestCase, got, listen_silently, reactor, refusing_port
from tests.browser.support_lines import Authority, Forwarder, LinesTestCase, Proxy, port_of
from txcdp.browser import Browser
from txcdp.chrome import discovery
from txcdp.domains import network, target
from txcdp.errors import ConnectError, ConnectTimeout, HandshakeFailed, InvalidURL, NotABrowser


class ConnectTests(BrowserTestCase):
    async def running(self) -> tuple[Browser, str, str]:
        """Launch a browser, and return it with the address of its WebSocket and its host and port."""
        chrome = await self.launch()
        assert chrome.process is not None
        return chrome, chrome.process.ws_url, urlsplit(chrome.process.ws_url).netloc

    async def test_by_whatever_is_given(self):
        chrome, ws_url, netloc = await self.running()
        tab = await chrome.new_page(self.server.page("/", "<title>Shared</title>"))
        for url in (ws_url, f"http://{netloc}", netloc, f"http://{netloc}/json/version"):
            async with await txcdp.connect(reactor, url, timeout=90) as other:
                self.assertIsNone(other.process)
                self.assertEqual(other.connection.timeout, 90)
                found = {each.target_id: each for each in await other.attach_pages()}
                self.assertEqual(await found[tab.target_id].title(), "Shared")
                self.assertIn("connected", repr(other))
            assert other.connection.lost is not None
            self.assertTrue(other.connection.lost.clean)
        self.assertEqual(await tab.title(), "Shared")

    async def test_what_it_opens_lives_on_but_for_its_contexts(self):
        chrome, _, netloc = await self.running()
        other = await txcdp.connect(reactor, netloc)
        tab = await other.new_page()
        context = await other.new_context()
        kept_apart = await context.new_page()
        await other.close()
        await other.close()
        found = [each.target_id for each in await chrome.targets()]
        self.assertIn(tab.target_id, found)
        while kept_apart.target_id in found:
            found = [each.target_id for each in await chrome.targets()]
        self.assertEqual((await chrome.session.execute(target.get_browser_contexts())).browser_context_ids, [])

    async def test_to_a_page(self):
        chrome, _, netloc = await self.running()
        tab = await chrome.new_page()
        only = await txcdp.connect(reactor, f"ws://{netloc}/devtools/page/{tab.target_id}")
        (same,) = await only.attach_pages()
        self.assertIs(same.session, only.session)
        self.assertEqual((same.target_id, same.main_frame_id), (tab.target_id, tab.main_frame_id))
        self.assertIs((await only.attach_pages())[0], same)
        url = self.server.page("/", "<title>Alone</title>")
        self.assertEqual(got(await same.goto(url)).status, 200)
        self.assertEqual(await tab.title(), "Alone")
        error = await self.fails(only.new_page(), NotABrowser)
        self.assertEqual((error.what, error.kind), ("new_page", "page"))
        self.assertIn("not a browser but a single target (page)", str(error))
        await self.fails(only.new_context(), NotABrowser)
        ended: Deferred[None] = Deferred()
        same.events(network.ResponseReceived).subscribe(
            on_error=ended.errback, on_completed=lambda: ended.callback(None)
        )
        await same.close()
        await ended
        await tab.session.when_ended()
        await same.close()
        await only.close()

    async def test_to_a_page_that_somebody_else_closes(self):
        chrome, _, netloc = await self.running()
        tab = await chrome.new_page()
        only = await txcdp.connect(reactor, f"ws://{netloc}/devtools/page/{tab.target_id}")
        (same,) = await only.attach_pages()
        waiting = same.evaluate("new Promise(() => {})")
        await tab.close()
        await self.fails(waiting, txcdp.Gone)
        await same.close()
        await only.close()

    async def test_nobody_is_there(self):
        nowhere = f"127.0.0.1:{refusing_port()}"
        for url in (nowhere, f"ws://{nowhere}/devtools/browser/x"):
            await self.fails(txcdp.connect(reactor, url), ConnectError)

    async def test_somebody_else_is_there(self):
        for url in (self.server.url("/"), f"ws://127.0.0.1:{self.server.port}/"):
            await self.fails(txcdp.connect(reactor, url), HandshakeFailed)

    async def test_nobody_answers(self):
        silent = f"127.0.0.1:{listen_silently(self)}"
        options = txcdp.WebSocketOptions(open_timeout=0.2)
        for url in (silent, f"ws://{silent}/"):
            await self.fails(txcdp.connect(reactor, url, options=options), ConnectTimeout)

    async def test_what_is_no_policy(self):
        for policy in (True, {"max_attempts": 3}):
            await self.fails(txcdp.connect(reactor, "http://127.0.0.1:1", reconnect=policy), TypeError)  # type: ignore[arg-type]
            await self.fails(txcdp.launch(reactor, restart=policy), TypeError)  # type: ignore[arg-type]

    async def test_what_is_no_option(self):
        launch: Any = partial(txcdp.launch, reactor)
        connect: Any = partial(txcdp.connect, reactor, "http://127.0.0.1:1")
        for opening, advice in {
            launch(executable_path="chromium"): "launch(): unknown option 'executable_path'; here it is executable",
            launch(userDataDir="profile"): "launch(): unknown option 'userDataDir'; here it is profile",
            launch(headles=False): "launch(): unknown option 'headles'; did you mean 'headless'?",
            connect(timeouts=5): "connect(): unknown option 'timeouts'; did you mean 'timeout'?",
        }.items():
            self.assertEqual(str(await self.fails(opening, TypeError)), advice)

    async def test_what_cannot_be(self):
        _, ws_url, _ = await self.running()
        await self.fails(txcdp.connect(reactor, "example"), InvalidURL)
        await self.fails(txcdp.connect(reactor, ws_url, stability="rock solid"), ValueError)  # type: ignore[arg-type]
        await self.fails(txcdp.connect(reactor, ws_url[:-3] + "000"), HandshakeFailed)


class EndpointTests(LinesTestCase):
    """Browsers behind something else than a host and port."""

    async def test_a_unix_socket(self):
        chrome = await self.browser()
        forwarder = Forwarder(port_of(chrome))
        path = os.path.join(tempfile.mkdtemp(prefix="txcdp-test-"), "browser.sock")
        self.addCleanup(lambda: os.rmdir(os.path.dirname(path)))
        await self.forwarder(forwarder, endpoint=UNIXServerEndpoint(reactor, path))
        async with await txcdp.connect(reactor, f"unix:{path}") as browser:
            self.assertIn("Chrome", (await browser.version()).product)
            page = await browser.new_page()
            self.assertEqual(await page.evaluate("1 + 1"), 2)
        options = txcdp.WebSocketOptions(endpoint=UNIXClientEndpoint(reactor, path))
        async with await txcdp.connect(reactor, "http://localhost", options=options) as browser:
            self.assertIn("Chrome", (await browser.version()).product)
        said = await discovery.version(reactor, "http://localhost", options=options)
        self.assertEqual(said.protocol_version, "1.3")
        # A socket that nobody listens at any more:
        with self.assertRaisesRegex(ConnectError, "nothing.sock"):
            await txcdp.connect(reactor, f"unix:{path}.nothing.sock")

    async def test_discovery_takes_the_way_of_the_websocket(self):
        """Through a proxy and TLS with a private authority, with the headers of the options."""
        chrome = await self.browser()
        authority = Authority()
        inner = await self.forwarder(Forwarder(port_of(chrome)), authority.server("localhost"))
        proxy = await self.forwarder(Proxy())
        options = txcdp.WebSocketOptions(
            headers={"Authorization": "Bearer of-the-test"},
            proxy=("127.0.0.1", proxy.port),
            tls=optionsForClientTLS("localhost", trustRoot=authority.trust),
        )
        async with await txcdp.connect(reactor, f"https://localhost:{inner.port}", options=options) as browser:
            self.assertIn("Chrome", (await browser.version()).product)
        asked = [(head.split()[1].rpartition("/")[0], "Bearer of-the-test" in head) for head in inner.heads]
        self.assertEqual(asked, [("/json", True), ("/devtools/browser", True)])
        self.assertEqual([head.split()[:2] for head in proxy.heads], [["CONNECT", f"localhost:{inner.port}"]] * 2)
