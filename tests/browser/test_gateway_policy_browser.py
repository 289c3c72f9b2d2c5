"""Ways round the gateway's policy, on a real browser: they work without a policy, and are refused with one."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from tests.browser.support import evaluate_leaving, reactor
from tests.browser.test_client_messages_browser import Bare
from tests.browser.test_gateway_browser import GatewayCase, sleep
from tests.gateway.odd_urls import odd_urls
from tests.gateway.test_client_messages import HOSTILE
from tests.gateway.test_gateway_policy import SPELLINGS, STRICT
from tests.support import PATIENCE
from txcdp._deferreds import returns_deferred
from txcdp._transports.websocket import open_websocket
from txcdp.errors import CommandError
from txcdp.gateway import Policy, PoolOptions
from txcdp.gateway._urls import host_of, is_private, split_url
from txcdp.page import Page
from txcdp.streams import first

#: A page that keeps what is dropped on it.
KEEPS = """<body style="margin: 0; height: 600px"><script>
addEventListener("dragover", event => event.preventDefault());
addEventListener("drop", event => {
    event.preventDefault();
    window.dropped = Promise.all([...event.dataTransfer.files].map(file => file.text()));
});
</script>"""

#: A page that does nothing with it.
LEAVES = """<body style="margin: 0; height: 600px">"""

#: What a page of DevTools can do: read a file.
READS = """new Promise(resolve => {
    const texts = [];
    DevToolsAPI.streamWrite = (id, chunk, encoded) => texts.push(encoded ? atob(chunk) : chunk);
    DevToolsAPI.embedderMessageAck = id => id === 77 && resolve(texts.join(""));
    const params = ["file://" + %s, "", 5];
    DevToolsHost.sendMessageToEmbedder(JSON.stringify({id: 77, method: "loadNetworkResource", params}));
})"""

#: Which hosts Chromium reads with one character in the middle, but for those that stay what they are.
HOSTS = """(() => {
    const found = [];
    const blocks = [[0x80, 0x3400], [0xf900, 0x10000], [0x1d400, 0x1d800], [0x1f100, 0x1fc00], [0xe0000, 0xe0200]];
    for (const [from, to] of blocks)
        for (let code = from; code < to; code++)
            try {
                const host = new URL(`http://a${String.fromCodePoint(code)}b.example/`).hostname;
                if (!host.includes("xn--") && !host.includes("%")) found.push([code, host]);
            } catch {}
    return found;
})()"""


#: What a page at a browser's own port can do, with the WebSocket of the browser as a whole.
COMMANDS = """fetch("/json/version").then(answer => answer.json()).then(version => new Promise((resolve, reject) => {
    const socket = new WebSocket(version.webSocketDebuggerUrl);
    socket.onerror = () => reject("refused");
    socket.onopen = () => socket.send(JSON.stringify({id: 1, method: "Target.getTargets"}));
    socket.onmessage = event => resolve(event.data);
}))"""


class PolicyCase(GatewayCase):
    mode = "exclusive"

    async def begin(self, policy: Policy) -> Page:
        """Start a gateway, and open a page with what it may open."""
        await self.start(policy=policy, mode=self.mode, pool=PoolOptions(size=1, warm=1))
        self.browser = await self.client()
        return await self.browser.new_page()

    async def refused(self, sending: Any) -> None:
        error = await self.fails(sending, CommandError)
        self.assertIn("not allowed by this gateway", error.message)

    def secret(self) -> str:
        """Return the path of a file of which nobody should know what is in it."""
        path = Path(self.mktemp()).absolute()
        path.write_text("the secret")
        return str(path)

    @returns_deferred
    async def drag(self, page: Page, **data: Any) -> None:
        """Drop something on a page."""
        what = {"items": [], "dragOperationsMask": 1, **data}
        for kind in ("dragEnter", "dragOver", "drop"):
            params = {"type": kind, "x": 50, "y": 50, "data": what}
            await page.session.execute_raw("Input.dispatchDragEvent", params)

    async def opened(self, url: str) -> None:
        """Wait for a page with a URL."""
        while not any(each.url == url for each in await self.browser.targets()):  # the test's own timeout ends this
            await sleep(0.05)

    async def visit(self, page: Page, url: str) -> str:
        """Let a page's own script go somewhere; return where it is then."""
        await page.goto("about:blank")
        arrived = first(page.navigations, timeout=PATIENCE)
        await evaluate_leaving(page, f"void (location = {json.dumps(url)})")
        await arrived
        await page.wait_for_function("document.readyState === 'complete'")
        return str(await page.evaluate("location.href"))

    def drop_pages(self) -> tuple[str, str]:
        return self.server.page("/keeps", KEEPS), self.server.page("/leaves", LEAVES)


