"""The egress proxy, without a network: which addresses are public, what SOCKS says, and what becomes of connections."""

from __future__ import annotations

import gc
import weakref
from dataclasses import replace
from ipaddress import ip_address
from typing import Any

import pytest
from twisted.internet.address import IPv4Address, IPv6Address
from twisted.internet.error import ConnectionDone, ConnectionLost, ConnectionRefusedError
from twisted.internet.interfaces import IHalfCloseableProtocol, IHostnameResolver
from twisted.internet.testing import MemoryReactorClock, StringTransport
from twisted.python.failure import Failure
from twisted.trial.unittest import SynchronousTestCase
from zope.interface import implementer

from txcdp.gateway import EgressLimits, Gateway, GatewayOptions, Policy
from txcdp.gateway._egress import AddressPolicy, BadProxy, EgressProxy
from txcdp.gateway._egress.addresses import KINDS, kind_of, plain, read_allowed
from txcdp.gateway._egress.socks import Destination, Handshake, SocksError, State
from txcdp.gateway._pool.launched import Launcher

#: Addresses that are not public, by what they are: the first and the last of each block, and what stands for them.
SPECIAL = {
    "unspecified": "0.0.0.0 0.1.2.3 0.255.255.255 :: ::ffff:0.0.0.0 64:ff9b::",
    "private": "10.0.0.0 10.255.255.255 172.16.0.0 172.31.255.255 192.168.0.0 192.168.255.255 fc00:: fd00:ec2::254 "
    "fdff:ffff:ffff:ffff:ffff:ffff:ffff:ffff fec0::1 ::ffff:10.1.2.3 ::ffff:a00:1 64:ff9b::10.1.2.3 64:ff9b::c0a8:1 "
    "2a00::5efe:10.0.0.1 2a00::200:5efe:192.168.0.1",
    "shared": "100.64.0.0 100.100.100.200 100.127.255.255 ::ffff:100.64.0.1",
    "loopback": "127.0.0.0 127.0.0.1 127.1.2.3 127.255.255.255 ::1 ::ffff:127.0.0.1 ::ffff:7f00:1 64:ff9b::7f00:1",
    "link-local": "169.254.0.0 169.254.169.254 169.254.170.2 169.254.255.255 fe80:: fe80::1%1 fe80::1%eth0 2a00::1%1 "
    "febf:ffff:ffff:ffff:ffff:ffff:ffff:ffff fe80::5efe:8.8.8.8 ::ffff:169.254.169.254 64:ff9b::a9fe:a9fe",
    "infrastructure": "192.0.0.0 192.0.0.192 192.0.0.255 168.63.129.16 2001:1::1 2001:2::1 2001:10::1 2001:20::1 "
    "2001:1ff:ffff:ffff:ffff:ffff:ffff:ffff ::ffff:168.63.129.16",
    "documentation": "192.0.2.1 198.51.100.255 203.0.113.0 2001:db8::1 3fff::1 3fff:fff:ffff:ffff:ffff:ffff:ffff:ffff",
    "benchmarking": "198.18.0.0 198.19.255.255",
    "transition": "192.88.99.1 ::127.0.0.1 ::8.8.8.8 ::2 ::ffff:0:7f00:1 ::ffff:0:808:808 64:ff9b:1::1 "
    "2001::1 2001:0:7f00:1::1 2002:7f00:1:: 2002:808:808::1",
    "multicast": "224.0.0.0 224.0.0.251 239.255.255.250 ff00:: ff02::1 ff0e::1 ::ffff:224.0.0.1 64:ff9b::e000:1",
    "reserved": "240.0.0.0 255.255.255.254 255.255.255.255 100::1 1000::1 4000::1 64:ff9c::1 5f00::1 e000::1 "
    "::ffff:255.255.255.255",
}

