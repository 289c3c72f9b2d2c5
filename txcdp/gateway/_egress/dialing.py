"""Connections to the outside: a name is resolved once, and the address that was checked is the one connected to."""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import Any, Final, TypeVar

from twisted.internet.address import IPv4Address, IPv6Address
from twisted.internet.defer import DeferredSemaphore
from twisted.internet.endpoints import HostnameEndpoint
from twisted.internet.error import ConnectError
from twisted.internet.interfaces import (
    IAddress,
    IHostnameResolver,
    IHostResolution,
    IReactorPluggableNameResolver,
    IReactorTime,
    IResolutionReceiver,
)
from twisted.internet.protocol import Factory, Protocol
from zope.interface import implementer

from txcdp._deferreds import OneShot, returns_deferred
from txcdp._reactor import AnyReactor, whole
from txcdp.gateway._egress.addresses import Address, AddressPolicy, plain, read_address

P = TypeVar("P", bound=Protocol)

#: Names that are passed to the system's resolver at all; anything else cannot be a host name.
_NAME: Final = re.compile(r"(?=.{1,254}\Z)[A-Za-z0-9_-]{1,63}(\.[A-Za-z0-9_-]{1,63})*\.?")

#: Lookups at once. Each may take long, and occupies one of the reactor's ten threads.
_LOOKUPS: Final = 8

#: A host name for destinations that are already resolved; it appears only in messages.
_DESTINATION: Final = "destination.invalid"


class NotAllowed(Exception):
    """Connections are not allowed to any address of a destination.

    :ivar kind: the kind of the first address, such as ``"loopback"``.
    :ivar address: that address.
    """

    def __init__(self, kind: str, address: Address) -> None:
        super().__init__(f"{address} is not public: {kind}")
        self.kind = kind
        self.address = address


class Unreachable(Exception):
    """No connection to any address of a destination could be made."""


class Dialer:
    """Makes connections that a policy allows.

    :param reactor: the reactor.
    :param policy: checks each address.
    :param resolver: resolves names; None: the reactor's ``nameResolver``, which asks the system.
    """

    def __init__(self, reactor: AnyReactor, policy: AddressPolicy, resolver: IHostnameResolver | None = None) -> None:
        self._reactor = whole(reactor)
        self._policy = policy
        self._resolver = resolver
        self._turns = DeferredSemaphore(_LOOKUPS)

    @returns_deferred
    async def connect(self, host: str, port: int, protocol: P) -> P:
        """Connect a protocol.

        :param host: a name, or an address as text.
        :returns: fires with the protocol once it is connected; fails with :exc:`NotAllowed` and :exc:`Unreachable`.
            Cancelling it gives up.
        """
        found = await self._addresses(host)
        if not found:
            raise Unreachable("unknown host")
        kinds = [self._policy.objection(each, port) for each in found]
        allowed = [each for each, kind in zip(found, kinds, strict=True) if not kind]
        if not allowed:
            raise NotAllowed(kinds[0], found[0])
        endpoint = HostnameEndpoint(_KnownHostReactor(self._reactor, allowed, port), _DESTINATION, port)
        try:
            await endpoint.connect(_OneProtocolFactory(protocol))
        except ConnectError as error:
            raise Unreachable(str(error)) from error
        return protocol

    async def _addresses(self, host: str) -> list[Address]:
        """Return the addresses of a host, each once, in the order in which to try them."""
        literal = read_address(host)
        if literal is not None:
            return [plain(literal)]
        if not _NAME.fullmatch(host):
            return []
        await self._turns.acquire()
        receiver = _Receiver()
        receiver.done.wait().addCallback(self._next)
        (self._resolver or self._reactor.nameResolver).resolveHostName(receiver, host)
        return list(dict.fromkeys(map(plain, await receiver.done.wait())))

    def _next(self, _: object) -> None:
        """Start the next lookup; an abandoned lookup keeps its thread until it ends."""
        self._turns.release()


@implementer(IResolutionReceiver)
class _Receiver:
    """Collects the results of a lookup.

    :ivar done: fires with the addresses once the lookup has ended.
    """

    def __init__(self) -> None:
        self._found: list[Address] = []
        self.done: OneShot[list[Address]] = OneShot()

    def resolutionBegan(self, resolutionInProgress: IHostResolution) -> None:
        """Do nothing."""

    def addressResolved(self, address: IAddress) -> None:
        """Add an address."""
        found = read_address(address.host) if isinstance(address, IPv4Address | IPv6Address) else None
        if found is not None:
            self._found.append(found)

    def resolutionComplete(self) -> None:
        """Fire with the addresses found."""
        self.done.fire(self._found)


@implementer(IReactorPluggableNameResolver, IHostnameResolver, IReactorTime)
class _KnownHostReactor:
    """A reactor that knows only one host: only the addresses that were found, and checked, are tried."""

    def __init__(self, reactor: AnyReactor, addresses: Sequence[Address], port: int) -> None:
        self._addresses = addresses
        self._port = port
        of = whole(reactor)
        self.connectTCP = of.connectTCP
        self.callLater = of.callLater
        self.seconds = of.seconds
        self.getDelayedCalls = of.getDelayedCalls

    @property
    def nameResolver(self) -> Any:
        return self

    def installNameResolver(self, resolver: Any) -> Any:
        raise NotImplementedError("what was judged stays")

    def resolveHostName(
        self,
        resolutionReceiver: Any,
        hostName: str,
        portNumber: int = 0,
        addressTypes: Any = None,
        transportSemantics: str = "TCP",
    ) -> Any:
        resolutionReceiver.resolutionBegan(self)
        for each in self._addresses:
            kind = IPv4Address if each.version == 4 else IPv6Address
            resolutionReceiver.addressResolved(kind("TCP", str(each), self._port))
        resolutionReceiver.resolutionComplete()
        return self


class _OneProtocolFactory(Factory):
    """Returns one protocol for the first attempt that is connected, and none for others."""

    noisy = False

    def __init__(self, protocol: Protocol) -> None:
        self._protocol: Protocol | None = protocol

    def buildProtocol(self, addr: IAddress | None) -> Protocol | None:
        protocol, self._protocol = self._protocol, None
        return protocol
