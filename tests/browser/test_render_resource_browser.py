"""An application's own web server renders by the browser that it keeps: in a resource of twisted.web, and in Klein."""

from __future__ import annotations

import os
import signal
from typing import Any

from klein import Klein
from treq.client import HTTPClient
from twisted.web.client import Agent
from twisted.web.resource import Resource
from twisted.web.server import Site

from tests.browser.support import BrowserTestCase, listen, reactor
from tests.browser.test_gateway_browser import sleep
from tests.browser.test_gateway_render_browser import RED, size_of
from txcdp import ReconnectPolicy
from txcdp._deferreds import returns_deferred
from txcdp.domains import target
from txcdp.service import BrowserService, RenderResource


class RenderResourceTests(BrowserTestCase):
    async def test_it_renders_below_what_the_application_has(self) -> None:
        server = self.server
        browsers = BrowserService(reactor, policy=ReconnectPolicy(initial_delay=0.05))
        browsers.startService()
        self.addCleanup(browsers.stopService)
        renders = RenderResource(browsers, allow=lambda url: url.startswith(server.url("/")))
        self.http = HTTPClient(Agent(reactor))
        root = Resource()
        root.putChild(b"render", renders)
        app = Klein()
        app.route("/render/", branch=True)(lambda request: renders)
        for resource in (root, app.resource()):
            self.port = listen(self, Site(resource))
            await self.each()
        browser = await browsers.whenConnected()
        process = browser.process
        assert process is not None
        held = server.held("/held")
        asked = self.post("content", url=server.url("/held"))
        await held.asked
        os.kill(process.pid, signal.SIGKILL)
        self.assertEqual((await asked)[0], 503)
        held.release()
        self.assertEqual(await self.post("evaluate", url=server.url("/red"), expression="1+1"), (200, b'{"result":2}'))
        while (await browser.session.execute(target.get_browser_contexts())).browser_context_ids:
            await sleep(0.01)

    async def each(self) -> None:
        server = self.server
        server.page("/red", RED)
        status, png = await self.post("screenshot", url=server.url("/red"), viewport={"width": 40, "height": 30})
        self.assertEqual((status, size_of(png)), (200, (40, 30)))
        server.page("/away", status=302, location="http://localhost/elsewhere")
        status, said = await self.post("content", url=server.url("/away"))
        self.assertEqual((status, b"may not be rendered" in said), (403, True), said)

    @returns_deferred
    async def post(self, what: str, **wanted: Any) -> tuple[int, bytes]:
        response = await self.http.post(f"http://127.0.0.1:{self.port}/render/{what}", json=wanted)
        return response.code, await response.content()