#: Neighbours of all of them, and some that are known.
PUBLIC = (
    "1.0.0.0 1.1.1.1 8.8.8.8 9.255.255.255 11.0.0.0 100.63.255.255 100.128.0.0 126.255.255.255 128.0.0.0 168.63.129.15 "
    "168.63.129.17 169.253.255.255 169.255.0.0 172.15.255.255 172.32.0.0 192.0.1.0 192.0.3.0 192.88.98.1 "
    "192.167.255.255 192.169.0.0 198.17.255.255 198.20.0.0 198.51.99.1 203.0.112.1 203.0.114.1 223.255.255.255 "
    "2000::1 2001:200::1 2001:4860:4860::8888 2001:db7:ffff::1 2001:db9::1 2003::1 2606:4700::1111 2a00::5efe:8.8.8.8 "
    "3ffe:ffff::1 3fff:1000::1 ::ffff:8.8.8.8 64:ff9b::8.8.8.8"
)


class AddressTests(SynchronousTestCase):
    def test_special_ones(self):
        for kind, texts in SPECIAL.items():
            for text in texts.split():
                self.assertEqual(kind_of(ip_address(text)), kind, text)
        self.assertEqual(set(SPECIAL), set(KINDS))

    def test_public_ones(self):
        for text in PUBLIC.split():
            self.assertEqual(kind_of(ip_address(text)), "", text)

    def test_nothing_is_public_that_python_knows_not_to_be(self):
        """Its tables are newer in one version than in the other, but none may know of more than ours."""
        for texts in (*SPECIAL.values(), PUBLIC):
            for text in texts.split():
                address = plain(ip_address(text))
                if not kind_of(address) and not text.startswith("64:ff9b::"):
                    self.assertTrue(address.is_global and not address.is_multicast, text)

    def test_mapped_ones_are_what_they_are_mapped_to(self):
        self.assertEqual(str(plain(ip_address("::ffff:8.8.8.8"))), "8.8.8.8")
        self.assertEqual(str(plain(ip_address("64:ff9b::808:808"))), "64:ff9b::808:808")

    def test_allowed_ones(self):
        policy = AddressPolicy(["10.1.2.3", "127.0.0.1:8080", "192.168.0.0/16", "[fd00::5]:443", "fd01::/16"])
        for text, port, kind in (
            ("10.1.2.3", 1, ""),
            ("::ffff:10.1.2.3", 1, ""),
            ("10.1.2.4", 1, "private"),
            ("127.0.0.1", 8080, ""),
            ("127.0.0.1", 80, "loopback"),
            ("::1", 8080, "loopback"),
            ("192.168.7.7", 22, ""),
            ("fd00::5", 443, ""),
            ("fd00::5", 80, "private"),
            ("fd01:7::1", 1, ""),
            ("8.8.8.8", 53, ""),
            ("64:ff9b::10.1.2.3", 1, "private"),
        ):
            self.assertEqual(policy.objection(ip_address(text), port), kind, text)

    def test_what_is_no_address(self):
        for text in (
            "",
            "example.com",
            "127.1",
            "10.1.2.3:",
            "10.1.2.3:0",
            "10.1.2.3:65536",
            "10.1.2.3:http",
            "10.1.2.3:\u0661",
            "10.1.2.3/8",
            "[fd00::5",
            "[fd00::5]443",
            "[fd00::5]:",
            "*",
        ):
            with self.assertRaises(ValueError, msg=text):
                read_allowed(text)
            with self.assertRaises(ValueError, msg=text):
                Policy(private_addresses=False, allowed_addresses=(text,))


GREETING = b"\5\1\0"


def request(host: str | bytes, port: int, command: int = 1) -> bytes:
    """Return a request of SOCKS 5 for a name."""
    name = host.encode() if isinstance(host, str) else host
    return bytes((5, command, 0, 3, len(name))) + name + port.to_bytes(2, "big")


