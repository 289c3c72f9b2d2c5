"""What pages try to reach a server that is not public with, on real browsers: all of it works without the egress proxy,
and none of it with it; in each mode, and in renders."""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Mapping, Sequence
from typing import Any
from urllib.parse import quote

from twisted.internet.address import IPv4Address
from twisted.internet.interfaces import IHostnameResolver
from twisted.internet.protocol import DatagramProtocol, Factory, Protocol
from twisted.web.resource import Resource
from twisted.web.server import Site
from zope.interface import implementer

from tests.browser.egress_attempts import (
    DATAGRAMS,
    DO,
    ELEMENTS,
    LEAVING,
    SCRIPTS,
    SILENT,
    SPECULATIVE,
    SPELLINGS,
    TOOLS,
    documents,
)
from tests.browser.support import listen, reactor
from tests.browser.test_gateway_browser import sleep
from tests.browser.test_gateway_render_browser import LONG, RenderCase
from txcdp._deferreds import returns_deferred
from txcdp.errors import CommandError, NavigationError
from txcdp.gateway import Gateway, GatewayOptions, Policy, PoolOptions, RenderOptions
from txcdp.gateway._pool.launched import Launcher
from txcdp.streams import first

#: Chromium's own checks of private addresses are off: nothing but the proxy is to stop anything here.
ARGS = ("--disable-features=LocalNetworkAccessChecks,BlockInsecurePrivateNetworkRequests",)

_NAME = re.compile(rb"([a-z0-9-]+)\.private\.test")


@implementer(IHostnameResolver)
class Names:
    """Looks names up in a table: everything of ``.test`` is this machine.

    :ivar asked: the names that were looked up.
    :ivar others: other addresses of some.
    """

    def __init__(self) -> None:
        self.asked: list[str] = []
        self.others: dict[str, str] = {}

    def resolveHostName(
        self,
        resolutionReceiver: Any,
        hostName: str,
        portNumber: int = 0,
        addressTypes: Any = None,
        transportSemantics: str = "TCP",
    ) -> Any:
        self.asked.append(hostName)
        resolutionReceiver.resolutionBegan(self)
        if hostName.endswith((".test", "localhost")):
            address = self.others.get(hostName, "127.0.0.1")
            resolutionReceiver.addressResolved(IPv4Address("TCP", address, portNumber))
        resolutionReceiver.resolutionComplete()
        return self


class Hidden(Factory, DatagramProtocol):
    """A server that is not to be reached, by TCP and by UDP.

    :ivar came: by which names it was reached; ``""`` where none was said, ``"udp"`` for a datagram.
    """

    noisy = False

    def __init__(self, address: str = "127.0.0.1", port: int = 0) -> None:
        self.came: set[str] = set()
        self._protocols: set[Protocol] = set()
        self._tcp = reactor.listenTCP(port, self, interface=address)
        self.port: int = self._tcp.getHost().port
        self._udp = reactor.listenUDP(self.port, self, interface=address)

    def buildProtocol(self, addr: object) -> Protocol:
        came, protocols = self.came, self._protocols

        class Reached(Protocol):
            said = b""

            def connectionMade(self) -> None:
                came.add("")
                protocols.add(self)

            def dataReceived(self, data: bytes) -> None:
                self.said += data
                came.update(each.decode() for each in _NAME.findall(self.said))
                transport: Any = self.transport
                if b"\r\n\r\n" in self.said:
                    head = b"HTTP/1.1 404 No\r\nAccess-Control-Allow-Origin: *\r\nConnection: close\r\n"
                    transport.write(head + b"Access-Control-Allow-Headers: *\r\nContent-Length: 0\r\n\r\n")
                    transport.loseConnection()
                elif self.said[:1] == b"\x16":
                    transport.loseConnection()

            def connectionLost(self, reason: object = None) -> None:
                protocols.discard(self)

        return Reached()

    def datagramReceived(self, datagram: bytes, addr: Any) -> None:
        self.came.add("udp")

    @returns_deferred
    async def stop(self) -> None:
        """Listen no more."""
        for each in list(self._protocols):
            transport: Any = each.transport
            transport.abortConnection()
        await self._tcp.stopListening()
        await self._udp.stopListening()
        while self._protocols:
            await sleep(0.01)


