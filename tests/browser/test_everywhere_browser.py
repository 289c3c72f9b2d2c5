"""What matters most of a page works alike over each line there is, and goes on over another one.

Over a pipe, over a WebSocket, through the gateway in both of its modes, over a line that was lost, and in a browser
that was restarted: the same is done to one page each time.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

from twisted.internet.defer import Deferred

import txcdp
from tests.browser.support import BrowserTestCase, SharedBrowserTestCase, reactor
from txcdp.errors import ContextDestroyed
from txcdp.gateway import Gateway, GatewayOptions, PoolOptions
from txcdp.page import Page
from txcdp.streams import first

SOON = txcdp.ReconnectPolicy(initial_delay=0.05, jitter=lambda: 0.0)
CLICK = "() => document.getElementById('file').click()"
OPTIONS = txcdp.ContextOptions(
    locale="de-DE",
    timezone_id="Asia/Tokyo",
    viewport={"width": 400, "height": 300},
    extra_http_headers={"X-Token": "t"},
)


class Everywhere(BrowserTestCase):
    def setUp(self) -> None:
        super().setUp()
        link = "<a id=file href='/file'>file</a><iframe src='/inner' name=inner></iframe>"
        self.server.page("/", f"<title>here</title>{link}")
        self.server.page("/inner", "<p>inner")
        self.server.page("/popup", "<title>popup</title>")
        named = 'attachment; filename="a.txt"'
        self.server.page("/file", "content", content_type="text/plain", content_disposition=named)
        self.server.echo("/echo", "x-token")
        self.called: list[Any] = []
        self.folder = Path(self.mktemp())

    async def set_up(self, browser: txcdp.Browser) -> Page:
        """Open a page in a context of its own, and set up what has to hold."""
        context = await browser.new_context(**OPTIONS)
        await context.add_init_script("globalThis.given = [...(globalThis.given ?? []), 1]")
        await context.expose_function("add", lambda a, b: a + b)
        page = await context.new_page(self.server.url())
        await context.add_cookies([{"name": "c", "value": "1", "url": self.server.url()}])
        page.dialogs.each(lambda dialog: dialog.accept("said"))
        context.popups.subscribe(self.called.append)
        context.console.subscribe(lambda message: self.called.append(message.text))
        return page

    async def works(self, page: Page, cookies: bool = True) -> None:
        """See that all of it works."""
        context = page.context
        await page.goto(self.server.url())
        self.assertEqual(
            await page.evaluate("(a) => [a, document.title]", {"b": [1, None]}), [{"b": [1, None]}, "here"]
        )
        handle = await page.evaluate_handle("document.body")
        self.assertEqual(await handle.evaluate("(it, arg) => it.tagName + arg", "!"), "BODY!")
        await handle.dispose()
        frame = page.frame("inner")
        assert frame is not None
        self.assertEqual(await frame.evaluate("document.body.innerText.trim()"), "inner")
        self.assertEqual(await page.evaluate("Promise.all([given, add(3, 4)])"), [[1], 7])
        self.assertEqual(await page.evaluate("prompt('?')"), "said")
        shown = "[innerWidth, Intl.DateTimeFormat().resolvedOptions().timeZone, navigator.language]"
        self.assertEqual(await page.evaluate(shown), [400, "Asia/Tokyo", "de-DE"])
        self.assertEqual(await page.evaluate("fetch('/echo').then(answer => answer.text())"), "t")
        if cookies:
            self.assertEqual([each["value"] for each in await context.cookies()], ["1"])
        self.called.clear()
        said = first(context.console.filter(lambda message: message.text == "logged"))
        await page.evaluate("console.log('logged')")
        self.assertEqual((await said).page, page)
        async with page.popups.expect() as expected:
            await page.evaluate("void open('/popup')")
        popup = await expected.value
        await popup.wait_for_url("**/popup")
        self.assertEqual((popup.opener, await popup.title()), (page, "popup"))
        self.assertIn(popup, self.called)
        await popup.close()
        async with page.downloads.expect() as begun:
            await page.evaluate(CLICK)
        download = await begun.value
        await download.save_as(self.folder / "saved")
        self.assertEqual((self.folder / "saved").read_bytes(), b"content")
        self.assertEqual((await page.screenshot())[1:4], b"PNG")
        self.assertEqual((await page.pdf())[:4], b"%PDF")


class LineTests(Everywhere):
    async def test_a_pipe_and_a_restart(self):
        browser = await self.launch(transport="pipe", restart=SOON)
        page = await self.set_up(browser)
        await self.works(page)
        process = browser.process
        assert process is not None
        back = first(page.loaded)
        await process.close(kill_after=0)
        await back
        await browser.connection.when_connected()
        self.assertEqual(page.context.pages, [page])
        await self.works(page, cookies=False)  # they have gone with the profile

    async def gateway(self, mode: Any) -> None:
        gateway = Gateway(
            reactor,
            GatewayOptions(mode=mode, endpoint="tcp:0:interface=127.0.0.1", drain=0.0, pool=PoolOptions(size=1)),
        )
        await gateway.start()
        self.addCleanup(gateway.stop)
        port: Any = gateway.port
        browser = await txcdp.connect(reactor, f"http://127.0.0.1:{port.getHost().port}")
        self.addCleanup(browser.close)
        await self.works(await self.set_up(browser))

    async def test_the_gateway_in_exclusive_mode(self):
        await self.gateway("exclusive")

    async def test_the_gateway_in_shared_mode(self):
        await self.gateway("shared")


class SharedLineTests(Everywhere, SharedBrowserTestCase):
    async def test_a_line_that_was_lost(self):
        process = self.browser.process
        assert process is not None
        browser = await txcdp.connect(reactor, process.ws_url, reconnect=SOON)
        self.addCleanup(browser.close)
        page = await self.set_up(browser)
        await self.works(page)
        waiting: Deferred[Any] = page.evaluate("new Promise(() => {})")
        browser.connection.transport.abort()
        await self.fails(waiting, txcdp.ConnectionLost, ContextDestroyed)
        await browser.connection.when_connected()
        await self.works(page)
