"""The lines to a real Chromium: TLS, proxies, compression, large messages, and every way in which they end."""

from __future__ import annotations

import functools
import os
import re
import signal
from typing import Any

from reactivex import operators as ops
from twisted.internet.defer import Deferred, gatherResults
from twisted.internet.ssl import optionsForClientTLS

from tests.browser.support import Server, halt
from tests.browser.support_lines import (
    Authority,
    Forwarder,
    LinesTestCase,
    Proxy,
    SharedLinesTestCase,
    port_of,
    reactor,
    through,
)
from tests.support import PATIENCE, Watcher
from txcdp._core.connection import Connection
from txcdp._core.sessions import AutoAttach, Session, enabling
from txcdp._deferreds import with_deadline
from txcdp._transports.websocket import WebSocketOptions, open_websocket
from txcdp.chrome import BrowserProcess
from txcdp.chrome.discovery import list_targets, new_target
from txcdp.domains import browser, fetch, page, runtime, target
from txcdp.errors import ConnectError, ConnectionLost, ConnectTimeout, HandshakeFailed
from txcdp.streams import queue

MB = 1024 * 1024


async def product(connection: Connection) -> str:
    """Ask for something, to see that the line works."""
    return (await connection.session.execute(browser.get_version())).product


async def a_page(connection: Connection) -> Session:
    """Return the session of a new page."""
    made = await connection.session.execute(target.create_target(url="about:blank"))
    return await connection.attach(made.target_id)


async def evaluate(session: Session, expression: str) -> Any:
    """Return what an expression comes to."""
    reply = await session.execute(runtime.evaluate(expression=expression, return_by_value=True), timeout=PATIENCE)
    return reply.result.value


def is_of(url: str, event: page.FrameNavigated) -> bool:
    """Return whether a frame has come to a URL."""
    return event.frame.url == url


def _raise(_: object) -> None:
    raise ZeroDivisionError


class DoorCase(SharedLinesTestCase):
    async def refused(self, url: str, kind: type[ConnectError], *parts: str, **options: Any) -> ConnectError:
        """Connect in vain; see that the error says why."""
        options.setdefault("open_timeout", PATIENCE)
        opening: Deferred[Any] = open_websocket(reactor, url, WebSocketOptions(**options))
        error: ConnectError = await self.assertFailure(opening, kind)
        for part in parts:
            self.assertRegex(str(error), f"(?i){part}")
        self.assertNotIn("Traceback", str(error))
        return error


class TLSTests(DoorCase):
    async def test_wss(self):
        chrome = await self.browser()
        authority = Authority()
        forwarder = await self.forwarder(Forwarder(port_of(chrome)), authority.server("localhost", "127.0.0.1"))
        for host in ("localhost", "127.0.0.1"):
            tls = optionsForClientTLS(host, trustRoot=authority.trust)
            connection = await self.connect(through(chrome, forwarder.port, "wss", host), tls=tls)
            self.assertIn("Chrome", await product(connection))
            self.assertEqual(await evaluate(await a_page(connection), f"'y'.repeat({5 * MB})"), "y" * 5 * MB)
            self.assertTrue(connection.transport.describe()["secure"])
            self.assertTrue((await connection.close()).clean)

    async def test_certificates_that_are_not_to_be_trusted(self):
        chrome = await self.browser()
        authority = Authority()
        good = await self.forwarder(Forwarder(port_of(chrome)), authority.server("localhost"))
        url = through(chrome, good.port, "wss", "localhost")
        await self.refused(url, HandshakeFailed, "localhost", "certificate is not trusted", "trustRoot")
        other = optionsForClientTLS("localhost", trustRoot=Authority().trust)
        await self.refused(url, HandshakeFailed, "certificate is not trusted", tls=other)
        trusting = optionsForClientTLS("localhost", trustRoot=authority.trust)
        named = await self.forwarder(Forwarder(port_of(chrome)), authority.server("elsewhere.example"))
        url = through(chrome, named.port, "wss", "localhost")
        await self.refused(url, HandshakeFailed, "not for the name 'localhost'", tls=trusting)
        old = await self.forwarder(Forwarder(port_of(chrome)), authority.server("localhost", expired=True))
        await self.refused(through(chrome, old.port, "wss", "localhost"), HandshakeFailed, "certificate", tls=trusting)
        self.assertEqual(good.heads + named.heads + old.heads, [], "nothing was said to them")

    async def test_tls_where_there_is_none_and_the_other_way_round(self):
        chrome = await self.browser()
        forwarder = await self.forwarder(Forwarder(port_of(chrome)), Authority().server("localhost"))
        await self.refused(through(chrome, port_of(chrome), "wss"), ConnectError)
        await self.refused(through(chrome, forwarder.port, "ws"), ConnectError)
        self.flushLoggedErrors()  # the forwarder's TLS, about a client that speaks plainly