class PublicSite(Resource):
    """The public server's documents."""

    isLeaf = True

    def __init__(self) -> None:
        super().__init__()
        self.asked: list[str] = []
        self.documents: dict[str, str] = {"/do.html": DO, "/sw/": "", "/": ""}

    def render(self, request: Any) -> bytes:
        self.asked.append(request.uri.decode())
        path, _, query = request.uri.decode().partition("?")
        request.setHeader("content-type", "text/html; charset=utf-8")
        if path in ("/to", "/again"):
            request.setResponseCode(302 if path == "/to" else 307)
            request.setHeader("location", query)
        elif path == "/refresh":
            return f"<meta http-equiv=refresh content='0; url={query}'>".encode()
        elif path == "/report":
            request.setHeader("content-security-policy", f"img-src 'none'; report-uri http://{query}/")
            return b"<img src=/x.png>"
        elif path == "/do.js":
            request.setHeader("content-type", "text/javascript")
            return b"eval(decodeURIComponent(self.location.search.slice(1)))"
        return self.documents.get(path, "").encode()


ALL: Mapping[str, str] = {**SCRIPTS, **SPECULATIVE, **ELEMENTS, **LEAVING}


class EgressCase(RenderCase):
    mode = "exclusive"

    def setUp(self) -> None:
        super().setUp()
        self.names = Names()
        self.hidden = Hidden()
        self.silent = {name: Hidden() for name in SILENT}
        self.site = PublicSite()
        port = self.site_port = listen(self, Site(self.site))
        self.public = f"public.test:{port}"
        self.other = f"other.test:{port}"
        self.attempts: dict[str, set[str]] = {}
        for number, (names, text) in enumerate(documents(self.host_of, self.fill)):
            self.site.documents[f"/all/{number}"] = text
            self.attempts[f"http://{self.public}/all/{number}"] = names
        self.attempts.update({self.leaving(name): {name} for name in LEAVING})
        for each in (self.hidden, *self.silent.values()):
            self.addCleanup(each.stop)

    def host_of(self, name: str) -> str:
        return f"{name}.private.test:{self.silent.get(name, self.hidden).port}"

    @property
    def came(self) -> set[str]:
        """What has reached the server."""
        return self.hidden.came.union(name for name, each in self.silent.items() if each.came)

    def fill(self, text: str, host: str) -> str:
        return text.replace("HOST", host).replace("PUBLIC", self.public).replace("OTHER", self.other)

    def datagram(self, text: str) -> str:
        """Return a script that is to send one, and gives a promise of what comes of that."""
        return f"(() => {{ {TOOLS}; return {text.replace('ADDRESS', f'127.0.0.1:{self.hidden.port}')} }})()"

    def leaving(self, name: str) -> str:
        """Return the URL of a document that leads away."""
        text = self.fill(LEAVING[name], self.host_of(name))
        if "{" in text:
            path, _, script = text.removesuffix("}").partition("{")
            text = path + quote(script)
        return f"http://{self.public}{text}"

    async def open_gateway(self, policy: Policy, args: Sequence[str] = (), **options: Any) -> Gateway:
        """Start a gateway of which the browsers take the names of the tests for secure ones."""
        args = [*ARGS, f"--unsafely-treat-insecure-origin-as-secure=http://{self.public},http://{self.other}", *args]
        chosen = {
            "endpoint": "tcp:0:interface=127.0.0.1",
            "drain": 0.0,
            "mode": self.mode,
            "pool": PoolOptions(size=1, warm=1),
            "policy": policy,
            "render": RenderOptions(linger=60.0),
            **options,
        }
        gateway = Gateway(reactor, GatewayOptions(**chosen), Launcher(reactor, args=args), resolver=self.names)
        return await self.begin_with(gateway)

    async def guarded(self, **options: Any) -> Gateway:
        """Start one that lets nothing reach other addresses than the public server's."""
        allowed = (f"127.0.0.1:{self.site_port}",)
        return await self.open_gateway(Policy(private_addresses=False, allowed_addresses=allowed), **options)

    def looked_up(self) -> set[str]:
        """Return by which names the proxy was asked for the server."""
        return {each.removesuffix(".private.test") for each in self.names.asked if each.endswith(".private.test")}

    async def try_all(self, found: Callable[[], set[str]], never: frozenset[str] = frozenset()) -> None:
        """Do all of it, each document in a page of its own, until all of it was found.

        :param never: what may be missing.
        """
        self.browser = browser = await self.client()
        missing: set[str] = set()
        for url, names in self.attempts.items():
            target = await self.visit_tab(browser, url)
            for _ in range(1000):
                if names - never <= found():
                    break
                await sleep(0.1)
            missing |= names - found()
            await browser.session.execute_raw("Target.closeTarget", {"targetId": target})
        self.assertEqual(missing - never, set())

    async def visit_tab(self, browser: Any, url: str) -> str:
        """Open a page as one who knows of prerenders does: attached to its tab."""
        root = browser.session
        target = (await root.execute_raw("Target.createTarget", {"url": "about:blank", "forTab": True}))["targetId"]
        tab = await browser.connection.attach(target)
        attached = first(tab.events_raw("Target.attachedToTarget"))
        params = {"autoAttach": True, "waitForDebuggerOnStart": False, "flatten": True}
        await tab.execute_raw("Target.setAutoAttach", params)
        name = (await attached)["sessionId"]
        page = next(each for each in browser.connection.sessions if each.id == name)
        await page.execute_raw("Page.navigate", {"url": url})
        return str(target)


