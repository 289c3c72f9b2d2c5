"""What Twisted's reactor in memory has learned since the oldest Twisted that is supported: to resolve names."""

from __future__ import annotations

from typing import Any

from twisted.internet.address import IPv4Address
from twisted.internet.interfaces import IHostnameResolver, IHostResolution, IReactorPluggableNameResolver
from twisted.internet.testing import MemoryReactor
from zope.interface import classImplements, implementer


@implementer(IHostResolution)
class Resolution:
    """Is complete as soon as it begins."""

    def __init__(self, name: str) -> None:
        self.name = name

    def cancel(self) -> None:
        """Do nothing."""


@implementer(IHostnameResolver)
class Resolver:
    """Every name is this machine's, as with newer versions."""

    def resolveHostName(
        self,
        resolutionReceiver: Any,
        hostName: str,
        portNumber: int = 0,
        addressTypes: Any = None,
        transportSemantics: str = "TCP",
    ) -> Resolution:
        resolution = Resolution(hostName)
        resolutionReceiver.resolutionBegan(resolution)
        resolutionReceiver.addressResolved(IPv4Address("TCP", "127.0.0.1", portNumber))
        resolutionReceiver.resolutionComplete()
        return resolution


def teach() -> None:
    """Let all such reactors resolve names."""
    if not IReactorPluggableNameResolver.implementedBy(MemoryReactor):
        classImplements(MemoryReactor, IReactorPluggableNameResolver)
        reactors: Any = MemoryReactor
        reactors.nameResolver = Resolver()
