"""The demo site: what it serves, and that nothing of it stays in the reactor."""

from __future__ import annotations

from typing import Any

import treq
from autobahn.twisted.websocket import WebSocketClientFactory, WebSocketClientProtocol
from twisted.internet import defer, reactor, task
from twisted.internet.endpoints import HostnameEndpoint
from twisted.internet.error import ConnectionLost
from twisted.internet.testing import MemoryReactorClock
from twisted.python.failure import Failure
from twisted.trial.unittest import SynchronousTestCase, TestCase
from twisted.web.client import Agent, HTTPConnectionPool, ResponseNeverReceived
from twisted.web.test.requesthelper import DummyRequest

from examples.site.server import API_DELAY, SHIPS, SLOW_DELAY, STATIC, Api, address, root, serve, stop


class Listener(WebSocketClientProtocol):
    """Says one thing and keeps what it hears, until it has heard two."""

    def __init__(self) -> None:
        super().__init__()
        self.heard: list[bytes] = []
        self.heard_two: defer.Deferred[list[bytes]] = defer.Deferred()

    def onOpen(self) -> None:
        self.sendMessage(b"Kittiwake, over.")

    def onMessage(self, payload: bytes, isBinary: bool) -> None:
        self.heard.append(payload)
        if len(self.heard) == 2:
            self.heard_two.callback(self.heard)


class SiteTests(TestCase):
    """The site on a real socket; trial fails a test that leaves anything open."""

    def setUp(self) -> None:
        self.site: Any = serve(reactor)
        self.addCleanup(stop, self.site)
        pool = HTTPConnectionPool(reactor)
        self.addCleanup(pool.closeCachedConnections)  # waits for their ends, which come after the last byte of a body
        self.agent = treq.client.HTTPClient(Agent(reactor, pool=pool))

    async def get(self, path: str, **options: Any) -> Any:
        return await self.agent.get(address(self.site) + path, **options)

    async def test_listens_on_this_machine_only(self) -> None:
        self.assertEqual("127.0.0.1", self.site.getHost().host)

    async def test_serves_its_files(self) -> None:
        for path, kind in {
            "": "text/html",
            "arrivals.html": "text/html",
            "harbour.js": "text/javascript",
            "tide.js": "text/javascript",
            "harbour.css": "text/css",
            "lighthouse.png": "image/png",
            "skyline.svg": "image/svg+xml",
        }.items():
            response = await self.get(path)
            self.assertEqual(200, response.code, path)
            self.assertEqual(kind, response.headers.getRawHeaders("content-type")[0].partition(";")[0], path)
            self.assertEqual((STATIC / (path or "index.html")).read_bytes(), await response.content(), path)

    async def test_answers_in_json(self) -> None:
        response = await self.get("api/ships")
        self.assertEqual(SHIPS, await response.json())

    async def test_a_redirect_and_what_is_not_there(self) -> None:
        redirect = await self.get("api/manifest", allow_redirects=False)
        self.assertEqual((302, ["/api/cargo"]), (redirect.code, redirect.headers.getRawHeaders("location")))
        await redirect.content()
        for path in ("api/berth-13", "nowhere.html"):
            response = await self.get(path)
            self.assertEqual(404, response.code)
            await response.content()

    async def test_booking_leaves_a_cookie(self) -> None:
        book = address(self.site) + "bookings"
        response = await self.agent.post(book, data={"ship": "Aurelia"}, allow_redirects=False)
        self.assertEqual(
            (303, ["/arrivals.html?booked=1"]), (response.code, response.headers.getRawHeaders("location"))
        )
        cookie = response.headers.getRawHeaders("set-cookie")[0].lower()
        self.assertIn("booked=" + b"Aurelia".hex(), cookie)
        self.assertIn("httponly", cookie)
        await response.content()
        refused = await self.agent.post(book, data={"ship": " "}, allow_redirects=False)
        self.assertEqual(400, refused.code)
        await refused.content()

    async def test_the_radio_greets_and_repeats(self) -> None:
        port = self.site.getHost().port
        factory = WebSocketClientFactory(f"ws://127.0.0.1:{port}/radio", reactor=reactor)
        factory.protocol = Listener
        listener: Any = await HostnameEndpoint(reactor, "127.0.0.1", port).connect(factory)
        greeting, echo = await listener.heard_two
        self.assertIn(b"Harbour control", greeting)
        self.assertEqual(b"Roger: Kittiwake, over.", echo)

    async def test_stops_in_the_middle_of_an_answer(self) -> None:
        pending = self.agent.get(address(self.site) + "api/customs")
        await task.deferLater(reactor, API_DELAY, lambda: None)
        await stop(self.site)
        with self.assertRaises((ResponseNeverReceived, ConnectionLost)):
            await pending


class ApiTests(SynchronousTestCase):
    """The delays, in virtual time."""

    def test_answers_after_its_delay(self) -> None:
        clock = task.Clock()
        request = self.asked(clock)
        clock.advance(SLOW_DELAY - 0.1)
        self.assertEqual([], request.written)
        clock.advance(0.1)
        self.assertEqual([b'{"waiting": 2}'], request.written)
        self.assertEqual(1, request.finished)

    def test_forgets_a_browser_that_has_gone(self) -> None:
        clock = task.Clock()
        request = self.asked(clock)
        request.processingFailed(Failure(ConnectionError()))
        self.assertEqual([], clock.getDelayedCalls())
        self.assertEqual([], request.written)

    def asked(self, clock: task.Clock) -> Any:
        """Ask the customs office, whose time is the clock's."""
        api = Api(lambda seconds: task.deferLater(clock, seconds, lambda: None), {"waiting": 2}, SLOW_DELAY)
        request = DummyRequest([b"customs"])
        request.render(api)
        return request

    def test_the_whole_site_runs_on_the_given_clock(self) -> None:
        clock = MemoryReactorClock()
        api = root(clock).getStaticEntity(b"api")
        request = DummyRequest([b"customs"])
        request.render(api.getStaticEntity(b"customs"))
        clock.advance(SLOW_DELAY)
        self.assertEqual(1, request.finished)