class ControlTests(EgressCase):
    """Without the proxy all of it reaches the server, so that none of the other tests holds by mistake."""

    async def test_all_of_it_works(self):
        await self.open_gateway(Policy(), ["--host-resolver-rules=MAP *.test 127.0.0.1"])
        await self.try_all(lambda: self.came)
        tab = await self.browser.new_page(f"http://{self.public}/")
        for name, text in DATAGRAMS.items():
            self.hidden.came.clear()
            await tab.evaluate(self.datagram(text) + "; null")
            await self.until(lambda: "udp" in self.hidden.came)
            self.assertNotIn("", self.hidden.came, name)


class ExclusiveTests(EgressCase):
    """With it, nothing does.

    :cvar never: what is not even tried: with any proxy Chromium fetches nothing of other sites beforehand.
    """

    never: frozenset[str] = frozenset({"speculative-prefetch"})

    async def test_none_of_it_works(self):
        egress = (await self.guarded()).egress
        assert egress is not None
        await self.try_all(self.looked_up, self.never)
        self.assertGreaterEqual(egress.counts.refused["loopback"], len(ALL) - len(self.never))
        self.assertEqual(self.came, set())

    async def test_other_ways(self):
        """However it is written; a name that changes its mind; datagrams; contexts with ideas of their own."""
        await self.guarded()
        self.browser = await self.client()
        tab = await self.browser.new_page(f"http://{self.public}/")
        await self.spelled(tab)
        await self.bound_anew(tab)
        for text in DATAGRAMS.values():
            await tab.evaluate(self.datagram(text))
        for params in (
            {"proxyServer": "direct://"},
            {"proxyServer": "direct://", "proxyBypassList": "*"},
            {"proxyBypassList": "127.0.0.1,*.test"},
            {"proxyServer": ""},
        ):
            await self.elsewhere(params)
        self.assertEqual(self.came, set())

    async def spelled(self, tab: Any) -> None:
        texts = [f"http://{each}:{self.hidden.port}/" for each in SPELLINGS]
        tried = "urls => Promise.all(urls.map(url => fetch(url, {mode: 'no-cors'}).then(() => url, () => '')))"
        self.assertEqual(set(await tab.evaluate(f"({tried})({json.dumps(texts)})")), {""})
        self.assertEqual(await tab.evaluate(f"fetch('http://{self.other}/', {{mode: 'no-cors'}}).then(() => 1)"), 1)

    async def bound_anew(self, tab: Any) -> None:
        """Let a name be another server's once a page of it is there."""
        port = self.site_port
        another = Hidden("127.0.0.2", port)
        try:
            await tab.goto(f"http://again.test:{port}/")
            self.names.others["again.test"] = "127.0.0.2"
            before = self.names.asked.count("again.test")
            socket = f"new Promise(r => new WebSocket('ws://again.test:{port}/').onerror = () => r('refused'))"
            self.assertEqual(await tab.evaluate(socket), "refused")
            self.assertGreater(self.names.asked.count("again.test"), before)
            self.assertEqual(another.came, set())
        finally:
            await another.stop()

    async def test_a_proxy_of_the_clients_own(self):
        """It comes behind ours, which judges its address."""
        gateway = await self.guarded()
        browser = await self.client()
        port = self.site_port
        context = await browser.new_context(proxy={"server": f"proxy.test:{port}", "bypass": "*"})
        try:
            await (await context.new_page()).goto("http://far.example/through")
        except NavigationError as why:
            assert gateway.egress is not None
            raise AssertionError(f"{why}; connections by now: {gateway.egress.counts}") from why
        self.assertIn("http://far.example/through", self.site.asked)
        assert gateway.egress is not None
        refused = gateway.egress.counts.refused["loopback"]
        context = await browser.new_context(proxy={"server": f"http://proxy.test:{self.hidden.port}"})
        await self.fails((await context.new_page()).goto("http://far.example/"), NavigationError)
        self.assertGreater(gateway.egress.counts.refused["loopback"], refused)
        error = await self.fails(browser.new_context(proxy={"server": "https://proxy.test"}), CommandError)
        self.assertIn("only proxies like", error.message)
        self.assertEqual(self.came, set())

    async def elsewhere(self, params: dict[str, str]) -> None:
        """Let a page of a context that would be connected directly try to reach the server."""
        root = self.browser.session
        context = (await root.execute_raw("Target.createBrowserContext", params))["browserContextId"]
        for host in (f"127.0.0.1:{self.hidden.port}", self.host_of("context")):
            made = {"url": "about:blank", "browserContextId": context}
            target = (await root.execute_raw("Target.createTarget", made))["targetId"]
            session = await self.browser.connection.attach(target)
            tried = f"fetch('http://{host}/', {{mode: 'no-cors'}}).then(() => 'reached', () => 'refused')"
            answer = await session.execute_raw("Runtime.evaluate", {"expression": tried, "awaitPromise": True})
            self.assertEqual(answer["result"]["value"], "refused", params)


