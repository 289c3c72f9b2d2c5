"""The gateway as a service, and what the command line makes of it."""

from __future__ import annotations

import os
import signal
from pathlib import Path
from typing import Any

from twisted.internet import reactor
from twisted.internet.defer import Deferred, fail, succeed
from twisted.internet.error import CannotListenError
from twisted.internet.protocol import Factory
from twisted.internet.testing import MemoryReactorClock
from twisted.python.usage import UsageError
from twisted.trial.unittest import SynchronousTestCase

from txcdp.gateway import GatewayOptions
from txcdp.gateway._http.tokens import BadTokens
from txcdp.gateway._options import RISKY_METHODS, AccessOptions
from txcdp.service import GatewayService
from txcdp.service._ending import NotStarted
from txcdp.service._gateway_options import GatewayCommandOptions
from txcdp.service._plugin import Options, makeService
from txcdp.service._record_options import RecordOptions

#: What is said, or what is done; never what only goes on from another text.
BEGINNINGS = (
    r"^(The|A|An|What|How|Private|Methods|Schemes|Let|Give|Block|Disable|Launch|Talk|Render|Record|Also|Display) "
)

_reactor: Any = reactor

TOKEN = '[{name}]\ntoken = "0123456789abcdef-{name}"\n'


class Reactor(MemoryReactorClock):
    """One that is called from a signal's handler."""

    def callFromThread(self, function: Any, *args: Any) -> None:
        self.callLater(0, function, *args)


class FakeGateway:
    """Starts and stops as it is told to."""

    def __init__(self) -> None:
        self.started: Deferred[None] = Deferred()
        self.stopped: Deferred[None] = Deferred()
        self.tokens = None

    def start(self) -> Deferred[None]:
        return self.started

    def stop(self) -> Deferred[None]:
        return self.stopped


class HelpTests(SynchronousTestCase):
    def test_the_text_of_each_option_stands_alone(self) -> None:
        for options in (GatewayCommandOptions(), RecordOptions()):
            texts = [each.strip() for each in options.docs.values()]
            self.assertGreater(len(texts), 15)
            for text in texts:
                self.assertRegex(text, BEGINNINGS)
                self.assertNotRegex(text, r"^\w+ (it|them|its|their|these)\b")


