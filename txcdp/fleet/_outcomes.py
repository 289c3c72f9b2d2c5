"""How the failure of work is reported over WAMP."""

from __future__ import annotations

from typing import Any, Final

import msgspec
from autobahn.wamp.exception import ApplicationError
from twisted.internet.defer import CancelledError
from twisted.logger import Logger
from twisted.python.failure import Failure

from txcdp.errors import ConnectionLost, TxcdpError
from txcdp.fleet._messages import Uris, well_formed
from txcdp.gateway import Refusal
from txcdp.gateway.render._problems import Problem, problem_of

log = Logger()

#: Kinds of refusals that happen before anything has begun: another node may have a place.
_NOT_BEGUN: Final = frozenset({"renders", "draining", "clients", "quota", "queue_full", "queue_deadline"})

#: The HTTP statuses for requests that should be tried again later.
_LATER: Final = (429, 503)


#: Characters of a text in an error, each of which takes seven bytes at most: always less than a router accepts.
_TEXT: Final = 16 * 1024


def outcome_of(failure: Failure, uris: Uris) -> ApplicationError:
    """Return the WAMP error for a failure; bugs are logged."""
    error = failure.value
    if isinstance(error, CancelledError):
        return ApplicationError(uris.broken, "this node aborted it")
    if isinstance(error, TxcdpError):
        found = problem_of(error)
        if found is not None:
            return _of_refusal(found, uris)
        if isinstance(error, ConnectionLost):
            return ApplicationError(uris.broken, "the browser ended")
        return ApplicationError(uris.failed, _cut(str(error)), status=502, kind="page", details=None)
    log.failure("A piece of work", failure=failure)
    return ApplicationError(uris.failed, "Something went wrong; the node's log says more.", status=500, kind="error")


def _of_refusal(refusal: Refusal, uris: Uris) -> ApplicationError:
    if refusal.status in _LATER:
        return ApplicationError(uris.busy if refusal.kind in _NOT_BEGUN else uris.broken, _cut(refusal.reason))
    details: Any = _cut(msgspec.to_builtins(refusal.details)) if isinstance(refusal, Problem) else None
    return ApplicationError(
        uris.failed, _cut(refusal.reason), status=refusal.status, kind=refusal.kind, details=details
    )


def _cut(value: Any) -> Any:
    """Return texts in a form that a message can contain, truncated if too long: a page may throw any text."""
    if isinstance(value, dict):
        return {name: _cut(each) for name, each in value.items()}
    if isinstance(value, str) and len(value) > _TEXT:
        value = f"{value[:_TEXT]}... ({len(value):,} characters)"
    return well_formed(value)
