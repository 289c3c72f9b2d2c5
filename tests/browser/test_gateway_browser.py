"""The gateway before real browsers, with txcdp as its client: use, ends of all kinds, clients that harm."""

from __future__ import annotations

import os
import signal
from collections.abc import Iterable
from pathlib import Path
from typing import Any

from twisted.internet.defer import Deferred, gatherResults
from twisted.internet.task import deferLater

import txcdp
from tests.browser.support import BrowserTestCase, halt, reactor
from tests.gateway.support import memory_of
from tests.support import PATIENCE
from txcdp._deferreds import returns_deferred
from txcdp._transports.websocket import WebSocketOptions, open_websocket
from txcdp.chrome import discovery
from txcdp.domains import runtime
from txcdp.errors import ConnectionLost, HandshakeFailed, TxcdpError
from txcdp.gateway import AccessOptions, BrowserLimits, ClientLimits, Gateway, GatewayOptions, Policy, PoolOptions

#: In place of a count: stop working.
STOP = -(10**9)
TOKEN = "0123456789abcdef-one"


def sleep(seconds: float) -> Deferred[None]:
    return deferLater(reactor, seconds, lambda: None)


def profiles_of(pids: list[int]) -> list[str]:
    """Return the profiles that browsers use."""
    found = []
    for pid in pids:
        line = Path(f"/proc/{pid}/cmdline").read_bytes().split(b"\0")
        found += [each.partition(b"=")[2].decode() for each in line if each.startswith(b"--user-data-dir=")]
    return found


def descendants(pids: list[int]) -> set[int]:
    """Return processes, and all that descend from them."""
    children: dict[int, list[int]] = {}
    for stat in Path("/proc").glob("[0-9]*/stat"):
        try:
            text = stat.read_text()
        except OSError:
            continue
        children.setdefault(int(text.rpartition(")")[2].split()[1]), []).append(int(text.split()[0]))
    found, waiting = set(), list(pids)
    while waiting:
        each = waiting.pop()
        found.add(each)
        waiting += children.get(each, [])
    return found


def is_alive(pid: int) -> bool:
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] != "Z"
    except OSError:
        return False


def existing(paths: Iterable[str]) -> list[str]:
    return [each for each in paths if os.path.exists(each)]


def tokens_file(path: str) -> str:
    Path(path).write_text(f'[one]\ntoken = "{TOKEN}"\n')
    return path


class GatewayCase(BrowserTestCase):
    async def start(self, **options: Any) -> Gateway:
        """Start a gateway that is stopped at the end; nothing may be left of it."""
        chosen = {"endpoint": "tcp:0:interface=127.0.0.1", "drain": 0.0, "pool": PoolOptions(size=3, warm=1), **options}
        return await self.begin_with(Gateway(reactor, GatewayOptions(**chosen)))

    async def begin_with(self, gateway: Gateway) -> Gateway:
        """Start a gateway that was made already."""
        self.gateway = gateway
        self.processes: set[int] = set()
        self.profiles: set[str] = set()
        await gateway.start()
        assert gateway.port is not None
        where: Any = gateway.port.getHost()
        self.netloc = f"127.0.0.1:{where.port}"
        self.addCleanup(lambda: Deferred.fromCoroutine(self.finish()))
        return gateway

    def note(self) -> None:
        """Note which processes and profiles there are."""
        pids = [each["pid"] for each in self.gateway.state()["browsers"]]
        self.processes |= descendants(pids)
        self.profiles |= set(profiles_of(pids))

    async def finish(self) -> None:
        self.note()
        await self.gateway.stop()
        await self.until(lambda: not any(map(is_alive, self.processes)))
        self.assertEqual(existing(self.profiles), [])
        self.assertEqual(self.gateway.state()["browsers"], [])

    async def until(self, condition: Any) -> None:
        """Wait for something that has to come, however busy the machine is."""
        began = reactor.seconds()
        while not condition():
            self.assertLess(reactor.seconds() - began, PATIENCE, "it never comes")
            await sleep(0.02)

    @returns_deferred
    async def client(self, **options: Any) -> txcdp.Browser:
        browser = await txcdp.connect(reactor, f"http://{self.netloc}", **options)
        self.addCleanup(browser.close)
        return browser

    def pid_of(self, number: int) -> int:
        """Return the browser of a client."""
        return int(self.gateway.clients.relays[number].line.browser)


