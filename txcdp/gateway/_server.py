"""The gateway: combines the authorizer, the pool, the mode and the clients, from the first browser to the last."""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import replace
from typing import Any
from urllib.parse import urlsplit

from twisted.internet.defer import Deferred, maybeDeferred
from twisted.internet.interfaces import IHostnameResolver, IListeningPort
from twisted.internet.task import deferLater
from twisted.logger import Logger

from txcdp._arguments import refuse_bare_string
from txcdp._deferreds import OneShot, returns_deferred, with_deadline
from txcdp._reactor import AnyReactor
from txcdp.browser import Browser
from txcdp.gateway._counters import Counters
from txcdp.gateway._egress import AddressPolicy, EgressProxy
from txcdp.gateway._http.authorizer import Authorizer
from txcdp.gateway._http.connection_limiter import ConnectionLimiter
from txcdp.gateway._http.listening import listen
from txcdp.gateway._http.listing import Listing
from txcdp.gateway._http.peers import Peers
from txcdp.gateway._http.refusals import Refusal
from txcdp.gateway._http.requests import Handler
from txcdp.gateway._http.router import GatewaySite, Router
from txcdp.gateway._http.routes import Operation, Route, Routes, limit_of, too_long
from txcdp.gateway._http.tokens import Principal, Tokens
from txcdp.gateway._metrics import Metrics
from txcdp.gateway._options import GatewayOptions, PoolOptions
from txcdp.gateway._pool.launched import LaunchedBrowser, Launcher
from txcdp.gateway._pool.memory import measure
from txcdp.gateway._pool.pool import Pool
from txcdp.gateway._pool.pooled_browser import Running
from txcdp.gateway._proxy.clients import Clients
from txcdp.gateway._proxy.downloads import Downloads
from txcdp.gateway._proxy.exclusive_mode import Exclusive
from txcdp.gateway._proxy.modes import Mode
from txcdp.gateway._proxy.shared_mode import Shared
from txcdp.gateway._routes import gateway_routes
from txcdp.gateway.render import Renders, rules_of

#: Seconds for clients to complete the closing handshake after the time to finish is over.
_CLOSING = 3.0

_MODES: dict[str, Callable[[Any, Pool, GatewayOptions], Mode]] = {"exclusive": Exclusive, "shared": Shared}

log = Logger()


