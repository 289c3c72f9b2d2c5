"""The interface of a mode, which alone decides how clients and browsers are brought together."""

from __future__ import annotations

from typing import Any, Literal, Protocol

from twisted.internet.defer import Deferred

from txcdp.gateway._http.requests import RoutedRequest
from txcdp.gateway._http.tokens import Principal
from txcdp.gateway._proxy.relay import BrowserLine

#: What a WebSocket connects to.
EndpointKind = Literal["browser", "page"]


class Mode(Protocol):
    """Gives clients their browsers, or their share of one; all Deferreds fail with ``Refusal``."""

    def version(self, request: RoutedRequest) -> Deferred[dict[str, Any]]:
        """Answer ``/json/version``."""

    def targets(self, request: RoutedRequest, *, offer: bool = True) -> Deferred[list[dict[str, Any]]]:
        """Answer ``/json/list``.

        :param offer: whether it begins with a page by which a browser can be taken.
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
        """Open a line for a WebSocket.

        :param name: the id in its URL, ``""`` where there is none.
        """

    def downloads(self, principal: Principal) -> list[str]:
        """Return the folders of the downloads of what somebody has leased."""

    def stop(self) -> None:
        """Forget whatever waits for somebody to come."""
