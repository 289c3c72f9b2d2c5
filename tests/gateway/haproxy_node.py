"""A gateway in a process of its own, with browsers in memory, to stand behind HAProxy.

::

    python -m tests.gateway.haproxy_node NAME PING [PEER...]

Listens on a free port, or on the one in ``PORT``, prints it, and stops as a service does when it gets SIGTERM. PING is
the seconds between its pings, 0: none.
"""

from __future__ import annotations

import os
import sys
from collections.abc import Mapping
from typing import Any
from urllib.parse import urlsplit

from twisted.internet.defer import Deferred, succeed
from twisted.internet.task import react

from txcdp.chrome import discovery
from txcdp.chrome._descriptions import TargetDescription
from txcdp.domains import browser
from txcdp.gateway import ClientLimits, Gateway, GatewayOptions, PoolOptions
from txcdp.gateway._pool.pooled_browser import Running
from txcdp.gateway._proxy.exclusive_mode import Exclusive
from txcdp.testing import FakeChrome


class Memory(Running):
    """A browser in memory.

    :param reactor: the reactor.
    :param node: whose it is.
    :param pid: its number.
    """

    version: Mapping[str, str] = {"Browser": "Fake/1.0", "Protocol-Version": "1.3"}

    def __init__(self, reactor: Any, node: str, pid: int) -> None:
        self.pid = pid
        self.ws_url = f"ws://127.0.0.1:{pid}/devtools/browser/{pid}"
        self.chrome = FakeChrome(reactor, salt=pid)
        self.chrome.otherwise({})
        facts = {"product": f"{node}/{pid}", "protocolVersion": "1.3", "revision": "", "userAgent": "", "jsVersion": ""}
        self.chrome.on(browser.get_version, facts)
        self.chrome.open_target("page")
        self._ended: Deferred[Any] = Deferred()

    def when_ended(self) -> Deferred[Any]:
        return self._ended

    def check(self) -> Deferred[Any]:
        return succeed(None)

    def tidy(self) -> Deferred[Any]:
        return succeed(None)

    def close(self) -> Deferred[Any]:
        if not self._ended.called:
            self._ended.callback(None)
        return succeed(None)

    def described(self) -> list[TargetDescription]:
        """Return its pages as its HTTP endpoint would."""
        pages = [each for each in self.chrome.targets.all.values() if each.type == "page"]
        return [TargetDescription(id=each.id, type="page", url=each.url, title="") for each in pages]


class Machine:
    """The browsers of a node, and what answers in place of their HTTP endpoints."""

    def __init__(self, reactor: Any, node: str) -> None:
        self._reactor = reactor
        self._node = node
        self._browsers: dict[int, Memory] = {}

    def start(self) -> Deferred[Running]:
        made = Memory(self._reactor, self._node, 1 + len(self._browsers))
        self._browsers[made.pid] = made
        return succeed(made)

    def open_line(self, _: Any, url: str) -> Deferred[Any]:
        parts = urlsplit(url)
        chrome = self._browsers[parts.port or 0].chrome
        line = chrome.line()
        kind, name = parts.path.split("/")[-2:]
        if kind == "page":
            chrome.targets.roots[id(line)].target = chrome.targets.all[name]
        return succeed(line)

    def _at(self, netloc: str) -> Memory:
        return self._browsers[int(netloc.rpartition(":")[2])]

    def list_targets(self, _: Any, netloc: str) -> Deferred[list[TargetDescription]]:
        return succeed(self._at(netloc).described())

    def new_target(self, _: Any, netloc: str, page: str = "about:blank") -> Deferred[TargetDescription]:
        found = self._at(netloc)
        name = found.chrome.open_target("page", page)
        return succeed(next(each for each in found.described() if each.id == name))

    def close(self, _: Any, netloc: str, target: str) -> Deferred[None]:
        found = self._at(netloc).chrome.targets
        found.close(found.all[target])
        return succeed(None)

    def activate(self, _: Any, netloc: str, target: str) -> Deferred[None]:
        return succeed(None)


async def main(reactor: Any, node: str, ping: str, *peers: str) -> None:
    """Serve until it is told to stop."""
    machine = Machine(reactor, node)
    for name in ("list_targets", "new_target", "close", "activate"):
        setattr(discovery, name, getattr(machine, name))
    options = GatewayOptions(
        endpoint=f"tcp:{os.environ.get('PORT', '0')}:interface=127.0.0.1:backlog=500",
        pool=PoolOptions(size=300, warm=2),
        clients=ClientLimits(clients=400, connections=400, ping_interval=float(ping) or None),
        notice=10.0,
        hold=600.0,
        drain=300.0,
        node=node,
        peers=peers,
    )
    make = lambda r, p, o: Exclusive(r, p, o, machine.open_line)  # noqa: E731
    gateway = Gateway(reactor, options, machine.start, make)
    await gateway.start()
    assert gateway.port is not None
    where: Any = gateway.port.getHost()
    reactor.addSystemEventTrigger("before", "shutdown", gateway.stop)
    print(where.port, flush=True)  # noqa: T201
    await Deferred()


if __name__ == "__main__":
    react(main, sys.argv[1:])