class HandshakeTests(SynchronousTestCase):
    def test_destinations(self):
        for sent, host in (
            (request("a.example", 80), "a.example"),
            (request("[::1]", 80), "::1"),
            (request("::1", 80), "::1"),
            (b"\5\1\0\1\x7f\0\0\1\0\x50", "127.0.0.1"),
            (b"\5\1\0\4" + b"\0" * 15 + b"\1\0\x50", "::1"),
            (request("x" * 255, 80), "x" * 255),
        ):
            handshake = Handshake()
            self.assertEqual(handshake.receive(GREETING), b"\5\0")
            self.assertEqual(handshake.receive(sent + b"rest"), b"")
            self.assertEqual(handshake.destination, Destination(host, 80))
            self.assertEqual((handshake.state, handshake.rest), (State.REQUESTED, b"rest"))
            handshake.receive(b"more")
            self.assertEqual(handshake.rest, b"restmore")

    def test_any_pieces(self):
        sent = b"\5\3\2\0\1" + request("a.example", 443) + b"rest"
        for size in range(1, len(sent) + 1):
            handshake, said = Handshake(), b""
            for begin in range(0, len(sent), size):
                said += handshake.receive(sent[begin : begin + size])
            self.assertEqual((said, handshake.destination), (b"\5\0", Destination("a.example", 443)))
            self.assertEqual(handshake.rest, b"rest")

    def test_what_is_refused(self):
        for sent, answer in (
            (b"GET / HTTP/1.1\r\n", b""),
            (b"\4\1\0\x50\x7f\0\0\1\0", b""),
            (b"\5\1\2", b"\5\xff"),
            (b"\5\0", b"\5\xff"),
            (GREETING + b"\4", b""),
            (GREETING + request("a", 80, 2), b"\5\7"),
            (GREETING + request("a", 80, 3), b"\5\7"),
            (GREETING + b"\5\1\0\7abcdef", b"\5\10"),
            (GREETING + request("a", 0), b"\5\4"),
            (GREETING + request("", 80), b"\5\4"),
            (GREETING + request(b"\xff.example", 80), b"\5\4"),
        ):
            with self.assertRaises(SocksError) as caught:
                Handshake().receive(sent)
            self.assertEqual(caught.exception.answer[:2], answer, sent)

    def test_it_keeps_no_more_than_a_request(self):
        """Whoever never completes one is stopped by its length."""
        handshake = Handshake()
        handshake.receive(GREETING + request("x" * 255, 80)[:-1])
        self.assertLess(len(handshake._buffer), 263)


@implementer(IHostnameResolver)
class Names:
    """Looks names up in a table, or when the test says so.

    :ivar asked: the names that were looked up.
    """

    def __init__(self, **table: str) -> None:
        self.table = {name.replace("_", "."): addresses for name, addresses in table.items()}
        self.asked: list[str] = []
        self.waiting: list[Any] = []
        self.at_once = True

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
        if self.at_once:
            self.answer(resolutionReceiver, hostName)
        else:
            self.waiting.append((resolutionReceiver, hostName))
        return self

    def answer(self, receiver: Any, name: str) -> None:
        for text in self.table.get(name, "").split():
            kind = IPv6Address if ":" in text else IPv4Address
            receiver.addressResolved(kind("TCP", text, 0))
        receiver.resolutionComplete()


class Wire(StringTransport):
    """A TCP connection in memory, with halves that are closed apart."""

    def __init__(self, protocol: Any = None) -> None:
        super().__init__()
        self.protocol = protocol
        self.half = self.aborted = self.gone = False
        self.aborting = False

    def setTcpNoDelay(self, enabled: bool) -> None:
        pass

    def loseWriteConnection(self) -> None:
        self.half = True

    def abortConnection(self) -> None:
        self.aborted = True
        self.lose(ConnectionLost())

    def unregisterProducer(self) -> None:
        if self.producer is not None:
            super().unregisterProducer()

    @property
    def closing(self) -> bool:
        """Whether it closes when all is sent: a producer would keep it open."""
        return self.disconnecting and self.producer is None

    def said(self) -> bytes:
        """Return what was sent since the last time."""
        found = self.value()
        self.clear()
        return bytes(found)

    def feed(self, data: bytes) -> None:
        self.protocol.dataReceived(data)

    def end(self) -> None:
        """Let the other side send no more."""
        IHalfCloseableProtocol(self.protocol).readConnectionLost()

    def lose(self, reason: Exception | None = None) -> None:
        """Let it be gone."""
        if not self.gone:
            self.gone = True
            self.protocol.connectionLost(Failure(reason or ConnectionDone()))