class UseTests(GatewayCase):
    async def test_a_page_is_used(self):
        await self.start()
        url = self.server.page("/", "<title>Through</title><script>console.log('heard')</script>")
        async with await self.client() as browser:
            tab = await browser.new_page()
            heard: list[str] = []
            tab.events(runtime.ConsoleAPICalled).subscribe(lambda event: heard.append(event.args[0].value))
            await tab.goto(url)
            self.assertEqual(await tab.title(), "Through")
            self.assertTrue((await tab.screenshot()).startswith(b"\x89PNG"))
            self.assertEqual(len(await tab.evaluate("'x'.repeat(3e6)")), 3_000_000)
            self.assertEqual(await tab.evaluate("(" + "'y'.length+" * 90_000 + "0)"), 90_000)
            self.assertEqual(heard, ["heard"])
            context = await browser.new_context()
            await (await context.new_page()).goto(url)
        outcomes = self.gateway.counters.domains["Page"].outcomes
        self.assertGreater(outcomes["ok"], 3)
        await self.until(lambda: not self.gateway.pool.leased)

    async def test_each_has_a_browser_of_its_own(self):
        await self.start()
        first, second = await gatherResults([self.client(), self.client()])
        tab = await first.new_page()
        seen = {each.target_id for each in await second.targets()}
        self.assertNotIn(tab.target_id, seen)
        self.assertNotEqual(self.pid_of(1), self.pid_of(2))
        await self.fails(second.connection.attach(tab.target_id), TxcdpError)
        for client in (first, second):
            await client.close()
        again = await self.client()
        self.assertEqual(await again.session.execute_raw("Storage.getCookies"), {"cookies": []})

    async def test_the_endpoints(self):
        await self.start()
        version = await discovery.version(reactor, self.netloc)
        self.assertIn("Chrome", version.browser or "")
        self.assertEqual(version.protocol_version, "1.3")
        self.assertGreater(len((await discovery.protocol(reactor, self.netloc))["domains"]), 40)
        found = await discovery.new_target(reactor, self.netloc, self.server.page("/new", "<title>New</title>"))
        listed = await discovery.list_targets(reactor, self.netloc)
        self.assertIn(found.id, [each.id for each in listed])
        only = await txcdp.connect(reactor, found.web_socket_debugger_url or "")
        (tab,) = await only.attach_pages()
        await tab.wait_for_url("**/new")  # it is on its way there
        offered = await txcdp.connect(reactor, listed[0].web_socket_debugger_url or "")
        self.assertEqual(await (await offered.attach_pages())[0].evaluate("location.href"), "about:blank")
        self.assertNotEqual(self.pid_of(1), self.pid_of(2))
        await only.close()
        await offered.close()
        await self.until(lambda: not self.gateway.pool.leased)
        await self.fails(txcdp.connect(reactor, listed[0].web_socket_debugger_url or ""), HandshakeFailed)

    async def test_tokens(self):
        await self.start(access=AccessOptions(tokens=tokens_file(self.mktemp())))
        await self.fails(self.client(), HandshakeFailed)
        browser = await txcdp.connect(reactor, f"http://{self.netloc}/?token={TOKEN}")
        await browser.version()
        await browser.close()
        options = WebSocketOptions(headers={"Authorization": f"Bearer {TOKEN}"})
        browser = await txcdp.connect(reactor, f"ws://{self.netloc}/devtools/browser", options=options)
        await browser.version()
        await browser.close()
        self.assertEqual(self.gateway.counters.clients, {"one": 2})

    async def test_browsers_that_are_used_again(self):
        await self.start(pool=PoolOptions(size=1, warm=1, browser=BrowserLimits(sessions=3)))
        url = self.server.page("/", "<script>document.cookie = 'a=b'</script>")
        pids = set()
        for _ in range(3):
            browser = await self.client()
            self.assertEqual(await browser.session.execute_raw("Storage.getCookies"), {"cookies": []})
            self.assertEqual([each.url for each in await browser.targets() if each.type == "page"], ["about:blank"])
            pids.add(self.pid_of(max(self.gateway.clients.relays)))
            await (await browser.new_page()).goto(url)
            await (await (await browser.new_context()).new_page()).goto(url)
            await browser.close()
        self.assertEqual(len(pids), 1)
        await self.until(lambda: self.gateway.pool.counts.recycled == 1)

    async def test_a_browser_for_the_program_itself(self):
        gateway = await self.start()
        async with gateway.browser() as browser:
            tab = await browser.new_page(self.server.page("/", "<title>Lent</title>"))
            self.assertEqual(await tab.title(), "Lent")
            self.assertEqual(len(gateway.pool.leased), 1)
        self.assertEqual(len(gateway.pool.leased), 0)

    async def test_what_is_forbidden(self):
        await self.start(policy=Policy(methods=("Browser.crash",), schemes=("file",), private_addresses=False))
        browser = await self.client()
        tab = await browser.new_page()
        for sending in (
            browser.session.execute_raw("Browser.crash"),
            tab.session.execute_raw("Page.navigate", {"url": "file:///etc/passwd"}),
            tab.session.execute_raw("Page.navigate", {"url": self.server.url("/")}),
        ):
            error = await self.fails(sending, txcdp.CommandError)
            self.assertIn("not allowed by this gateway", error.message)
        await browser.version()

    async def test_chromium_refuses_a_key_that_is_there_twice(self):
        """What the reading of methods relies on."""
        await self.start()
        line = await open_websocket(reactor, f"ws://{self.netloc}/devtools/browser")
        replies = Replies(line)
        for tail in (b'"method":"Browser.getVersion"', b'"meth\\u006fd":"Browser.getVersion"'):
            line.send(b'{"id":1,"method":"Target.getTargets",' + tail + b"}")
            self.assertIn(b"-32700", await replies.next())
        line.abort()

    async def test_memory_is_read(self):
        gateway = await self.start(pool=PoolOptions(size=1, warm=1, check_interval=0.5))
        await self.until(lambda: gateway.pool.idle and gateway.pool.idle[0].memory > 50e6)
        self.assertGreater(memory_of([os.getpid()])[os.getpid()], gateway.pool.idle[0].memory)