class GatewayServiceTests(SynchronousTestCase):
    def setUp(self) -> None:
        self.reactor = Reactor()
        self.before = signal.getsignal(signal.SIGHUP)
        self.addCleanup(lambda: self.assertIs(signal.getsignal(signal.SIGHUP), self.before))

    def service(self, gateway: FakeGateway, **more: Any) -> GatewayService:
        made = GatewayService(self.reactor, start_browser=lambda: Deferred(), **more)
        made.gateway = gateway  # type: ignore[assignment]
        return made

    def test_it_starts_and_stops_with_its_parent(self) -> None:
        gateway = FakeGateway()
        service = self.service(gateway)
        service.startService()
        gateway.started.callback(None)
        stopped = service.stopService()
        self.assertNoResult(stopped)
        gateway.stopped.callback(None)
        self.successResultOf(stopped)

    def test_where_it_cannot_listen_the_application_does_not_start(self) -> None:
        gateway = FakeGateway()
        gateway.started = fail(CannotListenError("127.0.0.1", 9222, OSError("in use")))
        with self.assertRaises(CannotListenError):
            self.service(gateway).startService()

    def test_a_start_that_fails_later_is_told(self) -> None:
        gateway = FakeGateway()
        gateway.stopped = succeed(None)
        service = self.service(gateway)
        service.startService()
        gateway.started.errback(CannotListenError("127.0.0.1", 9222, OSError("in use")))
        self.assertEqual(len(self.flushLoggedErrors(CannotListenError)), 1)
        self.successResultOf(service.stopService())

    def test_who_is_told_that_it_cannot_listen_sees_no_traceback(self) -> None:
        told: list[Exception] = []
        for error in (CannotListenError("127.0.0.1", 9222, OSError("in use")), ValueError("fd:3: without tokens")):
            gateway = FakeGateway()
            gateway.stopped = succeed(None)
            service = self.service(gateway, given_up=told.append)
            service.startService()
            gateway.started.errback(error)
            self.assertIs(told.pop(), error)
            self.successResultOf(service.stopService())
        gateway = FakeGateway()
        gateway.stopped = succeed(None)
        service = self.service(gateway, given_up=told.append)
        service.startService()
        gateway.started.errback(KeyError("a fault of ours"))
        self.assertEqual((told, len(self.flushLoggedErrors(KeyError))), ([], 1))
        self.successResultOf(service.stopService())

    def test_the_command_ends_with_a_sentence(self) -> None:
        path = Path(self.mktemp())
        path.write_text("#!/bin/sh\n")
        path.chmod(0o755)
        port = _reactor.listenTCP(0, Factory(), interface="127.0.0.1")
        self.addCleanup(port.stopListening)
        for listen, told in (
            (f"tcp:{port.getHost().port}:interface=127.0.0.1", "Couldn't listen on 127.0.0.1"),
            (f"unix:{path}/x", "The gateway cannot start"),
        ):
            options = GatewayCommandOptions()
            options.parseOptions([f"--executable={path}", f"--listen={listen}", "--warm=0"])
            service = options.make_service(_reactor)
            with self.assertRaises(NotStarted) as raised:
                service.startService()
            self.assertIn(told, str(raised.exception))
            self.assertIsInstance(raised.exception, SystemExit)
            self.assertIsInstance(raised.exception, Exception)

    def test_hanging_up_reads_the_tokens_again(self) -> None:
        path = Path(self.mktemp())
        path.write_text(TOKEN.format(name="one"))
        options = GatewayOptions(endpoint="tcp:0:interface=127.0.0.1", access=AccessOptions(tokens=str(path)))
        service = GatewayService(self.reactor, options, start_browser=lambda: Deferred())
        tokens = service.gateway.tokens
        assert tokens is not None
        service.gateway = FakeGateway()  # type: ignore[assignment]
        service.gateway.tokens = tokens
        service.startService()
        path.write_text(TOKEN.format(name="one") + TOKEN.format(name="two"))
        os.kill(os.getpid(), signal.SIGHUP)
        self.assertEqual(tokens.names, ["one"], "not within the signal's handler")
        self.reactor.advance(0)
        self.assertEqual(tokens.names, ["one", "two"])
        path.write_text("nonsense")
        os.kill(os.getpid(), signal.SIGHUP)
        self.reactor.advance(0)
        self.assertEqual(tokens.names, ["one", "two"])
        service.gateway.started.callback(None)  # type: ignore[attr-defined]
        service.gateway.stopped.callback(None)  # type: ignore[attr-defined]
        self.successResultOf(service.stopService())

    def test_there_may_be_no_tokens(self) -> None:
        service = self.service(FakeGateway())
        service.reload()
        self.assertIsNone(service.gateway.tokens)
        self.assertEqual(self.flushLoggedErrors(), [])

    def test_a_file_of_tokens_that_cannot_be_used(self) -> None:
        with self.assertRaises(BadTokens):
            GatewayService(self.reactor, GatewayOptions(access=AccessOptions(tokens="/no/such/file")))


