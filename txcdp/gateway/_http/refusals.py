"""Refusals over HTTP: with a status, a reason that is safe to display, and what to do about it."""

from __future__ import annotations

from collections.abc import Mapping

from txcdp.errors import TxcdpError


class Refusal(TxcdpError):
    """A request is refused.

    :ivar status: the HTTP status.
    :ivar reason: the reason in words; it contains neither token nor query.
    :ivar kind: one word under which it is counted.
    :ivar headers: additional headers of the response.
    """

    def __init__(self, status: int, reason: str, kind: str, headers: Mapping[str, str] | None = None) -> None:
        super().__init__(status, reason)
        self.status = status
        self.reason = reason
        self.kind = kind
        self.headers = dict(headers or {})

    def __str__(self) -> str:
        return f"{self.status} {self.reason}"

    def written(self) -> tuple[bytes, str]:
        """Return the refusal as the body of a response, and the body's content type."""
        return self.reason.encode(), "text/plain; charset=UTF-8"


def stopping() -> Refusal:
    """Return the refusal for clients that arrive while the gateway is being stopped."""
    return busy(503, "The gateway is stopping; no more clients are accepted.", "draining", 5)


def busy(status: int, reason: str, kind: str, retry_after: float) -> Refusal:
    """Return a refusal that says when to try again.

    :param status: 429 if the client has too much, 503 if the gateway has.
    :param retry_after: seconds.
    """
    return Refusal(status, reason, kind, {"Retry-After": str(max(1, round(retry_after)))})
