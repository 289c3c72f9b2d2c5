"""Where the gateway listens; without tokens, only on loopback addresses."""

from __future__ import annotations

from typing import Any, cast

from twisted.internet.defer import maybeDeferred
from twisted.internet.endpoints import serverFromString
from twisted.internet.interfaces import IListeningPort
from twisted.internet.protocol import Factory
from twisted.python.failure import Failure
from zope.interface import directlyProvides, providedBy

from txcdp._deferreds import returns_deferred
from txcdp._reactor import AnyReactor, Reactor, whole
from txcdp.gateway._egress.addresses import read_address

#: Kinds of endpoints that do nothing but listen.
_KNOWN = ("tcp", "tcp6", "ssl")

#: What stands before an endpoint that is within another one, which does nothing but listen at it.
_AROUND = "haproxy:"

_LAST_PORT = 65535


@returns_deferred
async def listen(reactor: AnyReactor, endpoint: str, factory: Any, *, local: bool) -> IListeningPort:
    """Listen at an endpoint.

    :param endpoint: as Twisted's ``serverFromString`` takes it.
    :param factory: the protocol factory.
    :param local: whether no other machine may reach it.
    :returns: fires with the port; fails with :exc:`ValueError` if another machine could reach it, usually before
        anything listens, and with Twisted's ``CannotListenError``.
    """
    port: IListeningPort
    if not local:
        port = await serverFromString(reactor, endpoint).listen(factory)
        return port
    refusal = _refusal(endpoint)
    port = await serverFromString(_Local(reactor, refusal), endpoint).listen(factory)
    host = getattr(port.getHost(), "host", None)  # None: a socket in the file system
    if host is not None and not _is_local(host):  # a name, a socket that was inherited, another's endpoint
        await maybeDeferred(port.stopListening)
        raise refusal
    return port


def check_local(endpoint: str) -> None:
    """Check that no other machine could reach an endpoint, as far as that is known without listening.

    :raises ValueError: one could.
    """
    _try(_Local(cast(Reactor, _PortCheckingReactor(endpoint)), _refusal(endpoint)), endpoint)


def check_port(endpoint: str) -> None:
    """Check that an endpoint has a valid port.

    :raises ValueError: it has not.
    """
    _try(cast(Reactor, _PortCheckingReactor(endpoint)), endpoint)


def _try(reactor: AnyReactor, endpoint: str) -> None:
    kind = endpoint
    while kind.startswith(_AROUND):
        kind = kind.removeprefix(_AROUND)
    if kind.partition(":")[0] not in _KNOWN:
        return  # what others do when they are told to listen, nobody knows
    failed: list[Failure] = []
    serverFromString(reactor, endpoint).listen(Factory()).addErrback(failed.append)
    for failure in failed:
        failure.raiseException()


def _refusal(endpoint: str) -> ValueError:
    return ValueError(
        f"{endpoint}: without tokens the gateway listens only on loopback addresses, since anyone who reaches it "
        "controls the browsers; give it a file of tokens, or add interface=127.0.0.1"
    )


class _PortCheckingReactor:
    """A reactor that listens nowhere, but checks ports."""

    def __init__(self, endpoint: str) -> None:
        self._endpoint = endpoint

    def listenTCP(self, port: int, *args: Any, **more: Any) -> None:
        """Do nothing."""
        if not 0 <= port <= _LAST_PORT:
            raise ValueError(f"{self._endpoint}: there is no port {port}; ports are from 0, for any free one, to 65535")

    listenSSL = listenTCP


class _Local:
    """A reactor that listens only on addresses that other machines cannot reach; otherwise it is the given one.

    Only here can be seen what an endpoint listens on: endpoints keep it to themselves, and may be nested in others.
    """

    def __init__(self, reactor: AnyReactor, refusal: Exception) -> None:
        self._reactor = whole(reactor)
        self._refusal = refusal
        directlyProvides(self, providedBy(reactor))

    def __getattr__(self, name: str) -> Any:
        return getattr(self._reactor, name)

    def listenTCP(self, port: int, factory: Any, backlog: int = 50, interface: str = "") -> IListeningPort:
        """Listen, or raise the refusal."""
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
        if not interface or _is_local(interface) is False:
            raise self._refusal


def _is_local(host: str) -> bool | None:
    """Return whether only this machine has access to an address; None for a name, which is checked when it listens."""
    address = read_address(host.partition("%")[0])
    return None if address is None else address.is_loopback