class ProxyTests(DoorCase):
    async def test_through_a_proxy(self):
        chrome = await self.browser()
        authority = Authority()
        inner = await self.forwarder(Forwarder(port_of(chrome)), authority.server("127.0.0.1"))
        tls = optionsForClientTLS("127.0.0.1", trustRoot=authority.trust)
        for version in (b"1.0", b"1.1"):
            proxy = await self.forwarder(Proxy(b"HTTP/%b 200 Connection established\r\n\r\n" % version))
            where = ("127.0.0.1", proxy.port)
            plain = await self.connect(chrome.ws_url, proxy=where)
            secure = await self.connect(through(chrome, inner.port, "wss"), proxy=where, tls=tls)
            for connection in (plain, secure):
                self.assertIn("Chrome", await product(connection))
                self.assertEqual(await evaluate(await a_page(connection), f"'z'.repeat({MB})"), "z" * MB)
            self.assertEqual(
                [head.split()[:2] for head in proxy.heads],
                [
                    ["CONNECT", f"127.0.0.1:{port_of(chrome)}"],
                    ["CONNECT", f"127.0.0.1:{inner.port}"],
                ],
            )
            self.assertEqual([each.transport.describe()["secure"] for each in (plain, secure)], [False, True])

    async def test_an_untrusted_certificate_behind_a_proxy(self):
        chrome = await self.browser()
        inner = await self.forwarder(Forwarder(port_of(chrome)), Authority().server("localhost"))
        proxy = await self.forwarder(Proxy())
        url = through(chrome, inner.port, "wss", "localhost")
        await self.refused(url, HandshakeFailed, "certificate", proxy=("127.0.0.1", proxy.port))
        self.assertEqual(inner.heads, [])

    async def test_proxies_that_do_not_connect(self):
        url = "ws://127.0.0.1:9/devtools/browser/x"
        for answer, parts in (
            (b"HTTP/1.1 407 Proxy Authentication Required\r\nProxy-Authenticate: Basic\r\n\r\n", ("proxy", "407")),
            (b"HTTP/1.1 503 Service Unavailable\r\n\r\n", ("proxy", "503")),
            (b"HTTP/1.1 302 Found\r\nLocation: /\r\n\r\n", ("proxy", "302")),
            (b"HTTP/1.1 nonsense\r\n\r\n", ()),
            (b"SSH-2.0-OpenSSH\r\n", ()),
            (b"\xff\xfe\xfd\r\n\r\n", ()),
            (b"", ()),
        ):
            proxy = await self.forwarder(Proxy(answer))
            where = f"through the proxy 127.0.0.1:{proxy.port}"
            await self.refused(url, HandshakeFailed, where, *parts, proxy=("127.0.0.1", proxy.port))
            self.assertEqual(self.flushLoggedErrors(), [], answer)

    async def test_a_silent_proxy_and_none(self):
        url = "ws://127.0.0.1:9/devtools/browser/x"
        silent = await self.forwarder(Proxy(None))
        await self.refused(url, ConnectTimeout, proxy=("127.0.0.1", silent.port), open_timeout=0.5)
        gone = Forwarder()
        await gone.open()
        await gone.close()
        await self.refused(url, ConnectError, str(gone.port), proxy=("127.0.0.1", gone.port))