class ProxyTests(SynchronousTestCase):
    def setUp(self) -> None:
        self.reactor: Any = MemoryReactorClock()
        self.names = Names(a_example="8.8.8.8", inner_example="10.0.0.1", both_example="10.0.0.1 8.8.8.8 ::1 2003::1")

    def make(self, *allow: str, **limits: Any) -> EgressProxy:
        self.proxy = EgressProxy(self.reactor, AddressPolicy(allow), EgressLimits(**limits), self.names)
        self.proxy.start()
        self.addCleanup(self.finish)
        return self.proxy

    def finish(self) -> None:
        """End it; nothing may be left."""
        self.successResultOf(self.proxy.stop())
        self.assertEqual(self.proxy.now, 0)
        self.assertEqual([str(call) for call in self.reactor.getDelayedCalls()], [])

    def client(self, sent: bytes = b"") -> Wire:
        """Return a connection of a browser's that has said something."""
        factory = self.reactor.tcpServers[-1][1]
        wire = Wire(factory.buildProtocol(None))
        wire.protocol.makeConnection(wire)
        if sent:
            wire.feed(sent)
        return wire

    def wanting(self, host: str, port: int = 80, rest: bytes = b"") -> Wire:
        wire = self.client(GREETING)
        self.assertEqual(wire.said(), b"\5\0")
        wire.feed(request(host, port) + rest)
        return wire

    def tried(self) -> list[tuple[str, int]]:
        return [each[:2] for each in self.reactor.tcpClients]

    def outside(self) -> Wire:
        """Let the last attempt to connect to the outside be made."""
        protocol = self.reactor.tcpClients[-1][2].buildProtocol(None)
        wire = Wire(protocol)
        protocol.makeConnection(wire)
        return wire

    def fail_outside(self) -> None:
        self.reactor.tcpClients[-1][2].clientConnectionFailed(None, Failure(ConnectionRefusedError()))

    def coupled(self, host: str = "a.example") -> tuple[Wire, Wire]:
        client = self.wanting(host)
        outside = self.outside()
        self.assertEqual(client.said()[:2], b"\5\0")
        return client, outside


