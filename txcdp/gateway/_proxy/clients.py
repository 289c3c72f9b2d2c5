"""The connected clients: their open WebSockets, and the limits on their number and their duration."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager

from twisted.internet.defer import Deferred
from twisted.logger import Logger

from txcdp._deferreds import OneShot, Timer, returns_deferred
from txcdp._privacy import printable
from txcdp._reactor import AnyReactor
from txcdp.gateway._counters import Counters
from txcdp.gateway._egress import EgressProxy
from txcdp.gateway._http.refusals import Refusal, busy, stopping
from txcdp.gateway._http.requests import TAKEN_OVER, Answer, RoutedRequest
from txcdp.gateway._http.tokens import Principal
from txcdp.gateway._http.upgrade import check_upgrade, take_over
from txcdp.gateway._options import GatewayOptions
from txcdp.gateway._proxy.client_websocket import client_factory
from txcdp.gateway._proxy.command_filter import CommandFilter
from txcdp.gateway._proxy.method_info import MethodTable
from txcdp.gateway._proxy.modes import EndpointKind, Mode
from txcdp.gateway._proxy.relay import Relay

#: Seconds between checks for clients whose time is up.
_LOOK = 1.0

log = Logger()


class Clients:
    """Upgrades requests to WebSockets, and keeps track of the connected clients.

    :param reactor: the reactor.
    :param mode: assigns them their browsers.
    :param options: the gateway's options.
    :param counters: the counters to update.
    :param egress: the proxy that all of the browsers' connections go through; None: they are not restricted.
    :ivar leaving: whether the gateway is being stopped, and should not be sent any more clients.
    :ivar draining: whether it accepts no more clients.
    :ivar relays: the open relays.
    """

    def __init__(
        self,
        reactor: AnyReactor,
        mode: Mode,
        options: GatewayOptions,
        counters: Counters,
        egress: EgressProxy | None = None,
    ) -> None:
        self._reactor = reactor
        self._mode = mode
        self._limits = options.clients
        self._table = MethodTable(counters, CommandFilter(options.policy), egress)
        self._counters = counters
        self._factory = client_factory(reactor, self._limits)
        self._places: Counter[str] = Counter()
        self._look = Timer(reactor, self._look_at_all)
        self._empty: OneShot[None] | None = None
        self._numbers = 0
        self.leaving = self.draining = False
        self.relays: dict[int, Relay] = {}

    @property
    def taken(self) -> int:
        """The number of places taken, by connected clients and by those that wait for a browser."""
        return self._places.total()

    def open_new(self, request: RoutedRequest) -> Deferred[Answer]:
        """Open a WebSocket to a browser that has no id yet."""
        return self._open(request, "browser", "")

    def open_browser(self, request: RoutedRequest) -> Deferred[Answer]:
        """Open a WebSocket to the browser with the id at the path's end."""
        return self._open(request, "browser", request.local_id)

    def open_page(self, request: RoutedRequest) -> Deferred[Answer]:
        """Open a WebSocket to the page with the id at the path's end."""
        return self._open(request, "page", request.local_id)

    @returns_deferred
    async def _open(self, request: RoutedRequest, kind: EndpointKind, name: str) -> Answer:
        check_upgrade(request)
        principal = request.principal
        self._take_place(principal)  # while the gateway is being stopped, the mode lets those go on who are there
        try:
            line = await self._mode.open(request, kind, name)
        except BaseException:
            self._leave_place(principal)
            raise
        rates = [each for each in (principal.commands_per_second, self._limits.commands_per_second) if each is not None]
        rate = min(rates, default=None)
        self._numbers += 1
        number = self._numbers

        def ended(relay: Relay, why: str, word: str) -> None:
            del self.relays[number]
            self._leave_place(principal)
            self._counters.ended[word] += 1
            log.info(
                "Client {number} ({who}) of browser {browser} ended after {seconds:.1f} s and {commands} commands:"
                " {why}",
                number=number,
                who=principal.name,
                browser=line.browser,
                seconds=self._reactor.seconds() - relay.traffic.began,
                commands=relay.traffic.commands,
                why=printable(why),
            )

        relay = Relay(self._reactor, principal.name, line, self._limits, rate, self._table, self._counters, ended)
        self.relays[number] = relay
        self._counters.clients[principal.name] += 1
        self._look.set(_LOOK)
        peer = getattr(request.http.getClientAddress(), "host", "?")
        log.info(
            "Client {number} ({who}) from {peer} has browser {browser}",
            number=number,
            who=principal.name,
            peer=peer,
            browser=line.browser,
        )
        relay.client.factory = self._factory
        take_over(request.http, relay.client)
        return TAKEN_OVER

    @contextmanager
    def place(self, principal: Principal) -> Iterator[None]:
        """Count a caller without a WebSocket as a client for the duration of the block.

        :raises Refusal: no place is free.
        """
        if self.draining:
            raise stopping()
        self._take_place(principal)
        try:
            yield
        finally:
            self._leave_place(principal)

    def _take_place(self, principal: Principal) -> None:
        if principal.clients is not None and self._places[principal.name] >= principal.clients:
            raise busy(429, f"This token may have at most {principal.clients} clients at once.", "quota", 5)
        if self._places.total() >= self._limits.clients:
            raise busy(503, "All places for clients are taken.", "clients", 5)
        self._places[principal.name] += 1

    def _leave_place(self, principal: Principal) -> None:
        self._places[principal.name] -= 1
        if not self._places[principal.name]:
            del self._places[principal.name]
        if self._empty is not None and not self._places:
            self._empty.fire(None)

    def _look_at_all(self) -> None:
        if self.relays:
            self._look.set(_LOOK)
        now = self._reactor.seconds()
        for relay in list(self.relays.values()):
            relay.look(now)

    # The end:

    def drain(self) -> OneShot[None]:
        """Accept no more clients; the returned Deferred fires when the last one has left."""
        self.leaving = self.draining = True
        if self._empty is None:
            self._empty = OneShot()
            if not self._places:
                self._empty.fire(None)
        return self._empty

    def end_all(self, why: str) -> None:
        """Close all clients' connections."""
        for relay in list(self.relays.values()):
            relay.end(1001, why, "drained")

    def end(self, number: int) -> None:
        """Close the connection of one client.

        :raises Refusal: no client has this number.
        """
        relay = self.relays.get(number)
        if relay is None:
            raise Refusal(404, "No such client.", "unknown")
        relay.end(1008, "the gateway's operator ended this session", "operator")

    def stop(self) -> None:
        """Cancel every DelayedCall."""
        self._look.stop()
