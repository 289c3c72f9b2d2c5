"""What went wrong with a render, as ``application/problem+json`` (RFC 9457)."""

from __future__ import annotations

from collections.abc import Mapping
from http import HTTPStatus
from typing import Any

from msgspec import Struct

from txcdp.errors import (
    CommandError,
    CommandTimeout,
    ConnectionLost,
    DownloadStarted,
    EvaluationError,
    Gone,
    NavigationError,
    Overloaded,
    TargetCrashed,
)
from txcdp.gateway._http.refusals import Refusal, busy
from txcdp.protocol import to_json
from txcdp.protocol._error_codes import INVALID_PARAMS

KIND = "application/problem+json"

#: Seconds after which a retry makes sense when a browser has ended.
_SOON = 1.0


class Thrown(Struct, frozen=True, kw_only=True):
    """A value that JavaScript threw. name: of its class. stack: as JavaScript wrote it. line, column: from 1."""

    name: str | None
    message: str
    stack: str
    line: int | None
    column: int | None


class Details(Struct, frozen=True, kw_only=True, omit_defaults=True):
    """A problem. type: a URN that ends in a word for it. error_text: Chromium's name for the page's network error."""

    type: str
    title: str
    status: int
    detail: str
    error_text: str | None = None
    exception: Thrown | None = None


class Problem(Refusal):
    """A refusal that is sent as JSON.

    :param more: further fields of :class:`Details`.
    """

    def __init__(
        self, status: int, reason: str, kind: str, headers: Mapping[str, str] | None = None, **more: Any
    ) -> None:
        super().__init__(status, reason, kind, headers)
        self.details = Details(
            type=f"urn:txcdp:problem:{kind}", title=HTTPStatus(status).phrase, status=status, detail=reason, **more
        )

    def written(self) -> tuple[bytes, str]:
        """Return it as the body of a response, and its media type."""
        return to_json(self.details), KIND


def problem_of(error: Exception) -> Problem | None:
    """Return the problem for an error of a render; None if the error is unexpected."""
    found = error if isinstance(error, Refusal) else _refusal_of(error)
    if found is None or isinstance(found, Problem):
        return found
    return Problem(found.status, found.reason, found.kind, found.headers)


def _refusal_of(error: Exception) -> Refusal | None:
    match error:
        case EvaluationError():
            return Problem(422, "The page threw an exception.", "exception", exception=_thrown(error))
        case DownloadStarted():
            return Problem(502, str(error), "download", error_text=error.error_text)
        case NavigationError():
            return Problem(502, str(error), "navigation", error_text=error.error_text)
        case TargetCrashed():
            return Problem(502, "The page crashed.", "crashed")
        case ConnectionLost():
            return busy(503, "The browser ended.", "browser", _SOON)
        case Overloaded():
            return busy(503, "The browser is overloaded.", "browser", _SOON)
        case Gone():
            return Problem(502, "The page closed itself.", "closed")
        case CommandTimeout():
            return Problem(504, f"The browser did not answer in time ({error.method}).", "deadline")
        case CommandError() if error.code == INVALID_PARAMS:
            return Problem(400, f"The browser does not accept this: {error}", "request")
        case CommandError():
            return Problem(502, f"The browser could not do this: {error}", "browser")
        case _:
            return None


def _thrown(error: EvaluationError) -> Thrown:
    details, words = error.details, str(error.args[0])
    place = getattr(details, "line_number", None)
    exception = getattr(details, "exception", None)
    return Thrown(
        name=getattr(exception, "class_name", None) or type(error).__name__,
        message=words.partition("\n")[0],
        stack=words,
        line=None if place is None else place + 1,
        column=None if place is None else details.column_number + 1,
    )
