"""Converts what programs give to answer a request or a response into what the protocol takes."""

from __future__ import annotations

import json as json_module
import mimetypes
import os
from collections.abc import Iterable, Mapping
from http import HTTPStatus
from pathlib import Path
from typing import Any, Final, Protocol
from urllib.parse import urlsplit

from txcdp._arguments import check_header, instead_of
from txcdp.domains import fetch, network
from txcdp.network._headers import checked_headers, is_of_the_browser

#: Reasons for a request to fail, by Playwright's names.
ABORTED: Final[dict[str, network.ErrorReason]] = {
    "aborted": "Aborted",
    "accessdenied": "AccessDenied",
    "addressunreachable": "AddressUnreachable",
    "blockedbyclient": "BlockedByClient",
    "blockedbyresponse": "BlockedByResponse",
    "connectionaborted": "ConnectionAborted",
    "connectionclosed": "ConnectionClosed",
    "connectionfailed": "ConnectionFailed",
    "connectionrefused": "ConnectionRefused",
    "connectionreset": "ConnectionReset",
    "internetdisconnected": "InternetDisconnected",
    "namenotresolved": "NameNotResolved",
    "timedout": "TimedOut",
    "failed": "Failed",
}

#: Headers about a body's encoding on the wire, which the given body does not have.
OF_THE_WIRE: Final = frozenset({"content-encoding", "content-length", "transfer-encoding", "connection", "keep-alive"})

#: Headers that may occur several times: their values are separated by line breaks.
_SEVERAL: Final = frozenset({"set-cookie"})


class Fetched(Protocol):
    """A fetched response that another one is based on."""

    status: int
    status_text: str

    def _pairs(self) -> list[tuple[str, str]]:
        """Return its headers, one by one."""

    def _whole_body(self) -> bytes:
        """Return its body, decoded."""


def reason_of(error_code: str) -> network.ErrorReason:
    """Return the protocol's name for an error reason.

    :raises ValueError: there is no such reason.
    """
    reason = ABORTED.get(error_code.lower())
    if reason is None:
        raise ValueError(f"error_code={error_code!r}: {instead_of(error_code, ABORTED)}")
    return reason


def entries(headers: Iterable[tuple[str, str]]) -> list[fetch.HeaderEntry]:
    """Return headers as the protocol takes them; a ``set-cookie`` may have several values."""
    return [
        fetch.HeaderEntry(name=name, value=each)
        for name, value in headers
        for each in (value.split("\n") if name.lower() in _SEVERAL else (value,))
    ]


def given_headers(headers: Mapping[str, str]) -> list[tuple[str, str]]:
    """Return the headers that a program gives, with names in lower case.

    :raises TypeError: if they are not headers.
    :raises ValueError: if one is invalid.
    """
    given: Mapping[str, Any] = headers
    plain = {name: str(value) if isinstance(value, int | float) else value for name, value in given.items()}
    checked_headers("headers", {name: _joined(name, value) for name, value in plain.items()})
    return [(name.lower(), value.strip()) for name, value in plain.items()]


def without_none(headers: Mapping[str, str | None]) -> Mapping[str, str]:
    """Return headers without those that are None, with which programs omit a header.

    Anything but a mapping is returned unchanged, for :func:`given_headers` to refuse.
    """
    given: object = headers
    if not isinstance(given, Mapping):
        return given  # type: ignore[return-value]
    return {name: value for name, value in headers.items() if value is not None}


def request_headers(headers: Mapping[str, str | None]) -> dict[str, str]:
    """Return the headers that a program gives for a request, without those that programs may not set.

    :raises TypeError: if they are not headers.
    :raises ValueError: if one is invalid.
    """
    given = given_headers(without_none(headers))
    return {name: value for name, value in given if not is_of_the_browser(name, value)}


def _joined(name: object, value: object) -> object:
    """Return a header with several values in one line."""
    several = isinstance(name, str) and isinstance(value, str) and name.lower() in _SEVERAL
    return str(value).replace("\n", "") if several else value


def posted(post_data: object) -> tuple[bytes, str | None]:
    """Return the body that a program gives for a request, and its content type if the body determines one.

    :raises TypeError: if it is not a body.
    """
    if isinstance(post_data, bytes | bytearray | memoryview):
        return bytes(post_data), None
    if isinstance(post_data, str):
        return post_data.encode("utf-8", "surrogatepass"), None
    try:
        return json_module.dumps(post_data).encode(), "application/json"
    except (TypeError, ValueError) as error:
        raise TypeError(f"post_data={type(post_data).__name__}: expected bytes, a str or a value for JSON") from error


