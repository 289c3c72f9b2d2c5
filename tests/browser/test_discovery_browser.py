"""Discovery against a real Chromium and a real Node; trial itself fails a test that leaves anything in the reactor."""

from __future__ import annotations

import os
import re
import signal
from typing import Any

from twisted.internet import reactor
from twisted.internet.defer import Deferred
from twisted.internet.protocol import Factory, ProcessProtocol, Protocol
from twisted.logger import ILogObserver, formatEvent, globalLogPublisher
from twisted.python.failure import Failure
from twisted.trial.unittest import TestCase
from twisted.web.resource import Resource
from twisted.web.server import Site
from zope.interface import implementer

from tests.browser.support import listen, listen_silently, refusing_port
from txcdp import connect, launch
from txcdp.chrome import discovery, start_browser
from txcdp.errors import ConnectError, ConnectTimeout, HandshakeFailed, TxcdpError

R: Any = reactor


class NoHttp(Protocol):
    """Speaks another protocol."""

    def connectionMade(self) -> None:
        assert self.transport is not None
        self.transport.write(b"220 mail.example ESMTP\r\n")
        self.transport.loseConnection()


class Node(ProcessProtocol):
    """A Node with its inspector on any port."""

    def __init__(self) -> None:
        self.listening: Deferred[str] = Deferred()
        self.ended: Deferred[None] = Deferred()
        self._text = b""

    def errReceived(self, data: bytes) -> None:
        self._text += data
        if not self.listening.called and (found := re.search(rb"(ws://\S+)\n", self._text)):
            self.listening.callback(found[1].decode())

    def processEnded(self, reason: Failure) -> None:
        if not self.listening.called:
            self.listening.errback(AssertionError(self._text))
        self.ended.callback(None)


class ChromiumTests(TestCase):
    async def test_everything(self):
        browser = await start_browser(R)
        try:
            await self.everything(browser.ws_url, browser.ws_url.split("/")[2])
        finally:
            await browser.close()

    async def everything(self, ws_url: str, host: str) -> None:
        info = await discovery.version(R, host)
        self.assertIn("Chrome/", info.browser or "")
        self.assertEqual(info.web_socket_debugger_url, ws_url)
        new = await discovery.new_target(R, host, "data:text/html,a?b&c")
        assert new.id is not None
        listed = {target.id: target for target in await discovery.list_targets(R, host)}
        self.assertEqual(listed[new.id].url, "data:text/html,a?b&c")
        await discovery.activate(R, host, new.id)
        await discovery.close(R, host, new.id)
        with self.assertRaisesRegex(TxcdpError, "No such target id: nope"):
            await discovery.close(R, host, "nope")
        self.assertGreater(len((await discovery.protocol(R, host))["domains"]), 40)
        self.assertEqual(await discovery.resolve(R, host), ws_url)
        port = host.split(":")[1]
        self.assertEqual(await discovery.resolve(R, port), ws_url)
        self.assertEqual(
            await discovery.resolve(R, f"http://localhost:{port}"), ws_url.replace("127.0.0.1", "localhost")
        )

    async def test_a_name_is_refused(self):
        browser = await start_browser(R)
        try:
            port = browser.ws_url.split("/")[2].split(":")[1]
            real = R.nameResolver
            resolver = Everywhere(real)
            R.installNameResolver(resolver)
            try:
                with self.assertRaisesRegex(HandshakeFailed, "IP address"):
                    await discovery.version(R, f"http://browser.example:{port}")
            finally:
                R.installNameResolver(real)
        finally:
            await browser.close()


class Everywhere:
    """Resolves every name to this machine."""

    def __init__(self, real: Any) -> None:
        self._real = real

    def resolveHostName(self, receiver: Any, name: str, *args: Any, **kwargs: Any) -> Any:
        return self._real.resolveHostName(receiver, "127.0.0.1", *args, **kwargs)


class NodeTests(TestCase):
    async def test_resolve(self):
        node = Node()
        process = R.spawnProcess(
            node, "node", ["node", "--inspect=0", "-e", "setInterval(()=>{},1e3)"], dict(os.environ)
        )
        try:
            url = await node.listening
            host = url.split("/")[2]
            self.assertEqual(await discovery.resolve(R, f"http://{host}"), url)
            self.assertIn("node.js", (await discovery.version(R, host)).browser or "")
            (target,) = await discovery.list_targets(R, host)
            self.assertEqual(target.type, "node")
        finally:
            process.signalProcess(signal.SIGKILL)
            await node.ended


class OtherServerTests(TestCase):
    async def test_refused(self):
        number = refusing_port()
        with self.assertRaisesRegex(ConnectError, f"--remote-debugging-port={number}"):
            await discovery.version(R, f"127.0.0.1:{number}")

    async def test_silent(self):
        port = listen_silently(self)
        with self.assertRaises(ConnectTimeout):
            await discovery.version(R, str(port), timeout=0.1)

    async def test_no_http(self):
        port = listen(self, Factory.forProtocol(NoHttp))
        with self.assertRaisesRegex(HandshakeFailed, "something other"):
            await discovery.version(R, str(port))


class SixthVersionTests(TestCase):
    async def test_a_browser_that_listens_there_alone(self):
        port = listen_silently(self)
        async with await launch(R, args=[f"--remote-debugging-port={port}"]) as browser:
            assert browser.process is not None
            self.assertTrue(browser.process.ws_url.startswith(f"ws://[::1]:{port}/"), browser.process.ws_url)
            async with await connect(R, f"[::1]:{port}") as other:
                self.assertEqual((await other.version()).product, (await browser.version()).product)

    async def test_an_ipv6_address(self):
        """Chromium listens there when its port is taken on 127.0.0.1; treq alone refuses such a URL."""
        hosts: list[str] = []

        class Version(Resource):
            isLeaf = True

            def render(self, request: Any) -> bytes:
                hosts.append(request.getHeader("host"))
                return b'{"webSocketDebuggerUrl":"ws://localhost/devtools/browser/a"}'

        logged: list[str] = []
        site = Site(Version())
        site.noisy = False
        port = listen(self, site, interface="::1")

        @implementer(ILogObserver)
        def observer(event: Any) -> None:
            logged.append(formatEvent(event))

        globalLogPublisher.addObserver(observer)
        self.addCleanup(globalLogPublisher.removeObserver, observer)
        host = f"[::1]:{port}"
        self.assertEqual(await discovery.resolve(R, host), f"ws://{host}/devtools/browser/a")
        self.assertEqual(hosts, [host])
        self.assertEqual([line for line in logged if "factory" in line], [])