class HandshakeTests(DoorCase):
    async def test_headers(self):
        chrome = await self.browser()
        forwarder = await self.forwarder(Forwarder(port_of(chrome)))
        headers = {"Authorization": "Bearer hush", "X-Who": "tests"}
        connection = await self.connect(through(chrome, forwarder.port), headers=headers)
        await product(connection)
        (head,) = forwarder.heads
        lines = head.split("\r\n")
        self.assertIn("Authorization: Bearer hush", lines)
        self.assertIn("X-Who: tests", lines)
        self.assertIn(f"Host: 127.0.0.1:{forwarder.port}", lines)
        self.assertNotRegex(head, "(?i)origin:")
        self.assertNotIn("hush", repr(WebSocketOptions(headers=headers)) + repr(connection.transport.describe()))

    async def test_no_origin_and_the_browsers_own_refusals(self):
        chrome = await self.browser()
        proxy = await self.forwarder(Proxy())
        through_it = {"proxy": ("127.0.0.1", proxy.port)}
        error = await self.refused(
            chrome.ws_url, HandshakeFailed, "403", "Origin", headers={"Origin": "http://evil.example", "X-Key": "hush"}
        )
        self.assertNotIn("hush", str(error))
        port = port_of(chrome)
        for host in ("localhost", "127.0.0.1", "10.1.2.3", "some.localhost"):
            connection = await self.connect(through(chrome, port, host=host), **through_it)
            self.assertIn("Chrome", await product(connection))
        await self.refused(through(chrome, port, host="browser.example"), HandshakeFailed, "500", "IP", **through_it)
        await self.refused(f"ws://127.0.0.1:{port}/devtools/browser/0", HandshakeFailed, "404", "json/version")
        await self.refused(f"ws://127.0.0.1:{port}/devtools/page/0", HandshakeFailed, "500", "target")

    async def test_compression(self):
        chrome = await self.browser()
        forwarder = await self.forwarder(Forwarder(port_of(chrome)))
        plain = await self.connect(chrome.ws_url)
        self.assertEqual(plain.transport.describe()["extensions"], [])
        connection = await self.connect(through(chrome, forwarder.port), compress=True)
        self.assertRegex(str(connection.transport.describe()["extensions"]), "(?i)deflate")
        self.assertRegex(forwarder.heads[0], "Sec-WebSocket-Extensions: permessage-deflate")
        self.assertEqual(await product(connection), await product(plain))
        session = await a_page(connection)
        size = 5 * MB
        self.assertEqual(await evaluate(session, f"'x'.repeat({size})"), "x" * size)
        self.assertLess(connection.stats.bytes_received, MB)
        text = await evaluate(
            session, "Array.from({length: 300000}, (_, i) => (i * 7919 % 100003).toString(36)).join()"
        )
        self.assertEqual(len(text.split(",")), 300_000)
        self.assertEqual(await evaluate(session, f"{'x' * MB!r}.length"), MB)
        waiting = [evaluate(session, f"{each} * 2") for each in range(200)]
        self.assertEqual([await each for each in waiting], [each * 2 for each in range(200)])
        self.assertTrue((await connection.close()).clean)

    async def test_a_pages_own_endpoint(self):
        chrome = await self.browser()
        where = f"127.0.0.1:{port_of(chrome)}"
        made = await new_target(reactor, where)
        (listed,) = [each for each in await list_targets(reactor, where) if each.id == made.id]
        assert listed.web_socket_debugger_url is not None
        self.assertTrue(listed.web_socket_debugger_url.endswith(f"/devtools/page/{made.id}"))
        connection = await self.connect(listed.web_socket_debugger_url)
        loads = queue(connection.session.events(page.LoadEventFired))
        await connection.session.execute(page.navigate(url="data:text/html,<title>here</title>"))
        await with_deadline(reactor, loads.get(), PATIENCE, TimeoutError)
        self.assertEqual(await evaluate(connection.session, "document.title"), "here")
        pending = connection.session.execute(
            runtime.evaluate(expression="new Promise(() => {})", await_promise=True), timeout=None
        )
        connection.session.execute(page.close()).addErrback(lambda _: None)
        await self.assertFailure(with_deadline(reactor, pending, PATIENCE, TimeoutError), ConnectionLost)
        self.assertFalse((await connection.when_closed()).clean)


