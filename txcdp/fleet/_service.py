"""A node that runs unattended."""

from __future__ import annotations

from collections.abc import Callable

from twisted.application.service import Service
from twisted.internet.defer import Deferred, succeed
from twisted.logger import Logger
from twisted.python.failure import Failure

from txcdp._deferreds import returns_deferred
from txcdp._reactor import AnyReactor
from txcdp.fleet._line import RouterLine, RouterSession
from txcdp.fleet._node import Node
from txcdp.fleet._options import NodeOptions, RouterOptions
from txcdp.gateway import Gateway

log = Logger()


class NodeService(Service):
    """Runs a node while the service runs; stopping it lets the work in progress finish.

    If the session is lost, the node joins the router again, with growing pauses, for as long as that takes.

    :param reactor: the reactor.
    :param gateway: the gateway whose browsers do the work; it is started and stopped with this service, and has to
        render. With ``GatewayOptions(endpoint=None)`` it is reachable only through the router.
    :param router: see :class:`~txcdp.fleet.RouterOptions`.
    :param options: see :class:`~txcdp.fleet.NodeOptions`.
    :param given_up: called with the error if the gateway cannot start; by default the error is logged.
    :ivar node: the node itself.
    :ivar gateway: the gateway, as given.
    """

    def __init__(
        self,
        reactor: AnyReactor,
        gateway: Gateway,
        router: RouterOptions,
        options: NodeOptions | None = None,
        *,
        given_up: Callable[[Exception], object] | None = None,
    ) -> None:
        options = options or NodeOptions()
        self.gateway = gateway
        self.node = Node(reactor, gateway, options)
        self._options = options
        self._line = RouterLine(reactor, router, self._joined, self._left)
        self._given_up = given_up
        self._starting: Deferred[None] = succeed(None)

    def startService(self) -> None:
        """Start the browsers, and join the router."""
        if not self.running:
            super().startService()
            self._starting = self.gateway.start().addErrback(self._failed)
            self._line.start()

    @returns_deferred
    async def stopService(self) -> None:
        """Accept no more work, let the work in progress finish, for as long as the options allow, and leave the router.

        :returns: fires once no browser is left.
        """
        if not self.running:
            return
        super().stopService()
        await self.node.drain(self._options.drain)
        await self._line.stop()
        self.node.left()
        await self._starting
        await self.gateway.stop()

    def _joined(self, session: RouterSession) -> None:
        log.info("{node}: joined the router", node=self.node)
        self.node.joined(session).addErrback(lambda failure: log.failure("Registering", failure=failure))

    def _left(self, session: RouterSession, why: Exception) -> None:
        self.node.left()

    def _failed(self, failure: Failure) -> None:
        if self._given_up is None or not isinstance(failure.value, Exception):
            log.failure("The gateway cannot start", failure=failure)
        else:
            self._given_up(failure.value)
