"""Where the gateway listens: without tokens, nowhere where other machines reach it, not even for a moment."""

from __future__ import annotations

from typing import Any

from twisted.internet.address import IPv4Address, UNIXAddress
from twisted.internet.interfaces import IReactorTCP
from twisted.internet.protocol import Factory
from twisted.internet.testing import MemoryReactorClock
from twisted.trial.unittest import SynchronousTestCase

from txcdp.gateway._http.listening import _Local, check_local, check_port, listen

#: Addresses that are this machine's alone.
LOCAL = ("127.0.0.1", "127.9.9.9", "\\:\\:1")

#: Those that are not, or not only.
WIDE = ("", "0.0.0.0", "10.0.0.1", "\\:\\:", "fe80\\:\\:1%eth0", "2001\\:db8\\:\\:1")


class Port:
    """Listens at an address."""

    def __init__(self, host: Any) -> None:
        self.host = host
        self.stopped = False

    def getHost(self) -> Any:
        return self.host

    def stopListening(self) -> None:
        self.stopped = True


class Reactor(MemoryReactorClock):
    """One whose ports are where they were asked for.

    :ivar names: what a name stands for.
    """

    names: dict[str, str] = {"localhost": "127.0.0.1", "board.example": "10.0.0.7"}

    def __init__(self) -> None:
        super().__init__()
        self.ports: list[Port] = []

    def listenTCP(self, port: int, factory: Any, backlog: int = 50, interface: str = "") -> Any:
        self.ports.append(Port(IPv4Address("TCP", self.names.get(interface, interface), port)))
        return self.ports[-1]

    def listenSSL(self, port: int, factory: Any, contextFactory: Any, backlog: int = 50, interface: str = "") -> Any:
        return self.listenTCP(port, factory, backlog, interface)

    def listenUNIX(self, address: Any, factory: Any, backlog: int = 50, mode: int = 0o666, wantPID: Any = 0) -> Any:
        self.ports.append(Port(UNIXAddress(address)))
        return self.ports[-1]


class ListeningTests(SynchronousTestCase):
    def setUp(self) -> None:
        self.reactor = Reactor()

    def listen(self, endpoint: str, local: bool = True) -> Any:
        return listen(self.reactor, endpoint, Factory(), local=local)

    def endpoints(self, interface: str) -> list[str]:
        kinds = ["tcp:1", "haproxy:tcp:1"] if ":" not in interface else ["tcp6:1", "haproxy:tcp6:1"]
        return [f"{each}:interface={interface}" if interface else each for each in kinds]

    def test_where_it_may(self):
        for interface in LOCAL:
            for endpoint in self.endpoints(interface):
                self.assertIs(self.successResultOf(self.listen(endpoint)), self.reactor.ports[-1], endpoint)
        self.successResultOf(self.listen("unix:socket"))

    def test_where_it_may_not(self):
        for interface in WIDE:
            for endpoint in self.endpoints(interface):
                error = self.failureResultOf(self.listen(endpoint), ValueError).value
                self.assertIn(endpoint, str(error))
                self.assertIn("give it a file of tokens, or add interface=127.0.0.1", str(error))
        self.assertEqual(self.reactor.ports, [])

    def test_what_is_known_only_when_it_listens(self):
        self.successResultOf(self.listen("tcp:1:interface=localhost"))
        self.assertFalse(self.reactor.ports[-1].stopped)
        self.failureResultOf(self.listen("tcp:1:interface=board.example"), ValueError)
        self.assertTrue(self.reactor.ports[-1].stopped)

    def test_with_tokens_it_may_everywhere(self):
        for interface in (*LOCAL, *WIDE):
            for endpoint in self.endpoints(interface):
                self.successResultOf(self.listen(endpoint, local=False))

    def test_what_can_be_told_before(self):
        for interface in LOCAL:
            for endpoint in self.endpoints(interface):
                check_local(endpoint)
        for interface in WIDE:
            for endpoint in self.endpoints(interface):
                self.assertRaises(ValueError, check_local, endpoint)
        self.assertRaises(ValueError, check_local, "haproxy:haproxy:tcp:1")
        for endpoint in ("tcp:1:interface=board.example", "unix:/no/such/directory/socket", "haproxy:unix:/no/such"):
            check_local(endpoint)

    def test_ports_that_there_are(self):
        for endpoint in ("tcp:0", "tcp:65535", "haproxy:tcp6:1", "unix:/no/such/directory/socket"):
            check_port(endpoint)
        for endpoint in ("tcp:65536", "tcp:-1", "haproxy:tcp6:99999"):
            with self.assertRaises(ValueError) as caught:
                check_port(endpoint)
            self.assertIn(f"{endpoint}: there is no port", str(caught.exception))

    def test_tls(self):
        reactor: Any = _Local(self.reactor, KeyError("no"))
        self.assertTrue(IReactorTCP.providedBy(reactor))
        self.assertRaises(KeyError, reactor.listenSSL, 1, None, None)
        reactor.listenSSL(1, None, None, interface="127.0.0.1")
        self.assertEqual(len(self.reactor.ports), 1)
