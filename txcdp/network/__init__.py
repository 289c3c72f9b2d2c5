"""The network traffic of pages and workers: exchanges, with their requests and responses; and routes."""

from typing import TYPE_CHECKING, Any

from txcdp.network._api_response import APIResponse
from txcdp.network._bodies import ServerSentEvent
from txcdp.network._exchange import Exchange, RequestTiming
from txcdp.network._har import HarBodies, HarMode
from txcdp.network._har_recording import HarRecording
from txcdp.network._har_routes import HarNotFound
from txcdp.network._headers import Header
from txcdp.network._requests import Request, RequestSizes
from txcdp.network._responses import RemoteAddress, Response, SecurityDetails
from txcdp.network._route import Route, RouteResponse
from txcdp.network._routes import RouteMatch, URLPattern
from txcdp.network._waits import ExchangeMatch
from txcdp.network._web_socket_routes import WebSocketRoute, WebSocketRouteHandler
from txcdp.network._web_sockets import WebSocket

if TYPE_CHECKING:
    from txcdp.network._client import ContextClient

__all__ = [
    "APIResponse",
    "ContextClient",
    "Exchange",
    "ExchangeMatch",
    "HarBodies",
    "HarMode",
    "HarNotFound",
    "HarRecording",
    "Header",
    "RemoteAddress",
    "Request",
    "RequestSizes",
    "RequestTiming",
    "Response",
    "Route",
    "RouteMatch",
    "RouteResponse",
    "SecurityDetails",
    "ServerSentEvent",
    "URLPattern",
    "WebSocket",
    "WebSocketRoute",
    "WebSocketRouteHandler",
]


def __getattr__(name: str) -> Any:
    """Import what depends on treq at its first use: treq takes longer to import than all the rest of this package."""
    if name == "ContextClient":
        from txcdp.network._client import ContextClient

        return ContextClient
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")


def __dir__() -> list[str]:
    return sorted(__all__)