class Fulfilment:
    """The parts of a response that a program gives.

    :param cross_origin: the origin of the requester, if that differs from the URL's.
    :raises TypeError: if they cannot be combined, or one has a wrong type.
    :raises ValueError: if one is invalid.
    :raises OSError: if the file cannot be read.
    """

    def __init__(
        self,
        *,
        status: int | None,
        headers: Mapping[str, str] | None,
        body: str | bytes | None,
        json: Any,
        path: str | os.PathLike[str] | None,
        content_type: str | None,
        response: Fetched | None,
        cross_origin: str | None,
    ) -> None:
        _check(status, body, json, path)
        self.status: int | None = status if status is not None else (None if response is None else response.status)
        same = response is not None and status in (None, response.status)
        self.phrase: str | None = response.status_text if response is not None and same else None
        self.body, kind = _body_of(body, json, path)
        self.headers: list[tuple[str, str]] | None = None
        if headers is not None:
            self.headers = given_headers(headers)
        elif response is not None:
            self.headers = [(name.lower(), value) for name, value in response._pairs()]
        if self.body is None and response is not None:
            self.body = response._whole_body()
        if content_type is not None:
            check_header("content_type", "content-type", content_type)
            self._set("content-type", content_type, replace=True)
        elif kind is not None:
            self._set("content-type", kind, replace=headers is None)
        if cross_origin is not None and not self._has("access-control-allow-origin"):
            self._set("access-control-allow-origin", cross_origin, replace=False)
            self._set("access-control-allow-credentials", "true", replace=False)
            self._set("vary", "Origin", replace=False)

    def headers_of_body(self, of: list[tuple[str, str]] | None = None) -> list[tuple[str, str]]:
        """Return the headers for the given body: with its length, and without those about another body's encoding.

        :param of: the headers to start from if none were given.
        """
        headers = [(name, value) for name, value in self.headers or of or [] if name not in OF_THE_WIRE]
        if self.body is not None:
            headers.append(("content-length", str(len(self.body))))
        return headers

    def _has(self, name: str) -> bool:
        return any(each == name for each, _ in self.headers or ())

    def _set(self, name: str, value: str, *, replace: bool) -> None:
        headers = self.headers or []
        if replace:
            headers = [(each, kept) for each, kept in headers if each != name]
        elif any(each == name for each, _ in headers):
            return
        self.headers = [*headers, (name, value)]


def _check(status: object, body: object, json: object, path: object) -> None:
    """Refuse an invalid response."""
    given = [name for name, value in (("body", body), ("json", json), ("path", path)) if value is not None]
    if len(given) > 1:
        raise TypeError(f"fulfill() takes one of body=, json= and path=, not {' and '.join(given)}")
    if body is not None and not isinstance(body, str | bytes | bytearray | memoryview):
        raise TypeError(f"body={type(body).__name__}: expected bytes or a str; for other values, use json=")
    if status is not None and (isinstance(status, bool) or not isinstance(status, int)):
        raise TypeError(f"status={status!r}: expected an int, such as 200")
    if isinstance(status, int) and not 100 <= status <= 999:
        raise ValueError(f"status={status!r}: expected an HTTP status, such as 200")


def _body_of(
    body: str | bytes | None, json: Any, path: str | os.PathLike[str] | None
) -> tuple[bytes | None, str | None]:
    """Return the given body, and the content type that follows from how it was given."""
    if body is not None:
        return body.encode("utf-8", "surrogatepass") if isinstance(body, str) else bytes(body), None
    if json is not None:
        return json_module.dumps(json).encode(), "application/json"
    if path is not None:
        return Path(path).read_bytes(), mimetypes.guess_type(os.fspath(path))[0] or "application/octet-stream"
    return None, None


def phrase_of(status: int) -> str:
    """Return the usual reason phrase of a status."""
    try:
        return HTTPStatus(status).phrase
    except ValueError:
        return "Unknown"


def asking_origin(url: str, headers: Mapping[str, Any]) -> str | None:
    """Return the origin of a cross-origin requester; None if it is not cross-origin."""
    origin = next((str(value).strip() for name, value in headers.items() if name.lower() == "origin"), None)
    parts = urlsplit(url)
    if not origin or not parts.scheme.startswith("http") or origin == f"{parts.scheme}://{parts.netloc}":
        return None
    return origin


def preflight_answer(headers: Mapping[str, Any]) -> list[tuple[str, str]]:
    """Return the headers that allow what a preflight request asks for."""
    asked = {name.lower(): str(value) for name, value in headers.items()}
    answer = [
        ("access-control-allow-origin", asked.get("origin", "*")),
        ("access-control-allow-methods", asked.get("access-control-request-method", "*")),
        ("access-control-allow-credentials", "true"),
        ("vary", "Origin"),
    ]
    wanted = asked.get("access-control-request-headers")
    return [*answer, ("access-control-allow-headers", wanted)] if wanted else answer
