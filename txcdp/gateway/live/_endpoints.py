"""The routes of the live page: the page itself, which anybody may load, and its data, which only operators may see."""

from __future__ import annotations

from collections.abc import Mapping
from importlib.resources import files
from typing import TYPE_CHECKING

from twisted.logger import Logger

from txcdp._reactor import AnyReactor
from txcdp.gateway._http.refusals import Refusal
from txcdp.gateway._http.requests import TAKEN_OVER, Answer, Handler, RoutedRequest
from txcdp.gateway._http.routes import READ
from txcdp.gateway.live._feed import Feed
from txcdp.gateway.live._history import History
from txcdp.gateway.live._tables import LiveTables
from txcdp.gateway.live._viewers import Viewer
from txcdp.gateway.live._watching import LiveWatch, OpenLine, opener

if TYPE_CHECKING:
    from txcdp.gateway._server import Gateway

#: The page may only load resources from here: no inline code runs, nothing is sent elsewhere, nothing frames it.
POLICY = (
    "default-src 'none'; script-src 'self'; style-src 'self'; img-src data: blob:; connect-src 'self'; "
    "base-uri 'none'; form-action 'none'; frame-ancestors 'none'"
)

HEADERS: Mapping[str, str] = {
    "Content-Security-Policy": POLICY,
    "Cross-Origin-Opener-Policy": "same-origin",
    "Cross-Origin-Resource-Policy": "same-origin",
    "Referrer-Policy": "no-referrer",
}

#: The file and the media type at each path.
ASSETS: Mapping[str, tuple[str, str]] = {
    "/": ("index.html", "text/html; charset=UTF-8"),
    "/live/live.css": ("live.css", "text/css; charset=UTF-8"),
    "/live/live.js": ("live.js", "text/javascript; charset=UTF-8"),
}

log = Logger()


class LivePage:
    """Adds the live page to a gateway, at ``/``; the resources that it uses are below ``/live/``.

    :param gateway: the gateway.
    :param reactor: the reactor.
    :param open_line: opens a connection to a browser that is to be watched; by default, a separate WebSocket.
    :ivar feed: the source of the page's data.
    :ivar watching: the browsers that are being watched.
    """

    def __init__(self, gateway: Gateway, reactor: AnyReactor, open_line: OpenLine | None = None) -> None:
        self._gateway = gateway
        self._reactor = reactor
        tables = LiveTables()
        self.watching = LiveWatch(
            reactor,
            tables,
            gateway.state,
            lambda: [pooled.running for pooled in gateway.pool.leased],
            open_line or opener(reactor),
        )
        self.feed = Feed(reactor, tables, self.watching)
        history = History(reactor, tables.history, gateway.state, gateway.counters, lambda: gateway.pool.counts.failed)
        for path, (name, kind) in ASSETS.items():
            gateway.add(path, READ, _asset(name, kind), free=True)
        gateway.add("/live/events", ("GET",), self._events)
        gateway.add("/live/clients/", ("DELETE",), self._end)
        gateway.on_start(history.start)
        gateway.on_stop(history.stop)
        gateway.on_stop(self.feed.stop)

    def _events(self, request: RoutedRequest) -> Answer:
        """Send what is to be displayed until the viewer leaves."""
        _check_operator(request)
        Viewer(request.http, self.feed, self._reactor).start()
        return TAKEN_OVER

    def _end(self, request: RoutedRequest) -> Answer:
        """End a client's session."""
        _check_operator(request)
        number = request.tail
        is_one = number.isascii() and number.isdigit() and len(number) < 16
        self._gateway.clients.end(int(number) if is_one else 0)  # which nobody has
        log.info("Operator {who} has ended client {number}", who=request.principal.name, number=number)
        return Answer(b"The session is being ended.")


def _check_operator(request: RoutedRequest) -> None:
    if not request.principal.operator:
        raise Refusal(
            403,
            "This token may not see what others do. One that may has operator = true in the gateway's file of tokens.",
            "operator",
        )


def _asset(name: str, kind: str) -> Handler:
    answer = Answer(files(__package__).joinpath("assets", name).read_bytes(), kind, headers=HEADERS)
    return lambda _: answer
