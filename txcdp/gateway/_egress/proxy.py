"""The egress proxy: browsers make all their connections through it, and it connects to public addresses only.

It is a SOCKS 5 proxy, since that is the simplest to read: the browser says where it wants to connect, and everything
that follows is passed on as it comes. Chromium leaves name resolution to such a proxy.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Final

from twisted.internet.defer import CancelledError, Deferred, maybeDeferred, succeed
from twisted.internet.error import ConnectingCancelledError
from twisted.internet.interfaces import IHostnameResolver, IListeningPort
from twisted.internet.protocol import ServerFactory, connectionDone
from twisted.logger import Logger
from twisted.python.failure import Failure

from txcdp._deferreds import OneShot, Timer, with_deadline
from txcdp._logs import LogThrottle
from txcdp._reactor import AnyReactor, Clock, whole
from txcdp._recent import Recent
from txcdp.gateway._egress.addresses import AddressPolicy
from txcdp.gateway._egress.dialing import Dialer, NotAllowed, Unreachable
from txcdp.gateway._egress.host_rules import with_host_rules
from txcdp.gateway._egress.limits import EgressLimits
from txcdp.gateway._egress.proxy_rules import BadProxy, rewrite
from txcdp.gateway._egress.socks import Handshake, Reply, SocksError, State, answer
from txcdp.gateway._egress.tunnels import Side, Tunnel

log = Logger()

_BACKLOG: Final = 128

#: The host name by which browsers know the proxy: it is the only one that they resolve themselves.
_NAME: Final = "egress.invalid"

#: Makes everything go through the proxy, even what Chromium would not send there on its own.
_BYPASS: Final = "<-loopback>"

#: How many proxies of its own a client may have.
_MOST_PROXIES: Final = 16

#: How many hosts are remembered to which a connection was refused.
_REMEMBERED: Final = 1000


#: Other arguments that decide how a browser connects.
_OTHER_WAYS: Final = frozenset(
    {
        "--dns-over-https-templates",
        "--enable-quic",
        "--host-rules",
        "--no-proxy-server",
        "--origin-to-force-quic-on",
        "--proxy-auto-detect",
        "--proxy-bypass-list",
        "--proxy-pac-url",
        "--proxy-server",
    }
)

#: Disable UDP, which does not go through a proxy.
_NO_UDP: Final = (
    "--disable-quic",
    "--webrtc-ip-handling-policy=disable_non_proxied_udp",
    "--force-webrtc-ip-handling-policy=disable_non_proxied_udp",
)

#: Where it listens.
LOOPBACK: Final = "127.0.0.1"


@dataclass
class EgressCounts:
    """Counts of the proxy's connections, by outcome.

    :ivar connected: connections that were made.
    :ivar refused: connections that were not allowed, by the kind of their address.
    :ivar failed: connections that could not be made.
    :ivar full: connections that were closed because there were too many.
    :ivar foreign: connections that came from another user of the machine, or did not speak SOCKS 5.
    """

    connected: int = 0
    refused: Counter[str] = field(default_factory=Counter)
    failed: int = 0
    full: int = 0
    foreign: int = 0


def check_args(args: Sequence[str]) -> None:
    """Refuse arguments that would make a browser bypass the proxy.

    :raises ValueError: there are such arguments.
    """
    for each in args:
        if each.partition("=")[0] in _OTHER_WAYS:
            raise ValueError(f"{each}: with private_addresses=False browsers use only the gateway's own proxy")


class EgressProxy:
    """Connects browsers to public addresses, and to those that are allowed.

    :param reactor: the reactor.
    :param policy: checks each address, at each connection.
    :param limits: see :class:`EgressLimits`.
    :param resolver: resolves names; None: the reactor's, which asks the system.
    :ivar counts: see :class:`EgressCounts`.
    """

    def __init__(
        self,
        reactor: AnyReactor,
        policy: AddressPolicy,
        limits: EgressLimits | None = None,
        resolver: IHostnameResolver | None = None,
    ) -> None:
        self._reactor = whole(reactor)
        self.limits = limits or EgressLimits()
        self.dialer = Dialer(reactor, policy, resolver)
        self.counts = EgressCounts()
        self._listening: IListeningPort | None = None
        self._clients: set[Incoming] = set()
        self._empty: OneShot[None] | None = None
        self._log_throttle = LogThrottle(reactor)
        self._refused: Recent[tuple[str, int], None] = Recent(_REMEMBERED)
        self._forwards: dict[object, dict[tuple[str, int], IListeningPort]] = {}

    @property
    def port(self) -> int:
        """The port that it listens on.

        :raises RuntimeError: it does not listen.
        """
        if self._listening is None:
            raise RuntimeError("the egress proxy does not listen")
        where: Any = self._listening.getHost()
        return int(where.port)

    def arguments(self, args: Sequence[str] = ()) -> list[str]:
        """Return arguments for a browser that make all its connections go through this proxy.

        :param args: its other arguments. Host rules among them apply as well, but the browser itself resolves no names.
        :raises ValueError: an argument would make it bypass the proxy.
        """
        check_args(args)
        return [
            *with_host_rules(args, [f"MAP {_NAME} {LOOPBACK}"], ["MAP * ~NOTFOUND"]),
            f"--proxy-server={self._own}",
            f"--proxy-bypass-list={_BYPASS}",
            *_NO_UDP,
        ]

    @property
    def _own(self) -> str:
        return f"socks5://{_NAME}:{self.port}"

    def context_params(self, owner: object, params: Mapping[str, Any]) -> dict[str, Any]:
        """Return parameters of ``Target.createBrowserContext`` for a context all of whose connections go through this
        proxy.

        :param owner: the owner of the context: :meth:`release` removes the ports for its proxies.
        :param params: the requested parameters. A proxy among them is reached through this one, without exceptions.
        :raises BadProxy: that proxy cannot be reached.
        """
        found = {name: value for name, value in params.items() if name not in ("proxyServer", "proxyBypassList")}
        rules = params.get("proxyServer")
        if rules is not None and not isinstance(rules, str):
            return dict(params)  # refused by the browser
        if rules:
            rewritten = rewrite(rules, self._own, lambda host, port: self._forward(owner, host, port))
            found |= {"proxyServer": rewritten or self._own, "proxyBypassList": _BYPASS}
        return found

    def release(self, owner: object) -> None:
        """Stop listening for an owner's proxies; existing connections to them continue."""
        for each in self._forwards.pop(owner, {}).values():
            maybeDeferred(each.stopListening).addErrback(lambda failure: log.failure("Stopping", failure=failure))

    def _forward(self, owner: object, host: str, port: int) -> str:
        """Return where an owner's browser reaches a proxy through this one."""
        own = self._forwards.setdefault(owner, {})
        listening = own.get((host, port))
        if listening is None:
            if len(own) >= _MOST_PROXIES:
                raise BadProxy(f"a client may have at most {_MOST_PROXIES} proxies")
            listening = own[host, port] = self._listen(lambda: Forwarded(self, self._reactor, host, port))
        where: Any = listening.getHost()
        return f"{_NAME}:{where.port}"

    @property
    def now(self) -> int:
        """The number of open connections."""
        return len(self._clients)

    def start(self) -> None:
        """Listen on a free port of the loopback address.

        :raises CannotListenError: there is none.
        """
        self._listening = self._listen(lambda: SocksClient(self, self._reactor))

    def _listen(self, build: Callable[[], Incoming]) -> IListeningPort:
        factory: Any = ServerFactory.forProtocol(build)
        factory.noisy = False
        listening: IListeningPort = self._reactor.listenTCP(0, factory, _BACKLOG, LOOPBACK)
        return listening

    def stop(self) -> Deferred[None]:
        """Stop listening, and drop all connections; fires once they are gone."""
        for owner in list(self._forwards):
            self.release(owner)
        listening, self._listening = self._listening, None
        stopped: Deferred[Any] = succeed(None) if listening is None else maybeDeferred(listening.stopListening)
        empty = self._empty = OneShot()
        for each in list(self._clients):
            each.abort()
        self._settle()
        return stopped.addCallback(lambda _: empty.wait())

    # What its connections call:

    def take(self, client: Incoming) -> bool:
        """Add a connection, if there is room for it."""
        if len(self._clients) >= self.limits.connections:
            self.counts.full += 1
            if self._log_throttle():
                log.warn("The egress proxy has reached its limit of {most} connections", most=len(self._clients))
            return False
        self._clients.add(client)
        return True

    def drop(self, client: Incoming) -> None:
        """Forget a connection that has closed."""
        self._clients.discard(client)
        self._settle()

    def has_refused(self, host: str, port: int) -> bool:
        """Return whether the last connection to a host was refused, as far as that is remembered.

        :param host: in lower case, without a trailing dot; an IPv6 address without brackets.
        """
        return (host, port) in self._refused

    def refused(self, host: str, port: int, error: NotAllowed) -> None:
        """Count and log a refused connection."""
        self.counts.refused[error.kind] += 1
        self._refused[_key(host, port)] = None
        if self._log_throttle():
            log.info(
                "A page was not connected to {address}, port {port}: {kind}",
                address=str(error.address),
                port=port,
                kind=error.kind,
            )

    def connected(self, host: str, port: int) -> None:
        """Count a connection that was made."""
        self.counts.connected += 1
        self._refused.pop(_key(host, port), None)

    def _settle(self) -> None:
        if self._empty is not None and not self._clients:
            self._empty.fire(None)


