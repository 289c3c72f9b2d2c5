"""The routes of every gateway: Chromium's endpoints, the WebSockets, and the gateway's health.

:meth:`Gateway.add <txcdp.gateway.Gateway.add>` adds more, as renders and the live page do.
"""

from __future__ import annotations

from typing import Any, Final

from txcdp.chrome._descriptions import TargetDescription, VersionInfo
from txcdp.gateway._http.listing import Listing
from txcdp.gateway._http.routes import CHANGE, READ, Operation, Route
from txcdp.gateway._metrics import Metrics
from txcdp.gateway._proxy.clients import Clients
from txcdp.gateway._proxy.downloads import Downloads

_TEXT: Final = {"text/plain": {"type": "string"}}
_TARGET: Final = {"application/json": TargetDescription}
_TARGETS: Final = {"application/json": list[TargetDescription]}
_OBJECT: Final[dict[str, Any]] = {"application/json": {"type": "object"}}
_BUSY: Final = {503: "No browser is available; Retry-After says when to retry."}
_FILE: Final[dict[str, Any]] = {"application/octet-stream": {"type": "string", "format": "binary"}}
_NO_DOWNLOAD: Final = {404: "No such download, or it is not complete yet."}
_UNKNOWN: Final = {404: "No such page."}
_POLICY: Final = {403: "This URL may not be opened; or this host or web page may not use the gateway."}


def gateway_routes(listing: Listing, clients: Clients, downloads: Downloads, metrics: Metrics) -> list[Route]:
    """Return the routes of every gateway."""
    pages = "List the pages, as Chromium does."
    version = Operation(
        "version", "Tell which browser it is, and where its WebSocket is.", {"application/json": VersionInfo}, _BUSY
    )
    protocol = Operation("protocol", "Return the protocol's description.", _OBJECT, _BUSY)
    new = Operation("new", "Open a page; the whole query is its URL.", _TARGET, {**_POLICY, **_BUSY})
    activate = Operation("activate", "Bring a page to the front.", _TEXT, _UNKNOWN)
    close = Operation("close", "Close a page.", _TEXT, _UNKNOWN)
    download = Operation("download", "Return a file that the client's browser has saved.", _FILE, _NO_DOWNLOAD)
    numbers = Operation("metrics", "Return numbers for Prometheus.", _TEXT)
    healthz = Operation("healthz", "Tell whether the gateway lives.", _TEXT)
    readyz = Operation("readyz", "Tell whether a client that comes now can expect a browser.", _TEXT, _BUSY)
    return [
        Route("/json", READ, listing.targets, operation=Operation("json", pages, _TARGETS)),
        Route("/json/list", READ, listing.targets, operation=Operation("list", pages, _TARGETS)),
        Route("/json/version", READ, listing.version, operation=version),
        Route("/json/protocol", READ, listing.protocol, operation=protocol),
        Route("/json/new", CHANGE, listing.new, operation=new),
        Route("/json/activate/", CHANGE, listing.activate, operation=activate),
        Route("/json/close/", CHANGE, listing.close, operation=close),
        Route("/devtools/browser", ("GET",), clients.open_new),
        Route("/devtools/browser/", ("GET",), clients.open_browser),
        Route("/devtools/page/", ("GET",), clients.open_page),
        Route("/downloads/", (*READ, "DELETE"), downloads.answer, operation=download),
        Route("/metrics", READ, metrics.metrics, operation=numbers),
        Route("/healthz", READ, metrics.healthz, free=True, is_check=True, operation=healthz),
        Route("/readyz", READ, metrics.readyz, free=True, is_check=True, operation=readyz),
    ]
