"""The demo site: Harbour, the dashboard of a small port, served by twisted.web on this machine alone.

It does what real pages do, good and bad: scripts, styles, images, fetches, a frame, a worker, a WebSocket,
forms, cookies, redirects, a slow answer, a 404, console messages and an uncaught exception.

::

    python examples/site/server.py --port 8000
"""

from __future__ import annotations

import argparse
import json
from collections.abc import Callable
from pathlib import Path
from typing import Any, cast

from autobahn.twisted.resource import WebSocketResource
from autobahn.twisted.websocket import WebSocketServerFactory, WebSocketServerProtocol
from twisted.internet import defer, task
from twisted.internet.address import IPv4Address
from twisted.internet.interfaces import IListeningPort
from twisted.protocols.policies import ProtocolWrapper, WrappingFactory
from twisted.web import http, pages, server
from twisted.web.resource import Resource
from twisted.web.static import File

STATIC = Path(__file__).parent / "static"

#: Seconds that the answers of the API take, and that the customs office takes.
API_DELAY = 0.15
SLOW_DELAY = 1.2

SHIPS = [
    dict(zip(("name", "flag", "cargo", "tons", "berth", "eta", "state"), ship, strict=True))
    for ship in (
        ("Nordlys", "NO", "Timber", 4_200, 3, "06:40", "moored"),
        ("Santa Clara", "PT", "Citrus", 2_750, 1, "07:15", "moored"),
        ("Ever Patient", "PA", "Containers", 38_900, 7, "08:05", "pilot"),
        ("Hanseatic Dawn", "DE", "Steel coil", 11_300, 5, "09:30", "due"),
        ("Kittiwake", "GB", "Herring", 310, 2, "10:10", "due"),
        ("Blue Marlin II", "MT", "Wind blades", 6_480, 6, "11:45", "due"),
        ("Aurelia", "IT", "Marble", 8_050, 4, "13:20", "late"),
    )
]
WEATHER = {"wind": 14, "gusts": 22, "direction": "SW", "waves": 1.3, "visibility": 9}
CARGO = {"in": 71_990, "out": 58_430, "unit": "t"}


class Api(Resource):
    """A JSON document that takes a moment.

    :param wait: what fires after so many seconds.
    """

    isLeaf = True

    def __init__(self, wait: Callable[[float], defer.Deferred[None]], document: Any, delay: float = API_DELAY) -> None:
        super().__init__()
        self._wait = wait
        self._body = json.dumps(document).encode()
        self._delay = delay

    def render_GET(self, request: server.Request) -> int:
        """Answer after the delay, unless the browser has gone away by then."""
        waiting = self._wait(self._delay)
        gone = request.notifyFinish()

        def answer(_: None) -> None:
            request.setHeader("content-type", "application/json")
            request.setHeader("cache-control", "no-store")
            request.write(self._body)
            request.finish()

        waiting.addCallback(answer)
        gone.addErrback(lambda _: waiting.cancel())
        waiting.addErrback(lambda failure: failure.trap(defer.CancelledError))
        return server.NOT_DONE_YET


class Missing(Resource):
    """A 404 in JSON."""

    isLeaf = True

    def render_GET(self, request: server.Request) -> bytes:
        """Say what is not there."""
        request.setResponseCode(http.NOT_FOUND)
        request.setHeader("content-type", "application/json")
        return b'{"error": "There is no berth 13."}'


class Moved(Resource):
    """A redirect."""

    isLeaf = True

    def __init__(self, location: bytes) -> None:
        super().__init__()
        self._location = location

    def render_GET(self, request: server.Request) -> bytes:
        """Send the browser on."""
        request.setResponseCode(http.FOUND)
        request.setHeader("location", self._location)
        return b""


class Bookings(Resource):
    """Takes the form of arrivals.html and redirects to its thanks."""

    isLeaf = True

    def render_POST(self, request: server.Request) -> bytes:
        """Remember the ship in a cookie; 400 without a name."""
        ship = request.args.get(b"ship", [b""])[0].strip()
        if not ship:
            request.setResponseCode(http.BAD_REQUEST)
            return b"Which ship?"
        request.addCookie("booked", ship.hex(), path="/", httpOnly=True, sameSite="lax")
        request.setResponseCode(http.SEE_OTHER)
        request.setHeader("location", b"/arrivals.html?booked=1")
        return b""