class Incoming(Side):
    """One connection from a browser: it waits for one to the outside, and is then coupled with that.

    :param proxy: the proxy that it belongs to.
    :param clock: the reactor.
    """

    def __init__(self, proxy: EgressProxy, clock: Clock) -> None:
        self.proxy = proxy
        self._clock = clock
        self._dialing: Deferred[Any] | None = None
        self._early: list[bytes] = []
        self._taken = False
        self._wanted = ("", 0)

    def connectionMade(self) -> None:
        """Accept the connection, or close it if there is no room."""
        self._taken = self.proxy.take(self)
        if self._taken:
            self.transport.setTcpNoDelay(True)
            self.begin()
        else:
            self.transport.abortConnection()

    def begin(self) -> None:
        """Find out where to connect to, and :meth:`dial`."""
        raise NotImplementedError

    def answer(self, reply: Reply) -> None:
        """Send the browser the outcome."""
        raise NotImplementedError

    def dial(self, host: str, port: int) -> None:
        """Connect to the outside."""
        outside = Side()
        limits = self.proxy.limits
        dialing = self.proxy.dialer.connect(host, port, outside)
        self._dialing = with_deadline(self._clock, dialing, limits.connect_time, _Late)
        self._wanted = (host, port)
        self._dialing.addCallbacks(self._connected, self._failed).addErrback(self._broken)

    def dataReceived(self, data: bytes) -> None:
        """Pass on bytes; those that arrive too early have to wait."""
        if self.other is not None:
            super().dataReceived(data)
        elif self._taken:
            self._early.append(data)
            self.transport.pauseProducing()

    def readConnectionLost(self) -> None:
        """Pass on the half-close, or abort if there is no connection to the outside yet."""
        if self.other is not None:
            super().readConnectionLost()
        else:
            self.abort()

    def connectionLost(self, reason: Failure = connectionDone) -> None:
        """Release everything that was made for the connection."""
        dialing, self._dialing = self._dialing, None
        if dialing is not None:
            dialing.cancel()
        super().connectionLost(reason)
        if self._taken and self.tunnel is None:
            self.proxy.drop(self)
        self._taken = False

    def abort(self) -> None:
        """Drop both connections."""
        if self.tunnel is not None:
            self.tunnel.abort()
        else:
            self.transport.abortConnection()

    def _connected(self, outside: Side) -> None:
        self._dialing = None
        outside.transport.setTcpNoDelay(True)
        self.proxy.connected(*self._wanted)
        self.answer(Reply.SUCCEEDED)
        Tunnel(self._clock, self, outside, self.proxy.limits.idle_time, lambda: self.proxy.drop(self))
        early, self._early = self._early, []
        if early:
            super().dataReceived(b"".join(early))
            self.transport.resumeProducing()

    def _failed(self, failure: Failure) -> None:
        if self._dialing is None:
            failure.trap(CancelledError, ConnectingCancelledError, Unreachable)  # the browser has gone
            return
        self._dialing = None
        if failure.check(NotAllowed):
            error: Any = failure.value
            self.proxy.refused(*self._wanted, error)
            self.answer(Reply.NOT_ALLOWED)
        else:
            failure.trap(_Late, Unreachable)
            self.proxy.counts.failed += 1
            self.answer(Reply.HOST_UNREACHABLE)
        self.transport.loseConnection()

    def _broken(self, failure: Failure) -> None:
        log.failure("Connecting through the egress proxy", failure=failure)
        self.abort()


