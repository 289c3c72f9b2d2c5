"""Evaluation, and functions that pages call, over every line: the pipe, the gateway in both modes, and another line."""

from __future__ import annotations

from typing import Any

from twisted.internet.defer import Deferred

import txcdp
from tests.browser.support import BrowserTestCase, reactor
from tests.browser.support_lines import port_of, through
from tests.browser.test_gateway_browser import GatewayCase
from tests.lab.hostile.proxy import FaultProxy
from txcdp.chrome import start_browser
from txcdp.errors import ConnectionLost
from txcdp.gateway import PoolOptions
from txcdp.page import Page

SOON = txcdp.ReconnectPolicy(initial_delay=0.05, factor=1.2, max_delay=0.5, jitter=lambda: 0.0)


async def use(test: Any, tab: Page) -> None:
    """Use all of it in a page, in documents before and after."""
    calls: list[tuple[Any, ...]] = []
    await tab.expose_binding("note", lambda source, *args: calls.append((source["page"], *args)))
    await tab.add_init_script("window.early = true")
    await check(test, tab, calls)


async def check(test: Any, tab: Page, calls: list[tuple[Any, ...]]) -> None:
    """See that it is there in a new document."""
    broken = "<script>note('early'); Map = JSON = null; Array.prototype.toJSON = () => 1</script><p>text"
    await tab.goto(test.server.page("/used", broken))
    test.assertEqual(await tab.evaluate("a => [a, {early: window.early}]", {"b": [1]}), [{"b": [1]}, {"early": True}])
    async with await tab.evaluate_handle("document.querySelector('p')") as handle:
        element = handle.as_element()
        assert element is not None
        test.assertEqual(await element.text_content(), "text")
    waiting = tab.wait_for_function("() => window.ready")
    await tab.evaluate("void setTimeout(() => { ready = note('late').then(() => 5) }, 10)")
    test.assertEqual(await (await waiting).json_value(), 5)
    test.assertEqual(calls[-2:], [(tab, "early"), (tab, "late")])


class GatewayTests(GatewayCase):
    async def used_through(self, **options: Any) -> None:
        await self.start(pool=PoolOptions(size=1, warm=1), **options)
        client = await self.client()
        await use(self, await client.new_page())

    async def test_exclusive(self):
        await self.used_through()

    async def test_shared(self):
        await self.used_through(mode="shared")


class PipeTests(BrowserTestCase):
    async def test_the_pipe(self):
        browser = await self.launch(transport="pipe")
        await use(self, await browser.new_page())


class AnotherLineTests(BrowserTestCase):
    """The same page over another line has it, in documents that were there, and in new ones."""

    async def test_a_line_that_is_cut(self):
        process = await start_browser(reactor)
        self.addCleanup(process.close)
        proxy = FaultProxy(port_of(process))
        self.addCleanup(lambda: Deferred.fromCoroutine(proxy.stop()))
        browser = await txcdp.connect(reactor, through(process, proxy.port), reconnect=SOON)
        self.addCleanup(browser.close)
        tab = await browser.new_page()
        await use(self, tab)
        calls: list[tuple[Any, ...]] = []
        await tab.expose_binding("more", lambda source, *args: calls.append((source["page"], *args)))
        waiting = tab.evaluate("new Promise(() => {})")
        proxy.links[-1].client.transport.abortConnection()
        await self.fails(waiting, ConnectionLost)
        await browser.connection.when_connected()
        self.assertEqual(await tab.evaluate("more(1).then(() => [window.early])"), [True])
        self.assertEqual(calls, [(tab, 1)])
        await tab.goto(self.server.page("/next", "<script>more(2)</script>"))
        self.assertEqual(await tab.evaluate("more(3).then(() => [window.early])"), [True])
        self.assertEqual(calls[1:], [(tab, 2), (tab, 3)])
