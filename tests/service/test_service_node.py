"""What ``twistd txcdp node`` takes, what it makes of that, and how its service starts and stops."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from twisted.internet.testing import MemoryReactorClock
from twisted.python.usage import UsageError
from twisted.trial.unittest import SynchronousTestCase

from tests.fleet.fake_node import fake_chrome, fake_gateway
from txcdp.fleet import NodeOptions, NodeService, RouterOptions
from txcdp.service._node_options import TICKET_VARIABLE, NodeCommandOptions
from txcdp.service._plugin import Options

ROUTER = ["--router", "ws://router.example:8080/ws", "--realm", "browsers"]


def parsed(*words: str) -> NodeCommandOptions:
    options = Options()
    options.parseOptions(["node", *ROUTER, "--executable=/bin/sh", *words])
    made: Any = options.subOptions
    assert isinstance(made, NodeCommandOptions)
    return made


def test_defaults() -> None:
    made = parsed()
    router, node, gateway = made.make_router(), made.make_node_options(), made.make_gateway_options()
    assert router == RouterOptions(url="ws://router.example:8080/ws", realm="browsers")
    assert node == NodeOptions()
    assert gateway.endpoint is None
    assert gateway.policy.private_addresses
    assert gateway.render is not None
    assert (gateway.render.browsers, gateway.render.pages, gateway.pool.size) == (1, 8, 1)


def test_all_is_handed_on() -> None:
    made = parsed(
        *("--name", "one", "--prefix", "com.example", "--browsers", "3", "--pages", "4", "--renders", "50"),
        *("--max-timeout", "10s", "--max-output", "1M", "--browser-memory", "2G", "--no-private-addresses"),
        *("--allow-addresses", "10.0.0.1", "--listen", "tcp:0:interface=127.0.0.1", "--drain", "5s"),
    )
    assert made.make_node_options() == NodeOptions(name="one", prefix="com.example", drain=5.0)
    gateway = made.make_gateway_options()
    assert (gateway.endpoint, gateway.drain) == ("tcp:0:interface=127.0.0.1", 5.0)
    assert (gateway.policy.private_addresses, gateway.policy.allowed_addresses) == (False, ("10.0.0.1",))
    assert gateway.render is not None
    assert (gateway.render.timeout, gateway.render.max_timeout, gateway.render.max_output) == (10.0, 10.0, 1 << 20)
    assert (gateway.render.browsers, gateway.render.pages, gateway.render.renders) == (3, 4, 50)
    assert (gateway.pool.size, gateway.pool.browser.memory) == (3, 2 << 30)


def test_pages_to_publish() -> None:
    made = parsed("--publish", "news=http://example.com/?a=b", "--publish=prices=http://example.com/2")
    pages = {"news": "http://example.com/?a=b", "prices": "http://example.com/2"}
    assert made.make_node_options() == NodeOptions(publish=pages)
    made = parsed(
        "--publish=news=http://example.com/", "--publish-events", "Network.responseReceived, Page.loadEventFired"
    )
    options = NodeOptions(
        publish={"news": "http://example.com/"}, publish_events=("Network.responseReceived", "Page.loadEventFired")
    )
    assert made.make_node_options() == options
    assert "--publish=" in made.getUsage()


def test_the_ticket_is_in_a_file_or_in_the_environment(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(TICKET_VARIABLE, "of the environment")
    assert parsed().make_router().ticket is None
    assert parsed("--authid", "one").make_router().ticket == "of the environment"
    file = tmp_path / "ticket"
    file.write_text("of the file\n")
    made = parsed("--authid", "one", "--ticket-file", str(file))
    assert made.make_router().ticket == "of the file"
    assert "of the file" not in repr(made.make_router()) + repr(dict(made))
    assert not any("ticket=" in each for each in made.getUsage().split())


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (["--router", ""], "--router is required"),
        (["--realm", ""], "--realm is required"),
        (["--router", "http://x"], "ws://"),
        (["--ticket-file", "/nowhere"], "/nowhere cannot be read"),
        (["--authority", "/nowhere"], "wss:"),
        (["--name", "a.b"], "name="),
        (["--prefix", "A"], "prefix="),
        (["--browsers", "0"], "--browsers"),
        (["--listen", "tcp:0"], "token"),
        (["--allow-addresses", "nonsense"], "nonsense"),
        (["--publish", "news"], "NAME=URL"),
        (["--publish", "a.b=http://x"], "publish='a.b'"),
        (["--publish", "a=http://x", "--publish", "a=http://y"], "a is given twice"),
        (["--publish", "a="], "publish='a'"),
        (["--publish-events", "Page.enable"], "not an event"),
        (["--publish-events", ","], "--publish-events"),
    ],
)
def test_what_cannot_be_meant(words: list[str], said: str) -> None:
    with pytest.raises(UsageError, match=said):
        parsed("--authid", "one", *words)


class Services(SynchronousTestCase):
    def make(self, **options: Any) -> NodeService:
        self.clock = MemoryReactorClock()
        self.chrome = fake_chrome(self.clock, 0.0, 10, lambda *words: None)
        gateway = fake_gateway(self.clock, self.chrome, 2)
        router = RouterOptions(url="ws://127.0.0.1:1/ws", realm="browsers", authid="one", ticket="a secret ticket")
        return NodeService(self.clock, gateway, router, NodeOptions(name="one", drain=2.0), **options)

    def test_it_starts_browsers_and_a_line_and_leaves_nothing_behind(self):
        service = self.make()
        service.startService()
        service.startService()
        self.clock.advance(0)
        self.assertEqual([each[1] for each in self.clock.tcpClients], [1])
        self.assertEqual(len(service.gateway.pool.idle), 1)
        stopped = service.stopService()
        self.clock.advance(0)
        self.clock.advance(1)
        self.successResultOf(stopped)
        self.successResultOf(service.stopService())
        self.assertEqual(self.clock.getDelayedCalls(), [])

    def test_a_router_that_is_not_there_is_asked_again(self):
        service = self.make()
        service.startService()
        self.clock.advance(0)
        for _ in range(3):
            factory: Any = self.clock.tcpClients[-1][2]
            factory.clientConnectionFailed(None, _refused())
            self.clock.pump([0.5] * 8)
        self.assertEqual(len(self.clock.tcpClients), 4)
        stopped = service.stopService()
        self.clock.advance(1)
        self.successResultOf(stopped)

    def test_a_gateway_that_cannot_start(self):
        told: list[Exception] = []
        for given_up in (told.append, None):
            service = self.make(given_up=given_up)
            self.patch(service.gateway.pool, "open", _fails)
            service.startService()
            self.clock.advance(0)
            self.clock.advance(0)
            stopped = service.stopService()
            self.clock.advance(1)
            self.successResultOf(stopped)
        self.assertEqual(len(told), 1)
        self.assertEqual(len(self.flushLoggedErrors(OSError)), 1)


def _fails() -> None:
    raise OSError("no port")


def _refused() -> Any:
    from twisted.internet.error import ConnectionRefusedError
    from twisted.python.failure import Failure

    return Failure(ConnectionRefusedError())
