"""A gateway that runs unattended."""

from __future__ import annotations

import signal
from collections.abc import Callable
from types import FrameType
from typing import Any

from twisted.application.service import Service
from twisted.internet.defer import Deferred, succeed
from twisted.internet.error import CannotListenError
from twisted.logger import Logger
from twisted.python.failure import Failure

from txcdp._deferreds import returns_deferred
from txcdp._reactor import AnyReactor, whole
from txcdp.gateway import Gateway, GatewayOptions
from txcdp.gateway._http.tokens import BadTokens
from txcdp.gateway.live import LivePage

log = Logger()

#: The errors if an endpoint is not available, or not allowed.
_CANNOT_LISTEN = (CannotListenError, OSError, ValueError)

#: What a signal had as its handler before.
_Handler = Callable[[int, FrameType | None], Any] | int | None


class GatewayService(Service):
    """Runs a gateway while the service runs; stopping it lets the clients finish.

    On SIGHUP, where that exists, the token file is read again.

    :param reactor: the reactor.
    :param options: see :class:`~txcdp.gateway.GatewayOptions`.
    :param live_page: whether there is a page at ``/`` that shows operators what is going on.
    :param given_up: called with the error if the gateway cannot listen; by default ``startService`` raises the error,
        or it is logged if it occurs later.
    :param more: further arguments for :class:`~txcdp.gateway.Gateway`.
    :ivar gateway: the gateway itself.
    :raises BadTokens: the token file cannot be used.
    """

    def __init__(
        self,
        reactor: AnyReactor,
        options: GatewayOptions | None = None,
        *,
        live_page: bool = True,
        given_up: Callable[[Exception], object] | None = None,
        **more: Any,
    ) -> None:
        self._reactor = whole(reactor)
        self.gateway = Gateway(reactor, options, **more)
        if live_page:
            LivePage(self.gateway, reactor)
        self._given_up = given_up
        self._before: _Handler = None
        self._starting: Deferred[None] = succeed(None)

    def startService(self) -> None:
        """Listen, and start the browsers.

        :raises Exception: it cannot listen; usually Twisted's ``CannotListenError``.
        """
        super().startService()
        failed: list[Failure] = []
        self._starting = self.gateway.start().addErrback(failed.append)
        if failed:  # before anything else could be
            self._give_up(failed[0])
            failed[0].raiseException()
        self._starting.addCallback(lambda _: self._failed(failed[0]) if failed else None)
        if hasattr(signal, "SIGHUP"):
            self._before = signal.signal(signal.SIGHUP, self._hang_up)

    def _failed(self, failure: Failure) -> None:
        if not self._give_up(failure):
            log.failure("The gateway cannot start", failure)

    def _give_up(self, failure: Failure) -> bool:
        """Report that the gateway cannot listen to the callback, if there is one; return whether there is."""
        error = failure.value
        if self._given_up is None or not isinstance(error, _CANNOT_LISTEN):
            return False
        self._given_up(error)
        return True

    @returns_deferred
    async def stopService(self) -> None:
        """Refuse new clients, and let the present ones finish, for as long as the options allow.

        :returns: fires once no browser is left.
        """
        super().stopService()
        if self._before is not None:
            signal.signal(signal.SIGHUP, self._before)
            self._before = None
        await self._starting
        await self.gateway.stop()

    def reload(self) -> None:
        """Read the token file again; if it cannot be used, the previous tokens stay valid."""
        tokens = self.gateway.tokens
        if tokens is None:
            return
        try:
            tokens.reload()
        except BadTokens as error:
            log.error("The tokens are unchanged: {error}", error=error)
        else:
            log.info("The tokens were reloaded: {names}", names=", ".join(tokens.names))

    def _hang_up(self, number: int, frame: FrameType | None) -> None:
        self._reactor.callFromThread(self.reload)
