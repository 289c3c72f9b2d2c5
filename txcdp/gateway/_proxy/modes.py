"""The interface of a mode, which decides how clients and browsers are matched."""

from __future__ import annotations

from typing import Any, Literal, Protocol

from twisted.internet.defer import Deferred

from txcdp.gateway._http.requests import RoutedRequest
from txcdp.gateway._http.tokens import Principal
from txcdp.gateway._proxy.relay import BrowserLine

#: What a WebSocket connects to.
EndpointKind = Literal["browser", "page"]


class Mode(Protocol):
    """Assigns clients their browsers, or their shares of one; all Deferreds fail with ``Refusal``."""

    def version(self, request: RoutedRequest) -> Deferred[dict[str, Any]]:
        """Answer ``/json/version``."""

    def targets(self, request: RoutedRequest, *, offer: bool = True) -> Deferred[list[dict[str, Any]]]:
        """Answer ``/json/list``.

        :param offer: whether the list begins with an offered page, by which a browser can be leased.
        """

    def protocol(self) -> Deferred[bytes]:
        """Answer ``/json/protocol``."""

    def new(self, request: RoutedRequest, url: str) -> Deferred[dict[str, Any]]:
        """Open a page."""

    def activate(self, request: RoutedRequest, target_id: str) -> Deferred[None]:
        """Bring a page to the front."""

    def close(self, request: RoutedRequest, target_id: str) -> Deferred[None]:
        """Close a page."""

    def open(self, request: RoutedRequest, kind: EndpointKind, name: str) -> Deferred[BrowserLine]:
        """Open a connection to a browser for a WebSocket.

        :param name: the id in the WebSocket's URL; ``""`` if there is none.
        """

    def downloads(self, principal: Principal) -> list[str]:
        """Return the download folders of all leases of a principal."""

    def stop(self) -> None:
        """Release everything that is kept for clients that are yet to come."""
