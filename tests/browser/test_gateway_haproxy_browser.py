"""Real browsers of two gateways behind HAProxy, as ``examples/deploy/haproxy.cfg`` has it."""

from __future__ import annotations

from collections import Counter
from pathlib import Path
from typing import Any

from twisted.internet.defer import Deferred, gatherResults

import txcdp
from tests.browser.support import BrowserTestCase, reactor
from tests.gateway.support_haproxy import HAProxy, ReservedPort, listed, needs_haproxy
from txcdp.chrome import discovery
from txcdp.gateway import Gateway, GatewayOptions, PoolOptions


def content_of(path: Path) -> str:
    return path.read_text()


@needs_haproxy
class HAProxyTests(BrowserTestCase):
    async def begin(self) -> str:
        """Start two gateways, and HAProxy before them; return where it listens."""
        reserved = {"n1": ReservedPort(), "n2": ReservedPort()}
        ports = {name: each.number for name, each in reserved.items()}
        for name, port in ports.items():
            options = GatewayOptions(
                endpoint=f"tcp:{port}:interface=127.0.0.1",
                node=name,
                peers=tuple(f"http://127.0.0.1:{other}" for other in ports.values() if other != port),
                pool=PoolOptions(size=2, warm=1),
                drain=0.0,
                hold=600.0,
            )
            gateway = Gateway(reactor, options)
            await gateway.start()
            self.addCleanup(gateway.stop)
            self.addCleanup(reserved[name].release)
        proxy = HAProxy(ports)
        self.addCleanup(lambda: Deferred.fromCoroutine(proxy.stop()))
        await proxy.start(up=2)
        return proxy.netloc

    async def client(self, url: str) -> txcdp.Browser:
        browser = await txcdp.connect(reactor, url)
        self.addCleanup(browser.close)
        return browser

    async def test_pages_land_where_their_browser_is(self):
        netloc = await self.begin()
        url = self.server.page("/", "<title>Here</title>")
        made = [await discovery.new_target(reactor, netloc, url) for _ in range(2)]
        self.assertEqual(Counter(str(each.id)[:3] for each in made), {"n1.": 1, "n2.": 1})
        await listed(netloc, made)
        for each in made:
            (tab,) = await (await self.client(each.web_socket_debugger_url or "")).attach_pages()
            await tab.wait_for_url("**/")
            self.assertEqual(await tab.title(), "Here")
            self.assertEqual(tab.target_id, str(each.id)[3:])

    async def test_downloads_come_from_where_they_are(self):
        netloc = await self.begin()
        self.server.page("/file", "content", content_disposition="attachment")
        clients = await gatherResults([Deferred.fromCoroutine(self.client(f"http://{netloc}")) for _ in range(2)])
        for browser in clients:
            tab = await browser.new_page()
            await tab.goto(self.server.page("/", "<a href=/file>file</a>"))
            async with tab.downloads.expect() as expected:
                await tab.locator("a").click()
            download: Any = await expected.value
            self.assertEqual(content_of(await download.path()), "content")