class LargeTests(LinesTestCase):
    def memory(self, name: str) -> int:
        """Return a number of bytes that the system tells of this process."""
        with open("/proc/self/status") as status:
            found = re.search(rf"{name}:\s+(\d+) kB", status.read())
        assert found is not None
        return int(found[1]) * 1024

    def forget_peak(self) -> None:
        """Let the system forget how much memory was in use at the most."""
        with open("/proc/self/clear_refs", "w") as control:
            control.write("5")

    async def measured(self, expression: str, size: int) -> Any:
        """Evaluate an expression that makes a large message of such a size, within sane bounds."""
        chrome = await self.browser()
        connection = await self.connect(chrome.ws_url)
        session = await a_page(connection)
        self.forget_peak()
        before = self.memory("VmRSS")
        value = await evaluate(session, expression)
        self.assertLess(self.memory("VmHWM") - before, 7 * size + 50 * MB)
        self.assertIn("Chrome", await product(connection))
        return value

    async def test_sending_40_megabytes(self):
        self.assertEqual(await self.measured(f"/*{'x' * 40 * MB}*/ 1 + 1", 40 * MB), 2)

    async def test_sending_150_megabytes(self):
        self.assertEqual(await self.measured(f"{'x' * 150 * MB!r}.length", 150 * MB), 150 * MB)

    async def test_receiving_100_megabytes(self):
        value = await self.measured(f"'x'.repeat({100 * MB})", 100 * MB)
        self.assertEqual((len(value), value.count("x")), (100 * MB, 100 * MB))

    async def test_sending_40_megabytes_over_the_pipe(self):
        chrome = await self.browser(transport="pipe")
        session = await a_page(self.on(chrome.pipe))
        self.assertEqual(await evaluate(session, f"{'x' * 40 * MB!r}.length"), 40 * MB)
        self.assertEqual(len(await evaluate(session, f"'x'.repeat({40 * MB})")), 40 * MB)

    async def test_more_than_the_pipe_takes(self):
        chrome = await self.browser(transport="pipe")
        connection = self.on(chrome.pipe)
        deferred = connection.session.execute_raw("Browser.getVersion", {"fill": "x" * 101 * MB}, timeout=None)
        error = await self.assertFailure(with_deadline(reactor, deferred, PATIENCE, TimeoutError), ValueError)
        self.assertIn("too large", str(error))
        self.assertIn("Chrome", await product(connection))


class Bereaved:
    """A connection with everything pending on it that can be."""

    def __init__(self, case: LinesTestCase, connection: Connection, session: Session) -> None:
        self.case = case
        self.connection = connection
        self.commands: list[Deferred[Any]] = [
            session.execute(runtime.evaluate(expression="new Promise(() => {})", await_promise=True), timeout=None)
            for _ in range(3)
        ]
        self.commands.append(session.execute(page.navigate(url="http://127.0.0.1:9/"), timeout=PATIENCE))
        self.streams = [
            Watcher(source)
            for source in (
                session.events(page.LoadEventFired),
                session.events(runtime.ConsoleAPICalled).pipe(ops.debounce(1000.0), ops.buffer_with_count(5)),
                connection.session.events_raw("Target.targetCreated"),
                connection.events_raw(),
                connection.attached,
            )
        ]
        self.queue = queue(session.events(page.FrameNavigated))
        self.ended = session.when_ended()

    async def see(self) -> ConnectionLost:
        """See that all of it ends, with the loss."""
        lost: ConnectionLost = await with_deadline(reactor, self.connection.when_closed(), PATIENCE, TimeoutError)
        for each in self.commands:
            await self.case.assertFailure(each, ConnectionLost)
        for watcher in self.streams:
            self.case.assertEqual((watcher.completed, [type(each) for each in watcher.errors]), (0, [ConnectionLost]))
        await self.case.assertFailure(self.queue.get(), ConnectionLost)
        self.case.assertIs(await self.ended, lost)
        await self.case.assertFailure(self.connection.session.execute(browser.get_version()), ConnectionLost)
        self.case.assertFalse(lost.clean)
        return lost