class OpenTests(PolicyCase):
    """Where nothing is forbidden."""

    async def test_all_of_it_works(self):
        page, secret = await self.begin(Policy()), self.secret()
        keeps, leaves = self.drop_pages()
        await page.goto(keeps)
        await self.drag(page, files=[secret])
        self.assertEqual(await page.evaluate("window.dropped"), ["the secret"])
        await page.goto(leaves)
        await self.drag(page, files=[secret])
        await self.opened(f"file://{secret}")
        link = self.server.page("/link")
        await self.drag(page, items=[{"mimeType": "text/uri-list", "data": link}])
        await self.opened(link)
        await self.through_a_proxy()
        await self.spelled(page)

    async def through_a_proxy(self) -> None:
        params = {"proxyServer": f"127.0.0.1:{self.server.port}"}
        context = (await self.browser.session.execute_raw("Target.createBrowserContext", params))["browserContextId"]
        params = {"url": "http://public.example/proxied", "browserContextId": context}
        await self.browser.session.execute_raw("Target.createTarget", params)
        await self.until(lambda: any("public.example/proxied" in each for each in self.server.asked))

    async def spelled(self, page: Page) -> None:
        """Whatever is refused in the other tests is 127.0.0.1, or localhost."""
        read = await page.evaluate(f"{json.dumps(SPELLINGS)}.map(each => new URL(`http://${{each}}/`).hostname)")
        for spelling, host in zip(SPELLINGS, read, strict=True):
            self.assertIn(host, ("127.0.0.1", "localhost", "a.localhost", "a.localhost."), ascii(spelling))
        for number, host in enumerate(("127.0.0\u30021", "127.0.0.\u00ad1", "127.0x.0x.1", "127.0.0.%31", "127.1")):
            path = f"/spelled/{number}"
            self.server.page(path)
            await page.session.execute_raw("Page.navigate", {"url": self.server.url(path, host)})
            self.assertIn(path, self.server.asked)


class ForbiddenTests(PolicyCase):
    """Where all that is forbidden."""

    async def test_none_of_it_works(self):
        page, secret = await self.begin(STRICT), self.secret()
        run = page.session.execute_raw
        self.server.page("/here")
        await self.refused(self.drag(page, files=[secret]))
        link = {"mimeType": "text/uri-list", "data": self.server.url("/here")}
        await self.refused(self.drag(page, items=[link]))
        await self.drag(page, items=[{"mimeType": "text/plain", "data": "x"}])
        for spelling in SPELLINGS:
            for method in ("Page.navigate", "Target.createTarget"):
                await self.refused(run(method, {"url": self.server.url("/here", spelling)}))
        for params in (
            {"proxyServer": f"127.0.0.1:{self.server.port}"},
            {"proxyServer": f"http=public.example:80;https=localhost:{self.server.port}"},
        ):
            await self.refused(self.browser.session.execute_raw("Target.createBrowserContext", params))
        for url in ("devtools://devtools/bundled/devtools_app.html", "about:version", f"file://{secret}"):
            await self.refused(run("Page.navigate", {"url": url}))
        for method in ("Target.openDevTools", "Target.setRemoteLocations", "DOM.setFileInputFiles"):
            await self.refused(self.browser.session.execute_raw(method, {}))
        self.assertEqual(self.server.asked, [])

    async def test_no_message_of_two_readings_opens_a_file(self):
        await self.start(policy=STRICT, mode=self.mode, pool=PoolOptions(size=1, warm=1))
        transport = await open_websocket(reactor, f"ws://{self.netloc}/devtools/browser")
        self.addCleanup(lambda: transport.abort())
        line = Bare(transport)
        made = await line.ask(b'{"id":1,"method":"Target.createTarget","params":{"url":"about:blank"}}')
        target = next(each["result"]["targetId"] for each in made if "result" in each)
        attach = (
            b'{"id":1,"method":"Target.attachToTarget","params":{"targetId":"%b","flatten":true}}' % target.encode()
        )
        session = next(each["result"]["sessionId"] for each in await line.ask(attach) if "result" in each).encode()
        for message in HOSTILE:
            opening = message.replace(b"Page.navigate", b"Target.createTarget")
            within = message.replace(b'"sessionId":"A",', b"").replace(
                b'{"id":1,', b'{"id":1,"sessionId":"%b",' % session, 1
            )
            for each in (opening, within):
                answers = [answer for answer in await line.ask(each) if "method" not in answer]
                self.assertEqual(["error" in answer for answer in answers], [True], each)
        told = await line.ask(b'{"id":1,"method":"Target.getTargets"}')
        found = next(each["result"]["targetInfos"] for each in told if "result" in each)
        self.assertNotIn("file", [each["url"].partition(":")[0] for each in found])