class Gateway:
    """A pool of browsers behind one address.

    :param reactor: the reactor.
    :param options: see :class:`~txcdp.gateway.GatewayOptions`.
    :param start_browser: starts a browser for the pool; by default, :func:`txcdp.launch` with the reactor alone. If the
        policy forbids private addresses, one of your own has to start browsers with ``gateway.egress.arguments(args)``.
    :param mode: makes the mode from reactor, pool and options; by default, the mode that the options name.
    :param resolver: resolves names for the egress proxy; by default, the reactor's ``nameResolver``.
    :ivar egress: the proxy through which its browsers make all connections; None if the policy allows private
        addresses.
    :ivar pool: the browsers.
    :ivar clients: the connected clients.
    :ivar counters: the counts about clients that ``/metrics`` reports.
    :ivar routes: the table of all routes; :meth:`add` adds to it.
    :ivar tokens: the tokens of the file in the options, or None; ``tokens.reload()`` reads it again.
    :ivar renders: see :class:`~txcdp.gateway.render.Renders`; None if it does not render.
    :ivar site: a protocol factory, to listen elsewhere.
    :ivar port: the port that it listens on; None if it does not listen.
    :raises BadTokens: the token file cannot be used.
    :raises ValueError: the policy forbids private addresses, and the browsers' arguments name another proxy.
    """

    def __init__(
        self,
        reactor: AnyReactor,
        options: GatewayOptions | None = None,
        start_browser: Callable[[], Deferred[Running]] | None = None,
        mode: Callable[[Any, Pool, GatewayOptions], Mode] | None = None,
        resolver: IHostnameResolver | None = None,
    ) -> None:
        options = options or GatewayOptions()
        self._reactor = reactor
        self._options = options
        self.counters = Counters()
        start: Callable[[], Deferred[Running]] = start_browser or Launcher(reactor, most=2 * options.pool.size)
        self.egress: EgressProxy | None = None
        if not options.policy.private_addresses:
            allowed = AddressPolicy(options.policy.allowed_addresses)
            self.egress = EgressProxy(reactor, allowed, options.egress, resolver)
            if isinstance(start, Launcher):
                start.go_through(self.egress)
        self.pool = Pool(reactor, start, _pool_options(options), measure)
        self.mode = (mode or _MODES[options.mode])(reactor, self.pool, options)
        self.clients = Clients(reactor, self.mode, options, self.counters, self.egress)
        self.tokens = None if options.access.tokens is None else Tokens(options.access.tokens)
        limiter = ConnectionLimiter(reactor, options.clients.connections, self._count_refusal)
        metrics = Metrics(self.pool, self.clients, limiter, self.counters, self.egress)
        listing = Listing(self.mode, Peers(reactor, options.peers))
        self.routes = Routes(gateway_routes(listing, self.clients, Downloads(self._leased_downloads), metrics))
        self._stopped: OneShot[None] | None = None
        self._at_start: list[Callable[[], object]] | None = []
        self._at_stop: list[Callable[[], object]] = []
        self.port: IListeningPort | None = None
        self.site = GatewaySite(self._make_router(), reactor, limiter)
        self.renders: Renders | None = None
        if options.render is not None:
            rules = rules_of(options.policy, self.egress)
            parts = self.routes, self.browser, self.clients.place, self.counters
            self.renders = Renders(reactor, options.render, rules, *parts)

    def add(
        self,
        path: str,
        verbs: tuple[str, ...],
        handler: Handler,
        *,
        free: bool = False,
        max_body: int | None = None,
        too_long: Callable[[int], Refusal] = too_long,
        operation: Operation | None = None,
    ) -> None:
        """Add a route with a handler of your own.

        :param path: the path; one that ends in ``/`` stands for everything below it.
        :param verbs: the HTTP methods of the route.
        :param handler: takes a :class:`~txcdp.gateway.RoutedRequest`, returns an
            :class:`~txcdp.gateway.Answer` or a Deferred of one, and raises
            :exc:`~txcdp.gateway.Refusal`.
        :param free: whether the route needs no token.
        :param max_body: bytes of a request's body; None: 16 MiB if the methods include PUT, POST or PATCH, and
            otherwise 64 KiB. A longer one is refused with 413, and the rest of it is not read.
        :param too_long: makes the text of that refusal from the number of bytes that are allowed.
        :param operation: its description in ``/openapi.json``; None: it is not described.
        """
        refuse_bare_string("verbs", verbs, tuple)
        self.routes.add(Route(path, verbs, handler, free, limit_of(verbs, max_body, too_long), operation=operation))

    def on_start(self, function: Callable[[], object]) -> None:
        """Call a function when the gateway starts its browsers; at once if it already has."""
        if self._at_start is None:
            function()
        else:
            self._at_start.append(function)

    def on_stop(self, function: Callable[[], object]) -> None:
        """Call a function once the clients are gone and the browsers are about to be stopped."""
        self._at_stop.append(function)

    @returns_deferred
    async def start(self) -> None:
        """Start the browsers, and listen, if the options say so.

        :returns: fires once the gateway listens; the browsers start meanwhile. Fails with :exc:`ValueError` if it would
            be reachable from other machines without tokens, and with Twisted's ``CannotListenError``.
        """
        endpoint = self._options.endpoint
        if endpoint is not None:
            self.port = await listen(self._reactor, endpoint, self.site, local=self.tokens is None)
        if self.egress is not None:
            try:
                self.egress.start()
            except BaseException:
                if self.port is not None:
                    await maybeDeferred(self.port.stopListening)
                raise
        self.pool.open()
        starting, self._at_start = self._at_start or [], None
        for each in starting:
            each()
        if self.port is not None:
            log.info("The gateway listens at {where}", where=str(self.port.getHost()))

    def stop(self) -> Deferred[None]:
        """Stop: refuse new clients, let the present ones finish for ``drain`` seconds, then end everything.

        The gateway still listens meanwhile, and refuses new clients with 503.

        :returns: fires once no browser is left. You may call this any number of times.
        """
        if self._stopped is None:
            stopped = self._stopped = OneShot()
            stopping = self._stop().addErrback(lambda failure: log.failure("Stopping", failure=failure))
            stopping.addBoth(lambda _: stopped.fire(None))
        return self._stopped.wait()

    @returns_deferred
    async def _stop(self) -> None:
        log.info("The gateway is stopping; {clients} clients are connected", clients=self.clients.taken)
        self.clients.leaving = True
        if self._options.notice:
            await deferLater(self._reactor, self._options.notice)  # type: ignore[arg-type]  # a clock is enough
        left = self.clients.drain()
        self.mode.stop()
        self.pool.drain()
        if self.renders is not None:
            self.renders.drain()
        try:
            if not await self._within(self._options.drain, left):
                self.clients.end_all("the gateway is stopping")
                await self._within(_CLOSING, left)
            if self.port is not None:
                await maybeDeferred(self.port.stopListening)
        finally:
            for each in self._at_stop:
                maybeDeferred(each).addErrback(lambda failure: log.failure("Stopping", failure=failure))
            self.mode.stop()
            await self.pool.stop()
            if self.egress is not None:
                await self.egress.stop()
            self.clients.stop()

    async def _within(self, seconds: float, event: OneShot[None]) -> bool:
        if seconds > 0 and not event.fired:
            try:
                await with_deadline(self._reactor, event.wait(), seconds, TimeoutError)
            except TimeoutError:
                return False
        return event.fired

    @asynccontextmanager
    async def browser(self) -> AsyncIterator[Browser]:
        """Lend a browser of the pool to the program: ``async with gateway.browser() as browser``.

        :raises Refusal: no browser is available.
        """
        pooled = await self.pool.lease()
        try:
            running = pooled.running
            if not isinstance(running, LaunchedBrowser):
                raise TypeError(f"{type(running).__name__} has no line of the gateway's own")
            yield running.browser
        finally:
            self.pool.release(pooled)

    def state(self) -> dict[str, Any]:
        """Return the current state as plain data: browsers and clients, without tokens and URLs."""
        pool = self.pool
        now = self._reactor.seconds()
        states = [("idle", each) for each in pool.idle] + [("leased", each) for each in pool.leased]
        return {
            "draining": self.clients.draining,
            "waiting": pool.waiting,
            "starting": pool.starting,
            "browsers": [
                {
                    "pid": pooled.running.pid,
                    "state": state,
                    "age": now - pooled.born,
                    "sessions": pooled.sessions,
                    "memory": pooled.memory,
                }
                for state, pooled in states
            ],
            "clients": [
                {
                    "number": number,
                    "name": relay.name,
                    "browser": relay.line.browser,
                    "age": now - relay.traffic.began,
                    "idle": now - relay.traffic.active,
                    "commands": relay.traffic.commands,
                    "bytes_in": relay.traffic.bytes_in,
                    "bytes_out": relay.traffic.bytes_out,
                }
                for number, relay in self.clients.relays.items()
            ],
        }

    def _make_router(self) -> Router:
        wanted = self._options.access
        hosts, origins = list(wanted.hosts), list(wanted.origins)
        if wanted.public_url is not None:
            public = urlsplit(wanted.public_url)
            hosts.append(public.hostname or "")
            origins.append(f"{public.scheme}://{public.netloc}")
        authorizer = Authorizer(self.routes, hosts, origins, self.tokens)
        return Router(authorizer, self.routes, wanted.public_url, self._count_refusal, self._options.node)

    def _leased_downloads(self, principal: Principal) -> list[str]:
        return self.mode.downloads(principal)

    def _count_refusal(self, kind: str) -> None:
        self.counters.refused[kind] += 1


def _pool_options(options: GatewayOptions) -> PoolOptions:
    """Return the pool's, which knows of no modes: a browser that is shared serves many clients in a session's time."""
    pool = options.pool
    if options.mode == "exclusive":
        return pool
    return replace(pool, browser=replace(pool.browser, sessions=pool.browser.sessions * pool.clients_per_browser))