class SocksClient(Incoming):
    """One connection from a browser that says by SOCKS 5 where it wants to connect to."""

    def __init__(self, proxy: EgressProxy, clock: Clock) -> None:
        super().__init__(proxy, clock)
        self._handshake = Handshake()
        self._speaking = Timer(clock, self.abort)

    def begin(self) -> None:
        """Limit the time for the handshake."""
        self._speaking.set(self.proxy.limits.handshake_time)

    def answer(self, reply: Reply) -> None:
        """Answer its request."""
        self.transport.write(answer(reply))

    def dataReceived(self, data: bytes) -> None:
        """Process the handshake, then pass bytes on."""
        if self._handshake.state is State.REQUESTED:
            super().dataReceived(data)
            return
        try:
            self.transport.write(self._handshake.receive(data))
        except SocksError as error:
            self.proxy.counts.foreign += 1
            self.transport.write(error.answer)
            self.transport.loseConnection()
            return
        wanted = self._handshake.destination
        if wanted is not None:
            self._speaking.stop()
            self.dial(*wanted)
            if self._handshake.rest:
                super().dataReceived(self._handshake.rest)

    def connectionLost(self, reason: Failure = connectionDone) -> None:
        """Release everything that was made for the connection."""
        self._speaking.stop()
        super().connectionLost(reason)


class Forwarded(Incoming):
    """One connection from a browser to a proxy of its client."""

    def __init__(self, proxy: EgressProxy, clock: Clock, host: str, port: int) -> None:
        super().__init__(proxy, clock)
        self._where = (host, port)

    def begin(self) -> None:
        """Connect to that proxy."""
        self.dial(*self._where)

    def answer(self, reply: Reply) -> None:
        """Do nothing: the browser and its client's proxy speak to each other."""


def _key(host: str, port: int) -> tuple[str, int]:
    return host.lower().removesuffix("."), port


class _Late(Unreachable):
    """A connection was not made in time."""
