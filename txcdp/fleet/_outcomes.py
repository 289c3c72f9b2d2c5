"""How the failure of a piece of work is told over WAMP."""

from __future__ import annotations

from typing import Any, Final

import msgspec
from autobahn.wamp.exception import ApplicationError
from twisted.internet.defer import CancelledError
from twisted.logger import Logger
from twisted.python.failure import Failure

from txcdp.errors import ConnectionLost, TxcdpError
from txcdp.fleet._messages import Uris
from txcdp.gateway import Refusal
from txcdp.gateway.render._problems import Problem, problem_of

log = Logger()

#: Kinds of refusals that are made before anything was begun: others may have a place.
_NOT_BEGUN: Final = frozenset({"renders", "draining", "clients", "quota", "queue_full", "queue_deadline"})

#: HTTP's word for what is to be tried again later.
_LATER: Final = (429, 503)


def outcome_of(failure: Failure, uris: Uris) -> ApplicationError:
    """Return the error of WAMP that a failure is told as; mistakes of the program are logged."""
    error = failure.value
    if isinstance(error, CancelledError):
        return ApplicationError(uris.broken, "this node has broken it off")
    if isinstance(error, TxcdpError):
        found = problem_of(error)
        if found is not None:
            return _of_refusal(found, uris)
        if isinstance(error, ConnectionLost):
            return ApplicationError(uris.broken, "the browser has ended meanwhile")
        return ApplicationError(uris.failed, str(error), status=502, kind="page", details=None)
    log.failure("A piece of work", failure=failure)
    return ApplicationError(uris.failed, "Something went wrong; the node's log says more.", status=500, kind="error")


def _of_refusal(refusal: Refusal, uris: Uris) -> ApplicationError:
    if refusal.status in _LATER:
        return ApplicationError(uris.busy if refusal.kind in _NOT_BEGUN else uris.broken, refusal.reason)
    details: Any = msgspec.to_builtins(refusal.details) if isinstance(refusal, Problem) else None
    return ApplicationError(uris.failed, refusal.reason, status=refusal.status, kind=refusal.kind, details=details)
