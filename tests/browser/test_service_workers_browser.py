"""Service workers and shared workers of a real browser: those of a context, of whichever page."""

from __future__ import annotations

import json
from typing import Any

import txcdp
from tests.browser.support import SharedBrowserTestCase, reactor
from txcdp.page import Page, Worker
from txcdp.streams import first

SCRIPT = "text/javascript"
SERVICE = """
globalThis.early = globalThis.given ?? 'nothing'; console.log('service', 4);
onfetch = event => { if (event.request.url.endsWith('/made')) event.respondWith(new Response('made')) };
oninstall = () => skipWaiting();
onactivate = event => event.waitUntil(clients.claim());
"""
REGISTER = "navigator.serviceWorker.register('/sw.js').then(() => navigator.serviceWorker.ready).then(() => 'ready')"
FOUND = "[navigator.language, new Date(0).getTimezoneOffset(), Intl.DateTimeFormat().resolvedOptions().locale]"
FETCH = "fetch('/echo').then(answer => answer.text(), String)"


class WorkersOfContextsTests(SharedBrowserTestCase):
    def setUp(self) -> None:
        super().setUp()
        self.server.page("/", "<title>here</title>")
        self.server.page("/sw.js", SERVICE, content_type=SCRIPT)
        self.server.page("/shared.js", "globalThis.x = 7; onconnect = () => console.log('shared')", content_type=SCRIPT)

    async def page_in(self, **options: Any) -> Page:
        return await (await self.context(**options)).new_page(self.server.url())

    async def share(self, page: Page) -> Worker:
        async with page.context.shared_worker_started.expect() as expected:
            await page.evaluate("void (globalThis.shared = new SharedWorker('/shared.js'))")
        found: Worker = await expected.value
        return found

    async def test_a_service_worker(self):
        page = await self.page_in()
        context = page.context
        self.assertIs(context.service_worker_started, context.service_worker_started)
        said: list[Any] = []
        waiting: list[Any] = []
        context.service_worker_started.subscribe(lambda worker: worker.console.subscribe(said.append))
        context.service_worker_started.subscribe(
            lambda worker: waiting.append(
                worker.session.execute_raw("Runtime.evaluate", {"expression": "given = 'first'"})
            )
        )
        async with context.service_worker_started.expect() as expected:
            self.assertEqual(await page.evaluate(REGISTER), "ready")
        worker = await expected.value
        self.assertEqual((context.service_workers, worker.url), ([worker], self.server.url("/sw.js")))
        self.assertEqual((page.workers, context.shared_workers), ([], []))
        self.assertEqual(await worker.evaluate("(a) => [a, early]", 3), [3, "first"])
        self.assertEqual([(each.text, each.worker) for each in said], [("service 4", worker)])
        handle = await worker.evaluate_handle("({a: [1, 2]})")
        self.assertEqual(await handle.json_value(), {"a": [1, 2]})
        self.assertEqual(await page.evaluate("fetch('/made').then(answer => answer.text())"), "made")
        closed = worker.when_closed()
        await context.close()
        await closed
        self.assertEqual((worker.is_closed(), context.service_workers), (True, []))

    async def test_they_are_listed_though_nobody_has_subscribed(self):
        page = await self.page_in()
        self.assertEqual(await page.evaluate(REGISTER), "ready")
        (worker,) = page.context.service_workers
        self.assertEqual(await worker.evaluate("early"), "nothing")
        other = await self.page_in()
        self.assertEqual(other.context.service_workers, [])

    async def test_a_shared_worker(self):
        page = await self.page_in()
        second = await page.context.new_page(self.server.url())
        worker = await self.share(page)
        said = first(worker.console)
        await second.evaluate("void (globalThis.shared = new SharedWorker('/shared.js'))")
        self.assertEqual((await said).text, "shared")
        self.assertEqual((page.context.shared_workers, page.context.service_workers), ([worker], []))
        self.assertEqual(await worker.evaluate("x"), 7)
        closed = worker.when_closed()
        await page.close()
        self.assertFalse(worker.is_closed())
        await second.close()
        await closed
        self.assertEqual(page.context.shared_workers, [])

    async def test_what_the_context_emulates(self):
        self.server.echo("/echo", "x-token")
        options = {"locale": "de-DE", "timezone_id": "Asia/Tokyo", "extra_http_headers": {"X-Token": "one"}}
        page = await self.page_in(user_agent="Agent/1", **options)
        context = page.context
        self.assertEqual(await page.evaluate(REGISTER), "ready")
        (service,) = context.service_workers
        shared = await self.share(page)
        for worker in (service, shared):
            self.assertEqual(await worker.evaluate(FOUND), ["de-DE", -540, "de-DE"])
            self.assertEqual(await worker.evaluate(FETCH), "one")
        await context.set_extra_http_headers({"X-Token": "two"})
        await context.set_offline(True)
        for worker in (service, shared):
            self.assertIn("TypeError", await worker.evaluate(FETCH))
        await context.set_offline(False)
        for worker in (service, shared):
            self.assertEqual(await worker.evaluate(FETCH), "two")
        self.server.echo("/echo", "user-agent")
        for worker in (service, shared):
            self.assertEqual(await worker.evaluate(FETCH), "Agent/1")

    async def test_they_are_blocked(self):
        page = await self.page_in(service_workers="block")
        await page.evaluate("void navigator.serviceWorker.register('/sw.js')")
        self.assertEqual(await page.evaluate("navigator.serviceWorker.getRegistrations().then(all => all.length)"), 0)
        self.assertEqual((page.context.service_workers, self.server.asked.count("/sw.js")), ([], 0))

    async def test_a_browser_of_others(self):
        process = self.browser.process
        assert process is not None
        page = await self.page_in()
        self.assertEqual(await page.evaluate(REGISTER), "ready")
        beside = await txcdp.connect(reactor, process.ws_url)
        self.addCleanup(beside.close)
        (found,) = [each for each in await beside.attach_pages() if each.target_id == page.target_id]
        context = found.context
        async with context.service_worker_started.expect() as expected:
            pass
        worker = await expected.value
        self.assertEqual(await worker.evaluate("early"), "nothing")
        state = json.dumps([each.url for each in context.service_workers])
        self.assertIn("/sw.js", state)
