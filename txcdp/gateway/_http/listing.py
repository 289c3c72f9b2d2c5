"""The endpoints below ``/json``, as in Chromium; their contents depend on the mode."""

from __future__ import annotations

from typing import Any, TypeVar
from urllib.parse import unquote

import msgspec
from twisted.internet.defer import Deferred

from txcdp._deferreds import returns_deferred
from txcdp.chrome._descriptions import TargetDescription
from txcdp.errors import TxcdpError
from txcdp.gateway._http.peers import TAKEN, Peers
from txcdp.gateway._http.refusals import Refusal, busy
from txcdp.gateway._http.requests import JSON, Answer, RoutedRequest, in_json
from txcdp.gateway._proxy.modes import Mode

T = TypeVar("T")


class Listing:
    """Answers the requests for ``/json`` and below.

    :param mode: the mode, which gives clients their browsers.
    :param peers: other gateways whose pages are listed, too.
    """

    def __init__(self, mode: Mode, peers: Peers) -> None:
        self._mode = mode
        self._peers = peers

    @returns_deferred
    async def version(self, request: RoutedRequest) -> Answer:
        """Return the browser's version, and the URL of its WebSocket."""
        return in_json(await self._mode.version(request))

    @returns_deferred
    async def targets(self, request: RoutedRequest) -> Answer:
        """Return the pages; those of other gateways come last, without the pages that these offer."""
        if request.query == TAKEN:
            return in_json(await self._mode.targets(request, offer=False))
        elsewhere = self._peers.pages(request.http)
        here = await self._mode.targets(request)
        return in_json([*here, *await elsewhere])

    @returns_deferred
    async def protocol(self, request: RoutedRequest) -> Answer:
        """Return the description of the browsers' protocol."""
        return Answer(await _done(self._mode.protocol()), JSON)

    @returns_deferred
    async def new(self, request: RoutedRequest) -> Answer:
        """Open a page; as with Chromium, the whole query is its URL."""
        return in_json(await _done(self._mode.new(request, unquote(request.query) or "about:blank")))

    @returns_deferred
    async def activate(self, request: RoutedRequest) -> Answer:
        """Bring a page to the front."""
        await _done(self._mode.activate(request, request.local_id))
        return Answer(b"Target activated")

    @returns_deferred
    async def close(self, request: RoutedRequest) -> Answer:
        """Close a page."""
        await _done(self._mode.close(request, request.local_id))
        return Answer(b"Target is closing")


async def _done(doing: Deferred[T]) -> T:
    """Wait for a browser to carry out a request.

    :raises Refusal: it did not do it.
    """
    try:
        return await doing
    except Refusal:
        raise
    except TxcdpError:
        raise busy(502, "The browser sent an unexpected response.", "browser", 1) from None


def blank_page(page_id: str, frontend: str | None) -> TargetDescription:
    """Describe an empty page as Chromium does."""
    return TargetDescription(
        id=page_id,
        type="page",
        title="about:blank",
        url="about:blank",
        description="",
        devtools_frontend_url=frontend,
    )


def shown(target: TargetDescription, request: RoutedRequest) -> dict[str, Any]:
    """Describe a target with the gateway's own URLs."""
    found: dict[str, Any] = {key: text for key, text in msgspec.to_builtins(target).items() if text is not None}
    found["id"] = request.public_id(target.id or "")
    url = request.socket_url(f"/devtools/page/{found['id']}")
    found["webSocketDebuggerUrl"] = url
    frontend = found.get("devtoolsFrontendUrl")
    if frontend is not None:
        scheme, _, place = url.partition("?")[0].partition("://")  # a token is no business of the front end's makers
        found["devtoolsFrontendUrl"] = f"{frontend.partition('?')[0]}?{scheme}={place}"
    return found
