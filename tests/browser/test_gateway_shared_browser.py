"""Shared mode before a real browser: clients kept apart, ends of all kinds, pages by their own WebSockets."""

from __future__ import annotations

import os
import signal
from pathlib import Path
from typing import Any

import treq
from twisted.internet.defer import Deferred, gatherResults
from twisted.web.client import HTTPConnectionPool

import txcdp
from tests.browser.support import halt, reactor
from tests.browser.test_gateway_browser import STOP, TOKEN, GatewayCase, is_alive
from tests.support import PATIENCE
from txcdp.chrome import discovery
from txcdp.domains import browser, storage
from txcdp.errors import CommandError, ConnectionLost, HandshakeFailed, TxcdpError
from txcdp.gateway import AccessOptions, BrowserLimits, ClientLimits, Gateway, PoolOptions

#: Another token.
OTHER = "fedcba9876543210-two"


def write_tokens(path: str) -> None:
    Path(path).write_text(f'[one]\ntoken = "{TOKEN}"\n[two]\ntoken = "{OTHER}"\n')


class SharedCase(GatewayCase):
    async def start(self, **options: Any) -> Gateway:
        return await super().start(**{"mode": "shared", "pool": PoolOptions(size=1, warm=1), **options})

    async def loads(self) -> list[int]:
        return [len(each.clients) for each in self.shared.placement.upstreams]

    @property
    def shared(self) -> Any:
        return self.gateway.mode


class UseTests(SharedCase):
    async def test_two_at_once(self):
        await self.start()
        url = self.server.page("/", "<title>Through</title>")
        first, second = await gatherResults([self.client(), self.client()])
        self.assertEqual(self.pid_of(1), self.pid_of(2))
        tabs = [await each.new_page() for each in (first, second)]
        await gatherResults([each.goto(url) for each in tabs])
        self.assertEqual([await each.title() for each in tabs], ["Through", "Through"])
        await tabs[0].evaluate("document.cookie = 'a=1'; localStorage.x = 5")
        self.assertEqual(await tabs[1].evaluate("[document.cookie, localStorage.x ?? null]"), ["", None])
        for client, tab, count in ((first, tabs[0], 1), (second, tabs[1], 0)):
            self.assertIn(tab.target_id, own := {each.target_id for each in await client.targets()})
            self.assertEqual(len(own), 2, "the first page, too")
            self.assertEqual(len((await client.session.execute(storage.get_cookies())).cookies), count)
        await self.fails(second.connection.attach(tabs[0].target_id), TxcdpError)
        error = await self.fails(second.session.execute_raw("Browser.crash"), CommandError)
        self.assertIn("shared", error.message)
        await first.session.execute_raw("Browser.close")
        self.assertEqual((await first.connection.when_closed()).code, 1000)
        self.assertEqual(await tabs[1].evaluate("6 * 7"), 42)
        self.assertIn(tabs[1].target_id, {each.target_id for each in await second.targets()})
        await second.close()
        await self.until(lambda: not self.gateway.pool.leased)
        self.assertEqual(self.gateway.pool.counts.died + self.gateway.pool.counts.hung, 0)

    async def test_downloads_of_others(self):
        """Chromium itself tells every client of every download."""
        await self.start()
        link = "<a href='/file' id=link>file</a>"
        self.server.page("/file", "a file", 200, **{"Content-Disposition": "attachment; filename=f.bin"})
        self.server.page("/frame", link)
        url = self.server.page("/", f"{link}<iframe src='/frame'></iframe>")
        for script in ("link.click()", "frames[0].document.getElementById('link').click()"):
            clients = await gatherResults([self.client(), self.client()])
            heard: list[list[Any]] = [[], []]
            for client, said in zip(clients, heard, strict=True):
                for kind in (browser.DownloadWillBegin, browser.DownloadProgress):
                    client.session.events(kind).subscribe(said.append)
                where = browser.set_download_behavior(
                    behavior="allow", download_path=self.mktemp(), events_enabled=True
                )
                await client.session.execute(where)
            tab, other = await gatherResults([each.new_page() for each in clients])
            await gatherResults([each.goto(url) for each in (tab, other)])
            await tab.evaluate(script)
            await self.until(lambda heard=heard: any(getattr(each, "state", "") == "completed" for each in heard[0]))
            self.assertIsInstance(heard[0][0], browser.DownloadWillBegin)
            await other.evaluate("1")
            self.assertEqual(heard[1], [], script)
            await gatherResults([each.close() for each in clients])

    async def test_leaving_closes_what_was_opened(self):
        await self.start()
        stays, leaves = await self.client(), await self.client()
        (upstream,) = self.shared.placement.upstreams
        for context in (leaves.default_context, await leaves.new_context()):
            await context.new_page()
        before = len(upstream.shared.state.contexts)
        leaves.connection.transport.abort()
        await self.until(
            lambda: len(upstream.shared.state.contexts) == before - 2 and not upstream.shared.state.disposing
        )
        self.assertEqual(len(upstream.shared.state.clients), 1)
        self.assertEqual(await (await stays.new_page()).evaluate("1 + 1"), 2)

    async def test_a_page_is_the_same_in_front_and_behind(self):
        """Timers and frames of pages that are not in front go on; the flags of every browser see to that."""
        await self.start()
        tabs = [await (await self.client()).new_page() for _ in range(3)]
        script = "new Promise(done => requestAnimationFrame(() => setTimeout(() => done(document.hidden), 1)))"
        self.assertEqual(await gatherResults([each.evaluate(script) for each in tabs]), [False] * 3)

    async def test_browsers_that_are_used_again(self):
        limits = BrowserLimits(sessions=1)
        await self.start(pool=PoolOptions(size=1, warm=1, clients_per_browser=3, browser=limits))
        url = self.server.page("/", "<script>document.cookie = 'a=b'</script>")
        pids = set()
        for _ in range(3):
            browser = await self.client()
            self.assertEqual(await browser.session.execute_raw("Storage.getCookies"), {"cookies": []})
            self.assertEqual([each.url for each in await browser.targets()], ["about:blank"])
            pids.add(self.pid_of(max(self.gateway.clients.relays)))
            await (await browser.new_page()).goto(url)
            await browser.close()
            await self.until(lambda: not self.gateway.pool.leased)
        self.assertEqual(len(pids), 1)
        await self.until(lambda: self.gateway.pool.counts.recycled == 1)
        self.assertEqual(self.gateway.pool.counts.hung, 0)

    async def test_more_than_one_browser(self):
        await self.start(pool=PoolOptions(size=2, warm=2, clients_per_browser=2, queue=0, queue_deadline=PATIENCE))
        await self.until(lambda: len(self.gateway.pool.idle) == 2)
        for _ in range(4):
            await (await self.client()).version()
        self.assertEqual(sorted(await self.loads()), [2, 2])
        await self.fails(self.client(), HandshakeFailed)


