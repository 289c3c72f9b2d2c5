"""What both modes do alike: ids of browsers, what all browsers answer, and what is told where there is nothing."""

from __future__ import annotations

from typing import Any

from twisted.internet.defer import Deferred

from txcdp._deferreds import returns_deferred
from txcdp._reactor import AnyReactor
from txcdp.gateway._http.refusals import Refusal
from txcdp.gateway._http.requests import RoutedRequest
from txcdp.gateway._options import GatewayOptions
from txcdp.gateway._pool.pool import Pool
from txcdp.gateway._pool.version_cache import VersionCache
from txcdp.gateway._proxy.command_filter import CommandFilter
from txcdp.gateway._proxy.leases import Names


class BaseMode:
    """The common part of the modes; see :class:`~txcdp.gateway._proxy.modes.Mode`.

    :param reactor: the reactor.
    :param pool: of browsers.
    :param options: the gateway's.
    """

    def __init__(self, reactor: AnyReactor, pool: Pool, options: GatewayOptions) -> None:
        self._reactor = reactor
        self._hold = options.hold
        self._linger = options.linger
        self._filter = CommandFilter(options.policy)
        self._names = Names()
        self._versions = VersionCache(reactor, pool)
        self._stopping = False

    @returns_deferred
    async def version(self, request: RoutedRequest) -> dict[str, Any]:
        """Answer ``/json/version``."""
        name = self._names.fresh("browser", request.principal)
        return {
            **await self._versions.version(),
            "webSocketDebuggerUrl": request.socket_url(f"/devtools/browser/{name}"),
        }

    def protocol(self) -> Deferred[bytes]:
        """Answer ``/json/protocol``."""
        return self._versions.protocol()

    def _check_url(self, url: str) -> None:
        """See that a page may be opened.

        :raises Refusal: the policy forbids it.
        """
        objection = self._filter.objection_to_url(url)
        if objection is not None:
            raise Refusal(403, objection, "policy")


def no_such_browser() -> Refusal:
    """Return what is told where an id is no browser's, or nobody's who asks."""
    return Refusal(404, "There is no such browser (any more); /json/version names one.", "unknown")


def no_such_target() -> Refusal:
    """Return what is told where an id is no target's, or nobody's who asks."""
    return Refusal(404, "There is no such target (any more).", "unknown")


def just_gone() -> Refusal:
    """Return what is told where a browser or page has ended while it was spoken to."""
    return Refusal(404, "There is no such browser or page any more.", "unknown")
