"""The HTTP server: every request is checked by the authorizer, and then answered by its handler."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from twisted.internet.defer import CancelledError, maybeDeferred
from twisted.logger import Logger
from twisted.python.failure import Failure
from twisted.web.resource import Resource
from twisted.web.server import NOT_DONE_YET, Site

from txcdp._reactor import AnyReactor
from txcdp.gateway._http.authorizer import Authorizer, nothing_here
from txcdp.gateway._http.channel import GatewayChannel, GatewayRequest
from txcdp.gateway._http.connection_limiter import ConnectionLimiter
from txcdp.gateway._http.refusals import Refusal
from txcdp.gateway._http.request_head import head_of
from txcdp.gateway._http.requests import TAKEN_OVER, Answer, RoutedRequest, in_words, write
from txcdp.gateway._http.routes import BodyLimit, Route, Routes
from txcdp.gateway._http.tokens import Principal
from txcdp.gateway._http.upgrade import wants_socket

#: Seconds that a client has to send its request.
_PATIENCE = 30

#: What the log shows for a path that has no route; the path itself may contain a secret.
_NOWHERE = "nowhere"

#: The HTTP methods that the log shows by name.
_VERBS = frozenset({b"CONNECT", b"DELETE", b"GET", b"HEAD", b"OPTIONS", b"PATCH", b"POST", b"PUT", b"TRACE"})

log = Logger()


class Router(Resource):
    """Has each request authorized, and answered by its route's handler.

    :param authorizer: decides who may use which route.
    :param routes: the table of routes.
    :param public_url: the URL by which clients know the gateway, or None.
    :param refused: called with one word for each refusal.
    :param node: the gateway's name among several; ``""``: it has none.
    """

    isLeaf = True

    def __init__(
        self,
        authorizer: Authorizer,
        routes: Routes,
        public_url: str | None,
        refused: Callable[[str], None],
        node: str = "",
    ) -> None:
        super().__init__()
        self._authorizer = authorizer
        self._routes = routes
        self._public = public_url
        self._refused = refused
        self._node = node

    def admit(self, request: Any) -> BodyLimit:
        """Authorize a request by its head, and return the limit of its body.

        :raises Refusal: the request is refused.
        """
        return self._authorize(request)[1].limit

    def render(self, request: Any) -> Any:
        """Answer a request, which may have taken long to arrive: one that was authorized by its head is authorized
        again.
        """
        try:
            principal, route = self._authorize(request)
        except Refusal as refusal:
            self.refuse(request, refusal)
            return NOT_DONE_YET
        routed = RoutedRequest(request, principal, self._public, self._node)
        answering = maybeDeferred(route.handler, routed)
        routed.when_gone().addErrback(lambda _: answering.cancel())
        answering.addCallbacks(_answer, self._failed, callbackArgs=(request,), errbackArgs=(request,))
        answering.addErrback(lambda failure: log.failure("Answering", failure=failure))
        return NOT_DONE_YET

    def refuse(self, request: Any, refusal: Refusal) -> None:
        """Answer with a refusal."""
        self._refused(refusal.kind)
        log.info(
            "Refused {who} {peer} {method} {place}: {status} {kind}",
            who=request.who,
            peer=getattr(request.getClientAddress(), "host", "?"),
            method=_verb(request),
            place=self._place(request),
            status=refusal.status,
            kind=refusal.kind,
        )
        write(request, in_words(refusal))

    def _authorize(self, request: Any) -> tuple[Principal, Route]:
        """Return the principal, and the route."""
        principal, route = self._authorizer.authorize(head_of(request))
        request.who = principal.name
        if route.is_for_reading and wants_socket(request):
            raise nothing_here()
        if not route.is_check:
            request.channel.begin()
        return principal, route

    def _place(self, request: Any) -> str:
        """Return the path for the log: the one in the table, which contains nothing from the request itself."""
        route = self._routes.find(request.path.decode("latin-1"))
        return _NOWHERE if route is None else route.path

    def _failed(self, failure: Failure, request: Any) -> None:
        refusal = failure.value
        if failure.check(CancelledError):
            return  # nobody is there to be told
        if not isinstance(refusal, Refusal):
            log.failure("{method} {place}", failure=failure, method=_verb(request), place=self._place(request))
            refusal = Refusal(500, "Something went wrong in the gateway; see its log.", "error")
        self.refuse(request, refusal)


def _answer(answer: Answer, request: Any) -> None:
    if answer is not TAKEN_OVER:
        write(request, answer)


def _verb(request: Any) -> str:
    """Return the method for the log, which contains no text from the request itself."""
    verb: bytes = request.method
    return verb.decode() if verb in _VERBS else "?"


class GatewaySite(Site):
    """Twisted's HTTP server; it logs no URLs, as they may contain tokens.

    :param router: the router for all requests.
    :param reactor: the reactor.
    :param limiter: the limiter of the connections.
    """

    protocol = GatewayChannel  # type: ignore[assignment]  # in place of one that can be HTTP/2, too
    displayTracebacks = False

    def __init__(self, router: Router, reactor: AnyReactor, limiter: ConnectionLimiter) -> None:
        super().__init__(router, requestFactory=GatewayRequest, timeout=_PATIENCE, reactor=reactor)
        self.limiter = limiter
        self.noisy = False

    def acceptableProtocols(self) -> list[bytes]:
        """Return the protocols spoken over TLS: no HTTP/2, since WebSockets take over connections."""
        return [b"http/1.1"]

    def log(self, request: Any) -> None:
        """Log nothing; what is worth logging is logged where the client is known."""