class EndTests(LinesTestCase):
    async def bereaved(self, chrome: BrowserProcess, connection: Connection) -> Bereaved:
        session = await a_page(connection)
        await session.execute(runtime.enable())
        return Bereaved(self, connection, session)

    async def test_killed(self):
        chrome = await self.browser()
        waiting = await self.bereaved(chrome, await self.connect(chrome.ws_url))
        os.kill(chrome.pid, signal.SIGKILL)
        self.assertEqual((await waiting.see()).code, 1006)
        await chrome.close()
        await self.no_calls_left()

    async def test_killed_over_the_pipe(self):
        chrome = await self.browser(transport="pipe")
        waiting = await self.bereaved(chrome, self.on(chrome.pipe))
        os.kill(chrome.pid, signal.SIGKILL)
        self.assertIn("browser", str(await waiting.see()))
        await chrome.close()
        await self.no_calls_left()

    async def test_stopped(self):
        chrome = await self.browser()
        connection = await self.connect(chrome.ws_url, ping_interval=0.3, ping_timeout=10.0)
        waiting = await self.bereaved(chrome, connection)
        self.addCleanup(os.kill, chrome.pid, signal.SIGCONT)
        halt(chrome.pid)
        self.assertRegex(str(await waiting.see()), "no answer to a ping within 10 s")

    async def test_a_heartbeat_does_no_harm(self):
        chrome = await self.browser()
        connection = await self.connect(chrome.ws_url, ping_interval=0.05, ping_timeout=PATIENCE)
        session = await a_page(connection)
        busy = session.execute(runtime.evaluate(expression="for (let end = Date.now() + 1000; Date.now() < end;);"))
        self.assertEqual((await busy).result.type, "undefined")
        self.assertIsNone(connection.lost)

    async def test_closing_when_it_is_stopped(self):
        chrome = await self.browser()
        connection = await self.connect(chrome.ws_url, close_timeout=0.5)
        session = await a_page(connection)
        self.addCleanup(os.kill, chrome.pid, signal.SIGCONT)
        halt(chrome.pid)
        pending = session.execute(page.enable(), timeout=None)
        lost = await connection.close()
        self.assertEqual((lost.cause, lost.clean), ("close_timeout", True))
        await self.assertFailure(pending, ConnectionLost)
        opening = open_websocket(reactor, chrome.ws_url, WebSocketOptions(open_timeout=0.5))
        await self.assertFailure(opening, ConnectTimeout)
        await self.no_calls_left()

    async def test_closing_when_it_is_stopped_over_the_pipe(self):
        chrome = await self.browser(transport="pipe")
        connection = self.on(chrome.pipe)
        self.addCleanup(os.kill, chrome.pid, signal.SIGCONT)
        halt(chrome.pid)
        pending = connection.session.execute(browser.get_version(), timeout=None)
        self.assertTrue((await with_deadline(reactor, connection.close(), PATIENCE, TimeoutError)).clean)
        await self.assertFailure(pending, ConnectionLost)

    async def test_how_it_was_closed(self):
        chrome = await self.browser()
        connection = await self.connect(chrome.ws_url)
        lost = await connection.close()
        facts = connection.transport.describe()
        self.assertEqual((lost.clean, lost.code, facts["close_code"]), (True, 1000, 1000))
        self.assertIn(str(port_of(chrome)), str(facts["peer"]))
        again = await self.connect(chrome.ws_url)
        again.session.execute(browser.close()).addErrback(lambda _: None)
        lost = await again.when_closed()
        self.assertEqual((lost.clean, lost.code), (False, 1006))
        self.assertIn("without a closing handshake", str(lost))


