"""Routes and blocks where service workers ask: running ones, stopped ones, and new ones."""

from __future__ import annotations

from tests.browser.support import SharedBrowserTestCase, got
from txcdp import Route
from txcdp.domains import inspector, service_worker
from txcdp.errors import NavigationError
from txcdp.network import Request
from txcdp.page import Page, Worker
from txcdp.streams import first

SCRIPT = "text/javascript"

#: What is done when it begins to control pages, and with what these ask for.
SERVICE = """
oninstall = () => skipWaiting();
onactivate = event => event.waitUntil((async () => { %s; await clients.claim() })());
onfetch = event => { %s };
"""
ASKS_ITSELF = "event.respondWith(fetch(event.request))"
PRELOADS = "event.respondWith((async () => (await event.preloadResponse) || fetch(event.request))())"
REGISTER = """async () => {
    await navigator.serviceWorker.register('/sw.js');
    if (!navigator.serviceWorker.controller)
        await new Promise(done => navigator.serviceWorker.oncontrollerchange = done);
}"""
ASK = "path => fetch(path).then(answer => answer.text(), String)"
FAILED = "TypeError: Failed to fetch"


class WorkerRouteTestCase(SharedBrowserTestCase):
    def setUp(self) -> None:
        super().setUp()
        self.server.page("/", "<title>here</title>")
        self.server.page("/doc", "<title>from the server</title>")
        self.asked: list[Request] = []

    async def controlled(self, handler: str = ASKS_ITSELF, activated: str = "") -> Page:
        """Open a page that a service worker controls."""
        self.server.page("/sw.js", SERVICE % (activated, handler), content_type=SCRIPT)
        page = await (await self.context()).new_page(self.server.url("/"))
        await page.evaluate(REGISTER)
        return page

    async def stopped(self, page: Page) -> Worker:
        """Stop the page's service worker, as the browser does with one that it does not need."""
        (worker,) = page.context.service_workers
        await page.session.execute(service_worker.enable())
        stopping = first(worker.session.events(inspector.TargetCrashed))
        await page.session.execute(service_worker.stop_all_workers())
        await stopping
        return worker

    def refuse(self, route: Route) -> object:
        self.asked.append(route.request)
        return route.abort()

    def asked_for(self, path: str) -> int:
        return self.server.asked.count(path)


class ServiceWorkerTests(WorkerRouteTestCase):
    async def test_one_that_was_stopped_is_started_for_the_next_document(self):
        page = await self.controlled()
        worker = await self.stopped(page)
        self.assertTrue(worker.session.crashed)
        response = got(await page.goto(self.server.url("/doc")))
        self.assertEqual((response.status, response.from_service_worker), (200, True))
        self.assertEqual(await worker.evaluate("1 + 1"), 2)

    async def test_a_document_is_asked_for_past_no_route(self):
        for handler, registered_before, cold in (
            (ASKS_ITSELF, True, True),
            (ASKS_ITSELF, False, True),
            (ASKS_ITSELF, False, False),
            ("", True, False),
        ):
            with self.subTest(handler=handler, registered_before=registered_before, cold=cold):
                await self.refused(handler, registered_before, cold)

    async def refused(self, handler: str, registered_before: bool, cold: bool) -> None:
        """See that a document that a route aborts comes to no server, whoever has asked for it."""
        self.server.page("/sw.js", SERVICE % ("", handler), content_type=SCRIPT)
        context = await self.context()
        if registered_before:
            await context.route("**/doc?*", self.refuse)
        page = await context.new_page(self.server.url("/"))
        await page.evaluate(REGISTER)
        (worker,) = context.service_workers
        if not registered_before:
            await context.route("**/doc?*", self.refuse)
        if cold:
            await self.stopped(page)
        self.asked.clear()
        before = self.asked_for("/doc")
        await self.fails(page.goto(self.server.url("/doc?document")), NavigationError)
        (asked,) = self.asked
        self.assertEqual(asked.exchange.worker, worker if handler else None)
        self.assertEqual(self.asked_for("/doc"), before)
        await page.goto("about:blank")  # no context is closed in the middle of a navigation

    async def test_what_it_preloads_for_a_navigation_passes_by_routes(self):
        """Chromium tells of it in no session; the how-to says so, and what to do."""
        page = await self.controlled(PRELOADS, "await registration.navigationPreload.enable()")
        await page.context.route("**/doc", self.refuse)
        self.assertEqual(got(await page.goto(self.server.url("/doc"))).status, 200)
        self.assertEqual(self.asked, [])
        await page.set_bypass_service_worker(True)
        await self.fails(page.goto(self.server.url("/doc")), NavigationError)
        self.assertEqual((len(self.asked), self.asked_for("/doc")), (1, 1))

    async def test_its_requests_are_those_that_the_context_tells_of(self):
        page = await self.controlled()
        context = page.context
        told: list[Request] = []
        context.requests.filter(lambda each: each.url.endswith("/doc")).subscribe(told.append)
        ended = first(context.requests_finished.filter(lambda each: each.exchange.worker is not None))

        def handler(route: Route) -> object:
            self.asked.append(route.request)
            return route.continue_()

        await context.route("**/doc", handler)
        text = await page.evaluate(ASK, "/doc")
        self.assertEqual(text, "<title>from the server</title>")
        self.assertIs(await ended, self.asked[0])
        of_worker = [each for each in told if each.exchange.worker is not None]
        self.assertEqual(of_worker, self.asked)
        self.assertIs(self.asked[0].service_worker, context.service_workers[0])
        self.assertEqual({each.service_worker for each in told if each not in of_worker}, {None})

    async def test_what_a_running_one_asks_for_is_blocked_from_now_on(self):
        page = await self.controlled()
        self.assertEqual(await page.evaluate(ASK, "/doc"), "<title>from the server</title>")
        await page.context.block(["*/doc*"])
        (worker,) = page.context.service_workers
        self.assertEqual(await worker.evaluate(ASK, "/doc"), FAILED)
        self.assertEqual(self.asked_for("/doc"), 1)