class SharedTests(ForbiddenTests):
    """The same in shared mode."""

    mode = "shared"


class SharedOpenTests(OpenTests):
    """The same in shared mode."""

    mode = "shared"


class ChromiumTests(PolicyCase):
    async def test_a_page_of_devtools_reads_files(self):
        """Why they are refused together with anything else."""
        page = await self.begin(Policy())
        await page.goto("devtools://devtools/bundled/devtools_app.html")
        self.assertEqual(await page.evaluate(READS % json.dumps(self.secret())), "the secret")

    async def test_a_page_at_its_port_has_the_browser(self):
        """Where it is not kept away."""
        page = await self.page()
        assert self.browser.process is not None
        url = self.browser.process.ws_url.replace("ws:", "http:").partition("/devtools")[0] + "/json/version"
        self.assertEqual(await self.visit(page, url), url)
        self.assertIn("targetInfos", await page.evaluate(COMMANDS))

    async def test_hosts_are_read_as_chromium_reads_them(self):
        """With any character that is none of a name, or is written in another way."""
        page = await self.begin(Policy())
        read = await page.evaluate(HOSTS)
        self.assertGreater(len(read), 1500)
        self.assertEqual([(code, host_of(f"//a{chr(code)}b.example/")) for code, _ in read], list(map(tuple, read)))

    async def test_odd_urls_are_read_as_chromium_reads_them(self):
        page = await self.page()
        urls = odd_urls(5000, seed=1)
        read = await page.evaluate(
            f"""{json.dumps(urls)}.map(url => {{
                try {{ const read = new URL(url); return [read.protocol.slice(0, -1), read.hostname] }}
                catch (error) {{ return null }}
            }})"""
        )
        compared = 0
        for url, found in zip(urls, read, strict=True):
            if found is None:
                continue  # what Chromium takes for no URL, it does not open
            scheme, rest, wrapper = split_url(url)
            if wrapper:  # whose hosts it does not tell
                self.assertEqual(found[0], wrapper, ascii(url))
                continue
            self.assertEqual(scheme, found[0], ascii(url))
            if scheme in ("http", "https", "ws", "ftp"):
                host = found[1].strip("[]").rstrip(".")
                self.assertEqual(is_private(host_of(rest)), is_private(host), (ascii(url), found))
                compared += 1
        self.assertGreater(compared, 500)


class PortTests(PolicyCase):
    """The ports at which browsers listen: whose page comes there has the browser."""

    async def test_no_page_comes_to_a_port_of_the_pool(self):
        gateway = await self.start(mode=self.mode, pool=PoolOptions(size=2, warm=2))
        await self.until(lambda: len(gateway.pool.idle) == 2)
        ports = [urlsplit(each.running.ws_url).port for each in gateway.pool.idle]
        page = await (await self.client()).new_page()
        elsewhere = self.server.page("/elsewhere")
        self.assertEqual(await self.visit(page, elsewhere), elsewhere)
        for port in ports:
            for host in ("127.0.0.1", "localhost", "0.0.0.0", "[::ffff:127.0.0.1]"):
                await self.visit(page, f"http://{host}:{port}/json/version")
                self.assertIn("ERR_NAME_NOT_RESOLVED", await page.evaluate("document.body.innerText"))


class SharedPortTests(PortTests):
    """The same in shared mode."""

    mode = "shared"
