"""One HTTP request: what its handler gets, the response, and how that is written."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import unquote, urlsplit

import msgspec
from twisted.internet.defer import Deferred

from txcdp.gateway._http.refusals import Refusal
from txcdp.gateway._http.request_head import query_of, split_query
from txcdp.gateway._http.tokens import Principal

JSON = "application/json; charset=UTF-8"
PLAIN = "text/plain; charset=UTF-8"


@dataclass(frozen=True)
class Answer:
    """A response: status, headers and body."""

    body: bytes
    kind: str = PLAIN
    status: int = 200
    headers: Mapping[str, str] = field(default_factory=dict)


#: Stands for a request that is no longer HTTP: its connection has become a WebSocket.
TAKEN_OVER = Answer(b"", status=101)


class RoutedRequest:
    """A request that was authorized.

    :param http: Twisted's request.
    :param principal: the sender.
    :param public_url: the URL by which clients know the gateway, or None.
    :param node: the gateway's name among several, which its ids begin with; ``""``: it has none.
    :ivar path: the path of the request, as received.
    :ivar tail: the last segment of the path, decoded.
    :ivar query: the query without the token.
    """

    def __init__(self, http: Any, principal: Principal, public_url: str | None, node: str = "") -> None:
        self.http = http
        self.principal = principal
        self._node = node
        self.path = http.path.decode("latin-1")
        self.tail = unquote(self.path.rstrip("/").rpartition("/")[2])
        query = query_of(http)
        token = None
        self.query = query
        if not http.getHeader(b"authorization"):
            self.query, token = split_query(query)
        self._suffix = "" if token is None else f"?token={token}"
        self._public = public_url

    @property
    def local_id(self) -> str:
        """The id at the end of the path, without the node's name, as this gateway knows it.

        :raises Refusal: the id belongs to another node.
        """
        node, dot, name = self.tail.partition(".")
        if not self._node or not dot:
            return self.tail
        if node != self._node:
            raise Refusal(404, "This id belongs to another gateway, which is gone or not reachable from here.", "node")
        return name

    def public_id(self, name: str) -> str:
        """Return an id with the node's name, as clients see it."""
        return f"{self._node}.{name}" if self._node else name

    def socket_url(self, path: str) -> str:
        """Return the URL of a WebSocket of this gateway as this client can open it, with the token of the request."""
        if self._public is not None:
            parts = urlsplit(self._public)
            base = f"{'wss' if parts.scheme == 'https' else 'ws'}://{parts.netloc}{parts.path.rstrip('/')}"
        else:
            host = self.http.getHeader(b"host").strip().decode()
            base = f"{'wss' if self.http.isSecure() else 'ws'}://{host}"
        return f"{base}{path}{self._suffix}"

    def when_gone(self) -> Deferred[None]:
        """Return a Deferred that fires once the request is answered, and fails if its client disconnects first."""
        gone: Deferred[None] = self.http.notifyFinish()
        return gone


#: Handles a request and returns the response.
Handler = Callable[[RoutedRequest], "Answer | Deferred[Answer]"]


def in_json(value: Any, status: int = 200) -> Answer:
    """Return a JSON response, formatted as Chromium formats it."""
    return Answer(msgspec.json.format(msgspec.json.encode(value), indent=3), JSON, status)


def in_words(refusal: Refusal) -> Answer:
    """Return the response for a refusal."""
    return Answer(*refusal.written(), refusal.status, refusal.headers)


def set_headers(request: Any, headers: Mapping[str, str]) -> None:
    """Set the headers of a response, and those of all: do not cache it, do not guess its content type."""
    for name, value in (*headers.items(), ("Cache-Control", "no-store"), ("X-Content-Type-Options", "nosniff")):
        request.setHeader(name.encode(), value.encode())


def write(request: Any, answer: Answer) -> None:
    """Write a response and finish; does nothing if the client is gone."""
    if request._disconnected:
        return
    request.setResponseCode(answer.status)
    set_headers(request, {**answer.headers, "Content-Type": answer.kind, "Content-Length": str(len(answer.body))})
    if request.method != b"HEAD":
        request.write(answer.body)
    request.finish()