class ChildrenTests(SharedLinesTestCase):
    """Sessions that were attached through a page's session, and not through the browser's."""

    async def worker(self, session: Session) -> None:
        """Let a page start a worker."""
        await evaluate(session, "void new Worker(URL.createObjectURL(new Blob(['onmessage = 1'])))")

    async def on_each_line(self) -> list[Connection]:
        chrome = await self.browser()
        other = await self.browser(transport="pipe")
        return [await self.connect(chrome.ws_url), self.on(other.pipe)]

    async def test_detaching_a_child(self):
        for connection in await self.on_each_line():
            session = await a_page(connection)
            attached = queue(connection.attached)
            await AutoAttach().start(session)
            await self.worker(session)
            child = await with_deadline(reactor, attached.get(), PATIENCE, TimeoutError)
            self.assertIs(child.parent, session)
            await with_deadline(reactor, child.detach(), PATIENCE, TimeoutError)
            self.assertTrue(child.ended)
            self.assertFalse(session.ended)

    async def test_a_child_that_is_not_wanted(self):
        for connection in await self.on_each_line():
            session = await a_page(connection)
            detached = queue(session.events(target.DetachedFromTarget))
            await AutoAttach(keep=lambda _: False).start(session)
            await self.worker(session)
            await with_deadline(reactor, detached.get(), 30, lambda: TimeoutError("it is still attached"))
            self.assertEqual(connection.sessions, [connection.session, session])

    async def test_workers_that_are_not_wanted_run(self):
        # Detached from in the same write, a shared worker never ran, and a service worker in one of five times.
        served = Server()
        self.addCleanup(lambda: Deferred.fromCoroutine(served.stop()))
        served.page("/", "<title>page</title>")
        shared_worker = "onconnect = event => event.ports[0].postMessage('ran')"
        served.page("/worker.js", shared_worker, content_type="text/javascript")
        served.page("/service.js", "addEventListener('install', () => skipWaiting())", content_type="text/javascript")
        for connection in await self.on_each_line():
            session = await a_page(connection)
            await session.execute(page.enable())
            kept = AutoAttach(keep=lambda info: info.type == "page")
            for each in (connection.session, session):
                await kept.start(each)
            loaded = queue(session.events(page.LoadEventFired)).get()
            await session.execute(page.navigate(url=served.url("/")))
            await loaded
            for number in range(5):
                shared = f"new SharedWorker('/worker.js', 'w{number}').port.onmessage = event => ran(event.data)"
                service = (
                    f"navigator.serviceWorker.register('/service.js', {{scope: '/{number}'}}).then(found => {{"
                    "const worker = found.installing || found.waiting || found.active;"
                    "(worker.onstatechange = () => worker.state == 'activated' && ran('ran'))() })"
                )
                for script in (shared, service):
                    expression = f"new Promise(ran => void ({script}))"
                    command = runtime.evaluate(expression=expression, await_promise=True, return_by_value=True)
                    self.assertEqual((await session.execute(command)).result.value, "ran", expression)

    async def test_a_subscriber_that_raises_stops_no_page(self):
        served = Server()
        self.addCleanup(lambda: Deferred.fromCoroutine(served.stop()))
        served.page("/", "<title>page</title><img src=/image>")
        for connection in await self.on_each_line():
            session = await a_page(connection)
            session.events(fetch.RequestPaused).subscribe(_raise)
            await session.execute(fetch.enable())
            loads = queue(session.events(page.LoadEventFired))
            for _ in range(2):
                await session.execute(page.navigate(url=served.url("/")))
                await with_deadline(reactor, loads.get(), 30, TimeoutError)
            self.assertEqual(len(self.flushLoggedErrors(ZeroDivisionError)), 1)
            self.assertEqual(await evaluate(session, "document.title"), "page")

    async def test_a_pause_that_was_asked_for_by_hand(self):
        for connection in await self.on_each_line():
            session = await a_page(connection)
            attached = queue(connection.attached)
            await AutoAttach().start(session)
            by_hand = target.set_auto_attach(auto_attach=True, wait_for_debugger_on_start=True, flatten=True)
            await session.execute(by_hand)
            said = queue(session.events(runtime.ConsoleAPICalled))
            script = (
                "new Worker(URL.createObjectURL(new Blob(['postMessage(1)']))).onmessage = () => console.log('ran')"
            )
            await evaluate(session, f"void ({script})")
            child = await with_deadline(reactor, attached.get(), 30, TimeoutError)
            for _ in range(20):  # one that is not held runs meanwhile
                await evaluate(session, "1")
            await evaluate(session, "console.log('not yet')")
            await child.execute(runtime.run_if_waiting_for_debugger())
            heard = [(await with_deadline(reactor, said.get(), 30, TimeoutError)).args[0].value for _ in range(2)]
            self.assertEqual(heard, ["not yet", "ran"])


class FreshTabsTests(LinesTestCase):
    """Who subscribes and then navigates misses nothing, and awaits nothing in between."""

    async def navigate(self, connection: Connection) -> None:
        self.patch(enabling, "PATIENCE", 60.0)  # twenty fresh tabs on a busy machine may be taken for hung ones
        made = [connection.session.execute(target.create_target(url="about:blank")) for _ in range(20)]
        sessions = [await connection.attach((await each).target_id) for each in made]
        waiting = []
        for number, session in enumerate(sessions):
            url = f"data:text/html,<title>{number}</title>"
            wanted = session.events(page.FrameNavigated).pipe(
                ops.filter(functools.partial(is_of, url)),
                ops.zip(session.events(page.LoadEventFired)),
                ops.take(1),
            )
            waiting.append(queue(wanted).get())
            session.execute(page.navigate(url=url)).addErrback(self.fail)
        await with_deadline(reactor, gatherResults(waiting), 60, lambda: TimeoutError("a load event was missed"))
        titles = [await evaluate(each, "document.title") for each in sessions]
        self.assertEqual(titles, [str(each) for each in range(20)])

    async def test_over_the_websocket(self):
        chrome = await self.browser()
        await self.navigate(await self.connect(chrome.ws_url))

    async def test_over_the_pipe(self):
        chrome = await self.browser(transport="pipe")
        await self.navigate(self.on(chrome.pipe))
