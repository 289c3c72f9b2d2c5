"""Where the gateway listens; where nobody is asked for a token, on loopback addresses alone."""

from __future__ import annotations

import ipaddress
from typing import Any

from twisted.internet.defer import maybeDeferred
from twisted.internet.endpoints import serverFromString
from twisted.internet.interfaces import IListeningPort
from zope.interface import directlyProvides, providedBy

from txcdp.deferreds import returns_deferred


@returns_deferred
async def listen(reactor: Any, endpoint: str, factory: Any, *, local: bool) -> IListeningPort:
    """Listen.

    :param endpoint: as Twisted's ``serverFromString`` takes it.
    :param factory: of protocols.
    :param local: whether no other machine may reach it.
    :returns: fires with the port; fails with :exc:`ValueError` where one could, mostly before anything listens, and
        with Twisted's ``CannotListenError``.
    """
    port: IListeningPort
    if not local:
        port = await serverFromString(reactor, endpoint).listen(factory)
        return port
    refusal = ValueError(
        f"{endpoint}: without tokens the gateway listens on loopback addresses alone, since whoever reaches it has the "
        "browsers; give it a file of tokens, or add interface=127.0.0.1"
    )
    port = await serverFromString(_Local(reactor, refusal), endpoint).listen(factory)
    if not _is_local(getattr(port.getHost(), "host", None)):  # a name, a socket that was inherited, another's endpoint
        await maybeDeferred(port.stopListening)
        raise refusal
    return port


class _Local:
    """A reactor that listens on no address that other machines can reach; for the rest it is the one that it is given.

    What an endpoint comes to is seen only here: endpoints keep it for themselves, and may be within other endpoints.
    """

    def __init__(self, reactor: Any, refusal: Exception) -> None:
        self._reactor = reactor
        self._refusal = refusal
        directlyProvides(self, providedBy(reactor))

    def __getattr__(self, name: str) -> Any:
        return getattr(self._reactor, name)

    def listenTCP(self, port: int, factory: Any, backlog: int = 50, interface: str = "") -> IListeningPort:
        """Listen, or raise what the refusal is."""
        self._check(interface)
        made: IListeningPort = self._reactor.listenTCP(port, factory, backlog, interface)
        return made

    def listenSSL(
        self, port: int, factory: Any, contextFactory: Any, backlog: int = 50, interface: str = ""
    ) -> IListeningPort:
        """Likewise."""
        self._check(interface)
        made: IListeningPort = self._reactor.listenSSL(port, factory, contextFactory, backlog, interface)
        return made

    def _check(self, interface: str) -> None:
        if not _may_be_local(interface):
            raise self._refusal


def _may_be_local(interface: str) -> bool:
    """Tell whether an interface may be one of this machine alone; for a name, that is seen when it listens."""
    try:
        return bool(interface) and _is_local(interface)
    except ValueError:
        return True


def _is_local(host: str | None) -> bool:
    return host is None or ipaddress.ip_address(host.partition("%")[0]).is_loopback  # None: a socket in the file system
