"""The HTTP server: every request is judged by the authorizer, and then answered by its handler."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from twisted.internet.defer import CancelledError, maybeDeferred
from twisted.logger import Logger
from twisted.python.failure import Failure
from twisted.web.resource import Resource
from twisted.web.server import NOT_DONE_YET, Site

from txcdp.gateway._http.authorizer import OPEN, PLACES, Authorizer, nothing_here, plain_path
from txcdp.gateway._http.channel import BodyLimit, GatewayChannel, GatewayRequest, too_long
from txcdp.gateway._http.connection_limiter import ConnectionLimiter
from txcdp.gateway._http.refusals import Refusal
from txcdp.gateway._http.requests import TAKEN_OVER, Answer, Handler, RoutedRequest, head_of, in_words, write
from txcdp.gateway._http.tokens import Principal
from txcdp.gateway._http.upgrade import wants_socket
from txcdp.gateway._options import SHORT_BODY

#: Seconds that a client has to say what it wants.
_PATIENCE = 30

#: Of a body at a place of which nothing else is known.
_SHORT = BodyLimit(SHORT_BODY, too_long)

#: Places that whoever wants a WebSocket has taken for one: they would answer him something that he cannot read.
_NO_SOCKETS = frozenset({"/", *(place for place in PLACES if place.startswith("/json"))})

#: How a place is called in the log that is none; its name may have a secret in it.
_NOWHERE = "nowhere"

#: The verbs that are called by their names in the log.
_VERBS = frozenset({b"CONNECT", b"DELETE", b"GET", b"HEAD", b"OPTIONS", b"PATCH", b"POST", b"PUT", b"TRACE"})

log = Logger()


class Router(Resource):
    """Asks the authorizer, finds the handler, writes its answer.

    :param authorizer: who is let in.
    :param handlers: by path, as in ``authorizer.PLACES``; a path that ends in ``/`` is for all below it.
    :param public_url: as which clients see the gateway, or None.
    :param refused: told one word for each refusal.
    :param limits: of bodies, by path likewise, where they may be longer than
        :data:`~txcdp.gateway._options.SHORT_BODY`.
    """

    isLeaf = True

    def __init__(
        self,
        authorizer: Authorizer,
        handlers: Mapping[str, Handler],
        public_url: str | None,
        refused: Callable[[str], None],
        limits: Mapping[str, BodyLimit],
    ) -> None:
        super().__init__()
        self._authorizer = authorizer
        self._handlers = handlers
        self._limits = limits
        self._public = public_url
        self._refused = refused

    def admit(self, request: Any) -> BodyLimit:
        """Let a request in from its head, and tell how long its body may be.

        :raises Refusal: it is not let in.
        """
        place = self._let_in(request)[1]
        return self._limits.get(place, _SHORT)

    def render(self, request: Any) -> Any:
        """Answer a request, which may have been long in coming: whoever was let in from its head is asked again."""
        try:
            principal, place = self._let_in(request)
        except Refusal as refusal:
            self.refuse(request, refusal)
            return NOT_DONE_YET
        routed = RoutedRequest(request, principal, self._public)
        answering = maybeDeferred(self._handlers[place], routed)
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
            place=self._place(request) or _NOWHERE,
            status=refusal.status,
            kind=refusal.kind,
        )
        write(request, in_words(refusal))

    def _let_in(self, request: Any) -> tuple[Principal, str]:
        """Return who asks, and for which place of the table."""
        principal = self._authorizer.open(head_of(request))
        request.who = principal.name
        place = self._place(request)
        if place is None:
            raise nothing_here()
        if place in _NO_SOCKETS and wants_socket(request):
            raise nothing_here()
        if place not in OPEN:  # which say how it is, and have to when it is overloaded
            request.channel.begin()
        return principal, place

    def _place(self, request: Any) -> str | None:
        """Return the place in the table that a request is for; None where there is none."""
        place = plain_path(request.path.decode("latin-1"))
        if place not in self._handlers:
            above = place.rpartition("/")[0]
            place = f"{above}/" if above else ""
        return place if place in self._handlers else None

    def _failed(self, failure: Failure, request: Any) -> None:
        refusal = failure.value
        if failure.check(CancelledError):
            return  # nobody is there to be told
        if not isinstance(refusal, Refusal):
            log.failure("{method} {place}", failure=failure, method=_verb(request), place=self._place(request))
            refusal = Refusal(500, "Something went wrong in the gateway; its log says more.", "error")
        self.refuse(request, refusal)


def _answer(answer: Answer, request: Any) -> None:
    if answer is not TAKEN_OVER:
        write(request, answer)


def _verb(request: Any) -> str:
    """Return a request's verb for the log, which has nothing of the request's own text in it."""
    verb: bytes = request.method
    return verb.decode() if verb in _VERBS else "?"


class GatewaySite(Site):
    """Twisted's HTTP server; it writes no URLs to any log, as there are tokens in them.

    :param router: where all requests come.
    :param reactor: the reactor.
    :param limiter: of the connections.
    """

    protocol = GatewayChannel  # type: ignore[assignment]  # in place of one that can be HTTP/2, too
    displayTracebacks = False

    def __init__(self, router: Router, reactor: Any, limiter: ConnectionLimiter) -> None:
        super().__init__(router, requestFactory=GatewayRequest, timeout=_PATIENCE, reactor=reactor)
        self.limiter = limiter
        self.noisy = False

    def acceptableProtocols(self) -> list[bytes]:
        """Tell what is spoken over TLS: no HTTP/2, since WebSockets take over connections."""
        return [b"http/1.1"]

    def log(self, request: Any) -> None:
        """Say nothing; what is worth it is said by those who know who it was."""