class PageTests(SharedCase):
    async def put(self, path: str) -> tuple[int, bytes]:
        pool = HTTPConnectionPool(reactor, persistent=False)
        response = await treq.put(f"http://{self.netloc}{path}", pool=pool)
        return response.code, await treq.content(response)

    async def test_the_endpoints(self):
        await self.start()
        version = await discovery.version(reactor, self.netloc)
        self.assertIn("Chrome", version.browser or "")
        self.assertGreater(len((await discovery.protocol(reactor, self.netloc))["domains"]), 40)
        found = await discovery.new_target(reactor, self.netloc, self.server.page("/new", "<title>New</title>"))
        listed = await discovery.list_targets(reactor, self.netloc)
        self.assertEqual([each.id for each in listed[1:]], [found.id])
        only = await txcdp.connect(reactor, found.web_socket_debugger_url or "")
        (tab,) = await only.attach_pages()
        await tab.wait_for_url("**/new")  # it is on its way there
        self.assertEqual(await self.put(f"/json/activate/{found.id}"), (200, b"Target activated"))
        offered = await txcdp.connect(reactor, listed[0].web_socket_debugger_url or "")
        self.assertEqual(await (await offered.attach_pages())[0].evaluate("location.href"), "about:blank")
        self.assertEqual(self.pid_of(1), self.pid_of(2))
        self.assertEqual(await self.put(f"/json/close/{found.id}"), (200, b"Target is closing"))
        self.assertEqual((await only.connection.when_closed()).code, 1000)
        await offered.close()
        await self.until(lambda: not self.gateway.pool.leased)
        for url in (found.web_socket_debugger_url, listed[0].web_socket_debugger_url):
            await self.fails(txcdp.connect(reactor, url or ""), HandshakeFailed)

    async def test_a_page_as_another_line_sees_it(self):
        await self.start()
        browser = await self.client()
        tab = await browser.new_page()
        line = await txcdp.connect(reactor, f"ws://{self.netloc}/devtools/page/{tab.target_id}")
        (page,) = await line.attach_pages()
        inner = self.server.page("/inner", "inner")
        worker = "new Worker(URL.createObjectURL(new Blob(['self.x = 5'])))"
        await page.goto(
            self.server.page("/", f"<title>Both</title><iframe src={inner}></iframe><script>{worker}</script>")
        )
        self.assertEqual(await tab.title(), "Both")
        self.assertTrue((await page.screenshot()).startswith(b"\x89PNG"))
        await line.close()
        self.assertEqual(await tab.title(), "Both")
        again = await txcdp.connect(reactor, f"ws://{self.netloc}/devtools/page/{tab.target_id}")
        await browser.close()
        self.assertEqual((await again.connection.when_closed()).code, 1000)

    async def test_ids_of_others(self):
        path = self.mktemp()
        write_tokens(path)
        await self.start(access=AccessOptions(tokens=path))
        browser = await txcdp.connect(reactor, f"http://{self.netloc}/?token={TOKEN}")
        self.addCleanup(browser.close)
        tab = await browser.new_page()
        for target_id, token in ((tab.target_id, OTHER), ("0" * 32, TOKEN)):
            url = f"ws://{self.netloc}/devtools/page/{target_id}?token={token}"
            error = await self.fails(txcdp.connect(reactor, url), HandshakeFailed)
            self.assertIn("404", str(error))
        own = await txcdp.connect(reactor, f"ws://{self.netloc}/devtools/page/{tab.target_id}?token={TOKEN}")
        await own.close()


