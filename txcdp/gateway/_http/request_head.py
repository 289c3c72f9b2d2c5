"""The head of a request: all that is known when the request is authorized."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any
from urllib.parse import unquote


@dataclass(frozen=True)
class RequestHead:
    """The head of a request, parsed.

    :ivar verb: its method.
    :ivar path: the path without the query.
    :ivar hosts: all its ``Host`` headers.
    :ivar origins: all its ``Origin`` headers.
    :ivar token: its token, or None.
    :ivar here: the address that it arrived at.
    :ivar secure: whether it came over TLS.
    """

    verb: str
    path: str
    hosts: tuple[str, ...] = ()
    origins: tuple[str, ...] = ()
    token: str | None = field(default=None, repr=False)
    here: str = ""
    secure: bool = False


def head_of(request: Any) -> RequestHead:
    """Read the head of one of Twisted's requests."""
    headers = request.requestHeaders
    authorization = request.getHeader(b"authorization")
    token: str | None
    if authorization:
        scheme, _, credentials = authorization.decode("latin-1").partition(" ")
        token = credentials.strip() if scheme.lower() == "bearer" else ""
    else:
        _, token = split_query(query_of(request))
        token = None if token is None else unquote(token)
    return RequestHead(
        verb=request.method.decode("latin-1"),
        path=request.path.decode("latin-1"),
        hosts=_texts(headers.getRawHeaders(b"host", [])),
        origins=_texts(headers.getRawHeaders(b"origin", [])),
        token=token,
        here=getattr(request.getHost(), "host", ""),
        secure=bool(request.isSecure()),
    )


def query_of(request: Any) -> str:
    """Return the query of one of Twisted's requests, as received."""
    uri: bytes = request.uri
    return uri.partition(b"?")[2].decode("latin-1")


def split_query(query: str) -> tuple[str, str | None]:
    """Remove the token from a query; the rest stays as it is."""
    rest, token = [], None
    for part in query.split("&") if query else []:
        if part.startswith("token=") and token is None:
            token = part.removeprefix("token=")
        else:
            rest.append(part)
    return "&".join(rest), token


def _texts(values: list[bytes]) -> tuple[str, ...]:
    return tuple(each.decode("latin-1") for each in values)