class Radio(WebSocketServerProtocol):
    """The harbour radio: greets, then repeats what it hears."""

    def onOpen(self) -> None:
        """Greet."""
        self.sendMessage(b"Harbour control, channel 12, good morning.")

    def onMessage(self, payload: bytes, isBinary: bool) -> None:
        """Repeat, as radio discipline asks."""
        self.sendMessage(payload if isBinary else b"Roger: " + payload, isBinary)


class Site(server.Site):
    """twisted.web's, without a log of requests."""

    displayTracebacks = False
    noisy = False

    def log(self, request: http.Request) -> None:
        """Keep quiet."""


class OpenConnections(WrappingFactory):
    """Knows every open connection, so that ``stop`` can end them all."""

    noisy = False

    def __init__(self, site: Site) -> None:
        super().__init__(site)
        self.when_empty: list[defer.Deferred[None]] = []

    def unregisterProtocol(self, p: ProtocolWrapper) -> None:
        """Fire what waits for the last connection to close."""
        super().unregisterProtocol(p)
        if not self.protocols:
            waiting, self.when_empty = self.when_empty, []
            for each in waiting:
                each.callback(None)


def root(reactor: Any) -> Resource:
    """Put the site together; its delays run on the reactor's clock."""

    def wait(seconds: float) -> defer.Deferred[None]:
        return task.deferLater(reactor, seconds, lambda: None)

    site = File(str(STATIC))
    site.indexNames = ["index.html"]
    site.childNotFound = pages.notFound(message="This page has sailed.")  # type: ignore[assignment]
    api = Resource()
    api.putChild(b"ships", Api(wait, SHIPS))
    api.putChild(b"weather", Api(wait, WEATHER))
    api.putChild(b"cargo", Api(wait, CARGO))
    api.putChild(b"customs", Api(wait, {"waiting": 2, "cleared": 11}, SLOW_DELAY))
    api.putChild(b"berth-13", Missing())
    api.putChild(b"manifest", Moved(b"/api/cargo"))
    site.putChild(b"api", api)
    site.putChild(b"bookings", Bookings())
    site.putChild(b"today", Moved(b"/arrivals.html"))
    radio = WebSocketServerFactory(reactor=reactor)
    radio.protocol = Radio
    site.putChild(b"radio", WebSocketResource(radio))
    return site


def serve(reactor: Any, port: int = 0) -> IListeningPort:
    """Serve the site on 127.0.0.1; port 0 takes a free one, see ``address``."""
    connections = OpenConnections(Site(root(reactor), reactor=reactor))
    listening: IListeningPort = reactor.listenTCP(port, connections, interface="127.0.0.1")
    return listening


def address(port: IListeningPort) -> str:
    """Return the URL of the site's first page."""
    return f"http://127.0.0.1:{cast(IPv4Address, port.getHost()).port}/"


def stop(port: Any) -> defer.Deferred[None]:
    """End the site and every connection to it; fires when nothing is left in the reactor."""
    connections: OpenConnections = port.factory
    closed: defer.Deferred[None] = defer.maybeDeferred(port.stopListening)
    if connections.protocols:
        emptied: defer.Deferred[None] = defer.Deferred()
        connections.when_empty.append(emptied)
        for connection in list(connections.protocols):
            connection.transport.abortConnection()
        closed.addCallback(lambda _: emptied)
    return closed


def main() -> None:
    """Serve by hand."""
    from twisted.internet import reactor

    parser = argparse.ArgumentParser(description="Serve the demo site on 127.0.0.1.")
    parser.add_argument("--port", type=int, default=8000)
    listening = serve(reactor, parser.parse_args().port)
    print(f"Harbour is open at {address(listening)}", flush=True)
    reactor.run()


if __name__ == "__main__":
    main()