class EndTests(SharedCase):
    async def work(self, browser: txcdp.Browser) -> tuple[list[int], Any]:
        """Let a client work until it is told to stop, or fails."""
        done = [0]
        tab = await browser.new_page()

        async def work() -> None:
            while done[0] >= 0:
                await tab.evaluate("'x'.repeat(1000)")
                done[0] += 1

        working = Deferred.fromCoroutine(work())
        await self.until(lambda: done[0] > 10)
        return done, working

    async def test_the_browser_is_killed(self):
        gateway = await self.start(pool=PoolOptions(size=2, warm=2))
        await self.until(lambda: len(gateway.pool.idle) == 2)
        clients = [await self.client(), await self.client(), await self.client()]
        await gatherResults([each.version() for each in clients])
        pids = [self.pid_of(number) for number in (1, 2, 3)]
        self.assertEqual(len(set(pids)), 2)
        self.note()
        doomed = [each for each, pid in zip(clients, pids, strict=True) if pid == pids[0]]
        other = next(each for each in clients if each not in doomed)
        done, working = await self.work(other)
        os.kill(pids[0], signal.SIGKILL)
        for each in doomed:
            lost = await each.connection.when_closed()
            self.assertEqual(lost.code, 1011)
            self.assertIn("has ended", lost.reason)
        await self.until(lambda: len(gateway.pool.idle) == 1 and gateway.pool.starting == 0)
        before = done[0]
        await self.until(lambda: done[0] > before + 20)
        self.assertEqual(gateway.pool.counts.died, 1)
        self.assertEqual(gateway.counters.ended, {"browser": len(doomed)})
        await (await self.client()).version()
        done[0] = STOP
        await working

    async def test_a_browser_hangs(self):
        await self.start(pool=PoolOptions(size=1, warm=1, check_interval=0.3, check_timeout=15))
        clients = [await self.client(), await self.client()]
        pid = self.pid_of(1)
        self.note()
        halt(pid)
        for each in clients:
            self.assertIn("does not answer", str(await each.connection.when_closed()))
        await self.until(lambda: not is_alive(pid))

    async def test_a_client_that_does_not_read(self):
        """It is cut off when too much waits for it; the others do not notice."""
        gateway = await self.start(clients=ClientLimits(slow_time=60, unread=8_000_000))
        slow, other = await self.client(probes=None), await self.client()
        tab = await slow.new_page()
        done, working = await self.work(other)
        slow.connection.transport.pause()
        for _ in range(20):
            sent = tab.session.execute_raw("Runtime.evaluate", {"expression": "'x'.repeat(4e6)"})
            sent.addErrback(lambda _: None)
        before = done[0]
        await self.until(lambda: 1 not in gateway.clients.relays)
        await self.until(lambda: done[0] > before + 20)
        self.assertEqual(gateway.counters.ended, {"slow": 1})
        (upstream,) = self.shared.placement.upstreams
        await self.until(lambda: len(upstream.shared.state.clients) == 1)
        done[0] = STOP
        await working

    async def test_drain(self):
        gateway = await self.start(drain=2 * PATIENCE)  # it is not that which ends it
        browser = await self.client()
        stopping = gateway.stop()
        await self.fails(self.client(), HandshakeFailed)
        await browser.version()
        await browser.close()
        await stopping

    async def test_the_gateway_stops_under_load(self):
        gateway = await self.start()
        _, working = await self.work(await self.client())
        await gateway.stop()
        await self.fails(working, ConnectionLost)