class SharedTests(ExclusiveTests):
    """The same in shared mode."""

    mode = "shared"
    #: In contexts like an incognito window's nothing is done beforehand.
    never = frozenset({"preconnect", "speculative-prefetch", "prerender"})


class RenderTests(EgressCase):
    """The same of renders."""

    never = frozenset({"preconnect", "speculative-prefetch", "prerender"})

    async def test_what_is_told(self):
        """A document that leads to such an address is forbidden; one that nobody has is another thing."""
        await self.guarded()
        there = f"http://{self.host_of('document')}/"
        for url in (there, f"http://{self.public}/to?{there}", f"http://{self.public}/to?{there.upper()}"):
            problem = await self.problem(403, "policy", "/content", url=url)
            self.assertIn("private addresses", problem["detail"])
        problem = await self.problem(502, "navigation", "/content", url="http://nobody.example/")
        self.assertEqual(problem["error_text"], "net::ERR_SOCKS_CONNECTION_FAILED")
        response = await self.post("/content", url=f"http://{self.public}/")
        self.assertEqual(response.status, 200)
        self.assertEqual(self.came, set())

    async def test_none_of_it_works(self):
        await self.guarded()
        missing: set[str] = set()
        for url, names in self.attempts.items():
            wanted = names - self.never
            doing = {"expression": "new Promise(() => {})", "wait_until": "commit", "timeout": LONG}
            rendering = self.post("/evaluate", url=url, **doing)
            for _ in range(1000):
                if wanted <= self.looked_up():
                    break
                await sleep(0.1)
            missing |= wanted - self.looked_up()
            rendering.addErrback(lambda _: None).cancel()
        self.assertEqual(missing, set())
        self.assertEqual(self.came, set())
        await self.nothing_is_left()