class ConnectTests(ProxyTests):
    def test_it_listens_to_this_machine_alone(self):
        self.make()
        self.assertEqual(self.reactor.tcpServers[0][3], "127.0.0.1")

    def test_the_address_that_was_judged_is_the_one_that_is_taken(self):
        self.make()
        self.coupled()
        self.assertEqual((self.names.asked, self.tried()), (["a.example"], [("8.8.8.8", 80)]))
        self.assertEqual((self.proxy.counts.connected, self.proxy.now), (1, 1))

    def test_addresses_are_not_looked_up(self):
        self.make("127.0.0.1:80")
        for host, address in (("8.8.4.4", "8.8.4.4"), ("::ffff:8.8.4.4", "8.8.4.4"), ("::ffff:7f00:1", "127.0.0.1")):
            self.wanting(host)
            self.assertEqual(self.tried()[-1], (address, 80))
        self.assertEqual(self.names.asked, [])

    def test_what_is_not_public_is_refused(self):
        self.make()
        for kind, host in (
            ("private", "inner.example"),
            ("loopback", "127.0.0.1"),
            ("loopback", "::ffff:127.0.0.1"),
            ("link-local", "169.254.169.254"),
            ("loopback", "::1"),
            ("unspecified", "0.0.0.0"),
            ("link-local", "fe80::1%eth0"),
        ):
            before = self.proxy.counts.refused[kind]
            wire = self.wanting(host)
            self.assertEqual((wire.said()[:2], wire.closing), (b"\5\2", True), host)
            self.assertEqual(self.proxy.counts.refused[kind], before + 1, host)
            wire.lose()
        self.assertEqual((self.tried(), self.proxy.now), ([], 0))

    def test_of_several_addresses_the_public_ones_are_tried(self):
        self.make()
        self.wanting("both.example")
        self.reactor.advance(1)
        self.assertEqual(self.tried(), [("8.8.8.8", 80), ("2003::1", 80)])

    def test_a_name_that_changes_its_mind(self):
        self.make()
        self.coupled()
        self.names.table["a.example"] = "127.0.0.1"
        self.assertEqual(self.wanting("a.example").said()[:2], b"\5\2")
        self.assertEqual(self.tried(), [("8.8.8.8", 80)])

    def test_what_was_refused_is_remembered(self):
        self.make()
        self.names.table["INNER.example."] = "10.0.0.1"
        self.wanting("INNER.example.", 81)
        self.assertTrue(self.proxy.has_refused("inner.example", 81))
        self.assertFalse(self.proxy.has_refused("inner.example", 80))
        self.names.table["INNER.example."] = "8.8.8.8"
        self.wanting("INNER.example.", 81)
        self.outside()
        self.assertFalse(self.proxy.has_refused("inner.example", 81))
        for number in range(1001):
            self.wanting(f"127.1.{number >> 8}.{number & 255}").lose()
        self.assertFalse(self.proxy.has_refused("127.1.0.0", 80))
        self.assertTrue(self.proxy.has_refused("127.1.0.1", 80))

    def test_names_that_are_none(self):
        self.make()
        for host in ("nobody.example", "a..example", "x" * 64 + ".example", ".", "a b", "a\0.example", "-" * 255):
            wire = self.wanting(host)
            self.assertEqual((wire.said()[:2], wire.closing), (b"\5\4", True), host)
        self.assertEqual(self.names.asked, ["nobody.example"])
        self.assertEqual(self.proxy.counts.failed, 7)

    def test_a_name_with_a_numbers_look_is_judged_by_what_the_system_makes_of_it(self):
        self.make()
        self.names.table["127.1"] = "127.0.0.1"
        self.assertEqual(self.wanting("127.1").said()[:2], b"\5\2")

    def test_nobody_there(self):
        self.make()
        wire = self.wanting("a.example")
        self.fail_outside()
        self.reactor.advance(1)
        self.assertEqual((wire.said()[:2], wire.closing, self.proxy.counts.failed), (b"\5\4", True, 1))

    def test_no_socks(self):
        self.make()
        wire = self.client(b"GET http://a.example/ HTTP/1.1\r\n\r\n")
        self.assertEqual((wire.said(), wire.closing, self.proxy.counts.foreign), (b"", True, 1))

    def test_whoever_has_gone_is_not_connected(self):
        self.make()
        self.names.at_once = False
        wire = self.wanting("a.example")
        wire.end()
        self.assertTrue(wire.aborted)
        self.names.answer(*self.names.waiting.pop())
        self.assertEqual((self.tried(), self.proxy.now), ([], 0))

    def test_so_many_lookups_at_once(self):
        """They take threads, of which others want some, too; and one that nobody waits for keeps its own."""
        self.make()
        self.names.at_once = False
        wires = [self.wanting("a.example") for _ in range(12)]
        self.assertEqual(len(self.names.waiting), 8)
        for wire in wires[:4]:
            wire.lose()
        self.assertEqual(len(self.names.waiting), 8)
        self.names.answer(*self.names.waiting[0])
        self.assertEqual(len(self.names.waiting), 9)
        for wire in wires[8:]:
            wire.lose()
        for each in self.names.waiting[1:]:
            self.names.answer(*each)
        self.assertEqual(len(self.tried()), 4)


class LimitTests(ProxyTests):
    def test_too_many(self):
        self.make(connections=2)
        wires = [self.client() for _ in range(3)]
        self.assertEqual([each.aborted for each in wires], [False, False, True])
        self.assertEqual((self.proxy.counts.full, self.proxy.now), (1, 2))
        wires[0].lose()
        self.assertFalse(self.client().aborted)

    def test_whoever_says_nothing(self):
        self.make(handshake_time=10)
        wires = [self.client(), self.client(b"\5"), self.client(GREETING)]
        self.reactor.advance(9)
        self.assertEqual([each.aborted for each in wires], [False] * 3)
        self.reactor.advance(1)
        self.assertEqual([each.aborted for each in wires], [True] * 3)

    def test_a_lookup_that_takes_too_long(self):
        self.make(connect_time=30)
        self.names.at_once = False
        wire = self.wanting("a.example")
        self.reactor.advance(30)
        self.assertEqual((wire.said()[:2], wire.closing), (b"\5\4", True))
        self.names.answer(*self.names.waiting.pop())
        self.assertEqual(self.tried(), [])

    def test_a_connection_that_takes_too_long(self):
        self.make(connect_time=20)
        wire = self.wanting("a.example")
        self.reactor.advance(20)
        self.assertEqual((wire.said()[:2], wire.closing), (b"\5\4", True))

    def test_silence(self):
        self.make(idle_time=100)
        client, outside = self.coupled()
        for wire in (client, outside, client):
            self.reactor.advance(99)
            wire.feed(b"x")
        self.assertFalse(client.aborted)
        self.reactor.pump([100, 100])
        self.assertTrue(client.aborted and outside.aborted)

    def test_half_closed_ones_have_less(self):
        self.make(idle_time=1000)
        client, outside = self.coupled()
        client.end()
        self.reactor.advance(59)
        outside.feed(b"x")
        self.reactor.advance(60)
        self.assertFalse(outside.aborted)
        self.reactor.advance(60)
        self.assertTrue(client.aborted and outside.aborted)

    def test_one_that_is_not_read_to_its_end(self):
        """Its other side has gone; what is left for it is kept for a while."""
        self.make()
        client, outside = self.coupled()
        outside.feed(b"x")
        outside.lose()
        self.assertTrue(client.closing)
        self.assertEqual(self.proxy.now, 1)
        self.reactor.advance(60)
        self.assertTrue(client.aborted)


