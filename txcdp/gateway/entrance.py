"""The HTTP server: every request comes by the door, and then to who answers it."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from twisted.internet.defer import CancelledError, maybeDeferred
from twisted.logger import Logger
from twisted.python.failure import Failure
from twisted.web.resource import Resource
from twisted.web.server import NOT_DONE_YET, Request, Site

from txcdp.gateway.door import Door, plain_path
from txcdp.gateway.options import LONGEST_BODY
from txcdp.gateway.refusals import Refusal
from txcdp.gateway.visits import TAKEN_OVER, Answer, Handler, Visit, in_words, knock_of, write
from txcdp.privacy import printable

#: Seconds that a client has to say what it wants.
_PATIENCE = 30

log = Logger()


class Entrance(Resource):
    """Asks the door, finds the handler, writes its answer.

    :param door: who is let in.
    :param handlers: by path, as in :data:`~txcdp.gateway.door.PLACES`; a path that ends in ``/`` is for all below it.
    :param public_url: as which clients see the gateway, or None.
    :param refused: told one word for each refusal.
    """

    isLeaf = True

    def __init__(
        self, door: Door, handlers: dict[str, Handler], public_url: str | None, refused: Callable[[str], None]
    ) -> None:
        super().__init__()
        self._door = door
        self._handlers = handlers
        self._public = public_url
        self._refused = refused

    def render(self, request: Any) -> Any:
        """Answer a request."""
        who = "-"
        try:
            principal = self._door.open(knock_of(request))
            who = principal.name
            visit = Visit(request, principal, self._public)
            handler = self._handler(visit.path)
        except Refusal as refusal:
            self._refuse(request, who, refusal)
            return NOT_DONE_YET
        answering = maybeDeferred(handler, visit)
        visit.when_gone().addErrback(lambda _: answering.cancel())
        answering.addCallbacks(_answer, self._failed, callbackArgs=(request,), errbackArgs=(request, who))
        answering.addErrback(lambda failure: log.failure("Answering", failure=failure))
        return NOT_DONE_YET

    def _handler(self, path: str) -> Handler:
        plain = plain_path(path)
        above = plain.rpartition("/")[0]
        handler = self._handlers.get(plain) or (self._handlers.get(f"{above}/") if above else None)
        if handler is None:
            raise Refusal(404, "There is nothing at this path.", "path")
        return handler

    def _failed(self, failure: Failure, request: Any, who: str) -> None:
        refusal = failure.value
        if failure.check(CancelledError):
            return  # nobody is there to be told
        if not isinstance(refusal, Refusal):
            log.failure("{method} {path}", failure=failure, method=_shown(request.method), path=_shown(request.path))
            refusal = Refusal(500, "Something went wrong in the gateway; its log says more.", "error")
        self._refuse(request, who, refusal)

    def _refuse(self, request: Any, who: str, refusal: Refusal) -> None:
        self._refused(refusal.kind)
        log.info(
            "Refused {who} {peer} {method} {path}: {status} {kind}",
            who=who,
            peer=getattr(request.getClientAddress(), "host", "?"),
            method=_shown(request.method),
            path=_shown(request.path),
            status=refusal.status,
            kind=refusal.kind,
        )
        write(request, in_words(refusal))


def _answer(answer: Answer, request: Any) -> None:
    if answer is not TAKEN_OVER:
        write(request, answer)


def _shown(text: bytes) -> str:
    return printable(text[:100].decode("latin-1"))


class _Request(Request):
    """A request with a body of bearable length."""

    _received = 0

    def handleContentChunk(self, data: bytes) -> None:
        self._received += len(data)
        if self._received > LONGEST_BODY:
            self.channel.forceAbortClient()
        else:
            super().handleContentChunk(data)


class GatewaySite(Site):
    """Twisted's HTTP server; it writes no URLs to any log, as there are tokens in them.

    :param entrance: where all requests come.
    :param reactor: the reactor.
    """

    displayTracebacks = False

    def __init__(self, entrance: Entrance, reactor: Any) -> None:
        super().__init__(entrance, requestFactory=_Request, timeout=_PATIENCE, reactor=reactor)
        self.noisy = False

    def log(self, request: Any) -> None:
        """Say nothing; what is worth it is said by those who know who it was."""