class GatewayCommandOptionsTests(SynchronousTestCase):
    def parse(self, *arguments: str) -> GatewayCommandOptions:
        options = GatewayCommandOptions()
        options.parseOptions(["--executable=/bin/sh", *arguments])
        return options

    def refused(self, *arguments: str) -> str:
        with self.assertRaises(UsageError) as caught:
            self.parse(*arguments)
        return str(caught.exception)

    def test_by_default_they_are_the_gateways_own(self) -> None:
        self.assertEqual(self.parse().make_options(), GatewayOptions())

    def test_each_is_heard(self) -> None:
        made = self.parse(
            *"--listen=tcp:1:interface=127.0.0.1 --public-url=https://a.example --browsers=3 --warm=7".split(),
            *"--queue=5 --browser-sessions=9 --browser-age=2h --browser-memory=2G --clients=8".split(),
            *"--queue-deadline=1m --session-time=1h --idle-time=5m --commands-per-second=100 --slow-time=2s".split(),
            *"--message-size=1M --drain=10s --mode=shared --clients-per-browser=6 --unread=3M".split(),
            "--connections=99",
            *"--deny=risky,Foo.bar --deny-schemes=file --host=a --host=b --origin=https://c".split(),
            *"--no-private-addresses --allow-addresses=10.1.2.3:80,10.2.0.0/16".split(),
            "--render",
        ).make_options()
        self.assertEqual(made.endpoint, "tcp:1:interface=127.0.0.1")
        pool, clients, policy, access = made.pool, made.clients, made.policy, made.access
        self.assertEqual((pool.size, pool.warm, pool.queue, pool.queue_deadline), (3, 3, 5, 60.0))
        self.assertEqual((pool.browser.sessions, pool.browser.seconds, pool.browser.memory), (9, 7200.0, 2**31))
        self.assertEqual((clients.clients, clients.message_size, clients.session_time), (8, 2**20, 3600.0))
        self.assertEqual((clients.idle_time, clients.commands_per_second, clients.slow_time), (300.0, 100, 2.0))
        self.assertEqual(policy.methods, (*RISKY_METHODS, "Foo.bar"))
        self.assertEqual((policy.schemes, policy.private_addresses), (("file",), False))
        self.assertEqual(policy.allowed_addresses, ("10.1.2.3:80", "10.2.0.0/16"))
        self.assertEqual(
            (access.hosts, access.origins, access.public_url), (("a", "b"), ("https://c",), "https://a.example")
        )
        self.assertEqual((made.drain, made.mode, pool.clients_per_browser), (10.0, "shared", 6))
        self.assertEqual((clients.unread, clients.connections), (3 * 2**20, 99))

    def test_what_is_refused(self) -> None:
        self.assertIn("whole number", self.refused("--browsers=0"))
        self.assertIn("whole number", self.refused("--clients=many"))
        self.assertIn("is not an address: write it like", self.refused("--allow-addresses=intranet"))
        self.assertIn("not a size", self.refused("--message-size=big"))
        for listen in ("nonsense:1", "9222", "tcp:abc", "tcp:1:nonsense=1", "ssl:1:privateKey=/no/such/file", ""):
            said = self.refused(f"--listen={listen}")
            self.assertIn(f"--listen: {listen!r} is not an endpoint", said)
            self.assertIn("write it like tcp:9222:interface=127.0.0.1", said)
        for listen in ("tcp:99999", "haproxy:tcp:99999:interface=127.0.0.1"):
            self.assertIn(f"--listen: {listen}: there is no port 99999", self.refused(f"--listen={listen}"))
        self.assertIn("'exclusive' or 'shared'", self.refused("--mode=both"))
        self.assertIn("not a method", self.refused("--deny=Browser"))
        self.assertIn("/no/such/file", self.refused("--tokens=/no/such/file"))
        for name in ("slow-time", "browser-age", "queue-deadline", "message-size", "unread"):
            self.assertIn(f"--{name}: '0': must be more than 0", self.refused(f"--{name}=0"))
        self.assertIn("not a URL scheme", self.refused("--deny-schemes=http://"))
        for host in ("a:80", "http://a", "[::1]:80", ""):
            self.assertIn("without scheme and port", self.refused(f"--host={host}"))
        for origin in ("a.example", "https://a.example/b", "https://", "null", "https://me@a.example"):
            self.assertIn("is not an origin", self.refused(f"--origin={origin}"))
        for url in ("a.example", "ftp://a.example", "https://a.example/?token=x", "https://me:hidden@a.example"):
            said = self.refused(f"--public-url={url}")
            self.assertIn("public_url", said)
            self.assertNotIn("hidden", said)

    def test_names_that_are_taken(self) -> None:
        names = ("cdp.example", "192.0.2.7", "2001:db8::7", "[2001:db8::7]")
        origins = ("https://a.example", "http://[::1]:80/", "chrome-extension://abc")
        made = self.parse(
            *(f"--host={each}" for each in names), *(f"--origin={each}" for each in origins), "--deny-schemes=file:"
        ).make_options()
        self.assertEqual((made.access.hosts, made.access.origins, made.policy.schemes), (names, origins, ("file:",)))

    def test_a_file_of_tokens(self) -> None:
        path = Path(self.mktemp())
        path.write_text(TOKEN.format(name="one"))
        for listen in ("tcp:1", "haproxy:tcp:1"):
            self.assertIn(f"{listen}: without tokens", self.refused(f"--listen={listen}"))
        made = self.parse(f"--tokens={path}", "--listen=tcp:1").make_options()
        self.assertEqual(made.access.tokens, str(path.absolute()))

    def test_the_command_makes_its_service(self) -> None:
        options = Options()
        options.parseOptions(["gateway", "--executable=/bin/sh"])
        self.assertIsInstance(makeService(options), GatewayService)

    def test_the_live_page(self) -> None:
        for arguments, there in (([], True), (["--no-live-page"], False)):
            gateway = self.parse(*arguments).make_service(Reactor()).gateway
            self.assertEqual("/" in {each.path for each in gateway.routes}, there)
