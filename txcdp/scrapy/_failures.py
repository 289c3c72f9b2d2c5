"""The failures of renders, as the exceptions that Scrapy's middlewares know: above all, those that it retries."""

from __future__ import annotations

from typing import Any, Final

import scrapy.exceptions
from twisted.internet import error
from twisted.internet.defer import CancelledError
from twisted.python.failure import Failure
from twisted.web.client import ResponseFailed

from txcdp.errors import (
    CommandError,
    ConnectError,
    DeadlineError,
    DocumentBroken,
    ExecutableNotFound,
    Gone,
    LaunchError,
    NavigationError,
    NetworkError,
)


def _named(name: str, before: type[Exception]) -> type[Exception]:
    """Return an exception of Scrapy's, or the Twisted one that Scrapy retried before it had its own (2.14)."""
    found: type[Exception] = getattr(scrapy.exceptions, name, before)
    return found


Refused: Final = _named("DownloadConnectionRefusedError", error.ConnectionRefusedError)
Unresolved: Final = _named("CannotResolveHostError", error.DNSLookupError)
TimedOut: Final = _named("DownloadTimeoutError", error.TimeoutError)
Cancelled: Final = _named("DownloadCancelledError", CancelledError)
#: Any other failure that may not occur the next time.
Failed: Final = _named("DownloadFailedError", error.ConnectionLost)
DataLoss: Final = _named("ResponseDataLossError", error.ConnectionDone)

#: By Chromium's names of errors.
_KINDS: Final = {
    "net::ERR_CONNECTION_REFUSED": Refused,
    "net::ERR_PROXY_CONNECTION_FAILED": Refused,
    "net::ERR_NAME_NOT_RESOLVED": Unresolved,
    "net::ERR_NAME_RESOLUTION_FAILED": Unresolved,
    "net::ERR_TIMED_OUT": TimedOut,
    "net::ERR_CONNECTION_TIMED_OUT": TimedOut,
    "net::ERR_INCOMPLETE_CHUNKED_ENCODING": DataLoss,
    "net::ERR_CONTENT_LENGTH_MISMATCH": DataLoss,
    "net::ERR_TOO_MANY_REDIRECTS": scrapy.exceptions.IgnoreRequest,
    "net::ERR_DISALLOWED_URL_SCHEME": scrapy.exceptions.NotSupported,
    "net::ERR_UNSAFE_PORT": scrapy.exceptions.NotSupported,
}


def as_scrapy_has_it(raised: Exception) -> Exception:
    """Return the exception that Scrapy gets for one that has ended a render."""
    text = getattr(raised, "error_text", "")
    if isinstance(raised, DocumentBroken):
        kind = DataLoss
    elif isinstance(raised, NavigationError | NetworkError) and text in _KINDS:
        kind = _KINDS[text]
    elif isinstance(raised, ExecutableNotFound | TypeError | ValueError):
        return raised  # the program, or the machine, has to be mended first
    elif isinstance(raised, DeadlineError):
        kind = TimedOut
    elif isinstance(raised, NavigationError | NetworkError | Gone | ConnectError | LaunchError | CommandError):
        kind = Failed
    else:  # a locator that finds nothing, a script that throws: it would do so again
        return raised
    return _made(kind, raised)


def _made(kind: type[Exception], raised: Exception) -> Exception:
    made: Any = kind([Failure(raised)]) if issubclass(kind, ResponseFailed) else kind(str(raised))
    made.__cause__ = raised
    assert isinstance(made, Exception)
    return made