class TunnelTests(ProxyTests):
    def test_bytes_go_both_ways(self):
        self.make()
        client, outside = self.coupled()
        client.feed(b"to")
        outside.feed(b"from")
        self.assertEqual((client.said(), outside.said()), (b"from", b"to"))

    def test_what_comes_too_early_waits(self):
        self.make()
        client = self.wanting("a.example", rest=b"early")
        self.assertEqual(client.producerState, "paused")
        client.feed(b" and more")
        outside = self.outside()
        self.assertEqual((outside.said(), client.producerState), (b"early and more", "producing"))

    def test_who_is_not_read_is_not_read_for(self):
        self.make()
        client, outside = self.coupled()
        for one, other in ((client, outside), (outside, client)):
            producer: Any = one.producer
            producer.pauseProducing()
            self.assertEqual(other.producerState, "paused")
            producer.resumeProducing()
            self.assertEqual(other.producerState, "producing")

    def test_halves_are_closed_one_by_one(self):
        self.make()
        for first, second in ((0, 1), (1, 0)):
            pair = self.coupled()
            one, other = pair[first], pair[second]
            one.end()
            self.assertEqual((other.half, other.disconnecting, one.disconnecting), (True, False, False))
            other.feed(b"answer")
            self.assertEqual(one.said(), b"answer")
            other.end()
            self.assertTrue(one.closing and other.closing)
            one.lose()
            other.lose()
            self.assertEqual(self.proxy.now, 0)

    def test_a_break_is_passed_on(self):
        self.make()
        for first, second in ((0, 1), (1, 0)):
            pair = self.coupled()
            pair[first].lose(ConnectionLost())
            self.assertTrue(pair[second].aborted)
            self.assertEqual(self.proxy.now, 0)

    def test_an_end_is_passed_on_when_all_is_sent(self):
        self.make()
        client, outside = self.coupled()
        outside.feed(b"last")
        outside.lose()
        self.assertEqual((client.said(), client.closing, client.aborted), (b"last", True, False))
        client.lose()
        self.assertEqual(self.proxy.now, 0)

    def test_nothing_is_left(self):
        self.make()
        client, outside = self.coupled()
        found = [weakref.ref(client.protocol), weakref.ref(client.protocol.tunnel)]
        client.lose()
        outside.lose()
        self.reactor.tcpClients.clear()
        del client, outside
        gc.collect()
        self.assertEqual([each() for each in found], [None, None])


class StopTests(ProxyTests):
    def test_all_are_cut(self):
        self.make()
        self.names.at_once = False
        waiting = self.wanting("a.example")
        self.names.at_once = True
        wires = [self.client(), waiting, self.wanting("a.example"), *self.coupled()]
        stopping = self.proxy.stop()
        self.assertTrue(all(each.aborted for each in wires))
        self.successResultOf(stopping)

    def test_without_a_start(self):
        proxy = EgressProxy(self.reactor, AddressPolicy())
        with self.assertRaises(RuntimeError):
            _ = proxy.port
        self.successResultOf(proxy.stop())