class Replies:
    """What comes over a line, one at a time."""

    def __init__(self, line: Any) -> None:
        line.receiver = self
        self._waiting: Deferred[bytes] | None = None
        self.closed: Deferred[ConnectionLost] = Deferred()
        self._there: list[bytes] = []

    def message_received(self, message: bytes) -> None:
        waiting, self._waiting = self._waiting, None
        if waiting is not None:
            waiting.callback(message)
        else:
            self._there.append(message)

    def transport_closed(self, reason: ConnectionLost) -> None:
        self.closed.callback(reason)

    def next(self) -> Deferred[bytes]:
        waiting: Deferred[bytes] = Deferred()
        if self._there:
            waiting.callback(self._there.pop(0))
        else:
            self._waiting = waiting
        return waiting


class EndTests(GatewayCase):
    async def under_load(self, browser: txcdp.Browser) -> tuple[list[int], Deferred[None]]:
        """Let a client work until it is told to stop, or fails."""
        done = [0]

        async def work() -> None:
            tab = await browser.new_page()
            while done[0] >= 0:
                await tab.evaluate("'x'.repeat(1000)")
                done[0] += 1

        working = Deferred.fromCoroutine(work())
        await self.until(lambda: done[0] > 10)
        return done, working

    async def test_a_browser_is_killed(self):
        gateway = await self.start()
        victim, other = await self.client(), await self.client()
        _, failing = await self.under_load(victim)
        done, working = await self.under_load(other)
        await self.until(lambda: len(gateway.pool.idle) == 1)
        self.note()
        before = done[0]
        os.kill(self.pid_of(1), signal.SIGKILL)
        error = await self.fails(failing, ConnectionLost)
        self.assertIn("has ended", str(error))
        await self.until(lambda: len(gateway.pool.idle) == 1 and gateway.pool.starting == 0)
        await self.until(lambda: done[0] > before + 20)
        self.assertEqual(gateway.pool.counts.died, 1)
        await (await self.client()).version()
        done[0] = STOP
        await working

    async def test_an_idle_browser_is_killed(self):
        gateway = await self.start()
        await self.until(lambda: gateway.pool.idle)
        self.note()
        pid = gateway.pool.idle[0].running.pid
        os.kill(pid, signal.SIGKILL)
        await self.until(lambda: gateway.pool.idle and gateway.pool.idle[0].running.pid != pid)
        self.assertEqual(gateway.pool.counts.died, 1)

    async def test_a_browser_hangs(self):
        gateway = await self.start(pool=PoolOptions(size=2, warm=1, check_interval=0.3, check_timeout=15))
        browser = await self.client()
        pid = self.pid_of(1)
        self.note()
        halt(pid)
        self.assertIn("does not answer", str(await browser.connection.when_closed()))
        self.assertEqual(gateway.pool.counts.hung, 1)
        await self.until(lambda: not is_alive(pid))

    async def test_a_client_vanishes(self):
        gateway = await self.start()
        victim, other = await self.client(), await self.client()
        _, failing = await self.under_load(victim)
        done, working = await self.under_load(other)
        pid = self.pid_of(1)
        self.note()
        victim.connection.transport.abort()
        await self.fails(failing, ConnectionLost)
        before = done[0]
        await self.until(lambda: not is_alive(pid) and len(gateway.pool.idle) >= 1)
        await self.until(lambda: done[0] > before + 20)
        done[0] = STOP
        await working

    async def test_the_client_closes_its_browser(self):
        gateway = await self.start()
        browser = await self.client()
        pid = self.pid_of(1)
        await browser.session.execute_raw("Browser.close")
        await self.until(lambda: not is_alive(pid) and not gateway.clients.relays)
        self.assertEqual(gateway.pool.counts.died, 0)

    async def test_a_client_that_does_not_read(self):
        """Its browser alone waits for it; nobody else does."""
        gateway = await self.start(clients=ClientLimits(slow_time=2 * PATIENCE))
        slow, other = await self.client(probes=None), await self.client()
        tab = await other.new_page()
        await self.flood(slow)
        for number in range(50):
            self.assertEqual(await tab.evaluate(f"{number}"), number)
        self.assertEqual((sorted(gateway.clients.relays), gateway.counters.ended), ([1, 2], {}))
        slow.connection.transport.abort()
        await self.until(lambda: 1 not in gateway.clients.relays)

    async def test_a_client_that_does_not_read_for_too_long(self):
        gateway = await self.start(clients=ClientLimits(slow_time=0.5))
        slow, other = await self.client(probes=None), await self.client()
        began = reactor.seconds()
        await self.flood(slow)
        await self.until(lambda: 1 not in gateway.clients.relays)
        self.assertGreater(reactor.seconds() - began, 0.5)
        self.assertEqual(gateway.counters.ended, {"slow": 1})
        await other.version()

    async def flood(self, client: txcdp.Browser) -> None:
        """Let a client ask for much and read none of it."""
        tab = await client.new_page()
        client.connection.transport.pause()
        tab.session.execute_raw("Runtime.evaluate", {"expression": "'x'.repeat(12e6)"}).addErrback(lambda _: None)

    async def test_drain(self):
        gateway = await self.start(drain=2 * PATIENCE)  # it is not that which ends it
        browser = await self.client()
        stopping = gateway.stop()
        await self.fails(self.client(), HandshakeFailed)
        await browser.version()
        await browser.close()
        await stopping

    async def test_no_listening_to_the_world(self):
        gateway = Gateway(reactor, GatewayOptions(endpoint="tcp:0"))
        await self.fails(gateway.start(), ValueError)
