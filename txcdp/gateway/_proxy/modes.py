"""What the gateway asks of a mode: how clients and browsers come together is its affair alone."""

from __future__ import annotations

from typing import Any, Literal, Protocol

from twisted.internet.defer import Deferred

from txcdp.gateway._http.requests import Visit
from txcdp.gateway._proxy.relay import Line

#: What a WebSocket is opened to.
Kind = Literal["browser", "page"]


class Mode(Protocol):
    """Gives clients their browsers, or their share of one; all Deferreds fail with ``Refusal``."""

    def version(self, visit: Visit) -> Deferred[dict[str, Any]]:
        """Answer ``/json/version``."""

    def targets(self, visit: Visit) -> Deferred[list[dict[str, Any]]]:
        """Answer ``/json/list``."""

    def protocol(self) -> Deferred[bytes]:
        """Answer ``/json/protocol``."""

    def new(self, visit: Visit, url: str) -> Deferred[dict[str, Any]]:
        """Open a page."""

    def activate(self, visit: Visit, target_id: str) -> Deferred[None]:
        """Bring a page to the front."""

    def close(self, visit: Visit, target_id: str) -> Deferred[None]:
        """Close a page."""

    def open(self, visit: Visit, kind: Kind, name: str) -> Deferred[Line]:
        """Open a line for a WebSocket.

        :param name: the id in its URL, ``""`` where there is none.
        """

    def stop(self) -> None:
        """Forget whatever waits for somebody to come."""