class ArgumentTests(ProxyTests):
    def test_nothing_leaves_in_another_way(self):
        proxy = self.make()
        found = proxy.arguments(["--x", "--host-resolver-rules=MAP a b", "--host-resolver-rules=MAP c d"])
        self.assertEqual(found[1:4], ["--x", f"--proxy-server=socks5://egress.invalid:{proxy.port}", BYPASS])
        self.assertIn("--host-resolver-rules=MAP egress.invalid 127.0.0.1,MAP c d,MAP * ~NOTFOUND", found)
        self.assertIn("--disable-quic", found)
        self.assertEqual(sum(each.startswith("--host-resolver-rules") for each in found), 1)

    def test_what_would_undo_it(self):
        proxy = self.make()
        for each in ("--proxy-server=x", "--no-proxy-server", "--proxy-pac-url=x", "--proxy-auto-detect", BYPASS):
            with self.assertRaisesRegex(ValueError, "private_addresses"):
                proxy.arguments([each])
            with self.assertRaisesRegex(ValueError, "private_addresses"):
                options = GatewayOptions(policy=Policy(private_addresses=False))
                Gateway(self.reactor, options, Launcher(self.reactor, args=[each]))
            Gateway(self.reactor, GatewayOptions(), Launcher(self.reactor, args=[each]))


class ProxyRuleTests(ProxyTests):
    """Proxies of clients' own."""

    def params(self, rules: str, owner: object = None) -> dict[str, Any]:
        return self.proxy.context_params(owner, {"proxyServer": rules, "proxyBypassList": "*", "x": 1})

    def test_each_is_reached_through_us(self):
        proxy = self.make()
        own = f"socks5://egress.invalid:{proxy.port}"
        for rules, expected in (
            ("p.example:8080", "http://egress.invalid:0"),
            ("http://p.example", "http://egress.invalid:0"),
            ("SOCKS5://[2003::1]:1/", "socks5://egress.invalid:0"),
            ("socks://p.example", "socks://egress.invalid:0"),
            ("direct://", own),
            (" ; ", own),
            (
                "http=p.example:1; https=socks5://q.example , direct://",
                f"http=http://egress.invalid:0;https=socks5://egress.invalid:0,{own}",
            ),
        ):
            found = self.params(rules)
            self.assertEqual(found, {"x": 1, "proxyServer": expected, "proxyBypassList": "<-loopback>"}, rules)
        self.assertEqual(len(self.reactor.tcpServers), 1 + 6, "the same one is reached in the same way")

    def test_without_one(self):
        proxy = self.make()
        self.assertEqual(self.params(""), {"x": 1})
        self.assertEqual(proxy.context_params(None, {"proxyBypassList": "*"}), {})
        self.assertEqual(proxy.context_params(None, {"proxyServer": 5}), {"proxyServer": 5})

    def test_what_there_is_not(self):
        self.make()
        for rules in ("https://p.example", "socks4://p.example", "quic://p.example", "a b", "x:0", "x:65536", "u@x:1"):
            with self.assertRaises(BadProxy, msg=rules):
                self.params(rules)

    def test_so_many(self):
        self.make()
        for number in range(16):
            self.params(f"p{number}.example", self)
        self.params("p0.example", self)
        with self.assertRaises(BadProxy):
            self.params("q.example", self)
        self.params("q.example", "another")
        self.proxy.release(self)
        self.params("q.example", self)

    def test_they_are_judged_as_all_others(self):
        self.make()
        for rules, place in (("a.example:81", ("8.8.8.8", 81)), ("inner.example:81", None)):
            self.params(rules)
            wire = self.client()
            if place is None:
                self.assertEqual((wire.said(), wire.closing), (b"", True))
                self.assertEqual(self.proxy.counts.refused["private"], 1)
            else:
                self.assertEqual(self.tried(), [place])
                outside = self.outside()
                wire.feed(b"CONNECT")
                outside.feed(b"200")
                self.assertEqual((wire.said(), outside.said()), (b"200", b"CONNECT"))


BYPASS = "--proxy-bypass-list=<-loopback>"


@pytest.mark.parametrize("name", ["connections", "handshake_time", "connect_time", "idle_time"])
def test_limits_are_numbers_above_0(name: str) -> None:
    values: tuple[Any, ...] = (0, -1, float("nan"))
    for value in values:
        with pytest.raises(ValueError, match=name):
            replace(EgressLimits(), **{name: value})
    assert GatewayOptions(egress=replace(EgressLimits(), **{name: 5})).egress != EgressLimits()
