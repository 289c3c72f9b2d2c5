"""Servers behind TLS, with certificates made here: what is wrong with them, HTTP/2; and digests of passwords."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from twisted.cred.checkers import InMemoryUsernamePasswordDatabaseDontUse
from twisted.cred.credentials import DigestCredentialFactory
from twisted.cred.portal import IRealm, Portal
from twisted.internet.defer import Deferred
from twisted.web.client import ResponseNeverReceived
from twisted.web.guard import DigestCredentialFactory as Guarding
from twisted.web.guard import HTTPAuthSessionWrapper
from twisted.web.resource import IResource, getChildForRequest
from twisted.web.server import Site
from zope.interface import implementer

import txcdp
from tests.browser.support import Server, got, listen, reactor
from tests.browser.support_lines import Authority
from tests.browser.test_har_browser import read
from tests.browser.test_network_browser import FETCH, NetworkTestCase, Told
from txcdp import Route
from txcdp.errors import NavigationError
from txcdp.page import Page


class TLSTestCase(NetworkTestCase):
    """A test with servers behind TLS, which have the pages of the plain one."""

    def setUp(self) -> None:
        super().setUp()
        self.authority = Authority()

    def secure(self, name: str = "localhost", expired: bool = False) -> str:
        """Return the origin of a server behind TLS; it speaks HTTP/2 where the browser does."""
        site = Site(self.server._pages)
        site.displayTracebacks = False
        tls = self.authority.server(name, expired=expired)
        tls.getContext().set_alpn_select_callback(lambda _, offered: b"h2" if b"h2" in offered else b"http/1.1")
        return f"https://localhost:{listen(self, site, tls)}"

    async def trusting(self, **options: Any) -> Page:
        """Return a page to which any certificate is good enough."""
        return await (await self.context(ignore_https_errors=True, **options)).new_page()


class CertificateTests(TLSTestCase):
    async def test_what_is_wrong_with_one(self):
        tab = await self.opened()
        self.server.page("/page", "secret")
        for url in (self.secure(), self.secure(expired=True), self.secure("other.example")):
            error = await self.fails(tab.goto(f"{url}/page"), NavigationError)
            self.assertIn("net::ERR_CERT_AUTHORITY_INVALID", str(error))
            await tab.goto(self.server.page("/", "here"))
            async with tab.requests_failed.expect(f"{url}/page") as failed:
                await tab.evaluate("url => fetch(url).catch(() => 0)", f"{url}/page")
            self.assertEqual((await failed.value).failure, "net::ERR_CERT_AUTHORITY_INVALID")
            await self.fails(tab.context.request.get(f"{url}/page"), ResponseNeverReceived)
        self.assertNotIn("/page", self.server.asked)

    async def test_any_is_good_enough_where_that_is_said(self):
        tab = await self.trusting()
        self.server.page("/page", "secret")
        for name, expired in (("localhost", True), ("other.example", False)):
            url = f"{self.secure(name, expired)}/page"
            response = got(await tab.goto(url))
            self.assertEqual(await response.text(), "secret")
            details = await response.security_details()
            assert details is not None
            self.assertEqual((details["subjectName"], details["protocol"]), (name, "TLS 1.3"))
            self.assertEqual(details["issuer"], "a throw-away authority")
            self.assertEqual(details["validTo"] < reactor.seconds(), expired)
            self.assertLess(details["validFrom"], reactor.seconds())
            self.assertGreater(response.request.timing["secure_connection_start"] or 0, 0)
            fetched = await tab.context.request.get(url)
            self.assertEqual(await fetched.text(), "secret")
        other = await (await self.context()).new_page()
        await self.fails(other.goto(url), NavigationError)


class HTTP2Tests(TLSTestCase):
    async def test_requests_are_told_as_those_of_any_version(self):
        tab = await self.trusting()
        told = Told(b"told", x_two="a", set_cookie="c=d; Secure")
        url = f"{self.secure()}/data"
        self.put("/data", told)
        await tab.goto(url.replace("/data", "/page") if self.server.page("/page", "<p>here") else "")
        requests, ended = self.collected(tab.requests), self.collected(tab.requests_finished)
        number = 100
        script = f"Promise.all([...Array({number}).keys()].map(n => fetch('/data?' + n).then(a => a.text())))"
        self.assertEqual(await tab.evaluate(script), ["told"] * number)
        await tab.network_idle(idle=0.05)
        self.assertEqual((len(requests), len({each.url for each in requests}), len(ended)), (number,) * 3)
        self.assertEqual({await each.exchange.response.http_version() for each in requests}, {"HTTP/2.0"})
        exchange = await self.fetched(tab, url, method="POST", body="x" * 100_000, headers={"X-Ours": "yes"})
        response = await exchange.when_response()
        self.assertEqual(await exchange.body(), b"told")
        self.assertEqual(told.bodies[-1], b"x" * 100_000)
        sent = await exchange.request.all_headers()
        self.assertEqual((sent["x-ours"], sent["cookie"]), ("yes", "c=d"))
        self.assertEqual((await response.all_headers())["set-cookie"], "c=d; Secure")
        self.assertEqual((response.status, response.headers["x-two"]), (200, "a"))
        sizes = await exchange.request.sizes()
        self.assertEqual((sizes["requestBodySize"], sizes["responseBodySize"] in range(4, 40)), (100_000, True))
        self.assertEqual([name for name in exchange.as_treq()["headers"] if name.startswith(":")], [])
        self.assertNotIn("':", exchange.as_curl())

    async def test_requests_are_stopped_and_changed(self):
        tab = await self.trusting()
        told = Told(b"told")
        url = f"{self.secure()}/data"
        self.put("/data", told)
        await tab.goto(url)

        async def change(route: Route) -> None:
            await route.continue_(headers={**await route.request.all_headers(), "x-ours": "yes"}, post_data=b"changed")

        await tab.route("**/data?request", change)
        self.assertEqual(await tab.evaluate(FETCH, [f"{url}?request", {"method": "POST", "body": "abc"}]), "told")
        self.assertEqual((told.headers_asked[-1]["x-ours"], told.bodies[-1]), ("yes", b"changed"))

        async def answer(route: Route) -> None:
            await route.fulfill(body=(await route.body()).upper(), headers={"x-by": "us"})

        await tab.route("**/data?response", answer, stage="response")
        self.assertEqual(await tab.evaluate(FETCH, [f"{url}?response"]), "TOLD")

        async def fetch_here(route: Route) -> None:
            await route.fulfill(response=await route.fetch())

        await tab.route("**/data?here", fetch_here)
        self.assertEqual(await tab.evaluate(FETCH, [f"{url}?here"]), "told")

    async def test_what_is_recorded_and_played(self):
        har = Path(self.mktemp())
        tab = await self.trusting()
        url = f"{self.secure()}/data"
        self.put("/data", Told(b"told"))
        async with await tab.record_har(har):
            await tab.goto(url)
            await tab.evaluate(FETCH, [f"{url}?1"])
        entries = [each for each in read(har)["entries"] if "/data" in each["request"]["url"]]
        self.assertEqual([each["request"]["httpVersion"] for each in entries], ["HTTP/2.0"] * 2)
        self.assertEqual([each["response"]["httpVersion"] for each in entries], ["HTTP/2.0"] * 2)
        self.assertGreaterEqual(entries[0]["timings"]["ssl"], 0)
        other = await self.page()
        await other.route_from_har(har)
        asked = len(self.server.asked)
        response = got(await other.goto(url))
        self.assertEqual((await response.text(), response.status), ("told", 200))
        self.assertEqual({*self.server.asked[asked:]} - {"/favicon.ico"}, set())


@implementer(IRealm)
class Everything:
    """Lets whoever has come see all there is."""

    def __init__(self, resource: Any) -> None:
        self._resource = resource

    def requestAvatar(self, avatar: object, mind: object, *interfaces: object) -> Any:
        return IResource, self._resource, lambda: None


class DigestTests(NetworkTestCase):
    """Names and passwords of which a digest is sent; servers check it."""

    ME = txcdp.ContextOptions(http_credentials={"username": "me", "password": "secret"})

    def setUp(self) -> None:
        super().setUp()
        checker = InMemoryUsernamePasswordDatabaseDontUse(me=b"secret")
        portal = Portal(Everything(self.server._pages), [checker])
        guarded = HTTPAuthSessionWrapper(portal, [Guarding(b"md5", b"here")])
        self.authorizations: list[str] = []
        render, let_in = self.server._pages.render, set()

        def guard(request: Any) -> Any:
            if request in let_in or request.path == b"/favicon.ico":  # which the browser asks for when it likes
                return render(request)
            self.authorizations.append(request.getHeader("authorization") or "")
            let_in.add(request)  # it comes back here where what it says is right
            return getChildForRequest(guarded, request).render(request)

        self.server._pages.render = guard  # type: ignore[method-assign]

    async def test_a_server_that_checks_it(self):
        self.server.page("/page", "welcome")
        tab = await (await self.context(**self.ME)).new_page()
        response = got(await tab.goto(self.server.url("/page")))
        self.assertEqual((response.status, await response.text()), (200, "welcome"))
        self.assertRegex(self.authorizations[-1], r'^Digest username="me", .*response="[0-9a-f]{32}"')
        self.put("/data", Told())
        await tab.route("**/data", lambda route: route.continue_(headers={**route.request.headers, "x-own": "1"}))
        self.assertEqual(await tab.evaluate(FETCH, ["/data", {"method": "POST", "body": "abc"}]), "told")

    async def test_a_wrong_one_is_not_given_twice(self):
        self.server.page("/page", "welcome")
        wrong = txcdp.ContextOptions(http_credentials={"username": "me", "password": "wrong"})
        tab = await (await self.context(**wrong)).new_page()
        response = got(await tab.goto(self.server.url("/page")))
        self.assertEqual(response.status, 401)
        asked = [each.partition(" ")[0] for each in self.authorizations]
        self.assertEqual(asked, ["", "Digest"])


class DigestProxyTests(NetworkTestCase):
    async def test_a_proxy_that_checks_it(self):
        factory = DigestCredentialFactory(b"md5", b"proxy")
        proxy = Server()
        self.addCleanup(lambda: Deferred.fromCoroutine(proxy.stop()))
        asked: list[str] = []

        def render(request: Any) -> Any:
            said = request.getHeader(b"proxy-authorization") or b""
            asked.append(said.decode().partition(" ")[0])
            if said.startswith(b"Digest "):
                given = factory.decode(said.partition(b" ")[2], request.method, request.getClientAddress().host)
                if given.checkPassword(b"secret") and given.username == b"of":
                    request.setHeader("content-type", "text/html")
                    return b"through: " + request.uri
            challenge = factory.getChallenge(request.getClientAddress().host)
            fields = ", ".join(f'{name}="{value.decode()}"' for name, value in challenge.items() if name != "algorithm")
            request.setResponseCode(407)
            request.setHeader("proxy-authenticate", f"Digest {fields}")
            return b"who are you?"

        proxy._pages.render = render  # type: ignore[method-assign]
        server: Any = {"server": f"127.0.0.1:{proxy.port}", "username": "of", "password": "secret"}
        tab = await (await self.context(proxy=server)).new_page()
        response = got(await tab.goto("http://site.example/page"))
        self.assertEqual((response.status, await response.text()), (200, "through: http://site.example/page"))
        self.assertEqual(await tab.evaluate(FETCH, ["/data"]), "through: http://site.example/data")
        self.assertEqual(asked[:2], ["", "Digest"])
        other = await (await self.context(proxy={**server, "password": "wrong"})).new_page()
        response = got(await other.goto("http://site.example/page"))
        self.assertEqual(response.status, 407)
